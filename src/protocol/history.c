/* Bookkeeping of what has happened, for expressions.
 *
 *                        test ────────────────────────────────────────────────►
 *      blocks in levels[0 … depth-1]:  block since entered, pass since begun
 *                        cycle: since the last pass of a `cycles` block began
 *
 * The executor keeps the same sums per sample; here they are kept per finished step, which is all
 * that a value computed between two steps can ask for. Passes of a block are remembered over the
 * whole run (first, last, previous, best and the one that retention is counted against), so that
 * memory does not grow with the number of cycles; only when a protocol reads cycles by number are
 * all of them kept.
 *
 * Coulombic efficiency is what came out over what went in before it, wherever that was: in the same
 * pass, in the pass before, or between two blocks. So charge waits until a discharge follows and
 * then counts for the pass of that discharge. For a negative electrode under test the two change
 * places. What an instrument's noise passes in a rest (under 0.1 %) is no change of direction.
 */
#include "protocol/history_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define S_NS 1e9

/* ---- Outcomes -------------------------------------------------------------------------------- */

static double ratio(double a, double b)
{
    return b > 0.0 ? a / b : NAN;
}

void cyc_outcome_sums(const struct cyc_sums *sums, double time_s, struct cyc_outcome *outcome)
{
    double *const field = outcome->field;
    field[CYC_FIELD_TIME] = time_s;
    field[CYC_FIELD_CHARGE_CAPACITY] = sums->charge_Ah;
    field[CYC_FIELD_DISCHARGE_CAPACITY] = sums->discharge_Ah;
    field[CYC_FIELD_NET_CAPACITY] = sums->charge_Ah - sums->discharge_Ah;
    field[CYC_FIELD_CAPACITY] = sums->charge_Ah + sums->discharge_Ah;
    field[CYC_FIELD_CHARGE_ENERGY] = sums->charge_Wh;
    field[CYC_FIELD_DISCHARGE_ENERGY] = sums->discharge_Wh;
    field[CYC_FIELD_ENERGY] = sums->charge_Wh + sums->discharge_Wh;
    field[CYC_FIELD_MEAN_VOLTAGE] =
        ratio(sums->charge_Wh + sums->discharge_Wh, sums->charge_Ah + sums->discharge_Ah);
}

static void nothing(struct cyc_outcome *outcome)
{
    for (unsigned i = 0; i < CYC_FIELD_COUNT; i++) {
        outcome->field[i] = NAN;
    }
}

