#include "base/text.h"
#include "check/check.h"

#include <math.h>
#include <string.h>

static void an_object_holds_all_kinds_of_values(void)
{
    struct cyc_text text = {0};
    struct cyc_json json;
    cyc_json_init(&json, &text);
    cyc_json_open(&json, '{');
    cyc_json_key(&json, "name");
    cyc_json_string(&json, "cell 1");
    cyc_json_key(&json, "none");
    cyc_json_string(&json, NULL);
    cyc_json_key(&json, "values");
    cyc_json_open(&json, '[');
    cyc_json_number(&json, 0.1);
    cyc_json_number(&json, -1e300);
    cyc_json_integer(&json, INT64_MIN);
    cyc_json_bool(&json, true);
    cyc_json_bool(&json, false);
    cyc_json_close(&json, ']');
    cyc_json_key(&json, "empty");
    cyc_json_open(&json, '{');
    cyc_json_close(&json, '}');
    cyc_json_key(&json, "nested");
    cyc_json_open(&json, '[');
    cyc_json_open(&json, '[');
    cyc_json_close(&json, ']');
    cyc_json_open(&json, '[');
    cyc_json_integer(&json, 1);
    cyc_json_close(&json, ']');
    cyc_json_close(&json, ']');
    cyc_json_close(&json, '}');
    CYC_SAME(cyc_text_get(&text),
             "{\"name\":\"cell 1\",\"none\":null,\"values\":[0.1,-1e+300,-9223372036854775808,true,"
             "false],\"empty\":{},\"nested\":[[],[1]]}");
    cyc_text_release(&text);
}

static void what_is_no_number_becomes_null(void)
{
    struct cyc_text text = {0};
    struct cyc_json json;
    cyc_json_init(&json, &text);
    cyc_json_open(&json, '[');
    cyc_json_number(&json, NAN);
    cyc_json_number(&json, INFINITY);
    cyc_json_number(&json, -INFINITY);
    cyc_json_close(&json, ']');
    CYC_SAME(cyc_text_get(&text), "[null,null,null]");
    cyc_text_release(&text);
}

static void strings_are_escaped_and_made_valid(void)
{
    struct cyc_text text = {0};
    struct cyc_json json;
    cyc_json_init(&json, &text);
    cyc_json_open(&json, '[');
    cyc_json_string(&json, "a\"b\\c\nd\te\x01\x7F");
    cyc_json_string(&json, "\xCE\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
    cyc_json_string(&json, "\xFF|\xC3|\xC0\xAF|\xED\xA0\x80|\xF4\x90\x80\x80|\xE2\x82");
    cyc_json_close(&json, ']');
    CYC_SAME(cyc_text_get(&text),
             "[\"a\\\"b\\\\c\\nd\\te\\u0001\\u007f\",\"\xCE\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\","
             "\"\xEF\xBF\xBD|\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD"
             "\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD|\xEF\xBF\xBD"
             "\xEF\xBF\xBD\"]");
    cyc_text_release(&text);
}

static void overlong_characters_are_not_valid(void)
{
    struct cyc_text text = {0};
    struct cyc_json json;
    cyc_json_init(&json, &text);
    cyc_json_string(&json, "\xE0\x9F\xBF|\xF0\x8F\xBF\xBF|\xC1\xBF");
    CU_ASSERT_EQUAL(text.length, 9 * 3 + 2 + 2);
    CU_ASSERT_PTR_NULL(strchr(cyc_text_get(&text), '\xE0'));
    CU_ASSERT_PTR_NULL(strchr(cyc_text_get(&text), '\xF0'));
    cyc_text_release(&text);
}

static void too_deep_or_too_many_brackets_are_a_failure(void)
{
    struct cyc_text text = {0};
    struct cyc_json json;
    cyc_json_init(&json, &text);
    for (int i = 0; i < 32; i++) {
        cyc_json_open(&json, '[');
    }
    CU_ASSERT(!text.failed);
    cyc_json_open(&json, '[');
    CU_ASSERT(text.failed);
    cyc_text_release(&text);
    cyc_json_init(&json, &text);
    cyc_json_close(&json, ']');
    CU_ASSERT(text.failed);
    cyc_text_release(&text);
}

const struct cyc_check check_json[] = {
    CYC_CHECK(an_object_holds_all_kinds_of_values),
    CYC_CHECK(what_is_no_number_becomes_null),
    CYC_CHECK(strings_are_escaped_and_made_valid),
    CYC_CHECK(overlong_characters_are_not_valid),
    CYC_CHECK(too_deep_or_too_many_brackets_are_a_failure),
    {0},
};
