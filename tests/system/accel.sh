#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# The accelerator is an interface: the sessions of tests/monitor, and bare guests, with one that has nothing in common
# with the translator (tests/support/oracle_accel.c). What it cannot do is said in words.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(realpath "${BUILD:-build}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() { # NAME STATUS WHY
    if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi
}

# Programs of tests/ that find this in place of the build folder start the oracle.
mkdir "$work/build"
cat > "$work/build/dragoman-system-aarch64" << END
#!/bin/bash
exec -a dragoman-system-aarch64 "$build/dragoman-oracle" -accel oracle "\$@"
END
chmod +x "$work/build/dragoman-system-aarch64"
emulator=$work/build/dragoman-system-aarch64

# All but the one about the translator's log.
for program in life races terminal; do
    mapfile -t names < <("$build/tests/monitor/$program" -l | grep -vx log_goes_into_its_file)
    BUILD=$work/build "$build/tests/monitor/$program" "${names[@]}" 2> /dev/null |
        sed -E "s/^(ok|not ok|skip) /\1 $program: /"
done

guest() { # NAME
    tests/guests/bare.sh "$work/$1.elf" "tests/guests/$1.S" || exit 2
}

# The counted clock: the same run every time, with two vCPUs as well.
guest busy
for cpus in 1 2; do
    for n in 1 2; do
        timeout 60 "$emulator" -M virt -cpu max -smp $cpus -nographic -kernel "$work/busy.elf" \
            -icount shift=3,sleep=off,stop=300000 > "$work/counted.$n" 2>&1 < /dev/null
    done
    grep -q 'stopped after 300000 instructions' "$work/counted.1"
    check "counted_to_the_instruction_with_${cpus}_vcpus" $? "$(tail -1 "$work/counted.1")"
    cmp -s "$work/counted.1" "$work/counted.2"
    check "counted_the_same_twice_with_${cpus}_vcpus" $? "two runs differ"
done

# What it lacks.
"$emulator" -M virt -nographic -kernel "$work/busy.elf" -perfmap > "$work/lacks" 2>&1 < /dev/null
grep -q 'the accelerator oracle cannot tell of translated code' "$work/lacks"
check perf_map_is_refused_in_words $? "$(cat "$work/lacks")"
(exec -a dragoman-system-aarch64 "$build/dragoman-oracle" -accel help) > "$work/help"
grep -q 'oracle interprets each instruction anew' "$work/help"
check help_lists_the_accelerators $? "$(cat "$work/help")"
printf 'info jit\nquit\n' | timeout 20 "$emulator" -M virt -display none -monitor stdio -S > "$work/jit" 2>&1
grep -q 'the accelerator oracle cannot tell of translated code' "$work/jit"
check info_jit_says_so $? "$(cat "$work/jit")"
