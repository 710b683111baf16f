#include "protocol/expr_int.h"

#include <math.h>
#include <stddef.h>

/* Unknown conditions are NaN (Kleene's logic), so that `not` of what does not exist yet is not
 * true either. */
static double logic(enum cyc_op_code code, double a, double b)
{
    const double decisive = code == CYC_OP_OR ? 1.0 : 0.0;
    if (a == decisive || b == decisive) {
        return decisive;
    }
    return isnan(a) || isnan(b) ? NAN : 1.0 - decisive;
}

static double compare(enum cyc_op_code code, double a, double b)
{
    bool holds = false;
    if (isnan(a) || isnan(b)) {
        return NAN;
    }
    if (code == CYC_OP_LT) {
        holds = a < b;
    } else if (code == CYC_OP_LE) {
        holds = a <= b;
    } else if (code == CYC_OP_GT) {
        holds = a > b;
    } else if (code == CYC_OP_GE) {
        holds = a >= b;
    } else if (code == CYC_OP_EQ) {
        holds = a == b;
    } else {
        holds = a != b;
    }
    return holds ? 1.0 : 0.0;
}

static double extreme(enum cyc_op_code code, double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return NAN;
    }
    return (code == CYC_OP_MIN) == (a < b) ? a : b;
}

static double compute(enum cyc_op_code code, double a, double b)
{
    switch (code) {
    case CYC_OP_ADD:
        return a + b;
    case CYC_OP_SUB:
        return a - b;
    case CYC_OP_MUL:
        return a * b;
    case CYC_OP_DIV:
        return a / b;
    case CYC_OP_MOD:
        return a - floor(a / b) * b;
    case CYC_OP_MIN:
    case CYC_OP_MAX:
        return extreme(code, a, b);
    case CYC_OP_AND:
    case CYC_OP_OR:
        return logic(code, a, b);
    case CYC_OP_LT:
    case CYC_OP_LE:
    case CYC_OP_GT:
    case CYC_OP_GE:
    case CYC_OP_EQ:
    case CYC_OP_NE:
        return compare(code, a, b);
    case CYC_OP_NEG:
        return -a;
    case CYC_OP_ABS:
        return fabs(a);
    case CYC_OP_FLOOR:
        return floor(a);
    case CYC_OP_NOT:
        return 1.0 - a; /* NaN stays */
    case CYC_OP_CONST:
    case CYC_OP_SIGNAL:
        break;
    }
    return NAN;
}

static int evaluate_leaf(const struct cyc_expr *expr, const struct cyc_expr_env *env,
                         double *value, struct cyc_err *err)
{
    double index = 0.0;
    if (env == NULL) {
        return cyc_err_set(err, CYC_E_BUG, "a value of the run is asked for at check time");
    }
    if (expr->type == CYC_EXPR_VARIABLE) {
        return env->variable(env->context, expr->variable, value, err);
    }
    if (expr->type == CYC_EXPR_SOC) {
        *value = env->soc_at_start;
        return CYC_OK;
    }
    if (expr->type == CYC_EXPR_SLOPE) {
        *value = NAN; /* no slope outlives its step */
        return CYC_OK;
    }
    if (expr->type == CYC_EXPR_SIGNAL) {
        return env->present != NULL
                   ? env->present(env->context, &expr->op, value, err)
                   : cyc_err_set(err, CYC_E_INPUT, "nothing is being measured here");
    }
    if (expr->ref.index != NULL) {
        const int status = cyc_expr_evaluate(expr->ref.index, env, &index, err);
        if (status != CYC_OK) {
            return status;
        }
    }
    return env->reference(env->context, &expr->ref, index, value, err);
}

int cyc_expr_evaluate(const struct cyc_expr *expr, const struct cyc_expr_env *env, double *value,
                      struct cyc_err *err)
{
    double a = 0.0;
    double b = 0.0;
    if (expr->type == CYC_EXPR_CONSTANT || expr->type == CYC_EXPR_C_RATE) {
        const bool anew =
            expr->type == CYC_EXPR_C_RATE && env != NULL && env->one_c_A > 0.0;
        *value = anew ? expr->c_rate_per_h * env->one_c_A : expr->value;
        return CYC_OK;
    }
    if (expr->type != CYC_EXPR_UNARY && expr->type != CYC_EXPR_BINARY) {
        return evaluate_leaf(expr, env, value, err);
    }
    int status = cyc_expr_evaluate(expr->a, env, &a, err);
    if (status == CYC_OK && expr->type == CYC_EXPR_BINARY) {
        status = cyc_expr_evaluate(expr->b, env, &b, err);
    }
    if (status == CYC_OK) {
        *value = compute(expr->code, a, b) * expr->factor;
    }
    return status;
}

