/* A source in a process of its own: loads and checks the protocol, replays what the journal holds,
 * then answers one question, the next item. Nobody waits for it; it may loop, crash or run out of
 * memory without touching a channel.
 *
 * YAML and Lua alike, so that compiling never holds up the daemon. Before the first protocol byte
 * is read the child has given up: descriptors but its socket and the protocol's files, further
 * memory than RLIMIT_AS, CPU time beyond its budget per question, starting programs and opening
 * connections; once it has loaded and replayed, everything but computing and its socket. It ends
 * with its parent (the thread that started it).
 */
#ifndef CYC_RUN_SOURCE_PROCESS_H
#define CYC_RUN_SOURCE_PROCESS_H

#include "protocol/protocol.h"

#include <sys/types.h>

#define CYC_SOURCE_PATIENCE_NS (2 * CYC_S_NS) /* no step in this time: rest, then fault */
/* The first answer also loads, checks and replays; nothing runs yet that could be held up. */
#define CYC_SOURCE_LOADING_NS (30 * CYC_S_NS)

/* What a child is started with; everything is sent to it, nothing is inherited. */
struct cyc_source_start {
    const char *program; /* path of cyclostat: the child is `cyclostat source` on a socket */
    const char *protocol_path;
    const char *cell_path; /* cell file, "" */
    const struct cyc_setting *settings;
    unsigned setting_count;
    const char *journal_folder; /* run folder whose finished steps are replayed; "": none */
    const struct cyc_sensors
        *sensors; /* the channel's named ones; NULL: as cell and protocol say */
    /* Of the channel's instruments, for slopes; 0: as in a dry run. Used with a cell file only. */
    double voltage_resolution_V, current_resolution_A, temperature_resolution_K;
};

/* As struct cyc_item, but self-contained: the step and its segments are owned by the caller's
 * buffers. */
struct cyc_source_answer {
    int status; /* CYC_OK, or the source's error, with text */
    enum cyc_item_kind kind;
    enum cyc_finish finish;
    uint32_t cycle, cycle_count; /* how far along */
    struct cyc_cycle cycle_item;
    struct cyc_step step; /* segments point into the buffer of the source process */
    char text[512];
    /* With END: what the protocol expects, evaluated; borrowed until the process is ended. */
    const struct cyc_expectation *expectations;
    unsigned expectation_count;
};

struct cyc_source_process;
/* Returns at once; what is wrong with the protocol comes with the first answer (CYC_E_INPUT and the
 * first mistake with its place). With a journal folder the first answer is the step that was
 * interrupted, or what follows the last finished one; cycles that stand in the journal are not
 * given again, a note may be. A step that differs from the journal's is an answer with status
 * CYC_E_JOURNAL that shows both. CYC_E_FILE: the program cannot be started. */
int cyc_source_process_start(const struct cyc_source_start *start,
                             struct cyc_source_process **process, struct cyc_err *err);
/* Kills and reaps. NULL is fine. */
void cyc_source_process_end(struct cyc_source_process *process);
/* Readable when cyc_source_process_answer() should be called. */
int cyc_source_process_fd(const struct cyc_source_process *process);
pid_t cyc_source_process_pid(const struct cyc_source_process *process);
/* Asks for the next item; never blocks. The first question is asked with result NULL; so is the one
 * after a note or a cycle. CYC_E_BUSY: the last question is not answered yet. That the child is
 * dead comes with the answer. */
int cyc_source_process_ask(struct cyc_source_process *process, const struct cyc_result *result,
                           struct cyc_err *err);
/* Never blocks. CYC_E_TIMEOUT: no answer yet; CYC_E_LOST: it died, or answered what no source
 * answers and was killed (text says of what); there are no further answers. The answer's segments
 * are borrowed until the next ask. */
int cyc_source_process_answer(struct cyc_source_process *process, struct cyc_source_answer *answer,
                              struct cyc_err *err);

/* The child's side: serves questions on the socket until the other side closes it. Returns an exit
 * code. For the verb `source` only: afterwards this process can do little else. */
int cyc_source_serve(int fd);

#endif
