/* SPDX-License-Identifier: MIT */
/*
 * Guest memory accesses: the inline look-up in the TLB, and the cold path behind it.
 *
 *     lea   rcx, [address]
 *     lea   rax, [rcx + size - 1]      the last byte: a crossing of pages has another tag
 *     shr   rcx, 8
 *     and   rcx, [table - 8]           the mask of the table's lines
 *     and   rax, -4096
 *     cmp   rax, [table + rcx]         the tag
 *     jne   cold
 *     mov   rcx, [table + rcx + 8]     the addend
 *     mov   dst, [rcx + address]
 *
 * The cold path first asks the LEAF refill and tries again; else the run-time does the access and
 * goes on behind it.
 */
#include "memory/space.h"
#include "tcg/host/x86_64/compile.h"
#include "tcg/tlb_layout.h"

#define UNCUT_WITHIN 0x8000 /* bytes: a base so far from what is accessed is a pointer */

/* A value of 32 bits has nothing above them in its register. */
static bool is_zero_above(const struct ir_insn *in)
{
    switch (in->op) {
    case IR_get:
    case IR_add:
    case IR_sub:
        return in->op == IR_get || in->type == T_I32;
    case IR_load:
        return in->type == T_I32 || (memop_bytes(memop_of(in)) <= 4 && !(memop_of(in) & MO_SIGN));
    default:
        return false;
    }
}

bool may_stay_uncut(const struct compiler *c, const struct ir_insn *in)
{
    const int32_t disp = (int32_t)in->imm;

    return c->b->narrow && (in->op == IR_load || in->op == IR_store) && !in->b &&
           (memop_of(in) & (MO_WIDTH | MO_LINEAR_32)) == (MO_WIDTH_32 | MO_LINEAR_32) &&
           !ir_segment(in->aux) && disp > -UNCUT_WITHIN && disp < UNCUT_WITHIN &&
           is_zero_above(&c->insns[in->a]);
}

/* A constant address of an access that is alone, as a displacement. */
static bool is_absolute(const struct compiler *c, const struct ir_insn *in, int32_t *disp)
{
    const unsigned n = c->group_of[c->i];
    const uint16_t v = value(c, in->a);
    uint64_t k;

    if ((in->op != IR_load && in->op != IR_store) || in->b || !is_plain_sum(c, in) ||
        (n && c->groups[n - 1].members > 1) || c->reg[v] >= 0 || !constant(c, in->a, &k)) {
        return false;
    }
    k += (uint64_t)(int64_t)(int32_t)in->imm;
    if ((uint64_t)(int64_t)(int32_t)k != k || (int32_t)k > INT32_MAX - IR_VEC_BYTES) {
        return false;
    }
    *disp = (int32_t)k;
    return true;
}

struct address address_of(struct compiler *c, const struct ir_insn *in)
{
    struct address a = {.index = NO_REG, .disp = (int32_t)in->imm};

    if (is_absolute(c, in, &a.disp)) {
        a.base = NO_REG;
        return a;
    }
    a.base = use(c, in->a, 0);
    if (in->b && (in->op == IR_load || in->op == IR_store)) {
        a.index = use(c, in->b, 0);
        a.scale = in->aux >> 8 & 7;
    }
    return a;
}

static struct operand plus(struct address a, int32_t disp)
{
    return (struct operand){.base = (uint8_t)a.base,
                            .index = (uint8_t)a.index,
                            .scale = (uint8_t)a.scale,
                            .disp = a.disp + disp};
}

/* The sum, cut to the memop's width, and the segment base; an operation of 32 bits clears what is
 * above them. */
