#include "protocol/lua_node.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The search for a word is bounded, and counted as work: a line can be as long as the script. */
enum { SEARCH_LINES = 40, SEARCH_SIZE = 4096, BYTES_PER_WORK = 16, DEPTH_MAX = 32 };

/* ---- Places -------------------------------------------------------------------------------------- */

static uint32_t count_characters(const char *from, const char *to)
{
    uint32_t count = 0;
    for (; from < to; from++) {
        count += ((unsigned char)*from & 0xc0u) != 0x80u ? 1u : 0u;
    }
    return count;
}

static struct cyc_pos place_of_call(const struct cyc_lua_nodes *nodes)
{
    return (struct cyc_pos){.file = nodes->file, .line = nodes->line, .column = nodes->column};
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Is this the word as it was written: a text in quotes, or a key before `=`? */
static bool matches(const char *begin, const char *at, const char *end, const char *word,
                    size_t size, bool key)
{
    if ((size_t)(end - at) <= size || memcmp(at, word, size) != 0 || at == begin) {
        return false;
    }
    if (!key) {
        return (at[-1] == '"' || at[-1] == '\'') && at[size] == at[-1];
    }
    const char *after = at + size;
    while (after < end && *after == ' ') {
        after++;
    }
    return !is_letter(at[-1]) && after < end && *after == '=';
}

/* Where a word of the call stands: its first occurrence from the call on. */
static struct cyc_pos find_place(lua_State *L, const struct cyc_lua_nodes *nodes, const char *word,
                                 size_t size, bool key)
{
    struct cyc_pos pos = place_of_call(nodes);
    if (nodes->from == NULL || size == 0) {
        return pos;
    }
    const char *const from = nodes->from;
    const char *const end = nodes->end - from > SEARCH_SIZE ? from + SEARCH_SIZE : nodes->end;
    const char *line = from;
    const char *at = from;
    uint32_t number = nodes->line;
    for (; at < end && number < nodes->line + SEARCH_LINES; at++) {
        if (*at == '\n') {
            number++;
            line = at + 1;
        } else if (matches(from, at, end, word, size, key)) {
            pos.line = number;
            pos.column = count_characters(line, at) + (key ? 1u : 0u);
            pos.width = count_characters(at, at + size) + (key ? 0u : 2u);
            break;
        }
    }
    cyc_lua_charge(L, (size_t)(at - from) / BYTES_PER_WORK);
    return pos;
}

/* ---- Nodes --------------------------------------------------------------------------------------- */

static struct cyc_node *new_node(lua_State *L, enum cyc_node_type type,
                                 struct cyc_lua_nodes *nodes)
{
    cyc_lua_charge(L, 8);
    struct cyc_node *const node = cyc_arena_alloc(nodes->arena, sizeof *node);
    if (node == NULL || ++nodes->count > CYC_LUA_NODES_MAX) {
        (void)luaL_error(L, "this table is too large for a call");
        return NULL;
    }
    node->type = type;
    node->pos = place_of_call(nodes);
    return node;
}

static struct cyc_node *new_scalar(lua_State *L, const char *text, size_t size,
                                   struct cyc_lua_nodes *nodes)
{
    struct cyc_node *const node = new_node(L, CYC_NODE_SCALAR, nodes);
    node->text = cyc_arena_string(nodes->arena, text, size);
    node->size = size;
    if (node->text == NULL) {
        (void)luaL_error(L, "no memory for this call");
    }
    return node;
}

struct cyc_node *cyc_lua_scalar(lua_State *L, const char *text, struct cyc_lua_nodes *nodes)
{
    return new_scalar(L, text, strlen(text), nodes);
}

struct cyc_node *cyc_lua_mapping(lua_State *L, struct cyc_lua_nodes *nodes)
{
    return new_node(L, CYC_NODE_MAPPING, nodes);
}

static void link_child(struct cyc_node *parent, struct cyc_node **tail, struct cyc_node *child)
{
    *tail = child;
    parent->child_count++;
}

void cyc_lua_append(lua_State *L, struct cyc_node *parent, const char *key,
                    struct cyc_node *child, struct cyc_lua_nodes *nodes)
{
    struct cyc_node **tail = &parent->child;
    while (*tail != NULL) {
        tail = &(*tail)->next;
    }
    child->key = cyc_arena_string(nodes->arena, key, strlen(key));
    child->key_pos = child->pos;
    if (child->key == NULL) {
        (void)luaL_error(L, "no memory for this call");
    }
    link_child(parent, tail, child);
}

static struct cyc_node *node_of_text(lua_State *L, int index, struct cyc_lua_nodes *nodes)
{
    size_t size;
    const char *const text = lua_tolstring(L, index, &size);
    if (memchr(text, '\0', size) != NULL) {
        (void)luaL_error(L, "this text has a zero byte in it");
    }
    struct cyc_node *const node = new_scalar(L, text, size, nodes);
    node->pos = find_place(L, nodes, text, size, false);
    node->quoted = node->pos.width > 0;
    return node;
}

static struct cyc_node *node_of_number(lua_State *L, int index, struct cyc_lua_nodes *nodes)
{
    char text[CYC_NUMBER_SIZE];
    if (lua_isinteger(L, index)) {
        (void)snprintf(text, sizeof text, "%" PRId64, (int64_t)lua_tointeger(L, index));
    } else {
        if (!isfinite(lua_tonumber(L, index))) {
            (void)luaL_error(L, "this number is not finite");
        }
        (void)cyc_number_exact(text, lua_tonumber(L, index));
    }
    return cyc_lua_scalar(L, text, nodes);
}

static struct cyc_node *node_of_quantity(lua_State *L, double value, enum cyc_kind kind,
                                         struct cyc_lua_nodes *nodes)
{
    char text[64];
    struct cyc_node *const node =
        cyc_lua_scalar(L, cyc_quantity_text(text, sizeof text, value, kind), nodes);
    struct cyc_quantity *const quantity = cyc_arena_alloc(nodes->arena, sizeof *quantity);
    if (quantity == NULL) {
        (void)luaL_error(L, "no memory for this call");
        return NULL;
    }
    *quantity = (struct cyc_quantity){value, kind, CYC_BASIS_ABSOLUTE};
    node->quantity = quantity;
    return node;
}

static struct cyc_node *make_node(lua_State *L, int index, struct cyc_lua_nodes *nodes,
                                  unsigned depth);

/* Keys 1 … n make a list, names a mapping; both together are refused. */
static struct cyc_node *node_of_table(lua_State *L, int index, struct cyc_lua_nodes *nodes,
                                      unsigned depth)
{
    size_t count;
    if (depth >= DEPTH_MAX) {
        (void)luaL_error(L, "this table is nested more than %d deep", DEPTH_MAX);
    }
    luaL_checkstack(L, 8, "tables inside tables");
    const struct cyc_lua_key *const keys = cyc_lua_keys(L, index, &count);
    const bool list = count > 0 && !keys[0].is_text;
    struct cyc_node *const node =
        new_node(L, list ? CYC_NODE_SEQUENCE : CYC_NODE_MAPPING, nodes);
    struct cyc_node **tail = &node->child;
    for (size_t i = 0; i < count; i++) {
        const struct cyc_lua_key *const key = &keys[i];
        if (key->is_text == list || (list && (!key->is_integer ||
                                              key->integer != (lua_Integer)i + 1))) {
            (void)luaL_error(L, "a table is either a list without gaps or a set of names with "
                                "values");
        }
        cyc_lua_push_key(L, key);
        (void)lua_rawget(L, index);
        struct cyc_node *const child = make_node(L, lua_gettop(L), nodes, depth + 1);
        lua_pop(L, 1);
        if (!list) {
            child->key = cyc_arena_string(nodes->arena, key->text, key->size);
            child->key_pos = find_place(L, nodes, key->text, key->size, true);
        }
        link_child(node, tail, child);
        tail = &child->next;
    }
    lua_pop(L, 1); /* the keys */
    return node;
}

static struct cyc_node *make_node(lua_State *L, int index, struct cyc_lua_nodes *nodes,
                                  unsigned depth)
{
    double value = 0.0;
    enum cyc_kind kind = CYC_KIND_NUMBER;
    if (cyc_lua_quantity(L, index, &value, &kind)) {
        return node_of_quantity(L, value, kind, nodes);
    }
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        return node_of_text(L, index, nodes);
    case LUA_TNUMBER:
        return node_of_number(L, index, nodes);
    case LUA_TBOOLEAN:
        return cyc_lua_scalar(L, lua_toboolean(L, index) ? "yes" : "no", nodes);
    case LUA_TTABLE:
        return node_of_table(L, index, nodes, depth);
    default:
        (void)luaL_error(L, "%s cannot be an option: a quantity such as \"4.2 V\", a number, a "
                            "text or a table is due",
                         lua_isnoneornil(L, index) ? "nil" : luaL_typename(L, index));
        return NULL;
    }
}

struct cyc_node *cyc_lua_node(lua_State *L, int index, struct cyc_lua_nodes *nodes)
{
    return make_node(L, lua_absindex(L, index), nodes, 0);
}
