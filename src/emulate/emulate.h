/* Emulated instruments: the real wire protocol on a pseudo-terminal or TCP port, in front of a
 * simulated cell. Independent of our drivers: it knows what makers publish, and nothing of
 * src/device.
 *
 *   wire ──► link (pty, TCP, memory) ──► unit: one instrument's firmware ──► bench: cell, wiring,
 *    ▲                                        │                                chamber, press
 *    └───────── wire faults ◄─────────────────┘           truth log: what really happened, when
 *
 * Two clocks: the wire runs in real time (CLOCK_BOOTTIME, or virtual on a link in memory); the
 * cell runs `rate` times as fast.
 */
#ifndef CYC_EMULATE_EMULATE_H
#define CYC_EMULATE_EMULATE_H

#include "base/text.h"
#include "cell/cell.h"

#include <stdint.h>

#define CYC_EMULATION_UNITS_MAX 128
#define CYC_EMULATION_CELLS_MAX 1024

struct cyc_emulation; /* one process: links, units, benches, clock, truth log */
struct cyc_unit;      /* one emulated instrument */

/* The firmware of one kind of instrument: drivers/<name>/emulator.c. */
struct cyc_emulator {
    const char *name; /* the folder: "keithley_2400" */
    const char *title;
    const char *options; /* help: "address=A … ; model=2400|2410" */
    size_t state_size;
    unsigned output_count; /* cells it can drive, at most */
    /* `options` as "name=value,name=value" or "". */
    int (*init)(struct cyc_unit *unit, const char *options, struct cyc_err *err);
    void (*receive)(struct cyc_unit *unit, const uint8_t *bytes, size_t size);
    void (*tick)(
        struct cyc_unit *unit); /* at the time asked for with cyc_unit_wake(); may be NULL */
    /* Power fails and returns: everything at its power-on defaults. */
    void (*reset)(struct cyc_unit *unit);
    /* Faults of its own (enum cyc_fault_word of fault.h, bit per word), and what happens when one
     * of them that lasts begins and ends; may be NULL. */
    uint64_t faults;
    void (*fault)(struct cyc_unit *unit, int word, bool begins, double value);
};

/* What an output does at its terminals: a setpoint and what the source cannot go beyond. */
struct cyc_source {
    struct cyc_setpoint setpoint;
    double compliance_V; /* of current control: the voltage is held within +- this; NaN: none */
    double most_A;       /* what the hardware can carry either way; NaN: no bound */
    bool four_wire;      /* voltage is measured and held at the sense leads */
};

/* Seen at an instrument's terminals, through the wiring; and at the cell itself. */
struct cyc_terminals {
    struct cyc_sample sample; /* voltage and current as an ideal instrument measures them there */
    bool holds_voltage;       /* the source holds a voltage: its target, or its compliance */
    bool no_number;           /* the instrument's converter gives nothing (a fault) */
    bool overflow;            /* … or is over its range */
    double cell_V, cell_A;    /* the truth; NaN: no cell */
};

/* ---- What a unit may do -------------------------------------------------------------------------
 */

