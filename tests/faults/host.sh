#!/usr/bin/env bash
# A bad computer, and ports that are not what the rig says: as the one who typed the command sees
# it, and as the instruments did (the truth log of their emulators).
#
#   host.sh CYCLOSTAT SHIM [CASE …]
set -uo pipefail
export LC_ALL=C
umask 022
cyclostat=$(realpath "$1") shim=$(realpath "$2")
shift 2
folder=$("$(dirname "$0")/../check/scratch.sh")
bad=0 checked=0 emulator= locker= told=
export CYC_SHIM=$folder/control

end_rig() {
    local pid
    for pid in $(sed -n 's/^supervisor \([0-9]*\) .*/\1/p' "$folder"/*/state/*/holders 2> /dev/null); do
        kill "$pid" 2> /dev/null
        for _ in $(seq 100); do
            kill -0 "$pid" 2> /dev/null || break
            sleep 0.05
        done
    done
}
end_case() {
    : > "$CYC_SHIM"
    end_rig
    for pid in $locker $emulator; do kill "$pid" 2> /dev/null && wait "$pid" 2> /dev/null; done
    locker='' emulator=''
}
finish() {
    end_case
    rm -rf "$folder"
}
trap finish EXIT

expect() { # <what> <command …>
    local what=$1
    shift
    checked=$((checked + 1))
    "$@" > "$folder/why" 2>&1 && return 0
    bad=1
    echo "BROKEN: $case: $what"
    head -n 5 "$folder/why" | cut -c 1-240 | sed 's/^/    why: /'
    [ "$told" = "$case" ] && return 1
    told=$case
    [ -s said ] && cut -c 1-240 said | sed 's/^/    said: /'
    tail -q -n 8 state/*/log state/*/events.log 2> /dev/null | cut -c 1-240 | sed 's/^/    /'
}
within() { # <seconds> <command …>: until it succeeds
    local tries=$(($1 * 20))
    shift
    while ! "$@" > /dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { "$@"; return 1; }
        sleep 0.05
    done
}
not() { ! "$@"; }
says() { grep -qE -- "$1" "${2:-said}" || { cat "${2:-said}"; return 1; }; }
once() { [ "$(grep -cE -- "$1" "${2:-said}")" -eq 1 ] || { cat "${2:-said}"; return 1; }; }
is() { [ "$1" = "$2" ] || { echo "«$1» instead of «$2»"; return 1; }; }
at_most() { [ "$1" -le "$2" ] || { echo "$1 is more than $2"; return 1; }; }
# control <word …>: how the computer behaves from now on
control() {
    printf '%s\n' "$@" > "$CYC_SHIM.new"
    mv "$CYC_SHIM.new" "$CYC_SHIM"
}

# ---- Rig, cell, protocols --------------------------------------------------------------------------
cp "$(dirname "$0")/small_cell.yaml" "$folder/cell.yaml"
protocol() { # <name> <step …>
    {
        printf 'cyclostat: 1\nname: %s\nlimits: {voltage: [2.4 V, 4.5 V], current: 3 C}\n' "$1"
        printf 'cutoff: [voltage < 2.5 V, voltage > 4.4 V]\nrecord: {every: 2 s}\nmethod:\n'
        printf '  - %s\n' "${@:2}"
    } > "$folder/$1.yaml"
}
protocol long '{charge: 1 C, cutoff: 60 min}'
protocol steps '{charge: 1 C, cutoff: 40 s}' '{discharge: 1 C, cutoff: 40 s}' '{rest: 10 s}'
protocol low '{discharge: 1 C, cutoff: 10 s}'
sed -i 's/4\.5 V/3.4 V/; s/4\.4 V/3.3 V/' "$folder/low.yaml"
protocol held '{charge: 1 C, cutoff: 4.45 V}'
sed -i '/^cutoff/d; s/2\.4 V, 4\.5 V/3.4 V, 4.5 V/' "$folder/held.yaml"
protocol turn '{charge: 1 C, cutoff: 60 s}' '{discharge: 1 C, cutoff: 60 min}'

