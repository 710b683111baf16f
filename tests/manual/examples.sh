#!/usr/bin/env bash
# Every example of the manual is read by `cyclostat check`: complete protocols (```yaml, ```lua) and lists of steps
# (```yaml method, put into a protocol for a 3 Ah cell) pass without a warning, wrong ones (```yaml wrong) do not pass.
#   examples.sh <cyclostat> <protocols folder>
set -uo pipefail
awk() { LC_ALL=C command awk "$@"; } # mawk would take the decimal comma of the locale
cyclostat=$1 protocols=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r "$protocols/library" "$folder"

awk -v folder="$folder" '
    /^```/ && !open {
        open = 1
        kind = $1 == "```yaml" ? ($2 == "" ? "whole" : $2) : ($1 == "```lua" ? "lua" : "")
        file = kind == "" ? "" : sprintf("%s/%s_line_%d.%s", folder, kind, NR, kind == "lua" ? "lua" : "yaml")
        if (kind == "method") {
            print "cyclostat: 1\nname: example\ncell: {one_c: 3 A, nominal_capacity: 3 Ah}" > file
            print "limits: {voltage: [2.4 V, 4.25 V], current: 2.5 C, temperature: [0 degC, 60 degC]}\nmethod:" > file
        }
        next
    }
    /^```/ { open = 0; if (file != "") close(file); file = ""; next }
    open && file != "" { print (kind == "method" ? "  " : "") $0 > file }
' "$protocols/README.md"

count=0 bad=0
for file in "$folder"/*_line_*; do
    count=$((count + 1))
    said=$("$cyclostat" check "$file" 2>&1)
    code=$?
    case $(basename "$file") in
    wrong_*) if [ $code -ne 1 ]; then bad=1; echo "$(basename "$file"): a wrong example ended with $code, not 1"; fi ;;
    *) if [ $code -ne 0 ] || grep -q 'warning:' <<< "$said"; then bad=1; echo "$said"; fi ;;
    esac
done
echo "$count examples"
[ $bad -eq 0 ] && [ $count -ge 16 ]
