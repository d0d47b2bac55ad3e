# A dashboard in tmux, driven by keys and read from its screen. Sourced, with $holm set.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../../tui/setup.sh"
kernels=${XDG_CACHE_HOME:-$HOME/.cache}/holm/kernel
folder=$(mktemp -d /tmp/holm-dashboard.XXXX)
export XDG_DATA_HOME=$folder/d XDG_CACHE_HOME=$folder/h XDG_CONFIG_HOME=$folder/c XDG_RUNTIME_DIR=$folder/r LC_ALL=C.UTF-8
mkdir -p "$folder"/{d,h/holm,c} && mkdir -m 700 "$folder/r"
ln -s "$(readlink -f "$kernels")" "$folder/h/holm/kernel"
tmux=(tmux -S "$folder/tmux" -f /dev/null)

# wait_dashboards: until they have ended. One whose terminal goes writes down what was open.
wait_dashboards() {
    local file process
    for file in $(grep -lzFx "XDG_DATA_HOME=$folder/d" /proc/[0-9]*/environ 2>/dev/null); do
        process=$(basename "$(dirname "$file")")
        if [ "$(readlink "/proc/$process/exe")" = "$(readlink -f "$holm")" ]; then
            timeout 60 tail --pid="$process" -f /dev/null
        fi
    done
}

finish() {
    "${tmux[@]}" kill-server 2>/dev/null || true
    wait_dashboards || true
    "$holm" rm -f $("$holm" ls -aq) >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap finish EXIT

# start_screen NAME COLUMNS ROWS COMMAND: a terminal of its own, by its name. The server stays when its last one is killed:
# the next would come to one that is just ending.
start_screen() {
    "${tmux[@]}" start-server \; set-option -s exit-empty off \; new-session -d -s "$1" -x "$2" -y "$3" "$4"
}
show() { "${tmux[@]}" capture-pane -p -t "${1:-dash}"; }
# shows TEXT [SCREEN]: whether it is there now. (A grep -q behind a pipe may end before tmux has written.)
shows() { [[ $(show "${2:-dash}") == *"$1"* ]]; }
keys() { "${tmux[@]}" send-keys -t dash "$@"; }
# gone TEXT: waits until it is on the screen no more. (A key right behind an escape would make an alt of it.)
gone() {
    local until=$((SECONDS + 30))
    while shows "$1"; do
        if [ $SECONDS -ge $until ]; then
            echo "\"$1\" stays on the screen:" >&2
            show >&2
            exit 1
        fi
        sleep 0.1
    done
}
# expect TEXT [SECONDS [SCREEN]]: waits until it is on the screen.
expect() {
    local until=$((SECONDS + ${2:-30}))
    until shows "$1" "${3:-dash}"; do
        if [ $SECONDS -ge $until ]; then
            echo "\"$1\" is not on the screen:" >&2
            show "${3:-dash}" >&2
            exit 1
        fi
        sleep 0.1
    done
}
