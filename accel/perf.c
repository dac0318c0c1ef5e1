/* SPDX-License-Identifier: MIT */
/*
 * Names of generated code for the host's profiler, Linux perf.
 *
 * The map (-perfmap) is /tmp/perf-PID.map: a line "START SIZE NAME" in hexadecimal for each piece
 * of code (linux/tools/perf/Documentation/jit-interface.txt). It knows no time: when the cache has
 * been emptied the file begins again, so that it always says what is there now; samples from before
 * then get names of what came later.
 *
 * The dump (-jitdump) is jit-PID.dump in the current folder
 * (linux/tools/perf/Documentation/jitdump-specification.txt, version 1): a record with name, bytes
 * and time for each piece, in the order they were made. A later record at the same addresses
 * replaces an earlier one from its time on, so reused room needs nothing more. The profiler learns
 * of the file by its being mapped executable; the time is that of `perf record -k CLOCK_MONOTONIC`.
 *
 * A block is two pieces, NAME and NAME.cold, since its cold paths lie elsewhere. NAME is the mode
 * and the guest's address. Blocks for one use (block_short, steps) have none: their room is used
 * again at once.
 */
#include "accel/perf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "cpu/cpu.h"

#define DUMP_MAGIC 0x4a695444u /* "JiTD" to a reader of this byte order */
#define DUMP_VERSION 1u
#define NAME_BYTES 64

enum dump_record_id {
    DUMP_CODE_LOAD = 0,
    DUMP_CODE_CLOSE = 3
};

struct dump_header {
    uint32_t magic, version, total_bytes, elf_machine, pad, pid;
    uint64_t time_ns, flags;
};

struct dump_record {
    uint32_t id, total_bytes;
    uint64_t time_ns;
};

struct dump_code {
    struct dump_record record;
    uint32_t pid, tid;
    uint64_t vma, address, bytes, index;
    /* the name with its NUL, and the code */
};

struct perf {
    const struct host *host;
    FILE *map, *dump; /* NULL: not wanted, or given up */
    char map_path[NAME_BYTES], dump_path[NAME_BYTES];
    void *marker;
    uint64_t records;
    int map_errno, dump_errno;
};

