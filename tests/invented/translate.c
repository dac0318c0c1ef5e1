/* SPDX-License-Identifier: MIT */
/* What instructions of the invented architecture do: see machine.h and inv.decode. */
#include <assert.h>

#include "base/bits.h"
#include "tcg/build.h"
#include "tests/invented/inv_decode.h"
#include "tests/invented/machine.h"
#include "tests/invented/text.h"

struct inv_block {
    struct ir_builder *b;
    uint32_t mode, upper; /* upper: of aux */
    uint64_t pc, next;
    uint32_t local; /* of the next instruction, if no branch is taken */
    bool body;      /* this one is a round of itself */
    memop m;        /* of data */
};

bool inv_feature(const struct inv_block *c, enum inv_feat feat)
{
    (void)c;
    return feat == INV_FEAT_base;
}

static ir_val konst(struct inv_block *c, uint64_t k)
{
    return ir_konst(c->b, T_I64, k);
}

static ir_val read_r(struct inv_block *c, unsigned r)
{
    return ir_get(c->b, INV_R0 + r);
}

static void write_r(struct inv_block *c, unsigned r, ir_val v)
{
    ir_put(c->b, INV_R0 + r, ir_zext(c->b, T_I64, v));
}

static ir_val wrap(struct inv_block *c, ir_val sum)
{
    return ir_ubfx(c->b, sum, 0, c->mode & INV_AM31 ? 31 : 32);
}

/* ---- functions of the run-time */

#define ROW(name_, fn_, class_)                                                                    \
    static const struct ir_call name_ = {                                                          \
        .name = #name_, .fn = (void (*)(void))(fn_), .class = (class_)}

static uint64_t do_raise(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t cause)
{
    (void)y, (void)z;
    inv_raise(inv_cpu(v), (enum inv_cause)cause, x);
    return 0;
}
ROW(row_raise, do_raise, IR_CALL_FULL);

static uint64_t do_setmode(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t mode)
{
    (void)z;
    vcpu_env(v)->aux = y;
    inv_cpu(v)->mode = mode & INV_MODES;
    tcg_context_changed(v);
    return inv_wrap(mode, next);
}
ROW(row_setmode, do_setmode, IR_CALL_FULL);

static uint64_t do_setsp(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)z;
    vcpu_env(v)->aux = y;
    inv_cpu(v)->spaces[aux >> 16] = aux & 0xffff;
    tcg_context_changed(v);
    return next;
}
ROW(row_setsp, do_setsp, IR_CALL_FULL);

/* Words of pages are written by this only, which flushes what it changes. */
static uint64_t do_stpte(struct vcpu *v, uint64_t next, uint64_t y, uint64_t word, uint32_t aux)
{
    const unsigned space = aux >> 8, page = aux & 0xff;

    vcpu_env(v)->aux = y;
    inv_set_pte(v, space, page, (uint32_t)word & (INV_RAM_BYTES / 2 - 1));
    for (uint64_t n = 0; n < INV_REGIONS; n++) {
        tlb_flush_range(v, n << INV_REGION_SHIFT | (uint64_t)page << GUEST_PAGE_BITS,
                        GUEST_PAGE_SIZE, TLB_ANY_TAG, true);
    }
    tlb_sync(v);
    return next;
}
ROW(row_stpte, do_stpte, IR_CALL_FULL);

static uint64_t do_flush(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t kind)
{
    (void)z;
    vcpu_env(v)->aux = y;
    if (kind & 1) {
        tlb_flush_all(v, false);
    } else {
        tlb_flush_space(v, inv_identity(inv_cpu(v)->spaces[kind >> 1 & (INV_REGIONS - 1)]), false);
    }
    return next;
}
ROW(row_flush, do_flush, IR_CALL_FULL);

static uint64_t do_yield(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)z, (void)aux;
    vcpu_env(v)->aux = y;
    vcpu_exit_soon(v);
    return next;
}
ROW(row_yield, do_yield, IR_CALL_FULL);

/* To y (aux) and next, with interrupts enabled or not. */
static uint64_t do_ie(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t on)
{
    (void)z;
    vcpu_env(v)->aux = y;
    inv_cpu(v)->ie = on;
    return next;
}
ROW(row_ie, do_ie, IR_CALL_FULL);

