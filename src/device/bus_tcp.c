/* TCP: `tcp:HOST:PORT`, `tcp:[IPv6]:PORT`.
 *
 * Instruments in a laboratory answer a connection within milliseconds or not at all, and a port
 * process must go on saying that it is alive. Looking the name up and connecting therefore share
 * CYC_BUS_OPEN_MAX_NS. A resolver cannot be interrupted: where it takes longer, the request is
 * left to it, and to nobody else.
 *
 * A dead peer is noticed by what is sent to it (TCP_USER_TIMEOUT) or, when nothing is, by
 * keep-alive.
 */
#include "device/bus_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT_SIZE       8
#define DEAD_AFTER_MS   5000
#define KEEP_IDLE_S     5
#define KEEP_INTERVAL_S 2
#define KEEP_COUNT      3

struct place {
    char host[CYC_BUS_ADDRESS_SIZE];
    char port[PORT_SIZE];
};

static int bad_address(const char *address, struct cyc_err *err)
{
    return cyc_err_set(err, CYC_E_INPUT,
                       "'%s' is no TCP address: it is written tcp:HOST:PORT, such as "
                       "tcp:192.168.1.20:5025",
                       address);
}

static int parse(const char *address, struct place *place, struct cyc_err *err)
{
    const char *host = address + strlen("tcp:");
    const char *const colon = strrchr(host, ':');
    if (colon == NULL || colon == host || strlen(colon + 1) >= PORT_SIZE || colon[1] == '\0' ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return bad_address(address, err);
    }
    const long port = strtol(colon + 1, NULL, 10);
    size_t size = (size_t)(colon - host);
    if (host[0] == '[' && colon[-1] == ']' && size > 2) {
        host++;
        size -= 2;
    }
    if (port < 1 || port > 65535 || size >= sizeof place->host) {
        return bad_address(address, err);
    }
    memcpy(place->host, host, size);
    place->host[size] = '\0';
    (void)cyc_copy(place->port, sizeof place->port, colon + 1);
    return CYC_OK;
}

/* ---- Names --------------------------------------------------------------------------------------
 */

struct lookup { /* lives until the resolver is through with it */
    struct gaicb request;
    struct addrinfo hints;
    struct place place;
};

static int lookup_failed(const struct place *place, int code, struct cyc_err *err)
{
    if (code == EAI_AGAIN || code == EAI_INPROGRESS) {
        return cyc_err_set(err, CYC_E_TIMEOUT, "the name '%s' cannot be looked up now",
                           place->host);
    }
    return cyc_err_set(err, CYC_E_FILE, "there is no host '%s': %s", place->host,
                       gai_strerror(code));
}

/* Anything but a numeric address, for which getaddrinfo() never waits. */
static int look_up(const struct place *place, int64_t deadline_ns, struct addrinfo **found,
                   struct cyc_err *err)
{
    struct lookup *const lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to look up '%s'", place->host);
    }
    lookup->place = *place;
    lookup->hints.ai_socktype = SOCK_STREAM;
    lookup->request.ar_name = lookup->place.host;
    lookup->request.ar_service = lookup->place.port;
    lookup->request.ar_request = &lookup->hints;
    struct gaicb *list[] = {&lookup->request};
    int code = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    while (code == 0 && gai_error(list[0]) == EAI_INPROGRESS) {
        const int64_t left_ns = deadline_ns - cyc_boot_now_ns();
        const struct timespec left = {.tv_sec = 0, .tv_nsec = left_ns > 0 ? left_ns : 0};
        const struct gaicb *const waited[] = {list[0]};
        if (left_ns <= 0) {
            break;
        }
        (void)gai_suspend(waited, 1, &left);
    }
    code = code == 0 ? gai_error(list[0]) : code;
    if (code == EAI_INPROGRESS && gai_cancel(list[0]) == EAI_NOTCANCELED) {
        return lookup_failed(place, code, err); /* the resolver still has the request */
    }
    const int status = code == 0 ? CYC_OK : lookup_failed(place, code, err);
    *found = lookup->request.ar_result;
    free(lookup);
    return status;
}

static int resolve(const struct place *place, int64_t deadline_ns, struct addrinfo **found,
                   struct cyc_err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    *found = NULL;
    if (getaddrinfo(place->host, place->port, &hints, found) == 0) {
        return CYC_OK;
    }
    return look_up(place, deadline_ns, found, err);
}

/* ---- Connecting ---------------------------------------------------------------------------------
 */

static void set_options(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_AFTER_MS},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof options[i].value);
    }
}

/* 0 or an errno. */
static int connect_within(int fd, const struct addrinfo *to, int64_t deadline_ns)
{
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return errno;
    }
    struct pollfd watched = {.fd = fd, .events = POLLOUT};
    for (int count = 0; count <= 0;) {
        const int64_t left_ns = deadline_ns - cyc_boot_now_ns();
        const struct timespec left = {.tv_sec = 0, .tv_nsec = left_ns > 0 ? left_ns : 0};
        count = ppoll(&watched, 1, &left, NULL);
        if (count <= 0 && left_ns <= 0) {
            return ETIMEDOUT;
        }
    }
    int code = 0;
    socklen_t size = sizeof code;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
}

int cyc_bus_open_tcp(const char *address, int *fd, struct cyc_err *err)
{
    const int64_t deadline_ns = cyc_boot_now_ns() + CYC_BUS_OPEN_MAX_NS;
    struct place place;
    struct addrinfo *found = NULL;
    int status = parse(address, &place, err);
    if (status == CYC_OK) {
        status = resolve(&place, deadline_ns, &found, err);
    }
    if (status != CYC_OK) {
        return status;
    }
    int code = 0;
    int made = -1;
    for (const struct addrinfo *to = found; to != NULL && made < 0; to = to->ai_next) {
        made = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        code = made < 0 ? errno : connect_within(made, to, deadline_ns);
        if (made >= 0 && code != 0) {
            (void)close(made);
            made = -1;
        }
    }
    freeaddrinfo(found);
    if (made < 0) {
        return cyc_err_set(err, code == ETIMEDOUT ? CYC_E_TIMEOUT : CYC_E_LOST,
                           "nobody answers at %s: %s", address, strerror(code));
    }
    set_options(made);
    *fd = made;
    return CYC_OK;
}
