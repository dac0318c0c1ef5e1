/* SPDX-License-Identifier: MIT */
/*
 * Semihosting: calls whose result comes later, from a process or from gdb. The instruction is over;
 * vcpu.calling holds the vCPU, without interrupts, until the result is in its register.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel/work.h"
#include "base/mem.h"
#include "system/semihost_internal.h"

extern char **environ;

struct semihost_later *semihost_begin_later(struct call *k)
{
    struct semihost_later *l = &k->host->later[k->c->v->index];
    if (atomic_load(&l->used)) {
        return NULL;
    }
    l->op = k->c->op;
    l->finish = k->c->finish;
    l->buffer = 0;
    for (unsigned i = 0; i < 3; i++) {
        l->words[i] = k->words[i];
    }
    atomic_store(&l->used, true);
    atomic_store(&k->c->v->calling, true);
    vcpu_exit_soon(k->c->v);
    return l;
}

/* On the vCPU's thread: the record is free for its next call. A reset may have let it go before. */
static void finish(struct vcpu *v, const struct vcpu_work *w)
{
    struct semihost_later *l = (struct semihost_later *)(uintptr_t)w->args[0];
    if (atomic_load(&v->calling)) {
        l->finish(v, w->args[1]);
    }
    atomic_store(&l->used, false);
    atomic_store(&v->calling, false);
}

void semihost_finish_later(struct semihost_later *l, uint64_t result)
{
    const struct vcpu_work w = {.fn = finish, .args = {(uintptr_t)l, result}};
    struct vcpu *v = l->v;
    if (l->host->stopped) {
        return;
    }
    work_run_on(v, &w);
    vcpu_kick(v);
}

/* ---- SYS_SYSTEM: the result is the process's status as wait() gives it */

static void close_process(struct semihost_later *l)
{
    if (l->watch) {
        loop_unwatch(l->watch);
        l->watch = NULL;
    }
    if (l->process_fd >= 0) {
        close(l->process_fd);
    }
    l->process = l->process_fd = -1;
}

static void process_ended(void *opaque, unsigned events)
{
    struct semihost_later *l = opaque;
    int status = 0;
    (void)events;
    waitpid(l->process, &status, 0);
    close_process(l);
    semihost_finish_later(l, (uint64_t)status);
}

static void watch_process(void *opaque)
{
    struct semihost_later *l = opaque;
    if (l->process_fd >= 0) {
        l->watch = loop_watch(l->host->c.loop, l->process_fd, LOOP_READ, process_ended, l);
    }
}

/* The signals of this process are not the command's. */
static int start_process(const char *command, pid_t *process)
{
    char *const argv[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
    posix_spawnattr_t a;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&a);
    posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&a, &none);
    posix_spawnattr_setsigdefault(&a, &all);
    const int error = posix_spawn(process, "/bin/sh", NULL, &a, argv, environ);
    posix_spawnattr_destroy(&a);
    return error;
}

/* Of a process that its parent has not waited for, so the number is its own. -1: errno. */
static int open_process(pid_t process)
{
    return (int)syscall(SYS_pidfd_open, process, 0);
}

static void end_process(pid_t process)
{
    kill(process, SIGKILL);
    waitpid(process, NULL, 0);
}

enum semihost_end semihost_system(struct call *k)
{
    char command[SEMIHOST_NAME];
    pid_t process;
    if (!semihost_words(k, 2) || !semihost_text(k, k->words[0], k->words[1], command)) {
        return SEMIHOST_DONE;
    }
    if (!k->host->c.loop || atomic_load(&k->host->later[k->c->v->index].used)) {
        return semihost_fail(k, EAGAIN);
    }
    const int error = start_process(command, &process);
    if (error) {
        return semihost_fail(k, error);
    }
    const int fd = open_process(process);
    if (fd < 0) {
        end_process(process);
        return semihost_fail(k, ENOSYS);
    }
    struct semihost_later *l = semihost_begin_later(k);
    l->process = process;
    l->process_fd = fd;
    loop_post(k->host->c.loop, watch_process, l);
    return SEMIHOST_LATER;
}

/* ---- life */

void semihost_later_begin(struct semihost_host *h)
{
    h->later = mem_array(h->c.vcpu_count, sizeof(*h->later));
    for (unsigned i = 0; i < h->c.vcpu_count; i++) {
        h->later[i].host = h;
        h->later[i].v = h->c.vcpus[i];
        h->later[i].process = h->later[i].process_fd = -1;
    }
}

void semihost_later_end(struct semihost_host *h)
{
    for (unsigned i = 0; i < h->c.vcpu_count; i++) {
        struct semihost_later *l = &h->later[i];
        if (l->process > 0) {
            end_process(l->process);
        }
        close_process(l);
    }
    mem_free(h->later);
}
