/* Values: quantities with their references, bare numbers, expressions and conditions. */
#include "protocol/build.h"

#include "protocol/names.h"

#include <stdio.h>
#include <string.h>

static void hint(struct cyc_build *build, struct cyc_diag *diag, const char *text)
{
    diag->hint = cyc_diags_format(build->diags, "%s", text);
}

/* `cutoff: > 4.2 V` is a block scalar to YAML: it swallows the operator. */
static bool refuse_block_scalar(struct cyc_build *build, const struct cyc_node *node)
{
    if (!node->block_scalar) {
        return false;
    }
    struct cyc_diag *const diag = cyc_build_error(
        build, node->pos, "YAML takes `>` or `|` at the start of a value for a block of text");
    hint(build, diag, "name what is compared: voltage > 4.2 V");
    return true;
}

static struct cyc_pos inside(const struct cyc_node *node, size_t skip)
{
    struct cyc_pos pos = node->pos;
    pos.column += (uint32_t)skip + (node->quoted ? 1u : 0u);
    pos.width = 0;
    return pos;
}

/* Inside an include, ids are those of the include: they get its prefix. */
static void note_ref(void *context, const struct cyc_ref *ref)
{
    struct cyc_build *const build = context;
    struct cyc_ref_note *const note = cyc_arena_alloc(build->arena, sizeof *note);
    if (ref->id != NULL && build->prefix[0] != '\0') {
        /* The expression is still being made, here; afterwards nobody writes to it. */
        struct cyc_ref *const mine = (struct cyc_ref *)(uintptr_t)ref;
        const char *const whole = cyc_diags_format(build->diags, "%s%s", build->prefix, ref->id);
        mine->id = cyc_arena_string(build->arena, whole, strlen(whole));
    }
    if (note != NULL) {
        *note = (struct cyc_ref_note){ref, build->refs};
        build->refs = note;
    }
}

/* What to write for a voltage whose reference electrode is not that of the cell. */
static const char *which_reference(struct cyc_build *build, const char *voltage)
{
    if (build->cell->reference[0] == '\0') {
        return "this cell names no reference electrode: it is a full cell, and this protocol is "
               "for "
               "half cells";
    }
    return cyc_diags_format(build->diags, "say which: %s vs Li/Li+ (the cell has %s)", voltage,
                            build->cell->reference);
}

const struct cyc_expr *cyc_build_expr(struct cyc_build *build, const struct cyc_node *node,
                                      size_t skip)
{
    if (refuse_block_scalar(build, node)) {
        return NULL;
    }
    if (node->quantity != NULL) {
        return cyc_expr_constant(node->quantity->value, node->quantity->kind, node->pos,
                                 build->arena);
    }
    const struct cyc_expr *const expr =
        cyc_expr_parse(node->text + skip, node->size - skip, inside(node, skip), &build->scope,
                       build->arena, build->diags);
    if (expr == NULL) {
        return NULL;
    }
    cyc_expr_each_ref(expr, note_ref, build);
    struct cyc_expr_use use;
    if (build->bare_voltage_refused) {
        cyc_expr_use(expr, &use);
        if (use.bare_potential) {
            struct cyc_diag *const diag = cyc_build_error(
                build, node->pos,
                "a voltage without vs, but this cell is measured against another electrode than "
                "the protocol's");
            diag->hint = which_reference(build, "4.6 V");
            return NULL;
        }
    }
    return expr;
}

static size_t skip_equals(const struct cyc_node *node)
{
    size_t skip = node->size > 0 && node->text[0] == '=' ? 1 : 0;
    while (skip > 0 && skip < node->size && node->text[skip] == ' ') {
        skip++;
    }
    return skip;
}

const struct cyc_expr *cyc_build_condition(struct cyc_build *build, const struct cyc_node *node)
{
    if (!cyc_build_scalar(build, node, "a condition")) {
        return NULL;
    }
    const struct cyc_expr *const expr = cyc_build_expr(build, node, skip_equals(node));
    if (expr != NULL && cyc_expr_kind(expr) != CYC_KIND_BOOLEAN) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "this is a %s; a condition is due",
                            cyc_kind_name(cyc_expr_kind(expr)));
        hint(build, diag, "compare it with something, such as temperature > 45 degC");
        return NULL;
    }
    return expr;
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* Says once where a C-rate rests on the nominal capacity alone. */
static void note_guess(struct cyc_build *build, const struct cyc_node *node)
{
    bool guessed = false;
    double one_c_A = 0.0;
    if (!build->one_c_guessed &&
        cyc_one_c_A(&build->cell->basis, &one_c_A, &guessed, NULL) == CYC_OK && guessed) {
        build->one_c_guessed = true;
        cyc_diags_add(build->diags, CYC_SEVERITY_WARNING, node->pos,
                      "what 1C means is guessed: the nominal capacity in one hour")
            ->hint = "state cell.one_c";
    }
}

