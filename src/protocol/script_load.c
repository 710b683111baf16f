/* Loading a Lua protocol: it is run once against a mock (script_mock.c), which shows one path of
 * it; its steps are checked, its files read. */
#include "protocol/check.h"
#include "protocol/script_int.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define SCRIPT_SIZE_MAX ((size_t)1 << 20)
#define PATH_WORK_MAX INT64_C(200000000) /* of all steps of the path together */

/* ---- The path ------------------------------------------------------------------------------------ */

static void note_path(struct cyc_script_source *source, uint32_t steps, bool ended)
{
    const struct cyc_pos pos = {.file = source->build.file, .line = source->begun_line,
                                .column = 1};
    struct cyc_diag *const diag =
        ended ? cyc_diags_add(source->diags, CYC_SEVERITY_NOTE, pos,
                              "this is a program: one path of %u steps was checked, each step "
                              "ending at its first cutoff", steps)
              : cyc_diags_add(source->diags, CYC_SEVERITY_WARNING, pos,
                              "this is a program: the first %u steps of one path were checked, "
                              "each ending at its first cutoff; it did not end by then", steps);
    diag->hint = ended ? "other paths show only when it runs" : "is there a loop without an end?";
}

/* What a step asks of the channel; those of includes are checked here, the script's own where they
 * are read. */
static void look_at_step(struct cyc_script_source *source, const struct cyc_step *step)
{
    const struct cyc_resolver *resolver = NULL;
    const struct cyc_step_plan *const plan = cyc_script_step(source, &resolver);
    if (plan == NULL) {
        return;
    }
    cyc_demands_add_step(&source->made->demands, step, plan->pos);
    if (source->inner != NULL) {
        const struct cyc_script_ear ear =
            cyc_script_listen(source, plan->pos.line, "a step of an include");
        cyc_check_step(source->checker, plan, resolver);
        cyc_script_said(source, &ear);
    }
}

static int walk_path(struct cyc_script_source *source, struct cyc_err *err)
{
    struct cyc_result result;
    const struct cyc_result *known = NULL;
    uint32_t steps = 0;
    int64_t work = 0;
    while (steps < CYC_SCRIPT_CHECK_STEPS_MAX && work < PATH_WORK_MAX) {
        struct cyc_item item;
        const int64_t before = known != NULL ? 0 : source->lua.work;
        const int status = source->base.ops->next(&source->base, known, &item, err);
        work += source->lua.work - before;
        known = NULL;
        if (status != CYC_OK || source->header_broken) {
            return status;
        }
        if (item.kind == CYC_ITEM_END) {
            if (source->diags->error_count == 0) {
                note_path(source, steps, true);
            }
            source->script->path_steps = steps;
            return CYC_OK;
        }
        if (item.kind == CYC_ITEM_STEP) {
            steps++;
            look_at_step(source, item.step);
            cyc_script_mock(source, item.step, &result);
            known = &result;
        }
    }
    note_path(source, steps, false);
    source->script->path_steps = steps;
    return CYC_OK;
}

/* ---- Files ---------------------------------------------------------------------------------------- */

/* Files are named in the text; those that the path did not reach are read now as well, so that the
 * run does not depend on what stands on the disk later. */
static void preload(struct cyc_script_source *source, const char *function)
{
    const struct cyc_file *const file = &source->files.items[0];
    const size_t size = strlen(function);
    const char *const end = file->text + file->size;
    struct cyc_build *const build = &source->build;
    build->arena = &source->made->arena;
    for (const char *at = file->text; (at = strstr(at, function)) != NULL; at += size) {
        const char *quote = at + size;
        while (quote < end && (*quote == ' ' || *quote == '(')) {
            quote++;
        }
        const char *const close = quote < end && (*quote == '"' || *quote == '\'')
                                      ? memchr(quote + 1, *quote, (size_t)(end - quote - 1))
                                      : NULL;
        if (close == NULL || close - quote > 250) {
            continue;
        }
        struct cyc_plan ignored;
        struct cyc_node node = {.type = CYC_NODE_SCALAR,
                                .pos = {.file = build->file, .line = 1},
                                .key = "include"};
        struct cyc_node step = {.type = CYC_NODE_MAPPING, .pos = node.pos, .child = &node,
                                .child_count = 1};
        node.size = (size_t)(close - quote - 1);
        node.text = cyc_arena_string(build->arena, quote + 1, node.size);
        const unsigned count = source->diags->count;
        const unsigned errors = source->diags->error_count;
        if (node.text != NULL && function[0] == 'p') {
            (void)cyc_profile_read(build, &node);
        } else if (node.text != NULL) {
            (void)cyc_script_compile_list(source, &step, false, &ignored);
        }
        source->diags->count = count; /* what is wrong with it is said when it is reached */
        source->diags->error_count = errors;
    }
}

