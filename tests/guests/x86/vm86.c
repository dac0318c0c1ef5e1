/* SPDX-License-Identifier: MIT */
/*
 * Virtual-8086 mode, its extensions, and virtual interrupts of protected mode: Intel SDM, volume 3,
 * chapter 20. Pieces of 16-bit code end by INT3, which needs no IOPL.
 */
#include "tests/guests/x86/guest.h"

#define F_IF 0x200u
#define F_TF 0x100u
#define F_IOPL 0x3000u
#define F_VM 0x20000u
#define F_VIF 0x80000u
#define F_VIP 0x100000u
#define CR4_VME 1u
#define CR4_PVI 2u
#define CODE 0x8000u /* linear; CS is 0x800 */

#define PIECE(name, code)                                                                          \
    extern const uint8_t name[], name##_end[];                                                     \
    __asm__(".pushsection .rodata\n.code16\n" #name ":\n" code "\n  int3\n" #name                  \
            "_end:\n.code32\n.popsection\n")

PIECE(p_plain, "movw $0x1234, %bx; movw %ss, %cx");
PIECE(p_int, "movw $0, %cx; int $0x21");
PIECE(p_int22, "int $0x22");
PIECE(p_cli, "cli");
PIECE(p_sti, "sti");
PIECE(p_pushf, "pushfw; popw %bx");
PIECE(p_pushfd, "pushfl; popl %ebx");
PIECE(p_popf, "movw $0xffff & ~0x100, %bx; pushw %bx; popfw; pushfw; popw %cx");
PIECE(p_popf_tf, "pushw $0x100; popfw");
PIECE(p_popf_if, "pushw $0x200; popfw");
PIECE(p_iret,
      "pushw $0x202; pushw %cs; pushw $1f - p_iret; iretw; movw $1, %cx; int3; 1: movw $2, %cx");
PIECE(p_in_open, "movw $0x80, %dx; inb %dx, %al");
PIECE(p_in_closed, "movw $0x81, %dx; inb %dx, %al");
PIECE(p_in_word, "movw $0x80, %dx; inw %dx, %ax");
PIECE(p_in_far, "movw $0x4000, %dx; inb %dx, %al");
PIECE(p_hlt, "hlt");
PIECE(p_cr0, "movl %cr0, %eax");
PIECE(p_sldt, "sldt %ax");
PIECE(p_lgdt, "lgdt (0)");
PIECE(p_limit, "movw (0xffff), %ax");
PIECE(p_wide, "movl $0x10000, %ebx; movb (%ebx), %al");
PIECE(p_far, "ljmp $0x7f0, $1f - p_far + 0x100; 1: movw %cs, %cx");
PIECE(p_ud, "ud2");
PIECE(handler, "pushw %bp; movw %sp, %bp; movw 6(%bp), %bx; popw %bp; movw $0x77, %cx; iretw");

struct __attribute__((packed)) big_tss {
    uint8_t fields[104], redirection[32], ports[0x100 / 8 + 1];
};
static struct big_tss task;
static uint32_t flags_wanted;

static void set_cr4(uint32_t bits)
{
    uint32_t v;
    __asm__ volatile("movl %%cr4, %0" : "=r"(v));
    __asm__ volatile("movl %0, %%cr4" : : "r"((v & ~3u) | bits));
}

static void enter(void)
{
    uint32_t sp;
    __asm__ volatile("movl %%esp, %0" : "=r"(sp));
    *(uint32_t *)(void *)(task.fields + 4) = sp - 512;
    __asm__ volatile("pushl $0x50\n" /* GS, FS, DS, ES, SS, ESP, EFLAGS, CS, EIP */
                     "pushl $0x40\n"
                     "pushl $0x30\n"
                     "pushl $0x20\n"
                     "pushl $0x600\n"
                     "pushl $0x1000\n"
                     "pushl %0\n"
                     "pushl $0x800\n"
                     "pushl $0\n"
                     "iretl\n"
                     :
                     : "r"(flags_wanted | F_VM | 2));
}

static void put(uint32_t at, const uint8_t *from, const uint8_t *end)
{
    for (uint8_t *to = (uint8_t *)at; from < end; to++, from++) {
        *to = *from;
    }
}

static void run(const char *what, const uint8_t *from, const uint8_t *end, uint32_t flags)
{
    put(CODE, from, end);
    flags_wanted = flags;
    attempt(what, enter);
    say(" at %x:%x vm %b iopl %x if %b vif %b vip %b, bx %x cx %x\n", seen.cs & 0xffff, seen.eip,
        seen.eflags & F_VM, seen.eflags >> 12 & 3, seen.eflags & F_IF, seen.eflags & F_VIF,
        seen.eflags & F_VIP, seen_regs.ebx & 0xffff, seen_regs.ecx & 0xffff);
}
#define RUN(what, piece, flags) run(what, piece, piece##_end, flags)

