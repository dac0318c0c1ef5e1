#!/bin/bash
# SPDX-License-Identifier: MIT
# A further architecture: its folder (tests/support/tiny), a line in cpu/classes.c, and for its board one in hw/classes.h.
# The program then goes by its name, lists it, chooses it, loads its ELF files, runs them, and shows its registers.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
[ -x "$build/dragoman" ] || { echo "skip arch: $build/dragoman is not built"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

check() { # NAME PATTERN TEXT
    if grep -qE -- "$2" <<< "$3"; then echo "ok $1"; else echo "not ok $1: no /$2/ in: $(head -3 <<< "$3" | tr '\n' '|')"; fi
}

# ---- the program, with the lines that a further architecture adds
variable() {
    sed -n "s/^$1 := //p" "$build/config.mk"
}
mkdir "$tmp/hw"
sed 's/^    X(aarch64_arch)/& X(tiny_arch)/' cpu/classes.c > "$tmp/classes.c"
sed 's/^#define MACHINE_CLASSES(X) /&X(tiny_machine_class) /' hw/classes.h > "$tmp/hw/classes.h"
flags="-std=gnu11 -D_GNU_SOURCE -O1 -fwrapv -fno-strict-aliasing $(variable SAN_FLAGS) $(variable LIB_CFLAGS)"
compile() { # SOURCE OBJECT
    $(variable CC) $flags -I"$tmp" -I. -I"$build" -I"$build/gen" -c -o "$2" "$1"
}
{
    diff cpu/classes.c "$tmp/classes.c"
    diff hw/classes.h "$tmp/hw/classes.h"
} | grep -c '^>' > "$tmp/lines"
if [ "$(cat "$tmp/lines")" != 2 ]; then
    echo "not ok program_is_built_with_a_further_architecture: $(cat "$tmp/lines") lines were added, not 2"
    exit 1
fi
if compile "$tmp/classes.c" "$tmp/classes.o" && compile hw/machine_classes.c "$tmp/machine_classes.o" &&
    compile tests/support/tiny/cpu.c "$tmp/cpu.o" && compile tests/support/tiny/board.c "$tmp/board.o" &&
    $(variable CC) -pthread $(variable SAN_FLAGS) -o "$tmp/dragoman" "$build/system/main.o" "$tmp"/*.o "$build/libcore.a" \
        $(variable LIB_LIBS) -lm; then
    echo "ok program_is_built_with_a_further_architecture"
else
    echo "not ok program_is_built_with_a_further_architecture: see standard error"
    exit 1
fi
ln -s dragoman "$tmp/dragoman-system-tiny"
ln -s dragoman "$tmp/qemu-system-tiny"
ln -s dragoman "$tmp/dragoman-system-aarch64"
p=$tmp/dragoman-system-tiny

# ---- names, lists, defaults
check it_is_listed '^  tiny +one register$' "$("$tmp/dragoman" -arch help)"
check the_other_is_still_listed '^  aarch64 ' "$("$tmp/dragoman" -arch help)"
check the_programs_name_chooses_it '^guest: tiny, one register' "$("$p" -help)"
check the_older_name_chooses_it '^guest: tiny,' "$("$tmp/qemu-system-tiny" -help)"
check arch_overrules_the_name '^guest: tiny,' "$("$tmp/dragoman-system-aarch64" -arch tiny -help)"
check help_names_its_machine_and_cpu '^machine: board;.*CPU of board: one' "$("$p" -help | tr '\n' ' ' | grep -o 'machine: .*')"
check version_names_both 'guests: aarch64, tiny, i386, x86_64;' "$("$p" -version)"
check machines_are_its_own '^  board .*serial' "$("$p" -machine help)"
check machines_of_others_are_not_listed '^no$' "$("$p" -machine help | grep -q virt && echo yes || echo no)"
check cpus_are_its_own '^  one$' "$("$p" -cpu help)"
check unknown_guest_lists_both 'accepted: aarch64, tiny' "$("$tmp/dragoman" -arch vax 2>&1)"
check firmware_names_its_package 'package tiny-firmware has it' "$("$p" -bios tiny.fd 2>&1)"

# ---- each architecture that is built has its guests
lacking=
for arch in $("$build/dragoman" -arch help | sed -n 's/^  \([a-z0-9_]*\) .*/\1/p'); do
    grep -q "^$arch [a-z]" tests/guests/wanted || lacking="$lacking $arch"
    [ "$(readlink "$build/dragoman-system-$arch")" = dragoman ] || lacking="$lacking dragoman-system-$arch"
done
if [ -z "$lacking" ]; then echo "ok each_has_guests_and_names"; else echo "not ok each_has_guests_and_names: not$lacking"; fi

# ---- a program of its own: prints 3, 2, 1, a line end, and powers off; as a big-endian 32-bit ELF file
word() { printf "\\x$(printf %02x $(($1 >> 24 & 255)))\\x$(printf %02x $(($1 >> 16 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))\\x$(printf %02x $(($1 & 255)))"; }
code='\x01\x03\x02\x30\x03\x00\x02\xcf\x04\xfd\x01\x0a\x03\x00\x03\x01\x01\x01\x04\x00'
elf() { # MACHINE, two bytes
    printf '\177ELF\1\2\1\0\0\0\0\0\0\0\0\0\0\2'"$1"
    word 1; word 0x1000; word 52; word 0; word 0
    printf '\0\64\0\40\0\1\0\0\0\0\0\0'
    word 1; word 84; word 0x1000; word 0x1000; word 20; word 20; word 5; word 2
    printf "$code"
}
elf '\x71\x77' > "$tmp/prog.elf"
elf '\0\x16' > "$tmp/other.elf"
for engine in tcg tcg,engine=interp; do
    got=$(timeout -s KILL 30 "$p" -accel $engine -display none -serial stdio -monitor none \
        -device loader,file="$tmp/prog.elf",cpu-num=0 2>&1)
    if [ "$got" = "$(printf '321\n')" ]; then
        echo "ok its_program_runs_and_powers_off_with_$engine"
    else
        echo "not ok its_program_runs_and_powers_off_with_$engine: $got"
    fi
done
check elf_files_of_others_are_refused_by_name 'other.elf: an ELF file for s390x, not for tiny' \
    "$("$p" -display none -device loader,file="$tmp/other.elf",cpu-num=0 2>&1)"

check semihosting_is_refused "kind 'tiny' have no such calls" "$("$p" -semihosting -display none 2>&1)"

# ---- registers and instructions, in the monitor
monitor() {
    timeout -s KILL 30 "$p" -S -display none -serial none -monitor stdio -device loader,file="$tmp/prog.elf",cpu-num=0 <<< "$1
quit"
}
check monitor_disassembles_it 'add 48$' "$(monitor 'x/2i 0x1000' | tr -d '\r')"
check memory_is_in_its_byte_order '0x01030230' "$(monitor 'xp/1xw 0x1000')"
check registers_are_its_own 'A=00000000 PC=00001000' "$(monitor 'info registers')"
