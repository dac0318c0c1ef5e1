/* SPDX-License-Identifier: MIT */
/* Debug registers and single steps: Intel SDM, volume 3, chapter 17, and 6.8.3. */
#include "tests/guests/x86/guest.h"

#define DR6_NONE 0xffff0ff0u
#define LOCAL(n) (1u << 2 * (n))
#define ON_CODE(n) 0u
#define ON_WRITE(n) (1u << (16 + 4 * (n)))
#define ON_PORT(n) (2u << (16 + 4 * (n)))
#define ON_ACCESS(n) (3u << (16 + 4 * (n)))
#define LENGTH(n, code) ((uint32_t)(code) << (18 + 4 * (n)))
#define BYTES_2 1
#define BYTES_4 3
#define F_TF 0x100u
#define F_RF 0x10000u

uint32_t word[8];

static void set_dr(unsigned n, uint32_t v)
{
    switch (n) {
    case 0:
        __asm__ volatile("movl %0, %%dr0" : : "r"(v));
        break;
    case 1:
        __asm__ volatile("movl %0, %%dr1" : : "r"(v));
        break;
    case 2:
        __asm__ volatile("movl %0, %%dr2" : : "r"(v));
        break;
    case 3:
        __asm__ volatile("movl %0, %%dr3" : : "r"(v));
        break;
    case 6:
        __asm__ volatile("movl %0, %%dr6" : : "r"(v));
        break;
    default:
        __asm__ volatile("movl %0, %%dr7" : : "r"(v));
        break;
    }
}

static uint32_t dr6(void)
{
    uint32_t v;
    __asm__ volatile("movl %%dr6, %0" : "=r"(v));
    return v;
}

static void set_de(int on)
{
    uint32_t v;
    __asm__ volatile("movl %%cr4, %0" : "=r"(v));
    __asm__ volatile("movl %0, %%cr4" : : "r"(on ? v | 8 : v & ~8u));
}

/* Places in the code of what is tried. */
extern const uint8_t at_a[], at_b[], at_c[], at_d[], at_e[], at_f[], at_g[], at_h[], at_i[], at_j[],
    at_k[];

static const uint8_t *first;
static int raised;

static void tried(const char *what, uint32_t dr7, guest_fn f)
{
    set_dr(6, DR6_NONE);
    set_dr(7, dr7);
    raised = guest_try(f);
    const uint32_t status = dr6();
    uint32_t now;
    __asm__ volatile("movl %%dr7, %0" : "=r"(now));
    set_dr(7, 0x400);
    if (raised) {
        say("%s: vector %x at +%x, dr6 %x rf %b tf %b, dr7 %b\n", what, seen.vector,
            seen.eip - (uint32_t)first, status, seen.eflags & F_RF, seen.eflags & F_TF,
            now == (dr7 | 0x400));
    } else {
        say("%s: nothing, dr6 %x\n", what, status);
    }
}

/* ---- code */

static void some_code(void)
{
    __asm__ volatile("at_a: nop\n"
                     "at_b: nop\n"
                     "nop\n");
}

/* The frame of IRET with RF: the breakpoint at its goal is passed once. */
static void with_rf(void)
{
    __asm__ volatile("pushfl\n"
                     "orl $0x10000, (%%esp)\n"
                     "pushl $8\n"
                     "pushl $at_c\n"
                     "iretl\n"
                     "at_c: nop\n"
                     "at_d: nop\n"
                     "jmp at_c\n"
                     :
                     :
                     : "memory");
}

static void code_breakpoints(void)
{
    first = at_a;
    set_dr(0, (uint32_t)at_b);
    tried("a breakpoint of code", LOCAL(0) | ON_CODE(0), some_code);
    tried("one that is off", 0x400, some_code);
    tried("one that is global", 2, some_code);
    set_dr(1, (uint32_t)at_b);
    tried("two at one place", LOCAL(0) | LOCAL(1), some_code);
    set_dr(1, (uint32_t)at_a);
    tried("the first of two", LOCAL(0) | LOCAL(1), some_code);
    first = at_c;
    set_dr(0, (uint32_t)at_c);
    tried("behind an IRET with RF, the second time", LOCAL(0), with_rf);
}

