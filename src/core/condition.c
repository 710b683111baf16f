/* Testing compiled conditions on the latest sample.
 *
 * Four results and a fifth: true, false, unknown (a slope that has not warmed up: not true, and
 * not false either, so that `not` of it is not true), stale and invalid. They combine as in
 * Kleene's logic: false and anything is false, true or anything is true. Unknown, stale and
 * invalid never end a step; stale and invalid are noted and trip a fault when they last.
 */
#include "core/core_int.h"

struct value {
    double number;
    enum cyc_truth truth; /* TRUE: number is valid */
};

void cyc_core_note_bad(struct cyc_core *core, enum cyc_truth truth, uint8_t signal, uint8_t index)
{
    if (core->bad_kind == CYC_FAULT_NONE) {
        core->bad_kind = truth == CYC_TRUTH_STALE ? CYC_FAULT_STALE : CYC_FAULT_INVALID;
        core->bad_signal = signal;
        core->bad_index = index;
    }
}

static double floor_of(double x)
{
    if (!(fabs(x) < 4503599627370496.0)) { /* 2^52: no fraction left */
        return x;
    }
    const double whole = (double)(int64_t)x;
    return whole > x ? whole - 1.0 : whole;
}

static double calculate(enum cyc_op_code code, double x, double y)
{
    switch ((unsigned)code) {
    case CYC_OP_ADD:
        return x + y;
    case CYC_OP_SUB:
        return x - y;
    case CYC_OP_MUL:
        return x * y;
    case CYC_OP_DIV:
        return x / y;
    case CYC_OP_MOD:
        return x - floor_of(x / y) * y;
    case CYC_OP_MIN:
        return y < x ? y : x;
    default: /* MAX */
        return y > x ? y : x;
    }
}

static bool holds(enum cyc_op_code code, double x, double y)
{
    switch ((unsigned)code) {
    case CYC_OP_LT:
        return x < y;
    case CYC_OP_LE:
        return x <= y;
    case CYC_OP_GT:
        return x > y;
    case CYC_OP_GE:
        return x >= y;
    case CYC_OP_EQ:
        return !(x < y) && !(x > y);
    default: /* NE */
        return x < y || x > y;
    }
}

/* The worse of two: unknown before valid, bad before unknown. */
static enum cyc_truth worse(enum cyc_truth a, enum cyc_truth b)
{
    if (a == CYC_TRUTH_TRUE || b == CYC_TRUTH_TRUE) {
        return a == CYC_TRUTH_TRUE ? b : a;
    }
    return a > b ? a : b;
}

static struct value load(struct cyc_core *core, const struct cyc_op *op)
{
    struct value value = {op->value, CYC_TRUTH_TRUE};
    if (op->code == CYC_OP_CONST) {
        /* NaN: something that does not exist yet, say the cycle before the first. */
        value.truth = isnan(op->value) ? CYC_TRUTH_UNKNOWN : CYC_TRUTH_TRUE;
        return value;
    }
    value.truth = cyc_core_fetch(core, op->signal, op->scope, op->index, &value.number);
    if (op->signal == CYC_SIGNAL_TIME || op->signal == CYC_SIGNAL_HOLD_TIME) {
        value.number /= 1e9;
    }
    if (value.truth > CYC_TRUTH_TRUE) {
        cyc_core_note_bad(core, value.truth, op->signal, op->index);
    }
    return value;
}

static struct value combine(enum cyc_op_code code, struct value x, struct value y)
{
    struct value result = {NAN, worse(x.truth, y.truth)};
    if (result.truth != CYC_TRUTH_TRUE) {
        return result;
    }
    if ((code == CYC_OP_DIV || code == CYC_OP_MOD) && !(fabs(y.number) > 0)) {
        result.truth = CYC_TRUTH_UNKNOWN; /* a ratio before there is anything to divide by */
        return result;
    }
    result.number = calculate(code, x.number, y.number);
    result.truth = isnan(result.number) ? CYC_TRUTH_INVALID : CYC_TRUTH_TRUE;
    return result;
}

