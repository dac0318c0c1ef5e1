/* SPDX-License-Identifier: MIT */
/* Switches between tasks, and what is wrong with them: Intel SDM, volume 3, chapter 7. */
#include "tests/guests/x86/guest.h"

enum {
    OTHER_TSS = FREE,
    TASK_GATE = FREE + 8,
    TSS_16 = FREE + 16,
    SOME_LDT = FREE + 24,
    SHORT_TSS = FREE + 32,
    CODE_16 = FREE + 40,
    ABSENT = FREE + 48,
    FAULT_TSS = FREE + 56 /* four */
};

struct tss32 {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp,
        esi, edi, es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, map;
};
struct tss16 {
    uint16_t link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs,
        ss, ds, ldt;
};
_Static_assert(sizeof(struct tss32) == 104 && sizeof(struct tss16) == 44, "as the manual has them");

static struct tss32 other, fault_task, fault_tss[4];
static struct tss16 small;
static uint8_t other_stack[1024], fault_stack[1024];
static uint64_t ldt[2];

#define OURS ((struct tss32 *)(void *)tss)

static uint32_t type_of(uint16_t selector)
{
    return (uint32_t)(gdt[selector >> 3] >> 40) & 0xff;
}

static uint16_t task_register(void)
{
    uint16_t v;
    __asm__ volatile("str %0" : "=rm"(v));
    return v;
}

static uint32_t cr0(void)
{
    uint32_t v;
    __asm__ volatile("movl %%cr0, %0" : "=r"(v));
    return v;
}

static uint32_t flags(void)
{
    uint32_t v;
    __asm__ volatile("pushfl; popl %0" : "=r"(v));
    return v;
}

static void clear_ts(void)
{
    __asm__ volatile("clts");
}

/* ---- the other task: it says what it finds, and goes back as it was told */

static unsigned back_by_iret, rounds;

static void other_main(void)
{
    for (;;) {
        rounds++;
        say(" in the task: tr %x, types %x %x, link %x, nt %b, ts %b\n", task_register(),
            type_of(TSS), type_of(OTHER_TSS), other.link & 0xffff, flags() & 0x4000, cr0() & 8);
        clear_ts();
        if (back_by_iret) {
            __asm__ volatile("iretl");
        } else {
            __asm__ volatile("ljmp %0, $0" : : "i"(TSS));
        }
    }
}

static void prepare(void)
{
    other = (struct tss32){.eip = (uint32_t)other_main,
                           .eflags = 2,
                           .esp = (uint32_t)other_stack + sizeof(other_stack),
                           .es = KERNEL_DATA,
                           .cs = KERNEL_CODE,
                           .ss = KERNEL_DATA,
                           .ds = KERNEL_DATA,
                           .fs = KERNEL_DATA,
                           .gs = KERNEL_DATA,
                           .map = 104};
    set_gdt(OTHER_TSS, segment((uint32_t)&other, 103, 0x89));
    set_gdt(TSS, (gdt[TSS >> 3] & ~(UINT64_C(0xff) << 40)) | UINT64_C(0x8b) << 40);
}

static void jump(void)
{
    __asm__ volatile("ljmp %0, $0" : : "i"(OTHER_TSS) : "memory");
}

static void call(void)
{
    __asm__ volatile("lcall %0, $0" : : "i"(OTHER_TSS) : "memory");
}

static void call_gate(void)
{
    __asm__ volatile("lcall %0, $0" : : "i"(TASK_GATE) : "memory");
}

static void int_task(void)
{
    __asm__ volatile("movl $0x12345678, %%edi; int $0x30" : : : "edi", "memory");
}

static void say_back(void)
{
    say(" back: tr %x, types %x %x, nt %b, ts %b, saved cs %x ds %x nt %b edi %x\n",
        task_register(), type_of(TSS), type_of(OTHER_TSS), flags() & 0x4000, cr0() & 8,
        OURS->cs & 0xffff, OURS->ds & 0xffff, OURS->eflags & 0x4000, OURS->edi == 0x12345678);
    clear_ts();
}

static void round_trips(void)
{
    static const struct {
        const char *what;
        guest_fn go;
        unsigned iret;
    } trips[] = {{"jump to a task, and jump back", jump, 0},
                 {"call of a task, and return", call, 1},
                 {"call through a task gate, and return", call_gate, 1},
                 {"interrupt through a task gate, and return", int_task, 1}};
    set_gdt(TASK_GATE, gate(OTHER_TSS, 0, 0x85, 0));
    set_idt(0x30, gate(OTHER_TSS, 0, 0x85, 0));
    for (unsigned k = 0; k < 4; k++) {
        prepare();
        back_by_iret = trips[k].iret;
        attempt(trips[k].what, trips[k].go);
        say_back();
    }
    /* A task that is not begun anew goes on behind its IRET. */
    attempt("call of the same task again", call);
    say_back();
    say(" rounds %x\n", rounds);
}

