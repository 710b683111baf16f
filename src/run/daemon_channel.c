/* A channel of the daemon: from the folder of a run to its end.
 *
 *   FREE ── start ──► opening (thread) ──► live (ARMING … RUNNING … ENDED) ── writer done ──► FREE
 *                      │        ▲            │                         └─ fault ──► FAULT
 *                      │ fails  │ resume     │ the disk fails                (latched until `stop`)
 *                      ▼        │            ▼
 *            the client hears   └───────── ASIDE ── stop ──► FREE
 *
 * ASIDE is a run whose folder cannot be opened or written. Nothing of it is in memory: its folder
 * is opened again as a daemon does that comes back (daemon_open.c): by itself every 15 s where it
 * lacked room, the disk was behind, or another daemon's hands were still on it; else when a person
 * says so.
 */
#include "run/daemon_int.h"
#include "run/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RETRY_NS (15 * CYC_S_NS)

void cyc_daemon_channel_init(struct daemon *daemon, unsigned index)
{
    struct channel *channel = &daemon->channels[index];
    cyc_merge_init(&channel->merge, daemon->rig, index);
    channel->hands = (struct hands){daemon, index};
    channel->starter = -1;
    channel->wake_ns = INT64_MAX;
}

static const char *name_of(const struct daemon *daemon, unsigned index)
{
    return daemon->rig->channels[index].name;
}

/* ---- What the run asks for -------------------------------------------------------------------
 */

static int hand_send(void *context, int instrument, const struct cyc_message *message,
                     struct cyc_err *err)
{
    const struct hands *hands = context;
    return cyc_daemon_port_send(hands->daemon, instrument, message, err);
}

static void hand_tell(void *context, int64_t t_ns, const char *text, bool alarm)
{
    const struct hands *hands = context;
    struct daemon *daemon = hands->daemon;
    cyc_daemon_client_tell(daemon, hands->channel, t_ns, text, alarm);
    if (alarm) {
        char line[400];
        (void)snprintf(line, sizeof line, "%s: %s", name_of(daemon, hands->channel), text);
        cyc_daemon_log(daemon, "alarm: %s", line);
        cyc_daemon_alarm(daemon, line);
    }
}

static bool hand_find(void *context, const struct cyc_identity *who, char *where, size_t size)
{
    const struct hands *hands = context;
    const struct cyc_rig *rig = hands->daemon->rig;
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        const struct cyc_identity *is = &hands->daemon->present[i].identity;
        if (who->serial_number[0] != '\0' && strcmp(is->serial_number, who->serial_number) == 0 &&
            strcmp(is->model, who->model) == 0) {
            (void)snprintf(where, size, "answers on port %s, in the place of %s",
                           rig->ports[rig->instruments[i].port].name, rig->instruments[i].name);
            return true;
        }
    }
    return false;
}

/* ---- Starting -------------------------------------------------------------------------------- */

int cyc_daemon_channel_start(struct daemon *daemon, unsigned index, const char *folder, int client,
                             struct cyc_err *err)
{
    struct channel *channel = &daemon->channels[index];
    const char *name = name_of(daemon, index);
    if (channel->fault) {
        return cyc_err_set(err, CYC_E_LATCHED,
                           "channel %s is latched by a fault (%s); `cyclostat stop` acknowledges "
                           "it",
                           name, channel->why);
    }
    if (channel->opener != NULL || channel->live != NULL || channel->recovers || channel->aside) {
        return cyc_err_set(err, CYC_E_BUSY, "a run is on channel %s already: %s", name,
                           channel->run_id);
    }
    const int status = cyc_daemon_opener_new(daemon, index, folder, false, &channel->opener, err);
    if (status == CYC_OK) {
        channel->starter = client;
        channel->end[0] = channel->why[0] = '\0';
        (void)cyc_copy(channel->folder, sizeof channel->folder, folder);
    }
    return status;
}

static void answer_starter(struct channel *channel, struct daemon *daemon, int status,
                           const char *text)
{
    cyc_daemon_client_done(daemon, channel->starter, status, text);
    channel->starter = -1;
}

