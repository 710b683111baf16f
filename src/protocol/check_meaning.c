/* One step against itself: can its cutoffs end it, and do its setpoint and cutoffs lie inside the
 * limits? A comparison that the step's own setpoint satisfies, or can never satisfy, is an error,
 * as is a setpoint beyond a limit; a cutoff that a limit or the step's bound forestalls is a
 * warning.
 */
#include "protocol/check_int.h"
#include "protocol/describe.h"

/* ---- Setpoints and limits
 * ------------------------------------------------------------------------ */

static void refuse_setpoint(const struct cyc_check_view *view, unsigned limit, const char *what,
                            double value)
{
    const struct cyc_limit *const bound = &view->step->limits[limit];
    char text[CYC_CHECK_TEXT];
    struct cyc_diag *const diag =
        cyc_diags_add(view->checker->diags, CYC_SEVERITY_ERROR, view->plan->pos,
                      "%s of %s lies outside limits.%s", what,
                      cyc_check_value(text, bound->signal, value), cyc_signal_name(bound->signal));
    diag->hint =
        "the run would end in a breach; change the setpoint or, if the cell allows it, the "
        "limit";
    diag->related = view->resolver->limit_pos[limit];
    diag->related_text = "the limit is set here";
}

static bool outside(const struct cyc_limit *limit, double value)
{
    return value < limit->low || value > limit->high; /* false with NaN */
}

static void check_segment(const struct cyc_check_view *view, unsigned limit,
                          const struct cyc_segment *part)
{
    const struct cyc_limit *const bound = &view->step->limits[limit];
    const bool current =
        part->control == CYC_CONTROL_CURRENT && bound->signal == CYC_SIGNAL_CURRENT;
    const bool power = part->control == CYC_CONTROL_POWER && bound->signal == CYC_SIGNAL_POWER;
    const bool voltage =
        part->control == CYC_CONTROL_VOLTAGE && bound->signal == CYC_SIGNAL_VOLTAGE;
    const bool sweep = voltage && part->slope_per_s != 0.0;
    const double value =
        sweep ? part->value + part->slope_per_s * (double)part->duration_ns / 1e9 : part->value;
    if ((current || power || voltage) && outside(bound, value)) {
        refuse_setpoint(view, limit,
                        current ? "a current"
                        : power ? "a power"
                                : "a voltage",
                        value);
    }
}

static void check_setpoints(const struct cyc_check_view *view)
{
    const struct cyc_step *const step = view->step;
    for (unsigned i = 0; i < step->limit_count; i++) {
        const unsigned before = view->checker->diags->error_count;
        for (uint32_t k = 0; k < step->segment_count && view->checker->diags->error_count == before;
             k++) {
            check_segment(view, i, &step->segments[k]);
        }
        const uint8_t signal = step->limits[i].signal;
        const bool driven = step->mode == CYC_MODE_SWEEP || step->mode == CYC_MODE_CV;
        if (signal == CYC_SIGNAL_CURRENT && driven && isfinite(step->current_max_A) &&
            outside(&step->limits[i], step->current_max_A)) {
            refuse_setpoint(view, i, "a current", step->current_max_A);
        }
        if (signal == CYC_SIGNAL_VOLTAGE && outside(&step->limits[i], step->hold_V)) {
            refuse_setpoint(view, i, "a hold", step->hold_V);
        }
        if (signal == CYC_SIGNAL_TEMPERATURE &&
            outside(&step->limits[i], step->environment.temperature_degC)) {
            refuse_setpoint(view, i, "a temperature", step->environment.temperature_degC);
        }
        if (signal == CYC_SIGNAL_PRESSURE &&
            outside(&step->limits[i], step->environment.pressure_Pa)) {
            refuse_setpoint(view, i, "a pressure", step->environment.pressure_Pa);
        }
    }
}

/* ---- Cutoffs and limits
 * -------------------------------------------------------------------------- */

