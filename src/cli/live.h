/* What the verbs of live runs share: the rig, its state folder, and its daemon. */
#ifndef CYC_CLI_LIVE_H
#define CYC_CLI_LIVE_H

#include "cli/cli.h"
#include "run/control.h"

struct cyc_cli_live {
    const char *rig_path; /* word of --rig, else $CYCLOSTAT_RIG */
    const char *channel_name;
    struct cyc_cli_rig loaded;
    int channel;
    char state_dir[CYC_PATH_SIZE];
};

/* Loads the rig and finds the channel (with `channel`) and the state folder. An exit code. */
int cyc_cli_live_open(struct cyc_cli_live *live, const char *verb, bool channel);
void cyc_cli_live_close(struct cyc_cli_live *live);
/* Starts the processes of the rig where none run, and waits until its daemon answers. */
int cyc_cli_live_start(struct cyc_cli_live *live, const char *rate, struct cyc_err *err);
/* Follows a channel until its run has ended or a signal comes. Returns an exit code. `run_id` "":
 * whatever runs there. */
int cyc_cli_live_follow(const struct cyc_cli_live *live, const char *verb, bool quiet);
/* The state of one channel. */
int cyc_cli_live_status(const struct cyc_cli_live *live, struct cyc_channel_status *status,
                        struct cyc_err *err);

/* Warns where it was never shown, or not for 30 days, that the channel is made safe. */
void cyc_cli_live_warn_unproved(const struct cyc_cli_live *live);

#endif
