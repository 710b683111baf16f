/* A line of so many baud between host and instrument.
 *
 * A pseudo-terminal and TCP hand over at once what a serial line carries byte by byte, ten bits
 * each. With a speed given, each byte from the host arrives one byte's time after the one before
 * it, and each reply leaves in pieces at the pace of the line, so that a host which looks for
 * silence sees the same as on a cable. What arrives is handed to the firmware at the end of a line,
 * at another control character, or where the host makes a pause.
 */
#include "emulate/emulate_int.h"

#include <string.h>

#define BITS_PER_BYTE 10
#define PIECE_SIZE    8
#define CONTROL       0x20 /* below: a terminator, a device clear */

void cyc_unit_line_speed(struct cyc_unit *unit, double baud)
{
    unit->line.byte_ns = baud > 0 ? (int64_t)(BITS_PER_BYTE * (double)CYC_S_NS / baud) : 0;
}

void cyc_line_clear(struct cyc_line *line)
{
    line->count = 0;
    line->in_ns = line->out_ns = 0;
}

bool cyc_line_take_in(struct cyc_line *line, int64_t now_ns, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (line->count == CYC_LINE_MAX) {
            return false;
        }
        line->in_ns = (line->in_ns > now_ns ? line->in_ns : now_ns) + line->byte_ns;
        line->arrives_ns[line->count] = line->in_ns;
        line->bytes[line->count++] = bytes[i];
    }
    return true;
}

/* How many bytes are handed over together; 0: none wait. */
static size_t part_size(const struct cyc_line *line)
{
    size_t size = 0;
    while (size < line->count) {
        size++;
        const bool pauses = size < line->count &&
                            line->arrives_ns[size] - line->arrives_ns[size - 1] > line->byte_ns;
        if (line->bytes[size - 1] < CONTROL || pauses) {
            break;
        }
    }
    return size;
}

int64_t cyc_line_due_ns(const struct cyc_line *line)
{
    const size_t size = part_size(line);
    return size > 0 ? line->arrives_ns[size - 1] : CYC_NEVER;
}

size_t cyc_line_hand_over(struct cyc_line *line, int64_t now_ns, uint8_t *bytes)
{
    if (cyc_line_due_ns(line) > now_ns) {
        return 0;
    }
    const size_t size = part_size(line);
    memcpy(bytes, line->bytes, size);
    line->count -= size;
    memmove(line->bytes, line->bytes + size, line->count);
    memmove(line->arrives_ns, line->arrives_ns + size, line->count * sizeof line->arrives_ns[0]);
    return size;
}

bool cyc_line_send(struct cyc_line *line, struct cyc_link *link, const uint8_t *bytes, size_t size,
                   int64_t at_ns)
{
    bool room = true;
    line->out_ns = line->out_ns > at_ns ? line->out_ns : at_ns;
    while (size > 0 && room) {
        const size_t part = size < PIECE_SIZE ? size : PIECE_SIZE;
        line->out_ns += (int64_t)part * line->byte_ns;
        room = cyc_link_send(link, bytes, part, line->out_ns);
        bytes += part;
        size -= part;
    }
    return room;
}
