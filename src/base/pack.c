#include "base/pack.h"

#include <string.h>

#define RUN_MAX 0xFFFFu

/* So many zeros, then so many words as they are. */
struct run {
    uint16_t zeros, words;
};

static size_t count_while(const uint64_t *words, size_t count, bool zero)
{
    size_t same = 0;
    while (same < count && same < RUN_MAX && (words[same] == 0) == zero) {
        same++;
    }
    return same;
}

void cyc_pack_append(struct cyc_text *bytes, const void *data, size_t size)
{
    const uint64_t *words = data;
    const size_t count = size / sizeof *words;
    for (size_t at = 0; at < count;) {
        const size_t zeros = count_while(words + at, count - at, true);
        const size_t others = count_while(words + at + zeros, count - at - zeros, false);
        const struct run run = {(uint16_t)zeros, (uint16_t)others};
        at += zeros;
        cyc_text_append_size(bytes, (const char *)&run, sizeof run);
        cyc_text_append_size(bytes, (const char *)(words + at), others * sizeof *words);
        at += others;
    }
}

bool cyc_pack_take(const char **at, const char *end, void *data, size_t size)
{
    char *to = data;
    memset(data, 0, size);
    while (size > 0) {
        struct run run;
        if ((size_t)(end - *at) < sizeof run) {
            return false;
        }
        memcpy(&run, *at, sizeof run);
        *at += sizeof run;
        const size_t skipped = run.zeros * sizeof(uint64_t);
        const size_t taken = run.words * sizeof(uint64_t);
        if (skipped + taken > size || taken > (size_t)(end - *at) || skipped + taken == 0) {
            return false;
        }
        memcpy(to + skipped, *at, taken);
        *at += taken;
        to += skipped + taken;
        size -= skipped + taken;
    }
    return true;
}
