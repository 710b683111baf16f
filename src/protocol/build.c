#include "protocol/build.h"

#include "protocol/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- References ---------------------------------------------------------------------------------
 */

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
int cyc_build_reference_offset(void *context, const char *name, size_t size, double *offset_V,
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

bool cyc_build_sensor(void *context, const char *name, size_t size, int *index, enum cyc_kind *kind)
{
    const struct cyc_sensors *const sensors = &((const struct cyc_build *)context)->cell->sensors;
    for (unsigned i = 0; i < sensors->count; i++) {
        if (strlen(sensors->items[i].name) == size &&
            memcmp(sensors->items[i].name, name, size) == 0) {
            *index = (int)i;
            *kind = sensors->items[i].kind;
            return true;
        }
    }
    return false;
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
        .reference_offset = cyc_build_reference_offset,
        .variable = find_variable,
        .sensor = cyc_build_sensor,
        .context = build,
        .present = true,
    };
    cyc_build_cell_known(build);
}

/* ---- Diagnostics ----------------------------------------------------------------------------- */

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
    struct cyc_diag *const diag = cyc_build_error(build, node->pos, "%.*s", length, err->text);
    if (cut != NULL && diag->hint == NULL) {
        diag->hint = cyc_diags_format(build->diags, "%s", cut + 2);
    }
}

/* ---- Mappings -------------------------------------------------------------------------------- */

static bool is_key_of(unsigned row, unsigned place)
{
    return (cyc_schema[row].where & CYC_AT(place)) != 0 && !cyc_schema_is_sensor(&cyc_schema[row]);
}

static unsigned sensor_count(const struct cyc_build *build, unsigned place)
{
    return cyc_schema_has_sensors(place) ? build->cell->sensors.count : 0;
}

/* The nearest key that this place may have, or NULL. */
static const char *nearest_key(const struct cyc_build *build, const char *word, unsigned place)
{
    const char *candidates[CYC_KEY_COUNT + CYC_AUX_MAX + 1];
    unsigned count = 0;
    for (unsigned row = 0; row < CYC_KEY_COUNT; row++) {
        if (is_key_of(row, place)) {
            candidates[count++] = cyc_schema[row].key;
        }
    }
    for (unsigned i = 0; i < sensor_count(build, place); i++) {
        candidates[count++] = build->cell->sensors.items[i].name;
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
        if (is_key_of(row, place)) {
            const int written = snprintf(text + used, sizeof text - used, "%s%s",
                                         used == 0 ? "it has " : ", ", cyc_schema[row].key);
            used += written > 0 ? (size_t)written : 0;
        }
    }
    for (unsigned i = 0; i < sensor_count(build, place) && used + 1 < sizeof text; i++) {
        const int written =
            snprintf(text + used, sizeof text - used, ", %s", build->cell->sensors.items[i].name);
        used += written > 0 ? (size_t)written : 0;
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
    const char *const near = nearest_key(build, child->key, place);
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
    struct cyc_diag *const diag = cyc_build_error(
        build, child->key_pos, "unknown key `%.60s` in %s", child->key, cyc_place_name(place));
    if (foreign != NULL) {
        diag->hint = cyc_diags_format(build->diags, "write %s", foreign);
    } else if (child->size == 0 &&
               strspn(child->key, "abcdefghijklmnopqrstuvwxyz_") < strlen(child->key)) {
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
    int sensor = 0;
    enum cyc_kind kind = CYC_KIND_NUMBER;
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
        if (row < 0 && cyc_schema_has_sensors(place) &&
            cyc_build_sensor(build, child->key, strlen(child->key), &sensor, &kind)) {
            fields->sensor[sensor] = child;
        } else if (row < 0) {
            refuse_key(build, child, place);
            sound = false;
        } else {
            fields->node[row] = child;
        }
    }
    fields->sound = sound;
    return sound;
}

/* ---- Scalars --------------------------------------------------------------------------------- */

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

bool cyc_build_each(struct cyc_build *build, const struct cyc_node *node,
                    bool (*fn)(struct cyc_build *build, const struct cyc_node *item, void *context),
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
