/* ZKETECH EBC battery tester. Its maker publishes no protocol; this follows what six independent
 * programs agree on (libsigrok zketech-ebd-usb, EBC-controller, esp-ebc-mqtt and others).
 *
 *     request  FA COP p1 p1 p2 p2 p3 p3 CHK F8       report  FA S I I V V Q Q ? ? p1 p1 p2 p2 p3 p3
 *                                                            MODEL CHK F8
 *
 * Numbers are two digits base 240, because bytes from F0 on frame. CHK is the XOR of what stands
 * between; where that is F0 or more it is sent modulo 240. A frame with a wrong checksum, a wrong
 * length or a reserved byte inside is ignored without a word.
 *
 *          connect 05               start x1                cut-off, time
 *     silent ───────► idle, reports ────────► working (1x) ──────────────► completed (2x)
 *            ◄─────── every 2 s     ◄────────              ◄── continue 08
 *          disconnect 06            stop 02
 *
 * The box runs a step by itself to its own end; leaving PC mode does not stop it, nor does a host
 * that is gone. Its ampere-hours are the cell's; its minutes are the host's, as are the two
 * seconds.
 *
 * Assumptions where sources are silent or differ: power in units of 0.1 W; CC-CV of an A05 or A10H
 * ends at a tenth of its current; the cell types end at the same with 4.2, 3.6 and 2.4 V a cell,
 * NiMH and NiCd at 1.5 V a cell. Measuring resistance and calibrating are not emulated.
 */
#include "emulate/emulate.h"
#include "emulate/fault.h"

#include <math.h>
#include <string.h>

#define START        0xFA
#define END          0xF8
#define RESERVED     0xF0
#define BASE         240
#define REQUEST_SIZE 10
#define REPORT_SIZE  19
#define LOOK_NS      (50 * CYC_MS_NS)
#define TAIL         0.1 /* of the current, ends a charge */

enum function {
    FUNCTION_START = 1,
    FUNCTION_STOP = 2,
    FUNCTION_CONNECT = 5,
    FUNCTION_DISCONNECT = 6,
    FUNCTION_ADJUST = 7,
    FUNCTION_CONTINUE = 8
};
enum program {
    PROGRAM_CC_DISCHARGE,
    PROGRAM_CP_DISCHARGE,
    PROGRAM_NIMH,
    PROGRAM_NICD,
    PROGRAM_LI_ION,
    PROGRAM_LIFE,
    PROGRAM_PB,
    PROGRAM_CCCV
};
enum state { STATE_IDLE, STATE_WORKING, STATE_COMPLETED };

struct model {
    const char *name;
    uint8_t code;
    bool large; /* A20, A40: 10 mA units, one charge program 0x21 */
    double charge_A, discharge_A;
};
static const struct model models[] = {{"a05", 5, false, 5, 5},
                                      {"a10h", 6, true, 5, 10},
                                      {"a20", 9, true, 5, 20},
                                      {"a40", 16, true, 40, 40}};

struct tester {
    const struct model *model;
    uint8_t request[REQUEST_SIZE];
    size_t used; /* 0: waits for a start byte */
    bool connected;
    enum state state;
    uint8_t program; /* upper digit of COP */
    unsigned p[3];
    double charge_Ah;
    double time_s; /* worked */
    double report_s, power_W;
    int64_t seen_ns, report_ns;
};

static double current_A(const struct tester *ebc)
{
    return ebc->p[0] * (ebc->model->large ? 0.01 : 0.001);
}

static bool discharges(const struct tester *ebc)
{
    return ebc->program == PROGRAM_CC_DISCHARGE || ebc->program == PROGRAM_CP_DISCHARGE;
}

/* The charge programs of the large models have the parameters of CC-CV, whatever their digit. */
static bool is_cccv(const struct tester *ebc)
{
    return ebc->program == PROGRAM_CCCV || (ebc->model->large && !discharges(ebc));
}

