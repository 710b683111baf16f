/* What the processes of a rig say to each other: datagrams of one fixed-size message, or of a few
 * readings, over Unix sockets of type SEQPACKET. Nothing else passes between them but a descriptor
 * with PORT_OPEN.
 *
 *            ALIVE, SAFE_ALL, TRIP, REARM, END        ALIVE, END
 *   supervisor ───────────────────► port    supervisor ──────────► daemon
 *            ◄───────────────────                   ◄──────────
 *            ALIVE, PORT_OPEN, LINK, TRIP            ALIVE
 *
 *            HELLO, LEASE, ARM, APPLY, ENVIRONMENT, SAFE, CONFIRM, RESEND
 *   daemon ───────────────────────────────────────────────────────────► port
 *          ◄───────────────────────────────────────────────────────────
 *            WELCOME, LINK, ARMED, APPLIED, READING, SAFE_DONE, TRIPPED, EVENT
 *
 * A port process listens on <state>/port-<name>.sock; one daemon at a time, the newest one wins.
 * Times are CLOCK_BOOTTIME. Channels, instruments and sensors are indexes into the rig, whose
 * hash both sides compare in HELLO and WELCOME.
 *
 * A LEASE and an ALIVE count from their t_ns, when they were sent. Setpoints are true values; the
 * port undoes the calibration, and sets the bounds itself. READING holds what the instrument says,
 * without calibration, under the setpoint number in force: 0 from an output's being made safe to
 * the next APPLY. APPLIED answers APPLY and ENVIRONMENT, its index says which. One command per
 * output at a time; another before its answer is CYC_E_BUSY.
 *
 * The status of TRIPPED tells what the port knows:
 *
 *     CYC_E_LOST      nothing: something could not be read. Nobody has touched the cell
 *     CYC_E_HELD      the instrument was found otherwise than commanded: a person or a protection
 *                     has switched it off or on, its power has failed, what it says is no number.
 *                     Nothing is energised until an ARM with CYC_ARM_BY_PERSON; such an ARM comes
 *                     from a start or a `resume` alone
 *     CYC_E_LATCHED   a limit was broken, or a person has said `safe`: until `rearm`
 */
#ifndef CYC_DEVICE_MESSAGE_H
#define CYC_DEVICE_MESSAGE_H

#include "device/driver.h"

#define CYC_MESSAGE_VERSION 1
#define CYC_MESSAGE_BATCH   16 /* in one datagram, at most */
#define CYC_HEARTBEAT_NS    (200 * CYC_MS_NS)
#define CYC_LEASE_NS        (800 * CYC_MS_NS)
#define CYC_BUS_CALL_MAX_NS (400 * CYC_MS_NS) /* of an electrical instrument */
#define CYC_ARM_BY_PERSON   1                 /* index of ARM: what was found there is forgiven */
#define CYC_PORT_HISTORY_NS (60 * CYC_S_NS)   /* readings kept until they are confirmed */

enum cyc_message_kind {
    CYC_MESSAGE_ALIVE = 1, /* from and to the supervisor, every CYC_HEARTBEAT_NS */
    CYC_MESSAGE_PORT_OPEN, /* with a duplicate of the port's descriptor; number: ns that it may take
                              until an output is seen off */
    CYC_MESSAGE_TRIP,      /* channel's output off now: a limit broke in another process */
    CYC_MESSAGE_SAFE_ALL,  /* all electrical outputs off; latched */
    CYC_MESSAGE_REARM,
    CYC_MESSAGE_END,

    CYC_MESSAGE_HELLO, /* text: hash of the rig; index: version */
    CYC_MESSAGE_LEASE, /* renews for CYC_LEASE_NS */
    CYC_MESSAGE_ARM,   /* channel: identify, set up, write and read back the protections */
    CYC_MESSAGE_DISARM,
    CYC_MESSAGE_APPLY,       /* channel, drive */
    CYC_MESSAGE_ENVIRONMENT, /* channel, environment */
    CYC_MESSAGE_SAFE,        /* channel; not latched */
    CYC_MESSAGE_CONFIRM,     /* number: readings up to this one are durable */
    CYC_MESSAGE_RESEND,      /* number: send again all kept readings after this one */

    CYC_MESSAGE_WELCOME,   /* text: hash of the rig; number: the oldest reading kept */
    CYC_MESSAGE_LINK,      /* instrument, status, identity of who answers: found, lost, wrong.
                              To the supervisor: number: `strangers`, see cyc_port_left */
    CYC_MESSAGE_ARMED,     /* channel, status, text */
    CYC_MESSAGE_APPLIED,   /* channel, drive.setpoint.number, status, text; t_ns when done */
    CYC_MESSAGE_READING,   /* instrument, output, reading; number; setpoint_number */
    CYC_MESSAGE_SAFE_DONE, /* channel, status; t_ns */
    CYC_MESSAGE_TRIPPED,   /* channel: made safe by the port itself; status: which kind, see above;
                              text says why */
    CYC_MESSAGE_EVENT      /* text for the log */
};

struct cyc_message {
    uint32_t kind; /* enum cyc_message_kind */
    int32_t status;
    int32_t channel; /* -1: none */
    int32_t instrument;
    uint32_t output;
    uint32_t index;
    uint64_t number; /* of a reading: counts up over the life of the port process, from 1 */
    uint64_t epoch;  /* start of the port process, CLOCK_BOOTTIME: numbers count within it */
    int64_t t_ns;
    uint32_t setpoint_number; /* READING: the one it was taken under */
    union {
        struct cyc_drive drive;
        struct cyc_environment environment;
        struct cyc_reading reading;
        struct cyc_identity identity;
    } as;
    char text[192];
};

/* Sends one datagram; never blocks: CYC_E_BOUND when the other side does not take it, CYC_E_LOST
 * when it is gone. fd_to_pass -1: none. */
int cyc_message_send(int fd, const struct cyc_message *message, int fd_to_pass,
                     struct cyc_err *err);
/* Sends up to CYC_MESSAGE_BATCH of them as one datagram: the other side is woken, and reads, once.
 * False: it does not take them, or is gone. */
bool cyc_message_send_many(int fd, const struct cyc_message *messages, unsigned count);
/* What cyc_message_send() or cyc_message_send_many() has sent in one go; status as below. */
int cyc_message_receive_many(int fd, struct cyc_message messages[CYC_MESSAGE_BATCH],
                             unsigned *count, struct cyc_err *err);
/* CYC_E_TIMEOUT: nothing waits; CYC_E_LOST: the other side is gone; CYC_E_REPLY: not one
 * message of this version. *passed_fd (may be NULL) gets a descriptor that came along, else -1;
 * owned by the caller. */
int cyc_message_receive(int fd, struct cyc_message *message, int *passed_fd, struct cyc_err *err);
const char *cyc_message_name(uint32_t kind);

/* Sockets in the state folder, whatever the length of its path; peers of other users are refused.
 */
int cyc_message_listen(const char *state_dir, const char *name, int *fd, struct cyc_err *err);
int cyc_message_connect(const char *state_dir, const char *name, int *fd, struct cyc_err *err);
int cyc_message_accept(int listener, int *fd, struct cyc_err *err);

#endif
