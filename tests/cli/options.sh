#!/bin/bash
# SPDX-License-Identifier: MIT
# The command line: help wherever there are choices, and one line for each thing that can be wrong, with exit status 1 and
# nothing written.
set -u
program=${BUILD:-build}/dragoman-system-aarch64
[ -x "$program" ] || { echo "skip options: $program is not built"; exit 0; }
program=$(realpath -s "$program")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tests/guests/bare.sh "$tmp/kernel.elf" tests/guests/hello.S || { echo "skip options: the guest does not assemble"; exit 0; }
cd "$tmp" || exit 2
truncate -s 1M disk.img
truncate -s 200M large
head -c 100 kernel.elf > truncated.elf
perl -e 'print pack("a7 x9 S< S< x100", "\x7fELF\2\1\1", 2, 62)' > x86.elf
gzip -c kernel.elf | head -c 300 > truncated.gz
echo 'not a kernel' > text
echo :00000001FF > records.hex
: > empty.bin

# wrong NAME TEXT ARGUMENT...: one line on standard error that contains TEXT, status 1, no new file
wrong() {
    local name=$1 text=$2 out rc before
    shift 2
    before=$(ls)
    out=$(timeout 20 "$program" "$@" 2>&1 < /dev/null)
    rc=$?
    if [ $rc != 1 ]; then
        echo "not ok $name: exit status $rc: $out"
    elif [ "$(wc -l <<< "$out")" != 1 ]; then
        echo "not ok $name: more than a line: $out"
    elif [[ $out != "dragoman: "*"$text"* ]]; then
        echo "not ok $name: $out"
    elif [ "$(ls)" != "$before" ]; then
        echo "not ok $name: it left files behind: $(ls | tr '\n' ' ')"
    else
        echo "ok $name"
    fi
}

# shows NAME PATTERN ARGUMENT...: a line of standard output matches, status 0, nothing on standard error
shows() {
    local name=$1 pattern=$2 out rc
    shift 2
    out=$(timeout 20 "$program" "$@" 2> err < /dev/null)
    rc=$?
    if [ $rc != 0 ] || [ -s err ]; then
        echo "not ok $name: exit status $rc: $(head -1 err)"
    elif ! grep -qE -- "$pattern" <<< "$out"; then
        echo "not ok $name: no line $pattern"
    else
        echo "ok $name"
    fi
    rm -f err
}

shows version_is_told '^dragoman version [0-9.]+ ' -version
shows help_lists_options_by_section '^Boot:$' -help
shows help_takes_two_dashes '^  -kernel FILE +kernel' --help
shows manual_page_has_the_same_options '^\.B \\-kernel FILE$' -man
shows machines_are_listed '^  virt ' -M help
shows versions_of_a_machine_are_listed '^  virt-2\.6 .* virt-[0-9.]+$' -M help
shows version_of_a_machine_is_the_machine 'gic-version' -M virt-7.2,help
shows properties_of_a_machine_are_listed 'gic-version' -M virt,help
shows cpu_models_are_listed 'cortex-a57' -M virt -cpu help
shows accelerators_are_listed '^  tcg ' -accel help
shows keys_of_the_accelerator_are_listed '^  engine=jit\|interp ' -accel tcg,help
shows devices_are_listed '^  virtio-blk-pci ' -device help
shows properties_of_a_device_are_listed 'drive=' -device virtio-blk-pci,help
for d in $("$program" -device help | sed -n 's/^  \([a-z][a-z0-9.-]*\) .*/\1/p'); do
    "$program" -device "$d,help" 2>&1 | grep -E 'default: (-1|65535|4294967295|18446744073709551615)\)' | sed "s/^/$d: /"
