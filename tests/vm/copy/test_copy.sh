#!/usr/bin/env bash
# test_copy.sh HOLM: what cp brings in and out is what it was, lands where cp -r would put it, and is refused where that
# makes no sense.
set -euo pipefail
holm=$1
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ -r "$(HOLM_KERNEL=${HOLM_KERNEL:-} "$root/kernel/build.sh" --path)" ] || { echo "there is no guest kernel here"; exit 77; }
command -v busybox >/dev/null || { echo "busybox is not installed"; exit 77; }
top=$(mktemp -d /tmp/hc-XXXXXX)
kernels=${XDG_CACHE_HOME:-$HOME/.cache}/holm/kernel
export XDG_DATA_HOME=$top/d XDG_CACHE_HOME=$top/c XDG_CONFIG_HOME=$top/f XDG_RUNTIME_DIR=$top/r
mkdir -m 700 -p "$top"/{d,c/holm,f,r,w}
ln -s "$kernels" "$top/c/holm/kernel"
finish() { "$holm" rm -f web >/dev/null 2>&1 || true; chmod -R u+rwx "$top"; rm -rf "$top"; }
trap finish EXIT
fail() { echo "$1" >&2; exit 1; }
refused() { # WORDS COMMAND…: holm cp ends with 125 and these words
    local words=$1
    shift
    if "$holm" cp "$@" 2>"$top/why"; then fail "cp $* was not refused"; fi
    grep -q "$words" "$top/why" || fail "cp $* says: $(cat "$top/why")"
}
same() { diff -r --no-dereference "$1" "$2" || fail "$2 is not as $1"; }

. "$root/tui/setup.sh"
setup_busybox "$holm"
"$holm" run -d --name web -v data:/data busybox sleep 1000 >/dev/null
cd "$top/w"
mkdir -p src/sub
echo hello >src/sub/file
ln src/sub/file src/hard
ln -s sub src/link
head -c 5000000 /dev/urandom >src/big
truncate -s 50M src/sparse
touch "src/a name with spaces, and $(printf 'n%.0s' {1..200})"
chmod 4750 src/hard
touch -d '2001-02-03 04:05:06' src/big

# In and out again: a name that is not there, then into the folder that is; its volume is seen too.
"$holm" cp src web:/data
"$holm" cp web:/data/src out
same src out
[ "$(stat -c %a out/hard)" = 750 ] || fail "a set-user-id bit came out: $(stat -c %a out/hard)"
[ "$(stat -c %Y out/big)" = "$(stat -c %Y src/big)" ] || fail "the time of a file is lost"
[ "$(stat -c %h out/hard)" = 2 ] || fail "a hard link is lost"
[ "$(stat -c %b out/sparse)" -lt 1000 ] || fail "holes are filled"
"$holm" cp web:/data/src out
same src out/src
"$holm" exec web sh -c '[ $(stat -c %u /data/src/big) = 0 ]' || fail "what comes in does not belong to root"
mkdir content
"$holm" cp web:/data/src/. content
same src content
"$holm" cp src/. web:/srv
[ "$("$holm" exec web cat /srv/link/file)" = hello ] || fail "the content did not come in"
"$holm" cp src/sub/file web:/srv/renamed
[ "$("$holm" exec web cat /srv/renamed)" = hello ] || fail "the file did not get its new name"
"$holm" cp -L src/link web:/srv/followed
[ "$("$holm" exec web cat /srv/followed/file)" = hello ] || fail "the link was not followed"
"$holm" cp -L web:/srv/link followed
[ "$(cat followed/file)" = hello ] || fail "the link was not followed"

# As a tar.
"$holm" cp web:/srv/renamed - | tar xO | grep -qx hello || fail "no tar came out"
tar c src | "$holm" cp - web:/root
"$holm" cp web:/root/src tarred
same src tarred

# GNU tar's holes, and those of what holm itself has written.
"$holm" exec web mkdir -p /opt
tar c --format=posix -S src | "$holm" cp - web:/opt
"$holm" cp web:/opt/src holes
same src holes
"$holm" exec web sh -c '[ $(stat -c %b /opt/src/sparse) -lt 1000 ]' || fail "holes are filled in the container"
"$holm" export web | "$holm" cp - web:/data
"$holm" exec web cmp /data/opt/src/sparse /opt/src/sparse || fail "the export did not come in as it was"
if tar c --format=gnu -S src | "$holm" cp - web:/opt 2>"$top/why"; then fail "holes of old were taken"; fi
grep -q 'file with holes' "$top/why" || fail "holes of old: $(cat "$top/why")"

# A link at the end is followed, whether what it leads to is there or not; times of folders stay.
"$holm" exec web sh -c 'mkdir -p /l/sub; echo old >/l/there; ln -s there /l/a; ln -s /l/a /l/b; ln -s sub/new /l/c; ln -s loop /l/loop'
"$holm" cp src/sub/file web:/l/b
"$holm" cp src/sub/file web:/l/c
"$holm" exec web sh -c '[ -L /l/a -a -L /l/b -a -L /l/c ] && grep -qx hello /l/there && grep -qx hello /l/sub/new' ||
    fail "a link was replaced, not followed"
refused 'symbolic links' src/sub/file web:/l/loop
touch -d '2002-03-04 05:06:07' src/sub src
"$holm" cp src web:/l/times
[ "$("$holm" exec web stat -c %Y /l/times /l/times/sub)" = "$(stat -c %Y src src/sub)" ] || fail "the times of folders are lost"
mkfifo pipe
refused 'neither a file nor a folder' web:/srv/renamed pipe
[ -p pipe ] || fail "a pipe was replaced"

# What makes no sense.
refused 'copy /nothing out of the container: look at nothing: No such file' web:/nothing .
refused 'No such file' nothing web:/
refused 'folder cannot take its place' src web:/etc/passwd
refused 'no folder' src web:/no/such/place
refused 'place of a file' web:/srv src/big
refused "no folder" web:/etc/passwd src/big/
refused 'one container to another' web:/etc other:/etc
ln -s "$top" content/out
"$holm" exec web mkdir -p /srv2/content/out
refused 'file or link in its place' web:/srv2/content .

# Stopped: out it goes on, without what is mounted; in it does not.
"$holm" stop -t 1 web >/dev/null
"$holm" cp web:/srv stopped
rm -r stopped/renamed stopped/followed
same src stopped
"$holm" cp web:/srv/link/file stopped.file
[ "$(cat stopped.file)" = hello ] || fail "a link on the way was not followed"
"$holm" cp -L web:/srv/link stopped.followed
[ "$(cat stopped.followed/file)" = hello ] || fail "the link at the end was not followed"
"$holm" cp web:/ whole
[ -e whole/srv/sub/file ] || fail "the root did not come out"
refused 'no such file' web:/nothing .
refused 'start it first' src web:/
