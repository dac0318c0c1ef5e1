/* SPDX-License-Identifier: MIT */
/* Saved state of Arm vCPUs: cpu/arm/save.c, cpu/state.c. */
#include "cpu/state.h"

#include "base/bits.h"
#include "base/fields.h"
#include "cpu/arm/regs.h"
#include "cpu/arm/save.h"
#include "cpu/arm/sysregs.h"
#include "tests/test.h"

static struct clock *clock;

static struct arm_cpu *make(const char *model)
{
    struct error e = {""};
    struct vcpu *v = arm_cpu_class.create(model, 0, &e);
    if (!v) {
        test_fail(__FILE__, __LINE__, "%s", e.text);
        return NULL;
    }
    clock = clock ? clock : clock_manual_create();
    v->clock = clock;
    v->cls->reset(v);
    return arm_cpu(v);
}

static void drop(struct arm_cpu *cpu)
{
    cpu->vcpu.cls->destroy(&cpu->vcpu);
}

/* Every register and field has a value of its own, as far as one is possible. */
static void fill(struct arm_cpu *cpu)
{
    uint64_t n = 0x1111;
    for (unsigned i = 0; i < arm_ir_guest.reg_count; i++) {
        uint64_t *at = (void *)((char *)cpu + arm_ir_guest.regs[i].offset);
        at[0] = n++;
        if (arm_ir_guest.regs[i].type == T_V128) {
            at[1] = n++;
        }
    }
    for (unsigned i = 0; i < arm_sysreg_count; i++) {
        const struct arm_sysreg *r = &arm_sysregs[i];
        if (r->offset && arm_sysreg_find(cpu, r->key) == r) {
            uint64_t *field = arm_sysreg_field(cpu, r);
            *field = (*field & ~r->mask) | (n++ & r->mask);
        }
    }
    cpu->pc = 0x40001234;
    cpu->pstate = 1 << PSTATE_EL_SHIFT | PSTATE_SP | PSTATE_I;
    cpu->sp_el[0] = 0x5000;
    cpu->timer[1].cval = 77;
    cpu->timer[1].ctl = 1;
    cpu->pmu.count[3] = 9;
    cpu->vcpu.halted = true;
    cpu->vcpu.instructions = 12345;
    clock_timer_set(cpu->wfit_timer, 4711);
    arm_set_fpcr(cpu, 3u << FPCR_RMODE_SHIFT);
    arm_set_fpsr(cpu, FPSR_IXC | FPSR_QC);
}

static bool load(struct arm_cpu *cpu, const struct strbuf *s, struct error *e)
{
    struct vcpu *v = &cpu->vcpu;
    if (!vcpu_read(v, s->text, s->len, vcpu_version(v), false, e)) {
        return false;
    }
    if (!vcpu_read(v, s->text, s->len, vcpu_version(v), true, e)) {
        return error_set(e, "what passed without store fails with it");
    }
    if (!vcpu_check(v, e)) {
        return false;
    }
    vcpu_loaded(v);
    return true;
}

TEST(every_byte_of_the_struct_is_in_some_table)
{
    struct error e = {""};
    CHECK_MSG(arm_check_tables(&e), "%s", e.text);
}

TEST(state_is_the_same_after_a_round_trip)
{
    static const char *const models[] = {"max", "cortex-a57", "neoverse-n1", "max,pauth=off"};
    for (unsigned i = 0; i < array_len(models); i++) {
        struct arm_cpu *a = make(models[i]), *b = make(models[i]);
        struct strbuf s = {0}, t = {0};
        struct error e = {""};
        fill(a);
        vcpu_write(&a->vcpu, &s);
        CHECK_MSG(load(b, &s, &e), "%s: %s", models[i], e.text);
        vcpu_write(&b->vcpu, &t);
        CHECK_EQ(s.len, t.len);
        CHECK_MEM(s.text, t.text, s.len);
        CHECK_EQ(b->x[3], a->x[3]);
        CHECK_EQ(b->sctlr[1], a->sctlr[1]);
        CHECK_EQ(b->mode, (arm_update_mode(a), a->mode));
        CHECK_EQ(arm_fpsr(b), FPSR_IXC | FPSR_QC);
        CHECK_EQ(clock_timer_due_ns(b->wfit_timer), 4711);
        CHECK(b->vcpu.halted);
        strbuf_free(&s);
        strbuf_free(&t);
        drop(a);
        drop(b);
    }
}

