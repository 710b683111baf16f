/* A wire between a bus in memory and an emulated Keithley 2400 on which everything goes wrong that
 * can go wrong, by seed. Knows bytes and lines, and nothing of drivers. */
#ifndef CYC_TESTS_BAD_WIRE_H
#define CYC_TESTS_BAD_WIRE_H

#include "device/bus.h"
#include "emulate/emulate.h"

enum wire_fault {
    WIRE_SPLIT, /* to the host: in pieces */
    WIRE_LATE,  /* and all that follows later still */
    WIRE_MUTE,
    WIRE_CUT,   /* the end of the line is missing */
    WIRE_MERGE, /* held back until the next answer */
    WIRE_ECHO,  /* what was sent comes back first */
    WIRE_NOISE, /* bytes that no answer has */
    WIRE_EXTRA,
    WIRE_BABBLE,
    WIRE_CODE,  /* a reading's field becomes 9.91E37, 9.9E37, … */
    WIRE_LOSE,  /* to the instrument: a command gets lost */
    WIRE_DROP,  /* a byte of it */
    WIRE_BEND,  /* a bit of it */
    WIRE_RESET, /* the instrument's power fails for a moment */
    WIRE_HANG_UP,
    WIRE_FAULT_COUNT
};

#define WIRE_PIECES_MAX 2048
#define WIRE_TAGS_MAX   200000
#define WIRE_LINE_SIZE  320

struct wire_piece {
    int64_t t_ns;
    size_t size;
    uint8_t bytes[WIRE_LINE_SIZE];
};

/* Each reading on the wire gets a voltage that no other has, so that it can be told which one the
 * host believes in: 3 V and a millionth of a volt for each. */
struct wire_tag {
    int64_t t_ns; /* when the instrument gave it */
    bool voltage_coded, current_coded;
};

struct wire {
    struct cyc_emulation *emulation;
    struct cyc_unit *unit;
    const struct cyc_emulator *emulator;
    unsigned link;
    uint64_t random;
    int64_t latency_ns; /* of each answer */
    unsigned per_mille; /* of answers and of commands that go wrong; 0: all is well */
    unsigned struck[WIRE_FAULT_COUNT];
    struct wire_piece pieces[WIRE_PIECES_MAX]; /* a ring, in order of time */
    size_t first, count;
    int64_t last_ns; /* nothing arrives before what was sent before */
    uint8_t answer[WIRE_LINE_SIZE];
    size_t answer_size;
    char sent[WIRE_LINE_SIZE]; /* by the host, newest */
    uint8_t held[WIRE_LINE_SIZE];
    size_t held_size;
    bool is_lost;
    struct cyc_setpoint truth;
    int64_t truth_ns; /* it has been so since */
    bool was_reset;   /* and not set up since */
    unsigned tag_count;
    struct wire_tag tags[WIRE_TAGS_MAX];
};

struct wire *wire_new(uint64_t seed, unsigned per_mille, int64_t latency_ns);
void wire_free(struct wire *wire);
struct cyc_bus *wire_open(struct wire *wire, int64_t start_ns); /* plugs it in again */
uint64_t wire_random(struct wire *wire, uint64_t below);

#endif
