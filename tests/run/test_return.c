/* A daemon that comes back to a run, on readings made by hand: no process, no clock, no disk. What
 * the port has kept is replayed, what it says of its output's switching is counted, and the gap in
 * between is judged. */
#include "check/check.h"
#include "run/live.h"
#include "store/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CURRENT_A 0.01
#define BOOT_NS   (1000 * CYC_S_NS) /* CLOCK_BOOTTIME of run time 0 */
#define SENT_MAX  64

struct desk {
    struct cyc_rig rig;
    struct cyc_rig_instrument instruments[2]; /* of a channel with a chamber that is the second */
    struct cyc_rig_channel channel;
    struct cyc_merge merge;
    struct cyc_live *live;
    struct cyc_resume resume;
    struct cyc_text state; /* owned */
    struct cyc_message sent[SENT_MAX];
    unsigned sent_count;
    uint64_t intent;
    struct cyc_step step;
    struct cyc_segment segment;
    bool asked;
    struct cyc_gap gap;
    unsigned gap_count;
    char verdict[256];
    int64_t now_ns;
    uint64_t number; /* of readings */
};

/* ---- The port, the store, the source --------------------------------------------------------- */

static int take(void *context, int instrument, const struct cyc_message *message,
                struct cyc_err *err)
{
    (void)err, (void)instrument;
    struct desk *desk = context;
    if (desk->sent_count < SENT_MAX) {
        desk->sent[desk->sent_count++] = *message;
    }
    return CYC_OK;
}

static int keep_row(void *context, const struct cyc_record *record, const char *type,
                    struct cyc_err *err)
{
    (void)context, (void)record, (void)type, (void)err;
    return CYC_OK;
}

static int keep_begin(void *context, const struct cyc_step *step, uint32_t count, int64_t t_ns,
                      struct cyc_err *err)
{
    (void)context, (void)step, (void)count, (void)t_ns, (void)err;
    return CYC_OK;
}

static int keep_end(void *context, const struct cyc_step *step, const struct cyc_result *result,
                    struct cyc_err *err)
{
    (void)context, (void)step, (void)result, (void)err;
    return CYC_OK;
}

static int keep_cycle(void *context, const struct cyc_cycle *cycle, struct cyc_err *err)
{
    (void)context, (void)cycle, (void)err;
    return CYC_OK;
}

static int keep_event(void *context, int64_t t_ns, const char *who, const char *what,
                      const char *why, struct cyc_err *err)
{
    (void)context, (void)t_ns, (void)who, (void)what, (void)why, (void)err;
    return CYC_OK;
}

static int keep_expectation(void *context, const struct cyc_expectation *row, struct cyc_err *err)
{
    (void)context, (void)row, (void)err;
    return CYC_OK;
}

static int commit(void *context, struct cyc_err *err)
{
    (void)context, (void)err;
    return CYC_OK;
}

static int finish(void *context, const char *end, const char *why, int64_t t_ns,
                  struct cyc_err *err)
{
    (void)context, (void)end, (void)why, (void)t_ns, (void)err;
    return CYC_OK;
}

static void keep_gap(void *context, const struct cyc_gap *gap)
{
    struct desk *desk = context;
    desk->gap = *gap;
    desk->gap_count++;
    (void)cyc_copy(desk->verdict, sizeof desk->verdict, gap->verdict);
}

static int ask(void *context, const struct cyc_result *result, struct cyc_err *err)
{
    (void)result, (void)err;
    ((struct desk *)context)->asked = true;
    return CYC_OK;
}

static int answer(void *context, struct cyc_item *item, struct cyc_err *err)
{
    struct desk *desk = context;
    if (!desk->asked) {
        return cyc_err_set(err, CYC_E_TIMEOUT, "not yet");
    }
    desk->asked = false;
    *item = (struct cyc_item){.kind = CYC_ITEM_STEP, .step = &desk->step};
    return CYC_OK;
}