/* ---- exceptions by task gates: their error code is on the task's stack. #TS to #GP have a task
 * each, as they must where the task that is at fault has no stack. */

void fault_10(void), fault_11(void), fault_12(void), fault_13(void);
__asm__(".pushsection .text\n"
        "fault_10: pushl $10\n"
        "  jmp 1f\n"
        "fault_11: pushl $11\n"
        "  jmp 1f\n"
        "fault_12: pushl $12\n"
        "  jmp 1f\n"
        "fault_13: pushl $13\n"
        "1: pushl $0\n"
        "  jmp fault_main\n"
        ".popsection\n");

/* Not back: the old task is at fault. */
void fault_main(uint32_t vector, uint32_t error);
void fault_main(uint32_t vector, uint32_t error)
{
    const uint16_t link = (uint16_t)fault_tss[vector - 10].link;
    const struct tss32 *from = link == TSS ? OURS : &other;
    say(" a task hears of vector %x error %x, link %x, cs saved %x, rf %b\n", vector, error, link,
        from->cs & 0xffff, from->eflags & 0x10000);
    clear_ts();
    set_gdt(TSS, (gdt[TSS >> 3] & ~(UINT64_C(0xff) << 40)) | UINT64_C(0x89) << 40);
    __asm__ volatile("ltr %w0" : : "r"(TSS));
    __asm__ volatile("pushfl; andl $0xffffbfff, (%esp); popfl; int $0x31");
}

static void fault_tasks(int on)
{
    static const guest_fn entries[] = {fault_10, fault_11, fault_12, fault_13};
    for (unsigned v = 10; v < 14; v++) {
        if (on) {
            set_idt(v, gate((uint16_t)(FAULT_TSS + 8 * (v - 10)), 0, 0x85, 0));
            fault_tss[v - 10] = fault_task;
            fault_tss[v - 10].eip = (uint32_t)entries[v - 10];
            set_gdt((uint16_t)(FAULT_TSS + 8 * (v - 10)),
                    segment((uint32_t)&fault_tss[v - 10], 103, 0x89));
        } else {
            set_idt(v, gate(KERNEL_CODE, (uint32_t)vectors + 16 * v, 0x8e, 0));
        }
    }
}

static void provoke(void)
{
    __asm__ volatile("movw %w0, %%fs" : : "r"(0x3f8));
}

static void exceptions(void)
{
    prepare();
    fault_task = other;
    fault_task.esp = (uint32_t)fault_stack + sizeof(fault_stack);
    fault_tasks(1);
    attempt("#GP through a task gate", provoke);
    fault_tasks(0);
}

/* ---- what is wrong before the switch */

static void to(uint16_t selector)
{
    const struct __attribute__((packed)) {
        uint32_t offset;
        uint16_t selector;
    } far = {0, selector};
    __asm__ volatile("lcall *%0" : : "m"(far) : "memory");
}

static uint16_t wanted;

static void to_wanted(void)
{
    to(wanted);
}

static void wrong(const char *what, uint16_t selector)
{
    wanted = selector;
    attempt(what, to_wanted);
    say(" tr %x type %x\n", task_register(), type_of(TSS));
    set_gdt(TSS, (gdt[TSS >> 3] & ~(UINT64_C(0xff) << 40)) | UINT64_C(0x89) << 40);
    __asm__ volatile("ltr %w0" : : "r"(TSS));
    __asm__ volatile("pushfl; andl $0xffffbfff, (%esp); popfl");
    __asm__ volatile("clts");
}

static void refusals(void)
{
    set_gdt(SHORT_TSS, segment((uint32_t)&other, 102, 0x89));
    wrong("a TSS that is too short", SHORT_TSS);
    set_gdt(ABSENT, segment((uint32_t)&other, 103, 0x09));
    wrong("a TSS that is not present", ABSENT);
    set_gdt(OTHER_TSS, segment((uint32_t)&other, 103, 0x8b));
    wrong("a TSS that is busy", OTHER_TSS);
    wrong("its own TSS", TSS);
    set_gdt(TASK_GATE, gate(OTHER_TSS, 0, 0x05, 0));
    wrong("a task gate that is not present", TASK_GATE);
    set_gdt(TASK_GATE, gate(KERNEL_DATA, 0, 0x85, 0));
    wrong("a task gate to a data segment", TASK_GATE);
    set_gdt(TASK_GATE, gate(OTHER_TSS | 4, 0, 0x85, 0));
    wrong("a task gate into the LDT", TASK_GATE);
}