static void check_cutoff_limits(const struct cyc_check_view *view, unsigned cutoff,
                                const struct cyc_check_atom *atom)
{
    const struct cyc_step *const step = view->step;
    for (unsigned i = 0; i < step->limit_count; i++) {
        const struct cyc_limit *const bound = &step->limits[i];
        if (bound->signal != atom->signal || !outside(bound, atom->value) ||
            (atom->signal == CYC_SIGNAL_AUX && bound->index != atom->index)) {
            continue;
        }
        char text[CYC_CHECK_TEXT];
        enum cyc_kind kind = CYC_KIND_NUMBER;
        const char *const name =
            cyc_describe_signal(view->resolver->sensors, atom->signal, atom->index, &kind);
        struct cyc_diag *const diag = cyc_diags_add(
            view->checker->diags, CYC_SEVERITY_WARNING, cyc_check_cutoff_pos(view, cutoff),
            "a cutoff at %s lies outside limits.%s",
            cyc_quantity_text(text, sizeof text, atom->value, kind), name);
        diag->hint = "the limit would end the run before the cutoff ends the step";
        diag->related = view->resolver->limit_pos[i];
        diag->related_text = "the limit is set here";
        return;
    }
}

/* ---- Cutoffs and the step's own setpoint
 * ----------------------------------------------------------- */

enum verdict { OPEN, MET, NEVER };

static enum verdict of_magnitude(const struct cyc_check_atom *atom)
{
    if (!atom->magnitude || atom->value >= 0.0) {
        return OPEN;
    }
    return cyc_check_upward(atom) ? MET : NEVER;
}

static enum verdict of_constant(const struct cyc_check_atom *atom, double value)
{
    return cyc_check_holds(atom, value) ? MET : NEVER;
}

static enum verdict of_sum(const struct cyc_check_atom *atom, const struct cyc_check_view *view)
{
    const struct cyc_step *const step = view->step;
    const bool charge =
        atom->signal == CYC_SIGNAL_CHARGE_CAPACITY || atom->signal == CYC_SIGNAL_CHARGE_ENERGY;
    const bool discharge = atom->signal == CYC_SIGNAL_DISCHARGE_CAPACITY ||
                           atom->signal == CYC_SIGNAL_DISCHARGE_ENERGY;
    const bool timed = atom->signal == CYC_SIGNAL_TIME || atom->signal == CYC_SIGNAL_HOLD_TIME;
    const bool one_way =
        view->plan->kind == CYC_STEP_CHARGE || view->plan->kind == CYC_STEP_DISCHARGE;
    const bool open = step->mode == CYC_MODE_REST || step->mode == CYC_MODE_TEMPERATURE ||
                      step->mode == CYC_MODE_PRESSURE || step->mode == CYC_MODE_ASK;
    if (cyc_check_holds(atom, 0.0)) {
        return MET; /* a sum begins at zero */
    }
    if (cyc_check_upward(atom) && ((one_way && step->charging && discharge) ||
                                   (one_way && !step->charging && charge) || (open && !timed))) {
        return NEVER;
    }
    return OPEN;
}

static enum verdict of_current(const struct cyc_check_atom *atom, const struct cyc_step *step,
                               bool hold_only)
{
    const double set_A = step->segment_count > 0 ? step->segments[0].value : 0.0;
    switch (step->mode) {
    case CYC_MODE_REST:
    case CYC_MODE_TEMPERATURE:
    case CYC_MODE_PRESSURE:
    case CYC_MODE_ASK:
        return of_constant(atom, 0.0);
    case CYC_MODE_CC:
        return of_constant(atom, set_A);
    case CYC_MODE_CCCV: /* the current goes from the setpoint towards zero */
        if (hold_only) {
            return OPEN;
        }
        if (cyc_check_holds(atom, set_A)) {
            return MET;
        }
        return cyc_check_holds(atom, 0.0) ? OPEN : NEVER;
    case CYC_MODE_CV:
    case CYC_MODE_CP:
    case CYC_MODE_CPCV:
    case CYC_MODE_CR:
    case CYC_MODE_SWEEP:
    case CYC_MODE_PROFILE:
    case CYC_MODE_PULSE:
    case CYC_MODE_IMPEDANCE:
        return OPEN;
    }
    return OPEN;
}

