/* Inside of the rig reader: the table of keys, and reading by it. Only rig*.c includes this. */
#ifndef CYC_DEVICE_RIG_INT_H
#define CYC_DEVICE_RIG_INT_H

#include "base/tree.h"
#include "device/rig.h"

/* Mappings that have keys. */
enum cyc_rig_place {
    CYC_RIG_FILE,
    CYC_RIG_PORT,
    CYC_RIG_INSTRUMENT,
    CYC_RIG_SENSOR,
    CYC_RIG_CHANNEL,
    CYC_RIG_LIMITS,
    CYC_RIG_CALIBRATIONS, /* of a channel: one for voltage, one for current */
    CYC_RIG_CALIBRATION,
    CYC_RIG_PLACE_COUNT
};

/* What a value is, and into what it is read. */
enum cyc_rig_type {
    CYC_RIG_TEXT,        /* char[size] */
    CYC_RIG_PATH,        /* char[size]; relative to the rig file */
    CYC_RIG_ADDRESS,     /* char[size] */
    CYC_RIG_DATE,        /* char[size], 2026-01-31 */
    CYC_RIG_WHOLE,       /* int */
    CYC_RIG_QUANTITY,    /* double, SI */
    CYC_RIG_TIME,        /* int64_t, ns */
    CYC_RIG_WINDOW,      /* double[2]: [low, high] */
    CYC_RIG_BOTH_WAYS,   /* double[2]: the same, or one value for both directions */
    CYC_RIG_CHOICE,      /* an enum: index of the word in choices */
    CYC_RIG_FLAG,        /* bool: set by the last of choices */
    CYC_RIG_PORT_NAME,   /* int: index */
    CYC_RIG_OUTPUT_NAME, /* int at offset, unsigned at offset2: an instrument and its output */
    CYC_RIG_SENSOR_NAME, /* int: index */
    CYC_RIG_SENSORS,     /* int[CYC_AUX_MAX] */
    CYC_RIG_MAPPING,     /* keys of place `inside`, read into what begins at offset */
    /* Read by code of their own: */
    CYC_RIG_VERSION,
    CYC_RIG_DRIVER,
    CYC_RIG_OPTIONS,
    CYC_RIG_MEASURED,
    CYC_RIG_OWN_CALIBRATION, /* of a sensor: its kind is known last */
    CYC_RIG_NAMES            /* free names, each with keys of place `inside` */
};

struct cyc_rig_row {
    enum cyc_rig_place where;
    const char *key;
    enum cyc_rig_type type;
    enum cyc_kind kind;        /* of quantities; TEXT: none; COUNT: of what is calibrated */
    double low, high;          /* SI; NaN: none */
    const char *choices;       /* "none|even|odd" or NULL */
    enum cyc_rig_place inside; /* MAPPING, NAMES */
    bool required;
    const char *fallback;         /* as an author writes it; "(words)": computed; NULL: none */
    const char *help;             /* one sentence without a full stop */
    size_t offset, offset2, size; /* in the structure of the place */
};
#define CYC_RIG_ROWS_MAX 64
extern const struct cyc_rig_row cyc_rig_rows[];
extern const unsigned cyc_rig_row_count;
const char *cyc_rig_place_name(enum cyc_rig_place place); /* "a port": for messages */

/* Where the reader stands. Functions that return bool return false after a diagnostic; callers go
 * on, so that all mistakes come out at once. */
struct cyc_rig_reader {
    struct cyc_rig *rig;
    struct cyc_registry *registry;
    struct cyc_diags *diags;
    char folder[1024];        /* of the rig file: relative paths begin here */
    enum cyc_kind calibrated; /* kind of the quantity whose calibration is read */
    const char *path[8];      /* keys down to here */
    unsigned path_depth;
};

void cyc_rig_enter(struct cyc_rig_reader *reader, const char *key);
void cyc_rig_leave(struct cyc_rig_reader *reader);
struct cyc_diag *cyc_rig_say(struct cyc_rig_reader *reader, enum cyc_severity severity,
                             struct cyc_pos pos, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A text of base, "what is wrong; what would be right", at a node. */
bool cyc_rig_refuse(struct cyc_rig_reader *reader, const struct cyc_node *node,
                    const struct cyc_err *err);
/* Reads the keys of a place into `target`; unknown, missing and ill-formed ones are diagnosed.
 * Types with code of their own are only looked up: cyc_rig_node(). */
bool cyc_rig_fields(struct cyc_rig_reader *reader, const struct cyc_node *mapping,
                    enum cyc_rig_place place, void *target);
bool cyc_rig_scalar(struct cyc_rig_reader *reader, const struct cyc_node *node, const char *what);
/* A name of a port, instrument, sensor or channel: letters, digits, _ and -. */
bool cyc_rig_name(struct cyc_rig_reader *reader, const struct cyc_node *node, char *name);
/* `name` or `name.2` to an instrument and its output (0-based). */
bool cyc_rig_output(struct cyc_rig_reader *reader, const struct cyc_node *node, int *instrument,
                    unsigned *output);
int cyc_rig_find_sensor(const struct cyc_rig *rig, const char *name, size_t size);

/* What only the whole rig shows: sharing, limits beyond the instruments, what is unused. */
void cyc_rig_check(struct cyc_rig_reader *reader);

#endif
