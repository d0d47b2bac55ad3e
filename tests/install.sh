#!/usr/bin/env bash
# install.sh BUILD [run]: what is installed is whole, finds its parts by itself, and goes where packagers want it. With
# "run" it also runs a container.
set -euo pipefail
build=$1
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "install: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$folder/prefix" >/dev/null
DESTDIR=$folder/staged cmake --install "$build" --prefix /usr >/dev/null
for place in "$folder/prefix" "$folder/staged/usr"; do
    for file in bin/holm libexec/holm/holm-shim libexec/holm/holm-net libexec/holm/holm-image share/holm/kernel/build.sh \
        share/holm/kernel/config-x86_64 "share/holm/initramfs-$(uname -m).cpio" share/man/man1/holm.1 \
        share/man/man5/holm-config.5 share/bash-completion/completions/holm share/zsh/site-functions/_holm \
        share/fish/vendor_completions.d/holm.fish share/doc/holm/guide.md; do
        [ -s "$place/$file" ] || fail "$file is not in $place"
    done
done
(cd "$folder/prefix" && find . -type f | sort) >"$folder/one"
(cd "$folder/staged/usr" && find . -type f | sort) >"$folder/two"
cmp "$folder/one" "$folder/two" || fail "with DESTDIR other files are installed"
grep -rlF "$build" "$folder/prefix/bin" "$folder/prefix/libexec" && fail "a program knows the build tree"

kernels=${XDG_CACHE_HOME:-$HOME/.cache}/holm/kernel
export HOME=$folder/home XDG_RUNTIME_DIR=$folder/run
unset XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME
mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"
holm=$folder/prefix/bin/holm
# Not by a pipe into grep -q: that ends at the first match, and what then finds nobody to write to has failed.
[ "$("$holm" version)" = "$("$build/bin/holm" version)" ] || fail "holm version"
[[ $("$holm" --help) == *run* ]] || fail "holm --help"
[ -z "$("$holm" ls -q)" ] || fail "holm ls shows containers in an empty home"
"$holm" inspect nobody 2>"$folder/error" && fail "holm inspect finds what is not there"
grep -q nobody "$folder/error" || fail "the error does not name the container: $(cat "$folder/error")"
bash -n "$folder/prefix/share/bash-completion/completions/holm" || fail "the bash completion"
[ "$("$folder/prefix/share/holm/kernel/build.sh" --path)" = "$(kernel/build.sh --path)" ] ||
    fail "the installed kernel script would build another kernel"

if [ "${2:-}" = run ]; then
    [ -d "$kernels" ] || { echo "skipped: no guest kernel, kernel/build.sh makes it"; exit 77; }
    ln -s "$kernels" "$HOME/.cache/holm/kernel"
    . tui/setup.sh
    setup_busybox "$holm"
    [ "$("$holm" run --rm busybox echo "from $folder")" = "from $folder" ] || fail "holm run"
fi
