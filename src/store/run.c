/* A run that is being written: folder, lock, data file, journal, sidecar, in this order.
 *
 *   create   folder (unique by mkdir) → lock → journal with the identity → copies of the protocol
 *            → data file with its header → sidecar → first commit
 *   commit   rows to the kernel (live: to the disk) → mark and journal in one transaction
 *   finish   commit with the outcome → sidecar → journal into one file → unlock
 *
 * The journal comes first, so a folder with data always has one. The lock is an flock on the
 * folder: it ends with the writer, however that ends, and tells a reader "running" from
 * "interrupted".
 */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LOCK_TRIES 200 /* a reader that looks holds the lock for microseconds */
#define NAME_SIZE  41

/* ---- The folder ------------------------------------------------------------------------------ */

static int make_folder(struct cyc_run *run, const char *runs_dir, const char *date,
                       const char *cell, unsigned *number, struct cyc_err *err)
{
    for (*number = 1; *number <= CYC_RUN_NUMBER_MAX; ++*number) {
        (void)snprintf(run->id, sizeof run->id, "%s-%s-%03u", date, cell, *number);
        const int status = cyc_path_join(run->folder, runs_dir, run->id, err);
        if (status != CYC_OK) {
            return status;
        }
        if (mkdir(run->folder, 0777) == 0) {
            return CYC_OK;
        }
        if (errno != EEXIST) {
            return cyc_file_failed(err, "make the folder", run->folder, errno);
        }
    }
    return cyc_err_set(err, CYC_E_BOUND, "%s holds %u runs of %s on %s; use another folder",
                       runs_dir, CYC_RUN_NUMBER_MAX, cell, date);
}

int cyc_run_lock(struct cyc_run *run, struct cyc_err *err)
{
    run->folder_fd = open(run->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run->folder_fd < 0) {
        return cyc_file_failed(err, "open", run->folder, errno);
    }
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(run->folder_fd, LOCK_EX | LOCK_NB) == 0) {
            return CYC_OK;
        }
        if (errno != EWOULDBLOCK) {
            break;
        }
        (void)usleep(1000);
    }
    return cyc_file_failed(err, "lock", run->folder, errno);
}

/* Its place, else the last part of the author's path; a number keeps two of the same name apart. */
static void stored_name(char *stored, size_t size, const struct cyc_run_file *file, unsigned index,
                        const struct cyc_run_file *files)
{
    if (file->place != NULL) {
        (void)snprintf(stored, size, CYC_PROTOCOL_FOLDER "/%s", file->place);
        return;
    }
    const char *slash = strrchr(file->name, '/');
    const char *base = slash != NULL ? slash + 1 : file->name;
    const bool usable = base[0] != '\0' && base[0] != '.';
    bool taken = !usable;
    for (unsigned i = 0; i < index && !taken; i++) {
        const char *other = strrchr(files[i].name, '/');
        taken = strcmp(other != NULL ? other + 1 : files[i].name, base) == 0;
    }
    if (taken) {
        (void)snprintf(stored, size, CYC_PROTOCOL_FOLDER "/%u-%s", index + 1,
                       usable ? base : "protocol");
    } else {
        (void)snprintf(stored, size, CYC_PROTOCOL_FOLDER "/%s", base);
    }
}

static int copy_files(struct cyc_run *run, const struct cyc_run_identity *identity,
                      struct cyc_err *err)
{
    char path[CYC_PATH_SIZE];
    int status = cyc_path_join(path, run->folder, CYC_PROTOCOL_FOLDER, err);
    if (status == CYC_OK) {
        status = cyc_folder_make(path, err);
    }
    for (unsigned i = 0; i < identity->file_count && status == CYC_OK; i++) {
        const struct cyc_run_file *file = &identity->files[i];
        char stored[CYC_PATH_SIZE];
        stored_name(stored, sizeof stored, file, i, identity->files);
        status = cyc_journal_file(&run->journal, file, stored, err);
        if (status == CYC_OK) {
            status = cyc_path_join(path, run->folder, stored, err);
        }
        if (status == CYC_OK && file->place != NULL) {
            char *slash = strrchr(path, '/');
            *slash = '\0';
            status = cyc_folder_make(path, err);
            *slash = '/';
        }
        if (status == CYC_OK) {
            status = cyc_file_replace(path, file->text, file->size, identity->sync, err);
        }
    }
    return status;
}

/* ---- Creating -------------------------------------------------------------------------------- */

