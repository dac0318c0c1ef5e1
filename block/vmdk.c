/* SPDX-License-Identifier: MIT */
/*
 * VMDK, VMware's images (VMware, Virtual Disk Format 5.0): a descriptor, which is a file or is
 * embedded in the only extent, and extents: flat ones, sparse ones, and ones of zeros.
 *
 * An image has a content ID, which changes when it is first written after it was opened; one that
 * stands on it says which it was made for, and is refused if that is another. So until the ID is
 * written nothing goes the hot way.
 *
 * Not modelled: raw device mappings; the change tracking files of ESX.
 */
#include "block/vmdk.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/block_internal.h"
#include "block/drivers.h"

#define TEXT_MAGIC "# Disk DescriptorFile"
#define HEAD_BYTES 64u

static bool is_sparse(const uint8_t *head, size_t n)
{
    return n >= 8 && (memcmp(head, VMDK_SPARSE_MAGIC, 4) == 0 ||
                      memcmp(head, VMDK_COWD_MAGIC, 4) == 0 || load_le64(head) == VMDK_SE_MAGIC);
}

static int vmdk_probe(const uint8_t *head, size_t n, const char *file_name)
{
    (void)file_name;
    return is_sparse(head, n) ||
                   (n >= strlen(TEXT_MAGIC) && memcmp(head, TEXT_MAGIC, strlen(TEXT_MAGIC)) == 0)
               ? 100
               : 0;
}

/* ---- opening */

static struct vmdk_extent *new_extent(struct vmdk *v, enum vmdk_kind kind)
{
    const uint64_t at =
        v->count ? v->extents[v->count - 1].disk_offset + v->extents[v->count - 1].disk_bytes : 0;
    struct vmdk_extent *x = &v->extents[v->count++];
    *x = (struct vmdk_extent){.kind = kind, .disk_offset = at};
    return x;
}

static char *read_text(struct block_node *n, uint64_t offset, uint64_t bytes, struct error *e)
{
    char *text = mem_alloc((size_t)bytes + 1);
    int status = block_node_read(n->file, offset, text, (size_t)bytes);
    if (status < 0) {
        error_set(e, "%s: its descriptor: %s", block_node_file(n), strerror(-status));
        mem_free(text);
        return NULL;
    }
    return text;
}

/* Takes over what the node keeps of the descriptor, which lies at `offset` of the file. */
static void take_descriptor(struct block_node *n, struct vmdk_descriptor *d, uint64_t offset)
{
    struct vmdk *v = n->state;
    v->cid = d->cid;
    v->parent_cid = d->parent_cid;
    v->cid_at = d->cid_at ? offset + d->cid_at : 0;
    v->parent_cid_at = d->parent_cid_at ? offset + d->parent_cid_at : 0;
    v->create_type = d->create_type;
    d->create_type = NULL;
    if (d->parent && d->parent_cid != VMDK_NO_PARENT) {
        n->backing_file = d->parent;
        n->backing_format = mem_strdup("vmdk");
        d->parent = NULL;
    }
}

/* An image that is one sparse extent. */
static bool open_alone(struct block_node *n, struct error *e)
{
    struct vmdk *v = n->state;
    struct vmdk_embedded where = {0};
    struct vmdk_descriptor d;
    v->extents = mem_array(1, sizeof(*v->extents));
    struct vmdk_extent *x = new_extent(v, VMDK_SPARSE);
    x->file = n->file;
    if (!vmdk_sparse_open(n, x, &where, e)) {
        return false;
    }
    v->parent_cid = VMDK_NO_PARENT;
    if (where.bytes == 0) {
        return true;
    }
    char *text = read_text(n, where.offset, where.bytes, e);
    bool good = text && vmdk_descriptor_parse(&d, text, block_node_file(n), e);
    if (text) {
        if (good) {
            take_descriptor(n, &d, where.offset);
        }
        vmdk_descriptor_free(&d);
    }
    mem_free(text);
    return good;
}

static bool open_file(struct block_node *n, struct vmdk_extent *x, const struct vmdk_line *l,
                      struct error *e)
{
    struct vmdk *v = n->state;
    char name[32];
    snprintf(name, sizeof(name), "extents.%zu", v->count - 1);
    if (strchr(l->file, ':') || strcmp(l->file, "") == 0) {
        return error_set(e, "%s: extent '%s': the name of a file is accepted", block_node_file(n),
                         l->file);
    }
    const bool write = n->mode.write && !l->read_only;
    x->file = block_child_open(n, name, l->file, write ? BLOCK_PERM_ALL : BLOCK_PERM_READ,
                               n->mode.no_lock ? BLOCK_PERM_ALL : BLOCK_PERM_READ, e);
    return x->file != NULL;
}

