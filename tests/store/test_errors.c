#include "check/check.h"
#include "faults.h"
#include "maker.h"
#include "store/store_int.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static char run_folder[256];

static struct cyc_run *create(struct cyc_err *err)
{
    const struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    (void)cyc_run_create(maker_folder(), &identity, &run, err);
    if (run != NULL) {
        (void)cyc_copy(run_folder, sizeof run_folder, cyc_run_folder(run));
    }
    return run;
}

static void make_run(void)
{
    struct cyc_run *run = create(NULL);
    struct maker maker;
    maker_init(&maker, run);
    CU_ASSERT_EQUAL(maker_cycle(&maker, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", maker.t_ns, NULL), CYC_OK);
}

static const char *in_run(const char *name)
{
    static char path[CYC_PATH_SIZE];
    (void)cyc_path_join(path, run_folder, name, NULL);
    return path;
}

static int ignore_cycle(void *context, const struct cyc_cycle *cycle)
{
    (void)context;
    (void)cycle;
    return 0;
}

/* All readers say the same of the run. %s in `format` is its journal. */
static void check_unreadable(int status, const char *format)
{
    char expected[CYC_ERR_TEXT_SIZE];
    struct cyc_run_info info;
    struct cyc_err err = {0};
    (void)snprintf(expected, sizeof expected, format, in_run(CYC_JOURNAL_NAME));
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), run_folder, &info, &err), status);
    CYC_SAME(err.text, expected);
    err.text[0] = '\0';
    CU_ASSERT_EQUAL(cyc_run_each_cycle(run_folder, ignore_cycle, NULL, &err), status);
    CYC_SAME(err.text, expected);
}

/* ---- Journals -------------------------------------------------------------------------------- */

static void a_missing_journal_is_told(void)
{
    make_run();
    CU_ASSERT_EQUAL(unlink(in_run(CYC_JOURNAL_NAME)), 0);
    check_unreadable(CYC_E_JOURNAL,
                     "there is no %s: it was removed or not copied with the rest of the run");
    maker_remove();
}

