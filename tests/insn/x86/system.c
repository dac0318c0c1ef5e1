/* SPDX-License-Identifier: MIT */
/*
 * What an operating system does with the CPU, in 64-bit code on a board with RAM and nothing else:
 * interrupts of a local controller and their shadow, NMI, model-specific registers, system calls,
 * SMAP, XSAVE. Programs leave words in memory. By the engine that keeps nothing and by host code.
 */
#include "tests/test.h"

#include "accel/accel.h"
#include "base/bits.h"
#include "cpu/x86/cpu.h"
#include "tests/support/board.h"

#if defined(__x86_64__) /* whose assembler makes the programs */

#define CODE 0x8000
#define WORDS 0x500 /* what they leave, 8 bytes each */
#define GDT 0x1000
#define IDT 0x2000
#define TSS 0x3000
#define STACK 0x7000
#define TABLES 0x10000
#define USER_PAGE 0x600000 /* pages of 2 MiB; from here on they are the user's */
#define IMAGE 0x700000
#define PORT 0x10

/* Vector n goes to `vectors` + 16 n. Exceptions leave their number, error code and place, and go on
 * at the address in r15. */
__asm__(".pushsection .rodata\n"
        ".intel_syntax noprefix\n"
        ".code64\n"
        ".globl x86_system, x86_system_end, x86_vectors, x86_p_interrupts, x86_p_halt, x86_p_msr\n"
        ".globl x86_p_window, x86_p_jump_window\n"
        ".globl x86_p_calls, x86_p_smap, x86_p_xsave, x86_user,\n"
        ".globl x86_p_enter, x86_enter_user, x86_enter_kernel\n"
        ".globl x86_p_smap_rounds, x86_p_spaces, x86_p_user_window, x86_after_halt\n"
        "x86_system:\n"
        ".balign 16\n"
        "x86_vectors:\n"
        ".set v, 0\n"
        ".rept 66\n"
        "  .if v == 2\n"
        "  inc qword ptr [0x508]\n"
        "  iretq\n"
        "  .elseif v == 64\n"
        "  jmp interrupt\n"
        "  .else\n"
        "  .if (v != 8) && ((v < 10) || (v > 14)) && (v != 17)\n"
        "  push 0\n"
        "  .endif\n"
        "  push v\n"
        "  jmp exception\n"
        "  .endif\n"
        "  .balign 16\n"
        "  .set v, v + 1\n"
        ".endr\n"
        "exception: pop qword ptr [0x540]\n"
        "  pop qword ptr [0x548]\n"
        "  pop qword ptr [0x550]\n"
        "  pop qword ptr [0x558]\n"
        "  mov rsp, 0x7000\n"
        "  jmp r15\n"
        "interrupt: inc qword ptr [0x500]\n"
        "  mov r14, [rsp]\n"
        "  mov [0x518], r14\n"
        "  mov [0x510], rbx\n"
        "  iretq\n"
        "end: out 0x10, al\n"
        "  jmp end\n"

        "x86_p_interrupts:\n"
        "  xor ebx, ebx\n"
        "  sti\n"
        "  inc rbx\n" /* in the shadow */
        "  inc rbx\n"
        "  nop\n"
        "  cli\n"
        "  jmp end\n"

        "x86_p_window:\n"
        "  mov ecx, 1000\n"
        "1: mov cr8, rax\n"
        "  sti\n"
        "  nop\n"
        "  nop\n"
        "  cli\n"
        "  dec ecx\n"
        "  jnz 1b\n"
        "  jmp end\n"

        "x86_p_jump_window:\n"
        "  mov ecx, 1000\n"
        "1: mov cr8, rax\n"
        "  sti\n"
        "  jmp 2f\n"
        "2: nop\n"
        "  cli\n"
        "  dec ecx\n"
        "  jnz 1b\n"
        "  jmp end\n"

        "x86_p_halt:\n"
        "  sti\n"
        "  hlt\n"
        "x86_after_halt:\n"
        "  cli\n"
        "  jmp end\n"

        "x86_p_msr:\n"
        "  mov ecx, 0x277\n" /* PAT */
        "  rdmsr\n"
        "  mov [0x500], eax\n"
        "  mov [0x504], edx\n"
        "  mov eax, 0x01040506\n"
        "  mov edx, 0\n"
        "  wrmsr\n"
        "  rdmsr\n"
        "  mov [0x508], eax\n"
        "  lea r15, [rip + 1f]\n"
        "  mov eax, 2\n" /* no memory type */
        "  wrmsr\n"
        "1: mov rax, [0x540]\n"
        "  mov [0x510], rax\n"
        "  mov ecx, 0xc0000082\n" /* LSTAR, an address that is not canonical */
        "  mov edx, 0x80000000\n"
        "  lea r15, [rip + 2f]\n"
        "  wrmsr\n"
        "2: mov rax, [0x540]\n"
        "  mov [0x518], rax\n"
        "  mov qword ptr [0x540], 0\n"
        "  mov ecx, 0x12345678\n"
        "  lea r15, [rip + 3f]\n"
        "  rdmsr\n"
        "3: mov rax, [0x540]\n"
        "  mov [0x520], rax\n"
        "  rdtsc\n"
        "  shl rdx, 32\n"
        "  lea rbx, [rdx + rax]\n"
        "  rdtsc\n"
        "  shl rdx, 32\n"
        "  add rax, rdx\n"
        "  cmp rax, rbx\n"
        "  setae al\n"
        "  mov [0x528], al\n"
        "  jmp end\n"

        "x86_p_calls:\n"
        "  mov ecx, 0xc0000081\n" /* STAR: kernel 0x10, user 0x23 */
        "  xor eax, eax\n"
        "  mov edx, 0x00230010\n"
        "  wrmsr\n"
        "  inc ecx\n" /* LSTAR */
        "  lea rax, [rip + called]\n"
        "  xor edx, edx\n"
        "  wrmsr\n"
        "  mov ecx, 0xc0000084\n" /* FMASK: C */
        "  mov eax, 1\n"
        "  wrmsr\n"
        "  mov ecx, 0xc0000102\n" /* KERNEL_GS_BASE */
        "  mov eax, 0x570\n"
        "  wrmsr\n"
        "  lea r15, [rip + end]\n"
        "  push 0x2b\n"
        "  push 0x607000\n"
        "  push 0x203\n"
        "  push 0x33\n"
        "  push 0x600000\n"
        "  iretq\n"
        "called: mov [0x500], rcx\n"
        "  mov [0x508], r11\n"
        "  mov eax, cs\n"
        "  mov [0x510], rax\n"
        "  pushfq\n"
        "  pop qword ptr [0x518]\n"
        "  swapgs\n"
        "  mov qword ptr gs:[0], 0x77\n"
        "  swapgs\n"
        "  sysretq\n"
        /* What the user runs, at 0x600000. */
        "x86_user: mov rdx, 0x7000\n"
        "  syscall\n"
        "  mov eax, cs\n"
        "  mov [0x600800], rax\n"
        "  mov eax, ss\n"
        "  mov [0x600808], rax\n"
        "  int 0x41\n"

        "x86_p_smap:\n"
        "  lea r15, [rip + 1f]\n"
        "  mov rax, [0x600000]\n"
        "1: mov rax, [0x540]\n"
        "  mov [0x500], rax\n"
        "  mov rax, [0x548]\n"
        "  mov [0x508], rax\n"
        "  mov qword ptr [0x540], 99\n"
        "  stac\n"
        "  mov rax, [0x600000]\n"
        "  clac\n"
        "  mov [0x510], rax\n"
        "  lea r15, [rip + 2f]\n"
        "  mov [0x600000], rax\n"
        "2: mov rax, [0x540]\n"
        "  mov [0x518], rax\n"
        "  jmp end\n"

        /* SMAP, again and again, and where CR4 says something else meanwhile. */
        "smap_rounds: mov ecx, 100\n"
        "1: stac\n"
        "  mov rax, [0x600000]\n"
        "  clac\n"
        "  dec ecx\n"
        "  jnz 1b\n"
        "  ret\n"
        "x86_p_smap_rounds:\n"
        "  lea r15, [rip + 1f]\n"
        "  call smap_rounds\n"
        "  mov rax, [0x600000]\n"
        "1: mov rax, [0x540]\n"
        "  mov [0x500], rax\n"
        "  mov [0x508], ecx\n"
        "  mov qword ptr [0x540], 99\n"
        "  lea r15, [rip + 2f]\n"
        "  mov rax, cr4\n"
        "  btr rax, 21\n"
        "  mov cr4, rax\n"
        "  call smap_rounds\n"
        "  mov rax, [0x600000]\n"
        "2: mov rax, [0x540]\n"
        "  mov [0x510], rax\n"
        "  lea r15, [rip + 3f]\n"
        "  mov rax, cr4\n"
        "  bts rax, 21\n"
        "  mov cr4, rax\n"
        "  call smap_rounds\n"
        "  mov rax, [0x600000]\n"
        "3: mov rax, [0x540]\n"
        "  mov [0x518], rax\n"
        "  mov [0x520], ecx\n"
        "  jmp end\n"

        /* Users in two address spaces in turn, with all flags; rdx is what the user's code is. */
        "x86_p_spaces:\n"
        "  mov ecx, 0xc0000081\n"
        "  xor eax, eax\n"
        "  mov edx, 0x00230010\n"
        "  wrmsr\n"
        "  inc ecx\n"
        "  lea rax, [rip + 2f]\n"
        "  xor edx, edx\n"
        "  wrmsr\n"
        "  mov ecx, 0xc0000084\n" /* FMASK: C, D, AC */
        "  mov eax, 0x40401\n"
        "  wrmsr\n"
        "  xor ebx, ebx\n"
        "  xor ebp, ebp\n"
        "  xor r13d, r13d\n"
        "  xor r14d, r14d\n"
        "1: mov eax, ebx\n"
        "  and eax, 1\n"
        "  inc eax\n"
        "  mov ecx, eax\n"
        "  shl eax, 16\n"
        "  or eax, ecx\n"
        "  bts rax, 63\n"
        "  mov cr3, rax\n" /* 0x10001 or 0x20002, and all stays in the TLB */
        "  imul r12d, ebx, 0x9e3779b1\n"
        "  and r12d, 0x240cd5\n"
        "  or r12d, 2\n"
        "  mov r11, r12\n"
        "  mov ecx, 0x600000\n"
        "  sysretq\n"
        "2: pushfq\n"
        "  pop rax\n"
        "  xor rax, r12\n"
        "  and r12d, 0x40401\n"
        "  xor rax, r12\n"
        "  or r13, rax\n" /* flags that are not what they were without those masked */
        "  shl rdx, 1\n"
        "  cld\n"
        "  add rbp, rdx\n"
        "  mov r8, 0xffff800000600000\n" /* the same page */
        "  movzx eax, byte ptr [r8 + 1]\n"
        "  add rbp, rax\n"
        "  add r8, 7\n"
        "  call r8\n"
        "  add rbp, rax\n"
        "  mov [0x510], r11\n"
        "  inc ebx\n"
        "  cmp ebx, 1000\n"
        "  jb 1b\n"
        "  mov [0x500], rbp\n"
        "  mov [0x508], r13\n"
        "  jmp end\n"

        /* In 32-bit code: ebp is where the user begins. */
        ".code32\n"
        "x86_p_enter: mov esi, 1000\n"
        "1: mov ecx, 0x6000\n"
        "  mov edx, ebp\n"
        "  stc\n"
        "  sysexit\n"
        "x86_enter_user: adc ebx, 1\n" /* 2: C is kept */
        "  mov eax, cs\n"
        "  mov [0x508], eax\n"
        "  mov eax, ss\n"
        "  mov [0x510], eax\n"
        "  mov [0x518], esp\n"
        "  push esi\n"
        "  stc\n"
        "  sysenter\n"
        "x86_enter_kernel: adc edi, 1\n"
        "  mov eax, cs\n"
        "  mov [0x520], eax\n"
        "  mov eax, ss\n"
        "  mov [0x528], eax\n"
        "  mov [0x530], esp\n"
        "  push esi\n"
        "  dec esi\n"
        "  jnz 1b\n"
        "  mov [0x500], ebx\n"
        "  mov [0x538], edi\n"
        "1: out 0x10, al\n"
        "  jmp 1b\n"
        ".code64\n"

        /* Interrupts are let in by SYSRET, and shut out by SYSCALL. */
        "x86_p_user_window:\n"
        "  mov ecx, 0xc0000081\n"
        "  xor eax, eax\n"
        "  mov edx, 0x00230010\n"
        "  wrmsr\n"
        "  inc ecx\n"
        "  lea rax, [rip + 2f]\n"
        "  xor edx, edx\n"
        "  wrmsr\n"
        "  mov ecx, 0xc0000084\n" /* FMASK: IF */
        "  mov eax, 0x200\n"
        "  wrmsr\n"
        "  xor ebx, ebx\n"
        "1: xor eax, eax\n"
        "  mov cr8, rax\n"
        "  mov r11d, 0x202\n"
        "  mov ecx, 0x600000\n"
        "  sysretq\n"
        "2: inc ebx\n"
        "  cmp ebx, 1000\n"
        "  jb 1b\n"
        "  jmp end\n"

        "x86_p_xsave:\n"
        "  xor ecx, ecx\n"
        "  mov eax, 3\n"
        "  xor edx, edx\n"
        "  xsetbv\n"
        "  fninit\n"
        "  fld1\n"
        "  pcmpeqd xmm1, xmm1\n"
        "  mov rbx, 0x700000\n"
        "  mov eax, 3\n"
        "  xsave [rbx]\n"
        "  fninit\n"
        "  pxor xmm1, xmm1\n"
        "  xsave [rbx + 0x1000]\n"
        "  xrstor [rbx]\n"
        "  movq [0x500], xmm1\n"
        "  fstp qword ptr [0x508]\n"
        "  fldpi\n"
        "  xrstor [rbx + 0x1000]\n"
        "  movq [0x510], xmm1\n"
        "  fnstsw ax\n"
        "  mov [0x518], ax\n"
        "  mov qword ptr [rbx + 512], 8\n" /* a component that is not there */
        "  lea r15, [rip + 1f]\n"
        "  mov eax, 3\n"
        "  xrstor [rbx]\n"
        "1: mov rax, [0x540]\n"
        "  mov [0x520], rax\n"
        "  jmp end\n"
        "x86_system_end:\n"
        ".att_syntax\n"
        ".popsection\n");
