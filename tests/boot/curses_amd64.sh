#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 200
# -display curses on a PC: a program that SeaBIOS starts is seen in the terminal, what is typed there reaches the program, and
# the terminal is as it was afterwards.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
firmware=$(realpath -sm "$cache")/qemu10/root/usr/share/seabios
[ -e "$firmware/vgabios-stdvga.bin" ] || firmware=/usr/share/seabios
[ -e "$firmware/vgabios-stdvga.bin" ] || { echo "skip curses_amd64: SeaBIOS is not installed (package seabios)"; exit 0; }
mkdir -p "$work"
as --32 -o "$work/screens.o" tests/guests/x86/screens.S || exit 1
ld -m elf_i386 -Ttext=0x7c00 -e _start --oformat binary -o "$work/disk" "$work/screens.o" || exit 1
printf '\x0c' | dd of="$work/disk" bs=1 seek=496 conv=notrunc status=none
truncate -s 1M "$work/disk"

# shown TEXT: the terminal has been sent it, at most a minute from now
shown() {
    local i
    for ((i = 0; i < 600; i++)); do
        grep -aqF -- "$1" "$work/terminal" && return
        sleep 0.1
    done
    return 1
}

# keyboard: what is typed, once it is asked for
keyboard() {
    shown 'type a line' || return
    printf 'Hello, 3*(x+y)\\\r'
    shown 'Hello, 3*(x+y)\' || return
    printf '\001x'
}

: > "$work/terminal"
export TERM=xterm
keyboard | script -qfec "stty -a | grep -v speed > '$work/before'; timeout --foreground -s KILL 100 $dragoman -M pc -m 32 -nodefaults -vga std \
    -display curses -L $firmware -drive file=$work/disk,format=raw,if=virtio,snapshot=on; echo \$? > '$work/status'
    stty -a | grep -v speed > '$work/after'" "$work/terminal" > /dev/null
for text in 'type a line' 'Hello, 3*(x+y)\'; do
    grep -aqF -- "$text" "$work/terminal" && echo "ok curses_shows_${text%%[ ,]*}" || echo "not ok curses_shows_${text%%[ ,]*}: '$text' is not in $work/terminal"
done
[ "$(cat "$work/status")" = 0 ] && echo "ok curses_ends_by_its_key" || echo "not ok curses_ends_by_its_key: status $(cat "$work/status")"
cmp -s "$work/before" "$work/after" && echo "ok curses_gives_the_terminal_back" || echo "not ok curses_gives_the_terminal_back: $work/before, after"
