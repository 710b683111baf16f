/* What the port process leaves in the state folder for the processes after it: that outputs may be
 * on, which channels have tripped, and whose instrument was found otherwise than commanded. All of
 * it by errands: no disk delays a measurement, let alone an off.
 */
#include "device/port_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The mark is there before the output is on. It is one more ring, not the first: a disk that hangs
 * for longer gets it later. */
#define MARK_MAX_NS (50 * CYC_MS_NS)

/* ---- The mark: outputs may be on ---------------------------------------------------------------
 */

static bool mark_path(const struct port *port, char *path, size_t size)
{
    const int length =
        snprintf(path, size, "%s/port-%s.on", port->options->state_dir, port->settings->name);
    return length > 0 && (size_t)length < size;
}

/* The path, and behind its end what is to stand there. */
static int write_mark(void *context, struct cyc_err *err)
{
    const char *const path = context;
    const char *const text = path + strlen(path) + 1;
    const size_t length = strlen(text);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return cyc_err_set(err, CYC_E_FILE, "cannot write down in %s that outputs may be on: %m",
                           path);
    }
    if (write(fd, text, length) != (ssize_t)length) {
        errno = 0; /* a full disk: the name is what counts */
    }
    (void)close(fd);
    return CYC_OK;
}

static int remove_mark(void *context, struct cyc_err *err)
{
    return unlink(context) == 0 || errno == ENOENT
               ? CYC_OK
               : cyc_err_set(err, CYC_E_FILE, "cannot remove %s: %m", (const char *)context);
}

/* In it who they are, and the outputs that were seen on, both by their number on this port. Who is
 * there when they are made safe may be somebody else. */
static bool post_mark(struct port *port)
{
    char path[1024];
    if (!mark_path(port, path, sizeof path)) {
        return false;
    }
    struct cyc_text text = {0};
    cyc_text_append_size(&text, path, strlen(path) + 1);
    for (unsigned i = 0; i < port->unit_count; i++) {
        const struct unit *const unit = &port->units[i];
        const char *const who = unit->seen ? unit->identity.serial_number : unit->left;
        if (who[0] != '\0') {
            cyc_text_format(&text, PORT_MARK_WHO "%u %s\n", i, who);
        }
    }
    for (unsigned i = 0; i < port->output_count; i++) {
        if (port->outputs[i].seen_on) {
            cyc_text_format(&text, "%u\n", i);
        }
    }
    const bool posted =
        !text.failed && cyc_errands_post(port->errands, write_mark, text.data, text.length + 1);
    cyc_text_release(&text);
    return posted;
}

void cyc_port_mark(struct port *port, bool on)
{
    char path[1024];
    if (port->marked == on) {
        return;
    }
    if (on) {
        port->marked = post_mark(port);
        (void)cyc_errands_wait(port->errands, MARK_MAX_NS);
    } else if (mark_path(port, path, sizeof path)) {
        port->marked = !cyc_errands_post(port->errands, remove_mark, path, strlen(path) + 1);
    }
}

void cyc_port_mark_anew(struct port *port)
{
    if (port->marked) {
        (void)post_mark(port);
    }
}

void cyc_port_mark_seen(struct port *port, struct output *output, bool on)
{
    const bool news = output->seen_on != on;
    output->seen_on = on;
    if (news) {
        cyc_port_mark_anew(port);
    }
}

/* A serial number may hold blanks. */
static void find_left(struct port *port, const char *words)
{
    char *end = NULL;
    const unsigned long index = strtoul(words, &end, 10);
    if (end != words && *end == ' ' && index < port->unit_count) {
        struct unit *const unit = &port->units[index];
        (void)cyc_copy(unit->left, sizeof unit->left, end + 1);
    }
}

bool cyc_port_find_mark(struct port *port)
{
    const size_t prefix = sizeof PORT_MARK_WHO - 1;
    char path[1024];
    char line[128];
    FILE *const file = mark_path(port, path, sizeof path) ? fopen(path, "re") : NULL;
    if (file == NULL) {
        return access(path, F_OK) == 0;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        const unsigned long index = strtoul(line, NULL, 10);
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, PORT_MARK_WHO, prefix) == 0) {
            find_left(port, line + prefix);
        } else if (line[0] >= '0' && line[0] <= '9' && index < port->output_count) {
            port->outputs[index].look = port->outputs[index].channel >= 0;
        }
    }
    (void)fclose(file);
    return true;
}

/* ---- Trips, and what was found ----------------------------------------------------------------
 */

struct note {
    const char *state_dir, *channel;
    char what[sizeof((struct output *)NULL)->found];
};

static int note_trip(void *context, struct cyc_err *err)
{
    const struct note *const note = context;
    return cyc_trip_set(note->state_dir, note->channel, err);
}

static int note_found(void *context, struct cyc_err *err)
{
    const struct note *const note = context;
    return cyc_found_set(note->state_dir, note->channel, note->what, err);
}

static int note_forgiven(void *context, struct cyc_err *err)
{
    const struct note *const note = context;
    (void)err;
    cyc_found_clear(note->state_dir, note->channel);
    return CYC_OK;
}

static void post_note(const struct port *port, const struct output *output, cyc_errand *what)
{
    struct note note = {.state_dir = port->options->state_dir,
                        .channel = port->rig->channels[output->channel].name};
    (void)cyc_copy(note.what, sizeof note.what, output->found);
    (void)cyc_errands_post(port->errands, what, &note, sizeof note);
}

static void note(const struct port *port, struct output *output)
{
    if (output->tripped && !output->noted) {
        output->noted = true;
        post_note(port, output, note_trip);
    }
    if (output->found[0] != '\0' && !output->found_noted) {
        output->found_noted = true;
        post_note(port, output, note_found);
    }
}

void cyc_port_note_trips(struct port *port)
{
    if (!port->has_to_note) {
        return;
    }
    port->has_to_note = false;
    for (unsigned i = 0; i < port->output_count; i++) {
        struct output *const output = &port->outputs[i];
        const bool found = output->found[0] != '\0' && !output->found_noted;
        if (!found && (!output->tripped || output->noted)) {
            continue;
        }
        if (output->unsafe && output->retry_ns == 0 && port->bus != NULL) {
            port->has_to_note = true; /* nobody has tried to switch it off yet */
            continue;
        }
        note(port, output);
    }
}

void cyc_port_note_forgiven(const struct port *port, const struct output *output)
{
    post_note(port, output, note_forgiven);
}
