#!/bin/bash
# SPDX-License-Identifier: MIT
# mkuserland.sh OUT ARCH: builds OUT/ARCH/userland.cpio, an initramfs of Debian's packages of ARCH (arm64) with a whole
# Python and its own tests. There is no init in it: it is booted with a further one appended, and rdinit=.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ $# -eq 2 ] || { sed -n '3,4s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd) arch=$2

apt_setup "$out" "$arch"
root=$out/.stage/$arch-userland
rm -rf "$root"
mkdir -p "$root"/{dev,proc,sys,tmp,run,root,bin} "$out/$arch"
for deb in $(apt_get "$out" "$arch" busybox-static python3.11 libpython3.11-testsuite netbase tzdata); do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
        --exclude='./usr/share/perl*' --exclude='./usr/share/info/*' --exclude='./var/*'
done
for a in sh mount insmod poweroff; do
    [ -e "$root/bin/$a" ] || ln -sf busybox "$root/bin/$a"
done
echo root:x:0:0:root:/root:/bin/sh > "$root/etc/passwd"
echo root:x:0: > "$root/etc/group"
echo 127.0.0.1 localhost > "$root/etc/hosts"
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) > "$out/$arch/userland.cpio.new"
mv "$out/$arch/userland.cpio.new" "$out/$arch/userland.cpio"
rm -rf "$root"
