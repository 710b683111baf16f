#include "protocol/kinds.h"

#include <stdio.h>
#include <string.h>

enum { DIMENSIONS = 7 }; /* V, A, s, K, Pa, g, cm2 */

struct kind_row {
    bool dimensional; /* false: it takes no part in multiplication */
    signed char exponent[DIMENSIONS];
    double scale; /* one unit of the kind in coherent units: 1 Ah = 3600 A s */
    const char *phrase;
};

static const struct kind_row kind_rows[CYC_KIND_COUNT] = {
    [CYC_KIND_NUMBER] = {true, {0}, 1, "a bare number"},
    [CYC_KIND_FRACTION] = {true, {0}, 1, "a percentage"},
    [CYC_KIND_VOLTAGE] = {true, {1}, 1, "a voltage"},
    [CYC_KIND_CURRENT] = {true, {0, 1}, 1, "a current"},
    [CYC_KIND_CAPACITY] = {true, {0, 1, 1}, 3600, "a charge"},
    [CYC_KIND_ENERGY] = {true, {1, 1, 1}, 3600, "an energy"},
    [CYC_KIND_POWER] = {true, {1, 1}, 1, "a power"},
    [CYC_KIND_RESISTANCE] = {true, {1, -1}, 1, "a resistance"},
    [CYC_KIND_TIME] = {true, {0, 0, 1}, 1, "a time"},
    [CYC_KIND_TEMPERATURE] = {false, {0}, 1, "a temperature"},
    [CYC_KIND_TEMPERATURE_DIFFERENCE] = {true, {0, 0, 0, 1}, 1, "a temperature difference"},
    [CYC_KIND_PRESSURE] = {true, {0, 0, 0, 0, 1}, 1, "a pressure"},
    [CYC_KIND_FORCE] = {true, {0, 0, 0, 0, 1, 0, 1}, 1e4, "a force"},
    [CYC_KIND_FREQUENCY] = {true, {0, 0, -1}, 1, "a frequency"},
    [CYC_KIND_MASS] = {true, {0, 0, 0, 0, 0, 1}, 1, "a mass"},
    [CYC_KIND_AREA] = {true, {0, 0, 0, 0, 0, 0, 1}, 1, "an area"},
    [CYC_KIND_VOLTAGE_RATE] = {true, {1, 0, -1}, 1, "a rate of voltage"},
    [CYC_KIND_CURRENT_RATE] = {true, {0, 1, -1}, 1, "a rate of current"},
    [CYC_KIND_TEMPERATURE_RATE] = {true, {0, 0, -1, 1}, 1, "a rate of temperature"},
    [CYC_KIND_PRESSURE_RATE] = {true, {0, 0, -1, 0, 1}, 1, "a rate of pressure"},
    [CYC_KIND_FRACTION_RATE] = {true, {0, 0, -1}, 1, "a relative rate"},
    [CYC_KIND_BOOLEAN] = {false, {0}, 1, "a condition"},
    [CYC_KIND_TEXT] = {false, {0}, 1, "a text"},
};

static const char *const operator_words[] = {
    [CYC_OP_ADD] = "added to",       [CYC_OP_SUB] = "subtracted from",
    [CYC_OP_MUL] = "multiplied by",  [CYC_OP_DIV] = "divided by",
    [CYC_OP_MOD] = "divided by",     [CYC_OP_MIN] = "compared with",
    [CYC_OP_MAX] = "compared with",  [CYC_OP_LT] = "compared with",
    [CYC_OP_LE] = "compared with",   [CYC_OP_GT] = "compared with",
    [CYC_OP_GE] = "compared with",   [CYC_OP_EQ] = "compared with",
    [CYC_OP_NE] = "compared with",
};

const char *cyc_kind_phrase(enum cyc_kind kind)
{
    return kind < CYC_KIND_COUNT ? kind_rows[kind].phrase : "nothing";
}

