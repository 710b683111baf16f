/* The rules of the Battery Data Format, by the checker that others run on their runs too: what the
 * store writes is lawful, and each rule, broken on purpose, is told. */
#include "check/check.h"
#include "maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Runs the checker; its output goes to `output`. Returns its exit code. */
static int check(const char *target, char *output, size_t size)
{
    char command[1400];
    (void)snprintf(command, sizeof command, "%s/tests/store/bdf_check.sh '%s' 2>&1", CYC_SOURCE_DIR,
                   target);
    FILE *pipe = popen(command, "r");
    const size_t count = fread(output, 1, size - 1, pipe);
    output[count] = '\0';
    return pclose(pipe) >> 8;
}

/* A finished run of two cycles; its folder. */
static const char *make_run(void)
{
    static char folder[CYC_PATH_SIZE];
    const struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    struct maker maker;
    CU_ASSERT_EQUAL_FATAL(cyc_run_create(maker_folder(), &identity, &run, NULL), CYC_OK);
    (void)cyc_copy(folder, sizeof folder, cyc_run_folder(run));
    maker_init(&maker, run);
    maker.row_count_per_step = 5;
    CU_ASSERT_EQUAL(maker_cycle(&maker, NULL), CYC_OK);
    CU_ASSERT_EQUAL(maker_cycle(&maker, NULL), CYC_OK);
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", maker.t_ns, NULL), CYC_OK);
    return folder;
}

static void what_the_store_writes_is_lawful(void)
{
    char output[4000];
    const int code = check(make_run(), output, sizeof output);
    CYC_SAME(output, "20 rows in 1 part(s), 17 columns: lawful\n");
    CU_ASSERT_EQUAL(code, 0);
    maker_remove();
}

/* Row 3 is the third row of step 1 (charge), row 8 the third of step 2 (discharge). */
static const struct {
    const char *edit; /* a sed script for the file */
    const char *told;
} breaches[] = {
    {"1i # made by a cycler", "is not a preferred label"},
    {"1s/Voltage . V/Voltage(V)/", "is not a preferred label"},
    {"1s/Record Index/Step Index/", "is not a preferred label"},
    {"1s/,Voltage . V//; 2,$s/,[^,]*//", "required column 'Voltage / V' is missing"},
    {"1s/Voltage . V/Current \\/ A/", "stands twice"},
    {"1s/,Unix Time . s//; 2,$s/,[^,]*//3", "recommended column 'Unix Time / s' is missing"},
    {"1s/Test Time . s,Voltage . V,Current . A,Unix Time . s/Unix Time \\/ s,Voltage \\/ V,Current "
     "\\/ A,Test Time \\/ s/",
     "after a column of a lower level"},
    {"4s/$/,1/", "the row has 18 fields, the header 17"},
    {"4s/,[^,]*$//", "the row has 16 fields, the header 17"},
    {"4s/$/\\r/", "carriage return"},
    {"$s/,[^,]*$//;$a x", "the row has"},
    {"4s/CC_CHG/cc,chg/", "the row has 18 fields"},
    {"2,6s/CC_CHG/charge/", "is not a word in capitals"},
    {"4s/0.0009030/9.03e-4/", "not a plain decimal number"},
    {"4s/,0.0009030,/,nan,/", "not a plain decimal number"},
    {"4s/0.0009030/0.000903/", "changes its number of decimals"},
    {"4s/0.0009030/-0.0000000/", "negative zero"},
    {"4s/^60.000,/,/", "'Test Time / s' is empty"},
    {"4s/^60.000/20.000/", "Test Time goes back"},
    {"4s/^60.000/59.000/", "do not advance together"},
    {"4s/1767225660.250/1767225661.250/", "do not advance together"},
    {"12,16s/,2,3,,1,/,0,3,,1,/", "Cycle Count falls"},
    {"4s/,1,1,,1,/,1.5,1,,1,/", "not a whole number"},
    {"4s/,1,1,,1,/,-1,1,,1,/", "not a whole number"},
    {"7,$s/,1,2,,2,/,1,4,,2,/", "each execution adds 1"},
    {"12,16s/,2,3,,1,/,2,1,,1,/", "each execution adds 1"},
    {"4s/,1,1,,1,/,1,1,,9,/", "changes within a step"},
    {"4s/CC_CHG/CV_CHG/", "changes within a step"},
    {"4s/CC_CHG,60.000/CC_CHG,20.000/", "Step Time goes back"},
    {"4s/CC_CHG,60.000/CC_CHG,90.000/", "Step Time runs faster"},
    {"7s/CC_DCH,0.000/CC_DCH,150.000/", "does not begin anew"},
    {"4s/CC_CHG,60.000,3,/CC_CHG,60.000,4,/", "Record Index is 4, expected 3"},
    {"2s/CC_CHG,0.000,1,/CC_CHG,0.000,0,/", "Record Index is 0, expected 1"},
    {"12s/,0.000045150,/,0.000000000,/", "it never resets"},
    {"2,6s/,0.0009030,/,-0.0009030,/", "rises under negative current"},
    {"7,11s/,-0.0009030,/,0.0009030,/", "rises under positive current"},
};

