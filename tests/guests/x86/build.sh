#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh OUT.elf SOURCE...: a bare-metal guest of PCs (guest.h) from C and assembly.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
shift
mkdir -p "$(dirname "$out")"
gcc -m32 -march=i686 -O1 -g0 -std=c11 -Wall -Wextra -ffreestanding -fno-pic -fno-pie -no-pie -fno-stack-protector \
    -fno-asynchronous-unwind-tables -mno-sse -mno-mmx -nostdlib -static -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
    -I "$here/../../.." -T "$here/guest.ld" -o "$out" "$here/start.S" "$here/guest.c" "$@"
