/* SPDX-License-Identifier: MIT */
/* A folder as a FAT disk: taking stock of it, laying out, and what the tables say at first. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/vvfat.h"

void vvfat_free_files(struct vvfat_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(files[i].path);
        mem_free(files[i].bytes);
    }
    mem_free(files);
}

/* ---- taking stock */

static bool add_file(struct vvfat_disk *d, char *path, const struct stat *st, unsigned parent,
                     struct error *e)
{
    if (d->file_count >= VVFAT_ENTRIES_MAX) {
        mem_free(path);
        return error_set(e, "%s: it has more than %u files", d->dir, VVFAT_ENTRIES_MAX);
    }
    if (!S_ISDIR(st->st_mode) && st->st_size > UINT32_MAX) {
        error_set(e, "%s/%s: a file on a FAT disk has less than 4 GiB", d->dir, path);
        mem_free(path);
        return false;
    }
    d->files = mem_resize_array(d->files, d->file_count + 1, sizeof(*d->files));
    d->files[d->file_count++] = (struct vvfat_file){
        .path = path,
        .is_dir = S_ISDIR(st->st_mode),
        .size = S_ISDIR(st->st_mode) ? 0 : (uint32_t)st->st_size,
        .time_s = st->st_mtime,
        .parent = parent,
    };
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted; NULL with an error. */
static char **names_in(const struct vvfat_disk *d, const char *path, size_t *count, struct error *e)
{
    char *full = mem_printf("%s/%s", d->dir, path);
    DIR *dir = opendir(full);
    char **names = mem_array(1, sizeof(*names));
    *count = 0;
    if (!dir) {
        error_set(e, "%s: %s", full, strerror(errno));
        mem_free(names);
        mem_free(full);
        return NULL;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) && *count < VVFAT_ENTRIES_MAX;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            names = mem_resize_array(names, *count + 1, sizeof(*names));
            names[(*count)++] = mem_strdup(entry->d_name);
        }
    }
    closedir(dir);
    mem_free(full);
    qsort(names, *count, sizeof(*names), by_name);
    return names;
}

/* What is neither file nor folder is not on the disk, nor links that lead nowhere. */
static bool take_name(struct vvfat_disk *d, unsigned parent, const char *name, bool links,
                      struct error *e)
{
    const char *above = d->files[parent].path;
    char *path = *above ? mem_printf("%s/%s", above, name) : mem_strdup(name);
    char *full = mem_printf("%s/%s", d->dir, path);
    struct stat st, link;
    const bool there = stat(full, &st) == 0 && lstat(full, &link) == 0;
    mem_free(full);
    if (!there || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) ||
        (S_ISDIR(st.st_mode) && S_ISLNK(link.st_mode) && !links)) {
        mem_free(path);
        return true;
    }
    return add_file(d, path, &st, parent, e);
}

static unsigned depth_of(const struct vvfat_disk *d, unsigned i)
{
    unsigned depth = 0;
    for (; i; i = d->files[i].parent) {
        depth++;
    }
    return depth;
}

