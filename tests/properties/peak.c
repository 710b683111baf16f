/* peak PROGRAM ARGUMENTS…: runs a program and prints its peak resident memory in KiB as the last
 * line; exits as it did. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int status = 0;
    struct rusage usage = {0};
    if (argc < 2) {
        return 2;
    }
    const pid_t child = fork();
    if (child == 0) {
        (void)execv(argv[1], argv + 1);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        getrusage(RUSAGE_CHILDREN, &usage) != 0) {
        return 127;
    }
    (void)printf("%ld\n", usage.ru_maxrss);
    return WEXITSTATUS(status);
}
