/* Frames: each style, and that the pieces in which bytes arrive do not matter. */
#include "device/far_end.h"

#include "check/check.h"
#include "core/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct far_end far; /* large */

static struct cyc_bus *saying(const void *bytes, size_t size)
{
    far_init(&far);
    far_say_bytes(&far, FAR_START_NS, bytes, size);
    return far_open(&far, NULL);
}

static int read_frame(struct cyc_bus *bus, const struct cyc_frame *frame, char reply[256],
                      size_t *length)
{
    reply[0] = '\0';
    *length = 0;
    return cyc_bus_read(bus, frame, reply, 256, length, cyc_bus_now_ns(bus) + CYC_MS_NS, NULL);
}

static void expect(struct cyc_bus *bus, const struct cyc_frame *frame, const char *text)
{
    char reply[256];
    size_t length = 0;
    CU_ASSERT_EQUAL(read_frame(bus, frame, reply, &length), CYC_OK);
    CYC_SAME(reply, text);
    CU_ASSERT_EQUAL(length, strlen(text));
}

static void expect_failure(struct cyc_bus *bus, const struct cyc_frame *frame, int status)
{
    char reply[256];
    size_t length = 0;
    CU_ASSERT_EQUAL(read_frame(bus, frame, reply, &length), status);
}

