/* Messages on their way to and from an instrument, and the faults they meet there.
 *
 *     host ──► link ──► slow, drop, echo, flip, intruder, busy ──► firmware
 *     host ◄── link ◄── mute, merge, cut, noise, late, split, extra, twice, babble ◄── firmware
 *
 * What comes in one read of the port is taken for one message; what the firmware sends at once, for
 * one reply.
 */
#include "emulate/emulate_int.h"

#include <string.h>

#define BABBLE_NS   (5 * CYC_MS_NS)
#define BABBLE_SIZE 32

static struct cyc_link *reply_link(const struct cyc_unit *unit)
{
    return unit->emulation->links[unit->link->peer];
}

static void put_on_wire(struct cyc_unit *unit, const uint8_t *bytes, size_t size, int64_t at_ns)
{
    const bool room = unit->line.byte_ns > 0
                          ? cyc_line_send(&unit->line, reply_link(unit), bytes, size, at_ns)
                          : cyc_link_send(reply_link(unit), bytes, size, at_ns);
    if (!room) {
        cyc_unit_log(unit, "overrun: the host does not read");
    }
}

static uint8_t garbage(struct cyc_fault_rule *rule)
{
    return (uint8_t)(cyc_fault_random(rule) * 256);
}

void cyc_unit_power_cycle(struct cyc_unit *unit)
{
    cyc_unit_log(unit, "reset");
    unit->kept_size = 0;
    unit->busy_until_ns = 0;
    cyc_line_clear(&unit->line);
    unit->wake_ns = CYC_NEVER;
    cyc_unit_discard(unit);
    if (unit->emulator->reset != NULL) {
        unit->emulator->reset(unit);
    }
}

/* ---- To the instrument -------------------------------------------------------------------------
 */

static void flip(struct cyc_fault_rule *rule, uint8_t *bytes, size_t size)
{
    const size_t at = (size_t)(cyc_fault_random(rule) * (double)size);
    bytes[at] ^= (uint8_t)(1u << (unsigned)(cyc_fault_random(rule) * 8));
}

/* What does not fit is lost, as in any input buffer. */
static void keep(struct cyc_unit *unit, const uint8_t *bytes, size_t size)
{
    const size_t room = sizeof unit->kept - unit->kept_size;
    const size_t part = size < room ? size : room;
    memcpy(unit->kept + unit->kept_size, bytes, part);
    unit->kept_size += part;
}

static bool is_too_fast(struct cyc_unit *unit, int64_t now_ns)
{
    const int64_t before_ns = unit->heard_ns;
    unit->heard_ns = now_ns;
    const struct cyc_fault_rule *slow = cyc_fault_strike(unit, CYC_FAULTY_SLOW);
    return slow != NULL && before_ns > 0 &&
           (double)(now_ns - before_ns) < slow->value * (double)CYC_S_NS;
}

static void hear_part(struct cyc_unit *unit, const uint8_t *bytes, size_t size)
{
    const int64_t now_ns = cyc_unit_now_ns(unit);
    uint8_t message[CYC_CHUNK_SIZE * 4];
    memcpy(message, bytes, size);
    struct cyc_fault_rule *flips = cyc_fault_strike(unit, CYC_FAULTY_FLIP);
    if (flips != NULL) {
        flip(flips, message, size);
    }
    const struct cyc_fault_rule *busy =
        now_ns < unit->busy_until_ns ? NULL : cyc_fault_strike(unit, CYC_FAULTY_BUSY);
    if (busy != NULL) {
        unit->busy_until_ns = now_ns + (int64_t)(busy->value * (double)CYC_S_NS);
    }
    if (now_ns < unit->busy_until_ns) {
        keep(unit, message, size);
        return;
    }
    unit->emulator->receive(unit, message, size);
    if (cyc_unit_fault(unit, CYC_FAULTY_INTRUDER)) {
        unit->emulator->receive(unit, message, size);
    }
}

static void hear(struct cyc_unit *unit, const uint8_t *bytes, size_t size)
{
    const int64_t now_ns = cyc_unit_now_ns(unit);
    if (unit->emulation->faults.words == 0) {
        unit->emulator->receive(unit, bytes, size);
        return;
    }
    if (cyc_unit_fault(unit, CYC_FAULTY_ECHO)) {
        put_on_wire(unit, bytes, size, now_ns);
    }
    if (is_too_fast(unit, now_ns) || cyc_unit_fault(unit, CYC_FAULTY_DROP)) {
        return;
    }
    while (size > 0) {
        const size_t part = size < sizeof unit->kept ? size : sizeof unit->kept;
        hear_part(unit, bytes, part);
        bytes += part;
        size -= part;
    }
}

void cyc_unit_hear(struct cyc_unit *unit, const uint8_t *bytes, size_t size)
{
    if (unit->line.byte_ns == 0) {
        hear(unit, bytes, size);
    } else if (!cyc_line_take_in(&unit->line, cyc_unit_now_ns(unit), bytes, size)) {
        cyc_unit_log(unit, "overrun: the host does not stop");
    }
}

/* ---- To the host -------------------------------------------------------------------------------
 */

/* Keeps a reply without its end, to be glued to the next. */
static void glue(struct cyc_unit *unit, const uint8_t *bytes, size_t size)
{
    while (size > 0 && (bytes[size - 1] == '\r' || bytes[size - 1] == '\n')) {
        size--;
    }
    unit->glue_size = size < sizeof unit->glue ? size : sizeof unit->glue;
    memcpy(unit->glue, bytes, unit->glue_size);
}

