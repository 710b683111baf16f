/* Cell files: what protocols have to know of a cell, and the parameters of a simulated one. */
#include "protocol/header.h"
#include "protocol/profile.h"

#include <stdlib.h>
#include <string.h>

static bool copy_text(struct cyc_build *build, const struct cyc_node *node, char *target,
                      size_t size)
{
    if (node == NULL) {
        return true;
    }
    if (!cyc_build_scalar(build, node, "text")) {
        return false;
    }
    if (!cyc_copy(target, size, node->text)) {
        (void)cyc_build_error(build, node->pos, "longer than %zu bytes", size - 1);
        return false;
    }
    return true;
}

static bool read_number(struct cyc_build *build, const struct cyc_fields *fields, enum cyc_key key,
                        double *value)
{
    return fields->node[key] == NULL || cyc_build_constant(build, fields->node[key], key, value);
}

/* ---- Open circuit ---------------------------------------------------------------------------- */

static bool ocv_point(struct cyc_build *build, const struct cyc_node *node, void *context)
{
    struct cyc_cell_file *const file = context;
    struct cyc_value soc;
    enum cyc_kind kind = CYC_KIND_NUMBER;
    double voltage_V = 0.0;
    const unsigned most = sizeof file->ocv_soc / sizeof file->ocv_soc[0];
    if (node->type != CYC_NODE_SEQUENCE || node->child_count != 2) {
        struct cyc_diag *const diag = cyc_build_error(build, node->pos, "a pair is due");
        diag->hint = "[0.5, 3.7 V]: soc and voltage";
        return false;
    }
    if (!cyc_build_any(build, node->child, &soc, &kind) ||
        !cyc_build_constant(build, node->child->next, CYC_KEY_OCV_FROM, &voltage_V)) {
        return false;
    }
    if ((kind != CYC_KIND_NUMBER && kind != CYC_KIND_FRACTION) || !(soc.value >= 0.0) ||
        soc.value > 1.0) {
        (void)cyc_build_error(build, node->child->pos,
                              "soc is a number from 0 to 1, or 0 to 100 %%");
        return false;
    }
    if (file->ocv_count == most) {
        (void)cyc_build_error(build, node->pos, "more than %u points", most);
        return false;
    }
    if (file->ocv_count > 0 && soc.value <= file->ocv_soc[file->ocv_count - 1]) {
        (void)cyc_build_error(build, node->child->pos, "soc must rise from point to point");
        return false;
    }
    file->ocv_soc[file->ocv_count] = soc.value;
    file->ocv_V[file->ocv_count++] = voltage_V;
    return true;
}

static bool read_ocv(struct cyc_build *build, const struct cyc_node *node,
                     struct cyc_cell_file *file)
{
    struct cyc_fields fields;
    if (node->type == CYC_NODE_SEQUENCE) {
        if (node->child_count < 2) {
            (void)cyc_build_error(build, node->pos, "ocv needs at least two points");
            return false;
        }
        return cyc_build_each(build, node, ocv_point, file);
    }
    if (!cyc_build_fields(build, node, CYC_PLACE_OCV, &fields)) {
        return false;
    }
    if (fields.node[CYC_KEY_OCV_FROM] == NULL || fields.node[CYC_KEY_OCV_TO] == NULL) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "ocv needs `from` and `to`");
        diag->hint = "ocv: {from: 3.0 V, to: 4.2 V}";
        return false;
    }
    file->ocv_count = 2;
    file->ocv_soc[0] = 0.0;
    file->ocv_soc[1] = 1.0;
    return read_number(build, &fields, CYC_KEY_OCV_FROM, &file->ocv_V[0]) &&
           read_number(build, &fields, CYC_KEY_OCV_TO, &file->ocv_V[1]);
}

