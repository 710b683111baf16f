/* Does what is measured fit what is asked?
 *
 * The limits keep a cell whose voltage is measured. Here is what the limits cannot see: that the
 * voltage is not the cell's, that the current does not flow, or that a number has lost its unit.
 * Every check compares things that physics ties together, with bounds so wide that a sound cell
 * does not reach them, however odd its chemistry:
 *
 *   I_1C  the nominal capacity in one hour          W  the span of the protocol's voltage limits
 *
 *   the current follows  under CURRENT, POWER and LOAD: within 2 % and three times the accuracy,
 *                        but for the hold of a CC-CV step that the instrument begins by itself
 *   no current at rest   1 % of the last current, three times the accuracy
 *   a step of current    moves the voltage at once by R * dI. R is at most W/2 per I_1C: no cell
 *   (set-in)             works that loses half its window at 1C, and an open circuit loses more at
 *                        any current (W/20 beside, for what it wins back at the end of a
 *                        discharge). R is at least W/500 per I_1C: a good cell has ten times that,
 *                        and one that has less shows the charge that passes, half of W per
 *                        capacity. Beyond the upper bound the contact is at fault; below the lower
 *                        the voltage is somebody else's (sense) or frozen (flat line); against the
 *                        sign of dI the poles are (wrong way). Relaxation goes on beneath: the
 *                        voltage is compared with where it was heading
 *   contact              a voltage that jumps under one setpoint by more than dV/dI allows for 2 %
 *                        of the current: three times in 30 s. One alone may be a change of range
 *   flat line            the same number to the last bit while 1 % of the capacity passed: a window
 *                        that is passed through in 100 % moves W/20 per capacity even on a plateau;
 *                        more charge where the resolution is coarse
 *   charge               1.5 times the nominal capacity in one step, net: a first charge with 75 %
 *                        coulombic efficiency and a tenth more than nominal needs 1.3
 *   scale                a current or voltage that fits after a shift of the decimal point by 1, 3
 *                        or 6; half the window passed through with 6 % of the capacity
 *   polarity, no cell    the sign of the voltage, and a voltage near zero, where the limits say
 *                        that cells have more. Also before the first setpoint
 *
 * An alarm needs two or three samples in a row, since a change of range gives a single wrong one,
 * and one second, since instruments settle. Checks of jumps need samples at most 2 s apart: dry
 * runs and long polls are judged by what they can show, or not at all.
 *
 * What cannot be told: a sense lead that touches its force lead (a resistance like any other); a
 * frozen or a neighbour's voltage at currents whose R * dI is below the resolution, until charge
 * has moved it; temperatures and pressures that stand still, because good ones do; a mass that is
 * wrong by less than ten; an empty holder that floats within the window, until current is asked.
 *
 * Nothing here knows protocols but by the present step: its mode, and the voltage of its hold.
 */
#include "run/plausible.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SETTLE_NS        (1500 * CYC_MS_NS) /* of a setpoint, before its current is judged */
#define CLOSE_NS         (2 * CYC_S_NS)     /* samples that tell a jump */
#define SET_IN_NS        (10 * CYC_S_NS)    /* how long a step of current is looked at */
#define BEFORE_NS        (15 * CYC_S_NS)    /* how old the sample before it may be */
#define JUMPS_NS         (30 * CYC_S_NS)
#define JUMPS_MAX        3
#define BAD_MAX          3   /* samples in a row */
#define R_CHARGE         0.5 /* of W per capacity: what even a cell without resistance shows */
#define R_MOST           0.5 /* of W, at I_1C */
#define R_LEAST          0.002
#define JUMP_FLOOR       0.05 /* of W: what a cell wins back in 3 s at the end of a discharge */
#define STEP_CHARGE      1.5  /* of the nominal capacity */
#define OPEN_FAR         0.1  /* of W */
#define SCALE_TRAVEL     0.5  /* of W */
#define SCALE_CHARGE     0.06
#define CURRENT_FRACTION 0.02
#define HOLD_V           0.020

