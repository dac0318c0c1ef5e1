#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# tests/system/registers.sh [CPU...]
# What a guest finds after reset, beside QEMU 10: the guest of tests/system/registers prints every system register that
# EL1 and EL0 can read, what stays of ones and zeros that are written to it, and the registers of the board's devices.
# Each difference must stand in tests/system/register_differences with a reason, and each line there must be one.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
program=$build/dragoman-system-aarch64
qemu=${DRAGOMAN_CACHE:-$build/cache}/qemu10/bin/qemu-system-aarch64
out=$build/tests/registers
list=tests/system/register_differences
for tool in clang-14 aarch64-linux-gnu-ld; do
    command -v $tool > /dev/null || { echo "skip registers: $tool, which makes the guest, is not installed"; exit 0; }
done
[ -x "$program" ] || { echo "skip registers: $program is not built"; exit 0; }
[ -x "$qemu" ] || { echo "skip registers: no QEMU 10 in the cache (make oracle)"; exit 0; }
mkdir -p "$out"

make_guest() {
    local f objects=
    for f in start.S main.c sysregs.c devices.c; do
        clang-14 --target=aarch64-none-elf -march=armv8-a -mgeneral-regs-only -mstrict-align -ffreestanding -fno-pic -O1 \
            -Wall -Wextra -I. -c -o "$out/$f.o" tests/system/registers/$f || return 1
        objects="$objects $out/$f.o"
    done
    aarch64-linux-gnu-ld --no-warn-rwx-segments -T tests/system/registers/guest.ld -o "$out/registers.elf" $objects
}

# dump PROGRAM FILE CPU GIC
dump() {
    rm -f "$2"
    timeout 200 "$1" -M "virt,gic-version=$4" -cpu "$3" -m 256M -nodefaults -display none -serial "file:$2" \
        -kernel "$out/registers.elf" < /dev/null > "$2.err" 2>&1
    [ "$(tail -n 1 "$2")" = end ]
}

# differences CPU GIC OURS THEIRS: lines "CPU-GIC NAME OURS THEIRS", values without blanks, - for a line that is not there
differences() {
    awk -v cpu="$1-gic$2" '
        FILENAME ~ /sysreg_names.h$/ {
            if (match($0, /^A64_SYSREG\(/)) {
                split($0, part, /[(,"]+ */)
                name["s" part[2] "_" part[3] "_c" part[4] "_c" part[5] "_" part[6]] = part[8]
            }
            next
        }
        {
            key = $1; dot = index(key, "."); rest = substr(key, dot + 1)
            if (rest in name) key = substr(key, 1, dot) name[rest]
            $1 = ""; value = substr($0, 2); gsub(/ /, "_", value)
            if (!(key in seen)) { order[++n] = key; seen[key] = 1 }
            if (FILENAME == ARGV[2]) ours[key] = value; else theirs[key] = value
        }
        END {
            for (i = 1; i <= n; i++) {
                k = order[i]; a = k in ours ? ours[k] : "-"; b = k in theirs ? theirs[k] : "-"
                if (a != b) print cpu, k, a, b
            }
        }' cpu/arm/sysreg_names.h "$3" "$4"
}

make_guest || { echo "not ok registers_guest_is_made"; exit 1; }
cpus=${*:-$("$program" -M virt -cpu help | sed -n '/^Available/,/^Prop/s/^  \([a-z0-9-]*\)$/\1/p')}
: > "$out/all"
status=0
for cpu in $cpus; do
    for gic in 2 3; do
        case $cpu-$gic in max-2 | cortex-a57-2 | *-3) ;; *) continue ;; esac
        for who in "$program ours" "$qemu theirs"; do
            set -- $who
            dump "$1" "$out/$2.$cpu.$gic" "$cpu" $gic ||
                { echo "not ok registers_${cpu}_gic$gic: $2 printed no end: $(tail -1 "$out/$2.$cpu.$gic.err")"; exit 1; }
        done
        differences "$cpu" $gic "$out/ours.$cpu.$gic" "$out/theirs.$cpu.$gic" >> "$out/all"
    done
done

# Lines of the list: CPU NAME OURS REASON, the first three as regular expressions; ~ before it: another test's concern too.
awk -v cpus="$cpus" -v total="$(echo $cpus | wc -w)" '
    FILENAME == ARGV[1] {
        if ($0 ~ /^#/ || NF == 0) next
        rows++; may[rows] = sub(/^~/, ""); c[rows] = $1; r[rows] = $2; v[rows] = $3; text[rows] = $0
        if (NF < 4) { print "not ok registers_list: no reason: " $0; bad = 1 }
        next
    }
    {
        found = 0
        for (i = 1; i <= rows; i++) {
            if ($1 ~ "^(" c[i] ")$" && $2 ~ "^(" r[i] ")$" && $3 ~ "^(" v[i] ")$") { used[i] = 1; found = 1 }
        }
        if (!found) { print "not ok registers_" $1 "_" $2 ": " $3 ", QEMU has " $4; bad = 1 }
    }
    END {
        for (i = 1; i <= rows; i++) {
            if (!used[i] && !may[i] && total > 5) { print "not ok registers_list: no such difference: " text[i]; bad = 1 }
        }
        n = split(cpus, name, " ")
        for (i = 1; i <= n && !bad; i++) print "ok registers_of_" name[i] "_are_as_in_qemu_but_for_the_list"
        exit bad
    }' $list "$out/all" || status=1
exit $status
