#!/bin/bash
# SPDX-License-Identifier: MIT
# -perfmap and -jitdump: what the files say, also where the code cache was emptied and used again, and what perf makes of
# them. tests/run: timeout 180
set -u
program=${BUILD:-build}/dragoman-system-aarch64
[ -x "$program" ] || { echo "skip perf: $program is not built"; exit 0; }
program=$(realpath -s "$program")
guests=$(realpath tests/guests)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"; rm -f "/tmp/perf-$pid.map"' EXIT
pid=none
cd "$tmp" || exit 2
export HOME=$tmp # perf keeps copies of programs there
"$guests/bare.sh" "$tmp/guest.elf" "$guests/rewrite.S" || { echo "skip perf: the guest does not assemble"; exit 0; }
address() { aarch64-linux-gnu-nm "$tmp/guest.elf" | awk -v n="$1" '$3 == n { sub(/^0+/, "0x", $1); print $1 }'; }
spin=$(address spin) place=$(address place)

guest() { timeout -s KILL 60 "$program" -M virt -m 64 -nic none -display none -kernel guest.elf "$@"; }

# The process whose dump is here.
find_pid() {
    pid=$(echo jit-*.dump)
    pid=${pid//[!0-9]/}
}

verdict() { # NAME: with what is wrong on standard input
    local what
    what=$(cat)
    [ -z "$what" ] && echo "ok $1" || echo "not ok $1: ${what//$'\n'/ }"
}

# The records of a dump as lines: time START SIZE NAME, hexadecimal as in the map; the first line is what is wrong.
read_dump() {
    perl -e '
        local $/; my $d = <STDIN>; my ($wrong, @lines, $last, $end) = ("");
        my ($magic, $version, $size, $machine, undef, $pid, $time, $flags) = unpack "L6Q2", $d;
        $wrong = "the header" if $magic != 0x4a695444 || $version != 1 || $size != 40 || $machine != 62 ||
            $pid != $ARGV[0] || $flags != 0;
        my $index = 0;
        for (my $at = $last = $size; $at < length $d && !$wrong; ) {
            my ($id, $bytes, $t) = unpack "L2Q", substr $d, $at;
            $wrong = "time goes back" if $t < $time;
            $wrong = "a record behind the last one" if $end;
            $time = $t;
            if ($id == 0) {
                my ($p, $tid, $vma, $code, $n, $i) = unpack "L2Q4", substr $d, $at + 16;
                my $name = unpack "Z*", substr $d, $at + 56, $bytes - 56;
                $wrong = "a code record" if $p != $pid || $vma != $code || $i != $index++ ||
                    $bytes != 56 + length($name) + 1 + $n;
                $wrong = "code of zeros" if substr($d, $at + $bytes - $n, $n) !~ /[^\0]/;
                push @lines, sprintf "%d %x %x %s\n", $t, $code, $n, $name;
            } elsif ($id == 3) { $end = 1 } else { $wrong = "a record of kind $id" }
            $at += $bytes;
        }
        $wrong ||= "no end" if !$end;
        print "$wrong\n", @lines' "$1"
}

# START SIZE NAME lines that overlap another one
overlaps() {
    perl -ne '
        my ($at, $n, $name) = /^([0-9a-f]+) ([0-9a-f]+) (\S+)$/ or do { print "not a line of a map: $_"; exit };
        push @all, [hex $at, hex $n, $name];
        END {
            my $end = 0;
            for (sort { $a->[0] <=> $b->[0] } @all) {
                print "$_->[2] overlaps another\n" if $_->[0] < $end;
                $end = $_->[0] + $_->[1];
            }
        }' | head -3
}

# ---- a cache that holds everything
guest -S -perfmap -jitdump -monitor unix:mon,server=on,wait=off &
for _ in {1..100}; do [ -S mon ] && break; sleep 0.1; done
find_pid
awk '$2 ~ /x/ && $6 ~ /jit-.*\.dump$/ { found = 1 } END { if (!found) print "the dump is not mapped executable" }' \
    "/proc/$pid/maps" | verdict dump_is_announced_by_a_mapping
perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new("mon") or die; print $s "cont\n"; 1 while <$s>' > /dev/null
wait

read_dump "$pid" < "jit-$pid.dump" > dump
head -1 dump | grep . | verdict dump_is_well_formed
overlaps < "/tmp/perf-$pid.map" | verdict map_is_well_formed
for name in stub:go stub:enter "EL1:$spin" "EL1:$place" "EL1:$place.cold"; do
    grep -q " $name$" "/tmp/perf-$pid.map" || echo "no $name"
done | verdict map_has_stubs_and_blocks
sed 1d dump | cut -d' ' -f2- | diff - "/tmp/perf-$pid.map" | head -3 | verdict map_and_dump_agree
n=$(grep -c " EL1:$place$" dump)
{ [ "$n" = 8000 ] || echo "$n records of code that was written 8,000 times"; } |
    verdict code_that_changes_has_a_record_each_time
rm -f "/tmp/perf-$pid.map" "jit-$pid.dump"

# ---- a cache that is emptied
guest -perfmap -jitdump -accel tcg,tb-size=1
find_pid
read_dump "$pid" < "jit-$pid.dump" > dump
head -1 dump | grep . | verdict dump_is_well_formed_when_room_is_used_again
{
    overlaps < "/tmp/perf-$pid.map"
    grep -q ' stub:go$' "/tmp/perf-$pid.map" || echo "no stubs"
} | verdict map_begins_again_when_the_cache_is_emptied
lines=$(wc -l < "/tmp/perf-$pid.map") records=$(wc -l < dump) stubs=$(grep -c ' stub:' "/tmp/perf-$pid.map")
sed 1d dump | cut -d' ' -f2- > all
{
    [ -n "$(overlaps < all)" ] || echo "no room was used again"
    [ "$lines" -lt "$records" ] || echo "$lines lines of $records records"
    tail -n $((lines - stubs)) all | diff - <(sed "1,${stubs}d" "/tmp/perf-$pid.map") | head -3
} | verdict dump_goes_on_when_the_cache_is_emptied
rm -f "/tmp/perf-$pid.map" "jit-$pid.dump"

# ---- what cannot be
wrong() { # NAME TEXT ARGUMENT...
    local name=$1 text=$2 out rc
    shift 2
    out=$(timeout 20 "$program" -M virt -nic none -display none "$@" 2>&1 < /dev/null)
    rc=$?
    { [ $rc = 1 ] && [[ $out == "dragoman: "*"$text"* ]] && [ "$(wc -l <<< "$out")" = 1 ] ||
        echo "status $rc: $out"; } | verdict "$name"
}
wrong interpreter_has_no_code_to_name 'engine=interp makes no host code' -perfmap -accel tcg,engine=interp
cd /proc/self && wrong dump_cannot_be_made '-jitdump: jit-' -jitdump -perfmap
cd "$tmp" || exit 2

# ---- perf itself
sed 's/TIMES, .*/TIMES, 20/' "$guests/rewrite.S" > few.S # since inject makes a file of each record
"$guests/bare.sh" few.elf few.S
command -v perf > /dev/null && perf record -k 1 -e cpu-clock -o try.data true > /dev/null 2>&1 ||
    { echo "skip perf_finds_names: perf is not installed or may not record"; exit 0; }
perf record -k 1 -e cpu-clock -F 500 -o perf.data "$program" -M virt -m 64 -nic none -display none -kernel few.elf \
    -perfmap -jitdump > /dev/null 2>&1 < /dev/null
find_pid
names_the_loop() {
    perf report -i "$1" --stdio --sort symbol --percent-limit 20 2> /dev/null | grep -qF "EL1:$spin" ||
        echo "perf report does not name the loop at $spin"
}
names_the_loop perf.data | verdict perf_finds_names_in_the_map
rm -f "/tmp/perf-$pid.map"
perf inject --jit -i perf.data -o injected.data > /dev/null 2>&1
names_the_loop injected.data | verdict perf_finds_names_in_the_dump
