#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Disks, CDs and floppies of pc and q35: SeaBIOS begins with a boot sector of each and reads more by its BIOS, and Debian's
# drivers find file systems on them and keep what is written.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/steps.sh
need_seabios ide_amd64
PATH=$PATH:/usr/sbin:/sbin
rm -rf "$work"
mkdir -p "$work/iso" || exit 2

# ---- boot sectors

as --32 -o "$work/boot.o" tests/guests/x86/bootsector.S && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$work/boot" \
    "$work/boot.o" || exit 2

# bootable FILE SIZE SECTOR...: with the boot sector, and with sectors that have their numbers
bootable() {
    local file=$1 n
    truncate -s "$2" "$file" && dd if="$work/boot" of="$file" conv=notrunc status=none || exit 2
    shift 2
    for n; do
        printf "\\x$(printf %x $((n % 256)))\\x$(printf %x $((n / 256)))" | dd of="$file" bs=512 seek="$n" conv=notrunc status=none
    done
}

bootable "$work/boot.img" 64M 1 5000
bootable "$work/floppy.img" 1440K 1 56
cp "$work/boot" "$work/iso/boot.bin"
seq 1 100000 > "$work/iso/numbers"

# boots_from NAME DRIVE OPTION...
boots_from() {
    local name=$1 number=$2
    shift 2
    echo "# $name"
    guest_start "$name" -m 64M -display none -serial stdio -nic none "$@"
    if await 60 "booted from $number, and it reads well"; then
        echo "ok $name"
    else
        echo "not ok $name: $(tail -n 1 "$log" | tr -cd '[:print:]') $(tail -n 1 "$errors")"
    fi
    guest_kill
    guest_end 10
}

boots_from a_boot_sector_of_an_ide_disk 80 -M pc -drive "file=$work/boot.img,format=raw"
boots_from a_boot_sector_of_the_second_channel 80 -M pc -drive "file=$work/boot.img,format=raw,bus=1,unit=1,if=ide"
boots_from a_boot_sector_of_an_ahci_disk 80 -M q35 -drive "file=$work/boot.img,format=raw"
boots_from a_boot_sector_of_a_floppy 00 -M pc -drive "file=$work/floppy.img,format=raw,if=floppy" -boot a
boots_from a_boot_sector_of_a_floppy_of_q35 00 -M q35 -fda "$work/floppy.img" -boot a
if command -v xorriso > /dev/null; then
    xorriso -as mkisofs -quiet -r -o "$work/cd.iso" -b boot.bin -no-emul-boot -boot-load-size 1 "$work/iso" 2> "$work/errors" || exit 2
    boots_from a_boot_image_of_a_cd e0 -M pc -cdrom "$work/cd.iso" -boot d
    boots_from a_boot_image_of_a_cd_on_ahci e0 -M q35 -cdrom "$work/cd.iso" -boot d
else
    echo "skip a_boot_image_of_a_cd: xorriso is not installed"
    exit 0
fi

# ---- Debian

need_guest ide_amd64
initrd_with "$work/initrd" "$work/tree" ahci ata_piix sd_mod sr_mod crc32c_generic ext4 isofs || exit 2
truncate -s 64M "$work/disk.img" && mke2fs -q -t ext4 -F "$work/disk.img" || exit 2
sum_of() { # FILE
    md5sum < "$1" | cut -c1-32
}

# systems_on NAME OPTION...: a file system on the disk, and one on the CD, which is changed
systems_on() {
    name=$1
    echo "# $name"
    shift
    guest_start "$name" -m 512M -nographic -nic none -kernel "$kernel" -initrd "$work/initrd" \
        -append "console=ttyS0 rdinit=/test/init tsc_early_khz=1000000 tsc=reliable" -monitor "unix:$work/monitor,server=on,wait=off" \
        -drive "file=$work/disk.img,format=raw" -drive "file=$work/cd.iso,format=raw,media=cdrom,index=2" "$@"
    await 280 ' # ' || failed "$name" "no shell"
    must 20 'echo 1 > /proc/sys/kernel/printk'
    must 60 'until [ -e /dev/sda -a -e /dev/sr0 ]; do sleep 1; done; cat /sys/block/sda/size' 131072
    must 20 'cat /sys/block/sda/device/model /sys/block/sr0/device/model' '*QEMU HARDDISK*QEMU DVD-ROM*'
    must 60 'mount -o discard /dev/sda /mnt; cp /bin/busybox /mnt/x; sync; echo 3 > /proc/sys/vm/drop_caches; cmp /bin/busybox /mnt/x'
    must 60 'rm /mnt/x; dd if=/dev/zero of=/mnt/y bs=65536 count=300 conv=fsync 2> /dev/null; rm /mnt/y; umount /mnt'
    must 60 'md5sum < /dev/sr0' "$(sum_of "$work/cd.iso")*"
    must 60 'mount -t iso9660 /dev/sr0 /mnt; md5sum < /mnt/numbers; umount /mnt' "$(sum_of "$work/iso/numbers")*"
    monitor "change $cd $work/boot.img raw"
    must 60 'cat /sys/block/sr0/size > /dev/null; dd if=/dev/sr0 bs=2048 count=1 2> /dev/null | md5sum' \
        "$(head -c 2048 "$work/boot.img" | md5sum | cut -c1-32)*"
    off
    e2fsck -fn "$work/disk.img" > "$work/fsck" 2>&1 && echo "ok ${name}_and_the_disk_is_sound" ||
        echo "not ok ${name}_and_the_disk_is_sound: $(tail -1 "$work/fsck")"
}

cd=ide1-cd0
systems_on file_systems_on_ide -M pc -smp 1
cd=ide2-cd0
systems_on file_systems_on_ahci -M q35 -smp 2
