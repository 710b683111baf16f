#include "base/diag.h"

#include "base/text_int.h"

#include <stdarg.h>
#include <string.h>

#define LINE_WIDTH_MAX 120 /* characters of a source line that are shown */

/* ---- Collecting -------------------------------------------------------------------------------
 */

void cyc_diags_init(struct cyc_diags *diags)
{
    memset(diags, 0, sizeof *diags);
    cyc_arena_init(&diags->arena, 0);
}

void cyc_diags_release(struct cyc_diags *diags)
{
    cyc_arena_release(&diags->arena);
    diags->count = 0;
    diags->file_count = 0;
}

uint16_t cyc_diags_add_file(struct cyc_diags *diags, const char *name, const char *text,
                            size_t size)
{
    if (diags->file_count == CYC_DIAG_FILES_MAX) {
        return CYC_DIAG_FILES_MAX - 1;
    }
    const char *kept_name = cyc_arena_string(&diags->arena, name, strlen(name));
    const char *kept_text = text != NULL ? cyc_arena_string(&diags->arena, text, size) : NULL;
    diags->files[diags->file_count] = (struct cyc_diag_file){
        .name = kept_name != NULL ? kept_name : "?",
        .text = kept_text,
        .size = kept_text != NULL ? size : 0,
    };
    return (uint16_t)diags->file_count++;
}

static const char *format_kept(struct cyc_diags *diags, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    char none[1];
    const size_t length = cyc_format_list(none, sizeof none, format, arguments);
    char *kept = cyc_arena_alloc(&diags->arena, length + 1);
    if (kept != NULL) {
        (void)cyc_format_list(kept, length + 1, format, again);
    }
    va_end(again);
    return kept != NULL ? kept : "(out of memory)";
}

const char *cyc_diags_format(struct cyc_diags *diags, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = format_kept(diags, format, arguments);
    va_end(arguments);
    return text;
}

struct cyc_diag *cyc_diags_add(struct cyc_diags *diags, enum cyc_severity severity,
                               struct cyc_pos pos, const char *format, ...)
{
    /* Errors and the rest have their own quotas, so that warnings cannot crowd out errors. */
    const bool is_error = severity == CYC_SEVERITY_ERROR;
    unsigned *found = is_error ? &diags->error_count : &diags->warning_count;
    const unsigned quota = is_error ? CYC_DIAG_ERRORS_MAX : CYC_DIAG_WARNINGS_MAX;
    (*found)++;
    struct cyc_diag *diag = &diags->scratch;
    const char *message = "";
    if (*found <= quota) {
        diag = &diags->items[diags->count++];
        va_list arguments;
        va_start(arguments, format);
        message = format_kept(diags, format, arguments);
        va_end(arguments);
    }
    *diag = (struct cyc_diag){.severity = severity, .pos = pos, .message = message};
    return diag;
}

/* ---- Sorting ----------------------------------------------------------------------------------
 */

