# Wide set: programs that the open set has not, of every class. Sourced by run.sh
text() { head -c "$1" /data/text; }
K="-K 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
IV="-iv 00000000000000000000000000000000"
digest() { head -c "$2" /dev/zero | openssl dgst -"$1"; }
cipher() { head -c "$2" /dev/zero | openssl enc -"$1" $K $IV | md5sum; }
sng() { stress-ng --"$1" 1 --"$1"-ops "$2" --temp-path /tmp --oomable; }
cpu() { stress-ng --cpu 1 --cpu-method "$1" --cpu-ops "$2" --temp-path /tmp; }

# integer: compressors, compilers, interpreters, searches
gzip_() { text 6000000 | gzip -6 -n; }
gunzip_() { text 6000000 | gzip -1 -n > /tmp/x; for i in 1 2 3 4 5 6; do gzip -dc /tmp/x | md5sum; done; rm /tmp/x; }
bzip2_() { text 2500000 | bzip2 -9; }
bunzip2_() { text 5000000 | bzip2 -9 > /tmp/x; bzip2 -dc /tmp/x; rm /tmp/x; }
zstd_() { text 6000000 | zstd -9 -T1 -q -c --no-progress --single-thread; }
brotli_() { text 2500000 | brotli -q 9 -c; }
lz4_() { for i in 1 2; do text 6000000 | lz4 -9 -c | md5sum; done; }
cc1_() { cc1 -quiet -fpreprocessed -O2 /data/c.i -o -; }
gawk_() { text 3000000 | gawk '{ for (i = 1; i <= NF; i++) { w[tolower($i)]++; s += length($i) } gsub(/[aeiou]+/, "<&>"); n += length }
	END { for (x in w) if (w[x] > 300) k++; print s, n, k }'; }
mawk_() { mawk 'BEGIN { for (i = 0; i < 5000000; i++) { a[i % 5003] += i * 3; s = s + (i % 7) * 1.5 } print s, a[17] }'; }
grep_() { for i in 1; do grep -c -E '(foo|perl[a-z]*|sub.*return) *[({]' /data/text; grep -o -i 'th[ei][a-z]*' /data/text | wc -l; done; }
sort_() { text 4000000 | tr ' ' '\n' | sort | uniq -c | sort -rn | head -n 1000; }
bc_() { echo 'scale=500; a(1)*4; e(1); l(2)' | bc -l; }
gnugo_() { { echo boardsize 9; for i in 1 2 3 4 5 6 7 8; do echo genmove b; echo genmove w; done; } | /usr/games/gnugo --mode gtp --level 5 --seed 1; }
minisat_() { minisat -verb=0 /data/cnf /tmp/r; cat /tmp/r | head -n 1; rm /tmp/r; }
jq_() { jq -c 'select(.id % 3 == 0) | {n: .name, s: (.v[0] + .v[1]), t: (.o.k | tostring)}' /data/json; }
xml_() { { echo '<r>'; head -n 30000 /data/json | sed 's/[{}"]//g; s/.*/<e a="&"><b>&<\/b><c\/><\/e>/'; echo '</r>'; } > /tmp/x; for i in 1 2 3 4; do xmllint --xpath 'count(//e[contains(@a,"true")]/b)' /tmp/x; xmllint --format /tmp/x | md5sum; done; rm /tmp/x; }
redis_() { redis-server --port 0 --unixsocket /tmp/s --save '' --daemonize yes > /dev/null; i=0; while [ ! -S /tmp/s ] && [ $i -lt 50 ]; do sleep .1; i=$((i+1)); done
	redis-benchmark -s /tmp/s -q -n 12000 -c 20 -t set,get,lpush,zadd,hset; r=$?; redis-cli -s /tmp/s shutdown nosave; return $r; }
git_() { mkdir /tmp/g; cd /tmp/g; git init -q --template= .; i=0; while [ $i -lt 25 ]; do i=$((i+1)); head -c $((i * 100000)) /data/text | tail -c 100000 > f$i; done; git -c user.name=a -c user.email=b add . && git -c user.name=a -c user.email=b commit -q -m x && git gc -q --aggressive && git log -p --format=%s | md5sum; r=$?; cd /; rm -rf /tmp/g; return $r; }
diff_() { cp /data/text /tmp/a; sed 's/the/teh/; 7~11d' /tmp/a > /tmp/b; diff -d /tmp/a /tmp/b | md5sum; rm /tmp/a /tmp/b; }
# floating point
oggenc_() { for i in 1 2 3; do oggenc -Q -q 4 -s 1 -o - /data/wav | wc -c; done; }
oggdec_() { oggenc -Q -q 6 -s 1 -o /tmp/o /data/wav; for i in 1 2 3; do oggdec -Q -o - /tmp/o | wc -c; done; rm /tmp/o; }
opus_() { for i in 1 2 3 4; do opusenc --quiet --serial 1 --comp 5 /data/wav - | wc -c; done; }
flac_() { for i in 1 2 3 4; do flac -s -8 -c /data/wav | md5sum; done; }
sox_() { for i in 1 2 3 4 5; do sox /data/wav -t raw - rate -v 32000 reverb 50 bass +3 | wc -c; done; }
povray_() { cat > /tmp/s.pov <<'P'
camera { location <0, 2, -5> look_at <0, 1, 0> } light_source { <5, 8, -6> color rgb 1 }
plane { y, 0 pigment { checker color rgb 1, color rgb 0.3 } finish { reflection 0.2 } }
#declare i = 0; #while (i < 12) sphere { <2 * sin(i), 1 + cos(i * 1.7), 2 * cos(i)>, 0.5 pigment { marble turbulence 1 } finish { phong 0.9 reflection 0.3 } } #declare i = i + 1; #end
isosurface { function { x*x + y*y + z*z - 1 + 0.2 * sin(9 * x) } contained_by { sphere { 0, 1.3 } } pigment { color rgb <0.2, 0.5, 0.9> } }
P
	povray +I/tmp/s.pov +O/tmp/s.png +W240 +H180 -D +A0.3 +WT1 2>&1; r=$?; rm -f /tmp/s.*; return $r; }
gnuplot_() { GNUTERM=dumb gnuplot-nox -e 'set samples 100000; set terminal dumb; plot sin(x)*exp(-x*x/50)+besj0(x), atan2(x, sin(x)); s = 0; do for [i=1:60000] { s = s + sqrt(i) * sin(i) / (1 + i**1.5) }; print s'; }
glpk_() { cat > /tmp/m.mod <<'P'
param n := 90; set I := 1..n; var x{I, I} >= 0; minimize z: sum{i in I, j in I} ((i * 7919 + j * 104729) mod 101 + 1) * x[i, j];
s.t. r{i in I}: sum{j in I} x[i, j] >= i mod 7 + 3; s.t. c{j in I}: sum{i in I} x[i, j] <= 9; s.t. d{i in I, j in I: i < j}: x[i, j] + x[j, i] <= 4; end;
P
	glpsol -m /tmp/m.mod -o /tmp/o | tail -n 3; r=$?; rm -f /tmp/m.mod /tmp/o; return $r; }
gm_() { for i in 1 2 3 4; do gm convert /data/ppm -resize 70% -blur 2x1 -sharpen 1x1 -modulate 110,90 ppm:- | md5sum; done; }
# SIMD
x265_() { x265 --y4m --input /data/y4m --preset fast --crf 28 --no-wpp --pools none --log-level error -o - -f 8 | wc -c; }
webp_() { for i in 1 2 3 4; do cwebp -quiet -q 75 -m 4 /data/ppm -o - | md5sum; done; }
optipng_() { gm convert /data/ppm -resize 60% /tmp/x.png; optipng -quiet -o2 /tmp/x.png -out /tmp/y.png; wc -c < /tmp/y.png; rm -f /tmp/x.png /tmp/y.png; }

b w-gzip integer sum gzip_
b w-gunzip integer sum gunzip_
b w-bzip2 integer sum bzip2_
b w-bunzip2 integer sum bunzip2_
b w-zstd integer sum zstd_
b w-brotli integer sum brotli_
b w-lz4 integer sum lz4_
b w-cc1 integer sum cc1_
b w-gawk integer sum gawk_
b w-mawk integer sum mawk_
b w-grep integer sum grep_
b w-sort integer sum sort_
b w-bc integer sum bc_
b w-gnugo integer sum gnugo_
b w-minisat integer sum minisat_
b w-jq integer sum jq_
b w-xmllint integer sum xml_
b w-diff integer sum diff_
for m in "int128 400" "queens 600" "gray 600" "crc16 3000" "collatz 800" "sieve 500" "bitops 200" "div64 1000" "hash:hash 60000" "str:str 50000" "wcs:wcs 50000" "bsearch:bsearch 100" "qsort:qsort 6" "tree:tree 1" "zlib:zlib 40" "hsearch:hsearch 400" "radixsort:radixsort 8" "branch:branch 60000"; do
	set -- $m
	case $1 in *:*) eval "s_${1%%:*}() { sng ${1#*:} $2; }" ;; *) eval "s_$1() { cpu $1 $2; }" ;; esac
	b w-sng-${1%%:*} integer nosum s_${1%%:*}
