/* From typed tree to postfix over the samples.
 *
 * Everything but the present is computed here and becomes a constant. A comparison that is linear
 * in one signal is solved for it, whatever its form was, and comes out as
 *
 *     SIGNAL [ABS] CONST comparison
 *
 * which is what the executor can turn into a threshold: `soc <= 90 %`, `4.2 V <= voltage`,
 * `2 * capacity > last.capacity` all do. Any other comparison keeps its form and is evaluated at
 * each sample. `not` is pushed down to the comparisons (De Morgan), so a comparison with something
 * that does not exist (NaN) may simply become false; and, or with a constant side vanish.
 *
 * Slopes. The window of a slope is at least so long that the asked slope moves the quantity by
 * four resolutions: window = max(over, 4 resolution / |asked|).
 */
#include "protocol/expr_int.h"

#include <math.h>

static const int64_t over_default_ns = 300 * CYC_S_NS;
static const double window_max_s = 30.0 * 86400.0;
static const double resolutions = 4.0;

struct compiler {
    const struct cyc_expr_env *env;
    int64_t over_ns;
    const double *resolution;
    struct cyc_step *step;
    unsigned depth; /* values on the stack behind the last operation */
    struct cyc_err *err;
};

enum cyc_op_code cyc_expr_mirrored(enum cyc_op_code comparison)
{
    const enum cyc_op_code mirrored[] = {CYC_OP_GT, CYC_OP_GE, CYC_OP_LT,
                                         CYC_OP_LE, CYC_OP_EQ, CYC_OP_NE};
    return mirrored[comparison - CYC_OP_LT];
}

enum cyc_op_code cyc_expr_negated(enum cyc_op_code comparison)
{
    const enum cyc_op_code negated[] = {CYC_OP_GE, CYC_OP_GT, CYC_OP_LE,
                                        CYC_OP_LT, CYC_OP_NE, CYC_OP_EQ};
    return negated[comparison - CYC_OP_LT];
}

/* ---- The linear form ----------------------------------------------------------------------------- */

static int linear_soc(const struct cyc_expr_env *env, struct cyc_linear *linear, bool *fits,
                      struct cyc_err *err)
{
    if (env == NULL) {
        return CYC_OK;
    }
    if (!(env->full_capacity_Ah > 0.0) || !isfinite(env->soc_at_start)) {
        return cyc_err_set(err, CYC_E_INPUT, "soc is not known: let full_capacity and soc");
    }
    linear->present = true;
    linear->slope = 1.0 / env->full_capacity_Ah;
    linear->offset = env->soc_at_start;
    linear->op = (struct cyc_op){.code = CYC_OP_SIGNAL, .signal = CYC_SIGNAL_NET_CAPACITY};
    *fits = true;
    return CYC_OK;
}

static void scale(struct cyc_linear *linear, double factor)
{
    linear->slope *= factor;
    linear->offset *= factor;
}

static int linear_unary(const struct cyc_expr *expr, const struct cyc_expr_env *env,
                        struct cyc_linear *linear, bool *fits, struct cyc_err *err)
{
    const int status = cyc_expr_linear(expr->a, env, linear, fits, err);
    if (status != CYC_OK || !*fits) {
        return status;
    }
    if (expr->code == CYC_OP_NEG) {
        scale(linear, -1.0);
    } else if (expr->code == CYC_OP_ABS && linear->offset == 0.0) {
        linear->slope = fabs(linear->slope);
        linear->magnitude = true;
    } else {
        *fits = false;
    }
    return CYC_OK;
}

