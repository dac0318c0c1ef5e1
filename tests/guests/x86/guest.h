/* SPDX-License-Identifier: MIT */
/*
 * What the bare-metal guests of PCs have: a serial console at COM1, descriptor tables, and
 * functions that try something and say which exception it made. Such a guest prints the same on
 * every emulator that follows the manual.
 */
#ifndef TESTS_GUESTS_X86_GUEST_H
#define TESTS_GUESTS_X86_GUEST_H

#include <stdint.h>

typedef void (*guest_fn)(void);

/* start.S */
struct guest_seen {
    uint32_t vector, error, eip, cs, eflags, esp, ss, es, ds, fs, gs;
};
struct guest_regs {
    uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
};
extern struct guest_seen seen;
extern struct guest_regs seen_regs;
extern uint32_t seen_esp, seen_ss, user_flags, recover, tss_esp0;
extern uint64_t gdt[64];
extern uint8_t tss[104], vectors[], user_stack_top[];
int guest_try(guest_fn f);
void guest_user(guest_fn f);
void guest_main(void);

enum {
    KERNEL_CODE = 0x08,
    KERNEL_DATA = 0x10,
    USER_CODE = 0x1b,
    USER_DATA = 0x23,
    TSS = 0x28,
    FREE = 0x30 /* the first selector that tests may have */
};

static inline void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

/* Formats: %s, %x (32 bits), %b (0 or 1). */
void say(const char *format, ...);
/* Base, limit in bytes (more than 1 MiB: in pages) and attributes, bits 40 to 55 of the descriptor.
 */
uint64_t segment(uint32_t base, uint32_t limit, uint32_t attr);
uint64_t gate(uint16_t selector, uint32_t offset, uint32_t attr, uint32_t count);
void set_gdt(uint16_t selector, uint64_t descriptor);
void set_idt(unsigned vector, uint64_t descriptor);
void set_idt_limit(uint16_t limit);
/* All vectors by interrupt gates of level 0 to start.S; number 0x80 of level 3. The TSS is loaded.
 */
void guest_init(void);
/* A line: what came of f. */
void attempt(const char *what, guest_fn f);
void attempt_user(const char *what, guest_fn f);

#endif
