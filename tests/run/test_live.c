/* A live channel on readings made by hand: no process, no clock, no disk. The port is a list of the
 * messages that left, the store gives tickets, the source says its step when it is told to. */
#include "check/check.h"
#include "run/live.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_NS (100 * CYC_MS_NS)
#define SENT_MAX  64

struct desk {
    struct cyc_rig rig;
    struct cyc_rig_instrument instruments[2];
    struct cyc_rig_channel channel;
    struct cyc_merge merge;
    struct cyc_live *live;
    struct cyc_message sent[SENT_MAX];
    unsigned sent_count;
    uint64_t ticket, intent;
    unsigned row_count, end_count;
    struct cyc_result result; /* of the step that ended last */
    char end[16], why[512];
    struct cyc_step steps[2];
    struct cyc_segment segments[2];
    unsigned step_count, next; /* steps that are there by now */
    bool asked;
    int64_t now_ns;
    uint64_t number; /* of readings */
};

/* ---- The port, the store, the source --------------------------------------------------------- */

static int take(void *context, int instrument, const struct cyc_message *message,
                struct cyc_err *err)
{
    (void)err;
    (void)instrument;
    struct desk *desk = context;
    if (desk->sent_count < SENT_MAX) {
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
    (void)err;
    struct desk *desk = context;
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
    (void)context;
    (void)err;
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

static void set_step(struct desk *desk, unsigned index, enum cyc_control control, double value)
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

/* Ends at a voltage, from the first settled sample on. */
static void cut_at(struct desk *desk, unsigned index, double voltage_V)
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

static void lay_out(struct desk *desk, double rate)
{
    struct cyc_err err = {0};
    memset(desk, 0, sizeof *desk);
    desk->rig.instruments = desk->instruments;
    desk->rig.channels = &desk->channel;
    desk->rig.instrument_count = 2;
    desk->rig.channel_count = 1;
    desk->instruments[0].poll_ns = PERIOD_NS;
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
    set_step(desk, 0, CYC_CONTROL_CURRENT, 0.01);
    set_step(desk, 1, CYC_CONTROL_CURRENT, -0.01);
}

static void clear_away(struct desk *desk)
{
    cyc_live_close(desk->live);
}

static struct cyc_message reading(struct desk *desk, uint32_t setpoint_number, double voltage_V,
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

static void read_cell(struct desk *desk, uint32_t setpoint_number, double voltage_V,
                      double current_A)
{
    const struct cyc_message message = reading(desk, setpoint_number, voltage_V, current_A);
    cyc_live_message(desk->live, &message, desk->now_ns);
}

/* The latest message of a kind; NULL: none. */
static const struct cyc_message *last(const struct desk *desk, enum cyc_message_kind kind)
{
    for (unsigned i = desk->sent_count; i > 0; i--) {
        if (desk->sent[i - 1].kind == (uint32_t)kind) {
            return &desk->sent[i - 1];
        }
    }
    return NULL;
}

static enum cyc_control control_of(const struct desk *desk)
{
    const struct cyc_message *message = last(desk, CYC_MESSAGE_APPLY);
    return message != NULL ? message->as.drive.setpoint.control : CYC_CONTROL_OPEN;
}

static void reply(struct desk *desk, int status)
{
    const struct cyc_message *applied = last(desk, CYC_MESSAGE_APPLY);
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

static void wait_ms(struct desk *desk, int64_t ms)
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

/* Armed, resting, loaded; the first step begun, its setpoint wanted and not durable yet. */
static void begin(struct desk *desk)
{
    struct cyc_message armed = {.kind = CYC_MESSAGE_ARMED};
    cyc_live_start(desk->live, desk->now_ns);
    cyc_live_message(desk->live, &armed, desk->now_ns);
    reply(desk, CYC_OK);
    read_cell(desk, 0, 3.7, 0.0);
    desk->step_count = 1;
    cyc_live_source(desk->live, desk->now_ns);
    desk->now_ns += CYC_MS_NS;
    read_cell(desk, 0, 3.7, 0.0);
}

/* And under way. */
static void drive(struct desk *desk)
{
    begin(desk);
    cyc_live_durable(desk->live, desk->ticket, desk->now_ns);
    desk->now_ns += CYC_MS_NS;
    reply(desk, CYC_OK);
    desk->now_ns += CYC_MS_NS;
    read_cell(desk, 1, 3.71, 0.01);
}

static bool has_ended(const struct desk *desk, const char *why)
{
    return strcmp(desk->end, "fault") == 0 && strstr(desk->why, why) != NULL;
}

static bool is_held(const struct desk *desk, const char *why)
{
    struct cyc_live_view view;
    cyc_live_view(desk->live, &view);
    return view.state == CYC_LIVE_AWAY && view.held && strstr(view.why, why) != NULL;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void a_setpoint_waits_until_its_step_is_durable(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    begin(&desk);
    CU_ASSERT(desk.intent == 1);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_OPEN);
    wait_ms(&desk, 50);
    read_cell(&desk, 0, 3.7, 0.0);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_OPEN);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_CURRENT);
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) == NULL);
    clear_away(&desk);
}

