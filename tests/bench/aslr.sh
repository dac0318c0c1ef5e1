#!/bin/bash
# aslr.sh WORKDIR KERNEL RUNS EMULATOR-A EMULATOR-B
# A position-independent program of 400 KB (aslr/program.S), executed 100 times by Linux at random addresses and 100 times
# at one, in one guest: for A and B in turn the median ms of both and of the quotient random ÷ one, which says what it costs
# that code is found elsewhere each time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 5 ] || { sed -n 2,5p "$0" >&2; exit 2; }
work=$1/aslr kernel=$2 runs=$3 a=$4 b=$5
mkdir -p "$work/root/dev"
aarch64-linux-gnu-as -o "$work/program.o" "$here/aslr/program.S" &&
	aarch64-linux-gnu-ld -pie --no-dynamic-linker -z separate-code -s -o "$work/root/p0" "$work/program.o" &&
	aarch64-linux-gnu-as -o "$work/init.o" "$here/aslr/init.S" &&
	aarch64-linux-gnu-ld -N --no-warn-rwx-segments -s -o "$work/root/init" "$work/init.o" || exit 2
cp "$work/root/p0" "$work/root/p1" && cp "$work/root/p0" "$work/root/p2" || exit 2
(cd "$work/root" && printf '%s\n' init p0 p1 p2 dev | cpio -o -H newc -R 0:0 --quiet > ../initrd) || exit 2
one() { # NAME COMMAND: NAME us-at-one us-at-random
	echo "$1 $(timeout "${LIMIT:-300}" $2 -M virt -cpu max,pauth=off,sve=off,sme=off -m 512M -nographic -no-reboot \
		-kernel "$kernel" -initrd "$work/initrd" -append 'console=ttyAMA0 panic=-1 quiet' < /dev/null 2>&1 |
		sed -n 's/^ASLR \([0-9]* [0-9]*\).*/\1/p')"
}
for i in $(seq "$runs"); do
	if [ $((i % 2)) = 1 ]; then one A "$a"; one B "$b"; else one B "$b"; one A "$a"; fi
done | awk '
	NF != 3 { print "the programs did not run under " $1; wrong = 1; next }
	{ n[$1]++; fixed[$1, n[$1]] = $2 / 1000; random[$1, n[$1]] = $3 / 1000; quotient[$1, n[$1]] = $3 / $2 }
	function median(x, e,   i, j, t, s) {
		for (i = 1; i <= n[e]; i++) { s[i] = x[e, i]; for (j = i; j > 1 && s[j] < s[j - 1]; j--) { t = s[j]; s[j] = s[j - 1]; s[j - 1] = t } }
		return n[e] % 2 ? s[(n[e] + 1) / 2] : (s[n[e] / 2] + s[n[e] / 2 + 1]) / 2 }
	END { for (e in n) printf "ASLR %s ms at one address %.0f at random ones %.0f quotient %.2f (medians of %d)\n", e,
			median(fixed, e), median(random, e), median(quotient, e), n[e]
	      exit wrong }'
