/* SPDX-License-Identifier: MIT */
/*
 * System management mode, entered by a message of the local APIC to its own CPU: what is saved,
 * what can be changed, a new SMBASE. Intel SDM, volume 3, chapter 31; AMD APM, volume 2,
 * chapter 10.
 */
#include "tests/guests/x86/guest.h"

#define APIC ((volatile uint32_t *)0xfee00000)
#define FOUND ((volatile uint32_t *)0x20000)
#define SAVED 0x20200u /* 512 bytes */
#define CHANGE ((volatile uint32_t *)0x20400)

/* At SMBASE + 0x8000, in 16-bit code. CHANGE[0]: an offset in the state, from 0xfe00 on; CHANGE[1]:
 * a word for there. */
extern const uint8_t handler[], handler_end[];
__asm__(".pushsection .rodata\n"
        ".code16\n"
        "handler:\n"
        "  movl $0x20000, %ebx\n"
        "  incl (%ebx)\n"
        "  xorl %eax, %eax\n"
        "  movw %cs, %ax\n"
        "  movl %eax, 4(%ebx)\n"
        "  movw %ds, %ax\n"
        "  movl %eax, 8(%ebx)\n"
        "  movl %cr0, %eax\n"
        "  movl %eax, 12(%ebx)\n"
        "  movl %cr4, %eax\n"
        "  movl %eax, 16(%ebx)\n"
        "  pushfl\n" /* the stack pointer is the program's */
        "  popl %eax\n"
        "  movl %eax, 20(%ebx)\n"
        "  movl %dr7, %eax\n"
        "  movl %eax, 24(%ebx)\n"
        "  xorl %esi, %esi\n"
        "1: movl %cs:0xfe00(%esi), %eax\n"
        "  movl %eax, 0x200(%ebx,%esi)\n"
        "  addl $4, %esi\n"
        "  cmpl $512, %esi\n"
        "  jb 1b\n"
        "  movl 0x400(%ebx), %esi\n"
        "  testl %esi, %esi\n"
        "  jz 2f\n"
        "  movl 0x404(%ebx), %eax\n"
        "  movl %eax, %cs:0xfe00(%esi)\n"
        "2: movl $0x12345678, %eax\n"
        "  movl %eax, %ecx\n"
        "  movl %eax, %edx\n"
        "  rsm\n"
        "handler_end:\n"
        ".code32\n"
        ".popsection\n");

static void put_handler(uint32_t smbase)
{
    uint8_t *to = (uint8_t *)(smbase + 0x8000);
    for (const uint8_t *from = handler; from < handler_end; from++) {
        *to++ = *from;
    }
}

static uint32_t saved(uint32_t at) /* as the manuals count: 0xfe00 to 0xffff */
{
    return *(volatile uint32_t *)(SAVED + at - 0xfe00);
}

struct regs {
    uint32_t eax, ebx, ecx, edx, esi, edi, flags, eip;
};

/* Sends an SMI with these in the registers; gives what they are behind it. */
static struct regs interrupt(void)
{
    struct regs r = {.eax = 0xa0a0a0a0,
                     .ecx = 0xc0c0c0c0,
                     .edx = 0xd0d0d0d0,
                     .esi = 0x51515151,
                     .edi = 0xd1d1d1d1};
    __asm__ volatile("stc\n"
                     "movl %6, 0xfee00300\n"
                     "smi_here: cmpl %%ebx, 0x20000\n" /* it comes soon */
                     "je smi_here\n"
                     "stc\n"
                     "pushfl\n"
                     "popl %5"
                     : "+a"(r.eax), "+c"(r.ecx), "+d"(r.edx), "+S"(r.esi), "+D"(r.edi),
                       "=m"(r.flags)
                     : "i"(1 << 18 | 2 << 8), "b"(FOUND[0])
                     : "memory", "cc");
    return r;
}

static void say_mode(const char *what)
{
    say("%s: entries %x, cs %x ds %x cr0 %x cr4 %x eflags %x dr7 %x\n", what, FOUND[0], FOUND[1],
        FOUND[2], FOUND[3] & ~0x20u, FOUND[4], FOUND[5], FOUND[6]);
}

extern const uint8_t smi_here[];

