/* The other end of a bus in tests: one in memory that is told beforehand what to say, and threads
 * at the far end of a pseudo-terminal or a connection. */
#ifndef CYC_TESTS_FAR_END_H
#define CYC_TESTS_FAR_END_H

#include "device/bus.h"

#include <pthread.h>

#define FAR_BYTES_MAX  (1u << 16)
#define FAR_PIECES_MAX 4096
#define FAR_START_NS   INT64_C(1000000000) /* where the clock of a bus in memory begins */

/* ---- In memory ----------------------------------------------------------------------------------
 */

struct far_piece {
    int64_t t_ns;
    size_t start, size;
};

struct far_end {
    uint8_t said[FAR_BYTES_MAX]; /* what the far end says, in pieces */
    size_t said_count;
    struct far_piece pieces[FAR_PIECES_MAX];
    size_t piece_count, piece_at, piece_done;
    uint8_t heard[FAR_BYTES_MAX];
    int64_t heard_ns[FAR_BYTES_MAX]; /* when each byte was heard */
    size_t heard_count;
    /* Asked at each line heard; may call far_say(). NULL: silent. */
    void (*answer)(struct far_end *far, int64_t now_ns, const char *line);
    size_t line_start;
    int64_t lost_from_ns;       /* hangs up then; INT64_MAX: never */
    int64_t babble_ns;          /* without end: a byte in so much time; 0: not */
    int64_t now_ns, babbled_ns; /* as the bus last saw it; of the last byte babbled */
};

void far_init(struct far_end *far);
/* Bytes arrive at the host at this time; pieces must be said in order of time. */
void far_say_bytes(struct far_end *far, int64_t t_ns, const void *bytes, size_t size);
void far_say(struct far_end *far, int64_t t_ns, const char *text);
/* Answers with the number of the question: "Q7" gives "A7". After 1 ms. */
void far_answer_number(struct far_end *far, int64_t now_ns, const char *line);
struct cyc_bus *far_open(struct far_end *far, const struct cyc_bus_settings *settings);
/* Drained and declared in step. */
struct cyc_bus *far_open_in_step(struct far_end *far);

/* ---- Descriptors --------------------------------------------------------------------------------
 */

struct far_pty {
    int master;
    char device[64];
};
struct far_pty far_pty(void);
int far_listen(int backlog, char address[64]); /* TCP on the loopback; a descriptor */

/* A thread that does one thing at a descriptor. */
struct far_thread {
    pthread_t thread;
    int fd;
    void (*run)(int fd);
};
void far_start(struct far_thread *thread, int fd, void (*run)(int fd));
void far_join(struct far_thread *thread);
size_t far_read_line(int fd, char *line, size_t size); /* 0: hung up */
void far_write(int fd, const char *text);

extern const struct cyc_frame far_line; /* "\n" */
/* Asks once and compares; the bus must be in step. Returns the status. */
int far_ask(struct cyc_bus *bus, const char *question, char reply[64], int64_t within_ns);
void far_in_step(struct cyc_bus *bus); /* drains and declares in step */

#endif
