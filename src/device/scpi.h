/* SCPI (IEEE 488.2) on a bus: one command or one query per line.
 *
 * The special numbers of SCPI never become numbers here: 9.91E37 stands for "not a number",
 * ±9.9E37 for an overflow. What is written is read back in a message of its own, since there are
 * instruments that answer a question in the same message with the old value. No allocation.
 */
#ifndef CYC_DEVICE_SCPI_H
#define CYC_DEVICE_SCPI_H

#include "device/bus.h"

#define CYC_SCPI_ERRORS_MAX 50 /* entries read from an error queue before giving up */
#define CYC_SCPI_REPLY_SIZE 256

struct cyc_scpi {
    struct cyc_bus *bus; /* borrowed */
    char terminator[4];  /* both ways */
    uint8_t token;       /* last one used by cyc_scpi_resync() */
};

enum cyc_scpi_value {
    CYC_SCPI_NONE, /* the text is no number */
    CYC_SCPI_NUMBER,
    CYC_SCPI_INVALID, /* 9.91E37: not measured */
    CYC_SCPI_OVERFLOW /* ±9.9E37, ±INF: beyond the range */
};

/* Reads one number from a whole string of `size` bytes: blanks around it, a sign, ".5" allowed;
 * anything else makes it CYC_SCPI_NONE. *value is NaN where it is no number. */
enum cyc_scpi_value cyc_scpi_number(const char *text, size_t size, double *value);
/* Reads exactly `count` numbers with commas between them. CYC_E_REPLY: another count or no number
 * among them, and the bus falls out of step. kinds (may be NULL) gets what each is. */
int cyc_scpi_numbers(struct cyc_scpi *scpi, const char *text, double *values,
                     enum cyc_scpi_value *kinds, unsigned count, struct cyc_err *err);

int cyc_scpi_write(struct cyc_scpi *scpi, const char *command, int64_t deadline_ns,
                   struct cyc_err *err);
/* Blanks around the reply are cut. *middle_ns (may be NULL): as in cyc_bus_exchange(). */
int cyc_scpi_query(struct cyc_scpi *scpi, const char *query, char *reply, size_t reply_size,
                   int64_t deadline_ns, int64_t *middle_ns, struct cyc_err *err);
/* The first question on a bus that may be out of step: drains it then, and asks all the same. Only
 * for questions whose answer is unlike any other; it is for the caller to say that it fits. */
int cyc_scpi_ask(struct cyc_scpi *scpi, const char *query, char *reply, size_t reply_size,
                 int64_t deadline_ns, struct cyc_err *err);
/* A query that must give a proper number. */
int cyc_scpi_query_number(struct cyc_scpi *scpi, const char *query, double *value,
                          int64_t deadline_ns, struct cyc_err *err);
/* Writes "header value" and reads "header?" back: CYC_E_REFUSED when it differs by more than the
 * tolerance; the message says what the instrument's error queue says. */
int cyc_scpi_set_number(struct cyc_scpi *scpi, const char *header, double value, double tolerance,
                        int64_t deadline_ns, struct cyc_err *err);
/* The same with a word; `expected` (NULL: the word itself) is what must come back. Quotes are not
 * compared. */
int cyc_scpi_set_word(struct cyc_scpi *scpi, const char *header, const char *word,
                      const char *expected, int64_t deadline_ns, struct cyc_err *err);
/* Empties the error queue. `first` gets the first entry ("" : there was none). CYC_E_BOUND: no end
 * after CYC_SCPI_ERRORS_MAX. */
int cyc_scpi_errors(struct cyc_scpi *scpi, char *first, size_t first_size, int64_t deadline_ns,
                    struct cyc_err *err);
/* Finds the step again on a drained bus: writes a number into the event enable register, which
 * nothing else uses, and reads it back, twice with different numbers: the late answer to another
 * question cannot pass for both. */
int cyc_scpi_prove(struct cyc_scpi *scpi, int64_t deadline_ns, struct cyc_err *err);
/* The same, and empties the error queue. */
int cyc_scpi_resync(struct cyc_scpi *scpi, int64_t deadline_ns, struct cyc_err *err);

/* The fields of a reply to *IDN?: maker, model, serial number, firmware (with all that follows).
 * Quotes and the prefix "IDN " are cut. CYC_E_IDENTITY: fewer than three fields. */
struct cyc_identity;
int cyc_scpi_identity(const char *reply, struct cyc_identity *identity, struct cyc_err *err);

#endif
