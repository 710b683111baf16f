#include "check/check.h"

#include <stddef.h>

extern const struct cyc_check cyc_check_conformance[];

int main(int argc, char **argv)
{
    static const struct cyc_check_suite suites[] = {
        {"conformance", cyc_check_conformance},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
