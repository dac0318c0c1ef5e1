/* SPDX-License-Identifier: MIT */
/* The table of Arm's system registers, saving and loading, and PSTATE's banked stack pointers. */
#include "accel/accel.h"
#include "base/bits.h"
#include "cpu/arm.h"
#include "cpu/arm/cpu.h"
#include "cpu/arm/sysregs.h"
#include "cpu/state.h"
#include "tests/support/board.h"
#include "tests/test.h"

/* A vCPU that could run, with all that belongs to it. */
struct rig {
    struct test_board *board;
    struct accel *accel;
    struct arm_cpu *cpu;
};

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque, (void)v, (void)why;
}

static struct rig rig_new(const char *model)
{
    struct error e = {""};
    struct rig r = {.board = test_board_new(&arm_cpu_class, model, 1, 0x40000000, 1 << 20, &e)};
    const struct accel_config config = {.interpreter = true};
    if (r.board) {
        r.accel = accel_create(&config, r.board->vcpus, 1, exited, NULL, &e);
        r.cpu = (struct arm_cpu *)r.board->vcpus[0];
    }
    if (!r.accel) {
        test_fail(__FILE__, __LINE__, "%s", e.text);
        exit(1);
    }
    return r;
}

static void rig_free(struct rig *r)
{
    accel_destroy(r->accel);
    test_board_free(r->board);
}

static uint64_t get(struct rig *r, uint32_t key)
{
    const struct arm_sysreg *row = arm_sysreg_find(r->cpu, key);
    return row ? arm_sysreg_read(r->cpu, row) : UINT64_C(0xdead);
}

static void set(struct rig *r, uint32_t key, uint64_t value)
{
    const struct arm_sysreg *row = arm_sysreg_find(r->cpu, key);
    REQUIRE(row);
    arm_sysreg_write(r->cpu, row, value);
}

#define SCTLR SYSREG_A64(3, 0, 1, 0, 0)
#define TCR SYSREG_A64(3, 0, 2, 0, 2)
#define VBAR SYSREG_A64(3, 0, 12, 0, 0)
#define CPACR SYSREG_A64(3, 0, 1, 0, 2)
#define CNTV_CTL SYSREG_A64(3, 3, 14, 3, 1)
#define CNTV_CVAL SYSREG_A64(3, 3, 14, 3, 2)
#define CNTV_TVAL SYSREG_A64(3, 3, 14, 3, 0)
#define CNTVCT SYSREG_A64(3, 3, 14, 0, 2)

TEST(rows_are_sorted_by_key)
{
    for (unsigned i = 1; i < arm_sysreg_count; i++) {
        CHECK_MSG(arm_sysregs[i - 1].key < arm_sysregs[i].key, "%s stands before %s",
                  arm_sysregs[i - 1].name, arm_sysregs[i].name);
    }
}

TEST(every_row_can_be_read_and_written)
{
    struct rig r = rig_new("max");
    for (unsigned i = 0; i < arm_sysreg_count; i++) {
        const struct arm_sysreg *row = &arm_sysregs[i];
        if (arm_sysreg_find(r.cpu, row->key) != row) {
            continue;
        }
        for (unsigned n = 0; n < 2; n++) {
            const uint64_t value = n ? 0 : UINT64_MAX;
            if (row->flags & (SR_W1 | SR_W0)) {
                arm_sysreg_write(r.cpu, row, value);
            }
            if ((row->flags & SR_R1) && row->offset && !row->write) {
                CHECK_MSG((arm_sysreg_read(r.cpu, row) & row->mask) == (value & row->mask) ||
                              !(row->flags & SR_W1),
                          "%s does not keep what is written", row->name);
            }
        }
    }
    rig_free(&r);
}

TEST(reset_values_are_the_table_s)
{
    struct rig r = rig_new("max");
    set(&r, VBAR, UINT64_C(0xffff000012345800));
    CHECK_EQ(get(&r, VBAR), UINT64_C(0xffff000012345800));
    arm_cpu_class.reset(&r.cpu->vcpu);
    CHECK_EQ(get(&r, VBAR), 0);
    CHECK_EQ(get(&r, SCTLR) & SCTLR_M, 0);
    CHECK_EQ(r.cpu->pstate & (PSTATE_DAIF | PSTATE_SP | PSTATE_EL), 0x3c5);
    rig_free(&r);
}

