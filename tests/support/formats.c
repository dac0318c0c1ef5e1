/* SPDX-License-Identifier: MIT */
/* Disk formats against qemu-img: see the header. */
#include "tests/support/formats.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/strbuf.h"

static char folder[64];
static struct block_graph *graph;

/* ---- files */

const char *formats_folder(void)
{
    if (!folder[0]) {
        snprintf(folder, sizeof(folder), "/var/tmp/dragoman-test.XXXXXX");
        if (!mkdtemp(folder)) {
            perror(folder);
            exit(2);
        }
    }
    return folder;
}

void formats_folder_drop(void)
{
    DIR *d = folder[0] ? opendir(folder) : NULL;
    for (struct dirent *f; d && (f = readdir(d));) {
        char *path = mem_printf("%s/%s", folder, f->d_name);
        unlink(path);
        mem_free(path);
    }
    if (d) {
        closedir(d);
        rmdir(folder);
        folder[0] = '\0';
    }
    block_graph_destroy(graph);
    graph = NULL;
}

struct block_graph *formats_graph(void)
{
    graph = graph ? graph : block_graph_create();
    return graph;
}

bool formats_run(struct error *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *command = mem_vprintf(fmt, ap);
    va_end(ap);
    char *all = mem_printf("{ %s\n} 2>&1", command);
    char output[400];
    FILE *f = popen(all, "r");
    size_t n = f ? fread(output, 1, sizeof(output) - 1, f) : 0;
    output[n] = '\0';
    while (f && !feof(f) && fgetc(f) != EOF) {
    }
    bool good = f && pclose(f) == 0;
    if (!good) {
        error_set(e, "%.100s: %s", command, output);
    }
    mem_free(all);
    mem_free(command);
    return good;
}

static bool file_is(const char *path, const uint8_t *model, uint64_t bytes, struct error *e)
{
    FILE *f = fopen(path, "rb");
    uint8_t *got = mem_alloc((size_t)bytes + 1);
    size_t n = f ? fread(got, 1, (size_t)bytes + 1, f) : 0;
    bool good = n == bytes || error_set(e, "%s: %zu bytes", path, n);
    for (uint64_t i = 0; good && i < bytes; i++) {
        good = got[i] == model[i] || error_set(e, "byte %llu is 0x%02x, not 0x%02x",
                                               (unsigned long long)i, got[i], model[i]);
    }
    if (f) {
        fclose(f);
    }
    mem_free(got);
    return good;
}

/* ---- looking at images */

bool formats_theirs_is(const char *format, const char *path, const uint8_t *model, uint64_t bytes,
                       struct error *e)
{
    char *raw = mem_printf("%s/theirs.raw", formats_folder());
    bool good = formats_run(e, "qemu-img convert -f %s -O raw '%s' %s", format, path, raw) &&
                file_is(raw, model, bytes, e);
    unlink(raw);
    mem_free(raw);
    if (!good) {
        error_prefix(e, "as qemu-img reads it: ");
    }
    return good;
}

struct block_node *formats_open(const char *format, const char *path, bool write, struct error *e)
{
    const struct block_mode m = {.write = write, .discard = true};
    return block_node_open_name(formats_graph(), path, format, &m, e);
}

bool formats_ours_is(const char *format, const char *path, const uint8_t *model, uint64_t bytes,
                     struct error *e)
{
    struct block_node *n = formats_open(format, path, false, e);
    uint8_t *got = mem_alloc((size_t)bytes);
    bool good = n && (block_node_size(n) == bytes ||
                      error_set(e, "%llu bytes", (unsigned long long)block_node_size(n)));
    int status = good ? block_node_read(n, 0, got, (size_t)bytes) : 0;
    good = good && (status == 0 || error_set(e, "%s", strerror(-status)));
    for (uint64_t i = 0; good && i < bytes; i++) {
        good = got[i] == model[i] || error_set(e, "as we read it, byte %llu is 0x%02x, not 0x%02x",
                                               (unsigned long long)i, got[i], model[i]);
    }
    block_node_close(n);
    mem_free(got);
    return good;
}

static void keep_text(void *opaque, bool error, const char *text)
{
    (void)error;
    snprintf(opaque, 200, "%s", text);
}

bool formats_clean(const char *format, const char *path, struct error *e)
{
    struct block_node *n = formats_open(format, path, false, e);
    char why[200] = "";
    struct block_check c = {.say = keep_text, .opaque = why};
    bool good = n && (!n->driver->check || block_node_check(n, 0, &c, e));
    if (good && (c.corruptions || c.leaks || c.check_errors)) {
        good = error_set(e, "our check finds %llu errors and %llu leaks: %s",
                         (unsigned long long)c.corruptions, (unsigned long long)c.leaks, why);
    }
    block_node_close(n);
    return good;
}

