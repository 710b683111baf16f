#include "cli/dry_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_CYCLES  10u /* always shown */
#define FIRST_PASSES  2u  /* of each block, too */
#define BAR_EVERY_MS  100
#define LINE_EVERY_MS 10000
#define BAR_WIDTH_MAX 24u
#define WIPE          "\r\033[K"

static int64_t wall_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cyc_dry_view_init(struct cyc_dry_view *view, const struct cyc_cli_protocol *loaded,
                       const struct cyc_cell_spec *cell)
{
    const struct cyc_cell_facts *facts = cyc_protocol_cell(loaded->protocol);
    view->mass_g = facts->basis.active_mass_g;
    if (!(view->mass_g > 0.0) && strcmp(cell->model, "n_lmro") == 0) {
        view->mass_g = cell->active_mass_g;
    }
    view->one_c_A = NAN;
    (void)cyc_one_c_A(&facts->basis, &view->one_c_A, NULL, NULL);
    cyc_cli_expectation_columns(&view->expectations);
    view->bar = cyc_cli_is_terminal(stderr) && !view->quiet;
    view->started_ms = wall_ms();
    view->shown_ms = view->started_ms;
    cyc_json_init(&view->object, &view->text);
}

void cyc_dry_view_release(struct cyc_dry_view *view)
{
    cyc_table_release(&view->expectations);
    cyc_text_release(&view->notes);
    cyc_text_release(&view->text);
    free(view->rest);
}

/* ---- While it runs -----------------------------------------------------------------------------
 */

static void keep_rest(struct cyc_dry_view *view, const struct cyc_cycle *cycle)
{
    if (view->rest_count == view->rest_capacity) {
        const size_t capacity = view->rest_capacity > 0 ? 2 * view->rest_capacity : 256;
        struct cyc_cycle *grown = realloc(view->rest, capacity * sizeof *grown);
        if (grown == NULL) {
            return;
        }
        view->rest = grown;
        view->rest_capacity = capacity;
    }
    view->rest[view->rest_count++] = *cycle;
}

static void on_cycle(void *context, const struct cyc_cycle *cycle)
{
    struct cyc_dry_view *view = context;
    if (view->json) {
        cyc_cli_cycle_json(&view->object, cycle, view->mass_g);
        cyc_cli_put(stdout, &view->text);
    } else if (view->all) {
        keep_rest(view, cycle);
    } else {
        const bool first = view->cycle_count < FIRST_CYCLES || cycle->pass <= FIRST_PASSES;
        if (first && view->head_count < CYC_VIEW_HEAD_MAX) {
            view->head[view->head_count++] = *cycle;
        }
        view->tail[view->cycle_count % CYC_VIEW_TAIL] = *cycle;
    }
    view->cycle_count++;
}

static void on_note(void *context, int64_t t_ns, const char *text)
{
    struct cyc_dry_view *view = context;
    char time[CYC_NUMBER_SIZE];
    if (view->note_count++ >= CYC_VIEW_NOTES) {
        return;
    }
    if (view->json) {
        struct cyc_json json;
        cyc_json_init(&json, &view->notes);
        if (view->note_count > 1) {
            cyc_text_append(&view->notes, ",");
        }
        cyc_json_open(&json, '{');
        cyc_cli_key_number(&json, "t_s", (double)t_ns * 1e-9);
        cyc_cli_key_string(&json, "text", text);
        cyc_json_close(&json, '}');
    } else {
        cyc_text_format(&view->notes, "  %s  %s\n", cyc_duration_text(time, t_ns), text);
    }
}

static void on_expectation(void *context, const struct cyc_expectation *row)
{
    struct cyc_dry_view *view = context;
    view->expectation_count++;
    if (!view->json) {
        cyc_cli_expectation_row(&view->expectations, row);
        return;
    }
    if (view->in_cycles) {
        cyc_json_close(&view->object, ']');
        cyc_json_key(&view->object, "expectations");
        cyc_json_open(&view->object, '[');
        view->in_cycles = false;
    }
    cyc_cli_expectation_json(&view->object, row);
}