static void an_intent_that_does_not_become_durable_makes_safe_for_the_disk(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    begin(&desk);
    wait_ms(&desk, 240);
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) == NULL);
    wait_ms(&desk, 20);
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(has_ended(&desk, "disk"));
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_OPEN);
    clear_away(&desk);
}

static void while_the_next_step_is_awaited_the_old_setpoint_stays_for_one_sample(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    cut_at(&desk, 0, 4.2);
    drive(&desk);
    desk.now_ns += CYC_MS_NS;
    read_cell(&desk, 1, 4.21, 0.01);
    CU_ASSERT(desk.end_count == 1);
    wait_ms(&desk, 90);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_CURRENT);
    wait_ms(&desk, 20);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_OPEN);
    CU_ASSERT(last(&desk, CYC_MESSAGE_APPLY)->as.drive.setpoint.number == 1);
    reply(&desk, CYC_OK);
    desk.step_count = 2; /* it comes after all */
    cyc_live_source(desk.live, desk.now_ns);
    read_cell(&desk, 1, 4.1, 0.0);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_CURRENT);
    CU_ASSERT(last(&desk, CYC_MESSAGE_APPLY)->as.drive.setpoint.value < 0);
    clear_away(&desk);
}

static void a_source_that_stays_silent_is_a_fault(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    cut_at(&desk, 0, 4.2);
    drive(&desk);
    desk.now_ns += CYC_MS_NS;
    read_cell(&desk, 1, 4.21, 0.01);
    wait_ms(&desk, 150);
    reply(&desk, CYC_OK);
    wait_ms(&desk, 1800);
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) == NULL);
    wait_ms(&desk, 100);
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(has_ended(&desk, "no step"));
    clear_away(&desk);
}

static void a_reading_under_an_older_setpoint_ends_nothing(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    cut_at(&desk, 0, 4.2);
    begin(&desk);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    struct cyc_message late = reading(&desk, 0, 4.3, 0.0);
    desk.now_ns += CYC_MS_NS;
    cyc_live_message(desk.live, &late, desk.now_ns);
    CU_ASSERT(desk.end_count == 0);
    late = reading(&desk, 1, 4.3, 0.01); /* under it, and before the port had it in force */
    desk.now_ns += CYC_MS_NS;
    reply(&desk, CYC_OK);
    cyc_live_message(desk.live, &late, desk.now_ns);
    CU_ASSERT(desk.end_count == 0);
    desk.now_ns += CYC_MS_NS;
    read_cell(&desk, 1, 4.3, 0.01);
    CU_ASSERT(desk.end_count == 1);
    CU_ASSERT(desk.result.reason == CYC_REASON_VOLTAGE);
    clear_away(&desk);
}

static void a_number_of_an_earlier_run_is_nobodys(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    cut_at(&desk, 0, 4.2);
    struct cyc_message armed = {.kind = CYC_MESSAGE_ARMED};
    cyc_live_start(desk.live, desk.now_ns);
    cyc_live_message(desk.live, &armed, desk.now_ns);
    reply(&desk, CYC_OK);
    desk.step_count = 1;
    cyc_live_source(desk.live, desk.now_ns);
    read_cell(&desk, 0, 3.7, 0.0);
    desk.now_ns += CYC_MS_NS;
    read_cell(&desk, 1, 4.3, 0.01); /* setpoint 1 of this run has not gone out */
    CU_ASSERT(desk.end_count == 0);
    clear_away(&desk);
}

