#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# firmware.pl FOLDER < CONSOLE: writes what the guest fw_cfg.S printed into files of FOLDER ("/" in names is "_"), does
# what etc/table-loader asks of firmware, with the blobs at addresses of its own, and checks what it made: pointers lead
# to tables, checksums are right. Each table is then a file NAME.aml of FOLDER, a second one of a name NAME2.aml.
use strict;
use warnings;

my $folder = shift // die "firmware.pl: which folder?\n";
my (%file, %item, $name);
sub trouble { print "trouble: @_\n"; exit 1 }
sub sum { unpack '%8C*', $_[0] }

while (<STDIN>) {
    s/\r?\n?$//;
    if (/^file (\S+) ([0-9a-f]{8})$/) { $name = \$file{$1}; $$name = '' }
    elsif (/^item ([0-9a-f]{8}) /) { $name = \$item{hex $1}; $$name = '' }
    elsif ($name && /^[0-9a-f]*$/) { $$name = pack 'H*', $_; undef $name }
}
sub keep {
    my ($to, $bytes) = @_;
    open my $f, '>:raw', "$folder/$to" or die "$folder/$to: $!\n";
    print $f $bytes;
    close $f;
}
keep(tr{/}{_}r, $file{$_}) for keys %file;
keep(sprintf('item_%02x', $_), $item{$_}) for keys %item;

# SMBIOS structures, a line each: type, handle, fields, strings
if (my $tables = $file{'etc/smbios/smbios-tables'}) {
    my ($a, $lines) = ($file{'etc/smbios/smbios-anchor'}, '');
    trouble 'SMBIOS anchor' unless $a =~ /^_SM3_/ && unpack('x12 V', $a) == length $tables;
    while (length $tables) {
        my ($type, $n, $handle) = unpack 'C C v', $tables;
        my ($fields, $strings) = substr($tables, 4) =~ /^(.{@{[$n - 4]}})(.*?)\0\0/s or trouble "SMBIOS type $type";
        $lines .= sprintf "type %d handle %04x %s %s\n", $type, $handle, unpack('H*', $fields), $strings =~ s/\0/|/gr;
        $tables = substr $tables, $n + length($strings) + 2;
    }
    trouble 'SMBIOS end' unless $lines =~ /\ntype 127 handle 7f00  \n$/;
    keep('smbios', $lines);
}
exit 0 unless defined $file{'etc/table-loader'};

# ---- as the firmware does
my (%blob, %at, %writable);
my $next = 0x7000_0000;
for my $c (unpack '(a128)*', $file{'etc/table-loader'}) {
    my ($command, $one, $rest) = unpack 'V Z56 a*', $c;
    my ($other, $numbers) = unpack 'Z56 a*', $rest;
    last if !$command;
    if ($command == 1) {
        my ($align) = unpack 'V', $rest;
        trouble "no file $one" unless defined $file{$one};
        $next = ($next + $align - 1) & ~($align - 1);
        ($blob{$one}, $at{$one}) = ($file{$one}, $next);
        $next += length $file{$one};
    } elsif ($command == 2) {
        my ($offset, $size) = unpack 'V C', $numbers;
        trouble "pointer in $one to $other" unless $blob{$one} && $blob{$other} && $offset + $size <= length $blob{$one};
        my $value = unpack 'Q<', substr($blob{$one}, $offset, $size) . "\0" x 8;
        trouble "pointer in $one at $offset leads out of $other" if $value >= length $blob{$other};
        substr($blob{$one}, $offset, $size) = substr pack('Q<', $value + $at{$other}), 0, $size;
    } elsif ($command == 3) {
        my ($offset, $start, $n) = unpack 'V3', $rest;
        trouble "checksum of $one" unless $blob{$one} && $start + $n <= length $blob{$one} && $offset >= $start && $offset < $start + $n;
        substr($blob{$one}, $offset, 1) = chr(-sum(substr $blob{$one}, $start, $n) & 0xff);
    } elsif ($command == 4) {
        my ($to, $from, $size) = unpack 'V V C', $numbers;
        trouble "address of $other into $one" unless $file{$one} && $blob{$other} && $to + $size <= length $file{$one};
        $writable{$one} = $at{$other} + $from;
    } else {
        trouble "command $command";
    }
}

# ---- as the operating system does
sub memory {
    my ($a, $n) = @_;
    for (keys %at) {
        return substr $blob{$_}, $a - $at{$_}, $n if $a >= $at{$_} && $a + $n <= $at{$_} + length $blob{$_};
    }
    trouble sprintf 'nothing is at %#x', $a;
}
my %count;
sub table {
    my $a = shift;
    my ($signature, $n) = unpack 'a4 V', memory($a, 36);
    my $bytes = memory($a, $n);
    trouble "checksum of $signature" if sum($bytes) & 0xff;
    my $k = ++$count{$signature};
    keep(lc($signature) . ($k > 1 ? $k : '') . '.aml', $bytes);
    return $bytes;
}
my $rsdp = $blob{'etc/acpi/rsdp'};
trouble 'RSDP' unless $rsdp =~ /^RSD PTR / && !(sum(substr $rsdp, 0, 20) & 0xff) && !(sum($rsdp) & 0xff);
my $xsdt = table(unpack 'Q<', substr $rsdp, 24, 8);
for (unpack 'x36 (Q<)*', $xsdt) {
    my $t = table($_);
    table(unpack 'Q<', substr $t, 140, 8) if $t =~ /^FACP/;
}
print join(' ', sort keys %count), "\n";
