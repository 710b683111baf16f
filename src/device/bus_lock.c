/* Who has a port. A lock on the open file (flock) binds programs that lock as well, which those
 * that work with serial ports mostly do; TIOCEXCL keeps out all others but root's. The lock goes
 * with the open file: a duplicate in another process holds it too.
 *
 * Pseudo-terminals get no TIOCEXCL: it stays as long as anybody has the terminal open, and the
 * emulator behind one may have, when the program that set it was killed long ago.
 */
#include "base/diag.h"
#include "device/bus_int.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PATH_SIZE      320
#define CANDIDATES_MAX 64
#define PID_SIZE       16

int cyc_bus_lock(int fd, const char *device, struct cyc_err *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? cyc_bus_busy(device, err)
                   : cyc_err_set(err, CYC_E_IO, "the port %s cannot be locked: %m", device);
    }
    if (strncmp(device, "/dev/pts/", 9) != 0) {
        (void)ioctl(fd, TIOCEXCL); /* an odd tty may not know it; the lock above stands */
    }
    return CYC_OK;
}

int cyc_bus_busy(const char *device, struct cyc_err *err)
{
    char holder[128];
    (void)cyc_bus_holder(device, holder, sizeof holder);
    return cyc_err_set(err, CYC_E_BUSY, "the port %s is in use by %s", device,
                       holder[0] != '\0' ? holder : "another program");
}

/* ---- Holders ------------------------------------------------------------------------------------
 */

static bool is_number(const char *name)
{
    return name[0] != '\0' && strspn(name, "0123456789") == strlen(name);
}

static void name_process(const char *pid, char *holder, size_t size)
{
    char path[PATH_SIZE];
    char program[32] = "";
    (void)snprintf(path, sizeof path, "/proc/%s/comm", pid);
    FILE *const file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(program, sizeof program, file) != NULL) {
            program[strcspn(program, "\n")] = '\0';
        }
        (void)fclose(file);
    }
    const size_t used = strlen(holder);
    (void)snprintf(holder + used, size - used, "%s%s (process %s)", used > 0 ? ", " : "",
                   program[0] != '\0' ? program : "a program", pid);
}

/* The process that took the lock on this file, from the kernel's list; false: nobody has. */
static bool find_locker(const struct stat *file_stat, char pid[PID_SIZE])
{
    FILE *const file = fopen("/proc/locks", "re");
    char place[64];
    char line[256];
    bool found = false;
    /* "1: FLOCK  ADVISORY  WRITE 1234 00:1b:5 0 EOF": process, then device and inode */
    (void)snprintf(place, sizeof place, " %02x:%02x:%llu ", major(file_stat->st_dev),
                   minor(file_stat->st_dev), (unsigned long long)file_stat->st_ino);
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        char *const end = strstr(line, place);
        if (end == NULL || strstr(line, " FLOCK ") == NULL) {
            continue;
        }
        *end = '\0';
        const char *const number = strrchr(line, ' ');
        found = number != NULL && cyc_copy(pid, PID_SIZE, number + 1);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

static bool has_open(const char *pid, dev_t device)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *const folder = opendir(path);
    bool found = false;
    for (const struct dirent *entry = folder != NULL ? readdir(folder) : NULL;
         entry != NULL && !found; entry = readdir(folder)) {
        struct stat file_stat;
        found = is_number(entry->d_name) &&
                fstatat(dirfd(folder), entry->d_name, &file_stat, 0) == 0 &&
                S_ISCHR(file_stat.st_mode) && file_stat.st_rdev == device;
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return found;
}

bool cyc_bus_holder(const char *device, char *holder, size_t size)
{
    struct stat file_stat;
    char locker[PID_SIZE] = "";
    holder[0] = '\0';
    if (stat(device, &file_stat) != 0) {
        return false;
    }
    const bool is_locked = find_locker(&file_stat, locker);
    if (is_locked && has_open(locker, file_stat.st_rdev)) {
        name_process(locker, holder, size);
        return true;
    }
    /* Not locked, or whoever took the lock has died and left it to a duplicate. Who asks may have
     * opened it as well, to try the lock. */
    DIR *const folder = opendir("/proc");
    for (const struct dirent *entry = folder != NULL ? readdir(folder) : NULL; entry != NULL;
         entry = readdir(folder)) {
        if (is_number(entry->d_name) && strtol(entry->d_name, NULL, 10) != getpid() &&
            has_open(entry->d_name, file_stat.st_rdev)) {
            name_process(entry->d_name, holder, size);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return is_locked;
}

/* ---- Ports that are not there -------------------------------------------------------------------
 */

struct candidates {
    const char *names[CANDIDATES_MAX + 1];
    size_t count;
    struct cyc_arena *arena;
};

static int add_candidates(void *context, const struct cyc_port_info *info)
{
    struct candidates *const candidates = context;
    const char *const names[] = {info->by_id, info->by_path, info->device};
    for (size_t i = 0; i < 3 && candidates->count < CANDIDATES_MAX; i++) {
        const char *const name =
            names[i][0] != '\0' ? cyc_arena_string(candidates->arena, names[i], strlen(names[i]))
                                : NULL;
        if (name != NULL) {
            candidates->names[candidates->count++] = name;
        }
    }
    return 0;
}

int cyc_bus_missing(const char *address, struct cyc_err *err)
{
    const int code = errno;
    struct cyc_arena arena;
    cyc_arena_init(&arena, 1u << 16);
    struct candidates candidates = {.arena = &arena};
    (void)cyc_ports_list(false, add_candidates, &candidates, NULL);
    const char *const nearest = cyc_nearest(address, candidates.names);
    int status = CYC_E_FILE;
    if (code != ENOENT) {
        errno = code;
        (void)cyc_err_set(err, status, "the port '%s' cannot be found: %m", address);
    } else if (nearest != NULL) {
        (void)cyc_err_set(err, status, "there is no port '%s'; did you mean '%s'?", address,
                          nearest);
    } else {
        (void)cyc_err_set(
            err, status, "there is no port '%s'; `cyclostat ports` lists those there are", address);
    }
    cyc_arena_release(&arena);
    return status;
}
