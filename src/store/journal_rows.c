/* What is written into the journal while a run goes on; see journal.c for its shape. */
#include "store/store_int.h"

#include <math.h>
#include <string.h>

/* ---- Steps ----------------------------------------------------------------------------------- */

static int insert_definition(struct cyc_journal *journal, const struct cyc_step *step, int64_t *id,
                             struct cyc_err *err)
{
    struct cyc_text text = {0};
    cyc_run_step_text(step, &text);
    struct cyc_bind bind;
    int status = text.failed ? cyc_err_set(err, CYC_E_NO_MEMORY, "out of memory")
                             : cyc_journal_begin(journal, CYC_STATEMENT_DEFINITION, &bind, err);
    if (status == CYC_OK) {
        cyc_bind_integer(&bind, step->id);
        cyc_bind_text(&bind, step->name);
        cyc_bind_text(&bind, step->label);
        cyc_bind_text(&bind, cyc_mode_name(step->mode));
        cyc_bind_text(&bind, step->type);
        cyc_bind_text(&bind, cyc_text_get(&text));
        status = cyc_journal_execute(journal, &bind, err);
        *id = sqlite3_last_insert_rowid(journal->db);
    }
    cyc_text_release(&text);
    return status;
}

/* The number of a step's definition, which is written when it is not among the last ones. */
static int find_definition(struct cyc_journal *journal, const struct cyc_step *step, int64_t *id,
                           struct cyc_err *err)
{
    struct cyc_text *bytes = &journal->scratch;
    cyc_text_clear(bytes);
    cyc_step_bytes(step, bytes);
    for (unsigned i = 0; i < CYC_DEFINITIONS_MAX && !bytes->failed; i++) {
        const struct cyc_definition *known = &journal->definitions[i];
        if (known->id != 0 && known->bytes.length == bytes->length &&
            memcmp(known->bytes.data, bytes->data, bytes->length) == 0) {
            *id = known->id;
            return CYC_OK;
        }
    }
    const int status = insert_definition(journal, step, id, err);
    if (status != CYC_OK || bytes->failed) {
        return status;
    }
    struct cyc_definition *slot = &journal->definitions[journal->next_slot];
    journal->next_slot = (journal->next_slot + 1) % CYC_DEFINITIONS_MAX;
    const struct cyc_text spare = slot->bytes;
    *slot = (struct cyc_definition){.id = *id, .bytes = *bytes};
    *bytes = spare;
    return CYC_OK;
}

/* `signal` is the room for a text that is read when the statement is carried out. */
static void bind_fault(struct cyc_bind *bind, const struct cyc_fault *fault,
                       char signal[CYC_SIGNAL_TEXT])
{
    if (fault->kind == CYC_FAULT_NONE) {
        return; /* the columns were cleared */
    }
    cyc_bind_text(bind, cyc_fault_name(fault->kind));
    cyc_bind_text(bind, cyc_signal_text(signal, fault->signal, fault->index));
    cyc_bind_integer(bind, fault->level);
    cyc_bind_real(bind, fault->value);
    cyc_bind_real(bind, fault->bound);
    cyc_bind_integer(bind, fault->t_ns);
}

static void bind_result(struct cyc_bind *bind, const struct cyc_result *result,
                        char signal[CYC_SIGNAL_TEXT])
{
    cyc_bind_integer(bind, result->end_ns);
    cyc_bind_text(bind, cyc_reason_name(result->reason));
    cyc_bind_integer(bind, result->cutoff);
    cyc_bind_text(bind, cyc_follow_up_name(result->action));
    cyc_bind_integer(bind, result->tag);
    cyc_bind_integer(bind, result->flags);
    cyc_bind_integer(bind, result->step_time_ns);
    cyc_bind_integer(bind, result->hold_time_ns);
    cyc_bind_real(bind, result->sums.charge_Ah);
    cyc_bind_real(bind, result->sums.discharge_Ah);
    cyc_bind_real(bind, result->sums.charge_Wh);
    cyc_bind_real(bind, result->sums.discharge_Wh);
    cyc_bind_real(bind, result->cc_capacity_Ah);
    cyc_bind_real(bind, result->cv_capacity_Ah);
    cyc_bind_real(bind, result->start_voltage_V);
    cyc_bind_real(bind, result->voltage_V);
    cyc_bind_real(bind, result->current_A);
    cyc_bind_real(bind, result->temperature_degC);
    cyc_bind_real(bind, result->ambient_degC);
    cyc_bind_real(bind, result->pressure_Pa);
    cyc_bind_real(bind, result->peak_V);
    bind_fault(bind, &result->fault, signal);
}

