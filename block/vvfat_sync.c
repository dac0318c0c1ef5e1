/* SPDX-License-Identifier: MIT */
/*
 * What a guest made of a FAT disk, written to the host's folder.
 *
 * The file system is read back from the disk as it is now. It is the guest's, and may be in the
 * middle of something: what makes no sense (chains that end too early, meet or go round, names that
 * are none) is left as the host has it, and then nothing is removed. Files that changed are
 * written under another name and renamed, so that each is whole. No path leads out of the folder:
 * names have no slash, and a folder of the path that is a link on the host is none of ours.
 *
 * A file of the host may be where the disk's bytes come from (struct vvfat_file of d->files).
 * Before it is replaced or removed, what is still used of it goes to the overlay.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/new_file.h"
#include "block/vvfat.h"

struct walk {
    struct vvfat_disk *d;
    uint8_t *fat;
    size_t fat_bytes;
    uint64_t *seen; /* clusters in use */
    struct vvfat_file *files;
    size_t count;
    bool broken; /* something made no sense */
    int status;  /* the first that could not be done */
};

static void failed(struct walk *w, int status)
{
    w->status = w->status ? w->status : status;
}

/* ---- chains */

static bool is_cluster(const struct walk *w, uint32_t c)
{
    return c >= 2 && c - 2 < w->d->layout.clusters;
}

static uint32_t next_of(const struct walk *w, uint32_t c)
{
    switch (w->d->layout.type) {
    case 12: {
        const unsigned v = load_le16(w->fat + c * 3 / 2);
        return c & 1 ? v >> 4 : v & 0xfff;
    }
    case 16:
        return load_le16(w->fat + (size_t)c * 2);
    default:
        return load_le32(w->fat + (size_t)c * 4) & 0x0fffffff;
    }
}

static bool is_end(const struct walk *w, uint32_t c)
{
    const uint32_t end = w->d->layout.type == 12   ? 0xff8
                         : w->d->layout.type == 16 ? 0xfff8
                                                   : 0x0ffffff8;
    return c >= end;
}

/* Marks the chain from first on as in use. False: it does not end, or part of it is another's. */
static bool take_chain(struct walk *w, uint32_t first, uint32_t *clusters)
{
    uint32_t c = first;
    *clusters = 0;
    if (first == 0) {
        return true;
    }
    for (; is_cluster(w, c); c = next_of(w, c)) {
        if (bit(w->seen[c / 64], c % 64)) {
            return false;
        }
        w->seen[c / 64] |= UINT64_C(1) << c % 64;
        ++*clusters;
    }
    return is_end(w, c);
}

static bool sector_changed(const struct vvfat_disk *d, uint64_t sector)
{
    return bit(d->changed[sector / 64], sector % 64);
}

