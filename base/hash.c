/* SPDX-License-Identifier: MIT */
/*
 * The map from 64-bit keys to pointers: see hash.h.
 * Invariant: an entry stands at or after (cyclically) the home slot of its key with no free slot
 * between. At most three quarters of the slots are in use, so every probe ends.
 */
#include "base/hash.h"

#include <assert.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"

uint64_t hash_mix64(uint64_t v)
{
    v ^= v >> 32;
    v *= UINT64_C(0xd6e8feb86659fd93);
    v ^= v >> 32;
    v *= UINT64_C(0xd6e8feb86659fd93);
    v ^= v >> 32;
    return v;
}

uint64_t hash_bytes(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint64_t h = hash_mix64(n + 1);
    for (; n >= 8; n -= 8, b += 8) {
        h = hash_mix64(h ^ load_le64(b));
    }
    return n ? hash_mix64(h ^ load_le(b, (unsigned)n)) : h;
}

static size_t home(const struct hash *h, uint64_t key)
{
    return hash_mix64(key) & (h->cap - 1);
}

/* The slot of key, or the free slot where it would go; cap is not 0. */
static size_t slot_of(const struct hash *h, uint64_t key)
{
    size_t i = home(h, key);
    while (h->slot[i].value && h->slot[i].key != key) {
        i = (i + 1) & (h->cap - 1);
    }
    return i;
}

static void grow(struct hash *h)
{
    struct hash old = *h;
    h->cap = old.cap ? old.cap * 2 : 16;
    h->slot = mem_array(h->cap, sizeof(*h->slot));
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slot[i].value) {
            h->slot[slot_of(h, old.slot[i].key)] = old.slot[i];
        }
    }
    mem_free(old.slot);
}

void hash_free(struct hash *h)
{
    mem_free(h->slot);
    *h = (struct hash){0};
}

void hash_clear(struct hash *h)
{
    if (h->slot) {
        memset(h->slot, 0, h->cap * sizeof(*h->slot));
    }
    h->count = 0;
}

void *hash_get(const struct hash *h, uint64_t key)
{
    return h->cap ? h->slot[slot_of(h, key)].value : NULL;
}

void *hash_put(struct hash *h, uint64_t key, void *value)
{
    assert(value);
    if ((h->count + 1) * 4 > h->cap * 3) {
        grow(h);
    }
    struct hash_slot *s = &h->slot[slot_of(h, key)];
    void *old = s->value;
    s->key = key;
    s->value = value;
    h->count += !old;
    return old;
}

void *hash_remove(struct hash *h, uint64_t key)
{
    if (!h->cap) {
        return NULL;
    }
    size_t mask = h->cap - 1, hole = slot_of(h, key);
    void *old = h->slot[hole].value;
    if (!old) {
        return NULL;
    }
    h->count--;
    /* What follows without a gap moves into the hole unless it would come before its home. */
    for (size_t i = (hole + 1) & mask; h->slot[i].value; i = (i + 1) & mask) {
        size_t from_home = (i - home(h, h->slot[i].key)) & mask;
        if (from_home >= ((i - hole) & mask)) {
            h->slot[hole] = h->slot[i];
            hole = i;
        }
    }
    h->slot[hole].value = NULL;
    return old;
}

bool hash_next(const struct hash *h, size_t *at, uint64_t *key, void **value)
{
    while (*at < h->cap) {
        const struct hash_slot *s = &h->slot[(*at)++];
        if (s->value) {
            *key = s->key;
            *value = s->value;
            return true;
        }
    }
    return false;
}
