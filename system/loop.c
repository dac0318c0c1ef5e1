/* SPDX-License-Identifier: MIT */
/*
 * The event loop on epoll: file descriptors, posted work, timers in host time.
 *
 * One turn waits, then calls the functions of the descriptors that are ready, then the timers that
 * are due, then the posted work that stood in the queue when its turn came: work that posts more
 * work cannot starve the descriptors. Inside a turn any watch may be removed, the running one too:
 * a removed watch is marked and freed at the end of the turn, since later entries of the same epoll
 * result may name it.
 *
 * epoll refuses regular files (EPERM), which a redirected standard input may be; they are always
 * ready, so such a watch is kept out of epoll and called on every turn, which then does not wait.
 * A watch that wants nothing is taken out of epoll, which would report a hang-up even so.
 */
#include "system/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/os.h"

struct loop_watch {
    struct list_node node;
    struct loop *loop;
    int fd;
    unsigned events;
    bool in_epoll;
    bool always_ready; /* a regular file */
    bool dead;
    loop_fd_fn fn;
    void *opaque;
};

struct loop_timer {
    struct list_node node; /* linked while set, by due time */
    struct loop *loop;
    int64_t due_ns;
    loop_fn fn;
    void *opaque;
};

struct post {
    struct list_node node;
    loop_fn fn;
    void *opaque;
};

struct loop {
    int epoll;
    int wake; /* eventfd: the queue of posts is not empty, or stop */
    _Atomic bool stop;
    pthread_t thread;
    struct list watches, dead, timers;
    struct os_mutex lock; /* guards posts */
    struct list posts;
};

static void wake(struct loop *l)
{
    uint64_t one = 1;
    ssize_t n = write(l->wake, &one, sizeof(one));
    (void)n; /* a full counter wakes as well */
}

struct loop *loop_create(void)
{
    struct loop *l = mem_alloc(sizeof(*l));
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert(l->epoll >= 0 && l->wake >= 0);
    l->thread = pthread_self();
    list_init(&l->watches);
    list_init(&l->dead);
    list_init(&l->timers);
    list_init(&l->posts);
    os_mutex_init(&l->lock);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &ev);
    return l;
}

static void free_dead(struct loop *l)
{
    struct list_node *n;
    while ((n = list_pop_front(&l->dead))) {
        mem_free(list_entry(n, struct loop_watch, node));
    }
}

void loop_destroy(struct loop *l)
{
    if (!l) {
        return;
    }
    assert(list_empty(&l->watches) && list_empty(&l->timers));
    free_dead(l);
    struct list_node *n;
    while ((n = list_pop_front(&l->posts))) {
        mem_free(list_entry(n, struct post, node));
    }
    close(l->epoll);
    close(l->wake);
    os_mutex_destroy(&l->lock);
    mem_free(l);
}

static uint32_t epoll_events(unsigned events)
{
    return (events & LOOP_READ ? EPOLLIN : 0) | (events & LOOP_WRITE ? EPOLLOUT : 0) |
           (events & LOOP_HANGUP ? EPOLLRDHUP : 0);
}

void loop_watch_events(struct loop_watch *w, unsigned events)
{
    if (w->events == events) {
        return;
    }
    w->events = events;
    if (w->always_ready) {
        return;
    }
    struct epoll_event ev = {.events = epoll_events(events), .data.ptr = w};
    int op = !events ? EPOLL_CTL_DEL : w->in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(w->loop->epoll, op, w->fd, &ev) < 0) {
        assert(op == EPOLL_CTL_ADD && errno == EPERM);
        w->always_ready = true;
        return;
    }
    w->in_epoll = events != 0;
}

struct loop_watch *loop_watch(struct loop *l, int fd, unsigned events, loop_fd_fn fn, void *opaque)
{
    struct loop_watch *w = mem_alloc(sizeof(*w));
    w->loop = l;
    w->fd = fd;
    w->fn = fn;
    w->opaque = opaque;
    list_push_back(&l->watches, &w->node);
    loop_watch_events(w, events);
    return w;
}

void loop_unwatch(struct loop_watch *w)
{
    if (!w) {
        return;
    }
    loop_watch_events(w, 0);
    w->dead = true;
    list_remove(&w->node);
    list_push_back(&w->loop->dead, &w->node);
}

void loop_post(struct loop *l, loop_fn fn, void *opaque)
{
    struct post *p = mem_alloc(sizeof(*p));
    p->fn = fn;
    p->opaque = opaque;
    os_mutex_lock(&l->lock);
    bool first = list_empty(&l->posts);
    list_push_back(&l->posts, &p->node);
    os_mutex_unlock(&l->lock);
    if (first) {
        wake(l);
    }
}

