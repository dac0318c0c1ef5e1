/* SPDX-License-Identifier: MIT */
/* The library of the bare-metal test guests (guest.h): tests, the console, exceptions. */
#include "tests/system/aarch64/lib/guest.h"

extern const struct test tests_start[], tests_end[];

/* ---- console: PL011 (ARM DDI 0183) */

static void put(char c)
{
    enum {
        DR = 0x00,
        FR = 0x18,
        FR_TXFF = 1 << 5
    };
    while (read32(UART + FR) & FR_TXFF) {
    }
    write32(UART + DR, (u8)c);
}

void print(const char *text)
{
    for (; *text; text++) {
        put(*text);
    }
}

void print_hex(u64 v)
{
    print("0x");
    for (int shift = v > UINT32_MAX ? 60 : 28; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[v >> shift & 15]);
    }
}

static void print_number(int n)
{
    if (n >= 10) {
        print_number(n / 10);
    }
    put((char)('0' + n % 10));
}

/* Semihosting, release 3.0: SYS_EXIT with ADP_Stopped_ApplicationExit and a status. */
void guest_exit(int status)
{
    static u64 block[2];
    block[0] = 0x20026;
    block[1] = (u64)status;
    register u64 operation __asm__("x0") = 0x18;
    register u64 *argument __asm__("x1") = block;
    __asm__ volatile("hlt #0xf000" : : "r"(operation), "r"(argument) : "memory");
    for (;;) {
        ASM("wfi");
    }
}

/* ---- tests. A failure may come from any CPU; the first is kept. */

static struct {
    const char *file, *text, *skipped;
    int line, failures;
    bool values;
    u64 a, b;
} now;

static void failed(const char *file, int line, const char *text)
{
    if (__atomic_fetch_add(&now.failures, 1, __ATOMIC_SEQ_CST) == 0) {
        now.file = file;
        now.line = line;
        now.text = text;
    }
}

void test_fail(const char *file, int line, const char *text)
{
    failed(file, line, text);
}

void test_equal(const char *file, int line, const char *text, u64 a, u64 b)
{
    if (a != b) {
        if (!now.failures) {
            now.values = true;
            now.a = a;
            now.b = b;
        }
        failed(file, line, text);
    }
}

void test_skip(const char *why)
{
    now.skipped = why;
}

static void report(const char *name)
{
    print(now.failures ? "not ok " : now.skipped ? "skip " : "ok ");
    print(name);
    if (now.failures) {
        print(": ");
        print(now.file);
        print(":");
        print_number(now.line);
        print(": ");
        print(now.text);
        if (now.values) {
            print(" is ");
            print_hex(now.a);
            print(", not ");
            print_hex(now.b);
        }
    } else if (now.skipped) {
        print(": ");
        print(now.skipped);
    }
    print("\n");
}

static int run_tests(void)
{
    int failures = 0;
    for (const struct test *t = tests_start; t < tests_end; t++) {
        now.failures = 0;
        now.skipped = NULL;
        now.values = false;
        print("# ");
        print(t->name);
        print("\n");
        memory_reset();
        t->run();
        report(t->name);
        failures += now.failures;
    }
    return failures ? 1 : 0;
}

/* ---- exceptions */

static void (*irq_handler)(void);
static bool (*sync_handler)(struct frame *f);

void on_irq(void (*handler)(void))
{
    irq_handler = handler;
}

void on_sync(bool (*handler)(struct frame *f))
{
    sync_handler = handler;
}

/* Nobody asked for it: the test, and with it the guest, is over. */
static _Noreturn void unexpected(const struct frame *f)
{
    print("not ok unexpected_exception: vector ");
    print_hex(f->vector);
    print(" esr ");
    print_hex(f->esr);
    print(" far ");
    print_hex(f->far);
    print(" elr ");
    print_hex(f->elr);
    print(" spsr ");
    print_hex(f->spsr);
    print(" lr ");
    print_hex(f->x[30]);
    print("\n");
    guest_exit(1);
}

/* Called by start.S; not 0: the stack pointer of the try that the exception ends. */
u64 exception(struct frame *f);
u64 exception(struct frame *f)
{
    struct cpu *c = this_cpu();
    if (f->vector % 4 == IRQ && irq_handler) {
        irq_handler();
        return 0;
    }
    if (f->vector % 4 == SYNC && sync_handler && sync_handler(f)) {
        return 0;
    }
    if (f->vector % 4 != SYNC || !c->recovery) {
        unexpected(f);
    }
    c->caught = *f;
    return c->recovery;
}

const struct frame *caught(void)
{
    return &this_cpu()->caught;
}

u64 try_result(void)
{
    return this_cpu()->result;
}

void try_el0(const void *function, u64 a, u64 b)
{
    USER static u8 stack[4096] __attribute__((aligned(16)));
    try_state(EL0 | PSTATE_DAIF, function, a, b, 0, (u64)(stack + sizeof(stack)));
}

/* ---- start */

void cpu_loop(void);
void guest_start(u64 number);
void guest_start(u64 number)
{
    this_cpu()->number = number;
    mmu_on();
    if (number != 0) {
        cpu_loop();
    }
    guest_exit(run_tests());
}
