#include "run/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_OF_RANGE 0.01 /* of the smallest range: below it, an instrument guesses */
#define SLACK          1e-9

struct range {
    double low, high; /* NaN: not stated */
};

static void put(struct cyc_text *reasons, double asked, const char *what, const char *whose,
                double bound, enum cyc_kind kind)
{
    char is[64];
    char allowed[64];
    cyc_text_format(reasons, "the protocol asks for a %s of %s, beyond the %s of %s\n", what,
                    cyc_quantity_text(is, sizeof is, asked, kind), whose,
                    cyc_quantity_text(allowed, sizeof allowed, bound, kind));
}

/* Comparisons with NaN are false: what is not asked or not stated is no reason. */
static void compare(struct cyc_text *reasons, struct range asked, struct range allowed,
                    enum cyc_kind kind, const char *whose)
{
    const char *what = cyc_kind_name(kind);
    if (asked.high > allowed.high + SLACK * fabs(allowed.high)) {
        put(reasons, asked.high, what, whose, allowed.high, kind);
    }
    if (asked.low < allowed.low - SLACK * fabs(allowed.low)) {
        put(reasons, asked.low, what, whose, allowed.low, kind);
    }
}

/* What an instrument does or does not, with the step that asks for it. */
static void require(struct cyc_text *reasons, const struct cyc_demand *demand, bool can,
                    const char *words, const char *whose)
{
    char which[CYC_ID_SIZE + 64];
    if (demand->step != 0 && !can) {
        cyc_text_format(reasons, "%s %s%s\n", cyc_demand_text(demand, which, sizeof which), words,
                        whose);
    }
}

static void compare_cycler(const struct cyc_rig *rig, const struct cyc_rig_channel *channel,
                           const struct cyc_demands *demands, struct cyc_text *reasons)
{
    const struct cyc_capabilities *can = &rig->instruments[channel->cycler].capabilities;
    const struct range volts = {demands->voltage_min_V, demands->voltage_max_V};
    const struct range amperes = {demands->current_min_A, demands->current_max_A};
    compare(reasons, volts,
            (struct range){channel->limits.voltage_min_V, channel->limits.voltage_max_V},
            CYC_KIND_VOLTAGE, "channel's limit");
    compare(reasons, amperes,
            (struct range){channel->limits.current_min_A, channel->limits.current_max_A},
            CYC_KIND_CURRENT, "channel's limit");
    compare(reasons, volts, (struct range){can->voltage_min_V, can->voltage_max_V},
            CYC_KIND_VOLTAGE, "instrument's range");
    compare(reasons, amperes, (struct range){can->current_min_A, can->current_max_A},
            CYC_KIND_CURRENT, "instrument's range");
    const char *name = rig->instruments[channel->cycler].name;
    require(reasons, &demands->power, (can->controls & (1u << CYC_CONTROL_POWER)) != 0,
            "controls power, which is more than can ", name);
    require(reasons, &demands->load, (can->controls & (1u << CYC_CONTROL_LOAD)) != 0,
            "is a load of constant resistance, which is more than can ", name);
    const double power_W = fmin(isnan(channel->power_max_W) ? INFINITY : channel->power_max_W,
                                can->power_max_W > 0 ? can->power_max_W : INFINITY);
    compare(reasons, (struct range){NAN, demands->power_max_W}, (struct range){NAN, power_W},
            CYC_KIND_POWER, "limit");
}

static void compare_smallest(const struct cyc_rig *rig, const struct cyc_rig_channel *channel,
                             const struct cyc_demands *demands, struct cyc_text *reasons)
{
    const struct cyc_capabilities *can = &rig->instruments[channel->cycler].capabilities;
    const double most_A = fmax(fabs(demands->current_min_A), fabs(demands->current_max_A));
    if (can->current_range_count == 0 || !(most_A > 0)) {
        return;
    }
    const double least_A = LEAST_OF_RANGE * can->current_ranges_A[0];
    if (most_A < least_A) {
        char is[64];
        char range[64];
        cyc_text_format(
            reasons,
            "its largest current, %s, is under 1 %% of the instrument's smallest range, %s: "
            "is it meant in another unit?\n",
            cyc_quantity_text(is, sizeof is, most_A, CYC_KIND_CURRENT),
            cyc_quantity_text(range, sizeof range, can->current_ranges_A[0], CYC_KIND_CURRENT));
    }
}