static int linear_binary(const struct cyc_expr *expr, const struct cyc_expr_env *env,
                         struct cyc_linear *linear, bool *fits, struct cyc_err *err)
{
    struct cyc_linear a;
    struct cyc_linear b;
    bool fits_b = false;
    int status = cyc_expr_linear(expr->a, env, &a, fits, err);
    if (status == CYC_OK && *fits) {
        status = cyc_expr_linear(expr->b, env, &b, &fits_b, err);
    }
    *fits = *fits && fits_b && !(a.present && b.present);
    if (status != CYC_OK || !*fits) {
        return status;
    }
    *linear = a.present ? a : b;
    switch (expr->code) {
    case CYC_OP_ADD:
        linear->offset = a.offset + b.offset;
        break;
    case CYC_OP_SUB:
        linear->slope = a.present ? a.slope : -b.slope;
        linear->offset = a.offset - b.offset;
        break;
    case CYC_OP_MUL:
        scale(linear, a.present ? b.offset : a.offset);
        break;
    case CYC_OP_DIV:
        *fits = a.present;
        linear->slope /= b.offset;
        linear->offset /= b.offset;
        break;
    case CYC_OP_CONST:
    case CYC_OP_SIGNAL:
    case CYC_OP_MOD:
    case CYC_OP_NEG:
    case CYC_OP_ABS:
    case CYC_OP_MIN:
    case CYC_OP_MAX:
    case CYC_OP_FLOOR:
    case CYC_OP_LT:
    case CYC_OP_LE:
    case CYC_OP_GT:
    case CYC_OP_GE:
    case CYC_OP_EQ:
    case CYC_OP_NE:
    case CYC_OP_AND:
    case CYC_OP_OR:
    case CYC_OP_NOT:
        *fits = false;
    }
    scale(linear, expr->factor);
    *fits = *fits && isfinite(linear->slope) && linear->slope != 0.0;
    return CYC_OK;
}

int cyc_expr_linear(const struct cyc_expr *expr, const struct cyc_expr_env *env,
                    struct cyc_linear *linear, bool *fits, struct cyc_err *err)
{
    *fits = false;
    *linear = (struct cyc_linear){0};
    if (!expr->present) {
        *fits = true;
        return cyc_expr_evaluate(expr, env, &linear->offset, err);
    }
    if (expr->type == CYC_EXPR_SIGNAL || expr->type == CYC_EXPR_SLOPE) {
        linear->present = true;
        linear->slope = 1.0;
        linear->derivative = expr->type == CYC_EXPR_SLOPE;
        linear->op = expr->op;
        *fits = true;
        return CYC_OK;
    }
    if (expr->type == CYC_EXPR_SOC) {
        return linear_soc(env, linear, fits, err);
    }
    return expr->type == CYC_EXPR_UNARY ? linear_unary(expr, env, linear, fits, err)
                                        : linear_binary(expr, env, linear, fits, err);
}

/* ---- Emission ------------------------------------------------------------------------------------ */

static int emit(struct compiler *compiler, struct cyc_op op)
{
    struct cyc_step *const step = compiler->step;
    const enum cyc_op_code code = (enum cyc_op_code)op.code;
    if (code == CYC_OP_CONST || code == CYC_OP_SIGNAL) {
        compiler->depth++;
    } else if (code != CYC_OP_NEG && code != CYC_OP_ABS && code != CYC_OP_FLOOR &&
               code != CYC_OP_NOT) {
        compiler->depth--;
    }
    if (step->op_count >= CYC_OPS_MAX || compiler->depth > CYC_STACK_MAX) {
        return cyc_err_set(compiler->err, CYC_E_BOUND,
                           "the conditions of this step are too long: at most %d operations, %d "
                           "values deep", CYC_OPS_MAX, CYC_STACK_MAX);
    }
    step->ops[step->op_count++] = op;
    return CYC_OK;
}

static int emit_code(struct compiler *compiler, enum cyc_op_code code)
{
    return emit(compiler, (struct cyc_op){.code = (uint8_t)code});
}

static int emit_constant(struct compiler *compiler, double value)
{
    if (isinf(value)) {
        return cyc_err_set(compiler->err, CYC_E_INPUT, "a value of the condition came out "
                                                       "infinite");
    }
    return emit(compiler, (struct cyc_op){.code = CYC_OP_CONST, .value = value});
}

static double resolution_of(const struct compiler *compiler, uint8_t signal)
{
    const int row = signal == CYC_SIGNAL_VOLTAGE ? 0 : signal == CYC_SIGNAL_CURRENT ? 1 : 2;
    const double resolution = compiler->resolution != NULL ? compiler->resolution[row] : 0.0;
    return isfinite(resolution) ? resolution : 0.0;
}

