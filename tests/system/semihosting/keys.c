/* SPDX-License-Identifier: MIT */
/*
 * Input by semihosting's console: SYS_READC for each key, while the timer's interrupt comes again
 * and again. "s" opens a file of the host and keeps it, "c" closes it; "w" waits for a command of
 * the host that takes long, "u" makes calls as a user program does, "e" ends with the status 9 by
 * SYS_EXIT_EXTENDED, "x" by another reason than an application's end. What is seen goes to the
 * UART.
 */
#include "tests/system/aarch64/lib/gic.h"
#include "tests/system/aarch64/lib/guest.h"

static volatile u64 ticks;

static u64 call(u64 operation, const volatile void *argument)
{
    register u64 x0 __asm__("x0") = operation;
    register const volatile void *x1 __asm__("x1") = argument;
    __asm__ volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
    return x0;
}

static void set_timer(void)
{
    WRITE(cntv_tval_el0, counter_frequency() / 100);
    isb();
}

static void tick(void)
{
    const unsigned id = gic_acknowledge();
    if (++ticks == 3) {
        print("third tick\n");
    }
    set_timer();
    gic_end(id);
}

static void line(const char *text, u64 value)
{
    print(text);
    print(" ");
    print_hex(value);
    print("\n");
}

static u64 file;

static void open_file(void)
{
    volatile u64 block[3] = {(u64) "kept", 6, 4};
    file = call(1, block);
    line("opened", file != UINT64_MAX);
}

static void close_file(void)
{
    volatile u64 block[1] = {file};
    line("closed", call(2, block));
}

static void wait_long(void)
{
    volatile u64 block[2] = {(u64) "sleep 1000", 10};
    print("waits\n");
    line("waited", call(0x12, block));
}

/* SYS_TICKFREQ at EL0; undefined there unless userspace=on. */
static void as_user(void)
{
    __asm__ volatile("mov x0, #0x31\n\thlt #0xf000\n\tsvc #0" : : : "x0", "memory");
}

static void end(u64 operation, u64 reason)
{
    volatile u64 block[2] = {reason, 9};
    call(operation, block);
}

static void obey(u64 key)
{
    switch (key) {
    case 's':
        open_file();
        break;
    case 'c':
        close_file();
        break;
    case 'w':
        wait_long();
        break;
    case 'u':
        try_el0(as_user, 0, 0);
        line("user", EC(caught()->esr) == EC_SVC ? caught()->x[0] : 0);
        break;
    case 'e':
        end(0x20, 0x20026);
        break;
    case 'x':
        end(0x18, 0x20023);
        break;
    }
}

TEST(keys)
{
    gic_start();
    gic_enable(PPI_TIMER_V);
    on_irq(tick);
    set_timer();
    WRITE(cntv_ctl_el0, 1);
    print("ready\n");
    for (;;) {
        irq_open();
        const u64 key = call(7, 0);
        irq_close();
        line("key", key);
        obey(key);
    }
}
