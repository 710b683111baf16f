#include "base/diag.h"

#include "base/text_int.h"

#include <string.h>

#define WORD_SIZE_MAX 64

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Edit distance in which swapping two neighbours counts once (optimal string alignment), case
 * ignored. Both words are at most WORD_SIZE_MAX bytes. */
static unsigned distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    unsigned rows[3][WORD_SIZE_MAX + 1];
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *two_above = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            const bool same = cyc_ascii_lower(a[i - 1]) == cyc_ascii_lower(b[j - 1]);
            row[j] = least(above[j - 1] + (same ? 0u : 1u), least(above[j], row[j - 1]) + 1u);
            if (i > 1 && j > 1 && cyc_ascii_lower(a[i - 1]) == cyc_ascii_lower(b[j - 2]) &&
                cyc_ascii_lower(a[i - 2]) == cyc_ascii_lower(b[j - 1])) {
                row[j] = least(row[j], two_above[j - 2] + 1u);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

const char *cyc_nearest(const char *word, const char *const *candidates)
{
    const size_t size = strnlen(word, WORD_SIZE_MAX + 1);
    if (size > WORD_SIZE_MAX) {
        return NULL;
    }
    const char *best = NULL;
    unsigned best_distance = (unsigned)(size / 3) + 1;
    for (; *candidates != NULL; candidates++) {
        const size_t candidate_size = strnlen(*candidates, WORD_SIZE_MAX + 1);
        if (candidate_size > WORD_SIZE_MAX) {
            continue;
        }
        const unsigned found = distance(word, size, *candidates, candidate_size);
        if (found < best_distance) {
            best = *candidates;
            best_distance = found;
        }
    }
    return best;
}
