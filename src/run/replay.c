#include "run/replay_int.h"

#include "run/trace.h"
#include "store/state.h"

#include <stdlib.h>
#include <string.h>

struct replay {
    struct replay_reader reader;
    struct replayed replayed;
    struct cyc_core *core; /* owned */
    struct cyc_actions actions;
    struct cyc_text now; /* lines as they would be written today */
    struct cyc_replay_outcome *outcome;
};

static int bad_line(const struct replay *replay, struct cyc_err *err)
{
    const struct replay_reader *reader = &replay->reader;
    const char *feed = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    const int rest = feed != NULL && feed - reader->at < 60 ? (int)(feed - reader->at) : 60;
    return cyc_err_set(
        err, CYC_E_INPUT, "line %llu of the trace cannot be read by this version, from '%.*s' on",
        (unsigned long long)reader->line,
        reader->end - reader->at < rest ? (int)(reader->end - reader->at) : rest, reader->at);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static void copy_line(char *to, size_t room, const char *from, const char *end)
{
    const char *feed = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;
    size_t size = feed != NULL ? (size_t)(feed - from) : from < end ? (size_t)(end - from) : 0;
    size = size < room ? size : room - 1;
    memcpy(to, from, size);
    to[size] = '\0';
}

/* The first line that differs; `line`: number of the first one. */
static void compare(struct replay *replay, const char *then, const char *then_end, uint64_t line)
{
    struct cyc_replay_outcome *outcome = replay->outcome;
    const char *now = cyc_text_get(&replay->now);
    const char *now_end = now + replay->now.length;
    const size_t size = (size_t)(then_end - then);
    if (outcome->line != 0 || (size == replay->now.length && memcmp(then, now, size) == 0)) {
        return;
    }
    const char *then_line = then, *now_line = now;
    for (; then < then_end && now < now_end && *then == *now; then++, now++) {
        if (*then == '\n') {
            line++;
            then_line = then + 1;
            now_line = now + 1;
        }
    }
    outcome->line = line;
    copy_line(outcome->then, sizeof outcome->then, then_line, then_end);
    copy_line(outcome->now, sizeof outcome->now, now_line, now_end);
}

/* Lines of answers: up to the next event or state. */
static void skip_answers(struct replay_reader *reader)
{
    while (reader->at < reader->end && (*reader->at == '<' || *reader->at == '=')) {
        const char *feed = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
        reader->at = feed != NULL ? feed + 1 : reader->end;
        reader->line++;
    }
}

/* ---- Deciding -------------------------------------------------------------------------------- */

static void count_ends(struct replay *replay)
{
    for (unsigned i = 0; i < replay->actions.count; i++) {
        replay->outcome->step_count += replay->actions.items[i].kind == CYC_ACTION_STEP_DONE;
    }
}

static int decide(struct replay *replay, struct cyc_err *err)
{
    struct replay_reader *reader = &replay->reader;
    struct replayed *replayed = &replay->replayed;
    const char *const event = reader->at;
    const char *from = event;
    uint64_t line = reader->line;
    if (!cyc_replay_read_event(reader, replayed)) {
        return bad_line(replay, err);
    }
    const struct cyc_step *step = replayed->has_step ? &replayed->step : NULL;
    cyc_text_clear(&replay->now);
    cyc_trace_put_event(&replay->now, step, &replayed->event);
    compare(replay, from, reader->at, line); /* that it was understood to the last digit */
    cyc_core_handle(replay->core, step, &replayed->event, &replay->actions);
    replay->outcome->event_count++;
    count_ends(replay);
    from = reader->at;
    line = reader->line;
    skip_answers(reader);
    if (reader->at > from) {
        cyc_text_clear(&replay->now);
        cyc_trace_put_actions(&replay->now, &replay->actions);
        compare(replay, from, reader->at, line);
    }
    if (replay->outcome->line != 0) {
        copy_line(replay->outcome->event, sizeof replay->outcome->event, event, reader->end);
    }
    return replay->now.failed ? cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to replay") : CYC_OK;
}

/* The saved state goes up to the next line that begins with a sign of a trace. */
static int load_state(struct replay *replay, struct cyc_err *err)
{
    struct replay_reader *reader = &replay->reader;
    struct cyc_text state = {0};
    while (reader->at < reader->end && strchr("<>=@", *reader->at) == NULL) {
        const char *feed = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
        const char *next = feed != NULL ? feed + 1 : reader->end;
        cyc_text_append_size(&state, reader->at, (size_t)(next - reader->at));
        reader->at = next;
        reader->line++;
    }
    const struct replayed *replayed = &replay->replayed;
    const int status = cyc_state_load(replay->core, replayed->has_step ? &replayed->step : NULL,
                                      cyc_text_get(&state), err);
    cyc_text_release(&state);
    return status;
}

static int set_up(struct replay *replay, struct cyc_err *err)
{
    struct replay_reader *reader = &replay->reader;
    struct cyc_patience patience;
    if (cyc_replay_take(reader, "@ patience ") && cyc_replay_read_patience(reader, &patience)) {
        replay->replayed.has_step = false;
        if (cyc_replay_take(reader, "@ step") && !cyc_replay_read_step(reader, &replay->replayed)) {
            return bad_line(replay, err);
        }
        if (cyc_replay_take(reader, "@ state\n")) {
            const int status = load_state(replay, err);
            cyc_core_set_patience(replay->core, &patience);
            return status;
        }
    }
    return bad_line(replay, err);
}

static int walk(struct replay *replay, struct cyc_err *err)
{
    struct replay_reader *reader = &replay->reader;
    int status = CYC_OK;
    if (!cyc_replay_take(reader, CYC_TRACE_HEADING)) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "this is no trace: it does not begin with 'cyclostat trace 1'");
    }
    while (status == CYC_OK && reader->at < reader->end && replay->outcome->line == 0) {
        status = *reader->at == '@' ? set_up(replay, err) : decide(replay, err);
    }
    return status;
}

int cyc_replay(const char *text, size_t size, struct cyc_replay_outcome *outcome,
               struct cyc_err *err)
{
    struct replay *replay = calloc(1, sizeof *replay);
    struct cyc_core *core = calloc(1, cyc_core_size());
    *outcome = (struct cyc_replay_outcome){0};
    if (replay == NULL || core == NULL) {
        free(replay);
        free(core);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to replay");
    }
    replay->reader = (struct replay_reader){.at = text, .end = text + size, .line = 1};
    replay->core = core;
    replay->outcome = outcome;
    cyc_core_init(core);
    const int status = walk(replay, err);
    cyc_text_release(&replay->now);
    free(replay->replayed.segments);
    free(core);
    free(replay);
    return status;
}
