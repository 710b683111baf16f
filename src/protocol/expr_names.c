#include "protocol/expr_int.h"

#include <stdio.h>
#include <string.h>

#define NONE CYC_SIGNAL_COUNT
#define NOW  (CYC_NAME_NOW | CYC_NAME_RESULT)
#define SUM  (CYC_NAME_STEP | CYC_NAME_SUM | CYC_NAME_RESULT | CYC_NAME_CYCLE)

static const struct cyc_expr_name names[] = {
    {"voltage", CYC_FIELD_VOLTAGE, CYC_SIGNAL_VOLTAGE, CYC_KIND_VOLTAGE, NOW},
    {"current", CYC_FIELD_CURRENT, CYC_SIGNAL_CURRENT, CYC_KIND_CURRENT, NOW},
    {"power", CYC_FIELD_POWER, CYC_SIGNAL_POWER, CYC_KIND_POWER, NOW},
    {"temperature", CYC_FIELD_TEMPERATURE, CYC_SIGNAL_TEMPERATURE, CYC_KIND_TEMPERATURE, NOW},
    {"ambient_temperature", CYC_FIELD_AMBIENT_TEMPERATURE, CYC_SIGNAL_AMBIENT,
     CYC_KIND_TEMPERATURE, NOW},
    {"pressure", CYC_FIELD_PRESSURE, CYC_SIGNAL_PRESSURE, CYC_KIND_PRESSURE, NOW},
    {"peak", CYC_FIELD_PEAK, CYC_SIGNAL_PEAK, CYC_KIND_VOLTAGE, NOW},
    {"soc", CYC_FIELD_NONE, NONE, CYC_KIND_FRACTION, CYC_NAME_NOW},
    {"dV/dt", CYC_FIELD_NONE, CYC_SIGNAL_VOLTAGE, CYC_KIND_VOLTAGE_RATE, CYC_NAME_NOW},
    {"dI/dt", CYC_FIELD_NONE, CYC_SIGNAL_CURRENT, CYC_KIND_CURRENT_RATE, CYC_NAME_NOW},
    {"dT/dt", CYC_FIELD_NONE, CYC_SIGNAL_TEMPERATURE, CYC_KIND_TEMPERATURE_RATE, CYC_NAME_NOW},
    {"time", CYC_FIELD_TIME, CYC_SIGNAL_TIME, CYC_KIND_TIME, SUM},
    {"hold_time", CYC_FIELD_HOLD_TIME, CYC_SIGNAL_HOLD_TIME, CYC_KIND_TIME,
     CYC_NAME_STEP | CYC_NAME_RESULT},
    {"charge_capacity", CYC_FIELD_CHARGE_CAPACITY, CYC_SIGNAL_CHARGE_CAPACITY, CYC_KIND_CAPACITY,
     SUM},
    {"discharge_capacity", CYC_FIELD_DISCHARGE_CAPACITY, CYC_SIGNAL_DISCHARGE_CAPACITY,
     CYC_KIND_CAPACITY, SUM},
    {"net_capacity", CYC_FIELD_NET_CAPACITY, CYC_SIGNAL_NET_CAPACITY, CYC_KIND_CAPACITY, SUM},
    {"capacity", CYC_FIELD_CAPACITY, CYC_SIGNAL_CAPACITY, CYC_KIND_CAPACITY, SUM},
    {"charge_energy", CYC_FIELD_CHARGE_ENERGY, CYC_SIGNAL_CHARGE_ENERGY, CYC_KIND_ENERGY, SUM},
    {"discharge_energy", CYC_FIELD_DISCHARGE_ENERGY, CYC_SIGNAL_DISCHARGE_ENERGY, CYC_KIND_ENERGY,
     SUM},
    {"energy", CYC_FIELD_ENERGY, CYC_SIGNAL_ENERGY, CYC_KIND_ENERGY, SUM},
    {"mean_voltage", CYC_FIELD_MEAN_VOLTAGE, NONE, CYC_KIND_VOLTAGE, CYC_NAME_RESULT},
    {"start_voltage", CYC_FIELD_START_VOLTAGE, NONE, CYC_KIND_VOLTAGE, CYC_NAME_RESULT},
    {"specific_capacity", CYC_FIELD_SPECIFIC_CAPACITY, NONE, CYC_KIND_CAPACITY, CYC_NAME_RESULT},
    {"cc_capacity", CYC_FIELD_CC_CAPACITY, NONE, CYC_KIND_CAPACITY, CYC_NAME_RESULT},
    {"cv_capacity", CYC_FIELD_CV_CAPACITY, NONE, CYC_KIND_CAPACITY, CYC_NAME_RESULT},
    {"resistance", CYC_FIELD_RESISTANCE, NONE, CYC_KIND_RESISTANCE, CYC_NAME_RESULT},
    {"reason", CYC_FIELD_REASON, NONE, CYC_KIND_TEXT, CYC_NAME_RESULT},
    {"number", CYC_FIELD_NUMBER, NONE, CYC_KIND_NUMBER, CYC_NAME_CYCLE},
    {"pass", CYC_FIELD_PASS, NONE, CYC_KIND_NUMBER, CYC_NAME_CYCLE},
    {"coulombic_efficiency", CYC_FIELD_COULOMBIC_EFFICIENCY, NONE, CYC_KIND_FRACTION,
     CYC_NAME_CYCLE},
    {"energy_efficiency", CYC_FIELD_ENERGY_EFFICIENCY, NONE, CYC_KIND_FRACTION, CYC_NAME_CYCLE},
    {"mean_charge_voltage", CYC_FIELD_MEAN_CHARGE_VOLTAGE, NONE, CYC_KIND_VOLTAGE, CYC_NAME_CYCLE},
    {"mean_discharge_voltage", CYC_FIELD_MEAN_DISCHARGE_VOLTAGE, NONE, CYC_KIND_VOLTAGE,
     CYC_NAME_CYCLE},
    {"retention", CYC_FIELD_RETENTION, NONE, CYC_KIND_FRACTION, CYC_NAME_CYCLE},
};