/* The operations of one comparison; their shape was checked when they were compiled. */
static enum cyc_truth calculated(struct cyc_core *core, const struct cyc_op *ops, unsigned count)
{
    struct value stack[CYC_STACK_MAX];
    unsigned depth = 0;
    for (unsigned i = 0; i + 1 < count; i++) {
        const enum cyc_op_code code = (enum cyc_op_code)ops[i].code;
        if (code == CYC_OP_CONST || code == CYC_OP_SIGNAL) {
            stack[depth++] = load(core, &ops[i]);
        } else if (code == CYC_OP_NEG) {
            stack[depth - 1].number = -stack[depth - 1].number;
        } else if (code == CYC_OP_ABS) {
            stack[depth - 1].number = fabs(stack[depth - 1].number);
        } else if (code == CYC_OP_FLOOR) {
            stack[depth - 1].number = floor_of(stack[depth - 1].number);
        } else {
            depth--;
            stack[depth - 1] = combine(code, stack[depth - 1], stack[depth]);
        }
    }
    const enum cyc_truth truth = worse(stack[0].truth, stack[1].truth);
    if (truth != CYC_TRUTH_TRUE) {
        if (truth > CYC_TRUTH_TRUE) {
            cyc_core_note_bad(core, truth, ops[0].signal,
                              ops[0].index); /* an overflow on the way */
        }
        return truth;
    }
    const enum cyc_op_code code = (enum cyc_op_code)ops[count - 1].code;
    return holds(code, stack[0].number, stack[1].number) ? CYC_TRUTH_TRUE : CYC_TRUTH_FALSE;
}

static enum cyc_truth test_atom(struct cyc_core *core, const struct cyc_step *step,
                                const struct cyc_atom *atom)
{
    if (atom->count != 0) {
        return calculated(core, &step->ops[atom->first], atom->count);
    }
    double x;
    const enum cyc_truth truth = cyc_core_fetch(core, atom->signal, atom->scope, atom->index, &x);
    if (truth > CYC_TRUTH_TRUE) {
        cyc_core_note_bad(core, truth, atom->signal, atom->index);
    }
    return truth == CYC_TRUTH_TRUE ? cyc_core_test_interval(atom, x) : truth;
}

static enum cyc_truth negation(enum cyc_truth x)
{
    if (x == CYC_TRUTH_TRUE) {
        return CYC_TRUTH_FALSE;
    }
    return x == CYC_TRUTH_FALSE ? CYC_TRUTH_TRUE : x;
}

static enum cyc_truth conjunction(enum cyc_truth x, enum cyc_truth y)
{
    return x == CYC_TRUTH_FALSE || y == CYC_TRUTH_FALSE ? CYC_TRUTH_FALSE : worse(x, y);
}

enum cyc_truth cyc_core_test(struct cyc_core *core, const struct cyc_step *step,
                             struct cyc_code_range range)
{
    if (range.count == 1) { /* nearly all */
        return test_atom(core, step, &core->atoms[core->code[range.first]]);
    }
    enum cyc_truth stack[CYC_STACK_MAX] = {CYC_TRUTH_FALSE}; /* no condition: false */
    unsigned depth = 0;
    for (unsigned i = range.first; i < (unsigned)range.first + range.count; i++) {
        const unsigned code = core->code[i];
        if (code == CYC_CODE_NOT) {
            stack[depth - 1] = negation(stack[depth - 1]);
        } else if (code == CYC_CODE_AND) {
            depth--;
            stack[depth - 1] = conjunction(stack[depth - 1], stack[depth]);
        } else if (code == CYC_CODE_OR) { /* x or y = not (not x and not y) */
            depth--;
            stack[depth - 1] =
                negation(conjunction(negation(stack[depth - 1]), negation(stack[depth])));
        } else {
            stack[depth++] = test_atom(core, step, &core->atoms[code]);
        }
    }
    return stack[0];
}
