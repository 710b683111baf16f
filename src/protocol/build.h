/* Reading nodes: what the parsers of headers, steps, cutoffs and rules share. Inside
 * src/protocol only.
 *
 * A struct cyc_build says where the reader stands: the cell in force, which names an expression may
 * use, how deep in blocks, in which file. Every function that returns bool returns false after it
 * has put a diagnostic; callers go on with the next key, so that all mistakes come out at once.
 */
#ifndef CYC_PROTOCOL_BUILD_H
#define CYC_PROTOCOL_BUILD_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/tree.h"
#include "protocol/expr.h"
#include "protocol/protocol.h"
#include "protocol/schema.h"

#include <math.h>

#define CYC_PATH_DEPTH_MAX 32

/* A number: known now, or computed when its step starts. */
struct cyc_value {
    double value;                /* SI, through the cell; NaN: not stated, or computed */
    const struct cyc_expr *expr; /* NULL: constant */
};
#define CYC_VALUE_NONE ((struct cyc_value){NAN, NULL})
static inline bool cyc_value_stated(const struct cyc_value *value)
{
    return value->expr != NULL || !isnan(value->value);
}
/* The number, when `env` knows all it needs. An unstated value gives NaN. */
int cyc_value_get(const struct cyc_value *value, const struct cyc_expr_env *env, double *number,
                  struct cyc_err *err);

struct cyc_names;
struct cyc_files;
struct cyc_ids;

/* A reference in an expression; newest first. */
struct cyc_ref_note {
    const struct cyc_ref *ref;
    struct cyc_ref_note *next;
};

struct cyc_build {
    struct cyc_arena *arena;
    struct cyc_diags *diags;
    struct cyc_schema_index index;
    const struct cyc_cell_facts *cell;
    struct cyc_expr_scope scope; /* names for expressions, here and now */
    struct cyc_names *names;     /* variables of the plan; NULL for a script, which has its own */
    struct cyc_files *files;     /* reads includes and profiles */
    uint16_t file;               /* the file that the present node stands in */
    const char *folder;          /* of that file: paths in it are relative to here */
    const char *prefix;          /* before ids inside an include ("conditioning."), else "" */
    bool bare_voltage_refused;   /* the cell's reference is not the protocol's: `vs` is a must */
    bool one_c_guessed;          /* the warning that 1C is guessed was given */
    bool one_c_varies;           /* `let: {one_c: …}` occurs: C-rates stay relative */
    bool script;                 /* steps of a Lua protocol: no goto, no plan around */
    bool charge_bounded;         /* a block around ends steps by voltage, charge or energy */
    bool bounded;                /* a block around ends steps by current, time, charge, energy */
    bool current_seen;           /* a step before has passed a known current */
    bool full_capacity_seen;     /* soc has something to count against */
    double capacity_Ah;          /* for derived bounds: nominal, else 2 x 1C x 1 h; NaN: unknown */
    struct cyc_ids *ids;         /* for uniqueness; NULL: not asked (scripts) */
    struct cyc_ref_note *refs;   /* references to ids, to be looked up when all are known */
    uint32_t step_count;         /* steps numbered so far */
    uint32_t block_count;        /* blocks met so far */
    struct {
        const char *key; /* NULL: an index */
        unsigned index;
    } path[CYC_PATH_DEPTH_MAX];
    unsigned path_depth;
};

/* The charge that derived bounds are made from: nominal_capacity, else 2 x one_c x 1 h; NaN. */
double cyc_cell_bound_Ah(const struct cyc_cell_facts *cell);
/* What to subtract from a potential against `name` to have it against the cell's reference; the
 * context is the build. */
int cyc_build_reference_offset(void *context, const char *name, size_t size, double *offset_V,
                               struct cyc_err *err);
/* Index, scope and reference handling for this cell; the caller adds names, files, callbacks. */
void cyc_build_init(struct cyc_build *build, struct cyc_arena *arena, struct cyc_diags *diags,
                    const struct cyc_cell_facts *cell);
