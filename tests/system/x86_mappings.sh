#!/bin/bash
# SPDX-License-Identifier: MIT
# `info mem` and `info tlb` of an x86 CPU with paging in each of its forms: the same pieces with the same rights as QEMU 10
# shows, which writes them in another form and does not look at NX; and what is executed there.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
program=$build/dragoman-system-x86_64
qemu=${DRAGOMAN_CACHE:-$build/cache}/qemu10/bin/qemu-system-x86_64
[ -x "$program" ] || { echo "skip x86_mappings: $program is not built"; exit 0; }
[ -x "$qemu" ] || { echo "skip x86_mappings: no QEMU 10 in the cache"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# shown EMULATOR GUEST: lines that begin with an address, once the guest is where it waits
shown() {
    rm -f "$tmp/serial"
    {
        for _ in {1..300}; do
            grep -q ready "$tmp/serial" 2> /dev/null && break
            perl -e 'select(undef, undef, undef, 0.05)'
        done
        printf 'info mem\ninfo tlb\nquit\n'
    } | timeout -s KILL 30 "$1" -M microvm -cpu max -m 64M -display none -nodefaults -serial "file:$tmp/serial" -kernel "$2" \
        -monitor stdio 2>&1 | tr -d '\r' | grep -E '^[0-9a-f]{16}'
}

# As QEMU has them: the end of a run is behind it, and its 48 bits overflow; of pieces only addresses.
like_qemu() {
    perl -ne 'no warnings "portable";
        if (/^(\S+)-(\S+) (\S+) u(.).. s.(.)/) {
            my $end = hex($2) == 0xffffffffffffffff ? 1 << 48 : hex($2) + 1;
            printf "%s-%016x %s %s%s%s\n", $1, $end, $3, $4 eq "r" ? "u" : "-", "r", $5;
        } elsif (/^(\S+: \S+)/) { print "$1\n" }'
}

for mode in 1:32_bits 2:pae 3:4_levels; do
    name=mappings_with_${mode#*:}_are_those_of_qemu
    guest=$tmp/guest.elf
    tests/guests/x86/build.sh "$guest" "-DMODE=${mode%:*}" tests/guests/x86/paging.c 2> "$tmp/errors" ||
        { echo "skip $name: the guest cannot be built: $(head -n 1 "$tmp/errors")"; continue; }
    shown "$program" "$guest" > "$tmp/ours"
    shown "$qemu" "$guest" | sed 's/^\([0-9a-f]*: [0-9a-f]*\) .*/\1/' > "$tmp/theirs"
    if [ -s "$tmp/ours" ] && like_qemu < "$tmp/ours" | diff "$tmp/theirs" - > "$tmp/diff"; then
        echo "ok $name"
    else
        echo "not ok $name: $(head -n 4 "$tmp/diff" | tr '\n' ' ')"
    fi
done
name=pages_that_are_not_executed_are_shown
grep -q '^000000000040f000: 000000000020f000 4K urw- srw-$' "$tmp/ours" && echo "ok $name" || echo "not ok $name: $(grep 040f000 "$tmp/ours")"
