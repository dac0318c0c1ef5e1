#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# Devices that come to a running Debian kernel and go again: through PCI Express root ports, with a network, a disk that
# keeps what was written, and the same back ends for the next device.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/steps.sh
need_guest hotplug_arm64
PATH=$PATH:/usr/sbin:/sbin
rm -rf "$work"
mkdir -p "$work" || exit 2
initrd_with "$work/initrd" "$work/tree" virtio_pci virtio_net virtio_blk virtio_rng virtio_console qemu_fw_cfg gpio_keys evdev || exit 2
truncate -s 16M "$work/disk.img"

# gone ID: the machine has no such device, soon
gone() {
    for _ in 1 2 3 4 5; do
        monitor 'info qtree' '*'
        [[ $said == *"id \"$1\""* ]] || return
        sleep 1
    done
    failed "$name" "the device $1 is still there"
}

# power 0|1: the guest has switched the slot off or on, soon
power() {
    must 60 "until [ \"\$(cat /sys/bus/pci/slots/1/power)\" = $1 ]; do sleep 1; done"
}

name=a_device_comes_to_an_empty_slot
echo "# $name"
guest_start hotplug -M virt -cpu max,pauth=off -m 512M -nographic -nic none -kernel "$kernel" -initrd "$work/initrd" \
    -append "console=ttyAMA0 rdinit=/test/init" -monitor "unix:$work/monitor,server=on,wait=off" \
    -device pcie-root-port,id=rp1,chassis=1,slot=1 -device pcie-root-port,id=rp2,chassis=2,slot=2,hotplug=off \
    -drive "if=none,id=d1,format=raw,file=$work/disk.img" -chardev "file,id=c1,path=$work/port"
await 120 ' # ' || failed $name "no shell"
must 20 'echo 1 > /proc/sys/kernel/printk; ls /sys/bus/pci/slots' '*1*'
monitor "device_add virtio-blk-pci,drive=d1,id=v1,bus=rp1"
must 60 'until [ -e /dev/vda ]; do sleep 1; done; cat /sys/block/vda/size' 32768
must 20 'echo written by the guest > /dev/vda; sync'
monitor 'info pci' '*Bus  1, device   0*SCSI controller*id "v1"*'
passed

name=it_goes_when_the_guest_lets_go_and_its_disk_is_free_again
echo "# $name"
monitor "device_add virtio-rng-pci,bus=rp1,addr=0" '*taken by virtio-blk-pci*'
monitor "device_del v1"
must 60 'while [ -e /dev/vda ]; do sleep 1; done'
must 20 'while grep -q 1 /sys/bus/pci/slots/1/adapter; do sleep 1; done'
gone v1
monitor "device_del v1" '*there is no device with id=v1*'
monitor "device_add virtio-blk-pci,drive=d1,id=v2,bus=rp1,serial=again"
must 60 'until [ -e /dev/vda ]; do sleep 1; done; cat /sys/block/vda/serial' again
must 20 'head -n 1 /dev/vda' 'written by the guest'
passed

name=what_failed_to_come_has_taken_nothing
echo "# $name"
monitor "device_del v2"
must 60 'while [ -e /dev/vda ]; do sleep 1; done'
gone v2
monitor "device_add virtio-blk-pci,drive=d1,id=v3,bus=rp1,queue-size=3" '*queue-size*'
monitor "device_add virtio-blk-pci,drive=d1,id=v2,bus=rp1"
must 60 'until [ -e /dev/vda ]; do sleep 1; done'
passed

name=a_network_comes_and_works
echo "# $name"
must 20 'echo 0 > /sys/bus/pci/slots/1/power'
gone v2
monitor "netdev_add user,id=n1"
monitor "device_add virtio-net-pci,netdev=n1,id=nic,bus=rp1"
must 60 'until [ -e /sys/class/net/eth0 ]; do sleep 1; done; ip link set eth0 up'
must 60 'udhcpc -n -q -i eth0' '*10.0.2.15*'
monitor "netdev_del n1" '*has a device*'
monitor "device_del nic"
must 60 'while [ -e /sys/class/net/eth0 ]; do sleep 1; done'
for try in 1 2 3 4 5 6 7 8 9 10; do
    monitor 'netdev_del n1' '*'
    [ -n "$said" ] || break
    sleep 1
done
[ -z "$said" ] || failed $name "netdev_del: $said"
passed

name=devices_behind_one_that_goes_go_with_it
echo "# $name"
power 0
monitor "device_add pcie-pci-bridge,id=bridge,bus=rp1"
power 1
monitor "device_del bridge"
power 0
gone bridge
passed

name=a_port_comes_carries_bytes_and_goes
echo "# $name"
monitor "device_add virtio-serial-pci,id=vs,bus=rp1"
power 1
monitor "device_add virtserialport,bus=vs.0,chardev=c1,id=port1,name=org.test.late"
must 60 'until grep -q org.test.late /sys/class/virtio-ports/*/name; do sleep 1; done'
must 20 'echo through the port > /dev/$(ls /sys/class/virtio-ports)'
[ "$(cat "$work/port")" = 'through the port' ] || failed $name "not all came through the port"
monitor "device_del port1"
must 60 'while ls /sys/class/virtio-ports/* > /dev/null 2>&1; do sleep 1; done'
gone port1
monitor "device_add virtserialport,bus=vs.0,chardev=c1,id=port2"
must 60 'until ls /sys/class/virtio-ports/* > /dev/null 2>&1; do sleep 1; done'
monitor "device_del vs"
power 0
gone vs
passed

name=firmware_is_told_in_which_order_to_boot_what_came
echo "# $name"
order='rmmod qemu_fw_cfg; insmod /test/qemu_fw_cfg.ko; tr -d "\0" < /sys/firmware/qemu_fw_cfg/by_name/bootorder/raw'
monitor "device_add virtio-blk-pci,drive=d1,id=v4,bus=rp1,bootindex=3"
power 1
must 60 "$order" '*/pci-bridge@*/scsi@0/disk@0,0'
monitor "device_del v4"
power 0
gone v4
must 60 "$order" ''
passed

name=the_power_button_is_a_key_of_the_device_tree
echo "# $name"
must 20 '(head -c 24 /dev/input/event0 > /tmp/key) & cat /sys/class/input/event0/device/name' gpio-keys
monitor system_powerdown
must 60 'until [ -s /tmp/key ]; do sleep 1; done; tail -c 8 /tmp/key > /tmp/event'
must 20 'printf "\001\000\164\000\001\000\000\000" | cmp - /tmp/event' # EV_KEY, KEY_POWER, pressed
passed

name=what_cannot_come_says_why
echo "# $name"
monitor "device_add virtio-rng-pci,id=r1" "*bus 'pcie.0' does not support hot plug; a pcie-root-port*"
monitor "device_add virtio-rng-pci,id=r1,bus=rp2" "*bus 'rp2' does not support hot plug*"
monitor "device_add virtio-rng-pci,id=r1,bus=rp9" "*there is no bus 'rp9'*"
monitor "device_add nonsense,bus=rp1" "*there is no device 'nonsense'*"
monitor "device_add virtio-rng-pci,bus=rp1,color=red" "*color*"
monitor "device_add virtio-rng-device,id=r1" '*does not support hot plug*'
monitor "device_del rp1" "*bus 'pcie.0' does not support hot plug*"
off
