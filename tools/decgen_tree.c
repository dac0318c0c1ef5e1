/* SPDX-License-Identifier: MIT */
/*
 * Checks rows against each other and builds the look-up tree.
 *
 * Where two rows overlap, one must be "over" the other and fix strictly more bits, so all rows that
 * match one word form a chain from the most to the least specific; `next` links it. The tree needs
 * to find the top of a chain only: what follows is checked by mask at run time.
 *
 * A tree entry is a leaf (bit 31 set, the row in the low bits, LEAF_NONE if there is none) or an
 * inner node: shift (5 bits, 6 for words of 64), width (4 bits) and the index of its 2^width
 * entries.
 */
#include "tools/decgen.h"

#include <string.h>

#include "base/mem.h"

#define LEAF UINT32_C(0x80000000)
#define LEAF_NONE UINT32_C(0xffffffff)
#define MAX_WIDTH 7

struct row_set {
    unsigned count;
    uint32_t *index;
};

static bool overlap(const struct row *a, const struct row *b)
{
    return ((a->value ^ b->value) & a->mask & b->mask) == 0;
}

static bool more_specific(const struct row *a, const struct row *b)
{
    return (a->mask & b->mask) == b->mask && a->mask != b->mask;
}

static bool is_over(const struct row *a, const struct row *b)
{
    for (int i = 0; i < a->overs; i++) {
        if (strcmp(a->over[i], b->id) == 0 || strcmp(a->over[i], b->name) == 0) {
            return true;
        }
    }
    return false;
}

static const struct operand *find_operand(const struct row *r, const char *name)
{
    for (int i = 0; i < r->operands; i++) {
        if (!r->operand[i].hidden && strcmp(r->operand[i].name, name) == 0) {
            return &r->operand[i];
        }
    }
    return NULL;
}

/* The first row of a name gives the struct its members; the others must fill exactly those. */
static void check_same_operands(const struct row *first, const struct row *b)
{
    int members = 0, filled = 0;
    for (int i = 0; i < first->operands; i++) {
        members += !first->operand[i].hidden;
    }
    for (int i = 0; i < b->operands; i++) {
        const struct operand *o = &b->operand[i];
        if (o->hidden) {
            continue;
        }
        const struct operand *member = find_operand(first, o->name);
        if (!member || member->is_signed != o->is_signed ||
            decgen_operand_bits(member) < decgen_operand_bits(o)) {
            decgen_fail(b->file, b->line, "operand %s is not that of row %s in line %d", o->name,
                        first->id, first->line);
        }
        filled++;
    }
    if (members != filled) {
        decgen_fail(b->file, b->line, "operands of row %s in line %d are missing", first->id,
                    first->line);
    }
}

/* Rows of one name of an opcode map: as many operands, of the same names. */
static void check_same_args(const struct row *first, const struct row *b)
{
    for (int i = 0; i < MAX_ARGS; i++) {
        const char *want = i < first->args ? first->arg[i].member : "";
        const char *have = i < b->args ? b->arg[i].member : "";
        if (strcmp(want, have) != 0) {
            decgen_fail(b->file, b->line,
                        "operand %d of row %s, \"%s\", is not that of row %s in line %d, \"%s\"",
                        i + 1, b->id, have, first->id, first->line, want);
        }
    }
}

static void check_names(struct isa *isa)
{
    for (unsigned i = 0; i < isa->rows; i++) {
        struct row *b = &isa->row[i];
        b->first = true;
        for (unsigned k = 0; k < i; k++) {
            struct row *a = &isa->row[k];
            if (strcmp(a->id, b->id) == 0) {
                decgen_fail(b->file, b->line, "row %s exists in line %d", b->id, a->line);
            }
            if (b->first && strcmp(a->name, b->name) == 0) {
                b->first = false;
                check_same_operands(a, b);
                check_same_args(a, b);
            }
        }
        for (int n = 0; n < b->overs; n++) {
            bool found = false;
            for (unsigned k = 0; k < isa->rows && !found; k++) {
                const struct row *a = &isa->row[k];
                found = (strcmp(a->id, b->over[n]) == 0 || strcmp(a->name, b->over[n]) == 0) &&
                        overlap(a, b);
            }
            if (!found) {
                decgen_fail(b->file, b->line, "row %s is over %s, which does not overlap", b->id,
                            b->over[n]);
            }
        }
    }
}

