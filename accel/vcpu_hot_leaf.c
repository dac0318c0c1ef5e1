/* SPDX-License-Identifier: MIT */
/* Where a vCPU has what generated code addresses, for tcg/, which does not know struct vcpu. */
#include "cpu/cpu.h"

struct tcg_hot *vcpu_hot(struct vcpu *v)
{
    return &v->hot;
}
