/* Buses on descriptors: pseudo-terminals and TCP, with a real process's clock and a far end that
 * hangs up, babbles, trickles, or never reads. */
#include "device/far_end.h"

#include "check/check.h"
#include "core/types.h"
#include "device/message.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LONG_NS  (20 * CYC_S_NS)   /* nothing that is to succeed takes so long */
#define SHORT_NS (100 * CYC_MS_NS) /* what is to time out */
#define BUSY_NS  (40 * CYC_MS_NS)  /* of processor time within SHORT_NS: waiting, not spinning */

static struct cyc_bus *open_bus(const char *address)
{
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    struct cyc_bus *bus = NULL;
    struct cyc_err err = {0};
    const int status = cyc_bus_open(address, &settings, &bus, &err);
    if (status != CYC_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
    }
    CU_ASSERT_FATAL(status == CYC_OK);
    return bus;
}

static int64_t in(const struct cyc_bus *bus, int64_t time_ns)
{
    return cyc_bus_now_ns(bus) + time_ns;
}

static int64_t processor_ns(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * CYC_S_NS + used.tv_nsec;
}

static int read_line(struct cyc_bus *bus, char reply[64], int64_t time_ns)
{
    size_t length = 0;
    return cyc_bus_read(bus, &far_line, reply, 64, &length, in(bus, time_ns), NULL);
}

/* Answers "Q…" with "A…" until it is hung up. */
static void answer_lines(int fd)
{
    char line[256];
    while (far_read_line(fd, line, sizeof line) > 0) {
        line[0] = 'A';
        far_write(fd, line);
    }
}

static void talk(struct cyc_bus *bus, int count)
{
    char question[64];
    char reply[64];
    far_in_step(bus);
    for (int i = 0; i < count; i++) {
        (void)snprintf(question, sizeof question, "Q%d\n", i);
        CU_ASSERT_EQUAL(far_ask(bus, question, reply, LONG_NS), CYC_OK);
        CU_ASSERT_EQUAL(strncmp(reply + 1, question + 1, strlen(reply) - 1), 0);
    }
}

/* ---- Pseudo-terminals ---------------------------------------------------------------------------
 */

static void a_pseudo_terminal_is_opened_by_name(void)
{
    const struct far_pty pty = far_pty();
    struct far_thread thread;
    far_start(&thread, pty.master, answer_lines);
    struct cyc_bus *const bus = open_bus(pty.device);
    CYC_SAME(cyc_bus_address(bus), pty.device);
    CU_ASSERT(cyc_bus_fd(bus) >= 0);
    talk(bus, 20);
    cyc_bus_close(bus); /* the last one: the far end reads that it was hung up */
    far_join(&thread);
    (void)close(pty.master);
}

