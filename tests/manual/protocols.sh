#!/usr/bin/env bash
# Every shipped protocol passes `check` without a warning, and the command in its header names it and works: a dry run
# ends as "done", for what has no impedance step. Long ones are shortened by their own parameters.
#   protocols.sh <cyclostat> <source folder>
set -uo pipefail
cyclostat=$1
cd "$2" || exit 1
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

# Parameters that make a protocol short; it stays the same test.
shorter() {
    case $1 in
    *p03-*) echo "--set main_cycles=3 --set formation_cycles=2" ;;
    *p04-*) echo "--set main_cycles=3 --set formation_cycles=2" ;;
    *p07-*) echo "--set main_cycles=3" ;;
    *p14-ex-situ-discharged*) echo "--set main_cycles=2" ;;
    *cc-cv-cycling*) echo "--set cycle_count=3" ;;
    *ageing*) echo "--set blocks=2 --set cycles_per_block=2" ;;
    *storage*) echo "--set months=2" ;;
    esac
}

bad=0 count=0
for file in protocols/song2024/*.{yaml,lua} protocols/library/*.{yaml,lua}; do
    count=$((count + 1))
    if ! said=$("$cyclostat" check "$file" 2>&1) || grep -q 'warning:' <<< "$said"; then
        bad=1
        echo "--- $file: check"
        grep -A 4 -E 'error:|warning:' <<< "$said" | head -20
        continue
    fi
    command=$(grep -m 1 -oE "cyclostat (dry-run|check) $file.*" "$file")
    case $command in
    "cyclostat check "*) continue ;;
    "cyclostat dry-run "*) ;;
    *) bad=1; echo "--- $file: its header names no command to type"; continue ;;
    esac
    # shellcheck disable=SC2046
    eval "set -- ${command#cyclostat dry-run }"
    if ! said=$("$cyclostat" dry-run "$@" $(shorter "$file") --runs "$runs" 2>&1); then
        bad=1
        echo "--- $command"
        tail -n 8 <<< "$said"
    fi
done
# Pulses are run for their resistances: two pulses, three times each, five rounds.
shown=$("$cyclostat" dry-run protocols/library/pulse.yaml --runs "$runs/pulse" --quiet 2>&1 &&
    "$cyclostat" show last --runs "$runs/pulse" | grep '^ *[0-9]*  train  [0-9]' | wc -w)
[ "$shown" = 32 ] || { bad=1; echo "--- show: 30 resistances of 'train' expected, a line of $shown words found"; }
echo "$count protocols"
[ $bad -eq 0 ] && [ $count -ge 35 ]
