#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Folders of the host in a guest, by Debian's v9fs: files of all kinds in each model of security, what leads out of a
# folder leads nowhere, and a guest whose root is one.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/initrd.sh
. tests/support/steps.sh
need_guest share_arm64
rm -rf "$work"
mkdir -p "$work" || exit 2
initrd_with "$work/initrd" "$work/tree" virtio_mmio virtio_pci 9p 9pnet_virtio || exit 2

start() { # LOG OPTION...
    guest_start "$1" -M virt -cpu max,pauth=off -m 512M -nographic -nic none -kernel "$kernel" -initrd "$work/initrd" \
        -append "console=ttyAMA0 rdinit=/test/init" -monitor "unix:$work/monitor,server=on,wait=off" "${@:2}"
    await 120 ' # ' || failed "$name" "no shell"
    must 20 'echo 1 > /proc/sys/kernel/printk'
}
mount_share() {
    must 30 'mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,access=any share /mnt'
}

# model NAME DEVICE: a folder in that model, with all that a guest does to files
model() {
    local share=$work/$1
    mkdir "$share"
    head -c 3000000 /dev/urandom > "$share/data"
    chmod 644 "$share/data"
    echo outside > "$work/outside"
    ln -s "$work/outside" "$share/way_out"
    ln -s .. "$share/up"
    start "$1" -fsdev "local,id=f,path=$share,security_model=$1" -device "$2,fsdev=f,mount_tag=share"
    mount_share
    must 60 'md5sum < /mnt/data' "$(md5sum < "$share/data")"
    must 30 'mkdir /mnt/a; cp /bin/busybox /mnt/a/b; sync; cmp /bin/busybox /mnt/a/b'
    must 30 'chown 12:34 /mnt/a/b; chmod 4751 /mnt/a/b; ls -ln /mnt/a/b' '*-rwsr-x--x*12*34*'
    must 30 'ln -s some/where /mnt/a/l; readlink /mnt/a/l' '*some/where*'
    must 30 'mknod /mnt/a/n c 1 3; ls -l /mnt/a/n' '*crw*1,*3*'
    must 30 'mknod /mnt/a/f p; [ -p /mnt/a/f ]'
    must 30 'ln /mnt/a/b /mnt/a/c; mv /mnt/a/c /mnt/d; cmp /mnt/d /mnt/a/b; ls -ln /mnt/d' '*-rwsr-x--x*2*12*34*'
    must 60 'mkdir /mnt/many; i=0; while [ $i -lt 300 ]; do : > /mnt/many/file_with_a_long_name_$i; i=$((i+1)); done; ls /mnt/many | wc -l' '*300*'
    must 30 'echo first > /mnt/x; echo second >> /mnt/x; cat /mnt/x; : > /mnt/x; ls -l /mnt/x' *first*second*-rw*\ 0\ *
    must 30 '! cat /mnt/way_out && ! ls /mnt/up/outside'
    must 30 'touch -d "2001-02-03 04:05:06" /mnt/x; ls -l /mnt/x' '*2001*'
    must 60 'rm -r /mnt/a /mnt/many /mnt/d; ls -A /mnt' *data*up*way_out*x*
    monitor "savevm $work/state"
    must 30 'echo kept > /mnt/x; cat /mnt/x' '*kept*'
    off
}
for m in none passthrough mapped-xattr mapped-file; do
    name=files_of_all_kinds_${m//-/_}
    echo "# $name"
    if [ "$m" = passthrough ] && [ "$(id -u)" != 0 ]; then
        echo "skip $name: only root gives files away"
        continue
    fi
    case $m in mapped-file) device=virtio-9p-device ;; *) device=virtio-9p-pci ;; esac
    model "$m" "$device"
done

name=the_host_sees_what_a_model_promises
if [ "$(stat -c %a "$work/mapped-xattr/x")" = 600 ] && [ "$(cat "$work/mapped-xattr/x" "$work/mapped-file/x")" = $'kept\nkept' ]; then
    echo "ok $name"
else
    echo "not ok $name: $(ls -l "$work/mapped-xattr")"
fi

name=state_with_open_files_goes_on
echo "# $name"
start before -fsdev "local,id=f,path=$work/none,security_model=none" -device virtio-9p-pci,fsdev=f,mount_tag=share
mount_share
must 30 'exec 5> /mnt/open; echo one >&5; cd /mnt'
monitor "savevm $work/state"
guest_kill
guest_end 5
guest_start after -M virt -cpu max,pauth=off -m 512M -nographic -nic none -kernel "$kernel" -initrd "$work/initrd" \
    -append "console=ttyAMA0 rdinit=/test/init" -monitor "unix:$work/monitor,server=on,wait=off" \
    -fsdev "local,id=f,path=$work/none,security_model=none" -device virtio-9p-pci,fsdev=f,mount_tag=share -loadvm "$work/state"
must 60 'echo two >&5; cat open' *one*two*
off

name=folders_are_read_only_when_asked
echo "# $name"
start readonly -virtfs "local,path=$work/none,mount_tag=share,security_model=none,readonly=on"
mount_share
must 30 'cat /mnt/x' '*kept*'
must 30 '! echo no > /mnt/x; ! mkdir /mnt/no; ! rm /mnt/x; ! chmod 777 /mnt/x; cat /mnt/x' '*kept*'
off

name=a_guest_runs_on_a_folder_of_the_host
echo "# $name"
mkdir "$work/root"
(cd "$work/root" && zcat "$initrd" | cpio -idm --quiet 2> /dev/null)
cat > "$work/root/hello" <<'HELLO'
#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
exec < /dev/console > /dev/console 2>&1
grep ' / ' /proc/mounts
exec sh
HELLO
chmod 755 "$work/root/hello"
start root -fsdev "local,id=f,path=$work/root,security_model=none,multidevs=remap" -device virtio-9p-pci,fsdev=f,mount_tag=share
mount_share
say 'umount /dev; umount /proc; umount /sys; exec switch_root /mnt /hello'
await 60 'share / 9p' || failed "$name" 'no root'
await 60 '# ' || failed "$name" 'no shell'
must 60 'find / -xdev -type f | wc -l' '*[1-9][0-9][0-9]*'
must 60 'echo it was here > /written; sync'
say 'poweroff -f'
guest_end 60
[ "$(cat "$work/root/written")" = 'it was here' ] && echo "ok $name" || echo "not ok $name: nothing was written"
