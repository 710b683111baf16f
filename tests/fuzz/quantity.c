/* Quantities: the first byte says which kind is due, the rest is the text. */
#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cyc_quantity quantity;
    struct cyc_err err = {0};
    size_t used = 0;
    double value = 0.0;
    char buffer[64];
    if (size == 0) {
        return 0;
    }
    const enum cyc_kind due = (enum cyc_kind)(data[0] % CYC_KIND_COUNT);
    const char *const text = (const char *)data + 1;
    size--;
    struct cyc_cell_basis cell = cyc_cell_basis_none();
    cell.active_mass_g = 0.01;
    cell.one_c = (struct cyc_quantity){1.0, CYC_KIND_CURRENT, CYC_BASIS_ABSOLUTE};
    (void)cyc_quantity_parse_as(text, size, due, &quantity, &err);
    if (cyc_quantity_parse(text, size, &quantity, &err) == CYC_OK) {
        (void)cyc_quantity_resolve(&quantity, &cell, &value, &err);
        (void)cyc_quantity_text(buffer, sizeof buffer, value, quantity.kind);
    } else if (err.text[0] == '\0') {
        abort(); /* refused without a word */
    }
    (void)cyc_quantity_scan(text, size, &quantity, &used, &err);
    if (used > size) {
        abort();
    }
    return 0;
}
