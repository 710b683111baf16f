/* Makes the heap of the code under test fail on demand: the linker sends its malloc, calloc and
 * realloc through heap.c (--wrap). */
#ifndef CYC_TESTS_BASE_HEAP_H
#define CYC_TESTS_BASE_HEAP_H

#include <stdbool.h>

/* The n-th allocation from now on fails (0: the next one), and all after it. Negative: none. */
void heap_fail_after(long n);
/* Whether an allocation was refused since then. */
bool heap_has_failed(void);

#endif
