/* SPDX-License-Identifier: MIT */
/*
 * Repeated string instructions beside a model that takes one element after the other: both
 * directions, all sizes, places that overlap, as one virtual page or by two that show the same
 * memory, pages that are not there or may not be written, places across page ends. Compared are
 * registers, flags, the fault and memory. By the engine that keeps nothing, the interpreter and
 * host code. Then: interrupts in between, and code that is overwritten.
 */
#include "tests/test.h"

#include "accel/accel.h"
#include "base/bits.h"
#include "base/rng.h"
#include "cpu/x86/cpu.h"
#include "tests/support/board.h"

#if defined(__x86_64__) /* whose assembler makes the programs */

#define CODE 0x8000
#define GDT 0x1000
#define IDT 0x2000
#define STACK 0x7000
#define TABLES 0x10000
#define CASES 0x20000 /* struct rep_case each; the program finds their number in r13 */
#define PORT 0x10
#define MEMORY 0x400000  /* physical: pages that are shown */
#define WINDOW 0x400000u /* virtual: where */
#define PAGES 16u
#define RAM 0x800000u

/* A case as the program finds it, and what it leaves. */
struct rep_case {
    uint64_t rsi, rdi, rcx, rax, rflags, stub;
    uint64_t rsi_after, rdi_after, rcx_after, rax_after, rflags_after, fault;
};

__asm__(".pushsection .rodata\n"
        ".intel_syntax noprefix\n"
        ".code64\n"
        ".globl x86_reps, x86_reps_end, x86_reps_go, x86_reps_pf, x86_reps_irq, x86_reps_stubs\n"
        ".globl x86_reps_long, x86_reps_over, x86_reps_ahead\n"
        "x86_reps:\n"
        "x86_reps_stubs:\n"
        ".macro stub text:vararg\n"
        "  .balign 16\n"
        "  \\text\n"
        "  ret\n"
        ".endm\n"
        "stub rep movsb\n stub rep movsw\n stub rep movsd\n stub rep movsq\n"
        "stub rep stosb\n stub rep stosw\n stub rep stosd\n stub rep stosq\n"
        "stub repe cmpsb\n stub repe cmpsw\n stub repe cmpsd\n stub repe cmpsq\n"
        "stub repne cmpsb\n stub repne cmpsw\n stub repne cmpsd\n stub repne cmpsq\n"
        "stub repe scasb\n stub repe scasw\n stub repe scasd\n stub repe scasq\n"
        "stub repne scasb\n stub repne scasw\n stub repne scasd\n stub repne scasq\n"
        "stub rep lodsb\n stub rep lodsw\n stub rep lodsd\n stub rep lodsq\n"
        ".purgem stub\n"
        ".balign 16\n"
        "x86_reps_go: mov rsi, [r12]\n"
        "  mov rdi, [r12 + 8]\n"
        "  mov rcx, [r12 + 16]\n"
        "  mov rax, [r12 + 24]\n"
        "  mov r14, [r12 + 40]\n"
        "  push qword ptr [r12 + 32]\n"
        "  popfq\n"
        "  call r14\n"
        "  pushfq\n"
        "  pop qword ptr [r12 + 80]\n"
        "1: mov [r12 + 48], rsi\n"
        "  mov [r12 + 56], rdi\n"
        "  mov [r12 + 64], rcx\n"
        "  mov [r12 + 72], rax\n"
        "  cld\n"
        "  add r12, 96\n"
        "  dec r13\n"
        "  jnz x86_reps_go\n"
        "end: out 0x10, al\n"
        "  jmp end\n"
        "x86_reps_pf: mov r14, cr2\n"
        "  mov [r12 + 88], r14\n"
        "  mov r14, [rsp + 24]\n"
        "  mov [r12 + 80], r14\n"
        "  mov rsp, 0x7000\n"
        "  jmp 1b\n"

        "x86_reps_irq: inc r8\n"
        "  cmp r8, 1\n"
        "  cmove r9, rcx\n"
        "  iretq\n"
        "x86_reps_long: mov rdi, 0x400000\n"
        "  mov ecx, 0x10000\n"
        "  sti\n"
        "  rep stosb\n"
        "  nop\n"
        "  cli\n"
        "  jmp end\n"

        /* The jump is overwritten by what stands behind it. */
        "x86_reps_over: lea rdi, [rip + 2f]\n"
        "  mov al, 0x90\n"
        "  mov ecx, 5\n"
        "  rep stosb\n"
        "2: .byte 0xe9\n"
        "  .long end - . - 4\n"
        "  mov r8, 1\n"
        "  jmp end\n"
        /* The same by a loop that has run already, from the end backwards. */
        "x86_reps_ahead: xor r8, r8\n"
        "  mov r10, 3\n"
        "3: lea rdi, [rip + 4f + 3]\n"
        "  lea rsi, [rip + 5f + 3]\n"
        "  mov ecx, 4\n"
        "4: add r8, 1\n"
        "  std\n"
        "  rep movsb\n"
        "  cld\n"
        "  dec r10\n"
        "  jnz 3b\n"
        "  jmp end\n"
        "5: add r8, 16\n"
        "x86_reps_end:\n"
        ".att_syntax\n"
        ".popsection\n");
