#!/usr/bin/env bash
# Instruments that are gone in the midst of a charge, and come back: port processes killed, cables
# pulled, lines that are mute, power that fails. Each is an interruption, and goes on or holds as the
# step says; the charge is held against the truth of the instrument. What somebody did at the
# instrument, by its output key, is never undone by itself, also where nobody saw it. A chamber that
# has lost its power, and is back at a setpoint of its own before anybody missed it, holds the run as
# well, and is told again by a person's word alone.
#
#   away.sh CYCLOSTAT
source "$(dirname "$0")/lib.sh"
rate=20
source "$(dirname "$0")/../check/status.sh"
state() { local is; is=$(status_of "$1" state); [ "$is" = "$2" ] || { echo "$1 is $is: $(status_of "$1" why)"; return 1; }; }
why() { status_of "$1" why | grep -E "$2" || { status_of "$1" why; return 1; }; }
run_of() { grep -l "\"channel\": *\"$1\"" "$CYCLOSTAT_RUNS"/*/*.metadata.json | xargs -n 1 dirname; }
ask() { sqlite3 -readonly "$(cat "$folder/run.$1")/journal.sqlite" "$2"; }
told() { grep -F "alarm: $1: " "$CYCLOSTAT_STATE"/*/log | grep -E "$2"; } # also when it has gone on long since
gap() { ask "$1" 'SELECT verdict FROM gap ORDER BY id DESC LIMIT 1' | grep -E "$2" || { ask "$1" 'SELECT * FROM gap'; return 1; }; }
gaps() { [ "$(ask "$1" 'SELECT count(*) FROM gap')" -eq "$2" ] || { ask "$1" 'SELECT * FROM gap'; return 1; }; }

not() { ! "$@"; }
name_at() { [ "$1" = 0 ] && echo keithley_2400 || echo "keithley_2400#$(($1 + 1))"; }
number_of() { printf '%s\n' "${channels[@]}" | awk -v c="$1" '$1 == c {print NR - 1}'; }
stays_open() { # <channel>: since it was driven its output has changed once, by the key
    awk -v unit="$(name_at "$(number_of "$1")")" '
        $2 == unit && $3 == "output" && $4 == 0 {
            print
            changes += driven
            driven = driven || ($5 == "current" && $6 > 0)
            is = $5
        }
        END { exit !(driven && changes == 1 && is == "open") }' "$folder/truth"
}

channels=(killed asked pulled reset mute key both dip)
{
    echo "cyclostat_rig: 1"
    echo "name: away"
    echo "ports:"
    for c in "${channels[@]}"; do echo "  $c: {address: $folder/$c.tty}"; done
    echo "  oven: {address: $folder/oven.tty}"
    echo "instruments:"
    for c in "${channels[@]}"; do
        echo "  smu-$c: {driver: keithley_2400, port: $c, poll: 200 ms, accept: no_watchdog}"
    done
    echo "  oven1: {driver: espec_p300, port: oven, poll: 1 s}"
    echo "channels:"
    for c in "${channels[@]}"; do
        chamber=
        [ "$c" = dip ] && chamber="chamber: oven1, "
        echo "  $c: {cycler: smu-$c, ${chamber}limits: {voltage: [2 V, 5 V], current: 50 mA}}"
    done
} > "$CYCLOSTAT_RIG"
cp "$(dirname "$0")/small_cell.yaml" "$folder/cell.yaml"
protocol() { # <file> <after the step's cutoff> [a step before it]
    cat > "$folder/$1.yaml" << END
cyclostat: 1
name: $1
limits: {voltage: [2.4 V, 4.5 V], current: 3 C}
record: {every: 2 s}
method:${3:-}
  - {charge: C/4, cutoff: [4.4 V, 7 min]$2}
  - {rest: 10 s}
END
}
protocol goes_on ", after_interruption: continue, max_gap: 10 min"
protocol waits ""
protocol warm ", after_interruption: continue, max_gap: 10 min" '
  - {temperature: 30 degC, wait: no}'

# The faults strike once all runs have begun, 7 s from now; later where programs are slow to start.
from=$(date +%s%N)
"$cyclostat" check "$folder/goes_on.yaml" --cell "$folder/cell.yaml" > /dev/null
at=$((7 + ($(date +%s%N) - from) / 60000000))
[ $at -le 14 ] || at=14
arguments=()
for c in "${channels[@]}"; do
    arguments+=(--cell "$folder/cell.yaml" "keithley_2400[serial=100$c]=$folder/$c.tty")
done
"$cyclostat" emulate --rate $rate --truth "$folder/truth" --fault "unplug:link=2,at=$at,for=1" \
    --fault "unplug:link=3,at=$at,for=1" --fault "reset:unit=3,at=$at.5,times=1" \
    --fault "mute:unit=4,p=1,at=$at,for=4" --fault "knob:unit=5,at=$at,times=1" \
    --fault "unplug:link=6,at=$at,for=1" --fault "knob:unit=6,at=$at.5,times=1" "${arguments[@]}" > "$folder/emulator" 2>&1 &
