/* SPDX-License-Identifier: MIT */
/*
 * How a device reaches guest memory. Every call checks and may fail (a guest may hand any address);
 * DMA to MMIO ranges is refused, which keeps a device from re-entering another. Any thread.
 */
#ifndef MEMORY_DMA_H
#define MEMORY_DMA_H

#include "memory/space.h"

struct dma {
    struct space *space;
};

bool dma_read(const struct dma *d, paddr a, void *bytes, size_t n);
bool dma_write(const struct dma *d, paddr a, const void *bytes, size_t n);
bool dma_load16(const struct dma *d, paddr a,
                uint16_t *v); /* little-endian guest memory, host value; atomic if aligned */
bool dma_load32(const struct dma *d, paddr a, uint32_t *v);
bool dma_load64(const struct dma *d, paddr a, uint64_t *v);
bool dma_store16(const struct dma *d, paddr a, uint16_t v);
bool dma_store32(const struct dma *d, paddr a, uint32_t v);
bool dma_store64(const struct dma *d, paddr a, uint64_t v);

/*
 * The host address of guest RAM at a, for zero-copy transfers; *n is cut to what is contiguous.
 * NULL if a is no RAM (or not writable). Each map is followed by an unmap, which says how many
 * bytes from p on were written: translated code and logs of dirty pages depend on it. Of a mapping
 * that was written in several places each is told of by dma_written().
 */
uint8_t *dma_map(const struct dma *d, paddr a, size_t *n, bool writable);
void dma_unmap(const struct dma *d, const uint8_t *p, size_t written);

/* Bytes at p of a mapping that lasts (a ring) were written just now. Cheap: a fence and a look at a
 * flag while nobody wants to know. */
void dma_written(const struct dma *d, const uint8_t *p, size_t n);

#endif