extern const uint8_t x86_p_enter[], x86_enter_user[], x86_enter_kernel[];
extern const uint8_t x86_system[], x86_system_end[], x86_vectors[], x86_p_interrupts[],
    x86_p_window[], x86_p_jump_window[], x86_p_halt[], x86_p_msr[], x86_p_calls[], x86_p_smap[],
    x86_p_smap_rounds[], x86_p_spaces[], x86_p_user_window[], x86_p_xsave[], x86_user[],
    x86_after_halt[];

/* ---- a board in long mode */

struct rig {
    struct test_board *b;
    struct x86_apic apic;
    unsigned left; /* interrupts that are still to come */
    bool nmi;      /* sent with the first one */
    unsigned wait; /* writes of CR8 until one comes, or 0 */
};

static int acknowledge(void *opaque, int vcpu)
{
    struct rig *g = opaque;
    const struct irq irq = vcpu_irq(g->b->vcpus[vcpu], X86_LINE_INTR);
    if (g->nmi) {
        x86_send_nmi(g->b->vcpus[vcpu]);
        g->nmi = false;
    }
    if (--g->left == 0) {
        irq_set(&irq, 0);
    }
    return 0x40;
}

static void set_priority(void *opaque, int vcpu, unsigned priority)
{
    struct rig *g = opaque;
    const struct irq irq = vcpu_irq(g->b->vcpus[vcpu], X86_LINE_INTR);
    (void)priority;
    if (g->wait && --g->wait == 0) {
        irq_set(&irq, 1);
    }
}