static bool open_flat(struct vmdk_extent *x, const struct vmdk_line *l, struct error *e)
{
    const uint64_t file = align_up(block_node_size(x->file), BLOCK_SECTOR);
    x->flat_offset = l->offset * BLOCK_SECTOR;
    return (x->flat_offset <= file && x->disk_bytes <= file - x->flat_offset) ||
           error_set(e,
                     "%s has %" PRIu64 " bytes, and not the %" PRIu64 " from %" PRIu64
                     " on of its extent",
                     block_node_file(x->file), file, x->disk_bytes, x->flat_offset);
}

static bool open_extent(struct block_node *n, const struct vmdk_line *l, struct error *e)
{
    struct vmdk_extent *x = new_extent(n->state, l->kind);
    const uint64_t bytes = l->sectors * BLOCK_SECTOR;
    if (l->kind != VMDK_ZERO && !open_file(n, x, l, e)) {
        return false;
    }
    if (l->kind == VMDK_SPARSE) {
        if (!vmdk_sparse_open(n, x, NULL, e)) {
            return false;
        }
        if (x->disk_bytes < bytes) {
            return error_set(e, "%s: an extent of %" PRIu64 " bytes; its descriptor says %" PRIu64,
                             block_node_file(x->file), x->disk_bytes, bytes);
        }
        x->bat.disk_bytes = bytes;
    }
    x->disk_bytes = bytes;
    if (x->disk_offset > (uint64_t)INT64_MAX - bytes) {
        return error_set(e, "%s: its extents are too many bytes", block_node_file(n));
    }
    if (l->read_only || l->kind == VMDK_ZERO) {
        x->only_read = "its descriptor says that it is not written";
    }
    return l->kind != VMDK_FLAT || open_flat(x, l, e);
}

static bool open_by_text(struct block_node *n, struct error *e)
{
    const uint64_t bytes = block_node_size(n->file);
    struct vmdk *v = n->state;
    struct vmdk_descriptor d;
    if (bytes > VMDK_DESCRIPTOR_MAX) {
        return error_set(e, "%s: a descriptor of %" PRIu64 " bytes; up to %u are accepted",
                         block_node_file(n), bytes, VMDK_DESCRIPTOR_MAX);
    }
    char *text = read_text(n, 0, bytes, e);
    if (!text) {
        return false;
    }
    bool good = vmdk_descriptor_parse(&d, text, block_node_file(n), e);
    if (good && d.count == 0) {
        good = error_set(e, "%s: its descriptor has no extents", block_node_file(n));
    }
    if (good) {
        take_descriptor(n, &d, 0);
        v->extents = mem_array(d.count, sizeof(*v->extents));
    }
    for (size_t i = 0; good && i < d.count; i++) {
        good = open_extent(n, &d.lines[i], e);
    }
    vmdk_descriptor_free(&d);
    mem_free(text);
    return good;
}

/* The core opens the backing file, later; here only its content ID is looked at. */
static bool check_parent(struct block_node *n, struct error *e)
{
    const struct vmdk *v = n->state;
    const struct block_mode m = {.no_lock = true, .repair_none = true, .no_backing = true};
    struct error ignored;
    if (!n->backing_file || n->mode.no_backing || json_object_get(n->options, "backing")) {
        return true;
    }
    char *beside = block_name_beside(n, n->backing_file);
    struct block_node *below = block_node_open_name(n->graph, beside, "vmdk", &m, &ignored);
    bool good = !below || ((struct vmdk *)below->state)->cid == v->parent_cid;
    if (!good) {
        error_set(e,
                  "%s was made for content ID %08x of its backing file %s, which has %08x: it was "
                  "changed meanwhile",
                  block_node_file(n), v->parent_cid, beside, ((struct vmdk *)below->state)->cid);
    }
    block_node_close(below);
    mem_free(beside);
    return good;
}

