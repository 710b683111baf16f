/* From the mapping of a step to its plan. */
#include "protocol/step.h"

#include "protocol/ids.h"
#include "protocol/profile.h"

#include <string.h>

static void hint(struct cyc_build *build, struct cyc_diag *diag, const char *text)
{
    diag->hint = cyc_diags_format(build->diags, "%s", text);
}

/* ---- Parts ----------------------------------------------------------------------------------- */

static struct cyc_step_more *more_of(struct cyc_build *build, struct cyc_step_plan *plan)
{
    /* The plan is written once, here; everyone else sees it const. */
    if (plan->more != NULL) {
        return (struct cyc_step_more *)(uintptr_t)plan->more;
    }
    struct cyc_step_more *const more = cyc_arena_alloc(build->arena, sizeof *more);
    if (more == NULL) {
        return NULL;
    }
    more->timeout_s = more->max_gap_s = CYC_VALUE_NONE;
    more->wait = true;
    switch ((enum cyc_step_kind)plan->kind) {
    case CYC_STEP_HOLD:
    case CYC_STEP_SWEEP:
        more->current_A = more->sweep_rate_V_per_s = more->sweep_from_V = CYC_VALUE_NONE;
        break;
    case CYC_STEP_TEMPERATURE:
    case CYC_STEP_PRESSURE:
        more->within = more->soak_s = more->ramp_K_per_s = CYC_VALUE_NONE;
        break;
    case CYC_STEP_PULSE:
    case CYC_STEP_PROFILE:
        more->count = more->scale = CYC_VALUE_NONE;
        break;
    case CYC_STEP_IMPEDANCE:
        more->amplitude = more->frequency_from_Hz = more->frequency_to_Hz = CYC_VALUE_NONE;
        more->points_per_decade = more->bias = CYC_VALUE_NONE;
        break;
    case CYC_STEP_CHARGE:
    case CYC_STEP_DISCHARGE:
    case CYC_STEP_REST:
    case CYC_STEP_ASK:
    case CYC_STEP_REPEAT:
    case CYC_STEP_CYCLES:
    case CYC_STEP_EACH:
    case CYC_STEP_INCLUDE:
    case CYC_STEP_IF:
    case CYC_STEP_LET:
    case CYC_STEP_NOTE:
    case CYC_STEP_GOTO:
    case CYC_STEP_LEAVE:
    case CYC_STEP_STOP:
    case CYC_STEP_FAIL:
    case CYC_STEP_SENTENCE:
    case CYC_STEP_KIND_COUNT:
        break;
    }
    plan->more = more;
    return more;
}

/* A value that must be greater than zero (or at least zero). */
static bool positive(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                     bool zero_allowed, struct cyc_value *value, enum cyc_kind *kind)
{
    if (!cyc_build_value(build, node, key, value, kind)) {
        return false;
    }
    if (value->expr != NULL || value->value > 0.0 || (zero_allowed && value->value == 0.0)) {
        return true;
    }
    struct cyc_diag *const diag =
        cyc_build_error(build, node->pos,
                        zero_allowed ? "`%s` cannot be negative" : "`%s` must be greater than zero",
                        cyc_schema[key].key);
    if (key == CYC_KEY_CHARGE || key == CYC_KEY_DISCHARGE) {
        hint(build, diag,
             "setpoints are magnitudes: charge and discharge say the direction; "
             "no current is rest: 1 h");
    }
    return false;
}

/* The same for a key that may be missing. */
static bool optional(struct cyc_build *build, const struct cyc_fields *fields, enum cyc_key key,
                     bool zero_allowed, struct cyc_value *value)
{
    return fields->node[key] == NULL ||
           positive(build, fields->node[key], key, zero_allowed, value, NULL);
}

