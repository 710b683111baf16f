#include "store/store_int.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Columns --------------------------------------------------------------------------------- */

int64_t cyc_column_integer(struct cyc_columns *columns)
{
    return sqlite3_column_int64(columns->statement, columns->column++);
}

double cyc_column_real(struct cyc_columns *columns)
{
    const int column = columns->column++;
    return sqlite3_column_type(columns->statement, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(columns->statement, column);
}

const char *cyc_column_text(struct cyc_columns *columns)
{
    const unsigned char *text = sqlite3_column_text(columns->statement, columns->column++);
    return text != NULL ? (const char *)text : "";
}

/* ---- Opening --------------------------------------------------------------------------------- */

struct versions {
    int64_t application, schema, table_count;
};

/* All three of one moment: a writer may be about to make them. The transaction stays open, so that
 * whatever is read through this connection is of that moment too. */
static int read_versions(sqlite3 *db, struct versions *versions)
{
    struct cyc_columns columns = {0};
    int status = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    if (status == SQLITE_OK) {
        status = sqlite3_prepare_v2(db,
                                    "SELECT application_id, user_version, "
                                    "(SELECT count(*) FROM sqlite_schema) "
                                    "FROM pragma_application_id, pragma_user_version",
                                    -1, &columns.statement, NULL);
    }
    if (status == SQLITE_OK) {
        status = sqlite3_step(columns.statement);
    }
    if (status == SQLITE_ROW) {
        versions->application = cyc_column_integer(&columns);
        versions->schema = cyc_column_integer(&columns);
        versions->table_count = cyc_column_integer(&columns);
    }
    (void)sqlite3_finalize(columns.statement);
    return status == SQLITE_ROW ? CYC_OK : CYC_E_JOURNAL;
}

/* Whether a data file of the folder holds rows. */
static bool has_rows(const char *folder)
{
    bool found = false;
    DIR *dir = opendir(folder);
    for (struct dirent *item = dir != NULL ? readdir(dir) : NULL; item != NULL && !found;
         item = readdir(dir)) {
        char path[CYC_PATH_SIZE];
        uint64_t row_count;
        int64_t t_ns;
        found = strstr(item->d_name, CYC_DATA_SUFFIX) != NULL &&
                cyc_path_join(path, folder, item->d_name, NULL) == CYC_OK &&
                cyc_data_last_row(path, &row_count, &t_ns);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return found;
}

static int tell_unreadable(sqlite3 *db, const char *path, struct cyc_err *err)
{
    const int code = sqlite3_errcode(db);
    if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) {
        return cyc_err_set(err, CYC_E_JOURNAL,
                           "cannot read %s: its run was cut short, and the journal of such a run "
                           "needs a folder that you may write to; copy the whole folder",
                           path);
    }
    return cyc_journal_failed(err, db, "read", path);
}

/* Leaves *db NULL when the journal holds nothing yet. */
static int check_versions(sqlite3 **db, const char *folder, const char *path, struct cyc_err *err)
{
    struct versions versions = {0};
    if (read_versions(*db, &versions) != CYC_OK) {
        return tell_unreadable(*db, path, err);
    }
    if (versions.table_count == 0 && versions.schema == 0) {
        if (has_rows(folder) && !cyc_folder_locked(folder)) {
            return cyc_err_set(err, CYC_E_JOURNAL,
                               "%s is empty although there are data beside it: %s-wal was not "
                               "copied with the rest of the run",
                               path, CYC_JOURNAL_NAME);
        }
        (void)sqlite3_close(*db);
        *db = NULL;
        return CYC_OK;
    }
    if (versions.application != CYC_APPLICATION_ID) {
        return cyc_err_set(err, CYC_E_JOURNAL, "%s is a database of another program", path);
    }
    if (versions.schema > CYC_SCHEMA_VERSION) {
        return cyc_err_set(err, CYC_E_JOURNAL,
                           "%s was written by a newer cyclostat (schema %lld; this one reads up "
                           "to %d); read it with that one",
                           path, (long long)versions.schema, CYC_SCHEMA_VERSION);
    }
    return CYC_OK;
}

static int missing(const char *folder, const char *path, struct cyc_err *err)
{
    struct stat status;
    const char *slash = strrchr(folder, '/');
    unsigned number;
    if (stat(folder, &status) != 0) {
        return cyc_file_failed(err, "read the run", folder, errno);
    }
    if (!S_ISDIR(status.st_mode)) {
        return cyc_err_set(err, CYC_E_INPUT, "%s is not the folder of a run", folder);
    }
    /* A writer makes the journal right after the folder, and nothing before it. */
    char protocol[CYC_PATH_SIZE];
    const bool begun = cyc_path_join(protocol, folder, CYC_PROTOCOL_FOLDER, NULL) == CYC_OK &&
                       stat(protocol, &status) == 0;
    if (!begun && cyc_run_id_valid(slash != NULL ? slash + 1 : folder, &number)) {
        return CYC_OK;
    }
    return cyc_err_set(err, CYC_E_JOURNAL, "there is no %s: %s", path,
                       begun ? "it was removed or not copied with the rest of the run"
                             : "this is not the folder of a run");
}

int cyc_journal_open_read(const char *folder, sqlite3 **db, struct cyc_err *err)
{
    char path[CYC_PATH_SIZE];
    struct stat status;
    *db = NULL;
    int result = cyc_path_join(path, folder, CYC_JOURNAL_NAME, err);
    if (result != CYC_OK) {
        return result;
    }
    if (stat(path, &status) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? missing(folder, path, err)
                                                   : cyc_file_failed(err, "read", path, errno);
    }
    const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, db, flags, NULL) != SQLITE_OK) {
        result = cyc_journal_failed(err, *db, "open", path);
    } else {
        (void)sqlite3_busy_timeout(*db, 5000);
        result = check_versions(db, folder, path, err);
    }
    if (result != CYC_OK) {
        (void)sqlite3_close(*db);
        *db = NULL;
    }
    return result;
}

