#include "emulate/lab.h"

#include <stdio.h>

uint64_t lab_words_tested;

void lab_spec(struct cyc_cell_spec *spec)
{
    CU_ASSERT_EQUAL_FATAL(cyc_cell_spec_init(spec, "linear", NULL), CYC_OK);
    spec->capacity_Ah = 0.01;
    spec->initial_soc = 0.5;
    spec->temperature_degC = 30;
    spec->pressure_Pa = 50e6;
    spec->ocv_count = 2;
    spec->ocv_soc[0] = 0;
    spec->ocv_soc[1] = 1;
    spec->ocv_V[0] = 3;
    spec->ocv_V[1] = 4;
    spec->rc_count = 0;
    spec->parameter_count = 1;
    spec->parameters[0].name = "R0";
    spec->parameters[0].value = 0.1;
}

void lab_open(struct lab *lab, const struct cyc_emulator *emulator, const char *options,
              unsigned cell_count, double rate)
{
    struct cyc_err err = {0};
    struct cyc_cell_spec spec;
    unsigned cells[4] = {0, 1, 2, 3};
    const struct cyc_emulation_options how = {.rate = rate, .seed = 7, .virtual_time = true};
    memset(lab, 0, sizeof *lab);
    CU_ASSERT_EQUAL_FATAL(cyc_emulation_new(&how, &lab->emulation, &err), CYC_OK);
    for (unsigned i = 0; i < cell_count; i++) {
        lab_spec(&spec);
        spec.initial_soc = 0.5 + 0.2 * i;
        CU_ASSERT_EQUAL_FATAL(cyc_emulation_cell(lab->emulation, &spec, &cells[i], &err), CYC_OK);
    }
    lab->cell_count = cell_count;
    CU_ASSERT_EQUAL_FATAL(cyc_emulation_link(lab->emulation, "memory", &lab->link, &err), CYC_OK);
    const unsigned driven =
        emulator->output_count < cell_count ? emulator->output_count : cell_count;
    CU_ASSERT_EQUAL_FATAL(cyc_emulation_unit(lab->emulation, emulator, lab->link, options, cells,
                                             driven, &lab->unit, &err),
                          CYC_OK);
}

void lab_close(struct lab *lab)
{
    cyc_emulation_free(lab->emulation);
}

void lab_fault(struct lab *lab, const char *text)
{
    struct cyc_err err = {0};
    for (unsigned i = 0; i < CYC_FAULT_WORD_COUNT; i++) {
        const char *word = cyc_fault_word_name((enum cyc_fault_word)i);
        const size_t size = strcspn(text, ":");
        if (strlen(word) == size && strncmp(word, text, size) == 0) {
            lab_words_tested |= UINT64_C(1) << i;
        }
    }
    CU_ASSERT_EQUAL_FATAL(cyc_emulation_fault(lab->emulation, text, &err), CYC_OK);
}

void lab_wait(struct lab *lab, double seconds)
{
    lab->now_ns += (int64_t)(seconds * 1e9);
    cyc_emulation_advance(lab->emulation, lab->now_ns);
}

void lab_bytes(struct lab *lab, const void *bytes, size_t size)
{
    cyc_emulation_receive(lab->emulation, lab->link, lab->now_ns, bytes, size);
}

void lab_send(struct lab *lab, const char *text)
{
    lab_bytes(lab, text, strlen(text));
    lab_bytes(lab, "\r", 1);
}

const char *lab_hear(struct lab *lab)
{
    lab->reply_size = cyc_emulation_deliver(lab->emulation, lab->link, lab->now_ns, lab->reply,
                                            sizeof lab->reply - 1);
    lab->reply[lab->reply_size] = '\0';
    return (const char *)lab->reply;
}

const char *lab_ask(struct lab *lab, const char *text)
{
    char line[512];
    /* In one piece, as a host writes it: faults of messages count pieces. */
    (void)snprintf(line, sizeof line, "%s\r", text);
    lab_bytes(lab, line, strlen(line));
    (void)lab_hear(lab);
    while (lab->reply_size > 0 && strchr("\r\n", lab->reply[lab->reply_size - 1]) != NULL) {
        lab->reply[--lab->reply_size] = '\0';
    }
    return (const char *)lab->reply;
}

double lab_number(const char *answer, unsigned index)
{
    double value = NAN;
    size_t used = 0;
    for (; index > 0 && *answer != '\0'; index--) {
        answer += strcspn(answer, ",");
        answer += *answer == ',' ? 1 : 0;
    }
    answer += *answer == '+' ? 1 : 0;
    return cyc_number_parse(answer, strlen(answer), &value, &used) ? value : NAN;
}

static void truth(struct lab *lab, struct cyc_terminals *seen)
{
    lab_wait(lab, 0);
    cyc_unit_terminals(lab->unit, 0, seen);
}

double lab_cell_V(struct lab *lab)
{
    struct cyc_terminals seen;
    truth(lab, &seen);
    return seen.cell_V;
}

double lab_cell_A(struct lab *lab)
{
    struct cyc_terminals seen;
    truth(lab, &seen);
    return seen.cell_A;
}

void lab_source_A(struct lab *lab, const char *current)
{
    char line[64];
    (void)snprintf(line, sizeof line, ":SOUR:CURR %s", current);
    static const char *const lines[] = {
        "*RST",           ":OUTP:SMOD HIMP", ":SYST:RSEN ON",      ":FORM:ELEM VOLT,CURR,STAT",
        ":SENS:FUNC:ALL", ":SOUR:FUNC CURR", ":SENS:VOLT:PROT 4.5"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        lab_send(lab, lines[i]);
    }
    lab_send(lab, line);
    lab_send(lab, ":OUTP ON");
    CYC_SAME(lab_ask(lab, ":SYST:ERR?"), "0,\"No error\"");
}
