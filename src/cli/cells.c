#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 256

static const char help[] =
    "cyclostat cells [CELL] [--json]\n\n"
    "Lists the simulated cells that come with the program; with a name, or the path of a cell\n"
    "file, shows that cell with all parameters of its model. A cell file is YAML: copy a shipped\n"
    "one, change numbers, and give its path to `cyclostat dry-run --cell`.\n\n"
    "  --json   machine-readable\n";

static const struct option options[] = {
    {"help", no_argument, NULL, CYC_OPTION_HELP}, {"json", no_argument, NULL, 'j'}, {0}};

struct cells {
    bool json;
    struct cyc_diags diags;
    struct cyc_cell_file file;
    struct cyc_cell_spec spec;
    struct cyc_text text;
    struct cyc_json object;
};

static int load(struct cells *cells, const char *word, struct cyc_err *err)
{
    char path[CYC_PATH_SIZE];
    int status = cyc_cli_cell_path(word, path, sizeof path, err);
    if (status == CYC_OK) {
        memset(&cells->file, 0, sizeof cells->file);
        status = cyc_cell_file_load(path, &cells->diags, &cells->file, err);
    }
    if (status == CYC_OK) {
        status = cyc_cell_spec_from_file(&cells->file, &cells->diags, &cells->spec, err);
    }
    return status;
}

/* ---- The list
 * ------------------------------------------------------------------------------------ */

static int list_names(struct cells *cells, const char **names, size_t count, struct cyc_err *err)
{
    static const char *const columns[] = {"cell", "model", "source", NULL};
    struct cyc_table table;
    int status = CYC_OK;
    cyc_table_init(&table, columns);
    cyc_json_open(&cells->object, '[');
    for (size_t i = 0; status == CYC_OK && i < count; i++) {
        status = load(cells, names[i], err);
        cyc_table_cell(&table, names[i]);
        cyc_table_cell(&table, cells->file.model);
        cyc_table_cell(&table, cells->file.source);
        cyc_json_open(&cells->object, '{');
        cyc_cli_key_string(&cells->object, "name", names[i]);
        cyc_cli_key_string(&cells->object, "model", cells->file.model);
        cyc_cli_key_string(&cells->object, "title", cells->file.title);
        cyc_cli_key_string(&cells->object, "source", cells->file.source);
        cyc_json_close(&cells->object, '}');
    }
    cyc_json_close(&cells->object, ']');
    if (!cells->json) {
        cyc_text_clear(&cells->text);
        cyc_table_print(&table, &cells->text);
    }
    cyc_table_release(&table);
    return status;
}

static int list(struct cells *cells, struct cyc_err *err)
{
    struct cyc_arena arena;
    const char *names[CELLS_MAX];
    size_t count = 0;
    cyc_arena_init(&arena, 0);
    int status = cyc_cli_cell_names(&arena, names, CELLS_MAX, &count, err);
    if (status == CYC_OK) {
        status = list_names(cells, names, count, err);
    }
    cyc_arena_release(&arena);
    return status;
}

/* ---- One cell
 * ---------------------------------------------------------------------------------------- */

/* The value in the file, else the model's; *stated says which. */
static double value_of(const struct cyc_cell_spec *spec, const struct cyc_cell_parameter *parameter,
                       bool *stated)
{
    for (unsigned i = 0; i < spec->parameter_count; i++) {
        if (strcmp(spec->parameters[i].name, parameter->name) == 0) {
            *stated = true;
            return spec->parameters[i].value;
        }
    }
    *stated = false;
    return parameter->value;
}

static void show_json(struct cells *cells)
{
    struct cyc_json *json = &cells->object;
    const struct cyc_cell_file *file = &cells->file;
    cyc_json_open(json, '{');
    cyc_cli_key_string(json, "name", file->facts.name);
    cyc_cli_key_string(json, "title", file->title);
    cyc_cli_key_string(json, "source", file->source);
    cyc_cli_key_string(json, "model", file->model);
    cyc_cli_key_string(json, "reference", file->facts.reference);
    cyc_cli_key_number(json, "active_mass_g", cells->spec.active_mass_g);
    cyc_cli_key_number(json, "capacity_Ah", cells->spec.capacity_Ah);
    cyc_cli_key_number(json, "initial_soc", cells->spec.initial_soc);
    cyc_cli_key_number(json, "temperature_degC", cells->spec.temperature_degC);
    cyc_cli_key_number(json, "pressure_Pa", cells->spec.pressure_Pa);
    cyc_json_key(json, "parameters");
    cyc_json_open(json, '[');
    for (const struct cyc_cell_parameter *parameter = cyc_cell_parameters(file->model);
         parameter->name != NULL; parameter++) {
        bool stated = false;
        cyc_json_open(json, '{');
        cyc_cli_key_string(json, "name", parameter->name);
        cyc_cli_key_number(json, "value", value_of(&cells->spec, parameter, &stated));
        cyc_cli_key_string(json, "unit", parameter->unit);
        cyc_json_key(json, "stated");
        cyc_json_bool(json, stated);
        cyc_cli_key_string(json, "help", parameter->help);
        cyc_json_close(json, '}');
    }
    cyc_json_close(json, ']');
    cyc_json_close(json, '}');
}