/* ---- data */

static void store_word(void)
{
    __asm__ volatile("at_e: movl $5, word + 4\n"
                     "nop\n"
                     "nop\n"
                     :
                     :
                     : "memory");
}

static void load_word(void)
{
    __asm__ volatile("at_f: movl word + 4, %%eax\n"
                     "nop\n"
                     "nop\n"
                     :
                     :
                     : "eax", "memory");
}

static void two_words(void)
{
    __asm__ volatile("at_g: incl word\n"
                     "incl word + 4\n"
                     "nop\n"
                     :
                     :
                     : "memory");
}

/* A store that crosses into the watched byte. */
static void across(void)
{
    __asm__ volatile("at_h: movl $6, word + 1\n"
                     "nop\n"
                     :
                     :
                     : "memory");
}

static void load_ss(void)
{
    __asm__ volatile("at_i: movw word + 4, %%ss\n"
                     "nop\n"
                     "nop\n"
                     :
                     :
                     : "memory");
}

static void data_breakpoints(void)
{
    const uint32_t four = LENGTH(0, BYTES_4);
    first = at_e;
    set_dr(0, (uint32_t)(word + 1));
    tried("a store", LOCAL(0) | ON_WRITE(0) | four, store_word);
    say(" the word is %x\n", word[1]);
    first = at_f;
    tried("a load, of one of stores", LOCAL(0) | ON_WRITE(0) | four, load_word);
    tried("a load", LOCAL(0) | ON_ACCESS(0) | four, load_word);
    first = at_g;
    set_dr(0, (uint32_t)(word + 1) + 2);
    tried("a byte of a word", LOCAL(0) | ON_ACCESS(0), two_words);
    set_dr(0, (uint32_t)(word + 1));
    set_dr(2, (uint32_t)(word + 1));
    tried("two for one store", LOCAL(0) | ON_WRITE(0) | LOCAL(2) | ON_WRITE(2) | LENGTH(2, BYTES_2),
          two_words);
    first = at_h;
    set_dr(0, (uint32_t)word + 4);
    tried("a store that begins before", LOCAL(0) | ON_WRITE(0), across);
    first = at_i;
    word[1] = KERNEL_DATA;
    set_dr(0, (uint32_t)(word + 1));
    tried("a load of SS", LOCAL(0) | ON_ACCESS(0) | four, load_ss);
}

/* ---- ports */

static void read_port(void)
{
    __asm__ volatile("at_j: inb $0x80, %%al\n"
                     "nop\n"
                     :
                     :
                     : "eax");
}

static void ports(void)
{
    first = at_j;
    set_dr(0, 0x80);
    set_de(1);
    tried("a port", LOCAL(0) | ON_PORT(0), read_port);
    set_dr(0, 0x81);
    tried("another port", LOCAL(0) | ON_PORT(0), read_port);
    set_de(0);
}

/* ---- single steps */

static void step(void)
{
    __asm__ volatile("pushfl\n"
                     "orl $0x100, (%%esp)\n"
                     "popfl\n"
                     "at_k: nop\n"
                     "nop\n"
                     :
                     :
                     : "memory");
}

static void step_ss(void)
{
    __asm__ volatile("pushfl\n"
                     "orl $0x100, (%%esp)\n"
                     "movl $0x10, %%eax\n"
                     "popfl\n"
                     "movw %%ax, %%ss\n"
                     "nop\n"
                     "nop\n"
                     :
                     :
                     : "eax", "memory");
}

extern const uint8_t at_l[], at_m[];

