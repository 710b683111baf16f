/* The table of all keys of a rig file. The reader, its messages, the manual and the JSON Schema
 * come from it, so they cannot drift apart. */
#include "device/rig_int.h"

#include <math.h>
#include <stddef.h>

#define NO_BOUNDS NAN, NAN
#define NO_PLACE  NULL, CYC_RIG_PLACE_COUNT
#define INTO(place, field)                                                                         \
    offsetof(struct cyc_rig##place, field), 0, sizeof(((struct cyc_rig##place *)NULL)->field)
#define CALIBRATION_INTO(field)                                                                    \
    offsetof(struct cyc_calibration, field), 0, sizeof(((struct cyc_calibration *)NULL)->field)
#define OUTPUT_INTO(instrument, output)                                                            \
    offsetof(struct cyc_rig_channel, instrument), offsetof(struct cyc_rig_channel, output), 0
#define NOWHERE 0, 0, 0

/* clang-format off */
const struct cyc_rig_row cyc_rig_rows[] = {
#include "device/rig_rows.h"
};
/* clang-format on */
const unsigned cyc_rig_row_count = sizeof cyc_rig_rows / sizeof cyc_rig_rows[0];
_Static_assert(sizeof cyc_rig_rows / sizeof cyc_rig_rows[0] <= CYC_RIG_ROWS_MAX, "too many rows");

const char *cyc_rig_place_name(enum cyc_rig_place place)
{
    static const char *const names[CYC_RIG_PLACE_COUNT] = {"a rig",
                                                           "a port",
                                                           "an instrument",
                                                           "a sensor",
                                                           "a channel",
                                                           "limits",
                                                           "calibration of a channel",
                                                           "a calibration"};
    return (unsigned)place < CYC_RIG_PLACE_COUNT ? names[place] : "?";
}
