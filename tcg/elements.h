/* SPDX-License-Identifier: MIT */
/*
 * Rows of elements in host memory, one after the other: what string instructions of a guest do to
 * as much as lies on a page. An element has 1 << log2 bytes, at most 8, and is accessed whole where
 * it is aligned. The pointers are those of the first element, and what follows lies above it, or
 * (down) below. Any thread; class LEAF.
 */
#ifndef TCG_ELEMENTS_H
#define TCG_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elements {
    uint8_t log2;
    bool down;
    bool while_equal; /* of comparisons: until one is not equal; else until one is */
};

/* In that order: what has been written is read if it is met again. */
void elements_copy_leaf(const struct elements *e, void *to, const void *from, size_t n);
void elements_fill_leaf(const struct elements *e, void *to, uint64_t value, size_t n);

/*
 * Compares x with y, or value with x, until while_equal decides: at most n, which is not 0. Gives
 * how many were compared; *flags: of the last difference, as FLAGS values are packed.
 */
size_t elements_compare_leaf(const struct elements *e, const void *x, const void *y, size_t n,
                             uint32_t *flags);
size_t elements_scan_leaf(const struct elements *e, const void *x, uint64_t value, size_t n,
                          uint32_t *flags);

#endif
