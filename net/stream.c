/* SPDX-License-Identifier: MIT */
/*
 * -netdev stream and dgram: frames to another machine over sockets of the internet or of this host,
 * by addresses in parts (addr.type=inet,addr.host=,addr.port= or addr.type=unix,addr.path=). On the
 * wire they are as -netdev socket has them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/socket.h"

/* One address as the user wrote it. */
struct parts {
    char *type, *host, *port, *path;
};

struct parted_net {
    struct socket_net s; /* first */
    struct parts a, b;   /* stream: addr; dgram: local, remote */
    bool server;
    uint32_t reconnect_s, reconnect_ms;
    bool made; /* the name of a.path is ours */
};

#define PART(prefix, member)                                                                       \
    {prefix ".type", NET_TEXT, offsetof(struct parted_net, member.type), NULL},                    \
        {prefix ".host", NET_TEXT, offsetof(struct parted_net, member.host), NULL},                \
        {prefix ".port", NET_TEXT, offsetof(struct parted_net, member.port), NULL},                \
    {                                                                                              \
        prefix ".path", NET_TEXT, offsetof(struct parted_net, member.path), NULL                   \
    }
static const struct net_option_row stream_rows[] = {
    PART("addr", a),
    {"server", NET_BOOL, offsetof(struct parted_net, server), NULL},
    {"addr.str", NET_TEXT, 0, "open sockets are not taken; use addr.type=inet or unix"},
    {"reconnect", NET_U32, offsetof(struct parted_net, reconnect_s), NULL},
    {"reconnect-ms", NET_U32, offsetof(struct parted_net, reconnect_ms), NULL},
    {0},
};
static const struct net_option_row dgram_rows[] = {
    PART("local", a),
    PART("remote", b),
    {"local.str", NET_TEXT, 0, "open sockets are not taken; use local.type=inet or unix"},
    {0},
};

/* ---- addresses */

static bool unix_address(const char *key, const struct parts *p, struct sockaddr_storage *a,
                         socklen_t *len, struct error *e)
{
    struct sockaddr_un *un = (struct sockaddr_un *)a;
    if (p->host || p->port) {
        return error_set(e, "%s.%s=: only %s.type=inet has one", key, p->host ? "host" : "port",
                         key);
    }
    if (!p->path || strlen(p->path) >= sizeof(un->sun_path)) {
        return error_set(e, "%s.path: a path of 1 to %zu characters is needed", key,
                         sizeof(un->sun_path) - 1);
    }
    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, p->path, strlen(p->path));
    *len = sizeof(*un);
    return true;
}

static bool address_of(const char *key, const struct parts *p, struct sockaddr_storage *a,
                       socklen_t *len, struct error *e)
{
    char text[300];
    if (p->type && strcmp(p->type, "unix") == 0) {
        return unix_address(key, p, a, len, e);
    }
    if (!p->type || strcmp(p->type, "inet") != 0) {
        return error_set(e, "%s.type=%s: inet or unix is accepted", key, p->type ? p->type : "");
    }
    if (p->path) { /* it would be taken for ours, and removed */
        return error_set(e, "%s.path=%s: only %s.type=unix has one", key, p->path, key);
    }
    if (!p->port) {
        return error_set(e, "%s.port= is missing", key);
    }
    snprintf(text, sizeof(text), "%s:%s", p->host ? p->host : "", p->port);
    return net_socket_resolve(key, text, a, len, e);
}

static const char *name_of(const struct parts *p, char *text, size_t size)
{
    if (p->path) {
        snprintf(text, size, "unix:%s", p->path);
    } else {
        snprintf(text, size, "%s:%s", p->host ? p->host : "", p->port ? p->port : "");
    }
    return text;
}

