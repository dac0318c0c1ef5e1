/* SPDX-License-Identifier: MIT */
/* The x86-64 back end's life: levels, links, entry, exit maps, faults. */
#include "tcg/host.h"

#include <elf.h>
#include <ucontext.h>

#include "base/mem.h"
#include "tcg/eval.h"
#include "tcg/host/x86_64/compile.h"
#include "tcg/lower.h"

#define SENTINELS 8

/* ---- levels: x86-64-v2, v3, v4 as the psABI defines them */

static bool choose_level(struct host *h, int level, struct error *e)
{
    const struct os_cpu_features *f = &h->cpu;
    const bool v2 = f->sse42 && f->ssse3 && f->sse41 && f->popcnt && f->cx16;
    const bool v3 = v2 && f->avx && f->avx2 && f->bmi1 && f->bmi2 && f->fma && f->f16c &&
                    f->lzcnt && f->movbe;
    const bool v4 = v3 && f->avx512f && f->avx512bw && f->avx512cd && f->avx512dq && f->avx512vl;
    const int best = v4 ? 4 : v3 ? 3 : v2 ? 2 : 0;

    if (best == 0) {
        return error_set(
            e, "this host's CPU lacks SSE4.2 (x86-64-v2 is the least that the translator needs)");
    }
    if (level > best) {
        return error_set(e, "host-cpu=x86-64-v%d: this host's CPU offers x86-64-v%d at most", level,
                         best);
    }
    level = level ? level : best;
    h->popcnt = true;
    h->avx = h->avx2 = h->bmi1 = h->bmi2 = h->fma = h->f16c = h->lzcnt = h->movbe = level >= 3;
    h->avx512 = level >= 4;
    h->level_name = level == 4 ? "x86-64-v4" : level == 3 ? "x86-64-v3" : "x86-64-v2";
    return true;
}

static void assign_homes(struct host *h)
{
    const struct ir_guest *g = h->config.guest;

    struct home_set *s = &h->homes;

    memset(s->of_row, -1, sizeof(s->of_row));
    memset(s->row_of, 0xff, sizeof(s->row_of));
    for (unsigned row = 0; row < g->reg_count; row++) {
        const bool vec = class_of(g->regs[row].type);
        const int home = ir_is_wide(g->regs[row].type) && !h->wide ? -1 : g->regs[row].home;
        if (home >= 0 && home < (vec ? VEC_HOMES : GPR_HOMES)) {
            const unsigned r = vec ? vec_homes[home] : gpr_homes[home];
            s->of_row[row] = (int8_t)r;
            s->row_of[vec][r] = (uint8_t)row;
            s->entry_owner[vec][r] = (uint16_t)(FIRST_ROW_VALUE + row);
            s->mask[vec] |= 1u << r;
        }
    }
}

struct host *host_create(const struct host_config *config, struct error *e)
{
    struct host *h = mem_alloc(sizeof(*h));
    void *rw, *rx;

    h->config = *config;
    h->cpu = os_cpu_features();
    h->size = (uint32_t)(config->cache_bytes < (1u << 30) ? config->cache_bytes : 1u << 30);
    if (!choose_level(h, config->level, e) || !os_map_code(h->size, &rw, &rx, e)) {
        host_destroy(h);
        return NULL;
    }
    h->rw = rw;
    h->rx = rx;
    if (!segments_create(h, e)) {
        host_destroy(h);
        return NULL;
    }
    h->native_fp = fp_rules_are_native(config->guest->fp_rules);
    h->wide = h->avx2 && config->guest->vector_bits == 256;
    assign_homes(h);
    stubs_create(h);
    host_reset(h);
    return h;
}

struct ir_lowering *host_lowering(const struct host *h)
{
    const struct ir_guest *g = h->config.guest;

    return g->vector_bits > 128
               ? ir_lowering_create(g, h->wide ? 256 : 128,
                                    h->native_fp ? wide_is_native_fp : wide_is_native,
                                    h->config.runtime.probe)
               : NULL;
}

/* Also of one that was made in part. */
void host_destroy(struct host *h)
{
    if (h->rw) {
        os_unmap(h->rw, h->size);
        os_unmap((void *)(uintptr_t)h->rx, h->size);
    }
    segments_destroy(h);
    mem_free(h);
}

const void *host_code_at(const struct host *h, uint32_t offset)
{
    return h->rx + offset;
}

uint32_t host_elf_machine(void)
{
    return EM_X86_64;
}

/* ---- links */

static void patch32(struct host *h, uint32_t at, uint32_t value)
{
    __atomic_store_n((uint32_t *)(void *)(h->rw + at), value, __ATOMIC_RELEASE);
}

void host_link(struct host *h, struct link *l, const void *entry, uint32_t page_id)
{
    if (l->page_check) {
        patch32(h, l->page_check, UINT32_MAX); /* never a half-patched pair */
    }
    patch32(h, l->patch, (uint32_t)((const uint8_t *)entry - h->rx) - (l->patch + 4));
    if (l->page_check) {
        patch32(h, l->page_check, page_id);
    }
}

