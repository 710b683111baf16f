/* The rig file: from text to ports, instruments, sensors and channels.
 *
 * Names are registered before anything is read, and things are read in the order in which they
 * refer to each other, whatever their order in the file: instruments (their driver says what the
 * port's settings are unless the rig does), ports, sensors, channels. What one instrument can do is
 * asked of its driver, opened on a bus that leads nowhere: no port is touched.
 */
#include "device/rig_int.h"

#include <errno.h>
#include <grp.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX  (4u << 20)
#define ARENA_MAX (64u << 20)

/* ---- The file -------------------------------------------------------------------------------- */

/* A group of one's own, as many systems give each user, has no other members. */
static bool is_own_group(uid_t owner, gid_t group)
{
    const struct passwd *const user = getpwuid(owner);
    if (user == NULL || user->pw_gid != group) {
        return false;
    }
    const struct group *const entry = getgrgid(group);
    return entry != NULL && strcmp(entry->gr_name, user->pw_name) == 0 &&
           (entry->gr_mem[0] == NULL ||
            (strcmp(entry->gr_mem[0], user->pw_name) == 0 && entry->gr_mem[1] == NULL));
}

/* Whoever can write the rig file can widen the limits of every cell on it. */
static int check_owner(const char *path, struct cyc_err *err)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return cyc_err_set(err, CYC_E_FILE, "cannot read '%s': %s", path, strerror(errno));
    }
    if (status.st_uid != 0 && status.st_uid != geteuid() && geteuid() != 0) {
        return cyc_err_set(err, CYC_E_FILE,
                           "'%s' belongs to another user, who could widen the limits in it; make a "
                           "copy that is yours, or give it to root",
                           path);
    }
    if ((status.st_mode & S_IWOTH) != 0 ||
        ((status.st_mode & S_IWGRP) != 0 && !is_own_group(status.st_uid, status.st_gid))) {
        return cyc_err_set(err, CYC_E_FILE,
                           "other users may write '%s', and so widen the limits in it; forbid it: "
                           "chmod go-w '%s'",
                           path, path);
    }
    return CYC_OK;
}

