/* SPDX-License-Identifier: MIT */
/*
 * What the semantic functions of A64's floating point and Advanced SIMD emit, where comparing
 * results with another emulator does not show it: no run-time function where IR ops do, nothing
 * where access is trapped, which registers and flags an instruction leaves alone. Here the
 * functions that they share (cpu/arm/a64.h) are the test's own.
 */
#include "cpu/arm/a64_simd.h"
#include "base/bits.h"
#include "base/error.h"
#include "base/softfloat.h"
#include "tcg/env.h"
#include "tcg/interp.h"
#include "tests/test.h"

#define MEMORY_BASE UINT64_C(0x10000)
#define MEMORY_BYTES 256

struct rig {
    struct tcg_env env;
    struct arm_cpu cpu; /* directly behind it */
    struct ir_builder b;
    struct a64_block c;
    bool trapped; /* access to floating point */
    _Alignas(16) uint8_t memory[MEMORY_BYTES];
    unsigned misaligned;
    struct ir_reg rows[ARM_REG_COUNT];
    struct ir_guest guest;
};

static struct rig *rig_of(struct vcpu *v)
{
    return (struct rig *)(void *)vcpu_env(v);
}

/* ---- what cpu/arm/a64.h and tcg/env.h declare */

bool fp_access(struct a64_block *c)
{
    return !rig_of(&c->cpu->vcpu)->trapped;
}

ir_val flags_const(struct a64_block *c, unsigned nzcv)
{
    const uint64_t bits = (uint64_t)(nzcv >> 2 & 3) << 14 | (~nzcv >> 1 & 1) << 8 | (nzcv & 1);
    return ir_flags_from(c->b, ir_konst(c->b, T_I32, bits));
}

/* EQ and NE are enough here. */
ir_val cond_holds(struct a64_block *c, unsigned cond)
{
    return ir_flags_test(c->b, cond ? IR_NE : IR_EQ, get_nzcv(c));
}

ir_val read_base(struct a64_block *c, unsigned rn)
{
    return read_xsp(c, rn, 1);
}

void guard_sp(struct a64_block *c, unsigned r, ir_val v)
{
    (void)c, (void)r, (void)v;
}

void vcpu_raise(struct vcpu *v)
{
    v->hot.raised = 1;
}

struct tcg_hot *vcpu_hot(struct vcpu *v)
{
    return &v->hot;
}

void vcpu_misaligned(struct vcpu *v, uint64_t va, bool write)
{
    (void)va, (void)write;
    rig_of(v)->misaligned++;
    vcpu_raise(v);
}

static uint8_t *at(struct vcpu *v, uint64_t va, uint32_t m)
{
    const unsigned n = 1u << (m & MO_SIZE_LOG2);

    if ((m & MO_ALIGN) && (va & (n - 1))) {
        vcpu_misaligned(v, va, false);
        return NULL;
    }
    if (va < MEMORY_BASE || va + n > MEMORY_BASE + MEMORY_BYTES) {
        vcpu_raise(v);
        return NULL;
    }
    return rig_of(v)->memory + (va - MEMORY_BASE);
}

bool vcpu_load(struct vcpu *v, uint64_t va, uint32_t m, uint64_t *value)
{
    const uint8_t *p = at(v, va, m);

    *value = 0;
    if (p) {
        memcpy(value, p, (size_t)1 << (m & MO_SIZE_LOG2));
    }
    return p;
}

bool vcpu_store(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value)
{
    uint8_t *p = at(v, va, m);

    if (p) {
        memcpy(p, &value, (size_t)1 << (m & MO_SIZE_LOG2));
    }
    return p;
}

bool vcpu_load16(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value[2])
{
    const uint8_t *p = at(v, va, m);

    value[0] = value[1] = 0;
    if (p) {
        memcpy(value, p, 16);
    }
    return p;
}

bool vcpu_store16(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t value[2])
{
    uint8_t *p = at(v, va, m);

    if (p) {
        memcpy(p, value, 16);
    }
    return p;
}

bool vcpu_load_vector(struct vcpu *v, uint64_t va, uint32_t m, uint64_t *value)
{
    return vcpu_load16(v, va, m, value);
}

bool vcpu_store_vector(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t *value)
{
    return vcpu_store16(v, va, m, value);
}

void *vcpu_host(struct vcpu *v, uint64_t va, int kind, unsigned mmu_idx, uint64_t *bytes)
{
    (void)v, (void)va, (void)kind, (void)mmu_idx, (void)bytes;
    return NULL;
}

