/* SPDX-License-Identifier: MIT */
/*
 * The protocol fat: a folder of the host as a disk with a FAT file system.
 *
 * Tables and folders are made when the disk is opened (vvfat_make.c); files are read from the host
 * as they are asked for. With rw what is written goes to a temporary file; at each flush, and at
 * the end, the file system that results is read back, and the host's folder made the same
 * (vvfat_sync.c).
 */
#include "block/vvfat.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/drivers.h"

struct vvfat {
    char *dir, *label;
    uint32_t type;
    bool floppy, rw;
    struct vvfat_disk disk;
    bool ready;
    struct os_mutex lock; /* guards disk, but for what never changes */
};

#define O(name_, type_, member, initial_, help_)                                                   \
    {                                                                                              \
        name_, type_, offsetof(struct vvfat, member), initial_, help_, NULL, false                 \
    }
static const struct block_option vvfat_options[] = {
    O("dir", BLOCK_OPT_TEXT, dir, NULL, "folder of the host"),
    O("fat-type", BLOCK_OPT_U32, type, NULL, "12, 16 or 32 (16, and 32 where that is too small)"),
    O("floppy", BLOCK_OPT_BOOL, floppy, "off", "a floppy disk, without partitions"),
    O("label", BLOCK_OPT_TEXT, label, "DRAGOMAN", "of the disk, at most 11 characters"),
    O("rw", BLOCK_OPT_BOOL, rw, "off", "what is written is written to the folder"),
    {0},
};
#undef O

/* fat:[rw:][floppy:][12:|16:|32:]FOLDER, in any order. */
static bool vvfat_parse(const char *name, json_t *o, struct error *e)
{
    static const struct {
        const char *word, *key, *value;
    } words[] = {
        {"rw:", "rw", "on"},       {"floppy:", "floppy", "on"}, {"12:", "fat-type", "12"},
        {"16:", "fat-type", "16"}, {"32:", "fat-type", "32"},
    };
    for (size_t i = 0; i < array_len(words); i++) {
        const size_t n = strlen(words[i].word);
        if (strncmp(name, words[i].word, n) == 0) {
            json_object_set_new(o, words[i].key, json_string(words[i].value));
            name += n;
            i = (size_t)-1; /* another one may follow */
        }
    }
    json_t *dir = json_string(name);
    if (!*name || !dir) {
        json_decref(dir);
        return error_set(e, "fat:[rw:][floppy:][12:|16:|32:]FOLDER is accepted");
    }
    return json_object_set_new(o, "dir", dir) == 0;
}

/* ---- opening */

static bool set_label(struct vvfat *v, struct error *e)
{
    const size_t n = strlen(v->label);
    bool good = n <= 11;
    memset(v->disk.label, ' ', 11);
    for (size_t i = 0; good && i < n; i++) {
        const char c = v->label[i] >= 'a' && v->label[i] <= 'z' ? (char)(v->label[i] - 32)
                                                                : v->label[i];
        good = c >= ' ' && c < 127 && !strchr("\"*+,./:;<=>?[\\]|", c);
        v->disk.label[i] = c;
    }
    return good || error_set(e, "vvfat: label=%s: up to 11 letters, digits and spaces are accepted",
                             v->label);
}

static bool open_overlay(struct vvfat_disk *d, struct error *e)
{
    const size_t words = (d->layout.sectors + 63) / 64;
    d->overlay = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (d->overlay < 0) {
        d->overlay = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    }
    if (d->overlay < 0) {
        return error_set(e, "rw: no temporary file can be made in /var/tmp: %s", strerror(errno));
    }
    d->written = mem_array(words, sizeof(uint64_t));
    d->changed = mem_array(words, sizeof(uint64_t));
    d->known = mem_array(d->file_count, sizeof(*d->known));
    d->known_count = d->file_count;
    for (size_t i = 0; i < d->file_count; i++) {
        d->known[i] = d->files[i];
        d->known[i].path = mem_strdup(d->files[i].path);
        d->known[i].bytes = NULL;
    }
    return true;
}

