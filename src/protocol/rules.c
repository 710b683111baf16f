/* Limits and the record rule, at every level. */
#include "protocol/step.h"

#include <string.h>

/* ---- Limits ---------------------------------------------------------------------------------- */

static const struct limit_row {
    enum cyc_key key;
    enum cyc_signal signal;
    bool both_ways; /* one value bounds both directions */
} limit_rows[] = {
    {CYC_KEY_LIMIT_VOLTAGE, CYC_SIGNAL_VOLTAGE, false},
    {CYC_KEY_LIMIT_CURRENT, CYC_SIGNAL_CURRENT, true},
    {CYC_KEY_LIMIT_POWER, CYC_SIGNAL_POWER, true},
    {CYC_KEY_LIMIT_TEMPERATURE, CYC_SIGNAL_TEMPERATURE, false},
    {CYC_KEY_LIMIT_PRESSURE, CYC_SIGNAL_PRESSURE, false},
};
enum {
    LIMIT_ROWS = sizeof limit_rows / sizeof limit_rows[0],
    LIMITS_MAX = LIMIT_ROWS + CYC_AUX_MAX + 2
};

/* One side of a limit; the plan says of what. */
static bool parse_bound(struct cyc_build *build, const struct cyc_node *node,
                        const struct limit_row *row, const struct cyc_limit_plan *limit,
                        struct cyc_value *value)
{
    const struct cyc_sensors *const sensors = &build->cell->sensors;
    return row->signal != CYC_SIGNAL_AUX
               ? cyc_build_value(build, node, row->key, value, NULL)
               : cyc_build_sensor_value(build, node, &sensors->items[limit->index], false, value);
}

static bool parse_pair(struct cyc_build *build, const struct cyc_node *node,
                       const struct limit_row *row, struct cyc_limit_plan *limit)
{
    const char *const key = node->key;
    limit->signal = (uint8_t)row->signal;
    limit->low = limit->high = CYC_VALUE_NONE;
    limit->pos = node->pos;
    if (node->type == CYC_NODE_SCALAR && row->both_ways) {
        if (!parse_bound(build, node, row, limit, &limit->high)) {
            return false;
        }
        if (limit->high.expr == NULL && limit->high.value <= 0.0) {
            (void)cyc_build_error(build, node->pos, "limits.%s must be greater than zero", key);
            return false;
        }
        limit->low = limit->high; /* mirrored when resolved */
        limit->low.value = -limit->high.value;
        return true;
    }
    if (node->type != CYC_NODE_SEQUENCE || node->child_count != 2) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "limits.%s is a pair: [lowest, highest]", key);
        diag->hint = cyc_diags_format(build->diags, "for example, %s: [%s, %s]", key,
                                      row->signal == CYC_SIGNAL_VOLTAGE ? "2.5 V" : "…",
                                      row->signal == CYC_SIGNAL_VOLTAGE ? "4.3 V" : "…");
        return false;
    }
    if (!parse_bound(build, node->child, row, limit, &limit->low) ||
        !parse_bound(build, node->child->next, row, limit, &limit->high)) {
        return false;
    }
    if (limit->low.expr == NULL && limit->high.expr == NULL &&
        limit->low.value >= limit->high.value) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos, "the lower limit of %s is not below the upper one", key);
        diag->hint = cyc_diags_format(build->diags, "write %s: [lowest, highest]", key);
        return false;
    }
    return true;
}

static bool parse_capacity(struct cyc_build *build, const struct cyc_node *node,
                           struct cyc_limits *limits, struct cyc_limit_plan *items)
{
    struct cyc_value high;
    if (!cyc_build_value(build, node, CYC_KEY_LIMIT_CAPACITY, &high, NULL)) {
        return false;
    }
    if (high.expr == NULL && high.value <= 0.0) {
        (void)cyc_build_error(build, node->pos, "limits.capacity must be greater than zero");
        return false;
    }
    items[limits->count++] =
        (struct cyc_limit_plan){CYC_SIGNAL_CHARGE_CAPACITY, 0, CYC_VALUE_NONE, high, node->pos};
    items[limits->count++] =
        (struct cyc_limit_plan){CYC_SIGNAL_DISCHARGE_CAPACITY, 0, CYC_VALUE_NONE, high, node->pos};
    return true;
}

/* A current may go either way, as that of the cell. */
static bool parse_sensors(struct cyc_build *build, const struct cyc_fields *fields,
                          struct cyc_limits *limits, struct cyc_limit_plan *items)
{
    bool sound = true;
    for (uint8_t i = 0; i < CYC_AUX_MAX; i++) {
        if (fields->sensor[i] == NULL) {
            continue;
        }
        const struct limit_row row = {CYC_KEY_LIMIT_SENSOR, CYC_SIGNAL_AUX,
                                      build->cell->sensors.items[i].kind == CYC_KIND_CURRENT};
        items[limits->count].index = i;
        if (parse_pair(build, fields->sensor[i], &row, &items[limits->count])) {
            limits->count++;
        } else {
            sound = false;
        }
    }
    return sound;
}

bool cyc_limits_parse(struct cyc_build *build, const struct cyc_node *node,
                      struct cyc_limits *limits)
{
    struct cyc_fields fields;
    *limits = (struct cyc_limits){NULL, 0};
    cyc_build_enter(build, "limits", 0);
    bool sound = cyc_build_fields(build, node, CYC_PLACE_LIMITS, &fields);
    struct cyc_limit_plan *const items = cyc_arena_array(build->arena, LIMITS_MAX, sizeof *items);
    for (unsigned i = 0; i < LIMIT_ROWS && items != NULL; i++) {
        const struct cyc_node *const value = fields.node[limit_rows[i].key];
        if (value != NULL && parse_pair(build, value, &limit_rows[i], &items[limits->count])) {
            limits->count++;
        } else if (value != NULL) {
            sound = false;
        }
    }
    if (fields.node[CYC_KEY_LIMIT_CAPACITY] != NULL && items != NULL) {
        sound = parse_capacity(build, fields.node[CYC_KEY_LIMIT_CAPACITY], limits, items) && sound;
    }
    if (items != NULL) {
        sound = parse_sensors(build, &fields, limits, items) && sound;
    }
    limits->items = items;
    cyc_build_leave(build);
    return sound && items != NULL;
}

