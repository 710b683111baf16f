#include "emulate/emulate_int.h"

#include "base/diag.h"
#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *cyc_unit_state(struct cyc_unit *unit)
{
    return unit->state;
}

const char *cyc_unit_name(const struct cyc_unit *unit)
{
    return unit->name;
}

int64_t cyc_unit_now_ns(const struct cyc_unit *unit)
{
    return cyc_emulation_now_ns(unit->emulation);
}

void cyc_unit_log(struct cyc_unit *unit, const char *format, ...)
{
    struct cyc_err line = {0};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line.text, sizeof line.text, format, arguments);
    va_end(arguments);
    cyc_truth_line(&unit->emulation->truth, cyc_unit_now_ns(unit), unit->name, "%s", line.text);
}

void cyc_unit_wake(struct cyc_unit *unit, int64_t at_ns)
{
    unit->wake_ns = at_ns < unit->wake_ns ? at_ns : unit->wake_ns;
}

double cyc_unit_rate(const struct cyc_unit *unit)
{
    return unit->emulation->options.rate;
}

void cyc_unit_discard(struct cyc_unit *unit)
{
    cyc_link_forget(unit->emulation->links[unit->link->peer]);
    unit->glue_size = 0;
    unit->line.out_ns = 0;
}

/* ---- The cell at an output ------------------------------------------------------------------- */

static struct cyc_bench *bench_at(const struct cyc_unit *unit, unsigned output)
{
    return output < unit->output_count ? unit->outputs[output].bench : NULL;
}

static unsigned bench_index(const struct cyc_emulation *emulation, const struct cyc_bench *bench)
{
    unsigned i = 0;
    while (i + 1 < emulation->bench_count && emulation->benches[i] != bench) {
        i++;
    }
    return i;
}

static void advance(struct cyc_unit *unit, struct cyc_bench *bench)
{
    cyc_bench_advance(bench, cyc_emulation_cell_ns(unit->emulation, cyc_unit_now_ns(unit)));
}

void cyc_emulation_log_charge(struct cyc_emulation *emulation, unsigned index)
{
    struct cyc_bench *bench = emulation->benches[index];
    struct cyc_terminals terminals;
    char who[24], charge[CYC_NUMBER_SIZE], voltage[CYC_NUMBER_SIZE], current[CYC_NUMBER_SIZE];
    cyc_bench_look(bench, &terminals);
    (void)snprintf(who, sizeof who, "cell%u", index);
    cyc_truth_line(&emulation->truth, cyc_emulation_now_ns(emulation), who,
                   "charge %s voltage %s current %s",
                   cyc_number_brief(charge, cyc_cell_net_charge_Ah(cyc_bench_cell(bench)), 12),
                   cyc_number_brief(voltage, terminals.cell_V, 7),
                   cyc_number_brief(current, terminals.cell_A, 7));
}

static bool same_setpoint(const struct cyc_source *a, const struct cyc_source *b)
{
    const struct cyc_setpoint *one = &a->setpoint;
    const struct cyc_setpoint *other = &b->setpoint;
    return one->control == other->control && one->value == other->value &&
           one->current_min_A == other->current_min_A &&
           one->current_max_A == other->current_max_A && one->slope_per_s == other->slope_per_s &&
           (a->compliance_V == b->compliance_V ||
            (isnan(a->compliance_V) && isnan(b->compliance_V))) &&
           a->four_wire == b->four_wire;
}

static void log_output(struct cyc_unit *unit, unsigned output, const struct cyc_source *source)
{
    struct cyc_text text = {0};
    cyc_truth_source(&text, source);
    cyc_unit_log(unit, "output %u %s", output, cyc_text_get(&text));
    cyc_text_release(&text);
}

/* Of several instruments at one cell that drives which closed its output last; one that opens does
 * not open the others. */
static bool takes_over(struct cyc_unit *unit, const struct cyc_bench *bench, bool opens)
{
    const struct cyc_unit **driver = &unit->emulation->drivers[bench_index(unit->emulation, bench)];
    if (opens && *driver != NULL && *driver != unit) {
        return false;
    }
    *driver = opens ? NULL : unit;
    return true;
}

void cyc_unit_source(struct cyc_unit *unit, unsigned output, const struct cyc_source *source)
{
    struct cyc_bench *bench = bench_at(unit, output);
    if (output >= unit->output_count) {
        return;
    }
    struct cyc_output *out = &unit->outputs[output];
    const bool changed = !same_setpoint(&out->source, source);
    const bool opens = source->setpoint.control == CYC_CONTROL_OPEN;
    out->source = *source;
    if (!changed) {
        return;
    }
    const bool takes = bench != NULL && takes_over(unit, bench, opens);
    if (takes) {
        advance(unit, bench);
        cyc_bench_drive(bench, source);
    }
    log_output(unit, output, takes ? cyc_bench_source(bench) : source);
    if (takes && opens && cyc_bench_source(bench)->setpoint.control != CYC_CONTROL_OPEN) {
        cyc_unit_log(unit, "output %u does not open", output);
    }
    if (bench != NULL) {
        cyc_emulation_log_charge(unit->emulation, bench_index(unit->emulation, bench));
    }
}