static void change(const char *sql)
{
    sqlite3 *db = NULL;
    CU_ASSERT_EQUAL(sqlite3_open(in_run(CYC_JOURNAL_NAME), &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void a_journal_of_a_newer_schema_is_told(void)
{
    make_run();
    change("PRAGMA user_version = 7");
    check_unreadable(CYC_E_JOURNAL, "%s was written by a newer cyclostat (schema 7; this one reads "
                                    "up to 3); read it with that one");
    maker_remove();
}

static void a_database_of_another_program_is_told(void)
{
    make_run();
    change("PRAGMA application_id = 1");
    check_unreadable(CYC_E_JOURNAL, "%s is a database of another program");
    maker_remove();
}

static void overwrite(off_t from, const char *bytes, size_t size)
{
    const int fd = open(in_run(CYC_JOURNAL_NAME), O_WRONLY);
    CU_ASSERT_EQUAL(pwrite(fd, bytes, size, from), (ssize_t)size);
    (void)close(fd);
}

static void a_damaged_journal_is_told(void)
{
    char garbage[4096];
    for (size_t i = 0; i < sizeof garbage; i++) {
        garbage[i] = (char)(i * 151 + 7);
    }
    make_run();
    overwrite(0, garbage, sizeof garbage);
    check_unreadable(CYC_E_JOURNAL, "%s is damaged; the data file beside it can still be read");
    maker_remove();
    make_run();
    CU_ASSERT_EQUAL(truncate(in_run(CYC_JOURNAL_NAME), 6000), 0);
    check_unreadable(CYC_E_JOURNAL, "%s is damaged; the data file beside it can still be read");
    maker_remove();
}

/* Any page may be garbage: an error or an answer, never a crash (run under the sanitizers). */
static void no_damage_of_a_journal_crashes_a_reader(void)
{
    unsigned seed = 11;
    make_run();
    char copy[300], command[1400];
    (void)snprintf(copy, sizeof copy, "%s/copy", maker_folder());
    (void)snprintf(command, sizeof command, "cp %s %s", in_run(CYC_JOURNAL_NAME), copy);
    CU_ASSERT_EQUAL(system(command), 0);
    struct stat status;
    CU_ASSERT_EQUAL(stat(copy, &status), 0);
    (void)snprintf(command, sizeof command, "cp %s %s", copy, in_run(CYC_JOURNAL_NAME));
    for (int i = 0; i < 60; i++) {
        char garbage[64];
        for (size_t k = 0; k < sizeof garbage; k++) {
            garbage[k] = (char)rand_r(&seed);
        }
        CU_ASSERT_EQUAL(system(command), 0);
        overwrite((off_t)((unsigned)rand_r(&seed) % (unsigned)status.st_size), garbage,
                  1 + (size_t)rand_r(&seed) % sizeof garbage);
        struct cyc_run_info info;
        (void)cyc_run_find(maker_folder(), run_folder, &info, NULL);
        (void)cyc_run_each_cycle(run_folder, ignore_cycle, NULL, NULL);
    }
    maker_remove();
}

/* ---- Folders and disks ----------------------------------------------------------------------- */

/* Runs `body` in a child; its exit code. */
static int in_child(void (*body)(void))
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool drop_rights(void)
{
    return geteuid() != 0 || (setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
}

static void create_where_it_is_forbidden(void)
{
    char expected[300];
    struct cyc_err err = {0};
    if (!drop_rights()) {
        _exit(0); /* nobody to become: nothing to see */
    }
    const struct cyc_run *run = create(&err);
    (void)snprintf(expected, sizeof expected,
                   "cannot make the folder %s/20260101-N-LMRO-001: Permission denied; choose a "
                   "folder that you may write to",
                   maker_folder());
    _exit(run == NULL && err.status == CYC_E_FILE && strcmp(err.text, expected) == 0 ? 0 : 1);
}

static void a_folder_that_may_not_be_written_is_told(void)
{
    CU_ASSERT_EQUAL(chmod(maker_folder(), 0555), 0);
    CU_ASSERT_EQUAL(in_child(create_where_it_is_forbidden), 0);
    CU_ASSERT_EQUAL(chmod(maker_folder(), 0755), 0);
    maker_remove();
}

static void a_file_where_the_folder_should_be_is_told(void)
{
    const struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_run_create("/etc/passwd", &identity, &run, &err), CYC_E_FILE);
    CU_ASSERT_PTR_NULL(run);
    CYC_SAME(err.text, "cannot make the folder /etc/passwd/20260101-N-LMRO-001: Not a directory");
    CU_ASSERT_EQUAL(cyc_run_create("/etc/passwd/runs", &identity, &run, &err), CYC_E_FILE);
    CYC_SAME(err.text, "cannot make the folder /etc/passwd/runs: Not a directory");
}

static void a_live_run_is_refused_on_a_network_file_system(void)
{
    static const int kinds[] = {0x6969, 0x517B, (int)0xFF534D42};
    struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char expected[300];
        struct cyc_err err = {0};
        (void)snprintf(expected, sizeof expected,
                       "%s is on a network file system, where a live run is not safe; choose a "
                       "folder on a disk of this machine",
                       maker_folder());
        identity.sync = true;
        faults_arm(FAULT_NETWORK, 0, kinds[i], false);
        CU_ASSERT_EQUAL(cyc_run_create(maker_folder(), &identity, &run, &err), CYC_E_FILE);
        CYC_SAME(err.text, expected);
        identity.sync = false;
        CU_ASSERT_EQUAL(cyc_run_create(maker_folder(), &identity, &run, &err), CYC_OK);
        CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 0, NULL), CYC_OK);
        (void)faults_disarm();
    }
    maker_remove();
}

static void read_what_was_cut_short(void)
{
    struct cyc_run_info info;
    struct cyc_err err = {0};
    if (!drop_rights() || access(run_folder, W_OK) == 0) {
        _exit(0);
    }
    /* With the shared memory of the dead writer still there it works; without, it is told. */
    if (cyc_run_find("", run_folder, &info, &err) != CYC_OK ||
        strcmp(info.end, "interrupted") != 0 || info.cycle_count != 1) {
        _exit(1);
    }
}

static void read_without_shared_memory(void)
{
    struct cyc_run_info info;
    struct cyc_err err = {0};
    if (!drop_rights() || access(run_folder, W_OK) == 0) {
        _exit(0);
    }
    const int status = cyc_run_find("", run_folder, &info, &err);
    _exit(status == CYC_E_JOURNAL && strstr(err.text, "copy the whole folder") != NULL ? 0 : 1);
}

static void write_and_die(void)
{
    struct cyc_run *run = create(NULL);
    struct maker maker;
    maker_init(&maker, run);
    (void)maker_cycle(&maker, NULL);
    (void)cyc_run_commit(run, NULL);
    (void)raise(SIGKILL);
}

