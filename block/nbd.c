/* SPDX-License-Identifier: MIT */
/*
 * The protocol NBD: disks that a server has, over TCP or a unix socket. Names, options, and the
 * driver; the connection is in nbd_handshake.c and nbd_requests.c. Without TLS.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/drivers.h"
#include "block/nbd_client.h"

struct nbd {
    struct nbd_link link;
    bool ready; /* link is */
    /* options */
    json_t *server;
    char *path, *host, *port, *export;
    char *tls_creds, *tls_hostname, *dirty_bitmap;
    uint32_t reconnect_delay_s, open_timeout_s;
    struct os_mutex edges; /* of writes to parts of blocks */
};

#define O(name_, type_, member, help_)                                                             \
    {                                                                                              \
        name_, type_, offsetof(struct nbd, member), NULL, help_, NULL, false                       \
    }
static const struct block_option nbd_options[] = {
    O("server", BLOCK_OPT_TREE, server,
      "server.type=unix,server.path=FILE, or server.type=inet,server.host=,server.port="),
    O("path", BLOCK_OPT_TEXT, path, "unix socket (server.path)"),
    O("host", BLOCK_OPT_TEXT, host, "of TCP (server.host)"),
    O("port", BLOCK_OPT_TEXT, port, "of TCP, " NBD_PORT " (server.port)"),
    O("export", BLOCK_OPT_TEXT, export, "name of what the server exports; none if not given"),
    O("reconnect-delay", BLOCK_OPT_U32, reconnect_delay_s,
      "seconds that requests wait for a lost connection; then they fail"),
    O("open-timeout", BLOCK_OPT_U32, open_timeout_s, "seconds to try to reach the server"),
    O("tls-creds", BLOCK_OPT_TEXT, tls_creds, "refused: there is no TLS"),
    O("tls-hostname", BLOCK_OPT_TEXT, tls_hostname, "refused: there is no TLS"),
    O("x-dirty-bitmap", BLOCK_OPT_TEXT, dirty_bitmap, "refused"),
    {0},
};
#undef O

/* ---- names */

static bool bad_name(struct error *e)
{
    return error_set(e, "nbd: nbd:unix:PATH[:exportname=NAME], nbd:HOST:PORT[:exportname=NAME], "
                        "nbd://HOST[:PORT]/[NAME] and nbd+unix:///[NAME]?socket=PATH are accepted");
}

static void put(json_t *o, const char *key, char *value)
{
    json_t *text = json_string(value);
    json_object_set_new(o, key, text ? text : json_string(""));
    mem_free(value);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* n characters with their %XX as what they stand for; mem_free. */
static char *decoded(const char *text, size_t n)
{
    char *out = mem_alloc(n + 1), *at = out;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '%' && i + 2 < n && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
            *at++ = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
            i += 2;
        } else {
            *at++ = text[i];
        }
    }
    return out;
}

/* HOST, HOST:PORT, [HOST6], [HOST6]:PORT of n characters, into the object. */
static bool put_host(json_t *o, const char *text, size_t n, struct error *e)
{
    const char *end = text + n;
    const char *close = n && *text == '[' ? memchr(text, ']', n) : NULL;
    const char *colon = memchr(close ? close : text, ':', (size_t)(end - (close ? close : text)));
    const char *host_end = close ? close : colon ? colon : end;
    const bool open = n && *text == '[' && !close;
    text += close != NULL;
    if (open || host_end == text || (close && close + 1 != end && close + 1 != colon) ||
        (colon && colon + 1 == end)) {
        return bad_name(e);
    }
    put(o, "host", decoded(text, (size_t)(host_end - text)));
    put(o, "port", colon ? decoded(colon + 1, (size_t)(end - colon - 1)) : mem_strdup(NBD_PORT));
    return true;
}

/* What is behind "nbd:" of a URI: //HOST/NAME, and ///NAME?socket=PATH of nbd+unix. */
static bool parse_uri(const char *rest, json_t *o, struct error *e)
{
    const char *host = rest + 2;
    const char *slash = strchr(host, '/'), *query = strchr(host, '?');
    const char *end = query ? query : host + strlen(host);
    const char *host_end = slash && slash < end ? slash : end;
    if (query) {
        if (strncmp(query, "?socket=", 8) != 0 || !query[8] || host_end != host) {
            return bad_name(e);
        }
        put(o, "path", decoded(query + 8, strlen(query + 8)));
    } else if (!put_host(o, host, (size_t)(host_end - host), e)) {
        return false;
    }
    if (host_end + 1 < end) {
        put(o, "export", decoded(host_end + 1, (size_t)(end - host_end - 1)));
    }
    return true;
}

