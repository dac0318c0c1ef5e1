#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/code/expect.sh [--regenerate]
# What host code the idioms of tests/code/aarch64.S become at each level of the host's instructions: written to
# tests/code/aarch64-x86-64-v3.expect and -v4.expect with --regenerate (make code-expect; the diff is reviewed as
# source is), else compared with them. A test fails if an idiom takes more host instructions than the file says;
# that the instructions are others is said only.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
dragoman=${DRAGOMAN:-$build/dragoman}-system-aarch64
out=$build/tests/code
mkdir -p "$out"

# host_has LEVEL
host_has() {
    local flag
    case $1 in v3) set -- avx2 bmi2 ;; v4) set -- avx512bw avx512vl ;; esac
    for flag; do grep -qw "$flag" /proc/cpuinfo || return 1; done
}

# translate LEVEL: runs the idioms and prints, for each, the guest's instructions and the host's. Host addresses are
# named: in the block by their distance, elsewhere only that they are; numbers that are host addresses likewise.
translate() {
    timeout 60 "$dragoman" -M virt -accel "tcg,host-cpu=x86-64-$1" -nodefaults -display none -semihosting \
        -d in_asm,out_asm -D "$out/log" -kernel "$out/aarch64.elf" || return 1
    aarch64-linux-gnu-nm "$out/aarch64.elf" | awk '{ print $3, "0x" $1 }' > "$out/symbols"
    awk '
        BEGIN {
            for (i = 0; i < 11; i++) digits = digits "[0-9a-f]"
            host_code = "0x7" digits; host_data = "0x5" digits
        }
        function number(s) { return tolower(substr("0000000000000000" substr(s, 3), length(s) - 1)) }
        FILENAME ~ /symbols$/ { name[number($2)] = $1; next }
        /^IN: / { where = number($2); shown = (where in name) && !(where in seen) && name[where] !~ /^(_start|done|first)$/
            if (shown) { seen[where] = 1; printf "\n%s\n", name[where] } ; guest = 1; next }
        /^OUT: / { if (shown) { count = 0; text = "" } ; guest = 0; next }
        /^$/ { if (shown && !guest) { printf "%s  = %d\n", text, count; shown = 0 } ; next }
        !shown { next }
        guest { sub(/^0x[0-9a-f]* +/, ""); gsub(/0x4020[0-9a-f]*/, "there"); print "    " $0; next }
        {
            sub(/^ *0x[0-9a-f]+ +/, ""); sub(/ +$/, "")
            if ($0 ~ /^nop/) next
            gsub(host_code, "elsewhere"); gsub(host_data, "address")
            text = text "        " $0 "\n"; count++
        }' "$out/symbols" "$out/log"
}

# counts FILE: NAME and number of host instructions of each idiom
counts() {
    awk '/^[a-z]/ { name = $1 } /^  = / { print name, $2 }' "$1" | sort
}

tests/guests/bare.sh "$out/aarch64.elf" tests/code/aarch64.S || exit 1
status=0
for level in v3 v4; do
    expect=tests/code/aarch64-x86-64-$level.expect
    test=host_code_of_idioms_$level
    if ! host_has $level; then
        echo "skip $test: the host is not an x86-64-$level"
        continue
    fi
    { echo "# Host code of the idioms of aarch64.S, x86-64-$level. Written by make code-expect."; translate $level; } \
        > "$out/$level" 2> "$out/err" || { echo "not ok $test: $(tail -1 "$out/err")"; status=1; continue; }
    if [ "${1:-}" = --regenerate ]; then
        cp "$out/$level" $expect
        echo "$expect: $(counts $expect | awk '{ n += $2 } END { print NR " idioms, " n " host instructions" }')"
        continue
    fi
    worse=$(join -a 1 -a 2 <(counts $expect) <(counts "$out/$level") | awk 'NF < 3 || $3 > $2 { print $1 ": " $2 " -> " $3 }')
    if [ -n "$worse" ]; then
        echo "$worse" | sed 's/^/# /'
        echo "not ok $test: longer than in $expect: $(echo "$worse" | head -1) (and $(($(echo "$worse" | wc -l) - 1)) more)"
        status=1
    else
        cmp -s $expect "$out/$level" || echo "# $expect: other instructions now; make code-expect writes them"
        echo "ok $test"
    fi
done
exit $status
