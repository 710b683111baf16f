#!/usr/bin/env bash
# Short protocols on each kind of instrument, through all processes of a live run: a simulated cycler, a tester that runs steps by itself, a
# source-measure unit with chamber, press and force indicator, two pressure controllers on one port.
#
#   instruments.sh <cyclostat> <source folder> <part>
. "$(dirname "$0")/lib.sh"
umask 022 # a rig file that others may write is refused
export CYCLOSTAT_STATE=$folder/state CYCLOSTAT_RIG=$folder/rig.yaml CYCLOSTAT_RUNS=$folder/runs
mkdir "$CYCLOSTAT_STATE"
emulator=

end_rig() {
    local pid
    for pid in $(sed -n 's/^supervisor \([0-9]*\) .*/\1/p' "$folder"/state/*/holders 2> /dev/null); do
        kill "$pid" 2> /dev/null
        for _ in $(seq 200); do
            kill -0 "$pid" 2> /dev/null || break
            sleep 0.05
        done
    done
}
clean_up() {
    end_rig
    [ -n "$emulator" ] && kill "$emulator" 2> /dev/null && wait "$emulator"
    cd / && rm -rf "$folder"
}
trap clean_up EXIT

# emulate <arguments>: in the background, until the end; its truth in ./truth
emulate() {
    "$cyclostat" emulate "$@" --truth truth > emulator.txt 2>&1 &
    emulator=$!
    within 5 grep -q '^ready' emulator.txt || { cat emulator.txt; exit 1; }
}
within() { # <seconds> <command …>: until it is true
    local i
    for ((i = 0; i < $1 * 20; i++)); do
        "${@:2}" > /dev/null 2>&1 && return 0
        sleep 0.05
    done
    return 1
}
source "$(dirname "$0")/../check/status.sh"
state() { [ "$(status_of "$1" state)" = "$2" ]; }
now_ns() { awk '{printf "%.0f\n", $1 * 1e9}' /proc/uptime; }
# opened <time>: the first moment after it when the truth log saw the output open, in ms since then; "never"
opened() {
    awk -v from="$1" '$1 >= from && / output 0 open/ {printf "%.0f\n", ($1 - from) / 1e6; found = 1; exit}
                      END {if (!found) print "never"}' truth
}
most() { # <what> <value> <bound>
    checked=$((checked + 1))
    if [ "$2" = never ] || [ "$2" -gt "$3" ]; then
        bad=1
        echo "$1: $2, at most $3"
    fi
}
holder() { awk -v who="$1" '$1 == who {print $2}' "$folder"/state/*/holders; }
rows_good() { # <awk condition that no row may meet>
    local data
    data=$("$cyclostat" show last --json | jq -r .run.data_file)
    awk -F, "NR > 1 && ($1) {bad++; print} END {exit bad > 0 || NR < 5}" "$data" || { bad=1; echo "rows of $data: $1"; }
}

cell() { # <1C in A> <ohm>: 3.0 V empty, 4.2 V full, half full
    cat << END
cyclostat_cell: 1
name: c$1
source: invented, for tests
cell: {one_c: $1 A, nominal_capacity: $1 Ah}
model:
  kind: linear
  capacity: $1 Ah
  initial_soc: 50 %
  ocv: {from: 3.0 V, to: 4.2 V}
  parameters: {R0: $2}
END
}
protocol() { # <step …>
    printf '%s\n' "cyclostat: 1" "name: short" "limits: {voltage: [2.8 V, 4.35 V], current: 3 C}" "method:"
    printf '  - %s\n' "$@"
}

# ---- A cycler that is simulated in the port process ---------------------------------------------
part_sim() {
    cat > rig.yaml << END
cyclostat_rig: 1
name: simulated
ports: {s: {address: sim}}
instruments: {x: {driver: sim, port: s, poll: 50 ms, accept: no_watchdog, options: {capacity: 100 mAh, resistance: 1 ohm, charge: 50 %}}}
channels: {A: {cycler: x, limits: {voltage: [2.5 V, 4.4 V], current: 1 A}}}
END
    cell 0.1 1 > cell.yaml
    protocol '{charge: 1 C, cutoff: [1 s, voltage > 4.2 V]}' '{rest: 1 s}' '{discharge: 1 C, cutoff: [1 s, voltage < 2.9 V]}' > p.yaml
    try 0 run p.yaml --channel A --cell cell.yaml
    try 0 show last --json
    same steps "$(json '.steps | map(.type) | join(" ")')" "CC_CHG REST CC_DCH"
    same reasons "$(json '.steps | map(.reason) | join(" ")')" "time time time"
}

# ---- A tester that runs steps by itself and reports when it likes -----------------------------------
tester_rig() { # <options>
    cat > rig.yaml << END
cyclostat_rig: 1
name: tester
ports: {box: {address: $folder/ebc.tty}}
instruments: {ebc: {driver: zketech_ebc, port: box, options: {model: A20$1}}}
channels: {B: {cycler: ebc, limits: {voltage: [2.5 V, 4.4 V], current: 3 A}}}
END
    cell 1 0.02 > cell.yaml
}
part_ebc() {
    tester_rig ", end_current: 0.55 A"
    protocol '{rest: 1 min}' '{discharge: 1 C, cutoff: [2 min, voltage < 3.0 V]}' '{charge: 1 C, hold: 3.7 V, cutoff: C/2}' \
        '{charge: 1 C, cutoff: voltage > 3.75 V}' '{charge: 1 C, hold: 3.8 V, cutoff: C/2}' > p.yaml
    emulate zketech_ebc --option model=a20,report=0.1 --rate 60 --cell cell.yaml --pty ebc.tty
    try 0 run p.yaml --channel B --cell cell.yaml --rate 60
    try 0 show last --json
    same steps "$(json '.steps | map(.type) | join(" ")')" "REST CC_DCH CCCV_CHG CC_CHG CCCV_CHG"
    # where the current tapers, the box ends it a little before the protocol
    same reasons "$(json '.steps | map(.reason) | join(" ")')" "time time current voltage current"
    # each start carries a voltage at which the box stops, and a discharge a time within six minutes
    same starts "$(awk '/ received (01|07|21) / && ($6 < 250 || $6 > 440) {bad++} / received (01|07) / && ($7 < 1 || $7 > 6) {bad++}
        / received (01|07|21) / {n++} END {print (n >= 4 && bad == 0) ? "bounded" : "not bounded"}' truth)" bounded
    rows_good '$2 < 3.0 || $2 > 4.0 || $3 > 1.05 || $3 < -1.05'
}
# The box ends what the protocol does not: that is nothing to go on from.
part_ebc_own_end() {
    tester_rig ", end_current: 0.9 A"
    protocol '{charge: 1 C, hold: 3.65 V, cutoff: 100 min}' > p.yaml
    emulate zketech_ebc --option model=a20,report=0.1 --rate 60 --cell cell.yaml --pty ebc.tty
    try 3 run p.yaml --channel B --cell cell.yaml --rate 60
    try 0 show last --json
    same reasons "$(json '.steps | map(.reason) | join(" ")')" fault
}
# What keeps the box from going on: the lease, then the supervisor's help, and with nobody left its own voltage.
part_ebc_killed() { # <role>
    tester_rig ""
    protocol '{discharge: C/2, cutoff: [100 min, voltage < 2.9 V]}' > p.yaml
    emulate zketech_ebc --option model=a20,report=0.2 --cell cell.yaml --pty ebc.tty
    try 0 run p.yaml --channel B --cell cell.yaml --detach
    within 10 grep -q ' output 0 current' truth || { bad=1; echo "no current"; }
    local from
    from=$(now_ns)
    kill -9 "$(holder "$1")"
    within 5 eval '[ "$(opened $from)" != never ]'
    most "ms from the end of $1 to open" "$(opened "$from")" 1000
    try 0 safe rig.yaml
    has "off" "$out"
    hasnot "NOT OFF" "$out"
}
part_ebc_daemon() { part_ebc_killed daemon; }
part_ebc_port() { part_ebc_killed port; }
part_ebc_alone() {
    tester_rig ""
    protocol '{discharge: 1 C, cutoff: voltage < 2.9 V}' > p.yaml
    emulate zketech_ebc --option model=a20,report=0.2 --rate 300 --cell cell.yaml --pty ebc.tty
    try 0 run p.yaml --channel B --cell cell.yaml --detach --rate 300
    within 10 grep -q ' output 0 current' truth
    local from supervisor port daemon
    supervisor=$(holder supervisor) port=$(holder port) daemon=$(holder daemon)
    from=$(now_ns)
    kill -9 "$supervisor" "$port" "$daemon"
    within 15 eval '[ "$(opened $from)" != never ]'
    most "ms until the box ends it by itself" "$(opened "$from")" 15000
    same "commands after the end of all" "$(awk -v from="$from" '$1 >= from && / received /' truth)" ""
    local volts
    volts=$(awk -v from="$from" '$1 >= from && / output 0 open/ {open = 1} open && / voltage / {print $0; exit}' truth)
    has "voltage 2." "$volts"
}

# ---- Source-measure unit, chamber over TCP, press, force indicator ---------------------------------
bench() { # <mode of the indicator> <faults …>
    cell 0.01 5 > cell.yaml
    # over TCP anything may answer: no rate
    emulate --cell cell.yaml 'keithley_2400[baud=9600]=smu.tty' espec_p300=tcp:0 \
        "bongshin_bs205[mode=$1]=force.tty" 'alicat_pc[ratio=1,full_scale=60000]=press.tty' "${@:2}"
    local tcp
    tcp=$(grep -o 'espec_p300=[^ ]*' emulator.txt | sed 's/.*=//; s/^tcp://; s/.*://')
    cat > rig.yaml << END
cyclostat_rig: 1
name: bench
ports:
  smu: {address: $folder/smu.tty}
  oven: {address: "tcp:127.0.0.1:$tcp"}
  force: {address: $folder/force.tty}
  gas: {address: $folder/press.tty}
instruments:
  smu1: {driver: keithley_2400, port: smu, poll: 200 ms, accept: no_watchdog}
  oven1: {driver: espec_p300, port: oven, poll: 1 s}
  force1: {driver: bongshin_bs205, port: force, poll: 500 ms, options: {mode: $1}}
  press1: {driver: alicat_pc, port: gas, poll: 500 ms}
sensors:
  stack: {instrument: force1, quantity: pressure, area: 0.785 cm2}
channels:
  A1:
    cycler: smu1
    chamber: oven1
    press: press1
    pressure: stack
    limits: {voltage: [2 V, 5 V], current: 50 mA, temperature: [5 degC, 80 degC], pressure: [0 MPa, 95 MPa]}
END
}
part_bench() {
    bench "$1"
    protocol '{temperature: 26 degC, within: 5 K, timeout: 1 min}' '{pressure: 40 MPa, within: 8 MPa, timeout: 1 min}' \
        '{charge: 1 C, cutoff: [3 s, voltage > 4.2 V]}' '{rest: 2 s}' \
        '{discharge: 1 C, cutoff: [3 s, voltage < 2.9 V]}' '{charge: 1 C, hold: 3.64 V, cutoff: 4 s}' > p.yaml
    try 0 identify rig.yaml
    try 0 run p.yaml --channel A1 --cell cell.yaml
    try 0 show last --json
    same steps "$(json '.steps | map(.type) | join(" ")')" "TEMPERATURE PRESSURE CC_CHG REST CC_DCH CCCV_CHG"
    same reasons "$(json '.steps | map(.reason) | join(" ")')" "temperature pressure time time time time"
    rows_good '$2 < 3.0 || $2 > 4.0 || $3 > 0.0105 || $3 < -0.0105 || $17 == "" || $17 > 95e6'
    try 0 safe rig.yaml
    hasnot "NOT OFF" "$out"
}
part_bench_request() { part_bench request; }
part_bench_stream() { part_bench stream; }

# What is no measurement becomes no number: dashes, NA:, a status word, an open sensor, a sum that is wrong.
part_invalid() {
    bench request --fault nan:unit=1,p=0.3 --fault ovld:unit=1,p=0.2 --fault nan:unit=2,p=0.3 --fault ovld:unit=2,p=0.1 \
        --fault nan:unit=3,p=0.3 --fault ovld:unit=3,p=0.3 --fault nan:unit=0,after=10,times=1 --fault ovld:unit=0,after=20,times=1
    # without limits of what is read so badly: the run is to go on; the press is what measures the pressure
    sed -i 's/, temperature: .*}/}/; s/poll: 500 ms/poll: 300 ms/; s/    pressure: stack/    sensors: [stack]/' rig.yaml
    protocol '{rest: 8 s, record: {every: 200 ms}}' > p.yaml
    try 0 run p.yaml --channel A1 --cell cell.yaml
    rows_good '($2 != "" && ($2 < 3.5 || $2 > 3.7)) || ($3 != "" && ($3 > 1e-5 || $3 < -1e-5)) || ($16 != "" && ($16 < 20 || $16 > 30)) ||
        ($17 != "" && ($17 < 5e4 || $17 > 3e5))'
}
part_invalid_ebc() {
    tester_rig ""
    protocol '{rest: 1 min}' '{discharge: 1 C, cutoff: [6 min, voltage < 3.0 V]}' > p.yaml
    emulate zketech_ebc --option model=a20,report=0.1 --rate 60 --cell cell.yaml --pty ebc.tty \
        --fault noise:p=0.2 --fault nan:p=0.1 --fault cut:p=0.05
    try 0 run p.yaml --channel B --cell cell.yaml --rate 60
    rows_good '$2 < 3.4 || $2 > 3.61 || $3 > 0.01 || $3 < -1.01'
}

# ---- Two pressure controllers with addresses on one port -----------------------------------------
part_addresses() {
    cell 0.01 5 > cell.yaml
    emulate --cell cell.yaml --rate 60 keithley_2400=smu.tty 'alicat_pc[id=A]=gas.tty' 'alicat_pc[id=B,unit=bar]=gas.tty'
    cat > rig.yaml << END
cyclostat_rig: 1
name: gas
ports:
  smu: {address: $folder/smu.tty}
  gas: {address: $folder/gas.tty}
instruments:
  smu1: {driver: keithley_2400, port: smu, poll: 200 ms, accept: no_watchdog}
  first: {driver: alicat_pc, port: gas, poll: 500 ms, options: {unit: A}}
  second: {driver: alicat_pc, port: gas, poll: 500 ms, options: {unit: B}}
sensors:
  line: {instrument: second, quantity: pressure}
channels:
  A1:
    cycler: smu1
    press: first
    sensors: [line]
    limits: {voltage: [2 V, 5 V], current: 50 mA, pressure: [0 MPa, 5 MPa]}
END
    protocol '{charge: 1 C, cutoff: [3 min, voltage > 4.2 V, line > 4 MPa]}' '{rest: 2 min}' > p.yaml
    try 0 run p.yaml --channel A1 --cell cell.yaml --rate 60
    try 0 show last --json
    same reasons "$(json '.steps | map(.reason) | join(" ")')" "time time"
    rows_good '$17 == ""'
}

"part_$3"
[ $bad -eq 0 ] || tail -n 20 "$folder"/state/*/log "$folder"/state/*/events.log said.txt 2> /dev/null
end
