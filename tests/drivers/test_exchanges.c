/* What goes over the wire, from files: drivers/<name>/exchanges/<case>.txt.
 *
 *     # settings: model=A20         of the driver
 *     # call: identify              measure, protect, rest, safe, current A, voltage V A,
 *     > "*IDN?\r"                   temperature degC, pressure Pa
 *     < "KEITHLEY …\r"
 *     = model 2400                  what the call comes to; "status REFUSED" when it fails
 */
#include "check/check.h"
#include "drivers/bench.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct cyc_driver *const cyc_drivers_builtin[];

struct player {
    const struct cyc_driver *driver;
    struct cyc_instrument *instrument;
    struct cyc_bus *bus;
    const char *path;
    unsigned line, checked;
    int status;
    struct cyc_err err;
    struct cyc_identity identity;
    struct cyc_reading reading;
};

static void complain(const struct player *player, const char *what)
{
    (void)fprintf(stderr, "  %s:%u: %s (%s: %s)\n", player->path, player->line, what,
                  cyc_status_name(player->status), player->err.text);
    CU_FAIL("an exchange does not come out as written");
}

static double number_in(const char **text)
{
    double value = NAN;
    size_t used = 0;
    *text += strspn(*text, " ");
    (void)cyc_number_parse(*text, strlen(*text), &value, &used);
    *text += used;
    return value;
}

static int do_environment(struct player *player, const char *word, double value)
{
    const struct cyc_protection bounds = {.temperature_min_degC = 5,
                                          .temperature_max_degC = 80,
                                          .pressure_min_Pa = 0,
                                          .pressure_max_Pa = 1e6};
    const bool temperature = strcmp(word, "temperature") == 0;
    const struct cyc_environment wanted = {.temperature_degC = temperature ? value : NAN,
                                           .ramp_K_per_s = NAN,
                                           .pressure_Pa = temperature ? NAN : value};
    return player->driver->environment(player->instrument, 0, &wanted, &bounds,
                                       cyc_bus_now_ns(player->bus) + 10 * CYC_S_NS, &player->err);
}

static int do_apply(struct player *player, const struct cyc_protection *bounds, const char *word,
                    const char *rest)
{
    struct cyc_drive drive = {.bounds = *bounds,
                              .latest_V = NAN,
                              .backstop_low_V = 2.5,
                              .backstop_high_V = 4.2,
                              .backstop_after_ns = 300 * CYC_S_NS};
    if (strcmp(word, "current") == 0) {
        drive.setpoint.control = CYC_CONTROL_CURRENT;
        drive.setpoint.value = number_in(&rest);
    } else if (strcmp(word, "voltage") == 0) {
        drive.setpoint.control = CYC_CONTROL_VOLTAGE;
        drive.setpoint.value = number_in(&rest);
        drive.setpoint.current_max_A = number_in(&rest);
    }
    return player->driver->apply(player->instrument, 0, &drive,
                                 cyc_bus_now_ns(player->bus) + CYC_S_NS, &player->err);
}

static void call(struct player *player, const char *text)
{
    char word[32];
    const size_t size = strcspn(text, " ");
    const int64_t deadline_ns = cyc_bus_now_ns(player->bus) + 7 * CYC_S_NS;
    const bool large = strcmp(player->driver->name, "zketech_ebc") == 0;
    const struct cyc_protection bounds = {.voltage_min_V = 0,
                                          .voltage_max_V = 5,
                                          .current_min_A = large ? -5 : -0.01,
                                          .current_max_A = large ? 5 : 0.01};
    (void)snprintf(word, sizeof word, "%.*s", (int)size, text);
    player->err = (struct cyc_err){0};
    if (strcmp(word, "identify") == 0) {
        player->status = player->driver->identify(player->instrument, &player->identity,
                                                  deadline_ns, &player->err);
    } else if (strcmp(word, "measure") == 0) {
        player->status = player->driver->measure(player->instrument, 0, &player->reading,
                                                 deadline_ns, &player->err);
    } else if (strcmp(word, "protect") == 0) {
        player->status =
            player->driver->protect(player->instrument, 0, &bounds, deadline_ns, &player->err);
    } else if (strcmp(word, "safe") == 0) {
        player->status = player->driver->safe(player->instrument, 0, deadline_ns, &player->err);
    } else if (strcmp(word, "temperature") == 0 || strcmp(word, "pressure") == 0) {
        const char *rest = text + size;
        player->status = do_environment(player, word, number_in(&rest));
    } else {
        player->status = do_apply(player, &bounds, word, text + size);
    }
}

static bool flag_is(const struct player *player, const char *text)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } names[] = {{"output_on", CYC_SAMPLE_OUTPUT_ON},
                 {"cv", CYC_SAMPLE_CV},
                 {"ended", CYC_SAMPLE_ENDED},
                 {"protection", CYC_SAMPLE_PROTECTION}};
    uint32_t due = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        due |= strstr(text, names[i].name) != NULL ? names[i].flag : 0u;
    }
    return player->reading.flags == due;
}

