/* SPDX-License-Identifier: MIT */
/* The port by which guests of VMware ask their hypervisor, with each command, also such that the
 * instruction is one of many in its block, in a shadow, and stepped over. */
#include "tests/guests/x86/guest.h"

enum {
    PORT = 0x5658,
    MAGIC = 0x564d5868,
    FIRST_OF_MOUSE = 0x26,
    LAST_OF_MOUSE = 0x29
};

struct answer {
    uint32_t a, b, c, d;
};

static struct answer ask(uint32_t magic, uint32_t command)
{
    struct answer r = {magic, 0x11111111, command, 0x33330000 | PORT};
    __asm__ volatile("inl %%dx, %%eax" : "+a"(r.a), "+b"(r.b), "+c"(r.c), "+d"(r.d));
    return r;
}

static struct answer ask_in_shadow(uint32_t command)
{
    struct answer r = {MAGIC, 0x11111111, command, PORT};
    __asm__ volatile("sti; inl %%dx, %%eax; cli" : "+a"(r.a), "+b"(r.b), "+c"(r.c), "+d"(r.d));
    return r;
}

static void tell(const char *what, struct answer r)
{
    say("%s: %x %x", what, r.a, r.b);
    say(" %x %x\n", r.c, r.d);
}

/* With TF: the step is over when the instruction is. */
static struct answer stepped;
static void step(void)
{
    stepped = (struct answer){MAGIC, 0, 0x0a, PORT};
    __asm__ volatile("pushfl; orl $0x100, (%%esp); popfl; inl %%dx, %%eax"
                     : "+a"(stepped.a), "+b"(stepped.b), "+c"(stepped.c), "+d"(stepped.d));
}

void guest_main(void)
{
    guest_init();
    for (uint32_t c = 0; c < 0x80; c++) {
        const int is_mouse = c >= FIRST_OF_MOUSE && c <= LAST_OF_MOUSE;
        const struct answer r = ask(MAGIC, is_mouse ? 0 : c);
        if (r.a != 0xffffffff) {
            say("command %x", c);
            tell("", r);
        }
    }
    tell("the upper half of ECX is for the command", ask(MAGIC, 0x1000a));
    tell("a command that is none", ask(MAGIC, 1));
    tell("without the number", ask(0, 0x0a));
    tell("in a shadow", ask_in_shadow(0x0a));
    attempt("a step", step);
    say(" eax %x ebx %x\n", seen_regs.eax, seen_regs.ebx);

    struct answer r = {MAGIC, 0, 0x0a, PORT};
    __asm__ volatile("inb %%dx, %%al" : "+a"(r.a), "+b"(r.b), "+c"(r.c), "+d"(r.d));
    tell("a byte", r);
    r = (struct answer){MAGIC, 0, 0x14, PORT};
    __asm__ volatile("inw %%dx, %%ax" : "+a"(r.a), "+b"(r.b), "+c"(r.c), "+d"(r.d));
    tell("a word", r);
    r = (struct answer){MAGIC, 0, 0x0a, PORT};
    __asm__ volatile("outl %%eax, %%dx" : "+a"(r.a), "+b"(r.b), "+c"(r.c), "+d"(r.d));
    tell("output", r);
    say("end\n");
}
