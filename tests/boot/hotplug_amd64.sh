#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# Devices that come to a running Debian kernel and go again: on the root bus of pc by ACPI, and behind a PCI Express root
# port of q35.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/steps.sh
need_seabios hotplug_amd64
need_guest hotplug_amd64
PATH=$PATH:/usr/sbin:/sbin
rm -rf "$work"
mkdir -p "$work" || exit 2
initrd_with "$work/initrd" "$work/tree" virtio_pci virtio_net virtio_blk virtio_rng e1000 || exit 2
truncate -s 16M "$work/disk.img"

# gone ID: the machine has no such device, soon
gone() {
    for _ in {1..20}; do
        monitor 'info qtree' '*'
        [[ $said == *"id \"$1\""* ]] || return
        sleep 1
    done
    failed "$name" "the device $1 is still there"
}

start() { # MACHINE OPTION...
    guest_start "$1" -M "$@" -m 512M -nographic -nic none -no-reboot -kernel "$kernel" -initrd "$work/initrd" \
        -append "console=ttyS0 rdinit=/test/init panic=-1 tsc_early_khz=1000000 tsc=reliable" \
        -monitor "unix:$work/monitor,server=on,wait=off" -drive "if=none,id=d1,format=raw,file=$work/disk.img"
    await 280 ' # ' || failed "$name" "no shell"
    must 20 'echo 1 > /proc/sys/kernel/printk'
}

disk_comes_and_goes() { # BUS
    monitor "device_add virtio-blk-pci,drive=d1,id=v1,bus=$1"
    must 60 'until [ -e /dev/vda ]; do sleep 1; done; cat /sys/block/vda/size' 32768
    must 20 'echo written by the guest > /dev/vda; sync'
    monitor "device_del v1"
    must 60 'while [ -e /dev/vda ]; do sleep 1; done'
    gone v1
    monitor "device_del v1" '*there is no device with id=v1*'
    monitor "device_add virtio-blk-pci,drive=d1,id=v2,bus=$1,serial=again"
    must 60 'until [ -e /dev/vda ]; do sleep 1; done; cat /sys/block/vda/serial' again
    must 20 'head -n 1 /dev/vda' 'written by the guest'
    monitor "device_del v2"
    gone v2
}

network_comes_and_goes() { # BUS MODEL
    monitor "netdev_add user,id=n1"
    monitor "device_add $2,netdev=n1,id=nic,bus=$1"
    must 60 'until [ -e /sys/class/net/eth0 ]; do sleep 1; done; ip link set eth0 up'
    must 60 'udhcpc -n -q -i eth0' '*10.0.2.15*'
    monitor "device_del nic"
    must 60 'while [ -e /sys/class/net/eth0 ]; do sleep 1; done'
    gone nic
    monitor 'netdev_del n1'
}

name=pc_has_a_disk_that_comes_and_goes
echo "# $name"
start pc -device virtio-rng-pci,id=r1,addr=9 -device VGA,id=screen
disk_comes_and_goes pci.0
passed

name=pc_has_network_cards_that_come_and_go
echo "# $name"
network_comes_and_goes pci.0 virtio-net-pci
network_comes_and_goes pci.0 e1000
passed

name=what_pc_began_with_can_go_too
echo "# $name"
must 20 'cat /sys/bus/pci/devices/0000:00:09.0/vendor' 0x1af4
monitor 'device_del r1'
gone r1
must 20 'while [ -e /sys/bus/pci/devices/0000:00:09.0 ]; do sleep 1; done'
passed

name=guest_ejects_by_itself
echo "# $name"
monitor "device_add virtio-rng-pci,id=r2,addr=0x1f"
must 60 'until [ -e /sys/bus/pci/slots/31/power ] && grep -q 1 /sys/bus/pci/slots/31/adapter; do sleep 1; done'
must 60 'until [ -e /sys/bus/pci/devices/0000:00:1f.0/driver ]; do sleep 1; done; echo 0 > /sys/bus/pci/slots/31/power'
gone r2
passed

name=what_cannot_come_or_go_says_why
echo "# $name"
monitor "device_del screen" "*'screen' cannot leave a machine that runs*"
monitor "device_add VGA,id=other" '*VGA cannot come to a machine that runs*'
monitor "device_add virtio-rng-pci,addr=1" '*addr=1.0 on bus pci.0 is taken by PIIX3*'
off

name=pc_without_hot_plug
echo "# $name"
start pc -global PIIX4_PM.acpi-root-pci-hotplug=off
monitor "device_add virtio-rng-pci,id=r1" "*bus 'pci.0' does not support hot plug*"
must 20 'ls /sys/bus/pci/slots | wc -l' 0
off

name=q35_has_a_disk_and_a_network_card_that_come_and_go
echo "# $name"
start q35 -device pcie-root-port,id=rp1,chassis=1,slot=1
disk_comes_and_goes rp1
network_comes_and_goes rp1 virtio-net-pci
monitor "device_add virtio-rng-pci,id=r1" "*bus 'pcie.0' does not support hot plug; a pcie-root-port*"
off
