/* Finding runs and reading what became of them. A reader changes nothing in a folder.
 *
 * A run is a folder `<yyyymmdd>-<cell>-<nnn>` or any folder with a journal. How it ended stands in
 * the journal; where nothing stands there, the lock of the folder tells a run that goes on from one
 * whose writer is gone ("interrupted"). A writer that died before its journal held anything leaves
 * a folder that is a run all the same: interrupted before it had begun.
 */
#include "store/store_int.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- One run --------------------------------------------------------------------------------- */

static bool exists(const char *folder, const char *name)
{
    char path[CYC_PATH_SIZE];
    struct stat status;
    return cyc_path_join(path, folder, name, NULL) == CYC_OK && stat(path, &status) == 0;
}

static const char *last_name(const char *folder)
{
    const char *slash = strrchr(folder, '/');
    return slash != NULL ? slash + 1 : folder;
}

static void read_identity(struct cyc_columns *columns, struct cyc_run_info *info)
{
    (void)cyc_copy(info->id, sizeof info->id, cyc_column_text(columns));
    (void)cyc_copy(info->kind, sizeof info->kind, cyc_column_text(columns));
    (void)cyc_copy(info->cell, sizeof info->cell, cyc_column_text(columns));
    (void)cyc_copy(info->protocol_name, sizeof info->protocol_name, cyc_column_text(columns));
    (void)cyc_copy(info->protocol_source, sizeof info->protocol_source, cyc_column_text(columns));
    (void)cyc_path_join(info->data_file, info->folder, cyc_column_text(columns), NULL);
    (void)cyc_copy(info->end, sizeof info->end, cyc_column_text(columns));
    (void)cyc_copy(info->why, sizeof info->why, cyc_column_text(columns));
    info->start_unix_ns = cyc_column_integer(columns);
    info->active_mass_g = cyc_column_real(columns);
    info->area_cm2 = cyc_column_real(columns);
    info->one_c_A = cyc_column_real(columns);
    info->nominal_capacity_Ah = cyc_column_real(columns);
    info->t_ns = cyc_column_integer(columns);
    info->step_count = (uint64_t)cyc_column_integer(columns);
    info->cycle_count = (uint64_t)cyc_column_integer(columns);
    info->event_count = (uint64_t)cyc_column_integer(columns);
    info->row_count = (uint64_t)cyc_column_integer(columns);
    const int64_t mark_t_ns = cyc_column_integer(columns);
    info->t_ns = info->t_ns > mark_t_ns ? info->t_ns : mark_t_ns;
}

static const char info_query[] =
    "SELECT id, kind, cell, protocol_name, protocol_source, run.data_file, outcome, why,"
    " start_unix_ns, active_mass_g, area_cm2, one_c_A, nominal_capacity_Ah, end_t_ns,"
    " (SELECT count(*) FROM step), (SELECT count(*) FROM cycle), (SELECT count(*) FROM event),"
    " row_count, t_ns FROM run LEFT JOIN mark ON mark.one = run.one";

/* Rows beyond the mark count too, in the last part there is. */
static void look_at_data(struct cyc_run_info *info)
{
    char path[CYC_PATH_SIZE];
    const char *suffix = strstr(last_name(info->data_file), CYC_DATA_SUFFIX);
    const size_t size = suffix != NULL ? (size_t)(suffix - info->data_file) : 0;
    const char *digits = memrchr(info->data_file, '_', size);
    if (digits == NULL) {
        return;
    }
    const int stem = (int)(digits - info->data_file);
    uint64_t row_count = info->row_count;
    int64_t t_ns = info->t_ns;
    for (unsigned number = (unsigned)strtoul(digits + 1, NULL, 10);; number++) {
        const int length = snprintf(path, sizeof path, "%.*s_%03u%s", stem, info->data_file, number,
                                    CYC_DATA_SUFFIX);
        if (length < 0 || length >= (int)sizeof path || access(path, F_OK) != 0) {
            break;
        }
        (void)cyc_data_last_row(path, &row_count, &t_ns);
    }
    info->row_count = row_count > info->row_count ? row_count : info->row_count;
    info->t_ns = t_ns > info->t_ns ? t_ns : info->t_ns;
}

static int read_info(sqlite3 *db, struct cyc_run_info *info, struct cyc_err *err)
{
    struct cyc_columns columns = {0};
    int status = CYC_OK;
    if (sqlite3_prepare_v2(db, info_query, -1, &columns.statement, NULL) == SQLITE_OK &&
        sqlite3_step(columns.statement) == SQLITE_ROW) {
        read_identity(&columns, info);
    } else {
        status = cyc_journal_failed(err, db, "read the journal of", info->folder);
    }
    (void)sqlite3_finalize(columns.statement);
    return status;
}