static bool both_clean(const struct format_row *r, const char *path, struct error *e)
{
    return formats_clean(r->format, path, e) &&
           (r->unchecked || formats_run(e, "qemu-img check -q -f %s '%s'", r->format, path));
}

/* ---- one format */

static bool make_image(const char *format, const char *options, uint64_t bytes, const char *path,
                       struct error *e)
{
    json_t *o = options ? json_loads(options, 0, NULL) : json_object();
    if (bytes) {
        json_object_set_new(o, "size", json_integer((json_int_t)bytes));
    }
    bool good = block_image_create(formats_graph(), format, path, o, e);
    json_decref(o);
    return good;
}

const char *formats_make(const char *format, const char *options, uint64_t bytes)
{
    static char path[128];
    struct error e = {{0}};
    snprintf(path, sizeof(path), "%s/disk.%s", formats_folder(), format);
    if (!make_image(format, options, bytes, path, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    return path;
}

void formats_patch(const char *path, uint64_t offset, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "r+b");
    if (!f || fseek(f, (long)offset, SEEK_SET) != 0 || fwrite(bytes, 1, n, f) != n) {
        perror(path);
        exit(2);
    }
    fclose(f);
}

void formats_patch_le32(const char *path, uint64_t offset, uint32_t v)
{
    uint8_t raw[4];
    store_le32(raw, v);
    formats_patch(path, offset, raw, sizeof(raw));
}

static bool says_so(bool opened, const char *says, struct error *e)
{
    if (opened) {
        return error_set(e, "it was taken");
    }
    return strstr(e->text, says) != NULL;
}

bool formats_refuses(const char *format, const char *path, const char *says, struct error *e)
{
    struct block_node *n = formats_open(format, path, true, e);
    const bool opened = n != NULL;
    block_node_close(n);
    return says_so(opened, says, e);
}

bool formats_refuses_all(const char *format, const char *options, const struct formats_bad *bad,
                         size_t n, struct error *e)
{
    for (size_t i = 0; i < n; i++) {
        const char *path = formats_make(format, options, 4 << 20);
        formats_patch_le32(path, bad[i].offset, bad[i].value);
        if (!formats_refuses(format, path, bad[i].says, e)) {
            error_prefix(e, "%x at %u: ", bad[i].value, bad[i].offset);
            return false;
        }
    }
    return true;
}

bool formats_makes_not(const char *format, const char *options, const char *says, struct error *e)
{
    char *path = mem_printf("%s/refused", formats_folder());
    const bool made = make_image(format, options, 0, path, e);
    mem_free(path);
    return says_so(made, says, e);
}

bool formats_check(const char *format, const char *path, unsigned fix, struct block_check *c,
                   struct error *e)
{
    struct block_node *n = formats_open(format, path, fix != 0, e);
    *c = (struct block_check){0};
    bool good = n && block_node_check(n, fix, c, e);
    block_node_close(n);
    return good;
}

/* ---- operations */

struct step {
    enum {
        STEP_WRITE,
        STEP_ZERO,
        STEP_DISCARD,
        STEP_FLUSH
    } op;
    uint8_t pattern;
    bool unmap;
    uint64_t offset, bytes;
};

static struct step choose(struct rng *g, uint64_t disk)
{
    static const uint64_t longest[] = {16, 64, 512, 5000};
    const uint64_t all = disk / BLOCK_SECTOR;
    struct step s = {.pattern = (uint8_t)(1 + rng_below(g, 255))};
    const uint64_t kind = rng_below(g, 10);
    s.op = kind < 7 ? STEP_WRITE : kind == 7 ? STEP_ZERO : kind == 8 ? STEP_DISCARD : STEP_FLUSH;
    s.unmap = rng_below(g, 2);
    uint64_t n = 1 + rng_below(g, longest[rng_below(g, array_len(longest))]);
    n = n < all ? n : all;
    s.offset = rng_below(g, all - n + 1);
    s.offset &= ~(uint64_t)(rng_below(g, 2) ? 127 : 0);
    s.bytes = n * BLOCK_SECTOR;
    s.offset *= BLOCK_SECTOR;
    return s;
}

/* What is discarded has its old bytes or zeros. */
static bool after_discard(struct block_node *n, const struct step *s, uint8_t *model,
                          struct error *e)
{
    uint8_t *got = mem_alloc((size_t)s->bytes);
    int status = block_node_read(n, s->offset, got, (size_t)s->bytes);
    bool good = status == 0 || error_set(e, "%s", strerror(-status));
    for (uint64_t i = 0; good && i < s->bytes; i++) {
        good = got[i] == 0 || got[i] == model[s->offset + i] ||
               error_set(e, "byte %llu is another after a discard",
                         (unsigned long long)(s->offset + i));
        model[s->offset + i] = got[i];
    }
    mem_free(got);
    return good;
}

static bool our_step(struct block_node *n, const struct step *s, uint8_t *model, struct error *e)
{
    int status = 0;
    if (s->op == STEP_WRITE || s->op == STEP_ZERO) {
        memset(model + s->offset, s->op == STEP_WRITE ? s->pattern : 0, (size_t)s->bytes);
    }
    switch (s->op) {
    case STEP_WRITE:
        status = block_node_write(n, s->offset, model + s->offset, (size_t)s->bytes, 0);
        break;
    case STEP_ZERO:
        status = block_node_zero(n, s->offset, s->bytes, s->unmap ? BLOCK_MAY_UNMAP : 0);
        break;
    case STEP_DISCARD:
        status = block_node_discard(n, s->offset, s->bytes);
        break;
    case STEP_FLUSH:
        status = block_node_flush(n);
        break;
    }
    if (status < 0) {
        return error_set(e, "operation %d at %llu: %s", s->op, (unsigned long long)s->offset,
                         strerror(-status));
    }
    return s->op != STEP_DISCARD || after_discard(n, s, model, e);
}

static bool our_steps(const struct format_row *r, const char *path, struct rng *g, unsigned count,
                      uint8_t *model, struct error *e)
{
    struct block_node *n = formats_open(r->format, path, true, e);
    bool good = n != NULL;
    for (unsigned i = 0; good && i < count; i++) {
        struct step s = choose(g, r->bytes);
        good = our_step(n, &s, model, e);
    }
    block_node_close(n);
    return good;
}

static bool their_steps(const struct format_row *r, const char *path, struct rng *g, unsigned count,
                        uint8_t *model, struct error *e)
{
    struct strbuf script = {0};
    for (unsigned i = 0; i < count; i++) {
        struct step s = choose(g, r->bytes);
        if (s.op == STEP_FLUSH) {
            strbuf_printf(&script, "flush\n");
        } else if (s.op != STEP_DISCARD) {
            const bool zero = s.op == STEP_ZERO;
            char pattern[16];
            snprintf(pattern, sizeof(pattern), "-P %u", s.pattern);
            strbuf_printf(&script, "write %s %llu %llu\n", zero ? "-z" : pattern,
                          (unsigned long long)s.offset, (unsigned long long)s.bytes);
            memset(model + s.offset, zero ? 0 : s.pattern, (size_t)s.bytes);
        }
    }
    bool good = formats_run(
        e, "qemu-io -f %s '%s' > %s/io.log <<'END'\n%sEND\n! grep -i -m1 fail %s/io.log", r->format,
        path, formats_folder(), script.text, formats_folder());
    strbuf_free(&script);
    return good;
}

static bool both_read(const struct format_row *r, const char *path, const uint8_t *model,
                      struct error *e)
{
    return both_clean(r, path, e) && formats_ours_is(r->format, path, model, r->bytes, e) &&
           formats_theirs_is(r->format, path, model, r->bytes, e);
}

static bool told(struct error *e, bool good, const char *stage, uint64_t seed)
{
    if (!good) {
        error_prefix(e, "%s (seed 0x%llx): ", stage, (unsigned long long)seed);
    }
    return good;
}

static bool go(const struct format_row *r, bool ours, uint64_t seed, unsigned operations,
               struct error *e)
{
    struct rng g;
    uint8_t *model = mem_alloc((size_t)r->bytes);
    char *path = mem_printf("%s/disk.%s", formats_folder(), r->format);
    rng_seed(&g, seed);
    bool good = told(e,
                     ours ? make_image(r->format, r->options, r->bytes, path, e)
                          : formats_run(e, "qemu-img create -q -f %s %s '%s' %llu", r->format,
                                        r->foreign ? r->foreign : "", path,
                                        (unsigned long long)r->bytes),
                     "creation", seed) &&
                told(e, both_read(r, path, model, e), "the new image", seed);
    for (unsigned round = 0; good && !r->written_once && round < 4; round++) {
        const bool us = ours != (round & 1);
        good = told(e,
                    (us ? our_steps : their_steps)(r, path, &g, operations / 4, model, e) &&
                        both_read(r, path, model, e),
                    us ? "after our writes" : "after qemu-io's writes", seed);
    }
    mem_free(path);
    mem_free(model);
    formats_folder_drop();
    return good;
}

bool formats_ours_then_theirs(const struct format_row *r, uint64_t seed, unsigned operations,
                              struct error *e)
{
    return go(r, true, seed, operations, e);
}

bool formats_theirs_then_ours(const struct format_row *r, uint64_t seed, unsigned operations,
                              struct error *e)
{
    return go(r, false, seed, operations, e);
}
