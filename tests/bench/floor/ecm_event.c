/* The floor of a dry run: an event-driven equivalent circuit and a data file, nothing else.
 *
 *   ecm_event CELL.yaml DATA.csv FORMATION_CYCLES MAIN_CYCLES
 *
 * It carries out tests/bench/cycling.yaml on tests/bench/cell.yaml and writes the columns and
 * digits of the product's data file: rows at the start and end of each step and each 30 s in
 * between. There is no protocol, no limit, no fault, no journal and no second model; what it takes
 * is what physics and text take.
 *
 *   V = U(z) + I R0 + v1 + v2,   dz/dt = I / Q,   dv_k/dt = (R_k I - v_k) / tau_k
 *
 * Constant current: from row to row with decay factors worked out once. When the voltage has passed
 * its end, the crossing is found by false position (Illinois) on the closed form. Constant voltage:
 * sub-steps of 5 s in which the current runs along a straight line; its end value is the root of
 * V = const, linear within a segment of the OCV table. Energies are trapezoids over rows and the
 * crossing.
 *
 * Numbers are rounded to scaled integers and written two digits at a time; what cannot change
 * within a step is written once a step.
 */
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROW_S       30.0
#define SUB_S       5.0
#define R0_OHM      0.020
#define R1_OHM      0.015
#define R2_OHM      0.020
#define TAU1_S      10.8
#define TAU2_S      440.0
#define CAPACITY_Ah 4.0
#define ONE_C_A     4.0
#define HOLD_V      4.2
#define EMPTY_V     3.0
#define POINTS_MAX  512
#define BUFFER_SIZE (256 * 1024)
#define ROW_SIZE    512
#define ANCHOR_MS   INT64_C(1704067200000)

struct state {
    double soc;
    double v1_V, v2_V;
};

/* What one duration does to a state under a current that runs from I0 to I1 on a straight line. */
struct span {
    double time_s;
    double decay1, decay2;
    double first1, last1; /* v1 = decay1 v1 + first1 I0 + last1 I1 */
    double first2, last2;
};

struct text {
    char bytes[32];
    size_t size;
};

struct run {
    double ocv_V[POINTS_MAX];
    int segments; /* of a uniform grid */
    struct state state;
    struct span row, sub;
    double charge_Ah, discharge_Ah, charge_Wh, discharge_Wh;
    int64_t start_ms; /* of the step */
    uint64_t record;
    unsigned cycle, step;
    double row_V, row_I, row_s, row_soc; /* the last point: for sums */
    bool charging;
    struct text count;              /* "cycle,step,ambient,id,type," */
    struct text still_Ah, still_Wh; /* the totals that the step does not change */
    int fd;
    size_t fill;
    char buffer[BUFFER_SIZE];
};

/* ---- Text -------------------------------------------------------------------------------------
 */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* Without leading zeros. 1233 / 4096 is log10(2), closely enough for 64 bits. */
static inline char *put_whole(char *at, uint64_t number)
{
    static const uint64_t powers[] = {
        0,        10,        100,        1000,        10000,        100000,        1000000,
        10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000};
    const unsigned guess = (64 - (unsigned)__builtin_clzll(number | 1)) * 1233 >> 12;
    char *end = at + guess + (number >= powers[guess] ? 1 : 0);
    char *to = end;
    for (; number >= 100; number /= 100) {
        to -= 2;
        memcpy(to, pairs + 2 * (number % 100), 2);
    }
    if (number >= 10) {
        memcpy(at, pairs + 2 * number, 2);
    } else {
        *at = (char)('0' + number);
    }
    return end;
}

static char *put_ms(char *at, int64_t ms)
{
    at = put_whole(at, (uint64_t)ms / 1000);
    const unsigned rest = (unsigned)(ms % 1000);
    at[0] = '.';
    at[1] = (char)('0' + rest / 100);
    memcpy(at + 2, pairs + (size_t)2 * (rest % 100), 2);
    at[4] = ',';
    return at + 5;
}