/* `asked`: the slope it is compared with, per second; 0: not known. */
static int emit_slope(struct compiler *compiler, uint8_t signal, double asked)
{
    struct cyc_step *const step = compiler->step;
    int64_t window_ns = compiler->over_ns > 0 ? compiler->over_ns : over_default_ns;
    if (asked != 0.0) {
        const double needed_s =
            fmin(resolutions * resolution_of(compiler, signal) / fabs(asked), window_max_s);
        const int64_t needed_ns = (int64_t)ceil(needed_s * 1e9);
        window_ns = needed_ns > window_ns ? needed_ns : window_ns;
    }
    unsigned index = 0;
    while (index < step->slope_count && (step->slopes[index].signal != signal ||
                                         step->slopes[index].window_ns != window_ns)) {
        index++;
    }
    if (index >= CYC_SLOPES_MAX) {
        return cyc_err_set(compiler->err, CYC_E_BOUND, "a step has at most %d different slopes",
                           CYC_SLOPES_MAX);
    }
    if (index == step->slope_count) {
        step->slopes[step->slope_count++] = (struct cyc_slope){signal, window_ns};
    }
    return emit(compiler, (struct cyc_op){.code = CYC_OP_SIGNAL,
                                          .signal = CYC_SIGNAL_SLOPE,
                                          .index = (uint8_t)index});
}

/* The comparison solved for its one signal. */
static int emit_threshold(struct compiler *compiler, const struct cyc_linear *linear,
                          enum cyc_op_code comparison, double bound)
{
    const double value = (bound - linear->offset) / linear->slope;
    const enum cyc_op_code code =
        linear->slope < 0.0 ? cyc_expr_mirrored(comparison) : comparison;
    if (isnan(value)) {
        return emit_constant(compiler, 0.0);
    }
    if (linear->derivative && value == 0.0) {
        return cyc_err_set(compiler->err, CYC_E_INPUT,
                           "a slope is compared with a value that came out as zero");
    }
    int status = linear->derivative ? emit_slope(compiler, linear->op.signal, value)
                                    : emit(compiler, linear->op);
    if (status == CYC_OK && linear->magnitude) {
        status = emit_code(compiler, CYC_OP_ABS);
    }
    if (status == CYC_OK) {
        status = emit_constant(compiler, value);
    }
    return status == CYC_OK ? emit_code(compiler, code) : status;
}

/* Arithmetic that reads signals; *missing: a constant in it does not exist. */
static int emit_arithmetic(struct compiler *compiler, const struct cyc_expr *expr, bool *missing);

static int emit_soc(struct compiler *compiler)
{
    struct cyc_linear soc = {0};
    bool fits;
    int status = linear_soc(compiler->env, &soc, &fits, compiler->err);
    if (status == CYC_OK) {
        status = emit(compiler, soc.op);
    }
    if (status == CYC_OK) {
        status = emit_constant(compiler, compiler->env->full_capacity_Ah);
    }
    if (status == CYC_OK) {
        status = emit_code(compiler, CYC_OP_DIV);
    }
    if (status == CYC_OK) {
        status = emit_constant(compiler, soc.offset);
    }
    return status == CYC_OK ? emit_code(compiler, CYC_OP_ADD) : status;
}

static int emit_operator(struct compiler *compiler, const struct cyc_expr *expr, bool *missing)
{
    int status = emit_arithmetic(compiler, expr->a, missing);
    if (status == CYC_OK && expr->type == CYC_EXPR_BINARY) {
        status = emit_arithmetic(compiler, expr->b, missing);
    }
    if (status == CYC_OK) {
        status = emit_code(compiler, expr->code);
    }
    if (status == CYC_OK && expr->factor != 1.0) {
        status = emit_constant(compiler, expr->factor);
        status = status == CYC_OK ? emit_code(compiler, CYC_OP_MUL) : status;
    }
    return status;
}

static int emit_arithmetic(struct compiler *compiler, const struct cyc_expr *expr, bool *missing)
{
    if (!expr->present) {
        double value;
        const int status = cyc_expr_evaluate(expr, compiler->env, &value, compiler->err);
        if (status != CYC_OK) {
            return status;
        }
        *missing = *missing || isnan(value);
        return emit_constant(compiler, value);
    }
    if (expr->type == CYC_EXPR_SIGNAL) {
        return emit(compiler, expr->op);
    }
    if (expr->type == CYC_EXPR_SLOPE) {
        return emit_slope(compiler, expr->op.signal, 0.0);
    }
    return expr->type == CYC_EXPR_SOC ? emit_soc(compiler)
                                      : emit_operator(compiler, expr, missing);
}

