#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

extern const struct cyc_driver *const cyc_drivers_builtin[];

int cyc_cli_registry(struct cyc_registry **registry, struct cyc_err *err)
{
    char shipped[CYC_PATH_SIZE];
    const char *folders[3] = {NULL};
    unsigned count = 0;
    const char *const own = getenv("CYCLOSTAT_DRIVERS");
    if (own != NULL && own[0] != '\0') {
        folders[count++] = own;
    }
    if (cyc_cli_drivers_dir(shipped, sizeof shipped, NULL) == CYC_OK) {
        folders[count++] = shipped;
    }
    return cyc_registry_open(cyc_drivers_builtin, folders, registry, err);
}

int cyc_cli_rig_load(const char *path, struct cyc_cli_rig *loaded, struct cyc_err *err)
{
    *loaded = (struct cyc_cli_rig){0};
    cyc_diags_init(&loaded->diags);
    const int status = cyc_cli_registry(&loaded->registry, err);
    return status != CYC_OK
               ? status
               : cyc_rig_load(path, loaded->registry, &loaded->diags, &loaded->rig, err);
}

int cyc_cli_rig_open(const char *path, struct cyc_cli_rig *loaded)
{
    struct cyc_err err = {0};
    const int status = cyc_cli_rig_load(path, loaded, &err);
    const unsigned count = loaded->diags.error_count;
    cyc_cli_print_diags(&loaded->diags);
    if (status == CYC_OK) {
        return CYC_EXIT_OK;
    }
    if (count == 0) {
        return cyc_cli_error(&err);
    }
    (void)fprintf(stderr, "%u error%s in %s\n", count, count == 1 ? "" : "s", path);
    return CYC_EXIT_MISTAKE;
}

void cyc_cli_rig_release(struct cyc_cli_rig *loaded)
{
    cyc_rig_free(loaded->rig);
    if (loaded->registry != NULL) {
        cyc_registry_close(loaded->registry);
    }
    cyc_diags_release(&loaded->diags);
}

int cyc_cli_rig_channel(const char *verb, const struct cyc_rig *rig, const char *name, int *channel)
{
    const char *names[CYC_RIG_CHANNELS_MAX + 1] = {NULL};
    *channel = name != NULL ? cyc_rig_find_channel(rig, name) : rig->channel_count == 1 ? 0 : -1;
    if (*channel >= 0) {
        return CYC_EXIT_OK;
    }
    if (name == NULL) {
        return cyc_cli_usage(verb, "which channel? '%s' has %u: --channel NAME", rig->path,
                             rig->channel_count);
    }
    for (unsigned i = 0; i < rig->channel_count; i++) {
        names[i] = rig->channels[i].name;
    }
    const char *const nearest = cyc_nearest(name, names);
    return nearest != NULL
               ? cyc_cli_usage(verb, "'%s' has no channel '%s'; did you mean '%s'?", rig->path,
                               name, nearest)
               : cyc_cli_usage(verb, "'%s' has no channel '%s'; `cyclostat rig check` lists them",
                               rig->path, name);
}

const char *cyc_cli_rig_path(const char *verb, int argc, char **argv)
{
    const char *const environment = getenv("CYCLOSTAT_RIG");
    const char *path = environment != NULL && environment[0] != '\0' ? environment : NULL;
    if (optind < argc) {
        path = argv[optind++];
    }
    if (optind != argc) {
        (void)cyc_cli_usage(verb, "one rig file at a time, not also '%s'", argv[optind]);
        return NULL;
    }
    if (path == NULL) {
        (void)cyc_cli_usage(verb, "which rig? name its file, or set $CYCLOSTAT_RIG");
    }
    return path;
}
