/* Starts a command a number of times, one after the other, and says what it took.
 *
 *   bench_spawn COUNT COMMAND [ARGUMENT...]
 *
 * Prints the mean wall-clock seconds, the mean CPU seconds (user and system) and the largest
 * resident size in KiB. The command's output goes nowhere. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

/* False when the command could not be started or failed. */
static bool run_once(char **command, const posix_spawn_file_actions_t *actions,
                     struct rusage *usage)
{
    pid_t child = 0;
    int status = 0;
    const int error = posix_spawnp(&child, command[0], actions, NULL, command, environ);
    if (error != 0) {
        (void)fprintf(stderr, "%s: %s\n", command[0], strerror(error));
        return false;
    }
    while (wait4(child, &status, 0, usage) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)fprintf(stderr, "%s failed (wait status %d)\n", command[0], status);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    const long count = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
    if (count < 1) {
        (void)fprintf(stderr, "usage: bench_spawn COUNT COMMAND [ARGUMENT...]\n");
        return 2;
    }
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    double cpu_s = 0.0;
    long size_KiB = 0;
    const double start_s = now_s();
    for (long i = 0; i < count; i++) {
        struct rusage usage;
        if (!run_once(argv + 2, &actions, &usage)) {
            return 1;
        }
        cpu_s += seconds(usage.ru_utime) + seconds(usage.ru_stime);
        size_KiB = usage.ru_maxrss > size_KiB ? usage.ru_maxrss : size_KiB;
    }
    const double wall_s = now_s() - start_s;
    (void)printf("%.9f %.9f %ld\n", wall_s / (double)count, cpu_s / (double)count, size_KiB);
    return 0;
}