TEST(bits_of_features_that_are_missing_stay_zero)
{
    struct rig a57 = rig_new("cortex-a57"), max = rig_new("max");
    set(&a57, SCTLR, UINT64_MAX);
    set(&max, SCTLR, UINT64_MAX);
    CHECK_EQ(get(&a57, SCTLR) & (SCTLR_ENIA | SCTLR_BT0 | SCTLR_MSCEN | SCTLR_EPAN | SCTLR_NAA), 0);
    CHECK((get(&max, SCTLR) & (SCTLR_ENIA | SCTLR_BT0 | SCTLR_MSCEN)) ==
          (SCTLR_ENIA | SCTLR_BT0 | SCTLR_MSCEN));
    set(&a57, TCR, UINT64_MAX);
    CHECK_EQ(get(&a57, TCR) & (TCR_HA | TCR_HD | TCR_DS | TCR_E0PD0 | TCR_HPD0), 0);
    CHECK_EQ(get(&a57, TCR) >> 30 & 3, 3); /* TG1 */
    set(&max, CPACR, UINT64_MAX);
    CHECK_EQ(get(&max, CPACR), 3u << 20);
    rig_free(&a57);
    rig_free(&max);
}

TEST(number_of_breakpoints_is_the_model_s)
{
    struct rig r = rig_new("cortex-a57");
    CHECK(arm_sysreg_find(r.cpu, SYSREG_A64(2, 0, 0, 5, 5)) != NULL); /* DBGBCR5 */
    CHECK(arm_sysreg_find(r.cpu, SYSREG_A64(2, 0, 0, 6, 5)) == NULL);
    CHECK(arm_sysreg_find(r.cpu, SYSREG_A64(2, 0, 0, 3, 7)) != NULL); /* DBGWCR3 */
    CHECK(arm_sysreg_find(r.cpu, SYSREG_A64(2, 0, 0, 4, 7)) == NULL);
    rig_free(&r);
}

TEST(monitors_of_a_product_name_it)
{
    struct rig r = rig_new("cortex-a72");
    const struct arm_sysreg *pmcr = arm_sysreg_find(r.cpu, SYSREG_A64(3, 3, 9, 12, 0));
    REQUIRE(pmcr != NULL);
    CHECK_EQ(pmcr->read(r.cpu, pmcr), 0x41023000); /* Arm, Cortex-A72, 6 counters */
    rig_free(&r);
}

TEST(number_of_cores_is_told_where_the_product_has_a_register_for_it)
{
    static const char *const models[] = {"cortex-a35", "cortex-a53", "cortex-a57", "cortex-a72"};
    for (unsigned i = 0; i < array_len(models); i++) {
        struct rig r = rig_new(models[i]);
        CHECK_EQ(get(&r, SYSREG_A64(3, 1, 11, 0, 2)), 0);
        arm_set_cluster_cpus(&r.cpu->vcpu, 3);
        set(&r, SYSREG_A64(3, 1, 11, 0, 2), 0);
        CHECK_EQ(get(&r, SYSREG_A64(3, 1, 11, 0, 2)), 2 << 24);
        arm_set_cluster_cpus(&r.cpu->vcpu, 9);
        CHECK_EQ(get(&r, SYSREG_A64(3, 1, 11, 0, 2)), 3 << 24);
        rig_free(&r);
    }
    struct rig r = rig_new("cortex-a76");
    CHECK(arm_sysreg_find(r.cpu, SYSREG_A64(3, 1, 11, 0, 2)) == NULL);
    rig_free(&r);
}

TEST(most_capable_model_keeps_branch_histories_apart)
{
    struct rig r = rig_new("max");
    CHECK_EQ(r.cpu->id[ARM_ID_PFR0] >> 56 & 15, 3); /* CSV2_3 */
    set(&r, SYSREG_A64(3, 0, 13, 0, 7), 5);         /* SCXTNUM_EL1 */
    CHECK_EQ(get(&r, SYSREG_A64(3, 0, 13, 0, 7)), 5);
    rig_free(&r);
}

