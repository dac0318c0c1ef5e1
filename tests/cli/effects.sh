#!/bin/bash
# SPDX-License-Identifier: MIT
# Options do what they say: what the monitor shows of the machine, what the guest sees, what is in the device tree, which
# files come to be. (What the life of the machine is made of, and gdb, is in tests/monitor; what can be wrong in options.sh.)
set -u
program=${BUILD:-build}/dragoman-system-aarch64
[ -x "$program" ] || { echo "skip effects: $program is not built"; exit 0; }
program=$(realpath -s "$program")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tests/guests/bare.sh "$tmp/report.elf" tests/guests/report.S || { echo "skip effects: the guest does not assemble"; exit 0; }
tests/guests/bare.sh "$tmp/busy.elf" tests/guests/busy.S || exit 1
cd "$tmp" || exit 2
truncate -s 1M disk.img
printf 'bios' > bios
printf 'mark' > mark
truncate -s 64M mark
mkdir folder
cp bios folder/firmware
printf 'initial' > initrd

# result NAME TEXT PATTERN: a line of the text matches
result() {
    if grep -qE -- "$3" <<< "$2"; then echo "ok $1"; else echo "not ok $1: no line $3 in: ${2:0:300}"; fi
}

# monitor NAME COMMAND PATTERN ARGUMENT...: what the command prints of a machine that has not begun
monitor() {
    local name=$1 command=$2 pattern=$3
    shift 3
    result "$name" "$(printf '%s\nquit\n' "$command" | timeout -s KILL 20 "$program" -M virt -display none -monitor stdio -S "$@" 2>&1)" \
        "$pattern"
}

# no_monitor ...: no line matches
no_monitor() {
    local out
    out=$(monitor "$@")
    case $out in "not ok $1: no line"*) echo "ok $1" ;; *) echo "not ok $1: there is a line $3" ;; esac
}

# guest NAME PATTERN ARGUMENT...: what the guest reports
guest() {
    local name=$1 pattern=$2
    shift 2
    result "$name" "$(timeout -s KILL 20 "$program" -M virt -display none -nic none -serial stdio -monitor none -kernel report.elf "$@" \
        2>&1 < /dev/null | tr -d '\r')" "$pattern"
}

# tree FILE ARGUMENT...: the machine's device tree
tree() {
    local file=$1
    shift
    timeout -s KILL 20 "$program" -M virt,dumpdtb="$file" -display none -nic none "$@" < /dev/null > /dev/null 2>&1
}

# ---- the machine
monitor m_is_the_size_of_memory 'info mtree' '0000000040000000-000000004c7fffff .*: ram' -m 200M
monitor memory_is_128_mib_unless_asked 'info mtree' '0000000040000000-0000000047ffffff .*: ram'
monitor smp_is_the_number_of_cpus 'info cpus' 'CPU #2' -smp 3
no_monitor smp_is_no_more 'info cpus' 'CPU #3' -smp 3
guest cpu_is_the_model '^processor 410fd034$' -cpu cortex-a53
monitor accel_tb_size_is_that_of_the_cache 'info jit' 'cache .* of 2048 KiB' -accel tcg,tb-size=2
no_monitor accel_engine_interp_has_no_cache 'info jit' 'cache .* KiB' -accel tcg,engine=interp
monitor machine_has_the_gic_of_its_version 'info qtree' 'gicv3' -M virt,gic-version=3
guest rtc_base_is_what_the_clock_shows '^clock 65920080$' -rtc base=2024-01-01 -icount shift=0,sleep=off
guest rtc_base_takes_a_time '^clock 659200be$' -rtc base=2024-01-01T00:01:02 -icount shift=0,sleep=off
now=$(timeout -s KILL 20 "$program" -M virt -display none -nic none -serial stdio -monitor none -kernel report.elf < /dev/null |
    sed -n 's/^clock \([0-9a-f]*\).*/\1/p')
