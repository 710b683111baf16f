/* The ids of a plan: unique, found in constant time. Inside src/protocol only. */
#ifndef CYC_PROTOCOL_IDS_H
#define CYC_PROTOCOL_IDS_H

#include "protocol/build.h"

struct cyc_ids {
    struct cyc_id {
        const char *id;
        struct cyc_pos pos;
        const void *owner; /* struct cyc_step_plan or struct cyc_block_plan */
        bool block;
    } * slots; /* owned by the heap: freed by cyc_ids_release() */
    uint32_t count, capacity;
};

void cyc_ids_release(struct cyc_ids *ids);
/* Reads an id, puts the prefix before it, and enters it; false when it is ill-formed or taken. */
bool cyc_ids_take(struct cyc_build *build, const struct cyc_node *node, const void *owner,
                  const char **id);
const struct cyc_id *cyc_ids_find(const struct cyc_ids *ids, const char *id);
/* The entered id nearest to a word, or NULL. */
const char *cyc_ids_nearest(const struct cyc_ids *ids, const char *word);

#endif