static enum verdict of_voltage(const struct cyc_check_atom *atom, const struct cyc_step *step)
{
    const bool held = step->mode == CYC_MODE_CCCV || step->mode == CYC_MODE_CPCV;
    if (step->mode == CYC_MODE_CV) {
        return of_constant(atom, step->segments[0].value);
    }
    if (held && (step->charging ? cyc_check_upward(atom) : cyc_check_downward(atom))) {
        return of_constant(atom, step->hold_V); /* the hold is as far as the voltage goes */
    }
    return OPEN;
}

static enum verdict judge(const struct cyc_check_view *view, const struct cyc_check_atom *atom,
                          bool hold_only)
{
    if (of_magnitude(atom) != OPEN) {
        return of_magnitude(atom);
    }
    if (atom->signal == CYC_SIGNAL_CURRENT) {
        return of_current(atom, view->step, hold_only);
    }
    if (atom->signal == CYC_SIGNAL_VOLTAGE) {
        return of_voltage(atom, view->step);
    }
    return cyc_check_is_step_sum(atom) ? of_sum(atom, view) : OPEN;
}

static void check_own_setpoint(const struct cyc_check_view *view, unsigned cutoff,
                               const struct cyc_check_atom *atom)
{
    const enum verdict verdict = judge(view, atom, view->step->cutoffs[cutoff].hold_only);
    if (verdict == OPEN) {
        return;
    }
    struct cyc_diag *const diag = cyc_diags_add(
        view->checker->diags, CYC_SEVERITY_ERROR, cyc_check_cutoff_pos(view, cutoff),
        verdict == MET ? "the step's own setpoint meets this cutoff from the start"
                       : "this cutoff can never be met under the step's own setpoint");
    diag->hint = verdict == MET ? "it would end at once; is the comparison the right way round?"
                                : "remove it, or check its quantity, sign and unit";
    diag->related = view->plan->pos;
    diag->related_text = "the step begins here";
}

/* The voltage rises on charge and falls on discharge; the other way is no end of the step, though
 * it can be a reason to fail, stop or pause. */
static void check_direction(const struct cyc_check_view *view, unsigned cutoff,
                            const struct cyc_check_atom *atom)
{
    const struct cyc_step *const step = view->step;
    const bool drives =
        view->plan->kind == CYC_STEP_CHARGE || view->plan->kind == CYC_STEP_DISCHARGE;
    const enum cyc_follow_up action = step->cutoffs[cutoff].action;
    const bool wrong = step->charging ? cyc_check_downward(atom) : cyc_check_upward(atom);
    if (!drives || !wrong || atom->signal != CYC_SIGNAL_VOLTAGE || action == CYC_FOLLOW_FAIL ||
        action == CYC_FOLLOW_STOP || action == CYC_FOLLOW_PAUSE ||
        step->cutoffs[cutoff].after_ns > 0) {
        return;
    }
    struct cyc_diag *const diag =
        cyc_diags_add(view->checker->diags, CYC_SEVERITY_ERROR, cyc_check_cutoff_pos(view, cutoff),
                      "the voltage %s during a %s: this cutoff has the impossible direction",
                      step->charging ? "rises" : "falls", step->charging ? "charge" : "discharge");
    diag->hint = step->charging ? "write `voltage >= …`, or `action: fail` if it guards the cell"
                                : "write `voltage <= …`, or `action: fail` if it guards the cell";
}

/* At rest a slope only gets smaller; and a condition that holds nearly everywhere inside the limits
 * ends whatever it is asked of. */
static void check_trivial(const struct cyc_check_view *view, unsigned cutoff,
                          const struct cyc_check_atom *atom)
{
    const struct cyc_step *const step = view->step;
    const int edge = atom->signal == CYC_SIGNAL_VOLTAGE ? cyc_check_edge(step, atom->value) : 0;
    const bool judged = view->resolver->owners[cutoff] < 0 &&
                        view->plan->kind <= CYC_STEP_DISCHARGE &&
                        step->cutoffs[cutoff].action != CYC_FOLLOW_FAIL; /* as the step's end */
    const bool everywhere =
        !judged && ((edge < 0 && cyc_check_upward(atom)) || (edge > 0 && cyc_check_downward(atom)));
    const bool slope = atom->signal == CYC_SIGNAL_SLOPE && cyc_check_upward(atom) &&
                       (step->mode == CYC_MODE_REST || step->mode == CYC_MODE_CV);
    if (everywhere || slope) {
        cyc_diags_add(
            view->checker->diags, CYC_SEVERITY_WARNING, cyc_check_cutoff_pos(view, cutoff),
            slope ? "a cell at rest or in a hold changes ever more slowly: this ends it at once"
                  : "this holds at nearly every voltage inside the limits")
            ->hint = "is the comparison the right way round?";
    }
}

