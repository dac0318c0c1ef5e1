/* SPDX-License-Identifier: MIT */
/*
 * A tap interface of a Linux host: what the guest sends comes out of it, and the other way round.
 * With virtio's header in front of each frame (IFF_VNET_HDR), so that offloads pass through.
 * Queues are one. -netdev bridge is an interface that a helper program makes. Not modelled: vhost.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "net/net_internal.h"

extern char **environ;

struct tap_net {
    int fd;
    bool vnet;
    bool up; /* the start script was run */
    char name[IFNAMSIZ];
    uint8_t *frame; /* header and frame that comes in */

    /* Options. */
    char *ifname, *script, *downscript, *fd_text, *helper, *bridge;
    bool vhost, vnet_hdr;
    uint32_t queues;
};

#define ROW(name_, type_, member)                                                                  \
    {                                                                                              \
        name_, type_, offsetof(struct tap_net, member), NULL                                       \
    }
static const struct net_option_row tap_rows[] = {
    ROW("ifname", NET_TEXT, ifname),
    ROW("fd", NET_TEXT, fd_text),
    ROW("script", NET_TEXT, script),
    ROW("downscript", NET_TEXT, downscript),
    ROW("vnet_hdr", NET_BOOL, vnet_hdr),
    ROW("vhost", NET_BOOL, vhost),
    ROW("queues", NET_U32, queues),
    ROW("helper", NET_TEXT, helper),
    ROW("br", NET_TEXT, bridge),
    {"vhostfds", NET_TEXT, 0, "vhost is not modelled"},
    {"vhostfd", NET_TEXT, 0, "vhost is not modelled"},
    {"fds", NET_TEXT, 0, "one queue is modelled: use fd="},
    {0},
};
static const struct net_option_row bridge_rows[] = {
    ROW("br", NET_TEXT, bridge),
    ROW("helper", NET_TEXT, helper),
    {0},
};

/* ---- opening */

static bool run_script(const char *script, const char *name, struct error *e)
{
    char *argv[] = {(char *)(uintptr_t)script, (char *)(uintptr_t)name, NULL};
    pid_t pid;
    int status = 0, r = posix_spawn(&pid, script, NULL, NULL, argv, environ);
    if (r) {
        return error_set(e, "script=%s: %s", script, strerror(r));
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           error_set(e, "script=%s %s failed", script, name);
}

static bool wants_script(const char *script)
{
    return script && *script && strcmp(script, "no") != 0;
}

static bool open_interface(struct tap_net *t, struct error *e)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | (t->vnet_hdr ? IFF_VNET_HDR : 0)};
    if (t->ifname && strlen(t->ifname) >= IFNAMSIZ) {
        return error_set(e, "ifname=%s: at most %d characters", t->ifname, IFNAMSIZ - 1);
    }
    t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (t->fd < 0) {
        return error_set(e, "/dev/net/tun: %s", strerror(errno));
    }
    memcpy(r.ifr_name, t->ifname ? t->ifname : "", t->ifname ? strlen(t->ifname) : 0);
    if (ioctl(t->fd, TUNSETIFF, &r) < 0) {
        return error_set(e, "no tap interface%s%s: %s%s", t->ifname ? " " : "",
                         t->ifname ? t->ifname : "", strerror(errno),
                         errno == EBUSY ? " (another program has it)"
                         : errno == EPERM
                             ? " (make it beforehand: ip tuntap add mode tap user USER NAME)"
                             : "");
    }
    memcpy(t->name, r.ifr_name, sizeof(t->name));
    t->vnet = t->vnet_hdr;
    return true;
}

static bool use_interface(struct tap_net *t, int fd, const char *what, struct error *e)
{
    struct ifreq r = {0};
    if (ioctl(fd, TUNGETIFF, &r) < 0) {
        return error_set(e, "%s is not a tap interface: %s", what, strerror(errno));
    }
    t->fd = fd;
    t->vnet = r.ifr_flags & IFF_VNET_HDR;
    memcpy(t->name, r.ifr_name, sizeof(t->name));
    return true;
}

static bool use_fd(struct tap_net *t, struct error *e)
{
    char *end, what[40];
    long fd = strtol(t->fd_text, &end, 10);
    if (*end || end == t->fd_text || fd < 0 || fd > 65535) {
        return error_set(e, "fd=%s: the number of an open file descriptor is accepted", t->fd_text);
    }
    snprintf(what, sizeof(what), "fd=%ld", fd);
    return use_interface(t, (int)fd, what, e);
}

