/* What the files of the history share. */
#ifndef CYC_PROTOCOL_HISTORY_INT_H
#define CYC_PROTOCOL_HISTORY_INT_H

#include "protocol/history.h"

/* The sums and the time into the fields of an outcome. */
void cyc_outcome_sums(const struct cyc_sums *sums, double time_s, struct cyc_outcome *outcome);
/* Where the result of step.<id> is or would be; the table must not be empty. */
struct cyc_step_slot **cyc_history_slot(const struct cyc_history *history, const char *id);
/* The passes of a block, by key or, without one, by id; NULL: not visited yet. */
struct cyc_passes *cyc_history_block(const struct cyc_history *history, const void *key,
                                     const char *id);

#endif