static void without_readings_the_run_is_made_safe_and_held_before_three_seconds(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    drive(&desk);
    wait_ms(&desk, 2300);
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) == NULL);
    wait_ms(&desk, 700);
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(is_held(&desk, "mute"));
    clear_away(&desk);
}

static void so_it_does_at_a_rate_in_real_time(void)
{
    static struct desk desk;
    lay_out(&desk, 1000);
    drive(&desk);
    wait_ms(&desk, 2300);
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) == NULL);
    wait_ms(&desk, 2200);
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(cyc_live_run_time_ns(desk.live, desk.now_ns) > 4000 * CYC_S_NS);
    clear_away(&desk);
}

static void a_setpoint_that_is_refused_is_a_fault_with_the_ports_words(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    begin(&desk);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    reply(&desk, CYC_E_REFUSED);
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(has_ended(&desk, "as asked"));
    clear_away(&desk);
}

static void a_command_without_an_answer_makes_safe_and_holds(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    begin(&desk);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    for (unsigned i = 0; i < 32; i++) {
        wait_ms(&desk, 100);
        read_cell(&desk, 0, 3.7, 0.0);
    }
    CU_ASSERT(last(&desk, CYC_MESSAGE_SAFE) != NULL);
    CU_ASSERT(is_held(&desk, "not answered"));
    clear_away(&desk);
}

static void a_trip_of_the_port_ends_the_run_and_says_why(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    drive(&desk);
    struct cyc_message tripped = {.kind = CYC_MESSAGE_TRIPPED};
    (void)cyc_copy(tripped.text, sizeof tripped.text, "voltage above 4.5 V");
    cyc_live_message(desk.live, &tripped, desk.now_ns);
    CU_ASSERT(has_ended(&desk, "voltage above 4.5 V"));
    CU_ASSERT(last(&desk, CYC_MESSAGE_DISARM) != NULL);
    clear_away(&desk);
}

static void a_pause_goes_out_at_once_and_resuming_once_that_is_durable(void)
{
    static struct desk desk;
    struct cyc_err err = {0};
    lay_out(&desk, 1);
    drive(&desk);
    CU_ASSERT(cyc_live_operator(desk.live, CYC_OPERATOR_RESUME, "me", desk.now_ns, &err) ==
              CYC_E_REFUSED);
    CU_ASSERT(cyc_live_operator(desk.live, CYC_OPERATOR_PAUSE, "me", desk.now_ns, &err) == CYC_OK);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_OPEN);
    reply(&desk, CYC_OK);
    desk.now_ns += CYC_MS_NS;
    read_cell(&desk, 2, 3.7, 0.0);
    CU_ASSERT(cyc_live_operator(desk.live, CYC_OPERATOR_RESUME, "me", desk.now_ns, &err) == CYC_OK);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_OPEN);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_CURRENT);
    clear_away(&desk);
}

static void a_sweep_is_walked_in_steps_of_a_sample(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    desk.steps[0].mode = CYC_MODE_SWEEP;
    desk.steps[0].current_min_A = -0.01;
    desk.steps[0].current_max_A = 0.01;
    desk.segments[0] = (struct cyc_segment){.duration_ns = 100 * CYC_S_NS,
                                            .control = CYC_CONTROL_VOLTAGE,
                                            .value = 3.7,
                                            .slope_per_s = 0.01};
    drive(&desk);
    reply(&desk, CYC_OK);
    desk.now_ns += CYC_S_NS;
    read_cell(&desk, 1, 3.7, 0.001);
    const struct cyc_setpoint *setpoint = &last(&desk, CYC_MESSAGE_APPLY)->as.drive.setpoint;
    CU_ASSERT(setpoint->number == 1);
    CYC_NEAR(setpoint->value, 3.71, 1e-4);
    CYC_NEAR(setpoint->slope_per_s, 0, 0);
    clear_away(&desk);
}

