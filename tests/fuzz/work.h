/* Work, counted and not timed: the branches that the instrumented libraries take, and what they
 * have the C library search, compare and copy. The same input gives the same count. */
#ifndef CYC_TESTS_FUZZ_WORK_H
#define CYC_TESTS_FUZZ_WORK_H

#include <stdint.h>

void work_mark(void);
uint64_t work_done(void); /* since the mark */

#endif
