#include "base/tree.h"
#include "check/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parsed {
    struct cyc_arena arena;
    struct cyc_diags diags;
    struct cyc_node *root;
    int status;
    char said[512]; /* "line:column message", the first one */
};

static struct parsed *parse_bytes(const char *text, size_t size, size_t memory_max)
{
    struct parsed *const parsed = calloc(1, sizeof *parsed);
    CU_ASSERT_PTR_NOT_NULL_FATAL(parsed);
    cyc_arena_init(&parsed->arena, memory_max);
    cyc_diags_init(&parsed->diags);
    const uint16_t file = cyc_diags_add_file(&parsed->diags, "test", text, size);
    parsed->status =
        cyc_tree_parse(text, size, file, &parsed->arena, &parsed->diags, &parsed->root, NULL);
    if (parsed->diags.count > 0) {
        const struct cyc_diag *const diag = &parsed->diags.items[0];
        (void)snprintf(parsed->said, sizeof parsed->said, "%u:%u %.400s", diag->pos.line,
                       diag->pos.column, diag->message);
    }
    return parsed;
}

static struct parsed *parse(const char *text)
{
    return parse_bytes(text, strlen(text), 0);
}

static void done(struct parsed *parsed)
{
    cyc_arena_release(&parsed->arena);
    cyc_diags_release(&parsed->diags);
    free(parsed);
}

static void check_refused(const char *text, size_t size, const char *expected)
{
    struct parsed *const parsed = parse_bytes(text, size, 12u << 20);
    CU_ASSERT_EQUAL(parsed->status, CYC_E_INPUT);
    CYC_SAME(parsed->said, expected);
    done(parsed);
}

static void refused(const char *text, const char *expected)
{
    check_refused(text, strlen(text), expected);
}

static void nodes_know_their_place_and_their_keys(void)
{
    struct parsed *const parsed = parse("name: a\ncell:\n  one_c: 200 mA/g\nlist: [1, 'two']\n");
    CU_ASSERT_EQUAL_FATAL(parsed->status, CYC_OK);
    const struct cyc_node *const one_c = cyc_node_get(cyc_node_get(parsed->root, "cell"), "one_c");
    const struct cyc_node *const list = cyc_node_get(parsed->root, "list");
    CU_ASSERT_PTR_NOT_NULL_FATAL(one_c);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    CYC_SAME(one_c->text, "200 mA/g");
    CU_ASSERT_EQUAL(one_c->pos.line, 3);
    CU_ASSERT_EQUAL(one_c->pos.column, 10);
    CU_ASSERT_EQUAL(one_c->pos.width, 8);
    CU_ASSERT_EQUAL(one_c->key_pos.column, 3);
    CU_ASSERT_EQUAL(parsed->root->child_count, 3);
    CU_ASSERT_EQUAL(list->child_count, 2);
    CU_ASSERT_FALSE(list->child->quoted);
    CU_ASSERT_TRUE(list->child->next->quoted);
    CU_ASSERT_PTR_NULL(cyc_node_get(parsed->root, "steps"));
    done(parsed);
}

static void columns_count_characters(void)
{
    struct parsed *const parsed = parse("{name: µΩ, x: 1}");
    CU_ASSERT_EQUAL_FATAL(parsed->status, CYC_OK);
    CU_ASSERT_EQUAL(cyc_node_get(parsed->root, "x")->pos.column, 15);
    done(parsed);
}

static void scalars_stay_text(void)
{
    struct parsed *const parsed = parse("[yes, 1:30:00, 012, ~, 0x1F]");
    CU_ASSERT_EQUAL_FATAL(parsed->status, CYC_OK);
    const struct cyc_node *node = parsed->root->child;
    CYC_SAME(node->text, "yes");
    CYC_SAME(node->next->text, "1:30:00");
    CYC_SAME(node->next->next->text, "012");
    done(parsed);
}

static void duplicate_keys_are_refused(void)
{
    char text[4096] = "";
    size_t used = 0;
    refused("a: 1\nb: 2\na: 3\n", "3:1 the key `a` stands twice");
    for (unsigned i = 0; i < 200; i++) { /* beyond the keys that are compared one by one */
        used += (size_t)snprintf(text + used, sizeof text - used, "k%u: 1\n", i);
    }
    struct parsed *const parsed = parse(text);
    CU_ASSERT_EQUAL(parsed->status, CYC_OK);
    done(parsed);
    (void)snprintf(text + used, sizeof text - used, "k77: 1\n");
    refused(text, "201:1 the key `k77` stands twice");
}

static void what_is_not_part_of_the_language_is_refused(void)
{
    refused("a: &x 1\n", "1:4 anchors (&…) are not part of the language");
    refused("a: {b: *x}\n", "1:8 aliases (*…) are not part of the language");
    refused("a: !!int 1\n", "1:4 tags (!…) are not part of the language");
    refused("a: !x {b: 1}\n", "1:4 tags (!…) are not part of the language");
    refused("<<: {b: 1}\n", "1:1 merge keys are not part of the language");
    refused("a: 1\n---\nb: 2\n", "2:1 a second document (---)");
    refused("? [1, 2]\n: 3\n", "1:3 a key must be plain text");
    refused("", "1:1 the file is empty");
}

