/* SPDX-License-Identifier: MIT */
/*
 * What all packet back ends share: life, the thread, the way of a packet to and from the client.
 *
 * A netdev's thread holds its lock except while it sleeps. Others take the lock to call it; those
 * that only want it to look (a doorbell) set a flag and, when it may be asleep, write to the
 * eventfd it polls.
 */
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "net/net_internal.h"

static const struct netdev_kind *const kinds[] = {&net_bridge_kind, &net_dgram_kind,
                                                  &net_socket_kind, &net_stream_kind,
                                                  &net_tap_kind,    &net_user_kind};

/* ---- packets in general */

size_t net_copy(const struct net_packet *p, uint8_t *to, size_t room)
{
    size_t n = 0;
    for (unsigned i = 0; i < p->iov_count && n < room; i++) {
        size_t piece = p->iov[i].iov_len < room - n ? p->iov[i].iov_len : room - n;
        memcpy(to + n, p->iov[i].iov_base, piece);
        n += piece;
    }
    return n;
}

uint8_t *net_linear(struct netdev *n, const struct net_packet *p)
{
    if (p->iov_count == 1) {
        return p->iov->iov_base;
    }
    if (p->bytes > NET_PACKET_MAX) {
        return NULL;
    }
    net_copy(p, n->scratch, NET_PACKET_MAX);
    return n->scratch;
}

/* NET_OFFLOAD_* that o asks for. */
static unsigned wanted(const struct net_offload *o)
{
    static const unsigned by_gso[] = {
        [NET_GSO_TCP4] = NET_OFFLOAD_TCP4,
        [NET_GSO_TCP6] = NET_OFFLOAD_TCP6,
        [NET_GSO_UDP] = NET_OFFLOAD_UDP,
        [NET_GSO_UDP_L4] = NET_OFFLOAD_UDP_L4,
    };
    return (o->needs_checksum ? NET_OFFLOAD_CHECKSUM : 0) |
           (o->gso ? by_gso[o->gso] | (o->ecn ? NET_OFFLOAD_ECN : 0) : 0);
}

/* ---- packets that the client has no room for */

#define HELD_MAX 2048
#define HELD_BYTES_MAX (4u << 20)

struct net_held {
    struct net_held *next;
    unsigned queue;
    struct net_offload offload;
    size_t bytes;
    uint8_t frame[];
};

static void hold(struct netdev *n, unsigned queue, const struct net_packet *p)
{
    if (n->held_count >= HELD_MAX || n->held_bytes + p->bytes > HELD_BYTES_MAX) {
        n->dropped++;
        return;
    }
    struct net_held *h = mem_alloc(sizeof(*h) + p->bytes);
    h->next = NULL;
    h->queue = queue;
    h->offload = p->offload;
    h->bytes = net_copy(p, h->frame, p->bytes);
    *n->held_end = h;
    n->held_end = &h->next;
    n->held_count++;
    n->held_bytes += h->bytes;
}

static void drop_first_held(struct netdev *n)
{
    struct net_held *h = n->held;
    n->held = h->next;
    if (!n->held) {
        n->held_end = &n->held;
    }
    n->held_count--;
    n->held_bytes -= h->bytes;
    mem_free(h);
}

bool net_may_deliver(const struct netdev *n)
{
    return n->held_count < 64;
}

void netdev_room(struct netdev *n)
{
    while (n->held && n->client) {
        struct iovec iov = {n->held->frame, n->held->bytes};
        struct net_packet p = {&iov, 1, n->held->bytes, n->held->offload};
        if (!n->client->deliver(n->client->opaque, n->held->queue, &p)) {
            return;
        }
        drop_first_held(n);
    }
}

/* ---- to the client */

struct delivery {
    struct netdev *n;
    unsigned queue;
};

static void to_client(struct netdev *n, unsigned queue, const struct net_packet *p)
{
    n->received++;
    if (n->held || !n->client->deliver(n->client->opaque, queue, p)) {
        hold(n, queue, p);
    }
}

