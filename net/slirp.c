/* SPDX-License-Identifier: MIT */
/*
 * User-mode network: a NAT inside this process, by libslirp. The guest gets an address by DHCP, a
 * DNS server and TFTP; it reaches what the host reaches, and the host reaches it through forwarded
 * ports.
 *
 * libslirp has one caller at a time: the netdev's lock. Its timers and sockets are served by the
 * netdev's thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/net_internal.h"
#include "net/user_forward.h"

struct slirp_timer {
    struct user_net *owner;
    SlirpTimerCb fn;
    void *opaque;
    int64_t due_ms; /* INT64_MAX: not set */
    struct slirp_timer *next;
};

struct user_net {
    struct netdev *n;
    Slirp *slirp;
    struct slirp_timer *timers;
    struct net_poll *filling;
    const struct net_poll *polled;
    struct net_coalesce coalesce;

    /* Options. */
    bool restricted, ipv4, ipv6;
    char *net, *host, *dhcpstart, *dns, *hostname, *domainname;
    char *tftp, *tftp_server_name, *bootfile;
    char *ipv6_net, *ipv6_host, *ipv6_dns, *ipv6_prefix;
    uint32_t ipv6_prefixlen;
    struct net_texts hostfwd, guestfwd, dnssearch;
    struct user_forwards forwards;
};

#define ROW(name_, type_, member)                                                                  \
    {                                                                                              \
        name_, type_, offsetof(struct user_net, member), NULL                                      \
    }
static const struct net_option_row user_rows[] = {
    ROW("net", NET_TEXT, net),
    ROW("host", NET_TEXT, host),
    ROW("dhcpstart", NET_TEXT, dhcpstart),
    ROW("dns", NET_TEXT, dns),
    ROW("dnssearch", NET_LIST, dnssearch),
    ROW("domainname", NET_TEXT, domainname),
    ROW("hostname", NET_TEXT, hostname),
    ROW("restrict", NET_BOOL, restricted),
    ROW("hostfwd", NET_LIST, hostfwd),
    ROW("guestfwd", NET_LIST, guestfwd),
    ROW("tftp", NET_TEXT, tftp),
    ROW("tftp-server-name", NET_TEXT, tftp_server_name),
    ROW("bootfile", NET_TEXT, bootfile),
    ROW("ipv4", NET_BOOL, ipv4),
    ROW("ipv6", NET_BOOL, ipv6),
    ROW("ipv6-net", NET_TEXT, ipv6_net),
    ROW("ipv6-prefix", NET_TEXT, ipv6_prefix),
    ROW("ipv6-prefixlen", NET_U32, ipv6_prefixlen),
    ROW("ipv6-host", NET_TEXT, ipv6_host),
    ROW("ipv6-dns", NET_TEXT, ipv6_dns),
    {"smb", NET_TEXT, 0, "sharing by SMB is not modelled"},
    {"smbserver", NET_TEXT, 0, "sharing by SMB is not modelled"},
    {0},
};

/* ---- what libslirp asks of us */

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
    struct user_net *u = opaque;
    net_coalesce_add(u->n, &u->coalesce, buf, len);
    return (ssize_t)len;
}

static void guest_error(const char *msg, void *opaque)
{
    (void)opaque;
    log_guest("net-user", "%s", msg);
}

static int64_t clock_get_ns(void *opaque)
{
    (void)opaque;
    return os_now_ns();
}

static void *timer_new(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
    struct user_net *u = opaque;
    struct slirp_timer *t = mem_alloc(sizeof(*t));
    *t = (struct slirp_timer){u, cb, cb_opaque, INT64_MAX, u->timers};
    u->timers = t;
    return t;
}

static void timer_free(void *timer, void *opaque)
{
    struct user_net *u = opaque;
    for (struct slirp_timer **p = &u->timers; *p; p = &(*p)->next) {
        if (*p == timer) {
            *p = (*p)->next;
            mem_free(timer);
            return;
        }
    }
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    (void)opaque;
    ((struct slirp_timer *)timer)->due_ms = expire_ms;
}

static void poll_fd(int fd, void *opaque)
{
    (void)fd, (void)opaque; /* the table is filled anew each time */
}

