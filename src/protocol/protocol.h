/* Protocols: from the text a scientist writes, YAML or Lua, to a source of steps.
 *
 *   file ──► tree (positions) ──► plan ──► source: next(result) → step | note | cycle | end
 *   Lua  ──► sandbox ─────────────────────┘
 *
 * cyc_protocol_load() reads, checks and compiles; all mistakes go to the diagnostics with their
 * place. The compiled protocol is immutable; any number of sources can be opened on it.
 * Steps leave a source resolved to numbers through the cell.
 */
#ifndef CYC_PROTOCOL_PROTOCOL_H
#define CYC_PROTOCOL_PROTOCOL_H

#include "base/diag.h"
#include "base/quantity.h"
#include "core/core.h"

/* Named sensors of a cell's channel; the place in the list is that in sample.aux. */
struct cyc_sensor {
    char name[64];
    enum cyc_kind kind;
};
struct cyc_sensors {
    unsigned count;
    struct cyc_sensor items[CYC_AUX_MAX];
};

/* What a protocol has to know of the cell under test. */
struct cyc_cell_facts {
    char name[64];
    struct cyc_cell_basis basis;
    char reference[64];      /* reference electrode of the cell's voltages; "": none (full cell) */
    bool electrode_negative; /* the active electrode is the negative one: coulombic efficiency */
    /* Offsets of further electrodes against Li/Li+, V (beside In/Li-In and LTO). */
    struct {
        char name[64];
        double offset_V;
    } references[8];
    unsigned reference_count;
    struct cyc_sensors sensors;
    double voltage_resolution_V; /* of the instrument, for slopes; dry run: 0.1 mV */
    double current_resolution_A;
    double temperature_resolution_K;
};
void cyc_cell_facts_init(struct cyc_cell_facts *facts);

/* One `--set name=value`. */
struct cyc_setting {
    const char *name;
    const char *value;
};

struct cyc_protocol_options {
    const char *path;                  /* file; "-" is refused */
    const struct cyc_cell_facts *cell; /* overrides the protocol's own `cell`; NULL: none */
    /* Those of the channel it is to run on, in place of what cell and protocol say of them; NULL:
     * no channel is known. */
    const struct cyc_sensors *sensors;
    /* What its instruments resolve, in place of the cell's; 0: not known. */
    double voltage_resolution_V, current_resolution_A, temperature_resolution_K;
    const struct cyc_setting *settings;
    unsigned setting_count;
};

struct cyc_protocol;

/* Reads, checks and compiles. CYC_E_INPUT: there are errors in diags (which may also hold warnings
 * when it succeeds). A Lua protocol is also run against a mock that ends every step at its first
 * cutoff, at most 10,000 steps. */
int cyc_protocol_load(const struct cyc_protocol_options *options, struct cyc_diags *diags,
                      struct cyc_protocol **protocol, struct cyc_err *err);
void cyc_protocol_free(struct cyc_protocol *protocol);

/* The first step that asks for something that not every instrument can do. */
struct cyc_demand {
    uint32_t step;          /* its number; 0: none does */
    char name[CYC_ID_SIZE]; /* its id, or "" */
    struct cyc_pos pos;
};

/* What the whole asks of a channel. NaN: nothing asked. */
struct cyc_demands {
    double voltage_min_V, voltage_max_V;
    double current_min_A, current_max_A; /* signed */
    double power_max_W;
    double temperature_min_degC, temperature_max_degC;
    double pressure_min_Pa, pressure_max_Pa;
    int64_t fastest_sample_ns;
    struct cyc_demand impedance, power, load, ramp; /* ramp: of the temperature */
};
/* "step 3 'up' (line 12)", as far as it is known. */
const char *cyc_demand_text(const struct cyc_demand *demand, char *buffer, size_t size);

