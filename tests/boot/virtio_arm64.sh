#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Debian's virtio drivers on disks, networks and the smaller devices, over MMIO and PCI: what was fetched through the
# user network from a server of this host and then synced is there after a power cut.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/server.sh
need_guest virtio_arm64
PATH=$PATH:/usr/sbin:/sbin
rm -rf "$work"
mkdir -p "$work/served" || exit 2
initrd_with "$work/initrd" "$work/tree" virtio_mmio virtio_pci virtio_net virtio_blk virtio_rng virtio_console \
    virtio_balloon crc32c_generic ext4 || exit 2
head -c 8000000 /dev/urandom > "$work/served/data"
sum=$(sha256sum < "$work/served/data" | cut -c1-64)

serve "$work/served"
trap 'kill $server_pid' EXIT

# boot NAME OPTION...: to the shell with all modules loaded
boot() {
    guest_start "$1" -M virt -cpu max,pauth=off -m 1G -nographic -kernel "$kernel" -initrd "$work/initrd" \
        -append "console=ttyAMA0 rdinit=/test/init" "${@:2}"
    await 120 ' # ' || { guest_failed "$1" "no shell"; return 1; }
}

# must NAME SECONDS COMMAND [PATTERN]: the guest's command ends with status 0, and what it prints matches
must() {
    ask "$2" "$3"
    local rc=$?
    [ $rc = 0 ] || { guest_failed "$1" "'$3': status $rc: $answer"; return 1; }
    [ -z "${4:-}" ] || [[ $answer == $4 ]] || { guest_failed "$1" "'$3': $answer"; return 1; }
}

# off NAME: orderly power-off
off() {
    [ -z "$trouble" ] || { guest_failed "$1" complaint; return 1; }
    say 'poweroff -f'
    guest_end 60
    [ "$status" = 0 ] || { echo "not ok $1: exit status $status after poweroff"; return 1; }
}

# network_up NAME; fetch NAME FILE: the server's file, whole
network_up() {
    must "$1" 20 'ip link set eth0 up' && must "$1" 60 'udhcpc -n -q -i eth0' '*10.0.2.15*'
}
fetch() {
    must "$1" 60 "wget -q -O $2 http://10.0.2.2:$port/data" && must "$1" 60 "sha256sum < $2" "*$sum*"
}

new_disk() { # FILE: an empty ext4 file system
    truncate -s 256M "$1" && mke2fs -q -t ext4 -F "$1"
}