static void notify(void *opaque)
{
    netdev_wake(((struct user_net *)opaque)->n);
}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_get_ns,
    .timer_new = timer_new,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = poll_fd,
    .unregister_poll_fd = poll_fd,
    .notify = notify,
};

/* ---- waiting */

static const struct {
    int slirp;
    short host;
} events[] = {
    {SLIRP_POLL_IN, POLLIN},   {SLIRP_POLL_OUT, POLLOUT}, {SLIRP_POLL_PRI, POLLPRI},
    {SLIRP_POLL_ERR, POLLERR}, {SLIRP_POLL_HUP, POLLHUP},
};

static int add_poll(int fd, int wanted, void *opaque)
{
    struct user_net *u = opaque;
    short host = 0;
    for (unsigned i = 0; i < array_len(events); i++) {
        host |= wanted & events[i].slirp ? events[i].host : 0;
    }
    return (int)net_poll_add(u->filling, fd, host);
}

static int get_revents(int index, void *opaque)
{
    struct user_net *u = opaque;
    int got = 0;
    for (unsigned i = 0; i < array_len(events); i++) {
        got |= u->polled->fd[index].revents & events[i].host ? events[i].slirp : 0;
    }
    return got;
}

static void user_fill(struct netdev *n, struct net_poll *p)
{
    struct user_net *u = n->impl;
    uint32_t timeout = UINT32_MAX;
    u->filling = p;
    slirp_pollfds_fill(u->slirp, &timeout, add_poll, u);
    if (timeout != UINT32_MAX) {
        p->deadline_ns = os_now_ns() + (int64_t)timeout * 1000000;
    }
    for (const struct slirp_timer *t = u->timers; t; t = t->next) {
        if (t->due_ms < INT64_MAX / 1000000 && t->due_ms * 1000000 < p->deadline_ns) {
            p->deadline_ns = t->due_ms * 1000000;
        }
    }
}

static void user_dispatch(struct netdev *n, const struct net_poll *p)
{
    struct user_net *u = n->impl;
    int64_t now_ms = os_now_ns() / 1000000;
    u->polled = p;
    slirp_pollfds_poll(u->slirp, 0, get_revents, u);
    for (struct slirp_timer *t = u->timers, *next; t; t = next) {
        next = t->next;
        if (t->due_ms <= now_ms) {
            t->due_ms = INT64_MAX;
            t->fn(t->opaque);
        }
    }
    user_forward_wake(&u->forwards);
    net_coalesce_flush(n, &u->coalesce);
}

static void user_send(struct netdev *n, unsigned queue, const struct net_packet *p)
{
    struct user_net *u = n->impl;
    uint8_t *f = net_linear(n, p);
    (void)queue;
    if (f) {
        slirp_input(u->slirp, f, (int)p->bytes);
        user_forward_wake(&u->forwards);
        net_coalesce_flush(n, &u->coalesce);
    } else {
        n->dropped++;
    }
}

/* ---- addresses */

static bool parse_ip(const char *what, const char *text, struct in_addr *a, struct error *e)
{
    return inet_pton(AF_INET, text, a) == 1 ||
           error_set(e, "%s=%s: an IPv4 address is accepted", what, text);
}

static bool parse_ip6(const char *what, const char *text, struct in6_addr *a, struct error *e)
{
    return inet_pton(AF_INET6, text, a) == 1 ||
           error_set(e, "%s=%s: an IPv6 address is accepted", what, text);
}

