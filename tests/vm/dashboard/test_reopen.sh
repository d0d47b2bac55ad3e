#!/usr/bin/env bash
# Consoles outlive the dashboard: two side by side are so again at its next start, with what stood in them and what their
# shells know. And what is measured has its graphs, or its words for a screen reader.
#     test_reopen.sh HOLM
set -euo pipefail
holm=$1
. "$(dirname "$0")/screen.sh"
setup_busybox "$holm"
"$holm" run -d --name box busybox sleep 10000 >/dev/null

start_screen dash 160 34 "'$holm'; echo left with \$?; exec sleep 1000"
expect "box"
keys e
expect "/ #" 120
keys 'A=1$((10 + 1)); echo first $A' Enter
expect "first 111"
keys C-p '|'
expect "one only"
keys 'B=7$((3 + 4)); echo second $B' Enter
expect "second 77" 60
keys C-p C-q
expect "? help"
keys q
expect "left with 0"
"${tmux[@]}" kill-session -t dash

start_screen dash 160 34 "'$holm'; echo left with \$?; exec sleep 1000"
expect "second 77" # beside the list, where it was left
keys Enter
expect "one only"
expect "first 111"
keys 'echo still $B' Enter
expect "still 77"
keys C-p Tab
keys 'echo and $A' Enter
expect "and 111"
keys C-p C-q
expect "? help"

keys t
expect "memory given back"
expect "disk written"
keys Enter G
expect "cpu, % of all cores"
keys Escape
gone "esc back"
keys q
expect "left with 0"
"${tmux[@]}" kill-session -t dash

start_screen dash 80 24 "'$holm' --plain; echo left with \$?; exec sleep 1000"
expect "box, running"
keys Enter
expect "box, stats"
expect "cpu, % of one core:"
expect "memory given back:"
keys q
expect "left with 0"
echo "it is as it was left"