/* ---- Record ---------------------------------------------------------------------------------- */

static const enum cyc_key record_keys[CYC_RECORD_KEY_COUNT] = {
    [CYC_RECORD_EVERY] = CYC_KEY_RECORD_EVERY,
    [CYC_RECORD_VOLTAGE] = CYC_KEY_RECORD_VOLTAGE,
    [CYC_RECORD_CURRENT] = CYC_KEY_RECORD_CURRENT,
    [CYC_RECORD_CAPACITY] = CYC_KEY_RECORD_CAPACITY,
    [CYC_RECORD_TEMPERATURE] = CYC_KEY_RECORD_TEMPERATURE,
    [CYC_RECORD_PRESSURE] = CYC_KEY_RECORD_PRESSURE,
};

/* A spacing greater than zero, or 0 for `off`; of a quantity, or of a sensor where that is given.
 */
static bool parse_spacing(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                          const struct cyc_sensor *sensor, struct cyc_value *value)
{
    if (cyc_node_is(node, "off")) {
        *value = (struct cyc_value){0.0, NULL};
        return true;
    }
    if (sensor != NULL ? !cyc_build_sensor_value(build, node, sensor, true, value)
                       : !cyc_build_value(build, node, key, value, NULL)) {
        return false;
    }
    if (value->expr == NULL && value->value <= 0.0) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "`%s` must be greater than zero", node->key);
        diag->hint = cyc_diags_format(build->diags, "to remove the rule: %s: off", node->key);
        return false;
    }
    return true;
}

struct burst_list {
    struct cyc_burst *items;
    unsigned count;
};

static bool parse_burst(struct cyc_build *build, const struct cyc_node *node, void *context)
{
    struct burst_list *const list = context;
    struct cyc_fields fields;
    double during_s = 0.0;
    double every_s = 0.0;
    if (!cyc_build_fields(build, node, CYC_PLACE_BURST, &fields)) {
        return false;
    }
    if (fields.node[CYC_KEY_BURST_DURING] == NULL || fields.node[CYC_KEY_BURST_EVERY] == NULL) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "a burst needs `during` and `every`");
        diag->hint = "burst: [{during: 1 s, every: 10 ms}]";
        return false;
    }
    if (!cyc_build_constant(build, fields.node[CYC_KEY_BURST_DURING], CYC_KEY_BURST_DURING,
                            &during_s) ||
        !cyc_build_constant(build, fields.node[CYC_KEY_BURST_EVERY], CYC_KEY_BURST_EVERY,
                            &every_s)) {
        return false;
    }
    if (!(every_s >= 1e-6) || !(during_s >= every_s) || during_s > 1e9) {
        (void)cyc_build_error(build, node->pos,
                              "`every` must be shorter than `during` and at least 1 us");
        return false;
    }
    if (list->count == CYC_BURSTS_MAX) {
        (void)cyc_build_error(build, node->pos, "more than %d bursts", CYC_BURSTS_MAX);
        return false;
    }
    list->items[list->count++] =
        (struct cyc_burst){(int64_t)(during_s * 1e9), (int64_t)(every_s * 1e9)};
    return true;
}

static bool parse_bursts(struct cyc_build *build, const struct cyc_node *node,
                         struct cyc_record_plan *record)
{
    struct burst_list list = {NULL, 0};
    record->burst_stated = true;
    if (cyc_node_is(node, "off")) {
        return true;
    }
    list.items = cyc_arena_array(build->arena, CYC_BURSTS_MAX, sizeof *list.items);
    if (list.items == NULL || !cyc_build_each(build, node, parse_burst, &list)) {
        return false;
    }
    record->bursts = list.items;
    record->burst_count = (uint8_t)list.count;
    return true;
}

bool cyc_record_parse(struct cyc_build *build, const struct cyc_node *node,
                      const struct cyc_record_plan **record)
{
    struct cyc_fields fields;
    struct cyc_record_plan *const plan = cyc_arena_alloc(build->arena, sizeof *plan);
    *record = plan;
    if (plan == NULL) {
        return false;
    }
    cyc_build_enter(build, "record", 0);
    bool sound = cyc_build_fields(build, node, CYC_PLACE_RECORD, &fields);
    for (unsigned i = 0; i < CYC_RECORD_KEY_COUNT; i++) {
        const struct cyc_node *const value = fields.node[record_keys[i]];
        plan->value[i] = CYC_VALUE_NONE;
        if (value != NULL) {
            sound = parse_spacing(build, value, record_keys[i], NULL, &plan->value[i]) && sound;
        }
    }
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        const struct cyc_node *const value = fields.sensor[i];
        plan->aux[i] = CYC_VALUE_NONE;
        if (value != NULL) {
            sound = parse_spacing(build, value, CYC_KEY_RECORD_SENSOR,
                                  &build->cell->sensors.items[i], &plan->aux[i]) &&
                    sound;
        }
    }
    if (fields.node[CYC_KEY_BURST] != NULL) {
        sound = parse_bursts(build, fields.node[CYC_KEY_BURST], plan) && sound;
    }
    cyc_build_leave(build);
    return sound;
}
