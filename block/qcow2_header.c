/* SPDX-License-Identifier: MIT */
/* The first cluster of a qcow2 image: the header, its extensions, the backing file's name. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/cursor.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/visible.h"
#include "block/qcow2.h"

#define BACKING_MAX 1023u
#define FEATURE_BYTES 48u

enum extension {
    EXT_END = 0,
    EXT_BACKING_FORMAT = 0xe2792aca,
    EXT_FEATURES = 0x6803f857,
    EXT_BITMAPS = 0x23852875,
    EXT_CRYPTO = 0x0537be77,
    EXT_DATA_FILE = 0x44415441,
};

/* ---- features that are not known */

struct feature {
    uint8_t type, bit;
    const char *name;
};

static const struct feature known[] = {
    {0, 0, "dirty bit"},        {0, 1, "corrupt bit"},         {0, 2, "external data file"},
    {0, 3, "compression type"}, {0, 4, "extended L2 entries"}, {1, 0, "lazy refcounts"},
    {2, 0, "bitmaps"},          {2, 1, "raw external data"},
};
#define KNOWN_INCOMPATIBLE 31u

static void append_feature(const struct qcow2_header *h, unsigned bit, struct strbuf *s)
{
    for (size_t i = 0; i + FEATURE_BYTES <= h->features_bytes; i += FEATURE_BYTES) {
        if (h->features[i] == 0 && h->features[i + 1] == bit) {
            strbuf_printf(s, "%s'%.46s'", s->len ? ", " : "", (const char *)h->features + i + 2);
            return;
        }
    }
    strbuf_printf(s, "%sbit %u", s->len ? ", " : "", bit);
}

static bool features_are_known(const struct block_node *n, const struct qcow2_header *h,
                               struct error *e)
{
    const uint64_t unknown = h->incompatible & ~(uint64_t)KNOWN_INCOMPATIBLE;
    struct strbuf names = {0};
    for (unsigned i = 0; i < 64; i++) {
        if (bit(unknown, i)) {
            append_feature(h, i, &names);
        }
    }
    if (unknown) {
        strbuf_make_visible(&names);
        error_set(e, "%s: qcow2 features that are not supported: %s", block_node_file(n),
                  strbuf_text(&names));
    }
    strbuf_free(&names);
    return !unknown;
}

static void make_features(struct strbuf *s)
{
    for (size_t i = 0; i < array_len(known); i++) {
        char row[FEATURE_BYTES] = {(char)known[i].type, (char)known[i].bit};
        memcpy(row + 2, known[i].name, strlen(known[i].name));
        strbuf_bytes(s, row, sizeof(row));
    }
}

/* ---- the fixed part */

static bool parse_fixed(struct cursor *c, struct qcow2_header *h)
{
    uint32_t magic = 0;
    bool good = cursor_be32(c, &magic) && cursor_be32(c, &h->version) &&
                cursor_be64(c, &h->backing_offset) && cursor_be32(c, &h->backing_bytes) &&
                cursor_be32(c, &h->cluster_bits) && cursor_be64(c, &h->size) &&
                cursor_be32(c, &h->crypt) && cursor_be32(c, &h->l1_size) &&
                cursor_be64(c, &h->l1_offset) && cursor_be64(c, &h->reftable_offset) &&
                cursor_be32(c, &h->reftable_clusters) && cursor_be32(c, &h->snapshots) &&
                cursor_be64(c, &h->snapshots_offset);
    h->refcount_order = 4;
    h->header_length = QCOW2_HEADER_V2;
    if (good && h->version >= 3) {
        good = cursor_be64(c, &h->incompatible) && cursor_be64(c, &h->compatible) &&
               cursor_be64(c, &h->autoclear) && cursor_be32(c, &h->refcount_order) &&
               cursor_be32(c, &h->header_length);
        if (good && h->header_length > 104) {
            good = cursor_u8(c, &h->compression);
        }
    }
    return good && magic == QCOW2_MAGIC;
}

static bool bad(const struct block_node *n, struct error *e, const char *what, uint64_t value,
                const char *accepted)
{
    return error_set(e, "%s: qcow2: %s %" PRIu64 ": %s", block_node_file(n), what, value, accepted);
}