done
b w-oggenc FP nosum oggenc_
b w-oggdec FP nosum oggdec_
b w-opusenc FP nosum opus_
b w-flac FP sum flac_
b w-sox FP nosum sox_
b w-povray FP nosum povray_
b w-gnuplot FP nosum gnuplot_
b w-glpsol FP nosum glpk_
b w-gm FP sum gm_
for m in "trig 200" "fft 600" "float 800" "longdouble 40" "cdouble 200" "clongdouble 10" "explog 60" "gamma 20" "ln2 25" "phi 1000" "correlate 300" "stats 800" "hyperbolic 60" "matrix:matrix 2500"; do
	set -- $m
	case $1 in *:*) eval "s_${1%%:*}() { sng ${1#*:} $2; }" ;; *) eval "s_$1() { cpu $1 $2; }" ;; esac
	b w-sng-${1%%:*} FP nosum s_${1%%:*}
done
d_md5() { digest md5 60000000; }; d_sha512() { digest sha512 40000000; }; d_sha3() { digest sha3-256 30000000; }; d_blake() { digest blake2b512 40000000; }; d_sm3() { digest sm3 20000000; }
c_chacha() { cipher chacha20 60000000; }; c_camellia() { cipher camellia-256-cbc 40000000; }; c_aria() { cipher aria-256-cbc 20000000; }; c_des() { cipher des-ede3-cbc 10000000; }; c_ctr() { cipher aes-256-ctr 60000000; }
for m in "md5 d_md5" "sha512 d_sha512" "sha3 d_sha3" "blake2b d_blake" "chacha20 c_chacha" "camellia c_camellia" "aria c_aria" "des3 c_des" "aes256ctr c_ctr"; do
	set -- $m; b w-$1 simd/crypto sum $2
