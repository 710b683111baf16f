#include "run/daemon_int.h"

#include "device/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_NS (200 * CYC_MS_NS)

static bool uses_port(const struct daemon *daemon, int instrument, unsigned port)
{
    return instrument >= 0 && daemon->rig->instruments[instrument].port == (int)port;
}

static bool is_on_port(const struct daemon *daemon, unsigned channel, unsigned port)
{
    return uses_port(daemon, daemon->rig->channels[channel].cycler, port);
}

/* ---- Who reads what --------------------------------------------------------------------------
 */

static bool reads(const struct cyc_rig *rig, unsigned channel, int instrument)
{
    const struct cyc_rig_channel *of = &rig->channels[channel];
    const int sensors[] = {of->temperature, of->pressure, of->ambient};
    bool found = of->cycler == instrument || of->chamber == instrument || of->press == instrument;
    for (unsigned i = 0; i < sizeof sensors / sizeof sensors[0]; i++) {
        found = found || (sensors[i] >= 0 && rig->sensors[sensors[i]].instrument == instrument);
    }
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        found = found || (of->aux[i] >= 0 && rig->sensors[of->aux[i]].instrument == instrument);
    }
    return found;
}

int cyc_daemon_port_users(struct daemon *daemon, struct cyc_err *err)
{
    const struct cyc_rig *rig = daemon->rig;
    const size_t most = (size_t)rig->channel_count * (3 + CYC_MERGE_SENSORS);
    daemon->users = calloc(rig->instrument_count + 1, sizeof *daemon->users);
    daemon->user_list = calloc(most + 1, sizeof *daemon->user_list);
    daemon->present = calloc(rig->instrument_count + 1, sizeof *daemon->present);
    if (daemon->users == NULL || daemon->user_list == NULL || daemon->present == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the instruments");
    }
    unsigned count = 0;
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        daemon->users[i].first = count;
        for (unsigned c = 0; c < rig->channel_count; c++) {
            if (reads(rig, c, (int)i)) {
                daemon->user_list[count++] = c;
            }
        }
        daemon->users[i].count = count - daemon->users[i].first;
    }
    return CYC_OK;
}

/* ---- Connecting ------------------------------------------------------------------------------ */

static void greet(struct daemon *daemon, unsigned index)
{
    struct link *link = &daemon->links[index];
    struct cyc_message hello = {.kind = CYC_MESSAGE_HELLO,
                                .index = CYC_MESSAGE_VERSION,
                                .channel = -1,
                                .instrument = -1,
                                .t_ns = daemon->now_ns};
    (void)cyc_copy(hello.text, sizeof hello.text, daemon->rig->sha256);
    (void)cyc_message_send(link->fd, &hello, -1, NULL);
    hello.kind = CYC_MESSAGE_LEASE;
    (void)cyc_message_send(link->fd, &hello, -1, NULL);
}

void cyc_daemon_port_connect(struct daemon *daemon, unsigned index)
{
    struct link *link = &daemon->links[index];
    char name[CYC_RIG_NAME_SIZE + 16];
    (void)snprintf(name, sizeof name, "port-%s.sock", daemon->rig->ports[index].name);
    link->retry_ns = daemon->now_ns + RETRY_NS;
    if (cyc_message_connect(daemon->options->state_dir, name, &link->fd, NULL) != CYC_OK) {
        link->fd = -1;
        return;
    }
    if (cyc_daemon_watch(daemon, link->fd, WATCH_PORT, index, NULL) != CYC_OK) {
        (void)close(link->fd);
        link->fd = -1;
        return;
    }
    link->welcome = false;
    greet(daemon, index);
}

static void note_presence(struct daemon *daemon, int instrument, bool there, const char *why_not)
{
    struct presence *const present = &daemon->present[instrument];
    present->there = there;
    (void)cyc_copy(present->why_not, sizeof present->why_not, there ? "" : why_not);
    present->identity = (struct cyc_identity){0};
}

