#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# The counted clock on bare metal: counts are exact, the clock is exact at each instruction, and CPUs that race do the same
# each time, on an idle and on a loaded host, with host code and with the interpreter.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/loaded.sh
dragoman=${DRAGOMAN:-${BUILD:-build}/dragoman}
case ${dragoman##*/} in dragoman) dragoman=$dragoman-system-aarch64 ;; esac
out=${BUILD:-build}/tests/system/counted
here=tests/system/counted
command -v aarch64-linux-gnu-as > /dev/null ||
    { echo "skip counted: aarch64-linux-gnu-as (package binutils-aarch64-linux-gnu) is not installed"; exit 0; }
mkdir -p "$out"
for guest in loop faults clock race pace moves; do
    tests/guests/bare.sh "$out/$guest.elf" $here/$guest.S || exit 1
done

# run GUEST OPTION...
run() {
    local guest=$1
    shift
    timeout -s KILL 240 "$dragoman" -M virt -cpu max -m 128M -nodefaults -display none -semihosting -seed 1 \
        -rtc base=2024-01-01 -kernel "$out/$guest.elf" "$@" < /dev/null 2>&1
}

# symbol GUEST NAME
symbol() {
    aarch64-linux-gnu-nm "$out/$1.elf" | sed -n "s/ [tT] $2\$//p"
}

# expect TEST GUEST COUNT OPTIONS PC X2 [X3]: the registers after COUNT instructions
expect() {
    local text pc x2 x3
    text=$(run "$2" $4 -icount "shift=0,sleep=off,stop=$3")
    pc=$(sed -n 's/.*PC=\([0-9a-f]*\).*/\1/p' <<< "$text" | head -1)
    x2=$(sed -n 's/.*X02=\([0-9a-f]*\).*/\1/p' <<< "$text" | head -1)
    x3=$(sed -n 's/.*X03=\([0-9a-f]*\).*/\1/p' <<< "$text" | head -1)
    [[ $text == *"stopped after $3 instructions"* ]] || { echo "not ok $1: $3: ${text:0:100}"; return 1; }
    [ $((16#$pc)) = "$5" ] || { echo "not ok $1: after $3 instructions PC is $pc, not $(printf %x "$5")"; return 1; }
    [ $((16#$x2)) = "$6" ] || { echo "not ok $1: after $3 instructions X2 is $x2, not $(printf %x "$6")"; return 1; }
    [ $# -lt 7 ] || [ $((16#$x3)) = "$7" ] ||
        { echo "not ok $1: after $3 instructions X3 is $x3, not $(printf %x "$7")"; return 1; }
}

counts_are_exact() {
    local n loop=$((16#$(symbol loop loop)))
    for n in 1 2 3 4 5 6 1000 49998 49999 50000 50001 50002 50003 1234567 10000003; do
        expect "$1" loop $n "$2" $((loop + (n - 1) % 4 * 4)) $(((n - 1 + 3) / 4)) $(((n - 1 + 2) / 4)) || return
    done
    echo "ok $1"
}

exceptions_count_as_instructions() {
    local n loop=$((16#$(symbol faults loop)))
    for n in 1 2 100 5000 65536; do
        expect "$1" faults $((3 + 17 * n)) "$2" "$loop" "$n" || return
    done
    echo "ok $1"
}

clock_is_exact() {
    local rc
    run clock $2 -icount shift=3,sleep=off > "$out/clock.out"
    rc=$?
    [ $rc = 0 ] && echo "ok $1" || echo "not ok $1: exit status $rc $(tail -1 "$out/clock.out")"
}

# same TEST FILE FILE
same() {
    cmp -s "$2" "$3" || { echo "not ok $1: $2 and $3 differ"; return 1; }
}

# Nobody's registers are nothing, which would be the same each time, too.
races_are_repeatable() {
    local name=$1 n
    for n in 100000 1000003 40000000; do
        run race -smp 4 -icount shift=2,stop=$n > "$out/race.1"
        loaded run race -smp 4 -icount shift=2,stop=$n > "$out/race.2"
        same "$name" "$out/race.1" "$out/race.2" || return
        [ $n = 40000000 ] || run race -smp 4 -icount shift=2,stop=$n -accel tcg,engine=interp > "$out/race.3"
        [ $n = 40000000 ] || same "$name" "$out/race.1" "$out/race.3" || return
        [ "$(grep -c 'X00=0000000000000000' "$out/race.1")" = 0 ] && [ "$(grep -c '^CPU#' "$out/race.1")" = 4 ] ||
            { echo "not ok $name: not all CPUs have run: $out/race.1"; return; }
    done
    run race -smp 4 -icount shift=2,stop=100001 > "$out/race.3"
    run race -smp 4 -icount shift=2,stop=100000 > "$out/race.1"
    ! cmp -s "$out/race.1" "$out/race.3" || { echo "not ok $name: one instruction more changes nothing"; return; }
    echo "ok $name"
}

# Whether a block is for one address or for all changes nothing.
moved_code_counts_the_same() {
    local name=$1 n how
    for n in 30 1000 49999 50000 50001 1234567; do
        run moves -icount "shift=0,sleep=off,stop=$n" -accel tcg,movable=off > "$out/moves.1"
        grep -q "stopped after $n instructions" "$out/moves.1" ||
            { echo "not ok $name: $n: $(tail -1 "$out/moves.1")"; return; }
        for how in movable=auto movable=always engine=interp movable=auto,host-cpu=x86-64-v2; do
            run moves -icount "shift=0,sleep=off,stop=$n" -accel "tcg,$how" > "$out/moves.2"
            same "$name" "$out/moves.1" "$out/moves.2" || return
        done
    done
    [ $((16#$(sed -n 's/.*X02=\([0-9a-f]*\).*/\1/p' "$out/moves.1"))) -gt 10000 ] ||
        { echo "not ok $name: the guest does not go round: $out/moves.1"; return; }
    echo "ok $name"
}

# translated HOW: blocks that are translated of the guest whose code is at three addresses
translated() {
    run moves -icount shift=0,sleep=off,stop=40000 -accel "tcg,movable=$1" -d in_asm -D "$out/moves.log" > "$out/moves.1"
    grep -c '^IN:' "$out/moves.log"
}

moved_code_is_translated_once() {
    local off auto always
    off=$(translated off) auto=$(translated auto) always=$(translated always)
    [ "$always" -ge 5 ] && [ $((always * 3)) -lt $((off * 2)) ] && [ "$auto" -lt "$off" ] && [ "$auto" -gt "$always" ] &&
        echo "ok $1" ||
        echo "not ok $1: $off blocks for one address each, $always for any, $auto where it is found out"
}

# takes OPTIONS TENTHS: runs the guest that lets a tenth of a second pass and sleeps for so many; host time in ms
takes() {
    local start=${EPOCHREALTIME/./}
    run pace -icount "$1" -device loader,addr=0x42000000,data="$2",data-len=8 > "$out/pace.out" || return
    echo $(((${EPOCHREALTIME/./} - start) / 1000))
}

# time_passes TEST OPTIONS TENTHS LEAST MOST: it takes so many ms, at most if the host has nothing else to do
time_passes() {
    local ms i
    for ((i = 0; i < 30; i++)); do
        ms=$(takes "$2" "$3") || { echo "not ok $1: $(tail -1 "$out/pace.out")"; return; }
        [ "$ms" -ge "$4" ] || { echo "not ok $1: $ms ms"; return; }
        [ "$ms" -gt "$5" ] || { echo "ok $1"; return; }
    done
    echo "not ok $1: $ms ms, thirty times"
}

time_passes fixed_shift_does_not_follow_the_host shift=10,sleep=off 0 0 95
time_passes auto_follows_the_host shift=auto 0 70 400
time_passes auto_sleeps_in_host_time shift=auto,sleep=on 4 490 1000
time_passes auto_can_skip_sleep shift=auto,sleep=off 100000 60 2000
time_passes sleep_takes_host_time shift=10,sleep=on 4 400 1000
time_passes sleep_is_on_unless_asked shift=10 4 400 1000
time_passes sleep_is_skipped shift=10,sleep=off 100000 0 1000
counts_are_exact counts_are_exact ""
counts_are_exact counts_are_exact_by_the_interpreter "-accel tcg,engine=interp"
exceptions_count_as_instructions exceptions_count_as_instructions ""
exceptions_count_as_instructions exceptions_count_by_the_interpreter "-accel tcg,engine=interp"
clock_is_exact clock_is_exact ""
clock_is_exact clock_is_exact_by_the_interpreter "-accel tcg,engine=interp"
races_are_repeatable races_are_repeatable
moved_code_counts_the_same moved_code_counts_the_same
moved_code_is_translated_once moved_code_is_translated_once
exit 0