int cyc_expr_value(const struct cyc_expr *expr, const struct cyc_expr_env *env, double *value,
                   struct cyc_err *err)
{
    const int status = cyc_expr_evaluate(expr, env, value, err);
    if (status == CYC_OK && expr->dim.kind == CYC_KIND_BOOLEAN && isnan(*value)) {
        *value = 0.0;
    }
    return status;
}

enum cyc_kind cyc_expr_kind(const struct cyc_expr *expr)
{
    return expr->dim.kind;
}

struct cyc_pos cyc_expr_pos(const struct cyc_expr *expr)
{
    return expr->pos;
}

static bool is_fixed(const struct cyc_expr *expr)
{
    switch (expr->type) {
    case CYC_EXPR_CONSTANT:
        return true;
    case CYC_EXPR_C_RATE:
    case CYC_EXPR_SIGNAL:
    case CYC_EXPR_SLOPE:
    case CYC_EXPR_SOC:
    case CYC_EXPR_VARIABLE:
    case CYC_EXPR_REFERENCE:
        return false;
    case CYC_EXPR_UNARY:
        return is_fixed(expr->a);
    case CYC_EXPR_BINARY:
        return is_fixed(expr->a) && is_fixed(expr->b);
    }
    return false;
}

bool cyc_expr_is_constant(const struct cyc_expr *expr, double *value)
{
    return is_fixed(expr) && cyc_expr_value(expr, NULL, value, NULL) == CYC_OK;
}

/* ---- What a condition reads ---------------------------------------------------------------------- */

static void collect(const struct cyc_expr *expr, struct cyc_expr_use *use)
{
    if (expr->type == CYC_EXPR_SIGNAL) {
        use->signals |= 1u << expr->op.signal;
    } else if (expr->type == CYC_EXPR_SOC) {
        use->signals |= 1u << CYC_SIGNAL_NET_CAPACITY;
        use->history = true;
    } else if (expr->type == CYC_EXPR_SLOPE) {
        use->signals |= 1u << CYC_SIGNAL_SLOPE;
        use->slope = true;
    } else if (expr->type == CYC_EXPR_VARIABLE || expr->type == CYC_EXPR_REFERENCE) {
        use->history = true;
    }
    if (expr->a != NULL) {
        collect(expr->a, use);
    }
    if (expr->b != NULL) {
        collect(expr->b, use);
    }
}

static bool is_comparison(const struct cyc_expr *expr)
{
    return expr->type == CYC_EXPR_BINARY && expr->code >= CYC_OP_LT && expr->code <= CYC_OP_NE;
}

void cyc_expr_use(const struct cyc_expr *expr, struct cyc_expr_use *use)
{
    *use = (struct cyc_expr_use){.signal = CYC_SIGNAL_COUNT,
                                 .names_electrode = expr->named,
                                 .bare_potential = expr->bare};
    collect(expr, use);
    struct cyc_linear left;
    struct cyc_linear right;
    bool fits_left = false;
    bool fits_right = false;
    if (!is_comparison(expr) || use->history ||
        cyc_expr_linear(expr->a, NULL, &left, &fits_left, NULL) != CYC_OK ||
        cyc_expr_linear(expr->b, NULL, &right, &fits_right, NULL) != CYC_OK || !fits_left ||
        !fits_right || left.present == right.present) {
        return;
    }
    const struct cyc_linear *const signal = left.present ? &left : &right;
    const struct cyc_linear *const rest = left.present ? &right : &left;
    const bool mirrored = right.present != (signal->slope < 0.0);
    use->signal = signal->derivative ? CYC_SIGNAL_SLOPE : signal->op.signal;
    use->scope = signal->op.scope;
    use->magnitude = signal->magnitude;
    use->comparison = mirrored ? cyc_expr_mirrored(expr->code) : expr->code;
    use->value = (rest->offset - signal->offset) / signal->slope;
}

void cyc_expr_each_ref(const struct cyc_expr *expr,
                       void (*fn)(void *context, const struct cyc_ref *ref), void *context)
{
    if (expr->type == CYC_EXPR_REFERENCE) {
        fn(context, &expr->ref);
        if (expr->ref.index != NULL) {
            cyc_expr_each_ref(expr->ref.index, fn, context);
        }
    }
    if (expr->a != NULL) {
        cyc_expr_each_ref(expr->a, fn, context);
    }
    if (expr->b != NULL) {
        cyc_expr_each_ref(expr->b, fn, context);
    }
}