# begin <case> [<emulator option …>]: a folder of its own with a rig of two channels, A1 and A2
begin() {
    case=$1
    local home=$folder/$1
    shift
    : > "$CYC_SHIM"
    mkdir -p "$home/state" "$home/bad" "$home/good"
    cd "$home" || exit 2
    export CYCLOSTAT_STATE=$home/state CYCLOSTAT_RIG=$home/rig.yaml
    cat > rig.yaml << END
cyclostat_rig: 1
name: $case
ports:
  left: {address: $home/left}
  right: {address: $home/right}
instruments:
  smu1: {driver: keithley_2400, port: left, serial_number: "1111111", poll: 200 ms, accept: no_watchdog}
  smu2: {driver: keithley_2400, port: right, serial_number: "2222222", poll: 200 ms, accept: no_watchdog}
channels:
  A1: {cycler: smu1, limits: {voltage: [2 V, 5 V], current: 50 mA}}
  A2: {cycler: smu2, limits: {voltage: [2 V, 5 V], current: 50 mA}}
END
    emulate "$@"
}
emulate() { # [<option …>], with what stands at the ports in $at
    "$cyclostat" emulate --rate "${rate:-20}" --cell "$folder/cell.yaml" --cell "$folder/cell.yaml" --truth truth --wire \
        "$@" "${at[0]:-keithley_2400[serial=1111111]}=left" \
        "${at[1]:-keithley_2400[serial=2222222]}=right" > emulator 2>&1 &
    emulator=$!
    within 5 grep -q ready emulator || { cat emulator; exit 2; }
}
# run <channel> <protocol> [<option …>]: on this computer as the control file has it
run() {
    local channel=$1 what=$2
    shift 2
    LD_PRELOAD=$shim timeout 60 "$cyclostat" run "$folder/$what.yaml" --channel "$channel" \
        --cell "$folder/cell.yaml" --rate "${rate:-20}" --runs good "$@" > said 2>&1
}
ask() { "$cyclostat" "$@" > said 2>&1; }
source "$(dirname "$0")/../check/status.sh"
state() { is "$(status_of "$1" state)" "$2"; }
why() { status_of "$1" why; }
why_says() { why A1 > reason; says "$1" reason; }

