/* From libyaml's events to a tree with positions.
 *
 *      text ── survey ──► yaml_parser ── events ──► open mappings and lists (a stack) ──► nodes
 *               │              ▲
 *               │              └── feed(): hands the text over in slices and refuses to go on when
 *               │                  one event swallows more than EVENT_SIZE_MAX bytes
 *               └── NUL bytes, broken UTF-8, control characters: found before the parser sees them
 *
 * Bounds that keep hostile input cheap: the size of the text, of one event, the depth, and the
 * arena's own maximum. Keys of large mappings are compared through a hash table, so the work is
 * linear in the size of the text. The first mistake of the YAML itself ends the reading, because
 * nothing after it can be trusted.
 */
#include "base/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define EVENT_SIZE_MAX (256u << 10)
#define SLICE_SIZE     (16u << 10)
#define FEW_KEYS       12u /* compared one by one up to here */
#define COMMON_KEYS    64u /* kept at hand: most keys of a protocol are the same few words */

struct level {
    struct cyc_node *node;
    struct cyc_node *last; /* its last child */
    const char *key;       /* a key that waits for its value */
    size_t key_size;
    struct cyc_pos key_pos;
    uint64_t *hashes; /* of the keys, once there are many: open addressing; owned */
    unsigned slot_count;
};

struct reader {
    struct cyc_arena *arena;
    struct cyc_diags *diags;
    uint16_t file;
    const char *text;
    size_t size;
    size_t fed;
    size_t fed_at_event; /* bytes handed over when the last event came */
    bool too_long;
    struct cyc_pos event_pos; /* of the last event, for messages about the next */
    bool has_tight_comment;   /* somewhere ` #` is followed by a character at once */
    uint32_t cursor_line;     /* moves forward only, so that looking at lines stays linear */
    const char *cursor;
    struct {
        const char *key;
        size_t size;
    } common[COMMON_KEYS];
    struct level levels[CYC_TREE_DEPTH_MAX + 1];
    unsigned depth;
    struct cyc_node *root;
};

static int refuse(struct reader *reader, struct cyc_pos pos, const char *message, const char *hint)
{
    struct cyc_diag *const diag =
        cyc_diags_add(reader->diags, CYC_SEVERITY_ERROR, pos, "%s", message);
    diag->hint = hint == NULL ? NULL : cyc_diags_format(reader->diags, "%s", hint);
    return CYC_E_INPUT;
}

/* ---- Before the parser ------------------------------------------------------------------------
 */

/* Bytes of the UTF-8 sequence at the start of a string, 0: it is none. */
static unsigned sequence_size(const unsigned char *s, size_t left)
{
    static const struct {
        unsigned char mask, lead, size;
        uint32_t lowest;
    } forms[] = {{0x80, 0x00, 1, 0},
                 {0xE0, 0xC0, 2, 0x80},
                 {0xF0, 0xE0, 3, 0x800},
                 {0xF8, 0xF0, 4, 0x10000}};
    for (unsigned f = 0; f < 4; f++) {
        if ((s[0] & forms[f].mask) != forms[f].lead) {
            continue;
        }
        if (left < forms[f].size) {
            return 0;
        }
        uint32_t code = s[0] & (unsigned char)~forms[f].mask;
        for (unsigned i = 1; i < forms[f].size; i++) {
            if ((s[i] & 0xC0) != 0x80) {
                return 0;
            }
            code = code << 6 | (s[i] & 0x3Fu);
        }
        const bool sound =
            code >= forms[f].lowest && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
        return sound ? forms[f].size : 0;
    }
    return 0;
}

/* Eight bytes at once: are they all printable ASCII? Sets the top bit of each byte that is not. */
static bool is_plain(const unsigned char *bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    const uint64_t high = word;              /* 0x80 … 0xFF */
    const uint64_t low = word - ones * 0x20; /* below a blank; borrows only spread upwards */
    const uint64_t rubout = (word ^ ones * 0x7F) - ones; /* 0x7F */
    return ((high | low | (rubout & ~(word ^ ones * 0x7F))) & (ones * 0x80)) == 0;
}

