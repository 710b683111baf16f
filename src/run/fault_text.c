#include "run/session.h"

#include "base/quantity.h"

#include <math.h>

static const char *level_name(uint8_t level)
{
    switch ((enum cyc_level)level) {
    case CYC_LEVEL_STEP:
        return "step's";
    case CYC_LEVEL_PROTOCOL:
        return "protocol's";
    case CYC_LEVEL_CHANNEL:
        return "channel's";
    }
    return "?";
}

/* A sensor by its own name. */
static const char *name_of(const struct cyc_fault *fault, const struct cyc_sensors *sensors,
                           enum cyc_kind *kind)
{
    if (fault->signal == CYC_SIGNAL_AUX && sensors != NULL && fault->index < sensors->count) {
        *kind = sensors->items[fault->index].kind;
        return sensors->items[fault->index].name;
    }
    *kind = cyc_signal_kind(fault->signal);
    return cyc_signal_name(fault->signal);
}

/* One key of the limits stands for the charge in either direction. */
static const char *limited(const struct cyc_fault *fault, const struct cyc_sensors *sensors,
                           enum cyc_kind *kind)
{
    const char *const name = name_of(fault, sensors, kind);
    return fault->signal == CYC_SIGNAL_CHARGE_CAPACITY      ? "capacity (charge)"
           : fault->signal == CYC_SIGNAL_DISCHARGE_CAPACITY ? "capacity (discharge)"
                                                            : name;
}

static void put_limit(const struct cyc_fault *fault, const struct cyc_sensors *sensors,
                      struct cyc_text *out)
{
    char value[64];
    char bound[64];
    enum cyc_kind kind = CYC_KIND_NUMBER;
    const char *const name = limited(fault, sensors, &kind);
    cyc_text_format(out, "%s of %s is %s the %s limit of %s", name,
                    cyc_quantity_text(value, sizeof value, fault->value, kind),
                    fault->value > fault->bound ? "above" : "below", level_name(fault->level),
                    cyc_quantity_text(bound, sizeof bound, fault->bound, kind));
}

static void put_time_bound(const struct cyc_fault *fault, const char *what, struct cyc_text *out)
{
    char bound[64];
    cyc_text_append(out, what);
    if (isfinite(fault->bound) && fault->bound > 0.0) {
        cyc_text_format(out, " of %s",
                        cyc_quantity_text(bound, sizeof bound, fault->bound, CYC_KIND_TIME));
    }
}

void cyc_fault_text(const struct cyc_fault *fault, const struct cyc_sensors *sensors,
                    struct cyc_text *out)
{
    enum cyc_kind kind = CYC_KIND_NUMBER;
    switch (fault->kind) {
    case CYC_FAULT_NONE:
        cyc_text_append(out, "no fault");
        return;
    case CYC_FAULT_LIMIT:
        put_limit(fault, sensors, out);
        return;
    case CYC_FAULT_TIMEOUT:
        put_time_bound(fault, "the step did not end within its timeout", out);
        return;
    case CYC_FAULT_BOUND:
        put_time_bound(fault, "the step did not end within its derived bound", out);
        cyc_text_append(out, "; state a cutoff on time, or a timeout, if it may take longer");
        return;
    case CYC_FAULT_PAUSE:
        put_time_bound(fault, "the pause did not resume within its timeout", out);
        return;
    case CYC_FAULT_STALE:
        cyc_text_append(out, "no fresh data from the instrument");
        return;
    case CYC_FAULT_INVALID:
        cyc_text_format(out,
                        fault->signal == CYC_SIGNAL_AUX
                            ? "the sensor %s gives no number, or none that is fresh"
                            : "the %s is not a number",
                        name_of(fault, sensors, &kind));
        return;
    case CYC_FAULT_REPLY:
        cyc_text_append(out, "the instrument refused or did not answer a command");
        return;
    case CYC_FAULT_PROTECTION:
        cyc_text_append(out, "a protection of the instrument tripped");
        return;
    case CYC_FAULT_INFEASIBLE:
        cyc_text_append(out, "the cell cannot follow the setpoint: no current gives this power "
                             "or voltage");
        return;
    case CYC_FAULT_PROGRESS:
        cyc_text_append(out, "the protocol makes no progress: steps follow each other without "
                             "charge or time passing");
        return;
    case CYC_FAULT_INVARIANT:
        cyc_text_append(out, "internal error in the executor");
        return;
    }
}
