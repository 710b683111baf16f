/* From postfix operations to atoms.
 *
 * A condition arrives as postfix over numbers and signals: `abs(temperature - 30) <= 0.5` is
 * SIGNAL temperature, CONST 30, SUB, ABS, CONST 0.5, LE. Calculating that at each sample would be
 * slow, and a host that looks for crossings could not be told what to look for. So each condition
 * is walked once, when its step begins, with a stack of *forms* instead of values:
 *
 *     CONST      b
 *     LINEAR     a * x + b      one signal x, scaled and shifted
 *     MAGNITUDE  |a * x + b|
 *     OPAQUE     anything else: two signals, min, max, floor, mod, a product of signals
 *     TRUTH      the result of a comparison
 *
 * A comparison of a LINEAR or MAGNITUDE form with a number is solved for x and becomes an interval
 * of x: here 29.5 <= temperature <= 30.5. The interval's ends are what the executor tests and what
 * the host watches: the same doubles, so a crossing that the host finds is one that the test sees.
 * Any other comparison stays as its operations and is calculated (condition.c). AND, OR and NOT
 * become one-byte codes over atoms.
 *
 * Times are intervals of integer nanoseconds: `time >= 1.8` means 1,800,000,000 ns, not the double
 * next to it.
 */
#include "core/core_int.h"

enum form_kind { FORM_CONST, FORM_LINEAR, FORM_MAGNITUDE, FORM_OPAQUE, FORM_TRUTH };

struct form {
    enum form_kind kind;
    struct cyc_op signal; /* of LINEAR and MAGNITUDE */
    double a;
    double b;
    uint16_t first; /* operation where it begins */
};

struct compiler {
    struct cyc_core *core;
    const struct cyc_step *step;
    struct form stack[CYC_STACK_MAX];
    unsigned depth;
};

static bool signal_is_valid(const struct cyc_step *step, const struct cyc_op *op)
{
    if (op->signal >= CYC_SIGNAL_COUNT || op->scope >= CYC_SCOPES_MAX) {
        return false;
    }
    if (op->signal == CYC_SIGNAL_AUX) {
        return op->index < CYC_AUX_MAX;
    }
    if (op->signal == CYC_SIGNAL_SLOPE) {
        return op->index < step->slope_count;
    }
    return op->scope == CYC_SCOPE_STEP || op->signal == CYC_SIGNAL_TIME ||
           op->signal > CYC_SIGNAL_HOLD_TIME;
}

static bool same_signal(const struct form *x, const struct form *y)
{
    return x->signal.signal == y->signal.signal && x->signal.scope == y->signal.scope &&
           x->signal.index == y->signal.index;
}

/* x + sign * y into x, where that has a form. */
static void combine_sum(struct form *x, const struct form *y, double sign)
{
    if (x->kind == FORM_CONST && y->kind == FORM_LINEAR) {
        x->kind = FORM_LINEAR;
        x->signal = y->signal;
        x->a = sign * y->a;
    } else if (x->kind == FORM_LINEAR && y->kind == FORM_LINEAR && same_signal(x, y)) {
        x->a += sign * y->a;
    } else if (x->kind > FORM_LINEAR || y->kind != FORM_CONST) {
        x->kind = FORM_OPAQUE;
    }
    x->b += sign * y->b;
}

static void combine_product(struct form *x, const struct form *y)
{
    if (x->kind <= FORM_LINEAR && y->kind == FORM_CONST) {
        x->a *= y->b;
        x->b *= y->b;
    } else if (x->kind == FORM_CONST && y->kind == FORM_LINEAR) {
        const double factor = x->b;
        x->kind = FORM_LINEAR;
        x->signal = y->signal;
        x->a = factor * y->a;
        x->b = factor * y->b;
    } else {
        x->kind = FORM_OPAQUE;
    }
}

static void combine_quotient(struct form *x, const struct form *y)
{
    if (x->kind <= FORM_LINEAR && y->kind == FORM_CONST && fabs(y->b) > 0) {
        x->a /= y->b;
        x->b /= y->b;
    } else {
        x->kind = FORM_OPAQUE;
    }
}

/* The interval of the signal's own unit in which time is counted. */
static double boundary(const struct form *form, double value)
{
    const bool time =
        form->signal.signal == CYC_SIGNAL_TIME || form->signal.signal == CYC_SIGNAL_HOLD_TIME;
    if (!time) {
        return value;
    }
    const double ns = value * 1e9;
    return fabs(ns) < 9e18 ? (double)(int64_t)(ns < 0 ? ns - 0.5 : ns + 0.5) : ns;
}

