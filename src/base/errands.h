/* Errands: what has to do with the disk, done one after the other by a thread of its own, so that
 * no disk holds up whoever decides or switches. Even to unlink a file can take a disk seconds.
 *
 * For files that help after a crash: marks, lists, logs. What must be on the disk before a command
 * goes out is the writer's (run/writer.h).
 */
#ifndef CYC_BASE_ERRANDS_H
#define CYC_BASE_ERRANDS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CYC_ERRANDS_MAX 1024 /* that wait */

struct cyc_errands;

/* What an errand does, in the thread. A failure is kept for cyc_errands_complaint(). */
typedef int cyc_errand(void *context, struct cyc_err *err);

int cyc_errands_open(struct cyc_errands **errands, struct cyc_err *err);
/* Does all that waits, however long it takes. NULL is allowed. */
void cyc_errands_close(struct cyc_errands *errands);

/* Behind all that was posted before. The `size` bytes at `context` are copied, aligned for any
 * type. False: it is not done, since CYC_ERRANDS_MAX wait already or memory is short; that is a
 * complaint, too. Never blocks. */
bool cyc_errands_post(struct cyc_errands *errands, cyc_errand *run, const void *context,
                      size_t size);
/* Until all posted so far is done, at most `ns`; false: it was not. */
bool cyc_errands_wait(struct cyc_errands *errands, int64_t ns);
/* What went wrong since the last call, the first of it; false: nothing did. */
bool cyc_errands_complaint(struct cyc_errands *errands, struct cyc_err *err);

#endif
