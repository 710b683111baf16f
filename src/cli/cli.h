/* The command line: one file per verb, and what they share. The only folder that prints and
 * exits. Results go to stdout, everything else to stderr.
 */
#ifndef CYC_CLI_CLI_H
#define CYC_CLI_CLI_H

#include "base/diag.h"
#include "base/text.h"
#include "device/rig.h"
#include "run/run.h"

#include <getopt.h>
#include <stdio.h>

/* Exit codes; documented in --help and README.md. */
enum cyc_exit {
    CYC_EXIT_OK = 0,
    CYC_EXIT_MISTAKE = 1,      /* mistakes in a protocol, cell or rig file: nothing was started */
    CYC_EXIT_USAGE = 2,        /* the command line is wrong */
    CYC_EXIT_FAULT = 3,        /* the run ended in a fault: a limit or a bound was reached */
    CYC_EXIT_HOST = 4,         /* files, disk, memory, ports and instruments */
    CYC_EXIT_FAILED = 5,       /* the run ended failed: the protocol's own verdict on the cell */
    CYC_EXIT_INTERRUPTED = 130 /* Ctrl-C */
};

/* ---- Verbs: argv[0] is the verb; the exit code is returned --------------------------------------
 */

int cyc_cli_check(int argc, char **argv);
int cyc_cli_dry_run(int argc, char **argv);
int cyc_cli_runs(int argc, char **argv);
int cyc_cli_show(int argc, char **argv);
int cyc_cli_cycles(int argc, char **argv);
int cyc_cli_cells(int argc, char **argv);
int cyc_cli_schema(int argc, char **argv);
int cyc_cli_ports(int argc, char **argv);
int cyc_cli_emulate(int argc, char **argv);
int cyc_cli_rig(int argc, char **argv);
int cyc_cli_identify(int argc, char **argv);
int cyc_cli_measure(int argc, char **argv);
int cyc_cli_safe(int argc, char **argv);
int cyc_cli_rearm(int argc, char **argv);
int cyc_cli_proof(int argc, char **argv);
int cyc_cli_shutdown(int argc, char **argv);
int cyc_cli_run(int argc, char **argv);
int cyc_cli_attach(int argc, char **argv);
int cyc_cli_status(int argc, char **argv);
int cyc_cli_pause(int argc, char **argv);
int cyc_cli_resume(int argc, char **argv);
int cyc_cli_skip(int argc, char **argv);
int cyc_cli_stop(int argc, char **argv);
int cyc_cli_restart(int argc, char **argv);
int cyc_cli_replay(int argc, char **argv);
int cyc_cli_daemon(int argc, char **argv);    /* hidden */
int cyc_cli_port(int argc, char **argv);      /* hidden */
int cyc_cli_supervise(int argc, char **argv); /* hidden */
int cyc_cli_source(int argc, char **argv);    /* hidden */

/* ---- Options (options.c) ------------------------------------------------------------------------
 */

#define CYC_OPTION_HELP 'h'

/* getopt_long() without its own messages. Unknown options, missing and superfluous values are
 * answered here, with the nearest option; then, and after --help was printed, *exit_code is set
 * and -1 returned. -1 with *exit_code < 0: no more options. */
int cyc_cli_option(int argc, char **argv, const struct option *options, const char *help,
                   int *exit_code);
/* Prints "cyclostat VERB: message" and where help is; returns CYC_EXIT_USAGE. */
int cyc_cli_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "cyclostat: message", and the exit code that fits the status. */
int cyc_cli_error(const struct cyc_err *err);
/* A time such as "1 s", "10ms", "3 d" in an option; CYC_EXIT_USAGE after a message, else 0. */
int cyc_cli_time(const char *verb, const char *option, const char *word, int64_t *t_ns);
/* The command as it was typed, for the record. */
void cyc_cli_command(int argc, char **argv, struct cyc_text *command);
/* The folder of the runs: the word of --runs, else $CYCLOSTAT_RUNS, else "runs". */
const char *cyc_cli_runs_dir(const char *word);