static bool rc_pair(struct cyc_build *build, const struct cyc_node *node, void *context)
{
    struct cyc_cell_file *const file = context;
    struct cyc_fields fields;
    const unsigned most = sizeof file->rc_ohm / sizeof file->rc_ohm[0];
    if (!cyc_build_fields(build, node, CYC_PLACE_RC, &fields)) {
        return false;
    }
    if (fields.node[CYC_KEY_RC_R] == NULL || fields.node[CYC_KEY_RC_TAU] == NULL ||
        file->rc_count == most) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos,
            file->rc_count == most ? "too many pairs" : "a pair needs `r` and `tau`");
        diag->hint = "rc: [{r: 15 mohm, tau: 30 s}]";
        return false;
    }
    double *const ohm = &file->rc_ohm[file->rc_count];
    double *const tau_s = &file->rc_tau_s[file->rc_count];
    if (!read_number(build, &fields, CYC_KEY_RC_R, ohm) ||
        !read_number(build, &fields, CYC_KEY_RC_TAU, tau_s)) {
        return false;
    }
    if (!(*ohm > 0.0) || !(*tau_s > 0.0)) {
        (void)cyc_build_error(build, node->pos, "`r` and `tau` must be greater than zero");
        return false;
    }
    file->rc_count++;
    return true;
}

/* ---- Model ----------------------------------------------------------------------------------- */

static bool read_parameters(struct cyc_build *build, const struct cyc_node *node,
                            struct cyc_cell_file *file)
{
    const unsigned most = sizeof file->parameters / sizeof file->parameters[0];
    bool sound = true;
    if (node->type != CYC_NODE_MAPPING) {
        (void)cyc_build_error(build, node->pos, "`parameters` are names with numbers");
        return false;
    }
    for (const struct cyc_node *child = node->child; child != NULL; child = child->next) {
        if (file->parameter_count == most) {
            (void)cyc_build_error(build, child->key_pos, "more than %u parameters", most);
            return false;
        }
        const unsigned i = file->parameter_count;
        if (!cyc_build_constant(build, child, CYC_KEY_MODEL_PARAMETERS,
                                &file->parameters[i].value)) {
            sound = false;
            continue;
        }
        if (!cyc_copy(file->parameters[i].name, sizeof file->parameters[i].name, child->key)) {
            (void)cyc_build_error(build, child->key_pos, "no model has a parameter of this name");
            sound = false;
            continue;
        }
        file->parameters[i].pos = child->key_pos;
        file->parameter_count++;
    }
    return sound;
}

static bool read_model(struct cyc_build *build, const struct cyc_node *node,
                       struct cyc_cell_file *file)
{
    static const char *const kinds[] = {"linear", "n_lmro"};
    struct cyc_fields fields;
    unsigned kind = 0;
    double seed = 0.0;
    cyc_build_enter(build, "model", 0);
    bool sound = cyc_build_fields(build, node, CYC_PLACE_MODEL, &fields);
    if (fields.node[CYC_KEY_MODEL_KIND] == NULL) {
        struct cyc_diag *const diag = cyc_build_error(build, node->key_pos, "a model needs `kind`");
        diag->hint = "kind: linear, or kind: n_lmro";
        sound = false;
    } else {
        sound =
            cyc_build_choice(build, fields.node[CYC_KEY_MODEL_KIND], CYC_KEY_MODEL_KIND, &kind) &&
            sound;
        (void)cyc_copy(file->model, sizeof file->model, kind < 2 ? kinds[kind] : "");
    }
    sound = read_number(build, &fields, CYC_KEY_MODEL_CAPACITY, &file->capacity_Ah) && sound;
    sound = read_number(build, &fields, CYC_KEY_MODEL_INITIAL_SOC, &file->initial_soc) && sound;
    sound =
        read_number(build, &fields, CYC_KEY_MODEL_TEMPERATURE, &file->temperature_degC) && sound;
    sound = read_number(build, &fields, CYC_KEY_MODEL_PRESSURE, &file->pressure_Pa) && sound;
    sound = read_number(build, &fields, CYC_KEY_MODEL_SEED, &seed) && sound;
    if (!(seed >= 0.0 && seed < 9e15 && seed == floor(seed))) {
        (void)cyc_build_error(build, fields.node[CYC_KEY_MODEL_SEED]->pos,
                              "`seed` is a whole number from 0");
        sound = false;
    }
    file->seed = sound ? (uint64_t)seed : 0;
    if (fields.node[CYC_KEY_MODEL_OCV] != NULL) {
        sound = read_ocv(build, fields.node[CYC_KEY_MODEL_OCV], file) && sound;
    }
    if (fields.node[CYC_KEY_MODEL_RC] != NULL) {
        sound = cyc_build_each(build, fields.node[CYC_KEY_MODEL_RC], rc_pair, file) && sound;
    }
    if (fields.node[CYC_KEY_MODEL_PARAMETERS] != NULL) {
        sound = read_parameters(build, fields.node[CYC_KEY_MODEL_PARAMETERS], file) && sound;
    }
    cyc_build_leave(build);
    return sound;
}

