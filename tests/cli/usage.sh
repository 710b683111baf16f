#!/usr/bin/env bash
# Help, version, and what is said about wrong command lines.
. "$(dirname "$0")/lib.sh"

try 2
has "dry-run" "$said"
try 0 --version
has "cyclostat " "$out"
same "lines of --version" "$(wc -l < out.txt)" 1
try 0 --help
for verb in check dry-run runs show cycles cells schema; do
    has "  $verb " "$out"
done
for code in 0 1 2 3 4 5 130; do
    checked=$((checked + 1))
    tr '\n' ' ' <<< "$out" | LC_ALL=C grep -qE " $code [a-z]" || { bad=1; echo "--help does not speak of exit code $code"; }
done
for verb in check dry-run runs show cycles cells schema; do
    try 0 $verb --help
    has "cyclostat $verb" "$out"
    same "stderr of $verb --help" "$said" ""
    try 2 $verb --wibble-wobble
    has "unknown option '--wibble-wobble'" "$said"
    same "stdout of a wrong $verb" "$out" ""
done

try 2 dryrun
has "did you mean 'dry-run'" "$said"
try 2 chekc
has "did you mean 'check'" "$said"
try 2 frobnicate
has "there is no 'frobnicate'" "$said"
hasnot "did you mean" "$said"
try 2 dry-run --smaple 1s round.yaml
has "did you mean '--sample'" "$said"
try 2 check --josn round.yaml
has "did you mean '--json'" "$said"
try 2 dry-run --sample
has "--sample needs a value" "$said"
try 2 dry-run --json=yes round.yaml
has "--json takes no value" "$said"
try 2 dry-run
has "which protocol?" "$said"
try 2 check
has "which protocol?" "$said"
try 2 dry-run round.yaml other.yaml
has "other.yaml" "$said"
try 2 dry-run round.yaml --sample 1
has "--sample" "$said"
try 2 dry-run round.yaml --sample '1 V'
has "a time such as" "$said"
try 2 dry-run round.yaml --sample '-1 s'
try 2 dry-run round.yaml --until 0s
try 2 dry-run round.yaml --set rounds
has "name=value" "$said"
try 2 dry-run round.yaml --no-files --runs elsewhere
has "contradict" "$said"
try 2 cycles --csv --json
try 2 show --steps --events
try 2 runs last
has "cyclostat show last" "$said"
end