/* What is watched: n, kinds and bytes in aux. */
static uint64_t do_setwp(struct vcpu *v, uint64_t next, uint64_t y, uint64_t from, uint32_t aux)
{
    vcpu_env(v)->aux = y;
    inv_cpu(v)->watch[aux >> 16] = (struct inv_watch){
        .from = (uint32_t)from, .bytes = aux & 0xff, .kinds = aux >> 8 & 0xff};
    tlb_flush_all(v, false);
    return next;
}
ROW(row_setwp, do_setwp, IR_CALL_FULL);

/* Before an instruction: an interrupt is taken first. */
static uint64_t do_interrupt(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    if (inv_interrupt_waits(inv_cpu(v))) {
        inv_retry(inv_cpu(v));
    }
    return 0;
}
ROW(row_interrupt, do_interrupt, IR_CALL_RAISES);

/* Where the local state does not say that interrupts are to be looked at. */
static void look_soon(struct inv_cpu *c)
{
    if (inv_interrupt_waits(c)) {
        vcpu_exit_soon(&c->vcpu);
    }
}

/* What a return from an exception begins with. */
static void restore(struct inv_cpu *c)
{
    c->mode = c->saved_mode;
    tcg_context_changed(&c->vcpu);
    look_soon(c);
}

static uint64_t do_rti(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    struct inv_cpu *c = inv_cpu(v);

    (void)x, (void)y, (void)z, (void)aux;
    c->ie = 1;
    restore(c);
    vcpu_env(v)->aux = c->saved_aux;
    return c->saved_pc;
}
ROW(row_rti, do_rti, IR_CALL_FULL);

static uint64_t do_far(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t base)
{
    (void)z;
    vcpu_env(v)->aux = y | (uint64_t)base << 32;
    return pc;
}
ROW(row_far, do_far, IR_CALL_FULL);

/* Fetches the instruction at address, as data, and goes on at pc with it. */
static uint64_t do_ex(struct vcpu *v, uint64_t pc, uint64_t address, uint64_t bits, uint32_t local)
{
    const memop m = MO_16 | MO_SWAP | MO_IDX(v->cls->mmu_index(v));
    uint64_t first, second = 0;

    if (!vcpu_load(v, address, m, &first)) {
        return pc;
    }
    const unsigned n = inv_length((uint16_t)first);
    if (n == 4 && !vcpu_load(v, inv_wrap(inv_cpu(v)->mode, address + 2), m, &second)) {
        return pc;
    }
    if (n == 6 || first >> 8 == 0x60) {
        inv_raise(inv_cpu(v), INV_ILLEGAL, address);
        return pc;
    }
    const uint64_t upper = (inv_cpu(v)->aux >> 32 & INV_BASE_MASK) | INV_EXECUTED |
                           (local & INV_NUMBER ? INV_EXECUTED_NUMBER : 0);
    vcpu_env(v)->aux = upper << 32 | (first | (bits & 0xff)) << 16 | second;
    look_soon(inv_cpu(v));
    return pc;
}
ROW(row_ex, do_ex, IR_CALL_FULL);

/* Behind the instruction, with plain conditions, that the exception was at, if it can be read. */
static uint64_t do_skip(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    struct inv_cpu *c = inv_cpu(v);
    struct cpu_fetch f;
    struct translation t;
    uint64_t fault;
    uint8_t p[2];

    (void)x, (void)y, (void)z, (void)aux;
    restore(c);
    inv_fetch(v, c->saved_pc, c->saved_aux, &f);
    if (f.nothing ||
        !inv_walk(v, (c->saved_pc + f.base) & f.mask, ACCESS_FETCH, c->mode & INV_DAT, &t,
                  &fault) ||
        !space_read(v->memory, t.pa, p, sizeof(p))) {
        return c->restart;
    }
    vcpu_env(v)->aux = c->saved_aux & (uint64_t)INV_BASE_MASK << 32;
    return inv_wrap(c->mode, c->saved_pc + inv_length(load_be16(p)));
}
ROW(row_skip, do_skip, IR_CALL_FULL);

/* ---- conditions */