/* A socket that somebody left there. */
static void clear_path(struct parted_net *p)
{
    struct stat st;
    if (p->a.path && lstat(p->a.path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(p->a.path);
    }
}

/* ---- the two kinds */

static bool open_stream(struct parted_net *p, struct error *e)
{
    struct sockaddr_storage a;
    socklen_t len;
    char what[300];
    if (!address_of("addr", &p->a, &a, &len, e)) {
        return false;
    }
    name_of(&p->a, what, sizeof(what));
    const int64_t again_ns = p->reconnect_s * INT64_C(1000000000) +
                             p->reconnect_ms * INT64_C(1000000);
    if (again_ns && (p->server || (p->reconnect_s && p->reconnect_ms))) {
        return error_set(e, p->server ? "reconnect= is for a client; with server=on a peer may come"
                                      : "reconnect= and reconnect-ms= are one: give one of them");
    }
    if (again_ns) {
        net_socket_seek(&p->s, &a, len, again_ns);
        return true;
    }
    if (!p->server) {
        return net_socket_connect(&p->s, &a, len, what, e);
    }
    clear_path(p);
    p->made = p->a.path && net_socket_listen(&p->s, &a, len, what, e);
    return p->a.path ? p->made : net_socket_listen(&p->s, &a, len, what, e);
}

static bool open_dgram(struct parted_net *p, struct error *e)
{
    struct sockaddr_storage a;
    socklen_t len;
    char what[300];
    const bool remote = p->b.type || p->b.host || p->b.port || p->b.path;
    if (remote && !address_of("remote", &p->b, &p->s.to, &p->s.to_len, e)) {
        return false;
    }
    const struct sockaddr_in *to = (const struct sockaddr_in *)&p->s.to;
    const bool group = p->s.to_len && to->sin_family == AF_INET &&
                       IN_MULTICAST(ntohl(to->sin_addr.s_addr));
    if (group) {
        return net_socket_join(&p->s, p->a.host, name_of(&p->b, what, sizeof(what)), e);
    }
    if (!p->a.type) {
        return error_set(e, "local.type= is missing: where others send to");
    }
    if (!address_of("local", &p->a, &a, &len, e)) {
        return false;
    }
    if (p->s.to_len && p->s.to.ss_family != a.ss_family) {
        return error_set(e, "local.type=%s, remote.type=%s: they are one kind", p->a.type,
                         p->b.type);
    }
    clear_path(p);
    const bool good = net_socket_bind(&p->s, &a, len, name_of(&p->a, what, sizeof(what)), e);
    p->made = good && p->a.path;
    return good;
}

static struct parted_net *begin(struct netdev *n)
{
    struct parted_net *p = mem_alloc(sizeof(*p));
    n->impl = p;
    net_socket_init(&p->s);
    return p;
}

static bool stream_open(struct netdev *n, const struct net_option *o, size_t count, struct error *e)
{
    struct parted_net *p = begin(n);
    return net_options_take(stream_rows, p, "stream", o, count, e) && open_stream(p, e);
}

static bool dgram_open(struct netdev *n, const struct net_option *o, size_t count, struct error *e)
{
    struct parted_net *p = begin(n);
    return net_options_take(dgram_rows, p, "dgram", o, count, e) && open_dgram(p, e);
}

static void end(struct netdev *n, const struct net_option_row *rows)
{
    struct parted_net *p = n->impl;
    net_socket_fini(&p->s);
    if (p->made) {
        unlink(p->a.path);
    }
    net_options_free(rows, p);
    mem_free(p);
}

static void stream_close(struct netdev *n)
{
    end(n, stream_rows);
}

static void dgram_close(struct netdev *n)
{
    end(n, dgram_rows);
}

static void stream_describe(struct netdev *n, struct strbuf *out)
{
    const struct parted_net *p = n->impl;
    char text[300];
    strbuf_printf(out, "  %s=%s%s\n", p->server ? "listen" : "connect",
                  name_of(&p->a, text, sizeof(text)), p->s.fd < 0 ? ", no peer" : "");
}

static void dgram_describe(struct netdev *n, struct strbuf *out)
{
    const struct parted_net *p = n->impl;
    char local[300], remote[300];
    strbuf_printf(out, "  local=%s, remote=%s\n", name_of(&p->a, local, sizeof(local)),
                  name_of(&p->b, remote, sizeof(remote)));
}

const struct netdev_kind net_stream_kind = {
    .name = "stream",
    .desc = "another machine, over a connection",
    .options = stream_rows,
    .open = stream_open,
    .close = stream_close,
    .send = net_socket_send,
    .fill = net_socket_fill,
    .dispatch = net_socket_dispatch,
    .describe = stream_describe,
};
const struct netdev_kind net_dgram_kind = {
    .name = "dgram",
    .desc = "another machine, or a multicast group, by datagrams",
    .options = dgram_rows,
    .open = dgram_open,
    .close = dgram_close,
    .send = net_socket_send,
    .fill = net_socket_fill,
    .dispatch = net_socket_dispatch,
    .describe = dgram_describe,
};
