/* The executor's state as text, for the mark of a run, and back. */
#ifndef CYC_STORE_STATE_H
#define CYC_STORE_STATE_H

#include "base/text.h"
#include "core/core.h"

/* Appends the whole state as named fields, exactly. text->failed: no memory. */
void cyc_state_save(const struct cyc_core *core, struct cyc_text *text);
/* The state as it was when saved; `step` is the one that was in force then, NULL between steps.
 * CYC_E_JOURNAL: the text does not fit, and *core is as it was. */
int cyc_state_load(struct cyc_core *core, const struct cyc_step *step, const char *text,
                   struct cyc_err *err);
/* What a saved state says without its step. False: it is no state. */
bool cyc_state_peek(const char *text, enum cyc_state *state, uint32_t *step_count);
/* The names of what is saved, by index; NULL behind the last. */
const char *cyc_state_field_name(unsigned index);

#endif
