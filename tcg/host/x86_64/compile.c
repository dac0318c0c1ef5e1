/* SPDX-License-Identifier: MIT */
/*
 * Compiling one block: a forward pass that looks (alloc.c: prepare), and a backward pass that
 * allocates registers and emits at once. What nobody asked for by the time its definition is
 * reached is dead and costs nothing.
 *
 * Flags are asked for before they are produced: an op that needs a condition says which
 * (ops_flags.c), moves may be emitted meanwhile, and the next op that would disturb the flags has
 * them produced first, unless its own instruction is what does.
 */
#include "tcg/host/x86_64/compile.h"
#include "tcg/lower.h"
#include "tcg/opinfo.h"

const emitter emitters[IR_OP_COUNT] = {
    [IR_konst] = emit_konst,
    [IR_page] = emit_page,
    [IR_get] = emit_get,
    [IR_put] = emit_put,
    [IR_env_load] = emit_env,
    [IR_env_store] = emit_env,
    [IR_add] = emit_alu,
    [IR_sub] = emit_alu,
    [IR_and] = emit_alu,
    [IR_or] = emit_alu,
    [IR_xor] = emit_alu,
    [IR_andn] = emit_alu,
    [IR_mul] = emit_mul,
    [IR_umulh] = emit_mul,
    [IR_smulh] = emit_mul,
    [IR_udiv] = emit_div,
    [IR_sdiv] = emit_div,
    [IR_urem] = emit_div,
    [IR_srem] = emit_div,
    [IR_not] = emit_unary,
    [IR_neg] = emit_unary,
    [IR_bswap] = emit_unary,
    [IR_clz] = emit_bits,
    [IR_ctz] = emit_bits,
    [IR_popcnt] = emit_bits,
    [IR_shl] = emit_shift,
    [IR_shr] = emit_shift,
    [IR_sar] = emit_shift,
    [IR_rotr] = emit_shift,
    [IR_extr] = emit_field,
    [IR_ubfx] = emit_field,
    [IR_sbfx] = emit_field,
    [IR_dep] = emit_field,
    [IR_zext] = emit_extend,
    [IR_sext] = emit_extend,
    [IR_crc32c] = emit_crc,
    [IR_smin] = emit_minmax,
    [IR_smax] = emit_minmax,
    [IR_umin] = emit_minmax,
    [IR_umax] = emit_minmax,
    [IR_cmp] = emit_boolean,
    [IR_tst] = emit_boolean,
    [IR_flags_test] = emit_boolean,
    [IR_select] = emit_select,
    [IR_flags_add] = emit_flags,
    [IR_flags_sub] = emit_flags,
    [IR_flags_logic] = emit_flags,
    [IR_flags_adc] = emit_flags,
    [IR_flags_sbb] = emit_flags,
    [IR_flags_cmc] = emit_flags,
    [IR_flags_fcmp] = emit_flags,
    [IR_flags_from] = emit_flags,
    [IR_flags_bits] = emit_flags_bits,
    [IR_flags_select] = emit_flags_select,
    [IR_flags_shl] = emit_flags_moved,
    [IR_flags_shr] = emit_flags_moved,
    [IR_flags_sar] = emit_flags_moved,
    [IR_flags_rol] = emit_flags_moved,
    [IR_flags_ror] = emit_flags_moved,
    [IR_flags_rcl] = emit_flags_moved,
    [IR_flags_rcr] = emit_flags_moved,
    [IR_rcl] = emit_rotate_carry,
    [IR_rcr] = emit_rotate_carry,
    [IR_flags_with] = emit_flags_with,
    [IR_udivw] = emit_wide_divide,
    [IR_uremw] = emit_wide_divide,
    [IR_udivw_over] = emit_wide_divide,
    [IR_sdivw] = emit_wide_divide,
    [IR_sremw] = emit_wide_divide,
    [IR_sdivw_over] = emit_wide_divide,
    [IR_adc] = emit_carry_op,
    [IR_sbb] = emit_carry_op,
    [IR_load] = emit_load,
    [IR_store] = emit_store,
    [IR_load_excl] = emit_atomic,
    [IR_store_excl] = emit_atomic,
    [IR_atomic] = emit_atomic,
    [IR_cas] = emit_atomic,
    [IR_barrier] = emit_barrier,
    [IR_call] = emit_call,
    [IR_guard] = emit_guard,
    [IR_brcond] = emit_brcond,
    [IR_br] = emit_end,
    [IR_brcall] = emit_end,
    [IR_jump] = emit_end,
    [IR_jumpcall] = emit_end,
    [IR_ret] = emit_end,
    [IR_tail] = emit_end,
    [IR_abs] = emit_vector_misc,
    [IR_shli] = emit_vector_shift,
    [IR_shri] = emit_vector_shift,
    [IR_sari] = emit_vector_shift,
    [IR_vcmp] = emit_vector_compare,
    [IR_vtst] = emit_vector_compare,
    [IR_bsel] = emit_vector_misc,
    [IR_vext] = emit_vector_shuffle,
    [IR_vzip1] = emit_vector_shuffle,
    [IR_vzip2] = emit_vector_shuffle,
    [IR_vuzp1] = emit_vector_shuffle,
    [IR_vuzp2] = emit_vector_shuffle,
    [IR_vtrn1] = emit_vector_shuffle,
    [IR_vtrn2] = emit_vector_shuffle,
    [IR_vrev] = emit_vector_shuffle,
    [IR_vtbl] = emit_vector_shuffle,
    [IR_vpadd] = emit_vector_misc,
    [IR_vaddv] = emit_vector_misc,
    [IR_vsxtl] = emit_vector_misc,
    [IR_vsxth] = emit_vector_misc,
    [IR_vuxtl] = emit_vector_misc,
    [IR_vuxth] = emit_vector_misc,
    [IR_vxtn] = emit_vector_misc,
    [IR_ssadd] = emit_vector_saturating,
    [IR_usadd] = emit_vector_saturating,
    [IR_sssub] = emit_vector_saturating,
    [IR_ussub] = emit_vector_saturating,
    [IR_urhadd] = emit_vector_halving,
    [IR_srhadd] = emit_vector_halving,
    [IR_shadd] = emit_vector_halving,
    [IR_uhadd] = emit_vector_halving,
    [IR_shsub] = emit_vector_halving,
    [IR_uhsub] = emit_vector_halving,
    [IR_vsminv] = emit_vector_extreme,
    [IR_vsmaxv] = emit_vector_extreme,
    [IR_vuminv] = emit_vector_extreme,
    [IR_vumaxv] = emit_vector_extreme,
    [IR_vsdot] = emit_vector_dot,
    [IR_vudot] = emit_vector_dot,
    [IR_vusdot] = emit_vector_dot,
    [IR_vsmule] = emit_vector,
    [IR_vumule] = emit_vector,
    [IR_vsmulhi] = emit_vector,
    [IR_vumulhi] = emit_vector,
    [IR_vsmulr] = emit_vector,
    [IR_vsmadd] = emit_vector,
    [IR_vusmadd] = emit_vector,
    [IR_vsad] = emit_vector,
    [IR_vspack] = emit_vector,
    [IR_vupack] = emit_vector,
    [IR_vpick] = emit_vector_pick,
    [IR_rbit] = emit_rbit,
    [IR_fmin] = emit_fp_minmax,
    [IR_fmax] = emit_fp_minmax,
    [IR_fminnm] = emit_fp_minmax,
    [IR_fmaxnm] = emit_fp_minmax,
    [IR_frint] = emit_frint,
    [IR_sha1_c] = emit_sha1,
    [IR_sha1_p] = emit_sha1,
    [IR_sha1_m] = emit_sha1,
    [IR_sha1_su0] = emit_sha1,
    [IR_sha1_su1] = emit_sha1,
    [IR_vsaddlp] = emit_vector_neighbours,
    [IR_vuaddlp] = emit_vector_neighbours,
    [IR_sdmulh] = emit_vector_doubled,
    [IR_srdmulh] = emit_vector_doubled,
    [IR_sabd] = emit_vector_misc,
    [IR_uabd] = emit_vector_misc,
    [IR_vsmull] = emit_vector_misc,
    [IR_vsmulh] = emit_vector_misc,
    [IR_vumull] = emit_vector_misc,
    [IR_vumulh] = emit_vector_misc,
    [IR_aes_enc] = emit_crypto,
    [IR_aes_dec] = emit_crypto,
    [IR_aes_mc] = emit_crypto,
    [IR_aes_imc] = emit_crypto,
    [IR_pmull64] = emit_crypto,
    [IR_vdup_lane] = emit_vdup_lane,
    [IR_vsqxtn] = emit_vector_saturate,
    [IR_vuqxtn] = emit_vector_saturate,
    [IR_vsqxtun] = emit_vector_saturate,
    [IR_vfcmp] = emit_vfcmp,
    [IR_vftoi] = emit_vector_convert,
    [IR_vitof] = emit_vector_convert,
    [IR_sha256_h] = emit_sha256,
    [IR_sha256_h2] = emit_sha256,
    [IR_sha256_su0] = emit_sha256,
    [IR_sha256_su1] = emit_sha256,
    [IR_vpart] = emit_wide,
    [IR_vkonst] = emit_vector_move,
    [IR_vdup] = emit_vector_move,
    [IR_vget] = emit_vector_move,
    [IR_vset] = emit_vector_move,
    [IR_vzext] = emit_vector_move,
    [IR_vsigns] = emit_vector_move,
    [IR_vlow64] = emit_vector_move,
    [IR_fmov_to_int] = emit_vector_move,
    [IR_fmov_to_fp] = emit_vector_move,
    [IR_fadd] = emit_vector_fp,
    [IR_fsub] = emit_vector_fp,
    [IR_fmul] = emit_vector_fp,
    [IR_fdiv] = emit_vector_fp,
    [IR_fsqrt] = emit_vector_fp,
    [IR_fma] = emit_vector_fp,
    [IR_fabs] = emit_fsign,
    [IR_fneg] = emit_fsign,
    [IR_crc32] = emit_crc,
    [IR_sshl] = emit_vector_variable_shift,
    [IR_ushl] = emit_vector_variable_shift,
    [IR_fcmp] = emit_fcmp,
    [IR_fdaz] = emit_fdaz,
    [IR_fcvt] = emit_fp_convert,
    [IR_itof] = emit_fp_convert,
    [IR_ftoi] = emit_fp_convert,
};

