#include "check/check.h"

#include <stddef.h>

extern const struct cyc_check cyc_check_message[];

int main(int argc, char **argv)
{
    static const struct cyc_check_suite suites[] = {
        {"message", cyc_check_message},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