static int folder_of(const char *path, char *folder, size_t size, struct cyc_err *err)
{
    char *const real = realpath(path, NULL);
    bool fits = false;
    if (real != NULL) {
        char *const slash = strrchr(real, '/');
        *(slash == real ? slash + 1 : slash) = '\0';
        fits = cyc_copy(folder, size, real);
    }
    free(real);
    return fits ? CYC_OK : cyc_err_set(err, CYC_E_FILE, "cannot find the folder of '%s'", path);
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* The mapping `key` of the file: names with mappings. NULL: none, or diagnosed. */
static const struct cyc_node *names_node(struct cyc_rig_reader *reader, const struct cyc_node *root,
                                         const char *key, unsigned most)
{
    const struct cyc_node *const node = cyc_node_get(root, key);
    if (node == NULL) {
        return NULL;
    }
    if (node->type != CYC_NODE_MAPPING || node->child_count == 0) {
        struct cyc_diag *const diag = cyc_rig_say(reader, CYC_SEVERITY_ERROR, node->pos,
                                                  "`%s` are names, each with what it is", key);
        diag->hint = "write each name on a line of its own, its keys in { } behind the colon";
        return NULL;
    }
    if (node->child_count > most) {
        (void)cyc_rig_say(reader, CYC_SEVERITY_ERROR, node->pos, "more than %u %s", most, key);
        return NULL;
    }
    return node;
}

#define REGISTER(reader, root, key, things, count, most)                                           \
    do {                                                                                           \
        const struct cyc_node *const names = names_node(reader, root, key, most);                  \
        struct cyc_rig *const target = (reader)->rig;                                              \
        if (names == NULL) {                                                                       \
            break;                                                                                 \
        }                                                                                          \
        target->things =                                                                           \
            cyc_arena_array(&target->arena, names->child_count, sizeof *target->things);           \
        cyc_rig_enter(reader, key);                                                                \
        for (const struct cyc_node *child = names->child; target->things != NULL && child != NULL; \
             child = child->next) {                                                                \
            target->things[target->count].pos = child->key_pos;                                    \
            (void)cyc_rig_name(reader, child, target->things[target->count].name);                 \
            target->count++;                                                                       \
        }                                                                                          \
        cyc_rig_leave(reader);                                                                     \
    } while (0)

static void register_names(struct cyc_rig_reader *reader, const struct cyc_node *root)
{
    REGISTER(reader, root, "ports", ports, port_count, CYC_RIG_PORTS_MAX);
    REGISTER(reader, root, "instruments", instruments, instrument_count, CYC_RIG_INSTRUMENTS_MAX);
    REGISTER(reader, root, "sensors", sensors, sensor_count, CYC_RIG_SENSORS_MAX);
    REGISTER(reader, root, "channels", channels, channel_count, CYC_RIG_CHANNELS_MAX);
}

/* Calls read for each name of a section, with its index. */
static void
each(struct cyc_rig_reader *reader, const struct cyc_node *root, const char *key, unsigned count,
     void (*read)(struct cyc_rig_reader *reader, const struct cyc_node *node, unsigned index))
{
    const struct cyc_node *const names = cyc_node_get(root, key);
    const struct cyc_node *child = count > 0 ? names->child : NULL;
    cyc_rig_enter(reader, key);
    for (unsigned i = 0; i < count && child != NULL; i++, child = child->next) {
        cyc_rig_enter(reader, child->key);
        read(reader, child, i);
        cyc_rig_leave(reader);
    }
    cyc_rig_leave(reader);
}

/* ---- Ports and instruments ------------------------------------------------------------------- */

static void read_port(struct cyc_rig_reader *reader, const struct cyc_node *node, unsigned index)
{
    (void)cyc_rig_fields(reader, node, CYC_RIG_PORT, &reader->rig->ports[index]);
}

static void read_driver(struct cyc_rig_reader *reader, const struct cyc_node *node,
                        struct cyc_rig_instrument *instrument)
{
    char path[1100];
    struct cyc_err err = {0};
    const char *name = node->text;
    if (!cyc_rig_scalar(reader, node, "the name of a driver")) {
        return;
    }
    if (strchr(name, '/') != NULL && name[0] != '/') {
        (void)snprintf(path, sizeof path, "%s/%s", reader->folder, name);
        name = path;
    }
    if (cyc_registry_find(reader->registry, name, &instrument->driver, &err) != CYC_OK) {
        instrument->driver = NULL;
        (void)cyc_rig_refuse(reader, node, &err);
    }
}

static bool read_option(struct cyc_rig_reader *reader, const struct cyc_node *node,
                        struct cyc_rig_instrument *instrument)
{
    struct cyc_arena *const arena = &reader->rig->arena;
    struct cyc_driver_setting *const setting = &instrument->settings[instrument->setting_count];
    struct cyc_err err = {0};
    if (!cyc_rig_scalar(reader, node, "a value")) {
        return false;
    }
    const char *const name = cyc_arena_string(arena, node->key, strlen(node->key));
    const char *const text = cyc_arena_string(arena, node->text, node->size);
    if (name == NULL || text == NULL) {
        return false;
    }
    if (cyc_driver_check_setting(instrument->driver, name, text, setting, &err) != CYC_OK) {
        return cyc_rig_refuse(reader, node, &err);
    }
    setting->name = name;
    setting->text = text;
    instrument->setting_count++;
    return true;
}

static bool read_options(struct cyc_rig_reader *reader, const struct cyc_node *node,
                         struct cyc_rig_instrument *instrument)
{
    bool sound = true;
    if (node->type != CYC_NODE_MAPPING) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, node->pos, "options must be a mapping, not %s",
                    cyc_node_type_name(node->type))
            ->hint = "options: {name: value}";
        return false;
    }
    for (const struct cyc_node *child = node->child; child != NULL; child = child->next) {
        if (instrument->setting_count == CYC_RIG_SETTINGS_MAX) {
            (void)cyc_rig_say(reader, CYC_SEVERITY_ERROR, child->key_pos, "more than %d options",
                              CYC_RIG_SETTINGS_MAX);
            return false;
        }
        cyc_rig_enter(reader, child->key);
        sound = read_option(reader, child, instrument) && sound;
        cyc_rig_leave(reader);
    }
    return sound;
}

