/* Shared by the files of the daemon only. */
#ifndef CYC_RUN_DAEMON_INT_H
#define CYC_RUN_DAEMON_INT_H

#include "base/clock.h"
#include "base/errands.h"
#include "run/control.h"
#include "run/daemon.h"
#include "run/live.h"
#include "run/live_parts.h"
#include "run/start.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/types.h>

#define CYC_CLIENTS_MAX  64
#define CYC_ALARMS_MAX   16  /* alarm commands at one time */
#define CYC_MESSAGES_MAX 256 /* taken from one socket in one turn */

enum watch_kind {
    WATCH_PORT,
    WATCH_SOURCE,
    WATCH_CLIENT,
    WATCH_LISTENER,
    WATCH_WRITER,
    WATCH_SUPERVISOR,
    WATCH_OPENER
};
/* What an epoll event is about: kind in the upper half, index in the lower. */
static inline uint64_t watch_of(enum watch_kind kind, unsigned index)
{
    return (uint64_t)kind << 32 | index;
}

/* A port process, as seen from here. */
struct link {
    int fd; /* -1: not connected */
    bool welcome;
    int64_t retry_ns; /* when to call again */
    uint64_t epoch, newest, confirmed;
};

/* The thread that opens a run folder. */
struct opener {
    pthread_t thread;
    int event_fd;                /* of the daemon; borrowed */
    struct cyc_errands *errands; /* likewise */
    char folder[CYC_PATH_SIZE];
    char marker[CYC_PATH_SIZE]; /* file in the state folder that names the run's folder */
    /* filled by the thread: */
    int status;
    struct cyc_err err;
    struct cyc_run_journal journal;
    struct cyc_start start;
    struct cyc_run *run;
    struct cyc_run_tail tail;
    bool failed;               /* it has ended in a fault; err says which */
    bool needs_room;           /* its disk was full */
    bool again;                /* a run that was in progress, */
    struct cyc_resume *resume; /* and where it was; NULL: it had not got anywhere */
    char *rig_now;             /* channel's part of the rig; for resume */
    _Atomic bool done;
};

struct daemon;
struct hands { /* of a channel's run */
    struct daemon *daemon;
    unsigned channel;
};

struct channel {
    struct hands hands;
    struct cyc_merge merge;
    bool linked;
    struct opener *opener; /* owned; NULL: nothing is being opened */
    int starter;           /* client that waits for the start; -1: none */
    struct cyc_live *live; /* owned; NULL: no run */
    struct cyc_live_parts parts;
    bool is_added;             /* the writer has the run */
    bool recovers;             /* a run was in progress; its port is waited for */
    bool aside;                /* a run is in progress, in a folder that cannot be written: `why` */
    bool needs_room;           /* … since its disk was full */
    int64_t retry_ns;          /* … tried again then; INT64_MAX: when a person says so */
    struct cyc_resume *resume; /* owned; while the run returns */
    char *rig_now;             /* owned; as long */
    bool fault;                /* latched */
    char run_id[CYC_RUN_ID_SIZE], folder[CYC_PATH_SIZE];
    char end[16], why[256];
    uint64_t epoch, confirmed; /* readings that are durable */
    int64_t wake_ns;
};

/* What its port process said last of an instrument. */
struct presence {
    bool there;
    char why_not[160];
    struct cyc_identity identity; /* who answers, the right one or another; "": nobody does */
};

struct client {
    int fd; /* -1: free */
    struct ucred peer;
    int watched; /* channel; -1: none */
    int64_t told_ns;
};

/* The channels that look at an instrument: a part of user_list. */
struct users {
    unsigned first, count;
};

struct daemon {
    const struct cyc_daemon_options *options;
    const struct cyc_rig *rig;
    int epoll_fd, listener, opener_fd;
    struct link *links;       /* one per port */
    struct channel *channels; /* one per channel */
    struct users *users;      /* one per instrument */
    struct presence *present; /* one per instrument */
    unsigned *user_list;
    struct client clients[CYC_CLIENTS_MAX];
    /* What goes to the state folder and the log; and, apart from it, alarm commands, which are to
     * be heard above all when the disk hangs. */
    struct cyc_errands *errands, *callers;
    _Atomic pid_t alarms[CYC_ALARMS_MAX]; /* 0: none, -1: about to be started */
    struct cyc_writer *writer;
    int64_t now_ns, beat_ns, wake_ns;
    uint64_t loops, slow_loops; /* turns of the loop; those that took over LOOP_MAX_NS */
    int64_t slowest_loop_ns;
    int64_t asleep_ns, wall_ns; /* CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC, behind the wall */
    bool ending;
};