static double charge_V(const struct tester *ebc)
{
    static const double per_cell_V[] = {
        [PROGRAM_NIMH] = 1.5, [PROGRAM_NICD] = 1.5, [PROGRAM_LI_ION] = 4.2,
        [PROGRAM_LIFE] = 3.6, [PROGRAM_PB] = 2.4,   [PROGRAM_CCCV] = 0};
    return is_cccv(ebc) ? ebc->p[1] * 0.01 : ebc->p[1] * per_cell_V[ebc->program];
}

/* ---- What it does to the cell -------------------------------------------------------------------
 */

static void drive(struct cyc_unit *unit)
{
    const struct tester *ebc = cyc_unit_state(unit);
    struct cyc_source source = {
        .compliance_V = NAN, .most_A = ebc->model->discharge_A, .four_wire = true};
    struct cyc_setpoint *setpoint = &source.setpoint;
    if (ebc->state != STATE_WORKING) {
        setpoint->control = CYC_CONTROL_OPEN;
    } else if (ebc->program == PROGRAM_CC_DISCHARGE) {
        setpoint->control = CYC_CONTROL_CURRENT;
        setpoint->value = -current_A(ebc);
    } else if (ebc->program == PROGRAM_CP_DISCHARGE) {
        setpoint->control = CYC_CONTROL_POWER;
        setpoint->value = -ebc->power_W * ebc->p[0];
    } else {
        setpoint->control = CYC_CONTROL_VOLTAGE;
        setpoint->value = charge_V(ebc);
        setpoint->current_max_A = current_A(ebc);
    }
    cyc_unit_source(unit, 0, &source);
}

static void set_state(struct cyc_unit *unit, enum state state)
{
    struct tester *ebc = cyc_unit_state(unit);
    ebc->state = state;
    ebc->seen_ns = cyc_unit_now_ns(unit);
    drive(unit);
    if (state == STATE_WORKING) {
        cyc_unit_wake(unit, ebc->seen_ns + LOOK_NS);
    }
}

static unsigned minutes_max(const struct tester *ebc)
{
    return is_cccv(ebc) && ebc->model->large ? 0 : ebc->p[2];
}

static bool is_over(const struct tester *ebc, const struct cyc_sample *sample)
{
    if (minutes_max(ebc) > 0 && ebc->time_s >= 60.0 * minutes_max(ebc)) {
        return true;
    }
    if (discharges(ebc)) {
        return sample->voltage_V <= ebc->p[1] * 0.01;
    }
    const double tail_A =
        is_cccv(ebc) && ebc->model->large ? ebc->p[2] * 0.01 : TAIL * current_A(ebc);
    return sample->voltage_V >= charge_V(ebc) - 0.005 && sample->current_A <= tail_A;
}

/* Ampere-hours, time and cut-offs up to now. */
static void follow(struct cyc_unit *unit)
{
    struct tester *ebc = cyc_unit_state(unit);
    struct cyc_sample sample;
    const int64_t now_ns = cyc_unit_now_ns(unit);
    cyc_unit_measure(unit, 0, &sample);
    const double passed_s = (double)(now_ns - ebc->seen_ns) / (double)CYC_S_NS;
    ebc->seen_ns = now_ns;
    if (ebc->state != STATE_WORKING) {
        return;
    }
    ebc->time_s += passed_s;
    ebc->charge_Ah += fabs(sample.current_A) * passed_s * cyc_unit_rate(unit) / 3600;
    if (is_over(ebc, &sample)) {
        set_state(unit, STATE_COMPLETED);
    }
}

/* ---- Reports ------------------------------------------------------------------------------------
 */

static void put(uint8_t *at, double value)
{
    const double most = BASE * BASE - 1;
    const unsigned number = isfinite(value) ? (unsigned)lround(fmin(fmax(value, 0), most)) : 0;
    at[0] = (uint8_t)(number / BASE);
    at[1] = (uint8_t)(number % BASE);
}

