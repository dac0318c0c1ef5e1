/* SPDX-License-Identifier: MIT */
/* MONITOR and MWAIT: Intel SDM, volume 2. An interrupt of the local APIC's timer wakes the CPU. */
#include "tests/guests/x86/guest.h"

#define APIC ((volatile uint32_t *)0xfee00000)
#define VECTOR 0x40

static volatile uint32_t word;

static void monitor(uint32_t ecx)
{
    __asm__ volatile("monitor" : : "a"(&word), "c"(ecx), "d"(0) : "memory");
}

static void mwait(uint32_t ecx)
{
    __asm__ volatile("mwait" : : "a"(0), "c"(ecx) : "memory");
}

static void start_timer(void)
{
    APIC[0x3e0 / 4] = 0xb;
    APIC[0x320 / 4] = VECTOR;
    APIC[0x380 / 4] = 20000000;
}

static void not_armed(void)
{
    mwait(0);
}

static void changed(void)
{
    monitor(0);
    word++;
    mwait(0);
}

/* It may wake up before, as the manual has it; so it waits until the interrupt ends all. */
static void until_interrupt(void)
{
    start_timer();
    __asm__ volatile("sti");
    for (;;) {
        monitor(0);
        mwait(0);
    }
}

static void masked_interrupt(void)
{
    start_timer();
    monitor(0);
    mwait(1);
    __asm__ volatile("sti; nop; nop"); /* perhaps it comes now, or soon */
    for (;;) {
    }
}

static void bad_monitor(void)
{
    monitor(1);
}

static void bad_mwait(void)
{
    mwait(2);
}

static void user_monitor(void)
{
    __asm__ volatile("monitor");
}

static void user_mwait(void)
{
    __asm__ volatile("mwait");
}

void guest_main(void)
{
    guest_init();
    APIC[0xf0 / 4] = 0x1ff;
    attempt("MWAIT without MONITOR", not_armed);
    attempt("MWAIT when the word has changed", changed);
    attempt("MWAIT until an interrupt comes", until_interrupt);
    APIC[0xb0 / 4] = 0;
    attempt("MWAIT until one that is masked comes", masked_interrupt);
    APIC[0xb0 / 4] = 0;
    attempt("MONITOR with ECX", bad_monitor);
    attempt("MWAIT with ECX", bad_mwait);
    attempt_user("MONITOR by user code", user_monitor);
    attempt_user("MWAIT by user code", user_mwait);
    say("end\n");
}