/* ---- Walking a table ------------------------------------------------------------------------- */

struct walk {
    sqlite3 *db;
    struct cyc_columns columns;
    struct cyc_columns values; /* of step_value */
    void *context;
    int (*row)(struct walk *walk);
    union {
        cyc_run_cycle_fn cycle;
        cyc_run_step_fn step;
        cyc_run_event_fn event;
        cyc_run_ending_fn ending;
        cyc_run_expectation_fn expectation;
    } fn;
};

static int walk_rows(struct walk *walk, const char *folder, const char *sql, struct cyc_err *err)
{
    int code = sqlite3_prepare_v2(walk->db, sql, -1, &walk->columns.statement, NULL);
    int status = CYC_OK;
    if (code == SQLITE_OK) {
        code = sqlite3_step(walk->columns.statement);
    }
    while (code == SQLITE_ROW && status == CYC_OK) {
        walk->columns.column = 0;
        status = walk->row(walk);
        code = status == CYC_OK ? sqlite3_step(walk->columns.statement) : code;
    }
    if (status == CYC_OK && code != SQLITE_DONE) {
        status = cyc_journal_failed(err, walk->db, "read the journal of", folder);
    }
    (void)sqlite3_finalize(walk->columns.statement);
    return status;
}

static int walk_folder(struct walk *walk, const char *folder, const char *sql, struct cyc_err *err)
{
    int status = cyc_journal_open_read(folder, &walk->db, err);
    if (status == CYC_OK && walk->db != NULL) {
        status = walk_rows(walk, folder, sql, err);
        (void)sqlite3_finalize(walk->values.statement);
        (void)sqlite3_close(walk->db);
    }
    return status;
}

static int cycle_row(struct walk *walk)
{
    struct cyc_columns *columns = &walk->columns;
    struct cyc_cycle cycle = {0};
    cycle.number = (uint32_t)cyc_column_integer(columns);
    cycle.pass = (uint32_t)cyc_column_integer(columns);
    (void)cyc_copy(cycle.block, sizeof cycle.block, cyc_column_text(columns));
    cycle.complete = cyc_column_integer(columns) != 0;
    cycle.start_ns = cyc_column_integer(columns);
    cycle.end_ns = cyc_column_integer(columns);
    cycle.sums.charge_Ah = cyc_column_real(columns);
    cycle.sums.discharge_Ah = cyc_column_real(columns);
    cycle.sums.charge_Wh = cyc_column_real(columns);
    cycle.sums.discharge_Wh = cyc_column_real(columns);
    cycle.coulombic_efficiency = cyc_column_real(columns);
    cycle.energy_efficiency = cyc_column_real(columns);
    cycle.mean_charge_V = cyc_column_real(columns);
    cycle.mean_discharge_V = cyc_column_real(columns);
    cycle.retention = cyc_column_real(columns);
    return walk->fn.cycle(walk->context, &cycle);
}

