/* Cutoffs in every form: a bare quantity, a condition, a mapping, a list of these. */
#include "protocol/step.h"

#include <string.h>

/* ---- What a bare quantity means -------------------------------------------------------------- */

static void hint(struct cyc_build *build, struct cyc_diag *diag, const char *text)
{
    diag->hint = cyc_diags_format(build->diags, "%s", text);
}

static bool is_charge_or_discharge(const struct cyc_cutoff_owner *owner)
{
    return owner->step_kind == CYC_STEP_CHARGE || owner->step_kind == CYC_STEP_DISCHARGE;
}

static const char *comparison_for(enum cyc_kind kind)
{
    switch (kind) {
    case CYC_KIND_VOLTAGE:
        return "write a comparison: voltage <= 2.5 V";
    case CYC_KIND_CURRENT:
        return "write a comparison: abs(current) < 1 mA";
    case CYC_KIND_POWER:
        return "write a comparison: abs(power) < 1 mW";
    case CYC_KIND_FRACTION:
        return "write a comparison: soc <= 50 %";
    case CYC_KIND_TEMPERATURE:
    case CYC_KIND_TEMPERATURE_DIFFERENCE:
        return "write a comparison: temperature > 45 degC";
    case CYC_KIND_PRESSURE:
    case CYC_KIND_FORCE:
        return "write a comparison: pressure < 40 MPa";
    case CYC_KIND_VOLTAGE_RATE:
        return "write a comparison: abs(dV/dt) < 1 mV/h";
    case CYC_KIND_CURRENT_RATE:
    case CYC_KIND_FRACTION_RATE:
        return "write a comparison: abs(dI/dt) < 1 %/h";
    case CYC_KIND_TEMPERATURE_RATE:
        return "write a comparison: abs(dT/dt) < 0.1 K/h";
    case CYC_KIND_NUMBER:
        return "give it a unit, such as 4.2 V, 1 h or 180 mAh/g";
    case CYC_KIND_CAPACITY:
    case CYC_KIND_ENERGY:
    case CYC_KIND_RESISTANCE:
    case CYC_KIND_TIME:
    case CYC_KIND_FREQUENCY:
    case CYC_KIND_MASS:
    case CYC_KIND_AREA:
    case CYC_KIND_PRESSURE_RATE:
    case CYC_KIND_BOOLEAN:
    case CYC_KIND_TEXT:
    case CYC_KIND_COUNT:
        return "a cutoff is a voltage, current, time, charge, energy or a condition";
    }
    return "";
}

static bool refuse_bare(struct cyc_build *build, const struct cyc_node *node,
                        const struct cyc_cutoff_owner *owner, enum cyc_kind kind)
{
    const char *const where =
        owner->step_kind < 0 ? "the protocol" : cyc_place_name((unsigned)owner->step_kind);
    struct cyc_diag *diag = NULL;
    if (kind == CYC_KIND_VOLTAGE && owner->with_hold) {
        diag = cyc_build_error(build, node->pos,
                               "a voltage cutoff beside hold can never end the step");
        hint(build, diag, "end it by a current, a time or a charge: cutoff: C/20");
    } else if (kind == CYC_KIND_CURRENT && is_charge_or_discharge(owner)) {
        diag = cyc_build_error(build, node->pos,
                               "a current cutoff needs a constant voltage before it");
        hint(build, diag, "add hold: 4.2 V, or write a comparison: abs(current) < 1 mA");
    } else {
        diag = cyc_build_error(build, node->pos, "a bare %s ends nothing in %s",
                               cyc_kind_name(kind), where);
        hint(build, diag, comparison_for(kind));
    }
    return false;
}