static bool read_file(struct cyc_build *build, const struct cyc_node *root,
                      struct cyc_cell_file *file)
{
    struct cyc_fields fields;
    bool sound = cyc_build_fields(build, root, CYC_PLACE_CELL_FILE, &fields);
    if (root->type != CYC_NODE_MAPPING ||
        !cyc_header_version(build, root, &fields, CYC_KEY_CYCLOSTAT_CELL, "cyclostat_cell: 1")) {
        return false;
    }
    const struct cyc_node *const *const node = fields.node;
    sound = copy_text(build, node[CYC_KEY_NAME], file->title, sizeof file->title) && sound;
    sound = copy_text(build, node[CYC_KEY_SOURCE], file->source, sizeof file->source) && sound;
    if (node[CYC_KEY_CELL] != NULL) {
        sound = cyc_header_cell(build, node[CYC_KEY_CELL], &file->facts) && sound;
    }
    if (node[CYC_KEY_REFERENCES] != NULL) {
        sound = cyc_header_references(build, node[CYC_KEY_REFERENCES], &file->facts) && sound;
    }
    if (node[CYC_KEY_SENSORS] != NULL) {
        sound = cyc_header_sensors(build, node[CYC_KEY_SENSORS], &file->facts) && sound;
    }
    if (file->facts.name[0] == '\0') {
        (void)cyc_copy(file->facts.name, sizeof file->facts.name, file->title);
    }
    cyc_build_cell_known(build);
    return (node[CYC_KEY_MODEL] == NULL || read_model(build, node[CYC_KEY_MODEL], file)) && sound;
}

static int load(const char *path, struct cyc_arena *arena, struct cyc_diags *diags,
                struct cyc_cell_file *file, struct cyc_err *err)
{
    char *text = NULL;
    size_t size = 0;
    struct cyc_node *root = NULL;
    int status = cyc_file_read(path, 1u << 20, arena, &text, &size, err);
    if (status != CYC_OK) {
        return status;
    }
    const uint16_t index = cyc_diags_add_file(diags, path, text, size);
    status = cyc_tree_parse(text, size, index, arena, diags, &root, err);
    struct cyc_build *const build = malloc(sizeof *build);
    if (status == CYC_OK && build != NULL) {
        cyc_build_init(build, arena, diags, &file->facts);
        build->file = index;
        if (!read_file(build, root, file)) {
            status = cyc_err_set(err, CYC_E_INPUT, "the cell file has mistakes");
        }
    }
    free(build);
    return status;
}

int cyc_cell_file_load(const char *path, struct cyc_diags *diags, struct cyc_cell_file *file,
                       struct cyc_err *err)
{
    struct cyc_arena arena;
    memset(file, 0, sizeof *file);
    cyc_cell_facts_init(&file->facts);
    file->capacity_Ah = file->initial_soc = NAN;
    file->temperature_degC = file->pressure_Pa = NAN;
    cyc_arena_init(&arena, 8u << 20);
    const int status = load(path, &arena, diags, file, err);
    cyc_arena_release(&arena);
    return status;
}
