/* SPDX-License-Identifier: MIT */
/*
 * Text of A64 instructions, in the form that GNU objdump gives them, preferred aliases included.
 * The texts stand in a64.decode; here are the functions that they call by name.
 */
#ifndef CPU_ARM_A64_DISAS_H
#define CPU_ARM_A64_DISAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where an instruction is printed, and its address. */
struct a64_out {
    char *buf;
    size_t size, len; /* len < size, but for size 0 */
    uint64_t pc;
};

/*
 * Writes the instruction at pc to buf (always terminated; 80 bytes are enough) and returns true;
 * for an unallocated one writes ".inst 0x... ; undefined" and returns false. Any thread.
 */
bool a64_disas(uint32_t insn, uint64_t pc, char *buf, size_t size);

/* The name of a system register by its 16-bit key (op0 op1 CRn CRm op2), or NULL. */
const char *a64_sysreg_name(unsigned key, bool write);

/* The 64-bit value of a bitmask immediate that is valid. DDI 0487, DecodeBitMasks(). */
uint64_t a64_bitmask(unsigned sf, unsigned n, unsigned immr, unsigned imms);

/* The value of FMOV's 8-bit immediate as IEEE bits; esz is 1, 2 or 3. VFPExpandImm(). */
uint64_t a64_fp_imm(unsigned esz, unsigned imm);

/* AdvSIMDExpandImm(): the 64-bit pattern of a modified immediate, already inverted for MVNI and
 * BIC. */
uint64_t a64_simd_imm(unsigned op, unsigned cmode, unsigned imm);

/* The logarithm of the (narrower) element's bytes of a shift by immediate; imm is immh:immb >= 8.
 */
static inline unsigned a64_shift_esz(unsigned imm)
{
    return 28 - (unsigned)__builtin_clz(imm);
}

/* Conditions of rows. */

/* Is the bitmask immediate allocated? All ones in an element is not. */
static inline bool a64_fn_bitmask_valid(unsigned sf, unsigned n, unsigned imms)
{
    if (n) {
        return sf && imms != 63;
    }
    unsigned ones = 32; /* the element's size; its run is as long when the bits below are all set */
    while (ones > 1 && (imms & ones)) {
        ones /= 2;
    }
    return ones > 1 && (imms & (ones - 1)) != ones - 1;
}

/* Registers of CPY* and SET*: distinct, the updated ones not XZR; else UNDEFINED here. */
static inline bool a64_fn_cpy_valid(unsigned rd, unsigned rs, unsigned rn)
{
    return rd != rs && rs != rn && rd != rn && rd != 31 && rs != 31 && rn != 31;
}

static inline bool a64_fn_set_valid(unsigned rd, unsigned rs, unsigned rn)
{
    return rd != rs && rs != rn && rd != rn && rd != 31 && rn != 31;
}

/* Could MOVZ or MOVN make the bitmask immediate? Then ORR is not shown as MOV. */
bool a64_fn_move_wide(unsigned sf, unsigned n, unsigned immr, unsigned imms);

/* Parts of texts. r: a register; sf: 64 bits wide; esz: logarithm of the bytes; q: 128 bits. */

void a64_fmt_text(struct a64_out *out, const char *text);
void a64_fmt_dec(struct a64_out *out, int64_t v);
void a64_fmt_hex(struct a64_out *out, uint64_t v);

/* General registers: by width, 31 being the zero register or (sp) the stack pointer. */
void a64_fmt_x(struct a64_out *out, unsigned r);
void a64_fmt_w(struct a64_out *out, unsigned r);
void a64_fmt_r(struct a64_out *out, unsigned sf, unsigned r);
void a64_fmt_xsp(struct a64_out *out, unsigned r);
void a64_fmt_rsp(struct a64_out *out, unsigned sf, unsigned r);
void a64_fmt_pair(struct a64_out *out, unsigned sf, unsigned r);

/* Immediates. */
void a64_fmt_rel(struct a64_out *out, int64_t off);
void a64_fmt_page(struct a64_out *out, int64_t off);
void a64_fmt_aimm(struct a64_out *out, unsigned imm, unsigned sh);
void a64_fmt_bitmask(struct a64_out *out, unsigned sf, unsigned n, unsigned immr, unsigned imms);
void a64_fmt_wide(struct a64_out *out, unsigned imm, unsigned hw);
void a64_fmt_shifted(struct a64_out *out, unsigned imm, unsigned hw);
void a64_fmt_inverted(struct a64_out *out, unsigned sf, unsigned imm, unsigned hw);
void a64_fmt_insert(struct a64_out *out, unsigned sf, unsigned immr, unsigned imms);
void a64_fmt_extract(struct a64_out *out, unsigned immr, unsigned imms);

