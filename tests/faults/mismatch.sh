#!/usr/bin/env bash
# A charge whose daemon is killed in its midst, and a world that is another one when it is back: the
# run waits for a person, says why, and nothing is energised until then, be the daemon killed again.
# Where nothing has changed it goes on by itself and ends.
#
#   mismatch.sh CYCLOSTAT [CASE …]
#
# Another instrument is told nothing, whoever ends, is ended or stops the run: the emulator writes
# down every byte that came. Each case has its own rig, and all go side by side.
set -uo pipefail
export LC_ALL=C
cyclostat=$(realpath "$1")
folder=$("$(dirname "$0")/../check/scratch.sh")
rate=20
cases=(nothing_daemon nothing_all serial_number strayed exchanged left_on power_cycled rig_limits protocol_copy
    other_cell too_long latched output_key key_while_gone)
[ $# -gt 1 ] && cases=("${@:2}")

cp "$(dirname "$0")/small_cell.yaml" "$folder/cell.yaml"
sed 's/initial_soc: 50/initial_soc: 62/' "$folder/cell.yaml" > "$folder/fuller.yaml"
protocol() { # <name> <max_gap>
    cat > "$folder/$1.yaml" << END
cyclostat: 1
name: $1
limits: {voltage: [2.4 V, 4.5 V], current: 3 C}
record: {every: 2 s}
method:
  - {charge: C/4, cutoff: [4.4 V, 6 min], after_interruption: continue, max_gap: $2}
  - {rest: 10 s}
END
}
protocol patient "1 h"
protocol hasty "20 s"

# ---- Small things -------------------------------------------------------------------------------

fail() {
    echo "BROKEN: $name: $*"
    "$cyclostat" status --json | jq -c '.[] | {state, why}'
    tail -n 15 "$CYCLOSTAT_STATE"/*/log "$CYCLOSTAT_STATE"/*/events.log | sed 's/^/    /'
    exit 1
}
within() { # <seconds> <command …>
    local i
    for ((i = 0; i < $1 * 10; i++)); do
        "${@:2}" > "$here/within" 2>&1 && return 0
        sleep 0.1
    done
    return 1
}
source "$(dirname "$0")/../check/status.sh"
is() { [ "$(status_of A1 state)" = "$1" ]; }
says() { status_of A1 why | grep -E "$1"; }
holder() { awk -v what="$1" '$1 == what {print $2}' "$CYCLOSTAT_STATE"/*/holders; }
ask() { sqlite3 -readonly "$(echo "$here"/runs/*/journal.sqlite)" "$1"; }
# In truth, of every instrument of the rig: how many drive a current now, or how often one began to.
# Off is an open relay, or what an instrument holds after power-on; open circuit is 0 A.
outputs() {
    cat "$here"/truth.* | awk -v what="$1" '
        $3 == "output" {
            is = $5 == "open" ? 0 : $5 == "voltage" ? !($6 == 0 && $8 > -1e-6 && $10 < 1e-6) : $6 != 0
            times += is && !on[$2]
            on[$2] = is
        }
        END {
            for (unit in on) driven += on[unit]
            print what == "times" ? times + 0 : driven + 0
        }'
}
# A mark before that knows neither time nor cell: nothing to compare with.
clocked() { ask 'SELECT host FROM mark' | grep '^boot_ns [1-9]'; }
driven() { [ "$(outputs driven)" -gt 0 ]; }
dark() { [ "$(outputs driven)" -eq 0 ]; }
emulator() { # <truth> <instrument …>: again under the same links
    local truth=$1
    shift
    "$cyclostat" emulate --rate $rate --wire --truth "$here/truth.$truth" --cell "$folder/cell.yaml" \
        --cell "$folder/fuller.yaml" ${fault:+--fault "$fault"} "$@" > "$here/emulator" 2>&1 &
    emulator=$!
    within 5 grep -q ready "$here/emulator" || fail "the emulator does not begin: $(cat "$here/emulator")"
}
end() {
    local pid
    for pid in $(holder supervisor) $emulator; do kill "$pid" 2> /dev/null; done
    wait
}

# ---- What is another one ------------------------------------------------------------------------

other_emulator() { # <serial number> [<instrument>]
    kill "$emulator"
    wait "$emulator" 2> /dev/null
    rm -f "$here/smu.tty" "$here/other.tty"
    emulator 2 "keithley_2400[serial=$1]=$here/smu.tty" "${@:2}"
}
change_copy() { sed -i 's|C/4|C/2|' "$(grep -l 'C/4' "$here"/runs/*/protocol/*.yaml)"; }
change() {
    case $name in
    serial_number) other_emulator 7654321 ;;
    exchanged) other_emulator 7654321 "keithley_2400[cell=1]=$here/other.tty" ;;
    strayed) # and the daemon knows nothing of the run that it could go on with
        change_copy
        other_emulator 7654321 ;;
    power_cycled) other_emulator 1234567 ;;
    rig_limits) sed -i 's/current: 50 mA/current: 60 mA/' "$CYCLOSTAT_RIG" ;;
    protocol_copy) change_copy ;;
    other_cell) # the clips are on another one: a twin of the instrument, which has been on as long
        printf '*CLS\r*ESR?\r' > "$here/other.tty"
        sleep 0.3
        ln -sfn "$(readlink "$here/other.tty")" "$here/smu.tty" ;;
    too_long) sleep 2 ;; # 40 s of the run
    output_key | key_while_gone) within 20 dark || fail "nobody has pressed the key" ;;
    latched) "$cyclostat" safe > "$here/said" || fail "cannot be made safe: $(cat "$here/said")" ;;
    esac
}
reason() {
    case $name in
    serial_number) echo "another serial number answers: '7654321', it was '1234567'" ;;
    power_cycled) echo "the instrument was switched off or reset meanwhile" ;;
    rig_limits) echo "the channel's part of the rig file is not what it was" ;;
    protocol_copy | strayed) echo "protocol/patient.yaml" ;;
    other_cell) echo "the cell's voltage of .* is not what it was left with" ;;
    too_long) echo "the outage of .* is longer than max_gap" ;;
    latched) echo "latched (safe|until)" ;;
    output_key | key_while_gone) echo "the output was switched off at the instrument" ;;
    esac
}

