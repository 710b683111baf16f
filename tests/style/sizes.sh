#!/usr/bin/env bash
# A file fits a sitting (800 lines at most), a function a screen (70 lines at most). A switch that
# does nothing but dispatch may be longer when its first line is the comment "/* dispatch */".
cd "$1" || exit 2
# shellcheck disable=SC2046
awk '
function finish() {
    if (lines > 800) {
        printf "%s: %d lines, more than 800\n", file, lines
        bad++
    }
}
FNR == 1 {
    finish()
    file = FILENAME
    start = 0
}
{ lines = FNR }
/^\{/ { start = FNR; dispatch = 0 }
start && FNR == start + 1 && /\/\* dispatch \*\// { dispatch = 1 }
/^}/ && start {
    functions++
    if (FNR - start + 1 > 70 && !dispatch) {
        printf "%s:%d: a function of %d lines, more than 70\n", FILENAME, start, FNR - start + 1
        bad++
    }
    start = 0
}
END {
    finish()
    if (functions < 100) {
        printf "only %d functions found: is this the right place?\n", functions
        bad++
    }
    exit bad > 0
}
' $(find src drivers tests -name '*.[ch]' -not -path '*/build*' | sort)