/* Operands and parts of mnemonics. */
void a64_fmt_shift(struct a64_out *out, unsigned sf, unsigned rm, unsigned shift, unsigned imm);
void a64_fmt_ext(struct a64_out *out, unsigned sf, unsigned rm, unsigned option, unsigned imm,
                 unsigned with_sp);
void a64_fmt_cond(struct a64_out *out, unsigned cond);
void a64_fmt_barrier(struct a64_out *out, unsigned crm);
void a64_fmt_pac(struct a64_out *out, unsigned auth, unsigned data, unsigned b);
void a64_fmt_pacz(struct a64_out *out, unsigned auth, unsigned data, unsigned b);
void a64_fmt_key(struct a64_out *out, unsigned b);
void a64_fmt_bh(struct a64_out *out, unsigned size);
void a64_fmt_bhw(struct a64_out *out, unsigned size);
void a64_fmt_bhwx(struct a64_out *out, unsigned size);
void a64_fmt_al(struct a64_out *out, unsigned a, unsigned r);
void a64_fmt_prfop(struct a64_out *out, unsigned op);
void a64_fmt_cpyopts(struct a64_out *out, unsigned opts);
void a64_fmt_setopts(struct a64_out *out, unsigned opts);
void a64_fmt_cpy(struct a64_out *out, unsigned rd, unsigned rs, unsigned rn);
void a64_fmt_set(struct a64_out *out, unsigned rd, unsigned rn, unsigned rs);

/* System registers and instructions. */
void a64_fmt_sysreg(struct a64_out *out, unsigned key, unsigned write);
void a64_fmt_sys(struct a64_out *out, unsigned op1, unsigned crn, unsigned crm, unsigned op2,
                 unsigned rt);
void a64_fmt_sysl(struct a64_out *out, unsigned op1, unsigned crn, unsigned crm, unsigned op2);

/* Addresses: base alone, with offset, pair and single with an index mode, register offset,
 * structures. */
void a64_fmt_mem(struct a64_out *out, unsigned rn);
void a64_fmt_memoff(struct a64_out *out, unsigned rn, int64_t off);
void a64_fmt_memidx(struct a64_out *out, unsigned idx, unsigned rn, int64_t off);
void a64_fmt_mempair(struct a64_out *out, unsigned idx, unsigned rn, int64_t off);
void a64_fmt_memreg(struct a64_out *out, unsigned rn, unsigned rm, unsigned option, unsigned s,
                    unsigned scale);
void a64_fmt_memstruct(struct a64_out *out, unsigned post, unsigned rn, unsigned rm,
                       unsigned bytes);

/* SIMD and floating-point registers: scalar, vector, lane, lists of them. */
void a64_fmt_fp(struct a64_out *out, unsigned esz, unsigned r);
void a64_fmt_v(struct a64_out *out, unsigned r, unsigned esz, unsigned q);
void a64_fmt_lane(struct a64_out *out, unsigned r, unsigned esz, unsigned index);
void a64_fmt_vlist(struct a64_out *out, unsigned r, unsigned regs, unsigned esz, unsigned q);
void a64_fmt_vlane(struct a64_out *out, unsigned r, unsigned regs, unsigned esz, unsigned index);

void a64_fmt_pairof(struct a64_out *out, unsigned r, unsigned esz);
void a64_fmt_halves(struct a64_out *out, unsigned r, unsigned q);
void a64_fmt_quad(struct a64_out *out, unsigned r, unsigned index);
void a64_fmt_two_h(struct a64_out *out, unsigned r, unsigned index);

/* SIMD and floating-point: parts of mnemonics, immediates. */
void a64_fmt_two(struct a64_out *out, unsigned q);
void a64_fmt_us(struct a64_out *out, unsigned u);
void a64_fmt_bt(struct a64_out *out, unsigned top);
void a64_fmt_e(struct a64_out *out, unsigned e);
void a64_fmt_zx(struct a64_out *out, unsigned x);
void a64_fmt_round(struct a64_out *out, unsigned mode);
void a64_fmt_fpimm(struct a64_out *out, unsigned imm);
void a64_fmt_vimm(struct a64_out *out, unsigned imm, unsigned shift);
void a64_fmt_movi(struct a64_out *out, unsigned q, unsigned op, unsigned cmode, unsigned imm,
                  unsigned rd);

/* Operands of shifts by immediate: vector and scalar, right and left, narrowing, widening. */
void a64_fmt_vshr(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q);
void a64_fmt_fshr(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm);
void a64_fmt_vshl(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q);
void a64_fmt_fshl(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm);
void a64_fmt_vshrn(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q);
void a64_fmt_fshrn(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm);
void a64_fmt_vshll(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q);
void a64_fmt_vxtl(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q);

#endif
