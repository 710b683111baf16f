/* What faults do, layer by layer: cables and resets, wiring, cell, chamber and press, measurement.
 * Those of single messages are where the messages pass, in unit.c. */
#include "cell/fault.h"
#include "emulate/emulate_int.h"

#include <math.h>
#include <string.h>

#define SHORT_BEGINS_OHM 50.0
#define HEATER_DEGC      120.0
#define PA_PER_DAY_S     86400.0
#define REACHED_K        0.05

/* ---- Cables, power, panel ----------------------------------------------------------------------
 */

static bool concerns_link(const struct cyc_fault_rule *rule, const struct cyc_link *link)
{
    return rule->link < 0 || rule->link == (int)link->index;
}

static void unplug(struct cyc_emulation *emulation, const struct cyc_fault_rule *rule)
{
    for (unsigned i = 0; i < emulation->link_count; i++) {
        if (concerns_link(rule, emulation->links[i])) {
            cyc_link_unplug(emulation->links[i]);
        }
    }
}

static void plug(struct cyc_emulation *emulation, const struct cyc_fault_rule *rule)
{
    struct cyc_err err = {0};
    for (unsigned i = 0; i < emulation->link_count; i++) {
        if (concerns_link(rule, emulation->links[i]) &&
            cyc_link_plug(emulation->links[i], rule->word == CYC_FAULTY_RENUMBER, &err) != CYC_OK) {
            cyc_truth_line(&emulation->truth, cyc_emulation_now_ns(emulation), "emulator",
                           "error %s", err.text);
        }
    }
}

static void swap(struct cyc_emulation *emulation, const struct cyc_fault_rule *rule)
{
    struct cyc_link *one = emulation->links[rule->link];
    struct cyc_link *other = emulation->links[(unsigned)rule->value];
    const unsigned peer = one->peer;
    one->peer = other->peer;
    other->peer = peer;
}

static void tell_units(struct cyc_emulation *emulation, const struct cyc_fault_rule *rule,
                       bool begins)
{
    for (unsigned i = 0; i < emulation->unit_count; i++) {
        struct cyc_unit *unit = emulation->units[i];
        if ((rule->unit >= 0 && rule->unit != (int)i) || !concerns_link(rule, unit->link)) {
            continue;
        }
        if (rule->word == CYC_FAULTY_RESET) {
            cyc_unit_power_cycle(unit);
        } else if ((unit->emulator->faults >> rule->word & 1) != 0 &&
                   unit->emulator->fault != NULL) {
            unit->emulator->fault(unit, (int)rule->word, begins, rule->value);
        }
    }
}

/* ---- Wires, cell, surroundings -----------------------------------------------------------------
 */

/* How far a fault with a ramp has come, 0 … 1. */
static double share(const struct cyc_fault_rule *rule, int64_t now_ns)
{
    return rule->ramp_ns > 0 ? fmin((double)(now_ns - rule->began_ns) / (double)rule->ramp_ns, 1)
                             : 1;
}

/* `on`: 0 undoes the fault, else how far it has come. */
static void rewire(struct cyc_fault_rule *rule, struct cyc_wiring *wiring, double on)
{
    const enum cyc_fault_word word = rule->word;
    if (word == CYC_FAULTY_OPEN || word == CYC_FAULTY_LEAD) {
        wiring->lead_ohm = on * rule->value;
    } else if (word == CYC_FAULTY_CONTACT) {
        const bool apart = on > 0 && cyc_fault_random(rule) < 0.5;
        wiring->contact_ohm = apart ? rule->value * cyc_fault_random(rule) : 0;
    } else if (word == CYC_FAULTY_EXTERNAL_SHORT) {
        wiring->external_ohm = on > 0 ? rule->value : 0;
    } else if (word == CYC_FAULTY_SHORT) {
        wiring->internal_ohm =
            on > 0 ? SHORT_BEGINS_OHM * pow(rule->value / SHORT_BEGINS_OHM, on) : 0;
    } else if (word == CYC_FAULTY_SENSE_OFF) {
        wiring->sense_off = on > 0;
        wiring->sense_V = rule->value;
    } else if (word == CYC_FAULTY_REVERSED) {
        wiring->reversed = on > 0;
    } else if (word == CYC_FAULTY_SWAPPED) {
        wiring->measures = on > 0 ? (int)rule->value : -1;
    } else if (word == CYC_FAULTY_WELDED) {
        wiring->welded = on > 0;
    }
}

static bool is_of_wires(enum cyc_fault_word word)
{
    return cyc_fault_word_layer(word) == CYC_FAULT_WIRING || word == CYC_FAULTY_SHORT;
}

