#include "child.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Waits as a host does, by its descriptor; a test that hangs is ended by ctest. */
int child_await(struct cyc_source_process *process, struct cyc_source_answer *answer,
                struct cyc_err *err)
{
    int status = cyc_source_process_answer(process, answer, err);
    for (unsigned i = 0; status == CYC_E_TIMEOUT && i < 3000; i++) {
        struct pollfd waiting = {.fd = cyc_source_process_fd(process), .events = POLLIN};
        (void)poll(&waiting, 1, 20);
        status = cyc_source_process_answer(process, answer, err);
    }
    return status;
}

int child_ask(struct cyc_source_process *process, const struct cyc_result *result,
              struct cyc_source_answer *answer, struct cyc_err *err)
{
    CU_ASSERT_EQUAL(cyc_source_process_ask(process, result, err), CYC_OK);
    return child_await(process, answer, err);
}

struct cyc_source_process *child_start(const char *path, const char *journal)
{
    struct cyc_source_process *process = NULL;
    struct cyc_err err = {0};
    const struct cyc_source_start start = {
        .program = CYC_PROGRAM, .protocol_path = path, .cell_path = "", .journal_folder = journal};
    CU_ASSERT_EQUAL(cyc_source_process_start(&start, &process, &err), CYC_OK);
    return process;
}

struct cyc_source_process *child_double(const char *mode)
{
    struct cyc_source_process *process = NULL;
    struct cyc_err err = {0};
    const struct cyc_source_start start = {
        .program = CYC_SOURCE_DOUBLE, .protocol_path = mode, .cell_path = "", .journal_folder = ""};
    CU_ASSERT_EQUAL(cyc_source_process_start(&start, &process, &err), CYC_OK);
    return process;
}

/* What might have become of a step; equal steps with equal numbers have equal results. */
void child_invent(const struct cyc_step *step, uint32_t number, struct cyc_result *result)
{
    memset(result, 0, sizeof *result);
    result->step_count = number;
    result->reason = CYC_REASON_PROFILE;
    result->cutoff = -1;
    result->action = CYC_FOLLOW_NEXT;
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        if (step->cutoffs[i].action == CYC_FOLLOW_NEXT) {
            result->cutoff = (int16_t)i;
            result->reason = step->cutoffs[i].reason;
            result->tag = step->cutoffs[i].tag;
            break;
        }
    }
    const double charge_Ah = 1e-3 * (1.0 + 0.01 * (number % 17));
    result->start_ns = (int64_t)number * 3600 * CYC_S_NS;
    result->end_ns = result->start_ns + 3600 * CYC_S_NS;
    result->step_time_ns = 3600 * CYC_S_NS;
    result->sums.charge_Ah = step->charging ? charge_Ah : 0.0;
    result->sums.discharge_Ah = step->charging ? 0.0 : charge_Ah;
    result->sums.charge_Wh = 3.7 * result->sums.charge_Ah;
    result->sums.discharge_Wh = 3.6 * result->sums.discharge_Ah;
    result->cc_capacity_Ah = charge_Ah;
    result->start_voltage_V = 3.5;
    result->voltage_V = 3.6 + 0.01 * (number % 13);
    result->current_A = step->charging ? 1e-3 : -1e-3;
    result->temperature_degC = 30.0;
    result->ambient_degC = 30.0;
    result->pressure_Pa = 5e7;
    result->peak_V = result->voltage_V;
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        result->aux[i] = NAN;
    }
}

struct cyc_protocol *child_load(const char *path)
{
    struct cyc_err err = {0};
    struct cyc_protocol *protocol = NULL;
    struct cyc_diags *const diags = calloc(1, sizeof *diags);
    CU_ASSERT_PTR_NOT_NULL_FATAL(diags);
    cyc_diags_init(diags);
    const struct cyc_protocol_options options = {.path = path};
    (void)cyc_protocol_load(&options, diags, &protocol, &err);
    cyc_diags_release(diags);
    free(diags);
    return protocol;
}

void child_write(char path[96], struct lab *lab, const char *name, const char *text)
{
    (void)snprintf(path, 96, "%s/%s", lab_folder(lab), name);
    FILE *const file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

struct rusage child_usage(void)
{
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_CHILDREN, &usage);
    return usage;
}

double child_cpu_s(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           1e-6 * (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

/* Asks until the script is stopped: an error with words, or death. A few steps may come before. */
void child_expect_loss(const char *mode, const char *words)
{
    static struct cyc_source_answer answer;
    struct cyc_err err = {0};
    struct cyc_source_process *const process = child_double(mode);
    const int status = child_ask(process, NULL, &answer, &err);
    if (status != CYC_E_LOST || strstr(err.text, words) == NULL) {
        (void)fprintf(stderr, "\n%s: status %d, %s\n", mode, status, err.text);
    }
    CU_ASSERT_EQUAL(status, CYC_E_LOST);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
    /* it stays lost, and says so again */
    CU_ASSERT_EQUAL(cyc_source_process_ask(process, NULL, &err), CYC_OK);
    CU_ASSERT_EQUAL(cyc_source_process_answer(process, &answer, &err), CYC_E_LOST);
    /* and is gone: reaped, so that nobody has this number now */
    const pid_t pid = cyc_source_process_pid(process);
    cyc_source_process_end(process);
    CU_ASSERT_EQUAL(kill(pid, 0), -1);
    CU_ASSERT_EQUAL(errno, ESRCH);
}