extern const uint8_t x86_reps[], x86_reps_end[], x86_reps_go[], x86_reps_pf[], x86_reps_irq[],
    x86_reps_stubs[], x86_reps_long[], x86_reps_over[], x86_reps_ahead[];

static uint32_t place_of(const uint8_t *p)
{
    return CODE + (uint32_t)(p - x86_reps);
}

/* ---- the board */

struct rig {
    struct test_board *b;
    struct x86_apic apic;
    unsigned left;        /* interrupts that are still to come */
    uint8_t shown[PAGES]; /* the page of MEMORY that each page of the window shows */
    bool there[PAGES], writable[PAGES];
};

static int acknowledge(void *opaque, int vcpu)
{
    struct rig *g = opaque;
    const struct irq irq = vcpu_irq(g->b->vcpus[vcpu], X86_LINE_INTR);
    if (--g->left == 0) {
        irq_set(&irq, 0);
    }
    return 0x20;
}

static void put_gate(struct test_board *b, unsigned vector, const uint8_t *handler)
{
    const uint64_t at = place_of(handler);
    test_board_put(b, IDT + 16 * vector,
                   (at & 0xffff) | 0x10 << 16 | UINT64_C(0x8e00) << 32 | at >> 16 << 48);
}

static void put_tables(struct rig *g)
{
    struct test_board *b = g->b;
    test_board_put(b, GDT + 0x10, UINT64_C(0x00af9b000000ffff));
    test_board_put(b, GDT + 0x18, UINT64_C(0x00cf93000000ffff));
    put_gate(b, 14, x86_reps_pf);
    put_gate(b, 0x20, x86_reps_irq);
    test_board_put(b, TABLES, (TABLES + 0x1000) | 3);
    test_board_put(b, TABLES + 0x1000, (TABLES + 0x2000) | 3);
    test_board_put(b, TABLES + 0x2000, 0x83);
    test_board_put(b, TABLES + 0x2010, (TABLES + 0x3000) | 3);
    for (unsigned k = 0; k < PAGES; k++) {
        const uint64_t pa = MEMORY + g->shown[k] * UINT64_C(4096);
        test_board_put(b, TABLES + 0x3000 + 8 * k,
                       pa | (g->there[k] ? 1 : 0) | (g->writable[k] ? 2 : 0));
    }
}

