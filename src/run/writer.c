/* The writer's thread, and the queue in front of it.
 *
 *   loop ── post ──► queue of the run (nodes of one pool) ──► thread ──► rows, journal, mark
 *     ▲                                                          │
 *     └──────────── news (eventfd): durable up to ticket N ◄─────┘
 *
 * Each run has a queue of its own, first in, first out; all queues share one pool of nodes with a
 * fixed number. The thread serves, in this order, a run that something waits for (a step's begin or
 * end, a sync, the end), then the run whose interval is over; the intervals are staggered by slot.
 * One service is one group commit: all that waits is written, the data file is synced if rows were
 * added, and one transaction takes the journal and the mark. In between, once a second, rows go to
 * the kernel without a sync, so that others can read along and only a power cut could take them.
 *
 * A mark must say what the executor knew when the last row under it was made. So what follows from
 * a decision (rows, results, cycles) waits for the state that the loop posts behind it; a step's
 * begin does not: it is an intent, and what comes of it is found out on resuming.
 *
 * A failure of the disk is final for that run in the hands of this writer: it is told once, and
 * later posts get no ticket. The loop says what becomes of it. Left, it lies there as after a
 * crash, at its last mark, for whoever opens it again; ended, what can still be written is the
 * reason, for which the reserve is given back.
 */
#include "run/writer_int.h"

#include "run/trace.h"
#include "store/state.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SYNC_NS (10 * CYC_S_NS)
#define PUSH_NS CYC_S_NS

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec;
}

/* ---- The thread: the trace ------------------------------------------------------------------- */

static int open_trace(struct slot *slot, struct cyc_err *err)
{
    char path[CYC_PATH_SIZE + 32];
    (void)snprintf(path, sizeof path, "%s/" CYC_RUN_TRACE_NAME, cyc_run_folder(slot->run));
    return slot->trace_fd >= 0 ? CYC_OK : cyc_trace_file_open(path, &slot->trace_fd, err);
}

static void close_trace(struct slot *slot)
{
    if (slot->trace_fd >= 0) {
        (void)close(slot->trace_fd);
        slot->trace_fd = -1;
    }
}

/* The lines that were taken; where that fails, the run goes on without. */
static void write_trace(struct slot *slot)
{
    struct cyc_text *lines = &slot->trace_text;
    struct cyc_err err = {0};
    int status = CYC_OK;
    if (lines->length > 0 && !slot->trace_ended) {
        status = open_trace(slot, &err);
        if (status == CYC_OK) {
            status =
                cyc_trace_file_append(slot->trace_fd, cyc_text_get(lines), lines->length, &err);
        }
        if (status == CYC_OK && lines->failed) {
            status = cyc_err_set(&err, CYC_E_NO_SPACE, "the disk is too slow for it");
        }
    }
    if (status != CYC_OK) { /* should the journal fail too, its next commit says so */
        slot->trace_ended = true;
        (void)cyc_err_wrap(&err, "the trace ends here");
        (void)cyc_run_event(slot->run, slot->t_ns, "disk", "note", err.text, NULL);
    }
    lines->failed = false;
    cyc_text_clear(lines);
}

/* ---- The thread: one service of one run ------------------------------------------------------ */

static int write_ending(struct cyc_run *run, const struct ended *ended, struct cyc_err *err)
{
    struct cyc_text text = {0};
    cyc_ending_text(ended->ending, &text);
    const int status = text.failed ? CYC_OK /* it is not worth a run */
                                   : cyc_run_ending(run, ended->step_count, text.data, err);
    cyc_text_release(&text);
    cyc_ending_free(ended->ending);
    return status;
}

