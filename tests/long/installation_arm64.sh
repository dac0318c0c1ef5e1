#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 9000
# Debian's installer, unattended, onto an empty qcow2 disk under UEFI, packages from the mirror; then what it installed
# boots from that disk to a login. Only in `make check-all`.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/server.sh
guest_limit=7200
work=${BUILD:-build}/tests/long/installation_arm64
images=$cache/arm64/di/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64
uefi=$cache/firmware/qemu-efi-aarch64/usr/share/qemu-efi-aarch64/QEMU_EFI.fd
[ -e "$images/linux" ] && [ -e "$uefi" ] || { echo "skip installation: no installer or no UEFI in $cache (make guests)"; exit 0; }
. tests/guests/lib.sh
case $MIRROR in http://*) ;; *) echo "skip installation: the mirror $MIRROR is not one that the installer knows"; exit 0 ;; esac
rm -rf "$work"
mkdir -p "$work/served" || exit 2
# What the installer is made of are packages of its own (udebs). A mirror may list them, have some and not others: the
# installer asks for these among the rest, and cannot go on without them.
skip() { echo "skip installation: the installer cannot be given its packages by $MIRROR: $1"; exit 0; }
fetch() { /usr/lib/apt/apt-helper download-file "${MIRROR%/}/$1" "$2" > "$work/fetch" 2>&1; }
why() { grep -m 1 '^E: Failed to fetch' "$work/fetch" | sed 's/.* \([0-9]* *Not Found\|[0-9][0-9][0-9] .*\) *\[.*/\1/'; }
index=dists/bookworm/main/debian-installer/binary-arm64/Packages.xz
fetch $index "$work/parts.xz" || skip "$index: $(why)"
xz -dc "$work/parts.xz" > "$work/parts" || exit 2
for part in partman-auto bootstrap-base grub-installer; do
    name=$(awk -v p=$part '$1 == "Package:" { here = $2 == p } here && $1 == "Filename:" { print $2; exit }' "$work/parts")
    [ -n "$name" ] || skip "its list of $(grep -c '^Package:' "$work/parts") has no $part"
    fetch "$name" "$work/part" || skip "$name is in its list, and it answers $(why)"
done
disk=$work/disk.qcow2 img=${BUILD:-build}/dragoman-img
"$img" create -q -f qcow2 "$disk" 4G || exit 2
mirror=${MIRROR#http://} mirror=${mirror%/}
host=${mirror%%/*} folder=${mirror#"$host"}
cat > "$work/served/preseed" <<PRESEED
d-i debian-installer/locale string en_US.UTF-8
d-i keyboard-configuration/xkb-keymap select us
d-i netcfg/choose_interface select auto
d-i netcfg/get_hostname string installed
d-i netcfg/get_domain string local
d-i mirror/country string manual
d-i mirror/http/hostname string $host
d-i mirror/http/directory string ${folder:-/}
d-i mirror/http/proxy string
d-i mirror/suite string bookworm
d-i passwd/root-password password installed
d-i passwd/root-password-again password installed
d-i passwd/make-user boolean false
d-i clock-setup/utc boolean true
d-i clock-setup/ntp boolean false
d-i time/zone string UTC
d-i partman-auto/method string regular
d-i partman-auto/disk string /dev/vda
d-i partman-auto/choose_recipe select atomic
d-i partman-partitioning/confirm_write_new_label boolean true
d-i partman/choose_partition select finish
d-i partman/confirm boolean true
d-i partman/confirm_nooverwrite boolean true
d-i base-installer/install-recommends boolean false
d-i apt-setup/services-select multiselect
d-i apt-setup/enable-source-repositories boolean false
tasksel tasksel/first multiselect
d-i pkgsel/upgrade select none
d-i pkgsel/update-policy select none
popularity-contest popularity-contest/participate boolean false
d-i grub-installer/force-efi-extra-removable boolean true
d-i finish-install/reboot_in_progress note
d-i debian-installer/exit/poweroff boolean true
PRESEED
serve "$work/served"
trap 'kill $server_pid' EXIT

failed() { # NAME WHY
    guest_failed "$@"
    exit 0
}

machine=(-M virt -cpu max,pauth=off -smp 2 -m 1G -nographic -bios "$uefi" -drive "file=$disk,if=virtio" -nic user)

name=unattended_installation_onto_qcow2
guest_start install "${machine[@]}" -kernel "$images/linux" -initrd "$images/initrd.gz" \
    -append "console=ttyAMA0 auto=true priority=critical DEBIAN_FRONTEND=text url=http://10.0.2.2:$port/preseed"
guest_end 7000
[ "$status" = 0 ] && [ -z "$trouble" ] || failed $name "exit status $status"
"$img" check -q "$disk" > "$work/check" 2>&1 || failed $name "$(tail -n 1 "$work/check")"
echo "ok $name"

name=what_was_installed_boots
guest_start boot "${machine[@]}"
await 900 'installed login:' || failed $name 'no login'
say root
await 120 'Password:' || failed $name 'no question for the password'
say installed
await 120 '# ' || failed $name 'no shell'
ask 300 'stty -echo; systemctl is-system-running --wait; findmnt -no SOURCE /' || failed $name "$answer"
[[ $answer == *running*/dev/vda2* ]] || failed $name "$answer"
say poweroff
guest_end 300
[ "$status" = 0 ] && [ -z "$trouble" ] && "$img" check -q "$disk" > "$work/check" 2>&1 &&
    echo "ok $name" || echo "not ok $name: exit status $status at power-off $trouble $(tail -n 1 "$work/check")"
