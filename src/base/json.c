#include "base/text.h"

#include "base/text_int.h"

#include <math.h>

#define DEPTH_MAX 32

void cyc_json_init(struct cyc_json *json, struct cyc_text *text)
{
    *json = (struct cyc_json){.text = text};
}

/* Puts the comma that is due before a key, or before a value that has none. */
static void separate(struct cyc_json *json)
{
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    if (json->depth == 0) {
        return;
    }
    const uint32_t bit = UINT32_C(1) << (json->depth - 1);
    if ((json->filled & bit) != 0) {
        cyc_text_append(json->text, ",");
    }
    json->filled |= bit;
}

void cyc_json_open(struct cyc_json *json, char bracket)
{
    if (json->depth >= DEPTH_MAX) {
        json->text->failed = true;
        return;
    }
    separate(json);
    cyc_text_append_size(json->text, &bracket, 1);
    json->depth++;
    json->filled &= ~(UINT32_C(1) << (json->depth - 1));
}

void cyc_json_close(struct cyc_json *json, char bracket)
{
    if (json->depth == 0) {
        json->text->failed = true;
        return;
    }
    cyc_text_append_size(json->text, &bracket, 1);
    json->depth--;
    json->after_key = false;
}

/* One character or broken byte; returns how many bytes it took. */
static size_t append_character(struct cyc_text *text, const char *character, size_t size)
{
    const size_t length = cyc_utf8_size(character, size);
    const unsigned char first = (unsigned char)character[0];
    if (length == 0) {
        cyc_text_append(text, "\xEF\xBF\xBD"); /* U+FFFD: a reader must not stumble over it */
        return 1;
    }
    if (first == '"' || first == '\\') {
        cyc_text_append(text, "\\");
        cyc_text_append_size(text, character, 1);
    } else if (first == '\n') {
        cyc_text_append(text, "\\n");
    } else if (first == '\t') {
        cyc_text_append(text, "\\t");
    } else if (first < 0x20u || first == 0x7Fu) {
        cyc_text_format(text, "\\u%04x", (unsigned)first);
    } else {
        cyc_text_append_size(text, character, length);
    }
    return length;
}

static void append_quoted(struct cyc_text *text, const char *string)
{
    cyc_text_append(text, "\"");
    size_t left = 0;
    while (string[left] != '\0') {
        left++;
    }
    while (left > 0) {
        const size_t used = append_character(text, string, left);
        string += used;
        left -= used;
    }
    cyc_text_append(text, "\"");
}

void cyc_json_key(struct cyc_json *json, const char *key)
{
    separate(json);
    append_quoted(json->text, key);
    cyc_text_append(json->text, ":");
    json->after_key = true;
}

void cyc_json_string(struct cyc_json *json, const char *value)
{
    separate(json);
    if (value == NULL) {
        cyc_text_append(json->text, "null");
    } else {
        append_quoted(json->text, value);
    }
}

void cyc_json_number(struct cyc_json *json, double value)
{
    separate(json);
    char buffer[CYC_NUMBER_SIZE];
    cyc_text_append(json->text, isfinite(value) ? cyc_number_exact(buffer, value) : "null");
}

void cyc_json_integer(struct cyc_json *json, int64_t value)
{
    separate(json);
    cyc_text_format(json->text, "%lld", (long long)value);
}

void cyc_json_bool(struct cyc_json *json, bool value)
{
    separate(json);
    cyc_text_append(json->text, value ? "true" : "false");
}
