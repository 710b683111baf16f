/* Ttys that libserialport does not open: pseudo-terminals, which have no modem lines, and the odd
 * gadget driver. The line discipline is made raw; nothing else is touched.
 *
 * A pseudo-terminal has no parity and no 7 bits either and refuses them. What it carries are bytes
 * all the same, so such settings are accepted here and have no effect.
 */
#include "device/bus_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const struct {
    int baud;
    speed_t speed;
} speeds[] = {
    {300, B300},       {600, B600},       {1200, B1200},     {2400, B2400},   {4800, B4800},
    {9600, B9600},     {19200, B19200},   {38400, B38400},   {57600, B57600}, {115200, B115200},
    {230400, B230400}, {460800, B460800}, {921600, B921600},
};

static void set_speed(struct termios *mode, int baud)
{
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (speeds[i].baud == baud) {
            (void)cfsetispeed(mode, speeds[i].speed);
            (void)cfsetospeed(mode, speeds[i].speed);
        }
    }
}

static tcflag_t character_flags(const struct cyc_bus_settings *settings)
{
    static const tcflag_t sizes[] = {[5] = CS5, [6] = CS6, [7] = CS7, [8] = CS8};
    tcflag_t flags = settings->data_bits >= 5 && settings->data_bits <= 8
                         ? sizes[settings->data_bits]
                         : (tcflag_t)CS8;
    flags |= settings->stop_bits == 2 ? CSTOPB : 0;
    flags |= settings->parity != CYC_PARITY_NONE ? PARENB : 0;
    flags |= settings->parity == CYC_PARITY_ODD ? PARODD : 0;
    flags |= settings->flow == CYC_FLOW_RTS_CTS ? CRTSCTS : 0;
    return flags;
}

static int make_raw(int fd, const struct cyc_bus_settings *settings)
{
    struct termios mode;
    if (tcgetattr(fd, &mode) != 0) {
        return -1;
    }
    cfmakeraw(&mode);
    mode.c_cc[VMIN] = 1; /* nothing there: EAGAIN, not an end of file */
    mode.c_cc[VTIME] = 0;
    mode.c_iflag |= settings->flow == CYC_FLOW_XON_XOFF ? IXON | IXOFF : 0;
    const tcflag_t character = CSIZE | CSTOPB | PARENB | PARODD | CRTSCTS;
    mode.c_cflag &= ~(character | (tcflag_t)HUPCL); /* closing must not drop the modem lines */
    mode.c_cflag |= CLOCAL | CREAD;
    set_speed(&mode, settings->baud);
    const tcflag_t plain = mode.c_cflag | CS8;
    mode.c_cflag |= character_flags(settings);
    if (tcsetattr(fd, TCSANOW, &mode) == 0) {
        return 0;
    }
    if (errno != EINVAL) {
        return -1;
    }
    mode.c_cflag = plain;
    return tcsetattr(fd, TCSANOW, &mode);
}

int cyc_bus_open_tty(const char *device, const struct cyc_bus_settings *settings, int *fd,
                     struct cyc_err *err)
{
    const int made = open(device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (made < 0) {
        return errno == EBUSY ? cyc_bus_busy(device, err)
                              : cyc_err_set(err, CYC_E_FILE, "cannot open the port %s: %m", device);
    }
    if (isatty(made) != 1) {
        (void)close(made);
        return cyc_err_set(err, CYC_E_FILE, "%s is no serial port", device);
    }
    if (make_raw(made, settings) != 0) {
        const int status =
            cyc_err_set(err, CYC_E_IO, "the port %s does not take its settings: %m", device);
        (void)close(made);
        return status;
    }
    *fd = made;
    return CYC_OK;
}
