/* SPDX-License-Identifier: MIT */
/* Address translation of the invented architecture: see machine.h. */
#include "base/bits.h"
#include "tests/invented/machine.h"

static uint32_t read_pte(struct vcpu *v, unsigned space, unsigned page)
{
    uint8_t p[4] = {0};

    space_read(v->memory, INV_TABLES + (space % INV_SPACES * INV_SPACE_PAGES + page) * 4, p,
               sizeof(p));
    return load_be32(p);
}

void inv_set_pte(struct vcpu *v, unsigned space, unsigned page, uint32_t word)
{
    uint8_t p[4];

    store_be32(p, word);
    space_write(v->memory, INV_TABLES + (space % INV_SPACES * INV_SPACE_PAGES + page) * 4, p,
                sizeof(p));
}

/* Words of pages are written by STPTE alone, which flushes what it changes. */
static bool is_open(paddr pa)
{
    return pa < INV_VECTORS;
}

static bool may(const struct translation *t, enum access a, uint64_t *fault)
{
    const bool can = a == ACCESS_READ ? t->read : a == ACCESS_WRITE ? t->write : t->exec;

    *fault = can ? *fault : 0;
    return can;
}

/* What is otherwise in a part of the page. */
static void look_at_parts(struct translation *t, uint32_t pte, uint32_t at)
{
    const uint32_t high = GUEST_PAGE_SIZE - INV_HIGH_BYTES(pte);

    t->to = GUEST_PAGE_SIZE;
    if (pte & INV_PTE_LOW) {
        t->in_part |= 1u << ACCESS_WRITE;
        t->write &= at >= INV_LOW_BYTES;
        t->from = at < INV_LOW_BYTES ? 0 : INV_LOW_BYTES;
        t->to = at < INV_LOW_BYTES ? INV_LOW_BYTES : GUEST_PAGE_SIZE;
    }
    if (pte & INV_PTE_HIGH) {
        t->in_part |= 1u << ACCESS_READ | 1u << ACCESS_FETCH;
        t->read &= at < high;
        t->exec &= at < high;
        t->from = (uint16_t)(at < high ? t->from : high);
        t->to = (uint16_t)(at < high && high < t->to ? high : t->to);
    }
}

static bool walk(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
                 uint64_t *fault)
{
    const struct inv_cpu *c = inv_cpu(v);

    *t = (struct translation){
        .pa = va, .page_bits = GUEST_PAGE_BITS, .read = true, .write = true, .exec = true};
    if (idx & INV_PORTS) {
        t->pa = vcpu_address_in(1, va);
        t->exec = false;
        return may(t, a, fault);
    }
    if (!(idx & INV_DAT)) {
        t->write = is_open(va);
        return may(t, a, fault);
    }
    const uint64_t page = (va & mask64(INV_REGION_SHIFT)) >> GUEST_PAGE_BITS;
    *t = (struct translation){.page_bits = GUEST_PAGE_BITS};
    if (va >> 32 || page >= INV_SPACE_PAGES) {
        return may(t, a, fault);
    }
    const uint32_t pte = read_pte(v, c->spaces[va >> INV_REGION_SHIFT], (unsigned)page);
    if (!(pte & INV_PTE_VALID)) {
        return may(t, a, fault);
    }
    t->pa = (pte & ~(uint32_t)(GUEST_PAGE_SIZE - 1)) | (va & (GUEST_PAGE_SIZE - 1));
    t->read = pte & INV_PTE_READ;
    t->write = pte & INV_PTE_WRITE;
    t->exec = pte & INV_PTE_EXEC;
    look_at_parts(t, pte, va & (GUEST_PAGE_SIZE - 1));
    return may(t, a, fault);
}

bool inv_walk(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
              uint64_t *fault)
{
    const bool good = walk(v, va, a, idx, t, fault);

    t->slow = inv_page_watched(inv_cpu(v), va, idx);
    return good;
}

/* The lower half is the same for all. */
uint64_t inv_identity(unsigned space)
{
    return (uint64_t)(space + 1) << 40;
}

uint32_t inv_space_tag(struct vcpu *v, vaddr va, unsigned idx)
{
    const bool translated = (idx & INV_DAT) && !(idx & INV_PORTS);
    const unsigned region = va >> INV_REGION_SHIFT & (INV_REGIONS - 1);

    return tcg_space(v, translated ? inv_identity(inv_cpu(v)->spaces[region]) : 0);
}
