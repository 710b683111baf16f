/* Cell specs from cell files, and the words for faults. */
#include "lab.h"
#include "run/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct made {
    struct cyc_cell_file file;
    struct cyc_diags diags;
    struct cyc_cell_spec spec;
    struct cyc_err err;
    int status;
};

static struct made *make(const char *model)
{
    struct made *made = calloc(1, sizeof *made);
    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    cyc_cell_facts_init(&made->file.facts);
    cyc_diags_init(&made->diags);
    (void)cyc_copy(made->file.model, sizeof made->file.model, model);
    (void)cyc_copy(made->file.facts.name, sizeof made->file.facts.name, "mine");
    made->file.capacity_Ah = NAN;
    made->file.initial_soc = NAN;
    made->file.temperature_degC = NAN;
    made->file.pressure_Pa = NAN;
    return made;
}

static void set(struct made *made, const char *name, double value)
{
    const unsigned i = made->file.parameter_count++;
    (void)cyc_copy(made->file.parameters[i].name, sizeof made->file.parameters[i].name, name);
    made->file.parameters[i].value = value;
    made->file.parameters[i].pos = (struct cyc_pos){.line = 7 + i, .column = 3};
}

static void spec(struct made *made)
{
    made->status = cyc_cell_spec_from_file(&made->file, &made->diags, &made->spec, &made->err);
}

static void discard(struct made *made)
{
    cyc_diags_release(&made->diags);
    free(made);
}

static void a_cell_file_overrides_what_it_states(void)
{
    struct cyc_cell_spec defaults;
    struct made *made = make("linear");
    CU_ASSERT_EQUAL(cyc_cell_spec_init(&defaults, "linear", &made->err), CYC_OK);
    made->file.capacity_Ah = 3.0;
    made->file.rc_count = 1;
    made->file.rc_ohm[0] = 0.5;
    made->file.rc_tau_s[0] = 12.0;
    set(made, "R0", 0.25);
    spec(made);
    CU_ASSERT_EQUAL(made->status, CYC_OK);
    CYC_SAME(made->spec.name, "mine");
    CYC_NEAR(made->spec.capacity_Ah, 3.0, 0.0);
    CYC_NEAR(made->spec.initial_soc, defaults.initial_soc, 0.0);
    CYC_NEAR(made->spec.temperature_degC, defaults.temperature_degC, 0.0);
    CU_ASSERT_EQUAL(made->spec.ocv_count, defaults.ocv_count);
    CU_ASSERT_EQUAL(made->spec.rc_count, 1);
    CYC_NEAR(made->spec.rc_tau_s[0], 12.0, 0.0);
    CU_ASSERT_EQUAL(made->spec.parameter_count, 1);
    CYC_NEAR(made->spec.parameters[0].value, 0.25, 0.0);
    discard(made);
}

static void unknown_parameters_are_all_named_with_their_place(void)
{
    struct made *made = make("linear");
    set(made, "R0", 0.25);
    set(made, "chamber_rampe", 1.0);
    set(made, "wibble", 1.0);
    spec(made);
    CU_ASSERT_EQUAL(made->status, CYC_E_INPUT);
    CU_ASSERT_EQUAL_FATAL(made->diags.error_count, 2);
    CU_ASSERT_EQUAL(made->diags.items[0].pos.line, 8);
    CYC_SAME(made->diags.items[0].message, "the model linear has no parameter 'chamber_rampe'");
    CYC_SAME(made->diags.items[0].hint, "did you mean 'chamber_ramp'?");
    CU_ASSERT_EQUAL(made->diags.items[1].pos.line, 9);
    discard(made);
}

static void an_unknown_model_is_refused(void)
{
    struct made *made = make("cubic");
    spec(made);
    CU_ASSERT_EQUAL(made->status, CYC_E_UNKNOWN_NAME);
    discard(made);
}

