/* A Lua protocol as a source of steps.
 *
 *   next(result) ─► account it ─► resume the script ─► it calls charge(…), which leaves a request
 *                                                      and yields ─► item for the host
 *
 *   request   STEP    resolver.step is ready; its result becomes the value of the call
 *             NOTE    a line for the log
 *             CYCLE   a pass has ended (also handed out before any other item, when one is queued)
 *             LIST    nodes to carry out by a plan source with the script's own history: an
 *                     include, a let, `finally`
 *             END     the script has ended, stopped or failed
 *
 * The Lua thread yields only inside the functions of script_words.c and script_loop.c. A replay
 * feeds recorded results to a fresh source: the same text and the same results give the same steps.
 */
#include "protocol/script_int.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LASTING_MAX = 4 << 20, CALL_MAX = 4 << 20 };

static struct cyc_script_source *of(struct cyc_source *source)
{
    return (struct cyc_script_source *)(void *)source;
}

/* ---- Places in the text
 * -------------------------------------------------------------------------- */

uint32_t cyc_script_number(struct cyc_script_source *source, uint32_t line, uint32_t kind)
{
    uint32_t at = (line * 31u + kind) % CYC_SCRIPT_SITES_MAX;
    while (source->sites[at].line != 0 &&
           (source->sites[at].line != line || source->sites[at].kind != kind)) {
        at = (at + 1) % CYC_SCRIPT_SITES_MAX;
    }
    struct cyc_script_site *const site = &source->sites[at];
    if (site->line == 0 && source->site_count < CYC_SCRIPT_SITES_MAX / 4 * 3) {
        source->site_count++;
        *site = (struct cyc_script_site){line, kind, source->step_count + 1};
    }
    return site->line != 0 ? site->number : source->step_count + 1;
}

/* ---- The end
 * ------------------------------------------------------------------------------------- */

int cyc_script_break_loop(struct cyc_script_source *source, bool complete, struct cyc_err *err)
{
    struct cyc_script_loop *const loop = &source->loop;
    int status = CYC_OK;
    if (!loop->active) {
        return CYC_OK;
    }
    if (loop->running) {
        status = cyc_history_pass_end(&source->history, complete, &source->cycle, err);
        source->cycle_queued = true;
        if (complete) {
            cyc_history_pass_judged(&source->history);
        }
    }
    cyc_history_leave(&source->history);
    loop->active = false;
    loop->running = false;
    source->rule_count = 1;
    return status;
}

static int open_list(struct cyc_script_source *source, bool finally, struct cyc_err *err)
{
    static const struct cyc_rules *none[1];
    const struct cyc_rules *const after[1] = {&source->base.protocol->plan.finally_rules};
    const struct cyc_list_options options = {
        .plan = &source->list,
        .rules = finally                  ? after
                 : source->rule_count > 0 ? source->rules
                                          : none,
        .rule_count = finally ? 1 : source->rule_count,
        .history = &source->history,
        .values = source->values,
        .finally = finally,
        .finish = source->finish,
    };
    source->request = CYC_REQUEST_LIST;
    return cyc_list_source_open(source->base.protocol, &options, &source->inner, err);
}

int cyc_script_finish(struct cyc_script_source *source, enum cyc_finish how, const char *why,
                      struct cyc_err *err)
{
    const struct cyc_plan_node *const finally = source->base.protocol->plan.finally;
    const int status = cyc_script_break_loop(source, false, err);
    source->request = CYC_REQUEST_END;
    if (status != CYC_OK || source->ending) {
        return status;
    }
    source->ending = true;
    source->finish = how;
    (void)cyc_copy(source->why, sizeof source->why, why);
    if (finally == NULL) {
        return CYC_OK;
    }
    source->list = (struct cyc_plan){.method = (struct cyc_plan_node *)(uintptr_t)finally};
    return open_list(source, true, err);
}

/* ---- Results
 * ------------------------------------------------------------------------------------- */

