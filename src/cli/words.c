#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void cyc_cli_key_string(struct cyc_json *json, const char *key, const char *value)
{
    cyc_json_key(json, key);
    cyc_json_string(json, value);
}

void cyc_cli_key_number(struct cyc_json *json, const char *key, double value)
{
    cyc_json_key(json, key);
    cyc_json_number(json, value);
}

void cyc_cli_key_integer(struct cyc_json *json, const char *key, int64_t value)
{
    cyc_json_key(json, key);
    cyc_json_integer(json, value);
}

/* ---- Cycles -----------------------------------------------------------------------------------
 */

static double specific(double capacity_Ah, double mass_g)
{
    return mass_g > 0.0 ? capacity_Ah * 1e3 / mass_g : NAN;
}

void cyc_cli_cycle_json(struct cyc_json *json, const struct cyc_cycle *cycle, double mass_g)
{
    cyc_json_open(json, '{');
    cyc_cli_key_integer(json, "number", cycle->number);
    cyc_cli_key_integer(json, "pass", cycle->pass);
    cyc_cli_key_string(json, "block", cycle->block);
    cyc_json_key(json, "complete");
    cyc_json_bool(json, cycle->complete);
    cyc_cli_key_number(json, "start_s", (double)cycle->start_ns * 1e-9);
    cyc_cli_key_number(json, "end_s", (double)cycle->end_ns * 1e-9);
    cyc_cli_key_number(json, "charge_capacity_Ah", cycle->sums.charge_Ah);
    cyc_cli_key_number(json, "discharge_capacity_Ah", cycle->sums.discharge_Ah);
    cyc_cli_key_number(json, "charge_capacity_mAh_per_g", specific(cycle->sums.charge_Ah, mass_g));
    cyc_cli_key_number(json, "discharge_capacity_mAh_per_g",
                       specific(cycle->sums.discharge_Ah, mass_g));
    cyc_cli_key_number(json, "charge_energy_Wh", cycle->sums.charge_Wh);
    cyc_cli_key_number(json, "discharge_energy_Wh", cycle->sums.discharge_Wh);
    cyc_cli_key_number(json, "coulombic_efficiency", cycle->coulombic_efficiency);
    cyc_cli_key_number(json, "energy_efficiency", cycle->energy_efficiency);
    cyc_cli_key_number(json, "mean_charge_voltage_V", cycle->mean_charge_V);
    cyc_cli_key_number(json, "mean_discharge_voltage_V", cycle->mean_discharge_V);
    cyc_cli_key_number(json, "retention", cycle->retention);
    cyc_json_close(json, '}');
}

/* Per gram where the mass is known; else mAh, or Ah from one ampere hour up. */
struct capacity_unit {
    const char *name;
    double factor;
    int decimals;
};

static struct capacity_unit capacity_unit(double mass_g, double one_c_A)
{
    if (mass_g > 0.0) {
        return (struct capacity_unit){"mAh/g", 1e3 / mass_g, 2};
    }
    return one_c_A >= 1.0 ? (struct capacity_unit){"Ah", 1.0, 4}
                          : (struct capacity_unit){"mAh", 1e3, 4};
}

const char *cyc_cli_cycle_columns(struct cyc_table *table, double mass_g, double one_c_A)
{
    static const char *const columns[] = {">cycle", "block",  ">charge", ">discharge",
                                          ">CE %",  ">V chg", ">V dch",  ">retention %",
                                          ">hours", "",       NULL};
    cyc_table_init(table, columns);
    return capacity_unit(mass_g, one_c_A).name;
}

void cyc_cli_cycle_row(struct cyc_table *table, const struct cyc_cycle *cycle, double mass_g,
                       double one_c_A)
{
    const struct capacity_unit unit = capacity_unit(mass_g, one_c_A);
    cyc_table_number(table, cycle->number, 0);
    cyc_table_cell(table, cycle->block[0] != '\0' ? cycle->block : "-");
    cyc_table_number(table, cycle->sums.charge_Ah * unit.factor, unit.decimals);
    cyc_table_number(table, cycle->sums.discharge_Ah * unit.factor, unit.decimals);
    cyc_table_number(table, cycle->coulombic_efficiency * 100.0, 2);
    cyc_table_number(table, cycle->mean_charge_V, 3);
    cyc_table_number(table, cycle->mean_discharge_V, 3);
    cyc_table_number(table, cycle->retention * 100.0, 2);
    cyc_table_number(table, (double)(cycle->end_ns - cycle->start_ns) / 3600e9, 2);
    cyc_table_cell(table, cycle->complete ? "" : "incomplete");
}

/* ---- Expectations ------------------------------------------------------------------------------
 */

void cyc_cli_expectation_columns(struct cyc_table *table)
{
    static const char *const columns[] = {"expectation", ">known", "",       ">here",
                                          "unit",        "",       "source", NULL};
    cyc_table_init(table, columns);
}

static const char *verdict(const struct cyc_expectation *row)
{
    if (isnan(row->value)) {
        return "not reached";
    }
    if (isnan(row->tolerance)) {
        return "";
    }
    return fabs(row->value - row->is) <= row->tolerance ? "ok" : "off";
}

