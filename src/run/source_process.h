/* A source in a process of its own: loads and checks the protocol, replays what the journal holds,
 * then answers one question, the next item. Nobody waits for it; it may loop, crash or run out of
 * memory without touching a channel.
 *
 * YAML and Lua alike, so that compiling never holds up the daemon. Before the first protocol byte
 * is read the child has given up: descriptors but its socket and the protocol's files, further
 * memory than RLIMIT_AS, CPU time beyond its budget per question; it ends with its parent.
 */
#ifndef CYC_RUN_SOURCE_PROCESS_H
#define CYC_RUN_SOURCE_PROCESS_H

#include "protocol/protocol.h"

#include <sys/types.h>

#define CYC_SOURCE_PATIENCE_NS (2 * CYC_S_NS) /* no step in this time: rest, then fault */

/* What a child is started with; everything is sent to it, nothing is inherited. */
struct cyc_source_start {
    const char *program; /* path of cyclostat: the child is `cyclostat source` on a socket */
    const char *protocol_path;
    const char *cell_path; /* cell file, "" */
    const struct cyc_setting *settings;
    unsigned setting_count;
    const char *journal_folder; /* run folder whose finished steps are replayed; "": none */
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
};

struct cyc_source_process;
int cyc_source_process_start(const struct cyc_source_start *start,
                             struct cyc_source_process **process, struct cyc_err *err);
/* Kills and reaps. */
void cyc_source_process_end(struct cyc_source_process *process);
int cyc_source_process_fd(const struct cyc_source_process *process);
pid_t cyc_source_process_pid(const struct cyc_source_process *process);
/* Asks for the next item; never blocks. The first question is asked with result NULL. */
int cyc_source_process_ask(struct cyc_source_process *process, const struct cyc_result *result,
                           struct cyc_err *err);
/* CYC_E_TIMEOUT: no answer yet; CYC_E_LOST: it died (text says of what). The answer's segments are
 * borrowed until the next ask. */
int cyc_source_process_answer(struct cyc_source_process *process, struct cyc_source_answer *answer,
                              struct cyc_err *err);

#endif