/* Puts `below` into the chain of rows under `a`, which keeps the most specific first. */
static void link_below(struct isa *isa, struct row *a, uint32_t below)
{
    const struct row *b = &isa->row[below];
    if (a->next == NO_ROW || more_specific(b, &isa->row[a->next])) {
        a->next = below;
    }
}

_Noreturn static void fail_overlap(const struct isa *isa, const struct row *a, const struct row *b)
{
    char *where = isa->opmap ? mem_printf("%s", "")
                             : mem_printf(" at 0x%0*llx", a->length / 4,
                                          (unsigned long long)(a->value | b->value) >>
                                              (isa->width - a->length));
    decgen_fail(a->file, a->line, "row %s overlaps row %s of line %d%s", a->id, b->id, b->line,
                where);
}

static void check_overlaps(struct isa *isa)
{
    for (unsigned i = 0; i < isa->rows; i++) {
        isa->row[i].next = NO_ROW;
    }
    for (unsigned i = 0; i < isa->rows; i++) {
        for (unsigned k = 0; k < isa->rows; k++) {
            struct row *a = &isa->row[i], *b = &isa->row[k];
            if (i == k || !overlap(a, b)) {
                continue;
            }
            if (is_over(a, b) && more_specific(a, b)) {
                link_below(isa, a, k);
            } else if (!(is_over(b, a) && more_specific(b, a))) {
                fail_overlap(isa, a, b);
            }
        }
    }
}

static bool always_applies(const struct row *r)
{
    bool base = false;
    for (int i = 0; i < r->feats; i++) {
        base |= r->feat[i].feat == 0 && !r->feat[i].cond.c;
    }
    return base && r->feats == 1 && !r->where.c;
}

/* Is every word with the bits `value` under `mask` taken by a row over `below`? */
static bool covered(const struct isa *isa, uint64_t mask, uint64_t value, unsigned below)
{
    const struct row *split = NULL;
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        bool touches = ((r->value ^ value) & r->mask & mask) == 0;
        if (i == below || !touches || !more_specific(r, &isa->row[below]) || !always_applies(r)) {
            continue;
        }
        if ((r->mask & ~mask) == 0) {
            return true;
        }
        split = r;
    }
    if (!split) {
        return false;
    }
    uint64_t bit = split->mask & ~mask;
    bit &= -bit;
    return covered(isa, mask | bit, value, below) && covered(isa, mask | bit, value | bit, below);
}

static void check_reachable(const struct isa *isa)
{
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        if (covered(isa, r->mask, r->value, i)) {
            decgen_fail(r->file, r->line, "row %s is unreachable: rows over it take all its words",
                        r->id);
        }
    }
}

static struct row_set select_rows(const struct isa *isa, const struct row_set *s, uint64_t mask,
                                  uint64_t value)
{
    struct row_set t = {.index = mem_alloc(s->count * sizeof(*t.index))};
    for (unsigned i = 0; i < s->count; i++) {
        const struct row *r = &isa->row[s->index[i]];
        if (((r->value ^ value) & r->mask & mask) == 0) {
            t.index[t.count++] = s->index[i];
        }
    }
    return t;
}

/* The most specific row when all rows of the set are one chain, else NO_ROW. */
static uint32_t chain_top(const struct isa *isa, const struct row_set *s)
{
    uint32_t top = s->index[0];
    for (unsigned i = 0; i < s->count; i++) {
        for (unsigned k = 0; k < i; k++) {
            if (!overlap(&isa->row[s->index[i]], &isa->row[s->index[k]])) {
                return NO_ROW;
            }
        }
        if (more_specific(&isa->row[s->index[i]], &isa->row[top])) {
            top = s->index[i];
        }
    }
    return top;
}

