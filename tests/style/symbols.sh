#!/usr/bin/env bash
# What the libraries put into other people's programs: names that begin with cyc_, and no data that
# anybody could change. The executor asks for nothing but a few functions of the C library.
cd "$1" || exit 2
status=0

shopt -s nullglob
libraries=(libcyc_*.a)
if [ ${#libraries[@]} -lt 6 ]; then
    echo "only ${#libraries[@]} libraries in $1: build everything first"
    exit 1
fi

for library in "${libraries[@]}"; do
    nm --defined-only --extern-only "$library" | awk -v library="$library" '
        NF == 3 && $3 !~ /^cyc_/ { printf "%s: %s has no cyc_ in front\n", library, $3; bad = 1 }
        END { exit bad }' || status=1
    # Tables of constant pointers lie in .data.rel.ro, which the loader makes read-only.
    nm --format=sysv --defined-only "$library" | awk -F'|' -v library="$library" '
        NF == 7 {
            section = $7
            gsub(/[ \t]/, "", section)
            if (section ~ /^(\.data|\.bss|\.tdata|\.tbss|\.ldata|\.lbss|\*COM\*)/ &&
                section !~ /^\.data\.rel\.ro/) {
                gsub(/ /, "", $1)
                printf "%s: %s can be changed (%s)\n", library, $1, section
                bad = 1
            }
        }
        END { exit bad }' || status=1
done

nm --undefined-only libcyc_core.a | awk '
    BEGIN { split("fabs fmin fmax memcpy memmove memset strcmp strlen memcmp", list, " ")
            for (i in list) allowed[list[i]] = 1 }
    NF == 2 && $2 !~ /^cyc_/ && $2 !~ /^(__stack_chk_fail|_GLOBAL_OFFSET_TABLE_)$/ && !($2 in allowed) {
        printf "libcyc_core.a: the executor needs %s\n", $2
        bad = 1
    }
    END { exit bad }' || status=1

exit $status
