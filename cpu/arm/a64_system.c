/* SPDX-License-Identifier: MIT */
/*
 * A64: hints, barriers, PSTATE, system registers and operations (DDI 0487, C4.1.93 "System
 * instructions").
 *
 * What is cheap is done in place: registers that are plain fields, PSTATE, flags. A write that
 * changes what translated code depends on ends the block; FPCR and DAIF, which are written often
 * and rarely change that, are guarded instead.
 */
#include "base/log.h"
#include "cpu/arm/a64.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/fp_flags.h"
#include "cpu/arm/nzcv.h"
#include "cpu/arm/sysops.h"
#include "cpu/arm/sysregs.h"
#include "cpu/arm/timer.h"

#define FIELD(name) ((uint32_t)offsetof(struct arm_cpu, name))

static bool is_trapped(const struct a64_block *c, uint32_t trap)
{
    return c->el == 0 && (c->mode >> MODE_TRAPS_SHIFT & trap);
}

/* ---- hints: those without a function do nothing */

void a64_hint(struct a64_block *c, const struct a64_hint *a)
{
    (void)c, (void)a;
}

void a64_sev(struct a64_block *c, const struct a64_sev *a)
{
    (void)c, (void)a;
}

void a64_sevl(struct a64_block *c, const struct a64_sevl *a)
{
    (void)c, (void)a;
}

void a64_bti(struct a64_block *c, const struct a64_bti *a)
{
    (void)c, (void)a; /* see check_landing() */
}

/* WFE may end for any reason, so it only gives way to others, and SEV has nobody to wake. */
static uint64_t give_way(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    vcpu_yield(v);
    return 0;
}
static const struct ir_call row_give_way = A64_ROW(give_way, IR_CALL_RAISES);

/* Most do nothing but count. */
static void emit_give_way(struct a64_block *c)
{
    const ir_val left = ir_sub(c->b, ir_env_load(c->b, T_I32, FIELD(vcpu.hot.yields_left)),
                               const_of(c, 1, 0));
    ir_env_store(c->b, FIELD(vcpu.hot.yields_left), left);
    ir_guard(c->b, ir_cmp(c->b, IR_SLT, left, const_of(c, 0, 0)), &row_give_way, IR_NONE, IR_NONE,
             0);
}

