/* SPDX-License-Identifier: MIT */
/* Where guest memory comes from: memory_backend.h. */
#include "system/memory_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"

struct memory_backend {
    enum memory_kind kind;
    const char *id;
    struct memory_options o;
    bool share;
    int fd; /* -1: none */
    void *mapped;
};

static bool failed(const struct memory_backend *b, const char *what, struct error *e)
{
    return error_set(e, "%s: %s", what ? what : b->id, strerror(errno));
}

/* ---- files */

/* A folder gets a file without a name. */
static int open_path(const struct memory_options *o)
{
    const int flags = (o->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC;
    struct stat st;
    if (stat(o->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return open(o->path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    }
    const int fd = open(o->path, flags);
    return fd < 0 && errno == ENOENT && !o->readonly ? open(o->path, flags | O_CREAT, 0600) : fd;
}

/* A file that is shorter grows; one that is longer stays so. */
static bool fit_file(const struct memory_backend *b, struct error *e)
{
    const uint64_t end = b->o.offset + b->o.size;
    struct stat st;
    if (fstat(b->fd, &st) != 0) {
        return failed(b, b->o.path, e);
    }
    if ((uint64_t)st.st_size >= end || S_ISCHR(st.st_mode)) {
        return true;
    }
    if (b->o.readonly) {
        return error_set(e, "%s has %llu bytes, and size=%llu is asked of it", b->o.path,
                         (unsigned long long)st.st_size, (unsigned long long)end);
    }
    return ftruncate(b->fd, (off_t)end) == 0 || failed(b, b->o.path, e);
}

static bool open_file(struct memory_backend *b, struct error *e)
{
    b->fd = open_path(&b->o);
    return b->fd < 0 ? failed(b, b->o.path, e) : fit_file(b, e);
}

static bool open_memfd(struct memory_backend *b, struct error *e)
{
    unsigned flags = MFD_CLOEXEC | (b->o.seal ? MFD_ALLOW_SEALING : 0);
    if (b->o.hugetlb) {
        flags |= MFD_HUGETLB |
                 (b->o.hugetlb_bytes ? log2_floor(b->o.hugetlb_bytes) << MAP_HUGE_SHIFT : 0);
    }
    b->fd = memfd_create(b->id, flags);
    if (b->fd < 0 || ftruncate(b->fd, (off_t)b->o.size) != 0) {
        return failed(b, "memfd", e);
    }
    return !b->o.seal ||
           fcntl(b->fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0 ||
           failed(b, "memfd", e);
}

/* ---- life */

static bool check(const struct memory_backend *b, struct error *e)
{
    const struct memory_options *o = &b->o;
    if (o->size == 0 || !is_aligned(o->size, os_page_size())) {
        return error_set(e, "size=%llu: a multiple of %zu is accepted", (unsigned long long)o->size,
                         os_page_size());
    }
    if (b->kind == MEMORY_FILE && !o->path) {
        return error_set(e, "mem-path= is missing");
    }
    if (!is_aligned(o->offset, os_page_size())) {
        return error_set(e, "offset=%llu: a multiple of %zu is accepted",
                         (unsigned long long)o->offset, os_page_size());
    }
    /* Guest memory begins at a multiple of 2 MiB. */
    if (o->align && (!is_pow2(o->align) || o->align > (2u << 20))) {
        return error_set(e, "align=%llu: a power of two up to 2 MiB is accepted",
                         (unsigned long long)o->align);
    }
    if (o->readonly && b->share) {
        return error_set(e, "readonly=on: guest memory is written to; with share=off writes are "
                            "kept from the file");
    }
    if (o->hugetlb_bytes && !is_pow2(o->hugetlb_bytes)) {
        return error_set(e, "hugetlbsize=%llu: a power of two is accepted",
                         (unsigned long long)o->hugetlb_bytes);
    }
    return true;
}

static bool open_backend(struct memory_backend *b, struct error *e)
{
    switch (b->kind) {
    case MEMORY_FILE:
        return open_file(b, e);
    case MEMORY_MEMFD:
        return open_memfd(b, e);
    default:
        return true;
    }
}

struct memory_backend *memory_backend_create(enum memory_kind kind, const char *id,
                                             const struct memory_options *o, struct error *e)
{
    struct memory_backend *b = mem_alloc(sizeof(*b));
    *b = (struct memory_backend){.kind = kind, .id = id, .o = *o, .fd = -1};
    b->share = o->share >= 0 ? o->share : kind == MEMORY_MEMFD;
    b->o.merge = o->merge != 0;
    b->o.dump = o->dump > 0;
    b->o.reserve = o->reserve != 0;
    b->o.seal = o->seal != 0;
    if (!check(b, e) || !open_backend(b, e)) {
        memory_backend_free(b);
        return NULL;
    }
    return b;
}

void memory_backend_free(struct memory_backend *b)
{
    if (!b) {
        return;
    }
    if (b->kind == MEMORY_FILE && b->o.discard_data && b->share && b->fd >= 0 &&
        fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)b->o.offset,
                  (off_t)b->o.size) != 0) {
        errno = 0; /* the file system has no holes: its contents stay */
    }
    if (b->fd >= 0) {
        close(b->fd);
    }
    mem_free(b);
}

uint64_t memory_backend_bytes(const struct memory_backend *b)
{
    return b->o.size;
}

bool memory_backend_is_file(const struct memory_backend *b)
{
    return b->fd >= 0;
}

bool memory_backend_used(const struct memory_backend *b)
{
    return b->mapped;
}

/* ---- mapping */

bool memory_take(void *p, uint64_t bytes, struct error *e)
{
    if (os_populate(p, bytes, true)) {
        return true;
    }
    if (errno != EINVAL) {
        return error_set(e, "the host does not give %llu bytes of memory in advance: %s",
                         (unsigned long long)bytes, strerror(errno));
    }
    for (uint64_t i = 0; i < bytes; i += os_page_size()) { /* a host before Linux 5.14 */
        volatile uint8_t *at = (uint8_t *)p + i;
        *at = *at;
    }
    return true;
}

/* Wishes that the host may refuse, but for memory in advance. */
static bool advise(const struct memory_backend *b, struct error *e)
{
    madvise(b->mapped, b->o.size, b->o.merge ? MADV_MERGEABLE : MADV_UNMERGEABLE);
    madvise(b->mapped, b->o.size, b->o.dump ? MADV_DODUMP : MADV_DONTDUMP);
    return !b->o.prealloc || memory_take(b->mapped, b->o.size, e);
}

bool memory_backend_map(struct memory_backend *b, void *at, struct error *e)
{
    const int flags = MAP_FIXED | (b->share ? MAP_SHARED : MAP_PRIVATE) |
                      (b->fd < 0 ? MAP_ANONYMOUS : 0) | (b->o.reserve ? 0 : MAP_NORESERVE);
    if (b->mapped) {
        return error_set(e, "the memory back end '%s' is in use", b->id);
    }
    void *p = mmap(at, b->o.size, PROT_READ | PROT_WRITE, flags, b->fd, (off_t)b->o.offset);
    if (p == MAP_FAILED) {
        return failed(b, b->o.path, e);
    }
    b->mapped = p;
    if (!advise(b, e)) {
        error_prefix(e, "the memory back end '%s': ", b->id);
        return false;
    }
    return true;
}

/* ---- info memdev */

static const char *yes(bool b)
{
    return b ? "true" : "false";
}

void memory_backend_describe(const struct memory_backend *b, struct strbuf *out)
{
    strbuf_printf(out,
                  "memory backend: %s\n  size:  %llu\n  merge: %s\n  dump: %s\n  prealloc: %s\n"
                  "  share: %s\n  reserve: %s\n  policy: default\n  host nodes: \n",
                  b->id, (unsigned long long)b->o.size, yes(b->o.merge), yes(b->o.dump),
                  yes(b->o.prealloc), yes(b->share), yes(b->o.reserve));
}
