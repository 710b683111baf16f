#!/usr/bin/env bash
# Ctrl-C ends a dry run in an orderly way; SIGKILL leaves a folder that is readable and says what happened.
. "$(dirname "$0")/lib.sh"
cell="$source/tests/golden/cells/test.yaml"

# begin <name>: starts a run that would take minutes, and waits for its first rows.
begin() {
    "$cyclostat" dry-run round.yaml --cell "$cell" --set rounds=1000000 --sample 100ms --runs "$1" > out.txt 2> said.txt &
    pid=$!
    for _ in $(seq 200); do
        [ "$(cat "$1"/*/*.bdf.csv 2> /dev/null | wc -l)" -gt 2 ] && return
        sleep 0.05
    done
    bad=1
    echo "no rows were written"
}

begin by_hand
try 0 runs --runs by_hand --json
same "while it runs" "$(json '.[0].end')" null
kill -INT $pid
wait $pid
same "exit code of Ctrl-C" $? 130
has "interrupted" "$(cat out.txt)"
try 0 show --runs by_hand --json
same "end" "$(json .run.end)" interrupted
same "rows" "$(json .run.row_count)" "$(($(wc -l < "$(json .run.data_file)") - 1))"
same "an event says so" "$(json '[.events[] | select(.what == "interrupt")] | length')" 1
same "all steps have ended" "$(json '[.steps[] | select(.ended | not)] | length')" 0

for delay in 0 0.1 0.4 1.3; do
    begin "killed_$delay"
    sleep $delay
    kill -KILL $pid
    wait $pid 2> /dev/null
    try 0 show --runs "killed_$delay" --json
    same "end after $delay s" "$(json .run.end)" interrupted
    try 0 show --runs "killed_$delay"
    has "interrupted" "$out"
    try 0 runs --runs "killed_$delay"
    try 0 cycles --runs "killed_$delay"
done

# a disk that is full, as far as the program can tell
(
    ulimit -f 64
    exec "$cyclostat" dry-run round.yaml --cell "$cell" --set rounds=1000 --runs full > out.txt 2> said.txt
)
same "exit code when no more can be written" $? 4
has "bdf.csv" "$(cat said.txt)"
try 0 show --runs full --json
same "end" "$(json .run.end)" interrupted
end