static bool vvfat_open(struct block_node *n, struct error *e)
{
    struct vvfat *v = n->state;
    struct vvfat_disk *d = &v->disk;
    d->overlay = -1;
    os_mutex_init(&v->lock);
    v->ready = true;
    if (!v->dir) {
        return error_set(e, "vvfat: dir= is missing");
    }
    if (v->type && v->type != 12 && v->type != 16 && v->type != 32) {
        return error_set(e, "vvfat: fat-type=%" PRIu32 ": 12, 16 and 32 are accepted", v->type);
    }
    if (v->floppy && v->type && v->type != 12) {
        return error_set(e, "vvfat: a floppy disk has fat-type=12");
    }
    n->file_name = mem_printf("fat:%s", v->dir);
    if (n->mode.write && !v->rw) {
        if (!n->auto_read_only) {
            return error_set(e,
                             "fat:%s can be read only (fat:rw:%s is written to the folder; "
                             "readonly=on and snapshot=on do not write)",
                             v->dir, v->dir);
        }
        n->mode.write = false;
    }
    d->dir = mem_strdup(v->dir);
    if (!set_label(v, e) || !vvfat_make(d, v->type, v->floppy, !v->rw, e)) {
        return false;
    }
    n->size_bytes = (uint64_t)d->layout.sectors * VVFAT_SECTOR;
    return !v->rw || open_overlay(d, e);
}

static void vvfat_close(struct block_node *n)
{
    struct vvfat *v = n->state;
    struct vvfat_disk *d = &v->disk;
    if (d->written && n->opened) {
        vvfat_sync(d); /* what cannot be done was told of at a flush */
    }
    if (d->overlay >= 0 && v->ready) {
        close(d->overlay);
    }
    vvfat_free_files(d->files, d->file_count);
    vvfat_free_files(d->known, d->known_count);
    mem_free(d->placed);
    mem_free(d->written);
    mem_free(d->changed);
    mem_free(d->head);
    mem_free(d->dir);
    if (v->ready) {
        os_mutex_destroy(&v->lock);
    }
}

static bool vvfat_reopen(struct block_node *n, bool write, struct error *e)
{
    const struct vvfat *v = n->state;
    return !write || v->rw || error_set(e, "%s is read-only", block_node_file(n));
}

/* ---- reading: the lock is held */

