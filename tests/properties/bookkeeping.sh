#!/usr/bin/env bash
# A trapezoid over rows that stand 1 s apart gives the charge that the run itself counted, to 1e-5, in both directions; and
# the table of steps adds up to the last row.
#   bookkeeping.sh <cyclostat> <source folder>
set -uo pipefail
awk() { LC_ALL=C command awk "$@"; } # mawk would take the decimal comma of the locale
cyclostat=$1
cd "$2" || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
bad=0

# trapezoid <name> <tolerance of the charge> <options>
trapezoid() {
    local name=$1 tolerance=$2
    shift 2
    if ! "$cyclostat" dry-run "$folder/$name.yaml" "$@" --quiet --runs "$folder/$name"; then
        echo "$name did not end as done"
        bad=1
        return
    fi
    awk -F, -v name="$name" -v tolerance="$tolerance" '
        NR == 1 {
            for (i = 1; i <= NF; i++) {
                if ($i == "Test Time / s") t = i
                if ($i == "Current / A") c = i
                if ($i == "Charging Capacity / Ah") up = i
                if ($i == "Discharging Capacity / Ah") down = i
            }
            next
        }
        NR > 2 {
            charge = ($c + last_c) / 2 * ($t - last_t) / 3600
            if (charge > 0) sum_up += charge; else sum_down -= charge
        }
        { last_t = $t; last_c = $c; total_up = $up; total_down = $down; rows++ }
        function apart(a, b) { return b == 0 ? 1 : (a > b ? a - b : b - a) / b }
        END {
            a = apart(sum_up, total_up); b = apart(sum_down, total_down)
            printf "%s: %d rows, charge apart by %.1e, discharge by %.1e\n", name, rows, a, b
            exit !(rows > 5000 && a < tolerance && b < 1e-5)
        }' "$folder/$name"/*/*.bdf.csv || bad=1
    "$cyclostat" show --json --runs "$folder/$name" > "$folder/$name.json"
    last=$(tail -n 1 "$folder/$name"/*/*.bdf.csv)
    jq -r '[.steps[].charge_capacity_Ah] | add' "$folder/$name.json" | awk -F, -v row="$last" -v head="$(head -n 1 "$folder/$name"/*/*.bdf.csv)" '
        {
            split(row, values); n = split(head, names)
            for (i = 1; i <= n; i++) if (names[i] == "Charging Capacity / Ah") total = values[i]
            d = $1 - total
            if (d < 0) d = -d
            if (d > 2e-6 * total) { print "steps add up to " $1 ", the last row says " total; exit 1 }
        }' || bad=1
}

cat > "$folder/linear.yaml" <<'PROTOCOL'
cyclostat: 1
name: linear
cell: {one_c: 2.5 A, nominal_capacity: 2.5 Ah}
limits: {voltage: [2.4 V, 4.5 V], current: 3 C}
record: {every: 1 s, voltage: off}
method:
  - repeat: 2
    steps:
      - {charge: 1 C, hold: 4.1 V, cutoff: C/20}
      - {rest: 5 min}
      - {discharge: 5 W, cutoff: 3.2 V}
      - {rest: 10 s}
      - {hold: 3.6 V, current: 1 C, cutoff: 20 min}
PROTOCOL
cat > "$folder/n_lmro.yaml" <<'PROTOCOL'
cyclostat: 1
name: n_lmro
cell: {active_mass: 9.03 mg, one_c: 200 mA/g, nominal_capacity: 290 mAh/g, reference: In/Li-In}
limits: {voltage: [1.2 V, 4.1 V], current: 1 C}
record: {every: 1 s, voltage: off}
method:
  - {charge: 0.5 C, hold: 4.6 V vs Li/Li+, cutoff: 0.25 C}
  - {discharge: 0.5 C, cutoff: 2.0 V vs Li/Li+}
PROTOCOL
trapezoid linear 1e-5 --cell tests/golden/cells/test.yaml
trapezoid n_lmro 1e-5 --cell n-lmro
exit $bad
