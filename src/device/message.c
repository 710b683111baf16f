/* Datagrams between the processes of a rig.
 *
 * SEQPACKET keeps the borders of messages and tells when the other side is gone; a message fits
 * one datagram, so there is nothing to be put together. A sender never waits: a peer that does not
 * read is as good as dead, and who sends decides what that means.
 *
 * A Unix socket's address holds 107 characters and paths of state folders may be longer, so sockets
 * are named through /proc/self/fd of the opened folder.
 */
#include "device/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG     8
#define BUFFER_SIZE (1 << 20) /* a minute of readings is sent again at once */

static const char *const names[] = {
    [CYC_MESSAGE_ALIVE] = "alive",
    [CYC_MESSAGE_PORT_OPEN] = "port_open",
    [CYC_MESSAGE_TRIP] = "trip",
    [CYC_MESSAGE_SAFE_ALL] = "safe_all",
    [CYC_MESSAGE_REARM] = "rearm",
    [CYC_MESSAGE_END] = "end",
    [CYC_MESSAGE_HELLO] = "hello",
    [CYC_MESSAGE_LEASE] = "lease",
    [CYC_MESSAGE_ARM] = "arm",
    [CYC_MESSAGE_DISARM] = "disarm",
    [CYC_MESSAGE_APPLY] = "apply",
    [CYC_MESSAGE_ENVIRONMENT] = "environment",
    [CYC_MESSAGE_SAFE] = "safe",
    [CYC_MESSAGE_CONFIRM] = "confirm",
    [CYC_MESSAGE_RESEND] = "resend",
    [CYC_MESSAGE_WELCOME] = "welcome",
    [CYC_MESSAGE_LINK] = "link",
    [CYC_MESSAGE_ARMED] = "armed",
    [CYC_MESSAGE_APPLIED] = "applied",
    [CYC_MESSAGE_READING] = "reading",
    [CYC_MESSAGE_SAFE_DONE] = "safe_done",
    [CYC_MESSAGE_TRIPPED] = "tripped",
    [CYC_MESSAGE_EVENT] = "event",
};

const char *cyc_message_name(uint32_t kind)
{
    const bool known = kind < sizeof names / sizeof names[0] && names[kind] != NULL;
    return known ? names[kind] : "unknown";
}

/* ---- Sending and receiving --------------------------------------------------------------------
 */

