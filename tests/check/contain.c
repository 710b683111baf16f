/* Runs a test and sees to it that nothing of it is left.
 *
 *   contain COMMAND [ARGUMENT …]
 *
 * Supervisors, port processes and daemons leave the process that started them on purpose. Here they
 * come back to this one when their parents end, so that a test that is killed for its time takes
 * them along, and what a test left running is ended behind it. Exits as COMMAND did.
 *
 * What these tests judge happens in time. One that fails while this machine stood still for longer
 * than what they allow for is repeated once, and says so; `./setup.sh test` counts it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 3000 /* for those that are ending by themselves */
#define LOOK_MS  20
#define STALL_MS 100 /* a test says nothing about what happened then */

static int reap(pid_t child, int *code)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == child) {
            *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
    }
    return pid; /* -1: nobody is left */
}

/* Each child that dies hands on its own, until there is none. */
static void kill_children(void)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *const file = fopen(path, "r");
    char number[24];
    while (file != NULL && fscanf(file, "%23s", number) == 1) {
        (void)fprintf(stderr, "contain: process %s was left behind\n", number);
        (void)kill((pid_t)strtol(number, NULL, 10), SIGKILL);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static long now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* By how much this took longer than it should have. */
static long look_later(void)
{
    const long since_ms = now_ms();
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
    return now_ms() - since_ms - LOOK_MS;
}

/* -1: it could not be started. */
static int run(char **command, long *stall_ms)
{
    int code = -1;
    *stall_ms = 0;
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        (void)execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    while (child > 0 && code < 0 && reap(child, &code) >= 0) {
        const long late_ms = look_later();
        *stall_ms = late_ms > *stall_ms ? late_ms : *stall_ms;
    }
    for (int waited_ms = 0; reap(child, &code) >= 0; waited_ms += LOOK_MS) {
        if (waited_ms >= GRACE_MS) {
            kill_children();
        }
        (void)look_later();
    }
    return code;
}

int main(int argc, char **argv)
{
    long stall_ms = 0;
    if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        (void)fprintf(stderr, "usage: contain COMMAND [ARGUMENT …]\n");
        return 2;
    }
    int code = run(argv + 1, &stall_ms);
    if (code != 0 && stall_ms > STALL_MS) {
        (void)printf(
            "contain: failed with %d while this machine stood still for %ld ms; repeated\n", code,
            stall_ms);
        code = run(argv + 1, &stall_ms);
    }
    return code < 0 ? 2 : code;
}