/* A run that was in progress for the journal only: its fault had not been kept yet. */
static void had_failed(struct daemon *daemon, unsigned index, const char *why)
{
    struct channel *channel = &daemon->channels[index];
    channel->fault = true;
    channel->aside = false;
    (void)cyc_copy(channel->end, sizeof channel->end, cyc_finish_name(CYC_FINISH_FAULT));
    (void)cyc_copy(channel->why, sizeof channel->why, why);
    cyc_daemon_opener_latch(daemon, index, why);
}

static bool is_of_disk(int status)
{
    return status == CYC_E_FILE || status == CYC_E_NO_SPACE || status == CYC_E_JOURNAL ||
           status == CYC_E_BOUND;
}

/* What a person reads of it; told where it is news. */
static void tell_aside(struct daemon *daemon, unsigned index, int status, const char *text)
{
    struct channel *channel = &daemon->channels[index];
    const bool full = status == CYC_E_NO_SPACE;
    const bool by_itself = full || status == CYC_E_BOUND || status == CYC_E_BUSY;
    char why[sizeof channel->why];
    if (full) {
        (void)snprintf(why, sizeof why,
                       "disk: it is full; free 64 MiB where %.140s lies, and the run goes on by "
                       "itself",
                       channel->folder);
    } else {
        (void)snprintf(why, sizeof why, "%s%.180s; %s", is_of_disk(status) ? "disk: " : "", text,
                       by_itself ? "the run goes on by itself"
                                 : "then `cyclostat resume` tries again");
    }
    channel->retry_ns = by_itself ? daemon->now_ns + RETRY_NS : INT64_MAX;
    if (!channel->aside || strcmp(channel->why, why) != 0) {
        (void)cyc_copy(channel->why, sizeof channel->why, why);
        cyc_daemon_log(daemon, "channel %s: %s is set aside: %s", name_of(daemon, index),
                       channel->folder, text);
        hand_tell(&channel->hands, 0, why, true);
    }
    channel->aside = true;
    channel->needs_room = full;
}

static void start_failed(struct daemon *daemon, unsigned index, bool again,
                         const struct cyc_err *err)
{
    struct channel *channel = &daemon->channels[index];
    if (again && err->status != CYC_E_INPUT) {
        tell_aside(daemon, index, err->status, err->text);
        answer_starter(channel, daemon, err->status, channel->why);
        return;
    }
    cyc_daemon_log(daemon, "channel %s: the run %s cannot be started: %s", name_of(daemon, index),
                   channel->folder, err->text);
    (void)cyc_copy(channel->why, sizeof channel->why, err->text);
    answer_starter(channel, daemon, err->status, err->text);
    channel->aside = false;
    cyc_daemon_opener_forget(daemon, index);
}

static double resolution_of(const struct cyc_capabilities *capabilities,
                            enum cyc_measurand measurand)
{
    const double resolution = capabilities->resolution[measurand];
    return resolution > 0 ? resolution : 0;
}

static int open_parts(struct daemon *daemon, unsigned index, const struct opener *opener,
                      struct cyc_err *err)
{
    struct channel *channel = &daemon->channels[index];
    const struct cyc_capabilities *capabilities =
        &daemon->rig->instruments[daemon->rig->channels[index].cycler].capabilities;
    char protocol[CYC_PATH_SIZE + 300];
    char cell[CYC_PATH_SIZE + 300] = "";
    int status =
        cyc_start_path(opener->folder, opener->start.protocol, protocol, sizeof protocol, err);
    if (status == CYC_OK && opener->start.cell[0] != '\0') {
        status = cyc_start_path(opener->folder, opener->start.cell, cell, sizeof cell, err);
    }
    struct cyc_sensors sensors;
    cyc_fit_sensors(daemon->rig, index, &sensors);
    const struct cyc_source_start source = {
        .sensors = &sensors,
        .program = daemon->options->program,
        .protocol_path = protocol,
        .cell_path = cell,
        .settings = opener->start.settings,
        .setting_count = opener->start.setting_count,
        .journal_folder = opener->resume != NULL ? opener->folder : "",
        .voltage_resolution_V = resolution_of(capabilities, CYC_MEASURAND_VOLTAGE),
        .current_resolution_A = resolution_of(capabilities, CYC_MEASURAND_CURRENT),
    };
    if (status == CYC_OK) {
        status = cyc_live_parts_open(&channel->parts, &source, err);
    }
    if (status == CYC_OK) {
        status = cyc_daemon_watch(daemon, cyc_source_process_fd(channel->parts.source),
                                  WATCH_SOURCE, index, err);
    }
    return status;
}

