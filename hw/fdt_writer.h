/* SPDX-License-Identifier: MIT */
/*
 * Writing a flattened device tree from front to back (Devicetree Specification 0.4, chapter 5)
 * through libfdt's sequential functions. An error sticks: the calls after it do nothing, and
 * fdt_writer_finish reports it.
 */
#ifndef HW_FDT_WRITER_H
#define HW_FDT_WRITER_H

#include <stdarg.h>
#include <stdint.h>

#include "base/error.h"

struct fdt_writer {
    void *tree;
    int bytes, max; /* of the tree's memory: now, and at most */
    int status;     /* 0, or the first error of libfdt */
};

/* Begins a tree of at most max bytes, and its root node. */
void fdt_writer_begin(struct fdt_writer *w, int max);
/* Ends the root node. The finished tree (mem_free) and its size; NULL with an error. */
void *fdt_writer_finish(struct fdt_writer *w, size_t *bytes, struct error *e);

/* Nodes nest: begin and end. The name is formatted. */
void fdt_node(struct fdt_writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fdt_node_end(struct fdt_writer *w);

/* Properties of the node that was begun last, before its children. */
void fdt_empty(struct fdt_writer *w, const char *name);
void fdt_u32(struct fdt_writer *w, const char *name, uint32_t value);
void fdt_u64(struct fdt_writer *w, const char *name, uint64_t value);
void fdt_text(struct fdt_writer *w, const char *name, const char *text);
void fdt_bytes(struct fdt_writer *w, const char *name, const void *bytes, int n);
/* A list of strings, up to a NULL. */
void fdt_texts(struct fdt_writer *w, const char *name, ...) __attribute__((sentinel));
/* n cells of 32 bits. */
void fdt_cells(struct fdt_writer *w, const char *name, const uint32_t *cells, int n);
#define FDT_CELLS(w, name, ...)                                                                    \
    fdt_cells(w, name, (const uint32_t[]){__VA_ARGS__},                                            \
              (int)(sizeof((const uint32_t[]){__VA_ARGS__}) / 4))
/* The two cells of a 64-bit number, for lists. */
#define FDT_HI_LO(v) (uint32_t)((uint64_t)(v) >> 32), (uint32_t)(v)

#endif