# ---- A case -------------------------------------------------------------------------------------

# The daemon alone, which is started again; or with what would start it.
kill_host() {
    local supervisor daemon
    supervisor=$(holder supervisor) daemon=$(holder daemon)
    if [ "$1" = daemon ]; then
        kill -9 "$daemon"
        return
    fi
    local ports
    ports=$(holder port)
    kill -9 "$supervisor" "$daemon"
    within 3 dark || fail "a current flows on"
    for pid in $ports; do within 3 test ! -e "/proc/$pid" || fail "port process $pid stays"; done
}
restart() { "$cyclostat" restart --rate $rate > "$here/said" 2>&1 || fail "cannot start again: $(cat "$here/said")"; }
ends() {
    within 30 is free || fail "does not end: $(cat "$here/within")"
    dark || fail "the output is on after the end"
    ask "SELECT outcome FROM run" > "$here/end"
    grep -q "^$1" "$here/end" || fail "ended otherwise: $(cat "$here/end")"
}
# Another instrument is not even set up: nothing closes its output. Nor that of one that was switched
# off, as long as the process lives that has read that from it: reading it takes it back.
untouched() { ! grep -hE " received | output 0 current" "$here/truth.2"; }
# asked_only <truth> <unit> <question …>: nothing but these has come to it, and they have
asked_only() {
    awk -v unit="$2" '
        $2 == unit && $3 == "wire" {all = all $4}
        END {gsub(/\\x0d/, "\n", all); printf "%s", all}' "$here/truth.$1" | sort -u > "$here/asked"
    printf '%s\n' "${@:3}" | sort | cmp - "$here/asked"
}
stays_held() { # <when>
    within 10 is held || fail "$1, it is not held: $(cat "$here/within")"
    within 2 says "$(reason)" || fail "$1, another reason: $(cat "$here/within")"
    sleep 1
    is held > /dev/null || fail "$1, it was held and goes on"
    if [ "$name" = serial_number ] || [ "$name" = strayed ] ||
        { [ "$name" = power_cycled ] && [ "$1" != "everything killed again" ]; }; then
        untouched || fail "$1, something was said to the instrument: $(untouched)"
    fi
    [ "$(outputs times)" -eq 1 ] && dark || fail "$1, something was energised: $(tail -n 4 "$here"/truth.*)"
}
one() {
    name=$1 here=$folder/$1 emulator=
    local pin= port= instrument= channel=
    if [ "$name" = exchanged ]; then
        pin=', serial_number: "1234567"'
        port=", spare: {address: $here/other.tty}"
        instrument=', smu2: {driver: keithley_2400, port: spare, accept: no_watchdog, serial_number: "7654321"}'
        channel=', A2: {cycler: smu2, limits: {voltage: [2 V, 5 V], current: 50 mA}}'
    fi
    export CYCLOSTAT_STATE=$here/state CYCLOSTAT_RIG=$here/rig.yaml CYCLOSTAT_RUNS=$here/runs
    mkdir -p "$CYCLOSTAT_STATE"
    trap end EXIT
    cat > "$CYCLOSTAT_RIG" << END
cyclostat_rig: 1
name: bench
sync: 1 s
ports: {smu: {address: $here/smu.tty}$port}
instruments: {smu1: {driver: keithley_2400, port: smu, poll: 200 ms, accept: no_watchdog $pin}$instrument}
channels: {A1: {cycler: smu1, limits: {voltage: [2 V, 5 V], current: 50 mA}}$channel}
END
    local protocol=patient fault=
    [ "$name" = output_key ] && fault="knob:unit=0,at=14,times=1"
    [ "$name" = key_while_gone ] && fault="knob:unit=0,at=14,times=1"
    [ "$name" = too_long ] && protocol=hasty
    local twin=
    [ "$name" = left_on ] || [ "$name" = exchanged ] && twin=,serial=7654321
    emulator 1 "keithley_2400=$here/smu.tty" "keithley_2400[cell=1$twin]=$here/other.tty"
    "$cyclostat" run "$folder/$protocol.yaml" --channel A1 --cell "$folder/cell.yaml" --rate $rate --detach \
        > "$here/said" 2>&1 || fail "cannot start: $(cat "$here/said")"
    within 8 driven || fail "no current flows"
    within 11 clocked || fail "no mark since the run's clock began"
    sleep 1

    if [ "$name" = exchanged ] || [ "$name" = left_on ]; then
        "$name"
        return
    fi
    if [ "$name" = nothing_daemon ]; then
        kill_host daemon
        within 3 dark || fail "the output stays on"
        within 8 driven || fail "it does not go on by itself"
        ends done
        [ "$(ask 'SELECT verdict FROM gap')" = continue ] || fail "the gap: $(ask 'SELECT * FROM gap')"
        return
    fi
    case $name in
    output_key) change ;; # all of them look on
    key_while_gone) # none of them does
        end_at_once
        change
        restart ;;
    *)
        kill_host all
        change
        restart ;;
    esac
    if [ "$name" = nothing_all ]; then
        within 8 driven || fail "it does not go on by itself"
        ends done
        [ "$(ask 'SELECT verdict FROM gap')" = continue ] || fail "the gap: $(ask 'SELECT * FROM gap')"
        return
    fi
    stays_held "after the restart"
    ask "SELECT verdict FROM gap" > "$here/gap"
    kill_host daemon
    stays_held "its daemon killed again"
    kill_host all
    restart
    stays_held "everything killed again"
    person
}

