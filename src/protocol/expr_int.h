/* Inside of the expression language: the typed tree and what its files share. */
#ifndef CYC_PROTOCOL_EXPR_INT_H
#define CYC_PROTOCOL_EXPR_INT_H

#include "protocol/expr.h"
#include "protocol/kinds.h"

#define CYC_EXPR_NODES_MAX 320 /* of one text; also bounds every recursion over the tree */
#define CYC_EXPR_NESTING_MAX 32 /* parentheses, calls and signs inside one another */

enum cyc_expr_type {
    CYC_EXPR_CONSTANT,
    CYC_EXPR_C_RATE,   /* a literal against 1C; `value` as read, `c_rate_per_h` to read it anew */
    CYC_EXPR_SIGNAL,   /* op: read at each sample */
    CYC_EXPR_SLOPE,    /* op.signal: of what */
    CYC_EXPR_SOC,
    CYC_EXPR_VARIABLE,
    CYC_EXPR_REFERENCE,
    CYC_EXPR_UNARY,    /* code a */
    CYC_EXPR_BINARY    /* (a code b) * factor */
};

/* How a voltage stands to a reference electrode. */
enum cyc_anchor {
    CYC_ANCHOR_FREE,  /* a literal without `vs`, or no voltage at all */
    CYC_ANCHOR_POINT, /* a potential: measured, or a literal with `vs` */
    CYC_ANCHOR_DISTANCE /* between two potentials */
};

struct cyc_expr {
    enum cyc_expr_type type;
    struct cyc_dim dim;
    enum cyc_anchor anchor;
    struct cyc_pos pos;
    enum cyc_op_code code;
    const struct cyc_expr *a, *b;
    double value;
    double c_rate_per_h;
    double factor;
    struct cyc_op op;
    struct cyc_ref ref;
    int variable;
    bool present;  /* a signal is read somewhere below */
    bool history;  /* a variable, result or C-rate is read somewhere below */
    bool named;    /* a literal below says `vs` */
    bool bare;     /* a potential below is a literal without `vs` */
    uint16_t depth; /* values on the stack while it is computed */
};

/* A word of the table of names. */
struct cyc_expr_name {
    const char *word;
    enum cyc_field field;
    uint8_t signal; /* CYC_SIGNAL_COUNT: no signal */
    enum cyc_kind kind;
    uint8_t where; /* bits below */
};
enum {
    CYC_NAME_NOW = 1u << 0,   /* voltage, soc: of the present */
    CYC_NAME_SUM = 1u << 1,   /* also as block., cycle., test. */
    CYC_NAME_STEP = 1u << 2,  /* since the step began */
    CYC_NAME_RESULT = 1u << 3, /* field of a step's result */
    CYC_NAME_CYCLE = 1u << 4  /* field of a cycle */
};

/* The row of a word among those with one of the bits, or NULL. */
const struct cyc_expr_name *cyc_expr_name(const char *word, size_t size, unsigned where);
/* The nearest such word, or NULL. */
const char *cyc_expr_nearest(const char *word, size_t size, unsigned where);

/* ---- Tokens -------------------------------------------------------------------------------------- */

enum cyc_token_type {
    CYC_TOKEN_END,
    CYC_TOKEN_QUANTITY,
    CYC_TOKEN_WORD,   /* also dV/dt */
    CYC_TOKEN_STRING, /* without its quotes */
    CYC_TOKEN_OPERATOR
};

struct cyc_token {
    enum cyc_token_type type;
    const char *text;
    size_t size;
    struct cyc_quantity quantity;
};

struct cyc_expr_parser {
    const char *text;
    size_t size;
    size_t at; /* first byte behind `token` */
    struct cyc_token token;
    struct cyc_pos pos;
    const struct cyc_expr_scope *scope;
    struct cyc_arena *arena;
    struct cyc_diags *diags;
    unsigned nesting;
    unsigned nodes;
    bool failed;
};

void cyc_expr_advance(struct cyc_expr_parser *parser);
bool cyc_expr_is(const struct cyc_expr_parser *parser, const char *word);
/* The place of `size` bytes from `at`. */
struct cyc_pos cyc_expr_place(const struct cyc_expr_parser *parser, const char *at, size_t size);
/* Notes the one mistake that is reported; always NULL. `hint` may be NULL. */
struct cyc_expr *cyc_expr_refuse(struct cyc_expr_parser *parser, struct cyc_pos pos,
                                 const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A zeroed node, counted; NULL (refused) when there are too many. */
struct cyc_expr *cyc_expr_node(struct cyc_expr_parser *parser, enum cyc_expr_type type,
                               enum cyc_kind kind, struct cyc_pos pos);
/* From a word on: a name of the present, a result, a cycle, a variable, a sensor. */
struct cyc_expr *cyc_expr_parse_name(struct cyc_expr_parser *parser);
/* A whole expression down to `or`; for indices and parentheses. */
struct cyc_expr *cyc_expr_parse_any(struct cyc_expr_parser *parser);

/* slope * S + offset, where S is the one signal (or its magnitude) below an expression and all
 * else is constant in env. */
struct cyc_linear {
    double slope, offset;
    bool present;    /* false: constant, `offset` alone */
    bool magnitude;
    bool derivative; /* S is the slope of op.signal */
    struct cyc_op op;
};
/* *fits: it has this form. */
int cyc_expr_linear(const struct cyc_expr *expr, const struct cyc_expr_env *env,
                    struct cyc_linear *linear, bool *fits, struct cyc_err *err);
/* As cyc_expr_value(), with NaN for a condition that is unknown. */
int cyc_expr_evaluate(const struct cyc_expr *expr, const struct cyc_expr_env *env, double *value,
                      struct cyc_err *err);
/* LT for GT and so on when the sides are exchanged; GE for LT and so on when it is negated. */
enum cyc_op_code cyc_expr_mirrored(enum cyc_op_code comparison);
enum cyc_op_code cyc_expr_negated(enum cyc_op_code comparison);

#endif
