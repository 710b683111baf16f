/* Random protocols on the analytic cell: what has to hold for every one of them. A failure prints
 * the seed; `run_seed(that)` in a debugger shows the rest. */
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>

#define SEEDS 60
#define STEPS 25

static uint64_t state;

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next(void)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double between(double low, double high)
{
    return low + (high - low) * ((double)(next() >> 11) / 9007199254740992.0);
}

static void random_step(struct rig *rig)
{
    const double current_A = between(0.1, 2.5);
    switch (next() % 6) {
    case 0:
        make_cc(rig, current_A);
        cut_voltage(rig, CYC_OP_GE, between(3.3, 4.15));
        break;
    case 1:
        make_cc(rig, -current_A);
        cut_voltage(rig, CYC_OP_LE, between(3.05, 3.9));
        break;
    case 2:
        make_cccv(rig, current_A, between(3.5, 4.15));
        cut_current(rig, current_A * between(0.05, 1.2));
        break;
    case 3:
        make_cccv(rig, -current_A, between(3.05, 3.6));
        cut_current(rig, current_A * between(0.05, 1.2));
        break;
    case 4:
        make_cv(rig, between(3.2, 4.1), current_A);
        cutoff(rig, compare_abs(rig, CYC_SIGNAL_CURRENT, CYC_OP_LE, current_A * 0.1),
               CYC_REASON_CURRENT);
        break;
    default:
        make_rest(rig);
        break;
    }
    cut_time(rig, between(1, 20000));
    cut_capacity(rig, between(0.01, 2));
    rig->step.record.every_ns = (int64_t)(between(1, 600) * 1e9);
    rig->step.record.voltage_V = next() % 2 ? between(0.005, 0.1) : 0;
    rig->step.record.capacity_Ah = next() % 3 ? 0 : between(0.01, 0.1);
    limit(rig, CYC_SIGNAL_VOLTAGE, 2.5, 4.5, CYC_LEVEL_PROTOCOL);
    limit(rig, CYC_SIGNAL_CURRENT, -3, 3, CYC_LEVEL_CHANNEL);
    rig->step.timeout_ns = 30000 * SECOND;
}

/* The cutoff that the result names is met by the values that it gives. */
static bool is_met(const struct rig *rig, const struct cyc_result *result)
{
    const struct cyc_op *ops = &rig->step.ops[rig->step.cutoffs[result->cutoff].when.first];
    const double bound = ops[rig->step.cutoffs[result->cutoff].when.count - 2].value;
    switch ((unsigned)result->reason) {
    case CYC_REASON_VOLTAGE:
        return rig->step.charging ? result->voltage_V >= bound : result->voltage_V <= bound;
    case CYC_REASON_CURRENT:
        return fabs(result->current_A) <= bound && result->hold_time_ns <= result->step_time_ns;
    case CYC_REASON_TIME:
        return fabs((double)result->step_time_ns - bound * 1e9) <= 1;
    case CYC_REASON_CAPACITY: {
        const double passed_Ah = result->sums.charge_Ah + result->sums.discharge_Ah;
        return passed_Ah >= bound && passed_Ah <= bound + 1e-9;
    }
    default:
        return false;
    }
}

/* The rows of the last step: in order, on time, the first and the last sample among them. */
static bool are_rows_right(const struct rig *rig, unsigned from, const struct cyc_result *result)
{
    const struct cyc_record *first = &rig->records[from];
    const struct cyc_record *last = &rig->records[rig->record_count - 1];
    bool right = rig->record_count > from && first->step_time_ns == 0 &&
                 last->step_time_ns == result->step_time_ns &&
                 memcmp(&last->step, &result->sums, sizeof last->step) == 0;
    for (unsigned i = from; i < rig->record_count; i++) {
        const struct cyc_record *row = &rig->records[i];
        right = right && row->step_count == result->step_count && row->index == i + 1;
        const struct cyc_record *before = i > from ? row - 1 : row;
        const int64_t gap_ns = row->sample.t_ns - before->sample.t_ns;
        right = right && gap_ns >= 0 && gap_ns <= rig->step.record.every_ns;
        const double change_V = fabs(row->sample.voltage_V - before->sample.voltage_V);
        right = right && (rig->step.record.voltage_V <= 0 || i == from ||
                          change_V <= rig->step.record.voltage_V + 1e-6 ||
                          gap_ns == 0); /* a jump where the hold takes over */
    }
    return right;
}

static bool run_seed(uint64_t seed)
{
    struct rig *rig = rig_new(0.4);
    bool right = true;
    double charge_Ah = 0;
    double discharge_Ah = 0;
    state = seed;
    for (unsigned i = 0; i < STEPS && right; i++) {
        random_step(rig);
        const unsigned from = rig->record_count;
        const unsigned samples = rig->samples;
        const double before_Ah = rig->cell.q_Ah;
        const struct cyc_result *result = rig_run(rig);
        charge_Ah += result->sums.charge_Ah;
        discharge_Ah += result->sums.discharge_Ah;
        const double net_Ah = result->sums.charge_Ah - result->sums.discharge_Ah;
        const struct cyc_sums *test = cyc_core_sums(&rig->core, CYC_SCOPE_TEST);
        right = rig->result_count == i + 1 && rig->safe_count == 0 && is_met(rig, result) &&
                fabs(net_Ah - (rig->cell.q_Ah - before_Ah)) <= 1e-12 &&
                fabs(test->charge_Ah - charge_Ah) <= 0 &&
                fabs(test->discharge_Ah - discharge_Ah) <= 0 &&
                fabs(result->cc_capacity_Ah + result->cv_capacity_Ah - result->sums.charge_Ah -
                     result->sums.discharge_Ah) <= 1e-12 &&
                rig->samples - samples <= rig->record_count - from + 8 &&
                are_rows_right(rig, from, result);
        if (!right) {
            printf("\nseed %" PRIu64 ", step %u, %s: %s\n", seed, i + 1,
                   cyc_mode_name(rig->step.mode), cyc_reason_name(result->reason));
        }
    }
    rig_free(rig);
    return right;
}

static void random_protocols_keep_their_books_and_rows(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        CU_ASSERT_TRUE(run_seed(seed));
    }
}

const struct cyc_check cyc_check_random[] = {
    CYC_CHECK(random_protocols_keep_their_books_and_rows),
    {0},
};
