/* A cell, the wires to it, and what drives it.
 *
 *     source ──lead, contact──┬── external ──►  (at the instrument's side of the leads)
 *     (terminals)             │
 *                    sense ───┤ node
 *                             ├── internal short
 *                             └── the cell: open-circuit voltage E behind R, at this instant
 *
 * With sound wires the source's setpoint is the cell's, and the cell goes its own exact steps; only
 * the compliance of a current source has to be watched. With faulty wires the network is solved
 * for the cell's current at short intervals of cell time and that current held in between: E and R
 * are probed, the source's line V = a + b I at the point where it regulates follows from the
 * resistances, and its limits say which end of the line holds. The error is what the cell's voltage
 * moves within an interval.
 *
 * An instrument's source in current control with a compliance (see struct cyc_source) regulates the
 * voltage once the asked current would take it beyond +-compliance; with a cell above the
 * compliance only the hardware bounds the current.
 */
#include "emulate/bench.h"

#include "cell/fault.h"

#include <math.h>
#include <stdlib.h>

#define INTERVAL_NS   (CYC_S_NS / 4) /* of cell time, with faulty wires */
#define INTERVALS_MAX 4000           /* of one call: longer ones instead of more */
#define LEAST_OHM     1e-9
#define TOLERANCE     1e-6
#define HARDWARE_A    1e3 /* where a source names no bound */
#define LEAD_DROP_V   5.0 /* what a 4-wire source makes up for in its leads */

struct cyc_bench {
    struct cyc_cell *cell;
    struct cyc_source told;   /* by the instrument */
    struct cyc_source source; /* what it does: another thing where the relay is welded */
    struct cyc_wiring wiring;
    struct cyc_environment wanted, forced;
    bool is_forced;
    struct cyc_sample sample; /* of the cell, now */
    int64_t now_ns;
    bool clamped;               /* current control: the compliance rules */
    bool infeasible;            /* the setpoint cannot be met: the hardware gives what it has */
    double terminal_V, sense_V; /* with faulty wires */
    double source_A;
    bool holds_voltage;
};

static void look(struct cyc_bench *bench)
{
    bench->infeasible =
        cyc_cell_advance(bench->cell, bench->now_ns, NULL, 0, &bench->sample, NULL) != CYC_OK;
}

int cyc_bench_new(const struct cyc_cell_spec *spec, struct cyc_bench **bench, struct cyc_err *err)
{
    struct cyc_bench *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a bench");
    }
    const int status = cyc_cell_new(spec, &made->cell, err);
    if (status != CYC_OK) {
        free(made);
        return status;
    }
    made->told = (struct cyc_source){.compliance_V = NAN, .most_A = NAN};
    made->source = made->told;
    made->wiring.measures = -1;
    made->wanted = (struct cyc_environment){.temperature_degC = spec->temperature_degC,
                                            .ramp_K_per_s = NAN,
                                            .pressure_Pa = spec->pressure_Pa};
    look(made);
    *bench = made;
    return CYC_OK;
}

void cyc_bench_free(struct cyc_bench *bench)
{
    if (bench != NULL) {
        cyc_cell_free(bench->cell);
        free(bench);
    }
}

static double most_A(const struct cyc_source *source)
{
    return isfinite(source->most_A) ? source->most_A : HARDWARE_A;
}

static bool is_limited(const struct cyc_source *source)
{
    return source->setpoint.control == CYC_CONTROL_CURRENT && isfinite(source->compliance_V);
}

/* ---- Sound wires -------------------------------------------------------------------------------
 */

/* A current source at its compliance is a voltage source that the asked current bounds on one side
 * and the hardware on the other. */
static struct cyc_setpoint clamp(const struct cyc_source *source, double side)
{
    struct cyc_setpoint held = {.number = source->setpoint.number,
                                .control = CYC_CONTROL_VOLTAGE,
                                .value = side * source->compliance_V};
    held.current_min_A = side > 0 ? -most_A(source) : source->setpoint.value;
    held.current_max_A = side > 0 ? source->setpoint.value : most_A(source);
    return held;
}

