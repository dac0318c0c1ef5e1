#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 5400
# A Debian disk in each of the other formats that are written: converted, booted by UEFI and GRUB, told by a seed to write to
# its disk, powered off; then the image and the file system are sound, and what was written is there. Only in
# `make check-all`.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
guest_limit=1500
work=${BUILD:-build}/tests/long/disk_formats_arm64
base=$cache/arm64/disk.raw img=${BUILD:-build}/dragoman-img
uefi=$cache/firmware/qemu-efi-aarch64/usr/share/qemu-efi-aarch64/QEMU_EFI.fd
[ -e "$base" ] && [ -e "$uefi" ] || { echo "skip disk_formats: no Debian disk or no UEFI in $cache (make guests)"; exit 0; }
PATH=$PATH:/usr/sbin:/sbin
rm -rf "$work"
mkdir -p "$work" || exit 2

# one FORMAT OPTIONS
one() {
    local name=debian_on_$1 disk=$work/disk.$1 root
    echo "# $name"
    rm -rf "$work/seed"
    mkdir "$work/seed"
    printf 'instance-id: %s\nlocal-hostname: %s\n' "$1" "$1" > "$work/seed/meta-data"
    printf '#cloud-config\nlocale: false\nruncmd: ["echo %s > /written", "sync", "echo seeded > /dev/console"]\n' "$1" > "$work/seed/user-data"
    : > "$work/seed/vendor-data"
    xorriso -as mkisofs -quiet -V cidata -J -r -o "$work/seed.iso" "$work/seed" 2> "$work/xorriso" &&
        "$img" convert -O "$1" ${2:+-o "$2"} "$base" "$disk" || { echo "not ok $name: no image"; return; }
    guest_start "$1" -M virt -cpu max,pauth=off -smp 2 -m 1G -nographic -nic none -bios "$uefi" \
        -drive "file=$disk,format=$1,if=virtio" -cdrom "$work/seed.iso"
    await 1200 seeded || { guest_failed $name 'not seeded'; return; }
    printf '\001csystem_powerdown\r\001c' >&"$keys"
    guest_end 300
    [ "$status" = 0 ] && [ -z "$trouble" ] || { echo "not ok $name: exit status $status at power-off $trouble"; return; }
    root=$work/whole?offset=$((65 * 1024 * 1024))
    "$img" check -f "$1" "$disk" > "$work/check" 2>&1
    case $? in 0 | 3) ;; 63) ;; *) echo "not ok $name: $(tail -n 1 "$work/check")"; return ;; esac
    "$img" convert -f "$1" -O raw "$disk" "$work/whole" && e2fsck -fn "$root" > "$work/fsck" 2>&1 &&
        [ "$(debugfs -R 'cat /written' "$root" 2> /dev/null)" = "$1" ] && echo "ok $name" ||
        echo "not ok $name: $(tail -n 1 "$work/fsck")"
    rm -f "$work"/disk* "$work/whole"
}
one vmdk subformat=twoGbMaxExtentSparse
one vdi ''
one vpc force_size=on
one vhdx ''
one parallels ''
