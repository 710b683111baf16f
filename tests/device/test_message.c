#include "device/message.h"

#include "check/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct ends {
    int a, b;
};

static struct ends joined(void)
{
    int fds[2] = {-1, -1};
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) == 0);
    return (struct ends){fds[0], fds[1]};
}

static void part(const struct ends *ends)
{
    (void)close(ends->a);
    (void)close(ends->b);
}

static void a_message_arrives_as_it_was_sent(void)
{
    const struct ends ends = joined();
    struct cyc_message sent = {.kind = CYC_MESSAGE_APPLY, .channel = 3, .number = 77};
    sent.as.drive.setpoint.value = 4.5e-3;
    (void)snprintf(sent.text, sizeof sent.text, "hello");
    CU_ASSERT_EQUAL(cyc_message_send(ends.a, &sent, -1, NULL), CYC_OK);
    struct cyc_message got = {0};
    CU_ASSERT_EQUAL(cyc_message_receive(ends.b, &got, NULL, NULL), CYC_OK);
    CU_ASSERT_EQUAL(memcmp(&sent, &got, sizeof sent), 0);
    part(&ends);
}

static void an_empty_socket_is_a_timeout_and_a_closed_one_is_lost(void)
{
    const struct ends ends = joined();
    struct cyc_message got = {0};
    CU_ASSERT_EQUAL(cyc_message_receive(ends.b, &got, NULL, NULL), CYC_E_TIMEOUT);
    (void)close(ends.a);
    CU_ASSERT_EQUAL(cyc_message_receive(ends.b, &got, NULL, NULL), CYC_E_LOST);
    CU_ASSERT_EQUAL(cyc_message_send(ends.b, &got, -1, NULL), CYC_E_LOST);
    (void)close(ends.b);
}

static void a_peer_that_does_not_read_is_a_bound_and_never_a_wait(void)
{
    const struct ends ends = joined();
    const struct cyc_message message = {.kind = CYC_MESSAGE_READING};
    int status = CYC_OK;
    for (int i = 0; i < 100000 && status == CYC_OK; i++) {
        status = cyc_message_send(ends.a, &message, -1, NULL);
    }
    CU_ASSERT_EQUAL(status, CYC_E_BOUND);
    part(&ends);
}

