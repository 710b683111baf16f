#include "faults/bench.h"

#include "base/text.h"
#include "device/port.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIDE_BY_SIDE 6

const char *bench_cyclostat;
const char *bench_double;

int64_t bench_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * CYC_S_NS + now.tv_nsec;
}

void bench_sleep_ns(int64_t time_ns)
{
    const struct timespec time = {.tv_sec = time_ns / CYC_S_NS, .tv_nsec = time_ns % CYC_S_NS};
    (void)nanosleep(&time, NULL);
}

static void give_up(const char *what)
{
    perror(what);
    exit(2);
}

/* In memory where that is possible: a disk that others keep busy is no part of a test. */
static const char *base_folder(void)
{
    const char *const asked = getenv("TMPDIR");
    return asked != NULL ? asked : access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

void bench_make(struct bench *bench, unsigned number, const char *rig)
{
    const char *const base = base_folder();
    *bench = (struct bench){0};
    (void)snprintf(bench->folder, sizeof bench->folder, "%.200s/cyc-faults-%u-XXXXXX", base,
                   number);
    if (mkdtemp(bench->folder) == NULL) {
        give_up("mkdtemp");
    }
    (void)snprintf(bench->rig, sizeof bench->rig, "%s/rig.yaml", bench->folder);
    (void)snprintf(bench->state, sizeof bench->state, "%s/state", bench->folder);
    (void)snprintf(bench->truth, sizeof bench->truth, "%s/truth.log", bench->folder);
    (void)snprintf(bench->link, sizeof bench->link, "%s/smu", bench->folder);
    if (mkdir(bench->state, 0700) != 0) {
        give_up("mkdir");
    }
    FILE *const file = fopen(bench->rig, "we");
    if (file == NULL || fputs(rig, file) < 0 || fclose(file) != 0) {
        give_up(bench->rig);
    }
}

/* A program in a group of its own, with its output in a file. */
static pid_t start(const struct bench *bench, const char *const *arguments, const char *output)
{
    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s", bench->folder, output);
    const pid_t pid = fork();
    if (pid < 0) {
        give_up("fork");
    }
    if (pid == 0) {
        const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, 0600);
        (void)dup2(fd, STDOUT_FILENO);
        (void)dup2(fd, STDERR_FILENO);
        (void)setpgid(0, 0);
        (void)execv(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    return pid;
}

void bench_start_emulator(struct bench *bench, const char *const *options)
{
    const char *arguments[32] = {bench_cyclostat, "emulate", "--truth", bench->truth};
    unsigned count = 4;
    for (unsigned i = 0; options[i] != NULL && count < 31; i++) {
        arguments[count++] = options[i];
    }
    bench->read_offset = 0;
    bench->emulator = start(bench, arguments, "emulator.txt");
    char path[400];
    (void)snprintf(path, sizeof path, "%s/emulator.txt", bench->folder);
    for (unsigned i = 0; i < 1000 && !bench_file_has(path, "ready"); i++) {
        bench_sleep_ns(5 * CYC_MS_NS);
    }
}

void bench_start_supervisor(struct bench *bench, const char *mode, const char *current_A)
{
    const char *const arguments[] = {bench_double, "supervise",  "--rig", bench->rig,
                                     "--state",    bench->state, NULL};
    (void)setenv("DOUBLE_CYCLOSTAT", bench_cyclostat, 1);
    (void)setenv("DOUBLE", mode, 1);
    (void)setenv("DOUBLE_A", current_A, 1);
    bench->supervisor = start(bench, arguments, "supervisor.txt");
}

void bench_start_program(struct bench *bench, const char *option, const char *value)
{
    const char *const arguments[] = {bench_cyclostat, "supervise", "--rig", bench->rig, "--state",
                                     bench->state,    option,      value,   NULL};
    bench->supervisor = start(bench, arguments, "supervisor.txt");
}

/* ---- With runs ---------------------------------------------------------------------------------
 */

static void protocol_path(const struct bench *bench, char *path, size_t size)
{
    char lua[400];
    (void)snprintf(lua, sizeof lua, "%s/protocol.lua", bench->folder);
    (void)snprintf(path, size, "%s/protocol.%s", bench->folder,
                   access(lua, F_OK) == 0 ? "lua" : "yaml");
}

static void write_protocol(const struct bench *bench, const char *protocol)
{
    char path[400];
    const bool is_lua = strncmp(protocol, "--", 2) == 0;
    (void)snprintf(path, sizeof path, "%s/protocol.lua", bench->folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/protocol.%s", bench->folder, is_lua ? "lua" : "yaml");
    FILE *const file = fopen(path, "we");
    if (file == NULL || fputs(protocol, file) < 0 || fclose(file) != 0) {
        give_up(path);
    }
}

/* What `run` finds by itself, and what the processes are told. */
static void new_state(struct bench *bench)
{
    char root[300];
    struct cyc_err err = {0};
    (void)snprintf(root, sizeof root, "%s/state-%u", bench->folder, ++bench->lives);
    (void)setenv("CYCLOSTAT_STATE", root, 1);
    if (cyc_state_dir(bench->rig, bench->state, sizeof bench->state, &err) != CYC_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(2);
    }
}

void bench_start_run(struct bench *bench, const char *protocol, bool supervised)
{
    write_protocol(bench, protocol);
    new_state(bench);
    const char *const all[] = {bench_cyclostat, "supervise", "--rig", bench->rig, NULL};
    const char *const port[] = {bench_cyclostat, "port", "--rig", bench->rig,
                                "--port",        "smu",  NULL};
    const char *const daemon[] = {bench_cyclostat, "daemon",     "--rig", bench->rig,
                                  "--state",       bench->state, NULL};
    if (supervised) {
        bench->supervisor = start(bench, all, "supervisor.txt");
    } else {
        bench->port = start(bench, port, "port.txt");
        bench->daemon = start(bench, daemon, "daemon.txt");
    }
    bench->waits = true;
}

void bench_submit(struct bench *bench)
{
    char path[440];
    char protocol[400];
    char runs[400];
    (void)snprintf(path, sizeof path, "%s/daemon.sock", bench->state);
    if (!bench->waits || access(path, F_OK) != 0) {
        return;
    }
    bench->waits = false;
    protocol_path(bench, protocol, sizeof protocol);
    (void)snprintf(runs, sizeof runs, "%s/runs", bench->folder);
    (void)snprintf(path, sizeof path, "%s/state-%u", bench->folder, bench->lives);
    (void)setenv("CYCLOSTAT_STATE", path, 1);
    const char *const run[] = {
        bench_cyclostat, "run",    protocol, "--rig", bench->rig, "--channel", "A1",
        "--cell",        "linear", "--runs", runs,    "--detach", NULL};
    bench->client = start(bench, run, "run.txt");
}

static void kill_and_reap(pid_t *pid)
{
    if (*pid > 0) {
        (void)kill(*pid, SIGKILL);
        (void)waitpid(*pid, NULL, 0);
        *pid = 0;
    }
}

static void kill_holder(const struct bench *bench, const char *role)
{
    const pid_t pid = bench_holder(bench, role);
    if (pid > 1) {
        (void)kill(pid, SIGKILL);
    }
}

void bench_kill_all(struct bench *bench)
{
    kill_and_reap(&bench->client);
    kill_and_reap(&bench->supervisor);
    kill_and_reap(&bench->daemon);
    kill_and_reap(&bench->port);
    bench->waits = false;
    kill_holder(bench, "daemon");
    kill_holder(bench, "port");
    char path[440];
    (void)snprintf(path, sizeof path, "%s/holders", bench->state);
    (void)unlink(path);
}

static int remove_one(const char *path, const struct stat *state, int kind, struct FTW *place)
{
    (void)state;
    (void)kind;
    (void)place;
    return remove(path);
}

void bench_end(struct bench *bench)
{
    bench_kill_all(bench);
    kill_and_reap(&bench->emulator);
    if (strstr(bench->folder, "cyc-faults-") != NULL) {
        (void)nftw(bench->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
}

pid_t bench_holder(const struct bench *bench, const char *role)
{
    char path[440];
    char line[200];
    pid_t pid = 0;
    (void)snprintf(path, sizeof path, "%s/holders", bench->state);
    FILE *const file = fopen(path, "re");
    while (file != NULL && pid == 0 && fgets(line, sizeof line, file) != NULL) {
        const size_t size = strlen(role);
        if (strncmp(line, role, size) == 0 && line[size] == ' ') {
            pid = (pid_t)strtol(line + size, NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return pid;
}

/* ---- The truth log ----------------------------------------------------------------------------
 */

static double number_after(const char *line, const char *word)
{
    const char *const at = strstr(line, word);
    double value = 0.0;
    size_t used = 0;
    if (at != NULL) {
        const char *const from = at + strlen(word);
        (void)cyc_number_parse(from, strlen(from), &value, &used);
    }
    return value;
}

/* An output at 0 A, or off at 0 V as this instrument is when it is switched on, drives nothing. */
static void take_output(struct bench *bench, int64_t t_ns, const char *what)
{
    const bool was_on = bench->is_on;
    const bool drives =
        number_after(what, " voltage ") != 0.0 || number_after(what, " current ") != 0.0;
    bench->is_on = strstr(what, " open") == NULL && drives;
    if (bench->is_on != was_on) {
        bench->changed_ns = t_ns;
        bench->energised += bench->is_on && t_ns >= bench->mark_ns;
    }
    if (!bench->is_on && bench->first_off_ns == 0 && t_ns >= bench->mark_ns) {
        bench->first_off_ns = t_ns;
    }
}

static void take_line(struct bench *bench, const char *line)
{
    char *rest = NULL;
    const int64_t t_ns = strtoll(line, &rest, 10);
    if (strstr(rest, " output ") != NULL) {
        take_output(bench, t_ns, rest);
    } else if (strstr(rest, " stall ") != NULL && t_ns >= bench->mark_ns) {
        const int64_t stall_ns = (int64_t)(number_after(rest, " stall ") * 1e9);
        bench->stall_ns = stall_ns > bench->stall_ns ? stall_ns : bench->stall_ns;
    } else if (strncmp(rest, " fault", 6) == 0 &&
               (strstr(rest, " begin ") != NULL || strstr(rest, " strike ") != NULL)) {
        bench->fault_ns = t_ns;
        bench->fault_degC = number_after(rest, " at ");
    } else if (strstr(rest, " attached") != NULL) {
        bench->attached++;
    } else if (strstr(rest, " voltage ") != NULL) {
        bench->voltage_V = number_after(rest, " voltage ");
    }
}

void bench_look(struct bench *bench)
{
    FILE *const file = fopen(bench->truth, "re");
    char line[600];
    if (file == NULL) {
        return;
    }
    (void)fseeko(file, bench->read_offset, SEEK_SET);
    while (fgets(line, sizeof line, file) != NULL && strchr(line, '\n') != NULL) {
        take_line(bench, line);
        bench->read_offset = ftello(file);
    }
    (void)fclose(file);
}

void bench_mark(struct bench *bench)
{
    bench->mark_ns = bench_now_ns();
    bench->first_off_ns = 0;
    bench->stall_ns = 0;
}

void bench_mark_at(struct bench *bench, int64_t t_ns)
{
    bench->mark_ns = t_ns;
    bench->first_off_ns = 0;
    bench->stall_ns = 0;
    bench->read_offset = 0;
    bench->energised = bench->attached = 0;
    bench->is_on = false;
    bench_look(bench);
}

bool bench_await(struct bench *bench, bool is_on, int64_t patience_ns)
{
    const int64_t until = bench_now_ns() + patience_ns;
    for (;;) {
        bench_look(bench);
        if (bench->is_on == is_on || bench_now_ns() > until) {
            return bench->is_on == is_on;
        }
        bench_sleep_ns(5 * CYC_MS_NS);
    }
}

/* ---- Programs and files ------------------------------------------------------------------------
 */

int bench_run(const struct bench *bench, const char *const *arguments)
{
    int how = 0;
    const pid_t pid = start(bench, arguments, "out.txt");
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

struct work {
    pid_t pid;
    int pipe;
};

static struct work begin_work(unsigned number, bench_job_fn job)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        give_up("pipe");
    }
    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        _exit(job(number, ends[1]) ? 0 : 1);
    }
    (void)close(ends[1]);
    return (struct work){pid, ends[0]};
}

static bool end_work(const struct work *work)
{
    char line[600];
    int how = 0;
    for (ssize_t size; (size = read(work->pipe, line, sizeof line)) > 0;) {
        (void)fwrite(line, 1, (size_t)size, stdout);
    }
    (void)fflush(stdout);
    (void)waitpid(work->pid, &how, 0);
    (void)close(work->pipe);
    return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

unsigned bench_do_all(unsigned first, unsigned last, bench_job_fn job)
{
    struct work works[SIDE_BY_SIDE];
    unsigned failed = 0;
    unsigned begun = first;
    for (unsigned i = first; i < last; i++) {
        for (; begun < last && begun < i + SIDE_BY_SIDE; begun++) {
            works[begun % SIDE_BY_SIDE] = begin_work(begun, job);
        }
        failed += !end_work(&works[i % SIDE_BY_SIDE]);
    }
    return failed;
}

bool bench_file_has(const char *path, const char *text)
{
    FILE *const file = fopen(path, "re");
    char line[600];
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        found = strstr(line, text) != NULL;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

bool bench_file_gets(const char *path, const char *text)
{
    for (unsigned i = 0; i < 100 && !bench_file_has(path, text); i++) {
        bench_sleep_ns(20 * CYC_MS_NS);
    }
    return bench_file_has(path, text);
}

void bench_print_file(const char *path)
{
    FILE *const file = fopen(path, "re");
    char line[600];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        (void)fputs(line, stderr);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}
