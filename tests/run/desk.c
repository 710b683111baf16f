#include "desk.h"

#include "check/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The port, the store, the source --------------------------------------------------------- */

static int take(void *context, int instrument, const struct cyc_message *message,
                struct cyc_err *err)
{
    (void)err;
    (void)instrument;
    struct desk *desk = context;
    if (desk->sent_count < DESK_SENT_MAX) {
        desk->sent[desk->sent_count++] = *message;
    }
    return CYC_OK;
}

static int keep_row(void *context, const struct cyc_record *record, const char *type,
                    struct cyc_err *err)
{
    (void)record;
    (void)type;
    (void)err;
    ((struct desk *)context)->row_count++;
    return CYC_OK;
}

static int keep_begin(void *context, const struct cyc_step *step, uint32_t count, int64_t t_ns,
                      struct cyc_err *err)
{
    (void)step;
    (void)count;
    (void)t_ns;
    (void)err;
    struct desk *desk = context;
    desk->intent = ++desk->ticket;
    return CYC_OK;
}

static int keep_end(void *context, const struct cyc_step *step, const struct cyc_result *result,
                    struct cyc_err *err)
{
    (void)step;
    struct desk *desk = context;
    if (desk->fails != NULL) {
        *err = *desk->fails;
        return err->status;
    }
    desk->result = *result;
    desk->end_count++;
    return CYC_OK;
}

static int keep_cycle(void *context, const struct cyc_cycle *cycle, struct cyc_err *err)
{
    (void)context;
    (void)cycle;
    (void)err;
    return CYC_OK;
}

static int keep_event(void *context, int64_t t_ns, const char *who, const char *what,
                      const char *why, struct cyc_err *err)
{
    (void)context;
    (void)t_ns;
    (void)who;
    (void)what;
    (void)why;
    (void)err;
    return CYC_OK;
}

static int keep_expectation(void *context, const struct cyc_expectation *row, struct cyc_err *err)
{
    (void)context;
    (void)row;
    (void)err;
    return CYC_OK;
}

static int commit(void *context, struct cyc_err *err)
{
    const struct desk *desk = context;
    if (desk->fails != NULL) {
        *err = *desk->fails;
        return err->status;
    }
    return CYC_OK;
}

static int finish(void *context, const char *end, const char *why, int64_t t_ns,
                  struct cyc_err *err)
{
    (void)t_ns;
    (void)err;
    struct desk *desk = context;
    (void)cyc_copy(desk->end, sizeof desk->end, end);
    (void)cyc_copy(desk->why, sizeof desk->why, why);
    return CYC_OK;
}

static int ask(void *context, const struct cyc_result *result, struct cyc_err *err)
{
    (void)result;
    (void)err;
    ((struct desk *)context)->asked = true;
    return CYC_OK;
}

static int answer(void *context, struct cyc_item *item, struct cyc_err *err)
{
    struct desk *desk = context;
    if (desk->next >= desk->step_count) {
        return cyc_err_set(err, CYC_E_TIMEOUT, "not yet");
    }
    item->kind = CYC_ITEM_STEP;
    item->step = &desk->steps[desk->next++];
    return CYC_OK;
}

static unsigned expectations(void *context, const struct cyc_expectation **rows)
{
    (void)context;
    *rows = NULL;
    return 0;
}

/* What must be durable before anything energises, beside a step that begins. */
static void intend(void *context)
{
    struct desk *desk = context;
    desk->intent = ++desk->ticket;
}

static void progress(void *context, struct cyc_source_progress *far)
{
    (void)context;
    *far = (struct cyc_source_progress){0, 0};
}

/* ---- The desk -------------------------------------------------------------------------------- */

