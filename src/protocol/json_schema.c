/* The JSON Schema (draft-07) of the YAML form, from the schema table, for editors:
 *
 *     # yaml-language-server: $schema=cyclostat.schema.json
 *
 * Each mapping of the table is a definition. A step is a sentence or a mapping; which of its keys
 * are allowed follows from the step key (`if` it is there, `then` that kind's definition), so that
 * an editor complains about the one key that does not fit and not about the whole step.
 *
 * Editors see YAML's own types: `10` is a number, `0.5 C` a string, `- rest:` null.
 */
#include "protocol/protocol.h"
#include "protocol/schema.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { KIND_FIRST = CYC_KIND_FRACTION, KIND_LAST = CYC_KIND_FRACTION_RATE };

static const char number_pattern[] = "-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?";

static void key_string(struct cyc_json *json, const char *key, const char *value)
{
    cyc_json_key(json, key);
    cyc_json_string(json, value);
}

static void reference(struct cyc_json *json, const char *definition)
{
    char path[64];
    (void)snprintf(path, sizeof path, "#/definitions/%s", definition);
    cyc_json_open(json, '{');
    key_string(json, "$ref", path);
    cyc_json_close(json, '}');
}

static void open_with(struct cyc_json *json, const char *key, char bracket)
{
    cyc_json_key(json, key);
    cyc_json_open(json, bracket);
}

/* ---- Quantities ---------------------------------------------------------------------------------- */

/* "mV|uV|V|…": the units of a kind as alternatives; rates are any unit per time. */
static void append_units(struct cyc_text *out, enum cyc_kind kind)
{
    const bool rate = kind >= CYC_KIND_VOLTAGE_RATE && kind <= CYC_KIND_FRACTION_RATE;
    if (rate) {
        cyc_text_append(out, "[^0-9 /]+/(s|min|h|d)");
        return;
    }
    for (const char *at = cyc_kind_units(kind); *at != '\0'; at++) {
        if (*at == ',') {
            cyc_text_append(out, "|");
        } else if (*at == 'u') {
            cyc_text_append(out, "[u\xc2\xb5\xce\xbc]"); /* u, micro sign, Greek mu */
        } else if (*at != ' ') {
            cyc_text_append_size(out, at, 1);
        }
    }
    if (kind == CYC_KIND_TEMPERATURE) {
        cyc_text_append(out, "|\xc2\xb0" "C");
    } else if (kind == CYC_KIND_RESISTANCE) {
        cyc_text_append(out, "|[mk]?(\xce\xa9|\xe2\x84\xa6)");
    }
}

/* A computed value, C/20, or a number with a unit of one of the kinds. */
static void quantity_pattern(struct cyc_text *out, uint32_t kinds)
{
    bool first = true;
    cyc_text_append(out, "^\\s*(=.+");
    if ((kinds & 1u << CYC_KIND_CURRENT) != 0) {
        cyc_text_append(out, "|C/[0-9]+(\\.[0-9]+)?");
    }
    cyc_text_format(out, "|%s\\s*(", number_pattern);
    for (int kind = KIND_FIRST; kind <= KIND_LAST; kind++) {
        if ((kinds & 1u << kind) != 0) {
            cyc_text_append(out, first ? "" : "|");
            append_units(out, (enum cyc_kind)kind);
            first = false;
        }
    }
    cyc_text_append(out, ")");
    if ((kinds & 1u << CYC_KIND_VOLTAGE) != 0) {
        cyc_text_append(out, "(\\s+vs\\s+\\S+)?");
    }
    cyc_text_append(out, ")\\s*$");
}

static void quantity(struct cyc_json *json, uint32_t kinds)
{
    struct cyc_text pattern = {0};
    const uint32_t with_unit = kinds & ~(1u << CYC_KIND_NUMBER);
    cyc_json_open(json, '{');
    key_string(json, "type", "string");
    if (with_unit != 0) {
        quantity_pattern(&pattern, with_unit);
        key_string(json, "pattern", cyc_text_get(&pattern));
    }
    cyc_json_close(json, '}');
    cyc_text_release(&pattern);
}

static void computed(struct cyc_json *json)
{
    cyc_json_open(json, '{');
    key_string(json, "type", "string");
    key_string(json, "pattern", "^\\s*=.+");
    cyc_json_close(json, '}');
}

static void type_only(struct cyc_json *json, const char *type)
{
    cyc_json_open(json, '{');
    key_string(json, "type", type);
    cyc_json_close(json, '}');
}

