/* Steps written as sentences, in the form that battery modellers use:
 *
 *     Charge at C/20 for 3 hours or until 4.2 V (5 minute period)
 *
 *     sentence := action ["for" time] ["or"] ["until" end] ["(" time "period)"]
 *     action   := ("Charge" | "Discharge" | "Hold") "at" value | "Rest"
 *     end      := ["<" | ">"] value
 *
 * Words stand in this order, the first with a capital letter, one blank between them.
 */
#ifndef CYC_PROTOCOL_SENTENCE_H
#define CYC_PROTOCOL_SENTENCE_H

#include "base/tree.h"

/* The mapping that the sentence stands for, as YAML would have given it, {charge: C/20, cutoff:
 * [3 h, 4.2 V], record: {every: 5 min}}, each node at its place in the text. NULL: the mistake is
 * in diags. Nodes are owned by the arena. */
struct cyc_node *cyc_sentence_parse(const char *text, size_t size, struct cyc_pos pos,
                                    struct cyc_arena *arena, struct cyc_diags *diags);

#endif
