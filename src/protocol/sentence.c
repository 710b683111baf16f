/* Sentences are read from left to right, once, each part at its own place:
 *
 *     Charge at C/20 for 3 hours or until 4.2 V (5 minute period)
 *     ├────────────┤ ├─────────┤ ├┤ ├─────────┤ ├───────────────┤
 *         action         time   or      end           period
 *
 * The same sentences are read by other tools with other results in the corners: an `until` behind
 * the period is lost there, "Charge at 4.2 V" becomes -4.2 V, a voltage end of a rest is never
 * looked at. Whatever is not exactly of this form is therefore refused, with what to write.
 */
#include "protocol/sentence.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { SENTENCE_MAX = 200 };

enum action { ACTION_CHARGE, ACTION_DISCHARGE, ACTION_HOLD, ACTION_REST, ACTION_COUNT };
static const struct {
    const char *word;
    const char *key;
} actions[ACTION_COUNT] = {
    {"Charge", "charge"}, {"Discharge", "discharge"}, {"Hold", "hold"}, {"Rest", "rest"}};

enum value_kind { VALUE_VOLTAGE, VALUE_CURRENT, VALUE_POWER, VALUE_LOAD };

struct reader {
    const char *text;
    size_t size;
    size_t at;
    struct cyc_pos pos;
    struct cyc_arena *arena;
    struct cyc_diags *diags;
    enum action action;
    bool failed;
};

/* A part of the sentence: where it stands and what it is in the language. */
struct part {
    size_t from, size;
    char text[64];
};

static struct cyc_pos place(const struct reader *reader, size_t from, size_t size)
{
    struct cyc_pos pos = reader->pos;
    for (size_t i = 0; i < from; i++) {
        pos.column += ((unsigned char)reader->text[i] & 0xc0u) != 0x80u ? 1u : 0u;
    }
    pos.width = (uint32_t)size;
    return pos;
}

/* `from`: byte that is shown; up to the next blank. */
static bool refuse(struct reader *reader, size_t from, const char *hint, const char *message)
{
    size_t end = from;
    while (end < reader->size && reader->text[end] != ' ') {
        end++;
    }
    if (!reader->failed) {
        struct cyc_diag *const diag =
            cyc_diags_add(reader->diags, CYC_SEVERITY_ERROR,
                          place(reader, from, end > from ? end - from : 1), "%s", message);
        diag->hint = hint;
        reader->failed = true;
    }
    return false;
}

static bool sees(const struct reader *reader, const char *words)
{
    const size_t size = strlen(words);
    return reader->size - reader->at >= size &&
           memcmp(reader->text + reader->at, words, size) == 0;
}

static bool take(struct reader *reader, const char *words)
{
    const bool seen = sees(reader, words);
    reader->at += seen ? strlen(words) : 0;
    return seen;
}

static size_t letters(const struct reader *reader, size_t from)
{
    size_t end = from;
    while (end < reader->size && ((reader->text[end] >= 'a' && reader->text[end] <= 'z') ||
                                  (reader->text[end] >= 'A' && reader->text[end] <= 'Z'))) {
        end++;
    }
    return end - from;
}

static bool is_word(const struct reader *reader, size_t from, size_t size, const char *word)
{
    return strlen(word) == size && memcmp(reader->text + from, word, size) == 0;
}

/* A positive number; leaves its bytes in *from, *size. */
static bool take_number(struct reader *reader, size_t *from, size_t *size)
{
    double value = 0.0;
    *from = reader->at;
    if (!cyc_number_parse(reader->text + reader->at, reader->size - reader->at, &value, size) ||
        *size == 0) {
        return refuse(reader, reader->at, "as in 4.2 V, 0.5 C, C/20, 3 hours",
                      "a number is due here");
    }
    if (!(value > 0.0)) {
        return refuse(reader, reader->at, "values are positive; the verb gives the direction",
                      "this must be more than zero");
    }
    reader->at += *size;
    return true;
}

