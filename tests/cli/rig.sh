#!/usr/bin/env bash
# Rigs on the command line: what is connected to what, who answers, what is read; and who may write the file.
. "$(dirname "$0")/lib.sh"
umask 022
export CYCLOSTAT_STATE=$folder/state
emulator=
trap '[ -n "$emulator" ] && kill "$emulator" && wait "$emulator"; rm -rf "$folder"' EXIT
cp "$source/drivers/rigs/emulated-bench.yaml" rig.yaml

# the file
try 0 rig check rig.yaml
has "smu1 " "$out"
has "none (accepted)" "$out"
has "0 V to 5 V" "$out"
try 0 rig check rig.yaml --json
same "cycler" "$(json '.channels[0].cycler.driver')" keithley_2400
same "limit of current" "$(json '.channels[0].limits.current_A | join(" ")')" "-0.02 0.02"
try 0 rig check rig.yaml --quiet
same "said" "$out$said" ""
chmod o+w rig.yaml
try 4 rig check rig.yaml
has "chmod go-w" "$said"
chmod o-w rig.yaml
sed 's/poll: 1 s/poll: 1 V/' rig.yaml > wrong.yaml
try 1 rig check wrong.yaml
has "1 error in wrong.yaml" "$said"
try 1 identify wrong.yaml
try 1 rig check wrong.yaml --json
same "error" "$(json '.diagnostics[0].path')" instruments.oven1.poll
# 20 ms are more than 9600 baud can carry
sed 's/poll: 150 ms/poll: 20 ms/; s/{address: smu}/{address: smu, baud: 9600}/' rig.yaml > fast.yaml
try 1 rig check fast.yaml
has '`smu1` cannot be polled so often: one measurement takes' "$said"
try 4 rig check missing.yaml
try 2 rig
try 2 rig chekc rig.yaml
try 2 measure rig.yaml --channel B1
has "no channel 'B1'" "$said"

# nobody there
try 4 identify rig.yaml
has "there is no port" "$out"

"$cyclostat" emulate --cell n-lmro keithley_2400=smu espec_p300=oven bongshin_bs205=force --truth truth.log > emulator.txt 2>&1 &
emulator=$!
for _ in $(seq 100); do
    grep -q '^ready' emulator.txt && break
    sleep 0.05
done
sleep 0.3 # the indicator speaks by itself
before=$(grep -c ' output ' truth.log)
try 0 identify rig.yaml --json
same "who answers" "$(json 'map(.ok) | all')" true
same "model" "$(json '.[0].model')" 2400
same "it was switched on" "$(json '.[0].power_on')" true
try 0 identify rig.yaml --json --port smu
same "asked again" "$(json '.[0].power_on')" false
same "one port" "$(json length)" 1
sed 's/port: smu,/port: smu, serial_number: "42",/' rig.yaml > other.yaml
try 4 identify other.yaml
has "serial number '1234567', the rig says '42'" "$out"
sed 's/{address: smu}/{address: oven}/; s/oven:  {address: oven}/oven:  {address: smu}/' rig.yaml > swapped.yaml
try 4 identify swapped.yaml --port smu
try 0 measure rig.yaml --json
same "output" "$(json '.[0].output_on')" false
same "temperature" "$(json '.[0].temperature_degC | . > 20 and . < 30')" true
same "pressure" "$(json '.[0].pressure_Pa | . > 45e6 and . < 55e6')" true
same "outputs that were switched" "$(($(grep -c ' output ' truth.log) - before))" 0

# a sensor of the channel is a name in conditions
cat > sensor.yaml <<'PROTOCOL'
cyclostat: 1
cell: {one_c: 2 mA}
limits: {voltage: [1 V, 4.2 V], current: 2 C}
method:
  - {charge: C/2, cutoff: [4 V, stack > 80 MPa]}
PROTOCOL
sed 's/^    pressure: stack/&\n    sensors: [stack]/' rig.yaml > named.yaml
try 1 check sensor.yaml
has "unknown name 'stack'" "$said"
try 0 check sensor.yaml --rig named.yaml --channel A1
has "stack > 80 MPa" "$out"
sed 's/current: 2 C/current: 200 C/; s,C/2,100 C,' sensor.yaml > strong.yaml
try 1 check strong.yaml --rig named.yaml --channel A1
has "cannot run on channel A1" "$said"

# what the instruments cannot do is told before anything starts, with the step and its line
cat > ramp.yaml <<'PROTOCOL'
cyclostat: 1
cell: {one_c: 2 mA}
limits: {voltage: [1 V, 4.2 V], current: 2 C}
method:
  - {rest: 1 min}
  - {temperature: 40 degC, ramp: 1 K/min, wait: no, id: warm}
  - {discharge: 4 mW, cutoff: 1.5 V}
PROTOCOL
try 1 check ramp.yaml --rig rig.yaml --channel A1
has "step 2 'warm' (line 6) asks for a ramp of temperature; leave \`ramp\` out" "$said"
has "step 3 (line 7) controls power, which is more than can smu1" "$said"
try 1 run ramp.yaml --rig rig.yaml --channel A1 --cell n-lmro --json
has "step 2 'warm' (line 6) asks for a ramp" "$(json .error)"
same "end" "$(json .end)" null
same "folder" "$(json .folder)" null

# a rig may require that each channel was shown to be made safe
{ cat rig.yaml; echo "proof: required"; } > required.yaml
grep -v ramp ramp.yaml | grep -v discharge > plain.yaml
try 4 run plain.yaml --rig required.yaml --channel A1 --cell n-lmro
has "it was never shown that channel A1 can be made safe; \`cyclostat proof required.yaml\`" "$said"
same "what was started" "$(find "$CYCLOSTAT_STATE" -name holders)" ""

# in a dry run it reads what the simulated cell has of its kind
sed 's/one_c: 2 mA/one_c: 2 mA, sensors: {stack: pressure, anode: voltage}/; s/stack > 80 MPa/anode > 3.5 V/' sensor.yaml > dry.yaml
try 0 dry-run dry.yaml --cell n-lmro --runs dry
try 0 show last --runs dry --json
same "ended by the sensor" "$(json '.steps[0].reason')" condition
same "at" "$(json '.steps[0].voltage_V | . >= 3.5 and . < 3.51')" true
end
