#include "cell/root.h"

#include <math.h>

/* False position with the Illinois weights, on integers. Guesses aim a little beyond the estimate;
 * while they fall on one side again and again they are pushed (1, 3, 7 … widths) towards the end
 * that has not moved, so that the bracket closes instead of creeping. Every fourth turn halves,
 * which bounds the count. A guess that by its own value is within `width` behind the change ends
 * the search where that is good enough. */
int64_t cyc_first_beyond(int64_t low, double side_low, int64_t high, double side_high,
                         int64_t width, cyc_side_fn side, void *context)
{
    int last_moved = 0; /* -1: low, +1: high */
    int64_t push = 0;
    int64_t evaluated = high;
    for (unsigned turn = 1; high - low > width; turn++) {
        const int64_t apart = high - low;
        const double rise = side_high - side_low;
        int64_t guess = low + apart / 2;
        if (turn % 4 != 0 && isfinite(rise) && rise > 0) {
            const double part = -side_low / rise;
            guess = low + (int64_t)ceil(part * (double)apart) + width / 2 +
                    (last_moved < 0 ? push : -push);
        }
        if (guess <= low) {
            guess = low + 1;
        } else if (guess >= high) {
            guess = high - 1;
        }
        const double value = side(context, guess);
        evaluated = guess;
        const int moved = value >= 0 ? 1 : -1;
        push = moved == last_moved ? 2 * push + width : 0;
        if (moved > 0) {
            high = guess;
            side_high = value;
            if (width > 1 && value * (double)apart <= rise * (double)width) {
                break;
            }
            side_low = last_moved > 0 ? side_low / 2 : side_low;
        } else {
            low = guess;
            side_low = value;
            side_high = last_moved < 0 ? side_high / 2 : side_high;
        }
        last_moved = moved;
    }
    if (evaluated != high) {
        (void)side(context, high);
    }
    return high;
}