static int survey(struct reader *reader)
{
    const unsigned char *const text = (const unsigned char *)reader->text;
    struct cyc_pos pos = {reader->file, 1, 1, 0};
    size_t i = 0;
    if (reader->size > CYC_FILE_SIZE_MAX) {
        return refuse(reader, pos, "the file is larger than 16 MiB", NULL);
    }
    while (i < reader->size) {
        while (i + 8 <= reader->size && is_plain(text + i)) {
            i += 8;
            pos.column += 8;
        }
        if (i == reader->size) {
            break;
        }
        const unsigned char byte = text[i];
        if (byte >= 0x20 && byte < 0x7F) {
            i++;
            pos.column++;
            continue;
        }
        if (byte == '\n') {
            pos.line++;
            pos.column = 1;
            i++;
            continue;
        }
        if (byte == 0) {
            return refuse(reader, pos, "a NUL byte: this is not a text file",
                          "save it as UTF-8 text");
        }
        if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7F) {
            return refuse(reader, pos, "a control character", "remove it");
        }
        const unsigned size = sequence_size(text + i, reader->size - i);
        if (size == 0) {
            return refuse(reader, pos, "bytes that are not UTF-8", "save the file as UTF-8");
        }
        i += size;
        pos.column++;
    }
    return CYC_OK;
}

/* Does ` #x` occur at all? Only then is it looked for behind each value. */
static bool has_tight_comment(const char *text, size_t size)
{
    const char *const end = text + size;
    for (const char *at = text; (at = memchr(at, '#', (size_t)(end - at))) != NULL; at++) {
        if (at > text && at[-1] == ' ' && at + 1 < end && strchr(" \t\r\n#!", at[1]) == NULL) {
            return true;
        }
    }
    return false;
}

/* libyaml's source of bytes. */
static int feed(void *data, unsigned char *buffer, size_t size, size_t *size_read)
{
    struct reader *const reader = data;
    const size_t left = reader->size - reader->fed;
    size_t slice = size < SLICE_SIZE ? size : SLICE_SIZE;
    slice = slice < left ? slice : left;
    if (reader->fed - reader->fed_at_event > EVENT_SIZE_MAX) {
        reader->too_long = true;
        return 0;
    }
    memcpy(buffer, reader->text + reader->fed, slice);
    reader->fed += slice;
    *size_read = slice;
    return 1;
}

/* ---- Mistakes that YAML itself finds ------------------------------------------------------------
 */

static struct cyc_pos pos_of(const struct reader *reader, const yaml_mark_t *mark)
{
    return (struct cyc_pos){reader->file, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1, 0};
}

/* The byte at a position, for looking at what trapped the parser. */
static const char *line_at(const struct reader *reader, uint32_t line, size_t *size)
{
    const char *start = reader->text;
    const char *const end = reader->text + reader->size;
    for (uint32_t i = 1; i < line && start < end; i++) {
        const char *const feed_at = memchr(start, '\n', (size_t)(end - start));
        start = feed_at == NULL ? end : feed_at + 1;
    }
    const char *const stop = memchr(start, '\n', (size_t)(end - start));
    *size = (size_t)((stop == NULL ? end : stop) - start);
    return start;
}

/* ` #` ends a plain value; a name such as `cell #3` is cut without a word. */
static void warn_cut(struct reader *reader, const yaml_event_t *event)
{
    const char *const end = reader->text + reader->size;
    const uint32_t line = (uint32_t)event->end_mark.line + 1;
    while (reader->cursor_line < line) {
        const char *const stop = memchr(reader->cursor, '\n', (size_t)(end - reader->cursor));
        if (stop == NULL) {
            return;
        }
        reader->cursor = stop + 1;
        reader->cursor_line++;
    }
    const char *at = reader->cursor;
    for (size_t column = 0; column < event->end_mark.column && at < end; column++) {
        at++;
        while (at < end && ((unsigned char)*at & 0xC0) == 0x80) {
            at++;
        }
    }
    while (at < end && *at == ' ') {
        at++;
    }
    if (at + 1 >= end || *at != '#' || strchr(" \t\r\n#!", at[1]) != NULL) {
        return;
    }
    struct cyc_diag *const diag =
        cyc_diags_add(reader->diags, CYC_SEVERITY_WARNING, pos_of(reader, &event->end_mark),
                      "` #` begins a comment and ends the value before it");
    diag->hint = "if # belongs to the value, put the value in quotes; else a blank after #";
}