void host_unlink(struct host *h, struct link *l)
{
    patch32(h, l->patch, l->stub - (l->patch + 4));
}

/* ---- entry, state */

void host_enter(struct host *h, struct vcpu *v, const void *entry)
{
    typedef void (*enter_fn)(void *state, const void *entry);

    ((enter_fn)(uintptr_t)(h->rx + h->stubs.enter))((char *)v - h->config.layout.state, entry);
}

const void *host_leave_address(struct host *h)
{
    return h->rx + h->stubs.leave;
}

static void set_row(struct vcpu *v, const struct ir_reg *row, const void *from)
{
    const unsigned bits = ir_type_bits(row->type);

    memcpy((char *)v + row->offset, from, bits / 8);
}

static uint64_t recipe_operand(const struct host *h, struct vcpu *v, const struct map_entry *m)
{
    uint64_t k;

    switch (m->kind) {
    case MAP_GPR:
        return vcpu_env(v)->gpr[m->where];
    case MAP_SPILL:
        memcpy(&k, vcpu_env(v)->spill[m->where], sizeof(k));
        return k;
    case MAP_ROW:
        memcpy(&k, (const char *)v + h->config.guest->regs[m->where].offset, sizeof(k));
        return k;
    default:
        memcpy(&k, m + 1, sizeof(k));
        return k;
    }
}

static void *spilled(struct vcpu *v, unsigned slot)
{
    return slot < SPILL_SLOTS ? vcpu_env(v)->spill[slot]
                              : vcpu_env(v)->wide_spill[slot - SPILL_SLOTS];
}

/* The flags in memory with other bits. */
static void change_flags(struct host *h, struct vcpu *v, const struct map_entry *m)
{
    const struct ir_reg *row = &h->config.guest->regs[m->row];
    uint16_t f;

    memcpy(&f, (const char *)v + row->offset, sizeof(f));
    if (m->where & RECIPE_C) {
        f = (uint16_t)((f & ~IR_FLAG_C) | (recipe_operand(h, v, &m[1]) & 1 ? IR_FLAG_C : 0));
    }
    if (m->where & RECIPE_V) {
        f = (uint16_t)((f & ~IR_FLAG_V) | (recipe_operand(h, v, &m[4]) & 1 ? IR_FLAG_V : 0));
    }
    set_row(v, row, &f);
}

/* Packed flags, as the evaluators make them. */
static void make_flags(struct host *h, struct vcpu *v, const struct map_entry *m)
{
    static const uint8_t ops[] = {
        [RECIPE_SUB] = IR_flags_sub, [RECIPE_ADD] = IR_flags_add, [RECIPE_AND] = IR_flags_logic,
        [RECIPE_SHL] = IR_flags_shl, [RECIPE_SHR] = IR_flags_shr, [RECIPE_SAR] = IR_flags_sar};
    static const ir_type types[] = {T_I8, T_I16, T_I32, T_I64};
    const unsigned kind = m->where & RECIPE_KIND;
    const ir_type type = types[m->where >> RECIPE_WIDTH_SHIFT & 3];
    const uint64_t width = mask64(ir_type_bits(type));
    union ir_vec x = {.u64 = {recipe_operand(h, v, &m[1]) & width}},
                 y = {.u64 = {recipe_operand(h, v, &m[4]) & width}}, d;
    struct ir_insn in = {.type = T_FLAGS, .src = type};

    if (kind == RECIPE_BITS) {
        change_flags(h, v, m);
        return;
    }
    in.op = ops[kind];
    if (kind == RECIPE_AND) {
        x.u64[0] &= y.u64[0];
    } else if (m->where & RECIPE_RESULT) {
        x.u64[0] = (kind == RECIPE_SUB ? x.u64[0] + y.u64[0] : x.u64[0] - y.u64[0]) & width;
    }
    ir_eval_op(v, h->config.guest, &in, &d, (const union ir_vec *const[]){&x, &y, &y});
    if (m->where & RECIPE_CMC) {
        x = d;
        in = (struct ir_insn){.op = IR_flags_cmc, .type = T_FLAGS};
        ir_eval_op(v, h->config.guest, &in, &d, (const union ir_vec *const[]){&x, &y, &y});
    }
    set_row(v, &h->config.guest->regs[m->row], &d);
}

