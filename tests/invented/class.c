/* SPDX-License-Identifier: MIT */
/* The invented architecture's class: see machine.h. */
#include <string.h>

#include "base/bits.h"
#include "base/softfloat.h"
#include "tests/invented/machine.h"

#define R(n, home_) [INV_R0 + (n)] = {"r" #n, T_I64, offsetof(struct inv_cpu, r[n]), home_}

static const struct ir_reg rows[INV_ROWS] = {
    R(0, 0),
    R(1, 1),
    R(2, 2),
    R(3, 3),
    R(4, 4),
    R(5, 5),
    R(6, -1),
    R(7, -1),
    R(8, 6),
    R(9, 7),
    R(10, -1),
    R(11, -1),
    R(12, -1),
    R(13, -1),
    R(14, -1),
    R(15, -1),
    [INV_FLAGS] = {"flags", T_FLAGS, offsetof(struct inv_cpu, flags), -1},
    [INV_CCN] = {"ccn", T_I32, offsetof(struct inv_cpu, ccn), -1},
};

static const struct ir_guest ir_guest = {
    .code_align = 1,
    .has_aux = true,
    .regs = rows,
    .reg_count = INV_ROWS,
    .fp_rules = &fp_rules_arm,
};

static const struct cpu_reg regs[] = {{.name = NULL}};

/* ---- life */

static struct vcpu *create(const char *model, unsigned index, struct error *e)
{
    struct inv_cpu *c = vcpu_alloc(sizeof(*c));

    (void)model;
    if (!c) {
        error_set(e, "no memory for a vCPU");
        return NULL;
    }
    c->vcpu.cls = &inv_cpu_class;
    c->vcpu.index = index;
    return &c->vcpu;
}

static void destroy(struct vcpu *v)
{
    vcpu_free(inv_cpu(v));
}

static void reset(struct vcpu *v)
{
    struct inv_cpu *c = inv_cpu(v);

    memset((char *)c + offsetof(struct inv_cpu, r), 0, sizeof(*c) - offsetof(struct inv_cpu, r));
    v->hot.excl_addr = UINT64_MAX;
    tcg_context_changed(v);
}

static void boot(struct vcpu *v, uint64_t entry, uint64_t arg)
{
    inv_cpu(v)->pc = inv_cpu(v)->restart = entry;
    inv_cpu(v)->r[0] = arg;
}

/* ---- state */

static uint64_t get_pc(const struct vcpu *v)
{
    return ((const struct inv_cpu *)v)->pc;
}

static void set_pc(struct vcpu *v, uint64_t pc)
{
    inv_cpu(v)->pc = pc;
}

static uint64_t get_aux(const struct vcpu *v)
{
    return ((const struct inv_cpu *)v)->aux;
}

static void set_aux(struct vcpu *v, uint64_t aux)
{
    inv_cpu(v)->aux = aux;
}

bool inv_is_nowhere(uint32_t mode, uint64_t pc)
{
    return pc > inv_wrap(mode, UINT64_MAX) - INV_NOWHERE;
}

void inv_fetch(struct vcpu *v, uint64_t pc, uint64_t aux, struct cpu_fetch *f)
{
    f->base = (aux >> 32 & INV_BASE_MASK) << 4;
    f->mask = inv_wrap(inv_cpu(v)->mode, UINT64_MAX);
    f->nothing = inv_is_nowhere(inv_cpu(v)->mode, pc);
}

static bool crosses(struct vcpu *v, const uint8_t *bytes, uint32_t n)
{
    (void)v;
    return n < 2 || n < inv_length(load_be16(bytes));
}

static uint64_t mode_key(struct vcpu *v)
{
    return (inv_cpu(v)->mode & INV_MODES) | (inv_cpu(v)->held ? INV_HELD : 0);
}

static unsigned mmu_index(struct vcpu *v)
{
    return inv_cpu(v)->mode & INV_DAT;
}

