/* Inside the run folder: files, checksum, data file, journal, sidecar. Not for other folders. */
#ifndef CYC_STORE_STORE_INT_H
#define CYC_STORE_STORE_INT_H

#include "store/store.h"

#include <sqlite3.h>

#define CYC_SCHEMA_VERSION   3
#define CYC_APPLICATION_ID   0x43594353 /* "CYCS", in the header of journal.sqlite */
#define CYC_JOURNAL_NAME     "journal.sqlite"
#define CYC_PROTOCOL_FOLDER  "protocol"
#define CYC_DATA_SUFFIX      ".bdf.csv"
#define CYC_SIDECAR_SUFFIX   ".bdf.metadata.json"
#define CYC_PART_SIZE_MAX    (UINT64_C(1) << 30) /* of one data file; then the next number */
#define CYC_DATA_BUFFER_SIZE (256u * 1024u)
#define CYC_LIVE_BUFFER_SIZE (4u * 1024u) /* a live run gives its rows away each second */
#define CYC_ROW_SIZE         768u         /* longest row: 17 fields */
#define CYC_FILE_NAME_SIZE   160
#define CYC_RUN_NUMBER_MAX   99999u
#define CYC_DEFINITIONS_MAX  64 /* step definitions kept at hand */

/* ---- Files (file.c) -------------------------------------------------------------------------- */

/* "cannot <what> <path>: <why>": CYC_E_NO_SPACE for a full disk, else CYC_E_FILE. */
int cyc_file_failed(struct cyc_err *err, const char *what, const char *path, int error_number);
/* All of the bytes, or an error; *written says how many got there. */
int cyc_file_write(int fd, const void *bytes, size_t size, const char *path, size_t *written,
                   struct cyc_err *err);
int cyc_file_sync(int fd, const char *path, struct cyc_err *err);
/* Makes the entries of a folder durable; syncing a file does not do that. */
int cyc_folder_sync(const char *path, struct cyc_err *err);
/* Writes a new file or replaces one as a whole: a reader sees the old or the new text. */
int cyc_file_replace(const char *path, const char *bytes, size_t size, bool sync,
                     struct cyc_err *err);
/* Makes a folder and those above it. */
int cyc_folder_make(const char *path, struct cyc_err *err);
/* Whether a living writer holds the folder of a run. */
bool cyc_folder_locked(const char *folder);
/* "<folder>/<name>"; CYC_E_BOUND when it is longer than CYC_PATH_SIZE. */
int cyc_path_join(char path[CYC_PATH_SIZE], const char *folder, const char *name,
                  struct cyc_err *err);

/* ---- Names (names.c) ------------------------------------------------------------------------- */

/* Letters, digits and single hyphens of a name, so that it can stand between the separators of a
 * file name ("__", "_", "-"); "X" when nothing is left. */
void cyc_name_safe(char *target, size_t size, const char *name);
/* "20241031" in UTC. */
void cyc_date_text(char target[16], int64_t unix_ns);
/* True for `<yyyymmdd>-…-<nnn>`; *number gets nnn. */
bool cyc_run_id_valid(const char *id, unsigned *number);

/* ---- Checksum (checksum.c): XXH64 with seed 0 ------------------------------------------------ */

struct cyc_checksum {
    uint64_t lanes[4];
    uint64_t size;
    unsigned char rest[32];
};
void cyc_checksum_init(struct cyc_checksum *checksum);
void cyc_checksum_add(struct cyc_checksum *checksum, const void *bytes, size_t size);
uint64_t cyc_checksum_value(const struct cyc_checksum *checksum); /* of all bytes so far */

/* ---- Data file (data.c) ---------------------------------------------------------------------- */

/* Where in the buffer the text of a field's last value stands, for most repeat from row to row. */
struct cyc_field {
    double value; /* NaN: no text */
    unsigned offset;
    unsigned size; /* with the separator behind it */
};
/* The same for fields that are fixed during a step. */
struct cyc_step_field {
    uint32_t step_count;
    unsigned offset;
    unsigned size; /* 0: no text */
};
/* All digits but the last four of a number that rises slowly: a time, the record index. */
struct cyc_top {
    uint64_t value; /* 0: no text */
    unsigned size;
    char text[16];
};
enum cyc_field_index {
    CYC_FIELD_VOLTAGE,
    CYC_FIELD_CURRENT,
    CYC_FIELD_AMBIENT,
    CYC_FIELD_CHARGE_AH,
    CYC_FIELD_DISCHARGE_AH,
    CYC_FIELD_CHARGE_WH,
    CYC_FIELD_DISCHARGE_WH,
    CYC_FIELD_TEMPERATURE,
    CYC_FIELD_PRESSURE,
    CYC_FIELD_COUNT
};