static bool no_msr(void *opaque, int vcpu, uint32_t msr, uint64_t *value)
{
    (void)opaque, (void)vcpu, (void)msr, (void)value;
    return false;
}

static uint32_t place_of(const uint8_t *p)
{
    return CODE + (uint32_t)(p - x86_system);
}

static void put_tables(struct test_board *b)
{
    static const uint64_t segments[] = {0,
                                        0,
                                        UINT64_C(0x00af9b000000ffff),
                                        UINT64_C(0x00cf93000000ffff),
                                        UINT64_C(0x00cffb000000ffff),
                                        UINT64_C(0x00cff3000000ffff),
                                        UINT64_C(0x00affb000000ffff)};
    test_board_put_all(b, GDT, segments, array_len(segments));
    test_board_put(b, TSS + 4, STACK);
    for (unsigned v = 0; v < 66; v++) {
        const uint64_t at = place_of(x86_vectors) + 16 * v, dpl = v == 65 ? 3 : 0;
        test_board_put(b, IDT + 16 * v,
                       (at & 0xffff) | 0x10 << 16 | (0x8e00 | dpl << 13) << 32 | at >> 16 << 48);
    }
    test_board_put(b, TABLES, (TABLES + 0x1000) | 7);
    test_board_put(b, TABLES + 0x1000, (TABLES + 0x2000) | 7);
    for (uint64_t k = 0; k < 4; k++) {
        const bool user = k == USER_PAGE >> 21;
        test_board_put(b, TABLES + 0x2000 + 8 * k, k << 21 | 0x83 | (user ? 4 : 0));
    }
}

