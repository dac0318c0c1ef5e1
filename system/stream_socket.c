/* SPDX-License-Identifier: MIT */
/*
 * A byte stream over a TCP or Unix socket, as server or client.
 *
 * A server serves one peer at a time; a second one waits in the queue of the listening socket,
 * which is not watched meanwhile. A client whose connection ends connects again if reconnect= says
 * so; addresses are resolved once, at start, since the resolver may block. Until a peer is there,
 * output is dropped.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "system/chardev.h"
#include "system/loop.h"
#include "system/say.h"
#include "system/stream_fd.h"

enum {
    ADDRESSES = 8
};

struct address {
    struct sockaddr_storage sa;
    socklen_t len;
};

struct stream_socket {
    struct stream_fd fd; /* first */
    char *label;         /* "tcp host:port", "unix path" */
    struct address addresses[ADDRESSES];
    unsigned address_count;
    bool nodelay;
    char *unlink_path; /* of a listening Unix socket */
    int listener;      /* -1: a client */
    struct loop_watch *listening;
    int connecting; /* socket of an attempt under way, or -1 */
    struct loop_watch *attempt;
    struct loop_timer *again; /* NULL: no reconnection */
    int64_t again_ns;
};

/* ---- connections */

static void use_connection(struct stream_socket *s, int fd)
{
    if (s->nodelay) {
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    stream_fd_connect(&s->fd, (struct stream_fd_ends){.in = fd, .out = fd, .owned = true});
}

static void accept_peer(void *opaque, unsigned events)
{
    struct stream_socket *s = opaque;
    (void)events;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        loop_watch_events(s->listening, 0);
        use_connection(s, fd);
    }
}

static void try_later(struct stream_socket *s)
{
    if (s->again) {
        loop_timer_set(s->again, os_now_ns() + s->again_ns);
    }
}

static void attempt_done(void *opaque, unsigned events)
{
    struct stream_socket *s = opaque;
    int fd = s->connecting, error = 0;
    socklen_t len = sizeof(error);
    (void)events;
    loop_unwatch(s->attempt);
    s->attempt = NULL;
    s->connecting = -1;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        close(fd);
        try_later(s);
    } else {
        use_connection(s, fd);
    }
}

/* A further attempt uses the first address, the one that worked. */
static void attempt(void *opaque)
{
    struct stream_socket *s = opaque;
    const struct address *a = &s->addresses[0];
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        try_later(s);
        return;
    }
    if (connect(fd, (const struct sockaddr *)&a->sa, a->len) < 0 && errno != EINPROGRESS) {
        close(fd);
        try_later(s);
        return;
    }
    s->connecting = fd;
    s->attempt = loop_watch(s->fd.loop, fd, LOOP_WRITE, attempt_done, s);
}

static void socket_lost(struct stream_fd *f)
{
    struct stream_socket *s = (struct stream_socket *)f;
    stream_fd_disconnect(f);
    if (s->listening) {
        loop_watch_events(s->listening, LOOP_READ);
    } else {
        try_later(s);
    }
}

static void socket_closed(struct stream_fd *f)
{
    struct stream_socket *s = (struct stream_socket *)f;
    loop_unwatch(s->listening);
    loop_unwatch(s->attempt);
    loop_timer_destroy(s->again);
    if (s->listener >= 0) {
        close(s->listener);
    }
    if (s->connecting >= 0) {
        close(s->connecting);
    }
    if (s->unlink_path) {
        unlink(s->unlink_path);
    }
    mem_free(s->unlink_path);
    mem_free(s->label);
}

static const struct stream_fd_kind socket_fd_kind = {.lost = socket_lost, .closed = socket_closed};

/* ---- addresses */

/* An abstract name (unix(7)) begins with a zero byte; a tight one ends with its last character. */
static bool resolve_unix(struct stream_socket *s, const struct chardev_config *c, struct error *e)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&s->addresses[0].sa;
    const char *path = c->path;
    if (strlen(path) >= sizeof(un->sun_path)) {
        return error_set(
            e, "socket: path=%s is longer than the %zu bytes that a Unix socket's name may have",
            path, sizeof(un->sun_path) - 1);
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + c->abstract, path, strlen(path));
    s->addresses[0].len = sizeof(*un);
    if (c->abstract && c->tight) {
        s->addresses[0].len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                          strlen(path));
    }
    s->address_count = 1;
    s->label = mem_printf("unix socket %s", path);
    return true;
}

