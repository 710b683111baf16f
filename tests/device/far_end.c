#include "device/far_end.h"

#include "check/check.h"
#include "core/types.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const struct cyc_frame far_line = {.kind = CYC_FRAME_LINE, .terminator = "\n"};

/* ---- In memory ----------------------------------------------------------------------------------
 */

void far_init(struct far_end *far)
{
    memset(far, 0, sizeof *far);
    far->lost_from_ns = INT64_MAX;
    far->now_ns = FAR_START_NS;
}

void far_say_bytes(struct far_end *far, int64_t t_ns, const void *bytes, size_t size)
{
    CU_ASSERT_FATAL(far->piece_count < FAR_PIECES_MAX);
    CU_ASSERT_FATAL(far->said_count + size <= FAR_BYTES_MAX);
    far->pieces[far->piece_count++] = (struct far_piece){t_ns, far->said_count, size};
    memcpy(far->said + far->said_count, bytes, size);
    far->said_count += size;
}

void far_say(struct far_end *far, int64_t t_ns, const char *text)
{
    far_say_bytes(far, t_ns, text, strlen(text));
}

void far_answer_number(struct far_end *far, int64_t now_ns, const char *line)
{
    char answer[64];
    if (far->piece_at == far->piece_count) { /* all said: begin anew */
        far->piece_at = far->piece_count = far->said_count = 0;
    }
    (void)snprintf(answer, sizeof answer, "A%s\n", line + 1);
    far_say(far, now_ns + CYC_MS_NS, answer);
}

static void receive(void *context, int64_t now_ns, const uint8_t *bytes, size_t size)
{
    struct far_end *const far = context;
    for (size_t i = 0; i < size; i++) {
        if (far->heard_count == FAR_BYTES_MAX) { /* only the line that has begun is kept */
            far->heard_count -= far->line_start;
            memmove(far->heard, far->heard + far->line_start, far->heard_count);
            far->line_start = 0;
        }
        far->heard_ns[far->heard_count] = now_ns;
        far->heard[far->heard_count++] = bytes[i];
        if (bytes[i] == '\n') {
            char line[256] = "";
            const size_t length = far->heard_count - 1 - far->line_start;
            CU_ASSERT_FATAL(length < sizeof line);
            memcpy(line, far->heard + far->line_start, length);
            far->line_start = far->heard_count;
            if (far->answer != NULL) {
                far->answer(far, now_ns, line);
            }
        }
    }
}

static size_t babble(struct far_end *far, uint8_t *bytes, size_t size)
{
    size_t count = 0;
    for (; count < size && far->babbled_ns + far->babble_ns <= far->now_ns; count++) {
        bytes[count] = 'x';
        far->babbled_ns += far->babble_ns;
    }
    return count;
}

static size_t deliver(void *context, int64_t now_ns, uint8_t *bytes, size_t size)
{
    struct far_end *const far = context;
    far->now_ns = now_ns;
    if (far->babble_ns > 0) {
        return babble(far, bytes, size);
    }
    if (far->piece_at == far->piece_count || far->pieces[far->piece_at].t_ns > now_ns) {
        return 0;
    }
    const struct far_piece *const piece = &far->pieces[far->piece_at];
    const size_t left = piece->size - far->piece_done;
    const size_t count = left < size ? left : size;
    memcpy(bytes, far->said + piece->start + far->piece_done, count);
    far->piece_done += count;
    if (far->piece_done == piece->size) {
        far->piece_at++;
        far->piece_done = 0;
    }
    return count;
}

static int64_t next_ns(void *context)
{
    const struct far_end *const far = context;
    int64_t t_ns = far->lost_from_ns;
    if (far->babble_ns > 0) {
        t_ns = far->babbled_ns + far->babble_ns;
    } else if (far->piece_at < far->piece_count && far->pieces[far->piece_at].t_ns < t_ns) {
        t_ns = far->pieces[far->piece_at].t_ns;
    }
    return t_ns;
}

static bool is_lost(void *context)
{
    const struct far_end *const far = context;
    return far->now_ns >= far->lost_from_ns;
}

struct cyc_bus *far_open(struct far_end *far, const struct cyc_bus_settings *settings)
{
    const struct cyc_bus_peer peer = {far, receive, deliver, next_ns, is_lost};
    const struct cyc_bus_settings plain = cyc_bus_settings_default();
    struct cyc_bus *bus = NULL;
    CU_ASSERT_FATAL(cyc_bus_open_memory(&peer, settings != NULL ? settings : &plain, FAR_START_NS,
                                        &bus, NULL) == CYC_OK);
    return bus;
}

struct cyc_bus *far_open_in_step(struct far_end *far)
{
    struct cyc_bus *const bus = far_open(far, NULL);
    far_in_step(bus);
    return bus;
}

void far_in_step(struct cyc_bus *bus)
{
    CU_ASSERT_EQUAL(cyc_bus_drain(bus, 0, INT64_MAX, NULL), CYC_OK);
    cyc_bus_in_step(bus);
    CU_ASSERT(cyc_bus_is_in_step(bus));
}

/* ---- Descriptors --------------------------------------------------------------------------------
 */

struct far_pty far_pty(void)
{
    struct far_pty pty = {.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    CU_ASSERT_FATAL(pty.master >= 0);
    CU_ASSERT_FATAL(grantpt(pty.master) == 0 && unlockpt(pty.master) == 0);
    CU_ASSERT_FATAL(ptsname_r(pty.master, pty.device, sizeof pty.device) == 0);
    return pty;
}

int far_listen(int backlog, char address[64])
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    CU_ASSERT_FATAL(fd >= 0 && bind(fd, (const struct sockaddr *)&here, size) == 0);
    CU_ASSERT_FATAL(listen(fd, backlog) == 0);
    CU_ASSERT_FATAL(getsockname(fd, (struct sockaddr *)&here, &size) == 0);
    (void)snprintf(address, 64, "tcp:127.0.0.1:%d", ntohs(here.sin_port));
    return fd;
}

static void *run_thread(void *context)
{
    const struct far_thread *const thread = context;
    thread->run(thread->fd);
    return NULL;
}

void far_start(struct far_thread *thread, int fd, void (*run)(int fd))
{
    thread->fd = fd;
    thread->run = run;
    CU_ASSERT_FATAL(pthread_create(&thread->thread, NULL, run_thread, thread) == 0);
}

void far_join(struct far_thread *thread)
{
    CU_ASSERT_FATAL(pthread_join(thread->thread, NULL) == 0);
}

size_t far_read_line(int fd, char *line, size_t size)
{
    size_t count = 0;
    while (count + 1 < size) {
        const ssize_t got = read(fd, line + count, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return 0;
        }
        if (line[count++] == '\n') {
            break;
        }
    }
    line[count] = '\0';
    return count;
}

void far_write(int fd, const char *text)
{
    const size_t size = strlen(text);
    size_t done = 0;
    while (done < size) {
        const ssize_t put = write(fd, text + done, size - done);
        if (put < 0 && errno != EINTR) {
            return;
        }
        done += put > 0 ? (size_t)put : 0;
    }
}

int far_ask(struct cyc_bus *bus, const char *question, char reply[64], int64_t within_ns)
{
    size_t length = 0;
    reply[0] = '\0';
    return cyc_bus_exchange(bus, question, strlen(question), &far_line, reply, 64, &length,
                            cyc_bus_now_ns(bus) + within_ns, NULL, NULL);
}
