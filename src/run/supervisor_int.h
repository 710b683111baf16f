/* Inside of the supervisor. See the essay in supervisor.c. */
#ifndef CYC_RUN_SUPERVISOR_INT_H
#define CYC_RUN_SUPERVISOR_INT_H

#include "base/clock.h"
#include "base/errands.h"
#include "device/message.h"
#include "run/supervisor.h"

#include <sys/types.h>
#include <time.h>

#define SUPERVISOR_CHILDREN_MAX 257 /* ports of a rig, and the daemon */
#define SUPERVISOR_CALLERS_MAX  8
#define SUPERVISOR_DRAIN_MAX    64
#define SUPERVISOR_BUSY_MAX_NS  (2 * CYC_S_NS)    /* longest silence that a port may announce */
#define SUPERVISOR_HELPER_NS    (3 * CYC_S_NS)    /* longest time a helper gets */
#define SUPERVISOR_EXIT_NS      (100 * CYC_MS_NS) /* from a closed socket to its exit */
#define SUPERVISOR_OFF_MAX_NS   (10 * CYC_S_NS)
#define SUPERVISOR_SAFE_NS      CYC_LEASE_NS /* a port's own time for SAFE_ALL */
#define SUPERVISOR_RESTARTS     3            /* within: */
#define SUPERVISOR_BUDGET_NS    (600 * CYC_S_NS)
#define SUPERVISOR_PAUSE_NS     (200 * CYC_MS_NS) /* before a restart */
#define SUPERVISOR_WORDS_MAX    20                /* lines of one port in the log, within: */
#define SUPERVISOR_WORDS_NS     (10 * CYC_S_NS)
#define SUPERVISOR_LOG_MAX      (4 << 20) /* bytes; then a new one is begun */

enum child_state {
    CHILD_DOWN,    /* to be started at again_ns, unless all is to end */
    CHILD_RUNNING, /* heard of */
    CHILD_KILLED,  /* SIGKILL was sent; the kernel has not given it back yet */
    CHILD_SAFING,  /* it is gone; a helper makes its port safe */
    CHILD_GIVEN_UP /* restarts are used up, or it ended as it was told to */
};

/* What a port process may write into the log: events and trips are counted apart, so that a flood
 * of the ones hides none of the others. */
struct talk {
    int64_t since_ns;
    unsigned lines, left_out;
};

struct child {
    char name[72];  /* of the port; "daemon" */
    bool is_daemon; /* else a port */
    enum child_state state;
    pid_t pid;
    uint64_t start; /* in clock ticks since boot, as the kernel has it: tells pids apart */
    int fd;         /* socket, -1 */
    int port_fd;    /* duplicate of its port, -1 */
    /* Instruments on it that were not recognised; see cyc_port_left. Never looked into. */
    uint64_t strangers;
    int64_t heard_ns; /* last sign of life */
    int64_t until_ns; /* patience ends; later where it announced a long call */
    int64_t beat_ns;
    int64_t since_ns; /* state */
    int64_t again_ns;
    int64_t restarts_ns[SUPERVISOR_RESTARTS];
    bool stuck_told;
    pid_t helper;      /* 0: none */
    unsigned helpings; /* in a row */
    bool was_told_end; /* END was sent */
    bool is_given_up;  /* its restarts are used up */
    bool safe_pending; /* SAFE_ALL was sent, no answer yet */
    int64_t safe_ns;   /* when */
    int64_t off_ns;    /* until its instruments say that they are off, at the longest */
    int safe_status;   /* of the latest making safe from outside */
    struct talk events, trips;
};

struct supervisor {
    const struct cyc_supervisor_options *options;
    int64_t asleep_ns; /* how long this computer has slept since it was started */
    struct child children[SUPERVISOR_CHILDREN_MAX];
    unsigned child_count;
    int signals, listener, lock; /* -1 */
    struct cyc_errands *errands; /* what goes to the state folder */
    struct {
        int fd; /* -1 */
        size_t size;
    } log; /* once there are errands, they alone look at it */
    int callers[SUPERVISOR_CALLERS_MAX];
    bool caller_waits[SUPERVISOR_CALLERS_MAX];   /* for the end of SAFE_ALL */
    bool caller_watches[SUPERVISOR_CALLERS_MAX]; /* ports that are made safe from outside */
    bool ending;
    int64_t ending_ns;
};

static inline int64_t supervisor_awake_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec;
}

/* A line for <state>/events.log, with the time. */
void cyc_supervisor_log(struct supervisor *supervisor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- supervisor_child.c: one child's life ---------------------------------------------------- */

/* Starts what is due, kills what is silent, reaps, starts helpers. */
void cyc_supervisor_tend(struct supervisor *supervisor, struct child *child, int64_t now);
void cyc_supervisor_hear(struct supervisor *supervisor, struct child *child);
void cyc_supervisor_kill(struct supervisor *supervisor, struct child *child, const char *why);
/* When it has to be looked at again. */
int64_t cyc_supervisor_due_ns(const struct child *child);

/* ---- supervisor_call.c: who asks the supervisor ---------------------------------------------- */

void cyc_supervisor_answer_calls(struct supervisor *supervisor);
/* A port has answered SAFE_ALL, or was made safe from outside. */
void cyc_supervisor_safe_done(struct supervisor *supervisor, struct child *child, int status,
                              const char *text);
/* What became of a port whose process was gone, to those who watch. */
void cyc_supervisor_tell_watchers(struct supervisor *supervisor, const struct child *child,
                                  int status);
/* To those who wait for SAFE_ALL. */
void cyc_supervisor_tell_callers(struct supervisor *supervisor, const struct cyc_message *message);

/* ---- supervisor_holders.c -------------------------------------------------------------------- */

/* Writes down who runs, for a `safe` by hand when the supervisor is gone. */
void cyc_supervisor_write_holders(struct supervisor *supervisor);
/* Start of a process in clock ticks since boot; 0: there is none. */
uint64_t cyc_supervisor_start_of(pid_t pid);

#endif
