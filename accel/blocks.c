/* SPDX-License-Identifier: MIT */
/*
 * Translated blocks: look-up by physical address, translation, links between blocks, invalidation.
 *
 * Readers of the hash take no lock: a chain grows at its head, and an invalid block, which leaves
 * its chain, stays in memory until everything is flushed while nobody runs guest code. All changes
 * are made under the translate lock. A block that is invalidated is unlinked, so that it is never
 * entered again; a vCPU that is inside it runs on to its end, as the architectures allow until the
 * next context synchronization.
 */
#include <inttypes.h>
#include <string.h>

#include "accel/blocks.h"
#include "accel/code_pages.h"
#include "accel/compilers.h"
#include "accel/context.h"
#include "accel/debug.h"
#include "accel/perf.h"
#include "accel/remap.h"
#include "accel/tcg.h"
#include "accel/trace.h"
#include "accel/track.h"
#include "accel/uncached.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"

#define PAGE_MASK (~(uint64_t)(GUEST_PAGE_SIZE - 1))
#define NO_SECOND 1       /* as the physical address of a second page */
#define NOWHERE PAGE_MASK /* as a physical address: the last page, which no memory has */

bool block_is_nowhere(const struct block *b)
{
    return b->pa >= NOWHERE;
}

static unsigned hash_of(uint64_t pa, uint64_t mode)
{
    return (unsigned)(hash_mix64(pa ^ mode * 0x9e3779b97f4a7c15) >> (64 - BLOCK_HASH_BITS));
}

struct block_part block_on_page(struct block *b, uint64_t pa)
{
    if ((b->pa & PAGE_MASK) == pa) {
        return (struct block_part){
            .at = (uint32_t)(b->pa & ~PAGE_MASK), .bytes = b->bytes, .next = &b->page_next};
    }
    return (struct block_part){.bytes = b->second_bytes, .next = &b->second_next};
}

_Static_assert(offsetof(struct block, part) < 64, "a look-up reads one line of a block");

/* Where a block is looked for. */
struct key {
    uint64_t pa, second; /* of its bytes; of those on a second page, or NO_SECOND */
    uint64_t pc;
    bool part;      /* of a part of a page that may be executed, */
    uint32_t bytes; /* of which so many are left */
};

/* The block there: the one that is fixed to pc, or a movable one; for env.aux. */
static struct block *find(struct vcpu *v, const struct key *k)
{
    const uint64_t mode = tcg_of(v)->context->mode_key;
    struct tcg *a = tcg_of(v)->accel;
    struct block *b = __atomic_load_n(&a->hash[hash_of(k->pa, mode)], __ATOMIC_ACQUIRE);
    struct block *movable = NULL;

    for (; b; b = b->hash_next) {
        if (b->pa == k->pa && b->mode_key == mode && b->aux == vcpu_env(v)->aux &&
            b->second_pa == k->second && b->part == k->part && (!k->part || b->bytes <= k->bytes) &&
            atomic_get(&b->valid)) {
            if (!b->movable && b->pc == k->pc) {
                return b;
            }
            movable = b->movable ? b : movable;
        }
    }
    return movable;
}

static void log_ir(unsigned mask, const struct ir_builder *b)
{
    struct strbuf s = {0};
    ir_print(b, &s);
    log_print(mask, "%s\n", strbuf_text(&s));
    strbuf_free(&s);
}

/* b as its guest's translator asked for it: built once more, with a builder that folds nothing. */
static void log_unfolded(struct vcpu *v, const struct ir_builder *b)
{
    struct ir_builder asked;

    ir_builder_init(&asked, b->guest);
    asked.no_fold = true;
    asked.pc = b->pc;
    asked.mode_key = b->mode_key;
    ir_set_aux(&asked, b->aux);
    asked.fetch_base = b->fetch_base;
    asked.fetch_mask = b->fetch_mask;
    asked.code = b->code;
    asked.code_bytes = b->code_bytes;
    asked.max_guest_insns = b->max_guest_insns;
    asked.mmu_current = b->mmu_current;
    asked.mmu_user = b->mmu_user;
    asked.parallel = b->parallel;
    asked.movable = b->movable;
    asked.look_ahead = b->look_ahead;
    asked.branches_left = 0; /* up to its first branch */
    v->cls->translate(v, &asked);
    log_ir(LOG_IR, &asked);
    ir_builder_free(&asked);
}