static void a_sample_holds_the_chambers_temperature_and_its_age(void)
{
    static struct desk desk;
    struct cyc_sample sample;
    struct cyc_patience patience;
    lay_out(&desk, 1);
    struct cyc_message chamber = {.kind = CYC_MESSAGE_READING, .instrument = 1};
    chamber.as.reading.t_ns = desk.now_ns;
    chamber.as.reading.valid = 1u << CYC_MEASURAND_TEMPERATURE;
    chamber.as.reading.values[CYC_MEASURAND_TEMPERATURE] = 30.5;
    CU_ASSERT(!cyc_merge_reading(&desk.merge, &chamber, &sample));
    desk.now_ns += 4 * CYC_S_NS;
    const struct cyc_message message = reading(&desk, 0, 3.7, 0.0);
    CU_ASSERT(cyc_merge_reading(&desk.merge, &message, &sample));
    CYC_NEAR(sample.temperature_degC, 30.5, 0);
    CYC_NEAR(sample.ambient_degC, 30.5, 0);
    CU_ASSERT(sample.temperature_age_ns == 4 * CYC_S_NS);
    CU_ASSERT(isnan(sample.pressure_Pa) && sample.pressure_age_ns == 0);
    cyc_merge_patience(&desk.rig, 0, &patience);
    CU_ASSERT(patience.sample_ns == 3 * CYC_S_NS);
    CU_ASSERT(patience.temperature_ns == 15 * CYC_S_NS);
    clear_away(&desk);
}

/* ---- Seen, and not seen ---------------------------------------------------------------------- */

static void hear(struct desk *desk, enum cyc_message_kind kind, int status, const char *text)
{
    struct cyc_message message = {.kind = kind, .status = status, .t_ns = desk->now_ns};
    (void)cyc_copy(message.text, sizeof message.text, text);
    cyc_live_message(desk->live, &message, desk->now_ns);
}

static unsigned count(const struct desk *desk, enum cyc_message_kind kind)
{
    unsigned found = 0;
    for (unsigned i = 0; i < desk->sent_count; i++) {
        found += desk->sent[i].kind == (uint32_t)kind;
    }
    return found;
}

/* A charge that is to go on by itself after an interruption. */
static void drive_patiently(struct desk *desk)
{
    lay_out(desk, 1);
    desk->merge.linked = true;
    desk->steps[0].after_interruption = CYC_INTERRUPTION_CONTINUE;
    desk->steps[0].max_gap_ns = 3600 * CYC_S_NS;
    drive(desk);
    desk->sent_count = 0;
}

/* Minutes, in which it is made safe, the cable is pulled, and put in again. */
static void wait_for_long(struct desk *desk)
{
    hear(desk, CYC_MESSAGE_SAFE_DONE, CYC_OK, "");
    wait_ms(desk, 60000);
    desk->merge.linked = false;
    cyc_live_lost(desk->live, 0, desk->now_ns);
    wait_ms(desk, 1000);
    desk->merge.linked = true;
    hear(desk, CYC_MESSAGE_LINK, CYC_OK, "");
    wait_ms(desk, 60000);
}

/* Until a person speaks; then it is set up again, says so in its ARM, and goes on. */
static void waits_for_a_person(struct desk *desk)
{
    static const char why[] = "the output was switched off at the instrument; look at the cell";
    struct cyc_err err = {0};
    CU_ASSERT(is_held(desk, why));
    CU_ASSERT(count(desk, CYC_MESSAGE_APPLY) == 0);
    const unsigned arms = count(desk, CYC_MESSAGE_ARM);
    CU_ASSERT(cyc_live_operator(desk->live, CYC_OPERATOR_RESUME, "me", desk->now_ns, &err) ==
              CYC_OK);
    CU_ASSERT_FATAL(count(desk, CYC_MESSAGE_ARM) == arms + 1);
    CU_ASSERT(last(desk, CYC_MESSAGE_ARM)->index == CYC_ARM_BY_PERSON);
    hear(desk, CYC_MESSAGE_ARMED, CYC_OK, "");
    CU_ASSERT(count(desk, CYC_MESSAGE_APPLY) == 1 && control_of(desk) == CYC_CONTROL_OPEN);
    reply(desk, CYC_OK);
    desk->now_ns += CYC_MS_NS;
    cyc_live_durable(desk->live, desk->ticket, desk->now_ns);
    read_cell(desk, last(desk, CYC_MESSAGE_APPLY)->as.drive.setpoint.number, 3.7, 0);
    cyc_live_durable(desk->live, desk->ticket, desk->now_ns);
    CU_ASSERT(control_of(desk) == CYC_CONTROL_CURRENT);
    clear_away(desk);
}