static unsigned expectations(void *context, const struct cyc_expectation **rows)
{
    (void)context;
    *rows = NULL;
    return 0;
}

static void progress(void *context, struct cyc_source_progress *far)
{
    (void)context;
    *far = (struct cyc_source_progress){0, 0};
}

/* ---- The desk -------------------------------------------------------------------------------- */

static void lay_out(struct desk *desk)
{
    const struct cyc_environment unchanged = {NAN, NAN, false, NAN, false};
    memset(desk, 0, sizeof *desk);
    desk->instruments[0].poll_ns = 100 * CYC_MS_NS;
    desk->rig.instruments = desk->instruments;
    desk->rig.channels = &desk->channel;
    desk->rig.instrument_count = 2;
    desk->rig.channel_count = 1;
    desk->rig.sync_ns = 10 * CYC_S_NS;
    desk->channel = (struct cyc_rig_channel){.chamber = -1,
                                             .press = -1,
                                             .temperature = -1,
                                             .pressure = -1,
                                             .ambient = -1,
                                             .limits = {2, 5, -1, 1, NAN, NAN, NAN, NAN},
                                             .voltage = {.gain = 1},
                                             .current = {.gain = 1}};
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        desk->channel.aux[i] = -1;
    }
    cyc_merge_init(&desk->merge, &desk->rig, 0);
    desk->merge.linked = true;
    desk->segment = (struct cyc_segment){
        .duration_ns = CYC_NEVER, .control = CYC_CONTROL_CURRENT, .value = CURRENT_A};
    desk->step = (struct cyc_step){.mode = CYC_MODE_CC,
                                   .charging = true,
                                   .id = 1,
                                   .segments = &desk->segment,
                                   .segment_count = 1,
                                   .hold_V = NAN,
                                   .timeout_ns = CYC_NEVER,
                                   .after_interruption = CYC_INTERRUPTION_CONTINUE,
                                   .max_gap_ns = 20 * CYC_S_NS,
                                   .environment = unchanged};
    desk->step.record.every_ns = CYC_S_NS;
    desk->resume = (struct cyc_resume){.kind = CYC_ABSENCE_PROGRAM,
                                       .has_state = true,
                                       .host = {.rate = 1},
                                       .journal = {.cell = "mine",
                                                   .rig_channel_json = "{}",
                                                   .held_why = "",
                                                   .epoch = 1,
                                                   .open_step = 1,
                                                   .same_boot = true}};
    for (unsigned i = 0; i < CYC_RESUME_SENSORS; i++) {
        desk->resume.host.values[i] = NAN;
    }
}

static void come_back(struct desk *desk, const struct cyc_core *core, int64_t now_ns,
                      const struct cyc_run_tail *tail)
{
    struct cyc_err err = {0};
    cyc_state_save(core, &desk->state);
    desk->resume.journal.state = desk->state.data;
    const struct cyc_live_options options = {
        .merge = &desk->merge,
        .hands = {.context = desk, .send = take},
        .source = {desk, ask, answer, expectations, progress},
        .store = {desk, keep_row, keep_begin, keep_end, keep_cycle, keep_event, keep_expectation,
                  commit, finish},
        .intent = &desk->intent,
        .rate = 1,
        .facts = {.nominal_capacity_Ah = 0.02},
        .one_c_A = CURRENT_A,
        .resume = &desk->resume,
        .tail = *tail,
        .rig_now = "{}",
        .gap = keep_gap,
    };
    desk->now_ns = now_ns;
    CU_ASSERT_FATAL(cyc_live_open(&options, &desk->live, &err) == CYC_OK);
    cyc_live_start(desk->live, now_ns);
}

static const struct cyc_run_tail no_rows;

static void clear_away(struct desk *desk)
{
    cyc_live_close(desk->live);
    cyc_text_release(&desk->state);
}

