#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Debian 12's amd64 kernel with the Debian installer's initrd on microvm, to a shell that answers, and to an orderly end.
# What the kernel says of its timer is given to it (tsc_early_khz): it measures the timer against the 8254 within 50 ms,
# which a busy host spoils; QEMU's guests have the same trouble. For the same reason nobody compares the TSC with ticks
# (tsc=reliable), and what the kernel says in between does not count as an answer.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
kernel=$cache/amd64/vmlinuz-amd64
initrd=$cache/amd64/di/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/initrd.gz
need_guest debian_amd64

base=(-M microvm -m 512M -nographic -nic none -no-reboot -kernel "$kernel" -initrd "$initrd")
append="console=ttyS0 rdinit=/bin/sh panic=-1 tsc_early_khz=1000000 tsc=reliable"

failed() { # NAME WHY
    echo "not ok $1: $2; console $log: $(tail -n 1 "$log" | tr -cd '[:print:]') $(tail -n 1 "$errors")"
    guest_end 0
}

# answers SECONDS COMMAND ANSWER: the last line that it prints
answers() {
    ask "$1" "$2" && answer=${answer##*$'\n'} && [ "$answer" = "$3" ]
}

# boots NAME CPUS END OPTION...: to a shell that can count and finds the machine it was given, then ends as it should
boots() {
    local name=$1 cpus=$2 end=$3
    shift 3
    echo "# $name"
    guest_start "$name" "${base[@]}" -smp "$cpus" "$@"
    if ! await 280 '~ # '; then
        failed "$name" "no shell"
    elif ! answers 30 'echo $((6 * 7))' 42; then
        failed "$name" "6 * 7 is '$answer'"
    elif ! answers 30 'mount -t proc p /proc && grep -c ^processor /proc/cpuinfo' "$cpus"; then
        failed "$name" "$cpus vCPUs were asked for, the guest has '$answer'"
    elif ! answers 30 'grep -c ttyS0 /proc/interrupts' 1; then
        failed "$name" "no interrupt of the serial port: '$answer'"
    elif ! answers 60 'sleep 1; echo slept' slept; then
        failed "$name" "no timer wakes it up: '$answer'"
    elif [ -n "$trouble" ]; then
        failed "$name" "$trouble"
    else
        say "$end"
        guest_end 60
        [ "$status" = 0 ] && echo "ok $name" || echo "not ok $name: exit status $status after $end"
    fi
}

boots microvm_boots_to_a_shell_and_powers_off 1 'poweroff -f' -append "$append"
boots microvm_with_4_vcpus_powers_off 4 'poweroff -f' -append "$append"
boots microvm_without_acpi_resets_by_a_triple_fault 2 'reboot -f' -M microvm,acpi=off -append "$append reboot=t"
boots cpu_max_boots 1 'poweroff -f' -cpu max -append "$append"