static void segment(struct x86_segment *s, const struct test_board *b, uint16_t selector)
{
    x86_segment_fill(s, selector, load_le64(b->ram + GDT + selector));
}

static void enter_long_mode(struct test_board *b, uint32_t entry)
{
    struct x86_cpu *c = x86_cpu(b->vcpus[0]);
    c->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP | X86_CR0_NE | X86_CR0_MP | 0x10;
    c->cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE |
             X86_CR4_SMAP;
    c->cr3 = TABLES;
    c->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE;
    c->gdt = (struct x86_table){.base = GDT, .limit = 0x7f};
    c->idt = (struct x86_table){.base = IDT, .limit = 66 * 16 - 1};
    segment(&c->seg[X86_CS], b, 0x10);
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        if (k != X86_CS) {
            segment(&c->seg[k], b, 0x18);
        }
    }
    c->tr = (struct x86_segment){.base = TSS, .limit = 103, .attr = 0x8b};
    c->vcpu.cls->boot(&c->vcpu, entry, 0);
    c->r[X86_RSP] = STACK;
}

static void begin(struct rig *g, const uint8_t *program)
{
    struct error e = {""};
    *g = (struct rig){.b = test_board_new(&x86_cpu_class, "max", 1, 0, 0x800000, &e)};
    REQUIRE(g->b);
    g->apic = (struct x86_apic){
        .opaque = g, .acknowledge = acknowledge, .set_priority = set_priority, .read = no_msr};
    test_board_add_end(g->b, g->b->spaces[1], PORT);
    memcpy(g->b->ram + CODE, x86_system, (size_t)(x86_system_end - x86_system));
    put_tables(g->b);
    x86_set_apic(g->b->vcpus[0], &g->apic);
    enter_long_mode(g->b, place_of(program));
}

