/* Replaying: an exchange file plays the instrument.
 *
 *     # any comment
 *     > "*IDN?\n"                          what must be sent, byte for byte
 *     < "KEITHLEY INSTRUMENTS INC.,…\n"    what comes then
 *     = model MODEL 2400                   what a driver must make of it: not for the bus
 *
 * A received line becomes available when all that stands before it was sent, LATENCY_NS later, and
 * one line at a time: bytes in two lines are two transfers. A question without an answer in the
 * file is one that times out. Sending anything but the file's bytes fails there and then, and the
 * bus stays failed: what would come after is not known.
 */
#include "device/bus_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATENCY_NS CYC_MS_NS
#define FILE_MAX   (1u << 22)
#define SHOWN_SIZE 200

struct transfer {
    bool is_sent;
    unsigned line;
    size_t start, size; /* in the bytes of the replay */
};

struct replay {
    struct transfer *transfers;
    size_t transfer_count;
    size_t at;   /* transfer that comes next */
    size_t done; /* bytes of it that have passed */
    int64_t now_ns;
    int64_t arrival_ns; /* of what is received next */
    uint8_t *bytes;
    size_t byte_count;
};

/* ---- Reading the file ---------------------------------------------------------------------------
 */

static int hex_value(char c)
{
    static const char digits[] = "0123456789ABCDEFabcdef";
    const char *const at = c != '\0' ? strchr(digits, c) : NULL;
    if (at == NULL) {
        return -1;
    }
    const int value = (int)(at - digits);
    return value < 16 ? value : value - 6;
}

/* The byte of an escape, after its backslash; the length of the escape, 0 when there is none. */
static size_t parse_escape(const char *text, uint8_t *byte)
{
    const char *const letters = "nrt\"\\0";
    const char *const plain = "\n\r\t\"\\\0";
    const char *const at = *text != '\0' ? strchr(letters, *text) : NULL;
    if (at != NULL) {
        *byte = (uint8_t)plain[at - letters];
        return 1;
    }
    if (text[0] == 'x' && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0) {
        *byte = (uint8_t)(hex_value(text[1]) * 16 + hex_value(text[2]));
        return 3;
    }
    return 0;
}

/* `text` is behind the opening quote. */
static bool parse_quoted(const char *text, uint8_t *bytes, size_t *count)
{
    for (; *text != '"'; (*count)++) {
        if (*text == '\0') {
            return false;
        }
        if (*text != '\\') {
            bytes[*count] = (uint8_t)*text++;
            continue;
        }
        const size_t used = parse_escape(text + 1, &bytes[*count]);
        if (used == 0) {
            return false;
        }
        text += 1 + used;
    }
    return text[1 + strspn(text + 1, " \t")] == '\0';
}

static bool parse_hex(const char *text, uint8_t *bytes, size_t *count)
{
    for (text += strspn(text, " \t"); *text != '\0'; text += strspn(text, " \t")) {
        if (hex_value(text[0]) < 0 || hex_value(text[1]) < 0) {
            return false;
        }
        bytes[(*count)++] = (uint8_t)(hex_value(text[0]) * 16 + hex_value(text[1]));
        text += 2;
    }
    return true;
}

/* Room for the bytes of a line of so many characters is there: a byte takes at least one. */
static int parse_line(struct replay *replay, const char *path, unsigned number, const char *line,
                      struct cyc_err *err)
{
    const char mark = line[0];
    if (mark == '\0' || mark == '#' || mark == '=') {
        return CYC_OK;
    }
    const char *const text = line + 1 + strspn(line + 1, " \t");
    uint8_t *const bytes = replay->bytes + replay->byte_count;
    size_t count = 0;
    const bool fits =
        (mark == '>' || mark == '<') &&
        (text[0] == '"' ? parse_quoted(text + 1, bytes, &count) : parse_hex(text, bytes, &count));
    if (!fits || count == 0) {
        return cyc_err_set(err, CYC_E_SYNTAX,
                           "%s:%u: a line is `> bytes`, `< bytes`, `= name value` or `# comment`, "
                           "the bytes in hex (2A 49) or quoted (\"*IDN?\\n\")",
                           path, number);
    }
    replay->transfers[replay->transfer_count++] = (struct transfer){
        .is_sent = mark == '>', .line = number, .start = replay->byte_count, .size = count};
    replay->byte_count += count;
    return CYC_OK;
}

