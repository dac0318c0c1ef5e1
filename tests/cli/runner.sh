#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run itself: what it makes of programs that pass, fail, crash, hang or say nothing.
set -u
unset TEST_SEED TEST_SCALE TEST_FUZZ_SECONDS
cd "$(dirname "$0")/../.." || exit 2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/tests"
cp tests/run "$tmp/tests/run"
: > "$tmp/tests/known_failures"

# program NAME: makes a test program of the commands on standard input
program() {
    { echo '#!/bin/bash'; cat; } > "$tmp/$1"
    chmod +x "$tmp/$1"
}

# verdict NAME STATUS PATTERN PROGRAM...: the runner's exit status and a line of its output
verdict() {
    local name=$1 status=$2 pattern=$3 out rc
    shift 3
    out=$(cd "$tmp" && BUILD=b tests/run -t 1 "$@" 2>&1)
    rc=$?
    if [ $rc != "$status" ]; then
        echo "not ok $name: exit status $rc"
    elif ! grep -qE -- "$pattern" <<< "$out"; then
        echo "not ok $name: no line $pattern"
    else
        echo "ok $name"
    fi
}

program good <<< 'echo "ok first"; echo "ok second"; echo "skip third: no network"'
program bad <<< 'echo "ok first"; echo "not ok second: 1 is not 2"; exit 1'
program crash <<< 'echo "# third"; kill -SEGV $$'
program hang <<< 'echo "ok first"; sleep 30'
program silent <<< 'exit 0'
program dishonest <<< 'echo "ok first"; exit 3'
program patient <<'P'
# tests/run: timeout 20
sleep 1.5; echo "ok slept"
P

verdict passes_and_skips_are_counted 0 '^2 passed, 0 failed, 1 skipped$' good
verdict skip_is_listed_with_its_reason 0 '^  good third: no network$' good
verdict failure_is_listed_with_its_reason 1 '^  bad second: 1 is not 2$' good bad
verdict counts_are_summed_over_programs 1 '^3 passed, 1 failed, 1 skipped$' good bad
verdict crash_is_a_failure_and_names_the_test 1 'crash \(program\): died by signal 11 in or after third' crash
verdict program_that_does_not_end_is_a_failure 1 'hang \(program\): no end within 1 s' hang
verdict program_that_says_nothing_is_a_failure 1 'silent \(program\): exit status 0 and no result' silent
verdict status_without_a_failed_test_is_a_failure 1 'dishonest \(program\): exit status 3' dishonest
verdict program_may_ask_for_more_time 0 '^1 passed, 0 failed, 0 skipped$' patient
program random <<'P'
echo "# TEST_SEED=$TEST_SEED"; echo "ok first"; echo "not ok second: $TEST_SEED is wrong"; exit 1
P
program fuzz <<'P'
echo "# TEST_SEED=$TEST_SEED"
[ "$TEST_SEED" -lt 9 ] && echo "ok first" || { echo "not ok first"; exit 1; }
P
mkdir -p "$tmp/b-asan/tests/fuzz"
mv "$tmp/fuzz" "$tmp/b-asan/tests/fuzz/one"
verdict runs_have_seeds_that_are_said 1 '^random tests: TEST_SEED=0x[0-9a-f]{12} gives' random
one=$(cd "$tmp" && BUILD=b tests/run random | sed -n 's/.* is wrong//p')
two=$(cd "$tmp" && BUILD=b tests/run random | sed -n 's/.* is wrong//p')
[[ -n $one && $one != "$two" ]] && echo "ok each_run_has_its_own" || echo "not ok each_run_has_its_own: $one, $two"
TEST_SEED=0x7 verdict seed_of_the_environment_is_taken_and_said 1 ': 7 is wrong \(TEST_SEED=7\)$' random
TEST_SEED=7 TEST_FUZZ_SECONDS=30 verdict fuzzing_goes_on_with_other_seeds 1 '^  asan:fuzz/one first: \(TEST_SEED=9\)$' \
    b-asan/tests/fuzz/one
verdict missing_program_is_a_failure 1 'nothere \(program\): exit status 127' nothere

echo 'bad second the reason' > "$tmp/tests/known_failures"
verdict known_failure_counts_as_skipped 0 '^1 passed, 0 failed, 1 skipped$' bad
verdict known_failure_is_listed_with_its_reason 0 '^  bad second: known failure: the reason$' bad
echo 'good first the reason' > "$tmp/tests/known_failures"
verdict known_failure_that_passes_is_a_failure 1 '^  good first: passes, but stands in' good
echo 'good fourth the reason' > "$tmp/tests/known_failures"
verdict known_failure_that_does_not_exist_is_a_failure 1 '^  good fourth: no such test' good
verdict known_failures_of_other_programs_do_not_matter 1 '^1 passed, 1 failed, 0 skipped$' bad
