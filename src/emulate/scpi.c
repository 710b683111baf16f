/* SCPI as an instrument sees it.
 *
 *     :SOUR:CURR:LEV 0.5;RANG 1;:OUTP ON;*OPC?⏎       one program message, four units
 *
 * A message ends at CR or LF. Its units are parted by ';'. A header without ':' before it goes on
 * from the path of the unit before (all nodes but its last); one with ':' starts at the root, and
 * common commands ('*') leave the path alone (SCPI-99, volume 1, 6.2.4). Nodes have a long and a
 * short form and nothing between; a node in brackets may be left out; "[1]" is a suffix that may
 * be.
 *
 * Units are carried out one after another; what is wrong with one goes into the error queue and the
 * rest of the message is not carried out. The queue keeps the oldest errors; when it is full its
 * last place says -350 (SCPI-99, volume 2, 21.8). Answers of one message are joined by ';' and
 * sent with one terminator.
 */
#include "emulate/scpi.h"

#include "emulate/fault.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEVICE_CLEAR_C  0x03
#define DEVICE_CLEAR_X  0x18
#define CODE_OVERFLOW   (-350)
#define CODE_OVERRUN    (-363)
#define CODE_UNDEFINED  (-113)
#define CODE_DATA_TYPE  (-104)
#define CODE_MISSING    (-109)
#define CODE_SYNTAX     (-102)
#define COMMAND_ERRORS  (-200) /* above: command errors */
#define EXECUTION_FIRST (-299)
#define DEVICE_FIRST    (-399)

static const struct cyc_scpi_unit_error texts[] = {
    {0, "No error"},
    {-102, "Syntax error"},
    {-104, "Data type error"},
    {-108, "Parameter not allowed"},
    {-109, "Missing parameter"},
    {-113, "Undefined header"},
    {-151, "Invalid string data"},
    {-221, "Settings conflict"},
    {-222, "Parameter data out of range"},
    {-224, "Illegal parameter value"},
    {-230, "Data corrupt or stale"},
    {-350, "Queue overflow"},
    {-363, "Input buffer overrun"},
    {-410, "Query INTERRUPTED"},
    {-430, "Query DEADLOCKED"},
    {802, "OUTPUT blocked by output enable"},
    {803, "Not permitted with OUTPUT off"},
    {810, "OUTPUT blocked by Over Temp"},
};

/* ---- Errors ---------------------------------------------------------------------------------- */

static const char *text_of(int code)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].code == code) {
            return texts[i].text;
        }
    }
    return "Device-specific error";
}

static unsigned event_of(int code)
{
    if (code > COMMAND_ERRORS && code < 0) {
        return CYC_ESR_CME;
    }
    if (code >= EXECUTION_FIRST && code < 0) {
        return CYC_ESR_EXE;
    }
    if (code >= DEVICE_FIRST && code < 0) {
        return CYC_ESR_DDE;
    }
    return code < 0 ? CYC_ESR_QYE : CYC_ESR_EXE;
}

void cyc_scpi_unit_error(struct cyc_scpi_unit *scpi, int code)
{
    scpi->event_status |= event_of(code);
    cyc_unit_log(scpi->unit, "error %d", code);
    if (scpi->error_count + 1 >= CYC_SCPI_ERRORS_MAX) {
        code = CODE_OVERFLOW;
    }
    if (scpi->error_count == CYC_SCPI_ERRORS_MAX) {
        return;
    }
    const unsigned last = (scpi->error_first + scpi->error_count++) % CYC_SCPI_ERRORS_MAX;
    scpi->errors[last] = (struct cyc_scpi_unit_error){code, text_of(code)};
}

struct cyc_scpi_unit_error cyc_scpi_unit_next_error(struct cyc_scpi_unit *scpi)
{
    if (scpi->error_count == 0) {
        return texts[0];
    }
    const struct cyc_scpi_unit_error error = scpi->errors[scpi->error_first];
    scpi->error_first = (scpi->error_first + 1) % CYC_SCPI_ERRORS_MAX;
    scpi->error_count--;
    return error;
}

void cyc_scpi_unit_clear_status(struct cyc_scpi_unit *scpi)
{
    scpi->error_count = 0;
    scpi->event_status = 0;
}

/* ---- Headers --------------------------------------------------------------------------------- */

