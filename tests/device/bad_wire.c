#include "device/bad_wire.h"

#include "check/check.h"
#include "core/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct cyc_emulator cyc_emulator_keithley_2400;

uint64_t wire_random(struct wire *wire, uint64_t below) /* xorshift64* (Vigna 2016) */
{
    wire->random ^= wire->random >> 12;
    wire->random ^= wire->random << 25;
    wire->random ^= wire->random >> 27;
    return (wire->random * UINT64_C(0x2545F4914F6CDD1D) >> 33) % below;
}

static int64_t random_ns(struct wire *wire, int64_t low_ns, int64_t high_ns)
{
    return low_ns + (int64_t)wire_random(wire, (uint64_t)(high_ns - low_ns));
}

/* ---- To the host --------------------------------------------------------------------------------
 */

static void queue(struct wire *wire, int64_t t_ns, const void *bytes, size_t size)
{
    CU_ASSERT_FATAL(wire->count < WIRE_PIECES_MAX && size <= WIRE_LINE_SIZE);
    struct wire_piece *const piece = &wire->pieces[(wire->first + wire->count++) % WIRE_PIECES_MAX];
    wire->last_ns = t_ns > wire->last_ns ? t_ns : wire->last_ns;
    piece->t_ns = wire->last_ns;
    piece->size = size;
    memcpy(piece->bytes, bytes, size);
}

static void queue_in_pieces(struct wire *wire, int64_t t_ns)
{
    for (size_t at = 0; at < wire->answer_size;) {
        const size_t left = wire->answer_size - at;
        size_t size = 1 + wire_random(wire, 7);
        size = size < left ? size : left;
        queue(wire, t_ns, wire->answer + at, size);
        t_ns += random_ns(wire, 0, 40 * CYC_MS_NS);
        at += size;
    }
}

static void queue_babble(struct wire *wire, int64_t t_ns)
{
    const uint64_t count = 10 + wire_random(wire, 400);
    for (uint64_t i = 0; i < count; i++) {
        const char byte = "0123456789,.E+-\n"[wire_random(wire, 16)];
        t_ns += CYC_MS_NS;
        queue(wire, t_ns, &byte, 1);
    }
}

static void spoil(struct wire *wire)
{
    const uint64_t count = 1 + wire_random(wire, 3);
    for (uint64_t i = 0; i < count; i++) {
        wire->answer[wire_random(wire, wire->answer_size - 1)] =
            (uint8_t)(128 + wire_random(wire, 128));
    }
}

static void queue_answer(struct wire *wire, int64_t now_ns, enum wire_fault fault)
{
    const uint8_t *const answer = wire->answer;
    const size_t size = wire->answer_size;
    switch (fault) {
    case WIRE_SPLIT:
        queue_in_pieces(wire, now_ns);
        return;
    case WIRE_LATE:
        queue(wire, now_ns + random_ns(wire, 100 * CYC_MS_NS, 2 * CYC_S_NS), answer, size);
        return;
    case WIRE_MUTE:
        return;
    case WIRE_CUT:
        queue(wire, now_ns, answer, wire_random(wire, size));
        return;
    case WIRE_MERGE:
        memcpy(wire->held, answer, size);
        wire->held_size = size;
        return;
    case WIRE_ECHO:
        queue(wire, now_ns, wire->sent, strlen(wire->sent));
        break;
    case WIRE_NOISE:
        spoil(wire);
        break;
    case WIRE_EXTRA:
        queue(wire, now_ns, answer, size);
        break;
    case WIRE_BABBLE:
        queue_babble(wire, now_ns);
        break;
    case WIRE_CODE:
    case WIRE_LOSE:
    case WIRE_DROP:
    case WIRE_BEND:
    case WIRE_RESET:
    case WIRE_HANG_UP:
    case WIRE_FAULT_COUNT:
        break;
    }
    queue(wire, now_ns, answer, size);
}

