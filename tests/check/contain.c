/* Runs a test and sees to it that nothing of it is left.
 *
 *   contain SECONDS COMMAND [ARGUMENT …]
 *
 * Supervisors, port processes and daemons leave the process that started them on purpose. Here they
 * come back to this one when their parents end, so that what a test left running is ended behind
 * it. A test that takes longer than SECONDS is killed, with all that it started. Exits as COMMAND
 * did.
 *
 * What these tests judge happens in time. One that fails while one of this machine's processors
 * stood still for longer than what they allow for is repeated, twice at most, and says so;
 * `./setup.sh test` counts it. A virtual machine loses one of its processors at times, with all
 * processes on it, while the others go on: each is watched by a thread of its own. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS    3000 /* for those that are ending by themselves */
#define LOOK_MS     20
#define STALL_MS    100 /* a test says nothing about what happened then */
#define REPEATS_MAX 2
#define TOO_LONG    124 /* as timeout(1) says it */

static atomic_long stall_ms; /* the longest of this try, on any processor */

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

static void nap(void)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

/* On its own processor: by how much longer than asked for it slept is how long that stood still. */
static void *watch(void *processor)
{
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET((size_t)processor, &here);
    (void)pthread_setaffinity_np(pthread_self(), sizeof here, &here);
    for (;;) {
        const long since_ms = now_ms();
        nap();
        const long late_ms = now_ms() - since_ms - LOOK_MS;
        long longest_ms = atomic_load(&stall_ms);
        while (late_ms > longest_ms &&
               !atomic_compare_exchange_weak(&stall_ms, &longest_ms, late_ms)) {
        }
    }
    return NULL;
}

static void watch_processors(void)
{
    cpu_set_t ours;
    CPU_ZERO(&ours);
    (void)sched_getaffinity(0, sizeof ours, &ours);
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        pthread_t thread;
        if (CPU_ISSET(i, &ours) && pthread_create(&thread, NULL, watch, (void *)i) == 0) {
            (void)pthread_detach(thread);
        }
    }
}

/* -1: it could not be started. */
static int run(char **command, long limit_ms)
{
    int code = -1;
    atomic_store(&stall_ms, 0);
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        (void)execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    const long since_ms = now_ms();
    bool late = false;
    while (child > 0 && !late && code < 0 && reap(child, &code) >= 0) {
        nap();
        late = code < 0 && now_ms() - since_ms > limit_ms;
    }
    if (late) {
        (void)fprintf(stderr, "contain: takes longer than %ld s, and is killed\n", limit_ms / 1000);
    }
    for (int waited_ms = 0; reap(child, &code) >= 0; waited_ms += LOOK_MS) {
        if (late || waited_ms >= GRACE_MS) {
            kill_children();
        }
        nap();
    }
    return late ? TOO_LONG : code;
}

int main(int argc, char **argv)
{
    const long limit_ms = argc > 1 ? strtol(argv[1], NULL, 10) * 1000 : 0;
    if (argc < 3 || limit_ms <= 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        (void)fprintf(stderr, "usage: contain SECONDS COMMAND [ARGUMENT …]\n");
        return 2;
    }
    watch_processors();
    int code = run(argv + 2, limit_ms);
    for (int i = 0; i < REPEATS_MAX && code != 0 && atomic_load(&stall_ms) > STALL_MS; i++) {
        (void)printf(
            "contain: failed with %d while this machine stood still for %ld ms; repeated\n", code,
            atomic_load(&stall_ms));
        code = run(argv + 2, limit_ms);
    }
    return code < 0 ? 2 : code;
}
