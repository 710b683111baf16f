#include "base/arena.h"
#include "base/diag.h"
#include "device/lua_driver.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DRIVERS_MAX     512
#define REGISTRY_BYTES  ((size_t)4 << 20)
#define DRIVER_PATH_MAX 4096

struct entry {
    const char *name;                /* of a driver, or a path */
    const char *path;                /* NULL: built in */
    const struct cyc_driver *driver; /* NULL: not loaded yet */
    struct cyc_driver *lua;          /* owned: of cyc_lua_driver_load() */
    void *library;                   /* owned: of dlopen() */
};

struct cyc_registry {
    struct cyc_arena arena;
    struct entry entries[DRIVERS_MAX];
    unsigned count;
    const char *names[DRIVERS_MAX + 1];
    const char *helpers; /* folder of the Lua helpers; NULL: none */
};

static struct entry *find_entry(struct cyc_registry *registry, const char *name)
{
    for (unsigned i = 0; i < registry->count; i++) {
        if (strcmp(registry->entries[i].name, name) == 0) {
            return &registry->entries[i];
        }
    }
    return NULL;
}

static int add_entry(struct cyc_registry *registry, const char *name, const char *path,
                     struct entry **entry, struct cyc_err *err)
{
    if (registry->count == DRIVERS_MAX) {
        return cyc_err_set(err, CYC_E_BOUND, "there are over %d drivers", DRIVERS_MAX);
    }
    char *const own_name = cyc_arena_string(&registry->arena, name, strlen(name));
    char *const own_path =
        path != NULL ? cyc_arena_string(&registry->arena, path, strlen(path)) : NULL;
    if (own_name == NULL || (path != NULL && own_path == NULL)) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the list of drivers");
    }
    *entry = &registry->entries[registry->count++];
    **entry = (struct entry){.name = own_name, .path = own_path};
    return CYC_OK;
}

static int add_folder(struct cyc_registry *registry, const char *folder, struct cyc_err *err)
{
    DIR *const dir = opendir(folder);
    if (dir == NULL && errno == ENOENT) {
        return CYC_OK;
    }
    if (dir == NULL) {
        return cyc_err_set(err, CYC_E_FILE, "%s: %s", folder, strerror(errno));
    }
    int status = CYC_OK;
    for (struct dirent *item = readdir(dir); item != NULL && status == CYC_OK;
         item = readdir(dir)) {
        char path[DRIVER_PATH_MAX];
        struct stat found;
        const int length = snprintf(path, sizeof path, "%s/%s/driver.lua", folder, item->d_name);
        if (item->d_name[0] == '.' || length >= (int)sizeof path || stat(path, &found) != 0 ||
            find_entry(registry, item->d_name) != NULL) {
            continue;
        }
        struct entry *entry;
        status = add_entry(registry, item->d_name, path, &entry, err);
        if (status == CYC_OK) {
        }
    }
    (void)closedir(dir);
    return status;
}

static int add_all(struct cyc_registry *registry, const struct cyc_driver *const *builtin,
                   const char *const *folders, struct cyc_err *err)
{
    int status = CYC_OK;
    for (; builtin != NULL && *builtin != NULL && status == CYC_OK; builtin++) {
        struct entry *entry;
        status = add_entry(registry, (*builtin)->name, NULL, &entry, err);
        if (status == CYC_OK) {
            entry->driver = *builtin;
        }
    }
    for (const char *const *at = folders; at != NULL && *at != NULL && status == CYC_OK; at++) {
        status = add_folder(registry, *at, err);
    }
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lua drivers find their helpers beside the folder of drivers. */
static void find_helpers(struct cyc_registry *registry, const char *const *folders)
{
    for (const char *const *at = folders; at != NULL && *at != NULL; at++) {
        char path[DRIVER_PATH_MAX];
        struct stat found;
        const int length = snprintf(path, sizeof path, "%s/../lua", *at);
        if (length < (int)sizeof path && stat(path, &found) == 0 && S_ISDIR(found.st_mode)) {
            registry->helpers = cyc_arena_string(&registry->arena, path, strlen(path));
            return;
        }
    }
}

int cyc_registry_open(const struct cyc_driver *const *builtin, const char *const *folders,
                      struct cyc_registry **registry, struct cyc_err *err)
{
    struct cyc_registry *const made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the list of drivers");
    }
    cyc_arena_init(&made->arena, REGISTRY_BYTES);
    const int status = add_all(made, builtin, folders, err);
    if (status != CYC_OK) {
        cyc_registry_close(made);
        return status;
    }
    find_helpers(made, folders);
    for (unsigned i = 0; i < made->count; i++) {
        made->names[i] = made->entries[i].name;
    }
    qsort(made->names, made->count, sizeof made->names[0], by_name);
    *registry = made;
    return CYC_OK;
}