union passing { /* room for one descriptor, aligned as the kernel wants it */
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int cyc_message_send(int fd, const struct cyc_message *message, int fd_to_pass, struct cyc_err *err)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    union passing passing = {0};
    if (fd_to_pass >= 0) {
        head.msg_control = passing.bytes;
        head.msg_controllen = sizeof passing.bytes;
        struct cmsghdr *const control = CMSG_FIRSTHDR(&head);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(sizeof fd_to_pass);
        memcpy(CMSG_DATA(control), &fd_to_pass, sizeof fd_to_pass);
    }
    for (;;) {
        if (sendmsg(fd, &head, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            return CYC_OK;
        }
        if (errno == EAGAIN || errno == ENOBUFS) {
            return cyc_err_set(err, CYC_E_BOUND, "the other process does not take its messages");
        }
        if (errno != EINTR) {
            return cyc_err_set(err, CYC_E_LOST, "the other process is gone: %m");
        }
    }
}

bool cyc_message_send_many(int fd, const struct cyc_message *messages, unsigned count)
{
    ssize_t sent = -1;
    do {
        sent = send(fd, messages, count * sizeof *messages, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent > 0;
}

/* What a size that is not positive means, right behind the call. */
static int check_arrival(ssize_t size, struct cyc_err *err)
{
    if (size < 0 && errno == EAGAIN) {
        return cyc_err_set(err, CYC_E_TIMEOUT, "no message waits");
    }
    return size > 0 ? CYC_OK : cyc_err_set(err, CYC_E_LOST, "the other process is gone");
}

int cyc_message_receive_many(int fd, struct cyc_message messages[CYC_MESSAGE_BATCH],
                             unsigned *count, struct cyc_err *err)
{
    const size_t room = CYC_MESSAGE_BATCH * sizeof *messages;
    ssize_t size = -1;
    *count = 0;
    do {
        size = recv(fd, messages, room, MSG_DONTWAIT | MSG_TRUNC);
    } while (size < 0 && errno == EINTR);
    const int status = check_arrival(size, err);
    if (status != CYC_OK) {
        return status;
    }
    if ((size_t)size > room || (size_t)size % sizeof *messages != 0) {
        return cyc_err_set(err, CYC_E_REPLY, "messages of %zd bytes instead of %zu each", size,
                           sizeof *messages);
    }
    *count = (unsigned)((size_t)size / sizeof *messages);
    for (unsigned i = 0; i < *count; i++) {
        messages[i].text[sizeof messages[i].text - 1] = '\0';
    }
    return CYC_OK;
}

static int taken_descriptor(struct msghdr *head)
{
    int fd = -1;
    struct cmsghdr *const control = CMSG_FIRSTHDR(head);
    if (control != NULL && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len == CMSG_LEN(sizeof fd)) {
        memcpy(&fd, CMSG_DATA(control), sizeof fd);
    }
    return fd;
}

int cyc_message_receive(int fd, struct cyc_message *message, int *passed_fd, struct cyc_err *err)
{
    struct iovec part = {.iov_base = message, .iov_len = sizeof *message};
    union passing passing = {0};
    struct msghdr head = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = passing.bytes,
                          .msg_controllen = sizeof passing.bytes};
    ssize_t size = -1;
    do {
        size = recvmsg(fd, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    const int status = check_arrival(size, err);
    if (status != CYC_OK) {
        return status;
    }
    int taken = taken_descriptor(&head);
    const bool fits = (size_t)size == sizeof *message && (head.msg_flags & MSG_TRUNC) == 0;
    if (taken >= 0 && (passed_fd == NULL || !fits)) {
        (void)close(taken);
        taken = -1;
    }
    if (passed_fd != NULL) {
        *passed_fd = taken;
    }
    if (!fits) {
        return cyc_err_set(err, CYC_E_REPLY, "a message of %zd bytes instead of %zu", size,
                           sizeof *message);
    }
    message->text[sizeof message->text - 1] = '\0';
    return CYC_OK;
}

/* ---- Sockets by name
 * ----------------------------------------------------------------------------- */

/* Opens the folder and fills the address; the caller closes *folder_fd when it has used it. */
static int address_of(const char *state_dir, const char *name, struct sockaddr_un *address,
                      int *folder_fd, struct cyc_err *err)
{
    *folder_fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder_fd < 0) {
        return cyc_err_set(err, CYC_E_FILE, "cannot open the state folder %s: %m", state_dir);
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    const int length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s",
                                *folder_fd, name);
    if (length < 0 || (size_t)length >= sizeof address->sun_path) {
        (void)close(*folder_fd);
        return cyc_err_set(err, CYC_E_BOUND, "the name %s is too long for a socket", name);
    }
    return CYC_OK;
}

static int new_socket(int *fd, struct cyc_err *err)
{
    *fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0) {
        return cyc_err_set(err, CYC_E_FILE, "cannot make a socket: %m");
    }
    const int size = BUFFER_SIZE;
    (void)setsockopt(*fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return CYC_OK;
}

/* At the end of a try: the socket is the caller's, or closed. */
static int hand_over(int status, int made, int *fd)
{
    if (status == CYC_OK) {
        *fd = made;
    } else if (made >= 0) {
        (void)close(made);
    }
    return status;
}

int cyc_message_listen(const char *state_dir, const char *name, int *fd, struct cyc_err *err)
{
    struct sockaddr_un address;
    int folder_fd = -1;
    int status = address_of(state_dir, name, &address, &folder_fd, err);
    if (status != CYC_OK) {
        return status;
    }
    int made = -1;
    status = new_socket(&made, err);
    if (status == CYC_OK) {
        (void)unlinkat(folder_fd, name, 0);
        const mode_t before = umask(0177);
        if (bind(made, (const struct sockaddr *)&address, sizeof address) != 0 ||
            listen(made, BACKLOG) != 0) {
            status = cyc_err_set(err, CYC_E_FILE, "cannot listen on %s/%s: %m", state_dir, name);
        }
        (void)umask(before);
    }
    (void)close(folder_fd);
    return hand_over(status, made, fd);
}

int cyc_message_connect(const char *state_dir, const char *name, int *fd, struct cyc_err *err)
{
    struct sockaddr_un address;
    int folder_fd = -1;
    int status = address_of(state_dir, name, &address, &folder_fd, err);
    if (status != CYC_OK) {
        return status;
    }
    int made = -1;
    status = new_socket(&made, err);
    if (status == CYC_OK && connect(made, (const struct sockaddr *)&address, sizeof address) != 0) {
        status = errno == EAGAIN
                     ? cyc_err_set(err, CYC_E_BUSY, "%s/%s takes no more callers", state_dir, name)
                     : cyc_err_set(err, CYC_E_LOST, "nobody listens on %s/%s: %m", state_dir, name);
    }
    (void)close(folder_fd);
    return hand_over(status, made, fd);
}

int cyc_message_accept(int listener, int *fd, struct cyc_err *err)
{
    const int taken = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (taken < 0) {
        return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED
                   ? cyc_err_set(err, CYC_E_TIMEOUT, "nobody calls")
                   : cyc_err_set(err, CYC_E_IO, "cannot take a call: %m");
    }
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (getsockopt(taken, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        (peer.uid != geteuid() && peer.uid != 0)) {
        (void)close(taken);
        return cyc_err_set(err, CYC_E_REFUSED, "a call by another user (%u) was refused", peer.uid);
    }
    const int buffer = BUFFER_SIZE;
    (void)setsockopt(taken, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    *fd = taken;
    return CYC_OK;
}