# power_cut NAME RESTART OPTION...: fetches to a disk, syncs, goes on writing, and loses its power; after a restart with
# the options RESTART all that was synced is there, and the file system is sound. DISK stands for the image.
power_cut() {
    local name=$1 restart=$2 disk=$work/$1.img
    shift 2
    echo "# $name"
    new_disk "$disk"
    boot "$name" "${@//DISK/$disk}" || return
    network_up "$name" && must "$name" 20 'mount /dev/vda /mnt' && fetch "$name" /mnt/kept && must "$name" 60 sync || return
    must "$name" 10 '(while :; do dd if=/test/init of=/mnt/more bs=100 conv=fsync; cat /mnt/kept > /mnt/copy; done) 2> /dev/null & true' || return
    must "$name" 60 'while [ ! -s /mnt/copy ]; do :; done' || return
    guest_kill
    guest_end 5
    boot "${name}_again" ${restart//DISK/$disk} || return
    must "$name" 60 'mount /dev/vda /mnt' && must "$name" 60 'sha256sum < /mnt/kept' "*$sum*" &&
        must "$name" 60 'umount /mnt' || return
    off "$name" || return
    e2fsck -fn "$disk" > "$work/$name.fsck" 2>&1 && echo "ok $name" || echo "not ok $name: $(tail -1 "$work/$name.fsck")"
    rm -f "$disk"
}

user=user,id=n0
power_cut disk_and_network_over_mmio "-drive file=DISK,format=raw,if=virtio -nic none" \
    -drive file=DISK,format=raw,if=none,id=d0 -device virtio-blk-device,drive=d0 \
    -netdev $user -device virtio-net-device,netdev=n0
power_cut disk_and_network_over_pci "-drive file=DISK,format=raw,if=none,id=d0 -device virtio-blk-device,drive=d0 -nic none" \
    -drive file=DISK,format=raw,if=none,id=d0 -device virtio-blk-pci,drive=d0
power_cut packed_rings_and_queues_for_4_vcpus "-drive file=DISK,format=raw,if=virtio -nic none" -smp 4 -M gic-version=3 \
    -drive file=DISK,format=raw,if=none,id=d0,cache=none -device virtio-blk-pci,drive=d0,packed=on,num-queues=4 \
    -netdev $user -device virtio-net-pci,netdev=n0,packed=on,mq=on

# form NAME OPTION...: a disk and a network whose devices have the form that the options say
form() {
    local name=$1 disk=$work/$1.img
    shift
    echo "# $name"
    new_disk "$disk"
    boot "$name" -drive "file=$disk,format=raw,if=none,id=d0" -netdev user,id=n0 "$@" || return
    must "$name" 20 'mount /dev/vda /mnt' && network_up "$name" && fetch "$name" /mnt/kept && must "$name" 60 'umount /mnt' || return
    must "$name" 20 'mount /dev/vda /mnt' && must "$name" 60 'sha256sum < /mnt/kept' "*$sum*" && must "$name" 60 'umount /mnt' || return
    off "$name" && echo "ok $name"
    rm -f "$disk"
}
form legacy_drivers_by_io_ports -device virtio-blk-pci,drive=d0,disable-modern=on \
    -device virtio-net-pci,netdev=n0,disable-modern=on,mrg_rxbuf=off
form modern_layout_over_mmio -global virtio-mmio.force-legacy=off -device virtio-blk-device,drive=d0 \
    -device virtio-net-device,netdev=n0
form modern_devices_behind_a_port -device pcie-root-port,id=p0,chassis=1 -device pcie-root-port,id=p1,chassis=2 \
    -device virtio-blk-pci,drive=d0,bus=p0 -device virtio-net-pci,netdev=n0,bus=p1

name=snapshot_leaves_the_image_alone
echo "# $name"
new_disk "$work/$name.img"
before_sum=$(sha256sum < "$work/$name.img")
if boot $name -snapshot -nic none -drive "file=$work/$name.img,format=raw,if=virtio" &&
    must $name 30 'mount /dev/vda /mnt; cp /bin/busybox /mnt/x; sync; echo 3 > /proc/sys/vm/drop_caches; cmp /bin/busybox /mnt/x' &&
    off $name; then
    [ "$(sha256sum < "$work/$name.img")" = "$before_sum" ] && echo "ok $name" || echo "not ok $name: the image has changed"
fi

name=readonly_disk_refuses_writes
echo "# $name"
if boot $name -nic none -drive "file=$work/served/data,format=raw,if=virtio,readonly=on" &&
    must $name 30 'cat /sys/block/vda/ro' 1 && must $name 60 'head -c 8000000 /dev/vda | sha256sum' "*$sum*" &&
    must $name 30 '! dd if=/test/init of=/dev/vda' && off $name; then
    [ "$(sha256sum < "$work/served/data" | cut -c1-64)" = "$sum" ] && echo "ok $name" || echo "not ok $name: the file has changed"
fi

# from a server in the guest
name=host_forwarding_reaches_the_guest
echo "# $name"
forwarded=$(free_port)
if boot $name -nic "user,hostfwd=tcp:127.0.0.1:$forwarded-:80" && network_up $name && fetch $name /tmp/data &&
    must $name 20 'nc -l -p 80 < /tmp/data & true' && must $name 20 'until grep -q :0050 /proc/net/tcp*; do :; done'; then
    got=$(timeout 60 head -c 8000000 < "/dev/tcp/127.0.0.1/$forwarded" | sha256sum | cut -c1-64)
    if [ "$got" != "$sum" ]; then
        guest_failed $name "what came is not what was sent"
    else
        off $name && echo "ok $name"
    fi
fi

name=entropy_console_and_balloon
echo "# $name"
rm -f "$work/port"
if boot $name -nic none -device virtio-rng-pci -device virtio-balloon-device -device virtio-serial-pci \
    -chardev "file,id=p0,path=$work/port" -device virtserialport,chardev=p0,name=org.test.port &&
    must $name 20 'cat /sys/class/misc/hw_random/rng_current' 'virtio_rng*' &&
    must $name 20 'head -c 32 /dev/hwrng | wc -c' 32 &&
    must $name 20 'ls /sys/bus/virtio/drivers/virtio_balloon' '*virtio?*' &&
    must $name 20 'cat /sys/class/virtio-ports/*/name' org.test.port &&
    must $name 20 'cat /test/order > $(ls /dev/vport*)' && off $name; then
    cmp -s "$work/port" "$work/tree/test/order" && echo "ok $name" || echo "not ok $name: not all came through the port"
fi