void cyc_registry_close(struct cyc_registry *registry)
{
    if (registry == NULL) {
        return;
    }
    for (unsigned i = 0; i < registry->count; i++) {
        cyc_lua_driver_free(registry->entries[i].lua);
        if (registry->entries[i].library != NULL) {
            (void)dlclose(registry->entries[i].library);
        }
    }
    cyc_arena_release(&registry->arena);
    free(registry);
}

static int load_library(struct entry *entry, struct cyc_err *err)
{
    entry->library = dlopen(entry->path, RTLD_NOW | RTLD_LOCAL);
    if (entry->library == NULL) {
        return cyc_err_set(err, CYC_E_FILE, "%s", dlerror());
    }
    const struct cyc_driver *const driver = dlsym(entry->library, "cyc_driver_plugin");
    if (driver == NULL) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "%s holds no `const struct cyc_driver cyc_driver_plugin`", entry->path);
    }
    entry->driver = driver;
    return CYC_OK;
}

static bool ends_in(const char *text, const char *end)
{
    const size_t size = strlen(text), end_size = strlen(end);
    return size > end_size && strcmp(text + size - end_size, end) == 0;
}

static int load(struct cyc_registry *registry, struct entry *entry, struct cyc_err *err)
{
    if (entry->driver == NULL && ends_in(entry->path, ".so")) {
        return load_library(entry, err);
    }
    if (entry->driver == NULL) {
        const int status = cyc_lua_driver_load(entry->path, registry->helpers, &entry->lua, err);
        entry->driver = status == CYC_OK ? entry->lua : NULL;
        return status;
    }
    return CYC_OK;
}

static void unload(struct entry *entry)
{
    entry->driver = NULL;
    cyc_lua_driver_free(entry->lua);
    entry->lua = NULL;
    if (entry->library != NULL) {
        (void)dlclose(entry->library);
        entry->library = NULL;
    }
}

static int load_and_check(struct cyc_registry *registry, struct entry *entry, struct cyc_err *err)
{
    int status = load(registry, entry, err);
    if (status == CYC_OK) {
        struct cyc_text faults = {0};
        status = cyc_driver_check(entry->driver, &faults);
        if (status != CYC_OK) {
            (void)cyc_err_set(err, status, "driver %s: %s", entry->name, cyc_text_get(&faults));
        }
        cyc_text_release(&faults);
    }
    if (status != CYC_OK && entry->path != NULL) {
        unload(entry); /* asked again, it is read again: somebody is writing it */
    }
    return status;
}

static int unknown_driver(struct cyc_registry *registry, const char *name, struct cyc_err *err)
{
    const char *const nearest = cyc_nearest(name, registry->names);
    return nearest != NULL ? cyc_err_set(err, CYC_E_UNKNOWN_NAME,
                                         "there is no driver '%s'; write %s?", name, nearest)
                           : cyc_err_set(err, CYC_E_UNKNOWN_NAME,
                                         "there is no driver '%s'; write the name of one or the "
                                         "path of a .lua or .so file",
                                         name);
}

int cyc_registry_find(struct cyc_registry *registry, const char *name,
                      const struct cyc_driver **driver, struct cyc_err *err)
{
    struct entry *entry = find_entry(registry, name);
    if (entry == NULL && !ends_in(name, ".lua") && !ends_in(name, ".so")) {
        return unknown_driver(registry, name, err);
    }
    int status = CYC_OK;
    if (entry == NULL) {
        status = add_entry(registry, name, name, &entry, err);
    }
    if (status == CYC_OK) {
        status = load_and_check(registry, entry, err);
    }
    if (status == CYC_OK) {
        *driver = entry->driver;
    }
    return status;
}

const char *const *cyc_registry_names(const struct cyc_registry *registry)
{
    return registry->names;
}