static int compare(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

static int compare_diags(const struct cyc_diag *a, const struct cyc_diag *b)
{
    int order = compare(a->pos.file, b->pos.file);
    if (order == 0) {
        order = compare(a->pos.line, b->pos.line);
    }
    if (order == 0) {
        order = compare(a->pos.column, b->pos.column);
    }
    return order != 0 ? order : compare((uint32_t)a->severity, (uint32_t)b->severity);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_diag(const struct cyc_diag *a, const struct cyc_diag *b)
{
    return compare_diags(a, b) == 0 && same_text(a->message, b->message) &&
           same_text(a->hint, b->hint) && same_text(a->path, b->path);
}

/* Drops the duplicate at index; it has been counted as found. */
static void drop(struct cyc_diags *diags, unsigned index)
{
    if (diags->items[index].severity == CYC_SEVERITY_ERROR) {
        diags->error_count--;
    } else {
        diags->warning_count--;
    }
    diags->count--;
    memmove(&diags->items[index], &diags->items[index + 1],
            (diags->count - index) * sizeof diags->items[0]);
}

void cyc_diags_sort(struct cyc_diags *diags)
{
    /* Insertion sort: at most 70 entries, and it keeps the order of discovery. */
    for (unsigned i = 1; i < diags->count; i++) {
        const struct cyc_diag moved = diags->items[i];
        unsigned at = i;
        for (; at > 0 && compare_diags(&moved, &diags->items[at - 1]) < 0; at--) {
            diags->items[at] = diags->items[at - 1];
        }
        diags->items[at] = moved;
    }
    for (unsigned i = 0; i < diags->count; i++) {
        for (unsigned j = diags->count - 1; j > i; j--) {
            if (same_diag(&diags->items[i], &diags->items[j])) {
                drop(diags, j);
            }
        }
    }
}

/* ---- Printing ---------------------------------------------------------------------------------
 */

/* Words of a protocol come back in messages: they must not steer the reader's terminal. */
static void append_visible(struct cyc_text *out, const char *string, size_t size)
{
    while (size > 0) {
        const size_t length = cyc_utf8_size(string, size);
        if (length == 0 || cyc_utf8_is_control(string, length)) {
            cyc_text_append(out, *string == '\t' ? " " : "?");
        } else {
            cyc_text_append_size(out, string, length);
        }
        string += length > 0 ? length : 1;
        size -= length > 0 ? length : 1;
    }
}

/* The line without its end; false when the file has no such line. Lines end with LF, CR or both,
 * as YAML and Lua count them. */
static bool find_line(const struct cyc_diag_file *file, uint32_t line, const char **start,
                      size_t *size)
{
    const char *at = file->text;
    if (at == NULL || line == 0) {
        return false;
    }
    const char *end = at + file->size;
    for (uint32_t current = 1;; current++) {
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r') {
            stop++;
        }
        if (current == line) {
            *start = at;
            *size = (size_t)(stop - at);
            return true;
        }
        if (stop == end) {
            return false;
        }
        at = stop + (stop + 1 < end && stop[0] == '\r' && stop[1] == '\n' ? 2 : 1);
    }
}

/* Moves over `count` characters (a broken byte counts as one); returns the characters passed. */
static uint32_t advance(const char **at, const char *end, uint32_t count)
{
    uint32_t passed = 0;
    while (passed < count && *at < end) {
        const size_t length = cyc_utf8_size(*at, (size_t)(end - *at));
        *at += length > 0 ? length : 1;
        passed++;
    }
    return passed;
}

static void append_repeated(struct cyc_text *out, const char *string, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        cyc_text_append(out, string);
    }
}

struct colours {
    const char *strong;
    const char *error;
    const char *warning;
    const char *note;
    const char *off;
};

static const struct colours colours_on = {"\x1b[1m", "\x1b[1;31m", "\x1b[1;35m", "\x1b[1;36m",
                                          "\x1b[0m"};
static const struct colours colours_off = {"", "", "", "", ""};

/* The line with a caret below. A long line is cut to a window around the caret. */
static void print_source(const struct cyc_diags *diags, struct cyc_pos pos, struct cyc_text *out,
                         const char *colour, const char *off)
{
    const char *line = NULL;
    size_t size = 0;
    if (pos.file >= diags->file_count ||
        !find_line(&diags->files[pos.file], pos.line, &line, &size)) {
        return;
    }
    if (pos.line == 1 && size >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
        line += 3; /* a byte order mark has no width */
        size -= 3;
    }
    const char *end = line + size;
    const char *counter = line;
    const uint32_t total = advance(&counter, end, UINT32_MAX);
    const uint32_t caret = pos.column > 0 ? (pos.column - 1 < total ? pos.column - 1 : total) : 0;
    uint32_t first = 0;
    if (total > LINE_WIDTH_MAX && caret > LINE_WIDTH_MAX / 2) {
        first = caret - LINE_WIDTH_MAX / 2;
        first = first > total - LINE_WIDTH_MAX ? total - LINE_WIDTH_MAX : first;
    }
    const char *from = line;
    (void)advance(&from, end, first);
    const char *to = from;
    const uint32_t shown = advance(&to, end, LINE_WIDTH_MAX);

    cyc_text_format(out, "%5u | %s", (unsigned)pos.line, first > 0 ? "..." : "");
    append_visible(out, from, (size_t)(to - from));
    cyc_text_append(out, to < end ? "...\n" : "\n");
    cyc_text_append(out, "      | ");
    append_repeated(out, " ", caret - first + (first > 0 ? 3u : 0u));
    const uint32_t room = first + shown > caret ? first + shown - caret : 1;
    const uint32_t width = pos.width > 1 ? (pos.width < room ? pos.width : room) : 1;
    cyc_text_format(out, "%s^", colour);
    append_repeated(out, "~", width - 1);
    cyc_text_format(out, "%s\n", off);
}

