/* The line layer of an instrument that speaks SCPI: bytes to program messages, headers to rows of a
 * table, an error queue and the status registers of IEEE 488.2. What a command does is the
 * emulator's. See scpi.c. */
#ifndef CYC_EMULATE_SCPI_H
#define CYC_EMULATE_SCPI_H

#include "base/text.h"
#include "emulate/emulate.h"

#define CYC_SCPI_LINE_MAX   1024
#define CYC_SCPI_ERRORS_MAX 10 /* the last place of the queue is for -350 */

enum cyc_esr {
    CYC_ESR_OPC = 1u << 0,
    CYC_ESR_QYE = 1u << 2,
    CYC_ESR_DDE = 1u << 3,
    CYC_ESR_EXE = 1u << 4,
    CYC_ESR_CME = 1u << 5,
    CYC_ESR_PON = 1u << 7
};

struct cyc_scpi_unit_error {
    int code;
    const char *text; /* static */
};

/* One unit of a program message. */
struct cyc_scpi_unit_command {
    char header[256]; /* whole path in upper case, without ':' before it and '?' after it */
    bool query;
    bool first;             /* of its message */
    const char *parameters; /* terminated, without blanks around; "" */
};

struct cyc_scpi_unit {
    /* Carries out one command; answers are appended to `answer`. Returns 0, or an error code that
     * goes into the queue. */
    int (*execute)(void *context, const struct cyc_scpi_unit_command *command,
                   struct cyc_text *answer);
    /* Whether there is such a command at all; may be NULL. */
    bool (*knows)(void *context, const struct cyc_scpi_unit_command *command);
    void *context;
    struct cyc_unit *unit;
    const char *terminator; /* of answers */
    char line[CYC_SCPI_LINE_MAX];
    size_t used;
    bool overrun;
    int64_t
        answer_after_ns; /* set by a command of the message at hand: what it measures takes time */
    unsigned event_status, event_enable, service_enable;
    struct cyc_scpi_unit_error errors[CYC_SCPI_ERRORS_MAX];
    unsigned error_first, error_count;
};

/* Bytes from the wire; CR and LF end a message, ^C and ^X clear the device. */
void cyc_scpi_unit_receive(struct cyc_scpi_unit *scpi, const uint8_t *bytes, size_t size);
void cyc_scpi_unit_error(struct cyc_scpi_unit *scpi, int code);
struct cyc_scpi_unit_error cyc_scpi_unit_next_error(struct cyc_scpi_unit *scpi);
void cyc_scpi_unit_clear_status(struct cyc_scpi_unit *scpi);
/* Commands that every instrument has: *CLS *ESE *ESR *OPC *SRE *STB *TST *WAI SYSTem:ERRor.
 * *is_common: it was one of them. */
int cyc_scpi_unit_common(struct cyc_scpi_unit *scpi, const struct cyc_scpi_unit_command *command,
                         struct cyc_text *answer, bool *is_common);
/* "SOURce[1]:CURRent[:LEVel]" against a header; long or short forms only. */
bool cyc_scpi_unit_match(const char *pattern, const char *header);
/* Whether a word is the long or short form of "HIMPedance". */
bool cyc_scpi_unit_word(const char *form, const char *word, size_t size);
/* 0, or the code of what is wrong with the parameter. */
int cyc_scpi_unit_number(const char *parameters, double *value);
int cyc_scpi_unit_boolean(const char *parameters, bool *value);
/* "+1.000236E+00". */
void cyc_scpi_unit_append(struct cyc_text *answer, double value);

#endif
