#!/bin/bash
# parallel.sh OUT RUNS EMULATOR
# What a second vCPU is worth: the workload par-xz-2 (two compressions at once) in the arm64 guest with -smp 1 and
# -smp 2, and the same two compressions as native processes of this host on one CPU and on two, all in turn.
# Prints the speed-up of each from one to two and guest ÷ host: 1.0 means that a vCPU is as good as a CPU.
# Needs two CPUs and xz on the host.
set -u
here=$(cd "$(dirname "$0")" && pwd); . "$here/machines.sh"
[ $# -eq 3 ] || { sed -n 2,6p "$0" >&2; exit 2; }
out=$1 runs=$2 emulator_command=$3
cpus=$(taskset -pc $$ | sed 's/.*: //' | tr ',' '\n' | awk -F- '{ for (i = $1; i <= ($2 == "" ? $1 : $2); i++) print i }' | head -2)
set -- $cpus
[ $# -eq 2 ] || { echo "parallel.sh: this process may use one CPU only: nothing to compare" >&2; exit 2; }
one_cpu=$1 two_cpus=$1,$2
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
head -c 1000000 "$out/arm64/rootfs-open/data/text" > "$tmp/x" || exit 2

guest() { # VCPUS: host seconds of the workload
	local SMP=$1 BENCH=par-xz-2
	guest_options arm64 "$out" open || return 1
	taskset -c $two_cpus "$here/bench.sh" $emulator_command "${options[@]}" | awk '$1 == "HOST" && $2 == "par-xz-2" && $6 == 0 { print $3 }'
}
native() { # CPUS: seconds of four rounds, so that the clock's grain does not show
	local t=$EPOCHREALTIME i j
	for i in 1 2 3 4; do
		for j in 1 2; do taskset -c "$1" xz -6 -T1 -c "$tmp/x" > /dev/null & done
		wait
	done
	awk "BEGIN { print $EPOCHREALTIME - $t }"
}
for i in $(seq "$runs"); do
	echo "$(guest 1) $(guest 2) $(native $one_cpu) $(native $two_cpus)"
done | awk '
	NF != 4 { print "run " NR ": the workload did not finish"; wrong = 1; next }
	{ n++; g[n] = $1 / $2; h[n] = $3 / $4; q[n] = g[n] / h[n]
	  printf "run %d: guest %.2f s, %.2f s with two vCPUs; host %.2f s, %.2f s on two CPUs\n", NR, $1, $2, $3, $4 }
	function median(a,   i, j, t) {
		for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j] < a[j - 1]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
		return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2 }
	END { if (n) printf "PARALLEL guest %.2f host %.2f quotient %.2f (medians of %d)\n", median(g), median(h), median(q), n
	      exit wrong || !n }'