/* Fills signal, direction, reason and entry of a bare quantity of this kind. */
static bool classify_bare(struct cyc_build *build, const struct cyc_node *node,
                          const struct cyc_cutoff_owner *owner, enum cyc_kind kind,
                          struct cyc_cutoff_plan *plan)
{
    plan->scope = (uint8_t)owner->scope;
    plan->entry = CYC_ENTRY_BEFORE;
    if (kind == CYC_KIND_TIME) {
        plan->signal = CYC_SIGNAL_TIME;
        plan->reason = CYC_REASON_TIME;
        return true;
    }
    if (kind == CYC_KIND_CAPACITY) {
        plan->signal = CYC_SIGNAL_CAPACITY;
        plan->reason = CYC_REASON_CAPACITY;
        return true;
    }
    if (kind == CYC_KIND_ENERGY) {
        plan->signal = CYC_SIGNAL_ENERGY;
        plan->reason = CYC_REASON_ENERGY;
        return true;
    }
    plan->scope = CYC_SCOPE_STEP;
    if (kind == CYC_KIND_VOLTAGE && is_charge_or_discharge(owner) && !owner->with_hold) {
        plan->signal = CYC_SIGNAL_VOLTAGE;
        plan->reason = CYC_REASON_VOLTAGE;
        plan->entry = CYC_ENTRY_OPEN;
        plan->at_or_below = !owner->charging;
        return true;
    }
    if (kind == CYC_KIND_CURRENT && (owner->with_hold || owner->step_kind == CYC_STEP_HOLD)) {
        plan->signal = CYC_SIGNAL_CURRENT;
        plan->reason = CYC_REASON_CURRENT;
        plan->entry = CYC_ENTRY_SETTLED;
        plan->at_or_below = true;
        plan->hold_only = owner->with_hold;
        return true;
    }
    return refuse_bare(build, node, owner, kind);
}

static bool check_bare(struct cyc_build *build, const struct cyc_node *node,
                       const struct cyc_cutoff_plan *plan)
{
    const double value = plan->bare.value;
    if (plan->bare.expr != NULL || plan->signal == CYC_SIGNAL_VOLTAGE || value > 0.0) {
        return true;
    }
    if (value == 0.0 && plan->signal == CYC_SIGNAL_TIME) {
        return true;
    }
    struct cyc_diag *const diag = cyc_build_error(
        build, node->pos, "a %s cutoff must be greater than zero", cyc_signal_name(plan->signal));
    hint(build, diag, "cutoffs of current, charge and energy are magnitudes");
    return false;
}

/* ---- Conditions ------------------------------------------------------------------------------ */

#define SIGNALS(first, last) (((1u << ((last) + 1)) - 1) & ~((1u << (first)) - 1))

static enum cyc_reason reason_of(const struct cyc_expr_use *use)
{
    static const struct {
        uint32_t signals;
        enum cyc_reason reason;
    } groups[] = {
        {1u << CYC_SIGNAL_VOLTAGE | 1u << CYC_SIGNAL_PEAK, CYC_REASON_VOLTAGE},
        {1u << CYC_SIGNAL_CURRENT, CYC_REASON_CURRENT},
        {1u << CYC_SIGNAL_TEMPERATURE | 1u << CYC_SIGNAL_AMBIENT, CYC_REASON_TEMPERATURE},
        {1u << CYC_SIGNAL_PRESSURE, CYC_REASON_PRESSURE},
        {1u << CYC_SIGNAL_TIME | 1u << CYC_SIGNAL_HOLD_TIME, CYC_REASON_TIME},
        {SIGNALS(CYC_SIGNAL_CHARGE_CAPACITY, CYC_SIGNAL_CAPACITY), CYC_REASON_CAPACITY},
        {SIGNALS(CYC_SIGNAL_CHARGE_ENERGY, CYC_SIGNAL_ENERGY), CYC_REASON_ENERGY},
    };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0] && !use->slope; i++) {
        if (use->signals != 0 && (use->signals & ~groups[i].signals) == 0) {
            return groups[i].reason;
        }
    }
    return CYC_REASON_CONDITION;
}

static enum cyc_entry entry_of(const struct cyc_expr_use *use)
{
    if (use->slope || (use->signals & (1u << CYC_SIGNAL_CURRENT | 1u << CYC_SIGNAL_POWER)) != 0) {
        return CYC_ENTRY_SETTLED;
    }
    const uint32_t potentials = 1u << CYC_SIGNAL_VOLTAGE | 1u << CYC_SIGNAL_PEAK;
    return (use->signals & potentials) != 0 ? CYC_ENTRY_OPEN : CYC_ENTRY_BEFORE;
}