struct before { /* the last sample under the setpoint before */
    bool known;
    double voltage_V, current_A;
    double slope_V_per_s;
    int64_t t_ns;
};

struct cyc_plausible {
    struct cyc_plausible_facts facts;
    double low_V, high_V;     /* of the protocol's limits; NaN: not known */
    double window_V, one_c_A; /* NaN: not known */
    enum cyc_mode mode;
    double hold_V;
    uint32_t raised; /* bit per alarm, in this step */

    struct cyc_setpoint setpoint; /* number 0: none yet */
    int64_t setpoint_ns;
    struct before before;
    bool set_in_judged;
    double last_current_A; /* the latest that was asked for; for the bound at rest */

    struct cyc_sample last; /* the latest valid one */
    double
        flowing_V; /* the latest under which the current flowed, or the one before the setpoint */
    int64_t flowing_ns;
    bool any;
    bool sane;            /* a voltage that cells can have was seen: the decimal point stands */
    double slope_V_per_s; /* between the latest two */
    double jump_V;        /* the usual difference of two samples under this setpoint */
    unsigned count;       /* samples under this setpoint */

    unsigned bad_current, bad_rest, bad_polarity, bad_cell, bad_set_in, bad_way, bad_open,
        bad_scale, bad_travel, still, gone;
    unsigned jump_count;
    int64_t jump_ns;
    double step_Ah; /* net, since the step began */
    double flat_Ah; /* passed, in either direction, since the voltage last changed */
    unsigned flat_count;
    double travel_V,
        travel_Ah; /* where the setpoint's own change of voltage began; net charge since */
    bool travel_known;
};

static const char *const names[CYC_ALARM_COUNT] = {
    [CYC_ALARM_NONE] = "none",
    [CYC_ALARM_CURRENT_DEVIATES] = "current_deviates",
    [CYC_ALARM_CURRENT_AT_REST] = "current_at_rest",
    [CYC_ALARM_WRONG_WAY] = "wrong_way",
    [CYC_ALARM_CONTACT] = "contact",
    [CYC_ALARM_POLARITY] = "polarity",
    [CYC_ALARM_NO_CELL] = "no_cell",
    [CYC_ALARM_SENSE] = "sense",
    [CYC_ALARM_FLAT_LINE] = "flat_line",
    [CYC_ALARM_CHARGE] = "charge",
    [CYC_ALARM_SCALE] = "scale",
};

const char *cyc_alarm_name(enum cyc_alarm alarm)
{
    return (unsigned)alarm < CYC_ALARM_COUNT ? names[alarm] : "unknown";
}

unsigned long cyc_plausible_size(void)
{
    return sizeof(struct cyc_plausible);
}

static void take_window(struct cyc_plausible *plausible, double low_V, double high_V)
{
    plausible->low_V = low_V;
    plausible->high_V = high_V;
    plausible->window_V = high_V - low_V;
}

void cyc_plausible_init(struct cyc_plausible *plausible, const struct cyc_plausible_facts *facts)
{
    memset(plausible, 0, sizeof *plausible);
    plausible->facts = *facts;
    take_window(plausible, facts->voltage_min_V, facts->voltage_max_V);
    plausible->one_c_A = facts->nominal_capacity_Ah; /* in one hour */
    plausible->hold_V = (double)NAN;
}

/* ---- What is asked ----------------------------------------------------------------------------
 */

/* A step carries the limits it runs under; the protocol's are the window of its cells. */
static void learn_window(struct cyc_plausible *plausible, const struct cyc_step *step)
{
    for (unsigned i = 0; isnan(plausible->window_V) && i < step->limit_count; i++) {
        const struct cyc_limit *const limit = &step->limits[i];
        if (limit->signal == CYC_SIGNAL_VOLTAGE && limit->level == CYC_LEVEL_PROTOCOL &&
            isfinite(limit->low) && isfinite(limit->high)) {
            take_window(plausible, limit->low, limit->high);
        }
    }
}