/* ---- Values -------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    const char *unit;
    enum value_kind kind;
} units[] = {
    {"A", "A", VALUE_CURRENT},   {"mA", "mA", VALUE_CURRENT}, {"V", "V", VALUE_VOLTAGE},
    {"mV", "mV", VALUE_VOLTAGE}, {"W", "W", VALUE_POWER},     {"mW", "mW", VALUE_POWER},
    {"Ohm", "ohm", VALUE_LOAD},  {"mOhm", "mohm", VALUE_LOAD}, {"C", "C", VALUE_CURRENT},
};

static bool write_part(struct reader *reader, struct part *part, size_t from, size_t number_size,
                       const char *unit)
{
    const int written = snprintf(part->text, sizeof part->text, "%.*s %s", (int)number_size,
                                 reader->text + from, unit);
    part->from = from;
    part->size = reader->at - from;
    return (written > 0 && (size_t)written < sizeof part->text) ||
           refuse(reader, from, "fewer digits will do", "this number is too long");
}

/* C/20 */
static bool take_c_rate(struct reader *reader, struct part *part, enum value_kind *kind)
{
    size_t from;
    size_t size;
    const size_t begin = reader->at;
    reader->at += 1;
    if (!take(reader, "/")) {
        return refuse(reader, begin, "C-rates are written C/20 or 0.05 C",
                      "this C-rate has no meaning");
    }
    if (!take_number(reader, &from, &size)) {
        return false;
    }
    *kind = VALUE_CURRENT;
    part->from = begin;
    part->size = reader->at - begin;
    const int written =
        snprintf(part->text, sizeof part->text, "C/%.*s", (int)size, reader->text + from);
    return (written > 0 && (size_t)written < sizeof part->text) ||
           refuse(reader, begin, "fewer digits will do", "this number is too long");
}

static bool take_value(struct reader *reader, struct part *part, enum value_kind *kind)
{
    size_t from;
    size_t size;
    if (sees(reader, "C")) {
        return take_c_rate(reader, part, kind);
    }
    if (!take_number(reader, &from, &size)) {
        return false;
    }
    (void)take(reader, " ");
    const size_t unit = letters(reader, reader->at);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (is_word(reader, reader->at, unit, units[i].word)) {
            reader->at += unit;
            *kind = units[i].kind;
            return write_part(reader, part, from, size, units[i].unit);
        }
    }
    return refuse(reader, from,
                  "A, mA, V, mV, W, mW, Ohm, mOhm or C; all other units in the form {charge: 5 uA, "
                  "cutoff: 4.2 V}",
                  "sentences do not know this unit");
}

static bool take_time(struct reader *reader, struct part *part)
{
    static const struct {
        const char *word;
        const char *unit;
    } times[] = {{"second", "s"},   {"seconds", "s"},   {"s", "s"},   {"sec", "s"},
                 {"minute", "min"}, {"minutes", "min"}, {"m", "min"}, {"min", "min"},
                 {"hour", "h"},     {"hours", "h"},     {"h", "h"},   {"hr", "h"}};
    size_t from;
    size_t size;
    if (!take_number(reader, &from, &size)) {
        return false;
    }
    (void)take(reader, " ");
    const size_t unit = letters(reader, reader->at);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (is_word(reader, reader->at, unit, times[i].word)) {
            reader->at += unit;
            return write_part(reader, part, from, size, times[i].unit);
        }
    }
    return refuse(reader, from, "seconds, minutes or hours: for 1.5 hours",
                  "sentences do not know this unit of time");
}

/* ---- Parts --------------------------------------------------------------------------------------- */

static bool check_setpoint(struct reader *reader, size_t from, enum value_kind kind)
{
    const enum action action = reader->action;
    if (action == ACTION_HOLD && kind != VALUE_VOLTAGE) {
        return refuse(reader, from, "Hold at 4.2 V until C/50; a current: Charge at 1 A until 4.2 "
                                    "V",
                      "Hold holds a voltage");
    }
    if (action != ACTION_HOLD && kind == VALUE_VOLTAGE) {
        return refuse(reader, from,
                      action == ACTION_CHARGE
                          ? "Charge at C/3 until 4.2 V, then Hold at 4.2 V until C/50"
                          : "Discharge at C/3 until 2.5 V, then Hold at 2.5 V until C/50",
                      "a charge or discharge runs at a current or power, not at a voltage");
    }
    if (action == ACTION_CHARGE && kind == VALUE_LOAD) {
        return refuse(reader, from, "Discharge at 4 Ohm until 2.5 V",
                      "a constant load only discharges");
    }
    return true;
}

static bool take_action(struct reader *reader, struct part *setpoint)
{
    enum value_kind kind = VALUE_CURRENT;
    const size_t size = letters(reader, 0);
    unsigned action = 0;
    while (action < ACTION_COUNT && !is_word(reader, 0, size, actions[action].word)) {
        action++;
    }
    if (is_word(reader, 0, size, "Run")) {
        return refuse(reader, 0, "{profile: cycle.csv}", "a drive cycle is no sentence");
    }
    if (action == ACTION_COUNT) {
        return refuse(reader, 0, "Charge, Discharge, Hold, Rest; or a mapping such as {rest: 1 h}",
                      "no sentence begins with this word");
    }
    reader->action = (enum action)action;
    reader->at = size;
    if (action == ACTION_REST) {
        return true;
    }
    if (!take(reader, " at ")) {
        return refuse(reader, reader->at, "Charge at C/20 until 4.2 V", "\" at \" is missing here");
    }
    const size_t from = reader->at;
    return take_value(reader, setpoint, &kind) && check_setpoint(reader, from, kind);
}