static bool nbd_parse(const char *rest, json_t *o, struct error *e)
{
    static const char word[] = ":exportname=";
    if (strncmp(rest, "//", 2) == 0) {
        return parse_uri(rest, o, e);
    }
    const char *name = strstr(rest, word);
    const size_t n = name ? (size_t)(name - rest) : strlen(rest);
    if (name && name[strlen(word)]) {
        put(o, "export", mem_strdup(name + strlen(word)));
    }
    if (strncmp(rest, "unix:", 5) == 0) {
        if (n <= 5) {
            return bad_name(e);
        }
        put(o, "path", mem_printf("%.*s", (int)(n - 5), rest + 5));
        return true;
    }
    return memchr(rest, ':', n) ? put_host(o, rest, n, e) : bad_name(e);
}

/* ---- opening */

struct server {
    char *type, *path, *host, *port;
};

static const struct block_option server_options[] = {
    {"type", BLOCK_OPT_TEXT, offsetof(struct server, type), NULL, "unix or inet", NULL, false},
    {"path", BLOCK_OPT_TEXT, offsetof(struct server, path), NULL, "of a unix socket", NULL, false},
    {"host", BLOCK_OPT_TEXT, offsetof(struct server, host), NULL, "of TCP", NULL, false},
    {"port", BLOCK_OPT_TEXT, offsetof(struct server, port), NULL, "of TCP", NULL, false},
    {0},
};

/* server.* are the other keys by another name. */
static bool take_server(struct nbd *d, struct error *e)
{
    struct server s = {NULL, NULL, NULL, NULL};
    if (!d->server) {
        return true;
    }
    json_t *left = json_deep_copy(d->server);
    bool good = block_options_take(server_options, left, &s, "server", e) &&
                block_options_all_taken(left, server_options, NULL, "server", e);
    const bool is_unix = good && s.type && strcmp(s.type, "unix") == 0;
    if (good && !is_unix && (!s.type || strcmp(s.type, "inet") != 0)) {
        good = error_set(e, "server.type=%s: unix and inet are accepted", s.type ? s.type : "");
    }
    if (good && (d->path || d->host || d->port || (is_unix ? s.host || s.port : s.path != NULL))) {
        good = error_set(e, "nbd: one server is accepted, by server.path= or server.host=");
    }
    if (good) {
        d->path = s.path;
        d->host = s.host;
        d->port = s.port;
        s.path = s.host = s.port = NULL;
    }
    block_options_release(server_options, &s);
    json_decref(left);
    return good;
}

static bool check_options(struct nbd *d, struct error *e)
{
    if (d->tls_creds || d->tls_hostname) {
        return error_set(e, "nbd: tls-creds=: there is no TLS in this build");
    }
    if (d->dirty_bitmap) {
        return error_set(e, "nbd: x-dirty-bitmap=: it is not in this build");
    }
    if (!take_server(d, e)) {
        return false;
    }
    if (!d->path == !d->host) {
        return error_set(e,
                         "nbd: %s (server.type=unix,server.path=FILE or "
                         "server.type=inet,server.host=HOST,server.port=PORT is accepted)",
                         d->path ? "there are two servers" : "the server is missing");
    }
    if (d->export && strlen(d->export) > NBD_NAME_MAX) {
        return error_set(e, "nbd: export=: at most %d characters are accepted", NBD_NAME_MAX);
    }
    return true;
}

/* The URI that leads there. */
static char *name_of(const struct nbd *d)
{
    const char *export = d->export ? d->export : "";
    if (d->path) {
        return mem_printf("nbd+unix:///%s?socket=%s", export, d->path);
    }
    const bool six = strchr(d->host, ':') != NULL;
    return mem_printf("nbd://%s%s%s:%s%s%s", six ? "[" : "", d->host, six ? "]" : "",
                      d->port ? d->port : NBD_PORT, *export ? "/" : "", export);
}

static bool check_mode(struct block_node *n, struct error *e)
{
    const struct nbd *d = n->state;
    if (n->mode.write && (d->link.export.flags & NBD_READ_ONLY)) {
        if (!n->auto_read_only) {
            return error_set(e, "the server lets it be read only (readonly=on)");
        }
        n->mode.write = false;
    }
    return true;
}

