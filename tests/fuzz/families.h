/* Families of hostile files: each grows with one number. */
#ifndef CYC_TESTS_FUZZ_FAMILIES_H
#define CYC_TESTS_FUZZ_FAMILIES_H

#include "base/text.h"

struct family {
    const char *name;
    const char *file; /* its name says how it is read: .yaml, .lua, .csv, cell.yaml */
    const char *head, *unit, *tail;
    unsigned head_size, unit_size, tail_size; /* they may hold NUL bytes */
    bool lawful;                              /* accepted while it is small enough */
};
extern const struct family families[];
extern const unsigned family_count;

/* head, then `unit` while there are fewer than `size` bytes, then tail. In a unit `@` becomes its
 * number. */
void family_write(const struct family *family, size_t size, struct cyc_text *out);

#endif
