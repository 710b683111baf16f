#include "check/check.h"

extern const struct cyc_check cyc_check_analytic[];

int main(int argc, char **argv)
{
    const struct cyc_check_suite suites[] = {{"closed solutions", cyc_check_analytic}, {0}};
    return cyc_check_main(argc, argv, suites);
}
