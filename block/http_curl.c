/* SPDX-License-Identifier: MIT */
/* Parts of a file from a web server (RFC 9110, section 14: range requests). */
#include "block/http_curl.h"

#include <ctype.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bits.h"
#include "base/mem.h"

#define REDIRECTIONS_MAX 10

struct library {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *init;
    __typeof__(curl_easy_setopt) *set;
    __typeof__(curl_easy_perform) *perform;
    __typeof__(curl_easy_getinfo) *get;
    __typeof__(curl_easy_strerror) *text;
    __typeof__(curl_easy_cleanup) *cleanup;
};

struct http_curl {
    struct library curl;
    CURL *easy;
    char why[CURL_ERROR_SIZE];
    /* of the request under way */
    uint8_t *bytes;
    size_t wanted, have;
    bool too_much;
    bool ranges; /* the server says that it has parts */
    bool part;   /* it says which part this is: */
    uint64_t part_begin;
};

/* ---- the library */

/* What a distribution calls it; it stays, so asking for it again costs little. */
static void *find_library(void)
{
    static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4"};
    void *found = NULL;
    for (size_t i = 0; i < array_len(names) && !found; i++) {
        found = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    return found;
}

static bool load(struct library *l)
{
    void *found = find_library();
    if (!found) {
        return false;
    }
    l->global_init = (__typeof__(curl_global_init) *)dlsym(found, "curl_global_init");
    l->init = (__typeof__(curl_easy_init) *)dlsym(found, "curl_easy_init");
    l->set = (__typeof__(curl_easy_setopt) *)dlsym(found, "curl_easy_setopt");
    l->perform = (__typeof__(curl_easy_perform) *)dlsym(found, "curl_easy_perform");
    l->get = (__typeof__(curl_easy_getinfo) *)dlsym(found, "curl_easy_getinfo");
    l->text = (__typeof__(curl_easy_strerror) *)dlsym(found, "curl_easy_strerror");
    l->cleanup = (__typeof__(curl_easy_cleanup) *)dlsym(found, "curl_easy_cleanup");
    return l->global_init && l->init && l->set && l->perform && l->get && l->text && l->cleanup;
}

/* ---- what comes */

static size_t on_body(char *data, size_t size, size_t count, void *opaque)
{
    struct http_curl *c = opaque;
    const size_t n = size * count;
    if (n > c->wanted - c->have) {
        c->too_much = true;
        return 0; /* ends the transfer */
    }
    memcpy(c->bytes + c->have, data, n);
    c->have += n;
    return n;
}

/* The value of a header of that name, in text that does not end with a 0. */
static bool header(const char *line, size_t n, const char *name, char *value, size_t room)
{
    const size_t k = strlen(name);
    if (n <= k || strncasecmp(line, name, k) != 0 || line[k] != ':') {
        return false;
    }
    size_t from = k + 1, to = n;
    while (from < to && isspace((unsigned char)line[from])) {
        from++;
    }
    while (to > from && isspace((unsigned char)line[to - 1])) {
        to--;
    }
    snprintf(value, room, "%.*s", (int)(to - from), line + from);
    return true;
}

static size_t on_header(char *line, size_t size, size_t count, void *opaque)
{
    struct http_curl *c = opaque;
    const size_t n = size * count;
    char value[64], *end;
    if (n >= 5 && strncmp(line, "HTTP/", 5) == 0) { /* that of another answer follows */
        c->ranges = c->part = false;
    }
    if (header(line, n, "accept-ranges", value, sizeof(value))) {
        c->ranges = strcasecmp(value, "bytes") == 0;
    }
    if (header(line, n, "content-range", value, sizeof(value)) &&
        strncasecmp(value, "bytes ", 6) == 0) {
        c->part_begin = strtoull(value + 6, &end, 10);
        c->part = *end == '-';
    }
    return n;
}

/* ---- connections */

static void settings(struct http_curl *c, const struct http_curl_settings *s)
{
    const struct library *l = &c->curl;
    l->set(c->easy, CURLOPT_NOSIGNAL, 1L);
    l->set(c->easy, CURLOPT_ERRORBUFFER, c->why);
    l->set(c->easy, CURLOPT_URL, s->url);
    l->set(c->easy, CURLOPT_FOLLOWLOCATION, 1L);
    l->set(c->easy, CURLOPT_MAXREDIRS, (long)REDIRECTIONS_MAX);
    l->set(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    l->set(c->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    l->set(c->easy, CURLOPT_SSL_VERIFYPEER, (long)s->verify);
    l->set(c->easy, CURLOPT_SSL_VERIFYHOST, s->verify ? 2L : 0L);
    l->set(c->easy, CURLOPT_CONNECTTIMEOUT, (long)s->timeout_s);
    l->set(c->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    l->set(c->easy, CURLOPT_LOW_SPEED_TIME, (long)s->timeout_s);
    l->set(c->easy, CURLOPT_COOKIE, s->cookie);
    l->set(c->easy, CURLOPT_USERNAME, s->username);
    l->set(c->easy, CURLOPT_PROXYUSERNAME, s->proxy_username);
    l->set(c->easy, CURLOPT_WRITEFUNCTION, on_body);
    l->set(c->easy, CURLOPT_WRITEDATA, c);
    l->set(c->easy, CURLOPT_HEADERFUNCTION, on_header);
    l->set(c->easy, CURLOPT_HEADERDATA, c);
}

struct http_curl *http_curl_open(const struct http_curl_settings *s, struct error *e)
{
    struct http_curl *c = mem_alloc(sizeof(*c));
    if (!load(&c->curl)) {
        error_set(e, "disks from web servers need libcurl, which is not on this host; on Debian: "
                     "sudo apt-get install libcurl3-gnutls");
        mem_free(c);
        return NULL;
    }
    if (c->curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        c->easy = c->curl.init();
    }
    if (!c->easy) {
        error_set(e, "libcurl cannot begin");
        mem_free(c);
        return NULL;
    }
    settings(c, s);
    return c;
}

void http_curl_close(struct http_curl *c)
{
    if (c) {
        c->curl.cleanup(c->easy);
        mem_free(c);
    }
}

/* ---- requests */

/* *status: the server's. */
static bool perform(struct http_curl *c, long *status, struct error *e)
{
    c->have = 0;
    c->too_much = c->ranges = c->part = false;
    c->why[0] = '\0';
    CURLcode code = c->curl.perform(c->easy);
    *status = 0;
    c->curl.get(c->easy, CURLINFO_RESPONSE_CODE, status);
    if (c->too_much) {
        return error_set(e, "the server sends more than was asked for (it answers with status %ld)",
                         *status);
    }
    return code == CURLE_OK || error_set(e, "%s", c->why[0] ? c->why : c->curl.text(code));
}

bool http_curl_size(struct http_curl *c, uint64_t *bytes, struct error *e)
{
    long status;
    curl_off_t length = -1;
    c->curl.set(c->easy, CURLOPT_NOBODY, 1L);
    c->curl.set(c->easy, CURLOPT_RANGE, NULL);
    c->wanted = 0;
    if (!perform(c, &status, e)) {
        return false;
    }
    c->curl.get(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (status != 200) {
        return error_set(e, "the server answers with status %ld", status);
    }
    if (length < 0) {
        return error_set(e, "the server does not say how large it is");
    }
    if (!c->ranges) {
        return error_set(e, "the server gives no parts of files (Accept-Ranges: bytes)");
    }
    *bytes = (uint64_t)length;
    return true;
}

bool http_curl_get(struct http_curl *c, uint64_t offset, void *bytes, size_t n, struct error *e)
{
    char range[48];
    long status;
    snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, offset, offset + n - 1);
    c->curl.set(c->easy, CURLOPT_HTTPGET, 1L);
    c->curl.set(c->easy, CURLOPT_RANGE, range);
    c->bytes = bytes;
    c->wanted = n;
    if (!perform(c, &status, e)) {
        return false;
    }
    if (status != 206 || (c->part && c->part_begin != offset) || c->have != n) {
        return error_set(e, "the server answers with status %ld, and %zu bytes in place of %zu",
                         status, c->have, n);
    }
    return true;
}
