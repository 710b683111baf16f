#include "check/check.h"

#include <stddef.h>

extern const struct cyc_check cyc_check_expr[];

int main(int argc, char **argv)
{
    static const struct cyc_check_suite suites[] = {
        {"expr", cyc_check_expr},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
