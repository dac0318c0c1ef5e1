/* SPDX-License-Identifier: MIT */
/* What the semantic functions of x86 have in common: a block that is translated, its operands. */
#ifndef CPU_X86_TRANSLATE_H
#define CPU_X86_TRANSLATE_H

#include "cpu/x86/cpu.h"
#include "cpu/x86/insn.h"
#include "cpu/x86/x86_decode.h"
#include "tcg/build.h"

struct x86_block {
    struct ir_builder *b;
    const struct x86_cpu *cpu; /* its features */
    uint64_t key;
    unsigned mode;  /* 2, 4, 8: 16-, 32-, 64-bit code */
    unsigned stack; /* 2, 4, 8: of the stack pointer */
    unsigned cpl;
    unsigned shadow; /* X86_LOCAL_: the block is an instruction that no interrupt comes before */
    bool waits;      /* it begins with STI, and an interrupt waits */
    bool upper;      /* upper halves of YMM registers may be used */
    bool marked;     /* ... and x86_cpu.upper_used says so */
    bool vex;        /* of the instruction */
    uint64_t pc, next;
    const struct x86_instr *instr; /* at pc */
    uint64_t jump;                 /* the block goes on there, within the page; 0: at next */
    struct {
        bool known;
        uint8_t top, used;
    } stack80;       /* what x87_stack.c expects */
    bool trampoline; /* it does behind a call whose return address is overwritten */
};

static inline ir_type x86_type_of(unsigned bytes)
{
    return bytes == 1 ? T_I8 : bytes == 2 ? T_I16 : bytes == 4 ? T_I32 : T_I64;
}

static inline ir_val x86_konst(struct x86_block *c, unsigned bytes, uint64_t k)
{
    return ir_konst(c->b, x86_type_of(bytes), k & mask64(8 * bytes));
}

/* ---- access.c */

/* A general register's low bytes; writing 4 clears the upper half, 1 and 2 keep the rest. */
ir_val x86_read_reg(struct x86_block *c, unsigned reg, unsigned bytes);
void x86_write_reg(struct x86_block *c, unsigned reg, unsigned bytes, ir_val v);

/* An operand that is a register, in memory or immediate, of o->bytes, or as many as are said. */
ir_val x86_read(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o);
ir_val x86_read_as(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                   unsigned bytes);
/* The same of one that will be written: a segment that forbids that is noticed first. */
ir_val x86_modify(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o);
void x86_write(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
               ir_val v);
void x86_write_as(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                  unsigned bytes, ir_val v);

/* A memory operand as a value of type t, of so many bytes; more: bits for the memop. */
ir_val x86_read_memory(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                       unsigned bytes, ir_type t, memop more);
void x86_write_memory(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                      unsigned bytes, memop more, ir_val v);

/* The offset of a memory operand within its segment, and its linear address, as values of 64 bits;
 * linear looks at the segment's limit for an access of so many bytes. */
ir_val x86_offset(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o);
ir_val x86_linear(struct x86_block *c, unsigned seg, ir_val offset, unsigned bytes, bool write,
                  unsigned as);
/* A load or store at an offset in a segment, where offsets have as bytes. */
ir_val x86_load(struct x86_block *c, unsigned seg, ir_val offset, unsigned bytes, unsigned as);
void x86_store(struct x86_block *c, unsigned seg, ir_val offset, unsigned bytes, unsigned as,
               ir_val v);
/* #GP or #SS unless the segment allows a store. */
void x86_check_write(struct x86_block *c, unsigned seg, ir_val offset, unsigned bytes, unsigned as);
/* The memop of an access by this CPL, without a width of addresses: for linear ones. */
memop x86_memop(const struct x86_block *c, unsigned bytes);

void x86_push_value(struct x86_block *c, unsigned bytes, ir_val v);
/* The value behind what lies `above` bytes above the top; the stack pointer stays. */
ir_val x86_peek(struct x86_block *c, unsigned bytes, unsigned above);
void x86_drop(struct x86_block *c, uint64_t bytes);

/* ---- flags */

static inline ir_val x86_flags(struct x86_block *c)
{
    return ir_get(c->b, X86_REG_FLAGS);
}

/* All of RFLAGS as 64 bits, and writing all. */
ir_val x86_read_rflags(struct x86_block *c);
void x86_write_rflags(struct x86_block *c, ir_val v);