/* How many of d->placed begin at or before the cluster. */
static size_t placed_before(const struct vvfat_disk *d, uint32_t cluster)
{
    size_t low = 0, high = d->placed_count;
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if (d->files[d->placed[mid]].first <= cluster) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The file that the cluster was given to at first. */
static struct vvfat_file *file_at(struct vvfat_disk *d, uint32_t cluster)
{
    const size_t n = placed_before(d, cluster);
    struct vvfat_file *f = n ? &d->files[d->placed[n - 1]] : NULL;
    return f && cluster - f->first < f->clusters ? f : NULL;
}

/* n bytes of a file from `at` on, zeros behind its end. */
static int read_file(const struct vvfat_disk *d, const struct vvfat_file *f, uint64_t at,
                     uint8_t *bytes, size_t n)
{
    if (f->is_dir) {
        memcpy(bytes, f->bytes + at, n);
        return 0;
    }
    char *path = mem_printf("%s/%s", d->dir, f->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int status = fd < 0 ? -errno : 0;
    const size_t there = at < f->size ? (size_t)(f->size - at) : 0;
    size_t done = 0;
    mem_free(path);
    while (status == 0 && done < n && done < there) {
        const size_t some = there < n ? there - done : n - done;
        ssize_t got = pread(fd, bytes + done, some, (off_t)(at + done));
        if (got <= 0) {
            status = got < 0 && errno != EINTR ? -errno : 0;
            if (got == 0) { /* it is shorter now */
                break;
            }
            continue;
        }
        done += (size_t)got;
    }
    memset(bytes + done, 0, n - done);
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

/* What was there at first; within a sector's run of one kind: *some bytes of n. */
static int get_base(struct vvfat_disk *d, uint64_t offset, uint8_t *bytes, size_t n, size_t *some)
{
    const uint64_t data = (uint64_t)d->layout.data * VVFAT_SECTOR;
    const uint64_t cluster_bytes = vvfat_cluster_bytes(&d->layout);
    if (offset < data) {
        *some = data - offset < n ? (size_t)(data - offset) : n;
        memcpy(bytes, d->head + offset, *some);
        return 0;
    }
    const uint32_t cluster = (uint32_t)((offset - data) / cluster_bytes) + 2;
    const struct vvfat_file *f = file_at(d, cluster);
    const uint64_t run = f ? (f->first + f->clusters - cluster) * cluster_bytes : cluster_bytes;
    const uint64_t left = run - (offset - data) % cluster_bytes;
    *some = left < n ? (size_t)left : n;
    if (!f || f->adopted) {
        memset(bytes, 0, *some);
        return 0;
    }
    return read_file(d, f, (cluster - f->first) * cluster_bytes + (offset - data) % cluster_bytes,
                     bytes, *some);
}

static bool is_written(const struct vvfat_disk *d, uint64_t sector)
{
    return d->written && bit(d->written[sector / 64], sector % 64);
}

/* How many of n bytes from offset on are alike. */
static size_t run_of(const struct vvfat_disk *d, uint64_t offset, size_t n, bool *written)
{
    uint64_t sector = offset / VVFAT_SECTOR;
    *written = is_written(d, sector);
    uint64_t end = (sector + 1) * VVFAT_SECTOR;
    while (d->written && end < offset + n && is_written(d, end / VVFAT_SECTOR) == *written) {
        end += VVFAT_SECTOR;
    }
    return !d->written || end - offset > n ? n : (size_t)(end - offset);
}

static int pread_all(int fd, uint8_t *bytes, size_t n, uint64_t offset)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, bytes + done, n - done, (off_t)(offset + done));
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return got < 0 ? -errno : -EIO;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int pwrite_all(int fd, const uint8_t *bytes, size_t n, uint64_t offset)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pwrite(fd, bytes + done, n - done, (off_t)(offset + done));
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return got < 0 ? -errno : -EIO;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

int vvfat_get(struct vvfat_disk *d, uint64_t offset, void *bytes, size_t n)
{
    int status = 0;
    for (size_t done = 0; done < n && status == 0;) {
        bool written;
        size_t some = run_of(d, offset + done, n - done, &written);
        uint8_t *at = (uint8_t *)bytes + done;
        status = written ? pread_all(d->overlay, at, some, offset + done)
                         : get_base(d, offset + done, at, some, &some);
        done += some;
    }
    return status;
}

static int put_sectors(struct vvfat_disk *d, uint64_t sector, const uint8_t *bytes, size_t count)
{
    int status = pwrite_all(d->overlay, bytes, count * VVFAT_SECTOR, sector * VVFAT_SECTOR);
    for (size_t i = 0; i < count && status == 0; i++) {
        d->written[(sector + i) / 64] |= UINT64_C(1) << (sector + i) % 64;
    }
    return status;
}

int vvfat_adopt(struct vvfat_disk *d, struct vvfat_file *f)
{
    const uint64_t first = f->clusters ? vvfat_cluster_at(&d->layout, f->first) / VVFAT_SECTOR : 0;
    const uint64_t end = first + (uint64_t)f->clusters * d->layout.cluster_sectors;
    int status = 0;
    for (uint64_t s = first; s < end && status == 0; s++) {
        uint8_t sector[VVFAT_SECTOR];
        if (!is_written(d, s)) {
            status = vvfat_get(d, s * VVFAT_SECTOR, sector, sizeof(sector));
            status = status ? status : put_sectors(d, s, sector, 1);
        }
    }
    f->adopted = f->adopted || status == 0;
    return status;
}

/* ---- requests */

#define PIECE 65536u

static int vvfat_read(struct block_node *n, uint64_t offset, const struct iovec *iov,
                      unsigned count, uint64_t bytes)
{
    struct vvfat *v = n->state;
    uint8_t *piece = mem_alloc(PIECE);
    int status = 0;
    for (uint64_t done = 0; done < bytes && status == 0;) {
        const size_t some = bytes - done < PIECE ? (size_t)(bytes - done) : PIECE;
        os_mutex_lock(&v->lock);
        status = vvfat_get(&v->disk, offset + done, piece, some);
        os_mutex_unlock(&v->lock);
        if (status == 0) {
            block_iov_put(iov, count, done, piece, some);
        }
        done += some;
    }
    mem_free(piece);
    return status;
}

/* At most PIECE bytes, grown to whole sectors. */
static int write_piece(struct vvfat_disk *d, uint64_t offset, const struct iovec *iov,
                       unsigned count, uint64_t skip, size_t n)
{
    const uint64_t from = align_down(offset, VVFAT_SECTOR);
    const size_t all = (size_t)(align_up(offset + n, VVFAT_SECTOR) - from);
    uint8_t *piece = mem_alloc(all);
    int status = is_aligned(offset | n, VVFAT_SECTOR) ? 0 : vvfat_get(d, from, piece, all);
    if (status == 0) {
        block_iov_get(iov, count, skip, piece + (offset - from), n);
        status = put_sectors(d, from / VVFAT_SECTOR, piece, all / VVFAT_SECTOR);
    }
    for (uint64_t s = from / VVFAT_SECTOR; s < (from + all) / VVFAT_SECTOR; s++) {
        d->changed[s / 64] |= UINT64_C(1) << s % 64;
    }
    mem_free(piece);
    return status;
}

static int flush_locked(struct vvfat *v)
{
    os_mutex_lock(&v->lock);
    int status = v->disk.written ? vvfat_sync(&v->disk) : 0;
    os_mutex_unlock(&v->lock);
    return status;
}

static int vvfat_write(struct block_node *n, uint64_t offset, const struct iovec *iov,
                       unsigned count, uint64_t bytes, unsigned flags)
{
    struct vvfat *v = n->state;
    int status = 0;
    for (uint64_t done = 0; done < bytes && status == 0;) {
        const size_t some = bytes - done < PIECE ? (size_t)(bytes - done) : PIECE;
        os_mutex_lock(&v->lock);
        status = write_piece(&v->disk, offset + done, iov, count, done, some);
        os_mutex_unlock(&v->lock);
        done += some;
    }
    return status == 0 && (flags & BLOCK_FUA) ? flush_locked(v) : status;
}

static int vvfat_flush(struct block_node *n)
{
    return flush_locked(n->state);
}

/* What is no file's reads as zeros; of a disk that is written, all counts as data. */
static int vvfat_status(struct block_node *n, uint64_t offset, uint64_t bytes,
                        struct block_status *s)
{
    struct vvfat *v = n->state;
    struct vvfat_disk *d = &v->disk;
    const uint64_t data = (uint64_t)d->layout.data * VVFAT_SECTOR;
    *s = (struct block_status){.where = BLOCK_DATA, .bytes = bytes};
    if (d->written || offset < data) {
        s->bytes = !d->written && bytes > data - offset ? data - offset : bytes;
        return 0;
    }
    const uint64_t cluster_bytes = vvfat_cluster_bytes(&d->layout);
    const uint32_t cluster = (uint32_t)((offset - data) / cluster_bytes) + 2;
    const struct vvfat_file *f = file_at(d, cluster);
    const size_t next = placed_before(d, cluster);
    uint64_t end = offset + bytes;
    if (f) {
        end = vvfat_cluster_at(&d->layout, f->first + f->clusters);
    } else if (next < d->placed_count) {
        end = vvfat_cluster_at(&d->layout, d->files[d->placed[next]].first);
    }
    s->where = f ? BLOCK_DATA : BLOCK_ZERO;
    s->bytes = end - offset < bytes ? end - offset : bytes;
    return 0;
}

static const char *const vvfat_prefixes[] = {"fat:", NULL};

const struct block_driver block_vvfat_driver = {
    .name = "vvfat",
    .desc = "folder of the host, as a FAT disk",
    .kind = BLOCK_PROTOCOL,
    .state_bytes = sizeof(struct vvfat),
    .options = vvfat_options,
    .prefixes = vvfat_prefixes,
    .parse_name = vvfat_parse,
    .open = vvfat_open,
    .close = vvfat_close,
    .reopen = vvfat_reopen,
    .read = vvfat_read,
    .write = vvfat_write,
    .flush = vvfat_flush,
    .status = vvfat_status,
};
