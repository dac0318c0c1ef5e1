/* SPDX-License-Identifier: MIT */
/* Serving a node by NBD: the handshake, newstyle alone. */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "base/mem.h"
#include "block/nbd_server_client.h"

#define OPTION_MAX 65536u /* bytes of one */
#define OPTIONS_MAX 1000  /* of a client that cannot decide */

struct talk {
    int fd;
    const struct nbd_server_export *x;
    struct nbd_server_client_state *agreed;
    bool no_zeroes;
    uint32_t option;
    uint8_t *data;
    uint32_t bytes;
};

enum verdict {
    NEXT, /* another option */
    DONE, /* on to the transmission */
    GONE,
};

static bool reply(const struct talk *t, uint32_t type, const void *data, uint32_t n)
{
    uint8_t head[20];
    store_be64(head, NBD_OPTION_REPLY_MAGIC);
    store_be32(head + 8, t->option);
    store_be32(head + 12, type);
    store_be32(head + 16, n);
    return nbd_send(t->fd, head, sizeof(head), n > 0) == 0 && nbd_send(t->fd, data, n, false) == 0;
}

static enum verdict next_after(bool sent)
{
    return sent ? NEXT : GONE;
}

static enum verdict refuse(const struct talk *t, uint32_t why, const char *text)
{
    return next_after(reply(t, NBD_REP_ERROR | why, text, (uint32_t)strlen(text)));
}

static unsigned flags_of(const struct nbd_server_export *x)
{
    return NBD_HAS_FLAGS | NBD_SEND_FLUSH | NBD_SEND_FUA | NBD_SEND_CACHE |
           (x->read_only ? NBD_READ_ONLY : NBD_SEND_TRIM | NBD_SEND_WRITE_ZEROES) |
           (x->shared || x->read_only ? NBD_MULTI_CONN : 0);
}

/* ---- names */

static bool is_ours(const struct talk *t, const uint8_t *name, uint32_t n)
{
    return n == strlen(t->x->name) && memcmp(name, t->x->name, n) == 0;
}

/* A length and so many bytes. */
static bool take_name(struct cursor *c, const uint8_t **name, uint32_t *n)
{
    if (!cursor_be32(c, n) || *n > NBD_NAME_MAX || cursor_left(c) < *n) {
        return false;
    }
    *name = c->data + c->pos;
    return cursor_skip(c, *n);
}

/* ---- options */

static enum verdict export_name(const struct talk *t)
{
    uint8_t head[134] = {0};
    if (!is_ours(t, t->data, t->bytes)) {
        return GONE; /* this option has no way to say so */
    }
    store_be64(head, block_node_size(t->x->node));
    store_be16(head + 8, (uint16_t)flags_of(t->x));
    return nbd_send(t->fd, head, t->no_zeroes ? 10 : sizeof(head), false) == 0 ? DONE : GONE;
}

static enum verdict list(const struct talk *t)
{
    const char *about = t->x->description ? t->x->description : "";
    const uint32_t n = (uint32_t)strlen(t->x->name), k = (uint32_t)strlen(about);
    if (t->bytes) {
        return refuse(t, NBD_REP_INVALID, "a list has no name");
    }
    uint8_t *data = mem_alloc(4 + n + k);
    store_be32(data, n);
    memcpy(data + 4, t->x->name, n);
    memcpy(data + 4 + n, about, k);
    bool sent = reply(t, NBD_REP_SERVER, data, 4 + n + k) && reply(t, NBD_REP_ACK, NULL, 0);
    mem_free(data);
    return next_after(sent);
}

static bool reply_text(const struct talk *t, unsigned what, const char *text)
{
    const uint32_t n = (uint32_t)strlen(text);
    uint8_t *data = mem_alloc(n + 2);
    store_be16(data, (uint16_t)what);
    memcpy(data + 2, text, n);
    bool sent = reply(t, NBD_REP_INFO, data, n + 2);
    mem_free(data);
    return sent;
}

static bool reply_sizes(const struct talk *t)
{
    uint8_t data[14];
    store_be16(data, NBD_INFO_BLOCK_SIZE);
    store_be32(data + 2, 1);
    store_be32(data + 6, 4096);
    store_be32(data + 10, NBD_PAYLOAD_MAX);
    return reply(t, NBD_REP_INFO, data, sizeof(data));
}

static bool reply_asked(const struct talk *t, struct cursor *c, uint16_t count)
{
    bool sent = true;
    for (unsigned i = 0; i < count && sent; i++) {
        uint16_t what;
        if (!cursor_be16(c, &what)) {
            return false;
        }
        if (what == NBD_INFO_NAME) {
            sent = reply_text(t, what, t->x->name);
        } else if (what == NBD_INFO_DESCRIPTION && t->x->description) {
            sent = reply_text(t, what, t->x->description);
        }
    }
    return sent;
}

