/* SPDX-License-Identifier: MIT */
/*
 * The protocols http and https: images on web servers, to be read.
 *
 * What a request asks for is got with what stands behind it (readahead), and kept in one of a few
 * buffers, each with a connection of its own; the one that was used longest ago gets the next part.
 * A request for what is just coming waits for it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/drivers.h"
#include "block/http_curl.h"

#define SLOTS 8
#define READAHEAD_MAX (64u << 20)

struct slot {
    struct http_curl *curl; /* of whoever made it busy */
    uint8_t *bytes;
    size_t room;
    uint64_t offset, length; /* of the file; what it has, or, while busy, what is coming */
    uint64_t used;           /* when */
    unsigned readers;        /* are copying from it */
    bool busy;
};

struct http {
    char *url, *cookie, *username, *proxy_username;
    char *secrets[3];
    uint64_t readahead;
    uint32_t timeout_s;
    bool verify;

    struct http_curl_settings settings;
    bool ready;
    struct os_mutex lock; /* guards the slots, but for the bytes of busy ones */
    struct os_cond changed;
    struct slot slots[SLOTS];
    uint64_t clock;
};

#define O(name_, type_, member, initial_, help_)                                                   \
    {                                                                                              \
        name_, type_, offsetof(struct http, member), initial_, help_, NULL, false                  \
    }
static const struct block_option http_options[] = {
    O("url", BLOCK_OPT_TEXT, url, NULL, "of the file"),
    O("readahead", BLOCK_OPT_SIZE, readahead, "256K", "bytes that are got at once"),
    O("sslverify", BLOCK_OPT_BOOL, verify, "on", "the server's certificate is checked"),
    O("timeout", BLOCK_OPT_U32, timeout_s, "5", "seconds that a server may be silent"),
    O("cookie", BLOCK_OPT_TEXT, cookie, NULL, "cookies for the server, NAME=VALUE; ..."),
    O("username", BLOCK_OPT_TEXT, username, NULL, "for the server"),
    O("proxy-username", BLOCK_OPT_TEXT, proxy_username, NULL, "for the proxy"),
    O("password-secret", BLOCK_OPT_TEXT, secrets[0], NULL, "refused: there are no secrets here"),
    O("proxy-password-secret", BLOCK_OPT_TEXT, secrets[1], NULL, "refused, likewise"),
    O("cookie-secret", BLOCK_OPT_TEXT, secrets[2], NULL, "refused, likewise"),
    {0},
};
#undef O

/* ---- names */

static bool parse_as(const char *scheme, const char *rest, json_t *o, struct error *e)
{
    char *url = mem_printf("%s://%s", scheme, rest);
    json_t *text = json_string(url);
    mem_free(url);
    return text ? json_object_set_new(o, "url", text) == 0
                : error_set(e, "%s: a URL is not UTF-8 text", scheme);
}

static bool http_parse(const char *rest, json_t *o, struct error *e)
{
    return parse_as("http", rest, o, e);
}

static bool https_parse(const char *rest, json_t *o, struct error *e)
{
    return parse_as("https", rest, o, e);
}

/* ---- opening */

static bool check_options(const struct block_node *n, struct error *e)
{
    const struct http *d = n->state;
    const char *scheme = n->driver->name;
    for (size_t i = 0; i < array_len(d->secrets); i++) {
        if (d->secrets[i]) {
            return error_set(e,
                             "%s: passwords and cookies by -object secret are not in this build "
                             "(a URL may have USER:PASSWORD@, and cookie= is accepted)",
                             scheme);
        }
    }
    if (!d->url || strncmp(d->url, scheme, strlen(scheme)) != 0 ||
        strncmp(d->url + strlen(scheme), "://", 3) != 0) {
        return error_set(e, "%s: url=%s: %s://HOST/PATH is accepted", scheme, d->url ? d->url : "",
                         scheme);
    }
    if (d->readahead < BLOCK_SECTOR || d->readahead > READAHEAD_MAX ||
        !is_aligned(d->readahead, BLOCK_SECTOR)) {
        return error_set(e, "%s: readahead=: multiples of %u up to 64M are accepted", scheme,
                         BLOCK_SECTOR);
    }
    return (d->timeout_s >= 1 && d->timeout_s <= 10000) ||
           error_set(e, "%s: timeout=: 1 to 10000 seconds are accepted", scheme);
}

static bool find_size(struct block_node *n, struct error *e)
{
    struct http *d = n->state;
    uint64_t bytes;
    d->slots[0].curl = http_curl_open(&d->settings, e);
    if (!d->slots[0].curl || !http_curl_size(d->slots[0].curl, &bytes, e)) {
        error_prefix(e, "%s: ", d->url);
        return false;
    }
    if (bytes > INT64_MAX - BLOCK_SECTOR) {
        return error_set(e, "%s: a size of %" PRIu64 " bytes is too large", d->url, bytes);
    }
    n->size_bytes = bytes;
    return true;
}

