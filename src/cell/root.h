/* The first integer beyond a sign change, for crossings on the grid of nanoseconds. */
#ifndef CYC_CELL_ROOT_H
#define CYC_CELL_ROOT_H

#include <stdint.h>

/* Negative on the near side, zero or positive on the far side. */
typedef double (*cyc_side_fn)(void *context, int64_t n);

/* An integer n in (low, high] with side(n) >= 0: the first after a change of sides when `width` is
 * 1, else about `width` behind one at most. Wants side_low = side(low) < 0 and side_high =
 * side(high) >= 0. The last call of side() is for the n returned, or there is none and it is
 * `high`. */
int64_t cyc_first_beyond(int64_t low, double side_low, int64_t high, double side_high,
                         int64_t width, cyc_side_fn side, void *context);

#endif
