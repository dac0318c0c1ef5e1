#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# Flash that is a drive: whatever ends the process, and whenever, the file has each program and erase that the guest was
# told is done, and the next process goes on with it. readonly=on and snapshot=on leave the file alone.
set -u
program=${BUILD:-build}/dragoman-system-aarch64
[ -x "$program" ] || { echo "skip flash: $program is not built"; exit 0; }
program=$(realpath -s "$program")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tests/guests/bare.sh "$tmp/flash.elf" tests/guests/flash.S || { echo "skip flash: the guest does not assemble"; exit 0; }
cd "$tmp" || exit 2
seed=${TEST_SEED:-$RANDOM}
echo "# TEST_SEED=$seed"
RANDOM=$seed

# said NAME WORD: the number in the last whole line of NAME that begins with WORD
said() { printf '%d' "0x$(sed -n "s/^$2 \([0-9a-f]\{8\}\)\$/\1/p" "$1" | tail -1)" 2> /dev/null; }
# stored FILE: how many words from the start hold their number
stored() { od -An -v -tu4 -w4 "$1" | awk '$1 != NR { exit } { n++ } END { print n + 0 }'; }

run() { # OUT ARGUMENT...: starts the guest
    local out=$1
    shift
    rm -f "$out"
    "$program" -M virt -cpu cortex-a57 -display none -nic none -monitor none -serial "file:$out" -kernel flash.elf "$@" < /dev/null 2> err &
    pid=$!
}
# waits until the file has that many lines, or the guest has ended
lines() { # FILE N
    local i
    for i in $(seq 1200); do
        [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ] && return
        kill -0 $pid 2> /dev/null || return
        sleep 0.05
    done
}

truncate -s 64M vars.fd
last=0 bad=
for i in $(seq 12); do
    run out -drive if=pflash,unit=1,format=raw,file=vars.fd
    lines out $((2 + RANDOM % 400))
    kill -9 $pid
    wait $pid 2> /dev/null
    found=$(said out found)
    now=$(said out programmed)
    now=${now:-0}
    have=$(stored vars.fd)
    [ "$i" -gt 1 ] && [ "${found:-0}" -lt "$last" ] && bad="run $i found ${found:-0} of $last words"
    [ "$have" -ge "$now" ] || bad="run $i programmed $now words, of which the file has $have"
    [ "$have" -ge "$last" ] || bad="run $i: the file had $last words, and has $have"
    last=$have
done
[ -z "$bad" ] && [ "$last" -gt 20 ] && echo "ok killed_flash_has_all_that_was_completed" || echo "not ok killed_flash_has_all_that_was_completed: ${bad:-only $last words} $(head -1 err)"

run out -drive if=none,id=vars,format=raw,file=vars.fd -M virt,pflash1=vars
lines out 2
kill -9 $pid
wait $pid 2> /dev/null
[ "$(said out found)" = "$last" ] && echo "ok machine_property_names_the_drive" || echo "not ok machine_property_names_the_drive: $(head -1 out) $(head -1 err)"

cp vars.fd before.fd
run out -drive if=pflash,unit=1,format=raw,file=vars.fd,snapshot=on
lines out 60
kill -9 $pid
wait $pid 2> /dev/null
grep -q '^programmed ' out && cmp -s vars.fd before.fd && echo "ok snapshot_is_not_written" || echo "not ok snapshot_is_not_written: $(tail -1 out) $(head -1 err)"

run out -drive if=pflash,unit=1,format=raw,file=vars.fd -snapshot
lines out 60
kill -9 $pid
wait $pid 2> /dev/null
grep -q '^programmed ' out && cmp -s vars.fd before.fd && echo "ok option_snapshot_is_for_flash_too" || echo "not ok option_snapshot_is_for_flash_too: $(tail -1 out) $(head -1 err)"

run out -drive if=pflash,unit=1,format=raw,file=vars.fd,readonly=on
wait $pid
grep -q '^fails 00120012' out && cmp -s vars.fd before.fd && echo "ok read_only_flash_refuses" || echo "not ok read_only_flash_refuses: $(tail -1 out) $(head -1 err)"

truncate -s 64M empty.fd
run out -drive if=pflash,unit=1,format=raw,file=empty.fd
lines out 30
kill $pid
wait $pid 2> /dev/null
now=$(said out programmed)
[ "$(stored empty.fd)" -ge "$now" ] && [ "$now" -gt 5 ] && echo "ok ended_flash_has_all_that_was_completed" || echo "not ok ended_flash_has_all_that_was_completed: $now, $(stored empty.fd) $(head -1 err)"
exit 0
