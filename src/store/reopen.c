/* Going on with a run that was cut short.
 *
 *   data file   |######## under the mark ########|---- tail ----|..half a row
 *                                                ▲              ▲
 *                          after a reboot cut here      else here
 *
 * The mark was written after the rows under it were on the disk, so the file is never shorter, and
 * its checksum holds; where not, somebody has changed it, and the run is not touched. What lies
 * behind the mark the kernel had been given: within one boot it is there to the last row, after a
 * reboot anything may stand there. Parts that were begun behind the mark are removed.
 *
 * Rows that were kept have been seen, and are not touched again: where the readings behind the mark
 * are still to be had and the rows are made a second time, only those behind the kept ones are
 * added. From here on the file numbers its rows by itself.
 *
 * The journal needs no mending: SQLite has done it when it is opened.
 */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_SIZE 65536u

/* ---- What the journal says ------------------------------------------------------------------- */

static const char journal_query[] =
    "SELECT id, kind, outcome, cell, channel, rig_channel, cell_data, settings, start_unix_ns,"
    " nominal_capacity_Ah, one_c_A, voltage_decimals, current_decimals, capacity_decimals,"
    " (SELECT count(*) FROM step WHERE end_ns IS NOT NULL),"
    " (SELECT max(count) FROM step WHERE end_ns IS NULL),"
    " (SELECT start_ns FROM step WHERE end_ns IS NULL ORDER BY count DESC),"
    /* who has let it go says so before the gap or after it */
    " (SELECT CASE WHEN what = 'gap' AND why LIKE 'hold: %'"
    "   AND why NOT LIKE '%; resumed by an operator' THEN substr(why, 7) ELSE '' END"
    "   FROM event WHERE what IN ('gap', 'command') ORDER BY id DESC LIMIT 1),"
    " (SELECT what = 'restart' FROM event ORDER BY id DESC LIMIT 1),"
    " run.data_file, mark.data_file, length, xxh64, row_count, t_ns, boot_id, state, "
    "host, epoch, reading"
    " FROM run JOIN mark ON mark.one = run.one";

static char *copy_text(struct cyc_columns *columns, bool *failed)
{
    char *copy = strdup(cyc_column_text(columns));
    *failed = *failed || copy == NULL;
    return copy;
}

static void read_row(struct cyc_columns *columns, struct cyc_run_journal *journal, char kind[16],
                     char outcome[16], bool *failed)
{
    char boot_then[40], boot_now[40];
    (void)cyc_copy(journal->id, sizeof journal->id, cyc_column_text(columns));
    (void)cyc_copy(kind, 16, cyc_column_text(columns));
    (void)cyc_copy(outcome, 16, cyc_column_text(columns));
    (void)cyc_copy(journal->cell, sizeof journal->cell, cyc_column_text(columns));
    (void)cyc_copy(journal->channel, sizeof journal->channel, cyc_column_text(columns));
    journal->rig_channel_json = copy_text(columns, failed);
    journal->cell_json = copy_text(columns, failed);
    journal->settings_json = copy_text(columns, failed);
    journal->start_unix_ns = cyc_column_integer(columns);
    journal->nominal_capacity_Ah = cyc_column_real(columns);
    journal->one_c_A = cyc_column_real(columns);
    journal->voltage_decimals = (int)cyc_column_integer(columns);
    journal->current_decimals = (int)cyc_column_integer(columns);
    journal->capacity_decimals = (int)cyc_column_integer(columns);
    journal->finished_steps = (uint32_t)cyc_column_integer(columns);
    journal->open_step = (uint32_t)cyc_column_integer(columns);
    journal->open_start_ns = cyc_column_integer(columns);
    journal->held_why = copy_text(columns, failed);
    journal->restarted = cyc_column_integer(columns) != 0;
    (void)cyc_copy(journal->first_file, sizeof journal->first_file, cyc_column_text(columns));
    (void)cyc_copy(journal->data_file, sizeof journal->data_file, cyc_column_text(columns));
    journal->length = (uint64_t)cyc_column_integer(columns);
    (void)cyc_copy(journal->xxh64, sizeof journal->xxh64, cyc_column_text(columns));
    journal->row_count = (uint64_t)cyc_column_integer(columns);
    journal->t_ns = cyc_column_integer(columns);
    (void)cyc_copy(boot_then, sizeof boot_then, cyc_column_text(columns));
    journal->state = copy_text(columns, failed);
    journal->host = copy_text(columns, failed);
    journal->epoch = (uint64_t)cyc_column_integer(columns);
    journal->reading_number = (uint64_t)cyc_column_integer(columns);
    cyc_boot_id(boot_now);
    journal->same_boot = boot_now[0] != '\0' && strcmp(boot_then, boot_now) == 0;
}

