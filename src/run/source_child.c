/* The child's side of a source process: `cyclostat source` on descriptor 3.
 *
 *   START ─► give up rights ─► load ─► replay ─► seal ─► ┌─► ASK ─► next item ─► ANSWER ─┐
 *                                │        │              └───────────────────────────────┘
 *                                └────────┴─► what went wrong is the answer to every ASK
 *
 * Replay feeds the source the journal's results and holds each step it yields against the
 * journal's text. A step without a result is held: a row with the same text may follow it (the step
 * was begun again), else it is the first answer, because it is the step that was interrupted. Notes
 * and cycles on the way were logged when they happened.
 *
 * The end of the stream is the end of the process.
 */
#include "run/source_int.h"

#include "store/store.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SETTINGS_MAX 256
#define EXCERPT      90 /* bytes shown of two steps that differ */

struct child {
    int fd;
    char *start; /* owned: the frame that all paths and settings lie in */
    struct cyc_source_start options;
    struct cyc_setting settings[SETTINGS_MAX];
    struct cyc_sensors sensors;
    struct cyc_cell_file *cell; /* owned; NULL: none */
    struct cyc_protocol *protocol;
    struct cyc_source *source;
    struct cyc_err failure; /* status CYC_OK: none */

    /* Replay. */
    struct cyc_text text; /* of the held step */
    struct cyc_item held;
    bool holding;
    struct cyc_result result; /* of the last finished step */
    bool has_result;
    uint32_t replayed;
    uint32_t cycle_known; /* the last cycle that stands in the journal */
    bool caught_up;       /* a step was handed out */
};

/* ---- Frames
 * -------------------------------------------------------------------------------------- */

