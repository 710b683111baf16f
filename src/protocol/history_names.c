/* What expressions ask of the history: where soc stands, results, passes, sums, variables. */
#include "protocol/history_int.h"
#include "protocol/names.h"

#include <math.h>

#define S_NS 1e9

static double net_Ah(const struct cyc_history *history)
{
    return history->test.sums.charge_Ah - history->test.sums.discharge_Ah;
}

void cyc_history_set_soc(struct cyc_history *history, double soc)
{
    history->soc_base = soc;
    history->soc_net_Ah = net_Ah(history);
    history->soc_known = true;
}

double cyc_history_soc(const struct cyc_history *history)
{
    if (!history->soc_known) {
        return NAN;
    }
    return history->soc_base + (net_Ah(history) - history->soc_net_Ah) / history->full_capacity_Ah;
}

/* ---- What expressions ask -------------------------------------------------------------------- */

static const struct cyc_outcome *pass_outcome(const struct cyc_history *history,
                                              enum cyc_subject subject)
{
    if (history->depth == 0) {
        return NULL;
    }
    const struct cyc_passes *const passes = history->levels[history->depth - 1].passes;
    const uint32_t before = subject == CYC_SUBJECT_PREVIOUS || subject == CYC_SUBJECT_BEST ? 1 : 0;
    if (passes->completed <= before) {
        return NULL;
    }
    switch (subject) {
    case CYC_SUBJECT_PASS:
        return &passes->judged;
    case CYC_SUBJECT_FIRST:
        return &passes->first;
    case CYC_SUBJECT_PREVIOUS:
        return &passes->previous;
    case CYC_SUBJECT_BEST:
        return &passes->best;
    case CYC_SUBJECT_LAST:
    case CYC_SUBJECT_LAST_CHARGE:
    case CYC_SUBJECT_LAST_DISCHARGE:
    case CYC_SUBJECT_STEP:
    case CYC_SUBJECT_CYCLES_FIRST:
    case CYC_SUBJECT_CYCLES_LAST:
    case CYC_SUBJECT_CYCLES_BEST:
    case CYC_SUBJECT_CYCLES_INDEX:
    case CYC_SUBJECT_PASS_COUNT:
        break;
    }
    return NULL;
}

static const struct cyc_outcome *block_outcome(const struct cyc_history *history,
                                               const struct cyc_ref *ref, double index)
{
    const bool numbered = ref->subject == CYC_SUBJECT_CYCLES_INDEX;
    const uint32_t at = index >= 1.0 && index < 4e9 ? (uint32_t)index : 0;
    if (numbered && ref->id == NULL) {
        return at > 0 && at < history->cycle_capacity ? &history->cycles[at] : NULL;
    }
    const struct cyc_passes *const block = cyc_history_block(history, NULL, ref->id);
    if (block == NULL || block->completed == 0) {
        return NULL;
    }
    if (numbered) {
        return at > 0 && at < block->all_capacity ? &block->all[at] : NULL;
    }
    return ref->subject == CYC_SUBJECT_CYCLES_FIRST  ? &block->first
           : ref->subject == CYC_SUBJECT_CYCLES_LAST ? &block->last
                                                     : &block->best;
}

static const struct cyc_outcome *step_outcome(const struct cyc_history *history, const char *id)
{
    if (history->slot_capacity == 0 || id == NULL) {
        return NULL;
    }
    const struct cyc_step_slot *const slot = *cyc_history_slot(history, id);
    return slot != NULL && slot->ended ? &slot->outcome : NULL;
}

/* cycle.number and cycle.pass outside leave_when: the cycle that is running. */
static bool running_cycle(const struct cyc_history *history, const struct cyc_ref *ref,
                          double *value)
{
    if (ref->subject != CYC_SUBJECT_PASS || !history->cycle_running) {
        return false;
    }
    for (unsigned i = history->depth; i-- > 0;) {
        const struct cyc_level_state *const level = &history->levels[i];
        if (level->passes->counts_cycles) {
            *value = ref->field == CYC_FIELD_NUMBER ? level->cycle_number : level->pass;
            return true;
        }
    }
    return false;
}

static const struct cyc_outcome *find_outcome(const struct cyc_history *history,
                                              const struct cyc_ref *ref, double index)
{
    switch (ref->subject) {
    case CYC_SUBJECT_LAST:
        return history->any ? &history->last : NULL;
    case CYC_SUBJECT_LAST_CHARGE:
        return history->any_charge ? &history->last_charge : NULL;
    case CYC_SUBJECT_LAST_DISCHARGE:
        return history->any_discharge ? &history->last_discharge : NULL;
    case CYC_SUBJECT_STEP:
        return step_outcome(history, ref->id);
    case CYC_SUBJECT_PASS:
    case CYC_SUBJECT_FIRST:
    case CYC_SUBJECT_PREVIOUS:
    case CYC_SUBJECT_BEST:
        return pass_outcome(history, ref->subject);
    case CYC_SUBJECT_CYCLES_FIRST:
    case CYC_SUBJECT_CYCLES_LAST:
    case CYC_SUBJECT_CYCLES_BEST:
    case CYC_SUBJECT_CYCLES_INDEX:
        return block_outcome(history, ref, index);
    case CYC_SUBJECT_PASS_COUNT:
        break;
    }
    return NULL;
}

int cyc_history_reference(void *context, const struct cyc_ref *ref, double index, double *value,
                          struct cyc_err *err)
{
    const struct cyc_history *const history = context;
    (void)err;
    if (ref->subject == CYC_SUBJECT_PASS_COUNT) {
        *value =
            history->depth == 0 ? (double)NAN : (double)history->levels[history->depth - 1].pass;
        return CYC_OK;
    }
    if (running_cycle(history, ref, value)) {
        return CYC_OK;
    }
    const struct cyc_outcome *const outcome = find_outcome(history, ref, index);
    *value = outcome == NULL ? NAN : outcome->field[ref->field];
    return CYC_OK;
}