void emit_cut_sum(struct compiler *c, const struct ir_insn *in, struct address a, struct address to)
{
    const memop m = memop_of(in);
    const uint64_t mask = memop_address_mask(m);
    const int32_t segment = (int32_t)ir_segment(in->aux);
    struct assembler *as = &c->as;

    if (segment) {
        x_alu_mem(as, ALU_ADD, !(m & MO_LINEAR_32), to.base,
                  at(STATE, segment + c->h->config.layout.state));
    }
    if (mask == 0xffff) {
        emit_rr(as, OPC(0, 1, 0xb7), to.base, to.base);
    } else if (mask < 0xffffffff) {
        x_alu_imm(as, ALU_AND, false, reg_operand(to.base), (int32_t)mask);
    }
    x_lea(as, mask == UINT64_MAX, to.base, plus(a, 0));
}

static void fill_site(const struct compiler *c, struct site *s, const struct ir_insn *in,
                      struct address a)
{
    s->base = (uint8_t)a.base;
    s->index = (uint8_t)a.index;
    s->scale = (uint8_t)a.scale;
    s->disp = a.disp;
    s->segment = (uint16_t)(in->aux >> 16);
    s->memop = memop_of(in);
    s->uncut = may_stay_uncut(c, in);
    s->type = in->op == IR_store ? in->src : in->type;
}

/* Forwards: mov ecx, site; call mem; jmp retry (skipped when the access has been done); jmp resume
 */
static void ask_run_time(struct compiler *c, uint32_t site, uint32_t retry, uint32_t resume)
{
    struct assembler *as = &c->as;
    uint8_t p[20] = {0xb9, [5] = 0xe8, [10] = 0xe9, [15] = 0xe9};
    const uint32_t at = as->cold;
    const uint32_t rels[] = {c->h->stubs.mem - (at + 10), retry - (at + 15), resume - (at + 20)};

    memcpy(p + 1, &site, 4);
    for (unsigned n = 0; n < array_len(rels); n++) {
        memcpy(p + 6 + 5 * n, &rels[n], 4);
    }
    memcpy(as->rw + at, p, sizeof(p));
    as->cold += sizeof(p);
}

/* The cold path: refill and retry, or the whole access by the run-time. */
static uint32_t cold_access(struct compiler *c, uint32_t site, uint32_t retry, uint32_t resume)
{
    const uint32_t path = c->as.cold;

    ask_run_time(c, site, retry, resume);
    return path;
}

/* The access is to another table than r15's. */
static bool is_other_table(const struct compiler *c, memop m)
{
    return memop_idx(m) != c->b->mmu_current;
}

/* Forwards: the check of op i's access in another table than r15's; rcx = the addend, rdx = the
 * address. */
static void cold_check_user(struct compiler *c, const struct check *k, bool store)
{
    const int32_t size = 1 << (k->m & MO_SIZE_LOG2), lines = store ? TLB_LAYOUT_WRITE : 0;
    struct assembler *as = &c->as;
    const uint32_t again = as->cold;

    x_load(as, true, RDX, at(STATE, HOT(c->h, tlb_user)));
    x_lea(as, true, RCX, plus(k->a, 0));
    x_lea(as, true, RAX, plus(k->a, size - 1));
    x_shift_imm(as, SHIFT_SHR, true, RCX, GUEST_PAGE_BITS - TLB_LAYOUT_LINE_LOG2);
    x_alu_mem(as, ALU_AND, true, RCX, at(RDX, TLB_LAYOUT_MASK));
    x_alu_imm(as, ALU_AND, true, reg_operand(RAX), -4096);
    x_alu_mem(as, ALU_CMP, true, RAX, at_index(RDX, RCX, 0, lines));
    emit_bytes(as, (const uint8_t[]){0x70 | CC_E, 0}, 2);
    const uint32_t hit = as->cold;
    ask_run_time(c, k->site, again, k->resume);
    as->rw[hit - 1] = (uint8_t)(as->cold - hit);
    x_load(as, true, RCX, at_index(RDX, RCX, 0, lines + 8));
    x_lea(as, true, RDX, plus(k->a, 0));
}

/* Forwards, in the cold area: the access of op i with a check of its own, then on to resume. The
 * check is a stub's, which says by the carry that the run-time has done the access. */
