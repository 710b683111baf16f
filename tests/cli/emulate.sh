#!/bin/bash
# `cyclostat emulate`: links that come and go, what it refuses, and a log that knows its own stalls.
. "$(dirname "$0")/lib.sh"

emulator=
trap '[ -n "$emulator" ] && kill -CONT "$emulator" 2> /dev/null; [ -n "$emulator" ] && kill "$emulator" 2> /dev/null; rm -rf "$folder"' EXIT

# start <arguments>: in the background, until it says ready.
start() {
    "$cyclostat" emulate "$@" > ready.txt 2> said.txt < /dev/null &
    emulator=$!
    for _ in $(seq 500); do
        grep -q '^ready' ready.txt && return
        kill -0 "$emulator" 2> /dev/null || break
        sleep 0.01
    done
    bad=1
    printf 'not ready: cyclostat emulate %s\n%s\n' "$*" "$(cat said.txt)"
}

stop() {
    kill "$emulator"
    wait "$emulator"
    code=$?
    emulator=
    checked=$((checked + 1))
    [ $code -eq 0 ] || { bad=1; echo "the emulator ended with $code"; }
}

# What it refuses, with the nearest that there is.
try 2 emulate keithley_2401 --cell n-lmro --pty smu
has "did you mean 'keithley_2400'?" "$said"
try 2 emulate keithley_2400 --cell n-lmro
has "say where it appears" "$said"
try 2 emulate keithley_2400 --pty smu
has "which --cell" "$said"
try 1 emulate keithley_2400 --cell n-lmro --pty smu --fault mutte
has "did you mean 'mute'?" "$said"
try 1 emulate 'keithley_2400[modell=2410]=smu' --cell n-lmro
has "did you mean 'model'?" "$said"
try 2 emulate keithley_2400 --cell n-lmroo --pty smu
has "did you mean 'n-lmro'?" "$said"
try 4 emulate keithley_2400 --cell n-lmro --pty no/such/folder/smu
has "cannot make the link" "$said"
try 0 emulate --list
has "external_short" "$out"
has "zketech_ebc" "$out"

# A file is never replaced by a link.
echo precious > smu
try 4 emulate keithley_2400 --cell n-lmro --pty smu
has precious "$(cat smu)"
rm smu

# One instrument; half a second in which the emulator itself stands still is in its log.
start keithley_2400 --cell n-lmro --pty smu --truth truth
has "ready keithley_2400=smu" "$(cat ready.txt)"
[ -L smu ] || { bad=1; echo "there is no link"; }
kill -STOP "$emulator"
sleep 0.5
kill -CONT "$emulator"
for _ in $(seq 200); do
    grep -q ' emulator stall ' truth && break
    sleep 0.01
done
has " emulator stall 0." "$(cat truth)"
stop
[ -e smu ] || [ -L smu ] && { bad=1; echo "the link is still there"; }
has " emulator end" "$(cat truth)"
has " cell0 charge " "$(cat truth)"

# A rig that shares a cell: the chamber warms it at 60 times its pace.
start --cell n-lmro --rate 60 --truth truth keithley_2400=smu espec_p300=oven 'bongshin_bs205[mode=request]=tcp:0'
has "bongshin_bs205=tcp:127.0.0.1:" "$(cat ready.txt)"
port=$(sed 's/.*127.0.0.1:\([0-9]*\).*/\1/' ready.txt)
exec 5<> "/dev/tcp/127.0.0.1/$port"
printf 0R >&5
has "0+400" "$(timeout 5 head -c 10 <&5)"
exec 5>&-
stty -F oven raw -echo
exec 6<> oven
printf 'TEMP, S60.0\r\n' >&6
has "OK:TEMP, S60.0" "$(timeout 5 head -n 1 <&6)"
exec 6>&-
stop
has "espec_p300 environment temperature 60" "$(cat truth)"

# Many cells, each a little different.
start --cell nca-18650,x3 keithley_2400=a keithley_2400=b keithley_2400=c --truth truth
stop
has " cell2 charge " "$(cat truth)"
has " keithley_2400#3 link c" "$(cat truth)"

end
