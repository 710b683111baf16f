/* Lua protocols: loading, checking along one path, and running as a source. Inside src/protocol
 * only. */
#ifndef CYC_PROTOCOL_SCRIPT_H
#define CYC_PROTOCOL_SCRIPT_H

#include "protocol/protocol_int.h"

#define CYC_SCRIPT_CHECK_STEPS_MAX 10000u

/* Compiles files->items[0], runs it against a mock that ends each step at its first cutoff, and
 * fills protocol (script, name, source_text, cell, plan's header, demands). Mistakes go to diags
 * (CYC_E_INPUT). */
int cyc_script_load(const struct cyc_protocol_options *options, struct cyc_files *files,
                    struct cyc_diags *diags, struct cyc_protocol *protocol, struct cyc_err *err);
void cyc_script_free(struct cyc_script *script);
struct cyc_plan_visitor;
/* Walks the path that was checked; visitor->step is called at the first time of each step. */
int cyc_script_visit(const struct cyc_protocol *protocol, const struct cyc_plan_visitor *visitor,
                     struct cyc_err *err);
int cyc_script_source_open(const struct cyc_protocol *protocol, struct cyc_source **source,
                           struct cyc_err *err);

#endif
