/* SPDX-License-Identifier: MIT */
/* A netdev whose other end the test has: see wire.h. */
#include "tests/support/wire.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(2);
}

void wire_open(struct wire *w)
{
    struct error e = {{0}};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    char to[32], from[32];
    *w = (struct wire){.fd = socket(AF_INET, SOCK_DGRAM, 0)};
    if (bind(w->fd, (struct sockaddr *)&a, len) < 0 ||
        getsockname(w->fd, (struct sockaddr *)&a, &len) < 0) {
        die("no socket");
    }
    snprintf(to, sizeof(to), "127.0.0.1:%u", ntohs(a.sin_port));
    for (unsigned port = 21000 + (unsigned)getpid() % 20000; !w->netdev && port < 65000; port++) {
        snprintf(from, sizeof(from), "127.0.0.1:%u", port);
        w->netdev = netdev_open("socket", "n",
                                (struct net_option[]){{"udp", to}, {"localaddr", from}}, 2, &e);
        a.sin_port = htons((uint16_t)port);
    }
    if (!w->netdev || connect(w->fd, (struct sockaddr *)&a, len) < 0) {
        die(e.text);
    }
}

void wire_close(struct wire *w)
{
    netdev_close(w->netdev);
    close(w->fd);
}

size_t wire_receive(struct wire *w, void *frame, size_t size, int ms)
{
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    if (poll(&p, 1, ms) <= 0) {
        return 0;
    }
    const ssize_t n = recv(w->fd, frame, size, 0);
    return n > 0 ? (size_t)n : 0;
}

void wire_send(struct wire *w, const void *frame, size_t n)
{
    if (send(w->fd, frame, n, 0) != (ssize_t)n) {
        die("the far end cannot send");
    }
}