static void segment_to_client(void *opaque, uint8_t *f, size_t bytes)
{
    const struct delivery *d = opaque;
    struct iovec iov = {f, bytes};
    to_client(d->n, d->queue, &(struct net_packet){.iov = &iov, .iov_count = 1, .bytes = bytes});
}

/* Does in software what the client did not take on. */
static void deliver_finished(struct netdev *n, unsigned queue, const struct net_packet *p)
{
    uint8_t *f = n->scratch_in;
    size_t bytes = net_copy(p, f, NET_PACKET_MAX);
    struct delivery d = {n, queue};
    if (bytes < p->bytes) {
        n->dropped++;
    } else if (p->offload.gso == NET_GSO_TCP4 || p->offload.gso == NET_GSO_TCP6) {
        if (!net_segment(f, bytes, p->offload.gso_size, segment_to_client, &d)) {
            n->dropped++;
        }
    } else if (p->offload.gso != NET_GSO_NONE || !net_checksum(f, bytes, &p->offload)) {
        n->dropped++;
    } else {
        segment_to_client(&d, f, bytes);
    }
}

void net_deliver(struct netdev *n, unsigned queue, const struct net_packet *p)
{
    if (n->dump) {
        net_dump_packet(n->dump, p);
    }
    if (!n->client || !n->link_up || p->bytes < NET_ETHERNET_HEADER) {
        n->dropped++;
    } else if (wanted(&p->offload) & ~n->client_offloads) {
        deliver_finished(n, queue, p);
    } else {
        to_client(n, queue, p);
    }
}

void net_deliver_bytes(struct netdev *n, const void *p, size_t bytes)
{
    struct iovec iov = {(void *)(uintptr_t)p, bytes};
    net_deliver(n, 0, &(struct net_packet){.iov = &iov, .iov_count = 1, .bytes = bytes});
}

/* ---- from the client */

static void segment_to_back_end(void *opaque, uint8_t *f, size_t bytes)
{
    const struct delivery *d = opaque;
    struct iovec iov = {f, bytes};
    d->n->kind->send(d->n, d->queue,
                     &(struct net_packet){.iov = &iov, .iov_count = 1, .bytes = bytes});
}

static void send_finished(struct netdev *n, unsigned queue, const struct net_packet *p)
{
    uint8_t *f = n->scratch;
    size_t bytes = net_copy(p, f, NET_PACKET_MAX);
    struct delivery d = {n, queue};
    unsigned missing = wanted(&p->offload) & ~n->offloads;
    bool tcp = p->offload.gso == NET_GSO_TCP4 || p->offload.gso == NET_GSO_TCP6;
    bool good = bytes == p->bytes;
    if (tcp && (missing & ~(unsigned)NET_OFFLOAD_CHECKSUM)) {
        good = good && net_segment(f, bytes, p->offload.gso_size, segment_to_back_end, &d);
    } else if (good) {
        good = tcp ? net_checksum_tcp(f, bytes)
                   : p->offload.gso == NET_GSO_NONE && net_checksum(f, bytes, &p->offload);
        if (good) {
            struct iovec iov = {f, bytes};
            struct net_packet out = {&iov, 1, bytes, p->offload};
            out.offload.needs_checksum = false;
            n->kind->send(n, queue, &out);
        }
    }
    n->dropped += !good;
}

void netdev_send(struct netdev *n, unsigned queue, const struct net_packet *p)
{
    if (n->dump) {
        net_dump_packet(n->dump, p);
    }
    if (!n->link_up || p->bytes < NET_ETHERNET_HEADER || p->bytes > NET_PACKET_MAX) {
        n->dropped++;
        return;
    }
    n->sent++;
    if (wanted(&p->offload) & ~n->offloads) {
        send_finished(n, queue, p);
    } else {
        n->kind->send(n, queue, p);
    }
}

/* ---- the thread */

unsigned net_poll_add(struct net_poll *p, int fd, short events)
{
    if (p->count == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 16;
        p->fd = mem_resize_array(p->fd, p->cap, sizeof(*p->fd));
    }
    p->fd[p->count] = (struct pollfd){.fd = fd, .events = events};
    return p->count++;
}

