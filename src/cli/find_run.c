#include "cli/cli.h"

int cyc_cli_find_run(int argc, char **argv, const char *runs, struct cyc_run_info *info)
{
    if (optind + 1 < argc) {
        return cyc_cli_usage(argv[0], "one run at a time, not also '%s'", argv[optind + 1]);
    }
    const char *word = optind < argc ? argv[optind] : "last";
    struct cyc_err err = {0};
    const int status = cyc_run_find(cyc_cli_runs_dir(runs), word, info, &err);
    if (status == CYC_OK) {
        return CYC_EXIT_OK;
    }
    const int exit_code = cyc_cli_error(&err);
    return exit_code == CYC_EXIT_MISTAKE ? CYC_EXIT_USAGE : exit_code; /* no such run */
}

void cyc_cli_run_json(struct cyc_json *json, const struct cyc_run_info *info)
{
    cyc_json_open(json, '{');
    cyc_cli_key_string(json, "id", info->id);
    cyc_cli_key_string(json, "kind", info->kind);
    cyc_cli_key_string(json, "end", info->end[0] != '\0' ? info->end : NULL);
    cyc_cli_key_string(json, "why", info->why);
    cyc_cli_key_string(json, "protocol", info->protocol_name);
    cyc_cli_key_string(json, "protocol_source", info->protocol_source);
    cyc_cli_key_string(json, "cell", info->cell);
    cyc_cli_key_number(json, "start_unix_s", (double)info->start_unix_ns * 1e-9);
    cyc_cli_key_number(json, "t_s", (double)info->t_ns * 1e-9);
    cyc_cli_key_integer(json, "row_count", (int64_t)info->row_count);
    cyc_cli_key_integer(json, "step_count", (int64_t)info->step_count);
    cyc_cli_key_integer(json, "cycle_count", (int64_t)info->cycle_count);
    cyc_cli_key_integer(json, "event_count", (int64_t)info->event_count);
    cyc_cli_key_number(json, "active_mass_g", info->active_mass_g);
    cyc_cli_key_number(json, "area_cm2", info->area_cm2);
    cyc_cli_key_number(json, "one_c_A", info->one_c_A);
    cyc_cli_key_number(json, "nominal_capacity_Ah", info->nominal_capacity_Ah);
    cyc_cli_key_string(json, "folder", info->folder);
    cyc_cli_key_string(json, "data_file", info->data_file);
    cyc_json_close(json, '}');
}
