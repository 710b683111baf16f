#include "cli/cli.h"

static const char help[] =
    "cyclostat runs [--runs DIR] [--json]\n\n"
    "Lists the runs, newest first.\n\n"
    "  --runs DIR   folder of the runs; default $CYCLOSTAT_RUNS, else ./runs\n"
    "  --json       as a JSON list\n";

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"runs", required_argument, NULL, 'r'},
                                        {"json", no_argument, NULL, 'j'},
                                        {0}};

struct listing {
    struct cyc_table table;
    struct cyc_text text;
    struct cyc_json json;
    unsigned count;
};

static int add_row(void *context, const struct cyc_run_info *info)
{
    struct listing *listing = context;
    struct cyc_table *table = &listing->table;
    char time[CYC_NUMBER_SIZE];
    cyc_table_cell(table, info->id);
    cyc_table_cell(table, info->end[0] != '\0' ? info->end : "running");
    cyc_table_number(table, (double)info->cycle_count, 0);
    cyc_table_number(table, (double)info->step_count, 0);
    cyc_table_number(table, (double)info->row_count, 0);
    cyc_table_cell(table, cyc_duration_text(time, info->t_ns));
    cyc_table_cell(table, info->cell);
    cyc_table_cell(table, info->protocol_name);
    listing->count++;
    return 0;
}

static int add_object(void *context, const struct cyc_run_info *info)
{
    struct listing *listing = context;
    cyc_cli_run_json(&listing->json, info);
    cyc_cli_put(stdout, &listing->text);
    return 0;
}

static int list_json(const char *folder, struct cyc_err *err)
{
    struct listing listing = {0};
    cyc_json_init(&listing.json, &listing.text);
    cyc_json_open(&listing.json, '[');
    const int status = cyc_runs_each(folder, add_object, &listing, err);
    cyc_json_close(&listing.json, ']');
    cyc_text_append(&listing.text, "\n");
    cyc_cli_put(stdout, &listing.text);
    cyc_text_release(&listing.text);
    return status;
}

static int list_table(const char *folder, struct cyc_err *err)
{
    static const char *const columns[] = {"run",       "end",  ">cycles",  ">steps", ">rows",
                                          ">duration", "cell", "protocol", NULL};
    struct listing listing = {0};
    cyc_table_init(&listing.table, columns);
    const int status = cyc_runs_each(folder, add_row, &listing, err);
    if (status == CYC_OK && listing.count == 0) {
        (void)fprintf(stderr, "no runs in '%s'\n", folder);
    } else if (status == CYC_OK) {
        cyc_table_print(&listing.table, &listing.text);
        cyc_cli_put(stdout, &listing.text);
    }
    cyc_table_release(&listing.table);
    cyc_text_release(&listing.text);
    return status;
}

int cyc_cli_runs(int argc, char **argv)
{
    const char *runs = NULL;
    bool json = false;
    int exit_code = 0;
    for (int option = cyc_cli_option(argc, argv, options, help, &exit_code); option >= 0;
         option = cyc_cli_option(argc, argv, options, help, &exit_code)) {
        if (option == 'r') {
            runs = optarg;
        } else {
            json = true;
        }
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (optind < argc) {
        return cyc_cli_usage(argv[0],
                             "takes no argument, but got '%s'; did you mean "
                             "`cyclostat show %s`?",
                             argv[optind], argv[optind]);
    }
    struct cyc_err err = {0};
    const char *folder = cyc_cli_runs_dir(runs);
    const int status = json ? list_json(folder, &err) : list_table(folder, &err);
    return status == CYC_OK ? CYC_EXIT_OK : cyc_cli_error(&err);
}