static bool take_condition(struct cyc_build *build, const struct cyc_node *node,
                           const struct cyc_expr *expr, struct cyc_cutoff_plan *plan)
{
    struct cyc_expr_use use;
    cyc_expr_use(expr, &use);
    plan->when = expr;
    plan->reason = (uint8_t)reason_of(&use);
    plan->entry = (uint8_t)entry_of(&use);
    if (use.signals == 0 && !use.slope) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos, "nothing in this condition changes while the step runs");
        hint(build, diag, "compare a measured quantity, or use `if` or `leave_when`");
        return false;
    }
    return true;
}

/* A quantity with nothing behind it but, perhaps, `vs` and an electrode. */
static bool is_literal(const char *text, size_t size)
{
    struct cyc_quantity quantity;
    size_t used = 0;
    if (cyc_quantity_scan(text, size, &quantity, &used, NULL) != CYC_OK) {
        return memchr(text, '<', size) == NULL && memchr(text, '>', size) == NULL &&
               memchr(text, '=', size) == NULL;
    }
    while (used < size && text[used] == ' ') {
        used++;
    }
    return used == size ||
           (size - used > 3 && memcmp(text + used, "vs ", 3) == 0 &&
            memchr(text + used + 3, ' ', size - used - 3) == NULL &&
            memchr(text + used + 3, '<', size - used - 3) == NULL &&
            memchr(text + used + 3, '>', size - used - 3) == NULL) ||
           (text[used] == ',' || text[used] == ':');
}

static bool begins_like_quantity(const char *text, size_t size)
{
    const char c = text[0];
    return (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '+' ||
           (size > 2 && c == 'C' && text[1] == '/');
}

/* A bare quantity or a condition. */
static bool parse_when(struct cyc_build *build, const struct cyc_node *node,
                       const struct cyc_cutoff_owner *owner, struct cyc_cutoff_plan *plan)
{
    enum cyc_kind kind = CYC_KIND_NUMBER;
    plan->pos = node->pos;
    plan->bare = CYC_VALUE_NONE;
    if (!cyc_build_scalar(build, node, "a quantity or a condition")) {
        return false;
    }
    const bool literal = node->quantity != NULL || (begins_like_quantity(node->text, node->size) &&
                                                    is_literal(node->text, node->size));
    if (literal) {
        return cyc_build_any(build, node, &plan->bare, &kind) &&
               classify_bare(build, node, owner, kind, plan) && check_bare(build, node, plan);
    }
    const size_t skip = node->text[0] == '=' ? 1 : 0;
    const struct cyc_expr *const expr = cyc_build_expr(build, node, skip);
    if (expr == NULL) {
        return false;
    }
    kind = cyc_expr_kind(expr);
    if (kind == CYC_KIND_BOOLEAN) {
        return take_condition(build, node, expr, plan);
    }
    plan->bare.expr = expr;
    if (cyc_expr_is_constant(expr, &plan->bare.value)) {
        plan->bare.expr = NULL;
    }
    if (skip == 0) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "a value to be computed begins with =");
        diag->hint = cyc_diags_format(build->diags, "= %.60s", node->text);
        return false;
    }
    return classify_bare(build, node, owner, kind, plan) && check_bare(build, node, plan);
}

