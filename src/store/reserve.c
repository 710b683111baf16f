/* The reserve: 64 MiB of the disk that nobody uses, until the disk is full and the reason has to be
 * written down. It is made when a host starts and given back once; a host that starts again on a
 * disk that is still full is told so before any run begins, or is gone on with. */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESERVE_NAME ".reserve"
#define ROOM_NAME    ".room" /* for a moment */

static int take(const char *path, struct cyc_err *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        return cyc_file_failed(err, "create", path, errno);
    }
    const int failed = posix_fallocate(fd, 0, CYC_RESERVE_SIZE);
    (void)close(fd);
    if (failed != 0) {
        (void)unlink(path);
        return cyc_file_failed(err, "reserve 64 MiB in", path, failed);
    }
    return CYC_OK;
}

static bool is_there(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && status.st_size == CYC_RESERVE_SIZE;
}

int cyc_reserve_make(const char *runs_dir, struct cyc_err *err)
{
    char path[CYC_PATH_SIZE];
    int result = cyc_folder_make(runs_dir, err);
    if (result == CYC_OK) {
        result = cyc_path_join(path, runs_dir, RESERVE_NAME, err);
    }
    return result == CYC_OK && !is_there(path) ? take(path, err) : result;
}

int cyc_reserve_again(const char *run_folder, bool needs_room, struct cyc_err *err)
{
    char path[CYC_PATH_SIZE], room[CYC_PATH_SIZE];
    int status = cyc_path_join(path, run_folder, "../" RESERVE_NAME, err);
    status = status == CYC_OK ? cyc_path_join(room, run_folder, ROOM_NAME, err) : status;
    if (status == CYC_OK && !is_there(path)) {
        status = take(path, err);
    }
    if (status == CYC_OK && needs_room) {
        status = take(room, err);
        (void)unlink(room);
    }
    return status;
}

int cyc_reserve_release(const char *run_folder)
{
    char path[CYC_PATH_SIZE];
    const int status = cyc_path_join(path, run_folder, "../" RESERVE_NAME, NULL);
    if (status != CYC_OK) {
        return status;
    }
    return unlink(path) == 0 || errno == ENOENT ? CYC_OK : CYC_E_FILE;
}
