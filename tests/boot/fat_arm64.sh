#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# UEFI's shell on a folder of the host: it runs the folder's startup.nsh, reads a file of it, and what it writes is in the
# folder, also when the emulator was killed behind the flush.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
aavmf=$cache/firmware/qemu-efi-aarch64/usr/share/AAVMF
[ -e "$aavmf/AAVMF_CODE.fd" ] || { echo "skip fat_arm64: no firmware in $cache (make guests)"; exit 0; }
rm -rf "$work"
mkdir -p "$work/esp/a folder" || exit 2
machine="-M virt -cpu cortex-a57 -m 512 -nographic -nic none"
echo 'the content of a file on the host' > "$work/esp/a folder/some text.txt"
printf '%s\r\n' '@echo -off' 'fs0:' 'type "a folder\some text.txt"' 'mkdir made' 'echo what the guest wrote >a made\by-guest.txt' \
    'cp "a folder\some text.txt" made\copy.txt' 'echo <script-is-over>' > "$work/esp/startup.nsh"
cp "$aavmf/AAVMF_VARS.fd" "$work/vars.fd"

guest_start shell $machine -drive "if=pflash,unit=0,format=raw,readonly=on,file=$aavmf/AAVMF_CODE.fd" \
    -drive "if=pflash,unit=1,format=raw,file=$work/vars.fd" -drive "file=fat:rw:$work/esp,format=raw,if=virtio"
if ! await 300 'script-is-over'; then
    guest_failed uefi_runs_startup_nsh "it has not run"
    exit
fi
echo "ok uefi_runs_startup_nsh"
if [[ $before == *'the content of a file on the host'* ]]; then
    echo "ok uefi_reads_the_folder"
else
    echo "not ok uefi_reads_the_folder: $(tail -c 300 <<< "$before" | tr -cd '[:print:]')"
fi
guest_kill
guest_end 20
cmp -s "$work/esp/made/copy.txt" "$work/esp/a folder/some text.txt" && echo "ok uefi_copies_a_file_to_the_folder" ||
    echo "not ok uefi_copies_a_file_to_the_folder: $(ls -R "$work/esp" | tr '\n' ' ')"
tr -d '\0\r' < "$work/esp/made/by-guest.txt" 2> /dev/null | grep -qa 'what the guest wrote' && echo "ok uefi_writes_a_file_to_the_folder" ||
    echo "not ok uefi_writes_a_file_to_the_folder: $(ls -R "$work/esp" | tr '\n' ' ')"
