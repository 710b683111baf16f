#include "check/check.h"

extern const struct cyc_check cyc_check_run[], cyc_check_data[], cyc_check_step_text[];

int main(int argc, char **argv)
{
    const struct cyc_check_suite suites[] = {
        {"run", cyc_check_run},
        {"data", cyc_check_data},
        {"step text", cyc_check_step_text},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