void cyc_cli_expectation_row(struct cyc_table *table, const struct cyc_expectation *row)
{
    char number[CYC_NUMBER_SIZE];
    char tolerance[CYC_NUMBER_SIZE + 8] = "";
    if (!isnan(row->tolerance)) {
        (void)snprintf(tolerance, sizeof tolerance, "± %s",
                       cyc_number_brief(number, row->tolerance, 3));
    }
    cyc_table_cell(table, row->name);
    cyc_table_brief(table, row->is, 6);
    cyc_table_cell(table, tolerance);
    cyc_table_brief(table, row->value, 5);
    cyc_table_cell(table, row->unit != NULL ? row->unit : "");
    cyc_table_cell(table, verdict(row));
    cyc_table_cell(table, row->source != NULL ? row->source : "");
}

void cyc_cli_expectation_json(struct cyc_json *json, const struct cyc_expectation *row)
{
    cyc_json_open(json, '{');
    cyc_cli_key_string(json, "value_of", row->name);
    cyc_cli_key_string(json, "unit", row->unit);
    cyc_cli_key_number(json, "known", row->is);
    cyc_cli_key_number(json, "here", row->value);
    cyc_cli_key_number(json, "tolerance", row->tolerance);
    cyc_json_key(json, "within_tolerance");
    if (isnan(row->tolerance) || isnan(row->value)) {
        cyc_json_string(json, NULL);
    } else {
        cyc_json_bool(json, fabs(row->value - row->is) <= row->tolerance);
    }
    cyc_cli_key_string(json, "source", row->source);
    cyc_json_close(json, '}');
}

/* ---- Steps
 * --------------------------------------------------------------------------------------- */

const char *cyc_cli_exact_duration(char buffer[CYC_NUMBER_SIZE], int64_t duration_ns)
{
    const size_t length = cyc_number_fixed(buffer, (double)duration_ns * 1e-9, 3);
    buffer[length] = '\0';
    return buffer;
}

static void put_sums(struct cyc_json *json, const struct cyc_sums *sums)
{
    cyc_cli_key_number(json, "charge_capacity_Ah", sums->charge_Ah);
    cyc_cli_key_number(json, "discharge_capacity_Ah", sums->discharge_Ah);
    cyc_cli_key_number(json, "charge_energy_Wh", sums->charge_Wh);
    cyc_cli_key_number(json, "discharge_energy_Wh", sums->discharge_Wh);
}

/* Named sensors at the end, in the order in which cell or rig names them; none: no key. */
static void put_sensors(struct cyc_json *json, const struct cyc_result *result)
{
    unsigned count = CYC_AUX_MAX;
    while (count > 0 && isnan(result->aux[count - 1])) {
        count--;
    }
    if (count == 0) {
        return;
    }
    cyc_json_key(json, "sensors");
    cyc_json_open(json, '[');
    for (unsigned i = 0; i < count; i++) {
        cyc_json_number(json, result->aux[i]);
    }
    cyc_json_close(json, ']');
}

void cyc_cli_result_json(struct cyc_json *json, const struct cyc_result *result)
{
    cyc_cli_key_number(json, "end_s", (double)result->end_ns * 1e-9);
    cyc_cli_key_string(json, "reason", cyc_reason_name(result->reason));
    cyc_cli_key_string(json, "action", cyc_follow_up_name(result->action));
    cyc_json_key(json, "at_entry");
    cyc_json_bool(json, (result->flags & CYC_RESULT_AT_ENTRY) != 0);
    cyc_cli_key_number(json, "step_time_s", (double)result->step_time_ns * 1e-9);
    cyc_cli_key_number(json, "hold_time_s", (double)result->hold_time_ns * 1e-9);
    put_sums(json, &result->sums);
    cyc_cli_key_number(json, "cc_capacity_Ah", result->cc_capacity_Ah);
    cyc_cli_key_number(json, "cv_capacity_Ah", result->cv_capacity_Ah);
    cyc_cli_key_number(json, "start_voltage_V", result->start_voltage_V);
    cyc_cli_key_number(json, "voltage_V", result->voltage_V);
    cyc_cli_key_number(json, "current_A", result->current_A);
    cyc_cli_key_number(json, "temperature_degC", result->temperature_degC);
    cyc_cli_key_number(json, "pressure_Pa", result->pressure_Pa);
    put_sensors(json, result);
    cyc_json_key(json, "resistances_ohm");
    cyc_json_open(json, '[');
    for (unsigned i = 0; i < result->resistance_count; i++) {
        cyc_json_number(json, result->resistances_ohm[i]);
    }
    cyc_json_close(json, ']');
}

double cyc_cli_rounded(double value, int digits)
{
    char text[CYC_NUMBER_SIZE];
    size_t used = 0;
    double result = value;
    (void)cyc_number_brief(text, value, digits);
    return !isnan(value) && cyc_number_parse(text, strlen(text), &result, &used) ? result : value;
}

void cyc_cli_counts(struct cyc_text *text, uint64_t cycles, uint64_t steps, uint64_t rows)
{
    cyc_text_format(text, "%" PRIu64 " cycle%s, %" PRIu64 " step%s, %" PRIu64 " row%s", cycles,
                    cycles == 1 ? "" : "s", steps, steps == 1 ? "" : "s", rows,
                    rows == 1 ? "" : "s");
}