int cyc_run_each_cycle(const char *folder, cyc_run_cycle_fn fn, void *context, struct cyc_err *err)
{
    struct walk walk = {.context = context, .row = cycle_row, .fn.cycle = fn};
    return walk_folder(&walk, folder, "SELECT * FROM cycle ORDER BY number", err);
}

static int event_row(struct walk *walk)
{
    struct cyc_columns *columns = &walk->columns;
    const int64_t t_ns = cyc_column_integer(columns);
    const char *who = cyc_column_text(columns);
    const char *what = cyc_column_text(columns);
    return walk->fn.event(walk->context, t_ns, who, what, cyc_column_text(columns));
}

int cyc_run_each_event(const char *folder, cyc_run_event_fn fn, void *context, struct cyc_err *err)
{
    struct walk walk = {.context = context, .row = event_row, .fn.event = fn};
    return walk_folder(&walk, folder, "SELECT t_ns, who, what, why FROM event ORDER BY id", err);
}

static int ending_row(struct walk *walk)
{
    struct cyc_columns *columns = &walk->columns;
    const uint32_t step_count = (uint32_t)cyc_column_integer(columns);
    const char *text = cyc_column_text(columns);
    return walk->fn.ending(walk->context, step_count, text, strlen(text));
}

int cyc_run_each_ending(const char *folder, cyc_run_ending_fn fn, void *context,
                        struct cyc_err *err)
{
    struct walk walk = {.context = context, .row = ending_row, .fn.ending = fn};
    return walk_folder(&walk, folder, "SELECT step, events FROM ending ORDER BY step", err);
}

static int expectation_row(struct walk *walk)
{
    struct cyc_columns *columns = &walk->columns;
    const char *name = cyc_column_text(columns);
    const char *unit = cyc_column_text(columns);
    const double value = cyc_column_real(columns);
    const double is = cyc_column_real(columns);
    const double tolerance = cyc_column_real(columns);
    return walk->fn.expectation(walk->context, name, unit, value, is, tolerance,
                                cyc_column_text(columns));
}