static bool parse_cutoffs(struct cyc_build *build, const struct cyc_fields *fields,
                          struct cyc_step_plan *plan)
{
    const struct cyc_node *const node = fields->node[CYC_KEY_CUTOFF];
    const struct cyc_cutoff_owner owner = {
        .step_kind = plan->kind,
        .with_hold = plan->mode == CYC_MODE_CCCV || plan->mode == CYC_MODE_CPCV,
        .charging = plan->charging,
        .scope = CYC_SCOPE_STEP,
    };
    struct cyc_cutoffs cutoffs = {NULL, 0};
    if (node == NULL) {
        return true;
    }
    const bool sound = cyc_cutoffs_parse(build, node, &owner, &cutoffs);
    plan->cutoffs = cutoffs.items;
    plan->cutoff_count = (uint8_t)cutoffs.count;
    return sound;
}

/* Signals that a cutoff looks at: bit per enum cyc_signal. */
static uint32_t signals_of(const struct cyc_cutoff_plan *cutoff)
{
    struct cyc_expr_use use;
    uint32_t signals = 0;
    if (cutoff->more != NULL && cutoff->more->all != NULL) {
        for (unsigned i = 0; i < cutoff->more->all_count; i++) {
            signals |= signals_of(&cutoff->more->all[i]);
        }
        return signals;
    }
    if (cutoff->when == NULL) {
        return 1u << cutoff->signal;
    }
    cyc_expr_use(cutoff->when, &use);
    return use.signals;
}

uint32_t cyc_cutoffs_signals(const struct cyc_cutoff_plan *cutoffs, unsigned count)
{
    uint32_t signals = 0;
    for (unsigned i = 0; i < count; i++) {
        signals |= cutoffs[i].action == CYC_FOLLOW_PAUSE ? 0 : signals_of(&cutoffs[i]);
    }
    return signals;
}

#define CHARGE_SIGNALS                                                                             \
    (1u << CYC_SIGNAL_CHARGE_CAPACITY | 1u << CYC_SIGNAL_DISCHARGE_CAPACITY |                      \
     1u << CYC_SIGNAL_NET_CAPACITY | 1u << CYC_SIGNAL_CAPACITY | 1u << CYC_SIGNAL_CHARGE_ENERGY |  \
     1u << CYC_SIGNAL_DISCHARGE_ENERGY | 1u << CYC_SIGNAL_NET_ENERGY | 1u << CYC_SIGNAL_ENERGY)
#define TIME_SIGNALS (1u << CYC_SIGNAL_TIME | 1u << CYC_SIGNAL_HOLD_TIME)

bool cyc_cutoffs_bound_charge(uint32_t signals)
{
    return (signals & (CHARGE_SIGNALS | 1u << CYC_SIGNAL_VOLTAGE | 1u << CYC_SIGNAL_PEAK)) != 0;
}

bool cyc_cutoffs_bound_hold(uint32_t signals)
{
    return (signals & (CHARGE_SIGNALS | TIME_SIGNALS | 1u << CYC_SIGNAL_CURRENT |
                       1u << CYC_SIGNAL_POWER)) != 0;
}

/* A cutoff that certainly ends the step after some time. */
static bool states_time(const struct cyc_cutoff_plan *cutoff)
{
    struct cyc_expr_use use;
    if (cutoff->action == CYC_FOLLOW_PAUSE || (cutoff->more != NULL && cutoff->more->all != NULL)) {
        return false;
    }
    if (cutoff->when == NULL) {
        return cutoff->signal == CYC_SIGNAL_TIME && cutoff->scope == CYC_SCOPE_STEP;
    }
    cyc_expr_use(cutoff->when, &use);
    return use.signal == CYC_SIGNAL_TIME && use.scope == CYC_SCOPE_STEP &&
           (use.comparison == CYC_OP_GE || use.comparison == CYC_OP_GT);
}

