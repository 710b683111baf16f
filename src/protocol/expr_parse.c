/* From text to typed tree.
 *
 *     expression := comparison, sums, products, signs with Lua's precedence
 *                   or < and < comparisons < + - < * / % < not, unary -
 *     primary    := quantity ["vs" electrode] | string | name | function "(" … ")" | "(" … ")"
 *
 * Precedence climbing; the recursion is bounded by CYC_EXPR_NESTING_MAX for what stands inside
 * brackets or behind signs and by CYC_EXPR_NODES_MAX for everything. Kinds are decided bottom-up as
 * the nodes are made (kinds.c), so a mistake is reported at the operator or operand that makes it,
 * and only the first one of a text.
 *
 * Voltages. A potential (measured, or a literal with `vs`) minus a potential is a distance; a
 * literal without `vs` that is compared with a potential is remembered (`bare`), because it then
 * means a potential against the protocol's own reference electrode.
 */
#include "core/core.h"
#include "protocol/expr_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 4096 };

struct cyc_expr *cyc_expr_node(struct cyc_expr_parser *parser, enum cyc_expr_type type,
                               enum cyc_kind kind, struct cyc_pos pos)
{
    if (parser->failed) {
        return NULL;
    }
    if (++parser->nodes > CYC_EXPR_NODES_MAX) {
        return cyc_expr_refuse(parser, pos, "split it with let",
                               "an expression has at most %d operands and operators",
                               CYC_EXPR_NODES_MAX);
    }
    struct cyc_expr *const node = cyc_arena_alloc(parser->arena, sizeof *node);
    if (node == NULL) {
        return cyc_expr_refuse(parser, pos, NULL, "out of memory");
    }
    node->type = type;
    node->dim.kind = kind;
    node->pos = pos;
    node->factor = 1.0;
    node->depth = 1;
    return node;
}

static void inherit(struct cyc_expr *node, const struct cyc_expr *child)
{
    node->present = node->present || child->present;
    node->history = node->history || child->history;
    node->named = node->named || child->named;
    node->bare = node->bare || child->bare;
}

/* A node that reads nothing outside the text becomes its value. */
static struct cyc_expr *fold(struct cyc_expr *node)
{
    double value;
    if (node->present || node->history ||
        cyc_expr_evaluate(node, NULL, &value, NULL) != CYC_OK) {
        return node;
    }
    node->type = CYC_EXPR_CONSTANT;
    node->value = value;
    node->a = NULL;
    node->b = NULL;
    node->depth = 1;
    return node;
}

static struct cyc_expr *refuse_kinds(struct cyc_expr_parser *parser, struct cyc_pos pos,
                                     const struct cyc_kind_fault *fault)
{
    return cyc_expr_refuse(parser, pos, fault->hint, "%s", fault->message);
}

static struct cyc_expr *make_unary(struct cyc_expr_parser *parser, enum cyc_op_code code,
                                   struct cyc_expr *a, struct cyc_pos pos)
{
    struct cyc_kind_fault fault;
    struct cyc_dim dim;
    if (a == NULL) {
        return NULL;
    }
    const bool literal = a->type == CYC_EXPR_CONSTANT && code == CYC_OP_NEG;
    if (literal && a->dim.kind == CYC_KIND_TEMPERATURE) {
        a->value = -a->value;
        return a;
    }
    if (!cyc_kinds_unary(code, a->dim, &dim, &fault)) {
        return refuse_kinds(parser, pos, &fault);
    }
    struct cyc_expr *const node = cyc_expr_node(parser, CYC_EXPR_UNARY, dim.kind, pos);
    if (node == NULL) {
        return NULL;
    }
    node->dim = dim;
    node->code = code;
    node->a = a;
    node->depth = a->depth;
    node->anchor = a->anchor;
    inherit(node, a);
    return fold(node);
}

static bool is_sum(enum cyc_op_code code)
{
    return code == CYC_OP_ADD || code == CYC_OP_SUB;
}

