#include "protocol/header.h"

#include "protocol/names.h"

#include <stdio.h>
#include <string.h>

/* ---- Version and cell ------------------------------------------------------------------------ */

bool cyc_header_version(struct cyc_build *build, const struct cyc_node *root,
                        const struct cyc_fields *header, enum cyc_key key, const char *example)
{
    const struct cyc_node *const version = header->node[key];
    if (cyc_node_is(version, "1")) {
        return true;
    }
    struct cyc_diag *const diag =
        version == NULL
            ? cyc_build_error(build, root->pos, "`%s` is missing", cyc_schema[key].key)
            : cyc_build_error(build, version->pos, "`%s` must be 1", cyc_schema[key].key);
    diag->hint = cyc_diags_format(build->diags, "begin the file with %s", example);
    return false;
}

static bool read_fixed_text(struct cyc_build *build, const struct cyc_node *node, char *target,
                            size_t size)
{
    if (!cyc_build_scalar(build, node, "text")) {
        return false;
    }
    if (!cyc_copy(target, size, node->text)) {
        (void)cyc_build_error(build, node->pos, "longer than %zu bytes", size - 1);
        return false;
    }
    return true;
}

/* one_c and nominal_capacity keep the basis they are written against. */
static bool read_basis_quantity(struct cyc_build *build, const struct cyc_node *node,
                                enum cyc_kind kind, struct cyc_quantity *quantity)
{
    struct cyc_err err;
    struct cyc_quantity read;
    if (!cyc_build_scalar(build, node, "a quantity")) {
        return false;
    }
    if (node->quantity != NULL) {
        read = *node->quantity;
    } else if (cyc_quantity_parse(node->text, node->size, &read, &err) != CYC_OK) {
        cyc_build_refuse(build, node, &err);
        return false;
    }
    if (read.kind != kind || read.basis == CYC_BASIS_C_RATE || !(read.value > 0.0)) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "`%s` must be a %s greater than zero", node->key,
                            cyc_kind_name(kind));
        diag->hint = kind == CYC_KIND_CURRENT ? "the current of 1C: 200 mA/g, 2 mA/cm2 or 5 A"
                                              : "for example, 290 mAh/g or 5 Ah";
        return false;
    }
    *quantity = read;
    return true;
}

static bool read_positive(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                          double *value)
{
    if (!cyc_build_constant(build, node, key, value)) {
        return false;
    }
    if (!(*value > 0.0)) {
        (void)cyc_build_error(build, node->pos, "`%s` must be greater than zero", node->key);
        return false;
    }
    return true;
}

bool cyc_header_references(struct cyc_build *build, const struct cyc_node *node,
                           struct cyc_cell_facts *facts)
{
    const unsigned most = sizeof facts->references / sizeof facts->references[0];
    if (node->type != CYC_NODE_MAPPING) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "`references` are names with offsets");
        diag->hint = "references: {Na/Na+: 0.33 V}";
        return false;
    }
    for (const struct cyc_node *child = node->child; child != NULL; child = child->next) {
        double offset_V = 0.0;
        if (facts->reference_count == most) {
            (void)cyc_build_error(build, child->key_pos, "more than %u references", most);
            return false;
        }
        if (!cyc_build_constant(build, child, CYC_KEY_REFERENCES, &offset_V)) {
            return false;
        }
        (void)cyc_copy(facts->references[facts->reference_count].name,
                       sizeof facts->references[0].name, child->key);
        facts->references[facts->reference_count++].offset_V = offset_V;
    }
    return true;
}

/* Beside the keys of limits and record its name must be told apart. */
static bool is_no_key(struct cyc_build *build, const struct cyc_node *child)
{
    const size_t size = strlen(child->key);
    const bool in_limits = cyc_schema_find(&build->index, child->key, size, CYC_PLACE_LIMITS) >= 0;
    if (!in_limits && cyc_schema_find(&build->index, child->key, size, CYC_PLACE_RECORD) < 0) {
        return true;
    }
    struct cyc_diag *const diag = cyc_build_error(
        build, child->key_pos, "`%s` is a key of %s and cannot name a sensor", child->key,
        cyc_place_name(in_limits ? CYC_PLACE_LIMITS : CYC_PLACE_RECORD));
    diag->hint = cyc_diags_format(build->diags, "for example, %s_1", child->key);
    return false;
}