int cyc_run_each_expectation(const char *folder, cyc_run_expectation_fn fn, void *context,
                             struct cyc_err *err)
{
    struct walk walk = {.context = context, .row = expectation_row, .fn.expectation = fn};
    return walk_folder(&walk, folder,
                       "SELECT name, unit, value, expected, tolerance, source FROM expectation "
                       "ORDER BY id",
                       err);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

/* The value of an enum whose names the core gives; 0 for a name of another version. */
#define ENUM_OF(type, name_of, word)                                                               \
    static type word##_of(const char *name)                                                        \
    {                                                                                              \
        for (unsigned i = 0; i < 64; i++) {                                                        \
            if (strcmp(name_of((type)i), name) == 0) {                                             \
                return (type)i;                                                                    \
            }                                                                                      \
        }                                                                                          \
        return (type)0;                                                                            \
    }
ENUM_OF(enum cyc_reason, cyc_reason_name, reason)
ENUM_OF(enum cyc_follow_up, cyc_follow_up_name, follow_up)
ENUM_OF(enum cyc_fault_kind, cyc_fault_name, fault)

static void read_signal(const char *name, struct cyc_fault *fault)
{
    char text[CYC_SIGNAL_TEXT];
    for (uint8_t i = 0; i < CYC_SIGNAL_COUNT * CYC_AUX_MAX; i++) {
        const uint8_t signal = i / CYC_AUX_MAX;
        const uint8_t index = i % CYC_AUX_MAX;
        if (strcmp(cyc_signal_text(text, signal, index), name) == 0) {
            fault->signal = signal;
            fault->index = index;
            return;
        }
    }
}

static void read_fault(struct cyc_columns *columns, struct cyc_fault *fault)
{
    const enum cyc_fault_kind kind = fault_of(cyc_column_text(columns));
    if (kind == CYC_FAULT_NONE) {
        return;
    }
    fault->kind = kind;
    read_signal(cyc_column_text(columns), fault);
    fault->level = (uint8_t)cyc_column_integer(columns);
    fault->value = cyc_column_real(columns);
    fault->bound = cyc_column_real(columns);
    fault->t_ns = cyc_column_integer(columns);
}

static void read_result(struct cyc_columns *columns, struct cyc_result *result)
{
    result->reason = reason_of(cyc_column_text(columns));
    result->cutoff = (int16_t)cyc_column_integer(columns);
    result->action = follow_up_of(cyc_column_text(columns));
    result->tag = (int32_t)cyc_column_integer(columns);
    result->flags = (uint32_t)cyc_column_integer(columns);
    result->step_time_ns = cyc_column_integer(columns);
    result->hold_time_ns = cyc_column_integer(columns);
    result->sums.charge_Ah = cyc_column_real(columns);
    result->sums.discharge_Ah = cyc_column_real(columns);
    result->sums.charge_Wh = cyc_column_real(columns);
    result->sums.discharge_Wh = cyc_column_real(columns);
    result->cc_capacity_Ah = cyc_column_real(columns);
    result->cv_capacity_Ah = cyc_column_real(columns);
    result->start_voltage_V = cyc_column_real(columns);
    result->voltage_V = cyc_column_real(columns);
    result->current_A = cyc_column_real(columns);
    result->temperature_degC = cyc_column_real(columns);
    result->ambient_degC = cyc_column_real(columns);
    result->pressure_Pa = cyc_column_real(columns);
    result->peak_V = cyc_column_real(columns);
    read_fault(columns, &result->fault);
}

static void put_value(struct cyc_result *result, const char *name, int64_t position, double value)
{
    if (position < 0) {
        return;
    }
    if (strcmp(name, "aux") == 0 && position < CYC_AUX_MAX) {
        result->aux[position] = value;
    } else if (strcmp(name, "slope") == 0 && position < CYC_SLOPES_MAX) {
        result->slopes[position] = value;
    } else if (strcmp(name, "resistance") == 0 && position < CYC_RESISTANCES_MAX) {
        result->resistances_ohm[position] = value;
        if (result->resistance_count <= position) {
            result->resistance_count = (uint8_t)(position + 1);
        }
    }
}

static void read_values(struct walk *walk, struct cyc_result *result)
{
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        result->aux[i] = (double)NAN;
    }
    for (unsigned i = 0; i < CYC_SLOPES_MAX; i++) {
        result->slopes[i] = (double)NAN;
    }
    for (unsigned i = 0; i < CYC_RESISTANCES_MAX; i++) {
        result->resistances_ohm[i] = (double)NAN;
    }
    struct cyc_columns *values = &walk->values;
    if (values->statement == NULL &&
        sqlite3_prepare_v2(walk->db, "SELECT name, position, value FROM step_value WHERE step = ?",
                           -1, &values->statement, NULL) != SQLITE_OK) {
        return;
    }
    (void)sqlite3_bind_int64(values->statement, 1, result->step_count);
    while (sqlite3_step(values->statement) == SQLITE_ROW) {
        values->column = 0;
        const char *name = cyc_column_text(values);
        const int64_t position = cyc_column_integer(values);
        put_value(result, name, position, cyc_column_real(values));
    }
    (void)sqlite3_reset(values->statement);
}

static int step_row(struct walk *walk)
{
    struct cyc_columns *columns = &walk->columns;
    struct cyc_result result = {0};
    const char *name = cyc_column_text(columns);
    const char *type = cyc_column_text(columns);
    const uint32_t step_id = (uint32_t)cyc_column_integer(columns);
    const char *text = cyc_column_text(columns);
    const uint32_t cycle_number = (uint32_t)cyc_column_integer(columns);
    result.step_count = (uint32_t)cyc_column_integer(columns);
    result.start_ns = cyc_column_integer(columns);
    const bool ended = sqlite3_column_type(columns->statement, columns->column) != SQLITE_NULL;
    result.end_ns = cyc_column_integer(columns);
    read_result(columns, &result);
    read_values(walk, &result);
    return walk->fn.step(walk->context, cycle_number, name, type, step_id, text, &result, ended);
}

int cyc_run_each_step(const char *folder, cyc_run_step_fn fn, void *context, struct cyc_err *err)
{
    struct walk walk = {.context = context, .row = step_row, .fn.step = fn};
    return walk_folder(
        &walk, folder,
        "SELECT name, type, step_id, text, cycle_number, count, start_ns, end_ns, reason, cutoff,"
        " action, tag, flags, step_time_ns, hold_time_ns, charge_Ah, discharge_Ah, charge_Wh,"
        " discharge_Wh, cc_capacity_Ah, cv_capacity_Ah, start_voltage_V, voltage_V, current_A,"
        " temperature_degC, ambient_degC, pressure_Pa, peak_V, fault, fault_signal, fault_level,"
        " fault_value, fault_bound, fault_t_ns FROM step JOIN definition ON definition.id ="
        " step.definition ORDER BY count",
        err);
}
