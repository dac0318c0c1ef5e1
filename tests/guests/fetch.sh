#!/bin/bash
# SPDX-License-Identifier: MIT
# fetch.sh CACHE WHAT...
# Fetches into CACHE, by Debian package name, what tests and measurements run: arm64, amd64, i386 (kernel and installer
# of that architecture), memtest, firmware (UEFI and U-Boot for arm64), userland (an arm64 initramfs with Python and its tests), disk (Debian
# for arm64, set up by the dragoman of $BUILD), picolibc (a C library for bare metal), qemu10 (QEMU 10 and qemu-user, to
# compare with), bench, wide, languages, disks (arm64 initramfs of the sets of workloads), bench-amd64.
# What is there already is kept and needs no network.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 2 ] || { sed -n '3,8s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
cache=$(cd "$1" && pwd)
shift

# quietly LOG COMMAND...: the output is shown only if the command fails
quietly() {
    local log=$1
    shift
    "$@" > "$log" 2>&1 || { tail -5 "$log" >&2; return 1; }
}

for what; do
    case $what in
    arm64 | amd64 | i386)
        [ -e "$cache/$what/vmlinuz-${what/#i386/686-pae}" ] && [ -d "$cache/$what/di/usr" ] && continue
        echo "fetching Debian's $what kernel and installer into $cache"
        quietly "$cache/$what.log" "$here/mkguests.sh" "$cache" "$what"
        ;;
    firmware)
        [ -e "$cache/firmware/qemu-efi-aarch64/.deb" ] && [ -e "$cache/firmware/u-boot-qemu/.deb" ] && continue
        echo "fetching Debian's UEFI and U-Boot for arm64 into $cache"
        FIRMWARE='qemu-efi-aarch64 u-boot-qemu' quietly "$cache/firmware.log" "$here/mkguests.sh" "$cache" firmware
        ;;
    memtest)
        [ -e "$cache/firmware/memtest86+/.deb" ] && continue
        echo "fetching memtest86+ into $cache"
        FIRMWARE=memtest86+ quietly "$cache/memtest.log" "$here/mkguests.sh" "$cache" firmware
        ;;
    qemu10)
        [ -x "$cache/qemu10/bin/qemu-system-aarch64" ] && continue
        echo "fetching QEMU 10 from Debian's backports into $cache (unpacked there, not installed)"
        quietly "$cache/qemu10.log" "$here/../bench/qemu10.sh" "$cache"
        ;;
    picolibc)
        [ -d "$cache/picolibc/usr" ] && continue
        echo "fetching picolibc for arm64 into $cache"
        quietly "$cache/picolibc.log" "$here/mkpicolibc.sh" "$cache"
        ;;
    disk)
        [ -e "$cache/arm64/disk.raw" ] && continue
        "$0" "$cache" arm64
        echo "building a disk with Debian for arm64 in $cache; its packages are set up by the guest itself"
        quietly "$cache/disk.log" "$here/mkdisk.sh" "$cache" "${BUILD:-build}/dragoman-system-aarch64"
        ;;
    userland)
        [ -e "$cache/arm64/userland.cpio" ] && continue
        echo "fetching Python for arm64 and its tests into $cache"
        quietly "$cache/userland.log" "$here/mkuserland.sh" "$cache" arm64
        ;;
    bench | wide | languages | disks | bench-amd64 | bench-i386)
        arch=arm64 set_=${what/bench/open}
        case $what in *-amd64 | *-i386) arch=${what#*-} set_=${set_%-*} ;; esac
        [ -e "$cache/$arch/bench-$set_.cpio" ] && continue
        "$0" "$cache" "$arch"
        echo "building the workloads' initramfs ($set_) from Debian's $arch packages in $cache"
        quietly "$cache/bench.log" "$here/../bench/mkbench.sh" "$cache" "$arch" "$here/../bench/$set_"
        ;;
    *) echo "fetch.sh: no guest $what; there are arm64, amd64, i386, memtest, firmware, userland, disk, picolibc, qemu10, bench, bench-amd64, bench-i386, wide, languages and disks" >&2; exit 2 ;;
    esac
done
