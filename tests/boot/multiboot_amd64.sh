#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 300
# Kernels that begin in 32-bit mode: multiboot in both forms with modules, PVH; by SeaBIOS and our option ROM, and without
# firmware on microvm; and the ways in which a PC is reset and switched off, which such a kernel tries.
set -u
cd "$(dirname "$0")/../.." || exit 2
dragoman=$(realpath -s "${BUILD:-build}/dragoman-system-x86_64")
[ -e /usr/share/seabios/bios-256k.bin ] || { echo "skip multiboot_amd64: SeaBIOS is not installed (package seabios)"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# kernel FORM LINKER_OPTION...
kernel() {
    local form=$1
    shift
    cpp -P -DFORM="$form" tests/guests/multiboot.S | as --32 -o "$tmp/$form.o" - &&
        ld -m elf_i386 --build-id=none -e begin "$@" -o "$tmp/$form.elf" "$tmp/$form.o" || exit 1
}
kernel 1 -Ttext-segment=0x200000
kernel 2 -Ttext=0x200000 --oformat binary
kernel 3 -Ttext-segment=0x200000
printf module-one > "$tmp/a"
printf module-two > "$tmp/b"
cd "$tmp" || exit 2

# run FORM OPTION...: $said and $status
run() {
    local form=$1
    shift
    timeout -s KILL 60 "$dragoman" -m 64M -display none -serial stdio -nic none -device isa-debug-exit -kernel "$form.elf" "$@" \
        < /dev/null > said 2> errors
    status=$?
    said=$(sed 's/\x1b[^a-zA-Z]*[a-zA-Z]//g; s/\r//g' said | tr '\n' '|')
}

# starts NAME FORM EXPECTED OPTION...
starts() {
    local name=$1 form=$2 expected=$3
    shift 3
    run "$form" "$@"
    if [ "$status" = 33 ] && [[ $said == *"$expected"* ]]; then
        echo "ok $name"
    else
        echo "not ok $name: status $status, '$said' $(head -1 errors)"
    fi
}

# refuses NAME FORM TEXT OPTION...: one line of error that contains it
refuses() {
    local name=$1 form=$2 text=$3
    shift 3
    run "$form" "$@"
    [ "$status $(wc -l < errors)" = '1 1' ] && grep -qF -- "$text" errors && echo "ok $name" ||
        echo "not ok $name: status $status: $(head -2 errors)"
}

# Without firmware: as QEMU 10's, which has one here.
starts multiboot_elf_without_firmware 1 'started with 2badb002|1.elf one two|a x y|[module-one]|b|[module-two]|0000003f|00000000|' \
    -M microvm -append 'one two' -initrd 'a x y,b'
starts multiboot_by_addresses_without_firmware 2 'started with 2badb002|2.elf |b|[module-two]|0000003f|00000000|' -M microvm -initrd b
starts pvh_without_firmware 3 '336ec578|one two|[module-one]|[RSD PTR ]|0000003f|00000000|' -M microvm -append 'one two' -initrd a
refuses module_that_is_not_there 1 '-initrd nowhere: No such file or directory' -M microvm -initrd 'a,nowhere x'
refuses several_ram_disks_of_pvh 3 '-initrd a,b: No such file or directory' -M microvm -initrd 'a,b'
refuses kernel_larger_than_memory 1 'there is memory from 0x100000' -M microvm -m 2M

for board in pc q35; do
    starts "multiboot_elf_on_$board" 1 'started with 2badb002|1.elf one two|a x y|[module-one]|b|[module-two]|0000003f|00000000|' \
        -M $board -append 'one two' -initrd 'a x y,b'
    starts "multiboot_by_addresses_on_$board" 2 'started with 2badb002|2.elf |b|[module-two]|0000003f|00000000|' -M $board -initrd b
    starts "pvh_on_$board" 3 '336ec578|one two|[module-one]|[RSD PTR ]|0000003f|00000000|' -M $board -append 'one two' -initrd a
    for how in keyboard_controller control_register fast_gate triple_fault; do
        run 1 -M $board -append "${how:0:1}"
        times=$(grep -o 'started with' <<< "$said" | wc -l)
        name=${board}_is_reset_by_its_$how
        [ "$status $times" = '33 2' ] && echo "ok $name" || echo "not ok $name: status $status, started $times times: '$said'"
    done
    run 1 -M $board -append p
    name=${board}_is_switched_off_by_acpi
    [ "$status" = 0 ] && echo "ok $name" || echo "not ok $name: status $status, '$said'"
done
run 1 -M pc -append k -no-reboot
[ "$status" = 0 ] && echo "ok no_reboot_ends_at_a_reset" || echo "not ok no_reboot_ends_at_a_reset: status $status, '$said'"
