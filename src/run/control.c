#include "run/control.h"

#include "device/message.h"
#include "run/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS (10 * CYC_S_NS) /* a start makes a folder durable first */
#define CALL_NS     (2 * CYC_S_NS)  /* so long many callers at once wait for each other */
#define AGAIN_NS    (20 * CYC_MS_NS)

const char *cyc_channel_state_name(uint32_t state)
{
    static const char *const names[] = {
        [CYC_CHANNEL_FREE] = "free",       [CYC_CHANNEL_STARTING] = "starting",
        [CYC_CHANNEL_RUNNING] = "running", [CYC_CHANNEL_PAUSED] = "paused",
        [CYC_CHANNEL_WAITING] = "waiting", [CYC_CHANNEL_HELD] = "held",
        [CYC_CHANNEL_ENDING] = "ending",   [CYC_CHANNEL_FAULT] = "fault",
    };
    return state < sizeof names / sizeof names[0] ? names[state] : "?";
}

int cyc_control_open(const char *state_dir, int *fd, struct cyc_err *err)
{
    int status = cyc_message_connect(state_dir, CYC_DAEMON_SOCKET, fd, err);
    for (int64_t waited_ns = 0; status == CYC_E_BUSY && waited_ns < CALL_NS;
         waited_ns += AGAIN_NS) {
        const struct timespec moment = {.tv_nsec = AGAIN_NS};
        (void)nanosleep(&moment, NULL);
        status = cyc_message_connect(state_dir, CYC_DAEMON_SOCKET, fd, err);
    }
    return status != CYC_E_LOST && status != CYC_E_FILE
               ? status
               : cyc_err_set(err, status,
                             "no run is on this rig: its processes do not run (`cyclostat run` "
                             "starts them; where one has just died, its successor comes in a "
                             "moment; their state folder is %s)",
                             state_dir);
}

int cyc_control_ask(int fd, const struct cyc_request *request, struct cyc_err *err)
{
    struct cyc_request sent = *request;
    sent.version = CYC_CONTROL_VERSION;
    if (send(fd, &sent, sizeof sent, MSG_NOSIGNAL) != (ssize_t)sizeof sent) {
        return cyc_err_set(err, CYC_E_LOST, "the daemon does not take commands: %m");
    }
    return CYC_OK;
}

int cyc_control_response(int fd, struct cyc_response *response, int64_t timeout_ns,
                         struct cyc_err *err)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    const int ready = poll(&wait, 1, (int)(timeout_ns / CYC_MS_NS));
    if (ready < 0 && errno == EINTR) {
        return cyc_err_set(err, CYC_E_INTERRUPTED, "interrupted");
    }
    if (ready == 0) {
        return cyc_err_set(err, CYC_E_TIMEOUT, "the daemon has not answered");
    }
    const ssize_t size = recv(fd, response, sizeof *response, 0);
    if (size <= 0) {
        return cyc_err_set(err, CYC_E_LOST, "the daemon is gone");
    }
    if (size != (ssize_t)sizeof *response || response->version != CYC_CONTROL_VERSION) {
        return cyc_err_set(err, CYC_E_REPLY,
                           "the daemon is of another version; `cyclostat restart` renews it");
    }
    response->text[sizeof response->text - 1] = '\0';
    return CYC_OK;
}

int cyc_control_command(const char *state_dir, const struct cyc_request *request,
                        struct cyc_response *done, struct cyc_err *err)
{
    int fd = -1;
    struct cyc_response response;
    int status = cyc_control_open(state_dir, &fd, err);
    if (status != CYC_OK) {
        return status;
    }
    status = cyc_control_ask(fd, request, err);
    while (status == CYC_OK) {
        status = cyc_control_response(fd, &response, PATIENCE_NS, err);
        if (status == CYC_OK && response.kind == CYC_RESPONSE_DONE) {
            if (response.status != CYC_OK) {
                status = cyc_err_set(err, response.status, "%s", response.text);
            }
            if (done != NULL) {
                *done = response;
            }
            break;
        }
    }
    (void)close(fd);
    return status;
}
