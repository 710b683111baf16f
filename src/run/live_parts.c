#include "run/live_parts.h"

#include <stdlib.h>
#include <time.h>

/* ---- Source ---------------------------------------------------------------------------------- */

static int ask(void *context, const struct cyc_result *result, struct cyc_err *err)
{
    struct cyc_live_parts *parts = context;
    return cyc_source_process_ask(parts->source, result, err);
}

static int answer(void *context, struct cyc_item *item, struct cyc_err *err)
{
    struct cyc_live_parts *parts = context;
    struct cyc_source_answer *got = parts->answer;
    const int status = cyc_source_process_answer(parts->source, got, err);
    if (status != CYC_OK) {
        return status;
    }
    if (got->status != CYC_OK) {
        return cyc_err_set(err, got->status, "%s", got->text);
    }
    *item = (struct cyc_item){
        .kind = got->kind,
        .step = &got->step,
        .text = got->text,
        .cycle = got->cycle_item,
        .finish = got->finish,
    };
    return CYC_OK;
}

static unsigned expectations(void *context, const struct cyc_expectation **rows)
{
    const struct cyc_live_parts *parts = context;
    *rows = parts->answer->expectations;
    return parts->answer->kind == CYC_ITEM_END ? parts->answer->expectation_count : 0;
}

static void progress(void *context, struct cyc_source_progress *far)
{
    const struct cyc_live_parts *parts = context;
    *far = (struct cyc_source_progress){parts->answer->cycle, parts->answer->cycle_count};
}

struct cyc_session_source cyc_live_parts_source(struct cyc_live_parts *parts)
{
    return (struct cyc_session_source){parts, ask, answer, expectations, progress};
}

/* ---- Store ----------------------------------------------------------------------------------- */

static int posted(const struct cyc_live_parts *parts, uint64_t ticket, struct cyc_err *err)
{
    return ticket != 0 ? CYC_OK : cyc_writer_why(parts->writer, parts->slot, err);
}

static int row(void *context, const struct cyc_record *record, const char *step_type,
               struct cyc_err *err)
{
    const struct cyc_live_parts *parts = context;
    return posted(parts, cyc_writer_row(parts->writer, parts->slot, record, step_type), err);
}

/* What was posted is known to the executor as it is now. */
static int commit(void *context, struct cyc_err *err)
{
    struct cyc_live_parts *parts = context;
    parts->marked = true;
    struct cyc_resume_host host;
    struct cyc_writer_place place = {.host = &host};
    cyc_live_remember(parts->live, &host);
    place.reading_number = cyc_live_reading_number(parts->live, &place.epoch);
    return posted(parts,
                  cyc_writer_state(parts->writer, parts->slot,
                                   cyc_session_core(cyc_live_session(parts->live)), &place),
                  err);
}

static int64_t unix_now_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec;
}

static int step_begin(void *context, const struct cyc_step *step, uint32_t step_count, int64_t t_ns,
                      struct cyc_err *err)
{
    struct cyc_live_parts *parts = context;
    if (!parts->marked) { /* whoever returns to the first step starts from before it */
        (void)cyc_writer_anchor(parts->writer, parts->slot, unix_now_ns() - t_ns);
        const int status = commit(context, err);
        if (status != CYC_OK) {
            return status;
        }
    }
    const uint64_t ticket =
        cyc_writer_step_begin(parts->writer, parts->slot, step, step_count, t_ns);
    parts->intent = ticket != 0 ? ticket : UINT64_MAX;
    return posted(parts, ticket, err);
}

static int step_end(void *context, const struct cyc_step *step, const struct cyc_result *result,
                    struct cyc_err *err)
{
    const struct cyc_live_parts *parts = context;
    return posted(parts, cyc_writer_step_end(parts->writer, parts->slot, step, result), err);
}

static int cycle(void *context, const struct cyc_cycle *ended, struct cyc_err *err)
{
    const struct cyc_live_parts *parts = context;
    return posted(parts, cyc_writer_cycle(parts->writer, parts->slot, ended), err);
}

static int event(void *context, int64_t t_ns, const char *who, const char *what, const char *why,
                 struct cyc_err *err)
{
    struct cyc_live_parts *parts = context;
    parts->posted = cyc_writer_event(parts->writer, parts->slot, t_ns, who, what, why);
    return posted(parts, parts->posted, err);
}

static int expectation(void *context, const struct cyc_expectation *expected, struct cyc_err *err)
{
    const struct cyc_live_parts *parts = context;
    return posted(parts, cyc_writer_expectation(parts->writer, parts->slot, expected), err);
}

void cyc_live_parts_gap(void *context, const struct cyc_gap *gap)
{
    struct cyc_live_parts *parts = context;
    parts->posted = cyc_writer_gap(parts->writer, parts->slot, gap);
}

void cyc_live_parts_ending(void *context, uint32_t step_count, struct cyc_ending *ending)
{
    const struct cyc_live_parts *parts = context;
    (void)cyc_writer_ending(parts->writer, parts->slot, step_count, ending);
}

void cyc_live_parts_trace(void *context, const char *text, size_t size)
{
    const struct cyc_live_parts *parts = context;
    cyc_writer_trace(parts->writer, parts->slot, text, size);
}

void cyc_live_parts_intend(void *context)
{
    struct cyc_live_parts *parts = context;
    const bool lost = parts->posted == 0; /* it will never be durable */
    parts->intent = lost                            ? UINT64_MAX
                    : parts->posted > parts->intent ? parts->posted
                                                    : parts->intent;
}

static int finish(void *context, const char *end, const char *why, int64_t t_ns,
                  struct cyc_err *err)
{
    struct cyc_live_parts *parts = context;
    parts->finish = cyc_writer_finish(parts->writer, parts->slot, end, why, t_ns);
    return posted(parts, parts->finish, err);
}

struct cyc_session_store cyc_live_parts_store(struct cyc_live_parts *parts)
{
    return (struct cyc_session_store){parts, row,         step_begin, step_end, cycle,
                                      event, expectation, commit,     finish};
}

/* ---- Both ------------------------------------------------------------------------------------ */

int cyc_live_parts_open(struct cyc_live_parts *parts, const struct cyc_source_start *start,
                        struct cyc_err *err)
{
    parts->answer = calloc(1, sizeof *parts->answer);
    if (parts->answer == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the protocol's answers");
    }
    return cyc_source_process_start(start, &parts->source, err);
}

void cyc_live_parts_close(struct cyc_live_parts *parts)
{
    cyc_source_process_end(parts->source);
    free(parts->answer);
    parts->source = NULL;
    parts->answer = NULL;
}
