#include "base/priority.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>

/* The kernel's word after CYC_FIRST_MAX_S of RLIMIT_RTTIME. */
static void be_like_everybody(int number)
{
    const struct sched_param none = {0};
    const int before = errno;
    (void)number;
    (void)sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none);
    errno = before;
}

bool cyc_go_first(void)
{
    const struct sigaction action = {.sa_handler = be_like_everybody, .sa_flags = SA_RESTART};
    const struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    struct rlimit time;
    if (CYC_SANITIZED) { /* a sanitizer's locks spin until one that does not go first lets go */
        errno = EPERM;
        return false;
    }
    if (getrlimit(RLIMIT_RTTIME, &time) != 0 || sigaction(SIGXCPU, &action, NULL) != 0) {
        return false;
    }
    const rlim_t most_us = (rlim_t)CYC_FIRST_MAX_S * 1000000;
    time.rlim_cur = time.rlim_max < most_us ? time.rlim_max : most_us;
    return setrlimit(RLIMIT_RTTIME, &time) == 0 &&
           sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) == 0;
}
