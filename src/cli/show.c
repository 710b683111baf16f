#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>

#define STEPS_SHOWN  20u
#define EVENTS_SHOWN 20u

static const char help[] =
    "cyclostat show [RUN] [--steps] [--events] [--json] [--runs DIR]\n\n"
    "Shows one run: what it was, how it ended, its steps, its events, and what was expected of\n"
    "it. RUN is an id, a unique beginning of one, a folder, or `last`, which is the default.\n\n"
    "  --steps      every step, and nothing else\n"
    "  --events     every event, and nothing else\n"
    "  --json       all of it as one JSON object\n"
    "  --runs DIR   folder of the runs; default $CYCLOSTAT_RUNS, else ./runs\n";

static const struct option options[] = {
    {"help", no_argument, NULL, CYC_OPTION_HELP}, {"steps", no_argument, NULL, 's'},
    {"events", no_argument, NULL, 'e'},           {"json", no_argument, NULL, 'j'},
    {"runs", required_argument, NULL, 'r'},       {0}};

struct show {
    struct cyc_run_info info;
    struct cyc_table table;
    struct cyc_text text;
    struct cyc_json json;
    uint64_t count, shown_max;
    struct cyc_text resistances; /* lines below the table of steps */
    uint64_t resistance_lines;
};

/* ---- Steps
 * ----------------------------------------------------------------------------------------- */

static void put_row(struct cyc_table *table, uint32_t cycle_number, const char *name,
                    const char *type, const struct cyc_result *result, bool ended)
{
    char time[CYC_NUMBER_SIZE];
    cyc_table_number(table, result->step_count, 0);
    cyc_table_number(table, cycle_number, 0);
    cyc_table_cell(table, name[0] != '\0' ? name : "-");
    cyc_table_cell(table, type);
    if (!ended) {
        cyc_table_cell(table, "(not ended)");
        cyc_table_cell(table, "");
        cyc_table_cell(table, "");
        cyc_table_cell(table, "");
        return;
    }
    cyc_table_cell(table, cyc_reason_name(result->reason));
    cyc_table_cell(table, cyc_cli_exact_duration(time, result->step_time_ns));
    cyc_table_number(table, result->voltage_V, 4);
    cyc_table_brief(table, (result->sums.charge_Ah - result->sums.discharge_Ah) * 1e3, 5);
}

/* What a pulse step is for: one line of resistances, pulse after pulse. */
static void put_resistances(struct show *show, const char *name, const struct cyc_result *result)
{
    if (result->resistance_count == 0 || show->resistance_lines++ >= show->shown_max) {
        return;
    }
    cyc_text_format(&show->resistances, "%" PRIu32 "  %s ", result->step_count,
                    name[0] != '\0' ? name : "-");
    for (unsigned i = 0; i < result->resistance_count; i++) {
        cyc_text_append(&show->resistances, " ");
        cyc_text_number(&show->resistances, result->resistances_ohm[i] * 1e3, 5);
    }
    cyc_text_append(&show->resistances, "\n");
}

static int add_step(void *context, uint32_t cycle_number, const char *name, const char *type,
                    uint32_t step_id, const char *text, const struct cyc_result *result, bool ended)
{
    (void)step_id;
    (void)text;
    struct show *show = context;
    if (show->count++ < show->shown_max) {
        put_row(&show->table, cycle_number, name, type, result, ended);
    }
    put_resistances(show, name, result);
    return 0;
}

static void begin_table(struct show *show, const char *const *columns, uint64_t shown_max)
{
    show->count = 0;
    show->shown_max = shown_max;
    cyc_table_init(&show->table, columns);
}

/* `option` shows what was left out. */
static void end_table(struct show *show, const char *option)
{
    if (show->count > 0) {
        cyc_table_print(&show->table, &show->text);
    }
    if (show->count > show->shown_max) {
        cyc_text_format(&show->text, "… and %" PRIu64 " more: cyclostat show %s %s\n",
                        show->count - show->shown_max, show->info.id, option);
    }
    cyc_cli_put(stdout, &show->text);
    cyc_table_release(&show->table);
}

static int print_steps(struct show *show, uint64_t shown_max, struct cyc_err *err)
{
    static const char *const columns[] = {">step",       ">cycle", "id",          "type", "reason",
                                          ">duration s", ">end V", ">charge mAh", NULL};
    begin_table(show, columns, shown_max);
    const int status = cyc_run_each_step(show->info.folder, add_step, show, err);
    end_table(show, "--steps");
    return status;
}

