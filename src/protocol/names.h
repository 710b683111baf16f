/* Variables of a plan: parameters, `let`, `each`, `with`, and the runtime's own full_capacity and
 * one_c. Each has a kind from its first value on, and an index into the source's values. Inside
 * src/protocol only. */
#ifndef CYC_PROTOCOL_NAMES_H
#define CYC_PROTOCOL_NAMES_H

#include "protocol/build.h"

#define CYC_NAMES_MAX 512 /* names visible at one place */

enum { CYC_NAME_FULL_CAPACITY, CYC_NAME_ONE_C, CYC_NAME_FIRST_FREE };

struct cyc_name {
    const char *name;
    enum cyc_kind kind;
    int index;
    bool parameter;
    struct cyc_pos pos;
    const struct cyc_value *list; /* a parameter that is a list; NULL: one value */
    unsigned list_count;
};

struct cyc_names {
    struct cyc_name *items; /* owned by the arena, CYC_NAMES_MAX of them */
    unsigned count;
    int *index_count; /* shared by all names of a plan: values in all */
};

bool cyc_names_init(struct cyc_names *names, struct cyc_arena *arena, int *index_count);
struct cyc_name *cyc_names_find(const struct cyc_names *names, const char *name, size_t size);
/* A new name; NULL (diagnosed) when it is reserved, ill-formed or one too many. */
struct cyc_name *cyc_names_add(struct cyc_build *build, const char *name, enum cyc_kind kind,
                               struct cyc_pos pos);

#endif