/* Options without a default must be given. */
static bool has_all_options(struct cyc_rig_reader *reader,
                            const struct cyc_rig_instrument *instrument)
{
    const struct cyc_driver_option *option = instrument->driver->options;
    bool sound = true;
    for (; option != NULL && option->name != NULL; option++) {
        bool given = option->fallback != NULL;
        for (unsigned i = 0; i < instrument->setting_count && !given; i++) {
            given = strcmp(instrument->settings[i].name, option->name) == 0;
        }
        if (!given) {
            cyc_rig_say(reader, CYC_SEVERITY_ERROR, instrument->pos,
                        "driver %s needs the option `%s`", instrument->driver->name, option->name)
                ->hint = cyc_diags_format(reader->diags, "options: {%s: …}   # %s", option->name,
                                          option->help);
            sound = false;
        }
    }
    return sound;
}

/* The far end of a bus that leads nowhere. */
static void nobody_receives(void *context, int64_t now_ns, const uint8_t *bytes, size_t size)
{
    (void)context;
    (void)now_ns;
    (void)bytes;
    (void)size;
}

static size_t nobody_delivers(void *context, int64_t now_ns, uint8_t *bytes, size_t size)
{
    (void)context;
    (void)now_ns;
    (void)bytes;
    (void)size;
    return 0;
}

static int64_t nothing_comes(void *context)
{
    (void)context;
    return INT64_MAX;
}

static bool is_not_lost(void *context)
{
    (void)context;
    return false;
}

/* What it can do by its table, before anybody asked the instrument itself. */
static bool ask_capabilities(struct cyc_rig_reader *reader, struct cyc_rig_instrument *instrument)
{
    static const struct cyc_bus_peer nobody = {.receive = nobody_receives,
                                               .deliver = nobody_delivers,
                                               .next_ns = nothing_comes,
                                               .is_lost = is_not_lost};
    const struct cyc_bus_settings settings =
        instrument->port >= 0 ? reader->rig->ports[instrument->port].bus : instrument->driver->bus;
    struct cyc_bus *bus = NULL;
    struct cyc_instrument *opened = NULL;
    struct cyc_err err = {0};
    int status = cyc_bus_open_memory(&nobody, &settings, 0, &bus, &err);
    if (status == CYC_OK) {
        status = cyc_instrument_open(instrument->driver, bus, instrument->settings,
                                     instrument->setting_count, &opened, &err);
    }
    if (status == CYC_OK) {
        status = instrument->driver->capabilities(opened, &instrument->capabilities, &err);
        cyc_instrument_close(opened);
    }
    if (bus != NULL) {
        cyc_bus_close(bus);
    }
    if (status != CYC_OK) {
        (void)cyc_rig_say(reader, CYC_SEVERITY_ERROR, instrument->pos, "driver %s: %s",
                          instrument->driver->name, err.text);
        return false;
    }
    return true;
}

static void read_instrument(struct cyc_rig_reader *reader, const struct cyc_node *node,
                            unsigned index)
{
    struct cyc_rig_instrument *const instrument = &reader->rig->instruments[index];
    const struct cyc_node *const driver = cyc_node_get(node, "driver");
    const struct cyc_node *const options = cyc_node_get(node, "options");
    instrument->port = -1;
    (void)cyc_rig_fields(reader, node, CYC_RIG_INSTRUMENT, instrument);
    if (driver == NULL) {
        return;
    }
    cyc_rig_enter(reader, "driver");
    read_driver(reader, driver, instrument);
    cyc_rig_leave(reader);
    if (instrument->driver == NULL) {
        return;
    }
    if (options != NULL) {
        cyc_rig_enter(reader, "options");
        (void)read_options(reader, options, instrument);
        cyc_rig_leave(reader);
    }
    (void)has_all_options(reader, instrument);
    struct cyc_rig_port *const port =
        instrument->port >= 0 ? &reader->rig->ports[instrument->port] : NULL;
    if (port != NULL && port->bus.baud == 0) { /* the first on its port */
        port->bus = instrument->driver->bus;
    }
}

