# The packages, programs and folders that the workloads of this set need. Sourced by mkbench.sh.
pkgs="openssl bzip2 gzip zstd brotli lz4 cpp-12 flac opus-tools vorbis-tools sox libsox-fmt-base x265 webp optipng bc gawk mawk grep
      coreutils graphicsmagick povray gnuplot-nox git redis-server redis-tools jq libxml2-utils gnugo
      minisat glpk-utils stress-ng bash diffutils"
bins="/usr/bin/openssl /bin/bzip2 /bin/gzip /usr/bin/zstd /usr/bin/brotli /usr/bin/lz4 /usr/lib/gcc/*/12/cc1
      /usr/bin/flac /usr/bin/opusenc /usr/bin/oggenc /usr/bin/oggdec /usr/bin/sox /usr/bin/x265 /usr/bin/cwebp /usr/bin/optipng
      /usr/bin/bc /usr/bin/gawk /usr/bin/mawk /bin/grep /usr/bin/sort /usr/bin/gm /usr/bin/povray /usr/bin/gnuplot-nox
      /usr/bin/git /usr/bin/redis-server /usr/bin/redis-benchmark /usr/bin/redis-cli /usr/bin/jq /usr/bin/xmllint
      /usr/games/gnugo /usr/bin/minisat /usr/bin/glpsol /usr/bin/stress-ng
      /bin/bash /usr/bin/diff /usr/lib/*/ossl-modules/legacy.so"
trees="/usr/share/povray-3.7 /etc/povray"
after_data() {
	for a in tr wc uniq tail rm split ln echo seq; do ln -sf busybox "$root/bin/$a"; done
	ln -s "$(cd "$root" && ls -d usr/lib/gcc/*/12/cc1 | sed 's#^#/#')" "$root/usr/bin/cc1"
	# C of many kinds of statements, as from a preprocessor
	perl -e 'print "extern int printf(const char *, ...); extern void *memcpy(void *, const void *, unsigned long);\n";
	 for my $i (0..39) { my ($a, $b, $c) = ($i % 7 + 1, $i % 13 + 2, $i % 5);
	 print "struct s$i { int a[$b]; long b; double c; struct s$i *next; unsigned f : $a; };\n",
	  "static inline int g$i(struct s$i *p, int n) { int s = 0; for (int i = 0; i < n; i++) { switch (p->a[i % $b] & 7) {\n",
	  "  case 0: s += i * $a; break; case 1: s ^= p->b >> $c; break; case 2: p->c *= 1.5 + s; break; case 3: if (s > $i) s -= p->f; else s++; break;\n",
	  "  case 5: s = (s << $a) | ((unsigned) s >> (32 - $a)); break; default: while (s > 100) s /= $b; } } return s; }\n",
	  "int f$i(struct s$i *p, unsigned char *q, int n) { struct s$i t; memcpy(&t, p, sizeof t); double d = 0; int r = g$i(&t, n);\n",
	  "  for (struct s$i *e = p; e; e = e->next) { for (int j = 0; j < $b; j++) { e->a[j] = e->a[j] * $a + q[j] - r; d += e->c * j; } if (d > $i.5) break; }\n",
	  "  for (int k = 0; k < n; k++) q[k] = (q[k] * $a + q[(k + $b) % n]) >> $c; ", ($i ? "if (n > 3) r += f@{[$i-1]}((void *) p->next, q, n - 1);" : ""),
	  " printf(\"%d %f\\n\", r, d); return r + (int) d; }\n" }' > "$root/data/c.i"
	# 2 s of synthetic video, 320x240, 4:2:0
	perl -e 'binmode STDOUT; print "YUV4MPEG2 W320 H240 F25:1 Ip A1:1 C420\n"; for my $f (0..29) { print "FRAME\n"; my $s = "";
	 for my $y (0..239) { $s .= pack "C*", map { 128 + 60 * sin(($_ + 3 * $f) / 17 + $y / 23) + ((($_ * 7919) ^ ($y * 104729)) >> 4) % 17 } 0..319 }
	 for my $p (1..2) { for my $y (0..119) { $s .= pack "C*", map { 128 + 50 * cos(($_ - $f * $p) / 29 + $y / 31) } 0..159 } } print $s }' > "$root/data/y4m"
	perl -e 'my $x = 1; for (1..40000) { $x = ($x * 1103515245 + 12345) & 0x7fffffff; printf "{\"id\":%d,\"name\":\"n%d\",\"v\":[%d,%d.5,null],\"o\":{\"k\":%s}}\n", $_, $x % 997, $x % 31, $x % 77, $x & 1 ? "true" : "\"s\"" }' > "$root/data/json"
	perl -e 'my $x = 7; print "p cnf 180 760\n"; for (1..760) { my @c; while (@c < 3) { $x = ($x * 1103515245 + 12345) & 0x7fffffff; my $v = ($x >> 8) % 180 + 1; push @c, ($x & 0x4000 ? $v : -$v) unless grep { abs == $v } @c } print "@c 0\n" }' > "$root/data/cnf"
	perl -e 'binmode STDOUT; my $x = 3; print "RIFF", pack("V", 36 + 1764000), "WAVEfmt ", pack("VvvVVvv", 16, 1, 2, 44100, 176400, 4, 16), "data", pack("V", 1764000)' > "$root/data/wav"
	cat "$root/data/pcm" >> "$root/data/wav"
}
