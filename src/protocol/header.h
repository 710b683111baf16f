/* The header of a protocol: cell, parameters, rules, expectations. Inside src/protocol only. */
#ifndef CYC_PROTOCOL_HEADER_H
#define CYC_PROTOCOL_HEADER_H

#include "protocol/plan_int.h"

/* `cyclostat: 1`; false: this is no protocol. */
bool cyc_header_version(struct cyc_build *build, const struct cyc_node *root,
                        const struct cyc_fields *header, enum cyc_key key, const char *example);
/* The protocol's own cell. */
bool cyc_header_cell(struct cyc_build *build, const struct cyc_node *node,
                     struct cyc_cell_facts *facts);
/* `references: {name: offset}` into facts. */
bool cyc_header_references(struct cyc_build *build, const struct cyc_node *node,
                           struct cyc_cell_facts *facts);
/* `sensors: {name: quantity}` into facts. */
bool cyc_header_sensors(struct cyc_build *build, const struct cyc_node *node,
                        struct cyc_cell_facts *facts);
/* What is in force: the given cell, from the protocol's own what it does not state, and the sensors
 * of the channel. */
void cyc_cell_merge(struct cyc_cell_facts *facts, const struct cyc_protocol_options *options);

/* limits, record and cutoff of a protocol into rules. */
bool cyc_header_rules(struct cyc_compiler *compiler, const struct cyc_fields *header,
                      const struct cyc_node *root, struct cyc_rules *rules);
/* `parameters`, with settings or `with` in place of the defaults; appended to *assignments. */
bool cyc_header_parameters(struct cyc_compiler *compiler, const struct cyc_node *node,
                           const struct cyc_node *with, struct cyc_names *outer,
                           const struct cyc_assignment **assignments, unsigned *count);
bool cyc_header_expects(struct cyc_compiler *compiler, const struct cyc_node *node);
/* A unit that passes current states its limits. */
bool cyc_header_limits_stated(struct cyc_compiler *compiler);

#endif