bool cyc_header_sensors(struct cyc_build *build, const struct cyc_node *node,
                        struct cyc_cell_facts *facts)
{
    static const enum cyc_kind kinds[] = {CYC_KIND_VOLTAGE, CYC_KIND_CURRENT, CYC_KIND_TEMPERATURE,
                                          CYC_KIND_PRESSURE, CYC_KIND_FORCE};
    struct cyc_sensors *const sensors = &facts->sensors;
    bool sound = true;
    if (node->type != CYC_NODE_MAPPING) {
        cyc_build_error(build, node->pos, "`sensors` are names with what each measures")->hint =
            "sensors: {anode: voltage, t_tab: temperature}";
        return false;
    }
    for (const struct cyc_node *child = node->child; child != NULL; child = child->next) {
        if (sensors->count == CYC_AUX_MAX) {
            (void)cyc_build_error(build, child->key_pos, "more than %d sensors", CYC_AUX_MAX);
            return false;
        }
        sound = cyc_build_word(build, child->key, child->key_pos, "name") &&
                is_no_key(build, child) && sound;
        size_t i = 0;
        while (i < sizeof kinds / sizeof kinds[0] && !cyc_node_is(child, cyc_kind_name(kinds[i]))) {
            i++;
        }
        if (i == sizeof kinds / sizeof kinds[0]) {
            cyc_build_error(build, child->pos, "a sensor measures a quantity")->hint =
                "one of voltage, current, temperature, pressure, force";
            sound = false;
            continue;
        }
        (void)cyc_copy(sensors->items[sensors->count].name, sizeof sensors->items[0].name,
                       child->key);
        sensors->items[sensors->count++].kind = kinds[i];
    }
    return sound;
}

bool cyc_header_cell(struct cyc_build *build, const struct cyc_node *node,
                     struct cyc_cell_facts *facts)
{
    struct cyc_fields fields;
    const struct cyc_node *const *const given = fields.node;
    unsigned choice = 0;
    cyc_build_enter(build, "cell", 0);
    bool sound = cyc_build_fields(build, node, CYC_PLACE_CELL, &fields);
    if (given[CYC_KEY_NAME] != NULL) {
        sound =
            read_fixed_text(build, given[CYC_KEY_NAME], facts->name, sizeof facts->name) && sound;
    }
    if (given[CYC_KEY_ACTIVE_MASS] != NULL) {
        sound = read_positive(build, given[CYC_KEY_ACTIVE_MASS], CYC_KEY_ACTIVE_MASS,
                              &facts->basis.active_mass_g) &&
                sound;
    }
    if (given[CYC_KEY_AREA] != NULL) {
        sound = read_positive(build, given[CYC_KEY_AREA], CYC_KEY_AREA, &facts->basis.area_cm2) &&
                sound;
    }
    if (given[CYC_KEY_ONE_C] != NULL) {
        sound = read_basis_quantity(build, given[CYC_KEY_ONE_C], CYC_KIND_CURRENT,
                                    &facts->basis.one_c) &&
                sound;
    }
    if (given[CYC_KEY_NOMINAL_CAPACITY] != NULL) {
        sound = read_basis_quantity(build, given[CYC_KEY_NOMINAL_CAPACITY], CYC_KIND_CAPACITY,
                                    &facts->basis.nominal_capacity) &&
                sound;
    }
    if (given[CYC_KEY_REFERENCE] != NULL) {
        sound = read_fixed_text(build, given[CYC_KEY_REFERENCE], facts->reference,
                                sizeof facts->reference) &&
                sound;
    }
    if (given[CYC_KEY_REFERENCES] != NULL) {
        sound = cyc_header_references(build, given[CYC_KEY_REFERENCES], facts) && sound;
    }
    if (given[CYC_KEY_SENSORS] != NULL) {
        sound = cyc_header_sensors(build, given[CYC_KEY_SENSORS], facts) && sound;
    }
    if (given[CYC_KEY_ELECTRODE] != NULL) {
        sound =
            cyc_build_choice(build, given[CYC_KEY_ELECTRODE], CYC_KEY_ELECTRODE, &choice) && sound;
        facts->electrode_negative = choice == 1;
    }
    cyc_build_leave(build);
    return sound;
}

