#!/usr/bin/env bash
# A run on an emulated instrument, by hand: started, left, looked at, paused, resumed, skipped, stopped.
#
#   live.sh <cyclostat>
set -uo pipefail
awk() { LC_ALL=C command awk "$@"; }
cyclostat=$(realpath "$1")
folder=$("$(dirname "$0")/../check/scratch.sh")
export CYCLOSTAT_STATE=$folder/state CYCLOSTAT_RIG=$folder/rig.yaml CYCLOSTAT_RUNS=$folder/runs
mkdir "$CYCLOSTAT_STATE"
emulator=
end() {
    local pid
    pid=$(awk '/^supervisor/ {print $2}' "$CYCLOSTAT_STATE"/*/holders 2> /dev/null)
    [ -n "$pid" ] && kill "$pid" 2> /dev/null
    [ -n "$emulator" ] && kill "$emulator" 2> /dev/null
    wait
    rm -rf "$folder"
}
trap end EXIT
fail() {
    echo "FAILED: $*"
    cat "$CYCLOSTAT_STATE"/*/log 2> /dev/null | tail -20
    exit 1
}
# within <seconds> <command …>: until it is true.
within() {
    local i
    for ((i = 0; i < $1 * 20; i++)); do
        "${@:2}" > "$folder/within" 2>&1 && return 0
        sleep 0.05
    done
    return 1
}
source "$(dirname "$0")/../check/status.sh"
state() { [ "$(status_of A1 state)" = "$1" ]; }
step() { "$cyclostat" status A1 --json | jq -e --argjson n "$1" '.[0].step_count >= $n'; }
truth() { tail -n +1 "$folder/truth" | grep ' output 0 ' | tail -n 1 | grep -q "$1"; }

cat > "$CYCLOSTAT_RIG" << END
cyclostat_rig: 1
name: bench
ports:
  smu: {address: $folder/smu.tty}
instruments:
  smu1: {driver: keithley_2400, port: smu, poll: 200 ms, accept: no_watchdog}
channels:
  A1: {cycler: smu1, limits: {voltage: [0 V, 5 V], current: 50 mA}}
END
cp "$(dirname "$0")/../faults/small_cell.yaml" "$folder/cell.yaml"
protocol() { # <file> <step …>
    {
        echo "cyclostat: 1"
        echo "name: by hand"
        echo "limits: {voltage: [2.4 V, 4.5 V], current: 3 C}"
        echo "cutoff: [voltage < 2.5 V, voltage > 4.4 V]"
        echo "method:"
        printf '  - %s\n' "${@:2}"
    } > "$1"
}
protocol "$folder/long.yaml" '{charge: 1 C, cutoff: 20 min}' '{rest: 20 min}' '{discharge: 1 C, cutoff: 20 min}'
protocol "$folder/short.yaml" '{charge: 1 C, cutoff: 30 s}' '{rest: 20 s}' '{discharge: C/2, cutoff: 30 s}'
protocol "$folder/wide.yaml" '{charge: 30 C, cutoff: 30 s}'
sed -i 's/current: 3 C/current: 40 C/' "$folder/wide.yaml"
protocol "$folder/loop.yaml" '{charge: 1 C, cutoff: 10 min}'

"$cyclostat" emulate keithley_2400 --rate 50 --cell "$folder/cell.yaml" --pty "$folder/smu.tty" \
    --truth "$folder/truth" > "$folder/emulator" 2>&1 &
emulator=$!
within 5 grep -q ready "$folder/emulator" || fail "the emulator does not begin"
run() { "$cyclostat" run "$@" --channel A1 --cell "$folder/cell.yaml"; }

# What the channel does not allow is refused before anything is started.
run "$folder/wide.yaml" --rate 50 > "$folder/said" 2>&1
[ $? -eq 1 ] || fail "a current beyond the channel's limit is not refused"
grep -q "beyond the channel's limit of 50 mA" "$folder/said" || fail "wrong words: $(cat "$folder/said")"
[ -e "$CYCLOSTAT_RUNS" ] && fail "a refused run has left a folder"
sed 's/, accept: no_watchdog//' "$CYCLOSTAT_RIG" > "$folder/watchdog.yaml"
run "$folder/short.yaml" --rig "$folder/watchdog.yaml" > "$folder/said" 2>&1
[ $? -eq 1 ] || fail "an instrument without a watchdog is not refused"
grep -q no_watchdog "$folder/said" || fail "wrong words: $(cat "$folder/said")"
sed 's/address: [^}]*/address: "tcp:127.0.0.1:1"/' "$CYCLOSTAT_RIG" > "$folder/real.yaml"
run "$folder/short.yaml" --rig "$folder/real.yaml" --rate 50 > "$folder/said" 2>&1
[ $? -eq 1 ] || fail "a rate is not refused for what may be a real instrument"

# To the end, followed.
run "$folder/short.yaml" --rate 50 > "$folder/out" 2> "$folder/err" || fail "short: $(cat "$folder/err")"
grep -q '^done' "$folder/out" || fail "no word of the end: $(cat "$folder/out")"
"$cyclostat" show last --steps > "$folder/steps"
[ "$(awk 'NR > 1 {printf "%s ", $4}' "$folder/steps")" = "CC_CHG REST CC_DCH " ] || fail "$(cat "$folder/steps")"
truth open || fail "the output is on after the end"

# What runs is told as JSON too, and what did not start.
run "$folder/short.yaml" --rate 50 --json > "$folder/out" 2> "$folder/err" || fail "with --json: $(cat "$folder/err")"
jq -e '.end == "done" and .error == null and .step_count == 3 and (.diagnostics | length) == 0 and .cycles == []' \
    "$folder/out" > "$folder/said" || fail "not the end as JSON: $(cat "$folder/out")"
[ -e "$(jq -r .data_file "$folder/out")" ] || fail "no data file: $(cat "$folder/out")"
run "$folder/wide.yaml" --rate 50 --json > "$folder/out" 2> "$folder/err"
[ $? -eq 1 ] && jq -e '.end == null and (.error | test("beyond the channel"))' "$folder/out" > "$folder/said" ||
    fail "not the refusal as JSON: $(cat "$folder/out")"

# A protocol of several files is run from its copy, in which they lie as they lay to each other. Unix time is that of
# the first step, not of the command.
mkdir -p "$folder/lab/parts/deep"
sed '/method:/,$d' "$folder/short.yaml" > "$folder/lab/main.yaml"
printf 'method:\n  - {include: parts/up.yaml}\n' >> "$folder/lab/main.yaml"
{ sed '/method:/,$d' "$folder/short.yaml"; printf 'method:\n  - {include: deep/down.yaml}\n'; } > "$folder/lab/parts/up.yaml"
{ sed '/method:/,$d' "$folder/short.yaml"; printf 'method:\n  - {discharge: 1 C, cutoff: 20 s}\n'; } > "$folder/lab/parts/deep/down.yaml"
run "$folder/lab/main.yaml" --rate 50 --quiet > "$folder/said" 2>&1 || fail "of several files: $(cat "$folder/said")"
last=$("$cyclostat" show last --json | jq -r .run.folder)
[ -e "$last/protocol/parts/deep/down.yaml" ] || fail "the copy is laid out otherwise: $(find "$last/protocol")"
read -r made began < <(sqlite3 -readonly -separator ' ' "$last/journal.sqlite" \
    'SELECT created_unix_ns, start_unix_ns FROM run')
[ "$began" -gt "$made" ] || fail "Unix time begins when the folder is made, $made: $began"
awk -F, -v began="$began" 'NR == 2 { d = $4 - $1 - began / 1e9 } END { exit d > 0.002 || d < -0.002 || NR < 2 }' \
    "$last"/*.bdf.csv || fail "the data have another Unix time: $(head -2 "$last"/*.bdf.csv) for $began"

grep -q "port smu: link to smu1: up, KEITHLEY.* answers" "$CYCLOSTAT_STATE"/*/log || fail "who answers is not logged"

# Left, looked at, paused, resumed, skipped, stopped.
run "$folder/long.yaml" --rate 50 --detach > "$folder/out" || fail "cannot start and leave"
within 5 state running || fail "does not run: $(cat "$folder/within")"
run "$folder/short.yaml" --rate 50 > "$folder/said" 2>&1 && fail "two runs on one channel"
grep -q "a run is on channel A1 already" "$folder/said" || fail "wrong words: $(cat "$folder/said")"
left() { "$cyclostat" status A1 --json | jq -e '.[0].step_left_s > 0 and .[0].step_left_s < 1200'; }
within 5 left || fail "how long the step takes is not told: $(cat "$folder/within")"
"$cyclostat" status A1 | grep -qE '  00:[01][0-9]:[0-9]{2}  ' || fail "nor in the table: $("$cyclostat" status)"
"$cyclostat" pause A1 --now 2> "$folder/said" && fail "an option of another verb is taken"
"$cyclostat" restart A1 2> "$folder/said" && fail "one channel cannot be restarted"
"$cyclostat" attach A1 > "$folder/out" 2> "$folder/err" &
attached=$!
sleep 0.5
kill -INT $attached
wait $attached || fail "detaching is no success"
grep -q "cyclostat attach --rig" "$folder/err" || fail "detached without a word: $(cat "$folder/err")"
"$cyclostat" attach A1 > "$folder/out" 2> "$folder/err" &
attached=$!
within 5 truth "current 0.0025" || fail "no current flows"
"$cyclostat" pause A1 || fail "cannot pause"
within 5 state paused || fail "not paused"
within 5 truth "current 0 " || fail "a current flows in a pause"
"$cyclostat" pause A1 2> "$folder/said" && fail "paused twice"
grep -q "paused already" "$folder/said" || fail "wrong words: $(cat "$folder/said")"
"$cyclostat" resume A1 || fail "cannot resume"
within 5 truth "current 0.0025" || fail "no current after the pause"
"$cyclostat" skip A1 || fail "cannot skip"
within 5 step 2 || fail "not skipped"
"$cyclostat" skip A1 || fail "cannot skip the rest"
within 5 step 3 || fail "the rest is not skipped"
within 5 truth "current -0.0025" || fail "does not discharge"
"$cyclostat" stop A1 || fail "cannot stop"
wait $attached || fail "the end of a stopped run is no success: $(cat "$folder/err")"
grep -q '^stopped: by an operator, in step 3' "$folder/out" || fail "not stopped: $(cat "$folder/out")"
within 5 truth open || fail "the output is on after the stop"
"$cyclostat" stop A1 2> "$folder/said" && fail "stopped what is not there"
"$cyclostat" show last --json | jq -r '.events[] | "\(.who) \(.what) \(.why)"' > "$folder/events"
for word in pause resume skip stop; do
    grep -q "uid $(id -u) pid .* command $word" "$folder/events" || fail "who said $word? $(cat "$folder/events")"
done
"$cyclostat" show last --steps > "$folder/steps"
[ "$(awk 'NR > 1 {printf "%s ", $5}' "$folder/steps")" = "operator operator operator " ] || fail "$(cat "$folder/steps")"

# At once, without waiting for anything.
run "$folder/loop.yaml" --rate 50 --detach > "$folder/out" || fail "cannot start a third run"
within 5 truth "current 0.0025" || fail "the third run has no current"
"$cyclostat" stop A1 --now || fail "cannot stop at once"
within 5 truth open || fail "not off at once"
within 5 state free || fail "not free"

# The processes end when asked, not while a run is in progress; unless it may stay: then it rests, and goes on at the next start.
protocol "$folder/stays.yaml" '{charge: C/5, cutoff: 40 min, after_interruption: continue, max_gap: 12 h}'
run "$folder/stays.yaml" --rate 50 --detach > "$folder/out" || fail "cannot start a fourth run"
within 5 truth "current 0.0005" || fail "the fourth run has no current"
"$cyclostat" shutdown > "$folder/out" 2> "$folder/said" && fail "shut down under a run"
grep -q "a run is in progress on A1; nothing was done" "$folder/said" || fail "wrong words: $(cat "$folder/said")"
within 1 state running && truth "current 0.0005" || fail "something was done"
processes=$(awk '{print $2}' "$CYCLOSTAT_STATE"/*/holders)
"$cyclostat" shutdown --runs-stay > "$folder/out" || fail "cannot shut down: $(cat "$folder/out")"
[ "$(tr '\n' ' ' < "$folder/out")" = "port smu: ended daemon: ended supervisor: ended " ] || fail "wrong words: $(cat "$folder/out")"
within 5 truth open || fail "the output is on after the shutdown"
for pid in $processes; do
    within 2 test ! -e "/proc/$pid" || fail "process $pid goes on"
done
[ -n "$processes" ] || fail "there were no processes"
"$cyclostat" shutdown > "$folder/out" || fail "twice is a failure"
grep -q "^nothing runs" "$folder/out" || fail "wrong words: $(cat "$folder/out")"
"$cyclostat" restart --rate 50 || fail "cannot start again"
within 10 truth "current 0.0005" || fail "the run does not go on: $("$cyclostat" status)"
state running > "$folder/said" || fail "it is not said to run: $("$cyclostat" status)"
"$cyclostat" stop A1 || fail "cannot stop what went on"
within 5 state free || fail "not free after all"
"$cyclostat" shutdown > "$folder/out" || fail "cannot shut down an idle rig"

# An upgrade: the daemon is replaced, and a run whose step would hold after what nobody planned goes on, with the output
# off no longer than its gap, and all of its charge known. Where the port is replaced as well, the step's word counts.
protocol "$folder/upgrade.yaml" '{charge: C/5, cutoff: 200 min}'
first=$(wc -l < "$folder/truth")
run "$folder/upgrade.yaml" --rate 50 --detach > "$folder/out" || fail "cannot start a run to upgrade under"
within 5 truth "current 0.0005" || fail "it has no current"
before=$(wc -l < "$folder/truth")
"$cyclostat" attach A1 > "$folder/followed" 2> "$folder/follower" &
follower=$!
within 5 grep -q CC_CHG "$folder/follower" || fail "nothing is followed: $(cat "$folder/follower")"
"$cyclostat" restart || fail "cannot restart"
anew() { tail -n +$((before + 1)) "$folder/truth" | grep ' output 0 '; }
on_again() { anew | grep -q 'output 0 current 0.0005'; }
within 10 on_again || fail "it does not go on after the restart: $("$cyclostat" status)"
last=$("$cyclostat" show last --json | jq -r .run.folder)
journal() { sqlite3 -readonly -separator ' ' "$last/journal.sqlite" "$1"; }
[ "$(journal "SELECT why FROM event WHERE what = 'restart' AND who LIKE 'uid %'")" = \
    "restarted by a person: it rests until the next daemon is there" ] || fail "not noted: $(journal 'SELECT * FROM event')"
journal 'SELECT cause, verdict, (end_ns - start_ns) / 1e9, estimate_Ah, bound_Ah FROM gap' > "$folder/gap"
grep -q '^the program was restarted by a person, and gone continue ' "$folder/gap" || fail "the gap: $(cat "$folder/gap")"
anew > "$folder/anew"
awk 'NR == FNR { gap = $(NF - 2); known = ($NF <= 0.0005 * gap / 3600 / 2); next }
    / open/ && !off { off = $1 } /current 0.0005/ && !on { on = $1 }
    END { exit !(known && off && on > off && (on - off) / 1e9 * 50 <= gap + 50) }' "$folder/gap" "$folder/anew" ||
    fail "the gap is not what the output was off: $(cat "$folder/gap" "$folder/anew")"
sleep 0.5 # some charge that is sure
"$cyclostat" shutdown --runs-stay > "$folder/out" || fail "cannot shut down under it"
"$cyclostat" restart --rate 50 || fail "cannot start again after that"
within 10 state held || fail "it goes on although its port was replaced: $("$cyclostat" status)"
"$cyclostat" status > "$folder/said"
grep -q "A1: the program was restarted by a person, and gone for .*: the process of its port was replaced as well, and the step says after_interruption: hold" "$folder/said" || fail "wrong words: $(cat "$folder/said")"
"$cyclostat" stop A1 || fail "cannot stop what is held"
within 5 state free || fail "not free after the upgrade"
wait "$follower" || fail "who follows it does not come to its end, $?: $(cat "$folder/follower")"
grep -q '^stopped' "$folder/followed" || fail "nor say it: $(cat "$folder/followed" "$folder/follower")"
[ "$(grep -c '^the daemon is gone: waiting for the next one' "$folder/follower")" = 2 ] || fail "two daemons have gone: $(cat "$folder/follower")"
grep -q 'ALARM: the program was restarted by a person' "$folder/follower" || fail "it does not follow the third one: $(cat "$folder/follower")"
journal 'SELECT charge_Ah, (SELECT sum(bound_Ah) FROM gap) FROM step' > "$folder/charge"
tail -n +$((first + 1)) "$folder/truth" | grep ' output 0 ' > "$folder/anew"
awk 'NR == FNR { charge = $1; bound = $2; next }
    on { sum += on * ($1 - at) / 3.6e12 * 50 } { on = /current 0.0005/ ? 0.0005 : 0; at = $1 }
    END { d = charge - sum; print charge, bound, sum; exit !(sum > 0 && d < bound + 0.05 * sum && -d < bound + 0.05 * sum) }' \
    "$folder/charge" "$folder/anew" > "$folder/said" || fail "charge, bound, and what has flowed: $(cat "$folder/said")"
for again in 1 2 3 4; do # which is none of the restarts that a daemon in trouble has
    "$cyclostat" restart || fail "restart $again is refused"
    within 5 state free || fail "no daemon after restart $again"
done
"$cyclostat" shutdown > "$folder/out" || fail "cannot shut down after the upgrade"

# A broken limit of the channel latches it: whoever looks is told what to do, until it was done.
last=$("$cyclostat" show last --json | jq -r .run.data_file)
below=$(awk -F, 'NR > 1 && $2 != "" { V = $2 } END { printf "%.3f", V - 0.02 }' "$last")
sed "s/voltage: \[0 V, 5 V\]/voltage: [$below V, 5 V]/" "$CYCLOSTAT_RIG" > "$folder/tight.yaml"
export CYCLOSTAT_RIG=$folder/tight.yaml
sed '/^cutoff/d; s/charge: 1 C, cutoff: 10 min/discharge: 1 C, cutoff: 1 mAh/' "$folder/loop.yaml" > "$folder/free.yaml"
run "$folder/free.yaml" --rate 50 > "$folder/out" 2> "$folder/err"
[ $? -eq 3 ] || fail "the channel's limit does not end the run: $(cat "$folder/out" "$folder/err")"
remedy() { # <file>
    grep -q "cyclostat rearm $folder/tight.yaml" "$1" && grep -q "cyclostat stop --rig $folder/tight.yaml --channel A1" "$1"
}
remedy "$folder/err" || fail "no remedy at the end: $(cat "$folder/err")"
"$cyclostat" status > "$folder/said"
remedy "$folder/said" || fail "no remedy in the status: $(cat "$folder/said")"
"$cyclostat" stop A1 || fail "cannot acknowledge"
run "$folder/free.yaml" --rate 50 > "$folder/out" 2> "$folder/said"
[ $? -eq 4 ] && grep -q "latched off: see to the cause, then .cyclostat rearm" "$folder/said" ||
    fail "started while latched: $(cat "$folder/said")"
"$cyclostat" rearm > "$folder/out" || fail "cannot rearm"
"$cyclostat" status > "$folder/said"
grep -q rearm "$folder/said" && fail "still latched: $(cat "$folder/said")"
"$cyclostat" shutdown > "$folder/out" || fail "cannot shut down"
echo ok
