#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Debian's arm64 kernel on the counted clock: each run is the same, on an idle and on a loaded host, stopped at a count or
# to its own end, with a disk.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/loaded.sh
need_guest counted_arm64
rm -rf "$work"
mkdir -p "$work/tree" || exit 2
initrd_with "$work/initrd" "$work/tree" virtio_mmio virtio_pci virtio_blk virtio_rng || exit 2
cat > "$work/tree/script" <<'SCRIPT'
dd if=/dev/vda bs=64k count=64 2> /dev/null | sha256sum
dd if=/dev/hwrng bs=1k count=4 2> /dev/null | sha256sum
dd if=/dev/urandom bs=64k count=64 2> /dev/null > /dev/vda
(dd if=/dev/vda bs=4k count=500 2> /dev/null | sha256sum; date) &
dd if=/dev/vda bs=32k 2> /dev/null | sha256sum
wait
sleep 3
cat /proc/interrupts /proc/uptime
sync
poweroff -f
SCRIPT
sed -i 's|^exec sh|exec sh /script|' "$work/tree/test/init"
(cd "$work/tree" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) | gzip -1 | cat "$initrd" - > "$work/initrd"

# run OUT OPTION...
run() {
    local to=$work/$1
    shift
    cp "$work/disk" "$to.disk"
    timeout -s KILL 300 "$dragoman" -M virt -cpu max,pauth=off -m 512M -nodefaults -display none -serial stdio \
        -seed 42 -rtc base=2024-02-29T12:00:00 -kernel "$kernel" -initrd "$work/initrd" \
        -append "console=ttyAMA0 rdinit=/test/init" -device virtio-rng-pci \
        -drive "file=$to.disk,format=raw,if=none,id=d" -device virtio-blk-pci,drive=d "$@" < /dev/null > "$to" 2> "$to.err"
}

# ends_alike NAME PATTERN OPTION...: two runs, the second on a loaded host
ends_alike() {
    local name=$1 pattern=$2 rc
    shift 2
    echo "# $name"
    run "$name.1" "$@"
    rc=$?
    loaded run "$name.2" "$@"
    if [ $rc != 0 ]; then
        echo "not ok $name: exit status $rc $(tail -1 "$work/$name.1.err")"
    elif ! grep -aq "$pattern" "$work/$name.1"; then
        echo "not ok $name: no '$pattern' in $work/$name.1"
    elif ! cmp -s "$work/$name.1" "$work/$name.2"; then
        echo "not ok $name: $work/$name.1 and .2 differ"
    elif ! cmp -s "$work/$name.1.disk" "$work/$name.2.disk"; then
        echo "not ok $name: $work/$name.1.disk and .2.disk differ"
    else
        echo "ok $name"
    fi
    rm -f "$work/$name".?.disk
}

yes 'what stands on the disk' | head -c 8M > "$work/disk"
for cpus in 1 4; do
    ends_alike "boot_to_a_count_with_$cpus" '^stopped after 300000001 ' -smp $cpus -icount shift=2,sleep=off,stop=300000001
    ends_alike "boot_to_the_end_with_$cpus" 'Power down' -smp $cpus -icount shift=2,sleep=off
done
ends_alike boot_with_gicv3_and_idle_time_in_host_time 'Power down' -M gic-version=3 -smp 2 -icount shift=3,sleep=on
