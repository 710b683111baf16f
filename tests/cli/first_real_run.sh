#!/usr/bin/env bash
# "A first real run" of the readme, as typed: the commands of terminal 1 and terminal 2, the run itself on a terminal that is left
# with Ctrl-C. The instruments are emulated; everything between them and the run folder is what runs in a laboratory.
#   first_real_run.sh <cyclostat> <source folder>
. "$(dirname "$0")/lib.sh"
umask 022 # a rig file that others may write is refused
export CYCLOSTAT_STATE=$folder/state
PATH=$(dirname "$cyclostat"):$PATH
emulator=

# The rig's processes end with their supervisor; the emulator is a child of ours.
end_processes() {
    local pid
    for pid in $(sed -n 's/^supervisor \([0-9]*\) .*/\1/p' "$folder"/state/*/holders 2> /dev/null); do
        kill "$pid" 2> /dev/null
        for _ in $(seq 60); do
            kill -0 "$pid" 2> /dev/null || break
            sleep 0.05
        done
    done
    [ -n "$emulator" ] && kill "$emulator" 2> /dev/null && wait "$emulator"
    cd / && rm -rf "$folder"
}
trap end_processes EXIT

block() { # <first line of the fence>: the text of these blocks
    awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } /^```/ { on = 0 } on' "$source/README.md"
}

ln -s "$source/drivers" "$source/protocols" .
block "yaml formation.yaml" > formation.yaml

# terminal 1: the last command stays
block "bash terminal 1" > terminal1
while read -r line; do
    case $line in
    "cyclostat emulate "*)
        eval "exec '$cyclostat' ${line#cyclostat } --truth truth.log" > emulator.txt 2>&1 &
        emulator=$!
        ;;
    *) eval "$line" || { bad=1; echo "terminal 1: $line"; } ;;
    esac
done < terminal1
for _ in $(seq 100); do
    grep -q '^ready' emulator.txt 2> /dev/null && break
    sleep 0.05
done
has ready "$(cat emulator.txt)"

# leave <command>: on a terminal, Ctrl-C once a step that passes current is shown
leave() {
    mkfifo keys
    TERM=xterm script -qefc "$1" screen < keys > /dev/null 2>&1 &
    local pid=$!
    exec 9> keys
    for _ in $(seq 600); do
        LC_ALL=C grep -q CC_ screen 2> /dev/null && break
        kill -0 $pid 2> /dev/null || break
        sleep 0.1
    done
    printf '\003' >&9
    wait $pid
    local code=$?
    exec 9>&-
    rm keys
    said=$(cat screen)
    return $code
}

block "bash terminal 2" > terminal2
count=0
while read -r line <&8; do
    count=$((count + 1))
    case $line in
    "cyclostat shutdown"*) # while the rig's processes are there, its ports are theirs
        try 4 measure bench/rig.yaml
        has "this rig is being run" "$said"
        ;;
    esac
    case $line in
    "cyclostat run "*)
        leave "$line" || { bad=1; echo "terminal 2: $line"; echo "$said"; }
        has "degC" "$said"
        has "MPa" "$said"
        running=$("$cyclostat" status --json)
        ;;
    *)
        if ! eval "$line" > out.txt 2> said.txt < /dev/null; then
            bad=1
            printf -- '--- %s\n%s\n%s\n' "$line" "$(cat out.txt)" "$(cat said.txt)"
        fi
        ;;
    esac
    case $line in
    "cyclostat identify"*) has "MODEL 2400" "$(sed 's/  2400 /MODEL 2400/' out.txt)" ;;
    "cyclostat safe"*) hasnot "NOT OFF" "$(cat out.txt)" ;;
    "cyclostat shutdown"*) same "ended" "$(cat out.txt)" "$(printf '%s: ended\n' 'port smu' 'port oven' 'port force' daemon supervisor)" ;;
    esac
done 8< terminal2

# it went on without its terminal, and ended by itself
has '"running"' "$running"
try 0 show last --json
same "end" "$(json .run.end)" done
same "steps" "$(json '.steps | map(.type) | join(" ")')" "TEMPERATURE CC_CHG CC_DCH CC_CHG CC_DCH"
same "rows" "$(json .run.row_count)" "$(($(wc -l < "$(json .run.data_file)") - 1))"
data=$(json .run.data_file)
try 0 cycles last --json
same "cycles" "$(json length)" 2
# the chamber went to 30 °C, the indicator saw the stack's 50 MPa
awk -F, 'NR > 1 && $9 ~ /^CC/ && ($16 < 29 || $16 > 31 || $17 < 45e6 || $17 > 55e6) { bad++ } END { exit bad > 0 || NR < 50 }' "$data" ||
    { bad=1; echo "temperature or pressure in $data is not what the bench has"; }
# C/2 of 9.03 mg within the limits; what the rows integrate to is what the cycles say, within 1 %
awk -F, -v cycles="$(json '[map(.charge_capacity_Ah, .discharge_capacity_Ah)[]] | add')" '
    NR > 1 && $9 ~ /^CC/ {
        current = $9 == "CC_CHG" ? 903e-6 : -903e-6
        bad += $3 < current - 1e-6 || $3 > current + 1e-6 || $2 < 1.2 || $2 > 4.1
        if ($6 == step) {
            sum += ($3 + last) / 2 * ($1 - t) / 3600 * (current > 0 ? 1 : -1)
        }
        step = $6; t = $1; last = $3
    }
    END { exit bad > 0 || cycles < 1e-4 || sum < 0.99 * cycles || sum > 1.01 * cycles }' "$data" ||
    { bad=1; echo "current, voltage or charge in $data is not what was asked for, or not what the cycles say"; }
[ "$count" -ge 10 ] || { bad=1; echo "only $count commands"; }
end
