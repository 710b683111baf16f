/* The sidecar: what a reader of the data file wants to know and a table cannot hold.
 *
 * `<stem>.bdf.metadata.json` in the shape that readers of the Battery Data Format restore: BattINFO
 * records under `battinfo_…` with BattINFO's own property names, and all the rest under `extras`.
 * Only what is known is written; the w3id identifiers that BattINFO's strict schema demands belong
 * to registered cells and instruments and are left out.
 *
 * Everything comes from the journal, so the file can be made again at any time.
 */
#include "store/store_int.h"

#include <math.h>
#include <string.h>

static void put_text(struct cyc_json *json, const char *key, const char *value)
{
    if (value[0] != '\0') {
        cyc_json_key(json, key);
        cyc_json_string(json, value);
    }
}

static void put_number(struct cyc_json *json, const char *key, double value)
{
    if (!isnan(value)) {
        cyc_json_key(json, key);
        cyc_json_number(json, value);
    }
}

static void put_integer(struct cyc_json *json, const char *key, int64_t value)
{
    cyc_json_key(json, key);
    cyc_json_integer(json, value);
}

/* A value that is JSON already. */
static void put_json(struct cyc_json *json, const char *key, const char *value)
{
    if (value[0] != '\0') {
        cyc_json_key(json, key);
        cyc_text_append(json->text, value);
        json->after_key = false;
    }
}

/* The columns of `run` that the sidecar tells, in the order of the query. */
struct facts {
    const char *id, *kind, *program, *institution, *cell, *protocol_name, *protocol_source;
    const char *settings, *cell_data, *rig_channel, *instrument, *one_c_from, *outcome, *why;
    int64_t start_unix_ns, end_t_ns;
    double active_mass_g, area_cm2, one_c_A, nominal_capacity_Ah;
};

static const char facts_query[] =
    "SELECT id, kind, program, institution, cell, protocol_name, protocol_source, settings,"
    " cell_data, rig_channel, CASE kind WHEN 'dry' THEN 'simulated cell' ELSE"
    " trim(rig_channel->>'$.cycler.driver' || ' ' || (rig_channel->>'$.cycler.serial_number')) END,"
    " one_c_from, outcome, why, start_unix_ns, end_t_ns, active_mass_g, area_cm2,"
    " one_c_A, nominal_capacity_Ah FROM run";

static void read_facts(struct cyc_columns *columns, struct facts *facts)
{
    facts->id = cyc_column_text(columns);
    facts->kind = cyc_column_text(columns);
    facts->program = cyc_column_text(columns);
    facts->institution = cyc_column_text(columns);
    facts->cell = cyc_column_text(columns);
    facts->protocol_name = cyc_column_text(columns);
    facts->protocol_source = cyc_column_text(columns);
    facts->settings = cyc_column_text(columns);
    facts->cell_data = cyc_column_text(columns);
    facts->rig_channel = cyc_column_text(columns);
    facts->instrument = cyc_column_text(columns);
    facts->one_c_from = cyc_column_text(columns);
    facts->outcome = cyc_column_text(columns);
    facts->why = cyc_column_text(columns);
    facts->start_unix_ns = cyc_column_integer(columns);
    facts->end_t_ns = cyc_column_integer(columns);
    facts->active_mass_g = cyc_column_real(columns);
    facts->area_cm2 = cyc_column_real(columns);
    facts->one_c_A = cyc_column_real(columns);
    facts->nominal_capacity_Ah = cyc_column_real(columns);
}

static void put_artifacts(struct cyc_json *json, sqlite3 *db)
{
    struct cyc_columns columns = {0};
    cyc_json_key(json, "artifacts");
    cyc_json_open(json, '[');
    (void)sqlite3_prepare_v2(db, "SELECT stored, size, sha256 FROM protocol_file ORDER BY position",
                             -1, &columns.statement, NULL);
    while (sqlite3_step(columns.statement) == SQLITE_ROW) {
        columns.column = 0;
        const char *stored = cyc_column_text(&columns);
        const char *dot = strrchr(stored, '.');
        cyc_json_open(json, '{');
        put_text(json, "role", "source_protocol");
        put_text(json, "format", dot != NULL ? dot + 1 : "text");
        put_text(json, "locator", stored);
        put_integer(json, "byte_size", cyc_column_integer(&columns));
        const char *sha256 = cyc_column_text(&columns);
        put_text(json, "sha256", strlen(sha256) == 64 ? sha256 : "");
        cyc_json_close(json, '}');
    }
    (void)sqlite3_finalize(columns.statement);
    cyc_json_close(json, ']');
}

static const char *status_word(const char *outcome)
{
    if (outcome[0] == '\0') {
        return "running";
    }
    const bool ended = strcmp(outcome, "done") == 0 || strcmp(outcome, "stopped") == 0;
    return ended ? "completed" : "aborted";
}

/* Whole seconds; BattINFO knows none before 1970. */
static void put_unix(struct cyc_json *json, const char *key, int64_t unix_ns)
{
    if (unix_ns >= 0) {
        put_integer(json, key, unix_ns / CYC_S_NS);
    }
}

