#!/bin/bash
# SPDX-License-Identifier: MIT
# -d exec, cpu, ir and opt, by a guest whose blocks are known; and exec switched on in the monitor while blocks run that
# were translated and linked before. tests/run: timeout 180
set -u
program=${BUILD:-build}/dragoman-system-aarch64
[ -x "$program" ] || { echo "skip log: $program is not built"; exit 0; }
program=$(realpath -s "$program")
guests=$(realpath tests/guests)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 2
cat > steps.S << 'END'
    .equ PSCI_SYSTEM_OFF, 0x84000008
    .text
    .global _start, loop, behind, back, called, indirect, far, end
_start:
    mov x0, #3
    mov x5, #0
loop:
    adds x5, x5, #2
    subs x0, x0, #1
    b.ne loop
behind:
    bl called
back:
    adr x1, indirect
    br x1
called:
    ret
    .balign 4096
indirect:
    b end
    .balign 4096
end:
    ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
END
"$guests/bare.sh" steps.elf steps.S && "$guests/bare.sh" busy.elf "$guests/busy.S" ||
    { echo "skip log: the guests do not assemble"; exit 0; }
address() { aarch64-linux-gnu-nm "$1.elf" | awk -v n="$2" '$3 == n { sub(/^0+/, "0x", $1); print $1 }'; }
guest() { timeout -s KILL 60 "$program" -M virt -m 64 -nic none -display none -serial none "$@"; }

verdict() { # NAME: with what is wrong on standard input
    local what
    what=$(cat)
    [ -z "$what" ] && echo "ok $1" || echo "not ok $1: ${what//$'\n'/ }"
}

# ---- every block that is entered, in order
for n in _start loop loop behind called back indirect end; do
    echo "cpu 0: $(address steps $n) EL1"
done > wanted
# The first block goes on over the loop's head, which is entered as the goal of its branch only.
for how in '-accel tcg' '-accel tcg,engine=interp' '-accel tcg,thread=single' '-icount shift=0'; do
    rm -f got
    guest $how -kernel steps.elf -d exec -D got
    diff wanted got | head -3 | verdict "exec_${how//[^a-z0-9]/}"
done
guest -kernel steps.elf -d exec -dfilter "$(address steps called)..$(address steps called)" -D got
echo "cpu 0: $(address steps called) EL1" | diff - got | verdict exec_is_filtered

# ---- the registers at a block's start, flags too although the next block sets them before it looks
for how in '-accel tcg' '-accel tcg,engine=interp'; do
    guest $how -kernel steps.elf -d exec,cpu -D got
    awk -v loop="$(address steps loop)" '
        /^cpu 0:/ { at = $3; next }
        at == loop {
            for (i = 1; i <= NF; i++) if ($i ~ /^(PC|X05|PSTATE)=/) seen = seen " " $i
        }
        END {
            sub(/^0x/, "", loop)
            for (n = 2; n <= 4; n += 2) {
                wanted = wanted sprintf(" PC=%016x X05=%016x PSTATE=200003c5", 0, n)
                sub(/PC=0+ /, sprintf("PC=%s%s ", substr("0000000000000000", length(loop) + 1), loop), wanted)
            }
            if (seen != wanted) print seen " is not" wanted
        }' got | verdict "cpu_${how//[^a-z0-9]/}"
done

# ---- a block as it was asked for, and as it is compiled
guest -kernel steps.elf -d ir -D ir
guest -kernel steps.elf -d opt -D opt
{
    grep -q 'flags_test.i32.ne' ir || echo "ir has no test of the flags"
    grep -q 'cmp.i32.ne' ir && echo "ir has a comparison, which nobody asked for"
    grep -q 'flags_test.i32.ne' opt && echo "opt has a test of the flags"
    grep -q 'cmp.i32.ne' opt || echo "opt has no comparison"
} | verdict ir_is_what_was_asked_for_and_opt_what_is_compiled

# ---- %d in the name of the file is the process
guest -kernel steps.elf -d exec -D 'log.%d'
echo log.* | grep -vE '^log\.[0-9]+$' | verdict file_is_named_after_the_process

# ---- switched on while translated blocks run that lead to each other, and off again
guest -kernel busy.elf -smp 4 -monitor unix:mon,server=on,wait=off -D got &
for _ in {1..100}; do [ -S mon ] && break; sleep 0.1; done
perl -MIO::Socket::UNIX -e '
    my $s = IO::Socket::UNIX->new("mon") or die;
    $s->autoflush(1);
    sub ask { print $s "$_[0]\n"; sleep $_[1] }
    sleep 1; ask("log exec", 1); ask("log none", 1); ask("quit", 0); 1 while <$s>' > /dev/null
wait
for n in loop calls next near far; do
    grep -q "^cpu [01]: $(address busy $n) EL1\$" got || echo "no entry of $n"
done | head -3 | verdict exec_is_switched_on_later
