/* SPDX-License-Identifier: MIT */
/*
 * Errors of the x87 unit as the first PCs had them: with CR0.NE clear FERR# is interrupt 13 of the
 * 8259s, a write to port 0xf0 lowers it and asserts IGNNE#, until the error is gone. Intel SDM,
 * volume 1, 8.7 and appendix D.
 */
#include "tests/guests/x86/guest.h"

enum {
    FIRST_VECTOR = 0x20, /* of the first 8259 */
    SECOND_VECTOR = 0x28,
    IRQ = 13,
    EVERYTHING_BUT_CASCADE = 0xfb,
    EVERYTHING_BUT_FERR = 0xdf
};

uint32_t interrupts, status_then, acknowledge = 1;

/* Writes to port 0xf0 if it is to, and ends the interrupt. */
void on_ferr(void);
__asm__("on_ferr:\n"
        "    pushl %eax\n"
        "    incl interrupts\n"
        "    fnstsw %ax\n"
        "    movzwl %ax, %eax\n"
        "    movl %eax, status_then\n"
        "    cmpl $0, acknowledge\n"
        "    je 1f\n"
        "    xorl %eax, %eax\n"
        "    outb %al, $0xf0\n"
        "1:  movb $0x20, %al\n"
        "    outb %al, $0xa0\n"
        "    outb %al, $0x20\n"
        "    popl %eax\n"
        "    iret\n");

static void start_8259s(void)
{
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    outb(0x21, FIRST_VECTOR);
    outb(0xa1, SECOND_VECTOR);
    outb(0x21, 4);
    outb(0xa1, 2);
    outb(0x21, 1);
    outb(0xa1, 1);
    outb(0x21, EVERYTHING_BUT_CASCADE);
    outb(0xa1, EVERYTHING_BUT_FERR);
}

static uint8_t requested(void)
{
    outb(0xa0, 0x0a);
    return inb(0xa0) & 0x20;
}

static void set_ne(int on)
{
    uint32_t v;
    __asm__ volatile("movl %%cr0, %0" : "=r"(v));
    __asm__ volatile("movl %0, %%cr0" : : "r"(on ? v | 0x20 : v & ~0x20u));
}

/* A division by 0, which is not masked, and nothing that looks for it. */
static void divide(void)
{
    static const uint16_t control = 0x37b;
    __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp" : : "m"(control));
}

static void wait_x87(void)
{
    __asm__ volatile("sti; fwait; nop; nop; nop; nop; cli");
}

static void tell(const char *what)
{
    say("%s: interrupts %x, status then %x, requested %b\n", what, interrupts, status_then,
        requested() != 0);
    interrupts = status_then = 0;
}

void guest_main(void)
{
    guest_init();
    start_8259s();
    set_idt(SECOND_VECTOR + IRQ - 8, gate(KERNEL_CODE, (uint32_t)on_ferr, 0x8e, 0));
    set_ne(0);
    say("port 0xf0 gives %x\n", inb(0xf0));

    divide();
    wait_x87();
    tell("a division by 0, and what waits for it");
    __asm__ volatile("sti; fwait; fld1; fwait; nop; cli");
    tell("the error is ignored now");
    __asm__ volatile("fnclex; fwait");
    divide();
    wait_x87();
    tell("another one, once the first was gone");
    __asm__ volatile("fninit");

    outb(0xf0, 0);
    divide();
    wait_x87();
    tell("nothing is ignored in advance");
    __asm__ volatile("fninit");

    set_ne(1);
    attempt("with NE", divide);
    attempt("what waits for it then", wait_x87);
    tell("that");
    set_ne(0);
    __asm__ volatile("fninit");

    divide();
    __asm__ volatile("fwait"); /* with interrupts off */
    tell("it is pending");
    outb(0xf0, 0);
    tell("and no longer");
    say("end\n");
}