static void print_place(const struct cyc_diags *diags, struct cyc_pos pos, const char *path,
                        struct cyc_text *out)
{
    if (pos.file < diags->file_count) {
        const char *name = diags->files[pos.file].name;
        append_visible(out, name, strlen(name));
        cyc_text_append(out, ":");
        if (pos.line > 0) {
            cyc_text_format(out, "%u:%u:", (unsigned)pos.line, (unsigned)pos.column);
        }
        cyc_text_append(out, " ");
    }
    if (pos.line == 0 && path != NULL) {
        append_visible(out, path, strlen(path));
        cyc_text_append(out, ": ");
    }
}

static const char *severity_name(enum cyc_severity severity)
{
    switch (severity) {
    case CYC_SEVERITY_ERROR:
        return "error";
    case CYC_SEVERITY_WARNING:
        return "warning";
    case CYC_SEVERITY_NOTE:
        return "note";
    }
    return "error";
}

static const char *severity_colour(const struct colours *colours, enum cyc_severity severity)
{
    switch (severity) {
    case CYC_SEVERITY_ERROR:
        return colours->error;
    case CYC_SEVERITY_WARNING:
        return colours->warning;
    case CYC_SEVERITY_NOTE:
        return colours->note;
    }
    return colours->error;
}

static void print_diag(const struct cyc_diags *diags, const struct cyc_diag *diag,
                       struct cyc_text *out, const struct colours *colours)
{
    const char *colour = severity_colour(colours, diag->severity);
    cyc_text_append(out, colours->strong);
    print_place(diags, diag->pos, diag->path, out);
    cyc_text_format(out, "%s%s:%s ", colour, severity_name(diag->severity), colours->off);
    append_visible(out, diag->message, strlen(diag->message));
    cyc_text_append(out, "\n");
    print_source(diags, diag->pos, out, colour, colours->off);
    if (diag->hint != NULL) {
        cyc_text_append(out, "   hint: ");
        append_visible(out, diag->hint, strlen(diag->hint));
        cyc_text_append(out, "\n");
    }
    if (diag->related_text != NULL) {
        cyc_text_append(out, colours->strong);
        print_place(diags, diag->related, NULL, out);
        cyc_text_format(out, "%snote:%s ", colours->note, colours->off);
        append_visible(out, diag->related_text, strlen(diag->related_text));
        cyc_text_append(out, "\n");
    }
}

void cyc_diags_print(struct cyc_diags *diags, struct cyc_text *out, bool colour)
{
    cyc_diags_sort(diags);
    unsigned shown = 0;
    for (unsigned i = 0; i < diags->count; i++) {
        print_diag(diags, &diags->items[i], out, colour ? &colours_on : &colours_off);
        shown += diags->items[i].severity == CYC_SEVERITY_ERROR ? 1u : 0u;
    }
    if (diags->error_count > shown) {
        cyc_text_format(out, "and %u more errors\n", diags->error_count - shown);
    }
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void write_place(const struct cyc_diags *diags, struct cyc_pos pos, struct cyc_json *json)
{
    cyc_json_key(json, "file");
    cyc_json_string(json, pos.file < diags->file_count ? diags->files[pos.file].name : NULL);
    cyc_json_key(json, "line");
    cyc_json_integer(json, pos.line);
    cyc_json_key(json, "column");
    cyc_json_integer(json, pos.column);
}

void cyc_diags_json(struct cyc_diags *diags, struct cyc_json *json)
{
    cyc_diags_sort(diags);
    cyc_json_open(json, '[');
    for (unsigned i = 0; i < diags->count; i++) {
        const struct cyc_diag *diag = &diags->items[i];
        cyc_json_open(json, '{');
        cyc_json_key(json, "severity");
        cyc_json_string(json, severity_name(diag->severity));
        write_place(diags, diag->pos, json);
        cyc_json_key(json, "path");
        cyc_json_string(json, diag->path);
        cyc_json_key(json, "message");
        cyc_json_string(json, diag->message);
        cyc_json_key(json, "hint");
        cyc_json_string(json, diag->hint);
        cyc_json_key(json, "related");
        if (diag->related_text != NULL) {
            cyc_json_open(json, '{');
            write_place(diags, diag->related, json);
            cyc_json_key(json, "text");
            cyc_json_string(json, diag->related_text);
            cyc_json_close(json, '}');
        } else {
            cyc_json_string(json, NULL);
        }
        cyc_json_close(json, '}');
    }
    cyc_json_close(json, ']');
}
