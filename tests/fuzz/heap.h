/* The heap of this process, counted: malloc and its kin are replaced in the program itself, so that
 * those of shared libraries count too. */
#ifndef CYC_TESTS_FUZZ_HEAP_H
#define CYC_TESTS_FUZZ_HEAP_H

#include <stddef.h>

extern const int heap_is_counted; /* 0: a sanitizer owns the heap */
void heap_mark(void);             /* counts from here on */
size_t heap_peak(void);           /* most bytes in use beyond those at the mark */
long heap_left(void);             /* bytes in use beyond those at the mark */

#endif