static const char *hint_for(const struct reader *reader, const yaml_parser_t *parser)
{
    size_t size = 0;
    const char *const line = line_at(reader, (uint32_t)parser->problem_mark.line + 1, &size);
    const char *const problem = parser->problem == NULL ? "" : parser->problem;
    if (strstr(problem, "did not find expected comment or line break") != NULL) {
        return "YAML takes > or | at the start of a value for a block of text; name what is "
               "compared: voltage > 4.2 V";
    }
    if (memchr(line, '\t', size) != NULL) {
        return "indent with blanks, not with tabs";
    }
    if (strstr(problem, "mapping values are not allowed") != NULL) {
        return "a value that contains ': ' must stand in quotes";
    }
    if (strstr(problem, "cannot start any token") != NULL) {
        return "a value that begins with this character must stand in quotes";
    }
    if (strstr(problem, "did not find expected ',' or") != NULL) {
        return "close the bracket, or put a comma before this";
    }
    if (strstr(problem, "did not find expected key") != NULL ||
        strstr(problem, "did not find expected '-' indicator") != NULL) {
        return "indent this like the line above it that it belongs to";
    }
    return NULL;
}

static int refuse_syntax(struct reader *reader, const yaml_parser_t *parser)
{
    if (reader->too_long) {
        return refuse(reader, reader->event_pos, "more than 256 KiB without a value after here",
                      "no protocol needs such a line, text or comment");
    }
    if (parser->error == YAML_MEMORY_ERROR) {
        return CYC_E_NO_MEMORY;
    }
    struct cyc_pos pos = pos_of(reader, &parser->problem_mark);
    if (parser->error == YAML_READER_ERROR) {
        pos = reader->event_pos;
    }
    struct cyc_diag *const diag =
        cyc_diags_add(reader->diags, CYC_SEVERITY_ERROR, pos, "this is not YAML: %s",
                      parser->problem == NULL ? "it cannot be read" : parser->problem);
    const char *const hint = hint_for(reader, parser);
    diag->hint = hint == NULL ? NULL : cyc_diags_format(reader->diags, "%s", hint);
    if (parser->context != NULL && parser->context_mark.line != parser->problem_mark.line) {
        diag->related = pos_of(reader, &parser->context_mark);
        diag->related_text = cyc_diags_format(reader->diags, "%s", parser->context);
    }
    return CYC_E_INPUT;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static const struct cyc_node *find_key(const struct cyc_node *mapping, const char *key)
{
    const struct cyc_node *child = mapping->child;
    while (child != NULL && strcmp(child->key, key) != 0) {
        child = child->next;
    }
    return child;
}

/* Enters the hash of a key; true when one like it may be there already. */
static bool hash_key(struct level *level, const char *key, size_t size)
{
    uint64_t hash = cyc_hash(key, size);
    hash += hash == 0;
    unsigned slot = (unsigned)hash & (level->slot_count - 1);
    while (level->hashes[slot] != 0 && level->hashes[slot] != hash) {
        slot = (slot + 1) & (level->slot_count - 1);
    }
    const bool seen = level->hashes[slot] == hash;
    level->hashes[slot] = hash;
    return seen;
}

static int grow_hashes(struct level *level)
{
    free(level->hashes);
    level->slot_count = level->slot_count == 0 ? 64 : level->slot_count * 2;
    level->hashes = calloc(level->slot_count, sizeof *level->hashes);
    if (level->hashes == NULL) {
        return CYC_E_NO_MEMORY;
    }
    for (const struct cyc_node *child = level->node->child; child != NULL; child = child->next) {
        (void)hash_key(level, child->key, strlen(child->key));
    }
    return CYC_OK;
}

/* The earlier child with this key, or NULL. */
static const struct cyc_node *duplicate_of(struct level *level, const char *key, size_t size,
                                           int *status)
{
    if (level->node->child_count < FEW_KEYS) {
        return find_key(level->node, key);
    }
    if (level->hashes == NULL || level->node->child_count * 2 > level->slot_count) {
        *status = grow_hashes(level);
        if (*status != CYC_OK) {
            return NULL;
        }
    }
    return hash_key(level, key, size) ? find_key(level->node, key) : NULL;
}

/* The key in the arena: the copy made before, where there is one at hand. */
static const char *keep_key(struct reader *reader, const char *key, size_t size)
{
    unsigned slot = (unsigned)size * 7u;
    for (size_t i = 0; i < size && i < 3; i++) {
        slot = slot * 31u + (unsigned char)key[i];
    }
    slot = (slot ^ (slot >> 6)) % COMMON_KEYS;
    if (reader->common[slot].key == NULL || reader->common[slot].size != size ||
        memcmp(reader->common[slot].key, key, size) != 0) {
        reader->common[slot].key = cyc_arena_string(reader->arena, key, size);
        reader->common[slot].size = size;
    }
    return reader->common[slot].key;
}

static int take_key(struct reader *reader, struct level *level, const yaml_event_t *event)
{
    const struct cyc_pos pos = pos_of(reader, &event->start_mark);
    const char *const key = (const char *)event->data.scalar.value;
    const size_t size = event->data.scalar.length;
    int status = CYC_OK;
    level->key_pos = pos;
    level->key_pos.width = (uint32_t)(event->end_mark.column - event->start_mark.column);
    if (strlen(key) != size) {
        return refuse(reader, pos, "a NUL character in a key", "remove it");
    }
    if (size == 2 && memcmp(key, "<<", 2) == 0) {
        return refuse(reader, level->key_pos, "merge keys are not part of the language",
                      "write the keys out, or use a block, `each` or `include`");
    }
    const struct cyc_node *const before = duplicate_of(level, key, size, &status);
    if (status != CYC_OK) {
        return status;
    }
    level->key = keep_key(reader, key, size);
    level->key_size = size;
    if (before != NULL) {
        struct cyc_diag *const diag = cyc_diags_add(
            reader->diags, CYC_SEVERITY_ERROR, level->key_pos, "the key `%.60s` stands twice", key);
        diag->hint = "keep one of them; several end conditions are a list: cutoff: [4.2 V, 10 h]";
        diag->related = before->key_pos;
        diag->related_text = "the first one is here";
    }
    return level->key == NULL ? CYC_E_NO_MEMORY : CYC_OK;
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

/* Makes a node at the place where the reader stands, with room for its text right behind it. */
static struct cyc_node *attach(struct reader *reader, enum cyc_node_type type, struct cyc_pos pos,
                               size_t room)
{
    struct cyc_node *const node = cyc_arena_alloc(reader->arena, sizeof *node + room);
    if (node == NULL) {
        return NULL;
    }
    node->type = type;
    node->pos = pos;
    if (reader->depth == 0) {
        reader->root = node;
        return node;
    }
    struct level *const level = &reader->levels[reader->depth - 1];
    node->key = level->key;
    node->key_pos = level->key_pos;
    level->key = NULL;
    if (level->last == NULL) {
        level->node->child = node;
    } else {
        level->last->next = node;
    }
    level->last = node;
    level->node->child_count++;
    return node;
}

static bool wants_key(const struct reader *reader)
{
    const struct level *const level =
        reader->depth == 0 ? NULL : &reader->levels[reader->depth - 1];
    return level != NULL && level->node->type == CYC_NODE_MAPPING && level->key == NULL;
}

static int out_of_memory(struct reader *reader, struct cyc_pos pos)
{
    return refuse(reader, pos, "the file holds more values than a protocol may have",
                  "use blocks, `each`, `include` or a profile instead of writing steps out");
}

static int take_scalar(struct reader *reader, const yaml_event_t *event)
{
    struct cyc_pos pos = pos_of(reader, &event->start_mark);
    if (event->data.scalar.tag != NULL) {
        return refuse(reader, pos, "tags (!…) are not part of the language", "remove the tag");
    }
    if (wants_key(reader)) {
        return take_key(reader, &reader->levels[reader->depth - 1], event);
    }
    const size_t size = event->data.scalar.length;
    struct cyc_node *const node = attach(reader, CYC_NODE_SCALAR, pos, size + 1);
    if (node == NULL) {
        return CYC_E_NO_MEMORY;
    }
    const yaml_scalar_style_t style = event->data.scalar.style;
    node->quoted =
        style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    node->block_scalar = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
    if (event->end_mark.line == event->start_mark.line) {
        node->pos.width = (uint32_t)(event->end_mark.column - event->start_mark.column);
    }
    if (memchr(event->data.scalar.value, '\0', size) != NULL) {
        return refuse(reader, pos, "a NUL character in a text", "remove the escape \\0");
    }
    if (reader->has_tight_comment && style == YAML_PLAIN_SCALAR_STYLE) {
        warn_cut(reader, event);
    }
    char *const text = (char *)(node + 1); /* zeroed, so terminated */
    memcpy(text, event->data.scalar.value, size);
    node->text = text;
    node->size = size;
    return CYC_OK;
}

static int take_start(struct reader *reader, const yaml_event_t *event, enum cyc_node_type type)
{
    const struct cyc_pos pos = pos_of(reader, &event->start_mark);
    const yaml_char_t *const tag =
        type == CYC_NODE_MAPPING ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    if (tag != NULL) {
        return refuse(reader, pos, "tags (!…) are not part of the language", "remove the tag");
    }
    if (wants_key(reader)) {
        return refuse(reader, pos, "a key must be plain text",
                      "a value that begins with { or [ must stand after its key");
    }
    if (reader->depth == CYC_TREE_DEPTH_MAX) {
        return refuse(reader, pos, "nested deeper than 64 levels", NULL);
    }
    struct cyc_node *const node = attach(reader, type, pos, 0);
    if (node == NULL) {
        return CYC_E_NO_MEMORY;
    }
    reader->levels[reader->depth++] = (struct level){.node = node};
    return CYC_OK;
}

static int take_end(struct reader *reader)
{
    struct level *const level = &reader->levels[--reader->depth];
    free(level->hashes);
    level->hashes = NULL;
    return CYC_OK;
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT) {
        return event->data.scalar.anchor;
    }
    if (event->type == YAML_MAPPING_START_EVENT) {
        return event->data.mapping_start.anchor;
    }
    return event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor : NULL;
}

static int take(struct reader *reader, const yaml_event_t *event)
{
    static const char hint[] = "write it out, or use parameters, `each` or `include`";
    const struct cyc_pos pos = pos_of(reader, &event->start_mark);
    reader->event_pos = pos;
    reader->fed_at_event = reader->fed;
    if (anchor_of(event) != NULL) {
        return refuse(reader, pos, "anchors (&…) are not part of the language", hint);
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return take_scalar(reader, event);
    case YAML_MAPPING_START_EVENT:
        return take_start(reader, event, CYC_NODE_MAPPING);
    case YAML_SEQUENCE_START_EVENT:
        return take_start(reader, event, CYC_NODE_SEQUENCE);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return take_end(reader);
    case YAML_ALIAS_EVENT:
        return refuse(reader, pos, "aliases (*…) are not part of the language", hint);
    case YAML_DOCUMENT_START_EVENT:
        if (reader->root != NULL) {
            return refuse(reader, pos, "a second document (---)", "one file holds one document");
        }
        return CYC_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return CYC_OK;
    }
    return CYC_E_BUG;
}

static int read_events(struct reader *reader, yaml_parser_t *parser)
{
    bool done = false;
    while (!done) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            return refuse_syntax(reader, parser);
        }
        done = event.type == YAML_STREAM_END_EVENT;
        const int status = take(reader, &event);
        yaml_event_delete(&event);
        if (status == CYC_E_NO_MEMORY && reader->arena->failed) {
            return out_of_memory(reader, reader->event_pos);
        }
        if (status != CYC_OK) {
            return status;
        }
    }
    return CYC_OK;
}