static bool parse_common(struct cyc_build *build, const struct cyc_fields *fields,
                         struct cyc_step_plan *plan)
{
    const struct cyc_node *const *const node = fields->node;
    unsigned choice = 0;
    bool sound = true;
    if (node[CYC_KEY_ID] != NULL) {
        sound = cyc_ids_take(build, node[CYC_KEY_ID], plan, &plan->id);
    }
    if (node[CYC_KEY_LABEL] != NULL) {
        sound = cyc_build_text(build, node[CYC_KEY_LABEL], &plan->label) && sound;
    }
    const bool rare = node[CYC_KEY_RECORD] != NULL || node[CYC_KEY_LIMITS] != NULL ||
                      node[CYC_KEY_TIMEOUT] != NULL || node[CYC_KEY_AFTER_INTERRUPTION] != NULL ||
                      node[CYC_KEY_MAX_GAP] != NULL;
    if (!rare) {
        return sound;
    }
    struct cyc_step_more *const more = more_of(build, plan);
    if (more == NULL) {
        return false;
    }
    if (node[CYC_KEY_RECORD] != NULL) {
        sound = cyc_record_parse(build, node[CYC_KEY_RECORD], &more->record) && sound;
    }
    if (node[CYC_KEY_LIMITS] != NULL) {
        sound = cyc_limits_parse(build, node[CYC_KEY_LIMITS], &more->limits) && sound;
    }
    if (node[CYC_KEY_AFTER_INTERRUPTION] != NULL) {
        const struct cyc_node *const word = node[CYC_KEY_AFTER_INTERRUPTION];
        sound = cyc_build_choice(build, word, CYC_KEY_AFTER_INTERRUPTION, &choice) && sound;
        more->after_interruption = (uint8_t)choice;
        if (choice == CYC_INTERRUPTION_CONTINUE && plan->kind >= CYC_STEP_PULSE &&
            plan->kind <= CYC_STEP_IMPEDANCE) {
            struct cyc_diag *const diag =
                cyc_build_error(build, word->pos, "%s cannot continue after an interruption",
                                cyc_place_name(plan->kind));
            hint(build, diag, "hold (a person decides) or restart");
            sound = false;
        }
    }
    sound = optional(build, fields, CYC_KEY_MAX_GAP, true, &more->max_gap_s) && sound;
    return optional(build, fields, CYC_KEY_TIMEOUT, false, &more->timeout_s) && sound;
}

/* ---- Each kind ------------------------------------------------------------------------------- */

static bool check_ends(struct cyc_build *build, const struct cyc_node *node,
                       const struct cyc_step_plan *plan)
{
    const uint32_t signals = cyc_cutoffs_signals(plan->cutoffs, plan->cutoff_count);
    const bool held = plan->mode == CYC_MODE_CCCV || plan->mode == CYC_MODE_CPCV;
    if (held && !cyc_cutoffs_bound_hold(signals) && !build->bounded) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->key_pos,
            "a %s with hold needs a cutoff of current, time, charge or energy", node->key);
        hint(build, diag, "for example, cutoff: C/20");
        return false;
    }
    if (!held && !cyc_cutoffs_bound_charge(signals) && !build->charge_bounded) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->key_pos,
                            "a %s needs an end by voltage, charge or energy, or `hold`", node->key);
        diag->hint = cyc_diags_format(build->diags, "for example, cutoff: %s",
                                      plan->charging ? "4.2 V" : "2.5 V");
        return false;
    }
    if (!plan->time_stated && isnan(build->capacity_Ah)) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->key_pos,
            "how long may this %s last? The cell states neither nominal_capacity nor one_c",
            node->key);
        hint(build, diag, "add timeout: 24 h, or cell: {nominal_capacity: …}");
        return false;
    }
    return true;
}

