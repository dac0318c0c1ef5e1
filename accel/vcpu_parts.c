/* SPDX-License-Identifier: MIT */
/* What tcg/, which does not know struct vcpu, asks of it: see tcg/env.h. */
#include "cpu/cpu.h"

void vcpu_misaligned(struct vcpu *v, uint64_t va, bool write)
{
    v->cls->raise_memory(v, va, write ? ACCESS_WRITE : ACCESS_READ, FAULT_ALIGN);
}