static void refuse_uncomputed(struct cyc_build *build, const struct cyc_node *node)
{
    struct cyc_diag *const diag =
        cyc_build_error(build, node->pos, "a value to be computed begins with =");
    diag->hint = cyc_diags_format(build->diags, "= %.60s", node->text);
}

/* One quantity, with its `vs`, from the text. *named: it says `vs`. */
static bool read_literal(struct cyc_build *build, const struct cyc_node *node, double *value,
                         enum cyc_kind *kind, bool *named)
{
    struct cyc_quantity quantity;
    struct cyc_err err;
    size_t used = 0;
    double offset_V = 0.0;
    *named = false;
    if (cyc_quantity_scan(node->text, node->size, &quantity, &used, &err) != CYC_OK) {
        if (build->names != NULL && cyc_names_find(build->names, node->text, node->size) != NULL) {
            refuse_uncomputed(build, node);
            return false;
        }
        (void)cyc_quantity_parse(node->text, node->size, &quantity, &err);
        cyc_build_refuse(build, node, &err);
        return false;
    }
    while (used < node->size && node->text[used] == ' ') {
        used++;
    }
    const char *rest = node->text + used;
    size_t left = node->size - used;
    if (left > 3 && memcmp(rest, "vs ", 3) == 0 && quantity.kind == CYC_KIND_VOLTAGE) {
        *named = true;
        rest += 3;
        left -= 3;
        if (cyc_build_reference_offset(build, rest, left, &offset_V, &err) != CYC_OK) {
            cyc_build_refuse(build, node, &err);
            return false;
        }
    } else if (left > 0 && strchr("*/+-", rest[0]) != NULL) {
        refuse_uncomputed(build, node);
        return false;
    } else if (left > 0) {
        (void)cyc_quantity_parse(node->text, node->size, &quantity, &err);
        cyc_build_refuse(build, node, &err);
        return false;
    }
    if (quantity.basis == CYC_BASIS_ABSOLUTE) {
        *value = quantity.value - offset_V;
    } else if (cyc_quantity_resolve(&quantity, &build->cell->basis, value, &err) != CYC_OK) {
        cyc_build_refuse(build, node, &err);
        return false;
    }
    if (quantity.basis == CYC_BASIS_C_RATE) {
        note_guess(build, node);
    }
    *kind = quantity.kind;
    return true;
}

static bool is_c_rate(const char *text, size_t size)
{
    return size > 1 && (memcmp(text, "C/", 2) == 0 || text[size - 1] == 'C') &&
           (size < 4 || memcmp(text + size - 4, "degC", 4) != 0);
}

static bool read_any(struct cyc_build *build, const struct cyc_node *node, struct cyc_value *value,
                     enum cyc_kind *kind, bool *named)
{
    *value = CYC_VALUE_NONE;
    *named = true;
    if (node->quantity != NULL) {
        value->value = node->quantity->value;
        *kind = node->quantity->kind;
        return true;
    }
    if (refuse_block_scalar(build, node)) {
        return false;
    }
    const bool computed = node->text[0] == '=';
    if (!computed && !(build->one_c_varies && is_c_rate(node->text, node->size))) {
        return read_literal(build, node, &value->value, kind, named);
    }
    const struct cyc_expr *const expr = cyc_build_expr(build, node, skip_equals(node));
    if (expr == NULL) {
        return false;
    }
    *kind = cyc_expr_kind(expr);
    /* Where 1C varies, a C-rate is a constant of the text but not of the run. */
    if (build->one_c_varies || !cyc_expr_is_constant(expr, &value->value)) {
        value->value = NAN;
        value->expr = expr;
    }
    return true;
}

/* What may stand under a key. */
struct wanted {
    const char *name; /* of the key */
    uint32_t kinds;   /* bit per enum cyc_kind */
    bool potential;   /* its voltages are potentials, not differences */
};