static int follow(struct cyc_script_source *source, const struct cyc_result *result,
                  struct cyc_err *err)
{
    char why[256];
    cyc_source_say_why(&source->resolver.step, result, why, sizeof why);
    switch (result->action) {
    case CYC_FOLLOW_NEXT:
    case CYC_FOLLOW_PAUSE:
        return CYC_OK;
    case CYC_FOLLOW_STOP:
        return cyc_script_finish(source, CYC_FINISH_STOPPED, why, err);
    case CYC_FOLLOW_FAIL:
        return cyc_script_finish(source, CYC_FINISH_FAILED, why, err);
    case CYC_FOLLOW_LEAVE: /* of the protocol: its method is over */
        return cyc_script_finish(source, CYC_FINISH_DONE, "", err);
    case CYC_FOLLOW_GOTO:
        break;
    }
    return cyc_err_set(err, CYC_E_BUG, "a script has no goto");
}

static int account(struct cyc_script_source *source, const struct cyc_result *result,
                   struct cyc_err *err)
{
    const int status = cyc_history_step(&source->history, &source->resolver.step, result, err);
    source->result = *result;
    return status == CYC_OK ? follow(source, result, err) : status;
}

/* 1C may have changed: what is read from now on is converted with the new one. */
static void follow_one_c(struct cyc_script_source *source)
{
    double known_A = NAN;
    (void)cyc_one_c_A(&source->cell.basis, &known_A, NULL, NULL);
    if (isfinite(source->history.one_c_A) && source->history.one_c_A != known_A) {
        source->cell.basis.one_c =
            (struct cyc_quantity){source->history.one_c_A, CYC_KIND_CURRENT, CYC_BASIS_ABSOLUTE};
    }
}

static int close_list(struct cyc_script_source *source, const struct cyc_item *end,
                      struct cyc_err *err)
{
    cyc_list_source_close(source->inner, &source->history);
    source->inner = NULL;
    cyc_history_env(&source->history, &source->env);
    follow_one_c(source);
    if (source->ending) {
        source->request = CYC_REQUEST_END;
        return CYC_OK;
    }
    source->request = CYC_REQUEST_NONE;
    return end->finish == CYC_FINISH_DONE ? CYC_OK
                                          : cyc_script_finish(source, end->finish, end->text, err);
}

/* ---- Resuming
 * ------------------------------------------------------------------------------------ */

/* Puts the place before an error of the script, or notes it when it is being checked. */
static int blame(struct cyc_script_source *source, int status, int line, struct cyc_err *inner,
                 struct cyc_err *err)
{
    if (status == CYC_E_NO_MEMORY || status == CYC_E_BUG) {
        return cyc_err_set(err, status, "%s", inner->text);
    }
    if (source->options != NULL) {
        const struct cyc_pos pos = {
            .file = source->build.file, .line = (uint32_t)line, .column = line > 0 ? 1 : 0};
        (void)cyc_diags_add(source->diags, CYC_SEVERITY_ERROR, pos, "%s", inner->text);
        return cyc_err_set(err, status, "the protocol has mistakes");
    }
    return line > 0
               ? cyc_err_set(err, status, "%s:%d: %s", source->script->chunk, line, inner->text)
               : cyc_err_set(err, status, "%s: %s", source->script->chunk, inner->text);
}

static int resume(struct cyc_script_source *source, struct cyc_err *err)
{
    bool yielded = false;
    int line = 0;
    struct cyc_err inner = {0};
    cyc_history_env(&source->history, &source->env);
    const int status = cyc_lua_resume(&source->lua, 0, &yielded, &line, &inner);
    if (status != CYC_OK) {
        return blame(source, status, line, &inner, err);
    }
    if (yielded) {
        return CYC_OK;
    }
    if (!source->begun) {
        (void)cyc_err_set(&inner, CYC_E_SCRIPT, "the script never called protocol{…}");
        return blame(source, CYC_E_SCRIPT, 1, &inner, err);
    }
    return cyc_script_finish(source, CYC_FINISH_DONE, "", err);
}

/* ---- The source
 * ---------------------------------------------------------------------------------- */

