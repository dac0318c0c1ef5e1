#!/bin/sh
# SPDX-License-Identifier: MIT
# bare.sh OUT.elf SOURCE.S...: assembles a bare-metal AArch64 guest for the virt board.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
shift
mkdir -p "$(dirname "$out")"
objects=
for s; do
    o=$out.$(basename "$s" .S).o
    aarch64-linux-gnu-as -march=armv8.5-a+crypto -I "$(dirname "$s")" -o "$o" "$s"
    objects="$objects $o"
done
aarch64-linux-gnu-ld --no-warn-rwx-segments -T "$here/bare.ld" -o "$out" $objects
rm -f $objects
