#!/bin/bash
# micro.sh WORKDIR PAIRS EMULATOR-A EMULATOR-B
# Micro-benchmarks as a bare-metal arm64 guest (bare/micro.S), under A and B in turn: for each the least time of an
# operation in ns and the median of the pairs' ratios B/A (above 1: A is faster), then geometric means by class.
# Exit status 1 if an emulator does not finish the guest.
set -u
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 4 ] || { sed -n 2,5p "$0" >&2; exit 2; }
work=$1 pairs=$2 a=$3 b=$4
mkdir -p "$work"
"$here/../guests/bare.sh" "$work/micro.elf" "$here/bare/micro.S" || exit 2
rm -f "$work"/micro.[AB].*
one() { timeout "${LIMIT:-300}" $2 -M virt -cpu max -m 1G -nographic -nic none -kernel "$work/micro.elf" < /dev/null > "$work/micro.$1" 2>&1; }
for i in $(seq "$pairs"); do
	if [ $((i % 2)) = 1 ]; then one "A.$i" "$a"; one "B.$i" "$b"; else one "B.$i" "$b"; one "A.$i" "$a"; fi
done
exec perl - "$work" <<'P'
use strict; use warnings;
my ($dir) = @ARGV; my (%t, @names, %seen, $wrong);
my %class = ((map { $_ => 'control' } qw(calls recursion pointer_calls jumps switch)),
	(map { $_ => 'memory' } qw(load_same_page load_indexed load_chain store_indexed copy_16k exclusive atomic)),
	(map { $_ => 'TLB' } qw(tlb_4k_256k tlb_4k_2m tlb_4k_16m tlb_4k_64m tlb_2m_64m tlbi_refill asid_switch)),
	(map { $_ => 'FP' } qw(fp_add fp_mul fp_div fp_single_mul fp_fma fp_compare fp_convert)),
	(map { $_ => 'SIMD' } qw(simd_float simd_integer)), (map { $_ => 'integer' } qw(alu flags branch_random)),
	(map { $_ => 'system' } qw(svc_eret irq_mask counter thread_pointer mmio_read mmio_write code_patch)));
for my $file (sort glob "$dir/micro.[AB].*") {
	my ($e, $i) = $file =~ m{micro\.([AB])\.(\d+)$} or next; my $n = 0;
	open my $f, '<', $file or die $!;
	while (<$f>) { next unless /^MICRO (\w+) (\d+)/; push @names, $1 unless $seen{$1}++; $t{$1}{$e}{$i} = ($2 || 1) / 1000; $n++ }
	if ($n < keys %class) { print "$e run $i: only $n results\n"; $wrong = 1 } }
sub median { my @r = sort { $a <=> $b } @_; @r % 2 ? $r[@r / 2] : ($r[@r / 2 - 1] + $r[@r / 2]) / 2 }
my %g; printf "%-18s %-8s %10s %10s %7s %7s %7s\n", qw(operation class A-ns B-ns median least most);
for my $n (@names) {
	my ($A, $B) = ($t{$n}{A} // {}, $t{$n}{B} // {}); my @r = sort { $a <=> $b } map { $B->{$_} / $A->{$_} } grep { $B->{$_} } keys %$A;
	@r or next; my ($x) = sort { $a <=> $b } values %$A; my ($y) = sort { $a <=> $b } values %$B; my $m = median(@r);
	printf "%-18s %-8s %10.2f %10.2f %7.2f %7.2f %7.2f\n", $n, $class{$n} // '-', $x, $y, $m, $r[0], $r[-1];
	push @{$g{$class{$n} // '-'}}, log $m }
for my $c (sort keys %g) { my $x = 0; $x += $_ for @{$g{$c}}; printf "GEOMEAN micro-%s %.2f (%d)\n", $c, exp($x / @{$g{$c}}), scalar @{$g{$c}} }
exit($wrong || !@names ? 1 : 0);
P