static void say_state(void)
{
    const uint32_t revision = saved(0xfefc);
    say(" revision %x\n", revision);
    if (revision == 0x20064) {
        say(" smbase %x rax %x rcx %x rsi %x rdi %x rip %b rflags %x cr0 %x cr4 %x efer %x dr6 %x "
            "dr7 %x\n",
            saved(0xff00), saved(0xfff8), saved(0xfff0), saved(0xffc8), saved(0xffc0),
            saved(0xff78) - (uint32_t)smi_here <= 8, saved(0xff70) & ~0x8d5u, saved(0xff58),
            saved(0xff48), saved(0xfed0), saved(0xff68), saved(0xff60));
        say(" cs %x limit %x base %x, ss %x limit %x, gdtr %b limit %x, idtr limit %x, tr %x limit "
            "%x base %b\n",
            saved(0xfe10), saved(0xfe14), saved(0xfe18), saved(0xfe20), saved(0xfe24),
            saved(0xfe68) == (uint32_t)gdt, saved(0xfe64), saved(0xfe84), saved(0xfe90),
            saved(0xfe94), saved(0xfe98) == (uint32_t)tss);
        return;
    }
    say(" smbase %x eax %x ecx %x esi %x edi %x eip %b eflags %x cr0 %x dr6 %x dr7 %x\n",
        saved(0xfef8), saved(0xffd0), saved(0xffd4), saved(0xffe8), saved(0xffec),
        saved(0xfff0) - (uint32_t)smi_here <= 8, saved(0xfff4) & ~0x8d5u, saved(0xfffc),
        saved(0xffcc), saved(0xffc8));
    say(" cs %x ss %x tr %x\n", saved(0xffac), saved(0xffb0), saved(0xffc4));
}

static void say_back(struct regs r)
{
    uint32_t cr0;
    __asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
    say(" back: eax %x ecx %x edx %x esi %x edi %x carry %b pe %b\n", r.eax, r.ecx, r.edx, r.esi,
        r.edi, r.flags & 1, cr0 & 1);
}

/* PAE paging: the pointers are read when CR3 is loaded, and by RSM, since the handler may have had
 * others. */
static uint64_t pointers[4] __attribute__((aligned(32)));
static uint64_t pages[512] __attribute__((aligned(4096))),
    device_pages[512] __attribute__((aligned(4096)));

static void set_cr0_paging(int on)
{
    uint32_t v;
    __asm__ volatile("movl %%cr0, %0" : "=r"(v));
    __asm__ volatile("movl %0, %%cr0" : : "r"(on ? v | 0x80000000 : v & 0x7fffffff) : "memory");
}

static void load_cr3(void)
{
    __asm__ volatile("movl %0, %%cr3" : : "r"(pointers) : "memory");
}

#define EFER 0xc0000080u
#define NXE 0x800u

static int has_nx(void)
{
    uint32_t eax = 0x80000001, edx;
    __asm__("cpuid" : "+a"(eax), "=d"(edx) : : "ebx", "ecx");
    return edx >> 20 & 1;
}

static uint32_t efer(void)
{
    uint32_t v;
    __asm__ volatile("rdmsr" : "=a"(v) : "c"(EFER) : "edx");
    return v;
}

/* CPUs with either map have EFER behind RSM as it was before. */
static void with_nx(void)
{
    __asm__ volatile("wrmsr" : : "a"(NXE), "d"(0), "c"(EFER));
    interrupt();
    say(" with NXE: efer %x\n", efer());
    __asm__ volatile("wrmsr" : : "a"(0), "d"(0), "c"(EFER));
}

static void with_paging(void)
{
    uint32_t cr4;
    for (uint64_t k = 0; k < 512; k++) {
        pages[k] = k << 21 | 0x83;
        device_pages[k] = (UINT64_C(3) << 30) + (k << 21) + 0x83;
    }
    pointers[0] = (uint32_t)pages | 1;
    pointers[3] = (uint32_t)device_pages | 1;
    __asm__ volatile("movl %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("movl %0, %%cr4" : : "r"(cr4 | 0x20));
    load_cr3();
    set_cr0_paging(1);
    say_back(interrupt());
    if (has_nx()) {
        with_nx();
    }
    pointers[1] = 0x1e7; /* bits that must be 0 */
    attempt("CR3 with a pointer that cannot be", load_cr3);
    pointers[1] = 0;
    set_cr0_paging(0);
}

static void rsm(void)
{
    __asm__ volatile("rsm");
}

void guest_main(void)
{
    guest_init();
    APIC[0xf0 / 4] = 0x1ff;
    put_handler(0x30000);
    attempt("RSM outside of the mode", rsm);
    struct regs r = interrupt();
    say_mode("an SMI");
    say_state();
    say_back(r);
    /* What the handler changes the program finds: EAX, by either map. */
    const uint32_t wide = saved(0xfefc) == 0x20064;
    CHANGE[0] = (wide ? 0xfff8 : 0xffd0) - 0xfe00;
    CHANGE[1] = 0x55aa55aa;
    r = interrupt();
    say_mode("EAX changed");
    say_back(r);
    /* SMBASE moves. */
    CHANGE[0] = (wide ? 0xff00 : 0xfef8) - 0xfe00;
    CHANGE[1] = 0x40000;
    r = interrupt();
    say_mode("SMBASE changed");
    CHANGE[0] = 0;
    put_handler(0x40000);
    *(volatile uint8_t *)0x38000 = 0xf4;
    r = interrupt();
    say_mode("at the new place");
    say(" smbase %x\n", wide ? saved(0xff00) : saved(0xfef8));
    say_back(r);
    with_paging();
    say("end\n");
}
