#include "base/text.h"

#include "base/text_int.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

char cyc_ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0u) == 0x80u;
}

size_t cyc_utf8_size(const char *string, size_t size)
{
    const unsigned char first = (unsigned char)string[0];
    if (first < 0x80u) {
        return 1;
    }
    size_t length = 0;
    if (first >= 0xC2u && first <= 0xDFu) {
        length = 2;
    } else if (first >= 0xE0u && first <= 0xEFu) {
        length = 3;
    } else if (first >= 0xF0u && first <= 0xF4u) {
        length = 4;
    }
    if (length == 0 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(string[i])) {
            return 0;
        }
    }
    /* Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte. */
    const unsigned char second = (unsigned char)string[1];
    const bool bad = (first == 0xE0u && second < 0xA0u) || (first == 0xEDu && second > 0x9Fu) ||
                     (first == 0xF0u && second < 0x90u) || (first == 0xF4u && second > 0x8Fu);
    return bad ? 0 : length;
}

size_t cyc_utf8_cut(const char *string, size_t size)
{
    size_t start = size;
    while (start > 0 && size - start < 4) {
        start--;
        if (!is_continuation(string[start])) {
            return cyc_utf8_size(string + start, size - start) > 0 ? size : start;
        }
    }
    return size;
}

bool cyc_utf8_is_control(const char *character, size_t size)
{
    const unsigned char first = (unsigned char)character[0];
    if (size == 1) {
        return first < 0x20u || first == 0x7Fu;
    }
    return size == 2 && first == 0xC2u && (unsigned char)character[1] < 0xA0u;
}

/* ---- Fixed buffers ----------------------------------------------------------------------------
 */

bool cyc_copy(char *target, size_t size, const char *source)
{
    if (size == 0) {
        return false;
    }
    const size_t length = strlen(source);
    const size_t kept = length < size ? length : cyc_utf8_cut(source, size - 1);
    memcpy(target, source, kept);
    target[kept] = '\0';
    return kept == length;
}

bool cyc_same_word(const char *word, const char *string, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (word[i] == '\0' || cyc_ascii_lower(word[i]) != cyc_ascii_lower(string[i])) {
            return false;
        }
    }
    return word[size] == '\0';
}

size_t cyc_format_list(char *buffer, size_t size, const char *format, va_list arguments)
{
    /* glibc and musl keep one constant object for "C": nothing is allocated, nothing to free. */
    const locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    const locale_t before = uselocale(c_locale);
    const int length = vsnprintf(buffer, size, format, arguments);
    (void)uselocale(before);
    freelocale(c_locale);
    if (length < 0) {
        if (size > 0) {
            buffer[0] = '\0';
        }
        return 0;
    }
    if (size > 0 && (size_t)length >= size) {
        buffer[cyc_utf8_cut(buffer, size - 1)] = '\0';
    }
    return (size_t)length;
}

size_t cyc_format(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const size_t length = cyc_format_list(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}

/* ---- Growing text -----------------------------------------------------------------------------
 */

/* Makes room for `more` bytes and the terminator. */
static bool reserve(struct cyc_text *text, size_t more)
{
    if (text->failed || more > SIZE_MAX / 4 || text->length > SIZE_MAX / 4) {
        text->failed = true;
        return false;
    }
    const size_t needed = text->length + more + 1;
    if (needed <= text->capacity) {
        return true;
    }
    size_t capacity = text->capacity != 0 ? text->capacity : 64;
    while (capacity < needed) {
        capacity *= 2;
    }
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void cyc_text_append_size(struct cyc_text *text, const char *bytes, size_t size)
{
    if (size == 0 || !reserve(text, size)) {
        return;
    }
    memcpy(text->data + text->length, bytes, size);
    text->length += size;
    text->data[text->length] = '\0';
}

void cyc_text_append(struct cyc_text *text, const char *string)
{
    cyc_text_append_size(text, string, strlen(string));
}

void cyc_text_format(struct cyc_text *text, const char *format, ...)
{
    char buffer[256];
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    const size_t length = cyc_format_list(buffer, sizeof buffer, format, arguments);
    if (length < sizeof buffer) {
        cyc_text_append_size(text, buffer, length);
    } else if (reserve(text, length)) {
        (void)cyc_format_list(text->data + text->length, length + 1, format, again);
        text->length += length;
    }
    va_end(again);
    va_end(arguments);
}

void cyc_text_number(struct cyc_text *text, double value, int digits)
{
    char buffer[CYC_NUMBER_SIZE];
    cyc_text_append(text, cyc_number_brief(buffer, value, digits));
}

void cyc_text_clear(struct cyc_text *text)
{
    text->length = 0;
    if (text->data != NULL) {
        text->data[0] = '\0';
    }
}

void cyc_text_release(struct cyc_text *text)
{
    free(text->data);
    *text = (struct cyc_text){0};
}

const char *cyc_text_get(const struct cyc_text *text)
{
    return text->data != NULL ? text->data : "";
}

uint64_t cyc_hash(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}