TEST(registers_of_absent_features_are_absent)
{
    struct rig r = rig_new("cortex-a57,pmu=off");
    CHECK(arm_sysreg_find(r.cpu, SYSREG_A64(3, 0, 2, 1, 0)) == NULL);  /* APIAKeyLo */
    CHECK(arm_sysreg_find(r.cpu, SYSREG_A64(3, 3, 9, 12, 0)) == NULL); /* PMCR */
    CHECK(arm_sysreg_find(r.cpu, SYSREG_A64(3, 3, 2, 4, 0)) == NULL);  /* RNDR */
    rig_free(&r);
}

TEST(rest_of_the_identification_space_reads_as_zero)
{
    struct rig r = rig_new("max");
    CHECK_EQ(get(&r, SYSREG_A64(3, 0, 0, 1, 3)), 0); /* ID_AFR0 */
    CHECK_EQ(get(&r, SYSREG_A64(3, 0, 0, 7, 7)), 0);
    CHECK(arm_sysreg_find(r.cpu, SYSREG_A64(3, 0, 0, 0, 3)) == NULL);
    rig_free(&r);
}

TEST(timer_value_counts_down_to_the_comparison)
{
    struct rig r = rig_new("max");
    const uint64_t before = get(&r, CNTVCT);
    set(&r, CNTV_TVAL, 1000000000);
    const uint64_t cval = get(&r, CNTV_CVAL), after = get(&r, CNTVCT);
    CHECK(cval >= before + 1000000000 && cval <= after + 1000000000);
    set(&r, CNTV_CTL, 1);
    CHECK_EQ(get(&r, CNTV_CTL), 1);
    set(&r, CNTV_CVAL, before);
    CHECK_EQ(get(&r, CNTV_CTL), 5); /* ISTATUS */
    set(&r, CNTV_TVAL, UINT32_MAX); /* signed: already over */
    CHECK_EQ(get(&r, CNTV_CTL), 5);
    rig_free(&r);
}

static int level;

static void note_level(void *opaque, int line, int to)
{
    (void)opaque, (void)line;
    level = to;
}

TEST(timer_line_follows_condition_and_mask)
{
    struct rig r = rig_new("max");
    arm_set_timer_irq(&r.cpu->vcpu, ARM_TIMER_VIRT, (struct irq){.set = note_level});
    level = 0;
    set(&r, CNTV_CVAL, 0);
    set(&r, CNTV_CTL, 1);
    CHECK_EQ(level, 1);
    set(&r, CNTV_CTL, 3); /* IMASK */
    CHECK_EQ(level, 0);
    set(&r, CNTV_CTL, 1);
    CHECK_EQ(level, 1);
    set(&r, CNTV_CVAL, UINT64_MAX);
    CHECK_EQ(level, 0);
    rig_free(&r);
}

TEST(stack_pointers_are_banked)
{
    struct rig r = rig_new("max");
    struct arm_cpu *cpu = r.cpu;
    cpu->sp = 0x1000;
    cpu->sp_el[0] = 0x2000;
    arm_set_pstate(cpu, cpu->pstate & ~PSTATE_SP);
    CHECK_EQ(cpu->sp, 0x2000);
    cpu->sp = 0x3000;
    arm_set_pstate(cpu, cpu->pstate | PSTATE_SP);
    CHECK_EQ(cpu->sp, 0x1000);
    CHECK_EQ(cpu->sp_el[0], 0x3000);
    rig_free(&r);
}

TEST(flags_keep_their_meaning_between_forms)
{
    struct rig r = rig_new("max");
    for (uint32_t nzcv = 0; nzcv < 16; nzcv++) {
        arm_set_nzcv(r.cpu, nzcv << 28);
        CHECK_EQ(arm_nzcv(r.cpu), nzcv << 28);
    }
    rig_free(&r);
}

