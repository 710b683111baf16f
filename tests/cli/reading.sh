#!/usr/bin/env bash
# `runs`, `show`, `cycles`: what a run left behind.
. "$(dirname "$0")/lib.sh"
cell="$source/tests/golden/cells/test.yaml"

try 0 runs
has "no runs" "$said"
try 0 runs --json
same "no runs" "$(json length)" 0
try 2 show
has "no run" "$said"
try 0 dry-run round.yaml --cell "$cell" --quiet
try 0 dry-run round.yaml --cell "$cell" --quiet --set rounds=3
try 0 runs
same "lines of the list" "$(wc -l <<< "$out")" 3
has "two rounds" "$out"
try 0 runs --json
same "runs" "$(json length)" 2
same "newest first" "$(json '.[0].cycle_count')" 3
same "end" "$(json '.[1].end')" done
first=$(json '.[1].id')

try 0 show
has "two rounds" "$out"
has "9 steps" "$out"
has "last.voltage" "$out"
try 0 show "$first"
has "6 steps" "$out"
try 0 show "runs/$first"
has "6 steps" "$out"
try 0 show "$first" --steps
same "lines of the steps" "$(wc -l <<< "$out")" 7
has "CCCV_CHG" "$out"
try 0 show --json
same "steps" "$(json '.steps | length')" 9
same "reason" "$(json '.steps[0].reason')" current
same "hold" "$(json '.steps[0].hold_time_s > 60')" true
same "expectations" "$(json '.expectations | length')" 1
try 2 show nothing
has "nothing" "$said"
try 2 show one two

try 0 cycles
same "lines of the table" "$(wc -l <<< "$out")" 5
try 0 cycles "$first" --json
same "cycles" "$(json length)" 2
same "block" "$(json '.[0].block')" round
same "per gram without a mass" "$(json '.[0].discharge_capacity_mAh_per_g')" null
try 0 cycles --csv
same "lines of the csv" "$(wc -l <<< "$out")" 4
same "columns everywhere" "$(awk -F, '{ print NF }' <<< "$out" | sort -u)" 17
capacity=$(awk -F, 'NR == 2 { print $8 }' <<< "$out")
try 0 cycles --json
same "csv and json agree" "$(json "(.[0].discharge_capacity_Ah - $capacity) * 1e9 | floor | if . < 0 then -. else . end < 2")" true

sed 's/one_c: 2.5 A, nominal_capacity: 2.5 Ah/one_c: 250 mA\/g, nominal_capacity: 250 mAh\/g, active_mass: 10 g/' round.yaml > grams.yaml
try 0 dry-run grams.yaml --runs grams --quiet
try 0 cycles --runs grams
has "capacities in mAh/g" "$out"
try 0 cycles --runs grams --json
same "per gram" "$(json '.[0].discharge_capacity_mAh_per_g / .[0].discharge_capacity_Ah | round')" 100
end
