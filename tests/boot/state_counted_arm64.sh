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

# options NAME CPUS: in $options; the serial line is appended to $work/NAME.console
options() {
    options=(-M virt -cpu max,pauth=off -m 512M -nodefaults -display none -seed 42 -rtc base=2024-02-29T12:00:00
        -chardev "file,id=s,path=$work/$1.console,append=on" -serial chardev:s -kernel "$kernel" -initrd "$work/initrd"
        -append "console=ttyAMA0 rdinit=/test/init" -device virtio-rng-pci -smp "$2"
        -drive "file=$work/$1.disk,format=raw,if=none,id=d" -device virtio-blk-pci,drive=d
        -icount "shift=2,sleep=off,stop=$stop")
}

stop=3000000001
goes_on_alike one_vcpu 1
goes_on_alike four_vcpus 4
