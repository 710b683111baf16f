#include "emulate/emulate_int.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int kind_of(const char *where, enum cyc_link_kind *kind, const char **rest)
{
    *rest = where;
    if (strncmp(where, "pty:", 4) == 0 && where[4] != '\0') {
        *kind = CYC_LINK_PTY;
        *rest = where + 4;
        return CYC_OK;
    }
    if (strncmp(where, "tcp:", 4) == 0 && where[4] != '\0') {
        *kind = CYC_LINK_TCP;
        *rest = where + 4;
        return CYC_OK;
    }
    *kind = CYC_LINK_MEMORY;
    return strcmp(where, "memory") == 0 ? CYC_OK : CYC_E_INPUT;
}

int cyc_link_open(struct cyc_link *link, const char *where, struct cyc_err *err)
{
    const char *rest = NULL;
    link->fd = -1;
    for (unsigned i = 0; i < CYC_LINK_CLIENTS_MAX; i++) {
        link->clients[i] = -1;
    }
    if (kind_of(where, &link->kind, &rest) != CYC_OK) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "'%s' is no link; there are pty:PATH, tcp:PORT and memory", where);
    }
    if (!cyc_copy(link->where, sizeof link->where, rest)) {
        return cyc_err_set(err, CYC_E_INPUT, "the link '%s' is too long", where);
    }
    link->chunks = calloc(CYC_CHUNKS_MAX, sizeof *link->chunks);
    if (link->chunks == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a link");
    }
    switch (link->kind) {
    case CYC_LINK_PTY:
        return cyc_pty_open(link, err);
    case CYC_LINK_TCP:
        return cyc_tcp_open(link, err);
    case CYC_LINK_MEMORY:
        link->attached = true;
        break;
    }
    return CYC_OK;
}

void cyc_link_unplug(struct cyc_link *link)
{
    switch (link->kind) {
    case CYC_LINK_PTY:
        cyc_pty_close(link);
        break;
    case CYC_LINK_TCP:
        cyc_tcp_close(link);
        break;
    case CYC_LINK_MEMORY:
        break;
    }
    link->lost = true;
    cyc_link_forget(link);
}

int cyc_link_plug(struct cyc_link *link, bool renamed, struct cyc_err *err)
{
    int status = CYC_OK;
    switch (link->kind) {
    case CYC_LINK_PTY:
        link->returned += renamed ? 1 : 0;
        status = cyc_pty_open(link, err);
        break;
    case CYC_LINK_TCP:
        status = cyc_tcp_open(link, err);
        break;
    case CYC_LINK_MEMORY:
        break;
    }
    link->lost = status != CYC_OK;
    return status;
}

void cyc_link_close(struct cyc_link *link)
{
    cyc_link_unplug(link);
    free(link->chunks);
    link->chunks = NULL;
}

/* ---- On its way to the host ------------------------------------------------------------------ */

bool cyc_link_send(struct cyc_link *link, const uint8_t *bytes, size_t size, int64_t at_ns)
{
    if (!link->attached || link->lost) {
        return true; /* into an open cable */
    }
    if (link->count > 0) {
        const unsigned last = (link->first + link->count - 1) % CYC_CHUNKS_MAX;
        at_ns = at_ns > link->chunks[last].at_ns ? at_ns : link->chunks[last].at_ns;
    }
    while (size > 0) {
        if (link->count == CYC_CHUNKS_MAX) {
            return false;
        }
        struct cyc_chunk *chunk = &link->chunks[(link->first + link->count++) % CYC_CHUNKS_MAX];
        chunk->at_ns = at_ns;
        chunk->size = size < CYC_CHUNK_SIZE ? size : CYC_CHUNK_SIZE;
        chunk->taken = 0;
        memcpy(chunk->bytes, bytes, chunk->size);
        bytes += chunk->size;
        size -= chunk->size;
    }
    return true;
}

void cyc_link_forget(struct cyc_link *link)
{
    link->count = 0;
}

int64_t cyc_link_next_ns(const struct cyc_link *link)
{
    return link->count > 0 ? link->chunks[link->first].at_ns : CYC_NEVER;
}

size_t cyc_link_take(struct cyc_link *link, int64_t now_ns, uint8_t *bytes, size_t size)
{
    size_t taken = 0;
    while (taken < size && cyc_link_next_ns(link) <= now_ns) {
        struct cyc_chunk *chunk = &link->chunks[link->first];
        const size_t left = chunk->size - chunk->taken;
        const size_t part = left < size - taken ? left : size - taken;
        memcpy(bytes + taken, chunk->bytes + chunk->taken, part);
        taken += part;
        chunk->taken += part;
        if (chunk->taken == chunk->size) {
            link->first = (link->first + 1) % CYC_CHUNKS_MAX;
            link->count--;
        }
    }
    return taken;
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

unsigned cyc_link_poll(struct cyc_link *link, struct pollfd *polls)
{
    unsigned count = 0;
    /* A pseudo-terminal that nobody has open reports a hang-up all the time; whether somebody came
     * is asked in each round instead. */
    if (link->fd >= 0 && (link->kind == CYC_LINK_TCP || link->attached)) {
        polls[count++] = (struct pollfd){.fd = link->fd, .events = POLLIN};
    }
    for (unsigned i = 0; i < CYC_LINK_CLIENTS_MAX; i++) {
        if (link->clients[i] >= 0) {
            polls[count++] = (struct pollfd){.fd = link->clients[i], .events = POLLIN};
        }
    }
    return count;
}

size_t cyc_link_read(struct cyc_link *link, uint8_t *bytes, size_t size)
{
    switch (link->kind) {
    case CYC_LINK_PTY:
        return cyc_pty_read(link, bytes, size);
    case CYC_LINK_TCP:
        return cyc_tcp_read(link, bytes, size);
    case CYC_LINK_MEMORY:
        break;
    }
    return 0;
}

void cyc_link_write(struct cyc_link *link, int64_t now_ns)
{
    uint8_t bytes[CYC_CHUNK_SIZE];
    const int fd = link->kind == CYC_LINK_PTY ? link->fd : link->clients[link->client];
    size_t size = cyc_link_take(link, now_ns, bytes, sizeof bytes);
    while (size > 0) {
        /* A host that does not read loses what does not fit, as on a serial line. */
        const ssize_t written = link->kind == CYC_LINK_TCP ? send(fd, bytes, size, MSG_NOSIGNAL)
                                                           : write(fd, bytes, size);
        if (written < 0) {
            return;
        }
        size = cyc_link_take(link, now_ns, bytes, sizeof bytes);
    }
}
