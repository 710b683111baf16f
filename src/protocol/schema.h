/* The schema table: every key of the YAML form, where it is allowed, what its value is, its
 * default and one sentence of help. The parser, the JSON Schema, the messages and the manual's
 * tables all come from it, so they cannot drift apart.
 */
#ifndef CYC_PROTOCOL_SCHEMA_H
#define CYC_PROTOCOL_SCHEMA_H

#include "base/quantity.h"
#include "protocol/schema_rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kinds of step, each named by its step key. */
enum cyc_step_kind {
    CYC_STEP_CHARGE,
    CYC_STEP_DISCHARGE,
    CYC_STEP_HOLD,
    CYC_STEP_REST,
    CYC_STEP_PULSE,
    CYC_STEP_SWEEP,
    CYC_STEP_PROFILE,
    CYC_STEP_IMPEDANCE,
    CYC_STEP_TEMPERATURE,
    CYC_STEP_PRESSURE,
    CYC_STEP_ASK,
    CYC_STEP_REPEAT, /* blocks: */
    CYC_STEP_CYCLES,
    CYC_STEP_EACH,
    CYC_STEP_INCLUDE,
    CYC_STEP_IF, /* flow: */
    CYC_STEP_LET,
    CYC_STEP_NOTE,
    CYC_STEP_GOTO,
    CYC_STEP_LEAVE,
    CYC_STEP_STOP,
    CYC_STEP_FAIL,
    CYC_STEP_SENTENCE, /* becomes one of the first four */
    CYC_STEP_KIND_COUNT
};

/* Mappings that have keys; the kinds of step come first, one each. */
enum cyc_place {
    CYC_PLACE_PROTOCOL = CYC_STEP_KIND_COUNT,
    CYC_PLACE_CELL,
    CYC_PLACE_LIMITS,
    CYC_PLACE_RECORD,
    CYC_PLACE_BURST,
    CYC_PLACE_EXPECT,
    CYC_PLACE_CUTOFF,
    CYC_PLACE_PULSE,
    CYC_PLACE_SWEEP,
    CYC_PLACE_IMPEDANCE,
    CYC_PLACE_CELL_FILE,
    CYC_PLACE_MODEL,
    CYC_PLACE_OCV,
    CYC_PLACE_RC,
    CYC_PLACE_NONE, /* the value is no mapping with fixed keys */
    CYC_PLACE_COUNT
};
#define CYC_AT(place) (UINT64_C(1) << (place)) /* bit of a place or kind of step */

enum cyc_schema_type {
    CYC_TYPE_TEXT,   /* any scalar; with choices: exactly these */
    CYC_TYPE_ID,     /* letters, digits, _ */
    CYC_TYPE_CHOICE, /* one of choices */
    CYC_TYPE_YES_NO,
    CYC_TYPE_NUMBER,          /* bare number or "= …" */
    CYC_TYPE_QUANTITY,        /* quantity of one of the kinds or "= …" */
    CYC_TYPE_QUANTITY_OR_OFF, /* the same or `off` */
    CYC_TYPE_QUANTITIES,      /* one or a list of them */
    CYC_TYPE_PAIR,            /* [low, high] or one that bounds both directions */
    CYC_TYPE_EXPRESSION,      /* any expression, quantities included */
    CYC_TYPE_CONDITION,       /* a condition; in cutoffs also a bare quantity */
    CYC_TYPE_CONDITIONS,      /* a list of them */
    CYC_TYPE_CUTOFF,          /* quantity, condition, mapping of place CUTOFF, or a list of these */
    CYC_TYPE_ACTION,          /* next, leave [id], goto <id>, pause, stop, fail */
    CYC_TYPE_MAPPING,         /* of place `inside` */
    CYC_TYPE_MAPPINGS,        /* one or a list of them (`off` allowed for burst) */
    CYC_TYPE_NAMES,           /* free names with values */
    CYC_TYPE_STEPS,           /* a list of steps */
    CYC_TYPE_FILE,            /* path relative to the file it stands in */
    CYC_TYPE_OCV              /* list of [number, voltage] or mapping of place OCV */
};

/* ---- the table; the macros below only serve its rows ------------------------------------------
 */

enum cyc_key {
#define CYC_KEY_ENUM(name, key, where, type, kinds, inside, choices, fallback, help) CYC_KEY_##name,
    CYC_SCHEMA_ROWS(CYC_KEY_ENUM)
#undef CYC_KEY_ENUM
        CYC_KEY_COUNT
};

struct cyc_schema_row {
    const char *key;
    uint64_t where; /* CYC_AT() of the places that may have it */
    enum cyc_schema_type type;
    bool step_key;  /* its presence says which kind of step it is */
    uint32_t kinds; /* bit per enum cyc_kind; 0: not a quantity */
    enum cyc_place inside;
    const char *choices;  /* "hold|continue|restart" or NULL */
    const char *fallback; /* as an author would write it; "(words)": computed; NULL: none */
    const char *help;     /* one sentence without a full stop */
};
extern const struct cyc_schema_row cyc_schema[CYC_KEY_COUNT];

/* "charge", "rest", … ; the `step` key for SENTENCE. */
const char *cyc_step_kind_name(enum cyc_step_kind kind);
/* "the protocol", "limits", "a charge step": for messages. */
const char *cyc_place_name(unsigned place);
bool cyc_step_kind_is_block(enum cyc_step_kind kind);      /* REPEAT … INCLUDE */
bool cyc_step_kind_is_electrical(enum cyc_step_kind kind); /* the executor runs it: … ASK */

/* Words of other tools → what to write here ("until" → "cutoff"); NULL: not known. */
const char *cyc_foreign_word(const char *word, size_t size);

/* Finds keys in constant time. Filled by cyc_schema_index_init(). */
struct cyc_schema_index {
    uint8_t slot[512]; /* row + 1; 0: empty */
};
void cyc_schema_index_init(struct cyc_schema_index *index);
/* A row that stands for the names of sensors; it is never found by its key. */
bool cyc_schema_is_sensor(const struct cyc_schema_row *row);
/* Whether a place may have them. */
bool cyc_schema_has_sensors(unsigned place);
/* The row with this key that a place may have, or -1. `place`: enum cyc_place or cyc_step_kind. */
int cyc_schema_find(const struct cyc_schema_index *index, const char *key, size_t size,
                    unsigned place);
/* The kind of step that this key makes, or -1. */
int cyc_schema_step_kind(const struct cyc_schema_index *index, const char *key, size_t size);

#endif