static void give(struct desk *desk, uint32_t setpoint_number, double current_A, int64_t t_ns,
                 int64_t since_ns)
{
    struct cyc_message message = {.kind = CYC_MESSAGE_READING,
                                  .channel = -1,
                                  .epoch = 1,
                                  .number = ++desk->number,
                                  .setpoint_number = setpoint_number};
    struct cyc_reading *made = &message.as.reading;
    made->t_ns = t_ns;
    made->since_ns = since_ns;
    made->flags = fabs(current_A) > 0 ? CYC_SAMPLE_OUTPUT_ON : 0;
    made->valid = 1u << CYC_MEASURAND_VOLTAGE | 1u << CYC_MEASURAND_CURRENT;
    made->values[CYC_MEASURAND_VOLTAGE] = 3.7;
    made->values[CYC_MEASURAND_CURRENT] = current_A;
    cyc_live_message(desk->live, &message, desk->now_ns);
}

/* The setpoint that went out last is in force now. */
static uint32_t carry_out(struct desk *desk)
{
    struct cyc_message message = {
        .kind = CYC_MESSAGE_APPLIED, .index = CYC_MESSAGE_APPLY, .t_ns = desk->now_ns};
    for (unsigned i = 0; i < desk->sent_count; i++) {
        if (desk->sent[i].kind == CYC_MESSAGE_APPLY) {
            message.as.drive.setpoint = desk->sent[i].as.drive.setpoint;
        }
    }
    cyc_live_message(desk->live, &message, desk->now_ns);
    return message.as.drive.setpoint.number;
}

/* The port sets its instrument up, the circuit is opened, the cell is seen. */
static void let_it_look(struct desk *desk)
{
    const struct cyc_message armed = {.kind = CYC_MESSAGE_ARMED};
    cyc_live_message(desk->live, &armed, desk->now_ns);
    desk->now_ns += CYC_S_NS;
    cyc_live_tick(desk->live, desk->now_ns);
    const uint32_t open = carry_out(desk);
    desk->now_ns += 100 * CYC_MS_NS;
    give(desk, open, 0, desk->now_ns, desk->now_ns - 100 * CYC_MS_NS);
}

static double charge_of(struct desk *desk)
{
    const struct cyc_core *core = cyc_session_core(cyc_live_session(desk->live));
    return cyc_core_sums(core, CYC_SCOPE_STEP)->charge_Ah;
}

/* ---- What must hold ---------------------------------------------------------------------------
 */

/* The mark is the first one of the run; its step was begun, and then the daemon was gone. */
static void a_run_whose_clock_had_not_begun_is_gone_on_with(void)
{
    static struct desk desk;
    struct cyc_core *core = calloc(1, cyc_core_size());
    struct cyc_live_view view;
    cyc_core_init(core);
    lay_out(&desk);
    desk.resume.begun = true;
    come_back(&desk, core, BOOT_NS, &no_rows);
    give(&desk, 0, 0, BOOT_NS - CYC_S_NS, 0); /* kept from before */
    let_it_look(&desk);
    CU_ASSERT_EQUAL(desk.gap_count, 1);
    CYC_SAME(desk.verdict, "continue");
    CU_ASSERT(desk.gap.end_ns - desk.gap.start_ns < 2 * CYC_S_NS);
    CU_ASSERT(cyc_live_run_time_ns(desk.live, desk.now_ns) < 2 * CYC_S_NS);
    cyc_live_view(desk.live, &view);
    CU_ASSERT(view.state == CYC_LIVE_RUNNING && !view.held);
    clear_away(&desk);
    free(core);
}

