#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# iPXE in the option ROM of e1000: SeaBIOS boots it, it gets an address and a script from the user network by TFTP, and a
# file that is larger than a packet; the script boots a sector.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
. tests/support/steps.sh
PATH=$PATH:/usr/sbin:/sbin
need_seabios ipxe_pc
roms=
for dir in /usr/lib/ipxe/qemu "$cache/firmware/ipxe-qemu/usr/lib/ipxe/qemu" "$cache/qemu10/root/usr/lib/ipxe/qemu"; do
    [ -e "$dir/efi-e1000.rom" ] && { roms=$dir; break; }
done
[ -n "$roms" ] || { echo "skip ipxe_pc: iPXE's ROMs are not installed (package ipxe-qemu)"; exit 0; }
rm -rf "$work"
mkdir -p "$work/served" || exit 2

# A boot sector that writes to the serial port, and waits.
perl -e 'my $text = "loaded by TFTP\r\n";
    my $code = "\xfc\x31\xc0\x8e\xd8\xbe\x16\x7c\xba\xf8\x03\xac\x84\xc0\x74\x03\xee\xeb\xf8\xf4\xeb\xfd$text\0";
    print $code, "\0" x (510 - length $code), "\x55\xaa"' > "$work/served/sector"
head -c 300000 /dev/urandom > "$work/served/data"
printf '#!ipxe\necho script of ${net0/ip}\nimgfetch data\nimgstat\nimgfree data\nchain sector\n' > "$work/served/boot.ipxe"

boots() { # MACHINE DEVICE
    name=$2_boots_$1_by_tftp
    echo "# $name"
    guest_start "$1" -M "$1" -m 128M -nographic -L "$roms" -netdev "user,id=n,tftp=$work/served,bootfile=boot.ipxe" \
        -device "$2,netdev=n,bootindex=0"
    await 120 'script of 10.0.2.15' || failed "$name" "no script"
    await 60 'data : 300000 bytes' || failed "$name" "no data"
    await 60 'loaded by TFTP' || failed "$name" "no boot sector"
    guest_kill
    guest_end 10
    echo "ok $name"
}
boots pc e1000
boots q35 e1000