/* "10.0.2.0/24" or "10.0.2.0/255.255.255.0" or "10.0.2.0" of its class. */
static bool parse_net(const char *text, struct in_addr *net, uint32_t *mask, struct error *e)
{
    char address[64];
    const char *slash = strchr(text, '/');
    snprintf(address, sizeof(address), "%.*s", (int)(slash ? slash - text : 63), text);
    if (!parse_ip("net", address, net, e)) {
        return false;
    }
    uint32_t a = ntohl(net->s_addr);
    *mask = a >> 31 == 0 ? 0xff000000 : a >> 30 == 2 ? 0xffff0000 : 0xffffff00;
    if (slash) {
        struct in_addr m;
        char *end;
        unsigned long bits = strtoul(slash + 1, &end, 10);
        if (!*end && end != slash + 1 && bits >= 8 && bits <= 30) {
            *mask = (uint32_t)(0xffffffffull << (32 - bits));
        } else if (inet_pton(AF_INET, slash + 1, &m) == 1) {
            *mask = ntohl(m.s_addr);
        } else {
            return error_set(e, "net=%s: a prefix length of 8 to 30, or a mask, is accepted", text);
        }
    }
    uint32_t inverse = ~*mask;
    if ((inverse & (inverse + 1)) || inverse < 3) {
        return error_set(e, "net=%s: the mask is not one of a network with 2 or more hosts", text);
    }
    net->s_addr = htonl(a & *mask);
    return true;
}

/* An address of the network: as given, or by its number in it. */
static bool host_in_net(const char *what, const char *text, struct in_addr *a, const SlirpConfig *c,
                        uint32_t number, struct error *e)
{
    uint32_t base = ntohl(c->vnetwork.s_addr), mask = ntohl(c->vnetmask.s_addr);
    if (text && strchr(text, '.') && !parse_ip(what, text, a, e)) {
        return false;
    }
    if (!text) {
        a->s_addr = htonl(base | (number & ~mask));
    } else if (!strchr(text, '.')) {
        return error_set(e, "%s=%s: an IPv4 address is accepted", what, text);
    }
    if ((ntohl(a->s_addr) & mask) != base) {
        return error_set(e, "%s=%s is not in the network (net=)", what, text ? text : "");
    }
    return true;
}

static bool set_ipv4(struct user_net *u, SlirpConfig *c, struct error *e)
{
    uint32_t mask;
    if (!parse_net(u->net ? u->net : "10.0.2.0/24", &c->vnetwork, &mask, e)) {
        return false;
    }
    c->vnetmask.s_addr = htonl(mask);
    if (!host_in_net("host", u->host, &c->vhost, c, 2, e) ||
        !host_in_net("dhcpstart", u->dhcpstart, &c->vdhcp_start, c, 15, e) ||
        !host_in_net("dns", u->dns, &c->vnameserver, c, 3, e)) {
        return false;
    }
    if (c->vhost.s_addr == c->vnameserver.s_addr) {
        return error_set(e, "host= and dns= must not be the same address");
    }
    u->forwards.guest = c->vdhcp_start;
    return true;
}

static bool set_ipv6(struct user_net *u, SlirpConfig *c, struct error *e)
{
    char text[64];
    const char *net = u->ipv6_net ? u->ipv6_net : u->ipv6_prefix ? u->ipv6_prefix : "fec0::";
    const char *slash = strchr(net, '/');
    snprintf(text, sizeof(text), "%.*s", (int)(slash ? slash - net : 63), net);
    if (!parse_ip6("ipv6-net", text, &c->vprefix_addr6, e)) {
        return false;
    }
    unsigned long length = slash               ? strtoul(slash + 1, NULL, 10)
                           : u->ipv6_prefixlen ? u->ipv6_prefixlen
                                               : 64;
    if (length < 1 || length > 126) {
        return error_set(e, "ipv6-net=%s: a prefix length of 1 to 126 is accepted", net);
    }
    c->vprefix_len = (uint8_t)length;
    c->vhost6 = c->vnameserver6 = c->vprefix_addr6;
    c->vhost6.s6_addr[15] |= 2;
    c->vnameserver6.s6_addr[15] |= 3;
    return (!u->ipv6_host || parse_ip6("ipv6-host", u->ipv6_host, &c->vhost6, e)) &&
           (!u->ipv6_dns || parse_ip6("ipv6-dns", u->ipv6_dns, &c->vnameserver6, e));
}

/* ---- forwarding */

bool netdev_hostfwd_add(struct netdev *n, const char *rule, struct error *e)
{
    if (n->kind != &net_user_kind) {
        return error_set(e, "'%s' is not a user network", n->id);
    }
    struct user_net *u = n->impl;
    netdev_lock(n);
    bool good = user_forward_host(&u->forwards, rule, e);
    netdev_unlock(n);
    netdev_wake(n);
    return good;
}

