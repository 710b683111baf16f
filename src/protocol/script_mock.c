/* The mock that a Lua protocol is checked against. It ends each step at its first cutoff: a voltage
 * cutoff after the charge that the cell can hold, a time or charge cutoff where it says. Nothing is
 * simulated; equal steps give equal results, so loops that wait for convergence end.
 */
#include "protocol/preview.h"
#include "protocol/script_int.h"

#include <math.h>
#include <string.h>

enum { VISITS_MAX = 4096 };

struct guess {
    double capacity_Ah, current_A, voltage_V, time_s;
};

static double finite_or(double value, double fallback)
{
    return isfinite(value) ? value : fallback;
}

/* What a step would do if nothing ended it early. */
static struct guess guess_step(const struct cyc_script_source *source, const struct cyc_step *step)
{
    double capacity_Ah = source->build.capacity_Ah;
    capacity_Ah = isfinite(capacity_Ah) && capacity_Ah > 0.0 ? capacity_Ah : 1.0;
    struct guess guess = {0.0, 0.0, 3.5, 3600.0};
    if (step == NULL || step->segment_count == 0) {
        return guess;
    }
    const struct cyc_segment *const segment = &step->segments[0];
    guess.voltage_V = finite_or(source->history.present_V, 3.5);
    if (segment->control == CYC_CONTROL_CURRENT) {
        guess.current_A = segment->value;
    } else if (segment->control == CYC_CONTROL_POWER) {
        guess.current_A = segment->value / 3.5;
    } else if (segment->control == CYC_CONTROL_LOAD) {
        guess.current_A = -3.5 / segment->value;
    } else if (segment->control == CYC_CONTROL_VOLTAGE) {
        guess.voltage_V = segment->value;
    }
    guess.voltage_V = finite_or(step->hold_V, guess.voltage_V);
    guess.capacity_Ah = guess.current_A != 0.0 ? capacity_Ah : 0.0;
    guess.time_s =
        guess.current_A != 0.0 ? capacity_Ah / fabs(guess.current_A) * 3600.0 : 3600.0;
    return guess;
}

/* `signal [abs] constant comparison` → its bound. */
static bool simple_bound(const struct cyc_step *step, const struct cyc_condition *when,
                         struct cyc_op *signal, double *bound)
{
    const struct cyc_op *const ops = &step->ops[when->first];
    const unsigned count = when->count;
    if (count < 3 || count > 4 || ops[0].code != CYC_OP_SIGNAL ||
        ops[count - 2].code != CYC_OP_CONST) {
        return false;
    }
    *signal = ops[0];
    *bound = ops[count - 2].value;
    return true;
}

static void apply_cutoff(const struct cyc_step *step, const struct cyc_cutoff *cutoff,
                         struct guess *guess)
{
    struct cyc_op signal;
    double bound;
    if (!simple_bound(step, &cutoff->when, &signal, &bound)) {
        return;
    }
    if (signal.signal == CYC_SIGNAL_VOLTAGE) {
        guess->voltage_V = bound;
    } else if (signal.signal == CYC_SIGNAL_TIME && signal.scope == CYC_SCOPE_STEP) {
        guess->capacity_Ah *= guess->time_s > 0.0 ? fmin(bound / guess->time_s, 1.0) : 0.0;
        guess->time_s = bound;
    } else if (signal.signal >= CYC_SIGNAL_CHARGE_CAPACITY &&
               signal.signal <= CYC_SIGNAL_CAPACITY && signal.scope == CYC_SCOPE_STEP) {
        guess->time_s *= guess->capacity_Ah > 0.0 ? fabs(bound) / guess->capacity_Ah : 1.0;
        guess->capacity_Ah = fabs(bound);
    }
}

/* The first cutoff that ends the step and hands on to the next one, else the first of all. */
static int first_cutoff(const struct cyc_step *step)
{
    for (int i = 0; i < step->cutoff_count; i++) {
        if (step->cutoffs[i].action == CYC_FOLLOW_NEXT) {
            return i;
        }
    }
    return -1;
}