static bool is_dimensionless(enum cyc_kind kind)
{
    return kind == CYC_KIND_NUMBER || kind == CYC_KIND_FRACTION;
}

static bool is_comparison(enum cyc_op_code code)
{
    return code >= CYC_OP_LT && code <= CYC_OP_NE;
}

static bool refuse(struct cyc_kind_fault *fault, const char *message, const char *hint)
{
    if (fault != NULL) {
        (void)snprintf(fault->message, sizeof fault->message, "%s", message);
        (void)snprintf(fault->hint, sizeof fault->hint, "%s", hint);
    }
    return false;
}

static bool is_temperature(enum cyc_kind kind)
{
    return kind == CYC_KIND_TEMPERATURE;
}

/* Two operands whose kinds cannot meet in a sum or a comparison. */
static bool refuse_mixture(enum cyc_op_code code, enum cyc_kind a, enum cyc_kind b,
                           struct cyc_kind_fault *fault)
{
    if (fault == NULL) {
        return false;
    }
    if (code == CYC_OP_SUB) {
        (void)snprintf(fault->message, sizeof fault->message, "%s cannot be subtracted from %s",
                       cyc_kind_phrase(b), cyc_kind_phrase(a));
    } else {
        (void)snprintf(fault->message, sizeof fault->message, "%s cannot be %s %s",
                       cyc_kind_phrase(a), operator_words[code], cyc_kind_phrase(b));
    }
    const enum cyc_kind due = a == CYC_KIND_NUMBER ? b : a;
    const bool bare = a == CYC_KIND_NUMBER || b == CYC_KIND_NUMBER;
    if (is_temperature(a) && b == CYC_KIND_TEMPERATURE_DIFFERENCE && is_comparison(code)) {
        (void)snprintf(fault->hint, sizeof fault->hint, "temperatures are written in degC");
    } else if (is_temperature(b) && a == CYC_KIND_TEMPERATURE_DIFFERENCE) {
        (void)snprintf(fault->hint, sizeof fault->hint, "differences of temperature are in K");
    } else if (bare && due == CYC_KIND_FRACTION) {
        (void)snprintf(fault->hint, sizeof fault->hint, "write the number as a percentage: 80 %%");
    } else if (bare || is_dimensionless(due)) {
        (void)snprintf(fault->hint, sizeof fault->hint, "give the number a unit: %s",
                       cyc_kind_units(due));
    } else {
        (void)snprintf(fault->hint, sizeof fault->hint, "both sides must be of one kind; %s: %s",
                       cyc_kind_name(due), cyc_kind_units(due));
    }
    return false;
}

/* Kinds that may stand on the two sides of a sum, a comparison, min, max or mod. */
static bool meet(struct cyc_dim a, struct cyc_dim b, enum cyc_kind *kind)
{
    if (a.kind == b.kind) {
        *kind = a.kind;
        return true;
    }
    const bool loose_a = a.kind == CYC_KIND_NUMBER && a.ratio;
    const bool loose_b = b.kind == CYC_KIND_NUMBER && b.ratio;
    if ((loose_a && b.kind == CYC_KIND_FRACTION) || (loose_b && a.kind == CYC_KIND_FRACTION)) {
        *kind = CYC_KIND_FRACTION;
        return true;
    }
    return false;
}

static bool combine_sum(enum cyc_op_code code, struct cyc_dim a, struct cyc_dim b,
                        struct cyc_dim *result, struct cyc_kind_fault *fault)
{
    const enum cyc_kind difference = CYC_KIND_TEMPERATURE_DIFFERENCE;
    if (is_temperature(a.kind) && is_temperature(b.kind)) {
        if (code == CYC_OP_ADD) {
            return refuse(fault, "two temperatures cannot be added",
                          "add a difference in K: 30 degC + 5 K");
        }
        result->kind = difference;
        return true;
    }
    if (is_temperature(a.kind) && b.kind == difference) {
        result->kind = CYC_KIND_TEMPERATURE;
        return true;
    }
    if (code == CYC_OP_ADD && a.kind == difference && is_temperature(b.kind)) {
        result->kind = CYC_KIND_TEMPERATURE;
        return true;
    }
    return meet(a, b, &result->kind) || refuse_mixture(code, a.kind, b.kind, fault);
}

