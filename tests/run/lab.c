#include "lab.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void lab_init(struct lab *lab, unsigned rc_count)
{
    memset(lab, 0, sizeof *lab);
    CU_ASSERT_EQUAL_FATAL(cyc_cell_spec_init(&lab->cell, "linear", &lab->err), CYC_OK);
    (void)cyc_copy(lab->cell.name, sizeof lab->cell.name, "test");
    lab->cell.capacity_Ah = 2.5;
    lab->cell.initial_soc = 1.0;
    lab->cell.ocv_count = 2;
    lab->cell.ocv_soc[0] = 0.0;
    lab->cell.ocv_soc[1] = 1.0;
    lab->cell.ocv_V[0] = 3.0;
    lab->cell.ocv_V[1] = 4.2;
    lab->cell.rc_count = rc_count;
    lab->cell.rc_ohm[0] = 0.015;
    lab->cell.rc_tau_s[0] = 30.0;
    lab->cell.rc_ohm[1] = 0.010;
    lab->cell.rc_tau_s[1] = 300.0;
    lab_parameter(lab, "R0", 0.020);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void lab_release(struct lab *lab)
{
    cyc_text_release(&lab->notes);
    if (lab->folder[0] != '\0') {
        (void)nftw(lab->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

const char *lab_folder(struct lab *lab)
{
    if (lab->folder[0] == '\0') {
        (void)cyc_copy(lab->folder, sizeof lab->folder, "/tmp/cyclostat-test-XXXXXX");
        CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(lab->folder));
    }
    return lab->folder;
}

void lab_parameter(struct lab *lab, const char *name, double value)
{
    for (unsigned i = 0; i < lab->cell.parameter_count; i++) {
        if (strcmp(lab->cell.parameters[i].name, name) == 0) {
            lab->cell.parameters[i].value = value;
            return;
        }
    }
    lab->cell.parameters[lab->cell.parameter_count].name = name;
    lab->cell.parameters[lab->cell.parameter_count++].value = value;
}

/* ---- Running ----------------------------------------------------------------------------------
 */

static void on_step(void *context, const struct cyc_step *step, const struct cyc_result *result)
{
    struct lab *lab = context;
    if (lab->count < LAB_STEPS_MAX) {
        lab->results[lab->count] = *result;
        (void)cyc_copy(lab->names[lab->count++], CYC_ID_SIZE, step->name);
    }
}

static void on_cycle(void *context, const struct cyc_cycle *cycle)
{
    struct lab *lab = context;
    if (lab->cycle_count < LAB_CYCLES_MAX) {
        lab->cycles[lab->cycle_count++] = *cycle;
    }
}

static void on_note(void *context, int64_t t_ns, const char *text)
{
    (void)t_ns;
    struct lab *lab = context;
    cyc_text_append(&lab->notes, text);
    cyc_text_append(&lab->notes, "\n");
}

static void run_protocol(struct lab *lab, struct cyc_protocol *protocol)
{
    const struct cyc_dry_listener listener = {
        .context = lab, .step = on_step, .cycle = on_cycle, .note = on_note};
    lab->options.protocol = protocol;
    lab->options.cell = &lab->cell;
    lab->options.facts = cyc_protocol_cell(protocol);
    lab->status = cyc_dry_run(&lab->options, &listener, &lab->outcome, &lab->err);
}

static void load_and_run(struct lab *lab, const char *path)
{
    struct cyc_diags *diags = calloc(1, sizeof *diags);
    CU_ASSERT_PTR_NOT_NULL_FATAL(diags);
    cyc_diags_init(diags);
    struct cyc_protocol *protocol = NULL;
    const struct cyc_protocol_options options = {.path = path};
    lab->status = cyc_protocol_load(&options, diags, &protocol, &lab->err);
    CU_ASSERT_EQUAL(lab->status, CYC_OK);
    if (lab->status == CYC_OK) {
        run_protocol(lab, protocol);
        cyc_protocol_free(protocol);
    } else {
        struct cyc_text text = {0};
        cyc_diags_print(diags, &text, false);
        (void)fprintf(stderr, "\n%s%s\n", cyc_text_get(&text), lab->err.text);
        cyc_text_release(&text);
    }
    cyc_diags_release(diags);
    free(diags);
}

void lab_run_whole(struct lab *lab, const char *text)
{
    char path[96];
    lab->count = 0;
    lab->cycle_count = 0;
    cyc_text_clear(&lab->notes);
    (void)snprintf(path, sizeof path, "%s/protocol.yaml", lab_folder(lab));
    FILE *file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(text, file);
    (void)fclose(file);
    load_and_run(lab, path);
}

void lab_run(struct lab *lab, const char *method)
{
    struct cyc_text text = {0};
    cyc_text_append(&text, "cyclostat: 1\n"
                           "name: test\n"
                           "cell: {one_c: 2.5 A, nominal_capacity: 2.5 Ah}\n"
                           "limits: {voltage: [1.5 V, 5 V], current: 40 A}\n"
                           "cutoff: [voltage < 1.6 V, voltage > 4.9 V]\n"
                           "method:\n");
    cyc_text_append(&text, method);
    lab_run_whole(lab, cyc_text_get(&text));
    cyc_text_release(&text);
}

const struct cyc_result *lab_step(const struct lab *lab, unsigned number)
{
    static const struct cyc_result none;
    CU_ASSERT(number >= 1 && number <= lab->count);
    return number >= 1 && number <= lab->count ? &lab->results[number - 1] : &none;
}

double lab_time_s(const struct lab *lab, unsigned number)
{
    return (double)lab_step(lab, number)->step_time_ns * 1e-9;
}

char *lab_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    char *text = NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        const long length = ftell(file);
        rewind(file);
        text = length >= 0 ? malloc((size_t)length + 1) : NULL;
        if (text != NULL) {
            *size = fread(text, 1, (size_t)length, file);
            text[*size] = '\0';
        }
    }
    (void)fclose(file);
    return text;
}