static void begin(struct rig *g, const uint8_t *program)
{
    struct error e = {""};
    g->b = test_board_new(&x86_cpu_class, "max", 1, 0, RAM, &e);
    REQUIRE(g->b);
    g->apic = (struct x86_apic){.opaque = g, .acknowledge = acknowledge};
    test_board_add_end(g->b, g->b->spaces[1], PORT);
    memcpy(g->b->ram + CODE, x86_reps, (size_t)(x86_reps_end - x86_reps));
    put_tables(g);
    x86_set_apic(g->b->vcpus[0], &g->apic);
    struct x86_cpu *c = x86_cpu(g->b->vcpus[0]);
    c->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP | X86_CR0_NE | 0x10;
    c->cr4 = X86_CR4_PAE;
    c->cr3 = TABLES;
    c->efer = X86_EFER_LME | X86_EFER_LMA;
    c->gdt = (struct x86_table){.base = GDT, .limit = 0x1f};
    c->idt = (struct x86_table){.base = IDT, .limit = 0x40 * 16 - 1};
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        const uint16_t selector = k == X86_CS ? 0x10 : 0x18;
        x86_segment_fill(&c->seg[k], selector, load_le64(g->b->ram + GDT + selector));
    }
    c->vcpu.cls->boot(&c->vcpu, place_of(program), 0);
    c->r[X86_RSP] = STACK;
}

static const struct accel_config *const engines[] = {
    NULL, &(const struct accel_config){0}, &(const struct accel_config){.interpreter = true}};
#define ENGINES array_len(engines)

static void run(struct rig *g, unsigned engine)
{
    struct error e = {""};
    CHECK(engines[engine] ? test_board_go(g->b, engines[engine], 60, &e)
                          : test_board_go_oracle(g->b, 10000000));
}

/* ---- the model */

struct model {
    const struct rig *g;
    uint8_t *memory; /* of MEMORY */
    struct rep_case *k;
};

static bool byte_at(const struct model *m, uint64_t va, bool write, uint8_t **p)
{
    const uint64_t page = (va - WINDOW) >> 12;
    if (va < WINDOW || page >= PAGES || !m->g->there[page] || (write && !m->g->writable[page])) {
        m->k->fault = va;
        return false;
    }
    *p = m->memory + m->g->shown[page] * UINT64_C(4096) + (va & 4095);
    return true;
}

/* The address of a fault is that of the first byte, or, of an element on two pages, of the second
 * page's start. */
static bool load(const struct model *m, uint64_t va, unsigned bytes, uint64_t *v)
{
    uint8_t *p;
    *v = 0;
    for (unsigned n = 0; n < bytes; n++) {
        if (!byte_at(m, va + n, false, &p)) {
            return false;
        }
        *v |= (uint64_t)*p << 8 * n;
    }
    return true;
}

static bool store(const struct model *m, uint64_t va, unsigned bytes, uint64_t v)
{
    uint8_t *p[8];
    for (unsigned n = 0; n < bytes; n++) {
        if (!byte_at(m, va + n, true, &p[n])) {
            return false;
        }
    }
    for (unsigned n = 0; n < bytes; n++) {
        *p[n] = (uint8_t)(v >> 8 * n);
    }
    return true;
}

static void compare(struct rep_case *k, uint64_t x, uint64_t y, unsigned bytes)
{
    const unsigned top = 8 * bytes - 1;
    const uint64_t r = (x - y) & mask64(8 * bytes);
    uint64_t f = k->rflags_after & ~(uint64_t)X86_STATUS;
    f |= x < y ? X86_CF : 0;
    f |= __builtin_parityll(r & 0xff) ? 0 : X86_PF;
    f |= (x ^ y ^ r) & 16 ? X86_AF : 0;
    f |= r ? 0 : X86_ZF;
    f |= r >> top & 1 ? X86_SF : 0;
    f |= ((x ^ y) & (x ^ r)) >> top & 1 ? X86_OF : 0;
    k->rflags_after = f;
}

/* One element by stub number; false: it faulted. */
static bool element(struct model *m, unsigned kind, unsigned bytes)
{
    struct rep_case *k = m->k;
    const uint64_t step = k->rflags & X86_DF ? 0 - (uint64_t)bytes : bytes;
    const uint64_t mask = mask64(8 * bytes);
    uint64_t x, y;
    switch (kind) {
    case 0:
        if (!load(m, k->rsi_after, bytes, &x) || !store(m, k->rdi_after, bytes, x)) {
            return false;
        }
        break;
    case 1:
        if (!store(m, k->rdi_after, bytes, k->rax)) {
            return false;
        }
        break;
    case 2:
    case 3:
        if (!load(m, k->rsi_after, bytes, &x) || !load(m, k->rdi_after, bytes, &y)) {
            return false;
        }
        compare(k, x, y, bytes);
        break;
    case 4:
    case 5:
        if (!load(m, k->rdi_after, bytes, &y)) {
            return false;
        }
        compare(k, k->rax & mask, y, bytes);
        break;
    default:
        if (!load(m, k->rsi_after, bytes, &x)) {
            return false;
        }
        k->rax_after = bytes >= 4 ? x : (k->rax_after & ~mask) | x;
        break;
    }
    k->rsi_after += kind == 1 || kind == 4 || kind == 5 ? 0 : step;
    k->rdi_after += kind == 6 ? 0 : step;
    return true;
}