static void each_broken_rule_is_told(void)
{
    char output[4000], command[1400];
    const char *folder = make_run();
    char home[] = "/tmp/cyclostat-bdf-XXXXXX"; /* its own: runs of this test may meet */
    char target[80];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(home));
    (void)snprintf(target, sizeof target, "%s/LAB__X__20260101_001.bdf.csv", home);
    for (size_t i = 0; i < sizeof breaches / sizeof breaches[0]; i++) {
        (void)snprintf(command, sizeof command, "sed '%s' %s/*.bdf.csv > %s", breaches[i].edit,
                       folder, target);
        CU_ASSERT_EQUAL(system(command), 0);
        const int code = check(target, output, sizeof output);
        if (code != 1 || strstr(output, breaches[i].told) == NULL) {
            CYC_SAME(output, breaches[i].told);
        }
        CU_ASSERT_EQUAL(code, 1);
    }
    (void)remove(target);
    (void)rmdir(home);
    maker_remove();
}

static const struct {
    const char *command; /* %1$s: the folder */
    const char *told;
} damages[] = {
    {"cd %s && mv *.csv x.bdf.csv && mv *.json x.bdf.metadata.json", "the name is not"},
    {"cd %s && printf 1.0 | tee -a *.csv >/dev/null", "the last line is torn"},
    {"cd %s && sed -i '1s/^/\\xef\\xbb\\xbf/' *.csv", "byte order mark"},
    {"cd %s && sed -i '3s/CC_CHG/CC\\xff/' *.csv", "is not UTF-8"},
    {"cd %s && rm *.json", "has no sidecar"},
    {"cd %s && sed -i 's/^.//' *.json", "breaks the rules of a sidecar"},
    {"cd %s && sed -i 's/\"extras\"/\"more\"/' *.json", "breaks the rules of a sidecar"},
    {"cd %s && sed -i 's/\"name\"/\"title\"/' *.json", "breaks the rules of a sidecar"},
    {"cd %s && sed -i 's/1767225600/1767225600.5/' *.json", "breaks the rules of a sidecar"},
};

static void damage_around_the_table_is_told(void)
{
    char output[4000], command[1400];
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const char *folder = make_run();
        (void)snprintf(command, sizeof command, damages[i].command, folder);
        CU_ASSERT_EQUAL(system(command), 0);
        const int code = check(folder, output, sizeof output);
        if (strstr(output, damages[i].told) == NULL) {
            CYC_SAME(output, damages[i].told);
        }
        CU_ASSERT_EQUAL(code, 1);
        maker_remove();
    }
}

const struct cyc_check cyc_check_bdf[] = {
    CYC_CHECK(what_the_store_writes_is_lawful),
    CYC_CHECK(each_broken_rule_is_told),
    CYC_CHECK(damage_around_the_table_is_told),
    {0},
};
