#!/usr/bin/env bash
# The tables of the manual are those of the schema. With --update they are written anew.
#   tables.sh <manual_tables> <manual> [--update]
set -euo pipefail
awk() { LC_ALL=C command awk "$@"; } # mawk would take the decimal comma of the locale
program=$1 manual=$2 mode=${3:-}
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
cp "$manual" "$fresh"
for table in file steps cells units; do
    grep -qx "<!-- begin $table -->" "$manual" || { echo "$manual has no marker for table '$table'"; exit 1; }
    "$program" "$table" > "$fresh.table"
    awk -v table="$table" -v source="$fresh.table" '
        $0 == "<!-- end " table " -->" { inside = 0 }
        !inside { print }
        $0 == "<!-- begin " table " -->" {
            inside = 1
            while ((getline line < source) > 0) print line
        }' "$fresh" > "$fresh.new"
    mv "$fresh.new" "$fresh"
    rm -f "$fresh.table"
done
if [ "$mode" = --update ]; then
    cat "$fresh" > "$manual"
elif ! diff -u "$manual" "$fresh"; then
    echo "The tables of $manual are not those of the schema; run: $0 $program $manual --update"
    exit 1
fi
