/* BONGSHIN BS-205 load-cell indicator, after its manual (pages 15, 32, 33).
 *
 *     request   30+ID 'R'                       reply and stream, always 10 bytes
 *     zero      30+ID 'Z'   (no reply)          02  30+ID  sign  6 characters  03
 *     hold      30+ID 'H'   (no reply)
 *     release   30+ID 'L'   (no reply)
 *
 * The six characters are the displayed value, right-aligned with its decimal point. No unit, no
 * checksum, no terminator. In mode rC.on OFF (factory) it sends without being asked and answers
 * nothing. What an overload looks like on the wire is not documented: dashes here.
 *
 * The force is that of the press on its cell, pressure times area, in the unit of the display.
 */
#include "emulate/emulate.h"
#include "emulate/fault.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STX          0x02
#define ETX          0x03
#define FRAME_SIZE   10
#define DIGITS       6
#define N_PER_KGF    9.80665
#define M2_PER_CM2   1e-4
#define COUNTS_MAX   99999
#define ADDRESS_BYTE 0x30
#define DEFAULT_CM2  0.785
#define STREAM_MS    100

struct indicator {
    double id, decimals, area_cm2, stream_ms;
    double unit_N;
    bool streams;
    bool held;
    double held_value, zero;
    uint8_t first; /* of a request: the address has come */
};

/* In the unit of the display, before zero; NaN: the load cell is not there. */
static double raw_value(struct cyc_unit *unit)
{
    const struct indicator *bs = cyc_unit_state(unit);
    struct cyc_terminals seen;
    cyc_unit_terminals(unit, 0, &seen);
    if (seen.no_number || seen.overflow) {
        return NAN;
    }
    return seen.sample.pressure_Pa * bs->area_cm2 * M2_PER_CM2 / bs->unit_N;
}

static double shown_value(struct cyc_unit *unit)
{
    const struct indicator *bs = cyc_unit_state(unit);
    return bs->held ? bs->held_value : raw_value(unit) - bs->zero;
}

static void send_frame(struct cyc_unit *unit)
{
    const struct indicator *bs = cyc_unit_state(unit);
    const double value = shown_value(unit);
    char digits[CYC_NUMBER_SIZE];
    uint8_t frame[FRAME_SIZE];
    size_t size = 0;
    const double counts = fabs(value) * pow(10, bs->decimals);
    if (isfinite(value) && counts <= COUNTS_MAX) {
        size = cyc_number_fixed(digits, fabs(value), (int)bs->decimals);
    }
    frame[0] = STX;
    frame[1] = (uint8_t)(ADDRESS_BYTE + (int)bs->id);
    frame[2] = value < 0 ? '-' : '+';
    memset(frame + 3, size == 0 ? '-' : ' ', DIGITS);
    if (size > 0 && size <= DIGITS) {
        memcpy(frame + 3 + DIGITS - size, digits, size);
    }
    frame[FRAME_SIZE - 1] = ETX;
    cyc_unit_send(unit, frame, sizeof frame, 0);
}

static void obey(struct cyc_unit *unit, uint8_t command)
{
    struct indicator *bs = cyc_unit_state(unit);
    if (command == 'R') {
        send_frame(unit);
    } else if (command == 'Z') {
        cyc_unit_log(unit, "received zero");
        bs->zero = raw_value(unit);
    } else if (command == 'H') {
        bs->held_value = shown_value(unit);
        bs->held = true;
    } else if (command == 'L') {
        bs->held = false;
    }
}

static void receive(struct cyc_unit *unit, const uint8_t *bytes, size_t size)
{
    struct indicator *bs = cyc_unit_state(unit);
    const uint8_t own = (uint8_t)(ADDRESS_BYTE + (int)bs->id);
    for (size_t i = 0; i < size && !bs->streams; i++) {
        if (bs->first == own && strchr("RZHL", bytes[i]) != NULL && bytes[i] != 0) {
            obey(unit, bytes[i]);
            bs->first = 0;
        } else {
            bs->first = bytes[i];
        }
    }
}

static void tick(struct cyc_unit *unit)
{
    const struct indicator *bs = cyc_unit_state(unit);
    if (bs->streams) {
        send_frame(unit);
        cyc_unit_wake(unit, cyc_unit_now_ns(unit) + (int64_t)(bs->stream_ms * 1e6));
    }
}

static void power_on(struct cyc_unit *unit)
{
    struct indicator *bs = cyc_unit_state(unit);
    bs->held = false;
    bs->first = 0;
    tick(unit);
}

static int init(struct cyc_unit *unit, const char *options, struct cyc_err *err)
{
    static const char *const names[] = {"id",   "mode",     "decimals", "area_cm2",
                                        "unit", "interval", NULL};
    struct indicator *bs = cyc_unit_state(unit);
    char word[16] = "";
    *bs = (struct indicator){.decimals = 2,
                             .area_cm2 = DEFAULT_CM2,
                             .stream_ms = STREAM_MS,
                             .unit_N = N_PER_KGF,
                             .streams = true};
    int status = cyc_unit_option_check(options, names, err);
    status = status == CYC_OK ? cyc_unit_option_number(options, "id", &bs->id, err) : status;
    status =
        status == CYC_OK ? cyc_unit_option_number(options, "decimals", &bs->decimals, err) : status;
    status =
        status == CYC_OK ? cyc_unit_option_number(options, "area_cm2", &bs->area_cm2, err) : status;
    status = status == CYC_OK ? cyc_unit_option_number(options, "interval", &bs->stream_ms, err)
                              : status;
    if (status != CYC_OK) {
        return status;
    }
    if (bs->id < 0 || bs->id > 15 || bs->decimals < 0 || bs->decimals > 4 || bs->stream_ms < 1) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "id is 0 to 15, decimals 0 to 4, interval at least 1 (ms)");
    }
    if (cyc_unit_option(options, "mode", word, sizeof word)) {
        bs->streams = strcmp(word, "request") != 0;
    }
    if (cyc_unit_option(options, "unit", word, sizeof word) && strcmp(word, "N") == 0) {
        bs->unit_N = 1;
    }
    tick(unit);
    return CYC_OK;
}

const struct cyc_emulator cyc_emulator_bongshin_bs205 = {
    .name = "bongshin_bs205",
    .title = "BONGSHIN BS-205 load-cell indicator (RS-232)",
    .options = "id=0 mode=stream|request (stream) decimals=2 area_cm2=0.785 (of the press) "
               "unit=kgf|N (kgf) interval=100 (ms, of the stream)",
    .state_size = sizeof(struct indicator),
    .output_count = 1,
    .init = init,
    .receive = receive,
    .tick = tick,
    .reset = power_on,
    .faults = CYC_FAULTS_OF_PRESSURE | CYC_FAULT_BIT(FORCE_LOST) | CYC_FAULT_BIT(NAN) |
              CYC_FAULT_BIT(OVLD),
};
