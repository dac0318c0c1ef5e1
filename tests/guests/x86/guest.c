/* SPDX-License-Identifier: MIT */
/* See guest.h. */
#include "tests/guests/x86/guest.h"

#include <stdarg.h>

#define COM1 0x3f8

static uint64_t idt[256];

static void put(char c)
{
    while (!(inb(COM1 + 5) & 0x20)) {
    }
    outb(COM1, (uint8_t)c);
}

static void put_hex(uint32_t v)
{
    int started = 0;
    for (int k = 28; k >= 0; k -= 4) {
        const unsigned digit = v >> k & 15;
        started |= digit || k == 0;
        if (started) {
            put("0123456789abcdef"[digit]);
        }
    }
}

void say(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            put(*p);
            continue;
        }
        p++;
        if (*p == 's') {
            for (const char *s = va_arg(ap, const char *); *s; s++) {
                put(*s);
            }
        } else {
            const uint32_t v = va_arg(ap, uint32_t);
            put_hex(*p == 'b' ? v != 0 : v);
        }
    }
    va_end(ap);
}

uint64_t segment(uint32_t base, uint32_t limit, uint32_t attr)
{
    const uint64_t pages = limit > 0xfffff, l = pages ? limit >> 12 : limit;
    return (l & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)attr << 40 |
           (l >> 16 & 15) << 48 | pages << 55 | (uint64_t)(base >> 24) << 56;
}

uint64_t gate(uint16_t selector, uint32_t offset, uint32_t attr, uint32_t count)
{
    return (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)count << 32 |
           (uint64_t)attr << 40 | (uint64_t)(offset >> 16) << 48;
}

void set_gdt(uint16_t selector, uint64_t descriptor)
{
    gdt[selector >> 3] = descriptor;
}

void set_idt(unsigned vector, uint64_t descriptor)
{
    idt[vector] = descriptor;
}

void set_idt_limit(uint16_t limit)
{
    const struct __attribute__((packed)) {
        uint16_t limit;
        uint32_t base;
    } r = {limit, (uint32_t)idt};
    __asm__ volatile("lidt %0" : : "m"(r));
}

void guest_init(void)
{
    for (unsigned v = 0; v < 256; v++) {
        set_idt(v, gate(KERNEL_CODE, (uint32_t)vectors + 16 * v, v == 0x80 ? 0xee : 0x8e, 0));
    }
    set_idt_limit(256 * 8 - 1);
    outb(0x21, 0xff); /* no interrupts of the 8259s */
    outb(0xa1, 0xff);
    set_gdt(TSS, segment((uint32_t)tss, 103, 0x89));
    __asm__ volatile("ltr %w0" : : "r"(TSS));
}

static void tell(const char *what, int raised)
{
    if (raised) {
        say("%s: vector %x error %x cs %x\n", what, seen.vector, seen.error, seen.cs & 0xffff);
    } else {
        say("%s: nothing\n", what);
    }
}

void attempt(const char *what, guest_fn f)
{
    tell(what, guest_try(f));
}

static guest_fn user_fn;

static void enter(void)
{
    guest_user(user_fn);
}

void attempt_user(const char *what, guest_fn f)
{
    user_fn = f;
    tell(what, guest_try(enter));
}