void cyc_cell_facts_init(struct cyc_cell_facts *facts)
{
    memset(facts, 0, sizeof *facts);
    facts->basis = cyc_cell_basis_none();
    facts->voltage_resolution_V = 1e-4;
    facts->current_resolution_A = 1e-6;
    facts->temperature_resolution_K = 0.01;
}

static void take_given(struct cyc_cell_facts *facts, const struct cyc_cell_facts *given)
{
    const struct cyc_cell_basis own = facts->basis;
    const struct cyc_sensors sensors = facts->sensors;
    *facts = *given;
    if (isnan(facts->basis.active_mass_g)) {
        facts->basis.active_mass_g = own.active_mass_g;
    }
    if (isnan(facts->basis.area_cm2)) {
        facts->basis.area_cm2 = own.area_cm2;
    }
    if (isnan(facts->basis.one_c.value)) {
        facts->basis.one_c = own.one_c;
    }
    if (isnan(facts->basis.nominal_capacity.value)) {
        facts->basis.nominal_capacity = own.nominal_capacity;
    }
    if (facts->sensors.count == 0) {
        facts->sensors = sensors;
    }
}

static void take_resolution(double *resolution, double given)
{
    if (given > 0.0) {
        *resolution = given;
    }
}

void cyc_cell_merge(struct cyc_cell_facts *facts, const struct cyc_protocol_options *options)
{
    if (options->cell != NULL) {
        take_given(facts, options->cell);
    }
    if (options->sensors != NULL) {
        facts->sensors = *options->sensors;
    }
    take_resolution(&facts->voltage_resolution_V, options->voltage_resolution_V);
    take_resolution(&facts->current_resolution_A, options->current_resolution_A);
    take_resolution(&facts->temperature_resolution_K, options->temperature_resolution_K);
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static bool has_limit(const struct cyc_limits *limits, enum cyc_signal signal)
{
    for (unsigned i = 0; i < limits->count; i++) {
        if (limits->items[i].signal == signal) {
            return true;
        }
    }
    return false;
}

bool cyc_header_rules(struct cyc_compiler *compiler, const struct cyc_fields *header,
                      const struct cyc_node *root, struct cyc_rules *rules)
{
    struct cyc_build *const build = compiler->build;
    const struct cyc_node *const limits = header->node[CYC_KEY_LIMITS];
    const bool included = compiler->include_depth > 0;
    const struct cyc_cutoff_owner owner = {
        .step_kind = included ? (int)CYC_STEP_INCLUDE : -1,
        .scope = included ? (unsigned)(CYC_SCOPE_BLOCK + build->scope.block_depth - 1)
                          : (unsigned)CYC_SCOPE_TEST,
    };
    bool sound = true;
    rules->level = CYC_LEVEL_PROTOCOL;
    compiler->unit->pos = limits != NULL ? limits->key_pos : root->pos;
    if (limits != NULL) {
        sound = cyc_limits_parse(build, limits, &rules->limits);
        compiler->unit->limits_voltage = has_limit(&rules->limits, CYC_SIGNAL_VOLTAGE) || !sound;
        compiler->unit->limits_current = has_limit(&rules->limits, CYC_SIGNAL_CURRENT) || !sound;
    }
    if (header->node[CYC_KEY_RECORD] != NULL) {
        sound = cyc_record_parse(build, header->node[CYC_KEY_RECORD], &rules->record) && sound;
    }
    if (header->node[CYC_KEY_CUTOFF] != NULL) {
        sound = cyc_cutoffs_parse(build, header->node[CYC_KEY_CUTOFF], &owner, &rules->cutoffs) &&
                sound;
        cyc_compile_bounds(build, &rules->cutoffs);
    }
    return sound;
}

bool cyc_header_limits_stated(struct cyc_compiler *compiler)
{
    const struct cyc_unit *const unit = compiler->unit;
    if (unit->current_pos.line == 0 || (unit->limits_voltage && unit->limits_current)) {
        return true;
    }
    const bool voltage = !unit->limits_voltage;
    struct cyc_diag *const diag = cyc_build_error(
        compiler->build, unit->pos, "a protocol that passes current must state limits.%s",
        voltage ? "voltage" : "current");
    diag->hint =
        voltage ? "limits: {voltage: [2.5 V, 4.3 V], current: 2 C}" : "limits: {current: 2 C}";
    diag->related = unit->current_pos;
    diag->related_text = "current is first passed here";
    return false;
}

/* ---- Parameters ------------------------------------------------------------------------------ */

struct values_list {
    struct cyc_value *items;
    unsigned count;
    enum cyc_kind kind;
};

static bool take_value(struct cyc_build *build, const struct cyc_node *node, void *context)
{
    struct values_list *const list = context;
    enum cyc_kind kind = CYC_KIND_NUMBER;
    if (!cyc_build_any(build, node, &list->items[list->count], &kind)) {
        return false;
    }
    if (list->count > 0 && kind != list->kind) {
        (void)cyc_build_error(build, node->pos, "a %s among values that are each a %s",
                              cyc_kind_name(kind), cyc_kind_name(list->kind));
        return false;
    }
    list->kind = kind;
    list->count++;
    return true;
}

bool cyc_compile_values(struct cyc_build *build, const struct cyc_node *list,
                        const struct cyc_value **values, unsigned *count, enum cyc_kind *kind)
{
    struct values_list read = {NULL, 0, CYC_KIND_NUMBER};
    read.items = cyc_arena_array(build->arena, list->child_count + 1u, sizeof *read.items);
    if (read.items == NULL || !cyc_build_each(build, list, take_value, &read)) {
        return false;
    }
    *values = read.items;
    *count = read.count;
    *kind = read.kind;
    return true;
}

/* The text of a setting as a node of its own little file. */
static const struct cyc_node *setting_node(struct cyc_build *build,
                                           const struct cyc_setting *setting)
{
    char name[CYC_ID_SIZE + 16];
    struct cyc_node *node = NULL;
    (void)snprintf(name, sizeof name, "--set %s", setting->name);
    const uint16_t file =
        cyc_diags_add_file(build->diags, name, setting->value, strlen(setting->value));
    (void)cyc_tree_parse(setting->value, strlen(setting->value), file, build->arena, build->diags,
                         &node, NULL);
    return node;
}

struct parameter {
    struct cyc_value value;
    const struct cyc_value *list;
    unsigned list_count;
    enum cyc_kind kind;
};

static bool read_parameter(struct cyc_build *build, const struct cyc_node *node,
                           struct parameter *parameter)
{
    *parameter = (struct parameter){.value = CYC_VALUE_NONE};
    if (node->type == CYC_NODE_SEQUENCE) {
        return cyc_compile_values(build, node, &parameter->list, &parameter->list_count,
                                  &parameter->kind);
    }
    /* `with: {rates: = other_list}` hands a list on. */
    if (node->type == CYC_NODE_SCALAR && node->size > 1 && node->text[0] == '=') {
        const char *const name = node->text + 1 + strspn(node->text + 1, " ");
        const struct cyc_name *const found = cyc_names_find(build->names, name, strlen(name));
        if (found != NULL && found->list != NULL) {
            parameter->list = found->list;
            parameter->list_count = found->list_count;
            parameter->kind = found->kind;
            return true;
        }
    }
    return cyc_build_any(build, node, &parameter->value, &parameter->kind);
}

/* A value given in place of a default: of the same kind and shape. */
static bool override(struct cyc_compiler *compiler, const struct cyc_node *node,
                     struct cyc_names *outer, struct parameter *parameter)
{
    struct cyc_build *const build = compiler->build;
    struct cyc_names *const own = build->names;
    const char *const prefix = build->prefix;
    struct parameter given;
    if (outer != NULL) { /* `with` sees what surrounds the include */
        build->names = outer;
        build->prefix = compiler->unit->outer_prefix;
    }
    const bool sound = node != NULL && read_parameter(build, node, &given);
    build->names = own;
    build->prefix = prefix;
    if (!sound) {
        return false;
    }
    if (given.kind != parameter->kind || (given.list == NULL) != (parameter->list == NULL)) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos, "this is %s%s; the parameter is %s%s",
            given.list == NULL ? "a " : "a list of ", cyc_kind_name(given.kind),
            parameter->list == NULL ? "a " : "a list of ", cyc_kind_name(parameter->kind));
        diag->hint = "give a value like the default in the protocol";
        return false;
    }
    *parameter = given;
    return true;
}