static void model_run(struct model *m)
{
    struct rep_case *k = m->k;
    const unsigned stub = (unsigned)(k->stub - place_of(x86_reps_stubs)) / 16;
    const unsigned kind = stub / 4, bytes = 1u << stub % 4;
    k->rsi_after = k->rsi;
    k->rdi_after = k->rdi;
    k->rcx_after = k->rcx;
    k->rax_after = k->rax;
    k->rflags_after = k->rflags;
    while (k->rcx_after && element(m, kind, bytes)) {
        k->rcx_after--;
        const bool equal = k->rflags_after & X86_ZF;
        if ((kind == 2 || kind == 4) ? !equal : (kind == 3 || kind == 5) && equal) {
            break;
        }
    }
}

/* ---- random cases */

#define CASE_COUNT 200u

static uint64_t random_place(struct rng *rng, uint64_t near)
{
    if (near && rng_below(rng, 3) == 0) {
        return near + rng_below(rng, 40) - 20; /* they overlap */
    }
    const uint64_t page = WINDOW + rng_below(rng, PAGES) * 4096;
    return rng_below(rng, 2) ? page + rng_below(rng, 4096)
                             : page + (rng_below(rng, 2) ? 0 : 4096 - 16) + rng_below(rng, 16);
}

static void random_case(struct rng *rng, struct rep_case *k)
{
    static const uint16_t counts[] = {0, 1, 2, 3, 20, 100, 600, 5000};
    const uint64_t flags = X86_STATUS | (rng_below(rng, 2) ? X86_DF : 0);
    *k = (struct rep_case){.rsi = random_place(rng, 0),
                           .rcx = counts[rng_below(rng, array_len(counts))],
                           .rax = rng_u64(rng) & UINT64_C(0x0101010101010101),
                           .rflags = (rng_u64(rng) & flags) | 2,
                           .stub = place_of(x86_reps_stubs) + 16 * rng_below(rng, 28)};
    k->rdi = random_place(rng, k->rsi);
    k->rcx += k->rcx > 3 ? rng_below(rng, 17) : 0;
}

/* Bytes are 0 or 1, and often all the same: comparisons go on for a while. */
static void random_memory(struct rng *rng, uint8_t *p)
{
    for (unsigned n = 0; n < PAGES * 4096; n++) {
        p[n] = rng_below(rng, 200) == 0;
    }
}

static void check_case(const struct rep_case *want, const struct rep_case *got, unsigned n,
                       unsigned engine)
{
    const uint64_t flags = X86_STATUS | X86_DF;
    CHECK_MSG(want->rsi_after == got->rsi_after && want->rdi_after == got->rdi_after &&
                  want->rcx_after == got->rcx_after && want->rax_after == got->rax_after &&
                  ((want->rflags_after ^ got->rflags_after) & flags) == 0 &&
                  want->fault == got->fault,
              "engine %u, case %u, stub %u: rsi %llx rdi %llx rcx %llx flags %llx: rsi %llx %llx, "
              "rdi %llx %llx, rcx %llx %llx, flags %llx %llx, fault %llx %llx",
              engine, n, (unsigned)(want->stub - place_of(x86_reps_stubs)) / 16,
              (unsigned long long)want->rsi, (unsigned long long)want->rdi,
              (unsigned long long)want->rcx, (unsigned long long)want->rflags,
              (unsigned long long)want->rsi_after, (unsigned long long)got->rsi_after,
              (unsigned long long)want->rdi_after, (unsigned long long)got->rdi_after,
              (unsigned long long)want->rcx_after, (unsigned long long)got->rcx_after,
              (unsigned long long)want->rflags_after, (unsigned long long)got->rflags_after,
              (unsigned long long)want->fault, (unsigned long long)got->fault);
}

