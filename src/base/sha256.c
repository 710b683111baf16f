/* SHA-256, FIPS 180-4: the message is padded with a one bit, zeros and its length in bits to whole
 * blocks of 64 bytes; each block is mixed into eight words of state in 64 rounds. Pins the texts
 * of a run (protocol, cell, includes) to what was started; guards nothing against an attacker who
 * can write the run folder. */
#include "base/text.h"

#include <string.h>

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t word, unsigned count)
{
    return word >> count | word << (32u - count);
}

/* One round. The eight words of state do not move; the callers hand them in turned by one. */
static inline void mix_round(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e,
                             uint32_t f, uint32_t g, uint32_t *h, uint32_t word)
{
    const uint32_t big_1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const uint32_t big_0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const uint32_t first = *h + big_1 + (g ^ (e & (f ^ g))) + word;
    *d += first;
    *h = first + big_0 + ((a & b) | (c & (a | b)));
}

static void mix_block(uint32_t state[8], const unsigned char *block)
{
    uint32_t w[64];
    for (size_t i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | (uint32_t)block[4 * i + 3];
    }
    for (size_t i = 16; i < 64; i++) {
        const uint32_t x = w[i - 15];
        const uint32_t y = w[i - 2];
        w[i] = w[i - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + w[i - 7] +
               (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    const uint32_t *k = round_constants;
    for (size_t i = 0; i < 64; i += 8) {
        mix_round(a, b, c, &d, e, f, g, &h, w[i] + k[i]);
        mix_round(h, a, b, &c, d, e, f, &g, w[i + 1] + k[i + 1]);
        mix_round(g, h, a, &b, c, d, e, &f, w[i + 2] + k[i + 2]);
        mix_round(f, g, h, &a, b, c, d, &e, w[i + 3] + k[i + 3]);
        mix_round(e, f, g, &h, a, b, c, &d, w[i + 4] + k[i + 4]);
        mix_round(d, e, f, &g, h, a, b, &c, w[i + 5] + k[i + 5]);
        mix_round(c, d, e, &f, g, h, a, &b, w[i + 6] + k[i + 6]);
        mix_round(b, c, d, &e, f, g, h, &a, w[i + 7] + k[i + 7]);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void cyc_sha256(const void *data, size_t size, char hex[65])
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const unsigned char *bytes = data;
    const size_t whole = size / 64 * 64;
    for (size_t at = 0; at < whole; at += 64) {
        mix_block(state, bytes + at);
    }
    unsigned char tail[128] = {0};
    const size_t rest = size - whole;
    if (rest > 0) {
        memcpy(tail, bytes + whole, rest);
    }
    tail[rest] = 0x80;
    const size_t tail_size = rest < 56 ? 64 : 128;
    const uint64_t bits = (uint64_t)size * 8;
    for (size_t i = 0; i < 8; i++) {
        tail[tail_size - 1 - i] = (unsigned char)(bits >> (8 * i));
    }
    for (size_t at = 0; at < tail_size; at += 64) {
        mix_block(state, tail + at);
    }
    for (size_t i = 0; i < 64; i++) {
        hex[i] = "0123456789abcdef"[state[i / 8] >> (28 - 4 * (i % 8)) & 0xFu];
    }
    hex[64] = '\0';
}
