/* The far end of the live benchmarks: racks (rack.h) behind pseudo-terminals, all in one process of
 * their own. It answers, counts the polls that did not come, says on request that a cell is beyond
 * something, goes on saying so until OFF arrives, and takes both times, so that the subject cannot
 * flatter itself. What it sees is in memory that it shares. */
#ifndef CYC_TEST_BENCH_FAR_END_H
#define CYC_TEST_BENCH_FAR_END_H

#include "base/text.h"
#include "bench/rack.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FAR_PORTS_MAX     64
#define FAR_LATENCIES_MAX 8192
#define FAR_PERIOD_NS     INT64_C(100000000)

enum over { OVER_NONE, OVER_CUTOFF, OVER_PROTOCOL, OVER_CHANNEL, OVER_COUNT };

struct far_series { /* from the reply beyond something to OFF */
    volatile unsigned count;
    int64_t ns[FAR_LATENCIES_MAX];
};

struct far_stamps {
    volatile int measuring; /* polls and exchanges are counted */
    volatile int chance; /* enum over that one reading in a hundred of an output that is on has */
    volatile int disk;   /* 1: the disk is being stalled meanwhile */
    volatile uint64_t exchanges, missed;
    volatile unsigned char orders[FAR_PORTS_MAX][RACK_OUTPUTS_MAX]; /* enum over, at once */
    volatile unsigned char on[FAR_PORTS_MAX][RACK_OUTPUTS_MAX];
    struct far_series series[OVER_COUNT][2]; /* by kind and by disk */
};

struct far_end {
    unsigned ports, outputs;
    pid_t process;
    int masters[FAR_PORTS_MAX];
    char names[FAR_PORTS_MAX][64];
    struct far_stamps *stamps;
};

void far_die(const char *what);
int64_t far_now_ns(void); /* CLOCK_BOOTTIME */

/* Opens the pseudo-terminals and starts the process. */
void far_start(struct far_end *far);
void far_stop(struct far_end *far);
/* ports, instruments, channels c0, c1 … of a rig with this driver; ends with a sha256 of it all. */
void far_write_rig(const struct far_end *far, const char *driver, const char *path,
                   char sha256[65]);

/* Of one series; it gets sorted. */
struct far_quantiles {
    unsigned count;
    double p50_us, p99_us, most_us;
};
struct far_quantiles far_quantiles(struct far_series *series);

/* ---- Processes ------------------------------------------------------------------------------ */

/* Time on a processor so far: of the first thread, and (returned) of the others. */
double far_cpu_s(pid_t pid, double *first_s);
double far_private_KiB(pid_t pid);

#endif