static bool read_all(int fd, void *bytes, size_t size)
{
    unsigned char *at = bytes;
    while (size > 0) {
        const ssize_t got = read(fd, at, size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    while (size > 0) {
        const ssize_t put = write(fd, at, size);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        at += put;
        size -= (size_t)put;
    }
    return true;
}

static bool read_head(int fd, enum cyc_source_frame_kind kind, struct cyc_source_head *head)
{
    return read_all(fd, head, sizeof *head) && head->layout == cyc_source_layout() &&
           head->kind == kind;
}

static bool unpack_start(struct child *child, size_t size)
{
    struct cyc_source_start_head head;
    const char *at = child->start + sizeof head;
    const char *const end = child->start + size;
    if (size < sizeof head) {
        return false;
    }
    memcpy(&head, child->start, sizeof head);
    if (head.sensors.count > CYC_AUX_MAX) {
        return false;
    }
    child->sensors = head.sensors;
    child->options.sensors = head.sensors_known != 0 ? &child->sensors : NULL;
    child->options.protocol_path = cyc_source_unpack(&at, end);
    child->options.cell_path = cyc_source_unpack(&at, end);
    child->options.journal_folder = cyc_source_unpack(&at, end);
    child->options.voltage_resolution_V = head.voltage_resolution_V;
    child->options.current_resolution_A = head.current_resolution_A;
    child->options.temperature_resolution_K = head.temperature_resolution_K;
    child->options.settings = child->settings;
    child->options.setting_count = head.setting_count;
    for (unsigned i = 0; i < head.setting_count && i < SETTINGS_MAX; i++) {
        child->settings[i].name = cyc_source_unpack(&at, end);
        child->settings[i].value = cyc_source_unpack(&at, end);
        if (child->settings[i].value == NULL) {
            return false;
        }
    }
    return child->options.journal_folder != NULL && head.setting_count <= SETTINGS_MAX && at == end;
}

static bool read_start(struct child *child)
{
    struct cyc_source_head head;
    if (!read_head(child->fd, CYC_SOURCE_START, &head) || head.size > CYC_SOURCE_START_MAX) {
        return false;
    }
    child->start = malloc(head.size + 1u);
    return child->start != NULL && read_all(child->fd, child->start, head.size) &&
           unpack_start(child, head.size);
}

/* ---- Loading
 * ------------------------------------------------------------------------------------- */

/* One line is all an answer has room for: the first mistake, with its place. */
static void tell_mistake(struct cyc_diags *diags, struct cyc_err *err)
{
    cyc_diags_sort(diags);
    for (unsigned i = 0; i < diags->count; i++) {
        const struct cyc_diag *const diag = &diags->items[i];
        if (diag->severity != CYC_SEVERITY_ERROR) {
            continue;
        }
        const char *const file =
            diag->pos.file < diags->file_count ? diags->files[diag->pos.file].name : "protocol";
        (void)cyc_err_set(err, CYC_E_INPUT, "%s:%u:%u: %s%s%s", file, diag->pos.line,
                          diag->pos.column, diag->message, diag->hint != NULL ? "; " : "",
                          diag->hint != NULL ? diag->hint : "");
        return;
    }
}

static int load_cell(struct child *child, struct cyc_diags *diags, struct cyc_err *err)
{
    const struct cyc_source_start *const options = &child->options;
    if (options->cell_path[0] == '\0') {
        return CYC_OK;
    }
    child->cell = calloc(1, sizeof *child->cell);
    if (child->cell == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the cell file");
    }
    return cyc_cell_file_load(options->cell_path, diags, child->cell, err);
}

static int load(struct child *child, struct cyc_err *err)
{
    struct cyc_diags *const diags = malloc(sizeof *diags);
    if (diags == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to read the protocol");
    }
    cyc_diags_init(diags);
    int status = load_cell(child, diags, err);
    if (status == CYC_OK) {
        const struct cyc_protocol_options options = {
            .path = child->options.protocol_path,
            .cell = child->cell != NULL ? &child->cell->facts : NULL,
            .sensors = child->options.sensors,
            .voltage_resolution_V = child->options.voltage_resolution_V,
            .current_resolution_A = child->options.current_resolution_A,
            .temperature_resolution_K = child->options.temperature_resolution_K,
            .settings = child->settings,
            .setting_count = child->options.setting_count,
        };
        status = cyc_protocol_load(&options, diags, &child->protocol, err);
    }
    if (status != CYC_OK && diags->error_count > 0) {
        tell_mistake(diags, err);
    }
    cyc_diags_release(diags);
    free(diags);
    return status == CYC_OK ? cyc_source_open(child->protocol, &child->source, err) : status;
}

/* ---- Replay
 * -------------------------------------------------------------------------------------- */

/* The next step of the source, past notes and cycles, into `held`. */
static int advance(struct child *child, struct cyc_err *err)
{
    const struct cyc_result *result = child->has_result ? &child->result : NULL;
    for (;;) {
        cyc_sandbox_budget(CYC_SOURCE_STEP_CPU_S);
        const int status = cyc_source_next(child->source, result, &child->held, err);
        result = NULL;
        child->has_result = false;
        if (status != CYC_OK) {
            return cyc_err_wrap(err, "replaying step %u", child->replayed + 1);
        }
        if (child->held.kind == CYC_ITEM_STEP) {
            cyc_text_clear(&child->text);
            cyc_run_step_text(child->held.step, &child->text);
            child->holding = true;
            return child->text.failed ? cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to replay")
                                      : CYC_OK;
        }
        if (child->held.kind == CYC_ITEM_END) {
            return cyc_err_set(err, CYC_E_JOURNAL,
                               "the protocol ends after %u steps, the journal goes on",
                               child->replayed);
        }
    }
}

static int tell_difference(const struct child *child, const char *journal, struct cyc_err *err)
{
    const char *const now = cyc_text_get(&child->text);
    size_t same = 0;
    while (now[same] != '\0' && now[same] == journal[same]) {
        same++;
    }
    while (same > 0 && now[same] != ',' && now[same] != '{') { /* from the beginning of the field */
        same--;
    }
    const size_t from = same < 12 ? 0 : same;
    return cyc_err_set(err, CYC_E_JOURNAL,
                       "step %u is not the one in the journal, so the run cannot go on with this "
                       "protocol; the journal has …%.*s…, the protocol gives …%.*s…",
                       child->replayed + 1, EXCERPT, journal + from, EXCERPT, now + from);
}

static int replay_step(void *context, uint32_t cycle_number, const char *name, const char *type,
                       uint32_t step_id, const char *text, const struct cyc_result *result,
                       bool ended)
{
    struct child *const child = context;
    (void)cycle_number;
    (void)name;
    (void)type;
    (void)step_id;
    const int status = child->holding ? CYC_OK : advance(child, &child->failure);
    if (status != CYC_OK) {
        return status;
    }
    if (strcmp(cyc_text_get(&child->text), text) != 0) {
        return tell_difference(child, text, &child->failure);
    }
    if (ended) {
        child->result = *result;
        child->has_result = true;
        child->holding = false;
        child->replayed++;
    }
    return CYC_OK;
}

static int replay_cycle(void *context, const struct cyc_cycle *cycle)
{
    struct child *const child = context;
    child->cycle_known = cycle->number > child->cycle_known ? cycle->number : child->cycle_known;
    return CYC_OK;
}

static int replay(struct child *child, struct cyc_err *err)
{
    const char *const folder = child->options.journal_folder;
    if (folder[0] == '\0') {
        child->caught_up = true;
        return CYC_OK;
    }
    int status = cyc_run_each_cycle(folder, replay_cycle, child, err);
    if (status == CYC_OK) {
        status = cyc_run_each_step(folder, replay_step, child, err);
    }
    child->caught_up = child->replayed == 0 && !child->holding;
    return status;
}

/* ---- Answers
 * ------------------------------------------------------------------------------------- */

/* The next item, or the held one. Cycles that the journal has are passed over. */
static int next_item(struct child *child, const struct cyc_result *result, struct cyc_item *item,
                     struct cyc_err *err)
{
    if (child->holding) {
        *item = child->held;
        child->holding = false;
        child->caught_up = true;
        return CYC_OK;
    }
    if (child->has_result) {
        result = &child->result;
    }
    for (;;) {
        const int status = cyc_source_next(child->source, result, item, err);
        result = NULL;
        child->has_result = false;
        const bool known = status == CYC_OK && !child->caught_up && item->kind == CYC_ITEM_CYCLE &&
                           item->cycle.number <= child->cycle_known;
        if (!known) {
            child->caught_up = child->caught_up || item->kind == CYC_ITEM_STEP;
            return status;
        }
    }
}

static uint32_t keep_text(struct cyc_text *texts, const char *text)
{
    const size_t at = texts->length;
    const char *const given = text != NULL ? text : "";
    cyc_text_append_size(texts, given, strlen(given) + 1);
    return (uint32_t)at;
}

/* The rows, then their texts, into one piece. */
static unsigned pack_expectations(struct child *child, struct cyc_text *rows,
                                  struct cyc_text *texts)
{
    const struct cyc_expectation *expectations = NULL;
    const unsigned count = cyc_source_expectations(child->source, &expectations);
    for (unsigned i = 0; i < count; i++) {
        const struct cyc_source_expected row = {
            .value = expectations[i].value,
            .is = expectations[i].is,
            .tolerance = expectations[i].tolerance,
            .name = keep_text(texts, expectations[i].name),
            .unit = keep_text(texts, expectations[i].unit),
            .source = keep_text(texts, expectations[i].source),
        };
        cyc_text_append_size(rows, (const char *)&row, sizeof row);
    }
    return count;
}

static bool send_reply(struct child *child, struct cyc_source_reply *reply,
                       const struct cyc_segment *segments)
{
    struct cyc_text rows = {0};
    struct cyc_text texts = {0};
    if (reply->status == CYC_OK && reply->kind == CYC_ITEM_END) {
        reply->expectation_count = pack_expectations(child, &rows, &texts);
        reply->text_size = (uint32_t)texts.length;
    }
    const size_t segments_size = (size_t)reply->segment_count * sizeof *segments;
    const size_t size = sizeof *reply + segments_size + rows.length + texts.length;
    const struct cyc_source_head head = {
        .layout = cyc_source_layout(), .kind = CYC_SOURCE_ANSWER, .size = (uint32_t)size};
    const bool sent = !rows.failed && !texts.failed && size <= CYC_SOURCE_ANSWER_MAX &&
                      write_all(child->fd, &head, sizeof head) &&
                      write_all(child->fd, reply, sizeof *reply) &&
                      write_all(child->fd, segments, segments_size) &&
                      write_all(child->fd, cyc_text_get(&rows), rows.length) &&
                      write_all(child->fd, cyc_text_get(&texts), texts.length);
    cyc_text_release(&rows);
    cyc_text_release(&texts);
    return sent;
}

static void fill_reply(const struct child *child, const struct cyc_item *item,
                       struct cyc_source_reply *reply)
{
    struct cyc_source_progress progress = {0};
    cyc_source_progress(child->source, &progress);
    reply->kind = item->kind;
    reply->cycle = progress.cycle;
    reply->cycle_count = progress.cycle_count;
    if (item->text != NULL) {
        (void)cyc_copy(reply->text, sizeof reply->text, item->text);
    }
    if (item->kind == CYC_ITEM_STEP) {
        reply->step = *item->step;
        reply->segment_count = item->step->segment_count;
    } else if (item->kind == CYC_ITEM_CYCLE) {
        reply->cycle_item = item->cycle;
    } else if (item->kind == CYC_ITEM_END) {
        reply->finish = item->finish;
    }
}

static bool answer(struct child *child, const struct cyc_source_question *question)
{
    struct cyc_source_reply reply;
    struct cyc_err err = child->failure;
    struct cyc_item item = {0};
    memset(&reply, 0, sizeof reply);
    if (err.status == CYC_OK) {
        (void)next_item(child, question->has_result != 0 ? &question->result : NULL, &item, &err);
    }
    if (err.status == CYC_OK) {
        fill_reply(child, &item, &reply);
    } else {
        reply.status = err.status;
        (void)cyc_copy(reply.text, sizeof reply.text, err.text);
        child->failure = err; /* a source that failed is not asked again */
    }
    return send_reply(child, &reply, reply.segment_count > 0 ? item.step->segments : NULL);
}

static void serve_questions(struct child *child)
{
    struct cyc_source_head head;
    struct cyc_source_question question;
    while (read_head(child->fd, CYC_SOURCE_ASK, &head) && head.size == sizeof question &&
           read_all(child->fd, &question, sizeof question)) {
        cyc_sandbox_budget(CYC_SOURCE_STEP_CPU_S);
        if (!answer(child, &question)) {
            break;
        }
    }
}

int cyc_source_serve(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    struct child *const child = calloc(1, sizeof *child);
    if (child == NULL || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        free(child);
        return 2;
    }
    child->fd = fd;
    cyc_sandbox_close_others(fd);
    if (read_start(child)) {
        int status = cyc_sandbox_enter(&child->failure);
        cyc_sandbox_budget(CYC_SOURCE_LOAD_CPU_S);
        if (status == CYC_OK) {
            status = load(child, &child->failure);
        }
        if (status == CYC_OK) {
            status = replay(child, &child->failure);
        }
        child->failure.status = status;
        (void)malloc_trim(0); /* the tree, the text: a daemon has hundreds of such processes */
        cyc_sandbox_seal();
        serve_questions(child);
    }
    return 0; /* the kernel frees what is left, and faster */
}
