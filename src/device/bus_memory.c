/* A bus in memory: the other end is a table of functions, and time is a number.
 *
 * Nothing happens by itself. Where the bus waits it asks the peer when something will come next and
 * puts its clock there, so waiting costs nothing and the same calls give the same bytes at the same
 * times. A peer that names a time that has passed and then delivers nothing would stop the clock;
 * it moves on by STALL_NS then.
 */
#include "device/bus_int.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 512
#define STALL_NS   INT64_C(1000)

struct memory {
    struct cyc_bus_peer peer;
    int64_t now_ns;
    size_t count; /* delivered and not yet received */
    uint8_t chunk[CHUNK_SIZE];
};

static int64_t memory_now_ns(const struct cyc_bus *bus)
{
    return ((const struct memory *)bus->back)->now_ns;
}

static void memory_pause(struct cyc_bus *bus, int64_t until_ns)
{
    struct memory *const memory = bus->back;
    if (until_ns > memory->now_ns) {
        memory->now_ns = until_ns;
    }
}

static bool is_lost(const struct memory *memory)
{
    return memory->peer.is_lost != NULL && memory->peer.is_lost(memory->peer.context);
}

static int memory_wait(struct cyc_bus *bus, bool want_room, int64_t until_ns, bool *ready,
                       struct cyc_err *err)
{
    struct memory *const memory = bus->back;
    for (;;) {
        if (memory->count == 0) {
            memory->count = memory->peer.deliver(memory->peer.context, memory->now_ns,
                                                 memory->chunk, sizeof memory->chunk);
        }
        *ready = want_room || memory->count > 0;
        if (*ready) {
            return CYC_OK;
        }
        if (is_lost(memory)) {
            return cyc_bus_lose(bus, err, "hung up");
        }
        if (memory->now_ns >= until_ns) {
            return CYC_OK;
        }
        const int64_t next_ns = memory->peer.next_ns(memory->peer.context);
        const int64_t later_ns = memory->now_ns + STALL_NS;
        const int64_t to_ns = next_ns > memory->now_ns ? next_ns : later_ns;
        memory->now_ns = to_ns < until_ns ? to_ns : until_ns;
    }
}

static int memory_receive(struct cyc_bus *bus, uint8_t *bytes, size_t size, size_t *count,
                          struct cyc_err *err)
{
    struct memory *const memory = bus->back;
    (void)err;
    *count = memory->count < size ? memory->count : size;
    memcpy(bytes, memory->chunk, *count);
    memory->count -= *count;
    memmove(memory->chunk, memory->chunk + *count, memory->count);
    return CYC_OK;
}

static int memory_send(struct cyc_bus *bus, const uint8_t *bytes, size_t size, size_t *count,
                       struct cyc_err *err)
{
    struct memory *const memory = bus->back;
    if (is_lost(memory)) {
        return cyc_bus_lose(bus, err, "hung up");
    }
    memory->peer.receive(memory->peer.context, memory->now_ns, bytes, size);
    *count = size;
    return CYC_OK;
}

static void memory_close(struct cyc_bus *bus)
{
    free(bus->back);
}

static const struct cyc_bus_ops memory_ops = {.now_ns = memory_now_ns,
                                              .pause = memory_pause,
                                              .wait = memory_wait,
                                              .receive = memory_receive,
                                              .send = memory_send,
                                              .close = memory_close};

int cyc_bus_open_memory(const struct cyc_bus_peer *peer, const struct cyc_bus_settings *settings,
                        int64_t start_ns, struct cyc_bus **bus, struct cyc_err *err)
{
    struct cyc_bus *made = NULL;
    const int status = cyc_bus_new("memory", settings, &made, err);
    if (status != CYC_OK) {
        return status;
    }
    struct memory *const memory = calloc(1, sizeof *memory);
    if (memory == NULL) {
        free(made);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a bus in memory");
    }
    memory->peer = *peer;
    memory->now_ns = start_ns;
    made->back = memory;
    made->ops = &memory_ops;
    made->write_from_ns = start_ns + settings->settle_ns;
    *bus = made;
    return CYC_OK;
}

void cyc_bus_advance(struct cyc_bus *bus, int64_t to_ns)
{
    bus->ops->pause(bus, to_ns);
}