static void put_flags(struct inv_block *c, ir_val flags)
{
    ir_put(c->b, INV_FLAGS, flags);
    c->local &= ~INV_NUMBER;
}

/* As the kind of condition is here: a mask of numbers, or a condition of flags. */
static ir_val holds(struct inv_block *c, uint32_t local, unsigned cond)
{
    struct ir_builder *b = c->b;

    if (local & INV_NUMBER) {
        const ir_val mask = ir_konst(b, T_I32, cond);
        return ir_and(b, ir_shr(b, mask, ir_get(b, INV_CCN)), ir_konst(b, T_I32, 1));
    }
    return ir_flags_test(b, (cond | 1) == IR_PO ? cond - 10 : cond, ir_get(b, INV_FLAGS));
}

/* ---- two bytes */

#define PLAIN(name_, op_)                                                                          \
    void inv_##name_(struct inv_block *c, const struct inv_##name_ *a)                             \
    {                                                                                              \
        write_r(c, a->r1, op_(c->b, read_r(c, a->r1), read_r(c, a->r2)));                          \
    }
PLAIN(and, ir_and)
PLAIN(xor, ir_xor)
PLAIN(mul, ir_mul)
#undef PLAIN

void inv_mov(struct inv_block *c, const struct inv_mov *a)
{
    write_r(c, a->r1, read_r(c, a->r2));
}

void inv_add(struct inv_block *c, const struct inv_add *a)
{
    const ir_val x = read_r(c, a->r1), y = read_r(c, a->r2);
    write_r(c, a->r1, ir_add(c->b, x, y));
    put_flags(c, ir_flags_add(c->b, x, y));
}

void inv_sub(struct inv_block *c, const struct inv_sub *a)
{
    const ir_val x = read_r(c, a->r1), y = read_r(c, a->r2);
    write_r(c, a->r1, ir_sub(c->b, x, y));
    put_flags(c, ir_flags_sub(c->b, x, y));
}

/* Of the lower halves. */
void inv_cmp(struct inv_block *c, const struct inv_cmp *a)
{
    const ir_val x = ir_trunc(c->b, T_I32, read_r(c, a->r1));
    const ir_val y = ir_trunc(c->b, T_I32, read_r(c, a->r2));
    put_flags(c, ir_flags_sub(c->b, x, y));
}

void inv_adc(struct inv_block *c, const struct inv_adc *a)
{
    const ir_val x = read_r(c, a->r1), y = read_r(c, a->r2), f = ir_get(c->b, INV_FLAGS);
    write_r(c, a->r1, ir_adc(c->b, x, y, f));
    put_flags(c, ir_flags_adc(c->b, x, y, f));
}

void inv_shl(struct inv_block *c, const struct inv_shl *a)
{
    const ir_val n = ir_and(c->b, read_r(c, a->r2), konst(c, 63));
    write_r(c, a->r1, ir_shl(c->b, read_r(c, a->r1), n));
}

void inv_rev(struct inv_block *c, const struct inv_rev *a)
{
    write_r(c, a->r1, ir_bswap(c->b, read_r(c, a->r2)));
}

/* ---- branches */

static ir_val goal_of(struct inv_block *c, unsigned r)
{
    return wrap(c, ir_and(c->b, read_r(c, r), konst(c, ~UINT64_C(1))));
}

static uint64_t relative(const struct inv_block *c, int64_t halfwords)
{
    return inv_wrap(c->mode, c->pc + (uint64_t)(2 * halfwords));
}

/* What a branch that is taken leads to depends on no condition of IT. */
static void leave(struct inv_block *c)
{
    c->b->local = c->local & (INV_NUMBER | INV_SHADOW | INV_LOOK);
}

void inv_jr(struct inv_block *c, const struct inv_jr *a)
{
    const ir_val goal = goal_of(c, a->r2);
    leave(c);
    ir_jump(c->b, goal);
}

void inv_callr(struct inv_block *c, const struct inv_callr *a)
{
    const ir_val goal = goal_of(c, a->r2);
    write_r(c, a->r1, konst(c, c->next));
    leave(c);
    ir_jumpcall(c->b, goal, c->next);
}

void inv_ret(struct inv_block *c, const struct inv_ret *a)
{
    const ir_val goal = goal_of(c, a->r2);
    leave(c);
    ir_ret(c->b, goal);
}

