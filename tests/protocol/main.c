#include "check/check.h"

#include <stddef.h>

extern const struct cyc_check cyc_check_expr[];
extern const struct cyc_check cyc_check_sentence[];

int main(int argc, char **argv)
{
    static const struct cyc_check_suite suites[] = {
        {"expr", cyc_check_expr},
        {"sentence", cyc_check_sentence},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
