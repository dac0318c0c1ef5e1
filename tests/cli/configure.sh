#!/bin/bash
# SPDX-License-Identifier: MIT
# configure: what it writes, and what it says when something is missing or wrong.
set -u
cd "$(dirname "$0")/../.." || exit 2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/src/tools"
cp configure "$tmp/src/"
cp tools/packages "$tmp/src/tools/"

# expect NAME STATUS PATTERN ARGUMENT...: configure's exit status and a line of its output
expect() {
    local name=$1 status=$2 pattern=$3 out rc
    shift 3
    out=$(cd "$tmp/src" && ./configure "$@" 2>&1)
    rc=$?
    if [ $rc != "$status" ]; then
        echo "not ok $name: exit status $rc: $(tail -1 <<< "$out")"
    elif ! grep -qE -- "$pattern" <<< "$out"; then
        echo "not ok $name: no line $pattern in: $(tail -1 <<< "$out")"
    else
        echo "ok $name"
    fi
}

# says NAME FILE PATTERN: a line of a file that configure wrote
says() {
    if grep -qE -- "$3" "$tmp/src/$2"; then echo "ok $1"; else echo "not ok $1: no $3 in $2"; fi
}

expect help_lists_the_options 0 'enable-sanitizers=LIST' --help
expect unknown_option_is_refused 1 "unknown option --enable-jit" --enable-jit
expect relative_prefix_is_refused 1 'an absolute path is needed' --prefix=usr
expect unknown_sanitizer_is_refused 1 'does not take it' --enable-sanitizers=nonsense
expect compiler_that_does_not_work_is_refused 1 'does not compile' CC=false
expect host_is_found_good 0 '^now: make -j' --prefix=/opt/d --enable-debug
says prefix_is_written build/config.mk '^PREFIX := /opt/d$'
says prefix_is_in_the_header build/config.h '#define CONFIG_PREFIX "/opt/d"'
says debug_build_has_hot_assertions build/config.mk 'DRAGOMAN_DEBUG'
says arguments_are_kept_for_the_next_time build/config.mk "^CONFIGURED_WITH := .*'--enable-debug'"
expect other_build_folder_is_used 0 'make BUILD=b2' --build-dir=b2
files=$(cd "$tmp/src" && find . -type f | sort | tr '\n' ' ')
if [ "$files" = "./b2/config.h ./b2/config.mk ./build/config.h ./build/config.mk ./configure ./tools/packages " ]; then
    echo "ok nothing_but_two_files_is_written"
else
    echo "not ok nothing_but_two_files_is_written: $files"
fi

# A host without two libraries and one program: pkg-config that knows them not, a PATH without the assembler.
mkdir "$tmp/bin"
for f in /usr/bin/* /bin/*; do ln -sf "$f" "$tmp/bin/" 2> /dev/null; done
# What is written here must be no link: it would be written to where that leads.
rm -f "$tmp"/bin/pkg-config "$tmp"/bin/aarch64-linux-gnu-as "$tmp"/bin/apt-get
cat > "$tmp/bin/pkg-config" <<'P'
#!/bin/sh
case $* in *slirp* | *jansson*) exit 1 ;; esac
exec /usr/bin/pkg-config "$@"
P
chmod +x "$tmp/bin/pkg-config"
PATH=$tmp/bin expect missing_packages_are_named_together 1 \
    'sudo apt-get install binutils-aarch64-linux-gnu libjansson-dev libslirp-dev$'

# ---- make: nothing is changed by -n, and what has come since configure looked is found

cat > "$tmp/bin/apt-get" <<P
#!/bin/sh
touch "$tmp/apt-get-ran"
exit 1
P
chmod +x "$tmp/bin/apt-get"
env -u MAKEFLAGS -u MFLAGS PATH="$tmp/bin" make -n BUILD="$tmp/dry" check > "$tmp/plan" 2>&1
if grep -q 'tools/packages install build test' "$tmp/plan" && [ ! -e "$tmp/dry" ] && [ ! -e "$tmp/apt-get-ran" ]; then
    echo "ok make_n_installs_and_writes_nothing"
else
    echo "not ok make_n_installs_and_writes_nothing: $(tail -1 "$tmp/plan")"
fi

# The same host before libmpfr-dev came, and after.
mkdir "$tmp/without"
cat > "$tmp/without/pkg-config" <<'P'
#!/bin/sh
case $* in *mpfr*) exit 1 ;; esac
exec /usr/bin/pkg-config "$@"
P
chmod +x "$tmp/without/pkg-config"
configured() { # PATH: makes the configuration
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL PATH="$1" make --no-print-directory BUILD="$tmp/late" "$tmp/late/config.h" > "$tmp/log" 2>&1 || tail -1 "$tmp/log"
    mpfr=$(grep -c '^TEST_LIBS.*-lmpfr' "$tmp/late/config.mk")
    stamp=$(stat -c %y "$tmp/late/config.h")
}
configured "$tmp/without:$PATH"
before="$mpfr $stamp"
configured "$tmp/without:$PATH"
again=$(grep -c . "$tmp/log")
configured "$PATH"
if [ "${before%% *}" = 0 ] && [ "$mpfr" = 1 ]; then
    echo "ok library_that_comes_later_is_found"
else
    echo "not ok library_that_comes_later_is_found: mpfr ${before%% *}, then $mpfr"
fi
if [ "$stamp" = "${before#* }" ] && [ "$again" -le 1 ]; then
    echo "ok objects_are_not_made_again_for_it"
else
    echo "not ok objects_are_not_made_again_for_it: $stamp after ${before#* }; $again lines"
fi

# What a test skips without is installed by make check.
lacking=
for c in $(grep -rhoE 'command -v [a-z0-9_-]+' tests tools/lint | sed 's/.* //' | sort -u); do
    tools/packages table | grep -qE "^(build|test) .*cmd:$c\$" || case $c in
    aarch64-linux-gnu-*) tools/packages table | grep -q binutils-aarch64-linux-gnu || lacking="$lacking $c" ;;
    *) lacking="$lacking $c" ;;
    esac
done
if [ -z "$lacking" ]; then
    echo "ok what_tests_ask_for_is_installed"
else
    echo "not ok what_tests_ask_for_is_installed: no row in tools/packages for$lacking"
fi