/* IRET with NT to what is no busy TSS. */

static void iret_nested(void)
{
    __asm__ volatile("pushfl; orl $0x4000, (%esp); popfl; iretl");
}

static void bad_links(void)
{
    OURS->link = KERNEL_DATA;
    attempt("IRET to a task that is none", iret_nested);
    OURS->link = 0;
    attempt("IRET to a null link", iret_nested);
    prepare();
    OURS->link = OTHER_TSS;
    attempt("IRET to a task that is not busy", iret_nested);
    __asm__ volatile("pushfl; andl $0xffffbfff, (%esp); popfl");
}

/* ---- what is wrong with the new task: its exceptions are its own */

static void new_task(const char *what)
{
    fault_tasks(1);
    wrong(what, OTHER_TSS);
    fault_tasks(0);
}

static void bad_tasks(void)
{
    prepare();
    other.cs = KERNEL_DATA;
    new_task("a task whose CS is data");
    prepare();
    other.cs = 0;
    new_task("a task without CS");
    prepare();
    other.ss = KERNEL_CODE;
    new_task("a task whose SS is code");
    prepare();
    other.ss = USER_DATA;
    new_task("a task with the stack of another level");
    prepare();
    other.ds = 0x3f8;
    new_task("a task whose DS is beyond the table");
    prepare();
    other.ldt = KERNEL_DATA;
    new_task("a task whose LDT is none");
    prepare();
    set_gdt(CODE_16, segment(0, 0xffff, 0x409b));
    other.cs = CODE_16;
    other.eip = 0x12345;
    new_task("a task beyond its code segment");
}

/* ---- an LDT, and a TSS of 16 bits */

static void ldt_task(void)
{
    uint16_t v;
    __asm__ volatile("sldt %0" : "=m"(v));
    say(" in the task with an LDT: ldt %x, fs %b\n", v, other.fs == 0x0c);
    __asm__ volatile("clts; iretl");
}

static void local_table(void)
{
    prepare();
    ldt[1] = segment(0, 0xffffffff, 0x4093);
    set_gdt(SOME_LDT, segment((uint32_t)ldt, sizeof(ldt) - 1, 0x82));
    other.eip = (uint32_t)ldt_task;
    other.ldt = SOME_LDT;
    other.fs = 0x0c;
    attempt("call of a task with an LDT", call);
    uint16_t v;
    __asm__ volatile("sldt %0" : "=m"(v));
    say(" back: ldt %x\n", v);
}

void small_main(void);
__asm__(".pushsection .low, \"ax\"\n"
        ".code16\n"
        "small_main: incw %bx\n"
        "  clts\n"
        "  iretw\n"
        "small_end:\n"
        ".code32\n"
        ".popsection\n");

extern uint8_t small_end[];

static void to_small(void)
{
    to(TSS_16);
}

/* Its code is copied below 64 KiB. */
static void small_task(void)
{
    uint8_t *low = (uint8_t *)0x8000;
    const uint8_t *from = (const uint8_t *)(uint32_t)small_main;
    for (uint32_t k = 0; from + k < small_end; k++) {
        low[k] = from[k];
    }
    set_gdt(CODE_16, segment(0, 0xffff, 0x9b));
    set_gdt(TSS_16, segment((uint32_t)&small, sizeof(small) - 1, 0x81));
    small = (struct tss16){.ip = 0x8000,
                           .flags = 2,
                           .bx = 0x1234,
                           .sp = 0x7000,
                           .es = KERNEL_DATA,
                           .cs = CODE_16,
                           .ss = KERNEL_DATA,
                           .ds = KERNEL_DATA};
    prepare();
    attempt("call of a task of 16 bits", to_small);
    say(" it saved bx %x ip %x cs %x nt %b, type %x\n", small.bx, small.ip, small.cs,
        small.flags & 0x4000, type_of(TSS_16));
    clear_ts();
}

void guest_main(void)
{
    guest_init();
    set_idt(0x31, gate(KERNEL_CODE, (uint32_t)vectors + 16 * 0x31, 0x8e, 0));
    round_trips();
    exceptions();
    refusals();
    bad_links();
    bad_tasks();
    local_table();
    small_task();
    say("end\n");
}