/* An executor that has charged for five seconds, and the host's memory of it. */
static struct cyc_core *in_the_midst(struct desk *desk)
{
    struct cyc_core *core = calloc(1, cyc_core_size());
    struct cyc_actions actions;
    cyc_core_init(core);
    for (int64_t i = 0; i <= 5; i++) {
        struct cyc_sample sample = {.t_ns = i * CYC_S_NS,
                                    .setpoint_number = cyc_core_setpoint(core)->number,
                                    .flags = CYC_SAMPLE_OUTPUT_ON | CYC_SAMPLE_SETTLED,
                                    .voltage_V = 3.7,
                                    .current_A = i > 0 ? CURRENT_A : 0,
                                    .temperature_degC = NAN,
                                    .ambient_degC = NAN,
                                    .pressure_Pa = NAN,
                                    .since_ns = i > 0 ? CYC_S_NS / 2 : 0};
        for (unsigned k = 0; k < CYC_AUX_MAX; k++) {
            sample.aux[k] = NAN;
        }
        const struct cyc_event event = {
            .kind = CYC_EVENT_SAMPLE, .t_ns = sample.t_ns, .sample = &sample};
        cyc_core_handle(core, i > 0 ? &desk->step : NULL, &event, &actions);
        if (i == 0) {
            const struct cyc_event begin = {.kind = CYC_EVENT_STEP};
            cyc_core_handle(core, &desk->step, &begin, &actions);
        }
    }
    desk->number = desk->resume.journal.reading_number = 5;
    desk->resume.host.boot_ns = BOOT_NS;
    desk->resume.host.settle_number = cyc_core_setpoint(core)->number;
    desk->resume.in_step = true;
    desk->resume.step_count = 1;
    desk->resume.state = cyc_core_state(core);
    return core;
}

static void the_charge_of_a_step_counts_to_the_moments_of_switching(void)
{
    static struct desk desk;
    lay_out(&desk);
    struct cyc_core *core = in_the_midst(&desk);
    const uint32_t number = cyc_core_setpoint(core)->number;
    const int64_t off_ns = BOOT_NS + 8300 * CYC_MS_NS;
    come_back(&desk, core, BOOT_NS + 10 * CYC_S_NS, &no_rows);
    for (int64_t i = 6; i <= 8; i++) { /* the port went on reading */
        give(&desk, number, CURRENT_A, BOOT_NS + i * CYC_S_NS, BOOT_NS + CYC_S_NS / 2);
    }
    give(&desk, 0, 0, BOOT_NS + 9 * CYC_S_NS, off_ns);
    let_it_look(&desk);
    CYC_SAME(desk.verdict, "continue");
    CYC_NEAR(desk.gap.estimate_Ah, CURRENT_A * 0.3 / 3600, 1e-12);
    CU_ASSERT(desk.gap.bound_Ah >= CURRENT_A * 0.3 / 3600 - 1e-12);
    CYC_NEAR(charge_of(&desk), CURRENT_A * 7.8 / 3600, 1e-12);
    desk.now_ns += 200 * CYC_MS_NS; /* it is driven again, and the first sample is late */
    const int64_t on_ns = desk.now_ns;
    const uint32_t again = carry_out(&desk);
    desk.now_ns += 700 * CYC_MS_NS;
    give(&desk, again, CURRENT_A, desk.now_ns, on_ns);
    CYC_NEAR(charge_of(&desk), CURRENT_A * 8.5 / 3600, 1e-12);
    clear_away(&desk);
    free(core);
}

/* The port is slow in setting its instrument up, and says so before it sends what it has kept. */
static void readings_behind_the_answer_are_waited_for(void)
{
    static struct desk desk;
    const struct cyc_message armed = {.kind = CYC_MESSAGE_ARMED};
    lay_out(&desk);
    struct cyc_core *core = in_the_midst(&desk);
    const uint32_t number = cyc_core_setpoint(core)->number;
    come_back(&desk, core, BOOT_NS + 10 * CYC_S_NS, &no_rows);
    desk.now_ns += 700 * CYC_MS_NS;
    cyc_live_message(desk.live, &armed, desk.now_ns);
    for (int64_t i = 6; i <= 8; i++) {
        give(&desk, number, CURRENT_A, BOOT_NS + i * CYC_S_NS, BOOT_NS + CYC_S_NS / 2);
    }
    give(&desk, 0, 0, BOOT_NS + 9 * CYC_S_NS, BOOT_NS + 8500 * CYC_MS_NS);
    CYC_NEAR(charge_of(&desk), CURRENT_A * 4.5 / 3600, 1e-12);
    give(&desk, 0, 0, desk.now_ns, BOOT_NS + 8500 * CYC_MS_NS); /* of now: that was all */
    CYC_NEAR(charge_of(&desk), CURRENT_A * 8.0 / 3600, 1e-12);
    clear_away(&desk);
    free(core);
}