static struct cyc_plausible_facts facts_of(const struct daemon *daemon, unsigned index,
                                           const struct opener *opener)
{
    const struct cyc_capabilities *capabilities =
        &daemon->rig->instruments[daemon->rig->channels[index].cycler].capabilities;
    return (struct cyc_plausible_facts){
        .nominal_capacity_Ah = opener->journal.nominal_capacity_Ah,
        .voltage_min_V = NAN, /* of the first step's limits */
        .voltage_max_V = NAN,
        .voltage_resolution_V = capabilities->resolution[CYC_MEASURAND_VOLTAGE],
        .current_resolution_A = capabilities->resolution[CYC_MEASURAND_CURRENT],
        .current_accuracy_A = capabilities->accuracy[CYC_MEASURAND_CURRENT],
    };
}

static int open_live(struct daemon *daemon, unsigned index, const struct opener *opener,
                     struct cyc_err *err)
{
    struct channel *channel = &daemon->channels[index];
    const struct cyc_live_options options = {
        .merge = &channel->merge,
        .hands = {&channel->hands, hand_send, hand_tell, hand_find},
        .source = cyc_live_parts_source(&channel->parts),
        .store = cyc_live_parts_store(&channel->parts),
        .intent = &channel->parts.intent,
        .rate = daemon->options->rate,
        .facts = facts_of(daemon, index, opener),
        .one_c_A = opener->journal.one_c_A,
        .resume = channel->resume,
        .was_aside = channel->aside,
        .tail = opener->tail,
        .rig_now = channel->rig_now,
        .gap = cyc_live_parts_gap,
        .intend = cyc_live_parts_intend,
        .ending = cyc_live_parts_ending,
        .trace = opener->start.trace ? cyc_live_parts_trace : NULL,
    };
    const int status = cyc_live_open(&options, &channel->live, err);
    channel->parts.live = channel->live;
    return status;
}

/* From here on the writer owns the run. */
static int hand_over(struct daemon *daemon, unsigned index, struct cyc_err *err)
{
    struct channel *channel = &daemon->channels[index];
    channel->parts.writer = daemon->writer;
    channel->parts.marked = channel->resume != NULL;
    const int status =
        cyc_writer_add(daemon->writer, channel->opener->run, &channel->parts.slot, err);
    if (status == CYC_OK) {
        channel->opener->run = NULL;
        channel->is_added = true;
    }
    return status;
}

static int end_source(void *context, struct cyc_err *err)
{
    (void)err;
    cyc_source_process_end(*(struct cyc_source_process **)context);
    return CYC_OK;
}

/* The kernel gives a process back when its disk has answered; nobody waits for that here. */
static void leave_source(struct daemon *daemon, struct cyc_source_process **source)
{
    if (*source != NULL) {
        (void)epoll_ctl(daemon->epoll_fd, EPOLL_CTL_DEL, cyc_source_process_fd(*source), NULL);
        if (cyc_errands_post(daemon->errands, end_source, source, sizeof(*source))) {
            *source = NULL;
        }
    }
}

static void close_run(struct daemon *daemon, struct channel *channel)
{
    const unsigned slot = channel->parts.slot; /* where the writer is not done with it yet */
    cyc_live_close(channel->live);
    leave_source(daemon, &channel->parts.source);
    cyc_live_parts_close(&channel->parts);
    cyc_resume_close(channel->resume);
    free(channel->rig_now);
    channel->resume = NULL;
    channel->rig_now = NULL;
    channel->live = NULL;
    channel->parts = (struct cyc_live_parts){.slot = slot};
    channel->wake_ns = INT64_MAX;
}

