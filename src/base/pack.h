/* Plain data kept for long: the same bytes again, without the words that are zero. Large structs
 * that are sized for the largest case are mostly zeros. */
#ifndef CYC_BASE_PACK_H
#define CYC_BASE_PACK_H

#include "base/text.h"

/* Appends `size` bytes at `data`, a multiple of 8 and aligned for doubles. Without memory
 * bytes->failed is set. */
void cyc_pack_append(struct cyc_text *bytes, const void *data, size_t size);
/* The other way round, from `at` on, which goes on behind it; as many bytes as were packed there.
 * False: `end` comes before, and `data` means nothing. */
bool cyc_pack_take(const char **at, const char *end, void *data, size_t size);

#endif
