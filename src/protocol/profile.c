/* Files beside the protocol, and profiles among them.
 *
 * A profile is a CSV table: the first line names the columns with their units, `time / s, current /
 * A` (also `time (s)`, `time [s]`); # begins a comment line. One column is the time, one the
 * current or power; others are passed over. Numbers have a decimal point, fields are separated by
 * comma, semicolon or tab. Each row holds until the next; the last row only ends the profile.
 */
#include "protocol/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 32

/* ---- Files ----------------------------------------------------------------------------------- */

/* "a/b/../c" → "a/c"; false when it leads above the root. */
static bool tidy(const char *path, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    while (*path != '\0') {
        const size_t part = strcspn(path, "/");
        if (part == 2 && memcmp(path, "..", 2) == 0) {
            if (used == 0) {
                return false;
            }
            used--;
            while (used > 0 && out[used - 1] != '/') {
                used--;
            }
        } else if (part > 0 && !(part == 1 && path[0] == '.')) {
            if (used + part + 2 > size) {
                return false;
            }
            memcpy(out + used, path, part);
            used += part;
            if (path[part] == '/') {
                out[used++] = '/';
            }
        }
        out[used] = '\0';
        path += part + (path[part] == '/' ? 1 : 0);
    }
    return used > 0;
}

struct cyc_file *cyc_files_take(struct cyc_build *build, const struct cyc_node *node,
                                size_t size_max)
{
    struct cyc_files *const files = build->files;
    char joined[1024];
    char name[1024];
    struct cyc_err err;
    if (!cyc_build_scalar(build, node, "a file name")) {
        return NULL;
    }
    const int length = snprintf(joined, sizeof joined, "%s%s", build->folder, node->text);
    if (files == NULL || node->text[0] == '/' || length < 0 || (size_t)length >= sizeof joined ||
        !tidy(joined, name, sizeof name)) {
        struct cyc_diag *const diag = cyc_build_error(
            build, node->pos, "`%.80s` does not stand in the folder of the protocol", node->text);
        diag->hint = "give a path below that folder, so that the run can keep a copy";
        return NULL;
    }
    for (unsigned i = 0; i < files->count; i++) {
        if (strcmp(files->items[i].name, name) == 0) {
            return &files->items[i];
        }
    }
    if (files->closed) {
        (void)cyc_build_error(build, node->pos,
                              "`%.80s` was not read when the protocol was checked", node->text);
        return NULL;
    }
    if (files->count == CYC_FILES_MAX) {
        (void)cyc_build_error(build, node->pos, "more than %d files", CYC_FILES_MAX);
        return NULL;
    }
    char path[2100];
    char *text = NULL;
    struct cyc_file *const file = &files->items[files->count];
    (void)snprintf(path, sizeof path, "%s%s", files->root, name);
    if (cyc_file_read(path, size_max, build->arena, &text, &file->size, &err) != CYC_OK) {
        const size_t used = strlen(err.text);
        (void)snprintf(err.text + used, sizeof err.text - used,
                       "; a path is relative to the folder of the file it stands in");
        cyc_build_refuse(build, node, &err);
        return NULL;
    }
    file->text = text;
    file->name = cyc_arena_string(build->arena, name, strlen(name));
    file->diag_file = UINT16_MAX;
    files->count++;
    return file;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

struct table {
    struct cyc_build *build;
    const struct cyc_node *node;
    const struct cyc_file *file;
    char separator;
    int time_column, value_column;
    double time_factor;
    struct cyc_quantity unit; /* of the value: kind, basis and factor */
    unsigned line;
};

static bool refuse(struct table *table, const char *message, const char *hint)
{
    struct cyc_diag *const diag = cyc_build_error(table->build, table->node->pos, "%s, line %u: %s",
                                                  table->file->name, table->line, message);
    diag->hint = hint;
    return false;
}

/* "time / s", "Current (mA)", "power [W]": name and unit without blanks. */
static void split_title(const char *title, size_t size, char name[32], char unit[32])
{
    size_t name_size = 0;
    size_t unit_size = 0;
    bool in_unit = false;
    for (size_t i = 0; i < size; i++) {
        const char c = title[i];
        const bool opens = (c == '/' || c == '(' || c == '[') && !in_unit;
        if (c == ' ' || c == '"' || c == ')' || c == ']' || c == '\r') {
            continue;
        }
        if (opens) {
            in_unit = true;
        } else if (in_unit && unit_size < 31) {
            unit[unit_size++] = c;
        } else if (!in_unit && name_size < 31) {
            name[name_size++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
    }
    name[name_size] = '\0';
    unit[unit_size] = '\0';
}

static bool unit_quantity(const char *unit, struct cyc_quantity *quantity)
{
    char text[48];
    const int size = snprintf(text, sizeof text, "1 %s", unit);
    return size > 0 && cyc_quantity_parse(text, (size_t)size, quantity, NULL) == CYC_OK;
}

static bool take_title(struct table *table, int column, const char *title, size_t size)
{
    char name[32];
    char unit[32];
    struct cyc_quantity quantity;
    split_title(title, size, name, unit);
    const bool time = strstr(name, "time") != NULL;
    const bool value = strstr(name, "current") != NULL || strstr(name, "power") != NULL ||
                       strcmp(name, "crate") == 0 || strcmp(name, "c-rate") == 0;
    if ((!time || table->time_column >= 0) && (!value || table->value_column >= 0)) {
        return true;
    }
    if (!unit_quantity(unit, &quantity) ||
        (time ? quantity.kind != CYC_KIND_TIME
              : quantity.kind != CYC_KIND_CURRENT && quantity.kind != CYC_KIND_POWER)) {
        return refuse(table, "a column has no unit that fits",
                      "the first line names quantity and unit: time / s, current / A");
    }
    if (time) {
        table->time_column = column;
        table->time_factor = quantity.value;
    } else {
        table->value_column = column;
        table->unit = quantity;
    }
    return true;
}

static size_t field_size(const struct table *table, const char *at, size_t left)
{
    const char *const end = memchr(at, table->separator, left);
    return end == NULL ? left : (size_t)(end - at);
}

static bool read_header(struct table *table, const char *line, size_t size)
{
    table->separator = memchr(line, '\t', size) != NULL  ? '\t'
                       : memchr(line, ';', size) != NULL ? ';'
                                                         : ',';
    int column = 0;
    for (size_t at = 0; at <= size && column < COLUMNS_MAX; column++) {
        const size_t length = field_size(table, line + at, size - at);
        if (!take_title(table, column, line + at, length)) {
            return false;
        }
        at += length + 1;
    }
    return (table->time_column >= 0 && table->value_column >= 0) ||
           refuse(table, "the first line names no time and current or power",
                  "for example: time / s, current / A");
}

static bool read_row(struct table *table, const char *line, size_t size, double *time_s,
                     double *value)
{
    int column = 0;
    unsigned found = 0;
    for (size_t at = 0; at <= size && column < COLUMNS_MAX; column++) {
        const size_t length = field_size(table, line + at, size - at);
        if (column == table->time_column || column == table->value_column) {
            const char *field = line + at;
            size_t left = length;
            size_t used = 0;
            double number = 0.0;
            while (left > 0 && (*field == ' ' || *field == '+')) {
                field++;
                left--;
            }
            while (left > 0 && (field[left - 1] == ' ' || field[left - 1] == '\r')) {
                left--;
            }
            if (!cyc_number_parse(field, left, &number, &used) || used != left) {
                return refuse(table, "this is not a number", "numbers have a decimal point");
            }
            *(column == table->time_column ? time_s : value) = number;
            found++;
        }
        at += length + 1;
    }
    return found == 2 || refuse(table, "a row is too short", NULL);
}

static unsigned count_lines(const struct cyc_file *file)
{
    unsigned lines = 1;
    for (size_t i = 0; i < file->size; i++) {
        lines += file->text[i] == '\n';
    }
    return lines;
}

static bool read_rows(struct table *table, struct cyc_profile *profile, double *time_s,
                      double *values)
{
    bool header = false;
    for (size_t at = 0; at < table->file->size;) {
        const char *const line = table->file->text + at;
        const size_t left = table->file->size - at;
        const char *const end = memchr(line, '\n', left);
        size_t size = end == NULL ? left : (size_t)(end - line);
        at += size + 1;
        table->line++;
        size -= size > 0 && line[size - 1] == '\r' ? 1 : 0;
        if (size == 0 || line[0] == '#') {
            continue;
        }
        if (!header) {
            header = true;
            if (!read_header(table, line, size)) {
                return false;
            }
            continue;
        }
        const unsigned i = profile->count;
        if (i == CYC_PROFILE_POINTS_MAX) {
            return refuse(table, "more than 200,000 rows", NULL);
        }
        if (!read_row(table, line, size, &time_s[i], &values[i])) {
            return false;
        }
        time_s[i] *= table->time_factor;
        if (i > 0 && time_s[i] <= time_s[i - 1]) {
            return refuse(table, "the time does not rise", "each row needs a later time");
        }
        profile->count++;
    }
    return profile->count >= 2 || refuse(table, "a profile needs at least two rows", NULL);
}

/* The factor from what is written to A or W, and the range. */
static bool finish(struct table *table, struct cyc_profile *profile)
{
    struct cyc_err err;
    if (cyc_quantity_resolve(&table->unit, &table->build->cell->basis, &profile->factor, &err) !=
        CYC_OK) {
        cyc_build_refuse(table->build, table->node, &err);
        return false;
    }
    profile->control = table->unit.kind == CYC_KIND_POWER ? CYC_CONTROL_POWER : CYC_CONTROL_CURRENT;
    profile->min = INFINITY;
    profile->max = -INFINITY;
    for (unsigned i = 0; i + 1 < profile->count; i++) {
        const double value = profile->value[i] * profile->factor;
        profile->min = fmin(profile->min, value);
        profile->max = fmax(profile->max, value);
    }
    return true;
}

const struct cyc_profile *cyc_profile_read(struct cyc_build *build, const struct cyc_node *node)
{
    struct cyc_file *const file = cyc_files_take(build, node, CYC_PROFILE_SIZE_MAX);
    if (file == NULL) {
        return NULL;
    }
    if (file->profile != NULL) {
        return file->profile;
    }
    struct table table = {
        .build = build, .node = node, .file = file, .time_column = -1, .value_column = -1};
    const unsigned most = count_lines(file);
    struct cyc_profile *const profile = cyc_arena_alloc(build->arena, sizeof *profile);
    double *const time_s = cyc_arena_array(build->arena, most, sizeof *time_s);
    double *const values = cyc_arena_array(build->arena, most, sizeof *values);
    if (profile == NULL || time_s == NULL || values == NULL) {
        return NULL;
    }
    profile->name = file->name;
    profile->time_s = time_s;
    profile->value = values;
    if (!read_rows(&table, profile, time_s, values) || !finish(&table, profile)) {
        return NULL;
    }
    file->profile = profile;
    return profile;
}