static bool http_open(struct block_node *n, struct error *e)
{
    struct http *d = n->state;
    if (!check_options(n, e)) {
        return false;
    }
    n->file_name = mem_strdup(d->url);
    if (n->mode.write && !n->auto_read_only) {
        return error_set(e, "%s: a web server lets it be read only (readonly=on)", d->url);
    }
    n->mode.write = false;
    d->settings = (struct http_curl_settings){.url = d->url,
                                              .cookie = d->cookie,
                                              .username = d->username,
                                              .proxy_username = d->proxy_username,
                                              .timeout_s = d->timeout_s,
                                              .verify = d->verify};
    os_mutex_init(&d->lock);
    os_cond_init(&d->changed);
    d->ready = true;
    return find_size(n, e);
}

static void http_close(struct block_node *n)
{
    struct http *d = n->state;
    for (unsigned i = 0; i < SLOTS; i++) {
        http_curl_close(d->slots[i].curl);
        mem_free(d->slots[i].bytes);
    }
    if (d->ready) {
        os_cond_destroy(&d->changed);
        os_mutex_destroy(&d->lock);
    }
}

static bool http_reopen(struct block_node *n, bool write, struct error *e)
{
    return !write || error_set(e, "%s: a web server lets it be read only", block_node_file(n));
}

/* ---- reading: the lock is held */

/* The slot that has, or is getting, the byte. */
static struct slot *find_slot(struct http *d, uint64_t offset)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *s = &d->slots[i];
        if (offset >= s->offset && offset - s->offset < s->length) {
            return s;
        }
    }
    return NULL;
}

/* One that nobody uses, for the longest time; NULL: all are in use. */
static struct slot *idle_slot(struct http *d)
{
    struct slot *best = NULL;
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *s = &d->slots[i];
        if (!s->busy && !s->readers && (!best || s->used < best->used)) {
            best = s;
        }
    }
    return best;
}

/* Gets what s says is coming; without the lock. */
static bool fill(struct http *d, struct slot *s, struct error *e)
{
    if (s->room < s->length) {
        mem_free(s->bytes);
        s->bytes = mem_try_alloc((size_t)s->length);
        s->room = s->bytes ? (size_t)s->length : 0;
    }
    if (!s->bytes) {
        return error_set(e, "there is no memory for %" PRIu64 " bytes", s->length);
    }
    if (!s->curl && !(s->curl = http_curl_open(&d->settings, e))) {
        return false;
    }
    return http_curl_get(s->curl, s->offset, s->bytes, (size_t)s->length, e);
}

/* Makes s get the part that begins at offset. */
static int get_part(struct block_node *n, struct slot *s, uint64_t offset)
{
    struct http *d = n->state;
    struct error e;
    const uint64_t left = n->size_bytes - offset;
    s->busy = true;
    s->offset = offset;
    s->length = left < d->readahead ? left : d->readahead;
    os_mutex_unlock(&d->lock);
    bool good = fill(d, s, &e);
    os_mutex_lock(&d->lock);
    s->busy = false;
    s->length = good ? s->length : 0;
    os_cond_broadcast(&d->changed);
    return good ? 0 : -EIO;
}

/* The slot with the byte, when it is there; 0 or -errno. */
static int slot_with(struct block_node *n, uint64_t offset, struct slot **found)
{
    struct http *d = n->state;
    for (;;) {
        struct slot *s = find_slot(d, offset);
        if (s && !s->busy) {
            *found = s;
            return 0;
        }
        struct slot *idle = s ? NULL : idle_slot(d);
        if (!idle) {
            os_cond_wait(&d->changed, &d->lock);
            continue;
        }
        int status = get_part(n, idle, offset);
        if (status < 0) {
            return status;
        }
    }
}

static int http_read(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                     uint64_t bytes)
{
    struct http *d = n->state;
    int status = 0;
    os_mutex_lock(&d->lock);
    for (uint64_t done = 0; done < bytes && status == 0;) {
        struct slot *s;
        status = slot_with(n, offset + done, &s);
        if (status == 0) {
            const uint64_t skip = offset + done - s->offset, there = s->length - skip;
            const uint64_t some = there < bytes - done ? there : bytes - done;
            s->readers++;
            s->used = ++d->clock;
            os_mutex_unlock(&d->lock);
            block_iov_put(iov, count, done, s->bytes + skip, (size_t)some);
            os_mutex_lock(&d->lock);
            if (--s->readers == 0) {
                os_cond_broadcast(&d->changed);
            }
            done += some;
        }
    }
    os_mutex_unlock(&d->lock);
    return status;
}

static const char *const http_prefixes[] = {"http://", NULL};
static const char *const https_prefixes[] = {"https://", NULL};

#define HTTP_DRIVER(name_, parse, prefixes_)                                                       \
    {                                                                                              \
        .name = name_, .desc = "file of a web server, to be read", .kind = BLOCK_PROTOCOL,         \
        .state_bytes = sizeof(struct http), .options = http_options, .prefixes = prefixes_,        \
        .parse_name = parse, .open = http_open, .close = http_close, .reopen = http_reopen,        \
        .read = http_read                                                                          \
    }

const struct block_driver block_http_driver = HTTP_DRIVER("http", http_parse, http_prefixes);
const struct block_driver block_https_driver = HTTP_DRIVER("https", https_parse, https_prefixes);
