/* A laboratory in memory: cells, one or two instruments, virtual time. */
#ifndef CYC_TESTS_EMULATE_LAB_H
#define CYC_TESTS_EMULATE_LAB_H

#include "check/check.h"
#include "emulate/emulate.h"
#include "emulate/fault.h"

#include <math.h>
#include <string.h>

extern const struct cyc_emulator cyc_emulator_keithley_2400, cyc_emulator_espec_p300,
    cyc_emulator_bongshin_bs205, cyc_emulator_alicat_pc, cyc_emulator_zketech_ebc;

struct lab {
    struct cyc_emulation *emulation;
    struct cyc_unit *unit;
    unsigned link, cell_count;
    int64_t now_ns;
    uint8_t reply[4096];
    size_t reply_size;
};

/* A linear cell of 10 mAh, 3.0 V empty, 4.0 V full, 0.1 ohm, half full; 30 degC, 50 MPa. */
void lab_spec(struct cyc_cell_spec *spec);
/* One instrument on link 0 with `cell_count` cells, of which it has what it can drive. */
void lab_open(struct lab *lab, const struct cyc_emulator *emulator, const char *options,
              unsigned cell_count, double rate);
void lab_close(struct lab *lab);
void lab_fault(struct lab *lab, const char *text); /* counts the word as tested */
void lab_wait(struct lab *lab, double seconds);
void lab_send(struct lab *lab, const char *text);
void lab_bytes(struct lab *lab, const void *bytes, size_t size);
/* What has arrived since, at once; terminated. */
const char *lab_hear(struct lab *lab);
/* Sends and hears, without the terminator. */
const char *lab_ask(struct lab *lab, const char *text);
/* The n-th number of an answer "1,2,3". */
double lab_number(const char *answer, unsigned index);
/* The truth at the cell. */
double lab_cell_V(struct lab *lab);
double lab_cell_A(struct lab *lab);
/* Sets up a Keithley for a cell and sources this current, within 4.5 V. */
void lab_source_A(struct lab *lab, const char *current);

#endif
