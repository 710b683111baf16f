#include "protocol/build.h"

#include "protocol/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- References --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    double offset_V; /* against Li/Li+ */
} electrodes[] = {
    {"Li/Li+", 0.0},
    {"In/Li-In", 0.62},
    {"Li4Ti5O12/Li7Ti5O12", 1.55},
    {"LTO", 1.55},
};

static bool electrode_offset(const struct cyc_cell_facts *cell, const char *name, size_t size,
                             double *offset_V)
{
    for (size_t i = 0; i < sizeof electrodes / sizeof electrodes[0]; i++) {
        if (strlen(electrodes[i].name) == size && memcmp(electrodes[i].name, name, size) == 0) {
            *offset_V = electrodes[i].offset_V;
            return true;
        }
    }
    for (unsigned i = 0; i < cell->reference_count; i++) {
        if (strlen(cell->references[i].name) == size &&
            memcmp(cell->references[i].name, name, size) == 0) {
            *offset_V = cell->references[i].offset_V;
            return true;
        }
    }
    return false;
}

/* What to subtract from a potential against `name` to have it against the cell's reference. */
static int reference_offset(void *context, const char *name, size_t size, double *offset_V,
                            struct cyc_err *err)
{
    const struct cyc_cell_facts *const cell = ((const struct cyc_build *)context)->cell;
    double of_name = 0.0;
    double of_cell = 0.0;
    if (cell->reference[0] == '\0') {
        return cyc_err_set(err, CYC_E_INPUT,
                           "this cell has no reference electrode, so vs has no meaning; "
                           "set cell.reference");
    }
    if (!electrode_offset(cell, name, size, &of_name)) {
        return cyc_err_set(err, CYC_E_UNKNOWN_NAME,
                           "unknown reference electrode '%.*s'; known are Li/Li+, In/Li-In, LTO "
                           "and those of cell.references",
                           (int)(size < 40 ? size : 40), name);
    }
    if (!electrode_offset(cell, cell->reference, strlen(cell->reference), &of_cell)) {
        return cyc_err_set(err, CYC_E_UNKNOWN_NAME,
                           "the cell's own reference '%s' has no offset; state it in "
                           "cell.references",
                           cell->reference);
    }
    *offset_V = of_cell - of_name;
    return CYC_OK;
}

static bool find_variable(void *context, const char *name, size_t size, int *index,
                          enum cyc_kind *kind)
{
    const struct cyc_build *const build = context;
    const struct cyc_name *const found =
        build->names == NULL ? NULL : cyc_names_find(build->names, name, size);
    if (found == NULL || found->list != NULL) {
        return false;
    }
    *index = found->index;
    *kind = found->kind;
    return true;
}

double cyc_cell_bound_Ah(const struct cyc_cell_facts *cell)
{
    double value = NAN;
    if (cyc_nominal_capacity_Ah(&cell->basis, &value, NULL) == CYC_OK) {
        return value;
    }
    return cyc_one_c_A(&cell->basis, &value, NULL, NULL) == CYC_OK ? 2.0 * value : NAN;
}

void cyc_build_cell_known(struct cyc_build *build)
{
    build->capacity_Ah = cyc_cell_bound_Ah(build->cell);
    build->full_capacity_seen = !isnan(build->cell->basis.nominal_capacity.value);
    build->scope.reference = build->cell->reference[0] == '\0' ? NULL : build->cell->reference;
}

void cyc_build_init(struct cyc_build *build, struct cyc_arena *arena, struct cyc_diags *diags,
                    const struct cyc_cell_facts *cell)
{
    memset(build, 0, sizeof *build);
    build->arena = arena;
    build->diags = diags;
    build->cell = cell;
    build->prefix = "";
    build->folder = "";
    cyc_schema_index_init(&build->index);
    build->scope = (struct cyc_expr_scope){
        .cell = &cell->basis,
        .reference_offset = reference_offset,
        .variable = find_variable,
        .context = build,
        .present = true,
    };
    cyc_build_cell_known(build);
}

/* ---- Diagnostics ---------------------------------------------------------------------------------- */

void cyc_build_enter(struct cyc_build *build, const char *key, unsigned index)
{
    if (build->path_depth < CYC_PATH_DEPTH_MAX) {
        build->path[build->path_depth].key = key;
        build->path[build->path_depth].index = index;
    }
    build->path_depth++;
}

void cyc_build_leave(struct cyc_build *build)
{
    build->path_depth--;
}

