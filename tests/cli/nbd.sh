#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# dragoman-nbd and the client: between ours, and with qemu-nbd and qemu-img where those were fetched; what the server's options
# do; one line for each thing that can be wrong.
set -u
build=$(realpath -s "${BUILD:-build}")
img=$build/dragoman-img nbd=$build/dragoman-nbd
[ -x "$nbd" ] || { echo "skip nbd: $nbd is not built"; exit 0; }
qemu=${DRAGOMAN_CACHE:-/nonexistent}/qemu10/bin
tmp=$(mktemp -d)
servers=
stop() { # all that were started and have not ended
    local p
    for p in $servers; do kill "$p" 2> /dev/null && wait "$p" 2> /dev/null; done
    servers=
}
trap 'stop; rm -rf "$tmp"' EXIT
cd "$tmp" || exit 2
perl -e 'srand 7; open F, ">", "disk.img"; for (0 .. 63) { seek F, $_ << 16, 0; print F pack("N*", map { rand(2**32) } 1 .. 4096) if $_ % 3 } truncate F, 4 << 20'

# serve PROGRAM ARGUMENT...: starts a server at $tmp/socket, and waits until it listens
serve() {
    rm -f socket
    "$@" -k "$tmp/socket" 2> serve.err &
    server=$!
    servers="$servers $server"
    until [ -S socket ] && grep -q " 00010000 .*$tmp/socket\$" /proc/net/unix || ! kill -0 $server 2> /dev/null; do :; done
}

result() { # NAME STATUS...: ok if the status is 0
    if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: ${3:-status $2}"; fi
}

# both_ways SERVER CLIENT: reads, writes, what is allocated
both_ways() {
    local server_name=$1 client=$2 name="$1_with_$(basename "$2")"
    shift 2
    cp disk.img served.img
    serve "$@" -t -e 0 -f raw -x d served.img
    local uri="nbd+unix:///d?socket=$tmp/socket"
    "$client" convert -f raw -O raw "$uri" copy.img 2> err && cmp -s copy.img disk.img
    result "${name}_is_read" $? "$(head -c 200 err)"
    "$client" compare -f raw -F raw "$uri" disk.img > out 2>&1 && grep -q identical out
    result "${name}_is_compared" $? "$(head -c 200 out)"
    "$client" map -f raw --output=json "$uri" > map.json 2> err
    "$img" map -U -f raw --output=json served.img > expected.json
    cmp -s map.json expected.json
    result "${name}_tells_what_is_allocated" $? "$(diff map.json expected.json | head -4)"
    "$client" create -f raw other.img 4M > out && perl -e 'open F, "+<", "other.img"; seek F, 100000, 0; print F "y" x 300000'
    "$client" convert -n -f raw -O raw other.img "$uri" 2> err && stop && cmp -s other.img served.img
    result "${name}_is_written" $? "$(head -c 200 err)"
    stop
}

both_ways ours "$img" "$nbd"
if [ -x "$qemu/qemu-nbd" ]; then
    both_ways ours "$qemu/qemu-img" "$nbd"
    both_ways qemu "$img" "$qemu/qemu-nbd"
    serve "$nbd" -t -e 2 -f raw -x d -D 'a disk' disk.img
    "$qemu/qemu-nbd" -L -k "$tmp/socket" > theirs 2>&1
    "$nbd" -L -k "$tmp/socket" > ours 2>&1
    grep -v 'transaction size' theirs | cmp -s - ours
    result list_is_qemus $? "$(diff theirs ours | head -4)"
    stop
    serve "$qemu/qemu-nbd" -t -e 2 -f raw -x 'a name' -D 'another disk' disk.img
    "$nbd" -L -k "$tmp/socket" > ours 2>&1
    grep -q "^ export: 'a name'$" ours && grep -q '^  description: another disk$' ours && grep -q '^   base:allocation$' ours
    result list_of_qemus $? "$(head -c 200 ours)"
    stop
else
    echo "skip beside_qemu_nbd: it was not fetched (make oracle)"
fi

# ---- the server's options

uri="nbd+unix:///?socket=$tmp/socket"

serve "$nbd" -f raw -r disk.img
"$img" convert -n -f raw -O raw disk.img "$uri" 2> err
[ $? = 1 ] && grep -q 'read only' err
result read_only $? "$(head -c 200 err)"
stop

cp disk.img served.img
serve "$nbd" -t -s -f raw served.img
truncate -s 4M zeros.img
"$img" convert -n -f raw -O raw zeros.img "$uri" && "$img" compare -q -f raw zeros.img "$uri" && cmp -s served.img disk.img
result snapshot_leaves_the_image $?
stop

serve "$nbd" -f raw -o 65536 disk.img
"$img" convert -f raw "$uri" copy.img && tail -c +65537 disk.img | cmp -s - copy.img
result offset $?

