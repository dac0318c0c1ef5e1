#!/bin/bash
# SPDX-License-Identifier: MIT
# No option of QEMU 10 is unknown: what its --help lists is taken, or refused with what to use instead. What asks for
# nothing is taken, and a machine runs with it.
set -u
program=${BUILD:-build}/dragoman-system-aarch64
qemu=${DRAGOMAN_CACHE:-${BUILD:-build}/cache}/qemu10/bin/qemu-system-aarch64
[ -x "$program" ] || { echo "skip qemu_options: $program is not built"; exit 0; }
program=$(realpath -s "$program")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tests/guests/bare.sh "$tmp/kernel.elf" tests/guests/report.S || { echo "skip qemu_options: the guest does not assemble"; exit 0; }

# ---- each name of its help
if [ -x "$qemu" ]; then
    names=$("$qemu" --help | grep -E '^-' | sed -E 's/^--?([a-zA-Z][a-zA-Z0-9_-]*) or -([a-z]+) .*/\1 \2/
        t; s/^--?([a-z]+)\/-([a-z]+) .*/\1 \2/; t; s/^--?([a-zA-Z][a-zA-Z0-9_-]*).*/\1/' | tr ' ' '\n' | sort -u)
    [ "$(wc -w <<< "$names")" -gt 100 ] || echo "not ok options_of_qemu_are_found: $(wc -w <<< "$names")"
    unknown= silent=
    for name in $names; do
        got=$(cd "$tmp" && timeout 20 "$program" -"$name" help -help 2>&1 < /dev/null)
        case $got in
        *'unknown option'*) unknown="$unknown -$name" ;;
        *'is not in this build: '[a-z-]*) ;;
        *'is not in this build'*) silent="$silent -$name" ;;
        esac
    done
    if [ -z "$unknown" ]; then echo "ok no_option_of_qemu_is_unknown"; else echo "not ok no_option_of_qemu_is_unknown:$unknown"; fi
    if [ -z "$silent" ]; then echo "ok what_is_refused_says_what_to_use"; else echo "not ok what_is_refused_says_what_to_use:$silent"; fi
    unknown=
    for item in $("$qemu" -d help | sed -nE '/^[a-z_ ]{15} [^ ]/s/ .*//p'); do
        timeout 20 "$program" -M virt -d "$item" -D "$tmp/log" -display none -S -monitor stdio -serial none <<< quit > "$tmp/out" 2>&1 ||
            unknown="$unknown $item"
    done
    if [ -z "$unknown" ]; then echo "ok no_item_of_the_log_is_unknown"; else echo "not ok no_item_of_the_log_is_unknown:$unknown"; fi
else
    echo "skip qemu_options: no QEMU 10 in the cache (make oracle)"
fi

# ---- what asks for nothing: the guest says hello and powers off
runs() { # NAME ARGUMENT...
    local name=$1 out
    shift
    out=$(cd "$tmp" && timeout -s KILL 20 "$program" -M virt -display none -serial stdio -monitor none -kernel kernel.elf "$@" 2>&1 < /dev/null)
    case $out in clock\ *) echo "ok $name" ;; *) echo "not ok $name: ${out:0:200}" ;; esac
}
runs no_vnc -vnc none
runs drift_is_not_fixed -rtc driftfix=slew
runs count_is_not_aligned -icount shift=3,align=off,sleep=off
runs boot_order -boot c
runs boot_menu -boot order=dc,menu=on,strict=on,splash-time=0,reboot-timeout=-1
runs message_form -msg timestamp=on
runs nothing_is_locked -overcommit mem-lock=off,cpu-pm=off
runs memory_in_advance -mem-prealloc
runs keyboard -k de
runs old_network -net nic,model=virtio-net-pci,macaddr=52:54:00:00:00:01 -net user
runs old_network_in_the_other_order -net user,hostname=h -net nic
runs log_items -d cpu_reset,page,nochain -D "$tmp/log"
runs compatibility -compat deprecated-input=reject
runs no_sound -audio none -audiodev none,id=a
runs no_sandbox -sandbox off
runs watchdog -watchdog-action reset -action watchdog=pause
runs machine_keys -machine nvdimm=off,hmat=off,suppress-vmdesc=on,usb=off,graphics=off,dump-guest-core=off
runs window -full-screen -only-migratable -run-with async-teardown=off -no-user-config
runs set_of_a_device -device virtio-rng-pci,id=r -set device.r.max-bytes=16
runs global_that_asks_for_nothing -global virtio-mmio.force-legacy=off -global virtio-net-pci.packed=on

# ---- what would have an effect is refused
refuses() { # NAME TEXT ARGUMENT...
    local name=$1 text=$2 out
    shift 2
    out=$(timeout -s KILL 20 "$program" -M virt -display none -serial none -monitor none "$@" 2>&1 < /dev/null)
    if [ $? = 1 ] && [[ $out == *"$text"* ]]; then echo "ok $name"; else echo "not ok $name: ${out:0:200}"; fi
}
runs global_of_a_boards_device -global virtio-mmio.force-legacy=on
refuses global_of_what_the_board_decides 'sets it itself' -global arm_gic.num-cpu=2
refuses global_that_no_device_has "has no property 'foo'" -global pl011.foo=1
refuses machine_key_with_an_effect "nvdimm: 'on' is not known; accepted: off" -machine nvdimm=on
refuses vnc_display "display: ':1' is not known; accepted: none" -vnc :1
refuses locked_memory "mem-lock: 'on' is not known; accepted: off" -overcommit mem-lock=on
refuses card_alone 'its back end is missing: -net user' -net nic
refuses back_end_alone 'the card is missing: -net nic' -net user
refuses second_card 'a second one; -nic makes' -net nic -net nic -net user
refuses set_of_nothing 'there is no -device with that id before it' -set device.r.max-bytes=16
