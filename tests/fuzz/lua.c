/* A Lua protocol, run by its check and once more with other results. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_protocol("p.lua", data, size);
    return 0;
}
