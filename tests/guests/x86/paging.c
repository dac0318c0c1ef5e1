/* SPDX-License-Identifier: MIT */
/*
 * Turns paging on in one of its forms, with pages of all sizes and rights, and waits. MODE is 1:
 * 32-bit with large pages, 2: PAE, 3: 4 levels, in compatibility mode. The first 4 MiB are mapped
 * one to one.
 */
#include "tests/guests/x86/guest.h"

enum {
    PRESENT = 1,
    WRITE = 2,
    USER = 4,
    LARGE = 0x80,
    GLOBAL = 0x100
};
#define NX (UINT64_C(1) << 63)

static uint64_t table[6][512] __attribute__((aligned(4096)));

static uint64_t to(const void *t)
{
    return (uint32_t)t | PRESENT | WRITE | USER;
}

static void turn_on(uint32_t cr4, int is_long)
{
    uint32_t v;
    __asm__ volatile("movl %0, %%cr4" : : "r"(cr4));
    __asm__ volatile("movl %0, %%cr3" : : "r"(table[0]));
    __asm__ volatile("rdmsr; orl %0, %%eax; wrmsr"
                     :
                     : "r"(is_long ? 0x900 : 0), "c"(0xc0000080)
                     : "eax", "edx");
    __asm__ volatile("movl %%cr0, %0; orl $0x80010000, %0; movl %0, %%cr0" : "=&r"(v));
}

#if MODE == 1
static void fill(void)
{
    uint32_t *top = (uint32_t *)table[0], *pages = (uint32_t *)table[1];
    top[0] = LARGE | WRITE | PRESENT;
    top[1] = (uint32_t)to(pages);
    for (unsigned n = 0; n < 8; n++) {
        pages[n] = 0x200000 + n * 4096 + (n & 7);
    }
    top[0x3ff] = LARGE | USER | GLOBAL | PRESENT;
    turn_on(0x90, 0);
}
#else
static void fill(void)
{
    uint64_t *pointers = MODE == 3 ? table[1] : table[0];
    table[0][0] = to(table[1]);
    pointers[0] = MODE == 3 ? to(table[2]) : (uint32_t)table[2] | PRESENT;
    table[2][0] = LARGE | WRITE | PRESENT;
    table[2][1] = 0x200000 | LARGE | WRITE | PRESENT;
    table[2][2] = to(table[3]);
    table[2][3] = (uint32_t)table[3] | PRESENT | USER;
    for (unsigned n = 0; n < 16; n++) {
        table[3][n] = 0x200000 + n * 4096 + (n & 7);
    }
    pointers[3] = MODE == 3 ? to(table[4]) : (uint32_t)table[4] | PRESENT;
    table[4][511] = LARGE | USER | GLOBAL | PRESENT;
#if MODE == 3
    table[3][15] |= NX;
    table[0][511] = to(table[5]);
    table[5][511] = LARGE | WRITE | PRESENT;
#endif
    turn_on(0xa0, MODE == 3);
}
#endif

void guest_main(void)
{
    guest_init();
    fill();
    say("ready\n");
    for (;;) {
        __asm__ volatile("hlt");
    }
}
