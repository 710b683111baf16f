#!/usr/bin/env bash
# Makes a folder for a test with live runs, and prints its path: in memory where there is room for it, since a disk
# that other tests keep busy is no part of what is tested. Each folder of runs keeps 64 MiB in reserve.
room_kB=$(df -k --output=avail /dev/shm 2> /dev/null | tail -n 1)
[ "${room_kB:-0}" -gt 6000000 ] && exec mktemp -d -p /dev/shm
exec mktemp -d
