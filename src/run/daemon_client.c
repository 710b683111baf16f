/* Clients of the control socket: who they are is looked up once, and logged with each command. A
 * client that does not read what it asked to watch is dropped. */
#include "run/daemon_int.h"

#include "device/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void drop(struct daemon *daemon, unsigned index)
{
    struct client *client = &daemon->clients[index];
    if (client->fd >= 0) {
        (void)close(client->fd);
    }
    *client = (struct client){.fd = -1, .watched = -1};
    for (unsigned c = 0; c < daemon->rig->channel_count; c++) {
        if (daemon->channels[c].starter == (int)index) {
            daemon->channels[c].starter = -1;
        }
    }
}

static void put(struct daemon *daemon, unsigned index, struct cyc_response *response)
{
    const struct client *client = &daemon->clients[index];
    response->version = CYC_CONTROL_VERSION;
    if (client->fd >= 0 && send(client->fd, response, sizeof *response,
                                MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof *response) {
        drop(daemon, index);
    }
}

void cyc_daemon_client_call(struct daemon *daemon)
{
    int fd = -1;
    struct cyc_err err = {0};
    const int status = cyc_message_accept(daemon->listener, &fd, &err);
    if (status == CYC_E_REFUSED) {
        cyc_daemon_log(daemon, "%s", err.text);
    }
    if (status != CYC_OK) {
        return;
    }
    for (unsigned i = 0; i < CYC_CLIENTS_MAX; i++) {
        struct client *client = &daemon->clients[i];
        if (client->fd < 0 && cyc_daemon_watch(daemon, fd, WATCH_CLIENT, i, NULL) == CYC_OK) {
            socklen_t size = sizeof client->peer;
            *client = (struct client){.fd = fd, .watched = -1};
            (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client->peer, &size);
            return;
        }
    }
    (void)close(fd);
    cyc_daemon_log(daemon, "a client was sent away: %d are here already", CYC_CLIENTS_MAX);
}

void cyc_daemon_client_done(struct daemon *daemon, int index, int status, const char *text)
{
    if (index < 0) {
        return;
    }
    struct cyc_response response = {.kind = CYC_RESPONSE_DONE, .status = status};
    (void)cyc_copy(response.text, sizeof response.text, text);
    put(daemon, (unsigned)index, &response);
}

static void tell_state(struct daemon *daemon, unsigned index, unsigned channel)
{
    struct cyc_response response = {.kind = CYC_RESPONSE_CHANNEL};
    cyc_daemon_channel_status(daemon, channel, &response.channel);
    put(daemon, index, &response);
}

/* ---- Requests --------------------------------------------------------------------------------
 */

static void all_status(struct daemon *daemon, unsigned index)
{
    for (unsigned c = 0; c < daemon->rig->channel_count && daemon->clients[index].fd >= 0; c++) {
        tell_state(daemon, index, c);
    }
    cyc_daemon_client_done(daemon, (int)index, CYC_OK, "");
}

static void start(struct daemon *daemon, unsigned index, const struct cyc_request *request,
                  unsigned channel)
{
    struct cyc_err err = {0};
    int status = CYC_OK;
    if (strcmp(request->rig_sha256, daemon->rig->sha256) != 0) {
        status = cyc_err_set(&err, CYC_E_REFUSED,
                             "the rig file has changed since its processes were started; when "
                             "nothing runs, end them with `cyclostat shutdown` and start again");
    } else {
        status = cyc_daemon_channel_start(daemon, channel, request->folder, (int)index, &err);
    }
    if (status != CYC_OK) {
        cyc_daemon_client_done(daemon, (int)index, status, err.text);
    }
}

static void command(struct daemon *daemon, unsigned index, const struct cyc_request *request,
                    unsigned channel)
{
    struct client *client = &daemon->clients[index];
    struct cyc_err err = {0};
    char who[64];
    (void)snprintf(who, sizeof who, "uid %u pid %d", client->peer.uid, client->peer.pid);
    const enum cyc_request_kind kind = (enum cyc_request_kind)request->kind;
    const bool reopen = kind == CYC_REQUEST_RESUME && cyc_daemon_channel_is_aside(daemon, channel);
    const int status = reopen ? cyc_daemon_channel_reopen(daemon, channel, (int)index, &err)
                              : cyc_daemon_channel_command(daemon, channel, kind, who, &err);
    cyc_daemon_log(daemon, "command %u on %s by %s: %s", request->kind,
                   daemon->rig->channels[channel].name, who, status == CYC_OK ? "ok" : err.text);
    if (reopen && status == CYC_OK) {
        return; /* it is answered when that is done */
    }
    const struct cyc_live *live = daemon->channels[channel].live;
    const char *word = live != NULL ? cyc_live_not_off(live) : "";
    cyc_daemon_client_done(daemon, (int)index, status, status == CYC_OK ? word : err.text);
}

static void serve_channel(struct daemon *daemon, unsigned index, const struct cyc_request *request)
{
    const int channel = cyc_rig_find_channel(daemon->rig, request->channel);
    if (channel < 0) {
        cyc_daemon_client_done(daemon, (int)index, CYC_E_UNKNOWN_NAME,
                               "the rig has no such channel");
        return;
    }
    switch ((enum cyc_request_kind)request->kind) {
    case CYC_REQUEST_STATUS:
        tell_state(daemon, index, (unsigned)channel);
        cyc_daemon_client_done(daemon, (int)index, CYC_OK, "");
        return;
    case CYC_REQUEST_WATCH:
        daemon->clients[index].watched = channel;
        tell_state(daemon, index, (unsigned)channel);
        return;
    case CYC_REQUEST_START:
        start(daemon, index, request, (unsigned)channel);
        return;
    case CYC_REQUEST_PAUSE:
    case CYC_REQUEST_RESUME:
    case CYC_REQUEST_SKIP:
    case CYC_REQUEST_STOP:
    case CYC_REQUEST_ABORT:
        command(daemon, index, request, (unsigned)channel);
        return;
    case CYC_REQUEST_UPGRADE:
        break;
    }
    cyc_daemon_client_done(daemon, (int)index, CYC_E_UNSUPPORTED, "no such request");
}

static void leave(struct daemon *daemon, unsigned index)
{
    const struct ucred *peer = &daemon->clients[index].peer;
    char who[64];
    (void)snprintf(who, sizeof who, "uid %u pid %d", peer->uid, peer->pid);
    for (unsigned c = 0; c < daemon->rig->channel_count; c++) {
        if (daemon->channels[c].live != NULL) {
            cyc_live_leave(daemon->channels[c].live, who, daemon->now_ns);
        }
    }
    cyc_daemon_log(daemon, "ends for its successor, by %s", who);
    daemon->ending = true;
}

static void serve(struct daemon *daemon, unsigned index, struct cyc_request *request)
{
    request->channel[sizeof request->channel - 1] = '\0';
    request->folder[sizeof request->folder - 1] = '\0';
    request->rig_sha256[sizeof request->rig_sha256 - 1] = '\0';
    if (request->version != CYC_CONTROL_VERSION) {
        cyc_daemon_client_done(daemon, (int)index, CYC_E_UNSUPPORTED,
                               "the daemon is of another version; `cyclostat restart` renews it");
    } else if (request->kind == CYC_REQUEST_UPGRADE) {
        leave(daemon, index);
        cyc_daemon_client_done(daemon, (int)index, CYC_OK, "");
    } else if (request->kind == CYC_REQUEST_STATUS && request->channel[0] == '\0') {
        all_status(daemon, index);
    } else {
        serve_channel(daemon, index, request);
    }
}

void cyc_daemon_client_hear(struct daemon *daemon, unsigned index)
{
    struct cyc_request request;
    const struct client *client = &daemon->clients[index];
    if (client->fd < 0) {
        return;
    }
    const ssize_t size = recv(client->fd, &request, sizeof request, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size != (ssize_t)sizeof request) {
        drop(daemon, index);
        return;
    }
    serve(daemon, index, &request);
}

/* ---- Those who watch -------------------------------------------------------------------------
 */

void cyc_daemon_client_tell(struct daemon *daemon, unsigned channel, int64_t t_ns, const char *text,
                            bool alarm)
{
    struct cyc_response response = {.kind = CYC_RESPONSE_TEXT, .alarm = alarm, .t_ns = t_ns};
    (void)cyc_copy(response.text, sizeof response.text, text);
    for (unsigned i = 0; i < CYC_CLIENTS_MAX; i++) {
        if (daemon->clients[i].fd >= 0 && daemon->clients[i].watched == (int)channel) {
            put(daemon, i, &response);
        }
    }
}

void cyc_daemon_client_beat(struct daemon *daemon)
{
    for (unsigned i = 0; i < CYC_CLIENTS_MAX; i++) {
        const struct client *client = &daemon->clients[i];
        if (client->fd >= 0 && client->watched >= 0) {
            tell_state(daemon, i, (unsigned)client->watched);
        }
    }
}

void cyc_daemon_client_ended(struct daemon *daemon, unsigned channel)
{
    for (unsigned i = 0; i < CYC_CLIENTS_MAX; i++) {
        const struct client *client = &daemon->clients[i];
        if (client->fd >= 0 && client->watched == (int)channel) {
            tell_state(daemon, i, channel);
            cyc_daemon_client_done(daemon, (int)i, CYC_OK, "");
        }
    }
}
