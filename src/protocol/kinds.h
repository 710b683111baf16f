/* The algebra of kinds: what comes of adding, multiplying and comparing quantities. Used by the
 * expression language and by the values of Lua protocols, so that both agree.
 *
 * Kinds are vectors of exponents over V, A, s, K, Pa, g, cm2 with the factors that Ah, Wh and N
 * bring: charge / charge is a number, energy / charge a voltage, current * time a charge. degC is a
 * point on a scale and K a distance: degC - degC is K, degC + K is degC, nothing else is allowed.
 */
#ifndef CYC_PROTOCOL_KINDS_H
#define CYC_PROTOCOL_KINDS_H

#include "base/quantity.h"
#include "core/types.h"

struct cyc_dim {
    enum cyc_kind kind;
    bool ratio; /* a NUMBER that is a quotient: it may be compared with a percentage, too */
};

/* What is wrong and what would be right; fixed buffers, filled on failure only. */
struct cyc_kind_fault {
    char message[200];
    char hint[200];
};

/* The kind of `a code b`; the value is (a code b) * *factor. False: it has none. Codes: ADD SUB MUL
 * DIV MOD MIN MAX, comparisons, AND, OR. */
bool cyc_kinds_combine(enum cyc_op_code code, struct cyc_dim a, struct cyc_dim b,
                       struct cyc_dim *result, double *factor, struct cyc_kind_fault *fault);
/* The kind of `code a`: NEG ABS FLOOR NOT. */
bool cyc_kinds_unary(enum cyc_op_code code, struct cyc_dim a, struct cyc_dim *result,
                     struct cyc_kind_fault *fault);
/* "a voltage", "a bare number": for messages. */
const char *cyc_kind_phrase(enum cyc_kind kind);

#endif