/* A pause whose resume condition already holds when it begins is none. */
static void check_pause(const struct cyc_check_view *view, unsigned cutoff,
                        const struct cyc_check_atom *when)
{
    const struct cyc_step *const step = view->step;
    struct cyc_check_atom resume;
    if (step->cutoffs[cutoff].action != CYC_FOLLOW_PAUSE ||
        !cyc_check_only_atom(step, &step->cutoffs[cutoff].resume, &resume) ||
        resume.signal != when->signal || resume.magnitude != when->magnitude) {
        return;
    }
    const bool same_way = cyc_check_upward(when) == cyc_check_upward(&resume);
    const bool apart =
        cyc_check_upward(when) ? resume.value <= when->value : resume.value >= when->value;
    if (same_way || !apart) {
        cyc_diags_add(view->checker->diags, CYC_SEVERITY_WARNING,
                      cyc_check_cutoff_pos(view, cutoff),
                      "this pause may resume at once: `resume` and `when` can hold together")
            ->hint = "for example, when: temperature > 45 degC, resume: temperature < 30 degC";
    }
}

/* ---- Cutoffs and the step's bound
 * ------------------------------------------------------------------ */

/* The step time at which a cutoff is met at the latest, s; NaN: not known. */
static double time_to(const struct cyc_step *step, const struct cyc_check_atom *atom)
{
    const double current_A = cyc_check_current_A(step);
    if (atom->scope != CYC_SCOPE_STEP || !cyc_check_upward(atom)) {
        return NAN;
    }
    if (atom->signal == CYC_SIGNAL_TIME || atom->signal == CYC_SIGNAL_HOLD_TIME) {
        return atom->value;
    }
    const bool charge = atom->signal == CYC_SIGNAL_CAPACITY ||
                        atom->signal == CYC_SIGNAL_CHARGE_CAPACITY ||
                        atom->signal == CYC_SIGNAL_DISCHARGE_CAPACITY;
    return charge ? atom->value / current_A * 3600.0 : NAN;
}

static void check_bound(const struct cyc_check_view *view, unsigned cutoff,
                        const struct cyc_check_atom *atom)
{
    const struct cyc_step *const step = view->step;
    const double bound_s =
        step->timeout_ns == CYC_NEVER ? INFINITY : (double)step->timeout_ns / 1e9;
    if (!(time_to(step, atom) > bound_s)) {
        return;
    }
    char when[CYC_CHECK_TEXT];
    char bound[CYC_CHECK_TEXT];
    struct cyc_diag *const diag = cyc_diags_add(
        view->checker->diags, CYC_SEVERITY_WARNING, cyc_check_cutoff_pos(view, cutoff),
        "this cutoff needs at least %s, but the step's %s of %s comes first",
        cyc_check_value(when, CYC_SIGNAL_TIME, time_to(step, atom)),
        step->timeout_derived ? "derived bound" : "timeout",
        cyc_check_value(bound, CYC_SIGNAL_TIME, bound_s));
    diag->hint =
        step->timeout_derived
            ? "reaching the bound is a fault; state `timeout` if it is meant to take so long"
            : "reaching the timeout is a fault; lengthen it or shorten the cutoff";
}

/* A slope that is known only after the step's bound. */
static void check_slopes(const struct cyc_check_view *view)
{
    const struct cyc_step *const step = view->step;
    int64_t end_ns = step->timeout_ns;
    struct cyc_check_atom atom;
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        if (cyc_check_only_atom(step, &step->cutoffs[i].when, &atom) &&
            atom.signal == CYC_SIGNAL_TIME && atom.scope == CYC_SCOPE_STEP &&
            fabs(atom.value) < 9e9) {
            const int64_t time_ns = (int64_t)(atom.value * 1e9);
            end_ns = time_ns < end_ns ? time_ns : end_ns;
        }
    }
    for (unsigned i = 0; i < step->slope_count; i++) {
        if (step->slopes[i].window_ns >= end_ns) {
            cyc_diags_add(view->checker->diags, CYC_SEVERITY_WARNING, view->plan->pos,
                          "a slope in this step's conditions is too small to be seen before the "
                          "step ends otherwise")
                ->hint = "ask for a larger slope; the resolution of the instrument counts";
        }
    }
}

