/* A cell file. */
#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cyc_diags *const diags = malloc(sizeof *diags);
    struct cyc_cell_file *const file = malloc(sizeof *file);
    struct cyc_err err = {0};
    if (diags != NULL && file != NULL) {
        cyc_diags_init(diags);
        if (cyc_cell_file_load(fuzz_file("cell.yaml", data, size), diags, file, &err) != CYC_OK &&
            diags->error_count == 0 && err.text[0] == '\0') {
            abort(); /* refused without a word */
        }
        fuzz_show(diags);
        cyc_diags_release(diags);
    }
    free(file);
    free(diags);
    return 0;
}