static void branch_if(struct inv_block *c, ir_val condition, uint64_t pc)
{
    leave(c);
    ir_brcond(c->b, condition, pc);
    c->b->local = c->local;
    if (!c->b->ended) {
        if (pc > c->pc && c->b->branches_left) {
            c->b->branches_left--;
        } else {
            ir_br(c->b, c->next);
        }
    }
}

void inv_br(struct inv_block *c, const struct inv_br *a)
{
    branch_if(c, holds(c, c->local, a->cond), relative(c, a->off));
}

void inv_call(struct inv_block *c, const struct inv_call *a)
{
    write_r(c, a->r1, konst(c, c->next));
    leave(c);
    ir_brcall(c->b, relative(c, a->off), c->next);
}

void inv_brct(struct inv_block *c, const struct inv_brct *a)
{
    const ir_val left = ir_sub(c->b, read_r(c, a->r1), konst(c, 1));
    write_r(c, a->r1, left);
    branch_if(c, ir_cmp(c->b, IR_NE, left, konst(c, 0)), relative(c, a->off));
}

void inv_cmpbr(struct inv_block *c, const struct inv_cmpbr *a)
{
    static const uint8_t conds[8] = {IR_ULT, IR_UGE, IR_EQ, IR_NE, IR_SLT, IR_SGE, IR_ULE, IR_SGT};
    const ir_val x = read_r(c, a->r1), y = konst(c, (uint64_t)(int64_t)a->imm);
    branch_if(c, ir_cmp(c->b, conds[a->cond & 7], x, y), relative(c, a->off));
}

/* A round is a block that leads to itself; the first asks only if there is one. */
void inv_copy(struct inv_block *c, const struct inv_copy *a)
{
    struct ir_builder *b = c->b;
    ir_val left = ir_and(b, read_r(c, a->r3), konst(c, 0xff));

    if (c->body) {
        const ir_val to = wrap(c, read_r(c, a->r1)), from = wrap(c, read_r(c, a->r2));
        const ir_val byte = ir_load_at(b, T_I32, c->m | MO_8, &(struct ir_address){.base = from});
        ir_store_at(b, c->m | MO_8, &(struct ir_address){.base = to}, byte);
        write_r(c, a->r1, ir_add(b, to, konst(c, 1)));
        write_r(c, a->r2, ir_add(b, from, konst(c, 1)));
        left = ir_and(b, ir_sub(b, read_r(c, a->r3), konst(c, 1)), konst(c, 0xff));
        write_r(c, a->r3, left);
    }
    b->local = (c->local & ~INV_SHADOW) | INV_BODY;
    ir_brcond(b, ir_cmp(b, IR_NE, left, konst(c, 0)), c->pc);
    b->local = c->local;
    if (!b->ended) {
        ir_br(b, c->next);
    }
}

/* ---- local state */

void inv_it(struct inv_block *c, const struct inv_it *a)
{
    c->local |= (a->n & 3u) << INV_IT_SHIFT | (uint32_t)a->cond << INV_IT_COND_SHIFT;
}

void inv_tm(struct inv_block *c, const struct inv_tm *a)
{
    const ir_val both = ir_and(c->b, read_r(c, a->r1), read_r(c, a->r2));
    ir_put(c->b, INV_CCN, ir_trunc(c->b, T_I32, ir_and(c->b, both, konst(c, 3))));
    c->local |= INV_NUMBER;
}

/* ---- arithmetic with constants */

void inv_addi(struct inv_block *c, const struct inv_addi *a)
{
    write_r(c, a->r1, ir_add(c->b, read_r(c, a->r2), konst(c, (uint64_t)(int64_t)a->imm)));
}

void inv_movi(struct inv_block *c, const struct inv_movi *a)
{
    write_r(c, a->r1, konst(c, a->imm));
}

void inv_addw(struct inv_block *c, const struct inv_addw *a)
{
    const ir_val x = ir_trunc(c->b, T_I32, read_r(c, a->r2));
    const ir_val y = ir_konst(c->b, T_I32, (uint32_t)a->imm);
    write_r(c, a->r1, ir_add(c->b, x, y));
    put_flags(c, ir_flags_add(c->b, x, y));
}

