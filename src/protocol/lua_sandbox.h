/* The closed room in which Lua protocols run. Inside src/protocol only; the only header that brings
 * in lua.h.
 *
 * A script gets the functions of lua_base.c and lua_lib.c and those that lua_script.c adds, and
 * nothing else: no files, no clock, no coroutines, no metatables of its own, no patterns, no
 * bytecode. Two budgets bound it, both counted, so that they are the same on every machine:
 *
 *   work    VM instructions, plus one for each 16 bytes that are allocated or moved by a C
 *           function, since the last step; over CYC_LUA_WORK_MAX the script has no next step
 *   memory  bytes in use, at most CYC_LUA_BYTES_MAX; one block (of a table) at most
 *           CYC_LUA_BLOCK_MAX, one text at most CYC_LUA_TEXT_MAX
 *
 * Both are sticky: once tripped, every further instruction and allocation fails and pcall passes
 * the error on, so no script can outlive its budget.
 */
#ifndef CYC_PROTOCOL_LUA_SANDBOX_H
#define CYC_PROTOCOL_LUA_SANDBOX_H

#include "base/quantity.h"
#include "base/status.h"

#include <lauxlib.h>
#include <locale.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CYC_LUA_WORK_MAX  INT64_C(2000000)
#define CYC_LUA_BYTES_MAX ((size_t)16 << 20)
#define CYC_LUA_BLOCK_MAX ((size_t)256 << 10)
#define CYC_LUA_TEXT_MAX  ((size_t)4096)

struct cyc_lua {
    lua_State *state;  /* owned */
    lua_State *thread; /* the script's own; anchored in the registry */
    locale_t locale;   /* "C": what numbers look like while the script runs; owned */
    void *owner;       /* for the functions of lua_script.c; borrowed */
    const struct cyc_cell_basis *cell; /* for x:to("mAh/g"); borrowed; NULL before protocol{…} */
    char chunk[64];    /* name of the script in Lua's messages */
    size_t bytes;      /* in use */
    int64_t work;      /* since the last step */
    bool armed;        /* budgets are in force */
    bool tripped;
    int trip_line;
    const char *trip_text; /* a literal: what was exceeded */
    uint64_t random_state;
};

/* A state with the base library in `lua`, which must not move. CYC_E_NO_MEMORY. */
int cyc_lua_open(struct cyc_lua *lua, const char *name, uint64_t seed, struct cyc_err *err);
void cyc_lua_close(struct cyc_lua *lua);
/* Compiles text (never bytecode) onto the script's thread. CYC_E_SYNTAX or CYC_E_BUDGET; *line gets
 * the place. */
int cyc_lua_load(struct cyc_lua *lua, const char *text, size_t size, int *line,
                 struct cyc_err *err);
/* Runs the thread to its next yield (*yielded) or its end, with `argument_count` values on it.
 * CYC_E_SCRIPT, CYC_E_BUDGET; *line gets the place of the error. The work goes on counting until
 * the owner sets it to zero, when a step has come back. */
int cyc_lua_resume(struct cyc_lua *lua, int argument_count, bool *yielded, int *line,
                   struct cyc_err *err);
/* Runs a C function with the state protected, for making tables outside the thread. */
int cyc_lua_protect(struct cyc_lua *lua, lua_CFunction function, void *argument,
                    struct cyc_err *err);

/* The sandbox of a state or thread. */
struct cyc_lua *cyc_lua_of(lua_State *L);
/* The line of the script that is being executed; 0: none. */
int cyc_lua_line(lua_State *L);
/* Counts the work of a C function; raises when there is none left. */
void cyc_lua_charge(lua_State *L, size_t amount);
/* A budget is exceeded; `text` (a literal) says which. The first one counts. */
void cyc_lua_trip(struct cyc_lua *lua, const char *text);
extern const char cyc_lua_out_of_memory[];
/* Registers functions in the table on top of the stack. */
void cyc_lua_functions(lua_State *L, const luaL_Reg *functions);

/* A value with a kind: a plain number where the kind is NUMBER; raises when it is not finite. */
void cyc_lua_push_quantity(lua_State *L, double value, enum cyc_kind kind);
/* A quantity, not a plain number. */
bool cyc_lua_quantity(lua_State *L, int index, double *value, enum cyc_kind *kind);

/* Parts of the room: each adds its globals. */
void cyc_lua_open_base(lua_State *L);     /* lua_base.c */
void cyc_lua_open_lib(lua_State *L);      /* lua_lib.c: string, table, math */
void cyc_lua_open_sort(lua_State *L);     /* lua_sort.c: into the table library on top */
void cyc_lua_open_quantity(lua_State *L); /* lua_quantity.c */

/* The keys of a table in order, numbers before texts, as a userdata of them on the stack; raises
 * for other keys. */
struct cyc_lua_key {
    bool is_text, is_integer;
    lua_Integer integer;
    lua_Number number;
    const char *text; /* lives as long as the key is in its table */
    size_t size;
};
const struct cyc_lua_key *cyc_lua_keys(lua_State *L, int table, size_t *count);
void cyc_lua_push_key(lua_State *L, const struct cyc_lua_key *key);

#endif