static void begin(struct daemon *daemon, unsigned index)
{
    struct channel *channel = &daemon->channels[index];
    struct opener *opener = channel->opener;
    struct cyc_err err = opener->err;
    (void)cyc_copy(channel->run_id, sizeof channel->run_id, opener->journal.id);
    int status = opener->status;
    if (status == CYC_OK && opener->start.rate != daemon->options->rate) {
        status =
            cyc_err_set(&err, CYC_E_REFUSED, "the run was made for another rate than the daemon's");
    }
    status = status == CYC_OK ? open_parts(daemon, index, opener, &err) : status;
    channel->resume = opener->resume;
    channel->rig_now = opener->rig_now;
    opener->resume = NULL;
    opener->rig_now = NULL;
    status = status == CYC_OK ? open_live(daemon, index, opener, &err) : status;
    status = status == CYC_OK ? hand_over(daemon, index, &err) : status;
    channel->opener = NULL;
    if (status != CYC_OK) {
        close_run(daemon, channel);
        if (opener->failed) {
            had_failed(daemon, index, err.text);
        } else {
            start_failed(daemon, index, opener->again, &err);
        }
    } else {
        if (opener->again) {
            answer_starter(channel, daemon, CYC_OK, "");
        }
        channel->aside = false;
        cyc_live_start(channel->live, daemon->now_ns);
        cyc_daemon_channel_changed(daemon, index);
    }
    cyc_daemon_opener_free(opener);
}

void cyc_daemon_channel_openers(struct daemon *daemon)
{
    uint64_t count = 0;
    (void)!read(daemon->opener_fd, &count, sizeof count);
    for (unsigned i = 0; i < daemon->rig->channel_count; i++) {
        const struct channel *channel = &daemon->channels[i];
        if (channel->opener != NULL && channel->opener->done) {
            begin(daemon, i);
        }
    }
}

void cyc_daemon_channel_recover(struct daemon *daemon)
{
    for (unsigned i = 0; i < daemon->rig->channel_count; i++) {
        struct channel *channel = &daemon->channels[i];
        channel->fault = cyc_daemon_opener_is_latched(daemon, i, channel);
        channel->recovers = !channel->fault && cyc_daemon_opener_recall(daemon, i, channel);
    }
}

static void recover(struct daemon *daemon, unsigned index)
{
    struct channel *channel = &daemon->channels[index];
    struct cyc_err err = {0};
    channel->recovers = false;
    if (cyc_daemon_opener_new(daemon, index, channel->folder, true, &channel->opener, &err) !=
        CYC_OK) {
        start_failed(daemon, index, true, &err);
    }
}

bool cyc_daemon_channel_is_aside(const struct daemon *daemon, unsigned index)
{
    return daemon->channels[index].aside;
}

int cyc_daemon_channel_reopen(struct daemon *daemon, unsigned index, int client,
                              struct cyc_err *err)
{
    struct channel *channel = &daemon->channels[index];
    if (channel->opener != NULL) {
        return cyc_err_set(err, CYC_E_BUSY, "its folder is being opened this moment");
    }
    if (channel->is_added) {
        return cyc_err_set(err, CYC_E_BUSY, "its disk has not answered yet");
    }
    channel->starter = client;
    recover(daemon, index);
    return CYC_OK;
}

/* Those that only lacked room. */
void cyc_daemon_channel_beat(struct daemon *daemon)
{
    for (unsigned i = 0; i < daemon->rig->channel_count; i++) {
        const struct channel *channel = &daemon->channels[i];
        if (channel->aside && channel->opener == NULL && !channel->is_added &&
            daemon->now_ns >= channel->retry_ns) {
            recover(daemon, i);
        }
    }
}

void cyc_daemon_channel_port_is_there(struct daemon *daemon, unsigned port)
{
    for (unsigned i = 0; i < daemon->rig->channel_count; i++) {
        const int cycler = daemon->rig->channels[i].cycler;
        if (daemon->channels[i].recovers && daemon->rig->instruments[cycler].port == (int)port) {
            recover(daemon, i);
        }
    }
}

/* ---- While it runs, and its end --------------------------------------------------------------
 */

static void maybe_answer_starter(struct daemon *daemon, struct channel *channel)
{
    struct cyc_live_view view;
    if (channel->starter >= 0 && channel->live != NULL) {
        cyc_live_view(channel->live, &view);
        if (view.begun) {
            answer_starter(channel, daemon, CYC_OK, channel->run_id);
        }
    }
}

