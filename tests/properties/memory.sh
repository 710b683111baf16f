#!/usr/bin/env bash
# A dry run needs at most 16 MiB, whatever the number of cycles: the founding paper's 1,310 cycles, and
# five times as many of a short one as fill all buffers.
#   memory.sh <cyclostat> <source folder> <peak>
set -uo pipefail
cyclostat=$1 peak=$3
cd "$2" || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# kib <protocol> <options>
kib() {
    rm -rf "$folder/runs"
    "$peak" "$cyclostat" dry-run "$@" --runs "$folder/runs" > "$folder/said" || { cat "$folder/said" >&2; exit 1; }
    tail -n 1 "$folder/said"
}

cat > "$folder/short.yaml" <<'PROTOCOL'
cyclostat: 1
name: short
cell: {one_c: 2.5 A, nominal_capacity: 2.5 Ah}
limits: {voltage: [2.4 V, 4.5 V], current: 3 C}
record: {every: off, voltage: off}
parameters: {rounds: 1}
method:
  - cycles: = rounds
    id: round
    steps:
      - {charge: 1 C, cutoff: 3.8 V}
      - {discharge: 1 C, cutoff: 3.4 V}
PROTOCOL
paper=$(kib protocols/song2024/p03-cycling-30degC.yaml --cell n-lmro) || exit 1
few=$(kib "$folder/short.yaml" --cell linear --set rounds=10000) || exit 1
many=$(kib "$folder/short.yaml" --cell linear --set rounds=50000) || exit 1
echo "peak resident memory: $paper KiB for 1,310 cycles of the paper, $few KiB for 10,000 short ones, $many KiB for 50,000"
# The kernel counts pages in batches, and files mapped as they come: 200 KiB more or less from run to run.
[ "$paper" -le 16384 ] && [ "$many" -le 16384 ] && [ $((many - few)) -le 512 ]