/* Rows up to there are in the file, so the executor has them, and nothing is unseen for that. */
static void rows_that_were_kept_do_not_count_twice(void)
{
    static struct desk desk;
    lay_out(&desk);
    struct cyc_core *core = in_the_midst(&desk);
    const uint32_t number = cyc_core_setpoint(core)->number;
    const struct cyc_run_tail rows = {.rows = 2,
                                      .index = 9,
                                      .t_ns = 7 * CYC_S_NS,
                                      .voltage_V = 3.7,
                                      .current_A = CURRENT_A,
                                      .test = {.charge_Ah = CURRENT_A * 6.5 / 3600}};
    come_back(&desk, core, BOOT_NS + 10 * CYC_S_NS, &rows);
    for (int64_t i = 6; i <= 8; i++) {
        give(&desk, number, CURRENT_A, BOOT_NS + i * CYC_S_NS, BOOT_NS + CYC_S_NS / 2);
    }
    give(&desk, 0, 0, BOOT_NS + 8500 * CYC_MS_NS, BOOT_NS + 8400 * CYC_MS_NS);
    let_it_look(&desk);
    CYC_NEAR(desk.gap.estimate_Ah, CURRENT_A * 0.4 / 3600, 1e-12);
    CYC_NEAR(charge_of(&desk), CURRENT_A * 7.9 / 3600, 1e-12);
    clear_away(&desk);
    free(core);
}

/* Nobody has seen anything since the mark, and the daemon may have gone on for as long as marks lie
 * apart. */
static void without_readings_the_bound_holds_from_mark_to_mark(void)
{
    static struct desk desk;
    lay_out(&desk);
    struct cyc_core *core = in_the_midst(&desk);
    desk.resume.journal.epoch = 2; /* another port process had been there */
    come_back(&desk, core, BOOT_NS + 19 * CYC_S_NS, &no_rows);
    let_it_look(&desk);
    const double most_Ah = CURRENT_A * (10 + 1.6) / 3600;
    CU_ASSERT(desk.gap.estimate_Ah + desk.gap.bound_Ah >= most_Ah - 1e-12);
    CU_ASSERT(desk.gap.estimate_Ah - desk.gap.bound_Ah <= 1e-12);
    CU_ASSERT(desk.gap.bound_Ah < most_Ah);
    clear_away(&desk);
    free(core);
}

static unsigned sent(const struct desk *desk, enum cyc_message_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < desk->sent_count; i++) {
        count += desk->sent[i].kind == kind ? 1 : 0;
    }
    return count;
}

/* A run in the midst of a charge, armed with number 1; now somebody answers. */
static void find_there(struct desk *desk, const char *serial_number, const char *other)
{
    const struct cyc_message link = {.kind = CYC_MESSAGE_LINK,
                                     .channel = -1,
                                     .epoch = 2,
                                     .status = other[0] != '\0' ? CYC_E_IDENTITY : CYC_OK};
    desk->merge.cycler = desk->resume.host.cycler;
    (void)cyc_copy(desk->merge.cycler.serial_number, sizeof desk->merge.cycler.serial_number,
                   serial_number);
    (void)cyc_copy(desk->merge.other, sizeof desk->merge.other, other);
    desk->merge.linked = other[0] == '\0';
    cyc_live_message(desk->live, &link, desk->now_ns);
    desk->now_ns += 40 * CYC_S_NS;
    cyc_live_tick(desk->live, desk->now_ns); /* the rest is a gap */
    cyc_live_tick(desk->live, desk->now_ns); /* and is judged */
}