static void measure(struct block_node *n)
{
    struct vmdk *v = n->state;
    list_init(&v->share.bats);
    v->share.most = VMDK_LOADED_BYTES;
    for (size_t i = 0; i < v->count; i++) {
        struct vmdk_extent *x = &v->extents[i];
        if (x->kind == VMDK_SPARSE) {
            bat_share(&x->bat, &v->share);
        }
        n->size_bytes += x->disk_bytes;
        if (x->kind == VMDK_SPARSE && x->bat.block_bytes > n->granule) {
            n->granule = x->bat.block_bytes;
        }
    }
}

/* Requests are kept apart by granules, which must not have parts of two grains. */
static bool prepare_write(struct block_node *n, struct error *e)
{
    struct vmdk *v = n->state;
    v->cid_changed = false;
    for (size_t i = 0; i < v->count; i++) {
        struct vmdk_extent *x = &v->extents[i];
        const bool sparse = x->kind == VMDK_SPARSE;
        const bool aligned = !sparse || is_aligned(x->disk_offset, n->granule);
        if (x->only_read || !aligned) {
            return error_set(e, "%s can only be read (read-only=on): %s",
                             block_node_file(x->file ? x->file : n),
                             x->only_read ? x->only_read : "it begins within a grain");
        }
        if (sparse && !vmdk_sparse_prepare_write(x, e)) {
            return false;
        }
    }
    return true;
}

static bool vmdk_open(struct block_node *n, struct error *e)
{
    uint8_t head[HEAD_BYTES];
    int status = block_node_read(n->file, 0, head, sizeof(head));
    if (status < 0) {
        return error_set(e, "%s cannot be read: %s", block_node_file(n), strerror(-status));
    }
    bool good = is_sparse(head, sizeof(head)) ? open_alone(n, e)
                : vmdk_probe(head, sizeof(head), NULL)
                    ? open_by_text(n, e)
                    : error_set(e, "%s is not a vmdk image", block_node_file(n));
    if (!good) {
        return false;
    }
    measure(n);
    return (!n->mode.write || prepare_write(n, e)) && check_parent(n, e);
}

/* The files of extents follow; the core does so with the first. */
static bool vmdk_reopen(struct block_node *n, bool write, struct error *e)
{
    for (size_t i = 0; i < n->child_count; i++) {
        struct block_child *c = &n->children[i];
        if (c->node == n->file || c->node == n->backing) {
            continue;
        }
        if ((write && !block_node_reopen(c->node, true, e)) ||
            !block_use_change(c->use, write ? BLOCK_PERM_ALL : BLOCK_PERM_READ, BLOCK_PERM_READ,
                              e) ||
            (!write && !block_node_reopen(c->node, false, e))) {
            return false;
        }
    }
    return !write || prepare_write(n, e);
}

static void vmdk_close(struct block_node *n)
{
    struct vmdk *v = n->state;
    for (size_t i = 0; i < v->count; i++) {
        vmdk_sparse_close(&v->extents[i]);
    }
    mem_free(v->extents);
    mem_free(v->create_type);
}

/* ---- requests */

static struct vmdk_extent *extent_at(const struct vmdk *v, uint64_t offset)
{
    size_t low = 0, high = v->count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        *(v->extents[middle].disk_offset <= offset ? &low : &high) = middle;
    }
    return &v->extents[low];
}

static void vmdk_map(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                     struct block_extent *x)
{
    const struct vmdk *v = n->state;
    struct vmdk_extent *t = extent_at(v, offset);
    const uint64_t in = offset - t->disk_offset, left = t->disk_bytes - in;
    const bool ready = v->cid_changed || !v->cid_at;
    if (t->kind == VMDK_SPARSE) {
        bat_map(&t->bat, offset, bytes, writing && ready, x);
        if (writing && !ready && x->kind != BLOCK_MAP_UNKNOWN && x->kind != BLOCK_MAP_ERROR) {
            const uint64_t grain = t->bat.block_bytes - in % t->bat.block_bytes;
            x->kind = BLOCK_MAP_WRITE;
            x->bytes = x->bytes < grain ? x->bytes : grain;
        }
        return;
    }
    x->bytes = bytes < left ? bytes : left;
    x->node = t->file;
    x->offset = t->flat_offset + in;
    x->kind = t->kind == VMDK_ZERO ? BLOCK_MAP_ZERO
              : writing && !ready  ? BLOCK_MAP_WRITE
                                   : BLOCK_MAP_DATA;
}

static void vmdk_linked(struct block_node *n, uint64_t offset, const struct block_extent *x,
                        int status)
{
    bat_linked(&extent_at(n->state, offset)->bat, offset, x, status);
}

