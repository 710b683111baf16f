#!/usr/bin/env bash
# The shipped protocols of Song et al. 2024, run as a user runs them, come to the numbers to which the simulated cells were
# calibrated. "paper" marks a number that the paper states; the others are the model's own and guard it against drift.
# Tolerances: 0.5 mAh/g, 0.3 % of retention, 0.005 MPa, 2 mV.
#   paper.sh <cyclostat> <source folder> <case>
set -uo pipefail
awk() { LC_ALL=C command awk "$@"; } # mawk would take the decimal comma of the locale
cyclostat=$1 case=$3
cd "$2" || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
bad=0 checked=0

# dry <protocol> [options]: leaves the result in $folder/result.json and the run in $folder/runs.
dry() {
    local protocol=$1
    shift
    rm -rf "$folder/runs"
    if ! "$cyclostat" dry-run "protocols/song2024/$protocol" "$@" --runs "$folder/runs" --json > "$folder/result.json"; then
        echo "$protocol $* did not end as done"
        exit 1
    fi
}

# near <what> <value> <known> <tolerance>
near() {
    checked=$((checked + 1))
    awk -v what="$1" -v value="$2" -v known="$3" -v tolerance="$4" 'BEGIN {
        number = value ~ /^-?[0-9.]+(e-?[0-9]+)?$/
        apart = value - known
        right = number && apart <= tolerance && apart >= -tolerance
        printf "%s %-58s %10s  known %8s ± %s\n", right ? "  " : "! ", what, number ? sprintf("%.4f", value) : value, known, tolerance
        exit !right
    }' || bad=1
}

# json <filter>: a number of the result.
json() { jq -r "$1 // \"nothing\"" "$folder/result.json"; }
# discharge|charge <block> <pass>: mAh/g of a cycle; retention in %.
discharge() { json "[.cycles[] | select(.block == \"$1\" and .pass == $2)][0].discharge_capacity_mAh_per_g"; }
charge() { json "[.cycles[] | select(.block == \"$1\" and .pass == $2)][0].charge_capacity_mAh_per_g"; }
retention() { json "[.cycles[] | select(.block == \"$1\" and .pass == $2)][0].retention * 100"; }
# expected <words>: the run's own value of the expectation whose expression holds these words.
expected() { json "[.expectations[] | select(.value_of | contains(\"$1\"))][0].here"; }
# journal <query>: a number from the journal of the run.
journal() { sqlite3 "$folder"/runs/*/journal.sqlite "$1"; }

# half_cycle <step> <k>: change of pressure in MPa over the k-th execution of that step.
half_cycle() {
    journal "select abs(change) / 1e6 from
        (select name, pressure_Pa - lag(pressure_Pa) over (order by count) as change, count
         from step join definition on definition.id = step.definition)
        where name = '$1' order by count limit 1 offset $(($2 - 1))"
}

# capacities <block> <discharge|charge> <known>…: of passes 1, 2, …
capacities() {
    local block=$1 way=$2 pass=0
    shift 2
    for known in "$@"; do
        pass=$((pass + 1))
        near "$way in mAh/g, cycle $pass of $block" "$($way "$block" $pass)" "$known" 0.5
    done
}

# mean <block> <pass> charge|discharge: V of a cycle.
mean() { json "[.cycles[] | select(.block == \"$1\" and .pass == $2)][0].mean_$3_voltage_V"; }

# rates <degC> <known>…: the second of three cycles at each rate of p06.
rates() {
    local degC=$1 cycle=-2
    shift
    for known in "$@"; do
        cycle=$((cycle + 3))
        near "rate $((cycle / 3 + 1)) at $degC degC" "$(json "[.cycles[] | select(.block == \"rates\")][$cycle].discharge_capacity_mAh_per_g")" "$known" 2
    done
}

# Voltage against charge within the first step of a kind, between the rows that were recorded; columns by their names.
voltage_at() {
    awk -F, -v wanted="$1" -v mass="$2" '
        NR == 1 {
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^Voltage/) v = i
                if ($i ~ /^Test Time/) t = i
                if ($i ~ /^Current/) c = i
            }
            next
        }
        $c > 1e-6 {
            if (started) charge += ($c + last_c) / 2 * ($t - last_t) / 3.6 / mass
            started = 1
            if (charge >= wanted) { print last_v + ($v - last_v) * (wanted - last_q) / (charge - last_q); exit }
            last_q = charge; last_v = $v; last_c = $c; last_t = $t
        }' "$folder"/runs/*/*.bdf.csv
}

