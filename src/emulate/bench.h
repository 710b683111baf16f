/* A cell on the bench: behind wires, in a chamber, under a press; shared by the instruments that
 * drive and watch it. */
#ifndef CYC_EMULATE_BENCH_H
#define CYC_EMULATE_BENCH_H

#include "emulate/emulate.h"

struct cyc_bench;

int cyc_bench_new(const struct cyc_cell_spec *spec, struct cyc_bench **bench, struct cyc_err *err);
void cyc_bench_free(struct cyc_bench *bench);
/* Cell time goes on to t_ns under what the source does; times before now change nothing. */
void cyc_bench_advance(struct cyc_bench *bench, int64_t t_ns);
void cyc_bench_drive(struct cyc_bench *bench, const struct cyc_source *source);
void cyc_bench_environment(struct cyc_bench *bench, const struct cyc_environment *environment);
void cyc_bench_look(struct cyc_bench *bench, struct cyc_terminals *terminals);
/* The wires between instrument and cell, and what is wrong with them. */
struct cyc_wiring {
    double lead_ohm;     /* both leads of the circuit together */
    double contact_ohm;  /* of a clip */
    double external_ohm; /* across the terminals; 0: none */
    double internal_ohm; /* across the cell itself; 0: none */
    double sense_V;      /* what the open sense leads show */
    bool sense_off, reversed, welded;
    int measures; /* another cell's voltage, by number; -1: its own */
};
/* Changes what the faults ask for: read, change, write back. */
void cyc_bench_wiring(const struct cyc_bench *bench, struct cyc_wiring *wiring);
void cyc_bench_rewire(struct cyc_bench *bench, const struct cyc_wiring *wiring);
/* Chamber or press do this whatever they are told (NaN: as they are told); NULL: free again. */
void cyc_bench_force(struct cyc_bench *bench, const struct cyc_environment *environment);
/* What chamber and press were told last. */
const struct cyc_environment *cyc_bench_told(const struct cyc_bench *bench);
struct cyc_cell *cyc_bench_cell(struct cyc_bench *bench);
/* What drives the cell: not what was asked for, where the relay is welded. */
const struct cyc_source *cyc_bench_source(const struct cyc_bench *bench);

#endif