/*
 * What looking at these bits costs: the rows left in all children, weighed against the size of the
 * table. The factor trades memory for depth; 1.5 gives about two levels for the words of usual A64
 * code.
 */
static double split_cost(const struct isa *isa, const struct row_set *s, int shift, int width)
{
    double left = 0;
    const uint64_t mask = decgen_ones(width) << shift;
    for (uint64_t v = 0; v < UINT64_C(1) << width; v++) {
        unsigned n = 0;
        for (unsigned i = 0; i < s->count; i++) {
            const struct row *r = &isa->row[s->index[i]];
            n += ((r->value ^ v << shift) & r->mask & mask) == 0;
        }
        left += (double)n * n;
    }
    return left + 1.5 * (double)(UINT32_C(1) << width);
}

static uint32_t reserve(struct isa *isa, uint32_t entries)
{
    uint32_t base = isa->tree_size;
    isa->tree = mem_resize_array(isa->tree, base + entries, sizeof(*isa->tree));
    isa->tree_size += entries;
    return base;
}

/* A table that already exists is used again. */
static uint32_t share(struct isa *isa, uint32_t base, uint32_t entries)
{
    for (uint32_t i = 0; i + entries <= base; i++) {
        if (memcmp(&isa->tree[i], &isa->tree[base], entries * sizeof(*isa->tree)) == 0) {
            isa->tree_size = base;
            return i;
        }
    }
    return base;
}

static uint32_t build(struct isa *isa, const struct row_set *s, uint64_t decided)
{
    if (s->count == 0) {
        return LEAF_NONE;
    }
    uint32_t top = chain_top(isa, s);
    if (top != NO_ROW) {
        return LEAF | top;
    }
    int shift = 0, width = 0;
    double best = 0;
    uint64_t some = 0; /* bits that any row looks at */
    for (unsigned i = 0; i < s->count; i++) {
        some |= isa->row[s->index[i]].mask;
    }
    for (int w = 1; w <= MAX_WIDTH; w++) {
        for (int at = 0; at + w <= isa->width; at++) {
            const uint64_t bits = decgen_ones(w) << at;
            if ((bits & decided) || !(bits & some)) {
                continue;
            }
            double cost = split_cost(isa, s, at, w);
            if (!width || cost < best) {
                best = cost;
                shift = at;
                width = w;
            }
        }
    }
    const uint64_t bits = decgen_ones(width) << shift;
    const uint32_t entries = UINT32_C(1) << width;
    uint32_t *child = mem_alloc(entries * sizeof(*child));
    for (uint32_t v = 0; v < entries; v++) {
        struct row_set t = select_rows(isa, s, bits, (uint64_t)v << shift);
        child[v] = build(isa, &t, decided | bits);
        mem_free(t.index);
    }
    uint32_t base = reserve(isa, entries);
    memcpy(&isa->tree[base], child, entries * sizeof(*child));
    mem_free(child);
    base = share(isa, base, entries);
    const int at = isa->width == 64 ? 6 : 5; /* of the width, above the shift */
    return (uint32_t)shift | (uint32_t)width << at | base << (at + 4);
}

void decgen_tree(struct isa *isa)
{
    check_names(isa);
    if (isa->opmap) {
        decgen_check_modrm(isa);
    }
    check_overlaps(isa);
    check_reachable(isa);
    struct row_set all = {.count = isa->rows, .index = mem_alloc(isa->rows * sizeof(*all.index))};
    for (unsigned i = 0; i < isa->rows; i++) {
        all.index[i] = i;
    }
    isa->tree_root = build(isa, &all, 0);
    mem_free(all.index);
}