static const struct accel_config *const engines[] = {
    NULL, &(const struct accel_config){0}, &(const struct accel_config){.interpreter = true}};
#define ENGINES array_len(engines)
#define FIRST_WITH_INTERRUPTS 1 /* the engine that keeps nothing takes none */

static void run(struct rig *g, unsigned engine)
{
    struct error e = {""};
    CHECK(engines[engine] ? test_board_go(g->b, engines[engine], 60, &e)
                          : test_board_go_oracle(g->b, 100000));
}

static uint64_t word(const struct rig *g, unsigned n)
{
    return load_le64(g->b->ram + WORDS + 8 * n);
}

/* ---- */

TEST(no_interrupt_comes_between_sti_and_the_next_instruction)
{
    for (unsigned k = FIRST_WITH_INTERRUPTS; k < ENGINES; k++) {
        struct rig g;
        begin(&g, x86_p_interrupts);
        const struct irq irq = vcpu_irq(g.b->vcpus[0], X86_LINE_INTR);
        g.left = 1;
        g.nmi = true;
        irq_set(&irq, 1);
        run(&g, k);
        CHECK_EQ(word(&g, 0), 1);
        CHECK_EQ(word(&g, 1), 1); /* the NMI */
        CHECK_EQ(word(&g, 2), 1); /* rbx, when it came */
        test_board_free(g.b);
    }
}

