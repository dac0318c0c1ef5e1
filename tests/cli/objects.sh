#!/bin/bash
# SPDX-License-Identifier: MIT
# -object and -fsdev on the command line and in the monitor: guest memory out of back ends, secrets, threads by name,
# folders; what the monitor says of the machine's memory and CPUs; and one line for each thing that can be wrong.
set -u
program=${BUILD:-build}/dragoman-system-aarch64
[ -x "$program" ] || { echo "skip objects: $program is not built"; exit 0; }
program=$(realpath -s "$program")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 2
truncate -s 1M disk.img
printf 'c2VjcmV0\n' > in_base64

# says NAME COMMANDS PATTERN ARGUMENT...: what the monitor says to the commands has a line that matches
says() {
    local name=$1 commands=$2 pattern=$3 out
    shift 3
    out=$(printf '%b\nquit\n' "$commands" | timeout -s KILL 60 "$program" -display none -nic none -monitor stdio -S "$@" 2>&1)
    if grep -qE -- "$pattern" <<< "$out"; then echo "ok $name"; else echo "not ok $name: no line $pattern in: ${out:0:400}"; fi
}

# wrong NAME TEXT ARGUMENT...: one line on standard error that contains TEXT, status 1
wrong() {
    local name=$1 text=$2 out rc
    shift 2
    out=$(timeout 60 "$program" -M virt -display none -nic none "$@" 2>&1 < /dev/null)
    rc=$?
    if [ $rc = 1 ] && [ "$(wc -l <<< "$out")" = 1 ] && [[ $out == "dragoman: "*"$text"* ]]; then
        echo "ok $name"
    else
        echo "not ok $name: status $rc: ${out:0:300}"
    fi
}

# verdict NAME COMMAND...: good if the command is
verdict() {
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "not ok $name"; fi
}

data=(-device 'loader,addr=0x40300000,data=0x1122334455667788,data-len=8')
bytes_at() { # FILE: what the loader put into memory
    tail -c +$((0x300001)) "$1" | head -c 8 | od -An -tx8 | tr -d ' \n'
}

says memory_of_a_back_end 'info memdev' '^memory backend: m' -M virt,memory-backend=m -object memory-backend-ram,id=m,size=64M
says memory_says_its_size 'xp /1wx 0x43fffffc' '43fffffc: 0x00000000' -M virt,memory-backend=m -object memory-backend-ram,id=m,size=64M
says memory_in_a_shared_file 'xp /1gx 0x40300000' '1122334455667788' -M virt,memory-backend=m "${data[@]}" \
    -object memory-backend-file,id=m,size=64M,mem-path=shared,share=on
verdict a_shared_file_has_what_the_guest_wrote [ "$(bytes_at shared)" = 1122334455667788 ]
says memory_that_was_there_is_kept 'xp /1gx 0x40300000' '1122334455667788' -M virt,memory-backend=m \
    -object memory-backend-file,id=m,size=64M,mem-path=shared,share=on
cp --sparse=always shared kept
says memory_in_a_file_of_its_own 'info status' paused -M virt,memory-backend=m -device loader,addr=0x40300000,data=5,data-len=8 \
    -object memory-backend-file,id=m,size=64M,mem-path=kept,readonly=on
verdict a_file_that_is_not_shared_stays_as_it_is cmp -s shared kept
says data_are_discarded_at_the_end 'info status' paused -M virt,memory-backend=m \
    -object memory-backend-file,id=m,size=64M,mem-path=kept,share=on,discard-data=on
verdict discarded_data_are_zeros [ "$(bytes_at kept)" = 0000000000000000 ]
says memory_in_a_folder 'info memdev' 'size:  67108864' -M virt,memory-backend=m -object "memory-backend-file,id=m,size=64M,mem-path=$tmp"
verdict a_folder_is_left_empty [ -z "$(find "$tmp" -name '#*')" ]
says memory_in_a_memfd 'info memdev' 'share: true' -M virt,memory-backend=m -object memory-backend-memfd,id=m,size=64M
says memory_in_advance 'info memdev' 'prealloc: true' -M virt,memory-backend=m -object memory-backend-ram,id=m,size=64M,prealloc=on
says memory_of_nodes 'info numa' '^node 1 size: 64 MB' -M virt -m 128M -numa node,memdev=a -numa node,memdev=b \
    -object memory-backend-ram,id=a,size=64M -object memory-backend-file,id=b,size=64M,mem-path=node,share=on \
    -device loader,addr=0x44300000,data=0x1122334455667788,data-len=8
verdict a_node_lies_behind_the_one_before_it [ "$(bytes_at node)" = 1122334455667788 ]
says state_comes_back_into_a_file 'savevm state\nloadvm state\nxp /1gx 0x40300000' '1122334455667788' -M virt,memory-backend=m \
    "${data[@]}" -object memory-backend-file,id=m,size=64M,mem-path=again,share=on
says no_nodes 'info numa' '^0 nodes' -M virt
says no_cpus_can_be_added 'info hotpluggable-cpus' '^Error: machine does not support hot-plugging CPUs' -M virt
says no_nmi 'nmi' '^Error: machine does not provide NMIs' -M virt
says watchdog_action_is_checked 'watchdog_action bite' 'accepted: reset, shutdown' -M virt
says watchdog_action_is_taken 'watchdog_action pause\ninfo status' '^VM status: paused' -M virt
says irqs_are_not_counted 'info irq\ninfo pic' 'keep no counts' -M virt

