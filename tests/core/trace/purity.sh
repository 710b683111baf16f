#!/bin/bash
# The executor is pure: apart from its own functions its library needs nothing but a few of the
# C library that neither allocate, nor read a clock, nor do I/O.
#
#   purity.sh libcyc_core.a
set -eu
library=$1
allowed="cyc_assert_failed fabs fmin fmax memcpy memset memmove memcmp"
# What compilers add for sanitizers, coverage and stack protection is not the executor's doing.
instrumentation="^(__asan_|__ubsan_|__gcov_|__llvm_|__sanitizer_|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_)"

defined=$(nm --defined-only "$library" | awk 'NF == 3 && $2 ~ /[TDBRV]/ {print $3}' | sort -u)
undefined=$(nm --undefined-only "$library" | awk '$1 == "U" {print $2}' | sort -u)
if [ -z "$undefined" ] || [ -z "$defined" ]; then
    echo "nm shows nothing in $library"
    exit 1
fi
foreign=$(comm -23 <(echo "$undefined") <(echo "$defined") | grep -Ev "$instrumentation" || true)
status=0
for symbol in $foreign; do
    case " $allowed " in
    *" $symbol "*) echo "allowed: $symbol" ;;
    *)
        echo "not allowed: $symbol"
        status=1
        ;;
    esac
done
# No data that could change: the state lives with the caller.
writable=$(nm -f sysv "$library" | awk -F'|' '$7 ~ /^(\.data|\.bss|\*COM\*)$/ {print $1}' |
    grep -Ev "^(__|\.|_?llvm)" || true)
if [ -n "$writable" ]; then
    echo "writable data: $writable"
    status=1
fi
exit $status
