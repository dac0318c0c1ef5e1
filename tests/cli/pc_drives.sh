#!/bin/bash
# SPDX-License-Identifier: MIT
# Where -drive, -hda, -cdrom and -fda put disks on pc and q35: what the monitor shows of them, what is there without being
# asked for, and one line for each thing that can be wrong.
set -u
program=${BUILD:-build}/dragoman-system-x86_64
[ -x "$program" ] || { echo "skip pc_drives: $program is not built"; exit 0; }
[ -e /usr/share/seabios/bios-256k.bin ] || { echo "skip pc_drives: SeaBIOS is not installed (package seabios)"; exit 0; }
program=$(realpath -s "$program")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 2
truncate -s 1M disk.img
truncate -s 1440K floppy.img

# shows NAME MACHINE COMMAND PATTERN ARGUMENT...: what the monitor says, in one line, matches
shows() {
    local name=$1 machine=$2 command=$3 pattern=$4 out
    shift 4
    out=$(printf '%s\nquit\n' "$command" | timeout -s KILL 30 "$program" -M "$machine" -m 32M -display none -nic none -monitor stdio \
        -S "$@" 2>&1 | tr -d '\r' | tr '\n' ';')
    if grep -qE -- "$pattern" <<< "$out"; then echo "ok $name"; else echo "not ok $name: no $pattern in: ${out:0:600}"; fi
}

# wrong NAME MACHINE TEXT ARGUMENT...: one line on standard error that contains TEXT, status 1
wrong() {
    local name=$1 machine=$2 text=$3 out rc
    shift 3
    out=$(timeout 30 "$program" -M "$machine" -m 32M -display none -nic none "$@" 2>&1 < /dev/null)
    rc=$?
    if [ $rc = 1 ] && [ "$(wc -l <<< "$out")" = 1 ] && [[ $out == "dragoman: "*"$text"* ]]; then
        echo "ok $name"
    else
        echo "not ok $name: status $rc: ${out:0:300}"
    fi
}

D='-drive file=disk.img,format=raw'
shows empty_drives_are_there pc 'info block' 'ide1-cd0: \[not inserted\].*floppy0: \[not inserted\]'
shows q35_has_a_cd_drive_and_no_floppy q35 'info block' '[^y]*ide2-cd0: \[not inserted\][^y]*$'
shows nodefaults_takes_them_away pc 'info block;' ';.*quit' -nodefaults
shows a_disk_is_the_first_of_ide pc 'info block' 'ide0-hd0: disk.img' $D
shows hdd_is_the_second_of_the_second_channel pc 'info block' 'ide1-hd1: disk.img' -hdd disk.img
shows hdd_is_the_fourth_port_of_q35 q35 'info block' 'ide3-hd0: disk.img' -hdd disk.img
shows cdrom_is_the_third pc 'info block' 'ide1-cd0: disk.img.*read-only' -cdrom disk.img
shows places_are_said_by_bus_and_unit pc 'info block' 'ide1-hd1: disk.img' $D,if=ide,bus=1,unit=1
shows drives_without_a_place_take_the_first_free pc 'info block' 'ide0-hd1: disk.img' -drive driver=null-co,size=1M,index=0 $D
shows a_floppy_is_in_the_first_drive pc 'info block' 'floppy0: floppy.img' -fda floppy.img
shows a_floppy_controller_comes_with_the_floppy q35 'info qtree' 'dev: isa-fdc.*dev: floppy' -fdb floppy.img
shows serial_numbers_are_counted pc 'info qtree' 'serial = "?QM00001.*serial = "?QM00002' -drive driver=null-co,size=1M $D
shows serial_is_the_drives pc 'info qtree' 'serial = "?SN17' $D,serial=SN17
shows virtio_is_had_by_name pc 'info block' 'virtio0: disk.img' $D,if=virtio
shows a_device_beside_a_drive_takes_the_next_place pc 'info qtree' 'unit = 0.*unit = 1' $D -drive driver=null-co,size=1M,if=none,id=b \
    -device ide-hd,drive=b,bus=ide.0
wrong the_same_place_twice pc 'drive with bus=0, unit=0 (index=0) exists' -drive driver=null-co,size=1M $D,if=ide,index=0
wrong a_unit_that_is_not_there pc 'unit 2 too big (max is 1)' $D,if=ide,unit=2
wrong a_second_unit_of_sata q35 'unit 1 too big (max is 0)' $D,if=ide,bus=1,unit=1
wrong a_channel_that_is_not_there pc 'machine type does not support if=ide,bus=2,unit=0' $D,if=ide,index=4
wrong so_many_places pc 'there are not so many places for drives' $D,if=ide,bus=4000000000
wrong index_and_unit pc 'index cannot be used with bus and unit' $D,if=ide,index=1,unit=1
wrong a_disk_that_cannot_be_written pc 'read-only' $D,readonly=on
wrong a_third_floppy pc 'machine type does not support if=floppy,bus=1,unit=0' -drive file=floppy.img,format=raw,if=floppy,index=2
wrong ide_of_a_board_without_it microvm 'machine type does not support if=ide' $D,if=ide