static void lose(struct daemon *daemon, unsigned index)
{
    struct link *link = &daemon->links[index];
    if (link->fd >= 0) {
        (void)close(link->fd); /* which ends its watch as well */
    }
    link->fd = -1;
    link->welcome = false;
    for (unsigned i = 0; i < daemon->rig->instrument_count; i++) {
        if (daemon->rig->instruments[i].port != (int)index) {
            continue;
        }
        note_presence(daemon, (int)i, false, "the process of its port is gone");
        for (unsigned c = 0; c < daemon->rig->channel_count; c++) {
            struct channel *channel = &daemon->channels[c];
            if (daemon->rig->channels[c].cycler == (int)i) {
                channel->linked = channel->merge.linked = false;
                channel->merge.other[0] = '\0';
            }
            if (channel->live != NULL) {
                cyc_live_lost(channel->live, (int)i, daemon->now_ns);
                cyc_daemon_channel_changed(daemon, c);
            }
        }
    }
}

/* ---- Messages -------------------------------------------------------------------------------- */

static void welcome(struct daemon *daemon, unsigned index, const struct cyc_message *message)
{
    struct link *link = &daemon->links[index];
    if (message->status != CYC_OK || message->index != CYC_MESSAGE_VERSION ||
        strcmp(message->text, daemon->rig->sha256) != 0) {
        cyc_daemon_log(daemon,
                       "port %s was started with another rig file or version; restart all of it",
                       daemon->rig->ports[index].name);
        return;
    }
    link->welcome = true;
    link->epoch = message->epoch;
    link->newest = link->confirmed = 0;
    cyc_daemon_channel_port_is_there(daemon, index);
}

static void note_link(struct daemon *daemon, const struct cyc_message *message)
{
    if (message->instrument < 0 || (unsigned)message->instrument >= daemon->rig->instrument_count) {
        return;
    }
    const bool other = message->status == CYC_E_IDENTITY;
    note_presence(daemon, message->instrument, message->status == CYC_OK, message->text);
    if (other || message->status == CYC_OK) {
        daemon->present[message->instrument].identity = message->as.identity;
    }
    for (unsigned c = 0; c < daemon->rig->channel_count; c++) {
        if (daemon->rig->channels[c].cycler == message->instrument) {
            struct channel *channel = &daemon->channels[c];
            channel->linked = channel->merge.linked = message->status == CYC_OK;
            if (channel->linked) {
                channel->merge.cycler = message->as.identity;
            }
            (void)cyc_copy(channel->merge.other, sizeof channel->merge.other,
                           other ? message->text : "");
        }
    }
}

static void deliver_to(struct daemon *daemon, unsigned index, const struct cyc_message *message)
{
    struct channel *channel = &daemon->channels[index];
    if (message->kind == CYC_MESSAGE_READING &&
        daemon->rig->channels[index].cycler == message->instrument) {
        channel->linked = true; /* an instrument that was not recognised is not read */
    }
    if (channel->live != NULL) {
        cyc_live_message(channel->live, message, daemon->now_ns);
        cyc_daemon_channel_changed(daemon, index);
    } else if (message->kind == CYC_MESSAGE_READING) {
        struct cyc_sample sample;
        (void)cyc_merge_reading(&channel->merge, message, &sample);
    }
}

/* A message about an instrument may concern several channels: a chamber is shared. */
static void deliver(struct daemon *daemon, const struct cyc_message *message)
{
    if (message->channel >= 0 && (unsigned)message->channel < daemon->rig->channel_count) {
        deliver_to(daemon, (unsigned)message->channel, message);
        return;
    }
    if (message->instrument < 0 || (unsigned)message->instrument >= daemon->rig->instrument_count) {
        return;
    }
    if (message->kind == CYC_MESSAGE_READING) {
        daemon->present[message->instrument].there = true;
    }
    const struct users *users = &daemon->users[message->instrument];
    for (unsigned i = 0; i < users->count; i++) {
        deliver_to(daemon, daemon->user_list[users->first + i], message);
    }
}

