/* The journal: one SQLite file per run, written by one connection.
 *
 * While the run goes on it is in WAL mode, so that others can read it at any moment; all writes
 * between two commits are one transaction, and the last statement of it overwrites the mark: how
 * long the data file is and its checksum. What a mark covers is acknowledged. A live run syncs at
 * each commit (synchronous = FULL), a dry run never. A run that ends in order leaves one
 * self-contained file in rollback mode; after a crash the next reader replays the log.
 *
 *   run           one row: identity, cell, what 1C is, how it ended
 *   protocol_file the protocol and what it includes: where the copy lies, SHA-256
 *   definition    a step as resolved, as JSON with exact numbers; once, however often it ran
 *   step          one row per execution, with its result; result columns NULL: still running
 *   step_value    the rest of a result: named sensors, slopes, resistances
 *   cycle, event, expectation
 *   ending        of a live run, the last events before the end of each step, as a trace
 *   gap           what a live run did not see: from when to when, an estimate of the charge that
 *                 passed and a bound of it, and how the run went on
 *   mark          one row; of a live run also the executor's state and the last reading in it
 *
 * All numbers are doubles as they are (NULL for NaN), so that replay can compare bit by bit. In the
 * results they stand in columns of type ANY, because SQLite would store the -0.0 of a REAL column
 * as the integer 0. A definition is found again by its bytes (step_text.c) among the last ones
 * used: the steps of a loop cost one row each.
 *
 * Whoever writes hundreds of journals lets each rest between two commits: its statements and the
 * pages it has read are given back, and made again when they are needed. The
 * connection stays open.
 */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char schema[] =
    "CREATE TABLE run(one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL,"
    " kind TEXT NOT NULL, program TEXT NOT NULL, institution TEXT NOT NULL, cell TEXT NOT NULL,"
    " protocol_name TEXT, protocol_source TEXT, command TEXT, settings TEXT, cell_data TEXT,"
    " created_unix_ns INTEGER NOT NULL, start_unix_ns INTEGER NOT NULL, active_mass_g REAL,"
    " area_cm2 REAL, one_c_A REAL, one_c_from TEXT, nominal_capacity_Ah REAL,"
    " data_file TEXT NOT NULL, outcome TEXT, why TEXT, end_t_ns INTEGER, channel TEXT,"
    " rig_channel TEXT, voltage_decimals INTEGER NOT NULL, current_decimals INTEGER NOT NULL,"
    " capacity_decimals INTEGER NOT NULL) STRICT;"
    "CREATE TABLE protocol_file(position INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " stored TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL) STRICT;"
    "CREATE TABLE definition(id INTEGER PRIMARY KEY, step_id INTEGER NOT NULL, name TEXT NOT NULL,"
    " label TEXT NOT NULL, mode TEXT NOT NULL, type TEXT NOT NULL, text TEXT NOT NULL) STRICT;"
    "CREATE TABLE step(count INTEGER PRIMARY KEY, definition INTEGER NOT NULL REFERENCES"
    " definition(id), cycle_number INTEGER NOT NULL, in_cycle INTEGER NOT NULL,"
    " start_ns INTEGER NOT NULL, end_ns INTEGER, reason TEXT, cutoff INTEGER, action TEXT,"
    " tag INTEGER, flags INTEGER, step_time_ns INTEGER, hold_time_ns INTEGER, charge_Ah ANY,"
    " discharge_Ah ANY, charge_Wh ANY, discharge_Wh ANY, cc_capacity_Ah ANY,"
    " cv_capacity_Ah ANY, start_voltage_V ANY, voltage_V ANY, current_A ANY,"
    " temperature_degC ANY, ambient_degC ANY, pressure_Pa ANY, peak_V ANY, fault TEXT,"
    " fault_signal TEXT, fault_level INTEGER, fault_value ANY, fault_bound ANY,"
    " fault_t_ns INTEGER) STRICT;"
    "CREATE TABLE step_value(step INTEGER NOT NULL REFERENCES step(count), name TEXT NOT NULL,"
    " position INTEGER NOT NULL, value ANY NOT NULL, PRIMARY KEY(step, name, position))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE cycle(number INTEGER PRIMARY KEY, pass INTEGER NOT NULL, block TEXT NOT NULL,"
    " complete INTEGER NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"
    " charge_Ah REAL, discharge_Ah REAL, charge_Wh REAL, discharge_Wh REAL,"
    " coulombic_efficiency REAL, energy_efficiency REAL, mean_charge_V REAL,"
    " mean_discharge_V REAL, retention REAL) STRICT;"
    "CREATE TABLE event(id INTEGER PRIMARY KEY, t_ns INTEGER NOT NULL, who TEXT NOT NULL,"
    " what TEXT NOT NULL, why TEXT) STRICT;"
    "CREATE TABLE expectation(id INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT, value REAL,"
    " expected REAL, tolerance REAL, source TEXT) STRICT;"
    "CREATE TABLE gap(id INTEGER PRIMARY KEY, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"
    " step INTEGER NOT NULL, cause TEXT NOT NULL, estimate_Ah REAL NOT NULL,"
    " bound_Ah REAL NOT NULL, verdict TEXT NOT NULL) STRICT;"
    "CREATE TABLE ending(step INTEGER PRIMARY KEY, events TEXT NOT NULL) STRICT;"
    "CREATE TABLE mark(one INTEGER PRIMARY KEY CHECK (one = 1), data_file TEXT NOT NULL,"
    " length INTEGER NOT NULL, xxh64 TEXT NOT NULL, row_count INTEGER NOT NULL,"
    " t_ns INTEGER NOT NULL, unix_ns INTEGER NOT NULL, boot_id TEXT NOT NULL, state TEXT,"
    " host TEXT, epoch INTEGER NOT NULL, reading INTEGER NOT NULL) STRICT;";

