#!/usr/bin/env bash
# `cyclostat check`: the plan, diagnostics with their place, JSON, settings, cells.
. "$(dirname "$0")/lib.sh"

try 0 check round.yaml
has "4.1 V" "$out"
has "2.5 A" "$out"
same "stderr of a good check" "$said" ""
try 0 check round.yaml --quiet
same "stdout of a quiet check" "$out" ""
try 0 check round.yaml --json
same "ok" "$(json .ok)" true
same "diagnostics" "$(json '.diagnostics | length')" 0
has '"plan":' "$out"

sed 's/4.1 V/4.1 W/; s/3.3 V, id/3.3 C, id/' round.yaml > wrong.yaml
try 1 check wrong.yaml
has "wrong.yaml:12:" "$said"
has "wrong.yaml:14:" "$said"
has "2 errors in wrong.yaml" "$said"
same "stdout of a failed check" "$out" ""
try 1 check wrong.yaml --json
same "ok" "$(json .ok)" false
same "diagnostics" "$(json '.diagnostics | length')" 2
same "line" "$(json '.diagnostics[0].line')" 12

try 0 check round.yaml --set rounds=5
try 1 check round.yaml --set runds=5
has "rounds" "$said"
try 0 check round.yaml --cell nca-18650
try 2 check round.yaml --cell nca-18560
has "did you mean 'nca-18650'" "$said"
try 4 check nowhere.yaml
has "nowhere.yaml" "$said"
try 4 check .
end
