/* The table of keys as Markdown for the manual, and as JSON Schema (draft-07) for editors. */
#include "device/rig_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- The manual ------------------------------------------------------------------------------ */

static const char *type_words(enum cyc_rig_type type)
{
    switch (type) {
    case CYC_RIG_TEXT:
    case CYC_RIG_VERSION:
        return "text";
    case CYC_RIG_PATH:
    case CYC_RIG_ADDRESS:
        return "a path";
    case CYC_RIG_DATE:
        return "a date";
    case CYC_RIG_WHOLE:
        return "a whole number";
    case CYC_RIG_QUANTITY:
    case CYC_RIG_TIME:
        return "";
    case CYC_RIG_WINDOW:
        return ", a pair";
    case CYC_RIG_BOTH_WAYS:
        return ", one or a pair";
    case CYC_RIG_CHOICE:
    case CYC_RIG_FLAG:
    case CYC_RIG_MEASURED:
        return "one of";
    case CYC_RIG_PORT_NAME:
        return "a port";
    case CYC_RIG_OUTPUT_NAME:
        return "an instrument";
    case CYC_RIG_SENSOR_NAME:
        return "a sensor";
    case CYC_RIG_SENSORS:
        return "a list of sensors";
    case CYC_RIG_MAPPING:
    case CYC_RIG_OWN_CALIBRATION:
        return "keys below";
    case CYC_RIG_DRIVER:
        return "a driver";
    case CYC_RIG_OPTIONS:
        return "names with values";
    case CYC_RIG_NAMES:
        return "names, each with keys below";
    }
    return "?";
}

static bool is_quantity(const struct cyc_rig_row *row)
{
    return row->type == CYC_RIG_QUANTITY || row->type == CYC_RIG_TIME ||
           row->type == CYC_RIG_WINDOW || row->type == CYC_RIG_BOTH_WAYS;
}

static void put_value(struct cyc_text *out, const struct cyc_rig_row *row)
{
    if (is_quantity(row)) {
        cyc_text_append(out, row->kind == CYC_KIND_COUNT    ? "of the quantity"
                             : row->kind == CYC_KIND_NUMBER ? "a bare number"
                                                            : cyc_kind_name(row->kind));
    }
    cyc_text_append(out, type_words(row->type));
    for (const char *c = row->choices; c != NULL && *c != '\0'; c++) {
        cyc_text_append(out, c == row->choices ? " " : "");
        cyc_text_append_size(out, *c == '|' ? ", " : c, *c == '|' ? 2 : 1);
    }
}

static void put_range(struct cyc_text *out, const struct cyc_rig_row *row)
{
    char low[64];
    char high[64];
    if (!isnan(row->low) || !isnan(row->high)) {
        cyc_text_format(out, "; %s to %s", cyc_quantity_text(low, sizeof low, row->low, row->kind),
                        cyc_quantity_text(high, sizeof high, row->high, row->kind));
    }
}

static const char *place_title(enum cyc_rig_place place)
{
    static const char *const titles[CYC_RIG_PLACE_COUNT] = {"The file",
                                                            "In `ports`",
                                                            "In `instruments`",
                                                            "In `sensors`",
                                                            "In `channels`",
                                                            "In `limits`",
                                                            "In the `calibration` of a channel",
                                                            "In one calibration"};
    return titles[place];
}

void cyc_rig_manual(struct cyc_text *out)
{
    for (int place = 0; place < CYC_RIG_PLACE_COUNT; place++) {
        cyc_text_format(out, "\n**%s**\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
                        place_title((enum cyc_rig_place)place));
        for (unsigned i = 0; i < cyc_rig_row_count; i++) {
            const struct cyc_rig_row *const row = &cyc_rig_rows[i];
            if (row->where == (enum cyc_rig_place)place) {
                cyc_text_format(out, "| `%s` | ", row->key);
                put_value(out, row);
                put_range(out, row);
                cyc_text_format(out, " | %s | %s |\n",
                                row->required           ? "(must be stated)"
                                : row->fallback != NULL ? row->fallback
                                                        : "",
                                row->help);
            }
        }
    }
}

