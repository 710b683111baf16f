#!/usr/bin/env bash
# `cells` and `schema`.
. "$(dirname "$0")/lib.sh"

try 0 cells
has "n-lmro" "$out"
count=$(($(wc -l <<< "$out") - 1))
same "every file is listed" "$count" "$(find "$source/protocols/cells" -name '*.yaml' | wc -l)"
try 0 cells --json
same "the same in JSON" "$(json length)" "$count"
try 0 cells n-lmro
has "Q_M" "$out"
has "138.4" "$out"
try 0 cells n-lmro --json
same "parameter" "$(json '.parameters[] | select(.name == "Q_M").value')" 138.4
try 0 cells "$source/tests/golden/cells/test.yaml"
has "linear" "$out"
try 2 cells n-lmor
has "did you mean 'n-lmro'" "$said"
try 2 cells one two
sed 's/R0: 0.02/R0: 0.02, R_0: 1/' "$source/tests/golden/cells/test.yaml" > wrong.yaml
try 1 cells wrong.yaml
has "wrong.yaml:" "$said"
has "R_0" "$said"

try 0 schema
same "schema" "$(json '."$schema"')" "http://json-schema.org/draft-07/schema#"
try 2 schema more
end
