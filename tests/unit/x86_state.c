/* SPDX-License-Identifier: MIT */
/* Saved state of x86 vCPUs: cpu/x86/state.c, cpu/state.c. */
#include "cpu/x86/state.h"

#include "base/bits.h"
#include "base/rng.h"
#include "cpu/state.h"
#include "cpu/x86/fpu.h"
#include "cpu/x86/frame.h"
#include "tests/test.h"

static struct x86_cpu *make(const char *model)
{
    struct error e = {""};
    struct vcpu *v = x86_cpu_class.create(model, 0, &e);
    if (!v) {
        test_fail(__FILE__, __LINE__, "%s", e.text);
        return NULL;
    }
    v->cls->reset(v);
    return x86_cpu(v);
}

static void drop(struct x86_cpu *c)
{
    c->vcpu.cls->destroy(&c->vcpu);
}

/* As a kernel may have it, with a value of its own in what can have any. */
static void fill(struct x86_cpu *c)
{
    uint64_t n = 0x1111;
    for (unsigned k = 0; k < 16; k++) {
        c->r[k] = n++;
        for (unsigned half = 0; half < 2; half++) {
            c->ymm[k].half[half].u64[0] = n++;
            c->ymm[k].half[half].u64[1] = n++;
        }
    }
    c->upper_used = 1;
    for (unsigned k = 0; k < 8; k++) {
        c->fpu.st[k].low = n++;
        c->fpu.st[k].high = (uint16_t)n++;
    }
    c->fpu.top = 5;
    c->cr0 = 0x80050033;
    c->cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE;
    c->cr3 = 0x1234005;
    c->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE;
    x86_segment_fill(&c->seg[X86_CS], 0x10, UINT64_C(0x00af9b000000ffff));
    c->seg[X86_FS].base = UINT64_C(0xffff800012345678);
    c->aux = X86_LOCAL_SHADOW;
    c->rip = UINT64_C(0xffffffff81000000);
    c->kernel_gs_base = UINT64_C(0xffff888000000000);
    c->tsc_offset = 4711;
    c->dr[1] = n++;
    c->pat = UINT64_C(0x0407050600070106);
    c->nmi_blocked = c->in_smm = true;
    c->smbase = 0x7ff0000;
    c->vcpu.halted = true;
    x86_set_rflags(c, X86_IF | X86_CF | X86_DF | X86_AC, UINT32_MAX);
    x86_set_mxcsr(c, 0x3fa5);
}

static bool load(struct x86_cpu *c, const struct strbuf *s, struct error *e)
{
    struct vcpu *v = &c->vcpu;
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
    CHECK_MSG(x86_state_check_tables(&e), "%s", e.text);
}

TEST(state_is_the_same_after_a_round_trip)
{
    struct x86_cpu *a = make("max"), *b = make("max");
    struct strbuf s = {0}, t = {0};
    struct error e = {""};
    fill(a);
    vcpu_write(&a->vcpu, &s);
    CHECK_MSG(load(b, &s, &e), "%s", e.text);
    vcpu_write(&b->vcpu, &t);
    CHECK_EQ(s.len, t.len);
    CHECK_MEM(s.text, t.text, s.len);
    CHECK_EQ(b->r[3], a->r[3]);
    CHECK_EQ(b->cr3, a->cr3);
    CHECK_EQ(x86_rflags(b), x86_rflags(a));
    CHECK_EQ(x86_mxcsr(b), 0x3fa5);
    CHECK_EQ(b->vcpu.cls->mode_key(&b->vcpu), a->vcpu.cls->mode_key(&a->vcpu));
    CHECK_EQ(b->seg[X86_DS].end_write, 0x10000);
    CHECK(b->vcpu.halted);
    strbuf_free(&s);
    strbuf_free(&t);
    drop(a);
    drop(b);
}

/* Legacy SSE code keeps upper halves of YMM registers only if it was translated to. */
TEST(a_debugger_that_sets_a_segment_keeps_what_code_is_translated_for)
{
    struct x86_cpu *c = make("max");
    const struct cpu_reg *r = c->vcpu.cls->regs;
    c->cr0 = X86_CR0_PE | 0x10;
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        x86_segment_virtual(&c->seg[k], 0x1000);
    }
    x86_set_rflags(c, X86_VM, UINT32_MAX);
    c->upper_used = 1;
    c->aux = x86_code_aux(c);
    while (r->name && strcmp(r->name, "cs") != 0) {
        r++;
    }
    REQUIRE(r->name);
    r->set(&c->vcpu, 0x1234);
    CHECK_EQ(c->aux, UINT64_C(0x12340) << 32 | X86_LOCAL_UPPER);
    drop(c);
}

