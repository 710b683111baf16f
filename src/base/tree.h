/* A YAML text as a tree with positions. Lua tables are turned into the same tree, so that one
 * reader serves both forms.
 *
 * The reader takes the safe part of YAML: mappings with plain string keys, sequences, scalars.
 * Refused with a clear message: anchors, aliases, tags, several documents, duplicate keys, depth
 * over CYC_TREE_DEPTH_MAX, size over CYC_FILE_SIZE_MAX, NUL bytes, invalid UTF-8. Scalars stay
 * text: YAML's own numbers, booleans and sexagesimals do not exist here.
 */
#ifndef CYC_BASE_TREE_H
#define CYC_BASE_TREE_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/quantity.h"

#define CYC_FILE_SIZE_MAX  (16u << 20)
#define CYC_TREE_DEPTH_MAX 64

enum cyc_node_type { CYC_NODE_SCALAR, CYC_NODE_SEQUENCE, CYC_NODE_MAPPING };

struct cyc_node {
    enum cyc_node_type type;
    bool quoted;       /* scalar in quotes */
    bool block_scalar; /* scalar written with | or > */
    struct cyc_pos pos;
    const char *text; /* scalar: terminated UTF-8; else NULL */
    size_t size;
    const struct cyc_quantity *quantity; /* a value from Lua's q(), absolute; else NULL */
    const char *key;                     /* as a child of a mapping; else NULL */
    struct cyc_pos key_pos;
    struct cyc_node *child; /* first child */
    struct cyc_node *next;  /* sibling */
    unsigned child_count;
};

/* Parses `text` (registered in diags as file `file`) into nodes owned by the arena. Linear in
 * size. CYC_E_INPUT: mistakes are in diags; *root may then be NULL. */
int cyc_tree_parse(const char *text, size_t size, uint16_t file, struct cyc_arena *arena,
                   struct cyc_diags *diags, struct cyc_node **root, struct cyc_err *err);

/* Reads a whole file into the arena, terminated. CYC_E_FILE, CYC_E_BOUND, CYC_E_NO_MEMORY. */
int cyc_file_read(const char *path, size_t size_max, struct cyc_arena *arena, char **text,
                  size_t *size, struct cyc_err *err);

/* The child of a mapping with that key, or NULL. */
struct cyc_node *cyc_node_get(const struct cyc_node *mapping, const char *key);
/* "a mapping", "a list", "text": for messages. */
const char *cyc_node_type_name(enum cyc_node_type type);

#endif
