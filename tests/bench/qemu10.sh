#!/bin/bash
# qemu10.sh OUT
# Unpack QEMU 10 (Debian backports: system emulators, qemu-img, qemu-user) with the libraries it needs into OUT/qemu10,
# without installing anything or touching this host's apt sources, and write wrappers OUT/qemu10/bin/qemu-*.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || { sed -n 2,4p "$0" >&2; exit 2; }
mkdir -p "$1"; out=$(cd "$1" && pwd)
SUITE=bookworm-backports
. "$here/../guests/lib.sh"
host=$(dpkg --print-architecture)
EXTRA_SUITE=bookworm apt_setup "$out" "$host"
pkgs="qemu-system-arm qemu-system-x86 qemu-system-ppc qemu-system-s390x qemu-system-common qemu-system-data qemu-utils"
debs=$(apt_get "$out" "$host" -t bookworm-backports $pkgs seabios libc6)
# the emulators for user programs are static: no dependencies
debs="$debs $(apt_one "$out" "$host" qemu-user/bookworm-backports)"
t=$out/qemu10; list=$(for d in $debs; do basename "$d"; done | sort | md5sum)
if [ "$(cat "$t/.list" 2>/dev/null)" != "$list" ]; then
	rm -rf "$t"; mkdir -p "$t/root" "$t/bin"
	for d in $debs; do dpkg-deb --fsys-tarfile "$d" | tar -x -C "$t/root" --keep-directory-symlink; done
	lib=$(cd "$t/root" && find usr/lib lib -name 'libglib-2.0.so.0' -printf '%h\n' -quit)
	for b in "$t"/root/usr/bin/qemu-*; do
		n=$(basename "$b"); x=
		case $n in qemu-system-*) x="-L \"$t/root/usr/share/qemu\" -L \"$t/root/usr/share/seabios\" -L \"$t/root/usr/lib/ipxe/qemu\"" ;; esac
		if readelf -l "$b" 2>/dev/null | grep -q 'program interpreter'; then
			printf '#!/bin/sh\nexec env LD_LIBRARY_PATH="%s" QEMU_MODULE_DIR="%s" "%s" %s "$@"\n' "$t/root/$lib:$t/root/lib/$(basename "$lib")" "$t/root/$lib/qemu" "$b" "$x" > "$t/bin/$n"
		else
			printf '#!/bin/sh\nexec "%s" "$@"\n' "$b" > "$t/bin/$n"
		fi
		chmod +x "$t/bin/$n"
	done
	echo "$list" > "$t/.list"
fi
"$t/bin/qemu-system-aarch64" --version | head -1