static void a_link_is_resolved_at_every_open(void)
{
    char folder[] = "/tmp/cyc-link-XXXXXX";
    char link[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    (void)snprintf(link, sizeof link, "%s/port", folder);
    for (int i = 0; i < 2; i++) {
        const struct far_pty pty = far_pty();
        char line[16];
        CU_ASSERT_EQUAL(symlink(pty.device, link), 0);
        struct cyc_bus *const bus = open_bus(link);
        CYC_SAME(cyc_bus_address(bus), link);
        CU_ASSERT_EQUAL(cyc_bus_write(bus, "hello\n", 6, in(bus, LONG_NS), NULL), CYC_OK);
        CU_ASSERT_EQUAL(far_read_line(pty.master, line, sizeof line), 6);
        cyc_bus_close(bus);
        (void)close(pty.master);
        CU_ASSERT_EQUAL(unlink(link), 0);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

/* As when an emulator was killed and its number was given to another one. */
static void a_link_older_than_its_terminal_leads_to_nobody(void)
{
    char folder[] = "/tmp/cyc-link-XXXXXX";
    char link[64];
    struct cyc_bus *bus = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    (void)snprintf(link, sizeof link, "%s/port", folder);
    const struct far_pty pty = far_pty();
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    const struct timespec before[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    CU_ASSERT_EQUAL(symlink(pty.device, link), 0);
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, link, before, AT_SYMLINK_NOFOLLOW), 0);
    CU_ASSERT_EQUAL(cyc_bus_open(link, &settings, &bus, NULL), CYC_E_FILE);
    CU_ASSERT_EQUAL(unlink(link), 0);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
    (void)close(pty.master);
}

static void bytes_pass_a_terminal_unchanged(void)
{
    const struct far_pty pty = far_pty();
    struct cyc_bus *const bus = open_bus(pty.device);
    const struct cyc_frame frame = {.kind = CYC_FRAME_BYTES, .size = 256};
    uint8_t all[256];
    uint8_t got[257];
    size_t length = 0;
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)i;
    }
    CU_ASSERT_EQUAL(write(pty.master, all, sizeof all), sizeof all);
    CU_ASSERT_EQUAL(cyc_bus_read(bus, &frame, got, sizeof got, &length, in(bus, LONG_NS), NULL),
                    CYC_OK);
    CU_ASSERT_EQUAL(memcmp(got, all, sizeof all), 0);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, all, sizeof all, in(bus, LONG_NS), NULL), CYC_OK);
    for (size_t done = 0; done < sizeof all;) {
        const ssize_t count = read(pty.master, got + done, sizeof all - done);
        CU_ASSERT_FATAL(count > 0);
        done += (size_t)count;
    }
    CU_ASSERT_EQUAL(memcmp(got, all, sizeof all), 0);
    cyc_bus_close(bus);
    (void)close(pty.master);
}

/* A pseudo-terminal refuses parity and 7 bits, and carries bytes all the same. */
static void a_terminal_takes_settings_that_it_cannot_emulate(void)
{
    struct cyc_bus_settings settings = cyc_bus_settings_default();
    settings.parity = CYC_PARITY_EVEN;
    settings.data_bits = 7;
    settings.stop_bits = 2;
    settings.flow = CYC_FLOW_XON_XOFF;
    settings.baud = 76800;
    const struct far_pty pty = far_pty();
    struct cyc_bus *bus = NULL;
    char line[16];
    CU_ASSERT_EQUAL_FATAL(cyc_bus_open(pty.device, &settings, &bus, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "\xE9!\n", 3, in(bus, LONG_NS), NULL), CYC_OK);
    CU_ASSERT_EQUAL(far_read_line(pty.master, line, sizeof line), 3);
    CYC_SAME(line, "\xE9!\n");
    cyc_bus_close(bus);
    (void)close(pty.master);
}

/* ---- Bad company --------------------------------------------------------------------------------
 */

static void hanging_up_is_seen_in_every_state(void)
{
    char reply[64];
    static char much[1 << 17];
    for (int state = 0; state < 5; state++) {
        const struct far_pty pty = far_pty();
        struct cyc_bus *const bus = open_bus(pty.device);
        far_in_step(bus);
        if (state == 4) { /* half an answer waits */
            far_write(pty.master, "12");
        }
        (void)close(pty.master);
        const int64_t used_ns = processor_ns();
        int status = CYC_OK;
        switch (state) {
        case 0:
            status = far_ask(bus, "Q\n", reply, LONG_NS);
            break;
        case 1:
            status = cyc_bus_drain(bus, SHORT_NS, in(bus, LONG_NS), NULL);
            break;
        case 2:
            status = cyc_bus_write(bus, "Q\n", 2, in(bus, LONG_NS), NULL);
            break;
        case 3:
            status = cyc_bus_write(bus, much, sizeof much, in(bus, LONG_NS), NULL);
            break;
        default:
            status = read_line(bus, reply, LONG_NS);
            break;
        }
        CU_ASSERT_EQUAL(status, CYC_E_LOST);
        CU_ASSERT(processor_ns() - used_ns < BUSY_NS);
        CU_ASSERT_EQUAL(read_line(bus, reply, LONG_NS), CYC_E_LOST);
        cyc_bus_close(bus);
    }
}

static void hang_up_after_a_question(int fd)
{
    char line[64];
    (void)far_read_line(fd, line, sizeof line);
    far_write(fd, "half an ans");
    (void)close(fd);
}

