#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Debian's arm64 kernel on the counted clock, saved and loaded on the way: see tests/support/state_counted.sh.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/state_counted.sh
need_guest state_counted_arm64
counted_begin virtio_mmio virtio_pci virtio_blk virtio_rng

machine=(-M virt -cpu max,pauth=off)
append='console=ttyAMA0' bus=pci stop=3000000001
goes_on_alike one_vcpu 1
goes_on_alike four_vcpus 4