/* An even number of decimals. */
static inline char *put_fixed(char *at, double value, unsigned scale, int decimals)
{
    if (value < 0.0) {
        *at++ = '-';
        value = -value;
    }
    const uint64_t scaled = (uint64_t)(value * scale + 0.5);
    at = put_whole(at, scaled / scale);
    unsigned rest = (unsigned)(scaled % scale);
    *at = '.';
    for (int i = decimals - 1; i > 0; i -= 2) {
        memcpy(at + i, pairs + (size_t)2 * (rest % 100), 2);
        rest /= 100;
    }
    at[decimals + 1] = ',';
    return at + decimals + 2;
}

/* A fixed size costs no call. */
static inline char *put_text(char *at, const struct text *text)
{
    memcpy(at, text->bytes, sizeof text->bytes);
    return at + text->size;
}

static void flush(struct run *run)
{
    for (size_t done = 0; done < run->fill;) {
        const ssize_t written = write(run->fd, run->buffer + done, run->fill - done);
        if (written <= 0) {
            perror("write");
            exit(1);
        }
        done += (size_t)written;
    }
    run->fill = 0;
}

/* Charge and energy since the last point. */
static inline void account(struct run *run, double step_s, double voltage_V, double current_A)
{
    const double hours = (step_s - run->row_s) / 3600.0;
    const double energy_Wh = 0.5 * (run->row_I * run->row_V + current_A * voltage_V) * hours;
    if (run->charging) {
        run->charge_Ah += (run->state.soc - run->row_soc) * CAPACITY_Ah;
        run->charge_Wh += energy_Wh;
    } else {
        run->discharge_Ah += (run->row_soc - run->state.soc) * CAPACITY_Ah;
        run->discharge_Wh -= energy_Wh;
    }
    run->row_s = step_s;
    run->row_V = voltage_V;
    run->row_I = current_A;
    run->row_soc = run->state.soc;
}

static void put_row(struct run *run, double step_s, double voltage_V, double current_A)
{
    account(run, step_s, voltage_V, current_A);
    const int64_t step_ms = (int64_t)(step_s * 1000.0 + 0.5);
    char *at = run->buffer + run->fill;
    at = put_ms(at, run->start_ms + step_ms);
    at = put_fixed(at, voltage_V, 1000000, 6);
    at = put_fixed(at, current_A, 1000000, 6);
    at = put_ms(at, ANCHOR_MS + run->start_ms + step_ms);
    at = put_text(at, &run->count);
    at = put_ms(at, step_ms);
    at = put_whole(at, ++run->record);
    *at++ = ',';
    if (run->charging) {
        at = put_fixed(at, run->charge_Ah, 1000000, 6);
        at = put_text(at, &run->still_Ah);
        at = put_fixed(at, run->charge_Wh, 1000000, 6);
        at = put_text(at, &run->still_Wh);
    } else {
        at = put_text(at, &run->still_Ah);
        at = put_fixed(at, run->discharge_Ah, 1000000, 6);
        at = put_text(at, &run->still_Wh);
        at = put_fixed(at, run->discharge_Wh, 1000000, 6);
    }
    memcpy(at, "25.000,100000\n", 14);
    run->fill = (size_t)(at + 14 - run->buffer);
    if (run->fill > BUFFER_SIZE - ROW_SIZE) {
        flush(run);
    }
}

/* ---- Physics ----------------------------------------------------------------------------------
 */

static struct span make_span(double time_s)
{
    struct span span = {
        .time_s = time_s, .decay1 = exp(-time_s / TAU1_S), .decay2 = exp(-time_s / TAU2_S)};
    const double mean1 = -expm1(-time_s / TAU1_S) * TAU1_S / time_s;
    const double mean2 = -expm1(-time_s / TAU2_S) * TAU2_S / time_s;
    span.first1 = R1_OHM * (mean1 - span.decay1);
    span.last1 = R1_OHM * (1.0 - mean1);
    span.first2 = R2_OHM * (mean2 - span.decay2);
    span.last2 = R2_OHM * (1.0 - mean2);
    return span;
}

static inline struct state move(struct state state, const struct span *span, double first_A,
                                double last_A)
{
    state.soc += 0.5 * (first_A + last_A) * span->time_s / (3600.0 * CAPACITY_Ah);
    state.v1_V = span->decay1 * state.v1_V + span->first1 * first_A + span->last1 * last_A;
    state.v2_V = span->decay2 * state.v2_V + span->first2 * first_A + span->last2 * last_A;
    return state;
}

