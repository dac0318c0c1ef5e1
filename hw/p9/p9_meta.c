/* SPDX-License-Identifier: MIT */
/*
 * Owners, rights and kinds of a guest's files: the host's own, or (mapped models) in extended
 * attributes user.virtfs.{uid,gid,mode,rdev}, little-endian, or in lines virtfs.KEY=NUMBER of
 * .virtfs_metadata/NAME, as QEMU's shares have them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hw/p9/p9.h"

#define FOLDER ".virtfs_metadata"
#define ROOT_FILE ".virtfs_metadata_root"
#define PREFIX "user.virtfs."

enum {
    HAS_MODE = 1,
    HAS_UID = 2,
    HAS_GID = 4,
    HAS_RDEV = 8,
};

bool p9_is_mapped(const struct p9_share *s)
{
    return s->o.model == P9_MAPPED || s->o.model == P9_MAPPED_FILE;
}

bool p9_hides_name(const struct p9_share *s, const char *name)
{
    return s->o.model == P9_MAPPED_FILE &&
           (strcmp(name, FOLDER) == 0 || strcmp(name, ROOT_FILE) == 0);
}

bool p9_hides_attribute(const struct p9_share *s, const char *name)
{
    return p9_is_mapped(s) && strncmp(name, PREFIX, sizeof(PREFIX) - 1) == 0;
}

/* ---- extended attributes */

static const struct {
    const char *name;
    unsigned bit, bytes;
} keys[] = {{"mode", HAS_MODE, 4}, {"uid", HAS_UID, 4}, {"gid", HAS_GID, 4}, {"rdev", HAS_RDEV, 8}};

static uint64_t value_of(const struct p9_meta *m, unsigned bit)
{
    return bit == HAS_MODE ? m->mode : bit == HAS_UID ? m->uid : bit == HAS_GID ? m->gid : m->rdev;
}

static void set_value(struct p9_meta *m, unsigned bit, uint64_t v)
{
    if (bit == HAS_RDEV) {
        m->rdev = v;
    } else {
        *(bit == HAS_MODE ? &m->mode : bit == HAS_UID ? &m->uid : &m->gid) = (uint32_t)v;
    }
}

static unsigned read_attributes(int fd, struct p9_meta *m)
{
    char self[P9_SELF_BYTES], name[32];
    unsigned have = 0;
    p9_self(fd, self);
    for (size_t i = 0; i < array_len(keys); i++) {
        uint8_t v[8] = {0};
        snprintf(name, sizeof(name), PREFIX "%s", keys[i].name);
        if (getxattr(self, name, v, sizeof(v)) == (ssize_t)keys[i].bytes) {
            set_value(m, keys[i].bit, load_le(v, keys[i].bytes));
            have |= keys[i].bit;
        }
    }
    return have;
}

static int write_attributes(int fd, unsigned mask, const struct p9_meta *m)
{
    char self[P9_SELF_BYTES], name[32];
    p9_self(fd, self);
    for (size_t i = 0; i < array_len(keys); i++) {
        uint8_t v[8];
        if (!(mask & keys[i].bit)) {
            continue;
        }
        snprintf(name, sizeof(name), PREFIX "%s", keys[i].name);
        store_le(v, keys[i].bytes, value_of(m, keys[i].bit));
        if (setxattr(self, name, v, keys[i].bytes, 0) != 0) {
            return -errno;
        }
    }
    return 0;
}

/* ---- files beside */

/* The file with the metadata of a name in a folder; NULL: of the root. flags with O_CREAT make it,
 * and its folder. */