/* ---- one instruction */

static void make_rows(struct ir_reg rows[ARM_REG_COUNT])
{
    for (unsigned i = 0; i < 31; i++) {
        rows[ARM_REG_X0 + i] = (struct ir_reg){"x", T_I64, offsetof(struct arm_cpu, x[i]), -1};
    }
    for (unsigned i = 0; i < 32; i++) {
        rows[ARM_REG_V0 + i] = (struct ir_reg){"v", T_V128, offsetof(struct arm_cpu, v[i]), -1};
    }
    rows[ARM_REG_SP] = (struct ir_reg){"sp", T_I64, offsetof(struct arm_cpu, sp), -1};
    rows[ARM_REG_NZCV] = (struct ir_reg){"nzcv", T_FLAGS, offsetof(struct arm_cpu, nzcv), -1};
    rows[ARM_REG_QC] = (struct ir_reg){"qc", T_V128, offsetof(struct arm_cpu, qc), -1};
}

/* Every register starts with a number of its own. */
static void rig_init(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    make_rows(r->rows);
    r->guest = (struct ir_guest){.regs = r->rows,
                                 .reg_count = ARM_REG_COUNT,
                                 .fp_rules = &fp_rules_arm,
                                 .fp_rules_alternate = &fp_rules_arm_ah};
    for (unsigned i = 0; i < 32; i++) {
        for (unsigned k = 0; k < 16; k++) {
            r->cpu.v[i].u8[k] = (uint8_t)(i * 16 + k);
        }
    }
    for (unsigned i = 0; i < MEMORY_BYTES; i++) {
        r->memory[i] = (uint8_t)i;
    }
    ir_builder_init(&r->b, &r->guest);
    r->c = (struct a64_block){.b = &r->b, .cpu = &r->cpu};
    ir_begin(&r->b, 0x1000, 0);
    ir_insn_start(&r->b, 0x1000);
}

/* What was emitted since rig_init is executed. */
static void rig_run(struct rig *r)
{
    struct error e = {0};

    ir_br(&r->b, 0x1004);
    if (!ir_verify(&r->b, &e)) {
        test_fail(__FILE__, __LINE__, "%s", e.text);
        return;
    }
    ir_interpret(&r->cpu.vcpu, &r->b);
}

static unsigned count_ops(const struct rig *r, enum ir_op op)
{
    unsigned n = 0;

    for (ir_val v = 1; v < r->b.count; v++) {
        n += r->b.insns[v].op == op;
    }
    return n;
}

#define EMIT(r, name, ...) a64_##name(&(r).c, &(const struct a64_##name){__VA_ARGS__})

/* Runs the code with struct rig r. */
#define WITH_RIG(r)                                                                                \
    for (struct rig r, *once_ = (rig_init(&r), &r); once_;                                         \
         once_ = (ir_builder_free(&r.b), (struct rig *)NULL))

/* ---- the tests */

#define NO_CALL(name, ...)                                                                         \
    WITH_RIG(r)                                                                                    \
    {                                                                                              \
        EMIT(r, name, __VA_ARGS__);                                                                \
        CHECK(r.b.count > 3);                                                                      \
        CHECK_EQ(count_ops(&r, IR_call), 0);                                                       \
    }

