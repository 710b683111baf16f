#include "check/check.h"
#include "protocol/protocol.h"
#include "protocol/schema.h"
#include "base/tree.h"

#include "base/text.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A node as an editor sees it: YAML 1.2's own types. */
static void write_json(struct cyc_json *json, const struct cyc_node *node)
{
    double number = 0.0;
    size_t used = 0;
    if (node->type == CYC_NODE_SCALAR) {
        const bool plain = !node->quoted && !node->block_scalar;
        if (plain && node->size == 0) {
            cyc_json_string(json, NULL);
        } else if (plain && cyc_number_parse(node->text, node->size, &number, &used) &&
                   used == node->size) {
            cyc_json_number(json, number);
        } else {
            cyc_json_string(json, node->text);
        }
        return;
    }
    const bool list = node->type == CYC_NODE_SEQUENCE;
    cyc_json_open(json, list ? '[' : '{');
    for (const struct cyc_node *child = node->child; child != NULL; child = child->next) {
        if (!list) {
            cyc_json_key(json, child->key);
        }
        write_json(json, child);
    }
    cyc_json_close(json, list ? ']' : '}');
}

static void add_document(struct cyc_json *json, const char *name, const char *text, size_t size)
{
    struct cyc_arena arena;
    struct cyc_node *root = NULL;
    struct cyc_diags *const diags = malloc(sizeof *diags);
    CU_ASSERT_PTR_NOT_NULL_FATAL(diags);
    cyc_diags_init(diags);
    cyc_arena_init(&arena, 0);
    CU_ASSERT_EQUAL(cyc_tree_parse(text, size, 0, &arena, diags, &root, NULL), CYC_OK);
    if (root != NULL) {
        cyc_json_open(json, '{');
        cyc_json_key(json, "name");
        cyc_json_string(json, name);
        cyc_json_key(json, "value");
        write_json(json, root);
        cyc_json_close(json, '}');
    }
    cyc_arena_release(&arena);
    cyc_diags_release(diags);
    free(diags);
}

static void begin(struct cyc_text *out, struct cyc_json *json)
{
    cyc_text_append(out, "{\"schema\": ");
    cyc_protocol_schema(out);
    cyc_text_append(out, ", \"documents\": ");
    cyc_json_init(json, out);
    cyc_json_open(json, '[');
}

/* What the validator says of the documents. */
static const char *validate(struct cyc_text *out, struct cyc_json *json)
{
    static char said[20000];
    char path[] = "/tmp/cyclostat-schema-XXXXXX";
    char command[400];
    cyc_json_close(json, ']');
    cyc_text_append(out, "}\n");
    const int descriptor = mkstemp(path);
    CU_ASSERT_FATAL(descriptor >= 0);
    CU_ASSERT_EQUAL(write(descriptor, out->data, out->length), (ssize_t)out->length);
    (void)close(descriptor);
    (void)snprintf(command, sizeof command, "jq -r -f '%s/tests/protocol/json_schema.jq' '%s' 2>&1",
                   CYC_SOURCE_DIR, path);
    FILE *const pipe = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(pipe);
    const size_t size = fread(said, 1, sizeof said - 1, pipe);
    said[size] = '\0';
    CU_ASSERT_EQUAL(pclose(pipe), 0);
    (void)unlink(path);
    cyc_text_release(out);
    return said;
}

static void add_files(struct cyc_json *json, const char *pattern, unsigned *count)
{
    glob_t found;
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", CYC_SOURCE_DIR, pattern);
    CU_ASSERT_EQUAL_FATAL(glob(path, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *const text = malloc(1u << 20);
        FILE *const file = fopen(found.gl_pathv[i], "rb");
        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        const size_t size = fread(text, 1, 1u << 20, file);
        (void)fclose(file);
        add_document(json, strrchr(found.gl_pathv[i], '/') + 1, text, size);
        free(text);
        *count += 1;
    }
    globfree(&found);
}

static void every_shipped_protocol_and_cell_is_valid(void)
{
    struct cyc_text out = {0};
    struct cyc_json json;
    unsigned count = 0;
    begin(&out, &json);
    add_files(&json, "protocols/song2024/*.yaml", &count);
    add_files(&json, "protocols/library/*.yaml", &count);
    add_files(&json, "protocols/cells/*.yaml", &count);
    CYC_SAME(validate(&out, &json), "");
    CU_ASSERT(count >= 30);
}

static void mistakes_are_found_by_the_schema(void)
{
    static const char head[] = "cyclostat: 1\nmethod:\n";
    static const struct {
        const char *name, *step, *said;
    } cases[] = {
        {"key", "  - {charge: 1 C, cutof: 4.2 V}\n", ".method[0]: unknown key cutof"},
        {"bare", "  - {charge: 1, cutoff: 4.2 V}\n", ".method[0].charge: number, not string"},
        {"unit", "  - {charge: 1 V, cutoff: 4.2 V}\n", ".method[0].charge: \"1 V\" does not fit"},
        {"kind", "  - temperature: 60 C\n", ".method[0].temperature: not one of the choices"},
        {"none", "  - {cutoff: 4.2 V}\n", ".method[0]: "},
        {"misplaced", "  - {rest: 1 h, hold: 4 V, soak: 1 h}\n", ".method[0]: "},
        {"sentence", "  - charge at 1C until 4 V\n", ".method[0]: "},
        {"action", "  - {rest: 1 h, cutoff: {when: 3 V, action: skip}}\n", ".method[0].cutoff"},
        {"deep", "  - repeat: 2\n    steps:\n      - {rest: 1}\n", ".method[0].steps[0].rest: "},
    };
    struct cyc_text out = {0};
    struct cyc_json json;
    begin(&out, &json);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[300];
        const int size = snprintf(text, sizeof text, "%s%s", head, cases[i].step);
        add_document(&json, cases[i].name, text, (size_t)size);
    }
    const char *const said = validate(&out, &json);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char due[200];
        (void)snprintf(due, sizeof due, "%s: %s", cases[i].name, cases[i].said);
        if (strstr(said, due) == NULL) {
            CYC_SAME(said, due);
        }
    }
}

