#!/usr/bin/env bash
# From a fresh Debian 12 to holm: installs what is missing, builds, builds the guest kernel once, makes the image
# busybox:latest, and starts holm with the arguments given (none: the dashboard).
set -euo pipefail
. "$(dirname "$0")/setup.sh"

setup_packages "${build_packages[@]}" "${run_packages[@]}"
setup_build release
kernel=$("$root/kernel/build.sh" --path 2>/dev/null || true)
if [ ! -f "$kernel" ] || [ ! "$kernel" -ef "$(dirname "$kernel")/../$(uname -m)/$(basename "$kernel")" ]; then
    setup_packages "${kernel_packages[@]}"
    "$root/kernel/build.sh" >/dev/null
fi
holm=$root/build/release/bin/holm
setup_busybox "$holm"
exec "$holm" "$@"