static void an_output_key_that_was_pressed_holds_the_run_until_a_person_speaks(void)
{
    static struct desk desk;
    drive_patiently(&desk);
    struct cyc_message off = reading(&desk, 1, NAN, NAN);
    off.as.reading.valid = 0;
    off.as.reading.flags = CYC_SAMPLE_ENDED; /* the port sends it before it has looked twice */
    cyc_live_message(desk.live, &off, desk.now_ns);
    hear(&desk, CYC_MESSAGE_TRIPPED, CYC_E_HELD, "the output was switched off at the instrument");
    wait_for_long(&desk);
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 0);
    waits_for_a_person(&desk);
}

static void so_it_does_when_it_was_pressed_while_the_link_was_lost(void)
{
    static struct desk desk;
    drive_patiently(&desk);
    cyc_live_lost(desk.live, 0, desk.now_ns);
    wait_ms(&desk, 1000);
    desk.merge.linked = true;
    hear(&desk, CYC_MESSAGE_LINK, CYC_OK, "");
    CU_ASSERT(last(&desk, CYC_MESSAGE_ARM)->index != CYC_ARM_BY_PERSON);
    hear(&desk, CYC_MESSAGE_ARMED, CYC_E_HELD, "the output was switched off at the instrument");
    wait_for_long(&desk);
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 1);
    waits_for_a_person(&desk);
}

static void so_it_does_when_it_was_pressed_while_it_was_to_be_set_up_again(void)
{
    static struct desk desk;
    drive_patiently(&desk);
    hear(&desk, CYC_MESSAGE_TRIPPED, CYC_E_LOST, "it could not be read");
    hear(&desk, CYC_MESSAGE_TRIPPED, CYC_E_HELD, "the output was switched off at the instrument");
    hear(&desk, CYC_MESSAGE_ARMED, CYC_E_HELD, "the output was switched off at the instrument");
    wait_for_long(&desk);
    waits_for_a_person(&desk);
}

static void so_it_does_when_a_setpoint_finds_it_so(void)
{
    static struct desk desk;
    lay_out(&desk, 1);
    desk.merge.linked = true;
    desk.steps[0].after_interruption = CYC_INTERRUPTION_CONTINUE;
    begin(&desk);
    cyc_live_durable(desk.live, desk.ticket, desk.now_ns);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_CURRENT);
    reply(&desk, CYC_E_HELD);
    desk.sent_count = 0;
    wait_for_long(&desk);
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 0);
    waits_for_a_person(&desk);
}

static void come_back(struct desk *desk)
{
    cyc_live_tick(desk->live, desk->now_ns);
    CU_ASSERT_FATAL(count(desk, CYC_MESSAGE_ARM) == 1);
    hear(desk, CYC_MESSAGE_SAFE_DONE, CYC_OK, "");
    hear(desk, CYC_MESSAGE_ARMED, CYC_OK, "");
    CU_ASSERT_FATAL(count(desk, CYC_MESSAGE_APPLY) == 1);
    CU_ASSERT(control_of(desk) == CYC_CONTROL_OPEN);
    reply(desk, CYC_OK);
    cyc_live_durable(desk->live, desk->ticket, desk->now_ns);
    desk->now_ns += CYC_MS_NS;
    read_cell(desk, last(desk, CYC_MESSAGE_APPLY)->as.drive.setpoint.number, 3.7, 0);
}

