#!/usr/bin/env bash
# `replay`: what was decided is decided again, and what was altered since is found.
. "$(dirname "$0")/lib.sh"

cat > p.yaml << 'PROTOCOL'
cyclostat: 1
name: replay
cell: {active_mass: 9.03 mg, one_c: 200 mA/g, nominal_capacity: 290 mAh/g}
limits: {voltage: [1.6 V, 4.7 V], current: 10 mA}
record: {every: 60 s, voltage: 20 mV}
method:
  - {rest: 5 min}
  - cycles: 3
    id: main
    steps:
      - {charge: 1 C, hold: 4.2 V, cutoff: [0.5 C, 30 min]}
      - {rest: 2 min}
      - {discharge: 1 C, cutoff: [2.8 V, 30 min]}
PROTOCOL
try 0 dry-run p.yaml --cell n-lmro --trace whole
try 0 replay --trace whole
has "the same: " "$out"
has " 10 steps" "$out"
try 0 dry-run p.yaml --cell n-lmro --sample 1s --trace sampled
try 0 replay --trace sampled

# alter <sed command>: in the midst of the trace; must be found, with both versions.
middle=$(($(wc -l < whole) / 2))
alter() { # <what> <which line from the middle on> <sed command>
    local line
    line=$(awk -v from="$middle" -v what="$2" 'NR >= from && index($0, what) { print NR; exit }' whole)
    sed "${line}$3" whole > altered
    checked=$((checked + 1))
    if cmp -s whole altered; then
        bad=1
        echo "nothing was altered: $1"
    fi
    try 3 replay --trace altered
    has "differs, at event " "$out"
    has "  event > " "$out"
    has "then" "$out"
    has "now" "$out"
}
alter "what was recorded" "< record" 's/Q+ /Q+ 1/'
has "then  < record" "$out"
alter "when a sample was asked for" "= until" 's/until [0-9]*/until 1/'
alter "a setpoint" "< setpoint" 's/number\|value /value 1/'
alter "why a step ended" "< step_done" 's/ cutoff / cutoff 1/'
alter "a voltage that was measured" "> " 's/ V [0-9.]*/ V 9.5/'
alter "a row that is gone" "< record" 'd'
sed 's/^  rule every/  rule evre/' whole > wrong
try 4 replay --trace wrong
has "cannot be read by this version, from 'evre" "$said"
head -n 1 whole > wrong
try 0 replay --trace wrong # an empty beginning
echo "something else" > wrong
try 4 replay --trace wrong
has "this is no trace" "$said"
try 4 replay --trace missing
try 4 replay last
has "dry-run --trace FILE" "$said"
try 2 replay last --trace whole
end
