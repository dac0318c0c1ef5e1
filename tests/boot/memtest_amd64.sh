#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# memtest86+, started by SeaBIOS on 64 MiB: tests 0 to 9 of its first pass, read from its serial console, find no error.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64 guest_limit=560
. tests/support/console.sh
memtest=$cache/firmware/memtest86+/boot/memtest86+x64.bin
[ -e "$memtest" ] || { echo "skip memtest_amd64: no memtest86+ in $cache (make guests)"; exit 0; }
need_seabios memtest_amd64

name=memtest_finds_no_error_in_its_tests_0_to_9
guest_start $name -M pc -m 64M -nographic -nic none -kernel "$memtest" -append console=ttyS0,115200
if ! await 60 '#0  [Address test'; then
    wrong="it does not begin"
elif ! await 500 '#10 [Bit fade'; then
    wrong="it does not come to test 10"
elif [[ $before$line =~ Errors:\ +[1-9] ]] || ! [[ $before$line =~ Errors:\ +0 ]]; then
    wrong="it finds errors"
else
    wrong=
fi
guest_kill
guest_end 10
[ -z "$wrong" ] && echo "ok $name" || echo "not ok $name: $wrong; console $log"