static bool parse_charge(struct cyc_build *build, const struct cyc_fields *fields,
                         struct cyc_step_plan *plan)
{
    const enum cyc_key key = plan->kind == CYC_STEP_CHARGE ? CYC_KEY_CHARGE : CYC_KEY_DISCHARGE;
    const struct cyc_node *const node = fields->node[key];
    const struct cyc_node *const hold = fields->node[CYC_KEY_HOLD];
    enum cyc_kind kind = CYC_KIND_CURRENT;
    bool sound = positive(build, node, key, false, &plan->setpoint, &kind);
    plan->charging = key == CYC_KEY_CHARGE;
    plan->mode = CYC_MODE_CC;
    plan->control = CYC_CONTROL_CURRENT;
    build->current_seen = build->current_seen || kind == CYC_KIND_CURRENT;
    if (kind == CYC_KIND_POWER) {
        plan->mode = CYC_MODE_CP;
        plan->control = CYC_CONTROL_POWER;
    } else if (kind == CYC_KIND_RESISTANCE) {
        plan->mode = CYC_MODE_CR;
        plan->control = CYC_CONTROL_LOAD;
    }
    if (hold != NULL) {
        sound = cyc_build_value(build, hold, CYC_KEY_HOLD, &plan->hold_V, NULL) && sound;
        if (plan->mode == CYC_MODE_CR) {
            struct cyc_diag *const diag = cyc_build_error(
                build, hold->key_pos, "hold goes with a current or a power, not with a load");
            hint(build, diag, "make the hold a step of its own");
            sound = false;
        }
        plan->mode = plan->mode == CYC_MODE_CP ? CYC_MODE_CPCV : CYC_MODE_CCCV;
    }
    sound = parse_cutoffs(build, fields, plan) && sound;
    sound = parse_common(build, fields, plan) && sound;
    plan->time_stated = plan->more != NULL && cyc_value_stated(&plan->more->timeout_s);
    for (unsigned i = 0; i < plan->cutoff_count; i++) {
        plan->time_stated = plan->time_stated || states_time(&plan->cutoffs[i]);
    }
    return sound && fields->sound && check_ends(build, node, plan);
}

static bool parse_hold(struct cyc_build *build, const struct cyc_fields *fields,
                       struct cyc_step_plan *plan)
{
    const struct cyc_node *const current = fields->node[CYC_KEY_CURRENT];
    bool sound =
        cyc_build_value(build, fields->node[CYC_KEY_HOLD], CYC_KEY_HOLD, &plan->setpoint, NULL);
    plan->mode = CYC_MODE_CV;
    plan->control = CYC_CONTROL_VOLTAGE;
    if (current == NULL && !build->current_seen) {
        struct cyc_diag *const diag =
            cyc_build_error(build, fields->node[CYC_KEY_HOLD]->key_pos,
                            "how much current may flow? No step before this hold has passed one");
        hint(build, diag, "add current: 1 C beside hold");
        sound = false;
    }
    build->current_seen = true;
    if (current != NULL) {
        struct cyc_step_more *const more = more_of(build, plan);
        sound = more != NULL &&
                positive(build, current, CYC_KEY_CURRENT, false, &more->current_A, NULL) && sound;
    }
    return parse_cutoffs(build, fields, plan) && sound;
}

static bool parse_rest(struct cyc_build *build, const struct cyc_fields *fields,
                       struct cyc_step_plan *plan)
{
    const struct cyc_node *const node = fields->node[CYC_KEY_REST];
    const bool empty = node->type == CYC_NODE_SCALAR && node->size == 0 && node->quantity == NULL;
    plan->mode = CYC_MODE_REST;
    plan->control = CYC_CONTROL_OPEN;
    plan->setpoint = CYC_VALUE_NONE;
    if (empty && fields->node[CYC_KEY_CUTOFF] == NULL) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->key_pos, "a rest without a time needs a cutoff");
        hint(build, diag, "rest: 1 h, or cutoff: {when: abs(dV/dt) < 1 mV/h, over: 20 min}");
        return false;
    }
    const bool sound = empty || positive(build, node, CYC_KEY_REST, true, &plan->setpoint, NULL);
    plan->time_stated = !empty;
    return parse_cutoffs(build, fields, plan) && sound;
}

struct pulse_list {
    struct cyc_pulse_plan *items;
    unsigned count;
};

