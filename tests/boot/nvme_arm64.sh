#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# Debian's NVMe driver on a controller with two namespaces: a file system, a power cut, and a controller that comes and
# goes through a root port.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/steps.sh
need_guest nvme_arm64
PATH=$PATH:/usr/sbin:/sbin
rm -rf "$work"
mkdir -p "$work" || exit 2
initrd_with "$work/initrd" "$work/tree" nvme crc32c_generic ext4 || exit 2
truncate -s 64M "$work/disk.img" && mke2fs -q -t ext4 -F "$work/disk.img" || exit 2
truncate -s 8M "$work/other.img" "$work/third.img"

start() { # LOG OPTION...
    guest_start "$1" -M virt -cpu max,pauth=off -m 512M -nographic -nic none -kernel "$kernel" -initrd "$work/initrd" \
        -append "console=ttyAMA0 rdinit=/test/init" -monitor "unix:$work/monitor,server=on,wait=off" "${@:2}"
    await 120 ' # ' || failed "$name" "no shell"
    must 20 'echo 1 > /proc/sys/kernel/printk'
}

name=a_controller_and_its_namespaces_are_found
echo "# $name"
start first -smp 2 -device nvme,drive=d0,serial=SN17,id=n0 -device nvme-ns,bus=n0,drive=d1,nsid=3,logical_block_size=4096 \
    -device pcie-root-port,id=rp1,chassis=1,slot=1 -drive "if=none,id=d0,format=raw,file=$work/disk.img,discard=unmap" \
    -drive "if=none,id=d1,format=raw,file=$work/other.img" -drive "if=none,id=d2,format=raw,file=$work/third.img"
must 60 'until [ -e /dev/nvme0n1 -a -e /dev/nvme0n2 ]; do sleep 1; done; cat /sys/block/nvme0n1/size' 131072
must 20 'cat /sys/class/nvme/nvme0/serial' 'SN17*'
must 20 'cat /sys/class/nvme/nvme0/model' 'QEMU NVMe Ctrl*'
must 20 'cat /sys/block/nvme0n2/queue/logical_block_size' 4096
must 20 'cat /sys/block/nvme0n2/nsid' 3
must 20 'grep -c nvme0q /proc/interrupts' 3
passed

name=a_file_system_keeps_what_is_written
echo "# $name"
must 30 'mount -o discard /dev/nvme0n1 /mnt; cp /bin/busybox /mnt/x; sync; echo 3 > /proc/sys/vm/drop_caches; cmp /bin/busybox /mnt/x'
must 60 'dd if=/dev/zero of=/mnt/y bs=65536 count=400 conv=fsync 2> /dev/null; rm /mnt/y; sync'
must 30 'dd if=/bin/busybox of=/dev/nvme0n2 bs=4096 count=100 conv=fsync 2> /dev/null; dd if=/dev/nvme0n2 bs=4096 count=100 2> /dev/null | md5sum > /a; dd if=/bin/busybox bs=4096 count=100 2> /dev/null | md5sum | cmp - /a'
passed

name=a_namespace_that_grows_is_told
echo "# $name"
monitor 'block_resize d1 16M'
must 60 'until [ $(cat /sys/block/nvme0n2/size) = 32768 ]; do sleep 1; done'
passed

name=a_controller_comes_and_goes
echo "# $name"
monitor 'device_add nvme,drive=d2,id=n1,serial=2,bus=rp1'
must 60 'until [ -e /dev/nvme1n1 ]; do sleep 1; done; echo hello > /dev/nvme1n1; sync'
monitor 'device_del n1'
must 60 'while [ -e /dev/nvme1n1 ]; do sleep 1; done'
must 20 'sync'
passed

name=what_was_synced_is_there_after_a_power_cut
echo "# $name"
guest_kill
guest_end 5
[ "$(head -c 5 "$work/third.img")" = hello ] || failed "$name" 'the third disk has not what was written'
start second -device nvme,drive=d0,serial=SN17 -drive "if=none,id=d0,format=raw,file=$work/disk.img"
must 60 'until [ -e /dev/nvme0n1 ]; do sleep 1; done; mount /dev/nvme0n1 /mnt; cmp /bin/busybox /mnt/x; umount /mnt'
off
e2fsck -fn "$work/disk.img" > "$work/fsck" 2>&1 || echo "not ok $name: $(tail -1 "$work/fsck")"
