/* Runs one entry over the files of its corpus: replay [-v] FOLDER|FILE…
 *
 * Each file is run twice: what the first run allocates for good (buffers of the C library, tables
 * of SQLite) is no leak. The second must give back all it took, take 32 MiB at most, and do no more
 * work than a bound that is linear in the size of the file. */
#include "fuzz.h"
#include "heap.h"
#include "work.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PEAK_MAX ((size_t)32 << 20)

static unsigned run_count, failed_count;
static bool verbose;

static uint8_t *read_all(const char *path, size_t *size)
{
    struct stat status;
    FILE *const file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        (void)fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    *size = (size_t)status.st_size;
    uint8_t *const data =
        malloc(*size > 0 ? *size : 1); /* no byte more: a sanitizer sees the end */
    if (data == NULL || fread(data, 1, *size, file) != *size) {
        (void)fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    (void)fclose(file);
    return data;
}

static void replay(const char *path)
{
    size_t size = 0;
    uint8_t *const data = read_all(path, &size);
    (void)LLVMFuzzerTestOneInput(data, size);
    heap_mark();
    work_mark();
    (void)LLVMFuzzerTestOneInput(data, size);
    const uint64_t work = work_done();
    const size_t peak = heap_peak();
    const long left = heap_left();
    free(data);
    run_count++;
    if (verbose) {
        (void)printf("%8zu bytes, peak %8zu, work %10llu: %s\n", size, peak,
                     (unsigned long long)work, path);
    }
    if (peak > PEAK_MAX || left != 0) {
        (void)fprintf(stderr, "%s: peak of the heap %zu bytes, not given back %ld bytes\n", path,
                      peak, left);
        failed_count++;
    }
}

static void replay_folder(const char *folder)
{
    struct dirent **items = NULL;
    char path[1024];
    const int count = scandir(folder, &items, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (items[i]->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/%s", folder, items[i]->d_name);
            struct stat status;
            if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
                replay(path);
            }
        }
        free(items[i]);
    }
    free(items);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (strcmp(argv[i], "-v") == 0) {
            verbose = true;
        } else if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            replay_folder(argv[i]);
        } else {
            replay(argv[i]);
        }
    }
    (void)printf("%u files replayed, %u failed\n", run_count, failed_count);
    return run_count == 0 || failed_count > 0;
}
