/* Charge, energy and time: what is counted, and since when.
 *
 * A step's sums begin at zero; the sums of every scope around it (test, cycle, blocks) are a base,
 * closed when a step ends, plus the running step: a cycle is exactly the sum of its steps. Charge
 * that passes between two steps, or under the setpoint of the step before, belongs to the running
 * or the coming step, so that the steps together hold all charge of the run.
 *
 * Where an instrument counts by itself (CYC_SAMPLE_EXACT) its figures are taken. Else charge is
 * the trapezoid over integer nanoseconds between two valid samples, and energy that of V * I. When
 * the current changes its sign in between, both are split at the zero of the straight line.
 *
 * When the output was switched in between and the sample says when, each current counts on its own
 * side of that moment:
 *
 *     A  |        x──── sample        so that a step has its charge to the moment of switching and
 *        |        |                   not to half a sample; behind a gap, where nothing is known
 *        | x──────┘                   of a current before, it counts from there on
 *        +-------since------> t
 */
#include "core/core_int.h"

#include <string.h>

static bool exact_is_valid(const struct cyc_sample *sample)
{
    /* Written so that NaN is not valid. */
    return sample->charge_Ah >= 0 && sample->discharge_Ah >= 0 && sample->charge_Wh >= 0 &&
           sample->discharge_Wh >= 0 &&
           sample->charge_Ah + sample->discharge_Ah + sample->charge_Wh + sample->discharge_Wh <
               (double)INFINITY;
}

void cyc_sums_pass(struct cyc_sums *sums, double net_Ah, double voltage_V)
{
    if (net_Ah > 0) {
        sums->charge_Ah += net_Ah;
        sums->charge_Wh += net_Ah * voltage_V;
    } else {
        sums->discharge_Ah -= net_Ah;
        sums->discharge_Wh -= net_Ah * voltage_V;
    }
}

/* Half a trapezoid's worth on each side; a triangle on each side of a sign change. */
static void trapezoid(const struct cyc_core *core, const struct cyc_sample *sample,
                      struct cyc_sums *passed)
{
    const double hours = (double)(sample->t_ns - core->previous_ns) / CYC_NS_PER_HOUR;
    const double from_A = core->previous_A;
    const double to_A = sample->current_A;
    double from_h = 0.5 * hours; /* weight of the earlier reading */
    double to_h = 0.5 * hours;
    if (from_A * to_A < 0) {
        const double share = from_A / (from_A - to_A);
        from_h *= share;
        to_h *= 1.0 - share;
    }
    cyc_sums_pass(passed, from_A * from_h, core->previous_V);
    cyc_sums_pass(passed, to_A * to_h, sample->voltage_V);
}

static void pass_rectangle(struct cyc_sums *passed, double voltage_V, double current_A,
                           int64_t during_ns)
{
    cyc_sums_pass(passed, current_A * ((double)during_ns / CYC_NS_PER_HOUR), voltage_V);
}

static bool was_switched(const struct cyc_core *core, const struct cyc_sample *sample)
{
    return sample->since_ns > core->previous_ns && sample->since_ns <= sample->t_ns;
}

static void switched(const struct cyc_core *core, const struct cyc_sample *sample,
                     struct cyc_sums *passed)
{
    if (core->has_previous) {
        pass_rectangle(passed, core->previous_V, core->previous_A,
                       sample->since_ns - core->previous_ns);
    }
    pass_rectangle(passed, sample->voltage_V, sample->current_A, sample->t_ns - sample->since_ns);
}

static struct cyc_sums sum_of(const struct cyc_sums *a, const struct cyc_sums *b)
{
    return (struct cyc_sums){a->charge_Ah + b->charge_Ah, a->discharge_Ah + b->discharge_Ah,
                             a->charge_Wh + b->charge_Wh, a->discharge_Wh + b->discharge_Wh};
}

static void pass(struct cyc_core *core, const struct cyc_sums *passed)
{
    const struct cyc_sums step = sum_of(&core->total[CYC_SCOPE_STEP], passed);
    core->total[CYC_SCOPE_STEP] = step;
    const unsigned scopes = CYC_SCOPE_BLOCK + (unsigned)core->block_depth;
    for (unsigned scope = CYC_SCOPE_TEST; scope < scopes; scope++) {
        core->total[scope] = sum_of(&core->base[scope], &step);
    }
}

void cyc_core_account(struct cyc_core *core, const struct cyc_sample *sample)
{
    const bool valid = isfinite(sample->voltage_V) && isfinite(sample->current_A);
    struct cyc_sums passed = {0};
    if ((sample->flags & CYC_SAMPLE_EXACT) != 0 && exact_is_valid(sample)) {
        passed.charge_Ah = sample->charge_Ah;
        passed.discharge_Ah = sample->discharge_Ah;
        passed.charge_Wh = sample->charge_Wh;
        passed.discharge_Wh = sample->discharge_Wh;
    } else if (valid && was_switched(core, sample)) {
        switched(core, sample, &passed);
        core->exact = false;
    } else if (valid && core->has_previous && sample->t_ns > core->previous_ns) {
        trapezoid(core, sample, &passed);
        core->exact = false;
    }
    if (passed.charge_Ah > 0 || passed.discharge_Ah > 0) {
        pass(core, &passed);
    }
    /* A count that is not a number is made good by the trapezoid; the charge of an invalid reading
     * by the trapezoid from the last valid one to the next. */
    if (valid && (!core->has_previous || sample->t_ns >= core->previous_ns)) {
        core->has_previous = true;
        core->previous_ns = sample->t_ns;
        core->previous_V = sample->voltage_V;
        core->previous_A = sample->current_A;
    }
}

void cyc_core_account_gap(struct cyc_core *core, const struct cyc_sums *passed)
{
    core->has_previous = false;
    core->previous_ns = core->now_ns; /* what was switched before belongs to the gap */
    if (passed->charge_Ah > 0 || passed->discharge_Ah > 0) {
        pass(core, passed);
        core->exact = false;
        core->estimated = true;
    }
}

void cyc_core_scope_reset(struct cyc_core *core, uint32_t scopes, int64_t t_ns)
{
    for (unsigned scope = CYC_SCOPE_TEST; scope < CYC_SCOPES_MAX; scope++) {
        if ((scopes & (1u << scope)) != 0) {
            core->base[scope] = (struct cyc_sums){0};
            core->scope_start_ns[scope] = t_ns;
        }
        core->total[scope] = sum_of(&core->base[scope], &core->total[CYC_SCOPE_STEP]);
    }
}

void cyc_core_close_sums(struct cyc_core *core)
{
    for (unsigned scope = CYC_SCOPE_TEST; scope < CYC_SCOPES_MAX; scope++) {
        core->base[scope] = sum_of(&core->base[scope], &core->total[CYC_SCOPE_STEP]);
        core->total[scope] = core->base[scope];
    }
    core->total[CYC_SCOPE_STEP] = (struct cyc_sums){0};
}

const struct cyc_sums *cyc_core_sums(const struct cyc_core *core, unsigned scope)
{
    return &core->total[scope < CYC_SCOPES_MAX ? scope : CYC_SCOPE_STEP];
}
