/* Inside of the emulation: clock, links, units, benches, faults, truth log. */
#ifndef CYC_EMULATE_EMULATE_INT_H
#define CYC_EMULATE_EMULATE_INT_H

#include "emulate/bench.h"
#include "emulate/emulate.h"
#include "emulate/fault.h"

#include <poll.h>

#define CYC_EMULATION_LINKS_MAX 128
#define CYC_LINK_WHERE_SIZE     256
#define CYC_LINK_CLIENTS_MAX    4
#define CYC_CHUNK_SIZE          256
#define CYC_CHUNKS_MAX          64
#define CYC_UNIT_NAME_SIZE      48

/* ---- Truth log (truth.c) -----------------------------------------------------------------------
 */

struct cyc_truth {
    int fd; /* -1: none */
};
int cyc_truth_open(struct cyc_truth *truth, const char *path, struct cyc_err *err);
void cyc_truth_close(struct cyc_truth *truth);
/* One line, one write: "t_ns who text". */
void cyc_truth_line(const struct cyc_truth *truth, int64_t t_ns, const char *who,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* "current 0.0045 compliance 4.3": what an output does, for the log. */
void cyc_truth_source(struct cyc_text *text, const struct cyc_source *source);

/* ---- Links (link.c, link_pty.c, link_tcp.c) -----------------------------------------------------
 */

enum cyc_link_kind { CYC_LINK_PTY, CYC_LINK_TCP, CYC_LINK_MEMORY };

/* Bytes on their way to the host; they arrive all at once, in the order they were sent. */
struct cyc_chunk {
    int64_t at_ns;
    size_t size, taken;
    uint8_t bytes[CYC_CHUNK_SIZE];
};

struct cyc_link {
    enum cyc_link_kind kind;
    unsigned index;
    char where[CYC_LINK_WHERE_SIZE]; /* path of the symbolic link, port; what the host opens */
    int fd;                          /* master of the pseudo-terminal, listening socket; -1 */
    int clients[CYC_LINK_CLIENTS_MAX];
    unsigned client;   /* TCP: which spoke last; answers go there */
    bool linked;       /* the symbolic link is ours */
    bool attached;     /* somebody has it open */
    bool lost;         /* unplugged: nothing goes in or out */
    unsigned peer;     /* index of the link whose units answer here: itself, unless swapped */
    unsigned returned; /* times it came back under another name */
    char shown[CYC_LINK_WHERE_SIZE + 16];
    struct cyc_chunk *chunks; /* ring; owned */
    unsigned first, count;
};

int cyc_link_open(struct cyc_link *link, const char *where, struct cyc_err *err);
void cyc_link_close(struct cyc_link *link);
/* Queues bytes for the host, not before at_ns. false: no room. */
bool cyc_link_send(struct cyc_link *link, const uint8_t *bytes, size_t size, int64_t at_ns);
void cyc_link_forget(struct cyc_link *link); /* what is on its way is lost */
int64_t cyc_link_next_ns(const struct cyc_link *link);
/* The next bytes that have arrived by now_ns, at most `size`; 0: none. */
size_t cyc_link_take(struct cyc_link *link, int64_t now_ns, uint8_t *bytes, size_t size);
/* Cable out, cable in; a pseudo-terminal gets a new number, with `renamed` a new name as well. */
void cyc_link_unplug(struct cyc_link *link);
int cyc_link_plug(struct cyc_link *link, bool renamed, struct cyc_err *err);
/* Descriptors to wait for; returns how many of the room for 1 + CLIENTS_MAX were filled. */
unsigned cyc_link_poll(struct cyc_link *link, struct pollfd *polls);
/* Reads what has come, at most `size`; 0: nothing. */
size_t cyc_link_read(struct cyc_link *link, uint8_t *bytes, size_t size);
/* Writes what is due. */
void cyc_link_write(struct cyc_link *link, int64_t now_ns);

int cyc_pty_open(struct cyc_link *link, struct cyc_err *err);
void cyc_pty_close(struct cyc_link *link);
size_t cyc_pty_read(struct cyc_link *link, uint8_t *bytes, size_t size);
int cyc_tcp_open(struct cyc_link *link, struct cyc_err *err);
void cyc_tcp_close(struct cyc_link *link);
size_t cyc_tcp_read(struct cyc_link *link, uint8_t *bytes, size_t size);

/* ---- Units and the whole (unit.c, emulation.c) --------------------------------------------------
 */

struct cyc_output {
    struct cyc_bench *bench; /* borrowed from the emulation; NULL: no cell connected */
    struct cyc_source source;
};

/* A serial line's own pace (line.c); byte_ns 0: at once. */
#define CYC_LINE_MAX 1024
struct cyc_line {
    int64_t byte_ns;
    int64_t in_ns, out_ns; /* when the newest byte each way is through */
    size_t count;          /* bytes from the host that wait, and when each has arrived */
    uint8_t bytes[CYC_LINE_MAX];
    int64_t arrives_ns[CYC_LINE_MAX];
};
void cyc_line_clear(struct cyc_line *line);
bool cyc_line_take_in(struct cyc_line *line, int64_t now_ns, const uint8_t *bytes, size_t size);
int64_t cyc_line_due_ns(const struct cyc_line *line);
/* The next part that has arrived by now_ns; 0: none. */
size_t cyc_line_hand_over(struct cyc_line *line, int64_t now_ns, uint8_t *bytes);
bool cyc_line_send(struct cyc_line *line, struct cyc_link *link, const uint8_t *bytes, size_t size,
                   int64_t at_ns);

struct cyc_unit {
    const struct cyc_emulator *emulator;
    struct cyc_emulation *emulation;
    struct cyc_link *link;
    unsigned index;
    char name[CYC_UNIT_NAME_SIZE];
    struct cyc_output *outputs; /* owned */
    unsigned output_count;
    int64_t wake_ns;
    int64_t heard_ns;      /* when the host last spoke to it */
    int64_t busy_until_ns; /* bytes are kept in `kept` until then */
    int64_t babble_until_ns, babble_ns;
    uint8_t kept[CYC_CHUNK_SIZE * 4];
    size_t kept_size;
    uint8_t glue[CYC_CHUNK_SIZE]; /* a reply without its end */
    size_t glue_size;
    struct cyc_line line;
    void *state; /* owned */
};

struct cyc_emulation {
    struct cyc_emulation_options options;
    int64_t start_ns;
    int64_t now_ns;   /* virtual time */
    int64_t sweep_ns; /* when all cells are brought up to date next */
    struct cyc_truth truth;
    struct cyc_faults faults;
    struct cyc_bench *benches[CYC_EMULATION_CELLS_MAX];
    const struct cyc_unit *drivers[CYC_EMULATION_CELLS_MAX]; /* which drives each cell, NULL */
    unsigned bench_count;
    struct cyc_link *links[CYC_EMULATION_LINKS_MAX];
    unsigned link_count;
    struct cyc_unit *units[CYC_EMULATION_UNITS_MAX];
    unsigned unit_count;
};

/* "charge … voltage … current …" of one cell. */
void cyc_emulation_log_charge(struct cyc_emulation *emulation, unsigned index);
int64_t cyc_emulation_now_ns(const struct cyc_emulation *emulation);
/* Cell time for a time of the wire. */
int64_t cyc_emulation_cell_ns(const struct cyc_emulation *emulation, int64_t wire_ns);
/* What the host sent on a link goes to the units there, through the wire's faults. */
void cyc_emulation_heard(struct cyc_emulation *emulation, struct cyc_link *link,
                         const uint8_t *bytes, size_t size);
/* Power fails and returns. */
void cyc_unit_power_cycle(struct cyc_unit *unit);
/* Bytes from the host pass the wire's faults. */
void cyc_unit_hear(struct cyc_unit *unit, const uint8_t *bytes, size_t size);
/* Busy and babbling units; when to look again. */
void cyc_unit_run_due(struct cyc_unit *unit, int64_t now_ns);
int64_t cyc_unit_due_ns(const struct cyc_unit *unit);
/* Everything that is due by now: faults that begin and end, units that wake. */
void cyc_emulation_run_due(struct cyc_emulation *emulation, int64_t now_ns);
int64_t cyc_emulation_due_ns(const struct cyc_emulation *emulation);

#endif