static void hanging_up_while_an_answer_is_awaited_is_seen_at_once(void)
{
    char reply[64];
    const struct far_pty pty = far_pty();
    struct far_thread thread;
    struct cyc_bus *const bus = open_bus(pty.device);
    far_in_step(bus);
    far_start(&thread, pty.master, hang_up_after_a_question);
    CU_ASSERT_EQUAL(far_ask(bus, "Q\n", reply, LONG_NS), CYC_E_LOST);
    far_join(&thread);
    cyc_bus_close(bus);
}

static void a_mute_far_end_costs_no_processor_time(void)
{
    char reply[64];
    const struct far_pty pty = far_pty();
    struct cyc_bus *const bus = open_bus(pty.device);
    far_in_step(bus);
    const int64_t used_ns = processor_ns();
    const int64_t deadline_ns = in(bus, SHORT_NS);
    CU_ASSERT_EQUAL(far_ask(bus, "Q\n", reply, SHORT_NS), CYC_E_TIMEOUT);
    CU_ASSERT(cyc_bus_now_ns(bus) >= deadline_ns);
    CU_ASSERT(processor_ns() - used_ns < BUSY_NS);
    cyc_bus_close(bus);
    (void)close(pty.master);
}

/* Nobody reads what we write, and the kernel's buffer is full. */
static void a_write_that_nobody_takes_ends_by_its_deadline(void)
{
    static char much[1 << 20];
    struct cyc_err err = {0};
    for (int kind = 0; kind < 2; kind++) {
        char address[64];
        const int listener = far_listen(1, address);
        const struct far_pty pty = far_pty();
        struct cyc_bus *const bus = open_bus(kind == 0 ? pty.device : address);
        const int small = 4096;
        if (kind == 1) {
            (void)setsockopt(cyc_bus_fd(bus), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        }
        far_in_step(bus);
        const int64_t deadline_ns = in(bus, SHORT_NS);
        int status = CYC_OK;
        while (status == CYC_OK) { /* a loopback's buffers are large */
            status = cyc_bus_write(bus, much, sizeof much, deadline_ns, &err);
        }
        CU_ASSERT_EQUAL(status, CYC_E_TIMEOUT);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "bytes could be sent in time"));
        CU_ASSERT_FALSE(cyc_bus_is_in_step(bus)); /* half a command is under way */
        cyc_bus_close(bus);
        (void)close(pty.master);
        (void)close(listener);
    }
}

static void babble_until_hung_up(int fd)
{
    char much[4096];
    memset(much, 'x', sizeof much);
    while (write(fd, much, sizeof much) > 0) {
    }
}

static void one_who_babbles_is_cut_off(void)
{
    char reply[64];
    char address[64];
    struct far_thread thread;
    const int listener = far_listen(1, address);
    (void)signal(SIGPIPE, SIG_IGN);
    struct cyc_bus *const bus = open_bus(address);
    far_in_step(bus);
    const int fd = accept(listener, NULL, NULL);
    far_start(&thread, fd, babble_until_hung_up);
    CU_ASSERT_EQUAL(read_line(bus, reply, LONG_NS), CYC_E_REPLY);
    CU_ASSERT_EQUAL(cyc_bus_drain(bus, CYC_S_NS, in(bus, LONG_NS), NULL), CYC_E_TIMEOUT);
    CU_ASSERT(cyc_bus_counts(bus)->bytes_in < 2000000);
    cyc_bus_close(bus);
    far_join(&thread);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)close(fd);
    (void)close(listener);
}

static void trickle(int fd)
{
    const struct timespec pause = {.tv_nsec = 2 * CYC_MS_NS};
    for (int i = 0; i < 250; i++) {
        far_write(fd, "x");
        (void)nanosleep(&pause, NULL);
    }
}