static void cold_checked(struct compiler *c, const struct check *k)
{
    const struct ir_insn *in = &c->insns[c->i];
    const bool store = in->op == IR_store;
    const struct site *site = &c->h->sites[k->site];
    struct assembler *as = &c->as;

    if (is_other_table(c, k->m)) {
        cold_check_user(c, k, store);
    } else {
        x_lea(as, true, RDX, plus(k->a, 0));
        x_lea(as, true, RAX, at(RDX, (1 << (k->m & MO_SIZE_LOG2)) - 1));
        x_mov_imm(as, RCX, k->site);
        x_call(as, store ? c->h->stubs.member_store : c->h->stubs.member_load);
        x_jcc(as, CC_B, k->resume);
    }
    if (store) {
        register_to_memory(c, in, at_index(RCX, RDX, 0, 0), site->data, site->aux);
    } else {
        memory_to_register(c, in, site->data, at_index(RCX, RDX, 0, 0));
    }
    x_jmp(as, k->resume);
}

/* The group is not on one page. */
static uint32_t cold_follower(struct compiler *c, const struct check *k)
{
    c->as.to_cold = true;
    const uint32_t path = c->as.cold;
    cold_checked(c, k);
    c->as.to_cold = false;
    return path;
}

/* The group's page is not in the inline TLB: refill and try again; or it is on two pages, or
 * (mixed) may not be writable: every access for itself. */
static uint32_t cold_leader(struct compiler *c, const struct check *k, uint32_t retry)
{
    struct assembler *as = &c->as;

    if (k->mixed) {
        as->to_cold = true;
        const uint32_t alone = as->cold;
        x_mov_imm(as, k->addend, ADDEND_NONE);
        cold_checked(c, k);
        as->to_cold = false;
        return alone;
    }
    as->to_cold = true;
    const uint32_t path = as->cold;
    x_lea(as, true, RCX, plus(k->a, k->low - k->a.disp));
    x_lea(as, true, RAX, plus(k->a, k->high - 1 - k->a.disp));
    x_alu(as, ALU_XOR, true, RAX, RCX);
    x_shift_imm(as, SHIFT_SHR, true, RAX, GUEST_PAGE_BITS);
    emit_bytes(as, (const uint8_t[]){0x0f, 0x80 | CC_NE, 0, 0, 0, 0}, 6);
    const uint32_t crossing = as->cold;
    ask_run_time(c, k->site, retry, as->cold + 20);
    x_mov_imm(as, k->addend, ADDEND_NONE);
    x_jmp(as, k->resume);
    const uint32_t rel = as->cold - crossing;
    memcpy(as->rw + crossing - 4, &rel, 4);
    x_mov_imm(as, k->addend, ADDEND_NONE);
    cold_checked(c, k);
    as->to_cold = false;
    return path;
}

/* An indexed address is computed once, into rdx, where the check does not need rdx. */
static bool address_in_rdx(const struct compiler *c, struct address a, memop m)
{
    return a.index != NO_REG && c->h->bmi2 && !is_other_table(c, m);
}

/*
 * rcx = address of the first byte >> 8, with bits beyond the mask's anything; rax = address of the
 * last byte. RORX does without a copy where the address is in a register.
 */
static void bytes_of_check(struct compiler *c, struct operand first, struct operand last,
                           bool in_rdx)
{
    const unsigned by = GUEST_PAGE_BITS - TLB_LAYOUT_LINE_LOG2;
    const opcode rorx = OPC(PP_F2, MAP_0F3A, 0xf0) | OP_W;
    const bool plain = first.disp == 0 && first.index == NO_REG;
    struct assembler *as = &c->as;

    if (first.base == NO_REG && first.index == NO_REG) {
        x_mov_imm(as, RCX, (uint32_t)((uint64_t)(int64_t)first.disp >> by));
        x_mov_imm(as, RAX, (uint64_t)(int64_t)last.disp);
    } else if (in_rdx) {
        x_lea(as, true, RAX, at(RDX, last.disp - first.disp));
        emit_v(as, rorx, RCX, 0, reg_operand(RDX), 1, by);
        x_lea(as, true, RDX, first);
    } else if (c->h->bmi2 && (plain || first.disp == last.disp)) {
        emit_v(as, rorx, RCX, 0, reg_operand(plain ? first.base : RAX), 1, by);
        x_lea(as, true, RAX, last);
    } else {
        x_shift_imm(as, SHIFT_SHR, true, RCX, by);
        x_lea(as, true, RAX, last);
        x_lea(as, true, RCX, first);
    }
}

