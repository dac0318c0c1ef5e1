/* SPDX-License-Identifier: MIT */
/* Translation of A64 code. */
#ifndef CPU_ARM_A64_TRANSLATE_H
#define CPU_ARM_A64_TRANSLATE_H

struct vcpu;
struct ir_builder;

/* cpu_class.translate: emits the IR of the block at b->pc for the mode b->mode_key. */
void a64_translate_block(struct vcpu *v, struct ir_builder *b);

#endif
