#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX    ".yaml"
#define CELLS_MAX 256

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* A folder that comes with the program: an installed one finds it beside itself, one that was built
 * in its source tree there. */
static int share_dir(const char *folder, const char *what, char *path, size_t size,
                     struct cyc_err *err)
{
    char program[CYC_PATH_SIZE];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length > 0) {
        program[length] = '\0';
        char *slash = strrchr(program, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        const int printed = snprintf(path, size, "%s/../share/cyclostat/%s", program, folder);
        if (printed > 0 && (size_t)printed < size && is_folder(path)) {
            return CYC_OK;
        }
    }
    (void)snprintf(path, size, "%s/%s", CYC_SHARE_DIR, folder);
    if (is_folder(path)) {
        return CYC_OK;
    }
    return cyc_err_set(err, CYC_E_FILE, "%s are not at '%s'", what, path);
}

int cyc_cli_cells_dir(char *path, size_t size, struct cyc_err *err)
{
    return share_dir("protocols/cells", "the shipped cells", path, size, err);
}

int cyc_cli_drivers_dir(char *path, size_t size, struct cyc_err *err)
{
    return share_dir("drivers", "the shipped drivers", path, size, err);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int cyc_cli_cell_names(struct cyc_arena *arena, const char **names, size_t max, size_t *count,
                       struct cyc_err *err)
{
    char folder[CYC_PATH_SIZE];
    *count = 0;
    const int status = cyc_cli_cells_dir(folder, sizeof folder, err);
    if (status != CYC_OK) {
        return status;
    }
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return cyc_err_set(err, CYC_E_FILE, "cannot read '%s': %s", folder, strerror(errno));
    }
    for (const struct dirent *entry = readdir(entries); entry != NULL && *count < max;
         entry = readdir(entries)) {
        const size_t length = strlen(entry->d_name);
        const size_t suffix = strlen(SUFFIX);
        if (length > suffix && strcmp(entry->d_name + length - suffix, SUFFIX) == 0) {
            names[(*count)++] = cyc_arena_string(arena, entry->d_name, length - suffix);
        }
    }
    (void)closedir(entries);
    if (arena->failed) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the names of the cells");
    }
    qsort(names, *count, sizeof *names, compare_names);
    return CYC_OK;
}

static int unknown_cell(const char *word, struct cyc_err *err)
{
    struct cyc_arena arena;
    const char *names[CELLS_MAX + 1] = {NULL};
    size_t count = 0;
    cyc_arena_init(&arena, 0);
    (void)cyc_cli_cell_names(&arena, names, CELLS_MAX, &count, NULL);
    const char *nearest = cyc_nearest(word, names);
    const int status =
        nearest != NULL
            ? cyc_err_set(err, CYC_E_UNKNOWN_NAME,
                          "there is no cell file and no shipped cell '%s'; did you mean '%s'?",
                          word, nearest)
            : cyc_err_set(err, CYC_E_UNKNOWN_NAME,
                          "there is no cell file and no shipped cell '%s'; `cyclostat cells` "
                          "lists the shipped ones",
                          word);
    cyc_arena_release(&arena);
    return status;
}

int cyc_cli_cell_path(const char *word, char *path, size_t size, struct cyc_err *err)
{
    char folder[CYC_PATH_SIZE];
    if (is_file(word)) {
        return cyc_copy(path, size, word)
                   ? CYC_OK
                   : cyc_err_set(err, CYC_E_FILE, "the path '%s' is too long", word);
    }
    if (strchr(word, '/') == NULL && cyc_cli_cells_dir(folder, sizeof folder, NULL) == CYC_OK) {
        const int printed = snprintf(path, size, "%s/%s" SUFFIX, folder, word);
        if (printed > 0 && (size_t)printed < size && is_file(path)) {
            return CYC_OK;
        }
    }
    return unknown_cell(word, err);
}
