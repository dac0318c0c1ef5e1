#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 400
# A host that has no room left, by fault injection: Linux writes, the machine stops, cont tries again, and the guest has
# noticed nothing. Then a disk that gets another size while it is mounted.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/initrd.sh
need_guest disk_errors_arm64
rm -rf "$work"
mkdir -p "$work" || exit 2
initrd_with "$work/initrd" "$work/tree" virtio_mmio virtio_blk crc32c_generic ext4 || exit 2
truncate -s 8M "$work/disk.img"

name=write_without_room_goes_on_after_cont
failed() {
    guest_failed "$name" "$1"
    exit
}

# monitor COMMAND SECONDS TEXT: switches to the monitor and back
monitor() {
    printf '\001c' >&"$keys"
    say "$1"
    await "$2" "$3" || failed "the monitor does not say '$3' to '$1'"
    printf '\001c' >&"$keys"
}

guest_start errors -M virt -cpu max,pauth=off -m 1G -nographic -nic none -kernel "$kernel" -initrd "$work/initrd" \
    -append "console=ttyAMA0 rdinit=/test/init" -device virtio-blk-device,drive=d \
    -blockdev "raw,node-name=d,file.driver=blkdebug,file.image.driver=file,file.image.filename=$work/disk.img,file.inject-error.0.event=none,file.inject-error.0.iotype=write,file.inject-error.0.sector=4096,file.inject-error.0.errno=28,file.inject-error.0.once=on"
await 120 ' # ' || failed "no shell"
say 'dd if=/test/init of=/dev/vda bs=512 count=1 seek=4096 conv=fsync && echo written$((40 + 2))'
tries=0
until printf '\001c' >&"$keys"; say 'info status'; await 5 'io-error'; do
    [ $((tries += 1)) -lt 12 ] || failed "the machine does not stop"
    printf '\001c' >&"$keys"
done
printf '\001c' >&"$keys"
if [ "$(od -An -tx1 -j 2097152 -N 4 "$work/disk.img" | tr -d ' ')" != 00000000 ]; then failed "it is written already"; fi
monitor cont 10 '(dragoman)'
await 60 written42 || failed "the write does not end"
ask 20 'dmesg | grep -c "I/O error"'
[[ $answer == 0* ]] || failed "the guest has seen an error: $answer"
[ "$(od -An -tx1 -j 2097152 -N 4 "$work/disk.img" | tr -d ' ')" != 00000000 ] || failed "nothing is written"
echo "ok $name"

name=disk_gets_another_size
ask 20 'cat /sys/block/vda/size'
[[ $answer == *16384* ]] || failed "the size before: $answer"
monitor 'block_resize d 12' 10 '(dragoman)'
ask 30 'while [ $(cat /sys/block/vda/size) = 16384 ]; do :; done; cat /sys/block/vda/size'
[[ $answer == *24576* ]] || failed "the size after: $answer"
ask 20 'dd if=/test/init of=/dev/vda bs=512 count=1 seek=24000 conv=fsync 2> /dev/null && echo good'
[[ $answer == *good* ]] || failed "a write behind the old end: $answer"
echo "ok $name"
say 'poweroff -f'
guest_end 60
