#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 300
# What the machine tells firmware through fw_cfg, read by a guest: ACPI tables, which iasl takes to pieces and puts
# together again without a complaint, and which are QEMU 10's but for what acpi_differences lists; SMBIOS; files.
set -u
program=${BUILD:-build}/dragoman-system-aarch64
qemu=${DRAGOMAN_CACHE:-${BUILD:-build}/cache}/qemu10/bin/qemu-system-aarch64
[ -x "$program" ] || { echo "skip firmware: $program is not built"; exit 0; }
program=$(realpath -s "$program")
here=$PWD
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tests/guests/bare.sh "$tmp/fw_cfg.elf" tests/guests/fw_cfg.S || { echo "skip firmware: the guest does not assemble"; exit 0; }
aarch64-linux-gnu-objcopy -O binary "$tmp/fw_cfg.elf" "$tmp/fw_cfg.bin" || exit 1
[ -x "$qemu" ] || echo "skip tables_are_those_of_qemu: no QEMU 10 in the cache (make oracle)"
cd "$tmp" || exit 2

# ask EMULATOR FOLDER OPTION...: what the guest finds there, in files; it is firmware if there is -bios
ask() {
    local emulator=$1 folder=$2 start=(-device loader,file=fw_cfg.elf,cpu-num=0)
    shift 2
    case " $* " in *' -bios '*) start=() ;; esac
    mkdir -p "$folder"
    timeout -s KILL 60 "$emulator" -nographic "${start[@]}" "$@" < /dev/null > "$folder/console" 2> "$folder/errors" &&
        perl "$here/tests/support/firmware.pl" "$folder" < "$folder/console" > "$folder/signatures"
}

# verdict NAME TROUBLE
verdict() { if [ -z "$2" ]; then echo "ok $1"; else echo "not ok $1: ${2:0:300}"; fi; }

