/* The floor of a start: a program that links what the product links and ends at once.
 *
 * Each library is named in a call that the compiler cannot leave out, so that the linker keeps it;
 * none of the calls is made. */
#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <yaml.h>

int main(int argc, char **argv)
{
    if (argc > 100) {
        yaml_parser_t parser;
        (void)yaml_parser_initialize(&parser);
        lua_State *lua = luaL_newstate();
        lua_close(lua);
        sqlite3 *database = NULL;
        (void)sqlite3_open(argv[1], &database);
        (void)printf("%g\n", pow(argc, 0.5));
    }
    (void)puts("start 0.1.0");
    return 0;
}