static void each_bench(struct cyc_emulation *emulation, struct cyc_fault_rule *rule, double on,
                       void (*act)(struct cyc_bench *, struct cyc_fault_rule *, double))
{
    const int64_t cell_ns = cyc_emulation_cell_ns(emulation, cyc_emulation_now_ns(emulation));
    for (unsigned i = 0; i < emulation->bench_count; i++) {
        if (rule->cell < 0 || rule->cell == (int)i) {
            cyc_bench_advance(emulation->benches[i], cell_ns);
            act(emulation->benches[i], rule, on);
        }
    }
}

static void act_on_wires(struct cyc_bench *bench, struct cyc_fault_rule *rule, double on)
{
    struct cyc_wiring wiring;
    cyc_bench_wiring(bench, &wiring);
    rewire(rule, &wiring, on);
    cyc_bench_rewire(bench, &wiring);
}

static double ambient_degC(struct cyc_bench *bench)
{
    struct cyc_terminals seen;
    cyc_bench_look(bench, &seen);
    return seen.sample.ambient_degC;
}

/* Beyond the setpoint first; from there to it, or as far to the other side. */
static double swing_degC(struct cyc_bench *bench, struct cyc_fault_rule *rule)
{
    const double told_degC = cyc_bench_told(bench)->temperature_degC;
    const double now_degC = ambient_degC(bench);
    if (!rule->holds_value) {
        rule->holds_value = true;
        rule->held = copysign(rule->value, told_degC - now_degC);
    }
    if (fabs(now_degC - told_degC - rule->held) < REACHED_K) {
        rule->held = rule->word == CYC_FAULTY_RIPPLE ? -rule->held : 0;
    }
    return told_degC + rule->held;
}

static void act_on_surroundings(struct cyc_bench *bench, struct cyc_fault_rule *rule, double on)
{
    struct cyc_environment forced = {
        .temperature_degC = NAN, .ramp_K_per_s = NAN, .pressure_Pa = NAN};
    if (on == 0) {
        rule->holds_value = false;
        cyc_bench_force(bench, NULL);
        return;
    }
    if (rule->word == CYC_FAULTY_HEAT) {
        forced.temperature_degC = HEATER_DEGC;
        forced.ramp_K_per_s = rule->value / 60;
    } else if (rule->word == CYC_FAULTY_CHAMBER_STUCK) {
        forced.temperature_degC = ambient_degC(bench);
    } else if (rule->word == CYC_FAULTY_CHAMBER_OFF) {
        forced.temperature_off = true;
    } else if (rule->word == CYC_FAULTY_OVERSHOOT || rule->word == CYC_FAULTY_RIPPLE) {
        forced.temperature_degC = swing_degC(bench, rule);
    } else if (rule->word == CYC_FAULTY_PRESSURE) {
        const double told_Pa = cyc_bench_told(bench)->pressure_Pa;
        forced.pressure_Pa = told_Pa + on * (rule->value - told_Pa);
    }
    cyc_bench_force(bench, &forced);
}

static void act_on_cell(struct cyc_bench *bench, struct cyc_fault_rule *rule, double on)
{
    (void)on;
    cyc_cell_lose(cyc_bench_cell(bench), rule->value);
}

/* ---- The course of a lasting fault -------------------------------------------------------------
 */

static void act(struct cyc_emulation *emulation, struct cyc_fault_rule *rule, double on)
{
    if (is_of_wires(rule->word)) {
        each_bench(emulation, rule, on, act_on_wires);
    } else if (cyc_fault_word_layer(rule->word) == CYC_FAULT_SURROUNDINGS) {
        each_bench(emulation, rule, on, act_on_surroundings);
    }
}

void cyc_fault_begin(struct cyc_emulation *emulation, struct cyc_fault_rule *rule)
{
    if (rule->word == CYC_FAULTY_UNPLUG || rule->word == CYC_FAULTY_RENUMBER) {
        unplug(emulation, rule);
    } else if (rule->word == CYC_FAULTY_SWAP) {
        swap(emulation, rule);
    } else if (rule->word == CYC_FAULTY_CAPACITY) {
        each_bench(emulation, rule, 1, act_on_cell);
    } else if (cyc_fault_word_layer(rule->word) == CYC_FAULT_INSTRUMENT) {
        tell_units(emulation, rule, true);
    } else if (rule->ramp_ns == 0) {
        act(emulation, rule, 1);
    }
}