static int check_kind(const struct cyc_run_journal *journal, const char *kind, const char *outcome,
                      struct cyc_err *err)
{
    if (strcmp(kind, "live") != 0) {
        return cyc_err_set(err, CYC_E_INPUT, "run %s is a dry run; it is not resumed but run again",
                           journal->id);
    }
    if (outcome[0] != '\0') {
        return cyc_err_set(err, CYC_E_INPUT, "run %s has ended (%s)", journal->id, outcome);
    }
    return CYC_OK;
}

static int read_journal(sqlite3 *db, struct cyc_run_journal *journal, struct cyc_err *err)
{
    struct cyc_columns columns = {0};
    char kind[16] = "", outcome[16] = "";
    bool failed = false, found = false;
    if (sqlite3_prepare_v2(db, journal_query, -1, &columns.statement, NULL) == SQLITE_OK &&
        sqlite3_step(columns.statement) == SQLITE_ROW) {
        read_row(&columns, journal, kind, outcome, &failed);
        found = true;
    }
    const int status =
        !found ? cyc_journal_failed(err, db, "read the journal of", journal->folder) : CYC_OK;
    (void)sqlite3_finalize(columns.statement);
    if (failed) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the journal of %s", journal->id);
    }
    return status == CYC_OK ? check_kind(journal, kind, outcome, err) : status;
}

int cyc_run_journal_read(const char *folder, struct cyc_run_journal *journal, struct cyc_err *err)
{
    sqlite3 *db = NULL;
    *journal = (struct cyc_run_journal){0};
    (void)cyc_copy(journal->folder, sizeof journal->folder, folder);
    if (cyc_folder_locked(folder)) {
        return cyc_err_set(err, CYC_E_BUSY, "%s is being written by another program", folder);
    }
    int status = cyc_journal_open_read(folder, &db, err);
    if (status == CYC_OK && db == NULL) {
        status = cyc_err_set(err, CYC_E_JOURNAL, "%s: the run had not begun", folder);
    }
    if (status == CYC_OK) {
        status = read_journal(db, journal, err);
    }
    (void)sqlite3_close(db);
    if (status != CYC_OK) {
        cyc_run_journal_release(journal);
    }
    return status;
}

void cyc_run_journal_release(struct cyc_run_journal *journal)
{
    free(journal->rig_channel_json);
    free(journal->cell_json);
    free(journal->settings_json);
    free(journal->state);
    free(journal->host);
    free(journal->held_why);
    journal->rig_channel_json = journal->cell_json = journal->settings_json = NULL;
    journal->state = journal->host = journal->held_why = NULL;
}

