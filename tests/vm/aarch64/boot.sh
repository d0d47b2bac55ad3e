#!/usr/bin/env bash
# Boots the aarch64 kernel with the agent and waits, at most three minutes, for the agent's own line on the console.
set -euo pipefail
kernel=$("$HOLM_SOURCE/kernel/build.sh" --path aarch64)
initramfs=$HOLM_BUILD/share/holm/initramfs-aarch64.cpio
skip() { echo "skipped: $*"; exit 77; }
[ -f "$kernel" ] || skip "the kernel is not built: kernel/build.sh aarch64"
[ -f "$initramfs" ] || skip "the agent is not built: crossbuild-essential-arm64 and its arm64 libraries are missing"
command -v qemu-system-aarch64 >/dev/null || skip "qemu-system-arm is not installed"

coproc machine {
    exec qemu-system-aarch64 -M virt -accel tcg,thread=multi -cpu cortex-a72 -smp 2 -m 256M -nodefaults -no-user-config \
        -no-reboot -display none -serial stdio -device virtio-rng-pci -kernel "$kernel" -initrd "$initramfs" \
        -append "console=ttyAMA0 panic=-1" </dev/null 2>&1
}
process=$machine_PID
trap 'kill "$process" 2>/dev/null || true; wait "$process" 2>/dev/null || true' EXIT
end=$((SECONDS + 180))
while left=$((end - SECONDS)) && [ "$left" -gt 0 ] && read -r -t "$left" line <&"${machine[0]}"; do
    printf '%s\n' "$line"
    if [[ $line == *"agent: version "*" on Linux "*-holm* ]]; then exit 0; fi
done
echo "the agent did not come up: the machine ended, or three minutes have passed" >&2
exit 1
