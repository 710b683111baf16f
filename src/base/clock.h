/* The one clock of the live side. */
#ifndef CYC_BASE_CLOCK_H
#define CYC_BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_BOOTTIME in nanoseconds: goes on while the machine sleeps, never jumps, is the same in all
 * processes. Nobody who decides about a protocol may ask it: there time arrives in events. */
int64_t cyc_boot_now_ns(void);

#endif