/* Firmware lets interrupts in for two instructions, again and again. */
static void go_through_windows(const uint8_t *program, bool has_masked)
{
    for (unsigned k = FIRST_WITH_INTERRUPTS; k < ENGINES; k++) {
        struct rig g;
        begin(&g, program);
        g.left = 1;
        g.wait = 900; /* by then blocks are linked */
        if (has_masked) {
            x86_cpu(g.b->vcpus[0])->nmi_blocked = true;
            x86_send_nmi(g.b->vcpus[0]);
        }
        run(&g, k);
        CHECK_EQ(word(&g, 0), 1);
        CHECK_EQ(word(&g, 1), has_masked); /* the handler's IRET unmasks it */
        test_board_free(g.b);
    }
}

TEST(an_interrupt_comes_in_a_short_window)
{
    go_through_windows(x86_p_window, false);
    go_through_windows(x86_p_jump_window, false);
}

/* With a masked one each STI looks, and has a shadow. */
TEST(an_interrupt_comes_in_a_short_window_while_another_one_is_masked)
{
    go_through_windows(x86_p_window, true);
}

TEST(an_interrupt_comes_in_a_short_window_that_begins_with_a_jump)
{
    go_through_windows(x86_p_jump_window, true);
}

TEST(an_interrupt_that_waits_ends_hlt_behind_sti)
{
    for (unsigned k = FIRST_WITH_INTERRUPTS; k < ENGINES; k++) {
        struct rig g;
        begin(&g, x86_p_halt);
        const struct irq irq = vcpu_irq(g.b->vcpus[0], X86_LINE_INTR);
        g.left = 3;
        irq_set(&irq, 1);
        run(&g, k);
        CHECK_EQ(word(&g, 0), 3);
        CHECK_EQ(word(&g, 3), place_of(x86_after_halt));
        test_board_free(g.b);
    }
}

TEST(model_specific_registers_refuse_what_is_reserved)
{
    for (unsigned k = 0; k < ENGINES; k++) {
        struct rig g;
        begin(&g, x86_p_msr);
        run(&g, k);
        CHECK_EQ(word(&g, 0), UINT64_C(0x0007040600070406));
        CHECK_EQ(word(&g, 1), 0x01040506);
        CHECK_EQ(word(&g, 2), X86_GP);
        CHECK_EQ(word(&g, 3), X86_GP);
        CHECK_EQ(word(&g, 4), X86_GP);
        CHECK_EQ(word(&g, 5), 1); /* time does not go back */
        test_board_free(g.b);
    }
}

