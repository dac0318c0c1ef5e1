/* SPDX-License-Identifier: MIT */
/*
 * What a user network forwards: ports of the host to the guest (hostfwd=), and addresses that the
 * guest connects to (guestfwd=) to a command of the host, or to a byte stream, which is one for all
 * connections that the guest makes there, one after the other.
 */
#include "net/user_forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/net_internal.h"

/* ---- rules */

struct forward {
    bool udp;
    struct in_addr host, guest;
    uint16_t host_port, guest_port;
};

/* Takes the text up to end (a character of it) off *s into part; false if it does not come. */
static bool take_part(const char **s, char end, char *part, size_t size)
{
    const char *at = end ? strchr(*s, end) : *s + strlen(*s);
    if (!at || (size_t)(at - *s) >= size) {
        return false;
    }
    memcpy(part, *s, (size_t)(at - *s));
    part[at - *s] = 0;
    *s = end ? at + 1 : at;
    return true;
}

static bool take_port(const char *text, uint16_t *port, bool zero)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    *port = (uint16_t)v;
    return end != text && !*end && v <= 65535 && (v || zero);
}

#define FORWARD_FORM "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT is accepted"

static bool parse_forward(const struct user_forwards *u, const char *rule, bool whole,
                          struct forward *f, struct error *e)
{
    char protocol[8], host[32], port[8], guest[32] = "", guest_port[8] = "1";
    const char *s = rule;
    *f = (struct forward){.guest = u->guest};
    if (!take_part(&s, ':', protocol, sizeof(protocol)) ||
        !take_part(&s, ':', host, sizeof(host)) ||
        !take_part(&s, whole ? '-' : 0, port, sizeof(port)) ||
        (whole && (!take_part(&s, ':', guest, sizeof(guest)) ||
                   !take_part(&s, 0, guest_port, sizeof(guest_port))))) {
        return error_set(e, "hostfwd=%s: " FORWARD_FORM, rule);
    }
    f->udp = strcmp(protocol, "udp") == 0;
    if ((*protocol && !f->udp && strcmp(protocol, "tcp") != 0) ||
        !take_port(port, &f->host_port, true) || !take_port(guest_port, &f->guest_port, false) ||
        (*host && inet_pton(AF_INET, host, &f->host) != 1) ||
        (*guest && inet_pton(AF_INET, guest, &f->guest) != 1)) {
        return error_set(e, "hostfwd=%s: " FORWARD_FORM, rule);
    }
    return true;
}

/* ---- ports of the host */

bool user_forward_host(struct user_forwards *u, const char *rule, struct error *e)
{
    struct forward f;
    if (!parse_forward(u, rule, true, &f, e)) {
        return false;
    }
    if (slirp_add_hostfwd(u->slirp, f.udp, f.host, f.host_port, f.guest, f.guest_port) < 0) {
        return error_set(e, "hostfwd=%s: port %u of the host cannot be had: %s", rule, f.host_port,
                         strerror(errno));
    }
    return true;
}

bool user_forward_host_remove(struct user_forwards *u, const char *rule, struct error *e)
{
    struct forward f;
    return parse_forward(u, rule, strchr(rule, '-') != NULL, &f, e) &&
           (slirp_remove_hostfwd(u->slirp, f.udp, f.host, f.host_port) >= 0 ||
            error_set(e, "hostfwd=%s: there is no such rule", rule));
}

/* ---- what the guest connects to */

#define GUEST_FORM                                                                                 \
    "tcp:SERVER:PORT-cmd:COMMAND, and for it tcp:HOST:PORT, unix:PATH, chardev:ID and what else "  \
    "-serial takes, are accepted"

/* "[tcp]:SERVER:PORT-"; *rest is what stands behind it. */
static bool parse_guest(const char *rule, struct in_addr *server, uint16_t *port, const char **rest,
                        struct error *e)
{
    char protocol[8], address[32], port_text[8];
    *rest = rule;
    if (!take_part(rest, ':', protocol, sizeof(protocol)) ||
        !take_part(rest, ':', address, sizeof(address)) ||
        !take_part(rest, '-', port_text, sizeof(port_text)) ||
        (*protocol && strcmp(protocol, "tcp") != 0) || inet_pton(AF_INET, address, server) != 1 ||
        !take_port(port_text, port, false) || !**rest) {
        return error_set(e, "guestfwd=%s: " GUEST_FORM, rule);
    }
    return true;
}