static bool find_kind(const signed char *exponent, enum cyc_kind *kind)
{
    for (unsigned row = CYC_KIND_VOLTAGE; row < CYC_KIND_COUNT; row++) {
        if (kind_rows[row].dimensional &&
            memcmp(kind_rows[row].exponent, exponent, DIMENSIONS) == 0) {
            *kind = (enum cyc_kind)row;
            return true;
        }
    }
    return false;
}

/* 1/s is a frequency when a bare number was divided by a time, else a relative rate. */
static enum cyc_kind per_second(struct cyc_dim a)
{
    const bool plain = a.kind == CYC_KIND_NUMBER && !a.ratio;
    return plain ? CYC_KIND_FREQUENCY : CYC_KIND_FRACTION_RATE;
}

/* A product with a dimensionless factor, or a quotient by one, keeps the other's kind. */
static bool combine_scaled(enum cyc_op_code code, struct cyc_dim a, struct cyc_dim b,
                           struct cyc_dim *result)
{
    const bool free_a = is_dimensionless(a.kind);
    const bool free_b = is_dimensionless(b.kind);
    if (free_a && free_b) {
        const bool percent_a = a.kind == CYC_KIND_FRACTION;
        const bool percent_b = b.kind == CYC_KIND_FRACTION;
        const bool percent = code == CYC_OP_MUL ? percent_a || percent_b : percent_a && !percent_b;
        result->kind = percent ? CYC_KIND_FRACTION : CYC_KIND_NUMBER;
        result->ratio = !percent && (a.ratio || b.ratio || (code == CYC_OP_DIV && percent_a));
        return true;
    }
    if (free_b) {
        result->kind = a.kind;
        return true;
    }
    if (free_a && code == CYC_OP_MUL) {
        result->kind = b.kind;
        return true;
    }
    return false;
}

static bool combine_product(enum cyc_op_code code, struct cyc_dim a, struct cyc_dim b,
                            struct cyc_dim *result, double *factor, struct cyc_kind_fault *fault)
{
    const struct kind_row *const row_a = &kind_rows[a.kind];
    const struct kind_row *const row_b = &kind_rows[b.kind];
    if (is_temperature(a.kind) || is_temperature(b.kind)) {
        return refuse(fault, "a temperature in degC can be neither multiplied nor divided",
                      "take a difference first: temperature - 20 degC is in K");
    }
    if (!row_a->dimensional || !row_b->dimensional) {
        return refuse_mixture(code, a.kind, b.kind, fault);
    }
    if (combine_scaled(code, a, b, result)) {
        return true;
    }
    const int sign = code == CYC_OP_MUL ? 1 : -1;
    signed char exponent[DIMENSIONS];
    bool any = false;
    for (int i = 0; i < DIMENSIONS; i++) {
        exponent[i] = (signed char)(row_a->exponent[i] + sign * row_b->exponent[i]);
        any = any || exponent[i] != 0;
    }
    *factor = code == CYC_OP_MUL ? row_a->scale * row_b->scale : row_a->scale / row_b->scale;
    if (!any) {
        const bool relative =
            a.kind == CYC_KIND_FRACTION_RATE || b.kind == CYC_KIND_FRACTION_RATE;
        result->kind = relative && code == CYC_OP_MUL ? CYC_KIND_FRACTION : CYC_KIND_NUMBER;
        result->ratio = result->kind == CYC_KIND_NUMBER;
        return true;
    }
    if (!find_kind(exponent, &result->kind)) {
        (void)refuse_mixture(code, a.kind, b.kind, fault);
        if (fault != NULL) {
            (void)snprintf(fault->hint, sizeof fault->hint,
                           "the result would be no quantity of the language");
        }
        return false;
    }
    if (result->kind == CYC_KIND_FREQUENCY) {
        result->kind = per_second(a);
    }
    *factor /= kind_rows[result->kind].scale;
    return true;
}

