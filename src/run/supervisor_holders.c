/* Who holds the ports, written down for the day when nobody can be asked: <state>/holders, a line
 * per process with its role, number, start, and a port's name. A number alone may have gone to
 * somebody else. A line `down NAME` for each one that stays down, since its restarts are used up.
 */
#include "run/supervisor_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOLDERS "holders"
#define DOWN    "down "
#define THREADS 16 /* numbers between the state's letter and how many threads it has (proc(5)) */
#define START   2  /* and from there to the start time */

static const char *skip_numbers(const char *at, unsigned count)
{
    for (unsigned i = 0; i < count && at != NULL; i++) {
        at = strchr(at + 1, ' ');
    }
    return at;
}

/* A zombie holds nothing, once the last of its threads has ended: the first one may well be a
 * zombie while another still has the port open. */
uint64_t cyc_supervisor_start_of(pid_t pid)
{
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    const ssize_t count = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (count <= 0) {
        return 0;
    }
    text[count] = '\0';
    const char *const end = strrchr(text, ')'); /* the program's name may hold anything */
    if (end == NULL || strlen(end) < 4) {
        return 0;
    }
    const char *const threads = skip_numbers(end + 3, THREADS);
    const char *const start = threads != NULL ? skip_numbers(threads, START) : NULL;
    if (start == NULL || (end[2] == 'Z' && strtoull(threads + 1, NULL, 10) <= 1)) {
        return 0;
    }
    return strtoull(start + 1, NULL, 10);
}

/* The path, and behind its end what is to stand there. */
static int replace(void *context, struct cyc_err *err)
{
    const char *const path = context;
    const char *const text = path + strlen(path) + 1;
    const size_t length = strlen(text);
    char fresh[1200];
    const int printed = snprintf(fresh, sizeof fresh, "%s.new", path);
    if (printed < 0 || (size_t)printed >= sizeof fresh) {
        return cyc_err_set(err, CYC_E_BOUND, "the path of the state folder is too long");
    }
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const bool written = fd >= 0 && write(fd, text, length) == (ssize_t)length;
    if (fd >= 0) {
        (void)close(fd);
    }
    return written && rename(fresh, path) == 0
               ? CYC_OK
               : cyc_err_set(err, CYC_E_FILE, "cannot write down who holds the ports: %m");
}

void cyc_supervisor_write_holders(struct supervisor *supervisor)
{
    struct cyc_text text = {0};
    cyc_text_format(&text, "%s/" HOLDERS, supervisor->options->state_dir);
    cyc_text_append_size(&text, "", 1);
    if (!supervisor->ending) {
        cyc_text_format(&text, "supervisor %d %" PRIu64 "\n", (int)getpid(),
                        cyc_supervisor_start_of(getpid()));
    }
    for (unsigned i = 0; i < supervisor->child_count; i++) {
        const struct child *const child = &supervisor->children[i];
        if (child->pid > 0) {
            cyc_text_format(&text, "%s %d %" PRIu64 "%s%s\n", child->is_daemon ? "daemon" : "port",
                            (int)child->pid, child->start, child->is_daemon ? "" : " ",
                            child->is_daemon ? "" : child->name);
        }
    }
    for (unsigned i = 0; i < supervisor->child_count && !supervisor->ending; i++) {
        const struct child *const child = &supervisor->children[i];
        if (child->is_given_up) {
            cyc_text_format(&text, DOWN "%s%s\n", child->is_daemon ? "" : "port ", child->name);
        }
    }
    if (!text.failed) {
        (void)cyc_errands_post(supervisor->errands, replace, text.data, text.length + 1);
    }
    cyc_text_release(&text);
}

/* ---- Those who are left ----------------------------------------------------------------------
 */