# ---- The truth -------------------------------------------------------------------------------------
name_at() { [ "$1" = left ] && echo 'keithley_2400' || echo 'keithley_2400#2'; }
output_at() { grep -E "^[0-9]+ $(name_at "$1") output 0 " truth; }
drives() { output_at "$1" | tail -n 1 | grep -qE 'current -?0\.00[0-9]*[1-9]'; }
is_off() { output_at "$1" | tail -n 1 | grep -q 'open'; }
now_ms() { awk '{printf "%d", $1 * 1000}' /proc/uptime; }
# off_within <ms> <port> <since, ms>: that its output went off in this time, for good
off_within() {
    local ms
    within 13 is_off "$2" || { output_at "$2" | tail -n 3; return 1; }
    ms=$(output_at "$2" | awk -v from="$3" '{on = !/open/} on {last = 0} !on && !last {last = $1 / 1e6}
        END {printf "%d", last - from}')
    echo "$case: $2 off after $ms ms" >> "$folder/times"
    at_most "$ms" "$1"
}
nothing_written() { not grep received truth; }

# ---- Ports -----------------------------------------------------------------------------------------
missing_port() {
    local rate=1
    begin missing_port
    sed -i "s|$PWD/left|$PWD/lefft|" rig.yaml
    run A1 steps --detach
    expect "the run does not start" is $? 4
    expect "the port that is missing is named, once" once "smu1: there is no port '.*/lefft'"
    expect "no folder is left" is "$(ls good)" ""
    expect "nothing is latched" state A1 free
    expect "nothing was written to anything" nothing_written
    run A2 steps --detach
    expect "the other channel runs" is $? 0
}
locked_port() {
    begin locked_port
    flock "$(readlink -f left)" sleep 60 &
    locker=$!
    within 5 not flock -n "$(readlink -f left)" true
    run A1 steps --detach
    expect "the run does not start" is $? 4
    expect "who has the port is said, once" once "smu1: the port /dev/pts/[0-9]+ is in use by .* \(process [0-9]+\)"
    expect "no folder is left" is "$(ls good)" ""
    expect "nothing was written to anything" nothing_written
    kill $(pgrep -P $locker) $locker
    wait $locker 2> /dev/null
    locker=
    run A1 steps --quiet
    expect "it runs once the port is free" is $? 0
}
wrong_serial() {
    local at=('keithley_2400[serial=3333333]' 'keithley_2400[serial=2222222]')
    begin wrong_serial
    run A1 steps --detach
    expect "the run does not start" is $? 4
    expect "both numbers are said, once" once "smu1: another instrument answers: serial number '3333333' instead of '1111111'"
    expect "no folder is left" is "$(ls good)" ""
    expect "nothing was written to it" nothing_written
}
wrong_kind() {
    local at=('bongshin_bs205' 'keithley_2400[serial=2222222]')
    begin wrong_kind
    run A1 steps --detach
    expect "the run does not start" is $? 4
    expect "the instrument is named, once" once "^cyclostat: smu1: "
    expect "no folder is left" is "$(ls good)" ""
    expect "nothing was written to it" nothing_written
    kill -9 "$(awk '$1 == "port" && $4 == "left" {print $2}' state/*/holders)"
    expect "its port's process is killed" within 5 says "left: made safe from outside" state/*/events.log
    awk '$2 == "bongshin_bs205" && $3 == "wire" {all = all $4} END {gsub(/\\x0d/, "\n", all); printf "%s", all}' truth |
        sort -u > asked
    expect "who it is has been asked, nothing else" is "$(tr '\n' ' ' < asked)" "*IDN? "
}

# ---- Clocks ----------------------------------------------------------------------------------------
# Lengths of the steps, as the truth log has them, in wall time
wall_clock() {
    begin wall_clock
    local jump start
    run A1 steps --quiet
    expect "it runs" is $? 0
    ask show last --runs good --json
    jq -r '.steps[].step_time_s' said > steps.before
    for jump in 3600 -3600 315576000 -315576000; do
        run A1 steps --detach
        expect "it runs" is $? 0
        sleep 1
        control "wall=$jump"
        within 10 state A1 free
        control ''
        ask show last --runs good --json
        expect "done" is "$(jq -r .run.end said)" "done"
        jq -r '.steps[].step_time_s' said > steps.now
        expect "a jump of $jump s moves no step" \
            awk '{getline before < "steps.before"; d = $1 - before} d > 8 || d < -8 {print $1, before; bad = 1} END {exit bad}' steps.now
        jq -r '.events[] | "\(.who) \(.what) \(.why)"' said > events
        expect "one event" once "^clock " events
        expect "which says by how much" says "^clock set .* $(([ "$jump" -gt 0 ] && echo forward) || echo back) by" events
        tail -n +2 "$(jq -r .run.data_file said)" > rows
        expect "Unix time is the start and the run's time" \
            awk -F, 'NR == 1 {d = $4 - $1} $4 - $1 - d > 0.0011 || $4 - $1 - d < -0.0011 {print; bad = 1} END {exit bad || NR < 5}' rows
    done
}
asleep() {
    begin asleep
    run A1 long --detach
    expect "it runs" is $? 0
    expect "with a current" within 5 drives left
    sleep 1
    local from
    from=$(now_ms)
    control sleep=600
    expect "off within 1 s of waking" off_within 1000 left "$from"
    expect "held, as the step has it" within 10 state A1 held
    ask show last --runs good --json
    jq -r '.events[] | "\(.who) \(.what) \(.why)"' said > events
    expect "one event" once "^clock slept .* for 00:10:00" events
    expect "and a gap of that length" is \
        "$(sqlite3 -readonly good/2*/journal.sqlite 'SELECT round((end_ns - start_ns) / 20e9 / 60) FROM gap')" 10.0
    ask stop A1
    expect "it can be ended" within 5 state A1 free
}
network_folder() {
    begin network_folder
    control "folder=$PWD/good" statfs=nfs
    run A1 steps --detach
    expect "the run does not start" is $? 4
    expect "and why, and what would be right" once "good is on a network file system.*choose a folder on a disk"
    expect "no process was started" is "$(ls state/*/holders 2> /dev/null)" ""
    expect "no folder is left" is "$(ls good)" ""
    expect "nothing was written to anything" nothing_written
}