static void hostile_bytes_are_refused(void)
{
    check_refused("a: 1\0b", 6, "1:5 a NUL byte: this is not a text file");
    refused("a: \"x\\0y\"\n", "1:4 a NUL character in a text");
    refused("a: caf\xE9\n", "1:7 bytes that are not UTF-8");
    refused("a: \xC0\xAF\n", "1:4 bytes that are not UTF-8");         /* overlong */
    refused("a: \xED\xA0\x80\n", "1:4 bytes that are not UTF-8");     /* surrogate */
    refused("a: \xF4\x90\x80\x80\n", "1:4 bytes that are not UTF-8"); /* beyond the last */
    refused("a: \xE2\x82", "1:4 bytes that are not UTF-8");           /* cut short */
    refused("a: \x1B[31m\n", "1:4 a control character");
    refused("12345678\x7F\n", "1:9 a control character");
    refused("1234567\x01\n", "1:8 a control character");
}

static char *filled(size_t size, const char *head, const char *unit)
{
    char *const text = malloc(size + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    const size_t length = strlen(unit);
    size_t used = strlen(head);
    memcpy(text, head, used);
    while (used + length <= size) {
        memcpy(text + used, unit, length);
        used += length;
    }
    text[used] = '\0';
    return text;
}

static void nesting_is_bounded(void)
{
    char *const text = filled(200, "a: ", "[");
    refused(text, "1:67 nested deeper than 64 levels");
    free(text);
}

static void long_lines_and_texts_are_bounded(void)
{
    char *text = filled(1u << 20, "b: 1\na: ", "x");
    refused(text, "2:1 more than 256 KiB without a value after here");
    free(text);
    text = filled(1u << 20, "a: 1\n# ", "comment ");
    refused(text, "1:4 more than 256 KiB without a value after here");
    free(text);
    text = filled(2u << 20, "a: |\n", "  line\n");
    refused(text, "1:1 more than 256 KiB without a value after here");
    free(text);
}

static void a_bomb_of_values_is_refused_within_its_memory(void)
{
    char *const text = filled(4u << 20, "a: [", "[],");
    struct parsed *const parsed = parse_bytes(text, strlen(text), 12u << 20);
    CU_ASSERT_EQUAL(parsed->status, CYC_E_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(parsed->said, "more values than a protocol may have"));
    CU_ASSERT_TRUE(parsed->arena.used <= (12u << 20));
    done(parsed);
    free(text);
}

static void a_file_beyond_16_MiB_is_refused(void)
{
    char *const text = filled((16u << 20) + 100, "a:\n", "  - 1 V\n");
    refused(text, "1:1 the file is larger than 16 MiB");
    free(text);
}

static void mistakes_of_yaml_come_with_a_remedy(void)
{
    struct parsed *parsed = parse("steps:\n\t- rest: 1 h\n");
    CU_ASSERT_EQUAL(parsed->status, CYC_E_INPUT);
    CYC_SAME(parsed->diags.items[0].hint, "indent with blanks, not with tabs");
    done(parsed);
    parsed = parse("name: a: b\n");
    CYC_SAME(parsed->diags.items[0].hint, "a value that contains ': ' must stand in quotes");
    done(parsed);
    parsed = parse("cutoff: > 4.2 V\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(parsed->diags.items[0].hint, "voltage > 4.2 V"));
    done(parsed);
}

static void a_comment_that_cuts_a_value_is_named(void)
{
    struct parsed *parsed = parse("name: cell #3\n");
    CU_ASSERT_EQUAL(parsed->status, CYC_OK);
    CU_ASSERT_EQUAL(parsed->diags.warning_count, 1);
    CYC_SAME(parsed->said, "1:11 ` #` begins a comment and ends the value before it");
    done(parsed);
    parsed = parse("name: cell # the third\nx: 'a #b'\ny: a#b\n# z\n");
    CU_ASSERT_EQUAL(parsed->diags.count, 0);
    done(parsed);
}

const struct cyc_check cyc_check_tree[] = {
    CYC_CHECK(nodes_know_their_place_and_their_keys),
    CYC_CHECK(columns_count_characters),
    CYC_CHECK(scalars_stay_text),
    CYC_CHECK(duplicate_keys_are_refused),
    CYC_CHECK(what_is_not_part_of_the_language_is_refused),
    CYC_CHECK(hostile_bytes_are_refused),
    CYC_CHECK(nesting_is_bounded),
    CYC_CHECK(long_lines_and_texts_are_bounded),
    CYC_CHECK(a_bomb_of_values_is_refused_within_its_memory),
    CYC_CHECK(a_file_beyond_16_MiB_is_refused),
    CYC_CHECK(mistakes_of_yaml_come_with_a_remedy),
    CYC_CHECK(a_comment_that_cuts_a_value_is_named),
    {NULL, NULL},
};
