/* A daemon that comes back to a run, with doubles of its ports at the other end of the sockets. The
 * run's folder opens when the test lets it: one of its files is a pipe.
 *
 *   port `left`    the run's; has kept readings for it
 *   port `right`   nobody's: what it has read is confirmed with the next beat
 */
#include "base/clock.h"
#include "check/check.h"
#include "device/message.h"
#include "run/daemon.h"
#include "run/start.h"
#include "store/store.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES_MAX 3000 /* of 10 ms: a patience, not a duration */
#define BEATS     3
#define KEPT      7 /* readings of each port */

enum { LEFT, RIGHT, PORTS };

/* A port process, as far as the daemon can tell. */
struct far_port {
    int listener, fd; /* -1: nobody has called */
    bool greeted;
    unsigned leases; /* since the readings were sent */
    unsigned arms;
    uint64_t confirmed;
};

struct bed {
    char folder[128], pipe[CYC_PATH_SIZE];
    struct cyc_driver driver;
    struct cyc_rig_port ports[PORTS];
    struct cyc_rig_instrument instruments[PORTS];
    struct cyc_rig_channel channels[PORTS];
    struct cyc_rig rig;
    struct far_port far[PORTS];
    pid_t daemon;
    int supervisor; /* the daemon's other end */
};

/* ---- The rig, the run, the daemon ------------------------------------------------------------ */

static void lay_out(struct bed *bed)
{
    static const char *const names[] = {"left", "right"};
    bed->driver = (struct cyc_driver){.name = "double", .roles = CYC_ROLE_CYCLER};
    for (unsigned i = 0; i < PORTS; i++) {
        struct cyc_rig_channel *const channel = &bed->channels[i];
        bed->instruments[i] = (struct cyc_rig_instrument){
            .driver = &bed->driver, .port = (int)i, .poll_ns = 100 * CYC_MS_NS};
        *channel = (struct cyc_rig_channel){.cycler = (int)i,
                                            .chamber = -1,
                                            .press = -1,
                                            .temperature = -1,
                                            .pressure = -1,
                                            .ambient = -1,
                                            .limits = {2, 5, -1, 1, NAN, NAN, NAN, NAN},
                                            .voltage = {.gain = 1},
                                            .current = {.gain = 1}};
        for (unsigned k = 0; k < CYC_AUX_MAX; k++) {
            channel->aux[k] = -1;
        }
        (void)cyc_copy(bed->ports[i].name, sizeof bed->ports[i].name, names[i]);
        (void)cyc_copy(bed->instruments[i].name, sizeof bed->instruments[i].name, names[i]);
        (void)cyc_copy(channel->name, sizeof channel->name, names[i]);
    }
    bed->rig = (struct cyc_rig){.name = "bed",
                                .sha256 = "of the rig",
                                .sync_ns = 10 * CYC_S_NS,
                                .port_count = PORTS,
                                .instrument_count = PORTS,
                                .channel_count = PORTS,
                                .ports = bed->ports,
                                .instruments = bed->instruments,
                                .channels = bed->channels};
}

/* A run that was in progress on `left`, for the daemon to find. */
static void leave_run(struct bed *bed)
{
    struct cyc_run *run = NULL;
    char path[CYC_PATH_SIZE];
    const struct cyc_run_identity identity = {.cell = "mine",
                                              .kind = "live",
                                              .channel = "left",
                                              .rig_channel_json = "{}",
                                              .start_unix_ns = 1767225600 * CYC_S_NS,
                                              .active_mass_g = NAN,
                                              .area_cm2 = NAN,
                                              .one_c_A = 1,
                                              .nominal_capacity_Ah = 1,
                                              .voltage_decimals = 4,
                                              .current_decimals = 6,
                                              .capacity_decimals = 9,
                                              .sync = true};
    CU_ASSERT_EQUAL_FATAL(cyc_run_create(bed->folder, &identity, &run, NULL), CYC_OK);
    (void)snprintf(path, sizeof path, "%s/run-left", bed->folder);
    FILE *const marker = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(marker);
    (void)fputs(cyc_run_folder(run), marker);
    (void)fclose(marker);
    (void)snprintf(path, sizeof path, "%s/protocol", cyc_run_folder(run));
    (void)mkdir(path, 0700);
    CU_ASSERT_EQUAL_FATAL(
        cyc_start_path(cyc_run_folder(run), CYC_START_FILE, bed->pipe, sizeof bed->pipe, NULL),
        CYC_OK);
    CU_ASSERT_EQUAL_FATAL(mkfifo(bed->pipe, 0600), 0);
    cyc_run_leave(run);
}

