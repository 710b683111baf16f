#include "check/check.h"

extern const struct cyc_check cyc_check_analytic[];
extern const struct cyc_check cyc_check_account[];
extern const struct cyc_check cyc_check_host[];
extern const struct cyc_check cyc_check_parts[];

int main(int argc, char **argv)
{
    const struct cyc_check_suite suites[] = {{"analytic", cyc_check_analytic},
                                             {"account", cyc_check_account},
                                             {"host", cyc_check_host},
                                             {"parts", cyc_check_parts},
                                             {0}};
    return cyc_check_main(argc, argv, suites);
}
