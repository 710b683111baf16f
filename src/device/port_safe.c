/* Making a port safe from outside: by the helper that the supervisor starts when a port process
 * was killed, or by hand. No messages, no lease, no identification: whoever answers there is to
 * have its outputs off, and has been seen with them off when this says so. But what a port process
 * had not recognised when it was killed is left alone, unless a person asks for it.
 */
#include "device/port_int.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRIES 3

static void report_line(struct cyc_text *report, const struct cyc_rig *rig, unsigned instrument,
                        unsigned output, const struct cyc_err *failure)
{
    if (report == NULL) {
        return;
    }
    cyc_text_format(report, "%s", rig->instruments[instrument].name);
    for (unsigned i = 0; i < rig->channel_count; i++) {
        const struct cyc_rig_channel *const channel = &rig->channels[i];
        if (channel->cycler == (int)instrument && channel->output == output) {
            cyc_text_format(report, " (channel %s)", channel->name);
        }
    }
    if (failure == NULL) {
        cyc_text_append(report, ": off\n");
    } else {
        cyc_text_format(report, ": NOT OFF: %s\n", failure->text);
    }
}

static int make_output_safe(const struct cyc_rig_instrument *rig, struct cyc_instrument *instrument,
                            unsigned output, int64_t longest_ns, struct cyc_err *err)
{
    struct cyc_bus *const bus = cyc_instrument_bus(instrument);
    int status = CYC_E_BUG;
    for (unsigned i = 0; i < TRIES && status != CYC_OK; i++) {
        *err = (struct cyc_err){0};
        status = rig->driver->safe(instrument, output, cyc_bus_now_ns(bus) + longest_ns, err);
        if (status == CYC_E_LOST) {
            break;
        }
    }
    return status;
}

static bool is_to_be_released(const struct cyc_rig_instrument *rig,
                              const struct cyc_capabilities *can)
{
    if (rig->driver->safe == NULL) {
        return false;
    }
    return (can->roles & CYC_ROLE_CYCLER) != 0 || rig->safe_environment;
}

static int make_instrument_safe(const struct cyc_rig *rig, unsigned index, struct cyc_bus *bus,
                                struct cyc_text *report, struct cyc_err *err)
{
    const struct cyc_rig_instrument *const instrument = &rig->instruments[index];
    struct cyc_instrument *opened = NULL;
    struct cyc_capabilities can = {0};
    struct cyc_err failure = {0};
    int status = cyc_instrument_open(instrument->driver, bus, instrument->settings,
                                     instrument->setting_count, &opened, &failure);
    if (status == CYC_OK) {
        status = instrument->driver->capabilities(opened, &can, &failure);
    }
    if (status != CYC_OK) {
        report_line(report, rig, index, 0, &failure);
        cyc_instrument_close(opened);
        return cyc_err_set(err, status, "%s: %s", instrument->name, failure.text);
    }
    const int64_t longest_ns =
        can.safe_ns > CYC_BUS_CALL_MAX_NS ? can.safe_ns : CYC_BUS_CALL_MAX_NS;
    const unsigned count = is_to_be_released(instrument, &can) ? can.output_count : 0;
    int worst = CYC_OK;
    for (unsigned i = 0; i < count; i++) {
        failure = (struct cyc_err){0};
        status = make_output_safe(instrument, opened, i, longest_ns, &failure);
        report_line(report, rig, index, i, status == CYC_OK ? NULL : &failure);
        if (status != CYC_OK && worst == CYC_OK) {
            worst = cyc_err_set(err, status, "%s: %s", instrument->name, failure.text);
        }
    }
    cyc_instrument_close(opened);
    return worst;
}

static void report_closed(const struct cyc_rig *rig, unsigned port, struct cyc_text *report,
                          const struct cyc_err *failure)
{
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        const struct cyc_rig_instrument *const instrument = &rig->instruments[i];
        if (instrument->port != (int)port || (instrument->driver->roles & CYC_ROLE_CYCLER) == 0) {
            continue;
        }
        bool known = false;
        for (unsigned k = 0; k < rig->channel_count; k++) {
            if (rig->channels[k].cycler == (int)i) {
                report_line(report, rig, i, rig->channels[k].output, failure);
                known = true;
            }
        }
        if (!known) {
            report_line(report, rig, i, 0, failure);
        }
    }
}

static bool has_work(const struct cyc_rig *rig, unsigned port)
{
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        const struct cyc_rig_instrument *const instrument = &rig->instruments[i];
        if (instrument->port == (int)port &&
            ((instrument->driver->roles & CYC_ROLE_CYCLER) != 0 || instrument->safe_environment)) {
            return true;
        }
    }
    return false;
}

/* Not recognised: as if it was not reached. */
static int leave_alone(const struct cyc_rig *rig, unsigned index, struct cyc_text *report,
                       struct cyc_err *err)
{
    const struct cyc_rig_instrument *const instrument = &rig->instruments[index];
    const bool can = (instrument->driver->roles & CYC_ROLE_CYCLER) != 0;
    struct cyc_err failure = {0};
    if (!can && !instrument->safe_environment) {
        return CYC_OK;
    }
    (void)cyc_err_set(&failure, CYC_E_IDENTITY, "who answers there was not recognised as it");
    report_line(report, rig, index, 0, &failure);
    return cyc_err_set(err, CYC_E_IDENTITY, "%s: %s", instrument->name, failure.text);
}

int cyc_port_make_safe(const struct cyc_rig *rig, unsigned port, const struct cyc_port_left *left,
                       struct cyc_text *report, struct cyc_err *err)
{
    const int fd = left != NULL ? left->fd : -1;
    uint64_t strangers = left != NULL ? left->strangers : 0;
    const struct cyc_rig_port *const settings = &rig->ports[port];
    struct cyc_bus *bus = NULL;
    struct cyc_err failure = {0};
    if (!has_work(rig, port) && fd < 0) {
        return CYC_OK; /* chambers and presses keep their setpoint: nothing to be opened for */
    }
    int status = fd >= 0 ? cyc_bus_adopt(fd, &settings->bus, &bus, &failure)
                         : cyc_bus_open(settings->address, &settings->bus, &bus, &failure);
    if (status != CYC_OK) {
        report_closed(rig, port, report, &failure);
        return cyc_err_set(err, status, "port '%s': %s", settings->name, failure.text);
    }
    int worst = CYC_OK;
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        if (rig->instruments[i].port == (int)port) {
            struct cyc_err *const first = worst == CYC_OK ? err : NULL;
            status = (strangers & 1) != 0 ? leave_alone(rig, i, report, first)
                                          : make_instrument_safe(rig, i, bus, report, first);
            worst = worst == CYC_OK ? status : worst;
            strangers >>= 1;
        }
    }
    cyc_bus_close(bus);
    return worst;
}

/* Who was there stays. */
void cyc_port_forget_seen(const char *state_dir, const char *port)
{
    char path[1024];
    char line[128];
    const int length = snprintf(path, sizeof path, "%s/port-%s.on", state_dir, port);
    FILE *const file = length > 0 && (size_t)length < sizeof path ? fopen(path, "r+e") : NULL;
    long end = 0;
    if (file == NULL) {
        return; /* none is there: nothing was on */
    }
    while (fgets(line, sizeof line, file) != NULL &&
           strncmp(line, PORT_MARK_WHO, sizeof PORT_MARK_WHO - 1) == 0) {
        end = ftell(file);
    }
    if (end < 0 || ftruncate(fileno(file), end) != 0) {
        (void)ftruncate(fileno(file), 0);
    }
    (void)fclose(file);
}
