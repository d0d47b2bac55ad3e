#!/bin/sh
# tests/vm/faults.list names every fault point of the source, and no other.
set -eu
cd "$(dirname "$0")/../../.."
grep -rho 'fault_point("[^"]*")' --include=*.c core vm guest tui | sed 's/.*("//; s/")//' | sort -u | diff - tests/vm/faults.list
