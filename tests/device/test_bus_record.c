/* Exchange files: what is recorded can be replayed, and a replay insists on every byte. */
#include "device/far_end.h"

#include "check/check.h"
#include "core/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct far_end far; /* large */

struct folder {
    char path[64], file[96];
};

static struct folder folder(void)
{
    struct folder made;
    (void)cyc_copy(made.path, sizeof made.path, "/tmp/cyc-record-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(made.path));
    (void)snprintf(made.file, sizeof made.file, "%s/exchange.txt", made.path);
    return made;
}

static void drop(const struct folder *made)
{
    (void)unlink(made->file);
    CU_ASSERT_EQUAL(rmdir(made->path), 0);
}

static void put(const struct folder *made, const char *text)
{
    FILE *const file = fopen(made->file, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(text, file);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static void get(const struct folder *made, char *text, size_t size)
{
    FILE *const file = fopen(made->file, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    (void)fclose(file);
}

static struct cyc_bus *replay(const struct folder *made)
{
    struct cyc_bus *bus = NULL;
    CU_ASSERT_FATAL(cyc_bus_open_replay(made->file, &bus, NULL) == CYC_OK);
    far_in_step(bus);
    return bus;
}

static const struct cyc_frame four = {.kind = CYC_FRAME_BYTES, .size = 4};

static void talk(struct cyc_bus *bus)
{
    char reply[64];
    size_t length = 0;
    CU_ASSERT_EQUAL(far_ask(bus, "Q \"1\\\"\n", reply, CYC_S_NS), CYC_OK);
    CYC_SAME(reply, "A \"1\\\"");
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "\x05\xFA\0", 3, INT64_MAX, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_read(bus, &four, reply, sizeof reply, &length, INT64_MAX, NULL),
                    CYC_OK);
    CU_ASSERT_EQUAL(memcmp(reply, "\x80\0\n\xFF", 4), 0);
    CU_ASSERT_EQUAL(far_ask(bus, "\t\r\n", reply, 10 * CYC_MS_NS), CYC_E_TIMEOUT);
    CU_ASSERT_EQUAL(cyc_bus_drain(bus, CYC_MS_NS, INT64_MAX, NULL), CYC_OK);
    cyc_bus_in_step(bus);
    CU_ASSERT_EQUAL(far_ask(bus, "Q2\n", reply, CYC_S_NS), CYC_OK);
}

static void answer(struct far_end *end, int64_t now_ns, const char *line)
{
    if (line[0] == 'Q') {
        far_answer_number(end, now_ns, line);
    }
}

static void what_was_recorded_can_be_replayed(void)
{
    char text[1024];
    const struct folder made = folder();
    far_init(&far);
    far.answer = answer;
    struct cyc_bus *const bus = far_open_in_step(&far);
    CU_ASSERT_EQUAL(cyc_bus_record(bus, made.file, NULL), CYC_OK);
    far_say_bytes(&far, FAR_START_NS + 1, "", 0);
    /* the binary answer comes behind the first one */
    char reply[64];
    size_t length = 0;
    CU_ASSERT_EQUAL(far_ask(bus, "Q \"1\\\"\n", reply, CYC_S_NS), CYC_OK);
    far_say_bytes(&far, cyc_bus_now_ns(bus) + CYC_MS_NS, "\x80\0\n\xFF", 4);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "\x05\xFA\0", 3, INT64_MAX, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_read(bus, &four, reply, sizeof reply, &length, INT64_MAX, NULL),
                    CYC_OK);
    far.line_start = far.heard_count;
    CU_ASSERT_EQUAL(far_ask(bus, "\t\r\n", reply, 10 * CYC_MS_NS), CYC_E_TIMEOUT);
    far_in_step(bus);
    CU_ASSERT_EQUAL(far_ask(bus, "Q2\n", reply, CYC_S_NS), CYC_OK);
    cyc_bus_close(bus);
    get(&made, text, sizeof text);
    CYC_SAME(text, "# memory\n"
                   "> \"Q \\\"1\\\\\\\"\\n\"\n"
                   "< \"A \\\"1\\\\\\\"\\n\"\n"
                   "> 05 FA 00\n"
                   "< 80 00 0A FF\n"
                   "> \"\\t\\r\\n\"\n"
                   "# no reply in time\n"
                   "> \"Q2\\n\"\n"
                   "< \"A2\\n\"\n");
    struct cyc_bus *const again = replay(&made);
    talk(again);
    CU_ASSERT_EQUAL(cyc_bus_replay_line(again), 0);
    cyc_bus_close(again);
    drop(&made);
}

static void a_replay_insists_on_what_is_sent(void)
{
    char reply[64];
    size_t length = 0;
    struct cyc_err err = {0};
    const struct folder made = folder();
    put(&made, "# an instrument\n\n> \"*IDN?\\n\"\n< \"A,B,C,D\\n\"\n= model B\n> 01 02\n");
    struct cyc_bus *bus = replay(&made);
    CU_ASSERT_EQUAL(cyc_bus_replay_line(bus), 3);
    CU_ASSERT_EQUAL(cyc_bus_exchange(bus, "*RST\n", 5, &far_line, reply, sizeof reply, &length,
                                     INT64_MAX, NULL, &err),
                    CYC_E_REPLY);
    const char *const tail = strstr(err.text, "exchange.txt:3: ");
    CYC_SAME(tail != NULL ? tail : err.text,
             "exchange.txt:3: sent \"*RST\\n\", but \"*IDN?\\n\" is to be sent there");
    CU_ASSERT_EQUAL(far_ask(bus, "*IDN?\n", reply, CYC_S_NS), CYC_E_LOST); /* it stays failed */
    cyc_bus_close(bus);

    bus = replay(&made);
    CU_ASSERT_EQUAL(far_ask(bus, "*IDN?\n", reply, CYC_S_NS), CYC_OK);
    CYC_SAME(reply, "A,B,C,D");
    CU_ASSERT_EQUAL(cyc_bus_replay_line(bus), 6);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "\1", 1, INT64_MAX, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_replay_line(bus), 6);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "\2", 1, INT64_MAX, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_replay_line(bus), 0);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "\3", 1, INT64_MAX, &err), CYC_E_REPLY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "sent 03, but nothing is to be sent there"));
    cyc_bus_close(bus);
    drop(&made);
}

