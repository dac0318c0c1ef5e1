/* SPDX-License-Identifier: MIT */
/* Writing device trees: see fdt_writer.h. */
#include "hw/fdt_writer.h"

#include <libfdt.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/strbuf.h"

static void note(struct fdt_writer *w, int status)
{
    if (w->status == 0 && status < 0) {
        w->status = status;
    }
}

#define FIRST_BYTES 16384 /* what most trees need; libfdt clears all that it is given */

/* Makes room for what did not find it. false: there is no more to be had. */
static bool grow(struct fdt_writer *w)
{
    const int bytes = w->bytes > w->max / 2 ? w->max : w->bytes * 2;

    if (w->bytes == w->max) {
        return false;
    }
    void *tree = mem_alloc((size_t)bytes);
    note(w, fdt_resize(w->tree, tree, bytes));
    mem_free(w->tree);
    w->tree = tree;
    w->bytes = bytes;
    return w->status == 0;
}

/* Does what `call` says, once more when the tree has grown. */
#define WRITE(w, call)                                                                             \
    do {                                                                                           \
        int status_ = (call);                                                                      \
        while (status_ == -FDT_ERR_NOSPACE && grow(w)) {                                           \
            status_ = (call);                                                                      \
        }                                                                                          \
        note(w, status_);                                                                          \
    } while (0)

void fdt_writer_begin(struct fdt_writer *w, int max)
{
    const int bytes = max < FIRST_BYTES ? max : FIRST_BYTES;

    *w = (struct fdt_writer){.tree = mem_alloc((size_t)bytes), .bytes = bytes, .max = max};
    note(w, fdt_create(w->tree, bytes));
    note(w, fdt_finish_reservemap(w->tree));
    note(w, fdt_begin_node(w->tree, ""));
}

void *fdt_writer_finish(struct fdt_writer *w, size_t *bytes, struct error *e)
{
    WRITE(w, fdt_end_node(w->tree));
    WRITE(w, fdt_finish(w->tree));
    if (w->status) {
        error_set(e, "the device tree cannot be written: %s", fdt_strerror(w->status));
        mem_free(w->tree);
        return NULL;
    }
    *bytes = fdt_totalsize(w->tree);
    return mem_realloc(w->tree, *bytes);
}

void fdt_node(struct fdt_writer *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *name = mem_vprintf(fmt, ap);
    va_end(ap);
    if (w->status == 0) {
        WRITE(w, fdt_begin_node(w->tree, name));
    }
    mem_free(name);
}

void fdt_node_end(struct fdt_writer *w)
{
    if (w->status == 0) {
        WRITE(w, fdt_end_node(w->tree));
    }
}

void fdt_bytes(struct fdt_writer *w, const char *name, const void *bytes, int n)
{
    if (w->status == 0) {
        WRITE(w, fdt_property(w->tree, name, bytes, n));
    }
}

void fdt_empty(struct fdt_writer *w, const char *name)
{
    fdt_bytes(w, name, NULL, 0);
}

void fdt_u32(struct fdt_writer *w, const char *name, uint32_t value)
{
    fdt_cells(w, name, &value, 1);
}

void fdt_u64(struct fdt_writer *w, const char *name, uint64_t value)
{
    FDT_CELLS(w, name, FDT_HI_LO(value));
}

void fdt_text(struct fdt_writer *w, const char *name, const char *text)
{
    fdt_bytes(w, name, text, (int)strlen(text) + 1);
}

void fdt_texts(struct fdt_writer *w, const char *name, ...)
{
    struct strbuf list = {0};
    va_list ap;
    va_start(ap, name);
    for (const char *text; (text = va_arg(ap, const char *));) {
        strbuf_bytes(&list, text, strlen(text) + 1);
    }
    va_end(ap);
    fdt_bytes(w, name, list.text, (int)list.len);
    strbuf_free(&list);
}

void fdt_cells(struct fdt_writer *w, const char *name, const uint32_t *cells, int n)
{
    void *at = NULL;
    if (w->status == 0) {
        WRITE(w, fdt_property_placeholder(w->tree, name, 4 * n, &at));
    }
    for (int i = 0; at && i < n; i++) {
        store_be32((uint8_t *)at + 4 * i, cells[i]);
    }
}
