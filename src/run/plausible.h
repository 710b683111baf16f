/* Plausibility: does what is measured fit what is asked? Pure, like the executor: samples in,
 * alarms out; no clock, no I/O, no allocation.
 *
 * Checks: the current follows the setpoint; at rest no current flows; the voltage moves the right
 * way when a current sets in; contact (no jump beyond what a resistance explains); polarity and
 * presence before the start; sense lead (voltage neither stands still nor follows the current);
 * a sensor that gives the same number for too long; charge beyond the step's derived bound;
 * unit scale in the first minutes of a run (a capacity or current off by a power of ten).
 * An activation charge with 0.75 coulombic efficiency, a capacity that rises for ten cycles, a
 * pressure that falls by half a megapascal and a CV that never reaches its capacity are none.
 */
#ifndef CYC_RUN_PLAUSIBLE_H
#define CYC_RUN_PLAUSIBLE_H

#include "core/types.h"

#include "base/text.h"

enum cyc_alarm {
    CYC_ALARM_NONE,
    CYC_ALARM_CURRENT_DEVIATES,
    CYC_ALARM_CURRENT_AT_REST,
    CYC_ALARM_WRONG_WAY,
    CYC_ALARM_CONTACT,
    CYC_ALARM_POLARITY,
    CYC_ALARM_NO_CELL,
    CYC_ALARM_SENSE,
    CYC_ALARM_FLAT_LINE,
    CYC_ALARM_CHARGE,
    CYC_ALARM_SCALE,
    CYC_ALARM_COUNT
};
const char *cyc_alarm_name(enum cyc_alarm alarm);

struct cyc_alarm_report {
    enum cyc_alarm alarm;
    bool trips; /* the channel must go to the safe state; else it is a warning */
    int64_t t_ns;
    double value, bound;
    char text[256]; /* for people, with what to look at */
};

/* What is known beforehand; NaN: not known. */
struct cyc_plausible_facts {
    double nominal_capacity_Ah;
    double voltage_min_V, voltage_max_V; /* of the protocol's limits; NaN: the first step tells */
    double voltage_resolution_V, current_resolution_A, current_accuracy_A;
};

struct cyc_plausible; /* plain data */
unsigned long cyc_plausible_size(void);
void cyc_plausible_init(struct cyc_plausible *plausible, const struct cyc_plausible_facts *facts);
/* A new step begins. */
void cyc_plausible_step(struct cyc_plausible *plausible, const struct cyc_step *step, int64_t t_ns);
/* The setpoint that is in force from now on. */
void cyc_plausible_setpoint(struct cyc_plausible *plausible, const struct cyc_setpoint *setpoint,
                            int64_t t_ns);
/* True when `report` was filled. The same alarm is raised once per step. */
bool cyc_plausible_sample(struct cyc_plausible *plausible, const struct cyc_sample *sample,
                          struct cyc_alarm_report *report);

#endif
