#!/bin/bash
# SPDX-License-Identifier: MIT
# -drive and -blockdev: what the monitor shows of the disks that they make, and one line for each thing that can be wrong.
set -u
program=${BUILD:-build}/dragoman-system-aarch64
[ -x "$program" ] || { echo "skip disks: $program is not built"; exit 0; }
program=$(realpath -s "$program")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 2
truncate -s 1M disk.img a,b.img

# disk NAME PATTERN ARGUMENT...: a line of `info block` matches
disk() {
    local name=$1 pattern=$2 out
    shift 2
    out=$(printf 'info block\nquit\n' | timeout -s KILL 30 "$program" -M virt -display none -monitor stdio -S "$@" 2>&1)
    if grep -qE -- "$pattern" <<< "$out"; then echo "ok $name"; else echo "not ok $name: no line $pattern in: ${out:0:300}"; fi
}

# wrong NAME TEXT ARGUMENT...: one line on standard error that contains TEXT, status 1
wrong() {
    local name=$1 text=$2 out rc
    shift 2
    out=$(timeout 30 "$program" -M virt -display none -nic none "$@" 2>&1 < /dev/null)
    rc=$?
    if [ $rc = 1 ] && [ "$(wc -l <<< "$out")" = 1 ] && [[ $out == "dragoman: "*"$text"* ]]; then
        echo "ok $name"
    else
        echo "not ok $name: status $rc: ${out:0:300}"
    fi
}

B='virtio-blk-device'
disk drive_with_keys_of_its_file '^virtio0: disk.img \(raw\), 1048576 bytes' -drive format=raw,file.driver=file,file.filename=disk.img
disk drive_with_a_json_name '^virtio0: disk.img \(raw\), 524288 bytes' \
    -drive 'file=json:{"driver":"raw",,"size":524288,,"file":{"driver":"file",,"filename":"disk.img"}}'
disk drive_of_a_driver_without_a_file '^virtio0: #block[0-9]+ \(null-co\), 2097152 bytes' -drive driver=null-co,size=2M
disk drive_with_limits '^virtio0: disk.img \(throttle\)' -drive file=disk.img,format=raw,bps=1M,iops_rd=100
disk drive_with_copies_of_what_is_read 'disk.img \(copy-on-read\)' -drive file=disk.img,format=raw,copy-on-read=on
disk blockdev_in_steps '^top: disk.img \(raw\), 1048576 bytes' -blockdev driver=file,node-name=f,filename=disk.img \
    -blockdev driver=raw,node-name=top,file=f -device $B,drive=top
disk blockdev_in_one '^top: disk.img \(raw\), 4096 bytes' \
    -blockdev raw,node-name=top,offset=4K,size=4K,file.driver=file,file.filename=disk.img -device $B,drive=top
disk blockdev_as_json '^top: disk.img \(raw\), 1048576 bytes, read-only' -device $B,drive=top \
    -blockdev '{"driver":"raw","node-name":"top","read-only":true,"file":{"driver":"file","filename":"disk.img"}}'
disk blockdev_with_a_comma_in_a_name '^top: a,b.img' -device $B,drive=top \
    -blockdev raw,node-name=top,file.driver=file,file.filename=a,,b.img
disk group_of_limits '^top: disk.img \(throttle\)' -object throttle-group,id=g,x-bps-total=1M,x-iops-read=50 \
    -blockdev throttle,node-name=top,throttle-group=g,file.driver=raw,file.file.driver=file,file.file.filename=disk.img \
    -device $B,drive=top
disk node_name_of_a_drive '^a: disk.img \(raw\)' -drive if=none,id=a,file=disk.img,format=raw,node-name=n

# Images of a format are known by looking at them; what stands below is found beside them.
qemu-img create -q -f qcow2 base.qcow2 3M && mkdir -p sub && qemu-img create -q -f qcow2 -F qcow2 -b ../base.qcow2 sub/top.qcow2
disk qcow2_without_a_format '^virtio0: sub/top.qcow2 \(qcow2\), 3145728 bytes' -drive file=sub/top.qcow2
disk qcow2_with_keys '^virtio0: base.qcow2 \(qcow2\), 3145728 bytes' \
    -drive file=base.qcow2,format=qcow2,l2-cache-size=1M,lazy-refcounts=on,cache-clean-interval=0
disk qcow2_as_a_snapshot '^virtio0: base.qcow2 \(qcow2\), 3145728 bytes, snapshot' -drive file=base.qcow2,snapshot=on
disk qcow2_by_blockdev '^top: sub/top.qcow2 \(qcow2\), 3145728 bytes' -device $B,drive=top \
    -blockdev qcow2,node-name=top,file.driver=file,file.filename=sub/top.qcow2,backing.file.filename=base.qcow2,backing.driver=qcow2

out=$("$program" -blockdev help 2>&1)
if [ $? = 0 ] && grep -q '^  raw  *format: ' <<< "$out" && grep -q '^    throttle-group=TEXT ' <<< "$out"; then
    echo "ok drivers_are_listed"
else
    echo "not ok drivers_are_listed: ${out:0:200}"
fi