static int write_node(struct slot *slot, struct node *node, struct cyc_err *err)
{
    struct cyc_run *run = slot->run;
    const struct note *note = &node->as.note;
    struct begin *begin = &node->as.begin;
    struct gap *gap = &node->as.gap;
    const struct expected *row = &node->as.expected;
    int status;
    switch (node->kind) {
    case ROW:
        slot->t_ns = node->as.row.record.sample.t_ns;
        return cyc_run_row(run, &node->as.row.record, node->as.row.type, err);
    case STEP_BEGIN:
        slot->begun = true;
        status = cyc_run_step_begin(run, begin->step, begin->step_count, begin->t_ns, err);
        free(begin->step);
        return status;
    case STEP_END:
        if (!slot->begun) {
            return cyc_err_set(err, CYC_E_BUG, "a step ended that never began");
        }
        return cyc_run_step_end(run, NULL, &node->as.result, err);
    case CYCLE:
        return cyc_run_cycle(run, &node->as.cycle, err);
    case EVENT:
        return cyc_run_event(run, note->t_ns, note->who, note->what,
                             note->why[0] != '\0' ? note->why : NULL, err);
    case GAP:
        gap->gap.cause = gap->cause;
        gap->gap.verdict = gap->verdict;
        return cyc_run_gap(run, &gap->gap, err);
    case ENDING:
        return write_ending(run, &node->as.ending, err);
    case EXPECTATION:
        return cyc_run_expectation(run, row->name, row->unit, row->value, row->is, row->tolerance,
                                   row->source, err);
    case ANCHOR:
        return cyc_run_anchor(run, node->as.unix_ns, err);
    case FINISH:
        close_trace(slot);
        slot->run = NULL;
        slot->finished = true;
        return cyc_run_finish(run, note->what, note->why, note->t_ns, err);
    }
    return CYC_E_BUG;
}

/* Whether a node may be written while only the state up to `state_ticket` is known. */
static bool may_go(const struct node *node, uint64_t state_ticket, bool ending)
{
    const bool decided = node->kind == ROW || node->kind == STEP_END || node->kind == CYCLE;
    return !decided || ending || node->ticket < state_ticket;
}

/* The next node that may be written, taken from the queue; NULL: none. With it, all lines of the
 * trace that were posted by now. Locks. */
