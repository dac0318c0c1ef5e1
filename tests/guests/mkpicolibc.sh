#!/bin/bash
# SPDX-License-Identifier: MIT
# mkpicolibc.sh OUT: unpacks Debian's picolibc for AArch64, a C library for bare metal, as OUT/picolibc.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ $# -eq 1 ] || { sed -n '3s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd) host=$(dpkg --print-architecture)

apt_setup "$out" "$host"
deb=$(apt_one "$out" "$host" picolibc-aarch64-linux-gnu)
rm -rf "$out/picolibc.new"
dpkg-deb -x "$deb" "$out/picolibc.new"
mv "$out/picolibc.new" "$out/picolibc"