static void log_instruction(struct vcpu *v, const struct ir_builder *b, uint32_t at)
{
    char text[128];

    v->cls->disas(b->mode_key, b->code + at, b->guest_bytes - at, b->pc + at, text, sizeof(text));
    log_print(LOG_IN_ASM, "%#018" PRIx64 "  %s\n", b->pc + at, text);
}

static void log_block(struct vcpu *v, const struct ir_builder *b, const struct block *blk)
{
    struct tcg *a = tcg_of(v)->accel;

    if (!log_enabled(LOG_IN_ASM | LOG_IR | LOG_OPT | LOG_OUT_ASM) || !log_filter_match(b->pc)) {
        return;
    }
    if (log_enabled(LOG_IN_ASM)) {
        char mode[16] = "";
        if (v->cls->mode_name) {
            v->cls->mode_name(b->mode_key, mode, sizeof(mode));
        }
        log_print(LOG_IN_ASM, "IN: %#" PRIx64 " %s\n", b->pc, mode);
        for (uint32_t i = 1; i < b->count; i++) {
            if (b->insns[i].op == IR_insn) {
                log_instruction(v, b, (uint32_t)(b->insns[i].imm - b->pc));
            }
        }
    }
    if (log_enabled(LOG_IR)) {
        log_unfolded(v, b);
    }
    if (log_enabled(LOG_OPT)) {
        log_ir(LOG_OPT, b);
    }
    if (log_enabled(LOG_OUT_ASM) && a->host) {
        struct strbuf s = {0};
        host_print(a->host, blk, &s);
        log_print(LOG_OUT_ASM, "OUT: %#" PRIx64 " (%u bytes)\n%s\n", b->pc, blk->code_bytes,
                  strbuf_text(&s));
        strbuf_free(&s);
    }
}

/* The interpreter keeps the IR itself. */
static void keep_ir(struct block *blk, const struct ir_builder *b)
{
    blk->ir = mem_dup(b, sizeof(*b));
    blk->ir->insns = mem_dup(b->insns, b->count * sizeof(*b->insns));
}

/* Of the only compiler: where instructions are counted there is one thread. */
static struct host_mark mark(const struct tcg *a)
{
    return a->host ? host_mark(a->compilers[0].c) : (struct host_mark){0};
}

/* A translation under way. */
struct making {
    struct lent_compiler *lent; /* NULL: the interpreter */
    bool apart;                 /* without the translate lock */
    struct host_mark before;
    uint64_t drops;               /* a->drop_count when the guest's bytes began to be read */
    struct tracked_page *page[2]; /* which they are on; NULL: writes to it are not tracked */
    bool unseen;                  /* and should be: nobody sees what a block writes to itself */
};

static void leave_lock(struct tcg *a, const struct making *m)
{
    if (m->apart) {
        os_mutex_unlock(&a->translate);
    }
}

static void take_lock(struct tcg *a, const struct making *m)
{
    if (m->apart) {
        os_mutex_lock(&a->translate);
    }
}

static bool renew(struct tcg *a, const struct making *m)
{
    take_lock(a, m);
    const bool renewed = host_compiler_renew(m->lent->c);
    leave_lock(a, m);
    return renewed;
}

static bool compile(struct tcg *a, struct ir_builder *b, struct block *blk, struct making *m)
{
    if (!m->lent) {
        keep_ir(blk, b);
        return true;
    }
    m->before = host_mark(m->lent->c);
    if (host_compile(m->lent->c, b, blk)) {
        return true;
    }
    host_release(m->lent->c, &m->before);
    if (!renew(a, m)) {
        return false;
    }
    m->before = host_mark(m->lent->c);
    return host_compile(m->lent->c, b, blk);
}

/* blk, which was made last, is not needed: another vCPU has made the same meanwhile, or there was
 * no room. */
static void take_back(struct tcg *a, struct block *blk, const struct making *m)
{
    if (m->lent) {
        host_release(m->lent->c, &m->before);
    }
    if (blk->ir) {
        mem_free(blk->ir->insns);
        mem_free(blk->ir);
    }
    *blk = (struct block){0};
    a->block_count -= blk + 1 == &a->blocks[a->block_count];
}

static void insert(struct tcg *a, struct block *blk)
{
    struct block **head = &a->hash[hash_of(blk->pa, blk->mode_key)];

    blk->hash_next = *head;
    __atomic_store_n(head, blk, __ATOMIC_RELEASE);
}