static bool reads_voltage(const struct cyc_step *step)
{
    bool reads = false;
    for (unsigned i = 0; i < step->op_count; i++) {
        reads = reads ||
                (step->ops[i].code == CYC_OP_SIGNAL && (step->ops[i].signal == CYC_SIGNAL_VOLTAGE ||
                                                        step->ops[i].signal == CYC_SIGNAL_PEAK));
    }
    return reads;
}

/* A step that drives current and that nothing but a limit or a block ends. */
static void check_ends(const struct cyc_check_view *view)
{
    const struct cyc_step *const step = view->step;
    const bool drives =
        view->plan->kind == CYC_STEP_CHARGE || view->plan->kind == CYC_STEP_DISCHARGE;
    const bool unheld = (drives || step->mode == CYC_MODE_PROFILE) && isnan(step->hold_V);
    if (view->resolver->unknown_cutoffs > 0) {
        return;
    }
    if (step->cutoff_count == 0 && step->timeout_derived) {
        cyc_diags_add(view->checker->diags, CYC_SEVERITY_WARNING, view->plan->pos,
                      "this step can only end by its derived bound, which is a fault")
            ->hint = "add a cutoff";
        return;
    }
    if (drives && view->plan->cutoff_count == 0) {
        cyc_diags_add(view->checker->diags, CYC_SEVERITY_WARNING, view->plan->pos,
                      "this step has no cutoff of its own: only those around it end it")
            ->hint = "for example, cutoff: 30 min";
    } else if (unheld && !reads_voltage(step)) {
        cyc_diags_add(
            view->checker->diags, CYC_SEVERITY_WARNING, view->plan->pos,
            "no cutoff looks at the voltage here: a full or empty cell ends in a breach of "
            "limits.voltage")
            ->hint =
            "add a cutoff, for example voltage <= 2.5 V, to the step or the block around it";
    }
}

static void check_soak(const struct cyc_check_view *view)
{
    const struct cyc_step *const step = view->step;
    const bool waits = step->mode == CYC_MODE_TEMPERATURE || step->mode == CYC_MODE_PRESSURE;
    for (unsigned i = 0; waits && i < step->cutoff_count; i++) {
        if (view->resolver->owners[i] < 0 && step->cutoffs[i].lasting_ns >= step->timeout_ns) {
            struct cyc_diag *const diag =
                cyc_diags_add(view->checker->diags, CYC_SEVERITY_WARNING, view->plan->pos,
                              "the soak takes as long as the step's timeout or longer");
            diag->hint = "reaching the timeout is a fault; `timeout` includes the way and the soak";
        }
    }
}

/* ---- All of them
 * ------------------------------------------------------------------------------------ */

void cyc_check_meaning(const struct cyc_check_view *view)
{
    const struct cyc_step *const step = view->step;
    struct cyc_check_atom atom;
    check_setpoints(view);
    check_soak(view);
    check_slopes(view);
    check_ends(view);
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        const bool own = view->resolver->owners[i] < 0;
        unsigned at = step->cutoffs[i].when.first;
        while (cyc_check_next_atom(step, &step->cutoffs[i].when, &at, &atom)) {
            check_cutoff_limits(view, i, &atom);
            check_trivial(view, i, &atom);
        }
        if (cyc_check_only_atom(step, &step->cutoffs[i].when, &atom)) {
            check_pause(view, i, &atom);
        }
        if (own && cyc_check_only_atom(step, &step->cutoffs[i].when, &atom)) {
            const bool written = view->resolver->cutoffs[i] != NULL;
            if (written) {
                check_own_setpoint(view, i, &atom);
                check_direction(view, i, &atom);
            }
            check_bound(view, i, &atom);
        }
    }
}