/* Folder after folder: those that are found are looked into in their turn. */
static bool take_stock(struct vvfat_disk *d, bool links, struct error *e)
{
    struct stat st;
    if (stat(d->dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
        return error_set(e, "%s: %s", d->dir, errno ? strerror(errno) : "it is no folder");
    }
    if (!add_file(d, mem_strdup(""), &st, 0, e)) {
        return false;
    }
    for (unsigned i = 0; i < d->file_count; i++) {
        size_t count;
        if (!d->files[i].is_dir) {
            continue;
        }
        if (depth_of(d, i) >= VVFAT_DEPTH_MAX) {
            return error_set(e, "%s/%s: folders are more than %d deep", d->dir, d->files[i].path,
                             VVFAT_DEPTH_MAX);
        }
        char **names = names_in(d, d->files[i].path, &count, e);
        bool good = names != NULL;
        d->files[i].child = (unsigned)d->file_count;
        for (size_t k = 0; names && k < count; k++) {
            good = good && take_name(d, i, names[k], links, e);
            mem_free(names[k]);
        }
        mem_free(names);
        if (!good) {
            return false;
        }
        d->files[i].children = (unsigned)d->file_count - d->files[i].child;
    }
    return true;
}

/* ---- names on the disk */

/* UTF-16 of a name; 0: it is not UTF-8, or too long. */
static unsigned to_utf16(const char *name, uint16_t *out, unsigned room)
{
    const uint8_t *p = (const uint8_t *)name;
    unsigned n = 0;
    while (*p) {
        const unsigned more = *p < 0x80 ? 0 : *p >> 5 == 6 ? 1 : *p >> 4 == 14 ? 2 : 3;
        uint32_t c = more == 0 ? *p : *p & (0x3fu >> more);
        if ((*p >= 0x80 && *p < 0xc2) || *p > 0xf4) {
            return 0;
        }
        p++;
        for (unsigned i = 0; i < more; i++, p++) {
            if ((*p & 0xc0) != 0x80) {
                return 0;
            }
            c = c << 6 | (*p & 0x3f);
        }
        if (n + 2 > room || c > 0x10ffff) {
            return 0;
        }
        if (c >= 0x10000) {
            out[n++] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
            c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        out[n++] = (uint16_t)c;
    }
    return n;
}

static bool is_short_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'()-@^_`{}~", c) != NULL);
}

/* Eleven characters, where the name is such a one already. */
static bool exact_short(const char *name, char *out)
{
    const char *dot = strchr(name, '.');
    const size_t base = dot ? (size_t)(dot - name) : strlen(name), ext = dot ? strlen(dot + 1) : 0;
    memset(out, ' ', 11);
    if (base < 1 || base > 8 || ext > 3 || (dot && ext < 1)) {
        return false;
    }
    memcpy(out, name, base);
    if (dot) {
        memcpy(out + 8, dot + 1, ext);
    }
    for (size_t i = 0; name[i]; i++) {
        if (name + i != dot && !is_short_char(name[i])) {
            return false;
        }
    }
    return true;
}

static size_t put_short(char *out, size_t room, const char *from, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n && used < room; i++) {
        const char c = from[i] >= 'a' && from[i] <= 'z' ? (char)(from[i] - 32) : from[i];
        if (c != '.' && c != ' ') {
            out[used++] = is_short_char(c) ? c : '_';
        }
    }
    return used;
}

static bool is_taken(const uint8_t *entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = entries + i * VVFAT_ENTRY;
        if (p[11] != VVFAT_LONG_NAME && memcmp(p, name, 11) == 0) {
            return true;
        }
    }
    return false;
}

/* NAME~N.EXT that nobody in the folder has. */
static void made_up_short(const char *name, const uint8_t *entries, size_t count, char *out)
{
    const char *dot = strrchr(name, '.');
    const size_t base = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    char stem[8];
    const size_t n = put_short(stem, sizeof(stem), name, base);
    memset(out, ' ', 11);
    if (dot && dot != name) {
        put_short(out + 8, 3, dot + 1, strlen(dot + 1));
    }
    /* In a large folder the first numbers are taken: tried are three of them, then a likely one. */
    for (unsigned i = 1;; i = i == 3 && count > 3 ? (unsigned)count : i + 1) {
        char tail[12];
        const size_t k = (size_t)snprintf(tail, sizeof(tail), "~%u", i);
        const size_t keep = n < 8 - k ? n : 8 - k;
        memset(out, ' ', 8);
        memcpy(out, stem, keep);
        memcpy(out + keep, tail, k);
        if (!is_taken(entries, count, out)) {
            return;
        }
    }
}

/* ---- folders */

