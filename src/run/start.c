#include "run/start.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEADING "cyclostat start 1"
#define COPIES  "protocol" /* the store's folder for what it is given to copy */

static void put_number(struct cyc_text *text, const char *word, double value)
{
    char number[CYC_NUMBER_SIZE];
    cyc_text_format(text, "%s %s\n", word, cyc_number_exact(number, value));
}

void cyc_start_text(const struct cyc_start *start, struct cyc_text *text)
{
    cyc_text_append(text, HEADING "\n");
    cyc_text_format(text, "protocol %s\n", start->protocol);
    cyc_text_format(text, "cell %s\n", start->cell);
    put_number(text, "rate", start->rate);
    if (start->trace) {
        cyc_text_append(text, "trace yes\n");
    }
    for (unsigned i = 0; i < start->setting_count; i++) {
        cyc_text_format(text, "set %s=%s\n", start->settings[i].name, start->settings[i].value);
    }
}

int cyc_start_path(const char *folder, const char *name, char *path, size_t size,
                   struct cyc_err *err)
{
    const int length = snprintf(path, size, "%s/" COPIES "/%s", folder, name);
    if (length < 0 || (size_t)length >= size) {
        return cyc_err_set(err, CYC_E_BOUND, "the path of %s in %s is too long", name, folder);
    }
    return CYC_OK;
}

static double number_of(const char *value)
{
    double number = NAN;
    size_t used = 0;
    return cyc_number_parse(value, strlen(value), &number, &used) ? number : (double)NAN;
}

static bool take_setting(struct cyc_start *start, char *value)
{
    char *equals = strchr(value, '=');
    if (equals == NULL || start->setting_count == CYC_START_SETTINGS_MAX) {
        return false;
    }
    *equals = '\0';
    start->settings[start->setting_count++] =
        (struct cyc_setting){.name = value, .value = equals + 1};
    return true;
}

static bool take_line(struct cyc_start *start, char *line)
{
    char *value = strchr(line, ' ');
    if (value == NULL) {
        return false;
    }
    *value++ = '\0';
    if (strcmp(line, "protocol") == 0) {
        return cyc_copy(start->protocol, sizeof start->protocol, value);
    }
    if (strcmp(line, "cell") == 0) {
        return cyc_copy(start->cell, sizeof start->cell, value);
    }
    if (strcmp(line, "rate") == 0) {
        start->rate = number_of(value);
        return start->rate > 0;
    }
    if (strcmp(line, "trace") == 0) {
        start->trace = strcmp(value, "yes") == 0;
        return start->trace;
    }
    return strcmp(line, "set") == 0 && take_setting(start, value);
}

static int read_text(const char *path, char *text, size_t size, struct cyc_err *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return cyc_err_set(err, CYC_E_FILE, "cannot read %s: %m", path);
    }
    const ssize_t length = read(fd, text, size);
    (void)close(fd);
    if (length <= 0 || (size_t)length >= size) {
        return cyc_err_set(err, CYC_E_JOURNAL, "%s is empty or too long", path);
    }
    text[length] = '\0';
    return CYC_OK;
}

int cyc_start_read(const char *folder, struct cyc_start *start, struct cyc_err *err)
{
    char path[1200];
    memset(start, 0, sizeof *start);
    start->rate = 1;
    int status = cyc_start_path(folder, CYC_START_FILE, path, sizeof path, err);
    if (status == CYC_OK) {
        status = read_text(path, start->text, sizeof start->text, err);
    }
    if (status != CYC_OK) {
        return status;
    }
    char *line = start->text;
    for (bool first = true; line != NULL && *line != '\0'; first = false) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        if (first ? strcmp(line, HEADING) != 0 : !take_line(start, line)) {
            return cyc_err_set(err, CYC_E_JOURNAL, "%s has a line that makes no sense: '%s'", path,
                               line);
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return start->protocol[0] != '\0'
               ? CYC_OK
               : cyc_err_set(err, CYC_E_JOURNAL, "%s names no protocol", path);
}
