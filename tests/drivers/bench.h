/* A driver on its bus in memory, an emulated instrument at the other end, and a cell behind it; in
 * virtual time. What went over the wire and what the instrument really did can be looked at.
 */
#ifndef CYC_TESTS_DRIVERS_BENCH_H
#define CYC_TESTS_DRIVERS_BENCH_H

#include "device/driver.h"
#include "emulate/emulate.h"

#define BENCH_SENT_MAX (1u << 16)

struct bench_kind {
    const char *driver;   /* name */
    const char *emulator; /* folder */
    const char *settings; /* of the driver: "model=A20,…" */
    const char *options;  /* of the emulator */
};

struct bench {
    struct cyc_registry *registry;
    const struct cyc_driver *driver;
    struct cyc_instrument *instrument;
    struct cyc_bus *bus;
    struct cyc_emulation *emulation;
    struct cyc_unit *unit;
    unsigned link;
    char truth_path[64];
    size_t sent_size; /* since the last bench_forget() */
    uint8_t sent[BENCH_SENT_MAX];
};

/* The five instruments with emulators, as they come from the factory; ended by a null name. */
extern const struct bench_kind bench_kinds[];
const struct bench_kind *bench_kind(const char *driver);

/* A cell of 1.8 mAh at 3.7 V, 20 ohm. Asserts that all goes well. */
void bench_open(struct bench *bench, const struct bench_kind *kind, const char *fault);
void bench_close(struct bench *bench);
/* Another instance of the driver on the same wire: the program has started anew. */
void bench_reopen_driver(struct bench *bench, const struct bench_kind *kind);
/* Identified, protected with 0 to 5 V and 10 mA (1 A for testers of large cells). */
void bench_ready(struct bench *bench);
struct cyc_protection bench_bounds(const struct bench *bench);
int64_t bench_deadline(const struct bench *bench, int64_t after_ns);
void bench_wait(struct bench *bench, int64_t by_ns);
void bench_forget(struct bench *bench); /* what was sent */
bool bench_has_sent(const struct bench *bench, const char *text);
/* Lines of the truth log that contain the text. */
unsigned bench_truth(const struct bench *bench, const char *text);
/* Place of the first line that contains the text, from 1; 0: none. */
unsigned bench_truth_line(const struct bench *bench, const char *text);
bool bench_is_off(const struct bench *bench);
int bench_current(struct bench *bench, double current_A, struct cyc_err *err);
int bench_voltage(struct bench *bench, double voltage_V, double current_A, struct cyc_err *err);
int bench_rest(struct bench *bench, struct cyc_err *err);
/* After an exchange that failed: what a port does. */
int bench_mend(struct bench *bench, struct cyc_err *err);

#endif
