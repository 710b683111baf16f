/* Specs: defaults, parameters, mistakes. */
#include "probe.h"

#include <math.h>
#include <string.h>

static const char *refusal(struct probe *probe)
{
    struct cyc_cell *cell = NULL;
    CU_ASSERT_EQUAL(cyc_cell_new(&probe->spec, &cell, &probe->err), CYC_E_INPUT);
    CU_ASSERT_PTR_NULL(cell);
    return probe->err.text;
}

static void every_parameter_has_a_unit_and_help(void)
{
    static const char *const models[] = {"linear", "n_lmro"};
    for (unsigned m = 0; m < 2; m++) {
        const struct cyc_cell_parameter *rows = cyc_cell_parameters(models[m]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
        unsigned count = 0;
        for (; rows[count].name != NULL; count++) {
            CU_ASSERT(strlen(rows[count].name) > 0 && strlen(rows[count].name) < 24);
            CU_ASSERT(strlen(rows[count].unit) > 0);
            CU_ASSERT(strlen(rows[count].help) > 3);
            CU_ASSERT(isfinite(rows[count].value));
            for (unsigned i = 0; i < count; i++) {
                CU_ASSERT(strcmp(rows[i].name, rows[count].name) != 0);
            }
        }
        CU_ASSERT(count > 5 && count <= CYC_PARAMETERS_MAX);
    }
    CU_ASSERT_PTR_NULL(cyc_cell_parameters("spm"));
}

static void an_unknown_model_is_named(void)
{
    struct probe probe;
    CU_ASSERT_EQUAL(cyc_cell_spec_init(&probe.spec, "spm", &probe.err), CYC_E_UNKNOWN_NAME);
    CYC_SAME(probe.err.text, "there is no cell model 'spm'; known are linear and n_lmro");
    probe_linear(&probe, 0, 0.5);
    (void)strncpy(probe.spec.model, "spm", sizeof probe.spec.model - 1);
    CYC_SAME(refusal(&probe), "there is no cell model 'spm'; known are linear and n_lmro");
}

static void an_unknown_parameter_is_named(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_parameter(&probe, "R9", 1);
    CYC_SAME(refusal(&probe), "the model linear has no parameter 'R9'");
}

static void values_out_of_range_are_refused(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_parameter(&probe, "R0", 0);
    CYC_SAME(refusal(&probe), "R0 must be above 0 ohm");
    probe_linear(&probe, 0, 0.5);
    probe_parameter(&probe, "R0", NAN);
    CYC_SAME(refusal(&probe), "the parameter 'R0' is not a finite number");
    probe_linear(&probe, 0, 0.5);
    probe.spec.capacity_Ah = 0;
    CYC_SAME(refusal(&probe), "the cell needs a capacity above 0");
    probe_linear(&probe, 1, 0.5);
    probe.spec.rc_tau_s[0] = 0;
    CYC_SAME(refusal(&probe), "RC pair 1 needs a resistance of at least 0 and a time constant "
                              "above 0");
    probe_linear(&probe, 0, 0.5);
    probe.spec.ocv_count = 1;
    CYC_SAME(refusal(&probe), "the OCV needs 2 to 512 points, not 1");
    probe_linear(&probe, 0, 0.5);
    probe.spec.ocv_V[1] = 2.9;
    CYC_SAME(refusal(&probe), "the OCV must not fall and its SOC must rise: see point 2");
    probe_lmro(&probe, 30);
    probe.spec.active_mass_g = NAN;
    CYC_SAME(refusal(&probe), "the model n_lmro needs an active mass above 0");
    probe_lmro(&probe, 30);
    probe_parameter(&probe, "tau1", -5);
    CYC_SAME(refusal(&probe), "tau1 must be above 0");
    probe_linear(&probe, 0, 0.5);
    probe_parameter(&probe, "room_tau", 0);
    CYC_SAME(refusal(&probe), "room_tau must be above 0");
    probe_linear(&probe, 0, 0.5);
    probe_parameter(&probe, "C_cell", 10);
    CYC_SAME(refusal(&probe), "C_cell needs a G_cell above 0");
}

/* Every cell of a rack is a little different, and each seed gives the same cell again. */
static void seeds_scatter_by_a_percent(void)
{
    double currents[4];
    static const uint64_t seeds[] = {0, 7, 8, 7};
    for (unsigned i = 0; i < 4; i++) {
        struct probe probe;
        probe_linear(&probe, 0, 0.5);
        probe.spec.seed = seeds[i];
        probe_start(&probe);
        probe_hold(&probe, 3.7, -100, 100);
        currents[i] = probe.sample.current_A;
        probe_end(&probe);
    }
    CYC_NEAR(currents[0], 5, 1e-12);
    CU_ASSERT(fabs(currents[1] - 5) > 1e-6 && fabs(currents[1] - 5) < 0.051);
    CU_ASSERT(fabs(currents[2] - 5) > 1e-6 && fabs(currents[2] - 5) < 0.051);
    CU_ASSERT(currents[1] != currents[2]);
    CYC_NEAR(currents[3], currents[1], 0);
}

static void unknown_inner_names_are_not_a_number(void)
{
    struct probe probe;
    probe_linear(&probe, 0, 0.5);
    probe_start(&probe);
    CU_ASSERT(isnan(cyc_cell_inner(probe.cell, "nothing")));
    CYC_NEAR(cyc_cell_inner(probe.cell, "soc"), 0.5, 0);
    probe_end(&probe);
}

const struct cyc_check cyc_check_spec[] = {CYC_CHECK(every_parameter_has_a_unit_and_help),
                                           CYC_CHECK(an_unknown_model_is_named),
                                           CYC_CHECK(an_unknown_parameter_is_named),
                                           CYC_CHECK(values_out_of_range_are_refused),
                                           CYC_CHECK(seeds_scatter_by_a_percent),
                                           CYC_CHECK(unknown_inner_names_are_not_a_number),
                                           {0}};