TEST(system_calls_go_to_the_kernel_and_back)
{
    for (unsigned k = 0; k < ENGINES; k++) {
        struct rig g;
        begin(&g, x86_p_calls);
        memcpy(g.b->ram + USER_PAGE, x86_user, (size_t)(x86_p_smap - x86_user));
        x86_cpu(g.b->vcpus[0])->cr4 &= ~(uint64_t)X86_CR4_SMAP;
        run(&g, k);
        CHECK_EQ(word(&g, 0), USER_PAGE + 9); /* rcx: behind SYSCALL */
        CHECK_EQ(word(&g, 1), 0x203);
        CHECK_EQ(word(&g, 2), 0x10);
        CHECK_EQ(word(&g, 3), 0x202); /* C is masked */
        CHECK_EQ(word(&g, 14), 0x77); /* by the kernel's GS */
        CHECK_EQ(load_le64(g.b->ram + USER_PAGE + 0x800), 0x33);
        CHECK_EQ(load_le64(g.b->ram + USER_PAGE + 0x808), 0x2b);
        CHECK_EQ(word(&g, 8), 65);
        CHECK_EQ(word(&g, 11), 0x33);
        test_board_free(g.b);
    }
}

TEST(smap_keeps_the_system_from_user_pages)
{
    for (unsigned k = 0; k < ENGINES; k++) {
        struct rig g;
        begin(&g, x86_p_smap);
        test_board_put(g.b, USER_PAGE, 0x1234);
        run(&g, k);
        CHECK_EQ(word(&g, 0), X86_PAGE);
        CHECK_EQ(word(&g, 1), 1); /* present, a read by the system */
        CHECK_EQ(word(&g, 2), 0x1234);
        CHECK_EQ(word(&g, 3), X86_PAGE);
        test_board_free(g.b);
    }
}

TEST(smap_is_as_cr4_says_each_time)
{
    for (unsigned k = 0; k < ENGINES; k++) {
        struct rig g;
        begin(&g, x86_p_smap_rounds);
        run(&g, k);
        CHECK_EQ(word(&g, 0), X86_PAGE);
        CHECK_EQ((uint32_t)word(&g, 1), 0); /* no sooner */
        CHECK_EQ(word(&g, 2), 99);          /* not without SMAP */
        CHECK_EQ(word(&g, 3), X86_PAGE);
        CHECK_EQ((uint32_t)word(&g, 4), 0);
        test_board_free(g.b);
    }
}

#define OTHER_TABLES 0x20000
#define OTHER_PAGE 0x400000

/* mov edx, n; syscall; mov eax, n; ret */
static void put_user(struct test_board *b, uint64_t pa, uint8_t n)
{
    const uint8_t code[] = {0xba, n, 0, 0, 0, 0x0f, 0x05, 0xb8, n, 0, 0, 0, 0xc3};
    memcpy(b->ram + pa, code, sizeof(code));
}

TEST(system_calls_return_to_the_address_space_of_cr3)
{
    for (unsigned k = 0; k < ENGINES; k++) {
        struct rig g;
        begin(&g, x86_p_spaces);
        struct x86_cpu *c = x86_cpu(g.b->vcpus[0]);
        c->cr4 = (c->cr4 & ~(uint64_t)X86_CR4_SMAP) | X86_CR4_PCIDE;
        /* The upper half, which systems mostly have alike and global, is neither. */
        test_board_put(g.b, TABLES + 0x800, (TABLES + 0x1000) | 7);
        memcpy(g.b->ram + OTHER_TABLES, g.b->ram + TABLES, 0x3000);
        test_board_put(g.b, OTHER_TABLES, (OTHER_TABLES + 0x1000) | 7);
        test_board_put(g.b, OTHER_TABLES + 0x800, (OTHER_TABLES + 0x1000) | 7);
        test_board_put(g.b, OTHER_TABLES + 0x1000, (OTHER_TABLES + 0x2000) | 7);
        test_board_put(g.b, OTHER_TABLES + 0x2018, OTHER_PAGE | 0x87);
        put_user(g.b, USER_PAGE, 1);
        put_user(g.b, OTHER_PAGE, 100);
        run(&g, k);
        CHECK_EQ(word(&g, 0), 4 * 50500);
        CHECK_EQ(word(&g, 1), 0);
        CHECK_EQ(word(&g, 2), ((999 * 0x9e3779b1u) & 0x240cd5) | 2); /* all flags as they were */
        test_board_free(g.b);
    }
}

