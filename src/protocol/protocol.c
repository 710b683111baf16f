/* Loading a protocol: file → tree → header → plan → checks. */
#include "protocol/protocol.h"

#include "protocol/check.h"
#include "protocol/header.h"
#include "protocol/ids.h"
#include "protocol/protocol_int.h"
#include "protocol/script.h"

#include <stdlib.h>
#include <string.h>

#define TREE_SIZE_MAX (11u << 20) /* of the nodes of the protocol itself */
#define PLAN_SIZE_MAX (16u << 20) /* of all else */

/* Folder of a path with its slash, and the name after it. */
static const char *split_path(const char *path, struct cyc_arena *arena, const char **folder)
{
    const char *const slash = strrchr(path, '/');
    *folder = slash == NULL ? "" : cyc_arena_string(arena, path, (size_t)(slash - path) + 1);
    return slash == NULL ? path : slash + 1;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t size = strlen(text);
    const size_t end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* ---- What is read ---------------------------------------------------------------------------- */

/* The text stays in the diags, which show its lines; the protocol takes a copy when all is well. */
static int read_protocol(const char *path, struct cyc_diags *diags, struct cyc_file *file,
                         struct cyc_err *err)
{
    char *text = NULL;
    const int status =
        cyc_file_read(path, CYC_FILE_SIZE_MAX, &diags->arena, &text, &file->size, err);
    if (status != CYC_OK) {
        return status;
    }
    if (diags->file_count == CYC_DIAG_FILES_MAX) {
        return cyc_err_set(err, CYC_E_BOUND, "more than %d files", CYC_DIAG_FILES_MAX);
    }
    file->text = text;
    file->diag_file = (uint16_t)diags->file_count;
    const char *const name = cyc_arena_string(&diags->arena, path, strlen(path));
    diags->files[diags->file_count++] = (struct cyc_diag_file){name, text, file->size};
    return CYC_OK;
}

static int keep_files(struct cyc_protocol *protocol, const struct cyc_files *files,
                      struct cyc_err *err)
{
    protocol->files = cyc_arena_array(&protocol->arena, files->count, sizeof *protocol->files);
    if (protocol->files == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the protocol's files");
    }
    for (unsigned i = 0; i < files->count; i++) {
        const struct cyc_file *const file = &files->items[i];
        struct cyc_protocol_file *const kept = &protocol->files[protocol->file_count++];
        kept->name = cyc_arena_string(&protocol->arena, file->name, strlen(file->name));
        kept->text =
            i > 0 ? file->text : cyc_arena_string(&protocol->arena, file->text, file->size);
        kept->size = file->size;
        if (kept->text == NULL || kept->name == NULL) {
            return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the protocol's files");
        }
    }
    return CYC_OK;
}

/* ---- Plans ----------------------------------------------------------------------------------- */

static bool take_texts(struct cyc_build *build, const struct cyc_fields *header,
                       struct cyc_protocol *protocol)
{
    bool sound = true;
    protocol->name = protocol->source_text = "";
    if (header->node[CYC_KEY_NAME] != NULL) {
        sound = cyc_build_text(build, header->node[CYC_KEY_NAME], &protocol->name);
    }
    if (header->node[CYC_KEY_SOURCE] != NULL) {
        sound =
            cyc_build_text(build, header->node[CYC_KEY_SOURCE], &protocol->source_text) && sound;
    }
    return sound;
}

static int compile(const struct cyc_protocol_options *options, const struct cyc_node *root,
                   struct cyc_files *files, struct cyc_diags *diags, struct cyc_protocol *protocol,
                   struct cyc_err *err)
{
    struct cyc_ids ids = {NULL, 0, 0};
    struct cyc_fields header;
    struct cyc_build *const build = malloc(sizeof *build);
    if (build == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to read the protocol");
    }
    cyc_cell_facts_init(&protocol->cell);
    cyc_build_init(build, &protocol->arena, diags, &protocol->cell);
    build->file = files->items[0].diag_file;
    build->files = files;
    build->ids = &ids;
    bool sound = cyc_build_fields(build, root, CYC_PLACE_PROTOCOL, &header);
    if (root->type == CYC_NODE_MAPPING) {
        sound =
            cyc_header_version(build, root, &header, CYC_KEY_CYCLOSTAT, "cyclostat: 1") && sound;
        sound = take_texts(build, &header, protocol) && sound;
        if (header.node[CYC_KEY_CELL] != NULL) {
            sound = cyc_header_cell(build, header.node[CYC_KEY_CELL], &protocol->cell) && sound;
        }
        cyc_cell_merge(&protocol->cell, options);
        cyc_build_cell_known(build);
        sound = cyc_plan_compile(build, root, &header, options->settings, options->setting_count,
                                 &protocol->plan) &&
                sound;
    }
    int status = sound && diags->error_count == 0 ? CYC_OK : CYC_E_INPUT;
    if (protocol->arena.failed) {
        cyc_build_error(build, root->pos, "with all it includes the protocol is too large")->hint =
            "use blocks instead of writing steps out, and include less";
        status = CYC_E_INPUT;
    }
    if (status != CYC_OK) {
        (void)cyc_err_set(err, status, "the protocol has mistakes");
    }
    cyc_ids_release(&ids);
    free(build);
    return status;
}

static int load_plan(const struct cyc_protocol_options *options, struct cyc_files *files,
                     struct cyc_diags *diags, struct cyc_protocol *protocol, struct cyc_err *err)
{
    struct cyc_arena tree;
    struct cyc_node *root = NULL;
    cyc_arena_init(&tree, TREE_SIZE_MAX);
    const struct cyc_file *const file = &files->items[0];
    int status = cyc_tree_parse(file->text, file->size, file->diag_file, &tree, diags, &root, err);
    if (status == CYC_OK || (status == CYC_E_INPUT && root != NULL)) {
        status = compile(options, root, files, diags, protocol, err);
    }
    cyc_arena_release(&tree);
    if (status == CYC_OK) {
        cyc_check_plan(&protocol->plan, &protocol->cell, diags, &protocol->demands);
        if (diags->error_count > 0) {
            status = cyc_err_set(err, CYC_E_INPUT, "the protocol has mistakes");
        }
    }
    return status;
}

int cyc_protocol_load(const struct cyc_protocol_options *options, struct cyc_diags *diags,
                      struct cyc_protocol **protocol, struct cyc_err *err)
{
    struct cyc_protocol *const made = calloc(1, sizeof *made);
    struct cyc_files *const files = calloc(1, sizeof *files);
    int status = CYC_OK;
    *protocol = NULL;
    if (made == NULL || files == NULL) {
        free(made);
        free(files);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a protocol");
    }
    cyc_arena_init(&made->arena, PLAN_SIZE_MAX);
    files->items[0].name = split_path(options->path, &made->arena, &files->root);
    files->count = 1;
    status = strcmp(options->path, "-") == 0
                 ? cyc_err_set(err, CYC_E_INPUT, "a protocol is read from a file, not from a pipe")
                 : read_protocol(options->path, diags, &files->items[0], err);
    if (status == CYC_OK && ends_with(options->path, ".lua")) {
        status = cyc_script_load(options, files, diags, made, err);
    } else if (status == CYC_OK) {
        status = load_plan(options, files, diags, made, err);
    }
    if (status == CYC_OK) {
        status = keep_files(made, files, err);
    }
    free(files);
    if (status != CYC_OK) {
        cyc_protocol_free(made);
        return status;
    }
    *protocol = made;
    return CYC_OK;
}

void cyc_protocol_free(struct cyc_protocol *protocol)
{
    if (protocol != NULL) {
        cyc_script_free(protocol->script);
        cyc_arena_release(&protocol->arena);
        free(protocol);
    }
}

/* ---- Asking ---------------------------------------------------------------------------------- */

const char *cyc_protocol_name(const struct cyc_protocol *protocol)
{
    return protocol->name;
}

const char *cyc_protocol_source_text(const struct cyc_protocol *protocol)
{
    return protocol->source_text;
}

bool cyc_protocol_is_script(const struct cyc_protocol *protocol)
{
    return protocol->script != NULL;
}

const struct cyc_cell_facts *cyc_protocol_cell(const struct cyc_protocol *protocol)
{
    return &protocol->cell;
}

const struct cyc_demands *cyc_protocol_demands(const struct cyc_protocol *protocol)
{
    return &protocol->demands;
}

unsigned cyc_protocol_files(const struct cyc_protocol *protocol,
                            const struct cyc_protocol_file **files)
{
    /* Only a run needs the hashes; a check or an editor does not wait for them. */
    for (unsigned i = 0; i < protocol->file_count; i++) {
        struct cyc_protocol_file *const file = &protocol->files[i];
        if (file->sha256[0] == '\0') {
            cyc_sha256(file->text, file->size, file->sha256);
        }
    }
    *files = protocol->files;
    return protocol->file_count;
}

/* ---- Sources --------------------------------------------------------------------------------- */

int cyc_source_open(const struct cyc_protocol *protocol, struct cyc_source **source,
                    struct cyc_err *err)
{
    return protocol->script != NULL ? cyc_script_source_open(protocol, source, err)
                                    : cyc_plan_source_open(protocol, source, err);
}

int cyc_source_next(struct cyc_source *source, const struct cyc_result *result,
                    struct cyc_item *item, struct cyc_err *err)
{
    return source->ops->next(source, result, item, err);
}

unsigned cyc_source_expectations(struct cyc_source *source, const struct cyc_expectation **rows)
{
    return source->ops->expectations(source, rows);
}

void cyc_source_progress(const struct cyc_source *source, struct cyc_source_progress *progress)
{
    source->ops->progress(source, progress);
}

void cyc_source_close(struct cyc_source *source)
{
    if (source != NULL) {
        source->ops->close(source);
    }
}
