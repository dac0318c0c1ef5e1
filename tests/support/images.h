/* SPDX-License-Identifier: MIT */
/*
 * Disk images for tests: a folder of their own, random requests beside a model in memory, and the
 * other program's word on what was written.
 */
#ifndef TESTS_SUPPORT_IMAGES_H
#define TESTS_SUPPORT_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/rng.h"
#include "block/node.h"

struct images {
    char folder[64];
    struct block_graph *graph;
    uint8_t *model; /* what the disk holds */
    uint64_t size;
    uint64_t longest; /* of the random requests, in bytes */
    struct rng rng;
};

void images_begin(struct images *i, uint64_t seed);
/* Removes the folder with all that is in it. */
void images_end(struct images *i);

/* The path of a file of the folder; in one of a few buffers. */
const char *images_path(const struct images *i, const char *name);
/* Makes an image of `size` bytes (0: the options say it); options: JSON or NULL. */
bool images_create(struct images *i, const char *format, const char *name, uint64_t size,
                   const char *options, struct error *e);
/* The same, and the model is zeros; by qemu-img, whose options are those behind its -o. */
bool images_make(struct images *i, const char *format, const char *name, uint64_t size,
                 const char *options, struct error *e);
bool images_qemu_make(struct images *i, const char *format, const char *name, uint64_t size,
                      const char *options, struct error *e);
/* options: JSON with further options of opening, or NULL. */
struct block_node *images_open(struct images *i, const char *format, const char *name, bool write,
                               const char *options, struct error *e);
/* All of a file; mem_free. */
uint8_t *images_bytes(const struct images *i, const char *name, size_t *length);
/* Makes the model longer (by zeros) or shorter. */
void images_model_size(struct images *i, uint64_t size);

/* Random reads, writes, zeros, discards and flushes beside the model; packed: also such writes,
 * where the format has them. False: e says what differed. */
bool images_random(struct images *i, struct block_node *n, unsigned count, bool packed,
                   struct error *e);
/* Random writes, zeros and flushes by qemu-io. */
bool images_qemu_random(struct images *i, const char *format, const char *name, unsigned count,
                        struct error *e);
/* The whole disk is what the model is; or some other one. */
bool images_compare(struct images *i, struct block_node *n, struct error *e);
bool images_disk_is(struct block_node *n, const uint8_t *model, uint64_t size, struct error *e);
/* A check finds nothing, leaks included. */
bool images_are_clean(struct block_node *n, struct error *e);

/* Runs a shell command in the folder; its exit status. What it prints is in images_output(). */
int images_run(struct images *i, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *images_output(void);
/* qemu-img finds the image clean; reads some model; both, and the model is ours. */
bool images_qemu_is_clean(struct images *i, const char *format, const char *name, struct error *e);
bool images_qemu_reads(struct images *i, const char *format, const char *name, const uint8_t *model,
                       uint64_t size, struct error *e);
bool images_qemu_agrees(struct images *i, const char *format, const char *name, struct error *e);

#endif
