/* SPDX-License-Identifier: MIT */
/* Disk formats against qemu-img (formats.h), on the harness of images.h. */
#include "tests/support/formats.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "tests/support/images.h"

static struct images images; /* begun when it is first asked for */

static struct images *begun(void)
{
    if (!images.graph) {
        images_begin(&images, 0);
    }
    return &images;
}

/* ---- files */

const char *formats_folder(void)
{
    return begun()->folder;
}

void formats_folder_drop(void)
{
    images_end(begun());
    images = (struct images){0};
}

struct block_graph *formats_graph(void)
{
    return begun()->graph;
}

bool formats_run(struct error *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *command = mem_vprintf(fmt, ap);
    va_end(ap);
    bool good = images_run(begun(), "%s", command) == 0 ||
                error_set(e, "%.100s: %.300s", command, images_output());
    mem_free(command);
    return good;
}

/* ---- looking at images */

bool formats_theirs_is(const char *format, const char *path, const uint8_t *model, uint64_t bytes,
                       struct error *e)
{
    return images_qemu_reads(begun(), format, path, model, bytes, e);
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
    bool good = n && images_disk_is(n, model, bytes, e);
    block_node_close(n);
    return good;
}

bool formats_clean(const char *format, const char *path, struct error *e)
{
    struct block_node *n = formats_open(format, path, false, e);
    bool good = n && (!n->driver->check || images_are_clean(n, e));
    block_node_close(n);
    return good;
}

/* ---- one format */

const char *formats_make(const char *format, const char *options, uint64_t bytes)
{
    static char path[128];
    char name[40];
    struct error e = {{0}};
    snprintf(name, sizeof(name), "disk.%s", format);
    if (!images_create(begun(), format, name, bytes, options, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    snprintf(path, sizeof(path), "%s/%s", formats_folder(), name);
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
    const bool made = images_create(begun(), format, "refused", 0, options, e);
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

static bool our_steps(const struct format_row *r, const char *name, unsigned count, struct error *e)
{
    struct block_node *n = images_open(&images, r->format, name, true, NULL, e);
    bool good = n && images_random(&images, n, count, false, e);
    block_node_close(n);
    return good;
}

static bool both_read(const struct format_row *r, const char *path, struct error *e)
{
    return formats_clean(r->format, path, e) &&
           (r->unchecked || images_qemu_is_clean(&images, r->format, path, e)) &&
           formats_ours_is(r->format, path, images.model, r->bytes, e) &&
           formats_theirs_is(r->format, path, images.model, r->bytes, e);
}

/* QEMU leaves the room of what it turns into zeros at the file's end: a leak, and nothing worse. */
static bool mend_theirs(const struct format_row *r, const char *path, struct error *e)
{
    struct block_check c = {0};
    struct block_node *n = formats_open(r->format, path, true, e);
    bool good = n && (!n->driver->check || block_node_check(n, BLOCK_FIX_LEAKS, &c, e));
    block_node_close(n);
    return good && ((!c.corruptions && !c.leaks && !c.check_errors) ||
                    error_set(e, "%llu corruptions, %llu leaks that were not mended",
                              (unsigned long long)c.corruptions, (unsigned long long)c.leaks));
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
    char name[40];
    snprintf(name, sizeof(name), "disk.%s", r->format);
    images_begin(&images, seed);
    images.longest = 5000 * BLOCK_SECTOR; /* more than one block of each format */
    char *path = mem_printf("%s/%s", images.folder, name);
    bool good = told(e,
                     ours ? images_make(&images, r->format, name, r->bytes, r->options, e)
                          : images_qemu_make(&images, r->format, name, r->bytes, r->foreign, e),
                     "creation", seed) &&
                told(e, both_read(r, path, e), "the new image", seed);
    for (unsigned round = 0; good && !r->written_once && round < 4; round++) {
        const bool us = ours != (round & 1);
        good = told(e,
                    (us ? our_steps(r, name, operations / 4, e)
                        : images_qemu_random(&images, r->format, name, operations / 4, e) &&
                              mend_theirs(r, path, e)) &&
                        both_read(r, path, e),
                    us ? "after our writes" : "after qemu-io's writes", seed);
    }
    mem_free(path);
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
