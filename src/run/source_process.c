/* The parent's side of a source process.
 *
 *            start              ask                    whole frame
 *     (none) ─────► LOADING  ─────────► ASKED ───────────────────────► ANSWERED ──► ask again
 *                                         │  end of stream, garbage
 *                                         └──────────────────────────► LOST (kept for good)
 *
 * Nothing here waits. The child has one question at a time, far smaller than the socket's buffer,
 * so sending never has to be continued; an answer is taken in pieces, as many as are there but at
 * most PIECES_MAX per call, so that a profile of 8 MB does not hold up the loop. How long to be
 * patient is the caller's business.
 *
 * A stream that ends means a child that dies: it closes its socket only on the way out. It is
 * killed all the same, which changes nothing in how it died and ends one that closed its socket and
 * lives on; reaping is tried at each call until it succeeds, for the cause, a millisecond each
 * time.
 */
#include "run/source_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE_SIZE ((size_t)128 << 10)
#define PIECES_MAX 4
#define CHILD_FD   3
#define DEATH_MS   1

enum state { STATE_IDLE, STATE_ASKED, STATE_LOST };

struct cyc_source_process {
    int fd;
    pid_t pid;
    enum state state;
    bool reaped, cause_known;
    int wait_status;
    const char *complaint; /* why it was killed; a literal; NULL: it died by itself */
    struct cyc_source_head head;
    size_t got;           /* bytes of head and answer so far */
    unsigned char *bytes; /* owned; the answer */
    size_t capacity;
    struct cyc_expectation *expectations; /* owned; their texts lie in `last` */
    char *texts;                          /* owned */
};

/* ---- Starting
 * ------------------------------------------------------------------------------------ */

static int set_up_actions(posix_spawn_file_actions_t *actions, int fd)
{
    int code = posix_spawn_file_actions_adddup2(actions, fd, CHILD_FD);
    for (int i = 0; code == 0 && i < CHILD_FD; i++) {
        code = posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0);
    }
    return code != 0 ? code : posix_spawn_file_actions_addclosefrom_np(actions, CHILD_FD + 1);
}

static int set_up_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawnattr_setsigmask(attributes, &none);
    (void)posix_spawnattr_setsigdefault(attributes, &all);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETPGROUP);
}

/* The socket is the child's descriptor 3; all others are closed before the program begins. */
static int spawn(const char *program, int fd, pid_t *pid)
{
    char name[] = "cyclostat";
    char verb[] = "source";
    char locale[] = "LC_ALL=C";
    char *const arguments[] = {name, verb, NULL};
    char *const environment[] = {locale, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) {
        return code;
    }
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        code = set_up_actions(&actions, fd);
        code = code == 0 ? set_up_attributes(&attributes) : code;
        code = code == 0 ? posix_spawn(pid, program, &actions, &attributes, arguments, environment)
                         : code;
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
}

static void pack(struct cyc_text *text, const char *word)
{
    const char *const given = word != NULL ? word : "";
    cyc_text_append_size(text, given, strlen(given) + 1);
}

