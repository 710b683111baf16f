/* Who goes first does so alone, and only while it waits now and then. Where it may not, nothing
 * changes. */
#include "base/priority.h"
#include "check/check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How each trial ends; none of them may change the process that runs the tests. */
enum outcome { FIRST, REFUSED, CHANGED, NOT_ALONE, NEVER_BACK };

static int in_a_child(int (*trial)(void))
{
    int how = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(trial());
    }
    return pid > 0 && waitpid(pid, &how, 0) == pid && WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static int policy_now(void)
{
    return sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
}

static void *ask_policy(void *policy)
{
    *(int *)policy = policy_now();
    return NULL;
}

static int try_alone(void)
{
    pthread_t thread;
    int policy = -1;
    if (!cyc_go_first()) {
        return policy_now() == SCHED_OTHER && errno == EPERM ? REFUSED : CHANGED;
    }
    if (policy_now() != SCHED_RR) {
        return CHANGED;
    }
    (void)pthread_create(&thread, NULL, ask_policy, &policy);
    (void)pthread_join(thread, NULL);
    return policy == SCHED_OTHER && in_a_child(policy_now) == SCHED_OTHER ? FIRST : NOT_ALONE;
}

static double cpu_s(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

static int try_never_waiting(void)
{
    if (!cyc_go_first()) {
        return REFUSED;
    }
    while (policy_now() == SCHED_RR) {
        if (cpu_s() > 10.0 * CYC_FIRST_MAX_S) {
            return NEVER_BACK;
        }
    }
    return cpu_s() > 0.5 * CYC_FIRST_MAX_S ? FIRST : CHANGED;
}

static int try_without_the_right(void)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_RTPRIO, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0)) {
        return -1;
    }
    return try_alone();
}

static int ask_the_kernel(void)
{
    const struct sched_param lowest = {.sched_priority = 1};
    return sched_setscheduler(0, SCHED_RR, &lowest) == 0;
}

static bool is_allowed(void)
{
    return !CYC_SANITIZED && in_a_child(ask_the_kernel) == 1;
}

static void who_goes_first_does_so_alone(void)
{
    CU_ASSERT_EQUAL(in_a_child(try_alone), is_allowed() ? FIRST : REFUSED);
}

static void who_never_waits_is_like_everybody_again(void)
{
    CU_ASSERT_EQUAL(in_a_child(try_never_waiting), is_allowed() ? FIRST : REFUSED);
}

static void who_has_no_right_goes_on_as_it_is(void)
{
    CU_ASSERT_EQUAL(in_a_child(try_without_the_right), REFUSED);
}

const struct cyc_check cyc_check_priority[] = {CYC_CHECK(who_goes_first_does_so_alone),
                                               CYC_CHECK(who_never_waits_is_like_everybody_again),
                                               CYC_CHECK(who_has_no_right_goes_on_as_it_is),
                                               {0}};
