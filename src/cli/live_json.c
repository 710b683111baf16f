/* The one JSON object of a live run, with the members that `dry-run --json` has for the same
 * things. */
#include "cli/live.h"

struct report {
    struct cyc_text text;
    struct cyc_json json;
    struct cyc_run_info info;
};

static int add_cycle(void *context, const struct cyc_cycle *cycle)
{
    struct report *report = context;
    cyc_cli_cycle_json(&report->json, cycle, report->info.active_mass_g);
    return 0;
}

/* What the folder says; a run whose folder cannot be read is told by its name alone. */
static void put_run(struct report *report, const char *folder)
{
    struct cyc_json *json = &report->json;
    const struct cyc_run_info *info = &report->info;
    const bool found = folder[0] != '\0' && cyc_run_find("", folder, &report->info, NULL) == CYC_OK;
    cyc_json_key(json, "cycles");
    cyc_json_open(json, '[');
    if (found) {
        (void)cyc_run_each_cycle(info->folder, add_cycle, report, NULL);
    }
    cyc_json_close(json, ']');
    if (found) {
        cyc_cli_key_number(json, "t_s", (double)info->t_ns * 1e-9);
        cyc_cli_key_integer(json, "cycle_count", (int64_t)info->cycle_count);
        cyc_cli_key_integer(json, "step_count", (int64_t)info->step_count);
        cyc_cli_key_integer(json, "row_count", (int64_t)info->row_count);
    }
    cyc_cli_key_string(json, "run", found ? info->id : NULL);
    cyc_cli_key_string(json, "folder", folder[0] != '\0' ? folder : NULL);
    cyc_cli_key_string(json, "data_file", found ? info->data_file : NULL);
}

void cyc_cli_live_json(const struct cyc_cli_live_outcome *outcome)
{
    struct report report = {0};
    cyc_json_init(&report.json, &report.text);
    cyc_json_open(&report.json, '{');
    if (outcome->diags != NULL) {
        cyc_json_key(&report.json, "diagnostics");
        cyc_diags_json(outcome->diags, &report.json);
    }
    put_run(&report, outcome->folder);
    cyc_cli_key_string(&report.json, "error", outcome->error);
    cyc_cli_key_string(&report.json, "end", outcome->end[0] != '\0' ? outcome->end : NULL);
    cyc_cli_key_string(&report.json, "why", outcome->why);
    cyc_json_close(&report.json, '}');
    cyc_text_append(&report.text, "\n");
    cyc_cli_put(stdout, &report.text);
    cyc_text_release(&report.text);
}