/*
 * The part of a check that is always the same, as bytes: it stands before every other access.
 *
 *     and rcx, [r15 - 8]; and rax, -4096; cmp rax, [r15 + rcx + lines]; jne; mov reg, [.. + 8]
 *
 * Gives the place behind the jump, which the caller aims.
 */
static uint32_t look_up(struct compiler *c, const struct check *k)
{
    static const uint8_t reads[] = {0x49, 0x23, 0x4f, 0xf8, 0x48, 0x25, 0x00, 0xf0, 0xff,
                                    0xff, 0x49, 0x3b, 0x04, 0x0f, 0x0f, 0x85, 0,    0,
                                    0,    0,    0x49, 0x8b, 0x44, 0x0f, 0x08};
    static const uint8_t writes[] = {0x49, 0x23, 0x4f, 0xf8, 0x48, 0x25, 0x00, 0xf0,
                                     0xff, 0xff, 0x49, 0x3b, 0x84, 0x0f, 0x00, 0x00,
                                     0x04, 0x00, 0x0f, 0x85, 0,    0,    0,    0,
                                     0x49, 0x8b, 0x84, 0x0f, 0x08, 0x00, 0x04, 0x00};
    const unsigned n = k->write ? sizeof(writes) : sizeof(reads), load = k->write ? 8 : 5;
    const unsigned r = k->addend ? k->addend : RCX;
    struct assembler *as = &c->as;
    const uint32_t jump_end = as->hot - load;

    as->hot -= n;
    memcpy(as->rw + as->hot, k->write ? writes : reads, n);
    as->rw[jump_end] |= r & 8 ? 4 : 0;
    as->rw[jump_end + 2] |= (r & 7) << 3;
    return jump_end;
}
_Static_assert(TLB_LAYOUT_MASK == -8 && TLB_LAYOUT_WRITE == 0x40000 && GUEST_PAGE_BITS == 12,
               "as in look_up's bytes");

/* The same in the table of rdx. */
static uint32_t look_up_user(struct compiler *c, const struct check *k)
{
    const int32_t lines = k->write ? TLB_LAYOUT_WRITE : 0;
    struct assembler *as = &c->as;

    x_load(as, true, k->addend ? k->addend : RCX, at_index(RDX, RCX, 0, lines + 8));
    const uint32_t jump_end = as->hot;
    as->hot -= 6; /* jne, filled in by the caller */
    x_alu_mem(as, ALU_CMP, true, RAX, at_index(RDX, RCX, 0, lines));
    x_alu_imm(as, ALU_AND, true, reg_operand(RAX), -4096);
    x_alu_mem(as, ALU_AND, true, RCX, at(RDX, TLB_LAYOUT_MASK));
    return jump_end;
}

/*
 * The check, emitted backwards: afterwards the addend is in its register. The cold path needs the
 * place of its own retry, which is where the check begins, so its jump is emitted once the check's
 * length is known.
 */