/* blk rests on the page p at hit. */
static void insert_on_page(struct tcg *a, struct block *blk, struct code_page *p,
                           const struct tlb_hit *hit)
{
    *block_on_page(blk, hit->pa & PAGE_MASK).next = p->first;
    p->first = blk;
    track_insert(a, p, hit->host - (hit->pa & ~PAGE_MASK));
}

/* Where the bytes of a block are. */
struct place {
    uint64_t pc, va;
    struct cpu_fetch fetch;
    unsigned pages;            /* 0: it has none */
    struct tlb_hit hit[2];     /* from pc on; from the second page's start on */
    struct code_page *code[2]; /* with the translate lock: theirs */
};

/* The address behind the bytes that the first page, or its part, has. */
static uint64_t second_va(const struct place *p)
{
    return (p->va + p->hit[0].bytes) & p->fetch.mask;
}

static uint64_t first_pa(const struct place *p)
{
    return p->pages ? p->hit[0].pa : NOWHERE | (p->pc & ~PAGE_MASK);
}

static uint64_t second_pa(const struct place *p)
{
    return p->pages > 1 ? p->hit[1].pa : NO_SECOND;
}

static struct key key_of(const struct place *p)
{
    const bool part = p->pages && p->hit[0].part;
    return (struct key){.pa = first_pa(p),
                        .second = second_pa(p),
                        .pc = p->pc,
                        .part = part,
                        .bytes = part ? p->hit[0].bytes : 0};
}

static bool same_region(const struct vcpu *v, uint64_t a, uint64_t b)
{
    const struct cpu_regions *r = &v->cls->regions;

    return cpu_region(r, cpu_canonical(r, a)) == cpu_region(r, cpu_canonical(r, b));
}

/* Its second page can be told of as the first one is. */
static bool can_be_kept(const struct vcpu *v, const struct place *p)
{
    return p->pages < 2 || ((p->hit[0].pa ^ p->hit[1].pa) >> GUEST_PAGE_BITS && !p->hit[0].part &&
                            !p->hit[1].part && same_region(v, p->va, second_va(p)));
}

/* The bytes of the code at p. */
static void show_code(struct vcpu *v, const struct place *p, const uint8_t *host)
{
    struct ir_builder *b = &tcg_of(v)->builder;

    b->fetch_base = p->fetch.base;
    b->fetch_mask = p->fetch.mask;
    b->code = host;
    b->code_bytes = p->pages ? p->hit[0].bytes : 0;
    if (p->pages > 1) {
        const uint32_t left = IR_CROSSING_BYTES - b->code_bytes;
        const uint32_t more = p->hit[1].bytes < left ? p->hit[1].bytes : left;
        memcpy(b->crossing, host, b->code_bytes);
        memcpy(b->crossing + b->code_bytes, p->hit[1].host, more);
        b->code = b->crossing;
        b->code_bytes += more;
        b->second_page = second_va(p) & PAGE_MASK;
        /* What is executed alone, or may be in part only, is entered at once and by nobody else. */
        const bool once = tcg_of(v)->step || p->hit[0].part || p->hit[1].part;
        b->second_id = once ? 0 : context_page_id(tcg_of(v)->accel, b->second_page, p->hit[1].pa);
    }
}

/* A block ends before a breakpoint, so that the run loop sees it. */
static uint32_t insn_limit(struct vcpu *v, const struct place *p)
{
    const uint32_t limit = tcg_of(v)->limit ? tcg_of(v)->limit : UINT32_MAX;

    if (tcg_of(v)->step || p->pages != 1 || tcg_of(v)->context->traced) {
        return 1;
    }
    if (!tcg_of(v)->accel->breakpoint_count) {
        return limit;
    }
    const uint32_t free = tcg_insns_to_breakpoint(v, p->pc, p->hit[0].host, p->hit[0].bytes);
    return free < limit ? free : limit;
}

/* A block of a step or of the rest of a slice is for one use: nothing finds it, and no link leads
 * from it. Where each instruction is followed all blocks are of one, and are entered by steps. */
static bool is_kept(const struct tcg_vcpu *t)
{
    return (!t->step || t->context->traced) && !t->limit;
}

/* Whoever executes it comes again to look at what it leaves. */
static bool is_looked_at(const struct tcg_vcpu *t)
{
    return !is_kept(t) || t->context->traced;
}

/* The guest bytes that must not change. */
static uint32_t rests_on(const struct ir_builder *b)
{
    return b->flags_dead && b->look_bytes > b->guest_bytes ? b->look_bytes : b->guest_bytes;
}

