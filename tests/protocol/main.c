#include "check/check.h"

#include <stddef.h>

extern const struct cyc_check cyc_check_expr[];
extern const struct cyc_check cyc_check_flow[];
extern const struct cyc_check cyc_check_sentence[];
extern const struct cyc_check cyc_check_tree[];
extern const struct cyc_check cyc_check_lua_script[];
extern const struct cyc_check cyc_check_lua_sandbox[];

int main(int argc, char **argv)
{
    static const struct cyc_check_suite suites[] = {
        {"expr", cyc_check_expr},
        {"sentence", cyc_check_sentence},
        {"tree", cyc_check_tree},
        {"flow", cyc_check_flow},
        {"lua_script", cyc_check_lua_script},
        {"lua_sandbox", cyc_check_lua_sandbox},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
