#!/bin/bash
# disk.sh WORK CACHE PAIRS EMULATOR-A EMULATOR-B IMG-A IMG-B
# Speed of disk images: the tools' bench and convert, and a guest's disks (virtio-blk, by fio in Debian), A and B in turn on
# the same files. For each the medians of A and B, the median, least and greatest ratio of the pairs (above 1: A is faster)
# and the ratio of CPU times; geometric means by kind; a chain of 8 images beside a raw one, under A.
# FILTER=PATTERN: only the measurements whose names match.
set -u
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 7 ] || { sed -n 2,7p "$0" >&2; exit 2; }
mkdir -p "$1"; work=$(cd "$1" && pwd)/disk cache=$2 pairs=$3; shift 3
mkdir -p "$work"
# 1 GiB: files of this host in runs, zeros between them
if [ ! -s "$work/source.raw" ]; then
	rm -f "$work/data"; tar -cf - /usr/lib /usr/bin /usr/share/doc 2> /dev/null | head -c 640M > "$work/data"
	truncate -s 1G "$work/source.new"
	for i in $(seq 0 19); do dd if="$work/data" of="$work/source.new" bs=1M skip=$((i * 32)) seek=$((i * 51)) count=32 conv=notrunc status=none; done
	mv "$work/source.new" "$work/source.raw"; rm -f "$work/data"
fi
exec perl - "$here" "$work" "$cache" "$pairs" "$@" <<'P'
use strict; use warnings; use Time::HiRes qw(time);
no warnings 'qw';
my ($here, $work, $cache, $pairs, $emu_a, $emu_b, $img_a, $img_b) = @ARGV;
my %emu = (A => $emu_a, B => $emu_b); my %img = (A => $img_a, B => $img_b);
my $filter = $ENV{FILTER} // '.'; my (%means, $wrong); $wrong = 0; $| = 1;
sub median { my @r = sort { $a <=> $b } @_; @r % 2 ? $r[@r / 2] : ($r[@r / 2 - 1] + $r[@r / 2]) / 2 }
# wall and CPU seconds of a command
sub run { my @c = @_; my @before = times; my $start = time; my $pid = fork // die $!;
	if (!$pid) { open STDIN, '<', '/dev/null'; open STDOUT, '>', "$work/out"; open STDERR, '>&STDOUT'; exec @c or exit 127 }
	waitpid $pid, 0; my $wall = time - $start; my @after = times;
	if ($?) { print "@c: exit status ", $? >> 8, "\n"; system 'tail', '-3', "$work/out"; $wrong = 1 }
	return ($wall, $after[2] + $after[3] - $before[2] - $before[3]) }
sub row { my ($kind, $name, $t, $cpu, $more) = @_; # seconds of A and B
	my @r = map { $t->{B}[$_] / $t->{A}[$_] } 0 .. $#{$t->{A}}; my @s = sort { $a <=> $b } @r; my $m = median(@r);
	printf "DISK %-8s %-26s %9.3f %9.3f %7.2f %7.2f %7.2f %7.2f\n", $kind, $name, median(@{$t->{A}}), median(@{$t->{B}}), $m, $s[0], $s[-1],
		$cpu ? median(@{$cpu->{B}}) / (median(@{$cpu->{A}}) || 1e-9) : 0;
	push @{$means{$kind}}, log $m }
sub compare { my ($kind, $name, $command, $clean) = @_; my (%t, %cpu); "$kind-$name" =~ /$filter/ or return;
	for my $i (0 .. $pairs) { for my $e ($i % 2 ? qw(A B) : qw(B A)) {
		my ($wall, $cpu) = run($command->($e)); $clean->($e) if $clean;
		if ($i) { push @{$t{$e}}, $wall; push @{$cpu{$e}}, $cpu } } }
	row($kind, $name, \%t, \%cpu) }
sub image { my ($e) = @_; return split ' ', $img{$e} }

printf "%-13s %-26s %9s %9s %7s %7s %7s %7s\n", qw(kind measurement A-s B-s median least most cpu);
# requests to one image
system('cp', '--sparse=always', "$work/source.raw", "$work/bench.raw"); my %of = (raw => "$work/bench.raw", qcow2 => "$work/bench.qcow2");
run(image('B'), qw(convert -O qcow2), $of{raw}, $of{qcow2});
for my $f (qw(raw qcow2)) { for my $aio (qw(threads io_uring)) { for my $op ('read', 'write') {
	for my $how ([qw(4k 1 60000)], [qw(4k 64 150000)], [qw(64k 32 30000)]) { my ($s, $d, $n) = @$how;
		compare('bench', "$f-$op-$s-d$d-$aio", sub { (image($_[0]), 'bench', '-f', $f, '-i', $aio, '-s', $s, '-d', $d, '-c', $n,
			$s eq '4k' ? (-S => 28672) : (), $op eq 'write' ? '-w' : (), $of{$f}) }) } } } }