TEST(fpcr_keeps_only_what_the_model_has)
{
    struct rig a57 = rig_new("cortex-a57"), max = rig_new("max");
    arm_set_fpcr(a57.cpu, UINT64_MAX);
    arm_set_fpcr(max.cpu, UINT64_MAX);
    CHECK_EQ(arm_fpcr(a57.cpu), 0x07c00000);
    CHECK_EQ(arm_fpcr(max.cpu), 0x07c82007);
    rig_free(&a57);
    rig_free(&max);
}

static bool load_state(struct vcpu *v, const char *bytes, size_t n, struct error *e)
{
    const unsigned version = vcpu_version(v);
    const bool good = vcpu_read(v, bytes, n, version, false, e) &&
                      vcpu_read(v, bytes, n, version, true, e) && vcpu_check(v, e);
    if (good) {
        vcpu_loaded(v);
    }
    return good;
}

TEST(state_is_the_same_after_saving_and_loading)
{
    struct rig r = rig_new("max"), other = rig_new("max");
    struct error e = {""};
    struct strbuf saved = {0}, again = {0};
    for (unsigned i = 0; i < 31; i++) {
        r.cpu->x[i] = i * UINT64_C(0x0123456789abcdef);
    }
    r.cpu->sp = 0x5678;
    r.cpu->pc = 0x40000000;
    r.cpu->v[7].u64[1] = 77;
    arm_set_nzcv(r.cpu, 0x90000000);
    arm_set_fpsr(r.cpu, FPSR_QC | FPSR_IXC);
    arm_set_fpcr(r.cpu, FPCR_FZ);
    arm_update_mode(r.cpu);
    set(&r, VBAR, 0x800);
    set(&r, CNTV_CVAL, 1234);
    set(&r, SYSREG_A64(3, 0, 2, 1, 0), 99); /* APIAKeyLo */
    vcpu_write(&r.cpu->vcpu, &saved);
    CHECK_MSG(load_state(&other.cpu->vcpu, saved.text, saved.len, &e), "%s", e.text);
    vcpu_write(&other.cpu->vcpu, &again);
    CHECK_EQ(saved.len, again.len);
    CHECK_MEM(saved.text, again.text, saved.len);
    CHECK_EQ(other.cpu->x[30], r.cpu->x[30]);
    CHECK_EQ(arm_fpsr(other.cpu), FPSR_QC | FPSR_IXC);
    CHECK_EQ(get(&other, VBAR), 0x800);
    CHECK_EQ(other.cpu->mode, r.cpu->mode);
    strbuf_free(&saved);
    strbuf_free(&again);
    rig_free(&r);
    rig_free(&other);
}

TEST(state_of_another_model_is_refused)
{
    struct rig r = rig_new("max"), other = rig_new("cortex-a57");
    struct error e = {""};
    struct strbuf saved = {0};
    vcpu_write(&r.cpu->vcpu, &saved);
    const uint64_t before = other.cpu->pstate;
    CHECK(!load_state(&other.cpu->vcpu, saved.text, saved.len, &e));
    CHECK(strstr(e.text, "max") != NULL);
    CHECK(!load_state(&other.cpu->vcpu, saved.text, saved.len - 1, &e));
    CHECK(!load_state(&other.cpu->vcpu, "short", 5, &e));
    CHECK_EQ(other.cpu->pstate, before);
    strbuf_free(&saved);
    rig_free(&r);
    rig_free(&other);
}

#define TTBR0 SYSREG_A64(3, 0, 2, 0, 0)
#define TTBR1 SYSREG_A64(3, 0, 2, 0, 1)
#define MAIR SYSREG_A64(3, 0, 10, 2, 0)

/* The piece that va is in, which must begin and end there. */
static struct cpu_mapping mapping(struct rig *r, uint64_t va, uint64_t first, uint64_t last)
{
    struct cpu_mapping m;
    arm_cpu_class.mapping(&r->cpu->vcpu, va, &m);
    CHECK_EQ(m.first, first);
    CHECK_EQ(m.last, last);
    return m;
}