/* A voltage end: on charge and discharge the direction is known, on a rest it must be said. */
static bool check_voltage_end(struct reader *reader, size_t from, char sign, struct part *end)
{
    if (reader->action == ACTION_HOLD) {
        return refuse(reader, from, "Hold at 4.2 V until C/50, or for 2 hours",
                      "a hold cannot end at a voltage: it is holding one");
    }
    if (reader->action == ACTION_REST && sign == '\0') {
        return refuse(reader, from, "until > 3.0 V, or until < 3.0 V",
                      "a rest has no direction in which it would reach a voltage");
    }
    if (sign != '\0') {
        char value[sizeof end->text];
        (void)cyc_copy(value, sizeof value, end->text);
        const int written =
            snprintf(end->text, sizeof end->text, "voltage %c %s", sign, value);
        return (written > 0 && (size_t)written < sizeof end->text) ||
               refuse(reader, from, "fewer digits will do", "this number is too long");
    }
    return true;
}

static bool check_end(struct reader *reader, size_t from, char sign, enum value_kind kind,
                      struct part *end)
{
    switch (kind) {
    case VALUE_VOLTAGE:
        return check_voltage_end(reader, from, sign, end);
    case VALUE_CURRENT:
        if (sign != '\0') {
            return refuse(reader, from, "until 50 mA: ends when the magnitude has fallen to it",
                          "tools disagree about the sign of this current");
        }
        return reader->action == ACTION_HOLD ||
               refuse(reader, from, "Hold at 4.2 V until C/50",
                      "only a hold ends at a current: that of the others is constant or zero");
    case VALUE_POWER:
    case VALUE_LOAD:
        break;
    }
    return refuse(reader, from, "until 4.2 V, or until C/50 on a hold",
                  "a sentence ends at a voltage, a current or a time");
}

static bool take_end(struct reader *reader, struct part *end)
{
    enum value_kind kind = VALUE_VOLTAGE;
    char sign = '\0';
    const size_t from = reader->at;
    if (sees(reader, "<") || sees(reader, ">")) {
        sign = reader->text[reader->at++];
        if (sees(reader, "=")) {
            return refuse(reader, from, "write > or <", "sentences do not know this comparison");
        }
        (void)take(reader, " ");
    }
    return take_value(reader, end, &kind) && check_end(reader, from, sign, kind, end);
}

/* What may be wrong behind the last part that was understood. */
static bool refuse_rest(struct reader *reader, bool ended, bool period)
{
    const size_t at = reader->at;
    const size_t word = at + (sees(reader, " ") ? 1 : 0);
    if (sees(reader, "  ") || (sees(reader, " ") && at + 1 == reader->size)) {
        return refuse(reader, at + 1 < reader->size ? at + 1 : at, NULL,
                      "words stand one blank apart");
    }
    if (period) {
        return refuse(reader, word, "the period comes last: … until 4.2 V (1 minute period)",
                      "nothing may follow the period");
    }
    if (sees(reader, " for ") && ended) {
        return refuse(reader, word, "for 3 hours or until 4.2 V", "the time comes before until");
    }
    if (ended && (sees(reader, " or ") || sees(reader, " until ") || sees(reader, " and "))) {
        return refuse(reader, word, "several ends are a list: {hold: 4.2 V, cutoff: [10 mA, C/50]}",
                      "a sentence has one until");
    }
    return refuse(reader, word,
                  "Charge at C/20 for 3 hours or until 4.2 V (5 minute period)",
                  "this is not understood here");
}

struct sentence {
    struct part setpoint, time, end, period;
    bool timed, ended, recorded;
};

static bool read_sentence(struct reader *reader, struct sentence *sentence)
{
    if (!take_action(reader, &sentence->setpoint)) {
        return false;
    }
    if (take(reader, " for ")) {
        sentence->timed = true;
        if (!take_time(reader, &sentence->time)) {
            return false;
        }
    }
    const size_t joint = reader->at;
    const bool joined = sentence->timed && take(reader, " or");
    if (take(reader, " until ")) {
        sentence->ended = true;
        if (!take_end(reader, &sentence->end)) {
            return false;
        }
    } else if (joined) {
        return refuse(reader, joint + 1, "for 3 hours or until 4.2 V", "until is missing after or");
    }
    if (take(reader, " (")) {
        sentence->recorded = true;
        if (!take_time(reader, &sentence->period)) {
            return false;
        }
        if (!take(reader, " period)")) {
            return refuse(reader, reader->at, "(5 minute period)", "\" period)\" is missing here");
        }
    }
    return reader->at == reader->size ||
           refuse_rest(reader, sentence->ended, sentence->recorded);
}