static bool parse_pulse_item(struct cyc_build *build, const struct cyc_node *node, void *context)
{
    struct pulse_list *const list = context;
    struct cyc_pulse_plan *const pulse = &list->items[list->count++];
    struct cyc_fields fields;
    enum cyc_kind kind = CYC_KIND_CURRENT;
    if (!cyc_build_fields(build, node, CYC_PLACE_PULSE, &fields)) {
        return false;
    }
    const struct cyc_node *const charge = fields.node[CYC_KEY_PULSE_CHARGE];
    const struct cyc_node *const discharge = fields.node[CYC_KEY_PULSE_DISCHARGE];
    const struct cyc_node *const width = fields.node[CYC_KEY_PULSE_WIDTH];
    if ((charge == NULL) == (discharge == NULL) || width == NULL) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "a pulse needs %s",
                            width == NULL ? "`width`" : "either `charge` or `discharge`");
        hint(build, diag, "pulse: {discharge: 2 C, width: 10 s, rest: 40 s}");
        return false;
    }
    pulse->charging = charge != NULL;
    const enum cyc_key key = charge != NULL ? CYC_KEY_PULSE_CHARGE : CYC_KEY_PULSE_DISCHARGE;
    bool sound = positive(build, fields.node[key], key, false, &pulse->value, &kind);
    pulse->control = kind == CYC_KIND_POWER ? CYC_CONTROL_POWER : CYC_CONTROL_CURRENT;
    build->current_seen = build->current_seen || kind == CYC_KIND_CURRENT;
    sound = positive(build, width, CYC_KEY_PULSE_WIDTH, false, &pulse->width_s, NULL) && sound;
    pulse->rest_s = (struct cyc_value){0.0, NULL};
    return optional(build, &fields, CYC_KEY_PULSE_REST, true, &pulse->rest_s) && sound;
}

struct value_list {
    struct cyc_value *items;
    unsigned count;
    enum cyc_key key;
    bool positive;
};

static bool parse_list_value(struct cyc_build *build, const struct cyc_node *node, void *context)
{
    struct value_list *const list = context;
    struct cyc_value *const value = &list->items[list->count++];
    return list->positive ? positive(build, node, list->key, false, value, NULL)
                          : cyc_build_value(build, node, list->key, value, NULL);
}

static bool parse_values(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                         bool greater_than_zero, const struct cyc_value **items, unsigned *count)
{
    const unsigned most = node->type == CYC_NODE_SEQUENCE ? node->child_count : 1;
    struct value_list list = {.key = key, .positive = greater_than_zero};
    list.items = cyc_arena_array(build->arena, most == 0 ? 1 : most, sizeof *list.items);
    if (list.items == NULL) {
        return false;
    }
    cyc_build_enter(build, cyc_schema[key].key, 0);
    const bool sound = cyc_build_each(build, node, parse_list_value, &list);
    cyc_build_leave(build);
    *items = list.items;
    *count = list.count;
    return sound;
}

static bool check_resistance_at(struct cyc_build *build, const struct cyc_node *node,
                                const struct cyc_step_more *more)
{
    double longest_s = 0.0;
    for (unsigned i = 0; i < more->pulse_count; i++) {
        const struct cyc_value *const width = &more->pulses[i].width_s;
        longest_s = width->expr != NULL ? INFINITY : fmax(longest_s, width->value);
    }
    if (more->resistance_at_count > CYC_RESISTANCE_AT_MAX) {
        (void)cyc_build_error(build, node->pos, "more than %d times in resistance_at",
                              CYC_RESISTANCE_AT_MAX);
        return false;
    }
    for (unsigned i = 0; i < more->resistance_at_count; i++) {
        const struct cyc_value *const at = &more->resistance_at_s[i];
        if (at->expr == NULL && at->value > longest_s) {
            struct cyc_diag *const diag = cyc_build_error(
                build, node->pos, "resistance_at lies behind the end of every pulse");
            hint(build, diag, "times count from the onset of a pulse, up to its width");
            return false;
        }
    }
    return true;
}

