#!/bin/bash
# SPDX-License-Identifier: MIT
# -accel tcg,opt=off: the guest does the same, and its blocks are as the instructions' semantics say.
set -u
program=${BUILD:-build}/dragoman-system-aarch64
[ -x "$program" ] || { echo "skip opt: $program is not built"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
sed 's/TIMES, .*/TIMES, 20/' tests/guests/rewrite.S > "$tmp/guest.S"
tests/guests/bare.sh "$tmp/guest.elf" "$tmp/guest.S" || { echo "skip opt: the guest does not assemble"; exit 0; }

for opt in on off; do
    # it powers off if its sum is right
    if timeout -s KILL 60 "$program" -M virt -m 64 -nic none -display none -kernel "$tmp/guest.elf" -accel tcg,opt=$opt \
        -d opt -D "$tmp/$opt"; then
        echo "ok guest_runs_with_opt_$opt"
    else
        echo "not ok guest_runs_with_opt_$opt: exit status $?"
    fi
done

# SUBS; B.NE: a comparison of the operands, or a test of the flags as the manual has it
if grep -q 'cmp\.i32\.ne' "$tmp/on" && ! grep -q 'flags_test\.i32\.ne' "$tmp/on"; then
    echo "ok conditions_are_folded"
else
    echo "not ok conditions_are_folded: they are not"
fi
if grep -q 'flags_test\.i32\.ne' "$tmp/off"; then
    echo "ok nothing_is_folded_with_opt_off"
else
    echo "not ok nothing_is_folded_with_opt_off: conditions are"
fi
