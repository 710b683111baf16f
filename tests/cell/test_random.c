/* Random setpoints, watches and surroundings: whatever is asked, the promises of cell.h are kept.
 */
#include "probe.h"

#include <math.h>

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static double between(uint64_t *seed, double low, double high)
{
    return low + (high - low) * ((double)(draw(seed) >> 11) * 0x1p-53);
}

/* Spread over decades, of either sign, sometimes zero. */
static double any(uint64_t *seed, double largest)
{
    const double size = largest * pow(10, between(seed, -6, 0));
    const uint64_t sign = draw(seed) % 8;
    return sign == 0 ? 0 : sign % 2 == 0 ? size : -size;
}

static struct cyc_setpoint any_setpoint(uint64_t *seed, double scale_A)
{
    struct cyc_setpoint setpoint = {.number = 1};
    setpoint.control = (enum cyc_control)(draw(seed) % 5);
    setpoint.current_min_A = -fabs(any(seed, 100 * scale_A));
    setpoint.current_max_A = fabs(any(seed, 100 * scale_A));
    switch (setpoint.control) {
    case CYC_CONTROL_OPEN:
        break;
    case CYC_CONTROL_CURRENT:
        setpoint.value = any(seed, 10 * scale_A);
        setpoint.slope_per_s = draw(seed) % 4 == 0 ? any(seed, scale_A / 100) : 0;
        break;
    case CYC_CONTROL_VOLTAGE:
        setpoint.value = between(seed, 1, 5);
        setpoint.slope_per_s = draw(seed) % 4 == 0 ? any(seed, 1e-2) : 0;
        break;
    case CYC_CONTROL_POWER:
        setpoint.value = any(seed, 50 * scale_A);
        break;
    case CYC_CONTROL_LOAD:
        setpoint.value = 4 / (scale_A * between(seed, 0.01, 20));
        break;
    }
    return setpoint;
}

static unsigned any_watches(uint64_t *seed, double scale_A, struct cyc_watch *watches)
{
    const unsigned count = (unsigned)(draw(seed) % 6);
    for (unsigned i = 0; i < count; i++) {
        static const double sizes[CYC_SIGNAL_COUNT] = {
            [CYC_SIGNAL_VOLTAGE] = 5,      [CYC_SIGNAL_CURRENT] = 1,  [CYC_SIGNAL_POWER] = 5,
            [CYC_SIGNAL_TEMPERATURE] = 70, [CYC_SIGNAL_AMBIENT] = 70, [CYC_SIGNAL_PRESSURE] = 6e7,
        };
        watches[i].signal = (uint8_t)(draw(seed) % CYC_SIGNAL_COUNT);
        watches[i].magnitude = draw(seed) % 3 == 0;
        const double size = sizes[watches[i].signal];
        watches[i].value = watches[i].signal == CYC_SIGNAL_VOLTAGE ? between(seed, 2.5, 4.5)
                           : size > 1                              ? between(seed, 0, size)
                                                                   : any(seed, scale_A);
    }
    return count;
}

static void check_sample(const struct cyc_sample *sample, int64_t before_ns, int64_t until_ns)
{
    CU_ASSERT(sample->t_ns >= before_ns);
    CU_ASSERT(sample->t_ns <= until_ns);
    CU_ASSERT(sample->t_ns > before_ns || until_ns == before_ns);
    CU_ASSERT(isfinite(sample->voltage_V));
    CU_ASSERT(isfinite(sample->current_A));
    CU_ASSERT(isfinite(sample->temperature_degC));
    CU_ASSERT(isfinite(sample->pressure_Pa));
    CU_ASSERT(sample->charge_Ah >= 0 && isfinite(sample->charge_Ah));
    CU_ASSERT(sample->discharge_Ah >= 0 && isfinite(sample->discharge_Ah));
    CU_ASSERT(isfinite(sample->charge_Wh) && isfinite(sample->discharge_Wh));
}