static int write_step(struct cyc_journal *journal, const struct cyc_result *result,
                      struct cyc_err *err)
{
    struct cyc_bind bind;
    char signal[CYC_SIGNAL_TEXT];
    const int status = cyc_journal_begin(journal, CYC_STATEMENT_STEP, &bind, err);
    if (status != CYC_OK) {
        return status;
    }
    (void)sqlite3_clear_bindings(bind.statement);
    cyc_bind_integer(&bind, journal->begun.step_count);
    cyc_bind_integer(&bind, journal->begun_definition);
    cyc_bind_integer(&bind, journal->begun_cycle);
    cyc_bind_integer(&bind, journal->begun_in_cycle);
    cyc_bind_integer(&bind, journal->begun.start_ns);
    if (result != NULL) {
        bind_result(&bind, result, signal);
    }
    return cyc_journal_execute(journal, &bind, err);
}

static int write_values(struct cyc_journal *journal, uint32_t step_count, const char *name,
                        const double *values, unsigned count, struct cyc_err *err)
{
    int status = CYC_OK;
    for (unsigned i = 0; i < count && status == CYC_OK; i++) {
        struct cyc_bind bind;
        if (isnan(values[i])) {
            continue;
        }
        status = cyc_journal_begin(journal, CYC_STATEMENT_STEP_VALUE, &bind, err);
        if (status == CYC_OK) {
            cyc_bind_integer(&bind, step_count);
            cyc_bind_text(&bind, name);
            cyc_bind_integer(&bind, i);
            cyc_bind_real(&bind, values[i]);
            status = cyc_journal_execute(journal, &bind, err);
        }
    }
    return status;
}

int cyc_journal_step_begin(struct cyc_journal *journal, const struct cyc_step *step,
                           uint32_t step_count, int64_t t_ns, struct cyc_err *err)
{
    const int status = find_definition(journal, step, &journal->begun_definition, err);
    journal->begun = (struct cyc_result){.step_count = step_count, .start_ns = t_ns};
    journal->begun_cycle = step->cycle_number;
    journal->begun_in_cycle = step->in_cycle;
    journal->begun_slopes = step->slope_count;
    journal->open_step = status == CYC_OK;
    return status;
}

int cyc_journal_step_end(struct cyc_journal *journal, const struct cyc_step *step,
                         const struct cyc_result *result, struct cyc_err *err)
{
    journal->begun.step_count = result->step_count;
    journal->begun.start_ns = result->start_ns;
    journal->open_step = false;
    int status = write_step(journal, result, err);
    if (status == CYC_OK) {
        status = write_values(journal, result->step_count, "aux", result->aux, CYC_AUX_MAX, err);
    }
    if (status == CYC_OK) {
        status = write_values(journal, result->step_count, "slope", result->slopes,
                              step != NULL ? step->slope_count : journal->begun_slopes, err);
    }
    if (status == CYC_OK) {
        status = write_values(journal, result->step_count, "resistance", result->resistances_ohm,
                              result->resistance_count, err);
    }
    return status;
}

/* ---- Cycles, events, expectations, the end --------------------------------------------------- */