struct cyc_dry_listener cyc_dry_view_listener(struct cyc_dry_view *view)
{
    return (struct cyc_dry_listener){
        .context = view,
        .cycle = on_cycle,
        .note = on_note,
        .expectation = on_expectation,
    };
}

static void put_capacity(struct cyc_text *line, const struct cyc_dry_view *view, double capacity_Ah)
{
    if (view->mass_g > 0.0) {
        cyc_cli_fixed(line, capacity_Ah * 1e3 / view->mass_g, 1);
        cyc_text_append(line, " mAh/g");
    } else {
        cyc_cli_fixed(line, capacity_Ah, 4);
        cyc_text_append(line, " Ah");
    }
}

static void put_bar(struct cyc_text *line, double done)
{
    const unsigned eighth = cyc_cli_width(stderr) / 8;
    const int width = (int)(eighth < BAR_WIDTH_MAX ? eighth : BAR_WIDTH_MAX);
    const int filled = (int)(done * width);
    cyc_text_append(line, "[");
    for (int i = 0; i < width; i++) {
        cyc_text_append(line, i < filled ? "#" : "-");
    }
    cyc_text_append(line, "] ");
}

/* How much is done, in cycles; 0 where the protocol does not say how many there are. */
static double share_done(const struct cyc_progress *progress)
{
    return progress->cycle_count > 0
               ? fmin(1.0, (double)progress->cycle_number / (double)progress->cycle_count)
               : 0.0;
}

/* cycle 312/1310  2 s left  41 d 03:12:00  CC_DCH 3.612 V 142.3 mAh/g: what matters less is
 * further right, where a narrow terminal cuts. */
static void put_state(struct cyc_text *line, const struct cyc_dry_view *view,
                      const struct cyc_progress *progress, int64_t now_ms)
{
    char time[CYC_NUMBER_SIZE];
    const double done = share_done(progress);
    const int64_t whole_ns = progress->t_ns / CYC_S_NS * CYC_S_NS;
    if (view->bar && progress->cycle_count > 0) {
        put_bar(line, done);
    }
    cyc_text_format(line, "cycle %" PRIu32, progress->cycle_number);
    if (progress->cycle_count > 0) {
        cyc_text_format(line, "/%" PRIu32, progress->cycle_count);
    }
    if (done > 0.0) {
        const double left_s = (double)(now_ms - view->started_ms) * 1e-3 * (1.0 - done) / done;
        cyc_text_append(line, "  ");
        cyc_cli_fixed(line, ceil(left_s), 0);
        cyc_text_append(line, " s left");
    }
    cyc_text_format(line, "  %s", cyc_duration_text(time, whole_ns));
    if (progress->step != NULL) {
        cyc_text_format(line, "  %s", progress->step->type);
    }
    cyc_text_append(line, " ");
    cyc_cli_fixed(line, progress->voltage_V, 3);
    cyc_text_append(line, " V ");
    put_capacity(line, view, progress->step_capacity_Ah);
    if (progress->step != NULL && progress->step->name[0] != '\0') {
        cyc_text_format(line, "  %s", progress->step->name);
    }
}

/* A terminal gets one line, drawn over and over and cut to its width; others a line at times. */
static void show(struct cyc_dry_view *view, const struct cyc_progress *progress, int64_t now_ms)
{
    struct cyc_text line = {0};
    if (view->bar) {
        cyc_text_append(&line, WIPE);
    }
    const size_t prefix = line.length;
    put_state(&line, view, progress, now_ms);
    const size_t width = cyc_cli_width(stderr);
    if (view->bar && !line.failed && line.length - prefix >= width) {
        line.length = prefix + width - 1; /* ASCII, but for an author's id */
    }
    if (!view->bar) {
        cyc_text_append(&line, "\n");
    }
    cyc_cli_put(stderr, &line);
    cyc_text_release(&line);
    view->drawn = view->bar;
}