static void put_time(uint8_t *p, int64_t time_s)
{
    time_t t = (time_t)time_s;
    struct tm tm;
    localtime_r(&t, &tm);
    const int year = tm.tm_year < 80 ? 0 : tm.tm_year > 207 ? 127 : tm.tm_year - 80;
    store_le16(p, (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2));
    store_le16(p + 2, (uint16_t)(year << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday));
}

static void put_entry(uint8_t *p, const char *name, unsigned attributes, const struct vvfat_file *f)
{
    memcpy(p, name, 11);
    p[11] = (uint8_t)attributes;
    put_time(p + 14, f->time_s);
    memcpy(p + 18, p + 16, 2);
    memcpy(p + 22, p + 14, 4);
    store_le16(p + 20, (uint16_t)(f->first >> 16));
    store_le16(p + 26, (uint16_t)f->first);
    store_le32(p + 28, f->size);
}

static uint8_t checksum(const char *name)
{
    uint8_t sum = 0;
    for (unsigned i = 0; i < 11; i++) {
        sum = (uint8_t)((sum >> 1 | sum << 7) + (uint8_t)name[i]);
    }
    return sum;
}

/* Thirteen characters of the long name. */
static void put_long(uint8_t *p, const uint16_t *name, unsigned n, unsigned part, uint8_t sum)
{
    static const uint8_t places[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    const bool last = (part + 1) * 13 >= n;
    p[0] = (uint8_t)((part + 1) | (last ? 0x40 : 0));
    p[11] = VVFAT_LONG_NAME;
    p[13] = sum;
    for (unsigned i = 0; i < 13; i++) {
        const unsigned k = part * 13 + i;
        store_le16(p + places[i], k < n ? name[k] : k == n ? 0 : 0xffff);
    }
}

/* Entries of a folder, from its files' clusters; a growing array. */
struct entries {
    uint8_t *bytes;
    size_t count;
};

static uint8_t *grow(struct entries *x)
{
    x->bytes = mem_resize_array(x->bytes, x->count + 1, VVFAT_ENTRY);
    memset(x->bytes + x->count * VVFAT_ENTRY, 0, VVFAT_ENTRY);
    return x->bytes + x->count++ * VVFAT_ENTRY;
}

static bool put_file(struct vvfat_disk *d, struct entries *x, const struct vvfat_file *f,
                     struct error *e)
{
    const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
    const unsigned attributes = f->is_dir ? VVFAT_DIRECTORY : VVFAT_ARCHIVE;
    uint16_t wide[256];
    char alias[11];
    if (!exact_short(name, alias) || is_taken(x->bytes, x->count, alias)) {
        const unsigned n = to_utf16(name, wide, 255);
        if (!n) {
            return error_set(e, "%s/%s: a name on a FAT disk is UTF-8 of at most 255 characters",
                             d->dir, f->path);
        }
        made_up_short(name, x->bytes, x->count, alias);
        for (unsigned part = (n + 12) / 13; part-- > 0;) {
            put_long(grow(x), wide, n, part, checksum(alias));
        }
    }
    put_entry(grow(x), alias, attributes, f);
    return true;
}

static bool make_folder(struct vvfat_disk *d, unsigned i, struct entries *x, struct error *e)
{
    const struct vvfat_file *f = &d->files[i];
    if (i == 0) {
        put_entry(grow(x), d->label, VVFAT_LABEL, &(struct vvfat_file){.time_s = f->time_s});
    } else {
        const unsigned above = f->parent;
        const struct vvfat_file self = {.first = f->first, .time_s = f->time_s};
        const struct vvfat_file up = {.first = above ? d->files[above].first : 0,
                                      .time_s = f->time_s};
        put_entry(grow(x), ".          ", VVFAT_DIRECTORY, &self);
        put_entry(grow(x), "..         ", VVFAT_DIRECTORY, &up);
    }
    for (unsigned k = 0; k < f->children; k++) {
        if (!put_file(d, x, &d->files[f->child + k], e)) {
            return false;
        }
    }
    return x->count <= VVFAT_ENTRIES_MAX ||
           error_set(e, "%s/%s: it has too many files for a folder of a FAT disk", d->dir, f->path);
}

/* ---- layout */

static uint64_t need_of(const struct vvfat_disk *d, uint64_t cluster)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < d->file_count; i++) {
        /* Entries of names are counted with the files; no folder has less than a cluster. */
        sum += d->files[i].is_dir ? cluster : align_up(d->files[i].size, cluster);
        sum += 22 * VVFAT_ENTRY;
    }
    return sum;
}

