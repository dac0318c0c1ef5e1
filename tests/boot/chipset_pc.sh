#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# Linux on pc and q35 finds the chipset's devices and uses them: keyboard and mouse, HPET, SMBus, e1000, the watchdog, the
# parallel port, the generation identifier.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/server.sh
. tests/support/steps.sh
need_seabios chipset_pc
need_guest chipset_pc
PATH=$PATH:/usr/sbin:/sbin
rm -rf "$work"
mkdir -p "$work/served" || exit 2
mkdir -p "$work/tree/test" || exit 2
cp "$(find "$modules" -name iTCO_wdt.ko)" "$work/tree/test/" || exit 2 # loaded when it is its turn
initrd_with "$work/initrd" "$work/tree" evdev psmouse e1000 i2c_i801 i2c_piix4 parport_pc lp lpc_ich iTCO_vendor_support \
    intel_pmc_bxt watchdog || exit 2
head -c 3000000 /dev/urandom > "$work/served/data"
sum=$(sha256sum < "$work/served/data" | cut -c1-64)
serve "$work/served"
trap 'kill $server_pid' EXIT

start() { # MACHINE OPTION...
    guest_start "$1" -M "$@" -m 512M -nographic -no-reboot -kernel "$kernel" -initrd "$work/initrd" \
        -append "console=ttyS0 rdinit=/test/init panic=-1 tsc_early_khz=1000000 tsc=reliable" \
        -nic user,id=net0,model=e1000 -monitor "unix:$work/monitor,server=on,wait=off" \
        -parallel "file:$work/printed" -debugcon "file:$work/$1.debug" -global isa-debugcon.iobase=0x402 \
        -device vmgenid -device pvpanic
    await 280 ' # ' || failed "$name" "no shell"
    grep -q '^SeaBIOS (version' "$work/$1.debug" || failed "$name" "firmware's messages are not in its log"
    must 20 'echo 1 > /proc/sys/kernel/printk'
    must 20 'ls -d /sys/bus/acpi/drivers/vmgenid/QEMUVGID:00 /sys/bus/platform/devices/QEMU0001:00'
}

# listen FILE: what a connection to port $sink_port of this host brings goes there, until $sink_pid ends
listen() {
    exec {sink}< <(exec perl -MIO::Socket::INET -e '
        $| = 1;
        my $listen = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:0") or die "listen: $!";
        print $listen->sockport, "\n";
        my $c = $listen->accept;
        open(my $f, ">:raw", $ARGV[0]) or die "$ARGV[0]: $!";
        print $f $_ while <$c>;' "$1")
    sink_pid=$!
    read -r sink_port <&"$sink"
}

# events DEVICE COMMAND PATTERN: the first three events of the device after that command of the monitor, as type, code and value
events() {
    local file=$work/events
    must 20 "for h in /sys/class/input/event*; do case \$(cat \$h/device/name) in $1) echo \${h##*/};; esac; done" 'event*'
    listen "$file"
    must 20 "(head -c 72 /dev/input/${answer%%[!a-z0-9]*} | nc 10.0.2.2 $sink_port) & sleep 1"
    monitor "$2"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 $sink_pid 2> /dev/null || break
        sleep 1
    done
    answer=$(od -An -v -w24 -tx2 "$file" 2> /dev/null | awk '{ print $9, $10, $11 $12 }' | tr '\n' ' ')
    [[ $answer == $3 ]] || failed "$name" "$2: $answer"
}

people() {
    events 'AT*keyboard' 'sendkey a' '*0001 001e 00010000*'
    events '*Mouse' 'mouse_move 5 -3' '*0002 0000 00050000 0002 0001 fffdffff*'
}

network() {
    must 20 'ip link set eth0 up'
    must 60 'udhcpc -n -q -i eth0' '*10.0.2.15*'
    must 60 "wget -q -O /data http://10.0.2.2:$port/data; sha256sum < /data" "*$sum*"
}

clocks() {
    must 20 'cat /sys/devices/system/clocksource/clocksource0/available_clocksource' '*hpet acpi_pm*'
    for clock in hpet acpi_pm; do
        must 20 "echo $clock > /sys/devices/system/clocksource/clocksource0/current_clocksource; sleep 1; cat /sys/devices/system/clocksource/clocksource0/current_clocksource" $clock
    done
}

printer() {
    must 20 'echo to paper > /dev/lp0; sleep 1; cat /proc/sys/dev/parport/parport0/base-addr' '888*'
    [ "$(cat "$work/printed")" = 'to paper' ] || failed "$name" "what was printed is other: $(head -c 50 "$work/printed")"
}

name=pc_has_its_chipset
echo "# $name"
start pc
network
people
clocks
printer
must 20 'cat /sys/class/i2c-adapter/*/name' '*PIIX4*'
off

name=q35_has_its_chipset
echo "# $name"
start q35
network
people
clocks
printer
must 20 'cat /sys/class/i2c-adapter/*/name' '*I801*'
passed

name=the_watchdog_of_q35_ends_a_guest_that_hangs
echo "# $name"
must 20 'insmod /test/iTCO_wdt.ko heartbeat=4; cat /sys/class/watchdog/watchdog0/identity' 'iTCO_wdt*'
say 'echo x > /dev/watchdog; exec sleep 1000'
guest_end 120
[ "$status" = 0 ] && echo "ok $name" || echo "not ok $name: exit status $status"
