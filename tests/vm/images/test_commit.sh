#!/usr/bin/env bash
# test_commit.sh HOLM: what a container has changed becomes a list, a tar and an image, while it runs and once it has stopped,
# and other tools read the result.
set -euo pipefail
holm=$1
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ -r "$(HOLM_KERNEL=${HOLM_KERNEL:-} "$root/kernel/build.sh" --path)" ] || { echo "there is no guest kernel here"; exit 77; }
for tool in skopeo busybox; do command -v "$tool" >/dev/null || { echo "$tool is not installed"; exit 77; }; done
top=$(mktemp -d /tmp/hc-XXXXXX)
kernels=${XDG_CACHE_HOME:-$HOME/.cache}/holm/kernel
export XDG_DATA_HOME=$top/d XDG_CACHE_HOME=$top/c XDG_CONFIG_HOME=$top/f XDG_RUNTIME_DIR=$top/r
mkdir -m 700 -p "$top"/{d,c/holm,f,r}
ln -s "$kernels" "$top/c/holm/kernel"
finish() { "$holm" rm -f busy still >/dev/null 2>&1 || true; rm -rf "$top"; }
trap finish EXIT
fail() { echo "$1" >&2; exit 1; }

. "$root/tui/setup.sh"
setup_busybox "$holm"
"$holm" run -d --name busy busybox sh -c \
    'mkdir /new; echo kept >/new/file; rm /etc/group; i=0; : >/ready; while :; do i=$((i+1)); echo $i >/new/count; done' >/dev/null
"$holm" exec busy sh -c 'until [ -e /ready ]; do :; done'

# While it writes: the file system stands still for the copy, and goes on after it.
"$holm" diff busy >"$top/changes"
grep -qx 'A /new/file' "$top/changes" && grep -qx 'D /etc/group' "$top/changes" || fail "diff: $(cat "$top/changes")"
if grep -q 'etc/hosts\|machine-id' "$top/changes"; then fail "diff lists what holm itself has written"; fi
before=$("$holm" exec busy cat /new/count)
"$holm" exec busy sh -c "until [ \$(cat /new/count) -gt $before ]; do :; done"
"$holm" commit -m 'while it ran' -c 'CMD ["cat", "/new/file"]' busy made:running >/dev/null
[ "$("$holm" run --rm made:running)" = kept ] || fail "the image of the running container is not what it was"

# Once it has stopped no machine is needed.
"$holm" stop -t 1 busy >/dev/null
"$holm" export busy | tar -xO new/file | grep -qx kept || fail "the export has lost a file"
if "$holm" export busy | tar -t | grep -qx etc/group; then fail "the export has a file that was removed"; fi
"$holm" commit busy made:stopped >/dev/null
"$holm" run --rm made:stopped sh -c '[ -d /new ] && [ ! -e /etc/group ]' || fail "the image of the stopped container"
"$holm" history made:running | grep -q 'while it ran' || fail "the history does not say why"

# The store is an image layout that other tools read as it is.
skopeo copy -q "oci:$XDG_DATA_HOME/holm/images:docker.io/library/made:stopped" "dir:$top/copy"
"$holm" image verify -q
if "$holm" rmi made:stopped >/dev/null && "$holm" rmi busybox 2>"$top/why"; then fail "an image in use was removed"; fi
grep -q busy "$top/why" || fail "it does not say by what: $(cat "$top/why")"