void desk_set_step(struct desk *desk, unsigned index, enum cyc_control control, double value)
{
    struct cyc_step *step = &desk->steps[index];
    const struct cyc_environment unchanged = {NAN, NAN, false, NAN, false};
    *step = (struct cyc_step){.mode = control == CYC_CONTROL_OPEN ? CYC_MODE_REST : CYC_MODE_CC,
                              .id = index + 1,
                              .segment_count = 1,
                              .hold_V = NAN,
                              .timeout_ns = CYC_NEVER,
                              .environment = unchanged};
    desk->segments[index] =
        (struct cyc_segment){.duration_ns = CYC_NEVER, .control = control, .value = value};
    step->segments = &desk->segments[index];
    step->record.every_ns = CYC_S_NS;
}

void desk_cut_at(struct desk *desk, unsigned index, double voltage_V)
{
    struct cyc_step *step = &desk->steps[index];
    step->ops[0] = (struct cyc_op){.code = CYC_OP_SIGNAL, .signal = CYC_SIGNAL_VOLTAGE};
    step->ops[1] = (struct cyc_op){.code = CYC_OP_CONST, .value = voltage_V};
    step->ops[2] = (struct cyc_op){.code = CYC_OP_GE};
    step->op_count = 3;
    step->cutoffs[0] = (struct cyc_cutoff){.when = {0, 3},
                                           .reason = CYC_REASON_VOLTAGE,
                                           .entry = CYC_ENTRY_SETTLED,
                                           .action = CYC_FOLLOW_NEXT};
    step->cutoff_count = 1;
}

void desk_lay_out(struct desk *desk, double rate)
{
    struct cyc_err err = {0};
    memset(desk, 0, sizeof *desk);
    desk->rig.instruments = desk->instruments;
    desk->rig.channels = &desk->channel;
    desk->rig.instrument_count = 2;
    desk->rig.channel_count = 1;
    desk->instruments[0].poll_ns = DESK_PERIOD_NS;
    desk->instruments[1].poll_ns = 5 * CYC_S_NS;
    (void)cyc_copy(desk->instruments[0].name, sizeof desk->instruments[0].name, "smu");
    desk->channel = (struct cyc_rig_channel){.cycler = 0,
                                             .chamber = 1,
                                             .press = -1,
                                             .temperature = -1,
                                             .pressure = -1,
                                             .ambient = -1,
                                             .limits = {2, 5, -0.1, 0.1, NAN, NAN, NAN, NAN},
                                             .voltage = {.gain = 1},
                                             .current = {.gain = 1}};
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        desk->channel.aux[i] = -1;
    }
    cyc_merge_init(&desk->merge, &desk->rig, 0);
    const struct cyc_live_options options = {
        .merge = &desk->merge,
        .hands = {.context = desk, .send = take},
        .source = {desk, ask, answer, expectations, progress},
        .store = {desk, keep_row, keep_begin, keep_end, keep_cycle, keep_event, keep_expectation,
                  commit, finish},
        .intent = &desk->intent,
        .intend = intend,
        .rate = rate,
        .facts = {1, NAN, NAN, NAN, NAN, NAN},
        .one_c_A = 1,
    };
    CU_ASSERT_FATAL(cyc_live_open(&options, &desk->live, &err) == CYC_OK);
    desk->now_ns = 1000 * CYC_S_NS;
    desk_set_step(desk, 0, CYC_CONTROL_CURRENT, 0.01);
    desk_set_step(desk, 1, CYC_CONTROL_CURRENT, -0.01);
}

void desk_clear_away(struct desk *desk)
{
    cyc_live_close(desk->live);
}

struct cyc_message desk_reading(struct desk *desk, uint32_t setpoint_number, double voltage_V,
                                double current_A)
{
    struct cyc_message message = {.kind = CYC_MESSAGE_READING,
                                  .channel = -1,
                                  .epoch = 1,
                                  .number = ++desk->number,
                                  .setpoint_number = setpoint_number};
    struct cyc_reading *made = &message.as.reading;
    made->t_ns = desk->now_ns;
    made->flags = CYC_SAMPLE_OUTPUT_ON;
    made->valid = 1u << CYC_MEASURAND_VOLTAGE | 1u << CYC_MEASURAND_CURRENT;
    made->values[CYC_MEASURAND_VOLTAGE] = voltage_V;
    made->values[CYC_MEASURAND_CURRENT] = current_A;
    return message;
}

