#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 300
# What the machine tells firmware through fw_cfg, read by a guest: ACPI tables, which iasl takes to pieces and puts
# together again without a complaint, and which are QEMU 10's but for what acpi_differences lists.
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

# tables MACHINE SIGNATURES OPTION...
tables() {
    local machine=$1 expected=$2 wrong='' t name reason
    shift 2
    ask "$program" "$machine" "$@"
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
    ask "$qemu" "qemu_$machine" "$@"
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

ask "$program" off -M virt,acpi=off
verdict acpi_off_has_no_tables "$(cd off && ls -d etc_acpi* etc_table* 2> /dev/null)"