static enum cyc_op_code mirrored(enum cyc_op_code code)
{
    switch ((unsigned)code) {
    case CYC_OP_LT:
        return CYC_OP_GT;
    case CYC_OP_LE:
        return CYC_OP_GE;
    case CYC_OP_GT:
        return CYC_OP_LT;
    case CYC_OP_GE:
        return CYC_OP_LE;
    default:
        return code;
    }
}

/* a * x + b `code` c, solved for x. False: it has no solution as an interval. */
static bool solve_linear(const struct form *x, double c, enum cyc_op_code code,
                         struct cyc_atom *atom)
{
    const double at = boundary(x, (c - x->b) / x->a);
    if (!isfinite(at)) {
        return false;
    }
    const enum cyc_op_code way = x->a < 0 ? mirrored(code) : code;
    atom->low = way == CYC_OP_LT || way == CYC_OP_LE ? -INFINITY : at;
    atom->high = way == CYC_OP_GT || way == CYC_OP_GE ? INFINITY : at;
    atom->flags |= way == CYC_OP_GT ? CYC_ATOM_LOW_OPEN : 0;
    atom->flags |= way == CYC_OP_LT ? CYC_ATOM_HIGH_OPEN : 0;
    atom->flags |= way == CYC_OP_NE ? CYC_ATOM_OUTSIDE : 0;
    return true;
}

/* |a * x + b| `code` c. Inside for < and <=, outside for > and >=. */
static bool solve_magnitude(const struct form *x, double c, enum cyc_op_code code,
                            struct cyc_atom *atom)
{
    const double one = boundary(x, (-x->b - c) / x->a);
    const double other = boundary(x, (-x->b + c) / x->a);
    if (!(c >= 0) || !isfinite(one) || !isfinite(other) || code == CYC_OP_EQ || code == CYC_OP_NE) {
        return false;
    }
    atom->low = one < other ? one : other;
    atom->high = one < other ? other : one;
    const bool outside = code == CYC_OP_GT || code == CYC_OP_GE;
    const bool open = code == CYC_OP_LT || code == CYC_OP_GE;
    atom->flags |= open ? CYC_ATOM_LOW_OPEN | CYC_ATOM_HIGH_OPEN : 0;
    atom->flags |= outside ? CYC_ATOM_OUTSIDE : 0;
    return true;
}

static bool solve(const struct form *x, const struct form *y, enum cyc_op_code code,
                  struct cyc_atom *atom)
{
    struct form left = *x;
    if (y->kind == FORM_LINEAR && left.kind == FORM_LINEAR) { /* both sides: bring over */
        combine_sum(&left, y, -1.0);
        return left.kind == FORM_LINEAR && solve_linear(&left, 0, code, atom);
    }
    if (y->kind != FORM_CONST) {
        return false;
    }
    return left.kind == FORM_LINEAR ? solve_linear(&left, y->b, code, atom)
                                    : solve_magnitude(&left, y->b, code, atom);
}

static bool emit(struct cyc_core *core, unsigned code)
{
    if (core->code_count >= CYC_OPS_MAX) { /* conditions that share operations */
        return false;
    }
    core->code[core->code_count] = (uint8_t)code;
    core->code_count++;
    return true;
}

/* x `code` y: an atom; x becomes its truth. */
static bool compare(struct compiler *c, struct form *x, const struct form *y, enum cyc_op_code code,
                    uint16_t last)
{
    if (x->kind == FORM_TRUTH || y->kind == FORM_TRUTH || c->core->atom_count >= CYC_ATOMS_MAX) {
        return false;
    }
    struct cyc_atom *atom = &c->core->atoms[c->core->atom_count];
    *atom = (struct cyc_atom){0};
    const bool swap = x->kind == FORM_CONST;
    const struct form *subject = swap ? y : x;
    const bool solved = (subject->kind == FORM_LINEAR || subject->kind == FORM_MAGNITUDE) &&
                        solve(subject, swap ? x : y, swap ? mirrored(code) : code, atom);
    if (solved) {
        atom->signal = subject->signal.signal;
        atom->scope = subject->signal.scope;
        atom->index = subject->signal.index;
    } else {
        *atom = (struct cyc_atom){.first = x->first, .count = (uint16_t)(last - x->first + 1)};
    }
    x->kind = FORM_TRUTH;
    return emit(c->core, c->core->atom_count++);
}

static bool push(struct compiler *c, uint16_t at)
{
    const struct cyc_op *op = &c->step->ops[at];
    if (c->depth >= CYC_STACK_MAX) {
        return false;
    }
    struct form *form = &c->stack[c->depth++];
    *form = (struct form){.kind = FORM_CONST, .b = op->value, .first = at};
    if (op->code == CYC_OP_SIGNAL) {
        form->kind = op->signal == CYC_SIGNAL_PEAK ? FORM_OPAQUE : FORM_LINEAR;
        form->signal = *op;
        form->a = 1.0;
        form->b = 0.0;
        return signal_is_valid(c->step, op);
    }
    return true;
}

