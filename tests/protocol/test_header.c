/* Headers: cells, references, parameters, expectations, and what must be stated. */
#include "check/check.h"
#include "mock.h"

#include <math.h>
#include <string.h>

#define LIMITS "limits: {voltage: [1 V, 5 V], current: 6 A}\n"
#define HEAD   "cell: {one_c: 1 A, nominal_capacity: 1 Ah}\n" LIMITS

static struct cyc_cell_facts facts;

static const struct cyc_cell_facts *cell_against(const char *reference)
{
    cyc_cell_facts_init(&facts);
    (void)cyc_copy(facts.reference, sizeof facts.reference, reference);
    facts.basis.nominal_capacity.value = 1.0;
    return &facts;
}

static void check_on(const char *reference, const char *text, const char *expected)
{
    static struct mock mock;
    mock_init(&mock);
    mock_load_with(&mock, text, cell_against(reference), NULL, 0);
    CYC_SAME(cyc_text_get(&mock.said), expected);
    mock_release(&mock);
}

static void voltages_are_shifted_to_the_reference_of_the_cell(void)
{
    const struct cyc_step *step = mock_step(
        "cell: {nominal_capacity: 1 Ah, reference: LTO}\nlimits: {voltage: [0.4 V, 3.1 V], "
        "current: 2 A}\n"
        "method: [{charge: 1 A, cutoff: [4.6 V vs Li/Li+, 3.0 V, voltage > 4.5 V vs Li/Li+]}]\n");
    CYC_NEAR(step->ops[step->cutoffs[0].when.first + 1].value, 4.6 - 1.55, 1e-12);
    CYC_NEAR(step->ops[step->cutoffs[1].when.first + 1].value, 3.0, 1e-12);
    CYC_NEAR(step->ops[step->cutoffs[2].when.first + 1].value, 4.5 - 1.55, 1e-12);
}

static void a_cell_may_bring_references_of_its_own(void)
{
    const struct cyc_step *step = mock_step(
        "cell: {nominal_capacity: 1 Ah, reference: Na/Na+, references: {Na/Na+: 0.33 V}}\n"
        "limits: {voltage: [1 V, 4.5 V], current: 2 A}\n"
        "method: [{charge: 1 A, cutoff: 4.0 V vs Li/Li+}]\n");
    CYC_NEAR(step->ops[1].value, 4.0 - 0.33, 1e-12);
}

static void a_cell_with_another_reference_is_refused_unless_every_voltage_says_its_own(void)
{
    static const char bare[] = "cell: {reference: In/Li-In}\n"
                               "limits: {voltage: [1.2 V vs Li/Li+, 5 V vs Li/Li+], current: 2 A}\n"
                               "method:\n  - {charge: 1 A, cutoff: [3.98 V, voltage > 4 V]}\n";
    check_on("Li/Li+", bare,
             "5:28 a voltage without vs, but this cell is measured against another electrode than "
             "the protocol's | "
             "5:36 a voltage without vs, but this cell is measured against another electrode than "
             "the protocol's");
    check_on("In/Li-In", bare, "");
    check_on("Li/Li+",
             "cell: {reference: In/Li-In}\n"
             "limits: {voltage: [1.2 V vs Li/Li+, 5 V vs Li/Li+], current: 2 A}\nrecord: {voltage: "
             "5 mV}\n"
             "method:\n  - {charge: 1 A, cutoff: 4.6 V vs Li/Li+}\n",
             "");
}

static void a_full_cell_has_no_reference(void)
{
    CYC_SAME(mock_said(HEAD "method: [{charge: 1 A, cutoff: 4.2 V vs Li/Li+}]\n"),
             "4:32 this cell has no reference electrode, so vs has no meaning");
    CYC_SAME(mock_said("cell: {nominal_capacity: 1 Ah, reference: Li/Li+}\n" LIMITS
                       "method: [{charge: 1 A, cutoff: 4.2 V vs Xx}]\n"),
             "4:32 unknown reference electrode 'Xx'");
}

