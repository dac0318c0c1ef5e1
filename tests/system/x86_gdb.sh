#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 200
# gdb follows a program from real mode through protected to long mode: registers, breakpoints by linear addresses, steps,
# break and watch points of each mode; and sees the same registers on QEMU.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
qemu=${DRAGOMAN_CACHE:-$build/cache}/qemu10/bin/qemu-system
gdb=$(command -v gdb-multiarch) || { echo "skip x86_gdb: there is no gdb"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
gcc -m32 -c -o "$tmp/modes.o" tests/guests/x86/modes.S 2> "$tmp/errors" && objcopy -O binary "$tmp/modes.o" "$tmp/modes.bin" ||
    { echo "skip x86_gdb: the guest cannot be built: $(head -n 1 "$tmp/errors")"; exit 0; }

place() { # LABEL: its linear address
    printf '0x%x' $((0xf0000 + 0x$(nm "$tmp/modes.o" | sed -n "s/ . $1\$//p")))
}

cat > "$tmp/64" <<GDB
printf "reset: cs %x rip %x cr0 %lx eflags %x\n", \$cs, \$rip, (long)\$cr0, (int)\$eflags
break *$(place real)
continue
printf "real: rip %x bx %x\n", \$rip, \$rbx
stepi
printf "step: rip %x bx %x\n", \$rip, \$rbx
break *$(place protected)
continue
printf "protected: cs %x rip %x pe %lx\n", \$cs, \$rip, (long)\$cr0 & 1
stepi 7
printf "steps: ss %x ds %x rsp %x rbx %x\n", \$ss, \$ds, (int)\$rsp, (int)\$rbx
watch *(int *)0x11000
continue
printf "watched: %x\n", *(int *)0x11000
break *$(place long_mode)
continue
printf "long: cs %x rip %x efer %lx cr4 %lx cr3 %lx\n", \$cs, \$rip, (long)\$efer, (long)\$cr4, (long)\$cr3
stepi 3
printf "rax %lx r9 %lx xmm3 %lx\n", \$rax, \$r9, \$xmm3.v2_int64[0]
printf "st0 %.4f fstat %x fctrl %x mxcsr %x\n", (double)\$st0, \$fstat, \$fctrl, (int)\$mxcsr
set var \$rbx = 0x1122334455667788
set var \$xmm3.v2_int64[1] = 7
printf "set: rbx %lx xmm3 %lx\n", \$rbx, \$xmm3.v2_int64[1]
kill
GDB
sed -e 's/\$r\([a-z][a-z]\)/$e\1/g' -e 's/%lx/%x/g' -e 's/(long)/(int)/g' -e "/^break \*$(place long_mode)/,/^printf \"set/d" "$tmp/64" > "$tmp/32"

# debug OUTPUT COMMANDS EMULATOR
debug() {
    local out=$1 commands=$2 pid
    shift 2
    "$@" -M microvm -cpu max -nodefaults -display none -bios "$tmp/modes.bin" -S -gdb "unix:$tmp/socket,server=on,wait=off" &
    pid=$!
    for _ in $(seq 100); do [ -S "$tmp/socket" ] && break; sleep 0.05; done
    timeout 60 "$gdb" -nx -batch -ex 'set confirm off' -ex 'set pagination off' -ex "target remote $tmp/socket" -x "$commands" \
        2>&1 < /dev/null | grep -E '^(reset|real|step|steps|protected|watched|long|rax|st0|set): ?|^(rax|st0) ' > "$out"
    kill "$pid" 2> /dev/null
    wait "$pid" 2> /dev/null
    rm -f "$tmp/socket"
}

expected() { # of a 64-bit program
    cat << 'END'
reset: cs f000 rip fff0 cr0 60000010 eflags 2
real: rip 4 bx 1234
step: rip 5 bx 1235
protected: cs 8 rip f001c pe 1
steps: ss 10 ds 10 rsp 7000 rbx 12345678
watched: 12003
long: cs 18 rip f0096 efer 500 cr4 620 cr3 10000
rax 123456789abcdef0 r9 123456789abcdef0 xmm3 123456789abcdef0
st0 3.1416 fstat 3000 fctrl 37f mxcsr 1f80
set: rbx 1122334455667788 xmm3 7
END
}

for arch in x86_64 i386; do
    bits=64
    expected > "$tmp/expected"
    [ $arch = x86_64 ] || { bits=32; sed -i '/^long/,$d' "$tmp/expected"; }
    debug "$tmp/ours" "$tmp/$bits" "$build/dragoman-system-$arch"
    if diff "$tmp/expected" "$tmp/ours" > "$tmp/diff"; then echo "ok gdb_sees_each_mode_on_$arch"
    else echo "not ok gdb_sees_each_mode_on_$arch: $(head -n 6 "$tmp/diff" | tr '\n' ' ')"; fi
    [ -x "$qemu-$arch" ] || { echo "skip gdb_sees_the_same_on_qemu_$arch: no QEMU 10 in the cache"; continue; }
    debug "$tmp/theirs" "$tmp/$bits" "$qemu-$arch"
    if diff "$tmp/ours" "$tmp/theirs" > "$tmp/diff"; then echo "ok gdb_sees_the_same_on_qemu_$arch"
    else echo "not ok gdb_sees_the_same_on_qemu_$arch: $(head -n 6 "$tmp/diff" | tr '\n' ' ')"; fi
done