#define REAL_13 "?,?,?,?,?,?,?,?,?,?,?,?,?"
static const char *const statement_texts[CYC_STATEMENT_COUNT] = {
    [CYC_STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [CYC_STATEMENT_COMMIT] = "COMMIT",
    [CYC_STATEMENT_DEFINITION] = "INSERT INTO definition VALUES(NULL,?,?,?,?,?,?)",
    [CYC_STATEMENT_STEP] =
        "INSERT OR REPLACE INTO step VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?," REAL_13 ",?,?,?,?,?,?)",
    [CYC_STATEMENT_STEP_VALUE] = "INSERT OR REPLACE INTO step_value VALUES(?,?,?,?)",
    [CYC_STATEMENT_CYCLE] = "INSERT OR REPLACE INTO cycle VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [CYC_STATEMENT_EVENT] = "INSERT INTO event VALUES(NULL,?,?,?,?)",
    [CYC_STATEMENT_EXPECTATION] = "INSERT INTO expectation VALUES(NULL,?,?,?,?,?,?)",
    [CYC_STATEMENT_MARK] = "INSERT OR REPLACE INTO mark VALUES(1,?,?,?,?,?,?,?,?,?,?,?)",
    [CYC_STATEMENT_ANCHOR] = "UPDATE run SET start_unix_ns = ?",
    [CYC_STATEMENT_GAP] = "INSERT INTO gap VALUES(NULL,?,?,?,?,?,?,?)",
    [CYC_STATEMENT_ENDING] = "INSERT OR REPLACE INTO ending VALUES(?,?)",
    [CYC_STATEMENT_END] = "UPDATE run SET outcome = ?, why = ?, end_t_ns = ?",
};

#define LIVE_PRAGMAS "PRAGMA synchronous=FULL; PRAGMA cache_size=8; PRAGMA wal_autocheckpoint=100"

/* ---- Plumbing -------------------------------------------------------------------------------- */

/* Of a COMMIT that fails SQLite keeps the error number only with the file. */
static int system_error(sqlite3 *db)
{
    static const int which[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};
    int system = sqlite3_system_errno(db);
    for (size_t i = 0; i < sizeof which / sizeof which[0] && system == 0; i++) {
        sqlite3_file *file = NULL;
        (void)sqlite3_file_control(db, "main", which[i], &file);
        if (file != NULL && file->pMethods != NULL) {
            (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &system);
        }
    }
    return system;
}

int cyc_journal_failed(struct cyc_err *err, sqlite3 *db, const char *what, const char *path)
{
    const int code = db != NULL ? sqlite3_errcode(db) : SQLITE_NOMEM;
    if (code == SQLITE_FULL) {
        return cyc_file_failed(err, what, path, ENOSPC);
    }
    if (code == SQLITE_NOMEM) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "cannot %s %s: out of memory", what, path);
    }
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
        return cyc_err_set(err, CYC_E_JOURNAL,
                           "%s is damaged; the data file beside it can still be read", path);
    }
    const bool by_system = code == SQLITE_IOERR || code == SQLITE_CANTOPEN;
    const int system = by_system ? system_error(db) : 0;
    if (system != 0) {
        return cyc_file_failed(err, what, path, system);
    }
    return cyc_err_set(err, CYC_E_JOURNAL, "cannot %s %s: %s", what, path,
                       db != NULL ? sqlite3_errmsg(db) : "out of memory");
}

