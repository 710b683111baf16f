/* May a run go on by itself? The gates, in the order in which they are told.
 *
 * Each gate is one question with a clear no, and a fact that is not known is a no: what is wrong
 * with a cell that was left alone is found out by looking at it, not by charging it. The first gate
 * that fails gives the reason. No clock, no I/O.
 *
 * What an open-circuit voltage may have become in ten minutes is a rule of thumb for lithium-ion
 * cells, 50 mV around the last reading; where that was taken under load, the drop over what
 * resistance the cell may have is allowed on the side to which it relaxes. After a longer outage
 * only the limits are asked: a cell may relax further than any band.
 */
#include "run/resume.h"

#include <math.h>
#include <string.h>

struct gate {
    const struct cyc_resume_facts *facts;
    struct cyc_text text; /* the reason, empty while all is well */
};

static void no(struct gate *gate, const char *why)
{
    cyc_text_append(&gate->text, why);
}

static void put_number(struct gate *gate, double value, int digits, const char *unit)
{
    cyc_text_number(&gate->text, value, digits);
    cyc_text_append(&gate->text, unit);
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && a[0] != '\0' && strcmp(a, b) == 0;
}

/* ---- The run --------------------------------------------------------------------------------- */

static void folder(struct gate *gate)
{
    const struct cyc_resume_facts *facts = gate->facts;
    const char *text = facts->folder_text != NULL ? facts->folder_text : "";
    if (facts->folder_status != CYC_OK) {
        no(gate, "the run's folder cannot be written on: ");
        no(gate, text[0] != '\0' ? text : cyc_status_text(facts->folder_status));
    } else if (facts->replay_status != CYC_OK) {
        no(gate, "the protocol does not come to where it was: ");
        no(gate, text[0] != '\0' ? text : cyc_status_text(facts->replay_status));
    } else if (!facts->has_state) {
        no(gate, "the journal does not hold the state of the interrupted step in a form that this "
                 "version reads");
    } else if (facts->faulted) {
        no(gate, "the run had stopped in a fault before the interruption");
    }
}

static void rig(struct gate *gate)
{
    if (!same(gate->facts->rig_then, gate->facts->rig_now)) {
        no(gate, "the channel's part of the rig file is not what it was when the run began: "
                 "instruments, limits and calibration must be the same");
    }
}

static void cell(struct gate *gate)
{
    const struct cyc_resume_facts *facts = gate->facts;
    if (!same(facts->cell_then, facts->cell_now)) {
        no(gate, "another cell is on the channel: ");
        cyc_text_format(&gate->text, "'%.60s' now, '%.60s' when the run began",
                        facts->cell_now != NULL ? facts->cell_now : "",
                        facts->cell_then != NULL ? facts->cell_then : "");
    }
}

/* ---- The instrument -------------------------------------------------------------------------- */

static void link(struct gate *gate)
{
    const char *other = gate->facts->other != NULL ? gate->facts->other : "";
    if (!gate->facts->link_up) {
        no(gate, other[0] != '\0' ? other : "the instrument does not answer");
    }
}

static void differs(struct cyc_text *text, const char *what, const char *then, const char *now)
{
    if (text->length == 0 && strcmp(then, now) != 0) {
        cyc_text_format(text, "another %s answers: '%.60s', it was '%.60s'", what, now, then);
    }
}

void cyc_resume_differs(const struct cyc_identity *then, const struct cyc_identity *now,
                        struct cyc_text *text)
{
    differs(text, "maker", then->maker, now->maker);
    differs(text, "model", then->model, now->model);
    differs(text, "serial number", then->serial_number, now->serial_number);
    differs(text, "firmware", then->firmware, now->firmware);
}

static void instrument(struct gate *gate)
{
    cyc_resume_differs(&gate->facts->then, &gate->facts->now, &gate->text);
}

static void power_on(struct gate *gate)
{
    if (gate->facts->now.power_on) {
        no(gate, "the instrument was switched off or reset meanwhile, and with it its protections");
    }
}