static const struct cyc_node *given_for(struct cyc_compiler *compiler, const char *name,
                                        const struct cyc_node *with, bool *given)
{
    const struct cyc_node *const node = cyc_node_get(with, name);
    *given = node != NULL;
    if (node != NULL || compiler->include_depth > 0) {
        return node;
    }
    for (unsigned i = compiler->setting_count; i-- > 0;) { /* the last one counts */
        if (strcmp(compiler->settings[i].name, name) == 0) {
            *given = true;
            return setting_node(compiler->build, &compiler->settings[i]);
        }
    }
    return NULL;
}

static const char *nearest_parameter(const struct cyc_node *parameters, const char *word)
{
    const char *candidates[65];
    unsigned count = 0;
    for (const struct cyc_node *node = parameters == NULL ? NULL : parameters->child;
         node != NULL && count < 64; node = node->next) {
        candidates[count++] = node->key;
    }
    candidates[count] = NULL;
    return cyc_nearest(word, candidates);
}

static bool refuse_unknown(struct cyc_build *build, const struct cyc_node *parameters,
                           const char *name, struct cyc_pos pos)
{
    if (parameters != NULL && cyc_node_get(parameters, name) != NULL) {
        return true;
    }
    const char *const near = nearest_parameter(parameters, name);
    struct cyc_diag *const diag =
        cyc_build_error(build, pos, "the protocol has no parameter `%.60s`", name);
    if (near != NULL) {
        diag->hint = cyc_diags_format(build->diags, "did you mean `%s`?", near);
    }
    return false;
}

