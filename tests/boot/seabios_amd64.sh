#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# SeaBIOS on pc, q35 and microvm, qboot on microvm: what it shows on the serial console and tells its debug port, and Debian's amd64 kernel that it
# starts by the option ROM of -kernel, with one CPU and several, and with memory above 4 GiB; ACPI switches it off and resets it.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
. tests/support/pc.sh
need_seabios seabios_amd64
need_guest seabios_amd64
complaints='ACPI (BIOS )?(Error|Warning)|ACPI: .*(rror|nvalid)|Firmware Bug'
base=(-nographic -nic none -no-reboot -kernel "$kernel" -initrd "$initrd")

# told FILE TEXT...: the debug port's log has all of them
told() {
    local log=$1 text
    shift
    for text; do grep -q -- "$text" "$log" || { missing=$text; return 1; }; done
}

# banner MACHINE TEXT...: it comes to the end of its work, with nothing to boot from
banner() {
    local board=$1 name=seabios_${1}_finds_nothing_to_boot debug=$work/$1.debug
    shift
    mkdir -p "$work"
    rm -f "$debug"
    guest_start "$name" -M "$board" -m 64M -smp 2 -nographic -nic none -chardev "file,id=d,path=$debug" \
        -device isa-debugcon,iobase=0x402,chardev=d
    if ! await 60 'SeaBIOS (version'; then
        guest_failed "$name" "no banner"
    elif ! await 60 'No bootable device.'; then
        guest_failed "$name" "it does not come to an end"
    elif ! told "$debug" 'QEMU fw_cfg DMA interface supported' 'len 0x0000000004000000 \[RAM\]' 'Found 2 cpu(s)' \
        'Found 1 serial ports' "$@"; then
        guest_failed "$name" "its log lacks $missing"
    else
        guest_kill
        guest_end 10
        echo "ok $name"
    fi
}

banner pc 'Running on QEMU (i440fx)' 'id=8086:1237'
banner q35 'Running on QEMU (q35)' 'id=8086:29c0'
boots seabios_starts_debian_on_pc 1 'poweroff -f' -M pc -m 512M -append "$append"
boots seabios_starts_debian_on_pc_with_4_vcpus 4 'poweroff -f' -M pc -m 512M -append "$append"
# It is reset by ACPI's register.
boots seabios_starts_debian_with_memory_above_4_gib 2 'reboot -f' -M q35,max-ram-below-4g=512M -m 768M -append "$append reboot=a"
boots seabios_starts_debian_on_microvm 1 'poweroff -f' -M microvm -m 512M -bios bios-microvm.bin -append "$append"
if [ -e /usr/share/qemu/qboot.rom ]; then
    boots qboot_starts_debian_on_microvm 1 'poweroff -f' -M microvm -m 512M -bios qboot.rom -append "$append"
else
    echo "skip qboot_starts_debian_on_microvm: qboot.rom is not installed (package qemu-system-data)"
fi
