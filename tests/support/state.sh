# SPDX-License-Identifier: MIT
# Debian's kernel at work (disks with checksums, network, processes on 4 vCPUs, timers), saved at moments that nobody
# chose and loaded in another process, time and again: its own checks find nothing, its file system is sound. Sourced by
# tests/boot/state_*.sh after console.sh, initrd.sh and server.sh, not run. TEST_SEED chooses the moments.
#
# state_begin MODULE...        makes the initrd, serves what the guest fetches
# works_on NAME ROUNDS OPTION...  on ${machine[@]} with the kernel's parameters $append; DISK stands for the image
PATH=$PATH:/usr/sbin:/sbin
guest_limit=1200

state_begin() {
    rm -rf "$work"
    mkdir -p "$work/served" "$work/tree/test" || exit 2
    head -c 3000000 /dev/urandom > "$work/served/data"
    sum=$(sha256sum < "$work/served/data" | cut -c1-64)
    seed=${TEST_SEED:-$RANDOM}
    RANDOM=$((seed))
    echo "# TEST_SEED=$seed"
    state_load > "$work/tree/test/load"
    initrd_with "$work/initrd" "$work/tree" "$@" || exit 2
    serve "$work/served"
    trap 'kill $server_pid' EXIT
}

# Each worker counts its rounds in /tmp/count and says BAD when something is not as it must be.
state_load() {
    cat <<'LOAD'
c=/tmp/count
mkdir -p $c
disk() {
    n=0
    while :; do
        dd if=/dev/urandom of=/mnt/$1 bs=4096 count=$((n % 150 + 1)) 2> /dev/null || echo BAD disk $1: no write
        want=$(sha256sum < /mnt/$1)
        sync
        echo 3 > /proc/sys/vm/drop_caches
        [ "$(sha256sum < /mnt/$1)" = "$want" ] || echo BAD disk $1 in round $n
        n=$((n + 1))
        echo $n > $c/disk$1
    done
}
compute() {
    n=0
    want=$(cat /bin/busybox /bin/busybox | sha256sum)
    while :; do
        [ "$(cat /bin/busybox /bin/busybox | sha256sum)" = "$want" ] || echo BAD compute $1 in round $n
        n=$((n + 1))
        echo $n > $c/compute$1
    done
}
timers() {
    n=0
    while :; do
        read before x < /proc/uptime
        sleep 1
        read after x < /proc/uptime
        d=$((${after%.*} - ${before%.*}))
        [ $d -ge 1 ] && [ $d -lt 30 ] || echo BAD timer: a second took $d
        n=$((n + 1))
        echo $n > $c/timers
    done
}
# A connection does not outlive the process that made it for the guest; a new one must work.
network() {
    n=0 failed=0
    while :; do
        if [ "$(wget -q -T 3 -O - http://10.0.2.2:$1/data 2> /dev/null | sha256sum)" = "$2  -" ]; then
            n=$((n + 1)) failed=0
            echo $n > $c/network
        else
            failed=$((failed + 1))
            [ $failed -lt 20 ] || echo BAD network: $failed times in a row
        fi
    done
}
for worker in 'disk 1' 'disk 2' 'compute 1' 'compute 2' 'compute 3' timers "network $1 $2"; do
    $worker &
    echo $! >> /tmp/workers
done
LOAD
}

key() { # ctrl-a and the key
    printf '\001%s' "$1" >&"$keys"
}

# monitor COMMAND: with the monitor in front
monitor() {
    say "$1"
    await 300 '(dragoman) ' && [[ $before != *"savevm: "* && $before != *"loadvm: "* ]]
}

must() { # NAME SECONDS COMMAND [PATTERN]
    ask "$2" "$3"
    local rc=$?
    [ $rc = 0 ] || { guest_failed "$1" "'$3': status $rc: $answer"; return 1; }
    [ -z "${4:-}" ] || [[ $answer == $4 ]] || { guest_failed "$1" "'$3': $answer"; return 1; }
}