static bool unary(struct compiler *c, enum cyc_op_code code)
{
    if (c->depth < 1) {
        return false;
    }
    struct form *x = &c->stack[c->depth - 1];
    if (code == CYC_OP_NOT) {
        return x->kind == FORM_TRUTH && emit(c->core, CYC_CODE_NOT);
    }
    if (x->kind == FORM_TRUTH) {
        return false;
    }
    if (code == CYC_OP_NEG && x->kind <= FORM_LINEAR) {
        x->a = -x->a;
        x->b = -x->b;
    } else if (code == CYC_OP_ABS && x->kind == FORM_CONST) {
        x->b = fabs(x->b);
    } else if (code == CYC_OP_ABS && x->kind == FORM_LINEAR) {
        x->kind = FORM_MAGNITUDE;
    } else {
        x->kind = FORM_OPAQUE;
    }
    return true;
}

static bool binary(struct compiler *c, enum cyc_op_code code, uint16_t at)
{
    if (c->depth < 2) {
        return false;
    }
    const struct form *y = &c->stack[--c->depth];
    struct form *x = &c->stack[c->depth - 1];
    if (code == CYC_OP_AND || code == CYC_OP_OR) {
        return x->kind == FORM_TRUTH && y->kind == FORM_TRUTH &&
               emit(c->core, code == CYC_OP_AND ? CYC_CODE_AND : CYC_CODE_OR);
    }
    if (code >= CYC_OP_LT) {
        return compare(c, x, y, code, at);
    }
    if (x->kind == FORM_TRUTH || y->kind == FORM_TRUTH) {
        return false;
    }
    switch ((unsigned)code) {
    case CYC_OP_ADD:
        combine_sum(x, y, 1.0);
        break;
    case CYC_OP_SUB:
        combine_sum(x, y, -1.0);
        break;
    case CYC_OP_MUL:
        combine_product(x, y);
        break;
    case CYC_OP_DIV:
        combine_quotient(x, y);
        break;
    default: /* MOD, MIN, MAX */
        x->kind = FORM_OPAQUE;
        break;
    }
    return true;
}

static bool translate(struct compiler *c, uint16_t at)
{
    const enum cyc_op_code code = (enum cyc_op_code)c->step->ops[at].code;
    switch (code) {
    case CYC_OP_CONST:
    case CYC_OP_SIGNAL:
        return push(c, at);
    case CYC_OP_NEG:
    case CYC_OP_ABS:
    case CYC_OP_FLOOR:
    case CYC_OP_NOT:
        return unary(c, code);
    case CYC_OP_ADD:
    case CYC_OP_SUB:
    case CYC_OP_MUL:
    case CYC_OP_DIV:
    case CYC_OP_MOD:
    case CYC_OP_MIN:
    case CYC_OP_MAX:
    case CYC_OP_LT:
    case CYC_OP_LE:
    case CYC_OP_GT:
    case CYC_OP_GE:
    case CYC_OP_EQ:
    case CYC_OP_NE:
    case CYC_OP_AND:
    case CYC_OP_OR:
        return binary(c, code, at);
    }
    return false;
}

static bool compile_condition(struct cyc_core *core, const struct cyc_step *step,
                              const struct cyc_condition *condition, struct cyc_code_range *range)
{
    struct compiler c = {.core = core, .step = step};
    *range = (struct cyc_code_range){.first = core->code_count};
    const unsigned end = (unsigned)condition->first + condition->count;
    if (end > step->op_count) {
        return false;
    }
    for (unsigned at = condition->first; at < end; at++) {
        if (!translate(&c, (uint16_t)at)) {
            return false;
        }
    }
    range->count = (uint16_t)(core->code_count - range->first);
    return condition->count == 0 || (c.depth == 1 && c.stack[0].kind == FORM_TRUTH);
}

bool cyc_core_compile(struct cyc_core *core, const struct cyc_step *step)
{
    core->atom_count = 0;
    core->code_count = 0;
    for (unsigned i = 0; i < step->cutoff_count; i++) {
        struct cyc_core_cutoff *cutoff = &core->cutoffs[i];
        cutoff->since_ns = CYC_NEVER;
        if (!compile_condition(core, step, &step->cutoffs[i].when, &cutoff->when) ||
            !compile_condition(core, step, &step->cutoffs[i].resume, &cutoff->resume)) {
            return false;
        }
    }
    return true;
}