void cyc_unit_drive(struct cyc_unit *unit, unsigned output, const struct cyc_setpoint *setpoint)
{
    const struct cyc_source source = {
        .setpoint = *setpoint, .compliance_V = NAN, .most_A = NAN, .four_wire = true};
    cyc_unit_source(unit, output, &source);
}

/* Wires that were swapped: the voltage is another cell's. */
static void look_elsewhere(struct cyc_unit *unit, const struct cyc_bench *bench,
                           struct cyc_terminals *terminals)
{
    struct cyc_wiring wiring;
    struct cyc_terminals other;
    cyc_bench_wiring(bench, &wiring);
    if (wiring.measures >= 0 && (unsigned)wiring.measures < unit->emulation->bench_count) {
        struct cyc_bench *elsewhere = unit->emulation->benches[wiring.measures];
        advance(unit, elsewhere);
        cyc_bench_look(elsewhere, &other);
        terminals->sample.voltage_V = other.sample.voltage_V;
    }
}

void cyc_unit_terminals(struct cyc_unit *unit, unsigned output, struct cyc_terminals *terminals)
{
    struct cyc_bench *bench = bench_at(unit, output);
    if (bench == NULL) {
        *terminals = (struct cyc_terminals){.cell_V = NAN, .cell_A = NAN};
        terminals->sample.temperature_degC = NAN;
        terminals->sample.ambient_degC = NAN;
        terminals->sample.pressure_Pa = NAN;
        return;
    }
    advance(unit, bench);
    cyc_bench_look(bench, terminals);
    look_elsewhere(unit, bench, terminals);
    cyc_fault_measure(unit, terminals);
}

void cyc_unit_measure(struct cyc_unit *unit, unsigned output, struct cyc_sample *sample)
{
    struct cyc_terminals terminals;
    cyc_unit_terminals(unit, output, &terminals);
    *sample = terminals.sample;
}

void cyc_unit_environment(struct cyc_unit *unit, const struct cyc_environment *environment)
{
    char temperature[CYC_NUMBER_SIZE], pressure[CYC_NUMBER_SIZE];
    for (unsigned i = 0; i < unit->output_count; i++) {
        struct cyc_bench *bench = unit->outputs[i].bench;
        if (bench != NULL) {
            advance(unit, bench);
            cyc_bench_environment(bench, environment);
        }
    }
    cyc_unit_log(unit, "environment temperature %s pressure %s",
                 environment->temperature_off
                     ? "off"
                     : cyc_number_brief(temperature, environment->temperature_degC, 6),
                 environment->pressure_off
                     ? "off"
                     : cyc_number_brief(pressure, environment->pressure_Pa, 6));
}

const struct cyc_setpoint *cyc_unit_truth(const struct cyc_unit *unit, unsigned output)
{
    static const struct cyc_setpoint none = {0};
    const struct cyc_bench *bench = bench_at(unit, output);
    if (bench != NULL) {
        const struct cyc_unit *driver =
            unit->emulation->drivers[bench_index(unit->emulation, bench)];
        return driver == NULL || driver == unit ? &cyc_bench_source(bench)->setpoint
                                                : &unit->outputs[output].source.setpoint;
    }
    return output < unit->output_count ? &unit->outputs[output].source.setpoint : &none;
}

/* ---- Options of an emulator ------------------------------------------------------------------ */

bool cyc_unit_option(const char *options, const char *name, char *value, size_t size)
{
    const size_t length = strlen(name);
    while (*options != '\0') {
        const size_t span = strcspn(options, ",");
        if (span > length && strncmp(options, name, length) == 0 && options[length] == '=') {
            const size_t room = span - length - 1 < size - 1 ? span - length - 1 : size - 1;
            memcpy(value, options + length + 1, room);
            value[room] = '\0';
            return true;
        }
        options += span + (options[span] == ',' ? 1 : 0);
    }
    return false;
}

int cyc_unit_option_number(const char *options, const char *name, double *value,
                           struct cyc_err *err)
{
    char word[64];
    size_t used = 0;
    if (!cyc_unit_option(options, name, word, sizeof word)) {
        return CYC_OK;
    }
    if (!cyc_number_parse(word, strlen(word), value, &used) || used != strlen(word)) {
        return cyc_err_set(err, CYC_E_INPUT, "option %s: '%s' is no number", name, word);
    }
    return CYC_OK;
}

int cyc_unit_option_check(const char *options, const char *const *names, struct cyc_err *err)
{
    while (*options != '\0') {
        const size_t span = strcspn(options, ",");
        const size_t length = strcspn(options, "=,");
        char word[64];
        (void)snprintf(word, sizeof word, "%.*s", (int)length, options);
        const char *const *name = names;
        while (*name != NULL && strcmp(*name, word) != 0) {
            name++;
        }
        if (*name == NULL || length == span) {
            const char *near = cyc_nearest(word, names);
            return cyc_err_set(err, CYC_E_INPUT, "there is no option '%s=…'; %s%s%s", word,
                               near != NULL ? "did you mean '" : "--list shows what there is",
                               near != NULL ? near : "", near != NULL ? "'?" : "");
        }
        options += span + (options[span] == ',' ? 1 : 0);
    }
    return CYC_OK;
}
