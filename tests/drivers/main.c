#include "check/check.h"

#include <stddef.h>

extern const struct cyc_check cyc_check_conformance[], cyc_check_keithley[], cyc_check_safe[],
    cyc_check_exchanges[], cyc_check_skeletons[], cyc_check_sim[], cyc_check_replies[],
    cyc_check_slow_line[], cyc_check_tester[];

int main(int argc, char **argv)
{
    static const struct cyc_check_suite suites[] = {
        {"conformance", cyc_check_conformance},
        {"Keithley 2400", cyc_check_keithley},
        {"safe", cyc_check_safe},
        {"exchanges", cyc_check_exchanges},
        {"skeletons", cyc_check_skeletons},
        {"sim", cyc_check_sim},
        {"replies", cyc_check_replies},
        {"slow line", cyc_check_slow_line},
        {"tester", cyc_check_tester},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
