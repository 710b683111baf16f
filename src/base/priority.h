/* Going first: who owns a port or switches outputs off is not to wait for the computer's other
 * work. */
#ifndef CYC_BASE_PRIORITY_H
#define CYC_BASE_PRIORITY_H

#include <stdbool.h>

/* How long it may compute without waiting once, before it is like everybody again: a fault of ours
 * must not take the computer. */
#define CYC_FIRST_MAX_S 1

/* Gives the calling thread the lowest real-time priority (SCHED_RR, sched(7)); what it starts later
 * begins as everybody. False, with errno: it may not, and goes on as it is. Root may, whoever has
 * CAP_SYS_NICE, and whose RLIMIT_RTPRIO is 1 or more (setrlimit(2)); nobody may who was built with
 * a sanitizer. Takes SIGXCPU. */
bool cyc_go_first(void);

#endif
