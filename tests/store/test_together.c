/* Several processes at one folder of runs. */
#include "check/check.h"
#include "maker.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS 4
#define RUNS    12
#define CYCLES  300

static void make_runs(void)
{
    const struct cyc_run_identity identity = maker_identity();
    for (int i = 0; i < RUNS; i++) {
        struct cyc_run *run = NULL;
        if (cyc_run_create(maker_folder(), &identity, &run, NULL) != CYC_OK ||
            cyc_run_finish(run, "done", "", 0, NULL) != CYC_OK) {
            _exit(1);
        }
    }
    _exit(0);
}

static int count_done(void *context, const struct cyc_run_info *info)
{
    *(int *)context += strcmp(info->end, "done") == 0;
    return 0;
}

static void writers_at_the_same_time_get_runs_of_their_own(void)
{
    int count = 0;
    (void)maker_folder();
    for (int i = 0; i < WRITERS; i++) {
        if (fork() == 0) {
            make_runs();
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 0;
        (void)wait(&status);
        CU_ASSERT_EQUAL(status, 0);
    }
    CU_ASSERT_EQUAL(cyc_runs_each(maker_folder(), count_done, &count, NULL), CYC_OK);
    CU_ASSERT_EQUAL(count, WRITERS * RUNS);
    maker_remove();
}

static void write_a_long_run(void)
{
    const struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    struct maker maker;
    int status = cyc_run_create(maker_folder(), &identity, &run, NULL);
    maker_init(&maker, run);
    for (int i = 0; i < CYCLES && status == CYC_OK; i++) {
        status = maker_cycle(&maker, NULL);
        if (status == CYC_OK && i % 3 == 0) {
            status = cyc_run_commit(run, NULL);
        }
    }
    if (status == CYC_OK) {
        status = cyc_run_finish(run, "done", "", maker.t_ns, NULL);
    }
    _exit(status == CYC_OK ? 0 : 1);
}

static int count_cycles(void *context, const struct cyc_cycle *cycle)
{
    return cycle->number == ++*(uint32_t *)context ? 0 : -1;
}

static void a_run_can_be_read_all_the_time_while_it_is_written(void)
{
    struct cyc_run_info info = {0};
    struct cyc_err err = {0};
    uint64_t rows = 0;
    unsigned looks = 0;
    int status = CYC_OK;
    (void)maker_folder();
    const pid_t child = fork();
    if (child == 0) {
        write_a_long_run();
    }
    while (status == CYC_OK && strcmp(info.end, "done") != 0) {
        uint32_t cycles = 0;
        const int found = cyc_run_find(maker_folder(), "last", &info, &err);
        if (found == CYC_E_INPUT || (found == CYC_OK && info.protocol_name[0] == '\0')) {
            info.end[0] = '\0';
            continue; /* not there yet */
        }
        status =
            found == CYC_OK ? cyc_run_each_cycle(info.folder, count_cycles, &cycles, &err) : found;
        if (info.row_count < rows || cycles < info.cycle_count ||
            strcmp(info.end, "interrupted") == 0) {
            status = -1;
        }
        rows = info.row_count;
        looks++;
    }
    CU_ASSERT_EQUAL(status, CYC_OK);
    CYC_SAME(status == CYC_OK ? "" : err.text, "");
    CU_ASSERT(looks > 1);
    CU_ASSERT_EQUAL(rows, (uint64_t)CYCLES * 80);
    (void)waitpid(child, &status, 0);
    CU_ASSERT_EQUAL(status, 0);
    maker_remove();
}

const struct cyc_check cyc_check_together[] = {
    CYC_CHECK(writers_at_the_same_time_get_runs_of_their_own),
    CYC_CHECK(a_run_can_be_read_all_the_time_while_it_is_written),
    {0},
};