int cyc_tree_parse(const char *text, size_t size, uint16_t file, struct cyc_arena *arena,
                   struct cyc_diags *diags, struct cyc_node **root, struct cyc_err *err)
{
    struct reader *const reader = calloc(1, sizeof *reader);
    yaml_parser_t parser;
    const unsigned errors_before = diags->error_count;
    *root = NULL;
    if (reader == NULL || !yaml_parser_initialize(&parser)) {
        free(reader);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to read YAML");
    }
    reader->arena = arena;
    reader->diags = diags;
    reader->file = file;
    reader->text = text;
    reader->size = size;
    reader->event_pos = (struct cyc_pos){file, 1, 1, 0};
    reader->cursor = text;
    reader->cursor_line = 1;
    int status = survey(reader);
    reader->has_tight_comment = status == CYC_OK && has_tight_comment(text, size);
    if (status == CYC_OK) {
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input(&parser, feed, reader);
        status = read_events(reader, &parser);
    }
    yaml_parser_delete(&parser);
    if (status == CYC_OK && reader->root == NULL) {
        status = refuse(reader, (struct cyc_pos){file, 1, 1, 0}, "the file is empty", NULL);
    }
    while (reader->depth > 0) {
        (void)take_end(reader);
    }
    *root = status == CYC_OK ? reader->root : NULL;
    free(reader);
    if (status == CYC_E_NO_MEMORY) {
        return cyc_err_set(err, status, "no memory to read YAML");
    }
    if (status != CYC_OK || diags->error_count > errors_before) {
        return cyc_err_set(err, CYC_E_INPUT, "the YAML has mistakes");
    }
    return CYC_OK;
}