static int open_beside(int folder, const char *name, int flags)
{
    if (!name) {
        const int fd = openat(folder, ROOT_FILE, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : fd;
    }
    if ((flags & O_CREAT) && mkdirat(folder, FOLDER, 0700) != 0 && errno != EEXIST) {
        return -errno;
    }
    const int beside = openat(folder, FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int fd = beside < 0 ? -1 : openat(beside, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
    const int result = fd < 0 ? -errno : fd;
    if (beside >= 0) {
        close(beside);
    }
    return result;
}

static unsigned read_beside(int folder, const char *name, struct p9_meta *m)
{
    char text[400];
    const int fd = open_beside(folder, name, O_RDONLY | O_NONBLOCK);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    unsigned have = 0;
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        for (size_t i = 0; i < array_len(keys); i++) {
            char key[20];
            const int length = snprintf(key, sizeof(key), "virtfs.%s=", keys[i].name);
            if (strncmp(line, key, (size_t)length) == 0) {
                set_value(m, keys[i].bit, strtoull(line + length, NULL, 10));
                have |= keys[i].bit;
            }
        }
    }
    return have;
}

static int write_beside(int folder, const char *name, unsigned mask, const struct p9_meta *m)
{
    struct p9_meta all = {0};
    char text[400];
    const unsigned have = read_beside(folder, name, &all) | mask;
    int length = 0;
    const int fd = open_beside(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK);
    if (fd < 0) {
        return fd;
    }
    for (size_t i = 0; i < array_len(keys); i++) {
        const unsigned bit = keys[i].bit;
        if (have & bit) {
            const struct p9_meta *from = mask & bit ? m : &all;
            length += snprintf(text + length, sizeof(text) - (size_t)length, "virtfs.%s=%llu\n",
                               keys[i].name, (unsigned long long)value_of(from, bit));
        }
    }
    const bool good = write(fd, text, (size_t)length) == length;
    const int why = errno;
    close(fd);
    return good ? 0 : -why;
}

/* ---- of the model */

static unsigned read_meta(const struct p9_share *s, int fd, struct p9_meta *m)
{
    char *name;
    if (s->o.model == P9_MAPPED) {
        return read_attributes(fd, m);
    }
    const int folder = p9_parent(s, fd, &name);
    const unsigned have = folder >= 0        ? read_beside(folder, name, m)
                          : folder == -EBUSY ? read_beside(s->root, NULL, m)
                                             : 0;
    if (folder >= 0) {
        close(folder);
    }
    mem_free(name);
    return have;
}

static int write_meta(const struct p9_share *s, int fd, unsigned mask, const struct p9_meta *m)
{
    char *name;
    if (s->o.model == P9_MAPPED) {
        return write_attributes(fd, mask, m);
    }
    const int folder = p9_parent(s, fd, &name);
    const int result = folder >= 0        ? write_beside(folder, name, mask, m)
                       : folder == -EBUSY ? write_beside(s->root, NULL, mask, m)
                                          : folder;
    if (folder >= 0) {
        close(folder);
    }
    mem_free(name);
    return result;
}

/* The number of a device among those that were met, from 1 on; 0: there are too many. */
static unsigned device_number(struct p9_share *s, uint64_t device)
{
    unsigned i = 0;
    os_mutex_lock(&s->lock);
    while (i < s->device_count && s->devices[i] != device) {
        i++;
    }
    const bool room = i < array_len(s->devices);
    if (room && i == s->device_count) {
        s->devices[s->device_count++] = device;
    }
    os_mutex_unlock(&s->lock);
    return room ? i + 1 : 0;
}

static void warn_once(struct p9_share *s)
{
    os_mutex_lock(&s->lock);
    const bool first = !s->warned;
    s->warned = true;
    os_mutex_unlock(&s->lock);
    if (first) {
        log_guest("9p",
                  "%s has several file systems, whose files may have equal numbers; "
                  "multidevs=remap tells them apart",
                  s->o.path);
    }
}

bool p9_number(struct p9_share *s, struct stat *st)
{
    if (st->st_dev == s->device) {
        return true;
    }
    if (s->o.devices == P9_WARN) {
        warn_once(s);
    }
    if (s->o.devices != P9_REMAP) {
        return s->o.devices == P9_WARN;
    }
    const unsigned number = st->st_ino >> 56 ? 0 : device_number(s, st->st_dev);
    st->st_ino |= (uint64_t)number << 56;
    return number != 0;
}

int p9_stat(struct p9_share *s, int fd, struct stat *st)
{
    struct p9_meta m = {0};
    if (fstat(fd, st) != 0) {
        return -errno;
    }
    if (!p9_number(s, st)) {
        return -ENODEV;
    }
    const unsigned have = p9_is_mapped(s) ? read_meta(s, fd, &m) : 0;
    st->st_mode = have & HAS_MODE ? m.mode : st->st_mode;
    st->st_uid = have & HAS_UID ? m.uid : st->st_uid;
    st->st_gid = have & HAS_GID ? m.gid : st->st_gid;
    st->st_rdev = have & HAS_RDEV ? m.rdev : st->st_rdev;
    return 0;
}

static int give_away(const struct p9_share *s, int fd, unsigned mask, const struct p9_meta *m)
{
    const uid_t uid = mask & HAS_UID ? m->uid : (uid_t)-1;
    const gid_t gid = mask & HAS_GID ? m->gid : (gid_t)-1;
    if ((mask & (HAS_UID | HAS_GID)) && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) != 0) {
        return s->o.model == P9_NONE ? 0 : -errno;
    }
    return 0;
}

/* Rights of a symbolic link are nobody's. */
static int change_rights(int fd, uint32_t mode)
{
    char self[P9_SELF_BYTES];
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return -errno;
    }
    return S_ISLNK(st.st_mode) || chmod(p9_self(fd, self), mode & 07777) == 0 ? 0 : -errno;
}

int p9_meta_create(const struct p9_share *s, int folder, const char *name, int fd,
                   const struct p9_meta *m)
{
    const unsigned mask = HAS_MODE | HAS_UID | HAS_GID |
                          (S_ISCHR(m->mode) || S_ISBLK(m->mode) ? HAS_RDEV : 0);
    if (s->o.model == P9_MAPPED) {
        return write_attributes(fd, mask, m);
    }
    if (s->o.model == P9_MAPPED_FILE) {
        return write_beside(folder, name, mask, m);
    }
    const int result = give_away(s, fd, HAS_UID | HAS_GID, m);
    return result ? result : change_rights(fd, m->mode);
}

int p9_meta_change(struct p9_share *s, int fd, unsigned mask, const struct p9_meta *m)
{
    struct p9_meta n = *m;
    struct stat st;
    if (!mask) {
        return 0;
    }
    if (p9_is_mapped(s)) {
        const int result = p9_stat(s, fd, &st);
        n.mode = (st.st_mode & S_IFMT) | (m->mode & 07777); /* its kind stays */
        return result ? result : write_meta(s, fd, mask, &n);
    }
    const int result = give_away(s, fd, mask, m);
    return result || !(mask & HAS_MODE) ? result : change_rights(fd, m->mode);
}

static void remove_beside(int folder, const char *name)
{
    const int beside = openat(folder, FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (beside >= 0) {
        unlinkat(beside, name, 0);
        close(beside);
    }
}

int p9_meta_move(const struct p9_share *s, int folder, const char *name, int to_folder,
                 const char *to)
{
    struct p9_meta m = {0};
    if (s->o.model != P9_MAPPED_FILE) {
        return 0;
    }
    const unsigned have = to ? read_beside(folder, name, &m) : 0;
    remove_beside(folder, name);
    if (to) { /* the file that was there is gone, and what was said of it */
        remove_beside(to_folder, to);
    }
    return have ? write_beside(to_folder, to, have, &m) : 0;
}