/* Ops that have effects beside their value are emitted even if nobody uses it. */
static bool has_effect(const struct ir_insn *in)
{
    const unsigned effects = IR_WRITES_STATE | IR_LOADS | IR_STORES | IR_MAY_EXIT | IR_ENDS |
                             IR_STICKY;

    if (in->op == IR_call) {
        return !((const struct ir_call *)(uintptr_t)in->imm)->pure;
    }
    return ir_ops[in->op].effects & effects || in->op == IR_brcond;
}

/* Ops whose code leaves the flags alone, or that deal with pending flags themselves. */
static const bool flags_kept[IR_OP_COUNT] = {
    [IR_insn] = true,     [IR_put] = true,       [IR_get] = true,  [IR_konst] = true,
    [IR_env_load] = true, [IR_env_store] = true, [IR_zext] = true, [IR_sext] = true,
    [IR_add] = true,      [IR_sub] = true,       [IR_and] = true,  [IR_or] = true,
    [IR_xor] = true,      [IR_adc] = true,       [IR_sbb] = true,  [IR_brcond] = true,
    [IR_page] = true,
};

bool keeps_flags(const struct compiler *c, const struct ir_insn *in)
{
    const bool mulx = (in->op == IR_mul || in->op == IR_umulh) && in->type == T_I64 && c->h->bmi2;

    return flags_kept[in->op] || mulx;
}

