#include "families.h"

#include <stdio.h>
#include <string.h>

#define TEXTS(head, unit, tail)                                                                    \
    head, unit, tail, sizeof(head) - 1, sizeof(unit) - 1, sizeof(tail) - 1
#define TOP                                                                                        \
    "cyclostat: 1\nname: hostile\ncell: {one_c: 1 A, nominal_capacity: 1 Ah}\n"                    \
    "limits: {voltage: [1 V, 5 V], current: 2 A}\n"
#define METHOD TOP "method:\n"
#define STEP   METHOD "  - {charge: 1 A, cutoff: "

const struct family families[] = {
    /* what YAML itself allows */
    {"lists in lists", "p.yaml", TEXTS(TOP "method: ", "[", ""), false},
    {"lists in lists, closed", "p.yaml", TEXTS(TOP "method: ", "[[]],", ""), false},
    {"mappings in mappings", "p.yaml", TEXTS(TOP "method: ", "{a: ", ""), false},
    {"dashes in dashes", "p.yaml", TEXTS(TOP "method:\n  ", "- ", ""), false},
    {"question marks", "p.yaml", TEXTS("", "? ", ""), false},
    {"keys", "p.yaml", TEXTS("", "key@: 1\n", ""), false},
    {"keys in braces", "p.yaml", TEXTS("cell: {", "k@: 1, ", "}\n"), false},
    {"one key again and again", "p.yaml", TEXTS("", "name: x\n", ""), false},
    {"one long line", "p.yaml", TEXTS("name: ", "x", "\n"), false},
    {"one long line of words", "p.yaml", TEXTS("name: ", "xx yy ", "\n"), false},
    {"one long line in quotes", "p.yaml", TEXTS("name: \"", "\\n", "\"\n"), false},
    {"one long key", "p.yaml", TEXTS("", "k", ": 1\n"), false},
    {"one long comment", "p.yaml", TEXTS("# ", "x", "\n" METHOD "  - {rest: 1 s}\n"), true},
    {"one block of text", "p.yaml", TEXTS("name: |\n", "  x\n", ""), false},
    {"short comments", "p.yaml", TEXTS("", "# x\n", METHOD "  - {rest: 1 s}\n"), true},
    {"comments that cut", "p.yaml", TEXTS(METHOD, "  - {rest: 1 s, id: i@} #x\n", ""), true},
    {"empty lines", "p.yaml", TEXTS("", "\n", METHOD "  - {rest: 1 s}\n"), true},
    {"lines of CR", "p.yaml", TEXTS("", "\r", METHOD "  - {rest: 1 s}\n"), true},
    {"blanks", "p.yaml", TEXTS("", " ", ""), false},
    {"tabs", "p.yaml", TEXTS("", "\t", ""), false},
    {"anchors", "p.yaml", TEXTS(METHOD, "  - &a@ x\n", ""), false},
    {"aliases of aliases", "p.yaml", TEXTS("a0: &a0 x\n", "a: &a@ [*a0, *a0, *a0]\n", ""), false},
    {"tags", "p.yaml", TEXTS(METHOD, "  - !!str x\n", ""), false},
    {"merge keys", "p.yaml", TEXTS("", "<<: {a: 1}\n", ""), false},
    {"documents", "p.yaml", TEXTS("", "--- 1\n", ""), false},
    {"directives", "p.yaml", TEXTS("", "%TAG !x@ tag:x\n", "--- 1\n"), false},
    /* bytes that are no text */
    {"NUL bytes", "p.yaml", TEXTS(METHOD, "\0", ""), false},
    {"a NUL byte at the end", "p.yaml", TEXTS(METHOD, "  - {rest: 1 s}\n", "\0"), false},
    {"control characters", "p.yaml", TEXTS(METHOD "# ", "\1", "\n"), false},
    {"bytes that are not UTF-8", "p.yaml", TEXTS(METHOD "# ", "\xff", "\n"), false},
    {"half a character at the end", "p.yaml", TEXTS(METHOD, "  - {rest: 1 s}\n", "# \xe2\x82"),
     false},
    {"characters of four bytes", "p.yaml", TEXTS("name: ", "\xf0\x9f\x94\x8b", "\n"), false},
    /* the language */
    {"steps", "p.yaml", TEXTS(METHOD, "  - {rest: 1 s}\n", ""), true},
    {"steps with ids", "p.yaml", TEXTS(METHOD, "  - {rest: 1 s, id: step@}\n", ""), true},
    {"one id again and again", "p.yaml", TEXTS(METHOD, "  - {rest: 1 s, id: same}\n", ""), false},
    {"gotos", "p.yaml",
     TEXTS(METHOD "  - {rest: 1 s, id: s0}\n",
           "  - {rest: 1 s, id: i@, cutoff: {when: voltage > 3 V, action: goto s0}}\n", ""),
     true},
    {"results of steps", "p.yaml",
     TEXTS(METHOD "  - {rest: 1 s, id: s0}\n", "  - {rest: = step.s0.time, id: i@}\n", ""), true},
    {"results of cycles", "p.yaml",
     TEXTS(METHOD "  - cycles: 2\n    id: c\n    steps: [{charge: 1 A, cutoff: 4 V}]\n",
           "  - {rest: = cycles.c.last.time, id: i@}\n", ""),
     true},
    {"sentences", "p.yaml", TEXTS(METHOD, "  - Charge at C/20 until 4.2 V\n", ""), true},
    {"blocks", "p.yaml", TEXTS(METHOD, "  - repeat: 2\n    steps:\n    - {rest: 1 s}\n", ""), true},
    {"cycles", "p.yaml",
     TEXTS(METHOD, "  - cycles: 2\n    id: c@\n    steps:\n    - {charge: 1 A, cutoff: 4 V}\n", ""),
     true},
    {"ifs", "p.yaml", TEXTS(METHOD, "  - if: last.voltage > 3 V\n    then: [rest: 1 s]\n", ""),
     true},
    {"cutoffs", "p.yaml", TEXTS(STEP "[", "1 h, ", "4 V]}\n"), false},
    {"cutoffs in all", "p.yaml", TEXTS(STEP "{all: [", "1 h, ", "4 V]}}\n"), false},
    {"conditions", "p.yaml", TEXTS(STEP "{when: voltage > 4 V", " and time > 1 h", "}}\n"), false},
    {"brackets in a condition", "p.yaml", TEXTS(STEP "{when: ", "(", "}}\n"), false},
    {"nots in a condition", "p.yaml", TEXTS(STEP "{when: ", "not ", "1 > 2}}\n"), false},
    {"minuses in a condition", "p.yaml", TEXTS(STEP "{when: voltage > ", "-", "1 V}}\n"), false},
    {"powers in a condition", "p.yaml", TEXTS(STEP "{when: voltage > 1 V * 2", "^2", "}}\n"),
     false},
    {"cycles in cycles[", "p.yaml", TEXTS(STEP "{when: time > ", "cycles[", "}}\n"), false},
    {"arguments of max", "p.yaml", TEXTS(STEP "{when: time > max(", "1 s, ", "2 s)}}\n"), false},
    {"a long name in a condition", "p.yaml", TEXTS(STEP "{when: ", "a", " > 1 V}}\n"), false},
    {"a long number", "p.yaml", TEXTS(METHOD "  - {rest: 1", "0", " s}\n"), false},
    {"a long fraction", "p.yaml", TEXTS(METHOD "  - {rest: 1.", "0", " s}\n"), true},
    {"a long exponent", "p.yaml", TEXTS(METHOD "  - {rest: 1e", "9", " s}\n"), false},
    {"a long unit", "p.yaml", TEXTS(METHOD "  - {rest: 1 ", "s", "}\n"), false},
    {"a long id", "p.yaml", TEXTS(METHOD "  - {rest: 1 s, id: ", "a", "}\n"), false},
    {"a long label", "p.yaml", TEXTS(METHOD "  - {rest: 1 s, label: ", "a", "}\n"), true},
    {"a long sentence", "p.yaml", TEXTS(METHOD "  - Charge at 1", "0", " A until 4 V\n"), false},
    {"a long file name", "p.yaml", TEXTS(METHOD "  - include: ", "a/", "p.yaml\n"), false},
    {"a path that climbs", "p.yaml", TEXTS(METHOD "  - include: ", "../", "p.yaml\n"), false},
    {"the file in itself", "p.yaml", TEXTS(METHOD, "  - {include: p.yaml, id: i@}\n", ""), false},
    {"a profile again and again", "p.yaml",
     TEXTS(METHOD, "  - {profile: drive.csv, cutoff: voltage < 2 V}\n", ""), true},
    {"bursts", "p.yaml",
     TEXTS(TOP "record: {burst: [", "{during: 1 s, every: 1 ms}, ",
           "{during: 1 s, every: 1 ms}]}\n"),
     false},
    {"pulses", "p.yaml",
     TEXTS(METHOD "  - pulse: [", "{charge: 1 A, width: 1 s, rest: 1 s}, ", "]\n"), true},
    {"times of resistances", "p.yaml",
     TEXTS(METHOD "  - pulse: {charge: 1 A, width: 1 s, rest: 1 s}\n    resistance_at: [", "1 s, ",
           "]\n"),
     false},
    {"corners of a sweep", "p.yaml",
     TEXTS(METHOD "  - sweep: {rate: 1 mV/s, to: [", "2 V, 3 V, ", "2 V]}\n"), true},
    {"positions of each", "p.yaml",
     TEXTS(METHOD "  - each: {x: [", "1 s, ", "2 s]}\n    steps: [rest: = x]\n"), true},
    {"variables of each", "p.yaml",
     TEXTS(METHOD "  - each: {", "x@: [1 s], ", "y: [1 s]}\n    steps: [rest: = y]\n"), false},
    {"variables", "p.yaml", TEXTS(METHOD, "  - let: {v@: 1}\n", ""), false},
    {"variables in one let", "p.yaml", TEXTS(METHOD "  - let: {", "v@: 1, ", "v: 1}\n"), false},
    {"parameters", "p.yaml", TEXTS(TOP "parameters: {", "p@: 1, ", "p: 1}\n"), false},
    {"expectations", "p.yaml",
     TEXTS(METHOD "  - {rest: 1 s}\nexpect:\n", "  - {value: test.time, is: 1 s}\n", ""), true},
    {"protocol cutoffs", "p.yaml", TEXTS(METHOD "  - {rest: 1 s}\ncutoff: [", "1 h, ", "2 h]\n"),
     false},
    /* mistakes and warnings without end */
    {"mistakes", "p.yaml", TEXTS(METHOD, "  - {rest: 1 V}\n", ""), false},
    {"unknown keys", "p.yaml", TEXTS(METHOD, "  - {rset: 1 s}\n", ""), false},
    {"unknown names", "p.yaml", TEXTS(METHOD, "  - {rest: = volatge}\n", ""), false},
    {"warnings", "p.yaml", TEXTS(METHOD, "  - {charge: 1 A, cutoff: 4.9999 V}\n", ""), true},
    {"mistakes on one line", "p.yaml", TEXTS(TOP "method: [", "{rest: 1 V}, ", "]\n"), false},
    /* programs */
    {"statements", "p.lua", TEXTS("", "x = 1\n", "protocol{}"), false},
    {"brackets in a program", "p.lua", TEXTS("x = ", "(", ""), false},
    {"tables in tables", "p.lua", TEXTS("x = ", "{", ""), false},
    {"a long text in a program", "p.lua", TEXTS("x = \"", "x", "\""), false},
    {"a long comment in a program", "p.lua", TEXTS("--", "x", "\n"), false},
    {"local names", "p.lua", TEXTS("", "local x@ = 1\n", ""), false},
    {"constants", "p.lua", TEXTS("x = {", "\"k@\", ", "}"), false},
    {"concatenations", "p.lua", TEXTS("x = \"a\"", " .. x", ""), false},
    {"else ifs", "p.lua", TEXTS("if x then ", "elseif x then ", "end"), false},
    {"functions in functions", "p.lua", TEXTS("", "return function() ", ""), false},
    {"NUL bytes in a program", "p.lua", TEXTS("x = 1 ", "\0", ""), false},
    {"notes of a program", "p.lua",
     TEXTS("protocol {name = \"x\", limits = {voltage = {\"1 V\", \"5 V\"}, current = \"1 A\"}}\n",
           "note(\"x\")\n", ""),
     true},
    {"steps of a program", "p.lua",
     TEXTS("protocol {name = \"x\", limits = {voltage = {\"1 V\", \"5 V\"}, current = \"1 A\"}}\n",
           "rest(\"1 s\")\n", ""),
     true},
    {"steps on one line of a program", "p.lua",
     TEXTS("protocol {name = \"x\", limits = {voltage = {\"1 V\", \"5 V\"}, current = \"1 A\"}}\n",
           "rest(\"2\" .. \" s\") ", ""),
     true},
    {"blanks before a step", "p.lua",
     TEXTS("protocol {name = \"x\", limits = {voltage = {\"1 V\", \"5 V\"}, current = \"1 A\"}}\n",
           " ", "for i = 1, 1000 do rest(\"1 s\", {label = \"x\" .. i}) end"),
     true},
    /* profiles */
    {"rows", "drive.csv", TEXTS("time / s,current / A\n", "@,1\n", ""), true},
    {"rows that do not rise", "drive.csv", TEXTS("time / s,current / A\n", "1,1\n", ""), false},
    {"columns", "drive.csv", TEXTS("time / s,current / A", ",x", "\n1,1\n2,1\n"), true},
    {"a long field", "drive.csv", TEXTS("time / s,current / A\n1,", "1", "\n2,1\n"), false},
    {"empty rows", "drive.csv", TEXTS("time / s,current / A\n0,1\n1,1", "\n", ""), true},
    {"NUL bytes in a table", "drive.csv", TEXTS("time / s,current / A\n0,1\n", "\0", "\n"), false},
    /* cell files */
    {"parameters of a cell", "cell.yaml",
     TEXTS("cyclostat_cell: 1\nname: x\nmodel:\n  kind: linear\n  parameters:\n", "    p@: 1\n",
           ""),
     false},
    {"points of a cell", "cell.yaml",
     TEXTS("cyclostat_cell: 1\nname: x\nmodel:\n  kind: linear\n  ocv:\n", "    - [0.5, 3 V]\n",
           ""),
     false},
    {"electrodes of a cell", "cell.yaml",
     TEXTS("cyclostat_cell: 1\nname: x\ncell:\n  references:\n", "    r@: 1 V\n", ""), false},
};
const unsigned family_count = sizeof families / sizeof families[0];

void family_write(const struct family *family, size_t size, struct cyc_text *out)
{
    const char *const number = strchr(family->unit, '@');
    char digits[16];
    const size_t most = family->unit_size + sizeof digits + family->tail_size;
    cyc_text_append_size(out, family->head, family->head_size);
    for (unsigned i = 0; out->length + most <= size && !out->failed; i++) {
        if (number == NULL) {
            cyc_text_append_size(out, family->unit, family->unit_size);
            continue;
        }
        const size_t before = (size_t)(number - family->unit);
        cyc_text_append_size(out, family->unit, before);
        (void)snprintf(digits, sizeof digits, "%u", i);
        cyc_text_append(out, digits);
        cyc_text_append_size(out, number + 1, family->unit_size - before - 1);
    }
    cyc_text_append_size(out, family->tail, family->tail_size);
}
