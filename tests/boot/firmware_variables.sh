#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# What U-Boot's saveenv and UEFI's variables have put into flash is there in the next process, though the first was
# killed as soon as the firmware had said that it was done.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
uboot=$cache/firmware/u-boot-qemu/usr/lib/u-boot/qemu_arm64/u-boot.bin
aavmf=$cache/firmware/qemu-efi-aarch64/usr/share/AAVMF
[ -e "$uboot" ] && [ -e "$aavmf/AAVMF_CODE.fd" ] || { echo "skip firmware_variables: no firmware in $cache (make guests)"; exit 0; }
rm -rf "$work"
mkdir -p "$work" || exit 2
machine="-M virt -cpu cortex-a57 -m 512 -nographic -nic none"

uboot_boot() { # NAME
    guest_start "$1" $machine -bios "$uboot" -drive "if=pflash,unit=1,format=raw,file=$work/env.fd"
    await 100 'Hit any key' || { guest_failed "$1" "no U-Boot"; return 1; }
    say ''
    await 60 '=> ' || { guest_failed "$1" "no prompt"; return 1; }
}

truncate -s 64M "$work/env.fd"
if uboot_boot uboot_saveenv; then
    say 'setenv kept all of it; saveenv; echo "<"saved">"'
    if await 100 '<saved>' && [[ $before == *OK* ]]; then
        guest_kill
        guest_end 20
        if uboot_boot uboot_saveenv_is_kept; then
            say 'printenv kept; echo "<"printed">"'
            if await 60 '<printed>' && [[ $before == *'kept=all of it'* ]]; then
                guest_kill
                guest_end 20
                echo "ok uboot_saveenv_is_kept"
            else
                guest_failed uboot_saveenv_is_kept "it is not: $before"
            fi
        fi
    else
        guest_failed uboot_saveenv "it does not save"
    fi
fi

guid=12345678-1234-5678-1234-56789abcdef0
uefi_boot() { # NAME
    guest_start "$1" $machine -drive "if=pflash,unit=0,format=raw,readonly=on,file=$aavmf/AAVMF_CODE.fd" \
        -drive "if=pflash,unit=1,format=raw,file=$work/vars.fd"
    await 200 'Shell> ' || { guest_failed "$1" "no shell"; return 1; }
}

cp "$aavmf/AAVMF_VARS.fd" "$work/vars.fd"
if uefi_boot uefi_variable; then
    say "setvar Kept -guid $guid -nv -bs =41424344"
    await 60 'Shell> '
    guest_kill
    guest_end 20
    cmp -s "$work/vars.fd" "$aavmf/AAVMF_VARS.fd" && echo "not ok uefi_variables_are_written: the store is as it was" || echo "ok uefi_variables_are_written"
    if uefi_boot uefi_variable_is_kept; then
        say "setvar Kept -guid $guid"
        if await 60 'Shell> ' && [[ $before == *'41 42 43 44'* ]]; then
            guest_kill
            guest_end 20
            echo "ok uefi_variable_is_kept"
        else
            guest_failed uefi_variable_is_kept "it is not: $before"
        fi
    fi
fi
exit 0