TEST(what_programs_use_is_ops_and_no_run_time_function){
    NO_CALL(aese, .rd = 1, .rn = 2) NO_CALL(aesmc, .rd = 1, .rn = 2)
        NO_CALL(sha1c, .rd = 1, .rn = 2, .rm = 3) NO_CALL(sha256h, .rd = 1, .rn = 2, .rm = 3)
            NO_CALL(sha512h, .rd = 1, .rn = 2, .rm = 3) NO_CALL(sha512h2, .rd = 1, .rn = 2, .rm = 3)
                NO_CALL(eor3, .rd = 1, .rn = 2, .rm = 3, .ra = 4) NO_CALL(pmull_v, .q = 1, .esz = 3,
                                                                          .rd = 1, .rn = 2, .rm = 3)
                    NO_CALL(fmadd, .esz = 3, .rd = 1, .rn = 2, .rm = 3,
                            .ra = 4) NO_CALL(fmla_elem, .q = 1, .esz = 2, .rd = 1, .rn = 2, .rm = 3,
                                             .index = 3)
                        NO_CALL(fcmla_v, .q = 1, .esz = 2, .rd = 1, .rn = 2, .rm = 3,
                                .rot = 1) NO_CALL(fmaxnmv, .q = 1, .esz = 2, .rd = 1,
                                                  .rn = 2) NO_CALL(fcvtl_v, .q = 1,
                                                                   .esz = 2, .rd = 1, .rn = 2)
                            NO_CALL(fcvt_v, .q = 1, .esz = 2, .rd = 1, .rn = 2,
                                    .round = 3) NO_CALL(fjcvtzs, .rd = 1, .rn = 2)
                                NO_CALL(sqrdmulh_v, .q = 1, .esz = 1, .rd = 1, .rn = 2, .rm = 3)
                                    NO_CALL(sqrshl_v, .q = 1, .esz = 2, .rd = 1, .rn = 2,
                                            .rm = 3) NO_CALL(sqrshrun_vi, .q = 1, .imm = 12,
                                                             .rd = 1, .rn = 2)
                                        NO_CALL(tbx, .q = 1, .len = 3, .rd = 1, .rn = 2,
                                                .rm = 9) NO_CALL(usmmla, .rd = 1, .rn = 2, .rm = 3)
                                            NO_CALL(cls_v, .q = 1, .esz = 1, .rd = 1, .rn = 2)
                                                NO_CALL(ld_multi, .q = 1, .size = 0,
                                                        .regs = 3, .selem = 2, .rn = 1, .rt = 4)
                                                    NO_CALL(st_multi, .q = 1, .size = 0, .regs = 3,
                                                            .selem = 2, .rn = 1, .rt = 4)}

TEST(nothing_is_emitted_where_access_is_trapped)
{
    WITH_RIG(r)
    {
        const uint32_t before = r.b.count;
        r.trapped = true;
        EMIT(r, fadd_s, .esz = 3);
        EMIT(r, fcmp_s, .esz = 3);
        EMIT(r, sqadd_v, .q = 1);
        EMIT(r, movi, .q = 1);
        EMIT(r, frecpe_v, .q = 1, .esz = 2);
        EMIT(r, fmov_to_gpr, .sf = 1, .esz = 3);
        EMIT(r, ld_multi, .q = 1, .regs = 4, .selem = 3);
        EMIT(r, st_single, .selem = 3);
        CHECK_EQ(r.b.count, before);
    }
}

TEST(a_64_bit_result_clears_the_upper_half)
{
    WITH_RIG(r)
    {
        EMIT(r, add_v, .q = 0, .esz = 0, .rd = 1, .rn = 2, .rm = 3);
        EMIT(r, fadd_v, .q = 0, .esz = 2, .rd = 4, .rn = 2, .rm = 3);
        rig_run(&r);
        CHECK_EQ(r.cpu.v[1].u64[0], UINT64_C(0x5e5c5a5856545250));
        CHECK_EQ(r.cpu.v[1].u64[1], 0);
        CHECK(r.cpu.v[4].u64[0] != 0);
        CHECK_EQ(r.cpu.v[4].u64[1], 0);
    }
}

TEST(fpcr_nep_takes_the_rest_of_a_scalar_result_from_a_source)
{
    WITH_RIG(r)
    {
        r.c.fp = IR_FP_NEP;
        EMIT(r, fadd_s, .esz = 2, .rd = 1, .rn = 2, .rm = 3);
        EMIT(r, fmadd, .esz = 3, .rd = 4, .rn = 5, .rm = 6, .ra = 7);
        EMIT(r, fabs_s, .esz = 3, .rd = 8, .rn = 9);
        rig_run(&r);
        CHECK_EQ(r.cpu.v[1].u32[1], 0x27262524);
        CHECK_EQ(r.cpu.v[1].u64[1], UINT64_C(0x2f2e2d2c2b2a2928));
        CHECK_EQ(r.cpu.v[4].u64[1], UINT64_C(0x7f7e7d7c7b7a7978));
        CHECK_EQ(r.cpu.v[8].u64[1], UINT64_C(0x8f8e8d8c8b8a8988));
    }
}

/* FPAbs() and FPNeg() with FPCR.AH, which the reference of tests/insn does not follow for vectors.
 */
