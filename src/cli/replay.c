/* A run decided again: from its trace, where there is one, else from the last samples that are kept
 * before the end of each step. */
#include "run/replay.h"
#include "cli/cli.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "cyclostat replay [RUN] [--trace FILE] [--runs DIR]\n\n"
    "Decides a run again: what was measured goes to the executor once more, and what it does is\n"
    "held against what was done. A run with a trace (`--trace`) is decided from its first event "
    "to\n"
    "its last, byte for byte. Of any other live run the last samples before the end of each step\n"
    "are kept, and each end is decided again. The first difference is shown. RUN is an id, a "
    "unique\n"
    "beginning of one, a folder, or `last`, which is the default.\n\n"
    "  --trace FILE  a trace, as `dry-run --trace FILE` writes it, instead of a run\n"
    "  --runs DIR    folder of the runs; default $CYCLOSTAT_RUNS, else ./runs\n\n"
    "Exit code: 0 the same, 3 something differs, 4 it cannot be read.\n";

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"trace", required_argument, NULL, 't'},
                                        {"runs", required_argument, NULL, 'r'},
                                        {0}};

static void tell_difference(const struct cyc_replay_outcome *outcome)
{
    (void)printf("  event %s\n  then  %s\n  now   %s\n", outcome->event,
                 outcome->then[0] != '\0' ? outcome->then : "(nothing)",
                 outcome->now[0] != '\0' ? outcome->now : "(nothing)");
}

/* ---- A trace --------------------------------------------------------------------------------- */

static int replay_bytes(const char *path, const char *bytes, size_t size)
{
    struct cyc_err err = {0};
    static struct cyc_replay_outcome outcome;
    if (cyc_replay(bytes, size, &outcome, &err) != CYC_OK) {
        (void)cyc_err_wrap(&err, "%s", path);
        (void)cyc_cli_error(&err);
        return CYC_EXIT_HOST;
    }
    if (outcome.line != 0) {
        (void)printf("%s: line %" PRIu64 " differs, at event %" PRIu64 "\n", path, outcome.line,
                     outcome.event_count);
        tell_difference(&outcome);
        return CYC_EXIT_FAULT;
    }
    (void)printf("the same: %" PRIu64 " events, %" PRIu32 " steps\n", outcome.event_count,
                 outcome.step_count);
    return CYC_EXIT_OK;
}

static int replay_trace(const char *path)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *bytes = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0) {
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    const int number = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (bytes == MAP_FAILED) {
        struct cyc_err err = {0};
        (void)cyc_err_set(&err, CYC_E_FILE, "cannot read the trace %s: %s", path,
                          fd >= 0 && number == 0 ? "it is empty" : strerrordesc_np(number));
        return cyc_cli_error(&err);
    }
    const int exit_code = replay_bytes(path, bytes, (size_t)status.st_size);
    (void)munmap(bytes, (size_t)status.st_size);
    return exit_code;
}

/* ---- The ends of steps ----------------------------------------------------------------------- */

struct ends {
    unsigned same, different;
    int status;
    struct cyc_err err;
};

static int replay_end(void *context, uint32_t step_count, const char *text, size_t size)
{
    struct ends *ends = context;
    static struct cyc_replay_outcome outcome;
    ends->status = cyc_replay(text, size, &outcome, &ends->err);
    if (ends->status != CYC_OK) {
        (void)cyc_err_wrap(&ends->err, "step %" PRIu32, step_count);
        return 1;
    }
    if (outcome.line == 0) {
        ends->same++;
        return 0;
    }
    ends->different++;
    (void)printf("step %" PRIu32 ": its end differs\n", step_count);
    tell_difference(&outcome);
    return 0;
}

static int replay_ends(const struct cyc_run_info *info)
{
    struct ends ends = {0};
    struct cyc_err err = {0};
    const int status = cyc_run_each_ending(info->folder, replay_end, &ends, &err);
    if (status != CYC_OK || ends.status != CYC_OK) {
        (void)cyc_cli_error(ends.status != CYC_OK ? &ends.err : &err);
        return CYC_EXIT_HOST;
    }
    if (ends.same + ends.different == 0) {
        (void)cyc_err_set(
            &err, CYC_E_INPUT, "run %s keeps no samples to decide it again from%s", info->id,
            strcmp(info->kind, "dry") == 0 ? "; `dry-run --trace FILE`, then `replay --trace FILE`"
                                           : "");
        (void)cyc_cli_error(&err);
        return CYC_EXIT_HOST;
    }
    (void)printf("%u of %u ends of steps are the same\n", ends.same, ends.same + ends.different);
    return ends.different == 0 ? CYC_EXIT_OK : CYC_EXIT_FAULT;
}

int cyc_cli_replay(int argc, char **argv)
{
    const char *runs = NULL, *trace = NULL;
    struct cyc_run_info info;
    char path[CYC_PATH_SIZE + 32];
    int exit_code;
    for (;;) {
        const int option = cyc_cli_option(argc, argv, options, help, &exit_code);
        if (option < 0) {
            break;
        }
        trace = option == 't' ? optarg : trace;
        runs = option == 'r' ? optarg : runs;
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (trace != NULL) {
        return optind < argc ? cyc_cli_usage(argv[0], "a run or a trace, not both")
                             : replay_trace(trace);
    }
    exit_code = cyc_cli_find_run(argc, argv, runs, &info);
    if (exit_code != CYC_EXIT_OK) {
        return exit_code;
    }
    (void)snprintf(path, sizeof path, "%s/%s", info.folder, CYC_RUN_TRACE_NAME);
    return access(path, F_OK) == 0 ? replay_trace(path) : replay_ends(&info);
}
