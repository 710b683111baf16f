/* Runs a test and sees to it that nothing of it is left.
 *
 *   contain COMMAND [ARGUMENT …]
 *
 * Supervisors, port processes and daemons leave the process that started them on purpose. Here they
 * come back to this one when their parents end, so that a test that is killed for its time takes
 * them along, and what a test left running is ended behind it. Exits as COMMAND did. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 3000 /* for those that are ending by themselves */
#define LOOK_MS  20

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

static void look_later(void)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
    int code = -1;
    if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        (void)fprintf(stderr, "usage: contain COMMAND [ARGUMENT …]\n");
        return 2;
    }
    const pid_t child = fork();
    if (child == 0) {
        (void)execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    while (child > 0 && code < 0) {
        if (reap(child, &code) < 0) {
            break;
        }
        look_later();
    }
    for (int waited_ms = 0; reap(child, &code) >= 0; waited_ms += LOOK_MS) {
        if (waited_ms >= GRACE_MS) {
            kill_children();
        }
        look_later();
    }
    return code < 0 ? 2 : code;
}