static bool check_whole(struct reader *reader, const struct sentence *sentence)
{
    if (reader->action == ACTION_REST && !sentence->timed) {
        return refuse(reader, 0, "Rest for 1 hour", "a rest needs a time, or it might never end");
    }
    return sentence->timed || sentence->ended ||
           refuse(reader, 0,
                  reader->action == ACTION_HOLD ? "Hold at 4.2 V until C/50"
                                                : "add until with a voltage, or for with a time",
                  "this step has no end");
}

/* ---- Nodes --------------------------------------------------------------------------------------- */

static struct cyc_node *new_node(struct reader *reader, enum cyc_node_type type,
                                 const struct part *part)
{
    struct cyc_node *const node = cyc_arena_alloc(reader->arena, sizeof *node);
    if (node == NULL) {
        (void)refuse(reader, 0, NULL, "out of memory");
        return NULL;
    }
    node->type = type;
    node->pos = place(reader, part != NULL ? part->from : 0, part != NULL ? part->size : 0);
    if (type == CYC_NODE_SCALAR && part != NULL) {
        node->size = strlen(part->text);
        node->text = cyc_arena_string(reader->arena, part->text, node->size);
        reader->failed = reader->failed || node->text == NULL;
    }
    return node;
}

static void append(struct cyc_node *parent, struct cyc_node *child, const char *key)
{
    if (parent == NULL || child == NULL) {
        return;
    }
    struct cyc_node **tail = &parent->child;
    while (*tail != NULL) {
        tail = &(*tail)->next;
    }
    *tail = child;
    child->key = key;
    child->key_pos = child->pos;
    parent->child_count++;
}

static void append_cutoff(struct reader *reader, struct cyc_node *step,
                          const struct sentence *sentence)
{
    const bool timed = sentence->timed && reader->action != ACTION_REST;
    struct cyc_node *const time =
        timed ? new_node(reader, CYC_NODE_SCALAR, &sentence->time) : NULL;
    struct cyc_node *const end =
        sentence->ended ? new_node(reader, CYC_NODE_SCALAR, &sentence->end) : NULL;
    if (time == NULL || end == NULL) {
        append(step, time != NULL ? time : end, "cutoff");
        return;
    }
    struct cyc_node *const list = new_node(reader, CYC_NODE_SEQUENCE, &sentence->time);
    append(list, time, NULL);
    append(list, end, NULL);
    append(step, list, "cutoff");
}

static struct cyc_node *build(struct reader *reader, const struct sentence *sentence)
{
    const bool rest = reader->action == ACTION_REST;
    struct cyc_node *const step = new_node(reader, CYC_NODE_MAPPING, NULL);
    append(step,
           new_node(reader, CYC_NODE_SCALAR, rest ? &sentence->time : &sentence->setpoint),
           actions[reader->action].key);
    append_cutoff(reader, step, sentence);
    if (sentence->recorded) {
        struct cyc_node *const record = new_node(reader, CYC_NODE_MAPPING, &sentence->period);
        append(record, new_node(reader, CYC_NODE_SCALAR, &sentence->period), "every");
        append(step, record, "record");
    }
    return reader->failed ? NULL : step;
}

struct cyc_node *cyc_sentence_parse(const char *text, size_t size, struct cyc_pos pos,
                                    struct cyc_arena *arena, struct cyc_diags *diags)
{
    struct reader reader = {.text = text, .size = size, .pos = pos, .arena = arena,
                            .diags = diags};
    struct sentence sentence = {0};
    if (size == 0 || size > SENTENCE_MAX) {
        reader.size = 0;
        (void)refuse(&reader, 0, "Charge at C/20 until 4.2 V",
                     size == 0 ? "an empty sentence" : "this is too long for a sentence");
        return NULL;
    }
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] == 'o' && text[i + 1] == 'C') {
            (void)refuse(&reader, i, "a step of its own before it: {temperature: 25 degC}",
                         "a sentence sets no temperature");
            return NULL;
        }
    }
    return read_sentence(&reader, &sentence) && check_whole(&reader, &sentence)
               ? build(&reader, &sentence)
               : NULL;
}
