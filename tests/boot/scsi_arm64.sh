#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# Debian's SCSI drivers on a virtio SCSI host: disks with a file system, a CD that is changed, units that come and go,
# and what they say of themselves.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/steps.sh
need_guest scsi_arm64
PATH=$PATH:/usr/sbin:/sbin
rm -rf "$work"
mkdir -p "$work" || exit 2
initrd_with "$work/initrd" "$work/tree" virtio_mmio virtio_pci virtio_scsi sd_mod sr_mod crc32c_generic ext4 || exit 2
truncate -s 64M "$work/disk.img" && mke2fs -q -t ext4 -F "$work/disk.img" || exit 2
truncate -s 8M "$work/other.img"
head -c 3000320 /dev/urandom > "$work/one.iso"
head -c 5001216 /dev/urandom > "$work/two.iso"
sum_of() { # FILE
    md5sum < "$1" | cut -c1-32
}

start() { # LOG OPTION...
    guest_start "$1" -M virt -cpu max,pauth=off -m 512M -nographic -nic none -kernel "$kernel" -initrd "$work/initrd" \
        -append "console=ttyAMA0 rdinit=/test/init" -monitor "unix:$work/monitor,server=on,wait=off" "${@:2}"
    await 120 ' # ' || failed "$name" "no shell"
    must 20 'echo 1 > /proc/sys/kernel/printk'
}

name=disks_and_a_cd_are_found_with_their_names
echo "# $name"
start pci -smp 2 -device virtio-scsi-pci,id=s -device scsi-hd,drive=d0,serial=SN17,wwn=0x5000c50015ea71ac,rotation_rate=1 \
    -device scsi-cd,drive=cd,scsi-id=3,lun=300 -drive "if=none,id=d0,format=raw,file=$work/disk.img,discard=unmap" \
    -drive "if=none,id=cd,media=cdrom,format=raw,file=$work/one.iso" -drive "if=none,id=d1,format=raw,file=$work/other.img"
must 60 'until [ -e /dev/sda -a -e /dev/sr0 ]; do sleep 1; done; cat /sys/block/sda/size' 131072
must 20 'cat /sys/block/sda/device/vendor /sys/block/sda/device/model' 'QEMU*QEMU HARDDISK*'
must 20 'tail -c +5 /sys/block/sda/device/vpd_pg80' SN17
must 20 'cat /sys/block/sda/device/wwid' naa.5000c50015ea71ac
must 20 'cat /sys/block/sda/queue/rotational' 0
must 20 'cat /sys/block/sda/queue/discard_max_bytes' 1073741824
must 20 'ls /sys/class/scsi_device' '*0:0:0:0*0:0:3:16684*'
passed

name=a_file_system_keeps_what_is_written
echo "# $name"
must 30 'mount -o discard /dev/sda /mnt; cp /bin/busybox /mnt/x; sync; echo 3 > /proc/sys/vm/drop_caches; cmp /bin/busybox /mnt/x'
must 60 'rm /mnt/x; dd if=/dev/zero of=/mnt/y bs=65536 count=400 conv=fsync 2> /dev/null; umount /mnt'
passed

name=a_cd_is_read_and_changed
echo "# $name"
must 60 'md5sum < /dev/sr0' "$(sum_of "$work/one.iso")*"
must 20 '! dd if=/test/init of=/dev/sr0 2> /dev/null'
monitor "change cd $work/two.iso raw"
must 60 'md5sum < /dev/sr0' "$(sum_of "$work/two.iso")*"
must 20 'exec 9< /dev/sr0' # who has it open has locked it
monitor 'eject cd' "*Device 'cd' is locked*"
must 20 'head -c 1 /dev/sr0 | wc -c' 1
monitor 'eject -f cd'
must 20 '! head -c 1 /dev/sr0 2> /dev/null; exec 9<&-'
passed

name=units_come_and_go
echo "# $name"
monitor 'device_add scsi-hd,drive=d1,id=u1,bus=s.0,scsi-id=5,lun=1'
must 60 'until [ -e /dev/sdb ]; do sleep 1; done; cat /sys/block/sdb/size' 16384
must 20 'echo hello > /dev/sdb; sync'
monitor 'device_add scsi-hd,drive=d1,id=u2,bus=s.0' '*has a device already*'
monitor 'device_del u1'
must 60 'while [ -e /dev/sdb ]; do sleep 1; done'
monitor 'device_add scsi-hd,drive=d1,id=u2,bus=s.0,scsi-id=5,lun=1'
must 60 'until [ -e /dev/sdb ]; do sleep 1; done; head -n 1 /dev/sdb' '*hello*'
passed

name=a_disk_that_grows_is_told
echo "# $name"
monitor 'block_resize d1 16M'
must 60 'until [ $(cat /sys/block/sdb/size) = 32768 ]; do sleep 1; done'
off

name=the_file_system_is_sound
e2fsck -fn "$work/disk.img" > "$work/fsck" 2>&1 && echo "ok $name" || echo "not ok $name: $(tail -1 "$work/fsck")"

name=over_mmio_with_large_blocks
echo "# $name"
start mmio -device virtio-scsi-device -drive "if=none,id=d0,format=raw,file=$work/other.img" \
    -device scsi-hd,drive=d0,logical_block_size=4096,removable=on
must 60 'until [ -e /dev/sda ]; do sleep 1; done; cat /sys/block/sda/queue/logical_block_size' 4096
must 20 'cat /sys/block/sda/removable' 1
must 30 'dd if=/bin/busybox of=/dev/sda bs=4096 count=100 conv=fsync 2> /dev/null; dd if=/dev/sda bs=4096 count=100 2> /dev/null | md5sum > /a; dd if=/bin/busybox bs=4096 count=100 2> /dev/null | md5sum | cmp - /a'
off