/* ---- The schema ------------------------------------------------------------------------------ */

static void key_string(struct cyc_json *json, const char *key, const char *value)
{
    cyc_json_key(json, key);
    cyc_json_string(json, value);
}

static void open_with(struct cyc_json *json, const char *key, char bracket)
{
    cyc_json_key(json, key);
    cyc_json_open(json, bracket);
}

static void place_name(char *name, size_t size, enum cyc_rig_place place)
{
    static const char *const names[CYC_RIG_PLACE_COUNT] = {
        "rig", "port", "instrument", "sensor", "channel", "limits", "calibrations", "calibration"};
    (void)snprintf(name, size, "#/definitions/%s", names[place]);
}

static void reference(struct cyc_json *json, enum cyc_rig_place place)
{
    char path[64];
    place_name(path, sizeof path, place);
    key_string(json, "$ref", path);
}

/* A number with a unit of the kind. */
static void quantity(struct cyc_json *json, enum cyc_kind kind)
{
    struct cyc_text pattern = {0};
    if (kind == CYC_KIND_NUMBER) {
        key_string(json, "type", "number");
        return;
    }
    cyc_text_append(&pattern, "^\\s*-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?\\s*(");
    for (const char *at = kind < CYC_KIND_COUNT ? cyc_kind_units(kind) : ""; *at != '\0'; at++) {
        if (*at == ',') {
            cyc_text_append(&pattern, "|");
        } else if (*at == 'u') {
            cyc_text_append(&pattern, "[u\xc2\xb5\xce\xbc]"); /* u, micro sign, Greek mu */
        } else if (*at != ' ') {
            cyc_text_append_size(&pattern, at, 1);
        }
    }
    cyc_text_append(&pattern, kind == CYC_KIND_COUNT ? "\\S+)\\s*$" : ")\\s*$");
    key_string(json, "type", "string");
    key_string(json, "pattern", cyc_text_get(&pattern));
    cyc_text_release(&pattern);
}

static void pair(struct cyc_json *json, enum cyc_kind kind)
{
    key_string(json, "type", "array");
    open_with(json, "items", '{');
    quantity(json, kind);
    cyc_json_close(json, '}');
    cyc_json_key(json, "minItems");
    cyc_json_integer(json, 2);
    cyc_json_key(json, "maxItems");
    cyc_json_integer(json, 2);
}

static void one_or_pair(struct cyc_json *json, enum cyc_kind kind)
{
    open_with(json, "anyOf", '[');
    cyc_json_open(json, '{');
    quantity(json, kind);
    cyc_json_close(json, '}');
    cyc_json_open(json, '{');
    pair(json, kind);
    cyc_json_close(json, '}');
    cyc_json_close(json, ']');
}

/* YAML 1.1 editors read off, yes and no as booleans. */
static void choices(struct cyc_json *json, const char *at)
{
    open_with(json, "enum", '[');
    while (*at != '\0') {
        char word[32];
        const size_t size = strcspn(at, "|");
        (void)snprintf(word, sizeof word, "%.*s", (int)size, at);
        cyc_json_string(json, word);
        if (strcmp(word, "off") == 0) {
            cyc_json_bool(json, false);
        }
        at += size + (at[size] == '|' ? 1 : 0);
    }
    cyc_json_close(json, ']');
}

static void scalar(struct cyc_json *json)
{
    open_with(json, "type", '[');
    cyc_json_string(json, "string");
    cyc_json_string(json, "number");
    cyc_json_string(json, "boolean");
    cyc_json_close(json, ']');
}

static void names_of(struct cyc_json *json, enum cyc_rig_place place)
{
    key_string(json, "type", "object");
    open_with(json, "additionalProperties", '{');
    if (place == CYC_RIG_PLACE_COUNT) {
        scalar(json);
    } else {
        reference(json, place);
    }
    cyc_json_close(json, '}');
}

