#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# kernels.pl FORM IN OUT [KEY=NUMBER...]: writes the file IN as a uImage (load entry type compression arch os), as an
# Intel HEX file (load entry), as a kernel with the header of a Linux Image (offset size) or as EFI zboot by gzip.
use strict;
use warnings;
use Compress::Raw::Zlib;

my ($form, $in, $out, @keys) = @ARGV;
my %k = (load => 0, entry => 0, type => 2, compression => 0, arch => 22, os => 5, offset => 0, size => 0);
for (@keys) {
    my ($key, $value) = split /=/;
    $k{$key} = $value =~ /^0/ ? oct $value : $value;
}

sub slurp { local $/; open my $f, '<:raw', $_[0] or die "$_[0]: $!"; <$f> }
my $data = slurp($in);
my $result;

sub record {
    my ($type, $at, $bytes) = @_;
    my $r = pack('C n C', length $bytes, $at, $type) . $bytes;
    return ':' . uc(unpack 'H*', $r . pack 'C', -unpack('%8C*', $r) & 255) . "\r\n";
}

if ($form eq 'uimage') {
    my $h = pack 'N7 C4 a32', 0x27051956, 0, 0, length $data, $k{load}, $k{entry}, crc32($data), @k{qw(os arch type compression)}, 'test';
    substr $h, 4, 4, pack 'N', crc32($h);
    $result = $h . $data;
} elsif ($form eq 'hex') {
    $result = '';
    for (my $at = 0; $at < length $data; $at += 16) {
        my $a = $k{load} + $at;
        $result .= record(4, 0, pack 'n', $a >> 16) if $at == 0 || ($a & 0xffff) < 16;
        $result .= record(0, $a & 0xffff, substr $data, $at, 16);
    }
    $result .= record(5, 0, pack 'N', $k{entry}) . record(1, 0, '');
} elsif ($form eq 'image') {
    $result = pack('V2 Q<3 Q<3 V2', 0x14000010, 0, $k{offset}, $k{size}, 0xa, 0, 0, 0, 0x644d5241, 0) . $data;
} elsif ($form eq 'zboot') {
    my $head = pack 'a2 x2 a4 V2 x8 a32 V2', 'MZ', 'zimg', 4096, length $data, 'gzip', 0x818223cd, 64;
    $result = pack('a4096', $head) . $data;
} else {
    die "$form: no such form";
}
open my $f, '>:raw', $out or die "$out: $!";
print $f $result;
close $f or die "$out: $!";
