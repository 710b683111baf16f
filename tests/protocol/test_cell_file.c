#include "check/check.h"
#include "protocol/protocol.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cyc_cell_file file;
static char said[2048];

static int load(const char *text)
{
    char path[] = "/tmp/cyclostat-cell-XXXXXX";
    static struct cyc_diags diags;
    const int descriptor = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(descriptor >= 0);
    CU_ASSERT_TRUE(write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(descriptor);
    cyc_diags_init(&diags);
    const int status = cyc_cell_file_load(path, &diags, &file, NULL);
    said[0] = '\0';
    for (unsigned i = 0; i < diags.count; i++) {
        char line[300];
        (void)snprintf(line, sizeof line, "%s%u:%u %.250s", i == 0 ? "" : " | ",
                       diags.items[i].pos.line, diags.items[i].pos.column, diags.items[i].message);
        const size_t used = strlen(said);
        (void)cyc_copy(said + used, sizeof said - used, line);
    }
    cyc_diags_release(&diags);
    (void)unlink(path);
    return status;
}

static void refused(const char *text, const char *expected)
{
    CU_ASSERT_EQUAL(load(text), CYC_E_INPUT);
    CYC_SAME(said, expected);
}

static void a_cell_file_states_facts_and_model(void)
{
    CU_ASSERT_EQUAL(load("cyclostat_cell: 1\nname: my cell\nsource: here\n"
                         "cell: {active_mass: 9 mg, area: 1.3 cm2, one_c: 200 mA/g, "
                         "nominal_capacity: 290 mAh/g,\n"
                         "       reference: Na/Na+, electrode: negative}\n"
                         "references: {Na/Na+: 0.33 V}\n"
                         "model:\n  kind: linear\n  capacity: 2.5 mAh\n  initial_soc: 50 %\n"
                         "  temperature: 30 degC\n  pressure: 50 MPa\n  seed: 7\n"
                         "  ocv: [[0, 3 V], [40 %, 3.5 V], [1, 4.2 V]]\n"
                         "  rc: [{r: 15 mohm, tau: 30 s}, {r: 1 ohm, tau: 5 min}]\n"
                         "  parameters: {R0: 0.02, beta: -1e-3}\n"),
                    CYC_OK);
    CYC_SAME(said, "");
    CYC_SAME(file.title, "my cell");
    CYC_SAME(file.facts.name, "my cell");
    CYC_SAME(file.facts.reference, "Na/Na+");
    CU_ASSERT_TRUE(file.facts.electrode_negative);
    CYC_NEAR(file.facts.references[0].offset_V, 0.33, 1e-12);
    CYC_NEAR(file.facts.basis.active_mass_g, 9e-3, 1e-12);
    CYC_NEAR(file.facts.basis.one_c.value, 0.2, 1e-12);
    CU_ASSERT_EQUAL(file.facts.basis.one_c.basis, CYC_BASIS_PER_MASS);
    CYC_SAME(file.model, "linear");
    CYC_NEAR(file.capacity_Ah, 2.5e-3, 1e-15);
    CYC_NEAR(file.initial_soc, 0.5, 1e-12);
    CYC_NEAR(file.temperature_degC, 30.0, 0.0);
    CYC_NEAR(file.pressure_Pa, 50e6, 0.0);
    CU_ASSERT_EQUAL(file.seed, 7);
    CU_ASSERT_EQUAL(file.ocv_count, 3);
    CYC_NEAR(file.ocv_soc[1], 0.4, 1e-12);
    CYC_NEAR(file.ocv_V[2], 4.2, 1e-12);
    CU_ASSERT_EQUAL(file.rc_count, 2);
    CYC_NEAR(file.rc_ohm[0], 0.015, 1e-12);
    CYC_NEAR(file.rc_tau_s[1], 300.0, 1e-12);
    CU_ASSERT_EQUAL(file.parameter_count, 2);
    CYC_SAME(file.parameters[1].name, "beta");
    CYC_NEAR(file.parameters[1].value, -1e-3, 1e-15);
}

static void what_is_not_stated_is_not_a_number(void)
{
    CU_ASSERT_EQUAL(load("cyclostat_cell: 1\nname: bare\n"), CYC_OK);
    CU_ASSERT_TRUE(isnan(file.capacity_Ah));
    CU_ASSERT_TRUE(isnan(file.initial_soc));
    CU_ASSERT_TRUE(isnan(file.facts.basis.one_c.value));
    CYC_SAME(file.model, "");
}

static void a_line_is_two_points(void)
{
    CU_ASSERT_EQUAL(load("cyclostat_cell: 1\nmodel: {kind: linear, ocv: {from: 3 V, to: 4.2 V}}\n"),
                    CYC_OK);
    CU_ASSERT_EQUAL(file.ocv_count, 2);
    CYC_NEAR(file.ocv_soc[1], 1.0, 0.0);
    CYC_NEAR(file.ocv_V[1], 4.2, 1e-12);
}

static void mistakes_in_cell_files_have_their_place(void)
{
    refused("name: x\n", "1:1 `cyclostat_cell` is missing");
    refused("cyclostat_cell: 2\n", "1:17 `cyclostat_cell` must be 1");
    refused("cyclostat_cell: 1\nmodel: {kind: linar}\n", "2:15 `kind` cannot be `linar`");
    refused("cyclostat_cell: 1\nmodel: {kind: linear, ocv: [[0, 3 V], [0, 4 V]]}\n",
            "2:40 soc must rise from point to point");
    refused("cyclostat_cell: 1\nmodel: {kind: linear, ocv: [[50, 3 V], [100, 4 V]]}\n",
            "2:30 soc is a number from 0 to 1, or 0 to 100 % | "
            "2:41 soc is a number from 0 to 1, or 0 to 100 %");
    refused("cyclostat_cell: 1\nmodel: {kind: linear, parameters: {R0: 20 mohm}}\n",
            "2:40 `parameters` is a bare number, not a resistance");
    refused("cyclostat_cell: 1\ncell: {one_c: 0.5 C}\n",
            "2:15 `one_c` must be a current greater than zero");
    refused("cyclostat_cell: 1\ncell: {active_mass: 9 V}\n",
            "2:21 `active_mass` is a mass, not a voltage");
    refused("cyclostat_cell: 1\nmodell: {kind: linear}\n",
            "2:1 unknown key `modell` in a cell file");
    refused("cyclostat_cell: 1\nmodel: {kind: linear, rc: [{r: 0 ohm, tau: 1 s}]}\n",
            "2:28 `r` and `tau` must be greater than zero");
}

const struct cyc_check cyc_check_cell_file[] = {
    CYC_CHECK(a_cell_file_states_facts_and_model),
    CYC_CHECK(what_is_not_stated_is_not_a_number),
    CYC_CHECK(a_line_is_two_points),
    CYC_CHECK(mistakes_in_cell_files_have_their_place),
    {NULL, NULL},
};
