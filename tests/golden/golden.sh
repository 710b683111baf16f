#!/usr/bin/env bash
# One golden case: the steps that a protocol comes to on a simulated cell.
#
#   golden.sh <cyclostat> <case folder> [--write]
#
# A case holds protocol.yaml or .lua; `cell`, the name or path of a simulated cell; `expected`, the table of
# `cyclostat show --steps`; and where they are not as usual, `options` (none), `exit` (0), `sample` (1 s). Compared are
#
# 1. the run that finds crossings against `expected`: words must be equal, durations agree within 0.05 s,
#    voltages within 0.2 mV, charges within 1e-4 of themselves or 1 uAh;
# 2. the run on a grid of samples against the first: the same steps, and each end within one sample. A step ends
#    late by at most one sample by itself, and a charge with a hold has two ends. What the steps before were late
#    by, the cell remembers: that is charge to be moved in addition, at the step's mean current, and up to another
#    sample for what a cell remembers beside charge. A condition that is no threshold is judged every 10 s
#    in the first run: there 11 s are allowed.
#
# --write replaces `expected` by what came out; read it before you commit it.
set -uo pipefail
awk() { LC_ALL=C command awk "$@"; } # mawk would take the decimal comma of the locale
cyclostat=$1 case=$2
cd "$case" || exit 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
protocol=protocol.yaml
[ -e "$protocol" ] || protocol=protocol.lua
read -ra options < <(cat options 2> /dev/null; echo)
code=0
[ -e exit ] && code=$(cat exit)
sample=1
[ -e sample ] && sample=$(cat sample)

# carry_out <name> [options]: runs the case; its table of steps goes to <name>, the exact values to <name>.exact.
carry_out() {
    local runs=$folder/$1.runs table=$folder/$1 said
    shift
    "$cyclostat" dry-run "$protocol" --cell "$(cat cell)" "${options[@]}" "$@" --quiet --runs "$runs" 2> "$folder/said"
    said=$?
    if [ $said -ne "$code" ]; then
        echo "ended with $said instead of $code:"
        cat "$folder/said"
        exit 1
    fi
    "$cyclostat" show last --steps --runs "$runs" > "$table" || exit 1
    "$cyclostat" show last --json --runs "$runs" |
        jq -r '.steps[] | [.step_count, .cycle, .id, .type, .reason, .step_time_s, .charge_capacity_Ah - .discharge_capacity_Ah] | @tsv' \
            > "$table.exact" || exit 1
}

carry_out event
if [ "${3:-}" = --write ]; then
    cp "$folder/event" expected
    exit 0
fi

# Columns: step, cycle, id, type, reason, duration s, end V, charge mAh.
awk '
    function near(a, b, absolute, relative, d) {
        d = a - b; d = d < 0 ? -d : d
        b = b < 0 ? -b : b
        return d <= absolute || d <= relative * b
    }
    NR == FNR { expected[FNR] = $0; count = FNR; next }
    FNR == 1 { next }
    FNR > count { print "more steps than expected: " $0; bad = 1; next }
    {
        n = split(expected[FNR], e)
        if ($1 != e[1] || $2 != e[2] || $3 != e[3] || $4 != e[4] || $5 != e[5] || NF != n ||
            !near($6, e[6], 0.05, 0) || !near($7, e[7], 2e-4, 0) || !near($8, e[8], 1e-3, 1e-4)) {
            print "expected: " expected[FNR]; print "came out: " $0; bad = 1
        }
    }
    END { if (FNR != count) { print FNR - 1 " steps instead of " count - 1; bad = 1 } exit bad || count < 2 }
' expected "$folder/event" || exit 1

carry_out sampled --sample "$sample s"
awk -F '\t' -v sample="$sample" '
    function magnitude(x) { return x < 0 ? -x : x }
    NR == FNR { event[FNR] = $0; count = FNR; next }
    {
        split(event[FNR], e)
        if ($1 != e[1] || $2 != e[2] || $3 != e[3] || $4 != e[4] || $5 != e[5]) {
            print "event:   " event[FNR]; print "sampled: " $0; bad = 1; next
        }
        mean = e[6] > 0 ? magnitude(e[7]) / e[6] : 0
        ends = $4 ~ /CV_/ && $4 !~ /^CV_/ ? 2 : 1
        allowed = $5 == "condition" ? 11 : (ends + (FNR > 1 && $5 != "time" ? 1 : 0)) * sample + 0.001
        allowed += mean > 0 && $5 != "time" ? magnitude(before_s - before_e) / mean : 0
        if (magnitude($6 - e[6]) > allowed) {
            printf "%s\n%s\nby more than %.3f s apart\n", event[FNR], $0, allowed; bad = 1
        }
        before_s += $7; before_e += e[7]
    }
    END { if (FNR != count) { print "another number of steps when sampled"; bad = 1 } exit bad || count < 1 }
' "$folder/event.exact" "$folder/sampled.exact"