TEST(another_model_or_other_features_are_refused)
{
    struct x86_cpu *a = make("max"), *b = make("qemu64"), *c = make("max,-smap");
    struct strbuf s = {0};
    struct error e = {""};
    vcpu_write(&a->vcpu, &s);
    CHECK(!load(b, &s, &e));
    CHECK_STR(e.text, "the state is of a max, and -cpu here is qemu64-v1");
    CHECK(!load(c, &s, &e));
    CHECK(strstr(e.text, "the state is of a max with other features"));
    strbuf_free(&s);
    drop(a);
    drop(b);
    drop(c);
}

TEST(a_state_that_is_cut_off_is_refused_at_every_length)
{
    struct x86_cpu *a = make("max"), *b = make("max");
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

/* Each row changes one thing of a state that is fine. */
static void spoil(struct x86_cpu *c, unsigned n)
{
    switch (n) {
    case 0:
        c->cr0 &= ~(uint64_t)X86_CR0_PE; /* paging without protection */
        break;
    case 1:
        c->efer &= ~(uint64_t)X86_EFER_LME; /* long mode that was not enabled */
        break;
    case 2:
        c->cr4 &= ~(uint64_t)X86_CR4_PAE;
        break;
    case 3:
        c->cr4 |= UINT64_C(1) << 40;
        break;
    case 4:
        c->cr3 |= UINT64_C(1) << 60;
        break;
    case 5:
        c->rflags |= X86_VM; /* virtual-8086 in long mode */
        break;
    case 6:
        c->direction = 7;
        break;
    case 7:
        c->aux = UINT64_C(0x1234) << 32; /* code elsewhere than CS says */
        break;
    case 8:
        c->seg[X86_FS].base = UINT64_C(1) << 60;
        break;
    case 9:
        c->seg[X86_SS].base = UINT64_C(1) << 33;
        break;
    case 10:
        c->xcr0 = 4;
        break;
    case 11:
        c->pat = 2; /* no memory type */
        break;
    case 12:
        c->lstar = UINT64_C(1) << 60;
        break;
    case 13:
        c->dr[7] = UINT64_C(1) << 32;
        break;
    case 14:
        c->efer |= UINT64_C(1) << 30;
        break;
    case 15:
        c->rflags |= UINT32_C(1) << 31;
        break;
    case 16:
        c->seg[X86_CS].attr &= (uint16_t)~X86_A_LONG; /* a PC beyond 4 GiB in other code */
        break;
    default:
        break;
    }
}

TEST(states_that_no_program_can_make_are_refused)
{
    struct x86_cpu *a = make("max"), *b = make("max");
    for (unsigned n = 0; n <= 17; n++) {
        struct strbuf s = {0};
        struct error e = {""};
        a->vcpu.cls->reset(&a->vcpu);
        fill(a);
        spoil(a, n);
        vcpu_write(&a->vcpu, &s);
        CHECK_MSG(load(b, &s, &e) == (n == 17), "change %u: %s", n, e.text);
        CHECK(n == 17 || strstr(e.text, "no program can make"));
        strbuf_free(&s);
    }
    drop(a);
    drop(b);
}

/* Whatever a state says, what is stored of it does no harm: fields that are out of their bounds. */
TEST(numbers_out_of_their_bounds_are_refused_before_anything_is_stored)
{
    struct x86_cpu *a = make("max"), *b = make("max");
    struct rng g;
    struct strbuf s = {0};
    rng_seed(&g, 5);
    fill(a);
    vcpu_write(&a->vcpu, &s);
    unsigned refused = 0;
    for (unsigned n = 0; n < 4000; n++) {
        struct error e = {""};
        const size_t at = (size_t)rng_below(&g, s.len);
        const char old = s.text[at];
        s.text[at] = (char)rng_u64(&g);
        const bool loaded = load(b, &s, &e);
        refused += !loaded;
        s.text[at] = old;
        CHECK(!loaded || (b->fpu.top <= 7 && !(b->seg[X86_CS].attr & 0x0f00) && b->cr8 <= 15));
    }
    CHECK(refused > 100);
    strbuf_free(&s);
    drop(a);
    drop(b);
}