done > sentinels
[ -s sentinels ] && echo "not ok defaults_are_what_they_mean: $(head -1 sentinels)" || echo "ok defaults_are_what_they_mean"
rm sentinels
shows number_may_have_a_word_for_its_default '^  vectors=.*default: auto' -device virtio-net-pci,help
shows keys_behind_a_cpu_model_are_listed '^  pauth-impdef ' -M virt -cpu max,help
shows keys_of_a_network_are_listed '^  hostfwd=TEXT$' -netdev user,help
shows network_cards_are_listed '^  virtio-net-pci ' -nic model=help
shows network_kinds_are_listed '^  user ' -netdev help
shows character_back_ends_are_listed '^  pty ' -chardev help
shows keys_of_a_back_end_are_listed '^  server=on\|off ' -chardev socket,help
shows objects_are_listed '^  filter-dump ' -object help
shows drive_keys_are_listed '^  readonly=on\|off ' -drive help
shows log_items_are_listed '^  in_asm ' -d help
shows rtc_keys_are_listed '^  base=TEXT ' -rtc help
shows serial_back_ends_are_listed '^  unix:PATH ' -M virt -serial help
shows monitor_back_ends_are_listed '^  stdio ' -M virt -monitor help
shows drivers_of_global_are_listed '^  virtio-blk-pci ' -global help
shows icount_keys_are_listed '^  sleep=on\|off ' -icount help

out=$("$program" 2>&1)
if [ $? = 1 ] && grep -q 'no machine is chosen' <<< "$out" && grep -q '^  virt ' <<< "$out"; then
    echo "ok no_machine_is_an_error_with_the_list"
else
    echo "not ok no_machine_is_an_error_with_the_list: $out"
fi

out=$("${program%/*}/dragoman" -M virt 2>&1)
if [ $? = 1 ] && grep -q -- '-arch NAME is missing; accepted: aarch64' <<< "$out"; then
    echo "ok architecture_is_asked_for"
else
    echo "not ok architecture_is_asked_for: $out"
fi

V='-M virt -display none -nic none'
wrong unknown_option '-kernl: unknown option; did you mean -kernel?' -kernl x
wrong argument_is_missing '-m: the argument is missing' -m
wrong unknown_architecture "did you mean 'aarch64'?" -arch arch64 -M virt
wrong blockdev_without_name 'node-name= is missing' -blockdev x
wrong unknown_machine "did you mean 'virt'?" -M vitr
wrong unknown_machine_property "did you mean 'gic-version'?" -M virt,gic-versoin=3
wrong bad_machine_property 'gic-version=7' -M virt,gic-version=7
wrong unknown_cpu "cortex-a53" $V -cpu cortex-a54
wrong unknown_cpu_feature "pauth" $V -cpu max,paut=off
wrong other_accelerator 'accepted: tcg' $V -accel kvm
wrong unknown_accelerator_key "did you mean 'thread'?" $V -accel tcg,thred=multi
wrong interpreter_has_no_statistics 'engine=interp has nothing to measure' $V -accel tcg,engine=interp,stats=on
wrong bad_thread_choice 'accepted: single, multi' $V -accel tcg,thread=two
wrong bad_memory_size "-m 1X: size: '1X' is not a size" $V -m 1X
wrong more_memory_than_the_host '-m' $V -m 90T
wrong version_of_a_machine_that_was_never 'there is no such machine; accepted: virt' -M virt-10.9 -display none
wrong no_size_of_memory '-m : a size is missing' $V -m ''
wrong image_that_is_a_disk_already 'disk.img is the image of -drive file=disk.img,format=raw already' $V \
    -drive file=disk.img,format=raw -drive file=./disk.img,format=raw
wrong transports_are_used_up 'no free transport for virtio-rng-device: all 32 have a device' $V \
    $(for i in {1..33}; do echo -device virtio-rng-device; done)