void emit_check(struct compiler *c, const struct check *k)
{
    const int32_t size = 1 << (k->m & MO_SIZE_LOG2);
    const bool user = is_other_table(c, k->m);
    const bool window = k->low != k->high;
    struct assembler *as = &c->as;
    const uint32_t jump_end = user ? look_up_user(c, k) : look_up(c, k);
    bytes_of_check(c, plus(k->a, window ? k->low - k->a.disp : 0),
                   plus(k->a, window ? k->high - 1 - k->a.disp : size - 1),
                   address_in_rdx(c, k->a, k->m));
    if (user) {
        x_load(as, true, RDX, at(STATE, HOT(c->h, tlb_user)));
    }
    uint32_t align_end = 0;
    if (k->aligned && size > 1) {
        align_end = as->hot;
        as->hot -= 6;
        emit_x(as, OPC(0, 0, 0xf6), 0, reg_operand(RAX), 1, (uint64_t)(size - 1));
        x_lea(as, true, RAX, plus(k->a, 0));
    }
    const uint32_t path = k->path  ? k->path
                          : window ? cold_leader(c, k, as->hot)
                                   : cold_access(c, k->site, as->hot, k->resume);
    const uint32_t ends[2] = {jump_end, align_end};
    for (unsigned n = 0; n < 2; n++) {
        if (ends[n]) {
            const uint32_t rel = path - ends[n];
            uint8_t p[6] = {0x0f, 0x80 | CC_NE};
            memcpy(p + 2, &rel, 4);
            memcpy(as->rw + ends[n] - 6, p, 6);
        }
    }
}

bool has_table(const struct compiler *c, memop m)
{
    const unsigned idx = memop_idx(m);

    return idx == c->b->mmu_current || idx == c->b->mmu_user;
}

/* The run-time does every access here. */
static void always_slow(struct compiler *c, uint32_t site, uint32_t resume)
{
    struct assembler *as = &c->as;

    c->h->sites[site].slow = true;
    as->to_cold = true;
    const uint32_t path = as->cold;
    x_mov_imm(as, RCX, site);
    x_call(as, c->h->stubs.mem);
    x_jmp_long(as, path); /* skipped: a refill would not be enough */
    x_jmp(as, resume);
    as->to_cold = false;
    x_jmp(as, path);
}

struct operand host_place(const struct compiler *c, struct address a, memop m)
{
    if (address_in_rdx(c, a, m)) {
        return at_index(RCX, RDX, 0, 0);
    }
    /* rcx + address: three registers at most; an index needs an add of its own. */
    return a.index == NO_REG ? at_index(RCX, a.base, 0, a.disp)
                             : at_index(RCX, a.index, a.scale, a.disp);
}

static void add_base(struct compiler *c, struct address a, memop m)
{
    if (a.index != NO_REG && !address_in_rdx(c, a, m)) {
        x_alu(&c->as, ALU_ADD, true, RCX, a.base);
    }
}

bool inline_access(const struct compiler *c, const struct ir_insn *in)
{
    const memop m = memop_of(in);
    const bool vec = class_of(in->op == IR_store ? in->src : in->type);

    return has_table(c, m) && (vec || !(m & MO_SWAP) || memop_unit(m) == memop_bytes(m));
}

/* The register of the access's group, or NO_REG; for the group's first access it is defined here.
 */
static unsigned group_register(struct compiler *c, const struct group **group, uint32_t exclude)
{
    const unsigned n = c->group_of[c->i];

    if (n == 0 || c->groups[n - 1].members < 2) {
        return NO_REG;
    }
    *group = &c->groups[n - 1];
    if ((*group)->leader != c->i) {
        return use(c, group_value(n - 1), 0);
    }
    c->locked[0] |= exclude; /* the loaded value is live at the same time */
    const unsigned r = define(c, group_value(n - 1));
    c->locked[0] &= ~exclude;
    c->locked[0] |= 1u << r;
    return r;
}

/*
 * The access's check, backwards, with the access itself already emitted on top of register r (rcx
 * if there is no group).
 */
