# The packages, programs and folders that the workloads of this set need. Sourced by mkbench.sh.
pkgs="perl lua5.4 luajit ruby3.1 php8.2-cli nodejs openjdk-17-jre-headless ecj python3.11-minimal python3-numpy libpython3.11-stdlib sbcl gforth"
bins="/usr/bin/perl /usr/bin/lua5.4 /usr/bin/luajit /usr/bin/ruby3.1 /usr/bin/php8.2 /usr/bin/node
      /usr/lib/jvm/java-17-openjdk-arm64/bin/java /usr/lib/jvm/java-17-openjdk-arm64/lib/*.so /usr/lib/jvm/java-17-openjdk-arm64/lib/server/*.so /usr/bin/python3.11 /usr/bin/sbcl
      /usr/lib/*/blas/*.so.3 /usr/lib/*/lapack/*.so.3 /usr/bin/gforth-itc /usr/bin/gforth"
trees="/usr/lib/ruby /usr/lib/aarch64-linux-gnu/ruby /usr/share/nodejs /usr/lib/jvm/java-17-openjdk-arm64 /usr/share/java /etc/java-17-openjdk
       /usr/lib/python3.11 /usr/lib/python3/dist-packages/numpy /usr/lib/sbcl
       /usr/share/perl/5.36.0 /usr/lib/aarch64-linux-gnu/perl /usr/lib/aarch64-linux-gnu/perl-base /usr/lib/aarch64-linux-gnu/gforth /usr/share/gforth"
after_data() {
	for a in tr wc tail rm echo; do ln -sf busybox "$root/bin/$a"; done
	mkdir "$root/data/java"
	# classes as programs have them: fields, interfaces, generics, loops, strings; Main runs work of several kinds
	perl -e 'for my $i (0..29) { open my $f, ">", "$ARGV[0]/C$i.java"; print $f "import java.util.*;\npublic class C$i implements Comparable<C$i>, Shape {\n int a = $i; final List<String> l = new ArrayList<>(); static final Map<Integer, C$i> all = new HashMap<>();\n";
	 for my $j (0..11) { my $k = $i % ($j + 2) + 1; print $f " public int m$j(int n, String s) { int r = a; for (int i = 0; i < n; i++) { if (((r ^ i) & $k) == 0) r += s.length() * i; else r -= i % $k; switch (r % 5) { case 1: l.add(s + r); break; case 2: r = r * 31 + $j; break; default: r++; } } return r; }\n" }
	 print $f " public double area() { double d = a; for (C$i c : all.values()) d += Math.sqrt(c.a); return d; }\n public int compareTo(C$i o) { return Integer.compare(a, o.a); }\n",
	  " static <T extends Comparable<T>> T max(List<T> x) { T m = x.get(0); for (T t : x) if (t.compareTo(m) > 0) m = t; return m; }\n",
	  " public String toString() { return \"C$i\" + a + l.stream().filter(x -> x.length() > $i % 7).map(String::toUpperCase).reduce(\"\", (p, q) -> p.length() > 20 ? p : p + q); }\n}\n" }
	 open my $f, ">", "$ARGV[0]/Shape.java"; print $f "interface Shape { double area(); int m1(int n, String s); }\n";
	 open $f, ">", "$ARGV[0]/Main.java"; print $f "import java.util.*;\npublic class Main { public static void main(String[] v) { Shape[] s = {", join(", ", map { "new C$_()" } 0..29), "};\n",
	  " int n = Integer.parseInt(v[0]); long h = 0; double d = 0; for (int i = 0; i < n; i++) for (Shape x : s) { h = h * 31 + x.m1(i % 50, \"abc\"); d += x.area(); }\n",
	  " Map<String, Integer> m = new TreeMap<>(); for (int i = 0; i < n * 300; i++) m.merge(\"k\" + (i * 7919L) % 5003, i, Integer::sum); StringBuilder b = new StringBuilder(); for (int i = 0; i < n * 300; i++) b.append((char) (97 + i % 26));\n",
	  " double[][] p = new double[60][60], q = new double[60][60]; for (int r = 0; r < n / 10; r++) for (int i = 0; i < 60; i++) for (int j = 0; j < 60; j++) { double t = 0; for (int k = 0; k < 60; k++) t += p[i][k] * q[k][j] + k; p[i][j] = t / 1e3; }\n",
	  " System.out.println(h + \" \" + (long) d + \" \" + m.size() + \" \" + m.get(\"k77\") + \" \" + b.toString().hashCode() + \" \" + p[3][4]); } }\n"' "$root/data/java"
}
