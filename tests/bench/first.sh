#!/bin/bash
# first.sh WORKDIR RUNS EMULATOR-A EMULATOR-B
# Time from exec to a guest's first instruction: a bare-metal guest whose first store is to the UART, until that byte
# comes out; A and B in turn. Prints for each the median, least and greatest in ms, and the ratio of the medians.
set -u
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 4 ] || { sed -n 2,4p "$0" >&2; exit 2; }
mkdir -p "$1"
"$here/../guests/bare.sh" "$1/first.elf" "$here/bare/first.S" || exit 2
exec perl - "$@" <<'P'
use strict; use warnings; use Time::HiRes qw(time);
my ($dir, $runs, %command) = ($ARGV[0], $ARGV[1], A => $ARGV[2], B => $ARGV[3]); my %ms;
open STDIN, '<', '/dev/null' or die $!;
sub once {
	my @c = (split(' ', $_[0]), qw(-M virt -cpu max -nographic -nic none -kernel), "$dir/first.elf");
	my $start = time; my $pid = open(my $out, '-|') // die $!;
	if (!$pid) { open STDERR, '>', '/dev/null'; exec @c or exit 127 }
	my $ok; local $SIG{ALRM} = sub { kill 'KILL', $pid }; alarm 20;
	my $n = sysread $out, my $byte, 1; my $took = (time - $start) * 1000; $ok = $n && $byte eq '!';
	1 while sysread $out, my $rest, 4096; close $out; alarm 0;
	return $ok ? $took : undef }
once($command{$_}) for qw(A B);
for my $i (1 .. $runs) { for my $e ($i % 2 ? qw(A B) : qw(B A)) {
	my $t = once($command{$e}); defined $t or do { print "$e: the guest's first byte did not come\n"; exit 1 }; push @{$ms{$e}}, $t } }
my %m; for my $e (qw(A B)) { my @s = sort { $a <=> $b } @{$ms{$e}}; $m{$e} = $s[@s / 2];
	printf "FIRST-INSTRUCTION %s ms median %.1f least %.1f most %.1f\n", $e, $m{$e}, $s[0], $s[-1] }
printf "FIRST-INSTRUCTION ratio %.2f\n", $m{B} / $m{A};
P