/* A file that we begin anew, and never through somebody's link. */
static FILE *make_file(const char *option, const char *path, int flags, struct error *e)
{
    const int fd = open(path, flags | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    FILE *f = fd < 0 ? NULL : fdopen(fd, flags & O_RDWR ? "w+" : "w");

    if (!f) {
        error_set(e, "%s: %s: %s", option, path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
    }
    return f;
}

/* Each piece is in the file before its code can run: whoever ends us, the file is whole. */
static void written(FILE **f, int *code)
{
    if (*f && fflush(*f) != 0) {
        *code = errno;
        fclose(*f);
        *f = NULL;
    }
}

static void map_piece(struct perf *p, const char *name, const void *code, uint32_t bytes)
{
    fprintf(p->map, "%" PRIxPTR " %" PRIx32 " %s\n", (uintptr_t)code, bytes, name);
}

static void dump_piece(struct perf *p, const char *name, const void *code, uint32_t bytes)
{
    const uint32_t name_bytes = (uint32_t)strlen(name) + 1;
    const struct dump_code c = {
        .record = {DUMP_CODE_LOAD, (uint32_t)sizeof(c) + name_bytes + bytes, (uint64_t)os_now_ns()},
        .pid = (uint32_t)getpid(),
        .tid = (uint32_t)gettid(),
        .vma = (uintptr_t)code,
        .address = (uintptr_t)code,
        .bytes = bytes,
        .index = p->records++};

    fwrite(&c, sizeof(c), 1, p->dump);
    fwrite(name, 1, name_bytes, p->dump);
    fwrite(code, 1, bytes, p->dump);
}

static void piece(struct perf *p, const char *name, const void *code, uint32_t bytes)
{
    if (!bytes) {
        return;
    }
    if (p->map) {
        map_piece(p, name, code, bytes);
    }
    if (p->dump) {
        dump_piece(p, name, code, bytes);
    }
}

static void stubs(struct perf *p)
{
    struct host_stub s;

    for (unsigned n = 0; host_stub(p->host, n, &s); n++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof(name), "stub:%s", s.name);
        piece(p, name, s.code, s.bytes);
    }
    written(&p->map, &p->map_errno);
    written(&p->dump, &p->dump_errno);
}

static bool map_create(struct perf *p, struct error *e)
{
    snprintf(p->map_path, sizeof(p->map_path), "/tmp/perf-%d.map", (int)getpid());
    p->map = make_file("-perfmap", p->map_path, O_WRONLY, e);
    return p->map != NULL;
}

static bool dump_create(struct perf *p, struct error *e)
{
    const struct dump_header header = {.magic = DUMP_MAGIC,
                                       .version = DUMP_VERSION,
                                       .total_bytes = sizeof(header),
                                       .elf_machine = host_elf_machine(),
                                       .pid = (uint32_t)getpid(),
                                       .time_ns = (uint64_t)os_now_ns()};

    snprintf(p->dump_path, sizeof(p->dump_path), "jit-%d.dump", (int)getpid());
    p->dump = make_file("-jitdump", p->dump_path, O_RDWR, e);
    if (!p->dump) {
        return false;
    }
    fwrite(&header, sizeof(header), 1, p->dump);
    fflush(p->dump);
    p->marker = os_map_executable(fileno(p->dump), os_page_size(), e);
    if (!p->marker) {
        error_prefix(e, "-jitdump: %s: ", p->dump_path);
    }
    return p->marker != NULL;
}

struct perf *perf_create(const struct accel_config *c, const struct host *h, struct error *e)
{
    struct perf *p = mem_alloc(sizeof(*p));

    p->host = h;
    if ((c->perf_map && !map_create(p, e)) || (c->jit_dump && !dump_create(p, e))) {
        if (p->map) {
            unlink(p->map_path);
        }
        if (p->dump) {
            unlink(p->dump_path);
        }
        perf_destroy(p);
        return NULL;
    }
    stubs(p);
    return p;
}

void perf_destroy(struct perf *p)
{
    if (!p) {
        return;
    }
    if (p->map) {
        fclose(p->map);
    }
    if (p->dump) {
        const struct dump_record end = {DUMP_CODE_CLOSE, sizeof(end), (uint64_t)os_now_ns()};
        fwrite(&end, sizeof(end), 1, p->dump);
        fclose(p->dump);
    }
    if (p->marker) {
        os_unmap(p->marker, os_page_size());
    }
    mem_free(p);
}

void perf_block(struct perf *p, const struct vcpu *v, const struct block *b,
                const struct host_mark *before, const struct host_mark *behind)
{
    char name[NAME_BYTES], mode[16] = "guest";

    if (v->cls->mode_name) {
        v->cls->mode_name(b->mode_key, mode, sizeof(mode));
    }
    snprintf(name, sizeof(name), "%s:%#" PRIx64, mode, b->pc);
    piece(p, name, b->entry, b->code_bytes);
    snprintf(name, sizeof(name), "%s:%#" PRIx64 ".cold", mode, b->pc);
    piece(p, name, host_code_at(p->host, before->cold), behind->cold - before->cold);
    written(&p->map, &p->map_errno);
    written(&p->dump, &p->dump_errno);
}

void perf_emptied(struct perf *p)
{
    FILE *dump = p->dump;

    if (!p->map) {
        return;
    }
    if (fseek(p->map, 0, SEEK_SET) != 0 || ftruncate(fileno(p->map), 0) != 0) {
        p->map_errno = errno;
        fclose(p->map);
        p->map = NULL;
        return;
    }
    p->dump = NULL; /* which has the stubs */
    stubs(p);
    p->dump = dump;
}

void perf_info(const struct perf *p, struct strbuf *out)
{
    if (p->map_errno) {
        strbuf_printf(out, "perf map            given up: %s\n", strerror(p->map_errno));
    }
    if (p->dump_errno) {
        strbuf_printf(out, "jitdump             given up: %s\n", strerror(p->dump_errno));
    }
}
