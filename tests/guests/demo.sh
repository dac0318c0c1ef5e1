#!/bin/bash
# SPDX-License-Identifier: MIT
# demo.sh CACHE: boots a guest in this terminal. Debian's arm64 kernel and installer initrd to a shell; without
# network and with an empty cache a small bare-metal guest that is assembled here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=$1
build=${BUILD:-build}
emulator=$build/dragoman-system-aarch64
[ -x "$emulator" ] || { echo "demo.sh: $emulator is not built" >&2; exit 1; }

if "$here/fetch.sh" "$cache" arm64; then
    kernel=$cache/arm64/vmlinuz-arm64
    initrd=$(find "$cache/arm64/di" -path '*/text/*' -name initrd.gz | head -1)
    echo "Debian 12 for arm64, to a shell (# prompt). To leave: ctrl-a x"
    exec "$emulator" -M virt -m 1G -nographic -kernel "$kernel" -initrd "$initrd" \
        -append "console=ttyAMA0 rdinit=/bin/sh"
fi
echo "no network and no guest in $cache: running a small bare-metal guest of this tree instead."
echo "To leave: ctrl-d in the guest, or ctrl-a x"
"$here/bare.sh" "$build/tests/guests/hello.elf" "$here/hello.S"
exec "$emulator" -M virt -nographic -kernel "$build/tests/guests/hello.elf"