void desk_read_cell(struct desk *desk, uint32_t setpoint_number, double voltage_V, double current_A)
{
    const struct cyc_message message = desk_reading(desk, setpoint_number, voltage_V, current_A);
    cyc_live_message(desk->live, &message, desk->now_ns);
}

const struct cyc_message *desk_last(const struct desk *desk, enum cyc_message_kind kind)
{
    for (unsigned i = desk->sent_count; i > 0; i--) {
        if (desk->sent[i - 1].kind == (uint32_t)kind) {
            return &desk->sent[i - 1];
        }
    }
    return NULL;
}

enum cyc_control desk_control_of(const struct desk *desk)
{
    const struct cyc_message *message = desk_last(desk, CYC_MESSAGE_APPLY);
    return message != NULL ? message->as.drive.setpoint.control : CYC_CONTROL_OPEN;
}

void desk_reply(struct desk *desk, int status)
{
    const struct cyc_message *applied = desk_last(desk, CYC_MESSAGE_APPLY);
    CU_ASSERT_FATAL(applied != NULL);
    struct cyc_message message = {.kind = CYC_MESSAGE_APPLIED,
                                  .index = CYC_MESSAGE_APPLY,
                                  .status = status,
                                  .t_ns = desk->now_ns};
    message.as.drive.setpoint = applied->as.drive.setpoint;
    const char *found = "the output was switched off at the instrument";
    (void)cyc_copy(message.text, sizeof message.text, status == CYC_E_HELD ? found : "as asked");
    cyc_live_message(desk->live, &message, desk->now_ns);
}

void desk_wait_ms(struct desk *desk, int64_t ms)
{
    const int64_t until_ns = desk->now_ns + ms * CYC_MS_NS;
    while (cyc_live_wake_ns(desk->live) <= until_ns) {
        const int64_t wake_ns = cyc_live_wake_ns(desk->live);
        desk->now_ns = wake_ns > desk->now_ns ? wake_ns : desk->now_ns + CYC_MS_NS;
        cyc_live_tick(desk->live, desk->now_ns);
    }
    desk->now_ns = until_ns;
    cyc_live_tick(desk->live, desk->now_ns);
}

void desk_begin(struct desk *desk)
{
    struct cyc_message armed = {.kind = CYC_MESSAGE_ARMED};
    cyc_live_start(desk->live, desk->now_ns);
    cyc_live_message(desk->live, &armed, desk->now_ns);
    desk_reply(desk, CYC_OK);
    desk_read_cell(desk, 0, 3.7, 0.0);
    desk->step_count = 1;
    cyc_live_source(desk->live, desk->now_ns);
    desk->now_ns += CYC_MS_NS;
    desk_read_cell(desk, 0, 3.7, 0.0);
}

void desk_drive(struct desk *desk)
{
    desk_begin(desk);
    cyc_live_durable(desk->live, desk->ticket, desk->now_ns);
    desk->now_ns += CYC_MS_NS;
    desk_reply(desk, CYC_OK);
    desk->now_ns += CYC_MS_NS;
    desk_read_cell(desk, 1, 3.71, 0.01);
}

bool desk_has_ended(const struct desk *desk, const char *why)
{
    return strcmp(desk->end, "fault") == 0 && strstr(desk->why, why) != NULL;
}

bool desk_is_held(const struct desk *desk, const char *why)
{
    struct cyc_live_view view;
    cyc_live_view(desk->live, &view);
    return view.state == CYC_LIVE_AWAY && view.held && strstr(view.why, why) != NULL;
}
