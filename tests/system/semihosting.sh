#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 400
# Semihosting: a guest that makes all calls prints what semihosting/calls.expect says, by each engine, under the counted
# clock, with gdb doing the calls, and under QEMU 10 but for what semihosting/differences lists. Another one waits for
# keys, while the machine is stopped, saved and ended.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(realpath "${BUILD:-build}")
program=$build/dragoman-system-aarch64
cache=$(realpath -m "${DRAGOMAN_CACHE:-$build/cache}")
reference=$cache/qemu10/bin/qemu-system-aarch64
here=$PWD/tests/system/semihosting
lib=tests/system/aarch64
command -v clang-14 > /dev/null || { echo "skip semihosting: clang-14, which compiles the guests, is not installed"; exit 0; }
command -v aarch64-linux-gnu-ld > /dev/null ||
    { echo "skip semihosting: aarch64-linux-gnu-ld (package binutils-aarch64-linux-gnu) is not installed"; exit 0; }
[ -x "$program" ] || { echo "not ok emulator: $program is not there"; exit 1; }
tmp=$(mktemp -d)
running=
finish() {
    [ -z "$running" ] || kill -9 $running 2> /dev/null
    rm -rf "$tmp"
}
trap finish EXIT

for f in $lib/lib/*.S $lib/lib/*.c $here/calls.c $here/keys.c; do
    clang-14 --target=aarch64-none-elf -march=armv8.5-a+fp16 -mgeneral-regs-only -mstrict-align -ffreestanding -fno-pic \
        -O2 -g -Wall -Wextra -I. -c -o "$tmp/$(basename "$f").o" "$f" || { echo "not ok guests: they do not compile"; exit 1; }
done
for guest in calls keys; do
    aarch64-linux-gnu-ld --no-warn-rwx-segments -T $lib/guest.ld -o "$tmp/$guest.elf" \
        $(for f in $lib/lib/*; do case $f in *.h) ;; *) echo "$tmp/$(basename "$f").o" ;; esac; done) "$tmp/$guest.c.o" || exit 1
done

# fresh: a working folder with the guests
fresh() {
    rm -rf "$tmp/w"
    mkdir "$tmp/w"
    cp "$tmp/calls.elf" "$tmp/keys.elf" "$tmp/w"
    cd "$tmp/w" || exit 2
}

# board EMULATOR GUEST OPTION...
board() {
    local emulator=$1 guest=$2
    shift 2
    timeout -s KILL 100 "$emulator" -M virt -cpu max,sve=off,sme=off -m 512M -display none -serial file:uart -nic none \
        -kernel "$guest.elf" "$@"
}

# ---- all calls

# calls EMULATOR OPTION...
calls() {
    local emulator=$1
    shift
    fresh
    echo "some input" | board "$emulator" calls -monitor none "$@" > out 2> err
}

# as_expected TEST FILE
as_expected() {
    if diff "$2" uart > diff; then echo "ok $1"; else echo "not ok $1: $(head -4 diff | tr '\n' ' ')$(tail -1 err)"; fi
}

calls "$program" -semihosting
as_expected all_calls "$here/calls.expect"
if printf 'to err\nby write0\nc\n' | cmp -s - err && printf 'again\na\0b\n' | cmp -s - out; then
    echo "ok streams_are_the_processs_own"
else
    echo "not ok streams_are_the_processs_own: $(tr '\n\0' '||' < out) $(tr '\n' '|' < err)"
fi
calls "$program" -semihosting -accel tcg,engine=interp
as_expected all_calls_by_the_interpreter "$here/calls.expect"
calls "$program" -semihosting -smp 2 -accel tcg,thread=single
as_expected all_calls_in_turns "$here/calls.expect"
calls "$program" -semihosting -icount shift=2,sleep=off -rtc base=2024-02-03
as_expected all_calls_with_the_counted_clock "$here/calls.expect"

calls "$program" -chardev file,id=console,path=console -semihosting-config enable=on,chardev=console,arg=one,arg='two three'
sed -e "s/cmdline 'calls.elf'/cmdline 'one two three'/; s/^= length 0x00000009/= length 0x0000000d/" "$here/calls.expect" > want
as_expected arguments_are_the_command_line want
if printf 'by write0\nc\n' | cmp -s - console; then echo "ok console_is_its_chardev"; else echo "not ok console_is_its_chardev: $(cat console)"; fi
calls "$program" -semihosting -append 'x "y z"'
grep -q "^= cmdline 'calls.elf x \"y z\"'" uart && echo "ok command_line_is_that_of_the_kernel" ||
    echo "not ok command_line_is_that_of_the_kernel: $(grep cmdline uart)"

if [ -x "$reference" ]; then
    calls "$reference" -semihosting
    diff "$here/calls.expect" uart | grep '^[<>]' > differs
    if grep -v '^#' "$here/differences" | diff - differs > diff; then echo "ok calls_as_qemu"; else echo "not ok calls_as_qemu: $(head -4 diff | tr '\n' ' ')"; fi
else
    echo "skip calls_as_qemu: $reference is not there (make oracle)"
fi

# ---- a program of picolibc, which knows of no emulator

library=$cache/picolibc/usr/lib/picolibc/aarch64-linux-gnu

# compile_program: with what the library's own compiler would have for it
compile_program() {
    local f
    for f in program runtime; do
        clang-14 --target=aarch64-none-elf -march=armv8-a -mstrict-align -ffreestanding -fno-pic -O2 -nostdlibinc \
            -isystem "$library/include" -c -o "$tmp/$f.o" "$here/$f.c" || return 1
    done
    aarch64-linux-gnu-ld --no-warn-rwx-segments -static --defsym=__flash=0x40080000 --defsym=__flash_size=0x200000 \
        --defsym=__ram=0x40400000 --defsym=__ram_size=0x800000 --defsym=__stack_size=0x10000 -T "$library/lib/picolibc.ld" \
        -o "$tmp/program.elf" "$library/lib/crt0-semihost.o" "$tmp/program.o" "$tmp/runtime.o" \
        --start-group "$library"/lib/lib{c,semihost,m}.a --end-group
}

if [ ! -d "$library" ]; then
    echo "skip program_of_a_library: picolibc is not there (make guests)"
elif ! compile_program; then
    echo "not ok program_of_a_library: it does not compile"
else
    fresh
    cp "$tmp/program.elf" .
    echo "dear host" | board "$program" program -monitor none -chardev stdio,id=console \
        -semihosting-config enable=on,chardev=console,arg=program,arg=one,arg=two,arg=three > uart 2> err
    status=$?
    as_expected program_of_a_library "$here/program.expect"
    [ $status = 23 ] && echo "ok its_status_is_the_emulators" || echo "not ok its_status_is_the_emulators: $status $(tail -1 err)"
fi

# ---- gdb does the calls

# by_gdb TARGET COMMAND...
by_gdb() {
    local target=$1 arguments=()
    shift
    fresh
    for c; do arguments+=(-ex "$c"); done
    board "$program" calls -monitor none -semihosting-config "enable=on,target=$target" -S \
        -gdb unix:gdb,server=on,wait=off > out 2> err < /dev/null &
    running=$!
    for _ in $(seq 400); do [ -S gdb ] && break; sleep 0.05; done
    timeout 90 gdb-multiarch -nx -q -batch -ex 'set pagination off' -ex 'set confirm off' \
        -ex 'set remote system-call-allowed 1' -ex 'file calls.elf' -ex 'target remote gdb' "${arguments[@]}" \
        < /dev/null > gdb.out 2>&1
    wait $running
    status=$?
    running=
}

# What is otherwise when gdb is the host: its console is no file, and its input has nothing; a command's result is its exit
# status; errors have fewer numbers.
gdb_differs='/^# input/,/^ok input/ { s/read in 0x00000000/read in 0x00000004/; s/in .some./in '"''"'/
        s/read on 0x0000005d/read on 0x00000064/; s/read on . input/read on '"''"'/; /^.$/d }
    /^# others/,$ { s/system 0x00000300/system 0x00000003/; s/system 0x00007f00/system 0x0000007f/ }'

if command -v gdb-multiarch > /dev/null; then
    by_gdb gdb continue
    without='^=  errno\|^= seek out\|^= flen out\|^= istty out'
    sed "$gdb_differs" "$here/calls.expect" | grep -v "$without" > "$tmp/want"
    grep -v "$without" uart > got
    mv got uart
    as_expected gdb_does_the_calls "$tmp/want"
    if [ $status = 0 ] && grep -q 'exited normally' gdb.out && grep -qa 'by write0' gdb.out && ! grep -q . out; then
        echo "ok gdb_has_the_console_and_hears_of_the_end"
    else
        echo "not ok gdb_has_the_console_and_hears_of_the_end: status $status $(tail -2 gdb.out | tr '\n' ' ')"
    fi
    # each call by a step, and by steps over a source line
    by_gdb auto 'break call' continue 'delete' 'stepi' 'stepi' 'stepi' 'stepi' 'next' 'next' 'info line' 'continue'
    grep -v "$without" uart > got
    mv got uart
    as_expected steps_over_a_call_that_gdb_does "$tmp/want"
    by_gdb native continue
    sed '/^# input/,/^ok input/ { s/read in 0x00000000/read in 0x00000004/; s/in .some./in '"''"'/
        s/read on 0x0000005d/read on 0x00000064/; s/read on . input/read on '"''"'/; /^.$/d }' "$here/calls.expect" > want
    as_expected native_calls_beside_gdb want
    by_gdb gdb 'break call' continue delete detach
    if grep -q '^not ok' uart && [ $status = 1 ]; then echo "ok calls_fail_when_gdb_has_gone"; else echo "not ok calls_fail_when_gdb_has_gone: status $status"; fi
else
    echo "skip gdb_does_the_calls: gdb-multiarch is not installed"
fi

# ---- keys, and who waits for them

# keys CONFIG OPTION...: begins; keys are typed into 6, the monitor's commands into 5, which answers in the file monitor
keys() {
    local config=$1
    shift
    mkfifo type keys.in keys.out
    exec 5<> type 6<> keys.in
    board "$program" keys -monitor stdio -chardev pipe,id=console,path=keys \
        -semihosting-config "enable=on,chardev=console$config" "$@" < type > monitor 2> err &
    running=$!
}

# see FILE TEXT [N]: waits until the text is there, so many times
see() {
    local i
    for ((i = 0; i < 1200; i++)); do
        [ "$(grep -ac -- "$2" "$1" 2> /dev/null)" -ge "${3:-1}" ] 2> /dev/null && return 0
        sleep 0.05
    done
    echo "not ok $name: no '$2' in $1: $(tail -3 "$1" | tr '\n\r' '||') $(tail -1 err)"
    return 1
}

# ends STATUS: waits for the end
ends() {
    local status
    wait $running
    status=$?
    running=
    exec 5>&- 6>&-
    [ $status = "$1" ] && echo "ok $name" || echo "not ok $name: exit status $status, not $1: $(tail -1 err)"
}

# give_up: after a see that failed
give_up() {
    kill -9 $running 2> /dev/null
    wait $running 2> /dev/null
    running=
    exec 5>&- 6>&-
}

say() { printf '%s\n' "$1" >&5; }

name=machine_stops_while_a_call_waits_for_a_key
fresh
keys ""
if see uart ready && say stop && say 'info status' && see monitor 'VM status: paused' && say cont && say 'info status' &&
    see monitor 'VM status: running' && see uart 'third tick' && printf k >&6 && see uart 'key 0x0000006b'; then
    printf e >&6
    ends 9
else
    give_up
fi

name=exit_for_another_reason_is_a_failure
fresh
keys ""
if see uart ready && printf x >&6; then ends 1; else give_up; fi

name=keys_with_the_counted_clock
fresh
keys "" -icount shift=2,sleep=off
if see uart 'third tick' && printf k >&6 && see uart 'key 0x0000006b' && printf e >&6; then
    ends 9
else
    give_up
fi

name=user_programs_are_answered_if_asked
fresh
keys ,userspace=on
if see uart ready && printf u >&6 && see uart 'user 0x3b9aca00' && printf e >&6; then ends 9; else give_up; fi

name=user_programs_are_not_answered
fresh
keys ""
if see uart ready && printf u >&6 && see uart 'user 0x00000000' && printf e >&6; then ends 9; else give_up; fi

name=open_files_are_no_state
fresh
keys ""
if see uart ready && printf s >&6 && see uart 'opened 0x00000001' && say 'savevm state' &&
    see monitor 'the guest has 1 file of the host open by semihosting' && [ ! -e state ] && printf c >&6 &&
    see uart 'closed 0x00000000' && say 'savevm state' && say 'info status' && see monitor 'VM status' && say quit; then
    ends 0
else
    give_up
fi
name=call_that_waits_is_saved
mv uart uart.before
rm -f type keys.in keys.out
keys "" -loadvm state
if printf k >&6 && see uart 'key 0x0000006b' && printf e >&6; then ends 9; else give_up; fi

name=command_that_runs_ends_with_the_machine
fresh
keys ""
if see uart ready && printf w >&6 && see uart waits && say 'savevm state' &&
    see monitor 'CPU 0 waits for the host to end a semihosting call' && say stop && say cont && say quit; then
    ends 0
    pgrep -P $$ -f 'sleep 1000' > /dev/null && echo "not ok $name: it is still there"
else
    give_up
fi

name=reset_leaves_a_command_behind
fresh
keys ""
if see uart ready && printf w >&6 && see uart waits && say system_reset && see uart ready 2 && printf e >&6; then
    ends 9
else
    give_up
fi
exit 0
