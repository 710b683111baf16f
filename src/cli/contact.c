#include "cli/contact.h"

#include "device/message.h"
#include "device/port.h"
#include "run/supervisor.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDENTIFY_NS (3 * CYC_S_NS)
#define MEASURE_NS  (3 * CYC_S_NS)
#define QUIET_NS    (50 * CYC_MS_NS)

static int nobody_else(const struct cyc_rig *rig, struct cyc_err *err)
{
    char dir[CYC_PATH_SIZE];
    int fd = -1;
    const int status = cyc_state_dir(rig->path, dir, sizeof dir, err);
    if (status != CYC_OK) {
        return status;
    }
    if (cyc_message_connect(dir, CYC_SUPERVISOR_SOCKET, &fd, NULL) != CYC_OK) {
        return CYC_OK;
    }
    (void)close(fd);
    return cyc_err_set(err, CYC_E_BUSY,
                       "this rig is being run, and its ports are the runs' own; `cyclostat status` "
                       "shows what they measure");
}

int cyc_contact_init(struct cyc_contact *contact, const struct cyc_rig *rig, struct cyc_err *err)
{
    *contact = (struct cyc_contact){.rig = rig};
    const int status = nobody_else(rig, err);
    if (status != CYC_OK) {
        return status;
    }
    contact->buses = calloc(rig->port_count, sizeof(struct cyc_bus *));
    contact->found = calloc(rig->instrument_count, sizeof *contact->found);
    bool enough = contact->buses != NULL && contact->found != NULL;
    for (unsigned i = 0; enough && i < rig->instrument_count; i++) {
        contact->found[i].readings = calloc(rig->instruments[i].capabilities.output_count,
                                            sizeof *contact->found[i].readings);
        enough = contact->found[i].readings != NULL;
    }
    return enough ? CYC_OK : cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the instruments");
}

static int ask(const struct cyc_rig_instrument *rig, struct cyc_bus *bus, struct cyc_found *found,
               struct cyc_err *err)
{
    const int64_t deadline_ns = cyc_bus_now_ns(bus) + IDENTIFY_NS;
    int status = CYC_OK;
    if ((rig->capabilities.traits & CYC_TRAIT_STREAMS) == 0) { /* it would never be quiet */
        status = cyc_bus_drain(bus, QUIET_NS, deadline_ns, err);
    }
    return status == CYC_OK
               ? rig->driver->identify(found->instrument, &found->identity, deadline_ns, err)
               : status;
}

/* Asked twice: the first question may end what another program had begun to say. */
static int identify(const struct cyc_rig_instrument *rig, struct cyc_bus *bus,
                    struct cyc_found *found, struct cyc_err *err)
{
    int status = cyc_instrument_open(rig->driver, bus, rig->settings, rig->setting_count,
                                     &found->instrument, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_instrument_expect(found->instrument, rig->serial_number);
    status = ask(rig, bus, found, err);
    if (status != CYC_OK && status != CYC_E_LOST) {
        status = ask(rig, bus, found, err);
    }
    if (status == CYC_OK && !cyc_instrument_is_expected(found->instrument, &found->identity)) {
        status = cyc_err_set(err, CYC_E_IDENTITY,
                             "another one answers: serial number '%s', the rig says '%s'",
                             found->identity.serial_number, rig->serial_number);
    }
    return status;
}

void cyc_contact_identify(struct cyc_contact *contact)
{
    const struct cyc_rig *const rig = contact->rig;
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        struct cyc_found *const found = &contact->found[i];
        const struct cyc_rig_instrument *const instrument = &rig->instruments[i];
        const struct cyc_rig_port *const port = &rig->ports[instrument->port];
        struct cyc_bus **const bus = &contact->buses[instrument->port];
        struct cyc_err err = {0};
        if (!found->wanted) {
            continue;
        }
        found->status = *bus != NULL ? CYC_OK : cyc_bus_open(port->address, &port->bus, bus, &err);
        if (found->status == CYC_OK) {
            found->status = identify(instrument, *bus, found, &err);
        }
        (void)cyc_copy(found->text, sizeof found->text, found->status == CYC_OK ? "" : err.text);
    }
}

void cyc_contact_measure(struct cyc_contact *contact)
{
    const struct cyc_rig *const rig = contact->rig;
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        struct cyc_found *const found = &contact->found[i];
        const struct cyc_rig_instrument *const instrument = &rig->instruments[i];
        for (unsigned k = 0; k < instrument->capabilities.output_count; k++) {
            struct cyc_err err = {0};
            found->readings[k] = (struct cyc_reading){0};
            if (!found->wanted || found->status != CYC_OK) {
                continue;
            }
            const int64_t now_ns = cyc_bus_now_ns(contact->buses[instrument->port]);
            found->status = instrument->driver->measure(found->instrument, k, &found->readings[k],
                                                        now_ns + MEASURE_NS, &err);
            (void)cyc_copy(found->text, sizeof found->text, err.text);
        }
    }
}

unsigned cyc_contact_missing(const struct cyc_contact *contact)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < contact->rig->instrument_count; i++) {
        missing += contact->found[i].wanted && contact->found[i].status != CYC_OK ? 1 : 0;
    }
    return missing;
}

void cyc_contact_complain(const struct cyc_contact *contact)
{
    for (unsigned i = 0; i < contact->rig->instrument_count; i++) {
        const struct cyc_found *const found = &contact->found[i];
        if (found->wanted && found->status != CYC_OK) {
            (void)fprintf(stderr, "cyclostat: %s: %s\n", contact->rig->instruments[i].name,
                          found->text[0] != '\0' ? found->text : cyc_status_text(found->status));
        }
    }
}

void cyc_contact_release(struct cyc_contact *contact)
{
    for (unsigned i = 0; contact->found != NULL && i < contact->rig->instrument_count; i++) {
        if (contact->found[i].instrument != NULL) {
            cyc_instrument_close(contact->found[i].instrument);
        }
        free(contact->found[i].readings);
    }
    for (unsigned i = 0; contact->buses != NULL && i < contact->rig->port_count; i++) {
        if (contact->buses[i] != NULL) {
            cyc_bus_close(contact->buses[i]);
        }
    }
    free(contact->found);
    free(contact->buses);
}
