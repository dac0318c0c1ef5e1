#!/bin/bash
# SPDX-License-Identifier: MIT
# gdb itself, with breakpoints and watchpoints of all kinds: what it prints is what it prints with QEMU 10, which is
# the reference of how a machine is debugged. tests/run: timeout 900
set -u
cd "$(dirname "$0")/../.." || exit 2
program=${BUILD:-build}/dragoman-system-aarch64
reference=${DRAGOMAN_CACHE:-${BUILD:-build}/cache}/qemu10/bin/qemu-system-aarch64
[ -x "$program" ] || { echo "skip points: $program is not built"; exit 0; }
[ -x "$reference" ] || { echo "skip points: $reference is not there (make oracle)"; exit 0; }
command -v gdb-multiarch > /dev/null || { echo "skip points: gdb-multiarch is not installed"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tests/guests/bare.sh "$tmp/points.elf" tests/guests/points.S || { echo "not ok guest: it does not assemble"; exit 1; }

# debug EMULATOR SCRIPT CPUS OPTION...: what gdb prints
debug() {
    local emulator=$1 script=$2 cpus=$3 pid
    shift 3
    rm -f "$tmp/socket"
    "$emulator" -M virt -cpu max,sve=off,sme=off -m 64 -smp "$cpus" -nic none -display none -serial null \
        -kernel "$tmp/points.elf" -S -gdb "unix:$tmp/socket,server=on,wait=off" "$@" > "$tmp/emulator.log" 2>&1 &
    pid=$!
    for _ in $(seq 200); do [ -S "$tmp/socket" ] && break; sleep 0.05; done
    timeout 200 gdb-multiarch -nx -q -batch -ex 'set pagination off' -ex 'set confirm off' -ex "file $tmp/points.elf" \
        -ex "target remote $tmp/socket" -x "$script" 2>&1 < /dev/null
    kill "$pid" 2> /dev/null
    wait "$pid" 2> /dev/null
}

# What belongs to the emulator, not to the debugging: names of threads and processes, and how the session ends.
plain() {
    sed -e '/^\[Inferior 1/d' -e '/^Remote communication error/d' -e '/Error in sourced command file/d' \
        -e '/^The program is not being run/d' -e '/^No registers/d' -e 's/Thread 1\.\([0-9]\)/Thread \1/g' -e 's/ (CPU[^)]*)//' -e 's/^\[Switching to Thread \([0-9]\).*/[\1]/'
}

# case NAME CPUS OPTION...: the script on standard input, with both emulators
case_of() {
    local name=$1 cpus=$2
    shift 2
    cat > "$tmp/script"
    debug "$reference" "$tmp/script" "$cpus" | plain > "$tmp/want"
    debug "$program" "$tmp/script" "$cpus" "$@" | plain > "$tmp/got"
    if ! grep -q '^\$' "$tmp/want"; then
        echo "not ok $name: the reference prints nothing: $(tail -2 "$tmp/want" | tr '\n' ' ')"
    elif diff "$tmp/want" "$tmp/got" > "$tmp/diff"; then
        echo "ok $name"
    else
        echo "not ok $name: $(head -6 "$tmp/diff" | tr '\n' ' ')"
    fi
}

each() { # N COMMANDS: commands after each of N stops
    local i
    for ((i = 0; i < $1; i++)); do printf 'continue\n%s\n' "$2"; done
}
state='info symbol $pc
print/x $x2
print/x $x9
x/1gx &counter'

{ echo 'watch *(long *)&counter'; each 6 "$state"; } | case_of a_watchpoint_set_at_reset_stops_at_each_store 1
{ echo 'watch *(long *)&counter'; each 6 "$state"; } | case_of and_so_it_does_with_counted_code 1 -icount shift=3
{ echo 'watch *(long *)&counter'; each 6 "$state"; } | case_of and_by_the_interpreter 1 -accel tcg,engine=interp
{ echo 'break round'; echo continue; echo 'watch *(long *)&counter'; each 5 "$state"; } |
    case_of a_watchpoint_set_when_the_page_is_known_stops_too 1
{ echo 'rwatch *(long *)&counter'; each 6 "$state"; } | case_of reads_are_watched 1
{ echo 'awatch *(long *)&counter'; each 8 "$state"; } | case_of all_accesses_are_watched 1
{ echo 'watch *(char *)((long)&bytes + 5)'; echo 'watch *(long *)&pair'; echo 'rwatch *(short *)((long)&bytes + 4)'
    each 6 "$state"; } | case_of several_watchpoints_on_a_page_do_not_hinder_each_other 1
{ echo 'watch *(char *)((long)&border - 1)'; echo 'rwatch *(char *)&border'; each 5 "$state"; } |
    case_of accesses_across_pages_meet_both_sides 1
{ echo 'watch *(long *)&atomic'; each 5 "$state"; } | case_of atomics_and_exclusives_are_watched 1
{ echo 'awatch *(long *)((long)&vector + 8)'; each 4 "$state"; } | case_of vectors_are_watched_in_their_second_half 1
{ echo 'watch *(char *)((long)&line + 40)'; each 1 "$state"; echo 'x/2gx &line'; } | case_of dc_zva_is_watched 1
{ echo 'break *(straight+360)'; echo 'break *(straight+240)'; echo 'break *(straight+244)'; echo 'hbreak *(straight+4)'
    each 4 'info symbol $pc
print $x23'; } | case_of breakpoints_stop_whatever_their_order 1
{ echo 'break many'; echo continue; echo 'delete'; echo 'tbreak leaf if $x20 == 1500'; echo 'continue'
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do printf 'stepi\ninfo symbol $pc\nprint $x20\n'; done; } |
    case_of steps_through_calls_of_warm_code_are_single 1
{ echo 'watch *(long *)&counter'; echo 'break after_store'; echo 'break far'; each 9 "$state"; } |
    case_of breakpoints_and_watchpoints_take_turns 1
{ echo 'watch *(long *)&theirs'; each 1 'info symbol $pc
print $_thread
print/x $x1'; } | case_of a_watchpoint_stops_the_vcpu_that_stores_among_four 4
{ echo 'watch *(long *)&theirs'; each 1 'info symbol $pc
print $_thread
print/x $x1'; } | case_of and_with_vcpus_in_turn 4 -accel tcg,thread=single
{ echo 'break leaf'; echo continue; echo 'set {int}leaf = 0x91000ad6'; echo 'print $x22'; echo 'finish'; echo 'print $x22'
    echo 'break round'; echo delete 1; echo 'continue'; echo 'tbreak many'; echo continue; echo 'print $x22'; } |
    case_of code_that_gdb_writes_is_executed 1
