/* The journal of a run, damaged: every reader of the run folder looks at it. */
#include "fuzz.h"

#include "store/store.h"

static int info(void *context, const struct cyc_run_info *row)
{
    (void)context;
    (void)row;
    return 0;
}

static int cycle(void *context, const struct cyc_cycle *row)
{
    (void)context;
    (void)row;
    return 0;
}

static int step(void *context, uint32_t cycle_number, const char *name, const char *type,
                uint32_t step_id, const char *text, const struct cyc_result *result, bool ended)
{
    (void)context;
    (void)cycle_number;
    (void)step_id;
    (void)result;
    (void)ended;
    return name == NULL || type == NULL || text == NULL;
}

static int event(void *context, int64_t t_ns, const char *who, const char *what, const char *why)
{
    (void)context;
    (void)t_ns;
    return who == NULL || what == NULL || why == NULL;
}

static int expectation(void *context, const char *name, const char *unit, double value, double is,
                       double tolerance, const char *source)
{
    (void)context;
    (void)value;
    (void)is;
    (void)tolerance;
    return name == NULL || unit == NULL || source == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cyc_run_info run;
    struct cyc_err err = {0};
    (void)fuzz_file("journal.sqlite", data, size);
    const char *const folder = fuzz_folder();
    (void)cyc_run_find(folder, folder, &run, &err);
    (void)cyc_runs_each(folder, info, NULL, &err);
    (void)cyc_run_each_cycle(folder, cycle, NULL, &err);
    (void)cyc_run_each_step(folder, step, NULL, &err);
    (void)cyc_run_each_event(folder, event, NULL, &err);
    (void)cyc_run_each_expectation(folder, expectation, NULL, &err);
    return 0;
}
