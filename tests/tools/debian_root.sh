#!/usr/bin/env bash
# The root file system of a small Debian, made of the packages that are installed here: no network, no root rights, a few
# seconds.
#
#   debian_root.sh FILE.tar [PACKAGE…]     the essential packages, apt and these, with all that they need
set -euo pipefail
out=$1
shift
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

essential=$(dpkg-query -W -f '${db:Status-Abbrev} ${Essential} ${Package}\n' | awk '$1 == "ii" && $2 == "yes" { print $3 }')
# Names at the beginning of a line are packages; virtual ones are in angle brackets.
apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances $essential apt debian-archive-keyring ca-certificates "$@" | grep '^[a-z0-9]' | sort -u >"$scratch/packages"

# What the packages own and what is really here (documentation is left out on small machines); /bin and its like are
# links into /usr.
dpkg-query -W -f '${Package} ${Architecture} ${binary:Package}\n' |
    awk -v native="$(dpkg --print-architecture)" 'NR == FNR { wanted[$1]; next }
        ($1 in wanted) && ($2 == native || $2 == "all") { print $3 }' "$scratch/packages" - >"$scratch/names"
xargs dpkg-query -L <"$scratch/names" | grep -v '^/usr/share/\(doc\|man\|locale\|info\|lintian\)/' |
    sed -E 's#^/(bin|sbin|lib|lib64)(/|$)#/usr/\1\2#' >"$scratch/owned"
printf '%s\n' /bin /sbin /lib /lib64 /etc/passwd /etc/group /etc/ld.so.cache /etc/nsswitch.conf /etc/hosts /etc/hostname \
    /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt /var/lib/dpkg/status >>"$scratch/owned"
find /etc/alternatives >>"$scratch/owned"
find /usr/bin /usr/sbin -lname '/etc/alternatives/*' >>"$scratch/owned"
find /etc/apt -maxdepth 2 ! -name '*.save' ! -name '*auth*' ! -path '*/apt.conf.d/*proxy*' >>"$scratch/owned"
find /etc/ssl/certs -type l >>"$scratch/owned"
sort -u "$scratch/owned" | while IFS= read -r path; do
    if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\n' "${path#/}"; fi
done | grep -v '^\.\?$' >"$scratch/list"

# Folders that no package owns, and mount points, empty.
mkdir -p "$scratch/root"/{proc,sys,dev,run,root,var/lib/dpkg/info,var/lib/apt/lists/partial,var/cache/apt/archives/partial}
mkdir -m 1777 "$scratch/root/tmp"
tar -C / --no-recursion --numeric-owner --ignore-failed-read --sort=name --exclude='proc/*' --exclude='dev/*' --exclude=tmp \
    --exclude=run --exclude=root -cf "$out" -T "$scratch/list" 2>/dev/null
tar -C "$scratch/root" --owner=0 --group=0 --numeric-owner --sort=name -rf "$out" .