static bool hand_out_cycle(struct cyc_script_source *source, struct cyc_item *item)
{
    if (!source->cycle_queued) {
        return false;
    }
    source->cycle_queued = false;
    item->kind = CYC_ITEM_CYCLE;
    item->cycle = source->cycle;
    return true;
}

/* True: the request is an item; else the script goes on. */
static bool hand_out(struct cyc_script_source *source, struct cyc_item *item)
{
    const enum cyc_script_request request = source->request;
    if (request != CYC_REQUEST_END) {
        source->request = CYC_REQUEST_NONE;
    }
    switch (request) {
    case CYC_REQUEST_STEP:
        item->kind = CYC_ITEM_STEP;
        item->step = &source->resolver.step;
        item->text = source->text;
        return true;
    case CYC_REQUEST_NOTE:
        item->kind = CYC_ITEM_NOTE;
        item->text = source->text;
        return true;
    case CYC_REQUEST_END:
        item->kind = CYC_ITEM_END;
        item->finish = source->finish;
        item->text = source->why;
        return true;
    case CYC_REQUEST_NONE:
    case CYC_REQUEST_CYCLE:
    case CYC_REQUEST_LIST:
        break;
    }
    return false;
}

static int next(struct cyc_source *base, const struct cyc_result *result, struct cyc_item *item,
                struct cyc_err *err)
{
    struct cyc_script_source *const source = of(base);
    const bool inside = source->request == CYC_REQUEST_LIST;
    int status = result != NULL && !inside ? account(source, result, err) : CYC_OK;
    source->lua.work = result != NULL ? 0 : source->lua.work; /* a new step, a new budget */
    memset(item, 0, sizeof *item);
    while (status == CYC_OK) {
        if (hand_out_cycle(source, item)) {
            return CYC_OK;
        }
        if (source->request == CYC_REQUEST_LIST) {
            status = source->inner->ops->next(source->inner, inside ? result : NULL, item, err);
            result = NULL;
            if (status != CYC_OK || item->kind != CYC_ITEM_END) {
                return status;
            }
            const struct cyc_item end = *item;
            memset(item, 0, sizeof *item);
            status = close_list(source, &end, err);
        } else if (hand_out(source, item)) {
            return CYC_OK;
        } else {
            status = resume(source, err);
        }
    }
    return status;
}

static unsigned expectations(struct cyc_source *base, const struct cyc_expectation **rows)
{
    struct cyc_script_source *const source = of(base);
    const struct cyc_plan *const plan = &base->protocol->plan;
    *rows = source->expectations;
    if (plan->expect_count == 0) {
        return 0;
    }
    if (source->expectations == NULL) {
        source->expectations = calloc(plan->expect_count, sizeof *source->expectations);
        *rows = source->expectations;
    }
    cyc_history_env(&source->history, &source->env);
    for (unsigned i = 0; source->expectations != NULL && i < plan->expect_count; i++) {
        cyc_expect_value(&plan->expects[i], &source->env, &source->expectations[i]);
    }
    return source->expectations != NULL ? plan->expect_count : 0;
}

static void progress(const struct cyc_source *base, struct cyc_source_progress *progress_)
{
    const struct cyc_script_source *const source =
        (const struct cyc_script_source *)(const void *)base;
    progress_->cycle = source->history.cycle_number;
    progress_->cycle_count = 0; /* a program knows its number of cycles when it ends */
}

static void close_source(struct cyc_source *base)
{
    struct cyc_script_source *const source = of(base);
    if (source->inner != NULL) {
        cyc_list_source_close(source->inner, &source->history);
    }
    cyc_lua_close(&source->lua);
    cyc_history_release(&source->history);
    cyc_resolver_release(&source->resolver);
    cyc_arena_release(&source->lasting);
    cyc_arena_release(&source->loop_arena);
    cyc_arena_release(&source->call_arena);
    if (source->own_diags) {
        cyc_diags_release(source->diags);
        free(source->diags);
    }
    free(source->expectations);
    free(source);
}

static const struct cyc_source_ops ops = {next, expectations, progress, close_source};

/* ---- Opening
 * ------------------------------------------------------------------------------------- */

