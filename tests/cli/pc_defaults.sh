#!/bin/bash
# SPDX-License-Identifier: MIT
# What is on the PCI buses of pc and q35 that nobody has asked for, and with usual options for networks and screens: the
# same devices in the same slots as with QEMU 10. Its q35 has an e1000e, which is not modelled: there is an e1000 in its place.
# And what the monitor says of the machine's generation.
set -u
program=${BUILD:-build}/dragoman-system-x86_64
qemu=${DRAGOMAN_CACHE:-${BUILD:-build}/cache}/qemu10/bin/qemu-system-x86_64
[ -x "$program" ] || { echo "skip pc_defaults: $program is not built"; exit 0; }
[ -e /usr/share/seabios/bios-256k.bin ] || { echo "skip pc_defaults: SeaBIOS is not installed (package seabios)"; exit 0; }

# devices PROGRAM ARGUMENT...: slots and what is in them
devices() {
    printf 'info pci\nquit\n' | timeout -s KILL 30 "$@" -m 32M -S -display none -monitor stdio 2>&1 | tr -d '\r' |
        sed -n 's/^ *\(Bus .*\):$/\1/p; s/^ *\(.*: PCI device .*\)/\1/p'
}

# same NAME ARGUMENT...: QEMU's, or if that is not there a list that is not empty
same() {
    local name=$1 ours theirs
    shift
    ours=$(devices "$program" "$@")
    [ -x "$qemu" ] && theirs=$(devices "$qemu" "$@" | sed 's/8086:10d3/8086:100e/') || theirs=$ours
    if [ -n "$ours" ] && [ "$ours" = "$theirs" ]; then
        echo "ok $name"
    else
        echo "not ok $name: $(diff <(echo "$theirs") <(echo "$ours") | tr '\n' ' ')"
    fi
}

# says NAME COMMAND TEXT ARGUMENT...: a line of what the monitor says
says() {
    local name=$1 command=$2 text=$3
    shift 3
    if printf '%s\nquit\n' "$command" | timeout -s KILL 30 "$program" -M pc -S -display none -nic none -monitor stdio "$@" 2>&1 |
        tr -d '\r' | grep -qF -- "$text"; then
        echo "ok $name"
    else
        echo "not ok $name"
    fi
}
guid=324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87
says generation_identifier_is_shown 'info vm-generation-id' $guid -device vmgenid,guid=$guid
says no_generation_identifier 'info vm-generation-id' 'Error: VM Generation ID device not found'
says local_controllers_are_shown 'info lapic' 'lapic of CPU 1: id=1' -smp 2

for board in pc q35; do
    same ${board}_has_a_screen_and_a_network_card -M $board
    same ${board}_without_a_network -M $board -nic none
    same ${board}_with_the_usual_card -M $board -nic user
    same ${board}_with_a_card_of_the_old_option -M $board -net nic -net user
    same ${board}_with_a_card_of_virtio -M $board -net nic,model=virtio -net user
    same ${board}_with_two_cards -M $board -nic user -nic user,model=virtio-net-pci
    same ${board}_without_a_screen -M $board -vga none
    same ${board}_with_nothing_more -M $board -nodefaults
done
