#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Debian's UEFI on virt: Linux with ACPI alone, without a complaint, its memory, its identity and its power button; with
# a device tree; the firmware's own shell; GRUB, fetched by the firmware's PXE client,
# and from a GPT disk, by UEFI and by U-Boot.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
need_guest firmware_arm64
uefi=$cache/firmware/qemu-efi-aarch64/usr/share/qemu-efi-aarch64/QEMU_EFI.fd
[ -e "$uefi" ] || { echo "skip firmware_arm64: no UEFI in $cache (make guests)"; exit 0; }

monitor() { printf '\001c%s\r\001c' "$1" >&"$keys"; }

linux=(-m 1G -nographic -nic none -bios "$uefi" -kernel "$kernel" -initrd "$initrd"
    -append "console=ttyAMA0 rdinit=/bin/sh")

# to_shell NAME OPTION...: Linux, started by the firmware
to_shell() {
    local name=$1
    shift
    guest_start "$name" "${linux[@]}" "$@"
    await 240 '~ # ' || { guest_failed "$name" "no shell"; return 1; }
    ask 20 'mount -t proc p /proc; mount -t sysfs s /sys; echo there' || { guest_failed "$name" "no /proc"; return 1; }
}

# says NAME COMMAND ANSWER: the guest's answer is that, or it fails and the guest is at its end
says() {
    ask 30 "$2"
    [ "$answer" = "$3" ] && return
    guest_failed "$1" "'$2' says '$answer'"
    return 1
}

off() { # NAME: the guest powers off
    if [ -n "$trouble" ]; then guest_failed "$1" complaint; return; fi
    say 'poweroff -f'
    guest_end 60
    [ "$status" = 0 ] && echo "ok $1" || echo "not ok $1: exit status $status after poweroff"
}

complaints='ACPI (BIOS )?(Error|Warning|Exception)|Firmware (Bug|Warn)|ACPI: .*(fail|invalid|mismatch)'
name=linux_runs_by_acpi_alone
if to_shell $name -M virt,gic-version=3 -smp 2 -cpu max,pauth=off -numa node,mem=512M,cpus=0 -numa node,mem=512M,cpus=1 \
    -numa dist,src=0,dst=1,val=30 -smbios type=1,serial=ds=nocloud -uuid 12345678-9abc-def0-1122-334455667788 -device pvpanic-pci &&
    says $name "dmesg | grep -E '$complaints'" '' &&
    says $name 'dmesg | grep -c "ACPI: Interpreter enabled"' 1 &&
    says $name 'ls /sys/firmware/devicetree/base 2> /dev/null | wc -l' 0 &&
    says $name 'dmesg | grep -c "SRAT: Node 1 PXM 1 .mem 0x60000000-0x7fffffff"' 1 &&
    says $name 'cat /sys/class/dmi/id/product_serial /sys/class/dmi/id/product_uuid' $'ds=nocloud\n12345678-9abc-def0-1122-334455667788' &&
    says $name 'grep -c ^processor /proc/cpuinfo' 2 &&
    says $name 'ls /sys/bus/acpi/devices | grep -c -e QEMU0002 -e ACPI0013 -e PNP0C0C -e PNP0A08' 4; then
    before_button=0
    ask 20 'grep -i ged /proc/interrupts'
    before_button=$answer
    monitor system_powerdown
    if ask 20 'sleep 1; grep -i ged /proc/interrupts' && [ -n "$answer" ] && [ "$answer" != "$before_button" ]; then
        off $name
    else
        guest_failed $name "the button does not arrive: '$answer'"
    fi
fi

name=linux_runs_by_the_device_tree
if to_shell $name -M virt,acpi=off -cpu max,pauth=off &&
    says $name 'dmesg | grep -c "ACPI: Interpreter enabled"' 0 &&
    says $name 'cat /sys/firmware/devicetree/base/model | tr -d "\0"' linux,dummy-virt &&
    says $name 'cat /sys/firmware/devicetree/base/gpio-keys/poweroff/label | tr -d "\0"' 'GPIO Key Poweroff'; then
    off $name
fi

name=firmware_reaches_its_shell
guest_start $name -M virt -m 512M -cpu max -nographic -nic none -bios "$uefi" -boot menu=on,splash-time=0
if ! await 240 'Shell> '; then
    guest_failed $name "no shell"
else
    say 'smbiosview -t 1'
    if ! await 30 'QEMU Virtual Machine'; then
        guest_failed $name "no SMBIOS"
    else
        say 'reset -s'
        guest_end 60
        [ "$status" = 0 ] && echo "ok $name" || echo "not ok $name: exit status $status after reset -s"
    fi
fi

name=firmware_boots_grub_from_the_network
folder=$(dirname "$initrd")
guest_start $name -M virt -m 512M -cpu max -nographic -bios "$uefi" \
    -netdev "user,id=n,tftp=$folder,bootfile=bootnetaa64.efi" -device virtio-net-pci,netdev=n,bootindex=0
if ! await 300 'NBP file downloaded successfully'; then
    guest_failed $name "nothing came"
elif ! await 120 'GRUB'; then
    guest_failed $name "no GRUB"
else
    guest_kill
    guest_end 5
    echo "ok $name"
fi

# A GPT disk with a system partition, on which GRUB is what firmware looks for.
disk=$work/gpt.img
rm -f "$disk"
truncate -s 68M "$disk" && printf 'label: gpt\nstart=2048, size=131072, type=U\n' | sfdisk -q "$disk" &&
    mformat -i "$disk@@1M" -F -T 131072 -h 255 -s 63 && mmd -i "$disk@@1M" ::/EFI ::/EFI/BOOT &&
    mcopy -i "$disk@@1M" "$folder/grubaa64.efi" ::/EFI/BOOT/BOOTAA64.EFI || echo "not ok gpt_disk: it cannot be made"

# boots_disk NAME FIRMWARE DEVICE...
boots_disk() {
    guest_start "$1" -M virt -m 512M -cpu max -nographic -nic none -bios "$2" -drive "if=none,id=d,file=$disk,format=raw" "${@:3}"
    if ! await 240 'GRUB'; then
        guest_failed "$1" "no GRUB"
    elif ! await 60 'grub> '; then
        guest_failed "$1" "GRUB has no prompt"
    else
        guest_kill
        guest_end 5
        echo "ok $1"
    fi
}
uboot=$cache/firmware/u-boot-qemu/usr/lib/u-boot/qemu_arm64/u-boot.bin
boots_disk firmware_boots_grub_from_a_gpt_disk "$uefi" -device virtio-blk-pci,drive=d,bootindex=1
boots_disk firmware_boots_grub_by_scsi "$uefi" -device virtio-scsi-pci -device scsi-hd,drive=d,bootindex=1,scsi-id=3,lun=2
boots_disk firmware_boots_grub_by_nvme "$uefi" -device nvme,drive=d,serial=1,bootindex=1
boots_disk u_boot_boots_grub_from_a_gpt_disk "$uboot" -device virtio-blk-pci,drive=d,bootindex=1
boots_disk u_boot_boots_grub_by_nvme "$uboot" -device nvme,drive=d,serial=1,bootindex=1