struct cyc_node *cyc_node_get(const struct cyc_node *mapping, const char *key)
{
    if (mapping == NULL || mapping->type != CYC_NODE_MAPPING) {
        return NULL;
    }
    struct cyc_node *child = mapping->child;
    while (child != NULL && strcmp(child->key, key) != 0) {
        child = child->next;
    }
    return child;
}

const char *cyc_node_type_name(enum cyc_node_type type)
{
    switch (type) {
    case CYC_NODE_SCALAR:
        return "text";
    case CYC_NODE_SEQUENCE:
        return "a list";
    case CYC_NODE_MAPPING:
        return "a mapping";
    }
    return "?";
}

/* ---- Files ----------------------------------------------------------------------------------- */

int cyc_file_read(const char *path, size_t size_max, struct cyc_arena *arena, char **text,
                  size_t *size, struct cyc_err *err)
{
    FILE *const file = fopen(path, "rb");
    if (file == NULL) {
        return cyc_err_set(err, CYC_E_FILE, "cannot open %s: %m", path);
    }
    int status = CYC_OK;
    long length = 0;
    if (fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) < 0 ||
        fseek(file, 0, SEEK_SET) != 0) {
        status = cyc_err_set(err, CYC_E_FILE, "cannot read %s: %m", path);
    } else if ((size_t)length > size_max) {
        status = cyc_err_set(err, CYC_E_BOUND, "%s is larger than %zu MiB", path, size_max >> 20);
    } else {
        *text = cyc_arena_alloc(arena, (size_t)length + 1);
        *size = (size_t)length;
        if (*text == NULL) {
            status = cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for %s", path);
        } else if (fread(*text, 1, *size, file) != *size) {
            status = cyc_err_set(err, CYC_E_FILE, "cannot read %s", path);
        }
    }
    (void)fclose(file);
    return status;
}
