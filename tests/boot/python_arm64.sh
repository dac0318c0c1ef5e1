#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Modules of Python's own tests, from Debian's arm64 packages: each test ends as it does on QEMU 10, which runs them at
# the same time.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
need_guest python_arm64
qemu=$cache/qemu10/bin/qemu-system-aarch64
userland=$cache/arm64/userland.cpio
[ -e "$userland" ] || { echo "skip python_arm64: no Python for arm64 in $cache (make guests)"; exit 0; }
[ -x "$qemu" ] || { echo "skip python_arm64: no QEMU 10 in $cache to compare with (make oracle)"; exit 0; }
modules='float cmath complex int struct array memoryview re hashlib zlib codecs strtod dict list sort heapq random marshal
    datetime generators ctypes mmap select posix os fcntl thread threading faulthandler'

rm -rf "$work"
mkdir -p "$work/tree/test" || exit 2
cp tests/guests/python_results.py "$work/tree/test/"
cat > "$work/tree/test/init" <<-INIT
	#!/bin/sh
	export PATH=/bin:/usr/bin:/sbin HOME=/root LC_ALL=C.UTF-8 PYTHONHASHSEED=0 TZ=UTC
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t devtmpfs dev /dev
	mkdir -p /dev/shm /dev/pts
	mount -t tmpfs shm /dev/shm
	mount -t devpts pts /dev/pts
	mount -t tmpfs tmp /tmp
	busybox ip link set lo up
	exec < /dev/console > /dev/console 2>&1
	cd /tmp
	for m in \$(echo \$modules | tr , ' '); do # from the kernel's command line
	    python3.11 /test/python_results.py test_\$m
	done
	echo ALL RAN
	poweroff -f
INIT
chmod 755 "$work/tree/test/init"
(cd "$work/tree" && find . | cpio -o -H newc -R 0:0 --quiet) | cat "$userland" - > "$work/initrd"

run() { # NAME EMULATOR MODULES: the console to $work/NAME.console, "MODULE TEST VERDICT" lines to $work/NAME.results
    timeout -s KILL 430 "$2" -M virt -cpu max,pauth=off,sve=off,sme=off -m 2G -smp 2 -nographic -no-reboot -nic none \
        -kernel "$kernel" -initrd "$work/initrd" -append "console=ttyAMA0 quiet panic=-1 rdinit=/test/init modules=$(echo $3 | tr ' ' ,)" \
        < /dev/null > "$work/$1.console" 2> "$work/$1.errors"
    echo $? > "$work/$1.status"
    tr -d '\r' < "$work/$1.console" | sed -n 's/^RESULT //p' | sort > "$work/$1.results"
}
run_both() { # MODULES
    run qemu "$qemu" "$1" &
    run dragoman "$dragoman" "$1"
    wait
}
different() { # MODULE: the tests that do not end alike
    comm -3 <(grep "^test_$1 " "$work/qemu.results") <(grep "^test_$1 " "$work/dragoman.results") |
        sed 's/^\t/dragoman: /;t;s/^/QEMU: /' | head -4 | tr '\n' ';'
}
run_both "$modules"

if [ "$(cat "$work/dragoman.status")" = 0 ] && grep -aq '^ALL RAN' "$work/dragoman.console"; then
    echo "ok guest_runs_to_its_end"
else
    echo "not ok guest_runs_to_its_end: exit status $(cat "$work/dragoman.status"), $(tail -n 1 "$work/dragoman.console")"
fi
grep -aq '^ALL RAN' "$work/qemu.console" || echo "# QEMU did not run to its end"
# Some tests wait for threads and time: what differs once on a busy host gets a second chance, as a whole.
again=$(for m in $modules; do [ -z "$(different "$m")" ] || echo "$m"; done)
if [ -n "$again" ]; then
    echo "# again:" $again
    cp "$work/dragoman.results" "$work/dragoman.first"
    cp "$work/qemu.results" "$work/qemu.first"
    run_both "$again"
    for e in dragoman qemu; do
        for m in $again; do sed -i "/^test_$m /d" "$work/$e.first"; done
        sort -o "$work/$e.results" "$work/$e.first" "$work/$e.results"
    done
fi
for m in $modules; do
    if ! grep -q "^test_$m " "$work/dragoman.results"; then
        echo "not ok python_$m: no test has run"
    elif [ -n "$(different "$m")" ]; then
        echo "not ok python_$m: $(different "$m")"
    else
        echo "ok python_$m"
    fi
done
