#!/usr/bin/env bash
# Every test there is, from a fresh Debian 12: formatting, both compilers, sanitizers, unit, VM and screen tests, a minute
# for each fuzzer, the benchmarks in a short form. It ends with CTest's summary of all of it.
#
#   tests/run.sh [CTEST ARGUMENTS]     for example: tests/run.sh -L unit
set -euo pipefail
. "$(dirname "$0")/../tui/setup.sh"

test_packages=(ccache clang clang-format clang-tools libclang-rt-14-dev crossbuild-essential-arm64 qemu-system-arm
    docker-registry skopeo umoci apache2-utils python3-grpcio python3-grpc-tools tmux e2fsprogs isal openssl
    uidmap gawk)
arm_packages=(libuv1-dev:arm64 libnghttp2-dev:arm64 libprotobuf-c-dev:arm64)

if ! dpkg --print-foreign-architectures | grep -qx arm64; then dpkg --add-architecture arm64; fi
setup_packages "${build_packages[@]}" "${kernel_packages[@]}" "${run_packages[@]}" "${test_packages[@]}"
if ! dpkg-query -W -f '${Status}\n' "${arm_packages[@]}" 2>/dev/null | grep -c 'ok installed' | grep -qx 3; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${arm_packages[@]}" >/dev/null
fi
CMAKE_C_COMPILER_LAUNCHER=$(command -v ccache)
CMAKE_CXX_COMPILER_LAUNCHER=$CMAKE_C_COMPILER_LAUNCHER

cd "$root"
kernel/build.sh >/dev/null
kernel/build.sh aarch64 >/dev/null
for preset in release asan clang; do setup_build "$preset"; done

# One CTest run over the three trees, so that there is one summary: tests/ci.cmake lists what runs where.
exec ctest --test-dir build/release --output-on-failure "$@"
