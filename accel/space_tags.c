/* SPDX-License-Identifier: MIT */
/*
 * Tags for address spaces whose identity is wider than a tag: the root of page tables and a number
 * beside it (x86's CR3, s390x's ASCE, PowerPC's LPID and PID).
 *
 * TLBs and contexts compare tags of 32 bits, and all vCPUs must have the same one for a space. So
 * identities are numbered as they are met. A guest may make up as many as it likes: when there are
 * too many, all threads meet outside guest code (FLUSH_SPACES), numbers start again, and TLBs and
 * contexts are emptied. Until they have met, what is new gets numbers that nobody else knows; a
 * flush of a space that has no known number is then one of all.
 */
#include "accel/space_tags.h"
#include "accel/context.h"
#include "accel/tcg.h"
#include "base/mem.h"

void space_tags_create(struct tcg *a)
{
    struct space_tags *s = &a->space_tags;

    os_mutex_init(&s->lock);
    s->tags = mem_alloc(sizeof(*s->tags));
    s->known = mem_array(SPACE_TAGS_KNOWN, sizeof(*s->known));
}

void space_tags_destroy(struct tcg *a)
{
    struct space_tags *s = &a->space_tags;

    hash_free(s->tags);
    mem_free(s->tags);
    mem_free(s->known);
    os_mutex_destroy(&s->lock);
}

void space_tags_reset(struct tcg *a)
{
    struct space_tags *s = &a->space_tags;

    hash_clear(s->tags);
    s->count = s->last = 0;
    s->lost = false;
    for (unsigned i = 0; i < a->base.count; i++) {
        struct vcpu *v = a->base.vcpus[i];
        memset(tcg_of(v)->space_tags, 0, sizeof(tcg_of(v)->space_tags));
        tlb_drop_all(v);
        tcg_context_changed(v);
    }
}

/* Under the lock. 0: it has no number that all know. */
static uint32_t find(const struct space_tags *s, uint64_t identity)
{
    const struct space_tag *t = hash_get(s->tags, identity);

    return t ? t->tag : 0;
}

static uint32_t number(struct tcg *a, uint64_t identity)
{
    struct space_tags *s = &a->space_tags;

    os_mutex_lock(&s->lock);
    uint32_t tag = find(s, identity);
    const bool full = !tag && s->count == SPACE_TAGS_KNOWN;
    if (!tag) {
        tag = ++s->last;
        if (!full) {
            s->known[s->count] = (struct space_tag){.identity = identity, .tag = tag};
            hash_put(s->tags, identity, &s->known[s->count++]);
        }
        s->lost |= full;
    }
    os_mutex_unlock(&s->lock);
    if (full) {
        tcg_want_flush(a, FLUSH_SPACES);
    }
    return tag;
}

uint32_t tcg_space(struct vcpu *v, uint64_t identity)
{
    struct tcg_vcpu *t = tcg_of(v);

    if (!t) {
        return 0; /* nothing is kept */
    }
    struct space_tag *recent = &t->space_tags[hash_mix64(identity) % SPACE_TAGS_RECENT];
    if (!recent->tag || recent->identity != identity) {
        *recent = (struct space_tag){.identity = identity, .tag = number(t->accel, identity)};
    }
    return recent->tag;
}

/* What a flush of a space is of: its tag, TLB_ANY_TAG, or (0) nothing. */
static uint32_t tag_to_flush(struct vcpu *v, uint64_t identity)
{
    struct space_tags *s = tcg_of(v) ? &tcg_of(v)->accel->space_tags : NULL;

    if (!s) {
        return TLB_ANY_TAG;
    }
    os_mutex_lock(&s->lock);
    const uint32_t tag = s->lost ? TLB_ANY_TAG : find(s, identity);
    os_mutex_unlock(&s->lock);
    return tag;
}

void tlb_flush_space(struct vcpu *v, uint64_t identity, bool all_vcpus)
{
    const uint32_t tag = tag_to_flush(v, identity);

    if (tag == TLB_ANY_TAG) {
        tlb_flush_all(v, all_vcpus);
    } else if (tag) {
        tlb_flush_tag(v, tag, all_vcpus);
    }
}

void tlb_flush_space_range(struct vcpu *v, uint64_t va, uint64_t bytes, uint64_t identity,
                           bool all_vcpus)
{
    const uint32_t tag = tag_to_flush(v, identity);

    tlb_flush_range(v, va, bytes, tag ? tag : TLB_ANY_TAG, all_vcpus); /* and what all share */
}