static bool check_numbers(const struct block_node *n, const struct qcow2_header *h, struct error *e)
{
    if (h->version != 2 && h->version != 3) {
        return bad(n, e, "version", h->version, "2 and 3 are supported");
    }
    if (h->cluster_bits < 9 || h->cluster_bits > 21) {
        return bad(n, e, "clusters of 2 to the power of", h->cluster_bits,
                   "9 to 21 (512 bytes to 2 MiB) are accepted");
    }
    const uint64_t cluster = UINT64_C(1) << h->cluster_bits;
    if (h->crypt) {
        return error_set(e, "%s: qcow2: the image is encrypted (%s), which is not supported",
                         block_node_file(n),
                         h->crypt == 1   ? "AES"
                         : h->crypt == 2 ? "LUKS"
                                         : "unknown method");
    }
    if (h->refcount_order > 6) {
        return bad(n, e, "refcounts of 2 to the power of", h->refcount_order,
                   "0 to 6 (1 to 64 bits) are accepted");
    }
    if (h->version >= 3 && (h->header_length < 104 || h->header_length > cluster ||
                            !is_aligned(h->header_length, 8))) {
        return bad(n, e, "a header length of", h->header_length,
                   "104 to the cluster's size, in steps of 8, is accepted");
    }
    if ((uint64_t)h->l1_size * 8 > QCOW2_L1_MAX) {
        return bad(n, e, "entries of the L1 table:", h->l1_size, "at most 4194304 are accepted");
    }
    if ((uint64_t)h->reftable_clusters << h->cluster_bits > QCOW2_REFTABLE_MAX) {
        return bad(n, e, "clusters of the refcount table:", h->reftable_clusters,
                   "at most 8 MiB are accepted");
    }
    if (h->snapshots > QCOW2_SNAPSHOTS_MAX) {
        return bad(n, e, "snapshots:", h->snapshots, "at most 65536 are accepted");
    }
    return true;
}

static bool check_places(const struct block_node *n, const struct qcow2_header *h, struct error *e)
{
    const struct {
        const char *what;
        uint64_t offset, bytes, align;
    } place[] = {
        {"the L1 table is at", h->l1_offset, (uint64_t)h->l1_size * 8,
         UINT64_C(1) << h->cluster_bits},
        {"the refcount table is at", h->reftable_offset,
         (uint64_t)h->reftable_clusters << h->cluster_bits, UINT64_C(1) << h->cluster_bits},
        {"the snapshot table is at", h->snapshots ? h->snapshots_offset : 0, h->snapshots, 8},
    };
    for (size_t i = 0; i < array_len(place); i++) {
        if (!is_aligned(place[i].offset, place[i].align) ||
            place[i].offset > INT64_MAX - place[i].bytes) {
            return bad(n, e, place[i].what, place[i].offset, "a cluster of the file is accepted");
        }
    }
    if (h->size > INT64_MAX - BLOCK_SECTOR) {
        return bad(n, e, "a disk of bytes:", h->size, "that is too large");
    }
    const unsigned entry = h->incompatible & QCOW2_EXTENDED_L2 ? 4 : 3;
    const unsigned covers = h->cluster_bits + h->cluster_bits - entry;
    const uint64_t needed = (h->size >> covers) + ((h->size & mask64(covers)) != 0);
    if (h->l1_size < needed) {
        return bad(n, e, "entries of the L1 table:", h->l1_size, "too few for the disk's size");
    }
    return h->l1_size == 0 || h->l1_offset ||
           error_set(e, "%s: qcow2: there is no L1 table", block_node_file(n));
}

static bool check_features(const struct block_node *n, const struct qcow2_header *h,
                           struct error *e)
{
    if (h->compression > QCOW2_ZSTD ||
        (h->compression != QCOW2_ZLIB) != !!(h->incompatible & QCOW2_COMPRESSION)) {
        return bad(n, e, "compression type", h->compression,
                   "0 (zlib), and 1 (zstd) with its feature bit, are accepted");
    }
    if ((h->incompatible & QCOW2_EXTENDED_L2) && h->cluster_bits < 14) {
        return bad(n, e, "extended L2 entries with clusters of 2 to the power of", h->cluster_bits,
                   "at least 14 is accepted");
    }
    if ((h->autoclear & QCOW2_RAW_DATA) && !(h->incompatible & QCOW2_DATA_FILE)) {
        return error_set(e, "%s: qcow2: raw external data without an external data file",
                         block_node_file(n));
    }
    return true;
}

/* ---- extensions */

static char *text_of(const uint8_t *p, uint32_t bytes)
{
    return mem_printf("%.*s", (int)bytes, (const char *)p);
}