static bool parse_pulse(struct cyc_build *build, const struct cyc_fields *fields,
                        struct cyc_step_plan *plan)
{
    const struct cyc_node *const node = fields->node[CYC_KEY_PULSE];
    const struct cyc_node *const at = fields->node[CYC_KEY_RESISTANCE_AT];
    struct cyc_step_more *const more = more_of(build, plan);
    const unsigned most = node->type == CYC_NODE_SEQUENCE ? node->child_count : 1;
    struct pulse_list list = {cyc_arena_array(build->arena, most + 1, sizeof *list.items), 0};
    plan->mode = CYC_MODE_PULSE;
    plan->control = CYC_CONTROL_CURRENT;
    plan->time_stated = true;
    if (more == NULL || list.items == NULL) {
        return false;
    }
    cyc_build_enter(build, "pulse", 0);
    bool sound = cyc_build_each(build, node, parse_pulse_item, &list);
    cyc_build_leave(build);
    more->pulses = list.items;
    more->pulse_count = list.count;
    plan->charging = list.count > 0 && list.items[0].charging;
    if (fields->node[CYC_KEY_PULSE_COUNT] != NULL) {
        sound = cyc_build_count(build, fields->node[CYC_KEY_PULSE_COUNT], CYC_KEY_PULSE_COUNT, 1.0,
                                &more->count) &&
                sound;
    }
    if (at != NULL) {
        sound = parse_values(build, at, CYC_KEY_RESISTANCE_AT, true, &more->resistance_at_s,
                             &more->resistance_at_count) &&
                check_resistance_at(build, at, more) && sound;
    }
    return parse_cutoffs(build, fields, plan) && sound;
}

static bool parse_sweep(struct cyc_build *build, const struct cyc_fields *fields,
                        struct cyc_step_plan *plan)
{
    struct cyc_fields inner;
    const struct cyc_node *const node = fields->node[CYC_KEY_SWEEP];
    struct cyc_step_more *const more = more_of(build, plan);
    plan->mode = CYC_MODE_SWEEP;
    plan->control = CYC_CONTROL_VOLTAGE;
    plan->time_stated = true;
    if (more == NULL || !cyc_build_fields(build, node, CYC_PLACE_SWEEP, &inner)) {
        return false;
    }
    const struct cyc_node *const to = inner.node[CYC_KEY_SWEEP_TO];
    const struct cyc_node *const rate = inner.node[CYC_KEY_SWEEP_RATE];
    if (to == NULL || rate == NULL) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "a sweep needs `%s`", to == NULL ? "to" : "rate");
        hint(build, diag, "sweep: {to: [4.2 V, 3 V], rate: 0.1 mV/s}");
        return false;
    }
    cyc_build_enter(build, "sweep", 0);
    bool sound =
        parse_values(build, to, CYC_KEY_SWEEP_TO, false, &more->sweep_to_V, &more->sweep_count);
    sound =
        positive(build, rate, CYC_KEY_SWEEP_RATE, false, &more->sweep_rate_V_per_s, NULL) && sound;
    if (inner.node[CYC_KEY_SWEEP_FROM] != NULL) {
        sound = cyc_build_value(build, inner.node[CYC_KEY_SWEEP_FROM], CYC_KEY_SWEEP_FROM,
                                &more->sweep_from_V, NULL) &&
                sound;
    }
    cyc_build_leave(build);
    sound = optional(build, fields, CYC_KEY_CURRENT, false, &more->current_A) && sound;
    return parse_cutoffs(build, fields, plan) && sound;
}

