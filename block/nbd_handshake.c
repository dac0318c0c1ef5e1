/* SPDX-License-Identifier: MIT */
/*
 * Connecting to an NBD server: the socket, and what the two sides agree on. The server is not
 * trusted: what it sends is bounded before it is taken.
 */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/nbd_client.h"

#define REPLIES_MAX 1000 /* to one option */

/* ---- sockets */

static int connect_unix(const char *path, struct error *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a.sun_path)) {
        error_set(e, "%s: a path of a socket has at most %zu characters", path,
                  sizeof(a.sun_path) - 1);
        return -1;
    }
    memcpy(a.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        error_set(e, "%s: no connection: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

static int connect_tcp(const char *host, const char *port, struct error *e)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    const int why = getaddrinfo(host, port, &hints, &all);
    int fd = -1;
    error_set(e, "%s:%s: %s", host, port, why ? gai_strerror(why) : "it has no address");
    if (why) {
        return -1;
    }
    for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
            error_set(e, "%s:%s: no connection: %s", host, port, strerror(errno));
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(all);
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    return fd;
}

int nbd_connect(const struct nbd_address *a, struct error *e)
{
    return a->path ? connect_unix(a->path, e) : connect_tcp(a->host, a->port, e);
}

/* ---- options */

static bool lost(int status, struct error *e)
{
    return error_set(e, "the server ended the connection while it was made: %s", strerror(-status));
}

bool nbd_option_send(int fd, enum nbd_option option, const void *data, uint32_t n, struct error *e)
{
    uint8_t head[16];
    store_be64(head, NBD_OPTION_MAGIC);
    store_be32(head + 8, option);
    store_be32(head + 12, n);
    int status = nbd_send(fd, head, sizeof(head), n > 0);
    status = status < 0 ? status : nbd_send(fd, data, n, false);
    return status == 0 || lost(status, e);
}

bool nbd_option_receive(int fd, enum nbd_option option, struct nbd_option_reply_data *r,
                        struct error *e)
{
    uint8_t head[20];
    int status = nbd_receive(fd, head, sizeof(head));
    if (status < 0) {
        return lost(status, e);
    }
    if (load_be64(head) != NBD_OPTION_REPLY_MAGIC || load_be32(head + 8) != option) {
        return error_set(e, "the server's answer to option %u is none", option);
    }
    r->type = load_be32(head + 12);
    r->bytes = load_be32(head + 16);
    if (r->bytes > NBD_REPLY_MAX) {
        return error_set(e, "the server's answer to option %u has %" PRIu32 " bytes", option,
                         r->bytes);
    }
    status = nbd_receive(fd, r->data, r->bytes);
    r->data[r->bytes] = '\0';
    return status == 0 || lost(status, e);
}

static bool refused(const struct nbd_option_reply_data *r, const char *what, struct error *e)
{
    const uint32_t why = r->type & ~NBD_REP_ERROR;
    error_set(e, "the server refuses %s", what);
    if (why == NBD_REP_TLS) {
        error_append(e, ": it wants TLS, which this build has not");
    } else if (why == NBD_REP_UNKNOWN) {
        error_append(e, ": it has no such export");
    } else {
        error_append(e, " (error %" PRIu32 ")", why);
    }
    if (r->bytes) {
        error_append(e, ": %s", (const char *)r->data);
    }
    return false;
}

/* *taken: the server can do that. */
static bool ask_structured(int fd, struct nbd_option_reply_data *r, bool *taken, struct error *e)
{
    bool good = nbd_option_send(fd, NBD_OPT_STRUCTURED_REPLY, NULL, 0, e) &&
                nbd_option_receive(fd, NBD_OPT_STRUCTURED_REPLY, r, e);
    *taken = good && r->type == NBD_REP_ACK;
    if (good && r->type == (NBD_REP_ERROR | NBD_REP_TLS)) {
        return refused(r, "a connection", e);
    }
    return good;
}

static const char context[] = "base:allocation";

static bool ask_allocation(int fd, const char *name, struct nbd_export *x,
                           struct nbd_option_reply_data *r, struct error *e)
{
    const uint32_t n = (uint32_t)strlen(name), k = sizeof(context) - 1;
    uint8_t *data = mem_alloc(n + k + 12);
    store_be32(data, n);
    memcpy(data + 4, name, n);
    store_be32(data + 4 + n, 1);
    store_be32(data + 8 + n, k);
    memcpy(data + 12 + n, context, k);
    bool good = nbd_option_send(fd, NBD_OPT_SET_META, data, n + k + 12, e);
    mem_free(data);
    for (unsigned i = 0; good && i < REPLIES_MAX; i++) {
        good = nbd_option_receive(fd, NBD_OPT_SET_META, r, e);
        if (good && r->type == NBD_REP_META && r->bytes == 4 + k &&
            memcmp(r->data + 4, context, k) == 0) {
            x->allocation = true;
            x->allocation_id = load_be32(r->data);
        } else if (good && r->type != NBD_REP_META) {
            return true; /* done, or there is no such thing */
        }
    }
    return good && error_set(e, "the server does not come to an end");
}

static void take_info(struct nbd_export *x, const struct nbd_option_reply_data *r, bool *known)
{
    if (r->bytes < 2) {
        return;
    }
    const unsigned what = load_be16(r->data);
    if (what == NBD_INFO_EXPORT && r->bytes == 12) {
        x->size = load_be64(r->data + 2);
        x->flags = load_be16(r->data + 10);
        *known = true;
    } else if (what == NBD_INFO_BLOCK_SIZE && r->bytes == 14) {
        x->min_block = load_be32(r->data + 2);
        x->max_payload = load_be32(r->data + 10);
    }
}

/* *unsupported: it is an older server. */
static bool ask_go(int fd, const char *name, struct nbd_export *x, struct nbd_option_reply_data *r,
                   bool *unsupported, struct error *e)
{
    const uint32_t n = (uint32_t)strlen(name);
    uint8_t *data = mem_alloc(n + 8);
    bool known = false;
    store_be32(data, n);
    memcpy(data + 4, name, n);
    store_be16(data + 4 + n, 1);
    store_be16(data + 6 + n, NBD_INFO_BLOCK_SIZE);
    bool good = nbd_option_send(fd, NBD_OPT_GO, data, n + 8, e);
    mem_free(data);
    *unsupported = false;
    for (unsigned i = 0; good && i < REPLIES_MAX; i++) {
        good = nbd_option_receive(fd, NBD_OPT_GO, r, e);
        if (good && r->type == NBD_REP_INFO) {
            take_info(x, r, &known);
        } else if (good && r->type == NBD_REP_ACK) {
            return known || error_set(e, "the server does not say how large the export is");
        } else if (good) {
            *unsupported = r->type == (NBD_REP_ERROR | NBD_REP_UNSUP);
            char *what = mem_printf("the export '%s'", name);
            good = *unsupported || refused(r, what, e);
            mem_free(what);
            return good;
        }
    }
    return good && error_set(e, "the server does not come to an end");
}

/* The way of older servers: there is no answer but the export itself. */
static bool ask_export(int fd, const char *name, bool zeroes, struct nbd_export *x, struct error *e)
{
    uint8_t data[10];
    if (!nbd_option_send(fd, NBD_OPT_EXPORT_NAME, name, (uint32_t)strlen(name), e)) {
        return false;
    }
    int status = nbd_receive(fd, data, sizeof(data));
    status = status < 0 || !zeroes ? status : nbd_receive_away(fd, 124);
    if (status < 0) {
        return error_set(e, "the server refuses the export '%s'", name);
    }
    x->size = load_be64(data);
    x->flags = load_be16(data + 8);
    return true;
}

/* Behind the magic numbers: what both sides know. */
static bool exchange_flags(int fd, unsigned *flags, struct error *e)
{
    uint8_t word[4];
    int status = nbd_receive(fd, word, 2);
    if (status < 0) {
        return lost(status, e);
    }
    *flags = load_be16(word) & (NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
    store_be32(word, *flags);
    status = nbd_send(fd, word, 4, false);
    return status == 0 || lost(status, e);
}

static bool new_style(int fd, const char *name, struct nbd_export *x, struct error *e)
{
    unsigned flags;
    if (!exchange_flags(fd, &flags, e)) {
        return false;
    }
    struct nbd_option_reply_data r = {.data = mem_alloc(NBD_REPLY_MAX + 1)};
    bool old = !(flags & NBD_FIXED_NEWSTYLE), good = true;
    if (!old) {
        good = ask_structured(fd, &r, &x->structured, e) &&
               (!x->structured || ask_allocation(fd, name, x, &r, e)) &&
               ask_go(fd, name, x, &r, &old, e);
    }
    if (!good) { /* says that it is meant */
        struct error ignored;
        nbd_option_send(fd, NBD_OPT_ABORT, NULL, 0, &ignored);
    }
    mem_free(r.data);
    return good && (!old || ask_export(fd, name, !(flags & NBD_NO_ZEROES), x, e));
}

static bool old_style(int fd, const char *name, struct nbd_export *x, struct error *e)
{
    uint8_t data[136];
    if (*name) {
        return error_set(e, "the server has one export without a name, and no '%s'", name);
    }
    int status = nbd_receive(fd, data, sizeof(data));
    x->size = load_be64(data);
    x->flags = load_be32(data + 8) & 0xffff;
    return status == 0 || lost(status, e);
}

bool nbd_greet(int fd, struct error *e)
{
    uint8_t head[16];
    unsigned flags;
    int status = nbd_receive(fd, head, sizeof(head));
    if (status < 0) {
        return lost(status, e);
    }
    if (load_be64(head) != NBD_MAGIC || load_be64(head + 8) != NBD_OPTION_MAGIC) {
        return error_set(e, "there is no NBD server of the newstyle protocol");
    }
    return exchange_flags(fd, &flags, e) &&
           ((flags & NBD_FIXED_NEWSTYLE) || error_set(e, "the server cannot list its exports"));
}

bool nbd_negotiate(int fd, const char *name, struct nbd_export *x, struct error *e)
{
    uint8_t head[16];
    *x = (struct nbd_export){.min_block = 1, .max_payload = NBD_PAYLOAD_MAX};
    int status = nbd_receive(fd, head, sizeof(head));
    if (status < 0) {
        return lost(status, e);
    }
    if (load_be64(head) != NBD_MAGIC) {
        return error_set(e, "there is no NBD server");
    }
    bool good = load_be64(head + 8) == NBD_OPTION_MAGIC ? new_style(fd, name, x, e)
                : load_be64(head + 8) == NBD_OLD_MAGIC
                    ? old_style(fd, name, x, e)
                    : error_set(e, "the server speaks another protocol than NBD");
    if (!good) {
        return false;
    }
    if (x->size > INT64_MAX || !is_pow2(x->min_block) || x->min_block > 65536 ||
        x->max_payload < x->min_block) {
        return error_set(e,
                         "the server says what cannot be: %" PRIu64 " bytes in blocks of "
                         "%" PRIu32 " to %" PRIu32,
                         x->size, x->min_block, x->max_payload);
    }
    x->max_payload = x->max_payload < NBD_PAYLOAD_MAX ? x->max_payload : NBD_PAYLOAD_MAX;
    x->max_payload -= x->max_payload % x->min_block;
    return true;
}
