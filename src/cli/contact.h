/* Speaking to the instruments of a rig without changing anything on them: for `identify` and
 * `measure`. Never while a supervisor has the ports.
 */
#ifndef CYC_CLI_CONTACT_H
#define CYC_CLI_CONTACT_H

#include "cli/cli.h"

/* One instrument of the rig. */
struct cyc_found {
    bool wanted;
    int status;                        /* CYC_OK: it answers, and is who it should be */
    char text[CYC_ERR_TEXT_SIZE];      /* what is wrong; "" */
    struct cyc_identity identity;      /* as far as it answered */
    struct cyc_instrument *instrument; /* owned; NULL: not there */
    struct cyc_reading *readings;      /* owned: one per output, the latest */
};

struct cyc_contact {
    const struct cyc_rig *rig;
    struct cyc_bus **buses;  /* owned, one per port; NULL: not open */
    struct cyc_found *found; /* owned, one per instrument; the caller sets `wanted` */
};

/* CYC_E_BUSY: a supervisor runs on this rig, and the ports are its own. Release it in any case. */
int cyc_contact_init(struct cyc_contact *contact, const struct cyc_rig *rig, struct cyc_err *err);
/* Opens the ports of what is wanted and asks each instrument who it is. What goes wrong stands in
 * `found`. */
void cyc_contact_identify(struct cyc_contact *contact);
/* One reading of each output of each instrument that answers. */
void cyc_contact_measure(struct cyc_contact *contact);
/* How many of those wanted are not there, or not who they should be. */
unsigned cyc_contact_missing(const struct cyc_contact *contact);
/* One line for each of these, to stderr. */
void cyc_contact_complain(const struct cyc_contact *contact);
void cyc_contact_release(struct cyc_contact *contact);

#endif