static void put_fact(struct cyc_text *text, const char *name, double value, enum cyc_kind kind)
{
    char words[64];
    if (value > 0.0) {
        cyc_text_format(text, "%-14s %s\n", name,
                        cyc_quantity_text(words, sizeof words, value, kind));
    }
}

static void show_text(struct cells *cells)
{
    static const char *const columns[] = {"parameter", ">value", "unit", "", "meaning", NULL};
    const struct cyc_cell_file *file = &cells->file;
    struct cyc_text *text = &cells->text;
    struct cyc_table table;
    cyc_text_format(text, "%s\n", file->title[0] != '\0' ? file->title : file->facts.name);
    if (file->source[0] != '\0') {
        cyc_text_format(text, "%-14s %s\n", "source", file->source);
    }
    cyc_text_format(text, "%-14s %s\n", "model", file->model);
    cyc_text_format(text, "%-14s %s\n", "reference",
                    file->facts.reference[0] != '\0' ? file->facts.reference : "none: full cell");
    put_fact(text, "active mass", cells->spec.active_mass_g, CYC_KIND_MASS);
    put_fact(text, "capacity", cells->spec.capacity_Ah, CYC_KIND_CAPACITY);
    put_fact(text, "temperature", cells->spec.temperature_degC, CYC_KIND_TEMPERATURE);
    put_fact(text, "pressure", cells->spec.pressure_Pa, CYC_KIND_PRESSURE);
    cyc_text_append(text, "\n");
    cyc_table_init(&table, columns);
    for (const struct cyc_cell_parameter *parameter = cyc_cell_parameters(file->model);
         parameter->name != NULL; parameter++) {
        bool stated = false;
        cyc_table_cell(&table, parameter->name);
        cyc_table_brief(&table, value_of(&cells->spec, parameter, &stated), 6);
        cyc_table_cell(&table, parameter->unit);
        cyc_table_cell(&table, stated ? "stated" : "");
        cyc_table_cell(&table, parameter->help);
    }
    cyc_table_print(&table, text);
    cyc_table_release(&table);
}

static int run(struct cells *cells, const char *word)
{
    struct cyc_err err = {0};
    int status = CYC_OK;
    if (word == NULL) {
        status = list(cells, &err);
    } else {
        status = load(cells, word, &err);
        if (status == CYC_OK && cells->json) {
            show_json(cells);
        } else if (status == CYC_OK) {
            show_text(cells);
        }
    }
    cyc_cli_print_diags(&cells->diags);
    if (status != CYC_OK) {
        return cells->diags.error_count > 0 ? CYC_EXIT_MISTAKE : cyc_cli_error(&err);
    }
    if (cells->json) {
        cyc_text_append(&cells->text, "\n");
    }
    cyc_cli_put(stdout, &cells->text);
    return CYC_EXIT_OK;
}

int cyc_cli_cells(int argc, char **argv)
{
    bool json = false;
    int exit_code = 0;
    while (cyc_cli_option(argc, argv, options, help, &exit_code) >= 0) {
        json = true;
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (optind + 1 < argc) {
        return cyc_cli_usage(argv[0], "one cell at a time, not also '%s'", argv[optind + 1]);
    }
    struct cells *cells = calloc(1, sizeof *cells);
    if (cells == NULL) {
        (void)fputs("cyclostat: out of memory\n", stderr);
        return CYC_EXIT_HOST;
    }
    cells->json = json;
    cyc_diags_init(&cells->diags);
    cyc_json_init(&cells->object, &cells->text);
    exit_code = run(cells, optind < argc ? argv[optind] : NULL);
    cyc_text_release(&cells->text);
    cyc_diags_release(&cells->diags);
    free(cells);
    return exit_code;
}