/* ---- memory */

static struct ir_address place(unsigned base, unsigned index, int32_t disp, struct inv_block *c)
{
    static const uint32_t segments[16] = {
        [10] = offsetof(struct inv_cpu, segment[0]), [11] = offsetof(struct inv_cpu, segment[1])};

    return (struct ir_address){.base = read_r(c, base),
                               .index = index < 16 ? read_r(c, index) : IR_NONE,
                               .disp = disp,
                               .segment = segments[base]};
}
#define NO_INDEX 16

#define LOAD(name_, type_, memop_)                                                                 \
    void inv_##name_(struct inv_block *c, const struct inv_##name_ *a)                             \
    {                                                                                              \
        const struct ir_address at = place(a->r2, NO_INDEX, a->imm, c);                            \
        write_r(c, a->r1, ir_load_at(c->b, type_, c->m | (memop_), &at));                          \
    }
LOAD(ld8, T_I32, MO_8)
LOAD(ld16, T_I32, MO_16)
LOAD(ld32, T_I32, MO_32)
LOAD(ld64, T_I64, MO_64)
LOAD(lds32, T_I64, MO_32 | MO_SIGN)
#undef LOAD

#define STORE(name_, memop_)                                                                       \
    void inv_##name_(struct inv_block *c, const struct inv_##name_ *a)                             \
    {                                                                                              \
        const struct ir_address at = place(a->r2, NO_INDEX, a->imm, c);                            \
        ir_store_at(c->b, c->m | (memop_), &at, read_r(c, a->r1));                                 \
    }
STORE(st8, MO_8)
STORE(st16, MO_16)
STORE(st32, MO_32)
STORE(st64, MO_64)
#undef STORE

void inv_ldx(struct inv_block *c, const struct inv_ldx *a)
{
    const struct ir_address at = place(a->r2, a->r3, a->imm, c);
    write_r(c, a->r1, ir_load_at(c->b, T_I64, c->m | MO_64, &at));
}

void inv_stx(struct inv_block *c, const struct inv_stx *a)
{
    const struct ir_address at = place(a->r2, a->r3, a->imm, c);
    ir_store_at(c->b, c->m | MO_64, &at, read_r(c, a->r1));
}

/* Two accesses in one instruction. */
void inv_mvm(struct inv_block *c, const struct inv_mvm *a)
{
    const struct ir_address from = place(a->r2, NO_INDEX, a->imm, c);
    const struct ir_address to = place(a->r1, NO_INDEX, 0, c);
    ir_store_at(c->b, c->m | MO_64, &to, ir_load_at(c->b, T_I64, c->m | MO_64, &from));
}

void inv_setseg(struct inv_block *c, const struct inv_setseg *a)
{
    const ir_val base = ir_add(c->b, read_r(c, a->r2), konst(c, (uint64_t)(int64_t)a->imm));
    ir_env_store(c->b, (uint32_t)offsetof(struct inv_cpu, segment[a->seg & 1]),
                 ir_ubfx(c->b, base, 0, 32));
}

/* ---- ports, and what is one access */

#define PORTS (MO_SWAP | MO_IDX(INV_PORTS) | MO_WIDTH_16)

void inv_pin(struct inv_block *c, const struct inv_pin *a)
{
    const struct ir_address at = {.base = read_r(c, a->r2), .disp = a->imm};
    write_r(c, a->r1, ir_load_at(c->b, T_I32, PORTS | MO_32, &at));
}

void inv_pout(struct inv_block *c, const struct inv_pout *a)
{
    const struct ir_address at = {.base = read_r(c, a->r2), .disp = a->imm};
    ir_store_at(c->b, PORTS | MO_16, &at, read_r(c, a->r1));
}

static ir_val value_of_place(struct inv_block *c, unsigned base, int64_t disp)
{
    return wrap(c, ir_add(c->b, read_r(c, base), konst(c, (uint64_t)disp)));
}

void inv_xadd(struct inv_block *c, const struct inv_xadd *a)
{
    const ir_val at = value_of_place(c, a->r2, a->imm), x = read_r(c, a->r1);
    const memop m = MO_64 | (c->m & ~(MO_WIDTH | MO_LINEAR_32));
    write_r(c, a->r1, ir_atomic(c->b, T_I64, m, IR_ATOMIC_ADD, at, x));
}

