/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * The ops of the intermediate representation, one row each. This is the only list: the enum, the
 * builder's functions, the printer, the parser, the verifier, the folder, the reference interpreter
 * and docs/ir.md derive from it.
 *
 *   OP(name, SHAPE, EFFECTS, evaluator)
 *
 * SHAPE: operands, and what builds it; see the list below.
 *
 * EFFECTS:
 *   PURE           same operands, same value; may be dropped, merged, folded
 *   READS_FPENV    depends on the dynamic rounding mode
 *   STICKY         sets cumulative floating-point flags: never dropped, but merged with an equal op
 *   READS_STATE, WRITES_STATE, LOADS, STORES
 *                  what it touches
 *   MAY_EXIT       the guest instruction may fault here: the state before it must be recoverable
 *   ENDS           terminates the block
 *   COMMUTES       a and b may be exchanged
 *   LIFTS          with a vector type it works lane by lane
 *   SOURCE         src, the type of an operand, is part of the instruction (as of CVT and CVTI)
 *   SHIFT, ROTATE  the flags of a moved by b; of rotations some of c's stay
 *
 * Evaluator: for scalar integers an expression over the uint64_t operands a, b, c (zero-extended to
 * 64 bits from the type's width), the width w in bits, and sx(x) = x sign-extended from w bits; the
 * result is cut to w bits. Or EV(function): a named function in tcg/eval_*.c,
 * void function(struct ir_eval *, union ir_vec *d, const union ir_vec *a, b, c).
 * NOEVAL: the interpreter's main loop does it.
 *
 * Semantics are total: shift counts past the width give 0 (sar: copies of the sign), division by
 * zero gives 0, INT_MIN / -1 gives INT_MIN (remainder 0). The guest emits its own checks where its
 * manual says otherwise.
 *
 * FLAGS values. One value holds N, Z, C, V (and the x86 guests' AF and PF): in memory and in
 * registers 16 bits, bit 15 N (sign), bit 14 Z, bit 12 AF, bit 10 PF, bit 8 C, bit 0 V (overflow);
 * bits 1-7 are 0, the others undefined. C is the carry out of an addition and the *borrow* of a
 * subtraction. A guest whose carry means "no borrow" (Arm) keeps its architectural flags with C
 * complemented, and uses flags_cmc after additions and logic, never after subtractions.
 *
 * Conditions (aux of cmp and flags_test, enum ir_cond) are numbered so that c ^ 1 is the negation.
 * fcmp takes a set of relations (enum ir_relation) in aux, of which exactly one holds for two
 * floating-point operands.
 *
 * Floating point: the sticky flags accumulate in the vCPU's environment; the constants of the
 * environment (flush to zero, default NaN, …) are the IR_FP_ bits in imm, from the mode key. The
 * rounding mode is dynamic unless aux says otherwise. The NaN rules come from the guest (struct
 * fp_rules of the builder).
 */
#ifndef OP
#error "define OP(name, shape, effects, evaluator) before including tcg/ops.h"
#endif

/*
 * Shapes (result type is `type` of the instruction):
 *   NUL      no operands                          UN       a
 *   BIN      a, b                                 TRI      a, b, c
 *   UNI      a, aux (a small constant)            BINI     a, b, aux
 *   TRII     a, b, c, aux
 *   CVT      a of type src                        CVTI     a of type src, aux
 *   CONST    imm                                  GET/PUT  register row in aux
 *   ENV      field offset in aux                  MEM      base, index, value; see ir.h
 *   CALLS    row in imm, up to three operands     PC/END   control
 */

/* ---- constants and guest state */
OP(konst, CONST, PURE, imm)              /* scalar integer */
OP(vkonst, CONST, PURE, EV(eval_vkonst)) /* imm repeated */
/* an address: imm (32 bits, signed) bytes behind the start of the page where the block, a movable
 * one, runs */
OP(page, CONST, PURE, NOEVAL)
OP(get, GET, READS_STATE, NOEVAL)        /* register row */
OP(put, PUT, WRITES_STATE | SOURCE, NOEVAL)
/* state that is no register row: aux is the offset in the CPU struct */
OP(env_load, ENV, READS_STATE, NOEVAL)
OP(env_store, ENV, WRITES_STATE | SOURCE, NOEVAL)

/* ---- integers, scalar and by lane */
OP(add, BIN, PURE | COMMUTES | LIFTS, a + b)
OP(sub, BIN, PURE | LIFTS, a - b)
OP(mul, BIN, PURE | COMMUTES | LIFTS, a * b)
OP(umulh, BIN, PURE | COMMUTES, eval_umulh(a, b, w))
OP(smulh, BIN, PURE | COMMUTES, eval_smulh(a, b, w))
OP(udiv, BIN, PURE, b ? a / b : 0)
OP(sdiv, BIN, PURE, eval_sdiv(sx(a), sx(b)))
OP(urem, BIN, PURE, b ? a % b : 0)
OP(srem, BIN, PURE, eval_srem(sx(a), sx(b)))
/* a:b divided by c, a the upper half; 0 where the quotient does not fit or c is 0, which _over says */
OP(udivw, TRI, PURE, eval_wide_div(a, b, c, w).quotient)
OP(uremw, TRI, PURE, eval_wide_div(a, b, c, w).remainder)
OP(udivw_over, TRI, PURE | SOURCE, eval_wide_div(a, b, c, src_bits).over) /* I32 boolean */
OP(sdivw, TRI, PURE, eval_wide_sdiv(a, b, c, w).quotient)
OP(sremw, TRI, PURE, eval_wide_sdiv(a, b, c, w).remainder)
OP(sdivw_over, TRI, PURE | SOURCE, eval_wide_sdiv(a, b, c, src_bits).over)
OP(and, BIN, PURE | COMMUTES | LIFTS, a & b)
OP(or, BIN, PURE | COMMUTES | LIFTS, a | b)
OP(xor, BIN, PURE | COMMUTES | LIFTS, a ^ b)
OP(andn, BIN, PURE | LIFTS, a & ~b)
OP(not, UN, PURE | LIFTS, ~a)
OP(neg, UN, PURE | LIFTS, 0 - a)
OP(abs, UN, PURE | LIFTS, (int64_t)sx(a) < 0 ? 0 - a : a)
OP(shl, BIN, PURE | LIFTS, b >= w ? 0 : a << b)
OP(shr, BIN, PURE | LIFTS, b >= w ? 0 : a >> b)
OP(sar, BIN, PURE | LIFTS, (uint64_t)((int64_t)sx(a) >> (b >= w ? w - 1 : b)))
OP(rotr, BIN, PURE | LIFTS, eval_rotr(a, b % w, w))
OP(shli, UNI, PURE | LIFTS, aux >= w ? 0 : a << aux) /* vectors: by a constant */
OP(shri, UNI, PURE | LIFTS, aux >= w ? 0 : a >> aux)
OP(sari, UNI, PURE | LIFTS, (uint64_t)((int64_t)sx(a) >> (aux >= w ? w - 1 : aux)))
/* bits [aux, aux + w) of a:b */
OP(extr, BINI, PURE, aux ? (aux >= w ? a : b >> aux | a << (w - aux)) : b)
OP(smin, BIN, PURE | COMMUTES | LIFTS, (int64_t)sx(a) < (int64_t)sx(b) ? a : b)
OP(smax, BIN, PURE | COMMUTES | LIFTS, (int64_t)sx(a) > (int64_t)sx(b) ? a : b)
OP(umin, BIN, PURE | COMMUTES | LIFTS, a < b ? a : b)
OP(umax, BIN, PURE | COMMUTES | LIFTS, a > b ? a : b)
OP(clz, UN, PURE | LIFTS, eval_clz(a, w)) /* w for 0 */
OP(ctz, UN, PURE | LIFTS, eval_ctz(a, w))
OP(popcnt, UN, PURE | LIFTS, (uint64_t)__builtin_popcountll(a))
OP(bswap, UN, PURE | LIFTS, eval_bswap(a, w)) /* bytes of each lane */
OP(rbit, UN, PURE | LIFTS, eval_rbit(a, w))   /* bits of each lane */
OP(zext, CVT, PURE, a)
OP(sext, CVT, PURE, eval_sext(a, src_bits))
OP(trunc, CVT, PURE, a)
OP(ubfx, UNI, PURE, eval_ubfx(a, aux & 255, aux >> 8)) /* aux = position | length << 8 */
OP(sbfx, UNI, PURE, eval_sbfx(a, aux & 255, aux >> 8))
OP(dep, BINI, PURE, eval_dep(a, b, aux & 255, aux >> 8)) /* low bits of b into a */
/* CRC-32 (0x04c11db7, reflected) of a with aux bytes of b; no inversion */
OP(crc32, BINI, PURE, eval_crc32(a, b, aux))
OP(crc32c, BINI, PURE, eval_crc32c(a, b, aux)) /* Castagnoli */

/* ---- comparisons, selection: booleans are I32 values 0 and 1 */
/* scalars of type src: I32 boolean of a <aux> b; enum ir_cond without MI.. VC */
OP(cmp, BINI, PURE | SOURCE, NOEVAL)
OP(tst, BINI, PURE | SOURCE, NOEVAL)                   /* as cmp of (a & b) with 0: EQ, NE, MI, PL */
OP(select, TRI, PURE, NOEVAL)                 /* a (boolean) ? b : c, any type */
OP(vcmp, BINI, PURE, EV(eval_vcmp))           /* lanes: all ones where a <aux> b holds */
OP(vtst, BIN, PURE | COMMUTES, EV(eval_vtst)) /* lanes: all ones where a & b is not 0 */
OP(bsel, TRI, PURE, EV(eval_bsel))            /* bits: a ? b : c */

/* ---- condition flags; type is FLAGS, the width of the operands is src */
OP(flags_add, BIN, PURE | COMMUTES | SOURCE, NOEVAL)
OP(flags_sub, BIN, PURE | SOURCE, NOEVAL)
OP(flags_logic, UN, PURE | SOURCE, NOEVAL) /* N and Z of a; C = V = 0 */
OP(flags_adc, TRI, PURE | SOURCE, NOEVAL)  /* a + b + C of c */
OP(flags_sbb, TRI, PURE | SOURCE, NOEVAL)  /* a - b - C of c */
OP(adc, TRI, PURE, NOEVAL)        /* c is a FLAGS value */
OP(sbb, TRI, PURE, NOEVAL)
/*
 * Of a, shifted or rotated by b as x86 does: b counts modulo 64 for 64 bits, else modulo 32, and if
 * that is 0 the flags are those of c. C is the last bit that left. V says whether the sign changed
 * (shl, rotations: by 1 only; shr: it was the sign), and is 0 where more than one bit moved.
 * Rotations keep the other flags; with rcl and rcr C is part of what rotates.
 */
OP(flags_shl, TRI, PURE | SOURCE | SHIFT, NOEVAL)
OP(flags_shr, TRI, PURE | SOURCE | SHIFT, NOEVAL)
OP(flags_sar, TRI, PURE | SOURCE | SHIFT, NOEVAL)
OP(flags_rol, TRI, PURE | SOURCE | ROTATE, NOEVAL)
OP(flags_ror, TRI, PURE | SOURCE | ROTATE, NOEVAL)
OP(flags_rcl, TRI, PURE | SOURCE | ROTATE, NOEVAL)
OP(flags_rcr, TRI, PURE | SOURCE | ROTATE, NOEVAL)
OP(rcl, TRI, PURE, NOEVAL) /* the rotated value; c is a FLAGS value */
OP(rcr, TRI, PURE, NOEVAL)
OP(flags_with, BINI, PURE, NOEVAL)   /* a with the bits in aux of b */
OP(flags_cmc, UN, PURE, NOEVAL)      /* complements C */
/* Arm's encoding with C complemented: lt N C; eq Z; gt none; unordered V; aux bit 0: signalling;
 * bit 1: x86's encoding: lt C; eq Z; gt none; unordered Z, P and C */
OP(flags_fcmp, BINI, STICKY | SOURCE, NOEVAL)
OP(flags_from, UN, PURE | SOURCE, NOEVAL)     /* from the low 16 bits of an I32 in the layout above */
OP(flags_bits, UN, PURE | SOURCE, NOEVAL)     /* to an I32; bits without a meaning are 0 */
OP(flags_test, UNI, PURE | SOURCE, NOEVAL)    /* I32 boolean of condition aux */
OP(flags_select, TRI, PURE, NOEVAL)  /* a (boolean) ? b : c, FLAGS */

/*
 * ---- vectors. An op on a wide vector (more than 128 bits) is the op on each 16 bytes of its
 * operands, or parts, by itself, but for vkonst, vdup, vget, vset, vzext, select and the three here.
 */
OP(vpart, CVTI, PURE, EV(eval_vpart))   /* part aux of a wide vector */
OP(vwith, BINI, PURE, EV(eval_vwith))   /* a wide vector with part aux replaced by b */
OP(vwiden, CVT, PURE, EV(eval_vwiden))  /* the lowest part, the rest 0 */
OP(vdup, CVT, PURE, EV(eval_vdup)) /* a scalar (integer or floating point) into every lane */
OP(vdup_lane, UNI, PURE, EV(eval_vdup_lane))
OP(vget, UNI, PURE, EV(eval_vget))    /* lane aux as a scalar; type is the lane's */
OP(vset, BINI, PURE, EV(eval_vset))   /* a with lane aux replaced by the scalar b */
OP(vzext, CVT, PURE, EV(eval_vzext))  /* a scalar in lane 0 (of src), the rest 0 */
/* I32: bit n is the sign bit of lane n of 128 bits; lanes have 1 << aux bytes */
OP(vsigns, UNI, PURE, EV(eval_vsigns))
OP(vlow64, UN, PURE, EV(eval_vlow64)) /* upper 64 bits cleared */
OP(vext, BINI, PURE, EV(eval_vext))   /* bytes [aux, aux + 16) of b:a (a is lower) */
OP(vzip1, BIN, PURE, EV(eval_vzip1))  /* a0 b0 a1 b1 … of the low halves */
OP(vzip2, BIN, PURE, EV(eval_vzip2))
OP(vuzp1, BIN, PURE, EV(eval_vuzp1)) /* even lanes of a, then of b */
OP(vuzp2, BIN, PURE, EV(eval_vuzp2))
OP(vtrn1, BIN, PURE, EV(eval_vtrn1)) /* a0 b0 a2 b2 … */
OP(vtrn2, BIN, PURE, EV(eval_vtrn2))
OP(vrev, UNI, PURE, EV(eval_vrev))   /* reverses the lanes within groups of aux bits */
OP(vtbl, BIN, PURE, EV(eval_vtbl))   /* bytes of a picked by the bytes of b; 0 where b >= 16 */
OP(vpadd, BIN, PURE, EV(eval_vpadd)) /* sums of neighbours of a, then of b */
/* sums of neighbours of half the width, signed, in this type's lanes */
OP(vsaddlp, UN, PURE, EV(eval_vsaddlp))
OP(vuaddlp, UN, PURE, EV(eval_vuaddlp))
OP(vaddv, UN, PURE, EV(eval_vaddv))  /* sum of all lanes, in lane 0, the rest 0 */
OP(vsminv, UN, PURE, EV(eval_vsminv))
OP(vsmaxv, UN, PURE, EV(eval_vsmaxv))
OP(vuminv, UN, PURE, EV(eval_vuminv))
OP(vumaxv, UN, PURE, EV(eval_vumaxv))
OP(vsxtl, UN, PURE, EV(eval_vsxtl)) /* low half lanes sign-extended to this type's lanes */
OP(vsxth, UN, PURE, EV(eval_vsxth))
OP(vuxtl, UN, PURE, EV(eval_vuxtl))
OP(vuxth, UN, PURE, EV(eval_vuxth))
/* low halves of the double-width lanes of a, in the low 64 bits, rest 0 */
OP(vxtn, UN, PURE, EV(eval_vxtn))
OP(vsqxtn, UN, PURE, EV(eval_vsqxtn)) /* signed to signed, saturating */
OP(vuqxtn, UN, PURE, EV(eval_vuqxtn))
OP(vsqxtun, UN, PURE, EV(eval_vsqxtun)) /* signed to unsigned */
/* saturating; the guest finds out by comparing with add */
OP(ssadd, BIN, PURE | COMMUTES | LIFTS, EV(eval_ssadd))
OP(usadd, BIN, PURE | COMMUTES | LIFTS, EV(eval_usadd))
OP(sssub, BIN, PURE | LIFTS, EV(eval_sssub))
OP(ussub, BIN, PURE | LIFTS, EV(eval_ussub))
OP(shadd, BIN, PURE | COMMUTES | LIFTS, EV(eval_shadd)) /* halving, without loss of the carry */
OP(uhadd, BIN, PURE | COMMUTES | LIFTS, EV(eval_uhadd))
OP(srhadd, BIN, PURE | COMMUTES | LIFTS, EV(eval_srhadd)) /* and rounding up */
OP(urhadd, BIN, PURE | COMMUTES | LIFTS, EV(eval_urhadd))
OP(shsub, BIN, PURE | LIFTS, EV(eval_shsub))
OP(uhsub, BIN, PURE | LIFTS, EV(eval_uhsub))
/* high half of the doubled product, saturating */
OP(sdmulh, BIN, PURE | COMMUTES | LIFTS, EV(eval_sdmulh))
OP(srdmulh, BIN, PURE | COMMUTES | LIFTS, EV(eval_srdmulh)) /* and rounded */
OP(sabd, BIN, PURE | COMMUTES | LIFTS, EV(eval_sabd)) /* absolute difference */
OP(uabd, BIN, PURE | COMMUTES | LIFTS, EV(eval_uabd))
/* by the signed low byte of each lane of b; right when negative */
OP(sshl, BIN, PURE | LIFTS, EV(eval_sshl))
OP(ushl, BIN, PURE | LIFTS, EV(eval_ushl))
/* low half lanes multiplied to this type's lanes */
OP(vsmull, BIN, PURE | COMMUTES, EV(eval_vsmull))
OP(vsmulh, BIN, PURE | COMMUTES, EV(eval_vsmulh)) /* high half lanes */
OP(vumull, BIN, PURE | COMMUTES, EV(eval_vumull))
OP(vumulh, BIN, PURE | COMMUTES, EV(eval_vumulh))
/* a (I32 lanes) + sums of four products of signed bytes of b and c */
OP(vsdot, TRI, PURE, EV(eval_vsdot))
OP(vudot, TRI, PURE, EV(eval_vudot))
OP(vusdot, TRI, PURE, EV(eval_vusdot))          /* b unsigned, c signed */
/* products of the low halves of lanes of 64 bits; the high half of those of 16 bits */
OP(vsmule, BIN, PURE | COMMUTES, EV(eval_vsmule))
OP(vumule, BIN, PURE | COMMUTES, EV(eval_vumule))
OP(vsmulhi, BIN, PURE | COMMUTES, EV(eval_vsmulhi))
OP(vumulhi, BIN, PURE | COMMUTES, EV(eval_vumulhi))
/* ... of 16 bits with 15 of fraction, rounded; it wraps around */
OP(vsmulr, BIN, PURE | COMMUTES, EV(eval_vsmulr))
/* sums of two products of signed 16 bits, in lanes of 32 */
OP(vsmadd, BIN, PURE | COMMUTES, EV(eval_vsmadd))
/* ... of unsigned bytes of a and signed ones of b, in lanes of 16, saturated */
OP(vusmadd, BIN, PURE, EV(eval_vusmadd))
/* sums of eight absolute differences of bytes, in lanes of 64 */
OP(vsad, BIN, PURE | COMMUTES, EV(eval_vsad))
/* signed lanes of twice the bits of a, then of b, saturated: signed, unsigned */
OP(vspack, BIN, PURE, EV(eval_vspack))
OP(vupack, BIN, PURE, EV(eval_vupack))
/* lane n of 32 bits is lane (aux >> 2 * n & 3) of a */
OP(vpick, UNI, PURE, EV(eval_vpick))
OP(pmul8, BIN, PURE | COMMUTES, EV(eval_pmul8)) /* carry-less, low byte of each product */
/* aux 0: low halves, 1: high halves; 16-bit lanes */
OP(pmull8, BINI, PURE | COMMUTES, EV(eval_pmull8))
OP(pmull64, BINI, PURE, EV(eval_pmull64)) /* aux bit 0: half of a, bit 1: half of b */
OP(aes_enc, UN, PURE, EV(eval_aes_enc))   /* ShiftRows, SubBytes */
OP(aes_dec, UN, PURE, EV(eval_aes_dec))   /* their inverses */
OP(aes_mc, UN, PURE, EV(eval_aes_mc))     /* MixColumns */
OP(aes_imc, UN, PURE, EV(eval_aes_imc))
OP(sha256_h, TRI, PURE, EV(eval_sha256_h))   /* SHA256H: abcd in a, efgh in b, W + K in c */
OP(sha256_h2, TRI, PURE, EV(eval_sha256_h2)) /* SHA256H2: efgh in a, abcd in b */
OP(sha256_su0, BIN, PURE, EV(eval_sha256_su0))
OP(sha256_su1, TRI, PURE, EV(eval_sha256_su1))
OP(sha1_c, TRI, PURE, EV(eval_sha1_c)) /* abcd, e (lane 0), W + K: four rounds; also _p, _m */
OP(sha1_p, TRI, PURE, EV(eval_sha1_p))
OP(sha1_m, TRI, PURE, EV(eval_sha1_m))
OP(sha1_su0, TRI, PURE, EV(eval_sha1_su0))
OP(sha1_su1, BIN, PURE, EV(eval_sha1_su1))

/* ---- floating point, scalar and by lane; imm holds the IR_FP_ bits */
OP(fadd, BIN, READS_FPENV | STICKY | LIFTS, EV(eval_fadd))
OP(fsub, BIN, READS_FPENV | STICKY | LIFTS, EV(eval_fsub))
OP(fmul, BIN, READS_FPENV | STICKY | LIFTS, EV(eval_fmul))
/* 0 times infinity is 2 */
OP(fmul_extended, BIN, READS_FPENV | STICKY | LIFTS, EV(eval_fmul_extended))
OP(fdiv, BIN, READS_FPENV | STICKY | LIFTS, EV(eval_fdiv))
OP(fsqrt, UN, READS_FPENV | STICKY | LIFTS, EV(eval_fsqrt))
/* a * b + c; aux bit 0 negates the product, bit 1 the addend */
OP(fma, TRII, READS_FPENV | STICKY | LIFTS, EV(eval_fma))
OP(fmin, BIN, STICKY | LIFTS, EV(eval_fmin)) /* Arm FMIN: NaN if either is, -0 < +0 */
OP(fmax, BIN, STICKY | LIFTS, EV(eval_fmax))
OP(fminnm, BIN, STICKY | LIFTS, EV(eval_fminnm)) /* IEEE 754-2008 minNum */
OP(fmaxnm, BIN, STICKY | LIFTS, EV(eval_fmaxnm))
/* What reading an operand does: a denormal is as the IR_FP_ bits say a zero of its sign, and flagged; a
 * signalling NaN is flagged and becomes quiet. */
OP(fdaz, UN, STICKY | LIFTS, EV(eval_fdaz))
OP(fabs, UN, PURE | LIFTS, EV(eval_fabs)) /* sign bits only */
OP(fneg, UN, PURE | LIFTS, EV(eval_fneg))
/* operands of scalar type src: I32 boolean; aux: relations | IR_FCMP_SIGNALLING */
OP(fcmp, BINI, STICKY | SOURCE, EV(eval_fcmp))
OP(vfcmp, BINI, STICKY, EV(eval_vfcmp))                      /* lanes: all ones where it holds */
OP(fcvt, CVT, READS_FPENV | STICKY, EV(eval_fcvt))           /* between floating-point scalars */
OP(frint, UNI, READS_FPENV | STICKY | LIFTS, EV(eval_frint)) /* aux: rounding | IR_FRINT_EXACT */
/* saturating; aux: rounding | IR_FTOI_ bits | fraction bits << 8 */
OP(ftoi, CVTI, READS_FPENV | STICKY, EV(eval_ftoi))
/* from integers of type src; aux: IR_RDYN | IR_ITOF_UNSIGNED | fraction bits << 8 */
OP(itof, CVTI, READS_FPENV | STICKY, EV(eval_itof))
/* lanes of the same width; type is the floating-point type */
OP(vftoi, UNI, READS_FPENV | STICKY, EV(eval_vftoi))
OP(vitof, UNI, READS_FPENV | STICKY, EV(eval_vitof))
OP(fmov_to_int, CVT, PURE, EV(eval_fmov)) /* the bits of a floating-point scalar as an integer */
OP(fmov_to_fp, CVT, PURE, EV(eval_fmov))

/* ---- memory: address = a + (b << scale) + displacement, cut to the memop's width, + a segment base;
 * see struct ir_insn and memop_address */
/* into an integer, floating-point or vector type; zero- or sign-extended by the memop */
OP(load, MEM, LOADS | MAY_EXIT, NOEVAL)
OP(store, MEM, STORES | MAY_EXIT | SOURCE, NOEVAL) /* c */
/* and sets the monitor; 16 bytes give a V128 */
OP(load_excl, MEM, LOADS | WRITES_STATE | MAY_EXIT, NOEVAL)
/* I32: 0 stored, 1 not; clears the monitor */
OP(store_excl, MEM, STORES | WRITES_STATE | MAY_EXIT | SOURCE, NOEVAL)
/* aux: enum ir_atomic; operand c; gives the old value, zero-extended */
OP(atomic, MEM, LOADS | STORES | MAY_EXIT | SOURCE, NOEVAL)
/* a address, b expected, c new; gives the old value; 16 bytes are V128 */
OP(cas, MEM, LOADS | STORES | MAY_EXIT | SOURCE, NOEVAL)
OP(barrier, NUL, STORES | LOADS, NOEVAL) /* aux: enum ir_barrier */

/* ---- run-time functions: imm is the row (struct ir_call), aux a constant operand */
OP(call, CALLS, NOEFFECT, NOEVAL) /* effects are the row's */
/* a (boolean) true: the row's RAISES function runs; if it raised, the block is left */
OP(guard, CALLS, MAY_EXIT, NOEVAL)

/* ---- control: every block ends with one op that ENDS; a brcond leaves it before */
OP(insn, PC, NOEFFECT, NOEVAL)   /* opens the guest instruction at imm */
/* if boolean a: go to the block at imm, with what was put so far */
OP(brcond, PC, NOEFFECT, NOEVAL)
OP(br, END, ENDS, NOEVAL)        /* direct: to the block at imm */
OP(brcall, END, ENDS, NOEVAL)    /* guest call of imm; a: the return address (konst) */
OP(jump, END, ENDS, NOEVAL)      /* indirect: to a */
OP(jumpcall, END, ENDS, NOEVAL)  /* indirect call of a; b: the return address (konst) */
OP(ret, END, ENDS, NOEVAL)       /* guest return to a */
/* CALLS shape; the row's function runs with the state in memory and returns the next PC */
OP(tail, END, ENDS, NOEVAL)