/* A key was pressed, a protection has tripped: only who stands there knows why. */
static void found(struct gate *gate)
{
    if (gate->facts->found != NULL && gate->facts->found[0] != '\0') {
        no(gate, gate->facts->found);
        no(gate, "; look at the cell, then `cyclostat resume` goes on");
    }
}

static void latch(struct gate *gate)
{
    if (gate->facts->latched) {
        no(gate, "the rig is latched safe; look at the cells, then `cyclostat rearm`");
    }
}

static void arm(struct gate *gate)
{
    if (gate->facts->arm_status != CYC_OK) {
        no(gate, "the instrument could not be set up again with its protections: ");
        no(gate, gate->facts->arm_text != NULL ? gate->facts->arm_text : "no answer");
    }
}

static void protection(struct gate *gate)
{
    if (gate->facts->protection) {
        no(gate, "a protection of the instrument has tripped");
    }
}

/* ---- The gap --------------------------------------------------------------------------------- */

static void outage(struct gate *gate)
{
    const struct cyc_resume_facts *facts = gate->facts;
    char is[CYC_NUMBER_SIZE], may[CYC_NUMBER_SIZE];
    if (facts->gap_ns < 0 || facts->gap_ns == CYC_NEVER) {
        no(gate, "nobody knows how long the outage was: the clock of the machine went back");
    } else if (facts->has_step && facts->gap_ns > facts->max_gap_ns) {
        cyc_text_format(&gate->text, "the outage of %s is longer than max_gap, %s",
                        cyc_duration_text(is, facts->gap_ns),
                        cyc_duration_text(may, facts->max_gap_ns));
    }
}

static void unobserved(struct gate *gate)
{
    const struct cyc_resume_facts *facts = gate->facts;
    const double bound_Ah = fabs(facts->bound_Ah);
    if (bound_Ah <= 0) {
        return; /* every moment was seen */
    }
    if (!(facts->nominal_Ah > 0)) {
        no(gate, "charge may have passed unseen, and without a nominal capacity nobody can say "
                 "whether that is much");
    } else if (!(bound_Ah < CYC_RESUME_UNOBSERVED * facts->nominal_Ah)) {
        no(gate, "up to ");
        put_number(gate, bound_Ah * 1e3, 4, " mAh may have passed unseen, ");
        put_number(gate, 100 * bound_Ah / facts->nominal_Ah, 3,
                   " % of the nominal capacity; 0.5 % are allowed");
    }
}

/* ---- The cell -------------------------------------------------------------------------------- */

static void current(struct gate *gate)
{
    const double now_A = gate->facts->now_A, nominal_Ah = gate->facts->nominal_Ah;
    const double tolerance_A = nominal_Ah > 0 ? CYC_RESUME_CURRENT_C * nominal_Ah : 1e-3;
    if (!isfinite(now_A)) {
        no(gate, "the current is not measured");
    } else if (fabs(now_A) > tolerance_A) {
        no(gate, "a current of ");
        put_number(gate, now_A * 1e3, 4, " mA flows although the circuit should be open");
    }
}

static void voltage(struct gate *gate)
{
    const struct cyc_resume_facts *facts = gate->facts;
    const double now_V = facts->now_V;
    if (!isfinite(now_V) || (!isfinite(facts->last_V) && !facts->untouched)) {
        no(gate, "the voltage is not measured");
        return;
    }
    if (!(now_V > facts->voltage_min_V && now_V < facts->voltage_max_V)) {
        no(gate, "the cell's voltage of ");
        put_number(gate, now_V, 5, " V is outside the limits");
        return;
    }
    if (facts->untouched || facts->gap_ns > CYC_RESUME_OCV_WITHIN_NS) {
        return;
    }
    const double drop_V =
        facts->was_open || isnan(facts->resistance_ohm) ? 0 : facts->last_A * facts->resistance_ohm;
    const double low_V = facts->last_V - fmax(drop_V, 0) - CYC_RESUME_OCV_BAND_V;
    const double high_V = facts->last_V - fmin(drop_V, 0) + CYC_RESUME_OCV_BAND_V;
    if (!(now_V >= low_V && now_V <= high_V)) {
        no(gate, "the cell's voltage of ");
        put_number(gate, now_V, 5, " V is not what it was left with: it should lie between ");
        put_number(gate, low_V, 5, " V and ");
        put_number(gate, high_V, 5, " V");
    }
}

