/* XXH64 (Yann Collet, the xxHash specification, 64-bit variant), seed 0: quick enough to run along
 * with every row, and `xxh64sum` computes it too. It guards against torn and lost writes, not
 * against intent; files are pinned by SHA-256.
 *
 * Four lanes take 8 bytes each of every 32; the bytes short of 32 wait in `rest`. The value folds
 * the lanes and those bytes together, and leaves the state as it is, so that bytes may follow.
 */
#include "store/store_int.h"

#include <string.h>

#define PRIME_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME_3 UINT64_C(0x165667B19E3779F9)
#define PRIME_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME_5 UINT64_C(0x27D4EB2F165667C5)
#define STRIPE  32u

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t read_64(const unsigned char *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static uint32_t read_32(const unsigned char *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static uint64_t mix(uint64_t lane, uint64_t input)
{
    return rotate(lane + input * PRIME_2, 31) * PRIME_1;
}

static const unsigned char *take_stripes(uint64_t lanes[4], const unsigned char *at, size_t count)
{
    uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
    for (; count > 0; count--, at += STRIPE) {
        a = mix(a, read_64(at));
        b = mix(b, read_64(at + 8));
        c = mix(c, read_64(at + 16));
        d = mix(d, read_64(at + 24));
    }
    lanes[0] = a;
    lanes[1] = b;
    lanes[2] = c;
    lanes[3] = d;
    return at;
}

void cyc_checksum_init(struct cyc_checksum *checksum)
{
    *checksum = (struct cyc_checksum){.lanes = {PRIME_1 + PRIME_2, PRIME_2, 0, 0 - PRIME_1}};
}

void cyc_checksum_add(struct cyc_checksum *checksum, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    const size_t waiting = checksum->size % STRIPE;
    checksum->size += size;
    if (waiting > 0) {
        const size_t wanted = STRIPE - waiting < size ? STRIPE - waiting : size;
        memcpy(checksum->rest + waiting, at, wanted);
        at += wanted;
        size -= wanted;
        if (waiting + wanted < STRIPE) {
            return;
        }
        (void)take_stripes(checksum->lanes, checksum->rest, 1);
    }
    at = take_stripes(checksum->lanes, at, size / STRIPE);
    memcpy(checksum->rest, at, size % STRIPE);
}

static uint64_t fold_lanes(const uint64_t lanes[4])
{
    uint64_t value =
        rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (int i = 0; i < 4; i++) {
        value = (value ^ mix(0, lanes[i])) * PRIME_1 + PRIME_4;
    }
    return value;
}

uint64_t cyc_checksum_value(const struct cyc_checksum *checksum)
{
    const unsigned char *at = checksum->rest;
    size_t left = checksum->size % STRIPE;
    uint64_t value = checksum->size < STRIPE ? PRIME_5 : fold_lanes(checksum->lanes);
    value += checksum->size;
    for (; left >= 8; left -= 8, at += 8) {
        value = rotate(value ^ mix(0, read_64(at)), 27) * PRIME_1 + PRIME_4;
    }
    if (left >= 4) {
        value = rotate(value ^ read_32(at) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        left -= 4;
        at += 4;
    }
    for (; left > 0; left--, at++) {
        value = rotate(value ^ *at * PRIME_5, 11) * PRIME_1;
    }
    value = (value ^ value >> 33) * PRIME_2;
    value = (value ^ value >> 29) * PRIME_3;
    return value ^ value >> 32;
}
