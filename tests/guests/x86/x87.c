/* SPDX-License-Identifier: MIT */
/* Pointers to the last x87 instruction, and exceptions that are not masked: Intel SDM, volume
 * 1, 8.1.8 and 8.7. */
#include "tests/guests/x86/guest.h"

struct environment {
    uint32_t control, status, tags, ip, code, dp, data;
};
static struct environment env;
double operand = 3.5;
static uint16_t control;

extern const uint8_t at_load[], at_add[], at_divide[], at_store[];

static void look(const char *what, const uint8_t *at)
{
    say("%s: ip %b cs %x opcode %x dp %b ds %x\n", what, env.ip == (uint32_t)at, env.code & 0xffff,
        env.code >> 16 & 0x7ff, env.dp == (uint32_t)&operand, env.data & 0xffff);
}

static void pointers(void)
{
    __asm__ volatile("fninit; at_load: fldl operand; fnstenv %0" : "=m"(env));
    look("a load", at_load);
    __asm__ volatile("at_add: fadd %%st(0), %%st; fnstcw %1; fldcw %1; fnstenv %0"
                     : "=m"(env), "+m"(control));
    say("an addition, and control instructions: ip %b opcode %x\n", env.ip == (uint32_t)at_add,
        env.code >> 16 & 0x7ff);
    __asm__ volatile("at_store: fstpl %%ss:operand; fnstenv %0" : "=m"(env));
    look("a store", at_store);
    __asm__ volatile("fninit; fnstenv %0" : "=m"(env));
    say("behind FNINIT: ip %x cs %x dp %x\n", env.ip, env.code & 0xffff, env.dp);
}

static void divide(void)
{
    control = 0x37b; /* division by 0 is not masked */
    __asm__ volatile("fninit; fldcw %0; fld1; fldz; at_divide: fdivrp; nop; fwait"
                     :
                     : "m"(control));
}

static void load_again(void)
{
    __asm__ volatile("fldl operand");
}

static void no_wait(void)
{
    __asm__ volatile("fnstenv %0; fnclex; fwait" : "=m"(env));
}

static void set_ne(int on)
{
    uint32_t v;
    __asm__ volatile("movl %%cr0, %0" : "=r"(v));
    __asm__ volatile("movl %0, %%cr0" : : "r"(on ? v | 0x20 : v & ~0x20u));
}

void guest_main(void)
{
    guest_init();
    set_ne(1);
    pointers();
    attempt("a division by 0, and what waits for it", divide);
    __asm__ volatile("fnstenv %0" : "=m"(env));
    say(" at the wait %b, ip %b opcode %x status %x\n", seen.eip - (uint32_t)at_divide == 3,
        env.ip == (uint32_t)at_divide, env.code >> 16 & 0x7ff, env.status & 0xffff);
    __asm__ volatile("fldenv %0" : : "m"(env)); /* FNSTENV has masked all */
    attempt("another instruction", load_again);
    attempt("those that do not wait", no_wait);
    set_ne(0);
    attempt("with NE clear", divide);
    __asm__ volatile("fnclex");
    say("end\n");
}
