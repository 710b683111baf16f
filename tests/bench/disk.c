/* A slow disk under a program: loaded before the C library (LD_PRELOAD), counts the syncs and holds
 * each of them up as long as the bench says. */
#include "bench/disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct disk *shared;

__attribute__((constructor)) static void map(void)
{
    const char *const path = getenv(DISK_VARIABLE);
    const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *const at = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        shared = at != MAP_FAILED ? at : NULL;
        (void)close(fd);
    }
}

static void take_time(void)
{
    if (shared == NULL) {
        return;
    }
    (void)__atomic_add_fetch(&shared->syncs, 1, __ATOMIC_RELAXED);
    const int stall_ms = __atomic_load_n(&shared->stall_ms, __ATOMIC_RELAXED);
    if (stall_ms > 0) {
        const struct timespec time = {.tv_sec = stall_ms / 1000,
                                      .tv_nsec = stall_ms % 1000 * 1000000L};
        (void)nanosleep(&time, NULL);
    }
}

int fsync(int fd)
{
    take_time();
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    take_time();
    return (int)syscall(SYS_fdatasync, fd);
}
