/* A process in the place of `cyclostat source`: does what the path of its protocol says.
 *
 * Some do harm from outside the sandbox (garbage, silence, death), for the parent; the others enter
 * it first and then do in C what a defect of the interpreter might do. */
#include "run/source_int.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD 3

static char start[CYC_SOURCE_START_MAX];

static void read_all(void *bytes, size_t size)
{
    unsigned char *at = bytes;
    while (size > 0) {
        const ssize_t got = read(FD, at, size);
        if (got <= 0) {
            _exit(0);
        }
        at += got;
        size -= (size_t)got;
    }
}

static void write_all(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    while (size > 0) {
        const ssize_t put = write(FD, at, size);
        if (put <= 0) {
            _exit(0);
        }
        at += put;
        size -= (size_t)put;
    }
}

static struct cyc_source_head head_of(size_t size)
{
    return (struct cyc_source_head){
        .layout = cyc_source_layout(), .kind = CYC_SOURCE_ANSWER, .size = (uint32_t)size};
}

static struct cyc_source_reply reply;

static void send_reply(size_t beside)
{
    const struct cyc_source_head head = head_of(sizeof reply + beside);
    write_all(&head, sizeof head);
    write_all(&reply, sizeof reply);
}

/* ---- Answers that no source gives -------------------------------------------------------------
 */

static void wrong_layout(void)
{
    struct cyc_source_head head = head_of(sizeof reply);
    head.layout ^= 1;
    write_all(&head, sizeof head);
}

static void wrong_kind(void)
{
    struct cyc_source_head head = head_of(sizeof reply);
    head.kind = CYC_SOURCE_ASK;
    write_all(&head, sizeof head);
}

static void size_of_gigabytes(void)
{
    struct cyc_source_head head = head_of(0);
    head.size = UINT32_MAX;
    write_all(&head, sizeof head);
}

static void size_too_small(void)
{
    const struct cyc_source_head head = head_of(8);
    write_all(&head, sizeof head);
    write_all(&reply, 8);
}

static void noise(void)
{
    unsigned char bytes[4096];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 131 + 7);
    }
    write_all(bytes, sizeof bytes);
}

static void half_an_answer(void)
{
    const struct cyc_source_head head = head_of(sizeof reply);
    write_all(&head, sizeof head);
    write_all(&reply, sizeof reply / 2);
}

static void kind_of_item(void)
{
    reply.kind = 77;
    send_reply(0);
}

static void segments_that_are_not_there(void)
{
    reply.segment_count = 200;
    send_reply(0);
}

static void segments_beyond_counting(void)
{
    reply.segment_count = UINT32_MAX;
    send_reply(0);
}

static void bytes_too_many(void)
{
    send_reply(8);
    write_all("12345678", 8);
}

static void operations_beyond_the_list(void)
{
    reply.step.op_count = 60000;
    send_reply(0);
}

static void cutoffs_beyond_the_list(void)
{
    reply.step.cutoff_count = 255;
    send_reply(0);
}

static void limits_beyond_the_list(void)
{
    reply.step.limit_count = 200;
    send_reply(0);
}

static void condition_beyond_the_operations(void)
{
    reply.step.cutoff_count = 1;
    reply.step.op_count = 3;
    reply.step.cutoffs[0].when = (struct cyc_condition){.first = 2, .count = 9};
    send_reply(0);
}

static void operation_that_does_not_exist(void)
{
    reply.step.op_count = 1;
    reply.step.ops[0].code = 200;
    send_reply(0);
}

static void entry_that_does_not_exist(void)
{
    reply.step.cutoff_count = 1;
    reply.step.cutoffs[0].entry = (enum cyc_entry)50;
    send_reply(0);
}

static void mode_that_does_not_exist(void)
{
    reply.step.mode = (enum cyc_mode)99;
    send_reply(0);
}

static void interruption_that_does_not_exist(void)
{
    reply.step.after_interruption = (enum cyc_interruption)9;
    send_reply(0);
}

