/* Tables of a script as nodes, so that one reader serves YAML and Lua; and results as values of a
 * script. Inside src/protocol only. */
#ifndef CYC_PROTOCOL_LUA_NODE_H
#define CYC_PROTOCOL_LUA_NODE_H

#include "base/tree.h"
#include "protocol/history.h"
#include "protocol/lua_sandbox.h"

#define CYC_LUA_NODES_MAX 20000 /* of one call */

/* Where nodes are made and where they stand in the script. */
struct cyc_lua_nodes {
    struct cyc_arena *arena;
    const char *from; /* line of the call in the script's text; NULL: columns are not asked */
    const char *end;  /* of the text */
    uint16_t file;
    uint32_t line, column; /* of the call: the first word of its line */
    unsigned count;
};

/* The value at `index` as a node: tables are mappings or lists, numbers and texts scalars, true and
 * false yes and no, quantities scalars that carry their value. Raises what cannot be one. */
struct cyc_node *cyc_lua_node(lua_State *L, int index, struct cyc_lua_nodes *nodes);
/* A scalar of a fixed text. */
struct cyc_node *cyc_lua_scalar(lua_State *L, const char *text, struct cyc_lua_nodes *nodes);
/* An empty mapping at the call; and a child put at its end. */
struct cyc_node *cyc_lua_mapping(lua_State *L, struct cyc_lua_nodes *nodes);
void cyc_lua_append(lua_State *L, struct cyc_node *parent, const char *key, struct cyc_node *child,
                    struct cyc_lua_nodes *nodes);

/* Read-only results: of a step, with the resistances of a pulse train, or of a cycle. */
void cyc_lua_push_outcome(lua_State *L, const struct cyc_outcome *outcome, bool of_cycle,
                          const char *name, const double *resistances, unsigned count);
void cyc_lua_open_outcome(lua_State *L);

#endif
