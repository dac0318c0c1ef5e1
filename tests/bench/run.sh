#!/bin/bash
# run.sh CACHE [PART...]
# `make bench`: dragoman (A) beside QEMU 10 (B) in one run, and at the end a table of the ratios with what they should
# be. PARTs: first (start-up), micro (bare-metal operations), aslr (programs at random addresses), guest (the workloads
# of open/ in Debian), parallel (what a second vCPU is worth), disk (the image tool, and a guest's disks); all without a
# PART. PAIRS=n (default 5), BENCH=a,b some workloads only; A=, B= other commands, IMG_A=, IMG_B= other image tools.
set -u
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { sed -n 2,7p "$0" >&2; exit 2; }
build=${BUILD:-build} pairs=${PAIRS:-5}
"$here/../guests/fetch.sh" "$1" qemu10 bench || exit 2
cache=$(cd "$1" && pwd); shift
parts=${*:-first micro aslr guest parallel disk amd64 i386}
case " $parts " in *" disk "*) "$here/../guests/fetch.sh" "$cache" disks || exit 2 ;; esac
a=${A:-$build/dragoman-system-aarch64}
b=${B:-$cache/qemu10/bin/qemu-system-aarch64 -accel tcg}
work=$build/bench; mkdir -p "$work"; result=$work/result; : > "$result"
status=0
# pc ARCH QEMU: the workloads in Debian of that architecture, and what the means should be
pc() {
	local table=$work/result.$1 program=$build/dragoman-system-${2#qemu-system-}
	"$here/../guests/fetch.sh" "$cache" "bench-$1" || exit 2
	echo; echo "== workloads in Debian $1, seconds"
	"$here/ab.sh" "$cache" "$1" open "$pairs" "$program" "$cache/qemu10/bin/$2 -accel tcg" | tee "$table"
	[ "${PIPESTATUS[0]}" = 0 ] || status=1
	echo; echo "== summary of $1"
	awk '
		BEGIN { split("integer 3 FP 12 simd/crypto 8 syscall/fork 4 memory 5 boot 3", g, " ") }
		NF == 8 && $2 !~ /class/ && $5 ~ /^[0-9.]+$/ {
			if ($2 != "boot" && (worst == "" || $5 < worst)) { worst = $5; name = $1 }
			sum[$2] += log($5); n[$2]++ }
		function row(what, value, goal) {
			printf "%-58s %8s   >= %s %s\n", what, value, goal, value == "-" ? "not measured" : value + 0 >= goal ? "reached" : "MISSED" }
		END {
			for (k = 1; g[k] != ""; k += 2)
				row(g[k] ", geometric mean", n[g[k]] ? sprintf("%.2f", exp(sum[g[k]] / n[g[k]])) : "-", g[k + 1])
			row("any single workload (least: " name ")", worst == "" ? "-" : worst, 1.3)
		}' "$table"
}
part() { # TITLE COMMAND...: shows the output and keeps it for the table
	echo; echo "== $1"; shift
	"$@" | tee -a "$result"
	[ "${PIPESTATUS[0]}" = 0 ] || status=1
}
echo "A: $a"; echo "B: $b ($($b --version | head -1))"
echo "host: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) CPUs, load $(cut -d' ' -f1-3 /proc/loadavg), $(date -u +%F)"
for p in $parts; do
	case $p in
	first) part "exec to the guest's first instruction" "$here/first.sh" "$work" $((pairs * 4)) "$a" "$b" ;;
	micro) part "operations of a bare-metal guest, ns" "$here/micro.sh" "$work" "$pairs" "$a" "$b" ;;
	aslr) part "a program of 400 KB, 100 times" "$here/aslr.sh" "$work" "$cache/arm64/vmlinuz-arm64" "$pairs" "$a" "$b" ;;
	guest) part "workloads in Debian arm64, seconds" "$here/ab.sh" "$cache" arm64 open "$pairs" "$a" "$b" ;;
	parallel) part "speed-up of par-xz-2 by a second vCPU" "$here/parallel.sh" "$cache" "$pairs" "$a" ;;
	disk) part "disk images, seconds (a guest's: ms for 1,000 requests)" "$here/disk.sh" "$work" "$cache" "$pairs" "$a" "$b" \
		"${IMG_A:-$build/dragoman-img}" "${IMG_B:-$cache/qemu10/bin/qemu-img}" ;;
	amd64) pc amd64 qemu-system-x86_64 ;;
	i386) pc i386 qemu-system-i386 ;;
	*) echo "run.sh: no part $p; there are first, micro, aslr, guest, parallel, disk, amd64, i386" >&2; exit 2 ;;
	esac
