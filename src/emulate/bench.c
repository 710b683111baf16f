#include "emulate/bench.h"

#include <math.h>
#include <stdlib.h>

struct cyc_bench {
    struct cyc_cell *cell;
    struct cyc_source source;
    struct cyc_sample sample; /* of the cell, now */
    int64_t now_ns;
    bool clamped;    /* current control: the compliance rules */
    bool infeasible; /* the setpoint cannot be met: the hardware gives what it has */
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
    made->source = (struct cyc_source){.compliance_V = NAN, .most_A = NAN};
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
    return isfinite(source->most_A) ? source->most_A : 1e3;
}

/* A current source at its compliance is a voltage source that the asked current bounds on one side
 * and the hardware on the other: with a cell above the compliance the current has no other bound.
 */
static struct cyc_setpoint clamp(const struct cyc_source *source, double side)
{
    struct cyc_setpoint held = {.number = source->setpoint.number,
                                .control = CYC_CONTROL_VOLTAGE,
                                .value = side * source->compliance_V};
    held.current_min_A = side > 0 ? -most_A(source) : source->setpoint.value;
    held.current_max_A = side > 0 ? source->setpoint.value : most_A(source);
    return held;
}

static bool is_limited(const struct cyc_source *source)
{
    return source->setpoint.control == CYC_CONTROL_CURRENT && isfinite(source->compliance_V);
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

void cyc_bench_drive(struct cyc_bench *bench, const struct cyc_source *source)
{
    bench->source = *source;
    bench->clamped = false;
    cyc_cell_apply(bench->cell, &source->setpoint);
    look(bench);
    clamp_if_needed(bench);
    if (bench->infeasible) {
        give_all(bench);
    }
}

void cyc_bench_environment(struct cyc_bench *bench, const struct cyc_environment *environment)
{
    cyc_cell_environment(bench->cell, environment);
    look(bench);
}

void cyc_bench_advance(struct cyc_bench *bench, int64_t t_ns)
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

void cyc_bench_look(struct cyc_bench *bench, struct cyc_terminals *terminals)
{
    *terminals = (struct cyc_terminals){
        .sample = bench->sample,
        .holds_voltage = (bench->sample.flags & CYC_SAMPLE_CV) != 0,
        .cell_V = bench->sample.voltage_V,
        .cell_A = bench->sample.current_A,
    };
}

struct cyc_cell *cyc_bench_cell(struct cyc_bench *bench)
{
    return bench->cell;
}

const struct cyc_source *cyc_bench_source(const struct cyc_bench *bench)
{
    return &bench->source;
}
