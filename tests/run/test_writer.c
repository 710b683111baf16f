/* The writer's thread, a killed writer's folder, and going on with it: an executor is fed samples
 * that are a function of their number, its process is killed at a random moment, another one goes
 * on from the mark with the same samples, and in the end nobody can tell. */
#include "check/check.h"
#include "lab.h"

#include "run/replay.h"
#include "run/resume.h"
#include "run/trace.h"
#include "run/writer.h"

#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAMPLES      1500
#define STEP_SAMPLES 37
#define POINTS       200
#define EPOCH        77

static char folder[128];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "%s/cyc-writer-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static void remove_folder(void)
{
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- The run that is written -------------------------------------------------------------------
 */

static struct cyc_sample sample_at(unsigned number)
{
    struct cyc_sample sample = {.t_ns = (int64_t)number * CYC_S_NS,
                                .voltage_V = 3.0 + 1e-4 * (number * 7919u % 1000u),
                                .current_A = 4.5e-3 + 1e-9 * (number * 104729u % 1000u),
                                .temperature_degC = 30 + 1e-3 * (number % 100u),
                                .ambient_degC = 30,
                                .pressure_Pa = NAN,
                                .flags = CYC_SAMPLE_OUTPUT_ON | CYC_SAMPLE_SETTLED};
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        sample.aux[i] = NAN;
    }
    return sample;
}

static struct cyc_segment segment = {
    .duration_ns = CYC_NEVER, .control = CYC_CONTROL_CURRENT, .value = 4.5e-3};

static void make_step(struct cyc_step *step, uint32_t number)
{
    *step = (struct cyc_step){.mode = CYC_MODE_CC,
                              .id = 1 + number % 3,
                              .charging = true,
                              .type = "CC_CHG",
                              .segments = &segment,
                              .segment_count = 1,
                              .hold_V = NAN,
                              .timeout_ns = CYC_NEVER,
                              .max_gap_ns = 3600 * CYC_S_NS};
    step->environment.temperature_degC = step->environment.pressure_Pa = (double)NAN;
    step->environment.ramp_K_per_s = NAN;
    step->record.every_ns = CYC_S_NS;
    step->ops[0] = (struct cyc_op){.code = CYC_OP_SIGNAL, .signal = CYC_SIGNAL_TIME};
    step->ops[1] = (struct cyc_op){.code = CYC_OP_CONST, .value = STEP_SAMPLES};
    step->ops[2] = (struct cyc_op){.code = CYC_OP_GE};
    step->op_count = 3;
    step->cutoffs[0] = (struct cyc_cutoff){
        .when = {0, 3}, .reason = CYC_REASON_TIME, .entry = CYC_ENTRY_SETTLED, .tag = 1};
    step->cutoff_count = 1;
}

struct machine {
    struct cyc_writer *writer;
    unsigned slot;
    struct cyc_core *core;
    struct cyc_step step;
    struct cyc_actions actions;
    struct cyc_trace *trace; /* NULL: none */
    int ack_fd;              /* -1: nobody listens */
};

static void put_trace(void *context, const char *text, size_t size)
{
    const struct machine *machine = context;
    cyc_writer_trace(machine->writer, machine->slot, text, size);
}

static void post_state(struct machine *machine, uint64_t number)
{
    const struct cyc_resume_host host = {.rate = 1, .boot_ns = 1};
    const struct cyc_writer_place place = {.epoch = EPOCH, .reading_number = number, .host = &host};
    (void)cyc_writer_state(machine->writer, machine->slot, machine->core, &place);
}

static void handle(struct machine *machine, const struct cyc_event *event)
{
    if (machine->trace != NULL) {
        cyc_trace_event(machine->trace, &machine->step, event);
    }
    cyc_core_handle(machine->core, &machine->step, event, &machine->actions);
    if (machine->trace != NULL) {
        cyc_trace_actions(machine->trace, &machine->actions);
    }
    for (unsigned i = 0; i < machine->actions.count; i++) {
        if (machine->actions.items[i].kind == CYC_ACTION_RECORD) {
            (void)cyc_writer_row(machine->writer, machine->slot, &machine->actions.record,
                                 machine->step.type);
        } else if (machine->actions.items[i].kind == CYC_ACTION_STEP_DONE) {
            (void)cyc_writer_step_end(machine->writer, machine->slot, &machine->step,
                                      &machine->actions.result);
        }
    }
}

static void begin_step(struct machine *machine, int64_t t_ns)
{
    if (cyc_core_step_count(machine->core) == 0) {
        post_state(machine, 0);
    }
    const uint32_t count = cyc_core_step_count(machine->core) + 1;
    make_step(&machine->step, count);
    (void)cyc_writer_step_begin(machine->writer, machine->slot, &machine->step, count, t_ns);
    handle(machine, &(struct cyc_event){.kind = CYC_EVENT_STEP, .t_ns = t_ns});
}

