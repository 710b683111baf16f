/* How long a step still takes, where that is known: a cutoff by its own time, or by a charge at the
 * present current. The voltage at which most steps end nobody can foretell. */
#include "run/live_int.h"

#include <math.h>

static double charge_Ah(const struct cyc_sums *sums, unsigned signal)
{
    return signal == CYC_SIGNAL_CHARGE_CAPACITY      ? sums->charge_Ah
           : signal == CYC_SIGNAL_DISCHARGE_CAPACITY ? sums->discharge_Ah
           : signal == CYC_SIGNAL_CAPACITY           ? sums->charge_Ah + sums->discharge_Ah
                                                     : (double)NAN;
}

/* Seconds until `signal >= value` of the step comes true; NaN: not known. */
static double seconds_to(const struct cyc_live *live, unsigned signal, double value)
{
    const struct cyc_core *core = cyc_session_core(live->session);
    const struct cyc_sample *last = cyc_core_last(core);
    if (signal == CYC_SIGNAL_TIME) {
        return value - (double)cyc_core_step_time_ns(core) / 1e9;
    }
    const double left_Ah = value - charge_Ah(cyc_core_sums(core, CYC_SCOPE_STEP), signal);
    return last != NULL && last->current_A != 0 ? 3600 * left_Ah / fabs(last->current_A)
                                                : (double)NAN;
}

static double left_s(const struct cyc_live *live, const struct cyc_step *step,
                     const struct cyc_cutoff *cutoff)
{
    const struct cyc_op *op = &step->ops[cutoff->when.first];
    const bool plain = cutoff->when.count == 3 && op[0].code == CYC_OP_SIGNAL &&
                       op[0].scope == CYC_SCOPE_STEP && op[1].code == CYC_OP_CONST &&
                       (op[2].code == CYC_OP_GE || op[2].code == CYC_OP_GT);
    if (!plain || cutoff->hold_only || cutoff->lasting_ns > 0 ||
        cutoff->action == CYC_FOLLOW_PAUSE) {
        return (double)NAN;
    }
    return seconds_to(live, op[0].signal, op[1].value);
}

int64_t cyc_live_left_ns(const struct cyc_live *live)
{
    const struct cyc_step *step = cyc_session_step(live->session);
    const enum cyc_state state = cyc_session_state(live->session);
    double least_s = NAN;
    if (step == NULL || (state != CYC_STATE_RUN && state != CYC_STATE_HOLD)) {
        return CYC_NEVER;
    }
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        least_s = fmin(least_s, left_s(live, step, &step->cutoffs[i]));
    }
    return isfinite(least_s) && least_s < 9e9 ? (int64_t)(fmax(least_s, 0) * 1e9) : CYC_NEVER;
}
