/* SPDX-License-Identifier: MIT */
/*
 * Semihosting: guest memory. Reads and writes are those of the vCPU that calls, with its page
 * tables and permissions, but what it may not touch is an error of the call and no exception.
 */
#include <errno.h>
#include <string.h>

#include "system/semihost_internal.h"

/* The piece of [va, va + n) that lies on one page, and where; 0: not accessible. */
static uint64_t piece_at(struct vcpu *v, uint64_t va, uint64_t n, enum access a, uint64_t *pa)
{
    const uint64_t left = GUEST_PAGE_SIZE - (va & (GUEST_PAGE_SIZE - 1));
    uint64_t fault;
    if (!vcpu_translate(v, va, a, v->cls->mmu_index(v), pa, &fault)) {
        return 0;
    }
    return n < left ? n : left;
}

uint64_t semihost_fetch(struct vcpu *v, uint64_t va, void *bytes, uint64_t n)
{
    uint64_t done = 0, pa, piece;
    while (done < n && (piece = piece_at(v, va + done, n - done, ACCESS_READ, &pa)) &&
           vcpu_space(v, pa) &&
           space_read(vcpu_space(v, pa), vcpu_plain_address(pa), (uint8_t *)bytes + done, piece)) {
        done += piece;
    }
    return done;
}

uint64_t semihost_store(struct vcpu *v, uint64_t va, const void *bytes, uint64_t n)
{
    uint64_t done = 0, pa, piece;
    while (done < n && (piece = piece_at(v, va + done, n - done, ACCESS_WRITE, &pa)) &&
           vcpu_space(v, pa) &&
           space_write(vcpu_space(v, pa), vcpu_plain_address(pa), (const uint8_t *)bytes + done,
                       piece)) {
        done += piece;
    }
    return done;
}

static uint64_t word_of(const uint8_t *bytes, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++) {
        v |= (uint64_t)bytes[i] << 8 * i;
    }
    return v;
}

bool semihost_words(struct call *k, unsigned n)
{
    uint8_t bytes[sizeof(k->words)];
    const unsigned size = k->c->word_bytes;
    if (semihost_fetch(k->c->v, k->c->argument, bytes, n * size) != n * size) {
        semihost_fail(k, EFAULT);
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        k->words[i] = word_of(bytes + i * size, size);
    }
    return true;
}

bool semihost_put_word(struct call *k, uint64_t va, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    return semihost_store(k->c->v, va, bytes, k->c->word_bytes) == k->c->word_bytes;
}

/* A name ends where its length says, and the guest has put a zero there. */
bool semihost_text(struct call *k, uint64_t va, uint64_t n, char *text)
{
    int error = 0;
    if (n >= SEMIHOST_NAME) {
        error = ENAMETOOLONG;
    } else if (semihost_fetch(k->c->v, va, text, n + 1) != n + 1) {
        error = EFAULT;
    } else if (text[n] != '\0') {
        error = EINVAL;
    }
    if (error) {
        semihost_fail(k, error);
    }
    return !error;
}
