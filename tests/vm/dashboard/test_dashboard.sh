#!/usr/bin/env bash
# From the first start to a shell in a container and back, as a user would: keys in, screen out.
#     test_dashboard.sh HOLM
set -euo pipefail
holm=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d /tmp/holm-dashboard.XXXX)
export XDG_DATA_HOME=$folder/d XDG_CONFIG_HOME=$folder/c XDG_RUNTIME_DIR=$folder/r LC_ALL=C.UTF-8
mkdir -p "$folder"/{d,c} && mkdir -m 700 "$folder/r"
screen=(tmux -S "$folder/tmux" -f /dev/null)

finish() {
    "${screen[@]}" kill-server 2>/dev/null || true
    "$holm" rm -f box >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap finish EXIT

show() { "${screen[@]}" capture-pane -p -t dash; }
keys() { "${screen[@]}" send-keys -t dash "$@"; }
# expect TEXT [SECONDS]: waits until it is on the screen.
expect() {
    local until=$((SECONDS + ${2:-30}))
    until show | grep -qF -- "$1"; do
        if [ $SECONDS -ge $until ]; then
            echo "\"$1\" is not on the screen:" >&2
            show >&2
            exit 1
        fi
        sleep 0.1
    done
}

"${screen[@]}" new-session -d -s dash -x 120 -y 34 "echo before; '$holm'; echo left with \$?; exec sleep 1000"
expect "Welcome to holm."

. "$here/../../../tui/setup.sh"
setup_busybox "$holm" # an image that comes while the dashboard looks on
expect "busybox"

keys 2 Enter
expect "the same as"
keys "box"
expect "holm run -it --name box"
keys Enter
expect "/ #" 240
keys 'echo $((6 * 7)) is it; stty size' Enter
expect "42 is it"
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
keys s
expect "exited" 60
keys d
expect "Lost: its writable layer"
keys y
expect "no containers yet" 30
keys q
expect "left with 0"
show | grep -qF before
echo "the dashboard did all of it"
