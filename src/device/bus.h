/* Buses: bytes to and from the instruments of one port, each call bounded by an absolute deadline.
 *
 *   address                          back end
 *   /dev/serial/by-id/…, /dev/ttyUSB0   serial, through libserialport, with our own polling
 *   /dev/pts/3, a link to one, odd ttys  plain termios (no modem lines; parity is not emulated)
 *   tcp:HOST:PORT                        TCP, connected within the deadline
 *   sim                                  no wire: nothing ever comes; for the driver sim
 *   (cyc_bus_open_memory)                in memory, in virtual time: tests
 *
 * The name is resolved at every open, because numbers change when a cable is plugged again. Opening
 * sends nothing, keeps the modem lines as they are, and locks the port against other programs.
 *
 * After a time-out, a lost byte or an extra one, the bus is *out of step*: what arrives next may be
 * the late answer to an older question. So it is when it has just been opened: the last program may
 * have died with a question unanswered. It then refuses every exchange with CYC_E_STALE until
 * cyc_bus_drain() has found the line quiet and the driver has proved with a question of its own,
 * asked with cyc_bus_write() and cyc_bus_read(), that answers fit again (cyc_bus_in_step()). These
 * two are never refused: a command that makes safe always goes out.
 *
 * One thread per bus. Errors: CYC_E_TIMEOUT, CYC_E_IO, CYC_E_LOST (unplugged, hung up, closed by
 * the peer), CYC_E_STALE, CYC_E_REPLY (extra input, too long, broken frame), CYC_E_BUSY (locked by
 * another program, which is named), CYC_E_FILE (no such port; the nearest ones are named).
 */
#ifndef CYC_DEVICE_BUS_H
#define CYC_DEVICE_BUS_H

#include "base/status.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CYC_BUS_ADDRESS_SIZE 256
#define CYC_BUS_REPLY_MAX    4096 /* bytes of one reply, whatever the frame: the byte budget */
#define CYC_BUS_OPEN_MAX_NS  (400 * INT64_C(1000000)) /* opening takes no longer */

enum cyc_parity { CYC_PARITY_NONE, CYC_PARITY_EVEN, CYC_PARITY_ODD };
enum cyc_flow { CYC_FLOW_NONE, CYC_FLOW_XON_XOFF, CYC_FLOW_RTS_CTS };

struct cyc_bus_settings {
    int baud; /* serial only, like the next four */
    int data_bits;
    int stop_bits;
    enum cyc_parity parity;
    enum cyc_flow flow;
    int64_t settle_ns;      /* nothing is written so long after opening */
    int64_t byte_gap_ns;    /* between the bytes of a write: slow receivers */
    int64_t command_gap_ns; /* from the end of one exchange to the next write */
};
/* 9600 8N1, no flow control, no gaps. */
struct cyc_bus_settings cyc_bus_settings_default(void);

/* How a reply ends. */
enum cyc_frame_kind {
    CYC_FRAME_LINE,  /* at the terminator, which is cut off; NULs before it are dropped */
    CYC_FRAME_BYTES, /* after `size` bytes, of which the first is `start` and the last `end`; what
                        precedes `start` is skipped */
    CYC_FRAME_LENGTH /* after as many bytes as length_fn says from those that are there */
};
struct cyc_frame {
    enum cyc_frame_kind kind;
    char terminator[4]; /* LINE: "\n", "\r", "\r\n"; with "\n" a "\r" before it is cut as well */
    bool bounded;       /* BYTES: start and end are to be checked */
    bool newest;        /* BYTES: of several frames waiting, the last: streaming instruments. That
                           none has come yet is a time-out, but does not cost the step */
    uint8_t start, end;
    size_t size;
    /* LENGTH: bytes of the whole frame, 0: not known yet, SIZE_MAX: this can be no frame. */
    size_t (*length_fn)(const uint8_t *bytes, size_t count);
};

struct cyc_bus; /* owned by whoever opened it */

struct cyc_bus_counts {
    uint64_t exchanges, timeouts, drains, extra_bytes, broken_frames, bytes_in, bytes_out;
};

int cyc_bus_open(const char *address, const struct cyc_bus_settings *settings, struct cyc_bus **bus,
                 struct cyc_err *err);
/* Takes over a descriptor that is open already (the supervisor's duplicate), as it is set up.
 * The bus owns it from now on. */
int cyc_bus_adopt(int fd, const struct cyc_bus_settings *settings, struct cyc_bus **bus,
                  struct cyc_err *err);