static void set_anchor(struct cyc_expr *node, enum cyc_op_code code, const struct cyc_expr *a,
                       const struct cyc_expr *b)
{
    const bool point_a = a->anchor == CYC_ANCHOR_POINT;
    const bool point_b = b->anchor == CYC_ANCHOR_POINT;
    const bool meets = !is_sum(code) && code != CYC_OP_MUL && code != CYC_OP_DIV;
    const struct cyc_expr *const other = point_a ? b : a;
    if (code == CYC_OP_SUB && point_a && point_b) {
        node->anchor = CYC_ANCHOR_DISTANCE;
    } else if (point_a || point_b) {
        node->anchor = CYC_ANCHOR_POINT;
    }
    node->bare = node->bare || (meets && point_a != point_b && other->type == CYC_EXPR_CONSTANT &&
                                other->anchor == CYC_ANCHOR_FREE &&
                                other->dim.kind == CYC_KIND_VOLTAGE);
}

static bool lacks_unit(const struct cyc_expr *expr, const struct cyc_expr *other)
{
    return expr->type == CYC_EXPR_CONSTANT && expr->dim.kind == CYC_KIND_NUMBER &&
           other->dim.kind != CYC_KIND_TEMPERATURE && other->dim.kind != CYC_KIND_BOOLEAN;
}

/* Where a mixture of kinds is shown: at the operand without a unit, else at the operator. */
static struct cyc_pos blame(const struct cyc_expr *a, const struct cyc_expr *b, struct cyc_pos pos)
{
    return lacks_unit(b, a) ? b->pos : lacks_unit(a, b) ? a->pos : pos;
}

static struct cyc_expr *make_binary(struct cyc_expr_parser *parser, enum cyc_op_code code,
                                    struct cyc_expr *a, struct cyc_expr *b, struct cyc_pos pos);

/* 1 %/h beside a rate of current: of the present current's magnitude. */
static struct cyc_expr *relative_rate(struct cyc_expr_parser *parser, struct cyc_expr *rate)
{
    if (rate == NULL || rate->dim.kind != CYC_KIND_FRACTION_RATE) {
        return rate;
    }
    struct cyc_expr *const current =
        cyc_expr_node(parser, CYC_EXPR_SIGNAL, CYC_KIND_CURRENT, rate->pos);
    if (current == NULL) {
        return NULL;
    }
    current->op = (struct cyc_op){.code = CYC_OP_SIGNAL, .signal = CYC_SIGNAL_CURRENT};
    current->present = true;
    struct cyc_expr *const magnitude = make_unary(parser, CYC_OP_ABS, current, rate->pos);
    return make_binary(parser, CYC_OP_MUL, rate, magnitude, rate->pos);
}

/* What `abs(dI/dt) < c` can mean: c is positive, and a current that changes by ten times itself in
 * an hour is not steady. */
static bool check_relative(struct cyc_expr_parser *parser, enum cyc_op_code code,
                           const struct cyc_expr *slope, const struct cyc_expr *rate)
{
    const double odd_per_s = 10.0 / 3600.0;
    const bool magnitude = slope->type == CYC_EXPR_UNARY && slope->code == CYC_OP_ABS;
    if (rate->dim.kind != CYC_KIND_FRACTION_RATE || rate->type != CYC_EXPR_CONSTANT || !magnitude) {
        return true;
    }
    if (rate->value <= 0.0) {
        (void)cyc_expr_refuse(parser, rate->pos, "leave out the sign: abs(dI/dt) < 1 %/h",
                              "a magnitude is never negative");
        return false;
    }
    if (rate->value > odd_per_s && (code == CYC_OP_LT || code == CYC_OP_LE)) {
        struct cyc_diag *const diag =
            cyc_diags_add(parser->diags, CYC_SEVERITY_WARNING, rate->pos,
                          "a current that changes so fast is not steady: the condition holds at "
                          "once");
        diag->hint = "a steady current: abs(dI/dt) < 1 %/h";
    }
    return true;
}