void cyc_plausible_step(struct cyc_plausible *plausible, const struct cyc_step *step, int64_t t_ns)
{
    (void)t_ns;
    plausible->mode = step->mode;
    plausible->hold_V = step->hold_V;
    plausible->raised = 0;
    plausible->step_Ah = 0.0;
    learn_window(plausible, step);
}

/* The current that a setpoint asks for at a voltage; NaN: whatever flows. */
static double asked_A(const struct cyc_setpoint *setpoint, double voltage_V, double since_s)
{
    const double value = setpoint->value + setpoint->slope_per_s * since_s;
    switch (setpoint->control) {
    case CYC_CONTROL_OPEN:
        return 0.0;
    case CYC_CONTROL_CURRENT:
        return value;
    case CYC_CONTROL_POWER:
        return value / voltage_V;
    case CYC_CONTROL_LOAD:
        return -voltage_V / value;
    case CYC_CONTROL_VOLTAGE:
        return (double)NAN;
    }
    return (double)NAN;
}

static void forget_counts(struct cyc_plausible *plausible)
{
    plausible->count = 0;
    plausible->bad_current = plausible->bad_rest = plausible->bad_set_in = 0;
    plausible->bad_travel = plausible->bad_open = plausible->bad_way = plausible->still = 0;
    plausible->flat_Ah = 0.0;
    plausible->flat_count = 0;
    plausible->travel_known = false;
    plausible->jump_V = 0.0;
}

void cyc_plausible_setpoint(struct cyc_plausible *plausible, const struct cyc_setpoint *setpoint,
                            int64_t t_ns)
{
    const double asked = asked_A(&plausible->setpoint, plausible->last.voltage_V, 0.0);
    if (plausible->setpoint.number != 0 && isfinite(asked) && asked != 0.0) {
        plausible->last_current_A = asked;
    }
    /* A hold that follows at once is part of the same set-in: its first voltage is the hold's. */
    const bool same = plausible->before.known && !plausible->set_in_judged &&
                      setpoint->control == CYC_CONTROL_VOLTAGE &&
                      t_ns - plausible->setpoint_ns < CLOSE_NS;
    if (!same) {
        plausible->before.known = plausible->any && t_ns - plausible->last.t_ns < BEFORE_NS;
        plausible->before.voltage_V = plausible->last.voltage_V;
        plausible->before.current_A = plausible->last.current_A;
        plausible->before.slope_V_per_s = plausible->slope_V_per_s;
        plausible->before.t_ns = plausible->last.t_ns;
        plausible->set_in_judged = false;
    }
    plausible->setpoint = *setpoint;
    plausible->setpoint_ns = t_ns;
    forget_counts(plausible);
}

/* ---- Alarms ------------------------------------------------------------------------------------
 */

struct look { /* at one sample */
    struct cyc_plausible *plausible;
    const struct cyc_sample *sample;
    double asked_A;  /* NaN: whatever flows */
    double since_s;  /* under this setpoint */
    double passed_s; /* since the sample before */
    bool close;      /* to the sample before, and under the same setpoint */
    struct cyc_alarm_report *report;
};

static bool raises(const struct look *look, enum cyc_alarm alarm, double value, double bound)
{
    struct cyc_plausible *const plausible = look->plausible;
    if ((plausible->raised & (1u << alarm)) != 0) {
        return false;
    }
    plausible->raised |= 1u << alarm;
    *look->report = (struct cyc_alarm_report){
        .alarm = alarm, .trips = true, .t_ns = look->sample->t_ns, .value = value, .bound = bound};
    return true;
}

/* A sentence around the two numbers. */
static bool say(const struct look *look, const char *before, const char *between, const char *after)
{
    struct cyc_alarm_report *const report = look->report;
    char value[CYC_NUMBER_SIZE];
    char bound[CYC_NUMBER_SIZE];
    (void)snprintf(report->text, sizeof report->text, "%s%s%s%s%s", before,
                   cyc_number_brief(value, report->value, 4), between,
                   cyc_number_brief(bound, report->bound, 4), after);
    return true;
}

