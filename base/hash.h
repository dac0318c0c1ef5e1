/* SPDX-License-Identifier: MIT */
/*
 * A map from 64-bit keys to pointers, for tables that are looked up off the hot path.
 * Open addressing with linear probing; removal shifts back, so there are no tombstones and a
 * look-up never slows down with age. Not thread-safe: the owner's lock guards it.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_slot {
    uint64_t key;
    void *value; /* NULL: free */
};

/* {0} is an empty map. */
struct hash {
    struct hash_slot *slot;
    size_t count, cap; /* cap is 0 or a power of two */
};

void hash_free(struct hash *h);

/* Removes all; keeps the room. */
void hash_clear(struct hash *h);

/* The value of key, or NULL. */
void *hash_get(const struct hash *h, uint64_t key);

/* Sets the value (not NULL) of key and returns the one before, or NULL. */
void *hash_put(struct hash *h, uint64_t key, void *value);

/* Removes key and returns its value, or NULL. */
void *hash_remove(struct hash *h, uint64_t key);

/*
 * Steps through all entries in no useful order: start with *at = 0; false at the end. The map must
 * not change meanwhile.
 */
bool hash_next(const struct hash *h, size_t *at, uint64_t *key, void **value);

/* Mixes all bits of v into all bits of the result (a bijection). */
uint64_t hash_mix64(uint64_t v);

/* A hash of n bytes. Not for input that an adversary may choose to collide. */
uint64_t hash_bytes(const void *p, size_t n);

#endif
