/* Families of hostile files, in this process and counted:
 *
 *   hostile [-v] [NAME]    each family at two sizes, one twice the other, and at 1.25 MiB
 *   hostile write FOLDER SIZE    writes each family as a file of about that size; prints for each:
 *                          name of the file, tab, "lawful" or "hostile", tab, name of the family
 *
 * Reading twice as much may cost twice the work, no more. At every size the heap stays within
 * 32 MiB, all of it is given back, and what is refused is refused with words. */
#include "families.h"
#include "fuzz.h"
#include "heap.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SIZE      ((size_t)64 << 10)
#define SIZE_MOST ((size_t)1280 << 10) /* about where plans become too large */
#define PEAK_MAX  ((size_t)32 << 20)

/* Above 2: what is sorted, and tables that double. */
#define RATIO_MAX 2.4
/* Work that does not grow with the file: a second one may have it at another size. */
#define WORK_FREE 200000u

static const char drive[] = "time / s,current / A\n0,1\n1,-1\n2,0\n";
static const char driven[] = "cyclostat: 1\nlimits: {voltage: [1 V, 5 V], current: 2 A}\n"
                             "method:\n  - {profile: drive.csv, cutoff: voltage < 2 V}\n";

struct outcome {
    int status;
    bool told;
    size_t peak;
    long left;
    uint64_t work;
};

static int load_cell(const char *path, struct cyc_diags *diags, struct cyc_err *err)
{
    struct cyc_cell_file *const file = malloc(sizeof *file);
    const int status = file != NULL ? cyc_cell_file_load(path, diags, file, err) : CYC_E_NO_MEMORY;
    free(file);
    return status;
}

static int load_protocol(const char *path, struct cyc_diags *diags, struct cyc_err *err)
{
    struct cyc_protocol *protocol = NULL;
    const struct cyc_protocol_options options = {.path = path};
    const int status = cyc_protocol_load(&options, diags, &protocol, err);
    fuzz_show(diags);
    cyc_protocol_free(protocol);
    return status;
}

static struct outcome read_file(const struct family *family, const struct cyc_text *text)
{
    static char path[256];
    struct cyc_err err = {0};
    (void)fuzz_file("drive.csv", drive, strlen(drive));
    (void)cyc_copy(path, sizeof path, fuzz_file(family->file, cyc_text_get(text), text->length));
    if (strcmp(family->file, "drive.csv") == 0) {
        (void)cyc_copy(path, sizeof path, fuzz_file("p.yaml", driven, strlen(driven)));
    }
    heap_mark();
    work_mark();
    struct cyc_diags *const diags = malloc(sizeof *diags);
    if (diags == NULL) {
        abort();
    }
    cyc_diags_init(diags);
    struct outcome outcome = {0};
    outcome.status = strcmp(family->file, "cell.yaml") == 0 ? load_cell(path, diags, &err)
                                                            : load_protocol(path, diags, &err);
    outcome.told = diags->error_count > 0 || err.text[0] != '\0';
    cyc_diags_release(diags);
    free(diags);
    outcome.work = work_done();
    outcome.peak = heap_peak();
    outcome.left = heap_left();
    return outcome;
}

static struct outcome read_family(const struct family *family, size_t size)
{
    struct cyc_text text = {0};
    family_write(family, size, &text);
    const struct outcome outcome = read_file(family, &text);
    cyc_text_release(&text);
    return outcome;
}

static bool complain(const struct family *family, const char *what)
{
    (void)fprintf(stderr, "%s: %s\n", family->name, what);
    return false;
}

static bool judge(const struct family *family, const struct outcome *outcome)
{
    bool fine = true;
    if (outcome->status == CYC_OK && !family->lawful) {
        fine = complain(family, "not refused");
    }
    if (outcome->status != CYC_OK && !outcome->told) {
        fine = complain(family, "refused without a word");
    }
    if (outcome->peak > PEAK_MAX) {
        fine = complain(family, "more than 32 MiB");
    }
    if (outcome->left != 0) {
        fine = complain(family, "memory is not given back");
    }
    return fine;
}

static bool try_family(const struct family *family, bool verbose)
{
    (void)read_family(family, 1000); /* what is allocated once is allocated now */
    const struct outcome once = read_family(family, SIZE);
    const struct outcome twice = read_family(family, 2 * SIZE);
    const struct outcome most = read_family(family, SIZE_MOST);
    bool fine = judge(family, &once);
    fine = judge(family, &twice) && fine;
    fine = judge(family, &most) && fine;
    const double ratio = (double)twice.work / (double)once.work;
    if (twice.work > once.work + WORK_FREE && ratio > RATIO_MAX) {
        fine = complain(family, "the work grows faster than the file");
    }
    if (family->lawful && once.status != CYC_OK) {
        fine = complain(family, "refused at a lawful size");
    }
    if (verbose || !fine) {
        (void)printf("%-28s %s work %9llu x %.2f, at most %11llu, peak %5zu KiB, %5zu KiB\n",
                     family->name, once.status == CYC_OK ? "accepted" : "refused ",
                     (unsigned long long)once.work, ratio, (unsigned long long)most.work,
                     twice.peak >> 10, most.peak >> 10);
    }
    return fine;
}

static int write_all(const char *folder, size_t size)
{
    char path[512];
    for (unsigned i = 0; i < family_count; i++) {
        struct cyc_text text = {0};
        family_write(&families[i], size, &text);
        (void)snprintf(path, sizeof path, "%s/%u", folder, i);
        (void)mkdir(path, 0777);
        (void)snprintf(path, sizeof path, "%s/%u/%s", folder, i, families[i].file);
        FILE *const file = fopen(path, "wb");
        if (file == NULL || fwrite(cyc_text_get(&text), 1, text.length, file) != text.length ||
            fclose(file) != 0) {
            return 2;
        }
        cyc_text_release(&text);
        (void)printf("%u/%s\t%s\t%s\n", i, families[i].file,
                     families[i].lawful ? "lawful" : "hostile", families[i].name);
    }
    return 0;
}

int main(int argc, char **argv)
{
    bool verbose = false;
    const char *wanted = "";
    unsigned failed = 0;
    unsigned tried = 0;
    if (argc == 4 && strcmp(argv[1], "write") == 0) {
        return write_all(argv[2], (size_t)strtoul(argv[3], NULL, 10));
    }
    for (int i = 1; i < argc; i++) {
        verbose = verbose || strcmp(argv[i], "-v") == 0;
        wanted = strcmp(argv[i], "-v") == 0 ? wanted : argv[i];
    }
    for (unsigned i = 0; i < family_count; i++) {
        if (strstr(families[i].name, wanted) != NULL) {
            tried++;
            failed += try_family(&families[i], verbose) ? 0 : 1;
        }
    }
    (void)printf("%u families of hostile files, %u failed\n", tried, failed);
    return tried == 0 || failed > 0;
}