static bool combine_comparison(enum cyc_op_code code, struct cyc_dim a, struct cyc_dim b,
                               struct cyc_dim *result, struct cyc_kind_fault *fault)
{
    enum cyc_kind kind;
    const bool equality = code == CYC_OP_EQ || code == CYC_OP_NE;
    result->kind = CYC_KIND_BOOLEAN;
    if (a.kind == CYC_KIND_BOOLEAN || b.kind == CYC_KIND_BOOLEAN) {
        return refuse(fault, "a condition cannot be compared",
                      "join comparisons with and, or; not (a < b) needs its parentheses");
    }
    if (a.kind == CYC_KIND_TEXT && b.kind == CYC_KIND_TEXT && !equality) {
        return refuse(fault, "texts are only equal (==) or not (~=)", "last.reason == \"voltage\"");
    }
    return meet(a, b, &kind) || refuse_mixture(code, a.kind, b.kind, fault);
}

bool cyc_kinds_combine(enum cyc_op_code code, struct cyc_dim a, struct cyc_dim b,
                       struct cyc_dim *result, double *factor, struct cyc_kind_fault *fault)
{
    *factor = 1.0;
    *result = (struct cyc_dim){CYC_KIND_NUMBER, false};
    if (code == CYC_OP_AND || code == CYC_OP_OR) {
        result->kind = CYC_KIND_BOOLEAN;
        return (a.kind == CYC_KIND_BOOLEAN && b.kind == CYC_KIND_BOOLEAN) ||
               refuse(fault, "and, or join conditions", "compare: time > 1 h and voltage > 4 V");
    }
    if (is_comparison(code)) {
        return combine_comparison(code, a, b, result, fault);
    }
    if (a.kind == CYC_KIND_BOOLEAN || b.kind == CYC_KIND_BOOLEAN || a.kind == CYC_KIND_TEXT ||
        b.kind == CYC_KIND_TEXT) {
        return refuse_mixture(code, a.kind, b.kind, fault);
    }
    if (code == CYC_OP_MUL || code == CYC_OP_DIV) {
        return combine_product(code, a, b, result, factor, fault);
    }
    result->ratio = a.ratio || b.ratio;
    bool fits;
    if (code == CYC_OP_ADD || code == CYC_OP_SUB) {
        fits = combine_sum(code, a, b, result, fault);
    } else {
        fits = meet(a, b, &result->kind) || refuse_mixture(code, a.kind, b.kind, fault);
    }
    result->ratio = result->ratio && result->kind == CYC_KIND_NUMBER;
    return fits;
}

bool cyc_kinds_unary(enum cyc_op_code code, struct cyc_dim a, struct cyc_dim *result,
                     struct cyc_kind_fault *fault)
{
    *result = a;
    if (code == CYC_OP_NOT) {
        return a.kind == CYC_KIND_BOOLEAN ||
               refuse(fault, "not belongs before a condition", "not (voltage > 4 V)");
    }
    if (code == CYC_OP_FLOOR && a.kind != CYC_KIND_NUMBER) {
        return refuse(fault, "floor takes a bare number",
                      "divide by a unit first: floor(capacity / 1 mAh)");
    }
    if (a.kind == CYC_KIND_BOOLEAN || a.kind == CYC_KIND_TEXT) {
        return refuse(fault, "a condition or text has no sign and no magnitude", "use a quantity");
    }
    if (is_temperature(a.kind)) {
        return refuse(fault, "a temperature in degC has no magnitude",
                      "take a difference first: abs(temperature - 30 degC) < 1 K");
    }
    return true;
}