/* ---- the system */

/* The function goes on behind the instruction with what is given to it. */
static void end_with(struct inv_block *c, const struct ir_call *row, ir_val z, uint32_t aux)
{
    const uint64_t on = (uint64_t)(c->upper & INV_BASE_MASK) << 32 | c->local;

    ir_tail(c->b, row, konst(c, c->next), konst(c, on), z, aux);
}

void inv_trap(struct inv_block *c, const struct inv_trap *a)
{
    ir_tail(c->b, &row_raise, konst(c, a->imm), IR_NONE, IR_NONE, INV_TRAP);
}

void inv_yield(struct inv_block *c, const struct inv_yield *a)
{
    (void)a;
    end_with(c, &row_yield, IR_NONE, 0);
}

void inv_skip(struct inv_block *c, const struct inv_skip *a)
{
    (void)a;
    end_with(c, &row_skip, IR_NONE, 0);
}

void inv_stpte(struct inv_block *c, const struct inv_stpte *a)
{
    end_with(c, &row_stpte, read_r(c, a->r2),
             (a->space % INV_SPACES) << 8 | a->page % INV_SPACE_PAGES);
}

void inv_setsp(struct inv_block *c, const struct inv_setsp *a)
{
    end_with(c, &row_setsp, IR_NONE, (uint32_t)(a->region % INV_REGIONS) << 16 | a->space);
}

void inv_setwp(struct inv_block *c, const struct inv_setwp *a)
{
    end_with(c, &row_setwp, read_r(c, a->r2), (a->n & 1u) << 16 | a->kinds << 8 | a->bytes);
}

void inv_setmode(struct inv_block *c, const struct inv_setmode *a)
{
    end_with(c, &row_setmode, IR_NONE, a->bits);
}

void inv_flush(struct inv_block *c, const struct inv_flush *a)
{
    end_with(c, &row_flush, IR_NONE, a->kind);
}

void inv_rti(struct inv_block *c, const struct inv_rti *a)
{
    (void)a;
    end_with(c, &row_rti, IR_NONE, 0);
}

void inv_ei(struct inv_block *c, const struct inv_ei *a)
{
    (void)a;
    c->local = (c->local & ~INV_LOOK) | INV_SHADOW;
    end_with(c, &row_ie, IR_NONE, 1);
}

void inv_di(struct inv_block *c, const struct inv_di *a)
{
    (void)a;
    end_with(c, &row_ie, IR_NONE, 0);
}

void inv_far(struct inv_block *c, const struct inv_far *a)
{
    const ir_val pc = goal_of(c, a->r2);
    leave(c);
    ir_tail(c->b, &row_far, pc, konst(c, c->b->local), IR_NONE,
            (a->base & 3u) << (INV_REGION_SHIFT - 4) | (a->base >> 2 & 0x3ffu));
}

void inv_ex(struct inv_block *c, const struct inv_ex *a)
{
    ir_tail(c->b, &row_ex, konst(c, c->pc), value_of_place(c, a->r2, a->imm), read_r(c, a->r1),
            c->local);
}

/* ---- the loop */

static void illegal(struct inv_block *c)
{
    ir_tail(c->b, &row_raise, konst(c, 0), IR_NONE, IR_NONE, INV_ILLEGAL);
}

/* From one instruction's local state to the next one's. */
static uint32_t advance(uint32_t local)
{
    const uint32_t left = local >> INV_IT_SHIFT & 3;
    uint32_t next = local & INV_NUMBER;

    if (left > 1) {
        next |= (local & ~(INV_NUMBER | INV_BODY | INV_SHADOW | INV_LOOK)) - (1u << INV_IT_SHIFT);
    }
    return next | (local & INV_SHADOW ? INV_LOOK : 0);
}