static const char *path_text(struct cyc_build *build)
{
    char text[512];
    size_t used = 0;
    text[0] = '\0';
    const unsigned depth =
        build->path_depth < CYC_PATH_DEPTH_MAX ? build->path_depth : CYC_PATH_DEPTH_MAX;
    for (unsigned i = 0; i < depth && used + 1 < sizeof text; i++) {
        const char *const key = build->path[i].key;
        const int written =
            key == NULL ? snprintf(text + used, sizeof text - used, "[%u]", build->path[i].index)
                        : snprintf(text + used, sizeof text - used, "%s%s", i == 0 ? "" : ".", key);
        used += written > 0 ? (size_t)written : 0;
    }
    return text[0] == '\0' ? NULL : cyc_diags_format(build->diags, "%s", text);
}

struct cyc_diag *cyc_build_error(struct cyc_build *build, struct cyc_pos pos, const char *format,
                                 ...)
{
    char message[CYC_ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    struct cyc_diag *const diag =
        cyc_diags_add(build->diags, CYC_SEVERITY_ERROR, pos, "%s", message);
    if (build->diags->error_count <= CYC_DIAG_ERRORS_MAX) {
        diag->path = path_text(build);
    }
    return diag;
}

/* Texts of base read "what is wrong; what would be right". */
void cyc_build_refuse(struct cyc_build *build, const struct cyc_node *node,
                      const struct cyc_err *err)
{
    const char *const cut = strstr(err->text, "; ");
    const int length = cut == NULL ? (int)strlen(err->text) : (int)(cut - err->text);
    struct cyc_diag *const diag =
        cyc_build_error(build, node->pos, "%.*s", length, err->text);
    if (cut != NULL && diag->hint == NULL) {
        diag->hint = cyc_diags_format(build->diags, "%s", cut + 2);
    }
}

static void hint(struct cyc_build *build, struct cyc_diag *diag, const char *text)
{
    diag->hint = cyc_diags_format(build->diags, "%s", text);
}

/* ---- Mappings ------------------------------------------------------------------------------------ */

/* The nearest key that this place may have, or NULL. */
static const char *nearest_key(const char *word, unsigned place)
{
    const char *candidates[CYC_KEY_COUNT + 1];
    unsigned count = 0;
    for (unsigned row = 0; row < CYC_KEY_COUNT; row++) {
        if ((cyc_schema[row].where & CYC_AT(place)) != 0) {
            candidates[count++] = cyc_schema[row].key;
        }
    }
    candidates[count] = NULL;
    return cyc_nearest(word, candidates);
}

static const char *keys_of(struct cyc_build *build, unsigned place)
{
    char text[400];
    size_t used = 0;
    text[0] = '\0';
    for (unsigned row = 0; row < CYC_KEY_COUNT && used + 1 < sizeof text; row++) {
        if ((cyc_schema[row].where & CYC_AT(place)) != 0) {
            const int written = snprintf(text + used, sizeof text - used, "%s%s",
                                         used == 0 ? "it has " : ", ", cyc_schema[row].key);
            used += written > 0 ? (size_t)written : 0;
        }
    }
    return cyc_diags_format(build->diags, "%s", text);
}

static bool is_known_key(const char *key)
{
    for (unsigned row = 0; row < CYC_KEY_COUNT; row++) {
        if (strcmp(cyc_schema[row].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static void refuse_key(struct cyc_build *build, const struct cyc_node *child, unsigned place)
{
    const char *const foreign = cyc_foreign_word(child->key, strlen(child->key));
    const char *const near = nearest_key(child->key, place);
    if (build->diags->error_count >= CYC_DIAG_ERRORS_MAX) {
        build->diags->error_count++; /* counted, no longer explained */
        return;
    }
    if (is_known_key(child->key)) {
        struct cyc_diag *const diag =
            cyc_build_error(build, child->key_pos, "`%.60s` does not belong to %s", child->key,
                            cyc_place_name(place));
        diag->hint = foreign != NULL ? cyc_diags_format(build->diags, "write %s", foreign)
                                     : keys_of(build, place);
        return;
    }
    struct cyc_diag *const diag = cyc_build_error(build, child->key_pos, "unknown key `%.60s` in %s",
                                                  child->key, cyc_place_name(place));
    if (foreign != NULL) {
        diag->hint = cyc_diags_format(build->diags, "write %s", foreign);
    } else if (child->size == 0 && strspn(child->key, "abcdefghijklmnopqrstuvwxyz_") <
                                       strlen(child->key)) {
        /* {cutoff: 4,2 V}, {level: = min(a, b)}: what stands behind the comma became a key. */
        diag->hint = "inside { } a comma ends the value: a decimal point is a point, and a value "
                     "with a comma stands in quotes or on a line of its own";
    } else if (near != NULL) {
        diag->hint = cyc_diags_format(build->diags, "did you mean `%s`?", near);
    } else {
        diag->hint = keys_of(build, place);
    }
}

bool cyc_build_fields(struct cyc_build *build, const struct cyc_node *mapping, unsigned place,
                      struct cyc_fields *fields)
{
    bool sound = true;
    memset(fields, 0, sizeof *fields);
    if (mapping->type != CYC_NODE_MAPPING) {
        struct cyc_diag *const diag =
            cyc_build_error(build, mapping->pos, "%s must be a mapping, not %s",
                            cyc_place_name(place), cyc_node_type_name(mapping->type));
        diag->hint = keys_of(build, place);
        return false;
    }
    for (const struct cyc_node *child = mapping->child; child != NULL; child = child->next) {
        const int row = cyc_schema_find(&build->index, child->key, strlen(child->key), place);
        if (row < 0) {
            refuse_key(build, child, place);
            sound = false;
        } else {
            fields->node[row] = child;
        }
    }
    fields->sound = sound;
    return sound;
}

/* ---- Scalars --------------------------------------------------------------------------------------- */

bool cyc_node_is(const struct cyc_node *node, const char *word)
{
    return node != NULL && node->type == CYC_NODE_SCALAR && node->text != NULL &&
           strcmp(node->text, word) == 0;
}

bool cyc_build_scalar(struct cyc_build *build, const struct cyc_node *node, const char *what)
{
    if (node->type != CYC_NODE_SCALAR) {
        (void)cyc_build_error(build, node->pos, "%s is due here, not %s", what,
                              cyc_node_type_name(node->type));
        return false;
    }
    if (node->size == 0 && node->quantity == NULL) {
        cyc_build_error(build, node->pos, "%s is missing here", what)->hint =
            "write a value after the colon";
        return false;
    }
    return true;
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
        const char *const whole =
            cyc_diags_format(build->diags, "%s%s", build->prefix, ref->id);
        mine->id = cyc_arena_string(build->arena, whole, strlen(whole));
    }
    if (note != NULL) {
        *note = (struct cyc_ref_note){ref, build->refs};
        build->refs = note;
    }
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
            diag->hint = cyc_diags_format(build->diags, "say which: 4.6 V vs Li/Li+ (the cell has %s)",
                                          build->cell->reference);
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
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos, "this is %s; a condition is due", cyc_kind_name(cyc_expr_kind(expr)));
        hint(build, diag, "compare it with something, such as temperature > 45 degC");
        return NULL;
    }
    return expr;
}

/* ---- Values ---------------------------------------------------------------------------------------- */

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
        if (reference_offset(build, rest, left, &offset_V, &err) != CYC_OK) {
            cyc_build_refuse(build, node, &err);
            return false;
        }
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

static bool read_any(struct cyc_build *build, const struct cyc_node *node,
                     struct cyc_value *value, enum cyc_kind *kind, bool *named)
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

static const char *example_of(enum cyc_kind kind)
{
    switch (kind) {
    case CYC_KIND_NUMBER: return "3";
    case CYC_KIND_FRACTION: return "80 %";
    case CYC_KIND_VOLTAGE: return "4.2 V";
    case CYC_KIND_CURRENT: return "0.5 C or 1 mA";
    case CYC_KIND_CAPACITY: return "180 mAh/g";
    case CYC_KIND_ENERGY: return "5 Wh";
    case CYC_KIND_POWER: return "2 W";
    case CYC_KIND_RESISTANCE: return "10 ohm";
    case CYC_KIND_TIME: return "1.5 h";
    case CYC_KIND_TEMPERATURE: return "30 degC";
    case CYC_KIND_TEMPERATURE_DIFFERENCE: return "0.5 K";
    case CYC_KIND_PRESSURE: return "50 MPa";
    case CYC_KIND_FORCE: return "5 kN";
    case CYC_KIND_FREQUENCY: return "10 kHz";
    case CYC_KIND_MASS: return "9.03 mg";
    case CYC_KIND_AREA: return "1.27 cm2";
    case CYC_KIND_VOLTAGE_RATE: return "0.1 mV/s";
    case CYC_KIND_CURRENT_RATE: return "1 mA/s";
    case CYC_KIND_TEMPERATURE_RATE: return "1 K/min";
    case CYC_KIND_PRESSURE_RATE: return "1 MPa/h";
    case CYC_KIND_FRACTION_RATE: return "1 %/h";
    case CYC_KIND_BOOLEAN:
    case CYC_KIND_TEXT:
    case CYC_KIND_COUNT: return "";
    }
    return "";
}

static void refuse_kind(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                        enum cyc_kind kind)
{
    const struct cyc_schema_row *const row = &cyc_schema[key];
    char allowed[120] = "";
    size_t used = 0;
    enum cyc_kind first = CYC_KIND_COUNT;
    for (unsigned k = 0; k < CYC_KIND_COUNT && used + 1 < sizeof allowed; k++) {
        if ((row->kinds >> k & 1u) != 0) {
            const int written = snprintf(allowed + used, sizeof allowed - used, "%s%s",
                                         used == 0 ? "" : " or ", cyc_kind_name((enum cyc_kind)k));
            used += written > 0 ? (size_t)written : 0;
            first = first == CYC_KIND_COUNT ? (enum cyc_kind)k : first;
        }
    }
    struct cyc_diag *diag = NULL;
    if (kind == CYC_KIND_NUMBER) {
        diag = cyc_build_error(build, node->pos, "`%s` needs a unit: a %s is due", row->key, allowed);
    } else if (first == CYC_KIND_NUMBER) {
        diag = cyc_build_error(build, node->pos, "`%s` is a bare number, not a %s", row->key,
                               cyc_kind_name(kind));
    } else {
        diag = cyc_build_error(build, node->pos, "`%s` is a %s, not a %s", row->key, allowed,
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
        diag->hint = cyc_diags_format(build->diags, "write, for example, %s: %s", row->key,
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

static bool check_reference(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                            const struct cyc_value *value, bool named)
{
    const bool literal = value->expr == NULL && node->text != NULL && node->text[0] != '=';
    if (!literal) {
        return true;
    }
    if (is_potential(key) && !named && build->bare_voltage_refused) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos,
            "a voltage without vs, but this cell is measured against another electrode than the "
            "protocol's");
        diag->hint = cyc_diags_format(build->diags, "say which: %s vs Li/Li+ (the cell has %s)",
                                      node->text, build->cell->reference);
        return false;
    }
    if (!is_potential(key) && named) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos, "`%s` is a difference of voltages, so vs has no meaning",
            cyc_schema[key].key);
        hint(build, diag, "leave out vs and the electrode");
        return false;
    }
    return true;
}

bool cyc_build_value(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                     struct cyc_value *value, enum cyc_kind *kind)
{
    enum cyc_kind found = CYC_KIND_NUMBER;
    bool named = false;
    *value = CYC_VALUE_NONE;
    if (!cyc_build_scalar(build, node, "a quantity") ||
        !read_any(build, node, value, &found, &named)) {
        return false;
    }
    if ((cyc_schema[key].kinds >> found & 1u) == 0) {
        refuse_kind(build, node, key, found);
        return false;
    }
    if (kind != NULL) {
        *kind = found;
    }
    if (node->quantity != NULL || found != CYC_KIND_VOLTAGE) {
        return true;
    }
    return check_reference(build, node, key, value, named);
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
    if (value->expr == NULL && (value->value < low || value->value != floor(value->value) ||
                                value->value > 1e9)) {
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
        return check_reference(build, node, CYC_KEY_CUTOFF, value, named);
    }
    return true;
}

/* ---- The rest ---------------------------------------------------------------------------------------- */

bool cyc_build_yes_no(struct cyc_build *build, const struct cyc_node *node, bool *value)
{
    *value = cyc_node_is(node, "yes") || cyc_node_is(node, "true");
    if (*value || cyc_node_is(node, "no") || cyc_node_is(node, "false")) {
        return true;
    }
    (void)cyc_build_error(build, node->pos, "yes or no is due here");
    return false;
}

bool cyc_build_choice(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                      unsigned *choice)
{
    const char *const choices = cyc_schema[key].choices;
    if (!cyc_build_scalar(build, node, "a word")) {
        return false;
    }
    *choice = 0;
    for (const char *word = choices; word != NULL; (*choice)++) {
        const size_t size = strcspn(word, "|");
        if (size == node->size && memcmp(word, node->text, size) == 0) {
            return true;
        }
        word = word[size] == '|' ? word + size + 1 : NULL;
    }
    struct cyc_diag *const diag = cyc_build_error(build, node->pos, "`%s` cannot be `%.60s`",
                                                  cyc_schema[key].key, node->text);
    diag->hint = cyc_diags_format(build->diags, "one of %s", choices);
    return false;
}

bool cyc_build_text(struct cyc_build *build, const struct cyc_node *node, const char **text)
{
    if (node->type != CYC_NODE_SCALAR) {
        (void)cyc_build_error(build, node->pos, "text is due here, not %s",
                              cyc_node_type_name(node->type));
        return false;
    }
    *text = cyc_arena_string(build->arena, node->text == NULL ? "" : node->text, node->size);
    return *text != NULL;
}

static bool is_word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_reserved(const char *word)
{
    for (const char *const *reserved = cyc_reserved_words(); *reserved != NULL; reserved++) {
        if ((*reserved)[0] == word[0] && strcmp(*reserved, word) == 0) {
            return true;
        }
    }
    return false;
}

/* Words for expressions: a letter or _ first, no word of the language. */
static bool check_word(struct cyc_build *build, const char *word, struct cyc_pos pos,
                       const char *what)
{
    size_t size = 0;
    while (is_word_character(word[size])) {
        size++;
    }
    if (size == 0 || word[size] != '\0' || (word[0] >= '0' && word[0] <= '9')) {
        struct cyc_diag *const diag = cyc_build_error(build, pos, "`%.60s` is no %s", word, what);
        hint(build, diag, "letters, digits and _, a letter first");
        return false;
    }
    if (size >= CYC_ID_SIZE) {
        (void)cyc_build_error(build, pos, "`%.20s…` is longer than %d characters", word,
                              CYC_ID_SIZE - 1);
        return false;
    }
    if (is_reserved(word)) {
        struct cyc_diag *const diag =
            cyc_build_error(build, pos, "`%s` is a word of the language and cannot serve as %s", word,
                            what);
        diag->hint = cyc_diags_format(build->diags, "for example, %s_1", word);
        return false;
    }
    return true;
}

bool cyc_build_id(struct cyc_build *build, const struct cyc_node *node, const char **id)
{
    if (!cyc_build_scalar(build, node, "an id") ||
        !check_word(build, node->text, node->pos, "id")) {
        return false;
    }
    *id = cyc_arena_string(build->arena, node->text, node->size);
    return *id != NULL;
}

bool cyc_build_each(struct cyc_build *build, const struct cyc_node *node,
                    bool (*fn)(struct cyc_build *build, const struct cyc_node *item,
                               void *context),
                    void *context)
{
    bool sound = true;
    unsigned index = 0;
    if (node->type != CYC_NODE_SEQUENCE) {
        return fn(build, node, context);
    }
    for (const struct cyc_node *item = node->child; item != NULL; item = item->next) {
        cyc_build_enter(build, NULL, index++);
        sound = fn(build, item, context) && sound;
        cyc_build_leave(build);
    }
    if (node->child == NULL) {
        (void)cyc_build_error(build, node->pos, "an empty list");
        return false;
    }
    return sound;
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

/* ---- Names -------------------------------------------------------------------------------------------- */

bool cyc_names_init(struct cyc_names *names, struct cyc_arena *arena, int *index_count)
{
    names->items = cyc_arena_array(arena, CYC_NAMES_MAX, sizeof *names->items);
    names->index_count = index_count;
    if (names->items == NULL) {
        return false;
    }
    names->items[0] = (struct cyc_name){
        .name = "full_capacity", .kind = CYC_KIND_CAPACITY, .index = CYC_NAME_FULL_CAPACITY};
    names->items[1] =
        (struct cyc_name){.name = "one_c", .kind = CYC_KIND_CURRENT, .index = CYC_NAME_ONE_C};
    names->count = 2;
    return true;
}

struct cyc_name *cyc_names_find(const struct cyc_names *names, const char *name, size_t size)
{
    for (unsigned i = names->count; i-- > 0;) {
        if (strncmp(names->items[i].name, name, size) == 0 && names->items[i].name[size] == '\0') {
            return &names->items[i];
        }
    }
    return NULL;
}

struct cyc_name *cyc_names_add(struct cyc_build *build, const char *name, enum cyc_kind kind,
                               struct cyc_pos pos)
{
    struct cyc_names *const names = build->names;
    if (!check_word(build, name, pos, "name")) {
        return NULL;
    }
    if (names->count == CYC_NAMES_MAX) {
        (void)cyc_build_error(build, pos, "more than %d names", CYC_NAMES_MAX);
        return NULL;
    }
    struct cyc_name *const added = &names->items[names->count++];
    *added = (struct cyc_name){.name = cyc_arena_string(build->arena, name, strlen(name)),
                               .kind = kind,
                               .index = (*names->index_count)++,
                               .pos = pos};
    return added->name == NULL ? NULL : added;
}
