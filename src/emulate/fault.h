/* Faults on demand: which there are, when they strike. See fault.c. */
#ifndef CYC_EMULATE_FAULT_H
#define CYC_EMULATE_FAULT_H

struct cyc_faults {
    unsigned count;
};

#endif