/* INFO, GO */
static enum verdict info(const struct talk *t)
{
    struct cursor c;
    const uint8_t *name;
    uint32_t n;
    uint16_t count;
    cursor_init(&c, t->data, t->bytes);
    if (!take_name(&c, &name, &n) || !cursor_be16(&c, &count) || cursor_left(&c) != count * 2u) {
        return refuse(t, NBD_REP_INVALID, "its parts do not fit");
    }
    if (!is_ours(t, name, n)) {
        return refuse(t, NBD_REP_UNKNOWN, "there is no such export");
    }
    uint8_t data[12];
    store_be16(data, NBD_INFO_EXPORT);
    store_be64(data + 2, block_node_size(t->x->node));
    store_be16(data + 10, (uint16_t)(flags_of(t->x) | (t->agreed->structured ? NBD_SEND_DF : 0)));
    if (!reply_asked(t, &c, count) || !reply_sizes(t) ||
        !reply(t, NBD_REP_INFO, data, sizeof(data)) || !reply(t, NBD_REP_ACK, NULL, 0)) {
        return GONE;
    }
    return t->option == NBD_OPT_GO ? DONE : NEXT;
}

static enum verdict structured(const struct talk *t)
{
    if (t->bytes) {
        return refuse(t, NBD_REP_INVALID, "it takes no data");
    }
    t->agreed->structured = true;
    return next_after(reply(t, NBD_REP_ACK, NULL, 0));
}

static const char context[] = "base:allocation";

static bool asks_for_it(const uint8_t *query, uint32_t n, bool list)
{
    const size_t k = sizeof(context) - 1;
    return (n == k && memcmp(query, context, k) == 0) ||
           (list && n == 5 && memcmp(query, "base:", 5) == 0);
}

/* LIST_META, SET_META */
static enum verdict meta(const struct talk *t)
{
    struct cursor c;
    const uint8_t *name, *query;
    uint32_t n, count;
    const bool lists = t->option == NBD_OPT_LIST_META;
    if (!lists) {
        t->agreed->allocation = false;
    }
    cursor_init(&c, t->data, t->bytes);
    if (!t->agreed->structured) {
        return refuse(t, NBD_REP_INVALID, "structured replies come first");
    }
    if (!take_name(&c, &name, &n) || !cursor_be32(&c, &count)) {
        return refuse(t, NBD_REP_INVALID, "its parts do not fit");
    }
    if (!is_ours(t, name, n)) {
        return refuse(t, NBD_REP_UNKNOWN, "there is no such export");
    }
    bool wanted = lists && count == 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!take_name(&c, &query, &n)) {
            return refuse(t, NBD_REP_INVALID, "its parts do not fit");
        }
        wanted = wanted || asks_for_it(query, n, lists);
    }
    if (cursor_left(&c)) {
        return refuse(t, NBD_REP_INVALID, "its parts do not fit");
    }
    uint8_t data[4 + sizeof(context) - 1];
    store_be32(data, lists ? 0 : NBD_SERVER_CONTEXT);
    memcpy(data + 4, context, sizeof(context) - 1);
    if (wanted && !reply(t, NBD_REP_META, data, sizeof(data))) {
        return GONE;
    }
    t->agreed->allocation = lists ? t->agreed->allocation : wanted;
    return next_after(reply(t, NBD_REP_ACK, NULL, 0));
}

static enum verdict one_option(const struct talk *t)
{
    switch (t->option) {
    case NBD_OPT_EXPORT_NAME:
        return export_name(t);
    case NBD_OPT_ABORT:
        reply(t, NBD_REP_ACK, NULL, 0);
        return GONE;
    case NBD_OPT_LIST:
        return list(t);
    case NBD_OPT_INFO:
    case NBD_OPT_GO:
        return info(t);
    case NBD_OPT_STRUCTURED_REPLY:
        return structured(t);
    case NBD_OPT_LIST_META:
    case NBD_OPT_SET_META:
        return meta(t);
    case NBD_OPT_STARTTLS:
        return refuse(t, NBD_REP_POLICY, "there is no TLS here");
    default:
        return refuse(t, NBD_REP_UNSUP, "");
    }
}

static enum verdict receive_option(struct talk *t)
{
    uint8_t head[16];
    if (nbd_receive(t->fd, head, sizeof(head)) < 0 || load_be64(head) != NBD_OPTION_MAGIC) {
        return GONE;
    }
    t->option = load_be32(head + 8);
    t->bytes = load_be32(head + 12);
    if (t->bytes > OPTION_MAX) {
        return GONE;
    }
    return nbd_receive(t->fd, t->data, t->bytes) < 0 ? GONE : one_option(t);
}

bool nbd_server_agree(int fd, const struct nbd_server_export *x,
                      struct nbd_server_client_state *agreed)
{
    uint8_t head[18], word[4];
    struct talk t = {.fd = fd, .x = x, .agreed = agreed};
    *agreed = (struct nbd_server_client_state){false, false};
    store_be64(head, NBD_MAGIC);
    store_be64(head + 8, NBD_OPTION_MAGIC);
    store_be16(head + 16, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
    if (nbd_send(fd, head, sizeof(head), false) < 0 || nbd_receive(fd, word, 4) < 0) {
        return false;
    }
    const uint32_t flags = load_be32(word);
    if (flags & ~(uint32_t)(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES)) {
        return false;
    }
    t.no_zeroes = flags & NBD_NO_ZEROES;
    t.data = mem_alloc(OPTION_MAX);
    enum verdict v = NEXT;
    for (unsigned i = 0; i < OPTIONS_MAX && v == NEXT; i++) {
        v = receive_option(&t);
    }
    mem_free(t.data);
    return v == DONE;
}