static bool not_there(const char *rule, const struct in_addr *server, struct error *e)
{
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, server, text, sizeof(text));
    return error_set(e, "guestfwd=%s: %s is not in the network, or the port is taken", rule, text);
}

const char *netdev_guestfwd_stream(const char *rule)
{
    struct error ignored;
    struct in_addr server;
    uint16_t port;
    const char *rest;
    return parse_guest(rule, &server, &port, &rest, &ignored) && strncmp(rest, "cmd:", 4) != 0
               ? rest
               : NULL;
}

bool user_forward_command(struct user_forwards *u, const char *rule, struct error *e)
{
    struct in_addr server;
    uint16_t port;
    const char *command;
    return parse_guest(rule, &server, &port, &command, e) &&
           (slirp_add_exec(u->slirp, command + 4, &server, port) >= 0 ||
            not_there(rule, &server, e));
}

/* ---- a stream at such an address */

struct user_forward_stream {
    struct user_forward_stream *next;
    struct user_forwards *owner;
    struct stream *stream;
    struct in_addr server;
    uint16_t port;
    bool starved; /* there was no room for what the stream has; guarded by the netdev's lock */
};

static ssize_t from_guest(const void *bytes, size_t n, void *opaque)
{
    struct user_forward_stream *f = opaque;
    stream_write(f->stream, bytes, n);
    return (ssize_t)n;
}

static size_t room(void *opaque)
{
    struct user_forward_stream *f = opaque;
    netdev_lock(f->owner->n);
    const size_t n = slirp_socket_can_recv(f->owner->slirp, f->server, f->port);
    f->starved = n == 0;
    netdev_unlock(f->owner->n);
    return n;
}

static void to_guest(void *opaque, const uint8_t *bytes, size_t n)
{
    struct user_forward_stream *f = opaque;
    netdev_lock(f->owner->n);
    slirp_socket_recv(f->owner->slirp, f->server, f->port, bytes, (int)n);
    netdev_unlock(f->owner->n);
    netdev_wake(f->owner->n);
}

static bool is_taken(const struct user_forwards *u, const struct in_addr *server, uint16_t port)
{
    const struct user_forward_stream *f = u->streams;
    while (f && (f->server.s_addr != server->s_addr || f->port != port)) {
        f = f->next;
    }
    return f != NULL;
}

struct user_forward_stream *user_forward_stream(struct user_forwards *u, const char *rule,
                                                struct stream *s, struct error *e)
{
    struct user_forward_stream *f = mem_alloc(sizeof(*f));
    const char *rest;
    *f = (struct user_forward_stream){.next = u->streams, .owner = u, .stream = s};
    if (!parse_guest(rule, &f->server, &f->port, &rest, e) ||
        ((is_taken(u, &f->server, f->port) ||
          slirp_add_guestfwd(u->slirp, from_guest, f, &f->server, f->port) < 0) &&
         !not_there(rule, &f->server, e))) {
        mem_free(f);
        return NULL;
    }
    u->streams = f;
    return f;
}

void user_forward_listen(struct user_forward_stream *f)
{
    const struct stream_reader r = {.room = room, .read = to_guest, .opaque = f};
    f->stream->ops->set_reader(f->stream, &r);
}

void user_forward_wake(struct user_forwards *u)
{
    for (struct user_forward_stream *f = u->streams; f; f = f->next) {
        if (f->starved && slirp_socket_can_recv(u->slirp, f->server, f->port)) {
            f->starved = false;
            f->stream->ops->more_room(f->stream);
        }
    }
}

void user_forward_end(struct user_forwards *u)
{
    while (u->streams) {
        struct user_forward_stream *f = u->streams;
        u->streams = f->next;
        f->stream->ops->set_reader(f->stream, NULL);
        mem_free(f);
    }
}