static bool warn(const struct look *look, const char *before, const char *between,
                 const char *after)
{
    look->report->trips = false;
    return say(look, before, between, after);
}

/* Counts samples in a row. */
static bool lasts(unsigned *count, bool bad, unsigned most)
{
    *count = bad ? *count + 1 : 0;
    return *count >= most;
}

static double largest(double a, double b)
{
    return fmax(isnan(a) ? 0.0 : a, isnan(b) ? 0.0 : b);
}

/* ---- Current ------------------------------------------------------------------------------------
 */

/* A decimal point that moved: the number that fits is this one times the factor. 0: none. */
static double shift_of(double measured, double expected, double tolerance)
{
    static const double shifts[] = {10.0, 1e3, 1e6, 0.1, 1e-3, 1e-6};
    for (unsigned i = 0; i < sizeof shifts / sizeof shifts[0]; i++) {
        if (fabs(measured - expected * shifts[i]) < tolerance * fabs(expected * shifts[i])) {
            return shifts[i];
        }
    }
    return 0.0;
}

static double current_floor_A(const struct cyc_plausible *plausible)
{
    return 3.0 *
           largest(plausible->facts.current_accuracy_A, plausible->facts.current_resolution_A);
}

/* The instrument went over to the hold by itself. */
static bool is_own_hold(const struct look *look)
{
    const struct cyc_plausible *const plausible = look->plausible;
    const bool holds = plausible->mode == CYC_MODE_CCCV || plausible->mode == CYC_MODE_CPCV;
    return holds && fabs(look->sample->voltage_V - plausible->hold_V) <= HOLD_V &&
           fabs(look->sample->current_A) <= fabs(look->asked_A) * (1.0 + CURRENT_FRACTION);
}

static bool check_current(const struct look *look)
{
    struct cyc_plausible *const plausible = look->plausible;
    const double current = look->sample->current_A;
    const double tolerance =
        fmax(CURRENT_FRACTION * fabs(look->asked_A), current_floor_A(plausible)) +
        fabs(plausible->setpoint.slope_per_s) * fmin(look->since_s, 1.0);
    const bool judged = isfinite(look->asked_A) &&
                        plausible->setpoint.control != CYC_CONTROL_OPEN &&
                        look->sample->t_ns - plausible->setpoint_ns >= SETTLE_NS;
    const bool bad = judged && fabs(current - look->asked_A) > tolerance && !is_own_hold(look);
    if (!lasts(&plausible->bad_current, bad, BAD_MAX)) {
        return false;
    }
    if (shift_of(current, look->asked_A, 0.05) != 0.0) {
        return raises(look, CYC_ALARM_SCALE, current, look->asked_A) &&
               say(look, "the current reads ", " A where ",
                   " A is asked: the decimal point; look at the units of driver and instrument");
    }
    return raises(look, CYC_ALARM_CURRENT_DEVIATES, current, look->asked_A) &&
           say(look, "the current is ", " A instead of ",
               " A: look for an open circuit, a relay that does not close, a compliance that is "
               "too low");
}

static bool check_rest(const struct look *look)
{
    struct cyc_plausible *const plausible = look->plausible;
    const double before = fabs(plausible->last_current_A);
    const double bound = fmax(0.01 * before, current_floor_A(plausible));
    const bool judged = plausible->setpoint.control == CYC_CONTROL_OPEN && bound > 0.0 &&
                        look->sample->t_ns - plausible->setpoint_ns >= SETTLE_NS;
    if (!lasts(&plausible->bad_rest, judged && fabs(look->sample->current_A) > bound, BAD_MAX)) {
        return false;
    }
    return raises(look, CYC_ALARM_CURRENT_AT_REST, look->sample->current_A, bound) &&
           say(look, "", " A flow at rest, more than ",
               " A: look for a relay that sticks, another source at the cell, an output that is "
               "still on");
}

