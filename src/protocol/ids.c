#include "protocol/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cyc_id *slot_of(const struct cyc_ids *ids, const char *id)
{
    uint32_t at = (uint32_t)cyc_hash(id, strlen(id)) & (ids->capacity - 1);
    while (ids->slots[at].id != NULL && strcmp(ids->slots[at].id, id) != 0) {
        at = (at + 1) & (ids->capacity - 1);
    }
    return &ids->slots[at];
}

static bool grow(struct cyc_ids *ids)
{
    struct cyc_ids larger = {.capacity = ids->capacity == 0 ? 64 : ids->capacity * 2};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < ids->capacity; i++) {
        if (ids->slots[i].id != NULL) {
            *slot_of(&larger, ids->slots[i].id) = ids->slots[i];
        }
    }
    larger.count = ids->count;
    free(ids->slots);
    *ids = larger;
    return true;
}

void cyc_ids_release(struct cyc_ids *ids)
{
    free(ids->slots);
    memset(ids, 0, sizeof *ids);
}

const struct cyc_id *cyc_ids_find(const struct cyc_ids *ids, const char *id)
{
    if (ids->capacity == 0) {
        return NULL;
    }
    const struct cyc_id *const slot = slot_of(ids, id);
    return slot->id == NULL ? NULL : slot;
}

static const char *with_prefix(struct cyc_build *build, const char *id)
{
    char whole[2 * CYC_ID_SIZE];
    if (build->prefix[0] == '\0') {
        return id;
    }
    const int size = snprintf(whole, sizeof whole, "%s%s", build->prefix, id);
    return size < 0 || size >= CYC_ID_SIZE ? NULL
                                           : cyc_arena_string(build->arena, whole, (size_t)size);
}

bool cyc_ids_take(struct cyc_build *build, const struct cyc_node *node, const void *owner,
                  const char **id)
{
    struct cyc_ids *const ids = build->ids;
    if (!cyc_build_id(build, node, id)) {
        return false;
    }
    *id = with_prefix(build, *id);
    if (*id == NULL) {
        (void)cyc_build_error(build, node->pos,
                              "the id is longer than %d characters with the ids "
                              "of its includes",
                              CYC_ID_SIZE - 1);
        return false;
    }
    if (ids == NULL) {
        return true;
    }
    if (ids->count * 2 >= ids->capacity && !grow(ids)) {
        return false;
    }
    struct cyc_id *const slot = slot_of(ids, *id);
    if (slot->id != NULL) {
        struct cyc_diag *const diag =
            cyc_build_error(build, node->pos, "the id `%s` is taken", *id);
        diag->hint = cyc_diags_format(build->diags, "ids are unique: for example, %s_2", *id);
        diag->related = slot->pos;
        diag->related_text = "by the step here";
        return false;
    }
    *slot = (struct cyc_id){*id, node->pos, owner, false};
    ids->count++;
    return true;
}

const char *cyc_ids_nearest(const struct cyc_ids *ids, const char *word)
{
    const char **const candidates = calloc(ids->count + 1u, sizeof *candidates);
    uint32_t count = 0;
    if (candidates == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < ids->capacity; i++) {
        if (ids->slots[i].id != NULL) {
            candidates[count++] = ids->slots[i].id;
        }
    }
    const char *const nearest = cyc_nearest(word, candidates);
    free(candidates);
    return nearest;
}
