/* The latch: a file that says that nothing may be energised.
 *
 * It is asked for by looking whether the file is there, so its text may be broken, empty or
 * unreadable without opening the way. It is cleared by a person's `rearm` alone, and with it the
 * marks of channels whose limits were broken, one file each.
 */
#include "device/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LATCH   "latch"
#define TRIPPED "tripped-"
#define FOUND   "found-"

static int open_folder(const char *state_dir, int *folder, struct cyc_err *err)
{
    *folder = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *folder >= 0
               ? CYC_OK
               : cyc_err_set(err, CYC_E_FILE, "cannot open the state folder %s: %m", state_dir);
}

int cyc_latch_set(const char *state_dir, const char *why, struct cyc_err *err)
{
    int folder = -1;
    int status = open_folder(state_dir, &folder, err);
    if (status != CYC_OK) {
        return status;
    }
    const int fd = openat(folder, LATCH, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        status = cyc_err_set(err, CYC_E_FILE, "cannot set the latch in %s: %m", state_dir);
    } else {
        /* The name is what counts; a text that a full disk does not take is no failure. */
        struct stat state;
        const bool first = fstat(fd, &state) == 0 && state.st_size == 0;
        if (first && dprintf(fd, "%s\n", why) < 0) {
            errno = 0;
        }
        (void)close(fd);
    }
    (void)close(folder);
    return status;
}

int cyc_latch_sync(const char *state_dir, struct cyc_err *err)
{
    int folder = -1;
    int status = open_folder(state_dir, &folder, err);
    if (status != CYC_OK) {
        return status;
    }
    const int fd = openat(folder, LATCH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fsync(fd) != 0 || fsync(folder) != 0) {
        status =
            cyc_err_set(err, CYC_E_FILE, "the latch in %s is set but not synced: %m", state_dir);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    (void)close(folder);
    return status;
}

/* Before the latch: whoever is interrupted in between is latched still. */
static int clear_trips(const char *state_dir, int folder, struct cyc_err *err)
{
    DIR *const names = opendir(state_dir);
    int status = names != NULL ? CYC_OK
                               : cyc_err_set(err, CYC_E_FILE, "cannot read the state folder %s: %m",
                                             state_dir);
    for (struct dirent *name; status == CYC_OK && (name = readdir(names)) != NULL;) {
        if (strncmp(name->d_name, TRIPPED, sizeof TRIPPED - 1) == 0 &&
            unlinkat(folder, name->d_name, 0) != 0 && errno != ENOENT) {
            status =
                cyc_err_set(err, CYC_E_FILE, "cannot clear %s in %s: %m", name->d_name, state_dir);
        }
    }
    if (names != NULL) {
        (void)closedir(names);
    }
    return status;
}

int cyc_latch_clear(const char *state_dir, struct cyc_err *err)
{
    int folder = -1;
    int status = open_folder(state_dir, &folder, err);
    if (status != CYC_OK) {
        return status;
    }
    status = clear_trips(state_dir, folder, err);
    if (status != CYC_OK) {
        (void)close(folder);
        return status;
    }
    if (unlinkat(folder, LATCH, 0) != 0 && errno != ENOENT) {
        status = cyc_err_set(err, CYC_E_FILE, "cannot clear the latch in %s: %m", state_dir);
    } else if (fsync(folder) != 0) {
        status = cyc_err_set(err, CYC_E_FILE, "cannot sync the state folder %s: %m", state_dir);
    }
    (void)close(folder);
    return status;
}

static void read_why(int folder, const char *name, char *why, size_t size)
{
    (void)cyc_copy(why, size, "(no reason is written down)");
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return;
    }
    char text[256];
    const ssize_t count = read(fd, text, sizeof text - 1);
    if (count > 0) {
        text[count] = '\0';
        text[strcspn(text, "\n")] = '\0';
        (void)cyc_copy(why, size, text);
    }
    (void)close(fd);
}

bool cyc_latch_is_set(const char *state_dir, char *why, size_t size)
{
    const int folder = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        if (why != NULL) {
            (void)snprintf(why, size, "the state folder %s cannot be opened", state_dir);
        }
        return true;
    }
    const bool is_set = faccessat(folder, LATCH, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
    if (is_set && why != NULL) {
        read_why(folder, LATCH, why, size);
    }
    (void)close(folder);
    return is_set;
}

/* ---- Channels whose limits were broken --------------------------------------------------------
 */

static bool mark_path(const char *state_dir, const char *prefix, const char *channel, char *path,
                      size_t size)
{
    const int length = snprintf(path, size, "%s/%s%s", state_dir, prefix, channel);
    return length > 0 && (size_t)length < size;
}

int cyc_trip_set(const char *state_dir, const char *channel, struct cyc_err *err)
{
    char path[1200];
    if (!mark_path(state_dir, TRIPPED, channel, path, sizeof path)) {
        return cyc_err_set(err, CYC_E_BOUND, "the path of the state folder is too long");
    }
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return cyc_err_set(err, CYC_E_FILE, "cannot write down in %s that '%s' was tripped: %m",
                           state_dir, channel);
    }
    (void)close(fd);
    return CYC_OK;
}

bool cyc_trip_is_set(const char *state_dir, const char *channel)
{
    char path[1200];
    return !mark_path(state_dir, TRIPPED, channel, path, sizeof path) ||
           faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* ---- Channels whose instrument was found otherwise than commanded ------------------------------
 */

int cyc_found_set(const char *state_dir, const char *channel, const char *what, struct cyc_err *err)
{
    char path[1200];
    if (!mark_path(state_dir, FOUND, channel, path, sizeof path)) {
        return cyc_err_set(err, CYC_E_BOUND, "the path of the state folder is too long");
    }
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return cyc_err_set(err, CYC_E_FILE, "cannot write down in %s what was found at '%s': %m",
                           state_dir, channel);
    }
    if (dprintf(fd, "%s\n", what) < 0) {
        errno = 0; /* the name is what counts */
    }
    (void)close(fd);
    return CYC_OK;
}

void cyc_found_clear(const char *state_dir, const char *channel)
{
    char path[1200];
    if (mark_path(state_dir, FOUND, channel, path, sizeof path)) {
        (void)unlink(path); /* one that stays holds the next process, which is no harm */
    }
}

bool cyc_found_is_set(const char *state_dir, const char *channel, char *what, size_t size)
{
    char path[1200];
    if (mark_path(state_dir, FOUND, channel, path, sizeof path) &&
        faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) {
        return false;
    }
    read_why(AT_FDCWD, path, what, size);
    return true;
}
