#!/usr/bin/env bash
# The commands of README.md, typed one after the other in a fresh folder, all succeed. The file they need is the one the
# readme shows.
#   readme.sh <cyclostat> <source folder>
set -uo pipefail
awk() { LC_ALL=C command awk "$@"; } # mawk would take the decimal comma of the locale
cyclostat=$1 source=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
ln -s "$source/protocols" protocols
awk '/^```yaml first.yaml/ { on = 1; next } /^```/ { on = 0 } on' "$source/README.md" > first.yaml
awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on' "$source/README.md" |
    grep -v '^export PATH=' > commands
PATH=$(dirname "$cyclostat"):$PATH
bad=0 count=0
while read -r line; do
    count=$((count + 1))
    if ! said=$(eval "$line" 2>&1 < /dev/null); then
        bad=1
        printf -- '--- %s\n%s\n' "$line" "$(tail -n 12 <<< "$said")"
    fi
done < commands
# what the readme says of a run folder is there
run=$(find runs -mindepth 1 -maxdepth 1 | head -n 1)
for name in "$run"/*.bdf.csv "$run"/*.metadata.json "$run/journal.sqlite" "$run/protocol"; do
    [ -e "$name" ] || { bad=1; echo "no $name"; }
done
# so are its exit codes
while read -r code; do
    "$cyclostat" --help | tr '\n' ' ' | LC_ALL=C grep -qE "[ ;]$code [a-z]" || { bad=1; echo "--help does not know exit code $code"; }
done < <(awk -F'[| ]+' '/^## /{ on = /Exit codes/ } on && $2 ~ /^[0-9]+$/ { print $2 }' "$source/README.md")
# and what it and the manual link to is there
while read -r page link; do
    [ -e "$source/$(dirname "$page")/${link%%#*}" ] || { bad=1; echo "$page links to $link, which is not there"; }
done < <(for page in README.md protocols/README.md; do
    grep -oE '\]\([^)]*\)' "$source/$page" | sed -E 's/^..(.*).$/\1/' | grep -vE '^(https?:|#)' | sed "s|^|$page |"
done)
echo "$count commands"
[ $bad -eq 0 ] && [ $count -ge 9 ]
