/* Which kind of step a mapping, a sentence or a lone word is. */
#include "protocol/sentence.h"
#include "protocol/step.h"

#include <string.h>

static int refuse_stepless(struct cyc_build *build, const struct cyc_node *node)
{
    const char *candidates[CYC_STEP_KIND_COUNT + 1];
    for (unsigned kind = 0; kind < CYC_STEP_KIND_COUNT; kind++) {
        candidates[kind] = cyc_step_kind_name((enum cyc_step_kind)kind);
    }
    candidates[CYC_STEP_KIND_COUNT] = NULL;
    for (const struct cyc_node *child = node->child; child != NULL; child = child->next) {
        const char *const foreign = cyc_foreign_word(child->key, strlen(child->key));
        const char *const near = cyc_nearest(child->key, candidates);
        if (foreign == NULL && near == NULL) {
            continue;
        }
        struct cyc_diag *const diag =
            cyc_build_error(build, child->key_pos, "`%.60s` is not a step", child->key);
        diag->hint = near != NULL ? cyc_diags_format(build->diags, "did you mean `%s`?", near)
                                  : cyc_diags_format(build->diags, "write %s", foreign);
        return -1;
    }
    struct cyc_diag *const diag = cyc_build_error(
        build, node->child != NULL ? node->child->key_pos : node->pos, "this is not a step");
    diag->hint = "a step has one of the keys charge, discharge, hold, rest, pulse, sweep, "
                 "profile, impedance, temperature, pressure, repeat, cycles, each, if, "
                 "include, let, ask, note, goto, leave, stop, fail, step";
    return -1;
}

static int find_kind(struct cyc_build *build, const struct cyc_node *node)
{
    const struct cyc_node *chosen = NULL;
    int kind = -1;
    for (const struct cyc_node *child = node->child; child != NULL; child = child->next) {
        const int found = cyc_schema_step_kind(&build->index, child->key, strlen(child->key));
        if (found < 0 || (found == CYC_STEP_HOLD && kind >= 0 && kind <= CYC_STEP_DISCHARGE)) {
            continue;
        }
        const bool replaces = kind == CYC_STEP_HOLD && found <= CYC_STEP_DISCHARGE;
        if (kind >= 0 && !replaces) {
            struct cyc_diag *const diag =
                cyc_build_error(build, child->key_pos, "one step cannot be both `%s` and `%s`",
                                chosen->key, child->key);
            diag->hint = "make them two items of the list, each with its own -";
            diag->related = chosen->key_pos;
            diag->related_text = "the first one is here";
            return -1;
        }
        chosen = child;
        kind = found;
    }
    return kind >= 0 ? kind : refuse_stepless(build, node);
}

/* The mapping of a sentence, with the other keys of the step behind its own. */
static const struct cyc_node *expand_sentence(struct cyc_build *build, const struct cyc_node *text,
                                              const struct cyc_node *others)
{
    struct cyc_pos pos = text->pos;
    pos.column += text->quoted ? 1u : 0u;
    if (text->type != CYC_NODE_SCALAR) {
        (void)cyc_build_error(build, text->pos, "a sentence is due here, not %s",
                              cyc_node_type_name(text->type));
        return NULL;
    }
    struct cyc_node *const mapping =
        cyc_sentence_parse(text->text, text->size, pos, build->arena, build->diags);
    if (mapping == NULL || others == NULL) {
        return mapping;
    }
    struct cyc_node *last = mapping->child;
    while (last->next != NULL) {
        last = last->next;
    }
    for (const struct cyc_node *child = others->child; child != NULL; child = child->next) {
        if (child == text) {
            continue;
        }
        const struct cyc_node *const twice = cyc_node_get(mapping, child->key);
        struct cyc_node *const copy = cyc_arena_alloc(build->arena, sizeof *copy);
        if (twice != NULL) {
            struct cyc_diag *const diag = cyc_build_error(
                build, child->key_pos, "the sentence already says `%s`", child->key);
            diag->hint = "say it in one place: the sentence or the key";
            return NULL;
        }
        if (copy == NULL) {
            return NULL;
        }
        *copy = *child;
        copy->next = NULL;
        last->next = copy;
        last = copy;
        mapping->child_count++;
    }
    return mapping;
}

static bool is_flow_word(const char *text)
{
    return strcmp(text, "leave") == 0 || strcmp(text, "stop") == 0 || strcmp(text, "fail") == 0 ||
           strcmp(text, "rest") == 0;
}

int cyc_step_identify(struct cyc_build *build, const struct cyc_node **node,
                      struct cyc_fields *fields)
{
    const struct cyc_node *step = *node;
    if (step->type == CYC_NODE_SEQUENCE) {
        struct cyc_diag *const diag =
            cyc_build_error(build, step->pos, "a list where a step is due");
        diag->hint = "one - for each step; for a block write repeat: 1 with steps";
        return -1;
    }
    if (step->type == CYC_NODE_SCALAR) {
        if (is_flow_word(step->text)) {
            struct cyc_diag *const diag =
                cyc_build_error(build, step->pos, "`%s` is a key and needs a colon", step->text);
            diag->hint = cyc_diags_format(build->diags, "- %s:", step->text);
            return -1;
        }
        step = expand_sentence(build, step, NULL);
    }
    if (step == NULL) {
        return -1;
    }
    int kind = find_kind(build, step);
    if (kind == CYC_STEP_SENTENCE) {
        step = expand_sentence(build, cyc_node_get(step, "step"), step);
        kind = step == NULL ? -1 : find_kind(build, step);
    }
    if (kind < 0) {
        return -1;
    }
    *node = step;
    (void)cyc_build_fields(build, step, (unsigned)kind, fields);
    return kind;
}