void cyc_fault_go_on(struct cyc_emulation *emulation, struct cyc_fault_rule *rule, int64_t now_ns)
{
    const double on = share(rule, now_ns);
    const bool swings = rule->word == CYC_FAULTY_CONTACT || rule->word == CYC_FAULTY_OVERSHOOT ||
                        rule->word == CYC_FAULTY_RIPPLE;
    if (swings || (rule->ramp_ns > 0 && on > 0)) {
        act(emulation, rule, swings ? 1 : on);
    }
}

void cyc_fault_end(struct cyc_emulation *emulation, struct cyc_fault_rule *rule)
{
    if (rule->word == CYC_FAULTY_UNPLUG || rule->word == CYC_FAULTY_RENUMBER) {
        plug(emulation, rule);
    } else if (rule->word == CYC_FAULTY_SWAP) {
        swap(emulation, rule);
    } else if (cyc_fault_word_layer(rule->word) == CYC_FAULT_INSTRUMENT &&
               rule->word != CYC_FAULTY_RESET) {
        tell_units(emulation, rule, false);
    } else {
        act(emulation, rule, 0);
    }
}

/* ---- Measurement -------------------------------------------------------------------------------
 */

/* The first reading under the fault stays. */
static void freeze(struct cyc_unit *unit, enum cyc_fault_word word, double *value)
{
    struct cyc_fault_rule *rule = cyc_fault_strike(unit, word);
    if (rule != NULL) {
        rule->held = rule->holds_value ? rule->held : *value;
        rule->holds_value = true;
        *value = rule->held;
    }
}

static void shift(struct cyc_unit *unit, enum cyc_fault_word word, double *value)
{
    const struct cyc_fault_rule *rule = cyc_fault_strike(unit, word);
    *value += rule != NULL ? rule->value : 0;
}

static void scale(struct cyc_unit *unit, enum cyc_fault_word word, double *value)
{
    const struct cyc_fault_rule *rule = cyc_fault_strike(unit, word);
    *value *= rule != NULL ? rule->value : 1;
}

/* Normal, by the polar form of Box and Muller. */
static void scatter(struct cyc_unit *unit, enum cyc_fault_word word, double *value)
{
    struct cyc_fault_rule *rule = cyc_fault_strike(unit, word);
    if (rule != NULL) {
        const double radius = sqrt(-2 * log1p(-cyc_fault_random(rule)));
        *value += rule->value * radius * cos(6.283185307179586 * cyc_fault_random(rule));
    }
}

static void drift(struct cyc_unit *unit, double *pressure_Pa)
{
    const struct cyc_fault_rule *rule = cyc_fault_strike(unit, CYC_FAULTY_FORCE_DRIFT);
    if (rule != NULL) {
        const double age_s =
            (double)(cyc_unit_now_ns(unit) - rule->at_ns) / (double)CYC_S_NS * cyc_unit_rate(unit);
        *pressure_Pa += rule->value * age_s / PA_PER_DAY_S;
    }
}

void cyc_fault_measure(struct cyc_unit *unit, struct cyc_terminals *terminals)
{
    struct cyc_sample *sample = &terminals->sample;
    if (unit->emulation->faults.words == 0) {
        return;
    }
    scale(unit, CYC_FAULTY_GAIN_V, &sample->voltage_V);
    scale(unit, CYC_FAULTY_GAIN_I, &sample->current_A);
    shift(unit, CYC_FAULTY_OFFSET_V, &sample->voltage_V);
    shift(unit, CYC_FAULTY_OFFSET_I, &sample->current_A);
    shift(unit, CYC_FAULTY_SPIKE, &sample->voltage_V);
    scatter(unit, CYC_FAULTY_NOISE_V, &sample->voltage_V);
    scatter(unit, CYC_FAULTY_NOISE_I, &sample->current_A);
    drift(unit, &sample->pressure_Pa);
    freeze(unit, CYC_FAULTY_STUCK_V, &sample->voltage_V);
    freeze(unit, CYC_FAULTY_STUCK_I, &sample->current_A);
    freeze(unit, CYC_FAULTY_STUCK_T, &sample->ambient_degC);
    freeze(unit, CYC_FAULTY_STUCK_P, &sample->pressure_Pa);
    const struct cyc_fault_rule *open = cyc_fault_strike(unit, CYC_FAULTY_OPEN_T);
    sample->ambient_degC = open != NULL ? open->value : sample->ambient_degC;
    sample->pressure_Pa =
        cyc_unit_fault(unit, CYC_FAULTY_FORCE_LOST) ? (double)NAN : sample->pressure_Pa;
    terminals->no_number = cyc_unit_fault(unit, CYC_FAULTY_NAN);
    terminals->overflow = cyc_unit_fault(unit, CYC_FAULTY_OVLD);
}
