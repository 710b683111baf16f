/* Real serial ports. libserialport opens them and sets them up; reading and writing is ours, on its
 * descriptor, because its blocking calls take an unplugged cable for a slow instrument and burn a
 * processor meanwhile.
 *
 * The descriptor is duplicated and the library's port closed again at once: what remains is one
 * number, like a pseudo-terminal's or a socket's.
 *
 * The modem lines stay as they are found. Linux raises DTR and RTS when a port is opened, which
 * resets some boards; settle_ns is for those. Closing must not drop them, so HUPCL, which older
 * versions of the library set, is taken away.
 */
#include "device/bus_int.h"

#include <errno.h>
#include <fcntl.h>
#include <libserialport.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static enum sp_parity parity_of(enum cyc_parity parity)
{
    switch (parity) {
    case CYC_PARITY_NONE:
        return SP_PARITY_NONE;
    case CYC_PARITY_EVEN:
        return SP_PARITY_EVEN;
    case CYC_PARITY_ODD:
        return SP_PARITY_ODD;
    }
    return SP_PARITY_NONE;
}

static enum sp_flowcontrol flow_of(enum cyc_flow flow)
{
    switch (flow) {
    case CYC_FLOW_NONE:
        return SP_FLOWCONTROL_NONE;
    case CYC_FLOW_XON_XOFF:
        return SP_FLOWCONTROL_XONXOFF;
    case CYC_FLOW_RTS_CTS:
        return SP_FLOWCONTROL_RTSCTS;
    }
    return SP_FLOWCONTROL_NONE;
}

static enum sp_return set_up(struct sp_port *port, const struct cyc_bus_settings *settings)
{
    struct sp_port_config *config = NULL; /* what is not set in it stays */
    enum sp_return result = sp_new_config(&config);
    if (result != SP_OK) {
        return result;
    }
    result = sp_set_config_baudrate(config, settings->baud);
    if (result == SP_OK) {
        result = sp_set_config_bits(config, settings->data_bits);
    }
    if (result == SP_OK) {
        result = sp_set_config_stopbits(config, settings->stop_bits);
    }
    if (result == SP_OK) {
        result = sp_set_config_parity(config, parity_of(settings->parity));
    }
    if (result == SP_OK && settings->flow != CYC_FLOW_NONE) {
        result = sp_set_config_flowcontrol(config, flow_of(settings->flow));
    }
    if (result == SP_OK) {
        result = sp_set_config(port, config);
    }
    const int code = errno;
    sp_free_config(config);
    errno = code;
    return result;
}

static int keep_lines(int fd)
{
    struct termios mode;
    if (tcgetattr(fd, &mode) != 0) {
        return -1;
    }
    mode.c_cflag &= ~(tcflag_t)HUPCL;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSANOW, &mode);
}

static int take(struct sp_port *port, const char *device, const struct cyc_bus_settings *settings,
                int *fd, struct cyc_err *err)
{
    int handle = -1;
    if (set_up(port, settings) != SP_OK || sp_get_port_handle(port, &handle) != SP_OK) {
        return cyc_err_set(err, CYC_E_IO, "the port %s does not take its settings: %m", device);
    }
    *fd = fcntl(handle, F_DUPFD_CLOEXEC, 0);
    if (*fd < 0 || keep_lines(*fd) != 0) {
        return cyc_err_set(err, CYC_E_IO, "the port %s cannot be used: %m", device);
    }
    (void)tcflush(*fd, TCIFLUSH);
    return CYC_OK;
}

static int open_failed(const char *device, struct cyc_err *err)
{
    switch (errno) {
    case ENOTTY: /* no modem lines, or no tty at all */
    case EINVAL:
        return CYC_E_UNSUPPORTED;
    case EBUSY:
        return cyc_bus_busy(device, err);
    case EACCES:
    case EPERM:
        return cyc_err_set(err, CYC_E_FILE,
                           "no permission to open the port %s: on most systems the user must be in "
                           "the group 'dialout'",
                           device);
    default:
        return cyc_err_set(err, CYC_E_FILE, "cannot open the port %s: %m", device);
    }
}

int cyc_bus_open_serial(const char *device, const struct cyc_bus_settings *settings, int *fd,
                        struct cyc_err *err)
{
    struct sp_port *port = NULL;
    if (sp_get_port_by_name(device, &port) != SP_OK) {
        return CYC_E_UNSUPPORTED; /* it does not know ports that sysfs does not */
    }
    errno = 0;
    const enum sp_return result = sp_open(port, SP_MODE_READ_WRITE);
    int status = CYC_OK;
    if (result == SP_ERR_FAIL) {
        status = open_failed(device, err);
    } else if (result != SP_OK) {
        status = CYC_E_UNSUPPORTED;
    } else {
        *fd = -1;
        status = take(port, device, settings, fd, err);
        if (status != CYC_OK && *fd >= 0) {
            (void)close(*fd);
        }
        (void)sp_close(port);
    }
    sp_free_port(port);
    return status;
}
