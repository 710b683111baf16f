/* Proofs that a channel is made safe, and their journal in the state folder. */
#ifndef CYC_CLI_PROOF_H
#define CYC_CLI_PROOF_H

#include "cli/cli.h"

#define CYC_PROOF_JOURNAL "proof.jsonl"

struct cyc_cli_proof {
    bool is_safe;    /* it was seen off */
    bool was_killed; /* … after the process of its port was killed */
    int64_t took_ns;
};

/* Prints a line and appends it to the journal; `why` counts when it is not safe. An exit code. */
int cyc_cli_proof_report(const struct cyc_rig *rig, unsigned channel, const char *state_dir,
                         const struct cyc_cli_proof *proof, const char *why);
/* Kills the port process of the channel, or of each, and watches what the supervisor does. An exit
 * code. */
int cyc_cli_proof_killed(const struct cyc_cli_rig *loaded, const char *state_dir,
                         const char *channel);

#endif
