#include "check/check.h"

extern const struct cyc_check cyc_check_modes[];
extern const struct cyc_check cyc_check_segments[];
extern const struct cyc_check cyc_check_entry[];
extern const struct cyc_check cyc_check_words[];

int main(int argc, char **argv)
{
    const struct cyc_check_suite suites[] = {
        {"modes", cyc_check_modes},
        {"segments", cyc_check_segments},
        {"entry", cyc_check_entry},
        {"words", cyc_check_words},
        {0},
    };
    return cyc_check_main(argc, argv, suites);
}