static const struct cyc_tally *tally_of(const struct cyc_history *history, unsigned scope)
{
    if (scope == CYC_SCOPE_TEST) {
        return &history->test;
    }
    if (scope == CYC_SCOPE_CYCLE) {
        return &history->cycle;
    }
    const unsigned depth = scope - CYC_SCOPE_BLOCK;
    return scope >= CYC_SCOPE_BLOCK && depth < history->depth ? &history->levels[depth].block
                                                              : NULL;
}

static double present_value(const struct cyc_history *history, const struct cyc_op *signal)
{
    switch ((enum cyc_signal)signal->signal) {
    case CYC_SIGNAL_VOLTAGE:
        return history->present_V;
    case CYC_SIGNAL_CURRENT:
        return history->present_A;
    case CYC_SIGNAL_POWER:
        return history->present_V * history->present_A;
    case CYC_SIGNAL_TEMPERATURE:
        return history->present_degC;
    case CYC_SIGNAL_AMBIENT:
        return history->present_ambient_degC;
    case CYC_SIGNAL_PRESSURE:
        return history->present_Pa;
    case CYC_SIGNAL_PEAK:
        return history->present_peak_V;
    case CYC_SIGNAL_AUX:
    case CYC_SIGNAL_SLOPE:
    case CYC_SIGNAL_TIME:
    case CYC_SIGNAL_HOLD_TIME:
    case CYC_SIGNAL_CHARGE_CAPACITY:
    case CYC_SIGNAL_DISCHARGE_CAPACITY:
    case CYC_SIGNAL_NET_CAPACITY:
    case CYC_SIGNAL_CAPACITY:
    case CYC_SIGNAL_CHARGE_ENERGY:
    case CYC_SIGNAL_DISCHARGE_ENERGY:
    case CYC_SIGNAL_NET_ENERGY:
    case CYC_SIGNAL_ENERGY:
    case CYC_SIGNAL_COUNT:
        break;
    }
    return NAN;
}

static double tally_value(const struct cyc_history *history, const struct cyc_tally *from,
                          unsigned signal)
{
    struct cyc_outcome outcome;
    static const struct {
        enum cyc_signal signal;
        enum cyc_field field;
    } fields[] = {
        {CYC_SIGNAL_TIME, CYC_FIELD_TIME},
        {CYC_SIGNAL_CHARGE_CAPACITY, CYC_FIELD_CHARGE_CAPACITY},
        {CYC_SIGNAL_DISCHARGE_CAPACITY, CYC_FIELD_DISCHARGE_CAPACITY},
        {CYC_SIGNAL_NET_CAPACITY, CYC_FIELD_NET_CAPACITY},
        {CYC_SIGNAL_CAPACITY, CYC_FIELD_CAPACITY},
        {CYC_SIGNAL_CHARGE_ENERGY, CYC_FIELD_CHARGE_ENERGY},
        {CYC_SIGNAL_DISCHARGE_ENERGY, CYC_FIELD_DISCHARGE_ENERGY},
        {CYC_SIGNAL_ENERGY, CYC_FIELD_ENERGY},
    };
    cyc_outcome_sums(&from->sums, (double)(history->now_ns - from->start_ns) / S_NS, &outcome);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].signal == signal) {
            return outcome.field[fields[i].field];
        }
    }
    return signal == CYC_SIGNAL_NET_ENERGY ? from->sums.charge_Wh - from->sums.discharge_Wh : NAN;
}

int cyc_history_present(void *context, const struct cyc_op *signal, double *value,
                        struct cyc_err *err)
{
    const struct cyc_history *const history = context;
    if (signal->signal < CYC_SIGNAL_TIME) {
        *value = present_value(history, signal);
        return CYC_OK;
    }
    const struct cyc_tally *const from = tally_of(history, signal->scope);
    if (from == NULL) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "%s counts within a step, and no step is running here; write last.%s",
                           cyc_signal_name(signal->signal), cyc_signal_name(signal->signal));
    }
    *value = tally_value(history, from, signal->signal);
    return CYC_OK;
}

int cyc_history_variable(void *context, int index, double *value, struct cyc_err *err)
{
    const struct cyc_history *const history = context;
    *value = index == CYC_NAME_FULL_CAPACITY ? history->full_capacity_Ah
             : index == CYC_NAME_ONE_C       ? history->one_c_A
             : index < history->value_count  ? history->values[index]
                                             : (double)NAN;
    if (!isnan(*value)) {
        return CYC_OK;
    }
    return index == CYC_NAME_FULL_CAPACITY
               ? cyc_err_set(err, CYC_E_INPUT,
                             "full_capacity is not known: set it with let, or "
                             "state cell.nominal_capacity")
           : index == CYC_NAME_ONE_C
               ? cyc_err_set(err, CYC_E_INPUT, "one_c is not known: state cell.one_c")
               : cyc_err_set(err, CYC_E_INPUT, "a variable has no value yet");
}

void cyc_history_env(struct cyc_history *history, struct cyc_expr_env *env)
{
    env->variable = cyc_history_variable;
    env->reference = cyc_history_reference;
    env->present = cyc_history_present;
    env->context = history;
    env->soc_at_start = cyc_history_soc(history);
    env->full_capacity_Ah = history->full_capacity_Ah;
    env->one_c_A = history->one_c_A;
}