/* One node of a pattern ("CURRent", "SOURce[1]") against one of a header; both end at size. */
static bool same_node(const char *node, size_t node_size, const char *word, size_t size)
{
    size_t letters = 0, capitals = 0;
    while (letters < node_size && node[letters] != '[') {
        capitals += node[letters] < 'a' || node[letters] > 'z' ? 1 : 0;
        letters++;
    }
    const bool suffix = letters < node_size;
    if (suffix && size > 0 && word[size - 1] == '1') {
        size--;
    }
    if (size != letters && size != capitals) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (cyc_unit_upper(node[i]) != word[i]) {
            return false;
        }
    }
    return true;
}

/* Where a pattern's first node ends: at ':', '[:' or the end; a "[1]" belongs to the node. */
static size_t node_size(const char *pattern)
{
    size_t size = 0;
    while (pattern[size] != '\0' && pattern[size] != ':' && pattern[size] != ']' &&
           !(pattern[size] == '[' && pattern[size + 1] == ':')) {
        size += pattern[size] == '[' ? 3 : 1; /* "[1]" */
    }
    return size;
}

/* Recursion is bounded by the nodes of a pattern, at most 6. */
static bool match(const char *pattern, const char *header)
{
    bool optional = false;
    while (*pattern == '[' || *pattern == ':' || *pattern == ']') {
        optional = optional || *pattern == '[';
        pattern++;
    }
    if (*pattern == '\0') {
        return *header == '\0';
    }
    const size_t size = node_size(pattern);
    const size_t word = strcspn(header, ":");
    if (optional && match(pattern + size, header)) {
        return true;
    }
    return word > 0 && same_node(pattern, size, header, word) &&
           match(pattern + size, header + word + (header[word] == ':' ? 1 : 0));
}

bool cyc_scpi_unit_match(const char *pattern, const char *header)
{
    return match(pattern, header);
}

bool cyc_scpi_unit_word(const char *form, const char *word, size_t size)
{
    char upper[32];
    if (size >= sizeof upper) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        upper[i] = cyc_unit_upper(word[i]);
    }
    return same_node(form, strlen(form), upper, size);
}

/* ---- Parameters ------------------------------------------------------------------------------ */

int cyc_scpi_unit_number(const char *parameters, double *value)
{
    size_t used = 0;
    if (*parameters == '\0') {
        return CODE_MISSING;
    }
    const char *digits = parameters + (*parameters == '+' ? 1 : 0);
    const size_t size = strlen(digits);
    char padded[64];
    if (digits[0] == '.' || (digits[0] == '-' && digits[1] == '.')) {
        const bool minus = digits[0] == '-';
        (void)snprintf(padded, sizeof padded, "%s0%s", minus ? "-" : "", digits + (minus ? 1 : 0));
        return cyc_number_parse(padded, strlen(padded), value, &used) && used == strlen(padded)
                   ? 0
                   : CODE_DATA_TYPE;
    }
    if (!cyc_number_parse(digits, size, value, &used)) {
        return CODE_DATA_TYPE;
    }
    used += digits[used] == '.' && digits[used + 1] == '\0' ? 1 : 0; /* "1." */
    return used == size ? 0 : CODE_DATA_TYPE;
}

int cyc_scpi_unit_boolean(const char *parameters, bool *value)
{
    double number = 0;
    if (cyc_scpi_unit_word("ON", parameters, strlen(parameters))) {
        *value = true;
        return 0;
    }
    if (cyc_scpi_unit_word("OFF", parameters, strlen(parameters))) {
        *value = false;
        return 0;
    }
    const int code = cyc_scpi_unit_number(parameters, &number);
    *value = number != 0;
    return code;
}

void cyc_scpi_unit_append(struct cyc_text *answer, double value)
{
    const double size = fabs(value);
    int exponent = size > 0 && isfinite(size) ? (int)floor(log10(size)) : 0;
    long long digits = llround(size / pow(10, exponent) * 1e6);
    if (digits >= 10000000) { /* rounded up to the next power */
        digits /= 10;
        exponent++;
    }
    cyc_text_format(answer, "%c%lld.%06lldE%c%02d", value < 0 ? '-' : '+', digits / 1000000,
                    digits % 1000000, exponent < 0 ? '-' : '+',
                    exponent < 0 ? -exponent : exponent);
}

/* ---- Common commands ------------------------------------------------------------------------- */