/* The disk does not take it any more. The writer closes the folder, a fault it still can write. */
static void set_aside(struct daemon *daemon, unsigned index, const struct cyc_live_view *view)
{
    struct channel *channel = &daemon->channels[index];
    cyc_writer_leave(daemon->writer, channel->parts.slot, "");
    close_run(daemon, channel);
    tell_aside(daemon, index, view->aside, view->why);
    answer_starter(channel, daemon, view->aside, channel->why);
}

/* What the disk has done to it. */
static void look_at_disk(struct daemon *daemon, unsigned index)
{
    const struct channel *channel = &daemon->channels[index];
    const enum cyc_live_state state =
        channel->live != NULL ? cyc_live_state(channel->live) : CYC_LIVE_ARMING;
    struct cyc_live_view view;
    if (state == CYC_LIVE_ASIDE) {
        cyc_live_view(channel->live, &view);
        set_aside(daemon, index, &view);
    } else if (state == CYC_LIVE_ENDED && channel->parts.finish == 0) {
        cyc_live_view(channel->live, &view);
        cyc_writer_leave(daemon->writer, channel->parts.slot, view.why);
    }
}

void cyc_daemon_channel_changed(struct daemon *daemon, unsigned index)
{
    struct channel *channel = &daemon->channels[index];
    look_at_disk(daemon, index);
    maybe_answer_starter(daemon, channel);
    channel->wake_ns = channel->live != NULL ? cyc_live_wake_ns(channel->live) : INT64_MAX;
    daemon->wake_ns = channel->wake_ns < daemon->wake_ns ? channel->wake_ns : daemon->wake_ns;
}

/* The folder is closed: the channel is free, or latched by a fault under which a current may have
 * flowed. */
static void end_run(struct daemon *daemon, unsigned index)
{
    struct channel *channel = &daemon->channels[index];
    struct cyc_live_view view;
    cyc_live_view(channel->live, &view);
    (void)cyc_copy(channel->end, sizeof channel->end, cyc_finish_name(view.finish));
    (void)cyc_copy(channel->why, sizeof channel->why, view.why);
    const bool failed = view.finish == CYC_FINISH_FAULT;
    channel->fault = failed && view.energised;
    channel->is_added = false;
    close_run(daemon, channel);
    if (channel->fault) {
        cyc_daemon_opener_latch(daemon, index, channel->why);
    } else {
        cyc_daemon_opener_forget(daemon, index);
    }
    answer_starter(channel, daemon, failed ? CYC_E_REFUSED : CYC_OK, channel->why);
    cyc_daemon_log(daemon, "channel %s: %s has ended: %s%s%s", name_of(daemon, index),
                   channel->run_id, channel->end, channel->why[0] != '\0' ? ", " : "",
                   channel->why);
    cyc_daemon_client_ended(daemon, index);
}

static int channel_of_slot(const struct daemon *daemon, unsigned slot)
{
    for (unsigned i = 0; i < daemon->rig->channel_count; i++) {
        if (daemon->channels[i].is_added && daemon->channels[i].parts.slot == slot) {
            return (int)i;
        }
    }
    return -1;
}

static void take_news(struct daemon *daemon, const struct cyc_writer_news *news)
{
    const int index = channel_of_slot(daemon, news->slot);
    if (index < 0) {
        return;
    }
    struct channel *channel = &daemon->channels[index];
    channel->epoch = news->epoch;
    channel->confirmed = news->reading_number;
    if (channel->live != NULL && news->status != CYC_OK) {
        struct cyc_err why = {0};
        (void)cyc_err_set(&why, news->status, "%s", news->text);
        cyc_live_disk_failed(channel->live, &why, daemon->now_ns);
    }
    if (channel->live != NULL) {
        cyc_live_durable(channel->live, news->durable, daemon->now_ns);
        cyc_daemon_channel_changed(daemon, (unsigned)index);
    }
    if (news->finished && channel->live != NULL) {
        end_run(daemon, (unsigned)index);
    } else if (news->finished) { /* set aside */
        channel->is_added = false;
    }
}