/* One setpoint and some calls under it. Returns the charge that the samples counted. */
static double play(struct probe *probe, uint64_t *seed, double scale_A)
{
    struct cyc_watch watches[6];
    double net_Ah = 0;
    const struct cyc_setpoint setpoint = any_setpoint(seed, scale_A);
    cyc_cell_apply(probe->cell, &setpoint);
    for (unsigned call = 0; call < 6; call++) {
        const int64_t before_ns = probe->sample.t_ns;
        const int64_t until_ns =
            before_ns + (call == 0 ? 0 : (int64_t)(1e9 * pow(10, between(seed, -9, 2.8))));
        const unsigned count = any_watches(seed, scale_A, watches);
        const int status =
            cyc_cell_advance(probe->cell, until_ns, watches, count, &probe->sample, &probe->err);
        if (status != CYC_OK) {
            CU_ASSERT_EQUAL(status, CYC_E_INFEASIBLE);
            CU_ASSERT(setpoint.control == CYC_CONTROL_POWER);
            break;
        }
        check_sample(&probe->sample, before_ns, until_ns);
        net_Ah += probe->sample.charge_Ah - probe->sample.discharge_Ah;
    }
    return net_Ah;
}

static void play_many(struct probe *probe, uint64_t seed, unsigned count, double scale_A)
{
    double net_Ah = 0;
    double passed_Ah = 0;
    for (unsigned i = 0; i < count; i++) {
        if (draw(&seed) % 8 == 0) {
            const struct cyc_environment environment = {
                .temperature_degC = draw(&seed) % 3 == 0 ? NAN : between(&seed, 10, 70),
                .ramp_K_per_s = draw(&seed) % 2 == 0 ? NAN : 1e-3,
                .temperature_off = draw(&seed) % 6 == 0,
                .pressure_Pa = draw(&seed) % 2 == 0 ? NAN : between(&seed, 1e5, 6e7),
                .pressure_off = draw(&seed) % 6 == 0};
            cyc_cell_environment(probe->cell, &environment);
        }
        const double step_Ah = play(probe, &seed, scale_A);
        net_Ah += step_Ah;
        passed_Ah += fabs(step_Ah);
    }
    CYC_NEAR(cyc_cell_net_charge_Ah(probe->cell), net_Ah, 1e-9 * passed_Ah);
}

static void random_schedules_on_the_linear_cell(void)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct probe probe;
        probe_linear(&probe, (unsigned)(seed % 3), 0.5);
        if (seed % 2 == 0) {
            probe.spec.ocv_count = 4;
            probe.spec.ocv_soc[1] = 0.3;
            probe.spec.ocv_soc[2] = 0.6;
            probe.spec.ocv_soc[3] = 1;
            probe.spec.ocv_V[1] = 3.6;
            probe.spec.ocv_V[2] = 3.6;
            probe.spec.ocv_V[3] = 4.2;
        }
        if (seed % 5 == 0) {
            probe_parameter(&probe, "M", 0.03);
            probe_parameter(&probe, "gamma", 40);
        }
        if (seed % 4 == 0) {
            probe_parameter(&probe, "C_cell", 40);
            probe_parameter(&probe, "G_cell", 0.5);
            probe_parameter(&probe, "Ea", 25);
        }
        probe_start(&probe);
        play_many(&probe, seed * 7919, 60, 2.5);
        probe_end(&probe);
    }
}

static void random_schedules_on_the_lmro_cell(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct probe probe;
        probe_lmro(&probe, 30);
        probe_start(&probe);
        play_many(&probe, seed * 104729, 40, 2e-3);
        probe_end(&probe);
    }
}

const struct cyc_check cyc_check_random[] = {CYC_CHECK(random_schedules_on_the_linear_cell),
                                             CYC_CHECK(random_schedules_on_the_lmro_cell),
                                             {0}};