static void an_interrupted_run_can_be_read_where_nothing_may_be_written(void)
{
    (void)chmod(maker_folder(), 0755);
    (void)in_child(write_and_die);
    struct cyc_run_info info;
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), "last", &info, NULL), CYC_OK);
    (void)cyc_copy(run_folder, sizeof run_folder, info.folder);
    CU_ASSERT_EQUAL(in_child(read_what_was_cut_short), 0);
    CU_ASSERT_EQUAL(unlink(in_run("journal.sqlite-shm")), 0);
    CU_ASSERT_EQUAL(in_child(read_without_shared_memory), 0);
    CU_ASSERT_EQUAL(unlink(in_run("journal.sqlite-wal")), 0);
    check_unreadable(CYC_E_JOURNAL, "%s is empty although there are data beside it: "
                                    "journal.sqlite-wal was not copied with the rest of the run");
    maker_remove();
}

/* Fills whatever bounds the files of this process; the first error is the whole story. */
static int write_until_it_fails(struct cyc_err *err, bool finish)
{
    struct cyc_run *run = create(err);
    struct maker maker;
    int status = run != NULL ? CYC_OK : err->status;
    if (run == NULL) {
        return status;
    }
    maker_init(&maker, run);
    for (int i = 0; i < 20000 && status == CYC_OK; i++) {
        status = maker_cycle(&maker, err);
    }
    if (finish) {
        (void)cyc_run_finish(run, "fault", err->text, maker.t_ns, NULL);
    }
    return status;
}

static void exceed_the_size_of_files(void)
{
    const struct rlimit limit = {400000, 400000};
    struct cyc_err err = {0};
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    const int status = write_until_it_fails(&err, true);
    _exit(status == CYC_E_FILE && strstr(err.text, "cannot write ") == err.text &&
                  strstr(err.text, ".bdf.csv: File too large") != NULL
              ? 0
              : 1);
}

static void check_cut_at_a_line(const char *end)
{
    struct cyc_run_info info;
    size_t size = 0;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), "last", &info, &err), CYC_OK);
    CYC_SAME(err.text, "");
    CYC_SAME(info.end, end);
    CU_ASSERT(info.row_count > 100);
    char *text = maker_read(info.data_file, &size);
    CU_ASSERT(size > 1000 && text[size - 1] == '\n');
    free(text);
}

static void a_file_that_may_not_grow_ends_the_run_with_its_reason(void)
{
    (void)maker_folder();
    CU_ASSERT_EQUAL(in_child(exceed_the_size_of_files), 0);
    check_cut_at_a_line("fault");
    maker_remove();
}

static void fill_the_disk(void)
{
    struct cyc_err err = {0};
    const int status = write_until_it_fails(&err, true);
    _exit(status == CYC_E_NO_SPACE && strstr(err.text, "the disk is full") != NULL ? 0 : 1);
}

static void a_full_disk_is_told_and_leaves_whole_lines(void)
{
    /* A small file system of our own, where the tests may make one. */
    if (mount("none", maker_folder(), "tmpfs", 0, "size=600k,mode=755") == 0) {
        CU_ASSERT_EQUAL(in_child(fill_the_disk), 0);
        struct cyc_run_info info;
        CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), "last", &info, NULL), CYC_OK);
        check_cut_at_a_line(info.end);
        CU_ASSERT_EQUAL(umount2(maker_folder(), MNT_DETACH), 0);
    }
    maker_remove();
}

const struct cyc_check cyc_check_errors[] = {
    CYC_CHECK(a_missing_journal_is_told),
    CYC_CHECK(a_journal_of_a_newer_schema_is_told),
    CYC_CHECK(a_database_of_another_program_is_told),
    CYC_CHECK(a_damaged_journal_is_told),
    CYC_CHECK(no_damage_of_a_journal_crashes_a_reader),
    CYC_CHECK(a_folder_that_may_not_be_written_is_told),
    CYC_CHECK(a_file_where_the_folder_should_be_is_told),
    CYC_CHECK(a_live_run_is_refused_on_a_network_file_system),
    CYC_CHECK(an_interrupted_run_can_be_read_where_nothing_may_be_written),
    CYC_CHECK(a_file_that_may_not_grow_ends_the_run_with_its_reason),
    CYC_CHECK(a_full_disk_is_told_and_leaves_whole_lines),
    {0},
};
