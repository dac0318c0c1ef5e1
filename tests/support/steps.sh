# SPDX-License-Identifier: MIT
# Steps of a test in one guest, of which the first that fails ends it. Sourced by tests/boot/*.sh after console.sh, not
# run. $name is the step's name; the guest's monitor is at $work/monitor.
#
# failed NAME WHY              the test ends here
# monitor COMMAND [PATTERN]    what the monitor says to it is in $said, and matches
# must SECONDS COMMAND [PATTERN]  the guest's command ends with status 0, and what it prints matches
# passed                       the step is good
# off                          orderly power-off, which is the step's end

failed() {
    guest_failed "$@"
    exit 0
}

monitor() {
    said=$(perl -MIO::Socket::UNIX -e '
        my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "monitor: $!";
        sub answer { my $t = ""; while ($t !~ /\(dragoman\) $/) { sysread($s, $t, 4096, length $t) or last } $t }
        answer();
        syswrite($s, "$ARGV[1]\n");
        my $t = answer();
        $t =~ s/\e\[[0-9]*[A-Z]//g; $t =~ s/\r//g; $t =~ s/^.*?\n//; $t =~ s/\(dragoman\) $//;
        print $t;' "$work/monitor" "$1")
    [[ $said == ${2-} ]] || failed "$name" "monitor: $1: $said"
}

must() {
    ask "$1" "$2" || failed "$name" "'$2': $answer"
    [ -z "${3:-}" ] || [[ $answer == $3 ]] || failed "$name" "'$2': $answer"
}

passed() {
    [ -z "$trouble" ] || failed "$name" complaint
    echo "ok $name"
}

off() {
    [ -z "$trouble" ] || failed "$name" complaint
    say 'poweroff -f'
    guest_end 60
    [ "$status" = 0 ] && echo "ok $name" || echo "not ok $name: exit status $status after poweroff"
}
