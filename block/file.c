/* SPDX-License-Identifier: MIT */
/* The file or device behind a disk: opening, its size and alignment, and locks against other
 * programs. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/block_internal.h"

/* ---- locks */

/*
 * QEMU's protocol, so that the two see each other: a byte each for what a program does with an
 * image (from 100) and for what it does not want others to do (from 200), all read-locked; before
 * going on it looks whether anybody holds the opposite byte. Byte 0 of each row is reading, 1
 * writing.
 */
enum {
    DOES = 100,
    FORBIDS = 200,
    READING = 0,
    WRITING = 1,
};
#define LOCK_PATIENCE_NS INT64_C(1000000000)

static int lock_byte(int fd, int command, short type, off_t at)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    if (fcntl(fd, command, &l) < 0) {
        return -errno;
    }
    return command == F_OFD_GETLK && l.l_type != F_UNLCK ? -EAGAIN : 0;
}

/* 0, or a negative errno; -EAGAIN: another program minds. */
static int try_lock(int fd, bool write)
{
    int r = lock_byte(fd, F_OFD_SETLK, F_RDLCK, DOES + READING);
    if (r == 0 && write) {
        r = lock_byte(fd, F_OFD_SETLK, F_RDLCK, DOES + WRITING);
    }
    if (r == 0) {
        r = lock_byte(fd, F_OFD_SETLK, F_RDLCK, FORBIDS + WRITING);
    }
    /* Nobody else may write, and nobody may mind what we do. */
    if (r == 0) {
        r = lock_byte(fd, F_OFD_GETLK, F_WRLCK, DOES + WRITING);
    }
    if (r == 0) {
        r = lock_byte(fd, F_OFD_GETLK, F_WRLCK, FORBIDS + READING);
    }
    if (r == 0 && write) {
        r = lock_byte(fd, F_OFD_GETLK, F_WRLCK, FORBIDS + WRITING);
    }
    return r == -EACCES ? -EAGAIN : r;
}

/*
 * The locks of a program that was killed last until the kernel has ended the requests it had on its
 * ring, so a restart right after a crash has to wait for them; so long other programs are let pass.
 */
bool block_lock(int fd, const char *file, bool write, struct error *e)
{
    const int64_t limit = os_now_ns() + LOCK_PATIENCE_NS;
    int r = try_lock(fd, write);

    while (r == -EAGAIN && os_now_ns() < limit) {
        struct flock all = {
            .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = DOES, .l_len = FORBIDS};
        fcntl(fd, F_OFD_SETLK, &all);
        os_sleep_until_ns(os_now_ns() + LOCK_PATIENCE_NS / 50);
        r = try_lock(fd, write);
    }
    if (r == -EAGAIN) {
        return error_set(e, "%s is in use: another program%s has it open (locking=off overrides)",
                         file, write ? "" : " that may write to it");
    }
    return true; /* a file system without locks is taken as it is */
}

/* ---- size and alignment */

static bool measure(struct block *b, const struct stat *st, struct error *e)
{
    uint64_t size = (uint64_t)st->st_size;
    if (S_ISBLK(st->st_mode) && ioctl(b->fd, BLKGETSIZE64, &size) < 0) {
        return error_set(e, "%s: its size cannot be had: %s", b->file, strerror(errno));
    }
    if (size == 0) {
        return error_set(e, "%s is empty: a disk has at least %u bytes", b->file, BLOCK_SECTOR);
    }
    if (size > INT64_MAX - BLOCK_SECTOR) {
        return error_set(e, "%s: a size of %" PRIu64 " bytes is too large", b->file, size);
    }
    /* A last sector that the file has only a part of counts: the rest reads as zeros. */
    b->size_bytes = align_up(size, BLOCK_SECTOR);
    return true;
}

/* What the host wants of offsets, lengths and addresses with O_DIRECT. */
static unsigned direct_alignment(int fd, bool regular)
{
    int sector;
    if (!regular && ioctl(fd, BLKSSZGET, &sector) == 0 && sector >= 512 &&
        is_pow2((unsigned)sector)) {
        return (unsigned)sector;
    }
    uint8_t *buffer = mem_alloc(3 * 4096);
    uint8_t *at = (uint8_t *)align_up((uintptr_t)buffer, 4096) + 512;
    unsigned alignment = pread(fd, at, 512, 512) < 0 ? 4096 : 512;
    mem_free(buffer);
    return alignment;
}

/* ---- opening */

static bool open_direct(struct block *b, int flags, struct error *e)
{
    b->fd = open(b->file, flags | O_DIRECT);
    if (b->fd < 0) {
        return error_set(
            e, "%s: %s%s", b->file, strerror(errno),
            errno == EINVAL ? " (its file system has no direct I/O: use another cache=)" : "");
    }
    b->align = direct_alignment(b->fd, b->regular);
    return true;
}

bool block_file_open(struct block *b, const struct block_options *o, struct error *e)
{
    bool write = !b->read_only && !o->snapshot;
    int flags = O_CLOEXEC | O_NONBLOCK | (write ? O_RDWR : O_RDONLY);
    struct stat st;
    b->fd = b->fd_any = open(b->file, flags);
    if (b->fd < 0) {
        error_set(e, "%s: %s", b->file, strerror(errno));
        if ((errno == EACCES || errno == EROFS || errno == EPERM) && write) {
            error_append(e, " (readonly=on and snapshot=on do not write)");
        }
        return false;
    }
    if (fstat(b->fd, &st) < 0) {
        return error_set(e, "%s: %s", b->file, strerror(errno));
    }
    fcntl(b->fd, F_SETFL, flags & ~O_NONBLOCK); /* which only kept open() from waiting */
    b->regular = S_ISREG(st.st_mode);
    if (!b->regular && !S_ISBLK(st.st_mode)) {
        return error_set(e, "%s is neither a file nor a block device", b->file);
    }
    if ((!o->no_lock && !block_lock(b->fd, b->file, write, e)) || !measure(b, &st, e)) {
        return false;
    }
    b->align = 1;
    return !b->mode.direct || open_direct(b, flags & ~O_NONBLOCK, e);
}

void block_file_close(struct block *b)
{
    if (b->fd >= 0 && b->fd != b->fd_any) {
        close(b->fd);
    }
    if (b->fd_any >= 0) {
        close(b->fd_any); /* drops the locks */
    }
}