/* Without a host a server takes IPv6 first, whose socket serves IPv4 as well. */
static void keep_addresses(struct stream_socket *s, const struct addrinfo *list, bool v6_first)
{
    for (int pass = 0; pass < 2; pass++) {
        for (const struct addrinfo *a = list; a && s->address_count < ADDRESSES; a = a->ai_next) {
            bool first = !v6_first || a->ai_family == AF_INET6;
            if (first == (pass == 0)) {
                memcpy(&s->addresses[s->address_count].sa, a->ai_addr, a->ai_addrlen);
                s->addresses[s->address_count++].len = a->ai_addrlen;
            }
        }
    }
}

static bool resolve_tcp(struct stream_socket *s, const struct chardev_config *c, struct error *e)
{
    if (!c->port) {
        return error_set(e, "socket: port= (or path= for a Unix socket) is missing");
    }
    uint64_t number; /* the resolver would take any, modulo 2^16 */
    if (keyval_parse_u64(c->port, &number, NULL) && number > 65535) {
        return error_set(e, "socket: port=%s: ports go from 0 to 65535", c->port);
    }
    const char *host = c->host && *c->host ? c->host : NULL;
    int family = c->ipv4 > 0 || c->ipv6 == 0   ? AF_INET
                 : c->ipv6 > 0 || c->ipv4 == 0 ? AF_INET6
                                               : AF_UNSPEC;
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = c->server ? AI_PASSIVE : 0};
    struct addrinfo *list = NULL;
    int r = getaddrinfo(host, c->port, &hints, &list);
    if (r) {
        return error_set(e, "socket: host=%s,port=%s: %s", host ? host : "", c->port,
                         gai_strerror(r));
    }
    keep_addresses(s, list, c->server && !host);
    freeaddrinfo(list);
    s->label = mem_printf("%s:%s", host ? host : "", c->port);
    return true;
}

/* ---- opening */

/* Whether anybody answers at a Unix socket whose name stands in the file system. */
static bool answers(const struct address *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes = fd >= 0 &&
               (connect(fd, (const struct sockaddr *)&a->sa, a->len) == 0 || errno == EAGAIN);
    if (fd >= 0) {
        close(fd);
    }
    return yes;
}

static int listen_at(const struct address *a)
{
    int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    int one = 1;
    const char *name = ((const struct sockaddr_un *)&a->sa)->sun_path;
    if (a->sa.ss_family == AF_UNIX && *name) {
        if (answers(a)) {
            close(fd);
            errno = EADDRINUSE;
            return -1;
        }
        unlink(name);
    } else if (a->sa.ss_family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (bind(fd, (const struct sockaddr *)&a->sa, a->len) < 0 || listen(fd, 1) < 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static void set_port(struct address *a, uint16_t port)
{
    if (a->sa.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&a->sa)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)&a->sa)->sin_port = htons(port);
    }
}

static uint16_t port_of(const struct address *a)
{
    return ntohs(a->sa.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&a->sa)->sin6_port
                                             : ((const struct sockaddr_in *)&a->sa)->sin_port);
}

/* At the first address that can be had, of ports up to the last one, or that of the address. */
static int listen_anywhere(struct stream_socket *s, unsigned last)
{
    for (unsigned i = 0; i < s->address_count; i++) {
        int fd = listen_at(&s->addresses[i]);
        for (unsigned port = fd < 0 && last ? port_of(&s->addresses[i]) + 1u : 1;
             fd < 0 && port <= last; port++) {
            set_port(&s->addresses[i], (uint16_t)port);
            fd = listen_at(&s->addresses[i]);
        }
        if (fd >= 0) {
            return fd;
        }
    }
    return -1;
}

static bool open_server(struct stream_socket *s, const struct chardev_config *c, struct error *e)
{
    s->listener = listen_anywhere(s, c->path ? 0 : c->to);
    if (s->listener < 0) {
        return error_set(e, "socket: cannot listen on %s: %s", s->label, strerror(errno));
    }
    s->unlink_path = c->path && !c->abstract ? mem_strdup(c->path) : NULL;
    s->listening = loop_watch(s->fd.loop, s->listener, LOOP_READ, accept_peer, s);
    if (c->wait != 0) {
        say("waiting for a connection to %s", s->label);
        while (!stream_fd_connected(&s->fd)) {
            loop_turn(s->fd.loop, -1);
        }
    }
    return true;
}

