/* A YAML protocol, read, checked and walked. Beside it stand a protocol to include and a profile.
 */
#include "fuzz.h"

#include <string.h>

static const char part[] = "cyclostat: 1\nparameters: {rate: 1 A}\n"
                           "limits: {voltage: [0 V, 5 V], current: 2 A}\n"
                           "method:\n  - {charge: = rate, cutoff: 4 V, id: up}\n";
static const char drive[] = "time / s,current / A\n0,1\n1,-1\n2,0\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int ready;
    if (!ready) {
        ready = 1;
        (void)fuzz_file("part.yaml", part, strlen(part));
        (void)fuzz_file("drive.csv", drive, strlen(drive));
    }
    fuzz_protocol("p.yaml", data, size);
    return 0;
}