/* A link that is up has no words of its own: who answers. */
static void log_message(const struct daemon *daemon, unsigned index,
                        const struct cyc_message *message)
{
    const struct cyc_identity *who = &message->as.identity;
    const char *const port = daemon->rig->ports[index].name;
    const bool known =
        message->instrument >= 0 && (unsigned)message->instrument < daemon->rig->instrument_count;
    if (message->kind == CYC_MESSAGE_LINK && known) {
        const bool up = message->status == CYC_OK;
        cyc_daemon_log(daemon, "port %s: link to %s: %s%s%s%s%s", port,
                       daemon->rig->instruments[message->instrument].name,
                       up ? "up, " : message->text, up ? who->maker : "", up ? " " : "",
                       up ? who->model : "", up ? " answers" : "");
    } else {
        cyc_daemon_log(daemon, "port %s: %s %s", port, cyc_message_name(message->kind),
                       message->text);
    }
}

static void take(struct daemon *daemon, unsigned index, const struct cyc_message *message)
{
    struct link *link = &daemon->links[index];
    if (message->kind == CYC_MESSAGE_WELCOME) {
        welcome(daemon, index, message);
        return;
    }
    if (!link->welcome) {
        return;
    }
    if (message->kind == CYC_MESSAGE_READING) {
        link->newest = message->number > link->newest ? message->number : link->newest;
    }
    if (message->kind == CYC_MESSAGE_LINK) {
        note_link(daemon, message);
    }
    if (message->kind == CYC_MESSAGE_EVENT || message->kind == CYC_MESSAGE_LINK ||
        message->kind == CYC_MESSAGE_TRIPPED) {
        log_message(daemon, index, message);
    }
    deliver(daemon, message);
}

void cyc_daemon_port_hear(struct daemon *daemon, unsigned index)
{
    struct cyc_message messages[CYC_MESSAGE_BATCH];
    struct link *link = &daemon->links[index];
    unsigned count = 0;
    for (unsigned taken = 0; link->fd >= 0 && taken < CYC_MESSAGES_MAX; taken += count + 1) {
        const int status = cyc_message_receive_many(link->fd, messages, &count, NULL);
        if (status == CYC_E_TIMEOUT) {
            return;
        }
        if (status == CYC_E_LOST) {
            cyc_daemon_log(daemon, "the process of port %s is gone",
                           daemon->rig->ports[index].name);
            lose(daemon, index);
            return;
        }
        for (unsigned i = 0; i < count && link->fd >= 0; i++) {
            take(daemon, index, &messages[i]);
        }
    }
}

int cyc_daemon_port_send(struct daemon *daemon, int instrument, const struct cyc_message *message,
                         struct cyc_err *err)
{
    const struct link *link = &daemon->links[daemon->rig->instruments[instrument].port];
    if (link->fd < 0 || !link->welcome) {
        return cyc_err_set(err, CYC_E_LOST, "its port process does not answer");
    }
    return cyc_message_send(link->fd, message, -1, err);
}

/* ---- Every 200 ms ---------------------------------------------------------------------------- */

/* Readings up to here need not be kept for anybody: neither for a run, nor for one whose folder is
 * still to be opened. */
static uint64_t durable_on(const struct daemon *daemon, unsigned index)
{
    const struct link *link = &daemon->links[index];
    uint64_t number = link->newest;
    for (unsigned c = 0; c < daemon->rig->channel_count; c++) {
        const struct channel *channel = &daemon->channels[c];
        const bool returns = channel->recovers || channel->aside || channel->opener != NULL;
        if ((channel->live == NULL && !returns) || !is_on_port(daemon, c, index)) {
            continue;
        }
        const uint64_t own = channel->epoch == link->epoch ? channel->confirmed : 0;
        number = own < number ? own : number;
    }
    return number;
}

void cyc_daemon_port_beat(struct daemon *daemon, unsigned index)
{
    struct link *link = &daemon->links[index];
    if (link->fd < 0) {
        if (daemon->now_ns >= link->retry_ns) {
            cyc_daemon_port_connect(daemon, index);
        }
        return;
    }
    struct cyc_message message = {
        .kind = CYC_MESSAGE_LEASE, .channel = -1, .instrument = -1, .t_ns = daemon->now_ns};
    (void)cyc_message_send(link->fd, &message, -1, NULL);
    const uint64_t durable = link->welcome ? durable_on(daemon, index) : 0;
    if (durable > link->confirmed) {
        message.kind = CYC_MESSAGE_CONFIRM;
        message.number = durable;
        if (cyc_message_send(link->fd, &message, -1, NULL) == CYC_OK) {
            link->confirmed = durable;
        }
    }
}
