/* Prints the tables of protocols/README.md from the schema: `manual_tables file|steps|cells|units`.
 * tables.sh puts them between the manual's markers, or demands that they are already there. */
#include "base/quantity.h"
#include "base/text.h"
#include "protocol/schema.h"

#include <stdio.h>
#include <string.h>

static const char *type_words(enum cyc_schema_type type)
{
    switch (type) {
    case CYC_TYPE_TEXT:
        return "text";
    case CYC_TYPE_ID:
        return "a name";
    case CYC_TYPE_CHOICE:
    case CYC_TYPE_ACTION:
        return "one of";
    case CYC_TYPE_YES_NO:
        return "yes or no";
    case CYC_TYPE_NUMBER:
        return "a bare number";
    case CYC_TYPE_QUANTITY:
        return "";
    case CYC_TYPE_QUANTITY_OR_OFF:
        return " or off";
    case CYC_TYPE_QUANTITIES:
        return ", one or a list";
    case CYC_TYPE_PAIR:
        return ", a pair";
    case CYC_TYPE_EXPRESSION:
        return "an expression";
    case CYC_TYPE_CONDITION:
        return "a condition";
    case CYC_TYPE_CONDITIONS:
        return "a list of conditions";
    case CYC_TYPE_CUTOFF:
        return "see Cutoffs";
    case CYC_TYPE_MAPPING:
        return "keys below";
    case CYC_TYPE_MAPPINGS:
        return "keys below, one or a list";
    case CYC_TYPE_NAMES:
        return "names with values";
    case CYC_TYPE_STEPS:
        return "a list of steps";
    case CYC_TYPE_FILE:
        return "a path beside this file";
    case CYC_TYPE_OCV:
        return "a list of points, or a mapping";
    }
    return "?";
}

/* "current or power", for the kinds of a quantity; then what the type adds. */
static void put_value(struct cyc_text *out, const struct cyc_schema_row *row)
{
    const char *separator = "";
    const bool bare = row->type == CYC_TYPE_NUMBER || row->type == CYC_TYPE_NAMES;
    for (unsigned kind = 0; kind < CYC_KIND_COUNT && !bare; kind++) {
        if ((row->kinds & (1u << kind)) != 0) {
            cyc_text_format(out, "%s%s", separator, cyc_kind_name((enum cyc_kind)kind));
            separator = " or ";
        }
    }
    cyc_text_append(out, type_words(row->type));
    if (row->choices != NULL && row->type != CYC_TYPE_YES_NO) {
        cyc_text_append(out, row->type == CYC_TYPE_TEXT ? ": " : " ");
        for (const char *c = row->choices; *c != '\0'; c++) {
            cyc_text_append_size(out, *c == '|' ? ", " : c, *c == '|' ? 2 : 1);
        }
    }
}

static void put_row(struct cyc_text *out, const struct cyc_schema_row *row)
{
    cyc_text_format(out, "| `%s` | ", row->key);
    put_value(out, row);
    cyc_text_format(out, " | %s | %s |\n", row->fallback != NULL ? row->fallback : "", row->help);
}

static void put_place(struct cyc_text *out, unsigned place, const char *title)
{
    cyc_text_format(out, "\n**%s**\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
                    title);
    for (unsigned key = 0; key < CYC_KEY_COUNT; key++) {
        if ((cyc_schema[key].where & CYC_AT(place)) != 0 && !cyc_schema[key].step_key) {
            put_row(out, &cyc_schema[key]);
        }
    }
}

static void put_file(struct cyc_text *out)
{
    put_place(out, CYC_PLACE_PROTOCOL, "The file");
    put_place(out, CYC_PLACE_CELL, "In `cell`");
    put_place(out, CYC_PLACE_LIMITS, "In `limits`");
    put_place(out, CYC_PLACE_RECORD, "In `record`");
    put_place(out, CYC_PLACE_BURST, "In `burst`");
    put_place(out, CYC_PLACE_EXPECT, "In `expect`");
    put_place(out, CYC_PLACE_CUTOFF, "In a `cutoff` written as a mapping");
}

/* The steps that may carry a key, as `charge`, `discharge`, …; "every step" where all may. */
static void put_where(struct cyc_text *out, uint64_t where)
{
    const uint64_t steps = where & (CYC_AT(CYC_STEP_KIND_COUNT) - 1);
    if (steps == CYC_AT(CYC_STEP_KIND_COUNT) - 1) {
        cyc_text_append(out, "every step");
        return;
    }
    const char *separator = "";
    for (unsigned kind = 0; kind < CYC_STEP_KIND_COUNT; kind++) {
        if ((steps & CYC_AT(kind)) != 0) {
            cyc_text_format(out, "%s%s", separator, cyc_step_kind_name((enum cyc_step_kind)kind));
            separator = ", ";
        }
    }
}

static void put_steps(struct cyc_text *out)
{
    cyc_text_append(out, "\n**What a step does**\n\n| step key | value | default | meaning |\n"
                         "|---|---|---|---|\n");
    for (unsigned key = 0; key < CYC_KEY_COUNT; key++) {
        if (cyc_schema[key].step_key) {
            put_row(out, &cyc_schema[key]);
        }
    }
    cyc_text_append(out, "\n**What goes with it**\n\n| key | beside | value | default | meaning |\n"
                         "|---|---|---|---|---|\n");
    for (unsigned key = 0; key < CYC_KEY_COUNT; key++) {
        const struct cyc_schema_row *const row = &cyc_schema[key];
        if (row->step_key || (row->where & (CYC_AT(CYC_STEP_KIND_COUNT) - 1)) == 0) {
            continue;
        }
        cyc_text_format(out, "| `%s` | ", row->key);
        put_where(out, row->where);
        cyc_text_append(out, " | ");
        put_value(out, row);
        cyc_text_format(out, " | %s | %s |\n", row->fallback != NULL ? row->fallback : "",
                        row->help);
    }
    put_place(out, CYC_PLACE_PULSE, "In `pulse`");
    put_place(out, CYC_PLACE_SWEEP, "In `sweep`");
    put_place(out, CYC_PLACE_IMPEDANCE, "In `impedance`");
}

static void put_cells(struct cyc_text *out)
{
    put_place(out, CYC_PLACE_CELL_FILE, "The cell file");
    put_place(out, CYC_PLACE_MODEL, "In `model`");
    put_place(out, CYC_PLACE_OCV, "In `ocv`");
    put_place(out, CYC_PLACE_RC, "In `rc`");
}

static void put_units(struct cyc_text *out)
{
    cyc_text_append(out, "\n| kind | units |\n|---|---|\n");
    for (unsigned kind = 0; kind < CYC_KIND_COUNT; kind++) {
        const char *const units = cyc_kind_units((enum cyc_kind)kind);
        if (kind != CYC_KIND_NUMBER && units != NULL && units[0] != '\0') {
            cyc_text_format(out, "| %s | %s |\n", cyc_kind_name((enum cyc_kind)kind), units);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*put)(struct cyc_text *out);
    } tables[] = {
        {"file", put_file}, {"steps", put_steps}, {"cells", put_cells}, {"units", put_units}};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (argc == 2 && strcmp(argv[1], tables[i].name) == 0) {
            struct cyc_text out = {0};
            tables[i].put(&out);
            cyc_text_append(&out, "\n");
            const bool written = fputs(cyc_text_get(&out), stdout) >= 0 && !out.failed;
            cyc_text_release(&out);
            return written ? 0 : 1;
        }
    }
    fputs("usage: manual_tables file|steps|cells|units\n", stderr);
    return 2;
}
