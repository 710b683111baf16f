#!/usr/bin/env bash
# The daemon is killed again and again in the midst of a live run on an emulated instrument, at
# moments drawn by seed. After each kill another daemon goes on by itself. In the end the data must
# hold, byte for byte, what was there at each kill; each record once; completed steps as they were;
# and the charge of the interrupted steps must agree with what the instrument really did, within
# what the gap records say.
#
#   crash.sh CYCLOSTAT SHARE KILLS [SEED]
set -u
export LC_ALL=C
program=$1 share=$2 kills=$3 seed=${4:-1}
folder=$(mktemp -d "${TMPDIR:-/tmp}/cyc-crash-XXXXXX") || exit 2
started=()
finish() {
    for pid in "${started[@]}"; do
        kill "$pid" 2>>"$folder/kill.log"
        wait "$pid" 2>>"$folder/kill.log"
    done
    rm -rf "$folder"
}
trap finish EXIT
fail() {
    echo "crash.sh: seed $seed: $*"
    tail -n 5 "$folder"/*.log "$folder"/state/*/events.log 2>&1 | sed 's/^/    /'
    exit 1
}
export CYCLOSTAT_STATE=$folder/state
mkdir -p "$folder/state" "$folder/runs"
cat >"$folder/rig.yaml" <<RIG
cyclostat_rig: 1
name: crash
institution: LAB
ports:
  smu: {address: $folder/smu, baud: 57600}
instruments:
  smu1: {driver: keithley_2400, port: smu, poll: 200 ms, accept: no_watchdog}
channels:
  A1:
    cycler: smu1
    limits: {voltage: [1.5 V, 4.9 V], current: 100 mA}
RIG
cat >"$folder/protocol.yaml" <<'PROTOCOL'
cyclostat: 1
name: crash
cell: {active_mass: 9.03 mg, one_c: 200 mA/g, nominal_capacity: 290 mAh/g}
limits: {voltage: [1.6 V, 4.7 V], current: 10 mA}
record: {every: 10 s}
method:
  - {rest: 20 s, after_interruption: continue, max_gap: 1 h}
  - cycles: 40
    id: main
    steps:
      - {charge: 1 C, hold: 3.6 V, cutoff: [0.5 C, 40 s], after_interruption: continue, max_gap: 1 h}
      - {discharge: 1 C, cutoff: [2.4 V, 40 s], after_interruption: continue, max_gap: 1 h}
PROTOCOL
"$program" emulate keithley_2400 --cell "$share/protocols/cells/n-lmro.yaml" --pty "$folder/smu" \
    --rate 20 --truth "$folder/truth" >"$folder/emulator.log" 2>&1 &
started+=($!)
for _ in $(seq 100); do [ -e "$folder/smu" ] && break; sleep 0.1; done
supervise() {
    "$program" supervise --rig "$folder/rig.yaml" --rate 20 >>"$folder/supervisor.log" 2>&1 &
    supervisor=$!
    started=("$supervisor" "${started[@]:${1:-0}}")
    for _ in $(seq 100); do
        [ -S "$(echo "$folder"/state/*/daemon.sock)" ] && break
        sleep 0.1
    done
}
supervise
"$program" run "$folder/protocol.yaml" --rig "$folder/rig.yaml" --channel A1 \
    --cell "$share/protocols/cells/n-lmro.yaml" --runs "$folder/runs" --rate 20 --detach \
    >"$folder/run.log" 2>&1 || fail "the run was not started"

run=
for _ in $(seq 100); do run=$(echo "$folder"/runs/2*) && [ -d "$run" ] && break; sleep 0.1; done
data=$(echo "$run"/*.bdf.csv)
ask() { sqlite3 -readonly "$run/journal.sqlite" "$1" 2>>"$folder/sqlite.log"; }
state() { "$program" status --rig "$folder/rig.yaml" 2>>"$folder/status.log" | awk '$1 == "A1" { print $2 }'; }
verdict() { ask 'SELECT verdict FROM gap ORDER BY id DESC LIMIT 1'; }
# Until the channel runs. A cell that relaxes by more than the band is held, as it must be; a person
# then looks at it and says `resume`. No other reason is let pass.
wait_running() {
    for _ in $(seq 150); do
        now=$(state)
        [ "$now" = running ] && return 0
        case "$now $(verdict)" in
        held*"is not what it was left with"*)
            "$program" resume --rig "$folder/rig.yaml" --channel A1 >>"$folder/resume.log" 2>&1
            ;;
        esac
        sleep 0.1
    done
    echo "crash.sh: the channel is $now"
    return 1
}
# A reproducible number below $1.
draw() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    drawn=$((seed / 65536 % $1))
}

wait_running || fail "it does not run"
restarts=0
for kill in $(seq "$kills"); do
    draw 1500
    sleep "0.$(printf %04d $((drawn + 300)))"
    sleep "$((drawn % 3))"
    daemon=$(pgrep -P "$supervisor" -f "cyclostat daemon" | head -n 1)
    [ -n "$daemon" ] || fail "there is no daemon"
    kill -STOP "$daemon" # so that file and journal are of one moment
    cp "$data" "$folder/before.$kill"
    ask "SELECT * FROM step WHERE end_ns IS NOT NULL ORDER BY count" >"$folder/steps.$kill"
    kill -KILL "$daemon"
    sleep 0.5
    wait_running || fail "kill $kill: it was not gone on with: $(ask 'SELECT verdict FROM gap ORDER BY id DESC LIMIT 1')"
    # A daemon is not started for ever: all of it anew, port processes too, whose readings are lost.
    if [ $((kill % 2)) = 0 ]; then
        kill -TERM "$supervisor"
        wait "$supervisor"
        supervise 1
        restarts=$((restarts + 1))
        wait_running || fail "restart after kill $kill: it was not gone on with: $(ask 'SELECT verdict FROM gap ORDER BY id DESC LIMIT 1')"
    fi
done
"$program" stop --rig "$folder/rig.yaml" --channel A1 >"$folder/stop.log" 2>&1
for _ in $(seq 100); do [ "$(state)" = free ] && break; sleep 0.1; done

for kill in $(seq "$kills"); do
    whole=$(head -n "$(wc -l <"$folder/before.$kill")" "$folder/before.$kill" | wc -c)
    cmp -n "$whole" "$folder/before.$kill" "$data" || fail "kill $kill: rows from before were changed"
    count=$(wc -l <"$folder/steps.$kill")
    ask "SELECT * FROM step WHERE end_ns IS NOT NULL ORDER BY count LIMIT $count" >"$folder/steps.now"
    cmp "$folder/steps.$kill" "$folder/steps.now" || fail "kill $kill: completed steps were changed"
done
awk -F, 'NR > 1 && $11 != NR - 1 { print "record " $11 " in row " NR - 1; bad = 1 }
         NR > 2 && $1 + 0 < before + 0 { print "time goes back in row " NR - 1; bad = 1 }
         { before = $1 } END { exit bad }' "$data" || fail "records are missing or doubled"
gaps=$(ask "SELECT count(*) FROM gap")
[ "$gaps" = $((kills + restarts)) ] || fail "$gaps gaps for $kills kills and $restarts restarts"
echo "$kills kills, $restarts restarts: $(wc -l <"$data") rows, $(ask 'SELECT count(*) FROM step') steps; largest bound $(ask 'SELECT max(bound_Ah) FROM gap') Ah"