static bool is_comparison(enum cyc_op_code code)
{
    return code >= CYC_OP_LT && code <= CYC_OP_NE;
}

/* A slope of zero would have to be watched for ever to be told from noise. */
static bool compares_slope_with_zero(const struct cyc_expr *a, const struct cyc_expr *b)
{
    const struct cyc_expr *inner = a;
    while (inner->type == CYC_EXPR_UNARY) {
        inner = inner->a;
    }
    return inner->type == CYC_EXPR_SLOPE && b->type == CYC_EXPR_CONSTANT && b->value == 0.0;
}

static bool check_texts(struct cyc_expr_parser *parser, const struct cyc_expr *a,
                        const struct cyc_expr *b, struct cyc_pos pos)
{
    if (a->dim.kind == CYC_KIND_TEXT && b->dim.kind == CYC_KIND_TEXT &&
        a->type == CYC_EXPR_CONSTANT && b->type == CYC_EXPR_CONSTANT) {
        (void)cyc_expr_refuse(parser, pos, "last.reason == \"voltage\"",
                              "two fixed texts need no comparison");
        return false;
    }
    return true;
}

static struct cyc_expr *make_binary(struct cyc_expr_parser *parser, enum cyc_op_code code,
                                    struct cyc_expr *a, struct cyc_expr *b, struct cyc_pos pos)
{
    struct cyc_kind_fault fault;
    struct cyc_dim dim;
    double factor;
    if (a != NULL && b != NULL && is_comparison(code)) {
        if (a->dim.kind == CYC_KIND_CURRENT_RATE) {
            b = check_relative(parser, code, a, b) ? relative_rate(parser, b) : NULL;
        } else if (b->dim.kind == CYC_KIND_CURRENT_RATE) {
            a = relative_rate(parser, a);
        }
    }
    if (a == NULL || b == NULL || !check_texts(parser, a, b, pos)) {
        return NULL;
    }
    if (!cyc_kinds_combine(code, a->dim, b->dim, &dim, &factor, &fault)) {
        return refuse_kinds(parser, blame(a, b, pos), &fault);
    }
    if (is_comparison(code) &&
        (compares_slope_with_zero(a, b) || compares_slope_with_zero(b, a))) {
        return cyc_expr_refuse(parser, pos, "state the slope that matters: dV/dt < -1 mV/h",
                               "a slope cannot be told from zero");
    }
    struct cyc_expr *const node = cyc_expr_node(parser, CYC_EXPR_BINARY, dim.kind, pos);
    if (node == NULL) {
        return NULL;
    }
    node->dim = dim;
    node->code = code;
    node->a = a;
    node->b = b;
    node->factor = factor;
    node->depth = (uint16_t)(a->depth > b->depth ? a->depth : b->depth + 1);
    inherit(node, a);
    inherit(node, b);
    set_anchor(node, code, a, b);
    if (node->depth > CYC_STACK_MAX) {
        return cyc_expr_refuse(parser, pos, "split it with let",
                               "computing this needs %d values at once, at most %d",
                               (int)node->depth, CYC_STACK_MAX);
    }
    return fold(node);
}

/* ---- Primaries ----------------------------------------------------------------------------------- */

