/* Shared by the two files of the writer only: writer.c has the thread, writer_post.c what the loop
 * calls. */
#ifndef CYC_RUN_WRITER_INT_H
#define CYC_RUN_WRITER_INT_H

#include "base/pack.h"
#include "run/writer.h"

#include <pthread.h>

#define CYC_WRITER_RUNS_MAX  1024
#define CYC_WRITER_NODES_MAX 16384
#define CYC_WRITER_TRACE_MAX (8u << 20) /* bytes of a trace that wait */
#define WHO_SIZE             24
#define WHY_SIZE             448

enum kind { ROW, STEP_BEGIN, STEP_END, CYCLE, EVENT, GAP, ENDING, EXPECTATION, ANCHOR, FINISH };

struct row {
    struct cyc_record record;
    char type[16];
};
struct note {
    int64_t t_ns;
    char who[WHO_SIZE], what[WHO_SIZE], why[WHY_SIZE];
};
struct gap {
    struct cyc_gap gap;
    char cause[160], verdict[256];
};
struct begin {
    struct cyc_step *step; /* owned, segments in the same block */
    uint32_t step_count;
    int64_t t_ns;
};
struct ended {
    struct cyc_ending *ending; /* owned */
    uint32_t step_count;
};
struct expected {
    double value, is, tolerance;
    char name[160], unit[24], source[160];
};

struct node {
    struct node *next;
    enum kind kind;
    uint64_t ticket;
    union {
        struct row row;
        struct note note;
        struct begin begin;
        struct cyc_result result;
        struct cyc_cycle cycle;
        struct gap gap;
        struct ended ending;
        struct expected expected;
        int64_t unix_ns;
    } as;
};

/* Under the writer's lock unless said otherwise. */
struct slot {
    bool used;
    bool ended;      /* FINISH was posted */
    uint64_t ticket; /* the last one given */
    uint64_t wanted; /* something waits until all up to this one is durable */
    struct node *head, *tail;
    struct cyc_text core;  /* packed; the state behind all posted up to: */
    uint64_t state_ticket; /* 0: none was ever posted */
    uint64_t epoch, reading_number;
    bool hasty; /* an event was posted: the state behind it is to be durable at once */
    bool has_host;
    struct cyc_resume_host host;
    struct cyc_text trace; /* that waits; failed: it was too much */
    bool told;             /* news wait */
    bool over;             /* the last news of this run */
    bool left;             /* nothing more is posted; the fault that ended it, or "": it goes on */
    char left_why[WHY_SIZE];
    struct cyc_writer_news news;
    int status; /* the first failure */
    /* the thread's own */
    struct cyc_run *run;    /* owned; NULL when ended */
    struct cyc_text marked; /* packed; the state of the next mark, and what belongs to it: */
    uint64_t marked_ticket, marked_epoch, marked_number;
    bool marked_has_host;
    struct cyc_resume_host marked_host;
    bool begun; /* a step was */
    struct cyc_text trace_text;
    int trace_fd;     /* -1: not open */
    bool trace_ended; /* it could not be written */
    int64_t sync_at_ns, push_at_ns;
    uint64_t done;       /* the last node written */
    uint64_t put_ticket; /* of the state that the store has */
    int64_t t_ns;        /* run time of the last row */
    bool finished;
};

struct cyc_writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool closing;
    int event_fd;
    int64_t sync_ns;
    struct node *nodes; /* mapped; pages are touched when first used */
    unsigned fresh;     /* nodes never used begin here */
    struct node *spare;
    unsigned slot_count;
    unsigned next_news;
    struct slot *slots[CYC_WRITER_RUNS_MAX];
    /* the thread's own */
    struct cyc_core *core; /* owned; room to unpack a state */
};

void cyc_writer_give_node(struct cyc_writer *writer, struct node *node);
/* News wait for the loop. Under the lock. */
void cyc_writer_tell(struct cyc_writer *writer, struct slot *slot);

#endif
