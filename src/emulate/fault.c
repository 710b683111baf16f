#include "emulate/emulate_int.h"

int cyc_emulation_fault(struct cyc_emulation *emulation, const char *text, struct cyc_err *err)
{
    (void)emulation;
    return cyc_err_set(err, CYC_E_INPUT, "there is no fault '%s'", text);
}

void cyc_emulation_fault_help(struct cyc_text *text)
{
    (void)text;
}
