/* Carrying out a plan: which step comes next.
 *
 *       frames:   [method] [cycles 'main'] [if]           one per list that is being walked
 *                     │         │            └ cursor ─► the node to do next
 *                     │         └ pass 7 of 50
 *                     └ at the bottom; below it nothing: the end, then `finally`
 *
 *   next(result) ─► account the result ─► follow its cutoff's action ─► walk nodes until one of
 *   them is an item for the host: a step, a note, a finished cycle, the end.
 *
 * Walking is bounded: so many nodes without an item, or so many backward jumps during which neither
 * charge nor time moved, and the protocol is said to make no progress. All state is in this struct,
 * so feeding a source the recorded results leads it to the same place again.
 */
#include "protocol/protocol_int.h"

#include "protocol/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX     (CYC_TREE_DEPTH_MAX * 2)
#define RULES_MAX      (2 * CYC_BLOCKS_MAX + 1)
#define IDLE_NODES_MAX 1000000u /* walked without an item */
#define IDLE_JUMPS_MAX 100u

struct frame {
    const struct cyc_plan_node *block; /* NULL: method or finally */
    const struct cyc_plan_node *cursor;
    uint32_t pass, count;
    unsigned rule_count; /* rules in force before it was entered */
};

enum phase { PHASE_METHOD, PHASE_FINALLY, PHASE_ENDED };

struct plan_source {
    struct cyc_source base;
    const struct cyc_plan *plan;
    struct cyc_history history;
    struct cyc_expr_env env;
    double *values;
    bool lent; /* history and values are a script's */
    struct cyc_resolver resolver;
    struct frame frames[FRAMES_MAX];
    unsigned depth;
    const struct cyc_rules *rules[RULES_MAX];
    const struct cyc_plan_node *rule_blocks[RULES_MAX]; /* whose rules they are; NULL: protocol */
    unsigned rule_count;
    const struct cyc_plan_node *running; /* the step that was handed out */
    struct cyc_cycle cycle;              /* to be handed out next */
    bool cycle_queued;
    enum phase phase;
    enum cyc_finish finish;
    char why[256];
    unsigned idle_nodes, idle_jumps;
    int64_t jump_ns; /* where the run stood at the last backward jump */
    double jump_Ah;
    uint32_t cycle_count;
    struct cyc_expectation *expectations;
    unsigned expectation_count;
};

static struct plan_source *of(struct cyc_source *source)
{
    return (struct plan_source *)(void *)source;
}

