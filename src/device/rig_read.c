/* Reading a mapping by the table of keys: what every place of the rig file has in common. */
#include "device/rig_int.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Diagnostics ----------------------------------------------------------------------------- */

#define DEPTH_MAX (sizeof((struct cyc_rig_reader *)NULL)->path / sizeof(char *))

void cyc_rig_enter(struct cyc_rig_reader *reader, const char *key)
{
    if (reader->path_depth < DEPTH_MAX) {
        reader->path[reader->path_depth] = key;
    }
    reader->path_depth++;
}

void cyc_rig_leave(struct cyc_rig_reader *reader)
{
    reader->path_depth--;
}

static const char *path_text(struct cyc_rig_reader *reader)
{
    char text[512] = "";
    size_t used = 0;
    for (unsigned i = 0; i < reader->path_depth && i < DEPTH_MAX && used < sizeof text; i++) {
        const int written =
            snprintf(text + used, sizeof text - used, "%s%s", i == 0 ? "" : ".", reader->path[i]);
        used += written > 0 ? (size_t)written : 0;
    }
    return text[0] == '\0' ? NULL : cyc_diags_format(reader->diags, "%s", text);
}

struct cyc_diag *cyc_rig_say(struct cyc_rig_reader *reader, enum cyc_severity severity,
                             struct cyc_pos pos, const char *format, ...)
{
    char message[CYC_ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    struct cyc_diag *const diag = cyc_diags_add(reader->diags, severity, pos, "%s", message);
    if (reader->diags->error_count <= CYC_DIAG_ERRORS_MAX &&
        reader->diags->warning_count <= CYC_DIAG_WARNINGS_MAX) {
        diag->path = path_text(reader);
    }
    return diag;
}

static struct cyc_diag *refuse(struct cyc_rig_reader *reader, struct cyc_pos pos,
                               const char *format, ...) __attribute__((format(printf, 3, 4)));
static struct cyc_diag *refuse(struct cyc_rig_reader *reader, struct cyc_pos pos,
                               const char *format, ...)
{
    char message[CYC_ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return cyc_rig_say(reader, CYC_SEVERITY_ERROR, pos, "%s", message);
}

bool cyc_rig_refuse(struct cyc_rig_reader *reader, const struct cyc_node *node,
                    const struct cyc_err *err)
{
    const char *const cut = strstr(err->text, "; ");
    const int length = cut == NULL ? (int)strlen(err->text) : (int)(cut - err->text);
    struct cyc_diag *const diag = refuse(reader, node->pos, "%.*s", length, err->text);
    if (cut != NULL) {
        diag->hint = cyc_diags_format(reader->diags, "%s", cut + 2);
    }
    return false;
}

/* ---- Scalars --------------------------------------------------------------------------------- */

bool cyc_rig_scalar(struct cyc_rig_reader *reader, const struct cyc_node *node, const char *what)
{
    if (node->type != CYC_NODE_SCALAR) {
        (void)refuse(reader, node->pos, "%s is due here, not %s", what,
                     cyc_node_type_name(node->type));
        return false;
    }
    if (node->size == 0) {
        refuse(reader, node->pos, "%s is missing here", what)->hint =
            "write a value after the colon";
        return false;
    }
    return true;
}

static bool read_text(struct cyc_rig_reader *reader, const struct cyc_node *node,
                      const struct cyc_rig_row *row, char *target)
{
    if (!cyc_rig_scalar(reader, node, "text")) {
        return false;
    }
    if (strpbrk(node->text, "\n\r") != NULL) {
        (void)refuse(reader, node->pos, "`%s` stands on one line", row->key);
        return false;
    }
    if (!cyc_copy(target, row->size, node->text)) {
        (void)refuse(reader, node->pos, "longer than %zu bytes", row->size - 1);
        return false;
    }
    return true;
}

static bool read_path(struct cyc_rig_reader *reader, const struct cyc_node *node,
                      const struct cyc_rig_row *row, char *target)
{
    if (!read_text(reader, node, row, target)) {
        return false;
    }
    if (target[0] == '/') {
        return true;
    }
    const int length = snprintf(target, row->size, "%s/%s", reader->folder, node->text);
    if (length < 0 || (size_t)length >= row->size) {
        (void)refuse(reader, node->pos, "the path is longer than %zu bytes", row->size - 1);
        return false;
    }
    return true;
}

/* tcp:HOST:PORT, the host possibly an IPv6 address in brackets. */
static bool is_tcp(const char *address)
{
    const char *const host = address + strlen("tcp:");
    const char *const colon = strrchr(host, ':');
    double port = 0.0;
    size_t used = 0;
    if (colon == NULL || colon == host) {
        return false;
    }
    return cyc_number_parse(colon + 1, strlen(colon + 1), &port, &used) &&
           colon[1 + used] == '\0' && port >= 1.0 && port <= 65535.0 && port == floor(port);
}

static bool read_address(struct cyc_rig_reader *reader, const struct cyc_node *node,
                         const struct cyc_rig_row *row, char *target)
{
    if (!cyc_rig_scalar(reader, node, "an address")) {
        return false;
    }
    if (strcmp(node->text, "sim") == 0) { /* no wire: for the driver sim */
        return read_text(reader, node, row, target);
    }
    if (strncmp(node->text, "tcp:", 4) != 0) {
        return read_path(reader, node, row, target);
    }
    if (!is_tcp(node->text)) {
        refuse(reader, node->pos, "`%.60s` is no network address", node->text)->hint =
            "write \"tcp:192.168.1.20:10001\": host, then a port from 1 to 65535";
        return false;
    }
    return read_text(reader, node, row, target);
}

static bool read_date(struct cyc_rig_reader *reader, const struct cyc_node *node,
                      const struct cyc_rig_row *row, char *target)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int value[8] = {0};
    unsigned digits = 0;
    if (!read_text(reader, node, row, target)) {
        return false;
    }
    for (unsigned i = 0; i < 10 && node->size == 10; i++) {
        const char c = node->text[i];
        if ((i == 4 || i == 7) ? c == '-' : c >= '0' && c <= '9') {
            value[digits] = c - '0';
            digits += c == '-' ? 0 : 1;
        }
    }
    const int month = value[4] * 10 + value[5];
    const int day = value[6] * 10 + value[7];
    if (digits == 8 && node->text[4] == '-' && node->text[7] == '-' && month >= 1 && month <= 12 &&
        day >= 1 && day <= days[month - 1]) {
        return true;
    }
    refuse(reader, node->pos, "`%.40s` is no date", node->text)->hint =
        "write year-month-day: 2026-01-31";
    return false;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static bool within(struct cyc_rig_reader *reader, const struct cyc_node *node,
                   const struct cyc_rig_row *row, enum cyc_kind kind, double value)
{
    char low[64];
    char high[64];
    if (!(value < row->low) && !(value > row->high)) { /* NaN bounds: none */
        return true;
    }
    refuse(reader, node->pos, "`%s` cannot be %.40s", row->key, node->text)->hint =
        cyc_diags_format(reader->diags, "it lies between %s and %s",
                         cyc_quantity_text(low, sizeof low, row->low, kind),
                         cyc_quantity_text(high, sizeof high, row->high, kind));
    return false;
}

static bool read_quantity(struct cyc_rig_reader *reader, const struct cyc_node *node,
                          const struct cyc_rig_row *row, double *value)
{
    const enum cyc_kind kind = row->kind == CYC_KIND_COUNT ? reader->calibrated : row->kind;
    struct cyc_quantity quantity = {0};
    struct cyc_err err = {0};
    if (!cyc_rig_scalar(reader, node, "a quantity")) {
        return false;
    }
    if (cyc_quantity_parse_as(node->text, node->size, kind, &quantity, &err) != CYC_OK) {
        return cyc_rig_refuse(reader, node, &err);
    }
    if (quantity.basis != CYC_BASIS_ABSOLUTE) {
        refuse(reader, node->pos, "`%.40s` depends on the cell", node->text)->hint =
            cyc_diags_format(reader->diags, "a rig is there before any cell: write it in %s",
                             cyc_kind_unit(kind));
        return false;
    }
    if (!within(reader, node, row, kind, quantity.value)) {
        return false;
    }
    *value = quantity.value;
    return true;
}

static bool read_time(struct cyc_rig_reader *reader, const struct cyc_node *node,
                      const struct cyc_rig_row *row, int64_t *t_ns)
{
    double time_s = 0.0;
    if (!read_quantity(reader, node, row, &time_s)) {
        return false;
    }
    *t_ns = (int64_t)(time_s * 1e9 + 0.5);
    return true;
}

static bool read_whole(struct cyc_rig_reader *reader, const struct cyc_node *node,
                       const struct cyc_rig_row *row, int *value)
{
    double number = 0.0;
    if (!read_quantity(reader, node, row, &number)) {
        return false;
    }
    if (number != floor(number)) {
        (void)refuse(reader, node->pos, "`%s` is a whole number", row->key);
        return false;
    }
    *value = (int)number;
    return true;
}

/* [low, high]; one value for both directions where that has a meaning. */
static bool read_window(struct cyc_rig_reader *reader, const struct cyc_node *node,
                        const struct cyc_rig_row *row, double *window)
{
    if (row->type == CYC_RIG_BOTH_WAYS && node->type == CYC_NODE_SCALAR) {
        if (!read_quantity(reader, node, row, &window[1])) {
            return false;
        }
        window[0] = -window[1];
    } else if (node->type == CYC_NODE_SEQUENCE && node->child_count == 2) {
        if (!read_quantity(reader, node->child, row, &window[0]) ||
            !read_quantity(reader, node->child->next, row, &window[1])) {
            return false;
        }
    } else {
        struct cyc_diag *const diag =
            refuse(reader, node->pos, "a pair is due here, not %s", cyc_node_type_name(node->type));
        diag->hint = cyc_diags_format(reader->diags, "write %s: [lowest, highest]", row->key);
        return false;
    }
    if (!(window[0] < window[1])) {
        refuse(reader, node->pos, "the lower limit of %s is not below the upper one", row->key)
            ->hint = cyc_diags_format(reader->diags, "write %s: [lowest, highest]", row->key);
        return false;
    }
    return true;
}

/* ---- Words and names ------------------------------------------------------------------------- */

static bool read_choice(struct cyc_rig_reader *reader, const struct cyc_node *node,
                        const struct cyc_rig_row *row, unsigned *choice, bool *last)
{
    if (!cyc_rig_scalar(reader, node, "a word")) {
        return false;
    }
    *choice = 0;
    for (const char *word = row->choices; word != NULL; (*choice)++) {
        const size_t size = strcspn(word, "|");
        if (size == node->size && memcmp(word, node->text, size) == 0) {
            *last = word[size] == '\0';
            return true;
        }
        word = word[size] == '|' ? word + size + 1 : NULL;
    }
    refuse(reader, node->pos, "`%s` cannot be `%.60s`", row->key, node->text)->hint =
        cyc_diags_format(reader->diags, "one of %s", row->choices);
    return false;
}

bool cyc_rig_name(struct cyc_rig_reader *reader, const struct cyc_node *node, char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const size_t size = strlen(node->key);
    if (size == 0 || strspn(node->key, allowed) != size || node->key[0] == '-') {
        refuse(reader, node->key_pos, "`%.60s` is no name", node->key)->hint =
            "letters, digits, _ and -";
        return false;
    }
    if (!cyc_copy(name, CYC_RIG_NAME_SIZE, node->key)) {
        (void)refuse(reader, node->key_pos, "a name has at most %d characters",
                     CYC_RIG_NAME_SIZE - 1);
        return false;
    }
    return true;
}

/* Every name of a kind of thing, for "did you mean". */
static const char *nearest_of(struct cyc_rig_reader *reader, const char *word, const char *first,
                              size_t stride, unsigned count)
{
    if (reader->diags->error_count >= CYC_DIAG_ERRORS_MAX) {
        return NULL; /* it will not be shown */
    }
    const char **const names = cyc_arena_array(&reader->diags->arena, count + 1, sizeof *names);
    for (unsigned i = 0; names != NULL && i < count; i++) {
        names[i] = first + i * stride;
    }
    return names == NULL ? NULL : cyc_nearest(word, names);
}

static bool unknown(struct cyc_rig_reader *reader, const struct cyc_node *node, const char *what,
                    const char *nearest)
{
    struct cyc_diag *const diag =
        refuse(reader, node->pos, "there is no %s `%.60s` in this rig", what, node->text);
    diag->hint = nearest != NULL ? cyc_diags_format(reader->diags, "did you mean `%s`?", nearest)
                                 : cyc_diags_format(reader->diags, "list it under `%ss`", what);
    return false;
}

static bool read_port_name(struct cyc_rig_reader *reader, const struct cyc_node *node, int *port)
{
    const struct cyc_rig *const rig = reader->rig;
    if (!cyc_rig_scalar(reader, node, "the name of a port")) {
        return false;
    }
    *port = cyc_rig_find_port(rig, node->text);
    return *port >= 0 || unknown(reader, node, "port",
                                 nearest_of(reader, node->text, (const char *)rig->ports,
                                            sizeof rig->ports[0], rig->port_count));
}

bool cyc_rig_output(struct cyc_rig_reader *reader, const struct cyc_node *node, int *instrument,
                    unsigned *output)
{
    const struct cyc_rig *const rig = reader->rig;
    char name[CYC_RIG_NAME_SIZE];
    double number = 1.0;
    size_t used = 0;
    if (!cyc_rig_scalar(reader, node, "the name of an instrument")) {
        return false;
    }
    (void)cyc_copy(name, sizeof name, node->text);
    char *const dot = strchr(name, '.');
    if (dot != NULL) {
        *dot = '\0';
    }
    *instrument = cyc_rig_find_instrument(rig, name);
    if (*instrument < 0) {
        return unknown(reader, node, "instrument",
                       nearest_of(reader, name, (const char *)rig->instruments,
                                  sizeof rig->instruments[0], rig->instrument_count));
    }
    const unsigned count = rig->instruments[*instrument].capabilities.output_count;
    if (dot != NULL && count > 0 &&
        (!cyc_number_parse(dot + 1, strlen(dot + 1), &number, &used) || dot[1 + used] != '\0' ||
         number != floor(number) || !(number >= 1.0) || number > count)) {
        refuse(reader, node->pos, "`%s` has no output `%s`", name, dot + 1)->hint =
            cyc_diags_format(reader->diags, "its outputs are %s.1 to %s.%u", name, name, count);
        return false;
    }
    if (dot == NULL && count > 1) {
        refuse(reader, node->pos, "`%s` has %u outputs", name, count)->hint =
            cyc_diags_format(reader->diags, "say which: %s.1 to %s.%u", name, name, count);
        return false;
    }
    *output = (unsigned)number - 1;
    return true;
}

int cyc_rig_find_sensor(const struct cyc_rig *rig, const char *name, size_t size)
{
    for (unsigned i = 0; i < rig->sensor_count; i++) {
        const char *const own = rig->sensors[i].name;
        if (strlen(own) == size && memcmp(own, name, size) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* A row with a kind takes sensors of that kind only. */
static bool read_sensor_name(struct cyc_rig_reader *reader, const struct cyc_node *node,
                             const struct cyc_rig_row *row, int *sensor)
{
    const struct cyc_rig *const rig = reader->rig;
    if (!cyc_rig_scalar(reader, node, "the name of a sensor")) {
        return false;
    }
    const int found = cyc_rig_find_sensor(rig, node->text, node->size);
    if (found < 0) {
        return unknown(reader, node, "sensor",
                       nearest_of(reader, node->text, (const char *)rig->sensors,
                                  sizeof rig->sensors[0], rig->sensor_count));
    }
    const enum cyc_kind kind = rig->sensors[found].kind;
    if (row->kind != CYC_KIND_TEXT && kind != row->kind && kind != CYC_KIND_COUNT) {
        struct cyc_diag *const diag =
            refuse(reader, node->pos, "`%s` takes a sensor of %s, but `%s` is one of %s", row->key,
                   cyc_kind_name(row->kind), node->text, cyc_kind_name(kind));
        diag->related = rig->sensors[found].pos;
        diag->related_text = "the sensor is described here";
        return false;
    }
    *sensor = found;
    return true;
}

static bool read_sensors(struct cyc_rig_reader *reader, const struct cyc_node *node,
                         const struct cyc_rig_row *row, int *sensors)
{
    bool sound = true;
    unsigned count = 0;
    if (node->type != CYC_NODE_SEQUENCE) {
        refuse(reader, node->pos, "a list is due here, not %s", cyc_node_type_name(node->type))
            ->hint = "sensors: [anode, t_tab]";
        return false;
    }
    for (const struct cyc_node *item = node->child; item != NULL; item = item->next) {
        if (count == CYC_AUX_MAX) {
            (void)refuse(reader, item->pos, "a channel has at most %d named sensors", CYC_AUX_MAX);
            return false;
        }
        sound = read_sensor_name(reader, item, row, &sensors[count++]) && sound;
    }
    return sound;
}

/* ---- Mappings -------------------------------------------------------------------------------- */

static bool read_value(struct cyc_rig_reader *reader, const struct cyc_node *node,
                       const struct cyc_rig_row *row, void *target)
{
    unsigned choice = 0;
    bool last = false;
    switch (row->type) { /* dispatch */
    case CYC_RIG_TEXT:
        return read_text(reader, node, row, target);
    case CYC_RIG_PATH:
        return read_path(reader, node, row, target);
    case CYC_RIG_ADDRESS:
        return read_address(reader, node, row, target);
    case CYC_RIG_DATE:
        return read_date(reader, node, row, target);
    case CYC_RIG_WHOLE:
        return read_whole(reader, node, row, target);
    case CYC_RIG_QUANTITY:
        return read_quantity(reader, node, row, target);
    case CYC_RIG_TIME:
        return read_time(reader, node, row, target);
    case CYC_RIG_WINDOW:
    case CYC_RIG_BOTH_WAYS:
        return read_window(reader, node, row, target);
    case CYC_RIG_CHOICE:
        if (read_choice(reader, node, row, &choice, &last)) {
            memcpy(target, &choice, sizeof choice);
            return true;
        }
        return false;
    case CYC_RIG_FLAG:
        return read_choice(reader, node, row, &choice, target);
    case CYC_RIG_PORT_NAME:
        return read_port_name(reader, node, target);
    case CYC_RIG_SENSOR_NAME:
        return read_sensor_name(reader, node, row, target);
    case CYC_RIG_SENSORS:
        return read_sensors(reader, node, row, target);
    case CYC_RIG_MAPPING:
        if (row->kind != CYC_KIND_TEXT) {
            reader->calibrated = row->kind;
        }
        return cyc_rig_fields(reader, node, row->inside, target);
    case CYC_RIG_OUTPUT_NAME: /* needs two targets: see read_row() */
    case CYC_RIG_VERSION:
    case CYC_RIG_DRIVER:
    case CYC_RIG_OPTIONS:
    case CYC_RIG_MEASURED:
    case CYC_RIG_OWN_CALIBRATION:
    case CYC_RIG_NAMES:
        return true;
    }
    return false;
}

static bool read_row(struct cyc_rig_reader *reader, const struct cyc_node *node,
                     const struct cyc_rig_row *row, char *target)
{
    cyc_rig_enter(reader, row->key);
    const bool sound = row->type == CYC_RIG_OUTPUT_NAME
                           ? cyc_rig_output(reader, node, (int *)(void *)(target + row->offset),
                                            (unsigned *)(void *)(target + row->offset2))
                           : read_value(reader, node, row, target + row->offset);
    cyc_rig_leave(reader);
    return sound;
}

static const char *keys_of(struct cyc_rig_reader *reader, enum cyc_rig_place place)
{
    char text[400] = "";
    size_t used = 0;
    for (unsigned i = 0; i < cyc_rig_row_count && used + 1 < sizeof text; i++) {
        if (cyc_rig_rows[i].where == place) {
            const int written = snprintf(text + used, sizeof text - used, "%s%s",
                                         used == 0 ? "it has " : ", ", cyc_rig_rows[i].key);
            used += written > 0 ? (size_t)written : 0;
        }
    }
    return cyc_diags_format(reader->diags, "%s", text);
}

static void refuse_key(struct cyc_rig_reader *reader, const struct cyc_node *child,
                       enum cyc_rig_place place)
{
    if (reader->diags->error_count >= CYC_DIAG_ERRORS_MAX) {
        reader->diags->error_count++; /* counted, no longer explained */
        return;
    }
    const char *candidates[CYC_RIG_ROWS_MAX + 1] = {NULL};
    unsigned count = 0;
    for (unsigned i = 0; i < cyc_rig_row_count; i++) {
        if (cyc_rig_rows[i].where == place) {
            candidates[count++] = cyc_rig_rows[i].key;
        }
    }
    const char *const near = cyc_nearest(child->key, candidates);
    struct cyc_diag *const diag = refuse(reader, child->key_pos, "unknown key `%.60s` in %s",
                                         child->key, cyc_rig_place_name(place));
    diag->hint = near != NULL ? cyc_diags_format(reader->diags, "did you mean `%s`?", near)
                              : keys_of(reader, place);
}

static bool has_key(enum cyc_rig_place place, const char *key)
{
    for (unsigned i = 0; i < cyc_rig_row_count; i++) {
        if (cyc_rig_rows[i].where == place && strcmp(cyc_rig_rows[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

bool cyc_rig_fields(struct cyc_rig_reader *reader, const struct cyc_node *mapping,
                    enum cyc_rig_place place, void *target)
{
    bool sound = true;
    if (mapping->type != CYC_NODE_MAPPING) {
        refuse(reader, mapping->pos, "%s must be a mapping, not %s", cyc_rig_place_name(place),
               cyc_node_type_name(mapping->type))
            ->hint = keys_of(reader, place);
        return false;
    }
    for (const struct cyc_node *child = mapping->child; child != NULL; child = child->next) {
        if (!has_key(place, child->key)) {
            refuse_key(reader, child, place);
            sound = false;
        }
    }
    for (unsigned i = 0; i < cyc_rig_row_count; i++) {
        const struct cyc_rig_row *const row = &cyc_rig_rows[i];
        const struct cyc_node *const node =
            row->where == place ? cyc_node_get(mapping, row->key) : NULL;
        if (node != NULL) {
            sound = read_row(reader, node, row, target) && sound;
        } else if (row->where == place && row->required) {
            const bool named = mapping->key != NULL;
            refuse(reader, named ? mapping->key_pos : mapping->pos, "%s must state `%s`",
                   cyc_rig_place_name(place), row->key)
                ->hint = cyc_diags_format(reader->diags, "%s: %s", row->key, row->help);
            sound = false;
        }
    }
    return sound;
}
