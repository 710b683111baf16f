#!/usr/bin/env bash
# Golden cases on emulated instruments: what a protocol comes to there against its sampled dry run.
#
#   live.sh <cyclostat> [case …]
#
# Each case that a Keithley 2400 can carry out, with an ESPEC chamber, an Alicat press or a BS-205 force indicator
# where it asks for one, runs on a channel of its own, all of one rate side by side: one rig, one daemon, one process
# per port. The cells of the cases are for amperes; here they are a thousandth of that, protocol and cell alike.
#
# The live run is held against a dry run for its channel that samples as often, poll period times rate. Compared are
# the steps, their types and reasons, and their durations: an end comes at most one sample later by itself, and later by the case's
# latency: what it takes from a step's end until its successor's setpoint is in force, `latency` in seconds of the
# wire's time (0.35 where the case does not say), in which the old setpoint stays. What the steps before were late by
# is charge that has to be moved in addition, as in golden.sh; and where the clock of a block, a cycle or the test ends
# a step, it is that clock that must agree.
#
# And each live run is decided again from its trace: every action must be the same, byte for byte.
set -uo pipefail
awk() { LC_ALL=C command awk "$@"; }
cyclostat=$(realpath "$1")
shift
here=$(cd "$(dirname "$0")" && pwd)
poll=0.2
folder=$("$here/../check/scratch.sh")
export CYCLOSTAT_STATE=$folder/state
mkdir "$CYCLOSTAT_STATE"
pids=()
end() {
    local pid
    for rig in "$folder"/rig-*.yaml; do
        pid=$(awk '/^supervisor/ {print $2}' "$CYCLOSTAT_STATE/$(basename "$rig" .yaml)"-*/holders 2> /dev/null)
        [ -n "$pid" ] && kill "$pid" 2> /dev/null
    done
    for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null; done
    wait
    rm -rf "$folder"
}
trap end EXIT

# The cases by rate. Not here:
#   power-and-load                none of the emulated instruments drives a power both ways, or a load
#   pause, example-ageing         pause by the temperature inside the cell, which none of them measures; pause-voltage is
#                                 the same by a voltage
#   example-adaptive, -cycling    weeks, with steps of an hour: at a rate that ends they pass between two samples
#   example-hppc                  days, with pulses of 10 s: likewise
#   example-gitt                  twenty pulses that end by time, each late by what a command takes: the voltage that
#                                 ends them comes in another pulse
#   example-dems                  a charge into so steep an end that samples 20 s apart find another one, and three days
#                                 take half an hour at less
declare -A cases=(
    [8]="resistance"
    [20]="bound-fault finally include negative-electrode limit-fault pulse sweep block-cutoff slopes-and-peak
          capacity-fault fail people pressure sensors profile"
    [40]="goto-loop clocks pause-voltage"
    [60]="lasting-after sentences flow staircase hold-alone slope entry"
    [400]="soc cc-cv cycles temperature"
)
# What stands beside the cycler.
declare -A beside=(
    [temperature]=espec_p300 [fail]=espec_p300 [capacity-fault]=espec_p300 [sensors]=espec_p300 [entry]=espec_p300
    [pressure]="alicat_pc[ratio=1,full_scale=5000] bongshin_bs205"
)

small() { # amperes to milliamperes, milliohms to ohms
    sed -E 's/([0-9]) m(A|Ah|W)\b/\1 u\2/g; s/([0-9]) (A|Ah|W)\b/\1 m\2/g; s/([0-9]) mohm/\1 ohm/g' "$1" |
        awk '/R0:/ { match($0, /R0: [0-9.]+/); v = substr($0, RSTART + 4, RLENGTH - 4)
                     $0 = substr($0, 1, RSTART - 1) "R0: " v * 1000 substr($0, RSTART + RLENGTH) } { print }'
}

emulate() { # <name> <rate> <argument …>
    "$cyclostat" emulate --rate "$2" "${@:3}" > "$folder/emulate-$1" 2>&1 &
    pids+=($!)
    for _ in $(seq 100); do
        grep -q ready "$folder/emulate-$1" && return
        sleep 0.05
    done
}

# A person who is asked answers, as soon as the question stands in the status.
person() { # <rig> <channel>
    for _ in $(seq 200); do
        if "$cyclostat" status "$2" --rig "$1" --json 2> /dev/null | jq -e '.[0].step_type == "ASK"' > /dev/null 2>&1; then
            "$cyclostat" resume "$2" --rig "$1"
            return
        fi
        sleep 0.05
    done
}