# -f raw of the one before has ended with its only client
wait $server
result ends_with_its_last_client $?
[ ! -e socket ]
result socket_is_removed $?

serve "$nbd" -t -f raw disk.img
"$img" info "$uri" > out && "$img" info "$uri" > out
result persistent $?
kill $server
wait $server
result ends_by_a_signal $?

serve "$nbd" --image-opts driver=raw,offset=1M,size=1M,file.driver=file,file.filename=disk.img
"$img" info "$uri" | grep -q '(1048576 bytes)'
result image_options $?
stop

cp disk.img served.img
serve "$nbd" -t -f raw --discard=unmap --detect-zeroes=unmap --cache=none --aio=threads served.img
"$img" bench -f raw -w -c 64 -s 65536 -d 4 "$uri" > out 2>&1 # all zeros
stop
[ "$(stat -c %b served.img)" = 0 ]
result zeros_are_detected $? "$(stat -c %b served.img) blocks: $(head -c 200 out)"

cp disk.img served.img
serve "$nbd" -t -f raw --detect-zeroes=off served.img
"$img" bench -f raw -w -c 64 -s 65536 -d 4 "$uri" > out 2>&1
stop
[ "$(stat -c %b served.img)" -ge 8192 ]
result zeros_are_written $? "$(stat -c %b served.img) blocks"

# Eight clients, each with a part of the disk.
truncate -s 8M served.img
serve "$nbd" -t -e 8 -f raw served.img
pids=
for i in 0 1 2 3 4 5 6 7; do
    "$img" bench -w -c 256 -s 4096 -d 4 --pattern $((i + 65)) --image-opts \
        driver=raw,offset=$((i << 20)),size=1M,file.driver=nbd,file.path="$tmp/socket" > out.$i 2>&1 &
    pids="$pids $!"
done
wait $pids
stop
perl -e 'for (0 .. 7) { print chr(65 + $_) x (1 << 20) }' | cmp -s - served.img
result many_clients $? "$(cat out.* | grep -v ^Sending | head -3)"

# One client at a time: the second one waits for the first.
serve "$nbd" -t -f raw -v disk.img
coproc FIRST { perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => $ARGV[0]); sysread $s, $b, 18; $| = 1;
    print "in\n"; <STDIN>' "$tmp/socket"; }
read -r -u "${FIRST[0]}" line
"$img" info "$uri" > second 2>&1 &
second=$!
echo >&"${FIRST[1]}"
wait $second
grep -q '^virtual size: 4 MiB' second && ! grep -q 'there are 2' serve.err && [ "$(grep -c 'has come' serve.err)" = 2 ]
result one_client_after_the_other $? "$(head -c 200 second) $(head -c 200 serve.err)"
stop

# ---- images made on a server's disk, which is there already

rm served.img
truncate -s 8M served.img
serve "$nbd" -t -e 0 -f raw served.img
"$img" convert -f raw -O raw disk.img "$uri" 2> err && "$img" compare -q -f raw -F raw disk.img "$uri" 2>> err
result raw_on_a_server $? "$(head -c 200 err)"
"$img" create -f raw "$uri" 9M 2> err
[ $? = 1 ] && grep -q 'it has 8388608 bytes, not 9437184' err
result raw_that_is_too_large $? "$(head -c 200 err)"
stop
"$img" create -f raw http://127.0.0.1:1/x 1M 2> err
[ $? = 1 ] && grep -q "images of 'http' cannot be made" err
result nothing_is_made_on_a_web_server $? "$(head -c 200 err)"

# ---- the emulator

program=$build/dragoman-system-aarch64
if [ -x "$program" ]; then
    serve "$nbd" -t -e 0 -f raw -x d disk.img
    # disk NAME PATTERN ARGUMENT...: a line of `info block` matches
    disk() {
        local name=$1 pattern=$2 out
        shift 2
        out=$(printf 'info block\nquit\n' | timeout -s KILL 60 "$program" -M virt -display none -monitor stdio -S "$@" 2>&1)
        grep -qE -- "$pattern" <<< "$out"
        result "$name" $? "${out:0:300}"
    }
    disk drive_by_a_name '^virtio0: nbd.unix:///d.socket=.* \(raw\), 4194304 bytes' \
        -drive "file=nbd:unix:$tmp/socket:exportname=d,format=raw"
    disk drive_by_keys '^virtio0: .* \(raw\), 4194304 bytes' \
        -drive "format=raw,file.driver=nbd,file.server.type=unix,file.server.path=$tmp/socket,file.export=d"
    disk blockdev '^top: .* \(raw\), 4194304 bytes' -device virtio-blk-device,drive=top \
        -blockdev "driver=nbd,node-name=n,server.type=unix,server.path=$tmp/socket,export=d,reconnect-delay=1" \
        -blockdev driver=raw,node-name=top,file=n
    disk blockdev_as_json '^top: .* \(raw\), 4194304 bytes' -device virtio-blk-device,drive=top -blockdev \
        "{\"driver\":\"raw\",\"node-name\":\"top\",\"file\":{\"driver\":\"nbd\",\"server\":{\"type\":\"unix\",\"path\":\"$tmp/socket\"},\"export\":\"d\"}}"
    stop
