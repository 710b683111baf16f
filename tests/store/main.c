#include "check/check.h"

extern const struct cyc_check cyc_check_run[];

int main(int argc, char **argv)
{
    const struct cyc_check_suite suites[] = {{"run", cyc_check_run}, {NULL, NULL}};
    return cyc_check_main(argc, argv, suites);
}
