#!/usr/bin/env bash
# Ports that are missing, locked, vanish and come back, and instruments that were exchanged: each
# gives one clear message, and nothing is ever written to the wrong instrument.
#
#   ports.sh CYCLOSTAT DOUBLE
set -uo pipefail
export LC_ALL=C
cyclostat=$1 double=$2
folder=$("$(dirname "$0")/../check/scratch.sh")
emulator= supervisor= locker=
finish() {
    for pid in $locker $supervisor; do kill "$pid" 2> /dev/null && wait "$pid" 2> /dev/null; done
    [ -n "$emulator" ] && kill "$emulator" 2> /dev/null
    wait
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder" || exit 2
mkdir state
bad=0 checked=0
log=state/events.log

cat > rig.yaml <<'RIG'
cyclostat_rig: 1
ports:
  left: {address: left}
  right: {address: right}
instruments:
  smu1: {driver: keithley_2400, port: left, serial_number: "1111111", poll: 250 ms,
         accept: no_watchdog, options: {terminator: CR}}
  smu2: {driver: keithley_2400, port: right, serial_number: "2222222", poll: 250 ms,
         accept: no_watchdog, options: {terminator: CR}}
channels:
  A1: {cycler: smu1, limits: {voltage: [2 V, 4.9 V], current: 100 mA}}
  A2: {cycler: smu2, limits: {voltage: [2 V, 4.9 V], current: 100 mA}}
RIG

expect() { # <what> <command …>
    checked=$((checked + 1))
    local what=$1
    shift
    if "$@"; then echo "holds: $what"; else echo "BROKEN: $what"; bad=1; fi
}

# until <seconds> <command …>: waits until it succeeds
until_true() {
    local tries=$(($1 * 20))
    shift
    while ! "$@" 2> /dev/null; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.05
    done
}
not() { ! "$@"; }
count() { [ "$(grep -c "$2" "$3")" -eq "$1" ]; }
has() { grep -q "$1" "$2"; }
newest_lines_have() { tail -n "+$1" $log | grep -q "$2"; }
both_driven() { [ "$(grep -c "output 0 current 0.001" truth.log)" -ge 2 ]; }

# emulate <serial number at left> <at right>
emulate() {
    "$cyclostat" emulate --cell linear --cell linear --truth truth.log \
        "keithley_2400[serial=$1]=left" "keithley_2400[serial=$2]=right" > emulator.txt 2>&1 &
    emulator=$!
    until_true 5 has ready emulator.txt
}
vanish() {
    kill "$emulator"
    wait "$emulator" 2> /dev/null
    emulator=
    rm -f left right
}

# ---- Missing --------------------------------------------------------------------------------------
DOUBLE_CYCLOSTAT=$cyclostat DOUBLE=steady "$double" supervise --rig rig.yaml --state "$folder/state" \
    > supervisor.txt 2>&1 &
supervisor=$!
expect "a missing port is named" until_true 3 has "smu1: there is no port" $log
sleep 1.5
expect "once, however often it is tried" count 1 "smu1: there is no port" $log

# ---- There ----------------------------------------------------------------------------------------
emulate 1111111 2222222
expect "ports that appear are found" until_true 5 both_driven

# ---- Vanished, back under another name -------------------------------------------------------------
before=$(readlink left)
vanish
expect "a lost link is told" until_true 3 has "smu1: .*lost" $log
(exec 9<> /dev/ptmx; sleep 8) & # takes a number, so that the next ones differ
taker=$!
from=$(($(wc -l < $log) + 1))
emulate 1111111 2222222
[ "$(readlink left)" != "$before" ] || echo "(the same name again)"
expect "found again by its link and its identity" until_true 4 newest_lines_have $from "smu1: is there again"
kill $taker 2> /dev/null
expect "not energised by itself" not has "output 0 current 0.001" truth.log

# ---- Exchanged ------------------------------------------------------------------------------------
vanish
from=$(($(wc -l < $log) + 1))
emulate 2222222 1111111
expect "another instrument is named" until_true 4 newest_lines_have $from \
    "smu1: another instrument answers: serial number '2222222' instead of '1111111'"
sleep 2.5
expect "nothing that changes anything was written to either" not has received truth.log
expect "no output has moved" not has "output 0 current" truth.log
vanish
from=$(($(wc -l < $log) + 1))
emulate 1111111 2222222
expect "put right, both are there again" until_true 5 newest_lines_have $from "smu2: is there again"

# ---- Two supervisors, a locked port ---------------------------------------------------------------
"$double" supervise --rig rig.yaml --state "$folder/state" > second.txt 2>&1
expect "a second supervisor is refused" has "a supervisor runs on this rig already" second.txt
kill $supervisor
wait $supervisor
supervisor=
flock "$(readlink -f left)" sleep 20 &
locker=$!
sleep 0.3
from=$(($(wc -l < $log) + 1))
DOUBLE_CYCLOSTAT=$cyclostat DOUBLE=steady "$double" supervise --rig rig.yaml --state "$folder/state" \
    > supervisor.txt 2>&1 &
supervisor=$!
expect "a locked port says who has it" until_true 3 newest_lines_have $from "in use by"
expect "safe on a locked port fails and says so" not "$cyclostat" safe rig.yaml --state "$folder/state" > safe.txt
expect "and which output it is" has "smu1 (channel A1): NOT OFF" safe.txt
expect "and why" has "in use by\|lost" safe.txt
expect "and that the other one is off" has "smu2 (channel A2): off" safe.txt

[ $bad -eq 0 ] || { cat $log; cat safe.txt 2> /dev/null; }
echo "$checked checks"
exit $bad
