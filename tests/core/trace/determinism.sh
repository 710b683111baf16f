#!/bin/bash
# The same events give the same actions, whichever compiler built the executor and however:
# builds trace.c with the executor four times and compares what the four print, byte for byte.
#
#   determinism.sh SOURCE_DIR WORK_DIR
set -eu
source_dir=$1
work_dir=$2
rm -rf "$work_dir"
mkdir -p "$work_dir"

build() { # name compiler optimisation
    "$2" -std=c17 "$3" -D_GNU_SOURCE -ffp-contract=off -fno-fast-math -I"$source_dir/src" \
        "$source_dir"/src/core/*.c "$source_dir/tests/core/trace/trace.c" -lm -o "$work_dir/$1"
}

build gcc-O0 gcc -O0 &
build gcc-O2 gcc -O2
wait $!
build clang-O0 clang -O0 &
build clang-O2 clang -O2
wait $!

status=0
for seed in 1 2 3 4 5; do
    for name in gcc-O0 gcc-O2 clang-O0 clang-O2; do
        "$work_dir/$name" $seed 20000 >"$work_dir/$name.txt"
        if ! cmp "$work_dir/gcc-O0.txt" "$work_dir/$name.txt"; then
            echo "seed $seed: $name differs from gcc-O0"
            status=1
        fi
    done
    cat "$work_dir/gcc-O0.txt" >>"$work_dir/all.txt"
done

# The comparison is worth something only if much happens in these traces.
for word in "action 0" "action 1" "action 2" "action 3" "action 4" "action 5" "action 6" \
    "action 7 fault" "^hold " "^paused " "fault invalid" "fault stale" " 0x1p"; do
    count=$(grep -c -e "$word" "$work_dir/all.txt" || true)
    echo "$count lines with '$word'"
    if [ "$count" -lt 1 ]; then
        echo "too few: the stream of events does not exercise the executor"
        status=1
    fi
done
exit $status