static bool wait_until_gone(pid_t pid, uint64_t start)
{
    const int64_t until = cyc_boot_now_ns() + CYC_S_NS;
    while (cyc_supervisor_start_of(pid) == start) {
        if (cyc_boot_now_ns() > until) {
            return false;
        }
        const struct timespec moment = {.tv_nsec = 2 * CYC_MS_NS};
        (void)nanosleep(&moment, NULL);
    }
    return true;
}

static int kill_holder(const char *line, struct cyc_err *err)
{
    char *end = NULL;
    const char *const blank = strchr(line, ' ');
    if (blank == NULL) {
        return CYC_OK;
    }
    const pid_t pid = (pid_t)strtol(blank + 1, &end, 10);
    const uint64_t start = strtoull(end, NULL, 10);
    if (pid <= 1 || start == 0 || pid == getpid() || cyc_supervisor_start_of(pid) != start) {
        return CYC_OK; /* gone, and its number with somebody else at most */
    }
    if (kill(pid, SIGKILL) != 0 && errno != ESRCH) {
        return cyc_err_set(err, CYC_E_BUSY, "process %d (%.*s) cannot be killed: %m", (int)pid,
                           (int)(blank - line), line);
    }
    return wait_until_gone(pid, start)
               ? CYC_OK
               : cyc_err_set(err, CYC_E_BUSY,
                             "the kernel does not end process %d (%.*s); what it holds can only be "
                             "switched off by hand",
                             (int)pid, (int)(blank - line), line);
}

int cyc_supervisor_kill_holders(const char *state_dir, struct cyc_err *err)
{
    char path[1200];
    const int length = snprintf(path, sizeof path, "%s/" HOLDERS, state_dir);
    if (length < 0 || (size_t)length >= sizeof path) {
        return cyc_err_set(err, CYC_E_BOUND, "the path of the state folder is too long");
    }
    FILE *const file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT ? CYC_OK : cyc_err_set(err, CYC_E_FILE, "cannot read %s: %m", path);
    }
    char line[160];
    int worst = CYC_OK;
    while (fgets(line, sizeof line, file) != NULL) { /* the supervisor first: it would restart */
        line[strcspn(line, "\n")] = '\0';
        const int status = kill_holder(line, worst == CYC_OK ? err : NULL);
        worst = worst == CYC_OK ? status : worst;
    }
    (void)fclose(file);
    return worst;
}

/* NULL: nobody has written them down. */
static FILE *open_holders(const char *state_dir)
{
    char path[1200];
    const int length = snprintf(path, sizeof path, "%s/" HOLDERS, state_dir);
    return length > 0 && (size_t)length < sizeof path ? fopen(path, "re") : NULL;
}

bool cyc_supervisor_down(const char *state_dir, struct cyc_text *names)
{
    char line[160];
    FILE *const file = open_holders(state_dir);
    pid_t supervisor = 0;
    uint64_t start = 0;
    bool found = false;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "supervisor ", 11) == 0) {
            char *end = NULL;
            supervisor = (pid_t)strtol(line + 11, &end, 10);
            start = strtoull(end, NULL, 10);
        } else if (strncmp(line, DOWN, sizeof DOWN - 1) == 0 && supervisor > 1 &&
                   cyc_supervisor_start_of(supervisor) == start) {
            cyc_text_format(names, "%s%s", found ? ", " : "", line + sizeof DOWN - 1);
            found = true;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

int cyc_supervisor_find_port(const char *state_dir, const char *port)
{
    char line[160];
    FILE *const file = open_holders(state_dir);
    pid_t found = 0;
    while (file != NULL && found == 0 && fgets(line, sizeof line, file) != NULL) {
        char *end = NULL;
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "port ", 5) != 0) {
            continue;
        }
        const pid_t pid = (pid_t)strtol(line + 5, &end, 10);
        const uint64_t start = strtoull(end, &end, 10);
        const bool is_it = end[0] == ' ' && strcmp(end + 1, port) == 0;
        found = is_it && pid > 1 && cyc_supervisor_start_of(pid) == start ? pid : 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}