void cyc_daemon_channel_news(struct daemon *daemon)
{
    struct cyc_writer_news news;
    for (unsigned i = 0; i < CYC_MESSAGES_MAX && cyc_writer_poll(daemon->writer, &news); i++) {
        take_news(daemon, &news);
    }
}

void cyc_daemon_channel_release(struct daemon *daemon, unsigned index)
{
    struct channel *channel = &daemon->channels[index];
    struct cyc_live_view view = {0};
    if (channel->live != NULL) {
        cyc_live_view(channel->live, &view);
    }
    if (view.armed) { /* else another instrument may be there, and nothing is said to it */
        const int cycler = daemon->rig->channels[index].cycler;
        const struct cyc_message safe = {.kind = CYC_MESSAGE_SAFE,
                                         .channel = (int32_t)index,
                                         .instrument = cycler,
                                         .t_ns = daemon->now_ns};
        (void)cyc_daemon_port_send(daemon, cycler, &safe, NULL);
    }
    close_run(daemon, channel);
    cyc_daemon_opener_free(channel->opener);
    channel->opener = NULL;
}

/* ---- Commands --------------------------------------------------------------------------------
 */

/* A fault, or a run that is set aside: nobody goes on with it. */
static int acknowledge(struct daemon *daemon, unsigned index)
{
    struct channel *channel = &daemon->channels[index];
    cyc_daemon_log(daemon,
                   channel->fault ? "channel %s: the fault of %s is acknowledged"
                                  : "channel %s: %s is left as it is",
                   name_of(daemon, index), channel->folder);
    channel->fault = channel->aside = false;
    channel->why[0] = '\0';
    cyc_daemon_opener_forget(daemon, index);
    return CYC_OK;
}

static int to_run(struct daemon *daemon, unsigned index, enum cyc_operator word, const char *who,
                  struct cyc_err *err)
{
    struct channel *channel = &daemon->channels[index];
    const int status = cyc_live_operator(channel->live, word, who, daemon->now_ns, err);
    cyc_daemon_channel_changed(daemon, index);
    return status;
}

int cyc_daemon_channel_command(struct daemon *daemon, unsigned index, enum cyc_request_kind kind,
                               const char *who, struct cyc_err *err)
{
    struct channel *channel = &daemon->channels[index];
    char why[96];
    if (channel->live == NULL) {
        const bool ends = kind == CYC_REQUEST_STOP || kind == CYC_REQUEST_ABORT;
        if ((channel->fault && kind == CYC_REQUEST_STOP) ||
            (channel->aside && ends && channel->opener == NULL)) {
            return acknowledge(daemon, index);
        }
        if (channel->aside) {
            return cyc_err_set(err, CYC_E_REFUSED, "it is held; resume or stop it");
        }
        return cyc_err_set(err, CYC_E_REFUSED, "no run is on channel %s", name_of(daemon, index));
    }
    switch (kind) {
    case CYC_REQUEST_PAUSE:
        return to_run(daemon, index, CYC_OPERATOR_PAUSE, who, err);
    case CYC_REQUEST_RESUME:
        return to_run(daemon, index, CYC_OPERATOR_RESUME, who, err);
    case CYC_REQUEST_SKIP:
        return to_run(daemon, index, CYC_OPERATOR_SKIP, who, err);
    case CYC_REQUEST_STOP:
        return to_run(daemon, index, CYC_OPERATOR_STOP, who, err);
    case CYC_REQUEST_ABORT:
        (void)snprintf(why, sizeof why, "at once, by %s", who);
        cyc_live_abort(channel->live, why, daemon->now_ns);
        cyc_daemon_channel_changed(daemon, index);
        return CYC_OK;
    case CYC_REQUEST_STATUS:
    case CYC_REQUEST_START:
    case CYC_REQUEST_WATCH:
    case CYC_REQUEST_UPGRADE:
        break;
    }
    return cyc_err_set(err, CYC_E_BUG, "no command");
}

/* ---- Looking at it ----------------------------------------------------------------------------
 */