void *cyc_unit_state(struct cyc_unit *unit);
const char *cyc_unit_name(const struct cyc_unit *unit);
int64_t cyc_unit_now_ns(const struct cyc_unit *unit); /* time of the wire */
double cyc_unit_rate(const struct cyc_unit *unit);    /* cell time per time of the wire */
void cyc_unit_send(struct cyc_unit *unit, const void *bytes, size_t size, int64_t after_ns);
/* The line takes its time, both ways: 10 bits a byte. 0: none. */
void cyc_unit_line_speed(struct cyc_unit *unit, double baud);
/* What was sent and is not out yet is thrown away: device clear. */
void cyc_unit_discard(struct cyc_unit *unit);
void cyc_unit_wake(struct cyc_unit *unit, int64_t at_ns); /* one time only; earlier ones stand */
/* A line for the truth log, e.g. "error -113". Setpoints and outputs are logged by themselves. */
void cyc_unit_log(struct cyc_unit *unit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What the output really does from now on. CONTROL_OPEN: relay open. Logged as
 * "output N open" or "output N current 0.0045 …". */
void cyc_unit_drive(struct cyc_unit *unit, unsigned output, const struct cyc_setpoint *setpoint);
/* The same for a source with a compliance of its own, 2-wire or 4-wire. */
void cyc_unit_source(struct cyc_unit *unit, unsigned output, const struct cyc_source *source);
/* What an ideal instrument would measure at its terminals now (through the wiring's faults, with
 * the instrument's own noise, if asked for). */
void cyc_unit_measure(struct cyc_unit *unit, unsigned output, struct cyc_sample *sample);
/* The same with what else a source knows of itself. */
void cyc_unit_terminals(struct cyc_unit *unit, unsigned output, struct cyc_terminals *terminals);
void cyc_unit_environment(struct cyc_unit *unit, const struct cyc_environment *environment);

/* Letters of a wire are ASCII; the locale has no say. */
static inline char cyc_unit_upper(char letter)
{
    return letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
}
static inline bool cyc_unit_is_letter(char letter)
{
    return cyc_unit_upper(letter) >= 'A' && cyc_unit_upper(letter) <= 'Z';
}

/* Options, "name=value,name=value": the text of one, false when it is not there; a number, left as
 * it is when not there; and whether there are others than these (ended by NULL). */
bool cyc_unit_option(const char *options, const char *name, char *value, size_t size);
int cyc_unit_option_number(const char *options, const char *name, double *value,
                           struct cyc_err *err);
int cyc_unit_option_check(const char *options, const char *const *names, struct cyc_err *err);

/* ---- Building and running one
 * ---------------------------------------------------------------------- */

struct cyc_emulation_options {
    double rate;            /* cell time per wire time; 1 */
    uint64_t seed;          /* of all faults */
    const char *truth_path; /* NULL: none; "-": stdout */
    bool wire;              /* the truth holds every byte that came as well */
    bool virtual_time;      /* links in memory; time moves by cyc_emulation_advance() */
};
int cyc_emulation_new(const struct cyc_emulation_options *options, struct cyc_emulation **emulation,
                      struct cyc_err *err);
void cyc_emulation_free(struct cyc_emulation *emulation);
/* A cell on the bench; *index to attach units to. `spec` is copied. */
int cyc_emulation_cell(struct cyc_emulation *emulation, const struct cyc_cell_spec *spec,
                       unsigned *index, struct cyc_err *err);
/* A link: "pty:PATH" (makes a symbolic link PATH to a new pseudo-terminal), "tcp:PORT",
 * "memory". */
int cyc_emulation_link(struct cyc_emulation *emulation, const char *where, unsigned *index,
                       struct cyc_err *err);
/* An instrument on a link; cells[i] is the cell at its output i. */
int cyc_emulation_unit(struct cyc_emulation *emulation, const struct cyc_emulator *emulator,
                       unsigned link, const char *options, const unsigned *cells,
                       unsigned cell_count, struct cyc_unit **unit, struct cyc_err *err);
/* "late:p=0.01,by=2s" "mute:at=10s,for=5s" "short:cell=0,ohm=0.01,at=1h": see fault.c. */
int cyc_emulation_fault(struct cyc_emulation *emulation, const char *text, struct cyc_err *err);
/* All fault words with what they do, for people. */
void cyc_emulation_fault_help(struct cyc_text *text);
/* What the host opens: "/tmp/smu", "tcp:127.0.0.1:5025", "memory". Borrowed. */
const char *cyc_emulation_where(struct cyc_emulation *emulation, unsigned link);
/* Serves until *stop is set (a signal handler may), in real time. */
int cyc_emulation_serve(struct cyc_emulation *emulation, const volatile int *stop,
                        struct cyc_err *err);

/* ---- In memory, virtual time
 * ---------------------------------------------------------------------
 *
 * The far side of a link, for a bus of tests: what the host sends, what it gets, and when
 * something will happen by itself.
 */
void cyc_emulation_receive(struct cyc_emulation *emulation, unsigned link, int64_t now_ns,
                           const uint8_t *bytes, size_t size);
size_t cyc_emulation_deliver(struct cyc_emulation *emulation, unsigned link, int64_t now_ns,
                             uint8_t *bytes, size_t size);
int64_t cyc_emulation_next_ns(struct cyc_emulation *emulation, unsigned link);
bool cyc_emulation_is_lost(const struct cyc_emulation *emulation, unsigned link);
void cyc_emulation_advance(struct cyc_emulation *emulation, int64_t now_ns);
/* The truth, for tests: what an output really does, and the cell itself (borrowed). */
const struct cyc_setpoint *cyc_unit_truth(const struct cyc_unit *unit, unsigned output);
struct cyc_cell *cyc_emulation_truth_cell(struct cyc_emulation *emulation, unsigned index);

#endif