emulators=$!
switch_on() { # <truth>: the chamber, at 25 degC of its own
    "$cyclostat" emulate --cell "$folder/cell.yaml" --rate $rate --truth "$1" \
        "espec_p300[set=25]=$folder/oven.tty" > "$folder/oven" 2>&1 &
    oven=$!
    emulator="$emulators $oven"
}
switch_on "$folder/truth.before"
expect "the chamber begins" within 5 grep -q ready "$folder/oven"
expect "the emulators begin" within 5 grep -q ready "$folder/emulator"
for c in "${channels[@]}"; do
    what=goes_on
    [ "$c" = asked ] && what=waits
    [ "$c" = dip ] && what=warm
    "$cyclostat" run "$folder/$what.yaml" --channel "$c" --cell "$folder/cell.yaml" --rate $rate --detach \
        > "$folder/said" 2>&1 || { cat "$folder/said"; exit 1; }
    awk '/^run / {print $2}' "$folder/said" > "$folder/run.$c"
done
for c in "${channels[@]}"; do expect "$c runs" within 5 state "$c" running; done
expect "dip: the chamber is told" within 5 grep -q 'TEMP, S30.0' "$folder/truth.before"
sleep 1
kill "$oven"
wait "$oven"
switch_on "$folder/truth.after"
for c in killed asked; do
    kill -9 "$(pgrep -P "$(awk '/^supervisor/ {print $2}' "$CYCLOSTAT_STATE"/*/holders)" -f -- "--port $c")"
done

expect "killed: held, with a reason" within 8 told killed "smu-killed: .*(gone|not answer)"
expect "killed: goes on when the process is back" within 8 gap killed '^continue$'
expect "asked: held when the process is back" within 8 why asked "after_interruption: hold"
expect "asked: and shown so" state asked held
expect "asked: until an operator speaks" "$cyclostat" resume asked
expect "asked: then it goes on" within 8 state asked running
pressed="the output was switched off at the instrument; look at the cell, then .cyclostat resume. goes on"
expect "pulled: held meanwhile, and told why" within 16 told pulled "smu-pulled: "
expect "dip: held once its setpoint was read twice" within 8 why dip "oven1 is set to 25 degC instead of the 30 degC"
expect "key: pressed, and held" within 16 why key "$pressed"
kill -9 "$(pgrep -P "$(awk '/^supervisor/ {print $2}' "$CYCLOSTAT_STATE"/*/holders)" -f -- "--port key")"
expect "pulled: goes on when the cable is in again" within 8 gap pulled '^continue$'
expect "mute: held meanwhile" within 8 told mute "smu-mute: "
expect "both: the key was pressed while the cable was out" within 8 why both "$pressed"
expect "reset: held" within 8 gap reset "hold: the instrument was switched off or reset meanwhile"
expect "reset: and shown so" state reset held
expect "reset: until an operator stops it" "$cyclostat" stop reset
sleep 2
for c in key both; do
    expect "$c: shown so" state "$c" held
    expect "$c: nothing has closed its output since" stays_open "$c"
    expect "$c: until an operator speaks" "$cyclostat" resume "$c"
    expect "$c: then it goes on" within 5 state "$c" running
done
expect "dip: shown so" state dip held
expect "dip: nobody has told the chamber anything since" not grep received "$folder/truth.after"
expect "dip: until an operator speaks" "$cyclostat" resume dip
expect "dip: then it goes on" within 5 state dip running
expect "dip: and the chamber is told again" within 5 grep -q 'TEMP, S30.0' "$folder/truth.after"
expect "mute: goes on when it answers again" within 12 gap mute '^continue$'
for c in "${channels[@]}"; do
    expect "$c ends" within 30 state "$c" free
    expect "$c: one gap" gaps "$c" 1
done

# What was charged in truth, from the setpoints in force, against the journal and its gap's bound.
charge() { # <number> <channel>
    local bound journal
    bound=$(ask "$2" 'SELECT sum(bound_Ah) FROM gap')
    journal=$(ask "$2" 'SELECT sum(charge_Ah) FROM step')
    awk -v unit="$(name_at "$1")" -v rate=$rate -v bound="$bound" -v journal="$journal" -v channel="$2" '
        $2 == unit && $3 == "output" && $4 == 0 {
            truth += on * ($1 - since) / 3.6e12 * rate
            since = $1; on = $5 == "current" ? $6 : 0
        }
        END {
            sample = 0.000625 * 0.2 * rate / 3600
            printf "%s: %.7f Ah in truth, %.7f in the journal, bound %.7f, a sample %.7f\n", channel, truth, journal,
                   bound, sample
            d = truth - journal
            exit !(truth > 0 && d <= bound + 3 * sample && d >= -bound - 3 * sample)
        }' "$folder/truth"
}
for c in "${channels[@]}"; do
    number=$(number_of "$c")
    expect "$c: the charge agrees with the truth" charge $number "$c"
    cat "$folder/why"
done
echo "$checked checks"
exit $bad
