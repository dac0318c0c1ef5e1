#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 300
# Bare-metal guests of PCs (tests/guests/x86) say what tests/system/x86/NAME.expect has, which is what the manual says, by
# host code and by the interpreter; and QEMU's output differs from it as NAME.qemu says, which is where QEMU does not
# follow the manual. Without such a file QEMU does not come to the end of the guest.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
program=$build/dragoman-system-x86_64
qemu=${DRAGOMAN_CACHE:-$build/cache}/qemu10/bin/qemu-system-x86_64
[ -x "$program" ] || { echo "skip x86_guests: $program is not built"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
expect=tests/system/x86

# output FILE EMULATOR OPTION...
output() {
    local file=$1
    shift
    timeout 60 "$@" -M "$board" -display none -serial stdio -nodefaults -no-reboot > "$file" 2> "$file.errors" < /dev/null
}

# check NAME: the guest of that name on microvm, or GUEST-CPU on another CPU than max, or GUEST@BOARD on that board
check() {
    local name=$1 guest=$tmp/$1.elf engine cpu=max qemu=$qemu board=microvm
    case $name in *-*) cpu=${name#*-} qemu=${qemu%-*}-i386 ;; *@*) board=${name#*@} ;; esac
    if [ "$board" != microvm ] && [ ! -e /usr/share/seabios/bios-256k.bin ]; then
        echo "skip $name: the package seabios is not installed"
        return
    fi
    set -- -cpu "$cpu"
    tests/guests/x86/build.sh "$guest" "tests/guests/x86/${name%%[-@]*}.c" 2> "$tmp/errors" ||
        { echo "skip $name: the guest cannot be built: $(head -n 1 "$tmp/errors")"; return; }
    for engine in host interp; do
        local options=()
        [ $engine = host ] || options=(-accel tcg,engine=interp)
        output "$tmp/$name.$engine" "$program" -kernel "$guest" -device isa-debug-exit,iobase=0x501 "$@" "${options[@]}"
        if diff "$expect/$name.expect" "$tmp/$name.$engine" > "$tmp/diff"; then
            echo "ok ${name}_by_$engine"
        else
            echo "not ok ${name}_by_$engine: $(head -n 4 "$tmp/diff" | tr '\n' ' ')$(head -n 1 "$tmp/$name.$engine.errors")"
        fi
    done
    [ -e "$expect/$name.qemu" ] || return
    [ -x "$qemu" ] || { echo "skip ${name}_by_qemu: no QEMU 10 in the cache"; return; }
    output "$tmp/$name.qemu" "$qemu" -kernel "$guest" -device isa-debug-exit,iobase=0x501,iosize=4 "$@"
    diff "$expect/$name.expect" "$tmp/$name.qemu" > "$tmp/diff"
    if diff "$expect/$name.qemu" "$tmp/diff" > "$tmp/other"; then
        echo "ok ${name}_by_qemu"
    else
        echo "not ok ${name}_by_qemu: $(head -n 4 "$tmp/other" | tr '\n' ' ')"
    fi
}

for file in "$expect"/*.expect; do
    check "$(basename "$file" .expect)"
done
