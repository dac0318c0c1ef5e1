# SPDX-License-Identifier: MIT
# Debian's kernel on the counted clock, saved at moments that nobody chose and loaded in another process: it comes to the
# same registers, console output and disk as a run that was left alone. Sourced by tests/boot/state_counted_*.sh after
# console.sh and initrd.sh, not run. TEST_SEED chooses the moments.
#
# counted_begin MODULE...       makes the initrd and the disk
# goes_on_alike NAME CPUS       on ${machine[@]} with virtio-blk-$bus and virtio-rng-$bus and the kernel's parameters $append,
#                               to the count $stop

# counted_begin MODULE...
counted_begin() {
    rm -rf "$work"
    mkdir -p "$work/tree/test" || exit 2
    cat > "$work/tree/script" <<'SCRIPT'
dd if=/dev/vda bs=64k count=64 2> /dev/null | sha256sum
dd if=/dev/hwrng bs=1k count=4 2> /dev/null | sha256sum
for i in 1 2 3 4 5 6; do
    (dd if=/dev/urandom of=/dev/vda bs=64k count=32 seek=$((i * 7)) 2> /dev/null; echo wrote $i) &
    dd if=/dev/vda bs=4k count=500 2> /dev/null | sha256sum
    wait
    sleep 1
done
cat /proc/interrupts /proc/uptime
while :; do sha256sum /bin/busybox; done
SCRIPT
    initrd_with "$work/initrd" "$work/tree" "$@" || exit 2
    sed -i 's|^exec sh|exec sh /script|' "$work/tree/test/init"
    (cd "$work/tree" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) | gzip -1 | cat "$initrd" - > "$work/initrd"
    seed=${TEST_SEED:-$RANDOM}
    RANDOM=$((seed))
    echo "# TEST_SEED=$seed"
    yes 'what stands on the disk' | head -c 8M > "$work/disk"
}

# options NAME CPUS: in $options; the serial line is appended to $work/NAME.console, the disk is $work/NAME.disk
options() {
    options=("${machine[@]}" -m 512M -nodefaults -display none -seed 42 -rtc base=2024-02-29T12:00:00
        -chardev "file,id=s,path=$work/$1.console,append=on" -serial chardev:s -kernel "$kernel" -initrd "$work/initrd"
        -append "$append rdinit=/test/init" -device "virtio-rng-$bus" -smp "$2"
        -drive "file=$work/$1.disk,format=raw,if=none,id=d" -device "virtio-blk-$bus,drive=d"
        -icount "shift=2,sleep=off,stop=$stop")
}

# left_alone NAME CPUS: $took is for how many milliseconds
left_alone() {
    local start=$(($(date +%s%N) / 1000000)) status
    options "$1" "$2"
    cp "$work/disk" "$work/$1.disk"
    timeout -s KILL 300 "$dragoman" "${options[@]}" < /dev/null > "$work/$1" 2> "$work/$1.err"
    status=$?
    took=$(($(date +%s%N) / 1000000 - start))
    return $status
}

# piecewise NAME CPUS: with the monitor on a pipe, from state to state, which are further apart each time, so that a busy
# host gets on as well; $rounds is how many it took
piecewise() {
    local name=$1 state=$work/$1.state load=() piece
    options "$name" "$2"
    cp "$work/disk" "$work/$name.disk"
    for ((rounds = 0; rounds < 30; rounds++)); do
        rm -f "$state.next"
        piece=$((took / 6 + took / 12 * rounds + RANDOM % (took / 12 + 1)))
        # The last words are printed at the end, behind the monitor's; a machine that has ended does not hear it.
        (sleep "$((piece / 1000)).$(printf %03d $((piece % 1000)))"; printf 'stop\nsavevm %s.next\nquit\n' "$state") |
            timeout -s KILL 300 "$dragoman" "${options[@]}" -monitor stdio "${load[@]}" > "$work/$name.out" 2> "$work/$name.err"
        grep -aq 'stopped after' "$work/$name.out" && return
        [ -e "$state.next" ] || { cat "$work/$name.out" "$work/$name.err" >&2; return 1; }
        mv "$state.next" "$state"
        load=(-loadvm "$state")
    done
    return 1
}

# goes_on_alike NAME CPUS
goes_on_alike() {
    local name=$1
    echo "# $name"
    left_alone "$name.1" "$2" || { echo "not ok $name: $(tail -1 "$work/$name.1.err")"; return; }
    piecewise "$name.2" "$2" || { echo "not ok $name: no run by pieces, $work/$name.2.out"; return; }
    sed -n '/stopped after/,$p' "$work/$name.2.out" | sed 's/^.*stopped after/stopped after/' > "$work/$name.2"
    echo "# $rounds states on the way"
    if [ "$rounds" -lt 2 ]; then
        echo "not ok $name: only $rounds states on the way"
    elif ! cmp -s "$work/$name.1" "$work/$name.2"; then
        echo "not ok $name: registers differ: $work/$name.1 and .2"
    elif ! cmp -s "$work/$name.1.console" "$work/$name.2.console"; then
        echo "not ok $name: $work/$name.1.console and .2.console differ"
    elif ! cmp -s "$work/$name.1.disk" "$work/$name.2.disk"; then
        echo "not ok $name: $work/$name.1.disk and .2.disk differ"
    else
        echo "ok $name"
    fi
    rm -f "$work/$name".?.disk "$work/$name".2.state
}