/* A reading, "V,I,time,status", gets its tag, or codes where numbers stood. */
static void tag(struct wire *wire, int64_t now_ns, bool code)
{
    static const char *const codes[] = {"+9.910000E+37", "+9.900000E+37", "-9.900000E+37",
                                        "+NAN",          "+INF",          "9.91E37"};
    char text[WIRE_LINE_SIZE];
    char *field[3];
    memcpy(text, wire->answer, wire->answer_size);
    text[wire->answer_size] = '\0';
    field[0] = strchr(text, ',');
    field[1] = field[0] != NULL ? strchr(field[0] + 1, ',') : NULL;
    field[2] = field[1] != NULL ? strchr(field[1] + 1, ',') : NULL;
    if (field[2] == NULL || strchr("+-0123456789", text[0]) == NULL) {
        return;
    }
    CU_ASSERT_FATAL(wire->tag_count < WIRE_TAGS_MAX);
    const unsigned number = wire->tag_count++;
    struct wire_tag *const made = &wire->tags[number];
    const uint64_t which = code ? 1 + wire_random(wire, 3) : 0;
    *made = (struct wire_tag){now_ns, (which & 1) != 0, (which & 2) != 0};
    char voltage[32];
    (void)snprintf(voltage, sizeof voltage, "+3.%06uE+00", number);
    *field[0] = *field[1] = '\0';
    const int length =
        snprintf((char *)wire->answer, sizeof wire->answer, "%s,%s,%s",
                 made->voltage_coded ? codes[wire_random(wire, 6)] : voltage,
                 made->current_coded ? codes[wire_random(wire, 6)] : field[0] + 1, field[1] + 1);
    CU_ASSERT_FATAL(length > 0 && (size_t)length < sizeof wire->answer);
    wire->answer_size = (size_t)length;
}

static bool strikes(struct wire *wire)
{
    return wire_random(wire, 1000) < wire->per_mille;
}

static void pass_answer(struct wire *wire, int64_t now_ns)
{
    enum wire_fault fault = WIRE_FAULT_COUNT;
    if (strikes(wire)) {
        fault = (enum wire_fault)wire_random(wire, WIRE_CODE + 1);
        wire->struck[fault]++;
    }
    tag(wire, now_ns, fault == WIRE_CODE);
    now_ns += wire->latency_ns;
    if (wire->held_size > 0) { /* together with the one before */
        queue(wire, now_ns, wire->held, wire->held_size);
        wire->held_size = 0;
    }
    queue_answer(wire, now_ns, fault);
    wire->answer_size = 0;
}

static void collect(struct wire *wire, int64_t now_ns)
{
    uint8_t bytes[WIRE_LINE_SIZE];
    size_t size = 0;
    while ((size = cyc_emulation_deliver(wire->emulation, wire->link, now_ns, bytes,
                                         sizeof bytes)) > 0) {
        for (size_t i = 0; i < size; i++) {
            CU_ASSERT_FATAL(wire->answer_size < WIRE_LINE_SIZE - 40);
            wire->answer[wire->answer_size++] = bytes[i];
            if (bytes[i] == '\n') {
                pass_answer(wire, now_ns);
            }
        }
    }
}

static size_t deliver(void *context, int64_t now_ns, uint8_t *bytes, size_t size)
{
    struct wire *const wire = context;
    collect(wire, now_ns);
    struct wire_piece *const piece = &wire->pieces[wire->first];
    if (wire->count == 0 || piece->t_ns > now_ns || wire->is_lost) {
        return 0;
    }
    const size_t count = piece->size < size ? piece->size : size;
    memcpy(bytes, piece->bytes, count);
    piece->size -= count;
    memmove(piece->bytes, piece->bytes + count, piece->size);
    if (piece->size == 0) {
        wire->first = (wire->first + 1) % WIRE_PIECES_MAX;
        wire->count--;
    }
    return count;
}

static int64_t next_ns(void *context)
{
    const struct wire *const wire = context;
    const int64_t unit_ns = cyc_emulation_next_ns(wire->emulation, wire->link);
    const int64_t piece_ns = wire->count > 0 ? wire->pieces[wire->first].t_ns : INT64_MAX;
    return unit_ns < piece_ns ? unit_ns : piece_ns;
}

static bool is_lost(void *context)
{
    return ((const struct wire *)context)->is_lost;
}

