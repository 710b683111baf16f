/* What all buses have in common: pacing, deadlines, the byte budget, the step.
 *
 *          drain: quiet            a question of the driver's
 *   OUT ─────────────────► QUIET ──────────────────────────────► IN
 *    ▲                       │    write, read, cyc_bus_in_step()  │
 *    └───────────────────────┴──── time-out, extra, broken ───────┘
 *
 * Serial lines and TCP have no borders between messages, so an answer that comes too late looks
 * like the answer to the next question. Only who asks nothing while one may be under way, and then
 * proves that question and answer fit, can tell. An exchange therefore happens in IN alone.
 *
 * Every loop here ends by its deadline whatever the peer does: the clock is read after each piece
 * that arrives, so that one who trickles a byte at a time cannot stretch it, and a budget bounds
 * the bytes, so that one who babbles cannot keep the processor busy until then. What arrived before
 * the deadline counts even if this process was kept from looking: one look is always taken.
 */
#include "device/bus_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOWN_SIZE 160
#define FRESH_NS   (50 * CYC_MS_NS / 1000) /* less than a byte takes at 115200 baud */

struct cyc_bus_settings cyc_bus_settings_default(void)
{
    return (struct cyc_bus_settings){.baud = 9600, .data_bits = 8, .stop_bits = 1};
}

int cyc_bus_new(const char *address, const struct cyc_bus_settings *settings, struct cyc_bus **bus,
                struct cyc_err *err)
{
    struct cyc_bus *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the bus of %s", address);
    }
    made->fd = -1;
    made->settings = *settings;
    made->step = CYC_STEP_OUT;
    if (!cyc_copy(made->address, sizeof made->address, address)) {
        free(made);
        return cyc_err_set(err, CYC_E_INPUT, "an address has at most %d characters: '%s'",
                           CYC_BUS_ADDRESS_SIZE - 1, address);
    }
    *bus = made;
    return CYC_OK;
}

void cyc_bus_close(struct cyc_bus *bus)
{
    if (bus == NULL) {
        return;
    }
    if (bus->ops != NULL) {
        bus->ops->close(bus);
    }
    cyc_bus_record_close(bus->record);
    free(bus);
}

const char *cyc_bus_address(const struct cyc_bus *bus)
{
    return bus->address;
}

const struct cyc_bus_settings *cyc_bus_settings(const struct cyc_bus *bus)
{
    return &bus->settings;
}

int cyc_bus_fd(const struct cyc_bus *bus)
{
    return bus->fd;
}

int64_t cyc_bus_now_ns(const struct cyc_bus *bus)
{
    return bus->ops->now_ns(bus);
}

const struct cyc_bus_counts *cyc_bus_counts(const struct cyc_bus *bus)
{
    return &bus->counts;
}

void cyc_bus_in_step(struct cyc_bus *bus)
{
    if (bus->step == CYC_STEP_QUIET) {
        bus->step = CYC_STEP_IN;
    }
}

void cyc_bus_out_of_step(struct cyc_bus *bus)
{
    bus->step = CYC_STEP_OUT;
}

bool cyc_bus_is_in_step(const struct cyc_bus *bus)
{
    return bus->step == CYC_STEP_IN;
}

int cyc_bus_lose(struct cyc_bus *bus, struct cyc_err *err, const char *why)
{
    if (!bus->is_lost) {
        cyc_bus_note(bus, why);
    }
    bus->is_lost = true;
    bus->step = CYC_STEP_OUT;
    return cyc_err_set(err, CYC_E_LOST, "%s: the link is lost: %s", bus->address, why);
}

static int refuse_lost(const struct cyc_bus *bus, struct cyc_err *err)
{
    return cyc_err_set(err, CYC_E_LOST, "%s: the link is lost; it must be opened again",
                       bus->address);
}

static void drop_input(struct cyc_bus *bus, size_t size)
{
    bus->input_count -= size;
    memmove(bus->input, bus->input + size, bus->input_count);
}

/* ---- Writing ------------------------------------------------------------------------------------
 */

