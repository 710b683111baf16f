#!/usr/bin/env bash
# The manual of the rig file: its table of keys is the reader's own, its example and the shipped rigs are sound, the schema knows
# the same keys. With --update the table is written anew.
#   rig.sh <cyclostat> <source folder> [--update]
set -uo pipefail
awk() { LC_ALL=C command awk "$@"; } # mawk would take the decimal comma of the locale
cyclostat=$1 source=$2 mode=${3:-}
manual=$source/drivers/rigs/README.md
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
umask 022 # a rig file that others may write is refused
bad=0
complain() {
    bad=1
    printf '%s\n' "$*"
}

"$cyclostat" rig manual > "$folder/table" || complain "rig manual fails"
printf '\n' >> "$folder/table"
awk -v table="$folder/table" '
    $0 == "<!-- end rig -->" { inside = 0 }
    !inside { print }
    $0 == "<!-- begin rig -->" { inside = 1; while ((getline line < table) > 0) print line }' "$manual" > "$folder/fresh"
if [ "$mode" = --update ]; then
    cat "$folder/fresh" > "$manual"
elif ! diff -u "$manual" "$folder/fresh"; then
    complain "The table of $manual is not that of the reader; run: $0 $cyclostat $source --update"
fi

awk '/^```yaml rig/ { on = 1; next } /^```/ { on = 0 } on' "$manual" > "$folder/example.yaml"
count=0
for rig in "$folder/example.yaml" "$source"/drivers/rigs/*.yaml; do
    cp "$rig" "$folder/rig.yaml"
    said=$("$cyclostat" rig check "$folder/rig.yaml" --quiet 2>&1) || complain "$rig is refused"
    [ -z "$said" ] || complain "$rig: $said"
    count=$((count + 1))
done
[ $count -ge 3 ] || complain "only $count rigs"

in_schema=$("$cyclostat" rig schema | jq -r '[.properties, .definitions[].properties] | map(keys) | add | unique | .[]')
in_manual=$(LC_ALL=C sed -n 's/^| `\([a-z_]*\)` .*/\1/p' "$folder/table" | LC_ALL=C sort -u)
[ -n "$in_schema" ] && [ "$in_schema" = "$in_manual" ] || complain "the schema's keys are not the manual's"
[ $bad -eq 0 ]
