/* What the tests of the store share: folders of their own, a run with made-up but lawful values. */
#ifndef CYC_TESTS_STORE_MAKER_H
#define CYC_TESTS_STORE_MAKER_H

#include "store/store.h"

/* A new, empty folder for runs; the same text until maker_remove(). */
const char *maker_folder(void);
void maker_remove(void); /* removes it with all it holds */

/* An identity with every field set; `kind` dry, no syncing, digits 4, 7, 9. */
struct cyc_run_identity maker_identity(void);

/* A cycling run step by step: `pass` charges and discharges, rows every 30 s with lawful totals. */
struct maker {
    struct cyc_run *run;
    struct cyc_record record; /* the last row */
    struct cyc_step step;
    struct cyc_segment segment;
    uint32_t step_count;
    int64_t t_ns;
    unsigned row_count_per_step;
};
void maker_init(struct maker *maker, struct cyc_run *run);
int maker_row(struct maker *maker, struct cyc_err *err);
/* A whole step: begin, rows, end. */
int maker_step(struct maker *maker, bool charging, struct cyc_err *err);
/* Charge, discharge, and the cycle's own row. */
int maker_cycle(struct maker *maker, struct cyc_err *err);

/* Whole rows of all parts of a run; negative when a part begins otherwise than with the header. */
int64_t maker_count_rows(const struct cyc_run_info *info);

/* A whole file, terminated; to be freed. NULL when it cannot be read. */
char *maker_read(const char *path, size_t *size);

#endif
