/* The back end of everything that is a descriptor: ttys, through libserialport or not, and sockets.
 *
 * A tty that hung up reads as 0 bytes for ever, which to a reader with a time-out looks like
 * "nothing there" and to one without burns the processor. Two signs tell: poll() says HUP or ERR,
 * or it says that there is input and reading gives none. So nothing is read here that poll() has
 * not promised, and 0 bytes then mean that the link is lost. (Another program reading the same
 * port gives the same sign, and is as bad.)
 */
#include "device/bus_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CLOSE_WAIT_NS (200 * CYC_MS_NS) /* for output that is still in the kernel */
#define CLOSE_LOOK_NS (2 * CYC_MS_NS)

static int64_t fd_now_ns(const struct cyc_bus *bus)
{
    (void)bus;
    return cyc_boot_now_ns();
}

static struct timespec timespec_of(int64_t t_ns)
{
    return (struct timespec){.tv_sec = (time_t)(t_ns / CYC_S_NS), .tv_nsec = t_ns % CYC_S_NS};
}

static void fd_pause(struct cyc_bus *bus, int64_t until_ns)
{
    (void)bus;
    const struct timespec until = timespec_of(until_ns);
    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

static int fd_wait(struct cyc_bus *bus, bool want_room, int64_t until_ns, bool *ready,
                   struct cyc_err *err)
{
    const short wanted = want_room ? POLLOUT : POLLIN;
    struct pollfd watched = {.fd = bus->fd, .events = wanted};
    for (;;) {
        const int64_t left_ns = until_ns == CYC_BUS_LOOK ? 0 : until_ns - cyc_boot_now_ns();
        const struct timespec left = timespec_of(left_ns > 0 ? left_ns : 0);
        const int count = ppoll(&watched, 1, &left, NULL);
        if (count > 0) {
            break;
        }
        if (count < 0 && errno != EINTR) {
            return cyc_err_set(err, CYC_E_IO, "%s: cannot be watched: %m", bus->address);
        }
        if (left_ns <= 0) {
            *ready = false;
            return CYC_OK;
        }
    }
    *ready = (watched.revents & wanted) != 0;
    return *ready ? CYC_OK : cyc_bus_lose(bus, err, "hung up");
}

/* What the errors of read() and write() mean for the link. */
static int fd_failed(struct cyc_bus *bus, const char *what, struct cyc_err *err)
{
    switch (errno) {
    case EIO:
    case ENODEV:
    case ENXIO:
    case EPIPE:
    case ECONNRESET:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return cyc_bus_lose(bus, err, strerror(errno));
    default:
        bus->step = CYC_STEP_OUT;
        return cyc_err_set(err, CYC_E_IO, "%s: cannot %s: %m", bus->address, what);
    }
}

static int fd_receive(struct cyc_bus *bus, uint8_t *bytes, size_t size, size_t *count,
                      struct cyc_err *err)
{
    ssize_t got = -1;
    do {
        got = read(bus->fd, bytes, size);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        *count = (size_t)got;
        return CYC_OK;
    }
    if (got == 0 || errno == EAGAIN) {
        return cyc_bus_lose(bus, err,
                            "input was announced and none came: unplugged, closed by the other "
                            "side, or a second program reads it");
    }
    return fd_failed(bus, "read", err);
}

static int fd_send(struct cyc_bus *bus, const uint8_t *bytes, size_t size, size_t *count,
                   struct cyc_err *err)
{
    ssize_t put = -1;
    do {
        put =
            bus->is_socket ? send(bus->fd, bytes, size, MSG_NOSIGNAL) : write(bus->fd, bytes, size);
    } while (put < 0 && errno == EINTR);
    if (put >= 0 || errno == EAGAIN) {
        *count = put > 0 ? (size_t)put : 0;
        return CYC_OK;
    }
    return fd_failed(bus, "write", err);
}

/* The kernel would wait for the last bytes of a tty for up to 30 s, were the other side to hold
 * them back. They get a moment, since they may be a command that makes safe; then they are
 * dropped. */
static void fd_close(struct cyc_bus *bus)
{
    if (isatty(bus->fd) == 1) {
        const int64_t end_ns = cyc_boot_now_ns() + CLOSE_WAIT_NS;
        int waiting = 0;
        while (ioctl(bus->fd, TIOCOUTQ, &waiting) == 0 && waiting > 0 &&
               cyc_boot_now_ns() < end_ns) {
            fd_pause(bus, cyc_boot_now_ns() + CLOSE_LOOK_NS);
        }
        (void)tcflush(bus->fd, TCOFLUSH);
        (void)ioctl(bus->fd, TIOCNXCL);
    }
    (void)close(bus->fd);
}

const struct cyc_bus_ops cyc_bus_fd_ops = {.now_ns = fd_now_ns,
                                           .pause = fd_pause,
                                           .wait = fd_wait,
                                           .receive = fd_receive,
                                           .send = fd_send,
                                           .close = fd_close};

/* ---- Taking over a descriptor -------------------------------------------------------------------
 */

static void name_of(int fd, char *address, size_t size)
{
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, address, size - 1);
    address[length > 0 ? length : 0] = '\0';
}

int cyc_bus_adopt(int fd, const struct cyc_bus_settings *settings, struct cyc_bus **bus,
                  struct cyc_err *err)
{
    char address[CYC_BUS_ADDRESS_SIZE];
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return cyc_err_set(err, CYC_E_IO, "descriptor %d cannot be taken over: %m", fd);
    }
    name_of(fd, address, sizeof address);
    struct cyc_bus *made = NULL;
    const int status = cyc_bus_new(address, settings, &made, err);
    if (status != CYC_OK) {
        return status;
    }
    struct stat file_stat;
    made->fd = fd;
    made->is_socket = fstat(fd, &file_stat) == 0 && S_ISSOCK(file_stat.st_mode);
    made->ops = &cyc_bus_fd_ops;
    *bus = made;
    return CYC_OK;
}