static int open_data(struct cyc_run *run, const struct cyc_run_identity *identity, const char *stem,
                     unsigned number, struct cyc_err *err)
{
    char name[CYC_FILE_NAME_SIZE + 48];
    cyc_data_name(name, stem, number, CYC_DATA_SUFFIX);
    int status = cyc_journal_run(&run->journal, run->id, name, identity, err);
    if (status == CYC_OK) {
        status = copy_files(run, identity, err);
    }
    run->data.folder_fd = run->folder_fd;
    if (status == CYC_OK) {
        status = cyc_data_open(&run->data, run->folder, stem, number, identity, err);
    }
    (void)cyc_copy(run->data_path, sizeof run->data_path, run->data.path);
    return status;
}

static int sync_folders(const struct cyc_run *run, const char *runs_dir, struct cyc_err *err)
{
    char protocol[CYC_PATH_SIZE];
    int status = cyc_path_join(protocol, run->folder, CYC_PROTOCOL_FOLDER, err);
    if (status == CYC_OK) {
        status = cyc_folder_sync(protocol, err);
    }
    if (status == CYC_OK) {
        status = cyc_file_sync(run->folder_fd, run->folder, err);
    }
    return status == CYC_OK ? cyc_folder_sync(runs_dir, err) : status;
}

/* A journal in WAL mode needs memory that all its readers share, and a lock that is true: network
 * file systems give neither. A dry run can be repeated; a live one cannot. */
static int refuse_network(const char *runs_dir, struct cyc_err *err)
{
    static const uint32_t kinds[] = {
        0x6969,     /* NFS */
        0x517B,     /* SMB */
        0xFF534D42, /* CIFS */
        0xFE534D42, /* SMB2 */
        0x5346414F, /* AFS */
        0x00C36400, /* Ceph */
        0x01021997, /* 9P */
    };
    struct statfs status;
    if (statfs(runs_dir, &status) != 0) {
        return cyc_file_failed(err, "look at", runs_dir, errno);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((uint32_t)status.f_type == kinds[i]) {
            return cyc_err_set(err, CYC_E_FILE,
                               "%s is on a network file system, where a live run is not safe; "
                               "choose a folder on a disk of this machine",
                               runs_dir);
        }
    }
    return CYC_OK;
}

int cyc_runs_dir_check(const char *runs_dir, struct cyc_err *err)
{
    int status = cyc_folder_make(runs_dir, err);
    if (status == CYC_OK) {
        status = refuse_network(runs_dir, err);
    }
    return status == CYC_OK ? cyc_reserve_make(runs_dir, err) : status;
}

static int fill_folder(struct cyc_run *run, const char *runs_dir,
                       const struct cyc_run_identity *identity, struct cyc_err *err)
{
    char date[16], cell[NAME_SIZE], institution[NAME_SIZE], stem[CYC_FILE_NAME_SIZE];
    unsigned number;
    cyc_date_text(date, identity->start_unix_ns);
    cyc_name_safe(cell, sizeof cell, identity->cell != NULL ? identity->cell : "");
    cyc_name_safe(institution, sizeof institution,
                  identity->institution != NULL ? identity->institution : "LAB");
    (void)snprintf(stem, sizeof stem, "%s__%s__%s", institution, cell, date);
    int status =
        identity->sync ? cyc_runs_dir_check(runs_dir, err) : cyc_folder_make(runs_dir, err);
    if (status == CYC_OK) {
        status = make_folder(run, runs_dir, date, cell, &number, err);
    }
    if (status == CYC_OK) {
        status = cyc_run_lock(run, err);
    }
    if (status == CYC_OK) {
        status = cyc_journal_create(&run->journal, run->folder, identity->sync, err);
    }
    if (status == CYC_OK) {
        status = open_data(run, identity, stem, number, err);
    }
    if (status == CYC_OK) {
        status = cyc_run_commit(run, err);
    }
    if (status == CYC_OK) {
        status = cyc_sidecar_write(run->journal.db, &run->data, err);
    }
    if (status == CYC_OK && identity->sync) {
        status = sync_folders(run, runs_dir, err);
    }
    return status;
}

static void close_run(struct cyc_run *run, bool finished)
{
    cyc_data_release(&run->data);
    cyc_journal_close(&run->journal, finished);
    if (run->folder_fd >= 0) {
        (void)close(run->folder_fd);
    }
    free(run);
}

void cyc_run_leave(struct cyc_run *run)
{
    close_run(run, false);
}

