#!/usr/bin/env bash
# Functions that are not used: unbounded ones, ones with hidden state, and ones whose result hangs
# on the locale (numbers are read and written by base/text.h, letters compared in ASCII).
cd "$1" || exit 2

strip_comments_and_strings='
{
    line = $0
    gsub(/\\\\/, "", line)
    gsub(/\\"/, "", line)
    gsub(/"[^"]*"/, "\"\"", line)
    if (inside) {
        if (!sub(/^.*\*\//, "", line)) next
        inside = 0
    }
    while (match(line, /\/\*/)) {
        rest = substr(line, RSTART + 2)
        line = substr(line, 1, RSTART - 1)
        if (!match(rest, /\*\//)) { inside = 1; break }
        line = line " " substr(rest, RSTART + 2)
    }
    sub(/\/\/.*/, "", line)
}
FNR == 1 { inside = 0 }
'

check='
BEGIN {
    names = "sprintf vsprintf strcpy stpcpy strcat strncat strtok gets atoi atol atoll atof strtod strtof strtold" \
        " scanf sscanf fscanf setlocale localeconv strcasecmp strncasecmp strcoll strxfrm tolower" \
        " toupper isalpha isalnum islower isupper isprint ispunct isgraph isspace alloca strdupa" \
        " rand srand random srandom gmtime localtime ctime asctime tmpnam mktemp system popen"
    count = split(names, list, " ")
    for (i = 1; i <= count; i++) forbidden[list[i]] = 1
}
{
    text = line
    while (match(text, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
        word = substr(text, RSTART, RLENGTH)
        before = RSTART > 1 ? substr(text, RSTART - 1, 1) : ""
        sub(/[ \t]*\($/, "", word)
        if (word in forbidden && before != "." && before != ">") {
            printf "%s:%d: %s() is not used here\n", FILENAME, FNR, word
            bad++
        }
        text = substr(text, RSTART + RLENGTH)
    }
}
# Conversions of doubles outside base/text.h, which sees to the locale.
FILENAME !~ /^src\/base\// && /[^a-z_](printf|fprintf|snprintf|vsnprintf|dprintf)\(.*%[-+ 0-9.*#]*[efgaEFGA]/ {
    printf "%s:%d: a number printed under the locale; use cyc_number_brief or cyc_number_fixed\n", FILENAME, FNR
    bad++
}
END { exit bad > 0 }
'
# shellcheck disable=SC2046
awk "$strip_comments_and_strings $check" $(find src drivers -name '*.[ch]' | sort)
