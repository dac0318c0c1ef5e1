#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# Linux's e1000 driver: what was fetched from a server of this host, and what was sent to it in large packets, is whole.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/server.sh
. tests/support/steps.sh
need_guest e1000_arm64
PATH=$PATH:/usr/sbin:/sbin
rm -rf "$work"
mkdir -p "$work/served" || exit 2
initrd_with "$work/initrd" "$work/tree" e1000 || exit 2
head -c 8000000 /dev/urandom > "$work/served/data"
sum=$(sha256sum < "$work/served/data" | cut -c1-64)

serve "$work/served"
trap 'kill $server_pid' EXIT

name=the_driver_finds_the_card_and_an_address
echo "# $name"
guest_start e1000 -M virt -cpu max,pauth=off -m 512M -nographic -kernel "$kernel" -initrd "$work/initrd" \
    -append "console=ttyAMA0 rdinit=/test/init" -nic user,id=net0,model=e1000,mac=52:54:00:aa:bb:cc \
    -monitor "unix:$work/monitor,server=on,wait=off"
await 120 ' # ' || failed $name "no shell"
must 20 'echo 1 > /proc/sys/kernel/printk; cat /sys/class/net/eth0/address' '52:54:00:aa:bb:cc*'
must 20 'ip link set eth0 up'
must 60 'udhcpc -n -q -i eth0' '*10.0.2.15*'
must 20 'cat /sys/class/net/eth0/speed' '1000*'
passed

name=files_are_fetched_whole
echo "# $name"
must 60 "wget -q -O /data http://10.0.2.2:$port/data"
must 60 'sha256sum < /data' "*$sum*"
passed

name=large_packets_are_cut_and_arrive
echo "# $name"
exec {sink}< <(exec perl -MIO::Socket::INET -MDigest::SHA -e '
    $| = 1;
    my $listen = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:0") or die "listen: $!";
    print $listen->sockport, "\n";
    print Digest::SHA->new(256)->addfile($listen->accept)->hexdigest, "\n";')
sink_pid=$!
trap 'kill $server_pid $sink_pid 2> /dev/null' EXIT
read -r sink_port <&"$sink"
must 60 "nc 10.0.2.2 $sink_port < /data"
read -t 60 -r got <&"$sink"
[ "$got" = "$sum" ] || failed $name "what arrived is other than what was sent"
passed

name=the_link_goes_and_comes
echo "# $name"
monitor 'set_link net0 off'
must 20 'until [ "$(cat /sys/class/net/eth0/carrier)" = 0 ]; do sleep 1; done'
monitor 'set_link net0 on'
must 20 'until [ "$(cat /sys/class/net/eth0/carrier)" = 1 ]; do sleep 1; done'
must 60 "wget -q -O /data http://10.0.2.2:$port/data; sha256sum < /data" "*$sum*"
off
