#!/bin/bash
# SPDX-License-Identifier: MIT
# demo.sh CACHE [ARCH]: boots a guest in this terminal. Debian's kernel and installer initrd for ARCH (arm64, amd64 or
# i386) to a shell; without network and with an empty cache a small bare-metal guest that is assembled here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=$1 arch=${2:-arm64}
build=${BUILD:-build}
case $arch in
arm64) emulator=aarch64 machine=virt console=ttyAMA0 ;;
amd64) emulator=x86_64 machine=q35 console=ttyS0 ;;
i386) emulator=i386 machine=pc console=ttyS0 ;;
*) echo "demo.sh: no guest $arch; there are arm64, amd64 and i386" >&2; exit 2 ;;
esac
# Without SeaBIOS there is a PC that needs no firmware.
[ $machine = virt ] || [ -e /usr/share/seabios/bios-256k.bin ] || machine=microvm
emulator=$build/dragoman-system-$emulator
[ -x "$emulator" ] || { echo "demo.sh: $emulator is not built" >&2; exit 1; }

if "$here/fetch.sh" "$cache" "$arch"; then
    kernel=$(find "$cache/$arch" -maxdepth 1 -name 'vmlinuz-*' | head -1)
    initrd=$(find "$cache/$arch/di" -path '*/text/*' -name initrd.gz | head -1)
    echo "Debian 12 for $arch on $machine, to a shell (# prompt). To leave: ctrl-a x"
    exec "$emulator" -M $machine -m 1G -nographic -kernel "$kernel" -initrd "$initrd" \
        -append "console=$console rdinit=/bin/sh"
fi
echo "no network and no guest in $cache: running a small bare-metal guest of this tree instead."
echo "To leave: ctrl-d in the guest, or ctrl-a x"
"$here/bare.sh" "$build/tests/guests/hello.elf" "$here/hello.S"
exec "$build/dragoman-system-aarch64" -M virt -nographic -kernel "$build/tests/guests/hello.elf"
