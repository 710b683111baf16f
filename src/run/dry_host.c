/* The dry host: a virtual clock and a simulated cell in place of time and instruments.
 *
 *   loop:  until = earliest of    the executor's deadline
 *                                 10 s from now, if a condition is not a set of thresholds
 *                                 the next point of the grid, with --sample
 *          the cell advances to `until` or to just behind the first crossing of a watch
 *          the sample goes to the session, which may apply new setpoints
 *
 * Time moves in the cell's advance only. After a setpoint the cell is read once without time
 * passing: that is the first sample under it, and the one on which entry conditions are judged.
 * With --sample the watches are not handed to the cell: it is read on a common grid, as an
 * instrument would be, and at the executor's own deadlines (record times, time cutoffs).
 *
 * A person is asked by an ASK step; nobody is there in a dry run, so the answer comes at once. A
 * setpoint that the cell cannot follow becomes the reply INFEASIBLE.
 *
 * The wall clock is looked at for two things only, and neither changes what the run comes to: the
 * journal is committed once a second, and the caller's progress function is called, which may end
 * the run.
 *
 * What it does not do: impedance. A protocol that asks for it is refused before anything starts.
 */
#include "run/run.h"

#include "run/direct.h"
#include "run/run_int.h"

#include <math.h>
#include <time.h>

#define LOOK_EVERY  1024u  /* samples between two looks at the wall clock */
#define STALL_MAX   10000u /* samples in a row without time passing: a defect of ours */
#define JUMP_MAX_NS (24 * INT64_C(3600) * CYC_S_NS) /* at most so far without a sample */

struct dry_host {
    const struct cyc_dry_options *options; /* borrowed */
    struct cyc_cell *cell;                 /* owned */
    struct cyc_session *session;           /* owned */
    struct cyc_direct direct;              /* source and run folder, owned */
    int64_t now_ns;
    bool fresh; /* a setpoint was applied since the last sample */
    unsigned stalled;
    unsigned looked; /* samples since the last look at the wall clock */
    int64_t committed_ms;
};

static int64_t wall_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- What the session asks of the host ------------------------------------------------------- */

static int host_apply(void *context, const struct cyc_setpoint *setpoint, struct cyc_err *err)
{
    (void)err;
    struct dry_host *host = context;
    cyc_cell_apply(host->cell, setpoint);
    host->fresh = true;
    return CYC_OK;
}

static int host_environment(void *context, const struct cyc_environment *environment,
                            struct cyc_err *err)
{
    (void)err;
    struct dry_host *host = context;
    cyc_cell_environment(host->cell, environment);
    return CYC_OK;
}

static int host_safe(void *context, struct cyc_err *err)
{
    const struct cyc_setpoint open = {.control = CYC_CONTROL_OPEN};
    return host_apply(context, &open, err);
}

/* ---- Time
 * ---------------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

static int64_t next_grid_ns(int64_t now_ns, int64_t sample_ns)
{
    return (now_ns / sample_ns + 1) * sample_ns;
}

static int64_t next_time_ns(const struct dry_host *host, const struct cyc_actions *wait)
{
    const struct cyc_dry_options *options = host->options;
    if (host->fresh) {
        return host->now_ns;
    }
    int64_t until_ns = earlier(wait->deadline_ns, host->now_ns + JUMP_MAX_NS);
    if (options->sample_ns > 0) {
        until_ns = earlier(until_ns, next_grid_ns(host->now_ns, options->sample_ns));
    } else if (wait->sampled) {
        until_ns = earlier(until_ns, host->now_ns + CYC_SAMPLE_GAP_NS);
    }
    if (options->time_max_ns > 0) {
        until_ns = earlier(until_ns, options->time_max_ns);
    }
    return until_ns > host->now_ns ? until_ns : host->now_ns;
}

/* ---- One turn of the loop
 * --------------------------------------------------------------------------- */

static int reply_infeasible(struct dry_host *host, struct cyc_err *err)
{
    const struct cyc_event event = {
        .kind = CYC_EVENT_REPLY, .t_ns = host->now_ns, .reply = CYC_REPLY_INFEASIBLE};
    return cyc_session_event(host->session, &event, err);
}

