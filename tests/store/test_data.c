#include "check/check.h"
#include "maker.h"
#include "store/store_int.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cyc_run *create_sized(uint64_t part_size_max)
{
    const struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    struct cyc_err err = {0};
    (void)cyc_run_create_sized(maker_folder(), &identity, part_size_max, &run, &err);
    CYC_SAME(err.text, "");
    if (run == NULL) {
        exit(2);
    }
    return run;
}

static void checksums_are_those_of_xxh64(void)
{
    /* Published values of XXH64 with seed 0; `xxh64sum` gives the same. */
    static const struct {
        const char *text;
        uint64_t value;
    } known[] = {
        {"", UINT64_C(0xEF46DB3751D8E999)},
        {"a", UINT64_C(0xD24EC4F1A98C6E5B)},
        {"abc", UINT64_C(0x44BC2CF5AD770999)},
        {"Nobody inspects the spammish repetition", UINT64_C(0xFBCEA83C8A378BF1)},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct cyc_checksum checksum;
        cyc_checksum_init(&checksum);
        cyc_checksum_add(&checksum, known[i].text, strlen(known[i].text));
        CU_ASSERT_EQUAL(cyc_checksum_value(&checksum), known[i].value);
    }
}

static void a_checksum_does_not_depend_on_how_the_bytes_came(void)
{
    char bytes[301];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 37 + 11);
    }
    for (size_t size = 0; size <= sizeof bytes; size += 7) {
        struct cyc_checksum whole, pieces;
        cyc_checksum_init(&whole);
        cyc_checksum_init(&pieces);
        cyc_checksum_add(&whole, bytes, size);
        for (size_t at = 0, piece = 1; at < size; at += piece, piece = piece * 3 % 67) {
            cyc_checksum_add(&pieces, bytes + at, piece < size - at ? piece : size - at);
            (void)cyc_checksum_value(&pieces);
        }
        CU_ASSERT_EQUAL(cyc_checksum_value(&whole), cyc_checksum_value(&pieces));
    }
}

/* The text behind the header of a run that is finished here. */
static char *finish_and_read(struct cyc_run *run, char **whole)
{
    char path[CYC_PATH_SIZE];
    size_t size = 0;
    (void)cyc_copy(path, sizeof path, cyc_run_data_path(run));
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 0, NULL), CYC_OK);
    *whole = maker_read(path, &size);
    CU_ASSERT_EQUAL(strncmp(*whole, cyc_data_header, strlen(cyc_data_header)), 0);
    return *whole + strlen(cyc_data_header);
}

static void a_row_is_written_as_documented(void)
{
    struct cyc_run *run = create_sized(CYC_PART_SIZE_MAX);
    struct cyc_record record = {
        .sample = {.t_ns = INT64_C(1234567890123),
                   .voltage_V = 3.98004,
                   .current_A = -9.03e-4,
                   .temperature_degC = 30.0,
                   .ambient_degC = 29.5,
                   .pressure_Pa = 50e6},
        .step_time_ns = INT64_C(61000500000),
        .index = 1,
        .step_count = 12,
        .step_id = 3,
        .cycle_number = 4,
        .test = {.charge_Ah = 0.0021,
                 .discharge_Ah = 0.0019,
                 .charge_Wh = 0.0081,
                 .discharge_Wh = 1e-10},
    };
    CU_ASSERT_EQUAL(cyc_run_row(run, &record, "CC_DCH", NULL), CYC_OK);
    char *whole;
    CYC_SAME(finish_and_read(run, &whole),
             "1234.568,3.9800,-0.0009030,1767226834.818,4,12,29.500,3,CC_DCH,61.001,1,"
             "0.002100000,0.001900000,0.008100000,0.000000000,30.000,50000000\n");
    free(whole);
    maker_remove();
}