/* ---- To the instrument --------------------------------------------------------------------------
 */

static void look(struct wire *wire, int64_t now_ns)
{
    const struct cyc_setpoint *const truth = cyc_unit_truth(wire->unit, 0);
    if (truth->control != wire->truth.control || truth->value != wire->truth.value ||
        truth->current_max_A != wire->truth.current_max_A) {
        wire->truth_ns = now_ns;
    }
    wire->truth = *truth;
}

/* Returns the size that is left of the command. */
static size_t damage(struct wire *wire, uint8_t *bytes, size_t size)
{
    const enum wire_fault fault =
        (enum wire_fault)(WIRE_LOSE + wire_random(wire, WIRE_FAULT_COUNT - WIRE_LOSE));
    const size_t at = wire_random(wire, size);
    if (fault >= WIRE_RESET && wire_random(wire, 8) != 0) {
        return size; /* the gross ones are rarer */
    }
    wire->struck[fault]++;
    if (fault == WIRE_LOSE) {
        return 0;
    }
    if (fault == WIRE_DROP) {
        memmove(bytes + at, bytes + at + 1, size - at - 1);
        return size - 1;
    }
    if (fault == WIRE_BEND) {
        bytes[at] ^= (uint8_t)(1u << wire_random(wire, 8));
    } else if (fault == WIRE_RESET) {
        wire->emulator->reset(wire->unit);
        wire->was_reset = true;
    } else {
        wire->is_lost = true;
    }
    return size;
}

static void receive(void *context, int64_t now_ns, const uint8_t *bytes, size_t size)
{
    struct wire *const wire = context;
    uint8_t copy[WIRE_LINE_SIZE];
    CU_ASSERT_FATAL(size > 0 && size < sizeof copy);
    memcpy(copy, bytes, size);
    memcpy(wire->sent, bytes, size);
    wire->sent[size] = '\0';
    collect(wire, now_ns);
    if (strikes(wire)) {
        size = damage(wire, copy, size);
    }
    if (size > 0 && !wire->is_lost) {
        cyc_emulation_receive(wire->emulation, wire->link, now_ns, copy, size);
    }
    look(wire, now_ns);
}

/* ---- Making one ---------------------------------------------------------------------------------
 */

struct wire *wire_new(uint64_t seed, unsigned per_mille, int64_t latency_ns)
{
    struct wire *const wire = calloc(1, sizeof *wire);
    const struct cyc_emulation_options virtual = {.rate = 1, .seed = seed, .virtual_time = true};
    struct cyc_cell_spec spec;
    unsigned cell = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(wire);
    wire->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    wire->per_mille = per_mille;
    wire->latency_ns = latency_ns;
    wire->emulator = &cyc_emulator_keithley_2400;
    wire->was_reset = true; /* it has just been switched on */
    CU_ASSERT_FATAL(cyc_cell_spec_init(&spec, "linear", NULL) == CYC_OK);
    CU_ASSERT_FATAL(cyc_emulation_new(&virtual, &wire->emulation, NULL) == CYC_OK);
    CU_ASSERT_FATAL(cyc_emulation_cell(wire->emulation, &spec, &cell, NULL) == CYC_OK);
    CU_ASSERT_FATAL(cyc_emulation_link(wire->emulation, "memory", &wire->link, NULL) == CYC_OK);
    CU_ASSERT_FATAL(cyc_emulation_unit(wire->emulation, wire->emulator, wire->link, "terminator=lf",
                                       &cell, 1, &wire->unit, NULL) == CYC_OK);
    wire->truth = *cyc_unit_truth(wire->unit, 0);
    return wire;
}

void wire_free(struct wire *wire)
{
    cyc_emulation_free(wire->emulation);
    free(wire);
}

struct cyc_bus *wire_open(struct wire *wire, int64_t start_ns)
{
    const struct cyc_bus_peer peer = {wire, receive, deliver, next_ns, is_lost};
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    struct cyc_bus *bus = NULL;
    wire->is_lost = false;
    CU_ASSERT_FATAL(cyc_bus_open_memory(&peer, &settings, start_ns, &bus, NULL) == CYC_OK);
    return bus;
}
