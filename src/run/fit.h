/* Whether a protocol may run on a channel: its demands against the channel's limits and what the
 * instruments can do. Nothing is touched.
 */
#ifndef CYC_RUN_FIT_H
#define CYC_RUN_FIT_H

#include "device/rig.h"
#include "protocol/protocol.h"

/* One line for each reason why not; CYC_E_REFUSED when there is one. text->failed: no memory. */
int cyc_fit_channel(const struct cyc_rig *rig, unsigned channel, const struct cyc_demands *demands,
                    struct cyc_text *reasons);
/* The channel's named sensors, as protocols know them; in the order of sample.aux. */
void cyc_fit_sensors(const struct cyc_rig *rig, unsigned channel, struct cyc_sensors *sensors);
/* CYC_E_REFUSED: run time cannot be made faster or slower, since real instruments are there. */
int cyc_fit_rate(const struct cyc_rig *rig, double rate, struct cyc_err *err);

#endif