static void stop_with(const char *serial_number, const char *other, const char *word)
{
    static struct desk desk;
    struct cyc_err err = {0};
    lay_out(&desk);
    struct cyc_core *core = in_the_midst(&desk);
    desk.resume.host.cycler = (struct cyc_identity){.maker = "Keithley", .serial_number = "1"};
    desk.merge.linked = false;
    come_back(&desk, core, BOOT_NS + 10 * CYC_S_NS, &no_rows);
    find_there(&desk, serial_number, other);
    const bool own = word[0] == '\0';
    CU_ASSERT_EQUAL(cyc_live_operator(desk.live, CYC_OPERATOR_STOP, "me", desk.now_ns, &err),
                    CYC_OK);
    CU_ASSERT_EQUAL(sent(&desk, CYC_MESSAGE_ARM), own ? 1 : 0);
    const unsigned offs = sent(&desk, CYC_MESSAGE_SAFE) + sent(&desk, CYC_MESSAGE_DISARM);
    CU_ASSERT_EQUAL(offs > 0, own);
    CU_ASSERT_EQUAL(sent(&desk, CYC_MESSAGE_APPLY), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_live_not_off(desk.live), word));
    CU_ASSERT_EQUAL(cyc_live_not_off(desk.live)[0] == '\0', own);
    clear_away(&desk);
    free(core);
}

static void a_run_that_is_stopped_switches_its_own_instrument_off_and_no_other(void)
{
    stop_with("1", "", "");
    stop_with("2", "",
              "another serial number answers: '2', it was '1'; see that the output of '1'");
    stop_with("1", "another instrument answers: '2'", "OFF was not sent: another instrument");
}

/* ---- In a chamber ------------------------------------------------------------------------------
 */

static void put_in_a_chamber(struct desk *desk)
{
    struct cyc_rig_instrument *oven = &desk->instruments[1];
    lay_out(desk);
    desk->channel.chamber = 1;
    oven->poll_ns = CYC_S_NS;
    oven->capabilities.resolution[CYC_MEASURAND_TEMPERATURE_SET] = 0.1;
    (void)cyc_copy(oven->name, sizeof oven->name, "oven1");
    desk->step.mode = CYC_MODE_TEMPERATURE;
    desk->step.environment.temperature_degC = 30;
    desk->segment.control = CYC_CONTROL_OPEN;
}

static void read_set(struct desk *desk, enum cyc_measurand set, double value, uint32_t flags)
{
    struct cyc_message message = {
        .kind = CYC_MESSAGE_READING, .channel = -1, .instrument = 1, .epoch = 1};
    message.as.reading = (struct cyc_reading){.t_ns = desk->now_ns, .flags = flags};
    message.as.reading.valid = 1u << set;
    message.as.reading.values[set] = value;
    cyc_live_message(desk->live, &message, desk->now_ns);
    desk->now_ns += CYC_S_NS;
}

static void read_chamber(struct desk *desk, double set_degC, uint32_t flags)
{
    read_set(desk, CYC_MEASURAND_TEMPERATURE_SET, set_degC, flags);
}

static void be_set(struct desk *desk)
{
    const struct cyc_message done = {.kind = CYC_MESSAGE_APPLIED,
                                     .index = CYC_MESSAGE_ENVIRONMENT,
                                     .t_ns = desk->now_ns - CYC_MS_NS};
    cyc_live_message(desk->live, &done, desk->now_ns);
}

static bool is_held(const struct desk *desk, const char *why)
{
    struct cyc_live_view view;
    cyc_live_view(desk->live, &view);
    return view.held && strstr(view.why, why) != NULL;
}