static bool open_client(struct stream_socket *s, struct error *e)
{
    int why = 0;
    for (unsigned i = 0; i < s->address_count; i++) {
        struct address a = s->addresses[i];
        int fd = socket(a.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&a.sa, a.len) == 0) {
            s->addresses[0] = a;
            use_connection(s, fd);
            return true;
        }
        why = errno;
        if (fd >= 0) {
            close(fd);
        }
    }
    if (s->again) {
        try_later(s);
        return true;
    }
    return error_set(e, "socket: cannot connect to %s: %s", s->label, strerror(why));
}

static bool check(const struct chardev_config *c, struct error *e)
{
    bool reconnect = c->reconnect_s || c->reconnect_ms;
    if (c->path && (c->host || c->port)) {
        return error_set(e, "socket: either path= or host= and port=, not both");
    }
    if (c->server && reconnect) {
        return error_set(
            e, "socket: reconnect= is for a client; server=on waits for the next peer anyway");
    }
    if (c->to && (!c->server || c->path || c->to > 65535)) {
        return error_set(e, "socket: to= is a port up to 65535, for server=on and port=");
    }
    if (!c->path && (c->abstract || !c->tight)) {
        return error_set(e, "socket: abstract= and tight= are for path=");
    }
    if (!c->server && c->wait >= 0) {
        return error_set(e, "socket: wait= is for server=on");
    }
    return true;
}

static struct stream *socket_open(const struct chardev_config *c, struct loop *l, struct error *e)
{
    if (!check(c, e)) {
        return NULL;
    }
    struct stream_socket *s = mem_alloc(sizeof(*s));
    s->listener = s->connecting = -1;
    s->nodelay = c->nodelay;
    stream_fd_init(&s->fd, &socket_fd_kind, l, c->id);
    s->again_ns = c->reconnect_s * INT64_C(1000000000) + c->reconnect_ms * INT64_C(1000000);
    if (s->again_ns) {
        s->again = loop_timer_create(l, attempt, s);
    }
    bool ok = (c->path ? resolve_unix(s, c, e) : resolve_tcp(s, c, e)) &&
              (c->server ? open_server(s, c, e) : open_client(s, e));
    if (!ok) {
        s->fd.stream.ops->close(&s->fd.stream);
        return NULL;
    }
    return &s->fd.stream;
}

#define MEMBER(m) offsetof(struct chardev_config, m)

static const struct key_row socket_rows[] = {
    {"path", KEY_TEXT, MEMBER(path), "name of a Unix socket", NULL},
    {"host", KEY_TEXT, MEMBER(host), "host to connect to, or address to listen on", NULL},
    {"port", KEY_TEXT, MEMBER(port), "TCP port", NULL},
    {"ipv4", KEY_SWITCH, MEMBER(ipv4), "only IPv4", NULL},
    {"ipv6", KEY_SWITCH, MEMBER(ipv6), "only IPv6", NULL},
    {"server", KEY_BOOL, MEMBER(server), "listen for a peer instead of connecting (off)", NULL},
    {"wait", KEY_SWITCH, MEMBER(wait),
     "a server starts the machine when the first peer is there (on)", NULL},
    {"nodelay", KEY_BOOL, MEMBER(nodelay), "send each byte at once (off)", NULL},
    {"reconnect", KEY_U32, MEMBER(reconnect_s),
     "seconds after which a client connects again (0: never)", NULL},
    {"reconnect-ms", KEY_U32, MEMBER(reconnect_ms), "the same in milliseconds", NULL},
    {"to", KEY_U32, MEMBER(to), "the last port that a server tries when those before are taken",
     NULL},
    {"abstract", KEY_BOOL, MEMBER(abstract), "the name of the Unix socket is no file (off)", NULL},
    {"tight", KEY_SWITCH, MEMBER(tight), "such a name is not padded with zeros (on)", NULL},
    {"telnet", KEY_BOOL, MEMBER(telnet), "speak the telnet protocol (off)", NULL},
    {"websocket", KEY_REFUSED, 0, "not in this build", NULL},
    {"tls-creds", KEY_REFUSED, 0, "not in this build", NULL},
    {0}};

const struct chardev_kind chardev_socket = {
    .name = "socket", .help = "a TCP or Unix socket", .rows = socket_rows, .open = socket_open};