static int vmdk_load(struct block_node *n, uint64_t offset, bool writing)
{
    struct vmdk_extent *t = extent_at(n->state, offset);
    return t->kind == VMDK_SPARSE ? bat_load(&t->bat, offset, writing) : 0;
}

static int vmdk_decode(struct block_node *n, uint64_t offset, const struct block_extent *x,
                       void *bytes, size_t length)
{
    const struct vmdk_extent *t = extent_at(n->state, offset);
    const uint32_t grain = t->bat.block_bytes, in = (uint32_t)((offset - t->disk_offset) % grain);
    if (in == 0) {
        return vmdk_unpack(t, x->offset, bytes, length);
    }
    uint8_t *whole = mem_try_alloc(in + length);
    int status = whole ? vmdk_unpack(t, x->offset, whole, in + length) : -ENOMEM;
    if (status == 0) {
        memcpy(bytes, whole + in, length);
    }
    mem_free(whole);
    return status;
}

/* The image is no longer what others stand on. */
static int change_cid(struct block_node *n)
{
    struct vmdk *v = n->state;
    char digits[9];
    uint32_t cid;
    if (v->cid_changed || !v->cid_at) {
        return 0;
    }
    do {
        os_random(&cid, sizeof(cid));
    } while (cid == v->cid || cid == VMDK_NO_PARENT);
    snprintf(digits, sizeof(digits), "%08" PRIx32, cid);
    int status = block_node_write(n->file, v->cid_at, digits, 8, 0);
    if (status == 0) {
        os_mutex_lock(&n->tables);
        v->cid = cid;
        v->cid_changed = true;
        os_mutex_unlock(&n->tables);
    }
    return status;
}

/* The file below has what this image has, and with that another content ID. */
static int vmdk_committed(struct block_node *n)
{
    struct vmdk *v = n->state;
    const struct block_node *below = block_node_skip_filters(n->backing);
    char digits[9];
    if (!v->parent_cid_at || below->driver != n->driver) {
        return 0;
    }
    v->parent_cid = ((const struct vmdk *)below->state)->cid;
    snprintf(digits, sizeof(digits), "%08" PRIx32, v->parent_cid);
    int status = block_node_write(n->file, v->parent_cid_at, digits, 8, 0);
    return status < 0 ? status : block_node_flush(n->file);
}

/* The grain as it is, of which a part is written over. */
static int read_grain(struct block_node *n, struct vmdk_extent *t, uint64_t start, uint8_t *grain)
{
    enum bat_kind kind;
    uint64_t place;
    const uint64_t left = t->disk_offset + t->disk_bytes - start;
    const uint32_t all = t->bat.block_bytes, some = left < all ? (uint32_t)left : all;
    int status = bat_look(&t->bat, start, &kind, &place);
    if (status < 0 || kind == BAT_BAD || kind == BAT_DATA) {
        return status < 0 ? status : -EIO;
    }
    if (kind == BAT_PACKED) {
        return vmdk_unpack(t, place, grain, some);
    }
    return kind == BAT_NONE ? block_node_read_padded(n->backing, start, grain, some) : 0;
}

static int write_packed_part(struct block_node *n, struct vmdk_extent *t, uint64_t offset,
                             const struct iovec *iov, unsigned count, uint64_t bytes)
{
    const uint64_t in = (offset - t->disk_offset) % t->bat.block_bytes;
    uint8_t *grain = mem_try_alloc(t->bat.block_bytes);
    const uint64_t left = t->disk_offset + t->disk_bytes - offset;
    const bool all = in == 0 && bytes >= (left < t->bat.block_bytes ? left : t->bat.block_bytes);
    int status = !grain ? -ENOMEM : all ? 0 : read_grain(n, t, offset - in, grain);
    if (status == 0) {
        block_iov_get(iov, count, 0, grain + in, (size_t)bytes);
        status = vmdk_pack(t, offset - in, grain);
    }
    mem_free(grain);
    return status;
}

