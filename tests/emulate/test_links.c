/* Pseudo-terminals, TCP and the truth log, in real time: a thread serves, the test is the host. */
#include "emulate/lab.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 5000

extern uint64_t lab_words_tested;

struct served {
    struct cyc_emulation *emulation;
    char folder[64], path[128], truth[128];
    volatile int stop;
    pthread_t thread;
};

static void *serve(void *context)
{
    struct served *served = context;
    (void)cyc_emulation_serve(served->emulation, &served->stop, NULL);
    return NULL;
}

static void start(struct served *served, const char *where, const char *fault)
{
    struct cyc_err err = {0};
    struct cyc_cell_spec spec;
    unsigned link = 0, cell = 0;
    char words[160];
    memset(served, 0, sizeof *served);
    (void)snprintf(served->folder, sizeof served->folder, "/tmp/cyc-emulate-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(served->folder));
    (void)snprintf(served->path, sizeof served->path, "%s/smu", served->folder);
    (void)snprintf(served->truth, sizeof served->truth, "%s/truth", served->folder);
    (void)snprintf(words, sizeof words, "%s%s", where, where[0] == 'p' ? served->path : "");
    const struct cyc_emulation_options how = {.rate = 1, .seed = 1, .truth_path = served->truth};
    CU_ASSERT_EQUAL_FATAL(cyc_emulation_new(&how, &served->emulation, &err), CYC_OK);
    lab_spec(&spec);
    CU_ASSERT_EQUAL_FATAL(cyc_emulation_cell(served->emulation, &spec, &cell, &err), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_emulation_link(served->emulation, words, &link, &err), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_emulation_unit(served->emulation, &cyc_emulator_keithley_2400, link,
                                             "", &cell, 1, NULL, &err),
                          CYC_OK);
    if (fault != NULL) {
        struct lab lab = {.emulation = served->emulation};
        lab_fault(&lab, fault);
    }
    CU_ASSERT_EQUAL_FATAL(pthread_create(&served->thread, NULL, serve, served), 0);
}

static void end(struct served *served)
{
    served->stop = 1;
    (void)pthread_join(served->thread, NULL);
    cyc_emulation_free(served->emulation);
    CU_ASSERT_NOT_EQUAL(access(served->path, F_OK), 0); /* the link is gone */
    (void)unlink(served->truth);
    CU_ASSERT_EQUAL(rmdir(served->folder), 0);
}

/* A question over a descriptor; the answer up to its CR, "" when none comes. */
static const char *ask(int fd, const char *question, char *answer, size_t size)
{
    size_t used = 0;
    struct pollfd look = {.fd = fd, .events = POLLIN};
    CU_ASSERT_EQUAL(write(fd, question, strlen(question)), (ssize_t)strlen(question));
    while (used + 1 < size && poll(&look, 1, PATIENCE_MS) > 0) {
        const ssize_t got = read(fd, answer + used, size - used - 1);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        if (answer[used - 1] == '\r') {
            break;
        }
    }
    answer[used] = '\0';
    return answer;
}

static void read_file(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd >= 0 ? read(fd, text, size - 1) : 0;
    text[got > 0 ? got : 0] = '\0';
    (void)close(fd);
}

static void
a_host_on_a_pseudo_terminal_gets_its_bytes_unchanged_and_the_log_says_what_happened(void)
{
    struct served served;
    char answer[256], log[8192];
    start(&served, "pty:", NULL);
    read_file(served.truth, log, sizeof log);
    CU_ASSERT_PTR_NULL(strstr(log, "attached"));
    const int fd = open(served.path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CYC_SAME(ask(fd, ":OUTP:SMOD HIMP\r:SOUR:FUNC CURR\r:SOUR:CURR 0.001\r:OUTP ON\r:OUTP?\r",
                 answer, sizeof answer),
             "1\r");
    CYC_SAME(ask(fd, ":OUTP OFF\r:OUTP?\r", answer, sizeof answer), "0\r");
    (void)close(fd);
    read_file(served.truth, log, sizeof log);
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "keithley_2400 attached\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "keithley_2400 received OUTP ON\n"));
    const char *on = strstr(log, "keithley_2400 output 0 current 0.001 compliance 21\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(on);
    const char *off = strstr(on, "keithley_2400 output 0 open\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(off);
    CU_ASSERT_PTR_NOT_NULL(strstr(off, "cell0 charge "));
    end(&served);
}

static void the_log_knows_when_nobody_listens_any_more(void)
{
    struct served served;
    char answer[256], log[8192] = "";
    start(&served, "pty:", NULL);
    int fd = open(served.path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CYC_SAME(ask(fd, ":OUTP?\r", answer, sizeof answer), "0\r");
    (void)close(fd);
    for (unsigned i = 0; i < PATIENCE_MS / 10 && strstr(log, "detached") == NULL; i++) {
        (void)poll(NULL, 0, 10);
        read_file(served.truth, log, sizeof log);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "keithley_2400 detached\n"));
    fd = open(served.path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CYC_SAME(ask(fd, ":OUTP?\r", answer, sizeof answer), "0\r");
    (void)close(fd);
    end(&served);
}

static void a_host_may_come_over_tcp(void)
{
    struct served served;
    char answer[256];
    start(&served, "tcp:0", NULL);
    const char *where = cyc_emulation_where(served.emulation, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(where, "tcp:127.0.0.1:"));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port =
                                      htons((uint16_t)strtol(strrchr(where, ':') + 1, NULL, 10)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    CYC_SAME(ask(fd, ":OUTP?\r", answer, sizeof answer), "0\r");
    (void)close(fd);
    end(&served);
}

static void wait_for(const char *path, bool there)
{
    for (unsigned i = 0; i < PATIENCE_MS / 10 && (access(path, F_OK) == 0) != there; i++) {
        (void)poll(NULL, 0, 10);
    }
    CU_ASSERT_EQUAL(access(path, F_OK) == 0, there);
}

static void a_cable_that_was_out_comes_back_under_another_name(void)
{
    struct served served;
    char answer[256], other[160];
    start(&served, "pty:", "renumber:at=0.2,for=0.1,times=1");
    (void)snprintf(other, sizeof other, "%s-1", served.path);
    const int fd = open(served.path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    wait_for(other, true);
    CU_ASSERT_NOT_EQUAL(access(served.path, F_OK), 0);
    CU_ASSERT_TRUE(read(fd, answer, sizeof answer) <= 0); /* hung up */
    (void)close(fd);
    const int again = open(other, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CYC_SAME(ask(again, ":OUTP?\r", answer, sizeof answer), "0\r");
    (void)close(again);
    end(&served);
}

static void opening_the_port_may_reset_the_instrument(void)
{
    struct served served;
    char answer[256];
    start(&served, "pty:", "dtr_reset:after=1,times=1");
    int fd = open(served.path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CYC_SAME(ask(fd, "*ESR?\r", answer, sizeof answer), "128\r");
    CYC_SAME(ask(fd, "*ESR?\r", answer, sizeof answer), "0\r");
    (void)close(fd);
    (void)poll(NULL, 0, 100);
    fd = open(served.path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    (void)poll(NULL, 0, 100);
    CYC_SAME(ask(fd, "*ESR?\r", answer, sizeof answer), "128\r");
    (void)close(fd);
    end(&served);
}

/* The last of all tests. */
static void every_fault_there_is_was_tested(void)
{
    for (unsigned i = 0; i < CYC_FAULT_WORD_COUNT; i++) {
        if ((lab_words_tested >> i & 1) == 0) {
            (void)printf("no test of the fault %s\n", cyc_fault_word_name((enum cyc_fault_word)i));
        }
    }
    CU_ASSERT_EQUAL(lab_words_tested, (UINT64_C(1) << CYC_FAULT_WORD_COUNT) - 1);
}

const struct cyc_check cyc_check_links[] = {
    CYC_CHECK(a_host_on_a_pseudo_terminal_gets_its_bytes_unchanged_and_the_log_says_what_happened),
    CYC_CHECK(the_log_knows_when_nobody_listens_any_more),
    CYC_CHECK(a_host_may_come_over_tcp),
    CYC_CHECK(a_cable_that_was_out_comes_back_under_another_name),
    CYC_CHECK(opening_the_port_may_reset_the_instrument),
    CYC_CHECK(every_fault_there_is_was_tested),
    {0}};