static bool parse_profile(struct cyc_build *build, const struct cyc_fields *fields,
                          struct cyc_step_plan *plan)
{
    struct cyc_step_more *const more = more_of(build, plan);
    plan->mode = CYC_MODE_PROFILE;
    plan->time_stated = true;
    if (more == NULL) {
        return false;
    }
    more->profile = cyc_profile_read(build, fields->node[CYC_KEY_PROFILE]);
    bool sound = more->profile != NULL;
    plan->control = sound ? more->profile->control : CYC_CONTROL_CURRENT;
    build->current_seen = build->current_seen || plan->control == CYC_CONTROL_CURRENT;
    sound = optional(build, fields, CYC_KEY_PROFILE_SCALE, false, &more->scale) && sound;
    if (fields->node[CYC_KEY_PROFILE_TIMES] != NULL) {
        sound = cyc_build_count(build, fields->node[CYC_KEY_PROFILE_TIMES], CYC_KEY_PROFILE_TIMES,
                                1.0, &more->count) &&
                sound;
    }
    return parse_cutoffs(build, fields, plan) && sound;
}

static bool parse_impedance(struct cyc_build *build, const struct cyc_fields *fields,
                            struct cyc_step_plan *plan)
{
    struct cyc_fields inner;
    const struct cyc_node *const node = fields->node[CYC_KEY_IMPEDANCE];
    struct cyc_step_more *const more = more_of(build, plan);
    enum cyc_kind kind = CYC_KIND_VOLTAGE;
    plan->mode = CYC_MODE_IMPEDANCE;
    plan->control = CYC_CONTROL_VOLTAGE;
    plan->time_stated = true;
    if (more == NULL || !cyc_build_fields(build, node, CYC_PLACE_IMPEDANCE, &inner)) {
        return false;
    }
    const struct cyc_node *const peak = inner.node[CYC_KEY_AMPLITUDE];
    const struct cyc_node *const rms = inner.node[CYC_KEY_AMPLITUDE_RMS];
    if ((peak == NULL) == (rms == NULL) || inner.node[CYC_KEY_IMPEDANCE_FROM] == NULL ||
        inner.node[CYC_KEY_IMPEDANCE_TO] == NULL) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos, "an impedance needs `amplitude` or `amplitude_rms`, `from` and `to`");
        hint(build, diag, "impedance: {amplitude: 10 mV, from: 100 kHz, to: 10 mHz}");
        return false;
    }
    const enum cyc_key key = peak != NULL ? CYC_KEY_AMPLITUDE : CYC_KEY_AMPLITUDE_RMS;
    cyc_build_enter(build, "impedance", 0);
    bool sound = positive(build, inner.node[key], key, false, &more->amplitude, &kind);
    more->rms = rms != NULL;
    more->galvanostatic = kind == CYC_KIND_CURRENT;
    sound = optional(build, &inner, CYC_KEY_IMPEDANCE_FROM, false, &more->frequency_from_Hz) &&
            optional(build, &inner, CYC_KEY_IMPEDANCE_TO, false, &more->frequency_to_Hz) && sound;
    sound = optional(build, &inner, CYC_KEY_POINTS_PER_DECADE, false, &more->points_per_decade) &&
            sound;
    cyc_build_leave(build);
    if (fields->node[CYC_KEY_BIAS] != NULL) {
        sound =
            cyc_build_value(build, fields->node[CYC_KEY_BIAS], CYC_KEY_BIAS, &more->bias, &kind) &&
            sound;
        more->bias_current = kind == CYC_KIND_CURRENT;
    }
    return parse_cutoffs(build, fields, plan) && sound;
}

