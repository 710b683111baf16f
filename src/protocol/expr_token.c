#include "protocol/expr_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct cyc_pos cyc_expr_place(const struct cyc_expr_parser *parser, const char *at, size_t size)
{
    struct cyc_pos pos = parser->pos;
    for (const char *p = parser->text; p < at; p++) {
        pos.column += ((unsigned char)*p & 0xc0u) != 0x80u ? 1u : 0u;
    }
    pos.width = 0;
    const size_t left = (size_t)(parser->text + parser->size - at);
    for (size_t i = 0; i < size; i++) { /* what breaks off is one wide, with nothing there */
        pos.width += i >= left || ((unsigned char)at[i] & 0xc0u) != 0x80u ? 1u : 0u;
    }
    return pos;
}

struct cyc_expr *cyc_expr_refuse(struct cyc_expr_parser *parser, struct cyc_pos pos,
                                 const char *hint, const char *format, ...)
{
    if (parser->failed) {
        return NULL;
    }
    char message[CYC_ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    struct cyc_diag *const diag =
        cyc_diags_add(parser->diags, CYC_SEVERITY_ERROR, pos, "%s", message);
    if (hint != NULL) {
        diag->hint = cyc_diags_format(parser->diags, "%s", hint);
    }
    parser->failed = true;
    return NULL;
}

bool cyc_expr_is(const struct cyc_expr_parser *parser, const char *word)
{
    const struct cyc_token *const token = &parser->token;
    return (token->type == CYC_TOKEN_WORD || token->type == CYC_TOKEN_OPERATOR) &&
           strlen(word) == token->size && memcmp(word, token->text, token->size) == 0;
}

/* `C/20` is a quantity although it begins with a letter. */
static bool begins_c_rate(const char *p, const char *end)
{
    return end - p > 2 && p[0] == 'C' && p[1] == '/' && is_digit(p[2]);
}

static size_t word_size(const char *p, const char *end)
{
    const char *q = p;
    while (q < end && (is_letter(*q) || is_digit(*q))) {
        q++;
    }
    const size_t size = (size_t)(q - p);
    const bool slope = size == 2 && p[0] == 'd' && strchr("VIT", p[1]) != NULL && end - q >= 3 &&
                       memcmp(q, "/dt", 3) == 0;
    const bool ends = slope && (end - q == 3 || !(is_letter(q[3]) || is_digit(q[3])));
    return ends ? size + 3 : size;
}

/* A number that goes on with a word that is no unit: the parser of quantities says it best. */
static void refuse_unit(struct cyc_expr_parser *parser, const char *from, const char *rest)
{
    const char *const end = parser->text + parser->size;
    const char *to = rest;
    while (to < end && !is_blank(*to) && strchr(")],<>=~+*", *to) == NULL && to - from < 80) {
        to++;
    }
    struct cyc_quantity quantity;
    struct cyc_err err = {0};
    if (cyc_quantity_parse(from, (size_t)(to - from), &quantity, &err) == CYC_OK) {
        (void)cyc_copy(err.text, sizeof err.text, "an operator is missing here");
    }
    (void)cyc_expr_refuse(parser, cyc_expr_place(parser, from, (size_t)(to - from)), NULL, "%s",
                          err.text);
}

static bool is_word(const char *p, size_t size, const char *word)
{
    return strlen(word) == size && memcmp(p, word, size) == 0;
}

static void scan_quantity(struct cyc_expr_parser *parser, const char *from)
{
    const char *const end = parser->text + parser->size;
    struct cyc_token *const token = &parser->token;
    struct cyc_err err = {0};
    size_t used = 0;
    if (cyc_quantity_scan(from, (size_t)(end - from), &token->quantity, &used, &err) != CYC_OK ||
        used == 0) {
        size_t size = word_size(from, end);
        size = size > 0 ? size : 1;
        (void)cyc_expr_refuse(parser, cyc_expr_place(parser, from, size), NULL, "%s", err.text);
        return;
    }
    token->type = CYC_TOKEN_QUANTITY;
    token->size = used;
    parser->at = (size_t)(from - parser->text) + used;
    const char *rest = from + used;
    while (rest < end && is_blank(*rest)) {
        rest++;
    }
    if (rest >= end || (unsigned char)*rest == '"') {
        return;
    }
    const size_t size = word_size(rest, end);
    const bool joins = is_word(rest, size, "and") || is_word(rest, size, "or") ||
                       is_word(rest, size, "vs");
    const bool letter = is_letter(*rest) || (unsigned char)*rest >= 0x80u;
    if ((letter && !joins) || *rest == ':' || *rest == '.') {
        refuse_unit(parser, from, rest);
    } else if (is_digit(*rest)) {
        const bool percent = from[used - 1] == '%';
        (void)cyc_expr_refuse(parser, cyc_expr_place(parser, rest, 1),
                              percent ? "% after a number means percent; the remainder is mod(a, b)"
                                      : "durations are written as one number: 1.5 h",
                              "an operator is missing here");
    }
}

static void scan_string(struct cyc_expr_parser *parser, const char *from)
{
    const char *const end = parser->text + parser->size;
    const char *const close = memchr(from + 1, *from, (size_t)(end - from - 1));
    if (close == NULL) {
        (void)cyc_expr_refuse(parser, cyc_expr_place(parser, from, 1), NULL,
                              "this quotation mark has no second one");
        return;
    }
    parser->token.type = CYC_TOKEN_STRING;
    parser->token.text = from + 1;
    parser->token.size = (size_t)(close - from - 1);
    parser->at = (size_t)(close + 1 - parser->text);
}

/* Operators of other languages, answered with ours. */
static const struct {
    const char *text;
    const char *hint;
} foreign[] = {
    {"!=", "not equal is written ~="},
    {"<>", "not equal is written ~="},
    {"&&", "both conditions: and"},
    {"||", "either condition: or"},
    {"//", "floor(a / b) divides to a whole number"},
    {"..", "texts cannot be joined here"},
    {"=>", "greater or equal is written >="},
    {"=<", "less or equal is written <="},
    {"^", "there are no powers; multiply"},
    {"!", "negation is written not"},
    {"=", "equality is written =="},
    {"≥", "greater or equal is written >="},
    {"≤", "less or equal is written <="},
    {"&", "both conditions: and"},
    {"|", "either condition: or"},
    {"{", "there are no tables here"},
    {",", "decimals are written with a point: 1.5"},
    {":", "times are written with a unit: 1.5 h"},
};

static void scan_operator(struct cyc_expr_parser *parser, const char *from)
{
    static const char *const operators[] = {"==", "~=", "<=", ">=", "<", ">", "+", "-", "*",
                                            "/",  "%",  "(",  ")",  "[", "]", ",", "."};
    const size_t left = parser->size - (size_t)(from - parser->text);
    const char *hint = NULL;
    size_t size = 1;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0] && hint == NULL; i++) {
        const size_t length = strlen(foreign[i].text);
        const bool equals = *from == '=' && left > 1 && from[1] == '=';
        const bool comma = *from == ',' && parser->nesting > 0;
        if (length <= left && memcmp(from, foreign[i].text, length) == 0 && !equals && !comma) {
            hint = foreign[i].hint;
            size = length;
        }
    }
    for (size_t i = 0; i < sizeof operators / sizeof operators[0] && hint == NULL; i++) {
        const size_t length = strlen(operators[i]);
        if (length <= left && memcmp(from, operators[i], length) == 0) {
            parser->token.type = CYC_TOKEN_OPERATOR;
            parser->token.size = length;
            parser->at = (size_t)(from - parser->text) + length;
            return;
        }
    }
    while (hint == NULL && size < left && ((unsigned char)from[size] & 0xc0u) == 0x80u) {
        size++; /* one whole character of UTF-8 */
    }
    const bool printable = (unsigned char)*from >= 0x20u && (unsigned char)*from != 0x7fu;
    (void)cyc_expr_refuse(parser, cyc_expr_place(parser, from, size), hint,
                          "'%.*s' has no meaning in an expression", printable ? (int)size : 1,
                          printable ? from : "?");
}

void cyc_expr_advance(struct cyc_expr_parser *parser)
{
    while (parser->at < parser->size && is_blank(parser->text[parser->at])) {
        parser->at++;
    }
    const char *const from = parser->text + parser->at;
    parser->token = (struct cyc_token){.type = CYC_TOKEN_END, .text = from};
    if (parser->failed || parser->at >= parser->size) {
        return;
    }
    const char *const end = parser->text + parser->size;
    const bool decimal = *from == '.' && end - from > 1 && is_digit(from[1]);
    if (is_digit(*from) || decimal || begins_c_rate(from, end)) {
        scan_quantity(parser, from);
    } else if (is_letter(*from)) {
        parser->token.type = CYC_TOKEN_WORD;
        parser->token.size = word_size(from, end);
        parser->at += parser->token.size;
    } else if (*from == '"' || *from == '\'') {
        scan_string(parser, from);
    } else {
        scan_operator(parser, from);
    }
}
