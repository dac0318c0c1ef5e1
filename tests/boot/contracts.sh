#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Boot contracts of the virt board: with which registers, where, and with which device tree and RAM disk a guest begins
# that is given in each form that there is. What it says is compared with what is right, and QEMU 10 of the cache is
# held to the same, so that what is right stays what users know.
set -u
cd "$(dirname "$0")/../.." || exit 2
program=$(realpath -s "${BUILD:-build}/dragoman-system-aarch64")
cache=$(realpath -sm "${DRAGOMAN_CACHE:-${BUILD:-build}/cache}")
qemu=$cache/qemu10/bin/qemu-system-aarch64
guests=$PWD/tests/guests
[ -x "$program" ] || { echo "skip contracts: $program is not built"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 2
aarch64-linux-gnu-as -I "$guests" -o guest.o "$guests/contract.S" 2> err || { echo "skip contracts: the guest does not assemble: $(head -1 err)"; exit 0; }
for at in 40000000 40080000 40100000 41000000; do
    aarch64-linux-gnu-ld -n -Ttext 0x$at -o guest-$at.elf guest.o
done
aarch64-linux-gnu-objcopy -O binary guest-40080000.elf guest.bin
gzip -nc guest.bin > guest.bin.gz
{ printf MARK; head -c 100000 /dev/zero; } > disk
gzip -nc disk > disk.gz
make_file() { perl "$guests/kernels.pl" "$@" || echo "not ok contracts: $1 cannot be made"; }
make_file uimage guest.bin guest.uimage load=0x40100000 entry=0x40100000
make_file uimage guest.bin.gz guest-gz.uimage load=0x40100000 entry=0x40100000 compression=1
make_file uimage guest.bin guest-arm.uimage load=0x40100000 entry=0x40100000 arch=2
make_file uimage guest.bin guest-bare.uimage load=0x40100000 entry=0x40100000 os=17
make_file uimage disk disk.uimage type=3
make_file hex guest.bin guest.hex load=0x40100000 entry=0x40100000
make_file image guest.bin guest.image offset=0x90000 size=0x3000000
make_file image guest.bin guest-2m.image offset=0 size=0x10000
make_file image guest.bin guest-old.image
gzip -nc guest.image > guest.image.gz
make_file zboot guest.image.gz guest.zboot

# holds NAME EMULATOR EXPECTED ARGUMENTS...
holds() {
    local name=$1 emulator=$2 expected=$3 out
    shift 3
    out=$(timeout 60 "$emulator" -M virt -cpu cortex-a57 -m 128 -display none -nic none -monitor none -serial stdio "$@" < /dev/null 2> err | tr '\n' ' ')
    if [ "${out% }" = "$expected" ]; then
        echo "ok $name"
    else
        echo "not ok $name: '${out% }' $(head -1 err), not '$expected'"
    fi
}

# word HEX: as the guest writes it
word() { printf '%016x' $((16#$1)); }

# contract NAME X0 BEGINS TREE[:BYTES] MARKS ARGUMENTS...: hexadecimal; -: none; marks in front of the tree with a comma each
contract() {
    local name=$1 x0=$2 begins=$3 tree=$4 marks=$5 expected
    shift 5
    expected="x0 $(word $x0) x1 $(word 0) x2 $(word 0) x3 $(word 0) begins $(word $begins)"
    local mark low=
    [ "$marks" = - ] || for mark in ${marks//,/ }; do low="$low mark $(word $mark)"; done
    local t=
    [ "$tree" = - ] || t=" tree $(word ${tree%:*}) bytes $(word ${tree#*:})"
    # in the order of addresses
    if [ "$tree" != - ] && [ "$marks" != - ] && [ $((16#${tree%:*})) -lt $((16#${marks%%,*})) ]; then
        expected=$expected$t$low
    else
        expected=$expected$low$t
    fi
    holds "$name" "$program" "$expected" "$@"
    [ -x "$qemu" ] && holds "${name}_in_qemu" "$qemu" "$expected" "$@"
}
[ -x "$qemu" ] || echo "skip contracts_in_qemu: QEMU 10 is not in the cache"

contract raw_kernel 44000000 40080000 44000000:100000 - -kernel guest.bin
contract raw_kernel_and_disk 44200000 40080000 44200000:100000 44000000 -kernel guest.bin -initrd disk
contract raw_kernel_by_gzip 44000000 40080000 44000000:100000 - -kernel guest.bin.gz
contract image_with_offset 44000000 40090040 44000000:100000 - -kernel guest.image
contract image_at_2_mib 44000000 40200040 44000000:100000 - -kernel guest-2m.image
contract image_without_size 44000000 40080040 44000000:100000 - -kernel guest-old.image
contract image_by_gzip_and_disk 44200000 40090040 44200000:100000 44000000 -kernel guest.image.gz -initrd disk
contract image_in_efi_zboot 44000000 40090040 44000000:100000 - -kernel guest.zboot
contract uimage 44000000 40100000 44000000:100000 - -kernel guest.uimage
contract uimage_by_gzip 44000000 40100000 44000000:100000 - -kernel guest-gz.uimage
contract uimage_for_arm 44000000 40100000 44000000:100000 - -kernel guest-arm.uimage
contract uimage_of_no_linux 0 40100000 - - -kernel guest-bare.uimage
contract disk_as_uimage 44200000 40100000 44200000:100000 44000000 -kernel guest.uimage -initrd disk.uimage
contract elf_at_1_mib 0 40100000 40000000:100000 - -kernel guest-40100000.elf
contract elf_at_16_mib 0 41000000 40000000:100000 - -kernel guest-41000000.elf
contract elf_below_1_mib_has_no_tree 0 40080000 - - -kernel guest-40080000.elf
contract elf_at_the_start_of_ram_has_no_tree 0 40000000 - - -kernel guest-40000000.elf
contract loader_of_elf 0 40100000 40000000:100000 - -device loader,file=guest-40100000.elf,cpu-num=0
contract loader_of_uimage 0 40100000 40000000:100000 - -device loader,file=guest-gz.uimage,cpu-num=0
contract loader_of_hex 0 40100000 40000000:100000 - -device loader,file=guest.hex,cpu-num=0
contract loader_of_raw 0 40100000 40000000:100000 43000000,43100000 \
    -device loader,file=guest.bin,addr=0x40100000,cpu-num=0 -device loader,file=disk,addr=0x43000000 \
    -device loader,data=0x4b52414d,data-len=4,addr=0x43100000,cpu-num=0 -device loader,addr=0x40100000,cpu-num=0
contract loader_of_elf_as_it_is 44000000 40080000 44000000:100000 43000000 -kernel guest.bin \
    -device loader,file=disk,addr=0x43000000,force-raw=on
contract guest_loader 0 40100000 40000000:100000 42000000,43000000 -kernel guest-40100000.elf \
    -device guest-loader,addr=0x42000000,kernel=disk,bootargs=quiet -device guest-loader,addr=0x43000000,initrd=disk

# A tree of the user's has room as QEMU gives it.
for emulator in "$program" "$qemu"; do
    [ -x "$emulator" ] || continue
    name=$([ "$emulator" = "$qemu" ] && echo _in_qemu)
    "$emulator" -M virt,dumpdtb=whole.dtb -cpu cortex-a57 -display none > /dev/null 2>&1
    [ "$(stat -c %s whole.dtb)" = 1048576 ] && echo "ok dumped_tree_has_its_room$name" || echo "not ok dumped_tree_has_its_room$name: $(stat -c %s whole.dtb) bytes"
done
contract users_tree 44000000 40080000 44000000:204e20 - -kernel guest.bin -dtb whole.dtb
exit 0
