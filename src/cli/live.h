/* What the verbs of live runs share: the rig, its state folder, and its daemon. */
#ifndef CYC_CLI_LIVE_H
#define CYC_CLI_LIVE_H

#include "cli/cli.h"
#include "device/message.h"
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
/* How to follow a run. */
struct cyc_cli_live_view {
    bool quiet;              /* no live line */
    bool json;               /* one object at the end, in place of words on stdout */
    struct cyc_diags *diags; /* what its protocol was warned of, for that object; or NULL */
};
/* Follows a channel until its run has ended or a signal comes. Returns an exit code. */
int cyc_cli_live_follow(const struct cyc_cli_live *live, const struct cyc_cli_live_view *view);
/* Waits for one message until a time (CLOCK_BOOTTIME). */
int cyc_cli_await(int fd, struct cyc_message *message, int64_t until_ns);
/* What a person has to do before a channel goes on; nothing where nobody is waited for. */
void cyc_cli_live_remedy(const struct cyc_cli_live *live, const struct cyc_channel_status *status,
                         struct cyc_text *out);
/* The state of one channel. */
int cyc_cli_live_status(const struct cyc_cli_live *live, struct cyc_channel_status *status,
                        struct cyc_err *err);

/* What became of a run (live_json.c). */
struct cyc_cli_live_outcome {
    struct cyc_diags *diags; /* of its protocol; NULL: it was not read here */
    const char *error;       /* why nothing was started; NULL: no error */
    const char *folder;      /* "": none */
    const char *end, *why;   /* "": it goes on, or was not started */
};
/* Prints it as one JSON object. */
void cyc_cli_live_json(const struct cyc_cli_live_outcome *outcome);

/* Where it was never shown, or not for 30 days, that the channel is made safe: warns, or refuses if
 * the rig requires it. */
int cyc_cli_live_check_proof(const struct cyc_cli_live *live, struct cyc_err *err);

#endif