/* The cell in force has changed since: what follows from it is looked up again. */
void cyc_build_cell_known(struct cyc_build *build);
void cyc_build_enter(struct cyc_build *build, const char *key, unsigned index);
void cyc_build_leave(struct cyc_build *build);

/* An error at a place, with the path; never NULL. */
struct cyc_diag *cyc_build_error(struct cyc_build *build, struct cyc_pos pos, const char *format,
                                 ...) __attribute__((format(printf, 3, 4)));
/* A status and text of base or expr as a diagnostic at a node. */
void cyc_build_refuse(struct cyc_build *build, const struct cyc_node *node,
                      const struct cyc_err *err);

/* The children of a mapping by row of the schema; unknown, foreign and misplaced keys are
 * diagnosed. Each child is noted once. */
struct cyc_fields {
    bool sound; /* no unknown key beside them */
    const struct cyc_node *node[CYC_KEY_COUNT];
    const struct cyc_node *sensor[CYC_AUX_MAX]; /* in limits and record: of the cell's sensors */
};
bool cyc_build_fields(struct cyc_build *build, const struct cyc_node *mapping, unsigned place,
                      struct cyc_fields *fields);

/* A scalar that is not empty; type names what was expected ("a quantity"). */
bool cyc_build_scalar(struct cyc_build *build, const struct cyc_node *node, const char *what);
/* A quantity of a kind that the row allows, or "= …". *kind may be NULL. Absolute voltages (with
 * `vs`) come out against the cell's reference. */
bool cyc_build_value(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                     struct cyc_value *value, enum cyc_kind *kind);
/* The same where only a constant will do (header, cell files, record). */
bool cyc_build_constant(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                        double *value);
/* What stands under the name of a sensor: a value, or how far it moves. */
bool cyc_build_sensor_value(struct cyc_build *build, const struct cyc_node *node,
                            const struct cyc_sensor *sensor, bool difference,
                            struct cyc_value *value);
/* A bare number: a whole one of at least `low`, unless it is computed. */
bool cyc_build_count(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                     double low, struct cyc_value *value);
/* Any quantity, number or "= …", whatever its kind (parameters, let, each, with, bare cutoffs). */
bool cyc_build_any(struct cyc_build *build, const struct cyc_node *node, struct cyc_value *value,
                   enum cyc_kind *kind);
/* A condition. A leading "=" is allowed. */
const struct cyc_expr *cyc_build_condition(struct cyc_build *build, const struct cyc_node *node);
/* The whole text as an expression; skip: bytes before it ("=" and blanks). */
const struct cyc_expr *cyc_build_expr(struct cyc_build *build, const struct cyc_node *node,
                                      size_t skip);
bool cyc_build_yes_no(struct cyc_build *build, const struct cyc_node *node, bool *value);
/* Index into the row's choices. */
bool cyc_build_choice(struct cyc_build *build, const struct cyc_node *node, enum cyc_key key,
                      unsigned *choice);
bool cyc_build_text(struct cyc_build *build, const struct cyc_node *node, const char **text);
/* Words for expressions: a letter or _ first, no word of the language. */
bool cyc_build_word(struct cyc_build *build, const char *word, struct cyc_pos pos,
                    const char *what);
/* A sensor of the cell in force by name; the context is the build. */
bool cyc_build_sensor(void *context, const char *name, size_t size, int *index,
                      enum cyc_kind *kind);
/* An id, checked and copied, without the prefix. */
bool cyc_build_id(struct cyc_build *build, const struct cyc_node *node, const char **id);
/* True for the scalar `off`. */
bool cyc_node_is(const struct cyc_node *node, const char *word);
/* Calls fn for the node, or for each child if it is a list. False if one call was false. */
bool cyc_build_each(struct cyc_build *build, const struct cyc_node *node,
                    bool (*fn)(struct cyc_build *build, const struct cyc_node *item, void *context),
                    void *context);

#endif