one_rig() { # <rate> <case …>
    local case kind options what more
    echo "cyclostat_rig: 1"
    echo "name: golden at $1"
    shift
    echo "ports:"
    for case in "$@"; do
        for kind in keithley_2400 ${beside[$case]:-}; do
            echo "  ${kind%%[*}-$case: {address: $folder/${kind%%[*}-$case.tty}"
        done
    done
    echo "instruments:"
    for case in "$@"; do
        echo "  keithley_2400-$case: {driver: keithley_2400, port: keithley_2400-$case, poll: $poll s," \
            "accept: no_watchdog}"
        for kind in ${beside[$case]:-}; do
            kind=${kind%%[*} options=''
            [ "$kind" = bongshin_bs205 ] && options=', options: {mode: stream}'
            echo "  $kind-$case: {driver: $kind, port: $kind-$case, poll: 1 s$options}"
        done
    done
    [[ " $* " == *" pressure "* || " $* " == *" sensors "* ]] && echo "sensors:"
    [[ " $* " == *" pressure "* ]] &&
        echo "  stack: {instrument: bongshin_bs205-pressure, quantity: pressure, area: 0.785 cm2}"
    [[ " $* " == *" sensors "* ]] &&
        echo "  anode: {instrument: keithley_2400-sensors, quantity: voltage}" &&
        echo "  t_tab: {instrument: espec_p300-sensors, quantity: temperature}"
    echo "channels:"
    for case in "$@"; do
        what='' more=''
        for kind in ${beside[$case]:-}; do
            case $kind in
            espec*) what+=", chamber: espec_p300-$case" more+=", temperature: [0 degC, 90 degC]" ;;
            alicat*) what+=", press: alicat_pc-$case" more+=", pressure: [-0.1 MPa, 4 MPa]" ;;
            bongshin*) what+=", pressure: stack" ;;
            esac
        done
        [ "$case" = sensors ] && what+=", sensors: [anode, t_tab]"
        echo "  $case: {cycler: keithley_2400-$case$what, limits: {voltage: [0 V, 10 V], current: 100 mA$more}}"
    done
}