/* ---- Voltage ------------------------------------------------------------------------------------
 */

static bool check_sign(const struct look *look)
{
    struct cyc_plausible *const plausible = look->plausible;
    const double least = plausible->low_V;
    const double voltage = look->sample->voltage_V;
    const bool expected = least > 0.2; /* cells of this protocol have a voltage */
    const double near = 0.1 * least;
    const double last = look->plausible->last.voltage_V;
    if (lasts(&plausible->bad_polarity, expected && voltage < -near, 2)) {
        return raises(look, CYC_ALARM_POLARITY, voltage, least) &&
               say(look, "the voltage is ", " V where cells have at least ",
                   " V: the leads of the cell, or those of sense, are reversed");
    }
    const bool zero = expected && fabs(voltage) <= near;
    /* It was there and is gone within two samples: that is a lead. */
    if (zero && plausible->bad_cell == 0 && plausible->any && last > 0.5 * least) {
        plausible->gone = 2;
    }
    if (!lasts(&plausible->bad_cell, zero, 2)) {
        return false;
    }
    if (plausible->gone > 0) {
        plausible->gone = 0;
        return raises(look, CYC_ALARM_SENSE, voltage, near) &&
               say(look, "the voltage fell to ", " V (below ",
                   " V) at once: a sense lead is off, or the cell was taken out");
    }
    return raises(look, CYC_ALARM_NO_CELL, voltage, near) &&
           say(look, "the voltage is ", " V, below ",
               " V: no cell in the holder, or a lead is off");
}

static bool check_voltage_scale(const struct look *look)
{
    struct cyc_plausible *const plausible = look->plausible;
    const double low = plausible->low_V;
    const double high = plausible->high_V;
    const double voltage = look->sample->voltage_V;
    static const double shifts[] = {10.0, 1e3, 1e6};
    if (!lasts(&plausible->bad_scale, !plausible->sane && low > 0.2 && voltage > 2.0 * high,
               BAD_MAX)) {
        return false;
    }
    for (unsigned i = 0; i < sizeof shifts / sizeof shifts[0]; i++) {
        if (voltage / shifts[i] > 0.5 * low && voltage / shifts[i] < 1.2 * high) {
            return raises(look, CYC_ALARM_SCALE, voltage, high) &&
                   say(look, "the voltage reads ", " V where the limits end at ",
                       " V: the decimal point; look at the units of driver and instrument");
        }
    }
    return false;
}

/* ---- A step of current
 * --------------------------------------------------------------------------- */

static double resolution_V(const struct cyc_plausible *plausible)
{
    return largest(plausible->facts.voltage_resolution_V, 1e-6);
}

/* The current is not there and the voltage went where the current was to take it: to the end of
 * what the instrument can give. A cell without current relaxes the other way. So far that no cell
 * follows: one sample is enough, because it may already end the step. */
static bool check_open(const struct look *look)
{
    struct cyc_plausible *const plausible = look->plausible;
    const double dV = look->sample->voltage_V - plausible->flowing_V;
    const bool vanished = look->sample->t_ns - plausible->flowing_ns <= BEFORE_NS &&
                          isfinite(look->asked_A) && look->asked_A != 0.0 &&
                          fabs(look->sample->current_A) < 0.1 * fabs(look->asked_A);
    const double along = look->asked_A > 0.0 ? dV : -dV;
    const double least = fmax(0.020, 20.0 * resolution_V(plausible));
    const bool far = along > OPEN_FAR * plausible->window_V;
    if (!lasts(&plausible->bad_open, vanished && along > least && !is_own_hold(look),
               far ? 1 : 2)) {
        return false;
    }
    return raises(look, CYC_ALARM_CONTACT, dV, look->asked_A) &&
           say(look, "the voltage went by ", " V and none of the ",
               " A that are asked for flows: look for an open circuit, a clip that came off, a "
               "current that reads wrong");
}

