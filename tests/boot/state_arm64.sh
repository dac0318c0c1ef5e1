#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 1500
# Debian's arm64 kernel at work, saved and loaded time and again: see tests/support/state.sh.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/server.sh
. tests/support/state.sh
need_guest state_arm64
machine=(-M virt -cpu max,pauth=off)
append='console=ttyAMA0'
state_begin virtio_mmio virtio_pci virtio_net virtio_blk virtio_rng virtio_console virtio_balloon crc32c_generic ext4

scale=${TEST_SCALE:-1}
works_on gicv2_over_pci $((3 * scale)) -drive file=DISK,format=raw,if=virtio -nic user -device virtio-rng-pci
works_on gicv3_packed_rings_and_queues $((3 * scale)) -M gic-version=3 \
    -drive file=DISK,format=raw,if=none,id=d0,cache=none -device virtio-blk-pci,drive=d0,packed=on,num-queues=4 \
    -netdev user,id=n0 -device virtio-net-pci,netdev=n0,packed=on,mq=on
works_on over_mmio $((2 * scale)) -drive file=DISK,format=raw,if=none,id=d0 -device virtio-blk-device,drive=d0 \
    -netdev user,id=n0 -device virtio-net-device,netdev=n0
works_on one_host_thread $((1 * scale)) -accel tcg,thread=single -drive file=DISK,format=raw,if=virtio -nic user
