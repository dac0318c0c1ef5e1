/* SPDX-License-Identifier: MIT */
/*
 * Interrupt, trap and call gates, and what is wrong with them: Intel SDM, volume 3, 5.8 and 6.12.
 */
#include "tests/guests/x86/guest.h"

enum {
    CODE_16 = FREE,
    CONFORMING = FREE + 8,
    ABSENT_CODE = FREE + 16,
    GATE = FREE + 24,
    GATE_16 = FREE + 32,
    GATE_KERNEL = FREE + 40, /* of level 0 */
    LEVEL_1 = FREE + 48,
    STACK_1 = FREE + 56,
    ABSENT_STACK_1 = FREE + 64,
    READ_ONLY_1 = FREE + 72
};

#define INT(n)                                                                                     \
    static void int_##n(void)                                                                      \
    {                                                                                              \
        __asm__ volatile("int $" #n);                                                              \
    }
INT(0x20)
INT(0x80)

static void user_int80(void)
{
    __asm__ volatile("int $0x80");
}

static void user_int20(void)
{
    __asm__ volatile("int $0x20");
}

static void interrupt_gates(void)
{
    attempt("int through an interrupt gate", int_0x80);
    say(" if %b\n", seen.eflags & 0x200);
    set_idt_limit(0x80 * 8 - 1);
    attempt("int beyond the limit of the table", int_0x80);
    set_idt_limit(0x80 * 8 + 6);
    attempt("int with a gate that is cut off", int_0x80);
    set_idt_limit(256 * 8 - 1);
    set_idt(0x20, gate(KERNEL_CODE, (uint32_t)vectors + 16 * 0x20, 0x0e, 0));
    attempt("int through a gate that is not present", int_0x20);
    set_idt(0x20, gate(KERNEL_DATA, (uint32_t)vectors + 16 * 0x20, 0x8e, 0));
    attempt("int to a data segment", int_0x20);
    set_idt(0x20, gate(0, 0, 0x8e, 0));
    attempt("int to a null selector", int_0x20);
    set_idt(0x20, gate(0x3f8, 0, 0x8e, 0));
    attempt("int beyond the limit of the GDT", int_0x20);
    set_idt(0x20, gate(ABSENT_CODE, 0, 0x8e, 0));
    attempt("int to a code segment that is not present", int_0x20);
    set_idt(0x20, gate(KERNEL_CODE, 0, 0x82, 0));
    attempt("int through what is no gate", int_0x20);
    set_idt(0x20, gate(USER_CODE, 0, 0x8e, 0));
    attempt("int to an outer level", int_0x20);
    set_idt(0x20, gate(KERNEL_CODE, (uint32_t)vectors + 16 * 0x20, 0x8e, 0));
}

static void user_gates(void)
{
    attempt_user("int of user code", user_int80);
    say(" user's ss %x esp %b ss %x\n", seen.ss & 0xffff, seen.esp == (uint32_t)user_stack_top,
        seen_ss & 0xffff);
    attempt_user("int of user code through a gate of level 0", user_int20);
    set_idt(0x80, gate(KERNEL_CODE, (uint32_t)vectors + 16 * 0x80, 0x6e, 0));
    attempt_user("int of user code, not present", user_int80);
    set_idt(0x80, gate(KERNEL_CODE, (uint32_t)vectors + 16 * 0x80, 0xee, 0));
}

/* To level 1, whose stack the TSS names; what is wrong with it level 0 hears of. */
static void stack_of_level_1(uint16_t selector, const char *what)
{
    *(uint16_t *)(tss + 16) = selector;
    attempt_user(what, user_int80);
}

static void inner_stacks(void)
{
    static uint32_t words[16];
    set_gdt(LEVEL_1, segment(0, 0xffffffff, 0x40bb));
    set_gdt(STACK_1, segment((uint32_t)words, 15, 0x40b3));
    set_gdt(ABSENT_STACK_1, segment((uint32_t)words, 63, 0x4033));
    set_gdt(READ_ONLY_1, segment((uint32_t)words, 63, 0x40b1));
    *(uint32_t *)(tss + 12) = 16;
    set_idt(0x80, gate(LEVEL_1 | 1, (uint32_t)vectors + 16 * 0x80, 0xee, 0));
    stack_of_level_1(0, "no stack for an inner level");
    stack_of_level_1(USER_DATA, "a stack of another level");
    stack_of_level_1(STACK_1, "a stack with another RPL");
    stack_of_level_1(LEVEL_1 | 1, "a stack that is code");
    stack_of_level_1(READ_ONLY_1 | 1, "a stack that cannot be written");
    stack_of_level_1(0x3f9, "a stack beyond the limit of the GDT");
    stack_of_level_1(ABSENT_STACK_1 | 1, "a stack that is not present");
    stack_of_level_1(STACK_1 | 1, "a stack that is too small");
    set_gdt(TSS, segment((uint32_t)tss, 16, 0x89)); /* ends within SS1 */
    __asm__ volatile("ltr %w0" : : "r"(TSS));
    stack_of_level_1(STACK_1 | 1, "a stack beyond the limit of the TSS");
    set_gdt(TSS, segment((uint32_t)tss, 103, 0x89));
    __asm__ volatile("ltr %w0" : : "r"(TSS));
    set_idt(0x80, gate(KERNEL_CODE, (uint32_t)vectors + 16 * 0x80, 0xee, 0));
}

/* ---- call gates */

uint32_t called[8];

void called_here(void);
__asm__(".pushsection .text\n"
        "called_here: movl %esp, called\n"
        "  movl 0(%esp), %eax\n"
        "  movl %eax, called + 4\n"
        "  movl 4(%esp), %eax\n"
        "  movl %eax, called + 8\n"
        "  movl 8(%esp), %eax\n"
        "  movl %eax, called + 12\n"
        "  movl 12(%esp), %eax\n"
        "  movl %eax, called + 16\n"
        "  movl 16(%esp), %eax\n"
        "  movl %eax, called + 20\n"
        "  movl 20(%esp), %eax\n"
        "  movl %eax, called + 24\n"
        "  movl %cs, %eax\n"
        "  movl %eax, called + 28\n"
        "  lret $8\n"
        ".popsection\n");

static void user_call(void)
{
    __asm__ volatile("pushl $0x1111\n"
                     "pushl $0x2222\n"
                     "lcall %0, $0\n"
                     "movl %%esp, %%ebx\n"
                     "int $0x80"
                     :
                     : "i"(GATE | 3)
                     : "memory");
}

static void kernel_call(void)
{
    __asm__ volatile("movl %%esp, %%ebx\n"
                     "pushl $0x1111\n"
                     "pushl $0x2222\n"
                     "lcall %0, $0\n"
                     "cmpl %%esp, %%ebx\n"
                     "movl %%ebx, %%esp\n"
                     "jne 1f\n"
                     "int $0x21\n"
                     "1:"
                     :
                     : "i"(GATE)
                     : "ebx", "memory");
}

static void user_call_kernel_gate(void)
{
    __asm__ volatile("lcall %0, $0" : : "i"(GATE_KERNEL));
}

static void user_jump(void)
{
    __asm__ volatile("ljmp %0, $0" : : "i"(GATE | 3));
}

static void kernel_jump_wrong(void)
{
    __asm__ volatile("ljmp %0, $0" : : "i"(TSS));
}

static void call_gates(void)
{
    set_gdt(GATE, gate(KERNEL_CODE, (uint32_t)called_here, 0xec, 2));
    set_gdt(GATE_KERNEL, gate(KERNEL_CODE, (uint32_t)called_here, 0x8c, 2));
    attempt_user("a call to level 0", user_call);
    say(" on the stack: cs %x parameters %x %x esp %b ss %x, called with cs %x\n",
        called[2] & 0xffff, called[3], called[4], called[5] == (uint32_t)user_stack_top - 8,
        called[6] & 0xffff, called[7] & 0xffff);
    say(" back with esp %b\n", seen_regs.ebx == (uint32_t)user_stack_top);
    attempt("a call at level 0", kernel_call);
    say(" cs %x parameters %x %x\n", called[2] & 0xffff, called[3], called[4]);
    attempt_user("a call through a gate of level 0", user_call_kernel_gate);
    attempt_user("a jump to level 0", user_jump);
    set_gdt(GATE, gate(KERNEL_CODE, (uint32_t)called_here, 0x6c, 2));
    attempt_user("a call through a gate that is not present", user_call);
    set_gdt(GATE, gate(ABSENT_CODE, (uint32_t)called_here, 0xec, 2));
    attempt_user("a call to code that is not present", user_call);
    set_gdt(GATE, gate(KERNEL_DATA, (uint32_t)called_here, 0xec, 2));
    attempt_user("a call to data", user_call);
    set_gdt(GATE, gate(0, (uint32_t)called_here, 0xec, 2));
    attempt_user("a call to a null selector", user_call);
    set_gdt(GATE, gate(KERNEL_CODE, (uint32_t)called_here, 0xec, 2));
    attempt("a jump to the task that runs", kernel_jump_wrong);
}

void guest_main(void)
{
    guest_init();
    set_gdt(CODE_16, segment(0, 0xffff, 0x9b));
    set_gdt(CONFORMING, segment(0, 0xffffffff, 0x409f));
    set_gdt(ABSENT_CODE, segment(0, 0xffffffff, 0x401b));
    interrupt_gates();
    user_gates();
    inner_stacks();
    call_gates();
    say("end\n");
}