static void one_who_trickles_does_not_stretch_the_deadline(void)
{
    char reply[64];
    const struct far_pty pty = far_pty();
    struct far_thread thread;
    struct cyc_bus *const bus = open_bus(pty.device);
    far_start(&thread, pty.master, trickle);
    CU_ASSERT_EQUAL(read_line(bus, reply, SHORT_NS), CYC_E_TIMEOUT);
    CU_ASSERT(cyc_bus_counts(bus)->bytes_in < 250); /* it did not wait for all of them */
    far_join(&thread);
    cyc_bus_close(bus);
    (void)close(pty.master);
}

static void nothing(int number)
{
    (void)number;
}

static void signals_do_not_end_a_call(void)
{
    char reply[64];
    const struct far_pty pty = far_pty();
    struct sigaction before;
    const struct sigaction action = {.sa_handler = nothing}; /* without SA_RESTART */
    const struct itimerval often = {{0, 2000}, {0, 2000}};
    const struct itimerval never = {0};
    struct cyc_bus_settings settings = cyc_bus_settings_default();
    struct cyc_bus *bus = NULL;
    settings.byte_gap_ns = 10 * CYC_MS_NS;
    CU_ASSERT_EQUAL_FATAL(cyc_bus_open(pty.device, &settings, &bus, NULL), CYC_OK);
    far_in_step(bus);
    (void)sigaction(SIGALRM, &action, &before);
    (void)setitimer(ITIMER_REAL, &often, NULL);
    const int64_t from_ns = cyc_bus_now_ns(bus);
    CU_ASSERT_EQUAL(far_ask(bus, "Q1234\n", reply, SHORT_NS), CYC_E_TIMEOUT);
    CU_ASSERT(cyc_bus_now_ns(bus) >= from_ns + SHORT_NS);
    (void)setitimer(ITIMER_REAL, &never, NULL);
    (void)sigaction(SIGALRM, &before, NULL);
    CU_ASSERT_EQUAL(cyc_bus_counts(bus)->bytes_out, 6);
    cyc_bus_close(bus);
    (void)close(pty.master);
}

/* ---- Locks --------------------------------------------------------------------------------------
 */

static void a_port_in_use_is_refused_and_its_holder_named(void)
{
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    const struct far_pty pty = far_pty();
    struct cyc_bus *bus = open_bus(pty.device);
    struct cyc_bus *second = NULL;
    struct cyc_err err = {0};
    char expected[160];
    (void)snprintf(expected, sizeof expected, "the port %s is in use by test_device (process %d)",
                   pty.device, (int)getpid());
    CU_ASSERT_EQUAL(cyc_bus_open(pty.device, &settings, &second, &err), CYC_E_BUSY);
    if (strncmp(program_invocation_short_name, "test_device", 12) == 0) {
        CYC_SAME(err.text, expected);
    }
    const pid_t child = fork();
    if (child == 0) { /* a process of its own, with descriptors of its own */
        (void)close(cyc_bus_fd(bus));
        _exit(cyc_bus_open(pty.device, &settings, &second, NULL) == CYC_E_BUSY ? 0 : 1);
    }
    int result = -1;
    CU_ASSERT_EQUAL(waitpid(child, &result, 0), child);
    CU_ASSERT_EQUAL(result, 0);
    cyc_bus_close(bus);
    bus = open_bus(pty.device); /* free again */
    cyc_bus_close(bus);
    (void)close(pty.master);
}

static void a_duplicate_holds_the_lock_and_can_be_taken_over(void)
{
    char line[16];
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    const struct far_pty pty = far_pty();
    struct cyc_bus *bus = open_bus(pty.device);
    struct cyc_bus *second = NULL;
    const int fd = dup(cyc_bus_fd(bus));
    cyc_bus_close(bus);
    CU_ASSERT_EQUAL(cyc_bus_open(pty.device, &settings, &second, NULL), CYC_E_BUSY);
    CU_ASSERT_EQUAL_FATAL(cyc_bus_adopt(fd, &settings, &bus, NULL), CYC_OK);
    CYC_SAME(cyc_bus_address(bus), pty.device);
    CU_ASSERT_EQUAL(cyc_bus_fd(bus), fd);
    CU_ASSERT_FALSE(cyc_bus_is_in_step(bus));
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "OFF\n", 4, in(bus, LONG_NS), NULL), CYC_OK);
    CU_ASSERT_EQUAL(far_read_line(pty.master, line, sizeof line), 4);
    cyc_bus_close(bus);
    bus = open_bus(pty.device);
    cyc_bus_close(bus);
    CU_ASSERT_EQUAL(cyc_bus_adopt(fd, &settings, &bus, NULL), CYC_E_IO); /* it is closed */
    (void)close(pty.master);
}