static void scalar(struct cyc_json *json)
{
    cyc_json_open(json, '{');
    open_with(json, "type", '[');
    cyc_json_string(json, "string");
    cyc_json_string(json, "number");
    cyc_json_string(json, "boolean");
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
}

static void one_text(struct cyc_json *json, const char *text)
{
    cyc_json_open(json, '{');
    open_with(json, "enum", '[');
    cyc_json_string(json, text);
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
}

static void choices(struct cyc_json *json, const struct cyc_schema_row *row)
{
    const char *at = row->choices;
    cyc_json_open(json, '{');
    open_with(json, "enum", '[');
    while (*at != '\0') {
        char word[32];
        const size_t size = strcspn(at, "|");
        (void)snprintf(word, sizeof word, "%.*s", (int)size, at);
        double number;
        size_t used;
        if (cyc_number_parse(word, strlen(word), &number, &used) && used == strlen(word)) {
            cyc_json_number(json, number); /* cyclostat: 1 */
        }
        cyc_json_string(json, word);
        at += size + (at[size] == '|' ? 1 : 0);
    }
    if (row->type == CYC_TYPE_YES_NO) { /* YAML 1.1 editors read yes and no as booleans */
        cyc_json_bool(json, true);
        cyc_json_bool(json, false);
    }
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
}

/* ---- Values of keys ------------------------------------------------------------------------------ */

static const char *const place_definitions[CYC_PLACE_COUNT - CYC_STEP_KIND_COUNT] = {
    "protocol", "cell", "limits", "record", "burst", "expect", "cutoff_mapping", "pulse", "sweep",
    "impedance", "cell_file", "model", "ocv", "rc", NULL};

static void inside(struct cyc_json *json, const struct cyc_schema_row *row)
{
    reference(json, place_definitions[row->inside - CYC_STEP_KIND_COUNT]);
}

typedef void value_fn(struct cyc_json *json, const struct cyc_schema_row *row);

static void list_of(struct cyc_json *json, value_fn *item, const struct cyc_schema_row *row)
{
    cyc_json_open(json, '{');
    key_string(json, "type", "array");
    cyc_json_key(json, "items");
    item(json, row);
    cyc_json_close(json, '}');
}

static void quantity_item(struct cyc_json *json, const struct cyc_schema_row *row)
{
    quantity(json, row->kinds);
}

static void condition_item(struct cyc_json *json, const struct cyc_schema_row *row)
{
    (void)row;
    type_only(json, "string");
}

static void names_value(struct cyc_json *json, const struct cyc_schema_row *row)
{
    (void)row;
    cyc_json_open(json, '{');
    key_string(json, "type", "object");
    open_with(json, "additionalProperties", '{');
    open_with(json, "anyOf", '[');
    scalar(json);
    cyc_json_open(json, '{');
    key_string(json, "type", "array");
    cyc_json_key(json, "items");
    scalar(json);
    cyc_json_close(json, '}');
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
    cyc_json_close(json, '}');
}

static void pair_value(struct cyc_json *json, const struct cyc_schema_row *row)
{
    cyc_json_open(json, '{');
    key_string(json, "type", "array");
    cyc_json_key(json, "items");
    quantity(json, row->kinds);
    cyc_json_key(json, "minItems");
    cyc_json_integer(json, 2);
    cyc_json_key(json, "maxItems");
    cyc_json_integer(json, 2);
    cyc_json_close(json, '}');
}

static void ocv_value(struct cyc_json *json, const struct cyc_schema_row *row)
{
    cyc_json_open(json, '{');
    key_string(json, "type", "array");
    open_with(json, "items", '{');
    key_string(json, "type", "array");
    cyc_json_close(json, '}');
    cyc_json_close(json, '}');
    inside(json, row);
}

static void action_value(struct cyc_json *json)
{
    cyc_json_open(json, '{');
    key_string(json, "type", "string");
    key_string(json, "pattern", "^(next|leave|leave \\S+|goto \\S+|pause|stop|fail)$");
    cyc_json_close(json, '}');
}

static void off(struct cyc_json *json)
{
    one_text(json, "off");
    cyc_json_open(json, '{');
    open_with(json, "enum", '[');
    cyc_json_bool(json, false); /* YAML 1.1 editors read off as a boolean */
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
}