# decompile FOLDER: NAME.asl for each NAME.aml, without the head that tells of file and time
decompile() {
    local t
    for t in "$1"/*.aml; do
        (cd "$1" && iasl -d "$(basename "$t")") > "$1/iasl" 2>&1
        sed -n '/^\[024h/,/^Raw Table/p; /^DefinitionBlock/,$p' "${t%.aml}.dsl" > "${t%.aml}.asl"
    done
}

# The field that IORT's third revision calls an identifier, this iasl takes for reserved, and warns.
clean() {
    case $1 in
    iort) grep -q ' 0 Errors, [01] Warnings' "$2" ;;
    *) grep -q ' 0 Errors, 0 Warnings' "$2" ;;
    esac
}

# tables MACHINE SIGNATURES OPTION...: ours and theirs are what only one of the two is given
ours=() theirs=()
tables() {
    local machine=$1 expected=$2 wrong='' t name reason
    shift 2
    ask "$program" "$machine" "$@" "${ours[@]}"
    [ "$(cat "$machine/signatures")" = "$expected" ] || wrong="$(cat "$machine/signatures" "$machine/errors")"
    verdict "acpi_${machine}_has_its_tables" "$wrong"
    decompile "$machine"
    wrong=
    for t in "$machine"/*.aml; do
        name=$(basename "$t" .aml)
        [ "$name" != xsdt ] || continue # offsets in place of addresses are no matter of the language
        (cd "$machine" && iasl -p "again_$name" "$name.dsl") > "$machine/iasl" 2>&1
        clean "$name" "$machine/iasl" || wrong="$wrong $name: $(grep -E 'Error|Warning' "$machine/iasl" | head -1)"
    done
    verdict "acpi_${machine}_is_clean_in_iasl" "$wrong"

    [ -x "$qemu" ] || return
    wrong=
    ask "$qemu" "qemu_$machine" "$@" "${theirs[@]}"
    decompile "qemu_$machine"
    [ "$(cat "qemu_$machine/signatures")" = "$expected" ] || wrong="QEMU has $(cat "qemu_$machine/signatures")"
    for t in "qemu_$machine"/*.asl; do
        name=$(basename "$t" .asl)
        [ "$name" != xsdt ] || continue
        reason=$(sed -n "s/^$machine $name //p" "$here/tests/cli/acpi_differences")
        if cmp -s "$t" "$machine/$name.asl"; then
            [ -z "$reason" ] || wrong="$wrong $name is equal, but stands in acpi_differences"
        elif [ -z "$reason" ]; then
            wrong="$wrong $name: $(diff "$t" "$machine/$name.asl" | head -4 | tr '\n' ' ')"
        fi
    done
    verdict "acpi_${machine}_is_that_of_qemu" "$wrong"
}

usual='APIC DBG2 DSDT FACP GTDT IORT MCFG PPTT SPCR XSDT'
tables gicv2 "$usual" -M virt -cpu max
tables gicv3 "$usual" -M virt,gic-version=3 -cpu max -smp 4 -bios fw_cfg.bin
tables topology "$usual" -M virt,gic-version=3,acpi=on -cpu max -smp 8,sockets=2,clusters=2,cores=1,threads=2
tables many "$usual" -M virt,gic-version=3 -cpu max -smp 130
tables low "$usual" -M virt,gic-version=2,highmem=off -cpu cortex-a57 -smp 2
tables no_its "$usual" -M virt,gic-version=3,its=off,x-oem-id=OURS,x-oem-table-id=VIRT -cpu max -nic none

# QEMU's virt has the memory of nodes from objects only.
nodes=(node,nodeid=0,cpus=0-1 node,nodeid=1,cpus=2-3)
ours=(-numa "${nodes[0]},mem=256M" -numa "${nodes[1]},mem=256M")
theirs=(-object memory-backend-ram,id=m0,size=256M -object memory-backend-ram,id=m1,size=256M
    -numa "${nodes[0]},memdev=m0" -numa "${nodes[1]},memdev=m1")
dist=(-numa dist,src=0,dst=1,val=20)
ours+=("${dist[@]}") theirs+=("${dist[@]}")
tables numa "${usual/SPCR/SLIT SPCR SRAT}" -M virt,gic-version=3 -cpu max -smp 4 -m 512

hmat=()
for pair in 00:5:200M 01:10:100M 10:10:100M 11:5:200M; do
    IFS=: read -r path ns bandwidth <<< "$pair"
    path=initiator=${path:0:1},target=${path:1},hierarchy=memory
    hmat+=(-numa "hmat-lb,$path,data-type=access-latency,latency=$ns")
    hmat+=(-numa "hmat-lb,$path,data-type=access-bandwidth,bandwidth=$bandwidth")
done
hmat+=(-numa hmat-cache,node-id=0,size=10K,level=1,associativity=direct,policy=write-back,line=8)
ours=("${ours[@]:0:4}" "${hmat[@]}") theirs=("${theirs[@]:0:8}" "${hmat[@]}")
with=${usual/GTDT/GTDT HMAT}
tables hmat "${with/SPCR/SPCR SRAT}" -M virt,gic-version=3,hmat=on -cpu max -smp 4 -m 512
ours=() theirs=()

ask "$program" off -M virt,acpi=off
verdict acpi_off_has_no_tables "$(cd off && ls -d etc_acpi* etc_table* 2> /dev/null)"

# ---- -acpitable
printf 'some data' > data
ask "$program" added -M virt -acpitable sig=OEM1,rev=3,oem_id=us,oem_table_id=ours,oem_rev=7,asl_compiler_id=me,asl_compiler_rev=9,data=data:data
verdict acpitable_data_gets_a_header "$(cd added && printf 'OEM1\x36\0\0\0\x03' | cmp -n 9 oem1.aml - 2>&1
    tail -c 44 oem1.aml | cmp - <(printf 'us\0\0\0\0ours\0\0\0\0\x07\0\0\0me\0\0\x09\0\0\0some datasome data') 2>&1)"
ask "$program" again -M virt -acpitable file=added/oem1.aml,sig=OEM2,rev=200
verdict acpitable_file_keeps_its_header "$(tail -c 44 again/oem2.aml | cmp - <(tail -c 44 added/oem1.aml) 2>&1)"

# ---- files and items of fw_cfg
has() { # NAME FILE TEXT: what the file holds, with | for the end of a string
    local got
    got=$(tr '\0' '|' < "$2" 2>&1)
    if [ "$got" = "$3" ]; then echo "ok $1"; else echo "not ok $1: '${got:0:200}'"; fi
}
holds() { # NAME FILE HEX
    local got
    got=$(od -An -v -tx1 < "$2" 2>&1 | tr -d ' \n')
    if [ "$got" = "$3" ]; then echo "ok $1"; else echo "not ok $1: ${got:0:200}"; fi
}
truncate -s 1M disk.img
cp disk.img other.img
printf '\xff\xd8picture' > splash
ask "$program" files -M virt -uuid 12345678-9abc-DEF0-1122-334455667788 -fw_cfg name=opt/a/b,string='one,,two' -fw_cfg opt/file,file=data \
    -boot menu=on,splash-time=500,strict=on,reboot-timeout=1234,splash=splash,order=cd -nic user,id=n \
    -drive if=none,file=disk.img,format=raw,id=a -drive if=none,file=other.img,format=raw,id=b \
    -device virtio-blk-device,drive=a,bootindex=5 -device pcie-root-port,id=rp,addr=3.1,slot=2 \
    -device virtio-blk-pci,bus=rp,drive=b,bootindex=1 -device virtio-net-pci,addr=7,bootindex=2 -device virtio-net-device,bootindex=30
has fw_cfg_string_has_no_end files/opt_a_b 'one,two'
has fw_cfg_file_is_its_contents files/opt_file 'some data'
holds uuid_is_an_item files/item_02 123456789abcdef01122334455667788
holds boot_menu_is_an_item files/item_0e 0100
holds boot_menu_waits files/etc_boot-menu-wait f401
holds boot_fails_for_so_long files/etc_boot-fail-wait d2040000
has boot_splash_is_a_file files/bootsplash.jpg "$(cat splash)"
has bootindex_orders_devices files/bootorder '/pci@ffffffffffffffff/pci-bridge@3,1/scsi@0/disk@0,0
/pci@ffffffffffffffff/ethernet@7/ethernet-phy@0
/virtio-mmio@000000000a003e00/disk@0,0
/virtio-mmio@000000000a003c00/ethernet-phy@0
HALT|'
holds uuid_is_zero_unless_given off/item_02 00000000000000000000000000000000
holds boot_fails_for_ever_unless_told off/etc_boot-fail-wait ffffffff
has bootorder_is_empty_unless_told off/bootorder ''
printf '%s\n' 'device_add virtio-net-pci,bus=rp,bootindex=3' 'device_add virtio-net-pci,bus=rp,id=n,bootindex=4' 'device_del n' q |
    timeout 60 "$program" -M virt -S -display none -monitor stdio -serial null -nodefaults -device pcie-root-port,id=rp \
        -device virtio-net-device,bootindex=3 > hot 2> hot.errors
verdict bootindex_of_what_comes_is_its_own "$(grep -q 'bootindex=3: virtio-net-.* have the same' hot || echo 'not refused:'
    [ "$(grep -c bootindex hot)" = 3 ] && [ ! -s hot.errors ] || cat hot hot.errors)"

# ---- SMBIOS: what QEMU 10 says, but for handles of types 8 and 11, and the machine's name
smbios() { # NAME FOLDER LINE...
    local name=$1 folder=$2 wrong='' l
    shift 2
    for l; do grep -qxF -- "$l" "$folder/smbios" || wrong="$wrong no '$l'"; done
    verdict "$name" "${wrong:+$wrong in $(tr '\n' '/' < "$folder/smbios" 2>&1)}"
}
smbios smbios_of_a_machine_without_options off \
    'type 1 handle 0100 0102030000000000000000000000000000000000060000 QEMU|QEMU Virtual Machine|virt' \
    'type 3 handle 0300 010102000003030302000000000000000000 QEMU|virt' \
    'type 4 handle 0400 0103fe02000000000000000003000000d007d0074101ffffffffffff00000001010102000100010001000100 CPU 0|QEMU|virt' \
    'type 16 handle 1000 01030600000200feff01000000000000000000 ' \
    'type 17 handle 1100 0010feffffffffff80000900010007020000000200000000000000000000000000000000 DIMM 0|QEMU' \
    'type 19 handle 1300 00001000ffff110000100100000000000000000000000000000000 ' 'type 32 handle 2000 00000000000000 '
printf '\x2a\x06\x34\x12\x01\x07text\0\0' > structure
ask "$program" all -M virt -cpu max -m 1G -smp 12,sockets=3,cores=2,threads=2 -uuid 12345678-9abc-def0-1122-334455667788 \
    -smbios type=0,vendor=V,version=W,date=01/02/2003,release=4.5,uefi=on -smbios type=1,manufacturer=M,product=P,version=v -smbios type=1,serial=s,sku=k,family=f \
    -smbios type=2,manufacturer=M,product=P,version=v,serial=s,asset=a,location=l -smbios type=3,manufacturer=M,version=v,serial=s,asset=a,sku=k \
    -smbios type=4,sock_pfx=S,manufacturer=M,version=v,serial=s,asset=a,part=p,max-speed=3000,current-speed=2500,processor-family=0x101,processor-id=0x1234567890 \
    -smbios type=8,external_reference=E,internal_reference=I,connector_type=3,port_type=9 -smbios type=11,value=one,value=two -smbios type=11,path=data \
    -smbios type=9,slot_designation=D,slot_type=0xa5,slot_data_bus_width=0xd,current_usage=3,slot_length=4,slot_id=9,slot_characteristics1=0xc,slot_characteristics2=1 \
    -smbios type=17,loc_pfx=L,bank=B,manufacturer=M,serial=s,asset=a,part=p,speed=1600 -smbios type=41,designation=N,kind=ethernet,instance=2 \
    -smbios file=structure -device virtio-rng-pci,id=r,addr=5 -smbios type=41,designation=O,kind=sata,pcidev=r -smbios type=9,slot_designation=F,pci_device=r
smbios smbios_has_what_its_keys_say all \
    'type 0 handle 0000 010200e803000800000000000000001c0405ffff V|W|01/02/2003' \
    'type 1 handle 0100 0102030478563412bc9af0de1122334455667788060506 M|P|v|s|k|f' \
    'type 2 handle 0200 0102030405010600030a00 M|P|v|s|a|l' 'type 3 handle 0300 010102030403030302000000000000000005 M|v|s|a|k' \
    'type 4 handle 0402 0103fe02907856341200000003000000b80bc4094101ffffffffffff04050602020402000101020002000400 S 2|M|v|s|a|p' \
    'type 8 handle 0800 0100020309 I|E' 'type 9 handle 0900 01a50d030409000c01ff00ffff D' 'type 9 handle 0901 01000000000000000000000028 F' \
    'type 11 handle 0b00 03 one|two|some data' 'type 41 handle 2900 01850200000000 N' 'type 41 handle 2901 01890000000028 O' \
    'type 17 handle 1100 0010feffffffffff00040900010207020040060304050600000000004006000000000000 L 0|B|M|s|a|p' \
    'type 42 handle 1234 0107 text'