static void set_tables(struct vvfat_layout *l)
{
    const uint32_t part = l->sectors - l->part;
    const uint32_t root = l->root_entries * VVFAT_ENTRY / VVFAT_SECTOR;
    /* The tables take of what they describe: a few more sectors of them do no harm. */
    const uint64_t most = part / l->cluster_sectors + 2;
    l->fat_sectors = (uint32_t)((most * l->type / 8 + VVFAT_SECTOR) / VVFAT_SECTOR);
    l->data = l->part + l->reserved + 2 * l->fat_sectors + root;
    l->clusters = (l->sectors - l->data) / l->cluster_sectors;
}

/* qemu's sizes, as far as they go: floppies of 1.44 and 2.88 MB, disks of 504 MiB (32 MiB for
 * FAT12) with 16 heads and 63 sectors; FAT32 disks as large as need be. */
static bool lay_out(struct vvfat_disk *d, unsigned type, bool floppy, struct error *e)
{
    struct vvfat_layout *l = &d->layout;
    const uint64_t usual = (UINT64_C(1024) * 16 * 63 - 4096) * VVFAT_SECTOR;
    const unsigned chosen = type ? type : floppy ? 12 : need_of(d, 8192) < usual ? 16 : 32;
    *l = (struct vvfat_layout){.type = chosen, .floppy = floppy, .reserved = 1};
    if (floppy) {
        l->heads = 2;
        l->sectors_per_track = type ? 18 : 36;
        l->sectors = 80 * 2 * l->sectors_per_track;
        l->cluster_sectors = type ? 1 : 2;
        l->root_entries = 224;
    } else {
        l->heads = 16;
        l->sectors_per_track = 63;
        l->part = 63;
        l->sectors = (chosen == 12 ? 64 : 1024) * 16 * 63;
        l->cluster_sectors = chosen == 32 ? 8 : 16;
        l->root_entries = chosen == 32 ? 0 : 512;
        l->reserved = chosen == 32 ? 32 : 1;
    }
    while (chosen == 32 && need_of(d, vvfat_cluster_bytes(l)) / VVFAT_SECTOR * 9 / 8 > l->sectors) {
        if (l->sectors >= UINT32_C(1) << 31) {
            return error_set(e, "%s: it is too large for a FAT disk", d->dir);
        }
        l->sectors *= 2;
        l->cluster_sectors = l->cluster_sectors < 64 ? l->cluster_sectors * 2 : 64;
    }
    set_tables(l);
    return true;
}

/* ---- clusters */

static void set_fat(const struct vvfat_disk *d, uint8_t *fat, uint32_t c, uint32_t next)
{
    switch (d->layout.type) {
    case 12:
        if (c & 1) {
            fat[c * 3 / 2] = (uint8_t)((fat[c * 3 / 2] & 15) | next << 4);
            fat[c * 3 / 2 + 1] = (uint8_t)(next >> 4);
        } else {
            fat[c * 3 / 2] = (uint8_t)next;
            fat[c * 3 / 2 + 1] = (uint8_t)((fat[c * 3 / 2 + 1] & 0xf0) | (next >> 8 & 15));
        }
        break;
    case 16:
        store_le16(fat + c * 2, (uint16_t)next);
        break;
    default:
        store_le32(fat + (size_t)c * 4, next & 0x0fffffff);
    }
}