void cyc_bus_close(struct cyc_bus *bus);
const char *cyc_bus_address(const struct cyc_bus *bus);
const struct cyc_bus_settings *cyc_bus_settings(const struct cyc_bus *bus);
int cyc_bus_fd(const struct cyc_bus *bus); /* for poll() and to be duplicated; -1: none */
/* CLOCK_BOOTTIME, or the virtual time of a bus in memory. Deadlines count in it. */
int64_t cyc_bus_now_ns(const struct cyc_bus *bus);

/* Writes all bytes, paced; waits for nothing but room in the buffer. */
int cyc_bus_write(struct cyc_bus *bus, const void *bytes, size_t size, int64_t deadline_ns,
                  struct cyc_err *err);
/* Reads one frame into reply (terminated with a NUL that is not counted). Does not ask whether the
 * bus is in step: for streaming instruments and for finding the step again. */
int cyc_bus_read(struct cyc_bus *bus, const struct cyc_frame *frame, void *reply, size_t reply_size,
                 size_t *length, int64_t deadline_ns, struct cyc_err *err);
/* Request and reply: input that waits beforehand is an error (the bus falls out of step), so is
 * input beyond the frame. *middle_ns (may be NULL) gets the time half way between the end of the
 * request and the end of the reply. */
int cyc_bus_exchange(struct cyc_bus *bus, const void *request, size_t request_size,
                     const struct cyc_frame *frame, void *reply, size_t reply_size, size_t *length,
                     int64_t deadline_ns, int64_t *middle_ns, struct cyc_err *err);
/* Throws away input until none has come for quiet_ns. CYC_E_TIMEOUT: it babbles. */
int cyc_bus_drain(struct cyc_bus *bus, int64_t quiet_ns, int64_t deadline_ns, struct cyc_err *err);
/* The driver has seen an answer that can only belong to its present question. Without effect unless
 * the line has been drained since it fell out of step. */
void cyc_bus_in_step(struct cyc_bus *bus);
void cyc_bus_out_of_step(struct cyc_bus *bus); /* the driver has seen one that does not fit */
bool cyc_bus_is_in_step(const struct cyc_bus *bus);
const struct cyc_bus_counts *cyc_bus_counts(const struct cyc_bus *bus);

/* ---- In memory, virtual time: tests and searches --------------------------------------------- */

/* The other end of a bus in memory. Time stands still but where the bus waits: it then asks the
 * peer when something will happen next and jumps there. */
struct cyc_bus_peer {
    void *context;
    void (*receive)(void *context, int64_t now_ns, const uint8_t *bytes, size_t size);
    /* Bytes that have arrived at the host by now_ns, at most `size`. */
    size_t (*deliver)(void *context, int64_t now_ns, uint8_t *bytes, size_t size);
    int64_t (*next_ns)(void *context); /* INT64_MAX: never */
    bool (*is_lost)(void *context);
};
int cyc_bus_open_memory(const struct cyc_bus_peer *peer, const struct cyc_bus_settings *settings,
                        int64_t start_ns, struct cyc_bus **bus, struct cyc_err *err);
void cyc_bus_advance(struct cyc_bus *bus, int64_t to_ns); /* in memory: time passes */

/* ---- Recording and replaying: exchange files ----------------------------------------------------
 *
 * Text, one line per transfer: `> 2A 49 44 4E 3F 0A` or `> "*IDN?\n"` sent, `< …` received, `# …`
 * comment, `= name value` what a driver must read from it.
 */

/* Every transfer of the bus is appended to the file from now on. */
int cyc_bus_record(struct cyc_bus *bus, const char *path, struct cyc_err *err);
/* A bus that expects exactly the sent bytes of the file and answers with the received ones; any
 * other request is CYC_E_REPLY with both shown. In virtual time. */
int cyc_bus_open_replay(const char *path, struct cyc_bus **bus, struct cyc_err *err);
/* The line of the exchange file that comes next, from 1; 0: all of it was used. */
unsigned cyc_bus_replay_line(const struct cyc_bus *bus);

/* ---- Ports of this machine ----------------------------------------------------------------------
 */

struct cyc_port_info {
    char device[64];                    /* /dev/ttyUSB0 */
    char by_id[CYC_BUS_ADDRESS_SIZE];   /* /dev/serial/by-id/…, "" */
    char by_path[CYC_BUS_ADDRESS_SIZE]; /* /dev/serial/by-path/…, "" */
    char description[128];
    char serial_number[64];
    int usb_vendor, usb_product; /* -1: no USB */
    bool is_locked;
    char holder[128]; /* program and process that has it open, "" */
};
typedef int (*cyc_port_info_fn)(void *context, const struct cyc_port_info *info);
int cyc_ports_each(cyc_port_info_fn fn, void *context, struct cyc_err *err);

#endif
