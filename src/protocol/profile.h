/* Files that a protocol reads beside itself: includes and profiles. Inside src/protocol only. */
#ifndef CYC_PROTOCOL_PROFILE_H
#define CYC_PROTOCOL_PROFILE_H

#include "protocol/step.h"

#define CYC_FILES_MAX          64
#define CYC_PROFILE_POINTS_MAX 200000
#define CYC_PROFILE_SIZE_MAX   (4u << 20) /* of a profile file */

/* Every file read, once each; texts are owned by the arena of the protocol. */
struct cyc_files {
    const char *root; /* folder of the protocol: names are relative to it */
    struct cyc_file {
        const char *name; /* relative to root */
        const char *text;
        size_t size;
        uint16_t diag_file;    /* index in the diags; UINT16_MAX: not registered (profiles) */
        struct cyc_node *tree; /* of a protocol file, once parsed */
        const struct cyc_profile *profile; /* of a profile, once parsed */
    } items[CYC_FILES_MAX];
    unsigned count;
    bool closed; /* nothing more is read: a run keeps to what was there when it was checked */
};

/* The file that a node names, relative to the folder of the file it stands in; read at most once.
 * NULL: diagnosed. */
struct cyc_file *cyc_files_take(struct cyc_build *build, const struct cyc_node *node,
                                size_t size_max);

/* The profile in the CSV file that a node names; NULL: diagnosed. */
const struct cyc_profile *cyc_profile_read(struct cyc_build *build, const struct cyc_node *node);

#endif
