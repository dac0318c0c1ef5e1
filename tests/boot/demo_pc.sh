#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# What `make demo ARCH=amd64` and ARCH=i386 run, in a terminal: the guest's shell answers, ctrl-c is the guest's, ctrl-a x
# ends the machine, and the terminal is as it was.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
need_seabios demo_pc
need_guest demo_pc
rm -rf "$work"
mkdir -p "$work" || exit 2
export BUILD=${BUILD:-build} TERM=xterm

# shown SECONDS TEXT: it is in the terminal by then
shown() {
    for ((n = 0; n < $1 * 10; n++)); do
        grep -aqF -- "$2" "$work/terminal" && return
        perl -e 'select(undef, undef, undef, 0.1)'
    done
    return 1
}

# What a user types: each step when the one before has been answered.
keyboard() {
    shown 160 '~ # ' && printf 'echo $((6 * 7)) is the answer\r' && shown 60 '42 is the answer' &&
        printf '\003' && shown 20 '^C' && printf 'echo behind ctrl-c on $(uname -m)\r' && shown 60 "behind ctrl-c on $1"
    printf '\001x'
}

boots() { # ARCH MACHINE
    local name=demo_of_$1 wrong=
    [ -d "$cache/$1" ] || { echo "skip $name: $cache/$1 is not there"; return; }
    echo "# $name"
    : > "$work/terminal"
    keyboard "$2" | script -qfec "stty -a | grep -v speed > '$work/before'
        timeout --foreground -s KILL 400 tests/guests/demo.sh '$cache' $1; echo \$? > '$work/status'
        stty -a | grep -v speed > '$work/after'" "$work/terminal" > /dev/null
    [ "$(cat "$work/status")" = 0 ] || wrong="status $(cat "$work/status")"
    grep -aqF "behind ctrl-c on $2" "$work/terminal" || wrong+=" the shell did not answer"
    cmp -s "$work/before" "$work/after" || wrong+=" the terminal is not as it was"
    [ -z "$wrong" ] && echo "ok $name" || echo "not ok $name:$wrong: $(tail -c 200 "$work/terminal" | tr -d '\000-\037')"
}
boots amd64 x86_64
boots i386 i686