one_rate() { # <rate> <case …>
    local rate=$1 rig=$folder/rig-$1.yaml arguments=() places case protocol kind
    one_rig "$@" > "$rig"
    shift
    for case in "$@"; do
        mkdir "$folder/$case"
        for protocol in "$here/$case"/*.yaml "$here/$case"/*.lua "$here/$case"/*.csv; do
            [ -e "$protocol" ] && small "$protocol" > "$folder/$case/$(basename "$protocol")"
        done
        [ "$case" = temperature ] && sed -i 's/, ramp: [^,}]*//' "$folder/$case"/*.yaml # this chamber has none
        small "$here/$case/$(cat "$here/$case/cell")" > "$folder/$case/cell.small"
        places=("keithley_2400=$folder/keithley_2400-$case.tty")
        if [ "${beside[$case]:-}" ]; then # by itself: a chamber acts on all cells that it is emulated with
            for kind in ${beside[$case]}; do places+=("$kind=$folder/${kind%%[*}-$case.tty"); done
            emulate "$case" "$rate" --cell "$folder/$case/cell.small" "${places[@]}"
        else
            arguments+=(--cell "$folder/$case/cell.small" "${places[@]}")
        fi
    done
    [ ${#arguments[@]} -gt 0 ] && emulate "rate-$rate" "$rate" "${arguments[@]}"
    for case in "$@"; do
        protocol=$folder/$case/protocol.yaml
        [ -e "$protocol" ] || protocol=$folder/$case/protocol.lua
        "$cyclostat" run "$protocol" --rig "$rig" --channel "$case" --cell "$folder/$case/cell.small" \
            --runs "$folder/$case/live" --rate "$rate" --trace --quiet > "$folder/$case/said" 2>&1 &
        live[$case]=$!
        [ "$case" = people ] && person "$rig" "$case" > "$folder/$case/person" 2>&1 &
        [ "$case" = "$1" ] && sleep 1 # the first one starts the processes
    done
}

exact() { # <runs>
    "$cyclostat" show last --json --runs "$1" |
        jq -r '.steps[] | [.step_count, .cycle, .id, .type, .reason, .step_time_s,
                           .charge_capacity_Ah - .discharge_capacity_Ah, .start_s] | @tsv'
}

again() { # <case>: decides the live run again, all of its steps
    local steps
    steps=$(wc -l < "$folder/$1/live.exact")
    "$cyclostat" replay last --runs "$folder/$1/live" > "$folder/$1/again" 2>&1 &&
        grep -q "^the same: .* events, $steps steps$" "$folder/$1/again" && return
    echo "decided again, its $steps steps come to something else:"
    cat "$folder/$1/again"
    return 1
}

compare() { # <case> <rate> <exit code of the run>
    local case=$1 sample latency=0.35 code=0 said=$3 protocol=$folder/$1/protocol.yaml options=()
    [ -e "$here/$case/exit" ] && code=$(cat "$here/$case/exit")
    [ -e "$here/$case/latency" ] && latency=$(cat "$here/$case/latency")
    [ -e "$protocol" ] || protocol=$folder/$case/protocol.lua
    sample=$(awk -v p=$poll -v r="$2" 'BEGIN { print p * r }')
    latency=$(awk -v l="$latency" -v r="$2" 'BEGIN { print l * r }')
    "$cyclostat" dry-run "$protocol" --cell "$folder/$case/cell.small" --rig "$folder/rig-$2.yaml" --channel "$case" \
        --sample "$sample s" --quiet --runs "$folder/$case/dry" > "$folder/$case/dry.said" 2>&1
    exact "$folder/$case/dry" > "$folder/$case/dry.exact"
    exact "$folder/$case/live" > "$folder/$case/live.exact"
    if [ "$said" -ne "$code" ]; then
        echo "ended with $said instead of $code:"
        cat "$folder/$case/said"
        return 1
    fi
    again "$case" || return 1
    awk -F '\t' -v sample="$sample" -v latency="$latency" '
        function magnitude(x) { return x < 0 ? -x : x }
        function same_clock(duration, i) { # the time since the test or some step before began
            for (i = 1; i <= FNR; i++) {
                if (magnitude($8 + $6 - live_start[i] - (duration + dry_start[FNR] - dry_start[i])) <= allowed) {
                    return 1
                }
            }
            return 0
        }
        NR == FNR { dry[FNR] = $0; dry_start[FNR] = $8; count = FNR; next }
        {
            split(dry[FNR], d)
            live_start[FNR] = $8
            if ($1 != d[1] || $2 != d[2] || $3 != d[3] || $4 != d[4] || $5 != d[5]) {
                print "dry:  " dry[FNR]; print "live: " $0; bad = 1; next
            }
            mean = d[6] > 0 ? magnitude(d[7]) / d[6] : 0
            ends = $4 ~ /CV_/ && $4 !~ /^CV_/ ? 2 : 1
            allowed = ends * sample + latency + (FNR > 1 && $5 != "time" ? sample : 0) + 0.001
            if (mean > 0 && $5 != "time") {
                late = $7 - d[7] # the charge itself is held against what the steps before left
                allowed += magnitude(before_live - before_dry) / mean
            }
            if ($4 ~ /^(TEMPERATURE|PRESSURE|ASK)$/ || $5 ~ /^(temperature|pressure)$/) {
                next # chambers, presses and people take their own time
            }
            if (magnitude($6 - d[6]) > allowed && !($5 == "time" && same_clock(d[6]))) {
                printf "dry:  %s\nlive: %s\nmore than %.3f s apart\n", dry[FNR], $0, allowed; bad = 1
            }
            before_live += $7; before_dry += d[7]
        }
        END { if (FNR != count) { print FNR " steps instead of " count; bad = 1 } exit bad || count < 1 }
    ' "$folder/$case/dry.exact" "$folder/$case/live.exact"
}

declare -A live
failed=0
for rate in "${!cases[@]}"; do
    chosen=()
    for case in ${cases[$rate]}; do
        [[ $# -eq 0 || " $* " == *" $case "* ]] && chosen+=("$case")
    done
    cases[$rate]="${chosen[*]}"
    [ ${#chosen[@]} -gt 0 ] && one_rate "$rate" "${chosen[@]}"
done
for rate in "${!cases[@]}"; do
    for case in ${cases[$rate]}; do
        wait "${live[$case]}"
        if problem=$(compare "$case" "$rate" $?); then
            echo "ok      $case"
        else
            echo "FAILED  $case"
            echo "$problem"
            failed=1
        fi
    done
done
[ "${KEEP:-}" ] && cp -r "$folder" "$KEEP"
exit $failed
