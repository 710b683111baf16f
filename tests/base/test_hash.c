#include "base/text.h"
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

/* Vectors of FIPS 180-2 appendix B, and of the empty message. */
static void sha256_gives_the_published_digests(void)
{
    char hex[65];
    cyc_sha256("", 0, hex);
    CYC_SAME(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    cyc_sha256("abc", 3, hex);
    CYC_SAME(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    cyc_sha256(two_blocks, strlen(two_blocks), hex);
    CYC_SAME(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    const size_t size = 1000000;
    char *million = malloc(size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(million);
    memset(million, 'a', size);
    cyc_sha256(million, size, hex);
    CYC_SAME(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

/* The padding has its seams at 55, 56, 63 and 64 bytes; digests taken with sha256sum. */
static void sha256_pads_every_length(void)
{
    static const struct {
        size_t size;
        const char *digest;
    } rows[] = {
        {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
        {63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
        {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
        {119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
        {120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"},
    };
    char bytes[128];
    memset(bytes, 'a', sizeof bytes);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char hex[65];
        cyc_sha256(bytes, rows[i].size, hex);
        CYC_SAME(hex, rows[i].digest);
    }
}

/* Vectors of the FNV draft (Fowler, Noll, Vo). */
static void fnv_1a_gives_the_published_hashes(void)
{
    CU_ASSERT_EQUAL(cyc_hash("", 0), UINT64_C(0xcbf29ce484222325));
    CU_ASSERT_EQUAL(cyc_hash("a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    CU_ASSERT_EQUAL(cyc_hash("foobar", 6), UINT64_C(0x85944171f73967e8));
}

const struct cyc_check check_hash[] = {
    CYC_CHECK(sha256_gives_the_published_digests),
    CYC_CHECK(sha256_pads_every_length),
    CYC_CHECK(fnv_1a_gives_the_published_hashes),
    {0},
};
