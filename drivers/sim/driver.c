/* An instrument without a wire, with a cell in it: for trying things out, and for measuring what a
 * run costs when no instrument does.
 *
 * Each output drives one cell of its own, an open-circuit voltage that is linear in the charge
 * behind a resistance:
 *
 *     V = U + R I        U = low + (high - low) q / Q        dq/dt = I
 *
 * A current that stays moves the charge exactly, and so does a held voltage, whose current decays
 * exponentially; all else goes in steps of a hundredth of the time constant. The cell moves when
 * somebody looks: by the time since the last look.
 */
#include "device/driver.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define OUTPUTS_MAX CYC_OUTPUTS_MAX

struct sim_cell {
    struct cyc_setpoint setpoint;
    double charge_Ah;
    double current_A; /* as of the last look */
    bool at_compliance;
    int64_t t_ns;
};

struct sim {
    unsigned output_count;
    double capacity_Ah, resistance_ohm, low_V, high_V;
    struct sim_cell cells[OUTPUTS_MAX];
};

static const struct cyc_driver_option options[] = {
    {"outputs", CYC_KIND_NUMBER, 1, OUTPUTS_MAX, NULL, "1", "number of outputs"},
    {"capacity", CYC_KIND_CAPACITY, 1e-6, 1e4, NULL, "1.8 mAh", "capacity of each cell"},
    {"resistance", CYC_KIND_RESISTANCE, 1e-4, 1e5, NULL, "20 ohm", "resistance of each cell"},
    {"low", CYC_KIND_VOLTAGE, 0, 1000, NULL, "2.5 V", "open-circuit voltage of an empty cell"},
    {"high", CYC_KIND_VOLTAGE, 0, 1000, NULL, "4.3 V", "open-circuit voltage of a full cell"},
    {"charge", CYC_KIND_FRACTION, 0, 1, NULL, "0 %", "how full the cells are at first"},
    {NULL, CYC_KIND_NUMBER, NAN, NAN, NULL, NULL, NULL},
};

static int64_t now_ns(struct cyc_instrument *instrument)
{
    struct cyc_bus *const bus = cyc_instrument_bus(instrument);
    if (bus != NULL) {
        return cyc_bus_now_ns(bus);
    }
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec;
}

static double open_circuit_V(const struct sim *sim, const struct sim_cell *cell)
{
    return sim->low_V + (sim->high_V - sim->low_V) * cell->charge_Ah / sim->capacity_Ah;
}

/* The current that the setpoint asks for at this open-circuit voltage. */
static double current_at(const struct sim *sim, struct sim_cell *cell)
{
    const double ocv_V = open_circuit_V(sim, cell);
    const double r_ohm = sim->resistance_ohm;
    const struct cyc_setpoint *const setpoint = &cell->setpoint;
    cell->at_compliance = false;
    switch (setpoint->control) {
    case CYC_CONTROL_OPEN:
        return 0;
    case CYC_CONTROL_CURRENT:
        return setpoint->value;
    case CYC_CONTROL_VOLTAGE: {
        const double asked_A = (setpoint->value - ocv_V) / r_ohm;
        const double current_A =
            fmin(fmax(asked_A, setpoint->current_min_A), setpoint->current_max_A);
        cell->at_compliance = current_A != asked_A;
        return current_A;
    }
    case CYC_CONTROL_POWER: { /* P = (U + R I) I */
        const double root = ocv_V * ocv_V + 4 * r_ohm * setpoint->value;
        return root > 0 ? (sqrt(root) - ocv_V) / (2 * r_ohm) : -ocv_V / (2 * r_ohm);
    }
    case CYC_CONTROL_LOAD:
        return -ocv_V / (setpoint->value + r_ohm);
    }
    return 0;
}

/* Charge moved in dt: exact for a current that stays, and for one that decays as that of a held
 * voltage does. */