int cyc_journal_cycle(struct cyc_journal *journal, const struct cyc_cycle *cycle,
                      struct cyc_err *err)
{
    struct cyc_bind bind;
    const int status = cyc_journal_begin(journal, CYC_STATEMENT_CYCLE, &bind, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_bind_integer(&bind, cycle->number);
    cyc_bind_integer(&bind, cycle->pass);
    cyc_bind_text(&bind, cycle->block);
    cyc_bind_integer(&bind, cycle->complete);
    cyc_bind_integer(&bind, cycle->start_ns);
    cyc_bind_integer(&bind, cycle->end_ns);
    cyc_bind_real(&bind, cycle->sums.charge_Ah);
    cyc_bind_real(&bind, cycle->sums.discharge_Ah);
    cyc_bind_real(&bind, cycle->sums.charge_Wh);
    cyc_bind_real(&bind, cycle->sums.discharge_Wh);
    cyc_bind_real(&bind, cycle->coulombic_efficiency);
    cyc_bind_real(&bind, cycle->energy_efficiency);
    cyc_bind_real(&bind, cycle->mean_charge_V);
    cyc_bind_real(&bind, cycle->mean_discharge_V);
    cyc_bind_real(&bind, cycle->retention);
    return cyc_journal_execute(journal, &bind, err);
}

int cyc_journal_event(struct cyc_journal *journal, int64_t t_ns, const char *who, const char *what,
                      const char *why, struct cyc_err *err)
{
    struct cyc_bind bind;
    const int status = cyc_journal_begin(journal, CYC_STATEMENT_EVENT, &bind, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_bind_integer(&bind, t_ns);
    cyc_bind_text(&bind, who);
    cyc_bind_text(&bind, what);
    cyc_bind_text(&bind, why);
    return cyc_journal_execute(journal, &bind, err);
}

int cyc_journal_expectation(struct cyc_journal *journal, const char *name, const char *unit,
                            double value, double is, double tolerance, const char *source,
                            struct cyc_err *err)
{
    struct cyc_bind bind;
    const int status = cyc_journal_begin(journal, CYC_STATEMENT_EXPECTATION, &bind, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_bind_text(&bind, name);
    cyc_bind_text(&bind, unit);
    cyc_bind_real(&bind, value);
    cyc_bind_real(&bind, is);
    cyc_bind_real(&bind, tolerance);
    cyc_bind_text(&bind, source);
    return cyc_journal_execute(journal, &bind, err);
}

int cyc_journal_end(struct cyc_journal *journal, const char *end, const char *why, int64_t t_ns,
                    struct cyc_err *err)
{
    struct cyc_bind bind;
    const int status = cyc_journal_begin(journal, CYC_STATEMENT_END, &bind, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_bind_text(&bind, end);
    cyc_bind_text(&bind, why);
    cyc_bind_integer(&bind, t_ns);
    return cyc_journal_execute(journal, &bind, err);
}

static int write_mark(struct cyc_journal *journal, const struct cyc_data *data, struct cyc_err *err)
{
    char name[CYC_FILE_NAME_SIZE + 48], checksum[24];
    cyc_data_name(name, data->stem, data->number, CYC_DATA_SUFFIX);
    (void)sqlite3_snprintf(sizeof checksum, checksum, "%016llx",
                           (unsigned long long)cyc_checksum_value(&data->checksum));
    struct cyc_bind bind;
    const int status = cyc_journal_begin(journal, CYC_STATEMENT_MARK, &bind, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_bind_text(&bind, name);
    cyc_bind_integer(&bind, (int64_t)data->length);
    cyc_bind_text(&bind, checksum);
    cyc_bind_integer(&bind, (int64_t)data->row_count);
    cyc_bind_integer(&bind, data->t_ns);
    cyc_bind_integer(&bind, cyc_wall_ns());
    cyc_bind_text(&bind, journal->boot_id);
    cyc_bind_text(&bind, journal->state.core.length > 0 ? journal->state.core.data : NULL);
    cyc_bind_text(&bind, journal->state.host.length > 0 ? journal->state.host.data : NULL);
    cyc_bind_integer(&bind, (int64_t)journal->state.epoch);
    cyc_bind_integer(&bind, (int64_t)journal->state.reading_number);
    return cyc_journal_execute(journal, &bind, err);
}

int cyc_journal_anchor(struct cyc_journal *journal, int64_t unix_ns, struct cyc_err *err)
{
    struct cyc_bind bind;
    const int status = cyc_journal_begin(journal, CYC_STATEMENT_ANCHOR, &bind, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_bind_integer(&bind, unix_ns);
    return cyc_journal_execute(journal, &bind, err);
}

int cyc_journal_gap(struct cyc_journal *journal, const struct cyc_gap *gap, struct cyc_err *err)
{
    struct cyc_bind bind;
    const int status = cyc_journal_begin(journal, CYC_STATEMENT_GAP, &bind, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_bind_integer(&bind, gap->start_ns);
    cyc_bind_integer(&bind, gap->end_ns);
    cyc_bind_integer(&bind, gap->step_count);
    cyc_bind_text(&bind, gap->cause);
    cyc_bind_real(&bind, gap->estimate_Ah);
    cyc_bind_real(&bind, gap->bound_Ah);
    cyc_bind_text(&bind, gap->verdict);
    return cyc_journal_execute(journal, &bind, err);
}

int cyc_journal_ending(struct cyc_journal *journal, uint32_t step_count, const char *text,
                       struct cyc_err *err)
{
    struct cyc_bind bind;
    const int status = cyc_journal_begin(journal, CYC_STATEMENT_ENDING, &bind, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_bind_integer(&bind, step_count);
    cyc_bind_text(&bind, text);
    return cyc_journal_execute(journal, &bind, err);
}

int cyc_journal_state(struct cyc_journal *journal, const struct cyc_run_state *state,
                      struct cyc_err *err)
{
    cyc_text_clear(&journal->state.core);
    cyc_text_clear(&journal->state.host);
    cyc_text_append(&journal->state.core, state->core);
    cyc_text_append(&journal->state.host, state->host != NULL ? state->host : "");
    journal->state.epoch = state->epoch;
    journal->state.reading_number = state->reading_number;
    journal->awaits_state = false;
    return journal->state.core.failed || journal->state.host.failed
               ? cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the mark of the run")
               : CYC_OK;
}

int cyc_journal_commit(struct cyc_journal *journal, const struct cyc_data *data,
                       struct cyc_err *err)
{
    int status = journal->open_step ? write_step(journal, NULL, err) : CYC_OK;
    if (status == CYC_OK && !journal->awaits_state) {
        status = write_mark(journal, data, err);
    }
    struct cyc_bind bind;
    if (status == CYC_OK) {
        status = cyc_journal_begin(journal, CYC_STATEMENT_COMMIT, &bind, err);
    }
    if (status == CYC_OK) {
        status = cyc_journal_execute(journal, &bind, err);
    }
    return status;
}