static void differences_have_no_reference(void)
{
    CYC_SAME(mock_said("cell: {reference: Li/Li+}\nrecord: {voltage: 5 mV vs Li/Li+}\n"
                       "method: [{rest: 1 h}]\n"),
             "3:19 `voltage` is a difference of voltages, so vs has no meaning");
}

static void c_rates_need_a_cell(void)
{
    CYC_SAME(mock_said(LIMITS "method: [{charge: 0.5 C, cutoff: 4.2 V, timeout: 5 h}]\n"),
             "3:19 0.5 C needs cell.one_c or cell.nominal_capacity");
    CYC_SAME(mock_said("cell: {one_c: 200 mA/g}\n" LIMITS
                       "method: [{charge: 0.5 C, cutoff: 4.2 V, timeout: 5 h}]\n"),
             "4:19 0.5 C: cell.one_c needs cell.active_mass");
    CYC_SAME(
        mock_said(LIMITS "method: [{charge: 1 A, cutoff: 4.2 V}]\n"),
        "3:11 how long may this charge last? The cell states neither nominal_capacity nor one_c");
}

static void a_cell_file_overrides_the_protocols_cell(void)
{
    static struct mock mock;
    cyc_cell_facts_init(&facts);
    facts.basis.active_mass_g = 0.02;
    mock_init(&mock);
    mock_load_with(&mock,
                   "cell: {active_mass: 10 mg, one_c: 200 mA/g, nominal_capacity: 1 Ah}\n" LIMITS
                   "method: [{charge: 0.5 C, cutoff: 4.2 V}]\n",
                   &facts, NULL, 0);
    const struct cyc_cell_basis *const basis = &cyc_protocol_cell(mock.protocol)->basis;
    CYC_NEAR(basis->active_mass_g, 0.02, 1e-15); /* the cell's */
    CYC_NEAR(basis->one_c.value, 0.2, 1e-15);    /* the protocol's: the cell says nothing */
    CYC_NEAR(cyc_protocol_demands(mock.protocol)->current_max_A, 0.5 * 0.2 * 0.02, 1e-15);
    mock_release(&mock);
}

static void limits_must_be_stated_where_current_flows(void)
{
    CYC_SAME(mock_said("method: [{charge: 1 A, cutoff: 4.2 V, timeout: 5 h}]\n"),
             "1:1 a protocol that passes current must state limits.voltage");
    CYC_SAME(mock_said("limits: {voltage: [1 V, 4.3 V]}\n"
                       "method: [{charge: 1 A, cutoff: 4.2 V, timeout: 5 h}]\n"),
             "2:1 a protocol that passes current must state limits.current");
    CYC_SAME(mock_said("method: [{temperature: 30 degC}, {rest: 1 h}]\n"), "");
}

static void a_protocol_says_its_version_and_has_a_method(void)
{
    CYC_SAME(mock_said("cell: {one_c: 1 A}\n"), "1:1 `method` is missing");
    CYC_SAME(mock_said("method: []\n"), "2:9 `method` must be a list of steps");
    CYC_SAME(mock_said("method: {rest: 1 h}\n"), "2:9 `method` must be a list of steps");
    CYC_SAME(mock_said("steps: [{rest: 1 h}]\nmethod: [{rest: 1 h}]\n"),
             "2:1 `steps` does not belong to the protocol");
    CYC_SAME(mock_said("metod: [{rest: 1 h}]\nmethod: [{rest: 1 h}]\n"),
             "2:1 unknown key `metod` in the protocol");
}

static void soc_needs_a_capacity_and_a_start(void)
{
    CYC_SAME(mock_said(LIMITS "method: [{let: {soc: 50 %}}]\n"),
             "3:17 soc has no capacity to count against");
    CYC_SAME(mock_said(LIMITS "method: [{let: {full_capacity: 1 Ah, soc: 50 %}}]\n"), "");
    CYC_SAME(mock_said(HEAD "method: [{let: {soc: 50 V}}]\n"), "4:22 soc is a percentage");
    CYC_SAME(mock_said(HEAD "method: [{discharge: 1 C, cutoff: [3 V, soc <= 50 %]}]\n"),
             "4:41 the protocol has not said where soc stands");
}