bool netdev_hostfwd_remove(struct netdev *n, const char *rule, struct error *e)
{
    if (n->kind != &net_user_kind) {
        return error_set(e, "'%s' is not a user network", n->id);
    }
    struct user_net *u = n->impl;
    netdev_lock(n);
    bool good = user_forward_host_remove(&u->forwards, rule, e);
    netdev_unlock(n);
    netdev_wake(n); /* the port is free once the thread no longer waits on it */
    return good;
}

bool netdev_guestfwd_add(struct netdev *n, const char *rule, struct stream *s, struct error *e)
{
    if (n->kind != &net_user_kind) {
        return error_set(e, "'%s' is not a user network", n->id);
    }
    struct user_net *u = n->impl;
    netdev_lock(n);
    struct user_forward_stream *f = user_forward_stream(&u->forwards, rule, s, e);
    netdev_unlock(n);
    if (f) {
        user_forward_listen(f);
    }
    return f != NULL;
}

static bool add_forwards(struct user_net *u, struct error *e)
{
    u->forwards.n = u->n;
    u->forwards.slirp = u->slirp;
    for (size_t i = 0; i < u->hostfwd.count; i++) {
        if (!user_forward_host(&u->forwards, u->hostfwd.text[i], e)) {
            return false;
        }
    }
    for (size_t i = 0; i < u->guestfwd.count; i++) {
        if (!netdev_guestfwd_stream(u->guestfwd.text[i]) &&
            !user_forward_command(&u->forwards, u->guestfwd.text[i], e)) {
            return false;
        }
    }
    return true;
}

/* ---- life */

static bool start_slirp(struct user_net *u, struct error *e)
{
    SlirpConfig c = {.version = 3};
    const char **search = mem_array(u->dnssearch.count + 1, sizeof(*search));
    for (size_t i = 0; i < u->dnssearch.count; i++) {
        search[i] = u->dnssearch.text[i];
    }
    c.restricted = u->restricted;
    c.in_enabled = u->ipv4;
    c.in6_enabled = u->ipv6;
    c.vhostname = u->hostname;
    c.tftp_server_name = u->tftp_server_name;
    c.tftp_path = u->tftp;
    c.bootfile = u->bootfile;
    c.vdnssearch = u->dnssearch.count ? search : NULL;
    c.vdomainname = u->domainname;
    bool good = set_ipv4(u, &c, e) && set_ipv6(u, &c, e);
    if (good) {
        u->slirp = slirp_new(&c, &callbacks, u);
        good = u->slirp || error_set(e, "libslirp does not take these options");
    }
    mem_free(search);
    return good;
}

static bool user_open(struct netdev *n, const struct net_option *o, size_t count, struct error *e)
{
    struct user_net *u = mem_alloc(sizeof(*u));
    n->impl = u;
    u->n = n;
    u->ipv4 = u->ipv6 = true;
    n->offloads = NET_OFFLOAD_TCP4; /* a segment of any size is as good to it as a small one */
    return net_options_take(user_rows, u, "user", o, count, e) && start_slirp(u, e) &&
           add_forwards(u, e);
}

static void user_close(struct netdev *n)
{
    struct user_net *u = n->impl;
    user_forward_end(&u->forwards);
    if (u->slirp) {
        slirp_cleanup(u->slirp);
    }
    while (u->timers) {
        timer_free(u->timers, u);
    }
    net_options_free(user_rows, u);
    mem_free(u->coalesce.frame);
    mem_free(u);
}

static void user_describe(struct netdev *n, struct strbuf *out)
{
    struct user_net *u = n->impl;
    char *info = slirp_connection_info(u->slirp);
    strbuf_puts(out, info);
    free(info);
}

const struct netdev_kind net_user_kind = {
    .name = "user",
    .desc = "NAT inside the emulator, without privileges (libslirp)",
    .options = user_rows,
    .open = user_open,
    .close = user_close,
    .send = user_send,
    .fill = user_fill,
    .dispatch = user_dispatch,
    .describe = user_describe,
};