static bool take_clusters(struct vvfat_disk *d, struct vvfat_file *f, uint64_t bytes,
                          uint32_t *next, struct error *e)
{
    const uint64_t n = (bytes + vvfat_cluster_bytes(&d->layout) - 1) /
                       vvfat_cluster_bytes(&d->layout);
    if (n > d->layout.clusters + 2 - *next) {
        return error_set(e, "%s: it does not fit on a FAT%u disk of %u KiB", d->dir, d->layout.type,
                         d->layout.sectors / 2);
    }
    f->first = n ? *next : 0;
    f->clusters = (uint32_t)n;
    *next += (uint32_t)n;
    return true;
}

/* Folders get their clusters before their entries are known: by how many there will be. */
static size_t entries_of(const struct vvfat_disk *d, unsigned i)
{
    const struct vvfat_file *f = &d->files[i];
    size_t n = 2;
    for (unsigned k = 0; k < f->children; k++) {
        const char *path = d->files[f->child + k].path, *slash = strrchr(path, '/');
        n += 1 + (strlen(slash ? slash + 1 : path) + 12) / 13;
    }
    return n;
}

static bool take_all(struct vvfat_disk *d, struct error *e)
{
    uint32_t next = 2;
    d->placed = mem_array(d->file_count, sizeof(*d->placed));
    for (unsigned i = 0; i < d->file_count; i++) {
        struct vvfat_file *f = &d->files[i];
        const bool in_head = i == 0 && d->layout.type != 32;
        const uint64_t bytes = f->is_dir ? entries_of(d, i) * VVFAT_ENTRY : f->size;
        if (!in_head && !take_clusters(d, f, bytes, &next, e)) {
            return false;
        }
        if (f->clusters) {
            d->placed[d->placed_count++] = i;
        }
    }
    return true;
}

/* ---- the head */

static void put_chs(const struct vvfat_layout *l, uint8_t *p, uint32_t sector)
{
    const uint32_t track = sector / l->sectors_per_track;
    const uint32_t cylinder = track / l->heads;
    if (cylinder > 1023) {
        memcpy(p, "\xfe\xff\xff", 3);
        return;
    }
    p[0] = (uint8_t)(track % l->heads);
    p[1] = (uint8_t)((sector % l->sectors_per_track + 1) | (cylinder >> 8) << 6);
    p[2] = (uint8_t)cylinder;
}

static void put_partition(const struct vvfat_layout *l, uint8_t *sector)
{
    uint8_t *p = sector + 446;
    p[0] = 0x80;
    put_chs(l, p + 1, l->part);
    p[4] = l->type == 12 ? 0x01 : l->type == 16 ? 0x06 : 0x0c;
    put_chs(l, p + 5, l->sectors - 1);
    store_le32(p + 8, l->part);
    store_le32(p + 12, l->sectors - l->part);
    store_le32(sector + 440, 0x64726167); /* the disk's signature */
    store_le16(sector + 510, 0xaa55);
}

static void put_boot(const struct vvfat_disk *d, uint8_t *p)
{
    const struct vvfat_layout *l = &d->layout;
    const uint32_t sectors = l->sectors - l->part;
    const bool wide = l->type == 32;
    uint8_t *tail = p + (wide ? 64 : 36);
    memcpy(p, wide ? "\xeb\x58\x90" : "\xeb\x3c\x90", 3);
    memcpy(p + 3, "DRAGOMAN", 8);
    store_le16(p + 11, VVFAT_SECTOR);
    p[13] = (uint8_t)l->cluster_sectors;
    store_le16(p + 14, (uint16_t)l->reserved);
    p[16] = 2;
    store_le16(p + 17, (uint16_t)l->root_entries);
    store_le16(p + 19, sectors < 65536 && !wide ? (uint16_t)sectors : 0);
    p[21] = l->floppy ? 0xf0 : 0xf8;
    store_le16(p + 22, wide ? 0 : (uint16_t)l->fat_sectors);
    store_le16(p + 24, (uint16_t)l->sectors_per_track);
    store_le16(p + 26, (uint16_t)l->heads);
    store_le32(p + 28, l->part);
    store_le32(p + 32, sectors < 65536 && !wide ? 0 : sectors);
    if (wide) {
        store_le32(p + 36, l->fat_sectors);
        store_le32(p + 44, d->files[0].first);
        store_le16(p + 48, 1); /* sector of the counts of free clusters */
        store_le16(p + 50, 6); /* and of this one's copy */
    }
    tail[0] = l->floppy ? 0 : 0x80;
    tail[2] = 0x29;
    store_le32(tail + 3, 0xd4a60a7e);
    memcpy(tail + 7, d->label, 11);
    memcpy(tail + 18, l->type == 12 ? "FAT12   " : l->type == 16 ? "FAT16   " : "FAT32   ", 8);
    store_le16(p + 510, 0xaa55);
}

