/* The executor's tests. Branch coverage of src/core is measured with
 *
 *     cmake -S . -B build-coverage -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCYC_COVERAGE=ON
 *     cmake --build build-coverage --target test_core && build-coverage/tests/test_core &&
 *         CYC_TEST_RELOAD=1 build-coverage/tests/test_core
 *     gcovr -r . --object-directory build-coverage --filter src/core/ --branches \
 *         --exclude-throw-branches --exclude-branches-by-pattern '.*CYC_ASSERT.*'
 *
 * and has to be 100 % of the branches, assertions aside.
 */
#include "check/check.h"

extern const struct cyc_check cyc_check_modes[];
extern const struct cyc_check cyc_check_segments[];
extern const struct cyc_check cyc_check_entry[];
extern const struct cyc_check cyc_check_conditions[];
extern const struct cyc_check cyc_check_cutoffs[];
extern const struct cyc_check cyc_check_account[];
extern const struct cyc_check cyc_check_limits[];
extern const struct cyc_check cyc_check_record[];
extern const struct cyc_check cyc_check_slopes[];
extern const struct cyc_check cyc_check_pause[];
extern const struct cyc_check cyc_check_faults[];
extern const struct cyc_check cyc_check_wake[];
extern const struct cyc_check cyc_check_hosts[];
extern const struct cyc_check cyc_check_random[];
extern const struct cyc_check cyc_check_words[];
extern const struct cyc_check cyc_check_save[];

int main(int argc, char **argv)
{
    const struct cyc_check_suite suites[] = {
        {"modes", cyc_check_modes},
        {"segments", cyc_check_segments},
        {"entry", cyc_check_entry},
        {"conditions", cyc_check_conditions},
        {"cutoffs", cyc_check_cutoffs},
        {"account", cyc_check_account},
        {"limits", cyc_check_limits},
        {"record", cyc_check_record},
        {"slopes", cyc_check_slopes},
        {"pause", cyc_check_pause},
        {"faults", cyc_check_faults},
        {"wake", cyc_check_wake},
        {"hosts", cyc_check_hosts},
        {"random", cyc_check_random},
        {"words", cyc_check_words},
        {"save", cyc_check_save},
        {0},
    };
    return cyc_check_main(argc, argv, suites);
}
