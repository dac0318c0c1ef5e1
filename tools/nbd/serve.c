/* SPDX-License-Identifier: MIT */
/* Clients as they come and go, each on a thread. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/os.h"
#include "tools/nbd/nbd.h"

struct service {
    const struct nbd_service *how;
    struct list clients; /* of struct client; the main thread's alone */
    uint64_t count;
    int event;  /* a client has gone */
    bool stuck; /* there are no descriptors for another client before one has gone */
};

struct client {
    struct list_node link;
    struct service *s;
    struct os_thread thread;
    int fd;
    bool used;     /* it came as far as to use the disk */
    uint32_t gone; /* atomic */
};

static void serve(void *arg)
{
    struct client *c = arg;
    c->used = nbd_server_client(c->fd, c->s->how->x);
    atomic_set_release(&c->gone, 1);
    os_event_signal(c->s->event);
}

static void say(const struct service *s, const char *what)
{
    if (s->how->verbose) {
        fprintf(stderr, "%s: a client has %s; there are %llu\n", command_program, what,
                (unsigned long long)s->count);
    }
}

static void take(struct service *s, int listener)
{
    struct error e;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) { /* it has gone already, or there are no descriptors left */
        s->stuck = s->count > 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* which a unix one has not */
    struct client *c = mem_alloc(sizeof(*c));
    c->s = s;
    c->fd = fd;
    if (!os_thread_start(&c->thread, "client", serve, c, &e)) {
        close(fd);
        mem_free(c);
        return;
    }
    list_push_back(&s->clients, &c->link);
    s->count++;
    say(s, "come");
}

/* Lets go of those that have gone, and waits for all where `all` says so. True: one of them had
 * used the disk. */
static bool reap(struct service *s, bool all)
{
    bool used = false;
    for (struct list_node *n = s->clients.head.next, *next; n != &s->clients.head; n = next) {
        struct client *c = container_of(n, struct client, link);
        next = n->next;
        if (all) {
            shutdown(c->fd, SHUT_RDWR);
        }
        if (all || atomic_get_acquire(&c->gone)) {
            os_thread_join(&c->thread);
            used = used || c->used;
            close(c->fd);
            list_remove(n);
            mem_free(c);
            s->count--;
            say(s, "gone");
        }
    }
    return used;
}

void nbd_service_run(const struct nbd_service *how)
{
    struct service s = {.how = how};
    struct error e;
    const struct nbd_listener *l = how->listener;
    struct pollfd fds[LISTENERS_MAX + 2];
    list_init(&s.clients);
    s.event = os_event_create(&e);
    if (s.event < 0) {
        command_fail(&e);
        return;
    }
    for (bool over = false; !over;) {
        const bool full = s.stuck || (how->most && s.count >= how->most);
        const unsigned listeners = full ? 0 : l->count;
        fds[0] = (struct pollfd){.fd = how->stop, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = s.event, .events = POLLIN};
        for (unsigned i = 0; i < listeners; i++) {
            fds[2 + i] = (struct pollfd){.fd = l->fds[i], .events = POLLIN};
        }
        if (poll(fds, 2 + listeners, -1) < 0) {
            continue; /* a signal, of which stop tells */
        }
        over = fds[0].revents != 0;
        if (os_event_take(s.event)) {
            s.stuck = false;
            over = over || (reap(&s, false) && s.count == 0 && !how->persistent);
        }
        for (unsigned i = 0; i < listeners && !over; i++) {
            if (fds[2 + i].revents) {
                take(&s, l->fds[i]);
                break; /* there may be no room for another */
            }
        }
    }
    reap(&s, true);
    os_event_close(s.event);
}