/* `vs Li/Li+`: up to the next blank or bracket. */
static bool parse_electrode(struct cyc_expr_parser *parser, struct cyc_expr *node)
{
    const struct cyc_expr_scope *const scope = parser->scope;
    const struct cyc_pos vs = cyc_expr_place(parser, parser->token.text, parser->token.size);
    const char *const end = parser->text + parser->size;
    const char *name = parser->text + parser->at;
    while (name < end && (*name == ' ' || *name == '\t')) {
        name++;
    }
    const char *stop = name;
    while (stop < end && strchr(" \t\r\n),", *stop) == NULL) {
        stop++;
    }
    const size_t size = (size_t)(stop - name);
    if (node->dim.kind != CYC_KIND_VOLTAGE) {
        (void)cyc_expr_refuse(parser, vs, "leave out vs", "%s has no reference electrode",
                              cyc_kind_phrase(node->dim.kind));
        return false;
    }
    if (size == 0) {
        (void)cyc_expr_refuse(parser, vs, "4.6 V vs Li/Li+", "vs names no electrode");
        return false;
    }
    struct cyc_err err = {0};
    double offset_V = 0.0;
    const struct cyc_pos place = cyc_expr_place(parser, name, size);
    if (scope->reference_offset == NULL) {
        (void)cyc_expr_refuse(parser, vs, "leave out vs: this is a voltage of the cell or a "
                              "difference", "vs is not allowed here");
        return false;
    }
    if (scope->reference_offset(scope->context, name, size, &offset_V, &err) != CYC_OK) {
        (void)cyc_expr_refuse(parser, place, NULL, "%s", err.text);
        return false;
    }
    node->value -= offset_V;
    node->anchor = CYC_ANCHOR_POINT;
    node->named = true;
    node->pos.width = place.column + place.width - node->pos.column;
    parser->at = (size_t)(stop - parser->text);
    cyc_expr_advance(parser);
    return true;
}

static struct cyc_expr *parse_quantity(struct cyc_expr_parser *parser)
{
    static const struct cyc_expr_scope empty;
    const struct cyc_quantity quantity = parser->token.quantity;
    const struct cyc_pos pos = cyc_expr_place(parser, parser->token.text, parser->token.size);
    const bool c_rate = quantity.basis == CYC_BASIS_C_RATE && parser->scope != NULL &&
                        parser->scope->one_c_varies;
    struct cyc_expr *const node =
        cyc_expr_node(parser, c_rate ? CYC_EXPR_C_RATE : CYC_EXPR_CONSTANT, quantity.kind, pos);
    if (node == NULL) {
        return NULL;
    }
    const struct cyc_expr_scope *const scope = parser->scope != NULL ? parser->scope : &empty;
    const struct cyc_cell_basis none = cyc_cell_basis_none();
    struct cyc_err err = {0};
    if (cyc_quantity_resolve(&quantity, scope->cell != NULL ? scope->cell : &none, &node->value,
                             &err) != CYC_OK) {
        return cyc_expr_refuse(parser, pos, NULL, "%s", err.text);
    }
    node->c_rate_per_h = quantity.value;
    node->history = c_rate;
    cyc_expr_advance(parser);
    if (cyc_expr_is(parser, "vs") && !parse_electrode(parser, node)) {
        return NULL;
    }
    return parser->failed ? NULL : node;
}

static struct cyc_expr *parse_string(struct cyc_expr_parser *parser)
{
    char word[32];
    const char *reasons[CYC_REASON_FAULT + 2] = {0};
    const struct cyc_token token = parser->token;
    const struct cyc_pos pos = cyc_expr_place(parser, token.text - 1, token.size + 2);
    const size_t size = token.size < sizeof word - 1 ? token.size : sizeof word - 1;
    memcpy(word, token.text, size);
    word[size] = '\0';
    for (int reason = CYC_REASON_VOLTAGE; reason <= CYC_REASON_FAULT; reason++) {
        reasons[reason - CYC_REASON_VOLTAGE] = cyc_reason_name((enum cyc_reason)reason);
        if (strcmp(word, reasons[reason - CYC_REASON_VOLTAGE]) == 0) {
            struct cyc_expr *const node =
                cyc_expr_node(parser, CYC_EXPR_CONSTANT, CYC_KIND_TEXT, pos);
            if (node != NULL) {
                node->value = reason;
                cyc_expr_advance(parser);
            }
            return node;
        }
    }
    const char *const nearest = cyc_nearest(word, reasons);
    return cyc_expr_refuse(parser, pos,
                           nearest != NULL ? nearest
                                           : "voltage current time capacity energy temperature "
                                             "pressure condition operator",
                           "no step ends for the reason \"%s\"", word);
}