/* Sends one frame whole; false: the child does not take it. */
static bool send_frame(int fd, enum cyc_source_frame_kind kind, const void *bytes, size_t size)
{
    struct cyc_source_head head = {
        .layout = cyc_source_layout(), .kind = kind, .size = (uint32_t)size};
    struct iovec parts[2] = {{.iov_base = &head, .iov_len = sizeof head},
                             {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent = -1;
    do {
        sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)(sizeof head + size);
}

static int send_start(int fd, const struct cyc_source_start *start, struct cyc_err *err)
{
    struct cyc_text text = {0};
    struct cyc_source_start_head head = {.setting_count = start->setting_count,
                                         .voltage_resolution_V = start->voltage_resolution_V,
                                         .current_resolution_A = start->current_resolution_A,
                                         .temperature_resolution_K =
                                             start->temperature_resolution_K};
    int status = CYC_OK;
    if (start->sensors != NULL) {
        head.sensors_known = 1;
        head.sensors = *start->sensors;
    }
    cyc_text_append_size(&text, (const char *)&head, sizeof head);
    pack(&text, start->protocol_path);
    pack(&text, start->cell_path);
    pack(&text, start->journal_folder);
    for (unsigned i = 0; i < start->setting_count; i++) {
        pack(&text, start->settings[i].name);
        pack(&text, start->settings[i].value);
    }
    if (text.failed) {
        status = cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to start the protocol's process");
    } else if (text.length > CYC_SOURCE_START_MAX) {
        status = cyc_err_set(err, CYC_E_BOUND, "paths and settings of more than %zu bytes",
                             CYC_SOURCE_START_MAX);
    } else if (!send_frame(fd, CYC_SOURCE_START, text.data, text.length)) {
        status = cyc_err_set(err, CYC_E_LOST, "the protocol's process does not start: %m");
    }
    cyc_text_release(&text);
    return status;
}

int cyc_source_process_start(const struct cyc_source_start *start,
                             struct cyc_source_process **process, struct cyc_err *err)
{
    int pair[2];
    struct cyc_source_process *const made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a source process");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        free(made);
        return cyc_err_set(err, CYC_E_FILE, "no socket for the protocol's process: %m");
    }
    made->fd = pair[0];
    const int code = spawn(start->program, pair[1], &made->pid);
    (void)close(pair[1]);
    if (code != 0) {
        (void)close(made->fd);
        free(made);
        return cyc_err_set(err, CYC_E_FILE, "cannot start %s for the protocol: %s", start->program,
                           strerror(code));
    }
    const int status = send_start(made->fd, start, err);
    if (status != CYC_OK) {
        cyc_source_process_end(made);
        return status;
    }
    *process = made;
    return CYC_OK;
}

/* ---- Ending
 * -------------------------------------------------------------------------------------- */

/* Tries to reap, without waiting. A daemon that reaps all its children may have been faster. */
static bool reap(struct cyc_source_process *process, int flags)
{
    if (!process->reaped) {
        pid_t pid = -1;
        do {
            pid = waitpid(process->pid, &process->wait_status, flags);
        } while (pid < 0 && errno == EINTR);
        process->reaped = pid != 0;
        process->cause_known = pid == process->pid;
    }
    return process->reaped;
}

void cyc_source_process_end(struct cyc_source_process *process)
{
    if (process == NULL) {
        return;
    }
    if (!reap(process, WNOHANG)) {
        (void)kill(process->pid, SIGKILL);
        (void)reap(process, 0);
    }
    (void)close(process->fd);
    free(process->bytes);
    free(process->expectations);
    free(process->texts);
    free(process);
}

int cyc_source_process_fd(const struct cyc_source_process *process)
{
    return process->fd;
}

pid_t cyc_source_process_pid(const struct cyc_source_process *process)
{
    return process->pid;
}

/* What a person can do about it. */
static int tell_death(const struct cyc_source_process *process, struct cyc_err *err)
{
    static const char who[] = "the protocol's process";
    if (process->complaint != NULL) {
        return cyc_err_set(err, CYC_E_LOST, "%s %s and was ended", who, process->complaint);
    }
    if (!process->cause_known) {
        return cyc_err_set(err, CYC_E_LOST, "%s is gone", who);
    }
    if (!WIFSIGNALED(process->wait_status)) {
        return cyc_err_set(err, CYC_E_LOST, "%s ended without an answer (exit code %d)", who,
                           WEXITSTATUS(process->wait_status));
    }
    const int signal_number = WTERMSIG(process->wait_status);
    if (signal_number == SIGPROF || signal_number == SIGXCPU) {
        return cyc_err_set(err, CYC_E_LOST,
                           "the protocol computed for more than %d s before its next step: is "
                           "there a loop without a step in it?",
                           CYC_SOURCE_STEP_CPU_S);
    }
    if (signal_number == SIGKILL) {
        return cyc_err_set(err, CYC_E_LOST,
                           "%s was killed: by hand, or because the computer ran "
                           "out of memory",
                           who);
    }
    if (signal_number == SIGSYS) {
        return cyc_err_set(err, CYC_E_LOST, "%s tried what no protocol may, and was ended", who);
    }
    return cyc_err_set(err, CYC_E_LOST, "%s crashed: %s", who, strsignal(signal_number));
}

static int lose(struct cyc_source_process *process, const char *complaint, struct cyc_err *err)
{
    if (process->state != STATE_LOST) {
        process->state = STATE_LOST;
        process->complaint = complaint;
        if (!reap(process, WNOHANG)) {
            (void)kill(process->pid, SIGKILL);
        }
    }
    if (process->complaint != NULL || reap(process, WNOHANG)) {
        return tell_death(process, err);
    }
    /* The stream stays readable: without a pause the host would turn in circles, and keep the dying
     * from the processor. */
    (void)poll(NULL, 0, DEATH_MS);
    return reap(process, WNOHANG) ? tell_death(process, err)
                                  : cyc_err_set(err, CYC_E_TIMEOUT, "no answer yet");
}

/* ---- Asking
 * -------------------------------------------------------------------------------------- */

int cyc_source_process_ask(struct cyc_source_process *process, const struct cyc_result *result,
                           struct cyc_err *err)
{
    struct cyc_source_question question = {.has_result = result != NULL};
    if (process->state == STATE_LOST) {
        return CYC_OK; /* the answer says it */
    }
    if (process->state == STATE_ASKED) {
        return cyc_err_set(err, CYC_E_BUSY, "the protocol was asked and has not answered yet");
    }
    if (result != NULL) {
        question.result = *result;
    }
    process->state = STATE_ASKED;
    process->got = 0;
    if (!send_frame(process->fd, CYC_SOURCE_ASK, &question, sizeof question)) {
        (void)lose(process, NULL, NULL);
    }
    return CYC_OK;
}

/* ---- The answer
 * ---------------------------------------------------------------------------------- */

/* Room for the next piece: first of the head, then of the answer. NULL: no memory. */
static unsigned char *next_piece(struct cyc_source_process *process, size_t *size)
{
    if (process->got < sizeof process->head) {
        *size = sizeof process->head - process->got;
        return (unsigned char *)&process->head + process->got;
    }
    const size_t got = process->got - sizeof process->head;
    if (process->head.size > process->capacity) {
        free(process->bytes);
        process->capacity = 0;
        process->bytes = malloc(process->head.size);
        if (process->bytes == NULL) {
            return NULL;
        }
        process->capacity = process->head.size;
    }
    *size = process->head.size - got;
    *size = *size < PIECE_SIZE ? *size : PIECE_SIZE;
    return process->bytes + got;
}

static bool head_is_sound(const struct cyc_source_head *head)
{
    return head->layout == cyc_source_layout() && head->kind == CYC_SOURCE_ANSWER &&
           head->size >= sizeof(struct cyc_source_reply) && head->size <= CYC_SOURCE_ANSWER_MAX;
}

/* Takes what is there. CYC_OK: the frame is whole. */
static int take_pieces(struct cyc_source_process *process, struct cyc_err *err)
{
    for (unsigned i = 0; i < PIECES_MAX; i++) {
        size_t size = 0;
        unsigned char *const room = next_piece(process, &size);
        if (room == NULL) {
            return lose(process, "gave an answer for which there is no memory", err);
        }
        const ssize_t got = recv(process->fd, room, size, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (got <= 0) {
            return lose(process, NULL, err);
        }
        process->got += (size_t)got;
        if (process->got == sizeof process->head && !head_is_sound(&process->head)) {
            return lose(process, "answered what no protocol answers", err);
        }
        if (process->got >= sizeof process->head &&
            process->got - sizeof process->head == process->head.size) {
            return CYC_OK;
        }
    }
    return cyc_err_set(err, CYC_E_TIMEOUT, "no answer yet");
}

/* Expectations outlive the buffer: the host evaluates them after its last question. */
static bool keep_expectations(struct cyc_source_process *process,
                              const struct cyc_source_reply *reply)
{
    const struct cyc_source_expected *const rows = cyc_source_reply_expected(reply);
    free(process->expectations);
    free(process->texts);
    process->expectations = calloc(reply->expectation_count + 1u, sizeof *process->expectations);
    process->texts = malloc(reply->text_size + 1u);
    if (process->expectations == NULL || process->texts == NULL) {
        return false;
    }
    memcpy(process->texts, cyc_source_reply_texts(reply), reply->text_size);
    for (uint32_t i = 0; i < reply->expectation_count; i++) {
        process->expectations[i] =
            (struct cyc_expectation){.name = process->texts + rows[i].name,
                                     .unit = process->texts + rows[i].unit,
                                     .source = process->texts + rows[i].source,
                                     .value = rows[i].value,
                                     .is = rows[i].is,
                                     .tolerance = rows[i].tolerance};
    }
    return true;
}

/* Of a whole answer only the segments are needed any longer; a daemon has hundreds of answers. */
static const struct cyc_segment *keep_segments(struct cyc_source_process *process,
                                               const struct cyc_segment *segments, uint32_t count)
{
    const size_t size = count * sizeof *segments;
    memmove(process->bytes, segments, size);
    unsigned char *const less = realloc(process->bytes, size + 1);
    if (less != NULL) {
        process->bytes = less;
        process->capacity = size + 1;
    }
    return (const struct cyc_segment *)(const void *)process->bytes;
}

int cyc_source_process_answer(struct cyc_source_process *process, struct cyc_source_answer *answer,
                              struct cyc_err *err)
{
    if (process->state == STATE_IDLE) {
        return cyc_err_set(err, CYC_E_BUG, "the protocol was not asked");
    }
    const int status =
        process->state == STATE_LOST ? lose(process, NULL, err) : take_pieces(process, err);
    if (status != CYC_OK) {
        return status;
    }
    const struct cyc_source_reply *const reply =
        (const struct cyc_source_reply *)(const void *)process->bytes;
    if (!cyc_source_reply_is_sound(reply, process->head.size)) {
        return lose(process, "answered what no protocol answers", err);
    }
    if (reply->expectation_count > 0 && !keep_expectations(process, reply)) {
        return lose(process, "gave an answer for which there is no memory", err);
    }
    process->state = STATE_IDLE;
    answer->status = reply->status;
    answer->kind = (enum cyc_item_kind)reply->kind;
    answer->finish = (enum cyc_finish)reply->finish;
    answer->cycle = reply->cycle;
    answer->cycle_count = reply->cycle_count;
    answer->cycle_item = reply->cycle_item;
    answer->step = reply->step;
    answer->step.segment_count = reply->segment_count;
    memcpy(answer->text, reply->text, sizeof answer->text);
    answer->expectations = process->expectations;
    answer->expectation_count = reply->expectation_count;
    answer->step.segments =
        keep_segments(process, cyc_source_reply_segments(reply), reply->segment_count);
    return CYC_OK;
}
