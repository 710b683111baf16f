/* Shared by the files of this folder only. */
#ifndef CYC_RUN_RUN_INT_H
#define CYC_RUN_RUN_INT_H

#include "run/run.h"

/* Makes the run folder of a dry run, with all that identifies it: protocol, cell, program, and
 * the digits of the data file. */
int cyc_identity_create_run(const struct cyc_dry_options *options, struct cyc_run **run,
                            struct cyc_err *err);

#endif