TEST(fpcr_ah_keeps_the_sign_of_a_nan)
{
    static const uint64_t in[2] = {UINT64_C(0xffc00001bf800000), UINT64_C(0x7fc0000280000000)},
                          abs[2] = {UINT64_C(0xffc000013f800000), UINT64_C(0x7fc0000200000000)},
                          neg[2] = {UINT64_C(0xffc000013f800000), UINT64_C(0x7fc0000200000000)},
                          halves = UINT64_C(0xfe01bc007e028000),
                          abs_h = UINT64_C(0xfe013c007e020000), neg_h = abs_h;
    WITH_RIG(r)
    {
        r.c.fp = IR_FP_ALT;
        memcpy(&r.cpu.v[2], in, sizeof(in));
        r.cpu.v[3].u64[0] = halves;
        r.cpu.v[4].u64[0] = UINT64_C(0xfff8000000000001);
        r.cpu.v[4].u64[1] = UINT64_C(0xbff0000000000000);
        EMIT(r, fabs_v, .q = 1, .esz = 2, .rd = 10, .rn = 2);
        EMIT(r, fneg_v, .q = 1, .esz = 2, .rd = 11, .rn = 2);
        EMIT(r, fabs_v, .q = 0, .esz = 1, .rd = 12, .rn = 3);
        EMIT(r, fneg_v, .q = 0, .esz = 1, .rd = 13, .rn = 3);
        EMIT(r, fabs_v, .q = 1, .esz = 3, .rd = 14, .rn = 4);
        EMIT(r, fneg_v, .q = 1, .esz = 3, .rd = 15, .rn = 4);
        rig_run(&r);
        for (unsigned i = 0; i < 2; i++) {
            CHECK_EQ(r.cpu.v[10].u64[i], abs[i]);
            CHECK_EQ(r.cpu.v[11].u64[i], neg[i]);
        }
        CHECK_EQ(r.cpu.v[12].u64[0], abs_h);
        CHECK_EQ(r.cpu.v[13].u64[0], neg_h);
        for (unsigned i = 14; i < 16; i++) {
            CHECK_EQ(r.cpu.v[i].u64[0], UINT64_C(0xfff8000000000001));
            CHECK_EQ(r.cpu.v[i].u64[1], UINT64_C(0x3ff0000000000000));
        }
    }
}

TEST(qc_is_set_by_elements_that_take_part_only)
{
    WITH_RIG(r)
    {
        r.cpu.v[1] = r.cpu.v[2] = (union ir_v128){.u32 = {1, 1, 0x7fffffff, 0x7fffffff}};
        EMIT(r, sqadd_v, .q = 0, .esz = 2, .rd = 3, .rn = 1, .rm = 2);
        EMIT(r, sqadd_v, .scalar = 1, .esz = 2, .rd = 4, .rn = 1, .rm = 2);
        rig_run(&r);
        CHECK_EQ(r.cpu.qc.u64[0] | r.cpu.qc.u64[1], 0);
        CHECK_EQ(r.cpu.v[3].u64[0], UINT64_C(0x0000000200000002));
        CHECK_EQ(r.cpu.v[3].u64[1], 0);
        CHECK_EQ(r.cpu.v[4].u64[0], 2);
    }
    WITH_RIG(r)
    {
        r.cpu.v[1] = r.cpu.v[2] = (union ir_v128){.u32 = {1, 1, 0x7fffffff, 0x7fffffff}};
        EMIT(r, sqadd_v, .q = 1, .esz = 2, .rd = 3, .rn = 1, .rm = 2);
        rig_run(&r);
        CHECK((r.cpu.qc.u64[0] | r.cpu.qc.u64[1]) != 0);
        CHECK_EQ(r.cpu.v[3].u32[3], 0x7fffffff);
    }
}

TEST(a_conditional_compare_that_does_not_compare_raises_no_flag)
{
    for (unsigned holds = 0; holds < 2; holds++) {
        WITH_RIG(r)
        {
            r.cpu.v[2].u64[0] = UINT64_C(0x7ff0000000000001); /* signalling */
            r.cpu.nzcv = 0;
            EMIT(r, fccmp_s, .esz = 3, .rn = 2, .rm = 2, .cond = holds, .nzcv = 5);
            rig_run(&r);
            CHECK_EQ(vcpu_env(&r.cpu.vcpu)->fp_flags, holds ? FP_INVALID : 0u);
            /* Unordered is C and V; C stands complemented. */
            CHECK_EQ(r.cpu.nzcv & 0xc101, holds ? 0x0001u : 0x4101u);
        }
    }
}

/* Structures of three elements of 1 << esz bytes, to v4 to v6. */
static void load3(struct rig *r, unsigned esz, memop align, uint64_t address)
{
    r->c.idx = align;
    r->cpu.x[1] = address;
    EMIT(*r, ld_multi, .q = 1, .size = (uint8_t)esz, .regs = 3, .selem = 2, .rn = 1, .rt = 4);
    rig_run(r);
}

