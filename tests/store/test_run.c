#include "check/check.h"
#include "maker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct cyc_run *create(void)
{
    const struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL(cyc_run_create(maker_folder(), &identity, &run, &err), CYC_OK);
    CYC_SAME(err.text, "");
    if (run == NULL) {
        exit(2);
    }
    return run;
}

static int count_cycles(void *context, const struct cyc_cycle *cycle)
{
    unsigned *count = context;
    CU_ASSERT_EQUAL(cycle->number, ++*count);
    CYC_SAME(cycle->block, "main");
    CU_ASSERT_EQUAL(cycle->coulombic_efficiency, 0.998);
    CU_ASSERT(isnan(cycle->retention));
    return 0;
}

static int count_steps(void *context, uint32_t cycle_number, const char *name, const char *type,
                       uint32_t step_id, const char *text, const struct cyc_result *result,
                       bool ended)
{
    unsigned *count = context;
    CU_ASSERT_EQUAL(result->step_count, ++*count);
    CU_ASSERT_EQUAL(cycle_number, (*count + 1) / 2);
    CYC_SAME(name, *count % 2 ? "" : "measure");
    CYC_SAME(type, *count % 2 ? "CC_CHG" : "CC_DCH");
    CU_ASSERT_EQUAL(step_id, *count % 2 ? 1 : 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, *count % 2 ? "voltage 3.98 >=" : "voltage 1.38 <="));
    CU_ASSERT_EQUAL(result->peak_V, 0.1 + 0.2);
    CU_ASSERT_EQUAL(result->sums.charge_Ah, *count % 2 ? 1.0 / 3.0 : 0.0);
    CU_ASSERT_EQUAL(result->reason, CYC_REASON_VOLTAGE);
    CU_ASSERT_EQUAL(result->fault.kind, CYC_FAULT_NONE);
    CU_ASSERT(ended);
    return 0;
}

static void a_finished_run_is_read_back(void)
{
    struct cyc_run *run = create();
    struct maker maker;
    struct cyc_err err = {0};
    maker_init(&maker, run);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(maker_cycle(&maker, &err), CYC_OK);
        CU_ASSERT_EQUAL(cyc_run_commit(run, &err), CYC_OK);
    }
    struct cyc_run_info info;
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), "last", &info, &err), CYC_OK);
    CYC_SAME(info.end, "");
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", maker.t_ns, &err), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), "20260101-N-LMRO-001", &info, &err), CYC_OK);
    CYC_SAME(info.end, "done");
    CYC_SAME(info.protocol_name, "Formation");
    CU_ASSERT_EQUAL(info.row_count, 240);
    CU_ASSERT_EQUAL(info.step_count, 6);
    CU_ASSERT_EQUAL(info.cycle_count, 3);
    unsigned cycles = 0, steps = 0;
    CU_ASSERT_EQUAL(cyc_run_each_cycle(info.folder, count_cycles, &cycles, &err), CYC_OK);
    CU_ASSERT_EQUAL(cycles, 3);
    CU_ASSERT_EQUAL(cyc_run_each_step(info.folder, count_steps, &steps, &err), CYC_OK);
    CU_ASSERT_EQUAL(steps, 6);
    CYC_SAME(err.text, "");
    maker_remove();
}

const struct cyc_check cyc_check_run[] = {CYC_CHECK(a_finished_run_is_read_back), {0}};
