#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# The command lines of tests/cli/projects: what runs with QEMU runs here, what belongs to later versions is refused by
# name, and bad input gets one line. QEMU 10 of the cache is held to the rows that run, so that they stay what people type.
set -u
cd "$(dirname "$0")/../.." || exit 2
program=$(realpath -s "${BUILD:-build}/dragoman-system-aarch64")
qemu=$(realpath -sm "${DRAGOMAN_CACHE:-${BUILD:-build}/cache}")/qemu10/bin/qemu-system-aarch64
guests=$PWD/tests/guests
table=$PWD/tests/cli/projects
[ -x "$program" ] || { echo "skip projects: $program is not built"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 2
aarch64-linux-gnu-as -I "$guests" -o guest.o "$guests/contract.S" 2> err || { echo "skip projects: the guest does not assemble: $(head -1 err)"; exit 0; }
aarch64-linux-gnu-ld -n -Ttext 0x40100000 -o elf guest.o
aarch64-linux-gnu-objcopy -O binary elf raw
perl "$guests/kernels.pl" image raw image offset=0 size=0x10000
perl "$guests/kernels.pl" uimage raw uimage load=0x40100000 entry=0x40100000
perl "$guests/kernels.pl" hex raw hex load=0x40100000 entry=0x40100000
gzip -nc image > gz
cp raw fw
cp raw code
truncate -s 64M code vars
truncate -s 8M disk
head -c 100000 /dev/urandom > initrd
perl -e 'print "\0" x 0x202, "HdrS", "\0" x 1000' > x86
"$program" -M virt,dumpdtb=dtb -cpu cortex-a53 > /dev/null 2>&1
free_port() {
    perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:0")->sockport'
}

# arguments TEXT: sets args, with files in their places; ~ is a space within an argument
arguments() {
    local a text=$1
    text=${text//%port/$(free_port)}
    args=()
    for a in $text; do
        a=${a//%/$tmp/}
        args+=("${a//\~/ }")
    done
}

# begins EMULATOR: the guest says what it was started with, and powers off
begins() {
    timeout 60 "$1" "${args[@]}" < /dev/null > out 2> err
    rc=$?
    [ $rc = 0 ] && grep -aq '^begins 0000000' out
}

rows=0
while IFS=$'\t' read -r name verdict text; do
    case $name in '#'* | '') continue ;; esac
    rows=$((rows + 1))
    arguments "$text"
    case $verdict in
    runs)
        # a guest whose only way out is the semihosting console has nothing to say
        if begins "$program" || { [ $rc = 0 ] && [[ $text == *'-serial none -machine'* ]]; }; then
            echo "ok $name"
        else
            echo "not ok $name: exit status $rc: $(head -1 err) $(head -c 100 out | tr -d '\0')"
        fi
        [ -x "$qemu" ] || continue
        arguments "$text"
        if begins "$qemu" || { [ $rc = 0 ] && [[ $text == *'-serial none -machine'* ]]; }; then
            echo "ok ${name}_in_qemu"
        else
            echo "not ok ${name}_in_qemu: exit status $rc: $(head -1 err)"
        fi
        ;;
    refused*)
        timeout 60 "$program" "${args[@]}" < /dev/null > out 2> err
        rc=$?
        if [ $rc = 1 ] && [ "$(wc -l < err)" = 1 ] && grep -qF -- "${verdict#refused }" err; then
            echo "ok ${name}_is_refused"
        else
            echo "not ok ${name}_is_refused: exit status $rc: $(head -2 err | tr '\n' ' ')"
        fi
        ;;
    *) echo "not ok $name: the row says neither runs nor refused" ;;
    esac
done < "$table"
[ $rows -gt 60 ] && echo "ok table_is_read" || echo "not ok table_is_read: $rows rows"
[ -x "$qemu" ] || echo "skip projects_in_qemu: QEMU 10 is not in the cache"
exit 0
