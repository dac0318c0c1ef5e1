/* SPDX-License-Identifier: MIT */
/* Disk images for tests (images.h). */
#include "tests/support/images.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "block/block.h"
#include "tests/support/folder.h"

static char output[8192];

void images_begin(struct images *i, uint64_t seed)
{
    memset(i, 0, sizeof(*i));
    snprintf(i->folder, sizeof(i->folder), "/var/tmp/dragoman-test.XXXXXX");
    if (!mkdtemp(i->folder)) {
        perror(i->folder);
        abort();
    }
    i->graph = block_graph_create();
    i->longest = 300u << 10;
    rng_seed(&i->rng, seed);
}

void images_end(struct images *i)
{
    block_graph_destroy(i->graph);
    folder_remove(AT_FDCWD, i->folder);
    mem_free(i->model);
}

const char *images_path(const struct images *i, const char *name)
{
    static char path[4][256];
    static unsigned which;
    which = (which + 1) % array_len(path);
    snprintf(path[which], sizeof(path[0]), "%s/%s", i->folder, name);
    return path[which];
}

void images_model_size(struct images *i, uint64_t size)
{
    i->model = mem_realloc(i->model, (size_t)size);
    if (size > i->size) {
        memset(i->model + i->size, 0, (size_t)(size - i->size));
    }
    i->size = size;
}

bool images_create(struct images *i, const char *format, const char *name, uint64_t size,
                   const char *options, struct error *e)
{
    json_t *o = options ? json_loads(options, 0, NULL) : json_object();
    if (size) {
        json_object_set_new(o, "size", json_integer((json_int_t)size));
    }
    bool good = block_image_create(i->graph, format, images_path(i, name), o, e);
    json_decref(o);
    return good;
}

static void empty_model(struct images *i, uint64_t size)
{
    images_model_size(i, size);
    memset(i->model, 0, (size_t)size);
}

bool images_make(struct images *i, const char *format, const char *name, uint64_t size,
                 const char *options, struct error *e)
{
    empty_model(i, size);
    return images_create(i, format, name, size, options, e);
}

bool images_qemu_make(struct images *i, const char *format, const char *name, uint64_t size,
                      const char *options, struct error *e)
{
    empty_model(i, size);
    return images_run(i, "qemu-img create -q -f %s %s%s %s %llu", format, options ? "-o " : "",
                      options ? options : "", name, (unsigned long long)size) == 0 ||
           error_set(e, "qemu-img create: %.300s", output);
}

struct block_node *images_open(struct images *i, const char *format, const char *name, bool write,
                               const char *options, struct error *e)
{
    /* The host does not lose power. */
    const struct block_mode m = {.write = write, .discard = true, .no_flush = true};
    json_t *o = block_options_of_name(images_path(i, name), format, e);
    json_t *more = options ? json_loads(options, 0, NULL) : NULL;
    if (more) {
        json_object_update(o, more);
        json_decref(more);
    }
    struct block_node *n = block_node_open(i->graph, o, &m, e);
    json_decref(o);
    return n;
}

uint8_t *images_bytes(const struct images *i, const char *name, size_t *length)
{
    uint8_t *bytes;
    if (!folder_read_file(images_path(i, name), &bytes, length)) {
        perror(name);
        abort();
    }
    return bytes;
}

/* ---- random requests */

static bool failed(const char *what, uint64_t at, uint64_t bytes, int status, struct error *e)
{
    return status == 0 ||
           error_set(e, "%s of %llu bytes at %llu: %s", what, (unsigned long long)bytes,
                     (unsigned long long)at, strerror(-status));
}

static bool is_model(const uint8_t *found, const uint8_t *model, uint64_t at, uint64_t bytes,
                     struct error *e)
{
    for (uint64_t k = 0; k < bytes; k++) {
        if (found[k] != model[k]) {
            return error_set(e, "byte %llu is 0x%02x, not 0x%02x", (unsigned long long)(at + k),
                             found[k], model[k]);
        }
    }
    return true;
}

static bool compare(struct block_node *n, const uint8_t *model, uint64_t at, uint64_t bytes,
                    struct error *e)
{
    uint8_t *found = mem_alloc((size_t)bytes);
    bool good = failed("a read", at, bytes, block_node_read(n, at, found, (size_t)bytes), e) &&
                is_model(found, model + at, at, bytes, e);
    mem_free(found);
    return good;
}

