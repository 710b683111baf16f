#!/usr/bin/env bash
# Crossings are found where they are: each step ends within 0.05 s of where it ends when the cell is looked at every 10 ms.
#   fine_grid.sh <cyclostat> <source folder>
set -uo pipefail
awk() { LC_ALL=C command awk "$@"; } # mawk would take the decimal comma of the locale
cyclostat=$1
cd "$2" || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/linear.yaml" <<'PROTOCOL'
cyclostat: 1
name: linear
cell: {one_c: 2.5 A, nominal_capacity: 2.5 Ah}
limits: {voltage: [2.4 V, 4.5 V], current: 3 C}
cutoff: [voltage < 2.5 V, voltage > 4.4 V]
method:
  - {charge: 1 C, hold: 4.1 V, cutoff: C/10}
  - {discharge: 5 W, cutoff: 3.3 V}
  - {charge: 1 C, cutoff: 0.7 Ah}
  - {discharge: 2 ohm, cutoff: 1 Wh}
  - {rest: 1 h, cutoff: voltage > 3.65 V}
PROTOCOL
cat > "$folder/n-lmro.yaml" <<'PROTOCOL'
cyclostat: 1
name: n-lmro
cell: {active_mass: 9.03 mg, one_c: 200 mA/g, nominal_capacity: 290 mAh/g, reference: In/Li-In}
limits: {voltage: [1.2 V, 4.1 V], current: 1 C}
method:
  - {charge: 0.5 C, hold: 4.6 V vs Li/Li+, cutoff: 0.25 C}
  - {discharge: 0.5 C, cutoff: 2.0 V vs Li/Li+}
PROTOCOL

# ends <cell> [options]: number, reason and end of each step.
ends() {
    local cell=$1
    shift
    rm -rf "$folder/runs"
    "$cyclostat" dry-run "$folder/$cell.yaml" --cell "$cell" "$@" --quiet --runs "$folder/runs" || exit 1
    "$cyclostat" show --json --runs "$folder/runs" | jq -r '.steps[] | [.step_count, .reason, .end_s] | @tsv'
}

bad=0
for cell in linear n-lmro; do
    ends "$cell" > "$folder/found" || bad=1
    ends "$cell" --sample 10ms > "$folder/sampled" || bad=1
    awk -v cell="$cell" '
        NR == FNR { reason[$1] = $2; found[$1] = $3; count++; next }
        {
            late = $3 - found[$1]; steps++
            if ($2 != reason[$1] || late < -0.001 || late > 0.05) { print cell ": step " $1 " " reason[$1] " at " found[$1] " s, sampled " $2 " at " $3 " s"; bad = 1 }
            if (late > most) most = late
        }
        END { printf "%s: %d steps, at most %.3f s late\n", cell, steps, most; exit bad || steps != count || count == 0 }
    ' "$folder/found" "$folder/sampled" || bad=1
done
exit $bad
