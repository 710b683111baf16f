/* A link as a pseudo-terminal: the emulator holds the master, the host opens the slave through a
 * symbolic link, which stands for /dev/serial/by-id.
 *
 * The slave is not kept open here, so that the master tells when the host comes and goes (POLLHUP
 * while nobody has it open, once somebody had it). Terminal settings made through the master hold
 * for the slave.
 */
#include "emulate/emulate_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static void link_name(const struct cyc_link *link, char *name, size_t size)
{
    if (link->returned == 0) {
        (void)snprintf(name, size, "%s", link->where);
    } else {
        (void)snprintf(name, size, "%s-%u", link->where, link->returned);
    }
}

/* Only a symbolic link of an earlier emulator is replaced, never a file. */
static int make_link(struct cyc_link *link, const char *target, struct cyc_err *err)
{
    char name[CYC_LINK_WHERE_SIZE + 16];
    char old[CYC_LINK_WHERE_SIZE];
    link_name(link, name, sizeof name);
    if (readlink(name, old, sizeof old) > 0) {
        (void)unlink(name);
    }
    if (symlink(target, name) != 0) {
        return cyc_err_set(err, CYC_E_FILE, "cannot make the link '%s': %s", name, strerror(errno));
    }
    link->linked = true;
    return CYC_OK;
}

int cyc_pty_open(struct cyc_link *link, struct cyc_err *err)
{
    char slave[128];
    struct termios settings;
    link->attached = false;
    link->fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (link->fd < 0 || grantpt(link->fd) != 0 || unlockpt(link->fd) != 0 ||
        ptsname_r(link->fd, slave, sizeof slave) != 0 || tcgetattr(link->fd, &settings) != 0) {
        return cyc_err_set(err, CYC_E_IO, "cannot make a pseudo-terminal: %s", strerror(errno));
    }
    cfmakeraw(&settings);
    (void)cfsetspeed(&settings, B9600);
    if (tcsetattr(link->fd, TCSANOW, &settings) != 0) {
        return cyc_err_set(err, CYC_E_IO, "cannot set up a pseudo-terminal: %s", strerror(errno));
    }
    const int once = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC); /* POLLHUP from now on */
    if (once >= 0) {
        (void)close(once);
    }
    return make_link(link, slave, err);
}

void cyc_pty_close(struct cyc_link *link)
{
    char name[CYC_LINK_WHERE_SIZE + 16];
    if (link->fd < 0) {
        return;
    }
    link_name(link, name, sizeof name);
    if (link->linked) {
        (void)unlink(name);
    }
    link->linked = false;
    (void)close(link->fd);
    link->fd = -1;
    link->attached = false;
}

size_t cyc_pty_read(struct cyc_link *link, uint8_t *bytes, size_t size)
{
    struct pollfd look = {.fd = link->fd, .events = POLLIN | POLLOUT};
    if (link->fd < 0 || poll(&look, 1, 0) < 0) {
        return 0;
    }
    const ssize_t got = read(link->fd, bytes, size);
    link->attached = got > 0 || (look.revents & POLLHUP) == 0;
    return got > 0 ? (size_t)got : 0;
}