static void basics(void)
{
    RUN("code", p_plain, 0);
    say(" ss %x esp %x es %x ds %x fs %x gs %x\n", seen.ss & 0xffff, seen.esp, seen.es & 0xffff,
        seen.ds & 0xffff, seen.fs & 0xffff, seen.gs & 0xffff);
    RUN("INT n with IOPL 3", p_int, F_IOPL);
    RUN("INT n with IOPL 0", p_int, 0);
    RUN("INT n through a gate of level 0", p_int22, F_IOPL);
    RUN("HLT", p_hlt, F_IOPL);
    RUN("MOV from CR0", p_cr0, F_IOPL);
    RUN("SLDT", p_sldt, F_IOPL);
    RUN("LGDT", p_lgdt, F_IOPL);
    RUN("a word beyond 64 KiB", p_limit, 0);
    RUN("an address beyond 64 KiB", p_wide, 0);
    RUN("a far jump", p_far, 0);
    RUN("UD2", p_ud, 0);
}

static void flags(uint32_t iopl, const char *what)
{
    say("%s\n", what);
    RUN("CLI", p_cli, iopl | F_IF);
    RUN("STI", p_sti, iopl);
    RUN("STI with VIP", p_sti, iopl | F_VIP);
    RUN("PUSHF", p_pushf, iopl | F_VIF);
    RUN("PUSHFD", p_pushfd, iopl);
    RUN("POPF", p_popf, iopl);
    RUN("POPF of TF", p_popf_tf, iopl & ~F_IOPL);
    RUN("POPF of IF with VIP", p_popf_if, iopl | F_VIP);
    RUN("IRET", p_iret, iopl);
}

static void ports(void)
{
    RUN("a port that is open", p_in_open, 0);
    RUN("a port that is closed", p_in_closed, F_IOPL);
    RUN("a port, half of which is closed", p_in_word, F_IOPL);
    RUN("a port beyond the map", p_in_far, F_IOPL);
}

static void redirected(void)
{
    put(0x9000, handler, handler_end);
    *(volatile uint32_t *)(4 * 0x21) = 0x9000000;
    set_cr4(CR4_VME);
    RUN("INT n to the program's own handler, IOPL 0", p_int, F_VIF);
    RUN("the same with VIF clear", p_int, 0);
    RUN("the same with IOPL 3", p_int, F_IOPL | F_IF);
    task.redirection[0x21 / 8] |= 1 << 0x21 % 8;
    RUN("INT n that is not redirected, IOPL 0", p_int, 0);
    RUN("INT n that is not redirected, IOPL 3", p_int, F_IOPL);
}

/* ---- protected mode */

static void user_sti(void)
{
    __asm__ volatile("sti; int $0x80");
}

static void user_cli(void)
{
    __asm__ volatile("cli; int $0x80");
}

static void virtual_interrupts(void)
{
    static const struct {
        uint32_t cr4, flags;
    } rows[] = {{0, 0}, {CR4_PVI, 0}, {CR4_PVI, F_VIF}, {CR4_PVI, F_VIP}, {CR4_PVI, F_IOPL}};
    for (unsigned k = 0; k < 5; k++) {
        set_cr4(rows[k].cr4);
        user_flags = rows[k].flags;
        say("user code with pvi %b vif %b vip %b iopl %b\n", rows[k].cr4, user_flags & F_VIF,
            user_flags & F_VIP, user_flags & F_IOPL);
        attempt_user("STI", user_sti);
        say(" if %b vif %b\n", seen.eflags & F_IF, seen.eflags & F_VIF);
        attempt_user("CLI", user_cli);
        say(" if %b vif %b\n", seen.eflags & F_IF, seen.eflags & F_VIF);
    }
}

void guest_main(void)
{
    guest_init();
    set_gdt(FREE, segment((uint32_t)&task, sizeof(task) - 1, 0x89));
    *(uint32_t *)(void *)(task.fields + 8) = KERNEL_DATA;
    *(uint16_t *)(void *)(task.fields + 102) = 104 + 32;
    task.ports[0x81 / 8] |= 1 << 0x81 % 8;
    task.ports[sizeof(task.ports) - 1] = 0xff;
    __asm__ volatile("ltr %w0" : : "r"(FREE));
    set_idt(3, gate(KERNEL_CODE, (uint32_t)vectors + 16 * 3, 0xee, 0));
    set_idt(0x21, gate(KERNEL_CODE, (uint32_t)vectors + 16 * 0x21, 0xee, 0));
    basics();
    ports();
    flags(0, "without VME, IOPL 0");
    flags(F_IOPL, "IOPL 3");
    set_cr4(CR4_VME);
    flags(0, "with VME, IOPL 0");
    redirected();
    virtual_interrupts();
    say("end\n");
}