static int failed(struct cyc_journal *journal, struct cyc_err *err)
{
    return cyc_journal_failed(err, journal->db, "write", journal->path);
}

void cyc_bind_integer(struct cyc_bind *bind, int64_t value)
{
    const int status = sqlite3_bind_int64(bind->statement, ++bind->column, value);
    bind->status = bind->status == SQLITE_OK ? status : bind->status;
}

void cyc_bind_real(struct cyc_bind *bind, double value)
{
    const int status = sqlite3_bind_double(bind->statement, ++bind->column, value);
    bind->status = bind->status == SQLITE_OK ? status : bind->status;
}

void cyc_bind_text(struct cyc_bind *bind, const char *text)
{
    const int status = sqlite3_bind_text(bind->statement, ++bind->column, text, -1, SQLITE_STATIC);
    bind->status = bind->status == SQLITE_OK ? status : bind->status;
}

static int exec(struct cyc_journal *journal, const char *sql, struct cyc_err *err)
{
    return sqlite3_exec(journal->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CYC_OK
                                                                         : failed(journal, err);
}

/* A connection for writing to the journal of a live run, of which a daemon has hundreds: little
 * memory for each, and a log so short that whoever opens it has soon read it again. */
static int open_live(struct cyc_journal *journal, const char *pragmas, struct cyc_err *err)
{
    int status = CYC_OK;
    if (sqlite3_open_v2(journal->path, &journal->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        status = cyc_journal_failed(err, journal->db, "open", journal->path);
    }
    if (status == CYC_OK) {
        (void)sqlite3_busy_timeout(journal->db,
                                   2000); /* a reader that replays holds it for moments */
        (void)sqlite3_db_config(journal->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
        status = exec(journal, pragmas, err);
    }
    if (status != CYC_OK) {
        /* Who could not read the log takes it for empty, and would remove it. */
        (void)sqlite3_db_config(journal->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        (void)sqlite3_close(journal->db);
        journal->db = NULL;
    }
    return status;
}

int cyc_journal_prepare(struct cyc_journal *journal, enum cyc_statement which,
                        struct cyc_bind *bind, struct cyc_err *err)
{
    sqlite3_stmt **statement = &journal->statements[which];
    if (*statement == NULL &&
        sqlite3_prepare_v3(journal->db, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                           statement, NULL) != SQLITE_OK) {
        return failed(journal, err);
    }
    *bind = (struct cyc_bind){.statement = *statement};
    return CYC_OK;
}

int cyc_journal_execute(struct cyc_journal *journal, const struct cyc_bind *bind,
                        struct cyc_err *err)
{
    int status = CYC_OK;
    if (bind->status != SQLITE_OK || sqlite3_step(bind->statement) != SQLITE_DONE) {
        status = failed(journal, err);
    }
    (void)sqlite3_reset(bind->statement); /* repeats the error already told */
    return status;
}

int cyc_journal_begin(struct cyc_journal *journal, enum cyc_statement which, struct cyc_bind *bind,
                      struct cyc_err *err)
{
    int status = CYC_OK;
    /* SQLite ends the transaction by itself after some failures, so it is asked. */
    if (sqlite3_get_autocommit(journal->db) != 0) {
        status = cyc_journal_prepare(journal, CYC_STATEMENT_BEGIN, bind, err);
        if (status == CYC_OK) {
            status = cyc_journal_execute(journal, bind, err);
        }
    }
    return status == CYC_OK ? cyc_journal_prepare(journal, which, bind, err) : status;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

int64_t cyc_wall_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec;
}

void cyc_boot_id(char boot_id[40])
{
    boot_id[0] = '\0';
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        const ssize_t size = read(fd, boot_id, 39);
        boot_id[size > 0 ? size : 0] = '\0';
        boot_id[strcspn(boot_id, "\n")] = '\0';
        (void)close(fd);
    }
}

int cyc_journal_create(struct cyc_journal *journal, const char *folder, bool sync,
                       struct cyc_err *err)
{
    int status = cyc_path_join(journal->path, folder, CYC_JOURNAL_NAME, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_boot_id(journal->boot_id);
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(journal->path, &journal->db, flags, NULL) != SQLITE_OK) {
        return cyc_journal_failed(err, journal->db, "create", journal->path);
    }
    (void)sqlite3_busy_timeout(journal->db, 2000); /* a reader that replays holds it for moments */
    status = exec(journal, sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF", err);
    if (status == CYC_OK) {
        /* From OFF, because the change of mode itself is written under the mode before: a writer
         * killed in between would leave a rollback journal, which a reader may not play back. */
        status = exec(journal, "PRAGMA journal_mode=OFF; PRAGMA journal_mode=WAL", err);
    }
    struct cyc_bind bind;
    if (status == CYC_OK) {
        status = cyc_journal_begin(journal, CYC_STATEMENT_BEGIN, &bind, err);
    }
    if (status == CYC_OK) {
        status = exec(journal, schema, err);
    }
    char *versions = sqlite3_mprintf("PRAGMA application_id=%d;PRAGMA user_version=%d",
                                     CYC_APPLICATION_ID, CYC_SCHEMA_VERSION);
    if (status == CYC_OK) {
        status = versions != NULL ? exec(journal, versions, err)
                                  : cyc_err_set(err, CYC_E_NO_MEMORY, "out of memory");
    }
    sqlite3_free(versions);
    return status;
}

int cyc_journal_reopen(struct cyc_journal *journal, const char *folder, struct cyc_err *err)
{
    int status = cyc_path_join(journal->path, folder, CYC_JOURNAL_NAME, err);
    if (status != CYC_OK) {
        return status;
    }
    cyc_boot_id(journal->boot_id);
    return open_live(journal, LIVE_PRAGMAS "; PRAGMA journal_mode=WAL", err);
}

static void finalize_all(struct cyc_journal *journal)
{
    for (int i = 0; i < CYC_STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(journal->statements[i]);
        journal->statements[i] = NULL;
    }
}

void cyc_journal_rest(struct cyc_journal *journal)
{
    if (journal->db == NULL || sqlite3_get_autocommit(journal->db) == 0) {
        return;
    }
    finalize_all(journal);
    cyc_text_release(&journal->scratch);
    (void)sqlite3_db_release_memory(journal->db);
}

void cyc_journal_close(struct cyc_journal *journal, bool finished)
{
    finalize_all(journal);
    for (int i = 0; i < CYC_DEFINITIONS_MAX; i++) {
        cyc_text_release(&journal->definitions[i].bytes);
    }
    cyc_text_release(&journal->scratch);
    cyc_text_release(&journal->state.core);
    cyc_text_release(&journal->state.host);
    if (journal->db != NULL && finished) {
        /* Fails while somebody reads; the log then stays beside it, which loses nothing. MEMORY, so
         * that the change leaves no rollback journal either: it touches one sector of the file. */
        (void)sqlite3_exec(journal->db, "PRAGMA journal_mode=MEMORY", NULL, NULL, NULL);
    }
    (void)sqlite3_close(journal->db);
    journal->db = NULL;
}

/* ---- Identity -------------------------------------------------------------------------------- */

static const char *or_else(const char *text, const char *fallback)
{
    return text != NULL ? text : fallback;
}

int cyc_journal_run(struct cyc_journal *journal, const char *id, const char *data_file,
                    const struct cyc_run_identity *identity, struct cyc_err *err)
{
    struct cyc_bind bind = {0};
    if (sqlite3_prepare_v2(journal->db,
                           "INSERT INTO run VALUES(1,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,NULL,"
                           "NULL,?,?,?,?,?)",
                           -1, &bind.statement, NULL) != SQLITE_OK) {
        return failed(journal, err);
    }
    cyc_bind_text(&bind, id);
    cyc_bind_text(&bind, or_else(identity->kind, "dry"));
    cyc_bind_text(&bind, "cyclostat " CYC_VERSION);
    cyc_bind_text(&bind, or_else(identity->institution, "LAB"));
    cyc_bind_text(&bind, or_else(identity->cell, ""));
    cyc_bind_text(&bind, identity->protocol_name);
    cyc_bind_text(&bind, identity->protocol_source);
    cyc_bind_text(&bind, identity->command);
    cyc_bind_text(&bind, identity->settings_json);
    cyc_bind_text(&bind, identity->cell_json);
    cyc_bind_integer(&bind, cyc_wall_ns());
    cyc_bind_integer(&bind, identity->start_unix_ns);
    cyc_bind_real(&bind, identity->active_mass_g);
    cyc_bind_real(&bind, identity->area_cm2);
    cyc_bind_real(&bind, identity->one_c_A);
    cyc_bind_text(&bind, identity->one_c_from);
    cyc_bind_real(&bind, identity->nominal_capacity_Ah);
    cyc_bind_text(&bind, data_file);
    cyc_bind_text(&bind, identity->channel);
    cyc_bind_text(&bind, identity->rig_channel_json);
    cyc_bind_integer(&bind, identity->voltage_decimals);
    cyc_bind_integer(&bind, identity->current_decimals);
    cyc_bind_integer(&bind, identity->capacity_decimals);
    const int status = cyc_journal_execute(journal, &bind, err);
    (void)sqlite3_finalize(bind.statement);
    return status;
}

int cyc_journal_file(struct cyc_journal *journal, const struct cyc_run_file *file,
                     const char *stored, struct cyc_err *err)
{
    struct cyc_bind bind = {0};
    if (sqlite3_prepare_v2(journal->db, "INSERT INTO protocol_file VALUES(NULL,?,?,?,?)", -1,
                           &bind.statement, NULL) != SQLITE_OK) {
        return failed(journal, err);
    }
    cyc_bind_text(&bind, file->name);
    cyc_bind_text(&bind, stored);
    cyc_bind_integer(&bind, (int64_t)file->size);
    cyc_bind_text(&bind, or_else(file->sha256, ""));
    const int status = cyc_journal_execute(journal, &bind, err);
    (void)sqlite3_finalize(bind.statement);
    return status;
}