static bool parse_climate(struct cyc_build *build, const struct cyc_fields *fields,
                          struct cyc_step_plan *plan)
{
    const bool heat = plan->kind == CYC_STEP_TEMPERATURE;
    const enum cyc_key key = heat ? CYC_KEY_TEMPERATURE : CYC_KEY_PRESSURE;
    const enum cyc_key within = heat ? CYC_KEY_TEMPERATURE_WITHIN : CYC_KEY_PRESSURE_WITHIN;
    const struct cyc_node *const node = fields->node[key];
    struct cyc_step_more *const more = more_of(build, plan);
    plan->mode = heat ? CYC_MODE_TEMPERATURE : CYC_MODE_PRESSURE;
    plan->control = CYC_CONTROL_OPEN;
    plan->setpoint = CYC_VALUE_NONE;
    if (more == NULL) {
        return false;
    }
    more->off = cyc_node_is(node, "off");
    bool sound = more->off || (heat ? cyc_build_value(build, node, key, &plan->setpoint, NULL)
                                    : positive(build, node, key, true, &plan->setpoint, NULL));
    sound = optional(build, fields, within, false, &more->within) && sound;
    sound = optional(build, fields, CYC_KEY_SOAK, true, &more->soak_s) && sound;
    sound = optional(build, fields, CYC_KEY_RAMP, false, &more->ramp_K_per_s) && sound;
    if (fields->node[CYC_KEY_WAIT] != NULL) {
        sound = cyc_build_yes_no(build, fields->node[CYC_KEY_WAIT], &more->wait) && sound;
    }
    more->wait = more->wait && !more->off;
    plan->time_stated = !more->wait;
    if (!more->wait && (fields->node[within] != NULL || fields->node[CYC_KEY_SOAK] != NULL)) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->key_pos, "without waiting, `within` and `soak` have no meaning");
        hint(build, diag, "remove them, or wait");
        sound = false;
    }
    return sound;
}

static bool parse_ask(struct cyc_build *build, const struct cyc_fields *fields,
                      struct cyc_step_plan *plan)
{
    const struct cyc_node *const node = fields->node[CYC_KEY_ASK];
    struct cyc_step_more *const more = more_of(build, plan);
    plan->mode = CYC_MODE_ASK;
    plan->control = CYC_CONTROL_OPEN;
    plan->setpoint = CYC_VALUE_NONE;
    plan->time_stated = true;
    return more != NULL && cyc_build_scalar(build, node, "a question") &&
           cyc_build_text(build, node, &more->text);
}

bool cyc_step_parse(struct cyc_build *build, const struct cyc_node *node,
                    const struct cyc_fields *fields, enum cyc_step_kind kind,
                    struct cyc_step_plan *plan)
{
    static bool (*const parsers[])(struct cyc_build *, const struct cyc_fields *,
                                   struct cyc_step_plan *) = {
        [CYC_STEP_CHARGE] = parse_charge,
        [CYC_STEP_DISCHARGE] = parse_charge,
        [CYC_STEP_HOLD] = parse_hold,
        [CYC_STEP_REST] = parse_rest,
        [CYC_STEP_PULSE] = parse_pulse,
        [CYC_STEP_SWEEP] = parse_sweep,
        [CYC_STEP_PROFILE] = parse_profile,
        [CYC_STEP_IMPEDANCE] = parse_impedance,
        [CYC_STEP_TEMPERATURE] = parse_climate,
        [CYC_STEP_PRESSURE] = parse_climate,
        [CYC_STEP_ASK] = parse_ask,
    };
    memset(plan, 0, sizeof *plan);
    plan->kind = (uint8_t)kind;
    plan->pos = node->child != NULL ? node->child->key_pos : node->pos;
    plan->hold_V = CYC_VALUE_NONE;
    plan->number = ++build->step_count;
    plan->in_cycle = build->scope.in_cycle;
    plan->block_depth = (uint8_t)build->scope.block_depth;
    if (kind <= CYC_STEP_DISCHARGE) {
        return parsers[kind](build, fields, plan); /* reads the common part in its midst */
    }
    const bool sound = parsers[kind](build, fields, plan);
    const bool common = parse_common(build, fields, plan);
    if (plan->more != NULL && cyc_value_stated(&plan->more->timeout_s)) {
        plan->time_stated = true;
    }
    for (unsigned i = 0; i < plan->cutoff_count; i++) {
        plan->time_stated = plan->time_stated || states_time(&plan->cutoffs[i]);
    }
    return sound && common;
}