static void print_resistances(struct show *show)
{
    if (show->resistance_lines > 0) {
        cyc_text_format(&show->text, "\nresistances in mohm: step, id, pulse after pulse\n%s",
                        cyc_text_get(&show->resistances));
    }
    cyc_cli_put(stdout, &show->text);
}

/* ---- Events
 * ---------------------------------------------------------------------------------------- */

static int add_event(void *context, int64_t t_ns, const char *who, const char *what,
                     const char *why)
{
    struct show *show = context;
    char time[CYC_NUMBER_SIZE];
    if (show->count++ < show->shown_max) {
        cyc_table_cell(&show->table, cyc_duration_text(time, t_ns));
        cyc_table_cell(&show->table, who);
        cyc_table_cell(&show->table, what);
        cyc_table_cell(&show->table, why);
    }
    return 0;
}

static int print_events(struct show *show, uint64_t shown_max, struct cyc_err *err)
{
    static const char *const columns[] = {">time", "who", "what", "why", NULL};
    begin_table(show, columns, shown_max);
    const int status = cyc_run_each_event(show->info.folder, add_event, show, err);
    end_table(show, "--events");
    return status;
}

/* ---- Expectations
 * ------------------------------------------------------------------------------------ */

static int add_expectation(void *context, const char *name, const char *unit, double value,
                           double is, double tolerance, const char *source)
{
    struct show *show = context;
    const struct cyc_expectation row = {.name = name,
                                        .unit = unit,
                                        .value = value,
                                        .is = is,
                                        .tolerance = tolerance,
                                        .source = source};
    cyc_cli_expectation_row(&show->table, &row);
    show->count++;
    return 0;
}

static int print_expectations(struct show *show, struct cyc_err *err)
{
    show->count = 0;
    cyc_cli_expectation_columns(&show->table);
    const int status = cyc_run_each_expectation(show->info.folder, add_expectation, show, err);
    if (show->count > 0) {
        cyc_text_append(&show->text, "\n");
        cyc_table_print(&show->table, &show->text);
    }
    cyc_cli_put(stdout, &show->text);
    cyc_table_release(&show->table);
    return status;
}

/* ---- All of it
 * ----------------------------------------------------------------------------------------- */

static void print_identity(struct show *show)
{
    const struct cyc_run_info *info = &show->info;
    struct cyc_text *text = &show->text;
    char time[CYC_NUMBER_SIZE];
    char value[64];
    cyc_text_format(text, "run        %s (%s)\nprotocol   %s\n", info->id, info->kind,
                    info->protocol_name);
    if (info->protocol_source[0] != '\0') {
        cyc_text_format(text, "source     %s\n", info->protocol_source);
    }
    cyc_text_format(text, "cell       %s", info->cell);
    if (info->active_mass_g > 0.0) {
        cyc_text_format(text, ", %s active mass",
                        cyc_quantity_text(value, sizeof value, info->active_mass_g, CYC_KIND_MASS));
    }
    if (info->one_c_A > 0.0) {
        cyc_text_format(text, ", 1C is %s",
                        cyc_quantity_text(value, sizeof value, info->one_c_A, CYC_KIND_CURRENT));
    }
    cyc_text_format(text, "\nend        %s", info->end[0] != '\0' ? info->end : "still running");
    if (info->why[0] != '\0') {
        cyc_text_format(text, ": %s", info->why);
    }
    cyc_text_format(text, "\nduration   %s: ", cyc_duration_text(time, info->t_ns));
    cyc_cli_counts(text, info->cycle_count, info->step_count, info->row_count);
    cyc_text_format(text, "\ndata       %s\n\n", info->data_file);
    cyc_cli_put(stdout, text);
}

static int print_all(struct show *show, struct cyc_err *err)
{
    print_identity(show);
    int status = print_steps(show, STEPS_SHOWN, err);
    print_resistances(show);
    if (status == CYC_OK && show->info.event_count > 0) {
        cyc_text_append(&show->text, "\n");
        status = print_events(show, EVENTS_SHOWN, err);
    }
    return status == CYC_OK ? print_expectations(show, err) : status;
}

/* ---- JSON
 * ------------------------------------------------------------------------------------------------
 */