for my $how ([qw(4k 64 60000)], [qw(64k 32 12000)]) { my ($s, $d, $n) = @$how; # each write goes to a place that is new
	compare('bench', "qcow2-new-$s-d$d-io_uring", sub { my $f = "$work/to.$_[0]"; system("$img{A} create -q -f qcow2 $f 1G");
		(image($_[0]), 'bench', '-w', '-f', 'qcow2', '-i', 'io_uring', '-s', $s, '-d', $d, '-c', $n, $f) }, sub { unlink "$work/to.$_[0]" }) }
# copies: of what was not written over
run(image('B'), qw(convert -O qcow2), "$work/source.raw", "$work/source.qcow2");
for my $how (['raw-qcow2', qw(-f raw -O qcow2)], ['qcow2-raw', qw(-f qcow2 -O raw)], ['qcow2-qcow2', qw(-f qcow2 -O qcow2)]) { my ($name, @o) = @$how;
	my $from = $name =~ /^raw/ ? "$work/source.raw" : "$work/source.qcow2";
	compare('convert', $name, sub { (image($_[0]), 'convert', @o, $from, "$work/to.$_[0]") }, sub { unlink "$work/to.$_[0]" }) }
my %bytes;
for my $c (qw(zlib zstd)) { compare('compress', $c, sub { (image($_[0]), qw(convert -c -f raw -O qcow2 -o), "compression_type=$c", "$work/source.raw", "$work/to.$_[0]") },
	sub { $bytes{$c}{$_[0]} = -s "$work/to.$_[0]"; unlink "$work/to.$_[0]" });
	printf "DISK-BYTES %s A %d B %d A/B %.4f\n", $c, @{$bytes{$c}}{qw(A B)}, $bytes{$c}{A} / $bytes{$c}{B} if $bytes{$c} }
# a chain: each image has an eighth of the disk, in turn
if ('chain' =~ /$filter/) { my ($below, %t); $below = "$work/chain0.raw"; system('cp', '--sparse=always', "$work/source.raw", $below);
	for my $i (1 .. 8) { my $top = "$work/chain$i.qcow2"; unlink $top;
		run(image('A'), qw(create -f qcow2 -F), $i == 1 ? 'raw' : 'qcow2', '-b', $below, $top);
		run(image('A'), qw(bench -w -f qcow2 -s 64k -d 8 -S 1M -c 1000 -o), ($i - 1) * 65536, $top); $below = $top }
	for my $how (['64k-d32', qw(-s 64k -d 32 -c 30000)], ['4k-d1', qw(-s 4k -d 1 -c 60000 -S 28672)], ['4k-d32', qw(-s 4k -d 32 -c 150000 -S 28672)]) { my ($name, @o) = @$how; %t = ();
		for my $i (0 .. $pairs) { for my $e ($i % 2 ? qw(A B) : qw(B A)) { # A: the chain, B: raw
			run(image('A'), 'bench', '-f', $e eq 'A' ? ('qcow2', @o, $below) : ('raw', @o, "$work/source.raw")); open my $o, '<', "$work/out"; # without the start
			my ($took) = join('', <$o>) =~ /completed in ([\d.]+)/; push @{$t{$e}}, $took || 1e9 if $i } }
		row('chain', $name, \%t) } unlink glob "$work/chain*" }
# a guest
if ('guest' =~ /$filter/) { my %g;
	for my $i (0 .. $pairs) { for my $e ($i % 2 ? qw(A B) : qw(B A)) { last if !$i;
		for my $f (qw(raw qcow2)) { unlink "$work/guest.$f"; system('cp', '--sparse=always', $of{$f}, "$work/guest.$f") }
		open my $out, '-|', 'timeout', 600, split(' ', $emu{$e}), qw(-M virt -cpu max,pauth=off,sve=off,sme=off -m 1G -nographic -no-reboot -kernel), "$cache/arm64/vmlinuz-arm64",
			'-initrd', "$cache/arm64/bench-disks.cpio", '-append', 'console=ttyAMA0 panic=-1', map { ('-drive', "if=virtio,file=$work/guest.$_,format=$_") } qw(raw qcow2);
		while (<$out>) { push @{$g{$1}{$e}}, 1000 / ($2 || 1e-9) if /^FIO (\S+) \S+ (\S+)/ } close $out } } 
	for my $n (sort keys %g) { if (@{$g{$n}{A} // []} == $pairs && @{$g{$n}{B} // []} == $pairs) { row('guest', $n, $g{$n}) } else { print "guest $n: not measured in each run\n"; $wrong = 1 } }
	if (!%g) { print "guest: no result\n"; $wrong = 1 } unlink glob "$work/guest.*" }
for my $k (sort keys %means) { my $x = 0; $x += $_ for @{$means{$k}}; printf "DISK-MEAN %s %.2f least %.2f (%d)\n", $k, exp($x / @{$means{$k}}), exp((sort { $a <=> $b } @{$means{$k}})[0]), scalar @{$means{$k}} }
exit $wrong;
P
