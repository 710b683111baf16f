#!/usr/bin/env bash
# A protocol in YAML and its twin in Lua take the same steps: every step as it was resolved to numbers, in the same order,
# with the same end, from the journals of two dry runs on the same cell. A plain for loop of a program is no block, so the
# depth of blocks and where their sums begin are left out.
#   twins.sh <cyclostat> <source folder>
set -uo pipefail
cyclostat=$1
cd "$2" || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

steps_of() {
    sqlite3 -separator ' | ' "$1" "
        select count, name, label, mode, type, cycle_number, in_cycle, reason, cutoff, action, start_ns, end_ns, charge_Ah,
            discharge_Ah, voltage_V, text
        from step join definition on definition.id = step.definition order by count" |
        sed -E 's/"(scope_resets|block_depth)":[0-9]+,?//g'
}

bad=0 pairs=0
for lua in protocols/song2024/*.lua protocols/library/*.lua; do
    yaml=${lua%.lua}.yaml
    [ -e "$yaml" ] || continue
    pairs=$((pairs + 1))
    cell=n-lmro options=()
    case $lua in
    *p03-*) options=(--set main_cycles=3 --set formation_cycles=2) ;;
    *cc-cv-*) cell=nca-18650 options=(--set cycle_count=3) ;;
    esac
    for file in "$yaml" "$lua"; do
        form=${file##*.}
        rm -rf "$folder/$form"
        if ! said=$("$cyclostat" dry-run "$file" --cell $cell "${options[@]}" --runs "$folder/$form" --quiet 2>&1); then
            bad=1
            printf -- '--- %s\n%s\n' "$file" "$(tail -n 6 <<< "$said")"
            continue 2
        fi
        steps_of "$folder/$form"/*/journal.sqlite > "$folder/$form.steps"
    done
    if [ ! -s "$folder/yaml.steps" ] || ! diff "$folder/yaml.steps" "$folder/lua.steps" > "$folder/diff"; then
        bad=1
        echo "--- $lua differs from its twin:"
        head -n 6 "$folder/diff" | cut -c 1-400
    fi
done
echo "$pairs pairs"
[ $bad -eq 0 ] && [ $pairs -ge 6 ]