/* ---- Terminal and tables (term.c, table.c) ------------------------------------------------------
 */

/* Colours: only on a terminal, not with NO_COLOR or TERM=dumb. */
bool cyc_cli_colour(FILE *stream);
bool cyc_cli_is_terminal(FILE *stream);
unsigned cyc_cli_width(FILE *stream);                  /* columns; 80 when unknown */
void cyc_cli_put(FILE *stream, struct cyc_text *text); /* writes and clears */
/* Appends with fixed decimals; "-" for NaN. */
void cyc_cli_fixed(struct cyc_text *text, double value, int decimals);

#define CYC_TABLE_COLUMNS_MAX 16

/* A table for people: widths fit the contents, numbers stand to the right. */
struct cyc_table {
    struct cyc_text cells; /* all cells, each terminated */
    size_t column_count, cell_count;
    size_t widths[CYC_TABLE_COLUMNS_MAX];
    bool right[CYC_TABLE_COLUMNS_MAX];
};
/* Names of the columns, ended by NULL; a name that begins with '>' stands to the right. */
void cyc_table_init(struct cyc_table *table, const char *const *columns);
void cyc_table_cell(struct cyc_table *table, const char *text); /* row by row */
void cyc_table_number(struct cyc_table *table, double value, int decimals);
void cyc_table_brief(struct cyc_table *table, double value, int digits);
/* For stdout: on a terminal the head stands out and lines are cut to its width. */
void cyc_table_print(struct cyc_table *table, struct cyc_text *out);
void cyc_table_release(struct cyc_table *table);

/* ---- Protocols and cells (load.c, share.c)
 * ------------------------------------------------------- */

#define CYC_SETTINGS_MAX 64

/* What check and dry-run need of the command line. */
struct cyc_cli_protocol {
    const char *path;
    const char *cell; /* word of --cell, NULL: none */
    struct cyc_setting settings[CYC_SETTINGS_MAX];
    unsigned setting_count;
    const struct cyc_sensors *sensors; /* of the channel it is to run on; NULL: none known */
    double voltage_resolution_V, current_resolution_A; /* of its cycler; 0: not known */
    /* Filled by cyc_cli_load(): */
    struct cyc_diags diags;
    struct cyc_protocol *protocol; /* owned */
    struct cyc_cell_file *file;    /* owned; NULL without --cell */
};

/* The one protocol that is named behind the options; -1, or an exit code after a message. */
int cyc_cli_protocol_path(int argc, char **argv, struct cyc_cli_protocol *loaded);
/* One `--set name=value` (borrowed, and cut at the '='); CYC_EXIT_USAGE after a message. */
int cyc_cli_setting(struct cyc_cli_protocol *loaded, const char *verb, char *word);
/* Loads cell and protocol; mistakes are in the diagnostics. Returns an exit code. */
int cyc_cli_load(struct cyc_cli_protocol *loaded, struct cyc_err *err);
/* The simulated cell: the one asked for, else the shipped one that fits the protocol. */
int cyc_cli_simulated_cell(struct cyc_cli_protocol *loaded, struct cyc_cell_spec *spec,
                           struct cyc_err *err);
void cyc_cli_release(struct cyc_cli_protocol *loaded);
/* Prints the diagnostics to stderr. */
void cyc_cli_print_diags(struct cyc_diags *diags);
/* Where mistakes keep a run from starting: prints how many there are, or, without any, the error.
 * An exit code. */
int cyc_cli_refused(const struct cyc_diags *diags, const struct cyc_err *err);

