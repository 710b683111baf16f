/* Where a reply ends: the three kinds of frame that instruments use.
 *
 *   LINE     # K E I T H L E Y \r \n          up to the terminator
 *   BYTES    ? ? STX d d d d d d ETX          a fixed number, from a start byte to an end byte
 *   LENGTH   a f n d d d d c c                as many as the first bytes tell (Modbus)
 *
 * The functions look at the bytes received so far and never remember anything: the same bytes in
 * whatever pieces give the same frames. Looking again at the start after each piece is affordable
 * because a reply is bounded (CYC_BUS_REPLY_MAX).
 */
#include "device/bus_int.h"

#include <string.h>

static enum cyc_frame_found find_line(const struct cyc_frame *frame, const uint8_t *bytes,
                                      size_t count, struct cyc_frame_part *part)
{
    const size_t size = strnlen(frame->terminator, sizeof frame->terminator);
    if (!CYC_ASSERT(size > 0)) {
        return CYC_FRAME_BROKEN;
    }
    const uint8_t *const at = memmem(bytes, count, frame->terminator, size);
    if (at == NULL) {
        return CYC_FRAME_MORE;
    }
    part->size = (size_t)(at - bytes);
    part->end = part->size + size;
    if (frame->terminator[0] == '\n' && part->size > 0 && bytes[part->size - 1] == '\r') {
        part->size--;
    }
    return CYC_FRAME_WHOLE;
}

static enum cyc_frame_found find_bytes(const struct cyc_frame *frame, const uint8_t *bytes,
                                       size_t count, struct cyc_frame_part *part)
{
    if (!CYC_ASSERT(frame->size > 0 && frame->size <= CYC_BUS_REPLY_MAX)) {
        return CYC_FRAME_BROKEN;
    }
    part->size = frame->size;
    if (!frame->bounded) {
        part->end = frame->size;
        return count >= frame->size ? CYC_FRAME_WHOLE : CYC_FRAME_MORE;
    }
    /* A start byte may stand among the data, and we may have come in the middle of a frame: what
     * does not end as it should did not begin there. */
    while (part->start < count) {
        const uint8_t *const at = memchr(bytes + part->start, frame->start, count - part->start);
        part->start = at != NULL ? (size_t)(at - bytes) : count;
        if (count - part->start < frame->size) {
            return CYC_FRAME_MORE;
        }
        part->end = part->start + frame->size;
        if (bytes[part->end - 1] == frame->end) {
            return CYC_FRAME_WHOLE;
        }
        part->start++;
        part->rejected++;
    }
    return CYC_FRAME_MORE;
}

static enum cyc_frame_found find_length(const struct cyc_frame *frame, const uint8_t *bytes,
                                        size_t count, struct cyc_frame_part *part)
{
    if (!CYC_ASSERT(frame->length_fn != NULL)) {
        return CYC_FRAME_BROKEN;
    }
    const size_t size = count > 0 ? frame->length_fn(bytes, count) : 0;
    if (size > CYC_BUS_REPLY_MAX) {
        return CYC_FRAME_BROKEN;
    }
    if (size == 0 || count < size) {
        return CYC_FRAME_MORE;
    }
    part->size = size;
    part->end = size;
    return CYC_FRAME_WHOLE;
}

enum cyc_frame_found cyc_frame_find(const struct cyc_frame *frame, const uint8_t *bytes,
                                    size_t count, struct cyc_frame_part *part)
{
    *part = (struct cyc_frame_part){0};
    switch (frame->kind) {
    case CYC_FRAME_LINE:
        return find_line(frame, bytes, count, part);
    case CYC_FRAME_BYTES:
        return find_bytes(frame, bytes, count, part);
    case CYC_FRAME_LENGTH:
        return find_length(frame, bytes, count, part);
    }
    return CYC_FRAME_BROKEN;
}