#define BRANCHES_AT_MOST                                                                           \
    3 /* that a block goes on behind: with 6 a boot translates 3 % more, and enters as many */

/* How far a block may go. Unfolded blocks are for looking at, as are those whose entries are
 * logged; a breakpoint cuts blocks by counting from their start, which a jump would upset. */
static void set_extent(const struct tcg_vcpu *t, struct ir_builder *b)
{
    const bool long_ones = !is_looked_at(t) && !t->accel->base.config.no_opt && !trace_entries();

    b->branches_left = long_ones ? BRANCHES_AT_MOST : 0;
    b->loops = long_ones;
    b->follows = long_ones && !t->accel->breakpoint_count;
}

/* What b is to build: the block at p, from the bytes at code. */
static void set_up(struct vcpu *v, const struct place *p, const uint8_t *code, bool unseen)
{
    const struct tcg *a = tcg_of(v)->accel;
    struct ir_builder *b = &tcg_of(v)->builder;

    show_code(v, p, code);
    b->max_guest_insns = unseen ? 1 : insn_limit(v, p);
    b->mmu_current = (uint8_t)v->cls->mmu_index(v);
    b->mmu_user = (uint8_t)v->cls->mmu_index_user(v);
    b->parallel = a->monitors != NULL;
    /* Where a run may stop at any instruction, or is looked at, flags must be there at any. */
    b->look_ahead = !is_looked_at(tcg_of(v)) && p->pages == 1 && !unseen && !a->breakpoint_count &&
                    !a->base.config.counted && !a->base.config.no_opt && !trace_entries();
    b->flags_dead = b->narrow = false;
    b->look_bytes = 0;
    b->movable = is_kept(tcg_of(v)) && p->pages == 1 && !p->hit[0].part && !p->fetch.base &&
                 code_page_moves(v, p->pc, p->code[0]);
    set_extent(tcg_of(v), b);
}

/* blk is complete, and nobody knows of it yet. */
static void account(struct vcpu *v, const struct block *blk)
{
    struct tcg *a = tcg_of(v)->accel;
    const struct ir_builder *b = &tcg_of(v)->builder;

    a->translated_blocks++;
    a->translated_insns += b->guest_insns;
    a->cached_insns += b->guest_insns;
    log_block(v, b, blk);
}

static bool is_uncached(const struct vcpu *v, uint64_t mode)
{
    /* Where writes are tracked what is in memory is fresh anyway. */
    return !tcg_of(v)->accel->tracks_code && v->cls->fetches_uncached &&
           v->cls->fetches_uncached(mode);
}

/* One block in so many stands for all: to ask for the time costs as much as a guest instruction. */
#define TIMED_BLOCKS 16

/* NULL: the cache is full, everybody must leave. */
static struct block *make_block(struct vcpu *v, const struct place *p, struct making *m)
{
    struct tcg *a = tcg_of(v)->accel;
    struct ir_builder *b = &tcg_of(v)->builder;
    const uint8_t *code = p->pages ? p->hit[0].host : NULL;

    if (a->block_count == a->block_capacity) {
        return NULL;
    }
    const bool timed = a->translated_blocks % TIMED_BLOCKS == 0;
    const int64_t start = timed ? os_now_ns() : 0;
    ir_begin(b, p->pc, v->cls->mode_key(v));
    ir_set_aux(b, vcpu_env(v)->aux);
    if (p->pages && is_uncached(v, b->mode_key)) {
        m->apart = false; /* the copy belongs to the lock */
        if (!(code = uncached_code(a, p->hit[0].pa, code))) {
            return NULL;
        }
    }
    set_up(v, p, code, m->unseen);
    struct block *blk = &a->blocks[a->block_count++];
    m->drops = a->drop_count;
    *blk = (struct block){0}; /* not the one that was there before a flush */
    leave_lock(a, m);
    v->cls->translate(v, b);
    const uint32_t bytes = rests_on(b), first = p->pages > 1 ? p->hit[0].bytes : bytes;
    *blk = (struct block){.pc = p->pc,
                          .mode_key = b->mode_key,
                          .aux = b->aux,
                          .pa = first_pa(p),
                          .bytes = first,
                          .second_pa = second_pa(p),
                          .second_bytes = bytes - first,
                          .movable = b->movable,
                          .part = key_of(p).part,
                          .guest_insns = b->guest_insns,
                          .code = p->pages ? p->hit[0].host : NULL};
    const bool compiled = compile(a, b, blk, m);
    take_lock(a, m);
    if (!compiled) {
        take_back(a, blk, m);
        return NULL;
    }
    account(v, blk);
    if (timed) {
        a->translate_ns += (uint64_t)(os_now_ns() - start) * TIMED_BLOCKS;
    }
    return blk;
}

