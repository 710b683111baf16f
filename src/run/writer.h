/* The writer: one thread that owns the run folders of a daemon, so that no disk ever holds up a
 * decision or an output going off.
 *
 * The loop posts copies; nothing here blocks it. Each post returns a ticket; what must be durable
 * before a command goes out (the step as resolved) is posted with `intent` and is served before
 * rows. Tickets of one run become durable in order. Errors of the disk do not come back from a
 * post but from cyc_writer_poll().
 */
#ifndef CYC_RUN_WRITER_H
#define CYC_RUN_WRITER_H

#include "protocol/protocol.h"
#include "run/resume.h"
#include "store/store.h"

struct cyc_writer;

/* How often waiting rows are synced; 0: 10 s. */
int cyc_writer_open(int64_t sync_ns, struct cyc_writer **writer, struct cyc_err *err);
void cyc_writer_close(struct cyc_writer *writer); /* writes what waits, then ends the thread */
/* Readable when cyc_writer_poll() has something to say. */
int cyc_writer_fd(const struct cyc_writer *writer);

struct cyc_writer_news {
    unsigned slot;
    uint64_t durable;        /* all tickets of this run up to this one are on the disk */
    uint64_t epoch;          /* of the state under the latest mark, for CONFIRM: */
    uint64_t reading_number; /* readings up to this one need not be kept any longer */
    bool finished;           /* the last news: the run is closed, its slot belongs to nobody */
    int status;              /* CYC_OK, or why this run's folder takes no more, and in words; the */
    char text[256];          /* writer then waits for cyc_writer_leave() */
};
/* One piece of news; false: none. */
bool cyc_writer_poll(struct cyc_writer *writer, struct cyc_writer_news *news);

/* Hands a run over; *slot names it from now on. The writer ends it with cyc_writer_finish(). */
int cyc_writer_add(struct cyc_writer *writer, struct cyc_run *run, unsigned *slot,
                   struct cyc_err *err);
/* Why the last post got no ticket: what the disk said, or that the queue is full. */
int cyc_writer_why(struct cyc_writer *writer, unsigned slot, struct cyc_err *err);
/* Posts; each returns a ticket, 0 when the queue is full (the disk is too slow: CYC_E_BOUND) or the
 * run takes no more. Everything is copied. A step's begin and end are made durable at once, the
 * rest when the interval is over. */
uint64_t cyc_writer_row(struct cyc_writer *writer, unsigned slot, const struct cyc_record *record,
                        const char *step_type);
uint64_t cyc_writer_step_begin(struct cyc_writer *writer, unsigned slot,
                               const struct cyc_step *step, uint32_t step_count, int64_t t_ns);
uint64_t cyc_writer_step_end(struct cyc_writer *writer, unsigned slot, const struct cyc_step *step,
                             const struct cyc_result *result);
uint64_t cyc_writer_cycle(struct cyc_writer *writer, unsigned slot, const struct cyc_cycle *cycle);
uint64_t cyc_writer_event(struct cyc_writer *writer, unsigned slot, int64_t t_ns, const char *who,
                          const char *what, const char *why);
/* See cyc_run_anchor(). */
uint64_t cyc_writer_anchor(struct cyc_writer *writer, unsigned slot, int64_t unix_ns);
uint64_t cyc_writer_gap(struct cyc_writer *writer, unsigned slot, const struct cyc_gap *gap);
/* `ending` is transferred, also when there is no ticket. */
uint64_t cyc_writer_ending(struct cyc_writer *writer, unsigned slot, uint32_t step_count,
                           struct cyc_ending *ending);
/* Lines for the trace in the run's folder, written before anything that is posted behind them. A
 * trace is not worth a run: where it cannot be written, or waits for the disk with over 8 MiB, it
 * ends, and an event of the run says so. */
void cyc_writer_trace(struct cyc_writer *writer, unsigned slot, const char *text, size_t size);
uint64_t cyc_writer_expectation(struct cyc_writer *writer, unsigned slot,
                                const struct cyc_expectation *row);
/* The executor's state that belongs to everything posted so far; goes into the next mark. To be
 * posted behind each event of the executor that was a reading or posted something: rows, results
 * and cycles are written only once the state behind them is known, so that a mark never holds a
 * row that its state does not know of. Intents do not wait for it, so the very first state is
 * posted before the first intent. */
struct cyc_writer_place {
    uint64_t epoch, reading_number;     /* of the last electrical reading in it */
    const struct cyc_resume_host *host; /* what the host wants back on resuming; NULL: nothing */
};
uint64_t cyc_writer_state(struct cyc_writer *writer, unsigned slot, const struct cyc_core *core,
                          const struct cyc_writer_place *place);
/* Makes all posted so far durable at once. */
uint64_t cyc_writer_sync(struct cyc_writer *writer, unsigned slot);
/* Ends the run with its outcome. Runs without it are left as they are by cyc_writer_close(), to be
 * resumed. */
uint64_t cyc_writer_finish(struct cyc_writer *writer, unsigned slot, const char *end,
                           const char *why, int64_t t_ns);
/* The disk has failed the run, or its posts got no tickets: it is closed and left as it is, to be
 * resumed; where `fault` is not empty, it is ended with that. News say when it is done. Nothing
 * happens to a run that was finished. */
void cyc_writer_leave(struct cyc_writer *writer, unsigned slot, const char *fault);

#endif
