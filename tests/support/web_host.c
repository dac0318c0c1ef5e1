/* SPDX-License-Identifier: MIT */
/* A web server in a test: one connection at a time, one request on each. */
#include "tests/support/web_host.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomic.h"

static void put(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t done = send(fd, at, n, MSG_NOSIGNAL);
        if (done <= 0) {
            return;
        }
        at += done;
        n -= (size_t)done;
    }
}

static void put_text(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

static void head(const struct web_host *h, int fd)
{
    char text[200];
    const size_t size = h->lie == WEB_HUGE ? (size_t)INT64_MAX : h->size;
    snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nConnection: close\r\n",
             h->lie == WEB_NOT_THERE ? "404 Not Found" : "200 OK");
    put_text(fd, text);
    if (h->lie != WEB_NO_RANGES) {
        put_text(fd, "Accept-Ranges: bytes\r\n");
    }
    if (h->lie != WEB_NO_LENGTH) {
        snprintf(text, sizeof(text), "Content-Length: %zu\r\n", size);
        put_text(fd, text);
    }
    put_text(fd, "\r\n");
}

static void part(const struct web_host *h, int fd, size_t from, size_t to)
{
    char text[300];
    const size_t n = to - from + 1;
    const size_t said = h->lie == WEB_SHORT ? n - 1 : h->lie == WEB_TOO_LONG ? n + 1 : n;
    snprintf(text, sizeof(text),
             "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n"
             "Content-Range: bytes %zu-%zu/%zu\r\n\r\n",
             h->lie == WEB_FAILS ? "500 Oops" : "206 Partial Content", said,
             from + (h->lie == WEB_OTHER_PART), to, h->size);
    put_text(fd, text);
    put(fd, h->file + from, h->lie == WEB_BREAKS_OFF ? n / 2 : said <= n ? said : n);
    if (h->lie == WEB_TOO_LONG) {
        put_text(fd, "x");
    }
}

static void whole(const struct web_host *h, int fd)
{
    char text[200];
    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", h->size);
    put_text(fd, text);
    put(fd, h->file, h->size);
}

static void redirect(const struct web_host *h, int fd)
{
    char text[300];
    snprintf(text, sizeof(text),
             "HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n",
             h->lie == WEB_LOCAL_FILE   ? "file:///etc/passwd"
             : h->lie == WEB_IN_CIRCLES ? "/"
                                        : h->moved);
    put_text(fd, text);
}

static void answer(struct web_host *h, int fd, const char *request)
{
    const char *range = strstr(request, "\r\nRange: bytes="),
               *cookie = strstr(request, "\r\nCookie: ");
    size_t from, to;
    if (cookie) {
        snprintf(h->cookie, sizeof(h->cookie), "%.*s", (int)strcspn(cookie + 10, "\r"),
                 cookie + 10);
    }
    if (h->lie == WEB_NOISE) {
        put_text(fd, "220 mail.example.org ESMTP\r\n");
    } else if (h->lie == WEB_LOCAL_FILE || h->lie == WEB_IN_CIRCLES ||
               (h->moved && !strstr(request, h->moved))) {
        redirect(h, fd);
    } else if (strncmp(request, "HEAD ", 5) == 0) {
        head(h, fd);
    } else if (range && h->lie != WEB_WHOLE_FILE &&
               sscanf(range, "\r\nRange: bytes=%zu-%zu", &from, &to) == 2 && to < h->size) {
        atomic_add(&h->requests, 1);
        part(h, fd, from, to);
    } else {
        whole(h, fd);
    }
}

static void host(void *arg)
{
    struct web_host *h = arg;
    int fd;
    while ((fd = accept(h->listener, NULL, NULL)) >= 0) {
        char request[4096];
        size_t have = 0;
        ssize_t n = 1;
        request[0] = '\0';
        while (!strstr(request, "\r\n\r\n") && have < sizeof(request) - 1 &&
               (n = recv(fd, request + have, sizeof(request) - 1 - have, 0)) > 0) {
            have += (size_t)n;
            request[have] = '\0';
        }
        if (n > 0) {
            answer(h, fd, request);
        }
        shutdown(fd, SHUT_WR);
        while (recv(fd, request, sizeof(request), 0) >
               0) { /* the client takes all before it goes */
        }
        close(fd);
    }
}

void web_host_start(struct web_host *h)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    struct error e;
    h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(h->listener, (struct sockaddr *)&a, n) < 0 || listen(h->listener, 16) < 0 ||
        getsockname(h->listener, (struct sockaddr *)&a, &n) < 0 ||
        !os_thread_start(&h->thread, "web", host, h, &e)) {
        perror("web server of the test");
        exit(2);
    }
    h->port = ntohs(a.sin_port);
}

void web_host_stop(struct web_host *h)
{
    shutdown(h->listener, SHUT_RDWR);
    os_thread_join(&h->thread);
    close(h->listener);
}