/* How often the chamber was told 30 degC; anything else fails. */
static unsigned told(const struct desk *desk)
{
    unsigned count = 0;
    for (unsigned i = 0; i < desk->sent_count; i++) {
        if (desk->sent[i].kind == CYC_MESSAGE_ENVIRONMENT) {
            CYC_NEAR(desk->sent[i].as.environment.temperature_degC, 30, 0);
            count++;
        }
    }
    return count;
}

/* In the midst of its step, the chamber told and on. */
static struct cyc_core *wait_in_a_chamber(struct desk *desk)
{
    struct cyc_core *core = in_the_midst(desk);
    come_back(desk, core, BOOT_NS + 10 * CYC_S_NS, &no_rows);
    let_it_look(desk);
    CU_ASSERT_EQUAL(told(desk), 1);
    return core;
}

static void a_chamber_that_is_set_otherwise_holds_the_run_until_a_person_speaks(void)
{
    static struct desk desk;
    static const double good[] = {30, 30.1, 29.9, 25, 30, 25}; /* one alone is forgiven */
    struct cyc_err err = {0};
    put_in_a_chamber(&desk);
    struct cyc_core *core = wait_in_a_chamber(&desk);
    be_set(&desk);
    desk.now_ns -= 3 * CYC_S_NS; /* read before, heard behind */
    read_chamber(&desk, 25, 0);
    read_chamber(&desk, 25, 0);
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        read_chamber(&desk, good[i], 0);
        CU_ASSERT(!is_held(&desk, ""));
    }
    read_chamber(&desk, 25, 0);
    CU_ASSERT(is_held(&desk, "oven1 is set to 25 degC instead of the 30 degC asked for"));
    CU_ASSERT(sent(&desk, CYC_MESSAGE_SAFE) == 1);
    read_chamber(&desk, 30, 0);
    desk.now_ns += CYC_S_NS * 60;
    cyc_live_tick(desk.live, desk.now_ns);
    CU_ASSERT(is_held(&desk, "oven1 is set to 25 degC") && told(&desk) == 1);
    CU_ASSERT_EQUAL(cyc_live_operator(desk.live, CYC_OPERATOR_RESUME, "me", desk.now_ns, &err),
                    CYC_OK);
    let_it_look(&desk);
    CU_ASSERT(!is_held(&desk, "") && told(&desk) == 2);
    read_chamber(&desk, 25, 0); /* it is being told */
    read_chamber(&desk, 25, 0);
    CU_ASSERT(!is_held(&desk, ""));
    clear_away(&desk);
    free(core);
}

static void so_does_one_that_has_gone_off(void)
{
    for (unsigned drives = 0; drives < 2; drives++) { /* one that does tells of the cell instead */
        static struct desk desk;
        put_in_a_chamber(&desk);
        desk.instruments[1].capabilities.roles = drives ? CYC_ROLE_CYCLER : CYC_ROLE_CHAMBER;
        struct cyc_core *core = wait_in_a_chamber(&desk);
        be_set(&desk);
        read_chamber(&desk, 30, 0);
        read_chamber(&desk, 30, 0); /* may be one that never says that it is on */
        read_chamber(&desk, 30, CYC_SAMPLE_OUTPUT_ON);
        read_chamber(&desk, 30, 0);
        CU_ASSERT(!is_held(&desk, ""));
        read_chamber(&desk, 30, 0);
        CU_ASSERT_EQUAL(is_held(&desk, "oven1 is off instead of the 30 degC asked for"), !drives);
        clear_away(&desk);
        free(core);
    }
}