static int parse_file(struct replay *replay, const char *path, char *text, struct cyc_err *err)
{
    unsigned number = 1;
    for (char *line = text; line != NULL; number++) {
        char *const end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        line[strcspn(line, "\r")] = '\0';
        const int status = parse_line(replay, path, number, line, err);
        if (status != CYC_OK) {
            return status;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return CYC_OK;
}

/* The whole file, terminated; owned by the caller. */
static int read_file(const char *path, char **text, size_t *size, struct cyc_err *err)
{
    FILE *const file = fopen(path, "re");
    if (file == NULL) {
        return cyc_err_set(err, CYC_E_FILE, "cannot read the exchange file '%s': %m", path);
    }
    int status = CYC_OK;
    char *const made = malloc(FILE_MAX + 2);
    const size_t got = made != NULL ? fread(made, 1, FILE_MAX + 1, file) : 0;
    if (made == NULL) {
        status = cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to read '%s'", path);
    } else if (ferror(file) != 0) {
        status = cyc_err_set(err, CYC_E_FILE, "cannot read the exchange file '%s': %m", path);
    } else if (got > FILE_MAX) {
        status = cyc_err_set(err, CYC_E_BOUND, "'%s' has more than %u bytes", path, FILE_MAX);
    }
    (void)fclose(file);
    if (status != CYC_OK) {
        free(made);
        return status;
    }
    made[got] = '\0';
    *text = made;
    *size = got;
    return CYC_OK;
}

/* ---- The back end -------------------------------------------------------------------------------
 */

static int64_t replay_now_ns(const struct cyc_bus *bus)
{
    return ((const struct replay *)bus->back)->now_ns;
}

static void replay_pause(struct cyc_bus *bus, int64_t until_ns)
{
    struct replay *const replay = bus->back;
    if (until_ns > replay->now_ns) {
        replay->now_ns = until_ns;
    }
}

/* What stands next in the file, if it goes that way; NULL: the other way, or the end. */
static const struct transfer *next(const struct replay *replay, bool is_sent)
{
    const struct transfer *const transfer =
        replay->at < replay->transfer_count ? &replay->transfers[replay->at] : NULL;
    return transfer != NULL && transfer->is_sent == is_sent ? transfer : NULL;
}

static void pass(struct replay *replay, size_t count)
{
    replay->done += count;
    if (replay->done == replay->transfers[replay->at].size) {
        replay->at++;
        replay->done = 0;
        replay->arrival_ns = replay->now_ns + LATENCY_NS;
    }
}

static int replay_wait(struct cyc_bus *bus, bool want_room, int64_t until_ns, bool *ready,
                       struct cyc_err *err)
{
    struct replay *const replay = bus->back;
    (void)err;
    const bool comes = next(replay, false) != NULL;
    const int64_t to_ns = comes && replay->arrival_ns < until_ns ? replay->arrival_ns : until_ns;
    if (!want_room) {
        replay_pause(bus, to_ns);
    }
    *ready = want_room || (comes && replay->now_ns >= replay->arrival_ns);
    return CYC_OK;
}

static int replay_receive(struct cyc_bus *bus, uint8_t *bytes, size_t size, size_t *count,
                          struct cyc_err *err)
{
    struct replay *const replay = bus->back;
    const struct transfer *const transfer = next(replay, false);
    if (!CYC_ASSERT(transfer != NULL)) {
        return cyc_err_set(err, CYC_E_BUG, "nothing to be received");
    }
    const size_t left = transfer->size - replay->done;
    *count = left < size ? left : size;
    memcpy(bytes, replay->bytes + transfer->start + replay->done, *count);
    pass(replay, *count);
    return CYC_OK;
}

static int wrong_request(struct cyc_bus *bus, const struct transfer *expected, const uint8_t *bytes,
                         size_t size, struct cyc_err *err)
{
    const struct replay *const replay = bus->back;
    char sent[SHOWN_SIZE];
    char wanted[SHOWN_SIZE] = "nothing";
    (void)cyc_bytes_show(sent, sizeof sent, bytes, size);
    if (expected != NULL) {
        (void)cyc_bytes_show(wanted, sizeof wanted, replay->bytes + expected->start + replay->done,
                             expected->size - replay->done);
    }
    bus->is_lost = true;
    bus->step = CYC_STEP_OUT;
    return cyc_err_set(err, CYC_E_REPLY, "%s:%u: sent %s, but %s is to be sent there", bus->address,
                       cyc_bus_replay_line(bus), sent, wanted);
}

static int replay_send(struct cyc_bus *bus, const uint8_t *bytes, size_t size, size_t *count,
                       struct cyc_err *err)
{
    struct replay *const replay = bus->back;
    while (*count < size) {
        const struct transfer *const transfer = next(replay, true);
        const size_t left = transfer != NULL ? transfer->size - replay->done : 0;
        const size_t piece = left < size - *count ? left : size - *count;
        if (transfer == NULL ||
            memcmp(replay->bytes + transfer->start + replay->done, bytes + *count, piece) != 0) {
            return wrong_request(bus, transfer, bytes + *count, size - *count, err);
        }
        pass(replay, piece);
        *count += piece;
    }
    return CYC_OK;
}

static void release(struct replay *replay)
{
    free(replay->transfers);
    free(replay->bytes);
    free(replay);
}

static void replay_close(struct cyc_bus *bus)
{
    release(bus->back);
}

static const struct cyc_bus_ops replay_ops = {.now_ns = replay_now_ns,
                                              .pause = replay_pause,
                                              .wait = replay_wait,
                                              .receive = replay_receive,
                                              .send = replay_send,
                                              .close = replay_close};

static int load(const char *path, struct replay *replay, struct cyc_err *err)
{
    char *text = NULL;
    size_t size = 0;
    int status = read_file(path, &text, &size, err);
    if (status != CYC_OK) {
        return status;
    }
    size_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += text[i] == '\n';
    }
    replay->transfers = calloc(lines, sizeof *replay->transfers);
    replay->bytes = malloc(size + 1);
    status = replay->transfers != NULL && replay->bytes != NULL
                 ? parse_file(replay, path, text, err)
                 : cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to replay '%s'", path);
    free(text);
    return status;
}

int cyc_bus_open_replay(const char *path, struct cyc_bus **bus, struct cyc_err *err)
{
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    struct cyc_bus *made = NULL;
    int status = cyc_bus_new(path, &settings, &made, err);
    if (status != CYC_OK) {
        return status;
    }
    struct replay *const replay = calloc(1, sizeof *replay);
    status = replay != NULL ? load(path, replay, err)
                            : cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to replay '%s'", path);
    if (status != CYC_OK) {
        if (replay != NULL) {
            release(replay);
        }
        free(made);
        return status;
    }
    made->back = replay;
    made->ops = &replay_ops;
    *bus = made;
    return CYC_OK;
}

unsigned cyc_bus_replay_line(const struct cyc_bus *bus)
{
    const struct replay *const replay = bus->back;
    return replay->at < replay->transfer_count ? replay->transfers[replay->at].line : 0;
}