/* An op whose value the pending flags are made of must not pass for dead: they are produced behind
 * it, now. */
static void settle_flags(struct compiler *c, const struct ir_insn *in)
{
    struct pending *p = &c->pending;
    const bool alu = in->op == IR_add || in->op == IR_sub || in->op == IR_and || in->op == IR_or ||
                     in->op == IR_xor;

    if (!flags_need(c, c->i)) {
        return;
    }
    if (p->kind == FLAGS_TEST && alu && p->a == c->i && p->b == c->i && p->type == in->type &&
        (in->type == T_I32 || in->type == T_I64)) {
        if (in->op == IR_and && !wanted(c)) {
            p->a = value(c, in->a); /* nobody but the test wants the value */
            p->b = value(c, in->b);
            return;
        }
        if (p->only_zs || (in->op != IR_add && in->op != IR_sub)) {
            use(c, c->i, 0);
            return;
        }
    }
    flush_flags(c);
}

static void compile_op(struct compiler *c, const struct ir_insn *in)
{
    if (c->pending.kind) {
        c->locked[0] = c->locked[1] = 0;
        settle_flags(c, in);
    }
    if (c->reg[c->i] < 0 && !c->spill[c->i] && (!has_effect(in) || c->fused[c->i])) {
        return; /* nobody wants it */
    }
    c->locked[0] = c->locked[1] = 0;
    if (c->pending.kind && !keeps_flags(c, in)) {
        flush_flags(c);
        c->locked[0] = c->locked[1] = 0;
    }
    if (c->h->native_fp && ir_ops[in->op].effects & IR_STICKY) {
        emit_fp_native(c, in);
    } else if (c->h->wide && ir_is_wide(in->type)) {
        emit_wide(c, in);
    } else if (emitters[in->op]) {
        emitters[in->op](c, in);
    } else {
        fallback(c, in);
    }
}

