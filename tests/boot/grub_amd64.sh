#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 1200
# GRUB from one image that is both a CD and a disk, for BIOS and UEFI: started by SeaBIOS and OVMF from virtio, NVMe, IDE
# and AHCI, as a disk and as a CD; it loads Debian's kernel and its RAM disk through the firmware.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
for file in /usr/share/seabios/bios-256k.bin /usr/share/OVMF/OVMF_CODE_4M.fd /usr/lib/grub/i386-pc/boot.img \
    /usr/lib/grub/x86_64-efi/moddep.lst; do
    [ -e $file ] || { echo "skip grub_amd64: no $file (packages seabios, ovmf, grub-pc-bin, grub-efi-amd64-bin)"; exit 0; }
done
need_guest grub_amd64
mkdir -p "$work/image/boot/grub"
image=$work/grub.iso
cp "$kernel" "$work/image/boot/vmlinuz"
cp "$initrd" "$work/image/boot/initrd.gz"
cat > "$work/image/boot/grub/grub.cfg" <<'CFG'
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=0
menuentry debian {
    echo "GRUB of $grub_platform-$grub_cpu"
    linux /boot/vmlinuz console=ttyS0 rdinit=/bin/sh panic=-1 tsc_early_khz=1000000 tsc=reliable
    initrd /boot/initrd.gz
}
CFG
grub-mkrescue -o "$image" "$work/image" > "$work/mkrescue" 2>&1 || { echo "not ok grub_amd64: $(tail -1 "$work/mkrescue")"; exit 1; }
rm -rf "$work/image"

# starts NAME PLATFORM SHELL OPTION...: GRUB of that platform loads the kernel; SHELL: to its shell, and it is switched off
starts() {
    local name=$1 platform=$2 shell=$3
    shift 3
    echo "# $name"
    guest_start "$name" -m 512M -nographic -nic none -no-reboot "$@"
    if ! await 200 "GRUB of $platform"; then
        guest_failed "$name" "no GRUB"
    elif ! await 120 'Linux version'; then
        guest_failed "$name" "no kernel"
    elif [ "$shell" = no ]; then
        guest_kill
        guest_end 10
        echo "ok $name"
    elif ! await 280 '~ # '; then
        guest_failed "$name" "no shell"
    elif [ -n "$trouble" ]; then
        guest_failed "$name" complaint
    else
        say 'poweroff -f'
        guest_end 60
        [ "$status" = 0 ] && echo "ok $name" || echo "not ok $name: exit status $status after poweroff -f"
    fi
}

medium="file=$image,format=raw,readonly=on"
bios=pc-i386 uefi=efi-x86_64
starts seabios_boots_grub_from_virtio $bios yes -M pc -drive "if=virtio,$medium"
starts seabios_boots_grub_from_nvme $bios no -M q35 -drive "if=none,id=d,$medium" -device nvme,drive=d,serial=1
starts seabios_boots_grub_from_ide $bios no -M pc -drive "if=none,id=d,file=$image,format=raw,snapshot=on" -device ide-hd,drive=d
starts seabios_boots_grub_from_an_ide_cd $bios no -M pc -drive "if=none,id=d,media=cdrom,$medium" -device ide-cd,drive=d
starts seabios_boots_grub_from_ahci $bios yes -M q35 -drive "if=none,id=d,file=$image,format=raw,snapshot=on" -device ide-hd,drive=d
starts seabios_boots_grub_from_a_sata_cd $bios no -M q35 -drive "if=none,id=d,media=cdrom,$medium" -device ide-cd,drive=d
starts seabios_boots_grub_from_scsi $bios no -M q35 -device virtio-scsi-pci -drive "if=none,id=d,$medium" -device scsi-hd,drive=d
starts ovmf_boots_grub_from_virtio $uefi yes -M q35 -bios OVMF.fd -drive "if=virtio,$medium"
starts ovmf_boots_grub_from_nvme $uefi no -M q35 -bios OVMF.fd -drive "if=none,id=d,$medium" -device nvme,drive=d,serial=1
starts ovmf_boots_grub_from_a_sata_cd $uefi no -M q35 -bios OVMF.fd -drive "if=none,id=d,media=cdrom,$medium" -device ide-cd,drive=d
starts ovmf_boots_grub_from_an_ide_cd $uefi no -M pc -bios OVMF.fd -drive "if=none,id=d,media=cdrom,$medium" -device ide-cd,drive=d
