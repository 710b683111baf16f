/* The way through libserialport, without a serial port: a pseudo-terminal that is given, for this
 * process alone, what it lacks of one. The library asks three things of a port that
 * pseudo-terminals do not know: its place in sysfs, its modem lines, and to set them. These calls
 * are answered here where they concern the terminal under test, and passed on to the C library
 * otherwise.
 *
 * Not shown by this: parity, 7 bits, real modem lines, an adapter's latency.
 */
#include "check/check.h"
#include "device/bus_int.h"
#include "device/far_end.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static struct {
    char sysfs[128]; /* "": off */
    char device[64];
    int lines; /* of the modem */
    int line_changes;
    int refuse; /* errno of TIOCMGET; 0: none */
} fake;

static bool is_fake(const char *path)
{
    return fake.sysfs[0] != '\0' && strcmp(path, fake.sysfs) == 0;
}

static int fake_link(struct stat *file_stat)
{
    *file_stat = (struct stat){.st_mode = S_IFLNK | 0777};
    return 0;
}

/* Older and newer C libraries call it by different names. */
int __lxstat(int version, const char *path, struct stat *file_stat);
int __lxstat(int version, const char *path, struct stat *file_stat)
{
    int (*const next)(int, const char *, struct stat *) =
        (int (*)(int, const char *, struct stat *))dlsym(RTLD_NEXT, "__lxstat");
    return is_fake(path) ? fake_link(file_stat) : next(version, path, file_stat);
}

int lstat(const char *path, struct stat *file_stat)
{
    int (*const next)(const char *, struct stat *) =
        (int (*)(const char *, struct stat *))dlsym(RTLD_NEXT, "lstat");
    return is_fake(path) ? fake_link(file_stat) : next(path, file_stat);
}

ssize_t readlink(const char *path, char *target, size_t size)
{
    static const char place[] = "../../devices/platform/fake/tty/port";
    ssize_t (*const next)(const char *, char *, size_t) =
        (ssize_t(*)(const char *, char *, size_t))dlsym(RTLD_NEXT, "readlink");
    if (!is_fake(path)) {
        return next(path, target, size);
    }
    const size_t length = sizeof place - 1 < size ? sizeof place - 1 : size;
    memcpy(target, place, length);
    return (ssize_t)length;
}

static bool is_fake_fd(int fd)
{
    char name[64];
    return fake.sysfs[0] != '\0' && ttyname_r(fd, name, sizeof name) == 0 &&
           strcmp(name, fake.device) == 0;
}