static bool check_given(struct cyc_compiler *compiler, const struct cyc_node *parameters,
                        const struct cyc_node *with)
{
    struct cyc_build *const build = compiler->build;
    bool sound = true;
    for (const struct cyc_node *node = with == NULL ? NULL : with->child; node != NULL;
         node = node->next) {
        sound = refuse_unknown(build, parameters, node->key, node->key_pos) && sound;
    }
    for (unsigned i = 0; compiler->include_depth == 0 && i < compiler->setting_count; i++) {
        const struct cyc_pos nowhere = {.file = build->file};
        sound = refuse_unknown(build, parameters, compiler->settings[i].name, nowhere) && sound;
    }
    return sound;
}

bool cyc_header_parameters(struct cyc_compiler *compiler, const struct cyc_node *node,
                           const struct cyc_node *with, struct cyc_names *outer,
                           const struct cyc_assignment **assignments, unsigned *count)
{
    struct cyc_build *const build = compiler->build;
    bool sound = check_given(compiler, node, with);
    *count = 0;
    if (node == NULL) {
        return sound;
    }
    if (node->type != CYC_NODE_MAPPING) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "`parameters` are names with values");
        diag->hint = "parameters: {main_cycles: 1300}";
        return false;
    }
    struct cyc_assignment *const list =
        cyc_arena_array(build->arena, node->child_count + 1u, sizeof *list);
    *assignments = list;
    for (const struct cyc_node *child = node->child; child != NULL && list != NULL;
         child = child->next) {
        struct parameter parameter;
        bool given = false;
        cyc_build_enter(build, child->key, 0);
        bool read = read_parameter(build, child, &parameter);
        const struct cyc_node *const other =
            read ? given_for(compiler, child->key, with, &given) : NULL;
        sound = (!read || !given || override(compiler, other, outer, &parameter)) && sound;
        cyc_build_leave(build);
        struct cyc_name *const name =
            read ? cyc_names_add(build, child->key, parameter.kind, child->key_pos) : NULL;
        if (name == NULL) {
            sound = false;
            continue;
        }
        name->parameter = true;
        name->list = parameter.list;
        name->list_count = parameter.list_count;
        if (parameter.list == NULL) {
            list[(*count)++] =
                (struct cyc_assignment){name->index, parameter.value, name->name, child->pos};
        }
    }
    return sound;
}