says objects_come 'object_add memory-backend-ram,id=m1,size=1M\ninfo memdev' '^memory backend: m1' -M virt
says objects_go 'object_add memory-backend-ram,id=m1,size=1M\nobject_del m1\nobject_del m1' "object 'm1' not found" -M virt
says objects_in_use_stay 'object_del m' "object 'm' is in use" -M virt,memory-backend=m -object memory-backend-ram,id=m,size=64M
says threads_in_use_stay 'object_del t' "object 't' is in use" -M virt -object iothread,id=t -device virtio-scsi-pci,iothread=t
says threads_serve_disks 'info qtree' 'iothread = "?t' -M virt -object iothread,id=t -drive if=none,id=d,file=disk.img,format=raw \
    -device virtio-blk-pci,drive=d,iothread=t
says secrets_come_and_go 'object_add secret,id=s,data=x\nobject_del s\nobject_del s' "object 's' not found" -M virt
says bad_objects_do_not_come 'object_add secret,id=s\nobject_del s' 'one of data= and file= is needed' -M virt
says secret_in_a_file 'object_del s\nobject_del s' "object 's' not found" -M virt -object secret,id=s,file=in_base64,format=base64

M=memory-backend
wrong memory_without_a_size 'size= is missing' -object $M-ram,id=m
wrong memory_of_part_of_a_page 'size=100: a multiple of' -object $M-ram,id=m,size=100
wrong memory_of_another_size 'memory-backend=m has 1048576' -m 64M -M memory-backend=m -object $M-ram,id=m,size=1M
wrong memory_that_is_not_there 'no -object memory-backend-ram with id=m' -M memory-backend=m
wrong memory_twice 'is all of the memory already' -M memory-backend=m -object $M-ram,id=m,size=64M -numa node,memdev=m
wrong nodes_share_no_memory "'m' is in use" -m 128M -object $M-ram,id=m,size=64M -numa node,memdev=m -numa node,memdev=m
wrong file_without_a_name 'mem-path= is missing' -object $M-file,id=m,size=1M
wrong file_that_cannot_be 'mem/x: ' -object $M-file,id=m,size=1M,mem-path=mem/x
wrong file_that_is_too_short 'disk.img has 1048576 bytes' -object $M-file,id=m,size=2M,mem-path=disk.img,readonly=on
wrong file_to_read_and_share 'readonly=on: guest memory is written to' -object $M-file,id=m,size=1M,mem-path=disk.img,readonly=on,share=on
wrong mapping_at_odd_places 'align=3: a power of two' -object $M-file,id=m,size=1M,mem-path=disk.img,align=3
wrong places_on_the_host 'host-nodes' -object $M-ram,id=m,size=1M,host-nodes=0
wrong policies_of_the_host "policy: 'bind'" -object $M-ram,id=m,size=1M,policy=bind
wrong secret_of_nothing 'one of data= and file= is needed' -object secret,id=s
wrong secret_of_two_things 'one of data= and file= is needed' -object secret,id=s,data=x,file=in_base64
wrong secret_not_in_base64 'it is not in base64' -object secret,id=s,data=abc,format=base64
wrong secret_file_is_not_there 'nothing: ' -object secret,id=s,file=nothing
wrong secrets_are_not_encrypted 'keyid' -object secret,id=s,data=x,keyid=k
wrong threads_do_not_poll 'poll-max-ns' -object iothread,id=t,poll-max-ns=5
wrong thread_that_is_not_there 'no -object iothread with id=t' -device virtio-scsi-pci,iothread=t

F='local,id=f,security_model=none'
says folders_come_with_a_device 'info qtree' 'mount_tag = "?t' -M virt -virtfs "local,path=$tmp,mount_tag=t,security_model=mapped"
says folders_for_two_devices 'info qtree' 'mount_tag = "?u' -M virt -fsdev "$F,path=$tmp" -device virtio-9p-pci,fsdev=f,mount_tag=t \
    -device virtio-9p-device,fsdev=f,mount_tag=u
wrong folder_that_is_not_there 'path: nothing: ' -fsdev "$F,path=nothing"
wrong folder_that_is_a_file 'path: disk.img: ' -fsdev "$F,path=disk.img"
wrong folder_without_a_model 'security_model= is missing' -fsdev "local,id=f,path=$tmp"
wrong folder_without_a_path 'path= is missing' -fsdev "$F"
wrong folder_without_an_id 'id= is missing' -fsdev "local,path=$tmp,security_model=none"
wrong folder_of_another_kind "'proxy' is no kind of folder" -fsdev proxy,id=f,path=x,security_model=none
wrong folder_with_odd_rights "fmode: '888' is no octal number" -fsdev "$F,path=$tmp,fmode=888"
wrong device_without_a_folder 'no -fsdev with id=g' -fsdev "$F,path=$tmp" -device virtio-9p-pci,fsdev=g,mount_tag=t
wrong device_without_a_tag 'mount_tag= is missing' -fsdev "$F,path=$tmp" -device virtio-9p-pci,fsdev=f
wrong virtfs_without_a_tag 'mount_tag= is missing' -virtfs "local,path=$tmp,security_model=none"
