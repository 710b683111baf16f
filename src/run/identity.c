#include "run/run_int.h"
#include "run/start.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* What the cell under test was: facts for the protocol and, apart from them, the simulated cell
 * (NULL: it was a real one). */
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
    if (cell == NULL) {
        cyc_json_close(&json, '}');
        return;
    }
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

static void settings_json(const struct cyc_setting *settings, unsigned count, struct cyc_text *text)
{
    struct cyc_json json;
    cyc_json_init(&json, text);
    cyc_json_open(&json, '{');
    for (unsigned i = 0; i < count; i++) {
        cyc_json_key(&json, settings[i].name);
        cyc_json_string(&json, settings[i].value);
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

/* With room for two more. */
static struct cyc_run_file *files_of(const struct cyc_protocol *protocol, unsigned *count)
{
    const struct cyc_protocol_file *read = NULL;
    *count = cyc_protocol_files(protocol, &read);
    struct cyc_run_file *files = calloc(*count + 2, sizeof *files);
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
    settings_json(options->settings, options->setting_count, &settings);

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

/* ---- Live ------------------------------------------------------------------------------------ */

/* One decimal beyond what the instrument resolves, for the calibration. */
static int decimals_of(double resolution, int fallback)
{
    if (!(resolution > 0.0)) {
        return fallback;
    }
    return (int)fmin(12.0, fmax(3.0, ceil(-log10(resolution)) + 1.0));
}

/* The copies lie to each other as the originals do, so that includes and profiles are found from
 * them: all below the folder of the protocol, which is the first. */
static void place_files(struct cyc_run_file *files, unsigned count)
{
    const char *slash = strrchr(files[0].name, '/');
    const size_t folder = slash != NULL ? (size_t)(slash + 1 - files[0].name) : 0;
    for (unsigned i = 0; i < count; i++) {
        const char *name = files[i].name;
        const bool below = strncmp(name, files[0].name, folder) == 0;
        const bool stays = i == 0 || strstr(name + folder, "..") == NULL;
        files[i].place = below && stays ? name + folder : NULL;
    }
}

/* The cell file and what the run is started with, behind the protocol's own files. */
static void add_files(const struct cyc_live_request *request, const char *start_text,
                      char sha256[2][65], struct cyc_run_file *files, unsigned *count)
{
    cyc_sha256(start_text, strlen(start_text), sha256[0]);
    files[(*count)++] = (struct cyc_run_file){.name = CYC_START_FILE,
                                              .text = start_text,
                                              .size = strlen(start_text),
                                              .sha256 = sha256[0]};
    if (request->cell_text != NULL) {
        cyc_sha256(request->cell_text, request->cell_size, sha256[1]);
        files[(*count)++] = (struct cyc_run_file){.name = CYC_START_CELL,
                                                  .text = request->cell_text,
                                                  .size = request->cell_size,
                                                  .sha256 = sha256[1]};
    }
}

static void fill_start(const struct cyc_live_request *request, const struct cyc_run_file *files,
                       struct cyc_start *start)
{
    start->rate = request->rate;
    start->trace = request->trace;
    (void)cyc_copy(start->protocol, sizeof start->protocol, files[0].place);
    (void)cyc_copy(start->cell, sizeof start->cell,
                   request->cell_text != NULL ? CYC_START_CELL : "");
    for (unsigned i = 0; i < request->setting_count && i < CYC_START_SETTINGS_MAX; i++) {
        start->settings[start->setting_count++] = request->settings[i];
    }
}

struct live_texts {
    struct cyc_text cell, settings, channel, start;
};

static int create_live(const struct cyc_live_request *request, struct cyc_run_file *files,
                       unsigned file_count, const struct live_texts *texts, struct cyc_run **run,
                       struct cyc_err *err)
{
    const struct cyc_protocol *protocol = request->protocol;
    const struct cyc_cell_facts *facts = cyc_protocol_cell(protocol);
    const struct cyc_rig_channel *channel = &request->rig->channels[request->channel];
    const double *resolution = request->rig->instruments[channel->cycler].capabilities.resolution;
    char sha256[2][65];
    add_files(request, cyc_text_get(&texts->start), sha256, files, &file_count);
    struct cyc_run_identity identity = {
        .institution = request->rig->institution[0] != '\0' ? request->rig->institution : NULL,
        .cell = facts->name[0] != '\0' ? facts->name : channel->name,
        .protocol_name = cyc_protocol_name(protocol),
        .protocol_source = cyc_protocol_source_text(protocol),
        .kind = "live",
        .command = request->command,
        .settings_json = cyc_text_get(&texts->settings),
        .cell_json = cyc_text_get(&texts->cell),
        .start_unix_ns = request->start_unix_ns,
        .voltage_decimals = decimals_of(resolution[CYC_MEASURAND_VOLTAGE], VOLTAGE_DECIMALS),
        .files = files,
        .file_count = file_count,
        .sync = true,
        .channel = channel->name,
        .rig_channel_json = cyc_text_get(&texts->channel),
    };
    identify_cell(facts, &identity);
    const int seven = current_decimals(cyc_protocol_demands(protocol), identity.one_c_A);
    identity.current_decimals = decimals_of(resolution[CYC_MEASURAND_CURRENT], seven);
    identity.capacity_decimals =
        seven > identity.current_decimals ? seven : identity.current_decimals;
    return cyc_run_create(request->runs_dir, &identity, run, err);
}

int cyc_live_create_run(const struct cyc_live_request *request, struct cyc_run **run,
                        struct cyc_err *err)
{
    struct live_texts texts = {0};
    struct cyc_start *start = calloc(1, sizeof *start);
    unsigned file_count = 0;
    struct cyc_run_file *files = files_of(request->protocol, &file_count);
    int status = CYC_OK;
    if (files == NULL || start == NULL) {
        status = cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the run's identity");
    } else {
        place_files(files, file_count);
        fill_start(request, files, start);
        cyc_start_text(start, &texts.start);
        cell_json(cyc_protocol_cell(request->protocol), NULL, &texts.cell);
        settings_json(request->settings, request->setting_count, &texts.settings);
        cyc_rig_channel_json(request->rig, request->channel, &texts.channel);
        status =
            texts.cell.failed || texts.settings.failed || texts.channel.failed || texts.start.failed
                ? cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the run's identity")
                : create_live(request, files, file_count, &texts, run, err);
    }
    cyc_text_release(&texts.cell);
    cyc_text_release(&texts.settings);
    cyc_text_release(&texts.channel);
    cyc_text_release(&texts.start);
    free(files);
    free(start);
    return status;
}