/* The bytes of a stored file; owned by the caller, NULL: it cannot be read. */
static char *read_stored(const char *path, size_t *size)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *bytes = NULL;
    *size = 0;
    if (fd >= 0 && fstat(fd, &status) == 0) {
        const size_t room = (size_t)status.st_size;
        bytes = malloc(room + 1);
        ssize_t got = bytes != NULL ? 1 : 0;
        while (got > 0 && *size < room) {
            got = read(fd, bytes + *size, room - *size);
            *size += got > 0 ? (size_t)got : 0;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return bytes;
}

static int check_file(const char *folder, const char *stored, const char *sha256,
                      struct cyc_err *err)
{
    char path[CYC_PATH_SIZE], now[65];
    size_t size;
    const int status = cyc_path_join(path, folder, stored, err);
    if (status != CYC_OK || sha256[0] == '\0') {
        return status;
    }
    char *bytes = read_stored(path, &size);
    if (bytes == NULL) {
        return cyc_err_set(err, CYC_E_JOURNAL, "%s, which the run was started with, is gone", path);
    }
    cyc_sha256(bytes, size, now);
    free(bytes);
    return strcmp(now, sha256) == 0
               ? CYC_OK
               : cyc_err_set(err, CYC_E_JOURNAL,
                             "%s was changed since the run began: its SHA-256 is %.12s…, it was "
                             "%.12s…",
                             stored, now, sha256);
}

int cyc_run_files_check(const char *folder, struct cyc_err *err)
{
    sqlite3 *db = NULL;
    struct cyc_columns columns = {0};
    int status = cyc_journal_open_read(folder, &db, err);
    if (status == CYC_OK &&
        sqlite3_prepare_v2(db, "SELECT stored, sha256 FROM protocol_file ORDER BY position", -1,
                           &columns.statement, NULL) != SQLITE_OK) {
        status = cyc_journal_failed(err, db, "read the journal of", folder);
    }
    while (status == CYC_OK && sqlite3_step(columns.statement) == SQLITE_ROW) {
        columns.column = 0;
        const char *stored = cyc_column_text(&columns);
        status = check_file(folder, stored, cyc_column_text(&columns), err);
    }
    (void)sqlite3_finalize(columns.statement);
    (void)sqlite3_close(db);
    return status;
}

/* ---- The data file --------------------------------------------------------------------------- */

/* Reads the first `length` bytes into the checksum. */
static int sum_up(int fd, const char *path, uint64_t length, struct cyc_checksum *checksum,
                  struct cyc_err *err)
{
    char *piece = malloc(PIECE_SIZE);
    int status = piece != NULL ? CYC_OK : cyc_err_set(err, CYC_E_NO_MEMORY, "out of memory");
    cyc_checksum_init(checksum);
    for (uint64_t at = 0; at < length && status == CYC_OK;) {
        const size_t want = length - at < PIECE_SIZE ? (size_t)(length - at) : PIECE_SIZE;
        const ssize_t got = pread(fd, piece, want, (off_t)at);
        if (got < 0 && errno != EINTR) {
            status = cyc_file_failed(err, "read", path, errno);
        } else if (got == 0) {
            status = cyc_err_set(err, CYC_E_JOURNAL,
                                 "%s is shorter than its journal says: rows that had been stored "
                                 "are gone; the run is left as it is",
                                 path);
        } else if (got > 0) {
            cyc_checksum_add(checksum, piece, (size_t)got);
            at += (uint64_t)got;
        }
    }
    free(piece);
    return status;
}

/* How far whole lines go behind `from`, and how many they are. */
static int whole_lines(int fd, const char *path, uint64_t from, uint64_t *to, uint64_t *count,
                       struct cyc_err *err)
{
    char *piece = malloc(PIECE_SIZE);
    int status = piece != NULL ? CYC_OK : cyc_err_set(err, CYC_E_NO_MEMORY, "out of memory");
    *to = from;
    *count = 0;
    for (uint64_t at = from; status == CYC_OK;) {
        const ssize_t got = pread(fd, piece, PIECE_SIZE, (off_t)at);
        if (got < 0) {
            status = cyc_file_failed(err, "read", path, errno);
        }
        if (got <= 0) {
            break;
        }
        for (ssize_t i = 0; i < got; i++) {
            if (piece[i] == '\n') {
                *to = at + (uint64_t)i + 1;
                ++*count;
            }
        }
        at += (uint64_t)got;
    }
    free(piece);
    return status;
}

static int cut(int fd, const char *path, uint64_t length, struct cyc_err *err)
{
    if (ftruncate(fd, (off_t)length) != 0) {
        return cyc_file_failed(err, "cut", path, errno);
    }
    return cyc_file_sync(fd, path, err);
}

/* "<stem>_<nnn>.bdf.csv" taken apart. */
static bool take_apart(const char *name, char *stem, size_t size, unsigned *number)
{
    const char *suffix = strstr(name, CYC_DATA_SUFFIX);
    const char *mark = suffix != NULL ? memrchr(name, '_', (size_t)(suffix - name)) : NULL;
    if (mark == NULL || (size_t)(mark - name) >= size) {
        return false;
    }
    memcpy(stem, name, (size_t)(mark - name));
    stem[mark - name] = '\0';
    *number = (unsigned)strtoul(mark + 1, NULL, 10);
    return *number > 0;
}

/* Parts behind the one of the mark. */
static void remove_later(const char *folder, const char *stem, unsigned number)
{
    char name[CYC_FILE_NAME_SIZE + 48], path[CYC_PATH_SIZE];
    do {
        cyc_data_name(name, stem, ++number, CYC_DATA_SUFFIX);
    } while (cyc_path_join(path, folder, name, NULL) == CYC_OK && unlink(path) == 0);
}

static int reopen_data(struct cyc_run *run, const struct cyc_run_journal *journal,
                       struct cyc_run_tail *tail, struct cyc_err *err)
{
    struct cyc_data *data = &run->data;
    uint64_t rows = 0;
    const struct cyc_run_identity identity = {.start_unix_ns = journal->start_unix_ns,
                                              .voltage_decimals = journal->voltage_decimals,
                                              .current_decimals = journal->current_decimals,
                                              .capacity_decimals = journal->capacity_decimals,
                                              .sync = true};
    char stem[CYC_FILE_NAME_SIZE], checksum[24];
    unsigned number;
    if (!take_apart(journal->data_file, stem, sizeof stem, &number)) {
        return cyc_err_set(err, CYC_E_JOURNAL, "%s: the journal names no data file", run->folder);
    }
    int status = cyc_data_reopen(data, run->folder, stem, number, &identity, err);
    if (status == CYC_OK) {
        status = sum_up(data->fd, data->path, journal->length, &data->checksum, err);
    }
    if (status != CYC_OK) {
        return status;
    }
    (void)sqlite3_snprintf(sizeof checksum, checksum, "%016llx",
                           (unsigned long long)cyc_checksum_value(&data->checksum));
    if (strcmp(checksum, journal->xxh64) != 0) {
        return cyc_err_set(
            err, CYC_E_JOURNAL,
            "%s was changed since it was stored: its checksum is another; the run is "
            "left as it is",
            data->path);
    }
    (void)take_apart(journal->first_file, stem, sizeof stem, &data->first_number);
    data->length = journal->length;
    if (journal->same_boot) {
        status = whole_lines(data->fd, data->path, journal->length, &data->length, &rows, err);
    }
    if (status == CYC_OK) {
        status = cut(data->fd, data->path, data->length, err);
    }
    if (status == CYC_OK && rows > 0) {
        status = sum_up(data->fd, data->path, data->length, &data->checksum, err);
        (void)cyc_data_tail(data->path, tail);
        cyc_data_there(data, tail);
        tail->rows = rows;
    }
    remove_later(run->folder, stem, number);
    data->synced = data->length;
    data->row_count = journal->row_count + rows;
    data->t_ns = rows > 0 ? tail->t_ns : journal->t_ns;
    return status == CYC_OK ? cyc_data_flush(data, err) : status; /* makes room for rows */
}

/* ---- The run --------------------------------------------------------------------------------- */

int cyc_run_reopen(const struct cyc_run_journal *journal, struct cyc_run **run,
                   struct cyc_run_tail *tail, struct cyc_err *err)
{
    *run = NULL;
    *tail = (struct cyc_run_tail){0};
    struct cyc_run *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "cannot open a run: out of memory");
    }
    opened->folder_fd = -1;
    opened->data.fd = -1;
    opened->data.part_size_max = CYC_PART_SIZE_MAX;
    (void)cyc_copy(opened->id, sizeof opened->id, journal->id);
    (void)cyc_copy(opened->folder, sizeof opened->folder, journal->folder);
    int status = cyc_run_lock(opened, err);
    if (status == CYC_OK) {
        status = cyc_journal_reopen(&opened->journal, opened->folder, err);
        opened->journal.awaits_state = journal->state[0] != '\0';
    }
    if (status == CYC_OK) {
        opened->data.folder_fd = opened->folder_fd;
        status = reopen_data(opened, journal, tail, err);
    }
    if (status == CYC_OK) {
        status = cyc_path_join(opened->data_path, opened->folder, journal->first_file, err);
    }
    if (status != CYC_OK) {
        cyc_run_leave(opened);
        return status;
    }
    *run = opened;
    return CYC_OK;
}
