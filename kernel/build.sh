#!/usr/bin/env bash
# Builds the guest kernel once, into the user's cache folder, under the hash of what it is made from.
#
#   kernel/build.sh [ARCHITECTURE]         build if it is not there; prints the path of the kernel on stdout
#   kernel/build.sh --path [ARCHITECTURE]  only print that path, whether it is there or not
#
# ARCHITECTURE is x86_64 or aarch64 (default: this machine's). The source is Debian's linux-source-6.12 with the
# patches that lie here. Progress goes to stderr. CACHE/kernel/ARCHITECTURE is a link to the kernel that was built or asked for last: holm starts that one.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
only_path=
if [ "${1:-}" = --path ]; then only_path=1; shift; fi
architecture=${1:-$(uname -m)}
case $architecture in
x86_64) make_arch=x86 image=vmlinux ;;
aarch64) make_arch=arm64 image=Image ;;
*) echo "kernel/build.sh: no configuration for $architecture" >&2; exit 1 ;;
esac
declare -A files=([x86_64]=1414 [aarch64]=1334) # that make compiles, for the progress

source_archive=/usr/src/linux-source-6.12.tar.xz
source_version=$(dpkg-query -W -f '${Version}' linux-source-6.12 2>/dev/null || true)
if [ -z "$source_version" ] || [ ! -f "$source_archive" ]; then
    echo "kernel/build.sh: the kernel source is missing: apt-get install linux-source-6.12" >&2
    exit 1
fi

recipe=1 # counted up when the commands below come to build another kernel from the same configuration
hash=$({ echo "$source_version $architecture $recipe"; cat "$here/config-$architecture" "$here/config-common" "$here"/*.patch; } |
    sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/holm/kernel
kernel=$cache/$hash/$image
if [ -n "$only_path" ]; then echo "$kernel"; exit; fi
point_here() { # the link by rename, so that it is never missing
    ln -sfn "$hash" "$cache/.$architecture.$$" && mv -T "$cache/.$architecture.$$" "$cache/$architecture"
}

mkdir -p "$cache"
chmod 700 "$(dirname "$cache")"
exec 9>"$cache/build.lock"
flock 9 # a second caller waits for the first, then finds the kernel there
if [ -f "$kernel" ]; then point_here; echo "$kernel"; exit; fi

rm -rf "$cache"/build.?????? "$cache"/*.new # of one that was killed
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work" "$cache/build.percent"' EXIT
say() { if [ -t 2 ]; then printf '\r\033[K%s' "$*" >&2; else echo "$*" >&2; fi; }
echo 0 >"$cache/build.percent"
say "kernel: unpacking the source"
# Half of the source is drivers that no configuration here has: what they are made of stays packed.
unused=(
    'Documentation/*/*' 'tools/testing/*' 'tools/perf/*' 'arch/*/boot/dts/*.dts*' 'sound/*.[ch]'
    'drivers/gpu/*.[ch]' 'drivers/net/ethernet/*.[ch]' 'drivers/net/wireless/*.[ch]' 'drivers/media/*.[ch]'
    'drivers/staging/*.[ch]' 'drivers/scsi/*.[ch]' 'drivers/infiniband/*.[ch]'
)
xz -dcT0 "$source_archive" | tar -C "$work" --strip-components=1 --wildcards "${unused[@]/#/--exclude=*/}" -xf -
for patch in "$here"/*.patch; do patch -d "$work" -p1 --quiet --no-backup-if-mismatch <"$patch" >&2; done

cross=
if [ "$architecture" != "$(uname -m)" ]; then cross=$architecture-linux-gnu-; fi
build=(make -C "$work" ARCH="$make_arch" CROSS_COMPILE="$cross" KBUILD_BUILD_USER=holm KBUILD_BUILD_HOST=holm
    KBUILD_BUILD_TIMESTAMP=@0)
"${build[@]}" -s tinyconfig >&2
(cd "$work" && ARCH=$make_arch ./scripts/kconfig/merge_config.sh -m -O . .config "$here/config-common" \
    "$here/config-$architecture" >/dev/null)
"${build[@]}" -s olddefconfig >&2

# What was asked for and did not get in is an error, not a surprise in a guest.
missing=$(cat "$here/config-common" "$here/config-$architecture" | grep -E '^CONFIG_[A-Z0-9_]+=y' |
    grep -vxFf "$work/.config" || true)
if [ -n "$missing" ]; then
    echo "kernel/build.sh: options that this source does not take:" $missing >&2
    exit 1
fi

# Time left, from the files that make has compiled against the number it takes.
begin=$SECONDS
log=$work/build.log
: >"$log" # so that there is something to follow
"${build[@]}" -j"$(nproc)" "$image" >"$log" 2>&1 &
make_process=$!
while read -r done; do
    share=$((done * 100 / files[$architecture]))
    if [ "$share" -gt 99 ]; then share=99; fi
    left=$(((SECONDS - begin) * (files[$architecture] - done) / done))
    if [ "$left" -lt 0 ]; then left=0; fi
    echo "$share" >"$cache/build.percent" # for whoever waits for it elsewhere
    say "kernel: $share %, $(printf '%d:%02d' $((left / 60)) $((left % 60))) left"
done < <(tail -n +1 -f --pid=$make_process "$log" | awk '/^ +(CC|AS) / && ++done % 40 == 0 { print done; fflush() }')
if ! wait $make_process; then
    echo >&2
    grep -E -A 3 'error|Error' "$log" | head -n 20 >&2
    echo "kernel/build.sh: the build failed" >&2
    exit 1
fi
say "kernel: built in $((SECONDS - begin)) s"
if [ -t 2 ]; then echo >&2; fi

mkdir -p "$cache/$hash.new"
case $architecture in
x86_64) strip -o "$cache/$hash.new/$image" "$work/vmlinux" ;;
aarch64) cp "$work/arch/arm64/boot/Image" "$cache/$hash.new/$image" ;;
esac
cp "$work/.config" "$cache/$hash.new/config"
mv -T "$cache/$hash.new" "$cache/$hash"
point_here
echo "$kernel"
