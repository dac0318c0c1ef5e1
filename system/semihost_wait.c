/* SPDX-License-Identifier: MIT */
/*
 * Semihosting: waiting for input, and for files of the host that are not ready. The vCPU is halted
 * with its PC at the call, so that interrupts are taken meanwhile; when it wakes, for whatever
 * reason, it makes the call again. So nothing of a call that waits need be remembered.
 *
 * A file is watched by the loop through a copy of its descriptor: the original may be closed, or
 * watched by somebody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/semihost_internal.h"

/* Under the lock, so that who wakes comes before the call looks, or behind this. */
static enum semihost_end sleep_on(struct call *k, struct semihost_wait *w)
{
    w->sleeps = true;
    atomic_store(&k->c->v->halted, true);
    vcpu_exit_soon(k->c->v);
    return SEMIHOST_AGAIN;
}

static void wake(struct semihost_wait *w)
{
    if (w->sleeps) {
        w->sleeps = false;
        w->console = false;
        w->of = -1;
        atomic_store(&w->v->halted, false);
        vcpu_kick(w->v);
    }
}

enum semihost_end semihost_wait_input(struct call *k)
{
    struct semihost_wait *w = &k->host->waits[k->c->v->index];
    w->console = true;
    return sleep_on(k, w);
}

void semihost_wake_readers(struct semihost_host *h)
{
    for (unsigned i = 0; i < h->c.vcpu_count; i++) {
        if (h->waits[i].console) {
            wake(&h->waits[i]);
        }
    }
}

/* ---- files */

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void unwatch(struct semihost_wait *w)
{
    if (w->watch) {
        loop_unwatch(w->watch);
        w->watch = NULL;
    }
    close_fd(&w->watched);
}

static void ready(void *opaque, unsigned events)
{
    struct semihost_wait *w = opaque;
    (void)events;
    os_mutex_lock(&w->host->lock);
    unwatch(w);
    if (!w->host->stopped) {
        wake(w);
    }
    os_mutex_unlock(&w->host->lock);
}

/* Loop's thread: watches what is to be watched from now on. */
static void watch(void *opaque)
{
    struct semihost_wait *w = opaque;
    os_mutex_lock(&w->host->lock);
    if (w->next >= 0) {
        unwatch(w);
        w->watched = w->next;
        w->next = -1;
        w->watch = loop_watch(w->host->c.loop, w->watched, w->events, ready, w);
    }
    os_mutex_unlock(&w->host->lock);
}

enum semihost_end semihost_wait_file(struct call *k, int fd, unsigned events)
{
    struct semihost_host *h = k->host;
    struct semihost_wait *w = &h->waits[k->c->v->index];
    if (!h->c.loop) {
        return semihost_fail(k, EAGAIN);
    }
    os_mutex_lock(&h->lock);
    if (w->of != fd || w->events != events || !w->sleeps) {
        close_fd(&w->next);
        w->next = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (w->next < 0) {
            const int why = errno;
            w->of = -1;
            os_mutex_unlock(&h->lock);
            return semihost_fail(k, why);
        }
        w->of = fd;
        w->events = events;
        loop_post(h->c.loop, watch, w);
    }
    const enum semihost_end end = sleep_on(k, w);
    os_mutex_unlock(&h->lock);
    return end;
}

/* ---- life */

void semihost_wake_all(struct semihost_host *h)
{
    for (unsigned i = 0; i < h->c.vcpu_count; i++) {
        atomic_store(&h->c.vcpus[i]->halted, false);
        vcpu_kick(h->c.vcpus[i]);
    }
}

void semihost_waits_begin(struct semihost_host *h)
{
    h->waits = mem_array(h->c.vcpu_count, sizeof(*h->waits));
    for (unsigned i = 0; i < h->c.vcpu_count; i++) {
        h->waits[i] = (struct semihost_wait){
            .of = -1, .next = -1, .watched = -1, .host = h, .v = h->c.vcpus[i]};
    }
}

void semihost_waits_end(struct semihost_host *h)
{
    for (unsigned i = 0; i < h->c.vcpu_count; i++) {
        unwatch(&h->waits[i]);
        close_fd(&h->waits[i].next);
    }
    mem_free(h->waits);
}