/* The memory that blk was made from is what p says, and remains known. */
static bool note_code(struct vcpu *v, const struct place *p)
{
    for (unsigned n = 0; n < p->pages; n++) {
        if (!remap_note_code(v, &p->hit[n], p->code[n])) {
            return false;
        }
    }
    return true;
}

/* Something was written to blk's bytes since they were read. */
static bool is_stale(const struct tcg *a, const struct block *blk, const struct making *m)
{
    return a->drop_count != m->drops &&
           (dropped_since(a, m->drops, blk->pa, blk->bytes) ||
            (blk->second_bytes && dropped_since(a, m->drops, blk->second_pa, blk->second_bytes)));
}

static bool is_rewritten(const struct place *p, const struct block *blk, const struct making *m)
{
    for (unsigned n = 0; n < p->pages; n++) {
        if (m->page[n] && !track_is_fresh(m->page[n], &p->hit[n], blk)) {
            return true;
        }
    }
    return false;
}

/* Publishes blk, which was made from p; or gives what another vCPU has published meanwhile. */
static struct block *publish(struct vcpu *v, struct block *blk, const struct place *p,
                             const struct making *m)
{
    struct tcg *a = tcg_of(v)->accel;
    const struct key k = key_of(p);
    struct block *twin = m->apart ? find(v, &k) : NULL;

    if (twin) {
        take_back(a, blk, m);
        return twin;
    }
    if (a->perf) {
        const struct host_mark behind = host_mark(m->lent->c);
        perf_block(a->perf, v, blk, &m->before, &behind);
    }
    const bool stale = is_stale(a, blk, m) || is_rewritten(p, blk, m);
    blk->valid = note_code(v, p) && !stale;
    if (blk->valid) {
        insert(a, blk);
        for (unsigned n = 0; n < p->pages; n++) {
            insert_on_page(a, blk, p->code[n], &p->hit[n]);
        }
    }
    return blk;
}

static void unlink_block(struct tcg *a, struct block *b)
{
    for (struct link *l = b->in; l;) {
        struct link *next = l->next_in;
        host_unlink(a->host, l);
        l->to = NULL;
        l->next_in = NULL;
        l = next;
    }
    b->in = NULL;
}

/* Under the translate lock, which may be given away meanwhile. */
static struct block *translate(struct vcpu *v, const struct place *p)
{
    struct tcg *a = tcg_of(v)->accel;
    const bool kept = is_kept(tcg_of(v)) && can_be_kept(v, p), tracked = a->tracks_code && kept;
    struct making m = {.apart = kept && a->parallel};
    bool all = true;

    m.lent = a->host ? compilers_borrow(a, v->index) : NULL;
    for (unsigned n = 0; n < p->pages && tracked; n++) {
        m.page[n] = track_begin(v, &p->hit[n], p->code[n]);
        all = all && m.page[n];
    }
    m.unseen = !all;
    struct block *b = make_block(v, p, &m);

    /* Of a page that is not tracked as it is not of one memory, it serves once. */
    if (b && kept && all) {
        b = publish(v, b, p, &m);
    }
    if (b && !b->valid && a->host) {
        unlink_block(a, b); /* it serves once, and nobody would end a loop in itself */
    }
    for (unsigned n = 0; n < 2; n++) {
        if (m.page[n]) {
            track_end(a, m.page[n], &p->hit[n], b);
        }
    }
    if (m.lent) {
        compilers_return(a, m.lent);
    }
    return b;
}

/* They are where they were found before in this context. */
static bool is_fetched(const struct vcpu *v, uint64_t va, struct tlb_hit *hit)
{
    const struct fetched *f = context_fetched(v, va);
    const uint32_t at = (uint32_t)(va & ~PAGE_MASK);

    if (!f || !f->host) {
        return false;
    }
    *hit = (struct tlb_hit){.pa = f->pa | at,
                            .host = f->host + at,
                            .bytes = GUEST_PAGE_SIZE - at,
                            .left = GUEST_PAGE_SIZE - at,
                            .whole = true,
                            .global = f->global};
    return true;
}

