/* The parts of the driver among themselves: what is known of the instrument, how it is set, how it
 * is read. Each call ends by its deadline. */
#ifndef CYC_KEITHLEY_2400_SMU_H
#define CYC_KEITHLEY_2400_SMU_H

#include "device/driver.h"
#include "device/scpi.h"
#include "keithley_2400/model.h"

enum k2400_function { FUNCTION_UNKNOWN, FUNCTION_CURRENT, FUNCTION_VOLTAGE };

struct smu {
    struct cyc_scpi scpi;
    const struct cyc_k2400_model *model;
    bool ready;     /* protect() has set it up, and nothing has undone it */
    bool output_on; /* as last seen */
    bool driven;    /* a setpoint but off was applied and not taken back */
    bool closed;    /* switched on, and nobody has told it to switch off since */
    bool failed;    /* its power has, which nobody has been told yet */
    enum k2400_function function;
    /* What was written and read back; NaN: not known. */
    double current_range_A, current_A;  /* current source */
    double voltage_range_V, voltage_V;  /* voltage source */
    double sense_range_V, compliance_V; /* of the current source */
    double sense_range_A, compliance_A; /* of the voltage source */
    double sensed_V;                    /* newest voltage measured with the output on */
    double timestamp_s;                 /* of the newest reading: none comes twice */
    int64_t read_ns;
    int64_t audited_ns;
    bool audited_power; /* the latest time; else the setpoint */
};

/* What was written counts no more: nothing is driven until it is protected anew. */
void cyc_k2400_forget(struct smu *smu);

/* ---- driver_settings.c: written, and read back ------------------------------------------------
 */

/* Reads the event register, which clears it: the power-on bit tells of a power failure since. */
int cyc_k2400_read_power_on(struct smu *smu, bool *power_on, int64_t deadline_ns,
                            struct cyc_err *err);
/* CYC_E_HELD when the power has failed since this was last told: it is a voltage source at 0 V now,
 * or whatever was saved, and what is read back of the rest says nothing. */
int cyc_k2400_check_power(struct smu *smu, int64_t deadline_ns, struct cyc_err *err);
/* CYC_E_HELD when the power has failed, as far as is known without asking. */
int cyc_k2400_tell_power(struct smu *smu, struct cyc_err *err);
/* CYC_E_HELD when it was switched on, and is off though nobody has told it to be. */
int cyc_k2400_check_closed(const struct smu *smu, struct cyc_err *err);
int cyc_k2400_read_output(struct smu *smu, int64_t deadline_ns, struct cyc_err *err);
int cyc_k2400_switch_output(struct smu *smu, bool on, int64_t deadline_ns, struct cyc_err *err);
int cyc_k2400_set_function(struct smu *smu, enum k2400_function function, int64_t deadline_ns,
                           struct cyc_err *err);
int cyc_k2400_set_compliance_V(struct smu *smu, double voltage_V, int64_t deadline_ns,
                               struct cyc_err *err);
int cyc_k2400_set_compliance_A(struct smu *smu, double current_A, int64_t deadline_ns,
                               struct cyc_err *err);
int cyc_k2400_set_current(struct smu *smu, double current_A, int64_t deadline_ns,
                          struct cyc_err *err);
int cyc_k2400_set_voltage(struct smu *smu, double voltage_V, int64_t deadline_ns,
                          struct cyc_err *err);
int cyc_k2400_protect(struct cyc_instrument *instrument, unsigned output,
                      const struct cyc_protection *protection, int64_t deadline_ns,
                      struct cyc_err *err);

/* ---- driver_reading.c -------------------------------------------------------------------------
 */

/* One reading with the output on. */
int cyc_k2400_read(struct smu *smu, struct cyc_reading *reading, int64_t deadline_ns,
                   struct cyc_err *err);
int cyc_k2400_measure(struct cyc_instrument *instrument, unsigned output,
                      struct cyc_reading *reading, int64_t deadline_ns, struct cyc_err *err);
/* What is the larger in magnitude. */
double cyc_k2400_larger(double a, double b);
/* One digit of a source or compliance setting, of its range. */
#define CYC_K2400_DIGITS 5e-5

#endif