static bool take_bitmaps(struct qcow2_header *h, const uint8_t *p, uint32_t bytes)
{
    if (bytes != 24) {
        return false;
    }
    h->bitmaps = load_be32(p);
    h->bitmaps_bytes = load_be64(p + 8);
    h->bitmaps_offset = load_be64(p + 16);
    return true;
}

static void keep_unknown(struct qcow2_header *h, const uint8_t *ext, size_t bytes)
{
    h->unknown = mem_realloc(h->unknown, h->unknown_bytes + bytes);
    memcpy(h->unknown + h->unknown_bytes, ext, bytes);
    h->unknown_bytes += bytes;
}

static bool take_extension(struct qcow2_header *h, uint32_t type, const uint8_t *p, uint32_t bytes)
{
    char **text = type == EXT_BACKING_FORMAT ? &h->backing_format : &h->data_file;
    switch (type) {
    case EXT_BACKING_FORMAT:
    case EXT_DATA_FILE:
        mem_free(*text);
        *text = text_of(p, bytes);
        return bytes <= BACKING_MAX;
    case EXT_FEATURES:
        mem_free(h->features);
        h->features = mem_dup(p, bytes);
        h->features_bytes = bytes;
        return true;
    case EXT_BITMAPS:
        return take_bitmaps(h, p, bytes);
    default:
        keep_unknown(h, p - 8, 8 + align_up(bytes, 8));
        return true;
    }
}

static bool parse_extensions(const struct block_node *n, struct qcow2_header *h,
                             const uint8_t *head, struct error *e)
{
    const uint64_t cluster = UINT64_C(1) << h->cluster_bits;
    const uint64_t end = h->backing_offset ? h->backing_offset : cluster;
    uint64_t at = h->header_length;
    while (at + 8 <= end) {
        const uint32_t type = load_be32(head + at), bytes = load_be32(head + at + 4);
        if (type == EXT_END) {
            break;
        }
        if (bytes > end - at - 8 || align_up(bytes, 8) > cluster - at - 8 ||
            !take_extension(h, type, head + at + 8, bytes)) {
            return error_set(e, "%s: qcow2: the header extension 0x%08x has a wrong length, %u",
                             block_node_file(n), type, bytes);
        }
        at += 8 + align_up(bytes, 8);
    }
    return true;
}

static bool take_backing(struct block_node *n, const struct qcow2_header *h, const uint8_t *head,
                         struct error *e)
{
    const uint64_t cluster = UINT64_C(1) << h->cluster_bits;
    if (!h->backing_offset) {
        return true;
    }
    if (h->backing_bytes > BACKING_MAX || h->backing_bytes > cluster - h->backing_offset) {
        return bad(n, e, "a backing file's name of bytes:", h->backing_bytes,
                   "at most 1023, in the first cluster, are accepted");
    }
    mem_free(n->backing_file);
    mem_free(n->backing_format);
    n->backing_format = NULL;
    n->backing_file = text_of(head + h->backing_offset, h->backing_bytes);
    if (!*n->backing_file) {
        mem_free(n->backing_file);
        n->backing_file = NULL;
    } else if (h->backing_format && *h->backing_format) {
        n->backing_format = mem_strdup(h->backing_format);
    }
    return true;
}

bool qcow2_header_read(struct block_node *n, struct qcow2_header *h, struct error *e)
{
    uint8_t fixed[QCOW2_HEADER_V3];
    struct cursor c;
    int status = block_node_read(n->file, 0, fixed, sizeof(fixed));
    if (status < 0) {
        return error_set(e, "%s cannot be read: %s", block_node_file(n), strerror(-status));
    }
    cursor_init(&c, fixed, sizeof(fixed));
    if (!parse_fixed(&c, h)) {
        return error_set(e, "%s is not a qcow2 image", block_node_file(n));
    }
    if (!check_numbers(n, h, e)) {
        return false;
    }
    const size_t cluster = (size_t)1 << h->cluster_bits;
    if (h->backing_offset > cluster) {
        return bad(n, e, "the backing file's name is at", h->backing_offset,
                   "a place in the first cluster is accepted");
    }
    uint8_t *head = mem_alloc(cluster);
    status = block_node_read(n->file, 0, head, cluster);
    bool good = status == 0
                    ? parse_extensions(n, h, head, e)
                    : error_set(e, "%s cannot be read: %s", block_node_file(n), strerror(-status));
    good = good && features_are_known(n, h, e) && check_features(n, h, e) &&
           check_places(n, h, e) && take_backing(n, h, head, e);
    mem_free(head);
    return good;
}