uint64_t inv_wrap(uint32_t mode, uint64_t address)
{
    return address & mask64(mode & INV_AM31 ? 31 : 32);
}

/* ---- exceptions */

void inv_raise(struct inv_cpu *c, enum inv_cause cause, uint64_t address)
{
    c->raised_cause = cause;
    c->raised_address = address;
    vcpu_raise(&c->vcpu);
}

static void enter(struct inv_cpu *c, uint32_t cause, uint64_t address)
{
    c->counts[cause]++;
    c->saved_pc = c->pc;
    c->saved_aux = c->aux;
    c->aux = 0;
    c->saved_mode = c->mode;
    c->cause = cause;
    c->address = address;
    c->mode = 0;
    c->held = 0;
    c->pc = INV_VECTORS + cause * 256;
    tcg_context_changed(&c->vcpu);
}

bool inv_interrupt_waits(const struct inv_cpu *c)
{
    return c->ie && atomic_load(&c->vcpu.interrupt_lines);
}

static bool interrupt_ready(struct vcpu *v)
{
    const struct inv_cpu *c = inv_cpu(v);
    const bool shadow = (c->aux & INV_SHADOW) && !(c->aux >> 32 & INV_EXECUTED);

    return !shadow && inv_interrupt_waits(c);
}

static void take_exception(struct vcpu *v)
{
    struct inv_cpu *c = inv_cpu(v);

    if (c->raised_cause < INV_CAUSES) {
        enter(c, c->raised_cause, c->raised_address);
    }
    if (inv_interrupt_waits(c)) {
        vcpu_exit_soon(v); /* it was in the shadow of EI */
    }
}

static void raise_memory(struct vcpu *v, vaddr va, enum access a, uint64_t fault)
{
    if (a == ACCESS_FETCH && interrupt_ready(v)) {
        inv_retry(inv_cpu(v)); /* it comes first */
        return;
    }
    inv_raise(inv_cpu(v),
              fault & FAULT_BUS   ? INV_BUS
              : a == ACCESS_FETCH ? INV_FETCH
                                  : INV_DATA,
              va);
}

static void take_interrupt(struct vcpu *v)
{
    inv_cpu(v)->ie = 0;
    atomic_store(&v->interrupt_lines, 0);
    enter(inv_cpu(v), INV_INTERRUPT, 0);
}

void inv_retry(struct inv_cpu *c)
{
    c->raised_cause = INV_CAUSES;
    vcpu_exit_soon(&c->vcpu);
    vcpu_retry(&c->vcpu);
}

static bool has_work(struct vcpu *v)
{
    return atomic_load(&v->interrupt_lines);
}

unsigned inv_length(uint16_t first)
{
    return first >> 14 == 0 ? 2 : first >> 14 == 3 ? 6 : 4;
}

static const char *const spaces[] = {"ports", NULL};

const struct cpu_class inv_cpu_class = {
    .name = "inv",
    .regs = regs,
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .boot = boot,
    .ir = &ir_guest,
    .pc = get_pc,
    .set_pc = set_pc,
    .mode_key = mode_key,
    .aux = get_aux,
    .set_aux = set_aux,
    .fetch = inv_fetch,
    .crosses = crosses,
    .spaces = spaces,
    .coherent_code = true,
    .locks_anywhere = true,
    .watch = inv_watch,
    .traces = inv_traces,
    .marks_accesses = inv_marks_accesses,
    .followed = inv_followed,
    .translate = inv_translate_block,
    .disas = inv_disas,
    .mmu_index = mmu_index,
    .mmu_index_user = mmu_index,
    .walk = inv_walk,
    .regions = {.shift = INV_REGION_SHIFT, .bits = 2, .common = 1u << (INV_REGIONS - 1)},
    .space_tag = inv_space_tag,
    .take_exception = take_exception,
    .raise_memory = raise_memory,
    .interrupt_ready = interrupt_ready,
    .take_interrupt = take_interrupt,
    .has_work = has_work,
};
