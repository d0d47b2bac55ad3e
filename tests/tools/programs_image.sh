#!/usr/bin/env bash
# An image of busybox and of programs that are installed here, with the libraries they need: no network, no root rights,
# a second or two.
#
#   programs_image.sh HOLM IMAGE PROGRAM…
set -euo pipefail
. "$(dirname "$0")/../../tui/setup.sh"
holm=$1 image=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
setup_busybox_root "$folder/root"

for program in "$@"; do
    path=$(command -v "$program")
    rm -f "$folder/root/bin/$program"
    cp -L "$path" "$folder/root/usr/bin/$program"
    ldd "$path" | grep -o '/[^ ]*' | sort -u | while read -r library; do
        mkdir -p "$folder/root$(dirname "$library")"
        cp -L "$library" "$folder/root$library"
    done
done
# What they read: the terminals, the C.UTF-8 locale, vim's syntax files, mc's skins.
tar -C / --ignore-failed-read --exclude=doc --exclude=lang --exclude=spell --exclude=tutor -cf - \
    lib/terminfo usr/lib/locale/C.utf8 usr/share/vim usr/share/mc etc/mc 2>/dev/null | tar -C "$folder/root" --no-same-owner -xf -
setup_import "$holm" "$folder/root" "$image"
