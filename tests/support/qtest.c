/* SPDX-License-Identifier: MIT */
/* The other emulator by its qtest protocol: see qtest.h. */
#include "tests/support/qtest.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    OPTIONS_MOST = 40,
    ANSWER_S = 60
};

struct qtest {
    pid_t pid;
    FILE *in, *out; /* of the protocol */
    int monitor;
    char *picture; /* path */
};

static void fail(const char *what)
{
    fprintf(stderr, "the other emulator: %s\n", what);
    exit(2);
}

/* ---- the protocol */

/* Sends a line; the answer without "OK", until the next call. */
static const char *ask(struct qtest *q, const char *line)
{
    static char *answer;
    static size_t room;
    fputs(line, q->out);
    fputc('\n', q->out);
    fflush(q->out);
    do {
        if (getline(&answer, &room, q->in) <= 0) {
            fail("has ended");
        }
    } while (strncmp(answer, "IRQ", 3) == 0);
    if (strncmp(answer, "OK", 2) != 0) {
        fail(answer);
    }
    return answer + 2;
}

static char suffix(unsigned size)
{
    return size == 1 ? 'b' : size == 2 ? 'w' : 'l';
}

void qtest_out(struct qtest *q, unsigned port, unsigned size, uint32_t value)
{
    char line[64];
    snprintf(line, sizeof(line), "out%c 0x%x 0x%x", suffix(size), port, value);
    ask(q, line);
}

uint32_t qtest_in(struct qtest *q, unsigned port, unsigned size)
{
    char line[64];
    snprintf(line, sizeof(line), "in%c 0x%x", suffix(size), port);
    return (uint32_t)strtoul(ask(q, line), NULL, 16);
}

void qtest_store(struct qtest *q, uint64_t a, unsigned size, uint32_t value)
{
    char line[64];
    snprintf(line, sizeof(line), "write%c 0x%llx 0x%x", suffix(size), (unsigned long long)a, value);
    ask(q, line);
}

uint32_t qtest_load(struct qtest *q, uint64_t a, unsigned size)
{
    char line[64];
    snprintf(line, sizeof(line), "read%c 0x%llx", suffix(size), (unsigned long long)a);
    return (uint32_t)strtoul(ask(q, line), NULL, 16);
}

void qtest_write(struct qtest *q, uint64_t a, const uint8_t *bytes, size_t n)
{
    char *line = mem_alloc(2 * n + 80);
    int at = sprintf(line, "write 0x%llx 0x%zx 0x", (unsigned long long)a, n);
    for (size_t i = 0; i < n; i++) {
        at += sprintf(line + at, "%02x", bytes[i]);
    }
    ask(q, line);
    mem_free(line);
}

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void qtest_read(struct qtest *q, uint64_t a, uint8_t *bytes, size_t n)
{
    char line[80];
    snprintf(line, sizeof(line), "read 0x%llx 0x%zx", (unsigned long long)a, n);
    const char *text = strstr(ask(q, line), "0x") + 2;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    }
}

/* ---- pictures */

/* Until the monitor asks for the next command. */
static void monitor_wait(struct qtest *q)
{
    static const char prompt[] = "(qemu) ";
    char text[1 << 12];
    size_t n = 0;
    while (n < sizeof(prompt) - 1 ||
           memcmp(text + n - (sizeof(prompt) - 1), prompt, sizeof(prompt) - 1) != 0) {
        if (n > sizeof(text) / 2) {
            memmove(text, text + n - 64, 64);
            n = 64;
        }
        const ssize_t got = read(q->monitor, text + n, sizeof(text) - n);
        if (got <= 0) {
            fail("its monitor says nothing");
        }
        n += (size_t)got;
    }
}

static uint8_t *read_picture(const char *path, unsigned *width, unsigned *height)
{
    FILE *f = fopen(path, "rb");
    uint8_t *pixels = NULL;
    if (f && fscanf(f, "P6 %u %u 255", width, height) == 2 && fgetc(f) == '\n') {
        const size_t n = 3 * (size_t)*width * *height;
        pixels = mem_alloc(n);
        if (fread(pixels, 1, n, f) != n) {
            mem_free(pixels);
            pixels = NULL;
        }
    }
    if (f) {
        fclose(f);
    }
    return pixels;
}

uint8_t *qtest_picture(struct qtest *q, const char *id, unsigned *width, unsigned *height)
{
    char *line = mem_printf("screendump %s %s\n", q->picture, id ? id : "");
    unlink(q->picture);
    if (write(q->monitor, line, strlen(line)) < 0) {
        fail("takes no commands");
    }
    mem_free(line);
    monitor_wait(q);
    return read_picture(q->picture, width, height);
}

/* ---- life */

static void start(const char *path, const char *const *options, const int peer[2])
{
    char chardev[2][64];
    const char *args[OPTIONS_MOST] = {path,        "-display", "none",      "-nodefaults",
                                      "-S",        "-qtest",   "chardev:q", "-qtest-log",
                                      "/dev/null", "-mon",     "m",         "-chardev",
                                      chardev[0],  "-chardev", chardev[1]};
    unsigned n = 15;
    snprintf(chardev[0], sizeof(chardev[0]), "socket,id=q,fd=%d", peer[0]);
    snprintf(chardev[1], sizeof(chardev[1]), "socket,id=m,fd=%d", peer[1]);
    for (; *options && n < OPTIONS_MOST - 1; options++) {
        args[n++] = *options;
    }
    execv(path, (char *const *)(uintptr_t)args);
    _exit(127);
}

struct qtest *qtest_open(const char *arch, const char *const *options)
{
    const char *cache = getenv("DRAGOMAN_CACHE"), *build = getenv("BUILD");
    char *path = mem_printf("%s%s/qemu10/bin/qemu-system-%s",
                            cache   ? cache
                            : build ? build
                                    : "build",
                            cache ? "" : "/cache", arch);
    int wire[2], monitor[2];
    if (access(path, X_OK) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, wire) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, monitor) != 0) {
        mem_free(path);
        return NULL;
    }
    struct qtest *q = mem_alloc(sizeof(*q));
    q->pid = fork();
    if (q->pid == 0) {
        close(wire[0]);
        close(monitor[0]);
        start(path, options, (const int[]){wire[1], monitor[1]});
    }
    close(wire[1]);
    close(monitor[1]);
    const struct timeval most = {ANSWER_S, 0};
    setsockopt(wire[0], SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    setsockopt(monitor[0], SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    q->in = fdopen(wire[0], "r");
    q->out = fdopen(dup(wire[0]), "w");
    q->monitor = monitor[0];
    q->picture = mem_printf("/tmp/dragoman-picture-%d", (int)getpid());
    monitor_wait(q);
    mem_free(path);
    return q;
}

void qtest_close(struct qtest *q)
{
    kill(q->pid, SIGKILL);
    waitpid(q->pid, NULL, 0);
    fclose(q->in);
    fclose(q->out);
    close(q->monitor);
    unlink(q->picture);
    mem_free(q->picture);
    mem_free(q);
}
