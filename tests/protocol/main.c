#include "check/check.h"

#include <stddef.h>

extern const struct cyc_check cyc_check_expr[];
extern const struct cyc_check cyc_check_flow[];
extern const struct cyc_check cyc_check_sentence[];
extern const struct cyc_check cyc_check_json_schema[];
extern const struct cyc_check cyc_check_step_numbers[];
extern const struct cyc_check cyc_check_header[];
extern const struct cyc_check cyc_check_history[];
extern const struct cyc_check cyc_check_cell_file[];
extern const struct cyc_check cyc_check_lua_script[];
extern const struct cyc_check cyc_check_lua_sandbox[];

int main(int argc, char **argv)
{
    static const struct cyc_check_suite suites[] = {
        {"expr", cyc_check_expr},
        {"sentence", cyc_check_sentence},
        {"json_schema", cyc_check_json_schema},
        {"flow", cyc_check_flow},
        {"step", cyc_check_step_numbers},
        {"header", cyc_check_header},
        {"history", cyc_check_history},
        {"cell_file", cyc_check_cell_file},
        {"lua_script", cyc_check_lua_script},
        {"lua_sandbox", cyc_check_lua_sandbox},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