static struct node *next_node(struct cyc_writer *writer, struct slot *slot)
{
    (void)pthread_mutex_lock(&writer->lock);
    const struct cyc_text empty = slot->trace_text;
    slot->trace_text = slot->trace;
    slot->trace = empty;
    struct node *node = slot->head;
    if (node != NULL && may_go(node, slot->marked_ticket, slot->ended || writer->closing)) {
        slot->head = node->next;
    } else {
        node = NULL;
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return node;
}

static void release_node(struct cyc_writer *writer, struct node *node)
{
    (void)pthread_mutex_lock(&writer->lock);
    cyc_writer_give_node(writer, node);
    (void)pthread_mutex_unlock(&writer->lock);
}

static int write_waiting(struct cyc_writer *writer, struct slot *slot, struct cyc_err *err)
{
    int status = CYC_OK;
    while (status == CYC_OK) {
        struct node *node = next_node(writer, slot);
        write_trace(slot);
        if (node == NULL) {
            break;
        }
        slot->done = node->ticket;
        status = write_node(slot, node, err);
        release_node(writer, node);
    }
    return status;
}

/* Drops what waits for a run that takes no more. Under the lock. */
static void drop_waiting(struct cyc_writer *writer, struct slot *slot)
{
    while (slot->head != NULL) {
        struct node *node = slot->head;
        slot->head = node->next;
        if (node->kind == STEP_BEGIN) {
            free(node->as.begin.step);
        } else if (node->kind == ENDING) {
            cyc_ending_free(node->as.ending.ending);
        }
        cyc_writer_give_node(writer, node);
    }
}

/* The reason goes into the journal, for which there may be room once the reserve is given back. */
static void last_words(struct slot *slot, const char *why)
{
    if (slot->run != NULL) {
        (void)cyc_reserve_release(cyc_run_folder(slot->run));
        (void)cyc_run_event(slot->run, slot->t_ns, "disk", "fault", why, NULL);
        (void)cyc_run_finish(slot->run, "fault", why, slot->t_ns, NULL);
        slot->run = NULL;
    }
}

/* The folder is closed: the run is over, or left as it is where `fault` is empty. */
static void conclude(struct cyc_writer *writer, struct slot *slot, const char *fault)
{
    close_trace(slot);
    if (fault[0] != '\0') {
        last_words(slot, fault);
    } else if (slot->run != NULL) {
        cyc_run_leave(slot->run);
        slot->run = NULL;
    }
    (void)pthread_mutex_lock(&writer->lock);
    drop_waiting(writer, slot);
    slot->finished = slot->over = slot->news.finished = true;
    cyc_writer_tell(writer, slot);
    (void)pthread_mutex_unlock(&writer->lock);
}

static void give_up(struct cyc_writer *writer, struct slot *slot, const struct cyc_err *problem)
{
    (void)pthread_mutex_lock(&writer->lock);
    drop_waiting(writer, slot);
    slot->status = slot->news.status = problem->status;
    (void)cyc_copy(slot->news.text, sizeof slot->news.text, problem->text);
    const bool ending = slot->ended && !slot->left;
    if (!ending) { /* else there is nobody left to say what becomes of it */
        cyc_writer_tell(writer, slot);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    if (ending) {
        conclude(writer, slot, problem->text);
    }
}

/* Takes the latest state, and with it the right to write what was decided before it. */
static void take_state(struct cyc_writer *writer, struct slot *slot)
{
    (void)pthread_mutex_lock(&writer->lock);
    if (slot->state_ticket > slot->marked_ticket) {
        const struct cyc_text spare = slot->marked;
        slot->marked = slot->core;
        slot->core = spare;
        slot->marked_has_host = slot->has_host;
        slot->marked_host = slot->host;
        slot->marked_ticket = slot->state_ticket;
        slot->marked_epoch = slot->epoch;
        slot->marked_number = slot->reading_number;
    }
    (void)pthread_mutex_unlock(&writer->lock);
}

static int put_state(struct cyc_writer *writer, struct slot *slot, struct cyc_err *err)
{
    struct cyc_text text = {0};
    struct cyc_text host = {0};
    const char *at = cyc_text_get(&slot->marked);
    int status = CYC_OK;
    if (slot->marked_ticket == slot->put_ticket) {
        return CYC_OK;
    }
    const bool whole = !slot->marked.failed &&
                       cyc_pack_take(&at, at + slot->marked.length, writer->core, cyc_core_size());
    cyc_state_save(writer->core, &text);
    if (slot->marked_has_host) {
        cyc_resume_host_save(&slot->marked_host, &host);
    }
    if (!whole || text.failed || host.failed) {
        status = cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the mark of the run");
    } else {
        slot->put_ticket = slot->marked_ticket;
        const struct cyc_run_state state = {.core = cyc_text_get(&text),
                                            .host = cyc_text_get(&host),
                                            .epoch = slot->marked_epoch,
                                            .reading_number = slot->marked_number};
        status = cyc_run_state(slot->run, &state, err);
    }
    cyc_text_release(&text);
    cyc_text_release(&host);
    return status;
}

static void tell_durable(struct cyc_writer *writer, struct slot *slot)
{
    (void)pthread_mutex_lock(&writer->lock);
    slot->news.durable = slot->done > slot->marked_ticket ? slot->done : slot->marked_ticket;
    slot->news.reading_number = slot->marked_number;
    slot->news.epoch = slot->marked_epoch;
    slot->news.finished = slot->over = slot->finished;
    cyc_writer_tell(writer, slot);
    (void)pthread_mutex_unlock(&writer->lock);
}

/* One group commit. */
static void serve(struct cyc_writer *writer, struct slot *slot)
{
    struct cyc_err err = {0};
    slot->sync_at_ns = now_ns() + writer->sync_ns;
    take_state(writer, slot);
    int status = write_waiting(writer, slot, &err);
    /* Since the last commit: what was pushed in between has no mark yet either. */
    if (status == CYC_OK && slot->run != NULL &&
        (slot->done > slot->news.durable || slot->marked_ticket > slot->put_ticket)) {
        status = put_state(writer, slot, &err);
        if (status == CYC_OK) {
            status = cyc_run_commit(slot->run, &err);
        }
    }
    if (status != CYC_OK) {
        give_up(writer, slot, &err);
    } else {
        if (slot->run != NULL) {
            cyc_run_rest(slot->run);
        }
        tell_durable(writer, slot);
    }
}

/* Rows to the kernel, no mark. */
static void push(struct cyc_writer *writer, struct slot *slot)
{
    struct cyc_err err = {0};
    slot->push_at_ns = now_ns() + PUSH_NS;
    take_state(writer, slot);
    int status = write_waiting(writer, slot, &err);
    if (status == CYC_OK && slot->run != NULL) {
        status = cyc_run_push(slot->run, &err);
    }
    if (status != CYC_OK) {
        give_up(writer, slot, &err);
    }
}

/* The loop wants nothing more of this run; what it could not post is not written either. */
static void leave(struct cyc_writer *writer, struct slot *slot)
{
    if (slot->status == CYC_OK) {
        serve(writer, slot);
    }
    if (!slot->finished) {
        conclude(writer, slot, slot->left_why);
    }
}

/* ---- The thread: whose turn it is ------------------------------------------------------------ */

enum turn { NOBODY, SERVE, PUSH, LEAVE };

static bool waits_for_nothing(const struct slot *slot)
{
    return slot->head == NULL && slot->state_ticket == slot->marked_ticket;
}

/* Something waits for this run, and there is something that can be done about it. */
static bool is_wanted(const struct cyc_writer *writer, const struct slot *slot)
{
    const bool ending = slot->ended || writer->closing;
    return slot->wanted > slot->news.durable &&
           (slot->state_ticket > slot->marked_ticket ||
            (slot->head != NULL && may_go(slot->head, slot->marked_ticket, ending)));
}

static bool is_alive(const struct slot *slot)
{
    return slot->used && (slot->status == CYC_OK || slot->left) && !slot->finished;
}

static bool has_done(const struct slot *slot)
{
    return slot->head != NULL || slot->state_ticket > slot->marked_ticket ||
           slot->done > slot->news.durable;
}

/* Under the lock. *until gets the time at which there will be something to do. */
static enum turn whose_turn(struct cyc_writer *writer, struct slot **who, int64_t *until_ns)
{
    const int64_t now = now_ns();
    enum turn turn = NOBODY;
    *until_ns = CYC_NEVER;
    for (unsigned i = 0; i < writer->slot_count; i++) {
        struct slot *slot = writer->slots[i];
        if (!is_alive(slot)) {
            continue;
        }
        if (slot->left) {
            *who = slot;
            return LEAVE;
        }
        if (is_wanted(writer, slot) || (writer->closing && has_done(slot))) {
            *who = slot;
            return SERVE;
        }
        if (!has_done(slot)) { /* rows and states come without a word: they are looked for */
            *until_ns = now + PUSH_NS < *until_ns ? now + PUSH_NS : *until_ns;
            continue;
        }
        if (turn == NOBODY && slot->sync_at_ns <= now) {
            turn = SERVE;
            *who = slot;
        } else if (turn == NOBODY && slot->push_at_ns <= now && !waits_for_nothing(slot)) {
            turn = PUSH;
            *who = slot;
        }
        const int64_t look_ns = waits_for_nothing(slot) ? now + PUSH_NS : slot->push_at_ns;
        *until_ns = slot->sync_at_ns < *until_ns ? slot->sync_at_ns : *until_ns;
        *until_ns = look_ns < *until_ns ? look_ns : *until_ns;
    }
    return turn;
}

static void *work(void *context)
{
    struct cyc_writer *writer = context;
    (void)pthread_mutex_lock(&writer->lock);
    for (;;) {
        struct slot *slot = NULL;
        int64_t until_ns;
        const enum turn turn = whose_turn(writer, &slot, &until_ns);
        if (turn == NOBODY && writer->closing) {
            break;
        }
        if (turn == NOBODY) {
            const struct timespec until = {.tv_sec = until_ns / CYC_S_NS,
                                           .tv_nsec = until_ns % CYC_S_NS};
            (void)pthread_cond_timedwait(&writer->wake, &writer->lock, &until);
            continue;
        }
        (void)pthread_mutex_unlock(&writer->lock);
        if (turn == LEAVE) {
            leave(writer, slot);
        } else if (turn == SERVE) {
            serve(writer, slot);
        } else {
            push(writer, slot);
        }
        (void)pthread_mutex_lock(&writer->lock);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static int start_thread(struct cyc_writer *writer)
{
    pthread_condattr_t attributes;
    sigset_t all, before;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&writer->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&writer->lock, NULL);
    (void)sigfillset(&all); /* signals are the loop's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&writer->thread, NULL, work, writer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

int cyc_writer_open(int64_t sync_ns, struct cyc_writer **writer, struct cyc_err *err)
{
    struct cyc_writer *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the writer");
    }
    opened->sync_ns = sync_ns > 0 ? sync_ns : SYNC_NS;
    opened->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    opened->core = calloc(1, cyc_core_size());
    opened->nodes = mmap(NULL, CYC_WRITER_NODES_MAX * sizeof *opened->nodes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (opened->event_fd < 0 || opened->core == NULL || opened->nodes == MAP_FAILED ||
        start_thread(opened) != 0) {
        if (opened->nodes != MAP_FAILED) {
            (void)munmap(opened->nodes, CYC_WRITER_NODES_MAX * sizeof *opened->nodes);
        }
        if (opened->event_fd >= 0) {
            (void)close(opened->event_fd);
        }
        free(opened->core);
        free(opened);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "cannot start the writer's thread: out of memory");
    }
    *writer = opened;
    return CYC_OK;
}

static void free_slot(struct slot *slot)
{
    if (slot == NULL) {
        return;
    }
    if (slot->run != NULL) {
        cyc_run_leave(slot->run);
    }
    close_trace(slot);
    cyc_text_release(&slot->trace);
    cyc_text_release(&slot->trace_text);
    cyc_text_release(&slot->core);
    cyc_text_release(&slot->marked);
    free(slot);
}

void cyc_writer_close(struct cyc_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&writer->lock);
    writer->closing = true;
    (void)pthread_cond_signal(&writer->wake);
    (void)pthread_mutex_unlock(&writer->lock);
    (void)pthread_join(writer->thread, NULL);
    for (unsigned i = 0; i < writer->slot_count; i++) {
        free_slot(writer->slots[i]);
    }
    (void)pthread_mutex_destroy(&writer->lock);
    (void)pthread_cond_destroy(&writer->wake);
    (void)munmap(writer->nodes, CYC_WRITER_NODES_MAX * sizeof *writer->nodes);
    (void)close(writer->event_fd);
    free(writer->core);
    free(writer);
}

static struct slot *make_slot(void)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL) {
        return NULL;
    }
    slot->trace_fd = -1;
    return slot;
}

/* As new, but what it holds of memory. */
static void clear_slot(struct slot *slot, unsigned index, struct cyc_run *run, int64_t sync_ns)
{
    struct slot kept = *slot;
    cyc_text_clear(&kept.trace);
    kept.trace.failed = false;
    const int64_t now = now_ns();
    /* Golden ratio: the intervals of neighbours lie apart however many there are. */
    const int64_t share = (int64_t)((uint64_t)index * UINT64_C(11400714819323198485) >> 40);
    *slot = (struct slot){.used = true,
                          .run = run,
                          .core = kept.core,
                          .marked = kept.marked,
                          .trace = kept.trace,
                          .trace_text = kept.trace_text,
                          .trace_fd = -1,
                          .news = {.slot = index},
                          .sync_at_ns = now + sync_ns / (INT64_C(1) << 24) * share,
                          .push_at_ns = now};
}

int cyc_writer_add(struct cyc_writer *writer, struct cyc_run *run, unsigned *slot,
                   struct cyc_err *err)
{
    unsigned index = 0;
    int status = CYC_OK;
    (void)pthread_mutex_lock(&writer->lock);
    while (index < writer->slot_count && writer->slots[index]->used) {
        index++;
    }
    if (index == CYC_WRITER_RUNS_MAX) {
        status = cyc_err_set(err, CYC_E_BOUND, "there are %d runs already", CYC_WRITER_RUNS_MAX);
    } else if (index == writer->slot_count) {
        writer->slots[index] = make_slot();
        if (writer->slots[index] != NULL) {
            writer->slot_count++;
        } else {
            status = cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for another run");
        }
    }
    if (status == CYC_OK) {
        clear_slot(writer->slots[index], index, run, writer->sync_ns);
        *slot = index;
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return status;
}