static int modem_call(unsigned long request, int *lines)
{
    if (fake.refuse != 0) {
        errno = fake.refuse;
        return -1;
    }
    const int before = fake.lines;
    if (request == TIOCMGET) {
        *lines = fake.lines;
    } else if (request == TIOCMBIS) {
        fake.lines |= *lines;
    } else {
        fake.lines &= ~*lines;
    }
    fake.line_changes += fake.lines != before;
    return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    int (*const next)(int, unsigned long, ...) =
        (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    va_list arguments;
    va_start(arguments, request);
    void *const argument = va_arg(arguments, void *);
    va_end(arguments);
    const bool modem = request == TIOCMGET || request == TIOCMBIS || request == TIOCMBIC;
    return modem && is_fake_fd(fd) ? modem_call(request, argument) : next(fd, request, argument);
}

static struct far_pty fake_port(void)
{
    const struct far_pty pty = far_pty();
    (void)snprintf(fake.sysfs, sizeof fake.sysfs, "/sys/class/tty/%s", pty.device + 5);
    (void)cyc_copy(fake.device, sizeof fake.device, pty.device);
    fake.lines = TIOCM_RTS;
    fake.line_changes = 0;
    fake.refuse = 0;
    return pty;
}

static void remove_port(const struct far_pty *pty)
{
    fake.sysfs[0] = '\0';
    (void)close(pty->master);
}

static void a_serial_port_is_set_up_as_asked_and_its_lines_stay(void)
{
    struct cyc_bus_settings settings = cyc_bus_settings_default();
    const struct far_pty pty = fake_port();
    int fd = -1;
    settings.baud = 19200;
    settings.stop_bits = 2;
    settings.flow = CYC_FLOW_XON_XOFF;
    CU_ASSERT_EQUAL_FATAL(cyc_bus_open_serial(pty.device, &settings, &fd, NULL), CYC_OK);
    struct termios mode;
    CU_ASSERT_EQUAL(tcgetattr(fd, &mode), 0);
    CU_ASSERT_EQUAL(cfgetospeed(&mode), B19200);
    CU_ASSERT_EQUAL(cfgetispeed(&mode), B19200);
    CU_ASSERT_EQUAL(mode.c_cflag & CSIZE, CS8);
    CU_ASSERT_EQUAL(mode.c_cflag & CSTOPB, CSTOPB);
    CU_ASSERT_EQUAL(mode.c_cflag & (HUPCL | PARENB | CRTSCTS), 0);
    CU_ASSERT_EQUAL(mode.c_iflag & (IXON | IXOFF), IXON | IXOFF);
    CU_ASSERT_EQUAL(mode.c_iflag & (ICRNL | INLCR | IGNCR | ISTRIP), 0);
    CU_ASSERT_EQUAL(mode.c_lflag & (ECHO | ICANON | ISIG), 0);
    CU_ASSERT_EQUAL(mode.c_oflag & OPOST, 0);
    CU_ASSERT_EQUAL(mode.c_cc[VMIN], 1);
    CU_ASSERT_EQUAL(fake.lines, TIOCM_RTS);
    CU_ASSERT_EQUAL(fake.line_changes, 0);
    (void)close(fd);
    remove_port(&pty);
}

static void answer_once(int fd)
{
    char line[64];
    (void)far_read_line(fd, line, sizeof line);
    far_write(fd, "+1.5\r\n");
}

static void a_serial_port_talks_and_is_lost_like_any_other(void)
{
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    const struct far_pty pty = fake_port();
    struct cyc_bus *bus = NULL;
    struct far_thread thread;
    char reply[64];
    int fd = -1;
    CU_ASSERT_EQUAL_FATAL(cyc_bus_open_serial(pty.device, &settings, &fd, NULL), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_bus_adopt(fd, &settings, &bus, NULL), CYC_OK);
    far_in_step(bus);
    far_start(&thread, pty.master, answer_once);
    CU_ASSERT_EQUAL(far_ask(bus, "Q\n", reply, 20 * CYC_S_NS), CYC_OK);
    CYC_SAME(reply, "+1.5");
    far_join(&thread);
    remove_port(&pty);
    CU_ASSERT_EQUAL(far_ask(bus, "Q\n", reply, 20 * CYC_S_NS), CYC_E_LOST);
    cyc_bus_close(bus);
}

static void what_libserialport_cannot_open_is_left_to_plain_termios(void)
{
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    const struct far_pty pty = fake_port();
    struct cyc_err err = {0};
    int fd = -1;
    fake.refuse = ENOTTY; /* no modem lines */
    CU_ASSERT_EQUAL(cyc_bus_open_serial(pty.device, &settings, &fd, NULL), CYC_E_UNSUPPORTED);
    fake.refuse = EINVAL; /* as gadgets say */
    CU_ASSERT_EQUAL(cyc_bus_open_serial(pty.device, &settings, &fd, NULL), CYC_E_UNSUPPORTED);
    fake.refuse = EIO; /* there is no such hardware */
    CU_ASSERT_EQUAL(cyc_bus_open_serial(pty.device, &settings, &fd, &err), CYC_E_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "Input/output error"));
    remove_port(&pty);
    CU_ASSERT_EQUAL(cyc_bus_open_serial("/dev/null", &settings, &fd, NULL), CYC_E_UNSUPPORTED);
}

const struct cyc_check cyc_check_bus_serial[] = {
    CYC_CHECK(a_serial_port_is_set_up_as_asked_and_its_lines_stay),
    CYC_CHECK(a_serial_port_talks_and_is_lost_like_any_other),
    CYC_CHECK(what_libserialport_cannot_open_is_left_to_plain_termios),
    {0},
};
