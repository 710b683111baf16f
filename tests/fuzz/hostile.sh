#!/usr/bin/env bash
# The hostile families (see hostile.c) through the program itself: those of 1 MiB, and some as large as a file may
# be, are refused with exit code 1 and words, or accepted where that is lawful, within 32 MiB beyond what the program
# needs to say its version.
#   hostile.sh <cyclostat> <hostile> <peak>
set -uo pipefail
cyclostat=$1 hostile=$2 peak=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
least=$("$peak" "$cyclostat" --version | tail -n 1)
failed=0
tried=0
most=0

# try SIZE PATTERN
try() {
    local file kind name path code kib
    "$hostile" write "$folder" "$1" >"$folder/list"
    while IFS=$'\t' read -r file kind name; do
        path=$folder/$file
        case $file in
        */cell.yaml | */drive.csv) continue ;;
        esac
        [[ $name =~ $2 ]] || continue
        printf 'time / s,current / A\n0,1\n1,-1\n2,0\n' >"$(dirname "$path")/drive.csv"
        "$peak" "$cyclostat" check "$path" >"$folder/out" 2>"$folder/err"
        code=$?
        kib=$(tail -n 1 "$folder/out")
        tried=$((tried + 1))
        if ! [[ $code -eq 1 || ($code -eq 0 && $kind == lawful) ]]; then
            echo "$name, $1 bytes: exit code $code"
            failed=$((failed + 1))
        elif [[ $code -eq 1 && ! -s $folder/err ]]; then
            echo "$name, $1 bytes: refused without a word"
            failed=$((failed + 1))
        fi
        if [[ $((kib - least)) -gt 32768 ]]; then
            echo "$name, $1 bytes: $kib KiB, and $least KiB are the program's own"
            failed=$((failed + 1))
        fi
        [[ $kib -le $most ]] || most=$kib
    done <"$folder/list"
    rm -rf "$folder"/[0-9]*
}

try 1048576 .
try 16777000 '^(lists in lists|keys|one long line|NUL bytes|steps|aliases of aliases|a long comment in a program)$'
echo "hostile files: $tried tried, $failed failed; at most $most KiB, of which $least KiB are the program's own"
[[ $failed -eq 0 && $tried -gt 90 ]]