enum { NAME_COUNT = sizeof names / sizeof names[0] };

static const char *const reserved[] = {
    /* names of the language */
    "voltage", "current", "power", "temperature", "ambient_temperature", "pressure", "peak", "soc",
    "time", "hold_time", "charge_capacity", "discharge_capacity", "net_capacity", "capacity",
    "charge_energy", "discharge_energy", "energy", "mean_voltage", "start_voltage",
    "specific_capacity", "cc_capacity", "cv_capacity", "resistance", "reason", "number", "pass",
    "coulombic_efficiency", "energy_efficiency", "mean_charge_voltage", "mean_discharge_voltage",
    "retention", "block", "cycle", "test", "cycles", "step", "first", "previous", "best", "last",
    "last_charge", "last_discharge", "full_capacity", "one_c", "abs", "min", "max", "floor", "mod",
    "vs", "C", "dV", "dI", "dT",
    /* Lua's own words */
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while", NULL};

const char *const *cyc_reserved_words(void)
{
    return reserved;
}

const struct cyc_expr_name *cyc_expr_name(const char *word, size_t size, unsigned where)
{
    for (unsigned i = 0; i < NAME_COUNT; i++) {
        if ((names[i].where & where) != 0 && strlen(names[i].word) == size &&
            memcmp(names[i].word, word, size) == 0) {
            return &names[i];
        }
    }
    return NULL;
}

const char *cyc_expr_nearest(const char *word, size_t size, unsigned where)
{
    const char *candidates[NAME_COUNT + 1];
    char copy[64];
    unsigned count = 0;
    if (size >= sizeof copy) {
        return NULL;
    }
    memcpy(copy, word, size);
    copy[size] = '\0';
    for (unsigned i = 0; i < NAME_COUNT; i++) {
        if ((names[i].where & where) != 0) {
            candidates[count++] = names[i].word;
        }
    }
    candidates[count] = NULL;
    return cyc_nearest(copy, candidates);
}

const char *cyc_field_name(enum cyc_field field)
{
    for (unsigned i = 0; i < NAME_COUNT && field != CYC_FIELD_NONE; i++) {
        if (names[i].field == field) {
            return names[i].word;
        }
    }
    return "";
}

bool cyc_field_find(const char *word, bool of_cycle, enum cyc_field *field, enum cyc_kind *kind)
{
    const struct cyc_expr_name *const row =
        cyc_expr_name(word, strlen(word), of_cycle ? CYC_NAME_CYCLE : CYC_NAME_RESULT);
    if (row != NULL) {
        *field = row->field;
        *kind = row->kind;
    }
    return row != NULL;
}

/* ---- Names in an expression ---------------------------------------------------------------------- */

static bool is_word(const struct cyc_token *token, const char *word)
{
    return strlen(word) == token->size && memcmp(word, token->text, token->size) == 0;
}

static struct cyc_expr *make_reference(struct cyc_expr_parser *parser, struct cyc_ref ref,
                                       enum cyc_kind kind)
{
    struct cyc_expr *const node = cyc_expr_node(parser, CYC_EXPR_REFERENCE, kind, ref.pos);
    if (node != NULL) {
        node->ref = ref;
        node->history = true;
        node->anchor = kind == CYC_KIND_VOLTAGE ? CYC_ANCHOR_POINT : CYC_ANCHOR_FREE;
    }
    return node;
}

static struct cyc_expr *make_signal(struct cyc_expr_parser *parser,
                                    const struct cyc_expr_name *row, uint8_t scope,
                                    struct cyc_pos pos)
{
    if (!parser->scope->present) {
        char hint[96];
        (void)snprintf(hint, sizeof hint, "last.%s is that of the last step", row->word);
        return cyc_expr_refuse(parser, pos,
                               (row->where & CYC_NAME_RESULT) != 0 ? hint : NULL,
                               "%s is a name of the present; here a value is due that is known "
                               "when the step starts",
                               row->word);
    }
    const bool slope = strchr(row->word, '/') != NULL;
    const bool soc = row->signal == NONE;
    struct cyc_expr *const node = cyc_expr_node(
        parser, slope ? CYC_EXPR_SLOPE : soc ? CYC_EXPR_SOC : CYC_EXPR_SIGNAL, row->kind, pos);
    if (node != NULL) {
        node->op = (struct cyc_op){.code = CYC_OP_SIGNAL, .signal = row->signal, .scope = scope};
        node->present = true;
        node->depth = soc ? 2 : 1;
        node->anchor = row->kind == CYC_KIND_VOLTAGE ? CYC_ANCHOR_POINT : CYC_ANCHOR_FREE;
    }
    return node;
}

/* Takes `.word` and leaves the word in *word; the dot is due. */
static bool take_member(struct cyc_expr_parser *parser, const char *of, struct cyc_token *word)
{
    if (!cyc_expr_is(parser, ".")) {
        (void)cyc_expr_refuse(parser, cyc_expr_place(parser, parser->token.text, 1), NULL,
                              "%s is followed by a point and a name, as in %s.%s", of, of,
                              strcmp(of, "cycles") == 0 ? "main.first.discharge_capacity"
                              : strcmp(of, "step") == 0 ? "check.capacity"
                                                        : "capacity");
        return false;
    }
    cyc_expr_advance(parser);
    if (parser->token.type != CYC_TOKEN_WORD) {
        (void)cyc_expr_refuse(parser, cyc_expr_place(parser, parser->token.text, 1), NULL,
                              "a name is missing behind the point");
        return false;
    }
    *word = parser->token;
    cyc_expr_advance(parser);
    return !parser->failed;
}

static const struct cyc_expr_name *take_field(struct cyc_expr_parser *parser, const char *of,
                                              unsigned where)
{
    struct cyc_token word;
    if (!take_member(parser, of, &word)) {
        return NULL;
    }
    const struct cyc_expr_name *const row = cyc_expr_name(word.text, word.size, where);
    if (row == NULL) {
        const char *const near = cyc_expr_nearest(word.text, word.size, where);
        char hint[96] = "";
        if (near != NULL) {
            (void)snprintf(hint, sizeof hint, "did you mean %s.%s?", of, near);
        }
        (void)cyc_expr_refuse(parser, cyc_expr_place(parser, word.text, word.size),
                              near != NULL ? hint : NULL, "%s has no field '%.*s'", of,
                              (int)(word.size < 60 ? word.size : 60), word.text);
    }
    return row;
}

static struct cyc_expr *parse_reference(struct cyc_expr_parser *parser, struct cyc_ref ref,
                                        const char *of, unsigned where)
{
    const struct cyc_expr_name *const row = take_field(parser, of, where);
    if (row == NULL) {
        return NULL;
    }
    ref.field = row->field;
    return make_reference(parser, ref, row->kind);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* How many `.word` follow from the present token on; `[k].word` counts as two. */
static unsigned members_ahead(const struct cyc_expr_parser *parser)
{
    const char *const end = parser->text + parser->size;
    const char *at = parser->token.text;
    unsigned count = 0;
    while (at < end && *at == '.') {
        do {
            at++;
        } while (at < end && is_letter(*at));
        count++;
    }
    return at < end && *at == '[' ? count + 2 : count;
}

/* `.id`, or `.outer.inner` for an id inside an include; `tail` members follow it. */
static bool take_id(struct cyc_expr_parser *parser, const char *of, unsigned tail,
                    struct cyc_ref *ref)
{
    struct cyc_token first;
    if (!take_member(parser, of, &first)) {
        return false;
    }
    struct cyc_token last = first;
    while (members_ahead(parser) > tail) {
        if (!take_member(parser, of, &last)) {
            return false;
        }
    }
    const size_t size = (size_t)(last.text + last.size - first.text);
    ref->id = cyc_arena_string(parser->arena, first.text, size);
    ref->pos.width += (uint32_t)size + 1;
    return true;
}

/* `[k]` with the bracket still to come. */
static bool parse_index(struct cyc_expr_parser *parser, struct cyc_ref *ref)
{
    const struct cyc_pos pos = cyc_expr_place(parser, parser->token.text, 1);
    cyc_expr_advance(parser);
    struct cyc_expr *const index = cyc_expr_parse_any(parser);
    if (index == NULL) {
        return false;
    }
    if (index->dim.kind != CYC_KIND_NUMBER || index->present) {
        (void)cyc_expr_refuse(parser, pos, "cycles.main[3]", "a cycle is counted by a bare number");
        return false;
    }
    if (!cyc_expr_is(parser, "]")) {
        (void)cyc_expr_refuse(parser, cyc_expr_place(parser, parser->token.text, 1), NULL,
                              "] is missing here");
        return false;
    }
    cyc_expr_advance(parser);
    ref->index = index;
    ref->subject = CYC_SUBJECT_CYCLES_INDEX;
    return true;
}

static struct cyc_expr *parse_cycles(struct cyc_expr_parser *parser, struct cyc_ref ref)
{
    static const struct {
        const char *word;
        enum cyc_subject subject;
    } which[] = {{"first", CYC_SUBJECT_CYCLES_FIRST},
                 {"last", CYC_SUBJECT_CYCLES_LAST},
                 {"best", CYC_SUBJECT_CYCLES_BEST}};
    struct cyc_token word;
    if (!cyc_expr_is(parser, "[") && !take_id(parser, "cycles", 2, &ref)) {
        return NULL;
    }
    if (cyc_expr_is(parser, "[")) {
        return parse_index(parser, &ref)
                   ? parse_reference(parser, ref, "cycles[…]", CYC_NAME_CYCLE)
                   : NULL;
    }
    if (!take_member(parser, "cycles.<id>", &word)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof which / sizeof which[0]; i++) {
        if (is_word(&word, which[i].word)) {
            ref.subject = which[i].subject;
            return parse_reference(parser, ref, which[i].word, CYC_NAME_CYCLE);
        }
    }
    return cyc_expr_refuse(parser, cyc_expr_place(parser, word.text, word.size),
                           "cycles.<id>.first, .last, .best or cycles.<id>[k], then a field",
                           "'%.*s' is no cycle of a block",
                           (int)(word.size < 60 ? word.size : 60), word.text);
}

static struct cyc_expr *parse_step(struct cyc_expr_parser *parser, struct cyc_ref ref)
{
    if (!take_id(parser, "step", 1, &ref)) {
        return NULL;
    }
    ref.subject = CYC_SUBJECT_STEP;
    return parse_reference(parser, ref, "step.<id>", CYC_NAME_RESULT);
}

/* `cycle.…`: a completed pass in leave_when, else sums that are counted now. */
static struct cyc_expr *parse_cycle(struct cyc_expr_parser *parser, struct cyc_ref ref)
{
    const struct cyc_expr_scope *const scope = parser->scope;
    if (!scope->pass && !scope->in_cycle) {
        return cyc_expr_refuse(parser, ref.pos, "cycles.<id>.last reads a cycle from elsewhere",
                               "no cycles block is around this");
    }
    const struct cyc_expr_name *const row =
        take_field(parser, "cycle", CYC_NAME_CYCLE | CYC_NAME_SUM);
    if (row == NULL) {
        return NULL;
    }
    const bool counted = (row->where & CYC_NAME_SUM) != 0;
    const bool known = row->field == CYC_FIELD_NUMBER || row->field == CYC_FIELD_PASS;
    if (!scope->pass && counted) {
        return make_signal(parser, row, CYC_SCOPE_CYCLE, ref.pos);
    }
    if (!scope->pass && !known) {
        return cyc_expr_refuse(parser, ref.pos, "use it in leave_when",
                               "cycle.%s is known only when the pass has ended", row->word);
    }
    ref.subject = CYC_SUBJECT_PASS;
    ref.field = row->field;
    return make_reference(parser, ref, row->kind);
}

/* block.…, test.… */
static struct cyc_expr *parse_scope(struct cyc_expr_parser *parser, const char *word,
                                    uint8_t scope, struct cyc_pos pos)
{
    const struct cyc_expr_name *const row = take_field(parser, word, CYC_NAME_SUM);
    return row != NULL ? make_signal(parser, row, scope, pos) : NULL;
}

static struct cyc_expr *parse_pass(struct cyc_expr_parser *parser, struct cyc_ref ref)
{
    if (parser->scope->block_depth == 0 && !parser->scope->pass) {
        return cyc_expr_refuse(parser, ref.pos, NULL,
                               "pass counts the passes of a block; none is around this");
    }
    ref.subject = CYC_SUBJECT_PASS_COUNT;
    return make_reference(parser, ref, CYC_KIND_NUMBER);
}

static struct cyc_expr *parse_now(struct cyc_expr_parser *parser, const struct cyc_expr_name *row,
                                  struct cyc_pos pos)
{
    if (strcmp(row->word, "soc") == 0 && !parser->scope->soc_known) {
        return cyc_expr_refuse(parser, pos, "let: {soc: 100 %, full_capacity: …}",
                               "the protocol has not said where soc stands");
    }
    return make_signal(parser, row, CYC_SCOPE_STEP, pos);
}

static struct cyc_expr *parse_outer(struct cyc_expr_parser *parser, const struct cyc_token *token,
                                    struct cyc_pos pos)
{
    const struct cyc_expr_scope *const scope = parser->scope;
    enum cyc_kind kind = CYC_KIND_NUMBER;
    int index = 0;
    if (scope->variable != NULL &&
        scope->variable(scope->context, token->text, token->size, &index, &kind)) {
        struct cyc_expr *const node = cyc_expr_node(parser, CYC_EXPR_VARIABLE, kind, pos);
        if (node != NULL) {
            node->variable = index;
            node->history = true;
        }
        return node;
    }
    if (scope->sensor != NULL &&
        scope->sensor(scope->context, token->text, token->size, &index, &kind)) {
        struct cyc_expr *const node = cyc_expr_node(parser, CYC_EXPR_SIGNAL, kind, pos);
        if (node != NULL) {
            node->op = (struct cyc_op){
                .code = CYC_OP_SIGNAL, .signal = CYC_SIGNAL_AUX, .index = (uint8_t)index};
            node->present = true;
            node->anchor = kind == CYC_KIND_VOLTAGE ? CYC_ANCHOR_POINT : CYC_ANCHOR_FREE;
        }
        return node;
    }
    const char *const near =
        cyc_expr_nearest(token->text, token->size, CYC_NAME_NOW | CYC_NAME_STEP);
    char hint[96] = "";
    if (near != NULL) {
        (void)snprintf(hint, sizeof hint, "did you mean %s?", near);
    }
    return cyc_expr_refuse(parser, pos, near != NULL ? hint : NULL, "unknown name '%.*s'",
                           (int)(token->size < 60 ? token->size : 60), token->text);
}

static const struct subject_row {
    const char *word;
    enum cyc_subject subject;
    unsigned where;
    bool pass_only;
} subjects[] = {
    {"last", CYC_SUBJECT_LAST, CYC_NAME_RESULT, false},
    {"last_charge", CYC_SUBJECT_LAST_CHARGE, CYC_NAME_RESULT, false},
    {"last_discharge", CYC_SUBJECT_LAST_DISCHARGE, CYC_NAME_RESULT, false},
    {"first", CYC_SUBJECT_FIRST, CYC_NAME_CYCLE, true},
    {"previous", CYC_SUBJECT_PREVIOUS, CYC_NAME_CYCLE, true},
    {"best", CYC_SUBJECT_BEST, CYC_NAME_CYCLE, true},
};

static struct cyc_expr *parse_subject(struct cyc_expr_parser *parser,
                                      const struct subject_row *row, struct cyc_ref ref)
{
    if (row->pass_only && !parser->scope->pass) {
        char hint[96];
        (void)snprintf(hint, sizeof hint, "cycles.<id>.%s reads it from elsewhere",
                       row->subject == CYC_SUBJECT_PREVIOUS ? "last" : row->word);
        return cyc_expr_refuse(parser, ref.pos, hint, "%s has a meaning only in leave_when",
                               row->word);
    }
    ref.subject = row->subject;
    return parse_reference(parser, ref, row->word, row->where);
}

struct cyc_expr *cyc_expr_parse_name(struct cyc_expr_parser *parser)
{
    static const struct cyc_expr_scope empty;
    const struct cyc_token token = parser->token;
    const struct cyc_pos pos = cyc_expr_place(parser, token.text, token.size);
    const struct cyc_ref ref = {.pos = pos};
    if (parser->scope == NULL) {
        parser->scope = &empty;
    }
    cyc_expr_advance(parser);
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        if (is_word(&token, subjects[i].word)) {
            return parse_subject(parser, &subjects[i], ref);
        }
    }
    if (is_word(&token, "cycles")) {
        return parse_cycles(parser, ref);
    }
    if (is_word(&token, "step")) {
        return parse_step(parser, ref);
    }
    if (is_word(&token, "cycle")) {
        return parse_cycle(parser, ref);
    }
    if (is_word(&token, "pass")) {
        return parse_pass(parser, ref);
    }
    const int depth = parser->scope->block_depth;
    if (is_word(&token, "test") || (is_word(&token, "block") && depth > 0)) {
        const bool test = is_word(&token, "test");
        return parse_scope(parser, test ? "test" : "block",
                           test ? CYC_SCOPE_TEST : (uint8_t)(CYC_SCOPE_BLOCK + depth - 1), pos);
    }
    if (is_word(&token, "block")) {
        return cyc_expr_refuse(parser, pos, "test.… counts since the start",
                               "no block is around this");
    }
    const struct cyc_expr_name *const row =
        cyc_expr_name(token.text, token.size, CYC_NAME_NOW | CYC_NAME_STEP);
    return row != NULL ? parse_now(parser, row, pos) : parse_outer(parser, &token, pos);
}
