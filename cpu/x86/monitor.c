/* SPDX-License-Identifier: MIT */
/*
 * MONITOR and MWAIT. Intel SDM, volume 2, and volume 3, 9.10.4. The wait is over at once, as it may
 * be for reasons of the processor's own; who waits asks again.
 */
#include "cpu/x86/translate.h"

void x86_monitor(struct x86_block *c, const struct x86_instr *i, const struct x86_monitor *a)
{
    struct ir_builder *b = c->b;
    const unsigned seg = i->seg == X86_NONE ? X86_DS : i->seg;
    (void)a;
    if (c->cpl) {
        x86_undefined(c);
        return;
    }
    const ir_val none = ir_konst(b, T_I32, 0);
    x86_raise_if(c, ir_cmp(b, IR_NE, x86_read_reg(c, X86_RCX, 4), none), X86_GP);
    const ir_val rax = ir_get(b, X86_RAX);
    x86_load(c, seg, i->as == 8 ? rax : ir_ubfx(b, rax, 0, 8 * i->as), 1, i->as);
}

/* Bit 0 of ECX: interrupts end the wait even if they are masked. */
void x86_mwait(struct x86_block *c, const struct x86_instr *i, const struct x86_mwait *a)
{
    struct ir_builder *b = c->b;
    (void)i, (void)a;
    if (c->cpl) {
        x86_undefined(c);
        return;
    }
    const ir_val others = ir_konst(b, T_I32, ~UINT32_C(1));
    x86_raise_if(c, ir_tst(b, IR_NE, x86_read_reg(c, X86_RCX, 4), others), X86_GP);
    x86_end_block(c);
}