int cyc_daemon_watch(struct daemon *daemon, int fd, enum watch_kind kind, unsigned index,
                     struct cyc_err *err);
void cyc_daemon_log(const struct daemon *daemon, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* daemon_port.c */
int cyc_daemon_port_users(struct daemon *daemon, struct cyc_err *err);
void cyc_daemon_port_connect(struct daemon *daemon, unsigned index);
void cyc_daemon_port_hear(struct daemon *daemon, unsigned index);
void cyc_daemon_port_beat(struct daemon *daemon, unsigned index); /* lease and confirmation */
int cyc_daemon_port_send(struct daemon *daemon, int instrument, const struct cyc_message *message,
                         struct cyc_err *err);

/* daemon_channel.c */
void cyc_daemon_channel_init(struct daemon *daemon, unsigned index);
/* Refuses, or begins to open the folder; the client hears of the outcome later. */
int cyc_daemon_channel_start(struct daemon *daemon, unsigned index, const char *folder, int client,
                             struct cyc_err *err);
void cyc_daemon_channel_openers(struct daemon *daemon); /* some folder may be open by now */
void cyc_daemon_channel_news(struct daemon *daemon);    /* of the writer */
void cyc_daemon_channel_changed(struct daemon *daemon,
                                unsigned index); /* after any call into its run */
void cyc_daemon_channel_status(const struct daemon *daemon, unsigned index,
                               struct cyc_channel_status *status);
int cyc_daemon_channel_command(struct daemon *daemon, unsigned index, enum cyc_request_kind kind,
                               const char *who, struct cyc_err *err);
bool cyc_daemon_channel_is_aside(const struct daemon *daemon, unsigned index);
/* Tries again to open the folder of a run that is set aside; the client hears of the outcome later.
 */
int cyc_daemon_channel_reopen(struct daemon *daemon, unsigned index, int client,
                              struct cyc_err *err);
void cyc_daemon_channel_beat(struct daemon *daemon);
void cyc_daemon_channel_release(struct daemon *daemon, unsigned index);
/* Runs whose daemon died are gone on with, each as soon as its port is there. */
void cyc_daemon_channel_recover(struct daemon *daemon);
void cyc_daemon_channel_port_is_there(struct daemon *daemon, unsigned port);

/* daemon_open.c */
int cyc_daemon_opener_new(const struct daemon *daemon, unsigned channel, const char *folder,
                          bool again, struct opener **opener, struct cyc_err *err);
/* Waits for its thread. */
void cyc_daemon_opener_free(struct opener *opener);
void cyc_daemon_opener_forget(const struct daemon *daemon, unsigned channel); /* the run is over */
/* Its fault outlives this daemon, until it is forgotten. */
void cyc_daemon_opener_latch(const struct daemon *daemon, unsigned channel, const char *why);
bool cyc_daemon_opener_is_latched(const struct daemon *daemon, unsigned index,
                                  struct channel *channel);
/* The run that was in progress; false: none. */
bool cyc_daemon_opener_recall(const struct daemon *daemon, unsigned index, struct channel *channel);

/* daemon_clock.c: jumps of the wall clock, and the computer's sleep */
void cyc_daemon_clock_look(struct daemon *daemon);

/* daemon_alarm.c */
void cyc_daemon_alarm(struct daemon *daemon, const char *text);
void cyc_daemon_alarm_reap(struct daemon *daemon);

/* daemon_client.c */
void cyc_daemon_client_call(struct daemon *daemon); /* somebody calls */
void cyc_daemon_client_hear(struct daemon *daemon, unsigned index);
void cyc_daemon_client_done(struct daemon *daemon, int index, int status, const char *text);
void cyc_daemon_client_tell(struct daemon *daemon, unsigned channel, int64_t t_ns, const char *text,
                            bool alarm);
void cyc_daemon_client_beat(struct daemon *daemon); /* states for those who watch */
void cyc_daemon_client_ended(struct daemon *daemon, unsigned channel); /* the watched run is over */

#endif
