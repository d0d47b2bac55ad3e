#!/usr/bin/env bash
# test_volumes.sh HOLM: a volume keeps its data over its containers and over kill -9, has one writer or many readers, and
# gives back to the host what is removed in it.
set -euo pipefail
holm=$1
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ -r "$(HOLM_KERNEL=${HOLM_KERNEL:-} "$root/kernel/build.sh" --path)" ] || { echo "there is no guest kernel here"; exit 77; }
command -v busybox >/dev/null || { echo "busybox is not installed"; exit 77; }
top=$(mktemp -d /tmp/hv-XXXXXX)
kernels=${XDG_CACHE_HOME:-$HOME/.cache}/holm/kernel
export XDG_DATA_HOME=$top/d XDG_CACHE_HOME=$top/c XDG_CONFIG_HOME=$top/f XDG_RUNTIME_DIR=$top/r
mkdir -m 700 -p "$top"/{d,c/holm,f,r}
ln -s "$kernels" "$top/c/holm/kernel"
finish() {
    local file
    "$holm" rm -f writer one two lost >/dev/null 2>&1 || true
    # Whoever makes a template in the background writes into the folder.
    for file in $(grep -lzFx "XDG_CACHE_HOME=$top/c" /proc/[0-9]*/environ 2>/dev/null); do
        timeout 60 tail --pid="$(basename "$(dirname "$file")")" -f /dev/null || true
    done
    rm -rf "$top"
}
trap finish EXIT
fail() { echo "$1" >&2; exit 1; }

. "$root/tui/setup.sh"
setup_busybox "$holm"

# Made where it is first named; the next container finds what was written.
"$holm" run --rm -v data:/data busybox sh -c 'echo kept >/data/file'
[ "$("$holm" run --rm -v data:/data busybox cat /data/file)" = kept ] || fail "the data is lost with its container"

# One writer, and the error says who.
"$holm" run -d --name writer -v data:/data busybox sleep 1000 >/dev/null
if "$holm" run --rm -v data:/data busybox true 2>"$top/why"; then fail "two containers write one volume"; fi
grep -q 'in use by writer' "$top/why" || fail "it does not say who has it: $(cat "$top/why")"
if "$holm" run --rm -v data:/data:ro busybox true 2>/dev/null; then fail "a volume is read while it is written"; fi
# What could not start goes with --rm.
until=$((SECONDS + 30))
until [ "$("$holm" ls -aq | wc -l)" = 1 ]; do
    [ $SECONDS -lt $until ] || fail "they stay: $("$holm" ls -a)"
    sleep 0.1
done
if "$holm" volume rm data 2>"$top/why"; then fail "a mounted volume was removed"; fi
grep -q writer "$top/why" || fail "it does not say who mounts it: $(cat "$top/why")"

# The writer's shim is killed: synced data is there, and a reader recovers the file system first.
"$holm" exec writer sh -c 'echo more >/data/more && sync'
id=$("$holm" inspect writer | sed -n 's/^    "id": "\(.*\)",$/\1/p')
killed=0
for process in $(grep -lz "$id" /proc/[0-9]*/cmdline 2>/dev/null || true); do
    process=${process#/proc/}
    process=${process%/cmdline}
    if [ "$(basename "$(readlink "/proc/$process/exe")")" = holm-shim ]; then kill -9 "$process" && killed=$((killed + 1)); fi
done
[ "$killed" -gt 0 ] || fail "there is no shim to kill"
"$holm" wait writer >/dev/null || true
[ "$("$holm" run --rm -v data:/data:ro busybox cat /data/more)" = more ] || fail "what was synced is lost with the shim"

# Clean again: several readers at a time, and none of them writes.
"$holm" run --rm -v data:/data busybox true
"$holm" run -d --name one -v data:/data:ro busybox sleep 1000 >/dev/null
"$holm" run -d --name two -v data:/data:ro busybox sleep 1000 >/dev/null
[ "$("$holm" exec two cat /data/file)" = kept ] || fail "the second reader does not see the data"
if "$holm" exec one sh -c 'echo no >/data/file' 2>/dev/null; then fail "a reader has written"; fi
"$holm" rm -f one two writer >/dev/null

# What is removed inside is given back to the host.
used() { "$holm" volume inspect data | sed -n 's/.*"usedBytes": \([0-9]*\).*/\1/p'; }
"$holm" run --rm -v data:/data busybox sh -c 'dd if=/dev/zero of=/data/large bs=1M count=32 2>/dev/null'
full=$(used)
[ "$full" -gt $((32 << 20)) ] || fail "32 MiB take $full bytes"
"$holm" run --rm -v data:/data busybox rm /data/large
[ "$(used)" -lt $((4 << 20)) ] || fail "the host keeps $(used) of $full bytes"

# A volume without a name goes with prune, one with a name stays.
"$holm" run --name nameless -v /anonymous busybox touch /anonymous/file
"$holm" rm nameless >/dev/null
[ "$("$holm" volume ls -q | wc -l)" = 2 ] || fail "there is no anonymous volume"
"$holm" volume prune >/dev/null
[ "$("$holm" volume ls -q)" = data ] || fail "prune left $("$holm" volume ls -q)"
"$holm" volume rm data >/dev/null
[ -z "$(ls "$XDG_DATA_HOME/holm/volumes" | grep ext4 || true)" ] || fail "the volume's file is left"