static int timeout_ms(int64_t deadline_ns)
{
    if (deadline_ns == INT64_MAX) {
        return -1;
    }
    int64_t left = deadline_ns - os_now_ns();
    return left <= 0 ? 0 : left > 1000000000 ? 1000 : (int)((left + 999999) / 1000000);
}

static void sleep_until_something(struct netdev *n)
{
    atomic_set_seq(&n->sleeping, 1);
    bool now = atomic_get_seq(&n->woken);
    int timeout = now ? 0 : timeout_ms(n->poll.deadline_ns);
    os_mutex_unlock(&n->lock);
    for (unsigned i = 0; i < 100 && atomic_get(&n->waiters); i++) {
        sched_yield(); /* a busy network is not to shut others out */
    }
    if (poll(n->poll.fd, n->poll.count, timeout) < 0) {
        for (unsigned i = 0; i < n->poll.count; i++) {
            n->poll.fd[i].revents = 0;
        }
    }
    os_mutex_lock(&n->lock);
    atomic_set_seq(&n->sleeping, 0);
    if (n->poll.fd[0].revents & POLLIN) {
        uint64_t count;
        ssize_t got = read(n->wake_fd, &count, sizeof(count));
        assert(got == sizeof(count) || errno == EAGAIN);
    }
}

static void net_thread(void *arg)
{
    struct netdev *n = arg;
    os_mutex_lock(&n->lock);
    while (!n->quit) {
        n->poll.count = 0;
        n->poll.deadline_ns = INT64_MAX;
        net_poll_add(&n->poll, n->wake_fd, POLLIN);
        n->kind->fill(n, &n->poll);
        sleep_until_something(n);
        if (atomic_swap(&n->woken, 0) && n->client && n->client->work) {
            n->client->work(n->client->opaque);
        }
        n->kind->dispatch(n, &n->poll);
    }
    os_mutex_unlock(&n->lock);
}

void netdev_wake(struct netdev *n)
{
    atomic_set_seq(&n->woken, 1);
    if (atomic_get_seq(&n->sleeping) && atomic_swap(&n->sleeping, 0)) {
        uint64_t one = 1;
        ssize_t done = write(n->wake_fd, &one, sizeof(one));
        assert(done == sizeof(one) || errno == EAGAIN);
    }
}

/* ---- life */

bool netdev_kind_at(size_t i, const char **kind, const char **desc)
{
    if (i >= array_len(kinds)) {
        return false;
    }
    *kind = kinds[i]->name;
    *desc = kinds[i]->desc;
    return true;
}

bool netdev_option_at(const char *kind, size_t i, const char **key, const char **form)
{
    static const char *const forms[] = {
        [NET_BOOL] = "on|off", [NET_U32] = "N", [NET_TEXT] = "TEXT", [NET_LIST] = "TEXT"};
    for (size_t k = 0; k < array_len(kinds); k++) {
        const struct net_option_row *r = kinds[k]->options;
        for (size_t n = 0; strcmp(kinds[k]->name, kind) == 0 && r->name; r++) {
            if (!r->refused && n++ == i) {
                *key = r->name;
                *form = forms[r->type];
                return true;
            }
        }
    }
    return false;
}

static const struct netdev_kind *find_kind(const char *name, struct error *e)
{
    for (size_t i = 0; i < array_len(kinds); i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            return kinds[i];
        }
    }
    error_set(e, "there is no network of kind '%s'; accepted are", name);
    for (size_t i = 0; i < array_len(kinds); i++) {
        error_append(e, "%s %s", i ? "," : "", kinds[i]->name);
    }
    return NULL;
}

