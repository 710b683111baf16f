#!/usr/bin/env bash
# Colours and the progress bar: on a terminal only. `script` gives the program one.
. "$(dirname "$0")/lib.sh"
cell="$source/tests/golden/cells/test.yaml"
escape=$'\033'

# on_terminal <command>: its output as a terminal sees it.
on_terminal() {
    TERM=xterm script -qec "$1" /dev/null < /dev/null
}

try 0 dry-run round.yaml --cell "$cell" --no-files
hasnot "$escape" "$out$said"
sed 's/4.1 V/4.1 W/' round.yaml > wrong.yaml
try 1 check wrong.yaml
hasnot "$escape" "$said"
has "$escape" "$(on_terminal "'$cyclostat' dry-run round.yaml --cell '$cell' --no-files")"
has "$escape" "$(on_terminal "'$cyclostat' check wrong.yaml")"
hasnot "$escape[1" "$(on_terminal "NO_COLOR=1 '$cyclostat' dry-run round.yaml --cell '$cell' --no-files")"
hasnot "$escape[1" "$(on_terminal "TERM=dumb '$cyclostat' dry-run round.yaml --cell '$cell' --no-files")"
# a table that is too wide says so: no number loses digits in silence
try 0 dry-run round.yaml --cell "$cell" --runs narrow --quiet
has "…" "$(on_terminal "stty cols 40; '$cyclostat' runs --runs narrow")"
hasnot "…" "$(on_terminal "stty cols 200; '$cyclostat' runs --runs narrow")"
# long enough for the bar to be drawn and wiped
bar=$(on_terminal "'$cyclostat' dry-run round.yaml --cell '$cell' --no-files --set rounds=2000 --sample 1s")
has "cycle " "$bar"
has "/2000" "$bar"
has "left" "$bar"
hasnot "[#" "$(on_terminal "'$cyclostat' dry-run round.yaml --cell '$cell' --no-files --quiet")"
end
