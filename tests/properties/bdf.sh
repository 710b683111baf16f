#!/usr/bin/env bash
# The folders of real dry runs follow the Battery Data Format: rows, bytes, sidecar.
#   bdf.sh <cyclostat> <source folder>
set -uo pipefail
cyclostat=$1
cd "$2" || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$cyclostat" dry-run protocols/song2024/p02-formation-30degC.yaml --cell n-lmro --quiet --runs "$folder" || exit 1
"$cyclostat" dry-run tests/golden/pulse/protocol.yaml --cell tests/golden/cells/test.yaml --quiet --runs "$folder" || exit 1
"$cyclostat" dry-run tests/golden/limit-fault/protocol.yaml --cell tests/golden/cells/test.yaml --quiet --runs "$folder" 2> /dev/null
tests/store/bdf_check.sh "$folder"/*
