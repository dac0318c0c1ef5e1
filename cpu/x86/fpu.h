/* SPDX-License-Identifier: MIT */
/* The state of x87, MMX and SSE, as programs see it. Intel SDM, volume 1, chapters 8, 10 and 13. */
#ifndef CPU_X86_FPU_H
#define CPU_X86_FPU_H

#include "cpu/x86/cpu.h"

#define X86_MXCSR_FLAGS 0x3fu
#define X86_MXCSR_DAZ 0x40u
#define X86_MXCSR_MASKS 0x1f80u
#define X86_MXCSR_UE 0x10u
#define X86_MXCSR_UM 0x800u
#define X86_MXCSR_FTZ 0x8000u
#define X86_MXCSR_ALL 0xffffu
#define X86_MXCSR_INITIAL 0x1f80u

/* x87: control and status words. */
#define X86_FCW_INITIAL 0x37fu
#define X86_FCW_OM 0x08u
#define X86_FCW_UM 0x10u
#define X86_FSW_FLAGS 0x3fu /* IE, DE, ZE, OE, UE, PE */
#define X86_FSW_EARLY 7u    /* IE, DE, ZE: before the operation */
#define X86_FSW_SF 0x40u    /* of the stack, with IE */
#define X86_FSW_ES 0x80u
#define X86_FSW_C0 0x100u
#define X86_FSW_C1 0x200u
#define X86_FSW_C2 0x400u
#define X86_FSW_C3 0x4000u
#define X86_FSW_B 0x8000u

/* MXCSR; its flags are where floating-point ops keep them. */
uint32_t x86_mxcsr(struct x86_cpu *c);
void x86_set_mxcsr(struct x86_cpu *c, uint32_t value);

/* Results are flushed only while underflow is masked: volume 1, 10.2.3.3. */
static inline bool x86_mxcsr_flushes(uint32_t mxcsr)
{
    return (mxcsr & X86_MXCSR_FTZ) && (mxcsr & X86_MXCSR_UM);
}

/* FP_ flags of software floating point as bits of MXCSR and of the x87 status word. */
uint32_t x86_fp_flags(uint32_t raised);

/* As FNINIT does. */
void x86_fpu_init(struct x86_fpu *f);
/* The status word with TOP. */
uint16_t x86_fpu_status(const struct x86_fpu *f);
void x86_fpu_set_status(struct x86_fpu *f, uint16_t status);
void x86_fpu_set_control(struct x86_fpu *f, uint16_t control);
/* After the status or control word has changed: ES and B say whether an exception is not masked. */
void x86_fpu_settle(struct x86_fpu *f);
/* The tag word: two bits for each register, 3 if it is empty. */
uint16_t x86_fpu_tags(const struct x86_fpu *f);
void x86_fpu_set_tags(struct x86_fpu *f, uint16_t tags);

/* Bytes from and to guest memory in this mode, at most two pages: all or none. False: raised. */
bool x86_copy_in(struct x86_cpu *c, void *to, uint64_t at, unsigned bytes);
bool x86_copy_out(struct x86_cpu *c, uint64_t at, const void *from, unsigned bytes);

#endif