static void what_nobody_has_seen_goes_on_once_the_intent_to_do_so_is_durable(void)
{
    static struct desk desk;
    drive_patiently(&desk);
    hear(&desk, CYC_MESSAGE_TRIPPED, CYC_E_LOST, "voltage and current could not be read");
    const uint64_t before = desk.intent;
    come_back(&desk);
    CU_ASSERT(desk.intent > before);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_OPEN); /* judged, and wanted */
    cyc_live_durable(desk.live, desk.intent - 1, desk.now_ns);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_OPEN);
    cyc_live_durable(desk.live, desk.intent, desk.now_ns);
    CU_ASSERT(control_of(&desk) == CYC_CONTROL_CURRENT);
    CU_ASSERT(desk.end[0] == '\0');
    clear_away(&desk);
}

static void another_instrument_is_not_set_up_before_a_person_speaks(void)
{
    static struct desk desk;
    struct cyc_err err = {0};
    drive_patiently(&desk);
    cyc_live_lost(desk.live, 0, desk.now_ns);
    desk.merge.linked = true;
    (void)cyc_copy(desk.merge.cycler.serial_number, sizeof desk.merge.cycler.serial_number, "2");
    hear(&desk, CYC_MESSAGE_LINK, CYC_OK, "");
    wait_ms(&desk, 60000);
    CU_ASSERT(is_held(&desk, "another serial number answers"));
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 0 && count(&desk, CYC_MESSAGE_APPLY) == 0);
    CU_ASSERT(cyc_live_operator(desk.live, CYC_OPERATOR_RESUME, "me", desk.now_ns, &err) == CYC_OK);
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 1);
    clear_away(&desk);
}

static void nor_one_whose_power_has_failed(void)
{
    static struct desk desk;
    drive_patiently(&desk);
    cyc_live_lost(desk.live, 0, desk.now_ns);
    desk.merge.linked = desk.merge.cycler.power_on = true;
    hear(&desk, CYC_MESSAGE_LINK, CYC_OK, "");
    wait_ms(&desk, 60000);
    CU_ASSERT(is_held(&desk, "switched off or reset"));
    CU_ASSERT(count(&desk, CYC_MESSAGE_ARM) == 0 && count(&desk, CYC_MESSAGE_APPLY) == 0);
    clear_away(&desk);
}

const struct cyc_check cyc_check_live[] = {
    CYC_CHECK(a_setpoint_waits_until_its_step_is_durable),
    CYC_CHECK(an_intent_that_does_not_become_durable_makes_safe_for_the_disk),
    CYC_CHECK(while_the_next_step_is_awaited_the_old_setpoint_stays_for_one_sample),
    CYC_CHECK(a_source_that_stays_silent_is_a_fault),
    CYC_CHECK(a_reading_under_an_older_setpoint_ends_nothing),
    CYC_CHECK(a_number_of_an_earlier_run_is_nobodys),
    CYC_CHECK(without_readings_the_run_is_made_safe_and_held_before_three_seconds),
    CYC_CHECK(so_it_does_at_a_rate_in_real_time),
    CYC_CHECK(a_setpoint_that_is_refused_is_a_fault_with_the_ports_words),
    CYC_CHECK(a_command_without_an_answer_makes_safe_and_holds),
    CYC_CHECK(a_trip_of_the_port_ends_the_run_and_says_why),
    CYC_CHECK(a_pause_goes_out_at_once_and_resuming_once_that_is_durable),
    CYC_CHECK(a_sweep_is_walked_in_steps_of_a_sample),
    CYC_CHECK(a_sample_holds_the_chambers_temperature_and_its_age),
    CYC_CHECK(an_output_key_that_was_pressed_holds_the_run_until_a_person_speaks),
    CYC_CHECK(so_it_does_when_it_was_pressed_while_the_link_was_lost),
    CYC_CHECK(so_it_does_when_it_was_pressed_while_it_was_to_be_set_up_again),
    CYC_CHECK(so_it_does_when_a_setpoint_finds_it_so),
    CYC_CHECK(what_nobody_has_seen_goes_on_once_the_intent_to_do_so_is_durable),
    CYC_CHECK(another_instrument_is_not_set_up_before_a_person_speaks),
    CYC_CHECK(nor_one_whose_power_has_failed),
    {0}};
