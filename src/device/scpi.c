#include "device/scpi.h"

#include "device/driver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COMMAND_SIZE 192
#define TOKEN_LOW    128 /* tokens: TOKEN_LOW + 1 … TOKEN_LOW + TOKEN_COUNT; no 0, 1 or 128 (PON) */
#define TOKEN_COUNT  120
#define ASK_QUIET_NS (20 * CYC_MS_NS)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(const char **text, size_t *size)
{
    while (*size > 0 && is_blank(**text)) {
        (*text)++;
        (*size)--;
    }
    while (*size > 0 && is_blank((*text)[*size - 1])) {
        (*size)--;
    }
}

static bool is_infinity(const char *text, size_t size)
{
    return cyc_same_word("inf", text, size) || cyc_same_word("infinity", text, size);
}

/* "5" and ".5" and "5." without sign. */
static bool parse_unsigned(const char *text, size_t size, double *value)
{
    char copy[64];
    if (size == 0 || size + 2 > sizeof copy || text[0] == '-' || text[0] == '+') {
        return false;
    }
    size_t length = 0;
    bool digits = false;
    if (text[0] == '.') {
        copy[length++] = '0';
    }
    for (size_t i = 0; i < size; i++) {
        const bool bare_point =
            text[i] == '.' && digits && (i + 1 == size || text[i + 1] == 'e' || text[i + 1] == 'E');
        digits = digits || (text[i] >= '0' && text[i] <= '9');
        if (!bare_point) {
            copy[length++] = text[i];
        }
    }
    size_t used = 0;
    return digits && cyc_number_parse(copy, length, value, &used) && used == length;
}

enum cyc_scpi_value cyc_scpi_number(const char *text, size_t size, double *value)
{
    *value = NAN;
    trim(&text, &size);
    const bool negative = size > 0 && text[0] == '-';
    if (size > 0 && (text[0] == '-' || text[0] == '+')) {
        text++;
        size--;
    }
    if (is_infinity(text, size)) {
        return CYC_SCPI_OVERFLOW;
    }
    if (cyc_same_word("nan", text, size)) {
        return CYC_SCPI_INVALID;
    }
    double number;
    if (!parse_unsigned(text, size, &number)) {
        return CYC_SCPI_NONE;
    }
    if (number >= 9.905e37) {
        return number < 9.915e37 ? CYC_SCPI_INVALID : CYC_SCPI_OVERFLOW;
    }
    if (number >= 9.0e36) {
        return CYC_SCPI_OVERFLOW;
    }
    *value = negative ? -number : number;
    return CYC_SCPI_NUMBER;
}

/* A reply that is no answer to the question: what comes next cannot be trusted either. */
static int unfitting(struct cyc_scpi *scpi, const char *reply, const char *due, struct cyc_err *err)
{
    cyc_bus_out_of_step(scpi->bus);
    return cyc_err_set(err, CYC_E_REPLY, "the answer '%.60s' is not %s", reply, due);
}

int cyc_scpi_numbers(struct cyc_scpi *scpi, const char *text, double *values,
                     enum cyc_scpi_value *kinds, unsigned count, struct cyc_err *err)
{
    const char *at = text;
    for (unsigned i = 0; i < count; i++) {
        const size_t size = strcspn(at, ",");
        const enum cyc_scpi_value kind = cyc_scpi_number(at, size, &values[i]);
        const bool last = at[size] == '\0';
        if (kind == CYC_SCPI_NONE || last != (i + 1 == count)) {
            char due[48];
            (void)snprintf(due, sizeof due, "%u number%s", count, count == 1 ? "" : "s");
            return unfitting(scpi, text, due, err);
        }
        if (kinds != NULL) {
            kinds[i] = kind;
        }
        at += size + (last ? 0 : 1);
    }
    return CYC_OK;
}

static bool join(const struct cyc_scpi *scpi, const char *text, char *line, size_t size,
                 size_t *length)
{
    const int written = snprintf(line, size, "%s%s", text, scpi->terminator);
    *length = written > 0 ? (size_t)written : 0;
    return written > 0 && (size_t)written < size;
}

int cyc_scpi_write(struct cyc_scpi *scpi, const char *command, int64_t deadline_ns,
                   struct cyc_err *err)
{
    char line[COMMAND_SIZE];
    size_t length;
    if (!join(scpi, command, line, sizeof line, &length)) {
        return cyc_err_set(err, CYC_E_BUG, "'%s' is too long for a command", command);
    }
    const int status = cyc_bus_write(scpi->bus, line, length, deadline_ns, err);
    return status == CYC_OK ? status : cyc_err_wrap(err, "'%s'", command);
}

static struct cyc_frame line_frame(const struct cyc_scpi *scpi)
{
    struct cyc_frame frame = {.kind = CYC_FRAME_LINE};
    (void)cyc_copy(frame.terminator, sizeof frame.terminator, scpi->terminator);
    return frame;
}