/* The bytes at va, of the code at pc, or (false) an exception taken. */
static bool fetch(struct vcpu *v, uint64_t pc, uint64_t va, struct tlb_hit *hit)
{
    uint64_t fault;

    if (is_fetched(v, va, hit)) {
        return true;
    }
    if (!tlb_lookup(v, va, ACCESS_FETCH, v->cls->mmu_index(v), hit, &fault)) {
        tcg_store_place(v, pc);
        v->cls->raise_memory(v, va, ACCESS_FETCH, fault);
    } else if (!hit->host) {
        tcg_store_place(v, pc);
        v->cls->raise_memory(v, va, ACCESS_FETCH, FAULT_BUS);
    } else {
        return true;
    }
    v->hot.countdown -= v->hot.raised == TCG_RAISED; /* counted: see counted.c */
    v->hot.raised = 0;
    v->cls->take_exception(v);
    return false;
}

/* The first instruction at p has bytes on the next page. */
static bool crosses(struct vcpu *v, const struct place *p)
{
    const struct tlb_hit *hit = &p->hit[0];

    return v->cls->crosses && hit->bytes < IR_CROSSING_BYTES &&
           v->cls->crosses(v, hit->host, hit->bytes);
}

/* All bytes of what is at p, as far as a page's end matters. */
static bool fetch_pages(struct vcpu *v, struct place *p)
{
    p->pages = 1;
    if (!fetch(v, p->pc, p->va, &p->hit[0])) {
        return false;
    }
    if (!crosses(v, p)) {
        return true;
    }
    p->pages = 2;
    return fetch(v, p->pc, second_va(p), &p->hit[1]);
}

/* Under the translate lock: the pages are as they were fetched, and are protected if need be. */
static bool is_still(struct vcpu *v, const struct place *p, bool tracked)
{
    for (unsigned n = 0; n < p->pages && tracked; n++) {
        if (!track_protected(v, &p->hit[n])) {
            return false;
        }
    }
    return crosses(v, p) == (p->pages > 1);
}

/* The bytes of a block, with the translate lock taken; their pages are protected where writes are
 * tracked. */
static bool fetch_and_lock(struct vcpu *v, struct place *p)
{
    struct tcg *a = tcg_of(v)->accel;
    const bool tracked = a->tracks_code && is_kept(tcg_of(v));

    while (fetch_pages(v, p)) {
        const bool global = p->hit[0].global && p->hit[p->pages - 1].global;
        if (!global && tcg_of(v)->context->tag == TLB_ANY_TAG) {
            context_note_nonglobal(v, p->pc);
        }
        if (tracked &&
            (track_protect(v, &p->hit[0]) || (p->pages > 1 && track_protect(v, &p->hit[1])))) {
            context_select(v, p->pc); /* that took a while */
            continue;
        }
        os_mutex_lock(&a->translate);
        if (is_still(v, p, tracked)) {
            return true;
        }
        os_mutex_unlock(&a->translate); /* it was written meanwhile, and has no code any longer */
    }
    return false;
}

/* The block at pc if its page was entered in this context, and links find it: no lock, no
 * translation of pc. */
static struct block *find_again(struct vcpu *v, const struct place *p)
{
    const struct fetched *f = context_fetched(v, p->va);
    const struct key k = {
        .pa = f ? f->pa | (p->va & ~PAGE_MASK) : 0, .second = NO_SECOND, .pc = p->pc};
    struct block *b = f ? find(v, &k) : NULL;

    return b && context_has_page(f, b->movable) ? b : NULL;
}

static void find_code_pages(struct vcpu *v, struct place *p)
{
    for (unsigned n = 0; n < p->pages; n++) {
        const struct fetched *f = context_fetched(v, n ? second_va(p) : p->va);
        const bool same = f && f->pa == (p->hit[n].pa & PAGE_MASK);
        p->code[n] = same ? f->code : code_page_at(tcg_of(v)->accel, p->hit[n].pa);
    }
}

/* Under the translate lock. */
static struct block *find_or_translate(struct vcpu *v, struct place *p)
{
    const int before = tcg_of(v)->stats.doing;
    struct block *blk = NULL;

    if (is_kept(tcg_of(v))) {
        const struct key k = key_of(p);
        blk = find(v, &k);
    }
    if (!blk) {
        tcg_count(v, COUNT_TRANSLATE);
        tcg_doing(v, DOING_TRANSLATE);
        find_code_pages(v, p);
        blk = translate(v, p);
        tcg_doing(v, before);
    }
    return blk;
}

