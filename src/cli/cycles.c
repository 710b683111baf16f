#include "cli/cli.h"

#include <math.h>

static const char help[] =
    "cyclostat cycles [RUN] [--csv | --json] [--runs DIR]\n\n"
    "The table of cycles of a run: capacities (per gram where the active mass is known),\n"
    "efficiencies, mean voltages, retention. RUN is an id, a unique beginning of one, a folder,\n"
    "or `last`, which is the default.\n\n"
    "  --csv        comma-separated, all digits\n"
    "  --json       as a JSON list\n"
    "  --runs DIR   folder of the runs; default $CYCLOSTAT_RUNS, else ./runs\n";

static const struct option options[] = {{"help", no_argument, NULL, CYC_OPTION_HELP},
                                        {"csv", no_argument, NULL, 'c'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"runs", required_argument, NULL, 'r'},
                                        {0}};

struct cycles {
    struct cyc_run_info info;
    struct cyc_table table;
    struct cyc_text text;
    struct cyc_json json;
    unsigned count;
};

static int add_row(void *context, const struct cyc_cycle *cycle)
{
    struct cycles *cycles = context;
    cyc_cli_cycle_row(&cycles->table, cycle, cycles->info.active_mass_g, cycles->info.one_c_A);
    cycles->count++;
    return 0;
}

static int add_object(void *context, const struct cyc_cycle *cycle)
{
    struct cycles *cycles = context;
    cyc_cli_cycle_json(&cycles->json, cycle, cycles->info.active_mass_g);
    cyc_cli_put(stdout, &cycles->text);
    return 0;
}

static void put_value(struct cyc_text *line, double value)
{
    char number[CYC_NUMBER_SIZE];
    cyc_text_append(line, ",");
    if (isfinite(value)) {
        cyc_text_append(line, cyc_number_brief(number, value, 12));
    }
}

static int add_line(void *context, const struct cyc_cycle *cycle)
{
    struct cycles *cycles = context;
    struct cyc_text *line = &cycles->text;
    const double per_gram =
        cycles->info.active_mass_g > 0.0 ? 1e3 / cycles->info.active_mass_g : NAN;
    cyc_text_format(line, "%u,%s,%u,%d", cycle->number, cycle->block, cycle->pass,
                    cycle->complete ? 1 : 0);
    put_value(line, (double)cycle->start_ns * 1e-9);
    put_value(line, (double)cycle->end_ns * 1e-9);
    put_value(line, cycle->sums.charge_Ah);
    put_value(line, cycle->sums.discharge_Ah);
    put_value(line, cycle->sums.charge_Ah * per_gram);
    put_value(line, cycle->sums.discharge_Ah * per_gram);
    put_value(line, cycle->sums.charge_Wh);
    put_value(line, cycle->sums.discharge_Wh);
    put_value(line, cycle->coulombic_efficiency);
    put_value(line, cycle->energy_efficiency);
    put_value(line, cycle->mean_charge_V);
    put_value(line, cycle->mean_discharge_V);
    put_value(line, cycle->retention);
    cyc_text_append(line, "\n");
    cyc_cli_put(stdout, line);
    return 0;
}

static int print_csv(struct cycles *cycles, struct cyc_err *err)
{
    (void)puts("Cycle Count / 1,Block,Pass / 1,Complete / 1,Start Time / s,End Time / s,"
               "Charging Capacity / Ah,Discharging Capacity / Ah,"
               "Charging Capacity / mAh.g-1,Discharging Capacity / mAh.g-1,"
               "Charging Energy / Wh,Discharging Energy / Wh,Coulombic Efficiency / 1,"
               "Energy Efficiency / 1,Mean Charging Voltage / V,Mean Discharging Voltage / V,"
               "Capacity Retention / 1");
    return cyc_run_each_cycle(cycles->info.folder, add_line, cycles, err);
}

static int print_json(struct cycles *cycles, struct cyc_err *err)
{
    cyc_json_init(&cycles->json, &cycles->text);
    cyc_json_open(&cycles->json, '[');
    const int status = cyc_run_each_cycle(cycles->info.folder, add_object, cycles, err);
    cyc_json_close(&cycles->json, ']');
    cyc_text_append(&cycles->text, "\n");
    cyc_cli_put(stdout, &cycles->text);
    return status;
}

static int print_table(struct cycles *cycles, struct cyc_err *err)
{
    const char *unit =
        cyc_cli_cycle_columns(&cycles->table, cycles->info.active_mass_g, cycles->info.one_c_A);
    cyc_text_format(&cycles->text, "capacities in %s\n", unit);
    const int status = cyc_run_each_cycle(cycles->info.folder, add_row, cycles, err);
    if (status == CYC_OK && cycles->count == 0) {
        (void)fprintf(stderr, "run '%s' has no cycles\n", cycles->info.id);
    } else if (status == CYC_OK) {
        cyc_table_print(&cycles->table, &cycles->text);
        cyc_cli_put(stdout, &cycles->text);
    }
    cyc_table_release(&cycles->table);
    return status;
}

int cyc_cli_cycles(int argc, char **argv)
{
    struct cycles cycles = {0};
    const char *runs = NULL;
    bool csv = false;
    bool json = false;
    int exit_code = 0;
    for (int option = cyc_cli_option(argc, argv, options, help, &exit_code); option >= 0;
         option = cyc_cli_option(argc, argv, options, help, &exit_code)) {
        csv = csv || option == 'c';
        json = json || option == 'j';
        runs = option == 'r' ? optarg : runs;
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (csv && json) {
        return cyc_cli_usage(argv[0], "--csv and --json contradict each other");
    }
    exit_code = cyc_cli_find_run(argc, argv, runs, &cycles.info);
    if (exit_code != CYC_EXIT_OK) {
        return exit_code;
    }
    struct cyc_err err = {0};
    const int status = csv    ? print_csv(&cycles, &err)
                       : json ? print_json(&cycles, &err)
                              : print_table(&cycles, &err);
    cyc_text_release(&cycles.text);
    return status == CYC_OK ? CYC_EXIT_OK : cyc_cli_error(&err);
}