# All of them, and none reacts to another's end.
end_at_once() {
    local all="$(holder supervisor) $(holder port) $(holder daemon)"
    kill -STOP $all && kill -9 $all
    driven > /dev/null || fail "it is off, though nobody was left to switch it off"
}
port_of_run() { awk '$1 == "port" && $4 == "smu" {print $2}' "$CYCLOSTAT_STATE"/*/holders; }
kill_port() {
    local port
    port=$(port_of_run)
    kill -9 "$port"
    within 5 eval "port_of_run | grep -qvx $port" || fail "no other port process comes"
}
told_again() { [ "$(cat "$CYCLOSTAT_STATE"/*/log | grep -cF "port smu: link to smu1: another instrument")" -ge "$1" ]; }
# stop_untold [OPTION] <why>: a person's stop is carried out, and says that nobody was told
stop_untold() {
    local why=${*: -1}
    "$cyclostat" stop A1 "${@:1:$#-1}" > "$here/said" 2>&1 || fail "cannot be stopped: $(cat "$here/said")"
    grep -qF "OFF was not sent: $why" "$here/said" || fail "stop says otherwise: $(cat "$here/said")"
    grep -qF "see that the output of '1234567' is off" "$here/said" || fail "nor whom to look after: $(cat "$here/said")"
    within 10 is free || fail "does not end: $(cat "$here/within")"
    ask "SELECT outcome, why FROM run" | grep -qF "stopped|OFF was not sent: $why" || fail "the journal: $(ask 'SELECT * FROM run')"
}
# The rig says who has to be there, and two cables are swapped while a current flows.
exchanged() {
    local why="another instrument answers: serial number '7654321' instead of '1234567'"
    change
    within 10 is held || fail "it is not held: $(cat "$here/within")"
    within 5 says "$why" || fail "another reason: $(cat "$here/within")"
    kill_port
    within 5 told_again 2 || fail "the next port process does not name it"
    within 5 grep -qF "port spare: link to smu2: another instrument" "$CYCLOSTAT_STATE"/*/log || fail "the other one is not named"
    stop_untold "$why"
    grep -qF "which answers on port spare, in the place of smu2" "$here/said" || fail "nor where: $(cat "$here/said")"
    kill_port
    sleep 0.5
    "$cyclostat" shutdown > "$here/said" 2>&1
    asked_only 2 keithley_2400 '*IDN?' || fail "it was told something: $(cat "$here/asked")"
    asked_only 2 'keithley_2400#2' '*IDN?' || fail "the one at the other port was told something: $(cat "$here/asked")"
}
# It does not, and nobody was left when it was changed. The one that was left on is made safe when it
# is back, and no other one.
left_on() {
    local why="another instrument answers: serial number '7654321' instead of '1234567'"
    local right
    right=$(readlink "$here/smu.tty")
    end_at_once
    ln -sfn "$(readlink "$here/other.tty")" "$here/smu.tty"
    restart
    within 5 told_again 1 || fail "it is not named"
    kill_port
    within 5 told_again 2 || fail "the next port process does not name it"
    stop_untold --now "$why"
    driven > /dev/null || fail "the right one is off, though nobody could reach it"
    ln -sfn "$right" "$here/smu.tty"
    kill_port
    within 5 dark || fail "the right one is back, and stays on"
    "$cyclostat" shutdown > "$here/said" 2>&1 || fail "no clean end: $(cat "$here/said")"
    asked_only 1 'keithley_2400#2' '*IDN?' || fail "it was told something: $(cat "$here/asked")"
}

# What a person can do then.
person() {
    case $name in
    strayed)
        stop_untold "another serial number answers: '7654321', it was '1234567'"
        "$cyclostat" shutdown > "$here/said" 2>&1 || fail "no clean end: $(cat "$here/said")"
        asked_only 2 keithley_2400 '*IDN?' '*ESR?' ':OUTP?' || fail "it was told something: $(cat "$here/asked")"
        return ;;
    protocol_copy) # nothing is known of where it would go on
        "$cyclostat" resume > "$here/said" 2>&1 && fail "a run of another protocol is resumed"
        "$cyclostat" stop || fail "cannot be stopped"
        ends stopped
        return ;;
    latched)
        "$cyclostat" resume > "$here/said" 2>&1
        sleep 1
        dark || fail "resumed against the latch"
        "$cyclostat" rearm > "$here/said" || fail "cannot be rearmed"
        stays_held "rearmed" ;;
    esac
    "$cyclostat" resume > "$here/said" 2>&1 || fail "cannot be resumed: $(cat "$here/said")"
    within 5 driven || fail "a person has resumed it, and it does not go on"
    "$cyclostat" stop || fail "cannot be stopped"
    ends stopped
}

# Where programs are slow to start, with sanitizers in them, seventy processes at once are too many.
from=$(date +%s%N)
"$cyclostat" check "$folder/patient.yaml" --cell "$folder/cell.yaml" > /dev/null
[ $((($(date +%s%N) - from) / 1000000)) -gt 20 ] && at_once=4 || at_once=${#cases[@]}
pids=()
for c in "${cases[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do sleep 0.1; done
    (one "$c") > "$folder/$c.out" 2>&1 &
    pids+=($!)
done
bad=0
for i in "${!pids[@]}"; do
    wait "${pids[$i]}" || bad=1
    cat "$folder/${cases[$i]}.out"
done
[ "${KEEP:-}" ] && cp -r "$folder" "$KEEP"
rm -rf "$folder"
echo "${#cases[@]} cases"
exit $bad