static int vmdk_write(struct block_node *n, uint64_t offset, const struct iovec *iov,
                      unsigned count, uint64_t bytes, unsigned flags)
{
    struct vmdk_extent *t = extent_at(n->state, offset);
    (void)flags;
    int status = change_cid(n);
    if (status < 0) {
        return status;
    }
    if (t->kind == VMDK_FLAT) {
        return block_node_writev(t->file, t->flat_offset + offset - t->disk_offset, iov, count,
                                 bytes, 0);
    }
    return t->kind == VMDK_ZERO ? -EACCES
           : t->bat.packed      ? write_packed_part(n, t, offset, iov, count, bytes)
                                : bat_write(&t->bat, offset, iov, count, bytes);
}

static int vmdk_write_packed(struct block_node *n, uint64_t offset, const void *bytes,
                             size_t length)
{
    int status = 0;
    for (size_t done = 0; done < length && status == 0;) {
        struct vmdk_extent *t = extent_at(n->state, offset + done);
        if (t->kind != VMDK_SPARSE || !t->bat.packed) {
            return -ENOTSUP;
        }
        const size_t left = length - done, grain = t->bat.block_bytes;
        const size_t some = left < grain ? left : grain;
        struct iovec iov = {(uint8_t *)(uintptr_t)bytes + done, some};
        status = vmdk_write(n, offset + done, &iov, 1, some, 0);
        done += some;
    }
    return status;
}

/* Zeros over a backing file, where an entry can say so. */
static int zero_grains(struct bat *b, uint64_t offset, uint64_t bytes)
{
    int status = 0;
    for (uint64_t at = offset; at < offset + bytes && status == 0; at += b->block_bytes) {
        enum bat_kind kind;
        uint64_t place;
        status = bat_look(b, at, &kind, &place);
        if (status == 0 && kind == BAT_NONE) {
            status = bat_link(b, at, BLOCK_SECTOR);
        }
    }
    return status;
}

static int zero_extent(struct block_node *n, struct vmdk_extent *t, uint64_t offset, uint64_t bytes,
                       unsigned flags)
{
    if (t->kind == VMDK_FLAT) {
        return block_node_zero(t->file, t->flat_offset + offset - t->disk_offset, bytes, flags);
    }
    if (t->kind == VMDK_ZERO) {
        return 0;
    }
    int status = t->zero_grains && n->backing ? zero_grains(&t->bat, offset, bytes) : 0;
    return status < 0 ? status : bat_zero(&t->bat, offset, bytes, flags);
}

static int discard_extent(struct vmdk_extent *t, uint64_t offset, uint64_t bytes)
{
    if (t->kind == VMDK_FLAT) {
        return block_node_discard(t->file, t->flat_offset + offset - t->disk_offset, bytes);
    }
    return t->kind == VMDK_SPARSE ? bat_discard(&t->bat, offset, bytes) : 0;
}

static uint64_t part_of(const struct vmdk_extent *t, uint64_t offset, uint64_t bytes)
{
    const uint64_t left = t->disk_offset + t->disk_bytes - offset;
    return left < bytes ? left : bytes;
}

static int vmdk_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    int status = change_cid(n);
    while (bytes > 0 && status == 0) {
        struct vmdk_extent *t = extent_at(n->state, offset);
        const uint64_t some = part_of(t, offset, bytes);
        status = zero_extent(n, t, offset, some, flags);
        offset += some;
        bytes -= some;
    }
    return status;
}

static int vmdk_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    int status = change_cid(n);
    while (bytes > 0 && status == 0) {
        struct vmdk_extent *t = extent_at(n->state, offset);
        const uint64_t some = part_of(t, offset, bytes);
        status = discard_extent(t, offset, some);
        offset += some;
        bytes -= some;
    }
    return status;
}

static int vmdk_flush(struct block_node *n)
{
    const struct vmdk *v = n->state;
    int status = 0;
    bool dirty = false;
    for (size_t i = 0; i < v->count && status == 0; i++) {
        status = v->extents[i].kind == VMDK_SPARSE ? bat_flush(&v->extents[i].bat) : 0;
    }
    os_mutex_lock(&n->tables);
    for (size_t i = 0; i < v->count; i++) {
        dirty |= v->extents[i].kind == VMDK_SPARSE && bat_is_dirty(&v->extents[i].bat);
    }
    atomic_set_release(&n->dirty, dirty);
    os_mutex_unlock(&n->tables);
    return status;
}

/* ---- the whole image */

