/* A session's source and store that answer at once: the source itself, in this process, and the
 * run folder itself, in this thread. For the dry host.
 */
#ifndef CYC_RUN_DIRECT_H
#define CYC_RUN_DIRECT_H

#include "run/session.h"

struct cyc_direct {
    struct cyc_source *source; /* owned */
    struct cyc_run *run;       /* owned until the session finishes it; NULL: none */
    const struct cyc_result *result;
};

/* The tables; `direct` must outlive the session. */
struct cyc_session_source cyc_direct_source(struct cyc_direct *direct);
struct cyc_session_store cyc_direct_store(struct cyc_direct *direct);
/* A run that was not finished stays behind as "interrupted". */
void cyc_direct_close(struct cyc_direct *direct, const char *why, int64_t t_ns);

#endif