/* The lock is on its way between two processes: nobody has it, least of all who asks. */
static void who_asks_is_not_named_as_the_holder(void)
{
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    const struct far_pty pty = far_pty();
    const struct cyc_message message = {0};
    struct cyc_bus *bus = NULL;
    struct cyc_err err = {0};
    int ends[2];
    int result = -1;
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        const int status = cyc_bus_open(pty.device, &settings, &bus, NULL);
        _exit(status == CYC_OK &&
                      cyc_message_send(ends[0], &message, cyc_bus_fd(bus), NULL) == CYC_OK
                  ? 0
                  : 1);
    }
    CU_ASSERT_EQUAL(waitpid(child, &result, 0), child);
    CU_ASSERT_EQUAL(result, 0);
    CU_ASSERT_EQUAL(cyc_bus_open(pty.device, &settings, &bus, &err), CYC_E_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is in use by another program"));
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)close(pty.master);
}

static void what_is_no_port_is_refused_with_its_reason(void)
{
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    static const struct {
        const char *address;
        int status;
        const char *text;
    } rows[] = {
        {"/dev/no-such-port", CYC_E_FILE, "there is no port '/dev/no-such-port'"},
        {"/dev/null", CYC_E_FILE, "/dev/null is no serial port"},
        {"/tmp", CYC_E_FILE, "cannot open the port /tmp: Is a directory"},
        {"tcp:127.0.0.1", CYC_E_INPUT, "'tcp:127.0.0.1' is no TCP address: it is written"},
        {"tcp:127.0.0.1:", CYC_E_INPUT, "is no TCP address"},
        {"tcp:127.0.0.1:0", CYC_E_INPUT, "is no TCP address"},
        {"tcp:127.0.0.1:65536", CYC_E_INPUT, "is no TCP address"},
        {"tcp:127.0.0.1:-5", CYC_E_INPUT, "is no TCP address"},
        {"tcp::5025", CYC_E_INPUT, "is no TCP address"},
        {"tcp:127.0.0.1:1", CYC_E_LOST, "nobody answers at tcp:127.0.0.1:1: Connection refused"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cyc_bus *bus = NULL;
        struct cyc_err err = {0};
        CU_ASSERT_EQUAL(cyc_bus_open(rows[i].address, &settings, &bus, &err), rows[i].status);
        if (strstr(err.text, rows[i].text) == NULL) {
            CYC_SAME(err.text, rows[i].text);
        }
        CU_ASSERT_PTR_NULL(bus);
    }
}

/* ---- TCP ----------------------------------------------------------------------------------------
 */

static void an_instrument_on_tcp_is_spoken_to(void)
{
    char address[64];
    const int listener = far_listen(1, address);
    struct cyc_bus *const bus = open_bus(address);
    const int fd = accept(listener, NULL, NULL);
    struct far_thread thread;
    far_start(&thread, fd, answer_lines);
    talk(bus, 20);
    cyc_bus_close(bus);
    far_join(&thread);
    (void)close(fd);
    (void)close(listener);
}

static void a_host_is_found_by_its_name(void)
{
    char address[64];
    char named[64];
    const int listener = far_listen(1, address);
    struct addrinfo *found = NULL; /* a machine without /etc/hosts knows no names */
    const bool known = getaddrinfo("localhost", NULL, NULL, &found) == 0;
    if (known) {
        freeaddrinfo(found);
    }
    (void)snprintf(named, sizeof named, "tcp:%s%s", known ? "localhost" : "127.0.0.1",
                   strrchr(address, ':'));
    struct cyc_bus *const bus = open_bus(named);
    cyc_bus_close(bus);
    (void)close(listener);
}

static void a_peer_that_closes_is_lost_after_its_last_word(void)
{
    char reply[64];
    char address[64];
    const int listener = far_listen(1, address);
    struct cyc_bus *const bus = open_bus(address);
    const int fd = accept(listener, NULL, NULL);
    far_write(fd, "bye\nhalf");
    (void)close(fd);
    CU_ASSERT_EQUAL(read_line(bus, reply, LONG_NS), CYC_OK);
    CYC_SAME(reply, "bye");
    CU_ASSERT_EQUAL(read_line(bus, reply, LONG_NS), CYC_E_LOST);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "x", 1, in(bus, LONG_NS), NULL), CYC_E_LOST);
    cyc_bus_close(bus);
    (void)close(listener);
}

