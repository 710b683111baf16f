/* A laboratory for tests: a protocol as text, a simulated cell, and what became of every step. */
#ifndef CYC_TEST_RUN_LAB_H
#define CYC_TEST_RUN_LAB_H

#include "check/check.h"
#include "run/run.h"

#define LAB_STEPS_MAX  512
#define LAB_CYCLES_MAX 64

struct lab {
    struct cyc_cell_spec cell;
    struct cyc_dry_options options; /* protocol, cell, facts are filled by lab_run() */
    char folder[64];                /* a temporary one; "" until it is needed */
    /* Filled by lab_run(): */
    struct cyc_result results[LAB_STEPS_MAX];
    char names[LAB_STEPS_MAX][CYC_ID_SIZE];
    unsigned count;
    struct cyc_cycle cycles[LAB_CYCLES_MAX];
    unsigned cycle_count;
    struct cyc_text notes; /* one line each */
    struct cyc_dry_outcome outcome;
    struct cyc_err err;
    int status;
};

/* The test cell of the analytic cases: 2.5 Ah, OCV 3.0 V + 1.2 V × soc, R0 20 mΩ, full, and up to
 * two RC pairs: 15 mΩ 30 s, 10 mΩ 300 s. */
void lab_init(struct lab *lab, unsigned rc_count);
void lab_release(struct lab *lab);
/* Makes a temporary folder, which lab_release() removes with all in it. */
const char *lab_folder(struct lab *lab);
void lab_parameter(struct lab *lab, const char *name, double value);
/* Runs the steps of `method` (lines indented by two) under limits that do not bind. A protocol
 * with mistakes is printed and fails the test. */
void lab_run(struct lab *lab, const char *method);
/* A whole protocol instead. */
void lab_run_whole(struct lab *lab, const char *text);
/* The result of step `number` from 1; a zeroed one, and a failed assertion, when there is none. */
const struct cyc_result *lab_step(const struct lab *lab, unsigned number);
double lab_time_s(const struct lab *lab, unsigned number);

/* The whole text of a file, to be freed; NULL when it cannot be read. */
char *lab_read(const char *path, size_t *size);

#endif