/* Resistance beyond what any cell has: an open circuit, a loose clip. */
static bool check_contact_at_set_in(const struct look *look, double dV, double dI)
{
    struct cyc_plausible *const plausible = look->plausible;
    const double bound = R_MOST * plausible->window_V / plausible->one_c_A * fabs(dI) +
                         JUMP_FLOOR * plausible->window_V;
    if (!lasts(&plausible->bad_set_in, fabs(dV) > bound && look->since_s <= 3.0, 2)) {
        return false;
    }
    return raises(look, CYC_ALARM_CONTACT, fabs(dV), bound) &&
           say(look, "the voltage jumped by ",
               " V when the current set in, no cell does by more than ",
               " V: look for a loose clip or an open circuit");
}

static bool check_way(const struct look *look, double dV, double dI)
{
    struct cyc_plausible *const plausible = look->plausible;
    const double bound = fmax(0.005, 10.0 * resolution_V(plausible));
    const bool judged = fabs(dI) >= 0.01 * plausible->one_c_A && isfinite(look->asked_A);
    const double along = dI > 0.0 ? dV : -dV;
    if (!lasts(&plausible->bad_way, judged && along < -bound, 2)) {
        return false;
    }
    return raises(look, CYC_ALARM_WRONG_WAY, dV, dI) &&
           say(look, "the voltage moved by ", " V when the current changed by ",
               " A: the poles, or the sign of the current, are turned around");
}

/* What any cell shows of a step of current: no less than R * dI of a very good one, or than the
 * charge that has passed since. 0: not to be seen with this resolution, or at rest. */
static double least_V(const struct look *look, double dI)
{
    const struct cyc_plausible *const plausible = look->plausible;
    const double one_c_A = plausible->one_c_A;
    const double passed_h = fabs(look->sample->current_A) / one_c_A * look->since_s / 3600.0;
    const double by_step_V = 0.5 * R_LEAST * plausible->window_V * fabs(dI) / one_c_A;
    const double by_charge_V = R_CHARGE * plausible->window_V * passed_h;
    const double least = fmin(by_step_V, by_charge_V);
    return least >= 3.0 * resolution_V(plausible) ? least : 0.0;
}

static bool check_reaction(const struct look *look, double dV, double dI)
{
    struct cyc_plausible *const plausible = look->plausible;
    const double least = least_V(look, dI);
    const bool still =
        plausible->bad_current == 0 && isfinite(look->asked_A) && least > 0.0 && fabs(dV) < least;
    if (!lasts(&plausible->still, still, BAD_MAX) || look->since_s < 4.0) {
        return false;
    }
    if (look->sample->voltage_V == plausible->before.voltage_V) {
        return raises(look, CYC_ALARM_FLAT_LINE, look->sample->voltage_V, least) &&
               say(look, "the voltage stays ",
                   " V to the last digit though the current set in (at least ",
                   " V would show): the reading is frozen");
    }
    return raises(look, CYC_ALARM_SENSE, dV, least) &&
           say(look, "the voltage moved by ", " V when the current set in, every cell does by ",
               " V: the sense leads are not on this cell");
}

static bool check_set_in(const struct look *look)
{
    struct cyc_plausible *const plausible = look->plausible;
    if (!plausible->before.known || look->sample->t_ns - plausible->before.t_ns > BEFORE_NS) {
        return false;
    }
    const double heading = plausible->before.voltage_V +
                           plausible->before.slope_V_per_s *
                               (double)(look->sample->t_ns - plausible->before.t_ns) * 1e-9;
    const double dV = look->sample->voltage_V - plausible->before.voltage_V;
    const double dI = look->sample->current_A - plausible->before.current_A;
    if (check_contact_at_set_in(look, dV, dI)) {
        return true;
    }
    /* Against the way it was heading, and against where it stood: relaxation slows down. */
    const double off = look->sample->voltage_V - heading;
    const double least_off = fabs(off) < fabs(dV) ? off : dV;
    if (look->since_s <= 3.0 && off * dV > 0.0 && check_way(look, least_off, dI)) {
        return true;
    }
    const bool over = look->since_s > 3.0 && plausible->count >= BAD_MAX;
    plausible->set_in_judged = plausible->set_in_judged || over;
    return check_reaction(look, dV, dI);
}

