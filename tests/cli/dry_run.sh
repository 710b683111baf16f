#!/usr/bin/env bash
# `cyclostat dry-run`: tables, files, exit codes, JSON, trace.
. "$(dirname "$0")/lib.sh"
cell="$source/tests/golden/cells/test.yaml"

try 0 dry-run round.yaml --cell "$cell"
has "two rounds" "$out"
has "retention %" "$out"
has "done" "$out"
has "2 cycles, 6 steps" "$out"

has "last.voltage" "$out"
has "the cutoff" "$out"
data=$(sed -n 's/^data *//p' <<< "$out")
same "the data file is where it says" "$([ -s "$data" ] && echo yes)" yes
same "in ./runs" "$(dirname "$(dirname "$data")")" runs
same "nothing is drawn where there is no terminal" "$said" ""
try 0 dry-run round.yaml --cell "$cell" --no-files --set rounds=1
has "1 cycle, 3 steps" "$out"

try 0 dry-run round.yaml --cell "$cell" --json
same "end" "$(json .end)" done
same "cycles" "$(json '.cycles | length')" 2
same "cycle_count" "$(json .cycle_count)" 2
same "expectations" "$(json '.expectations[0].within_tolerance')" true
same "error" "$(json .error)" null
same "rows" "$(json .row_count)" "$(($(wc -l < "$(json .data_file)") - 1))"

try 0 dry-run round.yaml --cell "$cell" --no-files
hasnot "data " "$out"
try 0 dry-run round.yaml --cell "$cell" --no-files --json
same "run" "$(json .run)" null
try 0 dry-run round.yaml --cell "$cell" --quiet --runs elsewhere
same "stdout when quiet" "$out$said" ""
same "folders elsewhere" "$(find elsewhere -mindepth 1 -maxdepth 1 | wc -l)" 1
CYCLOSTAT_RUNS=by_environment try 0 dry-run round.yaml --cell "$cell" --quiet
same "folders by environment" "$(find by_environment -mindepth 1 -maxdepth 1 | wc -l)" 1

try 0 dry-run round.yaml --cell "$cell" --no-files --set rounds=40
has "..." "$out"
same "lines of a long table" "$(grep -cE '^ *[0-9]+  round' <<< "$out")" 15
try 0 dry-run round.yaml --cell "$cell" --no-files --set rounds=40 --all
same "lines of a whole table" "$(grep -cE '^ *[0-9]+  round' <<< "$out")" 40
try 0 dry-run round.yaml --cell "$cell" --no-files --until 30min --json
same "end" "$(json .end)" stopped
same "time" "$(json .t_s)" 1800
try 0 dry-run round.yaml --cell "$cell" --no-files --sample 1s
has "2 cycles, 6 steps" "$out"

for i in 1 2; do
    try 0 dry-run round.yaml --cell "$cell" --trace trace$i --runs same
done
same "two traces" "$(cmp trace1 trace2 && head -n 1 trace1)" "cyclostat trace 1"
same "two data files" "$(md5sum same/*/*.bdf.csv | cut -d ' ' -f 1 | sort -u | wc -l)" 1

sed 's/3.3 V, id/3.3 V, limits: {voltage: [3.5 V, 4.5 V]}, id/' round.yaml > fault.yaml
try 3 dry-run fault.yaml --cell "$cell" --no-files
has "3.5 V" "$out"
try 3 dry-run fault.yaml --cell "$cell" --no-files --json
same "end" "$(json .end)" fault
try 3 dry-run fault.yaml --cell "$cell" --no-files --quiet
has "limit of 3.5 V" "$said"
sed 's/cutoff: 3.3 V/cutoff: {when: 3.3 V, action: fail}/' round.yaml > fail.yaml
try 5 dry-run fail.yaml --cell "$cell" --no-files --json
same "end" "$(json .end)" failed

{ cat round.yaml; echo "  - {impedance: {amplitude: 10 mV, from: 1 kHz, to: 1 Hz}, id: eis}"; } > eis.yaml
try 0 check eis.yaml
try 1 dry-run eis.yaml --cell "$cell" --runs refused
has "eis.yaml:15:" "$said"
has "impedance" "$said"
same "nothing was started" "$([ -e refused ] && echo there)" ""
try 1 dry-run eis.yaml --cell "$cell" --json
same "error" "$(json '.diagnostics | length > 0')" true

# as a channel would: read every 150 ms; 10 uV are resolved, so that 20 min tell 1 mV/h from nothing, not 24 min
cp "$source/drivers/rigs/emulated-bench.yaml" rig.yaml
chmod go-w rig.yaml
cat > steady.yaml << 'PROTOCOL'
cyclostat: 1
cell: {one_c: 2.5 mA, nominal_capacity: 2.5 mAh}
limits: {voltage: [2.4 V, 4.5 V], current: 3 C}
method:
  - {charge: 1 C, cutoff: [5 min, 4.2 V]}
  - {rest: 4 h, cutoff: {when: abs(dV/dt) < 1 mV/h, over: 20 min}}
PROTOCOL
sed 's/2.5 Ah/2.5 mAh/; s/2.5 A/2.5 mA/; s/ mohm/ ohm/g; s/R0: 0.02/R0: 20/' "$cell" > small.yaml
rested() { json '[.steps[].step_time_s] | last'; }
try 0 dry-run steady.yaml --cell small.yaml --sample 1s --runs there --quiet
try 0 show last --runs there --json
same "until 24 min were steady" "$(rested | cut -c 1-3)" 245
try 0 dry-run steady.yaml --cell small.yaml --rig rig.yaml --channel A1 --runs there --quiet --trace trace
try 0 show last --runs there --json
same "until 20 min were steady" "$(rested | cut -c 1-3)" 228
grep -q '^> 150000000 sample' trace || { bad=1; echo "no sample after 150 ms"; }
try 0 dry-run steady.yaml --cell small.yaml --rig rig.yaml --sample 10s --no-files --quiet --trace trace
grep -q '^> 150000000 sample' trace && { bad=1; echo "--sample does not count"; }
sed 's/2.5 mA/2.5 A/' steady.yaml > big.yaml
try 1 dry-run big.yaml --rig rig.yaml --no-files
has "cannot run on channel A1 of rig.yaml: the protocol asks for a current of 2.5 A, beyond the channel's limit" "$said"
try 2 dry-run steady.yaml --channel A1
try 2 dry-run steady.yaml --rig rig.yaml --channel A2
try 4 dry-run steady.yaml --rig nowhere.yaml

sed 's/hold: 4.1 V/hold: 4.1 A/' round.yaml > wrong.yaml
try 1 dry-run wrong.yaml --runs refused
has "wrong.yaml:12:" "$said"
has "nothing was started" "$said"
try 1 dry-run wrong.yaml --json
same "diagnostics" "$(json '.diagnostics | length')" 1
touch file
try 4 dry-run round.yaml --cell "$cell" --runs file/runs
has "file" "$said"
try 4 dry-run round.yaml --cell "$cell" --no-files --trace nowhere/trace
try 4 dry-run round.yaml --cell "$cell" --no-files --trace nowhere/trace --json
has "nowhere/trace" "$(json .error)"
same "end" "$(json .end)" null
try 2 dry-run round.yaml --cell nowhere
has "nowhere" "$said"
end