/* The alternatives of a value, inside an open anyOf. */
static void alternatives(struct cyc_json *json, const struct cyc_schema_row *row)
{
    switch (row->type) {
    case CYC_TYPE_TEXT:
    case CYC_TYPE_ID:
    case CYC_TYPE_FILE:
    case CYC_TYPE_EXPRESSION:
        if (row->choices != NULL) {
            choices(json, row);
        } else {
            scalar(json);
        }
        break;
    case CYC_TYPE_CHOICE:
    case CYC_TYPE_YES_NO:
        choices(json, row);
        break;
    case CYC_TYPE_ACTION:
        action_value(json);
        break;
    case CYC_TYPE_NUMBER:
        type_only(json, "number");
        computed(json);
        break;
    case CYC_TYPE_QUANTITY_OR_OFF:
        off(json);
        quantity(json, row->kinds);
        break;
    case CYC_TYPE_QUANTITY:
        quantity(json, row->kinds);
        break;
    case CYC_TYPE_QUANTITIES:
        quantity(json, row->kinds);
        list_of(json, quantity_item, row);
        break;
    case CYC_TYPE_PAIR:
        quantity(json, row->kinds);
        pair_value(json, row);
        break;
    case CYC_TYPE_CONDITION:
        type_only(json, "string");
        break;
    case CYC_TYPE_CONDITIONS:
        list_of(json, condition_item, row);
        break;
    case CYC_TYPE_CUTOFF:
        reference(json, "cutoff");
        break;
    case CYC_TYPE_MAPPING:
        inside(json, row);
        break;
    case CYC_TYPE_MAPPINGS:
        inside(json, row);
        list_of(json, inside, row);
        one_text(json, "off");
        break;
    case CYC_TYPE_NAMES:
        names_value(json, row);
        break;
    case CYC_TYPE_STEPS:
        reference(json, "steps");
        break;
    case CYC_TYPE_OCV:
        ocv_value(json, row);
        break;
    }
}

static void describe(struct cyc_json *json, const struct cyc_schema_row *row)
{
    struct cyc_text text = {0};
    bool first = true;
    cyc_text_append(&text, row->help);
    for (int kind = KIND_FIRST; kind <= KIND_LAST; kind++) {
        if ((row->kinds & 1u << kind) != 0) {
            cyc_text_append(&text, first ? ". Units: " : "; ");
            cyc_text_append(&text, cyc_kind_units((enum cyc_kind)kind));
            first = false;
        }
    }
    if (row->fallback != NULL) {
        cyc_text_format(&text, ". Default: %s", row->fallback);
    }
    key_string(json, "description", cyc_text_get(&text));
    cyc_text_release(&text);
}