/* The compliance takes over where the asked current would go beyond it. */
static void clamp_if_needed(struct cyc_bench *bench)
{
    const struct cyc_source *source = &bench->source;
    if (!bench->clamped && is_limited(source) &&
        fabs(bench->sample.voltage_V) >= source->compliance_V) {
        const struct cyc_setpoint held = clamp(source, bench->sample.voltage_V > 0 ? 1 : -1);
        bench->clamped = true;
        cyc_cell_apply(bench->cell, &held);
        look(bench);
    }
}

/* A power that no current gives: the source gives all the current it has. */
static void give_all(struct cyc_bench *bench)
{
    const struct cyc_setpoint most = {
        .number = bench->source.setpoint.number,
        .control = CYC_CONTROL_CURRENT,
        .value = copysign(most_A(&bench->source), bench->source.setpoint.value)};
    cyc_cell_apply(bench->cell, &most);
    look(bench);
}

static void advance_sound(struct cyc_bench *bench, int64_t t_ns)
{
    const double edge_V = bench->source.compliance_V;
    const struct cyc_watch watches[] = {{.signal = CYC_SIGNAL_VOLTAGE, .value = edge_V},
                                        {.signal = CYC_SIGNAL_VOLTAGE, .value = -edge_V}};
    while (bench->now_ns < t_ns) {
        const unsigned count = is_limited(&bench->source) && !bench->clamped ? 2 : 0;
        const int64_t before_ns = bench->now_ns;
        if (cyc_cell_advance(bench->cell, t_ns, watches, count, &bench->sample, NULL) == CYC_OK) {
            bench->now_ns = bench->sample.t_ns;
            clamp_if_needed(bench);
        }
        if (bench->now_ns == before_ns) {
            give_all(bench);
        }
    }
}

/* ---- Faulty wires ------------------------------------------------------------------------------
 */

static bool is_sound(const struct cyc_wiring *wiring)
{
    return wiring->lead_ohm == 0 && wiring->contact_ohm == 0 && wiring->external_ohm == 0 &&
           wiring->internal_ohm == 0 && !wiring->sense_off && !wiring->reversed;
}

/* V = a + b I, I out of the source. */
struct line {
    double a, b;
};

struct network {
    struct line terminals, node; /* voltages there over the source's current */
    double external_S, internal_S;
    double open_V, cell_ohm; /* as seen by the instrument: reversed, they are negative */
};

static struct network network(struct cyc_bench *bench)
{
    const struct cyc_wiring *wiring = &bench->wiring;
    struct network net = {0};
    double open_V = 0, cell_ohm = 0;
    cyc_cell_thevenin(bench->cell, &open_V, &cell_ohm);
    net.open_V = wiring->reversed ? -open_V : open_V;
    net.cell_ohm = fmax(cell_ohm, LEAST_OHM);
    net.internal_S = wiring->internal_ohm > 0 ? 1 / wiring->internal_ohm : 0;
    net.external_S = wiring->external_ohm > 0 ? 1 / wiring->external_ohm : 0;
    const double lead_ohm = fmax(wiring->lead_ohm + wiring->contact_ohm, LEAST_OHM);
    /* The cell with its internal short, then with the leads, then with the external short. */
    const double node_ohm = 1 / (1 / net.cell_ohm + net.internal_S);
    const double node_V = net.open_V / net.cell_ohm * node_ohm;
    const double behind_ohm = node_ohm + lead_ohm;
    net.terminals.b = behind_ohm / (1 + behind_ohm * net.external_S);
    net.terminals.a = node_V / (1 + behind_ohm * net.external_S);
    net.node.b = node_ohm * (1 - net.external_S * net.terminals.b);
    net.node.a = node_V - node_ohm * net.external_S * net.terminals.a;
    return net;
}

