/* SPDX-License-Identifier: MIT */
/* The guest that prints registers: what it entered with, devices, system registers. */
#include "tests/system/registers/print.h"

#define UART 0x09000000ull

extern const u64 entry_registers[10];
_Noreturn void registers_main(void);

void print(const char *text)
{
    for (; *text; text++) {
        *(volatile u8 *)UART = (u8)*text;
    }
}

void print_hex(u64 v)
{
    char text[17];
    char *p = text + 16;
    *p = 0;
    do {
        *--p = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v);
    print(p);
}

u64 peek_call(const void *code, u64 a); /* start.S */
u64 peek_el0(const void *code);
extern volatile u64 peek_failed;

struct outcome peek(const void *code, u64 a)
{
    const u64 v = peek_call(code, a);
    return (struct outcome){v, peek_failed != 0};
}

struct outcome peek_user(const void *code)
{
    const u64 v = peek_el0(code);
    return (struct outcome){v, peek_failed != 0};
}

void print_outcome(struct outcome o)
{
    print(o.trapped ? "trap " : "");
    print_hex(o.value);
    print("\n");
}

void print_line(const char *name, u64 v)
{
    print(name);
    print(" ");
    print_hex(v);
    print("\n");
}

static void print_entry(void)
{
    static const char *const names[] = {
        "entry.x0", "entry.x1",     "entry.x2",     "entry.x3",       "entry.x4",
        "entry.x5", "entry.pstate", "entry.sp_el0", "entry.vbar_el1", "entry.cpacr_el1"};
    for (unsigned i = 1; i < 10; i++) { /* x0 is where the device tree is */
        if (i != 4) {                   /* x4 is the kernel's entry */
            print_line(names[i], entry_registers[i]);
        }
    }
}

_Noreturn void registers_main(void)
{
    print_entry();
    print_devices();
    print_system_registers();
    print("end\n");
    register u64 call __asm__("x0") = 0x84000008; /* PSCI SYSTEM_OFF */
    for (;;) {
        __asm__ volatile("hvc #0" : "+r"(call) : : "memory");
    }
}
