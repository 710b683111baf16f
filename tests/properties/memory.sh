#!/usr/bin/env bash
# A dry run needs at most 16 MiB, whatever the number of cycles: few and many cycles of the same protocol.
#   memory.sh <cyclostat> <source folder> <peak>
set -uo pipefail
cyclostat=$1 peak=$3
cd "$2" || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# kib <main cycles>
kib() {
    "$peak" "$cyclostat" dry-run protocols/song2024/p03-cycling-30degC.yaml --cell n-lmro --set main_cycles="$1" \
        --runs "$folder/$1" > "$folder/said" || { cat "$folder/said" >&2; exit 1; }
    tail -n 1 "$folder/said"
}

few=$(kib 30) || exit 1
many=$(kib 1300) || exit 1
echo "peak resident memory: $few KiB with 40 cycles, $many KiB with 1,310"
[ "$many" -le 16384 ] && [ $((many - few)) -le 512 ]