/* Journals of schema 1 have no such column, and no live runs. */
static void read_channel(sqlite3 *db, struct cyc_run_info *info)
{
    struct cyc_columns columns = {0};
    if (sqlite3_prepare_v2(db, "SELECT channel FROM run", -1, &columns.statement, NULL) ==
            SQLITE_OK &&
        sqlite3_step(columns.statement) == SQLITE_ROW) {
        (void)cyc_copy(info->channel, sizeof info->channel, cyc_column_text(&columns));
    }
    (void)sqlite3_finalize(columns.statement);
}

static int load(const char *folder, struct cyc_run_info *info, struct cyc_err *err)
{
    sqlite3 *db = NULL;
    *info = (struct cyc_run_info){.active_mass_g = (double)NAN,
                                  .area_cm2 = (double)NAN,
                                  .one_c_A = (double)NAN,
                                  .nominal_capacity_Ah = (double)NAN};
    (void)cyc_copy(info->folder, sizeof info->folder, folder);
    (void)cyc_copy(info->id, sizeof info->id, last_name(folder));
    /* Asked before the journal is read: a run that ends in between then shows its outcome. */
    const bool locked = cyc_folder_locked(folder);
    int status = cyc_journal_open_read(folder, &db, err);
    if (status != CYC_OK) {
        return status;
    }
    if (db != NULL) {
        status = read_info(db, info, err);
        read_channel(db, info);
        (void)sqlite3_close(db);
    }
    if (status == CYC_OK && info->end[0] == '\0' && !locked) {
        (void)cyc_copy(info->end, sizeof info->end, "interrupted");
        (void)cyc_copy(info->why, sizeof info->why,
                       db != NULL ? "its writer is gone without a word: killed, or the power went"
                                  : "its writer was gone before the run had begun");
    }
    if (status == CYC_OK && db != NULL) {
        look_at_data(info);
    }
    return status;
}

/* ---- All runs -------------------------------------------------------------------------------- */

struct entry {
    char id[CYC_RUN_ID_SIZE];
    int64_t created_unix_ns;
};

struct listing {
    struct entry *entries; /* owned */
    size_t count, capacity;
};

/* When a run was made; the time of the folder where the journal cannot tell. */
static int64_t created_unix_ns(const char *folder)
{
    sqlite3 *db = NULL;
    struct stat status;
    int64_t created = stat(folder, &status) == 0
                          ? (int64_t)status.st_mtim.tv_sec * CYC_S_NS + status.st_mtim.tv_nsec
                          : 0;
    if (cyc_journal_open_read(folder, &db, NULL) == CYC_OK && db != NULL) {
        struct cyc_columns columns = {0};
        if (sqlite3_prepare_v2(db, "SELECT created_unix_ns FROM run", -1, &columns.statement,
                               NULL) == SQLITE_OK &&
            sqlite3_step(columns.statement) == SQLITE_ROW) {
            created = cyc_column_integer(&columns);
        }
        (void)sqlite3_finalize(columns.statement);
        (void)sqlite3_close(db);
    }
    return created;
}

static int newest_first(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->created_unix_ns != b->created_unix_ns) {
        return a->created_unix_ns > b->created_unix_ns ? -1 : 1;
    }
    return strcmp(b->id, a->id);
}

static bool add_entry(struct listing *listing, const char *id)
{
    if (listing->count == listing->capacity) {
        const size_t capacity = listing->capacity == 0 ? 64 : 2 * listing->capacity;
        struct entry *entries = reallocarray(listing->entries, capacity, sizeof *entries);
        if (entries == NULL) {
            return false;
        }
        listing->entries = entries;
        listing->capacity = capacity;
    }
    (void)cyc_copy(listing->entries[listing->count].id, CYC_RUN_ID_SIZE, id);
    listing->entries[listing->count].created_unix_ns = 0;
    listing->count++;
    return true;
}

/* The ids in a folder that begin with `start`; a folder that does not exist holds none. */
static int list_ids(const char *runs_dir, const char *start, struct listing *listing,
                    struct cyc_err *err)
{
    *listing = (struct listing){0};
    DIR *dir = opendir(runs_dir);
    if (dir == NULL) {
        return errno == ENOENT ? CYC_OK : cyc_file_failed(err, "read the folder", runs_dir, errno);
    }
    int status = CYC_OK;
    unsigned number;
    for (struct dirent *item = readdir(dir); item != NULL; item = readdir(dir)) {
        if (strncmp(item->d_name, start, strlen(start)) == 0 &&
            strlen(item->d_name) < CYC_RUN_ID_SIZE && cyc_run_id_valid(item->d_name, &number) &&
            !add_entry(listing, item->d_name)) {
            status = cyc_err_set(err, CYC_E_NO_MEMORY, "cannot list %s: out of memory", runs_dir);
            break;
        }
    }
    (void)closedir(dir);
    return status;
}