static void what_is_not_a_number_leaves_its_field_empty(void)
{
    struct cyc_run *run = create_sized(CYC_PART_SIZE_MAX);
    struct cyc_record record = {
        .sample = {.voltage_V = (double)NAN,
                   .current_A = -(double)INFINITY,
                   .temperature_degC = (double)NAN,
                   .ambient_degC = (double)NAN,
                   .pressure_Pa = (double)NAN},
        .index = 1,
        .step_count = 1,
        .step_id = 1,
    };
    CU_ASSERT_EQUAL(cyc_run_row(run, &record, "REST", NULL), CYC_OK);
    record.sample.voltage_V = 1.0;
    record.sample.current_A = -0.0;
    record.index = 2;
    CU_ASSERT_EQUAL(cyc_run_row(run, &record, "REST", NULL), CYC_OK);
    char *whole;
    CYC_SAME(finish_and_read(run, &whole),
             "0.000,,,1767225600.250,0,1,,1,REST,0.000,1,0.000000000,0.000000000,0.000000000,"
             "0.000000000,,\n"
             "0.000,1.0000,0.0000000,1767225600.250,0,1,,1,REST,0.000,2,0.000000000,0.000000000,"
             "0.000000000,0.000000000,,\n");
    free(whole);
    maker_remove();
}

static void a_step_type_cannot_break_the_table(void)
{
    struct cyc_run *run = create_sized(CYC_PART_SIZE_MAX);
    struct cyc_record record = {.index = 1};
    CU_ASSERT_EQUAL(cyc_run_row(run, &record, "A,\"B\"\nC0123456789", NULL), CYC_OK);
    char *whole;
    const char *row = finish_and_read(run, &whole);
    CU_ASSERT_PTR_NOT_NULL(strstr(row, ",A__B__C012345678,"));
    free(whole);
    maker_remove();
}

/* Writes the fields that can be rounded by printf beside those of the run. */
static void expect_row(char *text, size_t size, const struct cyc_record *record)
{
    const struct cyc_sample *sample = &record->sample;
    const locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    const locale_t before = uselocale(c_locale);
    (void)snprintf(
        text, size,
        "%.3f,%.4f,%.7f,%.3f,%u,%u,%.3f,%u,CC_CHG,%.3f,%llu,%.9f,%.9f,%.9f,%.9f,%.3f,%.0f\n",
        (double)(sample->t_ns / 1000000) / 1e3, sample->voltage_V, sample->current_A,
        1767225600.25 + (double)(sample->t_ns / 1000000) / 1e3, record->cycle_number,
        record->step_count, sample->ambient_degC, record->step_id,
        (double)(record->step_time_ns / 1000000) / 1e3, (unsigned long long)record->index,
        record->test.charge_Ah, record->test.discharge_Ah, record->test.charge_Wh,
        record->test.discharge_Wh, sample->temperature_degC, sample->pressure_Pa);
    (void)uselocale(before);
    freelocale(c_locale);
}

static double uniform(unsigned *seed, double low, double high)
{
    return low + (high - low) * (double)rand_r(seed) / (double)RAND_MAX;
}

static void vary(struct cyc_record *record, unsigned *seed)
{
    struct cyc_sample *sample = &record->sample;
    record->index++;
    sample->t_ns += (int64_t)(rand_r(seed) % 100000) * CYC_MS_NS;
    record->step_time_ns = sample->t_ns / 3 / CYC_MS_NS * CYC_MS_NS;
    if (rand_r(seed) % 50 == 0) {
        record->step_count++;
        record->step_id = (uint32_t)(rand_r(seed) % 2000);
        record->cycle_number += (uint32_t)(rand_r(seed) % 3);
    }
    sample->voltage_V = uniform(seed, -1.0, 5.0);
    /* Some columns repeat, as they do in life. */
    sample->current_A = rand_r(seed) % 4 ? sample->current_A : uniform(seed, -2.0, 2.0);
    sample->ambient_degC = rand_r(seed) % 2 ? 30.0 : uniform(seed, -20.0, 80.0);
    sample->temperature_degC = uniform(seed, -20.0, 80.0);
    sample->pressure_Pa = rand_r(seed) % 3 ? sample->pressure_Pa : uniform(seed, 0.0, 1e8);
    *(rand_r(seed) % 2 ? &record->test.charge_Ah : &record->test.charge_Wh) += uniform(seed, 0, 10);
    *(rand_r(seed) % 9 ? &record->test.discharge_Ah : &record->test.discharge_Wh) += 1e-4;
}

