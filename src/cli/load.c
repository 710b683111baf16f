#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int cyc_cli_setting(struct cyc_cli_protocol *loaded, const char *verb, char *word)
{
    char *equals = strchr(word, '=');
    if (equals == NULL || equals == word) {
        return cyc_cli_usage(verb, "--set takes name=value, not '%s'", word);
    }
    if (loaded->setting_count == CYC_SETTINGS_MAX) {
        return cyc_cli_usage(verb, "more than %d times --set", CYC_SETTINGS_MAX);
    }
    *equals = '\0';
    loaded->settings[loaded->setting_count++] =
        (struct cyc_setting){.name = word, .value = equals + 1};
    return CYC_EXIT_OK;
}

int cyc_cli_protocol_path(int argc, char **argv, struct cyc_cli_protocol *loaded)
{
    if (optind + 1 != argc) {
        return optind == argc ? cyc_cli_usage(argv[0], "which protocol?")
                              : cyc_cli_usage(argv[0], "one protocol at a time, not also '%s'",
                                              argv[optind + 1]);
    }
    loaded->path = argv[optind];
    return -1;
}

static int load_cell(struct cyc_cli_protocol *loaded, const char *word, struct cyc_err *err)
{
    char path[CYC_PATH_SIZE];
    int status = cyc_cli_cell_path(word, path, sizeof path, err);
    if (status != CYC_OK) {
        return status;
    }
    loaded->file = calloc(1, sizeof *loaded->file);
    if (loaded->file == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the cell file");
    }
    return cyc_cell_file_load(path, &loaded->diags, loaded->file, err);
}

int cyc_cli_load(struct cyc_cli_protocol *loaded, struct cyc_err *err)
{
    cyc_diags_init(&loaded->diags);
    if (loaded->cell != NULL) {
        const int status = load_cell(loaded, loaded->cell, err);
        if (status != CYC_OK) {
            return status;
        }
    }
    const struct cyc_protocol_options options = {
        .path = loaded->path,
        .cell = loaded->file != NULL ? &loaded->file->facts : NULL,
        .sensors = loaded->sensors,
        .voltage_resolution_V = loaded->voltage_resolution_V,
        .current_resolution_A = loaded->current_resolution_A,
        .settings = loaded->settings,
        .setting_count = loaded->setting_count,
    };
    return cyc_protocol_load(&options, &loaded->diags, &loaded->protocol, err);
}

/* Without --cell: the shipped cell with the counter electrode that the protocol speaks of. */
static const char *fitting_cell(const struct cyc_cell_facts *facts)
{
    if (facts->reference[0] == '\0') {
        return "nca-18650";
    }
    if (strcmp(facts->reference, "Li/Li+") == 0) {
        return "lib-n-lmro";
    }
    return strcmp(facts->reference, "In/Li-In") == 0 ? "n-lmro" : "lto-n-lmro";
}

/* As if so many of the cell were connected in parallel. */
static void scale(struct cyc_cell_spec *spec, double factor)
{
    spec->capacity_Ah *= factor;
    for (unsigned i = 0; i < spec->rc_count; i++) {
        spec->rc_ohm[i] /= factor;
    }
    for (unsigned i = 0; i < spec->parameter_count; i++) {
        const char *name = spec->parameters[i].name;
        if (strcmp(name, "R0") == 0) {
            spec->parameters[i].value /= factor;
        } else if (strcmp(name, "C_cell") == 0 || strcmp(name, "G_cell") == 0) {
            spec->parameters[i].value *= factor;
        }
    }
}

/* A cell that nobody chose takes its size from the protocol's own `cell`. */
static void fit_to_protocol(const struct cyc_cell_facts *facts, struct cyc_cell_spec *spec)
{
    double capacity_Ah = NAN;
    if (facts->basis.active_mass_g > 0.0) {
        spec->active_mass_g = facts->basis.active_mass_g;
    }
    const bool known = cyc_nominal_capacity_Ah(&facts->basis, &capacity_Ah, NULL) == CYC_OK ||
                       cyc_one_c_A(&facts->basis, &capacity_Ah, NULL, NULL) == CYC_OK;
    if (known && capacity_Ah > 0.0 && spec->capacity_Ah > 0.0) {
        scale(spec, capacity_Ah / spec->capacity_Ah);
    }
}

int cyc_cli_simulated_cell(struct cyc_cli_protocol *loaded, struct cyc_cell_spec *spec,
                           struct cyc_err *err)
{
    const struct cyc_cell_facts *facts = cyc_protocol_cell(loaded->protocol);
    const bool chosen = loaded->file != NULL;
    if (!chosen) {
        const int status = load_cell(loaded, fitting_cell(facts), err);
        if (status != CYC_OK) {
            return status;
        }
    }
    const int status = cyc_cell_spec_from_file(loaded->file, &loaded->diags, spec, err);
    if (status == CYC_OK && !chosen) {
        fit_to_protocol(facts, spec);
    }
    return status;
}

void cyc_cli_release(struct cyc_cli_protocol *loaded)
{
    if (loaded->protocol != NULL) {
        cyc_protocol_free(loaded->protocol);
    }
    free(loaded->file);
    cyc_diags_release(&loaded->diags);
}

void cyc_cli_print_diags(struct cyc_diags *diags)
{
    struct cyc_text text = {0};
    cyc_diags_print(diags, &text, cyc_cli_colour(stderr));
    cyc_cli_put(stderr, &text);
    cyc_text_release(&text);
}

int cyc_cli_refused(const struct cyc_diags *diags, const struct cyc_err *err)
{
    if (diags->error_count == 0) {
        return cyc_cli_error(err);
    }
    (void)fprintf(stderr, "%u error%s; nothing was started\n", diags->error_count,
                  diags->error_count == 1 ? "" : "s");
    return CYC_EXIT_MISTAKE;
}