/* Once its port has been read as well: the wire may bound what it can do. */
static void read_abilities(struct cyc_rig_reader *reader, const struct cyc_node *node,
                           unsigned index)
{
    struct cyc_rig_instrument *const instrument = &reader->rig->instruments[index];
    (void)node;
    if (instrument->driver == NULL || reader->diags->error_count > 0 ||
        !ask_capabilities(reader, instrument)) {
        return;
    }
    if (instrument->poll_ns == 0) {
        const int64_t fastest_ns = instrument->capabilities.fastest_sample_ns;
        instrument->poll_ns = fastest_ns > CYC_S_NS ? fastest_ns : CYC_S_NS;
    }
}

/* ---- Sensors and channels -------------------------------------------------------------------- */

static void calibration_init(struct cyc_calibration *calibration)
{
    *calibration = (struct cyc_calibration){.gain = 1.0, .offset = 0.0};
}

/* What the instrument must read so that the sensor is of this quantity. */
static bool choose_measurand(const struct cyc_rig_sensor *sensor, uint32_t measurands,
                             enum cyc_measurand *measurand)
{
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        const enum cyc_measurand each_one = (enum cyc_measurand)i;
        if ((measurands & 1u << i) != 0 && cyc_measurand_kind(each_one) == sensor->kind) {
            *measurand = each_one;
            return true;
        }
    }
    *measurand = CYC_MEASURAND_FORCE;
    return sensor->kind == CYC_KIND_PRESSURE && (measurands & 1u << CYC_MEASURAND_FORCE) != 0;
}

static bool read_measured(struct cyc_rig_reader *reader, const struct cyc_node *node,
                          struct cyc_rig_sensor *sensor)
{
    static const enum cyc_kind kinds[] = {CYC_KIND_VOLTAGE, CYC_KIND_CURRENT, CYC_KIND_TEMPERATURE,
                                          CYC_KIND_PRESSURE, CYC_KIND_FORCE};
    const struct cyc_rig_instrument *const instrument =
        &reader->rig->instruments[sensor->instrument];
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (node->type == CYC_NODE_SCALAR && strcmp(cyc_kind_name(kinds[i]), node->text) == 0) {
            sensor->kind = kinds[i];
        }
    }
    if (sensor->kind == CYC_KIND_COUNT) {
        if (cyc_rig_scalar(reader, node, "a quantity's name")) {
            cyc_rig_say(reader, CYC_SEVERITY_ERROR, node->pos, "`quantity` cannot be `%.60s`",
                        node->text)
                ->hint = "one of voltage, current, temperature, pressure, force";
        }
        return false;
    }
    const uint32_t measurands = instrument->capabilities.measurands;
    if (measurands != 0 && !choose_measurand(sensor, measurands, &sensor->measurand)) {
        struct cyc_diag *const diag =
            cyc_rig_say(reader, CYC_SEVERITY_ERROR, node->pos, "`%s` measures no %s",
                        instrument->name, cyc_kind_name(sensor->kind));
        diag->related = instrument->pos;
        diag->related_text = "the instrument stands here";
        return false;
    }
    return true;
}

static void check_force(struct cyc_rig_reader *reader, const struct cyc_rig_sensor *sensor)
{
    const bool force = sensor->measurand == CYC_MEASURAND_FORCE;
    const bool area_due = force && sensor->kind == CYC_KIND_PRESSURE;
    if (area_due && isnan(sensor->area_cm2)) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, sensor->pos,
                    "`%s` measures a force; a pressure needs the area under it",
                    reader->rig->instruments[sensor->instrument].name)
            ->hint = "area: 1.327 cm2";
    } else if (!area_due && !isnan(sensor->area_cm2)) {
        (void)cyc_rig_say(reader, CYC_SEVERITY_ERROR, sensor->pos,
                          "`area` goes with a pressure from a force only");
    }
    if (!force && !isnan(sensor->tare_N)) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, sensor->pos, "`tare` is a force, but `%s` reads %s",
                    sensor->name, cyc_kind_name(sensor->kind))
            ->hint = "use calibration: {offset: …}";
    }
}