static enum cyc_channel_state state_of(const struct channel *channel,
                                       const struct cyc_live_view *view)
{
    if (channel->live == NULL) {
        return channel->aside                                 ? CYC_CHANNEL_HELD
               : channel->opener != NULL || channel->recovers ? CYC_CHANNEL_STARTING
               : channel->fault                               ? CYC_CHANNEL_FAULT
                                                              : CYC_CHANNEL_FREE;
    }
    switch (view->state) {
    case CYC_LIVE_ARMING:
    case CYC_LIVE_RETURNING:
    case CYC_LIVE_LOADING:
        return CYC_CHANNEL_STARTING;
    case CYC_LIVE_AWAY:
    case CYC_LIVE_ASIDE:
        return CYC_CHANNEL_HELD;
    case CYC_LIVE_RUNNING:
        if (view->held) {
            return CYC_CHANNEL_HELD;
        }
        if (view->executor == CYC_STATE_PAUSED) {
            return CYC_CHANNEL_PAUSED;
        }
        return view->resting ? CYC_CHANNEL_WAITING : CYC_CHANNEL_RUNNING;
    case CYC_LIVE_ENDED:
        return CYC_CHANNEL_ENDING;
    }
    return CYC_CHANNEL_FREE;
}

static void put_progress(const struct channel *channel, const struct cyc_live_view *view,
                         struct cyc_channel_status *status)
{
    const struct cyc_progress *progress = &view->progress;
    status->left_ns = channel->live != NULL ? view->left_ns : CYC_NEVER;
    if (channel->live == NULL) {
        return;
    }
    status->t_ns = progress->t_ns;
    status->cycle_number = progress->cycle_number;
    status->cycle_count = progress->cycle_count;
    status->step_count = progress->step_count;
    status->step_capacity_Ah = progress->step_capacity_Ah;
    if (progress->step != NULL) {
        (void)cyc_copy(status->step_name, sizeof status->step_name, progress->step->name);
        (void)cyc_copy(status->step_type, sizeof status->step_type, progress->step->type);
    }
}

static void put_link(const struct daemon *daemon, unsigned index, struct cyc_channel_status *status)
{
    const struct cyc_rig_channel *const channel = &daemon->rig->channels[index];
    const int instruments[] = {channel->cycler, channel->chamber, channel->press};
    for (unsigned i = 0; i < sizeof instruments / sizeof instruments[0]; i++) {
        const int instrument = instruments[i];
        if (instrument < 0 || daemon->present[instrument].there) {
            continue;
        }
        status->linked = false;
        if (status->link[0] == '\0' && daemon->present[instrument].why_not[0] != '\0') {
            (void)snprintf(status->link, sizeof status->link, "%.28s: %s",
                           daemon->rig->instruments[instrument].name,
                           daemon->present[instrument].why_not);
        }
    }
}

void cyc_daemon_channel_status(const struct daemon *daemon, unsigned index,
                               struct cyc_channel_status *status)
{
    const struct channel *channel = &daemon->channels[index];
    struct cyc_live_view view = {0};
    struct cyc_sample sample;
    if (channel->live != NULL) {
        cyc_live_view(channel->live, &view);
    }
    cyc_merge_latest(&channel->merge, daemon->now_ns, &sample);
    *status = (struct cyc_channel_status){
        .state = state_of(channel, &view),
        .linked = channel->linked,
        .age_ns = channel->merge.has_electrical ? daemon->now_ns - sample.t_ns : INT64_MAX,
        .voltage_V = sample.voltage_V,
        .current_A = sample.current_A,
        .temperature_degC = sample.temperature_degC,
        .ambient_degC = sample.ambient_degC,
        .pressure_Pa = sample.pressure_Pa,
        .rate = daemon->options->rate,
        .loops = daemon->loops,
        .slow_loops = daemon->slow_loops,
        .slowest_loop_ns = daemon->slowest_loop_ns,
    };
    (void)cyc_copy(status->channel, sizeof status->channel, name_of(daemon, index));
    (void)cyc_copy(status->run_id, sizeof status->run_id, channel->run_id);
    (void)cyc_copy(status->folder, sizeof status->folder, channel->folder);
    (void)cyc_copy(status->end, sizeof status->end, channel->end);
    (void)cyc_copy(status->why, sizeof status->why,
                   channel->recovers       ? "waits for its port, then goes on"
                   : channel->live != NULL ? view.why
                                           : channel->why);
    put_progress(channel, &view, status);
    put_link(daemon, index, status);
}
