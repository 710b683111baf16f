/* What a live run is started with, kept in its folder so that whoever goes on with it later, be it
 * after a crash or an upgrade, starts from the same: the copies of protocol and cell, and the
 * settings. A text of one `word value` a line, pinned by its hash like the protocol itself.
 */
#ifndef CYC_RUN_START_H
#define CYC_RUN_START_H

#include "device/rig.h"
#include "protocol/protocol.h"
#include "store/store.h"

#define CYC_START_SETTINGS_MAX 64
#define CYC_START_FILE         "run.start.txt" /* names they are handed to the store with */
#define CYC_START_CELL         "run.cell.yaml"

struct cyc_start {
    char protocol[256]; /* names within the run folder's copies */
    char cell[256];     /* "": the protocol's own */
    double rate;        /* of the live host */
    bool trace;         /* every event and action is kept */
    unsigned setting_count;
    struct cyc_setting settings[CYC_START_SETTINGS_MAX]; /* point into `text` */
    char text[8192];                                     /* as read */
};

/* text->failed: no memory. */
void cyc_start_text(const struct cyc_start *start, struct cyc_text *text);
/* From the run folder. Settings are borrowed from *start. CYC_E_FILE, CYC_E_JOURNAL. */
int cyc_start_read(const char *folder, struct cyc_start *start, struct cyc_err *err);
/* The path of a copy in the run folder. CYC_E_BOUND: too long. */
int cyc_start_path(const char *folder, const char *name, char *path, size_t size,
                   struct cyc_err *err);

/* What a client knows when it asks for a run. All borrowed. */
struct cyc_live_request {
    const struct cyc_protocol *protocol;
    const char *cell_text; /* of the cell file; NULL: none */
    size_t cell_size;
    const struct cyc_rig *rig;
    unsigned channel;
    const char *runs_dir;
    const char *command;
    const struct cyc_setting *settings;
    unsigned setting_count;
    double rate;
    bool trace; /* keep every event and action, for `replay` */
    int64_t start_unix_ns;
};
/* Makes the folder of a live run, with all that identifies it, for a daemon to go on with: leave
 * it with cyc_run_leave(). */
int cyc_live_create_run(const struct cyc_live_request *request, struct cyc_run **run,
                        struct cyc_err *err);

#endif