static const char *example_of(enum cyc_kind kind)
{
    switch (kind) {
    case CYC_KIND_NUMBER:
        return "3";
    case CYC_KIND_FRACTION:
        return "80 %";
    case CYC_KIND_VOLTAGE:
        return "4.2 V";
    case CYC_KIND_CURRENT:
        return "0.5 C or 1 mA";
    case CYC_KIND_CAPACITY:
        return "180 mAh/g";
    case CYC_KIND_ENERGY:
        return "5 Wh";
    case CYC_KIND_POWER:
        return "2 W";
    case CYC_KIND_RESISTANCE:
        return "10 ohm";
    case CYC_KIND_TIME:
        return "1.5 h";
    case CYC_KIND_TEMPERATURE:
        return "30 degC";
    case CYC_KIND_TEMPERATURE_DIFFERENCE:
        return "0.5 K";
    case CYC_KIND_PRESSURE:
        return "50 MPa";
    case CYC_KIND_FORCE:
        return "5 kN";
    case CYC_KIND_FREQUENCY:
        return "10 kHz";
    case CYC_KIND_MASS:
        return "9.03 mg";
    case CYC_KIND_AREA:
        return "1.27 cm2";
    case CYC_KIND_VOLTAGE_RATE:
        return "0.1 mV/s";
    case CYC_KIND_CURRENT_RATE:
        return "1 mA/s";
    case CYC_KIND_TEMPERATURE_RATE:
        return "1 K/min";
    case CYC_KIND_PRESSURE_RATE:
        return "1 MPa/h";
    case CYC_KIND_FRACTION_RATE:
        return "1 %/h";
    case CYC_KIND_BOOLEAN:
    case CYC_KIND_TEXT:
    case CYC_KIND_COUNT:
        return "";
    }
    return "";
}

static void refuse_kind(struct cyc_build *build, const struct cyc_node *node,
                        const struct wanted *wanted, enum cyc_kind kind)
{
    char allowed[120] = "";
    size_t used = 0;
    enum cyc_kind first = CYC_KIND_COUNT;
    for (unsigned k = 0; k < CYC_KIND_COUNT && used + 1 < sizeof allowed; k++) {
        if ((wanted->kinds >> k & 1u) != 0) {
            const int written = snprintf(allowed + used, sizeof allowed - used, "%s%s",
                                         used == 0 ? "" : " or ", cyc_kind_name((enum cyc_kind)k));
            used += written > 0 ? (size_t)written : 0;
            first = first == CYC_KIND_COUNT ? (enum cyc_kind)k : first;
        }
    }
    struct cyc_diag *diag = NULL;
    if (kind == CYC_KIND_NUMBER) {
        diag = cyc_build_error(build, node->pos, "`%s` needs a unit: a %s is due", wanted->name,
                               allowed);
    } else if (first == CYC_KIND_NUMBER) {
        diag = cyc_build_error(build, node->pos, "`%s` is a bare number, not a %s", wanted->name,
                               cyc_kind_name(kind));
    } else {
        diag = cyc_build_error(build, node->pos, "`%s` is a %s, not a %s", wanted->name, allowed,
                               cyc_kind_name(kind));
    }
    const bool c_rate = kind == CYC_KIND_CURRENT && first == CYC_KIND_TEMPERATURE &&
                        node->text != NULL && is_c_rate(node->text, node->size);
    if (c_rate) {
        double number = 0.0;
        size_t length = 0;
        (void)cyc_number_parse(node->text, node->size, &number, &length);
        diag->hint = cyc_diags_format(build->diags, "write %.*s degC (C alone is a C-rate)",
                                      (int)length, node->text);
    } else {
        diag->hint = cyc_diags_format(build->diags, "write, for example, %s: %s", wanted->name,
                                      example_of(first));
    }
}

/* Keys whose voltages are potentials and not differences. */
static bool is_potential(enum cyc_key key)
{
    return key == CYC_KEY_HOLD || key == CYC_KEY_SWEEP_TO || key == CYC_KEY_SWEEP_FROM ||
           key == CYC_KEY_BIAS || key == CYC_KEY_LIMIT_VOLTAGE || key == CYC_KEY_CUTOFF ||
           key == CYC_KEY_OCV_FROM || key == CYC_KEY_OCV_TO;
}