static void tell_durable(struct machine *machine)
{
    struct cyc_writer_news news;
    while (cyc_writer_poll(machine->writer, &news)) {
        const uint64_t acknowledged = news.reading_number;
        if (machine->ack_fd >= 0 && acknowledged > 0) {
            (void)!write(machine->ack_fd, &acknowledged, sizeof acknowledged);
        }
    }
}

/* Samples from `number` on, up to the last one. */
static void go(struct machine *machine, unsigned number)
{
    for (; number <= SAMPLES; number++) {
        struct cyc_sample sample = sample_at(number);
        if (cyc_core_state(machine->core) == CYC_STATE_IDLE && number < SAMPLES) {
            begin_step(machine, sample.t_ns - CYC_S_NS / 2);
            post_state(machine, number - 1);
        }
        sample.setpoint_number = cyc_core_setpoint(machine->core)->number;
        handle(machine, &(struct cyc_event){
                            .kind = CYC_EVENT_SAMPLE, .t_ns = sample.t_ns, .sample = &sample});
        post_state(machine, number);
        tell_durable(machine);
        if (number % 20 == 0) {
            (void)usleep(100);
        }
    }
}

static void open_machine(struct machine *machine, struct cyc_run *run, int ack_fd, bool traced)
{
    struct cyc_err err = {0};
    *machine = (struct machine){.ack_fd = ack_fd};
    machine->core = calloc(1, cyc_core_size());
    cyc_core_init(machine->core);
    if (cyc_writer_open(2 * CYC_MS_NS, &machine->writer, &err) != CYC_OK ||
        cyc_writer_add(machine->writer, run, &machine->slot, &err) != CYC_OK ||
        (traced && cyc_trace_open_to(put_trace, machine, &machine->trace, &err) != CYC_OK)) {
        printf("%s\n", err.text);
        abort();
    }
}

static void close_machine(struct machine *machine)
{
    (void)cyc_writer_finish(machine->writer, machine->slot, "done", "", SAMPLES * CYC_S_NS);
    (void)cyc_trace_close(machine->trace, NULL);
    cyc_writer_close(machine->writer);
    free(machine->core);
}

static struct cyc_run *create(void)
{
    struct cyc_err err = {0};
    struct cyc_run *run = NULL;
    const struct cyc_run_identity identity = {.cell = "crash",
                                              .kind = "live",
                                              .start_unix_ns = 1767225600 * CYC_S_NS,
                                              .active_mass_g = NAN,
                                              .area_cm2 = NAN,
                                              .one_c_A = NAN,
                                              .nominal_capacity_Ah = NAN,
                                              .voltage_decimals = 6,
                                              .current_decimals = 9,
                                              .capacity_decimals = 12,
                                              .channel = "A1",
                                              .rig_channel_json = "{}",
                                              .sync = true};
    const int status = cyc_run_create(folder, &identity, &run, &err);
    if (status != CYC_OK) {
        printf("%s\n", err.text);
    }
    CU_ASSERT_EQUAL_FATAL(status, CYC_OK);
    return run;
}

/* ---- What became of it ------------------------------------------------------------------------
 */

struct outcome {
    char *data; /* owned */
    size_t size;
    unsigned steps;
    double charge_Ah[SAMPLES / STEP_SAMPLES + 2];
};

static int take_step(void *context, uint32_t cycle_number, const char *name, const char *type,
                     uint32_t step_id, const char *text, const struct cyc_result *result,
                     bool ended)
{
    struct outcome *outcome = context;
    (void)cycle_number, (void)name, (void)type, (void)step_id, (void)text, (void)ended;
    outcome->charge_Ah[outcome->steps++] = result->sums.charge_Ah;
    return 0;
}