static json_t *extent_facts(const struct vmdk_extent *t)
{
    json_t *o = json_object();
    const bool sparse = t->kind == VMDK_SPARSE;
    json_object_set_new(o, "filename", json_string(t->file ? block_node_file(t->file) : ""));
    json_object_set_new(o, "format",
                        json_string(t->kind == VMDK_FLAT ? "FLAT"
                                    : sparse             ? "SPARSE"
                                                         : "ZERO"));
    json_object_set_new(o, "virtual-size", json_integer((json_int_t)t->disk_bytes));
    if (sparse) {
        json_object_set_new(o, "cluster-size", json_integer(t->bat.block_bytes));
        if (t->bat.packed) {
            json_object_set_new(o, "compressed", json_true());
        }
    }
    return o;
}

static bool vmdk_info(struct block_node *n, json_t *facts, struct error *e)
{
    const struct vmdk *v = n->state;
    json_t *data = json_object(), *list = json_array(), *special = json_object();
    (void)e;
    for (size_t i = 0; i < v->count; i++) {
        json_array_append_new(list, extent_facts(&v->extents[i]));
    }
    json_object_set_new(data, "create-type", json_string(v->create_type ? v->create_type : ""));
    json_object_set_new(data, "cid", json_integer(v->cid));
    json_object_set_new(data, "parent-cid", json_integer(v->parent_cid));
    json_object_set_new(data, "extents", list);
    json_object_set_new(special, "type", json_string("vmdk"));
    json_object_set_new(special, "data", data);
    json_object_set_new(facts, "format-specific", special);
    if (v->count == 1 && v->extents[0].kind == VMDK_SPARSE) {
        json_object_set_new(facts, "cluster-size", json_integer(v->extents[0].bat.block_bytes));
    }
    return true;
}

/* Compressed grains: each is unpacked. */
struct packed_look {
    struct vmdk_extent *x;
    struct block_check *c;
    uint8_t *grain; /* NULL: there is no memory */
};

static void look_at_packed(void *opaque, uint64_t block, enum bat_kind kind, uint64_t place)
{
    struct packed_look *l = opaque;
    const uint64_t at = block * l->x->bat.block_bytes, left = l->x->disk_bytes - at;
    const uint32_t all = l->x->bat.block_bytes;
    if (kind != BAT_PACKED || !l->grain ||
        vmdk_unpack(l->x, place, l->grain, left < all ? (size_t)left : all) == 0) {
        return;
    }
    l->c->corruptions++;
    if (l->c->say) {
        char *text = mem_printf("the compressed grain at %" PRIu64 " of the disk is damaged",
                                l->x->disk_offset + at);
        l->c->say(l->c->opaque, true, text);
        mem_free(text);
    }
}

static bool check_packed(struct vmdk_extent *x, struct block_check *c, struct error *e)
{
    struct packed_look l = {x, c, mem_try_alloc(x->bat.block_bytes)};
    int status = l.grain ? bat_each(&x->bat, look_at_packed, &l) : -ENOMEM;
    mem_free(l.grain);
    return status == 0 || error_set(e, "%s: %s", block_node_file(x->file), strerror(-status));
}

static bool vmdk_check(struct block_node *n, unsigned fix, struct block_check *c, struct error *e)
{
    struct vmdk *v = n->state;
    bool good = true;
    for (size_t i = 0; good && i < v->count; i++) {
        struct vmdk_extent *t = &v->extents[i];
        if (t->kind == VMDK_SPARSE) {
            /* What lies behind compressed grains is not known before they are unpacked. */
            good = bat_check(&t->bat, fix, t->bat.packed ? BAT_ANY_TAIL : 0, c, e) &&
                   (!t->bat.packed || check_packed(t, c, e));
        }
    }
    return good;
}

const struct block_driver block_vmdk_driver = {
    .name = "vmdk",
    .desc = "VMware's images",
    .kind = BLOCK_FORMAT,
    .state_bytes = sizeof(struct vmdk),
    .probe = vmdk_probe,
    .open = vmdk_open,
    .close = vmdk_close,
    .reopen = vmdk_reopen,
    .map = vmdk_map,
    .linked = vmdk_linked,
    .load = vmdk_load,
    .decode = vmdk_decode,
    .write = vmdk_write,
    .zero = vmdk_zero,
    .discard = vmdk_discard,
    .flush = vmdk_flush,
    .write_packed = vmdk_write_packed,
    .committed = vmdk_committed,
    .info = vmdk_info,
    .check = vmdk_check,
    .create_options = vmdk_create_options,
    .create_bytes = sizeof(struct vmdk_create),
    .create = vmdk_make,
};