static unsigned status_byte(const struct cyc_scpi_unit *scpi)
{
    return (scpi->error_count > 0 ? 1u << 2 : 0) |
           ((scpi->event_status & scpi->event_enable) != 0 ? 1u << 5 : 0);
}

static int mask_of(const struct cyc_scpi_unit_command *command, unsigned *mask)
{
    double value = 0;
    const int code = cyc_scpi_unit_number(command->parameters, &value);
    if (code == 0 && (value < 0 || value > 255)) {
        return -222;
    }
    *mask = code == 0 ? (unsigned)value : *mask;
    return code;
}

static int common_query(struct cyc_scpi_unit *scpi, const char *header, struct cyc_text *answer)
{
    if (strcmp(header, "*ESR") == 0) {
        cyc_text_format(answer, "%u", scpi->event_status);
        scpi->event_status = 0;
    } else if (strcmp(header, "*ESE") == 0) {
        cyc_text_format(answer, "%u", scpi->event_enable);
    } else if (strcmp(header, "*SRE") == 0) {
        cyc_text_format(answer, "%u", scpi->service_enable);
    } else if (strcmp(header, "*STB") == 0) {
        cyc_text_format(answer, "%u", status_byte(scpi));
    } else if (strcmp(header, "*OPC") == 0) {
        cyc_text_append(answer, "1");
    } else if (strcmp(header, "*TST") == 0) {
        cyc_text_append(answer, "0");
    } else {
        return CODE_UNDEFINED;
    }
    return 0;
}

static int common_setting(struct cyc_scpi_unit *scpi, const struct cyc_scpi_unit_command *command)
{
    const char *header = command->header;
    if (strcmp(header, "*CLS") == 0) {
        cyc_scpi_unit_clear_status(scpi);
    } else if (strcmp(header, "*OPC") == 0) {
        scpi->event_status |= CYC_ESR_OPC;
    } else if (strcmp(header, "*ESE") == 0) {
        return mask_of(command, &scpi->event_enable);
    } else if (strcmp(header, "*SRE") == 0) {
        return mask_of(command, &scpi->service_enable);
    } else if (strcmp(header, "*WAI") != 0) {
        return CODE_UNDEFINED;
    }
    return 0;
}

int cyc_scpi_unit_common(struct cyc_scpi_unit *scpi, const struct cyc_scpi_unit_command *command,
                         struct cyc_text *answer, bool *is_common)
{
    const bool asks_error =
        command->query && (cyc_scpi_unit_match("SYSTem:ERRor[:NEXT]", command->header) ||
                           cyc_scpi_unit_match("STATus:QUEue[:NEXT]", command->header));
    *is_common = true;
    if (asks_error) {
        const struct cyc_scpi_unit_error error = cyc_scpi_unit_next_error(scpi);
        cyc_text_format(answer, "%d,\"%s\"", error.code, error.text);
        return 0;
    }
    const int code = command->header[0] != '*' ? CODE_UNDEFINED
                     : command->query          ? common_query(scpi, command->header, answer)
                                               : common_setting(scpi, command);
    *is_common = code != CODE_UNDEFINED;
    return code;
}

/* ---- Messages -------------------------------------------------------------------------------- */

/* Where a unit of a message ends: at ';' outside quotes. */
static size_t unit_size(const char *text)
{
    char quote = '\0';
    size_t size = 0;
    for (; text[size] != '\0' && (quote != '\0' || text[size] != ';'); size++) {
        if (quote == '\0' && (text[size] == '\'' || text[size] == '"')) {
            quote = text[size];
        } else if (text[size] == quote) {
            quote = '\0';
        }
    }
    return size;
}