static int json_step(void *context, uint32_t cycle_number, const char *name, const char *type,
                     uint32_t step_id, const char *text, const struct cyc_result *result,
                     bool ended)
{
    struct show *show = context;
    struct cyc_json *json = &show->json;
    cyc_json_open(json, '{');
    cyc_cli_key_integer(json, "step_count", result->step_count);
    cyc_cli_key_integer(json, "step_id", step_id);
    cyc_cli_key_integer(json, "cycle", cycle_number);
    cyc_cli_key_string(json, "id", name);
    cyc_cli_key_string(json, "type", type);
    cyc_cli_key_string(json, "as_resolved", text);
    cyc_json_key(json, "ended");
    cyc_json_bool(json, ended);
    cyc_cli_key_number(json, "start_s", (double)result->start_ns * 1e-9);
    if (ended) {
        cyc_cli_result_json(json, result);
    }
    cyc_json_close(json, '}');
    cyc_cli_put(stdout, &show->text);
    return 0;
}

static int json_event(void *context, int64_t t_ns, const char *who, const char *what,
                      const char *why)
{
    struct show *show = context;
    cyc_json_open(&show->json, '{');
    cyc_cli_key_number(&show->json, "t_s", (double)t_ns * 1e-9);
    cyc_cli_key_string(&show->json, "who", who);
    cyc_cli_key_string(&show->json, "what", what);
    cyc_cli_key_string(&show->json, "why", why);
    cyc_json_close(&show->json, '}');
    cyc_cli_put(stdout, &show->text);
    return 0;
}

static int json_expectation(void *context, const char *name, const char *unit, double value,
                            double is, double tolerance, const char *source)
{
    struct show *show = context;
    const struct cyc_expectation row = {.name = name,
                                        .unit = unit,
                                        .value = value,
                                        .is = is,
                                        .tolerance = tolerance,
                                        .source = source};
    cyc_cli_expectation_json(&show->json, &row);
    return 0;
}

static int print_json(struct show *show, struct cyc_err *err)
{
    struct cyc_json *json = &show->json;
    cyc_json_init(json, &show->text);
    cyc_json_open(json, '{');
    cyc_json_key(json, "run");
    cyc_cli_run_json(json, &show->info);
    cyc_json_key(json, "steps");
    cyc_json_open(json, '[');
    int status = cyc_run_each_step(show->info.folder, json_step, show, err);
    cyc_json_close(json, ']');
    cyc_json_key(json, "events");
    cyc_json_open(json, '[');
    if (status == CYC_OK) {
        status = cyc_run_each_event(show->info.folder, json_event, show, err);
    }
    cyc_json_close(json, ']');
    cyc_json_key(json, "expectations");
    cyc_json_open(json, '[');
    if (status == CYC_OK) {
        status = cyc_run_each_expectation(show->info.folder, json_expectation, show, err);
    }
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
    cyc_text_append(&show->text, "\n");
    cyc_cli_put(stdout, &show->text);
    return status;
}

int cyc_cli_show(int argc, char **argv)
{
    struct show show = {0};
    const char *runs = NULL;
    bool json = false;
    bool steps = false;
    bool events = false;
    int exit_code = 0;
    for (int option = cyc_cli_option(argc, argv, options, help, &exit_code); option >= 0;
         option = cyc_cli_option(argc, argv, options, help, &exit_code)) {
        json = json || option == 'j';
        steps = steps || option == 's';
        events = events || option == 'e';
        runs = option == 'r' ? optarg : runs;
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if ((json ? 1 : 0) + (steps ? 1 : 0) + (events ? 1 : 0) > 1) {
        return cyc_cli_usage(argv[0], "only one of --steps, --events and --json");
    }
    exit_code = cyc_cli_find_run(argc, argv, runs, &show.info);
    if (exit_code != CYC_EXIT_OK) {
        return exit_code;
    }
    struct cyc_err err = {0};
    const int status = json     ? print_json(&show, &err)
                       : steps  ? print_steps(&show, UINT64_MAX, &err)
                       : events ? print_events(&show, UINT64_MAX, &err)
                                : print_all(&show, &err);
    cyc_text_release(&show.text);
    cyc_text_release(&show.resistances);
    return status == CYC_OK ? CYC_EXIT_OK : cyc_cli_error(&err);
}
