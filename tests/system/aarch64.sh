#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# tests/system/aarch64.sh [GUEST...]
# Bare-metal tests of the virt board: each guest of tests/system/aarch64 with the machines below. A guest prints
# "ok NAME", "not ok NAME: why" or "skip NAME: reason" itself; here each line gets the guest's name in front.
# DRAGOMAN is the emulator. QEMU runs the same guests: tests/system/qemu_differences lists what it does not meet.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
dragoman=${DRAGOMAN:-$build/dragoman}
case ${dragoman##*/} in dragoman) dragoman=$dragoman-system-aarch64 ;; esac
out=$build/tests/system
here=tests/system/aarch64

# GUEST MACHINE OPTIONS...; !: QEMU cannot run it
machines='
exceptions        virt
mmu_granules      virt
mmu_permissions   virt
mmu_flags         virt
tlb               virt                -smp 4
tlb               virt,gic-version=3  -smp 2
tlb_spaces        virt
timer             virt                -smp 4
gic               virt                -smp 4
gic               virt,gic-version=3  -smp 4
psci              virt                -smp 4
atomics           virt                -smp 4
turns             virt                -smp 4 -accel tcg,thread=single
litmus            virt                -smp 4
code              virt                -smp 4
map               virt                -smp 2
map               virt                -smp 2 -accel tcg,thread=single
aliases           virt                -smp 4
!aliases          virt                -smp 4 -accel tcg,movable=always
!aliases          virt                -smp 4 -accel tcg,movable=off
!aliases          virt                -smp 4 -accel tcg,tb-size=1
!aliases          virt                -smp 4 -accel tcg,engine=interp
!code             virt                -smp 4 -accel tcg,movable=always
!code             virt                -smp 4 -accel tcg,track-code=off
!aliases          virt                -smp 4 -accel tcg,track-code=off
!map              virt                -smp 2 -accel tcg,track-code=off
faults            virt
pauth             virt                -cpu max,sve=off,sme=off,pauth-impdef=on
pauth             virt                -cpu max,sve=off,sme=off,pauth-qarma5=on
pauth             virt                -cpu max,sve=off,sme=off,pauth-qarma3=on
!signed_jumps     virt
debug             virt
watch             virt
guarded           virt
stack             virt
pmu               virt
endian            virt
endian            virt                -smp 2
!endian           virt                -accel tcg,engine=interp
features          virt
features          virt,gic-version=3
features          virt                -icount shift=0
!features         virt                -accel tcg,track-code=off
gicv2m            virt
its               virt,gic-version=3  -smp 4
nmi               virt,gic-version=3
limits            virt                -smp 4 -accel tcg,tb-size=1
limits            virt                -smp 4 -accel tcg,tb-size=1,thread=single
limits            virt                -smp 4
!limits           virt                -smp 4 -accel tcg,tb-size=1,movable=always
!limits           virt                -smp 4 -accel tcg,tb-size=1,track-code=off
'

command -v clang-14 > /dev/null || { echo "skip aarch64: clang-14, which compiles the guests, is not installed"; exit 0; }
command -v aarch64-linux-gnu-ld > /dev/null ||
    { echo "skip aarch64: aarch64-linux-gnu-ld (package binutils-aarch64-linux-gnu) is not installed"; exit 0; }
[ -x "$dragoman" ] || { echo "not ok emulator: $dragoman is not there"; exit 1; }

# compile FILE: prints the name of the object
compile() {
    local o
    o=$out/${1//\//-}.o
    if [ ! -e "$o" ] || [ -n "$(find "$1" $here/lib/*.h -newer "$o")" ]; then
        clang-14 --target=aarch64-none-elf -march=armv8.5-a+fp16 -mgeneral-regs-only -mstrict-align -ffreestanding -fno-pic \
            -O2 -g -Wall -Wextra -I. -c -o "$o" "$1" || return 1
    fi
    echo "$o"
}

# With QEMU, what it is known to fail is skipped. Status 1 if another test failed.
known() {
    local list=/dev/null
    case ${dragoman##*/} in qemu-*) list=tests/system/qemu_differences ;; esac
    awk -v list="$list" '
        BEGIN {
            while ((getline line < list) > 0) {
                if (line !~ /^[a-z~]/) continue
                name = line; sub(/ .*/, "", name); why = substr(line, length(name) + 2)
                sometimes = sub(/^~/, "", name); reason[name] = why; may_pass[name] = sometimes
            }
        }
        /^not ok / { name = $3; sub(/:$/, "", name); if (name in reason) { print "skip " name ": " reason[name]; next } bad = 1 }
        /^ok / { if ($2 in reason && !may_pass[$2]) { print "not ok " $2 ": passes, but stands in qemu_differences"; bad = 1; next } }
        { print }
        END { exit bad }'
}

# The emulator's own exit status: with semihosting that of the guest.
run_guest() {
    local guest=$1 machine=$2 rc name all
    shift 2
    all="$*"
    name=$guest
    [ "$machine" = virt ] || name=${guest}_$(echo "${machine#virt,}" | tr -cd a-z0-9)
    case $all in *-icount*) name=${name}_counted ;; esac
    case $all in *-accel*) name=${name}_$(echo "${all##*-accel tcg,}" | tr -cd a-z0-9) ;; esac
    case $all in
    *'-cpu '*pauth-*) name=${name}_$(sed 's/.*pauth-//; s/=.*//' <<< "$all") ;;
    *) set -- "$@" -cpu max,sve=off,sme=off ;;
    esac
    timeout 100 "$dragoman" -M "$machine" "$@" -m 512M -nodefaults -display none \
        -serial stdio -semihosting -kernel "$out/$guest.elf" < /dev/null 2> "$out/$guest.err" > "$out/$guest.out"
    rc=$?
    sed -n -E "s/^(ok|not ok|skip|#) (.*)/\1 ${name}_\2/p" "$out/$guest.out" | known
    [ "${PIPESTATUS[1]}" = 0 ] || return 1
    grep -q '^not ok' "$out/$guest.out" && [ $rc = 1 ] && return 0
    [ $rc = 0 ] && return 0
    echo "not ok $name: exit status $rc, $(grep '^#' "$out/$guest.out" | tail -1) $(tail -1 "$out/$guest.err")"
    return 1
}

mkdir -p "$out"
status=0
lib=
for f in $here/lib/*.S $here/lib/*.c; do
    lib="$lib $(compile "$f")" || exit 1
done
while read -r guest machine options; do
    [ -n "$guest" ] || continue
    case $guest in
    '!'*) guest=${guest#!}; case ${dragoman##*/} in qemu-*) echo "skip $guest: QEMU cannot run it"; continue ;; esac ;;
    esac
    [ $# = 0 ] || case " $* " in *" $guest "*) ;; *) continue ;; esac
    object=$(compile "$here/$guest.c") || { echo "not ok $guest: does not compile"; status=1; continue; }
    aarch64-linux-gnu-ld --no-warn-rwx-segments -T $here/guest.ld -o "$out/$guest.elf" $lib "$object" || exit 1
    run_guest "$guest" "$machine" $options || status=1
done <<< "$machines"
exit $status