static void name_without_end(void)
{
    memset(reply.step.name, 'x', sizeof reply.step.name);
    send_reply(0);
}

static void text_without_end(void)
{
    memset(reply.text, 'x', sizeof reply.text);
    send_reply(0);
}

static void truth_of_seven(void)
{
    memset(&reply.step.charging, 7, 1);
    send_reply(0);
}

static void nan_as_setpoint(void)
{
    const struct cyc_segment segment = {.control = CYC_CONTROL_CURRENT, .value = NAN};
    reply.segment_count = 1;
    send_reply(sizeof segment);
    write_all(&segment, sizeof segment);
}

static void control_that_does_not_exist(void)
{
    const struct cyc_segment segment = {.control = (enum cyc_control)31};
    reply.segment_count = 1;
    send_reply(sizeof segment);
    write_all(&segment, sizeof segment);
}

static void expectation_outside_its_texts(void)
{
    const struct cyc_source_expected row = {.name = 4000};
    reply.kind = CYC_ITEM_END;
    reply.expectation_count = 1;
    reply.text_size = 1;
    send_reply(sizeof row + 1);
    write_all(&row, sizeof row);
    write_all("", 1);
}

static void expectation_without_end(void)
{
    const struct cyc_source_expected row = {0};
    reply.kind = CYC_ITEM_END;
    reply.expectation_count = 1;
    reply.text_size = 1;
    send_reply(sizeof row + 1);
    write_all(&row, sizeof row);
    write_all("x", 1);
}

/* ---- Deaths -----------------------------------------------------------------------------------
 */

static void silence(void)
{
    for (;;) {
        (void)pause();
    }
}

static void stops_itself(void)
{
    (void)raise(SIGSTOP);
}

static void exits(void)
{
    _exit(7);
}

static void crashes(void)
{
    (void)signal(SIGSEGV, SIG_DFL);
    (void)raise(SIGSEGV);
}

static void is_killed(void)
{
    (void)raise(SIGKILL);
}

static void closes_and_lives_on(void)
{
    (void)close(FD);
    silence();
}

static void answers_twice(void)
{
    reply.kind = CYC_ITEM_NOTE;
    send_reply(0);
    reply.kind = CYC_ITEM_NOTE;
    send_reply(0);
    silence();
}

/* ---- Inside the sandbox -----------------------------------------------------------------------
 */

static void loops(void)
{
    cyc_sandbox_budget(CYC_SOURCE_STEP_CPU_S);
    for (volatile unsigned i = 0;; i++) {
    }
}

/* Loops although it asked the kernel not to be told. */
static void loops_deaf(void)
{
    (void)signal(SIGPROF, SIG_IGN);
    loops();
}

/* Says so when it gets no more. */
static void eats_memory(void)
{
    reply.kind = CYC_ITEM_NOTE;
    for (;;) {
        char *volatile const piece = malloc((size_t)1 << 20); /* no compiler may leave it out */
        if (piece == NULL) {
            (void)cyc_copy(reply.text, sizeof reply.text, "no more");
            send_reply(0);
            silence();
        }
        memset(piece, 1, (size_t)1 << 20);
    }
}

static unsigned deeper(const volatile char *above)
{
    volatile char piece[65536];
    piece[0] = above[0];
    return above[0] == 0 ? 0 : deeper(piece) + (unsigned)piece[0];
}

static void eats_stack(void)
{
    _exit((int)deeper("x"));
}

static void opens_a_file(void)
{
    (void)open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    _exit(7);
}

static void opens_a_connection(void)
{
    (void)socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    _exit(7);
}

static void runs_a_program(void)
{
    char *const arguments[] = {(char *)(uintptr_t) "/bin/true", NULL};
    (void)execv("/bin/true", arguments);
    _exit(7);
}

static void forks(void)
{
    (void)fork();
    _exit(7);
}

static void kills_its_parent(void)
{
    (void)kill(getppid(), SIGKILL);
    _exit(7);
}

