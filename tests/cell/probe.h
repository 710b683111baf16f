/* A cell under test with a small instrument: setpoints, times, crossings. */
#ifndef TESTS_CELL_PROBE_H
#define TESTS_CELL_PROBE_H

#include "cell/cell.h"
#include "check/check.h"

struct probe {
    struct cyc_cell_spec spec;
    struct cyc_cell *cell;
    struct cyc_setpoint setpoint;
    struct cyc_sample sample; /* the last one */
    struct cyc_sums sums;     /* since the last setpoint */
    int64_t since_ns;         /* the last setpoint */
    int status;
    struct cyc_err err;
};

/* OCV 3.0 V + 1.2 V z, 2.5 Ah, R0 20 mohm, up to two of (15 mohm, 30 s), (10 mohm, 300 s). */
void probe_linear(struct probe *probe, unsigned rc_count, double initial_soc);
void probe_lmro(struct probe *probe, double temperature_degC);
void probe_parameter(struct probe *probe, const char *name, double value);
void probe_start(struct probe *probe); /* makes the cell from the spec */
void probe_end(struct probe *probe);

void probe_open(struct probe *probe);
void probe_current(struct probe *probe, double current_A);
void probe_hold(struct probe *probe, double voltage_V, double low_A, double high_A);
void probe_power(struct probe *probe, double power_W);
void probe_load(struct probe *probe, double load_ohm);
void probe_ramp(struct probe *probe, enum cyc_control control, double value, double slope_per_s);

/* Advances by a time. */
void probe_wait(struct probe *probe, double time_s);
/* Advances to a crossing, ten days at most; returns the time since the setpoint, s. */
double probe_until(struct probe *probe, enum cyc_signal signal, double value);
double probe_until_magnitude(struct probe *probe, enum cyc_signal signal, double value);
double probe_time_s(const struct probe *probe); /* since the setpoint */

#endif