/* `- rest:` and `- leave:` have no value. */
static bool may_be_empty(const struct cyc_schema_row *row)
{
    static const char *const keys[] = {"rest", "leave", "stop", "fail"};
    for (size_t i = 0; row->step_key && i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(row->key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void property(struct cyc_json *json, const char *key, const struct cyc_schema_row *row)
{
    open_with(json, key, '{');
    describe(json, row);
    open_with(json, "anyOf", '[');
    alternatives(json, row);
    if (may_be_empty(row)) {
        type_only(json, "null");
    }
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
}

/* ---- Mappings ------------------------------------------------------------------------------------ */

/* Inside an open definition: the keys of a place, and no others but sensors. */
static void properties(struct cyc_json *json, unsigned place)
{
    const struct cyc_schema_row *sensors = NULL;
    key_string(json, "type", "object");
    open_with(json, "properties", '{');
    for (unsigned key = 0; key < CYC_KEY_COUNT; key++) {
        const struct cyc_schema_row *const row = &cyc_schema[key];
        if ((row->where & CYC_AT(place)) != 0 && cyc_schema_is_sensor(row)) {
            sensors = row;
        } else if ((row->where & CYC_AT(place)) != 0) {
            property(json, row->key, row);
        }
    }
    cyc_json_close(json, '}');
    if (sensors != NULL) { /* which names there are, the cell says */
        property(json, "additionalProperties", sensors);
        return;
    }
    cyc_json_key(json, "additionalProperties");
    cyc_json_bool(json, false);
}

static void require(struct cyc_json *json, const char *key)
{
    open_with(json, "required", '[');
    cyc_json_string(json, key);
    cyc_json_close(json, ']');
}

/* {if: {required: [charge]}, then: …}; hold alone is a step only where nothing is charged. */
static void step_rule(struct cyc_json *json, enum cyc_step_kind kind)
{
    char name[40];
    (void)snprintf(name, sizeof name, "step_%s", cyc_step_kind_name(kind));
    cyc_json_open(json, '{');
    open_with(json, "if", '{');
    require(json, cyc_step_kind_name(kind));
    if (kind == CYC_STEP_HOLD) {
        open_with(json, "not", '{');
        open_with(json, "anyOf", '[');
        for (int other = CYC_STEP_CHARGE; other <= CYC_STEP_DISCHARGE; other++) {
            cyc_json_open(json, '{');
            require(json, cyc_step_kind_name((enum cyc_step_kind)other));
            cyc_json_close(json, '}');
        }
        cyc_json_close(json, ']');
        cyc_json_close(json, '}');
    }
    cyc_json_close(json, '}');
    cyc_json_key(json, "then");
    reference(json, name);
    cyc_json_close(json, '}');
}

static void if_type(struct cyc_json *json, const char *type)
{
    open_with(json, "if", '{');
    key_string(json, "type", type);
    cyc_json_close(json, '}');
}

static void step_definition(struct cyc_json *json)
{
    open_with(json, "step", '{');
    if_type(json, "string");
    open_with(json, "then", '{');
    key_string(json, "pattern", "^(Charge|Discharge|Hold|Rest) ");
    key_string(json, "description", "a step as a sentence: Charge at C/20 until 4.2 V");
    cyc_json_close(json, '}');
    open_with(json, "else", '{');
    key_string(json, "type", "object");
    open_with(json, "anyOf", '[');
    for (int kind = 0; kind < CYC_STEP_KIND_COUNT; kind++) {
        cyc_json_open(json, '{');
        require(json, cyc_step_kind_name((enum cyc_step_kind)kind));
        cyc_json_close(json, '}');
    }
    cyc_json_close(json, ']');
    open_with(json, "allOf", '[');
    for (int kind = 0; kind < CYC_STEP_KIND_COUNT; kind++) {
        step_rule(json, (enum cyc_step_kind)kind);
    }
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
    cyc_json_close(json, '}');
}

/* One end condition or a list of them. */
static void cutoff_definition(struct cyc_json *json)
{
    open_with(json, "cutoff_item", '{');
    if_type(json, "object");
    cyc_json_key(json, "then");
    reference(json, "cutoff_mapping");
    cyc_json_key(json, "else");
    type_only(json, "string");
    cyc_json_close(json, '}');
    open_with(json, "cutoff", '{');
    if_type(json, "array");
    open_with(json, "then", '{');
    cyc_json_key(json, "items");
    reference(json, "cutoff_item");
    cyc_json_close(json, '}');
    cyc_json_key(json, "else");
    reference(json, "cutoff_item");
    cyc_json_close(json, '}');
}

static void definitions(struct cyc_json *json)
{
    open_with(json, "definitions", '{');
    for (unsigned place = CYC_PLACE_CELL; place < CYC_PLACE_NONE; place++) {
        open_with(json, place_definitions[place - CYC_STEP_KIND_COUNT], '{');
        properties(json, place);
        cyc_json_close(json, '}');
    }
    for (int kind = 0; kind < CYC_STEP_KIND_COUNT; kind++) {
        char name[40];
        (void)snprintf(name, sizeof name, "step_%s",
                       cyc_step_kind_name((enum cyc_step_kind)kind));
        open_with(json, name, '{');
        properties(json, (unsigned)kind);
        cyc_json_close(json, '}');
    }
    cutoff_definition(json);
    step_definition(json);
    open_with(json, "steps", '{');
    key_string(json, "type", "array");
    cyc_json_key(json, "items");
    reference(json, "step");
    cyc_json_close(json, '}');
    cyc_json_close(json, '}');
}

static void protocol_definition(struct cyc_json *json)
{
    cyc_json_open(json, '{');
    properties(json, CYC_PLACE_PROTOCOL);
    open_with(json, "required", '[');
    cyc_json_string(json, "cyclostat");
    cyc_json_string(json, "method");
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
}

static void cell_file_definition(struct cyc_json *json)
{
    cyc_json_open(json, '{');
    open_with(json, "allOf", '[');
    reference(json, "cell_file");
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
}

void cyc_protocol_schema(struct cyc_text *out)
{
    struct cyc_json json;
    cyc_json_init(&json, out);
    cyc_json_open(&json, '{');
    key_string(&json, "$schema", "http://json-schema.org/draft-07/schema#");
    key_string(&json, "title", "cyclostat protocol or cell file");
    open_with(&json, "if", '{');
    require(&json, "cyclostat_cell");
    cyc_json_close(&json, '}');
    cyc_json_key(&json, "then");
    cell_file_definition(&json);
    cyc_json_key(&json, "else");
    protocol_definition(&json);
    definitions(&json);
    cyc_json_close(&json, '}');
    cyc_text_append(out, "\n");
}
