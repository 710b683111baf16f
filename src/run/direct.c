#include "run/direct.h"

static int ask(void *context, const struct cyc_result *result, struct cyc_err *err)
{
    (void)err;
    struct cyc_direct *direct = context;
    direct->result = result;
    return CYC_OK;
}

static int answer(void *context, struct cyc_item *item, struct cyc_err *err)
{
    struct cyc_direct *direct = context;
    return cyc_source_next(direct->source, direct->result, item, err);
}

static unsigned expectations(void *context, const struct cyc_expectation **rows)
{
    struct cyc_direct *direct = context;
    return cyc_source_expectations(direct->source, rows);
}

static void progress(void *context, struct cyc_source_progress *far)
{
    const struct cyc_direct *direct = context;
    cyc_source_progress(direct->source, far);
}

struct cyc_session_source cyc_direct_source(struct cyc_direct *direct)
{
    return (struct cyc_session_source){direct, ask, answer, expectations, progress};
}

static int row(void *context, const struct cyc_record *record, const char *step_type,
               struct cyc_err *err)
{
    struct cyc_direct *direct = context;
    return cyc_run_row(direct->run, record, step_type, err);
}

static int step_begin(void *context, const struct cyc_step *step, uint32_t step_count, int64_t t_ns,
                      struct cyc_err *err)
{
    struct cyc_direct *direct = context;
    return cyc_run_step_begin(direct->run, step, step_count, t_ns, err);
}

static int step_end(void *context, const struct cyc_step *step, const struct cyc_result *result,
                    struct cyc_err *err)
{
    struct cyc_direct *direct = context;
    return cyc_run_step_end(direct->run, step, result, err);
}

static int cycle(void *context, const struct cyc_cycle *ended, struct cyc_err *err)
{
    struct cyc_direct *direct = context;
    return cyc_run_cycle(direct->run, ended, err);
}

static int event(void *context, int64_t t_ns, const char *who, const char *what, const char *why,
                 struct cyc_err *err)
{
    struct cyc_direct *direct = context;
    return cyc_run_event(direct->run, t_ns, who, what, why, err);
}

static int expectation(void *context, const struct cyc_expectation *expected, struct cyc_err *err)
{
    struct cyc_direct *direct = context;
    return cyc_run_expectation(direct->run, expected->name, expected->unit, expected->value,
                               expected->is, expected->tolerance, expected->source, err);
}

static int commit(void *context, struct cyc_err *err)
{
    struct cyc_direct *direct = context;
    return cyc_run_commit(direct->run, err);
}

static int finish(void *context, const char *end, const char *why, int64_t t_ns,
                  struct cyc_err *err)
{
    struct cyc_direct *direct = context;
    struct cyc_run *run = direct->run;
    direct->run = NULL;
    return cyc_run_finish(run, end, why, t_ns, err);
}

struct cyc_session_store cyc_direct_store(struct cyc_direct *direct)
{
    return (struct cyc_session_store){direct, row,         step_begin, step_end, cycle,
                                      event,  expectation, commit,     finish};
}

void cyc_direct_close(struct cyc_direct *direct, const char *why, int64_t t_ns)
{
    if (direct->run != NULL) {
        (void)finish(direct, "interrupted", why, t_ns, NULL);
    }
    if (direct->source != NULL) {
        cyc_source_close(direct->source);
        direct->source = NULL;
    }
}