static void value(struct cyc_json *json, const struct cyc_rig_row *row)
{
    switch (row->type) { /* dispatch */
    case CYC_RIG_VERSION:
        open_with(json, "enum", '[');
        cyc_json_integer(json, 1);
        cyc_json_string(json, "1");
        cyc_json_close(json, ']');
        break;
    case CYC_RIG_TEXT:
    case CYC_RIG_PATH:
    case CYC_RIG_ADDRESS:
    case CYC_RIG_DRIVER:
    case CYC_RIG_PORT_NAME:
    case CYC_RIG_OUTPUT_NAME:
    case CYC_RIG_SENSOR_NAME:
        scalar(json);
        break;
    case CYC_RIG_DATE:
        key_string(json, "type", "string");
        key_string(json, "pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$");
        break;
    case CYC_RIG_WHOLE:
        key_string(json, "type", "integer");
        break;
    case CYC_RIG_QUANTITY:
    case CYC_RIG_TIME:
        quantity(json, row->kind);
        break;
    case CYC_RIG_WINDOW:
        pair(json, row->kind);
        break;
    case CYC_RIG_BOTH_WAYS:
        one_or_pair(json, row->kind);
        break;
    case CYC_RIG_CHOICE:
    case CYC_RIG_FLAG:
    case CYC_RIG_MEASURED:
        choices(json, row->choices);
        break;
    case CYC_RIG_SENSORS:
        key_string(json, "type", "array");
        open_with(json, "items", '{');
        scalar(json);
        cyc_json_close(json, '}');
        break;
    case CYC_RIG_MAPPING:
    case CYC_RIG_OWN_CALIBRATION:
        reference(json, row->inside);
        break;
    case CYC_RIG_OPTIONS:
    case CYC_RIG_NAMES:
        names_of(json, row->inside);
        break;
    }
}

static void describe(struct cyc_json *json, const struct cyc_rig_row *row)
{
    struct cyc_text text = {0};
    cyc_text_append(&text, row->help);
    put_range(&text, row);
    if (row->fallback != NULL) {
        cyc_text_format(&text, ". Default: %s", row->fallback);
    }
    key_string(json, "description", cyc_text_get(&text));
    cyc_text_release(&text);
}

/* Inside an open definition: the keys of a place, and no others. A $ref stands in `allOf`, since
 * draft-07 looks at nothing beside it. */
static void properties(struct cyc_json *json, enum cyc_rig_place place)
{
    key_string(json, "type", "object");
    open_with(json, "properties", '{');
    for (unsigned i = 0; i < cyc_rig_row_count; i++) {
        if (cyc_rig_rows[i].where == place) {
            open_with(json, cyc_rig_rows[i].key, '{');
            describe(json, &cyc_rig_rows[i]);
            open_with(json, "allOf", '[');
            cyc_json_open(json, '{');
            value(json, &cyc_rig_rows[i]);
            cyc_json_close(json, '}');
            cyc_json_close(json, ']');
            cyc_json_close(json, '}');
        }
    }
    cyc_json_close(json, '}');
    open_with(json, "required", '[');
    for (unsigned i = 0; i < cyc_rig_row_count; i++) {
        if (cyc_rig_rows[i].where == place && cyc_rig_rows[i].required) {
            cyc_json_string(json, cyc_rig_rows[i].key);
        }
    }
    cyc_json_close(json, ']');
    cyc_json_key(json, "additionalProperties");
    cyc_json_bool(json, false);
}

void cyc_rig_schema(struct cyc_text *out)
{
    char name[64];
    struct cyc_json json;
    cyc_json_init(&json, out);
    cyc_json_open(&json, '{');
    key_string(&json, "$schema", "http://json-schema.org/draft-07/schema#");
    key_string(&json, "title", "cyclostat rig file");
    properties(&json, CYC_RIG_FILE);
    open_with(&json, "definitions", '{');
    for (int place = CYC_RIG_PORT; place < CYC_RIG_PLACE_COUNT; place++) {
        place_name(name, sizeof name, (enum cyc_rig_place)place);
        open_with(&json, strrchr(name, '/') + 1, '{');
        properties(&json, (enum cyc_rig_place)place);
        cyc_json_close(&json, '}');
    }
    cyc_json_close(&json, '}');
    cyc_json_close(&json, '}');
    cyc_text_append(out, "\n");
}