# ---- Disk ------------------------------------------------------------------------------------------
# acknowledged <folder>: rows that the mark covers, as a file, from a copy of journal and data
acknowledged() {
    local run=$1 size
    size=$(sqlite3 -readonly "$run/journal.sqlite" 'SELECT length FROM mark')
    head -c "$size" "$run"/*.bdf.csv
}
# bad_disk <how> <protocol> <ms> <words>: A1 writes to a disk that fails in the midst of a step, A2 to
# another. Rows are written every 10 s, steps at once; that is when a disk is seen to fail.
bad_disk() {
    run A2 long --detach
    expect "it runs" is $? 0
    run A1 "${2:-long}" --runs bad --detach --trace
    expect "it runs" is $? 0
    expect "with a current" within 5 drives left
    sleep 1.5
    local from folder_of
    folder_of=$(echo bad/2*)
    acknowledged "$folder_of" > rows.before
    from=$(now_ms)
    control "folder=$PWD/bad" "$1"
    expect "off" off_within "$3" left "$from"
    expect "held" within 8 state A1 held
    expect "reason disk, and what to do" within 2 why_says "disk: .*$4"
    expect "rows that were acknowledged are whole" cmp -n "$(stat -c %s rows.before)" rows.before "$folder_of"/*.bdf.csv
    ask show "$folder_of" --json
    expect "the folder can be read" jq -e .run said
    run A1 steps --detach
    expect "the channel is not free" is $? 4
    expect "and says so" says "a run is on channel A1 already"
    ask resume A1
    expect "nothing goes on with this disk" is $? 4
    expect "and says so" says "$4"
    expect "said once" once "alarm: A1" state/*/log
    expect "the other channel goes on" drives right
    expect "the other channel goes on" state A2 running
    expect "no current flows" not drives left
    control ''
}
# With the disk back, and its run once more in the daemon's hands.
mended_disk() {
    expect "it goes on" within 8 drives left
    expect "it is the same run" state A1 running
    sleep 1.5
    ask stop A1 --now
    expect "and stops" within 8 state A1 free
    ask stop A2
    expect "and the other stops" within 8 state A2 free
    expect "rows that were acknowledged are where they were" cmp -n "$(stat -c %s rows.before)" rows.before bad/2*/*.bdf.csv
    expect "no row is doubled" awk -F, 'NR > 2 && $1 <= t {print; bad = 1} {t = $1} END {exit bad || NR < 5}' bad/2*/*.bdf.csv
    expect "one gap" is "$(sqlite3 -readonly bad/2*/journal.sqlite 'SELECT count(*) FROM gap')" 1
    ask replay bad/2*
    expect "and it replays" is $? 0
}
full_disk() {
    begin full_disk
    bad_disk write=full long 5000 "full.*free 64 MiB"
    expect "opened by itself, and the cell has been looked at" within 25 why_says "the disk had failed"
    expect "the step waits for a person, as it has it" not drives left
    ask resume A1
    expect "resumed" is $? 0
    mended_disk
    # Before anybody has found out that it is full, and the state folder with it: what goes off does.
    local from channel
    for channel in A1 A2; do
        run $channel long --detach
        expect "it runs" is $? 0
    done
    expect "with a current" within 5 drives left
    expect "with a current" within 5 drives right
    control "folder=$PWD" write=full
    from=$(now_ms)
    ask stop A1 --now
    expect "stopped on a full disk" off_within 1000 left "$from"
    from=$(now_ms)
    ask safe rig.yaml
    expect "made safe on a full disk" off_within 1000 right "$from"
    control ''
}
failed_sync() {
    begin failed_sync
    bad_disk sync=EIO turn 4000 "cannot sync .*look after the disk"
    ask resume A1
    expect "it is opened again; the step was over" is $? 0
    mended_disk
}
# A disk that takes 5 s: what goes off does not wait for it, and what goes on does not happen.
slow_disk() {
    begin slow_disk
    local from word
    for word in write sync; do
        run A1 long --runs bad --detach
        expect "it runs" is $? 0
        expect "with a current" within 5 drives left
        control "folder=$PWD/bad" $word=hang
        sleep 1.5
        from=$(now_ms)
        ask stop A1 --now
        expect "stopped while a $word hangs" off_within 1000 left "$from"
        control ''
        expect "free" within 10 state A1 free
    done
    run A1 turn --runs bad --detach
    expect "it runs" is $? 0
    expect "with a current" within 5 drives left
    control "folder=$PWD/bad" sync=hang
    expect "the next step was not begun" within 8 is_off left
    expect "never discharged" not says "output 0 current -0.0025" truth
    control ''
    expect "held" within 2 state A1 held
    expect "it is told once" once "alarm: A1: disk: .*250 ms" state/*/log
    ask resume A1
    expect "nothing goes on before the disk has caught up" says "the disk has not caught up yet"
    control ''
    expect "then it waits for a person" within 10 why_says "the disk was slow"
    expect "and no current flows" not drives left
    ask resume A1
    expect "resumed" is $? 0
    expect "the next step goes on" within 8 says "output 0 current -0.0025" truth
    expect "it is the same run" state A1 running
    ask stop A1
}
# The state folder hangs, at the end with all the rest.
slow_state() {
    begin slow_state
    local from channel
    for channel in A1 A2; do
        run $channel long --detach
        expect "it runs" is $? 0
    done
    expect "with a current" within 5 drives left
    expect "with a current" within 5 drives right
    control "folder=$PWD/state" names=hang write=hang sync=hang
    from=$(now_ms)
    ask stop A1 --now
    expect "stopped while the state folder hangs" off_within 1000 left "$from"
    sleep 3
    expect "the other one goes on" state A2 running
    expect "with its current" drives right
    control ''
    expect "what was put off is written down" within 12 not ls state/*/run-A1 state/*/port-left.on
    expect "nobody was taken for dead" not says "no sign of life" state/*/events.log
    run A1 long --detach
    expect "the next one runs" is $? 0
    expect "with a current" within 5 drives left
    from=$(now_ms)
    "$cyclostat" safe rig.yaml > said 2>&1
    expect "safe does not wait for the disk" off_within 1000 left "$from"
    control ''
    sleep 1
}

