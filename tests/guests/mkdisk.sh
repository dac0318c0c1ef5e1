#!/bin/bash
# SPDX-License-Identifier: MIT
# mkdisk.sh OUT DRAGOMAN: builds OUT/arm64/disk.raw, a disk with Debian for arm64 as its users have it: GPT, an EFI
# system partition with GRUB, systemd, apt, ssh and cloud-init. Its packages are unpacked here; they are set up in the
# guest, by the program DRAGOMAN with the kernel and the installer of OUT/arm64 (mkguests.sh).
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 2 ] || { sed -n '3,5s/^# //p' "$0" >&2; exit 2; }
# the owners of files are to be those that the guest has
[ "$(id -u)" = 0 ] || [ -n "${FAKEROOTKEY:-}" ] || exec fakeroot "$0" "$@"
PATH=$PATH:/usr/sbin:/sbin
cache=$(cd "$1" && pwd) dragoman=$(realpath -s "$2")
. "$here/lib.sh"
. "$here/../support/initrd.sh"
initrd=$cache/arm64/di/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64/initrd.gz
modules=$cache/arm64/kernel-arm64/lib/modules
stage=$cache/.stage/disk
root=$stage/root disk=$stage/disk.raw
packages=systemd-sysv,udev,dbus,linux-image-cloud-arm64,grub-efi-arm64,openssh-server,cloud-init,python3-cffi-backend,iproute2
mib=$((1024 * 1024)) size=2048 esp=64 # MiB

rm -rf "$stage"
mkdir -p "$stage"
debootstrap --foreign --arch=arm64 --variant=minbase --keyring="$KEYRING" --include=$packages "$SUITE" "$root" "$MIRROR"

# ---- what the guest does, in its own root and before that

cat > "$root/debootstrap/finish" <<'FINISH'
#!/bin/sh
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C
/debootstrap/debootstrap --second-stage
mkdir -p /boot/efi
mount -t vfat /dev/vda1 /boot/efi
echo debian > /etc/hostname
echo 127.0.0.1 localhost debian > /etc/hosts
echo "PARTLABEL=root / ext4 errors=remount-ro 0 1" > /etc/fstab
echo "PARTLABEL=esp /boot/efi vfat umask=0077 0 2" >> /etc/fstab
sed -i 's/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=0/; s/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX="console=ttyAMA0"/' /etc/default/grub
echo GRUB_TERMINAL=console >> /etc/default/grub
grub-install --target=arm64-efi --efi-directory=/boot/efi --removable --no-nvram
update-grub
systemctl enable systemd-networkd systemd-resolved 2> /dev/null || systemctl enable systemd-networkd
rm -f /etc/ssh/ssh_host_* /etc/machine-id
: > /etc/machine-id
umount /boot/efi
FINISH
chmod 755 "$root/debootstrap/finish"

mkdir -p "$stage/tree/test"
cat > "$stage/tree/test/then" <<'THEN'
mount -t ext4 /dev/vda2 /mnt &&
    mount -t proc proc /mnt/proc && mount -t sysfs sys /mnt/sys && mount -o bind /dev /mnt/dev &&
    chroot /mnt /debootstrap/finish && rm -rf /mnt/debootstrap && echo "the disk is ready"
umount /mnt/dev /mnt/sys /mnt/proc 2> /dev/null
umount /mnt && sync
poweroff -f
THEN
initrd_with "$stage/initrd" "$stage/tree" virtio_mmio virtio_pci virtio_blk crc32c_generic ext4 nls_cp437 nls_ascii vfat

# ---- the disk

truncate -s ${size}M "$disk"
sfdisk -q "$disk" <<TABLE
label: gpt
start=$((mib / 512)), size=$((esp * mib / 512)), type=U, name=esp
start=$(((1 + esp) * mib / 512)), type=L, name=root
TABLE
mformat -i "$disk@@$mib" -F -T $((esp * mib / 512)) -h 64 -s 32 ::
blocks=$(((size - esp - 2) * mib / 4096))
mke2fs -q -t ext4 -F -b 4096 -L root -d "$root" -E offset=$(((1 + esp) * mib)) "$disk" $blocks

timeout 3000 "$dragoman" -M virt -cpu max,pauth=off -smp 2 -m 1G -nographic -nic none -no-reboot -kernel "$cache/arm64/vmlinuz-arm64" \
    -initrd "$stage/initrd" -append 'console=ttyAMA0 rdinit=/test/init quiet' \
    -drive "file=$disk,format=raw,if=virtio,cache=unsafe,discard=unmap" < /dev/null | tee "$stage/console"
grep -q 'the disk is ready' "$stage/console"
mv "$disk" "$cache/arm64/disk.raw"
rm -rf "$stage"
