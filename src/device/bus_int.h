/* What the files of the buses share: the bus itself, the table that a back end fills, frames. */
#ifndef CYC_DEVICE_BUS_INT_H
#define CYC_DEVICE_BUS_INT_H

#include "base/clock.h"
#include "core/types.h"
#include "device/bus.h"

/* Bytes that draining, or catching up with a stream, reads at most: more is a peer that babbles. */
#define CYC_BUS_DRAIN_MAX (1u << 20)
#define CYC_BUS_LOOK      INT64_MIN /* as the end of waiting: look once, wait for nothing */

/* OUT: what arrives may belong to an older question. QUIET: drained, but not proved. */
enum cyc_bus_step { CYC_STEP_OUT, CYC_STEP_QUIET, CYC_STEP_IN };

/* A back end. Nothing here knows deadlines of calls, frames or pacing: bus.c does. */
struct cyc_bus_ops {
    int64_t (*now_ns)(const struct cyc_bus *bus);
    void (*pause)(struct cyc_bus *bus, int64_t until_ns);
    /* Until there is input (want_room: until there is room for output), at most until then; looks
     * at least once. CYC_E_LOST: hung up, and no input left. */
    int (*wait)(struct cyc_bus *bus, bool want_room, int64_t until_ns, bool *ready,
                struct cyc_err *err);
    /* Only after wait() has said that there is input. *count > 0 on success. */
    int (*receive)(struct cyc_bus *bus, uint8_t *bytes, size_t size, size_t *count,
                   struct cyc_err *err);
    /* Takes what there is room for: *count may be 0. */
    int (*send)(struct cyc_bus *bus, const uint8_t *bytes, size_t size, size_t *count,
                struct cyc_err *err);
    void (*close)(struct cyc_bus *bus); /* frees what the back end has in bus->back */
};

struct cyc_bus_record; /* bus_record.c */

struct cyc_bus {
    const struct cyc_bus_ops *ops;
    int fd; /* -1: none */
    bool is_socket;
    void *back; /* the back end's own; owned through ops->close */
    struct cyc_bus_settings settings;
    int64_t byte_ns;       /* a byte takes so long on the wire; 0: not known */
    int64_t write_from_ns; /* pacing: no write before */
    int64_t empty_ns;      /* no input was left then; 0: not known */
    enum cyc_bus_step step;
    bool is_lost;
    struct cyc_bus_counts counts;
    struct cyc_bus_record *record; /* NULL: not recorded; owned */
    char address[CYC_BUS_ADDRESS_SIZE];
    size_t input_count;
    uint8_t input[CYC_BUS_REPLY_MAX]; /* received and not yet handed out */
};

/* A bus without a back end yet, out of step. */
int cyc_bus_new(const char *address, const struct cyc_bus_settings *settings, struct cyc_bus **bus,
                struct cyc_err *err);
/* Marks the bus as lost, for good. */
int cyc_bus_lose(struct cyc_bus *bus, struct cyc_err *err, const char *why);

/* ---- Frames (frame.c) ---------------------------------------------------------------------------
 */

enum cyc_frame_found {
    CYC_FRAME_MORE,  /* not yet whole */
    CYC_FRAME_WHOLE, /* `size` bytes from `start`; the frame ends before `end` */
    CYC_FRAME_BROKEN /* what is there can be no frame */
};
struct cyc_frame_part {
    size_t start, size, end;
    unsigned rejected; /* places that began like a frame and did not end like one */
};
/* MORE: bytes before `start` belong to no frame and may be dropped. */
enum cyc_frame_found cyc_frame_find(const struct cyc_frame *frame, const uint8_t *bytes,
                                    size_t count, struct cyc_frame_part *part);

/* ---- Back ends ----------------------------------------------------------------------------------
 */

extern const struct cyc_bus_ops cyc_bus_fd_ops; /* polled descriptors: ttys and sockets */

/* Each opens and returns a descriptor; sends nothing. *byte_ns as in the bus. */
int cyc_bus_open_tty(const char *device, const struct cyc_bus_settings *settings, int *fd,
                     struct cyc_err *err);
/* CYC_E_UNSUPPORTED: libserialport cannot handle this tty; plain termios may. */
int cyc_bus_open_serial(const char *device, const struct cyc_bus_settings *settings, int *fd,
                        struct cyc_err *err);
int cyc_bus_open_tcp(const char *address, int *fd, struct cyc_err *err);

/* ---- Who has a port (bus_lock.c) ----------------------------------------------------------------
 */

/* CYC_E_BUSY names the holder. */
int cyc_bus_lock(int fd, const char *device, struct cyc_err *err);
int cyc_bus_busy(const char *device, struct cyc_err *err);
/* "cyclostat (process 123)", "" when nobody is known; true: it is locked. */
bool cyc_bus_holder(const char *device, char *holder, size_t size);
/* "there is no port …", with the nearest of those there are. */
int cyc_bus_missing(const char *address, struct cyc_err *err);
/* cyc_ports_each(); without holders it looks at no process. */
int cyc_ports_list(bool with_holders, cyc_port_info_fn fn, void *context, struct cyc_err *err);

/* ---- Exchange files (bus_record.c) --------------------------------------------------------------
 */

/* Bytes as they stand in an exchange file: "*IDN?\n" in quotes where they are text, else hex. Cut
 * with "…" when they do not fit. Returns text. */
const char *cyc_bytes_show(char *text, size_t size, const uint8_t *bytes, size_t count);
void cyc_bus_note_sent(struct cyc_bus *bus, const uint8_t *bytes, size_t size);
void cyc_bus_note_received(struct cyc_bus *bus, const uint8_t *bytes, size_t size);
void cyc_bus_note(struct cyc_bus *bus, const char *what); /* a comment */
void cyc_bus_record_close(struct cyc_bus_record *record);

#endif