/* What the local state asks for before the instruction. */
static void before_instruction(struct inv_block *c, uint32_t local)
{
    struct ir_builder *b = c->b;

    c->body = local & INV_BODY;
    c->local = c->body ? local & ~(INV_BODY | INV_SHADOW | INV_LOOK) : advance(local);
    b->local = c->local;
    if (local & INV_LOOK) {
        const ir_val lines = ir_env_load(b, T_I32, offsetof(struct vcpu, interrupt_lines));
        ir_guard(b, ir_cmp(b, IR_NE, lines, ir_konst(b, T_I32, 0)), &row_interrupt, IR_NONE,
                 IR_NONE, 0);
    }
    if (local >> INV_IT_SHIFT & 3 && !c->body) {
        const ir_val goes = holds(c, local, local >> INV_IT_COND_SHIFT & 15);
        ir_brcond(b, ir_xor(b, goes, ir_konst(b, T_I32, 1)), c->next);
    }
}

/* The instruction at c->pc in word, n bytes; false: they reach beyond what is there. */
static bool read_insn(const struct inv_block *c, uint64_t *word, unsigned *n)
{
    const struct ir_builder *b = c->b;
    const uint32_t at = (uint32_t)(c->pc - b->pc);

    *n = inv_read(b->code + at, b->code_bytes - at, word);
    if (c->upper & INV_EXECUTED) {
        *n = 4;
        *word = b->aux << 32;
    }
    return *n <= b->code_bytes - at;
}

static bool translate_insn(struct inv_block *c)
{
    struct ir_builder *b = c->b;
    uint64_t word = 0;
    unsigned n;

    if (!read_insn(c, &word, &n)) {
        return false;
    }
    ir_insn_start(b, c->pc);
    c->next = inv_wrap(c->mode, c->pc + n);
    b->guest_bytes = (uint32_t)(c->pc - b->pc) + n;
    before_instruction(c, c->upper & INV_EXECUTED ? c->local : b->local);
    if (!b->ended && inv_translate_row(c, word) == INV_ROW_NONE) {
        illegal(c);
    }
    b->local = c->local;
    return true;
}

/* What is at a PC that is no memory. */
static void translate_nowhere(struct inv_block *c)
{
    ir_insn_start(c->b, c->pc);
    end_with(c, &row_skip, IR_NONE, 0);
}

static void translate_all(struct inv_block *c)
{
    struct ir_builder *b = c->b;

    while (translate_insn(c)) {
        const bool over = c->next < c->pc || inv_is_nowhere(c->mode, c->next) ||
                          (c->upper & INV_EXECUTED) || ir_full(b) ||
                          b->guest_insns >= b->max_guest_insns;
        c->pc = c->next;
        if (!b->ended && over) {
            ir_br(b, c->pc);
        }
        if (b->ended) {
            return;
        }
    }
    assert(b->guest_insns > 0);
    ir_br(b, c->pc); /* to one that crosses the page's end */
}

void inv_translate_block(struct vcpu *v, struct ir_builder *b)
{
    struct inv_block c = {.b = b,
                          .mode = (uint32_t)b->mode_key,
                          .upper = (uint32_t)(b->aux >> 32),
                          .pc = b->pc,
                          .m = MO_SWAP | MO_IDX(b->mode_key & INV_DAT) | MO_LINEAR_32 |
                               (b->mode_key & INV_AM31 ? MO_WIDTH_31 : MO_WIDTH_32)};
    struct cpu_fetch f;

    b->movable = false; /* it wraps around, and that depends on where it is */
    b->after = c.upper & INV_BASE_MASK;
    if (c.upper & INV_EXECUTED) {
        c.local = c.upper & INV_EXECUTED_NUMBER ? INV_NUMBER : 0;
    }
    inv_fetch(v, b->pc, b->aux, &f);
    if (f.nothing) {
        translate_nowhere(&c);
    } else {
        translate_all(&c);
    }
}

unsigned inv_disas(uint64_t mode_key, const uint8_t *bytes, size_t n, uint64_t pc, char *text,
                   size_t size)
{
    (void)mode_key;
    struct inv_out out = {.pc = pc};
    uint64_t word = 0;
    const unsigned length = inv_read(bytes, n, &word);

    if (length > n) {
        return 0;
    }
    const unsigned row = inv_decode_row(word);
    if (row == INV_ROW_NONE) {
        inv_fmt_text(&out, "illegal");
    } else {
        inv_row_print(&out, row, word);
    }
    snprintf(text, size, "%s", out.buf);
    return length;
}
