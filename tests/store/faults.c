#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static struct {
    bool armed, lasting, failed;
    enum fault_kind kind;
    unsigned left;
    int error_number;
} faults;

void faults_arm(enum fault_kind kind, unsigned nth, int error_number, bool lasting)
{
    faults.kind = kind;
    faults.left = nth;
    faults.error_number = error_number;
    faults.lasting = lasting;
    faults.failed = false;
    faults.armed = true;
}

bool faults_disarm(void)
{
    faults.armed = false;
    return faults.failed;
}

static bool is_write(enum fault_kind kind)
{
    return kind == FAULT_WRITE || kind == FAULT_SHORT || kind == FAULT_KILL ||
           kind == FAULT_KILL_SHORT;
}

static bool due(enum fault_kind kind)
{
    if (!faults.armed || (kind != faults.kind && !(kind == FAULT_WRITE && is_write(faults.kind)))) {
        return false;
    }
    if (faults.failed) {
        return faults.lasting;
    }
    faults.failed = --faults.left == 0;
    if (faults.failed && faults.kind == FAULT_KILL) {
        (void)raise(SIGKILL);
    }
    return faults.failed;
}

/* How much of a write that is due to fail is done all the same. */
static size_t part_of(size_t size)
{
    return faults.kind == FAULT_SHORT || faults.kind == FAULT_KILL_SHORT ? size / 2 : 0;
}

static int fail(void)
{
    if (faults.kind == FAULT_KILL_SHORT) {
        (void)raise(SIGKILL);
    }
    errno = faults.error_number;
    return -1;
}

static ssize_t after_part(ssize_t done)
{
    if (faults.kind == FAULT_KILL_SHORT) {
        (void)raise(SIGKILL);
    }
    return done;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (due(FAULT_WRITE)) {
        const size_t part = part_of(size);
        return part > 0 ? after_part(syscall(SYS_write, fd, bytes, part)) : fail();
    }
    return syscall(SYS_write, fd, bytes, size);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    if (due(FAULT_WRITE)) {
        const size_t part = part_of(size);
        return part > 0 ? after_part(syscall(SYS_pwrite64, fd, bytes, part, offset)) : fail();
    }
    return syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return pwrite64(fd, bytes, size, offset);
}

int ftruncate64(int fd, off_t size)
{
    return due(FAULT_WRITE) ? fail() : (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

/* The reserve is made of holes here: in the memory that these tests write to, 64 MiB for each of
 * thousands of runs would take longer than all else together. */
int posix_fallocate64(int fd, off_t offset, off_t size)
{
    return ftruncate64(fd, offset + size) == 0 ? 0 : errno;
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    return posix_fallocate64(fd, offset, size);
}

int rename(const char *from, const char *to)
{
    return due(FAULT_WRITE) ? fail() : (int)syscall(SYS_rename, from, to);
}

int mkdir(const char *path, mode_t mode)
{
    return due(FAULT_WRITE) ? fail() : (int)syscall(SYS_mkdir, path, mode);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list list;
        va_start(list, flags);
        mode = va_arg(list, mode_t);
        va_end(list);
    }
    if ((flags & O_ACCMODE) != O_RDONLY && due(FAULT_WRITE)) {
        return fail();
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

int statfs(const char *path, struct statfs *status)
{
    const int result = (int)syscall(SYS_statfs, path, status);
    if (faults.armed && faults.kind == FAULT_NETWORK) {
        status->f_type = faults.error_number;
    }
    return result;
}

int fdatasync(int fd)
{
    return due(FAULT_SYNC) ? fail() : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return due(FAULT_SYNC) ? fail() : (int)syscall(SYS_fsync, fd);
}

#if CYC_SANITIZED
bool faults_can_allocate(void)
{
    return false;
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

bool faults_can_allocate(void)
{
    return true;
}

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return due(FAULT_ALLOCATION) ? no_memory() : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return due(FAULT_ALLOCATION) ? no_memory() : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return due(FAULT_ALLOCATION) ? no_memory() : __libc_realloc(old, size);
}
#endif