static void put_charge(const struct tester *ebc, uint8_t *at)
{
    if (ebc->model->large && ebc->charge_Ah >= 10) {
        put(at, ebc->charge_Ah * 100 + 2048);
        at[0] |= 0x80;
    } else {
        put(at, ebc->charge_Ah * 1000);
    }
}

static uint8_t checksum(const uint8_t *bytes, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
    }
    return sum >= RESERVED ? (uint8_t)(sum % BASE) : sum;
}

static void report(struct cyc_unit *unit)
{
    const struct tester *ebc = cyc_unit_state(unit);
    struct cyc_terminals seen;
    uint8_t frame[REPORT_SIZE] = {START};
    cyc_unit_terminals(unit, 0, &seen);
    const struct cyc_sample sample = seen.sample;
    const double step_A = ebc->model->large ? 0.01 : 0.001;
    frame[1] = (uint8_t)(10 * ebc->state + ebc->program);
    put(frame + 2, fabs(sample.current_A) / step_A);
    put(frame + 4, sample.voltage_V * 1000);
    put_charge(ebc, frame + 6);
    for (unsigned i = 0; i < 3; i++) {
        put(frame + 10 + 2 * i, ebc->p[i]);
    }
    frame[16] = ebc->model->code;
    frame[17] = checksum(frame + 1, 16);
    if (seen.no_number || seen.overflow) { /* it has no word for that: a report that is spoilt */
        frame[17] ^= 0x55;
    }
    frame[18] = END;
    cyc_unit_send(unit, frame, sizeof frame, 0);
}

static void tick(struct cyc_unit *unit)
{
    struct tester *ebc = cyc_unit_state(unit);
    const int64_t now_ns = cyc_unit_now_ns(unit);
    follow(unit);
    if (ebc->connected && now_ns >= ebc->report_ns) {
        report(unit);
        ebc->report_ns = now_ns + (int64_t)(ebc->report_s * (double)CYC_S_NS);
    }
    if (ebc->connected) {
        cyc_unit_wake(unit, ebc->report_ns);
    }
    if (ebc->state == STATE_WORKING) {
        cyc_unit_wake(unit, now_ns + LOOK_NS);
    }
}

/* ---- Requests -----------------------------------------------------------------------------------
 */

static bool start(struct cyc_unit *unit, uint8_t program, const unsigned *parameters)
{
    struct tester *ebc = cyc_unit_state(unit);
    struct tester wanted = *ebc;
    wanted.program = program;
    memcpy(wanted.p, parameters, sizeof wanted.p);
    const double most_A = discharges(&wanted) ? ebc->model->discharge_A : ebc->model->charge_A;
    if (program > PROGRAM_CCCV ||
        (program != PROGRAM_CP_DISCHARGE && current_A(&wanted) > most_A)) {
        return false;
    }
    *ebc = wanted;
    return true;
}

static void obey(struct cyc_unit *unit, uint8_t cop, const unsigned *parameters)
{
    struct tester *ebc = cyc_unit_state(unit);
    const uint8_t program = cop >> 4;
    follow(unit);
    switch ((enum function)(cop & 0x0F)) {
    case FUNCTION_START:
        if (start(unit, program, parameters)) {
            ebc->charge_Ah = 0;
            ebc->time_s = 0;
            set_state(unit, STATE_WORKING);
        }
        break;
    case FUNCTION_STOP:
        set_state(unit, STATE_IDLE);
        break;
    case FUNCTION_CONNECT:
        ebc->connected = true;
        ebc->report_ns = cyc_unit_now_ns(unit);
        tick(unit);
        break;
    case FUNCTION_DISCONNECT:
        ebc->connected = false;
        break;
    case FUNCTION_ADJUST:
        if (ebc->state == STATE_WORKING && ebc->program == PROGRAM_CC_DISCHARGE &&
            start(unit, PROGRAM_CC_DISCHARGE, parameters)) {
            set_state(unit, STATE_WORKING);
        }
        break;
    case FUNCTION_CONTINUE:
        if (ebc->state == STATE_IDLE && start(unit, program, parameters)) {
            set_state(unit, STATE_WORKING);
        }
        break;
    }
}