/* A shipped cell by name, or a path, to the path of its file; CYC_E_FILE names the nearest. */
int cyc_cli_cell_path(const char *word, char *path, size_t size, struct cyc_err *err);
/* The folder of the shipped cells; CYC_E_FILE when there is none. */
int cyc_cli_cells_dir(char *path, size_t size, struct cyc_err *err);
/* The folder of the shipped drivers; CYC_E_FILE when there is none. */
int cyc_cli_drivers_dir(char *path, size_t size, struct cyc_err *err);
/* Names of the shipped cells (files without ".yaml"), sorted, at most `max`; owned by the arena. */
int cyc_cli_cell_names(struct cyc_arena *arena, const char **names, size_t max, size_t *count,
                       struct cyc_err *err);

/* ---- Rigs (load_rig.c) --------------------------------------------------------------------------
 */

struct cyc_cli_rig {
    struct cyc_registry *registry; /* owned */
    struct cyc_diags diags;
    struct cyc_rig *rig; /* owned */
};
/* All drivers: built in, shipped, and those in the folder $CYCLOSTAT_DRIVERS. */
int cyc_cli_registry(struct cyc_registry **registry, struct cyc_err *err);
/* Reads and checks a rig file; mistakes are in the diagnostics. Touches no port. Release it in any
 * case. */
int cyc_cli_rig_load(const char *path, struct cyc_cli_rig *loaded, struct cyc_err *err);
/* Loads, prints the diagnostics and what else went wrong. Returns an exit code. */
int cyc_cli_rig_open(const char *path, struct cyc_cli_rig *loaded);
void cyc_cli_rig_release(struct cyc_cli_rig *loaded);
/* The one rig file that is named behind the options, else $CYCLOSTAT_RIG; NULL after a message. */
const char *cyc_cli_rig_path(const char *verb, int argc, char **argv);
/* The channel by its name, or the only one there is (name NULL). Returns an exit code. */
int cyc_cli_rig_channel(const char *verb, const struct cyc_rig *rig, const char *name,
                        int *channel);

/* ---- Runs (find_run.c)
 * ---------------------------------------------------------------------------- */

/* The run that the one argument names, "last" without one. Returns an exit code. */
int cyc_cli_find_run(int argc, char **argv, const char *runs, struct cyc_run_info *info);
void cyc_cli_run_json(struct cyc_json *json, const struct cyc_run_info *info);

/* ---- Words for both forms of output (words.c)
 * ----------------------------------------------------- */

/* "1 cycle, 3 steps, 30 rows". */
void cyc_cli_counts(struct cyc_text *text, uint64_t cycles, uint64_t steps, uint64_t rows);
/* One cycle as a JSON object; capacities per gram where the mass is known. */
void cyc_cli_cycle_json(struct cyc_json *json, const struct cyc_cycle *cycle, double mass_g);
/* The table of cycles: its columns, and one row. Returns the unit of its capacities. */
const char *cyc_cli_cycle_columns(struct cyc_table *table, double mass_g, double one_c_A);
void cyc_cli_cycle_row(struct cyc_table *table, const struct cyc_cycle *cycle, double mass_g,
                       double one_c_A);
/* Expectations: the paper's value beside the model's. */
void cyc_cli_expectation_columns(struct cyc_table *table);
void cyc_cli_expectation_row(struct cyc_table *table, const struct cyc_expectation *row);
void cyc_cli_expectation_json(struct cyc_json *json, const struct cyc_expectation *row);
/* Members of a step's result, into an open object. */
void cyc_cli_result_json(struct cyc_json *json, const struct cyc_result *result);
/* Seconds with at most milliseconds: "12", "3600.25". */
const char *cyc_cli_exact_duration(char buffer[CYC_NUMBER_SIZE], int64_t duration_ns);
/* To so many digits, for a look: 3.6123456 -> 3.6123. */
double cyc_cli_rounded(double value, int digits);
void cyc_cli_key_string(struct cyc_json *json, const char *key, const char *value);
void cyc_cli_key_number(struct cyc_json *json, const char *key, double value);
void cyc_cli_key_integer(struct cyc_json *json, const char *key, int64_t value);

#endif
