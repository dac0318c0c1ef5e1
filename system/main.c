/* SPDX-License-Identifier: MIT */
/* The program: command line, machine, loop, exit status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "system/loop.h"
#include "system/say.h"
#include "system/signals.h"
#include "system/version.h"
#include "system/vm.h"

/* Where signals go until there is a machine to end, and then. */
struct program {
    struct config config;
    struct loop *loop;
    struct vm *vm;
    int ready; /* -daemonize: the pipe that tells the parent that the machine stands, or -1 */
};

static int fail(const struct error *e)
{
    say("%s", e->text);
    return 1;
}

static void on_signal(void *opaque, int sig, int sender)
{
    struct program *p = opaque;
    if (!p->vm) {
        exit(128 + sig); /* still waiting for a peer */
    }
    vm_signal(p->vm, sig, sender);
}

static bool start_log(const struct config *c, struct error *e)
{
    unsigned mask = 0;
    struct log_filter filter;
    if (c->log_file && !log_open(c->log_file, e)) {
        error_prefix(e, "-D %s: ", c->log_file);
        return false;
    }
    if (c->log_filter && log_filter_parse(c->log_filter, &filter, e)) {
        log_filter_set(&filter);
    }
    if (c->log_items && log_parse(c->log_items, &mask, e)) {
        log_set_mask(mask);
    }
    return true;
}

static bool write_pidfile(const char *path, struct error *e)
{
    if (!path) {
        return true;
    }
    FILE *f = fopen(path, "w");
    bool ok = f && fprintf(f, "%d\n", (int)getpid()) > 0;
    if (f && fclose(f) != 0) {
        ok = false;
    }
    return ok || error_set(e, "-pidfile %s: %s", path, strerror(errno));
}

/*
 * -daemonize: the parent waits until the child says that the machine stands, or dies, and ends with
 * that result. Before any thread is started, since a fork takes only one along.
 */
static void go_background(struct program *p)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return;
    }
    pid_t child = fork();
    if (child > 0) {
        char byte;
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
    }
    close(ends[0]);
    setsid();
    p->ready = ends[1];
}

static void tell_parent(struct program *p)
{
    if (p->ready < 0) {
        return;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; fd++) {
        dup2(null, fd);
    }
    ssize_t n = write(p->ready, "", 1);
    (void)n;
    close(p->ready);
}

/* Runs the machine that stands; the log and the pid file are the first things that are written. */
static int run_machine(struct program *p, struct vm *vm)
{
    struct error e;
    if (!start_log(&p->config, &e) || !write_pidfile(p->config.pidfile, &e)) {
        return fail(&e);
    }
    tell_parent(p);
    p->vm = vm;
    int status = vm_run(vm);
    p->vm = NULL;
    if (p->config.pidfile) {
        unlink(p->config.pidfile);
    }
    return status;
}

static int run(struct program *p)
{
    struct error e;
    bool done = false;
    struct vm *vm = vm_create(&p->config, p->loop, &done, &e);
    if (!vm) {
        return fail(&e);
    }
    int status = done ? 0 : run_machine(p, vm);
    vm_destroy(vm);
    return status;
}

/* Reads the command line; true if there is a machine to run, else *status is the process's. */
static bool command_line(struct program *p, int argc, char **argv, int *status)
{
    struct error e;
    struct config *c = &p->config;
    *status = 0;
    bool ok = options_parse(c, argc, argv, &e);
    if (ok && c->version) {
        char *text = version_text();
        puts(text);
        mem_free(text);
        return false;
    }
    ok = ok && options_check(c, &e);
    if (c->help) {
        fputs(c->help, stdout);
        return false;
    }
    if (!ok) {
        *status = fail(&e);
    }
    return ok;
}

/* What is opened later must not become standard input or output. They stay unusable: system/
 * stream_stdio.c says so to who asks for them. */
static void fill_closed_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) {
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    struct program p = {.ready = -1};
    int status;
    fill_closed_descriptors();
    signal(SIGPIPE, SIG_IGN);
    if (command_line(&p, argc, argv, &status)) {
        if (p.config.daemonize) {
            go_background(&p);
        }
        p.loop = loop_create();
        signals_watch(p.loop, on_signal, &p);
        status = run(&p);
        signals_unwatch();
        loop_destroy(p.loop);
        log_close();
    }
    config_free(&p.config);
    return status;
}
