/* The units of this folder's quantities: one table, composed with "/g", "/cm2", "/s", "/min", "/h".
 */
#ifndef CYC_BASE_UNIT_INT_H
#define CYC_BASE_UNIT_INT_H

#include "base/quantity.h"

#define CYC_UNIT_SIZE 24

struct cyc_unit {
    enum cyc_kind kind;
    enum cyc_basis basis;
    double factor; /* value = number × factor, on its basis */
};

/* Bytes of the longest thing at the start that is written like a unit ("mAh/g", "%", "foo"). */
size_t cyc_unit_span(const char *string, size_t size);
/* Whether the string is written like one and is one. */
bool cyc_unit_find(const char *string, size_t size, struct cyc_unit *unit);
/* The unit that was probably meant, or NULL. */
const char *cyc_unit_nearest(const char *string, size_t size);

#endif
