#include "maker.h"
#include "store/store_int.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

const char *maker_folder(void)
{
    if (folder[0] == '\0') {
        /* In memory where there is such a place: the tests sync thousands of times. */
        (void)snprintf(folder, sizeof folder, "%s/cyc-store-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (mkdtemp(folder) == NULL) {
            perror(folder);
            exit(2);
        }
    }
    return folder;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

void maker_remove(void)
{
    if (folder[0] != '\0') {
        (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        folder[0] = '\0';
    }
}

struct cyc_run_identity maker_identity(void)
{
    static const struct cyc_run_file file = {
        .name = "protocols/formation.yaml",
        .text = "cyclostat: 1\n",
        .size = 13,
        .sha256 = "0000000000000000000000000000000000000000000000000000000000000000",
    };
    return (struct cyc_run_identity){
        .institution = "LAB",
        .cell = "N-LMRO",
        .protocol_name = "Formation",
        .protocol_source = "Song et al. 2024",
        .kind = "dry",
        .command = "cyclostat dry-run formation.yaml",
        .settings_json = "{\"main_cycles\":20}",
        .cell_json = "{\"model\":\"linear\"}",
        .start_unix_ns = INT64_C(1767225600) * CYC_S_NS + 250 * CYC_MS_NS, /* 2026-01-01 */
        .active_mass_g = 0.00903,
        .area_cm2 = 1.327,
        .one_c_A = 0.001806,
        .nominal_capacity_Ah = 0.0026187,
        .one_c_from = "one_c",
        .voltage_decimals = 4,
        .current_decimals = 7,
        .capacity_decimals = 9,
        .files = &file,
        .file_count = 1,
    };
}

static void init_step(struct maker *maker)
{
    struct cyc_step *step = &maker->step;
    *step = (struct cyc_step){.mode = CYC_MODE_CC,
                              .in_cycle = true,
                              .segments = &maker->segment,
                              .segment_count = 1,
                              .hold_V = (double)NAN,
                              .environment = {.temperature_degC = (double)NAN,
                                              .ramp_K_per_s = (double)NAN,
                                              .pressure_Pa = (double)NAN},
                              .timeout_ns = CYC_NEVER};
    step->ops[0] = (struct cyc_op){.code = CYC_OP_SIGNAL, .signal = CYC_SIGNAL_VOLTAGE};
    step->op_count = 3;
    step->cutoffs[0].when = (struct cyc_condition){0, 3};
    step->cutoffs[0].reason = CYC_REASON_VOLTAGE;
    step->cutoff_count = 1;
    step->limits[0] = (struct cyc_limit){.signal = CYC_SIGNAL_VOLTAGE, .low = 1.2, .high = 4.1};
    step->limits[1] = (struct cyc_limit){
        .signal = CYC_SIGNAL_TEMPERATURE, .low = -(double)INFINITY, .high = 70.0};
    step->limit_count = 2;
    step->record.every_ns = 30 * CYC_S_NS;
}

void maker_init(struct maker *maker, struct cyc_run *run)
{
    *maker = (struct maker){.run = run, .row_count_per_step = 40};
    struct cyc_sample *sample = &maker->record.sample;
    sample->voltage_V = 2.9;
    sample->temperature_degC = 30.0;
    sample->ambient_degC = (double)NAN;
    sample->pressure_Pa = 50e6;
    init_step(maker);
}

int maker_row(struct maker *maker, struct cyc_err *err)
{
    struct cyc_record *record = &maker->record;
    const double current_A = maker->step.charging ? 0.000903 : -0.000903;
    const double passed_Ah = 0.000903 * 30.0 / 3600.0;
    record->index++;
    record->sample.t_ns = maker->t_ns;
    record->sample.current_A = current_A;
    record->sample.voltage_V += (maker->step.charging ? 1.0 : -1.0) * 0.0137 / 7.0;
    record->step_count = maker->step_count;
    record->step_id = maker->step.id;
    record->cycle_number = maker->step.cycle_number;
    *(maker->step.charging ? &record->test.charge_Ah : &record->test.discharge_Ah) += passed_Ah;
    *(maker->step.charging ? &record->test.charge_Wh : &record->test.discharge_Wh) +=
        passed_Ah * record->sample.voltage_V;
    const int status = cyc_run_row(maker->run, record, maker->step.type, err);
    maker->t_ns += 30 * CYC_S_NS;
    record->step_time_ns += 30 * CYC_S_NS;
    return status;
}

static void turn(struct maker *maker, bool charging)
{
    struct cyc_step *step = &maker->step;
    step->charging = charging;
    step->id = charging ? 1 : 2;
    (void)cyc_copy(step->name, sizeof step->name, charging ? "" : "measure");
    (void)cyc_copy(step->type, sizeof step->type, charging ? "CC_CHG" : "CC_DCH");
    maker->segment = (struct cyc_segment){.duration_ns = CYC_NEVER,
                                          .control = CYC_CONTROL_CURRENT,
                                          .value = charging ? 0.000903 : -0.000903};
    step->ops[1] = (struct cyc_op){.code = CYC_OP_CONST, .value = charging ? 3.98 : 1.38};
    step->ops[2].code = charging ? CYC_OP_GE : CYC_OP_LE;
}

int maker_step(struct maker *maker, bool charging, struct cyc_err *err)
{
    turn(maker, charging);
    maker->step_count++;
    maker->record.step_time_ns = 0;
    struct cyc_result result = {.step_count = maker->step_count,
                                .reason = CYC_REASON_VOLTAGE,
                                .action = CYC_FOLLOW_NEXT,
                                .flags = CYC_RESULT_EXACT,
                                .start_ns = maker->t_ns,
                                .peak_V = 0.1 + 0.2};
    for (int i = 0; i < CYC_AUX_MAX; i++) {
        result.aux[i] = (double)NAN;
    }
    int status = cyc_run_step_begin(maker->run, &maker->step, maker->step_count, maker->t_ns, err);
    for (unsigned i = 0; i < maker->row_count_per_step && status == CYC_OK; i++) {
        status = maker_row(maker, err);
    }
    result.end_ns = maker->t_ns;
    result.step_time_ns = result.end_ns - result.start_ns;
    result.voltage_V = maker->record.sample.voltage_V;
    result.sums.charge_Ah = charging ? 1.0 / 3.0 : 0.0;
    return status == CYC_OK ? cyc_run_step_end(maker->run, &maker->step, &result, err) : status;
}

int maker_cycle(struct maker *maker, struct cyc_err *err)
{
    struct cyc_cycle cycle = {.number = ++maker->step.cycle_number,
                              .pass = maker->step.cycle_number,
                              .block = "main",
                              .complete = true,
                              .start_ns = maker->t_ns,
                              .coulombic_efficiency = 0.998,
                              .energy_efficiency = 0.95,
                              .mean_charge_V = 3.7,
                              .mean_discharge_V = 3.5,
                              .retention = (double)NAN};
    int status = maker_step(maker, true, err);
    if (status == CYC_OK) {
        status = maker_step(maker, false, err);
    }
    cycle.end_ns = maker->t_ns;
    return status == CYC_OK ? cyc_run_cycle(maker->run, &cycle, err) : status;
}

char *maker_read(const char *path, size_t *size)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        return NULL;
    }
    char *text = calloc(1, (size_t)status.st_size + 1);
    const ssize_t count = text != NULL ? read(fd, text, (size_t)status.st_size) : -1;
    (void)close(fd);
    *size = count > 0 ? (size_t)count : 0;
    return text;
}

int64_t maker_count_rows(const struct cyc_run_info *info)
{
    int64_t rows = 0;
    unsigned first = 1;
    (void)cyc_run_id_valid(info->id, &first);
    for (unsigned number = first;; number++) {
        char path[CYC_PATH_SIZE], name[64];
        size_t size;
        (void)snprintf(name, sizeof name, "LAB__N-LMRO__20260101_%03u.bdf.csv", number);
        (void)cyc_path_join(path, info->folder, name, NULL);
        char *text = maker_read(path, &size);
        if (text == NULL) {
            return rows;
        }
        const char *header_end = memchr(text, '\n', size);
        for (const char *at = header_end; at != NULL; at = strchr(at + 1, '\n')) {
            rows += at != header_end;
        }
        if (header_end != NULL && strncmp(text, cyc_data_header, strlen(cyc_data_header)) != 0) {
            rows = -1000000;
        }
        free(text);
    }
}