/* ---- Loading -------------------------------------------------------------------------------------- */

static uint64_t seed_of(const struct cyc_protocol_options *options, const struct cyc_file *file)
{
    uint64_t seed = cyc_hash(file->text, file->size);
    for (unsigned i = 0; i < options->setting_count; i++) {
        if (strcmp(options->settings[i].name, "seed") == 0) {
            seed ^= cyc_hash(options->settings[i].value, strlen(options->settings[i].value));
        }
    }
    return seed;
}

static int check(struct cyc_script_source *source, const struct cyc_protocol_options *options,
                 struct cyc_protocol *protocol, struct cyc_err *err)
{
    struct cyc_checker checker;
    source->options = options;
    source->made = protocol;
    cyc_demands_init(&protocol->demands);
    cyc_checker_init(&checker, &source->cell, source->diags);
    source->checker = &checker;
    const int status = walk_path(source, err);
    source->checker = NULL;
    if (status == CYC_OK && !source->header_broken) {
        cyc_check_limits_scale(&checker, &protocol->plan.rules.limits);
        preload(source, "include");
        preload(source, "profile");
    }
    source->options = NULL;
    if (status == CYC_E_NO_MEMORY || status == CYC_E_BUG) {
        return status;
    }
    if (status != CYC_OK && source->diags->error_count == 0) {
        const struct cyc_pos pos = {.file = source->build.file};
        (void)cyc_diags_add(source->diags, CYC_SEVERITY_ERROR, pos, "%s",
                            err != NULL ? err->text : "the program failed");
    }
    return source->diags->error_count > 0
               ? cyc_err_set(err, CYC_E_INPUT, "the protocol has mistakes")
               : CYC_OK;
}

int cyc_script_load(const struct cyc_protocol_options *options, struct cyc_files *files,
                    struct cyc_diags *diags, struct cyc_protocol *protocol, struct cyc_err *err)
{
    struct cyc_script *const script = calloc(1, sizeof *script);
    struct cyc_script_source *source = NULL;
    const struct cyc_file *const file = &files->items[0];
    if (script == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a script");
    }
    if (file->size > SCRIPT_SIZE_MAX) {
        free(script);
        return cyc_err_set(err, CYC_E_INPUT, "%s: a program has at most 1 MiB of text", file->name);
    }
    protocol->script = script;
    protocol->name = protocol->source_text = "";
    cyc_cell_facts_init(&protocol->cell);
    script->files = *files;
    (void)cyc_copy(script->chunk, sizeof script->chunk, file->name);
    script->seed = seed_of(options, file);
    int status = cyc_script_source_new(protocol, script, file->text, file->size, diags, &source,
                                       err);
    if (source == NULL) {
        return status;
    }
    source->build.file = file->diag_file;
    if (status == CYC_E_SYNTAX || status == CYC_E_BUDGET) {
        const struct cyc_pos pos = {.file = file->diag_file, .line = source->loop.line,
                                    .column = source->loop.line > 0 ? 1 : 0};
        (void)cyc_diags_add(diags, CYC_SEVERITY_ERROR, pos, "%s", err != NULL ? err->text : "");
        status = cyc_err_set(err, CYC_E_INPUT, "the protocol has mistakes");
    } else if (status == CYC_OK) {
        status = check(source, options, protocol, err);
    }
    *files = source->files; /* with what was read on the way */
    script->files = source->files;
    script->files.items[0].text = NULL; /* the diags' */
    script->files.items[0].name =
        cyc_arena_string(&protocol->arena, file->name, strlen(file->name)); /* was the path's */
    if (script->files.items[0].name == NULL && status == CYC_OK) {
        status = cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a script");
    }
    script->files.closed = true;
    cyc_source_close(&source->base);
    return status;
}

void cyc_script_free(struct cyc_script *script)
{
    free(script);
}