static bool chain_changed(const struct walk *w, uint32_t first)
{
    for (uint32_t c = first; is_cluster(w, c); c = next_of(w, c)) {
        const uint64_t sector = vvfat_cluster_at(&w->d->layout, c) / VVFAT_SECTOR;
        for (uint32_t i = 0; i < w->d->layout.cluster_sectors; i++) {
            if (sector_changed(w->d, sector + i)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- names */

struct name {
    uint16_t wide[261]; /* 20 parts, and a 0 */
    unsigned parts;     /* that are still to come; 0 and has: it is complete */
    bool has;
    uint8_t sum;
};

static void take_long(struct name *n, const uint8_t *p)
{
    static const uint8_t places[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    const unsigned part = p[0] & 0x3f;
    if (p[0] & 0x40) {
        memset(n, 0, sizeof(*n));
        n->parts = part;
        n->sum = p[13];
        n->has = true;
    }
    if (!n->has || part == 0 || part != n->parts || part > 20 || n->sum != p[13]) {
        n->has = false;
        return;
    }
    for (unsigned i = 0; i < 13; i++) {
        const uint16_t c = load_le16(p + places[i]);
        n->wide[(part - 1) * 13 + i] = c == 0xffff ? 0 : c;
    }
    n->parts--;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t heads[] = {0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(heads[more] | c >> 6 * more);
    for (unsigned i = 1; i <= more; i++) {
        out[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
    }
    return more + 1;
}

/* False: half a character. */
static bool long_to_text(const struct name *n, char *out)
{
    size_t used = 0;
    for (unsigned i = 0; n->wide[i]; i++) {
        uint32_t c = n->wide[i];
        if (c >= 0xd800 && c < 0xdc00 && n->wide[i + 1] >= 0xdc00 && n->wide[i + 1] < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (n->wide[++i] - 0xdc00u);
        } else if (c >= 0xd800 && c < 0xe000) {
            return false;
        }
        used += put_utf8(out + used, c);
    }
    out[used] = '\0';
    return true;
}

static void short_to_text(const uint8_t *p, char *out)
{
    size_t used = 0;
    for (unsigned i = 0; i < 11; i++) {
        const bool lower = p[12] & (i < 8 ? 8 : 16);
        uint8_t c = i == 0 && p[0] == 5 ? 0xe5 : p[i];
        if (i == 8 && p[8] != ' ') {
            out[used++] = '.';
        }
        if (c != ' ') {
            c = c >= 0x80 ? '_' : c;
            out[used++] = (char)(lower && c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
    }
    out[used] = '\0';
}

static uint8_t checksum(const uint8_t *p)
{
    uint8_t sum = 0;
    for (unsigned i = 0; i < 11; i++) {
        sum = (uint8_t)((sum >> 1 | sum << 7) + p[i]);
    }
    return sum;
}

static bool is_name(const char *name)
{
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) > 255) {
        return false;
    }
    for (; *name; name++) {
        if (*name == '/' || (uint8_t)*name < 32 || *name == 127) {
            return false;
        }
    }
    return true;
}

/* ---- folders */

static void take_entry(struct walk *w, unsigned above, const uint8_t *p, const struct name *n)
{
    char name[800];
    const uint32_t high = w->d->layout.type == 32 ? (uint32_t)load_le16(p + 20) << 16 : 0;
    struct vvfat_file f = {
        .is_dir = p[11] & VVFAT_DIRECTORY,
        .first = high | load_le16(p + 26),
        .size = load_le32(p + 28),
        .parent = above,
    };
    const bool is_long = n->has && n->parts == 0 && n->sum == checksum(p);
    bool good = !is_long || long_to_text(n, name);
    if (!is_long) {
        short_to_text(p, name);
    }
    good = good && is_name(name) && w->count < VVFAT_ENTRIES_MAX &&
           take_chain(w, f.first, &f.clusters) && (!f.is_dir || f.clusters > 0);
    const uint64_t room = f.clusters * vvfat_cluster_bytes(&w->d->layout);
    if (!good || (!f.is_dir && f.size > room)) {
        w->broken = true;
        return;
    }
    f.size = f.is_dir ? 0 : f.size;
    const char *path = w->files[above].path;
    f.path = *path ? mem_printf("%s/%s", path, name) : mem_strdup(name);
    w->files = mem_resize_array(w->files, w->count + 1, sizeof(f));
    w->files[w->count++] = f;
}

/* n bytes of entries; false: the folder ends here. */
static bool take_entries(struct walk *w, unsigned folder, const uint8_t *bytes, size_t n,
                         struct name *name)
{
    for (const uint8_t *p = bytes; p < bytes + n; p += VVFAT_ENTRY) {
        if (p[0] == 0) {
            return false;
        }
        if (p[0] == 0xe5) {
            name->has = false;
        } else if ((p[11] & 0x3f) == VVFAT_LONG_NAME) {
            take_long(name, p);
        } else {
            if (!(p[11] & VVFAT_LABEL) && p[0] != '.') {
                take_entry(w, folder, p, name);
            }
            name->has = false;
        }
    }
    return true;
}

static unsigned depth_of(const char *path)
{
    unsigned depth = *path != '\0';
    for (; *path; path++) {
        depth += *path == '/';
    }
    return depth;
}

static void read_folder(struct walk *w, unsigned i)
{
    const struct vvfat_layout *l = &w->d->layout;
    const uint64_t bytes = vvfat_cluster_bytes(l);
    struct name name = {.has = false};
    if (depth_of(w->files[i].path) >= VVFAT_DEPTH_MAX) {
        w->broken = true;
        return;
    }
    if (i == 0 && l->type != 32) {
        const size_t n = (size_t)l->root_entries * VVFAT_ENTRY;
        uint8_t *root = mem_alloc(n);
        int status = vvfat_get(w->d, (uint64_t)l->data * VVFAT_SECTOR - n, root, n);
        status < 0 ? failed(w, status) : (void)take_entries(w, i, root, n, &name);
        mem_free(root);
        return;
    }
    uint8_t *cluster = mem_alloc((size_t)bytes);
    uint64_t entries = 0;
    bool more = true;
    for (uint32_t c = w->files[i].first; more && is_cluster(w, c); c = next_of(w, c)) {
        int status = vvfat_get(w->d, vvfat_cluster_at(l, c), cluster, (size_t)bytes);
        entries += bytes / VVFAT_ENTRY;
        if (status < 0 || entries > VVFAT_ENTRIES_MAX) {
            failed(w, status);
            w->broken = true;
            break;
        }
        more = take_entries(w, i, cluster, (size_t)bytes, &name);
    }
    mem_free(cluster);
}

static void read_disk(struct walk *w)
{
    const struct vvfat_layout *l = &w->d->layout;
    struct vvfat_file root = {.path = mem_strdup(""), .is_dir = true};
    w->fat_bytes = (size_t)l->fat_sectors * VVFAT_SECTOR;
    w->fat = mem_alloc(w->fat_bytes + 4);
    w->seen = mem_array((l->clusters + 2) / 64 + 1, sizeof(uint64_t));
    w->files = mem_array(1, sizeof(root));
    int status = vvfat_get(w->d, ((uint64_t)l->part + l->reserved) * VVFAT_SECTOR, w->fat,
                           w->fat_bytes);
    if (l->type == 32) {
        root.first = w->d->files[0].first; /* where we put it; a guest has no reason to move it */
        w->broken = !take_chain(w, root.first, &root.clusters);
    }
    w->files[w->count++] = root;
    if (status < 0) {
        failed(w, status);
        return;
    }
    for (unsigned i = 0; i < w->count; i++) {
        if (w->files[i].is_dir) {
            read_folder(w, i);
        }
    }
}

/* ---- the host's folder */

/* A name in a folder of the host that was reached without a symbolic link below d->dir. */
struct place {
    int folder;
    char *path; /* by the folder's descriptor */
};

static int open_folder(int above, const char *name, size_t n)
{
    char *text = mem_printf("%.*s", (int)n, name);
    int fd = openat(above, text, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    mem_free(text);
    return fd;
}

static void leave(struct place *p)
{
    close(p->folder);
    mem_free(p->path);
}

/* 0 or -errno: a folder above is not there, or is a link now. */
static int reach(const struct vvfat_disk *d, const char *path, struct place *p)
{
    const char *slash;
    p->folder = open(d->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (p->folder >= 0 && (slash = strchr(path, '/'))) {
        const int next = open_folder(p->folder, path, (size_t)(slash - path));
        const int why = errno;
        close(p->folder);
        errno = why;
        p->folder = next;
        path = slash + 1;
    }
    if (p->folder < 0) {
        return errno == ELOOP || errno == ENOTDIR ? -ENOTDIR : -errno;
    }
    p->path = mem_printf("/proc/self/fd/%d/%s", p->folder, path);
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct vvfat_file *)a)->path, ((const struct vvfat_file *)b)->path);
}

/* In a list that is sorted by paths. */
static struct vvfat_file *find(struct vvfat_file *files, size_t count, const char *path)
{
    const struct vvfat_file key = {.path = (char *)(uintptr_t)path};
    return count ? bsearch(&key, files, count, sizeof(key), by_path) : NULL;
}

static bool is_used(const struct walk *w, const struct vvfat_file *f)
{
    for (uint32_t k = 0; k < f->clusters; k++) {
        const uint32_t c = f->first + k;
        if (bit(w->seen[c / 64], c % 64)) {
            return true;
        }
    }
    return false;
}

/* The host's file at the path is about to go or to change. False: not yet. */
static bool let_go(struct walk *w, const char *path)
{
    for (size_t i = 0; i < w->d->file_count; i++) {
        struct vvfat_file *f = &w->d->files[i];
        if (f->is_dir || f->adopted || strcmp(f->path, path) != 0) {
            continue;
        }
        int status = is_used(w, f) ? vvfat_adopt(w->d, f) : 0;
        if (status < 0) {
            failed(w, status);
            return false;
        }
        f->adopted = true;
    }
    return true;
}

static void remove_path(struct walk *w, const struct vvfat_file *f)
{
    struct place p;
    int status = reach(w->d, f->path, &p);
    if (status == 0) {
        if (f->is_dir ? rmdir(p.path) < 0 && errno != ENOTEMPTY && errno != EEXIST
                      : let_go(w, f->path) && unlink(p.path) < 0) {
            status = -errno;
        }
        leave(&p);
    }
    failed(w, status == -ENOENT || status == -ENOTDIR ? 0 : status); /* it is gone already */
}

/* A folder goes after what we know in it; d->known is sorted by paths. */
static void remove_tree(struct walk *w, const struct vvfat_file *f)
{
    const size_t n = strlen(f->path);
    for (size_t i = f->is_dir ? w->d->known_count : 0; i-- > 0;) {
        const struct vvfat_file *in = &w->d->known[i];
        if (strncmp(in->path, f->path, n) == 0 && in->path[n] == '/') {
            remove_path(w, in);
        }
    }
    remove_path(w, f);
}

/* A folder that is one on the host, too; made if need be. */
static bool have_folder(struct walk *w, const char *path)
{
    struct stat st;
    struct place p;
    if (*path == '\0') {
        return true;
    }
    int status = reach(w->d, path, &p);
    if (status == 0) {
        const bool there = lstat(p.path, &st) == 0 && S_ISDIR(st.st_mode);
        status = there || mkdir(p.path, 0777) == 0 ? 0 : -errno;
        leave(&p);
    }
    failed(w, status);
    return status == 0;
}

static void write_content(struct walk *w, const struct vvfat_file *f, struct new_file *out)
{
    const uint64_t bytes = vvfat_cluster_bytes(&w->d->layout);
    uint8_t *cluster = mem_alloc((size_t)bytes);
    uint64_t left = f->size;
    int status = 0;
    for (uint32_t c = f->first; left > 0 && status == 0; c = next_of(w, c)) {
        const size_t some = left < bytes ? (size_t)left : (size_t)bytes;
        status = vvfat_get(w->d, vvfat_cluster_at(&w->d->layout, c), cluster, some);
        new_file_put(out, cluster, some);
        left -= some;
    }
    mem_free(cluster);
    struct error e;
    if (status < 0) {
        failed(w, status);
        new_file_abandon(out);
    } else if (!new_file_finish(out, &e)) {
        failed(w, -EIO);
    }
}

static void write_file(struct walk *w, const struct vvfat_file *f)
{
    struct error e;
    struct place p;
    const int status = reach(w->d, f->path, &p);
    if (status < 0) {
        failed(w, status);
        return;
    }
    struct new_file *out = let_go(w, f->path) ? new_file_open(p.path, &e) : NULL;
    if (out) {
        write_content(w, f, out);
    } else {
        failed(w, -EIO);
    }
    leave(&p);
}

static bool is_same(const struct walk *w, const struct vvfat_file *was, const struct vvfat_file *is)
{
    return was && was->is_dir == is->is_dir && was->first == is->first && was->size == is->size &&
           !chain_changed(w, is->first);
}

/* Folders, then what is in them; w->files is in that order. */
static void bring_up(struct walk *w)
{
    bool *there = mem_array(w->count, sizeof(bool));
    for (size_t i = 0; i < w->count; i++) {
        const struct vvfat_file *f = &w->files[i];
        struct vvfat_file *was = find(w->d->known, w->d->known_count, f->path);
        if (i && !there[f->parent]) {
            continue;
        }
        if (was && was->is_dir != f->is_dir && !w->broken) {
            remove_tree(w, was);
        }
        if (f->is_dir) {
            there[i] = have_folder(w, f->path);
        } else if (!is_same(w, was, f)) {
            write_file(w, f);
        }
    }
    mem_free(there);
}

/* What is gone from the disk goes from the host: the last of the sorted paths first. */
static void take_down(struct walk *w)
{
    for (size_t i = w->d->known_count; i-- > 0;) {
        const struct vvfat_file *f = &w->d->known[i];
        if (!find(w->files, w->count, f->path)) {
            remove_path(w, f);
        }
    }
}

/* Where nothing was removed, what the host had stays known. */
static void keep_known(struct walk *w)
{
    const size_t count = w->count;
    for (size_t i = 0; i < w->d->known_count; i++) {
        const struct vvfat_file *f = &w->d->known[i];
        if (!find(w->files, count, f->path)) {
            w->files = mem_resize_array(w->files, w->count + 1, sizeof(*f));
            w->files[w->count] = *f;
            w->files[w->count++].path = mem_strdup(f->path);
        }
    }
    qsort(w->files, w->count, sizeof(*w->files), by_path);
}

static void set_known(struct walk *w)
{
    struct vvfat_disk *d = w->d;
    vvfat_free_files(d->known, d->known_count);
    d->known = w->files;
    d->known_count = w->count;
    w->files = NULL;
    w->count = 0;
    if (!w->broken) { /* else a file that made no sense has not been written yet */
        memset(d->changed, 0, (d->layout.sectors + 63) / 64 * sizeof(uint64_t));
    }
}

static bool has_changed(const struct vvfat_disk *d)
{
    for (size_t i = 0; i < (d->layout.sectors + 63) / 64; i++) {
        if (d->changed[i]) {
            return true;
        }
    }
    return false;
}

/* The partition is where it was, and the file system of the same shape: a guest that makes another
 * one has not thereby removed what the folder has. */
static bool is_ours(struct vvfat_disk *d)
{
    const struct vvfat_layout *l = &d->layout;
    const uint8_t *boot = d->head + (size_t)l->part * VVFAT_SECTOR;
    uint8_t sector[VVFAT_SECTOR];
    if (l->part && (vvfat_get(d, 0, sector, sizeof(sector)) < 0 ||
                    memcmp(sector + 454, d->head + 454, 8) != 0)) { /* begin and length */
        return false;
    }
    return vvfat_get(d, (uint64_t)l->part * VVFAT_SECTOR, sector, sizeof(sector)) == 0 &&
           memcmp(sector + 11, boot + 11, l->type == 32 ? 37 : 25) == 0;
}

int vvfat_sync(struct vvfat_disk *d)
{
    struct walk w = {.d = d};
    if (!has_changed(d)) {
        return 0;
    }
    if (!is_ours(d)) {
        return -EIO;
    }
    read_disk(&w);
    if (w.status == 0) {
        qsort(d->known, d->known_count, sizeof(*d->known), by_path);
        bring_up(&w);
        qsort(w.files, w.count, sizeof(*w.files), by_path);
        if (!w.broken && w.status == 0) {
            take_down(&w);
        } else {
            keep_known(&w);
        }
    }
    if (w.status == 0) {
        set_known(&w);
    }
    vvfat_free_files(w.files, w.count);
    mem_free(w.fat);
    mem_free(w.seen);
    return w.status;
}