# ---- Priority --------------------------------------------------------------------------------------
# policy <role> [<port>]: its scheduling; 0 as everybody, 2 first (proc(5), field 41 of stat)
policy() {
    local pid
    pid=$(awk -v role="$1" -v port="${2:-}" '$1 == role && $4 == port {print $2}' state/*/holders)
    [ -n "$pid" ] && sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 39
}
policy_is() { is "$(policy "${@:2}")" "$1"; }
no_priority() {
    local first=0
    chrt -r 1 true 2> /dev/null && ! grep -qE '__[at]san_init' "$cyclostat" && first=2 # base/priority.h
    begin no_priority
    ask proof rig.yaml
    expect "proof has nothing to note, or it has" is "$(grep -c '^note: .*priority' said)" "$((first == 0))"
    run A1 steps --quiet
    expect "a run ends" is $? 0
    expect "the supervisor goes first where it may" policy_is $first supervisor
    expect "so does a port" policy_is $first port left
    expect "the daemon does not" policy_is 0 daemon
    end_rig
    control priority=no
    LD_PRELOAD=$shim ask proof rig.yaml
    expect "proof succeeds" is $? 0
    expect "and notes that nobody goes first" once "^note: .*real-time priority.*readme"
    run A1 steps --quiet
    expect "a run ends" is $? 0
    expect "the supervisor is as everybody" policy_is 0 supervisor
    expect "so is a port" policy_is 0 port left
    expect "the log says so" says "no real-time priority.*readme" "$(echo state/*/events.log)"
}

# ---- Starts that are refused, faults that stay -----------------------------------------------------
latched_start() {
    begin latched_start
    ask safe rig.yaml
    run A1 steps --detach
    expect "the run does not start" is $? 4
    expect "and what to do" once "latched.*cyclostat rearm"
    expect "no folder is left" is "$(ls good)" ""
    ask rearm rig.yaml
    run A1 steps --quiet
    expect "rearmed, it runs" is $? 0
    ask safe rig.yaml
    run A1 steps --detach
    expect "with the rig's processes there, it does not start either" is $? 4
    expect "and what to do" once "latched.*cyclostat rearm"
    expect "no second folder is there" is "$(ls good | wc -l)" 1
    expect "the channel is free" state A1 free
}
refused_start() {
    begin refused_start
    sed -i 's/A1: {cycler: smu1, limits: {voltage: \[2 V, 5 V/A1: {cycler: smu1, limits: {voltage: [2 V, 3.5 V/' rig.yaml
    run A1 low --detach
    expect "the run does not start" is $? 4
    expect "and why" once "^cyclostat: .*3\.[56]"
    expect "nothing was energised" not drives left
    expect "the channel is free" state A1 free
    expect "no run is there for the next daemon" is "$(ls state/*/run-A1 state/*/fault-A1 2> /dev/null)" ""
}
latched_fault() {
    begin latched_fault --fault "short:at=60s,ohm=100,cell=0"
    run A1 held --quiet
    expect "the run ends in a fault" is $? 3
    expect "latched" state A1 fault
    why A1 > before
    end_rig
    run A1 steps --detach
    expect "still latched for other processes" is $? 4
    expect "and says why" says "latched by a fault .*$(head -c 20 before)"
    why A1 > after
    expect "with the same words" cmp before after
    ask stop A1
    expect "acknowledged" is $? 0
    expect "free" state A1 free
    end_rig
    run A2 steps --detach
    expect "still free for other processes" state A1 free
}
unknown_fault() {
    begin unknown_fault
    local word
    for word in "espec_p300 latch" "bongshin_bs205 latch"; do
        # shellcheck disable=SC2086
        set -- $word
        "$cyclostat" emulate "$1" --cell linear --pty "other" --fault "$2" > said 2>&1 &
        locker=$!
        within 3 not kill -0 $locker
        kill $locker 2> /dev/null
        wait $locker
        expect "$1 refuses $2" is $? 1
        expect "and says so" says "$2.*no instrument here has this fault"
        locker=
    done
}

cases=("$@")
[ ${#cases[@]} -gt 0 ] || mapfile -t cases < <(sed -n 's/^    begin \([a-z_]*\).*/\1/p' "$0")
for one in "${cases[@]}"; do
    at=()
    "$one"
    end_case
done
cat "$folder/times" 2> /dev/null
echo "$checked checks"
exit $bad