void cyc_script_mock(const struct cyc_script_source *source, const struct cyc_step *step,
                     struct cyc_result *result)
{
    struct guess guess = guess_step(source, step);
    const int chosen = step != NULL ? first_cutoff(step) : -1;
    memset(result, 0, sizeof *result);
    result->reason = CYC_REASON_PROFILE;
    result->cutoff = (int16_t)chosen;
    result->action = CYC_FOLLOW_NEXT;
    if (chosen >= 0) {
        const struct cyc_cutoff *const cutoff = &step->cutoffs[chosen];
        apply_cutoff(step, cutoff, &guess);
        result->reason = cutoff->reason;
        result->tag = cutoff->tag;
    }
    const double energy_Wh = guess.capacity_Ah * fabs(guess.voltage_V);
    if (guess.current_A >= 0.0) {
        result->sums.charge_Ah = guess.capacity_Ah;
        result->sums.charge_Wh = energy_Wh;
    } else {
        result->sums.discharge_Ah = guess.capacity_Ah;
        result->sums.discharge_Wh = energy_Wh;
    }
    result->cc_capacity_Ah = guess.capacity_Ah;
    result->start_ns = source->history.now_ns;
    result->step_time_ns = (int64_t)(fmin(guess.time_s, 1e8) * 1e9);
    result->end_ns = result->start_ns + result->step_time_ns;
    result->start_voltage_V = finite_or(source->history.present_V, 3.5);
    result->voltage_V = guess.voltage_V;
    result->current_A = guess.current_A;
    result->peak_V = fmax(result->start_voltage_V, guess.voltage_V);
    result->temperature_degC = finite_or(source->history.present_degC, 25.0);
    result->ambient_degC = result->temperature_degC;
    result->pressure_Pa = NAN;
    if (step == NULL) {
        return;
    }
    result->temperature_degC =
        finite_or(step->environment.temperature_degC, result->temperature_degC);
    const unsigned count = step->segment_count * (step->resistance_at_count > 0 ?
                                                      step->resistance_at_count : 1u);
    for (unsigned i = 0; step->mode == CYC_MODE_PULSE && i < count && i < CYC_RESISTANCES_MAX;
         i++) {
        result->resistances_ohm[result->resistance_count++] = 0.01;
    }
}

/* ---- Looking at the path ------------------------------------------------------------------------- */

const struct cyc_step_plan *cyc_script_step(const struct cyc_script_source *source,
                                            const struct cyc_resolver **resolver)
{
    *resolver = &source->resolver;
    return source->inner != NULL ? cyc_list_source_step(source->inner, resolver) : source->plan;
}

static void show(const struct cyc_script_source *source, const struct cyc_plan_visitor *visitor)
{
    const struct cyc_resolver *resolver = NULL;
    const struct cyc_step_plan *const written = cyc_script_step(source, &resolver);
    if (written != NULL) {
        const struct cyc_plan_step plan = {.node = {.kind = written->kind}, .step = *written};
        visitor->step(visitor->context, &plan, resolver);
    }
}

int cyc_script_visit(const struct cyc_protocol *protocol, const struct cyc_plan_visitor *visitor,
                     struct cyc_err *err)
{
    struct cyc_source *source = NULL;
    struct cyc_result result;
    const struct cyc_result *known = NULL;
    bool seen[VISITS_MAX] = {false};
    int status = cyc_script_source_open(protocol, &source, err);
    struct cyc_script_source *const script = (struct cyc_script_source *)(void *)source;
    for (uint32_t steps = 0; status == CYC_OK && steps < protocol->script->path_steps;) {
        struct cyc_item item;
        status = cyc_source_next(source, known, &item, err);
        known = NULL;
        if (status != CYC_OK || item.kind == CYC_ITEM_END) {
            break;
        }
        if (item.kind == CYC_ITEM_STEP) {
            if (item.step->id < VISITS_MAX && !seen[item.step->id]) {
                seen[item.step->id] = true;
                show(script, visitor);
            }
            cyc_script_mock(script, item.step, &result);
            known = &result;
            steps++;
        }
    }
    cyc_source_close(source);
    return status;
}
