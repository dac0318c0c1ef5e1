/* SPDX-License-Identifier: MIT */
/* The sockets that clients come by. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/nbd/nbd.h"

static bool add(struct nbd_listener *l, int fd, const struct sockaddr *a, socklen_t n)
{
    if (fd < 0 || bind(fd, a, n) < 0 || listen(fd, 16) < 0) {
        const int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        errno = why;
        return false;
    }
    l->fds[l->count++] = fd;
    return true;
}

/* A socket that a server has left behind when it died. */
static bool is_dead(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 &&
                errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return dead;
}

static bool open_unix(struct nbd_listener *l, struct error *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (l->path[0] != '/' || strlen(l->path) >= sizeof(a.sun_path)) {
        return error_set(e,
                         "--socket=%s: a path that begins with / and has at most %zu characters "
                         "is accepted",
                         l->path, sizeof(a.sun_path) - 1);
    }
    memcpy(a.sun_path, l->path, strlen(l->path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (add(l, fd, (struct sockaddr *)&a, sizeof(a))) {
        return true;
    }
    if (errno == EADDRINUSE && is_dead(&a) && unlink(l->path) == 0) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (add(l, fd, (struct sockaddr *)&a, sizeof(a))) {
            return true;
        }
    }
    return error_set(e, "--socket=%s: %s", l->path, strerror(errno));
}

static bool open_tcp(struct nbd_listener *l, struct error *e)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *all = NULL;
    const int why = getaddrinfo(l->host, l->port, &hints, &all);
    if (why) {
        return error_set(e, "--bind=%s --port=%s: %s", l->host, l->port, gai_strerror(why));
    }
    for (const struct addrinfo *a = all; a && l->count < LISTENERS_MAX; a = a->ai_next) {
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                        a->ai_protocol);
        if (fd >= 0) {
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        }
        if (fd >= 0 && a->ai_family == AF_INET6) {
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
        }
        if (!add(l, fd, a->ai_addr, a->ai_addrlen)) {
            error_set(e, "--bind=%s --port=%s: %s", l->host, l->port, strerror(errno));
        }
    }
    freeaddrinfo(all);
    return l->count > 0;
}

bool nbd_listener_open(struct nbd_listener *l, struct error *e)
{
    l->count = 0;
    return l->path ? open_unix(l, e) : open_tcp(l, e);
}

void nbd_listener_close(struct nbd_listener *l)
{
    for (unsigned i = 0; i < l->count; i++) {
        close(l->fds[i]);
    }
    if (l->path && l->count) {
        unlink(l->path);
    }
    l->count = 0;
}