fi

# ---- the background

port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
out=$("$nbd" --fork --pid-file pid -t -b 127.0.0.1 -p "$port" -f raw -x d disk.img 2>&1)
result fork_returns_when_clients_can_come $? "$out"
servers=$(cat pid)
"$img" compare -U -q -f raw -F raw disk.img "nbd://127.0.0.1:$port/d" && "$img" compare -U -q -f raw -F raw disk.img "nbd:127.0.0.1:$port:exportname=d"
result tcp $?
kill "$servers"
while kill -0 "$servers" 2> /dev/null; do :; done
[ ! -e pid ]
result pid_file_is_removed $?
servers=

# A server that died has left its socket.
perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1)' "$tmp/socket"
[ -S socket ] && "$nbd" --fork --pid-file pid -k "$tmp/socket" -f raw disk.img && "$img" info "$uri" > out
result socket_of_a_dead_server $?

# ---- what is wrong

# wrong NAME TEXT ARGUMENT...: one line on standard error that contains TEXT, status 1
wrong() {
    local name=$1 text=$2 rc
    shift 2
    timeout 60 "$nbd" "$@" > out 2> err < /dev/null
    rc=$?
    if [ $rc = 1 ] && [ "$(wc -l < err)" = 1 ] && [[ $(< err) == "dragoman-nbd: "*"$text"* ]]; then
        echo "ok $name"
    else
        echo "not ok $name: status $rc: $(head -c 300 err)"
    fi
}
wrong no_image 'the name of one image is expected'
wrong two_images 'the name of one image is expected' disk.img disk.img
wrong unknown_option "did you mean '--port'" --prt 1 disk.img
wrong no_such_image 'nope: No such file' nope
wrong no_such_format "format 'rwa' is not supported; did you mean 'raw'" -f rwa disk.img
wrong no_such_port 'port=none' -f raw -p none disk.img
wrong no_such_address 'bind=1.2.3.4' -f raw -b 1.2.3.4 -p "$port" disk.img
wrong relative_socket 'a path that begins with /' -f raw -k here disk.img
wrong socket_in_no_folder '/nonexistent/s: No such file' -f raw -k /nonexistent/s disk.img
wrong socket_and_port 'one of them is accepted' -k "$tmp/s" -p 1 disk.img
wrong bad_share '--shared=many: a number' -e many disk.img
wrong bad_cache 'cache=some: accepted are' -f raw --cache=some disk.img
wrong bad_aio 'aio=some: accepted are' -f raw --aio=some disk.img
wrong bad_discard 'discard=some: accepted are' -f raw --discard=some disk.img
wrong bad_detection 'detect-zeroes=some' -f raw --detect-zeroes=some disk.img
wrong zeros_without_discard 'detect-zeroes=unmap needs discard=unmap' -f raw --discard=off --detect-zeroes=unmap disk.img
wrong two_caches 'one of them is accepted' -n --cache=none disk.img
wrong bad_offset '--offset=x: a number of bytes' -o x disk.img
wrong offset_behind_the_end 'reach beyond disk.img' -f raw -o 1G disk.img
wrong kernel_client 'nbd-client connects the kernel' -c /dev/nbd0 disk.img
wrong kernel_disconnect 'nbd-client connects the kernel' -d
wrong tls 'there is no TLS' --tls-creds=x disk.img
wrong secrets 'no object has a use here' --object secret,id=s,data=x disk.img
wrong bitmaps '--bitmap is not in this build' -B b disk.img
wrong no_snapshots "the format 'raw' has no snapshots" -f raw -l s disk.img
wrong list_of_nothing 'no connection' -L -k "$tmp/none"
wrong list_with_an_image 'no image is expected' -L disk.img
wrong fork_that_fails 'nope: No such file' --fork nope
wrong pid_file_that_cannot_be '--pid-file=/nonexistent/pid' -f raw -k "$tmp/s" --pid-file /nonexistent/pid disk.img
coproc TAKEN { perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1); $| = 1;
    print "up\n"; <STDIN>' "$tmp/taken"; }
read -r -u "${TAKEN[0]}" line
wrong socket_in_use 'Address already in use' -f raw -k "$tmp/taken" disk.img
echo >&"${TAKEN[1]}"
"$nbd" --help | grep -q '^  -k, --socket PATH$'
result help $?
"$nbd" --version | grep -q '^dragoman-nbd [0-9]'
result version $?