static int check_time_moves(struct dry_host *host, int64_t before_ns, struct cyc_err *err)
{
    host->stalled = host->now_ns > before_ns ? 0 : host->stalled + 1;
    if (host->stalled > STALL_MAX) {
        return cyc_err_set(err, CYC_E_BUG, "time stands still at %lld ns of run time",
                           (long long)host->now_ns);
    }
    return CYC_OK;
}

static int answer(struct dry_host *host, struct cyc_err *err)
{
    const struct cyc_event event = {
        .kind = CYC_EVENT_OPERATOR, .t_ns = host->now_ns, .operator_word = CYC_OPERATOR_ANSWER};
    return cyc_session_event(host->session, &event, err);
}

/* The simulated cell has no electrodes or tabs of its own to measure: a named sensor reads what the
 * cell has of its kind. */
static void read_sensors(const struct cyc_sensors *sensors, struct cyc_sample *sample)
{
    for (unsigned i = 0; i < sensors->count; i++) {
        const enum cyc_kind kind = sensors->items[i].kind;
        sample->aux[i] = kind == CYC_KIND_VOLTAGE       ? sample->voltage_V
                         : kind == CYC_KIND_CURRENT     ? sample->current_A
                         : kind == CYC_KIND_TEMPERATURE ? sample->temperature_degC
                         : kind == CYC_KIND_PRESSURE    ? sample->pressure_Pa
                                                        : (double)NAN;
    }
}

static int take_sample(struct dry_host *host, struct cyc_err *err)
{
    const struct cyc_actions *wait = cyc_session_wait(host->session);
    const bool crossings = host->options->sample_ns == 0 && !host->fresh;
    const int64_t until_ns = next_time_ns(host, wait);
    const int64_t before_ns = host->now_ns;
    struct cyc_sample sample;
    struct cyc_err problem; /* cleared by hand: this is the innermost loop */
    problem.text[0] = '\0';
    int status = cyc_cell_advance(host->cell, until_ns, wait->watches,
                                  crossings ? wait->watch_count : 0, &sample, &problem);
    host->fresh = false;
    if (status == CYC_E_INFEASIBLE) {
        return reply_infeasible(host, err);
    }
    if (status != CYC_OK) {
        return cyc_err_set(err, status, "the simulated cell: %s", problem.text);
    }
    host->now_ns = sample.t_ns;
    read_sensors(&cyc_protocol_cell(host->options->protocol)->sensors, &sample);
    const struct cyc_event event = {
        .kind = CYC_EVENT_SAMPLE, .t_ns = sample.t_ns, .sample = &sample};
    status = cyc_session_event(host->session, &event, err);
    return status != CYC_OK ? status : check_time_moves(host, before_ns, err);
}

/* Commits once a second and lets the caller look, and stop. */
static int look(struct dry_host *host, struct cyc_err *err)
{
    const struct cyc_dry_options *options = host->options;
    host->looked = 0;
    const int64_t now_ms = wall_ms();
    if (now_ms - host->committed_ms >= 1000) {
        host->committed_ms = now_ms;
        const int status = cyc_session_commit(host->session, err);
        if (status != CYC_OK) {
            return status;
        }
    }
    if (options->progress == NULL) {
        return CYC_OK;
    }
    struct cyc_progress progress;
    cyc_session_progress(host->session, &progress);
    if (options->progress(options->progress_context, &progress) != 0) {
        return cyc_session_stop(host->session, host->now_ns, true, "by the operator", err);
    }
    return CYC_OK;
}

static int turn(struct dry_host *host, struct cyc_err *err)
{
    int status = take_sample(host, err);
    if (status != CYC_OK || cyc_session_is_over(host->session)) {
        return status;
    }
    const struct cyc_step *step = cyc_session_step(host->session);
    if (step != NULL && step->mode == CYC_MODE_ASK && !host->fresh) {
        status = answer(host, err);
    }
    const int64_t time_max_ns = host->options->time_max_ns;
    if (status == CYC_OK && time_max_ns > 0 && host->now_ns >= time_max_ns) {
        return cyc_session_stop(host->session, host->now_ns, false, "the time asked for is over",
                                err);
    }
    if (status == CYC_OK && ++host->looked >= LOOK_EVERY) {
        status = look(host, err);
    }
    return status;
}