int cyc_dry_view_progress(void *context, const struct cyc_progress *progress)
{
    struct cyc_dry_view *view = context;
    const int64_t now_ms = wall_ms();
    if (!view->quiet && now_ms - view->shown_ms >= (view->bar ? BAR_EVERY_MS : LINE_EVERY_MS)) {
        view->shown_ms = now_ms;
        show(view, progress, now_ms);
    }
    return *view->interrupted;
}

/* ---- Before and after
 * ------------------------------------------------------------------------------ */

void cyc_dry_view_begin(struct cyc_dry_view *view, struct cyc_cli_protocol *loaded,
                        const char *cell_name)
{
    const char *name = cyc_protocol_name(loaded->protocol);
    if (!view->json) {
        if (loaded->diags.warning_count > 0) { /* notes alone are for `check` */
            cyc_cli_print_diags(&loaded->diags);
        }
        if (!view->quiet) {
            (void)fprintf(stdout, "%s\non the simulated cell '%s'\n\n", name, cell_name);
            (void)fflush(stdout);
        }
        return;
    }
    cyc_json_open(&view->object, '{');
    cyc_cli_key_string(&view->object, "protocol", name);
    cyc_cli_key_string(&view->object, "cell", cell_name);
    cyc_json_key(&view->object, "diagnostics");
    cyc_diags_json(&loaded->diags, &view->object);
    cyc_json_key(&view->object, "cycles");
    cyc_json_open(&view->object, '[');
    view->in_cycles = true;
    cyc_cli_put(stdout, &view->text);
}

static const char *end_word(const struct cyc_dry_outcome *outcome)
{
    return outcome->interrupted ? "interrupted" : cyc_finish_name(outcome->finish);
}

static void end_json(struct cyc_dry_view *view, const struct cyc_dry_outcome *outcome,
                     const struct cyc_err *err)
{
    struct cyc_json *json = &view->object;
    cyc_json_close(json, ']');
    if (view->in_cycles) {
        cyc_json_key(json, "expectations");
        cyc_json_open(json, '[');
        cyc_json_close(json, ']');
    }
    cyc_cli_key_integer(json, "note_count", (int64_t)view->note_count);
    cyc_text_append(&view->text, ",\"notes\":[");
    cyc_text_append(&view->text, cyc_text_get(&view->notes));
    cyc_text_append(&view->text, "]");
    cyc_cli_key_string(json, "error", err != NULL ? err->text : NULL);
    cyc_cli_key_string(json, "end", err != NULL ? NULL : end_word(outcome));
    cyc_cli_key_string(json, "why", outcome->why);
    cyc_cli_key_number(json, "t_s", (double)outcome->t_ns * 1e-9);
    cyc_cli_key_integer(json, "cycle_count", (int64_t)view->cycle_count);
    cyc_cli_key_integer(json, "step_count", (int64_t)outcome->step_count);
    cyc_cli_key_integer(json, "row_count", (int64_t)outcome->row_count);
    cyc_cli_key_integer(json, "sample_count", (int64_t)outcome->sample_count);
    const bool kept = outcome->run_id[0] != '\0';
    cyc_cli_key_string(json, "run", kept ? outcome->run_id : NULL);
    cyc_cli_key_string(json, "folder", kept ? outcome->folder : NULL);
    cyc_cli_key_string(json, "data_file", kept ? outcome->data_path : NULL);
    cyc_json_close(json, '}');
    cyc_text_append(&view->text, "\n");
    cyc_cli_put(stdout, &view->text);
}