static void put_fats(const struct vvfat_disk *d, uint8_t *fat)
{
    const uint32_t end = 0x0fffffff;
    set_fat(d, fat, 0, 0x0fffff00 | (d->layout.floppy ? 0xf0 : 0xf8));
    set_fat(d, fat, 1, end);
    for (size_t i = 0; i < d->file_count; i++) {
        for (uint32_t k = 0; k < d->files[i].clusters; k++) {
            const uint32_t c = d->files[i].first + k;
            set_fat(d, fat, c, k + 1 < d->files[i].clusters ? c + 1 : end);
        }
    }
    memcpy(fat + (size_t)d->layout.fat_sectors * VVFAT_SECTOR, fat,
           (size_t)d->layout.fat_sectors * VVFAT_SECTOR);
}

static bool put_folders(struct vvfat_disk *d, uint8_t *root, struct error *e)
{
    for (unsigned i = 0; i < d->file_count; i++) {
        struct vvfat_file *f = &d->files[i];
        struct entries x = {NULL, 0};
        if (!f->is_dir) {
            continue;
        }
        const bool in_head = i == 0 && d->layout.type != 32;
        const uint64_t room = in_head ? d->layout.root_entries * VVFAT_ENTRY
                                      : f->clusters * vvfat_cluster_bytes(&d->layout);
        bool good = make_folder(d, i, &x, e);
        if (good && x.count * VVFAT_ENTRY > room) {
            good = error_set(e, "%s: the first folder of a FAT%u disk has at most %u entries",
                             d->dir, d->layout.type, d->layout.root_entries);
        }
        if (good) {
            f->bytes = in_head ? NULL : mem_alloc((size_t)room);
            memcpy(in_head ? root : f->bytes, x.bytes, x.count * VVFAT_ENTRY);
        }
        mem_free(x.bytes);
        if (!good) {
            return false;
        }
    }
    return true;
}

bool vvfat_make(struct vvfat_disk *d, unsigned type, bool floppy, bool links, struct error *e)
{
    errno = 0;
    if (!take_stock(d, links, e) || !lay_out(d, type, floppy, e) || !take_all(d, e)) {
        return false;
    }
    const struct vvfat_layout *l = &d->layout;
    d->head = mem_alloc((size_t)l->data * VVFAT_SECTOR);
    uint8_t *part = d->head + (size_t)l->part * VVFAT_SECTOR;
    if (l->part) {
        put_partition(l, d->head);
    }
    put_boot(d, part);
    if (l->type == 32) {
        uint8_t *counts = part + VVFAT_SECTOR;
        store_le32(counts, 0x41615252);
        store_le32(counts + 484, 0x61417272);
        memset(counts + 488, 0xff, 8); /* not known */
        store_le32(counts + 508, 0xaa550000);
        memcpy(part + (size_t)6 * VVFAT_SECTOR, part, (size_t)2 * VVFAT_SECTOR);
    }
    uint8_t *fat = part + (size_t)l->reserved * VVFAT_SECTOR;
    put_fats(d, fat);
    return put_folders(d, fat + (size_t)2 * l->fat_sectors * VVFAT_SECTOR, e);
}