void qcow2_header_free(struct qcow2_header *h)
{
    mem_free(h->backing_format);
    mem_free(h->data_file);
    mem_free(h->features);
    mem_free(h->unknown);
}

/* ---- writing */

static void put_fixed(const struct qcow2_header *h, uint8_t *p)
{
    store_be32(p, QCOW2_MAGIC);
    store_be32(p + 4, h->version);
    store_be64(p + 8, h->backing_offset);
    store_be32(p + 16, h->backing_bytes);
    store_be32(p + 20, h->cluster_bits);
    store_be64(p + 24, h->size);
    store_be32(p + 32, h->crypt);
    store_be32(p + 36, h->l1_size);
    store_be64(p + 40, h->l1_offset);
    store_be64(p + 48, h->reftable_offset);
    store_be32(p + 56, h->reftable_clusters);
    store_be32(p + 60, h->snapshots);
    store_be64(p + 64, h->snapshots_offset);
    if (h->version >= 3) {
        store_be64(p + 72, h->incompatible);
        store_be64(p + 80, h->compatible);
        store_be64(p + 88, h->autoclear);
        store_be32(p + 96, h->refcount_order);
        store_be32(p + 100, h->header_length);
        if (h->header_length > 104) {
            p[104] = h->compression;
        }
    }
}

static void put_extension(struct strbuf *s, uint32_t type, const void *bytes, size_t length)
{
    static const char zeros[8];
    uint8_t head[8];
    store_be32(head, type);
    store_be32(head + 4, (uint32_t)length);
    strbuf_bytes(s, head, sizeof(head));
    strbuf_bytes(s, bytes, length);
    strbuf_bytes(s, zeros, align_up(length, 8) - length);
}

/* What changes in an image's life comes first. */
static void put_extensions(struct strbuf *s, const struct qcow2_header *h, bool names_too)
{
    if (h->bitmaps) {
        uint8_t b[24] = {0};
        store_be32(b, h->bitmaps);
        store_be64(b + 8, h->bitmaps_bytes);
        store_be64(b + 16, h->bitmaps_offset);
        put_extension(s, EXT_BITMAPS, b, sizeof(b));
    }
    if (h->backing_format) {
        put_extension(s, EXT_BACKING_FORMAT, h->backing_format, strlen(h->backing_format));
    }
    if (h->data_file) {
        put_extension(s, EXT_DATA_FILE, h->data_file, strlen(h->data_file));
    }
    strbuf_bytes(s, h->unknown, h->unknown_bytes);
    if (h->version >= 3 && names_too) {
        struct strbuf names = {0};
        make_features(&names);
        put_extension(s, EXT_FEATURES, names.text, names.len);
        strbuf_free(&names);
    }
    put_extension(s, EXT_END, "", 0);
}

/* The bytes of a cluster: the header, its extensions, and at name_at (0: behind them) the backing
 * file's name. Fills out's places; *end is the extensions'. */
struct layout {
    struct qcow2_header out;
    uint8_t *bytes;
    size_t end;
};

static bool lay_out(struct layout *l, const struct qcow2_header *h, bool names_too,
                    uint64_t name_at, const char *backing_file)
{
    const size_t cluster = (size_t)1 << h->cluster_bits;
    uint8_t fixed[256] = {0};
    struct strbuf s = {0};
    l->out = *h;
    l->out.header_length = h->header_length < sizeof(fixed) ? h->header_length : QCOW2_HEADER_V3;
    strbuf_bytes(&s, fixed, l->out.header_length);
    put_extensions(&s, h, names_too);
    l->end = s.len;
    l->out.backing_bytes = backing_file ? (uint32_t)strlen(backing_file) : 0;
    l->out.backing_offset = !backing_file ? 0 : name_at ? name_at : l->end;
    const bool good = l->end <= (name_at ? name_at : cluster) &&
                      l->out.backing_bytes <= BACKING_MAX &&
                      l->out.backing_offset + l->out.backing_bytes <= cluster;
    if (good) {
        l->bytes = mem_alloc(cluster);
        memcpy(l->bytes, s.text, s.len);
        memcpy(l->bytes + l->out.backing_offset, backing_file ? backing_file : "",
               l->out.backing_bytes);
        put_fixed(&l->out, l->bytes);
    }
    strbuf_free(&s);
    return good;
}

