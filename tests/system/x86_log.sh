#!/bin/bash
# SPDX-License-Identifier: MIT
# What -d int and -d cpu_reset say of a guest on x86 is what QEMU says, but for where it keeps flags (CCS, CCD, CCO) and the
# x87 registers of a reset; a triple fault is explained; -no-reboot and -no-shutdown leave the machine at it.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
qemu=${DRAGOMAN_CACHE:-$build/cache}/qemu10/bin/qemu-system-x86_64
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
gcc -m32 -c -o "$tmp/faults.o" tests/guests/x86/faults.S 2> "$tmp/errors" && objcopy -O binary "$tmp/faults.o" "$tmp/faults.bin" ||
    { echo "skip x86_log: the guest cannot be built: $(head -n 1 "$tmp/errors")"; exit 0; }

# run NAME EMULATOR: its log, and what the monitor says of the state behind the triple fault
run() {
    local name=$1
    shift
    (sleep 0.5; echo system_reset; sleep 0.5; echo cont
        for _ in $(seq 100); do grep -q '^Triple fault' "$tmp/$name.log" 2> /dev/null && break; sleep 0.1; done
        sleep 0.5; echo 'info status'; sleep 0.5; echo quit) |
        timeout 60 "$@" -M microvm -cpu qemu64 -nodefaults -display none -bios "$tmp/faults.bin" -monitor stdio -S \
            -no-reboot -no-shutdown -d int,cpu_reset -D "$tmp/$name.log" > "$tmp/$name.monitor" 2>&1
}

# The deliveries up to the triple fault, and what is printed at a reset.
deliveries() {
    sed -n '/^ *0: v=/,/^Triple fault/p' "$1" | grep -v '^CC'
}
reset() { # the last one
    awk '/^CPU Reset/ { text = "" } { text = text $0 "\n" } /^XMM06/ { last = text } END { printf "%s", last }' "$1" |
        grep -v -e '^CC' -e '^FCW'
}

run ours "$build/dragoman-system-x86_64"
deliveries "$tmp/ours.log" > "$tmp/ours"
[ "$(grep -c ': v=' "$tmp/ours")" = 4 ] && echo "ok deliveries_are_logged" ||
    echo "not ok deliveries_are_logged: $(grep ': v=' "$tmp/ours" | tr '\n' ' ')"
if sed -n '/^Triple fault/,$p' "$tmp/ours.log" | diff - tests/system/x86/triple_fault > "$tmp/diff"; then
    echo "ok a_triple_fault_is_explained"
else
    echo "not ok a_triple_fault_is_explained: $(head -n 6 "$tmp/diff" | tr '\n' ' ')"
fi
grep -q 'paused (shutdown)' "$tmp/ours.monitor" && echo "ok no_reboot_and_no_shutdown_leave_it_standing" ||
    echo "not ok no_reboot_and_no_shutdown_leave_it_standing: $(tail -n 2 "$tmp/ours.monitor" | tr '\n' ' ')"
[ -x "$qemu" ] || { echo "skip the_log_is_qemus: no QEMU 10 in the cache"; exit 0; }
run theirs "$qemu"
deliveries "$tmp/theirs.log" > "$tmp/theirs"
if diff "$tmp/theirs" "$tmp/ours" > "$tmp/diff"; then echo "ok the_log_is_qemus"
else echo "not ok the_log_is_qemus: $(head -n 6 "$tmp/diff" | tr '\n' ' ')"; fi
if diff <(reset "$tmp/theirs.log") <(reset "$tmp/ours.log") > "$tmp/diff"; then echo "ok resets_are_logged_as_qemus"
else echo "not ok resets_are_logged_as_qemus: $(head -n 6 "$tmp/diff" | tr '\n' ' ')"; fi
