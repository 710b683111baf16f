/* Between a cell and the dry host: plausibility looks on, and wiring and meters go wrong on demand.
 *
 * test_run is linked with --wrap for cyc_cell_apply, cyc_cell_advance and cyc_source_next, so that
 * a dry run passes through here; what the executor sees is what a faulty bench would show it. */
#ifndef CYC_TEST_RUN_WIRED_H
#define CYC_TEST_RUN_WIRED_H

#include "lab.h"
#include "run/plausible.h"

#define WIRED_ALARMS_MAX 32

enum wired_fault {
    WIRED_SOUND,
    WIRED_OPEN_CIRCUIT,   /* no current; the voltage goes to the compliance */
    WIRED_EMPTY_HOLDER,   /* as before, and about 0 V at rest */
    WIRED_REVERSED,       /* -V */
    WIRED_SENSE_OFF,      /* 0 V */
    WIRED_SENSE_FLOATS,   /* anything */
    WIRED_OTHER_CELL,     /* the voltage of a cell at rest beside this one */
    WIRED_LOOSE_CLIP,     /* 0.1 to 10 ohm, by and by */
    WIRED_FROZEN_VOLTAGE, /* from the start of the fault */
    WIRED_FROZEN_CURRENT,
    WIRED_STUCK_RELAY,    /* the last current flows on at rest */
    WIRED_DEAD_RELAY,     /* output on, nothing flows, the cell rests */
    WIRED_CURRENT_TURNED, /* the cell is charged when it should be discharged */
    WIRED_CURRENT_X10,
    WIRED_CURRENT_X1000,
    WIRED_VOLTAGE_X10,
    WIRED_VOLTAGE_X1000,
};

struct wired {
    struct cyc_plausible *plausible; /* owned */
    struct cyc_plausible_facts facts;
    enum wired_fault fault;
    int64_t from_ns;     /* the fault sets in */
    double noise_V;      /* of the meter, peak */
    double step_V;       /* of the meter; 0: exact */
    double compliance_V; /* of an open circuit */
    uint64_t random;

    struct cyc_setpoint setpoint; /* the latest */
    double driven_A;              /* the latest current that was asked for */
    double frozen_V, frozen_A;
    double clip_ohm;
    int64_t clip_ns;
    int64_t t_ns;
    double drawn_Ah; /* since the fault, in either direction */

    struct cyc_alarm_report alarms[WIRED_ALARMS_MAX];
    double alarm_Ah[WIRED_ALARMS_MAX]; /* what had passed since the fault */
    unsigned alarm_count;
    uint64_t sample_count;
};

/* From now on dry runs pass through it; `nominal_Ah` NaN: not known. */
void wired_begin(struct wired *wired, enum wired_fault fault, double nominal_Ah);
void wired_end(struct wired *wired);
/* The first alarm that trips; NULL: none. */
const struct cyc_alarm_report *wired_trip(const struct wired *wired);
/* Prints all alarms. */
void wired_print(const struct wired *wired, const char *title);

#endif
