/* Steps written as sentences. */
#include "fuzz.h"

#include "protocol/sentence.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cyc_diags *const diags = malloc(sizeof *diags);
    struct cyc_arena arena;
    if (diags == NULL) {
        return 0;
    }
    cyc_diags_init(diags);
    cyc_arena_init(&arena, 0);
    const struct cyc_pos pos = {cyc_diags_add_file(diags, "p.yaml", (const char *)data, size), 1, 1,
                                0};
    const struct cyc_node *const node =
        cyc_sentence_parse((const char *)data, size, pos, &arena, diags);
    if ((node == NULL) != (diags->error_count > 0)) {
        abort(); /* refused without a word, or read with a mistake in it */
    }
    fuzz_show(diags);
    cyc_arena_release(&arena);
    cyc_diags_release(diags);
    free(diags);
    return 0;
}