static void look(const char *run_folder, struct outcome *outcome)
{
    struct cyc_run_info info;
    *outcome = (struct outcome){0};
    CU_ASSERT_EQUAL_FATAL(cyc_run_find(folder, run_folder, &info, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_each_step(info.folder, take_step, outcome, NULL), CYC_OK);
    FILE *file = fopen(info.data_file, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    outcome->data = malloc(1 << 20);
    outcome->size = fread(outcome->data, 1, 1 << 20, file);
    (void)fclose(file);
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0 && a->steps == b->steps &&
           memcmp(a->charge_Ah, b->charge_Ah, sizeof a->charge_Ah) == 0;
}

static void run_through(struct outcome *outcome)
{
    struct machine machine;
    char id[CYC_PATH_SIZE];
    struct cyc_run *run = create();
    (void)cyc_copy(id, sizeof id, cyc_run_folder(run));
    open_machine(&machine, run, -1, false);
    go(&machine, 1);
    close_machine(&machine);
    look(id, outcome);
}

static void all_that_was_posted_is_written(void)
{
    struct outcome outcome;
    make_folder();
    run_through(&outcome);
    unsigned rows = 0;
    for (size_t i = 0; i < outcome.size; i++) {
        rows += outcome.data[i] == '\n';
    }
    CU_ASSERT(rows > SAMPLES - SAMPLES / STEP_SAMPLES && rows < SAMPLES + SAMPLES / STEP_SAMPLES);
    CU_ASSERT(outcome.steps >= SAMPLES / (STEP_SAMPLES + 2));
    free(outcome.data);
    remove_folder();
}

/* ---- Killed -----------------------------------------------------------------------------------
 */

/* Writes until it is killed; returns the last acknowledged reading. */
static uint64_t write_and_die(unsigned life_us, bool traced)
{
    int pipes[2];
    uint64_t last = 0, number;
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        struct machine machine;
        (void)close(pipes[0]);
        open_machine(&machine, create(), pipes[1], traced);
        (void)!write(pipes[1], &(uint64_t){0}, sizeof(uint64_t)); /* it has begun */
        go(&machine, 1);
        for (;;) {
            tell_durable(&machine);
            (void)usleep(200);
        }
    }
    (void)close(pipes[1]);
    (void)!read(pipes[0], &number, sizeof number);
    (void)usleep(life_us);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    while (read(pipes[0], &number, sizeof number) == (ssize_t)sizeof number) {
        last = number;
    }
    (void)close(pipes[0]);
    return last;
}

/* As a host does it: the step from the source, the executor from the mark, the readings after it.
 */
static bool go_on(const char *run_folder, uint64_t acknowledged, bool traced)
{
    struct cyc_resume *resume = NULL;
    struct cyc_err err = {0};
    struct cyc_run *run = NULL;
    struct cyc_run_tail tail;
    struct machine machine;
    if (cyc_resume_open(run_folder, &resume, &err) != CYC_OK) {
        printf("\n%s\n", err.text);
        return false;
    }
    const struct cyc_run_journal *journal = &resume->journal;
    const bool kept = journal->reading_number >= acknowledged && journal->same_boot;
    if (cyc_resume_reopen(resume, &run, &tail, &err) != CYC_OK) {
        printf("\n%s\n", err.text);
        cyc_resume_close(resume);
        return false;
    }
    open_machine(&machine, run, -1, traced);
    if (resume->in_step || resume->begun) {
        make_step(&machine.step, journal->open_step);
        (void)cyc_writer_step_begin(machine.writer, machine.slot, &machine.step, journal->open_step,
                                    journal->open_start_ns);
    }
    bool restored = journal->reading_number == 0 && journal->open_step == 0;
    if (resume->has_state) {
        restored = cyc_resume_restore(resume, &machine.step, machine.core, &err) == CYC_OK;
    }
    if (traced) {
        cyc_trace_state(machine.trace, machine.core, resume->in_step ? &machine.step : NULL);
    }
    if (resume->begun) {
        make_step(&machine.step, journal->open_step);
        handle(&machine,
               &(struct cyc_event){.kind = CYC_EVENT_STEP, .t_ns = journal->open_start_ns});
        post_state(&machine, journal->reading_number);
    }
    go(&machine, (unsigned)journal->reading_number + 1);
    close_machine(&machine);
    cyc_resume_close(resume);
    return kept && restored;
}

/* Every sample is in the trace, if not twice, and what followed from it follows again. */
static bool is_decided_again(const char *run_folder)
{
    static struct cyc_replay_outcome outcome;
    char path[CYC_PATH_SIZE + 16];
    struct cyc_err err = {0};
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/" CYC_RUN_TRACE_NAME, run_folder);
    char *text = lab_read(path, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    const int status = cyc_replay(text, size, &outcome, &err);
    if (status != CYC_OK || outcome.line != 0) {
        printf("\n%s: line %llu: %s%s\nfor %s\n", path, (unsigned long long)outcome.line, err.text,
               outcome.now, outcome.then);
    }
    free(text);
    return status == CYC_OK && outcome.line == 0 && outcome.event_count >= SAMPLES;
}

static void a_killed_writer_loses_nothing_acknowledged_and_nobody_can_tell(void)
{
    struct outcome whole;
    unsigned in_midst = 0;
    uint64_t seed = 88172645463325252;
    make_folder();
    run_through(&whole);
    remove_folder();
    for (unsigned point = 0; point < POINTS; point++) {
        struct outcome outcome;
        char id[CYC_PATH_SIZE];
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        make_folder();
        (void)snprintf(id, sizeof id, "%s/20260101-crash-001", folder);
        const bool traced = point % 10 == 0; /* takes its time */
        const uint64_t acknowledged = write_and_die((unsigned)(seed % 40000), traced);
        in_midst += acknowledged > 0 && acknowledged < SAMPLES;
        const bool gone_on = go_on(id, acknowledged, traced);
        look(id, &outcome);
        CU_ASSERT(!traced || is_decided_again(id));
        CU_ASSERT(gone_on && is_same(&outcome, &whole));
        if (!gone_on || !is_same(&outcome, &whole)) {
            printf("\npoint %u: acknowledged %llu, %zu bytes for %zu, %u steps for %u\n", point,
                   (unsigned long long)acknowledged, outcome.size, whole.size, outcome.steps,
                   whole.steps);
        }
        free(outcome.data);
        remove_folder();
    }
    printf("  killed %u times, %u in the midst ", POINTS, in_midst);
    CU_ASSERT(in_midst > POINTS / 4);
    free(whole.data);
}

/* ---- The trace --------------------------------------------------------------------------------
 */

static int count_ends_of_trace(void *context, int64_t t_ns, const char *who, const char *what,
                               const char *why)
{
    unsigned *count = context;
    (void)t_ns, (void)who, (void)what;
    *count += strncmp(why, "the trace ends here: ", 21) == 0;
    return 0;
}

static void a_trace_that_cannot_be_written_is_told_once_and_the_run_goes_on(void)
{
    struct outcome whole, outcome;
    struct machine machine;
    char path[CYC_PATH_SIZE + 16], id[CYC_PATH_SIZE];
    unsigned count = 0;
    make_folder();
    run_through(&whole);
    remove_folder();
    make_folder();
    struct cyc_run *run = create();
    (void)cyc_copy(id, sizeof id, cyc_run_folder(run));
    (void)snprintf(path, sizeof path, "%s/" CYC_RUN_TRACE_NAME, id);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0); /* where the file should be */
    open_machine(&machine, run, -1, true);
    go(&machine, 1);
    close_machine(&machine);
    look(id, &outcome);
    CU_ASSERT(is_same(&outcome, &whole));
    CU_ASSERT_EQUAL(cyc_run_each_event(id, count_ends_of_trace, &count, NULL), CYC_OK);
    CU_ASSERT_EQUAL(count, 1);
    free(outcome.data);
    free(whole.data);
    remove_folder();
}

static void a_trace_that_was_cut_short_goes_on_behind_its_last_whole_event(void)
{
#define HEAD  CYC_TRACE_HEADING
#define EVENT "> 5 deadline\n= until never\n"
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"", HEAD EVENT},
        {"cyclostat tr", HEAD EVENT},
        {HEAD, HEAD EVENT},
        {HEAD "> 0 step id 1\n  rule every", HEAD EVENT},
        {HEAD EVENT, HEAD EVENT EVENT},
        {HEAD EVENT "> 6 deadline\n= until 7 wat", HEAD EVENT EVENT},
        {HEAD EVENT "> 6 deadline\n< safe\n", HEAD EVENT EVENT},
        {HEAD EVENT "@ patience 1 1 1\n@ state\nexecutor 2\n", HEAD EVENT EVENT},
        {HEAD EVENT EVENT "> 6", HEAD EVENT EVENT EVENT},
    };
    char path[CYC_PATH_SIZE];
    make_folder();
    (void)snprintf(path, sizeof path, "%s/trace", folder);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cyc_err err = {0};
        size_t size = 0;
        int fd = -1;
        FILE *file = fopen(path, "we");
        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        (void)fputs(cases[i].before, file);
        (void)fclose(file);
        CU_ASSERT_EQUAL_FATAL(cyc_trace_file_open(path, &fd, &err), CYC_OK);
        CU_ASSERT_EQUAL(cyc_trace_file_append(fd, EVENT, strlen(EVENT), &err), CYC_OK);
        (void)close(fd);
        char *text = lab_read(path, &size);
        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        CU_ASSERT_STRING_EQUAL(text, cases[i].after);
        free(text);
    }
    remove_folder();
#undef EVENT
#undef HEAD
}

const struct cyc_check cyc_check_writer[] = {
    CYC_CHECK(a_trace_that_cannot_be_written_is_told_once_and_the_run_goes_on),
    CYC_CHECK(a_trace_that_was_cut_short_goes_on_behind_its_last_whole_event),
    CYC_CHECK(all_that_was_posted_is_written),
    CYC_CHECK(a_killed_writer_loses_nothing_acknowledged_and_nobody_can_tell),
    {0},
};
