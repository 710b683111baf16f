/* Faults on demand: which there are, when they strike. See fault.c. */
#ifndef CYC_EMULATE_FAULT_H
#define CYC_EMULATE_FAULT_H

#include "emulate/emulate.h"

#define CYC_FAULT_RULES_MAX 64

/* Where a fault acts: bytes on the wire, the instrument's own doings, its measurement, the wires to
 * the cell, the cell itself, its surroundings. Faults of the last three last; times of these count
 * in cell time, of the others in time of the wire. */
enum cyc_fault_layer {
    CYC_FAULT_WIRE,
    CYC_FAULT_INSTRUMENT,
    CYC_FAULT_MEASUREMENT,
    CYC_FAULT_WIRING,
    CYC_FAULT_CELL,
    CYC_FAULT_SURROUNDINGS
};

/* id, word, layer, unit and default of its `value`, what it does */
#define CYC_FAULT_WORDS(X)                                                                         \
    X(SPLIT, "split", WIRE, 0.02, "a reply comes in two pieces, value s apart")                    \
    X(MUTE, "mute", WIRE, 0, "a reply is lost; the command is carried out")                        \
    X(DROP, "drop", WIRE, 0, "a message from the host is lost")                                    \
    X(LATE, "late", WIRE, 1, "a reply comes value s later, and all after it too")                  \
    X(MERGE, "merge", WIRE, 0, "a reply without its end comes glued to the next one")              \
    X(ECHO, "echo", WIRE, 0, "what the host sends comes back")                                     \
    X(NOISE, "noise", WIRE, 0, "one byte of a reply is garbage")                                   \
    X(FLIP, "flip", WIRE, 0, "one bit of a message from the host is flipped")                      \
    X(EXTRA, "extra", WIRE, 4, "value garbage bytes follow a reply")                               \
    X(CUT, "cut", WIRE, 0.5, "only the first part (value) of a reply comes")                       \
    X(TWICE, "twice", WIRE, 0, "a reply comes twice")                                              \
    X(BABBLE, "babble", WIRE, 1, "endless bytes for value s")                                      \
    X(INTRUDER, "intruder", WIRE, 0, "a second program repeats the host's message")                \
    X(SLOW, "slow", WIRE, 0.1, "messages within value s of the one before are not heard")          \
    X(BUSY, "busy", WIRE, 5.2, "for value s nothing is done; then everything at once")             \
    X(UNPLUG, "unplug", WIRE, 0, "the cable is out; it comes back when the fault ends")            \
    X(RENUMBER, "renumber", WIRE, 0, "as unplug, and it comes back under another name")            \
    X(SWAP, "swap", WIRE, 0, "two links (link=, value: the other) change places")                  \
    X(RESET, "reset", INSTRUMENT, 0, "power fails and returns: everything at its defaults")        \
    X(PON_AUTO, "pon_auto", INSTRUMENT, 0, "power fails; it returns with its output as it was")    \
    X(DTR_RESET, "dtr_reset", INSTRUMENT, 0, "opening the port resets the instrument")             \
    X(IGNORE, "ignore", INSTRUMENT, 0, "a setting is accepted and not carried out")                \
    X(DROP_ALL, "drop_all", INSTRUMENT, 0, "a message with a mistake is dropped whole")            \
    X(STALE_RB, "stale_rb", INSTRUMENT, 0, "a read-back in the same message gives the old value")  \
    X(ERRQ, "errq", INSTRUMENT, 30, "value errors pile up in the queue")                           \
    X(LATCH, "latch", INSTRUMENT, 0, "a protection opens the output and stays")                    \
    X(KNOB, "knob", INSTRUMENT, 0, "somebody presses the output key on the front panel")           \
    X(NAN, "nan", MEASUREMENT, 0, "readings are no numbers")                                       \
    X(OVLD, "ovld", MEASUREMENT, 0, "readings are over range")                                     \
    X(STUCK_V, "stuck_V", MEASUREMENT, 0, "the voltage reading is frozen")                         \
    X(STUCK_I, "stuck_I", MEASUREMENT, 0, "the current reading is frozen")                         \
    X(STUCK_T, "stuck_T", MEASUREMENT, 0, "the temperature reading is frozen")                     \
    X(STUCK_P, "stuck_p", MEASUREMENT, 0, "the pressure or force reading is frozen")               \
    X(OFFSET_V, "offset_V", MEASUREMENT, 0.02, "value V are added to the voltage")                 \
    X(OFFSET_I, "offset_I", MEASUREMENT, 1e-3, "value A are added to the current")                 \
    X(GAIN_V, "gain_V", MEASUREMENT, 1.01, "the voltage is multiplied by value")                   \
    X(GAIN_I, "gain_I", MEASUREMENT, 1.01, "the current is multiplied by value")                   \
    X(NOISE_V, "noise_V", MEASUREMENT, 2e-4, "noise of value V rms on the voltage")                \
    X(NOISE_I, "noise_I", MEASUREMENT, 1e-5, "noise of value A rms on the current")                \
    X(SPIKE, "spike", MEASUREMENT, 1, "one voltage reading is off by value V")                     \
    X(OPEN_T, "open_T", MEASUREMENT, 850, "the temperature sensor is open: it reads value degC")   \
    X(FORCE_LOST, "force_lost", MEASUREMENT, 0, "the load cell is unplugged")                      \
    X(FORCE_DRIFT, "force_drift", MEASUREMENT, 1e4, "pressure readings drift by value Pa a day")   \
    X(OPEN, "open", WIRING, 1e9, "the circuit is open: value ohm in it")                           \
    X(CONTACT, "contact", WIRING, 5, "a loose clip: now and then up to value ohm in the circuit")  \
    X(LEAD, "lead", WIRING, 0.5, "the leads have value ohm; with ramp= they drift there")          \
    X(EXTERNAL_SHORT, "external_short", WIRING, 2e-3, "value ohm across the terminals")            \
    X(SENSE_OFF, "sense_off", WIRING, 0, "a sense lead is off: the instrument sees value V there") \
    X(REVERSED, "reversed", WIRING, 0, "the cell is connected the wrong way round")                \
    X(SWAPPED, "swapped", WIRING, 1, "the instrument measures the voltage of cell value")          \
    X(WELDED, "welded", WIRING, 0, "the output relay does not open")                               \
    X(SHORT, "short", CELL, 0.01, "an internal short of value ohm; ramp= from 50 ohm")             \
    X(CAPACITY, "capacity", CELL, 0.7, "value of the capacity is left, all at once")               \
    X(HEAT, "heat", SURROUNDINGS, 1, "the heater is stuck full on: value K/min up to 120 degC")    \
    X(CHAMBER_STUCK, "chamber_stuck", SURROUNDINGS, 0, "the chamber stays as it is")               \
    X(CHAMBER_OFF, "chamber_off", SURROUNDINGS, 0, "the chamber has no power and drifts away")     \
    X(OVERSHOOT, "overshoot", SURROUNDINGS, 5, "the chamber goes value K beyond its setpoint")     \
    X(RIPPLE, "ripple", SURROUNDINGS, 2, "the chamber swings by value K around its setpoint")      \
    X(PRESSURE, "pressure", SURROUNDINGS, 1e5, "the stack pressure falls to value Pa")