case $case in
formation_60)
    dry p01-formation-60degC.yaml --cell n-lmro
    capacities formation discharge 252.5 276.5 283.0 285.6 287.1 # the last: paper 287
    capacities formation charge 311.5 285.2 285.6 286.7 287.8
    dry p01-formation-60degC.yaml --cell m-lmro
    near "micron particles at 60 degC, below 150 in the paper" "$(discharge formation 5)" 139 1
    ;;
formation_30)
    dry p02-formation-30degC.yaml --cell n-lmro
    capacities formation discharge 204.8 223.9 235.2 241.6 245.3 247.8 249.6 250.9 251.8 252.5 # the last: paper 251
    capacities formation charge 274.6 235.3 241.7 245.0 247.1 249.0 250.4 251.4 252.3 252.9
    for point in 10:3.0245 50:3.2228 100:3.3939 150:3.8166 200:3.8370 250:3.8790; do
        near "voltage after ${point%:*} mAh/g of the first charge" "$(voltage_at "${point%:*}" 0.00903)" "${point#*:}" 0.002
    done
    dry p02-formation-30degC.yaml --cell m-lmro
    near "micron particles at 30 degC" "$(discharge formation 10)" 76 1
    ;;
cycling_30)
    dry p03-cycling-30degC.yaml --cell n-lmro
    capacities p02.formation discharge 204.8 223.9
    capacities main discharge 183.0 183.2 # paper 183
    near "charge in mAh/g, first main cycle" "$(charge main 1)" 221 1
    near "retention in % after 100 cycles" "$(retention main 100)" 100.4 0.3
    near "retention in % after 200 cycles" "$(retention main 200)" 100.2 0.3
    near "retention in % after 500 cycles" "$(retention main 500)" 99.4 0.3
    near "retention in % after 1,300 cycles (paper)" "$(retention main 1300)" 97.1 0.3
    near "CC part of a charge in mAh/g" "$(journal "select cc_capacity_Ah / 9.03e-6 from step where cycle_number = 12 and hold_time_ns > 0")" 170.6 0.5
    near "CV part of a charge in mAh/g" "$(journal "select cv_capacity_Ah / 9.03e-6 from step where cycle_number = 12 and hold_time_ns > 0")" 12.8 0.5
    near "expectation: first main discharge (paper)" "$(expected main.first)" 183 0.5
    near "expectation: retention (paper)" "$(expected main.last)" 97.1 0.3
    ;;
cycling_60)
    dry p04-cycling-60degC.yaml --cell n-lmro
    capacities main discharge 267.7 268.0 # paper 268
    near "retention in % after 100 cycles" "$(retention main 100)" 97.1 0.3
    near "retention in % after 200 cycles" "$(retention main 200)" 90.0 0.3
    ;;
cycling_60_thio)
    dry p04-cycling-60degC-thio.yaml --cell thio-n-lmro
    capacities p04.main discharge 254.7 255.0 # paper 255
    near "retention in % after 500 cycles (paper)" "$(retention p04.main 500)" 86.4 0.3
    ;;
slow_30)
    dry p05-cycling-0.1C-30degC.yaml --cell n-lmro
    capacities slow discharge 244.1 244.3 # paper 246
    dry p05-cycling-0.1C-lib.yaml --cell lib-n-lmro
    near "liquid cell, 0.1C (paper)" "$(discharge slow 1)" 248 0.5
    ;;
lib)
    dry p07-lib-30degC.yaml --cell lib-n-lmro
    near "discharge at 0.5C (paper)" "$(discharge main 1)" 240 0.5
    near "retention in % after 100 cycles (paper)" "$(retention main 100)" 68.9 0.3
    ;;