static void complete(struct cyc_unit *unit)
{
    const struct tester *ebc = cyc_unit_state(unit);
    const uint8_t *bytes = ebc->request;
    unsigned parameters[3];
    if (bytes[8] != checksum(bytes + 1, 7)) {
        cyc_unit_log(unit, "error checksum");
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        parameters[i] = (unsigned)bytes[2 + 2 * i] * BASE + bytes[3 + 2 * i];
    }
    if ((bytes[1] & 0x0F) != FUNCTION_CONNECT && (bytes[1] & 0x0F) != FUNCTION_DISCONNECT) {
        cyc_unit_log(unit, "received %02X %u %u %u", bytes[1], parameters[0], parameters[1],
                     parameters[2]);
        if (cyc_unit_fault(unit, CYC_FAULTY_IGNORE)) {
            return;
        }
    }
    obey(unit, bytes[1], parameters);
}

static void receive(struct cyc_unit *unit, const uint8_t *bytes, size_t size)
{
    struct tester *ebc = cyc_unit_state(unit);
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = bytes[i];
        if (byte == START) {
            ebc->request[0] = byte;
            ebc->used = 1;
        } else if (ebc->used == REQUEST_SIZE - 1) {
            ebc->used = 0;
            if (byte == END) {
                complete(unit);
            }
        } else if (byte >= RESERVED) {
            ebc->used = 0;
        } else if (ebc->used > 0) {
            ebc->request[ebc->used++] = byte;
        }
    }
}

/* ---- The box ------------------------------------------------------------------------------------
 */

static void power_on(struct cyc_unit *unit)
{
    struct tester *ebc = cyc_unit_state(unit);
    ebc->used = 0;
    ebc->connected = false;
    ebc->program = 0;
    memset(ebc->p, 0, sizeof ebc->p);
    ebc->charge_Ah = 0;
    set_state(unit, STATE_IDLE);
}

static int init(struct cyc_unit *unit, const char *options, struct cyc_err *err)
{
    static const char *const names[] = {"model", "report", "power", NULL};
    struct tester *ebc = cyc_unit_state(unit);
    char word[16] = "a05";
    ebc->report_s = 2;
    ebc->power_W = 0.1;
    int status = cyc_unit_option_check(options, names, err);
    status =
        status == CYC_OK ? cyc_unit_option_number(options, "report", &ebc->report_s, err) : status;
    status =
        status == CYC_OK ? cyc_unit_option_number(options, "power", &ebc->power_W, err) : status;
    (void)cyc_unit_option(options, "model", word, sizeof word);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        if (strcmp(models[i].name, word) == 0) {
            ebc->model = &models[i];
        }
    }
    if (status == CYC_OK && (ebc->model == NULL || !(ebc->report_s >= 0.01))) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "model is a05, a10h, a20 or a40, report at least 0.01 (s)");
    }
    if (status == CYC_OK) {
        power_on(unit);
    }
    return status;
}

const struct cyc_emulator cyc_emulator_zketech_ebc = {
    .name = "zketech_ebc",
    .title = "ZKETECH EBC battery tester (binary)",
    .options = "model=a05|a10h|a20|a40 (a05) report=2 (s between reports) power=0.1 (W per digit)",
    .state_size = sizeof(struct tester),
    .output_count = 1,
    .init = init,
    .receive = receive,
    .tick = tick,
    .reset = power_on,
    .faults =
        CYC_FAULT_BIT(IGNORE) | CYC_FAULTS_OF_CURRENT | CYC_FAULT_BIT(NAN) | CYC_FAULT_BIT(OVLD),
};