static bool value_is(const struct player *player, const char *name, const char *text)
{
    for (int i = 0; i < CYC_MEASURAND_COUNT; i++) {
        if (strcmp(cyc_measurand_name((enum cyc_measurand)i), name) == 0) {
            const bool valid = (player->reading.valid & 1u << i) != 0;
            const double due = number_in(&text), found = player->reading.values[i];
            return strcmp(text, "invalid") == 0
                       ? !valid && isnan(found)
                       : valid && fabs(found - due) <= 1e-9 + 1e-6 * fabs(due);
        }
    }
    return false;
}

static void expect(struct player *player, const char *name, const char *text)
{
    const struct cyc_identity *const identity = &player->identity;
    bool holds;
    player->checked++;
    if (strcmp(name, "status") == 0) {
        holds = strcmp(cyc_status_name(player->status), text) == 0;
    } else if (strcmp(name, "maker") == 0) {
        holds = strcmp(identity->maker, text) == 0;
    } else if (strcmp(name, "model") == 0) {
        holds = strcmp(identity->model, text) == 0;
    } else if (strcmp(name, "serial_number") == 0) {
        holds = strcmp(identity->serial_number, text) == 0;
    } else if (strcmp(name, "firmware") == 0) {
        holds = strcmp(identity->firmware, text) == 0;
    } else if (strcmp(name, "power_on") == 0) {
        holds = identity->power_on == (strcmp(text, "yes") == 0);
    } else if (strcmp(name, "flags") == 0) {
        holds = flag_is(player, text);
    } else if (strcmp(name, "why") == 0) {
        holds = strcmp(player->reading.why, text) == 0;
    } else {
        holds = value_is(player, name, text);
    }
    if (!holds) {
        complain(player, name);
    }
}

static void open_player(struct player *player, const char *settings)
{
    char text[256], *at = text;
    struct cyc_driver_setting rows[8];
    unsigned count = 0;
    (void)cyc_copy(text, sizeof text, settings);
    while (*at != '\0') {
        char *const value = strchr(at, '=');
        char *const end = value + strcspn(value, ",");
        const bool more = *end == ',';
        *value = *end = '\0';
        rows[count++] = (struct cyc_driver_setting){at, value + 1, NAN};
        at = end + (more ? 1 : 0);
    }
    player->status = cyc_bus_open_replay(player->path, &player->bus, &player->err);
    if (player->status == CYC_OK) {
        player->status = cyc_instrument_open(player->driver, player->bus, rows, count,
                                             &player->instrument, &player->err);
    }
    if (player->status != CYC_OK) {
        complain(player, "cannot be opened");
        abort();
    }
}

static void obey(struct player *player, char *line)
{
    static const char settings[] = "# settings: ", calls[] = "# call: ";
    line[strcspn(line, "\n")] = '\0';
    player->line++;
    if (strncmp(line, settings, sizeof settings - 1) == 0) {
        open_player(player, line + sizeof settings - 1);
    } else if (strncmp(line, calls, sizeof calls - 1) == 0) {
        if (player->instrument == NULL) {
            open_player(player, "");
        }
        call(player, line + sizeof calls - 1);
    } else if (line[0] == '=') {
        char *const name = line + 2;
        char *const end = name + strcspn(name, " ");
        const char *const text = *end == ' ' ? end + 1 : "";
        *end = '\0';
        expect(player, name, text);
    }
}

static void play(const struct cyc_driver *driver, const char *path)
{
    char line[4096];
    struct player player = {.driver = driver, .path = path};
    FILE *const stream = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    while (fgets(line, sizeof line, stream) != NULL) {
        obey(&player, line);
    }
    (void)fclose(stream);
    if (player.checked == 0 || cyc_bus_replay_line(player.bus) != 0) {
        complain(&player, player.checked == 0 ? "nothing is expected" : "not all of it was used");
    }
    cyc_instrument_close(player.instrument);
    cyc_bus_close(player.bus);
}

static unsigned play_folder(const struct cyc_driver *driver)
{
    char folder[512], path[1024];
    unsigned count = 0;
    (void)snprintf(folder, sizeof folder, "%s/drivers/%s/exchanges", CYC_SOURCE_DIR, driver->name);
    DIR *const dir = opendir(folder);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    for (struct dirent *item = readdir(dir); item != NULL; item = readdir(dir)) {
        if (strstr(item->d_name, ".txt") != NULL) {
            (void)snprintf(path, sizeof path, "%s/%s", folder, item->d_name);
            play(driver, path);
            count++;
        }
    }
    (void)closedir(dir);
    return count;
}

static void every_exchange_comes_out_as_written(void)
{
    static const char *const folders[] = {CYC_SOURCE_DIR "/drivers", NULL};
    struct cyc_registry *registry = NULL;
    struct cyc_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cyc_registry_open(cyc_drivers_builtin, folders, &registry, &err), CYC_OK);
    for (const struct bench_kind *kind = bench_kinds; kind->driver != NULL; kind++) {
        const struct cyc_driver *driver = NULL;
        CU_ASSERT_EQUAL_FATAL(cyc_registry_find(registry, kind->driver, &driver, &err), CYC_OK);
        CU_ASSERT(play_folder(driver) >= 2);
    }
    cyc_registry_close(registry);
}

const struct cyc_check cyc_check_exchanges[] = {CYC_CHECK(every_exchange_comes_out_as_written),
                                                {0}};
