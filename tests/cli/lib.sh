# Shared by the tests of the command line; to be sourced with: <cyclostat> <source folder>
set -uo pipefail
awk() { LC_ALL=C command awk "$@"; } # mawk would take the decimal comma of the locale
cyclostat=$1 source=$2
folder=$("$(dirname "$0")/../check/scratch.sh")
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 2
unset NO_COLOR CYCLOSTAT_RUNS
bad=0 checked=0

# try <exit code> <arguments>: runs the program; leaves $out and $said (stdout and stderr).
try() {
    local wanted=$1 code
    shift
    "$cyclostat" "$@" > out.txt 2> said.txt < /dev/null
    code=$?
    out=$(cat out.txt) said=$(cat said.txt)
    checked=$((checked + 1))
    if [ $code -ne "$wanted" ]; then
        bad=1
        printf 'cyclostat %s ended with %s instead of %s\n%s\n%s\n' "$*" $code "$wanted" "$out" "$said"
    fi
}

# has <text> <where>: the text is somewhere in $where.
has() {
    checked=$((checked + 1))
    case $2 in
    *"$1"*) ;;
    *) bad=1; printf 'not found: %s\nin: %s\n' "$1" "$2" ;;
    esac
}

hasnot() {
    checked=$((checked + 1))
    case $2 in
    *"$1"*) bad=1; printf 'found: %s\nin: %s\n' "$1" "$2" ;;
    esac
}

# same <what> <actual> <expected>
same() {
    checked=$((checked + 1))
    if [ "$2" != "$3" ]; then
        bad=1
        printf '%s is «%s» instead of «%s»\n' "$1" "$2" "$3"
    fi
}

# json <filter>: of $out, which must be valid JSON.
json() { jq -r "$1" <<< "$out" 2> /dev/null || echo "no JSON"; }

end() {
    echo "$checked checks"
    [ $bad -eq 0 ] && [ $checked -gt 0 ]
    exit
}

cat > round.yaml <<'PROTOCOL'
cyclostat: 1
name: two rounds
cell: {one_c: 2.5 A, nominal_capacity: 2.5 Ah}
limits: {voltage: [2.4 V, 4.5 V], current: 3 C}
parameters: {rounds: 2}
expect:
  - {value: last.voltage, is: 3.3 V, within: 1 mV, source: the cutoff}
method:
  - cycles: = rounds
    id: round
    steps:
      - {charge: 1 C, hold: 4.1 V, cutoff: C/10, id: up}
      - {rest: 10 min}
      - {discharge: 1 C, cutoff: 3.3 V, id: down}
PROTOCOL