static inline void x86_put_flags(struct x86_block *c, ir_val f)
{
    ir_put(c->b, X86_REG_FLAGS, f);
}

/* Bits of FLAGS values: tcg/ops.h. */
#define X86_PACK_SF 0x8000u
#define X86_PACK_ZF 0x4000u
#define X86_PACK_AF 0x1000u
#define X86_PACK_PF 0x400u
#define X86_PACK_CF 0x100u
#define X86_PACK_OF 0x1u
#define X86_PACK_ALL                                                                               \
    (X86_PACK_SF | X86_PACK_ZF | X86_PACK_AF | X86_PACK_PF | X86_PACK_CF | X86_PACK_OF)

/* f with the bits that say so of g. */
ir_val x86_flags_with(struct x86_block *c, ir_val f, uint32_t bits, ir_val g);
/* f with C as the boolean says, and V if bits has it. */
ir_val x86_flags_set(struct x86_block *c, ir_val f, uint32_t bits, ir_val boolean);
ir_val x86_flags_op(struct x86_block *c, enum ir_op op, ir_val x, ir_val y, ir_val f);

/* ---- control: translate.c */

/* A function of the run-time that ends the block: it is given the next PC, y and z. */
void x86_tail(struct x86_block *c, const struct ir_call *row, ir_val y, ir_val z, uint32_t aux);
/* Ends the block by a change of mode (tcg_switched) that generated code makes: on at pc, with aux;
 * kind tells it from others. The new mode depends on RFLAGS, which are in place, and on what is
 * fixed for the kind. */
enum x86_switch {
    X86_SWITCH_SYSCALL,
    X86_SWITCH_SYSRET,
    X86_SWITCH_STAC,
    X86_SWITCH_CLAC,
    X86_SWITCH_SYSENTER,
    X86_SWITCH_SYSEXIT
};
void x86_switch(struct x86_block *c, enum x86_switch kind, ir_val pc, ir_val aux);
/* The aux of code at level 3. */
ir_val x86_user_aux(struct x86_block *c, uint64_t base);
void x86_raise_now(struct x86_block *c, enum x86_vector vector);
void x86_raise_error_now(struct x86_block *c, enum x86_vector vector, uint32_t error);
void x86_raise_if(struct x86_block *c, ir_val condition, enum x86_vector vector);
/* #UD; #GP(0) unless CPL is 0: true then. */
void x86_undefined(struct x86_block *c);
bool x86_privileged(struct x86_block *c);
/* The same where CR4.UMIP is set. */
bool x86_user_mode_instruction(struct x86_block *c);
/* #NM where CR0.TS is set: true then. */
bool x86_task_switched(struct x86_block *c);
/* A branch if the condition holds; checked: the PC has been found within the segment. */
void x86_branch_if(struct x86_block *c, ir_val condition, uint64_t pc);
void x86_check_branch(struct x86_block *c, ir_val condition, uint64_t pc);
void x86_branch_checked(struct x86_block *c, ir_val condition, uint64_t pc);
/* #GP(0) unless the PC lies within the segment. */
void x86_check_goal(struct x86_block *c, ir_val pc);
/* The PC cut to as many bytes as the instruction's size says. */
uint64_t x86_pc(const struct x86_block *c, uint64_t pc, unsigned bytes);
void x86_branch_to(struct x86_block *c, uint64_t pc);
/* The block may go on at pc, within the page. */
bool x86_may_follow(const struct x86_block *c, uint64_t pc);
/* The block ends behind this instruction. */
void x86_end_block(struct x86_block *c);

/* ---- interrupt.c: emitted where an instruction in a shadow begins */
void x86_leave_shadow(struct x86_block *c);
/* In front of an instruction that may set IF: if an interrupt waits it is executed in a block of
 * its own, which knows (x86_block.waits). */
void x86_slow_if_waiting(struct x86_block *c);

/* ---- control.c */
extern const struct ir_call x86_row_lmsw, x86_row_clts;

#define X86_CALL(name_, class_)                                                                    \
    static const struct ir_call row_##name_ = {                                                    \
        .name = "x86_" #name_, .fn = (void (*)(void))(do_##name_), .class = (class_)}

/* Instruction `name` is what the function `kind` makes of it and of what follows here. */
#define X86_BY(kind, name, ...)                                                                    \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)a;                                                                                   \
        kind(c, i, __VA_ARGS__);                                                                   \
    }

#endif