/* ---- expect ---------------------------------------------------------------------------------- */

/* The unit in which `is` is written, with its factor. */
static void unit_of(struct cyc_build *build, const struct cyc_node *is,
                    struct cyc_expect_plan *plan)
{
    struct cyc_quantity quantity;
    double number = 0.0;
    size_t digits = 0;
    size_t used = 0;
    plan->unit = cyc_kind_unit(plan->kind);
    plan->factor = 1.0;
    if (cyc_quantity_scan(is->text, is->size, &quantity, &used, NULL) != CYC_OK ||
        !cyc_number_parse(is->text, is->size, &number, &digits)) {
        return;
    }
    while (digits < used && is->text[digits] == ' ') {
        digits++;
    }
    const char *const unit = cyc_arena_string(build->arena, is->text + digits, used - digits);
    double factor = 1.0;
    if (unit != NULL &&
        cyc_unit_factor(unit, plan->kind, &build->cell->basis, &factor, NULL) == CYC_OK &&
        factor > 0.0) {
        plan->unit = unit;
        plan->factor = factor;
    }
}

static bool compile_expect(struct cyc_build *build, const struct cyc_node *node, void *context)
{
    struct cyc_plan *const cyc_plan = ((struct cyc_compiler *)context)->plan;
    struct cyc_expect_plan *const plan =
        (struct cyc_expect_plan *)(uintptr_t)&cyc_plan->expects[cyc_plan->expect_count];
    struct cyc_fields fields;
    if (!cyc_build_fields(build, node, CYC_PLACE_EXPECT, &fields)) {
        return false;
    }
    const struct cyc_node *const value = fields.node[CYC_KEY_EXPECT_VALUE];
    const struct cyc_node *const is = fields.node[CYC_KEY_EXPECT_IS];
    const struct cyc_node *const within = fields.node[CYC_KEY_EXPECT_WITHIN];
    const struct cyc_node *const source = fields.node[CYC_KEY_SOURCE];
    if (value == NULL || is == NULL) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "expect needs `value` and `is`");
        diag->hint = "{value: cycles.main.first.discharge_capacity, is: 183 mAh/g, source: …}";
        return false;
    }
    if (!cyc_build_scalar(build, value, "an expression") ||
        !cyc_build_scalar(build, is, "a quantity") ||
        (within != NULL && !cyc_build_scalar(build, within, "a quantity"))) {
        return false;
    }
    plan->pos = node->pos;
    plan->name = cyc_arena_string(build->arena, value->text, value->size);
    plan->source = "";
    plan->value = cyc_build_expr(build, value, value->text[0] == '=' ? 1 : 0);
    plan->is = cyc_build_expr(build, is, is->text[0] == '=' ? 1 : 0);
    plan->within = within == NULL ? NULL : cyc_build_expr(build, within, 0);
    if (plan->value == NULL || plan->is == NULL || (within != NULL && plan->within == NULL)) {
        return false;
    }
    plan->kind = cyc_expr_kind(plan->value);
    if (cyc_expr_kind(plan->is) != plan->kind) {
        struct cyc_diag *const diag =
            cyc_build_error(build, is->pos, "the value is a %s, what it is known to be a %s",
                            cyc_kind_name(plan->kind), cyc_kind_name(cyc_expr_kind(plan->is)));
        diag->hint = cyc_diags_format(build->diags, "write it in %s", cyc_kind_units(plan->kind));
        return false;
    }
    unit_of(build, is, plan);
    cyc_plan->expect_count++;
    return source == NULL || cyc_build_text(build, source, &plan->source);
}

bool cyc_header_expects(struct cyc_compiler *compiler, const struct cyc_node *node)
{
    struct cyc_build *const build = compiler->build;
    if (node == NULL) {
        return true;
    }
    const unsigned most = node->type == CYC_NODE_SEQUENCE ? node->child_count : 1;
    compiler->plan->expects =
        cyc_arena_array(build->arena, most + 1u, sizeof *compiler->plan->expects);
    if (compiler->plan->expects == NULL) {
        return false;
    }
    cyc_build_enter(build, "expect", 0);
    const bool sound = cyc_build_each(build, node, compile_expect, compiler);
    cyc_build_leave(build);
    return sound;
}