/* Conditions of protocols use these names. */
static void check_word(struct cyc_rig_reader *reader, const struct cyc_node *node)
{
    if (strchr(node->key, '-') != NULL || (node->key[0] >= '0' && node->key[0] <= '9')) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, node->key_pos,
                    "`%.60s` cannot stand in a condition", node->key)
            ->hint = "a sensor's name has letters, digits and _, a letter first";
    }
}

static void read_sensor(struct cyc_rig_reader *reader, const struct cyc_node *node, unsigned index)
{
    struct cyc_rig_sensor *const sensor = &reader->rig->sensors[index];
    const struct cyc_node *const quantity = cyc_node_get(node, "quantity");
    const struct cyc_node *const calibration = cyc_node_get(node, "calibration");
    check_word(reader, node);
    sensor->instrument = -1;
    sensor->kind = CYC_KIND_COUNT;
    sensor->area_cm2 = sensor->tare_N = NAN;
    calibration_init(&sensor->calibration);
    (void)cyc_rig_fields(reader, node, CYC_RIG_SENSOR, sensor);
    if (sensor->instrument < 0 || quantity == NULL || !read_measured(reader, quantity, sensor)) {
        return;
    }
    if (reader->rig->instruments[sensor->instrument].capabilities.measurands == 0) {
        return; /* not known: there are mistakes before */
    }
    check_force(reader, sensor);
    if (calibration != NULL) {
        const enum cyc_kind kind = cyc_measurand_kind(sensor->measurand);
        reader->calibrated = kind == CYC_KIND_TEMPERATURE ? CYC_KIND_TEMPERATURE_DIFFERENCE : kind;
        cyc_rig_enter(reader, "calibration");
        (void)cyc_rig_fields(reader, calibration, CYC_RIG_CALIBRATION, &sensor->calibration);
        cyc_rig_leave(reader);
    }
}

static void read_channel(struct cyc_rig_reader *reader, const struct cyc_node *node, unsigned index)
{
    struct cyc_rig_channel *const channel = &reader->rig->channels[index];
    channel->cycler = channel->chamber = channel->press = -1;
    channel->temperature = channel->pressure = channel->ambient = -1;
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        channel->aux[i] = -1;
    }
    channel->limits = (struct cyc_protection){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    channel->power_max_W = NAN;
    calibration_init(&channel->voltage);
    calibration_init(&channel->current);
    (void)cyc_rig_fields(reader, node, CYC_RIG_CHANNEL, channel);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static bool read_version(struct cyc_rig_reader *reader, const struct cyc_node *root)
{
    if (root->type != CYC_NODE_MAPPING) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, root->pos, "a rig file must be a mapping, not %s",
                    cyc_node_type_name(root->type))
            ->hint = "begin with cyclostat_rig: 1";
        return false;
    }
    const struct cyc_node *const version = cyc_node_get(root, "cyclostat_rig");
    if (version == NULL) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, root->pos, "this is no rig file")->hint =
            "begin with cyclostat_rig: 1";
        return false;
    }
    if (version->type != CYC_NODE_SCALAR || strcmp(version->text, "1") != 0) {
        cyc_rig_say(reader, CYC_SEVERITY_ERROR, version->pos,
                    "this program reads rig files of version 1")
            ->hint = "cyclostat_rig: 1";
        return false;
    }
    return true;
}

static void read_all(struct cyc_rig_reader *reader, const struct cyc_node *root)
{
    struct cyc_rig *const rig = reader->rig;
    if (!read_version(reader, root)) {
        return;
    }
    rig->sync_ns = 10 * CYC_S_NS;
    register_names(reader, root);
    (void)cyc_rig_fields(reader, root, CYC_RIG_FILE, rig);
    each(reader, root, "instruments", rig->instrument_count, read_instrument);
    each(reader, root, "ports", rig->port_count, read_port);
    each(reader, root, "instruments", rig->instrument_count, read_abilities);
    each(reader, root, "sensors", rig->sensor_count, read_sensor);
    each(reader, root, "channels", rig->channel_count, read_channel);
    if (reader->diags->error_count == 0) {
        cyc_rig_check(reader);
    }
}