bool qcow2_header_write(struct block_node *file, struct qcow2_header *h, const char *backing_file,
                        struct error *e)
{
    const size_t cluster = (size_t)1 << h->cluster_bits;
    struct layout l;
    if (!lay_out(&l, h, true, 0, backing_file) && /* names of features are for people */
        !lay_out(&l, h, false, 0, backing_file)) {
        return error_set(e,
                         "the header, with the backing file's name of %u bytes, does not fit into "
                         "a cluster of %zu bytes",
                         l.out.backing_bytes, cluster);
    }
    const int status = block_node_write(file, 0, l.bytes, cluster, 0);
    mem_free(l.bytes);
    if (status < 0) {
        return error_set(e, "%s cannot be written: %s", block_node_file(file), strerror(-status));
    }
    *h = l.out;
    return true;
}

/* ---- writing anew, so that the power may go between any two sectors */

/* The cluster's last and last but one KiB have the backing file's name in turn. */
#define SLOT_BYTES 1024u

static int write_part(struct block_node *file, const uint8_t *cluster, size_t from, size_t to)
{
    const int status = block_node_write(file, from, cluster + from, to - from, 0);
    return status < 0 ? status : block_node_flush(file);
}

/* What the image says now goes into the first sector, the name apart; what it is to say goes into
 * the other sectors; then the first sector leads there. */
static int write_in_steps(struct block_node *n, const struct layout *now, const struct layout *next,
                          size_t old_slot)
{
    struct qcow2 *q = n->state;
    const size_t cluster = q->cluster_bytes;
    int status = write_part(n->file, now->bytes, old_slot, old_slot + SLOT_BYTES);
    status = status < 0 ? status : write_part(n->file, now->bytes, 0, BLOCK_SECTOR);
    if (status < 0) {
        return status;
    }
    q->h.backing_offset = now->out.backing_offset;
    memcpy(next->bytes + old_slot, now->bytes + old_slot, SLOT_BYTES);
    status = write_part(n->file, next->bytes, BLOCK_SECTOR, cluster);
    return status < 0 ? status : write_part(n->file, next->bytes, 0, BLOCK_SECTOR);
}

bool qcow2_header_rewrite(struct block_node *n, struct qcow2_header *h, const char *backing_file,
                          struct error *e)
{
    struct qcow2 *q = n->state;
    const size_t cluster = q->cluster_bytes;
    const bool small = cluster < 4 * SLOT_BYTES; /* 512: one sector; few have 1024 and 2048 */
    const bool last = q->h.backing_offset == cluster - SLOT_BYTES;
    const size_t old_slot = cluster - (last ? 1 : 2) * SLOT_BYTES;
    const size_t slot = cluster - (last ? 2 : 1) * SLOT_BYTES;
    struct layout now = {.bytes = NULL}, next = {.bytes = NULL};
    const bool fits = !small && lay_out(&now, &q->h, false, old_slot, n->backing_file) &&
                      lay_out(&next, h, true, slot, backing_file) && now.end <= BLOCK_SECTOR &&
                      next.end <= cluster - 2 * SLOT_BYTES;
    const int status = fits ? write_in_steps(n, &now, &next, old_slot) : 0;
    mem_free(now.bytes);
    mem_free(next.bytes);
    if (!fits) { /* other programs' extensions, or a data file's name, are too long for a sector */
        return qcow2_header_write(n->file, h, backing_file, e);
    }
    if (status < 0) {
        return error_set(e, "%s cannot be written: %s", block_node_file(n), strerror(-status));
    }
    *h = next.out;
    return true;
}

int qcow2_header_update(struct block_node *n)
{
    struct qcow2 *q = n->state;
    uint8_t sector[BLOCK_SECTOR];
    int status = block_node_read(n->file, 0, sector, sizeof(sector));
    if (status < 0) {
        return status;
    }
    block_debug_event(n, "header_update");
    put_fixed(&q->h, sector);
    return block_node_write(n->file, 0, sector, sizeof(sector), 0);
}

int qcow2_set_corrupt(struct block_node *n, const char *why)
{
    struct qcow2 *q = n->state;
    if (n->mode.write && !n->mode.repair_none && !atomic_get(&q->corrupt)) {
        log_guest(block_node_file(n),
                  "qcow2: %s; the image is marked as corrupt, and not written any more", why);
        atomic_set(&q->corrupt, true);
        if (q->h.version >= 3) {
            q->h.incompatible |= QCOW2_CORRUPT;
            if (qcow2_header_update(n) == 0) {
                block_node_flush(n->file);
            }
        }
    }
    return -EIO;
}