/* Protected mode without paging, with segments of 4 GiB. */
static void enter_protected_mode(struct x86_cpu *c, uint32_t entry)
{
    c->cr0 = X86_CR0_PE | X86_CR0_NE | 0x10;
    c->cr4 = c->efer = 0;
    x86_segment_fill(&c->seg[X86_CS], 0x10, UINT64_C(0x00cf9b000000ffff));
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        if (k != X86_CS) {
            x86_segment_fill(&c->seg[k], 0x18, UINT64_C(0x00cf93000000ffff));
        }
    }
    c->vcpu.cls->boot(&c->vcpu, entry, 0);
    c->r[X86_RSP] = STACK;
}

TEST(sysexit_and_sysenter_go_to_the_user_and_back)
{
    for (unsigned k = 0; k < ENGINES; k++) {
        struct rig g;
        begin(&g, x86_p_enter);
        struct x86_cpu *c = x86_cpu(g.b->vcpus[0]);
        enter_protected_mode(c, place_of(x86_p_enter));
        c->sysenter_cs = 0x40;
        c->sysenter_esp = 0x6800;
        c->sysenter_eip = place_of(x86_enter_kernel);
        c->r[X86_RBP] = place_of(x86_enter_user);
        c->r[X86_RBX] = c->r[X86_RDI] = 0;
        run(&g, k);
        CHECK_EQ((uint32_t)word(&g, 0), 2000);
        CHECK_EQ((uint32_t)word(&g, 1), 0x53);
        CHECK_EQ((uint32_t)word(&g, 2), 0x5b);
        CHECK_EQ((uint32_t)word(&g, 3), 0x6000);
        CHECK_EQ((uint32_t)word(&g, 4), 0x40);
        CHECK_EQ((uint32_t)word(&g, 5), 0x48);
        CHECK_EQ((uint32_t)word(&g, 6), 0x6800);
        CHECK_EQ((uint32_t)word(&g, 7), 2000);
        test_board_free(g.b);
    }
}

TEST(an_interrupt_that_waits_comes_behind_sysret)
{
    for (unsigned k = FIRST_WITH_INTERRUPTS; k < ENGINES; k++) {
        struct rig g;
        begin(&g, x86_p_user_window);
        put_user(g.b, USER_PAGE, 1);
        g.left = 1;
        g.wait = 900;
        run(&g, k);
        CHECK_EQ(word(&g, 0), 1);
        CHECK_EQ(word(&g, 2), 899);
        CHECK_EQ(word(&g, 3), USER_PAGE);
        test_board_free(g.b);
    }
}

TEST(xsave_keeps_what_is_not_initial)
{
    for (unsigned k = 0; k < ENGINES; k++) {
        struct rig g;
        begin(&g, x86_p_xsave);
        x86_cpu(g.b->vcpus[0])->cr4 &= ~(uint64_t)X86_CR4_SMAP;
        run(&g, k);
        CHECK_EQ(load_le64(g.b->ram + IMAGE + 512), 8);        /* overwritten by the program */
        CHECK_EQ(load_le64(g.b->ram + IMAGE + 0x1200) & 2, 0); /* SSE is as it was initially */
        CHECK_EQ(word(&g, 0), UINT64_MAX);
        CHECK_EQ(word(&g, 1), UINT64_C(0x3ff0000000000000));
        CHECK_EQ(word(&g, 2), 0);
        CHECK_EQ(word(&g, 3), 0);
        CHECK_EQ(word(&g, 4), X86_GP);
        test_board_free(g.b);
    }
}

#else

TEST(system)
{
    SKIP("the host is not x86-64");
}

#endif