bool loop_on_thread(const struct loop *l)
{
    return pthread_equal(l->thread, pthread_self());
}

void loop_stop(struct loop *l)
{
    l->stop = true;
    wake(l);
}

struct loop_timer *loop_timer_create(struct loop *l, loop_fn fn, void *opaque)
{
    struct loop_timer *t = mem_alloc(sizeof(*t));
    t->loop = l;
    t->fn = fn;
    t->opaque = opaque;
    return t;
}

void loop_timer_cancel(struct loop_timer *t)
{
    if (list_linked(&t->node)) {
        list_remove(&t->node);
    }
}

void loop_timer_set(struct loop_timer *t, int64_t due_ns)
{
    loop_timer_cancel(t);
    t->due_ns = due_ns;
    struct list *timers = &t->loop->timers;
    list_for_each (n, timers) {
        if (list_entry(n, struct loop_timer, node)->due_ns > due_ns) {
            list_insert_before(n, &t->node);
            return;
        }
    }
    list_push_back(timers, &t->node);
}

void loop_timer_destroy(struct loop_timer *t)
{
    if (t) {
        loop_timer_cancel(t);
        mem_free(t);
    }
}

/* How long a turn may wait: no longer than the caller says, nor than to the first timer. */
static int wait_ms(struct loop *l, int timeout_ms)
{
    list_for_each (n, &l->watches) {
        struct loop_watch *w = list_entry(n, struct loop_watch, node);
        if (w->always_ready && w->events) {
            return 0;
        }
    }
    if (list_empty(&l->timers)) {
        return timeout_ms;
    }
    int64_t left = list_entry(list_first(&l->timers), struct loop_timer, node)->due_ns -
                   os_now_ns();
    int64_t ms = left <= 0 ? 0 : (left + 999999) / 1000000;
    if (timeout_ms >= 0 && timeout_ms < ms) {
        return timeout_ms;
    }
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* What is called for an epoll result: a hang-up is told to a reader too, whose read() then says the
 * same. */
static unsigned events_seen(uint32_t got, unsigned wanted)
{
    unsigned events = 0;
    if (got & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
        events |= LOOP_HANGUP;
    }
    if (got & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        events |= LOOP_READ & wanted;
    }
    if (got & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        events |= LOOP_WRITE & wanted;
    }
    return events;
}

static void run_watches(struct loop *l, int ms)
{
    enum {
        BATCH = 64
    };
    struct epoll_event ev[BATCH];
    int n = epoll_wait(l->epoll, ev, BATCH, ms);
    for (int i = 0; i < n; i++) {
        struct loop_watch *w = ev[i].data.ptr;
        if (!w) {
            uint64_t count;
            ssize_t got = read(l->wake, &count, sizeof(count));
            (void)got;
        } else if (!w->dead && w->events) {
            w->fn(w->opaque, events_seen(ev[i].events, w->events));
        }
    }
}

/* The watches of regular files, one call for each that stood in the list before. */
static void run_always_ready(struct loop *l)
{
    size_t n = 0, room = 8;
    struct loop_watch *some[8];
    list_for_each (node, &l->watches) {
        struct loop_watch *w = list_entry(node, struct loop_watch, node);
        if (w->always_ready && w->events && n < room) {
            some[n++] = w;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!some[i]->dead && some[i]->events) {
            some[i]->fn(some[i]->opaque, some[i]->events & (LOOP_READ | LOOP_WRITE));
        }
    }
}

static void run_timers(struct loop *l)
{
    if (list_empty(&l->timers)) {
        return;
    }
    int64_t now = os_now_ns();
    struct list_node *n;
    while ((n = list_first(&l->timers))) {
        struct loop_timer *t = list_entry(n, struct loop_timer, node);
        if (t->due_ns > now) {
            return;
        }
        list_remove(n);
        t->fn(t->opaque);
    }
}

void loop_run_posted(struct loop *l)
{
    struct list now;
    list_init(&now);
    os_mutex_lock(&l->lock);
    struct list_node *n;
    while ((n = list_pop_front(&l->posts))) {
        list_push_back(&now, n);
    }
    os_mutex_unlock(&l->lock);
    while ((n = list_pop_front(&now))) {
        struct post p = *list_entry(n, struct post, node);
        mem_free(list_entry(n, struct post, node));
        p.fn(p.opaque);
    }
}

void loop_turn(struct loop *l, int timeout_ms)
{
    run_watches(l, wait_ms(l, timeout_ms));
    run_always_ready(l);
    run_timers(l);
    loop_run_posted(l);
    free_dead(l);
}

void loop_run(struct loop *l)
{
    l->thread = pthread_self();
    while (!l->stop) {
        loop_turn(l, -1);
    }
    l->stop = false;
}
