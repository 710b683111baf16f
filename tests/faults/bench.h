/* What the fault tests share: a rig of emulated instruments, its processes, its truth log. */
#ifndef FAULTS_BENCH_H
#define FAULTS_BENCH_H

#include "device/message.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define STALL_NS (100 * CYC_MS_NS) /* an emulator that was late by more judges nothing */

/* The usual rig: one Keithley 2400 on port smu, channel A1. */
#define BENCH_RIG(poll, voltage)                                                                   \
    "cyclostat_rig: 1\n"                                                                           \
    "ports: {smu: {address: smu}}\n"                                                               \
    "instruments:\n"                                                                               \
    "  smu1: {driver: keithley_2400, port: smu, poll: " poll ", accept: no_watchdog,\n"            \
    "         options: {terminator: CR}}\n"                                                        \
    "channels:\n"                                                                                  \
    "  A1: {cycler: smu1, limits: {voltage: " voltage ", current: 100 mA}}\n"

/* One rig in a folder of its own: an emulator; a supervisor with the double or the program's own
 * daemon, or a port process and a daemon without a supervisor. */
struct bench {
    char folder[256], rig[300], state[400], truth[300], link[300];
    pid_t emulator, supervisor;
    pid_t port, daemon;  /* without a supervisor */
    pid_t client;        /* `cyclostat run` */
    unsigned lives;      /* with runs: each has a state folder of its own */
    bool waits;          /* for a daemon that takes the run */
    int64_t read_offset; /* of the truth log */
    /* As the truth log says, at the last look: */
    bool is_on;           /* the output drives a current */
    int64_t changed_ns;   /* when that changed */
    int64_t first_off_ns; /* first time off since bench_mark(); 0: not yet */
    int64_t mark_ns;
    int64_t fault_ns;   /* when the latest fault on demand began, */
    double fault_degC;  /* and where one of chamber or press began from */
    int64_t stall_ns;   /* longest stall since bench_mark() */
    double voltage_V;   /* of the cell, newest */
    unsigned energised; /* times that it was switched on */
    unsigned attached;  /* times that the port was opened */
};

extern const char *bench_cyclostat; /* paths of the programs */
extern const char *bench_double;

int64_t bench_now_ns(void);
void bench_sleep_ns(int64_t time_ns);
/* Makes the folder and the rig file; %s in the text of the rig is the folder. */
void bench_make(struct bench *bench, unsigned number, const char *rig);
void bench_start_emulator(struct bench *bench, const char *const *options);
void bench_start_supervisor(struct bench *bench, const char *mode, const char *current_A);
/* The program itself, with its own daemon, and one option with its value. */
void bench_start_program(struct bench *bench, const char *option, const char *value);
/* The program itself and a run on channel A1, whose protocol is written to <folder>/protocol: a
 * text in YAML, or in Lua where it begins with "--". bench_submit() then has to be called until
 * the daemon takes the run. Without a supervisor only the lease keeps anybody. */
void bench_start_run(struct bench *bench, const char *protocol, bool supervised);
void bench_submit(struct bench *bench);
/* SIGKILL, and all that it has started with it. */
void bench_kill_all(struct bench *bench);
void bench_end(struct bench *bench); /* kills and removes the folder */
/* Number of a process as <state>/holders has it; 0: none. */
pid_t bench_holder(const struct bench *bench, const char *role);
/* Reads what is new in the truth log. */
void bench_look(struct bench *bench);
void bench_mark(struct bench *bench);
/* As if it had been marked then: reads the truth log once more from there on. */
void bench_mark_at(struct bench *bench, int64_t t_ns);
/* Waits until the output is as wanted; false: not in time. */
bool bench_await(struct bench *bench, bool is_on, int64_t patience_ns);
/* Runs the program and waits; its exit code. Its output goes to <folder>/out.txt. */
int bench_run(const struct bench *bench, const char *const *arguments);
/* Does the jobs first … last - 1, each in a process of its own, a few side by side. Each writes a
 * line to `out`; they are printed in order. How many failed. */
typedef bool (*bench_job_fn)(unsigned number, int out);
unsigned bench_do_all(unsigned first, unsigned last, bench_job_fn job);
/* Is there a line with this text in the file? */
bool bench_file_has(const char *path, const char *text);
/* The same, within 2 s: who writes a log does not wait for its disk. */
bool bench_file_gets(const char *path, const char *text);
void bench_print_file(const char *path);

#endif
