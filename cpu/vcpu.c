/* SPDX-License-Identifier: MIT */
/* Memory of a vCPU: what an accelerator keeps at a fixed distance, then the CPU struct. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cpu/cpu.h"

static_assert(sizeof(struct tcg_env) % _Alignof(struct vcpu) == 0, "struct vcpu is aligned");

void *vcpu_alloc(size_t size)
{
    const size_t align = _Alignof(struct vcpu);
    const size_t all = align_up(sizeof(struct tcg_env) + size, align);
    struct tcg_env *env = aligned_alloc(align, all);

    return env ? (void *)((struct tcg_env *)memset(env, 0, all) + 1) : NULL;
}

void vcpu_free(void *cpu)
{
    free((struct tcg_env *)cpu - 1);
}

bool cpu_reg_is_pc(const struct cpu_reg *r)
{
    return r->gdb_type && strcmp(r->gdb_type, "code_ptr") == 0;
}

void *vcpu_register_place(struct vcpu *v, const struct cpu_reg *r)
{
    return r->place ? r->place(v, r) : (char *)v + r->offset;
}

void vcpu_read_register(struct vcpu *v, const struct cpu_reg *r, void *bytes)
{
    const bool is_pc = cpu_reg_is_pc(r);
    if (is_pc || r->get) {
        uint8_t value[8];
        assert(r->bits <= 64);
        store_le64(value, is_pc ? v->cls->pc(v) : r->get(v));
        memcpy(bytes, value, r->bits / 8);
    } else {
        memcpy(bytes, vcpu_register_place(v, r), r->bits / 8);
    }
}