static void expectations_are_computed_in_the_unit_they_are_known_in(void)
{
    static struct mock mock;
    struct cyc_source *source = NULL;
    const struct cyc_expectation *rows = NULL;
    mock_init(&mock);
    mock_load(&mock,
              "cell: {active_mass: 10 g, one_c: 1 A, nominal_capacity: 1 Ah}\n" LIMITS "expect:\n"
              "  - {value: step.dc.capacity, is: 120 mAh/g, within: 1 mAh/g, source: here}\n"
              "  - {value: 1 V + 20 mV, is: 1.02 V}\n"
              "method: [{discharge: 1 A, cutoff: 2.5 V, id: dc}]\n");
    CU_ASSERT_EQUAL_FATAL(cyc_source_open(mock.protocol, &source, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_source_expectations(source, &rows), 2);
    CYC_SAME(rows[0].name, "step.dc.capacity");
    CYC_SAME(rows[0].unit, "mAh/g");
    CYC_SAME(rows[0].source, "here");
    CU_ASSERT_TRUE(isnan(rows[0].value)); /* not reached */
    CYC_NEAR(rows[0].is, 120.0, 1e-9);
    CYC_NEAR(rows[0].tolerance, 1.0, 1e-9);
    CYC_NEAR(rows[1].value, 1.02, 1e-12);
    CU_ASSERT_TRUE(isnan(rows[1].tolerance));
    cyc_source_close(source);
    mock_release(&mock);
    CYC_SAME(mock_said(HEAD "expect: [{value: step.dc.capacity, is: 3 V}]\n"
                            "method: [{discharge: 1 A, cutoff: 2.5 V, id: dc}]\n"),
             "4:40 the value is a charge, what it is known to be a voltage");
}

static void names_are_checked(void)
{
    CYC_SAME(mock_said("method:\n  - {rest: 1 h, id: a}\n  - {rest: 1 h, id: a}\n"),
             "4:21 the id `a` is taken");
    CYC_SAME(mock_said("method:\n  - if: step.b.time > 1 h\n    then: [{rest: 1 h}]\n"),
             "3:9 no step or block has the id `b`");
    CYC_SAME(mock_said("method:\n  - {rest: 1 h, id: a}\n  - if: cycles.a.last.time > 1 h\n"
                       "    then: [{rest: 1 h}]\n"),
             "4:9 `a` is not a cycles block");
    CYC_SAME(mock_said("parameters: {n: 1}\nmethod:\n  - let: {n: 2}\n"),
             "4:11 `n` is a parameter and keeps its value");
    CYC_SAME(mock_said("method:\n  - let: {n: 2}\n  - let: {n: 2 V}\n"),
             "4:14 `n` is a number and cannot become a voltage");
}

static void cycles_have_no_cycles(void)
{
    CYC_SAME(mock_said("method:\n  - cycles: 2\n    steps:\n      - repeat: 2\n        steps:\n"
                       "          - cycles: 3\n            steps: [{rest: 1 h}]\n"),
             "7:13 cycles inside cycles: a cycle has no cycles");
}

const struct cyc_check cyc_check_header[] = {
    CYC_CHECK(voltages_are_shifted_to_the_reference_of_the_cell),
    CYC_CHECK(a_cell_may_bring_references_of_its_own),
    CYC_CHECK(a_cell_with_another_reference_is_refused_unless_every_voltage_says_its_own),
    CYC_CHECK(a_full_cell_has_no_reference),
    CYC_CHECK(differences_have_no_reference),
    CYC_CHECK(c_rates_need_a_cell),
    CYC_CHECK(a_cell_file_overrides_the_protocols_cell),
    CYC_CHECK(limits_must_be_stated_where_current_flows),
    CYC_CHECK(a_protocol_says_its_version_and_has_a_method),
    CYC_CHECK(soc_needs_a_capacity_and_a_start),
    CYC_CHECK(expectations_are_computed_in_the_unit_they_are_known_in),
    CYC_CHECK(names_are_checked),
    CYC_CHECK(cycles_have_no_cycles),
    {NULL, NULL},
};
