/* The data file of a run, damaged: its last whole row is looked for. */
#include "fuzz.h"

#include "store/store_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t row_count = 0;
    int64_t t_ns = 0;
    (void)cyc_data_last_row(fuzz_file("run.bdf.csv", data, size), &row_count, &t_ns);
    return 0;
}
