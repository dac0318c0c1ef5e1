#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Debian 12's arm64 kernel with the Debian installer's initrd, to a shell that answers, and to an orderly end.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
need_guest debian_arm64

base=(-M virt -m 1G -nographic -nic none -kernel "$kernel" -initrd "$initrd" -append "console=ttyAMA0 rdinit=/bin/sh")

# to_shell NAME OPTION...
to_shell() {
    local name=$1
    shift
    guest_start "$name" "${base[@]}" "$@"
    await 120 '~ # ' || { guest_failed "$name" "no shell"; return 1; }
}

# boots NAME CPUS GIC OPTION...: to a shell that can count and finds the machine it was given, then powers off
boots() {
    local name=$1 cpus=$2 gic=$3
    shift 3
    echo "# $name"
    to_shell "$name" -smp "$cpus" "$@" || return
    if ! ask 20 'echo $((6 * 7))' || [ "$answer" != 42 ]; then
        guest_failed "$name" "6 * 7 is '$answer'"
    elif ! ask 20 'mount -t proc p /proc && grep -c ^processor /proc/cpuinfo' || [ "$answer" != "$cpus" ]; then
        guest_failed "$name" "$cpus vCPUs were asked for, the guest has '$answer'"
    elif ! ask 20 'grep -m1 arch_timer /proc/interrupts' || [[ $answer != *"$gic"* ]]; then
        guest_failed "$name" "no $gic in '$answer'"
    elif [ -n "$trouble" ]; then
        guest_failed "$name" complaint
    else
        say 'poweroff -f'
        guest_end 30
        [ "$status" = 0 ] && echo "ok $name" || echo "not ok $name: exit status $status after poweroff"
    fi
}

boots gicv2_boots_to_a_shell 1 GIC-0 -cpu max,pauth=off
boots gicv2_with_4_vcpus 4 GIC-0 -cpu max,pauth=off
boots gicv3_boots_to_a_shell 1 GICv3 -M virt,gic-version=3 -cpu max,pauth=off
boots gicv3_with_4_vcpus 4 GICv3 -M virt,gic-version=3 -cpu max,pauth=off
boots gicv2_with_8_vcpus 8 GIC-0 -cpu max,pauth=off
boots cortex_a57_boots 1 GIC-0 -cpu cortex-a57
boots neoverse_n1_boots 2 GICv3 -M virt,gic-version=3 -cpu neoverse-n1
boots max_boots_with_pointer_authentication 2 GIC-0 -cpu max
boots default_cpu_boots_with_gic_max 2 GICv3 -M virt,gic-version=max

name=reboot_ends_with_no_reboot
if to_shell $name -cpu max,pauth=off -no-reboot; then
    say 'reboot -f'
    guest_end 30
    [ "$status" = 0 ] && echo "ok $name" || echo "not ok $name: exit status $status"
fi

name=reboot_boots_again
if to_shell $name -cpu max,pauth=off; then
    say 'reboot -f'
    if ! await 120 '~ # '; then
        guest_failed $name "no shell after the reboot"
    elif ! ask 20 'echo $((6 * 7))' || [ "$answer" != 42 ]; then
        guest_failed $name "6 * 7 is '$answer' after the reboot"
    else
        say 'poweroff -f'
        guest_end 30
        [ "$status" = 0 ] && echo "ok $name" || echo "not ok $name: exit status $status"
    fi
fi
