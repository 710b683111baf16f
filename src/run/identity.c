#include "run/run_int.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>

#define CURRENT_DIGITS   7 /* significant digits of the largest current */
#define VOLTAGE_DECIMALS 6

static void put_parameters(struct cyc_json *json, const struct cyc_cell_spec *cell)
{
    cyc_json_key(json, "parameters");
    cyc_json_open(json, '{');
    for (unsigned i = 0; i < cell->parameter_count; i++) {
        cyc_json_key(json, cell->parameters[i].name);
        cyc_json_number(json, cell->parameters[i].value);
    }
    cyc_json_close(json, '}');
}

static void put_number(struct cyc_json *json, const char *key, double value)
{
    cyc_json_key(json, key);
    cyc_json_number(json, value);
}

/* What the cell under test was: facts for the protocol and, apart from them, the simulated cell. */
static void cell_json(const struct cyc_cell_facts *facts, const struct cyc_cell_spec *cell,
                      struct cyc_text *text)
{
    struct cyc_json json;
    cyc_json_init(&json, text);
    cyc_json_open(&json, '{');
    cyc_json_key(&json, "name");
    cyc_json_string(&json, facts->name);
    put_number(&json, "active_mass_g", facts->basis.active_mass_g);
    put_number(&json, "area_cm2", facts->basis.area_cm2);
    cyc_json_key(&json, "reference");
    cyc_json_string(&json, facts->reference);
    cyc_json_key(&json, "simulated");
    cyc_json_open(&json, '{');
    cyc_json_key(&json, "name");
    cyc_json_string(&json, cell->name);
    cyc_json_key(&json, "model");
    cyc_json_string(&json, cell->model);
    put_number(&json, "active_mass_g", cell->active_mass_g);
    put_number(&json, "capacity_Ah", cell->capacity_Ah);
    put_number(&json, "initial_soc", cell->initial_soc);
    put_number(&json, "temperature_degC", cell->temperature_degC);
    put_number(&json, "pressure_Pa", cell->pressure_Pa);
    cyc_json_key(&json, "seed");
    cyc_json_integer(&json, (int64_t)cell->seed);
    put_parameters(&json, cell);
    cyc_json_close(&json, '}');
    cyc_json_close(&json, '}');
}

static void settings_json(const struct cyc_dry_options *options, struct cyc_text *text)
{
    struct cyc_json json;
    cyc_json_init(&json, text);
    cyc_json_open(&json, '{');
    for (unsigned i = 0; i < options->setting_count; i++) {
        cyc_json_key(&json, options->settings[i].name);
        cyc_json_string(&json, options->settings[i].value);
    }
    cyc_json_close(&json, '}');
}

/* A simulated instrument has no resolution of its own: seven digits of the largest current that
 * the protocol asks for, so that a small cell loses nothing in the data file. */
static int current_decimals(const struct cyc_demands *demands, double one_c_A)
{
    double largest_A = fmax(fabs(demands->current_min_A), fabs(demands->current_max_A));
    if (!(largest_A > 0.0)) {
        largest_A = one_c_A > 0.0 ? one_c_A : 1.0;
    }
    const double magnitude = floor(log10(largest_A));
    return (int)fmin(12.0, fmax(3.0, CURRENT_DIGITS - 1.0 - magnitude));
}

static struct cyc_run_file *files_of(const struct cyc_protocol *protocol, unsigned *count)
{
    const struct cyc_protocol_file *read = NULL;
    *count = cyc_protocol_files(protocol, &read);
    struct cyc_run_file *files = calloc(*count > 0 ? *count : 1, sizeof *files);
    for (unsigned i = 0; files != NULL && i < *count; i++) {
        files[i] = (struct cyc_run_file){
            .name = read[i].name,
            .text = read[i].text,
            .size = read[i].size,
            .sha256 = read[i].sha256,
        };
    }
    return files;
}

/* Fills what the cell says of itself; what it does not say stays NaN. */
static void identify_cell(const struct cyc_cell_facts *facts, struct cyc_run_identity *identity)
{
    bool guessed = false;
    identity->active_mass_g = facts->basis.active_mass_g;
    identity->area_cm2 = facts->basis.area_cm2;
    identity->one_c_A = NAN;
    identity->nominal_capacity_Ah = NAN;
    if (cyc_one_c_A(&facts->basis, &identity->one_c_A, &guessed, NULL) == CYC_OK) {
        identity->one_c_from = guessed ? "nominal_capacity" : "one_c";
    }
    (void)cyc_nominal_capacity_Ah(&facts->basis, &identity->nominal_capacity_Ah, NULL);
}

int cyc_identity_create_run(const struct cyc_dry_options *options, struct cyc_run **run,
                            struct cyc_err *err)
{
    const struct cyc_protocol *protocol = options->protocol;
    const struct cyc_cell_facts *facts =
        options->facts != NULL ? options->facts : cyc_protocol_cell(protocol);
    struct cyc_text cell = {0};
    struct cyc_text settings = {0};
    unsigned file_count = 0;
    struct cyc_run_file *files = files_of(protocol, &file_count);
    cell_json(facts, options->cell, &cell);
    settings_json(options, &settings);

    struct cyc_run_identity identity = {
        .institution = options->institution,
        .protocol_name = cyc_protocol_name(protocol),
        .protocol_source = cyc_protocol_source_text(protocol),
        .kind = "dry",
        .command = options->command,
        .settings_json = cyc_text_get(&settings),
        .cell_json = cyc_text_get(&cell),
        .start_unix_ns = options->start_unix_ns,
        .voltage_decimals = VOLTAGE_DECIMALS,
        .files = files,
        .file_count = file_count,
    };
    identity.cell = facts->name[0] != '\0' ? facts->name : options->cell->name;
    identify_cell(facts, &identity);
    identity.current_decimals = current_decimals(cyc_protocol_demands(protocol), identity.one_c_A);
    identity.capacity_decimals = identity.current_decimals;

    int status = CYC_OK;
    if (files == NULL || cell.failed || settings.failed) {
        status = cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the run's identity");
    } else {
        status = cyc_run_create(options->runs_dir, &identity, run, err);
    }
    free(files);
    cyc_text_release(&cell);
    cyc_text_release(&settings);
    return status;
}