wrong blockdev_without_a_name 'node-name= is missing' -blockdev raw,file=x
wrong blockdev_that_is_no_json 'JSON is accepted' -blockdev '{"driver":'
wrong blockdev_of_no_driver "did you mean 'raw'" -blockdev rwa,node-name=a,file=x
wrong blockdev_of_no_node "there is no node 'x'" -blockdev raw,node-name=a,file=x
wrong blockdev_with_a_bad_key "did you mean 'filename'" -blockdev file,node-name=a,filename=disk.img,filenam=y
wrong blockdev_twice "there is a node of that name" -blockdev null-co,node-name=a -blockdev null-co,node-name=a
wrong device_without_a_disk 'there is no -drive with id=b, and no -blockdev with node-name=b' -blockdev null-co,node-name=a \
    -device $B,drive=b
wrong two_devices_on_a_node "is used by the disk 'a'" -blockdev null-co,node-name=a -device $B,drive=a -device $B,drive=a
wrong drive_with_a_bad_key "unknown key 'ofset'" -drive file=disk.img,format=raw,ofset=512
wrong drive_without_a_file 'file= is missing' -drive format=raw
disk scsi_disk_by_its_drive '^a: disk.img \(raw\)' -device virtio-scsi-pci -device scsi-hd,drive=a -drive if=none,id=a,file=disk.img,format=raw
disk cdrom_option_is_a_virtio_disk '^virtio2: disk.img \(raw\), 1048576 bytes, read-only' -cdrom disk.img
wrong controllers_of_other_machines 'machine type does not support if=scsi; use if=none' -drive if=scsi,file=disk.img
wrong scsi_disk_without_a_bus 'the machine has no bus for scsi-hd; -device virtio-scsi-pci' -device scsi-hd,drive=a -drive if=none,id=a,file=disk.img
wrong empty_drive_of_a_device_without_media 'Device needs media, but drive is empty' -drive if=none,id=a,media=cdrom -device $B,drive=a
disk empty_drive '^a: \[not inserted\]' -drive if=none,id=a,media=cdrom
wrong qcow2_that_is_none 'is not a qcow2 image' -drive file=disk.img,format=qcow2
wrong qcow2_with_a_bad_key "unknown key 'l2-cache-sice'" -drive file=base.qcow2,l2-cache-sice=1M
wrong qcow2_with_a_bad_value 'a power of two' -drive file=base.qcow2,l2-cache-entry-size=1000
wrong bad_limit 'a number of bytes' -drive file=disk.img,format=raw,bps=fast
wrong no_such_group "there is no throttle group 'g'" -blockdev throttle,node-name=a,throttle-group=g,file.driver=null-co
wrong bad_key_of_a_group "'x-bps' is not a key" -object throttle-group,id=g,x-bps=1
wrong bad_action_on_errors 'ignore, enospc' -drive file=disk.img,format=raw,werror=panic

# What the monitor does with disks that are in use.
out=$(printf 'block_resize virtio0 3\nblock_resize none 3\nblock_resize virtio0 big\ninfo block\nquit\n' |
    timeout -s KILL 30 "$program" -M virt -display none -monitor stdio -drive file=disk.img,format=raw 2>&1)
if grep -q '^virtio0: .* 3145728 bytes' <<< "$out" && [ "$(stat -c %s disk.img)" = 3145728 ] &&
    grep -q "there is no disk 'none'; accepted: virtio0" <<< "$out" && grep -q '^big: a number of MiB' <<< "$out"; then
    echo "ok block_resize_gives_another_size"
else
    echo "not ok block_resize_gives_another_size: ${out:0:300}"
fi

# talk NAME PATTERN COMMANDS ARGUMENT...: a line of what the monitor says to the commands matches
talk() {
    local name=$1 pattern=$2 commands=$3 out
    shift 3
    out=$(printf '%b\nquit\n' "$commands" | timeout -s KILL 30 "$program" -M virt -display none -monitor stdio -S "$@" 2>&1)
    if grep -qE -- "$pattern" <<< "$out"; then echo "ok $name"; else echo "not ok $name: no line $pattern in: ${out:0:400}"; fi
}

D='-drive file=disk.img,format=raw'
talk commit_without_a_backing_file 'disk.img has no backing file' 'commit virtio0' $D
talk commit_of_no_disk "there is no disk 'x'" 'commit x' $D
talk commit_of_all_does_those_that_can '^virtio0: .*snapshot' 'commit all\ninfo block' $D,snapshot=on
talk jobs_are_listed 'No active jobs' 'info block-jobs' $D
talk stream_without_a_backing_file 'disk.img has no backing file' 'block_stream virtio0' $D
talk stream_of_what_snapshot_took '^virtio0: .*snapshot' 'block_stream virtio0\ninfo block-jobs\ninfo block' $D,snapshot=on
talk no_job_to_cancel 'no job is under way on disk.img' 'block_job_cancel virtio0' $D
talk a_filter_has_its_own_child '^virtio0: disk.img .blkdebug.' 'info block' -drive driver=blkdebug,image.driver=file,image.filename=disk.img,if=virtio
talk mirrors_are_not_built "'drive_mirror' is not built; block_stream" 'drive_mirror virtio0 x' $D
talk media_of_a_fixed_disk "Device 'virtio0' is not removable" 'eject virtio0' $D
talk change_of_a_fixed_disk "Device 'virtio0' is not removable" 'change virtio0 disk.img' $D
