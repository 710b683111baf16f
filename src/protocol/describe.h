/* Steps, conditions and limits as text for people. Inside src/protocol only. */
#ifndef CYC_PROTOCOL_DESCRIBE_H
#define CYC_PROTOCOL_DESCRIBE_H

#include "protocol/step.h"

/* "voltage", or the name of a sensor; "sensor" where that is not known. *kind: what it measures. */
const char *cyc_describe_signal(const struct cyc_sensors *sensors, unsigned signal, unsigned index,
                                enum cyc_kind *kind);
/* "voltage >= 3.98 V", "temperature >= 59.5 degC and temperature <= 60.5 degC". */
void cyc_describe_condition(const struct cyc_resolver *resolver,
                            const struct cyc_condition *condition, struct cyc_text *out);
/* What the step does: "charge 90.3 uA, hold 3.98 V". */
void cyc_describe_mode(const struct cyc_step_plan *plan, const struct cyc_step *step,
                       struct cyc_text *out);
/* One cutoff with its follow-up: "capacity >= 3.16 mAh, then fail". */
void cyc_describe_cutoff(const struct cyc_resolver *resolver, unsigned index, struct cyc_text *out);
/* "voltage 1.2 V to 4.1 V". */
void cyc_describe_limit(const struct cyc_sensors *sensors, const struct cyc_limit *limit,
                        struct cyc_text *out);
/* "every 60 s, voltage 5 mV". */
void cyc_describe_record(const struct cyc_sensors *sensors, const struct cyc_record_rule *rule,
                         struct cyc_text *out);
/* A value with the unit of its kind; "?" for NaN. */
void cyc_describe_value(double value, enum cyc_kind kind, struct cyc_text *out);

#endif