static void several_messages_arrive_in_order_as_far_as_the_peer_takes_them(void)
{
    const struct ends ends = joined();
    static struct cyc_message batch[CYC_MESSAGE_BATCH];
    static struct cyc_message got[CYC_MESSAGE_BATCH];
    uint64_t sent = 0;
    for (bool taken = true; taken; sent += taken ? CYC_MESSAGE_BATCH : 0) {
        for (unsigned i = 0; i < CYC_MESSAGE_BATCH; i++) {
            batch[i] = (struct cyc_message){.kind = CYC_MESSAGE_READING, .number = sent + i};
        }
        taken = cyc_message_send_many(ends.a, batch, CYC_MESSAGE_BATCH);
    }
    CU_ASSERT(sent > 0);
    uint64_t received = 0;
    unsigned count = 0;
    while (cyc_message_receive_many(ends.b, got, &count, NULL) == CYC_OK) {
        for (unsigned i = 0; i < count && got[i].number == received; i++) {
            received++;
        }
    }
    CU_ASSERT_EQUAL(received, sent);
    CU_ASSERT_TRUE(cyc_message_send_many(ends.a, batch, 2));
    CU_ASSERT_TRUE(cyc_message_send_many(ends.a, batch, 1));
    CU_ASSERT_EQUAL(cyc_message_send(ends.a, batch, -1, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_message_receive(ends.b, got, NULL, NULL), CYC_E_REPLY); /* two */
    CU_ASSERT_EQUAL(cyc_message_receive(ends.b, got, NULL, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_message_receive_many(ends.b, got, &count, NULL), CYC_OK);
    CU_ASSERT_EQUAL(count, 1);
    CU_ASSERT_EQUAL(cyc_message_receive_many(ends.b, got, &count, NULL), CYC_E_TIMEOUT);
    (void)close(ends.b);
    CU_ASSERT_FALSE(cyc_message_send_many(ends.a, batch, 2));
    CU_ASSERT_EQUAL(cyc_message_receive_many(ends.a, got, &count, NULL), CYC_E_LOST);
    (void)close(ends.a);
}

static void a_message_of_another_size_is_refused(void)
{
    const struct ends ends = joined();
    static const char bytes[sizeof(struct cyc_message) + 8];
    struct cyc_message got;
    CU_ASSERT(send(ends.a, bytes, 12, 0) == 12);
    CU_ASSERT_EQUAL(cyc_message_receive(ends.b, &got, NULL, NULL), CYC_E_REPLY);
    CU_ASSERT(send(ends.a, bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    CU_ASSERT_EQUAL(cyc_message_receive(ends.b, &got, NULL, NULL), CYC_E_REPLY);
    static const char too_many[(CYC_MESSAGE_BATCH + 1) * sizeof(struct cyc_message)];
    static struct cyc_message many[CYC_MESSAGE_BATCH];
    unsigned count = 1;
    CU_ASSERT(send(ends.a, bytes, 12, 0) == 12);
    CU_ASSERT_EQUAL(cyc_message_receive_many(ends.b, many, &count, NULL), CYC_E_REPLY);
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT(send(ends.a, too_many, sizeof too_many, 0) == (ssize_t)sizeof too_many);
    CU_ASSERT_EQUAL(cyc_message_receive_many(ends.b, many, &count, NULL), CYC_E_REPLY);
    part(&ends);
}

static void a_text_without_an_end_is_ended(void)
{
    const struct ends ends = joined();
    struct cyc_message sent = {.kind = CYC_MESSAGE_EVENT};
    memset(sent.text, 'x', sizeof sent.text);
    CU_ASSERT_EQUAL(cyc_message_send(ends.a, &sent, -1, NULL), CYC_OK);
    struct cyc_message got;
    CU_ASSERT_EQUAL(cyc_message_receive(ends.b, &got, NULL, NULL), CYC_OK);
    CU_ASSERT_EQUAL(strlen(got.text), sizeof got.text - 1);
    part(&ends);
}

static void a_descriptor_comes_along_and_is_closed_where_nobody_wants_it(void)
{
    const struct ends ends = joined();
    int pipe_ends[2] = {-1, -1};
    CU_ASSERT_FATAL(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) == 0);
    const struct cyc_message message = {.kind = CYC_MESSAGE_PORT_OPEN};
    struct cyc_message got;
    int passed = -1;
    CU_ASSERT_EQUAL(cyc_message_send(ends.a, &message, pipe_ends[1], NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_message_receive(ends.b, &got, &passed, NULL), CYC_OK);
    CU_ASSERT(passed >= 0);
    CU_ASSERT(write(passed, "x", 1) == 1);
    (void)close(passed);
    CU_ASSERT_EQUAL(cyc_message_send(ends.a, &message, pipe_ends[1], NULL), CYC_OK);
    (void)close(pipe_ends[1]);
    CU_ASSERT_EQUAL(cyc_message_receive(ends.b, &got, NULL, NULL), CYC_OK);
    char rest[4];
    CU_ASSERT(read(pipe_ends[0], rest, sizeof rest) == 1);
    CU_ASSERT(read(pipe_ends[0], rest, sizeof rest) == 0); /* nobody is left who could write */
    (void)close(pipe_ends[0]);
    part(&ends);
}

static void talk_over_a_socket_in(const char *folder)
{
    int listener = -1;
    int caller = -1;
    int taken = -1;
    CU_ASSERT_EQUAL(cyc_message_connect(folder, "a.sock", &caller, NULL), CYC_E_LOST);
    CU_ASSERT_EQUAL_FATAL(cyc_message_listen(folder, "a.sock", &listener, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_message_accept(listener, &taken, NULL), CYC_E_TIMEOUT);
    CU_ASSERT_EQUAL_FATAL(cyc_message_connect(folder, "a.sock", &caller, NULL), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_message_accept(listener, &taken, NULL), CYC_OK);
    const struct cyc_message message = {.kind = CYC_MESSAGE_LEASE};
    struct cyc_message got = {0};
    CU_ASSERT_EQUAL(cyc_message_send(caller, &message, -1, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_message_receive(taken, &got, NULL, NULL), CYC_OK);
    CU_ASSERT_EQUAL(got.kind, CYC_MESSAGE_LEASE);
    (void)close(caller);
    (void)close(taken);
    (void)close(listener);
}

static void a_socket_is_found_by_name_however_long_its_path(void)
{
    char dir[64] = "/tmp/cyc-message-XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    char deep[320];
    (void)snprintf(deep, sizeof deep, "%s/%0200d", dir, 7);
    CU_ASSERT_FATAL(mkdir(deep, 0700) == 0);
    talk_over_a_socket_in(deep);
    char path[400];
    (void)snprintf(path, sizeof path, "%s/a.sock", deep);
    struct stat entry;
    CU_ASSERT(stat(path, &entry) == 0 && (entry.st_mode & 0777) == 0600);
    (void)unlink(path);
    (void)rmdir(deep);
    (void)rmdir(dir);
}

static void every_kind_of_message_has_a_name(void)
{
    CYC_SAME(cyc_message_name(CYC_MESSAGE_ALIVE), "alive");
    CYC_SAME(cyc_message_name(CYC_MESSAGE_EVENT), "event");
    for (uint32_t kind = CYC_MESSAGE_ALIVE; kind <= CYC_MESSAGE_EVENT; kind++) {
        CU_ASSERT_STRING_NOT_EQUAL(cyc_message_name(kind), "unknown");
    }
    CYC_SAME(cyc_message_name(0), "unknown");
    CYC_SAME(cyc_message_name(99), "unknown");
}

const struct cyc_check cyc_check_message[] = {
    CYC_CHECK(a_message_arrives_as_it_was_sent),
    CYC_CHECK(an_empty_socket_is_a_timeout_and_a_closed_one_is_lost),
    CYC_CHECK(a_peer_that_does_not_read_is_a_bound_and_never_a_wait),
    CYC_CHECK(several_messages_arrive_in_order_as_far_as_the_peer_takes_them),
    CYC_CHECK(a_message_of_another_size_is_refused),
    CYC_CHECK(a_text_without_an_end_is_ended),
    CYC_CHECK(a_descriptor_comes_along_and_is_closed_where_nobody_wants_it),
    CYC_CHECK(a_socket_is_found_by_name_however_long_its_path),
    CYC_CHECK(every_kind_of_message_has_a_name),
    {0},
};
