# Languages: programs that compile or interpret others. Sourced by run.sh
J=/usr/lib/jvm/java-17-openjdk-arm64/bin/java
ecj_() { $J -XX:-UsePerfData -cp /usr/share/java/eclipse-jdt-core.jar org.eclipse.jdt.internal.compiler.batch.Main -17 -proc:none -nowarn -d /tmp/o /data/java && $J -XX:-UsePerfData -cp /tmp/o Main 100; r=$?; rm -rf /tmp/o; return $r; }
java_int() { $J -XX:-UsePerfData -Xint -cp /usr/share/java/eclipse-jdt-core.jar org.eclipse.jdt.internal.compiler.batch.Main -17 -proc:none -nowarn -d /tmp/o /data/java/C1.java /data/java/Shape.java; r=$?; rm -rf /tmp/o; return $r; }
node_json() { node -e '
let a = []; for (let i = 0; i < 20000; i++) a.push({id: i, s: "n" + i * 7919 % 1009, v: [i, i / 3, null, true], o: {x: i & 7}});
let s, n = 0; for (let i = 0; i < 6; i++) { s = JSON.stringify(a); const b = JSON.parse(s); b.sort((x, y) => x.s < y.s ? -1 : x.s > y.s ? 1 : x.id - y.id); n += b[77].id; }
const m = new Map(); for (const w of s.match(/[a-z]+[0-9]*/g)) m.set(w, (m.get(w) || 0) + 1);
console.log(s.length, n, m.size, s.replace(/n([0-9])/g, "<$1>").length);'; }
node_num() { node -e '
class V { constructor(x, y, z) { this.x = x; this.y = y; this.z = z; } add(o) { return new V(this.x + o.x, this.y + o.y, this.z + o.z); } dot(o) { return this.x * o.x + this.y * o.y + this.z * o.z; } }
let p = new V(0, 0, 0), e = 0; for (let i = 1; i < 3000000; i++) { const v = new V(i % 7, i % 11, 1 / i); p = p.add(v); e += p.dot(v) % 17; }
const f = new Float64Array(90000); for (let k = 0; k < 30; k++) for (let i = 1; i < 89999; i++) f[i] = (f[i - 1] + f[i + 1] + i % 5) / 3;
let h = 0; for (let i = 0; i < 20000000; i++) h = (h * 31 + (i ^ h >>> 3)) | 0;
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
console.log(e.toFixed(3), f[500].toFixed(6), h, fib(30));'; }
node_start() { for i in 1 2 3; do node -e 'const fs = require("fs"), u = require("util"), c = require("crypto"); console.log(u.inspect(fs.statSync("/").isDirectory()), c.createHash("sha1").update("x").digest("hex"))' || return 1; done; }
perl_() { perl -e 'my %h; my $n = 0; open my $f, "<", "/data/text"; while (<$f>) { last if $. > 60000; $n += () = /\b(\w+)ing\b/g; $h{lc $1}++ while /(\w+)/g; s/(\w)(\w*)/\u$1$2/g; $n += length }
my @k = sort { $h{$b} <=> $h{$a} || $a cmp $b } keys %h; my $x = 0; for my $i (1..1500000) { $x = ($x * 17 + $i) % 10007 } print "$n $x @k[0..9]\n"'; }
lua_() { lua5.4 -e 'local t = {} for i = 1, 300000 do t[i] = (i * 7919) % 100003 end table.sort(t) local s = 0 for i = 1, 4000000 do s = (s + t[i % 300000 + 1] * 3) % 65537 end
local w = {} for i = 1, 60000 do w[#w + 1] = string.format("%d:%s", i, ("x"):rep(i % 9)) end local j = table.concat(w, ",") local n = 0 for k in j:gmatch("(%d+):x+") do n = n + #k end
local function q(n) if n < 2 then return n end return q(n - 1) + q(n - 2) end print(s, n, q(25))'; }
luajit_() { luajit -e 'local ffi = require "ffi" local a = ffi.new("double[?]", 100000) for k = 1, 60 do for i = 1, 99998 do a[i] = (a[i - 1] + a[i + 1] + i % 5) / 3 end end
local h = 0 for i = 1, 30000000 do h = bit.bxor(h * 3 % 16777213, i) end local t = {} for i = 1, 400000 do t[i] = (i * 7919) % 100003 end table.sort(t, function(x, y) return x < y end)
local s = {} for i = 1, 100000 do s[i] = tostring(i) .. ":" end local j = table.concat(s) print(h, t[777], #j, a[500])'; }
luajit_off() { luajit -joff -e 'local h = 0 for i = 1, 12000000 do h = (h * 3 + i % 7) % 16777213 end local t = {} for i = 1, 200000 do t[i] = (i * 7919) % 100003 end table.sort(t) print(h, t[777])'; }
ruby_() { ruby3.1 --disable-gems -e 'h = Hash.new(0); 250000.times { |i| h["k#{i * 7919 % 4001}"] += i }; a = (1..200000).map { |i| i * 7919 % 100003 }.sort_by { |x| -x }
s = 0; i = 0; while i < 3000000; s = (s * 3 + i) % 65537; i += 1; end; def fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2); puts [h.size, a[77], s, fib(22), File.read("/data/text", 400000).scan(/\w+/).tally.size].inspect'; }
php_() { php8.2 -n -r '$h = []; for ($i = 0; $i < 600000; $i++) { $k = "k" . ($i * 7919 % 4001); $h[$k] = ($h[$k] ?? 0) + $i; } $s = 0; for ($i = 0; $i < 5000000; $i++) $s = ($s * 3 + $i) % 65537;
function f($n) { return $n < 2 ? $n : f($n - 1) + f($n - 2); } $t = substr(file_get_contents("/data/text"), 0, 1500000); echo count($h), " $s ", f(26), " ", preg_match_all("/\\b(\\w+)ing\\b/", $t), " ", md5(strtoupper($t)), " ", count(array_count_values(explode(" ", $t))), "\n";'; }
numpy_() { LD_LIBRARY_PATH=$(echo /usr/lib/*/blas):$(echo /usr/lib/*/lapack) python3.11 -c 'import numpy as np
r = np.arange(400000, dtype=np.float64); x = np.sin(r) + np.sqrt(r) * np.exp(-r / 1e5); m = (np.arange(160000) % 101).reshape(400, 400).astype(np.float32)
for i in range(12): x = np.sort(x)[::-1] * 1.0001 + np.log1p(np.abs(x)); y = np.cumsum(x)
f = np.fft.fft(x[:131072]); d = m @ m; i = (np.arange(2000000) * 7919 % 100003).astype(np.int32); u = np.unique(i); h = np.histogram(i, 100)[0]
print(round(float(abs(f).sum()), 0) > 0, d.shape, u.size, h.sum(), np.linalg.matrix_rank(m[:60, :60]))'; }
pylib_() { python3.11 -S -E -c 'import json, re, random, heapq, collections, hashlib, decimal, zlib
random.seed(4); d = [{"a": random.random(), "b": str(i), "c": [i] * 4} for i in range(9000)]; s = json.dumps(d); e = json.loads(s); t = open("/data/text").read(900000)
c = collections.Counter(re.findall(r"[a-z]+ing\b|\b[A-Z]\w+", t)); h = []
for x in e: heapq.heappush(h, (x["a"], x["b"]))
decimal.getcontext().prec = 300; q = decimal.Decimal(2).sqrt(); print(len(s), len(c), h[0], hashlib.sha256(t.encode()).hexdigest()[:8], len(zlib.compress(t.encode())), str(q)[-8:])'; }
sbcl_() { sbcl --noinform --no-sysinit --no-userinit --disable-debugger --eval '(progn (defun fib (n) (declare (fixnum n)) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (let ((h (make-hash-table :test (quote equal))) (s 0)) (dotimes (i 200000) (incf (gethash (format nil "k~d" (mod (* i 7919) 4001)) h 0) i)) (dotimes (i 30) (setf s (mod (expt 7 (+ 9000 i)) 1000003))) (print (list (fib 32) (hash-table-count h) s (length (sort (loop for i below 200000 collect (mod (* i 7919) 100003)) (function <)))))) (terpri) (sb-ext:exit))'; }
gforth_() { gforth -e ': fib dup 2 < if drop 1 else dup 1- recurse swap 2 - recurse + then ; : sieve 60 0 do 0 100000 0 do i 7 mod 3 = if i + then loop drop loop ; 29 fib . sieve bye'; }

b l-ecj integer sum ecj_
b l-java-xint integer nosum java_int
b l-node-json integer sum node_json
b l-node-num integer sum node_num
b l-node-start integer sum node_start
b l-perl integer sum perl_
b l-lua integer sum lua_
b l-luajit integer sum luajit_
b l-luajit-off integer sum luajit_off
b l-ruby integer sum ruby_
b l-php integer sum php_
b l-python-lib integer sum pylib_
b l-numpy FP sum numpy_
b l-sbcl integer sum sbcl_
b l-gforth integer sum gforth_
