/* What the files that resolve steps share. */
#ifndef CYC_PROTOCOL_RESOLVE_INT_H
#define CYC_PROTOCOL_RESOLVE_INT_H

#include "protocol/step.h"

struct cyc_resolve_work {
    struct cyc_resolver *resolver;
    struct cyc_step *step;
    const struct cyc_step_plan *plan;
    const struct cyc_step_around *around;
    struct cyc_err *err;
    double setpoint;
};

/* A number that is known or computed; `fallback` where it is not stated. */
int cyc_resolve_number(struct cyc_resolve_work *work, const struct cyc_value *value,
                       double fallback, double *out);
/* The same, greater than zero and finite; `what` is blamed otherwise. */
int cyc_resolve_magnitude(struct cyc_resolve_work *work, const struct cyc_value *value,
                          double fallback, const char *what, double *out);
int cyc_resolve_duration(struct cyc_resolve_work *work, const struct cyc_value *value,
                         double fallback_s, int64_t *out_ns);
/* A whole number from 1; 1 where it is not stated. */
int cyc_resolve_whole(struct cyc_resolve_work *work, const struct cyc_value *value,
                      const char *what, uint32_t *out);
int64_t cyc_resolve_ns_of(double seconds);

/* Room for so many segments, zeroed; NULL: no memory (in err). */
struct cyc_segment *cyc_resolve_segments(struct cyc_resolve_work *work, uint32_t count);
int cyc_resolve_one_segment(struct cyc_resolve_work *work, enum cyc_control control, double value);

bool cyc_resolve_push_op(struct cyc_resolve_work *work, enum cyc_op_code code, unsigned signal,
                         unsigned scope, double value);
/* signal (or its magnitude) compared with a number. */
int cyc_resolve_push_threshold(struct cyc_resolve_work *work, unsigned signal, unsigned scope,
                               bool absolute, enum cyc_op_code code, double value);
/* A cutoff that the step itself implies, of the operations from `first` on. */
int cyc_resolve_push_implied(struct cyc_resolve_work *work, enum cyc_reason reason, uint16_t first,
                             int64_t lasting_ns);
int cyc_resolve_ends_after(struct cyc_resolve_work *work, double seconds);
int cyc_resolve_too_many(struct cyc_resolve_work *work, const char *what);

/* Fills what is particular to the mode of the step. */
int cyc_resolve_mode(struct cyc_resolve_work *work);

#endif