static int write_late(struct cyc_bus *bus, size_t sent, size_t size, struct cyc_err *err)
{
    bus->counts.timeouts++;
    if (sent > 0) { /* half a command has gone out */
        bus->step = CYC_STEP_OUT;
    }
    return cyc_err_set(err, CYC_E_TIMEOUT, "%s: only %zu of %zu bytes could be sent in time",
                       bus->address, sent, size);
}

/* Waits until the pacing lets a command begin. Nothing is begun that could not be ended in time:
 * half a command is worse than none. */
static int pace(struct cyc_bus *bus, size_t size, int64_t deadline_ns, struct cyc_err *err)
{
    const int64_t gaps_ns = bus->settings.byte_gap_ns > 0 && size > 1
                                ? (int64_t)(size - 1) * (bus->settings.byte_gap_ns + bus->byte_ns)
                                : 0;
    const int64_t now_ns = bus->ops->now_ns(bus);
    const int64_t from_ns = now_ns > bus->write_from_ns ? now_ns : bus->write_from_ns;
    if ((from_ns > now_ns || gaps_ns > 0) && from_ns + gaps_ns > deadline_ns) {
        return write_late(bus, 0, size, err);
    }
    if (from_ns > now_ns) {
        bus->ops->pause(bus, from_ns);
    }
    return CYC_OK;
}

static int send_piece(struct cyc_bus *bus, const uint8_t *bytes, size_t size, size_t *count,
                      int64_t deadline_ns, struct cyc_err *err)
{
    *count = 0;
    int status = bus->ops->send(bus, bytes, size, count, err);
    if (status != CYC_OK || *count > 0) {
        return status;
    }
    bool ready = false;
    status = bus->ops->wait(bus, true, deadline_ns, &ready, err);
    if (status == CYC_OK && ready) {
        status = bus->ops->send(bus, bytes, size, count, err);
        if (status == CYC_OK && *count == 0) { /* room was announced and there is none */
            bus->ops->pause(bus, bus->ops->now_ns(bus) + CYC_MS_NS);
        }
    }
    return status;
}

static int send_all(struct cyc_bus *bus, const uint8_t *bytes, size_t size, int64_t deadline_ns,
                    struct cyc_err *err)
{
    const int64_t gap_ns = bus->settings.byte_gap_ns;
    size_t sent = 0;
    int status = CYC_OK;
    while (sent < size) {
        size_t count = 0;
        status =
            send_piece(bus, bytes + sent, gap_ns > 0 ? 1 : size - sent, &count, deadline_ns, err);
        sent += count;
        if (status != CYC_OK || sent == size) {
            break;
        }
        const int64_t now_ns = bus->ops->now_ns(bus);
        if (now_ns >= deadline_ns) {
            status = write_late(bus, sent, size, err);
            break;
        }
        if (gap_ns > 0 && count > 0) {
            bus->ops->pause(bus, now_ns + bus->byte_ns + gap_ns);
        }
    }
    bus->counts.bytes_out += sent;
    cyc_bus_note_sent(bus, bytes, sent);
    const int64_t wire_ns = gap_ns > 0 ? bus->byte_ns : (int64_t)sent * bus->byte_ns;
    bus->write_from_ns = bus->ops->now_ns(bus) + wire_ns + bus->settings.command_gap_ns;
    return status;
}