static bool nbd_open(struct block_node *n, struct error *e)
{
    struct nbd *d = n->state;
    if (!check_options(d, e)) {
        return false;
    }
    n->file_name = name_of(d);
    nbd_link_init(&d->link);
    os_mutex_init(&d->edges);
    d->ready = true;
    d->link.address = (struct nbd_address){d->path, d->host, d->port ? d->port : NBD_PORT};
    d->link.name = d->export ? d->export : "";
    d->link.reconnect_delay_s = d->reconnect_delay_s;
    if (!nbd_link_open(&d->link, d->open_timeout_s, e) || !check_mode(n, e)) {
        error_prefix(e, "%s: ", n->file_name);
        return false;
    }
    n->size_bytes = d->link.export.size;
    return true;
}

static void nbd_close(struct block_node *n)
{
    struct nbd *d = n->state;
    if (d->ready) {
        nbd_link_close(&d->link);
        os_mutex_destroy(&d->edges);
    }
}

static bool nbd_reopen(struct block_node *n, bool write, struct error *e)
{
    const struct nbd *d = n->state;
    return !write || !(d->link.export.flags & NBD_READ_ONLY) ||
           error_set(e, "%s: the server lets it be read only", block_node_file(n));
}

/* ---- requests */

/* [offset, offset + bytes) in parts that the server takes; it is made of whole blocks. */
static int transfer(struct nbd *d, struct nbd_request r, uint64_t bytes)
{
    const uint32_t most = d->link.export.max_payload;
    struct iovec *part = mem_array(r.count, sizeof(*part));
    const struct iovec *iov = r.iov;
    const unsigned count = r.count;
    int status = 0;
    for (uint64_t done = 0; done < bytes && status == 0; done += r.bytes) {
        r.bytes = bytes - done < most ? (uint32_t)(bytes - done) : most;
        r.count = block_iov_slice(iov, count, done, r.bytes, part);
        r.iov = part;
        status = nbd_link_do(&d->link, &r);
        r.offset += r.bytes;
    }
    mem_free(part);
    return status;
}

static bool whole_blocks(const struct block_node *n, uint64_t offset, uint64_t bytes)
{
    const struct nbd *d = n->state;
    return is_aligned(offset | bytes, d->link.export.min_block);
}

/* The whole blocks around a range, in memory: mem_free. NULL: it is too much. */
static uint8_t *around(const struct nbd *d, uint64_t offset, uint64_t bytes, uint64_t *from,
                       uint64_t *length)
{
    const uint32_t block = d->link.export.min_block;
    *from = align_down(offset, block);
    *length = align_up(offset + bytes, block) - *from;
    return mem_try_alloc((size_t)*length);
}

static int nbd_read(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                    uint64_t bytes)
{
    struct nbd *d = n->state;
    uint64_t from, length;
    if (whole_blocks(n, offset, bytes)) {
        const struct nbd_request r = {
            .command = NBD_CMD_READ, .offset = offset, .iov = iov, .count = count};
        return transfer(d, r, bytes);
    }
    uint8_t *blocks = around(d, offset, bytes, &from, &length);
    struct iovec all = {blocks, (size_t)length};
    const struct nbd_request r = {.command = NBD_CMD_READ, .offset = from, .iov = &all, .count = 1};
    int status = blocks ? transfer(d, r, length) : -ENOMEM;
    if (status == 0) {
        block_iov_put(iov, count, 0, blocks + (offset - from), (size_t)bytes);
    }
    mem_free(blocks);
    return status;
}

static int nbd_flush(struct block_node *n)
{
    struct nbd *d = n->state;
    struct nbd_request r = {.command = NBD_CMD_FLUSH};
    if (n->mode.no_flush || !(d->link.export.flags & NBD_SEND_FLUSH)) {
        return 0;
    }
    return nbd_link_do(&d->link, &r);
}

static int write_blocks(struct nbd *d, uint64_t offset, const struct iovec *iov, unsigned count,
                        uint64_t bytes, bool fua)
{
    const struct nbd_request r = {.command = NBD_CMD_WRITE,
                                  .flags = fua ? NBD_CMD_FUA : 0,
                                  .offset = offset,
                                  .iov = iov,
                                  .count = count};
    return transfer(d, r, bytes);
}

