#include "check/check.h"

extern const struct cyc_check check_status[];
extern const struct cyc_check check_arena[];
extern const struct cyc_check check_text[];
extern const struct cyc_check check_number[];
extern const struct cyc_check check_json[];
extern const struct cyc_check check_hash[];
extern const struct cyc_check check_pack[];
extern const struct cyc_check check_unit[];
extern const struct cyc_check check_quantity[];
extern const struct cyc_check check_diag[];
extern const struct cyc_check cyc_check_tree[];
extern const struct cyc_check cyc_check_errands[];
extern const struct cyc_check cyc_check_priority[];

int main(int argc, char **argv)
{
    static const struct cyc_check_suite suites[] = {
        {"status", check_status},
        {"arena", check_arena},
        {"text", check_text},
        {"number", check_number},
        {"json", check_json},
        {"hash", check_hash},
        {"pack", check_pack},
        {"unit", check_unit},
        {"quantity", check_quantity},
        {"diag", check_diag},
        {"tree", cyc_check_tree},
        {"errands", cyc_check_errands},
        {"priority", cyc_check_priority},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