/* Counted mode: before anything has happened, the block's instructions are taken from what the
 * slice has left. */
static void count_down(struct compiler *c)
{
    struct assembler *as = &c->as;

    as->to_cold = true;
    const uint32_t path = as->cold;
    tell_aux(c, RAX, c->b->aux);
    load_pc(c, RAX, c->b->pc);
    x_mov_imm(as, RCX, c->b->guest_insns);
    x_jmp(as, c->h->stubs.counted);
    as->to_cold = false;
    x_alu_imm(as, ALU_ADD, true, at(STATE, ENV(c->h, entries)), 1);
    x_jcc(as, CC_S, path);
    x_alu_imm(as, ALU_SUB, true, at(STATE, HOT(c->h, countdown)), (int32_t)c->b->guest_insns);
}

/* The loop's head is known now. */
static void aim_loop(struct compiler *c)
{
    const uint32_t rel = c->as.hot - (c->loop_patch + 4);

    memcpy(c->as.rw + c->loop_patch, &rel, sizeof(rel));
}

#define ROOM 65536u /* bytes that one block may need at most, checked as it goes */

bool host_compile(struct compiler *c, struct ir_builder *b, struct block *blk)
{
    struct host *h = c->h;
    struct segment *g = c->g;

    if (!g) {
        return false;
    }
    if (c->lowering && ir_must_lower(c->lowering, b)) {
        b = ir_lower(c->lowering, b);
    }
    c->b = b;
    c->blk = blk;
    c->insns = b->insns;
    c->count = b->count;
    c->as = (struct assembler){
        .rw = h->rw, .hot = g->hot_start, .cold = g->cold_start, .vex = h->wide};
    c->full = g->hot_start - g->cold_start < 4 * ROOM || g->link_count + 4 > g->link_end ||
              g->site_count + b->count > g->site_end || g->map_count + b->count * 32 > g->map_end;
    if (c->full) {
        return false;
    }
    segment_make_room_resident(h, g);
    c->pending.kind = FLAGS_NONE;
    prepare(c);
    c->insns_left = 1;
    c->next_exit = 0;
    for (c->i = c->count - 1; c->i > 0 && !c->full; c->i--) {
        const struct ir_insn *in = &c->insns[c->i];
        if (in->op == IR_insn) {
            c->insns_left++;
            c->full |= c->as.hot - c->as.cold < ROOM;
        } else if (c->alias[c->i] == c->i) {
            compile_op(c, in);
        }
    }
    if (c->full) {
        reset_values(c);
        return false;
    }
    if (c->pending.kind) {
        flush_flags(c);
    }
    block_start(c);
    if (c->loops) {
        aim_loop(c);
        loop_enter(c);
    }
    if (h->config.counted) {
        count_down(c);
    }
    if (b->second_id) {
        check_second_page(c);
    }
    blk->inner = h->rx + c->as.hot;
    block_entry(c);
    blk->entry = h->rx + c->as.hot;
    blk->code_bytes = g->hot_start - c->as.hot;
    g->hot_start = c->as.hot;
    g->cold_start = c->as.cold;
    return true;
}