static void random_pages(struct rng *rng, struct rig *g)
{
    for (unsigned k = 0; k < PAGES; k++) {
        g->shown[k] = (uint8_t)rng_below(rng, PAGES);
        g->there[k] = rng_below(rng, 8) != 0;
        g->writable[k] = rng_below(rng, 8) != 0;
    }
}

static void random_round(struct rng *rng, unsigned engine)
{
    static uint8_t memory[PAGES * 4096];
    static struct rep_case cases[CASE_COUNT];
    struct rig g = {0};
    random_pages(rng, &g);
    begin(&g, x86_reps_go);
    random_memory(rng, memory);
    memcpy(g.b->ram + MEMORY, memory, sizeof(memory));
    for (unsigned n = 0; n < CASE_COUNT; n++) {
        random_case(rng, &cases[n]);
        memcpy(g.b->ram + CASES + n * sizeof(cases[n]), &cases[n], sizeof(cases[n]));
        struct model m = {&g, memory, &cases[n]};
        model_run(&m);
    }
    struct x86_cpu *c = x86_cpu(g.b->vcpus[0]);
    c->r[12] = CASES;
    c->r[13] = CASE_COUNT;
    run(&g, engine);
    for (unsigned n = 0; n < CASE_COUNT && !test_state.failures; n++) {
        struct rep_case got;
        memcpy(&got, g.b->ram + CASES + n * sizeof(got), sizeof(got));
        check_case(&cases[n], &got, n, engine);
    }
    CHECK(memcmp(g.b->ram + MEMORY, memory, sizeof(memory)) == 0);
    test_board_free(g.b);
}

TEST(rounds_are_those_of_one_element_after_the_other)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned n = 0; n < 6 * test_scale(); n++) {
        for (unsigned e = 0; e < ENGINES && !test_state.failures; e++) {
            random_round(&rng, e);
        }
    }
}

static void all_pages(struct rig *g)
{
    for (unsigned k = 0; k < PAGES; k++) {
        g->shown[k] = (uint8_t)k;
        g->there[k] = g->writable[k] = true;
    }
}

/* The first one comes when some of it has been done. */
TEST(interrupts_come_in_between_and_it_goes_on)
{
    for (unsigned e = 1; e < ENGINES; e++) { /* the engine that keeps nothing takes none */
        struct rig g = {.left = 3};
        all_pages(&g);
        begin(&g, x86_reps_long);
        const struct irq irq = vcpu_irq(g.b->vcpus[0], X86_LINE_INTR);
        struct x86_cpu *c = x86_cpu(g.b->vcpus[0]);
        c->r[X86_RAX] = 0x55;
        irq_set(&irq, 1);
        run(&g, e);
        CHECK_EQ(c->r[8], 3);
        CHECK(c->r[9] < 0x10000);
        CHECK_EQ(c->r[X86_RCX], 0);
        CHECK_EQ(g.b->ram[MEMORY], 0x55);
        CHECK_EQ(g.b->ram[MEMORY + 0xffff], 0x55);
        test_board_free(g.b);
    }
}

TEST(code_that_was_overwritten_is_executed_as_it_is_now)
{
    for (unsigned e = 0; e < ENGINES; e++) {
        struct rig g = {0};
        all_pages(&g);
        begin(&g, x86_reps_over);
        run(&g, e);
        CHECK_EQ(x86_cpu(g.b->vcpus[0])->r[8], 1);
        test_board_free(g.b);
        begin(&g, x86_reps_ahead);
        run(&g, e);
        CHECK_EQ(x86_cpu(g.b->vcpus[0])->r[8], 1 + 16 + 16);
        test_board_free(g.b);
    }
}

#else

TEST(strings)
{
    SKIP("the host is not x86-64");
}

#endif