static bool expect(struct cyc_expr_parser *parser, const char *word)
{
    if (cyc_expr_is(parser, word)) {
        cyc_expr_advance(parser);
        return !parser->failed;
    }
    const bool at_end = parser->token.type == CYC_TOKEN_END;
    (void)cyc_expr_refuse(parser, cyc_expr_place(parser, parser->token.text, parser->token.size),
                          "brackets come in pairs",
                          at_end ? "%s is missing at the end" : "%s is missing here", word);
    return false;
}

struct function_row {
    const char *name;
    enum cyc_op_code code;
    int arguments; /* 2: at least two, for min and max more */
};
static const struct function_row functions[] = {
    {"abs", CYC_OP_ABS, 1}, {"floor", CYC_OP_FLOOR, 1}, {"min", CYC_OP_MIN, 2},
    {"max", CYC_OP_MAX, 2}, {"mod", CYC_OP_MOD, 2},
};

static struct cyc_expr *parse_call(struct cyc_expr_parser *parser, const struct function_row *row)
{
    const struct cyc_pos pos = cyc_expr_place(parser, parser->token.text, parser->token.size);
    cyc_expr_advance(parser);
    if (!expect(parser, "(")) {
        return NULL;
    }
    struct cyc_expr *node = cyc_expr_parse_any(parser);
    int count = 1;
    while (node != NULL && cyc_expr_is(parser, ",")) {
        cyc_expr_advance(parser);
        if (row->arguments == 1) {
            return cyc_expr_refuse(parser, pos, NULL, "%s takes one argument", row->name);
        }
        node = make_binary(parser, row->code, node, cyc_expr_parse_any(parser), pos);
        count++;
    }
    if (node == NULL || !expect(parser, ")")) {
        return NULL;
    }
    if (count < row->arguments || (row->code == CYC_OP_MOD && count > 2)) {
        return cyc_expr_refuse(parser, pos, NULL, "%s takes %s", row->name,
                               row->code == CYC_OP_MOD ? "two arguments: mod(a, b)"
                                                       : "at least two arguments");
    }
    return row->arguments == 1 ? make_unary(parser, row->code, node, pos) : node;
}

static struct cyc_expr *parse_primary(struct cyc_expr_parser *parser)
{
    const struct cyc_token token = parser->token;
    if (parser->failed) {
        return NULL;
    }
    if (token.type == CYC_TOKEN_QUANTITY) {
        return parse_quantity(parser);
    }
    if (token.type == CYC_TOKEN_STRING) {
        return parse_string(parser);
    }
    if (cyc_expr_is(parser, "(")) {
        cyc_expr_advance(parser);
        struct cyc_expr *const inner = cyc_expr_parse_any(parser);
        return inner != NULL && expect(parser, ")") ? inner : NULL;
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (token.type == CYC_TOKEN_WORD && cyc_expr_is(parser, functions[i].name)) {
            return parse_call(parser, &functions[i]);
        }
    }
    if (token.type == CYC_TOKEN_WORD) {
        return cyc_expr_parse_name(parser);
    }
    const bool at_end = token.type == CYC_TOKEN_END;
    return cyc_expr_refuse(parser, cyc_expr_place(parser, token.text, token.size),
                           "a quantity, a number or a name is due, such as 4.2 V or voltage",
                           at_end ? "the expression breaks off here"
                                  : "a value is missing before this");
}

/* ---- Operators ----------------------------------------------------------------------------------- */

struct operator_row {
    const char *text;
    enum cyc_op_code code;
    int binding;
};
static const struct operator_row operators[] = {
    {"or", CYC_OP_OR, 1},  {"and", CYC_OP_AND, 2}, {"<", CYC_OP_LT, 3},  {"<=", CYC_OP_LE, 3},
    {">", CYC_OP_GT, 3},   {">=", CYC_OP_GE, 3},   {"==", CYC_OP_EQ, 3}, {"~=", CYC_OP_NE, 3},
    {"+", CYC_OP_ADD, 4},  {"-", CYC_OP_SUB, 4},   {"*", CYC_OP_MUL, 5}, {"/", CYC_OP_DIV, 5},
    {"%", CYC_OP_MOD, 5},
};

