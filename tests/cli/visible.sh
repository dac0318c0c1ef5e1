#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 300
# What came from outside reaches no terminal as it is: control characters in every option's argument, in names of files
# and in what the monitor shows are escaped in messages, log lines and monitor lines.
set -u
program=${BUILD:-build}/dragoman-system-aarch64
[ -x "$program" ] || { echo "skip visible: $program is not built"; exit 0; }
program=$(realpath -s "$program")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 2
export LC_ALL=C
evil=$'e\e[31m\a\x9bl\r\x7f'
shown='e\x1b[31m\x07\x9bl\x0d\x7f'
name=$'e\e[31m\a\r\x7f' # of an image, which is UTF-8
shown_name='e\x1b[31m\x07\x0d\x7f'

# Lines with a byte that steers a terminal.
steers() { grep -qaP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|^[\x80-\xbf]' "$1"; }

# quiet NAME FILE: it has no such line
quiet() {
    if steers "$2"; then
        echo "not ok $1: $(cat -v "$2" | head -1)"
    else
        echo "ok $1"
    fi
}

"$program" -M virt -help | sed -nE 's/^  (-[a-z-]+)(, -[a-zA-Z]+)? [A-Za-z].*/\1/p' > options
[ "$(wc -l < options)" -gt 40 ] && echo "ok options_are_found" || echo "not ok options_are_found: $(wc -l < options)"
: > refused
while read -r option; do
    for argument in "$evil" "$evil=$evil" "file=$evil" "virt,$evil=1" "user,id=$evil,$evil=1" "virtio-blk-pci,drive=$evil" "unix:$evil" "loader,file=$evil"; do
        timeout 20 "$program" -M virt,dumpdtb=/dev/null -display none -nic none -S "$option" "$argument" > out 2>&1 < /dev/null
        rc=$?
        [ $rc = 1 ] && cat out >> refused
        steers out && echo "not ok option_argument_is_escaped: $option: $(cat -v out | head -1)"
    done
done < <(grep -vxE -- '-(daemonize|pidfile|name|D|append|L|audiodev|msg|compat)' options)
quiet arguments_of_options_are_escaped refused
[ "$(grep -cF -- "$shown" refused)" -gt 100 ] && echo "ok arguments_are_named" || echo "not ok arguments_are_named: $(grep -cF -- "$shown" refused)"

# files whose names and contents are hostile
truncate -s 1M "$name"
timeout 20 "$program" -M virt -display none -nic none -kernel "$evil/no" > out 2>&1 < /dev/null
quiet name_of_a_kernel_is_escaped out
printf 'MZ\0\0zimg\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\e[2J\a\n' > zboot
truncate -s 4096 zboot
timeout 20 "$program" -M virt -display none -nic none -kernel zboot > out 2>&1 < /dev/null
quiet contents_of_a_kernel_are_escaped out
grep -qF 'compressed by \x1b[2J\x07\x0a' out && echo "ok contents_are_told" || echo "not ok contents_are_told: $(cat -v out)"

# the monitor: its prompt and echo have escape sequences of their own, and are left out
printf 'info block\ninfo qtree\ninfo chardev\nsavevm %s\nloadvm %s\nchange %s %s\nq\n' "$evil/x" "$evil/x" "$evil" "$evil" > commands
timeout 60 "$program" -M virt -display none -nic none -S -drive "file=$name,format=raw,if=none,id=d" -chardev "file,id=c,path=log$evil" \
    -device virtio-blk-pci,drive=d,serial="$evil" -monitor stdio < commands > out 2> err
sed -n '/^QEMU\|^(dragoman)\|^(qemu)/!p' out | tr -d '\r' | grep -v '^.*(\(dragoman\|qemu\)) ' > lines
quiet lines_of_the_monitor_are_escaped lines
grep -qF -- "$shown_name" lines && echo "ok lines_of_the_monitor_name_the_file" || echo "not ok lines_of_the_monitor_name_the_file: $(cat -v lines | head -3)"
quiet messages_beside_the_monitor_are_escaped err