/* One that does not say how finely it is set: to a hundredth of what is asked for. */
static void so_does_a_press(void)
{
    static struct desk desk;
    static const double set_Pa[] = {302e3, 310e3, 310e3};
    lay_out(&desk);
    desk.channel.press = 1;
    (void)cyc_copy(desk.instruments[1].name, sizeof desk.instruments[1].name, "press1");
    desk.instruments[1].capabilities.resolution[CYC_MEASURAND_PRESSURE_SET] = NAN;
    desk.step.mode = CYC_MODE_PRESSURE;
    desk.step.environment.pressure_Pa = 300e3;
    desk.segment.control = CYC_CONTROL_OPEN;
    struct cyc_core *core = in_the_midst(&desk);
    come_back(&desk, core, BOOT_NS + 10 * CYC_S_NS, &no_rows);
    let_it_look(&desk);
    be_set(&desk);
    for (unsigned i = 0; i < sizeof set_Pa / sizeof set_Pa[0]; i++) {
        CU_ASSERT(!is_held(&desk, ""));
        read_set(&desk, CYC_MEASURAND_PRESSURE_SET, set_Pa[i], 0);
    }
    CU_ASSERT(is_held(&desk, "press1 is set to 0.31 MPa instead of the 0.3 MPa asked for"));
    clear_away(&desk);
    free(core);
}

static void a_setpoint_that_a_ramp_moves_is_as_told(void)
{
    static struct desk desk;
    put_in_a_chamber(&desk);
    desk.step.environment.ramp_K_per_s = 0.01;
    struct cyc_core *core = wait_in_a_chamber(&desk);
    be_set(&desk);
    read_chamber(&desk, 25, 0);
    read_chamber(&desk, 26, 0);
    CU_ASSERT(!is_held(&desk, ""));
    clear_away(&desk);
    free(core);
}

/* The step is over, and the next one says nothing of temperatures. */
static struct cyc_core *between_two(struct desk *desk)
{
    const struct cyc_event skip = {
        .kind = CYC_EVENT_OPERATOR, .t_ns = 5 * CYC_S_NS, .operator_word = CYC_OPERATOR_SKIP};
    struct cyc_core *core = in_the_midst(desk);
    struct cyc_actions actions;
    cyc_core_handle(core, &desk->step, &skip, &actions);
    desk->resume.in_step = false;
    desk->resume.journal.open_step = 0;
    desk->resume.state = cyc_core_state(core);
    desk->step.mode = CYC_MODE_REST;
    desk->step.environment.temperature_degC = NAN;
    return core;
}

static void between_two_steps_the_chamber_is_told_again_as_well(void)
{
    for (unsigned held = 0; held < 2; held++) {
        static struct desk desk;
        struct cyc_err err = {0};
        put_in_a_chamber(&desk);
        struct cyc_core *core = between_two(&desk);
        desk.resume.journal.held_why = held ? "somebody was here" : "";
        come_back(&desk, core, BOOT_NS + 10 * CYC_S_NS, &no_rows);
        let_it_look(&desk);
        CU_ASSERT_EQUAL(is_held(&desk, "somebody was here"), held);
        CU_ASSERT_EQUAL(told(&desk), 1 - held);
        if (held) {
            CU_ASSERT_EQUAL(
                cyc_live_operator(desk.live, CYC_OPERATOR_RESUME, "me", desk.now_ns, &err), CYC_OK);
        }
        CU_ASSERT_EQUAL(told(&desk), 1);
        clear_away(&desk);
        free(core);
    }
}

const struct cyc_check cyc_check_return[] = {
    CYC_CHECK(a_run_whose_clock_had_not_begun_is_gone_on_with),
    CYC_CHECK(the_charge_of_a_step_counts_to_the_moments_of_switching),
    CYC_CHECK(readings_behind_the_answer_are_waited_for),
    CYC_CHECK(rows_that_were_kept_do_not_count_twice),
    CYC_CHECK(without_readings_the_bound_holds_from_mark_to_mark),
    CYC_CHECK(a_run_that_is_stopped_switches_its_own_instrument_off_and_no_other),
    CYC_CHECK(a_chamber_that_is_set_otherwise_holds_the_run_until_a_person_speaks),
    CYC_CHECK(so_does_one_that_has_gone_off),
    CYC_CHECK(so_does_a_press),
    CYC_CHECK(a_setpoint_that_a_ramp_moves_is_as_told),
    CYC_CHECK(between_two_steps_the_chamber_is_told_again_as_well),
    {0},
};