/* A write to a closed connection must not kill the process. */
static void writing_to_a_peer_that_has_gone_gives_lost_and_no_signal(void)
{
    char address[64];
    const int listener = far_listen(1, address);
    struct cyc_bus *const bus = open_bus(address);
    const int fd = accept(listener, NULL, NULL);
    const struct linger at_once = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(fd);
    int status = CYC_OK;
    for (int i = 0; i < 3 && status == CYC_OK; i++) {
        status = cyc_bus_write(bus, "x", 1, in(bus, LONG_NS), NULL);
    }
    CU_ASSERT_EQUAL(status, CYC_E_LOST);
    cyc_bus_close(bus);
    (void)close(listener);
}

/* The listener's queue is full, so that the connection is neither made nor refused. */
static void a_host_that_does_not_answer_costs_a_bounded_time(void)
{
    char address[64];
    const struct cyc_bus_settings settings = cyc_bus_settings_default();
    const int listener = far_listen(0, address);
    struct cyc_bus *buses[4] = {NULL};
    int status = CYC_OK;
    const int64_t used_ns = processor_ns();
    for (size_t i = 0; i < 4 && status == CYC_OK; i++) {
        status = cyc_bus_open(address, &settings, &buses[i], NULL);
    }
    CU_ASSERT_EQUAL(status, CYC_E_TIMEOUT);
    CU_ASSERT(processor_ns() - used_ns < BUSY_NS);
    for (size_t i = 0; i < 4; i++) {
        cyc_bus_close(buses[i]);
    }
    (void)close(listener);
}

const struct cyc_check cyc_check_bus_fd[] = {
    CYC_CHECK(a_pseudo_terminal_is_opened_by_name),
    CYC_CHECK(a_link_is_resolved_at_every_open),
    CYC_CHECK(a_link_older_than_its_terminal_leads_to_nobody),
    CYC_CHECK(bytes_pass_a_terminal_unchanged),
    CYC_CHECK(a_terminal_takes_settings_that_it_cannot_emulate),
    CYC_CHECK(hanging_up_is_seen_in_every_state),
    CYC_CHECK(hanging_up_while_an_answer_is_awaited_is_seen_at_once),
    CYC_CHECK(a_mute_far_end_costs_no_processor_time),
    CYC_CHECK(a_write_that_nobody_takes_ends_by_its_deadline),
    CYC_CHECK(one_who_babbles_is_cut_off),
    CYC_CHECK(one_who_trickles_does_not_stretch_the_deadline),
    CYC_CHECK(signals_do_not_end_a_call),
    CYC_CHECK(a_port_in_use_is_refused_and_its_holder_named),
    CYC_CHECK(a_duplicate_holds_the_lock_and_can_be_taken_over),
    CYC_CHECK(who_asks_is_not_named_as_the_holder),
    CYC_CHECK(what_is_no_port_is_refused_with_its_reason),
    CYC_CHECK(an_instrument_on_tcp_is_spoken_to),
    CYC_CHECK(a_host_is_found_by_its_name),
    CYC_CHECK(a_peer_that_closes_is_lost_after_its_last_word),
    CYC_CHECK(writing_to_a_peer_that_has_gone_gives_lost_and_no_signal),
    CYC_CHECK(a_host_that_does_not_answer_costs_a_bounded_time),
    {0},
};
