/* SPDX-License-Identifier: MIT */
/*
 * The event loop as lower floors see it: file descriptors to watch and work to run on the loop's
 * thread. Implemented in system/loop.c; tests may run one of their own.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_watch;

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_HANGUP = 4
};

typedef void (*loop_fn)(void *opaque);
typedef void (*loop_fd_fn)(void *opaque, unsigned events);

/* Watches fd for events; fn runs on the loop's thread. The caller keeps fd open until loop_unwatch.
 * Loop thread only. */
struct loop_watch *loop_watch(struct loop *l, int fd, unsigned events, loop_fd_fn fn, void *opaque);
void loop_watch_events(struct loop_watch *w, unsigned events); /* 0 pauses */
void loop_unwatch(struct loop_watch *w);

void loop_post(struct loop *l, loop_fn fn,
               void *opaque);              /* runs fn once on the loop's thread; any thread */
bool loop_on_thread(const struct loop *l); /* the caller is the loop's thread */

#endif
