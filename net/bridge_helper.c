/* SPDX-License-Identifier: MIT */
/*
 * Interfaces that a privileged helper program makes (qemu-bridge-helper and such): it is given the
 * name of a bridge and one end of a socket, puts a new tap interface into the bridge, and sends the
 * interface's descriptor over the socket with one byte. It is called as
 * HELPER --use-vnet --br=BRIDGE --fd=NUMBER.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "net/net_internal.h"

extern char **environ;

/* Where packages have it. */
static const char *const places[] = {
    "/usr/lib/qemu/qemu-bridge-helper",
    "/usr/libexec/qemu-bridge-helper",
    "/usr/local/libexec/qemu-bridge-helper",
    "/usr/local/lib/qemu/qemu-bridge-helper",
};

static const char *find(struct error *e)
{
    for (size_t i = 0; i < array_len(places); i++) {
        if (access(places[i], X_OK) == 0) {
            return places[i];
        }
    }
    error_set(e, "there is no qemu-bridge-helper; looked for as");
    for (size_t i = 0; i < array_len(places); i++) {
        error_append(e, "%s %s", i ? "," : "", places[i]);
    }
    error_append(e, " (helper=PATH names another)");
    return NULL;
}

/* ---- running it */

static bool has_spaces(const char *helper)
{
    return strpbrk(helper, " \t") != NULL;
}

/* A helper with spaces in it is a command of the shell's, which may say bridge and descriptor. */
static char *shell_line(const char *helper, const char *bridge, int fd)
{
    char number[20];
    snprintf(number, sizeof(number), " --fd=%d", fd);
    const bool says_bridge = strstr(helper, "--br=") != NULL, says_fd = strstr(helper, "--fd=");
    return mem_printf("%s --use-vnet%s%s%s", helper,
                      says_bridge ? "" : " --br=", says_bridge ? "" : bridge,
                      says_fd ? "" : number);
}

static int spawn(const char *helper, const char *bridge, int fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    const bool shell = has_spaces(helper);
    char *line = shell ? shell_line(helper, bridge, fd) : mem_printf("--br=%s", bridge);
    char *number = mem_printf("--fd=%d", fd), sh[] = "/bin/sh", c[] = "-c", vnet[] = "--use-vnet";
    char *const by_shell[] = {sh, c, line, NULL};
    char *const by_itself[] = {(char *)(uintptr_t)helper, vnet, line, number, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, fd); /* it stays open there */
    int r = posix_spawn(pid, shell ? sh : helper, &actions, NULL, shell ? by_shell : by_itself,
                        environ);
    posix_spawn_file_actions_destroy(&actions);
    mem_free(line);
    mem_free(number);
    return r;
}

/* ---- what it sends */

static int receive(int from)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    ssize_t got;
    int fd = -1;
    do {
        got = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    const struct cmsghdr *h = got > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
        h->cmsg_len == CMSG_LEN(sizeof(fd))) {
        memcpy(&fd, CMSG_DATA(h), sizeof(fd));
    }
    return fd;
}

int net_bridge_helper(const char *helper, const char *bridge, struct error *e)
{
    int ends[2], status = 0;
    pid_t pid;
    helper = helper ? helper : find(e);
    if (!helper) {
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        error_set(e, "no socket to be had from the host: %s", strerror(errno));
        return -1;
    }
    const int r = spawn(helper, bridge, ends[1], &pid);
    close(ends[1]);
    const int fd = r == 0 ? receive(ends[0]) : -1;
    close(ends[0]);
    if (r) {
        error_set(e, "helper=%s: %s", helper, strerror(r));
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (fd < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
        error_set(e, "helper=%s: it gave no interface in the bridge %s", helper, bridge);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}
