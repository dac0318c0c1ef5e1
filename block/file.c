/* SPDX-License-Identifier: MIT */
/* The protocol of the host's files and block devices: opening, sizes, alignment, where data is. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/drivers.h"

struct file {
    char *filename;
    int aio, locking;
    bool regular;
    struct block_lock lock;
    int lock_fd; /* whose file has the locks; fd_any unless the file was reopened */
};

static const char *const aio_names[] = {"io_uring", "threads", "native", NULL};
static const char *const lock_names[] = {"auto", "on", "off", NULL};
#define AIO_GIVEN 256

static const struct block_option file_options[] = {
    {"filename", BLOCK_OPT_TEXT, offsetof(struct file, filename), NULL, "path", NULL, false},
    {"aio", BLOCK_OPT_CHOICE, offsetof(struct file, aio), NULL,
     "io_uring or threads (io_uring where the host has it)", aio_names, false},
    {"locking", BLOCK_OPT_CHOICE, offsetof(struct file, locking), "auto",
     "off: other programs may use the image", lock_names, false},
    {0},
};

/* ---- size and alignment */

static bool measure(struct block_node *n, const struct stat *st, struct error *e)
{
    uint64_t size = (uint64_t)st->st_size;
    if (S_ISBLK(st->st_mode) && ioctl(n->fd_any, BLKGETSIZE64, &size) < 0) {
        return error_set(e, "%s: its size cannot be had: %s", n->file_name, strerror(errno));
    }
    if (size > INT64_MAX - BLOCK_SECTOR) {
        return error_set(e, "%s: a size of %" PRIu64 " bytes is too large", n->file_name, size);
    }
    n->size_bytes = size;
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

static bool open_direct(struct block_node *n, int flags, struct error *e)
{
    const struct file *f = n->state;
    n->fd = open(n->file_name, flags | O_DIRECT);
    if (n->fd < 0) {
        return error_set(
            e, "%s: %s%s", n->file_name, strerror(errno),
            errno == EINVAL ? " (its file system has no direct I/O: use another cache=)" : "");
    }
    n->align = direct_alignment(n->fd, f->regular);
    return true;
}

static bool may_be_read_only(int why)
{
    return why == EACCES || why == EROFS || why == EPERM;
}

static bool open_any(struct block_node *n, int *flags, struct error *e)
{
    *flags = O_CLOEXEC | O_NONBLOCK | (n->mode.write ? O_RDWR : O_RDONLY);
    n->fd_any = open(n->file_name, *flags);
    if (n->fd_any < 0 && n->mode.write && n->auto_read_only && may_be_read_only(errno)) {
        n->mode.write = false;
        *flags = O_CLOEXEC | O_NONBLOCK | O_RDONLY;
        n->fd_any = open(n->file_name, *flags);
    }
    n->fd = n->fd_any;
    if (n->fd_any >= 0) {
        return true;
    }
    error_set(e, "%s: %s", n->file_name, strerror(errno));
    if (may_be_read_only(errno) && n->mode.write) {
        error_append(e, " (readonly=on and snapshot=on do not write)");
    }
    return false;
}

static bool open_path(struct block_node *n, bool device, struct error *e)
{
    struct file *f = n->state;
    struct stat st;
    int flags;
    if (!open_any(n, &flags, e)) {
        return false;
    }
    if (fstat(n->fd_any, &st) < 0) {
        return error_set(e, "%s: %s", n->file_name, strerror(errno));
    }
    fcntl(n->fd_any, F_SETFL, flags & ~O_NONBLOCK); /* which only kept open() from waiting */
    f->regular = S_ISREG(st.st_mode);
    if (device && !S_ISBLK(st.st_mode)) {
        return error_set(e, "%s is not a block device (driver=file takes files)", n->file_name);
    }
    if (!f->regular && !S_ISBLK(st.st_mode)) {
        return error_set(e, "%s is neither a file nor a block device", n->file_name);
    }
    n->grows = f->regular;
    f->lock_fd = n->fd_any;
    return measure(n, &st, e) && (!n->mode.direct || open_direct(n, flags & ~O_NONBLOCK, e));
}

static bool open_as(struct block_node *n, bool device, struct error *e)
{
    struct file *f = n->state;
    if (!f->filename) {
        return error_set(e, "the file of the disk is missing (filename=)");
    }
    n->file_name = mem_strdup(f->filename);
    if (json_object_get(n->options, "aio")) {
        n->mode.aio = f->aio == 1 ? BLOCK_AIO_THREADS : BLOCK_AIO_URING;
    }
    if (n->mode.aio == BLOCK_AIO_URING && !block_uring_available()) {
        return error_set(e, "aio=%s: the host has no io_uring (aio=threads is accepted)",
                         aio_names[f->aio]);
    }
    f->lock.lets = BLOCK_PERM_ALL;
    return open_path(n, device, e);
}

static bool file_open(struct block_node *n, struct error *e)
{
    return open_as(n, false, e);
}

static bool device_open(struct block_node *n, struct error *e)
{
    return open_as(n, true, e);
}

static void close_fds(struct block_node *n)
{
    if (n->fd >= 0 && n->fd != n->fd_any) {
        close(n->fd);
    }
    if (n->fd_any >= 0) {
        close(n->fd_any);
    }
}

static void file_close(struct block_node *n)
{
    struct file *f = n->state;
    const bool own = f->lock_fd > 0 && f->lock_fd != n->fd_any;
    close_fds(n);
    if (own) {
        close(f->lock_fd); /* drops the locks */
    }
}

/* The same file with another mode. The locks stay where they are. */
static bool file_reopen(struct block_node *n, bool write, struct error *e)
{
    struct file *f = n->state;
    char path[40];
    if (!write || (fcntl(n->fd_any, F_GETFL) & O_ACCMODE) == O_RDWR) {
        return true;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", n->fd_any);
    const int any = open(path, O_RDWR | O_CLOEXEC);
    const int direct = any >= 0 && n->fd != n->fd_any ? open(path, O_RDWR | O_CLOEXEC | O_DIRECT)
                                                      : any;
    if (any < 0 || direct < 0) {
        error_set(e, "%s cannot be written: %s", n->file_name, strerror(errno));
        if (any >= 0) {
            close(any);
        }
        return false;
    }
    if (n->fd != n->fd_any) {
        close(n->fd);
    }
    if (n->fd_any != f->lock_fd) {
        close(n->fd_any);
    }
    n->fd_any = any;
    n->fd = direct;
    return true;
}

struct block_node *block_file_of_fd(struct block_graph *g, int fd, const struct block_mode *m,
                                    uint64_t bytes)
{
    struct block_node *n = block_node_new(g, &block_file_driver);
    struct file *f = n->state;
    n->mode = *m;
    n->mode.no_lock = true;
    n->name = mem_printf("#block%u", atomic_add(&g->names, 1));
    n->fd = n->fd_any = fd;
    n->size_bytes = bytes;
    n->grows = f->regular = true;
    f->lock_fd = fd;
    n->opened = true;
    return n;
}

static bool file_permit(struct block_node *n, unsigned does, unsigned lets, struct error *e)
{
    struct file *f = n->state;
    if (n->mode.no_lock || f->locking == 2 || n->fd_any < 0) {
        return true;
    }
    return block_lock_change(&f->lock, f->lock_fd, n->file_name, does, lets, e);
}

/* ---- where data is */

static int file_status(struct block_node *n, uint64_t offset, uint64_t bytes,
                       struct block_status *s)
{
    const off_t data = lseek(n->fd_any, (off_t)offset, SEEK_DATA);
    uint64_t until;
    s->where = BLOCK_DATA;
    s->has_place = true;
    s->place = offset;
    s->bytes = bytes;
    if (data < 0 && errno == ENXIO) { /* a hole up to the end */
        s->where = BLOCK_ZERO;
        return 0;
    }
    if (data < 0) {
        return 0;
    }
    if ((uint64_t)data > offset) {
        s->where = BLOCK_ZERO;
        until = (uint64_t)data;
    } else {
        const off_t hole = lseek(n->fd_any, (off_t)offset, SEEK_HOLE);
        until = hole > (off_t)offset ? (uint64_t)hole : offset + bytes;
    }
    s->bytes = until - offset < bytes ? until - offset : bytes;
    return 0;
}

static int64_t file_allocated(struct block_node *n)
{
    struct stat st;
    return fstat(n->fd_any, &st) == 0 ? (int64_t)st.st_blocks * 512 : -1;
}

static bool file_info(struct block_node *n, json_t *facts, struct error *e)
{
    (void)e;
    json_object_set_new(facts, "format-specific",
                        json_pack("{s:s,s:{}}", "type", n->driver->name, "data"));
    return true;
}

/* ---- sizes */

static bool write_all(int fd, uint64_t from, uint64_t to)
{
    const size_t piece = 1u << 20;
    void *zeros = mem_alloc(piece);
    bool good = true;
    while (good && from < to) {
        ssize_t n = pwrite(fd, zeros, to - from < piece ? (size_t)(to - from) : piece, (off_t)from);
        good = n > 0 || (n < 0 && errno == EINTR);
        from += n > 0 ? (uint64_t)n : 0;
    }
    mem_free(zeros);
    return good;
}

static bool set_size(int fd, const char *name, uint64_t old, uint64_t bytes,
                     enum block_prealloc how, struct error *e)
{
    bool good = ftruncate(fd, (off_t)bytes) == 0;
    if (good && bytes > old && how == BLOCK_PREALLOC_FALLOC) {
        good = fallocate(fd, 0, (off_t)old, (off_t)(bytes - old)) == 0;
    } else if (good && bytes > old && how == BLOCK_PREALLOC_FULL) {
        good = write_all(fd, old, bytes);
    }
    if (!good) {
        error_set(e, "%s: it cannot be made %" PRIu64 " bytes long: %s", name, bytes,
                  strerror(errno));
        if (ftruncate(fd, (off_t)old) < 0) {
            error_append(e, "; nor what it was");
        }
    }
    return good;
}

static bool file_resize(struct block_node *n, uint64_t bytes, enum block_prealloc how,
                        struct error *e)
{
    const struct file *f = n->state;
    if (!f->regular && bytes != n->size_bytes) {
        return error_set(e, "%s is a device of %" PRIu64 " bytes, and stays so", n->file_name,
                         n->size_bytes);
    }
    if (how == BLOCK_PREALLOC_METADATA) {
        return error_set(e, "preallocation=metadata: off, falloc and full are accepted for files");
    }
    if (f->regular && !set_size(n->fd_any, n->file_name, n->size_bytes, bytes, how, e)) {
        return false;
    }
    atomic_set(&n->size_bytes, bytes);
    return true;
}

/* ---- making files */

struct file_create {
    int prealloc;
    bool nocow;
};

static const struct block_option file_create_options[] = {
    {"preallocation", BLOCK_OPT_CHOICE, offsetof(struct file_create, prealloc), "off",
     "off, falloc or full", block_prealloc_names, false},
    {"nocow", BLOCK_OPT_BOOL, offsetof(struct file_create, nocow), "off",
     "no copy-on-write, on btrfs", NULL, false},
    {0},
};

/* Before anything is in the file, or it has no effect. */
static void set_nocow(int fd)
{
    int flags;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_NOCOW_FL;
        ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
}

static bool file_create(const struct block_create *c, struct error *e)
{
    const struct file_create *o = c->options;
    struct block_lock lock = {.lets = BLOCK_PERM_ALL};
    int fd = open(c->name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return error_set(e, "%s: %s", c->name, strerror(errno));
    }
    bool good = o->prealloc != BLOCK_PREALLOC_METADATA ||
                error_set(e, "preallocation=metadata: off, falloc and full are accepted here");
    good = good && block_lock_change(&lock, fd, c->name, BLOCK_PERM_ALL, BLOCK_PERM_READ, e);
    if (good && ftruncate(fd, 0) < 0 && errno != EINVAL) { /* a device has its size */
        good = error_set(e, "%s: %s", c->name, strerror(errno));
    }
    if (good && o->nocow) {
        set_nocow(fd);
    }
    struct stat st;
    if (good && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        good = set_size(fd, c->name, 0, c->size, (enum block_prealloc)o->prealloc, e);
    }
    close(fd);
    return good;
}

static const char *const file_prefixes[] = {"file:", NULL};

static bool file_parse(const char *name, json_t *options, struct error *e)
{
    json_t *text = json_string(name);
    if (!text) {
        return error_set(e, "a file name is not UTF-8 text");
    }
    json_object_set_new(options, "filename", text);
    return true;
}

const struct block_driver block_file_driver = {
    .name = "file",
    .desc = "file of the host",
    .kind = BLOCK_PROTOCOL,
    .state_bytes = sizeof(struct file),
    .options = file_options,
    .prefixes = file_prefixes,
    .parse_name = file_parse,
    .open = file_open,
    .close = file_close,
    .reopen = file_reopen,
    .status = file_status,
    .info = file_info,
    .resize = file_resize,
    .allocated = file_allocated,
    .permit = file_permit,
    .create_options = file_create_options,
    .create_bytes = sizeof(struct file_create),
    .create = file_create,
};

const struct block_driver block_host_device_driver = {
    .name = "host_device",
    .desc = "block device of the host",
    .kind = BLOCK_PROTOCOL,
    .state_bytes = sizeof(struct file),
    .options = file_options,
    .open = device_open,
    .close = file_close,
    .reopen = file_reopen,
    .status = file_status,
    .info = file_info,
    .resize = file_resize,
    .allocated = file_allocated,
    .permit = file_permit,
};