struct cyc_data {
    int fd;        /* -1: closed */
    int folder_fd; /* borrowed: of the run's folder */
    bool sync;
    int status;                    /* the first failure; nothing is written after it */
    char stem[CYC_FILE_NAME_SIZE]; /* without number and suffix */
    char folder[CYC_PATH_SIZE];
    char path[CYC_PATH_SIZE];      /* of the present part */
    unsigned first_number, number; /* nnn of the first and the present part */
    uint64_t part_size_max;
    uint64_t length;              /* bytes of the present part that the kernel has */
    uint64_t synced;              /* of them on the disk, with `sync` */
    struct cyc_checksum checksum; /* of them */
    uint64_t row_count;           /* of all parts, buffered ones included */
    int64_t t_ns;                 /* run time of the last row */
    bool reopened;                /* its rows are numbered here */
    int64_t there_ms;             /* rows up to this one stand in it from before: time, */
    uint64_t there_index;         /* and number */
    int64_t anchor_ms;
    struct cyc_field fields[CYC_FIELD_COUNT];
    struct cyc_step_field place, kind; /* cycle and step count; step id and type */
    struct cyc_top test_time, unix_time, step_time, index;
    uint8_t decimals[CYC_FIELD_COUNT];
    size_t room; /* a row may begin below this */
    size_t fill;
    size_t buffer_size;
    char *buffer; /* owned */
};
int cyc_data_open(struct cyc_data *data, const char *folder, const char *stem, unsigned number,
                  const struct cyc_run_identity *identity, struct cyc_err *err);
/* An existing part, to go on behind what it holds; the caller sets what is known of that. */
int cyc_data_reopen(struct cyc_data *data, const char *folder, const char *stem, unsigned number,
                    const struct cyc_run_identity *identity, struct cyc_err *err);
/* Rows up to this one stand in it, beyond the mark: when they are made again they are left out. */
void cyc_data_there(struct cyc_data *data, const struct cyc_run_tail *tail);
int cyc_data_row(struct cyc_data *data, const struct cyc_record *record, const char *step_type,
                 struct cyc_err *err);
void cyc_data_anchor(struct cyc_data *data, int64_t unix_ns);
int cyc_data_flush(struct cyc_data *data, struct cyc_err *err); /* and sync, where wanted */
int cyc_data_push(struct cyc_data *data, struct cyc_err *err);  /* to the kernel only */
void cyc_data_release(struct cyc_data *data);
/* `<stem>_<nnn><suffix>` */
void cyc_data_name(char name[CYC_FILE_NAME_SIZE + 48], const char *stem, unsigned number,
                   const char *suffix);
extern const char cyc_data_header[]; /* first line of each part, with its line feed */
/* What the last complete row of a data file says; false when there is none. */
bool cyc_data_last_row(const char *path, uint64_t *row_count, int64_t *t_ns);
bool cyc_data_tail(const char *path, struct cyc_run_tail *tail);

/* ---- A step as text (step_text.c) ------------------------------------------------------------ */

/* The same fields in the same order as cyc_run_step_text(), as bytes: quick to make and compare,
 * of use within one process only. */
void cyc_step_bytes(const struct cyc_step *step, struct cyc_text *bytes);

/* ---- Journal (journal*.c) -------------------------------------------------------------------- */

enum cyc_statement {
    CYC_STATEMENT_BEGIN,
    CYC_STATEMENT_COMMIT,
    CYC_STATEMENT_DEFINITION,
    CYC_STATEMENT_STEP,
    CYC_STATEMENT_STEP_VALUE,
    CYC_STATEMENT_CYCLE,
    CYC_STATEMENT_EVENT,
    CYC_STATEMENT_EXPECTATION,
    CYC_STATEMENT_MARK,
    CYC_STATEMENT_GAP,
    CYC_STATEMENT_ENDING,
    CYC_STATEMENT_ANCHOR,
    CYC_STATEMENT_END,
    CYC_STATEMENT_COUNT
};

struct cyc_definition {
    int64_t id;            /* 0: free slot */
    struct cyc_text bytes; /* owned; see cyc_step_bytes() */
};

struct cyc_journal {
    sqlite3 *db; /* owned; NULL: closed */
    char path[CYC_PATH_SIZE];
    char boot_id[40];
    sqlite3_stmt *statements[CYC_STATEMENT_COUNT]; /* owned, prepared when first used */
    struct cyc_definition definitions[CYC_DEFINITIONS_MAX];
    unsigned next_slot; /* to be overwritten next */
    struct cyc_text scratch;
    bool open_step; /* begun, not ended, not written yet */
    struct cyc_result begun;
    int64_t begun_definition;
    uint8_t begun_slopes;
    uint32_t begun_cycle;
    bool begun_in_cycle;
    struct { /* for the next mark */
        struct cyc_text core, host;
        uint64_t epoch, reading_number;
    } state;
    bool awaits_state; /* gone on with: until there is a new state, the mark and its state stay */
};

/* Values of a prepared statement in order, to and from. */
struct cyc_bind {
    sqlite3_stmt *statement;
    int column;
    int status; /* the first failure */
};
void cyc_bind_integer(struct cyc_bind *bind, int64_t value);
void cyc_bind_real(struct cyc_bind *bind, double value);     /* NaN becomes NULL */
void cyc_bind_text(struct cyc_bind *bind, const char *text); /* NULL becomes NULL */