TEST(whole_vectors_and_single_elements_load_the_same)
{
    for (unsigned esz = 0; esz < 4; esz++) {
        union ir_v128 whole[3];
        WITH_RIG(r)
        {
            load3(&r, esz, 0, MEMORY_BASE + 16);
            memcpy(whole, &r.cpu.v[4], sizeof(whole));
            CHECK_EQ(count_ops(&r, IR_load), 3);
            CHECK_EQ(whole[1].u8[0], 16 + (1 << esz));
        }
        WITH_RIG(r)
        {
            load3(&r, esz, MO_ALIGN, MEMORY_BASE + 16);
            CHECK(memcmp(whole, &r.cpu.v[4], sizeof(whole)) == 0);
            CHECK_EQ(count_ops(&r, IR_load), 48u >> esz);
        }
    }
}

TEST(alignment_is_checked_by_element)
{
    WITH_RIG(r)
    {
        load3(&r, 1, MO_ALIGN, MEMORY_BASE + 2);
        CHECK_EQ(r.misaligned, 0);
    }
    WITH_RIG(r)
    {
        load3(&r, 1, MO_ALIGN, MEMORY_BASE + 1);
        CHECK_EQ(r.misaligned, 1);
    }
}

TEST(a_structure_load_that_faults_leaves_its_registers)
{
    WITH_RIG(r)
    {
        const uint64_t address = MEMORY_BASE + MEMORY_BYTES - 32;
        const union ir_v128 before = r.cpu.v[4];
        r.cpu.x[1] = address;
        EMIT(r, ld_multi, .q = 1, .post = 1, .rm = 31, .size = 2, .regs = 4, .rn = 1, .rt = 4);
        rig_run(&r);
        CHECK_EQ(r.cpu.vcpu.hot.raised, 1);
        CHECK_EQ(r.cpu.x[1], address);
        CHECK(memcmp(&r.cpu.v[4], &before, sizeof(before)) == 0);
    }
}

TEST(structures_that_are_stored_come_back)
{
    for (unsigned n = 2; n <= 4; n++) {
        WITH_RIG(r)
        {
            r.cpu.x[1] = MEMORY_BASE + 8;
            EMIT(r, st_multi, .q = 1, .size = 1, .regs = (uint8_t)n, .selem = (uint8_t)(n - 1),
                 .rn = 1, .rt = 4);
            EMIT(r, ld_multi, .q = 1, .size = 1, .regs = (uint8_t)n, .selem = (uint8_t)(n - 1),
                 .rn = 1, .rt = 12);
            rig_run(&r);
            CHECK(memcmp(&r.cpu.v[4], &r.cpu.v[12], 16 * n) == 0);
            CHECK(memcmp(r.memory + 8, &r.cpu.v[4], 2) == 0);
            CHECK(memcmp(r.memory + 10, &r.cpu.v[5], 2) == 0);
        }
    }
}

TEST(fjcvtzs_tells_whether_the_conversion_was_exact)
{
    static const struct {
        uint64_t bits;
        uint32_t result;
        bool exact;
    } rows_of_cases[] = {
        {UINT64_C(0x4008000000000000), 3, true},
        {UINT64_C(0xc008000000000000), 0xfffffffd, true},
        {UINT64_C(0x4008000000000001), 3, false},
        {UINT64_C(0x8000000000000000), 0, false},          /* -0 */
        {UINT64_C(0x41f0000000100000), 1, false},          /* 2^32 + 1, modulo 2^32 */
        {UINT64_C(0xc270000000013000), 0xffffffed, false}, /* -2^40 - 19/16 */
        {UINT64_C(0x43e0000000000000), 0, false},          /* 2^63 */
        {UINT64_C(0xc3e0000000000001), 0xfffff800, false},
        {UINT64_C(0x7ff8000000000000), 0, false},
        {UINT64_C(0xc1e0000000000000), 0x80000000, true}, /* -2^31 */
    };
    for (size_t i = 0; i < array_len(rows_of_cases); i++) {
        WITH_RIG(r)
        {
            r.cpu.v[2].u64[0] = rows_of_cases[i].bits;
            EMIT(r, fjcvtzs, .rd = 1, .rn = 2);
            rig_run(&r);
            CHECK_EQ(r.cpu.x[1], rows_of_cases[i].result);
            CHECK_EQ(r.cpu.nzcv >> 14 & 3, rows_of_cases[i].exact);
        }
    }
}
