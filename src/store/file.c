#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int cyc_file_failed(struct cyc_err *err, const char *what, const char *path, int error_number)
{
    /* strerror() would follow the language of the environment. */
    const char *why = strerrordesc_np(error_number);
    if (error_number == ENOSPC || error_number == EDQUOT) {
        return cyc_err_set(err, CYC_E_NO_SPACE,
                           "cannot %s %s: the disk is full; what was written before stays "
                           "readable, free some space and start again",
                           what, path);
    }
    if (error_number == EIO) {
        return cyc_err_set(err, CYC_E_FILE,
                           "cannot %s %s: %s; look after the disk first",
                           what, path, why);
    }
    if (error_number == ENOMEM) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "cannot %s %s: out of memory", what, path);
    }
    if (error_number == EACCES || error_number == EROFS || error_number == EPERM) {
        return cyc_err_set(err, CYC_E_FILE,
                           "cannot %s %s: %s; choose a folder that you may write to", what, path,
                           why);
    }
    return cyc_err_set(err, CYC_E_FILE, "cannot %s %s: %s", what, path, why ? why : "unknown");
}

int cyc_file_write(int fd, const void *bytes, size_t size, const char *path, size_t *written,
                   struct cyc_err *err)
{
    const char *at = bytes;
    *written = 0;
    while (*written < size) {
        const ssize_t count = write(fd, at + *written, size - *written);
        if (count < 0 && errno != EINTR) {
            return cyc_file_failed(err, "write", path, errno);
        }
        *written += count > 0 ? (size_t)count : 0;
    }
    return CYC_OK;
}

int cyc_file_sync(int fd, const char *path, struct cyc_err *err)
{
    /* After a failed sync the kernel may have dropped the pages, so it is final: no retry. */
    return fdatasync(fd) == 0 ? CYC_OK : cyc_file_failed(err, "sync", path, errno);
}

int cyc_folder_sync(const char *path, struct cyc_err *err)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return cyc_file_failed(err, "open", path, errno);
    }
    const int status = cyc_file_sync(fd, path, err);
    (void)close(fd);
    return status;
}

int cyc_path_join(char path[CYC_PATH_SIZE], const char *folder, const char *name,
                  struct cyc_err *err)
{
    const int size = snprintf(path, CYC_PATH_SIZE, "%s/%s", folder, name);
    if (size < 0 || size >= CYC_PATH_SIZE) {
        return cyc_err_set(err, CYC_E_BOUND, "the path %.200s… is longer than %d bytes", folder,
                           CYC_PATH_SIZE - 1);
    }
    return CYC_OK;
}

static int write_new(const char *path, const char *bytes, size_t size, bool sync,
                     struct cyc_err *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return cyc_file_failed(err, "create", path, errno);
    }
    size_t written;
    int status = cyc_file_write(fd, bytes, size, path, &written, err);
    if (status == CYC_OK && sync) {
        status = cyc_file_sync(fd, path, err);
    }
    if (close(fd) != 0 && status == CYC_OK) {
        status = cyc_file_failed(err, "write", path, errno);
    }
    return status;
}

int cyc_file_replace(const char *path, const char *bytes, size_t size, bool sync,
                     struct cyc_err *err)
{
    char temporary[CYC_PATH_SIZE];
    const int length = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (length < 0 || length >= (int)sizeof temporary) {
        return cyc_err_set(err, CYC_E_BOUND, "the path %.200s… is too long", path);
    }
    int status = write_new(temporary, bytes, size, sync, err);
    if (status == CYC_OK && rename(temporary, path) != 0) {
        status = cyc_file_failed(err, "replace", path, errno);
    }
    if (status != CYC_OK) {
        (void)unlink(temporary);
    }
    return status;
}

int cyc_folder_make(const char *path, struct cyc_err *err)
{
    char part[CYC_PATH_SIZE];
    if (!cyc_copy(part, sizeof part, path)) {
        return cyc_err_set(err, CYC_E_BOUND, "the path %.200s… is longer than %d bytes", path,
                           CYC_PATH_SIZE - 1);
    }
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            return cyc_file_failed(err, "make the folder", part, errno);
        }
        *slash = '/';
    }
    if (mkdir(part, 0777) != 0 && errno != EEXIST) {
        return cyc_file_failed(err, "make the folder", part, errno);
    }
    return CYC_OK;
}

bool cyc_folder_locked(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)close(fd);
    return locked;
}
