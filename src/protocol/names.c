/* Ids and names: what they may look like, and the variables that are known at a place. */
#include "protocol/names.h"

#include <string.h>

static bool is_word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_reserved(const char *word)
{
    for (const char *const *reserved = cyc_reserved_words(); *reserved != NULL; reserved++) {
        if ((*reserved)[0] == word[0] && strcmp(*reserved, word) == 0) {
            return true;
        }
    }
    return false;
}

bool cyc_build_word(struct cyc_build *build, const char *word, struct cyc_pos pos, const char *what)
{
    size_t size = 0;
    while (is_word_character(word[size])) {
        size++;
    }
    if (size == 0 || word[size] != '\0' || (word[0] >= '0' && word[0] <= '9')) {
        struct cyc_diag *const diag = cyc_build_error(build, pos, "`%.60s` is no %s", word, what);
        diag->hint = "letters, digits and _, a letter first";
        return false;
    }
    if (size >= CYC_ID_SIZE) {
        (void)cyc_build_error(build, pos, "`%.20s…` is longer than %d characters", word,
                              CYC_ID_SIZE - 1);
        return false;
    }
    if (is_reserved(word)) {
        struct cyc_diag *const diag = cyc_build_error(
            build, pos, "`%s` is a word of the language and cannot serve as %s", word, what);
        diag->hint = cyc_diags_format(build->diags, "for example, %s_1", word);
        return false;
    }
    return true;
}

bool cyc_build_id(struct cyc_build *build, const struct cyc_node *node, const char **id)
{
    if (!cyc_build_scalar(build, node, "an id") ||
        !cyc_build_word(build, node->text, node->pos, "id")) {
        return false;
    }
    *id = cyc_arena_string(build->arena, node->text, node->size);
    return *id != NULL;
}

bool cyc_names_init(struct cyc_names *names, struct cyc_arena *arena, int *index_count)
{
    names->items = cyc_arena_array(arena, CYC_NAMES_MAX, sizeof *names->items);
    names->index_count = index_count;
    if (names->items == NULL) {
        return false;
    }
    names->items[0] = (struct cyc_name){
        .name = "full_capacity", .kind = CYC_KIND_CAPACITY, .index = CYC_NAME_FULL_CAPACITY};
    names->items[1] =
        (struct cyc_name){.name = "one_c", .kind = CYC_KIND_CURRENT, .index = CYC_NAME_ONE_C};
    names->count = 2;
    return true;
}

struct cyc_name *cyc_names_find(const struct cyc_names *names, const char *name, size_t size)
{
    for (unsigned i = names->count; i-- > 0;) {
        if (strncmp(names->items[i].name, name, size) == 0 && names->items[i].name[size] == '\0') {
            return &names->items[i];
        }
    }
    return NULL;
}

struct cyc_name *cyc_names_add(struct cyc_build *build, const char *name, enum cyc_kind kind,
                               struct cyc_pos pos)
{
    struct cyc_names *const names = build->names;
    if (!cyc_build_word(build, name, pos, "name")) {
        return NULL;
    }
    int sensor = 0;
    if (cyc_build_sensor(build, name, strlen(name), &sensor, &kind)) {
        (void)cyc_build_error(build, pos, "`%s` is the name of a sensor of the cell", name);
        return NULL;
    }
    if (names->count == CYC_NAMES_MAX) {
        (void)cyc_build_error(build, pos, "more than %d names", CYC_NAMES_MAX);
        return NULL;
    }
    struct cyc_name *const added = &names->items[names->count++];
    *added = (struct cyc_name){.name = cyc_arena_string(build->arena, name, strlen(name)),
                               .kind = kind,
                               .index = (*names->index_count)++,
                               .pos = pos};
    return added->name == NULL ? NULL : added;
}