enum cyc_fault_word {
#define CYC_FAULT_ENUM(id, word, layer, value, help) CYC_FAULTY_##id,
    CYC_FAULT_WORDS(CYC_FAULT_ENUM)
#undef CYC_FAULT_ENUM
        CYC_FAULT_WORD_COUNT
};

/* For the `faults` of an emulator: those of what it measures. */
#define CYC_FAULT_BIT(id) (UINT64_C(1) << CYC_FAULTY_##id)
#define CYC_FAULTS_OF_CURRENT                                                                      \
    (CYC_FAULT_BIT(STUCK_V) | CYC_FAULT_BIT(STUCK_I) | CYC_FAULT_BIT(OFFSET_V) |                   \
     CYC_FAULT_BIT(OFFSET_I) | CYC_FAULT_BIT(GAIN_V) | CYC_FAULT_BIT(GAIN_I) |                     \
     CYC_FAULT_BIT(NOISE_V) | CYC_FAULT_BIT(NOISE_I) | CYC_FAULT_BIT(SPIKE))
#define CYC_FAULTS_OF_TEMPERATURE (CYC_FAULT_BIT(STUCK_T) | CYC_FAULT_BIT(OPEN_T))
#define CYC_FAULTS_OF_PRESSURE    (CYC_FAULT_BIT(STUCK_P) | CYC_FAULT_BIT(FORCE_DRIFT))

/* A fault that was asked for, and how it stands. All times are of the wire. */
struct cyc_fault_rule {
    enum cyc_fault_word word;
    int unit, link, cell; /* whom it concerns, by number; -1: all */
    double p;             /* of striking at each occasion; of lasting faults in each second */
    double value;
    int64_t ramp_ns;         /* lasting faults: until `value` is reached */
    int64_t at_ns, for_ns;   /* not before; how long */
    uint64_t after, times;   /* occasions to wait for; strikes at most */
    double above_V, below_V; /* not before the cell was there; NaN */
    bool armed;              /* … it was */
    uint64_t random, occasions, strikes;
    bool active; /* going on */
    int64_t began_ns, until_ns;
    int64_t next_ns;  /* a lasting fault by chance begins then */
    bool holds_value; /* stuck sensors */
    double held;
};

struct cyc_faults {
    struct cyc_fault_rule rules[CYC_FAULT_RULES_MAX];
    unsigned count;
    uint64_t words; /* bit per word that is there at all */
};

const char *cyc_fault_word_name(enum cyc_fault_word word);
enum cyc_fault_layer cyc_fault_word_layer(enum cyc_fault_word word);

/* For emulators: whether such a fault strikes this unit now (an occasion). */
bool cyc_unit_fault(struct cyc_unit *unit, enum cyc_fault_word word);

/* ---- Inside ------------------------------------------------------------------------------------
 */

/* An occasion for a fault: NULL, or the rule that strikes. */
struct cyc_fault_rule *cyc_fault_strike(struct cyc_unit *unit, enum cyc_fault_word word);
/* 0 <= x < 1, from the rule's own sequence. */
double cyc_fault_random(struct cyc_fault_rule *rule);
/* Lasting faults begin, change and end. */
void cyc_faults_run_due(struct cyc_emulation *emulation, int64_t now_ns);
int64_t cyc_faults_due_ns(const struct cyc_emulation *emulation);
/* What a lasting fault does (fault_act.c): at its start, now and then while it lasts, at its end.
 */
void cyc_fault_begin(struct cyc_emulation *emulation, struct cyc_fault_rule *rule);
void cyc_fault_go_on(struct cyc_emulation *emulation, struct cyc_fault_rule *rule, int64_t now_ns);
void cyc_fault_end(struct cyc_emulation *emulation, struct cyc_fault_rule *rule);
/* What an instrument measures, after the faults of measurement. */
void cyc_fault_measure(struct cyc_unit *unit, struct cyc_terminals *terminals);

#endif