static bool use_helper(struct tap_net *t, struct error *e)
{
    const int fd = net_bridge_helper(t->helper, t->bridge ? t->bridge : "br0", e);
    if (fd >= 0 && !use_interface(t, fd, "what the helper program made", e)) {
        close(fd);
        return false;
    }
    return fd >= 0;
}

static struct tap_net *begin(struct netdev *n)
{
    struct tap_net *t = mem_alloc(sizeof(*t));
    n->impl = t;
    t->fd = -1;
    t->vnet_hdr = true;
    t->queues = 1;
    t->frame = mem_alloc(sizeof(struct virtio_net_hdr) + NET_PACKET_MAX);
    return t;
}

/* The interface is there: how frames are on it. */
static bool set_up(struct netdev *n, struct error *e)
{
    struct tap_net *t = n->impl;
    int size = sizeof(struct virtio_net_hdr);
    if (t->vnet && ioctl(t->fd, TUNSETVNETHDRSZ, &size) < 0) {
        return error_set(e, "tap interface %s: %s", t->name, strerror(errno));
    }
    fcntl(t->fd, F_SETFL, fcntl(t->fd, F_GETFL) | O_NONBLOCK);
    n->offloads = t->vnet
                      ? NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TCP4 | NET_OFFLOAD_TCP6 | NET_OFFLOAD_ECN
                      : 0;
    return true;
}

/* Options that say what somebody else has decided. */
static bool fits(const struct tap_net *t, struct error *e)
{
    if (t->vhost || t->queues != 1) {
        return error_set(e, "%s is not modelled", t->vhost ? "vhost=on" : "queues= above 1");
    }
    if (t->helper && (t->fd_text || t->ifname || t->script || t->downscript)) {
        return error_set(e,
                         "helper=%s makes the interface: fd=, ifname=, script= and downscript= "
                         "are for one that is made here",
                         t->helper);
    }
    return !t->bridge || t->helper ||
           error_set(e, "br=%s is for helper=; or use -netdev bridge", t->bridge);
}

static bool tap_open(struct netdev *n, const struct net_option *o, size_t count, struct error *e)
{
    struct tap_net *t = begin(n);
    if (!net_options_take(tap_rows, t, "tap", o, count, e) || !fits(t, e)) {
        return false;
    }
    if (!(t->helper    ? use_helper(t, e)
          : t->fd_text ? use_fd(t, e)
                       : open_interface(t, e)) ||
        !set_up(n, e)) {
        return false;
    }
    if (wants_script(t->script)) {
        t->up = run_script(t->script, t->name, e);
        return t->up;
    }
    return true;
}

static bool bridge_open(struct netdev *n, const struct net_option *o, size_t count, struct error *e)
{
    struct tap_net *t = begin(n);
    return net_options_take(bridge_rows, t, "bridge", o, count, e) && use_helper(t, e) &&
           set_up(n, e);
}

static void tap_close(struct netdev *n)
{
    struct tap_net *t = n->impl;
    struct error e;
    if (t->up && wants_script(t->downscript)) {
        run_script(t->downscript, t->name, &e);
    }
    if (t->fd >= 0) {
        close(t->fd);
    }
    net_options_free(tap_rows, t);
    mem_free(t->frame);
    mem_free(t);
}

/* ---- packets */

