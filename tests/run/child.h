/* Protocols in processes of their own, for tests: asking and waiting as a host does, and what might
 * have become of a step. */
#ifndef CYC_TEST_RUN_CHILD_H
#define CYC_TEST_RUN_CHILD_H

#include "lab.h"
#include "run/source_process.h"

#include <sys/resource.h>

/* Waits by the descriptor for an answer; gives up, with CYC_E_TIMEOUT, after 3,000 looks. */
int child_await(struct cyc_source_process *process, struct cyc_source_answer *answer,
                struct cyc_err *err);
int child_ask(struct cyc_source_process *process, const struct cyc_result *result,
              struct cyc_source_answer *answer, struct cyc_err *err);
/* The program itself, on a protocol. */
struct cyc_source_process *child_start(const char *path, const char *journal);
/* A double of it (double/source.c) that does what its mode says. */
struct cyc_source_process *child_double(const char *mode);
/* What might have become of a step; equal steps with equal numbers have equal results. */
void child_invent(const struct cyc_step *step, uint32_t number, struct cyc_result *result);
/* In this process; NULL when it has mistakes. */
struct cyc_protocol *child_load(const char *path);
/* Writes a file into the lab's folder. */
void child_write(char path[96], struct lab *lab, const char *name, const char *text);
/* What the reaped children have used until now. */
struct rusage child_usage(void);
double child_cpu_s(const struct rusage *usage);
/* The double is lost, and with these words. */
void child_expect_loss(const char *mode, const char *words);

#define CHILD_YAML                                                                                 \
    "cyclostat: 1\nname: test\ncell: {one_c: 1 A, nominal_capacity: 1 Ah}\n"                       \
    "limits: {voltage: [2 V, 5 V], current: 3 A}\nmethod:\n"
#define CHILD_LUA                                                                                  \
    "protocol{cyclostat = 1, name = 'test', cell = {one_c = '1 A', nominal_capacity = '1 Ah'},\n"  \
    "  limits = {voltage = {'2 V', '5 V'}, current = '3 A'}}\n"

#endif