static void send_whole(struct cyc_unit *unit, const uint8_t *bytes, size_t size, int64_t at_ns)
{
    const struct cyc_fault_rule *split = cyc_fault_strike(unit, CYC_FAULTY_SPLIT);
    if (split == NULL || size < 2) {
        put_on_wire(unit, bytes, size, at_ns);
        return;
    }
    put_on_wire(unit, bytes, size / 2, at_ns);
    put_on_wire(unit, bytes + size / 2, size - size / 2,
                at_ns + (int64_t)(split->value * (double)CYC_S_NS));
}

static void send_extra(struct cyc_unit *unit, int64_t at_ns)
{
    struct cyc_fault_rule *extra = cyc_fault_strike(unit, CYC_FAULTY_EXTRA);
    uint8_t more[64];
    if (extra == NULL) {
        return;
    }
    const size_t size = extra->value < sizeof more ? (size_t)extra->value : sizeof more;
    for (size_t i = 0; i < size; i++) {
        more[i] = (uint8_t)('!' + garbage(extra) % 94);
    }
    put_on_wire(unit, more, size, at_ns);
}

static void start_babbling(struct cyc_unit *unit)
{
    const struct cyc_fault_rule *babble = cyc_fault_strike(unit, CYC_FAULTY_BABBLE);
    const int64_t now_ns = cyc_unit_now_ns(unit);
    if (babble != NULL && now_ns >= unit->babble_until_ns) {
        unit->babble_until_ns = now_ns + (int64_t)(babble->value * (double)CYC_S_NS);
        unit->babble_ns = now_ns;
    }
}

static void send_faulty(struct cyc_unit *unit, uint8_t *reply, size_t size, int64_t at_ns)
{
    struct cyc_fault_rule *noise = cyc_fault_strike(unit, CYC_FAULTY_NOISE);
    const struct cyc_fault_rule *cut = cyc_fault_strike(unit, CYC_FAULTY_CUT);
    const struct cyc_fault_rule *late = cyc_fault_strike(unit, CYC_FAULTY_LATE);
    if (noise != NULL) {
        const size_t at = (size_t)(cyc_fault_random(noise) * (double)size);
        const uint8_t was = reply[at];
        reply[at] = garbage(noise);
        reply[at] ^= reply[at] == was ? 0x80 : 0;
    }
    if (cut != NULL) {
        size = (size_t)(cut->value * (double)size);
    }
    at_ns += late != NULL ? (int64_t)(late->value * (double)CYC_S_NS) : 0;
    send_whole(unit, reply, size, at_ns);
    if (cyc_unit_fault(unit, CYC_FAULTY_TWICE)) {
        put_on_wire(unit, reply, size, at_ns);
    }
    send_extra(unit, at_ns);
    start_babbling(unit);
}

void cyc_unit_send(struct cyc_unit *unit, const void *bytes, size_t size, int64_t after_ns)
{
    const int64_t at_ns = cyc_unit_now_ns(unit) + after_ns;
    uint8_t reply[CYC_CHUNK_SIZE * 5];
    if (unit->emulation->faults.words == 0) {
        put_on_wire(unit, bytes, size, at_ns);
        return;
    }
    if (size == 0 || size > sizeof reply - sizeof unit->glue ||
        cyc_unit_fault(unit, CYC_FAULTY_MUTE)) {
        return;
    }
    memcpy(reply, unit->glue, unit->glue_size);
    memcpy(reply + unit->glue_size, bytes, size);
    size += unit->glue_size;
    unit->glue_size = 0;
    if (cyc_unit_fault(unit, CYC_FAULTY_MERGE)) {
        glue(unit, reply, size);
        return;
    }
    send_faulty(unit, reply, size, at_ns);
}

/* ---- By itself ---------------------------------------------------------------------------------
 */

void cyc_unit_run_due(struct cyc_unit *unit, int64_t now_ns)
{
    uint8_t part[CYC_LINE_MAX];
    for (size_t size = 1; size > 0 && unit->line.count > 0;) {
        size = cyc_line_hand_over(&unit->line, now_ns, part);
        if (size > 0) {
            hear(unit, part, size);
        }
    }
    if (unit->kept_size > 0 && now_ns >= unit->busy_until_ns) {
        const size_t size = unit->kept_size;
        unit->kept_size = 0;
        unit->emulator->receive(unit, unit->kept, size);
    }
    if (now_ns >= unit->babble_until_ns) {
        unit->babble_until_ns = 0;
    } else if (now_ns >= unit->babble_ns) {
        uint8_t bytes[BABBLE_SIZE];
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)('0' + (size_t)(now_ns / 1000 + (int64_t)i * 7) % 75);
        }
        (void)cyc_link_send(reply_link(unit), bytes, sizeof bytes, now_ns);
        unit->babble_ns = now_ns + BABBLE_NS;
    }
}

int64_t cyc_unit_due_ns(const struct cyc_unit *unit)
{
    int64_t due_ns = unit->kept_size > 0 ? unit->busy_until_ns : CYC_NEVER;
    if (unit->babble_ns < unit->babble_until_ns && unit->babble_ns < due_ns) {
        due_ns = unit->babble_ns;
    }
    const int64_t line_ns = cyc_line_due_ns(&unit->line);
    return line_ns < due_ns ? line_ns : due_ns;
}