static void compare_environment(const struct cyc_rig *rig, const struct cyc_rig_channel *channel,
                                const struct cyc_demands *demands, struct cyc_text *reasons)
{
    const struct range temperature = {demands->temperature_min_degC, demands->temperature_max_degC};
    const struct range pressure = {demands->pressure_min_Pa, demands->pressure_max_Pa};
    if (!isnan(temperature.low) && channel->chamber < 0) {
        cyc_text_append(reasons,
                        "the protocol sets a temperature, and the channel has no chamber\n");
    } else if (!isnan(temperature.low)) {
        const struct cyc_capabilities *can = &rig->instruments[channel->chamber].capabilities;
        compare(reasons, temperature,
                (struct range){can->temperature_min_degC, can->temperature_max_degC},
                CYC_KIND_TEMPERATURE, "chamber's range");
    }
    const int chamber = channel->chamber;
    require(reasons, &demands->ramp,
            chamber < 0 || (rig->instruments[chamber].capabilities.traits & CYC_TRAIT_RAMPS) != 0,
            "asks for a ramp of temperature; leave `ramp` out, since setpoints alone are given to ",
            chamber < 0 ? "" : rig->instruments[chamber].name);
    compare(
        reasons, temperature,
        (struct range){channel->limits.temperature_min_degC, channel->limits.temperature_max_degC},
        CYC_KIND_TEMPERATURE, "channel's limit");
    compare(reasons, pressure,
            (struct range){channel->limits.pressure_min_Pa, channel->limits.pressure_max_Pa},
            CYC_KIND_PRESSURE, "channel's limit");
    if (!isnan(pressure.low) && channel->press < 0 && channel->pressure < 0) {
        cyc_text_append(reasons, "the protocol sets a pressure, and the channel neither sets nor "
                                 "measures one\n");
    }
}

static void compare_watchdog(const struct cyc_rig *rig, const struct cyc_rig_channel *channel,
                             struct cyc_text *reasons)
{
    const struct cyc_rig_instrument *cycler = &rig->instruments[channel->cycler];
    const struct cyc_capabilities *can = &cycler->capabilities;
    if (can->watchdog == CYC_WATCHDOG_NONE && (can->traits & CYC_TRAIT_OWN_CUTOFF) == 0 &&
        !cycler->accept_no_watchdog) {
        cyc_text_format(reasons,
                        "%s has neither a watchdog nor a cutoff of its own: if this computer dies "
                        "it goes on; where a person or other hardware looks after that, write "
                        "`accept: no_watchdog` to it in the rig file\n",
                        cycler->name);
    }
}

int cyc_fit_channel(const struct cyc_rig *rig, unsigned channel, const struct cyc_demands *demands,
                    struct cyc_text *reasons)
{
    const struct cyc_rig_channel *on = &rig->channels[channel];
    require(reasons, &demands->impedance, false, "is an impedance step, which no driver can do yet",
            "");
    compare_cycler(rig, on, demands, reasons);
    compare_smallest(rig, on, demands, reasons);
    compare_environment(rig, on, demands, reasons);
    compare_watchdog(rig, on, reasons);
    return reasons->length > 0 ? CYC_E_REFUSED : CYC_OK;
}

void cyc_fit_sensors(const struct cyc_rig *rig, unsigned channel, struct cyc_sensors *sensors)
{
    *sensors = (struct cyc_sensors){0};
    for (unsigned i = 0; i < CYC_AUX_MAX && rig->channels[channel].aux[i] >= 0; i++) {
        const struct cyc_rig_sensor *const sensor = &rig->sensors[rig->channels[channel].aux[i]];
        (void)cyc_copy(sensors->items[i].name, sizeof sensors->items[i].name, sensor->name);
        sensors->items[i].kind = sensor->kind;
        sensors->count = i + 1;
    }
}

static bool is_emulated(const struct cyc_rig *rig, unsigned port)
{
    char *real = realpath(rig->ports[port].address, NULL);
    bool emulated = real != NULL && strncmp(real, "/dev/pts/", 9) == 0;
    free(real);
    for (unsigned i = 0; i < rig->instrument_count && !emulated; i++) {
        emulated = rig->instruments[i].port == (int)port &&
                   strcmp(rig->instruments[i].driver->name, "sim") == 0;
    }
    return emulated;
}

int cyc_fit_rate(const struct cyc_rig *rig, double rate, struct cyc_err *err)
{
    if (!(rate > 0.0) || rate > 1e6) {
        return cyc_err_set(err, CYC_E_REFUSED, "the rate must be above 0 and at most 1000000");
    }
    for (unsigned i = 0; i < rig->port_count; i++) {
        if (rate != 1.0 && !is_emulated(rig, i)) {
            return cyc_err_set(err, CYC_E_REFUSED,
                               "port %s (%s) is not emulated: with a real instrument time goes at "
                               "its own rate, so leave --rate out",
                               rig->ports[i].name, rig->ports[i].address);
        }
    }
    return CYC_OK;
}
