/* A writer is killed (SIGKILL) at random moments, from its first system call on, and what it leaves
 * is read. The moments come from a seed that is printed when something is wrong. */
#include "check/check.h"
#include "faults.h"
#include "maker.h"
#include "store/store_int.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILLS      120
#define LATEST_US  12000u
#define PART_SIZE  60000u /* some runs go through several parts */
#define FIRST_SEED 20241031u

static void write_runs_forever(unsigned seed)
{
    struct cyc_run_identity identity = maker_identity();
    for (;;) {
        struct cyc_run *run = NULL;
        struct maker maker;
        identity.sync = rand_r(&seed) % 4 == 0;
        if (cyc_run_create_sized(maker_folder(), &identity, PART_SIZE, &run, NULL) != CYC_OK) {
            _exit(1);
        }
        maker_init(&maker, run);
        const int cycles = rand_r(&seed) % 12;
        for (int i = 0; i < cycles; i++) {
            (void)maker_cycle(&maker, NULL);
            (void)cyc_run_event(run, maker.t_ns, "protocol", "note", "here", NULL);
            if (rand_r(&seed) % 2) {
                (void)cyc_run_commit(run, NULL);
            }
        }
        (void)cyc_run_finish(run, "done", "", maker.t_ns, NULL);
    }
}

static void wait_us(unsigned us)
{
    const struct timespec time = {.tv_nsec = (long)us * 1000};
    (void)nanosleep(&time, NULL);
}

/* ---- What must hold of any run that is left -------------------------------------------------- */

struct findings {
    unsigned runs, interrupted, done, rows_beyond_mark;
    const char *wrong; /* NULL: nothing */
    char id[CYC_RUN_ID_SIZE];
};

static int wrong(struct findings *findings, const struct cyc_run_info *info, const char *what)
{
    findings->wrong = what;
    (void)cyc_copy(findings->id, sizeof findings->id, info->id);
    return 1;
}

static int count_step(void *context, uint32_t cycle_number, const char *name, const char *type,
                      uint32_t step_id, const char *text, const struct cyc_result *result,
                      bool ended)
{
    uint64_t *count = context;
    (void)cycle_number, (void)name, (void)type, (void)step_id, (void)text, (void)ended;
    return result->step_count == ++*count ? 0 : -1;
}

/* The bytes under the mark are there and unchanged. */
static bool mark_holds(const struct cyc_run_info *info, int64_t *mark_rows)
{
    sqlite3 *db = NULL;
    struct cyc_columns columns = {0};
    bool holds = true;
    *mark_rows = 0;
    if (cyc_journal_open_read(info->folder, &db, NULL) != CYC_OK || db == NULL) {
        return false;
    }
    (void)sqlite3_prepare_v2(db, "SELECT data_file, length, xxh64, row_count FROM mark", -1,
                             &columns.statement, NULL);
    if (sqlite3_step(columns.statement) == SQLITE_ROW) {
        char path[CYC_PATH_SIZE], hex[24];
        size_t size = 0;
        struct cyc_checksum checksum;
        (void)cyc_path_join(path, info->folder, cyc_column_text(&columns), NULL);
        const size_t length = (size_t)cyc_column_integer(&columns);
        char *text = maker_read(path, &size);
        cyc_checksum_init(&checksum);
        cyc_checksum_add(&checksum, text != NULL ? text : "", length < size ? length : size);
        (void)snprintf(hex, sizeof hex, "%016llx",
                       (unsigned long long)cyc_checksum_value(&checksum));
        holds = text != NULL && length <= size && strcmp(hex, cyc_column_text(&columns)) == 0;
        *mark_rows = cyc_column_integer(&columns);
        free(text);
    }
    (void)sqlite3_finalize(columns.statement);
    (void)sqlite3_close(db);
    return holds;
}

static int look_at(void *context, const struct cyc_run_info *info)
{
    struct findings *findings = context;
    uint64_t steps = 0;
    int64_t mark_rows = 0;
    findings->runs++;
    if (strcmp(info->end, "done") == 0) {
        findings->done++;
    } else if (strcmp(info->end, "interrupted") == 0) {
        findings->interrupted++;
    } else {
        return wrong(findings, info, info->end[0] ? "unreadable" : "seems to run");
    }
    if (info->protocol_name[0] == '\0') {
        /* The writer died before its first commit. */
        return info->row_count == 0 ? 0 : wrong(findings, info, "rows without an identity");
    }
    if ((int64_t)info->row_count != maker_count_rows(info)) {
        return wrong(findings, info, "row count");
    }
    if (info->row_count > 0 && info->t_ns / (30 * CYC_S_NS) + 1 < (int64_t)info->row_count) {
        return wrong(findings, info, "run time");
    }
    if (cyc_run_each_step(info->folder, count_step, &steps, NULL) != CYC_OK ||
        steps != info->step_count) {
        return wrong(findings, info, "steps");
    }
    if (!mark_holds(info, &mark_rows)) {
        return wrong(findings, info, "mark");
    }
    findings->rows_beyond_mark += (int64_t)info->row_count > mark_rows;
    return (int64_t)info->row_count >= mark_rows ? 0 : wrong(findings, info, "rows under the mark");
}