static void two_received_lines_are_two_transfers(void)
{
    char reply[64];
    const struct folder made = folder();
    put(&made, "> \"Q\\n\"\n< \"1\\n\"\n< \"2\\n\"\n> \"Q\\n\"\n< \"3\\n\"\n");
    struct cyc_bus *const bus = replay(&made);
    CU_ASSERT_EQUAL(far_ask(bus, "Q\n", reply, CYC_S_NS), CYC_OK);
    CYC_SAME(reply, "1");
    cyc_bus_advance(bus, cyc_bus_now_ns(bus) + 10 * CYC_MS_NS);
    CU_ASSERT_EQUAL(far_ask(bus, "Q\n", reply, CYC_S_NS), CYC_E_REPLY); /* "2" was waiting */
    cyc_bus_close(bus);
    drop(&made);
}

static void a_line_of_an_exchange_file_that_cannot_be_read_is_shown(void)
{
    static const char *const broken[] = {"* \"x\"\n",    "> \"x\n", "> x\n",    "> \"\\q\"\n",
                                         "> \"\\x4\"\n", "> 0\n",   "> 0G\n",   "> \"x\" more\n",
                                         "<\n",          ">\n",     "> \"\"\n", "> \"\\"};
    const struct folder made = folder();
    char text[64];
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct cyc_bus *bus = NULL;
        struct cyc_err err = {0};
        (void)snprintf(text, sizeof text, "# one\n%s", broken[i]);
        put(&made, text);
        CU_ASSERT_EQUAL(cyc_bus_open_replay(made.file, &bus, &err), CYC_E_SYNTAX);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "exchange.txt:2: a line is "));
    }
    drop(&made);
    struct cyc_bus *bus = NULL;
    CU_ASSERT_EQUAL(cyc_bus_open_replay(made.file, &bus, NULL), CYC_E_FILE);
}

static void every_escape_is_read(void)
{
    const struct folder made = folder();
    put(&made, "> \"\\x41\\0\\t\\\\\"  \r\n>\t41 0a0B \n");
    struct cyc_bus *const bus = replay(&made);
    CU_ASSERT_EQUAL(cyc_bus_write(bus, "A\0\t\\A\n\v", 7, INT64_MAX, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_replay_line(bus), 0);
    cyc_bus_close(bus);
    drop(&made);
}

static void a_recording_that_cannot_be_written_does_not_stop_the_bus(void)
{
    char reply[64];
    far_init(&far);
    far.answer = far_answer_number;
    struct cyc_bus *const bus = far_open_in_step(&far);
    CU_ASSERT_EQUAL(cyc_bus_record(bus, "/dev/full", NULL), CYC_OK);
    CU_ASSERT_EQUAL(far_ask(bus, "Q1\n", reply, CYC_S_NS), CYC_OK);
    CU_ASSERT_EQUAL(far_ask(bus, "Q2\n", reply, CYC_S_NS), CYC_OK);
    CU_ASSERT_EQUAL(cyc_bus_record(bus, "/nowhere/at/all", NULL), CYC_E_FILE);
    cyc_bus_close(bus);
}

const struct cyc_check cyc_check_bus_record[] = {
    CYC_CHECK(what_was_recorded_can_be_replayed),
    CYC_CHECK(a_replay_insists_on_what_is_sent),
    CYC_CHECK(two_received_lines_are_two_transfers),
    CYC_CHECK(a_line_of_an_exchange_file_that_cannot_be_read_is_shown),
    CYC_CHECK(every_escape_is_read),
    CYC_CHECK(a_recording_that_cannot_be_written_does_not_stop_the_bus),
    {0},
};