/* Links may lead to b from now on, unless its page may be executed in part only: that is asked each
 * time. Nothing need be entered for what has no bytes: while a context is, its mode is what it was.
 */
static void enter_pages(struct vcpu *v, const struct place *p, const struct block *b)
{
    if (p->pages && (p->hit[0].part || p->hit[p->pages - 1].part)) {
        return;
    }
    if (p->pages) {
        context_enter_page(v, p->va, &p->hit[0], b->movable);
    }
    if (p->pages > 1) {
        context_enter_page(v, second_va(p), &p->hit[1], false);
    }
}

struct block *block_find(struct vcpu *v, uint64_t pc)
{
    struct tcg *a = tcg_of(v)->accel;
    struct place p;

    p.pc = pc;
    p.fetch = tcg_fetch(v, pc);
    p.va = tcg_fetched_at(&p.fetch, pc);
    p.pages = 0;
    tcg_count(v, COUNT_LOOKUP);
    struct block *blk = is_kept(tcg_of(v)) && !p.fetch.nothing ? find_again(v, &p) : NULL;
    if (blk) {
        return blk;
    }
    if (p.fetch.nothing) {
        os_mutex_lock(&a->translate);
    } else if (!fetch_and_lock(v, &p)) {
        return NULL;
    }
    blk = find_or_translate(v, &p);
    if (blk) {
        enter_pages(v, &p, blk);
    }
    os_mutex_unlock(&a->translate);
    if (!blk) {
        tcg_of(v)->full = true;
        tcg_want_flush(a, FLUSH_CODE);
        tcg_store_place(v, pc);
    }
    return blk;
}

/* ---- blocks for one use */

static bool is_at(const struct tcg *a, const struct host_mark *m)
{
    const struct host_mark now = mark(a);

    return memcmp(&now, m, sizeof(now)) == 0;
}

/* Nothing was made behind the short blocks. */
static bool shorts_are_last(const struct tcg *a)
{
    return a->short_count && a->short_block + a->short_count == &a->blocks[a->block_count] &&
           is_at(a, &a->short_behind);
}

/* Such a block does not protect its page, so what it writes to itself would not be seen: where
 * writes are tracked it is of one instruction. */
static struct block *find_short(struct vcpu *v, uint64_t pc, uint32_t limit)
{
    tcg_of(v)->limit = tcg_of(v)->accel->tracks_code ? 1 : limit;
    struct block *b = block_find(v, pc);
    tcg_of(v)->limit = 0;
    return b;
}

struct block *block_short(struct vcpu *v, uint64_t pc, uint32_t limit)
{
    struct tcg *a = tcg_of(v)->accel;

    if (accel_thread_count(&a->base) > 1) { /* others make blocks, and use short ones, meanwhile */
        return find_short(v, pc, limit);    /* it stays until the cache is emptied */
    }
    const bool goes_on = shorts_are_last(a);
    const struct host_mark before = mark(a);
    struct block *b = find_short(v, pc, limit);
    if (b && !goes_on) {
        a->short_block = b;
        a->short_before = before;
        a->short_count = 0;
    }
    if (b) {
        a->short_count++;
        a->short_behind = mark(a);
    }
    return b;
}

/* Rounds end on all threads, and only where there is one are there any to forget: without them
 * nothing may be written here. */
void block_forget_short(struct tcg *a)
{
    if (!a->short_count) {
        return;
    }
    const unsigned count = shorts_are_last(a) ? a->short_count : 0;

    for (struct block *b = a->short_block; b < a->short_block + count; b++) {
        if (b->ir) {
            mem_free(b->ir->insns);
            mem_free(b->ir);
        }
    }
    if (count && a->host) {
        host_release(a->compilers[0].c, &a->short_before);
    }
    a->block_count -= count;
    a->short_count = 0;
}

/* ---- invalidation */

/* One block's entries, or with NULL all. A movable one is at the same place of any page. */
static void forget_jumps(struct tcg *a, const struct block *b)
{
    atomic_fence(); /* the blocks are seen to be invalid by who enters one from now on */
    const unsigned page = GUEST_PAGE_SIZE >> a->code_align;

    for (unsigned i = 0; i < a->base.count; i++) {
        struct jump_entry *jumps = tcg_of(a->base.vcpus[i])->jumps;
        const unsigned step = !b ? 1 : b->movable ? page : JUMP_TABLE_ENTRIES;
        for (unsigned k = b ? tcg_jump_slot(a, b->pc) & (step - 1) : 0; k < JUMP_TABLE_ENTRIES;
             k += step) {
            if (!b || atomic_get(&jumps[k].host) == b->entry) {
                atomic_set(&jumps[k].key, UINT64_MAX);
            }
        }
    }
}