bool images_disk_is(struct block_node *n, const uint8_t *model, uint64_t size, struct error *e)
{
    if (block_node_size(n) != size) {
        return error_set(e, "the disk has %llu bytes, not %llu",
                         (unsigned long long)block_node_size(n), (unsigned long long)size);
    }
    return compare(n, model, 0, size, e);
}

bool images_compare(struct images *i, struct block_node *n, struct error *e)
{
    return images_disk_is(n, i->model, i->size, e);
}

/* Each sector is what it was, or zeros. */
static bool discard(struct images *i, struct block_node *n, uint64_t at, uint64_t bytes,
                    struct error *e)
{
    uint8_t *found = mem_alloc((size_t)bytes);
    bool good = failed("a discard", at, bytes, block_node_discard(n, at, bytes), e) &&
                failed("a read", at, bytes, block_node_read(n, at, found, (size_t)bytes), e);
    for (uint64_t k = 0; good && k < bytes; k++) {
        if (found[k] != i->model[at + k] && found[k] != 0) {
            good = error_set(e, "byte %llu is 0x%02x after a discard, not 0x%02x or 0",
                             (unsigned long long)(at + k), found[k], i->model[at + k]);
        }
    }
    if (good) {
        memcpy(i->model + at, found, (size_t)bytes);
    }
    mem_free(found);
    return good;
}

/* Compresses more or less well. */
static void fill(struct images *i, uint8_t *p, size_t bytes)
{
    if (rng_below(&i->rng, 3) == 0) {
        rng_bytes(&i->rng, p, bytes);
        return;
    }
    for (size_t k = 0; k < bytes; k++) {
        p[k] = (uint8_t)(rng_below(&i->rng, 16) ? k / 64 : rng_below(&i->rng, 256));
    }
}

static bool one_write(struct images *i, struct block_node *n, uint64_t at, uint64_t bytes,
                      bool packed, struct error *e)
{
    uint8_t *p = mem_alloc((size_t)bytes);
    fill(i, p, (size_t)bytes);
    int status = packed ? block_node_write_packed(n, at, p, (size_t)bytes)
                        : block_node_write(n, at, p, (size_t)bytes,
                                           rng_below(&i->rng, 20) ? 0 : BLOCK_FUA);
    memcpy(i->model + at, p, (size_t)bytes);
    mem_free(p);
    return failed("a write", at, bytes, status, e);
}

static bool pack_one(struct images *i, struct block_node *n, struct error *e)
{
    const uint64_t cluster = 65536, all = i->size / cluster;
    return all == 0 || one_write(i, n, rng_below(&i->rng, all) * cluster, cluster, true, e);
}

struct step {
    enum {
        STEP_READ,
        STEP_ZERO,
        STEP_DISCARD,
        STEP_FLUSH,
        STEP_PACK,
        STEP_WRITE
    } op;
    uint64_t at, bytes;
};

static struct step choose(struct images *i, bool packed)
{
    static const uint64_t aligns[] = {1, 512, 4096, 65536};
    const uint64_t most = rng_below(&i->rng, 3) ? 8192 : i->longest;
    const uint64_t align = aligns[rng_below(&i->rng, array_len(aligns))];
    struct step s = {.bytes = align_up(1 + rng_below(&i->rng, most), align)};
    s.bytes = s.bytes < i->size ? s.bytes : i->size;
    s.at = align_down(rng_below(&i->rng, i->size - s.bytes + 1), align);
    switch (rng_below(&i->rng, packed ? 9 : 8)) {
    case 0:
    case 1:
        s.op = STEP_READ;
        break;
    case 2:
        s.op = STEP_ZERO;
        break;
    case 3:
        s.op = STEP_DISCARD;
        break;
    case 4:
        s.op = STEP_FLUSH;
        break;
    case 8:
        s.op = STEP_PACK;
        break;
    default:
        s.op = STEP_WRITE;
    }
    return s;
}

static bool one(struct images *i, struct block_node *n, bool packed, struct error *e)
{
    const struct step s = choose(i, packed);
    switch (s.op) {
    case STEP_READ:
        return compare(n, i->model, s.at, s.bytes, e);
    case STEP_ZERO:
        memset(i->model + s.at, 0, (size_t)s.bytes);
        return failed(
            "zeros", s.at, s.bytes,
            block_node_zero(n, s.at, s.bytes, rng_below(&i->rng, 2) ? BLOCK_MAY_UNMAP : 0), e);
    case STEP_DISCARD:
        return discard(i, n, s.at, s.bytes, e);
    case STEP_FLUSH:
        return failed("a flush", 0, 0, block_node_flush(n), e);
    case STEP_PACK:
        return pack_one(i, n, e);
    default:
        return one_write(i, n, s.at, s.bytes, false, e);
    }
}