struct netdev *netdev_open(const char *kind, const char *id, const struct net_option *options,
                           size_t count, struct error *e)
{
    const struct netdev_kind *k = find_kind(kind, e);
    if (!k) {
        return NULL;
    }
    struct netdev *n = mem_alloc(sizeof(*n));
    n->kind = k;
    n->id = mem_strdup(id);
    n->queues = 1;
    n->link_up = true;
    n->held_end = &n->held;
    n->scratch = mem_alloc(NET_PACKET_MAX);
    n->scratch_in = mem_alloc(NET_PACKET_MAX);
    os_mutex_init(&n->lock);
    n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (n->wake_fd < 0) {
        error_set(e, "no eventfd to be had from the host: %s", strerror(errno));
    } else if (k->open(n, options, count, e) &&
               os_thread_start(&n->thread, "net", net_thread, n, e)) {
        n->has_thread = true;
        return n;
    }
    netdev_close(n);
    return NULL;
}

void netdev_close(struct netdev *n)
{
    if (!n) {
        return;
    }
    if (n->has_thread) {
        os_mutex_lock(&n->lock);
        n->quit = true;
        os_mutex_unlock(&n->lock);
        netdev_wake(n);
        os_thread_join(&n->thread);
    }
    if (n->impl) {
        n->kind->close(n);
    }
    while (n->held) {
        drop_first_held(n);
    }
    net_dump_close(n->dump);
    if (n->wake_fd >= 0) {
        close(n->wake_fd);
    }
    os_mutex_destroy(&n->lock);
    mem_free(n->poll.fd);
    mem_free(n->scratch);
    mem_free(n->scratch_in);
    mem_free(n->id);
    mem_free(n);
}

const char *netdev_id(const struct netdev *n)
{
    return n->id;
}

const char *netdev_kind(const struct netdev *n)
{
    return n->kind->name;
}

void netdev_describe(struct netdev *n, struct strbuf *out)
{
    os_mutex_lock(&n->lock);
    strbuf_printf(out, "%s: type=%s, link %s, sent %llu, received %llu, dropped %llu\n",
                  n->id ? n->id : "net", n->kind->name, n->link_up ? "up" : "down",
                  (unsigned long long)n->sent, (unsigned long long)n->received,
                  (unsigned long long)n->dropped);
    n->kind->describe(n, out);
    os_mutex_unlock(&n->lock);
}

bool netdev_attach(struct netdev *n, const struct net_client *c, struct error *e)
{
    os_mutex_lock(&n->lock);
    bool good = !c || !n->client;
    if (good) {
        n->client = c;
        n->client_offloads = 0;
        while (n->held) {
            drop_first_held(n);
        }
    }
    os_mutex_unlock(&n->lock);
    return good || error_set(e, "the network '%s' has a device already", n->id ? n->id : "");
}

void netdev_lock(struct netdev *n)
{
    atomic_add(&n->waiters, 1);
    os_mutex_lock(&n->lock);
    atomic_sub(&n->waiters, 1);
}

void netdev_unlock(struct netdev *n)
{
    os_mutex_unlock(&n->lock);
}

void netdev_set_offloads(struct netdev *n, unsigned client_offloads)
{
    n->client_offloads = client_offloads;
    if (n->kind->client_offloads) {
        n->kind->client_offloads(n);
    }
}

bool netdev_link_up(const struct netdev *n)
{
    return n->link_up;
}

void netdev_set_link(struct netdev *n, bool up)
{
    if (n->link_up != up) {
        n->link_up = up;
        while (!up && n->held) {
            drop_first_held(n);
        }
        if (n->client && n->client->link) {
            n->client->link(n->client->opaque, up);
        }
    }
}

unsigned netdev_queues(const struct netdev *n)
{
    return n->queues;
}

bool netdev_dump(struct netdev *n, const char *path, uint32_t maxlen, struct error *e)
{
    struct net_dump *d = net_dump_open(path, maxlen, e);
    os_mutex_lock(&n->lock);
    bool taken = n->dump != NULL;
    if (d && !taken) {
        n->dump = d;
    }
    os_mutex_unlock(&n->lock);
    if (d && taken) {
        net_dump_close(d);
        return error_set(e, "the network '%s' has a dump already", n->id ? n->id : "");
    }
    return d != NULL;
}
