#!/usr/bin/env bash
# Lines of C: at most 100 characters (tables of data and rulers between sections aside), no tabs,
# nothing behind the last word; header guards named after their file.
cd "$1" || exit 2
export LC_ALL=C
# shellcheck disable=SC2046
awk '
function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad++
}
/\t/ { complain("a tab") }
/[ \r]$/ { complain("blanks at the end of the line") }
{
    line = $0
    gsub(/[\200-\277]/, "", line) # leaves one byte per character
    if (length(line) > 100 && line !~ /^\/\* ----/ && FILENAME !~ /_rows\.h$/) {
        complain("longer than 100 characters")
    }
}
FNR == 1 && FILENAME ~ /\.h$/ && FILENAME ~ /^src/ {
    guard = toupper(FILENAME)
    sub(/^SRC/, "CYC", guard)
    gsub(/[^A-Z0-9]/, "_", guard)
    found = 0
}
FILENAME ~ /^src.*\.h$/ && $1 == "#ifndef" && !found {
    found = 1
    if ($2 != guard) complain("the guard is " $2 ", not " guard)
}
END { exit bad > 0 }
' $(find src drivers tests -name '*.[ch]' | sort)