int cyc_bus_write(struct cyc_bus *bus, const void *bytes, size_t size, int64_t deadline_ns,
                  struct cyc_err *err)
{
    if (bus->is_lost) {
        return refuse_lost(bus, err);
    }
    const int status = pace(bus, size, deadline_ns, err);
    return status == CYC_OK ? send_all(bus, bytes, size, deadline_ns, err) : status;
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

/* Out of step, with what there is of a reply in the message. */
static int fail_reply(struct cyc_bus *bus, int reason, const char *what, struct cyc_err *err)
{
    char shown[SHOWN_SIZE];
    bus->step = CYC_STEP_OUT;
    cyc_bus_note(bus, what);
    if (bus->input_count == 0) {
        return cyc_err_set(err, reason, "%s: %s", bus->address, what);
    }
    return cyc_err_set(err, reason, "%s: %s; got %s", bus->address, what,
                       cyc_bytes_show(shown, sizeof shown, bus->input, bus->input_count));
}

static int read_late(struct cyc_bus *bus, struct cyc_err *err)
{
    bus->counts.timeouts++;
    return fail_reply(bus, CYC_E_TIMEOUT,
                      bus->input_count == 0 ? "no reply in time" : "no whole reply in time", err);
}

static int read_broken(struct cyc_bus *bus, const char *what, struct cyc_err *err)
{
    bus->counts.broken_frames++;
    return fail_reply(bus, CYC_E_REPLY, what, err);
}

static int read_extra(struct cyc_bus *bus, const char *what, struct cyc_err *err)
{
    bus->counts.extra_bytes += bus->input_count;
    return fail_reply(bus, CYC_E_REPLY, what, err);
}

/* Waits for input and adds it to what is there. */
static int fill(struct cyc_bus *bus, int64_t until_ns, bool *ready, struct cyc_err *err)
{
    int status = bus->ops->wait(bus, false, until_ns, ready, err);
    if (status != CYC_OK || !*ready) {
        return status;
    }
    size_t count = 0;
    status = bus->ops->receive(bus, bus->input + bus->input_count,
                               sizeof bus->input - bus->input_count, &count, err);
    bus->input_count += count;
    bus->counts.bytes_in += count;
    return status;
}

/* The frame's contents to the caller, the frame out of the input. */
static int hand_out(struct cyc_bus *bus, const struct cyc_frame *frame,
                    const struct cyc_frame_part *part, char *reply, size_t reply_size,
                    size_t *length, struct cyc_err *err)
{
    if (part->size >= reply_size) {
        return read_broken(bus, "a reply longer than can be meant", err);
    }
    const uint8_t *const bytes = bus->input + part->start;
    const bool has_nul = frame->kind == CYC_FRAME_LINE && memchr(bytes, 0, part->size) != NULL;
    size_t count = has_nul ? 0 : part->size;
    memcpy(reply, bytes, count);
    for (size_t i = 0; i < part->size && has_nul; i++) {
        if (bytes[i] != 0) {
            reply[count++] = (char)bytes[i];
        }
    }
    reply[count] = '\0';
    *length = count;
    bus->counts.extra_bytes += part->start;
    cyc_bus_note_received(bus, bus->input, part->end);
    drop_input(bus, part->end);
    if (bus->settings.command_gap_ns > 0) {
        bus->write_from_ns = bus->ops->now_ns(bus) + bus->settings.command_gap_ns;
    }
    return CYC_OK;
}

static int read_frame(struct cyc_bus *bus, const struct cyc_frame *frame, char *reply,
                      size_t reply_size, size_t *length, int64_t deadline_ns, struct cyc_err *err)
{
    size_t dropped = 0;
    for (bool is_late = false;; is_late = bus->ops->now_ns(bus) >= deadline_ns) {
        struct cyc_frame_part part;
        const enum cyc_frame_found found =
            cyc_frame_find(frame, bus->input, bus->input_count, &part);
        bus->counts.broken_frames += part.rejected;
        if (found == CYC_FRAME_WHOLE) {
            return hand_out(bus, frame, &part, reply, reply_size, length, err);
        }
        if (found == CYC_FRAME_BROKEN) {
            return read_broken(bus, "this can be no reply", err);
        }
        dropped += part.start;
        bus->counts.extra_bytes += part.start;
        drop_input(bus, part.start);
        if (bus->input_count == sizeof bus->input || dropped > sizeof bus->input) {
            return read_broken(bus, "the end of a reply does not come", err);
        }
        bool ready = !is_late;
        const int status = ready ? fill(bus, deadline_ns, &ready, err) : CYC_OK;
        if (status != CYC_OK || !ready) {
            return status != CYC_OK ? status : read_late(bus, err);
        }
    }
}

/* A streaming instrument has gone on talking while nobody listened: the last whole frame counts. */
static int catch_up(struct cyc_bus *bus, const struct cyc_frame *frame, char *reply,
                    size_t reply_size, size_t *length, int64_t deadline_ns, struct cyc_err *err)
{
    const uint64_t bytes_max = bus->counts.bytes_in + CYC_BUS_DRAIN_MAX;
    for (bool ready = true; ready;) {
        struct cyc_frame_part part;
        const bool whole =
            cyc_frame_find(frame, bus->input, bus->input_count, &part) == CYC_FRAME_WHOLE;
        int status = CYC_OK;
        if (whole) {
            status = hand_out(bus, frame, &part, reply, reply_size, length, err);
        } else {
            drop_input(bus, part.start);
            status = bus->input_count < sizeof bus->input
                         ? fill(bus, CYC_BUS_LOOK, &ready, err)
                         : read_broken(bus, "the end of a reply does not come", err);
        }
        if (status != CYC_OK) {
            return status;
        }
        if (bus->counts.bytes_in > bytes_max || bus->ops->now_ns(bus) >= deadline_ns) {
            return bus->counts.bytes_in > bytes_max ? read_broken(bus, "it babbles", err) : CYC_OK;
        }
    }
    return CYC_OK;
}

int cyc_bus_read(struct cyc_bus *bus, const struct cyc_frame *frame, void *reply, size_t reply_size,
                 size_t *length, int64_t deadline_ns, struct cyc_err *err)
{
    if (bus->is_lost) {
        return refuse_lost(bus, err);
    }
    const enum cyc_bus_step before = bus->step;
    const int status = read_frame(bus, frame, reply, reply_size, length, deadline_ns, err);
    if (status == CYC_E_TIMEOUT && frame->newest) {
        bus->step = before; /* nothing was asked: nothing can come too late */
    }
    if (status != CYC_OK || !frame->newest) {
        return status;
    }
    return catch_up(bus, frame, reply, reply_size, length, deadline_ns, err);
}

/* ---- Request and reply --------------------------------------------------------------------------
 */

/* What is there before the question cannot be its answer. Where the answer before has only just
 * been taken, and nothing was left, that was a look. */
static int look_for_extra(struct cyc_bus *bus, struct cyc_err *err)
{
    bool ready = bus->input_count > 0;
    const bool fresh = bus->empty_ns != 0 && bus->ops->now_ns(bus) - bus->empty_ns < FRESH_NS;
    const int status = ready || fresh ? CYC_OK : fill(bus, CYC_BUS_LOOK, &ready, err);
    if (status != CYC_OK || !ready) {
        return status;
    }
    return read_extra(bus, "input was waiting before anything was asked", err);
}

int cyc_bus_exchange(struct cyc_bus *bus, const void *request, size_t request_size,
                     const struct cyc_frame *frame, void *reply, size_t reply_size, size_t *length,
                     int64_t deadline_ns, int64_t *middle_ns, struct cyc_err *err)
{
    if (bus->is_lost) {
        return refuse_lost(bus, err);
    }
    if (bus->step != CYC_STEP_IN) {
        return cyc_err_set(err, CYC_E_STALE, "%s: out of step: an older answer may be under way",
                           bus->address);
    }
    if (bus->ops->now_ns(bus) >= deadline_ns) { /* asked, the answer could not be waited for */
        return write_late(bus, 0, request_size, err);
    }
    int status = pace(bus, request_size, deadline_ns, err);
    status = status == CYC_OK ? look_for_extra(bus, err) : status;
    status = status == CYC_OK ? send_all(bus, request, request_size, deadline_ns, err) : status;
    if (status != CYC_OK) {
        return status;
    }
    const int64_t asked_ns = bus->write_from_ns - bus->settings.command_gap_ns;
    bus->counts.exchanges++;
    status = cyc_bus_read(bus, frame, reply, reply_size, length, deadline_ns, err);
    if (status == CYC_OK && bus->input_count > 0 && !frame->newest) {
        status = read_extra(bus, "more than the reply came", err);
    }
    const int64_t now_ns = bus->ops->now_ns(bus);
    bus->empty_ns = status == CYC_OK && bus->input_count == 0 ? now_ns : 0;
    if (status == CYC_OK && middle_ns != NULL) {
        *middle_ns = now_ns - (now_ns > asked_ns ? (now_ns - asked_ns) / 2 : 0);
    }
    return status;
}

int cyc_bus_drain(struct cyc_bus *bus, int64_t quiet_ns, int64_t deadline_ns, struct cyc_err *err)
{
    if (bus->is_lost) {
        return refuse_lost(bus, err);
    }
    bus->counts.drains++;
    size_t dropped = 0;
    int64_t now_ns = bus->ops->now_ns(bus);
    for (bool ready = true; ready;) {
        dropped += bus->input_count;
        bus->counts.extra_bytes += bus->input_count;
        bus->input_count = 0;
        if (dropped > CYC_BUS_DRAIN_MAX || now_ns + quiet_ns > deadline_ns) {
            bus->counts.timeouts++;
            return fail_reply(bus, CYC_E_TIMEOUT, "it does not fall silent", err);
        }
        const int status = fill(bus, now_ns + quiet_ns, &ready, err);
        if (status != CYC_OK) {
            return status;
        }
        now_ns = bus->ops->now_ns(bus);
    }
    if (bus->step == CYC_STEP_OUT || dropped > 0) {
        bus->step = CYC_STEP_QUIET;
    }
    return CYC_OK;
}

/* ---- Opening ------------------------------------------------------------------------------------
 */

/* Numbers of pseudo-terminals are given out again at once. A link that is older than the terminal
 * it leads to was made for another one, which is gone. */
static bool is_stale(const char *address, const char *device)
{
    struct stat link;
    struct stat terminal;
    if (strncmp(device, "/dev/pts/", 9) != 0 || lstat(address, &link) != 0 ||
        !S_ISLNK(link.st_mode) || stat(device, &terminal) != 0) {
        return false;
    }
    const struct timespec made = link.st_mtim;
    const struct timespec born = terminal.st_ctim;
    return made.tv_sec < born.tv_sec || (made.tv_sec == born.tv_sec && made.tv_nsec < born.tv_nsec);
}

static int open_device(const char *address, const struct cyc_bus_settings *settings, int *fd,
                       bool *is_serial, struct cyc_err *err)
{
    char *const device = realpath(address, NULL); /* links are resolved anew at every open */
    if (device == NULL) {
        return cyc_bus_missing(address, err);
    }
    if (is_stale(address, device)) {
        free(device);
        errno = ENOENT;
        return cyc_bus_missing(address, err);
    }
    *is_serial = strncmp(device, "/dev/pts/", 9) != 0;
    int status = CYC_E_UNSUPPORTED;
    if (*is_serial) {
        status = cyc_bus_open_serial(device, settings, fd, err);
    }
    if (status == CYC_E_UNSUPPORTED) {
        status = cyc_bus_open_tty(device, settings, fd, err);
    }
    if (status == CYC_OK) {
        status = cyc_bus_lock(*fd, device, err);
        if (status != CYC_OK) {
            (void)close(*fd);
        }
    }
    free(device);
    return status;
}

/* A byte is a start bit, the data, perhaps a parity bit, and the stop bits. */
static int64_t byte_ns(const struct cyc_bus_settings *settings)
{
    const int bits = 1 + settings->data_bits + (settings->parity != CYC_PARITY_NONE ? 1 : 0) +
                     settings->stop_bits;
    return settings->baud > 0 ? bits * CYC_S_NS / settings->baud : 0;
}

/* A descriptor on which nothing ever comes: for an instrument without a wire. */
static int open_nothing(int *fd, struct cyc_err *err)
{
    *fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return *fd >= 0 ? CYC_OK : cyc_err_set(err, CYC_E_FILE, "sim: %s", strerror(errno));
}

int cyc_bus_open(const char *address, const struct cyc_bus_settings *settings, struct cyc_bus **bus,
                 struct cyc_err *err)
{
    struct cyc_bus *made = NULL;
    int status = cyc_bus_new(address, settings, &made, err);
    if (status != CYC_OK) {
        return status;
    }
    bool is_serial = false;
    made->is_socket = strncmp(address, "tcp:", 4) == 0;
    if (strcmp(address, "sim") == 0) {
        status = open_nothing(&made->fd, err);
    } else if (made->is_socket) {
        status = cyc_bus_open_tcp(address, &made->fd, err);
    } else {
        status = open_device(address, settings, &made->fd, &is_serial, err);
    }
    if (status != CYC_OK) {
        free(made);
        return status;
    }
    made->ops = &cyc_bus_fd_ops;
    made->byte_ns = is_serial ? byte_ns(settings) : 0;
    made->write_from_ns = cyc_boot_now_ns() + settings->settle_ns;
    *bus = made;
    return CYC_OK;
}
