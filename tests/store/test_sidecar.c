#include "check/check.h"
#include "maker.h"
#include "store/store_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The sidecar of a run that ended so; to be freed. */
static char *sidecar(const struct cyc_run_identity *identity, const char *end, const char *why)
{
    struct cyc_run *run = NULL;
    char path[CYC_PATH_SIZE], name[CYC_FILE_NAME_SIZE + 48];
    CU_ASSERT_EQUAL_FATAL(cyc_run_create(maker_folder(), identity, &run, NULL), CYC_OK);
    cyc_data_name(name, run->data.stem, 1, CYC_SIDECAR_SUFFIX);
    (void)cyc_path_join(path, cyc_run_folder(run), name, NULL);
    if (end != NULL) {
        CU_ASSERT_EQUAL(cyc_run_finish(run, end, why, 7200 * CYC_S_NS, NULL), CYC_OK);
    }
    size_t size;
    char *text = maker_read(path, &size);
    if (end == NULL) {
        CU_ASSERT_EQUAL(cyc_run_finish(run, "done", "", 0, NULL), CYC_OK);
    }
    maker_remove();
    return text;
}

static void the_sidecar_tells_what_is_known(void)
{
    const struct cyc_run_identity identity = maker_identity();
    char *text = sidecar(&identity, "done", "");
    CYC_SAME(
        text,
        "{\"battinfo_test\":{\"test\":{\"identifier\":\"20260101-N-LMRO-001\",\"name\":"
        "\"Formation\",\"kind\":\"cycling\",\"status\":\"completed\",\"started_at\":1767225600,"
        "\"ended_at\":1767232800,\"instrument_name\":\"simulated cell\",\"protocol_name\":"
        "\"Formation\",\"description\":\"Song et al. 2024\"},\"artifacts\":[{\"role\":"
        "\"source_protocol\",\"format\":\"yaml\",\"locator\":\"protocol/formation.yaml\","
        "\"byte_size\":13,\"sha256\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}],\"provenance\":{"
        "\"source_type\":\"simulation\",\"retrieved_at\":1767225600,\"workflow_version\":"
        "\"cyclostat " CYC_VERSION "\"}},\"battinfo_cell\":{\"cell_instance\":{\"name\":"
        "\"N-LMRO\"}},\"extras\":{\"run\":\"20260101-N-LMRO-001\",\"kind\":\"dry\","
        "\"institution\":\"LAB\",\"cell\":\"N-LMRO\",\"active_mass_g\":0.00903,\"area_cm2\":1.327,"
        "\"one_c_A\":0.001806,\"one_c_from\":\"one_c\",\"nominal_capacity_Ah\":0.0026187,"
        "\"sign_of_current\":\"positive charges the cell\",\"cycle_rule\":\"one cycle is one pass "
        "of a cycles block of the protocol\",\"temperature_t1\":\"the cell's sensor, else the "
        "chamber's\",\"end\":\"done\",\"settings\":{\"main_cycles\":20},\"cell_data\":{\"model\":"
        "\"linear\"}}}\n");
    free(text);
}

static void a_live_run_names_its_instrument_and_what_it_was_made_under(void)
{
    static const char rig[] = "{\"cycler\":{\"driver\":\"keithley_2400\",\"serial_number\":"
                              "\"1234567\"},\"limits\":{\"voltage_V\":[2,5]}}";
    struct cyc_run_identity identity = maker_identity();
    identity.kind = "live";
    identity.rig_channel_json = rig;
    char *text = sidecar(&identity, "done", "");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"instrument_name\":\"keithley_2400 1234567\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"source_type\":\"measurement\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, rig));
    free(text);
    identity.rig_channel_json = "{\"cycler\":{\"driver\":\"sim\",\"serial_number\":\"\"}}";
    text = sidecar(&identity, "done", "");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"instrument_name\":\"sim\""));
    free(text);
}

static void the_sidecar_says_that_a_run_goes_on(void)
{
    const struct cyc_run_identity identity = maker_identity();
    char *text = sidecar(&identity, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"status\":\"running\""));
    CU_ASSERT_PTR_NULL(strstr(text, "ended_at"));
    CU_ASSERT_PTR_NULL(strstr(text, "\"end\""));
    free(text);
}

static void a_run_that_broke_off_is_a_deviation(void)
{
    const struct cyc_run_identity identity = maker_identity();
    char *text = sidecar(&identity, "fault", "the voltage limit of 4.1 V was broken");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "\"status\":\"aborted\",\"started_at\":1767225600,\"ended_at\":1767232800"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "\"conformance\":{\"status\":\"non-conformant\",\"deviations\":[{"
                     "\"category\":\"premature_termination\",\"type\":\"fault\",\"description\":"
                     "\"the voltage limit of 4.1 V was broken\",\"occurred_at\":1767232800}]}"));
    free(text);
    text = sidecar(&identity, "stopped", "80 % reached");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"status\":\"completed\""));
    CU_ASSERT_PTR_NULL(strstr(text, "conformance"));
    free(text);
}

static void what_is_not_known_is_left_out(void)
{
    const struct cyc_run_identity identity = {.kind = "live",
                                              .active_mass_g = (double)NAN,
                                              .area_cm2 = (double)NAN,
                                              .one_c_A = (double)NAN,
                                              .nominal_capacity_Ah = (double)NAN};
    char *text = sidecar(&identity, "done", NULL);
    CYC_SAME(text, "{\"battinfo_test\":{\"test\":{\"identifier\":\"19700101-X-001\",\"name\":"
                   "\"19700101-X-001\",\"kind\":\"cycling\",\"status\":\"completed\","
                   "\"started_at\":0,\"ended_at\":7200},\"artifacts\":[],\"provenance\":{"
                   "\"source_type\":\"measurement\",\"retrieved_at\":0,\"workflow_version\":"
                   "\"cyclostat " CYC_VERSION
                   "\"}},\"battinfo_cell\":{\"cell_instance\":{}},\"extras\":{\"run\":"
                   "\"19700101-X-001\",\"kind\":\"live\",\"institution\":\"LAB\","
                   "\"sign_of_current\":\"positive charges the cell\",\"cycle_rule\":\"one cycle "
                   "is one pass of a cycles block of the protocol\",\"temperature_t1\":\"the "
                   "cell's sensor, else the chamber's\",\"end\":\"done\"}}\n");
    free(text);
}

const struct cyc_check cyc_check_sidecar[] = {
    CYC_CHECK(the_sidecar_tells_what_is_known),
    CYC_CHECK(a_live_run_names_its_instrument_and_what_it_was_made_under),
    CYC_CHECK(the_sidecar_says_that_a_run_goes_on),
    CYC_CHECK(a_run_that_broke_off_is_a_deviation),
    CYC_CHECK(what_is_not_known_is_left_out),
    {0},
};