static bool is_blank(char letter)
{
    return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

static char *trim(char *text)
{
    while (is_blank(*text)) {
        text++;
    }
    size_t size = strlen(text);
    while (size > 0 && is_blank(text[size - 1])) {
        text[--size] = '\0';
    }
    return text;
}

/* Splits one unit; `path` is that of the unit before and becomes this one's. */
static int parse_unit(char *text, char *path, size_t path_size,
                      struct cyc_scpi_unit_command *command)
{
    char *parameters = text + strcspn(text, " \t");
    if (*parameters != '\0') {
        *parameters++ = '\0';
    }
    command->parameters = trim(parameters);
    size_t size = strlen(text);
    command->query = size > 0 && text[size - 1] == '?';
    if (command->query) {
        text[--size] = '\0';
    }
    const bool common = text[0] == '*';
    const bool rooted = text[0] == ':';
    const char *prefix = common || rooted || path[0] == '\0' ? "" : path;
    const int length = snprintf(command->header, sizeof command->header, "%s%s%s", prefix,
                                prefix[0] != '\0' ? ":" : "", text + (rooted ? 1 : 0));
    if (size == 0 || length < 0 || (size_t)length >= sizeof command->header) {
        return CODE_SYNTAX;
    }
    for (char *at = command->header; *at != '\0'; at++) {
        *at = cyc_unit_upper(*at);
    }
    if (!common) {
        (void)cyc_copy(path, path_size, command->header);
        char *last = strrchr(path, ':');
        *(last != NULL ? last : path) = '\0';
    }
    return 0;
}

/* The next unit of a message: parsed into *command; *at moves behind it. */
static int next_unit(char **at, char *path, size_t path_size, struct cyc_scpi_unit_command *command)
{
    const size_t size = unit_size(*at);
    char *text = *at;
    *at += size + ((*at)[size] == ';' ? 1 : 0);
    text[size] = '\0';
    text = trim(text);
    command->header[0] = '\0';
    return *text != '\0' ? parse_unit(text, path, path_size, command) : 0;
}

/* Instruments that take a message whole or not at all: is there an unknown command in it? */
static bool has_mistake(const struct cyc_scpi_unit *scpi)
{
    char copy[CYC_SCPI_LINE_MAX], path[256] = "";
    (void)cyc_copy(copy, sizeof copy, scpi->line);
    for (char *at = copy; *at != '\0';) {
        struct cyc_scpi_unit_command command = {0};
        if (next_unit(&at, path, sizeof path, &command) != 0 ||
            (command.header[0] != '\0' && !scpi->knows(scpi->context, &command))) {
            return true;
        }
    }
    return false;
}

static int run_units(struct cyc_scpi_unit *scpi, struct cyc_text *answer)
{
    char path[256] = "";
    char *at = scpi->line;
    struct cyc_scpi_unit_command command = {.first = true};
    int code = 0;
    while (*at != '\0' && code == 0) {
        struct cyc_text part = {0};
        code = next_unit(&at, path, sizeof path, &command);
        if (code == 0 && command.header[0] != '\0') {
            code = scpi->execute(scpi->context, &command, &part);
        }
        if (part.length > 0) {
            cyc_text_append(answer, answer->length > 0 ? ";" : "");
            cyc_text_append(answer, cyc_text_get(&part));
        }
        cyc_text_release(&part);
        command.first = false;
    }
    return code;
}

static void run_message(struct cyc_scpi_unit *scpi)
{
    struct cyc_text answer = {0};
    scpi->answer_after_ns = 0;
    const bool dropped =
        scpi->knows != NULL && has_mistake(scpi) && cyc_unit_fault(scpi->unit, CYC_FAULTY_DROP_ALL);
    const int code = dropped ? CODE_UNDEFINED : run_units(scpi, &answer);
    if (code != 0) {
        cyc_scpi_unit_error(scpi, code);
    }
    if (answer.length > 0) {
        cyc_text_append(&answer, scpi->terminator);
        cyc_unit_send(scpi->unit, cyc_text_get(&answer), answer.length, scpi->answer_after_ns);
    }
    cyc_text_release(&answer);
}

void cyc_scpi_unit_receive(struct cyc_scpi_unit *scpi, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = bytes[i];
        if (byte == DEVICE_CLEAR_C || byte == DEVICE_CLEAR_X) {
            scpi->used = 0;
            scpi->overrun = false;
            cyc_unit_discard(scpi->unit);
        } else if (byte != '\n' && byte != '\r') {
            scpi->overrun = scpi->overrun || scpi->used + 1 == sizeof scpi->line;
            if (!scpi->overrun) {
                scpi->line[scpi->used++] = (char)byte;
            }
        } else if (scpi->overrun) {
            scpi->used = 0;
            scpi->overrun = false;
            cyc_scpi_unit_error(scpi, CODE_OVERRUN);
        } else if (scpi->used > 0) {
            scpi->line[scpi->used] = '\0';
            scpi->used = 0;
            run_message(scpi);
        }
    }
}