done
[ -s "$result" ] || exit $status # amd64 and i386 have their own
echo; echo "== summary (goals for a whole run with 5 pairs on an idle host)"
awk '
	function row(what, value, goal, low) {
		printf "%-58s %8s   %s%s %s\n", what, value, low ? "<= " : ">= ", goal, \
			value == "-" ? "not measured" : (low ? value + 0 <= goal : value + 0 >= goal) ? "reached" : "MISSED" }
	function root(s, n) { return n ? sprintf("%.2f", exp(s / n)) : "-" }
	function got(x) { return x == "" ? "-" : x }
	# a workload: name class A B median least most cpu; an operation of micro.sh has one column less
	NF == 8 && $2 !~ /class/ && $5 ~ /^[0-9.]+$/ && $1 != "PARALLEL" {
		if ($1 != "boot") { med[$1] = $5; if (worst == "" || $5 < worst) { worst = $5; worst_name = $1 } } else boot = $5
		sum[$2] += log($5); n[$2]++ }
	NF == 7 && $1 ~ /^(calls|pointer_calls|jumps)$/ { sites += log($5); ns++ }
	/^FIRST-INSTRUCTION A/ { first = $5 }
	/^ASLR A/ { aslr = $13 }
	/^PSS at the end/ { a = $7; b = $9; if (a > 0 && b > 0) pss = sprintf("%.2f", a / b) }
	/^PARALLEL/ { par = $7 }
	/^DISK-MEAN/ { disk[$2] = $3; disk_least[$2] = $5 }
	/^DISK-BYTES/ { if ($NF > bytes) bytes = $NF }
	/^DISK +convert +(raw-qcow2|qcow2-raw) / { copies += log($6); nc++ }
	END {
		row("integer workloads, geometric mean", root(sum["integer"], n["integer"]), 2.2)
		row("int-sqlite", got(med["int-sqlite"]), 3); row("int-python", got(med["int-python"]), 3)
		row("int-stress-int64", got(med["int-stress-int64"]), 3); row("int-7zip", got(med["int-7zip"]), 2.5)
		row("FP workloads", root(sum["FP"], n["FP"]), 5)
		row("SIMD and crypto workloads", root(sum["simd/crypto"], n["simd/crypto"]), 4)
		row("system call and fork workloads", root(sum["syscall/fork"], n["syscall/fork"]), 2)
		row("calls and indirect jumps over >= 1,000 sites (micro)", root(sites, ns), 4)
		row("memory workload", root(sum["memory"], n["memory"]), 1.5)
		row("any single workload (least: " (worst_name == "" ? "-" : worst_name) ")", got(worst), 0.97)
		row("a program at random addresses, time to that at one", got(aslr), 1.2, 1)
		row("boot to the first line of init", got(boot), 1.5)
		row("exec to the first guest instruction, ms", got(first), 20, 1)
		row("proportional set size at the end, A / B", got(pss), 1.0, 1)
		row("second vCPU / second CPU (par-xz-2)", got(par), 0.9)
		row("requests of the image tool (bench), geometric mean", got(disk["bench"]), 1.1)
		row("convert raw -> qcow2 -> raw", root(copies, nc), 1.2)
		row("convert, compressed", got(disk["compress"]), 1.0); row("bytes of that, A / B", got(bytes), 1.01, 1)
		row("a guest disk (virtio-blk), geometric mean", got(disk["guest"]), 1.5)
		row("a chain of 8 images, beside raw (least)", got(disk_least["chain"]), 0.9)
	}' "$result"
exit $status