/* OCV and its slope per unit of SOC. */
static inline double ocv(const struct run *run, double soc, double *slope_V)
{
    const double place = soc * run->segments;
    int segment = (int)place;
    segment = segment < 0 ? 0 : segment >= run->segments ? run->segments - 1 : segment;
    const double low_V = run->ocv_V[segment];
    const double rise_V = run->ocv_V[segment + 1] - low_V;
    *slope_V = rise_V * run->segments;
    return low_V + (place - segment) * rise_V;
}

static inline double voltage(const struct run *run, const struct state *state, double current_A)
{
    double slope_V;
    return ocv(run, state->soc, &slope_V) + current_A * R0_OHM + state->v1_V + state->v2_V;
}

/* The time after which the voltage is `end_V`; it lies within the span. */
static double crossing_s(const struct run *run, double current_A, double end_V, double span_s)
{
    double low_s = 0.0;
    double low = voltage(run, &run->state, current_A) - end_V;
    double high_s = span_s;
    struct span span = make_span(span_s);
    struct state state = move(run->state, &span, current_A, current_A);
    double high = voltage(run, &state, current_A) - end_V;
    int side = 0;
    while (high_s - low_s > 1e-6 && fabs(high) > 1e-10) {
        const double middle_s = (low * high_s - high * low_s) / (low - high);
        span = make_span(middle_s);
        state = move(run->state, &span, current_A, current_A);
        const double middle = voltage(run, &state, current_A) - end_V;
        if ((middle >= 0.0) == (high >= 0.0)) {
            low = side == 1 ? 0.5 * low : low;
            side = 1;
            high_s = middle_s;
            high = middle;
        } else {
            high = side == -1 ? 0.5 * high : high;
            side = -1;
            low_s = middle_s;
            low = middle;
        }
    }
    return high_s;
}

/* Returns the step time at which the voltage has come to end_V. */
static double constant_current(struct run *run, double current_A, double end_V)
{
    const double sign = current_A < 0.0 ? -1.0 : 1.0;
    double step_s = 0.0;
    put_row(run, 0.0, voltage(run, &run->state, current_A), current_A);
    for (;;) {
        const struct state next = move(run->state, &run->row, current_A, current_A);
        const double next_V = voltage(run, &next, current_A);
        if (__builtin_expect(sign * (next_V - end_V) >= 0.0, 0)) {
            break;
        }
        run->state = next;
        step_s += ROW_S;
        put_row(run, step_s, next_V, current_A);
    }
    const double rest_s = crossing_s(run, current_A, end_V, ROW_S);
    const struct span span = make_span(rest_s);
    run->state = move(run->state, &span, current_A, current_A);
    return step_s + rest_s;
}

/* The current at the end of the span that keeps the voltage, from the current at its start. */
static double held_current(const struct run *run, const struct span *span, double first_A)
{
    double last_A = first_A;
    for (int i = 0; i < 3; i++) {
        double slope_V;
        const struct state state = move(run->state, span, first_A, last_A);
        const double error_V =
            ocv(run, state.soc, &slope_V) + last_A * R0_OHM + state.v1_V + state.v2_V - HOLD_V;
        last_A -= error_V / (R0_OHM + span->last1 + span->last2 +
                             slope_V * 0.5 * span->time_s / (3600.0 * CAPACITY_Ah));
        if (fabs(error_V) < 1e-9) {
            break;
        }
    }
    return last_A;
}

static double constant_voltage(struct run *run, double step_s, double current_A, double end_A)
{
    double row_s = (floor(step_s / ROW_S) + 1.0) * ROW_S;
    for (;;) {
        struct span span = run->sub;
        if (step_s + SUB_S > row_s) {
            span = make_span(row_s - step_s > 1e-9 ? row_s - step_s : 1e-9);
        }
        double next_A = held_current(run, &span, current_A);
        if (next_A <= end_A) {
            for (int i = 0; i < 20 && fabs(next_A - end_A) > 1e-9; i++) {
                span = make_span(span.time_s * (current_A - end_A) / (current_A - next_A));
                next_A = held_current(run, &span, current_A);
            }
            run->state = move(run->state, &span, current_A, next_A);
            put_row(run, step_s + span.time_s, HOLD_V, next_A);
            return step_s + span.time_s;
        }
        run->state = move(run->state, &span, current_A, next_A);
        step_s += span.time_s;
        current_A = next_A;
        if (step_s > row_s - 1e-6) {
            put_row(run, step_s, HOLD_V, current_A);
            row_s += ROW_S;
        }
    }
}