done
b w-x265 simd/crypto nosum x265_
b w-cwebp simd/crypto sum webp_
b w-optipng simd/crypto nosum optipng_
v_math() { sng vecmath 8000; }; v_wide() { sng vecwide 4000; }; v_crypt() { sng crypt 1500; }
b w-sng-vecmath simd/crypto nosum v_math
b w-sng-vecwide simd/crypto nosum v_wide
b w-sng-crypt simd/crypto nosum v_crypt
m_stream() { sng stream 60; }; m_vm() { stress-ng --vm 1 --vm-bytes 32M --vm-ops 40000 --temp-path /tmp --oomable; }; m_mmap() { sng mmap 1; }; m_malloc() { sng malloc 6000; }; m_atomic() { sng atomic 300; }
b w-stream memory nosum m_stream
b w-vm memory nosum m_vm
b w-mmap memory nosum m_mmap
b w-malloc memory nosum m_malloc
b w-atomic memory nosum m_atomic
y_pipe() { sng pipe 200000; }; y_switch() { sng switch 50000; }; y_futex() { sng futex 10000; }; y_get() { sng get 2000; }; y_poll() { sng poll 40000; }; y_sigq() { sng sigq 40000; }; y_fork() { sng fork 1500; }; y_pthread() { sng pthread 2000; }; y_fault() { sng fault 8000; }; y_file() { sng dentry 4000; }; y_mq() { sng mq 40000; }; y_sock() { sng sock 300; }
for m in pipe switch futex get poll sigq fork pthread fault file mq sock; do b w-sys-$m syscall/fork nosum y_$m; done
sh_() { bash -c 'for i in $(seq 400); do x=$(echo $i | sed s/1/2/); [ "$x" -gt 3 ] && y=${x//2/3}; done; f() { local n=$1; [ $n -lt 2 ] && { r=$n; return; }; f $((n-1)); local a=$r; f $((n-2)); r=$((a+r)); }; f 15; echo $r'; }
b w-bash syscall/fork sum sh_
b w-redis syscall/fork nosum redis_
b w-git syscall/fork sum git_