static void every_fault_has_words_of_its_own(void)
{
    struct cyc_text texts[CYC_FAULT_INVARIANT + 1] = {{0}};
    for (int kind = CYC_FAULT_NONE; kind <= CYC_FAULT_INVARIANT; kind++) {
        const struct cyc_fault fault = {.kind = (enum cyc_fault_kind)kind,
                                        .signal = CYC_SIGNAL_VOLTAGE,
                                        .value = 4.5,
                                        .bound = 4.2};
        cyc_fault_text(&fault, NULL, &texts[kind]);
        CU_ASSERT(texts[kind].length > 5);
        for (int other = 0; other < kind; other++) {
            CU_ASSERT_NOT_EQUAL(strcmp(cyc_text_get(&texts[kind]), cyc_text_get(&texts[other])), 0);
        }
    }
    for (int kind = CYC_FAULT_NONE; kind <= CYC_FAULT_INVARIANT; kind++) {
        cyc_text_release(&texts[kind]);
    }
}

static void a_breach_names_value_bound_and_level(void)
{
    struct cyc_text text = {0};
    const struct cyc_fault fault = {.kind = CYC_FAULT_LIMIT,
                                    .signal = CYC_SIGNAL_TEMPERATURE,
                                    .level = CYC_LEVEL_PROTOCOL,
                                    .value = 71.5,
                                    .bound = 70.0};
    cyc_fault_text(&fault, NULL, &text);
    CYC_SAME(cyc_text_get(&text),
             "temperature of 71.5 degC is above the protocol's limit of 70 degC");
    cyc_text_release(&text);
}

static void a_breach_of_a_charge_is_told_by_the_key_of_its_limit(void)
{
    struct cyc_text text = {0};
    struct cyc_fault fault = {.kind = CYC_FAULT_LIMIT,
                              .signal = CYC_SIGNAL_CHARGE_CAPACITY,
                              .level = CYC_LEVEL_STEP,
                              .value = 3.0,
                              .bound = 2.0};
    cyc_fault_text(&fault, NULL, &text);
    CYC_SAME(cyc_text_get(&text), "capacity (charge) of 3 Ah is above the step's limit of 2 Ah");
    cyc_text_clear(&text);
    fault.signal = CYC_SIGNAL_DISCHARGE_CAPACITY;
    cyc_fault_text(&fault, NULL, &text);
    CYC_SAME(cyc_text_get(&text), "capacity (discharge) of 3 Ah is above the step's limit of 2 Ah");
    cyc_text_release(&text);
}

static void a_breach_of_a_sensor_is_told_by_its_name_and_unit(void)
{
    const struct cyc_sensors sensors = {
        .count = 2, .items = {{"anode", CYC_KIND_VOLTAGE}, {"t_tab", CYC_KIND_TEMPERATURE}}};
    struct cyc_text text = {0};
    struct cyc_fault fault = {.kind = CYC_FAULT_LIMIT,
                              .signal = CYC_SIGNAL_AUX,
                              .index = 1,
                              .level = CYC_LEVEL_STEP,
                              .value = 71.5,
                              .bound = 70.0};
    cyc_fault_text(&fault, &sensors, &text);
    CYC_SAME(cyc_text_get(&text), "t_tab of 71.5 degC is above the step's limit of 70 degC");
    cyc_text_clear(&text);
    fault.kind = CYC_FAULT_INVALID;
    fault.index = 0;
    cyc_fault_text(&fault, &sensors, &text);
    CYC_SAME(cyc_text_get(&text), "the sensor anode gives no number, or none that is fresh");
    cyc_text_release(&text);
}

const struct cyc_check cyc_check_parts[] = {
    CYC_CHECK(a_cell_file_overrides_what_it_states),
    CYC_CHECK(unknown_parameters_are_all_named_with_their_place),
    CYC_CHECK(an_unknown_model_is_refused),
    CYC_CHECK(every_fault_has_words_of_its_own),
    CYC_CHECK(a_breach_names_value_bound_and_level),
    CYC_CHECK(a_breach_of_a_charge_is_told_by_the_key_of_its_limit),
    CYC_CHECK(a_breach_of_a_sensor_is_told_by_its_name_and_unit),
    {0}};