TEST(another_model_or_other_features_are_refused_with_both_names)
{
    struct arm_cpu *a = make("max"), *b = make("cortex-a57"), *c = make("max,pauth=off");
    struct strbuf s = {0};
    struct error e = {""};
    vcpu_write(&a->vcpu, &s);
    CHECK(!load(b, &s, &e));
    CHECK_STR(e.text, "the state is of a max, and -cpu here is cortex-a57");
    CHECK(!load(c, &s, &e));
    CHECK(strstr(e.text, "the state is of a max with features"));
    strbuf_free(&s);
    drop(a);
    drop(b);
    drop(c);
}

TEST(a_state_that_is_cut_off_is_refused_at_every_length)
{
    struct arm_cpu *a = make("max"), *b = make("max");
    struct strbuf s = {0};
    struct error e = {""};
    vcpu_write(&a->vcpu, &s);
    for (size_t n = 0; n < s.len; n++) {
        CHECK(!vcpu_read(&b->vcpu, s.text, n, 1, false, &e));
    }
    strbuf_free(&s);
    drop(a);
    drop(b);
}

TEST(processor_states_that_cannot_be_are_refused)
{
    struct arm_cpu *a = make("max"), *b = make("max");
    static const uint32_t bad[] = {2 << PSTATE_EL_SHIFT, PSTATE_NRW, PSTATE_SP, 1u << 31,
                                   3 << PSTATE_EL_SHIFT | PSTATE_SP};
    for (unsigned i = 0; i < array_len(bad); i++) {
        struct strbuf s = {0};
        struct error e = {""};
        a->pstate = bad[i];
        vcpu_write(&a->vcpu, &s);
        CHECK(!load(b, &s, &e));
        CHECK(strstr(e.text, "PSTATE is 0x"));
        strbuf_free(&s);
    }
    drop(a);
    drop(b);
}

TEST(masked_non_maskable_interrupts_are_a_state_of_cpus_that_have_them)
{
    static const char *const models[] = {"max", "cortex-a57"};
    for (unsigned i = 0; i < array_len(models); i++) {
        struct arm_cpu *a = make(models[i]), *b = make(models[i]);
        struct strbuf s = {0};
        struct error e = {""};
        a->pstate |= PSTATE_ALLINT;
        vcpu_write(&a->vcpu, &s);
        CHECK_EQ(load(b, &s, &e), i == 0);
        strbuf_free(&s);
        drop(a);
        drop(b);
    }
}

/* Removes or changes the last system register of a state: 2 bytes of encoding, 8 of value. */
TEST(system_registers_are_known_by_their_encoding)
{
    struct arm_cpu *a = make("max"), *b = make("max");
    struct strbuf s = {0}, t = {0};
    struct error e = {""};
    fill(a);
    vcpu_write(&a->vcpu, &s);
    uint32_t count = 0;
    for (unsigned i = 0; i < arm_sysreg_count; i++) {
        count += arm_sysregs[i].offset && arm_sysreg_find(a, arm_sysregs[i].key) == &arm_sysregs[i];
    }
    const size_t list = s.len - 10 * count;
    CHECK_EQ(load_le32(s.text + list - 4), count);
    /* One fewer: it has its value after reset. */
    strbuf_bytes(&t, s.text, s.len - 10);
    store_le32(t.text + list - 4, count - 1);
    b->cntfrq = 1;
    CHECK_MSG(load(b, &t, &e), "%s", e.text);
    CHECK_EQ(b->cntfrq, 0);
    store_le16(s.text + s.len - 10, 0xffff);
    CHECK(!load(b, &s, &e));
    CHECK_STR(e.text, "the state has a system register 0xffff, which this program does not know");
    strbuf_free(&s);
    strbuf_free(&t);
    drop(a);
    drop(b);
}