static bool check_reference(struct cyc_build *build, const struct cyc_node *node,
                            const struct wanted *wanted, const struct cyc_value *value, bool named)
{
    const bool literal = value->expr == NULL && node->text != NULL && node->text[0] != '=';
    if (!literal) {
        return true;
    }
    if (wanted->potential && !named && build->bare_voltage_refused) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos,
            "a voltage without vs, but this cell is measured against another electrode than the "
            "protocol's");
        diag->hint = which_reference(build, node->text);
        return false;
    }
    if (!wanted->potential && named) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos,
                            "`%s` is a difference of voltages, so vs has no meaning", wanted->name);
        hint(build, diag, "leave out vs and the electrode");
        return false;
    }
    return true;
}

static bool build_wanted(struct cyc_build *build, const struct cyc_node *node,
                         const struct wanted *wanted, struct cyc_value *value, enum cyc_kind *kind)
{
    enum cyc_kind found = CYC_KIND_NUMBER;
    bool named = false;
    *value = CYC_VALUE_NONE;
    if (!cyc_build_scalar(build, node, "a quantity") ||
        !read_any(build, node, value, &found, &named)) {
        return false;
    }
    if ((wanted->kinds >> found & 1u) == 0) {
        refuse_kind(build, node, wanted, found);
        return false;
    }
    if (kind != NULL) {
        *kind = found;
    }
    if (node->quantity != NULL || found != CYC_KIND_VOLTAGE) {
        return true;
    }
    return check_reference(build, node, wanted, value, named);
}

static struct wanted wanted_by(enum cyc_key key)
{
    return (struct wanted){cyc_schema[key].key, cyc_schema[key].kinds, is_potential(key)};
}

bool cyc_build_value(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                     struct cyc_value *value, enum cyc_kind *kind)
{
    const struct wanted wanted = wanted_by(key);
    return build_wanted(build, node, &wanted, value, kind);
}

bool cyc_build_sensor_value(struct cyc_build *build, const struct cyc_node *node,
                            const struct cyc_sensor *sensor, bool difference,
                            struct cyc_value *value)
{
    const bool degrees = difference && sensor->kind == CYC_KIND_TEMPERATURE;
    const struct wanted wanted = {
        .name = sensor->name,
        .kinds = 1u << (degrees ? CYC_KIND_TEMPERATURE_DIFFERENCE : sensor->kind),
        .potential = !difference,
    };
    return build_wanted(build, node, &wanted, value, NULL);
}

bool cyc_build_constant(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                        double *value)
{
    struct cyc_value read;
    if (!cyc_build_value(build, node, key, &read, NULL)) {
        return false;
    }
    if (read.expr != NULL) {
        (void)cyc_build_error(build, node->pos, "`%s` cannot be computed; write a quantity",
                              cyc_schema[key].key);
        return false;
    }
    *value = read.value;
    return true;
}

bool cyc_build_count(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                     double low, struct cyc_value *value)
{
    if (!cyc_build_value(build, node, key, value, NULL)) {
        return false;
    }
    if (value->expr == NULL &&
        (value->value < low || value->value != floor(value->value) || value->value > 1e9)) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "`%s` is a whole number from %d to 1000000000",
                            cyc_schema[key].key, (int)low);
        diag->hint = cyc_diags_format(build->diags, "for example, %s: 3", cyc_schema[key].key);
        return false;
    }
    return true;
}

bool cyc_build_any(struct cyc_build *build, const struct cyc_node *node, struct cyc_value *value,
                   enum cyc_kind *kind)
{
    bool named = false;
    *value = CYC_VALUE_NONE;
    if (!cyc_build_scalar(build, node, "a quantity or a number") ||
        !read_any(build, node, value, kind, &named)) {
        return false;
    }
    if (*kind == CYC_KIND_VOLTAGE && node->quantity == NULL) {
        const struct wanted wanted = wanted_by(CYC_KEY_CUTOFF);
        return check_reference(build, node, &wanted, value, named);
    }
    return true;
}

int cyc_value_get(const struct cyc_value *value, const struct cyc_expr_env *env, double *number,
                  struct cyc_err *err)
{
    if (value->expr == NULL) {
        *number = value->value;
        return CYC_OK;
    }
    return cyc_expr_value(value->expr, env, number, err);
}