seconds=$((16#${now:-0} - $(date +%s)))
[ ${seconds#-} -lt 30 ] && echo "ok rtc_is_utc_unless_asked" || echo "not ok rtc_is_utc_unless_asked: $now"

# ---- boot
bios='0000000000000000: 0x736f6962'
monitor bios_is_in_the_first_flash_bank 'xp/1xw 0' "$bios" -bios bios
monitor firmware_is_searched_in_the_folders_of_l 'xp/1xw 0' "$bios" -L folder -bios firmware
monitor pflash_fills_the_first_bank 'xp/1xw 0' '0x6b72616d' -pflash mark
guest drive_if_pflash_fills_the_bank_of_its_unit '^bank1 6b72616d$' -drive if=pflash,unit=1,format=raw,file=mark,readonly=on
tree plain.dtb && tree full.dtb -kernel report.elf -append 'mark=1 second' -initrd initrd
grep -q 'mark=1 second' full.dtb && echo "ok append_is_in_the_device_tree" || echo "not ok append_is_in_the_device_tree: it is not"
if grep -q 'linux,initrd-start' full.dtb && ! grep -q 'linux,initrd-start' plain.dtb; then
    echo "ok initrd_is_in_the_device_tree"
else
    echo "not ok initrd_is_in_the_device_tree: it is not"
fi
sed 's/linux,dummy-virt/linux,other-virt/g' full.dtb > other.dtb
tree given.dtb -kernel report.elf -dtb other.dtb
grep -q 'linux,other-virt' given.dtb && echo "ok dtb_takes_the_place_of_the_machines" || echo "not ok dtb_takes_the_place_of_the_machines: it does not"
tree seed1.dtb -seed 7; tree seed2.dtb -seed 7; tree seed3.dtb -seed 8
if cmp -s seed1.dtb seed2.dtb && ! cmp -s seed1.dtb seed3.dtb; then
    echo "ok seed_decides_what_is_random"
else
    echo "not ok seed_decides_what_is_random: it does not"
fi

# What the manual page says of an image without a header.
aarch64-linux-gnu-objcopy -O binary report.elf bare.bin
timeout -s KILL 20 "$program" -M virt -display none -nic none -serial stdio -monitor none -kernel bare.bin < /dev/null 2>&1 | grep -q '^processor' &&
    echo "ok kernel_without_a_header_is_run" || echo "not ok kernel_without_a_header_is_run: it is not"
timeout -s KILL 20 "$program" -M virt -display none -nic none -serial stdio -monitor none \
    -device loader,file=bare.bin,addr=0x40200000,cpu-num=0 < /dev/null 2>&1 | grep -q '^processor' &&
    echo "ok loader_runs_what_has_no_header" || echo "not ok loader_runs_what_has_no_header: it does not"

# ---- disks, network
monitor drive_is_a_disk 'info block' 'disk\.img' -drive file=disk.img,format=raw
monitor hda_is_a_disk 'info block' 'disk\.img' -hda disk.img
monitor cdrom_cannot_be_written 'info block' 'disk\.img.*(read-only|ro)' -cdrom disk.img
monitor network_is_user_unless_asked 'info network' 'type=user'
monitor model_virtio_is_the_usual_card 'info qtree' 'virtio-net-pci' -net nic,model=virtio -net user
no_monitor nic_none_is_no_card 'info qtree' 'virtio-net' -nic none
monitor net_nic_and_user_are_a_card 'info qtree' 'mac = 52:54:00:00:00:07' -net nic,macaddr=52:54:00:00:00:07 -net user
monitor set_adds_a_key 'info qtree' 'max-bytes = 4660' -device virtio-rng-pci,id=r -set device.r.max-bytes=0x1234
monitor global_is_for_devices_of_the_board 'info qtree' 'num-blocks = 128' -global driver=cfi.pflash01,property=num-blocks,value=128
no_monitor net_none_is_no_card 'info qtree' 'virtio-net' -net none
no_monitor nodefaults_is_no_card 'info qtree' 'virtio-net' -nodefaults
no_monitor nodefaults_is_no_serial_line 'info chardev' 'serial0' -nodefaults
monitor netdev_has_its_id 'info network' 'mine' -netdev user,id=mine -device virtio-net-pci,netdev=mine
monitor nic_has_its_address 'info qtree' '52:54:00:00:00:77' -nic user,mac=52:54:00:00:00:77
printf 'quit\n' | timeout -s KILL 20 "$program" -M virt -display none -monitor stdio -S -netdev user,id=n -device virtio-net-pci,netdev=n \
    -object filter-dump,id=f,netdev=n,file=dump.pcap > /dev/null 2>&1
[ "$(head -c 4 dump.pcap | od -An -tx4 | tr -d ' ')" = a1b2c3d4 ] && echo "ok filter_dump_writes_a_pcap" ||
    echo "not ok filter_dump_writes_a_pcap: $(ls -l dump.pcap 2>&1)"

# ---- devices
monitor device_is_there 'info qtree' 'virtio-rng-pci.*"mark"' -device virtio-rng-pci,id=mark
monitor device_has_its_pci_address 'info qtree' '^        function 00:05.0, class 0200 \(Ethernet controller\), id 1af4:' \
    -device virtio-net-pci,addr=5
monitor device_behind_a_port_stands_below_it 'info qtree' '^          dev: virtio-rng-pci, id "mark"' \
    -device pcie-root-port,id=port -device virtio-rng-pci,bus=port,id=mark
monitor device_has_its_window 'info qtree' '^    window 0x9000000\.\.0x9000fff'
no_monitor default_that_is_chosen_later_is_no_number 'info qtree' '4294967295|65535|18446744073709551615' \
    -device virtio-rng-pci -device virtio-net-pci -device virtio-serial-pci,id=s -device virtconsole
monitor global_is_the_default_of_a_property 'info qtree' 'serial = "?from-global' -global virtio-blk-pci.serial=from-global \
    -drive file=disk.img,format=raw,if=none,id=d -device virtio-blk-pci,drive=d

# ---- serial lines and monitor
monitor serial_has_its_back_end 'info chardev' 'serial0: null' -serial null
for append in off on; do
    echo before > log
    timeout -s KILL 20 "$program" -M virt -display none -nic none -monitor none -kernel report.elf < /dev/null > shown 2>&1 \
        -chardev stdio,id=c,logfile=log,logappend=$append -serial chardev:c
    [ $append = off ] || sed -i 1i\\before shown
    if [ -s shown ] && cmp -s shown log; then echo "ok logfile_has_what_is_written_append_$append"; else echo "not ok logfile_has_what_is_written_append_$append: $(head -2 log)"; fi
done
monitor chardev_has_its_id 'info chardev' 'mine: ' -chardev null,id=mine
timeout -s KILL 20 "$program" -M virt -display none -nic none -serial file:serial.log -monitor none -kernel report.elf < /dev/null
result serial_file_gets_what_the_guest_writes "$(tr -d '\r' < serial.log)" '^bank1 '
result mon_is_a_monitor_on_a_chardev "$(printf 'info status\nquit\n' | timeout -s KILL 20 "$program" -M virt -display none -nic none \
    -serial none -chardev stdio,id=c -mon c -S 2>&1)" 'VM status: paused'
result escape_character_is_the_one_of_echr "$(printf '\002x' | timeout -s KILL 20 "$program" -M virt -nic none \
    -nographic -echr 2 -S 2>&1)" 'terminated'

# ---- life
monitor machine_waits_with_s 'info status' 'VM status: paused'
result machine_runs_without_s "$(printf 'info status\nquit\n' | timeout -s KILL 20 "$program" -M virt -display none -nic none \
    -monitor stdio -serial null -kernel busy.elf 2>&1)" 'VM status: running'
result no_shutdown_stops_where_the_guest_powers_off "$( (sleep 1; printf 'info status\nquit\n') | timeout -s KILL 20 "$program" -M virt \
    -display none -nic none -monitor stdio -serial null -no-shutdown -kernel report.elf 2>&1)" 'VM status: paused \(shutdown\)'
(sleep 1; printf 'quit\n') | timeout -s KILL 20 "$program" -M virt -display none -nic none -monitor stdio -pidfile pid -S > /dev/null 2>&1 &
for ((i = 0; i < 100; i++)); do [ -s pid ] && break; sleep 0.05; done
kill -0 "$(cat pid)" && echo "ok pidfile_holds_the_process_number" || echo "not ok pidfile_holds_the_process_number: $(cat pid)"
wait
[ ! -e pid ] && echo "ok pidfile_is_gone_at_the_end" || echo "not ok pidfile_is_gone_at_the_end: it is there"
timeout -s KILL 20 "$program" -M virt -display none -nic none -daemonize -pidfile pid -S -serial null -monitor none < /dev/null > /dev/null
rc=$? pid=$(cat pid)
if [ $rc = 0 ] && kill "$pid"; then echo "ok daemonize_leaves_the_machine_in_the_background"
else echo "not ok daemonize_leaves_the_machine_in_the_background: exit status $rc"; fi

# gdb's port: -s is 1234, if nobody has it
perl -MIO::Socket::INET -MIPC::Open2 -e '
    $SIG{ALRM} = sub { print "not ok s_serves_gdb_on_port_1234: nobody answers\n"; exit };
    exit print "skip s_serves_gdb_on_port_1234: the port is in use\n" if IO::Socket::INET->new("127.0.0.1:1234");
    my $pid = open2(my $out, my $in, $ARGV[0], qw(-M virt -display none -nic none -monitor stdio -serial null -s -S));
    alarm 20;
    my $s;
    until ($s) {
        $s = IO::Socket::INET->new("127.0.0.1:1234");
        select undef, undef, undef, 0.02;
    }
    $s->autoflush(1);
    print $s "\$?#3f";
    read $s, my $answer, 4;
    print $answer eq "+\$T0" ? "ok" : "not ok", " s_serves_gdb_on_port_1234", $answer eq "+\$T0" ? "" : ": $answer", "\n";
    print $in "quit\n";
    close $in;
    waitpid $pid, 0;
' "$program"