/* y: with aux, the count at which the wait ends at the latest. */
static uint64_t wait_for_interrupt(struct vcpu *v, uint64_t pc, uint64_t count, uint64_t z,
                                   uint32_t aux)
{
    (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    arm_wait_until(cpu, aux ? count : UINT64_MAX);
    if (!arm_has_work(v)) {
        atomic_store(&v->halted, true);
        vcpu_exit_soon(v);
    }
    return arm_next(cpu, pc);
}
static const struct ir_call row_wait = A64_ROW(wait_for_interrupt, IR_CALL_FULL);

static uint32_t wfx_syndrome(unsigned ti, unsigned rt)
{
    return SYNDROME(EC_WFX, 1u << 24 | 14u << 20 | rt << 5 | (ti >= 2 ? 1u << 2 : 0) | ti);
}

static void end_after(struct a64_block *c, const struct ir_call *row, ir_val y, uint32_t aux)
{
    end_with(c, row, ir_address(c->b, next_pc(c)), y, aux);
}

void a64_yield(struct a64_block *c, const struct a64_yield *a)
{
    (void)a;
    emit_give_way(c);
}

void a64_wfe(struct a64_block *c, const struct a64_wfe *a)
{
    (void)a;
    if (is_trapped(c, ARM_TRAP_WFE)) {
        return raise_syndrome(c, wfx_syndrome(1, 31));
    }
    emit_give_way(c);
}

void a64_wfet(struct a64_block *c, const struct a64_wfet *a)
{
    if (is_trapped(c, ARM_TRAP_WFE)) {
        return raise_syndrome(c, wfx_syndrome(3, a->rt));
    }
    emit_give_way(c);
}

void a64_wfi(struct a64_block *c, const struct a64_wfi *a)
{
    (void)a;
    if (is_trapped(c, ARM_TRAP_WFI)) {
        return raise_syndrome(c, wfx_syndrome(0, 31));
    }
    end_after(c, &row_wait, IR_NONE, 0);
}

void a64_wfit(struct a64_block *c, const struct a64_wfit *a)
{
    if (is_trapped(c, ARM_TRAP_WFI)) {
        return raise_syndrome(c, wfx_syndrome(2, a->rt));
    }
    end_after(c, &row_wait, read_x(c, a->rt, 1), 1);
}

/* ---- barriers */

void a64_dmb(struct a64_block *c, const struct a64_dmb *a)
{
    static const uint8_t kinds[] = {IR_BARRIER_FULL, IR_BARRIER_LOAD, IR_BARRIER_STORE,
                                    IR_BARRIER_FULL};
    ir_barrier(c->b, kinds[a->crm & 3]);
}

void a64_dsb(struct a64_block *c, const struct a64_dsb *a)
{
    (void)a;
    ir_barrier(c->b, IR_BARRIER_FULL);
    const ir_val pending = ir_zext(c->b, T_I32, ir_env_load(c->b, T_I8, FIELD(tlbi_pending)));
    const ir_val some = ir_cmp(c->b, IR_NE, pending, const_of(c, 0, 0));
    ir_guard(c->b, some, &arm_row_tlb_sync, IR_NONE, IR_NONE, 0);
}

/* All memory is waited for, that with the XS attribute too: more than it asks for. */
void a64_dsb_nxs(struct a64_block *c, const struct a64_dsb_nxs *a)
{
    (void)a;
    a64_dsb(c, NULL);
}

static uint64_t fetch_anew(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    tcg_compare_code(v);
    return arm_next(arm_cpu(v), pc);
}
static const struct ir_call row_fetch_anew = A64_ROW(fetch_anew, IR_CALL_FULL);

/* Later instructions are fetched anew: another block. What a cache may hold they still are. */
void a64_isb(struct a64_block *c, const struct a64_isb *a)
{
    (void)a;
    if (c->mode & MODE_UNCACHED) {
        end_after(c, &row_fetch_anew, IR_NONE, 0);
    } else {
        branch_to(c, next_pc(c));
    }
}

void a64_sb(struct a64_block *c, const struct a64_sb *a)
{
    (void)c, (void)a;
}

/* ---- PSTATE */

static ir_val load_pstate(struct a64_block *c)
{
    return ir_env_load(c->b, T_I32, FIELD(pstate));
}

static void store_pstate(struct a64_block *c, ir_val v)
{
    ir_env_store(c->b, FIELD(pstate), v);
}

/* x: PC to go on at; y: bits to set; aux: bits that change. */
static uint64_t change_pstate(struct vcpu *v, uint64_t pc, uint64_t bits, uint64_t z, uint32_t mask)
{
    (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    arm_set_pstate(cpu, (cpu->pstate & ~mask) | ((uint32_t)bits & mask));
    tcg_mode_changed(v);
    return arm_look_for_interrupts(cpu, arm_next(cpu, pc));
}
static const struct ir_call row_change_pstate = A64_ROW(change_pstate, IR_CALL_FULL);

/* Fields that code depends on: bits is an I64. */
static void change_mode(struct a64_block *c, ir_val bits, uint32_t mask)
{
    end_after(c, &row_change_pstate, bits, mask);
}

static void set_mode_field(struct a64_block *c, uint32_t mask, bool on)
{
    if (c->el == 0) {
        return undefined(c);
    }
    change_mode(c, ir_konst(c->b, T_I64, on ? mask : 0), mask);
}

void a64_msr_pan(struct a64_block *c, const struct a64_msr_pan *a)
{
    set_mode_field(c, PSTATE_PAN, a->imm & 1);
}

void a64_msr_uao(struct a64_block *c, const struct a64_msr_uao *a)
{
    set_mode_field(c, PSTATE_UAO, a->imm & 1);
}

void a64_msr_spsel(struct a64_block *c, const struct a64_msr_spsel *a)
{
    set_mode_field(c, PSTATE_SP, a->imm & 1);
}

void a64_msr_allint(struct a64_block *c, const struct a64_msr_allint *a)
{
    set_mode_field(c, PSTATE_ALLINT, a->imm);
}

static void set_plain_field(struct a64_block *c, uint32_t mask, bool on)
{
    const ir_val p = load_pstate(c);
    store_pstate(c, on ? ir_or(c->b, p, const_of(c, mask, 0))
                       : ir_and(c->b, p, const_of(c, ~mask, 0)));
}

void a64_msr_ssbs(struct a64_block *c, const struct a64_msr_ssbs *a)
{
    set_plain_field(c, PSTATE_SSBS, a->imm & 1);
}

void a64_msr_dit(struct a64_block *c, const struct a64_msr_dit *a)
{
    set_plain_field(c, PSTATE_DIT, a->imm & 1);
}

static uint32_t sysreg_syndrome(uint32_t key, unsigned rt, bool read)
{
    const uint32_t op0 = key >> 14 & 3, op1 = key >> 11 & 7, crn = key >> 7 & 15,
                   crm = key >> 3 & 15, op2 = key & 7;
    return SYNDROME(EC_SYSREG, op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 |
                                   (read ? 1 : 0));
}

#define KEY_NZCV SYSREG_A64(3, 3, 4, 2, 0)
#define KEY_DAIF SYSREG_A64(3, 3, 4, 2, 1)
#define KEY_DIT SYSREG_A64(3, 3, 4, 2, 5)
#define KEY_SSBS SYSREG_A64(3, 3, 4, 2, 6)
#define KEY_FPCR SYSREG_A64(3, 3, 4, 4, 0)
#define KEY_FPSR SYSREG_A64(3, 3, 4, 4, 1)
#define KEY_SPSEL SYSREG_A64(3, 0, 4, 2, 0)
#define KEY_SP_EL0 SYSREG_A64(3, 0, 4, 1, 0)
#define KEY_DCZID SYSREG_A64(3, 3, 0, 0, 7)
#define KEY_CURRENTEL SYSREG_A64(3, 0, 4, 2, 2)
#define KEY_PAN SYSREG_A64(3, 0, 4, 2, 3)
#define KEY_UAO SYSREG_A64(3, 0, 4, 2, 4)
#define KEY_ALLINT SYSREG_A64(3, 0, 4, 3, 0)
#define KEY_IAR1 SYSREG_A64(3, 0, 12, 12, 0)
#define KEY_HPPIR1 SYSREG_A64(3, 0, 12, 12, 2)
#define KEY_RNDR SYSREG_A64(3, 3, 2, 4, 0)
#define KEY_RNDRRS SYSREG_A64(3, 3, 2, 4, 1)

/*
 * Interrupt masks: those of `which` become what masks says. D matters to code only when debug
 * exceptions may come from EL1 (MODE_KDE). What was unmasked is looked at before the next
 * instruction.
 */
static void write_daif(struct a64_block *c, ir_val masks, uint32_t which)
{
    if (c->mode & (MODE_KDE | MODE_NMI)) { /* NMI: what is unmasked depends on more than these */
        return change_mode(c, ir_zext(c->b, T_I64, masks), which);
    }
    const ir_val rest = ir_and(c->b, load_pstate(c), const_of(c, ~which, 0));
    store_pstate(c, ir_or(c->b, rest, masks));
    const uint32_t interrupts = which & (PSTATE_I | PSTATE_F);
    c->unmasked = ir_andn(c->b, const_of(c, interrupts, 0), masks);
}

/* The immediate's bits are D, A, I, F. A trap has the syndrome of an MSR with Xt = 31. */
static bool daif_allowed(struct a64_block *c, unsigned op2, unsigned imm)
{
    if (is_trapped(c, ARM_TRAP_UMA)) {
        raise_syndrome(c, sysreg_syndrome(SYSREG_A64(0, 3, 4, imm, op2), 31, false));
        return false;
    }
    return true;
}

void a64_msr_daifset(struct a64_block *c, const struct a64_msr_daifset *a)
{
    if (!daif_allowed(c, 6, a->imm)) {
        return;
    }
    const uint32_t masks = (uint32_t)a->imm << 6;
    if (c->mode & MODE_KDE) {
        change_mode(c, const_of(c, masks, 1), masks);
    } else {
        store_pstate(c, ir_or(c->b, load_pstate(c), const_of(c, masks, 0)));
    }
}

void a64_msr_daifclr(struct a64_block *c, const struct a64_msr_daifclr *a)
{
    if (daif_allowed(c, 7, a->imm)) {
        write_daif(c, const_of(c, 0, 0), (uint32_t)a->imm << 6);
    }
}

/* ---- flags and floating-point status */

static ir_val read_nzcv(struct a64_block *c)
{
    const ir_val bits = ir_flags_bits(c->b, get_nzcv(c));
    const ir_val nz = ir_shl(c->b, ir_ubfx(c->b, bits, FLAG_Z, 2), const_of(c, PSTATE_Z_BIT, 0));
    const ir_val carry = ir_xor(c->b, ir_ubfx(c->b, bits, FLAG_C, 1), const_of(c, 1, 0));
    const ir_val v = ir_ubfx(c->b, bits, FLAG_V, 1);
    const ir_val cv = ir_or(c->b, ir_shl(c->b, carry, const_of(c, PSTATE_C_BIT, 0)),
                            ir_shl(c->b, v, const_of(c, PSTATE_V_BIT, 0)));
    return ir_or(c->b, nz, cv);
}

static void write_nzcv(struct a64_block *c, ir_val x)
{
    const ir_val w = ir_trunc(c->b, T_I32, x);
    const ir_val nz = ir_shl(c->b, ir_ubfx(c->b, w, PSTATE_Z_BIT, 2), const_of(c, FLAG_Z, 0));
    const ir_val carry = ir_xor(c->b, ir_ubfx(c->b, w, PSTATE_C_BIT, 1), const_of(c, 1, 0));
    const ir_val cv = ir_or(c->b, ir_shl(c->b, carry, const_of(c, FLAG_C, 0)),
                            ir_ubfx(c->b, w, PSTATE_V_BIT, 1));
    put_nzcv(c, ir_flags_from(c->b, ir_or(c->b, nz, cv)));
}

static const struct ir_call row_fp_flags = {.name = "arm_fp_flags_leaf",
                                            .fn = (void (*)(void))arm_fp_flags_leaf,
                                            .class = IR_CALL_LEAF,
                                            .fp_flags = true};

/* QC is kept apart. */
static ir_val read_fpsr(struct a64_block *c)
{
    const ir_val all = ir_call(c->b, T_I64, &row_fp_flags, IR_NONE, IR_NONE, IR_NONE, 0);
    const ir_val flags = ir_and(c->b, all, const_of(c, FPSR_FLAGS, 1));
    const ir_val qc = ir_get(c->b, ARM_REG_QC);
    const ir_val any = ir_or(c->b, ir_vget(c->b, T_I64, qc, 0), ir_vget(c->b, T_I64, qc, 1));
    const ir_val set = ir_cmp(c->b, IR_NE, any, const_of(c, 0, 1));
    return ir_or(c->b, flags, ir_select(c->b, set, const_of(c, FPSR_QC, 1), const_of(c, 0, 1)));
}

static uint64_t set_fp_flags(struct vcpu *v, uint64_t value, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    tcg_fp_set_flags(v, (uint32_t)value & FPSR_FLAGS);
    return 0;
}
static const struct ir_call row_set_fp_flags = A64_ROW(set_fp_flags, IR_CALL_FULL);

static void write_fpsr(struct a64_block *c, ir_val x)
{
    ir_call(c->b, T_VOID, &row_set_fp_flags, x, IR_NONE, IR_NONE, 0);
    ir_put(c->b, ARM_REG_QC, ir_vzext(c->b, ir_ubfx(c->b, x, 27, 1)));
}

static uint64_t set_fpcr(struct vcpu *v, uint64_t value, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    arm_set_fpcr(arm_cpu(v), value);
    return 0;
}
static const struct ir_call row_set_fpcr = A64_ROW(set_fpcr, IR_CALL_FULL);

static uint64_t change_fp_mode(struct vcpu *v, uint64_t value, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    arm_set_fpcr(arm_cpu(v), value);
    arm_mode_changed(arm_cpu(v));
    arm_retry(arm_cpu(v));
    return 0;
}
static const struct ir_call row_change_fp_mode = A64_ROW(change_fp_mode, IR_CALL_RAISES);

/* Only the rounding mode is not in code's mode. Another change is made first, and the MSR executed
 * again after it. */
static void write_fpcr(struct a64_block *c, ir_val x)
{
    const uint32_t in_mode = arm_fpcr_mask(c->cpu) & ~(3u << FPCR_RMODE_SHIFT);
    const ir_val now = ir_env_load(c->b, T_I32, FIELD(fpcr));
    const ir_val differs = ir_xor(c->b, now, ir_trunc(c->b, T_I32, x));
    const ir_val changes = ir_tst(c->b, IR_NE, differs, const_of(c, in_mode, 0));
    ir_guard(c->b, changes, &row_change_fp_mode, x, IR_NONE, 0);
    ir_call(c->b, T_VOID, &row_set_fpcr, x, IR_NONE, IR_NONE, 0);
}

/* ---- system registers by their row */

static uint64_t read_row(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t i)
{
    (void)x, (void)y, (void)z;
    return arm_sysreg_read(arm_cpu(v), &arm_sysregs[i]);
}
static const struct ir_call row_read = A64_ROW(read_row, IR_CALL_FULL);

static uint64_t read_count(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    return arm_count(arm_cpu(v));
}
static const struct ir_call row_count = A64_ROW(read_count, IR_CALL_FULL);

static uint64_t write_row(struct vcpu *v, uint64_t value, uint64_t y, uint64_t z, uint32_t i)
{
    (void)y, (void)z;
    arm_sysreg_write(arm_cpu(v), &arm_sysregs[i], value);
    return 0;
}
static const struct ir_call row_write = A64_ROW(write_row, IR_CALL_FULL);

static uint64_t write_row_and_mode(struct vcpu *v, uint64_t pc, uint64_t value, uint64_t z,
                                   uint32_t i)
{
    (void)z;
    arm_sysreg_write(arm_cpu(v), &arm_sysregs[i], value);
    arm_mode_changed(arm_cpu(v));
    return arm_next(arm_cpu(v), pc);
}
static const struct ir_call row_write_tail = A64_ROW(write_row_and_mode, IR_CALL_FULL);

static ir_val pstate_field(struct a64_block *c, uint32_t mask)
{
    return ir_and(c->b, load_pstate(c), const_of(c, mask, 0));
}

/* A register that is not a plain field or function; IR_NONE if it is. */
static ir_val read_special(struct a64_block *c, uint32_t key)
{
    switch (key) {
    case KEY_NZCV:
        return read_nzcv(c);
    case KEY_DAIF:
        return pstate_field(c, PSTATE_DAIF);
    case KEY_DIT:
        return pstate_field(c, PSTATE_DIT);
    case KEY_SSBS:
        return pstate_field(c, PSTATE_SSBS);
    case KEY_PAN:
        return pstate_field(c, PSTATE_PAN);
    case KEY_UAO:
        return pstate_field(c, PSTATE_UAO);
    case KEY_ALLINT:
        return pstate_field(c, PSTATE_ALLINT);
    case KEY_SPSEL:
        return pstate_field(c, PSTATE_SP);
    case KEY_CURRENTEL:
        return const_of(c, c->el << PSTATE_EL_SHIFT, 0);
    case KEY_DCZID: /* memset() asks each time */
        return const_of(c, arm_dczid(c->mode >> MODE_TRAPS_SHIFT & ARM_TRAP_DZE), 1);
    case KEY_FPCR:
        return ir_env_load(c->b, T_I32, FIELD(fpcr));
    case KEY_FPSR:
        return read_fpsr(c);
    default:
        return IR_NONE;
    }
}

static ir_val read_sysreg(struct a64_block *c, const struct arm_sysreg *r)
{
    const ir_val special = read_special(c, r->key);
    if (special) {
        return special;
    }
    if (r->read == arm_timer_read_count) {
        return ir_call(c->b, T_I64, &row_count, IR_NONE, IR_NONE, IR_NONE, 0);
    }
    if (!r->key) {
        return const_of(c, 0, 1); /* reserved identification register */
    }
    if (r->read) {
        return ir_call(c->b, T_I64, &row_read, IR_NONE, IR_NONE, IR_NONE,
                       (uint32_t)(r - arm_sysregs));
    }
    return ir_env_load(c->b, T_I64, r->offset);
}

/* false: not special, and nothing was emitted. */
static bool write_special(struct a64_block *c, uint32_t key, ir_val x)
{
    switch (key) {
    case KEY_NZCV:
        write_nzcv(c, x);
        return true;
    case KEY_DAIF:
        write_daif(c, ir_and(c->b, ir_trunc(c->b, T_I32, x), const_of(c, PSTATE_DAIF, 0)),
                   PSTATE_DAIF);
        return true;
    case KEY_DIT:
    case KEY_SSBS: {
        const uint32_t mask = key == KEY_DIT ? PSTATE_DIT : PSTATE_SSBS;
        const ir_val rest = ir_and(c->b, load_pstate(c), const_of(c, ~mask, 0));
        store_pstate(
            c, ir_or(c->b, rest, ir_and(c->b, ir_trunc(c->b, T_I32, x), const_of(c, mask, 0))));
        return true;
    }
    case KEY_PAN:
        change_mode(c, x, PSTATE_PAN);
        return true;
    case KEY_UAO:
        change_mode(c, x, PSTATE_UAO);
        return true;
    case KEY_ALLINT:
        change_mode(c, x, PSTATE_ALLINT);
        return true;
    case KEY_SPSEL:
        change_mode(c, x, PSTATE_SP);
        return true;
    case KEY_FPCR:
        write_fpcr(c, x);
        return true;
    case KEY_FPSR:
        write_fpsr(c, x);
        return true;
    default:
        return false;
    }
}

static void write_sysreg(struct a64_block *c, const struct arm_sysreg *r, ir_val x)
{
    if (write_special(c, r->key, x)) {
        return;
    }
    const uint32_t i = (uint32_t)(r - arm_sysregs);
    if (r->flags & SR_TAIL) {
        end_after(c, &row_write_tail, x, i);
    } else if (r->write) {
        ir_call(c->b, T_VOID, &row_write, x, IR_NONE, IR_NONE, i);
    } else if (r->mask) {
        const ir_val mask = const_of(c, r->mask, 1);
        ir_env_store(c->b, r->offset, ir_and(c->b, x, mask));
    }
}

/* ---- registers of devices: the GIC's CPU interface */

#define INTID_NON_MASKABLE 1022

static const struct sysreg_row *device_row(const struct arm_cpu *cpu, uint32_t key, void **opaque)
{
    for (const struct sysreg_bank *bank = cpu->vcpu.sysregs; bank; bank = bank->next) {
        for (unsigned i = 0; i < bank->count; i++) {
            if (bank->rows[i].encoding == key) {
                *opaque = bank->opaque;
                return &bank->rows[i];
            }
        }
    }
    return NULL;
}

static uint64_t device_read(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t key)
{
    (void)x, (void)y, (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    void *opaque;
    if ((key == KEY_IAR1 || key == KEY_HPPIR1) && (cpu->mode & MODE_NMI) &&
        (atomic_load(&v->interrupt_lines) & 1u << ARM_LINE_NMI)) {
        return INTID_NON_MASKABLE; /* it is acknowledged by ICC_NMIAR1_EL1 */
    }
    return device_row(cpu, key, &opaque)->read(opaque, (int)v->index, key);
}
static const struct ir_call row_device_read = A64_ROW(device_read, IR_CALL_FULL);

static uint64_t device_write(struct vcpu *v, uint64_t value, uint64_t y, uint64_t z, uint32_t key)
{
    (void)y, (void)z;
    void *opaque;
    const struct sysreg_row *row = device_row(arm_cpu(v), key, &opaque);
    row->write(opaque, (int)v->index, key, value);
    return 0;
}
static const struct ir_call row_device_write = A64_ROW(device_write, IR_CALL_FULL);

/* ---- MRS, MSR */

static void unknown_register(struct a64_block *c, uint32_t key, bool read)
{
    log_unimp("arm", "%s of system register op0=%u op1=%u CRn=%u CRm=%u op2=%u at EL%u, pc 0x%llx",
              read ? "read" : "write", key >> 14 & 3, key >> 11 & 7, key >> 7 & 15, key >> 3 & 15,
              key & 7, c->el, (unsigned long long)c->pc);
    undefined(c);
}

/* With FEAT_IDST reads of the identification space trap rather than being undefined. */
static void no_read(struct a64_block *c, uint32_t key, unsigned rt)
{
    if (arm_sysreg_is_id(key) && has(c, ARM_HAS_idst)) {
        raise_syndrome(c, sysreg_syndrome(key, rt, true));
    } else {
        unknown_register(c, key, true);
    }
}

/* With SCTLR_EL1.TIDCP (FEAT_TIDCP1) EL0's accesses of implementation-defined registers trap,
 * whether they are there or not. */
static bool impdef_trapped(struct a64_block *c, uint32_t key, unsigned rt, bool read)
{
    if (!arm_sysreg_is_impdef(key) || !is_trapped(c, ARM_TRAP_TIDCP)) {
        return false;
    }
    raise_syndrome(c, sysreg_syndrome(key, rt, read));
    return true;
}

/* Is the access by this row allowed? Emits the exception if not. */
static bool may_access(struct a64_block *c, const struct arm_sysreg *r, uint32_t key, unsigned rt,
                       bool read)
{
    const unsigned right = c->el == 0 ? (read ? SR_R0 : SR_W0) : (read ? SR_R1 : SR_W1);
    if (!(r->flags & right)) {
        if (read) {
            no_read(c, key, rt);
        } else {
            undefined(c);
        }
        return false;
    }
    if (is_trapped(c, read ? r->trap : r->wtrap)) {
        raise_syndrome(c, sysreg_syndrome(key, rt, read));
        return false;
    }
    /* SP_EL0 has no name of its own while it is the stack pointer. */
    if (key == KEY_SP_EL0 && !(c->mode & MODE_SPSEL)) {
        undefined(c);
        return false;
    }
    return !(r->flags & SR_FP) || fp_access(c);
}

void a64_mrs(struct a64_block *c, const struct a64_mrs *a)
{
    void *opaque;
    const struct arm_sysreg *r = arm_sysreg_find(c->cpu, a->key);
    if (impdef_trapped(c, a->key, a->rt, true)) {
        return;
    }
    if (!r) {
        const struct sysreg_row *d = device_row(c->cpu, a->key, &opaque);
        if (!d || c->el < d->privilege || !d->read) {
            return d ? undefined(c) : no_read(c, a->key, a->rt);
        }
        write_x(c, a->rt,
                ir_call(c->b, T_I64, &row_device_read, IR_NONE, IR_NONE, IR_NONE, a->key));
        return;
    }
    if (!may_access(c, r, a->key, a->rt, true)) {
        return;
    }
    write_x(c, a->rt, read_sysreg(c, r));
    if (a->key == KEY_RNDR || a->key == KEY_RNDRRS) {
        put_nzcv(c, flags_const(c, 0));
    }
}

void a64_msr(struct a64_block *c, const struct a64_msr *a)
{
    void *opaque;
    const struct arm_sysreg *r = arm_sysreg_find(c->cpu, a->key);
    if (impdef_trapped(c, a->key, a->rt, false)) {
        return;
    }
    const ir_val x = read_x(c, a->rt, 1);
    if (!r) {
        const struct sysreg_row *d = device_row(c->cpu, a->key, &opaque);
        if (!d || c->el < d->privilege || !d->write) {
            return d ? undefined(c) : unknown_register(c, a->key, false);
        }
        ir_call(c->b, T_VOID, &row_device_write, x, IR_NONE, IR_NONE, a->key);
        return;
    }
    if (may_access(c, r, a->key, a->rt, false)) {
        write_sysreg(c, r, x);
    }
}

/* ---- SYS */

void a64_sys(struct a64_block *c, const struct a64_sys *a)
{
    if (!a64_emit_sysop(c, SYSOP(a->op1, a->crn, a->crm, a->op2), read_x(c, a->rt, 1))) {
        undefined(c);
    }
}

/* No operation that is emulated gives a result. */
void a64_sysl(struct a64_block *c, const struct a64_sysl *a)
{
    (void)a;
    undefined(c);
}
