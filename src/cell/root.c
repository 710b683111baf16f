#include "cell/root.h"

#include <math.h>

/* False position with the Illinois weights, on integers. Once the estimate stands, guesses are
 * pushed a little (1, 2, 4 …) towards the end that has not moved, so that the bracket closes to
 * one instead of creeping from one side. Every fourth turn halves, which bounds the count. */
int64_t cyc_first_beyond(int64_t low, double side_low, int64_t high, double side_high,
                         cyc_side_fn side, void *context)
{
    int last_moved = 0; /* -1: low, +1: high */
    int64_t push = 0;
    int64_t evaluated = high - 1; /* anything but high: evaluate there at the end */
    for (unsigned turn = 1; high - low > 1; turn++) {
        const int64_t width = high - low;
        int64_t guess = low + width / 2;
        if (turn % 4 != 0 && isfinite(side_low) && isfinite(side_high) && side_high > side_low) {
            const double part = -side_low / (side_high - side_low);
            guess = low + (int64_t)ceil(part * (double)width) + (last_moved < 0 ? push : -push);
        }
        if (guess <= low) {
            guess = low + 1;
        } else if (guess >= high) {
            guess = high - 1;
        }
        const double value = side(context, guess);
        evaluated = guess;
        const int moved = value >= 0 ? 1 : -1;
        push = moved == last_moved ? 2 * push + 1 : 0;
        if (moved > 0) {
            high = guess;
            side_high = value;
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