bool images_random(struct images *i, struct block_node *n, unsigned count, bool packed,
                   struct error *e)
{
    bool good = true;
    for (unsigned k = 0; good && k < count; k++) {
        good = one(i, n, packed, e);
        if (!good) {
            error_prefix(e, "operation %u: ", k);
        }
    }
    return good && images_compare(i, n, e);
}

/* ---- checks */

static void say(void *opaque, bool error, const char *text)
{
    char *first = opaque;
    (void)error;
    if (!*first) {
        snprintf(first, 200, "%s", text);
    }
}

bool images_are_clean(struct block_node *n, struct error *e)
{
    char first[200] = "";
    struct block_check c = {.say = say, .opaque = first};
    if (!block_node_check(n, 0, &c, e)) {
        return false;
    }
    return (!c.corruptions && !c.leaks && !c.check_errors) ||
           error_set(e, "%llu corruptions, %llu leaks; first: %s",
                     (unsigned long long)c.corruptions, (unsigned long long)c.leaks, first);
}

int images_run(struct images *i, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *command = mem_vprintf(fmt, ap);
    va_end(ap);
    char *full = mem_printf("cd '%s' && { %s\n} 2>&1", i->folder, command);
    FILE *f = popen(full, "r");
    size_t n = f ? fread(output, 1, sizeof(output) - 1, f) : 0;
    output[n] = '\0';
    while (f && fgetc(f) != EOF) { /* or it would end by SIGPIPE */
    }
    mem_free(full);
    mem_free(command);
    int status = f ? pclose(f) : -1;
    return status < 0 ? status : status >> 8;
}

const char *images_output(void)
{
    return output;
}

bool images_qemu_random(struct images *i, const char *format, const char *name, unsigned count,
                        struct error *e)
{
    struct strbuf script = {0};
    for (unsigned k = 0; k < count; k++) {
        const struct step s = choose(i, false);
        const uint8_t value = (uint8_t)(s.op == STEP_WRITE ? 1 + rng_below(&i->rng, 255) : 0);
        if (s.op == STEP_FLUSH) {
            strbuf_printf(&script, "flush\n");
        } else if (s.op == STEP_WRITE || s.op == STEP_ZERO) {
            strbuf_printf(&script, value ? "write -P %u" : "write -z", value);
            strbuf_printf(&script, " %llu %llu\n", (unsigned long long)s.at,
                          (unsigned long long)s.bytes);
            memset(i->model + s.at, value, (size_t)s.bytes);
        }
    }
    bool good = images_run(i,
                           "qemu-io -f %s %s > io.log <<'END'\n%sEND\n"
                           "! grep -i -m1 fail io.log",
                           format, name, script.text ? script.text : "") == 0;
    strbuf_free(&script);
    return good || error_set(e, "qemu-io: %.300s", output);
}

bool images_qemu_is_clean(struct images *i, const char *format, const char *name, struct error *e)
{
    return images_run(i, "qemu-img check -f %s %s", format, name) == 0 ||
           error_set(e, "qemu-img check: %.300s", output);
}

bool images_qemu_reads(struct images *i, const char *format, const char *name, const uint8_t *model,
                       uint64_t size, struct error *e)
{
    uint8_t *bytes;
    size_t n;
    if (images_run(i, "qemu-img convert -t unsafe -f %s -O raw %s qemu.raw", format, name) != 0) {
        return error_set(e, "qemu-img convert: %.300s", output);
    }
    bytes = images_bytes(i, "qemu.raw", &n);
    bool good = n == size ? is_model(bytes, model, 0, size, e) : error_set(e, "%zu bytes", n);
    mem_free(bytes);
    if (!good) {
        error_prefix(e, "as qemu-img reads it: ");
    }
    return good;
}

bool images_qemu_agrees(struct images *i, const char *format, const char *name, struct error *e)
{
    return images_qemu_is_clean(i, format, name, e) &&
           images_qemu_reads(i, format, name, i->model, i->size, e);
}