struct cyc_columns {
    sqlite3_stmt *statement;
    int column;
};
int64_t cyc_column_integer(struct cyc_columns *columns);
double cyc_column_real(struct cyc_columns *columns);      /* NULL becomes NaN */
const char *cyc_column_text(struct cyc_columns *columns); /* "" for NULL; until the next step */

int cyc_journal_create(struct cyc_journal *journal, const char *folder, bool sync,
                       struct cyc_err *err);
/* The journal of a run that was cut short; always with syncs. */
int cyc_journal_reopen(struct cyc_journal *journal, const char *folder, struct cyc_err *err);
/* Gives back statements and pages until they are needed again; without effect while something waits
 * for the next commit. */
void cyc_journal_rest(struct cyc_journal *journal);
void cyc_boot_id(char boot_id[40]); /* of the running kernel; "" when it does not say */
int cyc_journal_run(struct cyc_journal *journal, const char *id, const char *data_file,
                    const struct cyc_run_identity *identity, struct cyc_err *err);
int cyc_journal_file(struct cyc_journal *journal, const struct cyc_run_file *file,
                     const char *stored, struct cyc_err *err);
int cyc_journal_step_begin(struct cyc_journal *journal, const struct cyc_step *step,
                           uint32_t step_count, int64_t t_ns, struct cyc_err *err);
int cyc_journal_step_end(struct cyc_journal *journal, const struct cyc_step *step,
                         const struct cyc_result *result, struct cyc_err *err);
int cyc_journal_cycle(struct cyc_journal *journal, const struct cyc_cycle *cycle,
                      struct cyc_err *err);
int cyc_journal_event(struct cyc_journal *journal, int64_t t_ns, const char *who, const char *what,
                      const char *why, struct cyc_err *err);
int cyc_journal_expectation(struct cyc_journal *journal, const char *name, const char *unit,
                            double value, double is, double tolerance, const char *source,
                            struct cyc_err *err);
int cyc_journal_anchor(struct cyc_journal *journal, int64_t unix_ns, struct cyc_err *err);
int cyc_journal_gap(struct cyc_journal *journal, const struct cyc_gap *gap, struct cyc_err *err);
int cyc_journal_ending(struct cyc_journal *journal, uint32_t step_count, const char *text,
                       struct cyc_err *err);
int cyc_journal_state(struct cyc_journal *journal, const struct cyc_run_state *state,
                      struct cyc_err *err);
int cyc_journal_end(struct cyc_journal *journal, const char *end, const char *why, int64_t t_ns,
                    struct cyc_err *err);
/* Overwrites the mark and commits what was written since the commit before. */
int cyc_journal_commit(struct cyc_journal *journal, const struct cyc_data *data,
                       struct cyc_err *err);
/* `finished`: leaves one self-contained file, without a write-ahead log beside it. */
void cyc_journal_close(struct cyc_journal *journal, bool finished);

/* Makes a statement ready for its values; the first time it is used also for all times. */
int cyc_journal_prepare(struct cyc_journal *journal, enum cyc_statement which,
                        struct cyc_bind *bind, struct cyc_err *err);
/* The same within the transaction that the next commit ends. */
int cyc_journal_begin(struct cyc_journal *journal, enum cyc_statement which, struct cyc_bind *bind,
                      struct cyc_err *err);
int cyc_journal_execute(struct cyc_journal *journal, const struct cyc_bind *bind,
                        struct cyc_err *err);
int64_t cyc_wall_ns(void); /* Unix time of the machine */

/* Opens for reading. *db is NULL and CYC_OK returned when the run had not begun to exist. */
int cyc_journal_open_read(const char *folder, sqlite3 **db, struct cyc_err *err);
/* An error text for a failed SQLite call, by what the keeper of the machine can do about it. */
int cyc_journal_failed(struct cyc_err *err, sqlite3 *db, const char *what, const char *path);

/* ---- Sidecar (sidecar.c) --------------------------------------------------------------------- */

/* Writes the metadata beside each part of the data, from what the journal says. */
int cyc_sidecar_write(sqlite3 *db, const struct cyc_data *data, struct cyc_err *err);

/* ---- The run (run.c) ------------------------------------------------------------------------- */

struct cyc_run {
    char id[CYC_RUN_ID_SIZE];
    char folder[CYC_PATH_SIZE];
    char data_path[CYC_PATH_SIZE]; /* of the first part */
    int folder_fd;                 /* locked as long as the writer lives */
    struct cyc_data data;
    struct cyc_journal journal;
};
/* Takes the lock of run->folder; CYC_E_FILE when another writer has it. */
int cyc_run_lock(struct cyc_run *run, struct cyc_err *err);
/* cyc_run_create() with another size for one part of the data, for tests. */
int cyc_run_create_sized(const char *runs_dir, const struct cyc_run_identity *identity,
                         uint64_t part_size_max, struct cyc_run **run, struct cyc_err *err);

#endif
