/* A folder of this process for the files that readers want. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 128 };

static char folder[64];
static char names[FILES_MAX][32];
static unsigned name_count;

static void remove_all(void)
{
    char path[128];
    for (unsigned i = 0; i < name_count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

const char *fuzz_folder(void)
{
    if (folder[0] == '\0') {
        (void)cyc_copy(folder, sizeof folder, "/tmp/cyclostat-fuzz-XXXXXX");
        if (mkdtemp(folder) == NULL || atexit(remove_all) != 0) {
            abort();
        }
    }
    return folder;
}

static void remember(const char *name)
{
    for (unsigned i = 0; i < name_count; i++) {
        if (strcmp(names[i], name) == 0) {
            return;
        }
    }
    if (name_count == FILES_MAX || !cyc_copy(names[name_count++], sizeof names[0], name)) {
        abort();
    }
}

const char *fuzz_file(const char *name, const void *data, size_t size)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    remember(name);
    FILE *const file = fopen(path, "wb");
    if (file == NULL || (size > 0 && fwrite(data, 1, size, file) != size) || fclose(file) != 0) {
        abort();
    }
    return path;
}