static int wrap(struct cyc_err *err, struct cyc_pos pos)
{
    return cyc_err_wrap(err, "line %u", pos.line);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static bool has_passes(const struct frame *frame)
{
    return frame->block != NULL && frame->block->kind != CYC_STEP_IF;
}

static int push_frame(struct plan_source *source, const struct cyc_plan_node *block,
                      const struct cyc_plan_node *first, uint32_t count, struct cyc_err *err)
{
    if (source->depth == FRAMES_MAX) {
        return cyc_err_set(err, CYC_E_BOUND, "lists are nested deeper than %d", FRAMES_MAX);
    }
    source->frames[source->depth++] = (struct frame){.block = block,
                                                     .cursor = first,
                                                     .pass = 1,
                                                     .count = count,
                                                     .rule_count = source->rule_count};
    return CYC_OK;
}

static void push_rules(struct plan_source *source, const struct cyc_rules *rules,
                       const struct cyc_plan_node *block)
{
    if (source->rule_count < RULES_MAX) {
        source->rules[source->rule_count] = rules;
        source->rule_blocks[source->rule_count++] = block;
    }
}

static int assign(struct plan_source *source, const struct cyc_assignment *list, unsigned count,
                  struct cyc_err *err)
{
    for (unsigned i = 0; i < count; i++) {
        double value = NAN;
        source->env.soc_at_start = cyc_history_soc(&source->history);
        const int status = cyc_value_get(&list[i].value, &source->env, &value, err);
        if (status != CYC_OK) {
            (void)wrap(err, list[i].pos);
            return status;
        }
        if (isnan(value)) {
            return cyc_err_set(err, CYC_E_INPUT,
                               "line %u: %s has no value: what it is computed "
                               "from does not exist yet",
                               list[i].pos.line, list[i].name);
        }
        if (list[i].variable == CYC_ASSIGN_SOC) {
            cyc_history_set_soc(&source->history, value);
        } else if (list[i].variable == CYC_NAME_FULL_CAPACITY) {
            source->history.full_capacity_Ah = value;
        } else if (list[i].variable == CYC_NAME_ONE_C) {
            source->history.one_c_A = value;
        } else {
            source->values[list[i].variable] = value;
        }
        cyc_history_env(&source->history, &source->env);
    }
    return CYC_OK;
}

/* The values of `each` for this pass, then the pass begins. */
static int begin_pass(struct plan_source *source, struct frame *frame, struct cyc_err *err)
{
    const struct cyc_plan_block *const block = cyc_plan_as_block(frame->block);
    for (unsigned i = 0; i < block->each_count; i++) {
        const struct cyc_each_list *const list = &block->each[i];
        const int status = cyc_value_get(&list->values[frame->pass - 1], &source->env,
                                         &source->values[list->variable], err);
        if (status != CYC_OK) {
            (void)wrap(err, block->pos);
            return status;
        }
    }
    cyc_history_pass_begin(&source->history);
    frame->cursor = block->first;
    return CYC_OK;
}

static int end_pass(struct plan_source *source, const struct frame *frame, bool complete,
                    struct cyc_err *err)
{
    struct cyc_cycle cycle;
    const int status = cyc_history_pass_end(&source->history, complete, &cycle, err);
    if (status == CYC_OK && frame->block->kind == CYC_STEP_CYCLES) {
        source->cycle = cycle;
        source->cycle_queued = true;
    }
    return status;
}

/* Leaves the innermost list for good; its pass, if it has one, must have ended. */
static void drop_frame(struct plan_source *source)
{
    struct frame *const frame = &source->frames[--source->depth];
    if (has_passes(frame)) {
        cyc_history_leave(&source->history);
    }
    source->rule_count = frame->rule_count;
}

/* Leaves the innermost list in the middle. */
static int break_frame(struct plan_source *source, struct cyc_err *err)
{
    const struct frame *const frame = &source->frames[source->depth - 1];
    const int status = has_passes(frame) ? end_pass(source, frame, false, err) : CYC_OK;
    drop_frame(source);
    return status;
}

/* ---- The end --------------------------------------------------------------------------------- */

static int start_list(struct plan_source *source, const struct cyc_plan_node *list,
                      const struct cyc_rules *rules, struct cyc_err *err)
{
    const int status = push_frame(source, NULL, list, 1, err);
    push_rules(source, rules, NULL);
    return status;
}

/* The method is over, for this reason; `finally` follows where there is one. */
static int finish(struct plan_source *source, enum cyc_finish how, const char *why,
                  struct cyc_err *err)
{
    int status = CYC_OK;
    while (source->depth > 0 && status == CYC_OK) {
        status = break_frame(source, err);
    }
    source->rule_count = 0;
    if (source->phase == PHASE_FINALLY || status != CYC_OK) {
        source->phase = PHASE_ENDED;
        return status;
    }
    source->finish = how;
    (void)cyc_copy(source->why, sizeof source->why, why);
    if (source->plan->finally == NULL) {
        source->phase = PHASE_ENDED;
        return CYC_OK;
    }
    source->phase = PHASE_FINALLY;
    return start_list(source, source->plan->finally, &source->plan->finally_rules, err);
}

/* ---- Jumps ----------------------------------------------------------------------------------- */

static int check_jump(struct plan_source *source, const struct cyc_plan_node *from,
                      const struct cyc_plan_node *to, struct cyc_err *err)
{
    const struct cyc_sums *const sums = &source->history.test.sums;
    const double passed_Ah = sums->charge_Ah + sums->discharge_Ah;
    if (to->order > from->order) {
        return CYC_OK;
    }
    if (source->history.now_ns != source->jump_ns || passed_Ah > source->jump_Ah) {
        source->idle_jumps = 0;
    }
    source->jump_ns = source->history.now_ns;
    source->jump_Ah = passed_Ah;
    if (++source->idle_jumps > IDLE_JUMPS_MAX) {
        return cyc_err_set(err, CYC_E_PROGRESS,
                           "line %u: %u jumps back without charge or time passing",
                           cyc_plan_pos(from).line, IDLE_JUMPS_MAX);
    }
    return CYC_OK;
}

static int jump(struct plan_source *source, const struct cyc_plan_node *from,
                const struct cyc_plan_node *to, struct cyc_err *err)
{
    int status = check_jump(source, from, to, err);
    while (status == CYC_OK && source->depth > 1 &&
           source->frames[source->depth - 1].block != to->parent) {
        status = break_frame(source, err);
    }
    source->frames[source->depth - 1].cursor = to;
    return status;
}

/* Leaves this block, or the innermost one (NULL). */
static int leave(struct plan_source *source, const struct cyc_plan_node *block, struct cyc_err *err)
{
    int status = CYC_OK;
    while (status == CYC_OK && source->depth > 1) {
        const struct frame *const frame = &source->frames[source->depth - 1];
        const bool last = block == NULL ? has_passes(frame) : frame->block == block;
        status = break_frame(source, err);
        if (last) {
            return status;
        }
    }
    return status;
}

void cyc_source_say_why(const struct cyc_step *step, const struct cyc_result *result, char *why,
                        size_t size)
{
    const char *const quote = step->name[0] == '\0' ? "" : "'";
    const char *const blank = step->name[0] == '\0' ? "" : " ";
    if (result->reason == CYC_REASON_OPERATOR) {
        (void)snprintf(why, size, "by an operator, in step %u%s%s%s%s", step->id, blank, quote,
                       step->name, quote);
        return;
    }
    (void)snprintf(why, size, "step %u%s%s%s%s: cutoff of %s, action %s", step->id, blank, quote,
                   step->name, quote, cyc_reason_name(result->reason),
                   cyc_follow_up_name(result->action));
}

/* What the cutoff that ended the step asks for. */
static int follow(struct plan_source *source, const struct cyc_result *result, struct cyc_err *err)
{
    char why[256];
    const struct cyc_cutoff_plan *const plan =
        result->cutoff < 0 ? NULL : source->resolver.cutoffs[result->cutoff];
    const int owner = result->cutoff < 0 ? -1 : source->resolver.owners[result->cutoff];
    const struct cyc_plan_node *const target =
        plan == NULL || plan->more == NULL ? NULL : plan->more->target_node;
    switch (result->action) {
    case CYC_FOLLOW_NEXT:
    case CYC_FOLLOW_PAUSE:
        return CYC_OK;
    case CYC_FOLLOW_GOTO:
        return target == NULL ? cyc_err_set(err, CYC_E_BUG, "goto without a target")
                              : jump(source, source->running, target, err);
    case CYC_FOLLOW_LEAVE:
        if (target != NULL || owner < 0) {
            return leave(source, target, err);
        }
        if (source->rule_blocks[owner] != NULL) {
            return leave(source, source->rule_blocks[owner], err);
        }
        return finish(source, CYC_FINISH_DONE, "", err);
    case CYC_FOLLOW_STOP:
    case CYC_FOLLOW_FAIL:
        cyc_source_say_why(&source->resolver.step, result, why, sizeof why);
        return finish(source,
                      result->action == CYC_FOLLOW_STOP ? CYC_FINISH_STOPPED : CYC_FINISH_FAILED,
                      why, err);
    }
    return CYC_E_BUG;
}

static int account(struct plan_source *source, const struct cyc_result *result, struct cyc_err *err)
{
    if (source->running == NULL) {
        return cyc_err_set(err, CYC_E_BUG, "a result without a step");
    }
    int status = cyc_history_step(&source->history, &source->resolver.step, result, err);
    if (status == CYC_OK) {
        status = follow(source, result, err);
    }
    source->running = NULL;
    return status;
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

static int block_count(struct plan_source *source, const struct cyc_plan_block *block,
                       uint32_t *count, struct cyc_err *err)
{
    double value = 1.0;
    *count = block->each_length;
    if (block->node.kind == CYC_STEP_EACH) {
        return CYC_OK;
    }
    const int status = cyc_value_get(&block->count, &source->env, &value, err);
    if (status != CYC_OK) {
        (void)wrap(err, block->pos);
        return status;
    }
    if (!(value >= 0.0 && value <= 1e9 && value == floor(value))) {
        char text[CYC_NUMBER_SIZE];
        return cyc_err_set(err, CYC_E_INPUT,
                           "line %u: the count came out as %s; a whole number is due",
                           block->pos.line, cyc_number_brief(text, value, 6));
    }
    *count = (uint32_t)value;
    return CYC_OK;
}

static int enter_block(struct plan_source *source, const struct cyc_plan_node *node,
                       struct cyc_err *err)
{
    const struct cyc_plan_block *const block = cyc_plan_as_block(node);
    uint32_t count = 0;
    double reference = 1.0;
    int status = block_count(source, block, &count, err);
    if (status != CYC_OK || count == 0) {
        return status;
    }
    if (cyc_value_stated(&block->reference_pass)) {
        status = cyc_value_get(&block->reference_pass, &source->env, &reference, err);
    }
    status = status != CYC_OK ? status
                              : assign(source, block->assignments, block->assignment_count, err);
    if (status != CYC_OK) {
        return status;
    }
    status = push_frame(source, node, block->first, count, err);
    status =
        status != CYC_OK
            ? status
            : cyc_history_enter(&source->history, block, block->id, node->kind == CYC_STEP_CYCLES,
                                reference >= 1.0 && reference < 4e9 ? (uint32_t)reference : 1, err);
    if (status != CYC_OK) {
        return status;
    }
    push_rules(source, &block->rules, node);
    if (node->kind == CYC_STEP_INCLUDE) {
        push_rules(source, &block->own, node);
    }
    return begin_pass(source, &source->frames[source->depth - 1], err);
}

static int judge(struct plan_source *source, const struct cyc_plan_block *block, bool *leaves,
                 struct cyc_err *err)
{
    double value = 0.0;
    int status = CYC_OK;
    *leaves = false;
    if (block->condition != NULL) {
        cyc_history_env(&source->history, &source->env);
        status = cyc_expr_value(block->condition, &source->env, &value, err);
        if (status != CYC_OK) {
            (void)wrap(err, block->pos);
        }
        *leaves = value != 0.0 && !isnan(value);
    }
    cyc_history_pass_judged(&source->history);
    return status;
}

/* The innermost list has come to its end. */
static int end_list(struct plan_source *source, struct cyc_err *err)
{
    struct frame *const frame = &source->frames[source->depth - 1];
    bool leaves = false;
    if (frame->block == NULL) {
        return finish(source, CYC_FINISH_DONE, "", err);
    }
    if (!has_passes(frame)) {
        drop_frame(source);
        return CYC_OK;
    }
    int status = end_pass(source, frame, true, err);
    status =
        status != CYC_OK ? status : judge(source, cyc_plan_as_block(frame->block), &leaves, err);
    if (status != CYC_OK) {
        return status;
    }
    if (leaves || frame->pass >= frame->count) {
        drop_frame(source);
        return CYC_OK;
    }
    frame->pass++;
    return begin_pass(source, frame, err);
}

static int choose(struct plan_source *source, const struct cyc_plan_node *node, struct cyc_err *err)
{
    const struct cyc_plan_block *const branch = cyc_plan_as_block(node);
    double value = 0.0;
    cyc_history_env(&source->history, &source->env);
    const int status = cyc_expr_value(branch->condition, &source->env, &value, err);
    if (status != CYC_OK) {
        (void)wrap(err, branch->pos);
        return status;
    }
    const struct cyc_plan_node *const list =
        value != 0.0 && !isnan(value) ? branch->first : branch->otherwise;
    return list == NULL ? CYC_OK : push_frame(source, node, list, 1, err);
}

static int hand_out_step(struct plan_source *source, const struct cyc_plan_node *node,
                         struct cyc_item *item, bool *given, struct cyc_err *err)
{
    const struct cyc_step_plan *const plan = &cyc_plan_as_step(node)->step;
    const bool climate = plan->mode == CYC_MODE_TEMPERATURE || plan->mode == CYC_MODE_PRESSURE;
    const struct cyc_step_around around = {&source->base.protocol->cell, &source->env,
                                           &source->history, source->rules, source->rule_count};
    if (source->phase == PHASE_FINALLY && source->finish == CYC_FINISH_FAILED && !climate) {
        return CYC_OK;
    }
    cyc_history_env(&source->history, &source->env);
    const int status = cyc_step_resolve(&source->resolver, plan, &around, err);
    if (status == CYC_OK) {
        source->running = node;
        item->kind = CYC_ITEM_STEP;
        item->step = &source->resolver.step;
        item->text = plan->more == NULL ? NULL : plan->more->text;
        *given = true;
    }
    return status;
}

static int carry_out(struct plan_source *source, const struct cyc_plan_node *node,
                     struct cyc_item *item, bool *given, struct cyc_err *err)
{
    const struct cyc_plan_flow *const flow = cyc_plan_as_flow(node);
    switch ((enum cyc_step_kind)node->kind) {
    case CYC_STEP_CHARGE:
    case CYC_STEP_DISCHARGE:
    case CYC_STEP_HOLD:
    case CYC_STEP_REST:
    case CYC_STEP_PULSE:
    case CYC_STEP_SWEEP:
    case CYC_STEP_PROFILE:
    case CYC_STEP_IMPEDANCE:
    case CYC_STEP_TEMPERATURE:
    case CYC_STEP_PRESSURE:
    case CYC_STEP_ASK:
        return hand_out_step(source, node, item, given, err);
    case CYC_STEP_REPEAT:
    case CYC_STEP_CYCLES:
    case CYC_STEP_EACH:
    case CYC_STEP_INCLUDE:
        return enter_block(source, node, err);
    case CYC_STEP_IF:
        return choose(source, node, err);
    case CYC_STEP_LET: {
        const struct cyc_plan_let *const let = cyc_plan_as_let(node);
        cyc_history_env(&source->history, &source->env);
        return assign(source, let->assignments, let->assignment_count, err);
    }
    case CYC_STEP_NOTE:
        item->kind = CYC_ITEM_NOTE;
        item->text = flow->text;
        *given = true;
        return CYC_OK;
    case CYC_STEP_GOTO:
        return jump(source, node, flow->target_node, err);
    case CYC_STEP_LEAVE:
        return leave(source, flow->target_node, err);
    case CYC_STEP_STOP:
        return finish(source, CYC_FINISH_STOPPED, flow->text, err);
    case CYC_STEP_FAIL:
        return finish(source, CYC_FINISH_FAILED, flow->text, err);
    case CYC_STEP_SENTENCE:
    case CYC_STEP_KIND_COUNT:
        break;
    }
    return cyc_err_set(err, CYC_E_BUG, "a node of no kind");
}

/* ---- The source ------------------------------------------------------------------------------ */

/* Hands out what is ready without walking on. */
static bool ready(struct plan_source *source, struct cyc_item *item)
{
    if (source->cycle_queued) {
        source->cycle_queued = false;
        item->kind = CYC_ITEM_CYCLE;
        item->cycle = source->cycle;
        return true;
    }
    if (source->phase == PHASE_ENDED) {
        item->kind = CYC_ITEM_END;
        item->finish = source->finish;
        item->text = source->why;
        return true;
    }
    return false;
}

static int next(struct cyc_source *base, const struct cyc_result *result, struct cyc_item *item,
                struct cyc_err *err)
{
    struct plan_source *const source = of(base);
    bool given = false;
    int status = result == NULL ? CYC_OK : account(source, result, err);
    memset(item, 0, sizeof *item);
    source->idle_nodes = 0;
    while (status == CYC_OK && !given && !ready(source, item)) {
        struct frame *const frame = &source->frames[source->depth - 1];
        const struct cyc_plan_node *const node = frame->cursor;
        if (++source->idle_nodes > IDLE_NODES_MAX) {
            return cyc_err_set(err, CYC_E_PROGRESS,
                               "line %u: the protocol goes on and on without a step",
                               node == NULL ? 0 : cyc_plan_pos(node).line);
        }
        if (node == NULL) {
            status = end_list(source, err);
        } else {
            frame->cursor = node->next;
            status = carry_out(source, node, item, &given, err);
        }
    }
    return status;
}

void cyc_expect_value(const struct cyc_expect_plan *plan, const struct cyc_expr_env *env,
                      struct cyc_expectation *row)
{
    double value = NAN;
    double is = NAN;
    double within = NAN;
    if (cyc_expr_value(plan->value, env, &value, NULL) != CYC_OK) {
        value = NAN;
    }
    (void)cyc_expr_value(plan->is, env, &is, NULL);
    if (plan->within != NULL) {
        (void)cyc_expr_value(plan->within, env, &within, NULL);
    }
    *row = (struct cyc_expectation){.name = plan->name,
                                    .unit = plan->unit,
                                    .value = value / plan->factor,
                                    .is = is / plan->factor,
                                    .tolerance = within / plan->factor,
                                    .source = plan->source};
}

static unsigned expectations(struct cyc_source *base, const struct cyc_expectation **rows)
{
    struct plan_source *const source = of(base);
    *rows = source->expectations;
    if (source->expectations == NULL) {
        return 0;
    }
    cyc_history_env(&source->history, &source->env);
    for (unsigned i = 0; i < source->expectation_count; i++) {
        cyc_expect_value(&source->plan->expects[i], &source->env, &source->expectations[i]);
    }
    return source->expectation_count;
}

static void progress(const struct cyc_source *base, struct cyc_source_progress *progress_)
{
    const struct plan_source *const source = (const struct plan_source *)(const void *)base;
    progress_->cycle = source->history.cycle_number;
    progress_->cycle_count = source->cycle_count;
}

static void close_source(struct cyc_source *base)
{
    struct plan_source *const source = of(base);
    if (!source->lent) {
        cyc_history_release(&source->history);
        free(source->values);
    }
    cyc_resolver_release(&source->resolver);
    free(source->expectations);
    free(source);
}

static const struct cyc_source_ops ops = {next, expectations, progress, close_source};

static int prepare(struct plan_source *source, struct cyc_err *err)
{
    const struct cyc_plan *const plan = source->plan;
    const struct cyc_cell_facts *const cell = &source->base.protocol->cell;
    struct cyc_preview preview;
    int status = cyc_plan_preview_init(&preview, plan, cell, err);
    if (status != CYC_OK) {
        return status;
    }
    source->cycle_count = cyc_plan_cycle_count(plan, &preview);
    cyc_plan_preview_release(&preview);
    cyc_resolver_init(&source->resolver);
    cyc_history_init(&source->history, cell, plan->keep_cycles);
    source->values = malloc((size_t)(plan->variable_count + 1) * sizeof *source->values);
    source->expectation_count = plan->expect_count;
    source->expectations = calloc(plan->expect_count + 1u, sizeof *source->expectations);
    if (source->values == NULL || source->expectations == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a source");
    }
    for (int i = 0; i < plan->variable_count; i++) {
        source->values[i] = NAN;
    }
    source->history.values = source->values;
    source->history.value_count = plan->variable_count;
    cyc_history_env(&source->history, &source->env);
    status = assign(source, plan->parameters, plan->parameter_count, err);
    return status == CYC_OK ? start_list(source, plan->method, &plan->rules, err) : status;
}

int cyc_plan_source_open(const struct cyc_protocol *protocol, struct cyc_source **source,
                         struct cyc_err *err)
{
    struct plan_source *const made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a source");
    }
    made->base.ops = &ops;
    made->base.protocol = protocol;
    made->plan = &protocol->plan;
    made->jump_ns = -1;
    const int status = prepare(made, err);
    if (status != CYC_OK) {
        close_source(&made->base);
        return status;
    }
    *source = &made->base;
    return CYC_OK;
}

/* ---- Lists of a script ----------------------------------------------------------------------- */

int cyc_list_source_open(const struct cyc_protocol *protocol,
                         const struct cyc_list_options *options, struct cyc_source **source,
                         struct cyc_err *err)
{
    struct plan_source *const made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a source");
    }
    made->base.ops = &ops;
    made->base.protocol = protocol;
    made->plan = options->plan;
    made->jump_ns = -1;
    made->lent = true;
    made->history = *options->history;
    made->values = options->values;
    made->phase = options->finally ? PHASE_FINALLY : PHASE_METHOD;
    made->finish = options->finish;
    cyc_resolver_init(&made->resolver);
    cyc_history_env(&made->history, &made->env);
    const int status = push_frame(made, NULL, options->plan->method, 1, err);
    for (unsigned i = 0; i < options->rule_count; i++) {
        push_rules(made, options->rules[i], NULL);
    }
    *source = &made->base;
    return status;
}

const struct cyc_step_plan *cyc_list_source_step(const struct cyc_source *base,
                                                 const struct cyc_resolver **resolver)
{
    const struct plan_source *const source = (const struct plan_source *)(const void *)base;
    *resolver = &source->resolver;
    return source->running == NULL ? NULL : &cyc_plan_as_step(source->running)->step;
}

void cyc_list_source_close(struct cyc_source *source, struct cyc_history *history)
{
    *history = of(source)->history;
    close_source(source);
}
