#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 300
# The counted clock: with a fixed shift, seed and date, two runs of Debian's kernel are the same up to any instruction, with
# one vCPU and with several, on an idle host and on a busy one. `stop=` prints the registers there.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
need_guest debian_arm64

# run CPUS STOP SEED: console output and registers at STOP
run() {
    timeout -s KILL 120 "$dragoman" -M virt -m 512M -nographic -nic none -smp "$1" \
        -icount "shift=3,sleep=off,stop=$2" -seed "$3" -rtc base=2024-01-01 \
        -kernel "$kernel" -append console=ttyAMA0 < /dev/null 2>&1
}

# busy COMMAND...: beside a loop that takes host CPU time
busy() {
    (while :; do :; done) &
    local loop=$!
    "$@"
    kill "$loop"
    wait "$loop" 2>/dev/null
}

# same NAME CPUS STOP
same() {
    local first second
    first=$(run "$2" "$3" 1)
    second=$(busy run "$2" "$3" 1)
    if ! grep -q 'PC=[0-9a-f]*[1-9a-f]' <<< "$first"; then
        echo "not ok $1: no registers were printed: $(tail -n 1 <<< "$first" | cut -c1-200)"
    elif [ "$first" != "$second" ]; then
        echo "not ok $1: $(diff <(echo "$first") <(echo "$second") | head -n 3 | tr '\n' ' ')"
    else
        echo "ok $1"
    fi
}

same one_vcpu_is_the_same_at_an_early_stop 1 20000000
same one_vcpu_is_the_same_at_a_late_stop 1 150000000
same four_vcpus_are_the_same_while_they_start 4 150000000

if [ "$(run 1 20000000 1)" != "$(run 1 20000001 1)" ]; then
    echo "ok one_instruction_more_shows"
else
    echo "not ok one_instruction_more_shows: the registers are the same"
fi
