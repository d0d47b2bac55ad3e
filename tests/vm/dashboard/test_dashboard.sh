#!/usr/bin/env bash
# From the first start to a shell in a container and back, as a user would: keys in, screen out.
#     test_dashboard.sh HOLM
set -euo pipefail
holm=$1
. "$(dirname "$0")/screen.sh"

"$holm" network create back >/dev/null
start_screen dash 120 34 "echo before; '$holm'; echo left with \$?; exec sleep 1000"
expect "Welcome to holm."
expect "tells what holm needs"
keys D
expect "guest kernel" 60
expect "nothing needed is missing" 60
keys Escape

setup_busybox "$holm" # an image that comes while the dashboard looks on
expect "busybox"

keys 2 Enter
expect "the same as"
keys "box"
expect "holm run -it --name box"
keys Tab Tab "80:web"
expect "-p 80:web"
keys Enter
expect "ports: 80:web: it needs"
keys C-u "127.0.0.1::80"
keys Tab "data:/data"
keys Tab "A='two words'"
keys Tab "default none"
keys Enter
expect "none: none stands alone"
keys C-u "default back"
expect "-p 127.0.0.1::80 -v data:/data -e 'A=two words'"
expect "--network default --network back"
keys Enter
expect "/ #" 240
keys 'echo $((6 * 7)) is it; stty size' Enter
expect "42 is it"
keys 'echo "$A" and $(grep -c " /data " /proc/mounts)' Enter
expect "two words and 1"
keys 'ls /sys/class/net | grep -c eth' Enter
expect "2"
rows=$(show | grep -cE '^.*│' || true)
[ "$rows" -gt 20 ]
keys vi Enter
expect "~"
keys Escape ':q!' Enter
keys C-p C-q
expect "? help"

keys e
expect "ctrl-p ctrl-q" 60
keys 'echo second $((40 + 3))' Enter
expect "second 43" 60
keys C-p C-q
expect "? help"
keys l
expect "42 is it"
keys Escape # by itself: with a letter right behind it, it would be alt
expect "open"
keys i
expect '"configuration": {'
keys / "CREATEDAT"
expect "1 line matches"
keys Enter n
expect "1 match"
keys Escape
gone "1 match"
keys s
expect "exited" 60
keys d
expect "Lost: its writable layer"
keys y
expect "no containers yet" 30

"$holm" tag busybox 127.0.0.1:1/me/busybox:v1
keys 2 u
expect "push by which name?"
keys "127"
gone "│ docker.io/library/busybox:latest"
keys Enter
gone "by which name?"
expect "to 127.0.0.1:1: " 60 # nobody is there, and that is said
keys 1

"$holm" run -d --name ill --health-cmd "echo no answer; false" --health-interval 200ms --health-retries 1 busybox sleep 1000
expect "1 unhealthy" 60
keys ']' # from the last tab to the overview
expect "no answer"
"$holm" rm -f ill
expect "no containers yet" 30
keys q
expect "left with 0"
shows before
echo "the dashboard did all of it"