static void all_rows_read_as_printf_would_write_them(void)
{
    /* Small parts and irregular commits: texts of the row before must never be stale. */
    static const uint64_t sizes[] = {CYC_PART_SIZE_MAX, 5000};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct cyc_run *run = create_sized(sizes[k]);
        struct cyc_record record = {.step_count = 1};
        struct cyc_text expected = {0};
        unsigned seed = 7;
        cyc_text_append(&expected, cyc_data_header);
        char line[400], path[CYC_PATH_SIZE];
        bool same = true;
        (void)cyc_copy(path, sizeof path, cyc_run_data_path(run));
        for (int i = 0; i < 20000 && same; i++) {
            vary(&record, &seed);
            expect_row(line, sizeof line, &record);
            const unsigned part = run->data.number;
            CU_ASSERT_EQUAL(cyc_run_row(run, &record, "CC_CHG", NULL), CYC_OK);
            if (run->data.number != part) {
                size_t size;
                char *written = maker_read(path, &size);
                same = strcmp(written, cyc_text_get(&expected)) == 0;
                free(written);
                cyc_text_clear(&expected);
                cyc_text_append(&expected, cyc_data_header);
                (void)cyc_copy(path, sizeof path, run->data.path);
            }
            cyc_text_append(&expected, line);
            if (rand_r(&seed) % 37 == 0) {
                CU_ASSERT_EQUAL(cyc_data_flush(&run->data, NULL), CYC_OK);
            }
        }
        CU_ASSERT_EQUAL(cyc_data_flush(&run->data, NULL), CYC_OK);
        size_t size;
        char *written = maker_read(path, &size);
        CU_ASSERT(same && strcmp(written, cyc_text_get(&expected)) == 0);
        CU_ASSERT_EQUAL(size, run->data.length);
        struct cyc_checksum checksum;
        cyc_checksum_init(&checksum);
        cyc_checksum_add(&checksum, written, size);
        CU_ASSERT_EQUAL(cyc_checksum_value(&checksum), cyc_checksum_value(&run->data.checksum));
        free(written);
        cyc_text_release(&expected);
        CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 0, NULL), CYC_OK);
    }
    maker_remove();
}

static void a_part_never_exceeds_its_size_and_the_next_number_goes_on(void)
{
    struct cyc_run *run = create_sized(3000);
    struct maker maker;
    maker_init(&maker, run);
    CU_ASSERT_EQUAL(maker_cycle(&maker, NULL), CYC_OK);
    char folder[256], path[CYC_PATH_SIZE];
    (void)cyc_copy(folder, sizeof folder, cyc_run_folder(run));
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", maker.t_ns, NULL), CYC_OK);
    unsigned part = 0, row_count = 0;
    for (;;) {
        size_t size;
        (void)snprintf(path, sizeof path, "%s/LAB__N-LMRO__20260101_%03u.bdf.csv", folder,
                       part + 1);
        char *text = maker_read(path, &size);
        if (text == NULL) {
            break;
        }
        part++;
        CU_ASSERT(size <= 3000);
        CU_ASSERT_EQUAL(strncmp(text, cyc_data_header, strlen(cyc_data_header)), 0);
        for (const char *at = strchr(text, '\n') + 1; *at != '\0'; at = strchr(at, '\n') + 1) {
            row_count++;
        }
        free(text);
        (void)snprintf(path, sizeof path, "%s/LAB__N-LMRO__20260101_%03u.bdf.metadata.json", folder,
                       part);
        text = maker_read(path, &size);
        CU_ASSERT_PTR_NOT_NULL(text);
        free(text);
    }
    CU_ASSERT(part > 3);
    CU_ASSERT_EQUAL(row_count, 80);
    struct cyc_run_info info;
    CU_ASSERT_EQUAL(cyc_run_find(maker_folder(), "last", &info, NULL), CYC_OK);
    CU_ASSERT_EQUAL(info.row_count, 80);
    maker_remove();
}

const struct cyc_check cyc_check_data[] = {
    CYC_CHECK(checksums_are_those_of_xxh64),
    CYC_CHECK(a_checksum_does_not_depend_on_how_the_bytes_came),
    CYC_CHECK(a_row_is_written_as_documented),
    CYC_CHECK(what_is_not_a_number_leaves_its_field_empty),
    CYC_CHECK(a_step_type_cannot_break_the_table),
    CYC_CHECK(all_rows_read_as_printf_would_write_them),
    CYC_CHECK(a_part_never_exceeds_its_size_and_the_next_number_goes_on),
    {0},
};
