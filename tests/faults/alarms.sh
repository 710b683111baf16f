#!/usr/bin/env bash
# What no limit sees, in live runs: a cell the wrong way round, a circuit that opens, a sense lead
# that comes off, a frozen reading, a loose clip. Found in 10 s of the cell's time (a loose clip has to be
# loose more than once), and its channel safe; told in the journal, on the terminal and to the rig's
# alarm command. A sound cell beside them alarms nobody.
#
#   alarms.sh CYCLOSTAT
source "$(dirname "$0")/lib.sh"
rate=5
says() { grep -E -- "$1" "$2" || { cat "$2"; return 1; }; }
not() { ! "$@"; }
is() { [ "$1" = "$2" ] || { echo "«$1» instead of «$2»"; return 1; }; }

channels=(reversed open sense frozen loose sound)
# The limits of the protocol see the first and the last of them: a cell the wrong way round is below them, and so is
# what a lead that is off shows.
words=([0]="voltage of -3.* below the protocol's limit" [1]="the current is 0 A instead of .*open circuit"
    [2]="voltage of 0 V is below the protocol's limit" [3]="the reading is frozen" [4]="loose clip")
logged=([0]="executor fault" [1]="plausibility alarm" [2]="executor fault" [3]="plausibility alarm"
    [4]="plausibility alarm")
most=([0]=10 [1]=10 [2]=10 [3]=10 [4]=25)
{
    echo "cyclostat_rig: 1"
    echo "name: alarms"
    echo "alarm_command: $folder/alarm.sh"
    echo "ports:"
    for c in "${channels[@]}"; do echo "  $c: {address: $folder/$c.tty}"; done
    echo "instruments:"
    for c in "${channels[@]}"; do
        sense=4wire
        [ "$c" = loose ] && sense=2wire # with sense leads of its own a loose clip does not show
        echo "  smu-$c: {driver: keithley_2400, port: $c, poll: 200 ms, accept: no_watchdog, options: {sense: $sense}}"
    done
    echo "channels:"
    for c in "${channels[@]}"; do
        echo "  $c: {cycler: smu-$c, limits: {voltage: [-5 V, 5 V], current: 50 mA}}"
    done
} > "$CYCLOSTAT_RIG"
printf '#!/bin/sh\necho "$1" >> "%s"\n' "$folder/alarms" > "$folder/alarm.sh"
chmod +x "$folder/alarm.sh"
touch "$folder/alarms"
cp "$(dirname "$0")/small_cell.yaml" "$folder/cell.yaml"
cat > "$folder/protocol.yaml" << END
cyclostat: 1
name: alarms
limits: {voltage: [2.4 V, 4.5 V], current: 3 C}
record: {every: 2 s}
method:
  - {rest: 5 s}
  - {charge: 1 C, cutoff: [4.4 V, 60 s]}
END
arguments=()
for c in "${channels[@]}"; do
    arguments+=(--cell "$folder/cell.yaml" "keithley_2400[serial=100$c]=$folder/$c.tty")
done
# Times of these count in the time of the cell; the charge begins some 20 s of it after the emulators.
"$cyclostat" emulate --rate $rate --truth "$folder/truth" --fault "reversed:cell=0" --fault "open:cell=1,at=50" \
    --fault "sense_off:cell=2,at=50" --fault "stuck_V:unit=3" --fault "contact:cell=4,ohm=250,at=50" "${arguments[@]}" > "$folder/emulator" 2>&1 &
emulator=$!
expect "the emulators begin" within 5 grep -q ready "$folder/emulator"
declare -A code=([reversed]=3 [open]=3 [sense]=3 [frozen]=3 [loose]=3 [sound]=0) run
for c in "${channels[@]}"; do
    "$cyclostat" run "$folder/protocol.yaml" --channel "$c" --cell "$folder/cell.yaml" --rate $rate \
        > "$folder/said.$c" 2>&1 &
    run[$c]=$!
    [ "$c" = reversed ] && sleep 1
done
for c in "${channels[@]}"; do
    wait "${run[$c]}"
    expect "$c ends so" is $? "${code[$c]}"
done

name_at() { [ "$1" = 0 ] && echo keithley_2400 || echo "keithley_2400#$(($1 + 1))"; }
# From the fault, or from when the output was first driven with it, until it was off.
off_in() { # <number> <seconds of the cell>
    awk -v unit="$(name_at "$1")" -v cell="$1" -v rate=$rate -v most="$2" '
        $2 == "fault" cell && $3 == "begin" { fault = $1 }
        $2 == unit && $3 == "output" && $4 == 0 {
            if ($5 == "open" && on) { off = $1 }
            on = $5 == "current" && $6 != 0
            if (on && !since) { since = $1 }
        }
        END {
            from = fault > since ? fault : since
            if (!fault) { print "no fault"; exit 1 }
            if (!since) { print "never driven"; exit 0 }
            printf "off %.2f s of the cell after the fault\n", (off - from) / 1e9 * rate
            exit !(off > from && (off - from) / 1e9 * rate <= most)
        }' "$folder/truth"
}
number=0
for c in reversed open sense frozen loose; do
    # A run that ends while its terminal is still attaching tells it by its end alone.
    expect "$c: told on the terminal" says "(ALARM|fault): .*(${words[$number]})" "$folder/said.$c"
    "$cyclostat" show "$(sed -n 's/^run *//p' "$folder/said.$c" | head -n 1)" --json > "$folder/shown"
    jq -r '.events[] | "\(.who) \(.what) \(.why)"' "$folder/shown" > "$folder/events"
    expect "$c: in the journal" says "^${logged[$number]} " "$folder/events"
    expect "$c: and by the alarm command" says "^$c: .*(${words[$number]})" "$folder/alarms"
    expect "$c: its channel is off in time" off_in $number "${most[$number]}"
    echo "$c: $(head -n 1 "$folder/why")"
    number=$((number + 1))
done
expect "a sound cell alarms nobody" not grep -q "^sound" "$folder/alarms"
expect "nor its own terminal" not grep -q ALARM "$folder/said.sound"
echo "$checked checks"
exit $bad