static void trim_reply(char *reply)
{
    const char *text = reply;
    size_t size = strlen(reply);
    trim(&text, &size);
    memmove(reply, text, size);
    reply[size] = '\0';
}

int cyc_scpi_query(struct cyc_scpi *scpi, const char *query, char *reply, size_t reply_size,
                   int64_t deadline_ns, int64_t *middle_ns, struct cyc_err *err)
{
    char line[COMMAND_SIZE];
    size_t length;
    if (!join(scpi, query, line, sizeof line, &length)) {
        return cyc_err_set(err, CYC_E_BUG, "'%s' is too long for a query", query);
    }
    const struct cyc_frame frame = line_frame(scpi);
    size_t reply_length;
    const int status = cyc_bus_exchange(scpi->bus, line, length, &frame, reply, reply_size,
                                        &reply_length, deadline_ns, middle_ns, err);
    if (status != CYC_OK) {
        return cyc_err_wrap(err, "'%s'", query);
    }
    trim_reply(reply);
    return CYC_OK;
}

int cyc_scpi_ask(struct cyc_scpi *scpi, const char *query, char *reply, size_t reply_size,
                 int64_t deadline_ns, struct cyc_err *err)
{
    if (cyc_bus_is_in_step(scpi->bus)) {
        return cyc_scpi_query(scpi, query, reply, reply_size, deadline_ns, NULL, err);
    }
    const struct cyc_frame frame = line_frame(scpi);
    size_t length;
    int status = cyc_bus_drain(scpi->bus, ASK_QUIET_NS, deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_scpi_write(scpi, query, deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_bus_read(scpi->bus, &frame, reply, reply_size, &length, deadline_ns, err);
    }
    if (status != CYC_OK) {
        return cyc_err_wrap(err, "'%s'", query);
    }
    trim_reply(reply);
    return CYC_OK;
}

int cyc_scpi_query_number(struct cyc_scpi *scpi, const char *query, double *value,
                          int64_t deadline_ns, struct cyc_err *err)
{
    char reply[CYC_SCPI_REPLY_SIZE];
    int status = cyc_scpi_query(scpi, query, reply, sizeof reply, deadline_ns, NULL, err);
    if (status != CYC_OK) {
        return status;
    }
    enum cyc_scpi_value kind;
    status = cyc_scpi_numbers(scpi, reply, value, &kind, 1, err);
    if (status != CYC_OK) {
        return cyc_err_wrap(err, "'%s'", query);
    }
    return kind == CYC_SCPI_NUMBER
               ? CYC_OK
               : cyc_err_set(err, CYC_E_REPLY, "'%s': the answer %s is no value", query, reply);
}

/* The instrument kept something else than what was written. */
static int not_taken(struct cyc_scpi *scpi, const char *command, const char *found,
                     int64_t deadline_ns, struct cyc_err *err)
{
    char reason[CYC_SCPI_REPLY_SIZE];
    if (cyc_scpi_errors(scpi, reason, sizeof reason, deadline_ns, NULL) != CYC_OK) {
        reason[0] = '\0';
    }
    return cyc_err_set(err, CYC_E_REFUSED, "'%s' was not taken: the instrument says %s%s%s%s",
                       command, found, reason[0] != '\0' ? " (" : "", reason,
                       reason[0] != '\0' ? ")" : "");
}

int cyc_scpi_set_number(struct cyc_scpi *scpi, const char *header, double value, double tolerance,
                        int64_t deadline_ns, struct cyc_err *err)
{
    char command[COMMAND_SIZE], query[COMMAND_SIZE], number[CYC_NUMBER_SIZE];
    (void)snprintf(command, sizeof command, "%s %s", header, cyc_number_brief(number, value, 9));
    (void)snprintf(query, sizeof query, "%s?", header);
    double found;
    int status = cyc_scpi_write(scpi, command, deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_scpi_query_number(scpi, query, &found, deadline_ns, err);
    }
    if (status != CYC_OK) {
        return status;
    }
    return fabs(found - value) <= tolerance
               ? CYC_OK
               : not_taken(scpi, command, cyc_number_brief(number, found, 9), deadline_ns, err);
}

/* Equal but for quotes, blanks and case. */
static bool same_plain(const char *a, const char *b)
{
    for (;;) {
        while (*a == '"' || *a == '\'' || is_blank(*a)) {
            a++;
        }
        while (*b == '"' || *b == '\'' || is_blank(*b)) {
            b++;
        }
        if (*a == '\0' || *b == '\0') {
            return *a == *b;
        }
        const char one[2] = {*a >= 'A' && *a <= 'Z' ? (char)(*a + ('a' - 'A')) : *a, '\0'};
        if (!cyc_same_word(one, b, 1)) {
            return false;
        }
        a++;
        b++;
    }
}

int cyc_scpi_set_word(struct cyc_scpi *scpi, const char *header, const char *word,
                      const char *expected, int64_t deadline_ns, struct cyc_err *err)
{
    char command[COMMAND_SIZE], query[COMMAND_SIZE], reply[CYC_SCPI_REPLY_SIZE];
    (void)snprintf(command, sizeof command, "%s %s", header, word);
    (void)snprintf(query, sizeof query, "%s?", header);
    int status = cyc_scpi_write(scpi, command, deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_scpi_query(scpi, query, reply, sizeof reply, deadline_ns, NULL, err);
    }
    if (status != CYC_OK) {
        return status;
    }
    return same_plain(reply, expected != NULL ? expected : word)
               ? CYC_OK
               : not_taken(scpi, command, reply, deadline_ns, err);
}

int cyc_scpi_errors(struct cyc_scpi *scpi, char *first, size_t first_size, int64_t deadline_ns,
                    struct cyc_err *err)
{
    first[0] = '\0';
    for (int i = 0; i < CYC_SCPI_ERRORS_MAX; i++) {
        char reply[CYC_SCPI_REPLY_SIZE];
        const int status =
            cyc_scpi_query(scpi, ":SYST:ERR?", reply, sizeof reply, deadline_ns, NULL, err);
        if (status != CYC_OK) {
            return status;
        }
        double code;
        if (cyc_scpi_number(reply, strcspn(reply, ","), &code) != CYC_SCPI_NUMBER) {
            return unfitting(scpi, reply, "an entry of an error queue", err);
        }
        if (code == 0) {
            return CYC_OK;
        }
        if (first[0] == '\0') {
            (void)cyc_copy(first, first_size, reply);
        }
    }
    return cyc_err_set(err, CYC_E_BOUND, "the error queue has no end after %d entries",
                       CYC_SCPI_ERRORS_MAX);
}

static int prove_once(struct cyc_scpi *scpi, int64_t deadline_ns, struct cyc_err *err)
{
    char command[32], reply[CYC_SCPI_REPLY_SIZE];
    scpi->token = (uint8_t)(scpi->token % TOKEN_COUNT + 1);
    const int token = TOKEN_LOW + scpi->token;
    const struct cyc_frame frame = line_frame(scpi);
    size_t length;
    (void)snprintf(command, sizeof command, "*ESE %d", token);
    int status = cyc_scpi_write(scpi, command, deadline_ns, err);
    if (status == CYC_OK) {
        status = cyc_scpi_write(scpi, "*ESE?", deadline_ns, err);
    }
    if (status == CYC_OK) {
        status = cyc_bus_read(scpi->bus, &frame, reply, sizeof reply, &length, deadline_ns, err);
    }
    if (status != CYC_OK) {
        return status;
    }
    double found;
    if (cyc_scpi_number(reply, length, &found) != CYC_SCPI_NUMBER || found != (double)token) {
        return cyc_err_set(err, CYC_E_STALE, "'*ESE?': the answer '%.40s' fits another question",
                           reply);
    }
    return CYC_OK;
}

int cyc_scpi_prove(struct cyc_scpi *scpi, int64_t deadline_ns, struct cyc_err *err)
{
    for (int round = 0; round < 2; round++) {
        const int status = prove_once(scpi, deadline_ns, err);
        if (status != CYC_OK) {
            return status;
        }
    }
    cyc_bus_in_step(scpi->bus);
    return CYC_OK;
}

int cyc_scpi_resync(struct cyc_scpi *scpi, int64_t deadline_ns, struct cyc_err *err)
{
    char first[CYC_SCPI_REPLY_SIZE];
    const int status = cyc_scpi_prove(scpi, deadline_ns, err);
    return status == CYC_OK ? cyc_scpi_errors(scpi, first, sizeof first, deadline_ns, err) : status;
}

static void take_field(const char **at, char *field, size_t size, bool is_last)
{
    const char *text = *at;
    size_t length = is_last ? strlen(text) : strcspn(text, ",");
    *at += length + (text[length] == ',' ? 1 : 0);
    trim(&text, &length);
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text++;
        length -= 2;
    }
    length = length < size ? length : size - 1;
    memcpy(field, text, length);
    field[length] = '\0';
}

int cyc_scpi_identity(const char *reply, struct cyc_identity *identity, struct cyc_err *err)
{
    int commas = 0;
    for (const char *at = reply; *at != '\0'; at++) {
        commas += *at == ',';
    }
    if (commas < 2) {
        return cyc_err_set(err, CYC_E_IDENTITY, "'%.80s' is no answer to *IDN?", reply);
    }
    const char *at = strncmp(reply, "IDN ", 4) == 0 ? reply + 4 : reply;
    take_field(&at, identity->maker, sizeof identity->maker, false);
    take_field(&at, identity->model, sizeof identity->model, false);
    take_field(&at, identity->serial_number, sizeof identity->serial_number, false);
    take_field(&at, identity->firmware, sizeof identity->firmware, true);
    return CYC_OK;
}
