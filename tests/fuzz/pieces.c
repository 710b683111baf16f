/* Files that hang together, and files cut short:
 *
 *   pieces FILE…   each protocol, cut behind each of its bytes; then includes that double, that
 * form a ring, and a chain of more files than are allowed
 *
 * Each is accepted, or refused with words, within 32 MiB, and gives back what it took. */
#include "fuzz.h"
#include "heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEAK_MAX ((size_t)32 << 20)
#define TOP      "cyclostat: 1\nlimits: {voltage: [1 V, 5 V], current: 2 A}\nmethod:\n"

static unsigned failed_count;

static int load(const char *path, const char *what)
{
    struct cyc_protocol *protocol = NULL;
    struct cyc_err err = {0};
    const struct cyc_protocol_options options = {.path = path};
    heap_mark();
    struct cyc_diags *const diags = malloc(sizeof *diags);
    if (diags == NULL) {
        abort();
    }
    cyc_diags_init(diags);
    const int status = cyc_protocol_load(&options, diags, &protocol, &err);
    const bool told = status == CYC_OK || diags->error_count > 0 || err.text[0] != '\0';
    fuzz_show(diags);
    cyc_protocol_free(protocol);
    cyc_diags_release(diags);
    free(diags);
    if (!told || heap_peak() > PEAK_MAX || heap_left() != 0) {
        (void)fprintf(stderr, "%s: %s, peak %zu KiB, not given back %ld bytes\n", what,
                      told ? "told" : "refused without a word", heap_peak() >> 10, heap_left());
        failed_count++;
    }
    return status;
}

static char *read_all(const char *path, size_t *size)
{
    static char text[1 << 16];
    FILE *const file = fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    *size = fread(text, 1, sizeof text, file);
    (void)fclose(file);
    return text;
}

static void cut(const char *path)
{
    size_t size = 0;
    char what[512];
    const char *const dot = strrchr(path, '.');
    const char *const text = read_all(path, &size);
    const char *const name = dot != NULL && strcmp(dot, ".lua") == 0 ? "p.lua" : "p.yaml";
    (void)load(fuzz_file(name, text, 0), path); /* what is allocated once is allocated now */
    for (size_t i = 0; i <= size; i++) {
        (void)snprintf(what, sizeof what, "%s, its first %zu bytes", path, i);
        (void)load(fuzz_file(name, text, i), what);
    }
}

/* File i includes file i + 1 `times` times; the last one holds `end`. */
static int includes(unsigned files, unsigned times, const char *end, const char *what)
{
    char name[32];
    for (unsigned i = 0; i < files; i++) {
        struct cyc_text text = {0};
        cyc_text_append(&text, TOP);
        for (unsigned k = 0; k < times && i + 1 < files; k++) {
            cyc_text_format(&text, "  - {include: f%u.yaml, id: i%u}\n", i + 1, k);
        }
        cyc_text_append(&text, i + 1 < files ? "" : end);
        (void)snprintf(name, sizeof name, "f%u.yaml", i);
        (void)fuzz_file(name, cyc_text_get(&text), text.length);
        cyc_text_release(&text);
    }
    char path[128];
    (void)snprintf(path, sizeof path, "%s/f0.yaml", fuzz_folder());
    return load(path, what);
}

static void expect(bool accepted, int status, const char *what)
{
    if ((status == CYC_OK) != accepted) {
        (void)fprintf(stderr, "%s: %s\n", what, accepted ? "refused" : "accepted");
        failed_count++;
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        cut(argv[i]);
    }
    expect(true, includes(3, 2, "  - {rest: 1 s}\n", "a few includes"), "a few includes");
    expect(false, includes(40, 2, "  - {rest: 1 s}\n", "doubling"), "includes that double");
    expect(false, includes(40, 2, "  - let: {x: 1}\n", "doubling"),
           "includes of nothing that double");
    expect(false, includes(3, 1, "  - {include: f0.yaml, id: x}\n", "a ring"),
           "a ring of includes");
    expect(false, includes(100, 1, "  - {rest: 1 s}\n", "a chain"), "a chain of 100 files");
    (void)printf("pieces: %u failed\n", failed_count);
    return failed_count > 0;
}
