#include "cell/fault.h"
#include "check/check.h"

#include <math.h>

static struct cyc_cell *linear(void)
{
    struct cyc_cell_spec spec;
    struct cyc_cell *cell = NULL;
    CU_ASSERT_EQUAL_FATAL(cyc_cell_spec_init(&spec, "linear", NULL), CYC_OK);
    spec.capacity_Ah = 1;
    spec.initial_soc = 0.5;
    spec.temperature_degC = 25;
    spec.ocv_count = 2;
    spec.ocv_soc[0] = 0;
    spec.ocv_soc[1] = 1;
    spec.ocv_V[0] = 3;
    spec.ocv_V[1] = 4;
    spec.rc_count = 0;
    spec.parameter_count = 1;
    spec.parameters[0].name = "R0";
    spec.parameters[0].value = 0.05;
    CU_ASSERT_EQUAL_FATAL(cyc_cell_new(&spec, &cell, NULL), CYC_OK);
    return cell;
}

static void a_cell_is_a_voltage_behind_a_resistance_and_probing_leaves_it_as_it_was(void)
{
    struct cyc_cell *cell = linear();
    struct cyc_sample sample;
    double open_V = 0, series_ohm = 0;
    const struct cyc_setpoint charge = {.control = CYC_CONTROL_CURRENT, .value = 1};
    cyc_cell_apply(cell, &charge);
    cyc_cell_thevenin(cell, &open_V, &series_ohm);
    CYC_NEAR(open_V, 3.5, 1e-9);
    CYC_NEAR(series_ohm, 0.05, 1e-9);
    CU_ASSERT_EQUAL(cyc_cell_advance(cell, 360 * CYC_S_NS, NULL, 0, &sample, NULL), CYC_OK);
    CYC_NEAR(sample.voltage_V, 3.65, 1e-9);
    CYC_NEAR(cyc_cell_net_charge_Ah(cell), 0.1, 1e-12);
    cyc_cell_free(cell);
}

static void lost_capacity_keeps_the_state_of_charge_and_counts_no_charge(void)
{
    struct cyc_cell *cell = linear();
    struct cyc_sample sample;
    const struct cyc_setpoint charge = {.control = CYC_CONTROL_CURRENT, .value = 1};
    cyc_cell_apply(cell, &charge);
    cyc_cell_lose(cell, 0.5);
    CU_ASSERT_EQUAL(cyc_cell_advance(cell, 0, NULL, 0, &sample, NULL), CYC_OK);
    CYC_NEAR(sample.voltage_V, 3.55, 1e-9);
    CU_ASSERT_EQUAL(cyc_cell_net_charge_Ah(cell), 0);
    CU_ASSERT_EQUAL(cyc_cell_advance(cell, 360 * CYC_S_NS, NULL, 0, &sample, NULL), CYC_OK);
    CYC_NEAR(sample.voltage_V, 3.75, 1e-9);
    cyc_cell_free(cell);
}

const struct cyc_check cyc_check_fault[] = {
    CYC_CHECK(a_cell_is_a_voltage_behind_a_resistance_and_probing_leaves_it_as_it_was),
    CYC_CHECK(lost_capacity_keeps_the_state_of_charge_and_counts_no_charge),
    {0}};