/* Parts of blocks: what is beside them stays. */
static int write_edges(struct nbd *d, uint64_t offset, const struct iovec *iov, unsigned count,
                       uint64_t bytes, bool fua)
{
    uint64_t from, length;
    uint8_t *blocks = around(d, offset, bytes, &from, &length);
    struct iovec all = {blocks, (size_t)length};
    const struct nbd_request r = {.command = NBD_CMD_READ, .offset = from, .iov = &all, .count = 1};
    os_mutex_lock(&d->edges);
    int status = blocks ? transfer(d, r, length) : -ENOMEM;
    if (status == 0) {
        block_iov_get(iov, count, 0, blocks + (offset - from), (size_t)bytes);
        status = write_blocks(d, from, &all, 1, length, fua);
    }
    os_mutex_unlock(&d->edges);
    mem_free(blocks);
    return status;
}

static int nbd_write(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                     uint64_t bytes, unsigned flags)
{
    struct nbd *d = n->state;
    const bool forced = (flags & BLOCK_FUA) && !n->mode.no_flush;
    const bool fua = forced && (d->link.export.flags & NBD_SEND_FUA);
    int status = whole_blocks(n, offset, bytes) ? write_blocks(d, offset, iov, count, bytes, fua)
                                                : write_edges(d, offset, iov, count, bytes, fua);
    return status == 0 && forced && !fua ? nbd_flush(n) : status;
}

#define RANGE_MOST (UINT32_C(1) << 30)

static int range(struct block_node *n, enum nbd_command command, uint64_t offset, uint64_t bytes,
                 unsigned flags)
{
    struct nbd *d = n->state;
    struct nbd_request r = {.command = command, .flags = flags, .offset = offset};
    int status = 0;
    for (uint64_t done = 0; done < bytes && status == 0; done += r.bytes) {
        r.offset = offset + done;
        r.bytes = bytes - done < RANGE_MOST ? (uint32_t)(bytes - done) : RANGE_MOST;
        status = nbd_link_do(&d->link, &r);
    }
    return status;
}

static int nbd_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    const struct nbd *d = n->state;
    if (!(d->link.export.flags & NBD_SEND_WRITE_ZEROES) || !whole_blocks(n, offset, bytes)) {
        return -ENOTSUP;
    }
    return range(n, NBD_CMD_WRITE_ZEROES, offset, bytes,
                 flags & BLOCK_MAY_UNMAP ? 0 : NBD_CMD_NO_HOLE);
}

static int nbd_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    const struct nbd *d = n->state;
    const uint32_t block = d->link.export.min_block;
    const uint64_t from = align_up(offset, block), to = align_down(offset + bytes, block);
    if (!(d->link.export.flags & NBD_SEND_TRIM) || from >= to) {
        return 0;
    }
    return range(n, NBD_CMD_TRIM, from, to - from, 0);
}

static int nbd_status(struct block_node *n, uint64_t offset, uint64_t bytes, struct block_status *s)
{
    struct nbd *d = n->state;
    const uint32_t block = d->link.export.min_block;
    const uint64_t from = align_down(offset, block), ask = align_up(offset + bytes, block) - from;
    struct nbd_request r = {.command = NBD_CMD_BLOCK_STATUS,
                            .flags = NBD_CMD_REQ_ONE,
                            .offset = from,
                            .bytes = ask < RANGE_MOST ? (uint32_t)ask : RANGE_MOST};
    *s = (struct block_status){
        .where = BLOCK_DATA, .bytes = bytes, .has_place = true, .place = offset};
    if (!d->link.export.allocation) {
        return 0;
    }
    int status = nbd_link_do(&d->link, &r);
    if (status < 0 || r.state_bytes == 0 || from + r.state_bytes <= offset) {
        return status; /* a server that says nothing: all is data */
    }
    s->where = r.state & NBD_STATE_ZERO ? BLOCK_ZERO : BLOCK_DATA;
    const uint64_t told = from + r.state_bytes - offset;
    s->bytes = told < bytes ? told : bytes;
    return 0;
}

static const char *const nbd_prefixes[] = {"nbd:", "nbd+tcp:", "nbd+unix:", NULL};

const struct block_driver block_nbd_driver = {
    .name = "nbd",
    .desc = "what an NBD server exports",
    .kind = BLOCK_PROTOCOL,
    .state_bytes = sizeof(struct nbd),
    .options = nbd_options,
    .prefixes = nbd_prefixes,
    .parse_name = nbd_parse,
    .open = nbd_open,
    .close = nbd_close,
    .reopen = nbd_reopen,
    .read = nbd_read,
    .write = nbd_write,
    .zero = nbd_zero,
    .discard = nbd_discard,
    .flush = nbd_flush,
    .status = nbd_status,
};
