/* SPDX-License-Identifier: MIT */
/*
 * Signals that end the machine in order: the handler only records and wakes the loop: see
 * signals.h. A second signal while the first is being served means that the orderly way does not
 * work: the terminal is given back and the process dies of it.
 */
#include "system/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "system/terminal.h"

static struct {
    int wake; /* eventfd */
    struct loop_watch *watch;
    _Atomic int sig, sender;
    void (*fn)(void *opaque, int sig, int sender);
    void *opaque;
} signals = {.wake = -1};

static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

static void arrived(int sig, siginfo_t *info, void *context)
{
    (void)context;
    if (signals.sig) {
        terminal_restore();
        signal(sig, SIG_DFL);
        raise(sig);
        return;
    }
    signals.sender = info->si_code == SI_USER ? info->si_pid : 0;
    signals.sig = sig;
    uint64_t one = 1;
    ssize_t n = write(signals.wake, &one, sizeof(one));
    (void)n;
}

static void deliver(void *opaque, unsigned events)
{
    uint64_t count;
    (void)opaque;
    (void)events;
    if (read(signals.wake, &count, sizeof(count)) > 0) {
        signals.fn(signals.opaque, signals.sig, signals.sender);
    }
}

void signals_watch(struct loop *l, void (*fn)(void *opaque, int sig, int sender), void *opaque)
{
    signals.fn = fn;
    signals.opaque = opaque;
    signals.sig = 0;
    signals.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    signals.watch = loop_watch(l, signals.wake, LOOP_READ, deliver, NULL);
    struct sigaction sa = {.sa_sigaction = arrived,
                           .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct sigaction old;
        sigaction(ends[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) { /* nohup, or a background job of a shell script */
            sigaction(ends[i], &sa, NULL);
        }
    }
}

void signals_unwatch(void)
{
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        signal(ends[i], SIG_DFL);
    }
    loop_unwatch(signals.watch);
    close(signals.wake);
    signals.wake = -1;
}