static const struct operator_row *find_operator(const struct cyc_expr_parser *parser)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (cyc_expr_is(parser, operators[i].text)) {
            return &operators[i];
        }
    }
    return NULL;
}

static struct cyc_expr *parse_unary(struct cyc_expr_parser *parser)
{
    const bool negative = cyc_expr_is(parser, "-");
    if (!negative && !cyc_expr_is(parser, "not")) {
        return parse_primary(parser);
    }
    const struct cyc_pos pos = cyc_expr_place(parser, parser->token.text, parser->token.size);
    if (++parser->nesting > CYC_EXPR_NESTING_MAX) {
        return cyc_expr_refuse(parser, pos, NULL, "this is nested more than %d deep",
                               CYC_EXPR_NESTING_MAX);
    }
    cyc_expr_advance(parser);
    struct cyc_expr *const operand = parse_unary(parser);
    parser->nesting--;
    return make_unary(parser, negative ? CYC_OP_NEG : CYC_OP_NOT, operand, pos);
}

static struct cyc_expr *parse_binary(struct cyc_expr_parser *parser, int binding)
{
    struct cyc_expr *left = parse_unary(parser);
    const struct operator_row *row = find_operator(parser);
    while (left != NULL && row != NULL && row->binding >= binding) {
        const struct cyc_pos pos = cyc_expr_place(parser, parser->token.text, parser->token.size);
        cyc_expr_advance(parser);
        left = make_binary(parser, row->code, left, parse_binary(parser, row->binding + 1), pos);
        row = find_operator(parser);
    }
    return left;
}

struct cyc_expr *cyc_expr_parse_any(struct cyc_expr_parser *parser)
{
    if (++parser->nesting > CYC_EXPR_NESTING_MAX) {
        return cyc_expr_refuse(parser, cyc_expr_place(parser, parser->token.text, 1), NULL,
                               "this is nested more than %d deep", CYC_EXPR_NESTING_MAX);
    }
    struct cyc_expr *const node = parse_binary(parser, 1);
    parser->nesting--;
    return node;
}

const struct cyc_expr *cyc_expr_parse(const char *text, size_t size, struct cyc_pos pos,
                                      const struct cyc_expr_scope *scope,
                                      struct cyc_arena *arena, struct cyc_diags *diags)
{
    struct cyc_expr_parser parser = {
        .text = text, .size = size, .pos = pos, .scope = scope, .arena = arena, .diags = diags};
    if (size > TEXT_MAX) {
        return cyc_expr_refuse(&parser, pos, "split it with let",
                               "an expression has at most %d characters", TEXT_MAX);
    }
    cyc_expr_advance(&parser);
    struct cyc_expr *const node = cyc_expr_parse_any(&parser);
    if (node != NULL && !parser.failed && parser.token.type != CYC_TOKEN_END) {
        const bool word = parser.token.type == CYC_TOKEN_WORD;
        return cyc_expr_refuse(&parser,
                               cyc_expr_place(&parser, parser.token.text, parser.token.size),
                               word ? "several conditions are joined with and, or" : NULL,
                               "an operator is missing before this");
    }
    return parser.failed ? NULL : node;
}

const struct cyc_expr *cyc_expr_constant(double value, enum cyc_kind kind, struct cyc_pos pos,
                                         struct cyc_arena *arena)
{
    struct cyc_expr *const node = cyc_arena_alloc(arena, sizeof *node);
    if (node != NULL) {
        *node = (struct cyc_expr){.type = CYC_EXPR_CONSTANT, .dim = {kind, false}, .pos = pos,
                                  .value = value, .factor = 1.0, .depth = 1};
    }
    return node;
}