static int open_vocabulary(lua_State *L)
{
    cyc_lua_open_outcome(L);
    cyc_script_open_words(L);
    cyc_script_open_loop(L);
    return 0;
}

static void prepare_build(struct cyc_script_source *source)
{
    struct cyc_build *const build = &source->build;
    cyc_build_init(build, &source->call_arena, source->diags, &source->cell);
    source->files = source->script->files;
    build->files = &source->files;
    build->folder = "";
    build->names = &source->names;
    build->script = true;
    source->unit.file = &source->files.items[0];
    source->variable_count = CYC_NAME_FIRST_FREE;
    for (size_t i = 0; i < sizeof source->values / sizeof source->values[0]; i++) {
        source->values[i] = NAN;
    }
    source->rules[0] = &source->base.protocol->plan.rules;
    source->rule_count = 1;
}

int cyc_script_source_new(const struct cyc_protocol *protocol, struct cyc_script *script,
                          const char *text, size_t size, struct cyc_diags *diags,
                          struct cyc_script_source **source, struct cyc_err *err)
{
    struct cyc_script_source *const made = calloc(1, sizeof *made);
    int line = 0;
    *source = made;
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a source");
    }
    made->base = (struct cyc_source){&ops, protocol};
    made->script = script;
    made->diags = diags;
    made->cell = protocol->cell;
    cyc_arena_init(&made->lasting, LASTING_MAX);
    cyc_arena_init(&made->loop_arena, CALL_MAX);
    cyc_arena_init(&made->call_arena, CALL_MAX);
    cyc_resolver_init(&made->resolver);
    cyc_history_init(&made->history, &made->cell, true);
    made->history.values = made->values;
    made->history.value_count = (int)(sizeof made->values / sizeof made->values[0]);
    prepare_build(made);
    if (!cyc_names_init(&made->names, &made->lasting, &made->variable_count)) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a source");
    }
    struct cyc_err inner = {0};
    int status = cyc_lua_open(&made->lua, script->chunk, script->seed, err);
    if (status != CYC_OK) {
        return status;
    }
    made->lua.owner = made;
    status = cyc_lua_protect(&made->lua, open_vocabulary, NULL, err);
    if (status != CYC_OK) {
        return status;
    }
    status = cyc_lua_load(&made->lua, text, size, &line, &inner);
    if (status != CYC_OK) {
        (void)cyc_err_set(err, status, "%s", inner.text);
        made->loop.line = (uint32_t)line; /* for the diagnostic */
    }
    return status;
}

static void adopt_header(struct cyc_script_source *source)
{
    const struct cyc_script *const script = source->script;
    for (unsigned i = 2; i < script->names.count; i++) {
        source->names.items[i] = script->names.items[i];
    }
    source->names.count = script->names.count;
    source->variable_count = source->base.protocol->plan.variable_count;
    cyc_build_cell_known(&source->build);
    source->build.bare_voltage_refused = script->bare_voltage_refused;
    cyc_compile_bounds(&source->build, &source->base.protocol->plan.rules.cutoffs);
    source->step_count = source->base.protocol->plan.step_count;
    source->build.step_count = source->step_count;
}

int cyc_script_source_open(const struct cyc_protocol *protocol, struct cyc_source **source,
                           struct cyc_err *err)
{
    struct cyc_script_source *made = NULL;
    struct cyc_diags *const diags = malloc(sizeof *diags);
    if (diags == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a source");
    }
    cyc_diags_init(diags);
    const struct cyc_protocol_file *const file = &protocol->files[0];
    int status = cyc_script_source_new(protocol, protocol->script, file->text, file->size, diags,
                                       &made, err);
    if (made == NULL) {
        cyc_diags_release(diags);
        free(diags);
        return status;
    }
    made->own_diags = true;
    if (status == CYC_OK) {
        made->build.file = cyc_diags_add_file(diags, file->name, NULL, 0);
        adopt_header(made);
    }
    if (status != CYC_OK) {
        close_source(&made->base);
        return status;
    }
    *source = &made->base;
    return CYC_OK;
}
