/* A daemon that ignores every limit cannot move the cell beyond the channel's limits by more than
 * a poll period.
 *
 *   hostile CYCLOSTAT DOUBLE
 *
 * It discharges an emulated cell with all the current the channel allows, floods the port with
 * huge setpoints, wrong indexes and mangled messages, and starts again after every trip. No
 * instrument of this kind keeps the lower bound of a voltage by itself, so the port process must.
 *
 * The linear cell falls by SLOPE_V_S under this current, so how far it got beyond the limit says
 * how long it was there. The truth log has the voltage just after the current has stopped, higher
 * than before by the drop over R0.
 */
#include "faults/bench.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_V     3.58
#define LIMIT_A     0.1
#define RATE        2000.0
#define SLOPE_V_S   (1.2 / 2.5 * LIMIT_A / 3600.0 * RATE) /* ocv: 1.2 V over 2.5 Ah */
#define R0_OHM      0.020
#define POLL_S      0.25
#define EXCHANGES_S 0.05           /* asking once more, switching off */
#define LASTS_NS    (4 * CYC_S_NS) /* it goes on trying after the first trip */

static const char rig[] = BENCH_RIG("250 ms", "[3.58 V, 4.4 V]");

struct judged {
    double lowest_V, largest_A, compliance_V;
    unsigned stops;
    double stall_s;
};

static double after(const char *line, const char *word)
{
    const char *const at = strstr(line, word);
    double value = 0.0;
    size_t used;
    if (at != NULL) {
        const char *const from = at + strlen(word);
        (void)cyc_number_parse(from, strlen(from), &value, &used);
    }
    return value;
}

static struct judged read_truth(const char *path)
{
    struct judged judged = {.lowest_V = INFINITY};
    FILE *const file = fopen(path, "re");
    char line[600];
    double before_A = 0.0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strstr(line, " cell0 charge ") != NULL) {
            const double current_A = after(line, " current ");
            const bool stops = before_A != 0.0 && current_A == 0.0;
            const double voltage_V = after(line, " voltage ") - (stops ? LIMIT_A * R0_OHM : 0.0);
            judged.lowest_V = fmin(judged.lowest_V, voltage_V);
            judged.largest_A = fmax(judged.largest_A, fabs(current_A));
            judged.stops += stops;
            before_A = current_A;
        } else if (strstr(line, " compliance ") != NULL) {
            judged.compliance_V = fmax(judged.compliance_V, after(line, " compliance "));
        } else if (strstr(line, " stall ") != NULL) {
            judged.stall_s = fmax(judged.stall_s, after(line, " stall "));
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return judged;
}

static struct judged try_it(struct bench *bench)
{
    const char *options[] = {"keithley_2400", "--cell", "linear", "--rate",
                             "2000",          "--pty",  NULL,     NULL};
    bench_make(bench, 0, rig);
    options[6] = bench->link;
    bench_start_emulator(bench, options);
    bench_start_supervisor(bench, "hostile", "-0.1");
    char log[440];
    (void)snprintf(log, sizeof log, "%s/events.log", bench->state);
    for (unsigned i = 0; i < 200 && !bench_file_has(log, "below the channel's limit"); i++) {
        bench_sleep_ns(100 * CYC_MS_NS);
    }
    bench_sleep_ns(LASTS_NS);
    bench_kill_all(bench);
    return read_truth(bench->truth);
}

static bool expect(bool holds, const char *what)
{
    (void)printf("%s: %s\n", holds ? "holds" : "BROKEN", what);
    return holds;
}

int main(int argc, char **argv)
{
    struct bench bench;
    struct judged judged = {0};
    if (argc != 3) {
        (void)fputs("hostile CYCLOSTAT DOUBLE\n", stderr);
        return 2;
    }
    bench_cyclostat = argv[1];
    bench_double = argv[2];
    for (unsigned tries = 0; tries < 3; tries++) {
        judged = try_it(&bench);
        if (judged.stall_s * 1e9 <= (double)STALL_NS || tries == 2) {
            break;
        }
        (void)printf("the emulator stalled for %d ms: once more\n", (int)(judged.stall_s * 1e3));
        bench_end(&bench);
    }
    const double beyond_s = (LIMIT_V - judged.lowest_V) / SLOPE_V_S;
    (void)printf("beyond the limit for %d ms at most, %u stops\n", (int)(beyond_s * 1e3),
                 judged.stops);
    bool good = expect(judged.stops > 0, "the cell was discharged and stopped");
    good &= expect(beyond_s > 0.0, "it was driven to the limit");
    good &= expect(beyond_s <= POLL_S + EXCHANGES_S, "beyond it for a poll period at most");
    good &= expect(judged.largest_A <= LIMIT_A * 1.0001, "no current beyond the limit");
    good &= expect(judged.compliance_V <= 4.4001, "no compliance beyond the limit");
    char log[440];
    (void)snprintf(log, sizeof log, "%s/events.log", bench.state);
    good &= expect(bench_file_gets(log, "below the channel's limit"), "the log says why");
    good &= expect(!bench_file_has(log, "no sign of life"), "floods keep nobody from his work");
    if (!good) {
        bench_print_file(log);
    }
    bench_end(&bench);
    return good ? 0 : 1;
}
