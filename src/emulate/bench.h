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
struct cyc_cell *cyc_bench_cell(struct cyc_bench *bench);
const struct cyc_source *cyc_bench_source(const struct cyc_bench *bench);

#endif
