/* SPDX-License-Identifier: MIT */
/*
 * Addresses of 32 bits that wrap around: pages lie at both ends of the 4 GiB, and accesses with a
 * base and a displacement get from one end to the other, alone and several of one base. An access
 * may lie on both ends; a CPU may refuse that (Intel SDM, volume 3, 5.3), and ours do not.
 */
#include "tests/guests/x86/guest.h"

#define TOP 0x800000u /* where the last 4 MiB are: the same bytes are seen there */
#define LAST ((volatile uint8_t *)(TOP + 0x3fffe0)) /* the last 32 bytes */
#define FIRST ((volatile uint8_t *)0)

static uint32_t directory[1024] __attribute__((aligned(4096)));

static void with_paging(void)
{
    uint32_t v;
    for (uint32_t k = 0; k < 1024; k++) {
        directory[k] = k << 22 | 0x83; /* pages of 4 MiB */
    }
    directory[1023] = TOP | 0x83;
    __asm__ volatile("movl %%cr4, %0" : "=r"(v));
    __asm__ volatile("movl %0, %%cr4" : : "r"(v | 0x10));
    __asm__ volatile("movl %0, %%cr3" : : "r"(directory) : "memory");
    __asm__ volatile("movl %%cr0, %0" : "=r"(v));
    __asm__ volatile("movl %0, %%cr0" : : "r"(v | 0x80000000) : "memory");
}

static void fill(void)
{
    for (unsigned k = 0; k < 32; k++) {
        LAST[k] = (uint8_t)(0xa0 + k);
        FIRST[k] = (uint8_t)(0x10 + k);
        FIRST[32 + k] = (uint8_t)(0x30 + k);
    }
}

static void say_bytes(const char *what)
{
    uint32_t sum = 0;
    for (unsigned k = 0; k < 32; k++) {
        sum = (sum << 5 | sum >> 27) + LAST[k];
        sum = (sum << 7 | sum >> 25) ^ FIRST[k];
    }
    say("%s: bytes %x\n", what, sum);
}

/* One access of each kind, on either side of the base. */
static void alone(uint32_t base)
{
    uint32_t a, b, c, d;
    __asm__ volatile("movl -0x10(%4), %0\n"
                     "jmp 1f\n"
                     "1: movzbl 0x10(%4), %1\n"
                     "jmp 1f\n"
                     "1: movswl -0x12(%4), %2\n"
                     "jmp 1f\n"
                     "1: movl 0xe(%4), %3\n"
                     : "=&r"(a), "=&r"(b), "=&r"(c), "=&r"(d)
                     : "r"(base)
                     : "memory");
    say("base %x: %x %x %x %x\n", base, a, b, c, d);
}

/* Several of one base, with stores among them; the pointer is loaded and moved in the block. */
static void together(uint32_t base)
{
    uint32_t a, b, c, d;
    volatile uint32_t pointer = base - 4;
    fill();
    __asm__ volatile("movl %4, %%edi\n"
                     "addl $4, %%edi\n"
                     "movl -0x10(%%edi), %0\n"
                     "movl -4(%%edi), %1\n"
                     "movl %0, 4(%%edi)\n"
                     "movb %b1, -0x14(%%edi)\n"
                     "movl (%%edi), %2\n"
                     "movw %w2, 0xa(%%edi)\n"
                     "movl 8(%%edi), %3\n"
                     "addl $0x1010101, -8(%%edi)\n"
                     "subl $0x10, %%edi\n"
                     "movl %3, 0x12(%%edi)\n"
                     : "=&a"(a), "=&b"(b), "=&c"(c), "=&d"(d)
                     : "m"(pointer)
                     : "memory", "edi");
    say("base %x: %x %x %x %x, ", base, a, b, c, d);
    say_bytes("together");
}

/* A stack that grows from the first bytes down to the last ones, and is used up again. */
static void stack(uint32_t top)
{
    uint32_t a, b;
    fill();
    __asm__ volatile("movl %%esp, %%esi\n"
                     "movl %2, %%esp\n"
                     "pushl $0x11111111\n"
                     "pushl $0x22222222\n"
                     "pushl $0x33333333\n"
                     "pushl $0x44444444\n"
                     "movl 8(%%esp), %0\n"
                     "popl %1\n"
                     "addl %1, 4(%%esp)\n"
                     "popl %1\n"
                     "call 1f\n"
                     "1: popl %%edi\n"
                     "popl %%edi\n"
                     "addl %%edi, %0\n"
                     "movl %%esi, %%esp\n"
                     : "=&a"(a), "=&b"(b)
                     : "c"(top)
                     : "memory", "esi", "edi");
    for (unsigned k = 0; k < 4; k++) { /* the return address is the guest's own */
        LAST[32 - 16 + k] = 0;
    }
    say("top %x: %x %x\n", top, a, b);
}

void guest_main(void)
{
    static const uint32_t bases[] = {0x10,       0xc,        0xe,        0xf, 0x11,
                                     0xfffffff0, 0xfffffff2, 0xffffffec, 0,   0xfffffffe};
    guest_init();
    with_paging();
    for (unsigned round = 0; round < 2; round++) { /* with empty tables, and with filled ones */
        for (unsigned k = 0; k < sizeof(bases) / sizeof(bases[0]); k++) {
            fill();
            alone(bases[k]);
            together(bases[k]);
        }
        stack(8);
        stack(0xc);
        stack(6);
    }
    say("end\n");
}