static void start_daemon(struct bed *bed)
{
    int pair[2];
    CU_ASSERT_EQUAL_FATAL(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    bed->supervisor = pair[0];
    bed->daemon = fork();
    if (bed->daemon == 0) {
        const struct cyc_daemon_options options = {.program = CYC_PROGRAM,
                                                   .rig = &bed->rig,
                                                   .state_dir = bed->folder,
                                                   .rate = 1,
                                                   .supervisor_fd = pair[1]};
        (void)!freopen("/dev/null", "w", stderr);
        _exit(cyc_daemon_run(&options, NULL));
    }
    (void)close(pair[1]);
}

static void make_bed(struct bed *bed)
{
    *bed = (struct bed){0};
    (void)snprintf(bed->folder, sizeof bed->folder, "%s/cyc-daemon-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(bed->folder));
    lay_out(bed);
    leave_run(bed);
    for (unsigned i = 0; i < PORTS; i++) {
        char name[64];
        bed->far[i].fd = -1;
        (void)snprintf(name, sizeof name, "port-%s.sock", bed->ports[i].name);
        CU_ASSERT_EQUAL_FATAL(cyc_message_listen(bed->folder, name, &bed->far[i].listener, NULL),
                              CYC_OK);
    }
    start_daemon(bed);
}

static void clear_bed(struct bed *bed)
{
    char command[200];
    (void)kill(bed->daemon, SIGKILL); /* its thread may be waiting for the pipe */
    (void)waitpid(bed->daemon, NULL, 0);
    (void)close(bed->supervisor);
    for (unsigned i = 0; i < PORTS; i++) {
        (void)close(bed->far[i].listener);
        if (bed->far[i].fd >= 0) {
            (void)close(bed->far[i].fd);
        }
    }
    (void)snprintf(command, sizeof command, "rm -r '%s'", bed->folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

/* ---- The far ends of the sockets ------------------------------------------------------------- */

static void answer(struct bed *bed, unsigned index, const struct cyc_message *message)
{
    struct far_port *const far = &bed->far[index];
    struct cyc_message welcome = {.kind = CYC_MESSAGE_WELCOME,
                                  .index = CYC_MESSAGE_VERSION,
                                  .channel = -1,
                                  .instrument = -1,
                                  .epoch = 1};
    (void)cyc_copy(welcome.text, sizeof welcome.text, bed->rig.sha256);
    if (message->kind == CYC_MESSAGE_HELLO) {
        far->greeted = cyc_message_send(far->fd, &welcome, -1, NULL) == CYC_OK;
    } else if (message->kind == CYC_MESSAGE_LEASE) {
        far->leases++;
    } else if (message->kind == CYC_MESSAGE_ARM) {
        far->arms++;
    } else if (message->kind == CYC_MESSAGE_CONFIRM) {
        far->confirmed = message->number;
    }
}

static void listen_to_daemon(struct bed *bed)
{
    (void)usleep(10000);
    for (unsigned i = 0; i < PORTS; i++) {
        struct far_port *const far = &bed->far[i];
        struct cyc_message message;
        if (far->fd < 0 && cyc_message_accept(far->listener, &far->fd, NULL) != CYC_OK) {
            far->fd = -1;
        }
        while (far->fd >= 0 && cyc_message_receive(far->fd, &message, NULL, NULL) == CYC_OK) {
            answer(bed, i, &message);
        }
    }
}

/* The end to be written, as soon as the run's folder is being opened and both ports have been
 * called; -1: that never comes. */
static int await_opener(struct bed *bed)
{
    int fd = -1;
    for (unsigned i = 0; i < TRIES_MAX && (fd < 0 || !bed->far[RIGHT].greeted); i++) {
        listen_to_daemon(bed);
        fd = fd >= 0 ? fd : open(bed->pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    }
    return fd;
}

static void send_readings(struct bed *bed)
{
    for (unsigned i = 0; i < PORTS; i++) {
        struct cyc_message reading = {.kind = CYC_MESSAGE_READING,
                                      .channel = -1,
                                      .instrument = (int32_t)i,
                                      .number = KEPT,
                                      .epoch = 1,
                                      .t_ns = cyc_boot_now_ns()};
        reading.as.reading.t_ns = reading.t_ns;
        CU_ASSERT_EQUAL(cyc_message_send(bed->far[i].fd, &reading, -1, NULL), CYC_OK);
        bed->far[i].leases = 0;
    }
}

/* `right` is told that its readings need not be kept, and `left` has been heard of since. */
static bool has_beaten(const struct bed *bed)
{
    return bed->far[RIGHT].confirmed == KEPT && bed->far[LEFT].leases >= BEATS;
}

static void what_a_port_has_kept_is_not_confirmed_while_the_runs_folder_is_being_opened(void)
{
    static const char text[] = "cyclostat start 1\nprotocol none.yaml\ncell \nrate 1\n";
    struct bed bed;
    make_bed(&bed);
    const int pipe = await_opener(&bed);
    const bool opens = pipe >= 0 && bed.far[LEFT].greeted && bed.far[RIGHT].greeted;
    CU_ASSERT(opens);
    if (opens) {
        send_readings(&bed);
        for (unsigned i = 0; i < TRIES_MAX && !has_beaten(&bed); i++) {
            listen_to_daemon(&bed);
        }
        CU_ASSERT(has_beaten(&bed));
        CU_ASSERT_EQUAL(bed.far[LEFT].confirmed, 0);
        CU_ASSERT_EQUAL(bed.far[LEFT].arms, 0); /* it was being opened until now */
        CU_ASSERT(write(pipe, text, sizeof text - 1) == (ssize_t)(sizeof text - 1));
        (void)close(pipe);
        for (unsigned i = 0; i < TRIES_MAX && bed.far[LEFT].arms == 0; i++) {
            listen_to_daemon(&bed);
        }
        CU_ASSERT(bed.far[LEFT].arms > 0); /* and then it was the run's turn */
        CU_ASSERT_EQUAL(bed.far[LEFT].confirmed, 0);
    }
    clear_bed(&bed);
}

const struct cyc_check cyc_check_daemon[] = {
    CYC_CHECK(what_a_port_has_kept_is_not_confirmed_while_the_runs_folder_is_being_opened),
    {0},
};
