/* A live channel on readings made by hand: no process, no clock, no disk. The port is a list of the
 * messages that left, the store gives tickets, the source says its step when it is told to. */
#ifndef CYC_TEST_DESK_H
#define CYC_TEST_DESK_H

#include "run/live.h"

#define DESK_PERIOD_NS (100 * CYC_MS_NS)
#define DESK_SENT_MAX  64

struct desk {
    struct cyc_rig rig;
    struct cyc_rig_instrument instruments[2];
    struct cyc_rig_channel channel;
    struct cyc_merge merge;
    struct cyc_live *live;
    struct cyc_message sent[DESK_SENT_MAX];
    unsigned sent_count;
    uint64_t ticket, intent;
    unsigned row_count, end_count;
    struct cyc_result result; /* of the step that ended last */
    char end[16], why[512];
    struct cyc_step steps[2];
    struct cyc_segment segments[2];
    unsigned step_count, next; /* steps that are there by now */
    bool asked;
    int64_t now_ns;
    uint64_t number;             /* of readings */
    const struct cyc_err *fails; /* what a step's end and a commit say; NULL: they are well */
};

void desk_set_step(struct desk *desk, unsigned index, enum cyc_control control, double value);
/* Ends at a voltage, from the first settled sample on. */
void desk_cut_at(struct desk *desk, unsigned index, double voltage_V);
void desk_lay_out(struct desk *desk, double rate);
void desk_clear_away(struct desk *desk);
struct cyc_message desk_reading(struct desk *desk, uint32_t setpoint_number, double voltage_V,
                                double current_A);
void desk_read_cell(struct desk *desk, uint32_t setpoint_number, double voltage_V,
                    double current_A);
/* The latest message of a kind; NULL: none. */
const struct cyc_message *desk_last(const struct desk *desk, enum cyc_message_kind kind);
enum cyc_control desk_control_of(const struct desk *desk);
void desk_reply(struct desk *desk, int status);
void desk_wait_ms(struct desk *desk, int64_t ms);
/* Armed, resting, loaded; the first step begun, its setpoint wanted and not durable yet. */
void desk_begin(struct desk *desk);
/* And under way. */
void desk_drive(struct desk *desk);
bool desk_has_ended(const struct desk *desk, const char *why);
bool desk_is_held(const struct desk *desk, const char *why);

#endif