static int load(struct cyc_rig_reader *reader, const char *path, struct cyc_arena *scratch,
                struct cyc_err *err)
{
    char *text = NULL;
    size_t size = 0;
    struct cyc_node *root = NULL;
    int status = check_owner(path, err);
    if (status == CYC_OK) {
        status = folder_of(path, reader->folder, sizeof reader->folder, err);
    }
    if (status == CYC_OK) {
        status = cyc_file_read(path, FILE_MAX, scratch, &text, &size, err);
    }
    if (status != CYC_OK) {
        return status;
    }
    cyc_sha256(text, size, reader->rig->sha256);
    const uint16_t file = cyc_diags_add_file(reader->diags, path, text, size);
    status = cyc_tree_parse(text, size, file, scratch, reader->diags, &root, err);
    if (status != CYC_OK) {
        return status;
    }
    read_all(reader, root);
    if (reader->rig->arena.failed) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the rig '%s'", path);
    }
    if (reader->diags->error_count > 0) {
        return cyc_err_set(err, CYC_E_INPUT, "the rig file '%s' has mistakes", path);
    }
    return CYC_OK;
}

int cyc_rig_load(const char *path, struct cyc_registry *registry, struct cyc_diags *diags,
                 struct cyc_rig **rig, struct cyc_err *err)
{
    struct cyc_rig_reader reader = {.registry = registry, .diags = diags};
    struct cyc_arena scratch;
    *rig = NULL;
    reader.rig = calloc(1, sizeof *reader.rig);
    if (reader.rig == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a rig");
    }
    cyc_arena_init(&reader.rig->arena, ARENA_MAX);
    cyc_arena_init(&scratch, ARENA_MAX);
    int status = cyc_copy(reader.rig->path, sizeof reader.rig->path, path)
                     ? load(&reader, path, &scratch, err)
                     : cyc_err_set(err, CYC_E_FILE, "the path '%s' is too long", path);
    cyc_arena_release(&scratch);
    if (status != CYC_OK) {
        cyc_rig_free(reader.rig);
        return status;
    }
    *rig = reader.rig;
    return CYC_OK;
}

void cyc_rig_free(struct cyc_rig *rig)
{
    if (rig != NULL) {
        cyc_arena_release(&rig->arena);
        free(rig);
    }
}

/* ---- Looking up and converting --------------------------------------------------------------- */

int cyc_rig_find_channel(const struct cyc_rig *rig, const char *name)
{
    for (unsigned i = 0; i < rig->channel_count; i++) {
        if (strcmp(rig->channels[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int cyc_rig_find_port(const struct cyc_rig *rig, const char *name)
{
    for (unsigned i = 0; i < rig->port_count; i++) {
        if (strcmp(rig->ports[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int cyc_rig_find_instrument(const struct cyc_rig *rig, const char *name)
{
    for (unsigned i = 0; i < rig->instrument_count; i++) {
        if (strcmp(rig->instruments[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

double cyc_calibration_apply(const struct cyc_calibration *calibration, double raw)
{
    return calibration->gain * raw + calibration->offset;
}

double cyc_calibration_invert(const struct cyc_calibration *calibration, double value)
{
    return (value - calibration->offset) / calibration->gain;
}

double cyc_rig_sensor_value(const struct cyc_rig_sensor *sensor, const struct cyc_reading *reading)
{
    if ((reading->valid & 1u << sensor->measurand) == 0) {
        return NAN;
    }
    double value = cyc_calibration_apply(&sensor->calibration, reading->values[sensor->measurand]);
    if (sensor->measurand == CYC_MEASURAND_FORCE) {
        value -= isnan(sensor->tare_N) ? 0.0 : sensor->tare_N;
        if (sensor->kind == CYC_KIND_PRESSURE) {
            value /= sensor->area_cm2 * 1e-4; /* N over m2: Pa */
        }
    }
    return value;
}
