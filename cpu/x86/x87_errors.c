/* SPDX-License-Identifier: MIT */
/*
 * What a program that handles exceptions of the x87 unit looks at: pointers to the last instruction
 * and its operand, and with CR0.NE clear the line FERR# of the first PCs. Intel SDM, volume 1,
 * 8.1.8 to 8.1.10 and 8.7; volume 3, 2.5 (NE).
 *
 * FERR# rises when an instruction finds the exception. Its interrupt comes before that instruction;
 * where interrupts are off it goes on even so: processors wait there until IGNNE# is asserted.
 */
#include "cpu/x86/x87.h"

#include <stddef.h>

/* ---- pointers */

/* Control instructions keep them. */
static bool is_control(const struct x86_instr *i)
{
    const bool memory = i->modrm < 0xc0;
    const unsigned reg = i->reg & 7;
    return (i->opcode == 0xd9 && memory && reg >= 4) ||
           (i->opcode == 0xdd && memory && (reg == 4 || reg >= 6));
}

static uint32_t field(size_t member)
{
    return (uint32_t)(offsetof(struct x86_cpu, fpu) + member);
}

static ir_val selector(struct x86_block *c, unsigned seg)
{
    const size_t at = offsetof(struct x86_cpu, seg) + seg * sizeof(struct x86_segment) +
                      offsetof(struct x86_segment, selector);
    return ir_env_load(c->b, T_I16, (uint32_t)at);
}

static const struct x86_operand *memory_of(const struct x86_instr *i)
{
    for (unsigned k = 0; k < i->ops; k++) {
        if (i->op[k].kind == X86_MEMORY) {
            return &i->op[k];
        }
    }
    return NULL;
}

void x86_x87_pointers(struct x86_block *c, const struct x86_instr *i)
{
    struct ir_builder *b = c->b;
    if (i->map || i->vex || (i->opcode & 0xf8) != 0xd8 || is_control(i)) {
        return;
    }
    const struct x86_operand *o = memory_of(i);
    const uint64_t opcode = (uint64_t)(i->opcode & 7) << 8 | i->modrm;
    ir_env_store(b, field(offsetof(struct x86_fpu, ip)), ir_address(b, c->pc));
    ir_env_store(b, field(offsetof(struct x86_fpu, opcode)), ir_konst(b, T_I16, opcode));
    if (c->mode != 8) {
        ir_env_store(b, field(offsetof(struct x86_fpu, code)), selector(c, X86_CS));
    }
    if (o) {
        ir_env_store(b, field(offsetof(struct x86_fpu, dp)), x86_offset(c, i, o));
        if (c->mode != 8) {
            ir_env_store(b, field(offsetof(struct x86_fpu, data)), selector(c, o->seg));
        }
    }
}

/* ---- FERR#, IGNNE# */

void x86_set_ferr(struct vcpu *v, struct irq line)
{
    x86_cpu(v)->ferr = line;
}

void x86_ignore_ferr(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu(v);
    irq_set(&c->ferr, 0);
    c->ignne = true;
}

bool x86_x87_ferr(struct x86_cpu *c)
{
    if (c->ignne) {
        return true;
    }
    irq_set(&c->ferr, 1);
    if (!x86_interrupt_ready(&c->vcpu)) {
        return true;
    }
    c->interrupted = true;
    vcpu_retry(&c->vcpu);
    return false;
}
