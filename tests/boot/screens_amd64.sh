#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# What is seen of modes that a program sets by SeaBIOS and VGA's BIOS, and draws in (tests/guests/x86/screens.S), and of
# SeaBIOS itself, is what another emulator shows, pixel for pixel.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
theirs=$(realpath -sm "$cache")/qemu10/bin/qemu-system-x86_64
firmware=$(realpath -sm "$cache")/qemu10/root/usr/share/seabios
[ -e "$theirs" ] && [ -e "$firmware/vgabios-stdvga.bin" ] || { echo "skip screens_amd64: no qemu10 in $cache (make oracle)"; exit 0; }
mkdir -p "$work"
as --32 -o "$work/screens.o" tests/guests/x86/screens.S || exit 1
ld -m elf_i386 -Ttext=0x7c00 -e _start --oformat binary -o "$work/screens" "$work/screens.o" || exit 1

# picture EMULATOR OUT DISK: what is seen once the program is ready
picture() {
    local emulator=$1 out=$2 disk=$3 serial=$2.serial i
    shift 3
    rm -f "$out" "$serial"
    {
        for ((i = 0; i < 600; i++)); do
            grep -q ready "$serial" 2> /dev/null && break
            sleep 0.1
        done
        echo "screendump $out"
        echo quit
    } | timeout -s KILL 120 "$emulator" -M pc -m 32 -nodefaults -vga std -display none -monitor stdio -L "$firmware" \
        -serial "file:$serial" -drive "file=$disk,format=raw,if=virtio,snapshot=on" "$@" > "$out.log" 2>&1
}

# same NAME KIND
same() {
    local name=$1 disk=$work/$1.disk
    cp "$work/screens" "$disk"
    printf "\\x$(printf %02x "$2")" | dd of="$disk" bs=1 seek=496 conv=notrunc status=none
    truncate -s 1M "$disk"
    picture "$dragoman" "$work/$name.ppm" "$disk"
    picture "$theirs" "$work/$name.other.ppm" "$disk" -accel tcg
    if [ ! -s "$work/$name.ppm" ] || [ ! -s "$work/$name.other.ppm" ]; then
        echo "not ok $name: no picture; $(tail -n 1 "$work/$name.ppm.log") $(tail -n 1 "$work/$name.other.ppm.log")"
    elif ! cmp -s "$work/$name.ppm" "$work/$name.other.ppm"; then
        echo "not ok $name: $(cmp "$work/$name.ppm" "$work/$name.other.ppm")"
    else
        echo "ok $name"
    fi
}

same text_of_25_lines_looks_the_same 1
same text_of_50_lines_looks_the_same 2
same planes_of_16_colours_look_the_same 3
same linear_256_colours_look_the_same 4
same unchained_256_colours_split_look_the_same 5
same four_colours_of_cga_look_the_same 6
same vbe_of_8_bits_looks_the_same 7
same vbe_of_16_bits_looks_the_same 8
same vbe_of_24_bits_looks_the_same 9
same vbe_of_32_bits_looks_the_same 10
same vbe_of_1024x768_looks_the_same 11