static void removes_a_file(void)
{
    (void)unlink("/tmp/cyclostat-nothing");
    _exit(7);
}

enum { OUTSIDE, ENTERED, SEALED };
static const struct mode {
    const char *name;
    void (*run)(void);
    int room;
} modes[] = {
    {"wrong_layout", wrong_layout, OUTSIDE},
    {"wrong_kind", wrong_kind, OUTSIDE},
    {"size_of_gigabytes", size_of_gigabytes, OUTSIDE},
    {"size_too_small", size_too_small, OUTSIDE},
    {"noise", noise, OUTSIDE},
    {"half_an_answer", half_an_answer, OUTSIDE},
    {"kind_of_item", kind_of_item, OUTSIDE},
    {"segments_that_are_not_there", segments_that_are_not_there, OUTSIDE},
    {"segments_beyond_counting", segments_beyond_counting, OUTSIDE},
    {"bytes_too_many", bytes_too_many, OUTSIDE},
    {"operations_beyond_the_list", operations_beyond_the_list, OUTSIDE},
    {"cutoffs_beyond_the_list", cutoffs_beyond_the_list, OUTSIDE},
    {"limits_beyond_the_list", limits_beyond_the_list, OUTSIDE},
    {"condition_beyond_the_operations", condition_beyond_the_operations, OUTSIDE},
    {"operation_that_does_not_exist", operation_that_does_not_exist, OUTSIDE},
    {"entry_that_does_not_exist", entry_that_does_not_exist, OUTSIDE},
    {"mode_that_does_not_exist", mode_that_does_not_exist, OUTSIDE},
    {"interruption_that_does_not_exist", interruption_that_does_not_exist, OUTSIDE},
    {"name_without_end", name_without_end, OUTSIDE},
    {"text_without_end", text_without_end, OUTSIDE},
    {"truth_of_seven", truth_of_seven, OUTSIDE},
    {"nan_as_setpoint", nan_as_setpoint, OUTSIDE},
    {"control_that_does_not_exist", control_that_does_not_exist, OUTSIDE},
    {"expectation_outside_its_texts", expectation_outside_its_texts, OUTSIDE},
    {"expectation_without_end", expectation_without_end, OUTSIDE},
    {"silence", silence, OUTSIDE},
    {"stops_itself", stops_itself, OUTSIDE},
    {"exits", exits, OUTSIDE},
    {"crashes", crashes, OUTSIDE},
    {"is_killed", is_killed, OUTSIDE},
    {"closes_and_lives_on", closes_and_lives_on, OUTSIDE},
    {"answers_twice", answers_twice, OUTSIDE},
    {"loops", loops, ENTERED},
    {"loops_sealed", loops, SEALED},
    {"loops_deaf", loops_deaf, SEALED},
    {"eats_memory", eats_memory, ENTERED},
    {"eats_memory_sealed", eats_memory, SEALED},
    {"eats_stack", eats_stack, SEALED},
    {"opens_a_file", opens_a_file, SEALED},
    {"opens_a_connection", opens_a_connection, ENTERED},
    {"runs_a_program", runs_a_program, ENTERED},
    {"forks", forks, ENTERED},
    {"kills_its_parent", kills_its_parent, ENTERED},
    {"removes_a_file", removes_a_file, SEALED},
};

int main(void)
{
    struct cyc_source_head head;
    struct cyc_source_question question;
    read_all(&head, sizeof head);
    if (head.size > sizeof start) {
        return 9;
    }
    read_all(start, head.size);
    read_all(&head, sizeof head);
    read_all(&question, sizeof question);
    const char *const name = start + sizeof(struct cyc_source_start_head);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].name, name) == 0) {
            if (modes[i].room != OUTSIDE && cyc_sandbox_enter(NULL) != CYC_OK) {
                return 8;
            }
            if (modes[i].room == SEALED) {
                cyc_sandbox_seal();
            }
            modes[i].run();
            silence();
        }
    }
    return 9;
}
