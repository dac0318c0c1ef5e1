# SPDX-License-Identifier: MIT
# Boots of Debian's kernel and installer initrd on microvm, pc and q35. Sourced by tests/boot/*.sh after console.sh, not run.
#
# boots NAME CPUS END OPTION...   with "${base[@]}" to a shell that can count and finds the machine it was given, then ends by END
#
# What the kernel says of its timer is given to it (tsc_early_khz): it measures the timer against the 8254 within 50 ms,
# which a busy host spoils; QEMU's guests have the same trouble. For the same reason nobody compares the TSC with ticks
# (tsc=reliable), and what the kernel says in between does not count as an answer.

append="console=ttyS0 rdinit=/bin/sh panic=-1 tsc_early_khz=1000000 tsc=reliable"
complaints="" # a pattern of what the kernel must not say

# answers SECONDS COMMAND ANSWER: the last line that it prints
answers() {
    ask "$1" "$2" && answer=${answer##*$'\n'} && [ "$answer" = "$3" ]
}

boots() {
    local name=$1 cpus=$2 end=$3
    shift 3
    echo "# $name"
    guest_start "$name" "${base[@]}" -smp "$cpus" "$@"
    if ! await 280 '~ # '; then
        guest_failed "$name" "no shell"
    elif ! answers 30 'echo $((6 * 7))' 42; then
        guest_failed "$name" "6 * 7 is '$answer'"
    elif ! answers 30 'mount -t proc p /proc && grep -c ^processor /proc/cpuinfo' "$cpus"; then
        guest_failed "$name" "$cpus vCPUs were asked for, the guest has '$answer'"
    elif ! answers 30 'grep -c ttyS0 /proc/interrupts' 1; then
        guest_failed "$name" "no interrupt of the serial port: '$answer'"
    elif ! answers 60 'sleep 1; echo slept' slept; then
        guest_failed "$name" "no timer wakes it up: '$answer'"
    elif [ -n "$trouble" ]; then
        guest_failed "$name" complaint
    elif [ -n "$complaints" ] && { answers 30 "dmesg | grep -cE '$complaints'" 0; [ "$answer" != 0 ]; }; then
        guest_failed "$name" "Linux complains: $answer"
    else
        say "$end"
        guest_end 60
        [ "$status" = 0 ] && echo "ok $name" || echo "not ok $name: exit status $status after $end"
    fi
}
