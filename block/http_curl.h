/* SPDX-License-Identifier: MIT */
/*
 * Getting parts of a file from a web server by libcurl, which is loaded when it is first asked for:
 * with what it needs it is several times as large as the program.
 */
#ifndef BLOCK_HTTP_CURL_H
#define BLOCK_HTTP_CURL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct http_curl;

struct http_curl_settings {
    const char *url;
    const char *cookie, *username, *proxy_username; /* may be NULL */
    uint32_t timeout_s; /* that a server may take to be reached, and may be silent */
    bool verify;        /* its certificate */
};

/* A connection of one thread at a time. NULL with an error. */
struct http_curl *http_curl_open(const struct http_curl_settings *s, struct error *e);
void http_curl_close(struct http_curl *c); /* NULL is allowed */
/* How large the file is, and that parts of it can be had. */
bool http_curl_size(struct http_curl *c, uint64_t *bytes, struct error *e);
/* [offset, offset + n) of a file of size bytes. False: e says why not. */
bool http_curl_get(struct http_curl *c, uint64_t offset, void *bytes, size_t n, struct error *e);

#endif