# The rounds of each worker so far, in $counts; again if a file was just being written.
count() {
    local try
    for try in 1 2 3 4 5; do
        must "$1" 120 'cat /tmp/count/*' || return
        counts=($answer)
        [ ${#counts[@]} != 7 ] || return 0
    done
}

# all_get_on NAME: every worker ends a further round
all_get_on() {
    local name=$1 limit=$((SECONDS + 150)) i
    count "$name" || return
    local at=("${counts[@]}")
    [ ${#at[@]} = 7 ] || { guest_failed "$name" "${#at[@]} workers"; return 1; }
    while [ $SECONDS -lt $limit ]; do
        count "$name" || return
        local slow=0
        for i in "${!at[@]}"; do
            [ "${counts[i]}" -gt "${at[i]}" ] || slow=1
        done
        [ $slow = 1 ] || break
        sleep 1
    done
    [ $slow = 0 ] || { guest_failed "$name" "workers stand still: ${at[*]}, ${counts[*]}"; return 1; }
    ! grep -aq '^BAD' "$log" || { guest_failed "$name" "$(grep -a -m1 '^BAD' "$log")"; return 1; }
    [ -z "$trouble" ] || { guest_failed "$name" complaint; return 1; }
}

works_on() {
    local name=$1 rounds=$2 disk=$work/$1.img state=$work/$1.state i
    shift 2
    echo "# $name"
    truncate -s 128M "$disk" && mke2fs -q -t ext4 -F "$disk" || return
    local options=("${machine[@]}" -smp 4 -m 512M -nographic -kernel "$kernel" -initrd "$work/initrd"
        -append "$append rdinit=/test/init quiet" "${@//DISK/$disk}")
    guest_start "$name" "${options[@]}"
    await 120 ' # ' || { guest_failed "$name" "no shell"; return 1; }
    must "$name" 20 'ip link set eth0 up' && must "$name" 60 'udhcpc -n -q -i eth0' '*10.0.2.15*' &&
        must "$name" 20 'mount /dev/vda /mnt' && must "$name" 20 "sh /test/load $port $sum" || return
    must "$name" 120 'while [ $(ls /tmp/count | wc -l) != 7 ]; do sleep 1; done' || return
    for ((i = 1; i <= rounds; i++)); do
        sleep "$((RANDOM % 3)).$((RANDOM % 10))$((RANDOM % 10))"
        key c
        await 300 '(dragoman) ' && monitor stop && monitor "savevm $state" ||
            { guest_failed "$name" "round $i: no state: $before"; return 1; }
        if [ $((RANDOM % 3)) = 0 ]; then # once more, in this process
            monitor "savevm $state.again" && cmp "$state" "$state.again" && monitor "loadvm $state" ||
                { guest_failed "$name" "round $i: a state twice: $before"; return 1; }
        fi
        say quit
        guest_end 20
        [ "$status" = 0 ] || { echo "not ok $name: round $i: exit status $status after quit"; return 1; }
        guest_start "$name.$i" "${options[@]}" -S -loadvm "$state"
        await 300 '(dragoman) ' && monitor "savevm $state.again" && cmp "$state" "$state.again" && monitor cont ||
            { guest_failed "$name" "round $i: not the same state after loading: $before"; return 1; }
        key c
        all_get_on "$name" || return
    done
    must "$name" 20 'kill $(cat /tmp/workers)' && must "$name" 60 'until umount /mnt 2> /dev/null; do sleep 1; done' || return
    say 'poweroff -f'
    guest_end 60
    [ "$status" = 0 ] || { echo "not ok $name: exit status $status after poweroff"; return 1; }
    e2fsck -fn "$disk" > "$work/$name.fsck" 2>&1 && echo "ok $name" || echo "not ok $name: $(tail -1 "$work/$name.fsck")"
    rm -f "$disk" "$state" "$state.again"
}