static void a_run_is_readable_whenever_its_writer_is_killed(void)
{
    struct findings total = {0};
    for (unsigned i = 0; i < KILLS; i++) {
        const unsigned kill_seed = FIRST_SEED + i;
        unsigned seed = kill_seed;
        (void)maker_folder();
        const pid_t child = fork();
        if (child == 0) {
            write_runs_forever(kill_seed);
        }
        wait_us((unsigned)rand_r(&seed) % LATEST_US);
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        struct findings findings = {0};
        struct cyc_err err = {0};
        const int status = cyc_runs_each(maker_folder(), look_at, &findings, &err);
        if (status != CYC_OK) {
            (void)fprintf(stderr, "\nseed %u: %s: %s; kept in %s\n", kill_seed, findings.id,
                          findings.wrong != NULL ? findings.wrong : err.text, maker_folder());
            CU_FAIL("a killed writer left an unreadable run");
            return;
        }
        total.runs += findings.runs;
        total.interrupted += findings.interrupted;
        total.done += findings.done;
        total.rows_beyond_mark += findings.rows_beyond_mark;
        maker_remove();
    }
    CU_ASSERT(total.interrupted > 0);
}

static void write_one_run(enum fault_kind kind, unsigned nth)
{
    struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    struct maker maker;
    identity.sync = true;
    faults_arm(kind, nth, 0, false);
    (void)cyc_run_create_sized(maker_folder(), &identity, PART_SIZE / 8, &run, NULL);
    maker_init(&maker, run);
    for (int i = 0; i < 3; i++) {
        (void)maker_cycle(&maker, NULL);
        (void)cyc_run_commit(run, NULL);
    }
    (void)cyc_run_finish(run, "done", "", maker.t_ns, NULL);
    _exit(0);
}

static void a_run_is_readable_at_whichever_write_its_writer_is_killed(void)
{
    for (enum fault_kind kind = FAULT_KILL; kind <= FAULT_KILL_SHORT; kind++) {
        struct findings findings = {0};
        int status = -1;
        unsigned nth = 1;
        for (; status != 0 && nth < 1000; nth++) {
            (void)maker_folder();
            const pid_t child = fork();
            if (child == 0) {
                write_one_run(kind, nth);
            }
            (void)waitpid(child, &status, 0);
            if (cyc_runs_each(maker_folder(), look_at, &findings, NULL) != CYC_OK) {
                (void)fprintf(stderr, "\nkilled %s write %u: %s: %s; kept in %s\n",
                              kind == FAULT_KILL ? "before" : "in", nth, findings.id,
                              findings.wrong, maker_folder());
                CU_FAIL("a killed writer left an unreadable run");
                return;
            }
            maker_remove();
        }
        CU_ASSERT_EQUAL(findings.done + findings.interrupted, findings.runs);
        CU_ASSERT(findings.interrupted > 40);
        CU_ASSERT(findings.done >= 1);
        CU_ASSERT(nth < 1000);
    }
}

/* ---- Running or interrupted ------------------------------------------------------------------ */

static void a_living_writer_is_told_from_a_dead_one(void)
{
    int to_parent[2];
    char byte;
    struct cyc_run_info info;
    (void)maker_folder();
    CU_ASSERT_EQUAL_FATAL(pipe(to_parent), 0);
    const pid_t child = fork();
    if (child == 0) {
        const struct cyc_run_identity identity = maker_identity();
        struct cyc_run *run = NULL;
        struct maker maker;
        (void)cyc_run_create(maker_folder(), &identity, &run, NULL);
        maker_init(&maker, run);
        (void)maker_cycle(&maker, NULL);
        (void)cyc_run_commit(run, NULL);
        (void)!write(to_parent[1], "r", 1);
        for (;;) {
            (void)pause();
        }
    }
    CU_ASSERT_EQUAL(read(to_parent[0], &byte, 1), 1);
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), "last", &info, NULL), CYC_OK);
    CYC_SAME(info.end, "");
    CU_ASSERT_EQUAL(info.row_count, 80);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), "last", &info, NULL), CYC_OK);
    CYC_SAME(info.end, "interrupted");
    CYC_SAME(info.why, "its writer is gone without a word: killed, or the power went");
    CU_ASSERT_EQUAL(info.row_count, 80);
    CU_ASSERT_EQUAL(info.cycle_count, 1);
    CU_ASSERT_EQUAL(info.t_ns, 79 * 30 * CYC_S_NS);
    (void)close(to_parent[0]);
    (void)close(to_parent[1]);
    maker_remove();
}

static void a_torn_last_line_is_not_a_row(void)
{
    const struct cyc_run_identity identity = maker_identity();
    struct cyc_run_info info;
    (void)maker_folder();
    const pid_t child = fork();
    if (child == 0) {
        struct cyc_run *run = NULL;
        struct maker maker;
        (void)cyc_run_create(maker_folder(), &identity, &run, NULL);
        maker_init(&maker, run);
        (void)maker_cycle(&maker, NULL);
        (void)cyc_run_commit(run, NULL);
        (void)cyc_file_write(run->data.fd, "2400.000,3.0", 12, "", &(size_t){0}, NULL);
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), "last", &info, NULL), CYC_OK);
    CYC_SAME(info.end, "interrupted");
    CU_ASSERT_EQUAL(info.row_count, 80);
    CU_ASSERT_EQUAL(info.t_ns, 79 * 30 * CYC_S_NS);
    maker_remove();
}

const struct cyc_check cyc_check_kill[] = {
    CYC_CHECK(a_run_is_readable_whenever_its_writer_is_killed),
    CYC_CHECK(a_run_is_readable_at_whichever_write_its_writer_is_killed),
    CYC_CHECK(a_living_writer_is_told_from_a_dead_one),
    CYC_CHECK(a_torn_last_line_is_not_a_row),
    {0},
};