/* ---- Mappings -------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum cyc_follow_up action;
} actions[] = {
    {"next", CYC_FOLLOW_NEXT},   {"leave", CYC_FOLLOW_LEAVE}, {"goto", CYC_FOLLOW_GOTO},
    {"pause", CYC_FOLLOW_PAUSE}, {"stop", CYC_FOLLOW_STOP},   {"fail", CYC_FOLLOW_FAIL},
};

static bool parse_action(struct cyc_build *build, const struct cyc_node *node,
                         struct cyc_cutoff_plan *plan)
{
    if (!cyc_build_scalar(build, node, "a follow-up")) {
        return false;
    }
    const size_t size = strcspn(node->text, " ");
    const char *target = node->text + size;
    while (*target == ' ') {
        target++;
    }
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strlen(actions[i].word) != size || memcmp(actions[i].word, node->text, size) != 0) {
            continue;
        }
        plan->action = (uint8_t)actions[i].action;
        const bool wants = actions[i].action == CYC_FOLLOW_GOTO;
        const bool may = wants || actions[i].action == CYC_FOLLOW_LEAVE;
        if ((*target != '\0' && !may) || (*target == '\0' && wants)) {
            break;
        }
        if (wants && build->script) {
            struct cyc_diag *const diag =
                cyc_build_error(build, node->pos, "goto has no meaning in a Lua protocol");
            hint(build, diag, "look at the result's reason and go on as Lua does");
            return false;
        }
        if (*target != '\0') {
            plan->more->target = cyc_diags_format(build->diags, "%s%s", build->prefix, target);
            plan->more->target =
                cyc_arena_string(build->arena, plan->more->target, strlen(plan->more->target));
            plan->more->target_pos = node->pos;
        }
        return true;
    }
    struct cyc_diag *const diag =
        cyc_build_error(build, node->pos, "`%.60s` is no follow-up", node->text);
    hint(build, diag, "next, leave, leave <id>, goto <id>, pause, stop or fail");
    return false;
}

static bool check_duration(struct cyc_build *build, const struct cyc_node *node,
                           struct cyc_value *value, enum cyc_key key)
{
    if (node == NULL) {
        *value = CYC_VALUE_NONE;
        return true;
    }
    if (!cyc_build_value(build, node, key, value, NULL)) {
        return false;
    }
    if (value->expr == NULL && value->value < 0.0) {
        (void)cyc_build_error(build, node->pos, "a time cannot be negative");
        return false;
    }
    return true;
}

static bool check_pause(struct cyc_build *build, const struct cyc_node *node,
                        const struct cyc_fields *fields, struct cyc_cutoff_plan *plan)
{
    const bool pauses = plan->action == CYC_FOLLOW_PAUSE;
    const struct cyc_node *const resume = fields->node[CYC_KEY_RESUME];
    const struct cyc_node *const timeout = fields->node[CYC_KEY_PAUSE_TIMEOUT];
    if (pauses && (resume == NULL || timeout == NULL)) {
        struct cyc_diag *const diag = cyc_build_error(build, node->pos, "a pause needs `%s`",
                                                      resume == NULL ? "resume" : "timeout");
        hint(build, diag,
             "{when: temperature > 45 degC, action: pause, "
             "resume: temperature < 30 degC, timeout: 6 h}");
        return false;
    }
    if (!pauses && (resume != NULL || timeout != NULL)) {
        const struct cyc_node *const odd = resume != NULL ? resume : timeout;
        struct cyc_diag *const diag =
            cyc_build_error(build, odd->key_pos, "`%s` belongs to action: pause", odd->key);
        hint(build, diag, "remove it, or add action: pause");
        return false;
    }
    if (pauses) {
        plan->more->resume = cyc_build_condition(build, resume);
        return plan->more->resume != NULL &&
               check_duration(build, timeout, &plan->more->pause_timeout_s, CYC_KEY_PAUSE_TIMEOUT);
    }
    return true;
}

static bool parse_all(struct cyc_build *build, const struct cyc_node *list,
                      const struct cyc_cutoff_owner *owner, struct cyc_cutoff_plan *plan)
{
    bool sound = true;
    unsigned index = 0;
    if (list->type != CYC_NODE_SEQUENCE || list->child_count < 2) {
        struct cyc_diag *const diag =
            cyc_build_error(build, list->pos, "`all` is a list of at least two conditions");
        hint(build, diag, "{all: [time > 1 h, abs(dV/dt) < 1 mV/h]}");
        return false;
    }
    struct cyc_cutoff_plan *const items =
        cyc_arena_array(build->arena, list->child_count, sizeof *items);
    if (items == NULL) {
        return false;
    }
    plan->more->all = items;
    plan->more->all_count = list->child_count;
    plan->reason = CYC_REASON_CONDITION;
    for (const struct cyc_node *item = list->child; item != NULL; item = item->next, index++) {
        cyc_build_enter(build, NULL, index);
        sound = parse_when(build, item, owner, &items[index]) && sound;
        cyc_build_leave(build);
        plan->entry = items[index].entry > plan->entry ? items[index].entry : plan->entry;
        plan->hold_only = plan->hold_only || items[index].hold_only;
    }
    return sound;
}

static bool parse_mapping(struct cyc_build *build, const struct cyc_node *node,
                          const struct cyc_cutoff_owner *owner, struct cyc_cutoff_plan *plan)
{
    struct cyc_fields fields;
    bool sound = cyc_build_fields(build, node, CYC_PLACE_CUTOFF, &fields);
    const struct cyc_node *const when = fields.node[CYC_KEY_WHEN];
    const struct cyc_node *const all = fields.node[CYC_KEY_ALL];
    plan->more = cyc_arena_alloc(build->arena, sizeof *plan->more);
    if (plan->more == NULL) {
        return false;
    }
    plan->pos = node->pos;
    plan->bare = CYC_VALUE_NONE;
    plan->more->pause_timeout_s = CYC_VALUE_NONE;
    if ((when == NULL) == (all == NULL)) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos,
            when == NULL ? "a cutoff needs `when`" : "`when` and `all` exclude each other");
        hint(build, diag, "{when: temperature > 45 degC, action: stop}");
        sound = false;
    } else if (when != NULL) {
        cyc_build_enter(build, "when", 0);
        sound = parse_when(build, when, owner, plan) && sound;
        cyc_build_leave(build);
    } else {
        cyc_build_enter(build, "all", 0);
        sound = parse_all(build, all, owner, plan) && sound;
        cyc_build_leave(build);
    }
    if (fields.node[CYC_KEY_ACTION] != NULL) {
        sound = parse_action(build, fields.node[CYC_KEY_ACTION], plan) && sound;
    }
    sound = check_pause(build, node, &fields, plan) && sound;
    sound = check_duration(build, fields.node[CYC_KEY_LASTING], &plan->more->lasting_s,
                           CYC_KEY_LASTING) &&
            sound;
    sound =
        check_duration(build, fields.node[CYC_KEY_AFTER], &plan->more->after_s, CYC_KEY_AFTER) &&
        sound;
    return check_duration(build, fields.node[CYC_KEY_OVER], &plan->more->over_s, CYC_KEY_OVER) &&
           sound;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static bool parse_one(struct cyc_build *build, const struct cyc_node *node,
                      const struct cyc_cutoff_owner *owner, struct cyc_cutoff_plan *plan)
{
    const bool block = owner->step_kind >= CYC_STEP_REPEAT;
    plan->action = owner->step_kind < 0 ? CYC_FOLLOW_STOP
                   : block              ? CYC_FOLLOW_LEAVE
                                        : CYC_FOLLOW_NEXT;
    return node->type == CYC_NODE_MAPPING ? parse_mapping(build, node, owner, plan)
                                          : parse_when(build, node, owner, plan);
}

bool cyc_cutoffs_parse(struct cyc_build *build, const struct cyc_node *node,
                       const struct cyc_cutoff_owner *owner, struct cyc_cutoffs *cutoffs)
{
    const bool list = node->type == CYC_NODE_SEQUENCE;
    const unsigned count = list ? node->child_count : 1;
    bool sound = true;
    *cutoffs = (struct cyc_cutoffs){NULL, 0};
    if (count == 0 || count > CYC_CUTOFFS_MAX) {
        (void)cyc_build_error(build, node->pos,
                              count == 0 ? "an empty list of cutoffs" : "more than %d cutoffs",
                              CYC_CUTOFFS_MAX);
        return false;
    }
    struct cyc_cutoff_plan *const items = cyc_arena_array(build->arena, count, sizeof *items);
    if (items == NULL) {
        return false;
    }
    cyc_build_enter(build, "cutoff", 0);
    unsigned index = 0;
    for (const struct cyc_node *item = list ? node->child : node; item != NULL;
         item = list ? item->next : NULL, index++) {
        if (list) {
            cyc_build_enter(build, NULL, index);
        }
        sound = parse_one(build, item, owner, &items[index]) && sound;
        if (list) {
            cyc_build_leave(build);
        }
    }
    cyc_build_leave(build);
    *cutoffs = (struct cyc_cutoffs){items, count};
    return sound;
}
