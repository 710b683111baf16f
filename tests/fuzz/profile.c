/* A profile: the CSV table beside a protocol. */
#include "fuzz.h"

#include <string.h>

static const char protocol[] =
    "cyclostat: 1\ncell: {one_c: 1 A, active_mass: 1 g}\n"
    "limits: {voltage: [0 V, 5 V], current: 5 A}\n"
    "method:\n  - {profile: drive.csv, times: 2, cutoff: voltage < 2 V}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)fuzz_file("drive.csv", data, size);
    fuzz_protocol("p.yaml", (const uint8_t *)protocol, strlen(protocol));
    return 0;
}