void cyc_outcome_of_result(const struct cyc_step *step, const struct cyc_result *result,
                           const struct cyc_cell_facts *cell, struct cyc_outcome *outcome)
{
    double *const field = outcome->field;
    (void)step;
    (void)cell;
    nothing(outcome);
    cyc_outcome_sums(&result->sums, (double)result->step_time_ns / S_NS, outcome);
    field[CYC_FIELD_VOLTAGE] = result->voltage_V;
    field[CYC_FIELD_CURRENT] = result->current_A;
    field[CYC_FIELD_POWER] = result->voltage_V * result->current_A;
    field[CYC_FIELD_TEMPERATURE] = result->temperature_degC;
    field[CYC_FIELD_AMBIENT_TEMPERATURE] = result->ambient_degC;
    field[CYC_FIELD_PRESSURE] = result->pressure_Pa;
    field[CYC_FIELD_PEAK] = result->peak_V;
    field[CYC_FIELD_START_VOLTAGE] = result->start_voltage_V;
    field[CYC_FIELD_HOLD_TIME] = (double)result->hold_time_ns / S_NS;
    field[CYC_FIELD_SPECIFIC_CAPACITY] = field[CYC_FIELD_CAPACITY];
    field[CYC_FIELD_CC_CAPACITY] = result->cc_capacity_Ah;
    field[CYC_FIELD_CV_CAPACITY] = result->cv_capacity_Ah;
    field[CYC_FIELD_REASON] = (double)result->reason;
    if (result->resistance_count > 0) {
        field[CYC_FIELD_RESISTANCE] = result->resistances_ohm[result->resistance_count - 1];
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

void cyc_history_init(struct cyc_history *history, const struct cyc_cell_facts *cell, bool keep_all)
{
    memset(history, 0, sizeof *history);
    history->cell = cell;
    history->keep_all = keep_all;
    cyc_arena_init(&history->arena, 0);
    nothing(&history->last);
    nothing(&history->last_charge);
    nothing(&history->last_discharge);
    history->setpoint_A = NAN;
    history->present_V = history->present_A = history->present_degC = NAN;
    history->present_ambient_degC = history->present_Pa = history->present_peak_V = NAN;
    history->one_c_A = NAN;
    (void)cyc_one_c_A(&cell->basis, &history->one_c_A, NULL, NULL);
    history->full_capacity_Ah = NAN;
    (void)cyc_nominal_capacity_Ah(&cell->basis, &history->full_capacity_Ah, NULL);
}

static void release_blocks(struct cyc_passes *block)
{
    while (block != NULL) {
        struct cyc_passes *const next = block->next;
        free(block->all);
        free(block);
        block = next;
    }
}

void cyc_history_release(struct cyc_history *history)
{
    for (unsigned i = 0; i < CYC_HISTORY_BUCKETS; i++) {
        release_blocks(history->blocks[i]);
    }
    free(history->slots);
    free(history->cycles);
    cyc_arena_release(&history->arena);
    memset(history, 0, sizeof *history);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void add(struct cyc_sums *into, const struct cyc_sums *sums)
{
    into->charge_Ah += sums->charge_Ah;
    into->discharge_Ah += sums->discharge_Ah;
    into->charge_Wh += sums->charge_Wh;
    into->discharge_Wh += sums->discharge_Wh;
}

/* What was waiting for a current of the direction of this step, and waits no longer. */
static struct cyc_sums followed(struct cyc_history *history, const struct cyc_sums *sums)
{
    struct cyc_sums *const waiting = &history->waiting;
    const double least = 1e-3;
    struct cyc_sums now = {0};
    const double discharged = waiting->discharge_Ah + sums->discharge_Ah;
    const double charged = waiting->charge_Ah + sums->charge_Ah;
    if (sums->discharge_Ah > 0.0 && discharged > least * waiting->charge_Ah) {
        now.charge_Ah = waiting->charge_Ah;
        now.charge_Wh = waiting->charge_Wh;
    }
    if (sums->charge_Ah > 0.0 && charged > least * waiting->discharge_Ah) {
        now.discharge_Ah = waiting->discharge_Ah;
        now.discharge_Wh = waiting->discharge_Wh;
    }
    waiting->charge_Ah += sums->charge_Ah - now.charge_Ah;
    waiting->charge_Wh += sums->charge_Wh - now.charge_Wh;
    waiting->discharge_Ah += sums->discharge_Ah - now.discharge_Ah;
    waiting->discharge_Wh += sums->discharge_Wh - now.discharge_Wh;
    return now;
}

static void tally(struct cyc_tally *into, const struct cyc_sums *sums,
                  const struct cyc_sums *before)
{
    add(&into->sums, sums);
    add(&into->before, before);
}

struct cyc_step_slot **cyc_history_slot(const struct cyc_history *history, const char *id)
{
    uint32_t at = (uint32_t)cyc_hash(id, strlen(id)) & (history->slot_capacity - 1);
    while (history->slots[at] != NULL && strcmp(history->slots[at]->id, id) != 0) {
        at = (at + 1) & (history->slot_capacity - 1);
    }
    return &history->slots[at];
}

static bool grow_slots(struct cyc_history *history)
{
    struct cyc_step_slot **const old = history->slots;
    const uint32_t old_capacity = history->slot_capacity;
    history->slot_capacity = old_capacity == 0 ? 32 : old_capacity * 2;
    history->slots = calloc(history->slot_capacity, sizeof(struct cyc_step_slot *));
    if (history->slots == NULL) {
        history->slots = old;
        history->slot_capacity = old_capacity;
        return false;
    }
    for (uint32_t i = 0; i < old_capacity; i++) {
        if (old[i] != NULL) {
            *cyc_history_slot(history, old[i]->id) = old[i];
        }
    }
    free(old);
    return true;
}

static struct cyc_step_slot *slot_for(struct cyc_history *history, const char *id)
{
    if (history->slot_count * 2 >= history->slot_capacity && !grow_slots(history)) {
        return NULL;
    }
    struct cyc_step_slot **const slot = cyc_history_slot(history, id);
    if (*slot == NULL) {
        *slot = cyc_arena_alloc(&history->arena, sizeof **slot);
        if (*slot == NULL) {
            return NULL;
        }
        (*slot)->id = cyc_arena_string(&history->arena, id, strlen(id));
        if ((*slot)->id == NULL) {
            *slot = NULL;
            return NULL;
        }
        history->slot_count++;
    }
    return *slot;
}

static bool is_electrical(const struct cyc_step *step)
{
    return step->mode != CYC_MODE_TEMPERATURE && step->mode != CYC_MODE_PRESSURE &&
           step->mode != CYC_MODE_ASK;
}

static void remember_present(struct cyc_history *history, const struct cyc_result *result)
{
    history->now_ns = result->end_ns;
    history->present_V = result->voltage_V;
    history->present_A = result->current_A;
    history->present_degC = result->temperature_degC;
    history->present_ambient_degC = result->ambient_degC;
    history->present_Pa = result->pressure_Pa;
    history->present_peak_V = result->peak_V;
}

static void remember_setpoint(struct cyc_history *history, const struct cyc_step *step)
{
    for (uint32_t i = 0; i < step->segment_count; i++) {
        if (step->segments[i].control == CYC_CONTROL_CURRENT) {
            history->setpoint_A = fabs(step->segments[i].value);
            return;
        }
    }
    if (step->mode == CYC_MODE_CV && isfinite(step->current_max_A)) {
        history->setpoint_A = step->current_max_A;
    }
}

static bool is_directed(const struct cyc_step *step)
{
    return step->mode == CYC_MODE_CC || step->mode == CYC_MODE_CCCV || step->mode == CYC_MODE_CP ||
           step->mode == CYC_MODE_CPCV || step->mode == CYC_MODE_CR;
}

void cyc_history_assume(struct cyc_history *history, const struct cyc_step *step)
{
    remember_setpoint(history, step);
    history->charging = is_directed(step) ? step->charging : history->charging;
}

int cyc_history_step(struct cyc_history *history, const struct cyc_step *step,
                     const struct cyc_result *result, struct cyc_err *err)
{
    const struct cyc_sums before = followed(history, &result->sums);
    tally(&history->test, &result->sums, &before);
    if (history->cycle_running) {
        tally(&history->cycle, &result->sums, &before);
    }
    for (unsigned i = 0; i < history->depth; i++) {
        tally(&history->levels[i].block, &result->sums, &before);
        tally(&history->levels[i].pass_tally, &result->sums, &before);
    }
    remember_present(history, result);
    if (!is_electrical(step)) {
        return CYC_OK;
    }
    cyc_history_assume(history, step);
    cyc_outcome_of_result(step, result, history->cell, &history->last);
    history->any = true;
    const bool directed = is_directed(step);
    if (directed && step->charging) {
        history->last_charge = history->last;
        history->any_charge = true;
    } else if (directed) {
        history->last_discharge = history->last;
        history->any_discharge = true;
    }
    if (step->name[0] != '\0') {
        struct cyc_step_slot *const slot = slot_for(history, step->name);
        if (slot == NULL) {
            return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the result of a step");
        }
        slot->ended = true;
        slot->outcome = history->last;
    }
    return CYC_OK;
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* A block with an id is also asked for by it alone. */
static unsigned bucket_of(const void *key, const char *id)
{
    const uint64_t hash = id != NULL ? cyc_hash(id, strlen(id)) : cyc_hash(&key, sizeof key);
    return (unsigned)(hash % CYC_HISTORY_BUCKETS);
}

struct cyc_passes *cyc_history_block(const struct cyc_history *history, const void *key,
                                     const char *id)
{
    struct cyc_passes *block = history->blocks[bucket_of(key, id)];
    while (block != NULL) {
        const bool same = key != NULL
                              ? block->key == key
                              : id != NULL && block->id != NULL && strcmp(block->id, id) == 0;
        if (same) {
            return block;
        }
        block = block->next;
    }
    return NULL;
}

static struct cyc_passes *block_for(struct cyc_history *history, const void *key, const char *id)
{
    struct cyc_passes *block =
        key == NULL && id == NULL ? NULL : cyc_history_block(history, key, id);
    if (block != NULL) {
        return block;
    }
    block = calloc(1, sizeof *block);
    if (block == NULL) {
        return NULL;
    }
    block->key = key;
    block->id = id == NULL ? NULL : cyc_arena_string(&history->arena, id, strlen(id));
    block->reference_Ah = NAN;
    struct cyc_passes **const bucket = &history->blocks[bucket_of(key, id)];
    block->next = *bucket;
    *bucket = block;
    return block;
}

int cyc_history_enter(struct cyc_history *history, const void *key, const char *id,
                      bool counts_cycles, uint32_t reference_pass, struct cyc_err *err)
{
    if (history->depth == CYC_BLOCKS_MAX) {
        return cyc_err_set(err, CYC_E_BOUND, "blocks nested deeper than %d", CYC_BLOCKS_MAX);
    }
    struct cyc_passes *const passes = block_for(history, key, id);
    if (passes == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a block");
    }
    passes->counts_cycles = counts_cycles;
    passes->reference_pass = reference_pass == 0 ? 1 : reference_pass;
    struct cyc_level_state *const level = &history->levels[history->depth];
    *level = (struct cyc_level_state){.passes = passes};
    level->block.start_ns = history->now_ns;
    history->pending_resets |= 1u << (CYC_SCOPE_BLOCK + history->depth);
    history->depth++;
    return CYC_OK;
}

void cyc_history_pass_begin(struct cyc_history *history)
{
    struct cyc_level_state *const level = &history->levels[history->depth - 1];
    level->pass++;
    level->pass_tally = (struct cyc_tally){.start_ns = history->now_ns};
    if (level->passes->counts_cycles) {
        level->cycle_number = ++history->cycle_number;
        history->cycle = (struct cyc_tally){.start_ns = history->now_ns};
        history->cycle_running = true;
        history->pending_resets |= 1u << CYC_SCOPE_CYCLE;
    }
}

static void fill_cycle(struct cyc_history *history, const struct cyc_level_state *level,
                       bool complete, struct cyc_cycle *cycle)
{
    struct cyc_passes *const passes = level->passes;
    const struct cyc_tally *const pass = &level->pass_tally;
    const struct cyc_sums *const sums = &pass->sums;
    memset(cycle, 0, sizeof *cycle);
    cycle->number = level->cycle_number;
    cycle->pass = level->pass;
    (void)cyc_copy(cycle->block, sizeof cycle->block, passes->id == NULL ? "" : passes->id);
    cycle->complete = complete;
    cycle->start_ns = pass->start_ns;
    cycle->end_ns = history->now_ns;
    cycle->sums = *sums;
    const bool negative = history->cell->electrode_negative;
    cycle->coulombic_efficiency = negative ? ratio(sums->charge_Ah, pass->before.discharge_Ah)
                                           : ratio(sums->discharge_Ah, pass->before.charge_Ah);
    cycle->energy_efficiency = negative ? ratio(sums->charge_Wh, pass->before.discharge_Wh)
                                        : ratio(sums->discharge_Wh, pass->before.charge_Wh);
    cycle->mean_charge_V = ratio(sums->charge_Wh, sums->charge_Ah);
    cycle->mean_discharge_V = ratio(sums->discharge_Wh, sums->discharge_Ah);
    if (complete && passes->completed + 1 == passes->reference_pass) {
        passes->reference_Ah = sums->discharge_Ah;
    }
    cycle->retention = ratio(sums->discharge_Ah, passes->reference_Ah);
}

static void outcome_of_cycle(const struct cyc_cycle *cycle, struct cyc_outcome *outcome)
{
    double *const field = outcome->field;
    nothing(outcome);
    cyc_outcome_sums(&cycle->sums, (double)(cycle->end_ns - cycle->start_ns) / S_NS, outcome);
    field[CYC_FIELD_NUMBER] = cycle->number;
    field[CYC_FIELD_PASS] = cycle->pass;
    field[CYC_FIELD_COULOMBIC_EFFICIENCY] = cycle->coulombic_efficiency;
    field[CYC_FIELD_ENERGY_EFFICIENCY] = cycle->energy_efficiency;
    field[CYC_FIELD_MEAN_CHARGE_VOLTAGE] = cycle->mean_charge_V;
    field[CYC_FIELD_MEAN_DISCHARGE_VOLTAGE] = cycle->mean_discharge_V;
    field[CYC_FIELD_RETENTION] = cycle->retention;
}

/* Puts an outcome at an index of a growing list. */
static int keep(struct cyc_outcome **list, uint32_t *capacity, uint32_t index,
                const struct cyc_outcome *outcome, struct cyc_err *err)
{
    if (index >= *capacity) {
        const uint32_t larger = (index + 1) * 2 < 64 ? 64 : (index + 1) * 2;
        struct cyc_outcome *const grown = realloc(*list, larger * sizeof *grown);
        if (grown == NULL) {
            return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a cycle");
        }
        for (uint32_t i = *capacity; i < larger; i++) {
            nothing(&grown[i]);
        }
        *list = grown;
        *capacity = larger;
    }
    (*list)[index] = *outcome;
    return CYC_OK;
}

static int complete_pass(struct cyc_history *history, struct cyc_passes *passes,
                         const struct cyc_cycle *cycle, struct cyc_err *err)
{
    outcome_of_cycle(cycle, &passes->judged);
    passes->completed++;
    passes->last = passes->judged;
    if (passes->completed == 1) {
        passes->first = passes->judged;
    }
    int status = CYC_OK;
    if (history->keep_all) {
        status = keep(&passes->all, &passes->all_capacity, passes->completed, &passes->judged, err);
        if (status == CYC_OK && cycle->number > 0) {
            status = keep(&history->cycles, &history->cycle_capacity, cycle->number,
                          &passes->judged, err);
        }
    }
    return status;
}

int cyc_history_pass_end(struct cyc_history *history, bool complete, struct cyc_cycle *cycle,
                         struct cyc_err *err)
{
    struct cyc_level_state *const level = &history->levels[history->depth - 1];
    struct cyc_passes *const passes = level->passes;
    fill_cycle(history, level, complete, cycle);
    if (passes->counts_cycles) {
        history->cycle_running = false;
    }
    return complete ? complete_pass(history, passes, cycle, err) : CYC_OK;
}

void cyc_history_pass_judged(struct cyc_history *history)
{
    struct cyc_passes *const passes = history->levels[history->depth - 1].passes;
    passes->previous = passes->judged;
    const double *const best = passes->best.field;
    const double *const judged = passes->judged.field;
    if (passes->completed == 1 ||
        judged[CYC_FIELD_DISCHARGE_CAPACITY] > best[CYC_FIELD_DISCHARGE_CAPACITY]) {
        passes->best = passes->judged;
    }
}

void cyc_history_leave(struct cyc_history *history)
{
    history->depth--;
}