/* ---- On the way
 * ---------------------------------------------------------------------------------- */

/* The voltage jumps although the setpoint does not. */
static bool check_jumps(const struct look *look)
{
    struct cyc_plausible *const plausible = look->plausible;
    const double dV = fabs(look->sample->voltage_V - plausible->last.voltage_V);
    const double dI = fabs(look->sample->current_A - plausible->last.current_A);
    const double r_most = R_MOST * plausible->window_V / plausible->one_c_A;
    const double usual = fmax(5.0 * plausible->jump_V, 20.0 * resolution_V(plausible));
    const double allowed =
        fmax(r_most * (dI + 0.05 * fabs(plausible->last.current_A)), usual) + 0.010;
    const bool judged = look->close && plausible->count > 2 && look->since_s > 3.0 &&
                        plausible->setpoint.slope_per_s == 0.0 && isfinite(look->asked_A);
    if (!judged || dV <= allowed) {
        /* A clip that is only a little loose at first must not pass for what is usual. */
        const double most = judged ? 2.0 * plausible->jump_V + 20.0 * resolution_V(plausible) : dV;
        plausible->jump_V = fmax(0.9 * plausible->jump_V, look->close ? fmin(dV, most) : 0.0);
        return false;
    }
    if (plausible->jump_count == 0 || look->sample->t_ns - plausible->jump_ns > JUMPS_NS) {
        plausible->jump_count = 0;
        plausible->jump_ns = look->sample->t_ns;
    }
    if (++plausible->jump_count < JUMPS_MAX) {
        return false;
    }
    plausible->jump_count = 0;
    return raises(look, CYC_ALARM_CONTACT, dV, allowed) &&
           say(look, "the voltage jumps by ", " V at one setpoint (",
               " V would be many), again and again: look for a loose clip or sense lead");
}

static bool check_flat(const struct look *look)
{
    struct cyc_plausible *const plausible = look->plausible;
    const bool drives = isfinite(look->asked_A) && look->asked_A != 0.0;
    const double capacity = plausible->facts.nominal_capacity_Ah;
    const double bound =
        capacity * fmax(0.01, 60.0 * resolution_V(plausible) / plausible->window_V);
    const bool same = look->sample->voltage_V == plausible->last.voltage_V;
    if (!drives || !same || is_own_hold(look)) {
        plausible->flat_Ah = 0.0;
        plausible->flat_count = 0;
        return false;
    }
    plausible->flat_Ah += fabs(look->sample->current_A) * look->passed_s / 3600.0;
    plausible->flat_count++;
    if (plausible->flat_count < 10 || !(plausible->flat_Ah > bound)) {
        return false;
    }
    return raises(look, CYC_ALARM_FLAT_LINE, look->sample->voltage_V, plausible->flat_Ah) &&
           say(look, "the voltage stays ", " V to the last digit while ",
               " Ah passed: the reading is frozen");
}

static bool check_charge(const struct look *look)
{
    struct cyc_plausible *const plausible = look->plausible;
    const double bound = STEP_CHARGE * plausible->facts.nominal_capacity_Ah;
    if (!(fabs(plausible->step_Ah) > bound)) {
        return false;
    }
    return raises(look, CYC_ALARM_CHARGE, fabs(plausible->step_Ah), bound) &&
           say(look, "", " Ah passed in one step, more than ",
               " Ah (1.5 times the nominal capacity): a short in the cell, or another cell than "
               "stated");
}