/* That a run broke off is a deviation from its protocol, in BattINFO's words. */
static void put_conformance(struct cyc_json *json, const struct facts *facts)
{
    if (strcmp(status_word(facts->outcome), "aborted") != 0) {
        return;
    }
    cyc_json_key(json, "conformance");
    cyc_json_open(json, '{');
    put_text(json, "status", "non-conformant");
    cyc_json_key(json, "deviations");
    cyc_json_open(json, '[');
    cyc_json_open(json, '{');
    put_text(json, "category", "premature_termination");
    put_text(json, "type", facts->outcome);
    put_text(json, "description", facts->why);
    put_unix(json, "occurred_at", facts->start_unix_ns + facts->end_t_ns);
    cyc_json_close(json, '}');
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
}

static void put_cell(struct cyc_json *json, const struct facts *facts)
{
    cyc_json_key(json, "battinfo_cell");
    cyc_json_open(json, '{');
    cyc_json_key(json, "cell_instance");
    cyc_json_open(json, '{');
    put_text(json, "name", facts->cell);
    cyc_json_close(json, '}');
    cyc_json_close(json, '}');
}

static void put_test(struct cyc_json *json, sqlite3 *db, const struct facts *facts)
{
    const bool dry = strcmp(facts->kind, "dry") == 0;
    cyc_json_key(json, "battinfo_test");
    cyc_json_open(json, '{');
    cyc_json_key(json, "test");
    cyc_json_open(json, '{');
    put_text(json, "identifier", facts->id);
    put_text(json, "name", facts->protocol_name[0] ? facts->protocol_name : facts->id);
    put_text(json, "kind", "cycling");
    put_text(json, "status", status_word(facts->outcome));
    put_unix(json, "started_at", facts->start_unix_ns);
    if (facts->outcome[0] != '\0') {
        put_unix(json, "ended_at", facts->start_unix_ns + facts->end_t_ns);
    }
    put_text(json, "instrument_name", facts->instrument);
    put_text(json, "protocol_name", facts->protocol_name);
    put_text(json, "description", facts->protocol_source);
    put_conformance(json, facts);
    cyc_json_close(json, '}');
    put_artifacts(json, db);
    cyc_json_key(json, "provenance");
    cyc_json_open(json, '{');
    put_text(json, "source_type", dry ? "simulation" : "measurement");
    put_unix(json, "retrieved_at", facts->start_unix_ns);
    put_text(json, "workflow_version", facts->program);
    cyc_json_close(json, '}');
    cyc_json_close(json, '}');
}

static void put_extras(struct cyc_json *json, const struct facts *facts)
{
    cyc_json_key(json, "extras");
    cyc_json_open(json, '{');
    put_text(json, "run", facts->id);
    put_text(json, "kind", facts->kind);
    put_text(json, "institution", facts->institution);
    put_text(json, "cell", facts->cell);
    put_number(json, "active_mass_g", facts->active_mass_g);
    put_number(json, "area_cm2", facts->area_cm2);
    put_number(json, "one_c_A", facts->one_c_A);
    put_text(json, "one_c_from", facts->one_c_from);
    put_number(json, "nominal_capacity_Ah", facts->nominal_capacity_Ah);
    put_text(json, "sign_of_current", "positive charges the cell");
    put_text(json, "cycle_rule", "one cycle is one pass of a cycles block of the protocol");
    put_text(json, "temperature_t1", "the cell's sensor, else the chamber's");
    put_text(json, "end", facts->outcome);
    put_text(json, "why", facts->why);
    put_json(json, "settings", facts->settings);
    put_json(json, "cell_data", facts->cell_data);
    put_json(json, "rig_channel", facts->rig_channel);
    cyc_json_close(json, '}');
}

static int compose(sqlite3 *db, struct cyc_text *text)
{
    struct cyc_columns columns = {0};
    if (sqlite3_prepare_v2(db, facts_query, -1, &columns.statement, NULL) != SQLITE_OK ||
        sqlite3_step(columns.statement) != SQLITE_ROW) {
        (void)sqlite3_finalize(columns.statement);
        return CYC_E_JOURNAL;
    }
    struct facts facts;
    read_facts(&columns, &facts);
    struct cyc_json json;
    cyc_json_init(&json, text);
    cyc_json_open(&json, '{');
    put_test(&json, db, &facts);
    put_cell(&json, &facts);
    put_extras(&json, &facts);
    cyc_json_close(&json, '}');
    cyc_text_append(text, "\n");
    (void)sqlite3_finalize(columns.statement);
    return text->failed ? CYC_E_NO_MEMORY : CYC_OK;
}

int cyc_sidecar_write(sqlite3 *db, const struct cyc_data *data, struct cyc_err *err)
{
    struct cyc_text text = {0};
    int status = compose(db, &text);
    if (status == CYC_E_NO_MEMORY) {
        (void)cyc_err_set(err, status, "cannot write the metadata of %s: out of memory",
                          data->path);
    } else if (status != CYC_OK) {
        status = cyc_journal_failed(err, db, "read", "the journal");
    }
    for (unsigned number = data->first_number; number <= data->number && status == CYC_OK;
         number++) {
        char name[CYC_FILE_NAME_SIZE + 48], path[CYC_PATH_SIZE];
        cyc_data_name(name, data->stem, number, CYC_SIDECAR_SUFFIX);
        status = cyc_path_join(path, data->folder, name, err);
        if (status == CYC_OK) {
            status = cyc_file_replace(path, text.data, text.length, data->sync, err);
        }
    }
    cyc_text_release(&text);
    return status;
}