static void advance(const struct sim *sim, struct sim_cell *cell, int64_t to_ns)
{
    const double slope = (sim->high_V - sim->low_V) / sim->capacity_Ah; /* V/Ah */
    const double tau_h = sim->resistance_ohm / slope;
    while (cell->t_ns < to_ns) {
        double dt_h = (double)(to_ns - cell->t_ns) / (double)CYC_S_NS / 3600;
        const double current_A = current_at(sim, cell);
        const bool decays = cell->setpoint.control != CYC_CONTROL_CURRENT && !cell->at_compliance;
        dt_h = cell->at_compliance || decays ? fmin(dt_h, tau_h / 100) : dt_h;
        cell->charge_Ah += decays && cell->setpoint.control == CYC_CONTROL_VOLTAGE
                               ? current_A * tau_h * -expm1(-dt_h / tau_h)
                               : current_A * dt_h;
        const int64_t dt_ns = (int64_t)(dt_h * 3600 * (double)CYC_S_NS);
        cell->t_ns += dt_ns > 0 ? dt_ns : to_ns - cell->t_ns;
    }
    cell->current_A = current_at(sim, cell);
}

static struct sim_cell *look(struct cyc_instrument *instrument, unsigned output,
                             struct cyc_err *err)
{
    struct sim *const sim = cyc_instrument_state(instrument);
    if (output >= sim->output_count) {
        (void)cyc_err_set(err, CYC_E_INPUT, "there is no output %u; it has %u, from 0 on", output,
                          sim->output_count);
        return NULL;
    }
    advance(sim, &sim->cells[output], now_ns(instrument));
    return &sim->cells[output];
}

static int sim_open(struct cyc_instrument *instrument, struct cyc_err *err)
{
    struct sim *const sim = cyc_instrument_state(instrument);
    sim->output_count = (unsigned)cyc_instrument_number(instrument, "outputs");
    sim->capacity_Ah = cyc_instrument_number(instrument, "capacity");
    sim->resistance_ohm = cyc_instrument_number(instrument, "resistance");
    sim->low_V = cyc_instrument_number(instrument, "low");
    sim->high_V = cyc_instrument_number(instrument, "high");
    if (!(sim->high_V > sim->low_V)) {
        return cyc_err_set(err, CYC_E_INPUT, "option 'high' must lie above option 'low'");
    }
    for (unsigned i = 0; i < sim->output_count; i++) {
        sim->cells[i].t_ns = now_ns(instrument);
        sim->cells[i].charge_Ah = sim->capacity_Ah * cyc_instrument_number(instrument, "charge");
    }
    return CYC_OK;
}

static int sim_identify(struct cyc_instrument *instrument, struct cyc_identity *identity,
                        int64_t deadline_ns, struct cyc_err *err)
{
    (void)deadline_ns;
    (void)err;
    if (cyc_instrument_bus(instrument) != NULL) {
        cyc_bus_in_step(cyc_instrument_bus(instrument)); /* no late answer can come */
    }
    *identity = (struct cyc_identity){
        .maker = "cyclostat", .model = "sim", .serial_number = "0", .firmware = "1"};
    return CYC_OK;
}

static int sim_capabilities(struct cyc_instrument *instrument,
                            struct cyc_capabilities *capabilities, struct cyc_err *err)
{
    const struct sim *const sim = cyc_instrument_state(instrument);
    (void)err;
    *capabilities = (struct cyc_capabilities){
        .roles = CYC_ROLE_CYCLER,
        .controls = 1u << CYC_CONTROL_OPEN | 1u << CYC_CONTROL_CURRENT | 1u << CYC_CONTROL_VOLTAGE |
                    1u << CYC_CONTROL_POWER | 1u << CYC_CONTROL_LOAD,
        .measurands = 1u << CYC_MEASURAND_VOLTAGE | 1u << CYC_MEASURAND_CURRENT,
        .traits = CYC_TRAIT_FOUR_WIRE,
        .watchdog = CYC_WATCHDOG_INSTRUMENT, /* it ends with the process that holds it */
        .output_count = sim->output_count,
        .voltage_min_V = -1000,
        .voltage_max_V = 1000,
        .current_min_A = -1000,
        .current_max_A = 1000,
        .power_max_W = 1e6,
        .temperature_min_degC = NAN,
        .temperature_max_degC = NAN,
        .pressure_min_Pa = NAN,
        .pressure_max_Pa = NAN,
        .fastest_sample_ns = CYC_MS_NS,
        .safe_ns = CYC_MS_NS,
    };
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        capabilities->resolution[i] = capabilities->accuracy[i] = NAN;
    }
    return CYC_OK;
}