static int emit_comparison(struct compiler *compiler, const struct cyc_expr *expr, bool negate)
{
    struct cyc_linear left;
    struct cyc_linear right;
    bool fits = false;
    const enum cyc_op_code code = negate ? cyc_expr_negated(expr->code) : expr->code;
    int status = cyc_expr_linear(expr->a, compiler->env, &left, &fits, compiler->err);
    if (status == CYC_OK && fits) {
        status = cyc_expr_linear(expr->b, compiler->env, &right, &fits, compiler->err);
    }
    if (status != CYC_OK) {
        return status;
    }
    if (fits && left.present && !right.present) {
        return emit_threshold(compiler, &left, code, right.offset);
    }
    if (fits && right.present && !left.present) {
        return emit_threshold(compiler, &right, cyc_expr_mirrored(code), left.offset);
    }
    const uint16_t op_count = compiler->step->op_count;
    const unsigned depth = compiler->depth;
    bool missing = false;
    status = emit_arithmetic(compiler, expr->a, &missing);
    if (status == CYC_OK) {
        status = emit_arithmetic(compiler, expr->b, &missing);
    }
    if (status == CYC_OK && missing) {
        compiler->step->op_count = op_count;
        compiler->depth = depth;
        return emit_constant(compiler, 0.0);
    }
    return status == CYC_OK ? emit_code(compiler, code) : status;
}

/* A side that is known already: *decided says so, *truth how (unknown counts as false). */
static int decide(const struct compiler *compiler, const struct cyc_expr *expr, bool negate,
                  bool *decided, bool *truth)
{
    double value = 0.0;
    *decided = !expr->present;
    if (!*decided) {
        return CYC_OK;
    }
    const int status = cyc_expr_evaluate(expr, compiler->env, &value, compiler->err);
    *truth = !isnan(value) && (value != 0.0) != negate;
    return status;
}

static int emit_condition(struct compiler *compiler, const struct cyc_expr *expr, bool negate);

static int emit_junction(struct compiler *compiler, const struct cyc_expr *expr, bool negate)
{
    const bool both = (expr->code == CYC_OP_AND) != negate;
    const struct cyc_expr *const sides[2] = {expr->a, expr->b};
    int status = CYC_OK;
    for (int i = 0; i < 2 && status == CYC_OK; i++) {
        bool decided = false;
        bool truth = false;
        status = decide(compiler, sides[i], negate, &decided, &truth);
        if (status == CYC_OK && decided) {
            /* true and x, false or x: x alone */
            return truth == both ? emit_condition(compiler, sides[1 - i], negate)
                                 : emit_constant(compiler, truth ? 1.0 : 0.0);
        }
    }
    if (status == CYC_OK) {
        status = emit_condition(compiler, expr->a, negate);
    }
    if (status == CYC_OK) {
        status = emit_condition(compiler, expr->b, negate);
    }
    return status == CYC_OK ? emit_code(compiler, both ? CYC_OP_AND : CYC_OP_OR) : status;
}

static int emit_condition(struct compiler *compiler, const struct cyc_expr *expr, bool negate)
{
    bool decided;
    bool truth;
    const int status = decide(compiler, expr, negate, &decided, &truth);
    if (status != CYC_OK) {
        return status;
    }
    if (decided) {
        return emit_constant(compiler, truth ? 1.0 : 0.0);
    }
    if (expr->code == CYC_OP_NOT) {
        return emit_condition(compiler, expr->a, !negate);
    }
    return expr->code == CYC_OP_AND || expr->code == CYC_OP_OR
               ? emit_junction(compiler, expr, negate)
               : emit_comparison(compiler, expr, negate);
}

int cyc_expr_compile(const struct cyc_expr *expr, const struct cyc_expr_env *env, int64_t over_ns,
                     const double resolution[3], struct cyc_step *step,
                     struct cyc_condition *condition, struct cyc_err *err)
{
    struct compiler compiler = {
        .env = env, .over_ns = over_ns, .resolution = resolution, .step = step, .err = err};
    const uint16_t op_count = step->op_count;
    const uint8_t slope_count = step->slope_count;
    if (expr->dim.kind != CYC_KIND_BOOLEAN) {
        return cyc_err_set(err, CYC_E_KIND, "%s is no condition", cyc_kind_phrase(expr->dim.kind));
    }
    const int status = emit_condition(&compiler, expr, false);
    if (status != CYC_OK) {
        step->op_count = op_count;
        step->slope_count = slope_count;
        return status;
    }
    condition->first = op_count;
    condition->count = (uint16_t)(step->op_count - op_count);
    return CYC_OK;
}
