#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 1500
# Debian's amd64 kernel at work on microvm and q35, saved and loaded time and again: see tests/support/state.sh. The kernel is
# told of its timer, as in debian_amd64.sh.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/server.sh
. tests/support/state.sh
need_guest state_amd64
machine=(-M microvm -cpu max)
append='console=ttyS0 tsc_early_khz=1000000 tsc=reliable'
state_begin virtio_mmio virtio_pci virtio_net virtio_blk virtio_rng crc32c_generic ext4

scale=${TEST_SCALE:-1}
works_on several_threads $((3 * scale)) -drive file=DISK,format=raw,if=none,id=d0 -device virtio-blk-device,drive=d0 \
    -netdev user,id=n0 -device virtio-net-device,netdev=n0
works_on one_host_thread $((1 * scale)) -accel tcg,thread=single -drive file=DISK,format=raw,if=none,id=d0 \
    -device virtio-blk-device,drive=d0 -netdev user,id=n0 -device virtio-net-device,netdev=n0
machine=(-M q35 -cpu max)
works_on q35 $((2 * scale)) -drive file=DISK,format=raw,if=none,id=d0 -device virtio-blk-pci,drive=d0 -netdev user,id=n0 \
    -device virtio-net-pci,netdev=n0
