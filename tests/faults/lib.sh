# Shared by live tests with many channels on one rig; to be sourced with: <cyclostat>. Sets up a folder
# of its own, ends the rig and $emulator behind the test.
set -uo pipefail
export LC_ALL=C
cyclostat=$(realpath "$1")
folder=$("$(dirname "$0")/../check/scratch.sh")
export CYCLOSTAT_STATE=$folder/state CYCLOSTAT_RIG=$folder/rig.yaml CYCLOSTAT_RUNS=$folder/runs
mkdir "$CYCLOSTAT_STATE"
bad=0 checked=0 emulator=
end() {
    local pid supervisor tries
    supervisor=$(awk '/^supervisor/ {print $2}' "$CYCLOSTAT_STATE"/*/holders 2> /dev/null)
    for pid in $supervisor $emulator; do kill "$pid" 2> /dev/null; done
    wait
    for ((tries = 0; tries < 100; tries++)); do kill -0 "$supervisor" 2> /dev/null || break; sleep 0.05; done
    [ "${KEEP:-}" ] && cp -r "$folder" "$KEEP"
    rm -rf "$folder"
}
trap end EXIT
expect() { # <what> <command …>
    local what=$1
    shift
    checked=$((checked + 1))
    "$@" > "$folder/why" 2>&1 && return 0
    bad=1
    echo "BROKEN: $what"
    sed 's/^/    /' "$folder/why"
    tail -n 15 "$CYCLOSTAT_STATE"/*/log "$CYCLOSTAT_STATE"/*/events.log 2> /dev/null | sed 's/^/    /'
}
within() { # <seconds> <command …>
    local tries=$(($1 * 20))
    shift
    while ! "$@" > "$folder/within" 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { cat "$folder/within"; return 1; }
        sleep 0.05
    done
}
