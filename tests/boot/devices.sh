#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# What a guest finds of virtio devices on MMIO and PCI, in each of their forms, is what it finds with QEMU 10; the
# differences are listed here with their reasons.
set -u
cd "$(dirname "$0")/../.." || exit 2
program=$(realpath -s "${BUILD:-build}/dragoman-system-aarch64")
qemu=$(realpath -sm "${DRAGOMAN_CACHE:-${BUILD:-build}/cache}")/qemu10/bin/qemu-system-aarch64
[ -x "$program" ] || { echo "skip devices: $program is not built"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tests/guests/bare.sh "$tmp/devices.elf" tests/guests/devices.S || { echo "skip devices: the guest does not assemble"; exit 0; }
cd "$tmp" || exit 2
truncate -s 4M disk1 disk2

# run EMULATOR OUT ARGUMENT...
run() {
    local emulator=$1 out=$2
    shift 2
    rm -f "$out"
    timeout 60 "$emulator" -M virt -cpu cortex-a57 -nodefaults -display none -monitor none -serial "file:$out" -kernel devices.elf \
        -netdev user,id=n1 -netdev user,id=n2 -drive if=none,id=d1,format=raw,file=disk1 -drive if=none,id=d2,format=raw,file=disk2 \
        "$@" < /dev/null 2> "$out.err"
}
has() { # NAME LINE ARGUMENT...: with these arguments the guest finds that
    local name=$1 line=$2
    shift 2
    run "$program" ours "$@"
    grep -qx -- "  $line" ours && echo "ok $name" || echo "not ok $name: no '$line': $(head -c 300 ours | tr '\n' ' ') $(head -1 ours.err)"
}

# Known differences, which are left out of the comparison:
#   features  offloads of the network card are done in software whatever the network is; the balloon has no statistics and
#             no page poisoning; of the upper half, queues cannot be reset one by one (bit 40)
#   bar       the balloon's ports are 32 and not 64, for lack of page poisoning
normal() { # FILE
    awk '
        /^(transport|function) / { n = net = balloon = 0 }
        /^  (device 00000001|ids 10(00|41)1af4)$/ { net = 1 }
        /^  (device 00000005|ids 10021af4)$/ { balloon = 1 }
        /^  features / { n++; if (n == 2) $2 = substr($2, 7, 2); else if (net || balloon) $2 = "its" }
        balloon && /^  bar ffffff[ce]1$/ { $2 = "ports" }
        { print }' "$1"
}
same() { # NAME ARGUMENT...
    local name=$1
    shift
    [ -x "$qemu" ] || { echo "skip $name: QEMU 10 is not in the cache"; return; }
    run "$program" ours "$@"
    run "$qemu" theirs "$@"
    normal ours > a
    normal theirs > b
    if [ -s a ] && cmp -s a b; then
        echo "ok $name"
    else
        echo "not ok $name: $(diff b a | head -4 | tr '\n' ' ') $(head -1 ours.err)"
    fi
}

mmio='-device virtio-net-device,netdev=n2 -device virtio-blk-device,drive=d2 -device virtio-rng-device -device virtio-serial-device -device virtio-balloon-device'
pci() { # KEY
    echo "-device virtio-net-pci,netdev=n1$1,romfile= -device virtio-blk-pci,drive=d1$1 -device virtio-rng-pci$1 -device virtio-serial-pci$1 -device virtio-balloon-pci$1"
}
has mmio_is_legacy_unless_asked 'version 00000001' -device virtio-rng-device
has mmio_is_modern_when_asked 'version 00000002' -device virtio-rng-device -global virtio-mmio.force-legacy=off
has mmio_vendor_is_qemus 'vendor 554d4551' -device virtio-rng-device
has pci_is_transitional_unless_asked 'ids 10051af4' -device virtio-rng-pci
has pci_is_modern_when_asked 'ids 10441af4' -device virtio-rng-pci,disable-legacy=on
has transitional_has_a_name 'ids 10051af4' -device virtio-rng-pci-transitional
has non_transitional_has_a_name 'ids 10441af4' -device virtio-rng-pci-non-transitional
has global_of_all_pci_devices 'ids 10441af4' -device virtio-rng-pci -global virtio-pci.disable-legacy=on
same mmio_of_version_1_is_qemus $mmio
same mmio_of_version_2_is_qemus -global virtio-mmio.force-legacy=off $mmio
same transitional_pci_is_qemus $(pci '')
same modern_pci_is_qemus $(pci ,disable-legacy=on)
same legacy_pci_is_qemus $(pci ,disable-modern=on)
exit 0