static void put_cycle(struct cyc_table *table, const struct cyc_dry_view *view,
                      const struct cyc_cycle *cycle, uint32_t *number)
{
    if (cycle->number > *number + 1 && *number > 0) {
        for (size_t i = 0; i < table->column_count; i++) {
            cyc_table_cell(table, i == 0 ? "..." : "");
        }
    }
    *number = cycle->number;
    cyc_cli_cycle_row(table, cycle, view->mass_g, view->one_c_A);
}

static void put_cycles(struct cyc_dry_view *view, struct cyc_text *out)
{
    struct cyc_table table;
    uint32_t number = 0;
    cyc_text_format(out, "capacities in %s\n",
                    cyc_cli_cycle_columns(&table, view->mass_g, view->one_c_A));
    for (unsigned i = 0; i < view->head_count; i++) {
        put_cycle(&table, view, &view->head[i], &number);
    }
    for (size_t i = 0; i < view->rest_count; i++) {
        put_cycle(&table, view, &view->rest[i], &number);
    }
    const uint64_t tail = view->all                           ? 0
                          : view->cycle_count < CYC_VIEW_TAIL ? view->cycle_count
                                                              : CYC_VIEW_TAIL;
    for (uint64_t i = view->cycle_count - tail; i < view->cycle_count; i++) {
        const struct cyc_cycle *cycle = &view->tail[i % CYC_VIEW_TAIL];
        if (cycle->number > number) {
            put_cycle(&table, view, cycle, &number);
        }
    }
    cyc_table_print(&table, out);
    cyc_text_append(out, "\n");
    cyc_table_release(&table);
}

static void put_end(const struct cyc_dry_view *view, const struct cyc_dry_outcome *outcome,
                    struct cyc_text *out)
{
    char time[CYC_NUMBER_SIZE];
    const bool bad = outcome->interrupted || outcome->finish == CYC_FINISH_FAILED ||
                     outcome->finish == CYC_FINISH_FAULT;
    const bool colour = cyc_cli_colour(stdout);
    cyc_text_append(out, !colour ? "" : bad ? "\033[1;31m" : "\033[1;32m");
    cyc_text_append(out, end_word(outcome));
    cyc_text_append(out, colour ? "\033[0m" : "");
    if (outcome->why[0] != '\0') {
        cyc_text_format(out, ": %s", outcome->why);
    }
    cyc_text_format(out, "\nafter %s of cell time: ", cyc_duration_text(time, outcome->t_ns));
    cyc_cli_counts(out, view->cycle_count, outcome->step_count, outcome->row_count);
    cyc_text_append(out, "\n");
    if (outcome->run_id[0] != '\0') {
        cyc_text_format(out, "run   %s\ndata  %s\n", outcome->run_id, outcome->data_path);
    }
}

static void end_text(struct cyc_dry_view *view, const struct cyc_dry_outcome *outcome)
{
    struct cyc_text out = {0};
    if (view->cycle_count > 0) {
        put_cycles(view, &out);
    }
    if (view->expectation_count > 0) {
        cyc_table_print(&view->expectations, &out);
        cyc_text_append(&out, "\n");
    }
    if (view->note_count > 0) {
        cyc_text_append(&out, "notes\n");
        cyc_text_append(&out, cyc_text_get(&view->notes));
        if (view->note_count > CYC_VIEW_NOTES) {
            cyc_text_format(&out, "  … and %" PRIu64 " more: cyclostat show %s\n",
                            view->note_count - CYC_VIEW_NOTES,
                            outcome->run_id[0] != '\0' ? outcome->run_id : "");
        }
        cyc_text_append(&out, "\n");
    }
    put_end(view, outcome, &out);
    cyc_cli_put(stdout, &out);
    cyc_text_release(&out);
}

void cyc_dry_view_end(struct cyc_dry_view *view, const struct cyc_dry_outcome *outcome,
                      const struct cyc_err *err)
{
    if (view->drawn) {
        (void)fputs(WIPE, stderr);
    }
    if (view->json) {
        end_json(view, outcome, err);
    } else if (err == NULL && !view->quiet) {
        end_text(view, outcome);
    }
}
