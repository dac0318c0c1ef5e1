#!/bin/bash
# SPDX-License-Identifier: MIT
# tools/lint finds words of a guest architecture in the code of folders that know none, and only there.
set -u
cd "$(dirname "$0")/../.." || exit 2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/tools" "$tmp/accel" "$tmp/cpu/arm" "$tmp/hw/char"
cp tools/lint "$tmp/tools/"
git -C "$tmp" init -q

# guests NAME OFFENDERS FILE TEXT: what the check says of a file with that text
guests() {
    printf '%b\n' "$4" > "$tmp/$3"
    got=$(cd "$tmp" && tools/lint guests 2> /dev/null)
    rm "$tmp/$3"
    if [ "$(grep -c 'belongs to a guest architecture$' <<< "$got")" = "$2" ]; then
        echo "ok $1"
    else
        echo "not ok $1: $(tail -1 <<< "$got")"
    fi
}
guests word_in_code_is_found 1 accel/x.c 'int mpidr;'
guests word_in_a_name_is_found 1 accel/x.c 'int read_nzcv(void);'
guests word_in_a_string_is_found 1 accel/x.c 'const char *s = "EL1";'
guests word_behind_a_comment_is_found 1 accel/x.c '/* one\n * two */ int psci;'
guests comments_may_explain 0 accel/x.c '/* Arm has NZCV,\n * and PSCI */ int a; /* EL1 */'
guests part_of_a_word_is_none 0 accel/x.c 'int alarm, level1, elr1;'
guests an_architectures_folder_may 0 cpu/arm/x.c 'int mpidr;'
guests the_maker_of_a_device_may_be_named 0 hw/char/pl011.c 'const char *s = "Arm PL011";'
guests a_device_knows_no_other_word 1 hw/char/pl011.c 'int mpidr;'