wrong no_cpus '-smp 0: cpus: at least 1' $V -smp 0
wrong too_many_cpus 'at most' $V -smp 100000
wrong topology_that_does_not_fit 'are not 4 CPUs' $V -smp 4,sockets=3
wrong kernel_is_missing '-kernel nothing: No such file' $V -kernel nothing
wrong kernel_is_hexadecimal_text 'an Intel HEX file' $V -kernel records.hex
wrong kernel_is_empty 'empty' $V -kernel empty.bin
wrong kernel_is_truncated 'truncated.elf: the ELF file is truncated' $V -kernel truncated.elf
wrong compressed_kernel_is_truncated 'truncated' $V -kernel truncated.gz
wrong kernel_is_foreign 'an ELF file for x86-64, not for AArch64' $V -kernel x86.elf
wrong initrd_is_missing '-initrd nothing: No such file' $V -kernel kernel.elf -initrd nothing
wrong initrd_does_not_fit 'do not fit into 128 MiB of memory' $V -kernel kernel.elf -initrd large
wrong device_tree_is_no_tree '-dtb text: ' $V -kernel kernel.elf -dtb text
wrong device_tree_is_missing '-dtb nothing: No such file' $V -kernel kernel.elf -dtb nothing
wrong flash_image_is_too_short 'disk.img: the flash has 67108864 bytes' $V -pflash disk.img
wrong disk_is_a_folder 'Is a directory' $V -drive file=/,format=raw
wrong initrd_without_kernel 'only with -kernel' $V -initrd text
wrong device_tree_does_not_parse 'text' $V -kernel text -dtb text
wrong firmware_is_not_installed 'package qemu-efi-aarch64' $V -bios nowhere/QEMU_EFI.fd
wrong disk_is_missing 'nothing: No such file' $V -drive file=nothing
wrong disk_without_file 'file= is missing' $V -drive if=none
wrong unknown_drive_key "did you mean 'format'?" $V -drive file=disk.img,fromat=raw
wrong unknown_format 'qcow9' $V -drive file=disk.img,format=qcow9
wrong unknown_interface 'accepted: default, none, virtio, pflash' $V -drive file=disk.img,if=ieee
wrong interface_of_other_machines 'machine type does not support if=ide' $V -drive file=disk.img,if=ide
wrong bad_cache_mode 'cache=foo: accepted are writeback' $V -drive file=disk.img,cache=foo,if=none
wrong bad_switch_of_a_drive "'on' or 'off'" $V -drive if=none,readonly=maybe,file=disk.img,id=a
wrong no_such_flash_bank 'no such flash bank' $V -drive if=pflash,unit=2,file=disk.img,format=raw
wrong unknown_property_of_many 'lists them' $V -device virtio-blk-pci,zzzzzz=x
wrong pauth_of_a_model_without_it 'no pointer authentication' $V -cpu cortex-a53,pauth=on
wrong topology_level_that_is_not_there '1 is accepted' $V -smp 4,dies=2
wrong topology_of_too_few_cpus '4 CPUs are more than maxcpus=2' $V -smp 4,maxcpus=2
wrong drive_id_twice "the id 'a' is taken" $V -drive file=disk.img,id=a,if=none -drive file=disk.img,id=a,if=none
wrong disk_is_locked 'disk.img' $V -drive file=disk.img,format=raw -drive file=disk.img,format=raw
wrong unknown_device "did you mean 'virtio-blk-pci'?" $V -device virtio-blk-pc
wrong unknown_property 'no property' $V -device virtio-blk-pci,drve=x -serial file:serial.log
wrong device_without_drive 'no -drive with id=x' $V -device virtio-blk-pci,drive=x
wrong device_on_a_bus_that_is_not_there "there is no bus 'pci.9'; accepted: pcie.0" $V -device virtio-rng-pci,bus=pci.9
wrong device_of_the_board 'cannot be added' $V -device pl011
wrong unknown_netdev_kind "did you mean 'user'?" $V -netdev usr,id=n
wrong netdev_without_id 'the id is missing' $V -netdev user
wrong bad_port_forwarding 'hostfwd' $V -nic user,hostfwd=tcp:x
wrong unknown_nic_key 'model' $V -nic user,modle=virtio-net-pci
wrong unknown_object 'filter-dump' $V -object filter-dmp,id=f
wrong guestfwd_to_no_back_end 'there is no -chardev with id=x' $V -netdev user,id=n,guestfwd=tcp:10.0.2.9:99-chardev:x
wrong guestfwd_to_nobody 'Connection refused' $V -netdev user,id=n,guestfwd=tcp:10.0.2.9:99-tcp:127.0.0.1:1
wrong guestfwd_to_nothing 'chardev:ID and what else -serial takes, are accepted' $V -netdev user,id=n,guestfwd=tcp:10.0.2.9:99
wrong guestfwd_twice 'the port is taken' $V -chardev null,id=x,mux=on -netdev user,id=n,guestfwd=tcp:10.0.2.9:99-chardev:x,guestfwd=tcp:10.0.2.9:99-chardev:x
wrong bridge_helper_that_gives_nothing 'it gave no interface in the bridge br0' $V -netdev bridge,id=n,helper=/bin/false
wrong dump_of_no_network 'no -netdev with id=n' $V -object filter-dump,id=f,netdev=n,file=x.pcap
wrong bad_serial 'not a back end' $V -serial stdoi
wrong no_window 'no window' $V -serial vc
wrong two_users_of_the_terminal 'have a user already' $V -serial stdio -monitor stdio
wrong no_such_chardev 'no -chardev with id=c' $V -serial chardev:c
wrong chardev_without_id 'id= is missing' $V -chardev null
wrong port_out_of_range 'ports go from 0 to 65535' $V -serial tcp::99999,server=on,wait=off
wrong bad_log_item "did you mean 'in_asm'" $V -d in_asn
wrong bad_log_filter '-dfilter' $V -d in_asm -dfilter x..y
wrong log_file_cannot_be_written '-D nowhere/log' $V -D nowhere/log
wrong bad_icount 'is not one of 0 to 10, auto' $V -icount shift=11
wrong icount_auto_with_stop 'stop= needs a fixed shift' $V -icount shift=auto,stop=5
wrong icount_with_a_thread_each 'thread=multi' $V -accel tcg,thread=multi -icount shift=1
wrong bad_seed '-seed' $V -seed x
wrong bad_date '2026-01-31T12:00:00' $V -rtc base=yesterday
wrong bad_uuid 'xxxxxxxx-xxxx' $V -uuid 12
wrong numa_memory_is_not_all '134217728' $V -numa node,mem=64M
wrong numa_node_is_missing 'node 0 is missing' $V -numa node,mem=128M,nodeid=1
wrong numa_node_is_large 'from 0 to 127' $V -numa node,mem=128M,nodeid=128
wrong numa_node_twice 'a node 0 already' $V -numa node,mem=128M,nodeid=0 -numa node,nodeid=0
wrong numa_kind 'node, cpu, dist' $V -numa nodes,mem=128M
wrong numa_cpu_is_absent 'CPUs 0 to 0' $V -numa node,mem=128M,cpus=1
wrong numa_cpus_are_no_range 'FIRST or FIRST-LAST' $V -numa node,mem=128M,cpus=1-
wrong numa_cpu_is_in_another 'in node 0 already' $V -smp 2 -numa node,mem=128M,cpus=0-1 -numa node,cpus=1
wrong numa_cpu_has_no_node 'no -numa node with nodeid=1' $V -numa node,mem=128M -numa cpu,node-id=1
wrong numa_no_such_cpu 'no such CPU' $V -numa node,mem=128M -numa cpu,node-id=0,core-id=3
wrong numa_distance_is_near 'from 10 to 255' $V -numa node,mem=128M -numa node -numa dist,src=0,dst=1,val=9
wrong numa_distance_is_missing 'dist,src=1,dst=2' $V -numa node,mem=128M -numa node -numa node -numa dist,src=0,dst=1,val=20 -numa dist,src=0,dst=2,val=20
wrong numa_distance_to_itself 'to itself is 10' $V -numa node,mem=128M -numa dist,src=0,dst=0,val=11
wrong numa_hmat_is_off 'hmat=on' $V -numa node,mem=128M -numa hmat-cache,node-id=0,size=1K,level=1
wrong numa_hmat_without_nodes 'only with -numa node' -M virt,hmat=on -display none
wrong numa_bandwidth_as_latency 'goes with latency=' -M virt,hmat=on -display none -numa node,mem=128M -numa hmat-lb,initiator=0,target=0,bandwidth=1M
wrong numa_initiator_has_no_cpu 'must name a node with CPUs' -M virt,hmat=on -display none -numa node,mem=128M,cpus=0 -numa node,initiator=1
wrong numa_memdev_is_not_there 'memory-backend-ram with id=x' $V -numa node,memdev=x
wrong boot_order_of_no_disk "'z' is no letter from a to p" $V -boot order=cz
wrong boot_order_twice "'c' is given twice" $V -boot cc
wrong boot_splash_time 'from 0 to 65535' $V -boot menu=on,splash-time=99999
wrong boot_splash_is_no_picture 'neither a JPEG nor a BMP' $V -boot splash=/dev/null
wrong fw_cfg_without_contents 'one of file, string and gen_id' $V -fw_cfg opt/a
wrong fw_cfg_with_two_contents 'one of file, string and gen_id' $V -fw_cfg opt/a,string=b,file=c
wrong fw_cfg_file_is_not_there 'nowhere' $V -fw_cfg opt/a,file=nowhere
wrong fw_cfg_name_is_long 'at most 55' $V -fw_cfg opt/0123456789012345678901234567890123456789012345678901234567,string=b
wrong fw_cfg_name_twice 'of that name already' $V -fw_cfg opt/a,string=b -fw_cfg opt/a,string=c
wrong fw_cfg_of_an_object 'no -object with id=o' $V -fw_cfg opt/a,gen_id=o
wrong acpitable_without_data 'one of file and data' $V -acpitable sig=ABCD
wrong acpitable_signature 'a signature has 4' $V -acpitable sig=ABCDE,data=/dev/null
wrong acpitable_file_is_short 'at least 36' $V -acpitable file=/dev/null
wrong acpitable_oem_id_is_long 'more than 6' $V -acpitable oem_id=1234567,data=/dev/null
wrong smbios_type_that_is_not_built 'accepted: 0, 1, 2' $V -smbios type=5,x=y
wrong smbios_key_of_no_type 'manufacturer' $V -smbios type=1,manufaturer=x
wrong smbios_without_type 'type=N or file=FILE' $V -smbios manufacturer=x
wrong smbios_uuid '8-4-4-4-12' $V -smbios type=1,uuid=1
wrong smbios_release 'the form is N.N' $V -smbios type=0,release=4
wrong smbios_number_is_large 'at most 255' $V -smbios type=9,slot_type=256
wrong smbios_file_is_no_structure 'not one structure' $V -smbios file=/dev/null
wrong smbios_device_is_not_there 'no PCI device with id=x' $V -smbios type=41,pcidev=x
wrong bootindex_twice 'have the same' $V -device virtio-net-pci,bootindex=1 -device virtio-net-pci,bootindex=1
wrong bootindex_is_negative '2147483647, or -1' $V -device virtio-net-pci,bootindex=-2
wrong bad_watchdog_action "accepted: reset, shutdown" $V -watchdog-action bite
wrong pci_bridge_without_chassis 'chassis_nr is missing' $V -device pci-bridge
wrong vmcoreinfo_twice "has one already" $V -device vmcoreinfo -device vmcoreinfo
wrong pvpanic_event "at most 7" $V -device pvpanic-pci,events=8
wrong bad_action 'accepted: reset, shutdown' $V -action reboot=never
wrong bad_global 'the form is DRIVER.PROPERTY=VALUE' $V -global x
wrong global_of_no_property "has no property 'foo'" $V -global virtio-mmio.foo=1
wrong global_of_no_value 'force-legacy=maybe' $V -global virtio-mmio.force-legacy=maybe
wrong global_of_a_family_without_it "has no property 'foo'" $V -global virtio-pci.foo=1
wrong global_of_no_cpu_feature 'foo' $V -cpu cortex-a57 -global cortex-a57-arm-cpu.foo=off
wrong json_key_is_unknown "has no property 'colour'" $V -device '{"driver":"virtio-rng-pci","colour":"red"}'
wrong display_is_refused '-display gtk' -M virt -display gtk

# a port that another process has
perl -MIO::Socket::INET -e '
    my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 0, Listen => 1) or die;
    my $port = $s->sockport;
    my $out = `timeout 20 $ARGV[0] -M virt -nic none -display none -gdb tcp:127.0.0.1:$port 2>&1 < /dev/null`;
    my $ok = $? >> 8 == 1 && $out =~ /^[^\n]*Address already in use\n$/;
    print $ok ? "ok port_in_use\n" : "not ok port_in_use: $out\n";
' "$program"

# ---- standard input and output that are closed
for closed in '0<&-' '1>&-'; do
    what=input
    [ "$closed" = '0<&-' ] || what=output
    out=$(eval "timeout 20 \"\$program\" -M virt -nographic 2> err $closed"; echo "status $?")
    if [ "${out##*$'\n'}" = 'status 1' ] && [ "$(wc -l < err)" = 1 ] && grep -q "standard $what is closed" err; then
        echo "ok closed_${what}_is_told_of"
    else
        echo "not ok closed_${what}_is_told_of: $out: $(head -1 err)"
    fi
done