int cyc_run_create_sized(const char *runs_dir, const struct cyc_run_identity *identity,
                         uint64_t part_size_max, struct cyc_run **run, struct cyc_err *err)
{
    struct cyc_run *made = calloc(1, sizeof *made);
    *run = NULL;
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "cannot make a run: out of memory");
    }
    made->folder_fd = -1;
    made->data.fd = -1;
    made->data.part_size_max = part_size_max;
    const int status = fill_folder(made, runs_dir, identity, err);
    if (status != CYC_OK) {
        close_run(made, false);
        return status;
    }
    *run = made;
    return CYC_OK;
}

int cyc_run_create(const char *runs_dir, const struct cyc_run_identity *identity,
                   struct cyc_run **run, struct cyc_err *err)
{
    return cyc_run_create_sized(runs_dir, identity, CYC_PART_SIZE_MAX, run, err);
}

const char *cyc_run_id(const struct cyc_run *run)
{
    return run->id;
}

const char *cyc_run_folder(const struct cyc_run *run)
{
    return run->folder;
}

const char *cyc_run_data_path(const struct cyc_run *run)
{
    return run->data_path;
}

/* ---- Writing --------------------------------------------------------------------------------- */

int cyc_run_row(struct cyc_run *run, const struct cyc_record *record, const char *step_type,
                struct cyc_err *err)
{
    return cyc_data_row(&run->data, record, step_type, err);
}

int cyc_run_step_begin(struct cyc_run *run, const struct cyc_step *step, uint32_t step_count,
                       int64_t t_ns, struct cyc_err *err)
{
    return cyc_journal_step_begin(&run->journal, step, step_count, t_ns, err);
}

int cyc_run_step_end(struct cyc_run *run, const struct cyc_step *step,
                     const struct cyc_result *result, struct cyc_err *err)
{
    return cyc_journal_step_end(&run->journal, step, result, err);
}

int cyc_run_cycle(struct cyc_run *run, const struct cyc_cycle *cycle, struct cyc_err *err)
{
    return cyc_journal_cycle(&run->journal, cycle, err);
}

int cyc_run_event(struct cyc_run *run, int64_t t_ns, const char *who, const char *what,
                  const char *why, struct cyc_err *err)
{
    return cyc_journal_event(&run->journal, t_ns, who, what, why, err);
}

int cyc_run_expectation(struct cyc_run *run, const char *name, const char *unit, double value,
                        double is, double tolerance, const char *source, struct cyc_err *err)
{
    return cyc_journal_expectation(&run->journal, name, unit, value, is, tolerance, source, err);
}

int cyc_run_anchor(struct cyc_run *run, int64_t unix_ns, struct cyc_err *err)
{
    const int status = cyc_journal_anchor(&run->journal, unix_ns, err);
    if (status == CYC_OK) {
        cyc_data_anchor(&run->data, unix_ns);
    }
    return status;
}

int cyc_run_state(struct cyc_run *run, const struct cyc_run_state *state, struct cyc_err *err)
{
    return cyc_journal_state(&run->journal, state, err);
}

int cyc_run_gap(struct cyc_run *run, const struct cyc_gap *gap, struct cyc_err *err)
{
    return cyc_journal_gap(&run->journal, gap, err);
}

int cyc_run_ending(struct cyc_run *run, uint32_t step_count, const char *text, struct cyc_err *err)
{
    return cyc_journal_ending(&run->journal, step_count, text, err);
}

void cyc_run_rest(struct cyc_run *run)
{
    cyc_journal_rest(&run->journal);
}

int cyc_run_push(struct cyc_run *run, struct cyc_err *err)
{
    return cyc_data_push(&run->data, err);
}

int cyc_run_commit(struct cyc_run *run, struct cyc_err *err)
{
    const int status = cyc_data_flush(&run->data, err);
    return status == CYC_OK ? cyc_journal_commit(&run->journal, &run->data, err) : status;
}

int cyc_run_finish(struct cyc_run *run, const char *end, const char *why, int64_t t_ns,
                   struct cyc_err *err)
{
    /* The outcome is written even when rows could not be: the first failure is what is told. */
    struct cyc_err *told = err;
    int first = cyc_data_flush(&run->data, told);
    told = first == CYC_OK ? err : NULL;
    int status = cyc_journal_end(&run->journal, end, why, t_ns, told);
    if (status == CYC_OK) {
        status = cyc_journal_commit(&run->journal, &run->data, told);
    }
    first = first == CYC_OK ? status : first;
    const bool finished = status == CYC_OK;
    if (finished) {
        status = cyc_sidecar_write(run->journal.db, &run->data, first == CYC_OK ? err : NULL);
        first = first == CYC_OK ? status : first;
    }
    close_run(run, finished);
    return first;
}