static int sim_protect(struct cyc_instrument *instrument, unsigned output,
                       const struct cyc_protection *protection, int64_t deadline_ns,
                       struct cyc_err *err)
{
    (void)protection;
    (void)deadline_ns;
    const struct sim_cell *const cell = look(instrument, output, err);
    if (cell == NULL) {
        return CYC_E_INPUT;
    }
    return cell->setpoint.control == CYC_CONTROL_OPEN
               ? CYC_OK
               : cyc_err_set(err, CYC_E_REFUSED, "the output is on");
}

static int sim_apply(struct cyc_instrument *instrument, unsigned output,
                     const struct cyc_drive *drive, int64_t deadline_ns, struct cyc_err *err)
{
    (void)deadline_ns;
    struct sim_cell *const cell = look(instrument, output, err);
    if (cell == NULL) {
        return CYC_E_INPUT;
    }
    const struct cyc_setpoint *const setpoint = &drive->setpoint;
    if (setpoint->slope_per_s != 0) {
        return cyc_err_set(err, CYC_E_UNSUPPORTED, "the sim runs no ramp by itself");
    }
    if (setpoint->control != CYC_CONTROL_OPEN && !isfinite(setpoint->value)) {
        return cyc_err_set(err, CYC_E_INPUT, "the setpoint is no number");
    }
    cell->setpoint = *setpoint;
    return CYC_OK;
}

static int sim_measure(struct cyc_instrument *instrument, unsigned output,
                       struct cyc_reading *reading, int64_t deadline_ns, struct cyc_err *err)
{
    const struct sim *const sim = cyc_instrument_state(instrument);
    (void)deadline_ns;
    const struct sim_cell *const cell = look(instrument, output, err);
    if (cell == NULL) {
        return CYC_E_INPUT;
    }
    *reading = (struct cyc_reading){.t_ns = cell->t_ns};
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        reading->values[i] = NAN;
    }
    reading->valid = 1u << CYC_MEASURAND_VOLTAGE | 1u << CYC_MEASURAND_CURRENT;
    reading->values[CYC_MEASURAND_CURRENT] = cell->current_A;
    reading->values[CYC_MEASURAND_VOLTAGE] =
        open_circuit_V(sim, cell) + sim->resistance_ohm * cell->current_A;
    reading->flags = cell->setpoint.control != CYC_CONTROL_OPEN ? CYC_SAMPLE_OUTPUT_ON : 0;
    if (cell->setpoint.control == CYC_CONTROL_VOLTAGE && !cell->at_compliance) {
        reading->flags |= CYC_SAMPLE_CV;
    }
    return CYC_OK;
}

static int sim_safe(struct cyc_instrument *instrument, unsigned output, int64_t deadline_ns,
                    struct cyc_err *err)
{
    (void)deadline_ns;
    struct sim_cell *const cell = look(instrument, output, err);
    if (cell == NULL) {
        return CYC_E_INPUT;
    }
    cell->setpoint = (struct cyc_setpoint){.control = CYC_CONTROL_OPEN};
    return CYC_OK;
}

const struct cyc_driver cyc_driver_sim = {
    .api = CYC_DRIVER_API,
    .name = "sim",
    .title = "Simulated cycler, without a wire",
    .models = "sim",
    .roles = CYC_ROLE_CYCLER,
    .bus = {.baud = 9600, .data_bits = 8, .stop_bits = 1},
    .options = options,
    .state_size = sizeof(struct sim),
    .open = sim_open,
    .identify = sim_identify,
    .capabilities = sim_capabilities,
    .protect = sim_protect,
    .apply = sim_apply,
    .measure = sim_measure,
    .safe = sim_safe,
};