/* ---- The whole run
 * ------------------------------------------------------------------------------- */

static int refuse_impedance(const struct cyc_protocol *protocol, struct cyc_err *err)
{
    const struct cyc_demands *demands = cyc_protocol_demands(protocol);
    char which[CYC_ID_SIZE + 64];
    if (demands->impedance.step == 0) {
        return CYC_OK;
    }
    return cyc_err_set(err, CYC_E_UNSUPPORTED,
                       "%s is an impedance step, and a dry run cannot measure impedance yet; "
                       "nothing was started",
                       cyc_demand_text(&demands->impedance, which, sizeof which));
}

static int run_to_end(struct dry_host *host, struct cyc_err *err)
{
    host->committed_ms = wall_ms();
    int status = cyc_session_start(host->session, 0, err);
    while (status == CYC_OK && !cyc_session_is_over(host->session)) {
        status = turn(host, err);
    }
    return status;
}

/* Everything but the session, which needs it all. */
static int open_parts(struct dry_host *host, struct cyc_err *err)
{
    const struct cyc_dry_options *options = host->options;
    int status = cyc_cell_new(options->cell, &host->cell, err);
    if (status == CYC_OK) {
        status = cyc_source_open(options->protocol, &host->direct.source, err);
    }
    if (status == CYC_OK && options->runs_dir != NULL) {
        status = cyc_identity_create_run(options, &host->direct.run, err);
    }
    return status;
}

static void close_parts(struct dry_host *host)
{
    struct cyc_dry_outcome outcome = {0};
    if (host->session != NULL) {
        cyc_session_outcome(host->session, host->now_ns, &outcome);
    }
    cyc_session_close(host->session);
    cyc_direct_close(&host->direct, outcome.why[0] != '\0' ? outcome.why : "given up",
                     host->now_ns);
    if (host->cell != NULL) {
        cyc_cell_free(host->cell);
    }
}

static void name_folder(const struct cyc_run *run, struct cyc_dry_outcome *outcome)
{
    (void)cyc_copy(outcome->run_id, sizeof outcome->run_id, cyc_run_id(run));
    (void)cyc_copy(outcome->folder, sizeof outcome->folder, cyc_run_folder(run));
    (void)cyc_copy(outcome->data_path, sizeof outcome->data_path, cyc_run_data_path(run));
}

static int finish(struct dry_host *host, struct cyc_dry_outcome *outcome, struct cyc_err *err)
{
    cyc_session_outcome(host->session, host->now_ns, outcome);
    if (host->direct.run != NULL) {
        name_folder(host->direct.run, outcome);
    }
    outcome->net_charge_Ah = cyc_cell_net_charge_Ah(host->cell);
    return cyc_session_finish(host->session, host->now_ns, err);
}

int cyc_dry_run(const struct cyc_dry_options *options, const struct cyc_dry_listener *listener,
                struct cyc_dry_outcome *outcome, struct cyc_err *err)
{
    struct dry_host host = {.options = options};
    const struct cyc_host hands = {&host, host_apply, host_environment, host_safe};
    *outcome = (struct cyc_dry_outcome){0};
    int status = refuse_impedance(options->protocol, err);
    if (status == CYC_OK) {
        status = open_parts(&host, err);
    }
    if (status == CYC_OK) {
        const struct cyc_session_source source = cyc_direct_source(&host.direct);
        const struct cyc_session_store store = cyc_direct_store(&host.direct);
        const struct cyc_session_options session = {
            .host = &hands,
            .source = &source,
            .store = host.direct.run != NULL ? &store : NULL,
            .listener = listener,
            .sensors = &cyc_protocol_cell(options->protocol)->sensors,
            .trace_path = options->trace_path,
        };
        status = cyc_session_open(&session, &host.session, err);
    }
    if (status == CYC_OK) {
        status = run_to_end(&host, err);
    }
    if (status == CYC_OK) {
        status = finish(&host, outcome, err);
    }
    close_parts(&host);
    return status;
}
