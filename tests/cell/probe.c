#include "probe.h"

#include <math.h>
#include <string.h>

void probe_linear(struct probe *probe, unsigned rc_count, double initial_soc)
{
    memset(probe, 0, sizeof *probe);
    CU_ASSERT_EQUAL_FATAL(cyc_cell_spec_init(&probe->spec, "linear", &probe->err), CYC_OK);
    probe->spec.initial_soc = initial_soc;
    probe->spec.rc_count = rc_count;
    probe->spec.rc_ohm[0] = 0.015;
    probe->spec.rc_tau_s[0] = 30;
    probe->spec.rc_ohm[1] = 0.010;
    probe->spec.rc_tau_s[1] = 300;
}

void probe_lmro(struct probe *probe, double temperature_degC)
{
    memset(probe, 0, sizeof *probe);
    CU_ASSERT_EQUAL_FATAL(cyc_cell_spec_init(&probe->spec, "n_lmro", &probe->err), CYC_OK);
    probe->spec.temperature_degC = temperature_degC;
}

void probe_parameter(struct probe *probe, const char *name, double value)
{
    probe->spec.parameters[probe->spec.parameter_count].name = name;
    probe->spec.parameters[probe->spec.parameter_count++].value = value;
}

void probe_start(struct probe *probe)
{
    CU_ASSERT_EQUAL_FATAL(cyc_cell_new(&probe->spec, &probe->cell, &probe->err), CYC_OK);
    probe->status = cyc_cell_advance(probe->cell, 0, NULL, 0, &probe->sample, &probe->err);
}

void probe_end(struct probe *probe)
{
    cyc_cell_free(probe->cell);
    probe->cell = NULL;
}

static void apply(struct probe *probe, enum cyc_control control, double value, double slope_per_s)
{
    probe->setpoint.number++;
    probe->setpoint.control = control;
    probe->setpoint.value = value;
    probe->setpoint.slope_per_s = slope_per_s;
    cyc_cell_apply(probe->cell, &probe->setpoint);
    probe->since_ns = probe->sample.t_ns;
    probe->sums = (struct cyc_sums){0, 0, 0, 0};
    probe->status =
        cyc_cell_advance(probe->cell, probe->since_ns, NULL, 0, &probe->sample, &probe->err);
}

void probe_open(struct probe *probe)
{
    apply(probe, CYC_CONTROL_OPEN, 0, 0);
}

void probe_current(struct probe *probe, double current_A)
{
    apply(probe, CYC_CONTROL_CURRENT, current_A, 0);
}

void probe_hold(struct probe *probe, double voltage_V, double low_A, double high_A)
{
    probe->setpoint.current_min_A = low_A;
    probe->setpoint.current_max_A = high_A;
    apply(probe, CYC_CONTROL_VOLTAGE, voltage_V, 0);
}

void probe_power(struct probe *probe, double power_W)
{
    apply(probe, CYC_CONTROL_POWER, power_W, 0);
}

void probe_load(struct probe *probe, double load_ohm)
{
    apply(probe, CYC_CONTROL_LOAD, load_ohm, 0);
}

void probe_ramp(struct probe *probe, enum cyc_control control, double value, double slope_per_s)
{
    probe->setpoint.current_min_A = -1e3;
    probe->setpoint.current_max_A = 1e3;
    apply(probe, control, value, slope_per_s);
}

static void advance(struct probe *probe, int64_t until_ns, const struct cyc_watch *watch)
{
    probe->status = cyc_cell_advance(probe->cell, until_ns, watch, watch != NULL ? 1 : 0,
                                     &probe->sample, &probe->err);
    CU_ASSERT_EQUAL(probe->status, CYC_OK);
    probe->sums.charge_Ah += probe->sample.charge_Ah;
    probe->sums.discharge_Ah += probe->sample.discharge_Ah;
    probe->sums.charge_Wh += probe->sample.charge_Wh;
    probe->sums.discharge_Wh += probe->sample.discharge_Wh;
}

void probe_wait(struct probe *probe, double time_s)
{
    advance(probe, probe->sample.t_ns + (int64_t)llround(time_s * 1e9), NULL);
}

double probe_until(struct probe *probe, enum cyc_signal signal, double value)
{
    const struct cyc_watch watch = {(uint8_t)signal, false, value};
    advance(probe, probe->sample.t_ns + 10 * 86400 * CYC_S_NS, &watch);
    return probe_time_s(probe);
}

double probe_until_magnitude(struct probe *probe, enum cyc_signal signal, double value)
{
    const struct cyc_watch watch = {(uint8_t)signal, true, value};
    advance(probe, probe->sample.t_ns + 10 * 86400 * CYC_S_NS, &watch);
    return probe_time_s(probe);
}

double probe_time_s(const struct probe *probe)
{
    return (double)(probe->sample.t_ns - probe->since_ns) * 1e-9;
}