/* Tables by hand (DDI 0487, D8.3): 4 KB pages, 39 bits below, 48 above. */
TEST(mappings_are_what_tables_say)
{
    enum {
        L1 = 0x40001000,
        L2 = 0x40002000,
        L3 = 0x40003000,
        TOP = 0x40004000
    };
    const uint64_t af = 1 << 10, ng = 1 << 11, read_only = 1 << 7, el0 = 1 << 6;
    const uint64_t uxn = UINT64_C(1) << 54, pxn = UINT64_C(1) << 53;
    struct rig r = rig_new("max");
    struct cpu_mapping m = mapping(&r, 0x1234, 0, mask64(52));
    CHECK(m.mapped && m.device && m.exec[1]);
    CHECK_EQ(m.pa, 0);

    test_board_put(r.board, L1 + 8, L2 | 3);
    test_board_put(r.board, L1 + 16, 0x80000000 | af | el0 | pxn | 1);
    test_board_put(r.board, L2 + 8, L3 | 3);
    test_board_put(r.board, L3, 0x40010000 | af | ng | el0 | read_only | 4 | 3);
    test_board_put(r.board, L3 + 8, 0x40020000 | uxn | 3); /* no access flag */
    test_board_put(r.board, L3 + 16, 0x40020000 | af | uxn | pxn | 3);
    test_board_put(r.board, TOP + 511 * 8, L1 | 3);
    set(&r, MAIR, 0x00ff00); /* 1 is normal memory, 0 device */
    set(&r, TTBR0, L1);
    set(&r, TTBR1, TOP);
    set(&r, TCR, 25 | 16 << 16 | UINT64_C(2) << 30);
    set(&r, SCTLR, get(&r, SCTLR) | SCTLR_M);
    arm_update_mode(r.cpu);

    m = mapping(&r, 0, 0, mask64(30));
    CHECK(!m.mapped);
    m = mapping(&r, 0x40000123, 0x40000000, 0x401fffff);
    CHECK(!m.mapped);
    m = mapping(&r, 0x40200123, 0x40200000, 0x40200fff);
    CHECK(m.mapped && m.read[0] && m.read[1] && !m.write[0] && !m.write[1] && m.exec[0]);
    CHECK(!m.global);
    CHECK(!m.device);
    CHECK_EQ(m.pa, 0x40010000);
    m = mapping(&r, 0x40201000, 0x40201000, 0x40201fff);
    CHECK(!m.mapped);
    m = mapping(&r, 0x40202000, 0x40202000, 0x40202fff);
    CHECK(m.mapped && !m.read[0] && m.read[1] && m.write[1] && !m.exec[0] && !m.exec[1]);
    CHECK(m.global && m.device);
    m = mapping(&r, 0x87654321, 0x80000000, 0xbfffffff);
    CHECK(m.mapped && m.write[0] && m.write[1] && m.exec[0] && !m.exec[1]);
    CHECK_EQ(m.pa, 0x80000000);
    m = mapping(&r, UINT64_C(1) << 39, UINT64_C(1) << 39, UINT64_C(0xffff000000000000) - 1);
    CHECK(!m.mapped);
    m = mapping(&r, UINT64_C(0xffffff8080000000), UINT64_C(0xffffff8080000000),
                UINT64_C(0xffffff80bfffffff));
    CHECK(m.mapped);
    CHECK_EQ(m.pa, 0x80000000);
    rig_free(&r);
}

#define CTR SYSREG_A64(3, 3, 0, 0, 1)

TEST(code_is_said_to_be_coherent_where_it_is)
{
    struct rig max = rig_new("max"), a57 = rig_new("cortex-a57");
    CHECK_EQ(get(&max, CTR) >> 28 & 3, 3); /* DIC, IDC */
    CHECK_EQ(get(&a57, CTR) >> 28 & 3, 0);
    CHECK(max.cpu->vcpu.coherent_code && !a57.cpu->vcpu.coherent_code);
    max.cpu->vcpu.coherent_code = false; /* track-code=off */
    CHECK_EQ(get(&max, CTR) >> 28 & 3, 1);
    rig_free(&max);
    rig_free(&a57);
}
