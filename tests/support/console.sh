# SPDX-License-Identifier: MIT
# A guest's console, driven by a script. Sourced by tests/boot/*.sh, not run; $guest_arch is set before if it is not aarch64.
#
# guest_start NAME OPTION...  starts the emulator; its console is kept in $work/NAME.console
# await SECONDS TEXT          reads the console until TEXT shows (in one line); status 1 if it does not
# say TEXT                    types a line
# ask SECONDS COMMAND         has the guest's shell run COMMAND; $answer is what it prints; its status, or 124
# guest_end SECONDS           waits for the emulator's end; $status is its exit status (137: it had to be killed)
# guest_kill                  ends the emulator as a power cut does; guest_end is still due
# guest_failed NAME WHY       says that the test NAME failed, and ends the emulator
# $trouble                    the first complaint of the kernel, if there was any
# What was awaited, and all before it, is not looked at again.

dragoman=${DRAGOMAN:-${BUILD:-build}/dragoman}
case ${dragoman##*/} in dragoman) dragoman=$dragoman-system-${guest_arch:-aarch64} ;; esac
cache=${DRAGOMAN_CACHE:-${BUILD:-build}/cache}
work=${BUILD:-build}/tests/boot/$(basename "$0" .sh)
# Debian's kernel for it, the installer's initrd and modules.
case ${guest_arch:-aarch64} in
x86_64) debian=amd64 flavour=amd64 ;;
i386) debian=i386 flavour=686-pae ;;
*) debian=arm64 flavour=arm64 ;;
esac
kernel=$cache/$debian/vmlinuz-$flavour
initrd=$cache/$debian/di/usr/lib/debian-installer/images/12/$debian/text/debian-installer/$debian/initrd.gz
modules=$cache/$debian/kernel-$flavour/lib/modules
trouble='' answer='' status=''
line='' before='' # of the console: the line being read, the lines since the last await

# need_guest NAME: ends the test if the guest was not fetched
need_guest() {
    [ -e "$kernel" ] && [ -e "$initrd" ] && return
    echo "skip $1: no ${kernel##*/} and its installer in $cache (make guests)"
    exit 0
}

# need_seabios NAME: the same, if the host does not have it
need_seabios() {
    [ -e /usr/share/seabios/bios-256k.bin ] && return
    echo "skip $1: SeaBIOS is not installed (package seabios)"
    exit 0
}

guest_start() {
    log=$work/$1.console errors=$work/$1.errors
    shift
    mkdir -p "$work"
    : > "$log"
    trouble='' line=''
    coproc guest { exec timeout -s KILL "${guest_limit:-300}" "$dragoman" "$@" 2> "$errors"; }
    guest_pid=$guest_PID
    exec {console}<&"${guest[0]}" {keys}>&"${guest[1]}"
    eval "exec ${guest[0]}<&- ${guest[1]}>&-"
}

# Reads on, to the end of a line or for a second: 0 a line, 1 not yet, 2 the emulator closed its console.
read_on() {
    local part rc
    IFS= read -r -t 1 -u "$console" part
    rc=$?
    line+=$part
    printf '%s' "$part" >> "$log"
    [ $rc != 0 ] || echo >> "$log"
    case $rc in
    0) ;;
    1) return 2 ;;
    *) return 1 ;;
    esac
    case $line in
    *"Kernel panic"* | *"Internal error"* | *"Unable to handle kernel"* | *"BUG: "* | *"WARNING: "* | *"detected stall"* | \
        *"blocked for more than"* | *"Segmentation fault"* | *"Illegal instruction"* | *"Bus error"*)
        trouble=${trouble:-${line%$'\r'}}
        ;;
    esac
}

await() {
    local rc limit=$((SECONDS + $1))
    before=''
    while [ $SECONDS -le $limit ]; do
        read_on
        rc=$?
        if [[ $line == *"$2"* ]]; then
            before+=${line%%"$2"*}
            line=${line#*"$2"}
            return 0
        fi
        [ $rc != 2 ] || return 1
        [ $rc = 1 ] || { before+=$line$'\n' line=''; }
    done
    return 1
}

say() {
    (printf '%s\r' "$1" >&"$keys") 2> /dev/null
}

# The mark stands in two pieces in what is typed, so that its echo is not taken for it.
ask() {
    say "$2; echo \"<\"end \$?\">\""
    await "$1" '<end ' || return 124
    answer=${before#*'">"'}
    answer=${answer//$'\r'/}
    answer=${answer#$'\n'}
    answer=${answer%$'\n'}
    await 5 '>' || return 124
    return "$before"
}

# The emulator is timeout's child.
guest_kill() {
    kill -KILL $(cat "/proc/$guest_pid/task/$guest_pid/children" 2> /dev/null) 2> /dev/null
}

guest_end() {
    local rc=0 limit=$((SECONDS + $1))
    while [ $rc != 2 ] && [ $SECONDS -le $limit ]; do
        read_on
        rc=$?
        [ $rc != 0 ] || line=''
    done
    [ $rc = 2 ] || guest_kill
    exec {console}<&- {keys}>&-
    wait "$guest_pid" 2> /dev/null
    status=$?
}

guest_failed() {
    echo "not ok $1: $2${trouble:+ ($trouble)}; console $log: $(tail -n 1 "$log" | tr -cd '[:print:]') $(tail -n 1 "$errors")"
    guest_kill
    guest_end 5
}
