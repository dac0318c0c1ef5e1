# SPDX-License-Identifier: MIT
# A web server for guests. Sourced by tests/boot/*.sh, not run.
#
# serve DIR   serves the files of DIR on a free port of the loopback, $port, until $server_pid is killed
# free_port   prints a port that nobody listens on

serve() {
    exec {served}< <(exec perl -MIO::Socket::INET -e '
        $| = 1; $SIG{PIPE} = "IGNORE";
        my $listen = IO::Socket::INET->new(Listen => 9, LocalAddr => "127.0.0.1:0") or die "listen: $!";
        print $listen->sockport, "\n";
        while (my $c = $listen->accept) {
            my ($name) = <$c> =~ m{^GET /([\w-]+) } or next;
            while (<$c> =~ /\S/) {}
            open(my $f, "<:raw", "$ARGV[0]/$name") or next;
            print $c "HTTP/1.0 200 OK\r\nContent-Length: ", -s $f, "\r\n\r\n", do { local $/; <$f> };
            close $c;
        }' "$1")
    server_pid=$!
    read -r port <&"$served"
}

free_port() {
    perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:0")->sockport'
}
