/* `safe` without a supervisor: a process that holds a port is gone when all its threads are. */
#include "base/clock.h"
#include "check/check.h"
#include "core/types.h"
#include "run/supervisor.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *stay(void *argument)
{
    const struct timespec long_time = {.tv_sec = 60};
    (void)nanosleep(&long_time, NULL);
    return argument;
}

static void *hold(void *argument)
{
    const char *const path = argument;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    (void)flock(fd, LOCK_EX);
    return stay(argument);
}

/* A process whose first thread has ended and whose second one has the port: the kernel lists it
 * as a zombie, as it does a killed one whose threads end one after the other. */
static pid_t start_headless(char *port)
{
    const pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        (void)pthread_create(&thread, NULL, hold, port);
        pthread_exit(NULL);
    }
    return pid;
}

/* State and start of a process as the kernel lists them. */
static bool read_process(pid_t pid, char *state, unsigned long long *start)
{
    char path[64];
    char text[1024] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *const file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    const char *at = fgets(text, sizeof text, file) != NULL ? strrchr(text, ')') : NULL;
    (void)fclose(file);
    return at != NULL &&
           sscanf(at,
                  ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                  "%*d %llu",
                  state, start) == 2;
}

static bool is_held(const char *port)
{
    const int fd = open(port, O_RDWR | O_CLOEXEC);
    const bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
    CU_ASSERT(fd >= 0);
    if (fd >= 0) {
        (void)close(fd);
    }
    return held;
}

static void a_process_holds_its_port_until_its_last_thread_has_ended(void)
{
    char folder[] = "/tmp/cyclostat-holders-XXXXXX";
    /* The child's second thread reads it when the first one's stack is gone. */
    static char port[64];
    char holders[64];
    char state = '?';
    unsigned long long start = 0;
    struct cyc_err err = {0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    (void)snprintf(port, sizeof port, "%s/port", folder);
    (void)snprintf(holders, sizeof holders, "%s/holders", folder);
    const pid_t pid = start_headless(port);
    const int64_t until_ns = cyc_boot_now_ns() + 5 * CYC_S_NS;
    while ((!read_process(pid, &state, &start) || state != 'Z' || access(port, F_OK) != 0 ||
            !is_held(port)) &&
           cyc_boot_now_ns() < until_ns) {
        const struct timespec moment = {.tv_nsec = CYC_MS_NS};
        (void)nanosleep(&moment, NULL);
    }
    CU_ASSERT_EQUAL(state, 'Z');
    CU_ASSERT(is_held(port));
    FILE *const file = fopen(holders, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fprintf(file, "port %d %llu smu\n", (int)pid, start);
    (void)fclose(file);
    CU_ASSERT_EQUAL(cyc_supervisor_find_port(folder, "smu"), pid);
    CU_ASSERT_EQUAL(cyc_supervisor_kill_holders(folder, &err), CYC_OK);
    CU_ASSERT(!is_held(port));
    CU_ASSERT_EQUAL(cyc_supervisor_find_port(folder, "smu"), 0);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)unlink(port);
    (void)unlink(holders);
    (void)rmdir(folder);
}

const struct cyc_check cyc_check_holders[] = {
    CYC_CHECK(a_process_holds_its_port_until_its_last_thread_has_ended), {0}};