/* Half the window with next to no charge: the cell is far smaller than stated. */
static bool check_travel(const struct look *look)
{
    struct cyc_plausible *const plausible = look->plausible;
    const bool drives = plausible->setpoint.control == CYC_CONTROL_CURRENT &&
                        plausible->setpoint.slope_per_s == 0.0 && look->asked_A != 0.0;
    if (!drives || look->since_s < 10.0) {
        return false;
    }
    if (!plausible->travel_known) {
        plausible->travel_known = true;
        plausible->travel_V = look->sample->voltage_V;
        plausible->travel_Ah = plausible->step_Ah;
        return false;
    }
    const double moved = fabs(look->sample->voltage_V - plausible->travel_V);
    const double passed = fabs(plausible->step_Ah - plausible->travel_Ah);
    const bool far = moved > SCALE_TRAVEL * plausible->window_V &&
                     passed < SCALE_CHARGE * plausible->facts.nominal_capacity_Ah;
    if (!lasts(&plausible->bad_travel, far, BAD_MAX)) {
        return false;
    }
    return raises(look, CYC_ALARM_SCALE, moved, passed) &&
           warn(look, "the voltage went ", " V with only ",
                " Ah: the cell is far smaller than stated; look at mass, capacity and their units");
}

/* ---- One sample
 * ---------------------------------------------------------------------------------- */

static void account(struct cyc_plausible *plausible, const struct look *look)
{
    const struct cyc_sample *const sample = look->sample;
    if ((sample->flags & CYC_SAMPLE_EXACT) != 0) {
        plausible->step_Ah += sample->charge_Ah - sample->discharge_Ah;
    } else if (plausible->any) {
        plausible->step_Ah +=
            0.5 * (sample->current_A + plausible->last.current_A) * look->passed_s / 3600.0;
    }
}

static void keep(struct cyc_plausible *plausible, const struct look *look)
{
    if (look->passed_s > 0.0) {
        plausible->slope_V_per_s =
            plausible->any && look->close
                ? (look->sample->voltage_V - plausible->last.voltage_V) / look->passed_s
                : 0.0;
    }
    const bool flows = fabs(look->sample->current_A) >= 0.5 * fabs(look->asked_A);
    if (!isfinite(look->asked_A) || flows || plausible->setpoint.number == 0) {
        plausible->flowing_V = look->sample->voltage_V;
        plausible->flowing_ns = look->sample->t_ns;
    }
    plausible->last = *look->sample;
    plausible->sane = plausible->sane || fabs(look->sample->voltage_V) < 2.0 * plausible->high_V;
    plausible->any = true;
    plausible->count++;
}

/* The first check that has something to say; checks that count go on counting. */
static bool look_at(const struct look *look)
{
    const bool sign = check_voltage_scale(look) || check_sign(look);
    if (sign || look->plausible->setpoint.number == 0) {
        return sign;
    }
    return check_rest(look) || check_open(look) || check_current(look) || check_set_in(look) ||
           check_jumps(look) || check_flat(look) || check_charge(look) || check_travel(look);
}

bool cyc_plausible_sample(struct cyc_plausible *plausible, const struct cyc_sample *sample,
                          struct cyc_alarm_report *report)
{
    if (!isfinite(sample->voltage_V) || !isfinite(sample->current_A) ||
        sample->setpoint_number != plausible->setpoint.number ||
        (plausible->any && sample->t_ns < plausible->last.t_ns)) {
        return false;
    }
    const double passed_s =
        plausible->any ? (double)(sample->t_ns - plausible->last.t_ns) * 1e-9 : 0.0;
    const double since_s = (double)(sample->t_ns - plausible->setpoint_ns) * 1e-9;
    const struct look look = {
        .plausible = plausible,
        .sample = sample,
        .asked_A = asked_A(&plausible->setpoint, sample->voltage_V, since_s),
        .since_s = since_s,
        .passed_s = passed_s,
        .close = plausible->any && sample->t_ns - plausible->last.t_ns <= CLOSE_NS &&
                 plausible->last.setpoint_number == sample->setpoint_number,
        .report = report,
    };
    account(plausible, &look);
    const bool raised = look_at(&look);
    keep(plausible, &look);
    return raised;
}