/* ---- The protocol -----------------------------------------------------------------------------
 */

static void begin_step(struct run *run, unsigned id, bool charging)
{
    run->step++;
    run->row_s = 0.0;
    run->row_I = 0.0;
    run->row_V = 0.0;
    run->row_soc = run->state.soc;
    run->charging = charging;
    run->count.size =
        (size_t)snprintf(run->count.bytes, sizeof run->count.bytes, "%u,%u,25.000,%u,%s,",
                         run->cycle, run->step, id, charging ? "CCCV_CHG" : "CC_DCH");
    const double still_Ah = charging ? run->discharge_Ah : run->charge_Ah;
    const double still_Wh = charging ? run->discharge_Wh : run->charge_Wh;
    char *end = put_fixed(run->still_Ah.bytes, still_Ah, 1000000, 6);
    run->still_Ah.size = (size_t)(end - run->still_Ah.bytes);
    end = put_fixed(run->still_Wh.bytes, still_Wh, 1000000, 6);
    run->still_Wh.size = (size_t)(end - run->still_Wh.bytes);
}

static void cycle(struct run *run, double rate_C, double end_C, unsigned first_id)
{
    run->cycle++;
    begin_step(run, first_id, true);
    double step_s = constant_current(run, rate_C * ONE_C_A, HOLD_V);
    account(run, step_s, HOLD_V, rate_C * ONE_C_A);
    step_s = constant_voltage(run, step_s, rate_C * ONE_C_A, end_C * ONE_C_A);
    run->start_ms += (int64_t)(step_s * 1000.0 + 0.5);
    begin_step(run, first_id + 1, false);
    step_s = constant_current(run, -rate_C * ONE_C_A, EMPTY_V);
    put_row(run, step_s, EMPTY_V, -rate_C * ONE_C_A);
    run->start_ms += (int64_t)(step_s * 1000.0 + 0.5);
}

/* The rows "- [SOC %, OCV V]" of the cell file; their SOC is a uniform grid. */
static int read_ocv(struct run *run, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256];
    int count = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *start = strstr(line, "- [");
        const char *comma = start != NULL ? strchr(start, ',') : NULL;
        if (comma != NULL && count < POINTS_MAX) {
            run->ocv_V[count++] = strtod(comma + 1, NULL);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    run->segments = count - 1;
    return count;
}

int main(int argc, char **argv)
{
    static struct run run;
    if (argc != 5 || read_ocv(&run, argv[1]) < 2) {
        (void)fprintf(stderr, "usage: ecm_event CELL.yaml DATA.csv FORMATION_CYCLES MAIN_CYCLES\n");
        return 2;
    }
    run.fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (run.fd < 0) {
        perror(argv[2]);
        return 1;
    }
    static const char header[] =
        "Test Time / s,Voltage / V,Current / A,Unix Time / s,Cycle Count / 1,Step Count / 1,"
        "Ambient Temperature / degC,Step ID,Step Type,Step Time / s,Record Index / 1,"
        "Charging Capacity / Ah,Discharging Capacity / Ah,Charging Energy / Wh,"
        "Discharging Energy / Wh,Temperature T1 / degC,Applied Pressure / Pa\n";
    memcpy(run.buffer, header, sizeof header - 1);
    run.fill = sizeof header - 1;
    run.state.soc = 0.05;
    run.row = make_span(ROW_S);
    run.sub = make_span(SUB_S);
    const long formation_cycles = strtol(argv[3], NULL, 10);
    const long main_cycles = strtol(argv[4], NULL, 10);
    for (long i = 0; i < formation_cycles; i++) {
        cycle(&run, 0.05, 0.025, 1);
    }
    for (long i = 0; i < main_cycles; i++) {
        cycle(&run, 0.5, 0.25, 3);
    }
    flush(&run);
    if (close(run.fd) != 0) {
        perror("close");
        return 1;
    }
    return 0;
}