rates)
    dry p06-rate-test.yaml --cell n-lmro
    rates 60 288 285 279 268 259 250
    near "mean charge voltage at 0.05C, 60 degC" "$(mean formation 5 charge)" 3.193 0.01
    near "mean discharge voltage at 0.05C, 60 degC" "$(mean formation 5 discharge)" 2.986 0.01
    dry p06-rate-test.yaml --cell n-lmro --set test_temperature='30 degC' --set formation_cycles=10
    rates 30 253 244 226 183 151 128
    near "mean charge voltage at 0.05C, 30 degC" "$(mean formation 10 charge)" 3.265 0.01
    near "mean discharge voltage at 0.05C, 30 degC" "$(mean formation 10 discharge)" 2.996 0.01
    ;;
pressure)
    dry p08-pressiometry.yaml --cell lto-n-lmro
    near "fall of the first charge in MPa (paper)" "$(expected "baseline.pressure - step.region_3")" 0.530 0.005
    near "below 3.9 V (paper)" "$(expected "baseline.pressure - step.region_1")" 0.200 0.005
    near "3.9 V to 4.4 V (paper)" "$(expected "region_1.pressure - step.region_2")" 0.170 0.005
    near "above 4.4 V (paper)" "$(expected "region_2.pressure - step.region_3")" 0.160 0.005
    near "mean half cycle, cycles 2 to 5 (paper: 0.11 to 0.12)" "$(expected falls)" 0.115 0.005
    # Each half cycle by itself: the pressure at the end of a step against that of the step before.
    pass=0
    for known in 0.123 0.116 0.114 0.114; do
        pass=$((pass + 1))
        near "charge of cycle $((pass + 1))" "$(half_cycle charge_later $pass)" $known 0.005
        near "discharge of cycle $((pass + 1))" "$(half_cycle discharge_later $pass)" 0.113 0.005
    done
    ;;
pressure_series)
    # How much of the capacity of cycle 9 is there in the first: higher pressure activates earlier.
    for row in "n-lmro-20mpa 20 70" "n-lmro-35mpa 35 84" "n-lmro 50 87"; do
        read -r cell pressure known <<< "$row"
        dry p09-pressure-series.yaml --cell "$cell" --set stack_pressure="$pressure MPa" --set formation_cycles=9
        near "first cycle in % of the ninth at $pressure MPa" \
            "$(json '[.cycles[] | .discharge_capacity_mAh_per_g] | 100 * .[0] / .[8]')" "$known" 1
    done
    # So does the coating.
    for row in "n-lmro 8" "lno-n-lmro 7"; do
        read -r cell known <<< "$row"
        dry p02-formation-30degC.yaml --cell "$cell"
        near "cycles to 99 % of the tenth at 30 degC, $cell" \
            "$(json '[.cycles[] | .discharge_capacity_mAh_per_g] | . as $c | [.[] | select(. < 0.99 * $c[9])] | length + 1')" "$known" 0
    done
    ;;
handover)
    dry p10-eis-handover.yaml --cell n-lmro
    near "voltage after 5 h of rest from 3.38 V" "$(journal "select voltage_V from step join definition on definition.id = step.definition where name = 'relaxed'")" 3.374 0.003
    ;;
dems)
    dry p11-dems.yaml --cell lno-n-lmro-dems
    near "charge in mAh/g at 30 degC (paper)" "$(expected activation)" 350 0.01
    near "CC part at 30 degC" "$(journal "select cc_capacity_Ah / 18e-6 from step where hold_time_ns > 0")" 292 1
    near "hours of the charge at 30 degC" "$(journal "select step_time_ns / 3600e9 from step join definition on definition.id = step.definition where name = 'activation'")" 37.3 0.4
    dry p11-dems.yaml --cell lno-n-lmro-dems --set test_temperature='60 degC'
    near "charge in mAh/g at 60 degC (paper)" "$(expected activation)" 350 0.01
    near "hours of the charge at 60 degC" "$(journal "select step_time_ns / 3600e9 from step join definition on definition.id = step.definition where name = 'activation'")" 36.2 0.4
    ;;
*)
    echo "no case '$case'"
    exit 2
    ;;
esac
echo "$checked numbers"
[ $bad -eq 0 ] && [ $checked -gt 0 ]
