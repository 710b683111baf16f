/* Opening a run folder takes as long as its disk wants, so a thread of its own does it: reads the
 * journal and what the run is started with, opens it for writing, and leaves a marker in the state
 * folder by which the next daemon finds the run. It ends with one count on the daemon's event
 * descriptor. */
#include "run/daemon_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int marker_path(const struct daemon *daemon, unsigned channel, char *path, size_t size)
{
    const int length = snprintf(path, size, "%s/run-%s", daemon->options->state_dir,
                                daemon->rig->channels[channel].name);
    return length > 0 && (size_t)length < size ? CYC_OK : CYC_E_BOUND;
}

static int write_marker(const struct opener *opener, struct cyc_err *err)
{
    const size_t size = strlen(opener->folder);
    const int fd =
        open(opener->marker, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const bool written =
        fd >= 0 && write(fd, opener->folder, size) == (ssize_t)size && fsync(fd) == 0;
    const int number = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = number;
    return written ? CYC_OK : cyc_err_set(err, CYC_E_FILE, "cannot write %s: %m", opener->marker);
}

static void *run(void *context)
{
    struct opener *opener = context;
    int status = cyc_run_journal_read(opener->folder, &opener->journal, &opener->err);
    if (status == CYC_OK) {
        status = cyc_start_read(opener->folder, &opener->start, &opener->err);
    }
    if (status == CYC_OK) {
        status = write_marker(opener, &opener->err);
    }
    if (status == CYC_OK) {
        status = cyc_run_reopen(&opener->journal, false, &opener->run, &opener->tail, &opener->err);
    }
    opener->status = status;
    opener->done = true;
    const uint64_t one = 1;
    (void)!write(opener->event_fd, &one, sizeof one);
    return NULL;
}

int cyc_daemon_opener_new(const struct daemon *daemon, unsigned channel, const char *folder,
                          struct opener **opener, struct cyc_err *err)
{
    struct opener *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to open the run");
    }
    made->event_fd = daemon->opener_fd;
    if (!cyc_copy(made->folder, sizeof made->folder, folder) ||
        marker_path(daemon, channel, made->marker, sizeof made->marker) != CYC_OK) {
        free(made);
        return cyc_err_set(err, CYC_E_BOUND, "the path of the run or of the state is too long");
    }
    if (pthread_create(&made->thread, NULL, run, made) != 0) {
        free(made);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no thread to open the run");
    }
    *opener = made;
    return CYC_OK;
}

void cyc_daemon_opener_free(struct opener *opener)
{
    if (opener == NULL) {
        return;
    }
    (void)pthread_join(opener->thread, NULL);
    if (opener->run != NULL) {
        cyc_run_leave(opener->run);
    }
    cyc_run_journal_release(&opener->journal);
    free(opener);
}

void cyc_daemon_opener_forget(const struct daemon *daemon, unsigned channel)
{
    char path[CYC_PATH_SIZE];
    if (marker_path(daemon, channel, path, sizeof path) == CYC_OK) {
        (void)unlink(path);
    }
}

bool cyc_daemon_opener_recall(const struct daemon *daemon, unsigned channel, char *folder,
                              size_t size)
{
    char path[CYC_PATH_SIZE];
    if (marker_path(daemon, channel, path, sizeof path) != CYC_OK) {
        return false;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd >= 0 ? read(fd, folder, size - 1) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    folder[length > 0 ? length : 0] = '\0';
    return length > 0;
}