static void step_off(void)
{
    __asm__ volatile("pushfl\n"
                     "pushfl\n"
                     "orl $0x100, (%%esp)\n"
                     "popfl\n"
                     "at_l: popfl\n" /* TF is cleared: the step comes even so */
                     "nop\n"
                     :
                     :
                     : "memory");
}

static void step_int(void)
{
    __asm__ volatile("pushfl\n"
                     "orl $0x100, (%%esp)\n"
                     "popfl\n"
                     "at_m: int $0x40\n"
                     :
                     :
                     : "memory");
}

static void step_watched(void)
{
    __asm__ volatile("pushfl\n"
                     "orl $0x100, (%%esp)\n"
                     "popfl\n"
                     "movl $5, word + 4\n"
                     "nop\n"
                     :
                     :
                     : "memory");
}

extern const uint8_t at_n[], at_o[];

static void step_rep(void)
{
    __asm__ volatile("movl $word, %%esi\n"
                     "movl $word + 16, %%edi\n"
                     "movl $3, %%ecx\n"
                     "pushfl\n"
                     "orl $0x100, (%%esp)\n"
                     "popfl\n"
                     "at_n: rep movsb\n"
                     "nop\n"
                     :
                     :
                     : "esi", "edi", "ecx", "memory");
}

static void rep_watched(void)
{
    __asm__ volatile("movl $word, %%esi\n"
                     "movl $word + 16, %%edi\n"
                     "movl $8, %%ecx\n"
                     "at_o: rep movsb\n"
                     "nop\n"
                     :
                     :
                     : "esi", "edi", "ecx", "memory");
}

static void icebp(void)
{
    __asm__ volatile(".byte 0xf1");
}

static void steps(void)
{
    first = at_k;
    tried("a step", 0x400, step);
    tried("behind a load of SS", 0x400, step_ss);
    say(" eip behind the NOP %b\n", seen.eip != 0);
    first = at_l;
    tried("POPF that ends it", 0x400, step_off);
    first = at_m;
    tried("INT n", 0x400, step_int);
    set_dr(0, (uint32_t)(word + 1));
    tried("a step and a store", LOCAL(0) | ON_WRITE(0), step_watched);
    first = at_n;
    tried("a step in a repeated instruction", 0x400, step_rep);
    say(" ecx %x\n", seen_regs.ecx);
    first = at_o;
    set_dr(0, (uint32_t)(word + 4) + 2);
    tried("a store of a repeated instruction", LOCAL(0) | ON_WRITE(0), rep_watched);
    say(" ecx %x\n", seen_regs.ecx);
    first = (const uint8_t *)(uint32_t)icebp;
    tried("INT1", 0x400, icebp);
}

/* ---- the registers themselves */

static void read_dr4(void)
{
    __asm__ volatile("movl %%db4, %%eax" : : : "eax");
}

static void read_dr0(void)
{
    __asm__ volatile("movl %%db0, %%eax" : : : "eax");
}

static void registers(void)
{
    uint32_t v;
    set_dr(6, 0);
    say("dr6 of 0: %x\n", dr6());
    set_dr(6, 0xffffffff);
    say("dr6 of all ones: %x\n", dr6() & ~0x10000u);
    set_dr(6, DR6_NONE);
    first = (const uint8_t *)(uint32_t)read_dr4;
    attempt("DR4", read_dr4);
    set_de(1);
    attempt("DR4 with DE", read_dr4);
    set_de(0);
    first = (const uint8_t *)(uint32_t)read_dr0;
    tried("a look with GD", 0x2000, read_dr0);
    set_dr(7, 0);
    __asm__ volatile("movl %%dr7, %0" : "=r"(v));
    say("dr7 of 0: %x\n", v);
}

void guest_main(void)
{
    guest_init();
    set_idt(0x40, gate(KERNEL_CODE, (uint32_t)vectors + 16 * 0x40, 0x8e, 0));
    code_breakpoints();
    data_breakpoints();
    ports();
    steps();
    registers();
    say("end\n");
}