static void apply(struct host *h, struct vcpu *v, const struct map_entry *m,
                  const union ir_vec *entry)
{
    const struct ir_reg *row = &h->config.guest->regs[m->row];

    switch (m->kind) {
    case MAP_GPR:
        set_row(v, row, &vcpu_env(v)->gpr[m->where]);
        break;
    case MAP_VEC:
        set_row(v, row, vcpu_env(v)->vec[m->where]);
        break;
    case MAP_SPILL:
        set_row(v, row, spilled(v, m->where));
        break;
    case MAP_SUM: {
        uint64_t k;
        memcpy(&k, m + 1, sizeof(k));
        k += vcpu_env(v)->gpr[m->where];
        set_row(v, row, &k);
        break;
    }
    case MAP_CONST:
        set_row(v, row, m + 1);
        break;
    case MAP_FLAGS:
        make_flags(h, v, m);
        break;
    case MAP_ROW:
        set_row(v, row, entry);
        break;
    default:
        break;
    }
}

void host_sync(struct host *h, struct vcpu *v, const struct site *s)
{
    const struct ir_reg *rows = h->config.guest->regs;
    const struct map_entry *first = &h->maps[s->map_first], *end = first + s->map_count;
    union ir_vec entry[IR_MAX_REGS];
    bool done[IR_MAX_REGS] = {false};

    /* Values on entry are read before any row is written. */
    for (const struct map_entry *m = first; m < end; m += map_entries(m)) {
        if (m->kind >= MAP_ADDEND_GPR) {
            end = m;
            break;
        }
        done[m->row] = true;
        if (m->kind == MAP_ROW) {
            memcpy(&entry[m->row], (const char *)v + rows[m->where].offset,
                   ir_type_bits(rows[m->where].type) / 8);
        }
    }
    for (unsigned r = 0; r < 16; r++) {
        for (unsigned cls = 0; cls < 2; cls++) {
            const unsigned row = h->homes.row_of[cls][r];
            if (row != 0xff && !done[row]) {
                set_row(v, &rows[row],
                        cls ? (const void *)vcpu_env(v)->vec[r] : &vcpu_env(v)->gpr[r]);
            }
        }
    }
    for (const struct map_entry *m = first; m < end; m += map_entries(m)) {
        apply(h, v, m, &entry[m->row]);
    }
}

void host_forget_addends(struct host *h, struct vcpu *v, const struct site *s)
{
    const struct map_entry *first = &h->maps[s->map_first], *end = first + s->map_count;
    /* An addend that is in the register that is loaded goes on from its slot, or ends here. */
    const unsigned loaded = s->kind == SITE_LOAD && !class_of(s->type) ? s->data : SITE_NO_REG;

    for (const struct map_entry *m = first; m < end; m += map_entries(m)) {
        if (m->kind == MAP_ADDEND_GPR && m->where != loaded) {
            vcpu_env(v)->gpr[m->where] = ADDEND_NONE;
        } else if (m->kind == MAP_ADDEND_SPILL) {
            memcpy(vcpu_env(v)->spill[m->where], &(uint64_t){ADDEND_NONE}, 8);
        }
    }
}

/* The guard below the code stack: the frames are lost, which costs the guest's returns a look-up
 * each. */
bool host_fault(struct host *h, struct vcpu *v, uintptr_t address, void *context)
{
    ucontext_t *uc = context;
    const uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    const uintptr_t top = (uintptr_t)vcpu_hot(v)->code_stack;

    if (pc - (uintptr_t)h->rx >= h->size || address >= top ||
        top - address > HOST_CODE_STACK_BYTES + 65536) {
        return false;
    }
    uc->uc_mcontext.gregs[REG_RSP] = (greg_t)top;
    return true;
}

/* Where software evaluates what trapped at offset at of the code, or 0. Others may add to the end
 * of the table meanwhile. */
static uint32_t trap_path(const struct host *h, uint32_t at)
{
    const struct segment *g = segment_at(h, at);
    uint32_t low = g->trap_first, high = __atomic_load_n(&g->trap_count, __ATOMIC_ACQUIRE);

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct trap *t = &h->traps[middle];
        if (at >= t->end) {
            high = middle;
        } else if (at < t->start) {
            low = middle + 1;
        } else {
            return t->path;
        }
    }
    return 0;
}

bool host_fp_fault(struct host *h, struct vcpu *v, void *context)
{
    ucontext_t *uc = context;
    const uintptr_t at = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP] - (uintptr_t)h->rx;

    if (at >= h->size || !uc->uc_mcontext.fpregs) {
        return false;
    }
    const uint32_t path = trap_path(h, (uint32_t)at);
    if (tcg_fp_trap(v, &uc->uc_mcontext.fpregs->mxcsr, path != 0)) {
        uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)(h->rx + path);
    }
    return true;
}

void host_set_counted(struct host *h, bool counted)
{
    h->config.counted = counted;
}

enum host_place host_place_of(const struct host *h, const void *context)
{
    const ucontext_t *uc = context;
    const uintptr_t at = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP] - (uintptr_t)h->rx;

    return at >= h->size ? HOST_OUTSIDE : at < h->first_cold ? HOST_STUB : HOST_BLOCK;
}

uint64_t host_cache_size(const struct host *h)
{
    return h->size;
}

const char *host_level_name(const struct host *h)
{
    return h->level_name;
}