static int list_newest_first(const char *runs_dir, const char *start, struct listing *listing,
                             struct cyc_err *err)
{
    const int status = list_ids(runs_dir, start, listing, err);
    char folder[CYC_PATH_SIZE];
    for (size_t i = 0; i < listing->count; i++) {
        if (cyc_path_join(folder, runs_dir, listing->entries[i].id, NULL) == CYC_OK) {
            listing->entries[i].created_unix_ns = created_unix_ns(folder);
        }
    }
    if (listing->count > 0) {
        qsort(listing->entries, listing->count, sizeof *listing->entries, newest_first);
    }
    return status;
}

int cyc_runs_each(const char *runs_dir, cyc_run_info_fn fn, void *context, struct cyc_err *err)
{
    struct listing listing;
    int status = list_newest_first(runs_dir, "", &listing, err);
    for (size_t i = 0; i < listing.count && status == CYC_OK; i++) {
        char folder[CYC_PATH_SIZE];
        struct cyc_run_info info;
        struct cyc_err unreadable = {0};
        status = cyc_path_join(folder, runs_dir, listing.entries[i].id, err);
        if (status == CYC_OK && load(folder, &info, &unreadable) != CYC_OK) {
            (void)cyc_copy(info.end, sizeof info.end, "unreadable");
            (void)cyc_copy(info.why, sizeof info.why, unreadable.text);
        }
        if (status == CYC_OK) {
            status = fn(context, &info);
        }
    }
    free(listing.entries);
    return status;
}

/* ---- Finding --------------------------------------------------------------------------------- */

static int load_named(const char *runs_dir, const char *id, struct cyc_run_info *info,
                      struct cyc_err *err)
{
    char folder[CYC_PATH_SIZE];
    const int status = cyc_path_join(folder, runs_dir, id, err);
    return status == CYC_OK ? load(folder, info, err) : status;
}

static int tell_ambiguous(const char *word, const struct listing *listing, struct cyc_err *err)
{
    struct cyc_text ids = {0};
    for (size_t i = 0; i < listing->count && i < 5; i++) {
        cyc_text_format(&ids, "%s%s", i > 0 ? ", " : "", listing->entries[i].id);
    }
    const int status = cyc_err_set(
        err, CYC_E_INPUT, "'%s' is the beginning of %zu runs: %s%s; write more of the id", word,
        listing->count, cyc_text_get(&ids), listing->count > 5 ? ", …" : "");
    cyc_text_release(&ids);
    return status;
}

static int find_in(const char *runs_dir, const char *word, struct cyc_run_info *info,
                   struct cyc_err *err)
{
    struct listing listing;
    const bool last = strcmp(word, "last") == 0;
    int status = list_newest_first(runs_dir, last ? "" : word, &listing, err);
    size_t exact = 0;
    while (exact < listing.count && strcmp(listing.entries[exact].id, word) != 0) {
        exact++;
    }
    if (status != CYC_OK) {
        /* told already */
    } else if (exact < listing.count) {
        status = load_named(runs_dir, word, info, err);
    } else if (listing.count == 1 || (last && listing.count > 0)) {
        status = load_named(runs_dir, listing.entries[0].id, info, err);
    } else if (listing.count > 1) {
        status = tell_ambiguous(word, &listing, err);
    } else if (last) {
        status = cyc_err_set(err, CYC_E_INPUT, "there is no run in %s yet", runs_dir);
    } else {
        status = cyc_err_set(err, CYC_E_INPUT,
                             "no run in %s begins with '%s', and there is no such folder; "
                             "`cyclostat runs` lists them",
                             runs_dir, word);
    }
    free(listing.entries);
    return status;
}

int cyc_run_find(const char *runs_dir, const char *word, struct cyc_run_info *info,
                 struct cyc_err *err)
{
    char folder[CYC_PATH_SIZE];
    if (!cyc_copy(folder, sizeof folder, word)) {
        return cyc_err_set(err, CYC_E_BOUND, "the name of the run is too long");
    }
    size_t size = strlen(folder);
    while (size > 1 && folder[size - 1] == '/') {
        folder[--size] = '\0';
    }
    if (strchr(word, '/') != NULL || exists(folder, CYC_JOURNAL_NAME)) {
        return load(folder, info, err);
    }
    if (word[0] == '\0') {
        return cyc_err_set(err, CYC_E_INPUT, "which run? Write its id, or 'last'");
    }
    return find_in(runs_dir, word, info, err);
}
