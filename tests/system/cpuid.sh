#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# tests/system/cpuid.sh [CPU...]
# What CPUID says of each model, beside QEMU 10: the ROM of tests/system/cpuid prints all leaves. Each difference must stand
# in tests/system/cpuid_differences with a reason, and each line there must be one. So must QEMU's warnings of what a model
# has and is not there be ours, but for what we have.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
program=$build/dragoman-system-x86_64
qemu=${DRAGOMAN_CACHE:-$build/cache}/qemu10/bin/qemu-system-x86_64
out=$build/tests/cpuid
list=tests/system/cpuid_differences
[ "$(uname -m)" = x86_64 ] || { echo "skip cpuid: the host's assembler is not one for x86"; exit 0; }
[ -x "$program" ] || { echo "skip cpuid: $program is not built"; exit 0; }
[ -x "$qemu" ] || { echo "skip cpuid: no QEMU 10 in the cache (make oracle)"; exit 0; }
mkdir -p "$out"
if ! as --32 -o "$out/dump.o" tests/system/cpuid/dump.S || ! objcopy -O binary -j .text "$out/dump.o" "$out/dump.bin"; then
    echo "not ok cpuid_rom_is_made"
    exit 1
fi

# dump PROGRAM FILE CPU CPUS
dump() {
    rm -f "$2"
    timeout 60 "$1" -M pc -cpu "$3" -smp "$4" -m 16M -nodefaults -display none -serial "file:$2" -no-reboot \
        -bios "$out/dump.bin" < /dev/null > "$2.err" 2>&1
    [ "$(tail -n 1 "$2")" = end ]
}

# differences CPU OURS THEIRS: lines "CPU LEAF.SUBLEAF:REGISTER OURS THEIRS", - for a line that is not there. A leaf beyond
# the last one repeats another, and is left out.
differences() {
    awk -v cpu="$1" '
        NF == 1 && $1 != "end" { $0 = "reset 0 0 0 " $1 }
        NF != 5 { next }
        {
            sub(/\.0000/, ".", $1); sub(/^0+/, "", $1); if ($1 ~ /^\./) $1 = "0" $1
            leaf = $1; sub(/\..*/, "", leaf)
            if (!($1 in seen)) { order[++n] = $1; seen[$1] = 1 }
            for (r = 2; r <= 5; r++) value[FILENAME, $1, r] = $r
            there[FILENAME, $1] = 1
            if ($1 == "0.0000") last[0] = $2
            if ($1 == "80000000.0000" && $2 ~ /^8/) last[8] = $2
        }
        function beyond(k) { # leaves have 8 digits then
            sub(/\..*/, "", k)
            while (length(k) < 8) k = "0" k
            return k ~ /^[1-7]/ ? k > "40000001" : k > (k ~ /^8/ ? last[8] : last[0])
        }
        END {
            split("- EAX EBX ECX EDX", name, " ")
            for (i = 1; i <= n; i++) {
                for (r = 2; r <= 5; r++) {
                    k = order[i]
                    a = (ARGV[1], k) in there ? value[ARGV[1], k, r] : "-"
                    b = (ARGV[2], k) in there ? value[ARGV[2], k, r] : "-"
                    if (a != b && !beyond(k)) print cpu, k ":" name[r], a, b
                }
            }
        }' "$2" "$3"
}

warnings() {
    sed -n "s/.*warning: \(TCG doesn't support requested feature: CPUID.*\)/\1/p" "$1" | sort
}

names=$("$program" -cpu help | sed -n '/^Available/,/^$/s/^  \([^ ]*\) .*/\1/p' | grep -E -e '-v[0-9]+$|^base$|^max$')
cpus=${*:-$names}
: > "$out/all"
status=0
for cpu in $cpus; do
    for smp in 1 4; do
        case $cpu-$smp in Haswell-v1-4 | EPYC-v1-4 | qemu64-v1-4 | qemu32-v1-4 | *-1) ;; *) continue ;; esac
        for who in "$program ours" "$qemu theirs"; do
            set -- $who
            dump "$1" "$out/$2.$cpu.$smp" "$cpu" $smp ||
                { echo "not ok cpuid_$cpu: $2 printed no end: $(tail -1 "$out/$2.$cpu.$smp.err")"; exit 1; }
        done
        differences "$cpu-smp$smp" "$out/ours.$cpu.$smp" "$out/theirs.$cpu.$smp" >> "$out/all"
    done
    comm -3 <(warnings "$out/ours.$cpu.1.err") <(warnings "$out/theirs.$cpu.1.err") | sed "s/^\t*/$cpu warns /" >> "$out/all"
done

# Lines of the list: a pattern of differences, "#", the reason.
: > "$out/used"
while IFS= read -r line; do
    reason=
    while IFS='#' read -r pattern why; do
        pattern=${pattern%% }
        [ -n "$pattern" ] && [[ $line =~ ^${pattern%"${pattern##*[! ]}"}$ ]] && reason=$why && echo "$pattern" >> "$out/used" && break
    done < "$list"
    if [ -z "$reason" ]; then
        echo "not ok cpuid_differs: $line (ours, QEMU's)"
        status=1
    fi
done < "$out/all"
if [ "$cpus" = "$names" ]; then
    while IFS='#' read -r pattern why; do
        pattern=${pattern%% }
        [ -z "$pattern" ] || grep -qxF -e "$pattern" "$out/used" ||
            { echo "not ok cpuid_difference_is_one: $pattern stands in $list and differs nowhere"; status=1; }
    done < "$list"
fi
[ $status = 0 ] && echo "ok cpuid_is_that_of_qemu: $(wc -l < "$out/all") differences in the list, of $(echo "$cpus" | wc -w) models"
exit $status