/* Takes b out of its chain. A reader that stands on it goes on along its old successors. */
static void unhash(struct tcg *a, struct block *b)
{
    struct block **at = &a->hash[hash_of(b->pa, b->mode_key)];

    while (*at && *at != b) {
        at = &(*at)->hash_next;
    }
    if (*at) {
        __atomic_store_n(at, b->hash_next, __ATOMIC_RELEASE);
    }
}

static void invalidate(struct tcg *a, struct block *b)
{
    atomic_set(&b->valid, false);
    unhash(a, b);
    if (a->host) {
        unlink_block(a, b);
    }
}

/* p has one block less. */
static void left_page(struct tcg *a, struct code_page *p)
{
    track_dropped(a, p);
    if (!p->first) {
        code_page_emptied(p);
    }
}

/* b, which is gone from the list of one of its pages, leaves the other one's. */
static void leave_other_page(struct tcg *a, struct block *b, uint64_t page)
{
    const uint64_t other = page == b->second_pa ? b->pa & PAGE_MASK : b->second_pa;
    struct code_page *p = b->second_bytes ? hash_get(a->pages, other) : NULL;

    for (struct block **at = p ? &p->first : NULL; p && *at;) {
        struct block **next = block_on_page(*at, other).next;
        if (*at == b) {
            *at = *next;
            left_page(a, p);
            return;
        }
        at = next;
    }
}

static void drop_on_page(struct tcg *a, uint64_t page, uint64_t pa, uint64_t bytes)
{
    struct code_page *p = hash_get(a->pages, page);

    for (struct block **at = p ? &p->first : NULL; p && *at;) {
        struct block *b = *at;
        const struct block_part part = block_on_page(b, page);
        const uint64_t from = page + part.at;
        if (from < pa + bytes && pa < from + part.bytes) {
            invalidate(a, b);
            forget_jumps(a, b);
            *at = *part.next;
            leave_other_page(a, b, page);
        } else {
            at = part.next;
        }
    }
    if (p) {
        left_page(a, p);
    }
}

void block_drop_range(struct tcg *a, uint64_t pa, uint64_t bytes)
{
    dropped_note(a, pa, bytes);
    for (uint64_t page = pa & PAGE_MASK; page < pa + bytes; page += GUEST_PAGE_SIZE) {
        drop_on_page(a, page, pa, bytes);
    }
}

void block_flush_all(struct tcg *a)
{
    for (uint32_t i = 0; i < a->block_count; i++) {
        if (a->blocks[i].ir) {
            mem_free(a->blocks[i].ir->insns);
            mem_free(a->blocks[i].ir);
        }
    }
    a->block_count = 0;
    a->short_count = 0;
    memset(a->hash, 0, sizeof(*a->hash) << BLOCK_HASH_BITS);
    hash_clear(a->code_hosts);
    track_forget(a);
    code_pages_free(a);
    hash_clear(a->page_ids);
    a->next_page_id = 0;
    context_reset(a);
    uncached_forget(a);
    if (a->host) {
        host_reset(a->host);
    }
    if (a->perf) {
        perf_emptied(a->perf);
    }
    a->cached_insns = 0;
    a->flushes++;
    atomic_store(&a->flush_wanted, 0);
}

void tcg_flush_code(struct vcpu *v, uint64_t pa, uint64_t bytes)
{
    struct tcg *a = tcg_of(v) ? tcg_of(v)->accel : NULL;

    if (!a) {
        return;
    }
    os_mutex_lock(&a->translate);
    block_drop_range(a, pa, bytes);
    os_mutex_unlock(&a->translate);
}

void tcg_flush_code_all(struct vcpu *v)
{
    struct tcg *a = tcg_of(v) ? tcg_of(v)->accel : NULL;

    if (!a) {
        return;
    }
    os_mutex_lock(&a->translate);
    dropped_note(a, 0, UINT64_MAX);
    for (uint32_t i = 0; i < a->block_count; i++) {
        struct block *b = &a->blocks[i];
        if (b->valid) {
            invalidate(a, b);
        }
    }
    forget_jumps(a, NULL);
    code_pages_emptied(a);
    os_mutex_unlock(&a->translate);
}
