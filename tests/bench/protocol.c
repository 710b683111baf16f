/* The protocol layer alone, in CPU time of its own process.
 *
 *   bench_protocol compile FILE.yaml REPEAT    seconds to read, check and compile it, best of all
 *   bench_protocol replay FILE.lua STEPS       mean seconds from a result to the next step, while a
 *                                              recorded history is fed to the source again
 */
#include "protocol/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static struct cyc_protocol *load(const char *path)
{
    static struct cyc_diags diags;
    struct cyc_protocol *protocol = NULL;
    struct cyc_err err = {0};
    const struct cyc_protocol_options options = {.path = path};
    cyc_diags_init(&diags);
    if (cyc_protocol_load(&options, &diags, &protocol, &err) != CYC_OK) {
        struct cyc_text text = {0};
        cyc_diags_print(&diags, &text, false);
        (void)fprintf(stderr, "%s%s\n", cyc_text_get(&text), err.text);
        exit(1);
    }
    cyc_diags_release(&diags);
    return protocol;
}

static void compile(const char *path, long repeat)
{
    double best_s = 1e9;
    for (long i = 0; i < repeat; i++) {
        const double start_s = now_s();
        struct cyc_protocol *protocol = load(path);
        const double time_s = now_s() - start_s;
        cyc_protocol_free(protocol);
        best_s = time_s < best_s ? time_s : best_s;
    }
    (void)printf("%.9f\n", best_s);
}

/* What the journal would hold: each step ended at its voltage, with the same charge. */
static void record(const struct cyc_step *step, uint32_t count, struct cyc_result *result)
{
    *result = (struct cyc_result){.step_count = count, .reason = CYC_REASON_VOLTAGE};
    result->step_time_ns = INT64_C(3600) * CYC_S_NS;
    result->start_ns = (int64_t)(count - 1) * result->step_time_ns;
    result->end_ns = result->start_ns + result->step_time_ns;
    result->voltage_V = step->charging ? 4.2 : 3.0;
    if (step->charging) {
        result->sums.charge_Ah = 3.5;
        result->sums.charge_Wh = 13.3;
    } else {
        result->sums.discharge_Ah = 3.5;
        result->sums.discharge_Wh = 12.9;
    }
}

static void replay(const char *path, long steps)
{
    struct cyc_protocol *protocol = load(path);
    struct cyc_source *source = NULL;
    struct cyc_err err = {0};
    if (cyc_source_open(protocol, &source, &err) != CYC_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    static struct cyc_item item;
    static struct cyc_result result;
    const struct cyc_result *last = NULL;
    uint32_t count = 0;
    const double start_s = now_s();
    while (count < (uint32_t)steps) {
        if (cyc_source_next(source, last, &item, &err) != CYC_OK || item.kind == CYC_ITEM_END) {
            (void)fprintf(stderr, "ended after %u steps: %s\n", (unsigned)count, err.text);
            exit(1);
        }
        last = NULL;
        if (item.kind == CYC_ITEM_STEP) {
            record(item.step, ++count, &result);
            last = &result;
        }
    }
    (void)printf("%.9f\n", (now_s() - start_s) / (double)steps);
    cyc_source_close(source);
    cyc_protocol_free(protocol);
}

int main(int argc, char **argv)
{
    const long number = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
    if (number > 0 && strcmp(argv[1], "compile") == 0) {
        compile(argv[2], number);
    } else if (number > 0 && strcmp(argv[1], "replay") == 0) {
        replay(argv[2], number);
    } else {
        (void)fprintf(stderr, "usage: bench_protocol compile|replay FILE NUMBER\n");
        return 2;
    }
    return 0;
}