const char *cyc_protocol_name(const struct cyc_protocol *protocol);
const char *cyc_protocol_source_text(const struct cyc_protocol *protocol); /* `source:` or "" */
bool cyc_protocol_is_script(const struct cyc_protocol *protocol);
const struct cyc_cell_facts *cyc_protocol_cell(const struct cyc_protocol *protocol); /* in force */
const struct cyc_demands *cyc_protocol_demands(const struct cyc_protocol *protocol);
/* The plan for people: each step with its numbers in A and V, its bounds, blocks indented; then
 * the demands. And the same as JSON. */
void cyc_protocol_print(const struct cyc_protocol *protocol, struct cyc_text *out);
void cyc_protocol_json(const struct cyc_protocol *protocol, struct cyc_json *json);
/* Every file that was read (protocol, includes, profiles), for pinning and copying into the run. */
struct cyc_protocol_file {
    const char *name; /* relative to the protocol's folder */
    const char *text;
    size_t size;
    char sha256[65];
};
unsigned cyc_protocol_files(const struct cyc_protocol *protocol,
                            const struct cyc_protocol_file **files);

/* ---- Sources ------------------------------------------------------------------------------------
 */

enum cyc_item_kind {
    CYC_ITEM_STEP,  /* item.step */
    CYC_ITEM_NOTE,  /* item.text for the event log; ask for the next item at once */
    CYC_ITEM_CYCLE, /* item.cycle has ended; ask for the next item at once */
    CYC_ITEM_END    /* item.finish, item.text says why */
};

struct cyc_item {
    enum cyc_item_kind kind;
    const struct cyc_step *step; /* borrowed until the next call */
    const char *text;            /* borrowed until the next call; question of an ASK step */
    struct cyc_cycle cycle;
    enum cyc_finish finish;
};

struct cyc_source;
int cyc_source_open(const struct cyc_protocol *protocol, struct cyc_source **source,
                    struct cyc_err *err);
/* The next item; `result` is that of the last step (NULL before the first and after a note or
 * cycle). After a fault the host does not call it again. Errors: CYC_E_INPUT (an expression that
 * came out wrong, with the place), CYC_E_PROGRESS, CYC_E_SCRIPT, CYC_E_BUDGET. */
int cyc_source_next(struct cyc_source *source, const struct cyc_result *result,
                    struct cyc_item *item, struct cyc_err *err);
/* After END, the steps of `finally` come from cyc_source_next() as well, before END is given. */
void cyc_source_close(struct cyc_source *source);

/* An `expect` row evaluated on what the run came to; borrowed until the source is closed. */
struct cyc_expectation {
    const char *name;   /* the expression, as written */
    const char *unit;   /* unit of both values, as written */
    double value;       /* in that unit; NaN: not reached */
    double is;          /* what the protocol says is known */
    double tolerance;   /* `within`; NaN: not stated */
    const char *source; /* where it is known from */
};
unsigned cyc_source_expectations(struct cyc_source *source, const struct cyc_expectation **rows);

/* How far along, for progress bars: cycles and steps of the plan in all (0: unknown). */
struct cyc_source_progress {
    uint32_t cycle, cycle_count;
};
void cyc_source_progress(const struct cyc_source *source, struct cyc_source_progress *progress);

/* The JSON Schema (draft-07) of the YAML form, from the same table as the parser. */
void cyc_protocol_schema(struct cyc_text *out);

/* ---- Cell files (protocols/cells/, any .yaml) ------------------------------------------------ */

/* A cell file: facts for the protocol, model and parameters for a simulated cell, still by name. */
struct cyc_cell_file {
    struct cyc_cell_facts facts;
    char title[128];
    char source[256];
    char model[16];
    double capacity_Ah, initial_soc, temperature_degC, pressure_Pa; /* NaN: not stated */
    uint64_t seed;
    unsigned ocv_count;
    double ocv_soc[512], ocv_V[512];
    unsigned rc_count;
    double rc_ohm[8], rc_tau_s[8];
    unsigned parameter_count;
    struct {
        char name[24];
        double value;
        struct cyc_pos pos;
    } parameters[96];
};
int cyc_cell_file_load(const char *path, struct cyc_diags *diags, struct cyc_cell_file *file,
                       struct cyc_err *err);

#endif