static void a_line_ends_at_its_terminator(void)
{
    static const struct {
        const char *terminator, *said, *lines[3];
    } rows[] = {
        {"\n", "a b\n\nc\n", {"a b", "", "c"}},
        {"\n", "a b\r\n\r\nc\r\r\n", {"a b", "", "c\r"}},
        {"\r", "a b\r\rc\r", {"a b", "", "c"}},
        {"\r\n", "a\rb\r\nc\nd\r\n\r\n", {"a\rb", "c\nd", ""}},
        {"\n\n#", "a\nb\n\n#c#\n\n#\n\n#", {"a\nb", "c#", ""}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cyc_frame frame = {.kind = CYC_FRAME_LINE};
        (void)cyc_copy(frame.terminator, sizeof frame.terminator, rows[i].terminator);
        struct cyc_bus *const bus = saying(rows[i].said, strlen(rows[i].said));
        for (size_t line = 0; line < 3; line++) {
            expect(bus, &frame, rows[i].lines[line]);
        }
        expect_failure(bus, &frame, CYC_E_TIMEOUT);
        cyc_bus_close(bus);
    }
}

/* A port that is switched on often sends one. */
static void nuls_in_a_line_are_dropped(void)
{
    struct cyc_bus *const bus = saying("\0\0+1.5\0\n", 8);
    expect(bus, &far_line, "+1.5");
    cyc_bus_close(bus);
}

static void a_line_of_any_byte_passes_unchanged(void)
{
    char said[255];
    for (size_t i = 0; i < sizeof said; i++) { /* 11 to 255, 1 to 10 */
        said[i] = (char)(uint8_t)((i + 10) % 255 + 1);
    }
    CU_ASSERT_EQUAL(said[254], '\n');
    struct cyc_bus *const bus = saying(said, sizeof said);
    char reply[256];
    size_t length = 0;
    CU_ASSERT_EQUAL(read_frame(bus, &far_line, reply, &length), CYC_OK);
    CU_ASSERT_EQUAL(length, 254);
    CU_ASSERT_EQUAL(memcmp(reply, said, 254), 0);
    cyc_bus_close(bus);
}

/* BONGSHIN BS-205: STX, polarity and digits, ETX. */
static const struct cyc_frame stx = {
    .kind = CYC_FRAME_BYTES, .bounded = true, .start = 2, .end = 3, .size = 6};

static void a_fixed_frame_is_found_among_other_bytes(void)
{
    static const char said[] = "99\003\0021234\003xx\0025678\003";
    struct cyc_bus *const bus = saying(said, sizeof said - 1);
    expect(bus, &stx, "\0021234\003");
    expect(bus, &stx, "\0025678\003");
    CU_ASSERT_EQUAL(cyc_bus_counts(bus)->extra_bytes, 5);
    expect_failure(bus, &stx, CYC_E_TIMEOUT);
    cyc_bus_close(bus);
}

static void a_start_byte_among_the_data_leads_nowhere(void)
{
    static const char said[] = "\00212\00234\00356\0023\003";
    struct cyc_bus *const bus = saying(said, sizeof said - 1);
    expect_failure(bus, &stx, CYC_E_TIMEOUT); /* one byte too many */
    cyc_bus_close(bus);
    struct cyc_bus *const other = saying("\002ab\0021234\003", 9);
    expect(other, &stx, "\0021234\003");
    CU_ASSERT_EQUAL(cyc_bus_counts(other)->broken_frames, 1);
    cyc_bus_close(other);
}

static void a_fixed_number_of_bytes_needs_no_borders(void)
{
    const struct cyc_frame frame = {.kind = CYC_FRAME_BYTES, .size = 3};
    struct cyc_bus *const bus = saying("\002\0\003abcde", 8);
    char reply[256];
    size_t length = 0;
    CU_ASSERT_EQUAL(read_frame(bus, &frame, reply, &length), CYC_OK);
    CU_ASSERT_EQUAL(length, 3);
    CU_ASSERT_EQUAL(memcmp(reply, "\002\0\003", 4), 0);
    expect(bus, &frame, "abc");
    expect_failure(bus, &frame, CYC_E_TIMEOUT);
    cyc_bus_close(bus);
}

static void of_a_stream_the_last_whole_frame_counts(void)
{
    struct cyc_frame frame = stx;
    frame.newest = true;
    char text[16];
    far_init(&far);
    struct cyc_bus *const bus = far_open(&far, NULL);
    for (int i = 0; i < 3000; i++) { /* nobody listened for long */
        (void)snprintf(text, sizeof text, "\002%04d\003", i);
        far_say(&far, FAR_START_NS + i * CYC_MS_NS, text);
    }
    far_say(&far, FAR_START_NS + 3000 * CYC_MS_NS, "\00255");
    cyc_bus_advance(bus, FAR_START_NS + 3000 * CYC_MS_NS);
    expect(bus, &frame, "\0022999\003");
    far_say(&far, FAR_START_NS + 3500 * CYC_MS_NS, "55\003");
    cyc_bus_advance(bus, FAR_START_NS + 3500 * CYC_MS_NS);
    expect(bus, &frame, "\0025555\003");
    expect_failure(bus, &frame, CYC_E_TIMEOUT);
    cyc_bus_close(bus);
}

static size_t modbus_length(const uint8_t *bytes, size_t count)
{
    if (count < 3) {
        return 0;
    }
    if ((bytes[1] & 0x80u) != 0) {
        return 5;
    }
    return bytes[1] == 3 ? 5u + bytes[2] : SIZE_MAX;
}
static const struct cyc_frame modbus = {.kind = CYC_FRAME_LENGTH, .length_fn = modbus_length};

static void a_frame_tells_its_own_length(void)
{
    static const uint8_t said[] = {1, 3,    4, 0,    1,    0, 2, 0xAA, 0xBB,
                                   1, 0x83, 2, 0xCC, 0xDD, 1, 9, 1};
    char reply[256];
    size_t length = 0;
    struct cyc_bus *const bus = saying(said, sizeof said);
    CU_ASSERT_EQUAL(read_frame(bus, &modbus, reply, &length), CYC_OK);
    CU_ASSERT_EQUAL(length, 9);
    CU_ASSERT_EQUAL(memcmp(reply, said, 9), 0);
    CU_ASSERT_EQUAL(read_frame(bus, &modbus, reply, &length), CYC_OK);
    CU_ASSERT_EQUAL(length, 5);
    CU_ASSERT_EQUAL(memcmp(reply, said + 9, 5), 0);
    expect_failure(bus, &modbus, CYC_E_REPLY); /* there is no function 9 */
    CU_ASSERT_EQUAL(cyc_bus_counts(bus)->broken_frames, 1);
    cyc_bus_close(bus);
}

/* ---- Whatever the pieces ------------------------------------------------------------------------
 */

static uint64_t next_random(uint64_t *state) /* xorshift64* (Vigna 2016) */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

/* All frames of what is said in pieces of random size, with their lengths, into one text. */
static void collect(uint64_t seed, const struct cyc_frame *frame, const uint8_t *said, size_t size,
                    struct cyc_text *found)
{
    uint64_t state = seed * 2654435761u + 1;
    char reply[256];
    size_t length = 0;
    size_t at = 0;
    far_init(&far);
    for (int64_t t_ns = FAR_START_NS; at < size; t_ns += 10 * CYC_MS_NS) {
        const size_t left = size - at;
        size_t piece = seed == 0 ? left : 1 + next_random(&state) % 9;
        piece = piece < left ? piece : left;
        far_say_bytes(&far, t_ns, said + at, piece);
        at += piece;
    }
    struct cyc_bus *const bus = far_open(&far, NULL);
    while (cyc_bus_read(bus, frame, reply, sizeof reply, &length,
                        cyc_bus_now_ns(bus) + 100 * CYC_S_NS, NULL) == CYC_OK) {
        cyc_text_format(found, "%zu:", length);
        cyc_text_append_size(found, reply, length);
    }
    cyc_bus_close(bus);
}

static void frames_do_not_depend_on_the_pieces_they_come_in(void)
{
    static const struct cyc_frame frames[] = {
        {.kind = CYC_FRAME_LINE, .terminator = "\n"},
        {.kind = CYC_FRAME_LINE, .terminator = "\r\n"},
        {.kind = CYC_FRAME_BYTES, .bounded = true, .start = 2, .end = 3, .size = 6},
        {.kind = CYC_FRAME_BYTES, .size = 7},
        {.kind = CYC_FRAME_LENGTH, .length_fn = modbus_length},
    };
    static const uint8_t alphabet[] = {0, 1, 2, 2, 3, 3, '\r', '\n', '\n', 'a', 'b', '7'};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t state = seed;
        uint8_t said[400];
        for (size_t i = 0; i < sizeof said; i++) {
            said[i] = alphabet[next_random(&state) % sizeof alphabet];
        }
        const struct cyc_frame *const frame = &frames[seed % (sizeof frames / sizeof frames[0])];
        struct cyc_text whole = {0};
        struct cyc_text pieces = {0};
        collect(0, frame, said, sizeof said, &whole);
        collect(seed, frame, said, sizeof said, &pieces);
        const bool same = whole.length == pieces.length &&
                          memcmp(cyc_text_get(&whole), cyc_text_get(&pieces), whole.length) == 0;
        CU_ASSERT(same);
        if (!same) {
            (void)fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        }
        cyc_text_release(&whole);
        cyc_text_release(&pieces);
    }
}

const struct cyc_check cyc_check_frame[] = {
    CYC_CHECK(a_line_ends_at_its_terminator),
    CYC_CHECK(nuls_in_a_line_are_dropped),
    CYC_CHECK(a_line_of_any_byte_passes_unchanged),
    CYC_CHECK(a_fixed_frame_is_found_among_other_bytes),
    CYC_CHECK(a_start_byte_among_the_data_leads_nowhere),
    CYC_CHECK(a_fixed_number_of_bytes_needs_no_borders),
    CYC_CHECK(of_a_stream_the_last_whole_frame_counts),
    CYC_CHECK(a_frame_tells_its_own_length),
    CYC_CHECK(frames_do_not_depend_on_the_pieces_they_come_in),
    {0},
};
