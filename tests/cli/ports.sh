#!/usr/bin/env bash
# The list of serial ports: whatever this computer has, it is named and nothing is opened.
. "$(dirname "$0")/lib.sh"

try 0 ports --json
same "is a list" "$(json type)" array
count=$(json length)
try 0 ports
if [ "$count" -eq 0 ]; then
    same "the table of no ports" "$out" ""
    has "there is no serial port here" "$said"
    has "tcp:HOST:PORT" "$said"
else
    has "name in a rig" "$out"
    for port in $("$cyclostat" ports --json | jq -r '.[].device'); do
        checked=$((checked + 1))
        [ -e "$port" ] || { bad=1; echo "there is no $port"; }
        has "$port" "$out"
    done
fi

try 2 ports /dev/ttyUSB0
has "takes no argument, but got '/dev/ttyUSB0'" "$said"

# With strace at hand: no device is opened.
if command -v strace > /dev/null && strace -o trace.txt -e trace=openat true 2> /dev/null; then
    strace -f -o trace.txt -e trace=open,openat "$cyclostat" ports > /dev/null 2>&1
    checked=$((checked + 1))
    ! LC_ALL=C grep -q '"/dev/tty' trace.txt || { bad=1; echo "a port was opened"; }
fi
end