static void check_access(struct compiler *c, struct check k, unsigned r, const struct group *g)
{
    const struct ir_insn *in = &c->insns[c->i];

    k.m = memop_of(in);
    k.write = in->op == IR_store;
    k.aligned = k.m & MO_ALIGN;
    if (r == NO_REG) {
        add_base(c, k.a, k.m);
        emit_check(c, &k);
    } else if (g->leader == c->i) {
        k.mixed = g->write && !k.write;
        k.write = g->write;
        const int32_t moved = is_plain_sum(c, in) ? 0 : (int32_t)in->imm; /* k.a has none */
        k.low = g->low - moved;
        k.high = g->high - moved;
        k.addend = r;
        emit_check(c, &k);
    } else {
        x_jcc(&c->as, CC_NE, cold_follower(c, &k));
        emit_x(&c->as, OPC(0, 0, 0xf6) | OP_BYTE_RM, 0, reg_operand(r), 1, 1);
    }
}

/* Where an access is: of a group, whose addend is in `shared`, or (NO_REG) alone. */
static struct operand access_place(const struct compiler *c, struct address a, unsigned shared)
{
    if (shared == NO_REG) {
        return host_place(c, a, memop_of(&c->insns[c->i]));
    }
    return a.index == NO_REG ? at_index(shared, a.base, 0, a.disp) : at_index(shared, RDX, 0, 0);
}

/* rdx = the address of an indexed access of a group, after the check and before the access. */
static void address_of_member(struct compiler *c, struct address a, unsigned shared)
{
    if (shared != NO_REG && a.index != NO_REG) {
        x_lea(&c->as, true, RDX, plus(a, 0));
    }
}

void emit_load(struct compiler *c, const struct ir_insn *in)
{
    const bool vec = class_of(in->type);
    const unsigned dst = def(c);
    const struct group *g = NULL;
    const unsigned shared = group_register(c, &g, vec ? 0 : 1u << dst);
    const struct address a = address_of(c, in), at = reach_of(c, in, a);
    uint32_t index;
    struct site *s = new_site(c, SITE_LOAD, true, &index);

    fill_site(c, s, in, a);
    s->data = (uint8_t)dst;
    const uint32_t resume = c->as.hot;
    if (!inline_access(c, in)) {
        always_slow(c, index, resume);
        return;
    }
    memory_to_register(c, in, dst, access_place(c, at, shared));
    address_of_member(c, at, shared);
    check_access(c, (struct check){.a = at, .site = index, .resume = resume}, shared, g);
    emit_reach(c, in, a, at);
}

/* A store-release must not be passed by a later load-acquire: a locked instruction behind it keeps
 * them in order. */
void full_barrier(struct compiler *c)
{
    const struct operand top = at(RSP, 0);

    emit_x(&c->as, OPC(0, 0, 0x83), ALU_OR, top, 1, 0);
    x_byte(&c->as, 0xf0);
}

void emit_store(struct compiler *c, const struct ir_insn *in)
{
    const struct group *g = NULL;
    const unsigned shared = group_register(c, &g, 0);
    const struct address a = address_of(c, in);
    uint64_t k;
    const bool immediate = constant(c, in->c, &k) && (int64_t)k == (int32_t)k &&
                           c->reg[value(c, in->c)] < 0 && !(memop_of(in) & MO_SWAP && (k + 1) > 1);
    const unsigned data = immediate ? SITE_NO_REG : use(c, in->c, 0);
    const struct address at = reach_of(c, in, a);
    uint32_t index;
    struct site *s = new_site(c, SITE_STORE, true, &index);

    fill_site(c, s, in, a);
    s->data = (uint8_t)data;
    s->aux = (uint32_t)k;
    if (memop_of(in) & MO_RELEASE) {
        full_barrier(c);
    }
    const uint32_t resume = c->as.hot;
    if (!inline_access(c, in)) {
        always_slow(c, index, resume);
        return;
    }
    register_to_memory(c, in, access_place(c, at, shared), data, k);
    address_of_member(c, at, shared);
    check_access(c, (struct check){.a = at, .site = index, .resume = resume}, shared, g);
    emit_reach(c, in, a, at);
}

void emit_barrier(struct compiler *c, const struct ir_insn *in)
{
    if (in->aux == IR_BARRIER_FULL) {
        full_barrier(c);
    }
}
