#!/usr/bin/env bash
# Every test there is, from a fresh Debian 12: formatting, both compilers, sanitizers, unit, VM and screen tests, a minute
# for each fuzzer, the benchmarks in a short form. It ends with CTest's summary of all of it.
#
#   tests/run.sh [CTEST ARGUMENTS]     for example: tests/run.sh -L unit
#
# The tests have folders of their own; of the user's they read the guest kernels, and build those that are missing.
set -euo pipefail
. "$(dirname "$0")/../tui/setup.sh"

test_packages=(ccache clang clang-format libclang-rt-14-dev crossbuild-essential-arm64 qemu-system-arm
    docker-registry skopeo umoci podman buildah apache2-utils python3-grpcio python3-grpc-tools tmux e2fsprogs isal openssl
    uidmap nftables iproute2 gawk groff-base ncurses-bin zsh fish vim htop btop mc vttest passt)
server_packages=(nginx libnginx-mod-stream postgresql-15)
arm_packages=(libuv1-dev:arm64 libnghttp2-dev:arm64 libprotobuf-c-dev:arm64)

setup_packages "${build_packages[@]}" "${kernel_packages[@]}" "${run_packages[@]}" "${test_packages[@]}"
# Debian would start these: here they only go into images.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ] && ! dpkg-query -W "${server_packages[@]}" >/dev/null 2>&1; then
    trap '"${as_root[@]}" rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin $policy
    setup_packages "${server_packages[@]}"
    "${as_root[@]}" rm -f $policy
    trap - EXIT
fi
setup_packages "${server_packages[@]}"
if ! dpkg-query -W -f '${Status}\n' "${arm_packages[@]}" 2>/dev/null | grep -c 'ok installed' | grep -qx 3; then
    "${as_root[@]}" dpkg --add-architecture arm64
    setup_install "${arm_packages[@]}"
fi
setup_compiler_cache

cd "$root"
# A minute for each fuzzer; less where the kernels have to be built too, so that all of it fits into an hour.
if [ ! -f "$(kernel/build.sh --path)" ]; then export HOLM_FUZZ_SECONDS=${HOLM_FUZZ_SECONDS:-20}; fi
kernel/build.sh aarch64 >/dev/null
kernel/build.sh >/dev/null
for preset in release asan clang; do setup_build "$preset"; done

# Folders for this run; the kernels are seen through a link.
kernels=${XDG_CACHE_HOME:-$HOME/.cache}/holm/kernel
scratch=$(mktemp -d /tmp/holm-tests.XXXXXX)
export HOLM_TEST_SCRATCH=$scratch XDG_DATA_HOME=$scratch/d XDG_CACHE_HOME=$scratch/c XDG_CONFIG_HOME=$scratch/f \
    XDG_RUNTIME_DIR=$scratch/r LC_ALL=C.UTF-8
mkdir -m 700 -p "$scratch"/{d,c/holm,f,r}
ln -s "$kernels" "$scratch/c/holm/kernel"

# Those who were started in this run and are still there, by the folder in their environment.
left_over() { grep -lzFx "HOLM_TEST_SCRATCH=$scratch" /proc/[0-9]*/environ 2>/dev/null || true; }
finish() {
    local file process
    for file in $(left_over); do
        process=$(basename "$(dirname "$file")")
        # What ends by itself when it is idle may do so.
        if [ -d "/proc/$process" ] && ! timeout 60 tail --pid="$process" -f /dev/null; then
            echo "left behind by the tests: $process $(tr '\0' ' ' <"/proc/$process/cmdline")" >&2
            kill "$process" 2>/dev/null || true
            status=1
        fi
    done
    rm -rf "$scratch"
}
status=1
trap 'finish; exit $status' EXIT

# One CTest run over the three trees, so that there is one summary: tests/CMakeLists.txt lists what runs where.
status=0
ctest --test-dir build/release --output-on-failure -j2 "$@" </dev/null || status=$?