static double within(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

/* The current with which the line is at a voltage; open sense leads never get there. */
static double regulated_A(const struct cyc_bench *bench, const struct line *line, double voltage_V)
{
    const struct cyc_source *source = &bench->source;
    if (bench->wiring.sense_off && source->four_wire) {
        return copysign(HARDWARE_A, voltage_V - bench->wiring.sense_V);
    }
    return (voltage_V - line->a) / line->b;
}

static double limited_A(struct cyc_bench *bench, const struct line *line)
{
    const struct cyc_source *source = &bench->source;
    const double asked_A = source->setpoint.value;
    const double seen_V = bench->wiring.sense_off && source->four_wire
                              ? bench->wiring.sense_V
                              : line->a + line->b * asked_A;
    bench->holds_voltage = is_limited(source) && fabs(seen_V) > source->compliance_V;
    if (!bench->holds_voltage) {
        return asked_A;
    }
    return within(regulated_A(bench, line, copysign(source->compliance_V, seen_V)), -most_A(source),
                  most_A(source));
}

/* The current out of the source. */
static double solve_A(struct cyc_bench *bench, const struct network *net)
{
    const struct cyc_source *source = &bench->source;
    const struct cyc_setpoint *setpoint = &source->setpoint;
    const struct line *line = source->four_wire ? &net->node : &net->terminals;
    double wanted_A = 0, current_A = 0;
    bench->holds_voltage = false;
    switch (setpoint->control) {
    case CYC_CONTROL_OPEN:
        break;
    case CYC_CONTROL_CURRENT:
        current_A = limited_A(bench, line);
        break;
    case CYC_CONTROL_VOLTAGE:
        wanted_A = regulated_A(bench, line, setpoint->value);
        current_A = within(wanted_A, setpoint->current_min_A, setpoint->current_max_A);
        bench->holds_voltage = current_A == wanted_A;
        break;
    case CYC_CONTROL_POWER:
        wanted_A = setpoint->value / fmax(fabs(line->a + line->b * bench->source_A), 0.1);
        current_A = within(wanted_A, -most_A(source), most_A(source));
        break;
    case CYC_CONTROL_LOAD:
        current_A = -line->a / (line->b + setpoint->value);
        break;
    }
    return current_A;
}

/* A 4-wire source cannot go further beyond what it regulates than it can make up for. */
static double reachable_A(const struct cyc_bench *bench, const struct network *net,
                          double current_A)
{
    const struct cyc_source *source = &bench->source;
    const bool current = source->setpoint.control == CYC_CONTROL_CURRENT;
    const double most_V =
        fabs(current ? source->compliance_V : source->setpoint.value) + LEAD_DROP_V;
    const double terminal_V = net->terminals.a + net->terminals.b * current_A;
    const bool regulates = is_limited(source) || source->setpoint.control == CYC_CONTROL_VOLTAGE;
    if (!source->four_wire || !regulates || fabs(terminal_V) <= most_V ||
        (fabs(net->terminals.a) > most_V)) {
        return current_A;
    }
    return (copysign(most_V, terminal_V) - net->terminals.a) / net->terminals.b;
}

/* Finds what flows now and lets it flow through the cell. */
static void settle(struct cyc_bench *bench)
{
    const struct network net = network(bench);
    const double source_A = reachable_A(bench, &net, solve_A(bench, &net));
    const double lead_A =
        source_A - (net.terminals.a + net.terminals.b * source_A) * net.external_S;
    const double node_V = net.node.a + net.node.b * source_A;
    const double cell_A = lead_A - node_V * net.internal_S;
    const struct cyc_setpoint flow = {.number = bench->source.setpoint.number,
                                      .control = CYC_CONTROL_CURRENT,
                                      .value = bench->wiring.reversed ? -cell_A : cell_A};
    bench->source_A = source_A;
    bench->terminal_V = net.terminals.a + net.terminals.b * source_A;
    bench->sense_V = bench->wiring.sense_off ? bench->wiring.sense_V : node_V;
    cyc_cell_apply(bench->cell, &flow);
    look(bench);
}

static void advance_faulty(struct cyc_bench *bench, int64_t t_ns)
{
    const int64_t share_ns = (t_ns - bench->now_ns) / INTERVALS_MAX;
    const int64_t interval_ns = share_ns > INTERVAL_NS ? share_ns : INTERVAL_NS;
    while (bench->now_ns < t_ns) {
        const int64_t left_ns = t_ns - bench->now_ns;
        const int64_t until_ns = bench->now_ns + (left_ns < interval_ns ? left_ns : interval_ns);
        if (cyc_cell_advance(bench->cell, until_ns, NULL, 0, &bench->sample, NULL) != CYC_OK) {
            return;
        }
        bench->now_ns = until_ns;
        settle(bench);
    }
}

/* ---- What instruments and faults do ------------------------------------------------------------
 */

static void drive(struct cyc_bench *bench)
{
    bench->clamped = false;
    if (!is_sound(&bench->wiring)) {
        settle(bench);
        return;
    }
    cyc_cell_apply(bench->cell, &bench->source.setpoint);
    look(bench);
    clamp_if_needed(bench);
    if (bench->infeasible) {
        give_all(bench);
    }
}

void cyc_bench_drive(struct cyc_bench *bench, const struct cyc_source *source)
{
    bench->told = *source;
    if (!bench->wiring.welded || source->setpoint.control != CYC_CONTROL_OPEN) {
        bench->source = *source;
    }
    drive(bench);
}

void cyc_bench_wiring(const struct cyc_bench *bench, struct cyc_wiring *wiring)
{
    *wiring = bench->wiring;
}

void cyc_bench_rewire(struct cyc_bench *bench, const struct cyc_wiring *wiring)
{
    bench->wiring = *wiring;
    const struct cyc_source told = bench->told;
    cyc_bench_drive(bench, &told);
}

void cyc_bench_advance(struct cyc_bench *bench, int64_t t_ns)
{
    if (is_sound(&bench->wiring)) {
        advance_sound(bench, t_ns);
    } else {
        advance_faulty(bench, t_ns);
    }
}

/* The compliance rules, and the current is not what was asked for. */
static bool off_target(const struct cyc_bench *bench)
{
    const double asked_A = bench->source.setpoint.value;
    return bench->clamped &&
           fabs(bench->sample.current_A - asked_A) > TOLERANCE * fmax(fabs(asked_A), TOLERANCE);
}

void cyc_bench_look(struct cyc_bench *bench, struct cyc_terminals *terminals)
{
    *terminals = (struct cyc_terminals){
        .sample = bench->sample,
        .holds_voltage = is_limited(&bench->source) ? off_target(bench)
                                                    : (bench->sample.flags & CYC_SAMPLE_CV) != 0,
        .cell_V = bench->sample.voltage_V,
        .cell_A = bench->sample.current_A,
    };
    if (!is_sound(&bench->wiring)) {
        terminals->holds_voltage = bench->holds_voltage;
        terminals->sample.current_A = bench->source_A;
        terminals->sample.voltage_V = bench->source.four_wire ? bench->sense_V : bench->terminal_V;
    }
}

/* ---- Chamber and press -------------------------------------------------------------------------
 */

static void surround(struct cyc_bench *bench)
{
    struct cyc_environment environment = bench->wanted;
    if (bench->is_forced &&
        (bench->forced.temperature_off || isfinite(bench->forced.temperature_degC))) {
        environment.temperature_degC = bench->forced.temperature_degC;
        environment.temperature_off = bench->forced.temperature_off;
        environment.ramp_K_per_s = bench->forced.ramp_K_per_s;
    }
    if (bench->is_forced && isfinite(bench->forced.pressure_Pa)) {
        environment.pressure_Pa = bench->forced.pressure_Pa;
        environment.pressure_off = false;
    }
    cyc_cell_environment(bench->cell, &environment);
    if (is_sound(&bench->wiring)) {
        look(bench);
    } else {
        settle(bench);
    }
}

void cyc_bench_environment(struct cyc_bench *bench, const struct cyc_environment *environment)
{
    if (environment->temperature_off || isfinite(environment->temperature_degC)) {
        bench->wanted.temperature_off = environment->temperature_off;
        bench->wanted.temperature_degC = environment->temperature_degC;
        bench->wanted.ramp_K_per_s = environment->ramp_K_per_s;
    }
    if (environment->pressure_off || isfinite(environment->pressure_Pa)) {
        bench->wanted.pressure_off = environment->pressure_off;
        bench->wanted.pressure_Pa = environment->pressure_Pa;
    }
    surround(bench);
}

void cyc_bench_force(struct cyc_bench *bench, const struct cyc_environment *environment)
{
    bench->is_forced = environment != NULL;
    if (environment != NULL) {
        bench->forced = *environment;
    }
    surround(bench);
}

const struct cyc_environment *cyc_bench_told(const struct cyc_bench *bench)
{
    return &bench->wanted;
}

struct cyc_cell *cyc_bench_cell(struct cyc_bench *bench)
{
    return bench->cell;
}

const struct cyc_source *cyc_bench_source(const struct cyc_bench *bench)
{
    return &bench->source;
}
