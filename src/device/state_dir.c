/* Where the processes of a rig keep what they share: sockets, the latch, who runs. */
#include "device/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MODE 0700

/* The folder of all rigs. */
static int root_dir(char *root, size_t size, struct cyc_err *err)
{
    const char *const stated = getenv("CYCLOSTAT_STATE");
    const char *const base = getenv("XDG_STATE_HOME");
    const char *const home = getenv("HOME");
    int length = -1;
    if (stated != NULL && stated[0] != '\0') {
        length = snprintf(root, size, "%s", stated);
    } else if (base != NULL && base[0] != '\0') {
        length = snprintf(root, size, "%s/cyclostat", base);
    } else if (home != NULL && home[0] != '\0') {
        length = snprintf(root, size, "%s/.local/state/cyclostat", home);
    } else {
        return cyc_err_set(err, CYC_E_FILE,
                           "there is no place for the state: set CYCLOSTAT_STATE to a folder");
    }
    if (length < 0 || (size_t)length >= size) {
        return cyc_err_set(err, CYC_E_BOUND, "the path of the state folder is too long");
    }
    return CYC_OK;
}

/* Makes the folder and those above it; ours alone, the last one at least. */
static int make_path(char *path, struct cyc_err *err)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool failed = mkdir(path, MODE) != 0 && errno != EEXIST;
        const int why = errno;
        if (failed) {
            errno = why;
            (void)cyc_err_set(err, CYC_E_FILE, "cannot make the state folder %s: %m", path);
        }
        *slash = '/';
        if (failed) {
            return CYC_E_FILE;
        }
    }
    if (mkdir(path, MODE) != 0 && errno != EEXIST) {
        return cyc_err_set(err, CYC_E_FILE, "cannot make the state folder %s: %m", path);
    }
    struct stat state;
    if (stat(path, &state) != 0 || !S_ISDIR(state.st_mode)) {
        return cyc_err_set(err, CYC_E_FILE, "the state folder %s is no folder", path);
    }
    return CYC_OK;
}

/* The name of the rig's folder: the file's name for people, and a hash of its whole path, since
 * two rigs may both be called bench.yaml. */
static void folder_name(const char *rig_path, struct cyc_text *name)
{
    char *const whole = realpath(rig_path, NULL);
    const char *const path = whole != NULL ? whole : rig_path;
    const char *const slash = strrchr(path, '/');
    const char *const file = slash != NULL ? slash + 1 : path;
    const char *const dot = strrchr(file, '.');
    const size_t size = dot != NULL && dot != file ? (size_t)(dot - file) : strlen(file);
    cyc_text_append_size(name, file, size < 64 ? size : 64);
    const uint64_t hash = cyc_hash(path, strlen(path));
    cyc_text_format(name, "-%08x", (unsigned)(hash ^ (hash >> 32)));
    free(whole);
}

int cyc_state_dir(const char *rig_path, char *dir, size_t size, struct cyc_err *err)
{
    int status = root_dir(dir, size, err);
    if (status != CYC_OK) {
        return status;
    }
    struct cyc_text name = {0};
    folder_name(rig_path, &name);
    const size_t length = strlen(dir);
    const int added = snprintf(dir + length, size - length, "/%s", cyc_text_get(&name));
    const bool fits = !name.failed && added > 0 && (size_t)added < size - length;
    cyc_text_release(&name);
    return fits ? make_path(dir, err)
                : cyc_err_set(err, CYC_E_BOUND, "the path of the state folder is too long");
}