static void tap_send(struct netdev *n, unsigned queue, const struct net_packet *p)
{
    struct tap_net *t = n->impl;
    const struct net_offload *o = &p->offload;
    static const uint8_t gso[] = {[NET_GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
                                  [NET_GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
                                  [NET_GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP};
    struct virtio_net_hdr h = {
        .flags = o->needs_checksum ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
        .gso_type = (uint8_t)(o->gso < array_len(gso) ? gso[o->gso] : 0),
        .hdr_len = o->header_bytes,
        .gso_size = o->gso_size,
        .csum_start = o->csum_start,
        .csum_offset = o->csum_offset,
    };
    (void)queue;
    h.gso_type |= h.gso_type && o->ecn ? VIRTIO_NET_HDR_GSO_ECN : 0;
    struct iovec *iov = mem_array(p->iov_count + 1, sizeof(*iov));
    unsigned first = t->vnet ? 1 : 0;
    iov[0] = (struct iovec){&h, sizeof(h)};
    memcpy(iov + first, p->iov, p->iov_count * sizeof(*iov));
    ssize_t done = writev(t->fd, iov, (int)(p->iov_count + first));
    n->dropped += done < 0;
    mem_free(iov);
}

static void receive(struct netdev *n, struct tap_net *t, size_t bytes)
{
    size_t header = t->vnet ? sizeof(struct virtio_net_hdr) : 0;
    struct virtio_net_hdr h = {0};
    if (bytes <= header) {
        return;
    }
    memcpy(&h, t->frame, header);
    struct iovec iov = {t->frame + header, bytes - header};
    struct net_packet p = {.iov = &iov, .iov_count = 1, .bytes = bytes - header};
    p.offload = (struct net_offload){
        .needs_checksum = h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .checksum_valid = h.flags & VIRTIO_NET_HDR_F_DATA_VALID,
        .ecn = h.gso_type & VIRTIO_NET_HDR_GSO_ECN,
        .gso_size = h.gso_size,
        .header_bytes = h.hdr_len,
        .csum_start = h.csum_start,
        .csum_offset = h.csum_offset,
    };
    unsigned gso = h.gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
    p.offload.gso = gso == VIRTIO_NET_HDR_GSO_TCPV4   ? NET_GSO_TCP4
                    : gso == VIRTIO_NET_HDR_GSO_TCPV6 ? NET_GSO_TCP6
                                                      : NET_GSO_NONE;
    net_deliver(n, 0, &p);
}

static void tap_fill(struct netdev *n, struct net_poll *p)
{
    struct tap_net *t = n->impl;
    net_poll_add(p, net_may_deliver(n) ? t->fd : -1, POLLIN);
}

static void tap_dispatch(struct netdev *n, const struct net_poll *p)
{
    struct tap_net *t = n->impl;
    if (!(p->fd[1].revents & (POLLIN | POLLERR | POLLHUP))) {
        return;
    }
    for (unsigned i = 0; i < 64 && net_may_deliver(n); i++) {
        ssize_t got = read(t->fd, t->frame, sizeof(struct virtio_net_hdr) + NET_PACKET_MAX);
        if (got <= 0) {
            break;
        }
        receive(n, t, (size_t)got);
    }
}

/* What the kernel may hand us follows what the guest's driver takes. */
static void tap_client_offloads(struct netdev *n)
{
    struct tap_net *t = n->impl;
    unsigned c = n->client_offloads, flags = 0;
    if (t->vnet) {
        flags |= c & NET_OFFLOAD_CHECKSUM ? TUN_F_CSUM : 0;
        if (c & NET_OFFLOAD_CHECKSUM) {
            flags |= c & NET_OFFLOAD_TCP4 ? TUN_F_TSO4 : 0;
            flags |= c & NET_OFFLOAD_TCP6 ? TUN_F_TSO6 : 0;
            flags |= c & NET_OFFLOAD_ECN ? TUN_F_TSO_ECN : 0;
        }
        ioctl(t->fd, TUNSETOFFLOAD, flags); /* refused: we do it ourselves */
    }
}

static void tap_describe(struct netdev *n, struct strbuf *out)
{
    const struct tap_net *t = n->impl;
    strbuf_printf(out, "  interface %s%s\n", t->name, t->vnet ? ", with offloads" : "");
}

const struct netdev_kind net_tap_kind = {
    .name = "tap",
    .desc = "a tap interface of the host",
    .options = tap_rows,
    .open = tap_open,
    .close = tap_close,
    .send = tap_send,
    .fill = tap_fill,
    .dispatch = tap_dispatch,
    .describe = tap_describe,
    .client_offloads = tap_client_offloads,
};
const struct netdev_kind net_bridge_kind = {
    .name = "bridge",
    .desc = "a tap interface in a bridge of the host, made by a helper program",
    .options = bridge_rows,
    .open = bridge_open,
    .close = tap_close,
    .send = tap_send,
    .fill = tap_fill,
    .dispatch = tap_dispatch,
    .describe = tap_describe,
    .client_offloads = tap_client_offloads,
};
