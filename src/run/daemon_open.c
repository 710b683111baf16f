/* Opening a run folder takes as long as its disk wants, so a thread of its own does it: reads the
 * journal and what the run is started with, opens it for writing, and leaves a marker in the state
 * folder by which the next daemon finds the run. It ends with one count on the daemon's event
 * descriptor.
 *
 *   <state>/run-A1      the folder of the run on channel A1
 *   <state>/fault-A1    the same file by another name once the run has ended in a fault, with the
 *                       reason in its second line; until a person acknowledges it
 *
 * A name is changed without room on the disk. Only the name counts: a reason that a full disk does
 * not take is still in the run's folder. */
#include "run/daemon_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int path_of(const struct daemon *daemon, const char *kind, unsigned channel, char *path,
                   size_t size)
{
    const int length = snprintf(path, size, "%s/%s-%s", daemon->options->state_dir, kind,
                                daemon->rig->channels[channel].name);
    return length > 0 && (size_t)length < size ? CYC_OK : CYC_E_BOUND;
}

static int marker_path(const struct daemon *daemon, unsigned channel, char *path, size_t size)
{
    return path_of(daemon, "run", channel, path, size);
}

static int latch_path(const struct daemon *daemon, unsigned channel, char *path, size_t size)
{
    return path_of(daemon, "fault", channel, path, size);
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

/* Rows behind the mark are made again from the port's readings; where those are gone, kept. */
static int open_again(struct opener *opener)
{
    int status = cyc_reserve_again(opener->folder, opener->needs_room, &opener->err);
    if (status == CYC_OK) {
        status = cyc_resume_open(opener->folder, &opener->resume, &opener->err);
    }
    if (status != CYC_OK) {
        return status;
    }
    const struct cyc_run_journal *journal = &opener->resume->journal;
    status = cyc_run_journal_read(opener->folder, &opener->journal, &opener->err);
    if (status == CYC_OK) {
        status = cyc_start_read(opener->folder, &opener->start, &opener->err);
    }
    if (status == CYC_OK) {
        status = cyc_resume_reopen(opener->resume, &opener->run, &opener->tail, &opener->err);
    }
    if (status == CYC_OK && !opener->resume->has_state && journal->finished_steps == 0 &&
        journal->open_step == 0 && journal->row_count == 0) {
        cyc_resume_close(opener->resume); /* it had not begun: it begins now */
        opener->resume = NULL;
    }
    return status;
}

static int open_first(struct opener *opener)
{
    int status = cyc_run_journal_read(opener->folder, &opener->journal, &opener->err);
    if (status == CYC_OK) {
        status = cyc_start_read(opener->folder, &opener->start, &opener->err);
    }
    if (status == CYC_OK) {
        status = write_marker(opener, &opener->err);
    }
    if (status == CYC_OK) {
        status = cyc_run_reopen(&opener->journal, &opener->run, &opener->tail, &opener->err);
    }
    return status;
}

/* Whether the run had ended in a fault, and its daemon died before it could say so. */
static void look_for_fault(struct opener *opener)
{
    struct cyc_run_info info;
    if (cyc_run_find("", opener->folder, &info, NULL) == CYC_OK && strcmp(info.end, "fault") == 0) {
        opener->failed = true;
        (void)cyc_copy(opener->err.text, sizeof opener->err.text, info.why);
    }
}

static void *run(void *context)
{
    struct opener *opener = context;
    (void)cyc_errands_wait(opener->errands, INT64_MAX); /* what was there before is forgotten */
    opener->status = opener->again ? open_again(opener) : open_first(opener);
    if (opener->again && opener->status == CYC_E_INPUT) {
        look_for_fault(opener);
    }
    if (opener->run != NULL) {
        cyc_run_rest(opener->run); /* until something is written */
    }
    opener->done = true;
    const uint64_t one = 1;
    (void)!write(opener->event_fd, &one, sizeof one);
    return NULL;
}

static int describe_rig(const struct daemon *daemon, unsigned channel, struct opener *opener,
                        struct cyc_err *err)
{
    struct cyc_text text = {0};
    cyc_rig_channel_json(daemon->rig, channel, &text);
    if (text.failed) {
        cyc_text_release(&text);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to open the run");
    }
    opener->rig_now = text.data;
    return CYC_OK;
}

int cyc_daemon_opener_new(const struct daemon *daemon, unsigned channel, const char *folder,
                          bool again, struct opener **opener, struct cyc_err *err)
{
    struct opener *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to open the run");
    }
    made->event_fd = daemon->opener_fd;
    made->errands = daemon->errands;
    made->again = again;
    made->needs_room = daemon->channels[channel].needs_room;
    if (again && describe_rig(daemon, channel, made, err) != CYC_OK) {
        free(made);
        return CYC_E_NO_MEMORY;
    }
    if (!cyc_copy(made->folder, sizeof made->folder, folder) ||
        marker_path(daemon, channel, made->marker, sizeof made->marker) != CYC_OK) {
        free(made->rig_now);
        free(made);
        return cyc_err_set(err, CYC_E_BOUND, "the path of the run or of the state is too long");
    }
    if (pthread_create(&made->thread, NULL, run, made) != 0) {
        free(made->rig_now);
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
    cyc_resume_close(opener->resume);
    free(opener->rig_now);
    free(opener);
}

/* An errand for the state folder: a run is over, or has ended in a fault. */
struct marks {
    char marker[CYC_PATH_SIZE], latch[CYC_PATH_SIZE];
    char why[256];
};

static bool marks_of(const struct daemon *daemon, unsigned channel, struct marks *marks)
{
    return marker_path(daemon, channel, marks->marker, sizeof marks->marker) == CYC_OK &&
           latch_path(daemon, channel, marks->latch, sizeof marks->latch) == CYC_OK;
}

static int forget(void *context, struct cyc_err *err)
{
    const struct marks *const marks = context;
    const char *const paths[] = {marks->marker, marks->latch};
    for (unsigned i = 0; i < 2; i++) {
        if (unlink(paths[i]) != 0 && errno != ENOENT) {
            return cyc_err_set(err, CYC_E_FILE, "cannot remove %s: %m", paths[i]);
        }
    }
    return CYC_OK;
}

static int latch(void *context, struct cyc_err *err)
{
    const struct marks *const marks = context;
    const int fd =
        open(marks->marker, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const bool kept = fd >= 0 && dprintf(fd, "\n%s", marks->why) >= 0;
    int status = kept ? CYC_OK
                      : cyc_err_set(err, CYC_E_FILE, "the fault's reason cannot be kept in %s: %m",
                                    marks->marker);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (rename(marks->marker, marks->latch) != 0) {
        status = cyc_err_set(err, CYC_E_FILE, "the fault cannot be kept in %s: %m", marks->latch);
    }
    return status;
}

void cyc_daemon_opener_forget(const struct daemon *daemon, unsigned channel)
{
    struct marks marks = {0};
    if (marks_of(daemon, channel, &marks)) {
        (void)cyc_errands_post(daemon->errands, forget, &marks, sizeof marks);
    }
}

void cyc_daemon_opener_latch(const struct daemon *daemon, unsigned channel, const char *why)
{
    struct marks marks = {0};
    if (marks_of(daemon, channel, &marks)) {
        (void)cyc_copy(marks.why, sizeof marks.why, why);
        (void)cyc_errands_post(daemon->errands, latch, &marks, sizeof marks);
    }
}

/* -1: there is no such file. */
static ssize_t read_all(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
    return fd >= 0 && length < 0 ? 0 : length;
}

static void set_run(struct channel *channel, const char *folder)
{
    const char *const slash = strrchr(folder, '/');
    (void)cyc_copy(channel->folder, sizeof channel->folder, folder);
    (void)cyc_copy(channel->run_id, sizeof channel->run_id, slash != NULL ? slash + 1 : folder);
}

bool cyc_daemon_opener_recall(const struct daemon *daemon, unsigned index, struct channel *channel)
{
    char path[CYC_PATH_SIZE];
    char folder[CYC_PATH_SIZE];
    if (marker_path(daemon, index, path, sizeof path) != CYC_OK ||
        read_all(path, folder, sizeof folder) <= 0) {
        return false;
    }
    folder[strcspn(folder, "\n")] = '\0';
    set_run(channel, folder);
    return folder[0] != '\0';
}

bool cyc_daemon_opener_is_latched(const struct daemon *daemon, unsigned index,
                                  struct channel *channel)
{
    char path[CYC_PATH_SIZE];
    char text[CYC_PATH_SIZE + sizeof channel->why];
    if (latch_path(daemon, index, path, sizeof path) != CYC_OK ||
        read_all(path, text, sizeof text) < 0) {
        return false;
    }
    char *why = text;
    set_run(channel, strsep(&why, "\n"));
    (void)cyc_copy(channel->end, sizeof channel->end, cyc_finish_name(CYC_FINISH_FAULT));
    (void)cyc_copy(channel->why, sizeof channel->why,
                   why != NULL ? why : "its run's folder says why");
    return true;
}