static void every_way_to_write_a_value_is_accepted(void)
{
    static const char text[] =
        "cyclostat: 1\nname: 7\nlimits: {voltage: [2.5 V, 4.3 V], current: 2C, temperature: [-5 "
        "°C, 60 "
        "degC]}\nrecord: {every: off, voltage: 5 mV, burst: [{during: 1 s, every: 10 ms}]}\n"
        "parameters: {n: 3, rates: [0.1 C, 1 C], v: 4.6 V vs Li/Li+}\nmethod:\n"
        "  - {charge: C/20, hold: 4.6 V vs Li/Li+, cutoff: [C/50, 3 h, {when: temperature > 45 "
        "degC, "
        "action: pause, resume: temperature < 30 degC, timeout: 6 h}]}\n"
        "  - {charge: = 0.5 * step.a.capacity / 1 h, cutoff: {all: [4.2 V, 1 h], lasting: 10 s}}\n"
        "  - {discharge: 2.5e-3 A, cutoff: 2.5V, id: a}\n  - {discharge: 10 µA, cutoff: 3 V}\n"
        "  - {discharge: 5 Ω, cutoff: 3 V}\n  - {charge: 200 mA/g, cutoff: 180 mAh/g}\n"
        "  - rest:\n    cutoff: abs(dV/dt) < 1 mV/h\n  - {rest: 1 h, wait: no}\n"
        "  - Charge at C/20 until 4.2 V\n  - {step: Rest for 1 hour, id: b}\n"
        "  - {sweep: {to: [4.3 V, 2.8 V], rate: 0.1 mV/s}, current: 1 mA}\n"
        "  - {temperature: off}\n  - {pressure: 20 MPa, wait: no}\n"
        "  - cycles: = n\n    leave_when: cycle.retention < 80 %\n    steps:\n      - rest: 1 h\n"
        "  - {if: 1 < 2, then: [{stop: enough}], else: [{goto: a}]}\n"
        "  - let: {soc: 100 %, q: = last.capacity}\n  - leave:\n";
    struct cyc_text out = {0};
    struct cyc_json json;
    begin(&out, &json);
    add_document(&json, "all", text, strlen(text));
    /* `wait` belongs to no rest */
    CYC_SAME(validate(&out, &json), "all: .method[7]: unknown key wait\n");
}

static void every_key_of_the_table_is_in_the_schema_with_its_help(void)
{
    struct cyc_text out = {0};
    struct cyc_text due = {0};
    cyc_protocol_schema(&out);
    for (unsigned key = 0; key < CYC_KEY_COUNT; key++) {
        struct cyc_json json;
        cyc_text_clear(&due);
        cyc_json_init(&json, &due);
        cyc_json_string(&json, cyc_schema[key].help);
        due.data[due.length - 1] = '\0'; /* the closing quote: units and default may follow */
        if (strstr(cyc_text_get(&out), due.data) == NULL) {
            CYC_SAME(cyc_schema[key].key, "(not in the schema)");
        }
    }
    cyc_text_release(&due);
    cyc_text_release(&out);
}

const struct cyc_check cyc_check_json_schema[] = {
    CYC_CHECK(every_shipped_protocol_and_cell_is_valid),
    CYC_CHECK(mistakes_are_found_by_the_schema),
    CYC_CHECK(every_way_to_write_a_value_is_accepted),
    CYC_CHECK(every_key_of_the_table_is_in_the_schema_with_its_help),
    {0}};
