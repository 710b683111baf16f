/* A bad computer under a program: loaded before the C library (LD_PRELOAD), it makes disk and
 * clocks misbehave as a control file says. The file is read at every call, so that a test can
 * change its mind while the program runs; it is replaced by renaming, never written in place.
 *
 *   CYC_SHIM=FILE    words in it, in any order:
 *     folder=PATH    where the words about files hold: in regular files below this folder
 *     write=full     a write takes half of its bytes, the next one none: the disk is full
 *     write=hang     a write takes 5 s
 *     sync=EIO       fsync and fdatasync fail
 *     sync=hang      they take 5 s
 *     names=hang     a file is created, renamed or removed in 5 s
 *     statfs=nfs     the folder is on a network file system
 *     wall=S         the wall clock is S seconds off
 *     sleep=S        the computer slept for S seconds: all clocks but CLOCK_MONOTONIC went on
 *     priority=no    real-time priority is refused
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define HANG_S    5
#define NFS_MAGIC 0x6969

/* What stands in the control file behind `word`; false: the word is not there. Only system calls
 * that are not replaced here. */
static bool control(const char *word, char *value, size_t size)
{
    const char *path = getenv("CYC_SHIM");
    char text[1024];
    const int before = errno;
    const int fd =
        path != NULL ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    const ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    bool found = false;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = before;
    text[length > 0 ? length : 0] = '\0';
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL && !found; line = strsep(&rest, "\n")) {
        const size_t prefix = strlen(word);
        if (strncmp(line, word, prefix) == 0 && line[prefix] == '=') {
            (void)snprintf(value, size, "%s", line + prefix + 1);
            found = true;
        }
    }
    return found;
}

static bool says(const char *word, const char *wanted)
{
    char value[64];
    return control(word, value, sizeof value) && strcmp(value, wanted) == 0;
}

static bool is_below(const char *path)
{
    char folder[512];
    return control("folder", folder, sizeof folder) && strncmp(path, folder, strlen(folder)) == 0;
}

static bool concerns(int fd)
{
    char link[64];
    char path[1024];
    struct stat status;
    if (fstat(fd, &status) != 0 || (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))) {
        return false;
    }
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return is_below(path);
}

static void hang(void)
{
    const struct timespec time = {.tv_sec = HANG_S};
    (void)nanosleep(&time, NULL);
}

/* ---- Disk ------------------------------------------------------------------------------------ */

/* How much of a write is taken; 0: none, and errno says why. */
static size_t share(int fd, size_t size)
{
    static _Thread_local bool was_short;
    char value[64];
    const int before = errno;
    if (!control("write", value, sizeof value) || !concerns(fd)) {
        errno = before;
        return size;
    }
    if (strcmp(value, "hang") == 0) {
        hang();
        errno = before;
        return size;
    }
    was_short = !was_short && size > 1;
    errno = was_short ? before : ENOSPC;
    return was_short ? size / 2 : 0;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    const size_t part = share(fd, size);
    return part == 0 && size > 0 ? -1 : syscall(SYS_write, fd, bytes, part);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t at)
{
    const size_t part = share(fd, size);
    return part == 0 && size > 0 ? -1 : syscall(SYS_pwrite64, fd, bytes, part, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    return pwrite64(fd, bytes, size, at);
}

int posix_fallocate(int fd, off_t from, off_t size)
{
    const int before = errno;
    const bool full = says("write", "full") && concerns(fd);
    const bool failed = !full && syscall(SYS_fallocate, fd, 0, from, size) != 0;
    const int result = full ? ENOSPC : failed ? errno : 0;
    errno = before;
    return result;
}

static int sync_by(long number, int fd)
{
    char value[64];
    if (control("sync", value, sizeof value) && concerns(fd)) {
        if (strcmp(value, "EIO") == 0) {
            errno = EIO;
            return -1;
        }
        hang();
    }
    return (int)syscall(number, fd);
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

int statfs(const char *path, struct statfs *status)
{
    const int result = (int)syscall(SYS_statfs, path, status);
    char *whole = realpath(path, NULL);
    if (result == 0 && whole != NULL && is_below(whole) && says("statfs", "nfs")) {
        status->f_type = NFS_MAGIC;
    }
    free(whole);
    return result;
}

static void name(const char *path)
{
    const int before = errno;
    if (is_below(path) && says("names", "hang")) {
        hang();
    }
    errno = before;
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list list;
        va_start(list, flags);
        mode = va_arg(list, mode_t);
        va_end(list);
        name(path);
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list list;
        va_start(list, flags);
        mode = va_arg(list, mode_t);
        va_end(list);
    }
    return open64(path, flags, mode);
}

int unlink(const char *path)
{
    name(path);
    return (int)syscall(SYS_unlink, path);
}

int rename(const char *from, const char *to)
{
    name(to);
    return (int)syscall(SYS_rename, from, to);
}

/* ---- Clocks ---------------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *time)
{
    char value[64];
    const int result = (int)syscall(SYS_clock_gettime, clock, time);
    const bool is_wall = clock == CLOCK_REALTIME;
    if (result == 0 && is_wall && control("wall", value, sizeof value)) {
        time->tv_sec += strtol(value, NULL, 10);
    }
    if (result == 0 && (is_wall || clock == CLOCK_BOOTTIME) &&
        control("sleep", value, sizeof value)) {
        time->tv_sec += strtol(value, NULL, 10);
    }
    return result;
}

/* ---- Priority -------------------------------------------------------------------------------- */

int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param)
{
    if (says("priority", "no")) {
        errno = EPERM;
        return -1;
    }
    return (int)syscall(SYS_sched_setscheduler, pid, policy, param);
}
