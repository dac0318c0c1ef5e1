#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# OVMF: its shell from -bios on pc and from flash on q35, variables that the next start finds, Debian's amd64 kernel that
# it starts by -kernel; and the build with Secure Boot, whose variables only system management mode writes.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
. tests/support/pc.sh
firmware=/usr/share/OVMF
[ -e $firmware/OVMF_CODE_4M.fd ] || { echo "skip ovmf_amd64: OVMF is not installed (package ovmf)"; exit 0; }
need_guest ovmf_amd64
mkdir -p "$work"

# flash CODE VARS: options of the two flashes; VARS is a copy
flash() {
    flashes=(-drive "if=pflash,format=raw,readonly=on,file=$firmware/$1" -drive "if=pflash,format=raw,file=$2")
}

# ended NAME: by itself, in good order
ended() {
    guest_end 60
    [ "$status" = 0 ] && echo "ok $1" || echo "not ok $1: exit status $status"
}

# shell NAME OPTION...: up to its prompt
shell() {
    local name=$1
    shift
    echo "# $name"
    guest_start "$name" -m 256M -nographic -nic none "$@"
    await 200 'Press' && say '' && await 60 'Shell> ' && return
    guest_failed "$name" "no shell"
    return 1
}

name=ovmf_by_bios_on_pc_has_a_shell_that_switches_off
shell $name -M pc -bios OVMF.fd && { say 'reset -s'; ended $name; }

cp $firmware/OVMF_VARS_4M.fd "$work/vars"
flash OVMF_CODE_4M.fd "$work/vars"
guid=11111111-2222-3333-4444-555555555555
name=ovmf_in_flash_on_q35_stores_a_variable
if shell $name -M q35 -smp 2 "${flashes[@]}"; then
    say "setvar dragoman -guid $guid -bs -nv =\"kept\""
    await 30 'Shell> '
    say 'reset -s'
    ended $name
fi
name=ovmf_finds_the_variable_at_the_next_start
if shell $name -M q35 "${flashes[@]}"; then
    say "setvar dragoman -guid $guid"
    if await 30 '6B 65 70 74'; then
        say 'reset -s'
        ended $name
    else
        guest_failed $name "the variable is gone"
    fi
fi

name=ovmf_starts_debian
echo "# $name"
guest_start $name -M q35 -m 512M -smp 2 -nographic -nic none -no-reboot "${flashes[@]}" -kernel "$kernel" -initrd "$initrd" \
    -append "$append"
if ! await 280 '~ # '; then
    guest_failed $name "no shell"
elif ask 30 'mount -t sysfs s /sys; mount -t proc p /proc; ls /sys/firmware/efi/runtime-map > /dev/null' && [ -n "$trouble" ]; then
    guest_failed $name complaint
elif ! ask 30 'test -d /sys/firmware/efi/efivars && grep -c ^processor /proc/cpuinfo' || [ "${answer##*$'\n'}" != 2 ]; then
    guest_failed $name "no UEFI, or not 2 vCPUs: '$answer'"
else
    say 'poweroff -f'
    ended $name
fi

cp $firmware/OVMF_VARS_4M.ms.fd "$work/keys"
flash OVMF_CODE_4M.secboot.fd "$work/keys"
name=secure_boot_refuses_what_is_not_signed
echo "# $name"
guest_start $name -M q35,smm=on -m 256M -nographic -nic none -global cfi.pflash01.secure=on "${flashes[@]}"
if await 200 'Security Violation'; then
    guest_kill
    guest_end 10
    cmp -s $firmware/OVMF_VARS_4M.ms.fd "$work/keys" && echo "not ok $name: it has written no variable" || echo "ok $name"
else
    guest_failed $name "nothing is refused"
fi