static void temperature(struct gate *gate)
{
    const struct cyc_resume_facts *facts = gate->facts;
    if (isnan(facts->last_degC)) {
        return; /* nobody measured it */
    }
    const double low =
        isnan(facts->low_degC) ? facts->last_degC - CYC_RESUME_TEMPERATURE_K : facts->low_degC;
    const double high =
        isnan(facts->high_degC) ? facts->last_degC + CYC_RESUME_TEMPERATURE_K : facts->high_degC;
    if (!(facts->now_degC >= low && facts->now_degC <= high)) {
        no(gate, "the temperature is ");
        if (isnan(facts->now_degC)) {
            no(gate, "not measured");
        } else {
            put_number(gate, facts->now_degC, 4, " degC, outside its band of ");
            put_number(gate, low, 4, " degC to ");
            put_number(gate, high, 4, " degC");
        }
    }
}

/* ---- The wish -------------------------------------------------------------------------------- */

/* A person has restarted the daemon, and nothing else has happened: what the step wishes after an
 * interruption that nobody planned is not asked. */
static bool is_planned(const struct cyc_resume_facts *facts)
{
    return facts->planned && facts->same_port && facts->resumable;
}

static void hold(struct gate *gate)
{
    const struct cyc_resume_facts *facts = gate->facts;
    if (facts->planned && !facts->same_port) {
        no(gate, "the process of its port was replaced as well, and ");
    } else if (facts->planned) {
        no(gate, "a step of this kind cannot be gone on with, and ");
    }
    no(gate, "the step says after_interruption: hold");
}

static enum cyc_resume_action wanted(struct gate *gate)
{
    if (!gate->facts->has_step || is_planned(gate->facts)) {
        return CYC_RESUME_CONTINUE; /* between two, the next begins as it would have begun */
    }
    switch (gate->facts->wish) {
    case CYC_INTERRUPTION_HOLD:
        hold(gate);
        return CYC_RESUME_HOLD;
    case CYC_INTERRUPTION_CONTINUE:
        return CYC_RESUME_CONTINUE;
    case CYC_INTERRUPTION_RESTART:
        return CYC_RESUME_RESTART;
    }
    return CYC_RESUME_HOLD;
}

void cyc_resume_judge(const struct cyc_resume_facts *facts, struct cyc_resume_verdict *verdict)
{
    static void (*const gates[])(struct gate *) = {
        folder, rig,        cell,   link,       latch,   instrument, power_on,    found,
        arm,    protection, outage, unobserved, current, voltage,    temperature,
    };
    struct gate gate = {.facts = facts};
    for (unsigned i = 0; i < sizeof gates / sizeof gates[0] && gate.text.length == 0; i++) {
        gates[i](&gate);
    }
    verdict->action = gate.text.length == 0 ? wanted(&gate) : CYC_RESUME_HOLD;
    if (gate.text.failed) {
        verdict->action = CYC_RESUME_HOLD;
    }
    (void)cyc_copy(verdict->why, sizeof verdict->why, cyc_text_get(&gate.text));
    cyc_text_release(&gate.text);
}

const char *cyc_resume_action_name(enum cyc_resume_action action)
{
    switch (action) {
    case CYC_RESUME_HOLD:
        return "hold";
    case CYC_RESUME_CONTINUE:
        return "continue";
    case CYC_RESUME_RESTART:
        return "restart";
    }
    return "?";
}
